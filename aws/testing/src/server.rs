//! An HTTP server on this machine that answers as a test says, and records the requests.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{net::TcpListener, sync::Semaphore, task::JoinSet};

/// A request that was received.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The path and query.
    pub path: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// How a request is answered.
#[derive(Debug, Clone)]
pub enum Answer {
    /// With this response.
    Now(Response<Full<Bytes>>),
    /// With this response, once there is a permit.
    Later(Arc<Semaphore>, Response<Full<Bytes>>),
    /// Never.
    Never,
    /// By closing the socket.
    Cut,
}

/// An answer with a status and a body.
pub fn says(status: u16, body: impl Into<Bytes>) -> Answer {
    Answer::Now(Response::builder().status(status).body(Full::new(body.into())).unwrap())
}

/// An answer with 200 and JSON.
pub fn json(body: &Value) -> Answer {
    says(200, body.to_string())
}

/// The server. It stops when it is dropped.
pub struct Server {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    _serving: JoinSet<()>,
}

impl Server {
    /// Starts a server that answers as `script` says.
    pub async fn start(script: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let (address, asked) = (listener.local_addr().unwrap(), Arc::<Mutex<Vec<Asked>>>::default());
        let state = Arc::new((script, Arc::clone(&asked)));
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut sockets = JoinSet::new();
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let state = Arc::clone(&state);
                sockets.spawn(async move {
                    let service = service_fn(|request| answer(request, Arc::clone(&state)));
                    http1::Builder::new().serve_connection(TokioIo::new(socket), service).await.ok();
                });
            }
        });
        Self { address, asked, _serving: serving }
    }

    /// The URL of a path on it.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// All requests so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

async fn answer<F: Fn(&Asked) -> Answer>(
    request: Request<Incoming>,
    state: Arc<(F, Arc<Mutex<Vec<Asked>>>)>,
) -> Result<Response<Full<Bytes>>, io::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let asked = Asked { path: head.uri.to_string(), headers: head.headers, body };
    let answer = (state.0)(&asked);
    state.1.lock().unwrap().push(asked);
    match answer {
        Answer::Now(response) => Ok(response),
        Answer::Later(permits, response) => {
            permits.acquire().await.unwrap().forget();
            Ok(response)
        }
        Answer::Never => std::future::pending().await,
        Answer::Cut => Err(io::ErrorKind::ConnectionAborted.into()),
    }
}
