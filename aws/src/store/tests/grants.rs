//! Grants: what a membership by one may, and a visitor who brings one; both end with it, whatever becomes of the token.

use funnelcast_core::{Grant, grant::Capability};

use super::*;

/// A member whose grant allows this for a minute.
async fn granted(table: &Table, caps: &[Capability]) -> Caller {
    let ann = caller("ann", "c1=");
    table.put_connection(&ann).await.unwrap();
    let grant = Grant { caps: caps.iter().copied().collect(), until: ann.now + Duration::from_mins(1) };
    table.put_membership(&ann, &channel(), Right::Grant(grant), ann.order).await.unwrap();
    ann
}

async fn check(table: &Table, caller: &Caller, capability: Capability) -> &'static str {
    match table.check_use(Actor::Member(caller), &channel(), capability).await {
        Ok(()) => "ok",
        Err(refusal) => refusal.code(),
    }
}

#[tokio::test]
async fn who_may_only_join_may_not_send() {
    for (caps, send) in
        [(&[Capability::Join][..], "forbidden"), (&[Capability::Join, Capability::Send][..], "ok")]
    {
        let table = Table::new().await;
        let ann = granted(&table, caps).await;
        assert!(table.is_member(&ann, &channel()).await.unwrap());
        assert_eq!(check(&table, &ann, Capability::Join).await, "ok");
        assert_eq!(check(&table, &ann, Capability::Send).await, send);
    }
}

#[tokio::test]
async fn the_membership_ends_with_the_grant_though_the_token_is_renewed() {
    let table = Table::new().await;
    let mut ann = granted(&table, &[Capability::Join, Capability::Send]).await;
    let tomorrow = ann.now + Duration::from_hours(24);
    table.renew(&ann.identity.user, &ann.connection, tomorrow, ann.now).await.unwrap();

    let member = table.membership(&ann.identity.user, &ann.connection, &channel()).await.unwrap().unwrap();
    assert_eq!(member.expires_at, tomorrow, "the token's time is another");
    let (last_moment, end) = (ann.now + Duration::from_millis(59_999), ann.now + Duration::from_mins(1));
    assert!(member.hears(last_moment) && !member.hears(end));
    for (moment, outcome) in [(last_moment, "ok"), (end, "not_joined")] {
        ann.now = moment;
        assert_eq!(table.is_member(&ann, &channel()).await.unwrap(), outcome == "ok");
        assert_eq!(check(&table, &ann, Capability::Join).await, outcome);
        assert_eq!(check(&table, &ann, Capability::Send).await, outcome);
    }
}

#[tokio::test]
async fn who_joins_again_of_his_own_right_is_bound_no_more() {
    let table = Table::new().await;
    let mut ann = granted(&table, &[Capability::Join]).await;
    table.put_membership(&ann, &channel(), Right::Own, ann.order).await.unwrap();
    ann.now = ann.now + Duration::from_mins(5);
    assert_eq!(check(&table, &ann, Capability::Send).await, "ok");
}

/// By a grant one may be in a conversation that nobody has told us of, and in one without taking part; in one that is over
/// nobody may be.
#[tokio::test]
async fn no_grant_opens_a_conversation_that_is_over() {
    let table = Table::new().await;
    let ann = caller("ann", "c1=");
    let until = ann.now + Duration::from_mins(1);
    let grant = Grant { caps: [Capability::Join, Capability::Send].into(), until };
    let right = async || table.right_to_join(&ann.identity, &channel(), Some(grant.clone()), ann.now).await;
    let visitor = Actor::Visitor { identity: &ann.identity, grant: Some(&grant), now: ann.now };
    let conversation = "c1".parse().unwrap();
    let end = ConversationChange { to: None, ..set("biz_1", []) };
    let reopened = ConversationChange { keep_log: true, ..set("biz_1", []) };
    assert_eq!(right().await, Ok(Right::Grant(grant.clone())), "unknown");
    for (change, outcome) in [(set("biz_1", []), "ok"), (end, "forbidden"), (reopened, "ok")] {
        table.change_conversation(&conversation, &change, |_| true).await.unwrap();
        assert_eq!(right().await.map_or_else(|refusal| refusal.code(), |_| "ok"), outcome, "to join");
        for capability in [Capability::Join, Capability::Send] {
            let used = table.check_use(visitor, &channel(), capability).await;
            assert_eq!(used.map_or_else(|refusal| refusal.code(), |()| "ok"), outcome, "{capability:?}");
        }
    }
}

#[tokio::test]
async fn a_visitor_may_what_his_grant_allows_until_it_ends_and_all_that_is_his_own_right() {
    let table = Table::new().await;
    let ann = caller("ann", "c1=");
    let grant = Grant { caps: [Capability::Join].into(), until: ann.now + Duration::from_mins(1) };
    let ask = async |channel: &str, capability, now| {
        let visitor = Actor::Visitor { identity: &ann.identity, grant: Some(&grant), now };
        match table.check_use(visitor, &channel.parse().unwrap(), capability).await {
            Ok(()) => "ok",
            Err(refusal) => refusal.code(),
        }
    };
    let (last_moment, end) = (ann.now + Duration::from_millis(59_999), ann.now + Duration::from_mins(1));
    for (channel, capability, now, outcome) in [
        ("user:bob", Capability::Join, last_moment, "ok"),
        ("user:bob", Capability::Join, end, "forbidden"),
        ("user:bob", Capability::Send, ann.now, "forbidden"),
        ("user:ann", Capability::Send, end, "ok"),
    ] {
        assert_eq!(ask(channel, capability, now).await, outcome, "{channel} {capability:?} at {now}");
    }
}
