//! Batches of stream records, and what to do with one after it was tried. Pure: nobody is invoked here.
//! <https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html>

use std::time::Duration;

use serde_json::{Value, json};

use super::response::Verdict;
use crate::template::StreamSource;

/// Before the first retry of a batch; doubled for each further one.
const BACKOFF_MIN: Duration = Duration::from_millis(100);
/// And never more: a developer waits for it.
const BACKOFF_MAX: Duration = Duration::from_millis(500);

/// A stream record on its way to a function.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Record {
    /// As Lambda gives it to the function.
    pub(super) json: String,
    /// The item's key: what order is kept by.
    pub(super) key: String,
    pub(super) sequence: String,
    /// Seconds since the epoch at which it was written.
    pub(super) written_s: f64,
}

impl Record {
    /// Reads a record of `GetRecords`. `None` where it is not one.
    pub(super) fn new(mut record: Value, stream_arn: &str) -> Option<Self> {
        record["eventSourceARN"] = json!(stream_arn);
        let dynamodb = record.get("dynamodb")?;
        Some(Self {
            key: dynamodb.get("Keys")?.to_string(),
            sequence: dynamodb.get("SequenceNumber")?.as_str()?.to_owned(),
            written_s: dynamodb.get("ApproximateCreationDateTime")?.as_f64()?,
            json: record.to_string(),
        })
    }
}

/// Records that are tried together.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Batch {
    /// In the order of the stream, and never none.
    pub(super) records: Vec<Record>,
    /// How often they were tried again.
    pub(super) retries: u32,
}

/// Why a batch is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    RetryAttemptsExhausted,
    RecordAgeExceeded,
}

impl Condition {
    /// By the name of AWS.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::RetryAttemptsExhausted => "RetryAttemptsExhausted",
            Self::RecordAgeExceeded => "RecordAgeExceeded",
        }
    }
}

/// How a batch was received.
pub(super) enum Outcome {
    /// The function failed.
    Failed,
    Answered(Verdict),
}

/// What follows from that.
#[derive(Debug, PartialEq)]
pub(super) enum Next {
    Done,
    /// These are to be tried in this order, after a pause; what is not in them is done.
    Again {
        batches: Vec<Batch>,
        pause: Duration,
    },
    /// These are lost; what is not in them is done.
    GiveUp(Batch),
}

impl Batch {
    pub(super) fn new(records: Vec<Record>) -> Self {
        Self { records, retries: 0 }
    }

    /// Takes out the records that are older than `age_max`: the first ones, as they are in the order of their
    /// writing.
    pub(super) fn split_expired(mut self, age_max: Duration, now_s: f64) -> (Option<Self>, Option<Self>) {
        let fresh = self.records.iter().position(|record| now_s - record.written_s <= age_max.as_secs_f64());
        let fresh = self.records.split_off(fresh.unwrap_or(self.records.len()));
        let batch =
            |records: Vec<Record>| (!records.is_empty()).then_some(Self { records, retries: self.retries });
        (batch(self.records), batch(fresh))
    }

    /// Decides what becomes of a batch that was tried.
    ///
    /// A reported failure confirms all before it. What is left is tried again: in two halves where the
    /// mapping bisects and nothing could be confirmed, which is not counted as a retry; else as it is, until
    /// that is exhausted.
    pub(super) fn settle(mut self, outcome: Outcome, source: &StreamSource) -> Next {
        let first_failed = match outcome {
            Outcome::Answered(Verdict::Done) => return Next::Done,
            Outcome::Failed | Outcome::Answered(Verdict::Malformed) => 0,
            Outcome::Answered(Verdict::Partly(failed)) => {
                let failed = |record: &Record| failed.contains(&record.sequence);
                // An identifier that is of no record fails them all.
                self.records.iter().position(failed).unwrap_or(0)
            }
        };
        self.records.drain(..first_failed);
        if source.bisect && first_failed == 0 && self.records.len() > 1 {
            let second = self.records.split_off(self.records.len().div_ceil(2));
            let retries = self.retries;
            let batches = vec![self, Self { records: second, retries }];
            return Next::Again { batches, pause: Duration::ZERO };
        }
        if source.retries_max.is_some_and(|max| self.retries >= max) {
            return Next::GiveUp(self);
        }
        let pause = BACKOFF_MIN.saturating_mul(2_u32.saturating_pow(self.retries)).min(BACKOFF_MAX);
        self.retries = self.retries.saturating_add(1);
        Next::Again { batches: vec![self], pause }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::StartingPosition;

    fn source(bisect: bool, retries_max: Option<u32>) -> StreamSource {
        StreamSource {
            arn: "arn:stream".to_owned(),
            table: "t".to_owned(),
            start: StartingPosition::TrimHorizon,
            lanes: 1,
            bisect,
            retries_max,
            record_age_max: Duration::from_mins(1),
            on_failure: None,
        }
    }

    fn batch(sequences: std::ops::Range<u32>) -> Batch {
        let record = |sequence: u32| Record {
            json: "{}".to_owned(),
            key: "k".to_owned(),
            sequence: sequence.to_string(),
            written_s: f64::from(sequence),
        };
        Batch::new(sequences.map(record).collect())
    }

    /// Tries `start` with a function that fails whatever holds `poison`; which sequences it took, lost, and
    /// how often it was called.
    fn run(
        start: Batch,
        source: &StreamSource,
        poison: &str,
        reports: bool,
    ) -> (Vec<String>, Vec<String>, u32) {
        let (mut taken, mut lost, mut calls) = (Vec::new(), Vec::new(), 0);
        let mut waiting = std::collections::VecDeque::from([start]);
        while let Some(batch) = waiting.pop_front() {
            calls += 1;
            assert!(calls < 100, "it goes on for ever");
            let sequences = |batch: &Batch| {
                batch.records.iter().map(|record| record.sequence.clone()).collect::<Vec<_>>()
            };
            let all = sequences(&batch);
            let outcome = match (all.iter().any(|sequence| sequence == poison), reports) {
                (false, _) => Outcome::Answered(Verdict::Done),
                (true, true) => Outcome::Answered(Verdict::Partly(vec![poison.to_owned()])),
                (true, false) => Outcome::Failed,
            };
            let next = batch.settle(outcome, source);
            let left = match &next {
                Next::Done => Vec::new(),
                Next::Again { batches, .. } => batches.iter().flat_map(sequences).collect(),
                Next::GiveUp(batch) => sequences(batch),
            };
            taken.extend(all.into_iter().filter(|sequence| !left.contains(sequence)));
            match next {
                Next::Done => {}
                Next::Again { batches, .. } => {
                    batches.into_iter().rev().for_each(|batch| waiting.push_front(batch));
                }
                Next::GiveUp(batch) => lost.extend(sequences(&batch)),
            }
        }
        (taken, lost, calls)
    }

    #[test]
    fn one_poison_record_is_lost_alone_and_in_order() {
        for reports in [true, false] {
            for poison in 0..8 {
                let poison = poison.to_string();
                let (taken, lost, _) = run(batch(0..8), &source(true, Some(3)), &poison, reports);
                assert_eq!(lost, std::slice::from_ref(&poison), "reports: {reports}");
                let rest: Vec<_> =
                    (0..8).map(|sequence| sequence.to_string()).filter(|s| *s != poison).collect();
                assert_eq!(taken, rest, "reports: {reports}");
            }
        }
    }

    #[test]
    fn without_bisecting_the_whole_batch_is_lost() {
        let (taken, lost, calls) = run(batch(0..4), &source(false, Some(2)), "1", false);
        assert!(taken.is_empty());
        assert_eq!((lost.len(), calls), (4, 3));
        let (taken, lost, _) = run(batch(0..4), &source(false, Some(2)), "1", true);
        assert_eq!((taken, lost.len()), (vec!["0".to_owned()], 3), "what came before the report is done");
    }

    #[test]
    fn a_bisection_is_no_retry() {
        let (_, lost, calls) = run(batch(0..2), &source(true, Some(0)), "0", false);
        assert_eq!((lost, calls), (vec!["0".to_owned()], 3));
    }

    #[test]
    fn pauses_grow_to_a_limit_and_retries_may_be_endless() {
        let mut batch = batch(0..1);
        let mut pauses = Vec::new();
        for _ in 0..50 {
            let Next::Again { mut batches, pause } = batch.settle(Outcome::Failed, &source(true, None))
            else {
                panic!("given up");
            };
            pauses.push(pause);
            batch = batches.remove(0);
        }
        assert_eq!((pauses[0], pauses[1], pauses[49]), (BACKOFF_MIN, 2 * BACKOFF_MIN, BACKOFF_MAX));
    }

    #[test]
    fn an_unknown_identifier_fails_all() {
        let outcome = Outcome::Answered(Verdict::Partly(vec!["99".to_owned()]));
        let next = batch(0..2).settle(outcome, &source(false, Some(0)));
        assert_eq!(next, Next::GiveUp(batch(0..2)));
    }

    #[test]
    fn old_records_are_split_off() {
        let age = Duration::from_secs(10);
        assert_eq!(batch(0..3).split_expired(age, 11.0), (Some(batch(0..1)), Some(batch(1..3))));
        assert_eq!(batch(0..3).split_expired(age, 5.0), (None, Some(batch(0..3))));
        assert_eq!(batch(0..3).split_expired(age, 50.0), (Some(batch(0..3)), None));
    }

    #[test]
    fn a_record_gets_its_source() {
        let json = json!({"eventName": "INSERT", "dynamodb": {
            "Keys": {"pk": {"S": "a"}}, "SequenceNumber": "000000000000000000001", "ApproximateCreationDateTime": 1.0,
        }});
        let record = Record::new(json, "arn:stream").unwrap();
        assert!(record.json.contains(r#""eventSourceARN":"arn:stream""#));
        assert_eq!((record.key.as_str(), record.sequence.len()), (r#"{"pk":{"S":"a"}}"#, 21));
        assert_eq!(Record::new(json!({"dynamodb": {}}), "arn:stream"), None);
    }
}
