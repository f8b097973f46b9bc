//! The inbox of each company says of its conversations what their logs say: the number of messages, and the last message.

use std::collections::BTreeMap;

use super::{Breach, Kind};
use crate::soak::record::{Event, Listed, Record};

/// Whether the inboxes are up to date with these logs. They follow within seconds.
pub fn all_listed(inboxes: &BTreeMap<String, Listed>, logs: &BTreeMap<String, Vec<Event>>) -> bool {
    wrong(inboxes, logs).next().is_none()
}

pub(super) fn check(record: &Record) -> Vec<Breach> {
    let wrong = wrong(&record.inboxes, &record.logs);
    wrong.map(|evidence| Kind::Mislisted.because(evidence)).collect()
}

fn wrong(
    inboxes: &BTreeMap<String, Listed>,
    logs: &BTreeMap<String, Vec<Event>>,
) -> impl Iterator<Item = String> {
    logs.iter().filter_map(|(channel, log)| {
        let last = log.iter().rfind(|event| event.event == "chat.message")?;
        let listed = inboxes.get(channel);
        let is_right = listed.is_some_and(|listed| {
            listed.n == last.data["n"].as_u64().unwrap_or_default()
                && listed.seq == last.seq
                && is_excerpt(listed.excerpt.as_deref(), &last.data)
        });
        (!is_right).then(|| format!("{channel}: {listed:?} for {last:?}"))
    })
}

/// Whether this is the beginning of a message's text. A deleted message has no excerpt.
fn is_excerpt(excerpt: Option<&str>, message: &serde_json::Value) -> bool {
    match excerpt {
        None => message["deletedAt"].is_string(),
        Some(excerpt) => message["content"].as_str().is_some_and(|content| content.starts_with(excerpt)),
    }
}
