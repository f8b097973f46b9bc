//! The `id` of a refused frame, as far as it can be read. A caller cannot match a refusal without it, and waits until its timeout.
//!
//! A frame that is not valid JSON (half of a surrogate pair, nested too deep, cut off) is read by its structure alone: brackets
//! are counted, strings are skipped, and the value after the key `id` on the top level is taken. Whether the frame is valid is
//! not decided here.

use serde::Serialize;
use serde_json::{Value, value::RawValue};

use crate::RequestId;

/// The longest `id` that is echoed, in bytes. It fits every reply, and is more than a frame can have.
const ECHO_BYTES_MAX: usize = 64 * 1024;

/// A caller's reference as it is echoed: a string or a number, as JSON. In a refusal it need not be a valid [`RequestId`].
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub struct Echo(Box<RawValue>);

impl Echo {
    /// The echo of an `id` that has been parsed. `None` if it is neither a string nor a number.
    pub(super) fn of_value(id: &Value) -> Option<Self> {
        matches!(id, Value::String(_) | Value::Number(_)).then(|| id.to_string()).and_then(Self::of_json)
    }

    /// The echo for a frame that could not be parsed, or is not an object.
    pub(super) fn of_frame(frame: &str) -> Option<Self> {
        // A frame that was serialised twice is a string that contains a frame.
        match serde_json::from_str::<String>(frame) {
            Ok(inner) => Scanner::of(&inner).id(),
            Err(_) => Scanner::of(frame).id(),
        }
    }

    /// The `id` as JSON.
    pub fn as_json(&self) -> &str {
        self.0.get()
    }

    fn of_json(json: String) -> Option<Self> {
        if json.len() > ECHO_BYTES_MAX {
            return None;
        }
        RawValue::from_string(json).ok().map(Self)
    }
}

impl PartialEq for Echo {
    fn eq(&self, other: &Self) -> bool {
        self.as_json() == other.as_json()
    }
}

impl From<RequestId> for Echo {
    fn from(id: RequestId) -> Self {
        let json = Value::from(id.as_str()).to_string();
        // The text of a JSON string is valid JSON, so the alternative is never taken.
        Self(RawValue::from_string(json).unwrap_or_else(|_| RawValue::NULL.to_owned()))
    }
}

/// A reader of the structure of a frame.
struct Scanner<'a> {
    frame: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    const fn of(frame: &'a str) -> Self {
        Self { frame, at: 0 }
    }

    /// The value of the last `id` on the top level. Of duplicate keys the last counts, as in `serde_json`.
    fn id(mut self) -> Option<Echo> {
        // In a list, the top level is that of its elements.
        let lists = self.frame.bytes().filter(|b| !is_space(*b)).take_while(|b| *b == b'[').count();
        let (top, floor) = (lists + 1, lists.max(1));
        let (mut depth, mut found) = (0_usize, None);
        while let Some(byte) = self.peek() {
            match byte {
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth = depth.saturating_sub(1).max(floor), // a surplus bracket closes nothing
                b'"' => {
                    let Some(key) = self.string() else { break };
                    if depth <= top && serde_json::from_str::<String>(key).is_ok_and(|key| key == "id") {
                        found = self.value().or(found);
                    }
                    continue;
                }
                _ => {}
            }
            self.at += 1;
        }
        found
    }

    fn peek(&self) -> Option<u8> {
        self.frame.as_bytes().get(self.at).copied()
    }

    /// The string that begins here, with its quotes. `None` if it has no end.
    fn string(&mut self) -> Option<&'a str> {
        let begin = self.at;
        let mut is_escaped = false;
        let end = self.frame[begin + 1..].bytes().position(|byte| {
            let is_end = byte == b'"' && !is_escaped;
            is_escaped = byte == b'\\' && !is_escaped;
            is_end
        })?;
        self.at = begin + 1 + end + 1;
        Some(&self.frame[begin..self.at])
    }

    /// The string or number after the next colon.
    fn value(&mut self) -> Option<Echo> {
        self.skip(is_space);
        if self.peek() != Some(b':') {
            return None;
        }
        self.at += 1;
        self.skip(is_space);
        let json = match self.peek()? {
            b'"' => self.string()?,
            byte if byte == b'-' || byte.is_ascii_digit() => {
                let begin = self.at;
                self.skip(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
                &self.frame[begin..self.at]
            }
            _ => return None,
        };
        Echo::of_json(json.to_owned())
    }

    fn skip(&mut self, skipped: impl Fn(u8) -> bool) {
        while self.peek().is_some_and(&skipped) {
            self.at += 1;
        }
    }
}

const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, sample::select};

    use super::*;

    fn echo(frame: &str) -> Option<String> {
        Echo::of_frame(frame).map(|echo| echo.as_json().to_owned())
    }

    #[test]
    fn an_id_is_found_wherever_the_frame_is_broken() {
        let deep = |n| format!("{}{}", "[".repeat(n), "]".repeat(n));
        for frame in [
            r#"{"id":"7","a":"\ud83c"}"#,
            r#"{"a":"\ud83c","id":"7"}"#,
            r#"{ "a" : nonsense , "id" : "7" }"#,
            r#"{"a":1 "id":"7"}"#,
            r#"{"id":"7","a":"cut of"#,
            r#"{"id":"7","id":"8"#,
            r#"{"a":]],"id":"7"}"#,
            r#"{"a":{"id":"1","b":{"id":"2"}},"id":"7""#,
            r#"{"\u0069d":"7","a":1e999}"#,
            r#"{"id":"1","a":tru,"id":"7"}"#,
            r#"{"id":"7"} {"id":"8"}"#,
            r#"[{"id":"7"}]"#,
            r#""{\"id\":\"7\"}""#,
            r#""id":"7""#,
            &format!(r#"{{"a":{},"id":"7"}}"#, deep(130)),
            &format!(r#"{{"id":"7","a":{}}}"#, deep(100_000)),
        ] {
            assert_eq!(echo(frame).as_deref(), Some("\"7\""), "{frame:.80}");
        }
    }

    #[test]
    fn an_id_is_echoed_as_it_was_written() {
        for id in [r#""\ud83c""#, r#""a\"b\\""#, "7", "-1.5e3", "\"ü\""] {
            assert_eq!(echo(&format!(r#"{{"id":{id},"#)).as_deref(), Some(id));
        }
        for none in
            ["", "{", "id", r#"{"a":{"id":"1"},"#, r#"{"id":true,"#, r#"{"id":["1"],"#, r#"{"id":7x,"#]
        {
            assert_eq!(echo(none), None, "{none}");
        }
        assert_eq!(echo(&format!(r#"{{"id":"{}","#, "x".repeat(ECHO_BYTES_MAX))), None);
    }

    proptest! {
        #[test]
        fn no_frame_panics(frame in "[\"\\\\{}\\[\\]:,id7ü \\PC]{0,60}") {
            let _ = Echo::of_frame(&frame);
        }

        /// The `id` is found whatever else is wrong with the frame.
        #[test]
        fn a_mutated_frame_keeps_its_id(
            id in "[ -~ü]{1,64}",
            fields in prop::collection::vec(select(FIELDS), 0..6),
            place in any::<prop::sample::Index>(),
            end in select(&["}", "", "}}", "]", ",}", "} x", "}\u{0}"][..]),
        ) {
            let id = Value::from(id).to_string();
            let mut fields: Vec<String> = fields.iter().map(|field| (*field).to_owned()).collect();
            fields.insert(place.index(fields.len() + 1), format!("\"id\":{id}"));
            let frame = format!("{{{}{end}", fields.join(","));
            let body = frame.as_str();
            let found = match super::super::parse::<crate::action::Status>(body) {
                Ok(request) => request.id.map(|id| Value::from(id.as_str()).to_string()),
                Err(rejected) => rejected.id.map(|id| id.as_json().to_owned()),
            };
            let same = |json: &str| serde_json::from_str::<Value>(json).unwrap();
            prop_assert_eq!(found.as_deref().map(same), Some(same(&id)), "{}", frame);
        }
    }

    /// Well-formed and malformed fields, none of which leaves a string or a bracket open.
    const FIELDS: &[&str] = &[
        r#""action":"status""#,
        r#""action":7"#,
        r#""a":"\ud83c""#,
        r#""a":"\x""#,
        "\"a\":\"\n\"",
        r#""a":{"id":"nested"}"#,
        r#""a":[{"id":"nested"},"id"]"#,
        r#""a":]"#,
        r#""a":"id""#,
        r#""a":1e999"#,
        r#""a""#,
        "",
        "a:b",
    ];
}
