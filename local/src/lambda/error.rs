//! Why an invocation has no result, and the JSON that Lambda answers then.

use std::time::Duration;

use bytes::Bytes;
use serde_json::json;

/// What a function made of an invocation: its response, or why there is none.
pub(crate) type InvokeResult = Result<Bytes, InvokeError>;

/// Why an invocation has no result.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum InvokeError {
    /// No function has this logical id.
    #[error("no function {0}")]
    Unknown(String),
    /// The function answered with an error. `payload` is the function's own JSON.
    #[error("{error_type}: {message}")]
    Function { error_type: String, message: String, payload: Bytes },
    /// The process was killed at the function's timeout.
    #[error("RequestId: {request_id} Error: Task timed out after {:.2} seconds", after.as_secs_f64())]
    Timeout { request_id: String, after: Duration },
    /// The process ended during the invocation.
    #[error("RequestId: {request_id} Error: Runtime exited with error: {status}")]
    Crashed { request_id: String, status: String },
    /// The process could not start, or ended before it asked for work.
    #[error("{0}")]
    Start(String),
}

impl InvokeError {
    /// The JSON that Lambda answers: `errorType`, `errorMessage`, and whatever the function itself added.
    pub(crate) fn payload(&self) -> Bytes {
        let error_type = match self {
            Self::Function { payload, .. } => return payload.clone(),
            Self::Unknown(_) => "ResourceNotFoundException",
            Self::Timeout { .. } => "Sandbox.Timedout",
            Self::Crashed { .. } => "Runtime.ExitError",
            Self::Start(_) => "Runtime.InitError",
        };
        json!({ "errorType": error_type, "errorMessage": self.to_string() }).to_string().into()
    }
}
