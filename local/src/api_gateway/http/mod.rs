//! The HTTP API: routes to functions with payload format 2.0, and CORS and the throttle of the template.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>
//!
//! If the template has no HTTP API, the port answers with 404.

mod cors;
mod event;
mod response;
mod routing;

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use http::{Method, Request, StatusCode, header};
use hyper::body::Incoming;
use serde_json::json;

use crate::{
    api_gateway::throttle::{Admission, Buckets},
    http1::{BodyError, Reply, empty_reply, json_reply, read_body},
    lambda::Lambda,
    template::HttpApi,
};

/// The largest request that an HTTP API accepts.
const BODY_BYTES_MAX: usize = 10 * 1024 * 1024;
/// How long an integration may take.
const INTEGRATION_TIMEOUT: Duration = Duration::from_secs(30);

/// The stack's HTTP API, if it has one.
pub(crate) struct HttpApiServer {
    api: Option<HttpApi>,
    /// `host:port`.
    domain_name: String,
    lambda: Lambda,
    buckets: Buckets,
}

impl HttpApiServer {
    /// The API served at `domain_name` (`host:port`).
    pub(crate) fn new(api: Option<HttpApi>, domain_name: &str, lambda: Lambda) -> Arc<Self> {
        let buckets = Buckets::new(api.as_ref().map(|api| api.throttles.clone()).unwrap_or_default());
        Arc::new(Self { api, domain_name: domain_name.to_owned(), lambda, buckets })
    }

    /// Whether the API has a route for this request.
    pub(crate) fn has_route<B>(&self, request: &Request<B>) -> bool {
        let (method, path) = (request.method().as_str(), request.uri().path());
        self.api.as_ref().is_some_and(|api| routing::choose(&api.routes, method, path).is_some())
    }

    /// Answers a request that came from `peer`.
    pub(crate) async fn answer(self: Arc<Self>, request: Request<Incoming>, peer: SocketAddr) -> Reply {
        let Some(api) = &self.api else { return not_found() };
        let origin = request.headers().get(header::ORIGIN).cloned();
        let is_preflight = request.method() == Method::OPTIONS
            && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        // It is reported both ways whether API Gateway answers a preflight itself if a route takes every method
        // (aws/serverless-application-model#1603). Here the function answers it, and nothing is added.
        let is_routed =
            routing::choose(&api.routes, request.method().as_str(), request.uri().path()).is_some();
        match (&api.cors, origin) {
            (Some(_), Some(_)) if is_preflight && is_routed => self.integrate(api, request, peer).await,
            (Some(cors), Some(origin)) if is_preflight => cors::preflight(cors, &origin),
            (Some(cors), Some(origin)) => {
                let mut reply = self.integrate(api, request, peer).await;
                cors::allow(cors, &origin, reply.headers_mut());
                reply
            }
            _ => self.integrate(api, request, peer).await,
        }
    }

    async fn integrate(&self, api: &HttpApi, request: Request<Incoming>, peer: SocketAddr) -> Reply {
        let (head, body) = request.into_parts();
        let Some(chosen) = routing::choose(&api.routes, head.method.as_str(), head.uri.path()) else {
            return not_found();
        };
        if self.buckets.take(&chosen.route.key(), Instant::now()) == Admission::Throttled {
            return json_reply(StatusCode::TOO_MANY_REQUESTS, &json!({ "message": "Too Many Requests" }));
        }
        let body = match read_body(body, BODY_BYTES_MAX).await {
            Ok(body) => body,
            Err(BodyError::TooLarge) => {
                return json_reply(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    &json!({ "message": "Request Entity Too Large" }),
                );
            }
            Err(BodyError::Lost) => return empty_reply(StatusCode::BAD_REQUEST),
        };
        let event = event::request(api, &self.domain_name, &chosen, &head, &body, peer);
        // The function continues if the client closes the connection or the time is over, as on AWS.
        let invoked = self.lambda.invoke(&chosen.route.function, event.to_string().into());
        match tokio::time::timeout(INTEGRATION_TIMEOUT, invoked).await {
            Ok(Ok(result)) => response::reply(&result).unwrap_or_else(|error| {
                tracing::warn!(path = head.uri.path(), "malformed response: {error:#}");
                internal_error()
            }),
            // Logged where the function runs.
            Ok(Err(_)) => internal_error(),
            Err(_) => {
                json_reply(StatusCode::SERVICE_UNAVAILABLE, &json!({ "message": "Service Unavailable" }))
            }
        }
    }
}

fn not_found() -> Reply {
    json_reply(StatusCode::NOT_FOUND, &json!({ "message": "Not Found" }))
}

fn internal_error() -> Reply {
    json_reply(StatusCode::INTERNAL_SERVER_ERROR, &json!({ "message": "Internal Server Error" }))
}
