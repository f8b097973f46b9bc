//! What is wrong with a stack, from the facts alone.
//!
//! # Layout
//! - [`parameters`]: origins, issuers, secrets and the rest of what is set
//! - [`parts`]: functions, what feeds them, rules and queues
//! - [`table`]: the table
//! - [`account`]: alarms, logs and quotas

mod account;
mod parameters;
mod parts;
mod table;
#[cfg(test)]
mod tests;

use super::{
    facts::{Facts, Known},
    finding::Finding,
};

/// All that is wrong.
pub(super) fn all(facts: &Facts) -> Vec<Finding> {
    let checks: [fn(&Facts) -> Vec<Finding>; 16] = [
        parameters::configuration,
        parameters::origins,
        parameters::issuers,
        parameters::secrets,
        parameters::review,
        parameters::settings,
        parts::functions,
        parts::variables,
        parts::mappings,
        parts::rules,
        parts::queues,
        table::table,
        account::alarms,
        account::logs,
        account::concurrency,
        unread,
    ];
    checks.iter().flat_map(|check| check(facts)).collect()
}

/// What could not be read, and so was not checked. A right that is missing is a note, since it is of whoever asks; a failure may be
/// one of the stack.
fn unread(facts: &Facts) -> Vec<Finding> {
    fn refused<T>(what: &str, known: &Known<T>) -> Option<Finding> {
        match known {
            Known::Refused(why) => Some(Finding::note(
                "unread",
                format!("{what} could not be read, and was not checked: {why}"),
                "use credentials that may read it; `doctor --help` lists the rights",
            )),
            Known::Failed(why) => Some(Finding::warning(
                "unread.failed",
                format!("{what} could not be read, and was not checked: {why}"),
                "run `doctor` again; if it fails again, mend what the reason says",
            )),
            Known::Is(_) | Known::NotAsked => None,
        }
    }
    let queues = facts.queues.iter().map(|(name, queue)| refused(&format!("the queue {name}"), queue));
    let secrets =
        facts.secrets.iter().map(|((_, name), secret)| refused(&format!("the secret {name}"), secret));
    let others = [
        refused("what feeds the functions", &facts.mappings),
        refused("the concurrency of the account", &facts.concurrency),
        refused("the rules of the bus", &facts.rules),
        refused("the table", &facts.table),
        refused("whether the table can be restored", &facts.is_recoverable),
        refused("the alarms", &facts.alarms),
        refused("the log group", &facts.logs),
    ];
    queues.chain(secrets).chain(others).flatten().collect()
}
