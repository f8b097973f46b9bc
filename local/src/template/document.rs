//! The template's text as a tree of JSON, with the short form of intrinsics (`!Ref X`) replaced by the long form
//! (`{"Ref": "X"}`), and SAM's `Globals` merged into the resources that they apply to.
//!
//! Never here: what an intrinsic means ([`super::intrinsics`]).

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};
use yaml_serde::Value as Yaml;

/// The intrinsics whose long form has no `Fn::`.
const BARE_INTRINSICS: [&str; 2] = ["Ref", "Condition"];

/// The sections of a template, unresolved.
#[derive(Debug, Default)]
pub(super) struct Document {
    pub(super) parameters: Map<String, Value>,
    pub(super) rules: Map<String, Value>,
    pub(super) mappings: Map<String, Value>,
    pub(super) conditions: Map<String, Value>,
    /// By logical id, with the `Globals` merged in.
    pub(super) resources: BTreeMap<String, Resource>,
    pub(super) outputs: Map<String, Value>,
}

/// One resource, unresolved.
#[derive(Debug)]
pub(super) struct Resource {
    /// E.g. `AWS::SQS::Queue`.
    pub(super) kind: String,
    /// The name of the condition under which it exists.
    pub(super) condition: Option<String>,
    pub(super) properties: Map<String, Value>,
}

impl Document {
    /// Reads the file at `path`.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&text).with_context(|| path.display().to_string())
    }

    /// Reads a template's text.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let mut yaml: Yaml = yaml_serde::from_str(text).context("not YAML")?;
        yaml.apply_merge().context("not YAML")?;
        let Value::Object(mut root) = json_of(yaml)? else {
            bail!("a template must be a mapping of sections")
        };
        let globals = section(&mut root, "Globals")?;
        let mut resources = BTreeMap::new();
        for (id, value) in section(&mut root, "Resources")? {
            let resource = resource(value, &globals).with_context(|| id.clone())?;
            resources.insert(id, resource);
        }
        Ok(Self {
            parameters: section(&mut root, "Parameters")?,
            rules: section(&mut root, "Rules")?,
            mappings: section(&mut root, "Mappings")?,
            conditions: section(&mut root, "Conditions")?,
            resources,
            outputs: section(&mut root, "Outputs")?,
        })
    }
}

fn section(root: &mut Map<String, Value>, name: &str) -> Result<Map<String, Value>> {
    match root.remove(name) {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(section)) => Ok(section),
        Some(_) => bail!("{name} is not a mapping"),
    }
}

fn resource(value: Value, globals: &Map<String, Value>) -> Result<Resource> {
    let Value::Object(mut fields) = value else { bail!("a resource must be a mapping") };
    let Some(Value::String(kind)) = fields.remove("Type") else { bail!("Type is missing") };
    let condition = match fields.remove("Condition") {
        None => None,
        Some(Value::String(name)) => Some(name),
        Some(_) => bail!("Condition is not the name of a condition"),
    };
    let own = match fields.remove("Properties") {
        None | Some(Value::Null) => Value::Object(Map::new()),
        Some(own @ Value::Object(_)) => own,
        Some(_) => bail!("Properties is not a mapping"),
    };
    let global = kind.strip_prefix("AWS::Serverless::").and_then(|sam| globals.get(sam));
    let merged = match global {
        Some(global) => merge(global.clone(), own),
        None => own,
    };
    let Value::Object(properties) = merged else { bail!("Properties is not a mapping") };
    Ok(Resource { kind, condition, properties })
}

/// Merges `Globals` as SAM does: mappings entry by entry, lists joined with the global part first; otherwise the
/// resource's own value wins.
/// <https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification-template-anatomy-globals.html>
fn merge(global: Value, own: Value) -> Value {
    match (global, own) {
        (Value::Object(mut global), Value::Object(own))
            if !is_intrinsic(&Value::Object(global.clone()))
                && !is_intrinsic(&Value::Object(own.clone())) =>
        {
            for (name, value) in own {
                let merged = match global.remove(&name) {
                    Some(inherited) => merge(inherited, value),
                    None => value,
                };
                global.insert(name, merged);
            }
            Value::Object(global)
        }
        (Value::Array(mut global), Value::Array(own)) => {
            global.extend(own);
            Value::Array(global)
        }
        (_, own) => own,
    }
}

/// Whether a value calls an intrinsic: a mapping with one entry, which is `Ref` or `Condition` of a name, or `Fn::...`.
pub(super) fn is_intrinsic(value: &Value) -> bool {
    let Value::Object(fields) = value else { return false };
    let mut entries = fields.iter();
    match (entries.next(), entries.next()) {
        (Some((name, argument)), None) => {
            (BARE_INTRINSICS.contains(&name.as_str()) && argument.is_string()) || name.starts_with("Fn::")
        }
        _ => false,
    }
}

fn json_of(yaml: Yaml) -> Result<Value> {
    Ok(match yaml {
        Yaml::Null => Value::Null,
        Yaml::Bool(value) => Value::Bool(value),
        Yaml::Number(value) => serde_json::to_value(value)?,
        Yaml::String(value) => Value::String(value),
        Yaml::Sequence(items) => Value::Array(items.into_iter().map(json_of).collect::<Result<_>>()?),
        Yaml::Mapping(entries) => {
            let mut fields = Map::new();
            for (key, value) in entries {
                fields.insert(key_of(key)?, json_of(value)?);
            }
            Value::Object(fields)
        }
        Yaml::Tagged(tagged) => {
            let tag = tagged.tag.to_string();
            let name = tag.trim_start_matches('!');
            let argument = json_of(tagged.value)?;
            match (name, argument) {
                (bare, argument) if BARE_INTRINSICS.contains(&bare) => json!({ bare: argument }),
                ("GetAtt", Value::String(path)) => {
                    let Some((id, attribute)) = path.split_once('.') else {
                        bail!("!GetAtt {path} has no attribute");
                    };
                    json!({ "Fn::GetAtt": [id, attribute] })
                }
                (name, argument) => json!({ format!("Fn::{name}"): argument }),
            }
        }
    })
}

/// A mapping's key. Keys that YAML reads as another type (`200:`, `true:`) are strings in a template.
fn key_of(key: Yaml) -> Result<String> {
    match key {
        Yaml::String(key) => Ok(key),
        Yaml::Number(key) => Ok(key.to_string()),
        Yaml::Bool(key) => Ok(key.to_string()),
        _ => bail!("the key of a mapping must be a plain value"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_intrinsics_take_their_long_form() {
        let document = Document::parse(
            "Resources:\n  Q:\n    Type: AWS::SQS::Queue\n    Properties:\n      A: !GetAtt T.Arn.X\n      \
             B: !Not [!Equals [!Ref P, \"\"]]\n      C: !Condition D\n      1: !Sub x",
        )
        .unwrap();
        let properties = Value::Object(document.resources["Q"].properties.clone());
        let expected = json!({
            "A": {"Fn::GetAtt": ["T", "Arn.X"]},
            "B": {"Fn::Not": [{"Fn::Equals": [{"Ref": "P"}, ""]}]},
            "C": {"Condition": "D"},
            "1": {"Fn::Sub": "x"},
        });
        assert_eq!(properties, expected);
    }

    #[test]
    fn globals_merge_as_sam_does() {
        let global = json!({"Timeout": 1, "L": ["a"], "E": {"V": {"X": "1", "Y": "1"}}, "R": {"Ref": "A"}});
        let own = json!({"Timeout": 2, "L": ["b"], "E": {"V": {"Y": "2"}}, "R": {"Ref": "B"}});
        let merged =
            json!({"Timeout": 2, "L": ["a", "b"], "E": {"V": {"X": "1", "Y": "2"}}, "R": {"Ref": "B"}});
        assert_eq!(merge(global, own), merged);
    }

    #[test]
    fn the_error_of_an_invalid_template_is_one_line() {
        for (text, line) in [
            ("[]", "a template must be a mapping of sections"),
            ("Resources: {A: {}}", "A: Type is missing"),
            ("Resources: {A: {Type: T, Properties: 1}}", "A: Properties is not a mapping"),
            ("Resources: {A: {Type: T, Properties: {B: !GetAtt C}}}", "!GetAtt C has no attribute"),
        ] {
            assert_eq!(format!("{:#}", Document::parse(text).unwrap_err()), line, "{text}");
        }
    }
}
