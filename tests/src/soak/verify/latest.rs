//! Latest values: a joiner is given the value with the newest timestamp, whatever was published last, and members heard it.

use std::collections::BTreeMap;

use super::letters::Letters;
use super::{Breach, Kind};
use crate::soak::record::{DeviceRecord, Entry, Event, Published, Record};
use crate::soak::world::has_log;

/// The number of the newest value, by channel and key.
type Values<'a> = BTreeMap<(&'a str, &'a str), u64>;

pub(super) fn check(record: &Record) -> Vec<Breach> {
    let said = said(record);
    let published = record.published_by_mark();
    let given = values(record.latest.values().flatten(), &published);
    let mut breaches = Vec::new();
    for (name, last) in &said {
        let given = given.get(name);
        if given < Some(last) {
            breaches.push(Kind::Stale.because(format!("{name:?}: {last} is the newest, {given:?} is given")));
        }
    }
    for device in record.devices.iter().filter(|device| !device.standing.has_vanished) {
        let heard = values(heard(device), &published);
        for (name, last) in &said {
            // On a channel with a log, other checks show that it was heard.
            if has_log(name.0)
                || !device.standing.joined.contains_key(name.0)
                || heard.get(name) >= Some(last)
            {
                continue;
            }
            let (device, heard) = (&device.device, heard.get(name));
            breaches.push(
                Kind::Behind.because(format!("{device} on {name:?}: {last} is the newest, {heard:?} heard")),
            );
        }
    }
    breaches
}

/// The newest value that was published and must have been kept.
fn said(record: &Record) -> Values<'_> {
    let letters = Letters::of(&record.letters);
    let mut said = Values::new();
    let is_kept = |one: &&Published| one.poison.is_none() && one.is_accepted && !letters.has_given_up(one);
    for one in record.published.iter().filter(is_kept) {
        let Some(key) = ["metric", "funnelId"].into_iter().find_map(|field| one.data[field].as_str()) else {
            continue;
        };
        let last = said.entry((&*one.channel, key)).or_default();
        *last = one.number.max(*last);
    }
    said
}

fn heard(device: &DeviceRecord) -> impl Iterator<Item = &Event> {
    device.entries.iter().filter_map(|entry| match entry {
        Entry::Heard(event) => Some(event),
        _ => None,
    })
}

fn values<'a>(events: impl Iterator<Item = &'a Event>, published: &BTreeMap<&str, &Published>) -> Values<'a> {
    let mut values = Values::new();
    for event in events {
        let Some(key) = event.latest_key() else { continue };
        let number = event.mark().and_then(|mark| published.get(mark)).map_or(0, |one| one.number);
        let value = values.entry((&*event.channel, key)).or_default();
        *value = number.max(*value);
    }
    values
}
