//! The inbox of each company says of its conversations what their logs say: how many messages there were, and which one was last.

use std::collections::BTreeMap;

use super::{Breach, Kind};
use crate::soak::record::{Event, Listed, Record};

/// Whether the inboxes have taken all that is in these logs into account: they follow within seconds.
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

/// Whether this is how the text of a message begins; there is none of one that has been deleted.
fn is_excerpt(excerpt: Option<&str>, message: &serde_json::Value) -> bool {
    match excerpt {
        None => message["deletedAt"].is_string(),
        Some(excerpt) => message["content"].as_str().is_some_and(|content| content.starts_with(excerpt)),
    }
}
