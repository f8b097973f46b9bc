//! One post, until there is nothing more to be done about it.

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

/// Posts under way at once, and sockets. With 10 ms a post this is the account's default quota of 10,000 requests a
/// second; more of them would only be throttled, or run out of sockets.
pub const IN_FLIGHT_MAX: usize = 100;

/// What became of a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PostOutcome {
    /// The gateway took it.
    Sent,
    /// There is no such connection any more (410): whatever the table holds of it is to go.
    Gone,
    /// The gateway takes no frame of this size (413), from nobody and never: it is no use to owe it. It is a mistake of
    /// ours, as frames are cut to size, and an error in the log. Who misses its events finds the hole and asks for them.
    TooLarge,
    /// Not now, after all attempts: the connection may live, and the event is still owed.
    Failed,
}

/// The gateway says nothing where all is well, and one sentence where it is not.
const ANSWER_BYTES_MAX: usize = 4 * 1024;
const X_AMZ_DATE: HeaderName = HeaderName::from_static("x-amz-date");
const X_AMZ_SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");

/// Posts to the connections of one stage.
pub(super) struct Poster {
    endpoint: Endpoint,
    signer: Signer,
    pool: Pool,
    patience: Patience,
    /// A post was given up, and none has been answered since. Then nobody else waits for a gateway that refuses
    /// everybody: thousands of posts, each as patient as the first, would outlast their function.
    out_of_patience: AtomicBool,
}

/// What an attempt leads to.
enum Outcome {
    Done(PostOutcome),
    /// Not now; why not.
    Again(String),
}

impl Poster {
    /// To `url`, with the SDK's credentials, region and clock.
    ///
    /// # Errors
    /// [`Error::Internal`] where one of these is missing, or is not what it should be.
    pub(super) fn new(url: &str, sdk: &SdkConfig, patience: Patience) -> Result<Self, Error> {
        Self::trusting(pool::roots(), url, sdk, patience)
    }

    /// As [`Poster::new`], with roots of one's own.
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

    /// Opens the first socket.
    pub(super) async fn open(&self) {
        self.pool.open().await;
    }

    /// Posts one frame to one connection, when there is a slot for it. A post that waits for its next attempt keeps its slot,
    /// so that a gateway that throttles is asked less.
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
            tracing::debug!(%connection, attempts, reason, "a post is tried again");
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
                Err(HttpFailure::Stale(_)) => slot.send_anew(self.request(connection, frame).await?).await,
                answer => answer,
            }
            .map_err(|unanswered| Error::Internal(unanswered.to_string()))
        };
        match timeout(self.patience.attempt.min(time_left), answer).await {
            Ok(Ok(answer)) => outcome(connection, &answer),
            Ok(Err(error)) => Outcome::Again(error.to_string()),
            Err(_) => Outcome::Again("no answer in time".to_owned()),
        }
    }

    /// One attempt's request.
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
        // Which hyper would leave out of a request that has none, though it is signed.
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(frame.bytes.len()));
        headers.insert(X_AMZ_DATE, stamp.date.clone());
        if let Some(token) = &stamp.token {
            headers.insert(X_AMZ_SECURITY_TOKEN, token.clone());
        }
        headers.insert(header::AUTHORIZATION, stamp.authorize(&self.endpoint, connection, frame)?);
        Ok(request)
    }
}

/// What an answer means
/// (<https://docs.aws.amazon.com/apigatewaymanagementapi/latest/APIReference/> has the statuses).
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
        // A request that is wrong (400), or that nobody has allowed (403), is as wrong the next time.
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
