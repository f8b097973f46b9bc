//! Faults of processes. Processes of functions are paused, as on an overloaded machine; the whole stack is killed, and started
//! again on its data; and the URL at which the backend hears of conversations is out of order.

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

/// Functions whose processes are paused.
const FUNCTIONS: [&str; 10] =
    ["join", "leave", "send", "broadcast", "access", "timers", "ping", "disconnect", "http-api", "digest"];
/// The share of faults that affect the backend's URL and not a process.
const URL: f64 = 0.15;
/// The longest pause between two faults.
const PAUSE_MS_MAX: u64 = 1_500;
/// The longest that a process is paused: less than the shortest timeout of these functions.
const STANDSTILL_MS_MAX: u64 = 2_500;

/// The faults that happened.
#[derive(Debug, Default)]
pub(super) struct Damage {
    /// How often each kind of fault happened: those that the killed stacks had injected, and those of this module.
    pub(super) counts: BTreeMap<String, u64>,
}

/// Causes faults until the storm is over. When this returns, the stack is up and no process is paused.
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

/// Has the backend's URL refuse everything for a while.
async fn be_out_of_order(listener: &Listener, random: &mut StdRng, damage: &mut Damage) -> Result<()> {
    *damage.counts.entry("url_out_of_order".to_owned()).or_default() += 1;
    listener.out_of_order()?;
    sleep(Duration::from_millis(random.random_range(100..STANDSTILL_MS_MAX))).await;
    listener.in_order()
}

/// Pauses one process of one function. If the function has no process now, nothing happens.
async fn stand_still(stack: &Stack, random: &mut StdRng, damage: &mut Damage) -> Result<()> {
    let processes = stack.processes(FUNCTIONS[random.random_range(0..FUNCTIONS.len())])?;
    let standstill = Duration::from_millis(random.random_range(100..STANDSTILL_MS_MAX));
    if processes.is_empty() {
        return Ok(());
    }
    let process = Pid::from_raw(i32::try_from(processes[random.random_range(0..processes.len())])?);
    // The process may have ended since it was listed.
    if kill(process, Signal::SIGSTOP).is_ok() {
        *damage.counts.entry("paused".to_owned()).or_default() += 1;
        sleep(standstill).await;
        kill(process, Signal::SIGCONT).ok();
    }
    Ok(())
}
