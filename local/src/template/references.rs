//! What the parts of a template refer to one another by, while it is read.

use std::collections::{BTreeSet, HashMap};

use super::{HttpRoute, Mapping, Rule, Target, destinations::ApiDestination};

/// Everything that a trigger can refer to by its ARN or name.
#[derive(Debug, Default)]
pub(super) struct Arns {
    /// From the ARN or name of each function to its logical id.
    pub(super) functions: HashMap<String, String>,
    /// From the ARN of each table's stream to the table's name.
    pub(super) streams: HashMap<String, String>,
    pub(super) queues: BTreeSet<String>,
    /// By their ARNs.
    pub(super) destinations: HashMap<String, ApiDestination>,
    pub(super) buses: BTreeSet<String>,
}

impl Arns {
    /// The logical id of the function with this ARN or name.
    pub(super) fn function(&self, arn_or_name: &str) -> Option<&str> {
        self.functions.get(arn_or_name).map(String::as_str)
    }

    /// The function or queue with this ARN.
    pub(super) fn target(&self, arn: &str) -> Option<Target> {
        if let Some(id) = self.function(arn) {
            return Some(Target::Function(id.to_owned()));
        }
        self.queues.contains(arn).then(|| Target::Queue(arn.to_owned()))
    }
}

/// What makes functions run, besides the WebSocket API.
#[derive(Debug, Default)]
pub(super) struct Triggers {
    pub(super) rules: Vec<Rule>,
    pub(super) mappings: Vec<Mapping>,
    pub(super) http_routes: Vec<HttpRoute>,
}
