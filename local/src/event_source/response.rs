//! What a function reports about a batch, if its mapping has `ReportBatchItemFailures`.
//! <https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html>

use bytes::Bytes;
use serde_json::Value;

/// The outcome of a batch that the function reports.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BatchReport {
    Done,
    /// The items with these identifiers failed: at least one, and possibly some that are not in the batch.
    Partly(Vec<String>),
    /// Lambda does not understand the response, which fails the batch.
    Malformed,
}

/// Parses a function's response.
pub(super) fn batch_report(answer: &Bytes) -> BatchReport {
    if answer.is_empty() {
        return BatchReport::Done;
    }
    let failures = match serde_json::from_slice(answer) {
        Ok(Value::Null) => return BatchReport::Done,
        Ok(Value::Object(mut answer)) => answer.remove("batchItemFailures"),
        _ => return BatchReport::Malformed,
    };
    match failures {
        None | Some(Value::Null) => BatchReport::Done,
        Some(Value::Array(failures)) if failures.is_empty() => BatchReport::Done,
        Some(Value::Array(failures)) => {
            let identifier = |failure: &Value| {
                let identifier = failure.get("itemIdentifier")?.as_str()?;
                (!identifier.is_empty()).then(|| identifier.to_owned())
            };
            failures
                .iter()
                .map(identifier)
                .collect::<Option<_>>()
                .map_or(BatchReport::Malformed, BatchReport::Partly)
        }
        Some(_) => BatchReport::Malformed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_response() {
        let partly = BatchReport::Partly(vec!["7".to_owned(), "9".to_owned()]);
        let cases = [
            ("", BatchReport::Done),
            ("null", BatchReport::Done),
            ("{}", BatchReport::Done),
            (r#"{"batchItemFailures":null}"#, BatchReport::Done),
            (r#"{"batchItemFailures":[]}"#, BatchReport::Done),
            (r#"{"batchItemFailures":[{"itemIdentifier":"7"},{"itemIdentifier":"9"}]}"#, partly),
            (r#"{"batchItemFailures":[{"itemIdentifier":""}]}"#, BatchReport::Malformed),
            (r#"{"batchItemFailures":[{"itemIdentifier":null}]}"#, BatchReport::Malformed),
            (r#"{"batchItemFailures":[{"itemId":"7"}]}"#, BatchReport::Malformed),
            (r#"{"batchItemFailures":"7"}"#, BatchReport::Malformed),
            ("\"ok\"", BatchReport::Malformed),
            ("ok", BatchReport::Malformed),
        ];
        for (answer, expected) in cases {
            assert_eq!(batch_report(&Bytes::from(answer)), expected, "{answer}");
        }
    }
}
