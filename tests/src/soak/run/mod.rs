//! The order of a run: it starts a stack of its own, gathers the devices, then come the storm, the quiet until all devices agree,
//! the roll call, and the audit.

mod gather;
mod settle;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval};

use self::settle::last_look;
use super::audit::Findings;
use super::chaos::{self, Damage};
use super::issuer::Issuer;
use super::listener::Listener;
use super::manager::Manager;
use super::moderator::Moderator;
use super::part::Part;
use super::plan::Plan;
use super::publisher::Publisher;
use super::record::{Act, DeviceRecord, Record, Standing};
use super::worker::Workers;
use super::world::World;
use super::{Phase, Report, verify};
use crate::Stack;

/// The pause between two checks of the devices' state.
const LOOK: Duration = Duration::from_millis(200);
/// The pause between two lines of progress.
const PROGRESS: Duration = Duration::from_secs(5);
/// The lease of connections in a run: short, so that ghosts are removed soon. Clients learn it, and ping every 4 to 5 s.
const LEASE_SECONDS: u64 = 10;
/// How long a call rings in a run, and the interval at which calls are checked.
const RING_SECONDS: u64 = 6;
const CALL_CHECK_SECONDS: u64 = 4;
/// After this time a queue delivers again what a killed function had received. No function takes that long.
const VISIBILITY_SECONDS: u64 = 10;

/// A running device, as the run sees it.
struct Handle {
    user: String,
    standing: Arc<Mutex<Standing>>,
    vanish: watch::Sender<bool>,
    vanishes_after: Option<f64>,
}

/// The running stack, its devices, and their workers.
struct Running {
    stack: Arc<Stack>,
    world: Arc<World>,
    plan: Arc<Plan>,
    issuer: Arc<Issuer>,
    listener: Option<Arc<Listener>>,
    phase: watch::Sender<Phase>,
    handles: Vec<Handle>,
    devices: JoinSet<DeviceRecord>,
    workers: Workers,
}

/// Runs a plan on a stack of its own. `None` if the tests run against a stack that they did not start.
pub async fn run(plan: &Plan) -> Result<Option<Report>> {
    let issuer = Arc::new(Issuer::new());
    let lease = format!("LeaseSeconds={LEASE_SECONDS}");
    let visibility = format!("{VISIBILITY_SECONDS}s");
    let data = DataFolder::new()?;
    let mut options = vec!["--parameter", &lease, "--visibility-max", &visibility, "--data", data.path()];
    let [ring, look] = [("RingSeconds", RING_SECONDS), ("CallCheckSeconds", CALL_CHECK_SECONDS)]
        .map(|(name, seconds)| format!("{name}={seconds}"));
    options.extend(["--parameter", &ring, "--parameter", &look]);
    let issuers = issuer.options();
    options.extend(issuers.iter().map(String::as_str));
    let listener = if plan.has(Part::ChatEvents) { Some(Arc::new(Listener::start().await?)) } else { None };
    let told = listener.as_ref().map(|listener| listener.options()).unwrap_or_default();
    options.extend(told.iter().map(String::as_str));
    if plan.has(Part::Search) {
        options.extend(["--parameter", "Search=on"]);
    }
    let Some(stack) = Stack::private(&options)? else { return Ok(None) };
    let stack = Arc::new(stack);
    let mut running = Running::gather(plan, Arc::clone(&stack), issuer, listener.clone()).await?;
    let Storm { mut publisher, acts, damage } = running.storm().await?;
    let mut faults = counts(&stack.faults().await?["injected"]);
    for (kind, count) in damage.counts {
        *faults.entry(kind).or_default() += count;
    }
    running.settle().await;
    publisher.roll_call().await?;
    running.hear_all(&publisher).await?;
    let world = World::clone(&running.world);
    let devices = running.end().await?;
    // After the devices have ended: in a run that did not settle, they could still hear events that an earlier look has not seen.
    let Findings { logs, latest, inboxes, searches } = last_look(&stack, &world, plan).await?;
    let reports = listener.map(|listener| listener.reports());
    let letters = stack.backend().await?.all_dead_letters().await?;
    let published = publisher.published().to_vec();
    let record =
        Record { world, devices, published, acts, logs, latest, inboxes, searches, reports, letters };
    let breaches = verify::verify(&record);
    Ok(Some(Report::new(plan, record, breaches, faults, stack.log().map(Path::to_owned))))
}

/// What is left after the storm.
struct Storm {
    publisher: Publisher,
    acts: Vec<Act>,
    damage: Damage,
}

/// The folder of a stack's data, deleted when this is dropped. It is in memory if possible, because the engine waits for the disk
/// at each write. Only the stack is killed and not the machine, so nothing is lost there.
struct DataFolder(PathBuf);

impl DataFolder {
    fn new() -> Result<Self> {
        let memory = PathBuf::from("/dev/shm");
        let folder = if memory.is_dir() { memory } else { std::env::temp_dir() };
        let path = folder.join(crate::unique("funnelcast-soak"));
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }
}

impl Drop for DataFolder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

impl Running {
    /// Turns the faults on, has everything run for the time of the storm, and turns the faults off.
    async fn storm(&mut self) -> Result<Storm> {
        let plan = Arc::clone(&self.plan);
        self.stack.set_faults(&plan.faults(0)).await?;
        self.phase.send_replace(Phase::Storm);
        let of = || (Arc::clone(&self.stack), Arc::clone(&self.world), self.phase.subscribe());
        let (stack, world, phase) = of();
        let publisher = tokio::spawn(Publisher::new(stack, world, Arc::clone(&plan)).storm(phase));
        let (stack, world, phase) = of();
        let manager = Manager::new(stack, world, Arc::clone(&self.issuer), plan.manager());
        let manager = tokio::spawn(manager.run(Arc::clone(&plan), phase));
        let (stack, world, phase) = of();
        let moderator = Moderator::new(stack, world, Arc::clone(&self.issuer), plan.moderator());
        let moderator = plan.has(Part::Moderation).then(|| tokio::spawn(moderator.run(phase)));
        let (stack, _, phase) = of();
        let chaos = chaos::run(stack, Arc::clone(&plan), self.listener.clone(), plan.chaos(), phase);
        let chaos = tokio::spawn(chaos);
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
                self.tell(begun.elapsed());
            }
        }
        self.phase.send_replace(Phase::Quiet);
        let damage = chaos.await??;
        self.stack.set_faults(&json!({})).await?;
        let mut acts = manager.await??;
        if let Some(moderator) = moderator {
            acts.extend(moderator.await??);
        }
        Ok(Storm { publisher: publisher.await??, acts, damage })
    }

    fn tell(&self, elapsed: Duration) {
        let up = self.standings().iter().filter(|standing| standing.is_up).count();
        let (seed, seconds, of) = (self.plan.seed, elapsed.as_secs(), self.plan.storm.as_secs());
        eprintln!("seed {seed}: {seconds} of {of} s, {up} of {} devices up", self.handles.len());
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
        let standings = self.standings();
        let owners = self.handles.iter().map(|handle| handle.user.as_str());
        verify::all_see_each_other(&owners.zip(&standings).collect::<Vec<_>>())
    }
}

/// The numbers in an object, by their names.
pub(super) fn counts(value: &Value) -> BTreeMap<String, u64> {
    let fields = value.as_object().into_iter().flatten();
    fields.filter_map(|(name, count)| Some((name.clone(), count.as_u64()?))).collect()
}
