//! Responses: JSON, refusals with the same code as on a socket, and one log line for each request.

use axum::http::StatusCode;
use axum::{
    Json,
    extract::{MatchedPath, Request},
    http::{
        HeaderValue,
        header::{CACHE_CONTROL, RETRY_AFTER, WWW_AUTHENTICATE},
    },
    middleware::Next,
    response::{IntoResponse, Response},
};
use funnelcast_core::{Error, frame::ErrorBody, http_api};

/// The result of a handler.
pub(crate) type ApiResult<T> = Result<Json<T>, ApiError>;

/// An error as a response.
#[derive(Debug, Clone)]
pub(crate) struct ApiError(Error);

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response =
            (status, Json(http_api::Refusal { error: ErrorBody::from(&self.0) })).into_response();
        let headers = response.headers_mut();
        match &self.0 {
            Error::Unauthorized(_) => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Error::RateLimited { retry_after_ms } => {
                headers.insert(RETRY_AFTER, HeaderValue::from(retry_after_ms.div_ceil(1_000))); // whole seconds
            }
            _ => {}
        }
        response.extensions_mut().insert(self); // read by `finish`
        response
    }
}

/// The response to a path that is no route.
pub(crate) async fn no_such_path() -> ApiError {
    Error::NotFound("the path").into()
}

/// The response to a method that a path does not have; axum lists the path's methods in `Allow`.
pub(crate) async fn no_such_method() -> ApiError {
    Error::UnknownAction.into()
}

/// Logs a request, and keeps its response out of every cache. The line contains nothing that the caller wrote: not
/// the path but the route that it matched, and only the code of a refusal, whose text may quote the caller.
pub(crate) async fn finish(request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut response = next.run(request).await;
    let route = route.as_ref().map_or("none", MatchedPath::as_str);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    match response.extensions_mut().remove::<ApiError>() {
        None => tracing::info!(%method, route, "done"),
        Some(ApiError(error @ Error::Internal(_))) => tracing::error!(%method, route, %error, "failed"),
        Some(ApiError(refusal)) => tracing::info!(%method, route, code = refusal.code(), "refused"),
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_limit_has_a_retry_after() {
        for (retry_after_ms, seconds) in [(1, "1"), (1_000, "1"), (1_001, "2")] {
            let response = ApiError(Error::RateLimited { retry_after_ms }).into_response();
            assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
            assert_eq!(response.headers()[RETRY_AFTER], seconds);
        }
    }

    #[tokio::test]
    async fn an_internal_error_is_not_disclosed() {
        let response = ApiError(Error::Internal("the table is on fire".into())).into_response();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        assert!(!body.is_empty() && !body.windows(4).any(|text| text == b"fire"), "{body:?}");
    }
}
