//! Memberships: which connections receive the events of a channel.
//!
//! # Layout
//! - `member`: a single membership
//! - here: memberships are created, changed, ended and read
//! - `right`: the right by which a user is a member changes
//! - `pages`: all memberships of a channel, page by page

mod member;
mod pages;
mod right;
use aws_sdk_dynamodb::{
    operation::update_item::builders::UpdateItemFluentBuilder,
    types::{AttributeValue, ReturnValue},
};
use funnelcast_core::{
    Admission, Channel, ConnectionId, Error, Grant, JoinOrder, SocketCaller, Timestamp, UserId, event::Status,
};
use futures_util::{StreamExt, TryStreamExt, stream};

pub use self::{
    member::{DEPARTURE_GRACE, Member, MemberRef},
    pages::{Cursor, MemberPages},
};
use super::{
    connections::{CONNECTION_AGE_MAX, ChannelJoin},
    item::{Item, Table, failed, from_item, if_met, to_attribute, to_item},
    key,
};

/// How many memberships of one connection are removed side by side.
const DELETES_AT_ONCE: usize = 25;

impl Table {
    /// Makes the caller's connection a member by this admission, and returns the membership: 2 writes. Its `join` may be
    /// a later one than this, if that has already been applied. The `grant` is the one that the `join` presents; it is
    /// kept beside a right of the user's own.
    ///
    /// The row of the connection is written first, so that whatever ends the connection finds the membership to
    /// remove. The caller must then check that the `join` still stands, by [`confirm_join`](Table::confirm_join).
    ///
    /// # Errors
    /// [`Error::Unauthorized`] if the connection has ended; [`Error::Conflict`] if a later `leave` has been applied,
    /// or if the connection has joined too many channels.
    pub async fn put_membership(
        &self,
        caller: &SocketCaller,
        channel: &Channel,
        admission: impl Into<Admission>,
        grant: Option<Grant>,
        order: JoinOrder,
    ) -> Result<Member, Error> {
        let Admission { right, mute } = admission.into();
        let user = &caller.identity.user;
        let (connection, join_order) = self.note_join(user, &caller.connection, channel, order).await?;
        let member = Member {
            user: user.clone(),
            name: caller.identity.name.clone(),
            connection: caller.connection.clone(),
            join_order,
            joined_at: None,
            status: Status::default(),
            seen_at: caller.now,
            expires_at: connection.expires_at, // the token may have been renewed since the connection was opened
            departed_at: None,
            team_of: None,
            grant,
            spare_grant: None,
            mute,
        };
        self.put_member(channel, member.with_right(right), caller.connected_at).await
    }

    /// Writes a membership, unless there is one of a later `join`, and returns it as it is now: 1 write.
    pub(super) async fn put_member(
        &self,
        channel: &Channel,
        member: Member,
        connected_at: Timestamp,
    ) -> Result<Member, Error> {
        let (pk, sk) = member_key(&member.user, &member.connection, channel);
        let ttl = (connected_at + CONNECTION_AGE_MAX).as_secs();
        let update = set_all(self.update(pk, sk), &member, ttl)?
            .condition_expression("attribute_not_exists(pk) OR #joinOrder <= :joinOrder")
            .return_values(ReturnValue::AllNew);
        let put = if_met("UpdateItem of a membership", update.send().await)?;
        match put.and_then(|put| put.attributes) {
            Some(item) => from_item(item),
            None => Ok(member), // there is one of a later `join`, which `confirm_join` finds as well
        }
    }

    /// Extends a membership to the end of a renewed token: 1 write. One that has ended in the meantime stays ended.
    pub async fn renew_membership(
        &self,
        user: &UserId,
        connection: &ConnectionId,
        channel: &Channel,
        expires_at: Timestamp,
    ) -> Result<(), Error> {
        let (pk, sk) = member_key(user, connection, channel);
        let update = self
            .update(pk, sk)
            .update_expression("SET expiresAt = :at")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":at", AttributeValue::S(expires_at.to_string()));
        if_met("UpdateItem of a membership", update.send().await).map(drop)
    }

    /// Removes the membership that was made by this `join` or by an earlier one of the connection: 1 write. Returns
    /// the `join` of the removed membership. The channel stays on the connection's list until
    /// [`forget_channel`](Table::forget_channel) is called, once everything that follows from the end of the
    /// membership has been done.
    pub async fn remove_membership(
        &self,
        user: &UserId,
        connection: &ConnectionId,
        ChannelJoin { channel, join }: &ChannelJoin,
    ) -> Result<Option<JoinOrder>, Error> {
        let (pk, sk) = member_key(user, connection, channel);
        let delete = self
            .delete(pk, sk)
            .condition_expression("attribute_not_exists(pk) OR joinOrder <= :join")
            .expression_attribute_values(":join", AttributeValue::N(join.to_string()))
            .return_values(ReturnValue::AllOld);
        let removed = if_met("DeleteItem of a membership", delete.send().await)?;
        let removed = removed.and_then(|removed| removed.attributes);
        removed.map(|item| from_item(item).map(|member: Member| member.join_order)).transpose()
    }

    /// Marks the membership that was made by this `join` or by an earlier one as departed, because its connection has
    /// ended: 1 write. Nothing is posted to it from now on. A membership that does not exist is not created.
    pub async fn note_departure(
        &self,
        user: &UserId,
        connection: &ConnectionId,
        join: &ChannelJoin,
        at: Timestamp,
    ) -> Result<(), Error> {
        self.set_departed(user, connection, join, "if_not_exists(departedAt, :at)", at).await
    }

    /// Marks a membership as revoked, unless there is one of a later `join` by now: 1 write. From now on nothing is
    /// posted to it, and its user is not present by it: its departure is at [`Timestamp::EPOCH`], whose grace is over
    /// by any clock.
    pub async fn note_revocation(&self, channel: &Channel, member: &Member) -> Result<(), Error> {
        let Member { user, connection, .. } = member;
        self.set_departed(user, connection, &member.join(channel), ":at", Timestamp::EPOCH).await
    }

    async fn set_departed(
        &self,
        user: &UserId,
        connection: &ConnectionId,
        ChannelJoin { channel, join }: &ChannelJoin,
        value: &str,
        at: Timestamp,
    ) -> Result<(), Error> {
        let (pk, sk) = member_key(user, connection, channel);
        let update = self
            .update(pk, sk)
            .update_expression(format!("SET departedAt = {value}"))
            .condition_expression("joinOrder <= :join")
            .expression_attribute_values(":join", AttributeValue::N(join.to_string()))
            .expression_attribute_values(":at", AttributeValue::S(at.to_string()));
        if_met("UpdateItem of a membership", update.send().await).map(drop)
    }

    /// Changes the status of a member on this connection: 1 write.
    ///
    /// # Errors
    /// [`Error::NotJoined`] if it is no longer a member.
    pub async fn set_status(
        &self,
        caller: &SocketCaller,
        channel: &Channel,
        status: Status,
    ) -> Result<(), Error> {
        let (pk, sk) = member_key(&caller.identity.user, &caller.connection, channel);
        let status = to_attribute(status)?;
        let update = self
            .update(pk, sk)
            .update_expression(
                "SET #status = :status, seenAt = :now, joinedAt = if_not_exists(joinedAt, seenAt)",
            )
            .condition_expression("attribute_exists(pk) AND attribute_not_exists(departedAt)")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":status", status)
            .expression_attribute_values(":now", AttributeValue::S(caller.now.to_string()));
        if_met("UpdateItem of a membership", update.send().await)?.map(drop).ok_or(Error::NotJoined)
    }

    /// All memberships of one user in a channel: 1 read per shard.
    pub async fn members_of_user(&self, channel: &Channel, user: &UserId) -> Result<Vec<Member>, Error> {
        let mut members = Vec::new();
        for shard in 0..channel.kind().policy().shards {
            let query = self
                .query(key::members(channel, shard))
                .key_condition_expression("pk = :pk AND begins_with(sk, :user)")
                .expression_attribute_values(":user", AttributeValue::S(key::member_prefix(user)));
            // A page of 1 MB holds thousands of connections.
            let page = query.send().await.map_err(failed("Query of a user's memberships"))?;
            for item in page.items.unwrap_or_default() {
                members.push(from_item(item)?);
            }
        }
        Ok(members)
    }

    /// Removes all memberships of a connection whose row has been deleted, so that it can join nothing any more: 1
    /// write each.
    pub async fn remove_memberships(
        &self,
        user: &UserId,
        connection: &ConnectionId,
        channels: &[ChannelJoin],
    ) -> Result<(), Error> {
        let deletes = channels.iter().map(|ChannelJoin { channel, .. }| {
            let (pk, sk) = member_key(user, connection, channel);
            self.delete(pk, sk).send()
        });
        let deletes = stream::iter(deletes.collect::<Vec<_>>()).buffer_unordered(DELETES_AT_ONCE);
        let outcome = Box::pin(deletes.try_for_each(async |_| Ok(()))).await;
        outcome.map_err(failed("DeleteItem of a membership"))
    }

    /// A membership, including one that has departed or expired: 1 read.
    pub async fn membership(
        &self,
        user: &UserId,
        connection: &ConnectionId,
        channel: &Channel,
    ) -> Result<Option<Member>, Error> {
        let (pk, sk) = member_key(user, connection, channel);
        let item = self.get(pk, sk).send().await.map_err(failed("GetItem of a membership"))?.item;
        item.map(from_item).transpose()
    }

    /// Those of the given memberships that still exist and were made by the same `join`: 1 read each, 100 per call.
    pub async fn members_still(
        &self,
        channel: &Channel,
        members: &[MemberRef],
    ) -> Result<Vec<Member>, Error> {
        let keys = members.iter().map(|member| member_key(&member.user, &member.connection, channel));
        let items = self.batch_get(keys.collect()).await?;
        let mut still: Vec<Member> = items.into_iter().map(from_item).collect::<Result<_, _>>()?;
        still.retain(|member| members.contains(&member.reference()));
        Ok(still)
    }
}

/// Sets every attribute of a membership, except the status if the membership already exists.
fn set_all(
    mut update: UpdateItemFluentBuilder,
    member: &Member,
    ttl: i64,
) -> Result<UpdateItemFluentBuilder, Error> {
    const OPTIONAL: [&str; 6] = ["departedAt", "grant", "joinedAt", "mute", "spareGrant", "teamOf"];
    let mut item: Item = to_item(member)?;
    item.insert("ttl".to_owned(), AttributeValue::N(ttl.to_string()));
    let absent = OPTIONAL.into_iter().filter(|name| !item.contains_key(*name));
    let absent: Vec<_> = absent.map(|name| format!("#{name}")).collect();
    let mut set = Vec::new();
    for name in item.keys() {
        set.push(match name.as_str() {
            "status" => "#status = if_not_exists(#status, :status)".to_owned(),
            name => format!("#{name} = :{name}"),
        });
    }
    for name in item.keys().map(String::as_str).chain(OPTIONAL) {
        update = update.expression_attribute_names(format!("#{name}"), name);
    }
    for (name, value) in item {
        update = update.expression_attribute_values(format!(":{name}"), value);
    }
    Ok(update.update_expression(format!("SET {} REMOVE {}", set.join(", "), absent.join(", "))))
}

fn member_key(user: &UserId, connection: &ConnectionId, channel: &Channel) -> (String, String) {
    (key::members(channel, key::shard(channel, connection)), key::member(user, connection))
}
