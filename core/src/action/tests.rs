//! Parsing and refusal of frames.

use proptest::prelude::*;

use super::*;

fn code<A: Action + std::fmt::Debug>(body: &str) -> (&'static str, Option<String>) {
    let rejected = parse::<A>(body).expect_err(body);
    (rejected.error.code(), rejected.id.map(|id| id.as_json().to_owned()))
}

#[test]
fn a_refusal_has_the_id_of_its_request() {
    assert_eq!(code::<Join>(r#"{"action":"join","id":"7"}"#), ("bad_request", Some("\"7\"".into())));
    let bad_channel = r#"{"action":"join","id":"7","channel":"chat:1"}"#;
    assert_eq!(code::<Join>(bad_channel), ("invalid_channel", Some("\"7\"".into())));
    assert_eq!(
        code::<Join>(r#"{"action":"join","id":7,"channel":"system"}"#),
        ("bad_request", Some("7".into()))
    );
    let long = format!("\"{}\"", "i".repeat(65));
    assert_eq!(code::<Ping>(&format!(r#"{{"action":"ping","id":{long}}}"#)), ("bad_request", Some(long)));
    assert_eq!(
        code::<Ping>(r#"{"action":"ping","a":"\ud83c","id":"7"}"#),
        ("bad_request", Some("\"7\"".into()))
    );
    assert_eq!(code::<Ping>("[]"), ("bad_request", None));
    assert_eq!(code::<Ping>("{"), ("bad_request", None));
}

#[test]
fn a_field_that_does_not_exist_is_named() {
    let rejected = parse::<Join>(r#"{"action":"join","channel":"system","sinse":1}"#).unwrap_err();
    assert!(rejected.error.public_message().contains("sinse"), "{:?}", rejected.error);
}

#[test]
fn frames_without_a_route() {
    assert_eq!(reject_unrouted(r#"{"action":"dance","id":"1"}"#).error, Error::UnknownAction);
    assert_eq!(reject_unrouted(r#"{"id":"1"}"#).error.code(), "bad_request");
    assert_eq!(reject_unrouted("hello").error.code(), "bad_request");
}

#[test]
fn every_action_of_the_protocol() {
    parse::<Leave>(r#"{"action":"leave","channel":"system"}"#).unwrap();
    parse::<Send>(
        r#"{"action":"send","channel":"conversation:c","event":"chat.message","data":{},"key":"k","base":0}"#,
    )
    .unwrap();
    parse::<Ack>(r#"{"action":"ack","channel":"conversation:c","seq":3,"state":"read"}"#).unwrap();
    parse::<History>(r#"{"action":"history","channel":"conversation:c","before":9,"limit":50}"#).unwrap();
    parse::<PresenceQuery>(r#"{"action":"presence","channel":"conversation:c"}"#).unwrap();
    parse::<ReceiptsQuery>(r#"{"action":"receipts","channel":"conversation:c"}"#).unwrap();
    parse::<Status>(r#"{"action":"status"}"#).unwrap();
    parse::<Ping>(r#"{"action":"ping","id":"p"}"#).unwrap();
    assert_eq!(code::<Ping>(r#"{"action":"ping","now":true}"#).0, "bad_request");
    for limit in ["0", "101", "-1", "\"9\""] {
        let body = format!(r#"{{"action":"history","channel":"conversation:c","limit":{limit}}}"#);
        assert_eq!(code::<History>(&body).0, "bad_request", "{limit}");
    }
}

proptest! {
    #[test]
    fn no_input_panics(body in "\\PC{0,200}") {
        let _ = parse::<Send>(&body);
        let _ = reject_unrouted(&body);
    }

    #[test]
    fn a_join_survives_its_json(id in "[ -~]{1,64}", channel in "user:[a-z]{1,9}", since in 0u64..1 << 53) {
        let body = serde_json::json!({"action": "join", "id": id, "channel": channel, "since": since});
        let request = parse::<Join>(&body.to_string()).unwrap();
        prop_assert_eq!(request.id.unwrap().to_string(), id);
        prop_assert_eq!(request.action.channel.to_string(), channel);
        prop_assert_eq!(request.action.since.unwrap().get(), since);
    }
}
