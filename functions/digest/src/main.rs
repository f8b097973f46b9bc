//! `digest`: follows the logs of conversations in the table's stream, and keeps what inboxes show. See
//! [`funnelcast_realtime::digest`]. Where a file is gone from the table, it has the file's objects removed.
//!
//! The records of a batch are taken conversation by conversation, side by side. A record that cannot be read is put into the
//! dead-letter queue at once, in full, and those beside it are handled. If a conversation fails, the stream begins again at its
//! first record: what was done already changes nothing when it is done again.

use std::collections::BTreeMap;

use aws_lambda_events::{
    dynamodb::EventRecord,
    streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse},
};
use funnelcast_aws::{
    Config, Resource,
    letters::{DeadLetters, Source, Undone},
    measure,
    serve::serve,
    table::{
        activity::{LogRecord, log_record},
        postings::TextChange,
        stream::{GoneFile, as_json, gone_file},
    },
};
use funnelcast_core::{ConversationId, Error};
use funnelcast_realtime::{
    Realtime,
    chat_events::ChatEvents,
    digest::{self, Digested, News},
    files::FileTasks,
};
use futures_util::{StreamExt, stream};
use serde_json::Value;

/// How many conversations of a batch are served side by side.
const CONVERSATIONS_AT_ONCE: usize = 10;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    serve(handle).await
}

/// The table, the gateway, the queues and, if the backend is to hear of conversations, the bus.
#[derive(Debug)]
struct Digest {
    realtime: Realtime,
    chat_events: Option<ChatEvents>,
    files: FileTasks,
    letters: DeadLetters,
    /// Whether the messages of each company are measured.
    watches_companies: bool,
}

impl Resource for Digest {
    async fn build(config: &Config) -> Result<Self, Error> {
        let (realtime, chat_events, letters) =
            tokio::try_join!(Realtime::build(config), ChatEvents::build(config), DeadLetters::build(config))?;
        let (files, watches_companies) = (FileTasks::new(config)?, config.watches_companies);
        Ok(Self { realtime, chat_events, files, letters, watches_companies })
    }
}

/// The news of one conversation, in the order of the stream, and the index of its first record.
#[derive(Debug)]
struct Group {
    first: usize,
    news: News,
}

/// Handles a batch. The response names the first record that is not done, if there is one.
async fn handle(
    Digest { realtime, chat_events, files, letters, watches_companies }: &Digest,
    event: Value,
) -> Result<DynamoDbEventResponse, Error> {
    let records = event["Records"].as_array().map_or(&[][..], Vec::as_slice);
    let text_of: TextOf = if realtime.access.is_indexed { TextChange::of } else { |_| Ok(None) };
    let Sorted { groups, gone_files, unreadable } = sorted(records, text_of);
    let mut undone = Vec::new();
    for (index, error) in unreadable {
        if give_up(letters, &records[index], &error).await.is_err() {
            undone.push(index);
        }
    }
    let failed = stream::iter(groups)
        .map(async |(conversation, Group { first, news })| {
            let digested = digest::digest(realtime, chat_events.as_ref(), &conversation, news).await;
            match digested {
                Ok(Digested { company: Some(company), messages }) if *watches_companies && messages > 0 => {
                    measure::company_messages(&company, messages);
                    None
                }
                Ok(_) => None,
                Err(error) => {
                    tracing::error!(%conversation, %error, "records of the stream failed");
                    Some(first)
                }
            }
        })
        .buffer_unordered(CONVERSATIONS_AT_ONCE)
        .filter_map(async |failed| failed)
        .collect::<Vec<usize>>()
        .await;
    undone.extend(failed);
    for (index, file) in gone_files {
        if let Err(error) = files.remove(file).await {
            tracing::error!(%error, "a file that is gone could not be put into the queue");
            undone.push(index);
        }
    }
    let mut answer = DynamoDbEventResponse::default();
    answer.batch_item_failures.extend(undone.into_iter().min().map(|index| failure_of(&records[index])));
    Ok(answer)
}

/// What a record says of the text of a message, if that is indexed.
type TextOf = fn(&EventRecord) -> Result<Option<TextChange>, Error>;

/// What the records of a batch say. Each record is given by its index.
#[derive(Debug, Default)]
struct Sorted {
    /// The news of each conversation.
    groups: BTreeMap<ConversationId, Group>,
    /// The files that are gone.
    gone_files: Vec<(usize, GoneFile)>,
    /// The records that cannot be read.
    unreadable: Vec<(usize, Error)>,
}

/// What a record says.
enum Said {
    OfALog(Box<(LogRecord, Option<TextChange>)>),
    FileIsGone(GoneFile),
    Nothing,
}

fn read(record: &EventRecord, text_of: TextOf) -> Result<Said, Error> {
    if let Some(file) = gone_file(record)? {
        return Ok(Said::FileIsGone(file));
    }
    let text = text_of(record)?;
    Ok(log_record(record)?.map_or(Said::Nothing, |record| Said::OfALog(Box::new((record, text)))))
}

fn sorted(records: &[Value], text_of: TextOf) -> Sorted {
    let mut sorted = Sorted::default();
    for (index, record) in records.iter().enumerate() {
        let said = Error::parse(record.clone()).and_then(|record: EventRecord| read(&record, text_of));
        match said {
            Ok(Said::OfALog(said)) => {
                let (LogRecord { conversation, news, new_event }, text) = *said;
                let new = Group { first: index, news: News::default() };
                let group = sorted.groups.entry(conversation).or_insert(new);
                group.news.news.extend(news);
                group.news.events.extend(new_event);
                group.news.texts.extend(text);
            }
            Ok(Said::FileIsGone(file)) => sorted.gone_files.push((index, file)),
            Ok(Said::Nothing) => {}
            Err(error) => sorted.unreadable.push((index, error)),
        }
    }
    sorted
}

/// A failure without a sequence number fails the whole batch, which is right for a record without one.
fn failure_of(record: &Value) -> DynamoDbBatchItemFailure {
    let mut failure = DynamoDbBatchItemFailure::default();
    failure.item_identifier =
        record.pointer("/dynamodb/SequenceNumber").and_then(Value::as_str).map(str::to_owned);
    failure
}

/// Puts the item of a record into the dead-letter queue: no retry makes it readable.
async fn give_up(letters: &DeadLetters, record: &Value, error: &Error) -> Result<(), Error> {
    let id = record["eventID"].as_str().unwrap_or_default();
    let item = Error::parse(record.clone()).ok().and_then(|record: EventRecord| as_json(&record));
    letters
        .put(&Undone { source: Source::Stream, id, item: item.as_ref().unwrap_or(record), tries: 1, error })
        .await
}

#[cfg(test)]
mod tests {
    use funnelcast_core::{Seq, event::EventName, inbox::LogNews};

    use super::*;

    fn records(sample: &str) -> Vec<Value> {
        let mut event: Value = serde_json::from_str(sample).unwrap();
        serde_json::from_value(event["Records"].take()).unwrap()
    }

    #[test]
    fn every_sample_is_the_news_it_is_named_after() {
        let news = |sample| {
            let Sorted { mut groups, unreadable, .. } = sorted(&records(sample), TextChange::of);
            assert!(unreadable.is_empty(), "{unreadable:?}");
            let group = groups.remove(&"conv-123".parse().unwrap()).unwrap();
            assert_eq!(group.first, 0);
            group.news.news
        };
        let message = news(include_str!("../../../events/stream-message.json"));
        let [LogNews::Message(message)] = &message[..] else { panic!("{message:?}") };
        assert_eq!((message.shown.seq.get(), message.n), (42, 40));
        assert_eq!(message.shown.excerpt.as_deref(), Some("hello"));
        let expired = news(include_str!("../../../events/stream-expired.json"));
        assert_eq!(expired, [LogNews::Gone(42.try_into().unwrap())]);
        let restarted = news(include_str!("../../../events/stream-restarted.json"));
        assert_eq!(restarted, [LogNews::BeginsAfter(40)]);
        assert!(
            news(include_str!("../../../events/stream-edit.json")).is_empty(),
            "the message is another record"
        );
    }

    #[test]
    fn only_what_is_new_in_the_log_is_an_event() {
        let events = |sample: &str| {
            let Sorted { groups, .. } = sorted(&records(sample), |_| Ok(None));
            let events = groups.into_values().flat_map(|group| group.news.events);
            events.map(|event| (event.event().event, event.event().seq.map(Seq::get))).collect::<Vec<_>>()
        };
        let message = include_str!("../../../events/stream-message.json");
        assert_eq!(events(message), [(EventName::ChatMessage, Some(42))]);
        let edit = include_str!("../../../events/stream-edit.json");
        assert_eq!(events(edit), [(EventName::ChatEdit, Some(43))]);
        assert!(events(&message.replace("INSERT", "MODIFY")).is_empty());
        assert!(events(include_str!("../../../events/stream-expired.json")).is_empty());
    }

    /// Events of large channels are marked so that `broadcast` delivers them, which is another record.
    #[test]
    fn a_mark_for_the_delivery_is_no_news() {
        let mut marked = records(include_str!("../../../events/stream-marked.json"));
        assert!(sorted(&marked, TextChange::of).groups.is_empty());
        marked[0]["dynamodb"]["NewImage"]["changes"] = serde_json::json!({"N": "1"});
        assert_eq!(sorted(&marked, TextChange::of).groups.len(), 1, "it has changed as well");
    }

    #[test]
    fn a_file_is_gone_once_its_item_is() {
        let gone = records(include_str!("../../../events/stream-file-gone.json"));
        let Sorted { gone_files, groups, unreadable } = sorted(&gone, TextChange::of);
        let id = || "file_1".parse().unwrap();
        assert_eq!(gone_files, [(0, GoneFile { id: id(), upload: None })]);
        assert!(groups.is_empty() && unreadable.is_empty());
        let mut unfinished = gone.clone();
        let image = &mut unfinished[0]["dynamodb"]["OldImage"];
        image["upload"] = serde_json::json!({"S": "parts-1"});
        let upload_of = |records: &[Value]| sorted(records, TextChange::of).gone_files.remove(0).1.upload;
        assert_eq!(upload_of(&unfinished), None, "an upload that has come to its end");
        unfinished[0]["dynamodb"]["OldImage"]["state"] = serde_json::json!({"S": "uploading"});
        assert_eq!(upload_of(&unfinished), Some("parts-1".to_owned().into()));
        let mut changed = gone;
        changed[0]["eventName"] = "MODIFY".into();
        changed[0]["dynamodb"]["NewImage"] = changed[0]["dynamodb"]["OldImage"].clone();
        assert!(sorted(&changed, TextChange::of).gone_files.is_empty());
    }

    #[test]
    fn texts_are_told_only_where_they_are_indexed() {
        let sample = records(include_str!("../../../events/stream-message.json"));
        for (text_of, texts) in [(TextChange::of as TextOf, 1), (|_| Ok(None), 0)] {
            let Sorted { groups, .. } = sorted(&sample, text_of);
            assert_eq!(groups.values().map(|group| group.news.texts.len()).sum::<usize>(), texts);
        }
    }

    #[test]
    fn an_unreadable_record_leaves_those_beside_it() {
        let good = records(include_str!("../../../events/stream-message.json"));
        let mut bad = good[0].clone();
        bad["dynamodb"]["NewImage"]["data"]["S"] = "no JSON".into();
        let mut other = good[0].clone();
        other["dynamodb"]["NewImage"]["pk"]["S"] = "LOG#funnel_updates:biz_1".into();
        let Sorted { groups, unreadable, .. } =
            sorted(&[bad, good[0].clone(), other, Value::Null, good[0].clone()], |_| Ok(None));
        assert_eq!(unreadable.iter().map(|(index, _)| *index).collect::<Vec<_>>(), [0, 3]);
        assert_eq!(
            groups.into_values().map(|group| (group.first, group.news.news.len())).collect::<Vec<_>>(),
            [(1, 2)]
        );
    }
}
