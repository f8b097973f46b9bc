//! `cost`: what each operation costs on AWS and how long it takes, for a channel of any size, before anything is sent.
//!
//! What an operation uses is counted, not guessed: `operations.yaml` is held against what the black-box suite's budgets
//! measure. Prices are in one dated file, `prices.yaml`, or in one that is given. What nobody can know beforehand (how long
//! a post or a call of the table takes) is an option, and said with the result.
//!
//! Never here: logs, metrics and what is stored, which are billed by the month and not by the message.

mod estimate;
mod report;

use std::{fs, path::Path};

use anyhow::Context as _;
use serde::Deserialize;

use self::estimate::{Assumptions, Estimate};
use crate::cli::Cost;

/// Of which a test makes sure that they can be read.
const PRICES: &str = include_str!("prices.yaml");
const OPERATIONS: &str = include_str!("operations.yaml");

/// What AWS asks for, in dollars, and what it lets through.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Prices {
    region: String,
    as_of: String,
    websocket_million_messages: f64,
    websocket_million_minutes: f64,
    dynamodb_million_writes: f64,
    dynamodb_million_reads: f64,
    lambda_million_requests: f64,
    lambda_gb_second: f64,
    eventbridge_million_events: f64,
    sqs_million_requests: f64,
    transfer_gb: f64,
    quota_requests_a_second: f64,
}

/// What was counted.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Counted {
    member_bytes: u32,
    frame_bytes: u32,
    operations: Vec<Operation>,
}

/// What one operation uses, but for what grows with the channel.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Operation {
    name: String,
    what: String,
    /// The name of the suite's budget that measures it.
    #[serde(default, rename = "budget")]
    _budget: Option<String>,
    #[serde(default)]
    frames: u32,
    #[serde(default)]
    events: u32,
    invocations: u32,
    memory_mb: u32,
    #[serde(rename = "reads")]
    _reads: u32,
    read_units: u32,
    write_units: u32,
    steps: u32,
    #[serde(default)]
    sqs: u32,
    #[serde(default)]
    minutes: u32,
    recipients: Recipients,
}

/// To whom of a channel it is posted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Recipients {
    Nobody,
    /// All but the connection that it comes from.
    Others,
    All,
}

/// Prints the estimates that were asked for.
pub(crate) fn run(options: &Cost) -> anyhow::Result<()> {
    let prices = match &options.prices {
        Some(file) => read(file)?,
        None => PRICES.to_owned(),
    };
    let prices: Prices = serde_yaml_ng::from_str(&prices).context("the prices")?;
    let counted: Counted = serde_yaml_ng::from_str(OPERATIONS).context("the operations")?;
    let assumptions = Assumptions {
        post_ms: options.post_ms,
        table_ms: options.table_ms,
        member_bytes: counted.member_bytes.into(),
        frame_bytes: options.frame_bytes.unwrap_or(counted.frame_bytes).into(),
    };
    let chosen: Vec<&Operation> = match &options.operation {
        None => counted.operations.iter().collect(),
        Some(name) => {
            vec![counted.operations.iter().find(|known| known.name == *name).with_context(|| {
                let names: Vec<&str> = counted.operations.iter().map(|known| known.name.as_str()).collect();
                format!("there is no operation {name:?}; there are {}", names.join(", "))
            })?]
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
