//! Nobody hears what was sent after their membership had ended: by `leave`, by a removal, or with the token or the grant. A
//! `join` that is under way when its user is removed checks again after it has made them a member, and until then they may hear.

use std::collections::BTreeMap;

use super::rights::Rights;
use super::{Breach, Kind};
use crate::soak::record::{DeviceRecord, Note, Record, Wire};

/// How long a post may take that was begun before the end: its own tries, and a process that was paused meanwhile.
const POST_MAX_MS: u64 = 10_000;
/// How long a `join` may be under way. After that, a timer checks instead.
const JOIN_MAX_MS: u64 = 30_000;

pub(super) fn check(record: &Record) -> Vec<Breach> {
    let rights = Rights::of(record);
    let connections =
        record.devices.iter().flat_map(|device| device.tapes.iter().map(move |tape| (device, tape)));
    connections.flat_map(|(device, tape)| one(device, tape, &rights)).collect()
}

/// Why a connection is not a member of a channel, and since when.
struct Out {
    since_ms: u64,
    why: &'static str,
}

fn one(device: &DeviceRecord, tape: &[Note], rights: &Rights) -> Vec<Breach> {
    let mut breaches = Vec::new();
    let mut out: BTreeMap<&str, Out> = BTreeMap::new();
    let mut granted_until: BTreeMap<&str, u64> = BTreeMap::new();
    let mut joining_since: BTreeMap<&str, u64> = BTreeMap::new();
    let token_until_ms = last_token(tape);
    for Note { at_ms, what } in tape {
        match what {
            Wire::Joining { channel } => {
                out.remove(&**channel);
                granted_until.remove(&**channel);
                joining_since.insert(channel, *at_ms);
            }
            Wire::Joined { channel, until_ms, .. } => {
                joining_since.remove(&**channel);
                if let Some(until_ms) = until_ms {
                    granted_until.insert(channel, *until_ms);
                }
            }
            Wire::Left { channel } => drop(out.insert(channel, Out { since_ms: *at_ms, why: "left" })),
            Wire::Revoked { channel } => {
                joining_since.remove(&**channel);
                out.insert(channel, Out { since_ms: *at_ms, why: "told of the removal" });
            }
            // `access.*` events tell a user of their own rights, and reveal nothing of the conversation.
            Wire::Posted { channel, event, seq, sent_ms } if !event.starts_with("access.") => {
                let granted = granted_until.get(&**channel);
                let ended = [
                    (token_until_ms, "the token had ended"),
                    (granted.copied().unwrap_or(u64::MAX), "the grant had ended"),
                ];
                let ended = ended.into_iter().map(|(since_ms, why)| Out { since_ms, why });
                let removed = rights.out_since(&device.user, channel, *at_ms);
                let is_joining = |since_ms: &u64| {
                    let began_ms = joining_since.get(&**channel);
                    began_ms.is_some_and(|ms| ms < since_ms && *at_ms <= since_ms + JOIN_MAX_MS)
                };
                let removed = removed.filter(|since_ms| !is_joining(since_ms));
                let removed = removed.map(|since_ms| Out { since_ms, why: "removed" });
                let left = out.get(&**channel).map(|Out { since_ms, why }| Out { since_ms: *since_ms, why });
                let is_over =
                    |out: &Out| *sent_ms > out.since_ms || *at_ms > out.since_ms.saturating_add(POST_MAX_MS);
                if let Some(Out { since_ms, why }) = ended.chain(removed).chain(left).find(is_over) {
                    breaches.push(Kind::Overheard.because(format!(
                        "{} of {} on {channel}: {event} {seq:?}, sent at {sent_ms} and heard at {at_ms}, though {why} at {since_ms}",
                        device.device, device.user
                    )));
                }
            }
            _ => {}
        }
    }
    breaches
}

/// When the connection's token expires, with all renewals. A renewal may be in force before its reply has arrived.
fn last_token(tape: &[Note]) -> u64 {
    let tokens = tape.iter().filter_map(|note| match note.what {
        Wire::Token { until_ms } | Wire::Renewing { until_ms } => Some(until_ms),
        _ => None,
    });
    tokens.max().unwrap_or(u64::MAX)
}
