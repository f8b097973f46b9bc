//! Memberships: which connections hear a channel.
//!
//! # Layout
//! - here: a membership, made, changed, ended, and asked for
//! - `pages`: all of a channel's, a part at a time

mod pages;

use aws_sdk_dynamodb::types::{AttributeValue, DeleteRequest, WriteRequest};
use funnelcast_core::{
    Channel, CompanyId, ConnectionId, Error, Grant, Timestamp, UserId, event::Status, grant::Capability,
    identity::Name,
};
use serde::{Deserialize, Serialize};

pub use self::pages::{Cursor, MemberPages};
use super::{
    Right, Store, check_capability, connections::CONNECTION_AGE_MAX, failed, from_item, if_met, key,
    to_attribute, to_item,
};
use crate::Caller;

/// One connection in a channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    /// Whose it is.
    pub user: UserId,
    /// What to call him.
    pub name: Name,
    /// The connection.
    pub connection: ConnectionId,
    /// What he says of himself on it.
    #[serde(default)]
    pub status: Status,
    /// When it joined, or last changed its status.
    pub seen_at: Timestamp,
    /// When its token stops counting, and nothing more is posted to it.
    pub expires_at: Timestamp,
    /// When it was lost. Nothing is posted to it any more; that it is still here means that nobody has been told that
    /// the user has left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_at: Option<Timestamp>,
    /// In a conversation: the company as one of whose team he joined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team_of: Option<CompanyId>,
    /// What lets him be here, where that is a grant; with its end this ends too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<Grant>,
}

impl Member {
    /// Whether events are posted to it.
    pub fn hears(&self, now: Timestamp) -> bool {
        self.left_at.is_none() && now < self.expires_at && self.may(Capability::Join, now)
    }

    /// Whether what lets him be here lets him do this too.
    pub fn may(&self, capability: Capability, now: Timestamp) -> bool {
        self.grant.as_ref().is_none_or(|grant| grant.allows(capability, now))
    }
}

#[derive(Debug, Serialize)]
struct Row<'a> {
    pk: String,
    sk: String,
    #[serde(flatten)]
    member: &'a Member,
    ttl: i64,
}

impl Store {
    /// Makes the caller's connection a member by this right: 2 writes.
    ///
    /// The connection learns of it first: whatever then ends it finds the membership to remove.
    pub async fn put_membership(
        &self,
        caller: &Caller,
        channel: &Channel,
        right: Right,
    ) -> Result<(), Error> {
        let (team_of, grant) = match right {
            Right::Own => (None, None),
            Right::Team(company) => (Some(company), None),
            Right::Grant(grant) => (None, Some(grant)),
        };
        let connection = self.note_channel(&caller.identity.user, &caller.connection, channel).await?;
        let member = Member {
            user: caller.identity.user.clone(),
            name: caller.identity.name.clone(),
            connection: caller.connection.clone(),
            status: Status::default(),
            seen_at: caller.now,
            expires_at: connection.expires_at, // the caller's token may have been renewed since he connected
            left_at: None,
            team_of,
            grant,
        };
        let row = Row {
            pk: key::members(channel, key::shard(channel, &caller.connection)),
            sk: key::member(&caller.identity.user, &caller.connection),
            member: &member,
            ttl: (caller.connected_at + CONNECTION_AGE_MAX).as_secs(),
        };
        let put = self.put(to_item(row)?);
        put.send().await.map_err(failed("PutItem of a membership"))?;
        Ok(())
    }

    /// Lets a membership live as long as a renewed token: 1 write. One that has ended meanwhile stays so.
    pub(super) async fn renew_membership(
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

    /// Ends a membership: 1 write. One that is not there is no error. That the connection has it on its list is left for
    /// [`forget_channel`](Store::forget_channel), once all is done that its end brings with it.
    pub async fn remove_membership(
        &self,
        user: &UserId,
        connection: &ConnectionId,
        channel: &Channel,
    ) -> Result<(), Error> {
        let (pk, sk) = member_key(user, connection, channel);
        self.delete(pk, sk).send().await.map_err(failed("DeleteItem of a membership"))?;
        Ok(())
    }

    /// Notes of a membership that its connection was lost: 1 write. One that is not there stays so.
    pub async fn note_loss(
        &self,
        user: &UserId,
        connection: &ConnectionId,
        channel: &Channel,
        at: Timestamp,
    ) -> Result<(), Error> {
        let (pk, sk) = member_key(user, connection, channel);
        let update = self
            .update(pk, sk)
            .update_expression("SET leftAt = if_not_exists(leftAt, :at)")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":at", AttributeValue::S(at.to_string()));
        if_met("UpdateItem of a membership", update.send().await).map(drop)
    }

    /// Changes what a member says of himself on this connection: 1 write. One that is not there stays so.
    pub async fn set_status(&self, caller: &Caller, channel: &Channel, status: Status) -> Result<(), Error> {
        let (pk, sk) = member_key(&caller.identity.user, &caller.connection, channel);
        let status = to_attribute(status)?;
        let update = self
            .update(pk, sk)
            .update_expression("SET #status = :status, seenAt = :now")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":status", status)
            .expression_attribute_values(":now", AttributeValue::S(caller.now.to_string()));
        if_met("UpdateItem of a membership", update.send().await).map(drop)
    }

    /// All of one user's connections in a channel: 1 read a shard.
    pub async fn members_of_user(&self, channel: &Channel, user: &UserId) -> Result<Vec<Member>, Error> {
        let mut members = Vec::new();
        for shard in 0..channel.kind().policy().shards {
            let query = self
                .query(key::members(channel, shard))
                .key_condition_expression("pk = :pk AND begins_with(sk, :user)")
                .expression_attribute_values(":user", AttributeValue::S(key::member_prefix(user)));
            // One page of 1 MB holds thousands of connections.
            let page = query.send().await.map_err(failed("Query of a user's memberships"))?;
            for item in page.items.unwrap_or_default() {
                members.push(from_item(item)?);
            }
        }
        Ok(members)
    }

    /// Ends all of a dead connection's memberships: 1 write each.
    pub async fn remove_memberships(
        &self,
        user: &UserId,
        connection: &ConnectionId,
        channels: &[Channel],
    ) -> Result<(), Error> {
        let deletes = channels.iter().map(|channel| {
            let (pk, sk) = member_key(user, connection, channel);
            let key = DeleteRequest::builder()
                .key("pk", AttributeValue::S(pk))
                .key("sk", AttributeValue::S(sk))
                .build();
            key.map(|request| WriteRequest::builder().delete_request(request).build())
                .map_err(|error| Error::internal("a delete", &error))
        });
        self.batch_write(deletes.collect::<Result<_, _>>()?).await
    }

    /// A membership, lost and ended ones included: 1 read.
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

    /// Whether the caller's connection is a member, and not a lost one, nor one whose grant has ended: 1 read. His token is
    /// not looked at, as it has been.
    pub async fn is_member(&self, caller: &Caller, channel: &Channel) -> Result<bool, Error> {
        let member = self.membership(&caller.identity.user, &caller.connection, channel).await?;
        Ok(member.is_some_and(|member| is_present(&member, caller.now)))
    }

    /// Refuses a caller whose connection may not do this on a channel: 1 read.
    ///
    /// # Errors
    /// [`Error::NotJoined`] where it is no member, as [`is_member`](Self::is_member) has it; [`Error::Forbidden`] where it
    /// is one by a grant that does not go so far.
    pub async fn check_member(
        &self,
        caller: &Caller,
        channel: &Channel,
        capability: Capability,
    ) -> Result<(), Error> {
        let member = self.membership(&caller.identity.user, &caller.connection, channel).await?;
        match member {
            Some(member) if is_present(&member, caller.now) => {
                check_capability(member.grant.as_ref(), capability, caller.now)
            }
            _ => Err(Error::NotJoined),
        }
    }
}

fn is_present(member: &Member, now: Timestamp) -> bool {
    member.left_at.is_none() && member.may(Capability::Join, now)
}

fn member_key(user: &UserId, connection: &ConnectionId, channel: &Channel) -> (String, String) {
    (key::members(channel, key::shard(channel, connection)), key::member(user, connection))
}
