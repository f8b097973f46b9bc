//! The events that the functions of a WebSocket API get, in API Gateway's form.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-mapping-template-reference.html>

use std::net::SocketAddr;

use base64::{Engine as _, engine::general_purpose::URL_SAFE};
use http::{HeaderMap, header};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::handshake::Handshake;

/// An id as API Gateway generates it for connections and requests: 11 random bytes in base64, which ends in `=`.
pub(super) fn random_id() -> String {
    URL_SAFE.encode(rand::random::<[u8; 11]>())
}

/// What is known about a client from its handshake on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Client {
    pub(super) connection_id: String,
    pub(super) connected_at: Timestamp,
    pub(super) source_ip: String,
    pub(super) user_agent: Option<String>,
}

impl Client {
    /// A client that connects now.
    pub(super) fn new(peer: SocketAddr, headers: &HeaderMap) -> Self {
        let user_agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        Self {
            connection_id: random_id(),
            connected_at: Timestamp::now(),
            source_ip: peer.ip().to_string(),
            user_agent: user_agent.map(str::to_owned),
        }
    }

    /// `identity`, of an event and in the description of a connection by `@connections`.
    pub(super) fn identity(&self) -> Value {
        let mut identity = json!({ "sourceIp": self.source_ip });
        if let Some(user_agent) = &self.user_agent {
            identity["userAgent"] = Value::from(user_agent.as_str());
        }
        identity
    }
}

/// The API that an event comes from.
#[derive(Debug, Clone)]
pub(super) struct Origin {
    pub(super) api_id: String,
    pub(super) stage: String,
    /// `host:port`, from which a function builds the URL of `@connections`.
    pub(super) domain_name: String,
}

/// The event of the REQUEST authorizer, for `$connect`.
pub(super) fn authorize(origin: &Origin, client: &Client, handshake: &Handshake, method_arn: &str) -> Value {
    let mut event = handshake.members();
    event.insert("type".to_owned(), "REQUEST".into());
    event.insert("methodArn".to_owned(), method_arn.into());
    event.insert("stageVariables".to_owned(), json!({}));
    event.insert(
        "requestContext".to_owned(),
        context(origin, client, client.connected_at, "$connect", "CONNECT", None).into(),
    );
    Value::Object(event)
}

/// The event of `$connect`.
pub(super) fn connect(
    origin: &Origin,
    client: &Client,
    handshake: &Handshake,
    authorizer: Option<&Map<String, Value>>,
) -> Value {
    let mut event = handshake.members();
    event.insert(
        "requestContext".to_owned(),
        context(origin, client, client.connected_at, "$connect", "CONNECT", authorizer).into(),
    );
    event.insert("isBase64Encoded".to_owned(), false.into());
    Value::Object(event)
}

/// The event of a frame that was received at `at` and goes to the route `route_key`. As on AWS, frames of one connection may
/// have the same time.
pub(super) fn message(
    origin: &Origin,
    client: &Client,
    at: Timestamp,
    authorizer: Option<&Map<String, Value>>,
    route_key: &str,
    body: &str,
) -> Value {
    let mut context = context(origin, client, at, route_key, "MESSAGE", authorizer);
    context.insert("messageId".to_owned(), random_id().into());
    json!({ "requestContext": context, "body": body, "isBase64Encoded": false })
}

/// The event of `$disconnect`. `code` is the close code: 1005 if the client sent none, 1006 if the socket just ended.
pub(super) fn disconnect(
    origin: &Origin,
    client: &Client,
    at: Timestamp,
    authorizer: Option<&Map<String, Value>>,
    code: u16,
    reason: &str,
) -> Value {
    let mut context = context(origin, client, at, "$disconnect", "DISCONNECT", authorizer);
    context.insert("disconnectStatusCode".to_owned(), code.into());
    context.insert("disconnectReason".to_owned(), reason.into());
    let headers = [
        ("Host", origin.domain_name.as_str()),
        ("x-api-key", ""),
        ("X-Forwarded-For", ""),
        ("x-restapi", ""),
    ];
    let multi: Map<String, Value> =
        headers.iter().map(|(name, value)| ((*name).to_owned(), json!([value]))).collect();
    let single: Map<String, Value> =
        headers.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    json!({ "headers": single, "multiValueHeaders": multi, "requestContext": context, "isBase64Encoded": false })
}

fn context(
    origin: &Origin,
    client: &Client,
    at: Timestamp,
    route_key: &str,
    event_type: &str,
    authorizer: Option<&Map<String, Value>>,
) -> Map<String, Value> {
    let mut context = Map::from_iter([
        ("routeKey".to_owned(), Value::from(route_key)),
        ("eventType".to_owned(), event_type.into()),
        ("messageDirection".to_owned(), "IN".into()),
        ("extendedRequestId".to_owned(), random_id().into()),
        ("requestId".to_owned(), random_id().into()),
        ("requestTime".to_owned(), at.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string().into()),
        ("requestTimeEpoch".to_owned(), at.as_millisecond().into()),
        ("connectedAt".to_owned(), client.connected_at.as_millisecond().into()),
        ("connectionId".to_owned(), client.connection_id.as_str().into()),
        ("identity".to_owned(), client.identity()),
        ("domainName".to_owned(), origin.domain_name.as_str().into()),
        ("stage".to_owned(), origin.stage.as_str().into()),
        ("apiId".to_owned(), origin.api_id.as_str().into()),
    ]);
    if let Some(authorizer) = authorizer {
        context.insert("authorizer".to_owned(), Value::Object(authorizer.clone()));
    }
    context
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn origin() -> Origin {
        Origin {
            api_id: "abc123".to_owned(),
            stage: "dev".to_owned(),
            domain_name: "127.0.0.1:3001".to_owned(),
        }
    }

    fn headers() -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("user-agent", "test".parse().unwrap());
        headers.insert("connection", "Upgrade".parse().unwrap());
        headers.insert("sec-websocket-protocol", "funnelcast.v1".parse().unwrap());
        headers
    }

    fn peer() -> SocketAddr {
        (Ipv4Addr::LOCALHOST, 50000).into()
    }

    #[test]
    fn ids_have_the_form_of_api_gateways() {
        let id = random_id();
        assert_eq!(id.len(), 16);
        assert!(id.ends_with('='));
        assert_ne!(id, random_id());
    }

    #[test]
    fn the_authorizer_gets_the_request_unchanged() {
        let uri = "/dev?token=a%20b&tag=1&tag=2".parse().unwrap();
        let handshake = Handshake::new(&uri, &headers(), peer());
        let event = authorize(&origin(), &Client::new(peer(), &headers()), &handshake, "arn:x");
        assert_eq!(event["type"], "REQUEST");
        assert_eq!(event["methodArn"], "arn:x");
        assert_eq!(event["headers"]["Sec-WebSocket-Protocol"], "funnelcast.v1");
        assert_eq!(event["headers"].get("Connection"), None);
        assert_eq!(event["queryStringParameters"], json!({ "token": "a b", "tag": "2" }));
        assert_eq!(event["multiValueQueryStringParameters"]["tag"], json!(["1", "2"]));
        assert_eq!(event["requestContext"]["routeKey"], "$connect");
        assert_eq!(event["requestContext"]["eventType"], "CONNECT");
        assert_eq!(
            event["requestContext"]["identity"],
            json!({ "sourceIp": "127.0.0.1", "userAgent": "test" })
        );
    }

    #[test]
    fn a_message_and_a_disconnect_have_their_own_members() {
        let client = Client::new(peer(), &headers());
        let authorizer = Map::from_iter([("principalId".to_owned(), Value::from("user_1"))]);
        let event = message(&origin(), &client, Timestamp::now(), Some(&authorizer), "join", "{}");
        assert_eq!(event["body"], "{}");
        assert_eq!(event["isBase64Encoded"], false);
        assert_eq!(event.get("headers"), None);
        let context = &event["requestContext"];
        assert_eq!(context["routeKey"], "join");
        assert_eq!(context["messageDirection"], "IN");
        assert_eq!(context["connectionId"], client.connection_id.as_str());
        assert_eq!(context["connectedAt"], client.connected_at.as_millisecond());
        assert_eq!(context["authorizer"]["principalId"], "user_1");
        assert!(context["messageId"].is_string() && context["requestTimeEpoch"].is_i64());

        let event = disconnect(&origin(), &client, Timestamp::now(), None, 1001, "Going away");
        assert_eq!(event["requestContext"]["eventType"], "DISCONNECT");
        assert_eq!(event["requestContext"]["disconnectStatusCode"], 1001);
        assert_eq!(event["requestContext"]["disconnectReason"], "Going away");
        assert_eq!(event["requestContext"].get("authorizer"), None);
    }
}
