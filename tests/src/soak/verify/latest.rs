//! The last values: what a joiner is given is the last that was said, and who is joined knows it too.

use std::collections::BTreeMap;

use super::letters::Letters;
use super::{Breach, Kind};
use crate::soak::record::{DeviceRecord, Entry, Event, Published, Record};
use crate::soak::world::has_log;

/// The last value of each key of each channel, by its place among its likes.
type Values<'a> = BTreeMap<(&'a str, &'a str), u64>;

pub(super) fn check(record: &Record) -> Vec<Breach> {
    let said = said(record);
    let published = record.published_by_mark();
    let given = values(record.latest.values().flatten(), &published);
    let mut breaches = Vec::new();
    for (name, last) in &said {
        if given.get(name) < Some(last) {
            let given = given.get(name);
            breaches.push(Kind::Stale.because(format!("{name:?}: {last} was said last, {given:?} is given")));
        }
    }
    for device in record.devices.iter().filter(|device| !device.standing.has_vanished) {
        let heard = values(heard(device), &published);
        for (name, last) in &said {
            // Of what is in a log, that it was heard is seen there.
            if has_log(name.0)
                || !device.standing.joined.contains_key(name.0)
                || heard.get(name) >= Some(last)
            {
                continue;
            }
            let (device, heard) = (&device.device, heard.get(name));
            breaches.push(
                Kind::Behind.because(format!("{device} on {name:?}: {last} was said last, {heard:?} heard")),
            );
        }
    }
    breaches
}

/// What was said last: where there is a log, what stands last in it; else the latest, by its own time.
fn said(record: &Record) -> Values<'_> {
    let letters = Letters::of(&record.letters);
    let mut said = Values::new();
    for one in record.published.iter().filter(|one| !one.is_poison && !letters.has_given_up(one)) {
        let Some(key) = ["metric", "funnelId"].into_iter().find_map(|field| one.data[field].as_str()) else {
            continue;
        };
        let log = record.logs.get(&one.channel).map_or(&[][..], Vec::as_slice);
        let seq = log.iter().find(|event| event.mark() == Some(&*one.mark)).and_then(|event| event.seq);
        let place = if has_log(&one.channel) { seq } else { Some(one.number) };
        let last = said.entry((&*one.channel, key)).or_default();
        *last = place.unwrap_or_default().max(*last);
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
        let number = || event.mark().and_then(|mark| published.get(mark)).map(|one| one.number);
        let value = values.entry((&*event.channel, key)).or_default();
        *value = event.seq.or_else(number).unwrap_or_default().max(*value);
    }
    values
}
