//! What each function uses of DynamoDB, of S3 and of `@connections`, how often it is invoked, how many bytes pass through it, and
//! what it logs, so that a test can compare a route with its budget.
//!
//! `GET /_local/usage` returns the counts and `DELETE /_local/usage` resets them. A function is recognised by the access
//! key that it signs with; other callers are counted under their own access key.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use serde_json::{Value, json};

/// Counters since the start, or since the last [`Usage::reset`].
#[derive(Debug, Default)]
pub(crate) struct Usage {
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    /// By function and operation.
    dynamodb: BTreeMap<(String, String), CallCount>,
    /// By function and operation.
    s3: BTreeMap<(String, String), u64>,
    /// The bytes that functions read of S3 and wrote there, by function.
    s3_bytes: BTreeMap<String, u64>,
    /// By function.
    invocations: BTreeMap<String, InvocationCount>,
    /// By function and HTTP status.
    posts: BTreeMap<(String, u16), u64>,
    /// By function.
    logs: BTreeMap<String, LogCount>,
}

#[derive(Debug, Default)]
struct InvocationCount {
    count: u64,
    bytes: usize,
}

#[derive(Debug, Default)]
struct LogCount {
    lines: u64,
    bytes: usize,
}

#[derive(Debug, Default)]
struct CallCount {
    calls: u64,
    consumed: Capacity,
}

/// What one call consumed, in DynamoDB's units.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub(crate) struct Capacity {
    pub(crate) read_units: f64,
    pub(crate) write_units: f64,
}

impl Usage {
    /// Counts a DynamoDB call of `function`.
    pub(crate) fn dynamodb(&self, function: &str, operation: &str, consumed: Capacity) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let row = counts.dynamodb.entry((function.to_owned(), operation.to_owned())).or_default();
        row.calls += 1;
        row.consumed.read_units += consumed.read_units;
        row.consumed.write_units += consumed.write_units;
    }

    /// Counts a post of `function` to a connection, by the status of the response.
    pub(crate) fn post(&self, function: &str, status: u16) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.posts.entry((function.to_owned(), status)).or_default() += 1;
    }

    /// Counts a request of S3 that is signed by `function`, such as one by a URL that the function has made.
    pub(crate) fn s3(&self, function: &str, operation: &str) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.s3.entry((function.to_owned(), operation.to_owned())).or_default() += 1;
    }

    /// Counts bytes of S3 that `function` itself has read or written, by no URL that it has made for somebody else.
    pub(crate) fn s3_bytes(&self, function: &str, bytes: u64) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.s3_bytes.entry(function.to_owned()).or_default() += bytes;
    }

    /// Counts an invocation of `function`, whose event and response have so many bytes together.
    pub(crate) fn invoked(&self, function: &str, bytes: usize) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let row = counts.invocations.entry(function.to_owned()).or_default();
        row.count += 1;
        row.bytes += bytes;
    }

    /// Counts a line that `function` logged, of `bytes` bytes without its end.
    pub(crate) fn logged(&self, function: &str, bytes: usize) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let row = counts.logs.entry(function.to_owned()).or_default();
        row.lines += 1;
        row.bytes += bytes;
    }

    /// All counts, as `GET /_local/usage` returns them.
    pub(crate) fn snapshot(&self) -> Value {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let dynamodb: Vec<Value> = counts
            .dynamodb
            .iter()
            .map(|((function, operation), row)| {
                json!({
                    "function": function, "operation": operation, "calls": row.calls,
                    "readUnits": row.consumed.read_units, "writeUnits": row.consumed.write_units,
                })
            })
            .collect();
        let s3: Vec<Value> = counts
            .s3
            .iter()
            .map(|((function, operation), calls)| {
                json!({ "function": function, "operation": operation, "calls": calls })
            })
            .collect();
        let s3_bytes = json!(counts.s3_bytes);
        let invocations: Vec<Value> = counts
            .invocations
            .iter()
            .map(|(function, row)| json!({ "function": function, "count": row.count, "bytes": row.bytes }))
            .collect();
        let posts: Vec<Value> = counts
            .posts
            .iter()
            .map(|((function, status), count)| json!({ "function": function, "status": status, "count": count }))
            .collect();
        let logs: Vec<Value> = counts
            .logs
            .iter()
            .map(|(function, row)| json!({ "function": function, "lines": row.lines, "bytes": row.bytes }))
            .collect();
        json!({
            "dynamodb": dynamodb, "s3": s3, "s3Bytes": s3_bytes, "invocations": invocations, "posts": posts, "logs": logs,
        })
    }

    /// Resets all counts to zero.
    pub(crate) fn reset(&self) {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner) = Counts::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_add_up_by_function_and_operation() {
        let usage = Usage::default();
        let read = Capacity { read_units: 0.5, write_units: 0.0 };
        usage.dynamodb("send", "Query", read);
        usage.dynamodb("send", "Query", read);
        usage.dynamodb("join", "Query", read);
        usage.s3("files", "GetObject");
        usage.s3("files", "GetObject");
        usage.s3_bytes("files", 2_000);
        usage.s3_bytes("files", 50);
        usage.invoked("send", 700);
        usage.invoked("send", 300);
        usage.post("send", 200);
        usage.post("send", 410);
        usage.post("send", 200);
        usage.logged("send", 300);
        usage.logged("send", 200);

        assert_eq!(
            usage.snapshot(),
            json!({
                "dynamodb": [
                    { "function": "join", "operation": "Query", "calls": 1, "readUnits": 0.5, "writeUnits": 0.0 },
                    { "function": "send", "operation": "Query", "calls": 2, "readUnits": 1.0, "writeUnits": 0.0 },
                ],
                "s3": [{ "function": "files", "operation": "GetObject", "calls": 2 }],
                "s3Bytes": { "files": 2_050 },
                "invocations": [{ "function": "send", "count": 2, "bytes": 1_000 }],
                "posts": [
                    { "function": "send", "status": 200, "count": 2 },
                    { "function": "send", "status": 410, "count": 1 },
                ],
                "logs": [{ "function": "send", "lines": 2, "bytes": 500 }],
            })
        );
        usage.reset();
        assert_eq!(
            usage.snapshot(),
            json!({ "dynamodb": [], "s3": [], "s3Bytes": {}, "invocations": [], "posts": [], "logs": [] })
        );
    }
}
