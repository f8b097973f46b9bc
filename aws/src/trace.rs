//! The X-Ray trace of the running invocation, which its calls carry on in a header. By it, Lambda also detects loops
//! of a function through a queue (<https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html>).
//!
//! The SDKs look for it in the environment variable `_X_AMZN_TRACE_ID`, which is never set here, because glibc keeps
//! every value that a variable ever had ([`serve`](crate::serve)).

use http::{HeaderName, HeaderValue};

/// The header in requests to AWS services. It is not part of a signature.
pub(crate) const HEADER: HeaderName = HeaderName::from_static("x-amzn-trace-id");

tokio::task_local! {
    static CURRENT: Option<HeaderValue>;
}

/// Runs an invocation with this trace; `None` if Lambda gave none. Tasks that it spawns have no trace.
pub(crate) async fn scope<T>(trace: Option<HeaderValue>, invocation: impl Future<Output = T>) -> T {
    CURRENT.scope(trace, invocation).await
}

/// The trace of the invocation that this is called in, if there is one.
pub(crate) fn current() -> Option<HeaderValue> {
    CURRENT.try_with(Clone::clone).ok().flatten()
}
