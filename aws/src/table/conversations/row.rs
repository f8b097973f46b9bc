//! The item of a conversation, and what it says.

use std::collections::BTreeSet;

use funnelcast_core::{CompanyId, Error, Key, UserId, Version, event::TITLE_BYTES_MAX, text::Text};
use serde::{Deserialize, Serialize};

use crate::table::{
    item::{Item, from_item, sk},
    key,
};

/// How many former companies a conversation remembers.
pub(super) const FORMER_COMPANIES_MAX: usize = 8;

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
    pub(in crate::table) fn of(items: Vec<Item>) -> Result<(Option<Self>, Option<Owners>), Error> {
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
pub(in crate::table) struct Meta {
    pub(in crate::table) pk: String,
    pub(super) sk: String,
    pub(super) company_id: CompanyId,
    /// The companies that it belonged to before, the last one at the end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) former: Vec<CompanyId>,
    /// The version of the present state, which an older change never overrides.
    pub(super) version: Version,
    /// How often the conversation has been changed. A write is conditional on this, because two changes may have the
    /// same version.
    pub(super) changes: u64,
    /// The bus events that were applied last, the newest at the end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) applied: Vec<Key>,
    /// Whether the conversation has ended.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) ended: bool,
    /// The participants, who have rows of their own too, so that an inbox reads one item for each conversation. `None` in a
    /// conversation that was set last before there were inboxes, and is in none.
    #[serde(default)]
    pub(in crate::table) participants: Option<BTreeSet<UserId>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) title: Option<Text<TITLE_BYTES_MAX>>,
}

impl Meta {
    /// The participants of a conversation of this company, or of any; `None` if it has ended or is another company's.
    pub(in crate::table) fn of_inbox(self, company: Option<&CompanyId>) -> Option<Conversation> {
        let is_of = company.is_none_or(|company| *company == self.company_id);
        let participants = self.participants.filter(|_| is_of && !self.ended)?;
        Some(Conversation { company: self.company_id, participants, title: self.title })
    }

    /// The company, whether or not the conversation has ended.
    pub(in crate::table) fn into_company(self) -> CompanyId {
        self.company_id
    }
}

/// What the items of a conversation say.
pub(super) fn meta_and_participants(items: Vec<Item>) -> Result<(Option<Meta>, BTreeSet<UserId>), Error> {
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
