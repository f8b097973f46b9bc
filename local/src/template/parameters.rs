//! The template's parameters: the given value or the default, checked against the rules in the template.
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html>

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use regex_lite::Regex;
use serde_json::{Map, Value};

/// The value of every declared parameter. Fails if one is not declared, has no value or breaks its rules. The error names
/// the parameter and never contains a `NoEcho` value.
pub(super) fn values(
    declared: &Map<String, Value>,
    given: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, Value>> {
    if let Some(unknown) = given.keys().find(|name| !declared.contains_key(*name)) {
        let known: Vec<_> = declared.keys().map(String::as_str).collect();
        bail!("the template has no parameter {unknown}; it has {}", known.join(", "));
    }
    let mut values = BTreeMap::new();
    for (name, declaration) in declared {
        let value = value_of(declaration, given.get(name)).with_context(|| format!("parameter {name}"))?;
        values.insert(name.clone(), value);
    }
    Ok(values)
}

fn value_of(declaration: &Value, given: Option<&String>) -> Result<Value> {
    let text = match (given, declaration.get("Default")) {
        (Some(given), _) => given.clone(),
        (None, Some(default)) => scalar(default).context("Default is not a plain value")?,
        (None, None) => bail!("has no default and was not set"),
    };
    let kind = declaration.get("Type").and_then(Value::as_str).context("Type is missing")?;
    if kind == "CommaDelimitedList" || kind.starts_with("List<") {
        let items: Vec<&str> = text.split(',').map(str::trim).collect();
        for item in &items {
            check(declaration, kind, item)?;
        }
        return Ok(Value::from(items));
    }
    check(declaration, kind, &text)?;
    Ok(Value::String(text))
}

fn check(declaration: &Value, kind: &str, text: &str) -> Result<()> {
    let hidden = match declaration.get("NoEcho") {
        Some(Value::Bool(hidden)) => *hidden,
        Some(Value::String(hidden)) => hidden == "true",
        _ => false,
    };
    let shown = if hidden { "the value".to_owned() } else { format!("{text:?}") };
    if let Some(allowed) = declaration.get("AllowedValues").and_then(Value::as_array) {
        let allowed: Vec<String> = allowed.iter().filter_map(scalar).collect();
        if !allowed.iter().any(|allowed| allowed == text) {
            bail!("{shown} must be one of {}", allowed.join(", "));
        }
    }
    if let Some(pattern) = declaration.get("AllowedPattern").and_then(Value::as_str) {
        let whole = Regex::new(&format!("^(?:{pattern})$")).context("cannot parse AllowedPattern")?;
        if !whole.is_match(text) {
            let said = declaration.get("ConstraintDescription").and_then(scalar);
            let said = said.map(|said| format!(": it must be {said}")).unwrap_or_default();
            bail!("{shown} does not match {pattern}{said}");
        }
    }
    let limit =
        |name: &str| declaration.get(name).and_then(scalar).and_then(|limit| limit.parse::<f64>().ok());
    #[expect(clippy::cast_precision_loss, reason = "lengths of parameters are far below 2^52")]
    let length = text.chars().count() as f64;
    if limit("MinLength").is_some_and(|min| length < min)
        || limit("MaxLength").is_some_and(|max| length > max)
    {
        bail!("{shown} is too short or too long");
    }
    if kind == "Number" || kind == "List<Number>" {
        let Ok(number) = text.parse::<f64>() else { bail!("{shown} is not a number") };
        if let Some(min) = limit("MinValue").filter(|min| number < *min) {
            bail!("{shown} must be at least {min}");
        }
        if let Some(max) = limit("MaxValue").filter(|max| number > *max) {
            bail!("{shown} must be at most {max}");
        }
    }
    Ok(())
}

/// The text of a string, number or boolean.
pub(super) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(declaration: &Value, given: &[(&str, &str)]) -> Result<Value, String> {
        let declared = Map::from_iter([("P".to_owned(), declaration.clone())]);
        let given = given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut values = values(&declared, &given).map_err(|error| format!("{error:#}"))?;
        Ok(values.remove("P").unwrap())
    }

    #[test]
    fn defaults_and_given_values() {
        assert_eq!(read(&json!({"Type": "Number", "Default": 5}), &[]), Ok(json!("5")));
        assert_eq!(read(&json!({"Type": "String", "Default": "a"}), &[("P", "b")]), Ok(json!("b")));
        assert_eq!(read(&json!({"Type": "CommaDelimitedList"}), &[("P", "a, b")]), Ok(json!(["a", "b"])));
    }

    #[test]
    fn every_rule_can_refuse() {
        let text = json!({"Type": "String"});
        let cases = [
            (text.clone(), vec![("Q", "x")], "the template has no parameter Q; it has P"),
            (text, vec![], "parameter P: has no default and was not set"),
            (
                json!({"Type": "String", "AllowedPattern": "[a-z]+"}),
                vec![("P", "dev1")],
                "parameter P: \"dev1\" does not match [a-z]+",
            ),
            (
                json!({"Type": "Number", "AllowedValues": [1, 3]}),
                vec![("P", "2")],
                "parameter P: \"2\" must be one of 1, 3",
            ),
            (json!({"Type": "Number"}), vec![("P", "two")], "parameter P: \"two\" is not a number"),
            (
                json!({"Type": "Number", "MinValue": 0}),
                vec![("P", "-1")],
                "parameter P: \"-1\" must be at least 0",
            ),
            (
                json!({"Type": "Number", "MaxValue": 9}),
                vec![("P", "10")],
                "parameter P: \"10\" must be at most 9",
            ),
            (
                json!({"Type": "String", "MinLength": 3, "NoEcho": true}),
                vec![("P", "ab")],
                "parameter P: the value is too short or too long",
            ),
        ];
        for (declaration, given, line) in cases {
            assert_eq!(read(&declaration, &given), Err(line.to_owned()));
        }
    }
}
