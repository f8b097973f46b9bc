//! What a local stack has counted, by function: `DynamoDB` calls with their capacity, requests and bytes of S3, invocations,
//! posts to connections, and log lines.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http::Method;
use serde::Deserialize;

use crate::Stack;

/// Everything that was counted since the last [`Stack::forget_usage`].
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    dynamodb: Vec<Calls>,
    s3: Vec<Requests>,
    s3_bytes: BTreeMap<String, u64>,
    invocations: Vec<Invoked>,
    posts: Vec<Posts>,
    logs: Vec<Logged>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Calls {
    function: String,
    operation: String,
    #[serde(rename = "calls")]
    count: u64,
    read_units: f64,
    write_units: f64,
}

#[derive(Debug, Clone, Deserialize)]
struct Requests {
    operation: String,
    calls: u64,
}

/// The invocations of one function.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Invoked {
    /// The name of the function.
    pub function: String,
    /// How often it was invoked.
    pub count: u64,
    /// The bytes of the events and responses.
    pub bytes: u64,
}

#[derive(Debug, Clone, Deserialize)]
struct Posts {
    function: String,
    count: u64,
}

/// What one function has logged.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Logged {
    function: String,
    /// The number of lines, including those of metrics.
    pub lines: u64,
    /// The bytes of the lines, without line ends.
    pub bytes: u64,
}

/// What one function has used.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Cost {
    /// The number of calls that only read.
    pub reads: u64,
    /// The capacity units consumed by reads.
    pub read_units: f64,
    /// The capacity units consumed by writes.
    pub write_units: f64,
    /// Posts to connections, whatever their status.
    pub posts: u64,
}

impl Cost {
    /// The sum of two costs.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            reads: self.reads + other.reads,
            read_units: self.read_units + other.read_units,
            write_units: self.write_units + other.write_units,
            posts: self.posts + other.posts,
        }
    }
}

impl Usage {
    /// What a function has used.
    pub fn of(&self, function: &str) -> Cost {
        let mut cost = Cost::default();
        for calls in self.dynamodb.iter().filter(|calls| calls.function == function) {
            let reads = ["GetItem", "BatchGetItem", "Query", "TransactGetItems", "Scan"];
            cost.reads += if reads.contains(&calls.operation.as_str()) { calls.count } else { 0 };
            cost.read_units += calls.read_units;
            cost.write_units += calls.write_units;
        }
        cost.posts =
            self.posts.iter().filter(|posts| posts.function == function).map(|posts| posts.count).sum();
        cost
    }

    /// What a function has logged.
    pub fn logged(&self, function: &str) -> Logged {
        self.logs.iter().find(|logged| logged.function == function).cloned().unwrap_or_default()
    }

    /// What all functions have used together, including those that others trigger.
    pub fn of_all(&self) -> Cost {
        let posting = self.posts.iter().map(|posts| &posts.function);
        let functions: BTreeSet<&String> =
            self.dynamodb.iter().map(|calls| &calls.function).chain(posting).collect();
        functions.iter().fold(Cost::default(), |cost, function| cost.and(self.of(function)))
    }

    /// The number of S3 requests in each of its two price classes: first those that write or list, then those that read.
    /// Deletions are free.
    pub fn s3(&self) -> (u64, u64) {
        let (mut puts, mut gets) = (0, 0);
        for Requests { operation, calls } in &self.s3 {
            match operation.as_str() {
                "GetObject" | "HeadObject" | "HeadBucket" => gets += calls,
                "DeleteObject" | "DeleteObjects" | "AbortMultipartUpload" => {}
                _ => puts += calls,
            }
        }
        (puts, gets)
    }

    /// The invocations of each function.
    pub fn invocations(&self) -> &[Invoked] {
        &self.invocations
    }

    /// How many bytes a function has itself transferred to and from S3.
    pub fn s3_bytes(&self, function: &str) -> u64 {
        self.s3_bytes.get(function).copied().unwrap_or_default()
    }

    /// How often all functions together called an operation of `DynamoDB`.
    pub fn calls(&self, operation: &str) -> u64 {
        self.dynamodb.iter().filter(|calls| calls.operation == operation).map(|calls| calls.count).sum()
    }
}

impl Stack {
    /// The usage since the last reset. Local stacks only.
    pub async fn usage(&self) -> Result<Usage> {
        let body = self.ask_local(Method::GET, "usage", Bytes::new()).await?;
        serde_json::from_slice(&body).with_context(|| format!("usage: {body:?}"))
    }

    /// Resets all counters to zero. Local stacks only.
    pub async fn forget_usage(&self) -> Result<()> {
        self.ask_local(Method::DELETE, "usage", Bytes::new()).await.map(drop)
    }
}
