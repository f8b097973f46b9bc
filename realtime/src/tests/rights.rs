//! A user may have several rights to be in a channel. When one ends, their membership goes on by another, with its limits; it is
//! removed only where none is left.

use funnelcast_core::{
    Caller, CompanyId, ConversationId, Grant,
    grant::Capability,
    identity::{CompanyClaim, Role},
};
use funnelcast_testing::gateway::{Answer, Stub};

use super::{revoking::told, *};
use crate::{revoke, rights};

fn company() -> CompanyId {
    "biz_1".parse().unwrap()
}

fn conversation() -> ConversationId {
    "c1".parse().unwrap()
}

/// A stack with a conversation of the company, and what was posted.
struct Scene {
    realtime: TestRealtime,
    stub: Stub,
}

impl Scene {
    async fn new(participants: &[&str]) -> Self {
        let stub = Stub::answering(&[Answer::Status(200)]).await;
        let scene = Self { realtime: TestRealtime::new(&stub).await, stub };
        scene.set(participants).await;
        scene
    }

    /// Sets the participants, and checks the members as `access` does.
    async fn set(&self, participants: &[&str]) {
        self.change(set("biz_1", participants.iter().map(|user| user.parse().unwrap()))).await;
    }

    async fn change(&self, change: ConversationChange) {
        let table = self.realtime.table();
        table.change_conversation(&conversation(), &change, |_| true).await.unwrap();
        rights::check_conversation(&self.realtime, &conversation()).await.unwrap();
    }

    /// A user who has joined by what they may and this grant while they were in the team of `then`, and is now in that of `now`.
    async fn joined(
        &self,
        channel: &Channel,
        [then, now]: [&[CompanyClaim]; 2],
        grant: Option<&Grant>,
    ) -> SocketCaller {
        let mut caller = caller("ann", "c1=");
        caller.identity.companies = now.to_vec();
        self.realtime.table().put_connection(&caller).await.unwrap();
        caller.identity.companies = then.to_vec();
        let right = self.realtime.access.admission(&caller.identity, channel, grant.cloned(), caller.now);
        let right = right.await.unwrap();
        let table = self.realtime.table();
        table.put_membership(&caller, channel, right, grant.cloned(), caller.order).await.unwrap();
        caller
    }

    async fn check_role(&self, caller: &SocketCaller) {
        rights::check_role(&self.realtime, &caller.identity.user, &company()).await.unwrap();
    }

    /// What the caller may do in a channel after this time: to join, and to send.
    async fn may(&self, caller: &SocketCaller, channel: &Channel, after: Duration) -> [&'static str; 2] {
        let caller = SocketCaller { now: caller.now + after, ..caller.clone() };
        let used = [Capability::Join, Capability::Send].map(async |capability| {
            let used = self.realtime.access.check_use(Caller::Socket(&caller), channel, capability).await;
            used.map_or_else(|refusal| refusal.code(), |()| "ok")
        });
        futures_util::future::join_all(used).await.try_into().unwrap()
    }
}

/// A claim of the company's team.
fn team() -> CompanyClaim {
    CompanyClaim { id: company(), role: Role::Admin }
}

/// A grant with these capabilities, for a minute.
fn a_minute(caps: &[Capability]) -> Grant {
    Grant { caps: caps.iter().copied().collect(), until: now() + MINUTE }
}

const JOIN: [Capability; 1] = [Capability::Join];
const BOTH: [Capability; 2] = [Capability::Join, Capability::Send];
const MINUTE: Duration = Duration::from_mins(1);
const SOON: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_participant_with_a_grant_stays_by_it_when_they_no_longer_take_part() {
    for (caps, to_send) in [(&JOIN[..], "forbidden"), (&BOTH, "ok")] {
        let scene = Scene::new(&["ann"]).await;
        let ann = scene.joined(&channel(), [&[], &[]], Some(&a_minute(caps))).await;
        assert_eq!(scene.may(&ann, &channel(), MINUTE * 2).await, ["ok"; 2], "the grant limits nothing yet");
        for again in 0..2 {
            scene.set(&[]).await;
            assert_eq!(scene.may(&ann, &channel(), SOON).await, ["ok", to_send], "{again}");
            assert_eq!(
                scene.may(&ann, &channel(), MINUTE * 2).await,
                ["not_joined"; 2],
                "it ends with the grant"
            );
        }
        assert!(told(&scene.stub).is_empty(), "they have lost no access");
        let no_longer = ConversationChange { to: None, ..set("biz_1", []) };
        scene.change(no_longer).await;
        assert_eq!(
            scene.may(&ann, &channel(), SOON).await,
            ["not_joined"; 2],
            "nobody is in one that has ended"
        );
        assert_eq!(told(&scene.stub).len(), 1);
    }
}

#[tokio::test]
async fn a_member_of_the_team_with_a_grant_stays_by_it_when_they_leave_the_team() {
    for name in ["conversation:c1", "company:biz_1"] {
        let (scene, channel): (_, Channel) = (Scene::new(&[]).await, name.parse().unwrap());
        let ann = scene.joined(&channel, [&[team()], &[]], Some(&a_minute(&JOIN))).await;
        scene.check_role(&ann).await;
        assert_eq!(scene.may(&ann, &channel, SOON).await, ["ok", "forbidden"], "{name}");
        assert_eq!(scene.may(&ann, &channel, MINUTE * 2).await, ["not_joined"; 2], "{name}");
        assert!(told(&scene.stub).is_empty(), "{name}");
    }
}

#[tokio::test]
async fn a_grant_that_has_ended_keeps_nobody() {
    let scene = Scene::new(&["ann"]).await;
    let over = Grant { until: now(), ..a_minute(&BOTH) };
    let ann = scene.joined(&channel(), [&[], &[]], Some(&over)).await;
    scene.set(&[]).await;
    assert_eq!(scene.may(&ann, &channel(), Duration::ZERO).await, ["not_joined"; 2]);
    assert_eq!(told(&scene.stub).len(), 1);
}

/// Who is in a channel by a grant and then comes by a right of their own is not removed when the grant ends.
#[tokio::test]
async fn a_right_of_ones_own_lifts_the_limits_of_a_grant_and_outlives_it() {
    let scene = Scene::new(&[]).await;
    let ann = scene.joined(&channel(), [&[], &[]], Some(&a_minute(&JOIN))).await;
    assert_eq!(scene.may(&ann, &channel(), SOON).await, ["ok", "forbidden"]);
    scene.set(&["ann"]).await;
    assert_eq!(scene.may(&ann, &channel(), MINUTE * 2).await, ["ok"; 2]);
    revoke::end_grant(&scene.realtime, &ann.identity.user, &ann.connection, &channel()).await.unwrap();
    assert_eq!(scene.may(&ann, &channel(), MINUTE * 2).await, ["ok"; 2]);
    scene.set(&[]).await;
    assert_eq!(scene.may(&ann, &channel(), SOON).await, ["ok", "forbidden"], "the grant is still there");

    for name in ["conversation:c1", "company:biz_1"] {
        let (scene, channel): (_, Channel) = (Scene::new(&[]).await, name.parse().unwrap());
        let ann = scene.joined(&channel, [&[], &[team()]], Some(&a_minute(&JOIN))).await;
        scene.check_role(&ann).await;
        assert_eq!(scene.may(&ann, &channel, MINUTE * 2).await, ["ok"; 2], "{name}");
    }
}

/// Who takes part in a conversation and is in the team, and loses one after the other, has lost both.
#[tokio::test]
async fn a_right_that_has_ended_is_not_left_in_the_membership() {
    let scene = Scene::new(&["ann"]).await;
    let ann = scene.joined(&channel(), [&[team()], &[]], None).await;
    scene.check_role(&ann).await;
    assert_eq!(scene.may(&ann, &channel(), SOON).await, ["ok"; 2], "they take part");
    scene.set(&[]).await;
    assert_eq!(scene.may(&ann, &channel(), SOON).await, ["not_joined"; 2]);
    assert_eq!(told(&scene.stub).len(), 1);
}

/// Whether a participant is in the team too is asked when they no longer take part.
#[tokio::test]
async fn a_participant_who_is_in_the_team_stays() {
    let scene = Scene::new(&["ann"]).await;
    let ann = scene.joined(&channel(), [&[], &[team()]], None).await;
    scene.set(&[]).await;
    assert_eq!(scene.may(&ann, &channel(), SOON).await, ["ok"; 2]);
    assert!(told(&scene.stub).is_empty());
    let member = scene.realtime.table().membership(&ann.identity.user, &ann.connection, &channel()).await;
    assert_eq!(member.unwrap().unwrap().right(), Right::Team(company()));
}
