//! Leaky buckets: which ones there are, and what a process knows of one bucket of a user. No calls are made here.

use std::time::Duration;

use funnelcast_aws::table::rates::RATE_LIFE;
use funnelcast_core::Timestamp;

/// One kind of bucket. Each user has a bucket of their own.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    /// The sort key of the bucket's row.
    pub name: &'static str,
    /// How much drains in a second.
    pub per_second: f64,
    /// The capacity, as the time in which it drains.
    pub burst: Duration,
    /// How much a process lets pass before it settles that in the table, as the time in which it drains.
    pub uncounted: Duration,
    /// The time in which a process forgets as much as it lets pass uncounted. `None` if it settles everything
    /// eventually.
    pub forgotten_in: Option<Duration>,
}

/// What other users are told: 100 at once, and 10 a second.
pub const SENDS: Limit = people("sends");
/// Leaving a presence channel, which its members are told. A return is told again, so this bounds arrivals too,
/// without limiting how many channels are joined at once.
pub const LEAVES: Limit = people("leaves");
/// Files: 100 at once, and 10 a second. How many bytes they have is a matter of what a user may cost.
pub const UPLOADS: Limit = people("uploads");
/// Calls that a user starts, each of which rings on every device of others: 5 at once, and one in 10 seconds.
pub const CALLS: Limit = Limit {
    name: "calls",
    per_second: 0.1,
    burst: Duration::from_secs(50),
    uncounted: Duration::from_secs(10),
    forgotten_in: None,
};
/// Requests for the servers of a call: 10 at once, and one in 6 seconds. A device makes one a call.
pub const ICE: Limit = Limit {
    name: "ice",
    per_second: 1.0 / 6.0,
    burst: Duration::from_mins(1),
    uncounted: Duration::from_secs(12),
    forgotten_in: None,
};
/// Requests to Whop. Whop accepts 600 a minute from all users together, so each request is counted.
pub const QUESTIONS: Limit = Limit {
    name: "questions",
    per_second: 1.0,
    burst: Duration::from_secs(10),
    uncounted: Duration::ZERO,
    forgotten_in: None,
};

/// The limit on what a person does by hand. A process lets 10 pass in 10 seconds by its own count: more than a person
/// does.
const fn people(name: &'static str) -> Limit {
    Limit {
        name,
        per_second: 10.0,
        burst: Duration::from_secs(10),
        uncounted: Duration::from_secs(1),
        forgotten_in: Some(Duration::from_secs(10)),
    }
}

/// The limit on what a user may cost.
pub(super) fn spending(dollars_per_hour: f64) -> Limit {
    Limit {
        name: "spending",
        per_second: dollars_per_hour / 3_600.0,
        burst: SPENDING_BURST,
        uncounted: SPENDING_UNCOUNTED,
        forgotten_in: None,
    }
}

/// How much may be spent at once: what drains in this time.
const SPENDING_BURST: Duration = Duration::from_mins(6);
/// How much a process lets a user spend before it settles that in the table.
const SPENDING_UNCOUNTED: Duration = Duration::from_secs(3);
/// What a process knows of one bucket of a user. Amounts are measured in the time that they take to drain.
#[derive(Debug)]
pub(super) struct Account {
    /// What has passed by this process's own count since the last settlement.
    uncounted: Duration,
    /// When `uncounted` last changed.
    at: Timestamp,
    /// Until when the bucket is not empty, as the table last said.
    pub(super) full_until: Timestamp,
    /// When the table last said so because it was asked.
    pub(super) looked_at: Timestamp,
    /// How many times in a row the user has been refused.
    pub(super) refusals: u32,
}

impl Default for Account {
    fn default() -> Self {
        Self {
            uncounted: Duration::ZERO,
            at: Timestamp::EPOCH,
            full_until: Timestamp::EPOCH,
            looked_at: Timestamp::EPOCH,
            refusals: 0,
        }
    }
}

/// What to do about an amount that was put into a bucket.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing: this process has counted it.
    Pass,
    /// Put this into the bucket in the table.
    Settle(Duration),
}

impl Account {
    /// How long the user has to wait; `None` if not at all.
    pub(super) fn wait(&self, limit: &Limit, now: Timestamp) -> Option<Duration> {
        limit.overflow(self.full_until, now)
    }

    /// Counts an amount, which may exceed what the bucket holds.
    pub(super) fn put(&mut self, limit: &Limit, amount: Duration, now: Timestamp) -> Step {
        if let Some(time) = limit.forgotten_in {
            let share = now.since(self.at).as_secs_f64() / time.as_secs_f64();
            self.uncounted = self.uncounted.saturating_sub(limit.uncounted.mul_f64(share.min(1.0)));
        }
        self.at = now;
        self.uncounted += amount;
        // The count is exact near the limit. Beyond the limit, it is enough to know by how much it is exceeded.
        let room = limit.burst.saturating_sub(self.full_until.since(now));
        let is_near = !room.is_zero() && self.uncounted > room;
        if is_near || self.uncounted > limit.uncounted {
            Step::Settle(std::mem::take(&mut self.uncounted))
        } else {
            Step::Pass
        }
    }
}

impl Limit {
    /// The time in which this amount drains.
    pub(super) fn time(&self, amount: f64) -> Duration {
        Duration::try_from_secs_f64(amount / self.per_second).unwrap_or(RATE_LIFE).min(RATE_LIFE)
    }

    /// How long until a bucket that is not empty until `full_until` is within its capacity; `None` if it is so now.
    fn overflow(&self, full_until: Timestamp, now: Timestamp) -> Option<Duration> {
        let overflow = full_until.since(now).saturating_sub(self.burst);
        (!overflow.is_zero()).then_some(overflow)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: i64 = 1_800_000_000_000;

    /// A number of processes over one table, which is a single number here.
    struct Processes {
        limit: Limit,
        accounts: Vec<Account>,
        full_until: Timestamp,
        settled: usize,
    }

    impl Processes {
        fn new(count: usize, limit: Limit) -> Self {
            let accounts = (0..count).map(|_| Account::default()).collect();
            Self { limit, accounts, full_until: Timestamp::EPOCH, settled: 0 }
        }

        /// Whether a process lets something pass that costs `amount`, which is charged afterwards.
        fn passes(&mut self, process: usize, amount: Duration, now: Timestamp) -> bool {
            let account = &mut self.accounts[process];
            let passes = account.wait(&self.limit, now).is_none();
            if let Step::Settle(amount) = account.put(&self.limit, amount, now) {
                self.settled += 1;
                self.full_until = self.full_until.max(now) + amount;
                account.full_until = self.full_until;
            }
            passes
        }
    }

    proptest! {
        /// However the requests are spread over processes and time, what passes is the burst, what drains, and once
        /// per process what it has not settled and lets pass before it learns that the limit is reached.
        #[test]
        fn no_number_of_processes_lets_more_pass(
            count in 1..20_usize,
            requests in prop::collection::vec((0..20_usize, 1..4_000_u64, 0..500_u64), 1..2_000),
        ) {
            let mut processes = Processes::new(count, spending(0.5));
            let (mut now, mut passed) = (Timestamp::from_millis(START), Duration::ZERO);
            let (begun, largest) = (now, Duration::from_secs(4));
            for (process, millis, pause) in requests {
                now = now + Duration::from_millis(pause);
                let amount = Duration::from_millis(millis);
                if processes.passes(process % count, amount, now) {
                    passed += amount;
                }
            }
            let of_each = SPENDING_UNCOUNTED + largest;
            let most = SPENDING_BURST + now.since(begun) + of_each * 2 * u32::try_from(count).unwrap();
            prop_assert!(passed <= most, "{passed:?} of {most:?}");
        }
    }

    #[test]
    fn ordinary_use_is_settled_once_in_hundreds_of_requests() {
        let limit = spending(0.5);
        let mut processes = Processes::new(1, limit);
        let frame = limit.time(2.6e-6);
        for n in 0..1_000 {
            assert!(processes.passes(0, frame, Timestamp::from_millis(START + n * 25_000)), "a ping in 25 s");
        }
        assert!(processes.settled <= 8, "{}", processes.settled);
    }

    #[test]
    fn ordinary_sends_are_never_settled() {
        let (mut account, now) = (Account::default(), Timestamp::from_millis(START));
        for n in 0..1_000_u64 {
            let now = now + Duration::from_secs(n);
            assert_eq!(account.put(&SENDS, SENDS.time(1.0), now), Step::Pass, "one in a second");
        }
        let now = now + Duration::from_secs(999);
        for _ in 0..8 {
            assert_eq!(account.put(&SENDS, SENDS.time(1.0), now), Step::Pass);
        }
        let more = account.put(&SENDS, SENDS.time(2.0), now);
        assert!(matches!(more, Step::Settle(_)), "the table counts a flood");
    }

    #[test]
    fn refusals_are_charged_and_settled_once_for_many() {
        let limit = spending(0.5);
        let mut processes = Processes::new(1, limit);
        let (frame, now) = (limit.time(2.6e-6), Timestamp::from_millis(START));
        let passed = (0..100_000).take_while(|_| processes.passes(0, frame, now)).count();
        let burst = SPENDING_BURST.as_secs_f64() / frame.as_secs_f64();
        assert!((f64::from(u32::try_from(passed).unwrap()) - burst).abs() < 20.0, "{passed} of {burst}");
        let (settled, owed) = (processes.settled, processes.full_until);
        for _ in 0..1_000 {
            assert!(!processes.passes(0, frame, now));
        }
        assert!(processes.settled - settled <= 8, "{}", processes.settled - settled);
        assert!(processes.full_until.since(owed) > frame * 800);
    }
}
