//! A muted or banned user sends nothing from the answer to the restriction until it may have been lifted. What was under way at
//! either time may be kept: the time of an event is that of its arrival, so the restriction must have held from then until
//! anybody first heard of the event. `chat.call` is not checked: it is written when a call ends, whoever ends it.

use std::collections::BTreeMap;

use super::rights::Rights;
use super::{Breach, Kind};
use crate::soak::record::{Entry, Event, Record, Restriction, Wire};

pub(super) fn check(record: &Record) -> Vec<Breach> {
    let (rights, heard) = (Rights::of(record), FirstHeard::of(record));
    let typed = record.entries().filter_map(|(_, entry)| match entry {
        Entry::Heard(event) if event.event == "chat.typing" => Some(event),
        _ => None,
    });
    let sent = record.logged().filter(|event| event.event != "chat.call").chain(typed);
    let slipped = sent.filter_map(|event| {
        let (user, at_ms) = (event.user.as_deref()?, event.sent_ms()?);
        let until_ms = heard.of_event(event, at_ms);
        let since_ms =
            rights.restricted_throughout(user, &event.channel, Restriction::Mute, at_ms, until_ms)?;
        (at_ms > since_ms).then(|| breach(event, user, since_ms))
    });
    slipped.collect()
}

/// When anybody first heard of each event: its sender by the reply, or a member by a post.
struct FirstHeard<'a> {
    logged: BTreeMap<(&'a str, u64), u64>,
    others: BTreeMap<(&'a str, &'a str, u64), u64>,
}

impl<'a> FirstHeard<'a> {
    fn of(record: &'a Record) -> Self {
        let mut first = Self { logged: BTreeMap::new(), others: BTreeMap::new() };
        for (_, entry) in record.entries() {
            if let Entry::Acked { channel, seq, at_ms, .. } = entry {
                earliest(first.logged.entry((channel, *seq)).or_insert(u64::MAX), *at_ms);
            }
        }
        for note in record.devices.iter().flat_map(|device| &device.tapes).flatten() {
            let Wire::Posted { channel, event, seq, sent_ms } = &note.what else { continue };
            let time = if let Some(seq) = seq {
                first.logged.entry((channel, *seq)).or_insert(u64::MAX)
            } else {
                first.others.entry((channel, event, *sent_ms)).or_insert(u64::MAX)
            };
            earliest(time, note.at_ms);
        }
        first
    }

    /// When anybody first heard of an event that arrived at this time; the end of the run if nobody heard of it live.
    fn of_event(&self, event: &Event, at_ms: u64) -> u64 {
        let time = match event.seq {
            Some(seq) => self.logged.get(&(&*event.channel, seq)),
            None => self.others.get(&(&*event.channel, &*event.event, at_ms)),
        };
        time.copied().unwrap_or(u64::MAX)
    }
}

fn earliest(time: &mut u64, other: u64) {
    *time = other.min(*time);
}

fn breach(event: &Event, user: &str, since_ms: u64) -> Breach {
    let Event { channel, event, seq, key, at, .. } = event;
    let what = format!("{event} {seq:?} {key:?} of {user} on {channel}, sent at {at}");
    Kind::Unrestrained.because(format!("{what}, though restricted since {since_ms}"))
}
