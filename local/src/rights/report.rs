//! `rights`: what many stacks together have used of the template's rights, and what they were denied.

use std::{collections::BTreeMap, fs};

use anyhow::{Context as _, ensure};

use super::{Denied, Line, Right, all};
use crate::{
    cli::RightsOptions,
    template::{Endpoints, Stack},
};

/// Prints each right that nobody used, and each call that was denied. Fails where there is one.
pub(crate) fn run(options: &RightsOptions) -> anyhow::Result<()> {
    let anywhere = Endpoints { aws: "http://127.0.0.1".to_owned(), http: "http://127.0.0.1".to_owned() };
    let stack = Stack::load(&options.template, &BTreeMap::new(), &anywhere)?;
    let log = fs::read_to_string(&options.log).with_context(|| options.log.display().to_string())?;
    let Log { used, denied } = log.parse()?;
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
        println!("denied, by {stacks} stacks: {function} wants {action} on {resource}");
    }
    println!("{} rights, {} never used; {} denied", rights.len(), unused.len(), denied.len());
    ensure!(unused.is_empty() && denied.is_empty(), "the template's policies are not what the code needs");
    Ok(())
}

/// How many stacks have used what, and were denied what.
#[derive(Default)]
struct Log {
    used: BTreeMap<Right, u64>,
    denied: BTreeMap<Denied, u64>,
}

impl std::str::FromStr for Log {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let mut log = Self::default();
        for (index, line) in text.lines().enumerate() {
            let line = serde_json::from_str(line).with_context(|| format!("line {}", index + 1))?;
            *match line {
                Line::Used(right) => log.used.entry(right).or_default(),
                Line::Denied(denied) => log.denied.entry(denied).or_default(),
            } += 1;
        }
        Ok(log)
    }
}
