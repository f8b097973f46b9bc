//! When a message last went over a connection, in the responses of API Gateway and of others.

use serde_json::json;

use super::*;
use funnelcast_testing::server::{self, Answer, Server};

use crate::gateway::Gateway;

/// The result for a response to `GetConnection`.
async fn last_active(answer: Answer) -> Option<String> {
    let server = Server::start(move |_| answer.clone()).await;
    let sdk = sdk_config(SharedCredentialsProvider::new(credentials(None)), &Clock::at(EXAMPLE_SECS));
    let endpoint = server.url("/dev");
    let poster = Poster::new(&endpoint, &sdk, Patience::default()).unwrap();
    let gateway = Gateway { poster, management: crate::gateway::Management { endpoint, sdk } };
    let at = gateway.last_active(&connection("a=")).await.unwrap();
    let asked = server.asked();
    assert_eq!((asked.len(), asked[0].path.as_str()), (1, "/dev/@connections/a%3D"));
    at.map(|at| at.to_string())
}

#[tokio::test]
async fn the_gateway_says_when_a_connection_was_last_active() {
    let answer =
        json!({"connectedAt": "2026-11-23T09:00:00.000Z", "lastActiveAt": "2026-11-23T10:00:00.123Z"});
    assert_eq!(last_active(server::json(&answer)).await.as_deref(), Some("2026-11-23T10:00:00.123Z"));
}

#[tokio::test]
async fn a_connection_that_is_gone_or_has_no_time_counts_as_silent() {
    let emulated = json!({"ConnectedAt": 1_795_428_000, "Identity": {}, "LastActiveAt": 1_795_428_000});
    for answer in [server::says(410, "{}"), server::json(&emulated), server::json(&json!({}))] {
        assert_eq!(last_active(answer).await, None);
    }
}
