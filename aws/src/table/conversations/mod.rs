//! Conversations: the company that each belongs to and its participants, as the backend sets them.

mod change;
mod row;

use std::collections::BTreeSet;

use funnelcast_core::{
    Channel, CompanyId, ConversationId, Error, Timestamp, UserId, moderation::Restriction,
};

pub(super) use self::row::Meta;
use self::row::meta_and_participants;
pub use self::{
    change::{ConversationChange, Outcome},
    row::{Conversation, Owners},
};
use super::{
    item::{Item, Table, failed, from_item, pk, sk},
    key, restrictions,
};

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
}
