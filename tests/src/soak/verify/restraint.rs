//! Who is muted or banned sends nothing, from when that was answered until it may have been lifted. What was under way then has
//! an earlier time.

use super::rights::Rights;
use super::{Breach, Kind};
use crate::soak::record::{Entry, Event, Record, Restriction};

pub(super) fn check(record: &Record) -> Vec<Breach> {
    let rights = Rights::of(record);
    let typed = record.entries().filter_map(|(_, entry)| match entry {
        Entry::Heard(event) if event.event == "chat.typing" => Some(event),
        _ => None,
    });
    let sent = record.logged().chain(typed);
    let slipped = sent.filter_map(|event| {
        let (user, at_ms) = (event.user.as_deref()?, event.sent_ms()?);
        let since_ms = rights.restricted_since(user, &event.channel, Restriction::Mute, at_ms)?;
        (at_ms > since_ms).then(|| breach(event, user, since_ms))
    });
    slipped.collect()
}

fn breach(event: &Event, user: &str, since_ms: u64) -> Breach {
    let Event { channel, event, seq, key, at, .. } = event;
    let what = format!("{event} {seq:?} {key:?} of {user} on {channel}, sent at {at}");
    Kind::Unrestrained.because(format!("{what}, though restricted since {since_ms}"))
}
