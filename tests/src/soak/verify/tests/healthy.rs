//! A record in which every guarantee held.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::soak::record::{
    Act, Change, DeviceRecord, Entry, Event, Listed, Note, Poison, Published, Record, Report, Roster, Search,
    Standing, Way, Wire,
};
use crate::soak::world::World;

pub(super) const TALK: &str = "conversation:all_1";
pub(super) const NEWS: &str = "funnel_updates:biz_1";
pub(super) const METRICS: &str = "analytics:biz_1";
/// The text that `user_4` sends.
pub(super) const SEARCHED: &str = "two";
pub(super) const LOUNGE: &str = "conversation:lounge_1";

/// When everybody had joined.
pub(super) const START_MS: u64 = 1_764_000_000_000;
/// When the run ended: so long after the last event that anything could have been delivered.
pub(super) const END_MS: u64 = START_MS + 200_000;

/// Two devices: `d0` of the admin `user_0`, who sent the first message, and `d1` of the customer `user_4`, who joined after the
/// first message and sent the second. Between the two, the bot sent one. `user_4` was in the lounge, has been removed, and knows
/// it.
pub(super) fn healthy() -> Record {
    let world = World::of(6, 0);
    let talk = vec![chat(1, "user_0", "d0-1", "one"), said(TALK, 2, 1), chat(3, "user_4", "d1-1", "two")];
    let news = vec![said(NEWS, 1, 2), said(NEWS, 2, 3)];
    let metric = heard(METRICS, 5);
    let published = vec![
        published(1, TALK, Way::Bus),
        published(2, NEWS, Way::Bus),
        published(3, NEWS, Way::Outbox),
        published(5, METRICS, Way::Bus),
        published(4, METRICS, Way::Bus), // late: it is older than the one before it
        poison(published(6, NEWS, Way::Bus)),
        poison(published(7, NEWS, Way::Outbox)),
    ];
    let letters = vec![
        letter("bus", &json!({"detail": {"timestamp": "mark-6", "antidote": 1}})),
        letter("outbox", &json!({"data": "{\"timestamp\":\"mark-7\",\"antidote\":1}"})),
    ];
    let devices = vec![first(&talk, &news, &metric), second(&talk)];
    let acts = vec![
        act(START_MS + 1_000, &["user_4", "user_5"]),
        Act { asked_ms: START_MS + 40_000, enforced_ms: None, ..act(START_MS + 40_000, &["user_4"]) },
        act(START_MS + 50_000, &["user_5"]),
    ];
    let latest = [(NEWS.to_owned(), vec![news[1].clone()]), (METRICS.to_owned(), vec![metric])].into();
    let logs: BTreeMap<_, _> = [(TALK.to_owned(), talk), (NEWS.to_owned(), news)].into();
    let inboxes = inboxes(&logs);
    let (searches, reports) = (searches(&world, &logs), Some(reports(&logs)));
    Record { world, devices, published, acts, logs, latest, inboxes, searches, reports, letters }
}

/// What the inboxes must say of these logs.
pub(super) fn inboxes(logs: &BTreeMap<String, Vec<Event>>) -> BTreeMap<String, Listed> {
    let last = logs.iter().filter_map(|(channel, log)| {
        let last = log.iter().rfind(|event| event.event == "chat.message")?;
        let text = last.data["content"].as_str().filter(|_| last.data["deletedAt"].is_null());
        let (n, excerpt) = (last.data["n"].as_u64().unwrap_or_default(), text.map(str::to_owned));
        Some((channel.clone(), Listed { n, seq: last.seq, excerpt }))
    });
    last.collect()
}

/// What the searches for a word must find in these logs.
pub(super) fn searches(world: &World, logs: &BTreeMap<String, Vec<Event>>) -> Vec<Search> {
    let of = |company: &str| {
        let logs = logs.iter().filter(|(channel, _)| world.company_of(channel) == Some(company));
        let has_it = |event: &&Event| {
            event.data["content"] == SEARCHED
                && event.data["deletedAt"].is_null()
                && event.event == "chat.message"
        };
        let found = logs.flat_map(|(_, log)| log.iter().filter(has_it)).cloned().collect();
        Search { company: company.to_owned(), query: SEARCHED.to_owned(), found }
    };
    World::companies().map(of).collect()
}

/// What the backend must hear of these logs.
pub(super) fn reports(logs: &BTreeMap<String, Vec<Event>>) -> Vec<Report> {
    let types = [
        ("chat.message", "MessageCreated"),
        ("chat.edit", "MessageEdited"),
        ("chat.delete", "MessageDeleted"),
        ("chat.reaction", "ReactionChanged"),
    ];
    let of = |event: &Event| {
        let (_, detail_type) = types.iter().find(|(name, _)| *name == event.event)?;
        let (detail_type, company) = ((*detail_type).to_owned(), Some("biz_1".to_owned()));
        Some(Report { detail_type, company, event: event.clone() })
    };
    logs.values().flatten().filter_map(of).collect()
}

/// A dead letter, as described in docs/operations.md.
fn letter(source: &str, item: &Value) -> Value {
    json!({"source": source, "id": "1", "code": "bad_request", "reason": "data.antidote is unknown",
        "field": "data.antidote", "tries": 1, "item": item})
}

fn first(talk: &[Event], news: &[Event], metric: &Event) -> DeviceRecord {
    DeviceRecord {
        device: "d0".to_owned(),
        user: "user_0".to_owned(),
        entries: vec![
            Entry::Connected,
            began(TALK, 0),
            began(NEWS, 0),
            sent("d0-1", "one"),
            acked("d0-1", 1, false),
            Entry::Saw(talk[0].clone()),
            Entry::Saw(news[0].clone()),
            Entry::Saw(news[1].clone()),
            Entry::Saw(talk[1].clone()),
            Entry::Recovered { channel: TALK.to_owned(), events: 1 },
            Entry::Saw(talk[2].clone()),
            Entry::Heard(metric.clone()),
            Entry::Heard(heard(METRICS, 4)),
        ],
        tapes: tapes(vec![
            Wire::Opened,
            joined(TALK, 0),
            joined(NEWS, 0),
            Wire::Sent { key: "d0-1".to_owned() },
            posted(&news[0]),
            posted(&news[1]),
            posted(&talk[1]),
            posted(&talk[2]),
            Wire::Alive { asked_ms: END_MS },
        ]),
        standing: standing(&[(TALK, 3), (NEWS, 2), (METRICS, 0)]),
        operations: [("send", 1)].into(),
    }
}

fn second(talk: &[Event]) -> DeviceRecord {
    DeviceRecord {
        device: "d1".to_owned(),
        user: "user_4".to_owned(),
        entries: vec![
            Entry::Connected,
            began(TALK, 1),
            Entry::Saw(talk[1].clone()),
            sent("d1-1", "two"),
            acked("d1-1", 3, true),
            acked("d1-1", 3, true),
            Entry::Saw(talk[2].clone()),
            Entry::Refused {
                channel: TALK.to_owned(),
                key: "d1-no".to_owned(),
                code: "bad_request".to_owned(),
            },
            turned_away(START_MS + 60_000),
        ],
        tapes: tapes(vec![
            Wire::Opened,
            Wire::Token { until_ms: END_MS + 60_000 },
            joined(LOUNGE, 0),
            joined(TALK, 1),
            posted(&talk[1]),
            Wire::Sent { key: "d1-1".to_owned() },
            Wire::Revoked { channel: LOUNGE.to_owned() },
            Wire::Alive { asked_ms: END_MS },
        ]),
        standing: Standing { barred: [LOUNGE.to_owned()].into(), ..standing(&[(TALK, 3)]) },
        operations: [("send", 1)].into(),
    }
}

fn standing(joined: &[(&str, u64)]) -> Standing {
    let roster: Roster = [("user_0", "online"), ("user_4", "away")]
        .map(|(user, status)| (user.to_owned(), status.to_owned()))
        .into();
    let own = if joined.len() > 1 { "online" } else { "away" };
    Standing {
        is_up: true,
        is_settled: true,
        joined: joined.iter().map(|(channel, last)| ((*channel).to_owned(), *last)).collect(),
        known: Some(joined.iter().map(|(channel, _)| (*channel).to_owned()).collect()),
        statuses: [(TALK.to_owned(), Some(own.to_owned()))].into(),
        rosters: [(TALK.to_owned(), roster.clone())].into(),
        told: [(TALK.to_owned(), roster)].into(),
        ..Standing::default()
    }
}

/// The tape of one connection, with one second from note to note.
fn tapes(what: Vec<Wire>) -> Vec<Vec<Note>> {
    vec![(START_MS..).step_by(1_000).zip(what).map(|(at_ms, what)| Note { at_ms, what }).collect()]
}

pub(super) fn act(at_ms: u64, users: &[&str]) -> Act {
    let users = users.iter().map(|user| (*user).to_owned()).collect();
    Act {
        asked_ms: at_ms,
        known_ms: Some(at_ms + 100),
        enforced_ms: Some(at_ms + 100),
        is_accepted: true,
        change: Change::Participants { channel: LOUNGE.to_owned(), users },
    }
}

pub(super) fn turned_away(at_ms: u64) -> Entry {
    let (what, code) = (LOUNGE.to_owned(), "forbidden".to_owned());
    Entry::TurnedAway { what, code, asked_ms: at_ms, at_ms: at_ms + 100 }
}

pub(super) fn joined(channel: &str, head: u64) -> Wire {
    Wire::Joined { channel: channel.to_owned(), asked_ms: START_MS, head, until_ms: None }
}

pub(super) fn posted(event: &Event) -> Wire {
    let (channel, name) = (event.channel.clone(), event.event.clone());
    Wire::Posted { channel, event: name, seq: event.seq, sent_ms: event.sent_ms().unwrap_or_default() }
}

/// A post of a typing event, which is in no log, that was sent at this time.
pub(super) fn typing(channel: &str, sent_ms: u64) -> Wire {
    Wire::Posted { channel: channel.to_owned(), event: "chat.typing".to_owned(), seq: None, sent_ms }
}

pub(super) fn chat(seq: u64, user: &str, key: &str, content: &str) -> Event {
    let data = json!({"content": content, "userId": user, "conversationId": "all_1", "isRead": false,
        "n": seq, "timestamp": "2026-11-24T00:00:00.000Z"});
    let (user, key) = (Some(user.to_owned()), Some(key.to_owned()));
    let (channel, event) = (TALK.to_owned(), "chat.message".to_owned());
    Event { channel, event, seq: Some(seq), user, key, at: at(), data }
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
    let mut event = Event { seq: Some(seq), key: Some(format!("key-{number}")), ..heard(channel, number) };
    if channel == TALK {
        event.data["n"] = seq.into();
    }
    event
}

pub(super) fn heard(channel: &str, number: u64) -> Event {
    let (event, data) = (name_on(channel), data(channel, number));
    Event { channel: channel.to_owned(), event, seq: None, user: None, key: None, at: at(), data }
}

pub(super) fn published(number: u64, channel: &str, way: Way) -> Published {
    let (mark, event) = (format!("mark-{number}"), name_on(channel));
    let data = data(channel, number);
    Published { number, mark, way, channel: channel.to_owned(), event, data, poison: None, is_accepted: true }
}

pub(super) fn poison(published: Published) -> Published {
    Published { poison: Some(Poison::UnknownField), ..published }
}

pub(super) fn began(channel: &str, at: u64) -> Entry {
    Entry::Began { channel: channel.to_owned(), at }
}

pub(super) fn sent(key: &str, content: &str) -> Entry {
    sent_as(key, "chat.message", &json!({"content": content}))
}

pub(super) fn sent_as(key: &str, event: &str, data: &Value) -> Entry {
    let (channel, key, event) = (TALK.to_owned(), key.to_owned(), event.to_owned());
    Entry::Sent { channel, key, event, data: data.clone() }
}

pub(super) fn acked(key: &str, seq: u64, duplicate: bool) -> Entry {
    Entry::Acked { channel: TALK.to_owned(), key: key.to_owned(), seq, duplicate, at_ms: START_MS + 5_000 }
}

/// The time of all events: soon after the start.
fn at() -> String {
    "2025-11-24T16:00:05.000Z".to_owned()
}
