//! The X-Ray trace of the invocation at hand, which the calls that it makes carry on in a header. Lambda also counts the
//! loops of a function through a queue by it
//! (<https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html>).
//!
//! The SDKs look for it in the environment variable `_X_AMZN_TRACE_ID`, where it is never put: glibc keeps every value
//! that a variable ever had ([`serve`](crate::serve)).

use http::{HeaderName, HeaderValue};

/// The header, in requests to AWS's services. It is not part of a signature.
pub(crate) const HEADER: HeaderName = HeaderName::from_static("x-amzn-trace-id");

tokio::task_local! {
    static CURRENT: Option<HeaderValue>;
}

/// Runs an invocation of this trace; `None` where Lambda gave none. What it spawns as a task of its own has no trace.
pub(crate) async fn scope<T>(trace: Option<HeaderValue>, invocation: impl Future<Output = T>) -> T {
    CURRENT.scope(trace, invocation).await
}

/// The trace of the invocation that calls this, if there is one.
pub(crate) fn current() -> Option<HeaderValue> {
    CURRENT.try_with(Clone::clone).ok().flatten()
}
