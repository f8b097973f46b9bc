//! What an inbox knows of a conversation: `CONV#id` / `ACTIVITY`, and the index `byActivity`.
//!
//! The function `digest` derives the row from the records of the log ([`log_record`]), so that no sender has to write it. It is
//! read, changed in memory and put back on condition that nobody else has changed it meanwhile (its count of `changes`).
//!
//! The index has two kinds of entries. Those of a company (`COMPANY#id`) are its conversations by the time of their last
//! message. Those of a user (`USER#id`) are the rows of a participant, by the time at which they were added. The index is only a
//! hint: which conversation belongs to whom is read from its own rows.

use std::collections::{BTreeMap, BTreeSet};

use aws_lambda_events::dynamodb::EventRecord;
use aws_sdk_dynamodb::types::AttributeValue;
use funnelcast_core::{
    Channel, ConversationId, Error, Seq, Timestamp, UserId,
    event::EventName,
    frame::Sender,
    inbox::{ACTIVITY_BYTES_MAX, Activity, LastMessage, LogNews, SeenMessage},
};
use serde::Deserialize;

use super::{
    conversations::{Conversation, Owners},
    item::{Table, back_off, failed, from_item, if_met, is_contended, sk, to_attribute},
    key,
    log::{LogRow, Start, Stored, Unquoted},
    stream,
};

/// How often a process tries to change an activity that others change too.
const ROUNDS_MAX: u32 = 10;

/// A conversation and what an inbox knows of it.
#[derive(Debug, Clone)]
pub struct ActiveConversation {
    /// The conversation; `None` if it was never set, or has ended.
    pub conversation: Option<Conversation>,
    /// The companies that it belongs to or did; `None` if it was never set.
    pub owners: Option<Owners>,
    /// What an inbox knows of it.
    pub activity: Activity,
}

/// The row of an activity, or an entry of the index.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ActivityRow {
    /// How often it has been changed, on which a further change is conditional.
    #[serde(default)]
    changes: u64,
    #[serde(flatten)]
    pub(super) activity: Activity,
}

/// What a record of the stream says of a conversation's log.
#[derive(Debug)]
pub struct LogRecord {
    /// The conversation.
    pub conversation: ConversationId,
    /// What it means for inboxes, if anything.
    pub news: Option<LogNews>,
    /// The event, if it is new in the log.
    pub new_event: Option<Unquoted>,
}

/// Decodes a record; `None` if it is not of a conversation's log, or says nothing of it but that an event has been marked for
/// delivery.
///
/// # Errors
/// [`Error::Internal`] if the record is not one of a log's item.
pub fn log_record(record: &EventRecord) -> Result<Option<LogRecord>, Error> {
    let image = stream::image(record);
    let channel = stream::partition(image)?.strip_prefix(key::LOG_PREFIX).map(str::parse::<Channel>);
    let Some(channel @ Channel::Conversation(conversation)) = &channel.transpose()? else { return Ok(None) };
    let mut of = LogRecord { conversation: conversation.clone(), news: None, new_event: None };
    if matches!(image.get("sk"), Some(serde_dynamo::AttributeValue::S(sk)) if sk == key::LOG_START) {
        let marker: Start = stream::decode(image)?;
        of.news = Some(LogNews::BeginsAfter(marker.n));
        return Ok(Some(of));
    }
    if record.event_name == "MODIFY" && is_only_marked(record) {
        return Ok(None);
    }
    let row: LogRow = stream::decode(image)?;
    let stored = Stored { seq: key::parse_seq(&row.sk)?, row };
    if stored.row.event == EventName::ChatMessage {
        of.news = Some(match record.event_name.as_str() {
            "REMOVE" => LogNews::Gone(stored.seq),
            _ => LogNews::Message(seen(&stored)?),
        });
    }
    if record.event_name == "INSERT" {
        of.new_event = Some(stored.into_event(channel.clone())?);
    }
    Ok(Some(of))
}

/// Whether a record differs only in the mark that has its event delivered.
fn is_only_marked(record: &EventRecord) -> bool {
    let [before, after] = [&record.change.old_image, &record.change.new_image].map(|image| {
        let mut image = image.clone();
        image.remove("delivery");
        image.remove("deliveryExcept");
        image
    });
    before == after
}

pub(super) fn seen(stored: &Stored) -> Result<SeenMessage, Error> {
    let row = &stored.row;
    let from = row.user.clone().zip(row.name.clone()).map(|(user_id, name)| Sender { user_id, name });
    let body = stored.body()?;
    let excerpt = SeenMessage::excerpt(&body);
    Ok(SeenMessage {
        shown: LastMessage { seq: stored.seq, at: Timestamp::from_millis(row.at), from, excerpt },
        author: body.user_id,
        n: stored.n(),
        kept_at: Timestamp::from_millis(row.kept_at),
        changes: row.changes,
        expires_at: row.ttl.map(Timestamp::from_secs),
        is_gone: false,
    })
}

impl Table {
    /// Takes changes of a conversation's log into account: 1 read by size, 1 write unit and 2 of the index if there is anything
    /// new; 1 read by size, 1 write and 1 of the index for a sender's first message; and 1 write for each sender for whom there is
    /// no room any more. Returns the conversation as it is now.
    ///
    /// A crash before the last write leaves nothing behind that a repeat does not write again.
    ///
    /// # Errors
    /// [`Error::Internal`] if the table fails, or if the activity kept changing.
    pub async fn learn(
        &self,
        conversation: &ConversationId,
        news: &[LogNews],
    ) -> Result<ActiveConversation, Error> {
        let channel = Channel::Conversation(conversation.clone());
        for round in 0..ROUNDS_MAX {
            let ((known, owners), row) = self.read_activity(conversation).await?;
            let erased = self.erased_among(&channel, new_authors(&row.activity, news)).await?;
            let mut activity = row.activity.clone();
            for news in news {
                activity.learn(without(news.clone(), &erased));
            }
            for user in activity.sent.keys().filter(|user| !row.activity.sent.contains_key(*user)) {
                self.note_place(&channel, user).await?;
            }
            for (user, n) in activity.trim(ACTIVITY_BYTES_MAX) {
                self.note_sent(&channel, &user, n).await?;
            }
            let is_known = activity.is_shown_as(&row.activity);
            if is_known || self.put_activity(conversation, &row, &activity).await? {
                let activity = if is_known { row.activity } else { activity };
                return Ok(ActiveConversation { conversation: known, owners, activity });
            }
            back_off(round).await; // another process changed it between the read and the write
        }
        Err(Error::Internal("the activity of a conversation kept changing while it was written".into()))
    }

    /// Those of these users, each with a message that they have sent, whose message is no longer theirs, because they have been
    /// erased since: 1 read by size for each.
    ///
    /// A record of the stream may be read a day after it was written. Who is learnt from it then would be named again after
    /// the last run of their erasure. Of a message that is still theirs they are learnt, so that another erasure finds it.
    async fn erased_among(
        &self,
        channel: &Channel,
        messages: BTreeMap<UserId, Seq>,
    ) -> Result<BTreeSet<UserId>, Error> {
        let mut nobodys = BTreeSet::new();
        for message in self.stored_events(channel, messages.values().copied()).await? {
            if message.body()?.user_id == Some(UserId::erased()) {
                nobodys.insert(message.seq);
            }
        }
        Ok(messages.into_iter().filter(|(_, seq)| nobodys.contains(seq)).map(|(user, _)| user).collect())
    }

    /// What an inbox knows of a conversation: 1 read.
    ///
    /// # Errors
    /// [`Error::Internal`] if the table fails.
    pub async fn activity(&self, conversation: &ConversationId) -> Result<Activity, Error> {
        let get = self.get(key::conversation(conversation), key::ACTIVITY.to_owned());
        let item = get.send().await.map_err(failed("GetItem of an activity"))?.item;
        Ok(item.map_or_else(|| Ok(ActivityRow::default()), from_item)?.activity)
    }

    /// A conversation and what an inbox knows of it: 1 read.
    ///
    /// # Errors
    /// [`Error::Internal`] if the table fails.
    pub async fn active_conversation(
        &self,
        conversation: &ConversationId,
    ) -> Result<ActiveConversation, Error> {
        let ((conversation, owners), row) = self.read_activity(conversation).await?;
        Ok(ActiveConversation { conversation, owners, activity: row.activity })
    }

    /// Reads a conversation and its activity: 1 read, because both are in one partition.
    async fn read_activity(
        &self,
        conversation: &ConversationId,
    ) -> Result<((Option<Conversation>, Option<Owners>), ActivityRow), Error> {
        let items = self.read_conversation_items(conversation).await?;
        let row = items.iter().find(|item| sk(item) == key::ACTIVITY).cloned();
        let row = row.map_or_else(|| Ok(ActivityRow::default()), from_item)?;
        Ok((Conversation::of(items)?, row))
    }

    /// Forgets a user in what an inbox knows of a conversation: 1 read, and if they are known 1 write unit and 2 of the index.
    ///
    /// # Errors
    /// [`Error::Internal`] if the table fails, or if the activity kept changing.
    pub async fn forget_in_activity(
        &self,
        conversation: &ConversationId,
        user: &UserId,
    ) -> Result<(), Error> {
        for round in 0..ROUNDS_MAX {
            let (_, row) = self.read_activity(conversation).await?;
            let mut activity = row.activity.clone();
            if !activity.forget(user) || self.put_activity(conversation, &row, &activity).await? {
                return Ok(());
            }
            back_off(round).await;
        }
        Err(Error::Internal("the activity of a conversation kept changing while it was written".into()))
    }

    /// Writes an activity, unless it is no longer as it was read: 1 write. Returns whether it was written.
    async fn put_activity(
        &self,
        conversation: &ConversationId,
        before: &ActivityRow,
        activity: &Activity,
    ) -> Result<bool, Error> {
        let mut sets = "SET changes = :after, #before = :messagesBefore, sent = :sent".to_owned();
        let mut update = self
            .update(key::conversation(conversation), key::ACTIVITY.to_owned())
            .expression_attribute_names("#before", "before")
            .expression_attribute_values(":after", number(before.changes + 1))
            .expression_attribute_values(":messagesBefore", number(activity.before))
            .expression_attribute_values(":sent", to_attribute(&activity.sent)?);
        if let Some(last) = &activity.last {
            sets.push_str(", #last = :last, activeAt = :activeAt");
            update = update
                .expression_attribute_names("#last", "last")
                .expression_attribute_values(":last", to_attribute(last)?)
                .expression_attribute_values(
                    ":activeAt",
                    AttributeValue::N(last.kept_at.as_millis().to_string()),
                );
        }
        let update = update.update_expression(sets);
        let update = match before.changes {
            0 => update.condition_expression("attribute_not_exists(changes)"),
            changes => update
                .condition_expression("changes = :unchanged")
                .expression_attribute_values(":unchanged", number(changes)),
        };
        let written = update.send().await;
        Ok(!is_contended(&written) && if_met("UpdateItem of an activity", written)?.is_some())
    }

    /// Notes the `n` of a user's own message beside their receipts, unless a later one is noted: 1 write.
    async fn note_sent(&self, channel: &Channel, user: &UserId, n: u64) -> Result<(), Error> {
        let update = self
            .update(key::receipts(channel), user.to_string())
            .update_expression("SET sentN = :n")
            .condition_expression("attribute_not_exists(sentN) OR sentN < :n")
            .expression_attribute_values(":n", number(n));
        if_met("UpdateItem of a sender", update.send().await).map(drop)
    }
}

/// The authors of new messages of whom an activity knows nothing yet, each with the last of these messages.
fn new_authors(known: &Activity, news: &[LogNews]) -> BTreeMap<UserId, Seq> {
    let mut authors = BTreeMap::new();
    for news in news {
        let LogNews::Message(message) = news else { continue };
        let author = message.author.as_ref().filter(|_| message.changes == 0);
        if let Some(author) = author.filter(|author| !known.sent.contains_key(*author)) {
            let last = authors.entry(author.clone()).or_insert(message.shown.seq);
            *last = message.shown.seq.max(*last);
        }
    }
    authors
}

/// The same news, in which nothing is left of these authors.
fn without(news: LogNews, erased: &BTreeSet<UserId>) -> LogNews {
    match news {
        LogNews::Message(mut message)
            if message.author.as_ref().is_some_and(|author| erased.contains(author)) =>
        {
            message.author = None;
            (message.shown.from, message.shown.excerpt) = (None, None);
            LogNews::Message(message)
        }
        news => news,
    }
}

fn number(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}
