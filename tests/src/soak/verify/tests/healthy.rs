//! A record in which all held.

use serde_json::{Value, json};

use crate::soak::record::{DeviceRecord, Entry, Event, Published, Record, Standing, Way};
use crate::soak::world::World;

pub(super) const TALK: &str = "conversation:all_1";
pub(super) const NEWS: &str = "funnel_updates:biz_1";
pub(super) const METRICS: &str = "analytics:biz_1";

/// Two devices: `d0` of the admin `user_0`, who sent the first message, and `d1` of the customer `user_4`, who sent the
/// second and joined after the first. Between the two messages the bot spoke.
pub(super) fn healthy() -> Record {
    let world = World::of(6);
    let talk = vec![chat(1, "user_0", "d0-1", "one"), said(TALK, 2, 1), chat(3, "user_4", "d1-1", "two")];
    let news = vec![said(NEWS, 1, 2), said(NEWS, 2, 3)];
    let metric = heard(METRICS, 5);
    let published = vec![
        published(1, TALK, Way::Bus),
        published(2, NEWS, Way::Bus),
        published(3, NEWS, Way::Outbox),
        published(4, METRICS, Way::Bus),
        published(5, METRICS, Way::Bus),
        poison(published(6, NEWS, Way::Bus)),
        poison(published(7, NEWS, Way::Outbox)),
    ];
    let letters = vec![
        json!({"source": "bus", "item": {"detail": {"timestamp": "mark-6"}}}),
        json!({"source": "outbox", "item": {"data": "{\"timestamp\":\"mark-7\"}"}}),
    ];
    let standing = |joined: &[(&str, u64)]| Standing {
        is_up: true,
        is_settled: true,
        has_vanished: false,
        joined: joined.iter().map(|(channel, last)| ((*channel).to_owned(), *last)).collect(),
        rosters: [(TALK.to_owned(), ["user_0", "user_4"].map(str::to_owned).into())].into(),
    };
    let first = DeviceRecord {
        device: "d0".to_owned(),
        user: "user_0".to_owned(),
        entries: vec![
            Entry::Connected,
            began(TALK, 0),
            began(NEWS, 0),
            Entry::Heard(heard(METRICS, 4)),
            sent("d0-1", "one"),
            acked("d0-1", 1, false),
            Entry::Saw(own(&talk[0])),
            Entry::Saw(news[0].clone()),
            Entry::Saw(news[1].clone()),
            Entry::Saw(talk[1].clone()),
            Entry::Recovered { channel: TALK.to_owned(), events: 1 },
            Entry::Saw(talk[2].clone()),
            Entry::Heard(metric.clone()),
        ],
        standing: standing(&[(TALK, 3), (NEWS, 2), (METRICS, 0)]),
        operations: [("send", 1)].into(),
    };
    let second = DeviceRecord {
        device: "d1".to_owned(),
        user: "user_4".to_owned(),
        entries: vec![
            Entry::Connected,
            began(TALK, 1),
            Entry::Saw(talk[1].clone()),
            sent("d1-1", "two"),
            acked("d1-1", 3, true),
            acked("d1-1", 3, true),
            Entry::Saw(own(&talk[2])),
            Entry::Refused {
                channel: TALK.to_owned(),
                key: "d1-no".to_owned(),
                code: "bad_request".to_owned(),
            },
        ],
        standing: standing(&[(TALK, 3)]),
        operations: [("send", 1)].into(),
    };
    let devices = vec![first, second];
    let latest = [(NEWS.to_owned(), vec![news[1].clone()]), (METRICS.to_owned(), vec![metric])].into();
    let logs = [(TALK.to_owned(), talk), (NEWS.to_owned(), news)].into();
    Record { world, devices, published, logs, latest, letters }
}

pub(super) fn chat(seq: u64, user: &str, key: &str, content: &str) -> Event {
    let data = json!({"content": content, "userId": user, "conversationId": "all_1", "isRead": false,
        "timestamp": "2026-11-24T00:00:00.000Z"});
    let (user, key) = (Some(user.to_owned()), Some(key.to_owned()));
    Event { channel: TALK.to_owned(), event: "chat.message".to_owned(), seq: Some(seq), user, key, data }
}

/// An own message at the callback: the client knows no more of it than what it sent.
pub(super) fn own(event: &Event) -> Event {
    Event { data: json!({"content": event.data["content"]}), ..event.clone() }
}

pub(super) fn data(channel: &str, number: u64) -> Value {
    let mark = format!("mark-{number}");
    match channel {
        TALK => json!({"content": "bot", "conversationId": "all_1", "timestamp": mark}),
        METRICS => json!({"metric": "visits", "value": number, "companyId": "biz_1", "timestamp": mark}),
        _ => json!({"funnelId": "f1", "companyId": "biz_1", "timestamp": mark}),
    }
}

pub(super) fn name_on(channel: &str) -> String {
    match channel {
        TALK => "chat.message".to_owned(),
        METRICS => "analytics.update".to_owned(),
        _ => "funnel.update".to_owned(),
    }
}

pub(super) fn said(channel: &str, seq: u64, number: u64) -> Event {
    Event { seq: Some(seq), key: Some(format!("key-{number}")), ..heard(channel, number) }
}

pub(super) fn heard(channel: &str, number: u64) -> Event {
    let (event, data) = (name_on(channel), data(channel, number));
    Event { channel: channel.to_owned(), event, seq: None, user: None, key: None, data }
}

pub(super) fn published(number: u64, channel: &str, way: Way) -> Published {
    let (mark, event) = (format!("mark-{number}"), name_on(channel));
    let data = data(channel, number);
    Published { number, mark, way, channel: channel.to_owned(), event, data, is_poison: false }
}

pub(super) fn poison(published: Published) -> Published {
    Published { is_poison: true, ..published }
}

pub(super) fn began(channel: &str, at: u64) -> Entry {
    Entry::Began { channel: channel.to_owned(), at }
}

pub(super) fn sent(key: &str, content: &str) -> Entry {
    Entry::Sent { channel: TALK.to_owned(), key: key.to_owned(), content: content.to_owned() }
}

pub(super) fn acked(key: &str, seq: u64, duplicate: bool) -> Entry {
    Entry::Acked { channel: TALK.to_owned(), key: key.to_owned(), seq, duplicate }
}
