//! The backend's events: each is in its log once, as it was published. Those that cannot be published are dead letters.

use std::collections::BTreeMap;

use serde_json::Value;

use super::letters::Letters;
use super::texts::is_rewritten;
use super::{Breach, Kind};
use crate::soak::record::{Event, Poison, Published, Record};
use crate::soak::world::has_log;

/// Whether all events are where they belong, so that the run need not wait any longer.
pub fn all_published(
    published: &[Published],
    logs: &BTreeMap<String, Vec<Event>>,
    letters: &[Value],
) -> bool {
    judge(published, logs, letters).is_empty()
}

pub(super) fn check(record: &Record) -> Vec<Breach> {
    judge(&record.published, &record.logs, &record.letters)
}

fn judge(published: &[Published], logs: &BTreeMap<String, Vec<Event>>, letters: &[Value]) -> Vec<Breach> {
    let letters = Letters::of(letters);
    let mut places: BTreeMap<&str, Vec<&Event>> = BTreeMap::new();
    for event in logs.values().flatten().filter(|event| event.user.is_none()) {
        places.entry(event.mark().unwrap_or_default()).or_default().push(event);
    }
    let mut breaches = Vec::new();
    for one in published {
        let found = places.get(&*one.mark).map_or(&[][..], Vec::as_slice);
        let kind = match one.poison {
            Some(poison) => poisoned(one, poison, found, &letters),
            None => healthy(one, found, &letters),
        };
        breaches.extend(kind.map(|kind| kind.because(format!("{one:?} is in the logs as {found:?}"))));
    }
    breaches.extend(letters.only_positions().map(|letter| Kind::Unexplained.because(letter.to_string())));
    breaches
}

fn poisoned(one: &Published, poison: Poison, found: &[&Event], letters: &Letters) -> Option<Kind> {
    if !found.is_empty() {
        return Some(Kind::PoisonKept);
    }
    if !letters.mention(&one.mark) {
        return one.is_accepted.then_some(Kind::PoisonLost);
    }
    let is_explained = letters.explain(&one.mark, poison.field(&one.event));
    (!is_explained).then_some(Kind::Unexplained)
}

fn healthy(one: &Published, found: &[&Event], letters: &Letters) -> Option<Kind> {
    let is_owed = one.is_accepted && has_log(&one.channel) && !letters.has_given_up(one);
    match found {
        [] => is_owed.then_some(Kind::Dropped),
        [event] if event.channel != one.channel => Some(Kind::Leak),
        [event] => (!is_as_said(event, &one.data) || event.event != one.event).then_some(Kind::Altered),
        _ => Some(Kind::Doubled),
    }
}

/// Whether a logged event is what was published, except for what an edit or a deletion has changed since.
fn is_as_said(event: &Event, said: &Value) -> bool {
    let mut said = said.clone();
    if let (true, Some(fields)) = (is_rewritten(event), said.as_object_mut()) {
        fields.retain(|field, _| field != "content" && field != "metadata");
    }
    event.is(&said)
}
