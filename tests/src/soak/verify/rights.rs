//! Who may be in a conversation whose participants change, as far as the backend's acts make it certain; and that the
//! product lets in those who may, keeps out those who may not, and does what it has accepted.

use super::letters::Letters;
use super::{Breach, Kind};
use crate::soak::record::{Act, Change, Entry, Record};
use crate::soak::world::Right;

/// The acts on participants, read for one question: since when.
pub(super) struct Rights<'a> {
    record: &'a Record,
}

impl<'a> Rights<'a> {
    pub(super) const fn of(record: &'a Record) -> Self {
        Self { record }
    }

    /// Since when it was promised that the user is out of a channel, where that is so at this time.
    pub(super) fn out_since(&self, user: &str, channel: &str, at_ms: u64) -> Option<u64> {
        if self.record.world.right(user, channel) != Right::Participation {
            return None;
        }
        let mut out = None;
        for (act, takes_part) in self.acts(user, channel).take_while(|(act, _)| act.asked_ms <= at_ms) {
            out =
                if takes_part { None } else { out.or(act.enforced_ms.filter(|since_ms| *since_ms <= at_ms)) };
        }
        out
    }

    /// Whether the user was certain to be let in, had it been asked at any time between these.
    pub(super) fn is_in(&self, user: &str, channel: &str, from_ms: u64, to_ms: u64) -> bool {
        if self.record.world.right(user, channel) != Right::Participation {
            return true;
        }
        // As the conversation was opened: with all who ever may.
        let mut is_in = true;
        for (act, takes_part) in self.acts(user, channel).take_while(|(act, _)| act.asked_ms <= to_ms) {
            let is_known = act.known_ms.is_some_and(|known_ms| known_ms <= from_ms);
            is_in = takes_part && (is_in || is_known);
        }
        is_in
    }

    fn acts(&self, user: &str, channel: &str) -> impl Iterator<Item = (&'a Act, bool)> {
        self.record.acts.iter().filter_map(move |act| match &act.change {
            Change::Participants { channel: changed, users } if changed == channel => {
                Some((act, users.contains(user)))
            }
            _ => None,
        })
    }
}

/// When the run is over.
const END: u64 = u64::MAX;

pub(super) fn check(record: &Record) -> Vec<Breach> {
    let rights = Rights::of(record);
    let mut breaches = unheeded(record);
    for (device, entry) in record.entries() {
        if let Entry::TurnedAway { what, code, asked_ms, at_ms } = entry
            && rights.is_in(&device.user, what, *asked_ms, *at_ms)
        {
            let (name, user) = (&device.device, &device.user);
            breaches.push(Kind::TurnedAway.because(format!("{name} of {user}: {what}: {code} at {at_ms}")));
        }
    }
    for device in record.devices.iter().filter(|device| device.standing.is_up) {
        let (name, user) = (&device.device, &device.user);
        for channel in &device.standing.barred {
            if rights.is_in(user, channel, END, END) {
                breaches.push(Kind::TurnedAway.because(format!("{name} of {user}: {channel}, at the end")));
            }
        }
        for channel in device.standing.joined.keys() {
            if let Some(since_ms) = rights.out_since(user, channel, END) {
                let evidence = format!("{name} of {user} is in {channel}, out of which since {since_ms}");
                breaches.push(Kind::Leak.because(evidence));
            }
        }
    }
    breaches
}

/// What was accepted and never in force.
fn unheeded(record: &Record) -> Vec<Breach> {
    let letters = Letters::of(&record.letters);
    let is_unheeded = |act: &&Act| match &act.change {
        Change::Participants { channel, .. } => {
            let id = channel.trim_start_matches("conversation:");
            act.is_accepted && act.known_ms.is_none() && !letters.mention(&format!("{id:?}"))
        }
        Change::Kick { .. } => false,
    };
    let unheeded = record.acts.iter().filter(is_unheeded);
    unheeded.map(|act| Kind::Unheeded.because(format!("{act:?}"))).collect()
}
