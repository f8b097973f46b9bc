//! Who may what: each call of a function is held against its policies in the template, as IAM does on AWS, and so is what
//! an event source mapping does in its name. Whoever else calls may do anything, as an account's owner may.
//!
//! What a function may do and nobody ever made it do is a right too many. So each right (an action on a resource, of one
//! statement) is counted: `GET /_local/rights`. With `--rights-log` the first use of each is also a line of a file, which
//! many stacks can share; `funnelcast-local rights` reads it.

mod policy;
mod report;

use std::{
    collections::{BTreeMap, HashMap},
    fs::File,
    io::Write as _,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub(crate) use self::{
    policy::{Comparison, Condition, Effect, Quantifier, Request, Statement},
    report::run,
};
use crate::{
    aws_error::AwsError,
    template::{ACCOUNT, Function, Source, Stack},
};

/// What a mapping needs to read a table's stream.
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-eventsourcemapping.html>
pub(crate) const READ_STREAM: &[&str] =
    &["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"];
/// What a mapping needs to read a queue.
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html#events-sqs-permissions>
pub(crate) const READ_QUEUE: &[&str] = &["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"];

/// The rights of all functions, and how often each was used.
pub(crate) struct Rights {
    /// By logical id.
    functions: HashMap<String, Function>,
    counts: Mutex<Counts>,
    /// Where the first use of each is written.
    log: Option<File>,
}

#[derive(Default)]
struct Counts {
    used: BTreeMap<Right, u64>,
    denied: BTreeMap<Denied, u64>,
}

/// An action on a resource that a statement of the template allows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Right {
    /// Logical id.
    function: String,
    /// The place of the statement among the function's.
    statement: usize,
    /// As the statement has it.
    action: String,
    /// The place of the resource in the statement; its ARN has the stage in it.
    resource: usize,
}

/// A request that no statement allows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Denied {
    function: String,
    action: String,
    resource: String,
}

/// A line of the file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Line {
    Used(Right),
    Denied(Denied),
}

/// What the policies say of a request.
enum Decision {
    Allowed(Right),
    /// No statement allows it.
    NotAllowed,
    /// A statement denies it, whatever else allows it.
    Forbidden,
}

impl Rights {
    /// The rights of the stack's functions, and the file at `log`, to which lines are added.
    pub(crate) fn new(stack: &Stack, log: Option<&Path>) -> anyhow::Result<Self> {
        let open = |path: &Path| {
            let file = File::options().create(true).append(true).open(path);
            file.with_context(|| format!("--rights-log {}", path.display()))
        };
        let log = log.map(open).transpose()?;
        Ok(Self { functions: stack.functions.clone().into_iter().collect(), counts: Mutex::default(), log })
    }

    /// Refuses a call of the function of this logical id that its policies do not allow, as the service does.
    pub(crate) fn check(&self, function: &str, requests: &[Request]) -> Result<(), AwsError> {
        for request in requests {
            let Some(function) = self.functions.get(function) else { continue };
            match decide(function, request) {
                Decision::Allowed(right) => self.used(right),
                decision => {
                    self.denied(function, request);
                    let error = denial(function, request, &decision);
                    tracing::warn!(function = function.name, "{}", error.message);
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Refuses a stack whose event source mappings may not do what they must, as `CreateEventSourceMapping` does.
    pub(crate) fn check_mappings(&self, stack: &Stack) -> anyhow::Result<()> {
        for mapping in &stack.mappings {
            let (actions, source, on_failure) = match &mapping.source {
                Source::Stream(stream) => (READ_STREAM, &stream.arn, stream.on_failure.as_ref()),
                Source::Queue { arn, .. } => (READ_QUEUE, arn, None),
            };
            let reads = actions.iter().map(|action| Request::new(*action, source));
            let fails = on_failure.map(|queue| Request::new("sqs:SendMessage", queue));
            for request in reads.chain(fails) {
                let Some(function) = self.functions.get(&mapping.function) else { continue };
                let Decision::Allowed(right) = decide(function, &request) else {
                    let Request { action, resource, .. } = request;
                    bail!("{}: no policy of {} allows {action} on {resource}", mapping.id, function.id);
                };
                self.used(right);
            }
        }
        Ok(())
    }

    /// Logical ids of the functions that may do `action`, on whatever resource.
    pub(crate) fn holders(&self, action: &str) -> impl Iterator<Item = &str> {
        let holds = move |function: &&Function| {
            function.policies.iter().any(|statement| {
                statement.effect == Effect::Allow && statement.actions.iter().any(|allowed| allowed == action)
            })
        };
        self.functions.values().filter(holds).map(|function| function.id.as_str())
    }

    /// Every right with how often it was used, and what was denied: `GET /_local/rights`.
    pub(crate) fn snapshot(&self) -> Value {
        let counts = self.counts();
        let rights = all(self.functions.values()).map(|(right, resource)| {
            let used = counts.used.get(&right).copied().unwrap_or_default();
            let Right { function, statement, action, .. } = right;
            json!({ "function": function, "statement": statement, "action": action, "resource": resource, "used": used })
        });
        let denied = counts.denied.iter().map(|(Denied { function, action, resource }, count)| {
            json!({ "function": function, "action": action, "resource": resource, "count": count })
        });
        json!({ "rights": rights.collect::<Vec<_>>(), "denied": denied.collect::<Vec<_>>() })
    }

    fn used(&self, right: Right) {
        let mut counts = self.counts();
        let count = counts.used.entry(right.clone()).or_default();
        *count += 1;
        if *count == 1 {
            self.write(&Line::Used(right));
        }
    }

    fn denied(&self, function: &Function, request: &Request) {
        let (action, resource) = (request.action.clone(), request.resource.clone());
        let denied = Denied { function: function.id.clone(), action, resource };
        let mut counts = self.counts();
        let count = counts.denied.entry(denied.clone()).or_default();
        *count += 1;
        if *count == 1 {
            self.write(&Line::Denied(denied));
        }
    }

    /// One `write` for a line, so that those of other stacks do not come between.
    fn write(&self, line: &Line) {
        let Some(mut log) = self.log.as_ref() else { return };
        let line = serde_json::to_string(line).unwrap_or_default() + "\n";
        if let Err(error) = log.write_all(line.as_bytes()) {
            tracing::warn!(%error, "--rights-log cannot be written to");
        }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Every right that the template gives to these functions, with the resource as the template has it.
fn all<'a>(functions: impl Iterator<Item = &'a Function>) -> impl Iterator<Item = (Right, &'a str)> {
    functions.flat_map(|function| {
        let allowing = function.policies.iter().enumerate();
        let allowing = allowing.filter(|(_, statement)| statement.effect == Effect::Allow);
        allowing.flat_map(move |(place, statement)| {
            statement.actions.iter().flat_map(move |action| {
                statement.resources.iter().enumerate().map(move |(resource, arn)| {
                    let (function, action) = (function.id.clone(), action.clone());
                    (Right { function, statement: place, action, resource }, arn.as_str())
                })
            })
        })
    })
}

fn decide(function: &Function, request: &Request) -> Decision {
    let mut decision = Decision::NotAllowed;
    for (place, statement) in function.policies.iter().enumerate() {
        let Some((action, resource)) = statement.applies(request) else { continue };
        match (statement.effect, &decision) {
            (Effect::Deny, _) => return Decision::Forbidden,
            (Effect::Allow, Decision::NotAllowed) => {
                let (id, action) = (function.id.clone(), statement.actions[action].clone());
                decision = Decision::Allowed(Right { function: id, statement: place, action, resource });
            }
            (Effect::Allow, _) => {}
        }
    }
    decision
}

/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html>
fn denial(function: &Function, request: &Request, decision: &Decision) -> AwsError {
    let Request { action, resource, .. } = request;
    let (service, _) = action.split_once(':').unwrap_or((action, ""));
    let reason = match decision {
        Decision::Forbidden => "with an explicit deny in an identity-based policy".to_owned(),
        _ => format!("because no identity-based policy allows the {action} action"),
    };
    let name = &function.physical_name;
    let user = format!("arn:aws:sts::{ACCOUNT}:assumed-role/{name}Role/{name}");
    let message =
        format!("User: {user} is not authorized to perform: {action} on resource: {resource} {reason}");
    // SQS and API Gateway say it by the status too.
    let status = if matches!(service, "sqs" | "execute-api" | "lambda") { 403 } else { 400 };
    AwsError::new(status, "AccessDeniedException", message)
}

#[cfg(test)]
mod tests;
