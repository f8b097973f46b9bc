//! The resources that a function works with.

use funnelcast_core::Error;

use crate::config::Config;

/// A resource that a function works with, built once per process in the init phase. The first argument of a handler
/// says which one it needs, and so what it can touch.
pub trait Resource: Sized {
    /// Builds it.
    ///
    /// # Errors
    /// [`Error::Internal`] if the configuration lacks something; the process then ends before its first event.
    fn build(config: &Config) -> impl Future<Output = Result<Self, Error>>;
}

impl Resource for () {
    async fn build(_: &Config) -> Result<Self, Error> {
        Ok(())
    }
}

impl<A: Resource, B: Resource> Resource for (A, B) {
    async fn build(config: &Config) -> Result<Self, Error> {
        Ok((A::build(config).await?, B::build(config).await?))
    }
}
