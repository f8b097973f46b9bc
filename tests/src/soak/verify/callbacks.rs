//! What each app heard: the events of a channel in order, each once, and each as it is in the log.

use std::collections::{BTreeMap, BTreeSet};

use super::texts::Texts;
use super::{Breach, Kind};
use crate::soak::record::{DeviceRecord, Entry, Event, Record};

pub(super) fn check(record: &Record) -> Vec<Breach> {
    let texts = Texts::of(record);
    record.devices.iter().flat_map(|device| one(device, record, &texts)).collect()
}

fn one(device: &DeviceRecord, record: &Record, texts: &Texts) -> Vec<Breach> {
    let mut breaches = Vec::new();
    // By channel: the last seq that was heard, and all seqs that were.
    let mut heard: BTreeMap<&str, (u64, BTreeSet<u64>)> = BTreeMap::new();
    for entry in &device.entries {
        match entry {
            Entry::Began { channel, at } | Entry::Reset { channel, at, .. } => {
                heard.entry(channel).or_default().0 = *at;
            }
            Entry::Saw(event) => {
                let (last, seqs) = heard.entry(&event.channel).or_default();
                let seq = event.seq.unwrap_or_default();
                let kind = if !seqs.insert(seq) {
                    Some(Kind::HeardTwice)
                } else if seq <= *last {
                    Some(Kind::OutOfOrder)
                } else {
                    (seq != *last + 1).then_some(Kind::Skipped)
                };
                if let Some(kind) = kind {
                    let evidence = format!("{} on {}: {seq} after {last}", device.device, event.channel);
                    breaches.push(kind.because(evidence));
                }
                *last = seq.max(*last);
                breaches.extend(differs(device, event, record, texts));
            }
            _ => {}
        }
    }
    breaches
}

/// Whether an event differs from the one that the log has, or had before it was changed, at its seq.
fn differs(device: &DeviceRecord, event: &Event, record: &Record, texts: &Texts) -> Option<Breach> {
    let log = record.logs.get(&event.channel)?;
    let place = log.binary_search_by_key(&event.seq, |logged| logged.seq);
    let logged = place.ok().map(|place| &log[place]);
    let is_same = logged.is_some_and(|logged| {
        (&logged.user, &logged.key) == (&event.user, &event.key) && texts.was_once(logged, event)
    });
    let evidence = || format!("{} heard {event:?}, the log has {logged:?}", device.device);
    (!is_same).then(|| Kind::Altered.because(evidence()))
}
