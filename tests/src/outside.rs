//! A server outside the stack that the stack calls, such as an issuer's key set or Whop's API. It answers as a test says, and
//! ends with the test.

use std::{
    collections::HashMap,
    convert::Infallible,
    net::Ipv4Addr,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Result;
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Collected, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// A server that answers as a test says.
pub struct Outside {
    url: String,
    state: Arc<Mutex<State>>,
    _serving: JoinSet<()>,
}

#[derive(Default)]
struct State {
    answers: HashMap<String, (StatusCode, Value)>,
    held: HashMap<String, Arc<Semaphore>>,
    asked: Vec<Asked>,
}

/// A request.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Its path.
    pub path: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body; `null` if it is not JSON.
    pub body: Value,
}

impl Outside {
    /// Starts a server without answers: it responds with 404.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let state = Arc::<Mutex<State>>::default();
        let mut serving = JoinSet::new();
        serving.spawn(serve(listener, Arc::clone(&state)));
        Ok(Self { url, state, _serving: serving })
    }

    /// The URL of this path on the server.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// Sets the answer for this path.
    pub fn answers(&self, path: &str, status: u16, body: Value) -> Result<()> {
        let answer = (StatusCode::from_u16(status)?, body);
        self.state.lock().unwrap_or_else(PoisonError::into_inner).answers.insert(path.to_owned(), answer);
        Ok(())
    }

    /// Holds back the answers for this path until the returned semaphore is closed. Each is the answer that was set when the
    /// request arrived.
    pub fn hold(&self, path: &str) -> Arc<Semaphore> {
        let held = Arc::new(Semaphore::new(0));
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.held.insert(path.to_owned(), Arc::clone(&held));
        held
    }

    /// The body of the last request for this path.
    pub fn last_asked(&self, path: &str) -> Option<Value> {
        self.asked(path).pop().map(|asked| asked.body)
    }

    /// The number of requests for this path.
    pub fn times_asked(&self, path: &str) -> usize {
        self.asked(path).len()
    }

    /// All requests for this path.
    pub fn asked(&self, path: &str) -> Vec<Asked> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.asked.iter().filter(|asked| asked.path == path).cloned().collect()
    }
}

async fn serve(listener: TcpListener, state: Arc<Mutex<State>>) {
    let mut sockets = JoinSet::new();
    while let Ok((socket, _)) = listener.accept().await {
        let state = Arc::clone(&state);
        sockets.spawn(async move {
            let service = service_fn(|request: Request<Incoming>| {
                let state = Arc::clone(&state);
                async move {
                    let (parts, body) = request.into_parts();
                    let body = body.collect().await.map(Collected::to_bytes).unwrap_or_default();
                    let body = serde_json::from_slice(&body).unwrap_or_default();
                    let path = parts.uri.path().to_owned();
                    let (answer, held) = answer(&state, Asked { path, headers: parts.headers, body });
                    if let Some(held) = held {
                        held.acquire().await.map(drop).unwrap_or_default(); // an error means that it was closed
                    }
                    Ok::<_, Infallible>(answer)
                }
            });
            http1::Builder::new().serve_connection(TokioIo::new(socket), service).await.ok();
        });
    }
}

fn answer(state: &Mutex<State>, asked: Asked) -> (Response<Full<Bytes>>, Option<Arc<Semaphore>>) {
    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
    let (status, body) =
        state.answers.get(&asked.path).cloned().unwrap_or((StatusCode::NOT_FOUND, Value::Null));
    let mut response = Response::new(Full::from(body.to_string()));
    *response.status_mut() = status;
    let held = state.held.get(&asked.path).cloned();
    state.asked.push(asked);
    (response, held)
}
