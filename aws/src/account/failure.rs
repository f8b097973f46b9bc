//! Why AWS has not answered a question: whoever asks may not know, or something failed.

use std::fmt;

use aws_sdk_sqs::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use funnelcast_core::Error;

/// Why there is no answer, in words that begin with the call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Whoever asks has no right to the answer.
    Denied(String),
    /// Anything else: a throttle, a timeout, credentials that have expired, an answer that is not understood.
    Failed(String),
}

/// Whether an error with this name says that whoever asks has no right to the answer.
pub fn is_denial(code: &str) -> bool {
    ["AccessDenied", "NotAuthorized", "UnauthorizedOperation"].iter().any(|name| code.contains(name))
}

impl Failure {
    /// The failure of a call that was refused by an error of this name.
    pub(super) fn named(code: &str, text: String) -> Self {
        if is_denial(code) { Self::Denied(text) } else { Self::Failed(text) }
    }

    /// The failure of a call of an SDK.
    pub(super) fn of<E, R>(call: &str, error: &SdkError<E, R>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        R: fmt::Debug,
    {
        let code = error.as_service_error().and_then(ProvideErrorMetadata::code).unwrap_or_default();
        Self::named(code, format!("{call}: {}", DisplayErrorContext(error)))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Denied(text) | Self::Failed(text)) = self;
        f.write_str(text)
    }
}

impl std::error::Error for Failure {}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Self::Internal(failure.to_string())
    }
}
