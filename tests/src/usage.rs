//! What a local stack has counted: `DynamoDB` calls with their capacity, requests and bytes of S3, invocations, posts to connections,
//! and log lines, by function.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http::Method;
use serde::Deserialize;

use crate::Stack;

/// All that was counted since the last [`Stack::forget_usage`].
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

/// How often one function was invoked.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Invoked {
    /// The function.
    pub function: String,
    /// Its invocations.
    pub count: u64,
    /// The bytes of their events and responses.
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
    /// Lines, those of metrics too.
    pub lines: u64,
    /// Their bytes, without their ends.
    pub bytes: u64,
}

/// What one function has used.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Cost {
    /// Calls that only read.
    pub reads: u64,
    /// Capacity units that reading consumed.
    pub read_units: f64,
    /// Capacity units that writing consumed.
    pub write_units: f64,
    /// Posts to connections, whatever their status.
    pub posts: u64,
}

impl Cost {
    /// This and another together.
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

    /// What all functions have used, those that are triggered by others too.
    pub fn of_all(&self) -> Cost {
        let posting = self.posts.iter().map(|posts| &posts.function);
        let functions: BTreeSet<&String> =
            self.dynamodb.iter().map(|calls| &calls.function).chain(posting).collect();
        functions.iter().fold(Cost::default(), |cost, function| cost.and(self.of(function)))
    }

    /// How many requests of S3 there were of each of the two classes that it has prices for: those that write or list, and
    /// those that read. Deletions cost nothing.
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

    /// How many bytes of S3 a function has read and written itself.
    pub fn s3_bytes(&self, function: &str) -> u64 {
        self.s3_bytes.get(function).copied().unwrap_or_default()
    }

    /// How often an operation was called, by whatever function.
    pub fn calls(&self, operation: &str) -> u64 {
        self.dynamodb.iter().filter(|calls| calls.operation == operation).map(|calls| calls.count).sum()
    }
}

impl Stack {
    /// What was used since the last reset. Local stacks only.
    pub async fn usage(&self) -> Result<Usage> {
        let body = self.ask_local(Method::GET, "usage", Bytes::new()).await?;
        serde_json::from_slice(&body).with_context(|| format!("usage: {body:?}"))
    }

    /// Sets all counters to zero. Local stacks only.
    pub async fn forget_usage(&self) -> Result<()> {
        self.ask_local(Method::DELETE, "usage", Bytes::new()).await.map(drop)
    }
}
