//! A resource's properties, read one by one into typed values.
//!
//! Like CloudFormation, this accepts `"10"` for a number and `"true"` for a boolean. Every error names the resource and
//! the property, so that a caller adds nothing.

use std::{str::FromStr, time::Duration};

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value};

use super::{document::Resource, intrinsics::Resolver, parameters::scalar};

/// A mapping of the template, whose values are resolved when they are read.
pub(super) struct Properties<'a> {
    pub(super) resolver: &'a Resolver<'a>,
    /// The place that errors name: a logical id, with a path below it.
    place: String,
    fields: Map<String, Value>,
}

impl<'a> Properties<'a> {
    /// The properties of the resource `id`.
    pub(super) fn of(resolver: &'a Resolver<'a>, id: &str, resource: &Resource) -> Self {
        Self { resolver, place: id.to_owned(), fields: resource.properties.clone() }
    }

    /// The place of this mapping, for errors.
    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// The names of all properties.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.keys().map(String::as_str)
    }

    /// The resolved value of a property; `None` if it is absent.
    pub(super) fn value(&self, name: &str) -> Result<Option<Value>> {
        match self.fields.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => self.resolver.resolve(value).with_context(|| format!("{}: {name}", self.place)),
        }
    }

    /// The resolved value of a property that must be there.
    pub(super) fn required(&self, name: &str) -> Result<Value> {
        self.value(name)?.with_context(|| format!("{}: {name} is missing", self.place))
    }

    /// A string; numbers and booleans are converted.
    pub(super) fn string(&self, name: &str) -> Result<Option<String>> {
        let Some(value) = self.value(name)? else { return Ok(None) };
        match scalar(&value) {
            Some(text) => Ok(Some(text)),
            None => bail!("{}: {name} is not a string", self.place),
        }
    }

    /// A string that must be there and not be empty.
    pub(super) fn required_string(&self, name: &str) -> Result<String> {
        match self.string(name)? {
            Some(text) if !text.is_empty() => Ok(text),
            _ => bail!("{}: {name} is missing", self.place),
        }
    }

    /// A number in `min..=max`.
    pub(super) fn number<N: FromStr + PartialOrd + Copy + std::fmt::Display>(
        &self,
        name: &str,
        min: N,
        max: N,
    ) -> Result<Option<N>> {
        let Some(text) = self.string(name)? else { return Ok(None) };
        match text.parse() {
            Ok(number) if number >= min && number <= max => Ok(Some(number)),
            _ => bail!("{}: {name} is {text:?}, not a number from {min} to {max}", self.place),
        }
    }

    /// A number of seconds in `min..=max`.
    pub(super) fn seconds(&self, name: &str, min: u64, max: u64) -> Result<Option<Duration>> {
        Ok(self.number(name, min, max)?.map(Duration::from_secs))
    }

    /// Whether a flag is set; `false` if it is absent.
    pub(super) fn flag(&self, name: &str) -> Result<bool> {
        match self.string(name)?.as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(other) => bail!("{}: {name} is {other:?}, not true or false", self.place),
        }
    }

    /// A list of strings, or a single string; empty if it is absent.
    pub(super) fn strings(&self, name: &str) -> Result<Vec<String>> {
        match self.value(name)? {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => items
                .iter()
                .map(|item| {
                    scalar(item).with_context(|| format!("{}: {name} is not a list of strings", self.place))
                })
                .collect(),
            Some(one) => match scalar(&one) {
                Some(text) => Ok(vec![text]),
                None => bail!("{}: {name} is not a list of strings", self.place),
            },
        }
    }

    /// A mapping below this one. Its values are resolved when they are read, so that a property without a local meaning
    /// may contain anything.
    pub(super) fn within(&self, name: &str) -> Result<Option<Properties<'a>>> {
        let place = format!("{}: {name}", self.place);
        let value = match self.fields.get(name) {
            None | Some(Value::Null) => return Ok(None),
            // An `!If` may choose the mapping, so that it has to be resolved as a whole.
            Some(value) if super::document::is_intrinsic(value) => match self.value(name)? {
                None => return Ok(None),
                Some(value) => value,
            },
            Some(value) => value.clone(),
        };
        match value {
            Value::Object(fields) => Ok(Some(Properties { resolver: self.resolver, place, fields })),
            _ => bail!("{place} is not a mapping"),
        }
    }

    /// Like [`Self::within`], but an empty mapping if it is absent.
    pub(super) fn within_or_empty(&self, name: &str) -> Result<Properties<'a>> {
        Ok(self.within(name)?.unwrap_or_else(|| Properties {
            resolver: self.resolver,
            place: format!("{}: {name}", self.place),
            fields: Map::new(),
        }))
    }

    /// The mappings below the property `name`, by their keys; none if it is absent.
    pub(super) fn entries(&self, name: &str) -> Result<Vec<(String, Properties<'a>)>> {
        let Some(within) = self.within(name)? else { return Ok(Vec::new()) };
        let mut entries = Vec::with_capacity(within.fields.len());
        for key in within.fields.keys() {
            if let Some(entry) = within.within(key)? {
                entries.push((key.clone(), entry));
            }
        }
        Ok(entries)
    }

    /// The mappings in the list `name`; none if it is absent.
    pub(super) fn items(&self, name: &str) -> Result<Vec<Properties<'a>>> {
        let Some(value) = self.value(name)? else { return Ok(Vec::new()) };
        let Value::Array(items) = value else { bail!("{}: {name} is not a list", self.place) };
        let item = |(index, item)| match item {
            Value::Object(fields) => Ok(Properties {
                resolver: self.resolver,
                place: format!("{}: {name}[{index}]", self.place),
                fields,
            }),
            _ => bail!("{}: {name}[{index}] is not a mapping", self.place),
        };
        items.into_iter().enumerate().map(item).collect()
    }
}
