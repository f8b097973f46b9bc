//! Changes of a conversation: by the backend, and where a user is erased.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::{
    operation::transact_write_items::TransactWriteItemsError,
    types::{AttributeValue, Delete, Put, TransactWriteItem, Update},
};
use funnelcast_core::{
    Channel, CompanyId, ConversationId, Error, Key, Timestamp, UserId, Version, bus::PARTICIPANTS_MAX,
};

use super::row::{Conversation, FORMER_COMPANIES_MAX, Meta};
use crate::{
    clock::now,
    table::{
        back_off,
        item::{Table, failed, is_lost_race, to_item},
        key,
    },
};

/// How many bus events a conversation remembers as applied, so that a repeated event is recognised even if newer ones
/// have been applied since.
const APPLIED_MAX: usize = 12;

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
        let mut former: Vec<CompanyId> = before.map(|before| before.former.clone()).unwrap_or_default();
        former.extend(before.map(|before| before.company_id.clone()));
        former.retain(|former| *former != company_id);
        former.drain(..former.len().saturating_sub(FORMER_COMPANIES_MAX));
        Self {
            pk: key::conversation(conversation),
            sk: key::META.to_owned(),
            company_id,
            former,
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
    /// Sets a conversation as the backend asks: 1 read by size, then one transaction of 2 units, 3 for each participant that is
    /// added or removed, 1 or 2 more for each who is removed ([`places`](crate::table::places)), and some 4 if it appears in the inbox of a company or disappears from one. A change that is older than the present state changes nothing, nor does
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
                    back_off(round).await; // another process changed it between the read and the write
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
                Err(error) if is_lost_race(&error) => back_off(round).await,
                Err(error) => return Err(failed("TransactWriteItems of a participant")(error)),
            }
        }
        Err(Error::Internal("a conversation kept changing while it was written".into()))
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
