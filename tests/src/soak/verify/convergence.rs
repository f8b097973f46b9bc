//! That in the quiet everybody settled and heard all, with nothing more being said that would have told of a gap.

use std::collections::{BTreeMap, BTreeSet};

use super::letters::Letters;
use super::{Breach, Kind};
use crate::soak::record::{Entry, Event, Record, Standing};

/// Whether all have heard all that is in these logs: the moment to stop waiting. That it never comes is for
/// [`verify`](super::verify) to judge.
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

/// What need not have reached everybody: a message that nobody was told is kept, as its sender vanished before; and
/// what is a dead letter, as all tries were used up.
pub(super) struct Excused<'a> {
    letters: Letters<'a>,
    settled: BTreeSet<(&'a str, &'a str)>,
    acked: BTreeSet<(&'a str, &'a str)>,
    given_up: BTreeSet<&'a str>,
}

impl<'a> Excused<'a> {
    pub(super) fn of(record: &'a Record) -> Self {
        let letters = Letters::of(&record.letters);
        let given_up = record.published.iter().filter(|one| letters.has_given_up(one));
        let settled = record.entries().filter_map(|(device, entry)| match entry {
            Entry::Acked { key, .. } | Entry::Found { key, .. } => Some((&*device.user, &**key)),
            _ => None,
        });
        let acked = record.entries().filter_map(|(device, entry)| match entry {
            Entry::Acked { key, .. } => Some((&*device.user, &**key)),
            _ => None,
        });
        let given_up = given_up.map(|one| one.mark.as_str()).collect();
        let (settled, acked) = (settled.collect(), acked.collect());
        Self { letters, settled, acked, given_up }
    }

    /// Whether it was a message whose sender was told that it is kept only by finding it in the log: `send` ended before it
    /// answered, and maybe before it posted. Nothing but an ack means that everybody has been posted to.
    pub(super) fn is_unacked(&self, event: &Event) -> bool {
        let sender = event.user.as_deref().zip(event.key.as_deref());
        sender.is_some_and(|sender| !self.acked.contains(&sender))
    }

    pub(super) fn has(&self, event: &Event) -> bool {
        match (&event.user, &event.key) {
            (Some(user), Some(key)) => {
                !self.settled.contains(&(&**user, &**key)) || self.letters.mention(&format!("{key:?}"))
            }
            _ => event.mark().is_some_and(|mark| self.given_up.contains(mark)),
        }
    }
}
