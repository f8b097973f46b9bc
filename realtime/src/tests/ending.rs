//! The end of a conversation concurrent with a `join` of it, in every order of their steps.

use funnelcast_core::{ConversationId, Grant, Right, grant::Capability};
use funnelcast_testing::interleavings::{Turn, orders};

use super::*;

async fn joiner(table: &Table) -> SocketCaller {
    let joiner = caller("user_2", "c2=");
    table.put_connection(&joiner).await.unwrap();
    joiner
}

/// Ending a conversation changes it and then reads its members; joining by a grant writes the membership and then
/// checks access again.
#[tokio::test(flavor = "multi_thread")]
async fn a_join_by_a_grant_while_a_conversation_ends_is_refused_or_found() {
    let conversation: ConversationId = "c1".parse().unwrap();
    for order in orders(2, 2) {
        let access = TestAccess::new().await;
        let joiner = joiner(&access.table).await;
        let until = joiner.now + Duration::from_mins(1);
        let grant = Grant { caps: [Capability::Join].into(), until };
        access.table.change_conversation(&conversation, &set("biz_1", []), |_| true).await.unwrap();
        let (mut joining, mut ending) = (0, 0);
        let (mut refused, mut is_found) = (false, false);
        for turn in &order {
            match turn {
                Turn::Left => joining += 1,
                Turn::Right => ending += 1,
            }
            match (turn, joining, ending) {
                (Turn::Left, 1, _) => {
                    let right = Right::Grant(grant.clone());
                    access
                        .table
                        .put_membership(&joiner, &channel(), right, None, joiner.order)
                        .await
                        .unwrap();
                }
                (Turn::Left, ..) => {
                    let again = Some(grant.clone());
                    let right = access.admission(&joiner.identity, &channel(), again, joiner.now).await;
                    refused = right.is_err();
                }
                (Turn::Right, _, 1) => {
                    let end = ConversationChange { to: None, ..set("biz_1", []) };
                    access.table.change_conversation(&conversation, &end, |_| true).await.unwrap();
                }
                (Turn::Right, ..) => is_found = is_member(&access.table, &joiner, &channel()).await,
            }
        }
        assert!(refused || is_found, "an unnoticed member of an ended conversation: {order:?}");
    }
}
