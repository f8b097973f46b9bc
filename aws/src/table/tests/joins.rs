//! A concurrent `join` and `leave` of one channel on one socket, in every order of their steps: the one that was sent
//! last wins, for the connection's row and for the membership alike.

use funnelcast_testing::interleavings::{Turn, orders};

use super::{interleavings::joiner, *};
use crate::table::{
    connections::ChannelJoin,
    joins::{Confirmation, LEAVES_MAX},
};

/// The place of a frame.
fn place(number: u64) -> JoinOrder {
    Seq::try_from(number).unwrap().try_into().unwrap()
}

/// A `join`, step by step, as the function does it.
struct Joining {
    order: JoinOrder,
    member: Option<Member>,
    is_over: bool,
    refusal: Option<Confirmation>,
}

impl Joining {
    const STEPS: usize = 3;

    fn new(order: JoinOrder) -> Self {
        Self { order, member: None, is_over: false, refusal: None }
    }

    async fn step(&mut self, table: &TestTable, caller: &SocketCaller, number: usize) {
        if self.is_over {
            return;
        }
        let (user, id) = (&caller.identity.user, &caller.connection);
        match number {
            1 => match table.note_join(user, id, &channel(), self.order).await {
                Ok((connection, join_order)) => {
                    self.member = Some(Member {
                        user: user.clone(),
                        name: caller.identity.name.clone(),
                        connection: id.clone(),
                        join_order,
                        joined_at: None,
                        status: funnelcast_core::event::Status::Online,
                        seen_at: caller.now,
                        expires_at: connection.expires_at,
                        departed_at: None,
                        team_of: None,
                        grant: None,
                        spare_grant: None,
                        mute: None,
                    });
                }
                Err(refusal) => {
                    assert!(matches!(refusal, Error::Conflict(_) | Error::Unauthorized(_)), "{refusal}");
                    self.is_over = true;
                }
            },
            2 => {
                let member = self.member.take().unwrap();
                self.member = Some(table.put_member(&channel(), member, caller.connected_at).await.unwrap());
            }
            _ => {
                let member = self.member.take().unwrap();
                let join = member.join(&channel());
                match table.confirm_join(user, id, &channel(), join.join).await.unwrap() {
                    Confirmation::Stands { expires_at } if expires_at != member.expires_at => {
                        table.renew_membership(user, id, &channel(), expires_at).await.unwrap();
                    }
                    Confirmation::Stands { .. } => {}
                    refusal => {
                        self.refusal = Some(refusal);
                        table.remove_membership(user, id, &join).await.unwrap();
                    }
                }
            }
        }
    }
}

/// A `leave`, step by step. The last step is the check that it leaves to the timer if a `join` was under way.
struct Leaving {
    join: ChannelJoin,
    joined: Option<JoinOrder>,
    looks_back: bool,
}

impl Leaving {
    const STEPS: usize = 2;

    fn new(order: JoinOrder) -> Self {
        let join = ChannelJoin { channel: channel(), join: order };
        Self { join, joined: None, looks_back: false }
    }

    async fn step(&mut self, table: &TestTable, caller: &SocketCaller, number: usize) {
        let (user, id) = (&caller.identity.user, &caller.connection);
        if number == 1 {
            let before = table.note_leave(user, id, &channel(), self.join.join).await.unwrap();
            self.joined = before.and_then(|before| before.joined(&channel()));
        } else {
            let removed = table.remove_membership(user, id, &self.join).await.unwrap();
            self.looks_back = self.joined > removed;
        }
    }

    async fn look_back(&self, table: &TestTable, caller: &SocketCaller) {
        if self.looks_back {
            table.remove_membership(&caller.identity.user, &caller.connection, &self.join).await.unwrap();
        }
    }
}

/// Whether the connection is a member, and whether its row says so.
async fn standing(table: &TestTable, caller: &SocketCaller) -> (bool, bool) {
    let (user, id) = (&caller.identity.user, &caller.connection);
    let member = table.membership(user, id, &channel()).await.unwrap();
    let connection = table.connection(user, id).await.unwrap().unwrap();
    (member.is_some(), connection.joined(&channel()).is_some())
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_concurrent_join_and_leave_the_later_sent_wins() {
    for (join, leave, is_member) in [(place(2), place(3), false), (place(4), place(3), true)] {
        // Also when an earlier `join` had made a membership before.
        for was_member in [false, true] {
            for (order, dies_after) in orders(Joining::STEPS, Leaving::STEPS)
                .into_iter()
                .flat_map(|order| [Joining::STEPS, 2].map(|dies_after| (order.clone(), dies_after)))
            {
                let table = TestTable::new().await;
                let joiner = joiner(&table).await;
                if was_member {
                    table.put_membership(&joiner, &channel(), Right::Own, None, place(1)).await.unwrap();
                }
                let (mut joining, mut leaving) = (Joining::new(join), Leaving::new(leave));
                let (mut joins, mut leaves) = (0, 0);
                for turn in &order {
                    match turn {
                        Turn::Left => {
                            joins += 1;
                            if joins <= dies_after {
                                joining.step(&table, &joiner, joins).await;
                            }
                        }
                        Turn::Right => {
                            leaves += 1;
                            leaving.step(&table, &joiner, leaves).await;
                        }
                    }
                }
                leaving.look_back(&table, &joiner).await;
                assert_eq!(
                    standing(&table, &joiner).await,
                    (is_member, is_member),
                    "join {join}, leave {leave}, was a member: {was_member}, dies after {dies_after}: {order:?}"
                );
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_renewed_during_a_join_extends_the_membership() {
    for order in orders(Joining::STEPS, 1) {
        let table = TestTable::new().await;
        let joiner = joiner(&table).await;
        let tomorrow = joiner.now + Duration::from_hours(24);
        let (mut joining, mut steps) = (Joining::new(place(1)), 0);
        for turn in &order {
            match turn {
                Turn::Left => {
                    steps += 1;
                    joining.step(&table, &joiner, steps).await;
                }
                Turn::Right => {
                    let user = &joiner.identity.user;
                    table.renew(user, &joiner.connection, tomorrow, joiner.now).await.unwrap();
                }
            }
        }
        let (user, id) = (&joiner.identity.user, &joiner.connection);
        let member = table.membership(user, id, &channel()).await.unwrap().unwrap();
        assert_eq!(member.expires_at, tomorrow, "{order:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_join_on_a_connection_that_ended_leaves_no_membership() {
    for order in orders(Joining::STEPS, 2) {
        let table = TestTable::new().await;
        let joiner = joiner(&table).await;
        let (user, id) = (&joiner.identity.user, &joiner.connection);
        let (mut joining, mut joins, mut ended) = (Joining::new(place(1)), 0, 0);
        let mut memberships = Vec::new();
        for turn in &order {
            match turn {
                Turn::Left => {
                    joins += 1;
                    joining.step(&table, &joiner, joins).await;
                }
                Turn::Right if ended == 0 => {
                    ended += 1;
                    memberships = table.connection(user, id).await.unwrap().unwrap().channels;
                    table.remove_connection(user, id).await.unwrap();
                }
                Turn::Right => {
                    for join in &memberships {
                        table.remove_membership(user, id, join).await.unwrap();
                    }
                }
            }
        }
        assert_eq!(table.membership(user, id, &channel()).await.unwrap(), None, "{order:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_join_that_a_revocation_overtakes_is_told_from_one_that_a_leave_overtakes() {
    // Also where the connection no longer remembers each of its earlier `leave`s.
    for earlier_leaves in [0, LEAVES_MAX as u64] {
        let table = TestTable::new().await;
        let joiner = joiner(&table).await;
        let (user, id) = (&joiner.identity.user, &joiner.connection);
        for number in 1..=earlier_leaves {
            let channel = format!("conversation:other{number}").parse().unwrap();
            table.note_leave(user, id, &channel, place(number)).await.unwrap();
        }
        let overtaken = async |order, leave: Option<JoinOrder>| {
            let mut joining = Joining::new(order);
            joining.step(&table, &joiner, 1).await;
            joining.step(&table, &joiner, 2).await;
            if let Some(leave) = leave {
                table.note_leave(user, id, &channel(), leave).await.unwrap();
            } else {
                table.forget_channel(user, id, &channel(), order).await.unwrap();
            }
            joining.step(&table, &joiner, 3).await;
            joining.refusal
        };
        assert_eq!(overtaken(place(101), None).await, Some(Confirmation::Removed), "{earlier_leaves}");
        assert_eq!(
            overtaken(place(102), Some(place(103))).await,
            Some(Confirmation::Left),
            "{earlier_leaves}"
        );
        assert_eq!(overtaken(place(104), None).await, Some(Confirmation::Removed), "{earlier_leaves}");
    }
}

#[tokio::test]
async fn a_removal_only_removes_the_membership_of_its_join() {
    let table = TestTable::new().await;
    let joiner = joiner(&table).await;
    let (user, id) = (&joiner.identity.user, &joiner.connection);
    table.put_membership(&joiner, &channel(), Right::Own, None, place(3)).await.unwrap();
    let earlier = ChannelJoin { channel: channel(), join: place(2) };
    assert_eq!(table.remove_membership(user, id, &earlier).await.unwrap(), None);
    table.note_departure(user, id, &earlier, now()).await.unwrap();
    table.forget_channel(user, id, &channel(), place(2)).await.unwrap();
    let member = table.membership(user, id, &channel()).await.unwrap().unwrap();
    assert_eq!(member.departed_at, None);
    assert_eq!(standing(&table, &joiner).await, (true, true));
    let its_own = ChannelJoin { join: place(3), ..earlier };
    assert_eq!(table.remove_membership(user, id, &its_own).await.unwrap(), Some(place(3)));
}

#[tokio::test]
async fn a_connection_remembers_the_latest_of_its_leaves() {
    let table = TestTable::new().await;
    let joiner = joiner(&table).await;
    let (user, id) = (&joiner.identity.user, &joiner.connection);
    for number in 1..=100 {
        let channel = format!("conversation:c{number}").parse().unwrap();
        table.note_leave(user, id, &channel, place(number)).await.unwrap();
    }
    let connection = table.connection(user, id).await.unwrap().unwrap();
    assert!((16..=32).contains(&connection.leaves.len()), "{}", connection.leaves.len());
    assert!(connection.left(&"conversation:c100".parse().unwrap()).is_some());
    assert!(connection.left(&"conversation:c90".parse().unwrap()).is_some());
    assert!(connection.left(&"conversation:c1".parse().unwrap()).is_none());
    assert_eq!(connection.into_caller(now()).order, place(101), "a request by HTTP comes after all that");
    let join = async |channel: &str, number| {
        table.put_membership(&joiner, &channel.parse().unwrap(), Right::Own, None, place(number)).await
    };
    // A channel of which nothing is remembered may have been left after any `join` from before the forgotten place.
    assert_eq!(join("conversation:c1", 1).await.unwrap_err().code(), "conflict");
    assert_eq!(join("conversation:new", 2).await.unwrap_err().code(), "conflict");
    join("conversation:c1", 101).await.unwrap();
    join("conversation:new", 99).await.unwrap();
}

#[tokio::test]
async fn a_repeated_join_keeps_the_users_status() {
    use funnelcast_core::event::Status;
    let table = TestTable::new().await;
    let joiner = joiner(&table).await;
    let join = async |number| {
        table.put_membership(&joiner, &channel(), Right::Own, None, place(number)).await.unwrap()
    };
    assert_eq!(join(1).await.status, Status::Online);
    table.set_status(&joiner, &channel(), Status::Away).await.unwrap();
    assert_eq!(join(2).await.status, Status::Away);
    table
        .remove_membership(&joiner.identity.user, &joiner.connection, &join(2).await.join(&channel()))
        .await
        .unwrap();
    assert_eq!(join(3).await.status, Status::Online, "another membership");
}
