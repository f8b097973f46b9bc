//! The release binary of `broadcast`, as it is deployed: a channel of any size in the table of a local stack, an update on the
//! bus, and a gateway that counts the posts to the members. So the figures have not only the posts, but all that the function
//! does for them: the runtime API, the table's pages, signatures, and the removal of members that are gone.

use std::time::{Duration, Instant};

use ::tests::{
    Crowd, Stack,
    gateway::{Bursts, Manner},
    unique,
};
use anyhow::{Context as _, Result, ensure};
use nix::{time::ClockId, unistd::Pid};
use serde::Serialize;
use serde_json::json;

use crate::posts::count;

/// What one update to a channel costs.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Broadcast {
    pub(crate) members: usize,
    pub(crate) delay_ms: u64,
    /// Whether 10% of the posts were throttled, in bursts.
    pub(crate) bursts: bool,
    /// CPU time of all processes of `broadcast`, divided by the members.
    pub(crate) cpu_us_a_member: f64,
    /// From when the event was put on the bus to the last post.
    pub(crate) wall_ms: f64,
    /// The most memory that a process of `broadcast` has ever had.
    pub(crate) memory_bytes: u64,
    pub(crate) sockets_most: u64,
    /// The share of the living members that received the update.
    pub(crate) delivered: f64,
    /// Members that received it more than once.
    pub(crate) repeated: usize,
}

/// Measures updates to channels of these sizes, each on a stack that two updates to a few members have warmed up.
pub(crate) async fn measure(sizes: &[usize], delay_ms: u64, bursts: bool) -> Result<Vec<Broadcast>> {
    let mut measured = Vec::new();
    for members in sizes.iter().copied() {
        let manner = Manner {
            delay: Duration::from_millis(delay_ms),
            bursts: bursts.then_some(Bursts { every: 1_000, length: 100 }),
        };
        let crowd = Crowd::behind(manner).await?;
        let stack = crate::stack(&["--parameter", &crowd.parameter(), "--quiet-functions"])?;
        for _ in 0..2 {
            update(&stack, &crowd, WARM_MEMBERS).await?;
        }
        let (used, sockets) = (cpu_time(&stack)?, crowd.gateway.seen());
        let (wall, heard) = update(&stack, &crowd, members).await?;
        ensure!(crowd.gateway.seen().requests > sockets.requests, "the gateway has seen no posts");
        measured.push(Broadcast {
            members,
            delay_ms,
            bursts,
            cpu_us_a_member: cpu_time(&stack)?.saturating_sub(used).as_secs_f64() * 1e6 / count(members),
            wall_ms: wall.as_secs_f64() * 1e3,
            memory_bytes: stack.memory_peak("broadcast")?,
            sockets_most: crowd.gateway.seen().sockets_most,
            delivered: count(heard.once + heard.more) / count(heard.once + heard.more + heard.never),
            repeated: heard.more,
        });
    }
    Ok(measured)
}

const WARM_MEMBERS: usize = 100;
/// A channel of `resource_updates` is one shard.
const SHARDS: u32 = 1;

/// Sends one update to a new channel with this many members; returns when everybody has it and dead members are removed.
async fn update(stack: &Stack, crowd: &Crowd, members: usize) -> Result<(Duration, ::tests::Heard)> {
    let company = unique("biz");
    let channel = format!("resource_updates:{company}");
    crowd.join(stack, &channel, members, SHARDS).await?;
    let update = json!({"type": "created", "resourceId": "r1", "resourceType": "product", "resourceName": "E-book",
        "companyId": company});
    let begun = Instant::now();
    stack.emit("ResourceUpdate", update).await?;
    let heard = crowd.heard(&channel, 1, members).await?;
    let last = crowd.gateway.last_at().context("a post")?;
    crowd.forgotten(stack, &channel, members, SHARDS).await?;
    Ok((last.duration_since(begun), heard))
}

/// The CPU time of all processes of `broadcast` so far. None of them ends while a stack is at work.
fn cpu_time(stack: &Stack) -> Result<Duration> {
    let mut total = Duration::ZERO;
    for process in stack.processes("broadcast")? {
        total += process_cpu_time(process)?;
    }
    Ok(total)
}

/// The CPU time that a process has used so far, to the nanosecond.
pub(crate) fn process_cpu_time(process: u32) -> Result<Duration> {
    let clock = ClockId::pid_cpu_clock_id(Pid::from_raw(process.cast_signed()))?;
    Ok(clock.now()?.into())
}
