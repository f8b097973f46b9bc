//! Presence: exactly the users who are here are present, each with the most present status of their devices. Checks the roster
//! that each device last asked for, and that what it was told since it joined equals that roster.

use std::collections::BTreeMap;

use super::{Breach, Kind};
use crate::soak::audit::is_auditor;
use crate::soak::record::{Record, Roster, Standing};
use crate::soak::world::has_presence;

/// The statuses, the most present first.
const STATUSES: [&str; 3] = ["online", "away", "offline"];

/// Whether every device sees exactly those who are here, and was told so. Then the run need not wait any longer.
pub fn all_see_each_other<'a>(devices: &[(&'a str, &'a Standing)]) -> bool {
    judge(devices).is_empty()
}

pub(super) fn check(record: &Record) -> Vec<Breach> {
    let devices: Vec<_> =
        record.devices.iter().map(|device| (device.user.as_str(), &device.standing)).collect();
    judge(&devices)
}

/// The users who are here, by channel, with their statuses: `None` if a device does not know its own.
type Here<'a> = BTreeMap<&'a str, BTreeMap<&'a str, Option<&'a str>>>;

fn judge(devices: &[(&str, &Standing)]) -> Vec<Breach> {
    let here = here(devices);
    let nobody = BTreeMap::new();
    let mut breaches = Vec::new();
    for (user, standing) in devices.iter().filter(|(_, standing)| standing.is_up) {
        for channel in standing.joined.keys().filter(|channel| has_presence(channel)) {
            let others = |rosters: &BTreeMap<String, Roster>| {
                let mut roster = rosters.get(channel).cloned().unwrap_or_default();
                roster.retain(|other, _| !is_auditor(other));
                roster
            };
            let seen = others(&standing.rosters);
            let expected = here.get(channel.as_str()).unwrap_or(&nobody);
            let named = |kind: Kind, users: Vec<String>| {
                (!users.is_empty()).then(|| kind.because(format!("{user} in {channel}: {users:?}")))
            };
            let ghosts = seen.keys().filter(|other| !expected.contains_key(other.as_str())).cloned();
            let absent =
                expected.keys().filter(|other| !seen.contains_key(**other)).map(|other| (*other).to_owned());
            let wrong = seen.iter().filter_map(|(other, status)| {
                let expected = (*expected.get(other.as_str())?)?;
                (expected != status).then(|| format!("{other} is shown as {status}, but is {expected}"))
            });
            breaches.extend(named(Kind::Ghost, ghosts.collect()));
            breaches.extend(named(Kind::Absent, absent.collect()));
            breaches.extend(named(Kind::Misstated, wrong.collect()));
            breaches.extend(match standing.counted.get(channel) {
                Some(count) => miscounted(user, channel, seen.len(), *count),
                None => untold(user, channel, seen, others(&standing.told)),
            });
        }
    }
    breaches
}

/// A breach if the number that a device was told is not the size of the roster. An auditor may have been counted.
fn miscounted(user: &str, channel: &str, seen: usize, count: usize) -> Option<Breach> {
    let is_right = (seen..=seen + 1).contains(&count);
    let evidence = || format!("{user} in {channel}: the roster has {seen} users, but it was told {count}");
    (!is_right).then(|| Kind::Untold.because(evidence()))
}

/// A breach if what a device was told differs from the roster. Users are not told of themselves.
fn untold(user: &str, channel: &str, mut seen: Roster, mut told: Roster) -> Option<Breach> {
    seen.remove(user);
    told.remove(user);
    (seen != told).then(|| {
        let differing = |a: &Roster, b: &Roster| {
            let differing = a.iter().filter(|(other, status)| b.get(*other) != Some(*status));
            differing.map(|(other, status)| format!("{other} {status}")).collect::<Vec<_>>()
        };
        let (of_roster, of_news) = (differing(&seen, &told), differing(&told, &seen));
        Kind::Untold
            .because(format!("{user} in {channel}: the roster has {of_roster:?}, it was told {of_news:?}"))
    })
}

fn here<'a>(devices: &[(&'a str, &'a Standing)]) -> Here<'a> {
    let mut here = Here::new();
    for (user, standing) in devices.iter().filter(|(_, standing)| standing.is_up) {
        for channel in standing.joined.keys().filter(|channel| has_presence(channel)) {
            let own = standing.statuses.get(channel).and_then(Option::as_deref);
            let users = here.entry(channel).or_default();
            let status = users.get(user).map_or(own, |other| most_present(*other, own));
            users.insert(user, status);
        }
    }
    here
}

fn most_present<'a>(a: Option<&'a str>, b: Option<&'a str>) -> Option<&'a str> {
    let place = |status: &str| STATUSES.iter().position(|known| *known == status);
    let (a, b) = (a?, b?);
    Some(if place(a) <= place(b) { a } else { b })
}
