//! What a socket's frames show, and what an app makes of its reports.

use serde_json::{Value, json};

use super::calls::Said;
use super::channel::Channel;
use super::socket::{Shown, Socket};
use crate::soak::record::{Entry, Event, Wire};
use crate::soak::worker::Failure;

const TALK: &str = "conversation:all_1";

/// A socket that has been open since 1 s.
fn open() -> Socket {
    let mut socket = Socket::opening(None, 500);
    socket.opened(1_000);
    socket
}

fn asks(socket: &mut Socket, id: &str, mut fields: Value, at_ms: u64) -> Shown {
    fields["id"] = id.into();
    socket.goes_out(fields, at_ms)
}

fn answers(socket: &mut Socket, id: &str, data: &Value, at_ms: u64) -> Vec<Entry> {
    socket.comes_in(&json!({"type": "reply", "id": id, "ok": true, "data": data}), at_ms).entries
}

fn refuses(socket: &mut Socket, id: &str, code: &str, at_ms: u64) -> Vec<Entry> {
    let error = json!({"code": code, "message": "no"});
    socket.comes_in(&json!({"type": "reply", "id": id, "ok": false, "error": error}), at_ms).entries
}

fn event(seq: u64) -> Value {
    json!({"type": "event", "channel": TALK, "event": "chat.message", "seq": seq, "key": format!("k{seq}"),
        "from": {"userId": "ann"}, "at": "2026-11-23T10:00:00.000Z", "data": {}})
}

fn join(order: u64, since: Option<u64>) -> Value {
    json!({"action": "join", "channel": TALK, "order": order, "since": since})
}

fn page(head: u64, events: &[u64]) -> Value {
    let events: Vec<Value> = events.iter().map(|seq| event(*seq)).collect();
    json!({"head": head, "recovered": true, "events": events, "more": false})
}

/// A socket that joined at 2 s, when the log's last seq was `head`.
fn joined(head: u64) -> Socket {
    let mut socket = open();
    asks(&mut socket, "1", join(1, None), 1_500);
    assert_eq!(answers(&mut socket, "1", &page(head, &[]), 2_000), []);
    socket
}

/// The handler received a message of Ann's.
fn hears(socket: &mut Socket, seq: u64, is_own: bool) {
    socket.heard(&Event::of(&event(seq)), is_own);
}

fn status(socket: &mut Socket, names: &[&str], at_ms: u64) -> Vec<Entry> {
    asks(socket, "status", json!({"action": "status"}), at_ms);
    answers(socket, "status", &json!({"channels": names}), at_ms + 10)
}

#[test]
fn the_tape_has_what_a_socket_asked_for_and_was_told() {
    let mut socket = joined(4);
    socket.comes_in(&event(5), 3_000);
    socket.comes_in(&json!({"type": "batch", "events": [event(6), event(7)]}), 3_000);
    asks(&mut socket, "2", json!({"action": "leave", "channel": TALK, "order": 2}), 4_000);
    answers(&mut socket, "2", &json!({}), 4_100);
    socket.over(5_000);
    socket.over(6_000);
    let tape: Vec<String> = socket.tape.iter().map(|note| format!("{:?}", note.what)).collect();
    let names: Vec<&str> = tape.iter().filter_map(|note| note.split([' ', '{']).next()).collect();
    let posted = ["Posted"; 3];
    let all = [&["Opened", "Token", "Joining", "Joined"][..], &posted, &["Leaving", "Left", "Over"]].concat();
    assert_eq!(names, all);
}

#[test]
fn an_answer_that_has_been_overtaken_tells_nothing() {
    let mut socket = open();
    asks(&mut socket, "1", join(1, None), 1_000);
    let left = asks(&mut socket, "2", json!({"action": "leave", "channel": TALK, "order": 2}), 1_001);
    assert_eq!(left.leaving.as_deref(), Some(TALK));
    asks(&mut socket, "3", join(3, Some(4)), 1_002);
    answers(&mut socket, "3", &page(4, &[]), 1_100);
    answers(&mut socket, "2", &json!({}), 1_200);
    assert_eq!(refuses(&mut socket, "1", "conflict", 1_300), []);
    let is_left = |what: &Wire| matches!(what, Wire::Left { .. });
    assert!(!socket.tape.iter().any(|note| is_left(&note.what)));
    assert_eq!(status(&mut socket, &[TALK], 2_000), []);
    assert_eq!(status(&mut socket, &[TALK], 20_000), [], "it is a member");
}

#[test]
fn a_recovery_without_an_event_is_a_part_that_passes_for_the_whole() {
    let recovered = |events: &[u64], posted: &[u64]| {
        let mut socket = open();
        asks(&mut socket, "1", join(1, Some(4)), 1_000);
        for seq in posted {
            socket.comes_in(&event(*seq), 1_050);
        }
        answers(&mut socket, "1", &page(7, events), 1_100)
    };
    let whole = |events| Entry::Recovered { channel: TALK.to_owned(), events };
    assert_eq!(recovered(&[5, 6, 7], &[]), [whole(3)]);
    assert_eq!(recovered(&[5, 6], &[7]), [whole(2)], "it was posted meanwhile");
    let what = "since 4, head 7: without 6".to_owned();
    assert_eq!(recovered(&[5, 7], &[]), [whole(2), Entry::Partial { channel: TALK.to_owned(), what }]);
}

#[test]
fn a_page_begins_where_it_was_asked_for() {
    let mut socket = joined(4);
    let history = json!({"action": "history", "channel": TALK, "after": 4});
    asks(&mut socket, "2", history.clone(), 3_000);
    assert_eq!(answers(&mut socket, "2", &page(7, &[5, 6]), 3_100), []);
    asks(&mut socket, "3", history, 3_200);
    let what = "after 4 came 6".to_owned();
    assert_eq!(
        answers(&mut socket, "3", &page(7, &[6, 7]), 3_300),
        [Entry::Partial { channel: TALK.to_owned(), what }]
    );
}

#[test]
fn what_a_member_hears_without_a_post_is_owed_to_it() {
    let mut socket = joined(4);
    for seq in [4, 5, 6] {
        hears(&mut socket, seq, false);
    }
    socket.comes_in(&event(6), 3_000);
    assert_eq!(socket.unposted(), [(TALK.to_owned(), [5].into())].into(), "4 is from before the join");
    socket.comes_in(&event(5), 3_100);
    assert!(socket.unposted().is_empty(), "late, but posted");
    let data = json!({"content": "seven"});
    let message =
        json!({"action": "send", "channel": TALK, "event": "chat.message", "key": "k7", "data": data});
    let sent = asks(&mut socket, "2", message, 3_200).sent;
    let said = Said { channel: TALK.to_owned(), event: "chat.message".to_owned(), data };
    assert_eq!(sent, Some((said, "k7".to_owned())));
    hears(&mut socket, 7, true);
    assert!(socket.unposted().is_empty(), "a sender gets no copy");
    hears(&mut socket, 8, true);
    assert_eq!(socket.unposted().len(), 1, "it was not sent on this socket");
}

#[test]
fn who_was_removed_is_no_member_unless_that_is_about_an_earlier_join() {
    let revoked = |order: u64| {
        json!({"type": "event", "channel": TALK, "event": "access.revoked",
        "at": "2026-11-23T10:00:00.000Z", "data": {"order": order}})
    };
    let mut socket = joined(4);
    socket.comes_in(&revoked(0), 3_000);
    assert_eq!(
        socket.tape.last().map(|note| note.what.clone()),
        Some(Wire::Outdated { channel: TALK.to_owned() })
    );
    socket.comes_in(&revoked(1), 3_100);
    assert_eq!(
        socket.tape.last().map(|note| note.what.clone()),
        Some(Wire::Revoked { channel: TALK.to_owned() })
    );
    assert_eq!(status(&mut socket, &[], 20_000), []);
}

#[test]
fn that_the_server_knows_otherwise_for_long_is_told() {
    let disagrees = |entries: &[Entry]| entries.iter().any(|entry| matches!(entry, Entry::Disagrees { .. }));
    let mut socket = joined(4);
    assert_eq!(status(&mut socket, &[], 3_000), [], "it may still be told");
    assert!(disagrees(&status(&mut socket, &[], 13_000)));
    let mut foreign = joined(4);
    assert_eq!(status(&mut foreign, &[TALK, "system"], 3_000), []);
    assert!(disagrees(&status(&mut foreign, &[TALK, "system"], 13_000)), "it has never joined that");
}

#[test]
fn a_request_that_needs_a_membership_and_is_denied_is_on_the_tape() {
    let mut socket = joined(4);
    asks(&mut socket, "2", json!({"action": "history", "channel": TALK}), 3_000);
    assert_eq!(refuses(&mut socket, "2", "not_joined", 3_100), []);
    let denied = Wire::Denied { channel: TALK.to_owned(), asked_ms: 3_000 };
    assert_eq!(socket.tape.last().map(|note| note.what.clone()), Some(denied));
}

#[test]
fn a_join_that_is_refused_and_a_socket_that_is_turned_away_are_told() {
    let mut socket = open();
    asks(&mut socket, "1", join(1, None), 1_000);
    assert_eq!(refuses(&mut socket, "1", "internal", 1_100), [], "the client asks again");
    asks(&mut socket, "2", join(2, None), 1_200);
    let turned_away = |what: &str, code: &str, asked_ms, at_ms| {
        let (what, code) = (what.to_owned(), code.to_owned());
        Entry::TurnedAway { what, code, asked_ms, at_ms }
    };
    assert_eq!(refuses(&mut socket, "2", "forbidden", 1_300), [turned_away(TALK, "forbidden", 1_200, 1_300)]);
    asks(&mut socket, "3", join(3, None), 1_400);
    assert!(matches!(refuses(&mut socket, "3", "conflict", 1_500)[..], [Entry::Unexpected(_)]));
    let by_ticket = Socket::opening(None, 500);
    assert_eq!(by_ticket.turned_away(401, 900), None, "the ticket may have been used");
    let at_the_door = Socket::opening(Some("a.b.c"), 500);
    assert_eq!(at_the_door.turned_away(401, 900), Some(turned_away("connection", "401", 500, 900)));
    assert_eq!(at_the_door.turned_away(503, 900), None, "a fault explains it");
}

#[test]
fn nonsense_is_not_sent_by_the_app_and_has_to_be_refused() {
    let mut socket = joined(4);
    let send = json!({"action": "send", "channel": TALK, "key": "nonsense-d0-1", "data": {"content": ""}});
    assert_eq!(asks(&mut socket, "soak-1", send, 3_000).sent, None);
    let (channel, key, code) = (TALK.to_owned(), "nonsense-d0-1".to_owned(), "bad_request".to_owned());
    assert_eq!(refuses(&mut socket, "soak-1", "bad_request", 3_100), [Entry::Refused { channel, key, code }]);
}

#[test]
fn what_a_message_may_refuse_is_a_change_and_no_message() {
    let refused = |event: &str, code: &str| {
        let said = Said { channel: TALK.to_owned(), event: event.to_owned(), data: json!({"target": 1}) };
        said.may_be_refused(&Failure { code: code.to_owned(), message: String::new() })
    };
    for event in ["chat.edit", "chat.delete", "chat.reaction"] {
        assert!(refused(event, "forbidden") && refused(event, "not_found"), "{event}");
        assert!(!refused(event, "bad_request"), "{event}");
    }
    assert!(!refused("chat.message", "forbidden"));
}

#[test]
fn a_user_changes_what_they_can_see() {
    let mut channel = Channel::new();
    for seq in 1..=30 {
        let mut frame = event(seq);
        frame["from"]["userId"] = if seq % 2 == 0 { "ann" } else { "bob" }.into();
        frame["event"] = if seq == 30 { "chat.edit" } else { "chat.message" }.into();
        channel.heard(seq, &Event::of(&frame));
    }
    assert_eq!(channel.last, Some(30));
    assert_eq!(channel.messages(None), (10..=29).collect::<Vec<_>>());
    assert!(channel.messages(Some("ann")).iter().eq([10, 12, 14, 16, 18, 20, 22, 24, 26, 28].iter()));
    assert!(channel.messages(Some("cid")).is_empty());
}
