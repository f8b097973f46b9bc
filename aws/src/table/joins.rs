//! The order of a connection's `join`s and `leave`s of a channel.
//!
//! Frames of one socket are served side by side, in any order. So the row of a connection keeps, for each channel,
//! the place ([`JoinOrder`]) of the latest `join` or `leave` that was applied, and an earlier one no longer changes
//! anything. A membership carries the place of the `join` that made it, and every removal of a membership names that
//! place, so that nothing meant for an earlier membership ends a later one.
//!
//! Both change the row first and the membership second. A `join` reads the row once more after its membership is
//! written ([`Table::confirm_join`]): if a later `leave` came in between, either that `leave` found the membership,
//! or the `join` finds the `leave`.

use aws_sdk_dynamodb::{
    operation::update_item::builders::UpdateItemFluentBuilder,
    types::{AttributeValue, ReturnValue},
};
use funnelcast_core::{Channel, ConnectionId, Error, JoinOrder, Timestamp, UserId};

use super::{
    connections::{CHANNELS_MAX, Connection, read},
    item::{Table, if_met},
    key,
};

/// How many applied `leave`s the row of a connection remembers, by channel. Beyond that the older half is dropped, of
/// which only the latest place is kept: a `join` from before that place, of a channel of which nothing else is known,
/// may have been followed by one of the dropped `leave`s.
pub(super) const LEAVES_MAX: usize = 32;

/// The condition that the connection exists, and that no later `join` or `leave` of the channel has, or may have,
/// been applied.
const IS_LATEST: &str = "attribute_exists(pk) \
     AND (attribute_not_exists(channels.#channel) OR channels.#channel <= :order) \
     AND (attribute_not_exists(leaves.#channel) OR leaves.#channel <= :order) \
     AND (attribute_exists(channels.#channel) OR attribute_exists(leaves.#channel) \
          OR attribute_not_exists(forgotten) OR forgotten < :order)";

/// What the row of a connection says of a `join` whose membership has been written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confirmation {
    /// This `join`, or a later one, stands.
    Stands {
        /// When the connection's token expires, as of now.
        expires_at: Timestamp,
    },
    /// The channel has been left by a later `leave`.
    Left,
    /// The membership has been removed: the user may no longer be in the channel.
    Removed,
    /// The connection has ended.
    Ended,
}

impl Table {
    /// Records a `join` on its connection: 1 write, and 1 read if the row refuses it. Returns the connection, and the
    /// place of the `join` that now stands, which may be a later one.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] if the connection has ended; [`Error::Conflict`] if a later `leave` has been applied,
    /// or if the connection has joined [`CHANNELS_MAX`] other channels.
    pub(super) async fn note_join(
        &self,
        user: &UserId,
        id: &ConnectionId,
        channel: &Channel,
        order: JoinOrder,
    ) -> Result<(Connection, JoinOrder), Error> {
        let update = self
            .update_standing(user, id, channel, order)
            .update_expression("SET channels.#channel = :order REMOVE leaves.#channel")
            .condition_expression(format!(
                "{IS_LATEST} AND (attribute_exists(channels.#channel) OR size(channels) < :max)"
            ))
            .expression_attribute_values(":max", AttributeValue::N(CHANNELS_MAX.to_string()))
            .return_values(ReturnValue::AllNew);
        let noted = if_met("UpdateItem of a connection", update.send().await)?;
        if let Some(item) = noted.and_then(|noted| noted.attributes) {
            return Ok((read(item)?, order));
        }
        let connection = self.connection(user, id).await?.ok_or(Error::connection_ended())?;
        match connection.joined(channel) {
            Some(later) if later > order => Ok((connection, later)),
            _ if connection.may_have_left(channel, order) => Err(left_since()),
            _ => Err(Error::Conflict("a connection joins at most 100 channels; leave one first".into())),
        }
    }

    /// Records a `leave` on its connection: 1 write, and occasionally 1 more. Returns the connection as it was
    /// before; `None` if a later `join` or `leave` stands, or if the connection has ended.
    pub async fn note_leave(
        &self,
        user: &UserId,
        id: &ConnectionId,
        channel: &Channel,
        order: JoinOrder,
    ) -> Result<Option<Connection>, Error> {
        let update = self
            .update_standing(user, id, channel, order)
            .update_expression("SET leaves.#channel = :order REMOVE channels.#channel")
            .condition_expression(IS_LATEST)
            .return_values(ReturnValue::AllOld);
        let noted = if_met("UpdateItem of a connection", update.send().await)?;
        let before = noted.and_then(|noted| noted.attributes).map(read).transpose()?;
        if let Some(before) = &before
            && before.leaves.len() >= LEAVES_MAX
        {
            self.forget_old_leaves(before).await?;
        }
        Ok(before)
    }

    /// Removes a channel from a connection's list, unless it has been joined again since this `join`: 1 write.
    pub async fn forget_channel(
        &self,
        user: &UserId,
        id: &ConnectionId,
        channel: &Channel,
        join: JoinOrder,
    ) -> Result<(), Error> {
        let update = self
            .update_standing(user, id, channel, join)
            .update_expression("REMOVE channels.#channel")
            .condition_expression("channels.#channel <= :order");
        if_met("UpdateItem of a connection", update.send().await).map(drop)
    }

    /// Whether a `join` still stands after its membership has been written: 1 read.
    pub async fn confirm_join(
        &self,
        user: &UserId,
        id: &ConnectionId,
        channel: &Channel,
        join: JoinOrder,
    ) -> Result<Confirmation, Error> {
        Ok(match self.connection(user, id).await? {
            None => Confirmation::Ended,
            Some(connection) if connection.joined(channel).is_some_and(|standing| standing >= join) => {
                Confirmation::Stands { expires_at: connection.expires_at }
            }
            Some(connection) if connection.may_have_left(channel, join) => Confirmation::Left,
            Some(_) => Confirmation::Removed,
        })
    }

    /// Drops the older half of a connection's remembered `leave`s, except the latest place among them, unless one of
    /// them has changed: 1 write.
    async fn forget_old_leaves(&self, connection: &Connection) -> Result<(), Error> {
        let mut leaves: Vec<_> = connection.leaves.iter().collect();
        leaves.sort_by_key(|leave| leave.join);
        leaves.truncate(LEAVES_MAX / 2);
        let forgotten = leaves.iter().map(|leave| leave.join).chain(connection.forgotten).max();
        let forgotten = forgotten.unwrap_or(JoinOrder::FIRST);
        let paths: Vec<_> = (0..leaves.len()).map(|i| format!("leaves.#c{i}")).collect();
        let conditions: Vec<_> =
            paths.iter().enumerate().map(|(i, path)| format!("{path} = :o{i}")).collect();
        let mut update = self
            .update(key::user(&connection.user), key::connection(&connection.id))
            .update_expression(format!("SET forgotten = :forgotten REMOVE {}", paths.join(", ")))
            .expression_attribute_values(":forgotten", AttributeValue::N(forgotten.to_string()))
            .condition_expression(conditions.join(" AND "));
        for (i, leave) in leaves.iter().enumerate() {
            update = update
                .expression_attribute_names(format!("#c{i}"), leave.channel.to_string())
                .expression_attribute_values(format!(":o{i}"), AttributeValue::N(leave.join.to_string()));
        }
        if_met("UpdateItem of a connection", update.send().await).map(drop)
    }

    fn update_standing(
        &self,
        user: &UserId,
        id: &ConnectionId,
        channel: &Channel,
        order: JoinOrder,
    ) -> UpdateItemFluentBuilder {
        self.update(key::user(user), key::connection(id))
            .expression_attribute_names("#channel", channel.to_string())
            .expression_attribute_values(":order", AttributeValue::N(order.to_string()))
    }
}

/// The refusal of a `join` that was overtaken by a `leave` sent after it.
pub fn left_since() -> Error {
    Error::Conflict("the channel has been left since".into())
}
