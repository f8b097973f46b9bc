//! The main loop of a function: from Lambda's event to the handler's typed argument, and from its result to the
//! response. This is the only module that knows Lambda's runtime.

use std::collections::BTreeMap;

use aws_lambda_events::apigw::{ApiGatewayWebsocketProxyRequest, ApiGatewayWebsocketProxyRequestContext};
use funnelcast_core::{
    ConnectionId, Error, Identity, JoinOrder, SocketCaller, Timestamp, action::Rejected, frame::Reply,
};
use lambda_runtime::{LambdaEvent, service_fn};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;
use tracing::{Instrument, Span};

mod http;
mod logging;
mod process;
mod runtime;
#[cfg(test)]
mod tests;

use self::process::{Failure, invocation, start};
pub use self::{http::serve_http, process::log_failure};
use crate::{clock::now, resource::Resource};

/// An event of the WebSocket API, as API Gateway sends it.
pub type WebSocketEvent = ApiGatewayWebsocketProxyRequest;

/// The caller of a WebSocket event, from its context. From here on, the log lines of the invocation name the caller.
///
/// # Errors
/// [`Error::Internal`]: the context comes from API Gateway and the stack's authorizer, so an invalid one is not the
/// caller's fault.
pub fn socket_caller(context: &ApiGatewayWebsocketProxyRequestContext) -> Result<SocketCaller, Error> {
    let identity = Identity::from_context(|name| context.authorizer.fields.get(name)?.as_str())?;
    let connection = connection_of(context)?;
    let span = Span::current();
    span.record("connection", connection.as_str()).record("user", identity.user.as_str());
    Ok(SocketCaller {
        identity,
        connection,
        connected_at: Timestamp::from_millis(context.connected_at),
        now: now(),
        order: JoinOrder::received_at(Timestamp::from_millis(context.request_time_epoch)),
    })
}

/// The type of an event for which API Gateway invokes a function of the WebSocket API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventType {
    /// A client wants to connect.
    Connect,
    /// A connection has ended.
    Disconnect,
    /// A client has sent a frame.
    Message,
}

impl EventType {
    const fn name(self) -> &'static str {
        match self {
            Self::Connect => "CONNECT",
            Self::Disconnect => "DISCONNECT",
            Self::Message => "MESSAGE",
        }
    }

    /// Whether an event is of this type; logs if it is not. A frame may name any route in its `action`, even
    /// `$connect`, and must not be mistaken for a handshake.
    pub fn is_that_of(self, context: &ApiGatewayWebsocketProxyRequestContext) -> bool {
        let is_same = context.event_type.as_deref() == Some(self.name());
        if !is_same {
            let connection = context.connection_id.as_deref();
            tracing::warn!(connection, expected = self.name(), "refused an event of another type");
        }
        is_same
    }
}

fn connection_of(context: &ApiGatewayWebsocketProxyRequestContext) -> Result<ConnectionId, Error> {
    let id = context.connection_id.clone().ok_or(Error::Internal("the event has no connectionId".into()))?;
    id.try_into().map_err(|error: Error| Error::internal("connectionId", &error))
}

/// The response of a WebSocket route's function. Its body is sent to the client if the route has a response.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RouteResponse {
    /// The status. For `$connect` it decides: anything but 2xx refuses the connection.
    pub status_code: u16,
    /// For `$connect`, the headers of the handshake's response.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headers: Option<BTreeMap<&'static str, &'static str>>,
    /// The frame for the client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

impl RouteResponse {
    /// Success, without a frame.
    pub const EMPTY: Self = Self { status_code: 200, headers: None, body: None };

    /// Nothing was done, and no frame is sent. For `$connect`, this refuses the connection.
    pub const MISROUTED: Self = Self { status_code: 400, headers: None, body: None };

    /// The refusal of a frame, as a frame.
    pub fn rejected(Rejected { id, error }: &Rejected) -> Self {
        Self::frame(&Reply::error(id.as_ref(), error))
    }

    /// A frame for the client.
    pub fn frame(frame: &impl Serialize) -> Self {
        // The stack's own types, whose maps have string keys, so this cannot fail; if it did, sending no reply would
        // be right.
        Self { body: serde_json::to_string(frame).ok(), ..Self::EMPTY }
    }
}

/// Runs a function whose event is of any type: `E` in, `R` out.
///
/// An error becomes the error of the invocation, with its internal text, which no client sees. Each invocation logs
/// one line, with the id of its request, and the `connection`, `user` and `action` that were recorded on the span;
/// anything else it logs is for debugging, or unusual.
///
/// # Errors
/// The error with which the runtime API ends. If the resource cannot be built, the process exits.
pub async fn serve<T: Resource, E: DeserializeOwned, R: Serialize>(
    handler: impl AsyncFn(&T, E) -> Result<R, Error>,
) -> Result<(), lambda_runtime::Error> {
    run(async |resource: &T, event| handler(resource, event).await.inspect(|_| tracing::info!("done"))).await
}

/// Runs a function of the WebSocket API that is invoked for events of this type only.
///
/// # Errors
/// As [`serve`].
pub async fn serve_route<T: Resource>(
    event_type: EventType,
    handler: impl AsyncFn(&T, WebSocketEvent) -> Result<RouteResponse, Error>,
) -> Result<(), lambda_runtime::Error> {
    serve(async |resource: &T, event: WebSocketEvent| {
        if event_type.is_that_of(&event.request_context) {
            handler(resource, event).await
        } else {
            Ok(RouteResponse::MISROUTED)
        }
    })
    .await
}

/// Runs a function that logs its own success. Failures are logged here.
///
/// # Errors
/// As [`serve`].
pub async fn run<T: Resource, E: DeserializeOwned, R: Serialize>(
    handler: impl AsyncFn(&T, E) -> Result<R, Error>,
) -> Result<(), lambda_runtime::Error> {
    let (resource, meter) = start::<T>().await;
    let handle = service_fn(async |event: LambdaEvent<Box<RawValue>>| {
        let span = invocation(&event.context.request_id);
        let outcome = async {
            let event =
                serde_json::from_str(event.payload.get()).map_err(|error| Error::from_serde(&error))?;
            // Boxed, as in `start`: the SDK's futures are nested so deeply that the compiler cannot compute their
            // layout.
            Box::pin(handler(&resource, event)).await
        };
        let outcome = outcome.instrument(span.clone()).await.map_err(|error| {
            span.in_scope(|| log_failure(&error));
            Failure(error)
        });
        meter.flush(&event.context.request_id);
        outcome
    });
    runtime::run(handle).await
}
