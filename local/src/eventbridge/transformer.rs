//! `InputTransformer`: the text that a rule's target gets instead of the event.
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html>
//!
//! A template contains `<variable>`s, each of which is a path in the event or one of EventBridge's own. Outside of a string
//! a value is inserted as JSON, so that a string has quotes. Inside of a string it is inserted unescaped, and a value
//! that is not a string loses its quotes. A path that the event does not have inserts nothing.
//!
//! What AWS refuses when a rule is created is an error when the template is read: an undefined variable, and a reserved
//! name in `InputPathsMap`. template.yaml uses neither `InputPathsMap` nor the variables of the rule; they are there
//! because whoever writes a transformer expects them.
//!
//! Never here: wildcards in paths.

use std::{collections::BTreeMap, iter::Peekable, str::Chars};

use anyhow::{Context as _, Result, bail, ensure};
use jiff::Timestamp;
use serde_json::Value;

/// The prefix of EventBridge's own variables.
const RESERVED: &str = "aws.";
/// The most characters of a template, and the most variables.
/// <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_InputTransformer.html>
const TEMPLATE_CHARS_MAX: usize = 8_192;
const VARIABLES_MAX: usize = 100;

/// An `InputTransformer`, checked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Transformer {
    pieces: Vec<Piece>,
}

/// A part of the template.
#[derive(Debug, Clone, PartialEq)]
enum Piece {
    Text(String),
    /// A variable outside of a string, inserted as JSON.
    Json(Variable),
    /// A variable inside of a string.
    InText(Variable),
}

#[derive(Debug, Clone, PartialEq)]
enum Variable {
    RuleArn,
    RuleName,
    IngestionTime,
    EventWithoutDetail,
    Event,
    /// A path in the event.
    At(Vec<Step>),
}

#[derive(Debug, Clone, PartialEq)]
enum Step {
    Field(String),
    Index(usize),
}

/// What EventBridge adds to an event.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Occasion<'a> {
    pub(crate) rule_arn: &'a str,
    pub(crate) rule_name: &'a str,
    /// When the event was accepted. Unlike `time`, its producer cannot set it. Written in whole seconds.
    pub(crate) ingested_at: Timestamp,
}

impl Transformer {
    /// Parses the two properties of an `InputTransformer`.
    pub(crate) fn parse(paths: &BTreeMap<String, String>, template: &str) -> Result<Self> {
        ensure!(
            template.chars().count() <= TEMPLATE_CHARS_MAX,
            "InputTemplate has more than {TEMPLATE_CHARS_MAX} characters"
        );
        ensure!(paths.len() <= VARIABLES_MAX, "InputPathsMap has more than {VARIABLES_MAX} variables");
        let mut variables = BTreeMap::new();
        for (name, path) in paths {
            ensure!(!name.starts_with(RESERVED), "InputPathsMap: {name} is reserved");
            variables.insert(name.as_str(), Variable::At(steps(path)?));
        }
        let (mut pieces, mut text, mut in_text) = (Vec::new(), String::new(), false);
        let mut rest = template.chars().peekable();
        while let Some(next) = rest.next() {
            match next {
                '<' => {
                    let name = name(&mut rest)?;
                    let variable = reserved(&name).or_else(|| variables.get(&*name).cloned());
                    let variable =
                        variable.with_context(|| format!("InputTemplate: <{name}> is not defined"))?;
                    pieces.push(Piece::Text(std::mem::take(&mut text)));
                    pieces.push(if in_text { Piece::InText(variable) } else { Piece::Json(variable) });
                    continue;
                }
                '\\' if in_text => {
                    text.push(next);
                    text.extend(rest.next());
                    continue;
                }
                '"' => in_text = !in_text,
                _ => {}
            }
            text.push(next);
        }
        pieces.push(Piece::Text(text));
        Ok(Self { pieces })
    }

    /// The text that the target gets for an event.
    pub(crate) fn apply(&self, event: &Value, occasion: Occasion<'_>) -> String {
        let mut output = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => output.push_str(text),
                Piece::Json(variable) => {
                    output.extend(variable.of(event, occasion).map(|value| value.to_string()));
                }
                Piece::InText(variable) => match variable.of(event, occasion) {
                    None => {}
                    Some(Value::String(text)) => output.push_str(&text),
                    Some(other) => output.push_str(&other.to_string().replace('"', "")),
                },
            }
        }
        output
    }
}

impl Variable {
    fn of(&self, event: &Value, occasion: Occasion<'_>) -> Option<Value> {
        match self {
            Self::RuleArn => Some(occasion.rule_arn.into()),
            Self::RuleName => Some(occasion.rule_name.into()),
            Self::IngestionTime => Some(format!("{:.0}", occasion.ingested_at).into()),
            Self::Event => Some(event.clone()),
            Self::EventWithoutDetail => {
                let mut event = event.clone();
                event.as_object_mut()?.remove("detail");
                Some(event)
            }
            Self::At(steps) => {
                let step = |value: &Value, step: &Step| match step {
                    Step::Field(name) => value.get(name).cloned(),
                    Step::Index(index) => value.get(index).cloned(),
                };
                steps.iter().try_fold(event.clone(), |value, next| step(&value, next))
            }
        }
    }
}

fn reserved(name: &str) -> Option<Variable> {
    Some(match name {
        "aws.events.rule-arn" => Variable::RuleArn,
        "aws.events.rule-name" => Variable::RuleName,
        "aws.events.event.ingestion-time" => Variable::IngestionTime,
        "aws.events.event" => Variable::EventWithoutDetail,
        "aws.events.event.json" => Variable::Event,
        _ => return None,
    })
}

/// Parses the name of a variable, after its `<`.
fn name(rest: &mut Peekable<Chars<'_>>) -> Result<String> {
    let mut name = String::new();
    for next in rest {
        match next {
            '>' => return Ok(name),
            other => name.push(other),
        }
    }
    bail!("InputTemplate: <{name} is not closed")
}

/// Parses a path, such as `$.detail.items[0]`.
fn steps(path: &str) -> Result<Vec<Step>> {
    let wrong = || format!("InputPathsMap: {path:?} is not supported locally; only names and indices are");
    let mut steps = Vec::new();
    for part in path.strip_prefix('$').with_context(wrong)?.split('.').skip(1) {
        let (field, indices) = part.split_once('[').map_or((part, ""), |(field, rest)| (field, rest));
        ensure!(field.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '/')), wrong());
        ensure!(!field.is_empty(), wrong());
        steps.push(Step::Field(field.to_owned()));
        for index in indices.split('[').filter(|index| !index.is_empty()) {
            let index = index.strip_suffix(']').with_context(wrong)?;
            steps.push(Step::Index(index.parse().with_context(wrong)?));
        }
    }
    Ok(steps)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn transformer(paths: &[(&str, &str)], template: &str) -> Result<Transformer> {
        let paths = paths.iter().map(|(name, path)| ((*name).to_owned(), (*path).to_owned())).collect();
        Transformer::parse(&paths, template)
    }

    fn apply(paths: &[(&str, &str)], template: &str) -> String {
        let event = json!({"source": "s", "detail-type": "T", "time": "2025-11-23T12:00:00Z",
            "detail": {"state": "on \"air\"", "n": 1, "list": ["a", {"b": true}]}});
        let occasion = Occasion {
            rule_arn: "arn:r",
            rule_name: "r",
            ingested_at: "2025-11-23T10:00:00.789Z".parse().unwrap(),
        };
        transformer(paths, template).unwrap().apply(&event, occasion)
    }

    #[test]
    fn the_whole_event_and_its_ingestion_time() {
        let output =
            apply(&[], r#"{"event": <aws.events.event.json>, "at": <aws.events.event.ingestion-time>}"#);
        let output: Value = serde_json::from_str(&output).unwrap();
        assert_eq!(output["at"], "2025-11-23T10:00:00Z");
        assert_eq!(output["event"]["detail"]["state"], "on \"air\"");
        let output =
            apply(&[], r#"{"e": <aws.events.event>, "r": "<aws.events.rule-name> <aws.events.rule-arn>"}"#);
        let expected =
            json!({"e": {"source": "s", "detail-type": "T", "time": "2025-11-23T12:00:00Z"}, "r": "r arn:r"});
        assert_eq!(serde_json::from_str::<Value>(&output).unwrap(), expected);
    }

    #[test]
    fn a_value_is_json_outside_of_a_string_and_bare_inside() {
        let paths = [
            ("type", "$.detail-type"),
            ("n", "$.detail.n"),
            ("list", "$.detail.list"),
            ("b", "$.detail.list[1].b"),
            ("none", "$.detail.none"),
        ];
        assert_eq!(
            apply(&paths, r#"{"t": <type>, "n": [9, <n>], "b": <b>}"#),
            r#"{"t": "T", "n": [9, 1], "b": true}"#
        );
        assert_eq!(apply(&paths, r#""\"<type>\" has <list><none>""#), r#""\"T\" has [a,{b:true}]""#);
    }

    #[test]
    fn what_aws_refuses_is_refused() {
        for (paths, template) in [
            (&[][..], r#"{"a": <unknown>}"#),
            (&[], r#"{"a": <aws.events.event.json}"#),
            (&[("aws.events.event.json", "$.detail")], "1"),
            (&[("a", "detail")], "1"),
            (&[("a", "$.detail.*")], "1"),
            (&[("a", "$.detail[x]")], "1"),
        ] {
            assert!(transformer(paths, template).is_err(), "{paths:?} {template}");
        }
        assert!(transformer(&[], &"x".repeat(TEMPLATE_CHARS_MAX + 1)).is_err());
    }
}
