//! The generated documents describe the samples: docs/schemas the events and the details of the bus, docs/openapi.yaml the bodies
//! and parameters of the HTTP API.

use std::{collections::BTreeMap, path::PathBuf};

use funnelcast_core::{bus::DetailType, schema};
use jsonschema::Validator;
use serde_json::{Value, json};

use super::{Typed, read, samples};

fn root() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), ".."].iter().collect()
}

fn validator(schema: &Value) -> Validator {
    jsonschema::options().should_validate_formats(true).build(schema).unwrap()
}

fn check(of: &str, schema: &Validator, value: &Value) {
    let errors: Vec<_> = schema.iter_errors(value).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{of}: {errors:?}");
}

/// The details in events/, by their detail-types.
fn details() -> BTreeMap<String, Value> {
    let files = std::fs::read_dir(root().join("events")).unwrap().map(|entry| read(&entry.unwrap().path()));
    let details =
        files.filter_map(|event| Some((event["detail-type"].as_str()?.to_owned(), event["detail"].clone())));
    details.collect()
}

/// The details that publish no event, with their types. The others are completed before they are decoded.
pub(super) fn typed_details() -> Vec<Typed> {
    let (details, own) = (details(), DetailType::ALL.into_iter().filter(|of| of.event().is_none()));
    let typed = own.map(|of| {
        let mut value = details[of.as_str()].clone();
        if of == DetailType::Conversation {
            value["keepLog"] = false.into(); // a default, which is written out when it is encoded again
        }
        Typed {
            of: format!("events: {}", of.as_str()),
            type_: schema::detail(of),
            settings: schema::sent(),
            value,
        }
    });
    typed.collect()
}

/// A value without one field.
fn without(value: &Value, field: &str) -> Value {
    let mut fields = value.as_object().unwrap().clone();
    assert!(fields.shift_remove(field).is_some(), "{field} of {value}");
    fields.into()
}

#[test]
fn each_event_matches_its_schema() {
    for (name, event) in samples("events") {
        let schema = read(&root().join(format!("docs/schemas/events/{name}.json")));
        let schema = validator(&schema);
        check(&name, &schema, &event);
        for field in ["type", "channel", "event", "at", "data"] {
            assert!(!schema.is_valid(&without(&event, field)), "{name} without {field}");
        }
        let mut other = event.clone();
        other["event"] = "chat.else".into();
        other["data"] = json!({});
        assert!(!schema.is_valid(&other), "{name}");
    }
}

#[test]
fn each_detail_matches_its_schema() {
    let details = details();
    for of in DetailType::ALL {
        let (name, detail) = (of.as_str(), &details[of.as_str()]);
        let schema = read(&root().join(format!("docs/schemas/bus/{name}.json")));
        let required: Vec<String> = serde_json::from_value(schema["required"].clone()).unwrap();
        let schema = validator(&schema);
        check(name, &schema, detail);
        for field in &required {
            assert!(!schema.is_valid(&without(detail, field)), "{name} without {field}");
        }
        for field in of.event().map_or(&[][..], schema::defaulted) {
            assert!(!required.iter().any(|one| one == field), "{name}: {field} has a default");
        }
        let mut unknown = detail.clone();
        unknown["secret"] = 1.into();
        assert!(!schema.is_valid(&unknown), "{name}");
    }
}

/// The data of an outbox item is the detail of the event that it publishes.
#[test]
fn the_data_of_an_outbox_item_is_a_detail() {
    let stream = read(&root().join("events/stream-outbox.json"));
    let data = stream["Records"][0]["dynamodb"]["NewImage"]["data"]["S"].as_str().unwrap();
    let schema = validator(&read(&root().join("docs/schemas/bus/FunnelUpdate.json")));
    check("the outbox", &schema, &serde_json::from_str(data).unwrap());
}

/// A schema of docs/openapi.yaml, whose references lead into the document.
fn within(document: &Value, schema: &Value) -> Validator {
    let mut whole = schema.clone();
    whole["components"] = document["components"].clone();
    validator(&whole)
}

/// Checks the examples beside a schema, and returns their number.
fn check_examples(of: &str, document: &Value, holder: &Value) -> usize {
    let schema = within(document, &holder["schema"]);
    let examples = holder["examples"].as_object().into_iter().flatten();
    examples.map(|(name, example)| check(&format!("{of}: {name}"), &schema, &example["value"])).count()
}

#[test]
fn the_examples_of_the_http_api_match_their_schemas() {
    let text = std::fs::read_to_string(root().join("docs/openapi.yaml")).unwrap();
    let document: Value = yaml_serde::from_str(&text).unwrap();
    let mut count = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let of = format!("{method} {path}");
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                if parameter["$ref"].is_null() {
                    count += check_examples(&of, &document, parameter);
                }
            }
            let bodies = [&operation["requestBody"], &operation["responses"]["200"]];
            for body in bodies.into_iter().filter(|body| body["content"].is_object()) {
                count += check_examples(&of, &document, &body["content"]["application/json"]);
            }
        }
    }
    for (name, response) in document["components"]["responses"].as_object().unwrap() {
        count += check_examples(name, &document, &response["content"]["application/json"]);
    }
    assert!(count > 40, "only {count}");
}
