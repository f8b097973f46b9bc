//! Conversations: whose they are, and who takes part, as the backend says.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::{
    operation::transact_write_items::TransactWriteItemsError,
    types::{AttributeValue, Delete, Put, TransactWriteItem},
};
use funnelcast_core::{CompanyId, ConversationId, Error, Key, UserId, Version, bus::PARTICIPANTS_MAX};
use serde::{Deserialize, Serialize};

use super::{
    item::{Table, failed, from_item, sk, to_item},
    key,
};

/// How many events of the bus a conversation remembers as applied, so that a repeat of one is known although newer ones
/// have come since.
const APPLIED_MAX: usize = 12;

/// What decides who may join a conversation.
#[derive(Debug, PartialEq, Eq)]
pub struct ConversationAccess {
    /// Whose it is; `None` where nobody has told us of it, or where it is over.
    pub company: Option<CompanyId>,
    /// Whether the user in question takes part.
    pub is_participant: bool,
    /// Whether it is over, and so lets nobody in, by a grant neither.
    pub has_ended: bool,
}

/// A conversation, as the backend has said that it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    /// Whose it is: its team may always join.
    pub company: CompanyId,
    /// Who else may join.
    pub participants: BTreeSet<UserId>,
}

/// A change to who takes part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversationChange {
    /// What it is to be; `None`: it ends, and nobody may join any more, not even the team. What was said in it stays its
    /// company's.
    pub to: Option<Conversation>,
    /// How new the change is.
    pub version: Version,
    /// What a repeat of it is known by: the id of the bus's event.
    pub key: Option<Key>,
    /// Whether it may open what was said before, where the conversation has ended or is another company's.
    pub keep_log: bool,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Meta {
    pk: String,
    sk: String,
    company_id: CompanyId,
    /// How new what stands is: an older change never overrides it.
    version: Version,
    /// How often it has been changed. What a change rests on: the version cannot tell two that are equally new apart.
    changes: u64,
    /// The last events of the bus that have been applied, the newest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    applied: Vec<Key>,
    /// Whether it is over.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    ended: bool,
}

impl Meta {
    /// What stands after this change of what stood `before`.
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
        }
    }

    /// Why this, which stands, does not give way to a change; `None` where it does.
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
    /// Reads what decides whether a user may join: 2 items in one call.
    pub async fn conversation_access(
        &self,
        conversation: &ConversationId,
        user: &UserId,
    ) -> Result<ConversationAccess, Error> {
        let pk = key::conversation(conversation);
        let keys = [key::META.to_owned(), key::participant(user)].map(|sk| (pk.clone(), sk));
        let mut access = ConversationAccess { company: None, is_participant: false, has_ended: false };
        for item in self.batch_get(keys.into()).await? {
            if sk(&item) == key::META {
                let meta: Meta = from_item(item)?;
                access.has_ended = meta.ended;
                access.company = (!meta.ended).then_some(meta.company_id);
            } else {
                access.is_participant = true;
            }
        }
        Ok(access)
    }

    /// Makes a conversation what the backend says it is: 1 read by size, then one transaction of 2 units and 2 a
    /// participant that comes or goes. An older change than the one that stands changes nothing, nor does one of somebody
    /// who `may` not speak of what is this company's (`None`: nobody's yet); an ended one stays its company's.
    ///
    /// # Errors
    /// [`Error::BadRequest`] over [`PARTICIPANTS_MAX`] participants; [`Error::Internal`] where others kept changing
    /// it meanwhile, or the table fails.
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
            let mut writes = vec![self.put_meta(new, meta.as_ref())?];
            for user in participants.difference(&present) {
                writes.push(self.put_participant(conversation, user)?);
            }
            for user in present.difference(participants) {
                writes.push(self.delete_participant(conversation, user)?);
            }
            match self.client.transact_write_items().set_transact_items(Some(writes)).send().await {
                Ok(_) => return Ok(Outcome::Done),
                Err(error)
                    if error
                        .as_service_error()
                        .is_some_and(TransactWriteItemsError::is_transaction_canceled_exception) =>
                {
                    super::item::back_off(round).await; // somebody else changed it between our read and our write
                }
                Err(error) => return Err(failed("TransactWriteItems of a conversation")(error)),
            }
        }
        Err(Error::Internal("a conversation kept changing under our hands".into()))
    }

    /// What a conversation is; `None` where nobody has told us of it, or where it is over: 1 read.
    pub async fn conversation(&self, conversation: &ConversationId) -> Result<Option<Conversation>, Error> {
        let (meta, participants) = self.read_conversation(conversation).await?;
        let meta = meta.filter(|meta| !meta.ended);
        Ok(meta.map(|meta| Conversation { company: meta.company_id, participants }))
    }

    /// Who takes part in a conversation, without the team of its company: 1 read.
    pub async fn participants(&self, conversation: &ConversationId) -> Result<BTreeSet<UserId>, Error> {
        Ok(self.read_conversation(conversation).await?.1)
    }

    async fn read_conversation(
        &self,
        conversation: &ConversationId,
    ) -> Result<(Option<Meta>, BTreeSet<UserId>), Error> {
        // One page holds them all: PARTICIPANTS_MAX small items.
        let page = self.query(key::conversation(conversation)).send().await;
        let mut meta = None;
        let mut users = BTreeSet::new();
        for item in page.map_err(failed("Query of a conversation"))?.items.unwrap_or_default() {
            match sk(&item).strip_prefix(key::PARTICIPANT_PREFIX) {
                Some(user) => drop(users.insert(user.parse()?)),
                None => meta = Some(from_item(item)?),
            }
        }
        Ok((meta, users))
    }

    /// On condition that nobody has changed it since `before` was read.
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
            .item("sk", AttributeValue::S(key::participant(user)));
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

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It stands.
    Done,
    /// It had been applied before; what stands now may be newer.
    Repeated,
    /// A newer one stands already: this one.
    Stale(Version),
    /// It would open what was said before to others, which it does not ask for; this is why.
    HasLog(&'static str),
    /// Whoever spoke may not.
    Refused,
}
