//! CORS preflight requests, which a browser sends before a page's own
//! (<https://fetch.spec.whatwg.org/#http-cors-protocol>).
//!
//! API Gateway answers them if it is configured with the origins; but its documentation also says that
//! those of routes with any method are passed on. So both give the same answer, and both have it from the template. The headers
//! of other responses are set by API Gateway alone.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{
        HeaderName, HeaderValue, Method, StatusCode,
        header::{
            ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
            ACCESS_CONTROL_MAX_AGE, ORIGIN, VARY,
        },
    },
    middleware::Next,
    response::{IntoResponse, Response},
};
use funnelcast_aws::Config;
use funnelcast_core::Error;

/// How long a browser may cache the answer, in seconds.
const MAX_AGE: &str = "3600";

/// The allowed origins, methods and headers.
#[derive(Debug)]
pub(crate) struct Cors {
    /// Compared exactly.
    origins: Vec<String>,
    allowed: [(HeaderName, HeaderValue); 3],
}

impl Cors {
    /// Reads the configuration of the template; without it, nothing is allowed.
    pub(crate) fn of(config: &Config) -> Result<Self, Error> {
        let (methods, headers) = config.cors.clone().unwrap_or_default();
        let value = |list: String| {
            HeaderValue::from_str(&list)
                .map_err(|error| Error::internal("the template's mapping Cors", &error))
        };
        let allowed = [
            (ACCESS_CONTROL_ALLOW_METHODS, value(methods)?),
            (ACCESS_CONTROL_ALLOW_HEADERS, value(headers)?),
            (ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(MAX_AGE)),
        ];
        Ok(Self { origins: config.allowed_origins.clone(), allowed })
    }
}

/// Answers `OPTIONS` on any path, and passes on all other requests. A page of another origin gets no CORS headers.
pub(crate) async fn answer(State(cors): State<Arc<Cors>>, request: Request, next: Next) -> Response {
    if request.method() != Method::OPTIONS {
        return next.run(request).await;
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(VARY, HeaderValue::from_static("origin"));
    let origin = request.headers().get(ORIGIN);
    if let Some(origin) = origin.filter(|origin| cors.origins.iter().any(|allowed| *origin == allowed)) {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.extend(cors.allowed.clone());
    }
    tracing::info!(method = "OPTIONS", "done");
    response
}
