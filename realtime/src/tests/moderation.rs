//! A user who is muted or banned feels it on every device and by HTTP, whatever else happens at the time.

use funnelcast_aws::table::restrictions::{Restricted, RestrictionChange};
use funnelcast_core::{
    Caller, CompanyId, ConversationId, Grant, HttpCaller, Key,
    grant::Capability,
    identity::{CompanyClaim, Role},
    moderation::{Mute, Restriction, RestrictionKind, Scope},
};
use funnelcast_testing::{
    gateway::{Answer, Stub},
    interleavings::{Turn, orders},
};
use serde_json::{Value, json};

use super::{revoking::told, *};
use crate::{
    mutes,
    rights::{self, Telling},
};

const MINUTE: Duration = Duration::from_mins(1);

fn conversation() -> ConversationId {
    "c1".parse().unwrap()
}

pub(super) fn here() -> Scope {
    Scope::Conversation(conversation())
}

fn in_company(company: &str) -> Scope {
    Scope::Company(company.parse().unwrap())
}

fn ann() -> UserId {
    "ann".parse().unwrap()
}

fn restriction(kind: RestrictionKind, until: Option<Timestamp>) -> Restriction {
    Restriction { restriction: kind, until, reason: "spam".to_owned().try_into().ok() }
}

pub(super) fn mute() -> Restriction {
    restriction(RestrictionKind::Mute, None)
}

fn ban() -> Restriction {
    restriction(RestrictionKind::Ban, None)
}

fn lifted() -> Restriction {
    restriction(RestrictionKind::None, None)
}

pub(super) fn change(to: Restriction, at: Timestamp) -> RestrictionChange {
    let version = Version { revision: None, at, ahead_ms: 0, clock: Clock::Producer };
    RestrictionChange { to, by: None, version, key: None }
}

/// A conversation of `biz_1` with these participants, and what was posted.
struct Scene {
    realtime: TestRealtime,
    stub: Stub,
}

impl Scene {
    async fn new(participants: &[&str]) -> Self {
        let stub = Stub::answering(&[Answer::Status(200)]).await;
        let scene = Self { realtime: TestRealtime::new(&stub).await, stub };
        let change = set("biz_1", participants.iter().map(|user| user.parse().unwrap()));
        scene.realtime.table().change_conversation(&conversation(), &change, |_| true).await.unwrap();
        scene
    }

    async fn restrict(&self, scope: &Scope, to: Restriction) {
        let change = change(to, now());
        let outcome = self.realtime.table().restrict(scope, &ann(), &change, now()).await.unwrap();
        assert_eq!(outcome, Restricted::Done);
    }

    /// Restricts Ann, and applies that to the memberships, as `access` does.
    async fn moderate(&self, scope: &Scope, to: Restriction) {
        self.restrict(scope, to).await;
        rights::apply_restriction(&self.realtime, &ann(), scope, Telling::Changes).await.unwrap();
    }

    /// Joins, or says why not.
    async fn join(&self, caller: &SocketCaller, grant: Option<&Grant>) -> Result<(), &'static str> {
        let access = &self.realtime.access;
        self.realtime.table().put_connection(caller).await.unwrap();
        let admission = access.admission(&caller.identity, &channel(), grant.cloned(), caller.now).await;
        let admission = admission.map_err(|refusal| refusal.code())?;
        let table = self.realtime.table();
        table.put_membership(caller, &channel(), admission, grant.cloned(), caller.order).await.unwrap();
        Ok(())
    }

    /// What a caller may do: read and send, on their connection and by HTTP.
    async fn may(&self, caller: &SocketCaller, grant: Option<&Grant>, at: Timestamp) -> [&'static str; 4] {
        let socket = SocketCaller { now: at, ..caller.clone() };
        let http = HttpCaller { identity: &caller.identity, grant, now: at };
        let callers = [Caller::Socket(&socket), Caller::Http(http)];
        let mut may = Vec::new();
        for caller in callers {
            for capability in [Capability::Join, Capability::Send] {
                let used = self.realtime.access.check_use(caller, &channel(), capability).await;
                may.push(used.map_or_else(|refusal| refusal.code(), |()| "ok"));
            }
        }
        may.try_into().unwrap()
    }

    /// What each connection was told of mutes, in the order of the posts.
    fn told_of_mutes(&self) -> Vec<(String, Value)> {
        let posts = self.stub.requests();
        let events = posts.iter().filter_map(|post| {
            let event: Value = serde_json::from_slice(&post.body).unwrap();
            let (_, connection) = post.target.rsplit_once('/').unwrap();
            (event["event"] == "access.muted").then(|| (connection.replace("%3D", ""), event["data"].clone()))
        });
        let mut told: Vec<_> = events.collect();
        told.sort_by_key(|(connection, _)| connection.clone());
        told
    }
}

const FREE: [&str; 4] = ["ok"; 4];
const MUTED: [&str; 4] = ["ok", "muted", "ok", "muted"];
const BANNED: [&str; 4] = ["not_joined", "not_joined", "banned", "banned"];

#[tokio::test]
async fn every_device_feels_a_mute_and_its_end_and_is_told() {
    let scene = Scene::new(&["ann", "bob"]).await;
    let devices = [caller("ann", "a="), caller("ann", "b=")];
    for device in &devices {
        scene.join(device, None).await.unwrap();
    }
    let bob = caller("bob", "c=");
    scene.join(&bob, None).await.unwrap();
    for scope in [here(), in_company("biz_1")] {
        scene.moderate(&scope, mute()).await;
        for device in &devices {
            assert_eq!(scene.may(device, None, now()).await, MUTED, "{scope:?}");
        }
        assert_eq!(scene.may(&bob, None, now()).await, FREE, "{scope:?}");
        let (device, here) = (Caller::Socket(&devices[0]), channel());
        let refusal = scene.realtime.access.check_use(device, &here, Capability::Send).await;
        let Err(Error::Muted { until: None, reason: Some(reason) }) = refusal else { panic!("muted") };
        assert_eq!(reason, "spam");
        scene.moderate(&scope, lifted()).await;
        for device in &devices {
            assert_eq!(scene.may(device, None, now()).await, FREE, "{scope:?}");
        }
    }
    let muted = json!({"userId": "ann", "mute": {"reason": "spam"}});
    let free = json!({"userId": "ann"});
    let each = [&muted, &free, &muted, &free];
    let expected: Vec<_> =
        ["a", "b"].iter().flat_map(|id| each.map(|data| ((*id).to_owned(), data.clone()))).collect();
    assert_eq!(scene.told_of_mutes(), expected);
}

#[tokio::test]
async fn of_two_scopes_the_stronger_restriction_counts() {
    let scene = Scene::new(&["ann"]).await;
    let device = caller("ann", "a=");
    scene.join(&device, None).await.unwrap();
    scene.moderate(&here(), mute()).await;
    scene.moderate(&in_company("biz_1"), mute()).await;
    scene.moderate(&here(), lifted()).await;
    assert_eq!(scene.may(&device, None, now()).await, MUTED, "the company's stands");
    scene.moderate(&in_company("biz_1"), ban()).await;
    assert_eq!(scene.may(&device, None, now()).await, BANNED);
    assert_eq!(told(&scene.stub).into_keys().collect::<Vec<_>>(), ["a="]);
    assert_eq!(scene.join(&device, None).await, Err("banned"));
    scene.moderate(&in_company("biz_1"), lifted()).await;
    assert_eq!(scene.join(&device, None).await, Ok(()));
    assert_eq!(scene.may(&device, None, now()).await, FREE);
}

/// A post was answered by 410, or the lease was over, and what cleans up has not come yet.
#[tokio::test]
async fn a_restriction_holds_for_a_membership_whose_connection_is_gone() {
    let scene = Scene::new(&["ann"]).await;
    let device = caller("ann", "a=");
    scene.join(&device, None).await.unwrap();
    let (table, ann) = (scene.realtime.table(), &device.identity.user);
    let connection = table.connection(ann, &device.connection).await.unwrap().unwrap();
    table.remove_unchanged_connection(&connection).await.unwrap();
    let memberships = async || table.members_of_user(&channel(), ann).await.unwrap().len();
    scene.moderate(&here(), mute()).await;
    assert_eq!(memberships().await, 1);
    assert_eq!(scene.may(&device, None, now()).await, MUTED, "a frame may be under way");
    scene.moderate(&here(), lifted()).await;
    assert_eq!(scene.may(&device, None, now()).await, FREE);
    scene.moderate(&here(), ban()).await;
    assert_eq!(memberships().await, 0);
}

/// A company's restriction is looked for in all conversations that the user is in, of whatever company.
#[tokio::test]
async fn for_a_membership_whose_connection_is_gone_the_strongest_restriction_there_counts() {
    let scene = Scene::new(&["ann"]).await;
    let (stays, gone) = (caller("ann", "a="), caller("ann", "b="));
    let (table, ann) = (scene.realtime.table(), &gone.identity.user);
    for device in [&stays, &gone] {
        scene.join(device, None).await.unwrap();
    }
    let connection = table.connection(ann, &gone.connection).await.unwrap().unwrap();
    table.remove_unchanged_connection(&connection).await.unwrap();
    let mine = in_company("biz_1");
    for (scope, to, expected) in [
        (in_company("biz_2"), mute(), FREE),
        (in_company("biz_2"), ban(), FREE),
        (here(), mute(), MUTED),
        (mine.clone(), mute(), MUTED),
        (mine.clone(), lifted(), MUTED),
        (here(), lifted(), FREE),
    ] {
        scene.moderate(&scope, to.clone()).await;
        assert_eq!(scene.may(&gone, None, now()).await, expected, "{scope:?} {to:?}");
    }
    scene.moderate(&mine, ban()).await;
    assert!(table.members_of_user(&channel(), ann).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_restriction_ends_by_itself_at_its_time() {
    let scene = Scene::new(&["ann"]).await;
    let device = caller("ann", "a=");
    scene.join(&device, None).await.unwrap();
    let until = now() + MINUTE;
    scene.moderate(&here(), restriction(RestrictionKind::Mute, Some(until))).await;
    assert_eq!(scene.may(&device, None, now()).await, MUTED);
    assert_eq!(scene.may(&device, None, until).await, FREE);
    let over = now() - MINUTE;
    for kind in [RestrictionKind::Mute, RestrictionKind::Ban] {
        scene.moderate(&here(), restriction(kind, Some(over))).await;
        assert_eq!(scene.may(&device, None, now()).await, FREE, "{kind:?} is over");
    }
    scene.moderate(&here(), restriction(RestrictionKind::Ban, Some(until))).await;
    assert_eq!(scene.join(&device, None).await, Err("banned"));
    let later = SocketCaller { now: until, order: device.order.next(), ..device };
    assert_eq!(scene.join(&later, None).await, Ok(()), "after the ban");
}

/// Guests come by a grant, the team by their role, and others by nothing.
#[tokio::test]
async fn a_guest_is_restricted_and_the_team_is_not() {
    let scene = Scene::new(&[]).await;
    let guest = caller("ann", "a=");
    let grant = Grant { caps: [Capability::Join, Capability::Send].into(), until: now() + MINUTE };
    scene.join(&guest, Some(&grant)).await.unwrap();
    let mut team = caller("ann", "b=");
    team.identity.companies = vec![CompanyClaim { id: "biz_1".parse().unwrap(), role: Role::Member }];
    scene.join(&team, None).await.unwrap();

    scene.moderate(&in_company("biz_1"), mute()).await;
    assert_eq!(scene.may(&guest, Some(&grant), now()).await, MUTED);
    assert_eq!(scene.may(&team, None, now()).await, FREE, "nobody of the team");
    scene.moderate(&here(), ban()).await;
    assert_eq!(scene.may(&guest, Some(&grant), now()).await, BANNED);
    assert_eq!(scene.join(&guest, Some(&grant)).await, Err("banned"), "no grant opens it");
    assert_eq!(
        scene.join(&guest, None).await,
        Err("forbidden"),
        "whoever may not join learns nothing of a ban"
    );
    assert_eq!(scene.may(&team, None, now()).await, FREE);

    // Who leaves the team is restricted from then on.
    let left = SocketCaller { identity: guest.identity.clone(), ..team };
    scene.realtime.table().remove_connection(&ann(), &left.connection).await.unwrap();
    scene.realtime.table().put_connection(&left).await.unwrap();
    let company: CompanyId = "biz_1".parse().unwrap();
    let still = Right::Team(company.clone());
    scene.realtime.table().put_membership(&left, &channel(), still, None, left.order.next()).await.unwrap();
    assert_eq!(scene.may(&left, None, now()).await[..2], FREE[..2]);
    rights::check_role(&scene.realtime, &ann(), &company).await.unwrap();
    assert_eq!(scene.may(&left, Some(&grant), now()).await, BANNED);
}

#[tokio::test]
async fn a_restriction_of_another_company_or_conversation_does_not_count() {
    let scene = Scene::new(&["ann"]).await;
    let device = caller("ann", "a=");
    scene.join(&device, None).await.unwrap();
    scene.moderate(&in_company("biz_2"), ban()).await;
    scene.moderate(&Scope::Conversation("c2".parse().unwrap()), ban()).await;
    assert_eq!(scene.may(&device, None, now()).await, FREE);
    assert!(told(&scene.stub).is_empty() && scene.told_of_mutes().is_empty());
}

/// The steps of a `join` (its membership; the check that follows) and of a moderation (the restriction; the check of the
/// memberships), in every order.
#[tokio::test]
async fn a_restriction_meets_a_join_that_is_under_way() {
    for (to, expected) in [(mute(), MUTED), (ban(), BANNED)] {
        for order in orders(2, 2) {
            let scene = Scene::new(&["ann"]).await;
            let (realtime, device) = (&scene.realtime, caller("ann", "a="));
            realtime.table().put_connection(&device).await.unwrap();
            let (mut joining, mut moderating, mut member, mut refused) = (0, 0, None, false);
            for turn in &order {
                match (turn, joining, moderating) {
                    (Turn::Left, 0, _) => {
                        // What was found before: nothing.
                        let (table, here) = (realtime.table(), channel());
                        let put = table.put_membership(&device, &here, Right::Own, None, device.order);
                        member = Some(put.await.unwrap());
                    }
                    (Turn::Left, ..) => {
                        let (member, identity) = (member.as_ref().unwrap(), &device.identity);
                        let here = channel();
                        match realtime.access.admission(identity, &here, None, now()).await {
                            Ok(admission) => {
                                let settled =
                                    mutes::settle(realtime, &here, identity, member, (admission.mute, now()));
                                settled.await.unwrap();
                            }
                            // Its membership is then ended by `join`.
                            Err(_) => refused = true,
                        }
                    }
                    (Turn::Right, _, 0) => scene.restrict(&here(), to.clone()).await,
                    (Turn::Right, ..) => {
                        rights::check_restriction(realtime, &ann(), &here()).await.unwrap();
                    }
                }
                match turn {
                    Turn::Left => joining += 1,
                    Turn::Right => moderating += 1,
                }
            }
            let may = scene.may(&device, None, now()).await;
            assert!(may == expected || refused && may[2..] == expected[2..], "{order:?}: {may:?}");
        }
    }
}

/// A copy of what was asked before the restriction changed, and which is written after that.
#[tokio::test]
async fn a_mute_and_its_lifting_that_cross_leave_what_stands() {
    let scene = Scene::new(&["ann"]).await;
    let device = caller("ann", "a=");
    scene.join(&device, None).await.unwrap();
    let read = async || {
        let member = scene.realtime.table().membership(&ann(), &device.connection, &channel()).await;
        member.unwrap().unwrap()
    };
    let stale = || Some(Mute { until: None, reason: None });
    let before = read().await;
    scene.moderate(&here(), mute()).await;
    scene.moderate(&here(), lifted()).await;
    let settled =
        mutes::settle(&scene.realtime, &channel(), &device.identity, &before, (stale(), now())).await;
    assert_eq!((settled.unwrap().0, read().await.mute), (None, None), "a late mute");

    scene.moderate(&here(), mute()).await;
    let muted = read().await;
    let settled = mutes::settle(&scene.realtime, &channel(), &device.identity, &muted, (None, now())).await;
    assert!(settled.unwrap().0.is_some(), "a late lifting");
    assert_eq!(scene.may(&device, None, now()).await, MUTED);
}

/// The user is taken out of the participants after their mute was written, and before it was asked for once more.
#[tokio::test]
async fn who_loses_their_right_while_they_are_muted_stays_muted_until_they_are_removed() {
    let scene = Scene::new(&["ann", "bob"]).await;
    let device = caller("ann", "a=");
    scene.join(&device, None).await.unwrap();
    scene.restrict(&here(), mute()).await;
    let table = scene.realtime.table().clone();
    scene.realtime.engine.after_writes(1, async move {
        let change = set("biz_1", ["bob".parse().unwrap()].into_iter());
        table.change_conversation(&conversation(), &change, |_| true).await.unwrap();
    });
    rights::check_restriction(&scene.realtime, &ann(), &here()).await.unwrap();
    let socket = Caller::Socket(&device);
    let used = scene.realtime.access.check_use(socket, &channel(), Capability::Send).await;
    assert_eq!(used.map_err(|refusal| refusal.code()), Err("muted"));
}

/// The process that has lifted a mute died before it told the device.
#[tokio::test]
async fn a_device_that_was_not_told_of_a_mute_is_told_later() {
    let scene = Scene::new(&["ann"]).await;
    let device = caller("ann", "a=");
    scene.join(&device, None).await.unwrap();
    scene.moderate(&here(), mute()).await;
    scene.restrict(&here(), lifted()).await;
    let member = scene.realtime.table().membership(&ann(), &device.connection, &channel()).await;
    scene.realtime.table().set_mute(&channel(), &member.unwrap().unwrap(), None).await.unwrap();
    rights::check_restriction(&scene.realtime, &ann(), &here()).await.unwrap();
    let told: Vec<_> = scene.told_of_mutes().into_iter().map(|(_, data)| data["mute"].is_null()).collect();
    assert_eq!(told, [false, true]);
}

#[tokio::test]
async fn the_newest_change_stands_and_a_repeat_does_nothing() {
    let scene = Scene::new(&["ann"]).await;
    let table = scene.realtime.table();
    for scope in [here(), in_company("biz_1")] {
        let restrict =
            async |change: RestrictionChange| table.restrict(&scope, &ann(), &change, now()).await.unwrap();
        let stands =
            async || table.restriction(&scope, &ann()).await.unwrap().unwrap().restriction.restriction;
        let at = now();
        let key: Key = "event-1".parse().unwrap();
        let first = RestrictionChange { key: Some(key), ..change(ban(), at) };
        assert_eq!(restrict(first.clone()).await, Restricted::Done);
        assert_eq!(restrict(change(lifted(), at + MINUTE)).await, Restricted::Done);
        assert_eq!(restrict(first).await, Restricted::Repeated);
        let older = restrict(change(ban(), at + MINUTE / 2)).await;
        assert!(matches!(older, Restricted::Stale(standing) if standing.at == at + MINUTE), "{older:?}");
        assert_eq!(stands().await, RestrictionKind::None);
        assert_eq!(
            restrict(change(mute(), at + MINUTE)).await,
            Restricted::Done,
            "of two equal ones, the later"
        );
        assert_eq!(stands().await, RestrictionKind::Mute);
    }
}

#[tokio::test]
async fn what_restricts_a_user_stays_small() {
    let scene = Scene::new(&["ann"]).await;
    let table = scene.realtime.table();
    let restrict = async |number: u32, to: Restriction, at: Timestamp| {
        let change = RestrictionChange { by: "bob".parse().ok(), ..change(to, at) };
        table.restrict(&in_company(&format!("biz_{number}")), &ann(), &change, now()).await.unwrap()
    };
    let month_ago = now() - MINUTE * 60 * 24 * 30;
    for number in 0..100 {
        assert_eq!(restrict(number, lifted(), month_ago).await, Restricted::Done, "what is over makes room");
    }
    for number in 100..150 {
        assert_eq!(restrict(number, mute(), month_ago).await, Restricted::Done);
    }
    assert_eq!(restrict(150, mute(), now()).await, Restricted::TooMany);
    for number in 200..500 {
        assert_eq!(restrict(number, lifted(), now()).await, Restricted::Done, "which takes no place");
    }
    let by_backend = table.restrict(&in_company("biz_151"), &ann(), &change(mute(), now()), now()).await;
    assert_eq!(by_backend.unwrap(), Restricted::Done, "no team can keep out the backend");
    assert_eq!(restrict(120, lifted(), now()).await, Restricted::Done);
    assert_eq!(restrict(150, lifted(), now()).await, Restricted::Done, "lifting is always possible");
    let access = table.conversation_access(&conversation(), &ann()).await.unwrap();
    assert_eq!(access.restrictions, [], "of none of these companies is the conversation");
}
