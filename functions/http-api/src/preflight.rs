//! Preflights: what a browser asks before it lets a page ask something (<https://fetch.spec.whatwg.org/#http-cors-protocol>).
//!
//! API Gateway answers them where it is told the origins; but of routes that take every method it is also told that it hands
//! them on. So both say the same, and both from the template. Other answers get their headers from API Gateway alone.

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

/// How long a browser may remember an answer, in seconds.
const MAX_AGE: &str = "3600";

/// Who may ask what.
#[derive(Debug)]
pub(crate) struct Cors {
    /// Exact.
    origins: Vec<String>,
    allowed: [(HeaderName, HeaderValue); 3],
}

impl Cors {
    /// As the template has it; without it, nobody may ask anything.
    pub(crate) fn of(config: &Config) -> Result<Self, Error> {
        let (methods, headers) = config.cors.clone().unwrap_or_default();
        let value = |list: String| {
            HeaderValue::from_str(&list)
                .map_err(|error| Error::internal("CORS_METHODS or CORS_HEADERS", &error))
        };
        let allowed = [
            (ACCESS_CONTROL_ALLOW_METHODS, value(methods)?),
            (ACCESS_CONTROL_ALLOW_HEADERS, value(headers)?),
            (ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(MAX_AGE)),
        ];
        Ok(Self { origins: config.allowed_origins.clone(), allowed })
    }
}

/// Answers `OPTIONS` on whatever path, and lets all else pass. A page of another origin is told nothing.
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
