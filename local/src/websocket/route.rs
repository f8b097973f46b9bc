//! From a frame to the function of its route, and back.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::{
    WebSockets,
    connection::{Connection, End},
    event,
    journal::{self, Peer},
};
use crate::{faults::Kind, lambda::InvokeError, template::Route, throttle::Admission};

/// A Lambda proxy integration's answer.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer {
    pub(super) status_code: u16,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
    #[serde(default)]
    headers: Option<Map<String, Value>>,
    #[serde(default)]
    multi_value_headers: Option<Map<String, Value>>,
}

/// Why an integration has no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Function(#[from] InvokeError),
    #[error("malformed proxy answer: {0}")]
    Malformed(#[from] serde_json::Error),
    /// It took longer than the route allows; it may go on.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
}

impl Answer {
    /// The body as the client gets it: text, unless the function said that it is base64 of something else.
    pub(super) fn message(self) -> Option<Message> {
        let body = self.body?;
        if !self.is_base64_encoded {
            return Some(Message::text(body));
        }
        let bytes = STANDARD.decode(body).ok()?;
        Some(match String::from_utf8(bytes) {
            Ok(text) => Message::text(text),
            Err(error) => Message::binary(error.into_bytes()),
        })
    }

    /// The value of a header, however its name is spelled.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        fn find<'a>(headers: Option<&'a Map<String, Value>>, name: &str) -> Option<&'a Value> {
            headers?.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
        }
        let single = find(self.headers.as_ref(), name).and_then(Value::as_str);
        single.or_else(|| find(self.multi_value_headers.as_ref(), name)?.get(0)?.as_str())
    }
}

impl Failure {
    /// Notes it, unless it is the function's own, which was noted where the function runs.
    pub(super) fn log(&self, route: &str, connection_id: &str) {
        if !matches!(self, Self::Function(_)) {
            tracing::warn!(route, connection_id, "{self}");
        }
    }

    /// What the client is told; the rest is for the log.
    pub(super) fn message(&self) -> &'static str {
        match self {
            Self::Function(_) | Self::Malformed(_) => "Internal server error",
            Self::Timeout(_) => "Endpoint request timed out",
        }
    }
}

impl WebSockets {
    /// Takes one frame of `connection`, received at `at`, to its route, and the answer back where the route gives one.
    pub(super) async fn frame(&self, connection: &Connection, at: Timestamp, body: &str) {
        if let Some(bucket) = &self.bucket
            && bucket.take(Instant::now()) == Admission::Throttled
        {
            return refuse(connection, "Too Many Requests");
        }
        let Some((key, route)) = select(&self.api.routes, body) else {
            return refuse(connection, "Forbidden");
        };
        let Peer { client, authorizer } = &connection.peer;
        let event = event::message(&self.origin, client, at, authorizer.as_ref(), key, body);
        match self.integrate(route, &event).await {
            Ok(answer) if route.responds => match answer.message() {
                None => {}
                Some(message) if message.len() > self.limits.message_bytes_max => {
                    // What API Gateway does with it is not documented; that it is not delivered is.
                    let (bytes, connection_id) = (message.len(), connection.id());
                    tracing::warn!(
                        route = key,
                        connection_id,
                        bytes,
                        "a reply is larger than a message may be"
                    );
                    refuse(connection, "Internal server error");
                }
                Some(message) => _ = connection.post(message),
            },
            Ok(_) => {}
            // Nobody reads the answer of a route without a response, so it may be anything.
            Err(Failure::Malformed(_)) if !route.responds => {}
            Err(failure) => {
                failure.log(key, connection.id());
                refuse(connection, failure.message());
            }
        }
    }

    /// Tells `$disconnect`, where there is one, that a connection ended at `at`. Nobody waits for what it says.
    ///
    /// If the stack stops meanwhile, the connection stays in the journal, and the next run tells it.
    pub(super) async fn disconnected(&self, peer: &Peer, at: Timestamp, end: &End) {
        let connection_id = &peer.client.connection_id;
        if let Some(route) = self.api.routes.get("$disconnect")
            && !self.faults.strikes(Kind::LostDisconnect)
        {
            let (client, authorizer) = (&peer.client, peer.authorizer.as_ref());
            let event = event::disconnect(&self.origin, client, at, authorizer, end.code, &end.reason);
            let limit = route.timeout.min(self.limits.integration_timeout);
            let answer = self.invoke(&route.function, &event, limit).await.and_then(|answer| Ok(answer?));
            if let Err(failure) = answer {
                if self.lambda.is_stopping() {
                    return;
                }
                failure.log("$disconnect", connection_id);
            }
        }
        self.journal.note(|to| journal::delete(to, connection_id));
    }

    /// Calls the route's function and reads its answer.
    pub(super) async fn integrate(&self, route: &Route, event: &Value) -> Result<Answer, Failure> {
        let limit = route.timeout.min(self.limits.integration_timeout);
        let answer = self.invoke(&route.function, event, limit).await??;
        Ok(serde_json::from_slice(&answer)?)
    }

    /// Invokes a function for at most `limit`. It goes on after that, as on AWS, but nobody hears of it.
    pub(super) async fn invoke(
        &self,
        function: &str,
        event: &Value,
        limit: Duration,
    ) -> Result<Result<Bytes, InvokeError>, Failure> {
        let answer = self.lambda.invoke(function, event.to_string().into());
        tokio::time::timeout(limit, answer).await.map_err(|_| Failure::Timeout(limit))
    }
}

/// The error frame by which API Gateway itself answers.
fn refuse(connection: &Connection, message: &str) {
    let frame = json!({
        "message": message,
        "connectionId": connection.id(),
        "requestId": event::random_id(),
    });
    connection.post(Message::text(frame.to_string()));
}

/// Selects by `$request.body.action`. What is no JSON, has no action or an unknown one goes to `$default`.
fn select<'a>(routes: &'a BTreeMap<String, Route>, body: &str) -> Option<(&'a str, &'a Route)> {
    #[derive(Deserialize)]
    struct Frame {
        action: Value,
    }
    let action = serde_json::from_str(body).ok().and_then(|frame: Frame| match frame.action {
        Value::String(action) => Some(action),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    });
    // `$connect` and `$disconnect` are not for a client to choose.
    let key = action.filter(|action| !action.starts_with('$') && routes.contains_key(action));
    let (key, route) = routes.get_key_value(key.as_deref().unwrap_or("$default"))?;
    Some((key, route))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes(keys: &[&str]) -> BTreeMap<String, Route> {
        let route = |key: &&str| Route {
            function: format!("{key}Function"),
            responds: true,
            timeout: Duration::from_secs(29),
        };
        keys.iter().map(|key| ((*key).to_owned(), route(key))).collect()
    }

    #[test]
    fn a_frame_goes_to_its_action_or_to_default() {
        let routes = routes(&["$connect", "$disconnect", "$default", "join", "7"]);
        let selected = |body| select(&routes, body).map(|(key, _)| key);
        assert_eq!(selected(r#"{"action":"join","channel":"system"}"#), Some("join"));
        assert_eq!(selected(r#"{"action":7}"#), Some("7"));
        for other in [
            r#"{"action":"nope"}"#,
            r#"{"action":"$connect"}"#,
            r#"{"action":null}"#,
            "{}",
            "[]",
            "plain",
            "",
        ] {
            assert_eq!(selected(other), Some("$default"), "{other}");
        }
    }

    #[test]
    fn without_default_an_unknown_action_goes_nowhere() {
        assert!(select(&routes(&["join"]), "{}").is_none());
    }

    #[test]
    fn an_answer_is_read_as_a_proxy_answer() {
        let answer = |text: &str| serde_json::from_str::<Answer>(text).unwrap();
        assert_eq!(answer(r#"{"statusCode":200,"body":"hi"}"#).message(), Some(Message::text("hi")));
        assert_eq!(answer(r#"{"statusCode":200}"#).message(), None);
        let encoded = answer(r#"{"statusCode":200,"body":"aGk=","isBase64Encoded":true}"#);
        assert_eq!(encoded.message(), Some(Message::text("hi")));
        let header = answer(r#"{"statusCode":200,"headers":{"sec-websocket-PROTOCOL":"v1"}}"#);
        assert_eq!(header.header("Sec-WebSocket-Protocol"), Some("v1"));
        let multi = answer(r#"{"statusCode":200,"headers":null,"multiValueHeaders":{"A":["b"]}}"#);
        assert_eq!(multi.header("a"), Some("b"));
        for malformed in ["null", "{}", r#""text""#, r#"{"statusCode":"200"}"#] {
            assert!(serde_json::from_str::<Answer>(malformed).is_err(), "{malformed}");
        }
    }
}
