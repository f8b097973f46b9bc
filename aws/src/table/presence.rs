//! The users in a channel: those with a valid membership of it, each once, however many connections they have.
//!
//! The memberships decide who is present. The roster is what the members were told of that: a row for each user,
//! which is changed when the members are told (`funnelcast_realtime::presence::settle`). So a joiner that writes its
//! membership and then reads the roster knows what all others know, and is told what changes later. A connection that
//! has ended leaves its membership for [`DEPARTURE_GRACE`](super::members::DEPARTURE_GRACE), so a user who is back by
//! then was never away.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use aws_sdk_dynamodb::types::AttributeValue;
use funnelcast_core::{
    Channel, ConversationId, Error, Timestamp, UserId,
    action::Roster,
    event::{Absent, EventName, Presence, Status},
    identity::Name,
};
use serde::{Deserialize, Serialize};

use super::{
    connections::CONNECTION_AGE_MAX,
    item::{Item, Table, back_off, failed, from_item, if_met, is_contended, sk, to_item},
    key,
    members::Member,
};
use crate::clock::now;

/// The most memberships of a channel whose users are named. With more, users are only counted.
pub const NAMED_MEMBERS_MAX: usize = 100;
/// The shortest time between two count broadcasts of a channel.
pub const COUNT_INTERVAL: Duration = Duration::from_secs(10);
/// The largest difference between the clocks of two functions: a roster contains all presence events that are older
/// than this by its own clock.
const CLOCK_SKEW_MAX: Duration = Duration::from_secs(5);
/// How often a note is tried while a transaction on the same row is under way.
const CONTENDED_ROUNDS_MAX: u32 = 10;
/// How long what was told of a user is valid, unless it is told again. A joiner ensures that this exceeds the life of
/// its connection, so only rows that were never cleaned up end by it.
const TOLD_LIFE: Duration = Duration::from_hours(6);

/// What the members of a channel were last told of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Told {
    /// The status; `None` if they have left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// The time of that event. It rises with each event, so of two events on a user the later one counts.
    pub at: Timestamp,
    /// When the user was last seen, according to that event. This rises as well.
    pub last_seen: Timestamp,
    /// The event, until all members have been told it: a process that finds it here tells it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub telling: Option<EventName>,
    /// When this expires.
    pub until: Timestamp,
}

impl Told {
    /// Nothing was ever told.
    pub const NOTHING: Self = Self {
        status: None,
        at: Timestamp::EPOCH,
        last_seen: Timestamp::EPOCH,
        telling: None,
        until: Timestamp::EPOCH,
    };

    /// When something that is told now expires.
    pub fn life_from(now: Timestamp) -> Timestamp {
        now + TOLD_LIFE
    }

    /// Whether this may expire before a connection that joins now.
    pub fn ends_early(&self, now: Timestamp) -> bool {
        self.until < now + CONNECTION_AGE_MAX
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct ToldRow {
    sk: UserId,
    name: Name,
    #[serde(flatten)]
    told: Told,
}

impl Table {
    /// The users in a presence channel and their number. With more than [`NAMED_MEMBERS_MAX`] memberships, only the
    /// number.
    pub async fn roster(&self, channel: &Channel) -> Result<Roster, Error> {
        let now = now();
        let mut members = 0;
        let mut counted = BTreeSet::new();
        let mut pages = self.members(channel);
        while let Some(page) = pages.next().await? {
            members += page.len();
            counted
                .extend(page.into_iter().filter(|member| member.is_present(now)).map(|member| member.user));
        }
        let at = contained_until(now);
        if members > NAMED_MEMBERS_MAX {
            return Ok(Roster { users: Vec::new(), absent: Vec::new(), count: counted.len(), at });
        }
        let users: Vec<_> = self.told_users(channel).await?.into_iter().filter_map(as_present(now)).collect();
        Ok(Roster { count: users.len(), users, absent: Vec::new(), at })
    }

    /// What the members of a channel were told of each of its users, in the order of their ids: 1 read. Meant for
    /// channels of at most [`NAMED_MEMBERS_MAX`] memberships; it stops at twice as many users.
    pub async fn told_users(&self, channel: &Channel) -> Result<Vec<(UserId, Name, Told)>, Error> {
        let query = self.query(key::told(channel)).set_limit(i32::try_from(2 * NAMED_MEMBERS_MAX).ok());
        let page = query.send().await.map_err(failed("Query of what was told"))?;
        let rows = page.items.unwrap_or_default().into_iter().map(from_item);
        rows.map(|row| row.map(|ToldRow { sk, name, told }| (sk, name, told))).collect()
    }

    /// What the members of a channel were last told of a user: 1 read.
    pub async fn told(&self, channel: &Channel, user: &UserId) -> Result<Told, Error> {
        let get = self.get(key::told(channel), user.to_string());
        let item = get.send().await.map_err(failed("GetItem of what was told"))?.item;
        item.map_or(Ok(Told::NOTHING), |item| from_item(item).map(|row: ToldRow| row.told))
    }

    /// Writes down what the members are about to be told, unless another process has told them something else since
    /// `before` was read: 1 write. Returns whether it was written.
    pub async fn put_told(
        &self,
        channel: &Channel,
        (user, name): (&UserId, &Name),
        before: Told,
        told: Told,
    ) -> Result<bool, Error> {
        let mut item = to_item(ToldRow { sk: user.clone(), name: name.clone(), told })?;
        item.insert("pk".to_owned(), AttributeValue::S(key::told(channel)));
        item.insert("ttl".to_owned(), AttributeValue::N(told.until.as_secs().to_string()));
        let put = self.put(item);
        let put = if before == Told::NOTHING {
            put.condition_expression("attribute_not_exists(pk)")
        } else {
            put.condition_expression("#at = :before")
                .expression_attribute_names("#at", "at")
                .expression_attribute_values(":before", AttributeValue::S(before.at.to_string()))
        };
        Ok(if_met("PutItem of what was told", put.send().await)?.is_some())
    }

    /// Records that all members have been told this, unless something later has been told since: 1 write. The row of
    /// a user who has left is deleted.
    pub async fn note_told(&self, channel: &Channel, user: &UserId, told: Told) -> Result<(), Error> {
        let (pk, sk) = (key::told(channel), user.to_string());
        let at = AttributeValue::S(told.at.to_string());
        if told.status.is_none() {
            let delete = self.delete(pk, sk).condition_expression("#at = :at");
            let delete =
                delete.expression_attribute_names("#at", "at").expression_attribute_values(":at", at);
            return if_met("DeleteItem of what was told", delete.send().await).map(drop);
        }
        let update = self
            .update(pk, sk)
            .update_expression("REMOVE telling")
            .condition_expression("#at = :at")
            .expression_attribute_names("#at", "at")
            .expression_attribute_values(":at", at);
        if_met("UpdateItem of what was told", update.send().await).map(drop)
    }

    /// Notes on the row of a participant when they were last seen in the conversation, unless that is noted already: 1 write. Of
    /// others nothing is noted.
    pub async fn note_last_seen(
        &self,
        conversation: &ConversationId,
        (user, name): (&UserId, &Name),
        at: Timestamp,
    ) -> Result<(), Error> {
        let update = self
            .update(key::conversation(conversation), key::participant(user))
            .update_expression("SET lastSeen = :at, #name = :name")
            .condition_expression(
                "attribute_exists(pk) AND (attribute_not_exists(lastSeen) OR lastSeen < :at)",
            )
            .expression_attribute_names("#name", "name")
            .expression_attribute_values(":at", AttributeValue::S(at.to_string()))
            .expression_attribute_values(":name", AttributeValue::S(name.as_str().to_owned()));
        let mut noted = update.clone().send().await;
        for round in 0..CONTENDED_ROUNDS_MAX {
            if !is_contended(&noted) {
                break;
            }
            back_off(round).await; // the participants are being changed
            noted = update.clone().send().await;
        }
        if_met("UpdateItem of a participant", noted).map(drop)
    }

    /// The participants of a conversation, with when each was last seen there: 1 read.
    pub async fn last_seen(&self, conversation: &ConversationId) -> Result<Vec<Absent>, Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct ParticipantRow {
            #[serde(default)]
            name: Option<Name>,
            #[serde(default)]
            last_seen: Option<Timestamp>,
        }
        let items = self.read_conversation_items(conversation).await?.into_iter();
        let users = items.filter_map(|item| {
            let user = sk(&item).strip_prefix(key::PARTICIPANT_PREFIX)?.parse();
            Some(user.and_then(|user_id| {
                let ParticipantRow { name, last_seen } = from_item(item)?;
                Ok(Absent { user_id, name, last_seen })
            }))
        });
        users.collect()
    }

    /// Claims the next count broadcast of a channel, which is due [`COUNT_INTERVAL`] from now: 1 write. Within that
    /// time only the first claim succeeds.
    pub async fn takes_count(&self, channel: &Channel, now: Timestamp) -> Result<bool, Error> {
        let until = now + COUNT_INTERVAL;
        let number = |time: Timestamp| AttributeValue::N(time.as_millis().to_string());
        let item = Item::from([
            ("pk".to_owned(), AttributeValue::S(key::count(channel))),
            ("sk".to_owned(), AttributeValue::S(key::META.to_owned())),
            ("until".to_owned(), number(until)),
            ("ttl".to_owned(), AttributeValue::N((until.as_secs() + 1).to_string())),
        ]);
        let put = self
            .put(item)
            .condition_expression("attribute_not_exists(pk) OR #until <= :now")
            .expression_attribute_names("#until", "until")
            .expression_attribute_values(":now", number(now));
        Ok(if_met("PutItem of a count", put.send().await)?.is_some())
    }
}

/// The time up to which a roster that was read at `read_at` contains all presence events.
pub fn contained_until(read_at: Timestamp) -> Timestamp {
    read_at - CLOCK_SKEW_MAX
}

/// The presence of a user by what was told of them; `None` if they are not present.
pub fn as_present(now: Timestamp) -> impl Fn((UserId, Name, Told)) -> Option<Presence> {
    move |(user_id, name, told)| {
        let status = told.status.filter(|_| now < told.until)?;
        Some(Presence { user_id, name, status, last_seen: told.last_seen })
    }
}

/// The users who are present by these members.
pub fn users(members: &[Member], now: Timestamp) -> BTreeMap<UserId, Presence> {
    let mut users = BTreeMap::new();
    add(&mut users, members, now);
    users
}

/// A user has the status of their most present device, and was last seen when the last of their devices was.
fn add(users: &mut BTreeMap<UserId, Presence>, members: &[Member], now: Timestamp) {
    for Member { user, name, status, seen_at, .. } in members.iter().filter(|member| member.is_present(now)) {
        let of_device =
            || Presence { user_id: user.clone(), name: name.clone(), status: *status, last_seen: *seen_at };
        users
            .entry(user.clone())
            .and_modify(|known: &mut Presence| {
                known.status = known.status.min(*status);
                known.last_seen = known.last_seen.max(*seen_at);
            })
            .or_insert_with(of_device);
    }
}

#[cfg(test)]
mod tests {
    use funnelcast_core::JoinOrder;

    use super::*;
    use crate::table::members::DEPARTURE_GRACE;

    fn member(user: &str, connection: &str, status: Status, seen_at: i64) -> Member {
        Member {
            user: user.parse().unwrap(),
            name: user.to_owned().try_into().unwrap(),
            connection: connection.parse().unwrap(),
            join_order: JoinOrder::FIRST,
            joined_at: None,
            status,
            seen_at: Timestamp::from_secs(seen_at),
            expires_at: Timestamp::from_secs(9_999),
            departed_at: None,
            team_of: None,
            grant: None,
            spare_grant: None,
            mute: None,
        }
    }

    #[test]
    fn a_membership_was_made_when_it_was_seen_first() {
        let [before, at, after] = [6, 7, 8].map(Timestamp::from_secs);
        let made = member("ann", "a", Status::Online, 7);
        assert!(!serde_json::to_string(&made).unwrap().contains("joinedAt"));
        assert_eq!([before, at, after].map(|time| made.was_made_by(time)), [false, true, true]);
        let seen = Member { joined_at: Some(at), seen_at: after, ..made };
        assert_eq!([before, at, after].map(|time| seen.was_made_by(time)), [false, true, true]);
    }

    #[test]
    fn a_user_has_the_status_of_their_most_present_device() {
        let members = [
            member("ann", "c1=", Status::Away, 5),
            member("ann", "c2=", Status::Online, 3),
            member("bob", "c3=", Status::Offline, 1),
        ];
        let users: Vec<_> = users(&members, Timestamp::from_secs(100))
            .into_values()
            .map(|p| (p.status, p.last_seen.as_secs()))
            .collect();
        assert_eq!(users, [(Status::Online, 5), (Status::Offline, 1)]);
    }

    #[test]
    fn nothing_is_posted_to_a_member_that_has_departed_or_expired() {
        let now = Timestamp::from_secs(100);
        let alive = member("ann", "c1=", Status::Online, 1);
        assert!(alive.is_live(now));
        assert!(!Member { departed_at: Some(now), ..alive.clone() }.is_live(now));
        assert!(!Member { expires_at: now, ..alive }.is_live(now));
    }

    #[test]
    fn a_user_stays_for_the_grace_of_a_departure_but_not_beyond_their_token() {
        let now = Timestamp::from_secs(100);
        let alive = member("ann", "c1=", Status::Online, 1);
        let departed = |at| Member { departed_at: Some(at), ..alive.clone() };
        assert!(departed(now).is_present(now));
        assert!(!departed(now - DEPARTURE_GRACE).is_present(now));
        assert!(!Member { expires_at: now, ..alive.clone() }.is_present(now));
    }
}
