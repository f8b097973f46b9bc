//! Connections: who is on the line, and which channels he has joined, so that one delete tells all there is to clean.
//!
//! A connection lies in the partition of its user, so that all of his are found by one read, with no index and no item
//! beside them. Whoever asks for one knows whose it is: the authorizer's context says so on every event, and so does
//! every membership. And who names another's connection finds nothing.

use std::{collections::BTreeSet, time::Duration};

use aws_sdk_dynamodb::{
    operation::update_item::builders::UpdateItemFluentBuilder,
    types::{AttributeValue, ReturnValue},
};
use funnelcast_core::{
    Channel, ConnectionId, Error, Identity, Timestamp, UserId,
    identity::{CompaniesBy, CompanyClaim, Name},
};
use serde::{Deserialize, Serialize};

use super::{Item, Store, failed, from_item, if_met, key, to_item};
use crate::{Caller, now};

/// API Gateway ends every connection after 2 h
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html>);
/// what is still in the table some minutes later is a ghost.
pub const CONNECTION_AGE_MAX: Duration = Duration::from_mins(125);

/// The most channels of one connection: what ends it removes them with it, some batches of 25.
pub const CHANNELS_MAX: usize = 100;

/// A connection, as the table has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// Which.
    pub id: ConnectionId,
    /// Whose it is.
    pub user: UserId,
    /// What to call him.
    pub name: Name,
    /// The companies that its token names.
    pub companies: Vec<CompanyClaim>,
    /// Who says more of them.
    pub companies_by: CompaniesBy,
    /// Since when it is up.
    pub connected_at: Timestamp,
    /// When it was last heard of, as far as that was written down: its lease counts from here.
    pub seen_at: Timestamp,
    /// When its token stops counting.
    pub expires_at: Timestamp,
    /// What it has joined.
    pub channels: Vec<Channel>,
}

impl Connection {
    /// Its user, as if he had said something on it now.
    pub fn into_caller(self, now: Timestamp) -> Caller {
        let Self { id, user, name, companies, companies_by, connected_at, expires_at, .. } = self;
        let identity = Identity { user, name, companies, companies_by, expires_at };
        Caller { identity, connection: id, connected_at, now }
    }
}

/// What came of a removal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// It was there, and is no more.
    Done,
    /// It was not there, or not as it was thought to be.
    NothingThere,
}

/// The item. The set is absent while it is empty, which is how DynamoDB wants it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Row {
    pk: String,
    sk: String,
    user: UserId,
    name: Name,
    companies: Vec<CompanyClaim>,
    #[serde(default)]
    companies_by: CompaniesBy,
    connected_at: Timestamp,
    seen_at: Timestamp,
    expires_at: Timestamp,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty", with = "serde_dynamo::string_set")]
    channels: BTreeSet<String>,
    ttl: i64,
}

impl TryFrom<Row> for Connection {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let Row {
            sk, user, name, companies, companies_by, connected_at, seen_at, expires_at, channels, ..
        } = row;
        let id = sk.strip_prefix(key::CONNECTION_PREFIX).unwrap_or_default();
        let id = id.parse().map_err(|error: Error| Error::internal("a connection's sort key", &error))?;
        // A channel of a kind that this version does not know has no members here to clean.
        let channels = channels.iter().filter_map(|channel| channel.parse().ok()).collect();
        Ok(Self { id, user, name, companies, companies_by, connected_at, seen_at, expires_at, channels })
    }
}

fn read(item: Item) -> Result<Connection, Error> {
    from_item::<Row>(item)?.try_into()
}

impl Store {
    /// Keeps a new connection: 1 write, of a token with few companies. A repeat writes the same again.
    pub async fn put_connection(&self, caller: &Caller) -> Result<(), Error> {
        let row = Row {
            pk: key::user(&caller.identity.user),
            sk: key::connection(&caller.connection),
            user: caller.identity.user.clone(),
            name: caller.identity.name.clone(),
            companies: caller.identity.companies.clone(),
            companies_by: caller.identity.companies_by,
            connected_at: caller.connected_at,
            seen_at: caller.now,
            expires_at: caller.identity.expires_at,
            channels: BTreeSet::new(),
            ttl: (caller.connected_at + CONNECTION_AGE_MAX).as_secs(),
        };
        let put = self.put(to_item(row)?);
        put.send().await.map_err(failed("PutItem of a connection"))?;
        Ok(())
    }

    /// Reads a connection of a user: 1 read.
    pub async fn connection(&self, user: &UserId, id: &ConnectionId) -> Result<Option<Connection>, Error> {
        let get = self.get(key::user(user), key::connection(id));
        let item = get.send().await.map_err(failed("GetItem of a connection"))?.item;
        item.map(read).transpose()
    }

    /// Reads all connections of a user, the oldest first: 1 read or more by size.
    pub async fn connections(&self, user: &UserId) -> Result<Vec<Connection>, Error> {
        let query = self
            .query(key::user(user))
            .key_condition_expression("pk = :pk AND begins_with(sk, :connection)")
            .expression_attribute_values(":connection", AttributeValue::S(key::CONNECTION_PREFIX.to_owned()));
        let items = query.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
        let items = items.map_err(failed("Query of a user's connections"))?;
        let mut connections = items.into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let now = now();
        connections.retain(|connection| now < connection.connected_at + CONNECTION_AGE_MAX);
        connections.sort_by_key(|connection| connection.connected_at);
        Ok(connections)
    }

    /// Removes a connection: 1 write. Its memberships are cleaned up by whoever reads of that in the table's stream. An
    /// answer of no says that there was none any more.
    pub async fn remove_connection(&self, user: &UserId, id: &ConnectionId) -> Result<Removal, Error> {
        let delete = self.delete(key::user(user), key::connection(id)).return_values(ReturnValue::AllOld);
        let old = delete.send().await.map_err(failed("DeleteItem of a connection"))?.attributes;
        Ok(if old.is_some() { Removal::Done } else { Removal::NothingThere })
    }

    /// Removes a connection that has not been heard of since `seen_at`: 1 write.
    pub async fn remove_silent_connection(
        &self,
        user: &UserId,
        id: &ConnectionId,
        seen_at: Timestamp,
    ) -> Result<Removal, Error> {
        let delete = self
            .delete(key::user(user), key::connection(id))
            .condition_expression("seenAt = :seen")
            .expression_attribute_values(":seen", AttributeValue::S(seen_at.to_string()));
        let removed = if_met("DeleteItem of a connection", delete.send().await)?;
        Ok(if removed.is_some() { Removal::Done } else { Removal::NothingThere })
    }

    /// Writes down that a connection has been heard of: 1 write.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] where the connection is gone.
    pub async fn note_seen(&self, user: &UserId, id: &ConnectionId, now: Timestamp) -> Result<(), Error> {
        let update = self
            .update(key::user(user), key::connection(id))
            .update_expression("SET seenAt = :now")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":now", AttributeValue::S(now.to_string()));
        let noted = if_met("UpdateItem of a connection", update.send().await)?;
        noted.map(drop).ok_or(Error::connection_ended())
    }

    /// Lets a connection, and all its memberships, live as long as a renewed token: 1 write, and 1 a channel.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] where the connection is gone.
    pub async fn renew(
        &self,
        user: &UserId,
        id: &ConnectionId,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), Error> {
        let update = self
            .update(key::user(user), key::connection(id))
            .update_expression("SET expiresAt = :at, seenAt = :now")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":at", AttributeValue::S(expires_at.to_string()))
            .expression_attribute_values(":now", AttributeValue::S(now.to_string()))
            .return_values(ReturnValue::AllNew);
        let updated = if_met("UpdateItem of a connection", update.send().await)?;
        let item = updated.and_then(|updated| updated.attributes);
        let item = item.ok_or(Error::connection_ended())?;
        for channel in read(item)?.channels {
            self.renew_membership(user, id, &channel, expires_at).await?;
        }
        Ok(())
    }

    /// Notes on a connection that it joins a channel, and returns it: 1 write, and 1 read where it may not.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] where the connection is gone: what is left to do is to connect anew.
    /// [`Error::Conflict`] where it has joined [`CHANNELS_MAX`] others.
    pub(super) async fn note_channel(
        &self,
        user: &UserId,
        id: &ConnectionId,
        channel: &Channel,
    ) -> Result<Connection, Error> {
        let update = self
            .update_channels(user, id, "ADD channels :channel", channel)
            .condition_expression(
                "attribute_exists(pk) AND \
                 (attribute_not_exists(channels) OR size(channels) < :max OR contains(channels, :one))",
            )
            .expression_attribute_values(":max", AttributeValue::N(CHANNELS_MAX.to_string()))
            .expression_attribute_values(":one", AttributeValue::S(channel.to_string()))
            .return_values(ReturnValue::AllNew);
        let noted = if_met("UpdateItem of a connection", update.send().await)?;
        if let Some(item) = noted.and_then(|noted| noted.attributes) {
            return read(item);
        }
        Err(match self.connection(user, id).await? {
            None => Error::connection_ended(),
            Some(_) => Error::Conflict("a connection joins at most 100 channels; leave one first".into()),
        })
    }

    /// Notes on a connection that it has left a channel: 1 write. Nothing happens where the connection is gone.
    pub async fn forget_channel(
        &self,
        user: &UserId,
        id: &ConnectionId,
        channel: &Channel,
    ) -> Result<(), Error> {
        let update = self.update_channels(user, id, "DELETE channels :channel", channel).send().await;
        if_met("UpdateItem of a connection", update).map(drop)
    }

    fn update_channels(
        &self,
        user: &UserId,
        id: &ConnectionId,
        expression: &str,
        channel: &Channel,
    ) -> UpdateItemFluentBuilder {
        self.update(key::user(user), key::connection(id))
            .update_expression(expression)
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":channel", AttributeValue::Ss(vec![channel.to_string()]))
    }
}
