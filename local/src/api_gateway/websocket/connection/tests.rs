//! One connection, without a socket.

use std::net::Ipv4Addr;

use http::HeaderMap;

use super::*;
use crate::api_gateway::websocket::event::Client;

fn connection() -> (Connection, mpsc::UnboundedReceiver<Outgoing>) {
    let client = Client::new((Ipv4Addr::LOCALHOST, 1).into(), &HeaderMap::new());
    Connection::new(Peer { client, authorizer: None })
}

#[tokio::test]
async fn a_slow_reader_is_closed() {
    let (connection, mut queued) = connection();
    let kilobyte = || Message::text("x".repeat(1024));
    let mut taken = 0;
    while connection.post(kilobyte()) == Posted::Queued {
        taken += 1;
    }
    assert_eq!(taken, QUEUE_BYTES_MAX / (1024 + MESSAGE_OVERHEAD_BYTES));
    assert_eq!(connection.ended().await.code, 1008);
    // Writing a message releases its permits.
    drop(queued.recv().await);
    assert_eq!(connection.post(kilobyte()), Posted::Queued);
}

#[tokio::test]
async fn the_first_end_counts() {
    let (connection, _queued) = connection();
    connection.end(End::deleted());
    connection.end(End::going_away());
    assert_eq!(connection.ended().await, End::deleted());
}

#[test]
fn a_connection_is_described_in_the_form_of_the_sdk() {
    let (connection, _queued) = connection();
    let described = connection.describe();
    assert_eq!(described["identity"], json!({ "sourceIp": "127.0.0.1" }));
    assert!(
        described["connectedAt"].as_str().is_some_and(|at| at.ends_with('Z') && at.len() == 24),
        "{described}"
    );
}
