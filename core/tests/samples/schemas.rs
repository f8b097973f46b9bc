//! The schemas agree with `serde` about each sample: which fields may be absent, and which values are refused.

use std::collections::BTreeSet;

use funnelcast_core::{
    Channel, ConnectionId, Key, UserId,
    schema::{self, WireType},
};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{Typed, typed};

/// The fields of an object, each with its schema and whether it must be there.
fn fields(Typed { type_, settings, .. }: &Typed) -> Vec<(String, Value, bool)> {
    let mut generator = settings.clone().into_generator();
    let schema = (type_.schema)(&mut generator).to_value();
    let definitions = Value::Object(generator.take_definitions(false));
    let properties = schema["properties"].as_object().cloned().unwrap_or_default();
    let is_required =
        |name: &str| schema["required"].as_array().is_some_and(|all| all.iter().any(|n| n == name));
    let resolved = properties.into_iter().map(|(name, mut schema)| {
        let one_of_any = schema["anyOf"][0].clone();
        for part in [schema.clone(), one_of_any] {
            if let Some(reference) = part["$ref"].as_str() {
                schema = definitions[reference.rsplit('/').next().unwrap()].clone();
            }
        }
        let is_required = is_required(&name);
        (name, schema, is_required)
    });
    resolved.collect()
}

fn with(object: &Value, name: &str, value: Option<Value>) -> Value {
    let mut changed: Map<String, Value> = object.as_object().unwrap().clone();
    match value {
        Some(value) => changed.insert(name.to_owned(), value),
        None => changed.remove(name),
    };
    Value::Object(changed)
}

/// Otherwise the client's type would have a wrong `?`.
#[test]
fn a_schema_requires_the_fields_that_are_always_there() {
    let (mut all, mut shown) = (BTreeSet::new(), BTreeSet::new());
    for sample in typed() {
        let is_sent = sample.settings.contract.is_deserialize();
        for (name, _, is_required) in fields(&sample) {
            let without = with(&sample.value, &name, None);
            let field = format!("{}.{name}", (sample.type_.name)());
            all.insert(field.clone());
            if without == sample.value {
                continue;
            }
            shown.insert(field);
            let again = (sample.type_.again)(without.clone());
            let may_be_absent =
                if is_sent { again.is_ok() } else { again.is_ok_and(|again| again == without) };
            assert_eq!(may_be_absent, !is_required, "`{name}` of {}", sample.of);
        }
    }
    assert_eq!(shown, all, "some sample has each field");
}

/// A string of any letters.
fn is_free_text(schema: &Value) -> bool {
    let is_string = schema["type"] == "string" || schema["type"][0] == "string";
    is_string && schema.get("pattern").or(schema.get("format")).is_none()
}

#[test]
fn the_limits_of_a_schema_are_those_of_the_type() {
    let mut count = 0;
    // Only the server writes a ticket, so its patterns describe what is written, and nothing checks them.
    for sample in typed().into_iter().filter(|sample| (sample.type_.name)() != "Ticket") {
        for (name, schema, _) in fields(&sample) {
            // `validate` checks their limits, because they have an error code of their own, or the table does.
            if ["content", "participants", "bytes", "durationMs", "first"].contains(&name.as_str()) {
                continue;
            }
            let number = |limit: &str| schema[limit].as_i64();
            let letters = |count: i64| json!("a".repeat(usize::try_from(count).unwrap()));
            let mut tries = vec![];
            tries.extend(number("minimum").map(|min| [(json!(min), true), (json!(min - 1), false)]));
            tries.extend(number("maximum").map(|max| [(json!(max), true), (json!(max + 1), false)]));
            tries.extend(number("minLength").map(|min| [(letters(min), true), (letters(min - 1), false)]));
            tries.extend(number("maxLength").map(|max| [(letters(max), true), (letters(max + 1), false)]));
            let is_any = schema.get("type").or(schema.get("oneOf")).is_none();
            tries.push([(json!([[]]), is_any), (json!("\0"), is_any || is_free_text(&schema))]);
            for (value, is_good) in tries.into_iter().flatten() {
                let changed = with(&sample.value, &name, Some(value.clone()));
                assert_eq!(
                    (sample.type_.again)(changed).is_ok(),
                    is_good,
                    "{value} as `{name}` of {}",
                    sample.of
                );
                count += 1;
            }
        }
    }
    assert!(count > 300, "only {count}");
}

fn is_accepted(type_: WireType, text: &str) -> (bool, bool) {
    let schema = (type_.schema)(&mut schema::sent().into_generator());
    let pattern = regex_lite::Regex::new(schema.get("pattern").and_then(Value::as_str).unwrap()).unwrap();
    (pattern.is_match(text), (type_.again)(json!(text)).is_ok())
}

proptest! {
    #[test]
    fn a_pattern_is_the_grammar(text in "[ -~ü\n]{1,2}|(system|company|user|analytics|x)[:a-c]{0,3}") {
        for type_ in [
            WireType::of::<UserId>(), WireType::of::<Key>(), WireType::of::<ConnectionId>(), WireType::of::<Channel>(),
        ] {
            let (by_pattern, by_type) = is_accepted(type_, &text);
            prop_assert_eq!(by_pattern, by_type, "{:?} as {}", &text, (type_.name)());
        }
    }
}
