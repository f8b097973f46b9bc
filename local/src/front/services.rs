//! What answers on the port.

use std::{collections::BTreeMap, sync::Arc};

use http::Uri;
use serde_json::Value;

use crate::{
    api_gateway::websocket::WebSockets,
    dynamodb::{Engine, Transactions},
    eventbridge::Bus,
    faults::Faults,
    http1::HttpClient,
    iam::{Partitions, Rights},
    lambda::Lambda,
    s3::S3,
    secrets_manager::Secrets,
    sqs::Queues,
    template::{Function, Stack},
    usage::Usage,
};

/// Everything that answers on the port.
pub(crate) struct Services {
    pub(crate) websockets: Arc<WebSockets>,
    pub(crate) engine: Engine,
    pub(crate) transactions: Transactions,
    pub(crate) lambda: Lambda,
    pub(crate) bus: Bus,
    pub(crate) queues: Queues,
    pub(crate) s3: S3,
    pub(crate) secrets: Secrets,
    pub(crate) functions: FunctionNames,
    /// What feeds them, as Lambda describes it.
    pub(crate) mappings: Vec<Value>,
    /// Functions of the app's own, by their names: the URLs that are posted their events.
    pub(crate) own_functions: BTreeMap<String, Uri>,
    /// Reaches them.
    pub(crate) client: HttpClient,
    pub(crate) partitions: Partitions,
    pub(crate) rights: Arc<Rights>,
    pub(crate) usage: Arc<Usage>,
    pub(crate) faults: Faults,
    /// What `GET /_local` answers: the ready line.
    pub(crate) ready: Value,
}

/// The functions, by every name that a caller may use.
pub(crate) struct FunctionNames {
    /// By logical id.
    functions: BTreeMap<String, Function>,
    /// Logical ids, by name.
    ids: BTreeMap<String, String>,
}

impl FunctionNames {
    /// The names of the stack's functions: logical id, physical name, ARN, and the name of the binary.
    pub(crate) fn new(stack: &Stack) -> Self {
        let names = |function: &Function| {
            let all = [&function.name, &function.physical_name, &function.arn, &function.id];
            all.map(|name| (name.clone(), function.id.clone()))
        };
        let ids = stack.functions.values().flat_map(names).collect();
        Self { functions: stack.functions.clone(), ids }
    }

    /// All functions of the stack.
    pub(super) fn all(&self) -> impl Iterator<Item = &Function> {
        self.functions.values()
    }

    /// The function with this name.
    pub(super) fn named(&self, name: &str) -> Option<&Function> {
        self.functions.get(self.ids.get(name)?)
    }

    /// The function that signs with this access key, which is its logical id.
    pub(super) fn signing(&self, access_key: &str) -> Option<&Function> {
        self.functions.get(access_key)
    }
}
