//! A single post, until its outcome is final.

use std::{
    fmt,
    sync::atomic::{AtomicBool, Ordering},
};

use aws_types::SdkConfig;
use bytes::Bytes;
use funnelcast_core::{ConnectionId, Error};
use http::{HeaderName, HeaderValue, Method, Request, StatusCode, header};
use http_body_util::Full;
use rustls::RootCertStore;
use tokio::time::{Instant, sleep, timeout};

use super::{endpoint::Endpoint, frame::Frame, patience::Patience, sign::CONTENT_TYPE, signer::Signer};
use crate::{
    measure,
    pool::{self, HttpAnswer, HttpFailure, Pool, Slot},
};

/// How many posts are under way at once, which is also the number of sockets. At 10 ms per post this uses the
/// account's default quota of 10,000 requests a second; more of them would only be throttled, or run out of sockets.
pub const IN_FLIGHT_MAX: usize = 100;

/// The outcome of a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PostOutcome {
    /// The gateway accepted it.
    Sent,
    /// The connection is gone (410): everything that the table has of it must be removed.
    Gone,
    /// The gateway accepts no frame of this size (413), so retrying is useless and the event is not owed. Frames are
    /// limited to the accepted size, so this is a bug and is logged as an error. A client that misses the events
    /// notices the gap and fetches them.
    TooLarge,
    /// The post failed after all attempts: the connection may be alive, and the event is still owed.
    Failed,
}

/// The most bytes of a response. The gateway sends no body on success, and one sentence otherwise.
const ANSWER_BYTES_MAX: usize = 4 * 1024;
pub(super) const X_AMZ_DATE: HeaderName = HeaderName::from_static("x-amz-date");
pub(super) const X_AMZ_SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");

/// Posts to the connections of one stage.
pub(super) struct Poster {
    endpoint: Endpoint,
    signer: Signer,
    pool: Pool,
    patience: Patience,
    /// Whether a post was abandoned and none has been answered since. While that is so, posts are not retried: if the
    /// gateway refuses everything, thousands of posts that are each retried for as long as the first would outlast
    /// their function.
    out_of_patience: AtomicBool,
}

/// What follows from an attempt.
enum Outcome {
    Done(PostOutcome),
    /// Retry, for this reason.
    Again(String),
}

impl Poster {
    /// Creates a poster to `url`, with the SDK's credentials, region and clock.
    ///
    /// # Errors
    /// [`Error::Internal`] if one of these is missing or invalid.
    pub(super) fn new(url: &str, sdk: &SdkConfig, patience: Patience) -> Result<Self, Error> {
        Self::trusting(pool::roots(), url, sdk, patience)
    }

    /// As [`Poster::new`], with other root certificates.
    pub(super) fn trusting(
        roots: RootCertStore,
        url: &str,
        sdk: &SdkConfig,
        patience: Patience,
    ) -> Result<Self, Error> {
        let endpoint = Endpoint::parse(url)?;
        let host = endpoint.host.to_str().map_err(|error| Error::internal("the host", &error))?;
        Ok(Self {
            signer: Signer::new(sdk, host)?,
            pool: Pool::trusting(roots, endpoint.origin.clone(), IN_FLIGHT_MAX, ANSWER_BYTES_MAX)
                .map_err(|error| Error::internal("TLS", &error))?,
            endpoint,
            patience,
            out_of_patience: AtomicBool::new(false),
        })
    }

    #[cfg(test)]
    pub(super) fn sockets_opening(&self) -> usize {
        self.pool.opening()
    }

    /// Opens the first socket.
    pub(super) async fn open(&self) {
        self.pool.open().await;
    }

    /// Posts one frame to one connection, once there is a slot for it. A post that waits for its next attempt keeps
    /// its slot, so that a gateway that throttles receives fewer requests.
    pub(super) async fn post(&self, connection: &ConnectionId, frame: &Frame) -> PostOutcome {
        let slot = self.pool.slot().await;
        let deadline = Instant::now() + self.patience.post;
        let mut attempts = 0;
        loop {
            attempts += 1;
            let reason = match self.attempt(&slot, connection, frame, deadline).await {
                Outcome::Done(delivered) => {
                    self.out_of_patience.store(false, Ordering::Relaxed);
                    return delivered;
                }
                Outcome::Again(reason) => reason,
            };
            let pause = self.patience.pause(attempts);
            if self.out_of_patience.load(Ordering::Relaxed) || Instant::now() + pause >= deadline {
                self.out_of_patience.store(true, Ordering::Relaxed);
                tracing::warn!(%connection, attempts, reason, "a post failed");
                return PostOutcome::Failed;
            }
            tracing::debug!(%connection, attempts, reason, "retrying a post");
            sleep(pause).await;
        }
    }

    async fn attempt(
        &self,
        slot: &Slot<'_>,
        connection: &ConnectionId,
        frame: &Frame,
        deadline: Instant,
    ) -> Outcome {
        let time_left = deadline.saturating_duration_since(Instant::now());
        let answer = async {
            match slot.send(self.request(connection, frame).await?).await {
                Err(HttpFailure::Stale(_)) => slot.send(self.request(connection, frame).await?).await,
                answer => answer,
            }
            .map_err(|unanswered| Error::Internal(unanswered.to_string()))
        };
        match timeout(self.patience.attempt.min(time_left), answer).await {
            Ok(Ok(answer)) => outcome(connection, &answer),
            Ok(Err(error)) => Outcome::Again(error.to_string()),
            Err(_) => Outcome::Again("no response in time".to_owned()),
        }
    }

    /// The request of one attempt.
    pub(super) async fn request(
        &self,
        connection: &ConnectionId,
        frame: &Frame,
    ) -> Result<Request<Full<Bytes>>, Error> {
        let stamp = self.signer.stamp().await?;
        let mut request = Request::new(Full::new(frame.bytes.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() =
            self.endpoint.target(connection).map_err(|error| Error::internal("a path", &error))?;
        let headers = request.headers_mut();
        headers.insert(header::HOST, self.endpoint.host.clone());
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
        // Set here because hyper would omit it from a request without a body, although it is signed.
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(frame.bytes.len()));
        headers.insert(X_AMZ_DATE, stamp.date.clone());
        if let Some(token) = &stamp.token {
            headers.insert(X_AMZ_SECURITY_TOKEN, token.clone());
        }
        headers.insert(header::AUTHORIZATION, stamp.authorize(&self.endpoint, connection, frame)?);
        Ok(request)
    }
}

/// The meaning of a response (<https://docs.aws.amazon.com/apigatewaymanagementapi/latest/APIReference/> lists the
/// statuses).
fn outcome(connection: &ConnectionId, answer: &HttpAnswer) -> Outcome {
    let HttpAnswer { status, body, .. } = answer;
    match *status {
        status if status.is_success() => Outcome::Done(PostOutcome::Sent),
        StatusCode::GONE => Outcome::Done(PostOutcome::Gone),
        StatusCode::PAYLOAD_TOO_LARGE => {
            tracing::error!(%connection, "a frame is too large for the gateway");
            Outcome::Done(PostOutcome::TooLarge)
        }
        StatusCode::TOO_MANY_REQUESTS => {
            measure::throttled();
            Outcome::Again(status.to_string())
        }
        status if status.is_server_error() => Outcome::Again(status.to_string()),
        // A request that is invalid (400) or not allowed (403) fails again if it is repeated.
        status => {
            let answer = String::from_utf8_lossy(body.as_deref().unwrap_or_default());
            tracing::error!(%connection, %status, %answer, "a post was refused");
            Outcome::Done(PostOutcome::Failed)
        }
    }
}

impl fmt::Debug for Poster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Poster").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}
