//! One port for everything that is not the HTTP API: WebSockets, `@connections`, and each AWS service by which the
//! functions and the SDKs of a test reach this stack.
//!
//! This only tells requests apart; each kind is answered in its own module. `/_local/...` is ours and not AWS's: what
//! runs here, what was used, and the removal of expired items at once.

mod aws_json;
mod caller;
mod connections;
mod dynamodb;
mod invoke;
mod server;

use std::{net::SocketAddr, sync::Arc};

use http::{HeaderValue, Method, Request, StatusCode};
use hyper::body::Incoming;
use serde_json::{Value, json};

pub(crate) use self::{
    invoke::Names,
    server::{BodyError, Reply, empty_reply, json_reply, read_body, serve},
};
use crate::{
    bus::Bus,
    engine::Engine,
    lambda::Lambda,
    queues::Queues,
    usage::Usage,
    websocket::{WebSockets, is_upgrade},
};

/// Everything that answers on the port.
pub(crate) struct Front {
    pub(crate) websockets: Arc<WebSockets>,
    pub(crate) engine: Engine,
    pub(crate) lambda: Lambda,
    pub(crate) bus: Bus,
    pub(crate) queues: Queues,
    pub(crate) names: Names,
    pub(crate) usage: Usage,
    /// The line that says that the stack is ready: `GET /_local`.
    pub(crate) ready: Value,
}

impl Front {
    /// Answers any request that came from `peer`.
    pub(crate) async fn answer(self: Arc<Self>, request: Request<Incoming>, peer: SocketAddr) -> Reply {
        if is_upgrade(request.headers()) {
            return self.websockets.accept(request, peer).await;
        }
        let (head, body) = request.into_parts();
        let path = head.uri.path();
        if path.starts_with("/_local") {
            return self.local(&head.method, path).await;
        }
        if let Some(id) = connections::connection_id(path) {
            return connections::answer(&self, &head.method, &id, &head.headers, body).await;
        }
        if let Some(function) = invoke::function_name(path) {
            return invoke::answer(&self, &function, &head.headers, body).await;
        }
        if let Some(target) = head.headers.get("x-amz-target").map(HeaderValue::to_str) {
            return aws_json::answer(&self, target.unwrap_or_default(), &head.headers, body).await;
        }
        json_reply(StatusCode::FORBIDDEN, &json!({ "message": "Forbidden" }))
    }

    async fn local(&self, method: &Method, path: &str) -> Reply {
        match (method, path) {
            (&Method::GET, "/_local") => json_reply(StatusCode::OK, &self.ready),
            (&Method::GET, "/_local/usage") => json_reply(StatusCode::OK, &self.usage.snapshot()),
            (&Method::DELETE, "/_local/usage") => {
                self.usage.reset();
                empty_reply(StatusCode::NO_CONTENT)
            }
            (&Method::POST, "/_local/sweep") => match self.engine.sweep().await {
                Ok(removed) => json_reply(StatusCode::OK, &json!({ "removed": removed })),
                Err(error) => json_reply(StatusCode::INTERNAL_SERVER_ERROR, &error.body()),
            },
            _ => json_reply(StatusCode::NOT_FOUND, &json!({ "message": "Not Found" })),
        }
    }
}
