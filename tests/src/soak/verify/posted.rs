//! A member whose membership had no break was posted every durable event. A connection whose token, right and join held
//! throughout must have been posted each of them, within the time that owed deliveries take. That the client has fetched an event
//! does not count.

use super::convergence::Excused;
use super::spans::{Span, spans};
use super::{Breach, Kind};
use crate::soak::record::{DeviceRecord, Event, Record};

/// How long a delivery may be owed: all tries of the fan-out queue, each after the longest visibility timeout of a run.
const OWED_MAX_MS: u64 = 60_000;

pub(super) fn check(record: &Record) -> Vec<Breach> {
    let excused = Excused::of(record);
    let mut breaches = Vec::new();
    for device in &record.devices {
        for span in spans(device) {
            let log = record.logs.get(span.channel).map_or(&[][..], Vec::as_slice);
            let is_missing = |event: &&Event| {
                event.seq > Some(span.head)
                    && event.seq.is_some_and(|seq| !span.posts.contains(&seq))
                    && excused.promised_ms(event).is_some_and(|at_ms| is_due(&span, at_ms))
                    && !is_own(&span, device, event)
                    && !excused.has(event)
            };
            let missing: Vec<_> =
                log.iter().filter(is_missing).map(|event| (event.seq, &event.key, &event.at)).collect();
            if !missing.is_empty() {
                let (name, channel, head) = (&device.device, span.channel, span.head);
                let until = if span.is_held { "to the end" } else { "long enough" };
                breaches.push(Kind::Unposted.because(format!(
                    "{name} on {channel}: a member from {head} on, {until}, was never posted {missing:?}"
                )));
            }
        }
    }
    breaches
}

/// Whether the membership certainly lasted as long as a delivery may take that was promised at this time.
fn is_due(span: &Span, promised_ms: u64) -> bool {
    if span.is_held { promised_ms < span.sure_ms } else { promised_ms + OWED_MAX_MS < span.sure_ms }
}

fn is_own(span: &Span, device: &DeviceRecord, event: &Event) -> bool {
    event.user.as_ref() == Some(&device.user)
        && event.key.as_ref().is_some_and(|key| span.sent.contains(&**key))
}
