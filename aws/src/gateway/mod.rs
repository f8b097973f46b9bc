//! The connections of one stage, through API Gateway's management API
//! (<https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html>).
//!
//! Posting is the most frequent operation, so `POST /@connections/{id}` has an implementation of its own. It takes a
//! fraction of the SDK's CPU time, and treats a connection that is gone, or a gateway that throttles, as ordinary
//! outcomes. All other calls use the SDK, against which the tests also compare the posts.
//!
//! # Layout
//! - here: the public interface
//! - `poster`, `patience`: one post with its attempts, until it is done or its time is over
//! - `endpoint`, `frame`, `sign`, `signer`: the signed request
//! - `function`: a function of the app's own, by the same kind of request

mod endpoint;
mod frame;
mod function;
mod patience;
mod poster;
mod sign;
mod signer;
#[cfg(test)]
pub(crate) mod tests;

use aws_sdk_apigatewaymanagement::{
    Client,
    config::{Builder, http::HttpResponse},
    error::{DisplayErrorContext, SdkError},
};
use aws_types::SdkConfig;
use bytes::Bytes;
use funnelcast_core::{ConnectionId, Error, Timestamp, frame::Reply};
use http::Request;
use http_body_util::Full;

pub use self::{
    frame::Frame,
    function::AppFunction,
    poster::{IN_FLIGHT_MAX, PostOutcome},
};
use self::{patience::Patience, poster::Poster};
use crate::{config::Config, resource::Resource, setting::Setting, spending};

/// The management API of one stage.
#[derive(Debug)]
pub struct Gateway {
    poster: Poster,
    management: Management,
}

/// The less frequent calls of the management API. They use the SDK, which opens no socket before it is needed.
#[derive(Debug)]
pub struct Management {
    endpoint: String,
    sdk: SdkConfig,
}

impl Resource for Gateway {
    async fn build(config: &Config) -> Result<Self, Error> {
        let gateway = Self::new(config)?;
        gateway.poster.open().await;
        Ok(gateway)
    }
}

impl Resource for Management {
    async fn build(config: &Config) -> Result<Self, Error> {
        let endpoint = Setting::MANAGEMENT_ENDPOINT.need(config.management_endpoint.as_ref())?.to_owned();
        Ok(Self { endpoint, sdk: config.sdk.config()?.clone() })
    }
}

impl Gateway {
    /// Creates a gateway without opening a socket, for a function that rarely posts.
    ///
    /// # Errors
    /// [`Error::Internal`] if the configuration lacks something.
    pub fn new(config: &Config) -> Result<Self, Error> {
        let endpoint = Setting::MANAGEMENT_ENDPOINT.need(config.management_endpoint.as_ref())?;
        let sdk = config.sdk.config()?;
        let poster = Poster::new(endpoint, sdk, Patience::default())?;
        let management = Management { endpoint: endpoint.to_owned(), sdk: sdk.clone() };
        Ok(Self { poster, management })
    }

    /// Posts one frame to one connection. At most [`IN_FLIGHT_MAX`] posts of this process are under way at a time.
    pub async fn post(&self, connection: &ConnectionId, frame: &Frame) -> PostOutcome {
        spending::add(spending::messages(frame.as_ref().len()));
        self.poster.post(connection, frame).await
    }

    /// The request of a post, signed as of now and not sent, for tests and benchmarks.
    ///
    /// # Errors
    /// [`Error::Internal`] if there are no valid credentials.
    pub async fn request(
        &self,
        connection: &ConnectionId,
        frame: &Frame,
    ) -> Result<Request<Full<Bytes>>, Error> {
        self.poster.request(connection, frame).await
    }

    /// When a message last went over a connection, in either direction: 1 call. `None` if the connection is gone, or
    /// if the gateway does not say.
    ///
    /// # Errors
    /// [`Error::Internal`] if the gateway does not answer.
    pub async fn last_active(&self, connection: &ConnectionId) -> Result<Option<Timestamp>, Error> {
        match self.management.client().get_connection().connection_id(connection.as_str()).send().await {
            Ok(output) => {
                let at = output.last_active_at().and_then(|at| at.to_millis().ok());
                Ok(at.map(Timestamp::from_millis))
            }
            Err(error) if is_gone(&error) => Ok(None),
            Err(error) => Err(Error::Internal(format!("GetConnection: {}", DisplayErrorContext(&error)))),
        }
    }

    /// Closes a connection if it is open.
    ///
    /// # Errors
    /// [`Error::Internal`] if the gateway does not confirm that the connection is gone.
    pub async fn close(&self, connection: &ConnectionId) -> Result<(), Error> {
        self.management.close(connection).await
    }

    /// Tells a connection why it ends, by an error frame that answers no request, and closes it. If it cannot be told
    /// at present ([`PostOutcome::Failed`]), it is left open.
    ///
    /// # Errors
    /// [`Error::Internal`] if the gateway does not confirm that the connection is gone.
    pub async fn end(&self, connection: &ConnectionId, why: &Error) -> Result<PostOutcome, Error> {
        let frame = serde_json::to_vec(&Reply::<(), ()>::error(None, why));
        let frame = frame.map_err(|error| Error::internal("a refusal", &error))?;
        let told = self.post(connection, &Frame::from(Bytes::from(frame))).await;
        tracing::info!(%connection, %why, ?told, "ends");
        if matches!(told, PostOutcome::Sent | PostOutcome::TooLarge) {
            self.close(connection).await?;
        }
        Ok(told)
    }
}

impl Management {
    /// Closes a connection if it is open.
    ///
    /// # Errors
    /// [`Error::Internal`] if the gateway does not confirm that the connection is gone.
    pub async fn close(&self, connection: &ConnectionId) -> Result<(), Error> {
        match self.client().delete_connection().connection_id(connection.as_str()).send().await {
            Ok(_) => Ok(()),
            Err(error) if is_gone(&error) => Ok(()),
            Err(error) => Err(Error::Internal(format!("DeleteConnection: {}", DisplayErrorContext(&error)))),
        }
    }

    /// Creates a client for each call: few processes ever need one, and creating it takes a tenth of a cold start.
    fn client(&self) -> Client {
        Client::from_conf(Builder::from(&self.sdk).endpoint_url(&self.endpoint).build())
    }
}

/// Whether there is no such connection. This is decided by the status, because emulators omit the header that names
/// `GoneException`.
fn is_gone<E>(error: &SdkError<E, HttpResponse>) -> bool {
    error.raw_response().is_some_and(|response| response.status().as_u16() == 410)
}
