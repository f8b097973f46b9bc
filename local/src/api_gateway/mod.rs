//! API Gateway: the stack's WebSocket API ([`websocket`]) and its HTTP API ([`http`]), each with a [`throttle`].

pub(crate) mod http;
mod throttle;
pub(crate) mod websocket;
