//! What happens to processes: those of functions stand still for a while, as a machine does that has too much to do, the
//! whole stack is killed and started again on its data, and the URL at which the backend hears is out of order.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rand::RngExt as _;
use rand::rngs::StdRng;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use super::Phase;
use super::listener::Listener;
use super::part::Part;
use super::plan::Plan;
use super::run::counts;
use crate::Stack;

/// Functions whose processes are made to stand still.
const FUNCTIONS: [&str; 10] =
    ["join", "leave", "send", "broadcast", "access", "timers", "ping", "disconnect", "http-api", "digest"];
/// The share of times at which it is the backend's URL that is out of order, and no process.
const URL: f64 = 0.15;
/// The pause between two of them, at the most.
const PAUSE_MS_MAX: u64 = 1_500;
/// How long one stands still, at the most: less than any of them may run.
const STANDSTILL_MS_MAX: u64 = 2_500;

/// What happened.
#[derive(Debug, Default)]
pub(super) struct Damage {
    /// Faults that the killed stacks had injected, by kind, and what is done here.
    pub(super) counts: BTreeMap<String, u64>,
}

/// Does it until the storm is over. When this returns, the stack is up and nothing stands still.
pub(super) async fn run(
    stack: Arc<Stack>,
    plan: Arc<Plan>,
    listener: Option<Arc<Listener>>,
    mut random: StdRng,
    mut phase: watch::Receiver<Phase>,
) -> Result<Damage> {
    let mut damage = Damage::default();
    let begun = Instant::now();
    let kills = if plan.has(Part::Kills) { plan.kills } else { 0 };
    let share = plan.storm / kills.max(1);
    let times = (0..kills).map(|kill| begun + share * kill + share.mul_f64(random.random_range(0.3..0.9)));
    let mut kills: Vec<Instant> = times.collect();
    kills.reverse();
    while *phase.borrow_and_update() == Phase::Storm {
        let never = begun + 2 * plan.storm;
        let pause = Duration::from_millis(random.random_range(100..PAUSE_MS_MAX));
        tokio::select! {
            () = sleep_until(kills.last().copied().unwrap_or(never)) => {
                kills.pop();
                restart(&stack, &plan, &mut damage).await?;
            }
            () = sleep(pause), if plan.has(Part::Pauses) => match &listener {
                Some(listener) if random.random_bool(URL) => {
                    be_out_of_order(listener, &mut random, &mut damage).await?;
                }
                _ => stand_still(&stack, &mut random, &mut damage).await?,
            },
            changed = phase.changed() => changed?,
        }
    }
    Ok(damage)
}

async fn restart(stack: &Arc<Stack>, plan: &Plan, damage: &mut Damage) -> Result<()> {
    for (kind, count) in counts(&stack.faults().await?["injected"]) {
        *damage.counts.entry(kind).or_default() += count;
    }
    let killed = Arc::clone(stack);
    tokio::task::spawn_blocking(move || killed.kill_and_restart()).await??;
    let round = damage.counts.entry("stack_killed".to_owned()).or_default();
    *round += 1;
    stack.set_faults(&plan.faults(*round)).await
}

/// The backend's URL takes nothing for a while.
async fn be_out_of_order(listener: &Listener, random: &mut StdRng, damage: &mut Damage) -> Result<()> {
    *damage.counts.entry("url_out_of_order".to_owned()).or_default() += 1;
    listener.out_of_order()?;
    sleep(Duration::from_millis(random.random_range(100..STANDSTILL_MS_MAX))).await;
    listener.in_order()
}

/// One process of one function. A function that has none now is left alone.
async fn stand_still(stack: &Stack, random: &mut StdRng, damage: &mut Damage) -> Result<()> {
    let processes = stack.processes(FUNCTIONS[random.random_range(0..FUNCTIONS.len())])?;
    let standstill = Duration::from_millis(random.random_range(100..STANDSTILL_MS_MAX));
    if processes.is_empty() {
        return Ok(());
    }
    let process = Pid::from_raw(i32::try_from(processes[random.random_range(0..processes.len())])?);
    // It may have ended since it was listed.
    if kill(process, Signal::SIGSTOP).is_ok() {
        *damage.counts.entry("paused".to_owned()).or_default() += 1;
        sleep(standstill).await;
        kill(process, Signal::SIGCONT).ok();
    }
    Ok(())
}
