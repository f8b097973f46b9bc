//! A call is told to the members whatever dies in between, and whoever loses access is in none, whatever crosses that.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use funnelcast_aws::table::calls::StoredCall;
use funnelcast_core::{
    ConversationId, Seq,
    action::{CallChange, ChangeCall},
    call::{CallMedia, CallOutcome, CallStage, CallState, CallTimes, NewCall, Peer},
};
use funnelcast_testing::gateway::{Answer, Stub};
use futures_util::FutureExt;
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use serde_json::Value;

use super::{
    moderation::{self, mute},
    presence::join,
    *,
};
use crate::{calls, revoke, rights};

fn conversation() -> ConversationId {
    "c1".parse().unwrap()
}

/// The device of a user on this connection.
fn peer(of: &SocketCaller) -> Peer {
    let SocketCaller { identity, connection, .. } = of;
    Peer {
        user: identity.user.clone(),
        name: identity.name.clone(),
        peer_id: format!("peer-{}", identity.user).parse().unwrap(),
        connection: connection.clone(),
    }
}

/// Ann, whose call rings, and Bob.
struct Scene {
    realtime: TestRealtime,
    stub: Stub,
    ann: SocketCaller,
    bob: SocketCaller,
}

impl Scene {
    async fn new(rings_since: Timestamp) -> Self {
        let stub = Stub::answering(&[Answer::Status(200)]).await;
        let realtime = TestRealtime::new(&stub).await;
        let change = set("biz_1", ["ann", "bob"].map(|user| user.parse().unwrap()));
        realtime.table().change_conversation(&conversation(), &change, |_| true).await.unwrap();
        let (ann, bob) = (caller("ann", "a="), caller("bob", "b="));
        join(&realtime, &ann).await;
        join(&realtime, &bob).await;
        let new = NewCall {
            call_id: "call-1".parse().unwrap(),
            conversation: conversation(),
            media: CallMedia::Audio,
            peer: peer(&ann),
        };
        let state = CallState::start(new, None, CallTimes::default().ring, rings_since);
        assert!(realtime.table().put_call(&StoredCall::after(None, state, None, now())).await.unwrap());
        Self { realtime, stub, ann, bob }
    }

    async fn change(&self, caller: &SocketCaller, change: CallChange) -> Result<CallStage, Error> {
        self.change_of("call-1", caller, change).await
    }

    async fn change_of(
        &self,
        call: &str,
        caller: &SocketCaller,
        change: CallChange,
    ) -> Result<CallStage, Error> {
        let peer = format!("peer-{}", caller.identity.user);
        let request = ChangeCall {
            channel: channel(),
            call_id: call.parse().unwrap(),
            change,
            peer_id: peer.parse().unwrap(),
            media: (change == CallChange::Start).then_some(CallMedia::Audio),
            reason: None,
        };
        let caller = SocketCaller { now: now(), ..caller.clone() };
        Ok(calls::change(&self.realtime, &caller, &request).await?.state)
    }

    /// Ann's process ends the call, and dies right after that write.
    async fn end_and_die(&self) {
        let stands = self.stands().await;
        let left = stands.state.leave(&peer(&self.ann), None, now()).unwrap();
        let left = StoredCall::after(Some(&stands), left, None, now());
        self.realtime.table().end_call(&left).await.unwrap().unwrap();
    }

    async fn stands(&self) -> StoredCall {
        self.realtime.table().call(&conversation()).await.unwrap().unwrap()
    }

    /// The events of calls that a connection has got since the last look, by their names.
    fn heard(&self, by: &SocketCaller, seen: &mut usize) -> Vec<String> {
        let requests = self.stub.requests();
        let target = by.connection.to_string().replace('=', "%3D");
        let to = requests[*seen..].iter().filter(|post| post.target.ends_with(&target));
        let mut heard = Vec::new();
        for post in to {
            let frame: Value = serde_json::from_slice(&post.body).unwrap();
            let events = frame["events"].as_array().cloned().unwrap_or_else(|| vec![frame]);
            let names = events.iter().filter_map(|event| event["event"].as_str().map(str::to_owned));
            heard.extend(names.filter(|name| name.contains("call")));
        }
        *seen = requests.len();
        heard
    }
}

#[tokio::test]
async fn a_timer_ends_what_rings_for_too_long_and_tells_it_once() {
    let scene = Box::pin(Scene::new(now() - Duration::from_mins(1))).await;
    let mut seen = scene.stub.requests().len();
    let call = "call-1".parse().unwrap();
    calls::check(&scene.realtime, &conversation(), &call).await.unwrap();
    assert_eq!(scene.stands().await.state.call.outcome, Some(CallOutcome::Missed));
    assert_eq!(scene.heard(&scene.bob, &mut seen), ["chat.call", "call.update"]);
    calls::check(&scene.realtime, &conversation(), &call).await.unwrap();
    assert!(scene.heard(&scene.bob, &mut seen).is_empty(), "a repeat of the timer");
    calls::check(&scene.realtime, &conversation(), &"call-0".parse().unwrap()).await.unwrap();
}

/// Counts the calls that are measured.
#[derive(Default)]
struct CallsMeasured(Arc<AtomicU64>);

impl CallsMeasured {
    fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Recorder for CallsMeasured {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        if key.name() == "Calls" { Counter::from_arc(Arc::clone(&self.0)) } else { Counter::noop() }
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

/// Up to 5 answers: all that the SDK asks for of the transaction, and all but one of those of the note that it was told.
#[tokio::test]
async fn a_call_is_measured_once_whichever_answers_are_lost() {
    for lost in 0..=5 {
        let measured = CallsMeasured::default();
        let _guard = metrics::set_default_local_recorder(&measured);
        let scene = Box::pin(Scene::new(now())).await;
        scene.realtime.engine.lose_write_answers(lost);
        // What fails is repeated by the client.
        let mut ended = scene.change(&scene.ann, CallChange::Leave).await;
        while let Err(Error::Internal(_)) = ended {
            ended = scene.change(&scene.ann, CallChange::Leave).await;
        }
        assert_eq!((ended, measured.count()), (Ok(CallStage::Ended), 1), "{lost} answers lost");
        scene.change(&scene.ann, CallChange::Leave).await.unwrap();
        calls::check(&scene.realtime, &conversation(), &"call-1".parse().unwrap()).await.unwrap();
        calls::erase(&scene.realtime, &conversation(), &scene.ann.identity.user).await.unwrap();
        assert_eq!(measured.count(), 1, "{lost} answers lost, and an erasure");
    }
}

#[tokio::test]
async fn a_call_is_measured_once_whoever_tells_its_end() {
    for by in ["retry", "two retries", "timer", "erasure"] {
        let measured = CallsMeasured::default();
        let _guard = metrics::set_default_local_recorder(&measured);
        let scene = Box::pin(Scene::new(now())).await;
        scene.end_and_die().await;
        match by {
            "retry" => drop(scene.change(&scene.ann, CallChange::Leave).await.unwrap()),
            "two retries" => {
                let retry = async || scene.change(&scene.ann, CallChange::Leave).await.unwrap();
                tokio::join!(retry(), retry());
            }
            "timer" => {
                calls::check(&scene.realtime, &conversation(), &"call-1".parse().unwrap()).await.unwrap();
            }
            _ => calls::erase(&scene.realtime, &conversation(), &scene.ann.identity.user).await.unwrap(),
        }
        assert_eq!(measured.count(), 1, "{by}");
    }
}

/// A request that is served late, or repeated by a client that has not heard of the end, starts no other call.
#[tokio::test]
async fn the_id_of_a_call_before_is_refused() {
    let scene = Box::pin(Scene::new(now())).await;
    scene.change(&scene.ann, CallChange::Leave).await.unwrap();
    let stands = scene.stands().await;
    let new = NewCall {
        call_id: "call-2".parse().unwrap(),
        conversation: conversation(),
        media: CallMedia::Audio,
        peer: peer(&scene.bob),
    };
    let next = CallState::start(new, Some(stands.state.call.revision), CallTimes::default().ring, now());
    assert!(
        scene.realtime.table().put_call(&StoredCall::after(Some(&stands), next, None, now())).await.unwrap()
    );
    scene.change_of("call-2", &scene.bob, CallChange::Leave).await.unwrap();
    for (call, why) in [("call-2", "has ended"), ("call-1", "a call before")] {
        let refused = scene.change_of(call, &scene.ann, CallChange::Start).await;
        let Err(Error::InCall { reason, call: stands }) = refused else { panic!("{call}: {refused:?}") };
        assert!(reason.contains(why), "{call}: {reason}");
        assert_eq!(stands["callId"], "call-2");
    }
}

#[tokio::test]
async fn a_muted_user_stays_in_their_call_on_another_connection_and_joins_no_other() {
    let scene = Box::pin(Scene::new(now())).await;
    let next = caller("bob", "b2=");
    join(&scene.realtime, &next).await;
    assert_eq!(scene.change(&scene.bob, CallChange::Accept).await, Ok(CallStage::Active));
    let (bob, restriction) = (&scene.bob.identity.user, moderation::change(mute(), now()));
    scene.realtime.table().restrict(&moderation::here(), bob, &restriction, now()).await.unwrap();
    rights::check_restriction(&scene.realtime, bob, &moderation::here()).await.unwrap();

    for change in [CallChange::Accept, CallChange::Start] {
        for connection in [&next, &scene.bob] {
            assert_eq!(scene.change(connection, change).await, Ok(CallStage::Active), "{change:?}");
            let bound = scene.stands().await.state.bindings.into_iter().find(|bound| bound.user == *bob);
            assert_eq!(bound.unwrap().connection, connection.connection);
        }
    }
    assert_eq!(scene.change(&next, CallChange::Leave).await, Ok(CallStage::Ended));
    for (call, change) in [("call-1", CallChange::Accept), ("call-2", CallChange::Start)] {
        let refused = scene.change_of(call, &next, change).await;
        assert!(matches!(refused, Err(Error::Muted { .. })), "{call}: {refused:?}");
    }
}

/// A timer may be late, or may have ended in the dead-letter queue.
#[tokio::test]
async fn what_rings_for_too_long_was_missed_whatever_is_done_to_it_before_the_timer() {
    for change in [CallChange::Leave, CallChange::Decline, CallChange::Accept] {
        let scene = Box::pin(Scene::new(now() - Duration::from_mins(1))).await;
        let mut seen = scene.stub.requests().len();
        let by = if change == CallChange::Leave { &scene.ann } else { &scene.bob };
        let changed = scene.change(by, change).await;
        match (change, &changed) {
            (CallChange::Accept, Err(Error::InCall { call, .. })) => assert_eq!(call["outcome"], "missed"),
            (CallChange::Accept, _) => panic!("{changed:?}"),
            _ => assert_eq!(changed, Ok(CallStage::Ended)),
        }
        let ended = scene.stands().await.state.call;
        assert_eq!(
            (ended.outcome, ended.ended_at),
            (Some(CallOutcome::Missed), Some(ended.started_at + CallTimes::default().ring))
        );
        assert_eq!(scene.heard(&scene.bob, &mut seen), ["chat.call", "call.update"], "{change:?}");
    }
}

#[tokio::test]
async fn what_was_not_told_is_told_by_a_retry_by_the_timer_and_by_the_next_call() {
    for (by, told) in [
        ("retry", &["chat.call", "call.update"][..]),
        ("timer", &["chat.call", "call.update"]),
        ("next call", &["chat.call", "call.update"]),
    ] {
        let scene = Box::pin(Scene::new(now())).await;
        scene.end_and_die().await;
        let mut seen = scene.stub.requests().len();
        match by {
            "timer" => {
                calls::check(&scene.realtime, &conversation(), &"call-1".parse().unwrap()).await.unwrap();
            }
            "retry" => assert_eq!(scene.change(&scene.ann, CallChange::Leave).await, Ok(CallStage::Ended)),
            _ => {
                // It is told before the next one begins, which takes a queue, and there is none here.
                scene.change_of("call-2", &scene.ann, CallChange::Start).await.unwrap_err();
            }
        }
        assert_eq!(scene.heard(&scene.bob, &mut seen), told, "{by}");
        assert_eq!(scene.change(&scene.ann, CallChange::Leave).await, Ok(CallStage::Ended));
        assert!(scene.heard(&scene.bob, &mut seen).is_empty());
        let history = scene.realtime.table().recover(&channel(), Some(Seq::ZERO)).await.unwrap();
        assert_eq!(history.events.len(), 1);
    }
}

/// Wherever the removal of a member comes between the steps of their `accept`, they are not in the call in the end.
#[tokio::test(flavor = "multi_thread")]
async fn an_accept_that_crosses_a_removal_leaves_nobody_in_the_call() {
    for requests in 0..12 {
        let scene = Box::pin(Scene::new(now())).await;
        let member =
            scene.realtime.table().members_of_user(&channel(), &scene.bob.identity.user).await.unwrap();
        let other = Realtime::build(&config(&scene.realtime.engine, Some(&scene.stub))).await.unwrap();
        let (done, removed) = tokio::sync::oneshot::channel();
        scene.realtime.engine.after_requests(requests, async move {
            let reason = "enough".to_owned().try_into().unwrap();
            revoke::revoke(&other, &channel(), &member, &reason).await.unwrap();
            done.send(()).unwrap();
        });
        let accepted = scene.change(&scene.bob, CallChange::Accept).await;
        // Where the accept took fewer requests, these bring the removal about.
        tokio::pin!(removed);
        while removed.as_mut().now_or_never().is_none() {
            scene.stands().await;
        }
        let stands = scene.stands().await;
        let joined = stands.state.call.joined().any(|user| user.user_id == scene.bob.identity.user);
        assert!(!joined, "after {requests} requests, {accepted:?}: {stands:#?}");
    }
}

#[tokio::test]
async fn a_member_who_is_removed_leaves_the_call() {
    let scene = Box::pin(Scene::new(now())).await;
    assert_eq!(scene.change(&scene.bob, CallChange::Accept).await, Ok(CallStage::Active));
    let mut seen = scene.stub.requests().len();
    let member = scene.realtime.table().members_of_user(&channel(), &scene.bob.identity.user).await.unwrap();
    let reason = "enough".to_owned().try_into().unwrap();
    revoke::revoke(&scene.realtime, &channel(), &member, &reason).await.unwrap();
    assert_eq!(scene.stands().await.state.call.outcome, Some(CallOutcome::Ended));
    assert_eq!(scene.heard(&scene.ann, &mut seen), ["chat.call", "call.update"]);
    assert!(scene.heard(&scene.bob, &mut 0).iter().all(|name| name != "chat.call"));
}
