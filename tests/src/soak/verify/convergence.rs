//! In the quiet, every device settled and heard everything, though no later event revealed a gap.

use std::collections::{BTreeMap, BTreeSet};

use super::letters::Letters;
use super::{Breach, Kind};
use crate::soak::record::{Entry, Event, Record, Standing};

/// Whether every device has heard everything in these logs, so that the run need not wait any longer. If that never happens,
/// [`verify`](super::verify) judges it.
pub fn all_heard(standings: &[Standing], logs: &BTreeMap<String, Vec<Event>>) -> bool {
    let joined = standings.iter().flat_map(|standing| &standing.joined);
    let head = |channel| logs.get(channel).and_then(|log| log.last()).and_then(|event| event.seq);
    joined.into_iter().all(|(channel, last)| head(channel).is_none_or(|head| *last >= head))
}

pub(super) fn check(record: &Record) -> Vec<Breach> {
    let excused = Excused::of(record);
    let mut breaches = Vec::new();
    for device in record.devices.iter().filter(|device| !device.standing.has_vanished) {
        let (name, standing) = (&device.device, &device.standing);
        if !standing.is_settled {
            breaches.push(Kind::Unsettled.because(format!("{name} at the end: {standing:?}")));
        }
        for (channel, last) in &standing.joined {
            let log = record.logs.get(channel).map_or(&[][..], Vec::as_slice);
            let missing = log.iter().filter(|event| event.seq > Some(*last) && !excused.has(event));
            let missing: Vec<_> = missing.map(|event| (event.seq, &event.key)).collect();
            if !missing.is_empty() {
                breaches
                    .push(Kind::Behind.because(format!("{name} on {channel}: at {last}, not {missing:?}")));
            }
        }
    }
    breaches
}

/// Events that need not have reached everybody: messages that were never acknowledged, because their sender vanished or gave up;
/// and dead letters, whose tries were used up.
pub(super) struct Excused<'a> {
    letters: Letters<'a>,
    /// When each message was first acknowledged, by user and key.
    acked: BTreeMap<(&'a str, &'a str), u64>,
    given_up: BTreeSet<&'a str>,
}

impl<'a> Excused<'a> {
    pub(super) fn of(record: &'a Record) -> Self {
        let letters = Letters::of(&record.letters);
        let given_up = record.published.iter().filter(|one| letters.has_given_up(one));
        let given_up = given_up.map(|one| one.mark.as_str()).collect();
        let mut acked = BTreeMap::new();
        for (device, entry) in record.entries() {
            if let Entry::Acked { key, at_ms, .. } = entry {
                let first = acked.entry((&*device.user, &**key)).or_insert(*at_ms);
                *first = (*first).min(*at_ms);
            }
        }
        Self { letters, acked, given_up }
    }

    pub(super) fn has(&self, event: &Event) -> bool {
        match (&event.user, &event.key) {
            (Some(_), Some(key)) => {
                self.promised_ms(event).is_none() || self.letters.mention(&format!("{key:?}"))
            }
            _ => event.mark().is_some_and(|mark| self.given_up.contains(mark)),
        }
    }

    /// When it was promised that an event is kept and posted to all members: for a message its ack, for the backend's event its
    /// own time.
    pub(super) fn promised_ms(&self, event: &Event) -> Option<u64> {
        match (&event.user, &event.key) {
            (Some(user), Some(key)) => self.acked.get(&(&**user, &**key)).copied(),
            _ => event.sent_ms(),
        }
    }
}
