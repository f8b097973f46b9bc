//! `soak`: runs the soak of the library, seed after seed, until a guarantee is broken, and reports what was counted.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use clap::{ArgGroup, Parser};
use tests::soak::report::Figures;
use tests::soak::{Part, Plan, run};

/// Makes random traffic from seeds while faults are injected, then checks every guarantee.
///
/// The devices run the TypeScript client of client/dist in Node, and each seed gets its own stack. Prints a table and one line of
/// JSON at the end. Exits with 1 if a guarantee was broken, and names it with the seed, the evidence and the stack's log. The
/// same seed repeats a run as closely as real processes allow.
#[derive(Debug, Parser)]
#[command(name = "soak", group(ArgGroup::new("time").multiple(false)))]
struct Options {
    /// The first seed [default: random, and shown in the output].
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// How many seeds to run, each one above the last.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// How many seconds the faults last for each seed [default: 30].
    #[arg(long, value_name = "N", group = "time")]
    seconds: Option<u64>,
    /// How many minutes the faults last, instead of --seconds.
    #[arg(long, value_name = "N", group = "time")]
    minutes: Option<u64>,
    /// How many active devices there are [default: 12]. One in four is its user's second device.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(8..=40))]
    clients: Option<u64>,
    /// How many more devices only listen, in a channel that is then so large that its messages go by the stream [default: 51].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(3..=80))]
    crowd: Option<u64>,
    /// How often the whole stack is killed and started again on its data [default: 1].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(0..=100))]
    kills: Option<u64>,
    /// Another rate for a fault, from 0 to 1, named as in `funnelcast-local up --help`; may be given more than once.
    #[arg(long, value_name = "KIND=RATE", value_parser = fault)]
    fault: Vec<(String, f64)>,
    /// No faults except those given by `--fault`. The parts that `--without` can leave out remain.
    #[arg(long)]
    no_faults: bool,
    /// A part of the run to leave out, to find out which part a breach depends on; may be given more than once.
    #[arg(long, value_name = "PART")]
    without: Vec<Part>,
    /// Go on with the next seed after a breach.
    #[arg(long)]
    keep_going: bool,
    /// Write the record of each run beside its stack's log, even if all guarantees held.
    #[arg(long)]
    keep_records: bool,
}

const SECONDS_DEFAULT: u64 = 30;

fn main() -> ExitCode {
    match soak(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("soak: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Runs the seeds. Returns whether every guarantee held.
#[tokio::main]
async fn soak(options: &Options) -> Result<bool> {
    // 32 bits, because every reader of JSON represents such a number exactly.
    let first = options.seed.unwrap_or_else(|| rand::random::<u32>().into());
    let mut figures = Figures::default();
    let mut holds = true;
    for seed in first..first + options.seeds {
        let report = run(&options.plan(seed)).await.with_context(|| format!("seed {seed}"))?;
        let report = report.context("FUNNELCAST_STACK is set: a soak needs stacks of its own")?;
        figures.add(&report.figures);
        let held = report.breaches.is_empty();
        eprintln!("{}", report.summary());
        if !held || options.keep_records {
            eprintln!("{}", report.keep()?);
        }
        holds &= held;
        if !holds && !options.keep_going {
            break;
        }
    }
    ensure!(figures.runs > 0, "no run");
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{}\n{}", figures.table(), figures.json())?;
    Ok(holds)
}

impl Options {
    fn plan(&self, seed: u64) -> Plan {
        let seconds = self.minutes.map_or(self.seconds, |minutes| Some(60 * minutes));
        let mut plan = Plan::new(seed, Duration::from_secs(seconds.unwrap_or(SECONDS_DEFAULT)));
        if let Some(clients) = self.clients {
            plan.devices = usize::try_from(clients).unwrap_or(plan.devices);
        }
        plan.crowd = self.crowd.and_then(|crowd| usize::try_from(crowd).ok()).unwrap_or(plan.crowd);
        plan.kills = self.kills.and_then(|kills| u32::try_from(kills).ok()).unwrap_or(plan.kills);
        plan.without.extend(self.without.iter().copied());
        if self.no_faults {
            plan.rates.clear();
        }
        plan.rates.extend(self.fault.iter().cloned());
        plan
    }
}

fn fault(text: &str) -> Result<(String, f64), String> {
    let (kind, rate) = text.split_once('=').ok_or("write it as KIND=RATE, e.g. gone=0.1")?;
    let rate: f64 = rate.parse().map_err(|_| "a rate is a number from 0 to 1".to_owned())?;
    if (0.0..=1.0).contains(&rate) {
        Ok((kind.to_owned(), rate))
    } else {
        Err("a rate is from 0 to 1".to_owned())
    }
}
