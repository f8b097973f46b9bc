//! Conversations: the company that each belongs to and its participants, as the backend sets them.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::{
    operation::transact_write_items::TransactWriteItemsError,
    types::{AttributeValue, Delete, Put, TransactWriteItem, Update},
};
use funnelcast_core::{
    Channel, CompanyId, ConversationId, Error, Key, Timestamp, UserId, Version, bus::PARTICIPANTS_MAX,
    event::TITLE_BYTES_MAX, moderation::Restriction, text::Text,
};
use serde::{Deserialize, Serialize};

use super::{
    item::{Item, Table, failed, from_item, is_lost_race, pk, sk, to_item},
    key, restrictions,
};
use crate::clock::now;

/// How many bus events a conversation remembers as applied, so that a repeated event is recognised even if newer ones
/// have been applied since.
const APPLIED_MAX: usize = 12;

/// What decides whether a user may join a conversation.
#[derive(Debug, PartialEq, Eq)]
pub struct ConversationAccess {
    /// The company; `None` if the conversation was never set, or has ended.
    pub company: Option<CompanyId>,
    /// Whether the user is a participant.
    pub is_participant: bool,
    /// Whether the conversation has ended, and so admits nobody, not even by a grant.
    pub has_ended: bool,
    /// What restricts the user in the conversation and in its company, whether or not it is in force.
    pub restrictions: Vec<Restriction>,
    /// Until when the user is barred from all conversations, because they are erased.
    pub barred_until: Option<Timestamp>,
}

/// A conversation as the backend has set it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    /// The company, whose team may always join.
    pub company: CompanyId,
    /// The users who may join besides the team.
    pub participants: BTreeSet<UserId>,
    /// What it is called in inboxes, if anything.
    pub title: Option<Text<TITLE_BYTES_MAX>>,
}

impl Conversation {
    /// The conversation of these items; `None` if it was never set, or has ended.
    pub(super) fn of(items: Vec<Item>) -> Result<Option<Self>, Error> {
        let (meta, participants) = meta_and_participants(items)?;
        let meta = meta.filter(|meta| !meta.ended);
        Ok(meta.map(|meta| Self { company: meta.company_id, participants, title: meta.title }))
    }
}

/// A change of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversationChange {
    /// The new state. `None` ends the conversation: nobody may join it any more, not even the team. Its log stays
    /// with its company.
    pub to: Option<Conversation>,
    /// The version of the change.
    pub version: Version,
    /// What a repeat is recognised by: the id of the bus event.
    pub key: Option<Key>,
    /// Whether the change may open earlier messages to others, if the conversation has ended or belongs to another
    /// company.
    pub keep_log: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Meta {
    pub(super) pk: String,
    sk: String,
    company_id: CompanyId,
    /// The version of the present state, which an older change never overrides.
    version: Version,
    /// How often the conversation has been changed. A write is conditional on this, because two changes may have the
    /// same version.
    changes: u64,
    /// The bus events that were applied last, the newest at the end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    applied: Vec<Key>,
    /// Whether the conversation has ended.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    ended: bool,
    /// The participants, who have rows of their own too, so that an inbox reads one item for each conversation. `None` in a
    /// conversation that was set last before there were inboxes, and is in none.
    #[serde(default)]
    pub(super) participants: Option<BTreeSet<UserId>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    title: Option<Text<TITLE_BYTES_MAX>>,
}

impl Meta {
    /// The state after this change, given the state `before`.
    fn after(
        conversation: &ConversationId,
        company_id: CompanyId,
        change: &ConversationChange,
        before: Option<&Self>,
    ) -> Self {
        let earlier = before.map_or(&[][..], |before| &before.applied);
        let mut applied: Vec<Key> = earlier.iter().chain(&change.key).cloned().collect();
        applied.drain(..applied.len().saturating_sub(APPLIED_MAX));
        Self {
            pk: key::conversation(conversation),
            sk: key::META.to_owned(),
            company_id,
            version: change.version.after(before.map(|before| &before.version)),
            changes: before.map_or(0, |before| before.changes) + 1,
            applied,
            ended: change.to.is_none(),
            participants: Some(change.to.as_ref().map(|to| to.participants.clone()).unwrap_or_default()),
            title: change.to.as_ref().and_then(|to| to.title.clone()),
        }
    }

    /// The company in whose inbox the conversation is.
    fn listed(&self) -> Option<CompanyId> {
        (!self.ended && self.participants.is_some()).then(|| self.company_id.clone())
    }

    /// The participants of a conversation of this company, or of any; `None` if it has ended or is another company's.
    pub(super) fn of_inbox(self, company: Option<&CompanyId>) -> Option<Conversation> {
        let is_of = company.is_none_or(|company| *company == self.company_id);
        let participants = self.participants.filter(|_| is_of && !self.ended)?;
        Some(Conversation { company: self.company_id, participants, title: self.title })
    }

    /// The company, whether or not the conversation has ended.
    pub(super) fn into_company(self) -> CompanyId {
        self.company_id
    }

    /// Why this state refuses a change; `None` if it accepts it.
    fn refuses(&self, change: &ConversationChange) -> Option<Outcome> {
        if change.key.as_ref().is_some_and(|key| self.applied.contains(key)) {
            return Some(Outcome::Repeated);
        }
        if change.version.is_older_than(&self.version) {
            return Some(Outcome::Stale(self.version));
        }
        let to = change.to.as_ref().filter(|_| !change.keep_log)?;
        if self.company_id != to.company {
            return Some(Outcome::HasLog("this conversation is another company's"));
        }
        self.ended.then_some(Outcome::HasLog("this conversation has ended"))
    }
}

impl Table {
    /// Reads what decides whether a user may join, and send: 4 items in one call.
    pub async fn conversation_access(
        &self,
        conversation: &ConversationId,
        user: &UserId,
    ) -> Result<ConversationAccess, Error> {
        let partition = key::conversation(conversation);
        let keys = vec![
            (partition.clone(), key::META.to_owned()),
            (partition.clone(), key::participant(user)),
            (key::restricted_in(conversation), user.to_string()),
            (key::restricted(user), key::META.to_owned()),
        ];
        let mut access = ConversationAccess {
            company: None,
            is_participant: false,
            has_ended: false,
            restrictions: Vec::new(),
            barred_until: None,
        };
        let (items, restricting): (Vec<_>, Vec<_>) =
            self.batch_get(keys).await?.into_iter().partition(|item| pk(item) == partition);
        for item in items {
            if sk(&item) == key::META {
                let meta: Meta = from_item(item)?;
                access.has_ended = meta.ended;
                access.company = (!meta.ended).then_some(meta.company_id);
            } else {
                access.is_participant = true;
            }
        }
        for item in restricting {
            access.barred_until = access.barred_until.max(restrictions::bar_of(&item)?);
            access.restrictions.extend(restrictions::of_item(item, access.company.as_ref())?);
        }
        Ok(access)
    }

    /// The company of a conversation; `None` if the conversation was never set or has ended: 1 read.
    ///
    /// # Errors
    /// [`Error::Internal`] if the table fails.
    pub async fn company_of(&self, conversation: &ConversationId) -> Result<Option<CompanyId>, Error> {
        let get = self.get(key::conversation(conversation), key::META.to_owned());
        let item = get.send().await.map_err(failed("GetItem of a conversation"))?.item;
        let meta: Option<Meta> = item.map(from_item).transpose()?;
        Ok(meta.filter(|meta| !meta.ended).map(|meta| meta.company_id))
    }

    /// Those of these users who take part in a conversation, or have read in it: 2 items for each user, in one call.
    ///
    /// # Errors
    /// [`Error::Internal`] if the table fails.
    pub async fn known_in_conversation(
        &self,
        conversation: &ConversationId,
        users: impl Iterator<Item = &UserId>,
    ) -> Result<BTreeSet<UserId>, Error> {
        let receipts = key::receipts(&Channel::Conversation(conversation.clone()));
        let keys = users.flat_map(|user| {
            [(key::conversation(conversation), key::participant(user)), (receipts.clone(), user.to_string())]
        });
        let items = self.batch_get(keys.collect()).await?;
        items.iter().map(|item| sk(item).trim_start_matches(key::PARTICIPANT_PREFIX).parse()).collect()
    }

    /// Sets a conversation as the backend asks: 1 read by size, then one transaction of 2 units, 3 for each participant that is
    /// added or removed, 1 or 2 more for each who is removed ([`places`](super::places)), and some 4 if it appears in the inbox of a company or disappears from one. A change that is older than the present state changes nothing, nor does
    /// one of an author who is not allowed to by `may`, which is given the present company (`None` if there is none
    /// yet). A conversation that has ended stays with its company.
    ///
    /// # Errors
    /// [`Error::BadRequest`] with more than [`PARTICIPANTS_MAX`] participants; [`Error::Internal`] if the
    /// conversation kept changing concurrently, or if the table fails.
    pub async fn change_conversation(
        &self,
        conversation: &ConversationId,
        change: &ConversationChange,
        may: impl Fn(Option<&CompanyId>) -> bool,
    ) -> Result<Outcome, Error> {
        const ROUNDS_MAX: u32 = 5;
        let nobody = BTreeSet::new();
        let participants = change.to.as_ref().map_or(&nobody, |to| &to.participants);
        if participants.len() > PARTICIPANTS_MAX {
            return Err(Error::invalid("participants", format!("must be at most {PARTICIPANTS_MAX}")));
        }
        for round in 0..ROUNDS_MAX {
            let (meta, present) = self.read_conversation(conversation).await?;
            let owner = meta.as_ref().map(|meta| &meta.company_id);
            let company = change.to.as_ref().map(|to| &to.company).or(owner);
            let Some(company) = company.filter(|_| may(owner)).cloned() else {
                return Ok(Outcome::Refused);
            };
            if let Some(outcome) = meta.as_ref().and_then(|meta| meta.refuses(change)) {
                return Ok(outcome);
            }
            let new = Meta::after(conversation, company, change, meta.as_ref());
            let (listed, was_listed) = (new.listed(), meta.as_ref().and_then(Meta::listed));
            let mut writes = vec![self.put_meta(new, meta.as_ref())?];
            if listed != was_listed {
                writes.push(self.list_conversation(conversation, listed.as_ref())?);
            }
            let is_indexed = meta.as_ref().is_some_and(|meta| meta.participants.is_some());
            for user in participants.iter().filter(|user| !is_indexed || !present.contains(*user)) {
                writes.push(self.put_participant(conversation, user)?);
            }
            for user in present.difference(participants) {
                writes.push(self.delete_participant(conversation, user)?);
            }
            for user in present.difference(participants) {
                // What they have left here is found by it from then on.
                self.note_place(&Channel::Conversation(conversation.clone()), user).await?;
            }
            match self.client.transact_write_items().set_transact_items(Some(writes)).send().await {
                Ok(_) => return Ok(Outcome::Done),
                Err(error)
                    if error
                        .as_service_error()
                        .is_some_and(TransactWriteItemsError::is_transaction_canceled_exception) =>
                {
                    super::item::back_off(round).await; // another process changed it between the read and the write
                }
                Err(error) => return Err(failed("TransactWriteItems of a conversation")(error)),
            }
        }
        Err(Error::Internal("a conversation kept changing while it was written".into()))
    }

    /// Takes a user out of the participants, whatever the version: 1 read, and 1 transaction of 3 items if they are one.
    ///
    /// # Errors
    /// [`Error::Internal`] if the conversation kept changing concurrently, or if the table fails.
    pub async fn forget_participant(
        &self,
        conversation: &ConversationId,
        user: &UserId,
    ) -> Result<(), Error> {
        const ROUNDS_MAX: u32 = 10;
        for round in 0..ROUNDS_MAX {
            let (meta, present) = self.read_conversation(conversation).await?;
            let is_listed = |meta: &Meta| meta.participants.as_ref().is_some_and(|of| of.contains(user));
            if !present.contains(user) && !meta.as_ref().is_some_and(is_listed) {
                return Ok(());
            }
            let mut writes = vec![self.delete_participant(conversation, user)?];
            if let Some(before) = meta {
                let mut after = Meta { changes: before.changes + 1, ..before.clone() };
                if let Some(participants) = &mut after.participants {
                    participants.remove(user);
                }
                writes.push(self.put_meta(after, Some(&before))?);
            }
            match self.client.transact_write_items().set_transact_items(Some(writes)).send().await {
                Ok(_) => return Ok(()),
                Err(error) if is_lost_race(&error) => super::item::back_off(round).await,
                Err(error) => return Err(failed("TransactWriteItems of a participant")(error)),
            }
        }
        Err(Error::Internal("a conversation kept changing while it was written".into()))
    }

    /// A conversation; `None` if it was never set or has ended: 1 read.
    pub async fn conversation(&self, conversation: &ConversationId) -> Result<Option<Conversation>, Error> {
        let (meta, participants) = self.read_conversation(conversation).await?;
        let meta = meta.filter(|meta| !meta.ended);
        Ok(meta.map(|meta| Conversation { company: meta.company_id, participants, title: meta.title }))
    }

    /// The participants of a conversation, without the team of its company: 1 read.
    pub async fn participants(&self, conversation: &ConversationId) -> Result<BTreeSet<UserId>, Error> {
        Ok(self.read_conversation(conversation).await?.1)
    }

    async fn read_conversation(
        &self,
        conversation: &ConversationId,
    ) -> Result<(Option<Meta>, BTreeSet<UserId>), Error> {
        meta_and_participants(self.read_conversation_items(conversation).await?)
    }

    /// All items of a conversation: 1 read.
    pub(super) async fn read_conversation_items(
        &self,
        conversation: &ConversationId,
    ) -> Result<Vec<Item>, Error> {
        // A single page holds all of them: PARTICIPANTS_MAX small items.
        let page = self.query(key::conversation(conversation)).send().await;
        Ok(page.map_err(failed("Query of a conversation"))?.items.unwrap_or_default())
    }

    /// Moves a conversation into the inbox of a company, or out of all.
    fn list_conversation(
        &self,
        conversation: &ConversationId,
        company: Option<&CompanyId>,
    ) -> Result<TransactWriteItem, Error> {
        let update = Update::builder()
            .table_name(&self.name)
            .key("pk", AttributeValue::S(key::conversation(conversation)))
            .key("sk", AttributeValue::S(key::ACTIVITY.to_owned()));
        let update = match company {
            None => update.update_expression("REMOVE inbox"),
            Some(company) => update
                .update_expression("SET inbox = :inbox, activeAt = if_not_exists(activeAt, :never)")
                .expression_attribute_values(":inbox", AttributeValue::S(key::company_inbox(company)))
                .expression_attribute_values(":never", active_never(now())),
        };
        let update = update.build().map_err(|error| Error::internal("an update", &error))?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    /// A put on condition that the conversation has not been changed since `before` was read.
    fn put_meta(&self, meta: Meta, before: Option<&Meta>) -> Result<TransactWriteItem, Error> {
        let put = Put::builder().table_name(&self.name).set_item(Some(to_item(meta)?));
        let put = match before {
            None => put.condition_expression("attribute_not_exists(pk)"),
            Some(before) => put
                .condition_expression("changes = :before")
                .expression_attribute_values(":before", AttributeValue::N(before.changes.to_string())),
        };
        let put = put.build().map_err(|error| Error::internal("a put", &error))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    fn put_participant(
        &self,
        conversation: &ConversationId,
        user: &UserId,
    ) -> Result<TransactWriteItem, Error> {
        let put = Put::builder()
            .table_name(&self.name)
            .item("pk", AttributeValue::S(key::conversation(conversation)))
            .item("sk", AttributeValue::S(key::participant(user)))
            .item("inbox", AttributeValue::S(key::user_inbox(user)))
            .item("activeAt", AttributeValue::N(now().as_millis().to_string()));
        let put = put.build().map_err(|error| Error::internal("a put", &error))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    fn delete_participant(
        &self,
        conversation: &ConversationId,
        user: &UserId,
    ) -> Result<TransactWriteItem, Error> {
        let delete = Delete::builder()
            .table_name(&self.name)
            .key("pk", AttributeValue::S(key::conversation(conversation)))
            .key("sk", AttributeValue::S(key::participant(user)));
        let delete = delete.build().map_err(|error| Error::internal("a delete", &error))?;
        Ok(TransactWriteItem::builder().delete(delete).build())
    }
}

/// The place of a conversation in an inbox in which it has no message yet: after all that have one, the newest first.
fn active_never(set_at: Timestamp) -> AttributeValue {
    const BEFORE_ALL_MS: i64 = 100_000_000_000_000;
    AttributeValue::N((set_at.as_millis() - BEFORE_ALL_MS).to_string())
}

fn meta_and_participants(items: Vec<Item>) -> Result<(Option<Meta>, BTreeSet<UserId>), Error> {
    let mut meta = None;
    let mut users = BTreeSet::new();
    for item in items {
        match (sk(&item), sk(&item).strip_prefix(key::PARTICIPANT_PREFIX)) {
            (_, Some(user)) => drop(users.insert(user.parse()?)),
            (key::META, None) => meta = Some(from_item(item)?),
            _ => {}
        }
    }
    Ok((meta, users))
}

/// The outcome of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It has been applied.
    Done,
    /// It had been applied before; the present state may be newer.
    Repeated,
    /// A newer change, of this version, has already been applied.
    Stale(Version),
    /// It would open earlier messages to others without asking for it; the text says why.
    HasLog(&'static str),
    /// The author is not allowed to make it.
    Refused,
}
