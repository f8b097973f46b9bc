//! `http-api`: the HTTP API, for what a browser does before it has a socket, and while it cannot have one.
//!
//! The operations are those of `funnelcast-realtime`; this function only maps them to HTTP. Two things differ without
//! a socket. The user has joined nothing, so they may read and send what they would be allowed to join, if need be by
//! a grant. And a request for one of their connections (joining, leaving) is made as that connection, with the claims
//! of the connection's own token, not with those of the request's token.
//!
//! # Layout
//! - here: the routes, which are those of `funnelcast_core::http_api::OPERATIONS`
//! - `connections`, `channels`, `messages`, `moderation`, `conversations`, `publishing`, `files`, `calls`: the handlers of the routes
//! - `user`, `fields`: the caller, and the fields of a request
//! - `preflight`: CORS preflight requests
//! - `answer`: responses, refusals, and the log line of a request

mod answer;
mod calls;
mod channels;
mod connections;
mod conversations;
mod fields;
mod files;
mod messages;
mod moderation;
mod preflight;
mod publishing;
#[cfg(test)]
mod tests;
mod user;

use std::sync::Arc;

use axum::{
    Router, middleware,
    routing::{MethodRouter, delete, get, post},
};
use funnelcast_aws::{Config, Resource, config::Lease, serve::serve_http};
use funnelcast_core::Error;
use funnelcast_realtime::{Realtime, files::Files, ice::Ice, tokens::Issuers};
use preflight::Cors;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    serve_http(router).await
}

/// The resources of the operations, the files, the servers of calls, the trusted issuers, and what is told of connections.
#[derive(Debug)]
struct Api {
    realtime: Realtime,
    files: Files,
    ice: Ice,
    issuers: Issuers,
    websocket_url: String,
    lease: Lease,
    cors: Arc<Cors>,
}

impl Resource for Api {
    async fn build(config: &Config) -> Result<Self, Error> {
        Ok(Self {
            realtime: Realtime::build(config).await?,
            files: Files::build(config).await?,
            ice: Ice::build(config).await?,
            issuers: Issuers::build(config).await?,
            websocket_url: config.websocket_url()?,
            lease: config.lease,
            cors: Arc::new(Cors::of(config)?),
        })
    }
}

/// The service that answers the requests.
fn router(api: Api) -> Router {
    let (cors, api) = (Arc::clone(&api.cors), Arc::new(api));
    let routes = routes().into_iter();
    routes
        .fold(Router::new(), |router, (path, methods)| router.route(path, methods))
        .fallback(answer::no_such_path)
        .method_not_allowed_fallback(answer::no_such_method)
        .layer(middleware::from_fn_with_state(api.clone(), user::charge))
        .layer(middleware::from_fn(answer::finish))
        .layer(middleware::from_fn_with_state(cors, preflight::answer))
        .with_state(api)
}

/// All paths, with the handlers of their methods.
fn routes() -> [(&'static str, MethodRouter<Arc<Api>>); 16] {
    [
        ("/api/websocket/connect", post(connections::connect)),
        ("/api/websocket/disconnect", delete(connections::disconnect)),
        ("/api/websocket/status", get(connections::status)),
        ("/api/websocket/channels", get(channels::list).post(channels::join).delete(channels::leave)),
        ("/api/websocket/messages", get(messages::history).post(messages::send)),
        ("/api/websocket/receipts", post(messages::ack)),
        ("/api/websocket/search", get(messages::search)),
        ("/api/websocket/moderation", get(moderation::get).post(moderation::post)),
        ("/api/conversations", get(conversations::inbox)),
        (
            "/api/conversations/{id}",
            get(conversations::get).put(conversations::put).delete(conversations::delete),
        ),
        ("/api/publish", post(publishing::publish)),
        ("/api/files", post(files::create)),
        ("/api/files/{id}", get(files::read).post(files::complete).delete(files::remove)),
        ("/api/files/{id}/parts", post(files::sign_parts)),
        ("/api/files/{id}/link", get(files::link)),
        ("/api/calls/ice", post(calls::ice)),
    ]
}
