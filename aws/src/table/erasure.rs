//! The erasure of a user: that it is under way, which bars them, and the rows of their own partitions.
//!
//! `MODS#user` / `META`, which every check of a `join` reads anyway, has the time until which the user is barred; so do their
//! accounts of the rates. `MODS#user` / `ERASURE` has what an erasure that was interrupted must know, and is gone at its end.

use std::{collections::BTreeSet, time::Duration};

use aws_sdk_dynamodb::types::AttributeValue;
use funnelcast_core::{Channel, CompanyId, ConversationId, Error, Timestamp, UserId, event::EventName};
use serde::Deserialize;

use super::{
    item::{Item, Table, failed, from_item, if_met, pk, sk, update_contended},
    key,
    restrictions::{OnErasure, RestrictionsRow},
};

/// An erasure that is under way.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Erasure {
    /// When it began.
    pub begun_at: Timestamp,
    /// Whether everything has been looked at once.
    #[serde(default)]
    pub looked: bool,
    /// Whether the run after that has begun.
    #[serde(default)]
    finishing: bool,
    /// Whether an earlier run has begun, and has not come so far.
    #[serde(skip)]
    pub is_resumed: bool,
    /// Channels in which the user was, beside what their [`places`](super::places) tell.
    #[serde(default)]
    channels: BTreeSet<String>,
}

impl Erasure {
    /// One that begins at this time.
    pub const fn beginning(begun_at: Timestamp) -> Self {
        Self { begun_at, looked: false, finishing: false, is_resumed: false, channels: BTreeSet::new() }
    }

    /// Channels in which the user was, beside what their [`places`](super::places) tell.
    pub fn channels(&self) -> Vec<Channel> {
        self.channels.iter().filter_map(|channel| channel.parse().ok()).collect()
    }
}

impl Table {
    /// The erasure of a user that is under way; `None` if there is none: 1 read.
    ///
    /// # Errors
    /// [`Error::Internal`] if the table fails.
    pub async fn erasure(&self, user: &UserId) -> Result<Option<Erasure>, Error> {
        let get = self.get(key::restricted(user), key::ERASURE.to_owned());
        let item = get.send().await.map_err(failed("GetItem of an erasure"))?.item;
        item.map(from_item).transpose()
    }

    /// Begins the erasure of a user, or finds the one that is under way: 2 writes, and 1 read. They are barred for so long from its beginning.
    ///
    /// # Errors
    /// [`Error::Internal`] if the table fails.
    pub async fn begin_erasure(
        &self,
        user: &UserId,
        now: Timestamp,
        bar: Duration,
    ) -> Result<Erasure, Error> {
        let before = self.erasure(user).await?;
        let barred_until = before.as_ref().map_or(now, |before| before.begun_at) + bar;
        let bar = self
            .update(key::restricted(user), key::META.to_owned())
            .update_expression(
                "SET barredUntil = :until, changes = if_not_exists(changes, :zero) + :one, \
                 standing = if_not_exists(standing, :none)",
            )
            .expression_attribute_values(":until", AttributeValue::S(barred_until.to_string()))
            .expression_attribute_values(":zero", AttributeValue::N("0".to_owned()))
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
            .expression_attribute_values(":none", AttributeValue::M(Item::new()));
        update_contended("UpdateItem of a bar", bar).await?;
        let finishing = before.as_ref().is_some_and(|before| before.looked);
        let begin = self
            .update(key::restricted(user), key::ERASURE.to_owned())
            .update_expression("SET begunAt = if_not_exists(begunAt, :now), finishing = :finishing")
            .expression_attribute_values(":now", AttributeValue::S(now.to_string()))
            .expression_attribute_values(":finishing", AttributeValue::Bool(finishing));
        update_contended("UpdateItem of an erasure", begin).await?;
        Ok(before.map_or(Erasure::beginning(now), |before| {
            // An earlier run of the same kind may have deleted what it then did not tell.
            Erasure { is_resumed: before.finishing == finishing, ..before }
        }))
    }

    /// Notes channels in which the user was: 1 write if there are any.
    ///
    /// # Errors
    /// [`Error::Internal`] if the table fails.
    pub async fn note_erasure_channels(
        &self,
        user: &UserId,
        erasure: &mut Erasure,
        channels: &[Channel],
    ) -> Result<(), Error> {
        let names: BTreeSet<String> = channels.iter().map(Channel::to_string).collect();
        if names.is_subset(&erasure.channels) {
            return Ok(());
        }
        let names: Vec<String> = names.into_iter().collect();
        let update = self
            .update(key::restricted(user), key::ERASURE.to_owned())
            .update_expression("ADD channels :channels")
            .expression_attribute_values(":channels", AttributeValue::Ss(names.clone()));
        erasure.channels.extend(names);
        update_contended("UpdateItem of an erasure", update).await.map(drop)
    }

    /// Notes that everything has been looked at once: 1 write.
    ///
    /// # Errors
    /// [`Error::Internal`] if the table fails.
    pub async fn note_erasure_looked(&self, user: &UserId) -> Result<(), Error> {
        let update = self
            .update(key::restricted(user), key::ERASURE.to_owned())
            .update_expression("SET looked = :yes")
            .expression_attribute_values(":yes", AttributeValue::Bool(true));
        update_contended("UpdateItem of an erasure", update).await.map(drop)
    }

    /// Ends an erasure: 1 write. The bar stays until its time.
    ///
    /// # Errors
    /// [`Error::Internal`] if the table fails.
    pub async fn end_erasure(&self, user: &UserId) -> Result<(), Error> {
        self.remove_item(key::restricted(user), key::ERASURE.to_owned()).await
    }

    /// The companies and experiences in which Whop has been asked for the role of a user: 1 read.
    ///
    /// # Errors
    /// [`Error::Internal`] if the table fails.
    pub async fn roles_of(&self, user: &UserId) -> Result<Vec<String>, Error> {
        Ok(self.all_of(key::role(user)).await?.iter().map(|item| sk(item).to_owned()).collect())
    }

    /// The companies and experiences that the user's rows name: in which they are restricted, and in which Whop has been asked for
    /// their role. 2 reads.
    ///
    /// # Errors
    /// [`Error::Internal`] if the table fails.
    pub async fn companies_of(&self, user: &UserId) -> Result<BTreeSet<CompanyId>, Error> {
        let roles = self.roles_of(user).await?;
        let restricted = self.restrictions_of(user).await?.into_iter().map(|(company, _)| company);
        Ok(restricted.chain(roles).filter_map(|id| id.parse().ok()).collect())
    }

    /// Removes what restricts a user in companies, or the reasons for it: 1 read, and 1 write if there is anything. The bar stays
    /// until its time, after which the row is gone if nothing else is in it.
    ///
    /// # Errors
    /// [`Error::Internal`] if the table fails, or if the restrictions kept changing.
    pub async fn forget_restrictions(&self, user: &UserId, keep: OnErasure) -> Result<(), Error> {
        self.rewrite_restrictions(key::restricted(user), key::META.to_owned(), |mut row| {
            row.forget_standing(keep);
            row.ttl = row.barred_until.filter(|_| row.standing.is_empty()).map(Timestamp::as_secs);
            Some(row)
        })
        .await
    }

    /// The same in a conversation; and of those whom the user has restricted there, that it was they. 1 read, and 1 write for each.
    ///
    /// # Errors
    /// As of [`forget_restrictions`](Self::forget_restrictions).
    pub async fn forget_restrictions_in(
        &self,
        conversation: &ConversationId,
        user: &UserId,
        keep: OnErasure,
    ) -> Result<(), Error> {
        for item in self.all_of(key::restricted_in(conversation)).await? {
            let (pk, sk) = (pk(&item).to_owned(), sk(&item).to_owned());
            if sk == user.as_str() {
                self.rewrite_restrictions(pk, sk, |mut row| {
                    row.forget_standing(keep);
                    (!row.standing.is_empty()).then_some(row)
                })
                .await?;
            } else if from_item::<RestrictionsRow>(item)?.is_by(user) {
                self.rewrite_restrictions(pk, sk, |mut row| {
                    row.forget_author(user);
                    Some(row)
                })
                .await?;
            }
        }
        Ok(())
    }

    /// Removes the rows of a user's own partitions, but for the accounts named here: 5 reads by size, and 1 write for each. What is
    /// left of connections must have ended.
    ///
    /// # Errors
    /// [`Error::Internal`] if the table fails.
    pub async fn forget_own_rows(&self, user: &UserId, kept_rates: &[&str]) -> Result<usize, Error> {
        let own = Channel::User(user.clone());
        let mut removed = 0;
        for partition in
            [key::user(user), key::rate(user), key::role(user), key::log(&own), key::outbox(&own)]
        {
            let is_rates = partition == key::rate(user);
            for item in self.all_of(partition).await? {
                if is_rates && kept_rates.contains(&sk(&item)) {
                    continue;
                }
                self.remove_item(pk(&item).to_owned(), sk(&item).to_owned()).await?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// Removes items of the outbox that name a user, or say something of a file of theirs, as `is_of_theirs` knows: 1 read by size,
    /// and 1 write for each. The stream has them already.
    ///
    /// # Errors
    /// [`Error::Internal`] if the table fails.
    pub async fn forget_outbox(
        &self,
        channel: &Channel,
        user: &UserId,
        is_of_theirs: impl AsyncFn(EventName, &str) -> Result<bool, Error>,
    ) -> Result<(), Error> {
        #[derive(Deserialize)]
        struct Sent {
            sk: String,
            event: EventName,
            data: serde_json::Value,
        }
        for item in self.all_of(key::outbox(channel)).await? {
            let Ok(Sent { sk, event, data }) = from_item(item.clone()) else { continue }; // the app's own, and refused
            let data = data.as_str().map_or_else(|| data.to_string(), str::to_owned);
            if data.contains(user.as_str()) || is_of_theirs(event, &data).await? {
                self.remove_item(key::outbox(channel), sk).await?;
            }
        }
        Ok(())
    }

    /// Removes what the members of a channel were told of a user: 1 read, and 1 write if there is anything.
    ///
    /// # Errors
    /// [`Error::Internal`] if the table fails.
    pub async fn forget_told(&self, channel: &Channel, user: &UserId) -> Result<(), Error> {
        let (pk, sk) = (key::told(channel), user.to_string());
        let item =
            self.get(pk.clone(), sk.clone()).send().await.map_err(failed("GetItem of what was told"))?;
        if item.item.is_none() { Ok(()) } else { self.remove_item(pk, sk).await }
    }

    /// All items of a partition: 1 read by size.
    pub(super) async fn all_of(&self, partition: String) -> Result<Vec<Item>, Error> {
        let items = self.query(partition).into_paginator().items().send().collect::<Result<Vec<_>, _>>();
        items.await.map_err(failed("Query of a partition"))
    }

    async fn remove_item(&self, pk: String, sk: String) -> Result<(), Error> {
        if_met("DeleteItem", self.delete(pk, sk).send().await).map(drop)
    }
}
