//! Reads a table's stream from where an earlier run stopped, and passes the records that match the filters to their lanes.

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::PathBuf,
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{
    batch::Record,
    lane::{self, Feed},
    position::{Position, Progress},
};
use crate::{aws_error::AwsError, dynamodb::Engine, eventbridge::Pattern, template::StartingPosition};

/// The shortest pause between two reads, so that a burst of writes is read at once. AWS reads four times a second.
const READ_INTERVAL_MIN: Duration = Duration::from_millis(20);
/// The longest pause between two reads, if no write is noticed.
const READ_INTERVAL_MAX: Duration = Duration::from_secs(1);
/// The pause before the stream is opened again after an error.
const ERROR_PAUSE: Duration = Duration::from_secs(1);
/// The most records of one read.
const READ_MAX: usize = 1_000;
/// The most records that wait for a lane. Reading stops while a lane is this far behind; the stream keeps the rest.
const LANE_RECORDS_MAX: usize = 10_000;

/// Reads the stream of a mapping, for ever.
pub(super) async fn run(feed: Feed, engine: Engine, file: Option<PathBuf>) {
    let (progress, mut position) = Progress::load(file);
    let mut lanes = Vec::new();
    // The lanes end when this future is dropped.
    let mut tasks = JoinSet::new();
    for _ in 0..feed.source.lanes.max(1) {
        let (lane, records) = mpsc::channel(LANE_RECORDS_MAX);
        tasks.spawn(lane::run(feed.clone(), records, progress.clone()));
        lanes.push(lane);
    }
    loop {
        let reader = Reader { feed: &feed, engine: &engine, progress: &progress, lanes: &lanes };
        let Err(error) = reader.read_from(&mut position).await;
        tracing::warn!(mapping = feed.mapping.id, code = error.code, "{}", error.message);
        sleep(ERROR_PAUSE).await;
    }
}

struct Reader<'a> {
    feed: &'a Feed,
    engine: &'a Engine,
    progress: &'a Progress,
    lanes: &'a [mpsc::Sender<Record>],
}

impl Reader<'_> {
    /// Reads from `position` on until there is an error. `position` is then where to continue.
    async fn read_from(&self, position: &mut Option<Position>) -> Result<std::convert::Infallible, AwsError> {
        let mut changed = self.engine.changed();
        let mut iterator = self.iterator(position).await?;
        loop {
            changed.mark_unchanged();
            let request = json!({ "ShardIterator": iterator, "Limit": READ_MAX });
            let mut answer = self.engine.call("DynamoDBStreams_20120810.GetRecords", request).await?;
            let records = match answer.get_mut("Records").map(Value::take) {
                Some(Value::Array(records)) => records,
                _ => Vec::new(),
            };
            let full = records.len() == READ_MAX;
            if let Some(newest) = records.last().and_then(sequence_of) {
                *position = Some(Position::After(newest));
            }
            self.distribute(records).await?;
            self.progress.save_sometimes();
            iterator = text(&answer, "NextShardIterator")?;
            if !full {
                sleep(READ_INTERVAL_MIN).await;
                // The next read follows in either case: after a write, or when the time is over.
                let _ = timeout(READ_INTERVAL_MAX, changed.changed()).await;
            }
        }
    }

    async fn distribute(&self, records: Vec<Value>) -> Result<(), AwsError> {
        for record in records {
            let newest = sequence_of(&record);
            if passes(&self.feed.mapping.filters, &record) {
                let record = Record::new(record, &self.feed.source.arn).ok_or_else(|| {
                    AwsError::internal("a record of the stream has no keys or no sequence number")
                })?;
                self.progress.begin(&record.sequence);
                let lane = &self.lanes[lane_of(&record.key, self.lanes.len())];
                lane.send(record).await.map_err(|_| AwsError::internal("a lane has ended"))?;
            }
            if let Some(newest) = newest {
                self.progress.read_up_to(&newest);
            }
        }
        Ok(())
    }

    async fn iterator(&self, position: &mut Option<Position>) -> Result<String, AwsError> {
        let table = json!({ "TableName": self.feed.source.table });
        let table = self.engine.call("DynamoDB_20120810.DescribeTable", table).await?;
        let stream = text(&table["Table"], "LatestStreamArn")?;
        let stream_request = json!({ "StreamArn": stream });
        let description = self.engine.call("DynamoDBStreams_20120810.DescribeStream", stream_request).await?;
        let shard = text(&description["StreamDescription"]["Shards"][0], "ShardId")?;
        let shard = json!({ "StreamArn": stream, "ShardId": shard });
        let from = if let Some(position) = position {
            &*position
        } else {
            let first = match self.feed.source.start {
                StartingPosition::TrimHorizon => Position::Start,
                StartingPosition::Latest => self.end(&shard).await?,
            };
            // Saved at once: the next run of a stack that is killed before it has read anything must not start later.
            self.progress.begin_at(&first);
            position.insert(first)
        };
        self.iterator_from(&shard, from).await
    }

    async fn iterator_from(&self, shard: &Value, position: &Position) -> Result<String, AwsError> {
        let (kind, sequence) = match position {
            Position::Start => ("TRIM_HORIZON", None),
            Position::At(sequence) => ("AT_SEQUENCE_NUMBER", Some(sequence)),
            Position::After(sequence) => ("AFTER_SEQUENCE_NUMBER", Some(sequence)),
        };
        let mut request = shard.clone();
        request["ShardIteratorType"] = json!(kind);
        if let Some(sequence) = sequence {
            request["SequenceNumber"] = json!(sequence);
        }
        let answer = self.engine.call("DynamoDBStreams_20120810.GetShardIterator", request).await?;
        text(&answer, "ShardIterator")
    }

    /// The present end of the stream, as a sequence number, which can be saved unlike a `LATEST` iterator.
    async fn end(&self, shard: &Value) -> Result<Position, AwsError> {
        let mut end = Position::Start;
        let mut iterator = self.iterator_from(shard, &end).await?;
        loop {
            let request = json!({ "ShardIterator": iterator, "Limit": READ_MAX });
            let answer = self.engine.call("DynamoDBStreams_20120810.GetRecords", request).await?;
            let newest = answer["Records"].as_array().and_then(|records| sequence_of(records.last()?));
            let Some(newest) = newest else { return Ok(end) };
            end = Position::After(newest);
            iterator = text(&answer, "NextShardIterator")?;
        }
    }
}

/// Whether a record matches one of the filters, or there is none.
fn passes(filters: &[Pattern], record: &Value) -> bool {
    filters.is_empty() || filters.iter().any(|filter| filter.matches(record))
}

/// The lane of an item key, which is always the same.
fn lane_of(key: &str, lanes: usize) -> usize {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    usize::try_from(hasher.finish() % lanes as u64).unwrap_or(0)
}

fn sequence_of(record: &Value) -> Option<String> {
    record.get("dynamodb")?.get("SequenceNumber")?.as_str().map(str::to_owned)
}

fn text(answer: &Value, name: &str) -> Result<String, AwsError> {
    let text = answer.get(name).and_then(Value::as_str);
    text.map(str::to_owned)
        .ok_or_else(|| AwsError::internal(format!("the response of the engine has no {name}")))
}
