//! The order of a run: a stack of its own, all gather, the storm, the quiet in which all must agree, the roll call, and the
//! audit.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep_until};

use super::audit::{self, Findings};
use super::chaos::{self, Damage};
use super::device::{self, Surroundings};
use super::issuer::Issuer;
use super::manager::{self, Manager};
use super::plan::{DELAY_MS_MAX, Device, Plan};
use super::publisher::Publisher;
use super::record::{Act, DeviceRecord, Record, Standing};
use super::session::{Clock, Session, Settings};
use super::world::{Right, World};
use super::{Phase, Report, verify};
use crate::{Client, Role, Stack, User};

/// How long all may take to connect and join, while every function starts for the first time.
const GATHERING_MAX: Duration = Duration::from_mins(4);
/// What was delayed or is delivered again comes within this time after the faults.
const STRAGGLERS: Duration = Duration::from_millis(2 * DELAY_MS_MAX + 1_000);
/// Between two looks at how things stand.
const LOOK: Duration = Duration::from_millis(200);
/// Between two lines that tell how far a run is.
const PROGRESS: Duration = Duration::from_secs(5);
/// A connection's lease in these runs, so that nobody waits minutes for a ghost to go.
const LEASE_SECONDS: u64 = 12;
/// What a queue had given to a function that was killed comes again after this; long enough that none is slower.
const VISIBILITY_SECONDS: u64 = 10;
/// In which who has lost his connection may come back unnoticed, as the product has it.
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
/// Between two pings, as a rule, and of those of the crowd.
const BEAT: Duration = Duration::from_secs(3);
const BEAT_OF_THE_CROWD: Duration = Duration::from_secs(4);
/// How many devices come at once: each tells those who are there already.
const WAVE: usize = 12;
/// How long tokens last that end within a run, and those that do not.
const SHORT_TOKEN_SECONDS: u64 = 25;
const TOKEN_SECONDS: u64 = 7_200;

/// A device in use, as the run sees it.
struct Handle {
    user: String,
    standing: Arc<Mutex<Standing>>,
    vanish: watch::Sender<bool>,
    vanishes_after: Option<f64>,
}

/// All that runs.
struct Running {
    stack: Arc<Stack>,
    world: Arc<World>,
    plan: Arc<Plan>,
    issuer: Arc<Issuer>,
    phase: watch::Sender<Phase>,
    handles: Vec<Handle>,
    devices: JoinSet<DeviceRecord>,
}

/// Runs a plan on a stack of its own. `None` where the tests run against a stack that they did not start.
pub async fn run(plan: &Plan) -> Result<Option<Report>> {
    let issuer = Arc::new(Issuer::new());
    let lease = format!("LeaseSeconds={LEASE_SECONDS}");
    let visibility = format!("{VISIBILITY_SECONDS}s");
    let data = DataFolder::new()?;
    let mut options = vec!["--parameter", &lease, "--visibility-max", &visibility, "--data", data.path()];
    let issuers = issuer.options();
    options.extend(issuers.iter().map(String::as_str));
    let Some(stack) = Stack::private(&options)? else { return Ok(None) };
    let stack = Arc::new(stack);
    let mut running = Running::gather(plan, Arc::clone(&stack), issuer).await?;
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
    // Not before: of a run that did not settle, somebody would still hear what this look has not seen.
    let Findings { logs, latest } = last_look(&stack, &world).await?;
    let letters = stack.backend().await?.all_dead_letters().await?;
    let published = publisher.published().to_vec();
    let record = Record { world, devices, published, acts, logs, latest, letters };
    let breaches = verify::verify(&record);
    Ok(Some(Report::new(plan, record, breaches, faults, stack.log())))
}

/// What the storm leaves behind.
struct Storm {
    publisher: Publisher,
    acts: Vec<Act>,
    damage: Damage,
}

/// Where a stack keeps its data: in memory where that can be a folder, for the engine waits for the disk at each write.
/// What is killed is the stack and not the machine, so nothing is lost there. It goes when the run does.
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
    /// Conversations, users, devices; all connected, and joined to all that is theirs.
    async fn gather(plan: &Plan, stack: Arc<Stack>, issuer: Arc<Issuer>) -> Result<Self> {
        let (world, plan) = (Arc::new(plan.world()), Arc::new(plan.clone()));
        for talk in &world.conversations {
            manager::open(&stack, talk).await?;
        }
        let takes_order = takes_order(&stack).await?;
        let (phase, _) = watch::channel(Phase::Gathering);
        let (handles, devices) = (Vec::new(), JoinSet::new());
        let mut running = Self { stack, world, plan, issuer, phase, handles, devices };
        let deadline = Instant::now() + GATHERING_MAX;
        let mut looks = interval(LOOK);
        for (index, mut device) in running.plan.devices().into_iter().enumerate() {
            device.gives_order &= takes_order;
            running.add(device);
            let is_full = (index + 1) % WAVE == 0 || index + 1 == running.plan.devices().len();
            while is_full && !running.all_settled() {
                looks.tick().await;
                if Instant::now() > deadline {
                    let standings = running.standings();
                    bail!("not all have connected and joined within {GATHERING_MAX:?}: {standings:#?}");
                }
            }
        }
        Ok(running)
    }

    fn add(&mut self, device: Device) {
        let person = self.world.people[device.owner].clone();
        let user = person.id.clone();
        let mut channels = self.world.channels_of(&person);
        if !self.plan.has(super::Part::Grants) {
            channels.retain(|channel| self.world.right(&user, channel) != Right::Grant);
        }
        let only = |right: Right| {
            let found = channels.iter().filter(|channel| self.world.right(&user, channel) == right);
            found.cloned().collect::<Vec<_>>()
        };
        let now = Instant::now();
        let settings = Settings {
            device: device.name,
            issuer: Arc::clone(&self.issuer),
            token_seconds: if device.has_short_tokens { SHORT_TOKEN_SECONDS } else { TOKEN_SECONDS },
            gives_order: device.gives_order,
            by_grant: only(Right::Grant),
            for_a_time: only(Right::Participation),
            beat: if person.is_crowd { BEAT_OF_THE_CROWD } else { BEAT },
            clock: Clock::new(now),
            person,
        };
        let standing = Arc::new(Mutex::new(Standing::default()));
        let (vanish, vanishes) = watch::channel(false);
        let around = Surroundings {
            stack: Arc::clone(&self.stack),
            world: Arc::clone(&self.world),
            plan: Arc::clone(&self.plan),
            phase: self.phase.subscribe(),
            standing: Arc::clone(&standing),
            vanishes,
        };
        self.handles.push(Handle { user, standing, vanish, vanishes_after: device.vanishes_after });
        let session = Session::new(settings, &channels, now);
        self.devices.spawn(device::run(session, device.random, around));
    }

    /// Faults on, everybody busy; then off.
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
        let (stack, _, phase) = of();
        let chaos = tokio::spawn(chaos::run(stack, Arc::clone(&plan), plan.chaos(), phase));
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
        Ok(Storm { publisher: publisher.await??, acts: manager.await??, damage })
    }

    fn tell(&self, elapsed: Duration) {
        let up = self.standings().iter().filter(|standing| standing.is_up).count();
        let (seed, seconds, of) = (self.plan.seed, elapsed.as_secs(), self.plan.storm.as_secs());
        eprintln!("seed {seed}: {seconds} of {of} s, {up} of {} devices up", self.handles.len());
    }

    /// Waits until everybody is settled and sees those who are here and nobody else, and until whoever was taken for lost
    /// would have been removed. But not for ever: what is not so in the end, the verifier finds in the record.
    async fn settle(&self) {
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
    async fn hear_all(&self, publisher: &Publisher) -> Result<()> {
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
            let found = match audit::look(&self.stack, &self.world).await {
                Ok(found) => found,
                Err(error) => {
                    eprintln!("looking again: {error:#}");
                    continue;
                }
            };
            let letters = self.stack.backend().await?.all_dead_letters().await?;
            if verify::all_heard(&self.standings(), &found.logs)
                && verify::all_published(publisher.published(), &found.logs, &letters)
            {
                break;
            }
            all_settled_at = None;
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
        let standings = self.standings();
        let owners = self.handles.iter().map(|handle| handle.user.as_str());
        verify::all_see_each_other(&owners.zip(&standings).collect::<Vec<_>>())
    }
}

/// An object of numbers.
pub(super) fn counts(value: &Value) -> BTreeMap<String, u64> {
    let fields = value.as_object().into_iter().flatten();
    fields.filter_map(|(name, count)| Some((name.clone(), count.as_u64()?))).collect()
}

/// What there is at the end; on a machine with too much to do it may take some tries.
async fn last_look(stack: &Stack, world: &World) -> Result<Findings> {
    let mut tries_left = LAST_LOOKS_MAX;
    loop {
        tries_left -= 1;
        match audit::look(stack, world).await {
            Err(error) if tries_left > 0 => eprintln!("looking once more: {error:#}"),
            looked => return looked.context("the last look"),
        }
    }
}

/// Whether the server takes the number of a join or a leave.
async fn takes_order(stack: &Stack) -> Result<bool> {
    let user = User::called("probe").and("biz_1", Role::Admin);
    let mut client: Client = stack.connect(&user).await?;
    let id = client.request("join", json!({"channel": "analytics:biz_1", "order": 1})).await?;
    let takes = client.reply(&id).await?.is_ok();
    client.close().await?;
    Ok(takes)
}
