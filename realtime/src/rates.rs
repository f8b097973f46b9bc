//! How fast a user may do things, over all of their connections: what others hear of, what is asked of Whop, and above all
//! what they cost, whatever they do.
//!
//! A [`Limit`] is a bucket that drains at a constant rate. What is put into it is measured in the time that it takes to drain,
//! so all that has to be known of a user is until when it is full: one number in the table. Each process lets a user pass by
//! its own count first, and settles that count in the table when it has become large enough. So whoever acts as people
//! do costs no write, or one for hundreds of requests; and over all processes a user gets through [`Limit::burst`], what drains,
//! and [`Limit::uncounted`] a process at most once, because what a process lets pass stays on its account until it is settled.
//!
//! A process remembers whom the table has refused, and until when: a refusal reads and writes nothing.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use funnelcast_aws::{Table, spending::price, table::rates::RATE_LIFE};
use funnelcast_core::{Error, Timestamp, UserId};

/// A bucket of one kind, of which each user has their own.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    /// The sort key of its row.
    pub name: &'static str,
    /// How much of it drains in a second.
    pub per_second: f64,
    /// How much it holds, as the time in which that drains.
    pub burst: Duration,
    /// How much a process lets pass before it settles that in the table, as the time in which that drains.
    pub uncounted: Duration,
    /// In which time a process forgets as much as it lets pass uncounted; `None`: it settles all of it, sooner or later.
    pub forgotten_in: Option<Duration>,
}

/// What others hear of: 100 at once, and 10 a second.
pub const SENDS: Limit = people("sends");
/// That a user leaves a channel whose members are told. Who comes back is told again; so this bounds arrivals too, and no
/// number of channels that are joined at once.
pub const LEAVES: Limit = people("leaves");
/// Requests to Whop, which takes 600 a minute from all users together: so each of them is counted.
pub const QUESTIONS: Limit = Limit {
    name: "questions",
    per_second: 1.0,
    burst: Duration::from_secs(10),
    uncounted: Duration::ZERO,
    forgotten_in: None,
};

/// A process lets 10 pass in 10 seconds by its own count: more than a person does.
const fn people(name: &'static str) -> Limit {
    Limit {
        name,
        per_second: 10.0,
        burst: Duration::from_secs(10),
        uncounted: Duration::from_secs(1),
        forgotten_in: Some(Duration::from_secs(10)),
    }
}

/// What a user may cost.
fn spending(dollars_per_hour: f64) -> Limit {
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
/// How much a process lets be spent before it tells the table.
const SPENDING_UNCOUNTED: Duration = Duration::from_secs(3);
/// How many refusals one process makes before it closes the connections of a user who goes on all the same.
pub const REFUSALS_MAX: u32 = 100;
/// The users that a process remembers: of more it forgets all, which lets a little pass uncounted.
const USERS_MAX: usize = 10_000;

/// The limits, and what this process knows of its users.
#[derive(Debug)]
pub struct Rates {
    table: Table,
    spending: Limit,
    accounts: Mutex<Accounts>,
}

type Accounts = HashMap<(&'static str, UserId), Account>;

impl Rates {
    /// With so many dollars an hour that a user may cost.
    pub fn new(table: Table, user_dollars_per_hour: f64) -> Self {
        Self { table, spending: spending(user_dollars_per_hour), accounts: Mutex::default() }
    }

    fn with<T>(&self, limit: &Limit, user: &UserId, look: impl FnOnce(&mut Account) -> T) -> T {
        // An account is never left half changed, so one whose user panicked is as good as before.
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        look(account(&mut accounts, limit, user))
    }
}

/// A user's account; a new one where the process does not know them.
fn account<'a>(accounts: &'a mut Accounts, limit: &Limit, user: &UserId) -> &'a mut Account {
    let key = (limit.name, user.clone());
    if accounts.len() >= USERS_MAX && !accounts.contains_key(&key) {
        accounts.clear();
    }
    accounts.entry(key).or_default()
}

/// What a process knows of one bucket of a user. All that is in it is measured in the time that it takes to drain.
#[derive(Debug)]
struct Account {
    /// What has passed by this process's own count, since it was settled last.
    uncounted: Duration,
    /// When that was last changed.
    at: Timestamp,
    /// Until when the bucket is not empty, as the table said last.
    full_until: Timestamp,
    /// How often the user was refused since it was last let pass.
    refusals: u32,
}

impl Default for Account {
    fn default() -> Self {
        Self { uncounted: Duration::ZERO, at: Timestamp::EPOCH, full_until: Timestamp::EPOCH, refusals: 0 }
    }
}

/// What is to be done about something that is put into a bucket.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// Nothing: this process has counted it.
    Pass,
    /// Put this into the bucket in the table.
    Settle(Duration),
}

impl Account {
    /// How long the user has to wait; `None` where they need not.
    fn wait(&self, limit: &Limit, now: Timestamp) -> Option<Duration> {
        limit.overflow(self.full_until, now)
    }

    /// Counts something, which may be more than the bucket holds.
    fn put(&mut self, limit: &Limit, amount: Duration, now: Timestamp) -> Step {
        if let Some(time) = limit.forgotten_in {
            let share = now.since(self.at).as_secs_f64() / time.as_secs_f64();
            self.uncounted = self.uncounted.saturating_sub(limit.uncounted.mul_f64(share.min(1.0)));
        }
        self.at = now;
        self.uncounted += amount;
        // Exact near the limit; and of those who are beyond it, it is enough to know by how much.
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
    /// The time in which so much drains.
    fn time(&self, amount: f64) -> Duration {
        Duration::try_from_secs_f64(amount / self.per_second).unwrap_or(RATE_LIFE).min(RATE_LIFE)
    }

    /// How long until a bucket that is full until then holds no more than it may; `None` where it does not now.
    fn overflow(&self, full_until: Timestamp, now: Timestamp) -> Option<Duration> {
        let overflow = full_until.since(now).saturating_sub(self.burst);
        (!overflow.is_zero()).then_some(overflow)
    }
}

/// Whether a user may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Yes.
    Good,
    /// Not before this time has passed. They were told so this often, and went on.
    Over {
        /// How long to wait.
        wait: Duration,
        /// How often this process has refused them since it let them pass last.
        refusals: u32,
    },
}

impl Standing {
    /// Refuses who may not go on.
    ///
    /// # Errors
    /// [`Error::RateLimited`].
    pub fn check(self) -> Result<(), Error> {
        match self {
            Self::Good => Ok(()),
            Self::Over { wait, .. } => Err(refusal(wait)),
        }
    }

    /// Whether the user has gone on for so long that their connections are to be closed.
    pub const fn is_hopeless(self) -> bool {
        matches!(self, Self::Over { refusals: REFUSALS_MAX.., .. })
    }
}

impl Rates {
    /// Counts something that a user does, or refuses it until they may: no call where they do it seldom, else 1 write for
    /// many.
    ///
    /// # Errors
    /// [`Error::RateLimited`].
    pub async fn admit(&self, limit: &Limit, user: &UserId, now: Timestamp) -> Result<(), Error> {
        let step = self.with(limit, user, |account| match account.wait(limit, now) {
            Some(wait) => Err(refusal(wait)),
            None => Ok(account.put(limit, limit.time(1.0), now)),
        })?;
        match step {
            Step::Pass => Ok(()),
            Step::Settle(amount) => {
                let wait = self.settle(limit, user, amount, now).await?;
                wait.map_or(Ok(()), |wait| Err(refusal(wait)))
            }
        }
    }

    /// Whether a user may cost more, as far as this process knows: no call.
    pub fn standing(&self, user: &UserId, now: Timestamp) -> Standing {
        let limit = &self.spending;
        self.with(limit, user, |account| match account.wait(limit, now) {
            None => {
                account.refusals = 0;
                Standing::Good
            }
            Some(wait) => {
                account.refusals += 1;
                Standing::Over { wait, refusals: account.refusals }
            }
        })
    }

    /// Refuses a user who has cost too much, as the table knows it: 1 read, unless this process knows already that they may not
    /// go on.
    ///
    /// # Errors
    /// [`Error::RateLimited`].
    pub async fn check_spending(&self, user: &UserId, now: Timestamp) -> Result<(), Error> {
        self.standing(user, now).check()?;
        let limit = &self.spending;
        let Some(full_until) = self.table.full_until(user, limit.name).await? else { return Ok(()) };
        self.with(limit, user, |account| {
            account.full_until = account.full_until.max(full_until);
            account.wait(limit, now).map_or(Ok(()), |wait| Err(refusal(wait)))
        })
    }

    /// Charges a user for what was done for them, in dollars, which may be more than they may cost: then they are refused
    /// next. No call for little, else 1 write for much, at their cost. It is done, so that it cannot be charged for is only
    /// logged.
    pub async fn charge(&self, user: &UserId, dollars: f64, now: Timestamp) {
        let limit = &self.spending;
        let step = self.with(limit, user, |account| account.put(limit, limit.time(dollars), now));
        if let Step::Settle(amount) = step
            && let Err(error) = self.settle(limit, user, amount + limit.time(price::WRITE_UNIT), now).await
        {
            tracing::error!(%user, %error, "charging a user failed");
        }
    }

    /// Puts something into a user's bucket in the table: 1 write, or 2. Returns how long they have to wait now, where they have
    /// to.
    async fn settle(
        &self,
        limit: &Limit,
        user: &UserId,
        amount: Duration,
        now: Timestamp,
    ) -> Result<Option<Duration>, Error> {
        let is_empty = self.with(limit, user, |account| account.full_until <= now);
        let full_until = self.table.fill(user, limit.name, amount, is_empty, now).await?;
        let wait = self.with(limit, user, |account| {
            account.full_until = full_until;
            account.wait(limit, now)
        });
        if let Some(wait) = wait {
            tracing::warn!(%user, what = limit.name, ?wait, "rate limited");
        }
        Ok(wait)
    }
}

fn refusal(wait: Duration) -> Error {
    Error::RateLimited { retry_after_ms: u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: i64 = 1_800_000_000_000;

    /// So many processes over one table, which is a number here.
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

        /// Whether one of them lets something pass that costs `amount`, which is charged afterwards.
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
        /// However the requests are spread over processes and time: what passes is the burst, what drains, and what each
        /// process has not settled and lets pass before it learns that it is too much, once.
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
    fn whoever_acts_as_people_do_is_settled_once_in_hundreds_of_requests() {
        let limit = spending(0.5);
        let mut processes = Processes::new(1, limit);
        let frame = limit.time(2.6e-6);
        for n in 0..1_000 {
            assert!(processes.passes(0, frame, Timestamp::from_millis(START + n * 25_000)), "a ping in 25 s");
        }
        assert!(processes.settled <= 8, "{}", processes.settled);
    }

    #[test]
    fn what_people_say_is_never_settled() {
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
    fn who_is_refused_is_settled_once_for_many_refusals_and_owes_them() {
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

    #[test]
    fn what_a_process_remembers_is_bounded() {
        let mut accounts = Accounts::new();
        for n in 0..=USERS_MAX {
            account(&mut accounts, &SENDS, &format!("user_{n}").parse().unwrap());
        }
        assert!(accounts.len() <= USERS_MAX);
    }
}
