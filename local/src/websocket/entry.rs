//! Who is let in: the way of a handshake to its 101, or to its refusal.

use std::{net::SocketAddr, sync::Arc, time::Instant};

use http::{HeaderMap, Request, StatusCode, header};
use hyper::{body::Incoming, upgrade::OnUpgrade};
use hyper_util::rt::TokioIo;
use serde_json::{Map, Value, json};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, handshake::derive_accept_key, protocol::Role},
};

use super::{
    WebSockets,
    authorizer::{self, Verdict},
    connection::{Connection, End},
    event::{self, Client},
    handshake::Handshake,
    journal::{self, Peer},
    limits::URL_BYTES_MAX,
    route::Failure,
    session,
};
use crate::{
    front::{Reply, json_reply},
    template::{ACCOUNT, REGION},
    throttle::Admission,
};

/// A request to be let in that is well formed as HTTP.
struct Knock {
    handshake: Handshake,
    client: Client,
    /// `Sec-WebSocket-Accept` of the 101.
    accept: String,
    upgrade: OnUpgrade,
}

impl WebSockets {
    /// Answers a WebSocket handshake: 101 for whom the authorizer and `$connect` let in.
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
        let knock = Knock {
            handshake: Handshake::new(request.uri(), headers, peer),
            client: Client::new(peer, headers),
            accept,
            upgrade: hyper::upgrade::on(&mut request),
        };
        // A task of its own: a client that hangs up meanwhile must not cut `$connect` short, or leave it without
        // its `$disconnect`.
        let entered = tokio::spawn(Arc::clone(self).enter(knock));
        entered.await.unwrap_or_else(|_| internal_error(None))
    }

    async fn enter(self: Arc<Self>, knock: Knock) -> Reply {
        if let Some(bucket) = &self.bucket
            && bucket.take(Instant::now()) == Admission::Throttled
        {
            return json_reply(StatusCode::TOO_MANY_REQUESTS, &json!({ "message": "Too Many Requests" }));
        }
        let authorizer = match self.authorize(&knock).await {
            Ok(authorizer) => authorizer,
            Err(refusal) => return refusal,
        };
        // Before `$connect`, which may leave something behind: a stack that is killed in it is to call `$disconnect`.
        let peer = Peer { client: knock.client.clone(), authorizer };
        if let Err(error) = self.journal.write(|to| journal::insert(to, &peer)) {
            tracing::error!("{}", error.message);
            return internal_error(Some(&peer.client));
        }
        let protocol = match self.connect(&knock, peer.authorizer.as_ref()).await {
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
            && add(header::SEC_WEBSOCKET_ACCEPT, &knock.accept)
            && protocol.is_none_or(|protocol| add(header::SEC_WEBSOCKET_PROTOCOL, &protocol));
        if !added {
            return internal_error(Some(&peer.client));
        }
        let (connection, queued) = Connection::new(peer);
        let connection = Arc::new(connection);
        self.lock().insert(connection.id().to_owned(), Arc::clone(&connection));
        let session = self.sessions.subscribe();
        tokio::spawn(async move {
            if let Ok(upgraded) = knock.upgrade.await {
                let config = Some(session::config(&self.limits));
                let socket =
                    WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, config).await;
                session::run(self, connection, queued, socket).await;
            } else {
                self.forget(&connection);
                self.disconnected(&connection.peer, connection.receipts.next(), &End::lost()).await;
            }
            drop(session);
        });
        reply
    }

    /// Asks the authorizer. Returns what later events carry of its answer, or the refusal.
    async fn authorize(&self, knock: &Knock) -> Result<Option<Map<String, Value>>, Reply> {
        let Some(function) = &self.api.authorizer else { return Ok(None) };
        if !self.api.identity_sources.iter().all(|source| knock.handshake.has(source)) {
            return Err(json_reply(StatusCode::UNAUTHORIZED, &json!({ "message": "Unauthorized" })));
        }
        let (api_id, stage) = (&self.api.api_id, &self.api.stage);
        let method_arn = format!("arn:aws:execute-api:{REGION}:{ACCOUNT}:{api_id}/{stage}/$connect");
        let event = event::authorize(&self.origin, &knock.client, &knock.handshake, &method_arn);
        let begun = Instant::now();
        let verdict = match self.invoke(function, &event, self.limits.integration_timeout).await {
            Ok(answer) => authorizer::verdict(answer, &method_arn),
            Err(failure) => Verdict::Failed(format!("{failure}")),
        };
        if let Verdict::Failed(reason) = &verdict {
            tracing::warn!(reason, "the authorizer failed");
        }
        if let Some((status, body)) = verdict.refusal() {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            return Err(json_reply(status, &body));
        }
        let Verdict::Allowed(mut context) = verdict else { return Err(internal_error(None)) };
        let latency = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        context.insert("integrationLatency".to_owned(), latency.into());
        Ok(Some(context))
    }

    /// Asks `$connect`, where there is one. Returns the subprotocol that it chose, or the refusal.
    async fn connect(
        &self,
        knock: &Knock,
        authorizer: Option<&Map<String, Value>>,
    ) -> Result<Option<String>, Reply> {
        let Some(route) = self.api.routes.get("$connect") else { return Ok(None) };
        let event = event::connect(&self.origin, &knock.client, &knock.handshake, authorizer);
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
                failure.log("$connect", &knock.client.connection_id);
                let status = match failure {
                    Failure::Timeout(_) => StatusCode::GATEWAY_TIMEOUT,
                    Failure::Function(_) | Failure::Malformed(_) => StatusCode::BAD_GATEWAY,
                };
                Err(json_reply(status, &error_body(failure.message(), Some(&knock.client))))
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
