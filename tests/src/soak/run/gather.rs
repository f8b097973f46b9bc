//! The start: conversations, and devices that come some at a time.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Result, bail};
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval};

use super::{Handle, LOOK, Running};
use crate::soak::device::{self, Surroundings};
use crate::soak::issuer::Issuer;
use crate::soak::part::Part;
use crate::soak::plan::{Device, Plan};
use crate::soak::record::Standing;
use crate::soak::session::{Clock, Session, Settings};
use crate::soak::world::Right;
use crate::soak::{Phase, manager};
use crate::{Client, Role, Stack, User};

/// How long all may take to connect and join, while every function starts for the first time.
const GATHERING_MAX: Duration = Duration::from_mins(4);
/// How many devices come at once: each tells those who are there already.
const WAVE: usize = 12;
/// Between two pings, as a rule, and of those of the crowd.
const BEAT: Duration = Duration::from_secs(3);
const BEAT_OF_THE_CROWD: Duration = Duration::from_secs(4);
/// How long tokens last that end within a run, and those that do not.
const SHORT_TOKEN_SECONDS: u64 = 25;
const TOKEN_SECONDS: u64 = 7_200;

impl Running {
    /// Conversations, users, devices; all connected, and joined to all that is theirs.
    pub(super) async fn gather(plan: &Plan, stack: Arc<Stack>, issuer: Arc<Issuer>) -> Result<Self> {
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
        if !self.plan.has(Part::Grants) {
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
