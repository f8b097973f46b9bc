//! The server's memberships of a connection are those that it last asked for, in whatever order its joins and leaves were
//! handled. Judged by `status`, and by the requests that need a membership.

use super::{Breach, Kind};
use crate::soak::record::{Entry, Note, Record, Wire};

/// How long it may take to tell a removed user: the tries of a post, and of the function.
const TOLD_MAX_MS: u64 = 10_000;
/// Expiry times are exact to the second only.
const CLOCK_MS: u64 = 2_000;

pub(super) fn check(record: &Record) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for device in &record.devices {
        breaches.extend(device.tapes.iter().flat_map(|tape| denials(&device.device, tape)));
        let disagreements = device.entries.iter().filter_map(|entry| match entry {
            Entry::Disagrees { channel, what } => Some((channel, what)),
            _ => None,
        });
        let name = &device.device;
        breaches.extend(
            disagreements.map(|(channel, what)| Kind::Deaf.because(format!("{name} on {channel}: {what}"))),
        );
        if device.standing.is_up {
            let joined: Vec<&String> = device.standing.joined.keys().collect();
            let known = device.standing.known.as_ref().map(|known| known.iter().collect::<Vec<_>>());
            if known.as_ref() != Some(&joined) {
                let evidence = format!("{name} at the end: joined {joined:?}, the server names {known:?}");
                breaches.push(Kind::Deaf.because(evidence));
            }
        }
    }
    breaches
}

/// Refusals with `not_joined` on a connection that held, of whose removal the device was never told.
fn denials(name: &str, tape: &[Note]) -> Vec<Breach> {
    let mut breaches = Vec::new();
    let (mut token_until_ms, mut granted_until_ms) = (u64::MAX, u64::MAX);
    for (place, Note { at_ms, what }) in tape.iter().enumerate() {
        let mut rest = tape[place..].iter().skip(1).take_while(|note| note.what != Wire::Over);
        match what {
            Wire::Token { until_ms } => token_until_ms = *until_ms,
            Wire::Joined { until_ms: Some(until_ms), .. } => granted_until_ms = *until_ms,
            Wire::Denied { channel, asked_ms } => {
                let is_ended = asked_ms + CLOCK_MS > token_until_ms.min(granted_until_ms);
                // Whether the connection held for as long as telling the device may take.
                let held = rest
                    .clone()
                    .any(|note| matches!(&note.what, Wire::Alive { asked_ms: later } if *later > at_ms + TOLD_MAX_MS));
                let is_told = rest.any(|note| {
                    matches!(&note.what, Wire::Revoked { channel: other } | Wire::Outdated { channel: other } if other == channel)
                        && note.at_ms < at_ms + TOLD_MAX_MS
                });
                if held && !is_told && !is_ended {
                    breaches.push(Kind::Deaf.because(format!("{name} on {channel}: not_joined at {at_ms}")));
                }
            }
            _ => {}
        }
    }
    breaches
}
