//! Who may join and send in a conversation whose participants and restrictions change, as far as the backend's acts make it
//! certain. Checks that those who may join are let in, that those who may not are kept out, and that accepted changes come into
//! force.

use super::letters::Letters;
use super::{Breach, Kind};
use crate::soak::record::{Act, Change, Entry, Record, Restriction};
use crate::soak::world::Right;

/// The acts on participants and restrictions, and what follows from them at a given time.
pub(super) struct Rights<'a> {
    record: &'a Record,
}

impl<'a> Rights<'a> {
    pub(super) const fn of(record: &'a Record) -> Self {
        Self { record }
    }

    /// Since when it was promised that the user is out of a channel, if they are out of it at this time.
    pub(super) fn out_since(&self, user: &str, channel: &str, at_ms: u64) -> Option<u64> {
        let takes_part = self.may_end(user, channel).then(|| self.participation(user, channel));
        let put_out = takes_part.and_then(|acts| barred_since(acts, at_ms));
        let banned = self.restricted_throughout(user, channel, Restriction::Ban, at_ms, at_ms);
        put_out.into_iter().chain(banned).min()
    }

    /// Since when it was promised that the user is restricted at least as much as `least`, in the conversation or in its company,
    /// if the restriction holds from `from_ms` to `to_ms`.
    pub(super) fn restricted_throughout(
        &self,
        user: &str,
        channel: &str,
        least: Restriction,
        from_ms: u64,
        to_ms: u64,
    ) -> Option<u64> {
        let since = self.scopes(channel).into_iter().filter_map(|scope| {
            let acts = || self.restrictions(user, &scope, least);
            let is_lifted = acts().any(|(act, may)| may && act.asked_ms > from_ms && act.asked_ms <= to_ms);
            barred_since(acts(), from_ms).filter(|_| !is_lifted)
        });
        since.min()
    }

    /// Whether the user would certainly have been let in at any time from `from_ms` to `to_ms`.
    pub(super) fn is_in(&self, user: &str, channel: &str, from_ms: u64, to_ms: u64) -> bool {
        let takes_part =
            !self.may_end(user, channel) || is_certain(self.participation(user, channel), from_ms, to_ms);
        takes_part && self.is_free(user, channel, Restriction::Ban, from_ms, to_ms)
    }

    /// Whether the user's restriction was certainly below `least` at any time from `from_ms` to `to_ms`.
    fn is_free(&self, user: &str, channel: &str, least: Restriction, from_ms: u64, to_ms: u64) -> bool {
        let mut scopes = self.scopes(channel).into_iter();
        scopes.all(|scope| is_certain(self.restrictions(user, &scope, least), from_ms, to_ms))
    }

    /// Whether it was certainly wrong to refuse the user with this code.
    fn is_wrong(&self, user: &str, channel: &str, code: &str, from_ms: u64, to_ms: u64) -> bool {
        self.is_in(user, channel, from_ms, to_ms)
            && (code != "muted" || self.is_free(user, channel, Restriction::Mute, from_ms, to_ms))
    }

    fn may_end(&self, user: &str, channel: &str) -> bool {
        self.record.world.right(user, channel) == Right::Participation
    }

    /// The acts on participants, each with whether the user is among them.
    fn participation(&self, user: &str, channel: &str) -> impl Iterator<Item = (&'a Act, bool)> {
        self.record.acts.iter().filter_map(move |act| match &act.change {
            Change::Participants { channel: changed, users } if changed == channel => {
                Some((act, users.contains(user)))
            }
            _ => None,
        })
    }

    /// The restrictions of a user in one scope, each with whether it is weaker than `least`.
    fn restrictions(
        &self,
        user: &str,
        scope: &str,
        least: Restriction,
    ) -> impl Iterator<Item = (&'a Act, bool)> {
        self.record.acts.iter().filter_map(move |act| match &act.change {
            Change::Restrict { scope: of, user: whom, restriction } if of == scope && whom == user => {
                Some((act, *restriction < least))
            }
            _ => None,
        })
    }

    /// The scopes whose restrictions apply on a channel.
    fn scopes(&self, channel: &str) -> Vec<String> {
        let company = self.record.world.company_of(channel).map(|company| format!("company:{company}"));
        company.into_iter().chain([channel.to_owned()]).collect()
    }
}

/// Since when the user is certainly out at this time. Each act comes with whether it lets the user in.
fn barred_since<'a>(acts: impl Iterator<Item = (&'a Act, bool)>, at_ms: u64) -> Option<u64> {
    let mut since = None;
    for (act, may) in acts.take_while(|(act, _)| act.asked_ms <= at_ms) {
        since = if may { None } else { since.or(act.enforced_ms.filter(|since_ms| *since_ms <= at_ms)) };
    }
    since
}

/// Whether the user is certainly in from `from_ms` to `to_ms`. Each act comes with whether it lets the user in.
fn is_certain<'a>(acts: impl Iterator<Item = (&'a Act, bool)>, from_ms: u64, to_ms: u64) -> bool {
    let mut is_sure = true; // until the first act
    for (act, may) in acts.take_while(|(act, _)| act.asked_ms <= to_ms) {
        let is_known = act.known_ms.is_some_and(|known_ms| known_ms <= from_ms);
        is_sure = may && (is_sure || is_known);
    }
    is_sure
}

/// The end of the run.
const END: u64 = u64::MAX;

pub(super) fn check(record: &Record) -> Vec<Breach> {
    let rights = Rights::of(record);
    let mut breaches = unheeded(record);
    for (device, entry) in record.entries() {
        if let Entry::TurnedAway { what, code, asked_ms, at_ms } = entry
            && rights.is_wrong(&device.user, what, code, *asked_ms, *at_ms)
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
                let evidence = format!("{name} of {user} is in {channel}, though out of it since {since_ms}");
                breaches.push(Kind::Leak.because(evidence));
            }
        }
    }
    breaches
}

/// Changes that were accepted, but never seen in force, and of which no dead letter tells.
fn unheeded(record: &Record) -> Vec<Breach> {
    let letters = Letters::of(&record.letters);
    let is_unheeded = |act: &&Act| match &act.change {
        Change::Participants { channel, .. } => {
            let id = channel.trim_start_matches("conversation:");
            act.is_accepted && act.known_ms.is_none() && !letters.mention(&format!("{id:?}"))
        }
        Change::Restrict { scope, user, .. } => {
            let id = scope.split_once(':').map_or(&**scope, |(_, id)| id);
            let is_explained = letters.mention(&format!("{id:?}")) && letters.mention(&format!("{user:?}"));
            act.is_accepted && act.known_ms.is_none() && !is_explained
        }
        Change::Kick { .. } => false,
    };
    let unheeded = record.acts.iter().filter(is_unheeded);
    unheeded.map(|act| Kind::Unheeded.because(format!("{act:?}"))).collect()
}
