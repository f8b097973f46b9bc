//! Open connections and the channels that each has joined, so that one delete returns all there is to clean.
//!
//! A connection lies in the partition of its user, so that all of theirs are found by one read, with no index and no item
//! beside them. Whoever asks for one knows whose it is: the authorizer's context says so on every event, and so does
//! every membership. And who names another's connection finds nothing.

use std::{collections::BTreeMap, time::Duration};

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use funnelcast_core::{
    Channel, ConnectionId, Error, Identity, JoinOrder, SocketCaller, Timestamp, UserId,
    identity::{CompaniesBy, CompanyClaim, Name},
};
use serde::{Deserialize, Serialize};

use super::{
    item::{Item, Table, failed, from_item, if_met, to_item},
    key,
};
use crate::clock::now;

/// API Gateway ends every connection after 2 h
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html>);
/// what is still in the table some minutes later is a ghost.
pub const CONNECTION_AGE_MAX: Duration = Duration::from_mins(125);

/// The most channels of one connection: what ends it removes them with it, some batches of 25.
pub const CHANNELS_MAX: usize = 100;

/// The most connections of one user; one more takes the place of the one that was heard of longest ago.
///
/// Whatever is done for a user is done for each of their connections: an event is posted to each, taking them out of a channel
/// is 3 writes and a post each, and a conversation of the most participants is to lose them all within one request. A person
/// has some tabs on some devices, twice as many sockets while they are replaced, and for up to a lease those that ended without
/// a word. With this many each, two who talk to each other are still named to one another
/// ([`NAMED_MEMBERS_MAX`](super::presence::NAMED_MEMBERS_MAX)).
pub const CONNECTIONS_MAX: usize = 50;

/// How many connections one that is new displaces at most: its own place, and one that was left over by an attempt that died.
const DISPLACED_MAX: usize = 2;

/// A connection, as the table has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// Which.
    pub id: ConnectionId,
    /// Whose it is.
    pub user: UserId,
    /// The user's display name.
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
    pub channels: Vec<ChannelJoin>,
    /// What it has left, as far as that is still remembered; see [`joins`](super::joins).
    pub leaves: Vec<ChannelJoin>,
    /// The latest place among what it has left and is no longer remembered.
    pub forgotten: Option<JoinOrder>,
}

/// A channel, and the latest `join` or `leave` of it on one connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelJoin {
    /// Which.
    pub channel: Channel,
    /// Its place among the connection's `join`s and `leave`s.
    pub join: JoinOrder,
}

impl Connection {
    /// Its user, as if they had said something on it now, after all that was said on it before.
    pub fn into_caller(self, now: Timestamp) -> SocketCaller {
        let places =
            self.channels.iter().chain(&self.leaves).map(|applied| applied.join).chain(self.forgotten);
        let order = places.max().map_or(JoinOrder::FIRST, JoinOrder::next);
        let Self { id, user, name, companies, companies_by, connected_at, expires_at, .. } = self;
        let identity = Identity { user, name, companies, companies_by, expires_at };
        SocketCaller { identity, connection: id, connected_at, now, order }
    }

    /// By which `join` it is in this channel; `None` where it is not.
    pub fn joined(&self, channel: &Channel) -> Option<JoinOrder> {
        self.channels.iter().find(|joined| joined.channel == *channel).map(|joined| joined.join)
    }

    /// By which `leave` it has left this channel, if that is remembered.
    pub fn left(&self, channel: &Channel) -> Option<JoinOrder> {
        self.leaves.iter().find(|left| left.channel == *channel).map(|left| left.join)
    }
}

/// A connection that has departed, and the memberships that it leaves behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Departed {
    /// The connection.
    pub connection: ConnectionId,
    /// Its user.
    pub user: UserId,
    /// The user's display name.
    pub name: Name,
    /// The channels that it had joined, and by which `join`.
    pub channels: Vec<ChannelJoin>,
    /// When it departed.
    pub at: Timestamp,
}

/// What came of a removal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// It was there, and is no more.
    Done,
    /// It was not there, or not as it was thought to be.
    NothingThere,
}

/// The item.
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
            connected_at,
            seen_at,
            expires_at,
            channels: channel_joins(channels),
            leaves: channel_joins(leaves),
            forgotten,
        })
    }
}

/// A channel of a kind that this version does not know has no members here to clean up.
fn channel_joins(places: BTreeMap<String, JoinOrder>) -> Vec<ChannelJoin> {
    let parsed = places.into_iter().filter_map(|(channel, join)| Some((channel.parse().ok()?, join)));
    parsed.map(|(channel, join)| ChannelJoin { channel, join }).collect()
}

pub(super) fn read(item: Item) -> Result<Connection, Error> {
    from_item::<ConnectionRow>(item)?.try_into()
}

impl Table {
    /// Keeps a new connection: 1 write, of a token with few companies. A repeat writes the same again.
    pub async fn put_connection(&self, caller: &SocketCaller) -> Result<(), Error> {
        let row = ConnectionRow {
            pk: key::user(&caller.identity.user),
            sk: key::connection(&caller.connection),
            user: caller.identity.user.clone(),
            name: caller.identity.name.clone(),
            companies: caller.identity.companies.clone(),
            companies_by: caller.identity.companies_by,
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

    /// The connections that have to go for one that is in the table now, because its user has more than [`CONNECTIONS_MAX`]: 1
    /// read or more by size.
    ///
    /// Each new connection counts those that were heard of before it, so of any number that come at once each displaces another
    /// one. Those that nobody has heard of for long go first: a dead connection whose end was never told, then one of a page
    /// that nobody looks at.
    pub async fn displaced_by(&self, newest: &SocketCaller) -> Result<Vec<ConnectionId>, Error> {
        let mut before: Vec<_> = self.connections(&newest.identity.user).await?;
        before.retain(|other| (other.seen_at, &other.id) < (newest.now, &newest.connection));
        before.sort_by(|one, other| (other.seen_at, &other.id).cmp(&(one.seen_at, &one.id)));
        let displaced = before.into_iter().skip(CONNECTIONS_MAX - 1).take(DISPLACED_MAX);
        Ok(displaced.map(|connection| connection.id).collect())
    }

    /// Removes a connection: 1 write. Its memberships are cleaned up by whoever reads of that in the table's stream. An
    /// answer of no says that there was none any more.
    pub async fn remove_connection(&self, user: &UserId, id: &ConnectionId) -> Result<Removal, Error> {
        let delete = self.delete(key::user(user), key::connection(id)).return_values(ReturnValue::AllOld);
        let old = delete.send().await.map_err(failed("DeleteItem of a connection"))?.attributes;
        Ok(if old.is_some() { Removal::Done } else { Removal::NothingThere })
    }

    /// Removes a connection, unless it has been heard of or its token has been renewed since it was read: 1 write.
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

    /// Lets a connection, and all its memberships, live as long as a renewed token: 1 write, and 1 a channel. One that
    /// ends no later than what the connection has by now changes nothing. Returns until when the connection counts.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] where the connection is gone.
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

    /// Whether the condition was met.
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
