//! What an operator asks AWS about a stack, and no function does: its functions and their settings, its rules, alarms,
//! queues and table, and the quotas of the account.
//!
//! Lambda, CloudWatch and its logs are asked without their SDKs, which would be three more in every build: it is a handful of
//! requests, signed by the SDK's own signer.
//!
//! # Layout
//! - here: the account, with the credentials and the region of whoever asks
//! - [`functions`], [`triggers`], [`monitoring`], [`state`]: what each service says
//! - [`mail`]: the letters of the dead-letter queue, received, put back and deleted
//! - [`failure`]: why there is no answer
//! - `request`: a signed request and its answer

pub mod failure;
pub mod functions;
pub mod mail;
pub mod monitoring;
mod request;
pub mod state;
#[cfg(test)]
mod tests;
pub mod triggers;

use aws_types::SdkConfig;
use funnelcast_core::Error;
use serde::{Deserialize, Deserializer};

use crate::{Config, Resource, sdk::http::SdkHttp};

/// An account of AWS in one region, or a local stack.
#[derive(Debug, Clone)]
pub struct Account {
    sdk: SdkConfig,
    http: SdkHttp,
    region: String,
    is_local: bool,
}

impl Resource for Account {
    async fn build(config: &Config) -> Result<Self, Error> {
        let sdk = config.sdk.config()?.clone();
        let region = sdk.region().map(ToString::to_string).unwrap_or_default();
        Ok(Self {
            sdk,
            http: SdkHttp::new().map_err(|error| Error::internal("TLS", &error))?,
            region,
            is_local: config.sdk.is_local(),
        })
    }
}

impl Account {
    /// Whether this is a stack with an endpoint of its own, such as a local one.
    pub const fn is_local(&self) -> bool {
        self.is_local
    }
}

/// A member of an answer that may be absent or `null`, which mean the same: Lambda writes `null` for what there is not.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
