//! Reading the inbox of a company or of a user, page by page. The index `byActivity` says which conversations there may be; whose
//! they are is read from their own rows, strongly consistent.

use std::{cmp::Reverse, collections::HashMap};

use aws_sdk_dynamodb::{operation::query::builders::QueryFluentBuilder, types::AttributeValue};
use funnelcast_core::{
    Channel, CompanyId, ConversationId, Error, Timestamp, UserId,
    action::{INBOX_OWN_MAX, InboxCursor, InboxEntry},
    inbox::{Activity, ReadMark},
    moderation::Restriction,
};
use serde::Deserialize;

use super::{
    activity::ActivityRow,
    conversations::Meta,
    item::{Item, Table, failed, from_item, pk},
    key,
    receipts::ReceiptsRow,
    restrictions,
};

/// The index of conversations by activity.
const INDEX: &str = "byActivity";

/// A conversation that may be in an inbox.
#[derive(Debug, Clone)]
pub struct Listed {
    /// Its place.
    pub place: InboxCursor,
    activity: Activity,
}

/// An entry of an inbox as it is in the table.
#[derive(Debug, Clone)]
pub struct FoundEntry {
    /// The entry.
    pub entry: InboxEntry,
    /// Whether the reader is banned there, which concerns their own inbox unless they are of the company's team.
    pub is_banned: bool,
}

/// Whose inbox is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InboxOwner<'a> {
    /// That of a company.
    Company(&'a CompanyId),
    /// That of the user who reads.
    Reader,
}

/// An entry of the index, or the row of an activity.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListedRow {
    pk: String,
    #[serde(default)]
    active_at: i64,
    #[serde(flatten)]
    row: ActivityRow,
}

impl ListedRow {
    fn listed(self) -> Result<Listed, Error> {
        let conversation = key::parse_conversation(&self.pk)?;
        let place = InboxCursor { active_at: self.active_at, conversation };
        Ok(Listed { place, activity: self.row.activity })
    }
}

impl Table {
    /// The conversations of a company after a place, the last active first, and the place where the next page begins: 1 read,
    /// however many there are.
    ///
    /// # Errors
    /// [`Error::Internal`] if the table fails.
    pub async fn company_conversations(
        &self,
        company: &CompanyId,
        limit: usize,
        after: Option<&InboxCursor>,
    ) -> Result<(Vec<Listed>, Option<InboxCursor>), Error> {
        let inbox = key::company_inbox(company);
        let start = after.map(|place| start_after(&inbox, place));
        let query = self.query_index(inbox).set_limit(i32::try_from(limit).ok());
        let page = query.set_exclusive_start_key(start).send().await;
        let page = page.map_err(failed("Query of an inbox"))?;
        let listed = page.items.unwrap_or_default().into_iter().map(listed).collect::<Result<Vec<_>, _>>()?;
        let next = page.last_evaluated_key.map(listed_at).transpose()?;
        Ok((listed, next))
    }

    /// All conversations of a user, the last active first, and whether there are more than [`INBOX_OWN_MAX`]: 1 read or more by
    /// size, and 1 for each conversation, in calls of 100.
    ///
    /// # Errors
    /// [`Error::Internal`] if the table fails.
    pub async fn own_conversations(&self, user: &UserId) -> Result<(Vec<Listed>, bool), Error> {
        let mut found: Vec<ConversationId> = Vec::new();
        let mut start = None;
        loop {
            let limit = INBOX_OWN_MAX + 1 - found.len();
            let query = self.query_index(key::user_inbox(user)).set_limit(i32::try_from(limit).ok());
            let page = query.set_exclusive_start_key(start).send().await;
            let page = page.map_err(failed("Query of an inbox"))?;
            for item in page.items.unwrap_or_default() {
                found.push(listed_at(item)?.conversation);
            }
            start = page.last_evaluated_key;
            if start.is_none() || found.len() > INBOX_OWN_MAX {
                break;
            }
        }
        let more = found.len() > INBOX_OWN_MAX;
        found.truncate(INBOX_OWN_MAX);
        let keys = found.iter().map(|id| (key::conversation(id), key::ACTIVITY.to_owned()));
        let items = self.batch_get(keys.collect()).await?;
        let mut listed = items.into_iter().map(listed).collect::<Result<Vec<_>, _>>()?;
        listed.sort_by_cached_key(|listed| {
            Reverse((listed.place.active_at, listed.place.conversation.to_string()))
        });
        Ok((listed, more))
    }

    /// The entries of an inbox for these conversations, in their order, for a user who reads it: 2 items for each, or 3 and 1
    /// more in their own inbox, in calls of 100. What is no longer in this inbox is left out.
    ///
    /// # Errors
    /// [`Error::Internal`] if the table fails.
    pub async fn inbox_entries(
        &self,
        owner: InboxOwner<'_>,
        reader: &UserId,
        listed: Vec<Listed>,
        now: Timestamp,
    ) -> Result<Vec<FoundEntry>, Error> {
        let receipts = |id: &ConversationId| key::receipts(&Channel::Conversation(id.clone()));
        let mut keys = Vec::new();
        for Listed { place, .. } in &listed {
            let id = &place.conversation;
            keys.push((key::conversation(id), key::META.to_owned()));
            keys.push((receipts(id), reader.to_string()));
            if owner == InboxOwner::Reader {
                keys.push((key::restricted_in(id), reader.to_string()));
            }
        }
        if owner == InboxOwner::Reader && !listed.is_empty() {
            keys.push((key::restricted(reader), key::META.to_owned()));
        }
        let mut items: HashMap<_, _> =
            self.batch_get(keys).await?.into_iter().map(|item| (pk(&item).to_owned(), item)).collect();
        let mut entry = |Listed { place, activity }: Listed| {
            let conversation_id = place.conversation;
            let company = match owner {
                InboxOwner::Company(company) => Some(company),
                InboxOwner::Reader => None,
            };
            let meta =
                items.remove(&key::conversation(&conversation_id)).map(from_item::<Meta>).transpose()?;
            let Some(conversation) = meta.and_then(|meta| meta.of_inbox(company)) else { return Ok(None) };
            let mut is_banned = false;
            if owner == InboxOwner::Reader {
                let mut restrictions = Vec::new();
                for pk in [key::restricted_in(&conversation_id), key::restricted(reader)] {
                    if let Some(item) = items.get(&pk) {
                        restrictions
                            .extend(restrictions::of_item(item.clone(), Some(&conversation.company))?);
                    }
                }
                is_banned = Restriction::bans(restrictions, now);
                if !conversation.participants.contains(reader) {
                    return Ok(None);
                }
            }
            let mark: ReadMark = items
                .remove(&receipts(&conversation_id))
                .map(from_item::<ReceiptsRow>)
                .transpose()?
                .map_or_else(ReadMark::default, |row| row.mark());
            let read_n = activity.read_n(reader, mark, now);
            let entry = InboxEntry {
                company_id: conversation.company,
                participants: conversation.participants,
                title: conversation.title,
                last: activity.last(now).cloned(),
                n: activity.n(),
                read_n,
                unread: activity.unread(read_n),
                conversation_id,
            };
            Ok(Some(FoundEntry { entry, is_banned }))
        };
        listed.into_iter().filter_map(|listed| entry(listed).transpose()).collect()
    }

    /// A query of the index, the last active first. An index is never strongly consistent.
    pub(super) fn query_index(&self, inbox: String) -> QueryFluentBuilder {
        self.client
            .query()
            .table_name(&self.name)
            .index_name(INDEX)
            .key_condition_expression("inbox = :inbox")
            .expression_attribute_values(":inbox", AttributeValue::S(inbox))
            .scan_index_forward(false)
    }
}

fn listed(item: Item) -> Result<Listed, Error> {
    from_item::<ListedRow>(item)?.listed()
}

/// The place of an entry of the index, or of its key.
fn listed_at(item: Item) -> Result<InboxCursor, Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Key {
        pk: String,
        active_at: i64,
    }
    let Key { pk, active_at } = from_item(item)?;
    Ok(InboxCursor { active_at, conversation: key::parse_conversation(&pk)? })
}

/// The key after which a page of a company begins.
fn start_after(inbox: &str, place: &InboxCursor) -> Item {
    Item::from([
        ("pk".to_owned(), AttributeValue::S(key::conversation(&place.conversation))),
        ("sk".to_owned(), AttributeValue::S(key::ACTIVITY.to_owned())),
        ("inbox".to_owned(), AttributeValue::S(inbox.to_owned())),
        ("activeAt".to_owned(), AttributeValue::N(place.active_at.to_string())),
    ])
}
