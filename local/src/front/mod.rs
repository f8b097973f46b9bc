//! One port for everything that is not the HTTP API: WebSockets, `@connections`, and each AWS service by which the
//! functions and the SDKs of a test reach this stack.
//!
//! This only tells requests apart; each kind is answered in its own module. `/_local/...` is ours and not AWS's.

mod aws_json;
mod caller;
mod connections;
mod dynamodb;
mod invoke;
mod local;
mod server;

use std::{net::SocketAddr, sync::Arc};

use http::{HeaderValue, Request, StatusCode};
use hyper::body::Incoming;
use serde_json::{Value, json};

pub(crate) use self::{
    invoke::Names,
    server::{BodyError, Reply, empty_reply, json_reply, read_body, serve},
};
use crate::{
    bus::Bus,
    engine::Engine,
    faults::Faults,
    lambda::Lambda,
    queues::Queues,
    secrets::Secrets,
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
    pub(crate) secrets: Secrets,
    pub(crate) names: Names,
    pub(crate) usage: Usage,
    pub(crate) faults: Faults,
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
            return local::answer(&self, &head.method, path, body).await;
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

    /// Whether `access_key` is what a function of this stack signs with.
    fn is_function(&self, access_key: &str) -> bool {
        self.names.logical_id(access_key).is_some()
    }
}

#[cfg(test)]
mod tests;
