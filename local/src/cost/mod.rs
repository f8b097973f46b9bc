//! The command `cost`: estimates what each operation costs on AWS and how long it takes, for a channel of any size; and what an app
//! costs in a month.
//!
//! What an operation uses is counted, not guessed: a test compares `operations.yaml` with what the black-box suite's
//! budgets measure. Prices are in one dated file, `prices.yaml`, or in the file of an option. What cannot be known
//! beforehand (how long a post or a call of the table takes) is an option, and printed with the result.
//!
//! What an operation stores in S3 is said by the month, beside what it costs at once. The table's storage, its backups and what is
//! there though nobody uses it are in the month of an app alone.

mod app;
mod dollars;
mod estimate;
mod figures;
mod month;
mod report;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::Args;

use self::{
    app::App,
    estimate::{Assumptions, Estimate},
    figures::{Counted, OPERATIONS, Operation, PRICES, Prices, Recipients},
    month::Bills,
};

/// Estimates what each operation costs on AWS and how long it takes, or what an app costs in a month.
#[derive(Debug, Args)]
pub(crate) struct CostOptions {
    /// The description of an app, in YAML or JSON: prints its bill for a month, by cause and by service, and what other parameters
    /// would save. docs/cost.md explains its fields.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["members", "operation"])]
    app: Option<PathBuf>,
    /// Number of members of the channel; may be repeated.
    #[arg(long, value_name = "N", default_values_t = [2, 50, 1_000, 10_000, 100_000], value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    members: Vec<u32>,
    /// Only this operation, e.g. chat, typing or update.
    #[arg(long, value_name = "NAME")]
    operation: Option<String>,
    /// How long a post to a connection takes.
    #[arg(long, value_name = "MS", default_value_t = 10.0, value_parser = milliseconds)]
    post_ms: f64,
    /// How long a call of the table takes.
    #[arg(long, value_name = "MS", default_value_t = 5.0, value_parser = milliseconds)]
    table_ms: f64,
    /// Size of a posted frame [default: the size of a chat message].
    #[arg(long, value_name = "BYTES")]
    frame_bytes: Option<u32>,
    /// A file of other prices, in the form of local/src/cost/prices.yaml.
    #[arg(long, value_name = "FILE")]
    prices: Option<PathBuf>,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
}

fn milliseconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(ms) if (0.0..=60_000.0).contains(&ms) => Ok(ms),
        _ => Err("must be a number of milliseconds from 0 to 60000".to_owned()),
    }
}

/// Prints the estimates that `options` ask for.
pub(crate) fn run(options: &CostOptions) -> anyhow::Result<()> {
    let prices = match &options.prices {
        Some(file) => read(file)?,
        None => PRICES.to_owned(),
    };
    let prices: Prices = yaml_serde::from_str(&prices).context("cannot parse the prices")?;
    let counted: Counted = yaml_serde::from_str(OPERATIONS).context("cannot parse the operations")?;
    let assumptions = Assumptions {
        post_ms: options.post_ms,
        table_ms: options.table_ms,
        member_bytes: counted.member_bytes.into(),
        frame_bytes: options.frame_bytes.unwrap_or(counted.frame_bytes).into(),
    };
    if let Some(file) = &options.app {
        let app = App::parse(&read(file)?).with_context(|| file.display().to_string())?;
        let bills = Bills { counted: &counted, prices: &prices, assumptions: &assumptions };
        let (month, savings) = (bills.month(&app)?, bills.savings(&app)?);
        if options.json {
            println!("{}", report::month_json(&app, &month, &savings, &assumptions, &prices)?);
        } else {
            print!("{}", report::month_text(&app, &month, &savings, &assumptions, &prices));
        }
        return Ok(());
    }
    let chosen: Vec<&Operation> = match &options.operation {
        None => counted.operations.iter().collect(),
        Some(name) => {
            vec![counted.operation(name)?]
        }
    };
    let mut estimates = Vec::new();
    for operation in chosen {
        let sizes = if operation.recipients == Recipients::Nobody { &[1][..] } else { &options.members[..] };
        estimates.extend(sizes.iter().map(|size| Estimate::of(operation, *size, &assumptions, &prices)));
    }
    if options.json {
        println!("{}", report::json(&estimates, &assumptions, &prices)?);
    } else {
        print!("{}", report::text(&estimates, &assumptions, &prices));
    }
    Ok(())
}

fn read(file: &Path) -> anyhow::Result<String> {
    fs::read_to_string(file).with_context(|| file.display().to_string())
}
