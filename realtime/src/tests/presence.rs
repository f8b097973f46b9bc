//! The members of a channel know what its roster says, whatever the devices of its users do at the same time. Random
//! changes run side by side against a real engine and a gateway that records what is posted; some of them are
//! interrupted halfway and repeated.

use std::collections::BTreeMap;

use funnelcast_aws::table::{
    connections::{CONNECTIONS_MAX, ChannelJoin, Departed},
    presence::Told,
};
use funnelcast_core::{Right, Timestamp, event::Status, identity::Name};
use funnelcast_testing::gateway::Answer;
use futures_util::future::join_all;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::Value;

use super::*;
use crate::{
    membership::leave,
    presence::{self, PresenceChange},
};

/// What a device does.
#[derive(Debug, Clone, Copy)]
enum Change {
    Join,
    Leave,
    Says(Status),
    /// Its connection ends; its memberships are removed after the grace.
    IsLost,
    /// Its token expires, and the timer of its lease ends the connection.
    Expires,
}

struct Device {
    caller: SocketCaller,
    /// How many connections it has had.
    connections: u64,
    is_member: bool,
}

impl Device {
    fn new(user: &str, name: &str) -> Self {
        Self { caller: caller(user, &format!("{name}-0=")), connections: 0, is_member: false }
    }

    /// Replaces the connection and its status, and returns the old one.
    fn replace_connection(&mut self, name: &str) -> SocketCaller {
        self.connections += 1;
        self.is_member = false;
        let connection = format!("{name}-{}=", self.connections).parse().unwrap();
        let user = self.caller.identity.user.to_string();
        std::mem::replace(&mut self.caller, SocketCaller { connection, ..caller(&user, "x=") })
    }

    fn next_frame(&mut self) {
        self.caller.order = self.caller.order.next();
        self.caller.now = now();
    }
}

/// Joins, and returns the roster that the joiner has read.
pub(super) async fn join(realtime: &Realtime, caller: &SocketCaller) -> Vec<(UserId, Name, Told)> {
    if realtime.table().connection(&caller.identity.user, &caller.connection).await.unwrap().is_none() {
        realtime.table().put_connection(caller).await.unwrap();
    }
    realtime.table().put_membership(caller, &channel(), Right::Own, None, caller.order).await.unwrap();
    let roster = realtime.table().told_users(&channel()).await.unwrap();
    presence::settle(realtime, &channel(), &PresenceChange::of(caller), None).await.unwrap();
    roster
}

/// Performs a change to its end.
async fn change(realtime: &TestRealtime, caller: &SocketCaller, change: Change) {
    let user = &caller.identity.user;
    match change {
        Change::Join => drop(join(realtime, caller).await),
        Change::Leave => leave::end_own(realtime, caller, &channel(), caller.order).await.unwrap(),
        Change::Says(status) => {
            presence::change_status(realtime, caller, &channel(), status).await.unwrap();
        }
        Change::IsLost | Change::Expires => {
            if matches!(change, Change::Expires) {
                let (pk, sk, at) = (format!("USER#{user}"), format!("CONN#{}", caller.connection), now());
                realtime.engine.set((&pk, &sk), "expiresAt", &at.to_string()).await;
                let renewed =
                    realtime.table().renew_membership(user, &caller.connection, &channel(), at).await;
                renewed.unwrap();
            }
            realtime.table().remove_connection(user, &caller.connection).await.unwrap();
            let join = ChannelJoin { channel: channel(), join: caller.order };
            realtime.table().note_departure(user, &caller.connection, &join, now()).await.unwrap();
            let (connection, name) = (caller.connection.clone(), caller.identity.name.clone());
            let lost = Departed { connection, user: user.clone(), name, channels: vec![join], at: now() };
            leave::end_departed(realtime, &lost).await.unwrap();
        }
    }
}

/// What a connection knows of the users: the roster that it was given, and what was posted to it since, in the order
/// of the events' timestamps.
pub(super) fn known_to(
    stub: &Stub,
    connection: &str,
    roster: Vec<(UserId, Name, Told)>,
) -> BTreeMap<String, String> {
    let status = |status: Option<Status>| serde_json::to_value(status).unwrap().as_str().map(str::to_owned);
    let of_roster =
        roster.into_iter().map(|(user, _, told)| (user.to_string(), (told.at, status(told.status))));
    let mut known: BTreeMap<String, (Timestamp, Option<String>)> = of_roster.collect();
    for request in stub.requests().iter().filter(|request| request.target.contains(connection)) {
        let event: Value = serde_json::from_slice(&request.body).unwrap();
        let at: Timestamp = serde_json::from_value(event["at"].clone()).unwrap();
        let is_here = event["event"] != "presence.leave";
        let status = event["data"]["status"].as_str().filter(|_| is_here).map(str::to_owned);
        let user = event["data"]["userId"].as_str().unwrap().to_owned();
        let known = known.entry(user).or_insert((Timestamp::EPOCH, None));
        if at >= known.0 {
            *known = (at, status);
        }
    }
    known.into_iter().filter_map(|(user, (_, status))| Some((user, status?))).collect()
}

/// The users whose devices change.
fn devices_of(mut users: BTreeMap<String, String>) -> BTreeMap<String, String> {
    users.retain(|user, _| user == "ann" || user == "bob");
    users
}

pub(super) async fn roster(realtime: &Realtime) -> BTreeMap<String, String> {
    let roster = realtime.table().roster(&channel()).await.unwrap();
    let status = |status| serde_json::to_value(status).unwrap().as_str().unwrap().to_owned();
    roster.users.into_iter().map(|user| (user.user_id.to_string(), status(user.status))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_members_know_what_the_roster_says() {
    const ROUNDS: usize = 60;
    const SEED: u64 = 11;
    let stub = Stub::answering(&[Answer::Status(200)]).await;
    let realtime = TestRealtime::new(&stub).await;
    join(&realtime, &caller("watcher", "watcher=")).await;

    let names = ["ann", "ann", "ann", "bob", "bob"];
    let mut devices: Vec<_> = names
        .iter()
        .enumerate()
        .map(|(number, user)| Device::new(user, &format!("{user}-{number}")))
        .collect();
    let mut random = StdRng::seed_from_u64(SEED);
    for round in 0..ROUNDS {
        let mut changes = Vec::new();
        for (number, device) in devices.iter_mut().enumerate() {
            if random.random_bool(0.4) {
                continue;
            }
            device.next_frame();
            let (what, who) = if device.is_member {
                match random.random_range(0..6) {
                    0 => (Change::Leave, device.caller.clone()),
                    1 => (Change::IsLost, device.replace_connection(&format!("{}-{number}", names[number]))),
                    2 => (Change::Expires, device.replace_connection(&format!("{}-{number}", names[number]))),
                    3 => (Change::Says(Status::Online), device.caller.clone()),
                    4 => (Change::Says(Status::Away), device.caller.clone()),
                    _ => (Change::Says(Status::Offline), device.caller.clone()),
                }
            } else {
                (Change::Join, device.caller.clone())
            };
            device.is_member = matches!(what, Change::Join | Change::Says(_));
            // Interrupted at any point and repeated, as by a client that got no answer or by the timer queue.
            let breaks_off = random.random_bool(0.3).then(|| random.random_range(0..8_000_u64));
            changes.push((what, who, breaks_off));
        }
        let realtime = &realtime;
        let newcomer = caller("newcomer", &format!("newcomer-{round}="));
        let changing = join_all(changes.iter().map(async |(what, who, breaks_off)| {
            if let Some(micros) = breaks_off {
                let first = std::time::Duration::from_micros(*micros);
                let _ = tokio::time::timeout(first, change(realtime, who, *what)).await;
            }
            change(realtime, who, *what).await;
        }));
        let (_, roster_of_newcomer) = tokio::join!(changing, join(realtime, &newcomer));
        let is = devices_of(roster(realtime).await);
        let did: Vec<_> = changes.iter().map(|(what, who, _)| (what, who.connection.to_string())).collect();
        let known = known_to(&stub, "watcher", Vec::new());
        assert_eq!(devices_of(known), is, "round {round}: {did:?}");
        let known = known_to(&stub, newcomer.connection.as_str().trim_end_matches('='), roster_of_newcomer);
        assert_eq!(devices_of(known), is, "a joiner in round {round}: {did:?}");
        leave::end_own(realtime, &newcomer, &channel(), newcomer.order.next()).await.unwrap();
    }
}

/// As when a computer is switched off: each connection is handled separately, at the same time as all others.
#[tokio::test(flavor = "multi_thread")]
async fn many_connections_that_end_at_once_are_told_a_few_times_at_most() {
    const CONNECTIONS: usize = CONNECTIONS_MAX;
    let stub = Stub::answering(&[Answer::Status(200)]).await;
    let realtime = TestRealtime::new(&stub).await;
    join(&realtime, &caller("watcher", "watcher=")).await;
    let devices: Vec<_> = (0..CONNECTIONS).map(|number| caller("ann", &format!("ann-{number}="))).collect();
    for device in &devices {
        join(&realtime, device).await;
    }
    let heard = stub.requests().len();
    join_all(devices.iter().map(|device| change(&realtime, device, Change::IsLost))).await;
    let heard = stub.requests().len() - heard;
    assert!(!roster(&realtime).await.contains_key("ann"));
    assert!((1..=CONNECTIONS / 10).contains(&heard), "{heard} posts");
}
