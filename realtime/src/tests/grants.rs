//! Grants: what a membership by a grant allows, and an HTTP caller who presents one. Both end with the grant,
//! whatever happens to the token.

use funnelcast_core::{Caller, Grant, HttpCaller, Right, grant::Capability};

use super::*;

/// A member whose grant allows these capabilities for a minute.
async fn granted(access: &TestAccess, caps: &[Capability]) -> SocketCaller {
    let ann = caller("ann", "c1=");
    access.table.put_connection(&ann).await.unwrap();
    let grant = Grant { caps: caps.iter().copied().collect(), until: ann.now + Duration::from_mins(1) };
    access
        .table
        .put_membership(&ann, &channel(), Right::Grant(grant.clone()), Some(grant), ann.order)
        .await
        .unwrap();
    ann
}

async fn check(access: &TestAccess, caller: &SocketCaller, capability: Capability) -> &'static str {
    match access.check_use(Caller::Socket(caller), &channel(), capability).await {
        Ok(()) => "ok",
        Err(refusal) => refusal.code(),
    }
}

#[tokio::test]
async fn a_grant_to_join_does_not_allow_sending() {
    for (caps, send) in
        [(&[Capability::Join][..], "forbidden"), (&[Capability::Join, Capability::Send][..], "ok")]
    {
        let access = TestAccess::new().await;
        let ann = granted(&access, caps).await;
        assert!(is_member(&access.table, &ann, &channel()).await);
        assert_eq!(check(&access, &ann, Capability::Join).await, "ok");
        assert_eq!(check(&access, &ann, Capability::Send).await, send);
    }
}

#[tokio::test]
async fn the_membership_ends_with_the_grant_though_the_token_is_renewed() {
    let access = TestAccess::new().await;
    let mut ann = granted(&access, &[Capability::Join, Capability::Send]).await;
    let tomorrow = ann.now + Duration::from_hours(24);
    access.table.renew(&ann.identity.user, &ann.connection, tomorrow, ann.now).await.unwrap();

    let member =
        access.table.membership(&ann.identity.user, &ann.connection, &channel()).await.unwrap().unwrap();
    assert_eq!(member.expires_at, tomorrow, "the token expires later");
    let (last_moment, end) = (ann.now + Duration::from_millis(59_999), ann.now + Duration::from_mins(1));
    assert!(member.is_live(last_moment) && !member.is_live(end));
    for (moment, outcome) in [(last_moment, "ok"), (end, "not_joined")] {
        ann.now = moment;
        assert_eq!(is_member(&access.table, &ann, &channel()).await, outcome == "ok");
        assert_eq!(check(&access, &ann, Capability::Join).await, outcome);
        assert_eq!(check(&access, &ann, Capability::Send).await, outcome);
    }
}

#[tokio::test]
async fn joining_by_ones_own_right_lifts_the_limits_of_a_grant() {
    let access = TestAccess::new().await;
    let mut ann = granted(&access, &[Capability::Join]).await;
    access.table.put_membership(&ann, &channel(), Right::Own, None, ann.order).await.unwrap();
    ann.now = ann.now + Duration::from_mins(5);
    assert_eq!(check(&access, &ann, Capability::Send).await, "ok");
}

/// A grant admits to a conversation that was never set, and to one without taking part in it, but nobody may be in a
/// conversation that has ended.
#[tokio::test]
async fn no_grant_admits_to_a_conversation_that_has_ended() {
    let access = TestAccess::new().await;
    let ann = caller("ann", "c1=");
    let until = ann.now + Duration::from_mins(1);
    let grant = Grant { caps: [Capability::Join, Capability::Send].into(), until };
    let right = async || {
        let grant = Some(grant.clone());
        access.admission(&ann.identity, &channel(), grant, ann.now).await.map(|admission| admission.right)
    };
    let by_http = Caller::Http(HttpCaller { identity: &ann.identity, grant: Some(&grant), now: ann.now });
    let conversation = "c1".parse().unwrap();
    let end = ConversationChange { to: None, ..set("biz_1", []) };
    let reopened = ConversationChange { keep_log: true, ..set("biz_1", []) };
    assert_eq!(right().await, Ok(Right::Grant(grant.clone())), "unknown");
    for (change, outcome) in [(set("biz_1", []), "ok"), (end, "forbidden"), (reopened, "ok")] {
        access.table.change_conversation(&conversation, &change, |_| true).await.unwrap();
        assert_eq!(right().await.map_or_else(|refusal| refusal.code(), |_| "ok"), outcome, "to join");
        for capability in [Capability::Join, Capability::Send] {
            let used = access.check_use(by_http, &channel(), capability).await;
            assert_eq!(used.map_or_else(|refusal| refusal.code(), |()| "ok"), outcome, "{capability:?}");
        }
    }
}

#[tokio::test]
async fn an_http_callers_grant_counts_until_it_ends_and_beside_their_own_rights() {
    let access = TestAccess::new().await;
    let ann = caller("ann", "c1=");
    let grant = Grant { caps: [Capability::Join].into(), until: ann.now + Duration::from_mins(1) };
    let ask = async |channel: &str, capability, now| {
        let by_http = Caller::Http(HttpCaller { identity: &ann.identity, grant: Some(&grant), now });
        match access.check_use(by_http, &channel.parse().unwrap(), capability).await {
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
