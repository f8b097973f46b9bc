//! Conversations: the company that each belongs to and its participants, as the backend sets them.

mod change;

use std::collections::BTreeSet;

use funnelcast_core::{
    Channel, CompanyId, ConversationId, Error, Key, Timestamp, UserId, Version, event::TITLE_BYTES_MAX,
    moderation::Restriction, text::Text,
};
use serde::{Deserialize, Serialize};

pub use self::change::{ConversationChange, Outcome};
use super::{
    item::{Item, Table, failed, from_item, pk, sk},
    key, restrictions,
};

/// How many former companies a conversation remembers.
pub(super) const FORMER_COMPANIES_MAX: usize = 8;

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

/// The companies whose conversation it is or was, whether or not it has ended: in the indexes of all of them there may be words of
/// its messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owners {
    /// The company that it belongs to, or did last.
    pub present: CompanyId,
    /// Those that it belonged to before, the last one at the end, up to eight.
    pub former: Vec<CompanyId>,
}

impl Conversation {
    /// The conversation of these items, and its owners; the former is `None` also if it has ended.
    pub(super) fn of(items: Vec<Item>) -> Result<(Option<Self>, Option<Owners>), Error> {
        let (meta, participants) = meta_and_participants(items)?;
        let owners = meta
            .as_ref()
            .map(|meta| Owners { present: meta.company_id.clone(), former: meta.former.clone() });
        let meta = meta.filter(|meta| !meta.ended);
        let conversation =
            meta.map(|meta| Self { company: meta.company_id, participants, title: meta.title });
        Ok((conversation, owners))
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Meta {
    pub(super) pk: String,
    sk: String,
    company_id: CompanyId,
    /// The companies that it belonged to before, the last one at the end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    former: Vec<CompanyId>,
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
