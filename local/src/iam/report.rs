//! The command `rights`: which rights of the template no stack used, and which calls were denied.

use std::{collections::BTreeMap, fs, path::PathBuf};

use anyhow::{Context as _, ensure};
use clap::Args;

use super::rights::{Denied, LogLine, Right, all};
use crate::template::{Endpoints, Stack};

/// Lists the rights of the template's functions that no stack used, and the calls that were denied.
#[derive(Debug, Args)]
pub(crate) struct RightsOptions {
    /// The file that `up --rights-log` has written.
    pub(crate) log: PathBuf,
    /// The template that grants the rights.
    #[arg(long, default_value = "template.yaml")]
    pub(crate) template: PathBuf,
    /// Also list each right that was used, and by how many stacks.
    #[arg(long)]
    pub(crate) all: bool,
}

/// Prints each right that no stack used and each call that was denied. Fails if there is any.
pub(crate) fn run(options: &RightsOptions) -> anyhow::Result<()> {
    let anywhere = Endpoints { aws: "http://127.0.0.1".to_owned(), http: "http://127.0.0.1".to_owned() };
    let stack = Stack::load(&options.template, &BTreeMap::new(), &anywhere)?;
    let log = fs::read_to_string(&options.log).with_context(|| options.log.display().to_string())?;
    let RightsLog { used, denied } = log.parse()?;
    let rights: Vec<_> = all(stack.functions.values()).collect();
    let name = |arn: &str| arn.rsplit(':').next().unwrap_or(arn).to_owned();
    if options.all {
        for (right, arn) in &rights {
            let stacks = used.get(right).copied().unwrap_or_default();
            println!("{stacks:>6} {:<20} {:<30} {}", right.function, right.action, name(arn));
        }
    }
    let unused: Vec<_> = rights.iter().filter(|(right, _)| !used.contains_key(right)).collect();
    for (Right { function, action, .. }, arn) in &unused {
        println!("never used: {function} may {action} on {}", name(arn));
    }
    for (Denied { function, action, resource }, stacks) in &denied {
        println!("denied, in {stacks} stacks: {function} called {action} on {resource}");
    }
    println!("{} rights, {} never used; {} denied", rights.len(), unused.len(), denied.len());
    ensure!(
        unused.is_empty() && denied.is_empty(),
        "the policies in the template are not what the functions need"
    );
    Ok(())
}

/// How many stacks used each right, and were denied each call.
#[derive(Default)]
struct RightsLog {
    used: BTreeMap<Right, u64>,
    denied: BTreeMap<Denied, u64>,
}

impl std::str::FromStr for RightsLog {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let mut log = Self::default();
        for (index, line) in text.lines().enumerate() {
            let line = serde_json::from_str(line).with_context(|| format!("line {}", index + 1))?;
            *match line {
                LogLine::Used(right) => log.used.entry(right).or_default(),
                LogLine::Denied(denied) => log.denied.entry(denied).or_default(),
            } += 1;
        }
        Ok(log)
    }
}
