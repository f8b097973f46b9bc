//! The stack's WebSocket API, with its open connections.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::Value;
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::Message;

use super::{
    connection::{Connection, End, Posted},
    event::Origin,
    limits::Limits,
};
use crate::{
    api_gateway::throttle::Buckets, faults::Faults, journal::Journal, lambda::Lambda, template::WebSocketApi,
};

/// The stack's WebSocket API, with its open connections.
pub(crate) struct WebSockets {
    pub(super) api: WebSocketApi,
    pub(super) origin: Origin,
    pub(super) limits: Limits,
    pub(super) lambda: Lambda,
    pub(super) faults: Faults,
    pub(super) journal: Journal,
    pub(super) buckets: Buckets,
    connections: Mutex<HashMap<String, Arc<Connection>>>,
    /// Each session holds a receiver until its `$disconnect` has been called.
    pub(super) sessions: watch::Sender<()>,
}

impl WebSockets {
    /// The API, served at `domain_name` (`host:port`), without connections.
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
        let buckets = Buckets::new(api.throttles.clone());
        let (connections, sessions) = (Mutex::default(), watch::Sender::new(()));
        Arc::new(Self { api, origin, limits, lambda, faults, journal, buckets, connections, sessions })
    }

    /// The API as the template defines it.
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

    /// The description of a connection that the management API gives; `None` if there is none.
    pub(crate) fn describe(&self, connection_id: &str) -> Option<Value> {
        self.lock().get(connection_id).map(|connection| connection.describe())
    }

    /// Closes a connection.
    pub(crate) fn delete(&self, connection_id: &str) -> Posted {
        // Removed at once, so that the next call is answered with 410, as on AWS.
        let connection = self.lock().remove(connection_id);
        connection.map_or(Posted::Gone, |connection| {
            connection.end(End::deleted());
            Posted::Queued
        })
    }

    /// Closes all connections, and waits at most `timeout` until their `$disconnect` has been called.
    pub(crate) async fn close_all(&self, timeout: Duration) {
        for connection in self.lock().values() {
            connection.end(End::going_away());
        }
        if tokio::time::timeout(timeout, self.sessions.closed()).await.is_err() {
            tracing::warn!(
                "some $disconnect functions were not called in time; the next run with this --data calls them"
            );
        }
    }

    /// The ids of all open connections.
    #[cfg(test)]
    pub(crate) fn ids(&self) -> Vec<String> {
        self.lock().keys().cloned().collect()
    }

    /// Removes a connection that has ended.
    pub(super) fn forget(&self, connection: &Connection) {
        self.lock().remove(connection.id());
    }

    /// The open connections, by id.
    pub(super) fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Connection>>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
