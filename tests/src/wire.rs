//! The shapes of JSON on the wire, and functions that read it.

use anyhow::{Result, bail, ensure};
use serde_json::Value;

/// The error in a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The code, for programs.
    pub code: String,
    /// The message, for people.
    pub message: String,
    /// The field that was wrong, if the error is about one.
    pub field: Option<String>,
    /// When to try again, in milliseconds; only for `rate_limited`.
    pub retry_after_ms: Option<u64>,
    /// The conversation's current call, if the request was refused because of it.
    pub call: Option<Value>,
}

/// Refusals are compared by their code.
impl PartialEq<str> for Refusal {
    fn eq(&self, code: &str) -> bool {
        self.code == code
    }
}

/// The shape of a value in one line: keys sorted, with the types of their values, such as `{at: string, seq: number}`. The items
/// of an array are not shown.
pub fn shape(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "boolean".to_owned(),
        Value::Number(_) => "number".to_owned(),
        Value::String(_) => "string".to_owned(),
        Value::Array(_) => "array".to_owned(),
        Value::Object(fields) => {
            let mut fields: Vec<String> =
                fields.iter().map(|(key, value)| format!("{key}: {}", shape(value))).collect();
            fields.sort();
            format!("{{{}}}", fields.join(", "))
        }
    }
}

/// The events in a field of a reply (`events` or `latest`); empty if the field is absent.
pub fn events<'a>(data: &'a Value, field: &str) -> &'a [Value] {
    data[field].as_array().map_or(&[], Vec::as_slice)
}

/// The `seq` of each event, in order.
pub fn sequence<'a>(events: impl IntoIterator<Item = &'a Value>) -> Vec<u64> {
    events.into_iter().filter_map(|event| event["seq"].as_u64()).collect()
}

/// Whether a value is a timestamp in the form used on the wire: UTC with milliseconds, `2026-11-23T10:00:00.123Z`.
pub fn is_timestamp(value: &Value) -> bool {
    const PATTERN: &str = "0000-00-00T00:00:00.000Z";
    value.as_str().is_some_and(|text| {
        text.len() == PATTERN.len()
            && text.bytes().zip(PATTERN.bytes()).all(|(found, wanted)| match wanted {
                b'0' => found.is_ascii_digit(),
                _ => found == wanted,
            })
    })
}

/// Whether a frame is a function's reply, or API Gateway's own frame in place of one.
pub(crate) fn is_reply(frame: &Value) -> bool {
    frame["type"] == "reply" || frame.get("requestId").is_some()
}

/// Whether a frame is an event.
pub(crate) fn is_event(frame: &Value) -> bool {
    frame["type"] == "event"
}

/// Whether a frame is an event about presence.
pub(crate) fn is_presence(frame: &Value) -> bool {
    is_event(frame) && frame["event"].as_str().is_some_and(|name| name.starts_with("presence."))
}

/// Reads a reply. Fails if it has neither of the protocol's two shapes.
pub(crate) fn read_reply(frame: &Value) -> Result<Result<Value, Refusal>> {
    ensure!(frame["type"] == "reply", "API Gateway answered in place of a function that failed: {frame}");
    let mut keys: Vec<&str> = frame.as_object().into_iter().flatten().map(|(key, _)| key.as_str()).collect();
    keys.retain(|key| *key != "id");
    keys.sort_unstable();
    match keys[..] {
        ["data", "ok", "type"] if frame["ok"] == true && frame["data"].is_object() => {
            Ok(Ok(frame["data"].clone()))
        }
        ["error", "ok", "type"] if frame["ok"] == false && is_refusal(&frame["error"]) => {
            let error = &frame["error"];
            let text = |field: &str| error[field].as_str().unwrap_or_default().to_owned();
            let retry_after_ms = error["retryAfterMs"].as_u64();
            let field = error["field"].as_str().map(str::to_owned);
            let call = error.get("call").cloned();
            Ok(Err(Refusal { code: text("code"), message: text("message"), field, retry_after_ms, call }))
        }
        _ => bail!("not a reply that the protocol allows: {frame}"),
    }
}

/// Whether this is an error that the protocol allows. Only an error about a field names one.
fn is_refusal(error: &Value) -> bool {
    match (error["code"].as_str(), error.get("field")) {
        (Some("rate_limited"), _) => shape(error) == "{code: string, message: string, retryAfterMs: number}",
        (Some("muted" | "banned" | "refused"), _) => {
            let is_term = |name: &str| ["code", "message", "reason", "until"].contains(&name);
            let fields = error.as_object();
            fields.is_some_and(|fields| fields.iter().all(|(name, value)| is_term(name) && value.is_string()))
                && error["message"].is_string()
                && error.get("until").is_none_or(is_timestamp)
        }
        (Some("conflict"), None) if error.get("call").is_some() => {
            shape(&error["call"]).starts_with('{') && error["message"].is_string()
        }
        (_, Some(_)) => shape(error) == "{code: string, field: string, message: string}",
        (_, None) => shape(error) == "{code: string, message: string}",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_shape_is_keys_and_types() {
        let value = json!({"b": [1], "a": {"c": null, "d": true}, "e": 1.5, "f": "x"});
        assert_eq!(shape(&value), "{a: {c: null, d: boolean}, b: array, e: number, f: string}");
    }

    #[test]
    fn a_timestamp_is_utc_with_milliseconds() {
        assert!(is_timestamp(&json!("2026-11-23T10:00:00.123Z")));
        for wrong in ["2026-11-23T10:00:00Z", "2026-11-23T10:00:00.123+00:00", "2026-11-23 10:00:00.123Z", ""]
        {
            assert!(!is_timestamp(&json!(wrong)), "{wrong}");
        }
    }

    #[test]
    fn a_reply_has_one_of_two_shapes() -> Result<()> {
        let done = json!({"type": "reply", "id": "1", "ok": true, "data": {}});
        assert_eq!(read_reply(&done)?, Ok(json!({})));
        let refused = json!({"type": "reply", "ok": false, "error": {"code": "forbidden", "message": "no"}});
        assert!(read_reply(&refused)?.is_err_and(|refusal| refusal == *"forbidden"));
        for wrong in [
            json!({"message": "Internal server error", "connectionId": "c", "requestId": "r"}),
            json!({"type": "reply", "ok": false, "data": {}}),
            json!({"type": "reply", "ok": true, "data": {}, "extra": 1}),
            json!({"type": "reply", "ok": false, "error": {"code": "internal", "message": "m", "cause": "table"}}),
        ] {
            assert!(read_reply(&wrong).is_err(), "{wrong}");
        }
        Ok(())
    }
}
