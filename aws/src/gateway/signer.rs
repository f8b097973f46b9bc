//! Which credentials sign, and until when: those that the SDK finds, for as long as they are valid.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use aws_sdk_apigatewaymanagement::{
    config::{Credentials, ProvideCredentials, Region, SharedCredentialsProvider},
    error::DisplayErrorContext,
};
use aws_smithy_async::time::SharedTimeSource;
use aws_types::SdkConfig;
use funnelcast_core::Error;
use tokio::sync::Mutex;

use super::sign::{DayKey, Moment, SERVICE, Stamp, second_of};

/// How long before the present credentials expire new ones are requested: once a second, until there are some. In
/// Lambda they are in the environment and last as long as the process.
const RENEW_BEFORE: Duration = Duration::from_mins(1);

/// Creates the [`Stamp`] of each second.
pub(super) struct Signer {
    provider: SharedCredentialsProvider,
    region: Region,
    host: String,
    service: &'static str,
    clock: SharedTimeSource,
    /// The last stamp. The task that finds it out of date creates the next one while the others wait.
    stamp: Mutex<Option<Arc<Stamp>>>,
}

impl Signer {
    /// Creates a signer with the SDK's credentials, region and clock.
    ///
    /// # Errors
    /// [`Error::Internal`] if the SDK has no region or no source of credentials.
    pub(super) fn new(sdk: &SdkConfig, host: &str) -> Result<Self, Error> {
        Self::for_service(sdk, host, SERVICE)
    }

    /// As [`Signer::new`], for requests to another service than that of posts.
    pub(super) fn for_service(sdk: &SdkConfig, host: &str, service: &'static str) -> Result<Self, Error> {
        let lacking = |what: &str| Error::Internal(format!("the environment has no {what}"));
        Ok(Self {
            provider: sdk.credentials_provider().ok_or_else(|| lacking("credentials"))?,
            region: sdk.region().cloned().ok_or_else(|| lacking("region"))?,
            host: host.to_owned(),
            service,
            clock: sdk.time_source().unwrap_or_default(),
            stamp: Mutex::default(),
        })
    }

    /// The stamp of this second.
    ///
    /// # Errors
    /// [`Error::Internal`] if there are no valid credentials.
    pub(super) async fn stamp(&self) -> Result<Arc<Stamp>, Error> {
        let now = self.clock.now();
        let mut last = self.stamp.lock().await;
        if let Some(stamp) = last.as_ref().filter(|stamp| stamp.second == second_of(now)) {
            return Ok(Arc::clone(stamp));
        }
        let moment = Moment::new(now)?;
        let last_key = last.as_ref().map(|stamp| &stamp.key);
        let credentials = self.credentials(last_key.map(|key| &key.credentials), now).await?;
        let key = match last_key {
            Some(key) if key.is_for(&credentials, &moment) => Arc::clone(key),
            _ => Arc::new(DayKey::new(credentials, &moment, self.region.as_ref(), self.service)),
        };
        let stamp = Arc::new(Stamp::new(key, &moment, &self.host)?);
        *last = Some(Arc::clone(&stamp));
        Ok(stamp)
    }

    /// The credentials in use until shortly before they expire, then new ones. If those cannot be had yet, still the
    /// old ones.
    async fn credentials(&self, in_use: Option<&Credentials>, now: SystemTime) -> Result<Credentials, Error> {
        let lasts = |credentials: &&Credentials, how_long: Duration| {
            credentials.expiry().is_none_or(|end| now + how_long < end)
        };
        if let Some(credentials) = in_use.filter(|credentials| lasts(credentials, RENEW_BEFORE)) {
            return Ok(credentials.clone());
        }
        match self.provider.provide_credentials().await {
            Ok(credentials) => Ok(credentials),
            Err(error) => {
                let error = DisplayErrorContext(&error).to_string();
                let credentials = in_use.filter(|credentials| lasts(credentials, Duration::ZERO));
                let credentials =
                    credentials.ok_or_else(|| Error::Internal(format!("credentials: {error}")))?;
                tracing::warn!(error, "renewing the credentials failed; using the present ones");
                Ok(credentials.clone())
            }
        }
    }
}
