//! The port for everything but the HTTP API: WebSockets, `@connections`, and every AWS service by which functions and
//! SDKs reach the stack.
//!
//! This module only tells requests apart; each kind is answered in a module of its own. `/_local/...` is not AWS's.
//!
//! # Layout
//! - [`services`]: what answers on the port; [`caller`]: which function signed a request, and what it may do.
//! - [`aws_json`]: DynamoDB, EventBridge, SQS and Secrets Manager.
//! - [`crate::s3`]: S3, whose requests are told by their signature, or by a bucket in their path.
//! - [`connections`]: `@connections`; [`invoke`]: Lambda's `Invoke`; [`lambda_lists`]: what Lambda lists; [`local`]: usage, rights, faults and the clock of
//!   TTL, for tests.

mod aws_json;
mod caller;
mod connections;
mod invoke;
mod lambda_lists;
mod local;
mod services;

use std::{net::SocketAddr, sync::Arc};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, request::Parts};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use serde_json::json;

pub(crate) use self::{
    lambda_lists::mappings,
    services::{FunctionNames, Services},
};
use crate::{
    api_gateway::websocket::is_upgrade,
    http1::{Reply, json_reply},
    loopback::check_host,
};

/// Answers any request that came from `peer`.
pub(crate) async fn answer(
    services: Arc<Services>,
    request: Request<Incoming>,
    peer: SocketAddr,
) -> Response<Either<Full<Bytes>, s3s::Body>> {
    if is_upgrade(request.headers()) {
        return services.websockets.accept(request, peer).await.map(Either::Left);
    }
    let (head, body) = request.into_parts();
    // A WebSocket client proves by its token who it is, and the authorizer checks a page's origin. All other requests
    // must come from this machine.
    if let Err(foreign) = check_host(&head.headers) {
        tracing::warn!(path = head.uri.path(), %foreign, "request refused");
        let reply = json_reply(StatusCode::FORBIDDEN, &json!({ "message": foreign.to_string() }));
        return reply.map(Either::Left);
    }
    if services.s3.is_for(&head) {
        return services.s3.answer(Request::from_parts(head, body), peer).await.map(Either::Right);
    }
    answer_other(&services, &head, body).await.map(Either::Left)
}

/// Answers a request that is not one of S3.
async fn answer_other(services: &Services, head: &Parts, body: Incoming) -> Reply {
    let path = head.uri.path();
    if path.starts_with("/_local") {
        return local::answer(services, &head.method, path, body).await;
    }
    if let Some(target) = connections::target(path) {
        return connections::answer(services, &head.method, &target, &head.headers, body).await;
    }
    if let Some(function) = invoke::function_name(path) {
        return invoke::answer(services, &function, &head.headers, body).await;
    }
    if let Some(list) = lambda_lists::at(&head.method, path) {
        return lambda_lists::answer(services, list, head.uri.query(), &head.headers);
    }
    if let Some(target) = head.headers.get("x-amz-target").map(HeaderValue::to_str) {
        return aws_json::answer(services, target.unwrap_or_default(), &head.headers, body).await;
    }
    json_reply(StatusCode::FORBIDDEN, &json!({ "message": "Forbidden" }))
}

#[cfg(test)]
mod tests;
