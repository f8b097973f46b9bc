//! Requests that a device makes by HTTP, though it has a socket: the same fields, and the answer comes as a reply frame
//! would, so that the session need not know.

use std::sync::Arc;

use anyhow::Result;
use http::Method;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rand::RngExt as _;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::session::Settings;
use crate::Stack;

/// The share of requests that go by HTTP, of those that can.
const SHARE: f64 = 0.1;

/// What is under way.
pub(super) struct ByHttp {
    stack: Arc<Stack>,
    is_on: bool,
    pub(super) token: String,
    answers: JoinSet<Option<Value>>,
}

impl ByHttp {
    pub(super) fn new(stack: Arc<Stack>, is_on: bool) -> Self {
        Self { stack, is_on, token: String::new(), answers: JoinSet::new() }
    }

    /// Whether this request is made by HTTP; `is_known` where the connection's name is, which some need. Joins by grants are not, nor those whose order is that in which they come, nor
    /// a status, which is that of a connection.
    pub(super) fn takes(&self, frame: &Value, who: &Settings, is_known: bool, random: &mut StdRng) -> bool {
        let is_granted =
            frame["channel"].as_str().is_some_and(|name| who.by_grant.iter().any(|own| own == name));
        let can = match frame["action"].as_str() {
            Some("send") => frame["event"] != "presence.update",
            Some("history") => true,
            Some("join" | "leave") => who.gives_order && is_known,
            _ => false,
        };
        self.is_on && can && !is_granted && random.random_bool(SHARE)
    }

    /// Makes a request, on behalf of the connection where it is about one.
    pub(super) fn send(&mut self, mut frame: Value, connection: &str) {
        let (stack, token) = (Arc::clone(&self.stack), self.token.clone());
        let connection = connection.to_owned();
        self.answers.spawn(async move {
            let (id, action) = (frame["id"].take(), frame["action"].take());
            let fields = frame.as_object_mut()?;
            fields.retain(|_, value| !value.is_null());
            let request = match action.as_str()? {
                "send" => stack.ask(Method::POST, "messages").body(&frame.to_string()),
                "history" => stack.ask(Method::GET, &format!("messages?{}", query(&frame))),
                "join" => {
                    frame["connectionId"] = connection.into();
                    stack.ask(Method::POST, "channels").body(&frame.to_string())
                }
                _ => {
                    frame["connectionId"] = connection.into();
                    stack.ask(Method::DELETE, &format!("channels?{}", query(&frame)))
                }
            };
            reply(&id, request.token(&token).send_unchecked().await)
        });
    }

    /// The next answer, as a reply frame. It may be given up while it waits.
    pub(super) async fn answer(&mut self) -> Value {
        loop {
            match self.answers.join_next().await {
                Some(Ok(Some(frame))) => return frame,
                Some(_) => {}
                None => std::future::pending().await,
            }
        }
    }

    /// No answer is waited for any more.
    pub(super) fn forget(&mut self) {
        self.answers.abort_all();
        self.answers.detach_all();
    }
}

fn query(fields: &Value) -> String {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let fields = fields.as_object().into_iter().flatten();
    let pairs =
        fields.map(|(name, value)| format!("{name}={}", utf8_percent_encode(&text(value), NON_ALPHANUMERIC)));
    pairs.collect::<Vec<_>>().join("&")
}

/// What came, as a reply frame; `None` where nothing did. An answer that is not of the function is `internal`.
fn reply(id: &Value, answer: Result<(u16, Value)>) -> Option<Value> {
    let (status, body) = answer.ok()?;
    let frame = match (status, &body["error"]) {
        (200, _) => json!({"type": "reply", "id": id, "ok": true, "data": body}),
        (_, Value::Null) => {
            let error = json!({"code": "internal", "message": "not answered by the function"});
            json!({"type": "reply", "id": id, "ok": false, "error": error})
        }
        // Whether the connection, or its token, has ended is for the socket to find out.
        (401 | 404, _) => {
            let error = json!({"code": "internal", "message": "the connection is not known"});
            json!({"type": "reply", "id": id, "ok": false, "error": error})
        }
        (_, error) => json!({"type": "reply", "id": id, "ok": false, "error": error}),
    };
    Some(frame)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_reply_frame() {
        let of = |status, body: Value| reply(&json!("7"), Ok((status, body)));
        assert_eq!(
            of(200, json!({"seq": 1})),
            Some(json!({"type": "reply", "id": "7", "ok": true, "data": {"seq": 1}}))
        );
        let refused = of(403, json!({"error": {"code": "forbidden", "message": "no"}}));
        assert_eq!(refused.as_ref().map(|frame| frame["error"]["code"].clone()), Some(json!("forbidden")));
        let failed = of(500, json!({"message": "Internal Server Error"}));
        assert_eq!(failed.as_ref().map(|frame| frame["error"]["code"].clone()), Some(json!("internal")));
        assert_eq!(reply(&json!("7"), Err(anyhow::anyhow!("no answer"))), None);
    }

    #[test]
    fn a_query_is_encoded() {
        assert_eq!(
            query(&json!({"channel": "conversation:c", "after": 3})),
            "after=3&channel=conversation%3Ac"
        );
    }
}
