//! The start of a run: its conversations, and its devices in groups.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Result, bail};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval};

use super::{Handle, LOOK, Running};
use crate::Stack;
use crate::soak::device::{self, Surroundings};
use crate::soak::issuer::Issuer;
use crate::soak::listener::Listener;
use crate::soak::part::Part;
use crate::soak::plan::{Device, Plan};
use crate::soak::record::Standing;
use crate::soak::settings::{Clock, Settings};
use crate::soak::worker::Workers;
use crate::soak::world::Right;
use crate::soak::{Phase, manager};

/// How long the devices of a run may take to connect and join, while every function starts for the first time.
const GATHERING_MAX: Duration = Duration::from_mins(4);
/// How many devices start at once. Each join is told to the members who are already there.
const WAVE: usize = 12;
/// The factor by which a client's schedules, such as rotations, run faster than usual. Devices that only listen are many, and
/// have a factor of their own.
const PACE: f64 = 8.0;
const PACE_OF_THE_CROWD: f64 = 6.0;
/// The lifetime of tokens that expire on their connection.
const SHORT_TOKEN_SECONDS: u64 = 25;
/// The lifetime of tokens that are replaced a minute before they expire: at the client's faster pace, after 12 s.
const ROTATED_TOKEN_SECONDS: u64 = 156;

impl Running {
    /// Creates the conversations and starts the devices. Returns when all are connected and have joined their channels.
    pub(super) async fn gather(
        plan: &Plan,
        stack: Arc<Stack>,
        issuer: Arc<Issuer>,
        listener: Option<Arc<Listener>>,
    ) -> Result<Self> {
        let (world, plan) = (Arc::new(plan.world()), Arc::new(plan.clone()));
        for talk in &world.conversations {
            manager::open(&stack, talk).await?;
        }
        let (phase, _) = watch::channel(Phase::Gathering);
        let (handles, devices, workers) = (Vec::new(), JoinSet::new(), Workers::new()?);
        let mut running = Self { stack, world, plan, issuer, listener, phase, handles, devices, workers };
        let deadline = Instant::now() + GATHERING_MAX;
        let mut looks = interval(LOOK);
        for (index, device) in running.plan.devices().into_iter().enumerate() {
            running.add(device)?;
            let is_full = (index + 1) % WAVE == 0 || index + 1 == running.plan.devices().len();
            while is_full && !running.all_settled() {
                looks.tick().await;
                if let Some(ended) = running.devices.try_join_next() {
                    bail!("a device has ended before the run: {:?}", ended?.entries.last());
                }
                if Instant::now() > deadline {
                    let standings = running.standings();
                    bail!("not all have connected and joined within {GATHERING_MAX:?}: {standings:#?}");
                }
            }
        }
        Ok(running)
    }

    fn add(&mut self, device: Device) -> Result<()> {
        let person = self.world.people[device.owner].clone();
        let user = person.id.clone();
        let mut channels = self.world.channels_of(&person);
        if !self.plan.has(Part::Grants) {
            channels.retain(|channel| self.world.right(&user, channel) != Right::Grant);
        }
        let only = |right: Right| {
            let found = channels.iter().filter(|channel| self.world.right(&user, channel) == right);
            found.cloned().collect::<Vec<_>>()
        };
        let now = Instant::now();
        let short = if device.rotates { ROTATED_TOKEN_SECONDS } else { SHORT_TOKEN_SECONDS };
        let line = self.workers.client(&device.name)?;
        let settings = Settings {
            device: device.name,
            issuer: Arc::clone(&self.issuer),
            short_tokens: device.has_short_tokens.then_some(short),
            rotates: device.rotates,
            by_ticket: device.by_ticket,
            has_calls: self.plan.has(Part::Calls) && !person.is_crowd,
            by_grant: only(Right::Grant),
            for_a_time: only(Right::Participation),
            channels: channels.clone(),
            seed: device.seed,
            pace: if person.is_crowd { PACE_OF_THE_CROWD } else { PACE },
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
        self.devices.spawn(device::run(settings, line, device.random, around));
        Ok(())
    }
}
