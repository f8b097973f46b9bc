//! The process of a function: its start, the span of an invocation, and its failures.

use std::fmt;

use funnelcast_core::Error;
use lambda_runtime::Diagnostic;
use tracing::{Span, field::Empty};

use super::{logging, runtime};
use crate::{config::Config, measure::Meter, resource::Resource};

/// Logs a failed invocation: an error if the stack is at fault, a warning if the caller is.
pub fn log_failure(error: &Error) {
    match error {
        Error::Internal(_) => tracing::error!(%error, "failed"),
        refusal => tracing::warn!(code = refusal.code(), %refusal, "refused"),
    }
}

/// The span of an invocation, with fields that are recorded later.
pub(super) fn invocation(request_id: &str) -> Span {
    tracing::info_span!("invoke", request_id, connection = Empty, user = Empty, action = Empty)
}

/// Builds the resource. If that fails, the reason is logged, Lambda is told, and the process exits.
pub(super) async fn start<T: Resource>() -> (T, Meter) {
    logging::init();
    // Boxed, as in `run`.
    match Box::pin(build()).await {
        Ok(started) => started,
        Err(error) => {
            tracing::error!(%error, "cannot start");
            runtime::fail_to_start(Failure(error).into()).await;
            std::process::exit(1)
        }
    }
}

async fn build<T: Resource>() -> Result<(T, Meter), Error> {
    let config = Config::from_env()?;
    let resource = T::build(&config).await?;
    Ok((resource, Meter::start(&config.stage)))
}

/// An error in the form that Lambda reports: `errorType` is the code, `errorMessage` the text.
pub(super) struct Failure(pub(super) Error);

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<Failure> for Diagnostic {
    fn from(Failure(error): Failure) -> Self {
        let error_message = match &error {
            // API Gateway answers 401 to exactly this text, and 500 to any other
            // (https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-use-lambda-authorizer.html).
            Error::Unauthorized(_) => "Unauthorized".to_owned(),
            other => other.to_string(),
        };
        Self { error_type: error.code().to_owned(), error_message }
    }
}
