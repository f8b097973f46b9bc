//! Who is in a channel: the users who have a membership in it, each once, however many connections he has.
//!
//! That is all there is to it: who makes a user's first membership tells that he has come, and who removes his last one
//! tells that he has left. A lost connection leaves its membership for some seconds, so a user who is back by then
//! has never been away.

use std::{collections::BTreeMap, time::Duration};

use aws_sdk_dynamodb::types::AttributeValue;
use funnelcast_core::{Channel, Error, Timestamp, UserId, action::Roster, event::Presence};

use super::{Item, Member, Store, if_met, key};

/// The most memberships of a channel whose users are named; one with more only counts them.
pub const NAMED_MEMBERS_MAX: usize = 100;
/// How often a channel that only counts tells its number, at most.
pub const COUNT_INTERVAL: Duration = Duration::from_secs(10);

impl Store {
    /// The users in a channel that tells of them, and how many they are; of more than [`NAMED_MEMBERS_MAX`] memberships
    /// only the number.
    pub async fn roster(&self, channel: &Channel) -> Result<Roster, Error> {
        let mut members = 0;
        let mut users = BTreeMap::new();
        let mut pages = self.members(channel);
        while let Some(page) = pages.next().await? {
            members += page.len();
            add(&mut users, &page);
        }
        let count = users.len();
        let users = if members <= NAMED_MEMBERS_MAX { users.into_values().collect() } else { Vec::new() };
        Ok(Roster { users, count })
    }

    /// Whether it is for the caller to have the channel's number told, [`COUNT_INTERVAL`] from now: 1 write. Of those
    /// who ask within that time only the first gets a yes.
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

/// The users of these members.
pub fn users(members: &[Member]) -> BTreeMap<UserId, Presence> {
    let mut users = BTreeMap::new();
    add(&mut users, members);
    users
}

/// A user is what the most present of his devices says, and was seen when the last of them was.
fn add(users: &mut BTreeMap<UserId, Presence>, members: &[Member]) {
    for Member { user, name, status, seen_at, .. } in members {
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
    use funnelcast_core::event::Status;

    use super::*;

    fn member(user: &str, connection: &str, status: Status, seen_at: i64) -> Member {
        Member {
            user: user.parse().unwrap(),
            name: user.to_owned().try_into().unwrap(),
            connection: connection.parse().unwrap(),
            status,
            seen_at: Timestamp::from_secs(seen_at),
            expires_at: Timestamp::from_secs(9_999),
            left_at: None,
            team_of: None,
            grant: None,
        }
    }

    #[test]
    fn a_user_is_what_his_most_present_device_says() {
        let members = [
            member("ann", "c1=", Status::Away, 5),
            member("ann", "c2=", Status::Online, 3),
            member("bob", "c3=", Status::Offline, 1),
        ];
        let users: Vec<_> =
            users(&members).into_values().map(|p| (p.status, p.last_seen.as_secs())).collect();
        assert_eq!(users, [(Status::Online, 5), (Status::Offline, 1)]);
    }

    #[test]
    fn nothing_is_posted_to_a_member_that_is_lost_or_expired() {
        let now = Timestamp::from_secs(100);
        let alive = member("ann", "c1=", Status::Online, 1);
        assert!(alive.hears(now));
        assert!(!Member { left_at: Some(now), ..alive.clone() }.hears(now));
        assert!(!Member { expires_at: now, ..alive }.hears(now));
    }
}
