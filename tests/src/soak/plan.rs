//! The plan of a run, and what follows from its seed: the devices, when some of them vanish, and their random numbers.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

use super::part::Part;
use super::world::World;

/// One in this many devices is the second device of its user.
const DEVICES_PER_SECOND_DEVICE: usize = 4;
/// One in this many devices vanishes for good during the storm.
const DEVICES_PER_VANISHING: usize = 4;
/// One in this many devices connects with tokens that last only seconds.
const DEVICES_PER_SHORT_TOKEN: usize = 3;
/// One in this many devices connects with tickets.
const DEVICES_PER_TICKET: usize = 4;
/// Devices that only listen. Together with the active devices there, they are more than the 50 members up to which a sender's
/// function posts directly.
const CROWD: usize = 51;

/// The rates of the faults, named as in `funnelcast-local up --fault`. They are so high that a run of some seconds has some of
/// each kind, and so low that it makes progress.
const DEFAULT_RATES: [(&str, f64); 10] = [
    ("lost_disconnect", 0.5),
    ("gone", 0.003),
    ("throttled", 0.05),
    ("dynamodb_before", 0.02),
    ("dynamodb_after", 0.02),
    ("transaction_conflict", 0.05),
    ("duplicated", 0.1),
    ("delayed", 0.2),
    ("killed", 0.02),
    ("cut", 0.02),
];

/// The longest that a fault delays something.
pub(super) const DELAY_MS_MAX: u64 = 500;

/// What a run consists of.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The seed of all random numbers.
    pub seed: u64,
    /// How long the faults last.
    pub storm: Duration,
    /// How many active devices there are. Some users have two.
    pub devices: usize,
    /// How many devices only listen.
    pub crowd: usize,
    /// How often the stack is killed.
    pub kills: u32,
    /// The rate of each kind of fault.
    pub rates: BTreeMap<String, f64>,
    /// The parts that are left out.
    pub without: BTreeSet<Part>,
}

/// A device of a plan.
#[derive(Debug)]
pub(super) struct Device {
    pub(super) name: String,
    /// The index of its user.
    pub(super) owner: usize,
    pub(super) random: StdRng,
    /// The fraction of the storm after which it vanishes for good, if it does.
    pub(super) vanishes_after: Option<f64>,
    /// Whether its tokens last only seconds.
    pub(super) has_short_tokens: bool,
    /// Whether its client replaces its socket before the token expires. Otherwise it keeps the socket until then.
    pub(super) rotates: bool,
    /// Whether its client connects with tickets.
    pub(super) by_ticket: bool,
    /// The seed of its client's own random numbers.
    pub(super) seed: u32,
}

/// The first user who is a member of a company's team but not its admin.
const FIRST_MEMBER: usize = 2;

/// The numbers of the streams of random numbers. The devices' streams begin at `FIRST_DEVICE`.
const BACKEND: u64 = 0;
const MANAGER: u64 = 1 << 32;
const CHAOS: u64 = 2 << 32;
const MODERATOR: u64 = 3 << 32;
const FIRST_DEVICE: u64 = 1;

impl Plan {
    /// A plan with the usual faults.
    pub fn new(seed: u64, storm: Duration) -> Self {
        let rates = DEFAULT_RATES.map(|(kind, rate)| (kind.to_owned(), rate)).into();
        Self { seed, storm, devices: 12, crowd: CROWD, kills: 1, rates, without: BTreeSet::new() }
    }

    /// Whether a run has this part.
    pub fn has(&self, part: Part) -> bool {
        !self.without.contains(&part)
    }

    /// The users and conversations.
    pub(super) fn world(&self) -> World {
        World::of(self.users(), self.listeners())
    }

    /// How many active users there are.
    fn users(&self) -> usize {
        self.devices - self.devices / DEVICES_PER_SECOND_DEVICE
    }

    fn listeners(&self) -> usize {
        if self.has(Part::Crowd) { self.crowd } else { 0 }
    }

    /// The devices: first one for each active user, then the second devices, then those that only listen. The first devices that
    /// vanish belong to a member of each company's team: few users send in the company's channel, so no post soon discovers their
    /// ghosts.
    pub(super) fn devices(&self) -> Vec<Device> {
        let (users, world) = (self.users(), self.world());
        let crowd_users = world.people.len() - users;
        let vanishing = if self.has(Part::Vanishing) { self.devices / DEVICES_PER_VANISHING } else { 0 };
        let device = |index: usize| {
            let mut random = self.stream(FIRST_DEVICE + index as u64);
            let vanishes = (FIRST_MEMBER..FIRST_MEMBER + vanishing).contains(&index);
            let part = random.random_range(0.5..1.0);
            let is_active = index < self.devices;
            let listener = index.saturating_sub(self.devices);
            let has_short_tokens =
                self.has(Part::Expiry) && is_active && index.is_multiple_of(DEVICES_PER_SHORT_TOKEN);
            Device {
                name: format!("d{index}"),
                seed: random.random(),
                owner: if is_active { index % users } else { users + listener % crowd_users.max(1) },
                random,
                vanishes_after: vanishes.then_some(part),
                has_short_tokens,
                rotates: !index.is_multiple_of(2),
                by_ticket: self.has(Part::Http)
                    && !has_short_tokens
                    && index.is_multiple_of(DEVICES_PER_TICKET),
            }
        };
        (0..self.devices + self.listeners()).map(device).collect()
    }

    /// The random numbers of the publisher.
    pub(super) fn backend(&self) -> StdRng {
        self.stream(BACKEND)
    }

    /// The random numbers of the manager.
    pub(super) fn manager(&self) -> StdRng {
        self.stream(MANAGER)
    }

    /// The random numbers of the moderator.
    pub(super) fn moderator(&self) -> StdRng {
        self.stream(MODERATOR)
    }

    /// The random numbers of the faults of processes.
    pub(super) fn chaos(&self) -> StdRng {
        self.stream(CHAOS)
    }

    /// The body of `PUT /_local/faults`. `round` counts how often the stack was killed, and each new stack draws its faults from
    /// another seed.
    pub(super) fn faults(&self, round: u64) -> Value {
        let mut settings = json!(self.rates);
        settings["seed"] = (self.seed + round).into();
        settings["delay_ms_max"] = DELAY_MS_MAX.into();
        settings
    }

    fn stream(&self, number: u64) -> StdRng {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&self.seed.to_le_bytes());
        key[8..16].copy_from_slice(&number.to_le_bytes());
        StdRng::from_seed(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(seed: u64) -> Vec<(u64, Option<f64>)> {
        let plan = Plan::new(seed, Duration::from_secs(1));
        plan.devices().iter_mut().map(|device| (device.random.random(), device.vanishes_after)).collect()
    }

    #[test]
    fn one_seed_is_one_plan_and_no_two_devices_are_alike() {
        assert_eq!(drawn(1), drawn(1));
        assert_ne!(drawn(1), drawn(2));
        let mut numbers: Vec<u64> = drawn(1).iter().map(|(number, _)| *number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), 12 + CROWD);
    }

    #[test]
    fn some_have_two_devices_and_some_vanish() {
        let plan = Plan::new(1, Duration::from_secs(1));
        let world = plan.world();
        assert_eq!((plan.users(), plan.devices().len()), (9, 12 + CROWD));
        let count = |wanted: fn(&Device) -> bool| plan.devices().iter().filter(|one| wanted(one)).count();
        assert_eq!(count(|device| device.vanishes_after.is_some()), 3);
        assert_eq!(count(|device| device.has_short_tokens), 4);
        let of_the_crowd = |device: &Device| world.people[device.owner].is_crowd;
        assert_eq!(plan.devices().iter().filter(|device| of_the_crowd(device)).count(), CROWD);
    }

    #[test]
    fn what_is_left_out_is_not_there() {
        let without = [Part::Crowd, Part::Vanishing, Part::Expiry].into();
        let plan = Plan { without, ..Plan::new(1, Duration::from_secs(1)) };
        assert_eq!(plan.devices().len(), 12);
        let is_plain = |one: &Device| one.vanishes_after.is_none() && !one.has_short_tokens;
        assert!(plan.devices().iter().all(is_plain));
    }
}
