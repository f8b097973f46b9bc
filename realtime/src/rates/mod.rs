//! Rate limits per user, over all of their connections: on what others are told, on requests to Whop, and above all
//! on what a user costs, whatever they do.
//!
//! A [`Limit`] is a leaky bucket that drains at a constant rate. Its content is measured in the time that it takes to
//! drain, so the state of a user is one number in the table: the time until which the bucket is not empty. Each
//! process first lets a user pass by its own count, and settles that count in the table when it has become large
//! enough. So ordinary use costs no write, or one for hundreds of requests. Over all processes a user gets through
//! [`Limit::burst`], what drains, and [`Limit::uncounted`] at most once per process, because what a process lets pass
//! stays on its account until it is settled.
//!
//! A process remembers which users the table has refused, and until when: a refusal reads and writes nothing.

mod bucket;

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use funnelcast_aws::{Table, spending::price};
use funnelcast_core::{Error, Timestamp, UserId};

use self::bucket::{Account, Step, spending};
pub use self::bucket::{CALLS, ICE, LEAVES, Limit, QUESTIONS, SENDS, UPLOADS};

/// How long a process relies on what the table has said of a user's spending.
pub const LOOKS_EVERY: Duration = Duration::from_mins(1);
/// How many refusals a process sends before it closes the connections of a user who keeps sending.
pub const REFUSALS_MAX: u32 = 100;
/// How many users a process remembers. Beyond that it forgets all of them, which lets a little pass uncounted.
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
    /// Creates the limits, with the dollars per hour that a user may cost.
    pub fn new(table: Table, user_dollars_per_hour: f64) -> Self {
        Self { table, spending: spending(user_dollars_per_hour), accounts: Mutex::default() }
    }

    fn with<T>(&self, limit: &Limit, user: &UserId, look: impl FnOnce(&mut Account) -> T) -> T {
        // No account is ever left half changed, so the map is sound even after a panic while it was locked.
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        look(account(&mut accounts, limit, user))
    }
}

/// The user's account, or a new one if this process does not know the user.
fn account<'a>(accounts: &'a mut Accounts, limit: &Limit, user: &UserId) -> &'a mut Account {
    let key = (limit.name, user.clone());
    if accounts.len() >= USERS_MAX && !accounts.contains_key(&key) {
        accounts.clear();
    }
    accounts.entry(key).or_default()
}

/// Whether a user may continue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// They may.
    Good,
    /// They may not until the wait is over.
    Over {
        /// How long they have to wait.
        wait: Duration,
        /// How many times in a row this process has refused them.
        refusals: u32,
    },
}

impl Standing {
    /// Returns an error if the user may not continue.
    ///
    /// # Errors
    /// [`Error::RateLimited`].
    pub fn check(self) -> Result<(), Error> {
        match self {
            Self::Good => Ok(()),
            Self::Over { wait, .. } => Err(rate_limited(wait)),
        }
    }

    /// Whether the user has ignored so many refusals that their connections are closed.
    pub const fn ignores_refusals(self) -> bool {
        matches!(self, Self::Over { refusals: REFUSALS_MAX.., .. })
    }
}

impl Rates {
    /// Counts one action of a user, or refuses it until they may do it: no call if they do it rarely, else 1 write
    /// for many.
    ///
    /// # Errors
    /// [`Error::RateLimited`].
    pub async fn admit(&self, limit: &Limit, user: &UserId, now: Timestamp) -> Result<(), Error> {
        let step = self.with(limit, user, |account| match account.wait(limit, now) {
            Some(wait) => Err(rate_limited(wait)),
            None => Ok(account.put(limit, limit.time(1.0), now)),
        })?;
        match step {
            Step::Pass => Ok(()),
            Step::Settle(amount) => {
                let wait = self.settle(limit, user, amount, now).await?;
                wait.map_or(Ok(()), |wait| Err(rate_limited(wait)))
            }
        }
    }

    /// Whether a user may cost more, by what this process knows: no call.
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

    /// Refuses a user who has cost too much by what the table says now: 1 read, or none if it has said so within
    /// [`LOOKS_EVERY`].
    ///
    /// # Errors
    /// [`Error::RateLimited`].
    pub async fn check_spending(&self, user: &UserId, now: Timestamp) -> Result<(), Error> {
        let standing = self.standing(user, now);
        if standing != Standing::Good && self.has_looked(user, now) {
            standing.check()
        } else {
            self.look(user, now).await
        }
    }

    /// Refuses a user who has cost too much by what the table said within [`LOOKS_EVERY`]: 1 read in that time.
    ///
    /// # Errors
    /// [`Error::RateLimited`].
    pub async fn check_spending_lately(&self, user: &UserId, now: Timestamp) -> Result<(), Error> {
        let standing = self.standing(user, now);
        if self.has_looked(user, now) { standing.check() } else { self.look(user, now).await }
    }

    fn has_looked(&self, user: &UserId, now: Timestamp) -> bool {
        self.with(&self.spending, user, |account| now.since(account.looked_at) < LOOKS_EVERY)
    }

    async fn look(&self, user: &UserId, now: Timestamp) -> Result<(), Error> {
        let limit = &self.spending;
        let full_until = self.table.full_until(user, limit.name).await?;
        self.with(limit, user, |account| {
            account.looked_at = now;
            account.full_until = full_until.unwrap_or(Timestamp::EPOCH);
            account.wait(limit, now).map_or(Ok(()), |wait| Err(rate_limited(wait)))
        })
    }

    /// Refuses a user whatever they do until this time, wherever what they cost is looked at: at once when they connect, and by
    /// HTTP within [`LOOKS_EVERY`]. 1 write.
    ///
    /// # Errors
    /// [`Error::Internal`] if the table fails.
    pub async fn bar(&self, user: &UserId, until: Timestamp) -> Result<(), Error> {
        let full_until = until + self.spending.burst;
        self.table.fill_until(user, self.spending.name, (full_until, until)).await
    }

    /// The name of the account by which a user is [barred](Self::bar).
    pub const fn bar_account(&self) -> &'static str {
        self.spending.name
    }

    /// Charges a user for what was done for them, in dollars. The amount may exceed what they may cost, in which case
    /// their next request is refused. This takes no call for a small amount, else 1 write for many charges, which the
    /// user pays for too. The work is done already, so a failure to charge for it is only logged.
    pub async fn charge(&self, user: &UserId, dollars: f64, now: Timestamp) {
        let limit = &self.spending;
        let step = self.with(limit, user, |account| account.put(limit, limit.time(dollars), now));
        if let Step::Settle(amount) = step
            && let Err(error) = self.settle(limit, user, amount + limit.time(price::WRITE_UNIT), now).await
        {
            tracing::error!(%user, %error, "charging a user failed");
        }
    }

    /// Adds an amount to a user's bucket in the table: 1 or 2 writes. Returns how long they have to wait, if at all.
    async fn settle(
        &self,
        limit: &Limit,
        user: &UserId,
        amount: Duration,
        now: Timestamp,
    ) -> Result<Option<Duration>, Error> {
        let known = self.with(limit, user, |account| account.full_until);
        let full_until = self.table.fill(user, limit.name, amount, known, now).await?;
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

/// The refusal of a user who has to wait: at least 1 ms.
pub(crate) fn rate_limited(wait: Duration) -> Error {
    Error::RateLimited { retry_after_ms: u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_accounts_of_a_process_are_bounded() {
        let mut accounts = Accounts::new();
        for n in 0..=USERS_MAX {
            account(&mut accounts, &SENDS, &format!("user_{n}").parse().unwrap());
        }
        assert!(accounts.len() <= USERS_MAX);
    }
}
