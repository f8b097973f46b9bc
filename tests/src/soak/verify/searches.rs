//! A search over all conversations of a company finds exactly the messages in its logs that match, as they are now.

use std::collections::{BTreeMap, BTreeSet};

use super::{Breach, Kind};
use crate::soak::record::{Event, Record, Search};
use crate::soak::words::has_words;
use crate::soak::world::World;

/// Whether the index is up to date with these logs. It follows within seconds.
pub fn all_found(searches: &[Search], logs: &BTreeMap<String, Vec<Event>>, world: &World) -> bool {
    searches.iter().all(|search| judge(search, logs, world).is_empty())
}

pub(super) fn check(record: &Record) -> Vec<Breach> {
    record.searches.iter().flat_map(|search| judge(search, &record.logs, &record.world)).collect()
}

fn judge(search: &Search, logs: &BTreeMap<String, Vec<Event>>, world: &World) -> Vec<Breach> {
    let Search { company, query, found } = search;
    let of_the_company = logs.iter().filter(|(channel, _)| world.company_of(channel) == Some(company));
    let matches = |event: &&Event| {
        let text = event.data["content"].as_str().unwrap_or_default();
        event.event == "chat.message" && event.data["deletedAt"].is_null() && has_words(text, query)
    };
    let mut missing: BTreeMap<_, _> = of_the_company
        .flat_map(|(_, log)| log.iter().filter(matches))
        .map(|event| ((&event.channel, event.seq), event))
        .collect();
    let mut breaches = Vec::new();
    let mut seen = BTreeSet::new();
    for event in found {
        let place = (&event.channel, event.seq);
        let logged = missing.remove(&place);
        let is_right = logged.is_some_and(|logged| logged.data["content"] == event.data["content"]);
        if !is_right || !seen.insert(place) {
            breaches
                .push(Kind::Misfound.because(format!("{query:?} in {company}: {event:?}, not {logged:?}")));
        }
    }
    for event in missing.into_values() {
        breaches.push(Kind::Unfound.because(format!("{query:?} in {company}: {event:?}")));
    }
    breaches
}
