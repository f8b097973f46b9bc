//! Sockets to one server, kept alive and used again: HTTP/1.1, one request at a time on each.
//!
//! A [`Slot`] is the right to one socket. Who has one opens a socket only where none is idle, or in the place of one that
//! has ended, so there are never more sockets than slots. `hyper-util`'s own pool does not promise that: there a request
//! takes whichever comes first, a socket that it opens or one that becomes idle, and the other is kept too. Where opening
//! takes longer than an answer, as it does with TLS, 1,000 posts with 100 under way opened 567.

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

/// An idle socket that is older is not used again: it may have been dropped without a word by what lies between. As
/// long as the SDK's own pool keeps them.
const IDLE_MAX: Duration = Duration::from_secs(90);

/// How long it may take until a socket is open: less than any attempt may, so that one is left for the next address.
const CONNECT_MAX: Duration = Duration::from_secs(2);

/// How long the first one may take, TLS and all, while nobody waits for it yet.
const OPEN_MAX: Duration = CONNECT_MAX;

type Connection = SendRequest<Full<Bytes>>;

/// Up to so many sockets to one server.
pub struct Pool {
    connector: HttpsConnector<HttpConnector>,
    origin: Uri,
    answer_bytes_max: usize,
    slots: Semaphore,
    /// The last one in is the first one out, so that those of a burst get old.
    idle: Mutex<Vec<(Connection, Instant)>>,
}

/// The right to one socket at a time; the socket itself goes back to the pool with each answer.
pub struct Slot<'a> {
    pool: &'a Pool,
    _permit: Option<SemaphorePermit<'a>>,
}

/// What the server said.
pub struct HttpAnswer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// `None` where it ended before its time, or is larger than anybody would read.
    pub body: Option<Bytes>,
}

/// Why there is no answer.
#[derive(Debug)]
pub enum HttpFailure {
    /// No socket could be opened.
    Unconnected(Box<dyn Error + Send + Sync>),
    /// The socket ended before there was an answer. The request may have been carried out.
    Lost(hyper::Error),
    /// The same, and the socket had been idle. It was closed meanwhile, as likely as not, and nobody has noticed yet: in
    /// a process that was frozen nothing could.
    Stale(hyper::Error),
}

/// The authorities that are believed: Mozilla's, compiled in, as to read the machine's takes 2 ms of every start.
pub(crate) fn roots() -> RootCertStore {
    webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect()
}

/// What opens sockets, of `http` and of `https`, where one of `roots` is to vouch for who is at the other end.
///
/// # Errors
/// Where the TLS library cannot do what it was built for.
pub(crate) fn connector(roots: RootCertStore) -> Result<HttpsConnector<HttpConnector>, rustls::Error> {
    let mut tcp = HttpConnector::new();
    tcp.set_nodelay(true); // Nagle's algorithm would hold a small request back until the last one is confirmed
    tcp.set_connect_timeout(Some(CONNECT_MAX));
    tcp.enforce_http(false);
    let tls = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1();
    Ok(connector.wrap_connector(tcp))
}

/// What is opened to a server before anybody needs it, where it is open in time. Nothing comes of a failure but a line for
/// who debugs.
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
    /// Of `sockets_max` sockets to the server at `origin`, of whose answers no more than `answer_bytes_max` is read.
    ///
    /// # Errors
    /// Where the TLS library cannot do what it was built for.
    pub fn new(origin: Uri, sockets_max: usize, answer_bytes_max: usize) -> Result<Self, rustls::Error> {
        Self::trusting(roots(), origin, sockets_max, answer_bytes_max)
    }

    /// The same, with other roots.
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
        Slot { pool: self, _permit: self.slots.acquire().await.ok() } // it fails only where it is closed: never
    }

    /// Opens a socket, so that the first request finds one. Where that fails the request will, and will say why.
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
                idle.clear(); // the others have been here for longer
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
    /// Sends a request, and waits for its answer. Where this is given up, its socket is closed.
    ///
    /// # Errors
    /// [`HttpFailure`]. Idle sockets that are known to be closed are passed over.
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

    /// The same, on a new socket.
    ///
    /// # Errors
    /// [`HttpFailure`], and never [`HttpFailure::Stale`].
    pub async fn send_anew(&self, request: Request<Full<Bytes>>) -> Result<HttpAnswer, HttpFailure> {
        let mut connection = self.pool.connect().await?;
        let response = connection.send_request(request).await.map_err(HttpFailure::Lost)?;
        Ok(self.read(connection, response).await)
    }

    /// Reads an answer to its end, and puts its socket back, if it can be used again.
    async fn read(&self, mut connection: Connection, response: Response<Incoming>) -> HttpAnswer {
        let (head, body) = response.into_parts();
        let body = if body.is_end_stream() {
            Some(Bytes::new())
        } else {
            Limited::new(body, self.pool.answer_bytes_max).collect().await.ok().map(Collected::to_bytes)
        };
        // Where the server closes the socket behind its answer, `ready` says so.
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
