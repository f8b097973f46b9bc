//! The fault `cut`: sockets that end without a close frame, as if the network had failed.

use std::{sync::Arc, time::Duration};

use tokio::time::interval;

use super::{connection::End, server::WebSockets};
use crate::faults::FaultKind;

/// The interval to which the rate applies.
const INTERVAL: Duration = Duration::from_secs(1);

impl WebSockets {
    /// Cuts connections at the rate of the faults, for ever.
    pub(crate) async fn cut_some(self: Arc<Self>) {
        let mut ticks = interval(INTERVAL);
        loop {
            ticks.tick().await;
            let mut connections: Vec<_> = self.lock().values().cloned().collect();
            // Sorted, so that the same seed cuts the same connections again: the first, the third, ... that connected.
            connections.sort_by_key(|connection| connection.peer.client.connected_at);
            for connection in connections {
                if self.faults.strikes(FaultKind::Cut) {
                    connection.end(End::cut());
                }
            }
        }
    }
}
