//! `bench`: how fast and how cheap the product is, by one command that anybody can run (`make bench`).
//!
//! It measures release binaries, and beside each figure of ours the baseline to compare it with, in turns, in the same run. A
//! figure in microseconds says something about one machine at one moment; a ratio says something about the code.
//!
//! # Layout
//! - `posts`: our poster beside hyper-util's pool and the SDK, bounded and unbounded
//! - `broadcast`: an update to a channel of any size, by the binary that is deployed
//! - `start`: a function from exec to the first poll and the first answer, and the sizes of the binaries
//! - `chat`: end to end through a local stack
//! - `publishing`: the app's backend publishes by the HTTP API, beside the bus
//! - `files`: what a picture in a conversation costs, counted, beside what `funnelcast cost` says
//! - `count`: allocations and instructions of a post
//! - `pieces`: what a `send` consists of, by Criterion; it is `benches/pieces.rs`
//! - `turns`: contestants measured in turns, so that they can be compared
//! - `report`: the goals, the tables, the JSON, the chart; `machine`: what was measured, and where
//!
//! Nothing here is a test. What must hold is counted, and tested elsewhere; what is timed is only reported.

mod broadcast;
mod chat;
mod count;
mod files;
mod machine;
mod pieces;
mod posts;
mod publishing;
mod report;
mod start;
mod turns;

use std::path::{Path, PathBuf};

use ::tests::Stack;
use anyhow::{Context as _, Result, ensure};
use clap::{Parser, Subcommand, ValueEnum};

use crate::{machine::Machine, posts::Cell, report::Report};

/// The environment of every process that makes requests to AWS.
const AWS_ENVIRONMENT: [(&str, &str); 3] =
    [("AWS_REGION", "us-east-1"), ("AWS_ACCESS_KEY_ID", "bench"), ("AWS_SECRET_ACCESS_KEY", "bench")];

/// Measures the release binaries beside their baselines; the figures go to the terminal, and as JSON and a chart to a folder.
#[derive(Debug, Parser)]
#[command(name = "bench", version)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    /// Measure every combination, with more turns of each, in half an hour. Without it, what the goals need, in four minutes.
    #[arg(long)]
    full: bool,
    /// Measure only this part; may be given more than once.
    #[arg(long)]
    only: Vec<Part>,
    /// The folder that the report is written to.
    #[arg(long, value_name = "DIR", default_value = "target/bench")]
    out: PathBuf,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Take one poster's turn, in a process of its own.
    #[command(hide = true)]
    Post(posts::Post),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    Posts,
    Broadcast,
    Start,
    Chat,
    Publishing,
    Files,
    Count,
    Pieces,
}

/// How much is measured.
struct Plan {
    cells: Vec<Cell>,
    turns: usize,
    starts: usize,
    channels: &'static [usize],
    messages: usize,
    conversations: usize,
}

impl Plan {
    /// What the goals need.
    fn quick() -> Self {
        let mut cells = Vec::new();
        for delay_ms in [0, 10] {
            for members in [2, 100, 1_000, 10_000] {
                cells.push(Cell { members, delay_ms, dead: false, bursts: false });
            }
        }
        cells.extend([1_000, 10_000].map(|members| Cell { members, delay_ms: 10, dead: true, bursts: true }));
        Self { cells, turns: 3, starts: 10, channels: &[2, 50, 1_000], messages: 10, conversations: 20 }
    }

    /// Everything.
    fn full() -> Self {
        let mut cells = Vec::new();
        for delay_ms in [0, 10] {
            for (dead, bursts) in [(false, false), (true, false), (false, true), (true, true)] {
                cells.extend([2, 100, 1_000, 10_000].map(|members| Cell { members, delay_ms, dead, bursts }));
            }
        }
        Self { cells, turns: 5, starts: 40, channels: &[2, 50, 1_000], messages: 40, conversations: 40 }
    }
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    if let Some(Command::Post(post)) = cli.command {
        return posts::client::run(&post);
    }
    let is_only_counted = !cli.only.is_empty() && cli.only.iter().all(|part| *part == Part::Files);
    ensure!(
        is_only_counted || built()?.ends_with("release"),
        "unoptimised binaries cannot be measured: `make bench` builds and runs the release profile"
    );
    rlimit::increase_nofile_limit(u64::MAX)?; // for a thousand clients, and as many sockets of the stack
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let report = runtime.block_on(measure(&cli))?;
    report.write(&root().join(&cli.out))?;
    print!("{report}");
    Ok(())
}

async fn measure(cli: &Cli) -> Result<Report> {
    let plan = if cli.full { Plan::full() } else { Plan::quick() };
    let wanted = |part| cli.only.is_empty() || cli.only.contains(&part);
    let mut report = Report::new(Machine::look(), cli.full);
    if wanted(Part::Posts) {
        for cell in plan.cells {
            eprintln!("bench: posts, {cell:?}");
            report.posts.extend(posts::measure(cell, plan.turns).await?);
        }
    }
    if wanted(Part::Broadcast) {
        for (delay_ms, bursts) in [(0, false), (10, true)] {
            eprintln!("bench: broadcast, {delay_ms} ms a post, bursts of 429: {bursts}");
            report.broadcasts.extend(broadcast::measure(&[100, 1_000, 10_000], delay_ms, bursts).await?);
        }
    }
    if wanted(Part::Start) {
        eprintln!("bench: starts");
        report.starts = start::measure(plan.starts).await?;
    }
    if wanted(Part::Chat) {
        let stack = chat::stack()?;
        eprintln!("bench: throughput, {} conversations", plan.conversations);
        report.throughput = Some(chat::throughput(&stack, plan.conversations).await?);
        for members in plan.channels.iter().copied() {
            eprintln!("bench: latency, {members} members");
            report.latencies.push(chat::latency(&stack, members, plan.messages).await?);
        }
    }
    if wanted(Part::Publishing) {
        eprintln!("bench: publishing, by the bus and by HTTP");
        report.publishing = publishing::measure(plan.turns).await?;
    }
    if wanted(Part::Files) {
        eprintln!("bench: a file, counted");
        report.filed = files::measure().await?.to_vec();
    }
    if wanted(Part::Count) {
        eprintln!("bench: allocations and instructions");
        report.counted = count::measure().await?;
    }
    if wanted(Part::Pieces) {
        eprintln!("bench: the pieces of a send");
        report.pieces = pieces::measure(&root().join(&cli.out).join("criterion")).await?;
    }
    Ok(report)
}

/// The folder of this binary, which has the binaries that were built with it.
fn built() -> Result<PathBuf> {
    Ok(std::env::current_exe()?.parent().context("the folder of this binary")?.to_path_buf())
}

/// Starts a local stack of our own.
fn stack(options: &[&str]) -> Result<Stack> {
    Stack::private(options)?.context("bench starts its own stacks: FUNNELCAST_STACK must not be set")
}

/// The folder of the checkout.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
