//! Posts: our poster beside a bare pool, the SDK, and the SDK without a bound, all against the same gateway, which counts.
//!
//! Each poster runs in a process of its own. Within a cell, posters take turns.

pub(crate) mod client;

use std::{process::Stdio, time::Duration};

use ::tests::gateway::{Bursts, DEAD, Gateway, Manner, Seen};
use anyhow::{Context as _, Result, ensure};
use serde::Serialize;
use tokio::{process::Command, time::timeout};

pub(crate) use self::client::{Post, Poster, Took};
use crate::turns::{in_turns, median};

/// All posters that are measured.
pub(crate) const POSTERS: [Poster; 4] = [Poster::Ours, Poster::Hyper, Poster::Sdk, Poster::Unbounded];
/// One in this many members is dead, which is 1%.
pub(crate) const DEAD_EVERY: usize = 100;
/// Of 1,000 requests in a row, 100 are throttled.
const BURSTS: Bursts = Bursts { every: 1_000, length: 100 };
/// How long a poster's process may take.
const TIME_MAX: Duration = Duration::from_secs(90);
/// The posts of a turn, at least; in a small channel they take several rounds, because two posts are too few to measure.
const POSTS_MIN: usize = 2_000;
/// How long the rounds of a turn may wait for delays, at most, though one round is always made.
const WAIT_MAX: Duration = Duration::from_secs(1);

/// A channel that is posted to, and how the gateway answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Cell {
    /// Members of the channel.
    pub(crate) members: usize,
    /// How long each answer takes.
    pub(crate) delay_ms: u64,
    /// Whether 1% of the members are dead.
    pub(crate) dead: bool,
    /// Whether 10% of the requests are throttled, in bursts.
    pub(crate) bursts: bool,
}

/// The figures of a poster in a cell.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Run {
    #[serde(flatten)]
    pub(crate) cell: Cell,
    pub(crate) poster: Poster,
    /// How often the channel was posted to, in each turn.
    pub(crate) rounds: usize,
    /// CPU time for each post, with that of the kernel.
    pub(crate) cpu_us_a_post: f64,
    /// The time of one round.
    pub(crate) wall_ms: f64,
    pub(crate) memory_bytes: u64,
    pub(crate) sockets: u64,
    pub(crate) in_flight_most: u64,
    /// The share of the frames for living members that they have received.
    pub(crate) delivered: f64,
    /// Members that have received more frames than they should.
    pub(crate) repeated: usize,
}

/// One turn of a poster.
struct Turn {
    took: Took,
    seen: Seen,
    delivered: f64,
    repeated: usize,
}

impl Cell {
    /// The rounds of one turn.
    pub(crate) fn rounds(self) -> usize {
        let enough = POSTS_MIN.div_ceil(self.members);
        match u64::try_from(WAIT_MAX.as_millis()).unwrap_or(u64::MAX).checked_div(self.delay_ms) {
            Some(rounds) => enough.min(usize::try_from(rounds).unwrap_or(usize::MAX)).max(1),
            None => enough,
        }
    }

    fn dead_every(self) -> usize {
        if self.dead { DEAD_EVERY } else { 0 }
    }
}

/// The ids of a channel's members, in the form of API Gateway's. Those of dead members contain [`DEAD`].
pub(crate) fn members(count: usize, dead_every: usize) -> Vec<String> {
    (1..=count)
        .map(|number| match number.checked_rem(dead_every) {
            Some(0) => format!("dXaZ{DEAD}{number:05}="),
            _ => format!("dXaZ1cKqoA{number:05}="),
        })
        .collect()
}

/// Measures all posters in a cell.
pub(crate) async fn measure(cell: Cell, turns: usize) -> Result<Vec<Run>> {
    let taken =
        in_turns(&POSTERS, turns, async |poster| take_turn(cell, *poster, cell.rounds()).await).await?;
    Ok(POSTERS.into_iter().zip(taken).map(|(poster, turns)| summary(cell, poster, &turns)).collect())
}

async fn take_turn(cell: Cell, poster: Poster, rounds: usize) -> Result<Turn> {
    let bursts = cell.bursts.then_some(BURSTS);
    let gateway = Gateway::start(Manner { delay: Duration::from_millis(cell.delay_ms), bursts }).await?;
    let took = run(cell, poster, rounds, gateway.url(), &[]).await?;
    let living = members(cell.members, cell.dead_every()).into_iter().filter(|id| !id.contains(DEAD));
    let (mut expected, mut delivered, mut repeated) = (0, 0, 0);
    for id in living {
        let frames = gateway.frames(&id).len();
        expected += rounds;
        delivered += frames.min(rounds);
        repeated += usize::from(frames > rounds);
    }
    Ok(Turn { took, seen: gateway.seen(), delivered: ratio(delivered, expected), repeated })
}

/// Runs a poster in a process of its own.
pub(crate) async fn run(
    cell: Cell,
    poster: Poster,
    rounds: usize,
    url: &str,
    options: &[&str],
) -> Result<Took> {
    let mut command = Command::new(std::env::current_exe()?);
    prepare(&mut command, cell, poster, rounds, url);
    let output = timeout(TIME_MAX, command.args(options).output())
        .await
        .with_context(|| format!("{poster:?} in {cell:?}: not done within {TIME_MAX:?}"))??;
    ensure!(output.status.success(), "{poster:?} in {cell:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).with_context(|| format!("{poster:?} in {cell:?}"))
}

/// The arguments and the environment of a poster's process.
pub(crate) fn prepare(command: &mut Command, cell: Cell, poster: Poster, rounds: usize, url: &str) {
    let name = format!("{poster:?}").to_lowercase();
    command.args(["post", "--poster", &name, "--url", url]);
    command.args(["--members", &cell.members.to_string(), "--dead-every", &cell.dead_every().to_string()]);
    command.args(["--rounds", &rounds.to_string()]);
    command.env_clear().envs(crate::AWS_ENVIRONMENT).env("AWS_SESSION_TOKEN", session_token());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
}

/// A session token as long as that of Lambda's credentials, which every request has.
pub(crate) fn session_token() -> String {
    "t".repeat(1_000)
}

fn summary(cell: Cell, poster: Poster, turns: &[Turn]) -> Run {
    let rounds = cell.rounds();
    let posts = count(cell.members * rounds);
    Run {
        cell,
        poster,
        rounds,
        cpu_us_a_post: median(turns.iter().map(|turn| turn.took.cpu.as_secs_f64() * 1e6 / posts)),
        wall_ms: median(turns.iter().map(|turn| turn.took.wall.as_secs_f64() * 1e3 / count(rounds))),
        memory_bytes: turns.iter().map(|turn| turn.took.memory_bytes).max().unwrap_or_default(),
        sockets: turns.iter().map(|turn| turn.seen.sockets).max().unwrap_or_default(),
        in_flight_most: turns.iter().map(|turn| turn.seen.in_flight_most).max().unwrap_or_default(),
        delivered: turns.iter().map(|turn| turn.delivered).fold(1.0, f64::min),
        repeated: turns.iter().map(|turn| turn.repeated).max().unwrap_or_default(),
    }
}

fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 1.0 } else { count(part) / count(whole) }
}

/// A count as a number for calculations.
#[expect(clippy::cast_precision_loss, reason = "counts here are far below 2^52")]
pub(crate) fn count(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(members: usize, delay_ms: u64) -> Cell {
        Cell { members, delay_ms, dead: false, bursts: false }
    }

    #[test]
    fn a_turn_has_enough_posts_and_does_not_wait_for_ever() {
        assert_eq!(cell(2, 0).rounds(), 1_000);
        assert_eq!(cell(2, 10).rounds(), 100);
        assert_eq!(cell(1_000, 10).rounds(), 2);
        assert_eq!(cell(10_000, 0).rounds(), 1);
    }

    #[test]
    fn one_in_a_hundred_is_dead_where_any_are() {
        let dead = |every| members(1_000, every).iter().filter(|id| id.contains(DEAD)).count();
        assert_eq!((dead(0), dead(DEAD_EVERY)), (0, 10));
    }
}
