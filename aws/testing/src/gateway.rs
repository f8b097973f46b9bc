//! A gateway on this machine that answers as a test says, and records the requests.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_rustls::{TlsAcceptor, rustls::HandshakeKind};

/// How a request is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// With a status, and for an error with the gateway's error body.
    Status(u16),
    /// With a status, and a body beyond the limit.
    Wordy(u16),
    /// With 200, after which the socket is closed.
    Last,
    /// Not at all: the socket is reset.
    Reset,
    /// Not at all, and the socket stays open.
    Never,
}

/// A request that was received.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// The method.
    pub method: String,
    /// The path and query.
    pub target: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Recorded {
    async fn from(request: Request<Incoming>) -> Self {
        let (head, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Self { method: head.method.to_string(), target: head.uri.to_string(), headers: head.headers, body }
    }

    /// The value of a header that occurs exactly once.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        values.next().filter(|_| values.next().is_none()).map(|value| value.to_str().unwrap())
    }
}

/// The gateway. It stops when it is dropped.
pub struct Stub {
    address: SocketAddr,
    state: Arc<State>,
    _serving: JoinSet<()>,
}

struct State {
    /// Set if it serves `https`.
    tls: Option<TlsAcceptor>,
    script: Box<dyn Fn(&Recorded) -> Answer + Send + Sync>,
    requests: Mutex<Vec<Recorded>>,
    sockets: Mutex<JoinSet<()>>,
    sockets_opened: AtomicUsize,
    /// How many of them are served; those after them get no byte.
    sockets_served: AtomicUsize,
    sockets_resumed: AtomicUsize,
    in_flight: AtomicUsize,
    in_flight_most: AtomicUsize,
}

impl Stub {
    /// Starts a gateway that answers its requests as `script` says.
    pub async fn start(script: impl Fn(&Recorded) -> Answer + Send + Sync + 'static) -> Self {
        Self::start_with(None, script).await
    }

    /// Starts a gateway over `https` that answers 200.
    pub async fn start_tls(tls: TlsAcceptor) -> Self {
        Self::start_with(Some(tls), |_| Answer::Status(200)).await
    }

    async fn start_with(
        tls: Option<TlsAcceptor>,
        script: impl Fn(&Recorded) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let state = Arc::new(State {
            tls,
            script: Box::new(script),
            requests: Mutex::default(),
            sockets: Mutex::default(),
            sockets_opened: AtomicUsize::new(0),
            sockets_served: AtomicUsize::new(usize::MAX),
            sockets_resumed: AtomicUsize::new(0),
            in_flight: AtomicUsize::new(0),
            in_flight_most: AtomicUsize::new(0),
        });
        let address = listener.local_addr().unwrap();
        let mut serving = JoinSet::new();
        serving.spawn(accept(listener, Arc::clone(&state)));
        Self { address, state, _serving: serving }
    }

    /// Starts a gateway that gives these answers in order, and then keeps repeating the last one.
    pub async fn answering(answers: &[Answer]) -> Self {
        let answers = answers.to_vec();
        let next = AtomicUsize::new(0);
        Self::start(move |_| answers[next.fetch_add(1, Ordering::Relaxed).min(answers.len() - 1)]).await
    }

    /// The `MANAGEMENT_ENDPOINT` of a function that posts to it.
    pub fn url(&self) -> String {
        format!("{}://{}/dev", if self.state.tls.is_some() { "https" } else { "http" }, self.address)
    }

    /// All requests so far.
    pub fn requests(&self) -> Vec<Recorded> {
        self.state.requests().clone()
    }

    /// How many sockets have been opened so far.
    pub fn sockets_opened(&self) -> usize {
        self.state.sockets_opened.load(Ordering::Relaxed)
    }

    /// How many sockets have resumed a TLS session, which spares both sides the certificate.
    pub fn sockets_resumed(&self) -> usize {
        self.state.sockets_resumed.load(Ordering::Relaxed)
    }

    /// Serves only the first sockets. Those after them are accepted and get no byte, not even of TLS.
    pub fn serve_only(&self, sockets: usize) {
        self.state.sockets_served.store(sockets, Ordering::Relaxed);
    }

    /// The most requests that were under way at once.
    pub fn in_flight_most(&self) -> usize {
        self.state.in_flight_most.load(Ordering::Relaxed)
    }

    /// Closes all sockets, even with requests under way.
    pub async fn close_sockets(&self) {
        let mut sockets = std::mem::take(&mut *self.state.sockets.lock().unwrap());
        sockets.shutdown().await;
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    loop {
        let (socket, _) = listener.accept().await.unwrap();
        let before = state.sockets_opened.fetch_add(1, Ordering::Relaxed);
        if before >= state.sockets_served.load(Ordering::Relaxed) {
            state.sockets.lock().unwrap().spawn(async move {
                let _open = socket;
                std::future::pending::<()>().await;
            });
            continue;
        }
        state.sockets.lock().unwrap().spawn(serve(socket, Arc::clone(&state)));
    }
}

async fn serve(socket: TcpStream, state: Arc<State>) {
    socket.set_nodelay(true).unwrap();
    // A second handle of the same socket, because the first is lent to the server.
    let socket = socket.into_std().unwrap();
    let handle = Arc::new(TcpStream::from_std(socket.try_clone().unwrap()).unwrap());
    let socket = TcpStream::from_std(socket).unwrap();
    let service = service_fn(|request| state.answer(request, Arc::clone(&handle)));
    let http = http1::Builder::new();
    match &state.tls {
        None => http.serve_connection(TokioIo::new(socket), service).await.ok(),
        Some(tls) => match tls.accept(socket).await {
            Ok(socket) => {
                if socket.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed) {
                    state.sockets_resumed.fetch_add(1, Ordering::Relaxed);
                }
                http.serve_connection(TokioIo::new(socket), service).await.ok()
            }
            Err(_) => None, // the client does not trust the certificate
        },
    };
}

impl State {
    fn requests(&self) -> MutexGuard<'_, Vec<Recorded>> {
        self.requests.lock().unwrap()
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
        socket: Arc<TcpStream>,
    ) -> io::Result<Response<Full<Bytes>>> {
        let in_flight = self.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
        self.in_flight_most.fetch_max(in_flight, Ordering::Relaxed);
        let request = Recorded::from(request).await;
        tokio::task::yield_now().await; // so that others are under way too
        let answer = (self.script)(&request);
        self.requests().push(request);
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        match answer {
            Answer::Status(status) => Ok(response(StatusCode::from_u16(status).unwrap())),
            Answer::Wordy(status) => {
                let status = StatusCode::from_u16(status).unwrap();
                Ok(response(status).map(|_| Full::from("x".repeat(1024 * 1024))))
            }
            Answer::Last => {
                let mut response = response(StatusCode::OK);
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
                Ok(response)
            }
            Answer::Reset => {
                socket.set_zero_linger()?;
                Err(io::ErrorKind::ConnectionReset.into())
            }
            Answer::Never => std::future::pending().await,
        }
    }
}

/// The gateway's response with this status.
fn response(status: StatusCode) -> Response<Full<Bytes>> {
    let error_type = match status.as_u16() {
        403 => "ForbiddenException",
        410 => "GoneException",
        413 => "PayloadTooLargeException",
        429 => "LimitExceededException",
        _ => "InternalServerErrorException",
    };
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    if !status.is_success() {
        response.headers_mut().insert("x-amzn-errortype", HeaderValue::from_static(error_type));
        *response.body_mut() = Full::from(format!(r#"{{"message":"{status}"}}"#));
    }
    response
}
