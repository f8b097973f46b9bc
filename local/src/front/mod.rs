//! One port for everything that is not the HTTP API: WebSockets, `@connections`, and each AWS service by which the
//! functions and the SDKs of a test reach this stack.
//!
//! This only tells requests apart; each kind is answered in its own module. `/_local/...` is ours and not AWS's.

mod aws_json;
mod caller;
mod connections;
mod dynamodb;
mod guard;
mod invoke;
mod local;
mod requests;
mod server;

use std::{net::SocketAddr, sync::Arc};

use http::{HeaderValue, Request, StatusCode};
use hyper::body::Incoming;
use serde_json::{Value, json};

pub(crate) use self::{
    guard::check_host,
    invoke::Names,
    requests::Partitions,
    server::{BodyError, Reply, empty_reply, json_reply, read_body, serve},
};
use crate::{
    bus::Bus,
    engine::Engine,
    faults::Faults,
    lambda::Lambda,
    queues::Queues,
    rights::Rights,
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
    pub(crate) partitions: Partitions,
    pub(crate) rights: Rights,
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
        // A socket says by its token who it is, and a page's origin is for the authorizer to judge; all else is this
        // machine's own.
        if let Err(foreign) = check_host(&head.headers) {
            tracing::warn!(path, %foreign, "refused");
            return json_reply(StatusCode::FORBIDDEN, &json!({ "message": foreign.to_string() }));
        }
        if path.starts_with("/_local") {
            return local::answer(&self, &head.method, path, body).await;
        }
        if let Some(place) = connections::place(path) {
            return connections::answer(&self, &head.method, &place, &head.headers, body).await;
        }
        if let Some(function) = invoke::function_name(path) {
            return invoke::answer(&self, &function, &head.headers, body).await;
        }
        if let Some(target) = head.headers.get("x-amz-target").map(HeaderValue::to_str) {
            return aws_json::answer(&self, target.unwrap_or_default(), &head.headers, body).await;
        }
        json_reply(StatusCode::FORBIDDEN, &json!({ "message": "Forbidden" }))
    }
}

#[cfg(test)]
mod tests;
