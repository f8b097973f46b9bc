//! Two concurrent operations: every order of their steps is tried, one after the other.

use funnelcast_core::ConversationId;
use funnelcast_testing::interleavings::{Turn, orders};

use super::*;

/// The caller of a joiner's connection, which the table knows.
pub(super) async fn joiner(table: &TestTable) -> SocketCaller {
    let caller = caller("user_2", "joiner=");
    table.put_connection(&caller).await.unwrap();
    caller
}

async fn is_among_members(table: &TestTable, channel: &Channel, caller: &SocketCaller) -> bool {
    let mut pages = table.members(channel);
    let mut found = false;
    while let Some(page) = pages.next().await.unwrap() {
        found |= page.iter().any(|member| member.connection == caller.connection);
    }
    found
}

/// Joining writes the membership, then reads the log; sending appends, then reads the members.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_in_the_joins_reply_or_the_joiner_is_a_member() {
    for events_before in [0, 1] {
        for order in orders(2, 3) {
            let table = TestTable::new().await;
            table.fill(events_before).await;
            let joiner = joiner(&table).await;
            let (mut joining, mut sending) = (0, 0);
            let (mut view, mut sent, mut in_reply, mut is_member) = (None, None, false, false);
            for turn in &order {
                match turn {
                    Turn::Left => joining += 1,
                    Turn::Right => sending += 1,
                }
                match (turn, joining, sending) {
                    (Turn::Left, 1, _) => {
                        table
                            .put_membership(&joiner, &channel(), Right::Own, None, joiner.order)
                            .await
                            .unwrap();
                    }
                    (Turn::Left, ..) => {
                        let (recovered, seqs, _) = table.recover_seqs(events_before).await;
                        assert!(recovered);
                        in_reply = seqs.contains(&(events_before + 1));
                    }
                    (Turn::Right, _, 1) => {
                        view = Some(table.look_back(&channel(), base(events_before)).await.unwrap());
                    }
                    (Turn::Right, _, 2) => {
                        let mut view = view.take().unwrap();
                        sent = Some(Sent::of(table.append(&mut view, &message("hello")).await.unwrap()));
                    }
                    (Turn::Right, ..) => is_member = is_among_members(&table, &channel(), &joiner).await,
                }
            }
            assert_eq!(sent, Some(Sent::New(events_before + 1)));
            assert!(in_reply || is_member, "neither: {order:?}");
        }
    }
}

/// The same for events that are kept as the latest value of their key.
#[tokio::test(flavor = "multi_thread")]
async fn a_latest_value_is_in_the_joins_reply_or_the_joiner_is_a_member() {
    let channel: Channel = "analytics:biz_1".parse().unwrap();
    for order in orders(2, 2) {
        let table = TestTable::new().await;
        let joiner = joiner(&table).await;
        let value = Publication {
            channel: channel.clone(),
            event: EventName::AnalyticsUpdate,
            lane: Lane::Latest,
            latest_key: Some("visits".to_owned()),
            from: None,
            ..message("1")
        };
        let (mut joining, mut sending) = (0, 0);
        let (mut in_reply, mut is_member) = (false, false);
        for turn in &order {
            match turn {
                Turn::Left => joining += 1,
                Turn::Right => sending += 1,
            }
            match (turn, joining, sending) {
                (Turn::Left, 1, _) => {
                    table.put_membership(&joiner, &channel, Right::Own, None, joiner.order).await.unwrap();
                }
                (Turn::Left, ..) => in_reply = !table.latest(&channel, None).await.unwrap().events.is_empty(),
                (Turn::Right, _, 1) => table.put_latest(&value, None).await.unwrap(),
                (Turn::Right, ..) => is_member = is_among_members(&table, &channel, &joiner).await,
            }
        }
        assert!(in_reply || is_member, "neither: {order:?}");
    }
}

/// Revoking changes the conversation, then reads its members; joining writes the membership, then checks access
/// again.
#[tokio::test(flavor = "multi_thread")]
async fn a_user_removed_during_their_join_is_refused_or_found() {
    let conversation: ConversationId = "c1".parse().unwrap();
    for order in orders(2, 2) {
        let table = TestTable::new().await;
        let joiner = joiner(&table).await;
        let user = joiner.identity.user.clone();
        let both: std::collections::BTreeSet<UserId> = [user.clone(), "user_1".parse().unwrap()].into();
        let before = set("biz_1", both.clone());
        table.change_conversation(&conversation, &before, |_| true).await.unwrap();
        let rest: std::collections::BTreeSet<UserId> =
            both.iter().filter(|participant| **participant != user).cloned().collect();

        let (mut joining, mut revoking) = (0, 0);
        let (mut refused, mut is_member) = (false, false);
        for turn in &order {
            match turn {
                Turn::Left => joining += 1,
                Turn::Right => revoking += 1,
            }
            match (turn, joining, revoking) {
                (Turn::Left, 1, _) => {
                    table.put_membership(&joiner, &channel(), Right::Own, None, joiner.order).await.unwrap();
                }
                (Turn::Left, ..) => {
                    refused = !table.conversation_access(&conversation, &user).await.unwrap().is_participant;
                }
                (Turn::Right, _, 1) => {
                    let change = set("biz_1", rest.clone());
                    table.change_conversation(&conversation, &change, |_| true).await.unwrap();
                }
                (Turn::Right, ..) => is_member = is_among_members(&table, &channel(), &joiner).await,
            }
        }
        assert!(refused || is_member, "an unnoticed member: {order:?}");
    }
}
