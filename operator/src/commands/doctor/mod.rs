//! The command `doctor`: what is wrong with a stack, and what to do about it.
//!
//! # Layout
//! - [`facts`]: what is known of a stack; [`gather`]: how it gets known, with all of the calls
//! - [`checks`]: what is wrong, from the facts alone
//! - [`finding`]: how that is told

mod checks;
mod facts;
mod finding;
mod gather;

use std::{cmp::Reverse, process::ExitCode};

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use self::finding::{Finding, Severity};
use crate::{
    output::{self, Output},
    stack::Place,
};

const EXIT_CODES: &str = "\
Exit codes: 0 nothing is wrong, 1 the stack could not be looked at, 2 the command line is wrong, 3 there are warnings, 4 there are
errors. Notes change nothing.

It needs the rights to read: lambda:ListFunctions, ListEventSourceMappings, GetAccountSettings; dynamodb:DescribeTable,
DescribeTimeToLive, DescribeContinuousBackups; sqs:GetQueueAttributes; events:ListRules, ListTargetsByRule;
cloudwatch:DescribeAlarms; logs:DescribeLogGroups; secretsmanager:GetSecretValue (for the length of a secret, which is all that
is kept of it); kms:Decrypt where the variables or the secrets have a key of yours. What it may not read is a note, and is not
checked; what cannot be read for another reason is a warning. A local stack has no alarms, no log group, no quota and no backups.";

/// Looks for mistakes in a stack: its parameters, issuers, origins, secrets, table, queues, rules, quotas and alarms. Changes
/// nothing.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct DoctorOptions {}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Diagnosis {
    stack: String,
    region: String,
    stage: String,
    findings: Vec<Finding>,
}

/// Looks for mistakes.
pub(crate) async fn run(place: &Place, output: Output) -> Result<ExitCode> {
    let stack = place.find().await?;
    let facts = gather::gather(&stack).await;
    let mut findings = checks::all(&facts);
    findings.sort_by_key(|finding| Reverse(finding.severity));
    let worst = findings.iter().map(|finding| finding.severity).max();
    let diagnosis = Diagnosis { stack: stack.name, region: stack.region, stage: facts.stage, findings };
    output.print(&diagnosis, text)?;
    Ok(match worst {
        None | Some(Severity::Note) => ExitCode::SUCCESS,
        Some(Severity::Warning) => ExitCode::from(3),
        Some(Severity::Error) => ExitCode::from(4),
    })
}

fn text(Diagnosis { stack, region, stage, findings }: &Diagnosis) -> String {
    let told = findings.iter().map(|Finding { severity, code, message, todo }| {
        format!("\n{}  {message}  [{code}]\n  -> {todo}\n", severity.name())
    });
    let text = format!("{stack} in {region}, stage {stage}\n") + &told.collect::<String>();
    let count = |severity: Severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let counts = [Severity::Error, Severity::Warning, Severity::Note];
    let counts = counts.map(|severity| output::count(count(severity), severity.name()));
    if findings.is_empty() { text + "nothing is wrong" } else { text + "\n" + &counts.join(", ") }
}
