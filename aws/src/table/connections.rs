//! Open connections and the channels that each has joined, so that a single delete returns everything that must be
//! cleaned up.
//!
//! A connection is in the partition of its user, so all connections of a user are found by one read, without an index
//! or another item. Every reader knows the user of a connection, from the authorizer's context of each event or from
//! a membership, and a caller who names another user's connection finds nothing.

use std::{collections::BTreeMap, time::Duration};

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use funnelcast_core::{
    Channel, ConnectionId, Error, ExperienceId, Identity, JoinOrder, RoomId, SocketCaller, Timestamp, UserId,
    identity::{CompaniesBy, CompanyClaim, Name},
};
use serde::{Deserialize, Serialize};

use super::{
    item::{Item, Table, failed, from_item, if_met, to_item},
    key,
};
use crate::clock::now;

/// The longest life of a connection. API Gateway ends each after 2 h
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html>);
/// a row that is still there some minutes later has no connection.
pub const CONNECTION_AGE_MAX: Duration = Duration::from_mins(125);

/// The most channels of one connection. The end of the connection removes its memberships, in some batches of 25.
pub const CHANNELS_MAX: usize = 100;

/// The most connections of one user. One more displaces the connection that has been silent for longest.
///
/// Whatever is done for a user is done for each of their connections: an event is posted to each, removing them from
/// a channel takes 3 writes and a post each, and removing all participants of a full conversation must fit one
/// request. A person has some tabs on some devices, twice as many sockets while they are replaced, and, for up to a
/// lease, sockets that ended without a close frame. With this many connections each, two users who talk to each other
/// are still named to one another ([`NAMED_MEMBERS_MAX`](super::presence::NAMED_MEMBERS_MAX)).
pub const CONNECTIONS_MAX: usize = 50;

/// How many connections a new one displaces at a time: one for itself, and one for a connection that opens beside it, or that
/// died before it displaced any.
const DISPLACED_MAX: usize = 2;

/// A connection, as the table has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// The connection's id.
    pub id: ConnectionId,
    /// The user.
    pub user: UserId,
    /// The user's display name.
    pub name: Name,
    /// The companies that the token names.
    pub companies: Vec<CompanyClaim>,
    /// The source of further roles of the user.
    pub companies_by: CompaniesBy,
    /// The experiences that the token names.
    pub experiences: Vec<ExperienceId>,
    /// The rooms that the token names.
    pub rooms: Vec<RoomId>,
    /// When the connection was opened.
    pub connected_at: Timestamp,
    /// When the connection was last recorded as alive. Its lease counts from here.
    pub seen_at: Timestamp,
    /// When the token expires.
    pub expires_at: Timestamp,
    /// The channels that it has joined.
    pub channels: Vec<ChannelJoin>,
    /// The channels that it has left, as long as that is remembered; see [`joins`](super::joins).
    pub leaves: Vec<ChannelJoin>,
    /// The latest place among the `leave`s that are no longer remembered.
    pub forgotten: Option<JoinOrder>,
}

/// A channel, and the latest `join` or `leave` of it on one connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelJoin {
    /// The channel.
    pub channel: Channel,
    /// The place of the frame among the connection's `join`s and `leave`s.
    pub join: JoinOrder,
}

impl Connection {
    /// The user on this connection, as the caller of a frame that arrives now, after all frames that were applied
    /// before.
    pub fn into_caller(self, now: Timestamp) -> SocketCaller {
        let places =
            self.channels.iter().chain(&self.leaves).map(|applied| applied.join).chain(self.forgotten);
        let order = places.max().map_or(JoinOrder::FIRST, JoinOrder::next);
        let Self { id, user, name, companies, companies_by, experiences, rooms, .. } = self;
        let Self { connected_at, expires_at, .. } = self;
        let identity = Identity { user, name, companies, companies_by, experiences, rooms, expires_at };
        SocketCaller { identity, connection: id, connected_at, now, order }
    }

    /// The place of the `join` by which it is in this channel; `None` if it is not in it.
    pub fn joined(&self, channel: &Channel) -> Option<JoinOrder> {
        self.channels.iter().find(|joined| joined.channel == *channel).map(|joined| joined.join)
    }

    /// The place of the `leave` by which it has left this channel, if that is remembered.
    pub fn left(&self, channel: &Channel) -> Option<JoinOrder> {
        self.leaves.iter().find(|left| left.channel == *channel).map(|left| left.join)
    }

    /// Whether a `leave` that was sent after this `join` has, or may have, been applied to this channel.
    pub(super) fn may_have_left(&self, channel: &Channel, join: JoinOrder) -> bool {
        match (self.joined(channel), self.left(channel)) {
            (_, Some(later)) => later > join,
            (None, None) => self.forgotten >= Some(join),
            (Some(_), None) => false,
        }
    }
}

/// A connection that has departed, and the memberships that it leaves behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Departed {
    /// The connection.
    pub connection: ConnectionId,
    /// The user.
    pub user: UserId,
    /// The user's display name.
    pub name: Name,
    /// The channels that it had joined, each with the place of its `join`.
    pub channels: Vec<ChannelJoin>,
    /// When it departed.
    pub at: Timestamp,
}

/// The outcome of a removal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// The item was there and has been removed.
    Done,
    /// The item was not there, or has changed since it was read.
    NothingThere,
}

/// The item of a connection.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ConnectionRow {
    pk: String,
    sk: String,
    user: UserId,
    name: Name,
    companies: Vec<CompanyClaim>,
    #[serde(default)]
    companies_by: CompaniesBy,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    experiences: Vec<ExperienceId>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    rooms: Vec<RoomId>,
    connected_at: Timestamp,
    seen_at: Timestamp,
    expires_at: Timestamp,
    channels: BTreeMap<String, JoinOrder>,
    leaves: BTreeMap<String, JoinOrder>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    forgotten: Option<JoinOrder>,
    ttl: i64,
}

impl TryFrom<ConnectionRow> for Connection {
    type Error = Error;

    fn try_from(row: ConnectionRow) -> Result<Self, Error> {
        let ConnectionRow {
            sk,
            user,
            name,
            companies,
            companies_by,
            experiences,
            rooms,
            connected_at,
            seen_at,
            expires_at,
            channels,
            leaves,
            forgotten,
            ..
        } = row;
        let id = sk.strip_prefix(key::CONNECTION_PREFIX).unwrap_or_default();
        let id = id.parse().map_err(|error: Error| Error::internal("a connection's sort key", &error))?;
        Ok(Self {
            id,
            user,
            name,
            companies,
            companies_by,
            experiences,
            rooms,
            connected_at,
            seen_at,
            expires_at,
            channels: channel_joins(channels),
            leaves: channel_joins(leaves),
            forgotten,
        })
    }
}

/// Skips channels of a kind that this version does not know: they have no members here to clean up.
fn channel_joins(places: BTreeMap<String, JoinOrder>) -> Vec<ChannelJoin> {
    let parsed = places.into_iter().filter_map(|(channel, join)| Some((channel.parse().ok()?, join)));
    parsed.map(|(channel, join)| ChannelJoin { channel, join }).collect()
}

pub(super) fn read(item: Item) -> Result<Connection, Error> {
    from_item::<ConnectionRow>(item)?.try_into()
}

impl Table {
    /// Stores a new connection: 1 write, for a token with few companies. A repeat writes the same row again.
    pub async fn put_connection(&self, caller: &SocketCaller) -> Result<(), Error> {
        let row = ConnectionRow {
            pk: key::user(&caller.identity.user),
            sk: key::connection(&caller.connection),
            user: caller.identity.user.clone(),
            name: caller.identity.name.clone(),
            companies: caller.identity.companies.clone(),
            companies_by: caller.identity.companies_by,
            experiences: caller.identity.experiences.clone(),
            rooms: caller.identity.rooms.clone(),
            connected_at: caller.connected_at,
            seen_at: caller.now,
            expires_at: caller.identity.expires_at,
            channels: BTreeMap::new(),
            leaves: BTreeMap::new(),
            forgotten: None,
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

    /// The connections that one which is in the table now displaces, because its user has more than
    /// [`CONNECTIONS_MAX`]: 1 read or more by size.
    ///
    /// All of the user's connections count, whenever they were opened: of connections that open at once, the last one to
    /// look sees all the others. Those that have been silent for longest are displaced first: a dead connection whose
    /// end was never reported, then one of a page that is not being looked at. Never one that was seen after `newest`.
    pub async fn displaced_by(&self, newest: &SocketCaller) -> Result<Vec<ConnectionId>, Error> {
        let mut all = self.connections(&newest.identity.user).await?;
        let excess = all.len().saturating_sub(CONNECTIONS_MAX);
        all.retain(|other| (other.seen_at, &other.id) < (newest.now, &newest.connection));
        all.sort_by(|one, other| (one.seen_at, &one.id).cmp(&(other.seen_at, &other.id)));
        let displaced = all.into_iter().take(excess.min(DISPLACED_MAX));
        Ok(displaced.map(|connection| connection.id).collect())
    }

    /// Removes a connection: 1 write. Its memberships are cleaned up by the consumer of the table's stream. Returns
    /// [`Removal::NothingThere`] if there was no such connection any more.
    pub async fn remove_connection(&self, user: &UserId, id: &ConnectionId) -> Result<Removal, Error> {
        let delete = self.delete(key::user(user), key::connection(id)).return_values(ReturnValue::AllOld);
        let old = delete.send().await.map_err(failed("DeleteItem of a connection"))?.attributes;
        Ok(if old.is_some() { Removal::Done } else { Removal::NothingThere })
    }

    /// Removes a connection, unless it has been renewed in any way since it was read: 1 write.
    pub async fn remove_unchanged_connection(&self, read: &Connection) -> Result<Removal, Error> {
        let Connection { user, id, seen_at, expires_at, .. } = read;
        let delete = self
            .delete(key::user(user), key::connection(id))
            .condition_expression("seenAt = :seen AND expiresAt = :expires")
            .expression_attribute_values(":seen", AttributeValue::S(seen_at.to_string()))
            .expression_attribute_values(":expires", AttributeValue::S(expires_at.to_string()));
        let removed = if_met("DeleteItem of a connection", delete.send().await)?;
        Ok(if removed.is_some() { Removal::Done } else { Removal::NothingThere })
    }

    /// Records that a connection is alive: 1 write.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] if the connection is gone.
    pub async fn note_seen(&self, user: &UserId, id: &ConnectionId, now: Timestamp) -> Result<(), Error> {
        let update = self
            .update(key::user(user), key::connection(id))
            .update_expression("SET seenAt = :now")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":now", AttributeValue::S(now.to_string()));
        let noted = if_met("UpdateItem of a connection", update.send().await)?;
        noted.map(drop).ok_or(Error::connection_ended())
    }

    /// Extends a connection and all of its memberships to the end of a renewed token: 1 write, and 1 per channel. A
    /// token that ends no later than the present end of the connection changes nothing. Returns when the connection
    /// now expires.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] if the connection is gone.
    pub async fn renew(
        &self,
        user: &UserId,
        id: &ConnectionId,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<Timestamp, Error> {
        if self.set_expiry(user, id, "expiresAt < :at", expires_at, now).await? {
            return Ok(expires_at);
        }
        let connection = self.connection(user, id).await?.ok_or(Error::connection_ended())?;
        Ok(connection.expires_at)
    }

    /// Sets the end of a connection and of its memberships. Returns whether the condition was met.
    async fn set_expiry(
        &self,
        user: &UserId,
        id: &ConnectionId,
        condition: &str,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let update = self
            .update(key::user(user), key::connection(id))
            .update_expression("SET expiresAt = :at, seenAt = :now")
            .condition_expression(condition)
            .expression_attribute_values(":at", AttributeValue::S(expires_at.to_string()))
            .expression_attribute_values(":now", AttributeValue::S(now.to_string()))
            .return_values(ReturnValue::AllNew);
        let updated = if_met("UpdateItem of a connection", update.send().await)?;
        let Some(item) = updated.and_then(|updated| updated.attributes) else { return Ok(false) };
        for ChannelJoin { channel, .. } in read(item)?.channels {
            self.renew_membership(user, id, &channel, expires_at).await?;
        }
        Ok(true)
    }
}
