//! What is known of a stack. Nothing here asks for anything: the checks are told all of it, and so are their tests.

use std::collections::{BTreeMap, BTreeSet};

use funnelcast_aws::account::{
    failure::Failure,
    functions::{Concurrency, Function, Mapping},
    monitoring::{Alarm, LogGroup},
    state::{QueueState, SecretState, TableState},
    triggers::Rule,
};
use funnelcast_realtime::tokens::examine::IssuerReport;

/// Something that was asked for.
#[derive(Debug, Clone)]
pub(super) enum Known<T> {
    /// The answer.
    Is(T),
    /// Whoever asks may not know it, for this reason.
    Refused(String),
    /// The question failed, for this reason.
    Failed(String),
    /// There is no such thing here, or nobody asked for it.
    NotAsked,
}

impl<T> Known<T> {
    /// The answer, if there is one.
    pub(super) const fn get(&self) -> Option<&T> {
        match self {
            Self::Is(value) => Some(value),
            Self::Refused(_) | Self::Failed(_) | Self::NotAsked => None,
        }
    }
}

impl<T> From<Result<T, Failure>> for Known<T> {
    fn from(result: Result<T, Failure>) -> Self {
        match result {
            Ok(value) => Self::Is(value),
            Err(Failure::Denied(why)) => Self::Refused(why),
            Err(Failure::Failed(why)) => Self::Failed(why),
        }
    }
}

/// All that is known of a stack.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    /// The stage of its API.
    pub(super) stage: String,
    /// Whether the stage serves developers alone.
    pub(super) is_for_development: bool,
    /// Whether it is on a machine of its own, and not on AWS.
    pub(super) is_local: bool,
    /// Its functions, by their ids in the template.
    pub(super) functions: BTreeMap<String, Function>,
    /// The ARNs of all functions of its account and region.
    pub(super) neighbours: BTreeSet<String>,
    /// What is wrong with its parameters, as its functions read them.
    pub(super) configuration: Result<(), String>,
    /// Its issuers, or what is wrong with the parameter.
    pub(super) issuers: Result<Vec<IssuerReport>, String>,
    /// What feeds the functions of the account.
    pub(super) mappings: Known<Vec<Mapping>>,
    /// How many invocations the account may have.
    pub(super) concurrency: Known<Concurrency>,
    /// The rules of its bus; none, if there is no bus of that name.
    pub(super) rules: Known<Option<Vec<Rule>>>,
    /// Its table; none, if there is none of that name.
    pub(super) table: Known<Option<TableState>>,
    /// Whether its table can be restored to any moment of the last weeks.
    pub(super) is_recoverable: Known<bool>,
    /// Its queues, by the variables that name them.
    pub(super) queues: BTreeMap<&'static str, Known<Option<QueueState>>>,
    /// The secrets that its parameters name, by the parameter and the name.
    pub(super) secrets: BTreeMap<(String, String), Known<SecretState>>,
    /// Its alarms.
    pub(super) alarms: Known<Vec<Alarm>>,
    /// Its log group.
    pub(super) logs: Known<Option<LogGroup>>,
}

impl Facts {
    /// The value of a variable, where a function has it.
    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        self.functions.values().find_map(|function| function.environment.get(name)).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_no_denial() {
        let known = |failure| Known::<()>::from(Err(failure));
        assert!(matches!(known(Failure::Denied("AccessDenied".to_owned())), Known::Refused(_)));
        assert!(matches!(known(Failure::Failed("no answer".to_owned())), Known::Failed(_)));
    }
}
