//! Restrictions of users: in one conversation, or in all conversations of a company.
//!
//! What a user may not do in companies is one item, because whoever checks them does not know yet which company a
//! conversation belongs to. So one call reads all that decides ([`Table::conversation_access`]).

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};

use aws_sdk_dynamodb::types::AttributeValue;
use funnelcast_core::{
    Channel, CompanyId, ConversationId, Error, Key, Timestamp, UserId, Version,
    moderation::{Restriction, RestrictionKind, Scope},
};
use serde::{Deserialize, Serialize};

use super::{
    item::{Item, Table, back_off, failed, from_item, if_met, pk, sk, to_item},
    key,
};

/// The most companies whose teams restrict a user, so that the item stays small: every check reads it.
const COMPANIES_MAX: usize = 50;
/// The most companies for a backend, which so gets a restriction in even if teams have filled the item on purpose.
const BACKEND_COMPANIES_MAX: usize = 200;
/// How many events a restriction remembers as applied, so that a repeated one is recognised even if newer ones have been
/// applied since.
const APPLIED_MAX: usize = 4;
/// How long a restriction that has ended or been lifted is kept, because an older change may still be on its way. The bus retries
/// for a day, and what it gives up on is kept among the dead letters for 14 days more, from where an operator may retry it.
const ENDED_KEPT: Duration = Duration::from_hours(16 * 24);

/// How often a process tries to change an item that others change too.
const ROUNDS_MAX: u32 = 5;

/// A restriction as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Standing {
    /// The restriction.
    #[serde(flatten)]
    pub restriction: Restriction,
    /// The user of the team who has set it. `None` if the backend has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<UserId>,
    /// Its version, which an older change never overrides.
    pub version: Version,
    /// The events that were applied last, the newest at the end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    applied: Vec<Key>,
}

impl Standing {
    /// Whether an older change can no longer be on its way.
    fn is_over(&self, now: Timestamp) -> bool {
        !self.restriction.is_in_force(now) && self.version.at + ENDED_KEPT < now
    }
}

/// A change of a restriction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestrictionChange {
    /// The new restriction.
    pub to: Restriction,
    /// The user of the team who makes the change. `None` if the backend does.
    pub by: Option<UserId>,
    /// The version of the change.
    pub version: Version,
    /// What a repeat is recognised by: the id of the bus event.
    pub key: Option<Key>,
}

/// The outcome of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Restricted {
    /// It has been applied.
    Done,
    /// It had been applied before; what stands may be newer.
    Repeated,
    /// A newer change, of this version, has already been applied.
    Stale(Version),
    /// The user is restricted in too many companies.
    TooMany,
}

/// What becomes of the restrictions of a user who is erased.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnErasure {
    /// They are removed.
    #[default]
    Remove,
    /// They stay, by the user's id, without the reasons that were given for them.
    Keep,
}

/// The item: restrictions by the conversation (there is one) or by company.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RestrictionsRow {
    pk: String,
    sk: String,
    /// How often it has been changed. A write is conditional on this.
    changes: u64,
    pub(super) standing: BTreeMap<String, Standing>,
    /// On the item of companies: until when the user is barred everywhere, because they are erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) barred_until: Option<Timestamp>,
    /// When the item is gone, if it only bars the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) ttl: Option<i64>,
}

impl RestrictionsRow {
    /// Removes the restrictions, or the reasons that were given for them and who gave them.
    pub(super) fn forget_standing(&mut self, keep: OnErasure) {
        match keep {
            OnErasure::Remove => self.standing.clear(),
            OnErasure::Keep => {
                for standing in self.standing.values_mut() {
                    standing.restriction.reason = None;
                }
            }
        }
    }

    /// Whether a user has set one of them.
    pub(super) fn is_by(&self, user: &UserId) -> bool {
        self.standing.values().any(|standing| standing.by.as_ref() == Some(user))
    }

    /// Has those that a user has set be by the erased user.
    pub(super) fn forget_author(&mut self, user: &UserId) {
        for by in
            self.standing.values_mut().filter_map(|standing| standing.by.as_mut()).filter(|by| *by == user)
        {
            *by = UserId::erased();
        }
    }
}

impl Table {
    /// Changes a restriction: 1 read and 1 write, and for the first one in a conversation 1 more, and 1 of the index
    /// ([`places`](super::places)). A change that is older than what stands changes nothing.
    ///
    /// # Errors
    /// [`Error::Internal`] if the restriction kept changing concurrently, or if the table fails.
    pub async fn restrict(
        &self,
        scope: &Scope,
        user: &UserId,
        change: &RestrictionChange,
        now: Timestamp,
    ) -> Result<Restricted, Error> {
        let (pk, sk, name) = place(scope, user);
        for round in 0..ROUNDS_MAX {
            let row = self.restrictions_row(scope, user).await?;
            if let (None, Scope::Conversation(conversation)) = (&row, scope) {
                self.note_place(&Channel::Conversation(conversation.clone()), user).await?;
            }
            let changes = row.as_ref().map(|row| row.changes);
            let barred_until = row.as_ref().and_then(|row| row.barred_until);
            let mut standing = row.map(|row| row.standing).unwrap_or_default();
            let before = standing.remove(&name);
            let known = before.as_ref().map_or(&[][..], |before| &before.applied);
            if change.key.as_ref().is_some_and(|key| known.contains(key)) {
                return Ok(Restricted::Repeated);
            }
            if let Some(before) =
                before.as_ref().filter(|before| change.version.is_older_than(&before.version))
            {
                return Ok(Restricted::Stale(before.version));
            }
            standing.retain(|_, other| !other.is_over(now));
            let most = if change.by.is_some() { COMPANIES_MAX } else { BACKEND_COMPANIES_MAX };
            let (lifts, is_full) = (change.to.restriction == RestrictionKind::None, standing.len() >= most);
            // What lifts nothing takes no place, or teams could fill the item with it, and nobody could restrict the user any more.
            // Of the backend it is remembered, because the change that it takes back may come after it.
            if lifts && before.is_none() && (change.by.is_some() || is_full) {
                return Ok(Restricted::Done);
            }
            if is_full && !lifts {
                return Ok(Restricted::TooMany);
            }
            let mut applied: Vec<Key> = known.iter().chain(&change.key).cloned().collect();
            applied.drain(..applied.len().saturating_sub(APPLIED_MAX));
            let version = change.version.after(before.as_ref().map(|before| &before.version));
            let (restriction, by) = (change.to.clone(), change.by.clone());
            standing.insert(name.clone(), Standing { restriction, by, version, applied });
            let new = RestrictionsRow {
                pk: pk.clone(),
                sk: sk.clone(),
                changes: changes.unwrap_or_default() + 1,
                standing,
                barred_until,
                ttl: None,
            };
            if self.put_restrictions(new, changes).await? {
                return Ok(Restricted::Done);
            }
            back_off(round).await;
        }
        Err(kept_changing())
    }

    /// Writes an item, unless it is no longer as it was read: 1 write. Returns whether it was written.
    async fn put_restrictions(&self, new: RestrictionsRow, before: Option<u64>) -> Result<bool, Error> {
        let put = self.put(to_item(new)?);
        let put = match before {
            None => put.condition_expression("attribute_not_exists(pk)"),
            Some(changes) => put
                .condition_expression("changes = :before")
                .expression_attribute_values(":before", AttributeValue::N(changes.to_string())),
        };
        Ok(if_met("PutItem of a restriction", put.send().await)?.is_some())
    }

    /// Rewrites an item if it is there, or removes it if nothing is to be left: 1 read and 1 write.
    pub(super) async fn rewrite_restrictions(
        &self,
        pk: String,
        sk: String,
        rewrite: impl Fn(RestrictionsRow) -> Option<RestrictionsRow>,
    ) -> Result<(), Error> {
        for round in 0..ROUNDS_MAX {
            let item = self.get(pk.clone(), sk.clone()).send().await;
            let Some(item) = item.map_err(failed("GetItem of a restriction"))?.item else { return Ok(()) };
            let row: RestrictionsRow = from_item(item)?;
            let changes = row.changes;
            let is_done = if let Some(row) = rewrite(row) {
                let row = RestrictionsRow { changes: changes + 1, ..row };
                self.put_restrictions(row, Some(changes)).await?
            } else {
                let delete = self
                    .delete(pk.clone(), sk.clone())
                    .condition_expression("changes = :before")
                    .expression_attribute_values(":before", AttributeValue::N(changes.to_string()));
                if_met("DeleteItem of a restriction", delete.send().await)?.is_some()
            };
            if is_done {
                return Ok(());
            }
            back_off(round).await;
        }
        Err(kept_changing())
    }

    /// What restricts a user in companies, by company, whether or not it is in force: 1 read.
    ///
    /// # Errors
    /// [`Error::Internal`] if the table fails.
    pub async fn restrictions_of(&self, user: &UserId) -> Result<Vec<(String, Restriction)>, Error> {
        let get = self.get(key::restricted(user), key::META.to_owned());
        let item = get.send().await.map_err(failed("GetItem of a restriction"))?.item;
        let row: Option<RestrictionsRow> = item.map(from_item).transpose()?;
        let standing = row.into_iter().flat_map(|row| row.standing);
        Ok(standing.map(|(company, standing)| (company, standing.restriction)).collect())
    }

    /// What restricts a user in a conversation, whether or not it is in force: 1 read.
    ///
    /// # Errors
    /// [`Error::Internal`] if the table fails.
    pub async fn restriction_in(
        &self,
        conversation: &ConversationId,
        user: &UserId,
    ) -> Result<Option<Restriction>, Error> {
        let standing = self.restriction(&Scope::Conversation(conversation.clone()), user).await?;
        Ok(standing.map(|standing| standing.restriction))
    }

    /// The restriction of a user that stands, whether or not it is in force: 1 read.
    ///
    /// # Errors
    /// [`Error::Internal`] if the table fails.
    pub async fn restriction(&self, scope: &Scope, user: &UserId) -> Result<Option<Standing>, Error> {
        let (_, _, name) = place(scope, user);
        Ok(self.restrictions_row(scope, user).await?.and_then(|mut row| row.standing.remove(&name)))
    }

    async fn restrictions_row(&self, scope: &Scope, user: &UserId) -> Result<Option<RestrictionsRow>, Error> {
        let (pk, sk, _) = place(scope, user);
        let item = self.get(pk, sk).send().await.map_err(failed("GetItem of a restriction"))?.item;
        item.map(from_item).transpose()
    }

    /// What restricts each of these users in a conversation of this company, by their restrictions alone: 2 items for each, in
    /// calls of 100.
    ///
    /// # Errors
    /// [`Error::Internal`] if the table fails.
    pub async fn restricted_among(
        &self,
        conversation: &ConversationId,
        company: &CompanyId,
        users: impl IntoIterator<Item = &UserId>,
        now: Timestamp,
    ) -> Result<BTreeMap<UserId, RestrictionKind>, Error> {
        let users: BTreeSet<&UserId> = users.into_iter().collect();
        let of_user = |user: &UserId| {
            [
                (key::restricted_in(conversation), user.to_string()),
                (key::restricted(user), key::META.to_owned()),
            ]
        };
        let items = self.batch_get(users.iter().flat_map(|user| of_user(user)).collect()).await?;
        let items: HashMap<_, _> =
            items.into_iter().map(|item| ((pk(&item).to_owned(), sk(&item).to_owned()), item)).collect();
        let mut restricted = BTreeMap::new();
        for user in users {
            let mut all = Vec::new();
            for item in of_user(user).iter().filter_map(|key| items.get(key)) {
                all.extend(of_item(item.clone(), Some(company))?);
            }
            if let Some(strongest) = Restriction::strongest(all, now) {
                restricted.insert(user.clone(), strongest.restriction);
            }
        }
        Ok(restricted)
    }
}

fn kept_changing() -> Error {
    Error::Internal("a restriction kept changing while it was written".into())
}

/// The key of the item, and the name of the restriction in it.
fn place(scope: &Scope, user: &UserId) -> (String, String, String) {
    match scope {
        Scope::Conversation(conversation) => {
            (key::restricted_in(conversation), user.to_string(), conversation.to_string())
        }
        Scope::Company(company) => (key::restricted(user), key::META.to_owned(), company.to_string()),
    }
}

/// Until when an item bars its user everywhere, if it does.
pub(super) fn bar_of(item: &Item) -> Result<Option<Timestamp>, Error> {
    Ok(from_item::<RestrictionsRow>(item.clone())?.barred_until)
}

/// The restrictions of an item that is [`restricted`](key::restricted), of this company alone; or, of one that is of a
/// conversation, all.
pub(super) fn of_item(item: Item, company: Option<&CompanyId>) -> Result<Vec<Restriction>, Error> {
    let RestrictionsRow { pk, standing, .. } = from_item(item)?;
    let is_of_companies = pk.starts_with(key::RESTRICTED_PREFIX);
    let counts = |name: &String| !is_of_companies || company.is_some_and(|company| company.as_str() == name);
    let counting = standing.into_iter().filter(|(name, _)| counts(name));
    Ok(counting.map(|(_, standing)| standing.restriction).collect())
}
