//! Messages and their changes: `history` returns the messages with all changes in the log applied, each change was allowed, and
//! every device that heard everything shows the same.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::shown::{Shown, comparable, excerpt};
use super::{Breach, Kind};
use crate::soak::record::{Entry, Event, Record};

/// The most users that a reaction names.
const USERS_SHOWN_MAX: usize = 50;

pub(super) fn check(record: &Record) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for (channel, log) in record.logs.iter().filter(|(channel, _)| channel.starts_with("conversation:")) {
        breaches.extend(unmerged(channel, log));
        breaches.extend(usurped(channel, log, record));
        breaches.extend(divergent(channel, log, record));
    }
    breaches.extend(turned_away(record));
    breaches
}

/// The changes in a log, by the seq of the message that they change.
fn changes(log: &[Event]) -> BTreeMap<u64, Vec<&Event>> {
    let mut changes: BTreeMap<u64, Vec<&Event>> = BTreeMap::new();
    for event in log.iter().filter(|event| is_change(event)) {
        changes.entry(event.data["target"].as_u64().unwrap_or_default()).or_default().push(event);
    }
    changes
}

pub(super) fn is_change(event: &Event) -> bool {
    matches!(&*event.event, "chat.edit" | "chat.delete" | "chat.reaction")
}

fn is_message(event: &Event) -> bool {
    event.event == "chat.message"
}

/// The messages of a log, by seq.
fn messages(log: &[Event]) -> BTreeMap<u64, &Event> {
    log.iter().filter(|event| is_message(event)).filter_map(|event| Some((event.seq?, event))).collect()
}

/// Messages that are not what their changes make of them, and changes that do not say what they changed.
fn unmerged(channel: &str, log: &[Event]) -> Vec<Breach> {
    let (messages, changes) = (messages(log), changes(log));
    let mut breaches = Vec::new();
    let mut breach = |what: String| breaches.push(Kind::Unmerged.because(format!("{channel}: {what}")));
    for (n, (seq, message)) in (1_u64..).zip(&messages) {
        let made_of = changes.get(seq).map_or(&[][..], Vec::as_slice);
        let mut expected = Folded::of(message, made_of, &mut breach).data;
        expected["n"] = n.into();
        if let Some(quoted) = message.data["replyTo"]["seq"].as_u64() {
            expected["replyTo"] = messages.get(&quoted).map_or(json!({"seq": quoted}), |one| quote(one));
        }
        if expected != message.data {
            breach(format!("{message:?} should be {expected}, by {made_of:?}"));
        }
    }
    for (target, changes) in changes {
        for change in changes {
            if !messages.contains_key(&target) || change.seq <= Some(target) {
                breach(format!("{change:?} has no earlier message as its target"));
            }
        }
    }
    breaches
}

/// How a reply quotes a message now.
fn quote(message: &Event) -> Value {
    let mut quote = json!({"seq": message.seq});
    if message.data["userId"].is_string() {
        quote["userId"] = message.data["userId"].clone();
    }
    if message.data["deletedAt"].is_null() {
        quote["excerpt"] = excerpt(&message.data["content"]);
    }
    quote
}

/// A message with all its changes applied.
struct Folded {
    data: Value,
}

impl Folded {
    fn of(message: &Event, changes: &[&Event], breach: &mut impl FnMut(String)) -> Self {
        let edit = changes.iter().rposition(|change| change.event == "chat.edit");
        let deletion = changes.iter().position(|change| change.event == "chat.delete");
        let mut reactions: Vec<(Value, Vec<&str>)> = Vec::new();
        for (place, change) in changes.iter().enumerate() {
            if deletion.is_some_and(|deletion| place > deletion) {
                breach(format!("{change:?} follows the deletion"));
            }
            let is_as_it_should = match &*change.event {
                "chat.edit" => {
                    let stands = edit == Some(place) && deletion.is_none();
                    stands == change.data["content"].is_string()
                }
                "chat.reaction" => {
                    let user = change.user.as_deref().unwrap_or_default();
                    change.data == react(&mut reactions, user, &change.data)
                }
                _ => true,
            };
            if !is_as_it_should {
                breach(format!("{change:?} does not say what it changed"));
            }
        }
        let mut data = message.data.clone();
        let at = |place: Option<usize>| place.map(|place| changes[place].at.clone());
        set(&mut data, "editedAt", at(edit).map(Value::from));
        set(&mut data, "deletedAt", at(deletion).map(Value::from));
        if deletion.is_some() {
            data["content"] = "".into();
            set(&mut data, "metadata", None);
            set(&mut data, "mentions", None);
            reactions.clear();
        } else if let Some(edit) = edit {
            let edit = &changes[edit].data;
            data["content"] = edit["content"].clone();
            if edit["metadata"].is_object() {
                data["metadata"] = edit["metadata"].clone();
            }
        }
        let shown = reactions.into_iter().map(|(emoji, users)| reaction(&emoji, &users));
        let shown: Vec<Value> = shown.collect();
        set(&mut data, "reactions", (!shown.is_empty()).then(|| shown.into()));
        Self { data }
    }
}

/// Applies a reaction. Returns the data that its event must have.
fn react<'a>(reactions: &mut Vec<(Value, Vec<&'a str>)>, user: &'a str, data: &Value) -> Value {
    let (emoji, on) = (&data["emoji"], data["on"] == true);
    let place = reactions.iter().position(|(one, _)| one == emoji).unwrap_or_else(|| {
        reactions.push((emoji.clone(), Vec::new()));
        reactions.len() - 1
    });
    let users = &mut reactions[place].1;
    match users.iter().position(|one| *one == user) {
        None if on => users.push(user),
        Some(at) if !on => drop(users.remove(at)),
        _ => {}
    }
    let mut says = reaction(emoji, users);
    says["target"] = data["target"].clone();
    says["on"] = on.into();
    reactions.retain(|(_, users)| !users.is_empty());
    says
}

fn reaction(emoji: &Value, users: &[&str]) -> Value {
    json!({"emoji": emoji, "count": users.len(), "users": users.iter().take(USERS_SHOWN_MAX).collect::<Vec<_>>()})
}

fn set(data: &mut Value, field: &str, value: Option<Value>) {
    match (value, data.as_object_mut()) {
        (Some(value), _) => data[field] = value,
        (None, Some(fields)) => drop(fields.remove(field)),
        (None, None) => {}
    }
}

/// Changes by users who may not make them. Of another user's message, only the team may delete it.
fn usurped(channel: &str, log: &[Event], record: &Record) -> Vec<Breach> {
    let messages = messages(log);
    let may = |change: &Event| {
        let target = change.data["target"].as_u64().and_then(|target| messages.get(&target));
        target
            .is_none_or(|message| may_change(record, channel, change.user.as_deref(), &change.event, message))
    };
    let wrong = log.iter().filter(|event| is_change(event) && !may(event));
    wrong.map(|change| Kind::Usurped.because(format!("{channel}: {change:?}"))).collect()
}

fn may_change(record: &Record, channel: &str, user: Option<&str>, change: &str, message: &Event) -> bool {
    let is_author = user == message.user.as_deref();
    match change {
        "chat.edit" => is_author,
        "chat.delete" => is_author || user.is_none_or(|user| record.world.is_team(user, channel)),
        _ => true,
    }
}

/// Changes that were refused to users who may make them. Refused changes of messages that are deleted at the end are not checked,
/// because the record does not say when they were deleted. Nor are those of users who may have been removed from the channel,
/// because the device does not record these.
fn turned_away(record: &Record) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for device in &record.devices {
        let mut sent: BTreeMap<&str, (&str, &Value)> = BTreeMap::new();
        for entry in &device.entries {
            match entry {
                Entry::Sent { key, event, data, .. } => drop(sent.insert(key, (event, data))),
                Entry::Refused { channel, key, code } => {
                    let Some((event, data)) = sent.get(&**key) else { continue };
                    let log = record.logs.get(channel).map_or(&[][..], Vec::as_slice);
                    let target = messages(log).get(&data["target"].as_u64().unwrap_or_default()).copied();
                    let is_wrong = target.is_some_and(|message| {
                        message.data["deletedAt"].is_null()
                            && may_change(record, channel, Some(&device.user), event, message)
                    });
                    if is_wrong {
                        let name = &device.device;
                        let what = format!("{name} on {channel}: {key}, {event} {data}: {code}");
                        breaches.push(Kind::TurnedAway.because(what));
                    }
                }
                _ => {}
            }
        }
    }
    breaches
}

/// Devices that heard everything, but show a conversation that differs from the log.
fn divergent(channel: &str, log: &[Event], record: &Record) -> Vec<Breach> {
    let head = log.last().and_then(|event| event.seq);
    let messages = messages(log);
    let mut breaches = Vec::new();
    for device in &record.devices {
        if head.is_none() || device.standing.joined.get(channel).copied() != head {
            continue; // it has not heard everything, which other checks judge
        }
        let mut shown = Shown::default();
        for entry in &device.entries {
            if let Entry::Saw(event) = entry
                && event.channel == channel
            {
                shown.hears(event);
            }
        }
        for (seq, data) in shown.messages() {
            let Some(message) = messages.get(&seq) else { continue }; // the log has no such message
            let (seen, logged) = (comparable(data), comparable(&message.data));
            if seen != logged {
                let name = &device.device;
                breaches.push(
                    Kind::Divergent.because(format!("{name} on {channel}: {seq} is {seen}, not {logged}")),
                );
            }
        }
    }
    breaches
}
