//! What a function works with.

use funnelcast_core::Error;

use crate::config::Config;

/// What a function works with, made once a process, in the init phase. A handler's first argument says which one
/// it needs, and so what it can touch.
pub trait Resource: Sized {
    /// Makes it.
    ///
    /// # Errors
    /// [`Error::Internal`] where the configuration lacks something; the process then ends before its first event.
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
