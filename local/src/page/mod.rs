//! What the HTTP port has besides the HTTP API: the files of a page, if `--site` names a folder, and `/_local`, by which
//! a page does what otherwise needs a backend.
//!
//! A route of the HTTP API takes precedence over a file. `/_local` issues tokens for any user, so only pages of this
//! machine may call it: see [`check_host`].
//!
//! Never here: anything that a deployed stack has.

mod local;
mod site;

use std::{net::SocketAddr, sync::Arc};

use http::{Method, Request, StatusCode};
use hyper::body::Incoming;
use serde_json::json;

pub(crate) use self::{local::Local, site::Site};
use crate::{
    api_gateway::http::HttpApiServer,
    http1::{Reply, json_reply},
    loopback::check_host,
};

/// Everything that answers on the HTTP port.
pub(crate) struct Page {
    http: Arc<HttpApiServer>,
    local: Local,
    site: Option<Site>,
}

impl Page {
    /// The HTTP API, `/_local`, and the files of a page.
    pub(crate) fn new(http: Arc<HttpApiServer>, local: Local, site: Option<Site>) -> Arc<Self> {
        Arc::new(Self { http, local, site })
    }

    /// Answers any request that came from `peer`.
    pub(crate) async fn answer(self: Arc<Self>, request: Request<Incoming>, peer: SocketAddr) -> Reply {
        let path = request.uri().path();
        if path == local::PREFIX || path.starts_with("/_local/") {
            if let Err(foreign) = check_host(request.headers()) {
                tracing::warn!(path, %foreign, "request refused");
                return json_reply(StatusCode::FORBIDDEN, &json!({ "message": foreign.to_string() }));
            }
            return self.local.answer(request).await;
        }
        match &self.site {
            Some(site) if is_read(request.method()) && !self.http.has_route(&request) => {
                site.answer(request).await
            }
            _ => Arc::clone(&self.http).answer(request, peer).await,
        }
    }
}

fn is_read(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

#[cfg(test)]
mod tests;
