//! The poster against a gateway on this machine, with the SDK's own `PostToConnection` as the oracle: for the same
//! post, both must come to the same outcome.

mod activity;
mod credentials;
mod encoding;
mod ending;
mod oracle;
mod outcomes;
mod sockets;
mod tls;
mod vectors;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_apigatewaymanagement::{
    config::{Credentials, SharedCredentialsProvider},
    operation::post_to_connection::PostToConnectionError,
    primitives::Blob,
};
use aws_smithy_async::time::{SharedTimeSource, TimeSource};
use bytes::Bytes;
use funnelcast_core::ConnectionId;

use super::{Frame, IN_FLIGHT_MAX, PostOutcome, endpoint::Endpoint, patience::Patience, poster::Poster};
use funnelcast_testing::gateway::{Answer, Stub};

/// 30 August 2015, 12:36:00 UTC: the time of AWS's own examples.
pub(crate) const EXAMPLE_SECS: u64 = 1_440_938_160;

/// A clock that stands still until it is set.
#[derive(Debug, Clone)]
pub(crate) struct Clock(Arc<AtomicU64>);

impl Clock {
    pub(crate) fn at(secs: u64) -> Self {
        Self(Arc::new(AtomicU64::new(secs)))
    }

    fn let_pass(&self, time: Duration) {
        self.0.fetch_add(time.as_secs(), Ordering::Relaxed);
    }
}

impl TimeSource for Clock {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.0.load(Ordering::Relaxed))
    }
}

/// AWS's example credentials, with or without a session token.
pub(crate) fn credentials(token: Option<&str>) -> Credentials {
    let builder = Credentials::builder()
        .access_key_id("AKIDEXAMPLE")
        .secret_access_key("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
        .provider_name("test");
    match token {
        Some(token) => builder.session_token(token).build(),
        None => builder.build(),
    }
}

/// The configuration of both clients.
pub(crate) fn sdk_config(provider: SharedCredentialsProvider, clock: &Clock) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(provider)
        .time_source(SharedTimeSource::new(clock.clone()))
        .disable_clock_skew_correction(true) // or the SDK would follow the stub's clock
        .build()
}

/// A poster with AWS's example credentials, at a chosen time.
fn poster_at(stub: &Stub, clock: &Clock, token: Option<&str>) -> Poster {
    let sdk = sdk_config(SharedCredentialsProvider::new(credentials(token)), clock);
    Poster::new(&stub.url(), &sdk, Patience::default()).unwrap()
}

/// A poster with a chosen patience.
fn poster_with(stub: &Stub, patience: Patience) -> Poster {
    let sdk = sdk_config(SharedCredentialsProvider::new(credentials(None)), &Clock::at(EXAMPLE_SECS));
    Poster::new(&stub.url(), &sdk, patience).unwrap()
}

fn connection(id: &str) -> ConnectionId {
    id.parse().unwrap()
}

fn frame(text: &str) -> Frame {
    Frame::from(Bytes::from(text.to_owned()))
}

/// The SDK's outcome of a post, as a [`PostOutcome`].
async fn post_by_sdk(
    client: &aws_sdk_apigatewaymanagement::Client,
    connection: &ConnectionId,
    frame: &Frame,
) -> PostOutcome {
    let post = client.post_to_connection().connection_id(connection.as_str());
    match post.data(Blob::new(frame.as_ref())).send().await {
        Ok(_) => PostOutcome::Sent,
        Err(error) => match error.as_service_error() {
            Some(PostToConnectionError::GoneException(_)) => PostOutcome::Gone,
            Some(PostToConnectionError::PayloadTooLargeException(_)) => PostOutcome::TooLarge,
            _ => PostOutcome::Failed,
        },
    }
}
