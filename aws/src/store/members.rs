//! Memberships: which connections hear a channel.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::{AttributeValue, DeleteRequest, WriteRequest};
use funnelcast_core::{
    Channel, CompanyId, ConnectionId, Error, Timestamp, UserId,
    action::Roster,
    event::{Presence, Status},
    identity::Name,
};
use serde::{Deserialize, Serialize};

use super::{Item, Store, connections::CONNECTION_AGE_MAX, failed, from_item, if_met, key, to_item};
use crate::{Caller, now};

/// The most users that a roster names: some 15 KiB of a reply.
pub const ROSTER_USERS_MAX: usize = 100;

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
    /// When it joined.
    pub joined_at: Timestamp,
    /// When its token stops counting, and nothing more is posted to it.
    pub expires_at: Timestamp,
    /// In a conversation: the company as one of whose team he joined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team_of: Option<CompanyId>,
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
    /// Makes the caller's connection a member, as one of the team of a company where that is why he may: 2 writes.
    ///
    /// The connection learns of it first: whatever then ends it finds the membership to remove.
    pub async fn put_membership(
        &self,
        caller: &Caller,
        channel: &Channel,
        team_of: Option<CompanyId>,
    ) -> Result<(), Error> {
        let connection = self.note_channel(&caller.connection, channel).await?;
        let member = Member {
            user: caller.identity.user.clone(),
            name: caller.identity.name.clone(),
            connection: caller.connection.clone(),
            joined_at: caller.now,
            expires_at: connection.expires_at, // the caller's token may have been renewed since he connected
            team_of,
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

    /// Ends a membership: 2 writes. One that is not there is no error.
    pub async fn remove_membership(
        &self,
        user: &UserId,
        connection: &ConnectionId,
        channel: &Channel,
    ) -> Result<(), Error> {
        let (pk, sk) = member_key(user, connection, channel);
        let delete = self.delete(pk, sk);
        delete.send().await.map_err(failed("DeleteItem of a membership"))?;
        self.forget_channel(connection, channel).await
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

    /// Whether the caller's connection is a member: 1 read.
    pub async fn is_member(&self, caller: &Caller, channel: &Channel) -> Result<bool, Error> {
        let (pk, sk) = member_key(&caller.identity.user, &caller.connection, channel);
        let get = self.get(pk, sk).projection_expression("pk");
        Ok(get.send().await.map_err(failed("GetItem of a membership"))?.item.is_some())
    }

    /// The users in a channel that tells of them, each once, however many connections he has; and how many they are.
    /// Of more than [`ROSTER_USERS_MAX`] only the number.
    pub async fn roster(&self, channel: &Channel) -> Result<Roster, Error> {
        let mut users = BTreeMap::new();
        let mut pages = self.members(channel);
        while let Some(page) = pages.next().await? {
            for Member { user, name, joined_at, .. } in page {
                let presence =
                    Presence { user_id: user.clone(), name, status: Status::Online, last_seen: joined_at };
                users
                    .entry(user)
                    .and_modify(|known: &mut Presence| known.last_seen = known.last_seen.max(joined_at))
                    .or_insert(presence);
            }
        }
        let count = users.len();
        let users = if count <= ROSTER_USERS_MAX { users.into_values().collect() } else { Vec::new() };
        Ok(Roster { users, count })
    }

    /// The channel's members, page by page, shard by shard.
    pub fn members<'a>(&'a self, channel: &'a Channel) -> MemberPages<'a> {
        MemberPages { store: self, channel, shard: 0, start: None, page_size: None, now: now() }
    }
}

/// See [`Store::members`].
#[derive(Debug)]
pub struct MemberPages<'a> {
    store: &'a Store,
    channel: &'a Channel,
    shard: u8,
    start: Option<Item>,
    page_size: Option<i32>,
    now: Timestamp,
}

impl MemberPages<'_> {
    /// Pages of at most this many; DynamoDB's 1 MB where it is not called.
    #[must_use]
    pub fn page_size(mut self, members_max: usize) -> Self {
        self.page_size = i32::try_from(members_max).ok();
        self
    }

    /// Whether all has been read.
    pub fn is_done(&self) -> bool {
        self.shard >= self.channel.kind().policy().shards
    }

    /// The next page, without the members whose token has expired; `None` after the last. A page may be empty.
    pub async fn next(&mut self) -> Result<Option<Vec<Member>>, Error> {
        if self.is_done() {
            return Ok(None);
        }
        let query = self
            .store
            .query(key::members(self.channel, self.shard))
            .set_limit(self.page_size)
            .set_exclusive_start_key(self.start.take());
        let page = query.send().await.map_err(failed("Query of members"))?;
        self.start = page.last_evaluated_key;
        if self.start.is_none() {
            self.shard += 1;
        }
        let mut members = Vec::with_capacity(page.items.as_ref().map_or(0, Vec::len));
        for item in page.items.unwrap_or_default() {
            members.push(from_item::<Member>(item)?);
        }
        members.retain(|member| member.expires_at > self.now);
        Ok(Some(members))
    }
}

fn member_key(user: &UserId, connection: &ConnectionId, channel: &Channel) -> (String, String) {
    (key::members(channel, key::shard(channel, connection)), key::member(user, connection))
}
