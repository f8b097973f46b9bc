//! Takes a frame to the function of its route, and the reply back.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::{
    connection::{Connection, End},
    event,
    journal::{self, Peer},
    server::WebSockets,
};
use crate::{api_gateway::throttle::Admission, faults::FaultKind, lambda::InvokeError, template::Route};

/// The response of a Lambda proxy integration.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ProxyResponse {
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

/// Why an integration has no response.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Function(#[from] InvokeError),
    #[error("malformed proxy response: {0}")]
    Malformed(#[from] serde_json::Error),
    /// The function took longer than the route allows; it continues to run.
    #[error("no response within {0:?}")]
    Timeout(Duration),
}

impl ProxyResponse {
    /// The body as it is sent to the client: text, unless it is base64 of something that is not UTF-8.
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

    /// The value of a header; the case of its name does not matter.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        fn find<'a>(headers: Option<&'a Map<String, Value>>, name: &str) -> Option<&'a Value> {
            headers?.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
        }
        let single = find(self.headers.as_ref(), name).and_then(Value::as_str);
        single.or_else(|| find(self.multi_value_headers.as_ref(), name)?.get(0)?.as_str())
    }
}

impl Failure {
    /// Logs the failure, unless it is the function's own, which is logged where the function runs.
    pub(super) fn log(&self, route: &str, connection_id: &str) {
        if !matches!(self, Self::Function(_)) {
            tracing::warn!(route, connection_id, "{self}");
        }
    }

    /// The message for the client; the rest is for the log.
    pub(super) fn message(&self) -> &'static str {
        match self {
            Self::Function(_) | Self::Malformed(_) => "Internal server error",
            Self::Timeout(_) => "Endpoint request timed out",
        }
    }
}

impl WebSockets {
    /// Takes a frame of `connection`, received at `at`, to its route, and the reply back if the route has responses.
    pub(super) async fn frame(&self, connection: &Connection, at: Timestamp, body: &str) {
        let Some((key, route)) = select(&self.api.routes, body) else {
            return refuse(connection, "Forbidden");
        };
        if self.buckets.take(key, Instant::now()) == Admission::Throttled {
            return refuse(connection, "Too Many Requests");
        }
        let Peer { client, authorizer } = &connection.peer;
        let event = event::message(&self.origin, client, at, authorizer.as_ref(), key, body);
        match self.integrate(route, &event).await {
            Ok(answer) if route.responds => match answer.message() {
                None => {}
                Some(message) if message.len() > self.limits.message_bytes_max => {
                    // It is documented that API Gateway does not deliver such a reply, but not what it sends instead.
                    let (bytes, connection_id) = (message.len(), connection.id());
                    tracing::warn!(
                        route = key,
                        connection_id,
                        bytes,
                        "a reply is larger than the limit of a message"
                    );
                    refuse(connection, "Internal server error");
                }
                Some(message) => _ = connection.post(message),
            },
            Ok(_) => {}
            // The response of a route without responses is not read, so it may be anything.
            Err(Failure::Malformed(_)) if !route.responds => {}
            Err(failure) => {
                failure.log(key, connection.id());
                refuse(connection, failure.message());
            }
        }
    }

    /// Calls `$disconnect`, if the API has that route, for a connection that ended at `at`. The response is ignored.
    ///
    /// If the stack stops meanwhile, the connection stays in the journal, and the next run calls `$disconnect`.
    pub(super) async fn disconnected(&self, peer: &Peer, at: Timestamp, end: &End) {
        let connection_id = &peer.client.connection_id;
        if let Some(route) = self.api.routes.get("$disconnect")
            && !self.faults.strikes(FaultKind::LostDisconnect)
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

    /// Calls `$disconnect` for the connections that an earlier run left, as their sockets ended when it was killed.
    pub(crate) fn disconnect_left_over(self: &Arc<Self>) -> anyhow::Result<()> {
        for peer in self.journal.read(journal::load)? {
            let (api, session) = (Arc::clone(self), self.sessions.subscribe());
            tokio::spawn(async move {
                api.disconnected(&peer, Timestamp::now(), &End::lost()).await;
                drop(session);
            });
        }
        Ok(())
    }

    /// Calls the route's function and parses its response.
    pub(super) async fn integrate(&self, route: &Route, event: &Value) -> Result<ProxyResponse, Failure> {
        let limit = route.timeout.min(self.limits.integration_timeout);
        let answer = self.invoke(&route.function, event, limit).await??;
        Ok(serde_json::from_slice(&answer)?)
    }

    /// Invokes a function and waits for at most `limit`. After that it continues to run, as on AWS, but its result is lost.
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

/// Sends an error frame, as API Gateway itself does.
fn refuse(connection: &Connection, message: &str) {
    let frame = json!({
        "message": message,
        "connectionId": connection.id(),
        "requestId": event::random_id(),
    });
    connection.post(Message::text(frame.to_string()));
}

/// Selects a route by `$request.body.action`. A body that is not JSON, or has no known action, goes to `$default`.
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
    // A client cannot select `$connect` or `$disconnect`.
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
    fn a_response_is_parsed_as_a_proxy_response() {
        let answer = |text: &str| serde_json::from_str::<ProxyResponse>(text).unwrap();
        assert_eq!(answer(r#"{"statusCode":200,"body":"hi"}"#).message(), Some(Message::text("hi")));
        assert_eq!(answer(r#"{"statusCode":200}"#).message(), None);
        let encoded = answer(r#"{"statusCode":200,"body":"aGk=","isBase64Encoded":true}"#);
        assert_eq!(encoded.message(), Some(Message::text("hi")));
        let header = answer(r#"{"statusCode":200,"headers":{"sec-websocket-PROTOCOL":"v1"}}"#);
        assert_eq!(header.header("Sec-WebSocket-Protocol"), Some("v1"));
        let multi = answer(r#"{"statusCode":200,"headers":null,"multiValueHeaders":{"A":["b"]}}"#);
        assert_eq!(multi.header("a"), Some("b"));
        for malformed in ["null", "{}", r#""text""#, r#"{"statusCode":"200"}"#] {
            assert!(serde_json::from_str::<ProxyResponse>(malformed).is_err(), "{malformed}");
        }
    }
}
