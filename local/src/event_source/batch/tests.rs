//! Batches that fail partly or as a whole.

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
fn run(start: Batch, source: &StreamSource, poison: &str, reports: bool) -> (Vec<String>, Vec<String>, u32) {
    let (mut taken, mut lost, mut calls) = (Vec::new(), Vec::new(), 0);
    let mut waiting = std::collections::VecDeque::from([start]);
    while let Some(batch) = waiting.pop_front() {
        calls += 1;
        assert!(calls < 100, "it goes on for ever");
        let sequences =
            |batch: &Batch| batch.records.iter().map(|record| record.sequence.clone()).collect::<Vec<_>>();
        let all = sequences(&batch);
        let outcome = match (all.iter().any(|sequence| sequence == poison), reports) {
            (false, _) => Outcome::Answered(BatchReport::Done),
            (true, true) => Outcome::Answered(BatchReport::Partly(vec![poison.to_owned()])),
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
fn only_a_poison_record_is_lost_and_the_order_is_kept() {
    for reports in [true, false] {
        for poison in 0..8 {
            let poison = poison.to_string();
            let (taken, lost, _) = run(batch(0..8), &source(true, Some(3)), &poison, reports);
            assert_eq!(lost, std::slice::from_ref(&poison), "reports: {reports}");
            let rest: Vec<_> = (0..8).map(|sequence| sequence.to_string()).filter(|s| *s != poison).collect();
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
fn a_bisection_does_not_count_as_a_retry() {
    let (_, lost, calls) = run(batch(0..2), &source(true, Some(0)), "0", false);
    assert_eq!((lost, calls), (vec!["0".to_owned()], 3));
}

#[test]
fn pauses_grow_to_a_limit_and_retries_may_be_unlimited() {
    let mut batch = batch(0..1);
    let mut pauses = Vec::new();
    for _ in 0..50 {
        let Next::Again { mut batches, pause } = batch.settle(Outcome::Failed, &source(true, None)) else {
            panic!("given up");
        };
        pauses.push(pause);
        batch = batches.remove(0);
    }
    assert_eq!((pauses[0], pauses[1], pauses[49]), (BACKOFF_MIN, 2 * BACKOFF_MIN, BACKOFF_MAX));
}

#[test]
fn an_unknown_identifier_fails_the_whole_batch() {
    let outcome = Outcome::Answered(BatchReport::Partly(vec!["99".to_owned()]));
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
fn a_record_has_the_arn_of_its_stream() {
    let json = json!({"eventName": "INSERT", "dynamodb": {
        "Keys": {"pk": {"S": "a"}}, "SequenceNumber": "000000000000000000001", "ApproximateCreationDateTime": 1.0,
    }});
    let record = Record::new(json, "arn:stream").unwrap();
    assert!(record.json.contains(r#""eventSourceARN":"arn:stream""#));
    assert_eq!((record.key.as_str(), record.sequence.len()), (r#"{"pk":{"S":"a"}}"#, 21));
    assert_eq!(Record::new(json!({"dynamodb": {}}), "arn:stream"), None);
}
