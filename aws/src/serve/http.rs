//! The entry point of a function behind an HTTP API: an `http` request in, an `http` response out, by any `tower`
//! service.

use std::convert::Infallible;

use lambda_http::{Adapter, Request, RequestExt, Response, Service, service_fn, tower::ServiceExt};
use tracing::Instrument;

use super::{
    process::{invocation, start},
    runtime,
};
use crate::resource::Resource;

/// Runs a function of the HTTP API: `service` creates the service that answers its requests from the resource.
///
/// What the service logs carries the id of the request, and the `user` that it records on the current span. The
/// service turns refusals and failures into responses, so the invocation itself never fails.
///
/// # Errors
/// The error with which the runtime API ends. If the resource cannot be built, the process exits.
pub async fn serve_http<T, S, B>(service: impl FnOnce(T) -> S) -> Result<(), lambda_http::Error>
where
    T: Resource,
    S: Service<Request, Response = Response<B>, Error = Infallible, Future: Send> + Clone + Send,
    Response<B>: lambda_http::IntoResponse,
{
    let (resource, meter) = start::<T>().await;
    let (service, meter) = (service(resource), &meter);
    let handle = service_fn(|request: Request| {
        let request_id = request.lambda_context_ref().map(|context| context.request_id.clone());
        let request_id = request_id.unwrap_or_default();
        let response = service.clone().oneshot(request).instrument(invocation(&request_id));
        async move {
            let response = response.await;
            meter.flush(&request_id);
            response
        }
    });
    runtime::run(Adapter::from(handle)).await
}
