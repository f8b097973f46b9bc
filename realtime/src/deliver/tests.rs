//! The outcomes of posts, by what the gateway answers.

use std::time::Duration;

use funnelcast_aws::{clock::now, measure::Tally, table::Member};
use funnelcast_core::frame::Event;
use funnelcast_testing::gateway::{Answer, Stub};
use serde_json::json;

use super::{
    frames::{Addressed, Frames},
    posts::{self, post_frames},
};
use crate::tests::TestRealtime;

fn members(count: usize) -> Vec<Member> {
    let member = |number| Member {
        user: format!("user_{number}").parse().unwrap(),
        name: "Ann".to_owned().try_into().unwrap(),
        connection: format!("connection-{number}=").parse().unwrap(),
        join_order: funnelcast_core::JoinOrder::FIRST,
        joined_at: None,
        status: funnelcast_core::event::Status::Online,
        seen_at: now(),
        expires_at: now() + Duration::from_hours(1),
        departed_at: None,
        team_of: None,
        grant: None,
        spare_grant: None,
        mute: None,
    };
    (0..count).map(member).collect()
}

/// A message of this many bytes.
fn event(bytes: usize) -> Event {
    let event = json!({"channel": "conversation:c1", "event": "chat.message", "seq": 1, "at": "2026-11-23T10:00:00.123Z",
        "data": {"content": "x".repeat(bytes)}});
    serde_json::from_value(event).unwrap()
}

/// The outcome of posting these events, and how many members are still owed them.
async fn post(stub: &Stub, events: &[Event], members: &[Member]) -> (Tally, usize) {
    let addressed: Vec<Addressed> =
        events.iter().map(|event| Addressed { event: event.clone(), except: None }).collect();
    let frames = Frames::of(&addressed).unwrap();
    let mut failed = Vec::new();
    let channel = &events[0].channel;
    let tally =
        post_frames(&*TestRealtime::new(stub).await, channel, &frames, members, &mut failed).await.unwrap();
    (tally, failed.len())
}

#[tokio::test]
async fn only_members_whose_posts_failed_are_owed_the_event() {
    let stub = Stub::answering(&[Answer::Status(413), Answer::Status(403), Answer::Status(200)]).await;
    let outcome = Box::pin(post(&stub, &[event(5)], &members(5))).await;
    assert_eq!(outcome, (Tally { sent: 3, refused: 1, failed: 1, gone: 0 }, 1));
}

#[tokio::test]
async fn a_frame_that_is_too_large_does_not_stop_the_next_one() {
    let stub = Stub::answering(&[Answer::Status(413), Answer::Status(200)]).await;
    let outcome = Box::pin(post(&stub, &[event(20 * 1024), event(20 * 1024)], &members(1))).await;
    assert_eq!(outcome, (Tally { refused: 1, ..Tally::default() }, 0));
    assert_eq!(stub.requests().len(), 2);
}

#[tokio::test]
async fn all_get_the_same_bytes_once_each() {
    let stub = Stub::answering(&[Answer::Status(200)]).await;
    let (event, members) = (event(5), members(120));
    let sender = &members[7].connection;
    let tally = posts::post(&*TestRealtime::new(&stub).await, &event, &members, Some(sender)).await.unwrap();
    assert_eq!(tally.sent, 119);
    let requests = stub.requests();
    let targets: std::collections::BTreeSet<&str> =
        requests.iter().map(|request| request.target.as_str()).collect();
    assert_eq!((requests.len(), targets.len()), (119, 119));
    assert!(!targets.contains("/dev/@connections/connection-7%3D"));
    assert!(requests.iter().all(|request| request.body == requests[0].body));
}
