//! The quiet: waiting until all is as it should be, but not for ever; what is not so in the end, the verifier finds in the
//! record.

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

/// What was delayed or is delivered again comes within this time after the faults.
const STRAGGLERS: Duration = Duration::from_millis(2 * DELAY_MS_MAX + 1_000);
/// Within this a user whose connection is lost may come back unnoticed, as the product has it.
const GRACE_SECONDS: u64 = 10;
/// How long after the faults everything must be as it should, on a machine with nothing else to do: a ghost's lease and
/// its grace, each with a retry of the queue.
const MENDING_SECONDS: u64 = LEASE_SECONDS + VISIBILITY_SECONDS + GRACE_SECONDS + VISIBILITY_SECONDS;
/// And on one that has much else to do.
const QUIET_MAX: Duration = Duration::from_secs(3 * MENDING_SECONDS);
/// How long after the roll call everything must have been heard: as long as a queue takes to give again what a function had
/// not finished, more than once.
const ROLL_CALL_MAX: Duration = Duration::from_secs(4 * VISIBILITY_SECONDS);
/// How long nothing may be left to wait for, before the end is looked at.
const CALM: Duration = Duration::from_secs(2);
/// How often the end is looked at before the run is given up.
const LAST_LOOKS_MAX: usize = 5;

impl Running {
    /// Waits until everybody is settled and sees those who are here and nobody else, and until whoever was taken for lost
    /// would have been removed. But not for ever: what is not so in the end, the verifier finds in the record.
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

    /// Waits until all have heard everything, by posts, and the backend's events are where they belong; for so long.
    pub(super) async fn hear_all(&self, publisher: &Publisher) -> Result<()> {
        let called_at = Instant::now();
        let mut looks = interval(LOOK);
        sleep_until(called_at + LOOK).await;
        self.phase.send_replace(Phase::Still);
        // An auditor's look costs the members some news, so it comes only when they have nothing left to wait for.
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
                    eprintln!("looking again: {error:#}");
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
    /// Whether the backend has heard of all that was found.
    fn has_heard(&self, found: &Findings) -> bool {
        let listener = self.listener.as_ref();
        listener.is_none_or(|listener| verify::all_reported(&listener.reports(), &found.logs))
    }
}

/// What there is at the end; on a machine with too much to do it may take some tries.
pub(super) async fn last_look(stack: &Stack, world: &World, plan: &Plan) -> Result<Findings> {
    let mut tries_left = LAST_LOOKS_MAX;
    loop {
        tries_left -= 1;
        match audit::look(stack, world, plan).await {
            Err(error) if tries_left > 0 => eprintln!("looking once more: {error:#}"),
            looked => return looked.context("the last look"),
        }
    }
}
