//! Sockets to one server, kept alive and reused: HTTP/1.1, one request at a time on each.
//!
//! A [`Slot`] is the right to use one socket. Its holder opens a socket only if none is idle, or in place of one that
//! has been closed, so there are never more sockets than slots. The pool of `hyper-util` does not guarantee that:
//! there a request takes whichever comes first, a socket that it opens or one that becomes idle, and the other is
//! kept too. When opening a socket takes longer than a response, as it does with TLS, 1,000 posts with 100 under way
//! opened 567.

use std::{
    error::Error,
    fmt,
    future::poll_fn,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use aws_sdk_apigatewaymanagement::error::DisplayErrorContext;
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Collected, Full, Limited};
use hyper::{
    body::{Body, Incoming},
    client::conn::http1::{self, SendRequest},
};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{Instant, timeout},
};
use tower_service::Service;

/// The age from which an idle socket is not reused: it may have been dropped silently by the network in between. This
/// is how long the SDK's own pool keeps sockets.
const IDLE_MAX: Duration = Duration::from_secs(90);

/// How long opening a socket may take: less than any attempt, so that there is time left for the next address.
const CONNECT_MAX: Duration = Duration::from_secs(2);

/// How long opening the first socket may take, including TLS, while no request is waiting for it yet.
const OPEN_MAX: Duration = CONNECT_MAX;

type Connection = SendRequest<Full<Bytes>>;

/// A pool of a limited number of sockets to one server.
pub struct Pool {
    connector: HttpsConnector<HttpConnector>,
    origin: Uri,
    answer_bytes_max: usize,
    slots: Semaphore,
    /// A stack: the last socket returned is reused first, so that the sockets of a burst become old.
    idle: Mutex<Vec<(Connection, Instant)>>,
}

/// The right to use one socket at a time. The socket itself returns to the pool with each response.
pub struct Slot<'a> {
    pool: &'a Pool,
    _permit: Option<SemaphorePermit<'a>>,
}

/// A response of the server.
pub struct HttpAnswer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body. `None` if it was cut off, or is larger than the limit.
    pub body: Option<Bytes>,
}

/// Why there is no response.
#[derive(Debug)]
pub enum HttpFailure {
    /// No socket could be opened.
    Unconnected(Box<dyn Error + Send + Sync>),
    /// The socket was closed before there was a response. The request may have been carried out.
    Lost(hyper::Error),
    /// As [`Lost`](Self::Lost), but the socket had been idle. Most likely it was closed in the meantime without being
    /// noticed, which is impossible in a process that was frozen.
    Stale(hyper::Error),
}

/// The trusted root certificates: Mozilla's, compiled in, because reading the machine's takes 2 ms of every cold
/// start.
pub(crate) fn roots() -> RootCertStore {
    webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect()
}

/// Creates the connector for `http` and `https` sockets. The certificate of an `https` server must be issued by one
/// of `roots`.
///
/// # Errors
/// If the TLS library does not support what it was built for.
pub(crate) fn connector(roots: RootCertStore) -> Result<HttpsConnector<HttpConnector>, rustls::Error> {
    let mut tcp = HttpConnector::new();
    tcp.set_nodelay(true); // otherwise Nagle's algorithm delays a small request until the previous one is acknowledged
    tcp.set_connect_timeout(Some(CONNECT_MAX));
    tcp.enforce_http(false);
    let tls = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1();
    Ok(connector.wrap_connector(tcp))
}

/// Opens something to a server before it is needed, within a time limit. A failure is only logged, at debug level.
pub(crate) async fn beforehand<T, E: fmt::Display>(
    server: impl fmt::Display,
    opening: impl Future<Output = Result<T, E>>,
) -> Option<T> {
    match timeout(OPEN_MAX, opening).await {
        Ok(Ok(opened)) => return Some(opened),
        Ok(Err(error)) => tracing::debug!(%server, %error, "no socket"),
        Err(_) => tracing::debug!(%server, "no socket in time"),
    }
    None
}

impl Pool {
    /// Creates a pool of at most `sockets_max` sockets to the server at `origin`. Of each response, at most
    /// `answer_bytes_max` are read.
    ///
    /// # Errors
    /// If the TLS library does not support what it was built for.
    pub fn new(origin: Uri, sockets_max: usize, answer_bytes_max: usize) -> Result<Self, rustls::Error> {
        Self::trusting(roots(), origin, sockets_max, answer_bytes_max)
    }

    /// As [`Pool::new`], with other root certificates.
    pub(crate) fn trusting(
        roots: RootCertStore,
        origin: Uri,
        sockets_max: usize,
        answer_bytes_max: usize,
    ) -> Result<Self, rustls::Error> {
        let (slots, idle) = (Semaphore::new(sockets_max), Mutex::default());
        Ok(Self { connector: connector(roots)?, origin, answer_bytes_max, slots, idle })
    }

    /// Waits for a slot.
    pub async fn slot(&self) -> Slot<'_> {
        // This fails only if the semaphore is closed, which it never is.
        Slot { pool: self, _permit: self.slots.acquire().await.ok() }
    }

    /// Opens a socket, so that the first request finds one. If this fails, the request will fail too and say why.
    pub async fn open(&self) {
        let _slot = self.slot().await;
        if let Some(connection) = beforehand(&self.origin, self.connect()).await {
            self.put_idle(connection);
        }
    }

    fn take_idle(&self) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some((connection, since)) = idle.pop() {
            if since.elapsed() > IDLE_MAX {
                idle.clear(); // the others have been idle for longer
            } else if connection.is_ready() {
                return Some(connection);
            }
        }
        None
    }

    fn put_idle(&self, connection: Connection) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push((connection, Instant::now()));
    }

    async fn connect(&self) -> Result<Connection, HttpFailure> {
        let mut connector = self.connector.clone();
        poll_fn(|context| connector.poll_ready(context)).await.map_err(HttpFailure::Unconnected)?;
        let socket = connector.call(self.origin.clone()).await.map_err(HttpFailure::Unconnected)?;
        let (connection, work) = http1::handshake(socket).await.map_err(HttpFailure::Lost)?;
        tokio::spawn(async move {
            if let Err(error) = work.await {
                tracing::debug!(%error, "a socket ended");
            }
        });
        Ok(connection)
    }
}

impl Slot<'_> {
    /// Sends a request and waits for its response. If the future is dropped, the socket is closed.
    ///
    /// # Errors
    /// [`HttpFailure`]. Idle sockets that are known to be closed are skipped.
    pub async fn send(&self, mut request: Request<Full<Bytes>>) -> Result<HttpAnswer, HttpFailure> {
        while let Some(mut connection) = self.pool.take_idle() {
            match connection.try_send_request(request).await {
                Ok(response) => return Ok(self.read(connection, response).await),
                Err(mut error) => match error.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(HttpFailure::Stale(error.into_error())),
                },
            }
        }
        self.send_anew(request).await
    }

    /// Sends a request on a new socket.
    ///
    /// # Errors
    /// [`HttpFailure`], but never [`HttpFailure::Stale`].
    pub async fn send_anew(&self, request: Request<Full<Bytes>>) -> Result<HttpAnswer, HttpFailure> {
        let mut connection = self.pool.connect().await?;
        let response = connection.send_request(request).await.map_err(HttpFailure::Lost)?;
        Ok(self.read(connection, response).await)
    }

    /// Reads a response to its end, and returns its socket to the pool if it can be reused.
    async fn read(&self, mut connection: Connection, response: Response<Incoming>) -> HttpAnswer {
        let (head, body) = response.into_parts();
        let body = if body.is_end_stream() {
            Some(Bytes::new())
        } else {
            Limited::new(body, self.pool.answer_bytes_max).collect().await.ok().map(Collected::to_bytes)
        };
        // If the server closes the socket after its response, `ready` reports it.
        if body.is_some() && connection.ready().await.is_ok() {
            self.pool.put_idle(connection);
        }
        HttpAnswer { status: head.status, headers: head.headers, body }
    }
}

impl fmt::Display for HttpFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unconnected(error) => write!(f, "no socket: {}", DisplayErrorContext(&**error)),
            Self::Lost(error) | Self::Stale(error) => {
                write!(f, "the socket ended: {}", DisplayErrorContext(error))
            }
        }
    }
}
