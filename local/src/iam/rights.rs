//! The check of a call against the policies of the function, and how often each right was used.
//!
//! A right (an action on a resource, of one statement) that no test ever uses should not be in the template. So each use
//! is counted (`GET /_local/rights`). With `--rights-log` the first use of each right is also written to a file, which
//! many stacks can share and `funnelcast-local rights` reads.

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

use super::statement::{Effect, Request};
use crate::{
    aws_error::AwsError,
    template::{ACCOUNT, Function, Source, Stack},
};

/// The actions that a mapping needs to read a table's stream.
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-eventsourcemapping.html>
pub(crate) const READ_STREAM: &[&str] =
    &["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"];
/// The actions that a mapping needs to read a queue.
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html#events-sqs-permissions>
pub(crate) const READ_QUEUE: &[&str] = &["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"];

/// The rights of all functions, and how often each was used.
pub(crate) struct Rights {
    /// By logical id.
    functions: HashMap<String, Function>,
    counts: Mutex<Counts>,
    /// The file that the first use of each right is written to.
    log: Option<File>,
}

#[derive(Default)]
struct Counts {
    used: BTreeMap<Right, u64>,
    denied: BTreeMap<Denied, u64>,
}

/// An action on a resource that a statement of the template allows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Right {
    /// Logical id.
    pub(super) function: String,
    /// The index of the statement among the function's.
    statement: usize,
    /// As it is written in the statement.
    pub(super) action: String,
    /// The index of the resource in the statement: its ARN differs from stage to stage.
    resource: usize,
}

/// A request that no statement allows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Denied {
    pub(super) function: String,
    pub(super) action: String,
    pub(super) resource: String,
}

/// A line of the log of rights.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum LogLine {
    Used(Right),
    Denied(Denied),
}

/// The result of checking a request against the policies.
enum Decision {
    Allowed(Right),
    /// No statement allows it.
    NotAllowed,
    /// A statement denies it, which overrides every one that allows it.
    Forbidden,
}

impl Rights {
    /// The rights of the stack's functions. Lines are appended to the file at `log`.
    pub(crate) fn new(stack: &Stack, log: Option<&Path>) -> anyhow::Result<Self> {
        let open = |path: &Path| {
            let file = File::options().create(true).append(true).open(path);
            file.with_context(|| format!("--rights-log {}", path.display()))
        };
        let log = log.map(open).transpose()?;
        Ok(Self { functions: stack.functions.clone().into_iter().collect(), counts: Mutex::default(), log })
    }

    /// Refuses a call that the policies of the function of this logical id do not allow, with the error that the service
    /// would give.
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

    /// Whether the policies of the function allow a request that it has not made, such as to list what is in a bucket whose
    /// object it asks for. This is no use of the right.
    pub(crate) fn would_allow(&self, function: &str, request: &Request) -> bool {
        let function = self.functions.get(function);
        function.is_none_or(|function| matches!(decide(function, request), Decision::Allowed(_)))
    }

    /// Fails if the policies do not allow an event source mapping what it needs, as `CreateEventSourceMapping` does.
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

    /// The logical ids of the functions that may do `action` on any resource.
    pub(crate) fn holders(&self, action: &str) -> impl Iterator<Item = &str> {
        let holds = move |function: &&Function| {
            function.policies.iter().any(|statement| {
                statement.effect == Effect::Allow && statement.actions.iter().any(|allowed| allowed == action)
            })
        };
        self.functions.values().filter(holds).map(|function| function.id.as_str())
    }

    /// Every right with the number of its uses, and what was denied, as `GET /_local/rights` answers it.
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
            self.write(&LogLine::Used(right));
        }
    }

    fn denied(&self, function: &Function, request: &Request) {
        let (action, resource) = (request.action.clone(), request.resource.clone());
        let denied = Denied { function: function.id.clone(), action, resource };
        let mut counts = self.counts();
        let count = counts.denied.entry(denied.clone()).or_default();
        *count += 1;
        if *count == 1 {
            self.write(&LogLine::Denied(denied));
        }
    }

    /// Writes a line in a single call, so that lines of other stacks do not interleave with it.
    fn write(&self, line: &LogLine) {
        let Some(mut log) = self.log.as_ref() else { return };
        let line = serde_json::to_string(line).unwrap_or_default() + "\n";
        if let Err(error) = log.write_all(line.as_bytes()) {
            tracing::warn!(%error, "cannot write to the file of --rights-log");
        }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Every right that the template gives to these functions, with its resource.
pub(super) fn all<'a>(
    functions: impl Iterator<Item = &'a Function>,
) -> impl Iterator<Item = (Right, &'a str)> {
    functions.flat_map(|function| {
        let allowing = function.policies.iter().enumerate();
        let allowing = allowing.filter(|(_, statement)| statement.effect == Effect::Allow);
        allowing.flat_map(move |(index, statement)| {
            statement.actions.iter().flat_map(move |action| {
                statement.resources.iter().enumerate().map(move |(resource, arn)| {
                    let (function, action) = (function.id.clone(), action.clone());
                    (Right { function, statement: index, action, resource }, arn.as_str())
                })
            })
        })
    })
}

fn decide(function: &Function, request: &Request) -> Decision {
    let mut decision = Decision::NotAllowed;
    for (index, statement) in function.policies.iter().enumerate() {
        let Some((action, resource)) = statement.applies(request) else { continue };
        match (statement.effect, &decision) {
            (Effect::Deny, _) => return Decision::Forbidden,
            (Effect::Allow, Decision::NotAllowed) => {
                let (id, action) = (function.id.clone(), statement.actions[action].clone());
                decision = Decision::Allowed(Right { function: id, statement: index, action, resource });
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
    // These services also use the status.
    let status = if matches!(service, "sqs" | "execute-api" | "lambda" | "s3") { 403 } else { 400 };
    AwsError::new(status, "AccessDeniedException", message)
}

#[cfg(test)]
mod tests;
