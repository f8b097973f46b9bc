//! Connections: who is on the line, and which channels he has joined, so that one delete tells all there is to clean.

use std::{collections::BTreeSet, time::Duration};

use aws_sdk_dynamodb::{
    operation::update_item::builders::UpdateItemFluentBuilder,
    types::{AttributeValue, ReturnValue},
};
use funnelcast_core::{Channel, ConnectionId, Error, Timestamp, UserId, identity::Name};
use serde::{Deserialize, Serialize};

use super::{Store, failed, from_item, if_met, key, to_item};
use crate::Caller;

/// API Gateway ends every connection after 2 h
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html>);
/// what is still in the table some minutes later is a ghost.
pub const CONNECTION_AGE_MAX: Duration = Duration::from_mins(125);

/// The most channels of one connection: what ends it removes them with it, some batches of 25.
pub const CHANNELS_MAX: usize = 100;

/// A connection, as the table has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// Whose it is.
    pub user: UserId,
    /// Since when it is up.
    pub connected_at: Timestamp,
    /// When its token stops counting.
    pub expires_at: Timestamp,
    /// What it has joined.
    pub channels: Vec<Channel>,
}

/// The item. The set is absent while it is empty, which is how DynamoDB wants it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Row {
    pk: String,
    sk: String,
    user: UserId,
    name: Name,
    connected_at: Timestamp,
    expires_at: Timestamp,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty", with = "serde_dynamo::string_set")]
    channels: BTreeSet<String>,
    ttl: i64,
}

impl From<Row> for Connection {
    fn from(row: Row) -> Self {
        let Row { user, connected_at, expires_at, channels, .. } = row;
        // A channel of a kind that this version does not know has no members here to clean.
        let channels = channels.iter().filter_map(|channel| channel.parse().ok()).collect();
        Self { user, connected_at, expires_at, channels }
    }
}

impl Store {
    /// Keeps a new connection: 1 write. A repeat writes the same again.
    pub async fn put_connection(&self, caller: &Caller) -> Result<(), Error> {
        let row = Row {
            pk: key::connection(&caller.connection),
            sk: key::META.to_owned(),
            user: caller.identity.user.clone(),
            name: caller.identity.name.clone(),
            connected_at: caller.connected_at,
            expires_at: caller.identity.expires_at,
            channels: BTreeSet::new(),
            ttl: (caller.connected_at + CONNECTION_AGE_MAX).as_secs(),
        };
        let put = self.put(to_item(row)?);
        put.send().await.map_err(failed("PutItem of a connection"))?;
        Ok(())
    }

    /// Reads a connection: 1 read.
    pub async fn connection(&self, id: &ConnectionId) -> Result<Option<Connection>, Error> {
        let get = self.get(key::connection(id), key::META.to_owned());
        let item = get.send().await.map_err(failed("GetItem of a connection"))?.item;
        item.map(|item| from_item::<Row>(item).map(Connection::from)).transpose()
    }

    /// Removes a connection and returns what it was: 1 write. Its memberships are the caller's to remove, by
    /// [`remove_memberships`](Store::remove_memberships).
    pub async fn take_connection(&self, id: &ConnectionId) -> Result<Option<Connection>, Error> {
        let delete =
            self.delete(key::connection(id), key::META.to_owned()).return_values(ReturnValue::AllOld);
        let item = delete.send().await.map_err(failed("DeleteItem of a connection"))?.attributes;
        item.map(|item| from_item::<Row>(item).map(Connection::from)).transpose()
    }

    /// Lets a connection, and all its memberships, live as long as a renewed token: 1 write, and 1 a channel.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] where the connection is gone.
    pub async fn renew(&self, user: &UserId, id: &ConnectionId, expires_at: Timestamp) -> Result<(), Error> {
        let update = self
            .update(key::connection(id), key::META.to_owned())
            .update_expression("SET expiresAt = :at")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":at", AttributeValue::S(expires_at.to_string()))
            .return_values(ReturnValue::AllNew);
        let updated = if_met("UpdateItem of a connection", update.send().await)?;
        let item = updated.and_then(|updated| updated.attributes);
        let item = item.ok_or(Error::connection_ended())?;
        for channel in Connection::from(from_item::<Row>(item)?).channels {
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
        id: &ConnectionId,
        channel: &Channel,
    ) -> Result<Connection, Error> {
        let update = self
            .update_channels(id, "ADD channels :channel", channel)
            .condition_expression(
                "attribute_exists(pk) AND \
                 (attribute_not_exists(channels) OR size(channels) < :max OR contains(channels, :one))",
            )
            .expression_attribute_values(":max", AttributeValue::N(CHANNELS_MAX.to_string()))
            .expression_attribute_values(":one", AttributeValue::S(channel.to_string()))
            .return_values(ReturnValue::AllNew);
        let noted = if_met("UpdateItem of a connection", update.send().await)?;
        if let Some(item) = noted.and_then(|noted| noted.attributes) {
            return Ok(from_item::<Row>(item)?.into());
        }
        Err(match self.connection(id).await? {
            None => Error::connection_ended(),
            Some(_) => Error::Conflict("a connection joins at most 100 channels; leave one first"),
        })
    }

    /// Notes on a connection that it has left a channel: 1 write. Nothing happens where the connection is gone.
    pub(super) async fn forget_channel(&self, id: &ConnectionId, channel: &Channel) -> Result<(), Error> {
        let update = self.update_channels(id, "DELETE channels :channel", channel).send().await;
        if_met("UpdateItem of a connection", update).map(drop)
    }

    fn update_channels(
        &self,
        id: &ConnectionId,
        expression: &str,
        channel: &Channel,
    ) -> UpdateItemFluentBuilder {
        self.update(key::connection(id), key::META.to_owned())
            .update_expression(expression)
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":channel", AttributeValue::Ss(vec![channel.to_string()]))
    }
}
