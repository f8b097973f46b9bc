//! The end of a run: it waits until the stack and the devices are as they should be, but not for ever. What is wrong after that,
//! the verifier finds in the record.

use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::time::{Instant, interval, sleep_until};

use super::{LEASE_SECONDS, LOOK, Running, VISIBILITY_SECONDS};
use crate::Stack;
use crate::soak::audit::{self, Findings};
use crate::soak::plan::{DELAY_MS_MAX, Plan};
use crate::soak::publisher::Publisher;
use crate::soak::world::World;
use crate::soak::{Phase, verify};

/// Delayed and repeated deliveries arrive within this time after the faults.
const STRAGGLERS: Duration = Duration::from_millis(2 * DELAY_MS_MAX + 1_000);
/// The grace: within this time a user whose connection was lost may come back unnoticed.
const GRACE_SECONDS: u64 = 10;
/// How long after the faults everything must be right, on a machine that does nothing else: a ghost's lease and its grace, each
/// with a retry of the queue.
const MENDING_SECONDS: u64 = LEASE_SECONDS + VISIBILITY_SECONDS + GRACE_SECONDS + VISIBILITY_SECONDS;
/// The same on a busy machine.
const QUIET_MAX: Duration = Duration::from_secs(3 * MENDING_SECONDS);
/// How long after the roll call everything must have been heard: several times as long as a queue takes to deliver again what a
/// function had not finished.
const ROLL_CALL_MAX: Duration = Duration::from_secs(4 * VISIBILITY_SECONDS);
/// How long there must be nothing left to wait for before an audit.
const CALM: Duration = Duration::from_secs(2);
/// How often the last audit is tried before the run is given up.
const LAST_LOOKS_MAX: usize = 5;

impl Running {
    /// Waits until all devices are settled and see who is present and nobody else, and at least until departed connections would
    /// have been removed. But not for ever: what is wrong after that, the verifier finds in the record.
    pub(super) async fn settle(&self) {
        let quiet_since = Instant::now();
        sleep_until(quiet_since + STRAGGLERS + Duration::from_secs(GRACE_SECONDS)).await;
        let mut looks = interval(LOOK);
        while !self.all_settled() || !self.all_see_each_other() {
            looks.tick().await;
            if quiet_since.elapsed() > QUIET_MAX {
                break;
            }
        }
        self.phase.send_replace(Phase::RollCall);
    }

    /// Waits, at most for [`ROLL_CALL_MAX`], until every device was posted everything, and the backend's events are where they
    /// belong.
    pub(super) async fn hear_all(&self, publisher: &Publisher) -> Result<()> {
        let called_at = Instant::now();
        let mut looks = interval(LOOK);
        sleep_until(called_at + LOOK).await;
        self.phase.send_replace(Phase::Still);
        // Members are told of each auditor, so an audit waits until there is nothing else that they wait for.
        let mut all_settled_at = None;
        while called_at.elapsed() < ROLL_CALL_MAX {
            looks.tick().await;
            let standings = self.standings();
            let is_posted = standings.iter().all(|standing| standing.unposted.is_empty());
            if !(is_posted && self.all_settled() && self.all_see_each_other()) {
                all_settled_at = None;
                continue;
            }
            if all_settled_at.get_or_insert(Instant::now()).elapsed() < CALM {
                continue;
            }
            let found = match audit::look(&self.stack, &self.world, &self.plan).await {
                Ok(found) => found,
                Err(error) => {
                    eprintln!("an audit failed, and is tried again: {error:#}");
                    continue;
                }
            };
            let letters = self.stack.backend().await?.all_dead_letters().await?;
            if verify::all_heard(&self.standings(), &found.logs)
                && verify::all_published(publisher.published(), &found.logs, &letters)
                && verify::all_listed(&found.inboxes, &found.logs)
                && verify::all_found(&found.searches, &found.logs, &self.world)
                && verify::all_over(&found.latest)
                && self.has_heard(&found)
            {
                break;
            }
            all_settled_at = None;
        }
        Ok(())
    }
}

impl Running {
    /// Whether the backend has received the chat events of everything that was found.
    fn has_heard(&self, found: &Findings) -> bool {
        let listener = self.listener.as_ref();
        listener.is_none_or(|listener| verify::all_reported(&listener.reports(), &found.logs))
    }
}

/// The audit at the end of a run. On a busy machine it may take several tries.
pub(super) async fn last_look(stack: &Stack, world: &World, plan: &Plan) -> Result<Findings> {
    let mut tries_left = LAST_LOOKS_MAX;
    loop {
        tries_left -= 1;
        match audit::look(stack, world, plan).await {
            Err(error) if tries_left > 0 => eprintln!("the last audit failed, and is tried again: {error:#}"),
            looked => return looked.context("the last audit failed"),
        }
    }
}
