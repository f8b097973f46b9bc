//! Sockets to one server, kept alive and reused: HTTP/1.1, one request at a time on each.
//!
//! A [`Slot`] is the right to send one request at a time. A request takes whichever comes first, a socket that becomes idle or
//! one that is opened for it; if that comes too late, it is idle for others. There are never more sockets than slots. The pool of
//! `hyper-util` does not guarantee that: there 1,000 posts over TLS with 100 under way opened 567.
//!
//! Only a few sockets are opened at a time. A process that has just started has one, and posts to many: that one and the first
//! that are opened are used again before all the others would be there, because opening takes more of a small function's CPU
//! than a post, and those that are opened later resume the TLS session of the first. With the last request, what is still being
//! opened is given up: Lambda freezes the process then, and a socket that was half open would hang when it goes on.

use std::{
    error::Error,
    fmt,
    future::{pending, poll_fn},
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
    sync::{AcquireError, Notify, OwnedSemaphorePermit, Semaphore, SemaphorePermit, oneshot},
    task::JoinSet,
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

/// How long opening a socket may take, including TLS.
const OPENING_MAX: Duration = Duration::from_secs(4);

/// How many sockets are opened at a time.
pub(crate) const OPENING_AT_ONCE: usize = 8;

/// A pool of a limited number of sockets to one server.
pub struct Pool {
    sockets: Arc<Sockets>,
    answer_bytes_max: usize,
    slots: Semaphore,
    slots_max: usize,
}

/// The sockets of a pool. They outlive the requests for which they are opened.
struct Sockets {
    connector: HttpsConnector<HttpConnector>,
    origin: Uri,
    /// A permit for each socket that may be there.
    room: Arc<Semaphore>,
    /// A permit for each socket that may be opened at the moment.
    opening: Arc<Semaphore>,
    /// The tasks that open them.
    openers: Mutex<JoinSet<()>>,
    /// A stack: the last socket returned is reused first, so that the sockets of a burst become old.
    idle: Mutex<Vec<Socket>>,
    /// Notified of each socket that is idle.
    returned: Notify,
}

/// A socket that is ready for a request.
struct Socket {
    connection: SendRequest<Full<Bytes>>,
    /// Whether it has neither had a response nor been left idle when the last request ended.
    is_new: bool,
    idle_since: Instant,
    _room: OwnedSemaphorePermit,
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
        let sockets = Sockets {
            connector: connector(roots)?,
            origin,
            room: Arc::new(Semaphore::new(sockets_max)),
            opening: Arc::new(Semaphore::new(OPENING_AT_ONCE)),
            openers: Mutex::default(),
            idle: Mutex::default(),
            returned: Notify::new(),
        };
        Ok(Self {
            sockets: Arc::new(sockets),
            answer_bytes_max,
            slots: Semaphore::new(sockets_max),
            slots_max: sockets_max,
        })
    }

    /// How many sockets are being opened.
    #[cfg(test)]
    pub(crate) fn opening(&self) -> usize {
        OPENING_AT_ONCE - self.sockets.opening.available_permits()
    }

    /// Waits for a slot.
    pub async fn slot(&self) -> Slot<'_> {
        // This fails only if the semaphore is closed, which it never is.
        Slot { pool: self, _permit: self.slots.acquire().await.ok() }
    }

    /// Opens a socket, so that the first request finds one. If this fails, the request will fail too and say why.
    pub async fn open(&self) {
        let _slot = self.slot().await;
        if let Some(socket) = beforehand(&self.sockets.origin, self.sockets.find()).await {
            self.sockets.put_idle(socket);
        }
    }
}

impl Sockets {
    /// A socket for a request: the first one that is idle, of those in use and one that is being opened.
    async fn find(self: &Arc<Self>) -> Result<Socket, HttpFailure> {
        tokio::select! {
            biased;
            socket = self.idle() => Ok(socket),
            failure = self.open_another() => Err(failure),
        }
    }

    /// Waits for a socket that is idle.
    async fn idle(&self) -> Socket {
        loop {
            let returned = self.returned.notified(); // before looking, so that none is missed
            if let Some(socket) = self.take_idle() {
                return socket;
            }
            returned.await;
        }
    }

    fn take_idle(&self) -> Option<Socket> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(socket) = idle.pop() {
            if socket.idle_since.elapsed() > IDLE_MAX {
                idle.clear(); // the others have been idle for longer
            } else if socket.connection.is_ready() {
                return Some(socket);
            }
        }
        None
    }

    fn put_idle(&self, mut socket: Socket) {
        socket.idle_since = Instant::now();
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(socket);
        self.returned.notify_one();
    }

    /// The last request has ended. What is being opened is given up. Lambda may freeze the process now, so a socket that is idle may
    /// be closed without being noticed, also one that was opened beforehand and never used.
    fn rest(&self) {
        self.openers.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
        for socket in &mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner) {
            socket.is_new = false;
        }
    }

    /// Closes the sockets that have been idle since this time or longer.
    fn close_idle(&self, since: Instant) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|socket| socket.idle_since > since);
    }

    /// Opens a socket, once there is room for it and few others are being opened. It is then idle, also if nobody waits for
    /// it any more. Returns only if it cannot be opened.
    async fn open_another(self: &Arc<Self>) -> HttpFailure {
        loop {
            let permits = async {
                let room = Arc::clone(&self.room).acquire_owned().await?;
                Ok::<_, AcquireError>((room, Arc::clone(&self.opening).acquire_owned().await?))
            };
            let (room, turn) = match permits.await {
                Ok(permits) => permits,
                Err(closed) => return HttpFailure::Unconnected(Box::new(closed)), // which they never are
            };
            match self.spawn_opener(room, turn).await {
                Ok(Ok(())) => pending().await,
                Ok(Err(failure)) => return failure,
                Err(_given_up) => {} // by another thread, as the last request before this one ended
            }
        }
    }

    /// Spawns the task that opens a socket. It says whether that has succeeded, unless it is given up.
    fn spawn_opener(
        self: &Arc<Self>,
        room: OwnedSemaphorePermit,
        turn: OwnedSemaphorePermit,
    ) -> oneshot::Receiver<Result<(), HttpFailure>> {
        let (tell, told) = oneshot::channel();
        let sockets = Arc::clone(self);
        let mut openers = self.openers.lock().unwrap_or_else(PoisonError::into_inner);
        while openers.try_join_next().is_some() {}
        openers.spawn(async move {
            let opening = timeout(OPENING_MAX, sockets.connect()).await;
            drop(turn);
            let opened = opening.unwrap_or_else(|late| Err(HttpFailure::Unconnected(Box::new(late))));
            let opened = opened.map(|connection| {
                sockets.put_idle(Socket {
                    connection,
                    is_new: true,
                    idle_since: Instant::now(),
                    _room: room,
                });
            });
            drop(tell.send(opened)); // perhaps nobody waits any more
        });
        told
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, HttpFailure> {
        let mut connector = self.connector.clone();
        poll_fn(|context| connector.poll_ready(context)).await.map_err(HttpFailure::Unconnected)?;
        let socket = connector.call(self.origin.clone()).await.map_err(HttpFailure::Unconnected)?;
        let (mut connection, work) = http1::handshake(socket).await.map_err(HttpFailure::Lost)?;
        tokio::spawn(async move {
            if let Err(error) = work.await {
                tracing::debug!(%error, "a socket ended");
            }
        });
        connection.ready().await.map_err(HttpFailure::Lost)?; // or it would look closed among the idle ones
        Ok(connection)
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        let Pool { sockets, slots, slots_max, .. } = self.pool;
        if slots.available_permits() + 1 == *slots_max {
            sockets.rest();
        }
    }
}

impl Slot<'_> {
    /// Sends a request and waits for its response. If the future is dropped, the socket is closed.
    ///
    /// # Errors
    /// [`HttpFailure`]. Idle sockets that are known to be closed are skipped. After [`HttpFailure::Stale`], none that was idle
    /// as long is used again.
    pub async fn send(&self, mut request: Request<Full<Bytes>>) -> Result<HttpAnswer, HttpFailure> {
        loop {
            let mut socket = self.pool.sockets.find().await?;
            let mut error = match socket.connection.try_send_request(request).await {
                Ok(response) => return Ok(self.read(socket, response).await),
                Err(error) => error,
            };
            match error.take_message() {
                Some(unsent) => request = unsent,
                None if socket.is_new => return Err(HttpFailure::Lost(error.into_error())),
                None => {
                    self.pool.sockets.close_idle(socket.idle_since);
                    return Err(HttpFailure::Stale(error.into_error()));
                }
            }
        }
    }

    /// Reads a response to its end, and returns its socket to the pool if it can be reused.
    async fn read(&self, mut socket: Socket, response: Response<Incoming>) -> HttpAnswer {
        let (head, body) = response.into_parts();
        let body = if body.is_end_stream() {
            Some(Bytes::new())
        } else {
            Limited::new(body, self.pool.answer_bytes_max).collect().await.ok().map(Collected::to_bytes)
        };
        // If the server closes the socket after its response, `ready` reports it.
        if body.is_some() && socket.connection.ready().await.is_ok() {
            socket.is_new = false;
            self.pool.sockets.put_idle(socket);
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
