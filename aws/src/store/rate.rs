//! How fast a user may do what others hear of (send, ack, come to where members see each other), and what costs us more
//! than him (tickets, questions to Whop), over all of his connections: so much in each window of time.
//!
//! Whoever does it as people do never costs a write: each process of the function lets the first few of a window pass
//! by its own count. Only who needs more than that is counted in the table, and that count is exact; so the most that
//! a user can ever get through is [`Limit::counted_max`] a window, and [`Limit::uncounted_max`] a process beside it.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use funnelcast_core::{Error, Timestamp, UserId};

use super::{Store, failed, key};

/// The window.
pub const WINDOW: Duration = Duration::from_secs(10);
/// What is limited, and how.
#[derive(Debug)]
pub struct Limit {
    /// What it counts, as the table calls it.
    pub name: &'static str,
    /// The deeds of a user in one window that the table counts, at most.
    pub counted_max: u32,
    /// Those that a process lets pass by its own count.
    pub uncounted_max: u32,
}

/// What others hear of: 10 a second.
pub const SENDS: Limit = Limit { name: "sends", counted_max: 100, uncounted_max: 10 };
/// Tickets: a client takes one for each connection, and pauses between two that fail.
pub const TICKETS: Limit = Limit { name: "tickets", counted_max: 20, uncounted_max: 5 };
/// Requests to Whop, which takes 600 a minute from all users together: so each of them is counted.
pub const QUESTIONS: Limit = Limit { name: "questions", counted_max: 10, uncounted_max: 0 };
/// The users that a process remembers: of more in one window it forgets all, which lets some deeds pass uncounted.
const USERS_MAX: usize = 10_000;

/// What a process knows of the present window.
#[derive(Debug, Default)]
pub(super) struct Window {
    number: i64,
    users: HashMap<(&'static str, UserId), Deeds>,
}

/// A user's deeds of one kind in the window.
#[derive(Debug, Clone, Copy)]
enum Deeds {
    /// So many passed by this process's own count.
    Uncounted(u32),
    /// The table has said that it is enough.
    Refused,
}

/// What a process's own count says of a deed.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Pass,
    AskTheTable,
    Refuse,
}

impl Window {
    fn admit(&mut self, limit: &Limit, user: &UserId, number: i64) -> Verdict {
        if self.number != number || self.users.len() >= USERS_MAX {
            self.number = number;
            self.users.clear();
        }
        match self.users.entry((limit.name, user.clone())).or_insert(Deeds::Uncounted(0)) {
            Deeds::Refused => Verdict::Refuse,
            Deeds::Uncounted(deeds) if *deeds >= limit.uncounted_max => Verdict::AskTheTable,
            Deeds::Uncounted(deeds) => {
                *deeds += 1;
                Verdict::Pass
            }
        }
    }
}

impl Store {
    /// Lets a user do it once more, or says when he may: no call as long as he does it seldom, else 1 write.
    ///
    /// # Errors
    /// [`Error::RateLimited`] until the window ends.
    pub async fn admit(&self, limit: &Limit, user: &UserId, now: Timestamp) -> Result<(), Error> {
        let window_millis = i64::try_from(WINDOW.as_millis()).unwrap_or(i64::MAX);
        let number = now.as_millis().div_euclid(window_millis);
        let left_millis = window_millis - now.as_millis().rem_euclid(window_millis);
        let refusal = Error::RateLimited { retry_after_ms: left_millis.unsigned_abs() };
        match self.window(|window| window.admit(limit, user, number)) {
            Verdict::Pass => return Ok(()),
            Verdict::Refuse => return Err(refusal),
            Verdict::AskTheTable => {}
        }
        if self.count(limit, user, number, now).await? <= limit.counted_max {
            return Ok(());
        }
        tracing::warn!(%user, what = limit.name, "too fast");
        self.window(|window| window.users.insert((limit.name, user.clone()), Deeds::Refused));
        Err(refusal)
    }

    fn window<T>(&self, look: impl FnOnce(&mut Window) -> T) -> T {
        // A window is never left half changed, so one whose user panicked is as good as before.
        look(&mut self.rates.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn count(&self, limit: &Limit, user: &UserId, number: i64, now: Timestamp) -> Result<u32, Error> {
        let update = self
            .update(key::rate(user), number.to_string())
            .update_expression("SET #ttl = :ttl ADD #name :one")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_names("#name", limit.name)
            .expression_attribute_values(":ttl", AttributeValue::N((now + WINDOW * 2).as_secs().to_string()))
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
            .return_values(ReturnValue::UpdatedNew);
        let counted = update.send().await.map_err(failed("UpdateItem of a rate"))?.attributes;
        let deeds = counted.as_ref().and_then(|item| item.get(limit.name)?.as_n().ok()?.parse().ok());
        deeds.ok_or(Error::Internal("a rate has no count".into()))
    }
}

/// For a [`Store`] to hold.
pub(super) type Rates = Mutex<Window>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_few_of_each_window_pass_and_the_next_are_for_the_table_to_say() {
        let [ann, bob]: [UserId; 2] = ["ann", "bob"].map(|user| user.parse().unwrap());
        let mut window = Window::default();
        for _ in 0..SENDS.uncounted_max {
            assert_eq!(window.admit(&SENDS, &ann, 7), Verdict::Pass);
        }
        assert_eq!(window.admit(&SENDS, &ann, 7), Verdict::AskTheTable);
        assert_eq!(window.admit(&SENDS, &ann, 7), Verdict::AskTheTable);
        assert_eq!(window.admit(&SENDS, &bob, 7), Verdict::Pass, "users count for themselves");
        assert_eq!(window.admit(&TICKETS, &ann, 7), Verdict::Pass, "and so does what they do");
        window.users.insert((SENDS.name, ann.clone()), Deeds::Refused);
        assert_eq!(window.admit(&SENDS, &ann, 7), Verdict::Refuse);
        assert_eq!(window.admit(&SENDS, &ann, 8), Verdict::Pass);
    }

    #[test]
    fn what_a_process_remembers_is_bounded() {
        let mut window = Window::default();
        for n in 0..=USERS_MAX {
            window.admit(&SENDS, &format!("user_{n}").parse().unwrap(), 1);
        }
        assert!(window.users.len() <= USERS_MAX);
    }
}
