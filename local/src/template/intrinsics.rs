//! Evaluates CloudFormation's intrinsic functions.
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html>
//!
//! A value is resolved when it is read, so that a property without a local meaning may contain anything. In every
//! resulting string the hosts of this stack's APIs are replaced by the local endpoints.
//!
//! Supported are `Ref`, `Fn::GetAtt`, `Fn::Sub`, `Fn::If`, `Fn::Equals`, `Fn::Not`, `Fn::And`, `Fn::Or`, `Fn::Join`,
//! `Fn::Split`, `Fn::FindInMap` and `Condition`. Any other one is an error that names it, where its value is read.

mod references;
mod substitution;

use std::{cell::Cell, collections::BTreeMap};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Map, Value};

use super::{ACCOUNT, Endpoints, REGION, document, document::Document, names, parameters::scalar};

/// The most references that lead to one another; a template that needs more refers to itself.
const DEPTH_MAX: u32 = 50;

/// Evaluates values of one template.
pub(super) struct Resolver<'a> {
    pub(super) document: &'a Document,
    pub(super) parameters: BTreeMap<String, Value>,
    pub(super) endpoints: &'a Endpoints,
    /// `AWS::StackName`, and the first part of generated names.
    pub(super) stack_name: String,
    pub(super) depth: Cell<u32>,
}

impl Resolver<'_> {
    /// The value with every intrinsic evaluated; `None` if it is `AWS::NoValue`.
    pub(super) fn resolve(&self, value: &Value) -> Result<Option<Value>> {
        ensure!(self.depth.get() < DEPTH_MAX, "the references are circular");
        self.depth.set(self.depth.get() + 1);
        let resolved = self.resolve_here(value);
        self.depth.set(self.depth.get() - 1);
        resolved
    }

    fn resolve_here(&self, value: &Value) -> Result<Option<Value>> {
        Ok(Some(match value {
            Value::String(text) => Value::String(self.localised(text)),
            Value::Array(items) => {
                let mut resolved = Vec::with_capacity(items.len());
                for item in items {
                    resolved.extend(self.resolve(item)?);
                }
                Value::Array(resolved)
            }
            Value::Object(fields) if document::is_intrinsic(value) => {
                let Some((name, argument)) = fields.iter().next() else { return Ok(None) };
                return self.call(name, argument);
            }
            Value::Object(fields) => {
                let mut resolved = Map::new();
                for (name, field) in fields {
                    if let Some(field) = self.resolve(field)? {
                        resolved.insert(name.clone(), field);
                    }
                }
                Value::Object(resolved)
            }
            plain => plain.clone(),
        }))
    }

    fn call(&self, name: &str, argument: &Value) -> Result<Option<Value>> {
        Ok(Some(match name {
            "Ref" => return self.reference(argument.as_str().context("Ref takes a name")?),
            "Condition" => Value::Bool(self.condition(argument.as_str().context("Condition takes a name")?)?),
            "Fn::GetAtt" => Value::String(self.get_att(argument)?),
            "Fn::Sub" => Value::String(self.sub(argument)?),
            "Fn::If" => {
                let [condition, then, otherwise] = arguments(name, argument)?;
                let holds = self.condition(condition.as_str().context("Fn::If takes a condition's name")?)?;
                return self.resolve(if holds { then } else { otherwise });
            }
            "Fn::Equals" => {
                let [left, right] = arguments(name, argument)?;
                Value::Bool(self.text(name, left)? == self.text(name, right)?)
            }
            "Fn::Not" => {
                let [value] = arguments(name, argument)?;
                Value::Bool(!self.boolean(name, value)?)
            }
            "Fn::And" | "Fn::Or" => {
                let all = name == "Fn::And";
                let mut holds = all;
                for value in argument.as_array().with_context(|| format!("{name} takes a list"))? {
                    let value = self.boolean(name, value)?;
                    holds = if all { holds && value } else { holds || value };
                }
                Value::Bool(holds)
            }
            "Fn::Join" => {
                let [separator, items] = arguments(name, argument)?;
                let separator = separator.as_str().context("Fn::Join takes a separator")?;
                let items: Vec<String> = self
                    .list(name, items)?
                    .iter()
                    .map(|item| self.text(name, item))
                    .collect::<Result<_>>()?;
                Value::String(self.localised(&items.join(separator)))
            }
            "Fn::Split" => {
                let [separator, text] = arguments(name, argument)?;
                let separator = separator.as_str().context("Fn::Split takes a separator")?;
                Value::from(self.text(name, text)?.split(separator).collect::<Vec<_>>())
            }
            "Fn::FindInMap" => self.find_in_map(argument)?,
            other => bail!("{other} is not supported locally"),
        }))
    }

    /// The value of a logical id, parameter or pseudo parameter.
    fn reference(&self, id: &str) -> Result<Option<Value>> {
        if let Some(value) = self.parameters.get(id) {
            return Ok(Some(value.clone()));
        }
        let text = match id {
            "AWS::NoValue" => return Ok(None),
            "AWS::AccountId" => ACCOUNT.to_owned(),
            "AWS::Region" => REGION.to_owned(),
            "AWS::Partition" => "aws".to_owned(),
            "AWS::URLSuffix" => "amazonaws.com".to_owned(),
            "AWS::StackName" => self.stack_name.clone(),
            "AWS::StackId" => names::arn("cloudformation", &format!("stack/{}/local", self.stack_name)),
            "AWS::NotificationARNs" => return Ok(Some(Value::Array(Vec::new()))),
            id => match self.document.resources.get(id) {
                Some(resource) => self.reference_to(id, resource)?,
                None => self
                    .generated(id)
                    .with_context(|| format!("{id} is neither a parameter nor a resource of the template"))?,
            },
        };
        Ok(Some(Value::String(text)))
    }

    fn get_att(&self, argument: &Value) -> Result<String> {
        let (id, attribute) = match argument {
            Value::String(path) => {
                path.split_once('.').context("Fn::GetAtt takes a resource and an attribute")?
            }
            list => {
                let [id, attribute] = arguments("Fn::GetAtt", list)?;
                let id = id.as_str().context("Fn::GetAtt takes a resource's logical id")?;
                (id, attribute.as_str().context("Fn::GetAtt takes an attribute's name")?)
            }
        };
        self.attribute(id, attribute)
    }

    fn attribute(&self, id: &str, attribute: &str) -> Result<String> {
        if let Some(resource) = self.document.resources.get(id) {
            return self.attribute_of(id, resource, attribute);
        }
        match (self.generated(id), attribute) {
            (Some(role), "Arn") if id.ends_with("Role") => {
                Ok(format!("arn:aws:iam::{ACCOUNT}:role/{}-{role}", self.stack_name))
            }
            (Some(rule), "Arn") => Ok(names::arn("events", &format!("rule/{}-{rule}", self.stack_name))),
            _ => bail!("{id}.{attribute}: {id} is not a resource of the template"),
        }
    }

    fn find_in_map(&self, argument: &Value) -> Result<Value> {
        let [map, first, second] = arguments("Fn::FindInMap", argument)?;
        let path = [map, first, second]
            .into_iter()
            .map(|part| self.text("Fn::FindInMap", part))
            .collect::<Result<Vec<_>>>()?;
        let found = self.document.mappings.get(&path[0]).and_then(|map| map.get(&path[1])?.get(&path[2]));
        found.cloned().with_context(|| format!("Mappings has no {}", path.join(".")))
    }

    /// Whether the condition of this name holds.
    pub(super) fn condition(&self, name: &str) -> Result<bool> {
        let body = self
            .document
            .conditions
            .get(name)
            .with_context(|| format!("the template has no condition {name}"))?;
        self.boolean("Conditions", body).with_context(|| format!("condition {name}"))
    }

    pub(super) fn boolean(&self, function: &str, value: &Value) -> Result<bool> {
        match self.text(function, value)?.as_str() {
            "true" => Ok(true),
            "false" => Ok(false),
            other => bail!("{function}: {other:?} is not a condition"),
        }
    }

    fn text(&self, function: &str, value: &Value) -> Result<String> {
        let resolved = self.resolve(value)?;
        resolved.as_ref().and_then(scalar).with_context(|| format!("{function} takes plain values"))
    }

    fn list(&self, function: &str, value: &Value) -> Result<Vec<Value>> {
        match self.resolve(value)? {
            Some(Value::Array(items)) => Ok(items),
            _ => bail!("{function} takes a list"),
        }
    }
}

/// The arguments of an intrinsic that takes exactly `N`.
fn arguments<'v, const N: usize>(function: &str, value: &'v Value) -> Result<&'v [Value; N]> {
    let list = value.as_array().and_then(|list| list.as_slice().try_into().ok());
    list.with_context(|| format!("{function} takes {N} arguments"))
}

#[cfg(test)]
mod tests;
