//! Calls: each that was started is in the log of its conversation once, and at the end it is over for everybody whom it rang for
//! or who was in it.

use std::collections::{BTreeMap, BTreeSet};

use super::{Breach, Kind};
use crate::soak::record::{Entry, Event, Record};

/// A channel, and the id of a call.
type Name<'a> = (&'a str, &'a str);

/// Whether the last call of each conversation is over.
pub fn all_over(latest: &BTreeMap<String, Vec<Event>>) -> bool {
    live(latest).next().is_none()
}

pub(super) fn check(record: &Record) -> Vec<Breach> {
    let mut breaches: Vec<Breach> =
        live(&record.latest).map(|event| Kind::Unended.because(format!("at the end: {event:?}"))).collect();
    for device in record.devices.iter().filter(|device| !device.standing.calling.is_empty()) {
        let (name, channels) = (&device.device, &device.standing.calling);
        breaches.push(Kind::Unended.because(format!("{name} rings, or is in a call, in {channels:?}")));
    }
    let mut logged: BTreeMap<Name, usize> = BTreeMap::new();
    for event in record.logged().filter(|event| is_end(event)) {
        *logged.entry(name(event)).or_default() += 1;
    }
    let (called, known) = known(record);
    for call in known {
        match logged.get(&call) {
            None => breaches.push(Kind::Unended.because(format!("{call:?} is in no log"))),
            Some(1) => {}
            Some(times) => {
                breaches.push(Kind::Doubled.because(format!("{call:?} is in the log {times} times")));
            }
        }
    }
    let invented = logged.keys().filter(|call| !called.contains(*call));
    breaches
        .extend(invented.map(|call| Kind::Invented.because(format!("{call:?}, which nobody has started"))));
    breaches
}

/// Whether a logged event is the one that ends a call.
pub(super) fn is_end(event: &Event) -> bool {
    event.event == "chat.call"
}

/// The calls that a device meant to start, and those that the server knew.
fn known(record: &Record) -> (BTreeSet<Name<'_>>, BTreeSet<Name<'_>>) {
    let (mut called, mut known) = (BTreeSet::new(), BTreeSet::new());
    for (_, entry) in record.entries() {
        match entry {
            Entry::Called { channel, call } => drop(called.insert((&**channel, &**call))),
            Entry::Rang { channel, call } => drop(known.insert((&**channel, &**call))),
            Entry::Heard(event) if event.event == "call.update" => drop(known.insert(name(event))),
            _ => {}
        }
    }
    (called, known)
}

fn live(latest: &BTreeMap<String, Vec<Event>>) -> impl Iterator<Item = &Event> {
    let calls = latest.values().flatten().filter(|event| event.event == "call.update");
    calls.filter(|event| event.data["state"] != "ended")
}

fn name(event: &Event) -> Name<'_> {
    (&event.channel, event.data["callId"].as_str().unwrap_or_default())
}
