//! Who is present: those who are here, and nobody else. By what each device was told when it last asked.

use std::collections::BTreeSet;

use super::{Breach, Kind};
use crate::soak::record::{Record, Rosters, Standing};
use crate::soak::world::has_presence;

/// Whether everybody sees those who are here and nobody else: the moment to stop waiting.
pub fn all_see_each_other<'a>(devices: &[(&'a str, &'a Standing)]) -> bool {
    judge(devices).is_empty()
}

pub(super) fn check(record: &Record) -> Vec<Breach> {
    let devices: Vec<_> =
        record.devices.iter().map(|device| (device.user.as_str(), &device.standing)).collect();
    judge(&devices)
}

fn judge(devices: &[(&str, &Standing)]) -> Vec<Breach> {
    let here = here(devices);
    let mut breaches = Vec::new();
    for (user, standing) in devices.iter().filter(|(_, standing)| standing.is_up) {
        for channel in standing.joined.keys().filter(|channel| has_presence(channel)) {
            let none = BTreeSet::new();
            let seen = standing.rosters.get(channel).unwrap_or(&none);
            let expected = here.get(channel).unwrap_or(&none);
            let named = |kind: Kind, users: Vec<&String>| {
                (!users.is_empty()).then(|| kind.because(format!("{user} sees in {channel}: {users:?}")))
            };
            breaches.extend(named(Kind::Ghost, seen.difference(expected).collect()));
            breaches.extend(named(Kind::Absent, expected.difference(seen).collect()));
        }
    }
    breaches
}

/// Who is here, as the devices stand.
fn here(devices: &[(&str, &Standing)]) -> Rosters {
    let mut here = Rosters::new();
    for (user, standing) in devices.iter().filter(|(_, standing)| standing.is_up) {
        for channel in standing.joined.keys().filter(|channel| has_presence(channel)) {
            here.entry(channel.clone()).or_default().insert((*user).to_owned());
        }
    }
    here
}
