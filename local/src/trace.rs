//! Chains of calls, by the header `X-Amzn-Trace-Id`: its `Lineage` counts how often a chain has come to each function.
//! <https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html>
//!
//! The form of the lineage is AWS's own affair: functions pass it on as it is. Here it is `{function}:{invocations}`, by
//! eight digits of a hash of the function's ARN, with `|` between.

use std::{collections::BTreeMap, fmt};

use jiff::Timestamp;
use uuid::Uuid;

/// As often a chain may come to a function before it is taken for a loop: "approximately 16".
pub(super) const PASSES_MAX: u32 = 16;

/// Where a chain began, and what it has come by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trace {
    root: String,
    /// By the functions' hashes.
    passes: BTreeMap<String, u32>,
}

impl Trace {
    /// The beginning of a chain.
    pub(crate) fn new() -> Self {
        let random = Uuid::new_v4().simple().to_string();
        let root = format!("1-{:08x}-{}", Timestamp::now().as_second(), &random[..24]);
        Self { root, passes: BTreeMap::new() }
    }

    /// Reads a header. What it does not have is as in a new trace.
    pub(crate) fn parse(header: &str) -> Self {
        let mut trace = Self::new();
        for (name, value) in header.split(';').filter_map(|field| field.trim().split_once('=')) {
            match name {
                "Root" => value.clone_into(&mut trace.root),
                "Lineage" => {
                    let passes = value.split('|').filter_map(|pass| pass.split_once(':'));
                    let passes =
                        passes.filter_map(|(hash, count)| Some((hash.to_owned(), count.parse().ok()?)));
                    trace.passes = passes.collect();
                }
                _ => {}
            }
        }
        trace
    }

    /// One for what comes of several chains together: it has come as often to a function as any of them.
    pub(crate) fn of_all(traces: impl IntoIterator<Item = Self>) -> Self {
        let joined = traces.into_iter().reduce(|mut joined, other| {
            for (function, count) in other.passes {
                let most = joined.passes.entry(function).or_default();
                *most = (*most).max(count);
            }
            joined
        });
        joined.unwrap_or_else(Self::new)
    }

    /// The chain as the function of this ARN sees it, which it has come to once more.
    pub(super) fn entering(mut self, arn: &str) -> Self {
        *self.passes.entry(hash(arn)).or_default() += 1;
        self
    }

    /// How often it has come to the function of this ARN.
    pub(super) fn passes(&self, arn: &str) -> u32 {
        self.passes.get(&hash(arn)).copied().unwrap_or_default()
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parent = Uuid::new_v4().simple().to_string();
        write!(f, "Root={};Parent={};Sampled=0", self.root, &parent[..16])?;
        let passes: Vec<_> =
            self.passes.iter().map(|(function, count)| format!("{function}:{count}")).collect();
        if passes.is_empty() { Ok(()) } else { write!(f, ";Lineage={}", passes.join("|")) }
    }
}

/// FNV-1a, in eight digits.
fn hash(arn: &str) -> String {
    let hash =
        arn.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    format!("{hash:08x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_is_counted_for_each_function() {
        let first = Trace::new().entering("arn:f");
        let second = Trace::parse(&first.to_string()).entering("arn:g").entering("arn:f");
        assert_eq!((second.passes("arn:f"), second.passes("arn:g"), second.passes("arn:h")), (2, 1, 0));
        assert_eq!(first.root, second.root);
    }

    #[test]
    fn of_several_the_longest_counts() {
        let once = Trace::new().entering("arn:f");
        let thrice = once.clone().entering("arn:f").entering("arn:f");
        assert_eq!(Trace::of_all([once, thrice]).passes("arn:f"), 3);
        assert_eq!(Trace::of_all([]).passes("arn:f"), 0);
    }

    #[test]
    fn what_is_no_trace_is_a_new_one() {
        for header in ["", "nonsense", "Lineage=x", "Lineage=a:b|c;Sampled=?"] {
            assert_eq!(Trace::parse(header).passes, BTreeMap::new(), "{header}");
        }
    }
}
