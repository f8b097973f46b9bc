//! A user's connections: all of their own, and no other user's.

use funnelcast_core::identity::{CompanyClaim, Role};

use std::collections::BTreeSet;

use super::*;
use crate::table::connections::{CONNECTION_AGE_MAX, CONNECTIONS_MAX, Removal};

fn user(name: &str) -> funnelcast_core::UserId {
    name.parse().unwrap()
}

impl TestTable {
    async fn connect(&self, name: &str, connection: &str) -> SocketCaller {
        let caller = caller(name, connection);
        self.put_connection(&caller).await.unwrap();
        caller
    }

    /// The ids of a user's connections.
    async fn ids(&self, name: &str) -> Vec<String> {
        let connections = self.connections(&user(name)).await.unwrap();
        connections.into_iter().map(|connection| connection.id.to_string()).collect()
    }
}

#[tokio::test]
async fn a_user_sees_only_their_own_connections() {
    let table = TestTable::new().await;
    for (name, connection) in [("ann", "c1="), ("ann", "c2="), ("bob", "c3="), ("ann_2", "c4=")] {
        table.connect(name, connection).await;
    }
    table.engine.take_operations();
    let mut of_ann = table.ids("ann").await;
    of_ann.sort();
    assert_eq!(of_ann, ["c1=", "c2="]);
    assert_eq!(table.engine.take_operations(), ["Query"], "one read, however many there are");
    assert_eq!(table.ids("cid").await, [""; 0]);

    let c3 = "c3=".parse().unwrap();
    assert_eq!(table.connection(&user("ann"), &c3).await.unwrap(), None, "it belongs to Bob");
    assert_eq!(table.remove_connection(&user("ann"), &c3).await.unwrap(), Removal::NothingThere);
    assert_eq!(table.remove_connection(&user("bob"), &c3).await.unwrap(), Removal::Done);
    assert_eq!(table.ids("bob").await, [""; 0]);
}

#[tokio::test]
async fn a_connection_acts_with_its_own_token() {
    let table = TestTable::new().await;
    let mut ann = caller("ann", "c1=");
    ann.identity.companies = vec![CompanyClaim { id: "biz_1".parse().unwrap(), role: Role::Member }];
    table.put_connection(&ann).await.unwrap();
    let later = ann.now + Duration::from_secs(9);
    let connection = table.connection(&ann.identity.user, &ann.connection).await.unwrap().unwrap();
    let again = connection.into_caller(later);
    assert_eq!((again.identity, again.connection), (ann.identity, ann.connection));
    assert_eq!((again.connected_at, again.now), (ann.connected_at, later));
}

#[tokio::test]
async fn a_connection_past_its_ttl_is_not_listed() {
    let table = TestTable::new().await;
    let mut ghost = caller("ann", "c1=");
    ghost.connected_at = now() - CONNECTION_AGE_MAX;
    table.put_connection(&ghost).await.unwrap();
    table.connect("ann", "c2=").await;
    assert_eq!(table.ids("ann").await, ["c2="]);
}

/// A caller on a connection that was seen at this second of the test.
fn at(second: u64, connection: &str) -> SocketCaller {
    let mut ann = caller("ann", connection);
    ann.now = Timestamp::from_secs(ann.now.as_secs() - 600) + Duration::from_secs(second);
    ann
}

impl TestTable {
    async fn displaced(&self, newest: &SocketCaller) -> Vec<String> {
        self.displaced_by(newest).await.unwrap().into_iter().map(|id| id.to_string()).collect()
    }
}

#[tokio::test]
async fn one_connection_too_many_displaces_the_longest_silent() {
    let table = TestTable::new().await;
    let max = u64::try_from(CONNECTIONS_MAX).unwrap();
    let mut ghost = at(0, "ghost=");
    ghost.connected_at = now() - CONNECTION_AGE_MAX;
    table.put_connection(&ghost).await.unwrap();
    for number in 0..max {
        let caller = at(number, &format!("c{number}="));
        table.put_connection(&caller).await.unwrap();
        assert_eq!(
            table.displaced(&caller).await,
            [""; 0],
            "within the limit; the expired row does not count"
        );
    }
    let one_more = at(max, "more=");
    table.put_connection(&one_more).await.unwrap();
    assert_eq!(table.displaced(&one_more).await, ["c0="]);
    let first = at(0, "c0=");
    table.note_seen(&first.identity.user, &first.connection, one_more.now).await.unwrap();
    assert_eq!(table.displaced(&one_more).await, ["c1="], "the first one is alive");
    assert_eq!(table.displaced(&caller("bob", "c1=")).await, [""; 0]);
}

/// All of them exist before any of them looks, as when they open at the same moment.
#[tokio::test]
async fn of_many_connections_opened_at_once_the_maximum_stays() {
    const AT_ONCE: usize = 7;
    let table = TestTable::new().await;
    for number in 0..CONNECTIONS_MAX - 2 {
        table.put_connection(&at(0, &format!("old{number}="))).await.unwrap();
    }
    let newest: Vec<_> = (0..AT_ONCE).map(|number| at(9, &format!("new{number}="))).collect();
    for caller in &newest {
        table.put_connection(caller).await.unwrap();
    }
    for caller in &newest {
        for id in table.displaced_by(caller).await.unwrap() {
            table.remove_connection(&caller.identity.user, &id).await.unwrap();
        }
    }
    let left = table.ids("ann").await;
    assert_eq!(left.len(), CONNECTIONS_MAX);
    assert_eq!(left.iter().filter(|id| id.starts_with("new")).count(), AT_ONCE, "{left:?}");
}

/// A connection that was opened first may be the last to be written: then the other has not seen it, and it sees both.
#[tokio::test]
async fn each_of_two_connections_displaces_another_though_one_has_not_seen_the_other() {
    let table = TestTable::new().await;
    for number in 0..CONNECTIONS_MAX {
        table.put_connection(&at(0, &format!("old{number}="))).await.unwrap();
    }
    let (first, second) = (at(1, "first="), at(2, "second="));
    table.put_connection(&second).await.unwrap();
    let mut displaced: BTreeSet<_> = table.displaced(&second).await.into_iter().collect();
    table.put_connection(&first).await.unwrap();
    displaced.extend(table.displaced(&first).await);
    assert_eq!(displaced.len(), 2, "{displaced:?}");
}
