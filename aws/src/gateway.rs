//! Posts to connections, by API Gateway's management API (`POST /@connections/{id}`,
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html>).

use aws_config::SdkConfig;
use aws_sdk_apigatewaymanagement::{
    Client, config::Builder, error::DisplayErrorContext,
    operation::post_to_connection::PostToConnectionError, primitives::Blob,
};
use bytes::Bytes;
use funnelcast_core::{ConnectionId, Error};

use crate::Config;

/// Posts under way at once. With 10 ms a post this is the account's default quota of 10,000 requests a second;
/// more of them would only be throttled, or run out of sockets.
pub const IN_FLIGHT_MAX: usize = 100;

/// What became of a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// The gateway took it.
    Sent,
    /// There is no such connection any more (410): whatever the table holds of it is to go.
    Gone,
    /// Not now, after all retries: the connection may live, and the event is still owed.
    Failed,
}

/// The management API of one stage.
#[derive(Debug)]
pub struct Gateway {
    client: Client,
}

impl Gateway {
    pub(crate) fn new(config: &Config, sdk: &SdkConfig) -> Result<Self, Error> {
        let endpoint = Config::need("MANAGEMENT_ENDPOINT", config.management_endpoint.as_ref())?;
        Ok(Self { client: Client::from_conf(Builder::from(sdk).endpoint_url(endpoint).build()) })
    }

    /// Posts one frame to one connection.
    pub async fn post(&self, connection: &ConnectionId, frame: Bytes) -> Delivery {
        let sent = self
            .client
            .post_to_connection()
            .connection_id(connection.as_str())
            .data(Blob::new(frame))
            .send()
            .await;
        match sent {
            Ok(_) => Delivery::Sent,
            Err(error)
                if matches!(error.as_service_error(), Some(PostToConnectionError::GoneException(_))) =>
            {
                Delivery::Gone
            }
            Err(error) => {
                tracing::warn!(%connection, error = %DisplayErrorContext(&error), "a post failed");
                Delivery::Failed
            }
        }
    }
}
