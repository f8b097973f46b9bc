//! The handshake of a connection, up to the 101 or to a refusal.

use std::{net::SocketAddr, sync::Arc, time::Instant};

use http::{HeaderMap, Request, StatusCode, header};
use hyper::{body::Incoming, upgrade::OnUpgrade};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, handshake::derive_accept_key, protocol::Role},
};

use super::{
    authorizer::{Authorization, authorization},
    connection::{Connection, End},
    event::{self, Client},
    handshake::Handshake,
    journal::{self, Peer},
    limits::URL_BYTES_MAX,
    route::Failure,
    server::WebSockets,
    session,
};
use crate::{
    api_gateway::throttle::Admission,
    http1::{Reply, json_reply},
    template::{ACCOUNT, REGION},
};

/// A request to open a connection that is well formed.
struct Opening {
    handshake: Handshake,
    client: Client,
    /// `Sec-WebSocket-Accept` of the 101.
    accept: String,
    upgrade: OnUpgrade,
}

impl WebSockets {
    /// Answers a WebSocket handshake, with 101 if the authorizer and `$connect` accept it.
    pub(crate) async fn accept(self: &Arc<Self>, mut request: Request<Incoming>, peer: SocketAddr) -> Reply {
        let path = request.uri().path().trim_matches('/');
        if path != self.api.stage {
            return json_reply(StatusCode::FORBIDDEN, &json!({ "message": "Forbidden" }));
        }
        if request.uri().path_and_query().is_some_and(|url| url.as_str().len() > URL_BYTES_MAX) {
            return json_reply(StatusCode::URI_TOO_LONG, &json!({ "message": "Request-URI Too Long" }));
        }
        let headers = request.headers();
        let key = headers.get(header::SEC_WEBSOCKET_KEY).filter(|_| is_version_13(headers));
        let Some(accept) = key.map(|key| derive_accept_key(key.as_bytes())) else {
            return json_reply(StatusCode::BAD_REQUEST, &json!({ "message": "Bad Request" }));
        };
        let opening = Opening {
            handshake: Handshake::new(request.uri(), headers, peer),
            client: Client::new(peer, headers),
            accept,
            upgrade: hyper::upgrade::on(&mut request),
        };
        // In a task of its own: a client that closes the connection meanwhile must neither cancel `$connect` nor prevent
        // its `$disconnect`.
        let opened = tokio::spawn(Arc::clone(self).open(opening));
        opened.await.unwrap_or_else(|_| internal_error(None))
    }

    async fn open(self: Arc<Self>, opening: Opening) -> Reply {
        if self.buckets.take("$connect", Instant::now()) == Admission::Throttled {
            return json_reply(StatusCode::TOO_MANY_REQUESTS, &json!({ "message": "Too Many Requests" }));
        }
        let authorizer = match self.authorize(&opening).await {
            Ok(authorizer) => authorizer,
            Err(refusal) => return refusal,
        };
        // Before `$connect`, which may have effects: if the stack is killed then, the next run calls `$disconnect`.
        let peer = Peer { client: opening.client.clone(), authorizer };
        if let Err(error) = self.journal.write(|to| journal::insert(to, &peer)) {
            tracing::error!("{}", error.message);
            return internal_error(Some(&peer.client));
        }
        let protocol = match self.connect(&opening, peer.authorizer.as_ref()).await {
            Ok(protocol) => protocol,
            Err(refusal) => {
                self.journal.note(|to| journal::delete(to, &peer.client.connection_id));
                return refusal;
            }
        };
        let mut reply = Reply::new(http_body_util::Full::default());
        *reply.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let mut add = |name: header::HeaderName, value: &str| {
            value.parse().map(|value| reply.headers_mut().insert(name, value)).is_ok()
        };
        let added = add(header::CONNECTION, "Upgrade")
            && add(header::UPGRADE, "websocket")
            && add(header::SEC_WEBSOCKET_ACCEPT, &opening.accept)
            && protocol.is_none_or(|protocol| add(header::SEC_WEBSOCKET_PROTOCOL, &protocol));
        if !added {
            return internal_error(Some(&peer.client));
        }
        let (connection, queued) = Connection::new(peer);
        let connection = Arc::new(connection);
        self.lock().insert(connection.id().to_owned(), Arc::clone(&connection));
        let session = self.sessions.subscribe();
        tokio::spawn(async move {
            if let Ok(upgraded) = opening.upgrade.await {
                let config = Some(session::config(&self.limits));
                let socket =
                    WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, config).await;
                session::run(self, connection, queued, socket).await;
            } else {
                self.forget(&connection);
                self.disconnected(&connection.peer, Timestamp::now(), &End::lost()).await;
            }
            drop(session);
        });
        reply
    }

    /// Calls the authorizer. Returns its context, which later events carry, or the refusal.
    async fn authorize(&self, opening: &Opening) -> Result<Option<Map<String, Value>>, Reply> {
        let Some(function) = &self.api.authorizer else { return Ok(None) };
        if !self.api.identity_sources.iter().all(|source| opening.handshake.has(source)) {
            return Err(json_reply(StatusCode::UNAUTHORIZED, &json!({ "message": "Unauthorized" })));
        }
        let (api_id, stage) = (&self.api.api_id, &self.api.stage);
        let method_arn = format!("arn:aws:execute-api:{REGION}:{ACCOUNT}:{api_id}/{stage}/$connect");
        let event = event::authorize(&self.origin, &opening.client, &opening.handshake, &method_arn);
        let begun = Instant::now();
        let authorization = match self.invoke(function, &event, self.limits.integration_timeout).await {
            Ok(response) => authorization(response, &method_arn),
            Err(failure) => Authorization::Failed(format!("{failure}")),
        };
        if let Authorization::Failed(reason) = &authorization {
            tracing::warn!(reason, "the authorizer failed");
        }
        if let Some((status, body)) = authorization.refusal() {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            return Err(json_reply(status, &body));
        }
        let Authorization::Allowed(mut context) = authorization else { return Err(internal_error(None)) };
        let latency = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        context.insert("integrationLatency".to_owned(), latency.into());
        Ok(Some(context))
    }

    /// Calls `$connect`, if the API has that route. Returns the subprotocol that it chose, or the refusal.
    async fn connect(
        &self,
        opening: &Opening,
        authorizer: Option<&Map<String, Value>>,
    ) -> Result<Option<String>, Reply> {
        let Some(route) = self.api.routes.get("$connect") else { return Ok(None) };
        let event = event::connect(&self.origin, &opening.client, &opening.handshake, authorizer);
        match self.integrate(route, &event).await {
            Ok(answer) if (200..300).contains(&answer.status_code) => {
                Ok(answer.header("Sec-WebSocket-Protocol").map(str::to_owned))
            }
            Ok(answer) => {
                let status = StatusCode::from_u16(answer.status_code).unwrap_or(StatusCode::BAD_GATEWAY);
                let body = answer.message().map(Message::into_data).unwrap_or_default();
                let mut reply = Reply::new(body.into());
                *reply.status_mut() = status;
                Err(reply)
            }
            Err(failure) => {
                failure.log("$connect", &opening.client.connection_id);
                let status = match failure {
                    Failure::Timeout(_) => StatusCode::GATEWAY_TIMEOUT,
                    Failure::Function(_) | Failure::Malformed(_) => StatusCode::BAD_GATEWAY,
                };
                Err(json_reply(status, &error_body(failure.message(), Some(&opening.client))))
            }
        }
    }
}

fn is_version_13(headers: &HeaderMap) -> bool {
    headers.get(header::SEC_WEBSOCKET_VERSION).is_some_and(|version| version.as_bytes() == b"13")
}

fn internal_error(client: Option<&Client>) -> Reply {
    json_reply(StatusCode::BAD_GATEWAY, &error_body("Internal server error", client))
}

fn error_body(message: &str, client: Option<&Client>) -> Value {
    let mut body = json!({ "message": message, "requestId": event::random_id() });
    if let Some(client) = client {
        body["connectionId"] = client.connection_id.as_str().into();
    }
    body
}
