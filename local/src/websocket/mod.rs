//! API Gateway's WebSocket API: who is let in, and what becomes of those who are.
//!
//! A handshake passes, in this order, the path, the stage's throttle, the authorizer and `$connect`; only then comes
//! the 101, all in [`entry`]. [`session`] has the socket from there, [`route`] takes its frames to functions, and
//! `@connections` posts to it through [`WebSockets::post`], until it ends or a fault ([`cutting`]) ends it. What a slow client does not read is held up to a limit,
//! never for others to wait for.

mod authorizer;
mod connection;
mod cutting;
mod entry;
mod event;
mod handshake;
mod journal;
mod limits;
mod policy;
mod route;
mod session;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use http::{HeaderMap, header};
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::Message;

pub(crate) use self::{
    connection::Posted,
    limits::{CONNECTION_MAX, FRAME_BYTES_MAX, IDLE_MAX, INTEGRATION_TIMEOUT, Limits, MESSAGE_BYTES_MAX},
};
use self::{
    connection::{Connection, End},
    event::Origin,
};
use crate::{faults::Faults, journal::Journal, lambda::Lambda, template::WebSocketApi, throttle::Bucket};

/// The stack's WebSocket API, with its open connections.
pub(crate) struct WebSockets {
    api: WebSocketApi,
    origin: Origin,
    limits: Limits,
    lambda: Lambda,
    faults: Faults,
    journal: Journal,
    bucket: Option<Bucket>,
    connections: Mutex<HashMap<String, Arc<Connection>>>,
    /// Each session holds a receiver until its `$disconnect` was called.
    sessions: watch::Sender<()>,
}

impl WebSockets {
    /// The API served at `domain_name` (`host:port`), without connections yet.
    pub(crate) fn new(
        api: WebSocketApi,
        domain_name: &str,
        limits: Limits,
        lambda: Lambda,
        faults: Faults,
        journal: Journal,
    ) -> Arc<Self> {
        let origin = Origin {
            api_id: api.api_id.clone(),
            stage: api.stage.clone(),
            domain_name: domain_name.to_owned(),
        };
        let bucket = api.throttle.map(Bucket::new);
        let (connections, sessions) = (Mutex::default(), watch::Sender::new(()));
        Arc::new(Self { api, origin, limits, lambda, faults, journal, bucket, connections, sessions })
    }

    /// The API as the template has it.
    pub(crate) fn api(&self) -> &WebSocketApi {
        &self.api
    }

    /// The largest message, in either direction.
    pub(crate) fn message_bytes_max(&self) -> usize {
        self.limits.message_bytes_max
    }

    /// Posts `message` to a connection.
    pub(crate) fn post(&self, connection_id: &str, message: String) -> Posted {
        let connection = self.lock().get(connection_id).cloned();
        connection.map_or(Posted::Gone, |connection| connection.post(Message::text(message)))
    }

    /// What is known of a connection, in the words of the management API; `None` where there is none.
    pub(crate) fn describe(&self, connection_id: &str) -> Option<Value> {
        self.lock().get(connection_id).map(|connection| connection.describe())
    }

    /// Closes a connection.
    pub(crate) fn delete(&self, connection_id: &str) -> Posted {
        // Removed at once, so that the next call is answered 410 as on AWS.
        let connection = self.lock().remove(connection_id);
        connection.map_or(Posted::Gone, |connection| {
            connection.end(End::deleted());
            Posted::Queued
        })
    }

    /// Closes all connections, and waits until their `$disconnect` was called, but not longer than `patience`.
    pub(crate) async fn close_all(&self, patience: Duration) {
        for connection in self.lock().values() {
            connection.end(End::going_away());
        }
        if tokio::time::timeout(patience, self.sessions.closed()).await.is_err() {
            tracing::warn!("not every $disconnect was called in time");
        }
    }

    /// Calls `$disconnect` for the connections that an earlier run has left: their sockets ended when it was killed.
    pub(crate) fn disconnect_left_over(self: &Arc<Self>) -> anyhow::Result<()> {
        for peer in self.journal.read(journal::load)? {
            let (api, session) = (Arc::clone(self), self.sessions.subscribe());
            tokio::spawn(async move {
                api.disconnected(&peer, Timestamp::now(), &End::lost()).await;
                drop(session);
            });
        }
        Ok(())
    }

    /// The ids of all connections that are open.
    #[cfg(test)]
    pub(crate) fn ids(&self) -> Vec<String> {
        self.lock().keys().cloned().collect()
    }

    fn forget(&self, connection: &Connection) {
        self.lock().remove(connection.id());
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Connection>>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a request asks for a WebSocket.
pub(crate) fn is_upgrade(headers: &HeaderMap) -> bool {
    let upgrade = headers.get(header::UPGRADE).and_then(|value| value.to_str().ok());
    upgrade.is_some_and(|upgrade| upgrade.eq_ignore_ascii_case("websocket"))
}

#[cfg(test)]
mod tests;
