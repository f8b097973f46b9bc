//! Chains of calls, by the header `X-Amzn-Trace-Id`. Its `Lineage` counts how often a chain has led to each function.
//! <https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html>
//!
//! AWS does not document the form of the lineage, and functions pass it on unchanged. Here it is a list of
//! `{function}:{invocations}`, separated by `|`, in which the function is a hash of its ARN in eight digits.

use std::{collections::BTreeMap, fmt};

use jiff::Timestamp;
use uuid::Uuid;

/// How often a chain may lead to a function before it counts as a loop; AWS says "approximately 16".
pub(crate) const PASSES_MAX: u32 = 16;

/// The start of a chain, and how often it has led to each function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trace {
    root: String,
    /// By the hash of the function.
    passes: BTreeMap<String, u32>,
}

impl Trace {
    /// A new chain.
    pub(crate) fn new() -> Self {
        let random = Uuid::new_v4().simple().to_string();
        let root = format!("1-{:08x}-{}", Timestamp::now().as_second(), &random[..24]);
        Self { root, passes: BTreeMap::new() }
    }

    /// Parses a header. What it lacks is as in a new trace.
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

    /// The trace of an invocation that several chains lead to: for each function, the highest count of all chains.
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

    /// The chain with one more call of the function of this ARN.
    pub(crate) fn entering(mut self, arn: &str) -> Self {
        *self.passes.entry(hash(arn)).or_default() += 1;
        self
    }

    /// How often the chain has led to the function of this ARN.
    pub(crate) fn passes(&self, arn: &str) -> u32 {
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

/// FNV-1a, as eight digits.
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
    fn of_several_chains_the_highest_count_counts() {
        let once = Trace::new().entering("arn:f");
        let thrice = once.clone().entering("arn:f").entering("arn:f");
        assert_eq!(Trace::of_all([once, thrice]).passes("arn:f"), 3);
        assert_eq!(Trace::of_all([]).passes("arn:f"), 0);
    }

    #[test]
    fn a_malformed_header_is_a_new_trace() {
        for header in ["", "nonsense", "Lineage=x", "Lineage=a:b|c;Sampled=?"] {
            assert_eq!(Trace::parse(header).passes, BTreeMap::new(), "{header}");
        }
    }
}
