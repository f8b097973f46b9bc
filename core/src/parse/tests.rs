//! The errors for malformed values.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde::Deserialize;
use serde_json::json;

use super::*;
use crate::{
    UserId,
    action::{Ack, History, Join, Send, Status},
    event::{ChatDraft, FunnelUpdate},
};

fn error<T: DeserializeOwned + fmt::Debug>(value: Value) -> (String, String) {
    let error = parse::<T>(value, "").unwrap_err();
    (error.field().unwrap_or_default().to_owned(), error.public_message())
}

#[test]
fn an_error_names_the_field_and_what_it_must_be() {
    let update = |name: &str, value: Value| {
        let mut update = json!({"type": "deployed", "funnelId": "f", "funnelName": "n", "userId": "u", "companyId": "b",
            "timestamp": "2026-11-23T10:00:00.123Z"});
        match value {
            Value::String(gone) if gone == "gone" => drop(update.as_object_mut().unwrap().remove(name)),
            value => update[name] = value,
        }
        let error = parse::<FunnelUpdate>(update, "detail").unwrap_err();
        assert_eq!((error.field(), error.code()), (Some(format!("detail.{name}").as_str()), "bad_request"));
        error.public_message().replace("detail.", "")
    };
    for (name, value, message) in [
        ("funnelName", json!(null), "funnelName must be a string, not null"),
        ("funnelName", json!([1]), "funnelName must be a string, not a list"),
        ("funnelName", json!(""), "funnelName must be 1 to 256 bytes of text"),
        ("funnelName", json!("x".repeat(257)), "funnelName must be 1 to 256 bytes of text"),
        ("funnelName", json!("gone"), "funnelName is missing"),
        ("funnelId", json!("a b"), "funnelId must match [A-Za-z0-9_-]{1,64}"),
        ("progress", json!(101), "progress must be a number from 0 to 100"),
        ("progress", json!(-0.5), "progress must be a number from 0 to 100"),
        ("progress", json!("50"), "progress must be a number from 0 to 100, not a string"),
        (
            "timestamp",
            json!("yesterday"),
            "timestamp must be an RFC 3339 time with an offset, e.g. 2026-11-23T10:00:00.123Z",
        ),
    ] {
        assert_eq!(update(name, value), message);
    }
    let kinds = "generation_started, generation_progress, generation_completed, generation_failed, deployed, undeployed";
    for value in [json!("my secret"), json!(7), json!({"deployed": null})] {
        assert_eq!(update("type", value), format!("type must be one of {kinds}"));
    }
    assert!(
        update("secret", json!(1)).starts_with("secret is not a known field; known are type, funnelId, ")
    );
}

#[test]
fn an_error_of_a_number_has_its_range() {
    let history = |limit: Value| error::<History>(json!({"channel": "system", "limit": limit})).1;
    for limit in [json!(0), json!(101), json!(300), json!(-1), json!(1.5), json!(1e300)] {
        assert_eq!(history(limit), "limit must be a whole number from 1 to 100");
    }
    assert_eq!(history(json!("9")), "limit must be a whole number from 1 to 100, not a string");
    let since = error::<Join>(json!({"channel": "system", "since": 9_007_199_254_740_992_u64}));
    assert_eq!(since.1, "since must be a whole number from 0 to 9007199254740991");
}

#[test]
fn whole_numbers_may_be_written_as_fractions() {
    let history: History = parse(json!({"channel": "system", "limit": 10.0, "after": 5.0}), "").unwrap();
    assert_eq!((history.limit.get(), history.after.unwrap().get()), (10, 5));
    let ack: Ack = parse(json!({"channel": "system", "seq": 5.0, "state": "read"}), "").unwrap();
    assert_eq!(ack.seq.get(), 5);
}

#[test]
fn a_path_leads_through_objects_and_lists() {
    #[derive(Debug, Deserialize)]
    struct Tree {
        #[expect(dead_code)]
        branches: BTreeMap<String, Vec<BTreeSet<UserId>>>,
    }
    let (field, message) = error::<Tree>(json!({"branches": {"left": [["ann"], ["bob", 7]]}}));
    assert_eq!(field, "branches.left[1][1]");
    assert_eq!(message, "branches.left[1][1] must be a string, not a number");
}

#[test]
fn an_error_without_a_field_is_one_of_the_request() {
    assert_eq!(
        error::<ChatDraft>(json!("hi")),
        (String::new(), "the request must be an object, not a string".into())
    );
    let error = parse::<ChatDraft>(json!("hi"), "data").unwrap_err();
    assert_eq!(error.public_message(), "data must be an object, not a string");
    let status = parse::<Status>(json!({"now": true}), "").unwrap_err();
    assert_eq!(status.public_message(), "now is not a known field; there are none");
}

#[test]
fn unknown_names_are_put_in_one_line_and_cut() {
    let name = format!("a\nb{}", "x".repeat(10_000));
    let (field, message) = error::<Status>(json!({ name: 1 }));
    assert!(field.starts_with("a b") && field.len() <= 128, "{field}");
    assert!(message.len() < 256, "{message}");
}

proptest! {
    /// The same values become the same types as by `serde_json` itself.
    #[test]
    fn values_are_read_as_by_serde_json(content in "\\PC{0,20}", key in "[a-z]{1,9}", base in 0u64..1 << 53, n in any::<i64>(), x in any::<f64>()) {
        let frame = json!({"channel": "conversation:c", "event": "chat.message", "key": key, "base": base,
            "data": {"content": content, "metadata": {"n": n, "x": x, "list": [null, true, {"deep": [n]}]}}});
        prop_assert_eq!(parse::<Send>(frame.clone(), "").unwrap(), serde_json::from_value::<Send>(frame).unwrap());
    }
}
