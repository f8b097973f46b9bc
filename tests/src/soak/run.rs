//! The order of a run: a stack of its own, all gather, the storm, the quiet in which all must agree, and the audit.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep_until};

use super::audit::{self, Findings};
use super::device::{self, Surroundings};
use super::plan::{DELAY_MS_MAX, Plan};
use super::record::{DeviceRecord, Published, Record, Standing};
use super::world::World;
use super::{Phase, Report, publisher, verify};
use crate::{Stack, User};

/// How long all may take to connect and join, while every function starts for the first time.
const GATHERING_MAX: Duration = Duration::from_mins(2);
/// What was delayed or is delivered again comes within this time after the faults.
const STRAGGLERS: Duration = Duration::from_millis(2 * DELAY_MS_MAX + 1_000);
/// Between two looks at how things stand.
const LOOK: Duration = Duration::from_millis(200);
/// Between two lines that tell how far a run is.
const PROGRESS: Duration = Duration::from_secs(5);
/// A connection's lease in these runs, so that nobody waits minutes for a ghost to go.
const LEASE_SECONDS: u64 = 6;
/// What a queue had given to a function that was killed comes again after this; long enough that none is slower.
const VISIBILITY_SECONDS: u64 = 10;
/// In which who has lost his connection may come back unnoticed, as the product has it.
const GRACE_SECONDS: u64 = 10;
/// How long after the faults everything must be as it should, on a machine with nothing else to do: a ghost's lease and
/// its grace, each with a retry of the queue.
const MENDING_SECONDS: u64 = LEASE_SECONDS + VISIBILITY_SECONDS + GRACE_SECONDS + VISIBILITY_SECONDS;
/// And on one that has much else to do.
const QUIET_MAX: Duration = Duration::from_secs(3 * MENDING_SECONDS);

/// A device in use, as the run sees it.
struct Handle {
    standing: Arc<Mutex<Standing>>,
    vanish: watch::Sender<bool>,
    vanishes_after: Option<f64>,
}

/// All that runs.
struct Running {
    stack: Arc<Stack>,
    world: Arc<World>,
    phase: watch::Sender<Phase>,
    handles: Vec<Handle>,
    devices: JoinSet<DeviceRecord>,
}

/// Runs a plan on a stack of its own. `None` where the tests run against a stack that they did not start.
pub async fn run(plan: &Plan) -> Result<Option<Report>> {
    let lease = format!("LeaseSeconds={LEASE_SECONDS}");
    let visibility = format!("{VISIBILITY_SECONDS}s");
    let options = ["--parameter", &lease, "--visibility-max", &visibility];
    let Some(stack) = Stack::private(&options)? else { return Ok(None) };
    let stack = Arc::new(stack);
    let mut running = Running::gather(plan, Arc::clone(&stack)).await?;
    let published = running.storm(plan).await?;
    let faults = stack.faults().await?;
    running.settle(&published).await?;
    let world = World::clone(&running.world);
    let devices = running.end().await?;
    // Not before: of a run that did not settle, somebody would still hear what this look has not seen.
    let Findings { logs, latest } = audit::look(&stack, &world).await.context("the last look")?;
    let letters = stack.backend().await?.all_dead_letters().await?;
    let record = Record { world, devices, published, logs, latest, letters };
    let breaches = verify::verify(&record);
    Ok(Some(Report::new(plan, record, breaches, &faults, stack.log())))
}

impl Running {
    /// Conversations, users, devices; all connected, and joined to all that is theirs.
    async fn gather(plan: &Plan, stack: Arc<Stack>) -> Result<Self> {
        let world = Arc::new(World::of(plan.users()));
        for talk in &world.conversations {
            let participants: Vec<&str> = talk.participants.iter().map(String::as_str).collect();
            stack.conversation_called(&talk.id, &talk.company, &participants).await?;
        }
        let (phase, _) = watch::channel(Phase::Gathering);
        let mut running = Self { stack, world, phase, handles: Vec::new(), devices: JoinSet::new() };
        for device in plan.devices() {
            let user: User = running.world.people[device.owner].user();
            user.token()?; // before the devices share this thread with it
            let standing = Arc::new(Mutex::new(Standing::default()));
            let (vanish, vanishes) = watch::channel(false);
            let handle =
                Handle { standing: Arc::clone(&standing), vanish, vanishes_after: device.vanishes_after };
            running.handles.push(handle);
            let around = Surroundings {
                stack: Arc::clone(&running.stack),
                world: Arc::clone(&running.world),
                phase: running.phase.subscribe(),
                standing,
                vanishes,
            };
            running.devices.spawn(device::run(device, user, around));
        }
        let deadline = Instant::now() + GATHERING_MAX;
        let mut looks = interval(LOOK);
        while !running.all_settled() {
            looks.tick().await;
            if Instant::now() > deadline {
                bail!(
                    "not all have connected and joined within {GATHERING_MAX:?}: {:#?}",
                    running.standings()
                );
            }
        }
        Ok(running)
    }

    /// Faults on, everybody busy; then off.
    async fn storm(&mut self, plan: &Plan) -> Result<Vec<Published>> {
        self.stack.set_faults(&plan.faults()).await?;
        self.phase.send_replace(Phase::Storm);
        let backend = {
            let (stack, world) = (Arc::clone(&self.stack), Arc::clone(&self.world));
            let (random, phase) = (plan.backend(), self.phase.subscribe());
            tokio::spawn(async move { publisher::run(&stack, &world, random, phase).await })
        };
        let begun = Instant::now();
        let mut looks = interval(LOOK);
        let mut told = begun;
        while begun.elapsed() < plan.storm {
            looks.tick().await;
            let part = begun.elapsed().as_secs_f64() / plan.storm.as_secs_f64();
            for handle in &self.handles {
                if handle.vanishes_after.is_some_and(|after| after <= part) {
                    handle.vanish.send_replace(true);
                }
            }
            if told.elapsed() >= PROGRESS {
                told = Instant::now();
                self.tell(plan, begun.elapsed()).await?;
            }
        }
        self.phase.send_replace(Phase::Quiet);
        self.stack.set_faults(&json!({})).await?;
        backend.await?
    }

    async fn tell(&self, plan: &Plan, elapsed: Duration) -> Result<()> {
        let faults = self.stack.faults().await?;
        let injected: u64 = counts(&faults["injected"]).values().sum();
        let up = self.standings().iter().filter(|standing| standing.is_up).count();
        let (seed, seconds, of) = (plan.seed, elapsed.as_secs(), plan.storm.as_secs());
        eprintln!(
            "seed {seed}: {seconds} of {of} s, {up} of {} devices up, {injected} faults",
            self.handles.len()
        );
        Ok(())
    }

    /// Waits until everybody is settled and sees those who are here and nobody else, then until all have heard
    /// everything and the backend's events are where they belong. But not for ever: what is not so in the end, the
    /// verifier finds in the record.
    async fn settle(&mut self, published: &[Published]) -> Result<()> {
        let quiet_since = Instant::now();
        let is_over = || quiet_since.elapsed() > QUIET_MAX;
        sleep_until(quiet_since + STRAGGLERS).await;
        let mut looks = interval(LOOK);
        while !self.all_settled() || !self.all_see_each_other() {
            looks.tick().await;
            if is_over() {
                break;
            }
        }
        self.phase.send_replace(Phase::Still);
        while !is_over() {
            looks.tick().await;
            let found = match audit::look(&self.stack, &self.world).await {
                Ok(found) => found,
                Err(error) => {
                    eprintln!("looking again: {error:#}");
                    continue;
                }
            };
            let letters = self.stack.backend().await?.all_dead_letters().await?;
            let all_is_well = self.all_settled()
                && verify::all_heard(&self.standings(), &found.logs)
                && verify::all_published(published, &found.logs, &letters);
            if all_is_well {
                break;
            }
        }
        Ok(())
    }

    async fn end(mut self) -> Result<Vec<DeviceRecord>> {
        self.phase.send_replace(Phase::Over);
        let mut records = Vec::new();
        while let Some(record) = self.devices.join_next().await {
            records.push(record?);
        }
        records.sort_by(|a, b| a.device.cmp(&b.device));
        Ok(records)
    }

    fn all_settled(&self) -> bool {
        self.standings().iter().all(|standing| standing.is_settled || standing.has_vanished)
    }

    fn standings(&self) -> Vec<Standing> {
        let standings = self.handles.iter().map(|handle| handle.standing.lock());
        standings.map(|standing| standing.unwrap_or_else(PoisonError::into_inner).clone()).collect()
    }

    fn all_see_each_other(&self) -> bool {
        let (people, standings) = (&self.world.people, self.standings());
        let owners = (0..self.handles.len()).map(|index| people[index % people.len()].id.as_str());
        verify::all_see_each_other(&owners.zip(&standings).collect::<Vec<_>>())
    }
}

/// An object of numbers.
pub(super) fn counts(value: &Value) -> BTreeMap<String, u64> {
    let fields = value.as_object().into_iter().flatten();
    fields.filter_map(|(name, count)| Some((name.clone(), count.as_u64()?))).collect()
}
