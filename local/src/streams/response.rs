//! What a function says of a batch, where its mapping has `ReportBatchItemFailures`.
//! <https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html>

use bytes::Bytes;
use serde_json::Value;

/// What became of a batch.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Done,
    /// These items failed: at least one, each by an identifier that may or may not be of the batch.
    Partly(Vec<String>),
    /// The answer is not one that Lambda understands, which fails the batch.
    Malformed,
}

/// Reads a function's answer.
pub(super) fn verdict(answer: &Bytes) -> Verdict {
    if answer.is_empty() {
        return Verdict::Done;
    }
    let failures = match serde_json::from_slice(answer) {
        Ok(Value::Null) => return Verdict::Done,
        Ok(Value::Object(mut answer)) => answer.remove("batchItemFailures"),
        _ => return Verdict::Malformed,
    };
    match failures {
        None | Some(Value::Null) => Verdict::Done,
        Some(Value::Array(failures)) if failures.is_empty() => Verdict::Done,
        Some(Value::Array(failures)) => {
            let identifier = |failure: &Value| {
                let identifier = failure.get("itemIdentifier")?.as_str()?;
                (!identifier.is_empty()).then(|| identifier.to_owned())
            };
            failures.iter().map(identifier).collect::<Option<_>>().map_or(Verdict::Malformed, Verdict::Partly)
        }
        Some(_) => Verdict::Malformed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_and_what_they_mean() {
        let partly = Verdict::Partly(vec!["7".to_owned(), "9".to_owned()]);
        let cases = [
            ("", Verdict::Done),
            ("null", Verdict::Done),
            ("{}", Verdict::Done),
            (r#"{"batchItemFailures":null}"#, Verdict::Done),
            (r#"{"batchItemFailures":[]}"#, Verdict::Done),
            (r#"{"batchItemFailures":[{"itemIdentifier":"7"},{"itemIdentifier":"9"}]}"#, partly),
            (r#"{"batchItemFailures":[{"itemIdentifier":""}]}"#, Verdict::Malformed),
            (r#"{"batchItemFailures":[{"itemIdentifier":null}]}"#, Verdict::Malformed),
            (r#"{"batchItemFailures":[{"itemId":"7"}]}"#, Verdict::Malformed),
            (r#"{"batchItemFailures":"7"}"#, Verdict::Malformed),
            ("\"ok\"", Verdict::Malformed),
            ("ok", Verdict::Malformed),
        ];
        for (answer, expected) in cases {
            assert_eq!(verdict(&Bytes::from(answer)), expected, "{answer}");
        }
    }
}
