//! The fault that a network makes: sockets that end without a close frame.

use std::{sync::Arc, time::Duration};

use tokio::time::interval;

use super::{WebSockets, connection::End};
use crate::faults::Kind;

/// What the rate counts for.
const INTERVAL: Duration = Duration::from_secs(1);

impl WebSockets {
    /// Cuts connections, as many as the faults say, for ever.
    pub(crate) async fn cut_some(self: Arc<Self>) {
        let mut ticks = interval(INTERVAL);
        loop {
            ticks.tick().await;
            let mut connections: Vec<_> = self.lock().values().cloned().collect();
            // One seed is to cut the same ones again: the first, the third, ... that connected.
            connections.sort_by_key(|connection| connection.peer.client.connected_at);
            for connection in connections {
                if self.faults.strikes(Kind::Cut) {
                    connection.end(End::cut());
                }
            }
        }
    }
}
