//! The countable costs of a post, which are the same on every machine and at every moment: allocations, by an allocator that
//! counts, and instructions, by valgrind's callgrind where that is installed.

use ::tests::gateway::{Gateway, Manner};
use anyhow::{Context as _, Result, ensure};
use serde::Serialize;
use tokio::process::Command;

use crate::posts::{Cell, POSTERS, Poster, count, prepare, run};

const CELL: Cell = Cell { members: 1_000, delay_ms: 0, dead: false, bursts: false };
const ROUNDS: usize = 2;

/// The counted costs of one post.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Counted {
    pub(crate) poster: Poster,
    pub(crate) allocations: f64,
    pub(crate) allocated_bytes: f64,
    /// `None` where there is no valgrind.
    pub(crate) instructions: Option<f64>,
}

/// Counts for every poster but the unbounded one, which does the same as the SDK.
pub(crate) async fn measure() -> Result<Vec<Counted>> {
    let has_valgrind =
        Command::new("valgrind").arg("--version").output().await.is_ok_and(|output| output.status.success());
    if !has_valgrind {
        eprintln!("bench: valgrind is missing, so no instructions are counted (apt-get install valgrind)");
    }
    let mut counted = Vec::new();
    for poster in POSTERS.into_iter().filter(|poster| *poster != Poster::Unbounded) {
        let gateway = Gateway::start(Manner::default()).await?;
        let took = run(CELL, poster, ROUNDS, gateway.url(), &["--count"]).await?;
        let posts = count(CELL.members * ROUNDS);
        let each = |total: Option<u64>| Ok::<_, anyhow::Error>(wide(total.context("a count")?) / posts);
        counted.push(Counted {
            poster,
            allocations: each(took.allocations)?,
            allocated_bytes: each(took.allocated_bytes)?,
            instructions: if has_valgrind { Some(instructions(poster).await?) } else { None },
        });
    }
    Ok(counted)
}

/// The instructions of a post: what more rounds add to a process that otherwise does the same, divided by their posts.
async fn instructions(poster: Poster) -> Result<f64> {
    let (few, many) = (callgrind(poster, 1).await?, callgrind(poster, 1 + ROUNDS).await?);
    Ok(wide(many.saturating_sub(few)) / count(CELL.members * ROUNDS))
}

async fn callgrind(poster: Poster, rounds: usize) -> Result<u64> {
    let gateway = Gateway::start(Manner::default()).await?;
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(std::env::current_exe()?);
    prepare(&mut command, CELL, poster, rounds, gateway.url());
    let output = command.output().await?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "valgrind: {said}");
    let line = said.lines().find_map(|line| line.split_once("Collected :")).context("no callgrind count")?;
    Ok(line.1.trim().parse()?)
}

#[expect(clippy::cast_precision_loss, reason = "counts here are far below 2^52")]
fn wide(count: u64) -> f64 {
    count as f64
}
