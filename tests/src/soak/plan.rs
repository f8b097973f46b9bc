//! What a run is made of, and all that follows from its seed: which devices there are, when some vanish, and a
//! stream of random numbers for each.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

/// Of so many devices one is a user's second.
const DEVICES_PER_SECOND_DEVICE: usize = 4;
/// And one vanishes for good while the storm lasts.
const DEVICES_PER_VANISHING: usize = 4;

/// Faults, by the names and rates of `funnelcast-local up --fault`; often enough that a run of some seconds has some
/// of each, and seldom enough that it gets somewhere.
const DEFAULT_RATES: [(&str, f64); 9] = [
    ("lost_disconnect", 0.5),
    ("gone", 0.01),
    ("throttled", 0.05),
    ("dynamodb_before", 0.02),
    ("dynamodb_after", 0.02),
    ("duplicated", 0.1),
    ("delayed", 0.2),
    ("killed", 0.02),
    ("cut", 0.03),
];

/// The longest that the faults delay something.
pub(super) const DELAY_MS_MAX: u64 = 500;

/// A run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What all random numbers start from.
    pub seed: u64,
    /// How long the faults last.
    pub storm: Duration,
    /// How many devices there are; some users have two.
    pub devices: usize,
    /// How often each kind of fault happens.
    pub rates: BTreeMap<String, f64>,
}

/// A device of a plan.
#[derive(Debug)]
pub(super) struct Device {
    pub(super) name: String,
    /// Whose it is, by number.
    pub(super) owner: usize,
    pub(super) random: StdRng,
    /// After which part of the storm it vanishes for good, where it does.
    pub(super) vanishes_after: Option<f64>,
}

/// The first user who is a member of a company's team and not its admin.
const FIRST_MEMBER: usize = 2;

/// Who draws random numbers; the devices come after.
const BACKEND: u64 = 0;
const FIRST_DEVICE: u64 = 1;

impl Plan {
    /// The usual faults, for so long, with this seed.
    pub fn new(seed: u64, storm: Duration) -> Self {
        let rates = DEFAULT_RATES.map(|(kind, rate)| (kind.to_owned(), rate)).into();
        Self { seed, storm, devices: 8, rates }
    }

    /// How many users there are.
    pub(super) fn users(&self) -> usize {
        self.devices - self.devices / DEVICES_PER_SECOND_DEVICE
    }

    /// The devices: one for each user, then second ones. Those that vanish are first a member of each company's team: few
    /// speak in the company's channel, so that nobody stumbles over his ghost.
    pub(super) fn devices(&self) -> Vec<Device> {
        let users = self.users();
        let vanishing = self.devices / DEVICES_PER_VANISHING;
        let device = |index: usize| {
            let mut random = self.stream(FIRST_DEVICE + index as u64);
            let vanishes = (FIRST_MEMBER..FIRST_MEMBER + vanishing).contains(&index);
            let part = random.random_range(0.5..1.0);
            Device {
                name: format!("d{index}"),
                owner: index % users,
                random,
                vanishes_after: vanishes.then_some(part),
            }
        };
        (0..self.devices).map(device).collect()
    }

    /// The backend's random numbers.
    pub(super) fn backend(&self) -> StdRng {
        self.stream(BACKEND)
    }

    /// For `PUT /_local/faults`.
    pub(super) fn faults(&self) -> Value {
        let mut settings = json!(self.rates);
        settings["seed"] = self.seed.into();
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
        assert_eq!(numbers.len(), 8);
    }

    #[test]
    fn some_have_two_devices_and_some_vanish() {
        let plan = Plan::new(1, Duration::from_secs(1));
        assert_eq!((plan.users(), plan.devices().len()), (6, 8));
        let vanishing = plan.devices().iter().filter(|device| device.vanishes_after.is_some()).count();
        assert_eq!(vanishing, 2);
    }
}
