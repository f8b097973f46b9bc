//! A member removed from a channel receives nothing more, is told why, and is missing from the roster, wherever the
//! removal is interrupted: against a real engine and a gateway that records what is posted.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use funnelcast_core::{ConversationId, bus::AccessEvent, identity::CompanyClaim, identity::Role, text::Text};
use tokio::sync::Notify;

use funnelcast_testing::gateway::{Answer, Recorded, Stub};

use super::{
    presence::{join, known_to, roster},
    *,
};
use crate::{
    backend::{self, Taken},
    revoke, rights,
};

fn conversation() -> ConversationId {
    "c1".parse().unwrap()
}

fn users(names: &[&str]) -> Vec<UserId> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

fn reason() -> Text<{ funnelcast_core::event::MESSAGE_BYTES_MAX }> {
    "refunded".to_owned().try_into().unwrap()
}

/// Sets the participants of the conversation.
async fn change(realtime: &Realtime, participants: &[&str]) {
    let change = set("biz_1", users(participants));
    realtime.table().change_conversation(&conversation(), &change, |_| true).await.unwrap();
}

/// This many connections of each of these users, all of which have joined.
async fn joined(realtime: &Realtime, connections: &[(&str, usize)]) -> Vec<SocketCaller> {
    let mut callers = Vec::new();
    for (user, count) in connections {
        for number in 0..*count {
            let caller = caller(user, &format!("{user}-{number}="));
            join(realtime, &caller).await;
            callers.push(caller);
        }
    }
    callers
}

/// How often each connection was told that it has lost the channel.
pub(super) fn told(stub: &Stub) -> BTreeMap<String, usize> {
    let mut told = BTreeMap::new();
    for request in stub.requests().iter().filter(|request| is_revocation(request)) {
        let (_, connection) = request.target.rsplit_once('/').unwrap();
        *told.entry(connection.replace("%3D", "=")).or_default() += 1;
    }
    told
}

fn is_revocation(request: &Recorded) -> bool {
    let event: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
    event["event"] == "access.revoked"
}

/// What remains of the memberships of these callers.
async fn left(realtime: &Realtime, callers: &[SocketCaller]) -> Vec<String> {
    let mut left = Vec::new();
    for SocketCaller { identity, connection, .. } in callers {
        let (user, table) = (&identity.user, realtime.table());
        let membership = table.membership(user, connection, &channel()).await.unwrap();
        let row = table.connection(user, connection).await.unwrap().unwrap();
        left.extend(membership.map(|_| format!("{connection} is a member")));
        left.extend(row.joined(&channel()).map(|_| format!("{connection} has it on its list")));
    }
    left
}

/// Where a function is interrupted.
#[derive(Debug, Clone, Copy)]
enum End {
    /// As this request to the table goes out.
    AtRequest(usize),
    /// As this post arrives, which is never answered.
    AtPost(usize),
}

/// Interrupts the function there. Returns whether it had ended by then.
async fn breaks_off(end: End) -> bool {
    let (ended, posts) = (Arc::new(Notify::new()), Arc::new(AtomicUsize::new(usize::MAX)));
    let stub = Stub::start({
        let (ended, posts) = (Arc::clone(&ended), Arc::clone(&posts));
        move |_| match posts.fetch_sub(1, Ordering::Relaxed) {
            0 => {
                ended.notify_one();
                Answer::Never
            }
            _ => Answer::Status(200),
        }
    })
    .await;
    let realtime = TestRealtime::new(&stub).await;
    change(&realtime, &["ann", "bob", "cid"]).await;
    joined(&realtime, &[("ann", 1)]).await;
    let removed = joined(&realtime, &[("bob", 2), ("cid", 1)]).await;
    change(&realtime, &["ann"]).await;

    match end {
        End::AtRequest(number) => realtime.engine.after_requests(number, {
            let ended = Arc::clone(&ended);
            async move { ended.notify_one() }
        }),
        End::AtPost(number) => posts.store(number, Ordering::Relaxed),
    }
    let conversation = conversation();
    let is_over = tokio::select! {
        biased;
        () = ended.notified() => false,
        checked = rights::check_conversation(&realtime, &conversation) => checked.is_ok(),
    };
    posts.store(usize::MAX, Ordering::Relaxed);
    rights::check_conversation(&realtime, &conversation).await.unwrap();

    let told: Vec<_> = told(&stub).into_keys().collect();
    assert_eq!(told, ["bob-0=", "bob-1=", "cid-0="], "{end:?}: each is told");
    assert_eq!(left(&realtime, &removed).await, [""; 0], "{end:?}: nothing is left");
    let here = roster(&realtime).await;
    assert_eq!(here.into_keys().collect::<Vec<_>>(), ["ann"], "{end:?}: the roster");
    let known = known_to(&stub, "ann-0", Vec::new());
    assert_eq!(known.into_keys().collect::<Vec<_>>(), ["ann"], "{end:?}: what Ann was told");
    is_over
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_completes_a_removal_that_was_interrupted_anywhere() {
    let mut number = 0;
    while !Box::pin(breaks_off(End::AtRequest(number))).await {
        number += 1;
    }
    assert!(number >= 15, "only {number} places where it could break off");
    let mut number = 0;
    while !Box::pin(breaks_off(End::AtPost(number))).await {
        number += 1;
    }
    assert!(number >= 5, "only {number} posts");
}

#[tokio::test]
async fn a_user_of_many_connections_leaves_once_and_each_connection_costs_three_writes() {
    const CONNECTIONS: usize = 20;
    let stub = Stub::answering(&[Answer::Status(200)]).await;
    let realtime = TestRealtime::new(&stub).await;
    change(&realtime, &["ann", "bob"]).await;
    joined(&realtime, &[("ann", 1), ("bob", CONNECTIONS)]).await;
    change(&realtime, &["ann"]).await;
    realtime.engine.take_operations();
    let before = stub.requests().len();
    rights::check_conversation(&realtime, &conversation()).await.unwrap();

    let mut operations = BTreeMap::<String, usize>::new();
    for operation in realtime.engine.take_operations() {
        *operations.entry(operation).or_default() += 1;
    }
    let of_presence = 1; // each: what is told is put, and deleted once the user has left
    let last_seen = 1; // of a participant; Bob is none any more, so the write is refused
    assert_eq!(operations["UpdateItem"], 2 * CONNECTIONS + last_seen);
    assert_eq!(operations["DeleteItem"], CONNECTIONS + of_presence);
    assert_eq!(operations["PutItem"], of_presence);
    assert_eq!(
        operations["Query"], 5,
        "the members, the conversation, the user's connections and own, the recipients"
    );
    assert_eq!(
        operations["BatchGetItem"], 2,
        "what restricts those who are there, and once whether the user may stay by another right"
    );
    assert_eq!(
        stub.requests().len() - before,
        CONNECTIONS + 1,
        "each is told, and Ann that one user has left"
    );
}

#[tokio::test]
async fn a_member_who_has_joined_again_meanwhile_stays() {
    let stub = Stub::answering(&[Answer::Status(200)]).await;
    let realtime = TestRealtime::new(&stub).await;
    let mut bob = joined(&realtime, &[("bob", 1)]).await.remove(0);
    let user = bob.identity.user.clone();
    let before = realtime.table().members_of_user(&channel(), &user).await.unwrap();
    bob.order = bob.order.next();
    join(&realtime, &bob).await;
    revoke::revoke(&realtime, &channel(), &before, &reason()).await.unwrap();

    let member = realtime.table().membership(&user, &bob.connection, &channel()).await.unwrap().unwrap();
    assert!(member.is_live(now()) && member.join_order == bob.order);
    assert_eq!(roster(&realtime).await.len(), 1);
    let row = realtime.table().connection(&user, &bob.connection).await.unwrap().unwrap();
    assert_eq!(row.joined(&channel()), Some(bob.order));
}

/// A kick is repeated when its function dies on the way, and days later from the dead letters. The user may have been let in again.
#[tokio::test]
async fn a_kick_that_comes_late_ends_no_membership_that_was_made_after_it() {
    let stub = Stub::answering(&[Answer::Status(200)]).await;
    let realtime = TestRealtime::new(&stub).await;
    let [old, new] = [Duration::from_hours(2), Duration::from_secs(1)].map(|ago| now() - ago);
    let mut devices = Vec::new();
    for (name, at) in [("phone=", old), ("laptop=", old), ("tablet=", new)] {
        let device = SocketCaller { now: at, ..caller("bob", name) };
        join(&realtime, &device).await;
        devices.push(device);
    }
    let [phone, laptop, tablet] = &mut devices[..] else { unreachable!() };
    (laptop.now, laptop.order) = (new, laptop.order.next());
    join(&realtime, laptop).await;
    let status = funnelcast_core::event::Status::Away;
    realtime
        .table()
        .set_status(&SocketCaller { now: now(), ..phone.clone() }, &channel(), status)
        .await
        .unwrap();

    let kick = serde_json::json!({"channel": "conversation:c1", "userId": "bob", "reason": "refunded"});
    let kick = AccessEvent::parse("Kick".parse().unwrap(), kick).unwrap();
    let hour_ago = now() - Duration::from_hours(1);
    for taken in [Taken { since: hour_ago, at: hour_ago }, Taken { since: hour_ago, at: now() }] {
        let sent = (hour_ago, Clock::Bus);
        backend::change_access(&realtime, kick.clone(), None, sent, taken).await.unwrap();
        assert_eq!(told(&stub).into_iter().collect::<Vec<_>>(), [("phone=".to_owned(), 1)]);
        for device in [&*laptop, &*tablet] {
            assert!(is_member(realtime.table(), device, &channel()).await, "{}", device.connection);
        }
    }
    let (sent, taken) = ((now(), Clock::Receipt), Taken { since: now(), at: now() });
    backend::change_access(&realtime, kick, None, sent, taken).await.unwrap();
    assert_eq!(told(&stub).into_keys().collect::<Vec<_>>(), ["laptop=", "phone=", "tablet="]);
}

#[tokio::test]
async fn a_member_who_cannot_be_told_receives_nothing_and_is_told_by_the_retry() {
    let tells = AtomicUsize::new(0);
    let stub = Stub::start(move |request| {
        let is_first = is_revocation(request) && tells.fetch_add(1, Ordering::Relaxed) == 0;
        Answer::Status(if is_first { 403 } else { 200 })
    })
    .await;
    let realtime = TestRealtime::new(&stub).await;
    let bob = joined(&realtime, &[("bob", 2)]).await;
    let user = &bob[0].identity.user;
    let members = realtime.table().members_of_user(&channel(), user).await.unwrap();
    revoke::revoke(&realtime, &channel(), &members, &reason()).await.unwrap_err();

    let untold = realtime.table().members_of_user(&channel(), user).await.unwrap();
    assert_eq!(untold.len(), 1);
    assert!(!untold[0].is_live(now()));
    assert!(roster(&realtime).await.is_empty(), "the others were told already");
    revoke::revoke(&realtime, &channel(), &untold, &reason()).await.unwrap();
    assert_eq!(left(&realtime, &bob).await, [""; 0]);
    let told = told(&stub);
    assert_eq!(told.len(), 2);
    assert_eq!(told[untold[0].connection.as_str()], 2, "the refused try, and the retry");
}

/// The role of a user in a company is looked up once for all of their connections whose tokens have the same claims,
/// and each connection depends on its own token.
#[tokio::test]
async fn each_connection_stays_by_its_own_token() {
    let stub = Stub::answering(&[Answer::Status(200)]).await;
    let realtime = TestRealtime::new(&stub).await;
    let company: funnelcast_core::CompanyId = "biz_1".parse().unwrap();
    change(&realtime, &[]).await;
    let claim = CompanyClaim { id: company.clone(), role: Role::Admin };
    for number in 0..6 {
        let mut ann = caller("ann", &format!("c{number}="));
        ann.identity.companies = if number < 4 { vec![claim.clone()] } else { Vec::new() };
        realtime.table().put_connection(&ann).await.unwrap();
        let right = Right::Team(company.clone());
        realtime.table().put_membership(&ann, &channel(), right, None, ann.order).await.unwrap();
    }
    realtime.engine.take_operations();
    rights::check_role(&realtime, &users(&["ann"])[0], &company).await.unwrap();
    let questions =
        realtime.engine.take_operations().into_iter().filter(|name| name == "BatchGetItem").count();
    assert_eq!(questions, 2, "one per token");
    assert_eq!(told(&stub).into_keys().collect::<Vec<_>>(), ["c4=", "c5="]);
}
