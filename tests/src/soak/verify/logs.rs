//! The logs at the end have no holes. Everything that was acknowledged is in them once, as it was sent, and nothing else is.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::calls::is_end;
use super::texts::is_as_sent;
use super::{Breach, Kind};
use crate::soak::record::{DeviceRecord, Entry, Event, Record};

/// The user and the key of a message.
type Name<'a> = (&'a str, &'a str);

pub(super) fn check(record: &Record) -> Vec<Breach> {
    let mut breaches = holes(record);
    let logged = by_name(record);
    for ((user, key), found) in &logged {
        if found.len() > 1 {
            let places: Vec<_> = found.iter().map(|event| (&event.channel, event.seq)).collect();
            breaches.push(Kind::Doubled.because(format!("{key} of {user} is in the log at {places:?}")));
        }
    }
    breaches.extend(record.devices.iter().flat_map(|device| acks(device, &logged)));
    breaches.extend(strangers(record));
    breaches
}

fn by_name(record: &Record) -> BTreeMap<Name<'_>, Vec<&Event>> {
    let mut logged: BTreeMap<Name, Vec<&Event>> = BTreeMap::new();
    for event in record.logged() {
        if let (Some(user), Some(key)) = (&event.user, &event.key) {
            logged.entry((user, key)).or_default().push(event);
        }
    }
    logged
}

fn holes(record: &Record) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for (channel, log) in &record.logs {
        for (event, expected) in log.iter().zip(1..) {
            if event.seq != Some(expected) {
                let found = event.seq;
                breaches.push(Kind::Hole.because(format!("{channel}: seq {found:?}, not {expected}")));
                break; // everything after it is out of place too
            }
        }
    }
    breaches
}

/// Checks the acks and refusals that a device received for what it sent.
fn acks(device: &DeviceRecord, logged: &BTreeMap<Name<'_>, Vec<&Event>>) -> Vec<Breach> {
    let mut breaches = Vec::new();
    let mut sent: BTreeMap<&str, (&str, &Value)> = BTreeMap::new();
    let mut new: BTreeSet<&str> = BTreeSet::new();
    for entry in &device.entries {
        let (channel, key, seq) = match entry {
            Entry::Sent { key, event, data, .. } => {
                sent.insert(key, (event, data));
                continue;
            }
            Entry::Refused { key, code, .. } => {
                if logged.contains_key(&(&*device.user, &**key)) {
                    breaches
                        .push(Kind::Altered.because(format!("{key} was refused ({code}) and is in the log")));
                }
                continue;
            }
            Entry::Acked { channel, key, seq, duplicate, .. } => {
                // The replies to several tries may arrive in any order, but only one of the tries was the first.
                if !duplicate && !new.insert(key) {
                    breaches
                        .push(Kind::Doubled.because(format!("{key} was acked as new once more, at {seq}")));
                }
                (channel, key, seq)
            }
            _ => continue,
        };
        let found = logged.get(&(&*device.user, &**key)).map_or(&[][..], Vec::as_slice);
        let what = format!("{key} of {} in {channel} with seq {seq}", device.user);
        match found.first() {
            None => breaches.push(Kind::Lost.because(format!("{what} is not in the log"))),
            Some(event) if event.channel != *channel || event.seq != Some(*seq) => {
                breaches.push(
                    Kind::Altered.because(format!("{what} is in {} at {:?}", event.channel, event.seq)),
                );
            }
            Some(event) if !sent.get(&**key).is_some_and(|(name, data)| is_as_sent(event, name, data)) => {
                breaches.push(Kind::Altered.because(format!("{what} differs from what was sent: {event:?}")));
            }
            Some(_) => {}
        }
    }
    breaches
}

/// Logged events that were sent neither by a device of their user nor by the backend.
fn strangers(record: &Record) -> Vec<Breach> {
    let mut sent: BTreeSet<Name> = BTreeSet::new();
    for (device, entry) in record.entries() {
        if let Entry::Sent { key, .. } = entry {
            sent.insert((&device.user, key));
        }
    }
    let published: BTreeSet<&str> = record.published.iter().map(|one| one.mark.as_str()).collect();
    let is_known = |event: &Event| {
        is_end(event)
            || match (&event.user, &event.key) {
                (Some(user), Some(key)) => sent.contains(&(&**user, &**key)),
                _ => event.mark().is_some_and(|mark| published.contains(mark)),
            }
    };
    let unknown = record.logged().filter(|event| !is_known(event));
    unknown.map(|event| Kind::Invented.because(format!("{event:?}"))).collect()
}
