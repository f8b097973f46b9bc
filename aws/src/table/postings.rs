//! Postings: which messages of a company have a word that begins in a certain way. `FIND#company#beginning` /
//! `time#conversation#seq`.
//!
//! The function `digest` derives them from the records of the logs ([`TextChange::of`]). The sort key is the same in all
//! partitions that a message is in, and never changes: so the messages that have several words are found by going through the
//! partitions of these words side by side, from the newest message on.
//!
//! A posting is only a hint, because it is written after the message, and may outlive it. Whether a message has the words, and
//! whose it is, is read from the message and its conversation ([`Table::messages_at`]).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_lambda_events::dynamodb::EventRecord;
use aws_sdk_dynamodb::types::{AttributeValue, DeleteRequest, PutRequest, WriteRequest};
use funnelcast_core::{
    Channel, CompanyId, ConversationId, Error, UserId, action::MessagePlace, event::EventName,
};
use futures_util::{StreamExt as _, TryStreamExt as _, stream::iter};
use serde::{Deserialize, Serialize};

use super::{
    conversations::Meta,
    item::{Item, Table, back_off, failed, from_item, sk, to_item},
    key,
    log::{LogRow, Stored, stored},
    stream,
};
use crate::clock::now;

/// The most items of a `BatchWriteItem`
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html>).
const BATCH_WRITE_ITEMS_MAX: usize = 25;
/// How many such calls are made side by side.
const BATCHES_AT_ONCE: usize = 4;
/// How many postings are read at once.
const PAGE_POSTINGS: i32 = 200;

/// What becomes of the text of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextChange {
    /// The place of the message, by when it was kept.
    pub place: MessagePlace,
    /// The author of the message, if it is a user.
    pub author: Option<UserId>,
    /// The text until now; empty if there was none.
    pub before: String,
    /// The text from now on; empty if the message has been deleted.
    pub after: String,
    /// When the message expires, in seconds since 1970; `None` if it never does.
    pub expires_at: Option<i64>,
}

impl TextChange {
    /// What a record of the stream says of the text of a message in a conversation; `None` if it does not change. The expiry of
    /// a message is no change, because its postings expire with it.
    ///
    /// # Errors
    /// [`Error::Internal`] if the record is not one of a log's item.
    pub fn of(record: &EventRecord) -> Result<Option<Self>, Error> {
        let images = [&record.change.old_image, &record.change.new_image];
        let [before, after] = images.map(message);
        Self::between(before?, after?)
    }

    /// The change from one state of a message to another; `None` if its text is the same, or if it has expired.
    ///
    /// # Errors
    /// [`Error::Internal`] if a stored payload is not that of a message.
    pub fn between(before: Option<Stored>, after: Option<Stored>) -> Result<Option<Self>, Error> {
        let Some(known) = after.as_ref().or(before.as_ref()) else { return Ok(None) };
        let Some(Channel::Conversation(conversation)) =
            known.row.pk.strip_prefix(key::LOG_PREFIX).map(str::parse::<Channel>).transpose()?
        else {
            return Ok(None);
        };
        if after.is_none() && !known.row.is_alive(now()) {
            return Ok(None);
        }
        let place = MessagePlace { at: known.row.kept_at, conversation, seq: known.seq };
        let (author, expires_at) = (known.row.user.clone(), known.row.ttl);
        let text = |stored: Option<Stored>| match stored {
            None => Ok(String::new()),
            Some(stored) => Ok::<_, Error>(stored.body()?.content),
        };
        let (before, after) = (text(before)?, text(after)?);
        Ok((before != after).then_some(Self { place, author, before, after, expires_at }))
    }
}

/// The message of an image; `None` if it is none.
fn message(image: &serde_dynamo::Item) -> Result<Option<Stored>, Error> {
    if !image.contains_key("event") {
        return Ok(None); // there is no such image, or it is that of the log's marker
    }
    let row: LogRow = stream::decode(image)?;
    if row.event != EventName::ChatMessage {
        return Ok(None);
    }
    Ok(Some(Stored { seq: key::parse_seq(&row.sk)?, row }))
}

/// What is known of a message by one beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posting {
    /// The place of the message.
    pub place: MessagePlace,
    /// Its words that begin so, with spaces between them.
    pub words: String,
}

/// A change of the postings of a company.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PostingChange {
    /// The message has these words that begin so.
    Put {
        /// The words, with spaces between them.
        words: String,
        /// When the message expires, in seconds since 1970; `None` if it never does.
        expires_at: Option<i64>,
    },
    /// It has none.
    Delete,
}

/// Changes by the beginning of the words and the place of the message, of which the last one counts.
pub type PostingChanges = BTreeMap<(String, MessagePlace), PostingChange>;

/// The item.
#[derive(Debug, Serialize, Deserialize)]
struct PostingRow {
    pk: String,
    sk: String,
    words: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ttl: Option<i64>,
}

impl Table {
    /// Changes postings of a company: 1 write unit for each, in calls of 25. A repeat changes nothing.
    ///
    /// # Errors
    /// [`Error::Internal`] if the table fails; some of the changes may then have been made.
    pub async fn change_postings(&self, company: &CompanyId, changes: PostingChanges) -> Result<(), Error> {
        let writes = changes.into_iter().map(|((beginning, place), change)| {
            let (pk, sk) = (key::postings(company, &beginning), key::message_place(&place));
            write(pk, sk, change)
        });
        let writes = writes.collect::<Result<Vec<_>, _>>()?;
        let batches: Vec<_> = writes.chunks(BATCH_WRITE_ITEMS_MAX).map(<[_]>::to_vec).collect();
        let written = iter(batches).map(|batch| self.write_batch(batch)).buffer_unordered(BATCHES_AT_ONCE);
        written.try_collect().await
    }

    async fn write_batch(&self, writes: Vec<WriteRequest>) -> Result<(), Error> {
        const ROUNDS_MAX: u32 = 8;
        let mut pending = HashMap::from([(self.name.clone(), writes)]);
        for round in 0..ROUNDS_MAX {
            let answer = self.client.batch_write_item().set_request_items(Some(pending)).send().await;
            pending = answer.map_err(failed("BatchWriteItem"))?.unprocessed_items.unwrap_or_default();
            if pending.is_empty() {
                return Ok(());
            }
            back_off(round).await;
        }
        Err(Error::Internal("BatchWriteItem left items unwritten".into()))
    }

    /// The postings of a company by the beginning of words, from this place on or from the newest, the newest first; and
    /// whether there are more: half a read unit or more by size, of some 70 postings each.
    ///
    /// They are not read strongly consistent: they are written a moment after the message anyway.
    ///
    /// # Errors
    /// [`Error::Internal`] if the table fails.
    pub async fn postings(
        &self,
        company: &CompanyId,
        beginning: &str,
        from: Option<&MessagePlace>,
    ) -> Result<(Vec<Posting>, bool), Error> {
        let mut query = self
            .query(key::postings(company, beginning))
            .consistent_read(false)
            .scan_index_forward(false)
            .limit(PAGE_POSTINGS);
        if let Some(from) = from {
            query = query
                .key_condition_expression("pk = :pk AND sk <= :from")
                .expression_attribute_values(":from", AttributeValue::S(key::message_place(from)));
        }
        let page = query.send().await.map_err(failed("Query of postings"))?;
        let posting = |item: Item| {
            let PostingRow { sk, words, .. } = from_item(item)?;
            Ok(Posting { place: key::parse_message_place(&sk)?, words })
        };
        let postings =
            page.items.unwrap_or_default().into_iter().map(posting).collect::<Result<_, Error>>()?;
        Ok((postings, page.last_evaluated_key.is_some()))
    }

    /// The messages at these places that exist, in the order of the places, if their conversation is of this company and has
    /// not ended: 1 read unit or more by size for each message, and 1 or more for each conversation, in calls of 100.
    ///
    /// # Errors
    /// [`Error::Internal`] if the table fails.
    pub async fn messages_at(
        &self,
        company: &CompanyId,
        places: &[MessagePlace],
    ) -> Result<Vec<(MessagePlace, Stored)>, Error> {
        let conversations: BTreeSet<_> = places.iter().map(|place| &place.conversation).collect();
        let metas = conversations.iter().map(|id| (key::conversation(id), key::META.to_owned()));
        let messages = places.iter().map(|place| {
            let channel = Channel::Conversation(place.conversation.clone());
            (key::log(&channel), key::seq(place.seq))
        });
        let (metas, items): (Vec<_>, Vec<_>) = self
            .batch_get(messages.chain(metas).collect())
            .await?
            .into_iter()
            .partition(|item| sk(item) == key::META);
        let mut own = BTreeSet::new();
        for item in metas {
            let meta: Meta = from_item(item)?;
            let conversation = key::parse_conversation(&meta.pk)?;
            if meta.of_inbox(Some(company)).is_some() {
                own.insert(conversation);
            }
        }
        let mut found = HashMap::new();
        for item in items {
            let stored = stored(item)?;
            if stored.is_message() {
                found.insert((stored.row.pk.clone(), stored.seq), stored);
            }
        }
        let message = |place: &MessagePlace| {
            let channel = Channel::Conversation(place.conversation.clone());
            let stored = found.remove(&(key::log(&channel), place.seq))?;
            own.contains(&place.conversation).then(|| (place.clone(), stored))
        };
        Ok(places.iter().filter_map(message).collect())
    }

    /// The company of a conversation, also of one that has ended; `None` if it was never set: 1 read.
    ///
    /// # Errors
    /// [`Error::Internal`] if the table fails.
    pub async fn last_company_of(&self, conversation: &ConversationId) -> Result<Option<CompanyId>, Error> {
        let key = (key::conversation(conversation), key::META.to_owned());
        let meta: Option<Meta> =
            self.batch_get(vec![key]).await?.into_iter().next().map(from_item).transpose()?;
        Ok(meta.map(Meta::into_company))
    }
}

fn write(pk: String, sk: String, change: PostingChange) -> Result<WriteRequest, Error> {
    let broken = |error: &dyn std::error::Error| Error::Internal(format!("a posting to write: {error}"));
    Ok(match change {
        PostingChange::Put { words, expires_at } => {
            let item = to_item(PostingRow { pk, sk, words, ttl: expires_at })?;
            let put = PutRequest::builder().set_item(Some(item)).build().map_err(|error| broken(&error))?;
            WriteRequest::builder().put_request(put).build()
        }
        PostingChange::Delete => {
            let delete = DeleteRequest::builder()
                .key("pk", AttributeValue::S(pk))
                .key("sk", AttributeValue::S(sk))
                .build()
                .map_err(|error| broken(&error))?;
            WriteRequest::builder().delete_request(delete).build()
        }
    })
}

#[cfg(test)]
mod tests {
    use aws_lambda_events::dynamodb;

    use super::*;

    fn record(json: &str) -> EventRecord {
        let mut event: dynamodb::Event = serde_json::from_str(json).unwrap();
        event.records.remove(0)
    }

    #[test]
    fn a_record_says_what_becomes_of_a_text() {
        let sent = record(include_str!("../../../events/stream-message.json"));
        let change = TextChange::of(&sent).unwrap().unwrap();
        assert_eq!((change.place.conversation.as_str(), change.place.seq.get()), ("conv-123", 42));
        assert_eq!((change.before.as_str(), change.after.as_str()), ("", "hello"));

        let mut removed = sent.clone();
        removed.event_name = "REMOVE".to_owned();
        removed.change.old_image = std::mem::take(&mut removed.change.new_image);
        let change = TextChange::of(&removed).unwrap().unwrap();
        assert_eq!((change.before.as_str(), change.after.as_str()), ("hello", ""));

        let mut marked = sent;
        marked.change.old_image = marked.change.new_image.clone();
        assert_eq!(TextChange::of(&marked).unwrap(), None, "the text is the same");
    }

    #[test]
    fn what_expires_takes_its_postings_along() {
        let mut expired = record(include_str!("../../../events/stream-expired.json"));
        expired.change.old_image.insert("ttl".to_owned(), serde_dynamo::AttributeValue::N("1".to_owned()));
        assert_eq!(TextChange::of(&expired).unwrap(), None);
        let restarted = record(include_str!("../../../events/stream-restarted.json"));
        assert_eq!(TextChange::of(&restarted).unwrap(), None);
    }
}
