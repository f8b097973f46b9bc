//! A gateway without sockets: it accepts posts to connections as `@connections` does, records the frames of each connection, and
//! can answer slowly, or throttle.
//!
//! It does not read the frames. That is for its users to do.

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use percent_encoding::percent_decode_str;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// A connection whose id contains this is gone: a post to it is answered 410.
pub const DEAD: &str = "-dead-";

/// How a gateway answers.
#[derive(Debug, Clone, Copy, Default)]
pub struct Manner {
    /// The time that each answer takes.
    pub delay: Duration,
    /// Bursts in which every post is throttled.
    pub bursts: Option<Bursts>,
}

/// The last `length` of every `every` requests are answered 429.
#[derive(Debug, Clone, Copy)]
pub struct Bursts {
    /// How many requests there are from the start of one burst to the next.
    pub every: u64,
    /// How many of them are throttled.
    pub length: u64,
}

/// The counts of a gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// All requests, whatever their answer.
    pub requests: u64,
    /// Requests that were answered 429.
    pub throttled: u64,
    /// Sockets that were opened.
    pub sockets: u64,
    /// The most sockets that were open at once.
    pub sockets_most: u64,
    /// The most requests that were under way at once.
    pub in_flight_most: u64,
}

/// A running gateway; it ends when it is dropped.
#[derive(Debug)]
pub struct Gateway {
    url: String,
    state: Arc<State>,
    _serving: JoinSet<()>,
}

#[derive(Debug, Default)]
struct State {
    manner: Manner,
    frames: Mutex<Frames>,
    requests: AtomicU64,
    throttled: AtomicU64,
    sockets: AtomicU64,
    sockets_open: AtomicU64,
    sockets_most: AtomicU64,
    in_flight: AtomicU64,
    in_flight_most: AtomicU64,
}

#[derive(Debug, Default)]
struct Frames {
    /// The frames that were posted to each connection, in order.
    by_connection: HashMap<String, Vec<Bytes>>,
    /// Each distinct frame once, because most are posted to thousands of connections.
    different: HashSet<Bytes>,
    last_at: Option<Instant>,
}

/// A count that is decremented when this is dropped.
struct Counted<'a>(&'a AtomicU64);

impl<'a> Counted<'a> {
    fn one_more(count: &'a AtomicU64, most: &AtomicU64) -> Self {
        most.fetch_max(count.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Gateway {
    /// Starts a gateway on a free port of this machine.
    pub async fn start(manner: Manner) -> Result<Self> {
        rlimit::increase_nofile_limit(u64::MAX)?; // each post under way needs a socket here
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let state = Arc::new(State { manner, ..State::default() });
        let mut serving = JoinSet::new();
        serving.spawn(serve(listener, Arc::clone(&state)));
        Ok(Self { url, state, _serving: serving })
    }

    /// The base URL of its `@connections`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The frames that were posted to a connection, in order.
    pub fn frames(&self, connection: &str) -> Vec<Bytes> {
        let frames = self.state.frames.lock().unwrap_or_else(PoisonError::into_inner);
        frames.by_connection.get(connection).cloned().unwrap_or_default()
    }

    /// When the last frame was accepted.
    pub fn last_at(&self) -> Option<Instant> {
        self.state.frames.lock().unwrap_or_else(PoisonError::into_inner).last_at
    }

    /// The counts so far.
    pub fn seen(&self) -> Seen {
        let State { requests, throttled, sockets, sockets_most, in_flight_most, .. } = &*self.state;
        let [requests, throttled, sockets, sockets_most, in_flight_most] =
            [requests, throttled, sockets, sockets_most, in_flight_most]
                .map(|count| count.load(Ordering::Relaxed));
        Seen { requests, throttled, sockets, sockets_most, in_flight_most }
    }
}

async fn serve(listener: TcpListener, state: Arc<State>) {
    let mut sockets = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        state.sockets.fetch_add(1, Ordering::Relaxed);
        let state = Arc::clone(&state);
        sockets.spawn(async move {
            let _open = Counted::one_more(&state.sockets_open, &state.sockets_most);
            stream.set_nodelay(true).ok();
            let answer = service_fn(|request| state.answer(request));
            http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await.ok();
        });
        while sockets.try_join_next().is_some() {}
    }
}

impl State {
    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        let begun = tokio::time::Instant::now();
        let _under_way = Counted::one_more(&self.in_flight, &self.in_flight_most);
        let status = self.take(request).await;
        if !self.manner.delay.is_zero() {
            tokio::time::sleep_until(begun + self.manner.delay).await;
        }
        let mut response = Response::new(Full::default());
        *response.status_mut() = status;
        let error_type = match status {
            StatusCode::GONE => Some("GoneException"),
            StatusCode::TOO_MANY_REQUESTS => Some("LimitExceededException"),
            _ => None,
        };
        if let Some(error_type) = error_type {
            response.headers_mut().insert("x-amzn-errortype", HeaderValue::from_static(error_type));
        }
        Ok(response)
    }

    async fn take(&self, request: Request<Incoming>) -> StatusCode {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let (head, body) = request.into_parts();
        let Some((_, connection)) = head.uri.path().rsplit_once("/@connections/") else {
            return StatusCode::NOT_FOUND;
        };
        if head.method != Method::POST {
            return StatusCode::METHOD_NOT_ALLOWED;
        }
        let Ok(body) = body.collect().await else { return StatusCode::BAD_REQUEST };
        if self.manner.bursts.is_some_and(|bursts| bursts.throttle(number)) {
            self.throttled.fetch_add(1, Ordering::Relaxed);
            return StatusCode::TOO_MANY_REQUESTS;
        }
        if connection.contains(DEAD) {
            return StatusCode::GONE;
        }
        let connection = percent_decode_str(connection).decode_utf8_lossy();
        self.frames.lock().unwrap_or_else(PoisonError::into_inner).take(&connection, &body.to_bytes());
        StatusCode::OK
    }
}

impl Bursts {
    fn throttle(self, number: u64) -> bool {
        number % self.every >= self.every - self.length
    }
}

impl Frames {
    fn take(&mut self, connection: &str, frame: &Bytes) {
        let frame = if let Some(known) = self.different.get(frame) {
            known.clone()
        } else {
            let frame = Bytes::copy_from_slice(frame); // a copy, because a slice would keep the whole buffer of the request
            self.different.insert(frame.clone());
            frame
        };
        if let Some(frames) = self.by_connection.get_mut(connection) {
            frames.push(frame);
        } else {
            self.by_connection.insert(connection.to_owned(), vec![frame]);
        }
        self.last_at = Some(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_the_end_of_every_so_many_requests() {
        let bursts = Bursts { every: 5, length: 2 };
        let throttled: Vec<u64> = (0..10).filter(|number| bursts.throttle(*number)).collect();
        assert_eq!(throttled, [3, 4, 8, 9]);
    }

    #[test]
    fn frames_are_kept_by_connection_and_each_different_one_once() {
        let mut frames = Frames::default();
        let frame = Bytes::from_static(b"{}");
        for connection in ["ann", "bob", "ann"] {
            frames.take(connection, &frame);
        }
        assert_eq!(frames.by_connection["ann"], [&frame, &frame]);
        assert_eq!(frames.by_connection["bob"], [&frame]);
        assert_eq!(frames.different.len(), 1);
    }
}
