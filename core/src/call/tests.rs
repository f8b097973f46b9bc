//! Every sequence of changes of a call, and what holds after each.

use std::{
    collections::{BTreeSet, HashSet, VecDeque},
    time::Duration,
};

use proptest::prelude::*;

use super::*;
use crate::{Timestamp, UserId};

const TIMES: [u64; 3] = [1, 20, 60];

/// A device that has the id of the starter's first one.
const STOLEN: u8 = 2;

/// What may happen to a call.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// The starter's request again, perhaps on another connection.
    StartAgain {
        user: u8,
        device: u8,
        connection: u8,
    },
    /// A device joins; `replaces` says that the user's other device was found to be gone.
    Accept {
        user: u8,
        device: u8,
        connection: u8,
        replaces: bool,
    },
    Decline {
        user: u8,
        device: u8,
    },
    Leave {
        user: u8,
        device: u8,
        failed: bool,
    },
    /// A connection is removed from the conversation.
    Remove {
        user: u8,
        connection: u8,
    },
    RingOut,
    /// A look that finds the users alive whose bit is set.
    Look {
        alive: u8,
    },
    /// Time passes.
    Wait(u64),
}

fn start() -> Timestamp {
    Timestamp::from_millis(1_795_428_000_000)
}

fn user(user: u8) -> UserId {
    format!("user_{user}").parse().unwrap()
}

fn connection(of: u8, connection: u8) -> crate::ConnectionId {
    format!("c{of}-{connection}=").parse().unwrap()
}

fn peer(of: u8, device: u8, on: u8) -> Peer {
    Peer {
        user: user(of),
        name: format!("User {of}").try_into().unwrap(),
        peer_id: if device == STOLEN { "peer-0-0".to_owned() } else { format!("peer-{of}-{device}") }
            .parse()
            .unwrap(),
        connection: connection(of, on),
    }
}

fn ringing() -> CallState {
    let new = NewCall {
        call_id: "call-1".parse().unwrap(),
        conversation: "c1".parse().unwrap(),
        media: CallMedia::Audio,
        peer: peer(0, 0, 0),
    };
    CallState::start(new, None, CallTimes::default().ring, start())
}

/// The participants of a conversation of so many users.
fn asked(users: u8) -> BTreeSet<UserId> {
    (0..users).map(user).collect()
}

/// The state after a step: the same one, if it was refused or changed nothing.
fn after(state: &CallState, step: Step, users: u8, now: Timestamp) -> CallState {
    let changed = match step {
        Step::StartAgain { user, device, connection } => {
            state.start_again(peer(user, device, connection), now).unwrap_or_default()
        }
        Step::Accept { user: of, device, connection, replaces } => {
            let old = state.bindings.iter().find(|binding| binding.user == user(of));
            let old = old.filter(|_| replaces).map(|binding| binding.peer_id.clone());
            state.accept(peer(of, device, connection), old.as_ref(), now).unwrap_or_default()
        }
        Step::Decline { user, device } => {
            state.decline(&peer(user, device, 0), &asked(users), None, now).unwrap_or_default()
        }
        Step::Leave { user, device, failed } => {
            state.leave(&peer(user, device, 0), failed.then_some(CallReason::Failed), now)
        }
        Step::Remove { user: of, connection: on } => {
            state.remove(|binding| binding.connection == connection(of, on), now)
        }
        Step::RingOut => state.ring_out(now),
        Step::Look { alive } => {
            let is_alive =
                |binding: &Binding| (0..users).any(|of| binding.user == user(of) && alive >> of & 1 == 1);
            (state.call.state == CallStage::Active).then(|| state.look(is_alive, now))
        }
        Step::Wait(_) => None,
    };
    changed.unwrap_or_else(|| state.clone())
}

/// What holds for every state of a call.
fn check(state: &CallState, now: Timestamp) {
    let CallState { call, bindings, .. } = state;
    let joined: Vec<&CallUser> = call.joined().collect();
    let shown = format!("{state:#?}");
    assert_eq!(joined.len(), bindings.len(), "each user who is in it has a connection: {shown}");
    for user in &joined {
        let bound = bindings.iter().filter(|of| of.user == user.user_id && of.peer_id == user.peer_id);
        assert_eq!(bound.count(), 1, "one device each: {shown}");
    }
    assert!(joined.len() <= CALL_USERS_MAX, "{shown}");
    assert!(call.participants.len() <= CALL_USERS_LISTED_MAX, "{shown}");
    let peers: HashSet<_> = call.participants.iter().map(|of| &of.peer_id).collect();
    assert_eq!(peers.len(), call.participants.len(), "no two of one id: {shown}");
    let users: HashSet<_> = call.participants.iter().map(|of| &of.user_id).collect();
    assert_eq!(users.len(), call.participants.len(), "{shown}");
    assert!(users.contains(&call.started_by), "{shown}");
    match call.state {
        CallStage::Ringing => {
            assert!(joined.len() == 1 && joined[0].user_id == call.started_by, "{shown}");
            assert!(call.rings_until.is_some() && call.accepted_at.is_none(), "{shown}");
        }
        CallStage::Active => {
            assert!(joined.len() >= 2 && call.accepted_at.is_some() && call.rings_until.is_none(), "{shown}");
        }
        CallStage::Ended => {
            assert!(joined.is_empty() && call.rings_until.is_none(), "{shown}");
            let ended = call.ended_at.unwrap();
            assert!(call.started_at <= ended && ended <= now, "{shown}");
            let record = call.record().unwrap();
            let was_active = call.accepted_at.is_some();
            assert!(was_active || record.duration_ms == 0, "{shown}");
            let fits = match record.state {
                CallOutcome::Ended => was_active,
                CallOutcome::Missed | CallOutcome::Declined | CallOutcome::Canceled => !was_active,
                CallOutcome::Failed => true,
            };
            assert!(fits, "{shown}");
        }
    }
    assert_eq!(call.record().is_some(), !call.is_live(), "{shown}");
}

/// What holds from one state to the next.
fn check_step(before: &CallState, after: &CallState) {
    if before.call == after.call {
        assert!(after.call.is_live() || before == after, "what has ended stays as it is");
    } else {
        assert!(before.call.is_live(), "a call that has ended changes no more: {after:#?}");
        assert!(after.call.revision > before.call.revision, "clients see what is newer: {after:#?}");
    }
    assert_eq!(before.call.call_id, after.call.call_id);
}

/// However it stands, timers alone end it: it rings for no longer than it should, and two looks find out who is gone.
fn check_ends(state: &CallState, now: Timestamp) {
    let mut state = state.clone();
    let mut now = now;
    if state.call.state == CallStage::Ringing {
        now = now.max(state.call.rings_until.unwrap());
        state = state.ring_out(now).unwrap();
    }
    for _ in 0..2 {
        now = now + CallTimes::default().look;
        if state.call.state == CallStage::Active {
            state = state.look(|_| false, now);
            check(&state, now);
        }
    }
    assert!(!state.call.is_live(), "{state:#?}");
}

fn steps(users: u8) -> Vec<Step> {
    let mut steps = vec![
        Step::RingOut,
        Step::Wait(60),
        Step::Look { alive: 0 },
        Step::Look { alive: 1 },
        Step::Look { alive: 0b11 },
    ];
    for user in 0..users {
        for device in 0..2 {
            steps.push(Step::StartAgain { user, device, connection: 1 });
            for replaces in [false, true] {
                steps.push(Step::Accept { user, device, connection: device, replaces });
            }
            steps.push(Step::Decline { user, device });
            steps.push(Step::Leave { user, device, failed: device == 1 });
            steps.push(Step::Remove { user, connection: device });
        }
        steps.push(Step::Accept { user, device: STOLEN, connection: 1, replaces: false });
        steps.push(Step::Decline { user, device: STOLEN });
    }
    steps
}

/// Every state that two or three users with two devices each can bring about in six steps.
#[test]
fn every_interleaving_of_some_steps_keeps_the_rules() {
    for users in [2, 3] {
        let steps = steps(users);
        let mut seen = HashSet::new();
        let mut next = VecDeque::from([(ringing(), start(), 0)]);
        let mut outcomes = HashSet::new();
        while let Some((state, now, depth)) = next.pop_front() {
            // What differs in nothing but its times and revision goes on in the same ways.
            let mut alike = state.clone();
            alike.call.revision = ringing().call.revision;
            alike.looked_at = Timestamp::EPOCH;
            alike.bindings.iter_mut().for_each(|binding| binding.alive_at = Timestamp::EPOCH);
            (alike.call.accepted_at, alike.call.ended_at) =
                (alike.call.accepted_at.map(|_| start()), alike.call.ended_at.map(|_| start()));
            if !seen.insert(format!("{alike:?} {}", state.is_overdue(now))) {
                continue;
            }
            outcomes.extend(state.call.outcome.map(|outcome| format!("{outcome:?}")));
            check(&state, now);
            check_ends(&state, now);
            if depth == 6 {
                continue;
            }
            for step in &steps {
                let later = match step {
                    Step::Wait(seconds) => now + Duration::from_secs(*seconds),
                    _ => now + Duration::from_millis(1),
                };
                let changed = after(&state, *step, users, later);
                check_step(&state, &changed);
                next.push_back((changed, later, depth + 1));
            }
        }
        assert_eq!(outcomes.len(), 5, "{outcomes:?}");
        assert!(seen.len() > 50, "{} states of {users} users", seen.len());
    }
}

fn step(users: u8) -> impl Strategy<Value = Step> {
    let (user, device, connection) = (0..users, 0..3_u8, 0..4_u8);
    prop_oneof![
        1 => (user.clone(), device.clone(), connection.clone())
            .prop_map(|(user, device, connection)| Step::StartAgain { user, device, connection }),
        6 => (user.clone(), device.clone(), connection.clone(), any::<bool>())
            .prop_map(|(user, device, connection, replaces)| Step::Accept { user, device, connection, replaces }),
        2 => (user.clone(), device.clone()).prop_map(|(user, device)| Step::Decline { user, device }),
        3 => (user.clone(), device, any::<bool>()).prop_map(|(user, device, failed)| Step::Leave { user, device, failed }),
        1 => (user, connection).prop_map(|(user, connection)| Step::Remove { user, connection }),
        1 => Just(Step::RingOut),
        2 => any::<u8>().prop_map(|alive| Step::Look { alive }),
        2 => (0..TIMES.len()).prop_map(|time| Step::Wait(TIMES[time])),
    ]
}

proptest! {
    #[test]
    fn long_sequences_keep_the_rules(users in 2_u8..8, steps in prop::collection::vec(step(7), 1..80)) {
        let (mut state, mut now) = (ringing(), start());
        for step in steps {
            now = match step {
                Step::Wait(seconds) => now + Duration::from_secs(seconds),
                _ => now + Duration::from_millis(1),
            };
            let changed = after(&state, step, users, now);
            check_step(&state, &changed);
            check(&changed, now);
            check_ends(&changed, now);
            state = changed;
        }
    }
}

#[test]
fn of_the_devices_of_a_user_one_is_in_it() {
    let now = start() + Duration::from_secs(1);
    let active = ringing().accept(peer(1, 0, 0), None, now).unwrap().unwrap();
    assert_eq!(active.call.state, CallStage::Active);
    assert_eq!(active.accept(peer(1, 1, 1), None, now), Err(Refusal::OtherDevice));
    assert_eq!(active.accept(peer(1, 0, 0), None, now), Ok(None), "a repeat");
    let again = active.accept(peer(1, 0, 2), None, now).unwrap().unwrap();
    assert_eq!(again.call, active.call, "on another connection nothing changes for the others");
    assert_eq!(again.bindings[1].connection, connection(1, 2));
    let old = active.bindings[1].peer_id.clone();
    let replaced = active.accept(peer(1, 1, 1), Some(&old), now).unwrap().unwrap();
    assert_eq!(replaced.bindings.len(), 2);
    assert_eq!(replaced.bindings[1].connection, connection(1, 1));
    assert_eq!(replaced.call.participants[1].peer_id.as_str(), "peer-1-1");
}

#[test]
fn a_fifth_user_does_not_get_in_until_one_leaves() {
    let now = start() + Duration::from_secs(1);
    let join = |state: &CallState, user| state.accept(peer(user, 0, 0), None, now);
    let full = (1..4).fold(ringing(), |state, user| join(&state, user).unwrap().unwrap());
    assert_eq!(join(&full, 4), Err(Refusal::Stands("the call is full")));
    let left = full.leave(&peer(2, 0, 0), None, now).unwrap();
    assert!(left.call.is_live());
    let again = left.accept(peer(2, 0, 0), None, now);
    assert!(matches!(again, Err(Refusal::Stands(why)) if why.contains("another one")), "{again:?}");
    assert_eq!(join(&left, 4).unwrap().unwrap().bindings.len(), 4);
}

#[test]
fn a_call_is_declined_when_everybody_who_was_asked_has_declined() {
    let now = start() + Duration::from_secs(1);
    let decline = |state: &CallState, user, users| {
        state.decline(&peer(user, 0, 0), &asked(users), Some(CallReason::Busy), now).unwrap().unwrap()
    };
    let outcome = |state: &CallState| state.call.outcome;
    assert_eq!(outcome(&decline(&ringing(), 1, 2)), Some(CallOutcome::Declined));
    let one = decline(&ringing(), 1, 3);
    assert_eq!(outcome(&one), None, "another one may accept");
    assert_eq!(one.call.participants[1].reason, Some(CallReason::Busy));
    assert_eq!(outcome(&decline(&one, 2, 3)), Some(CallOutcome::Declined));
    assert_eq!(outcome(&decline(&ringing(), 5, 1)), None, "nobody knows how many are of the team");
    let accepted = one.accept(peer(1, 0, 0), None, now).unwrap().unwrap();
    assert_eq!(accepted.call.state, CallStage::Active, "they have changed their mind");
    assert_eq!(accepted.decline(&peer(1, 1, 0), &asked(3), None, now), Err(Refusal::OtherDevice));
}

#[test]
fn who_is_gone_at_two_looks_has_left_when_they_were_last_seen() {
    let at = |seconds| start() + Duration::from_secs(seconds);
    let active = ringing().accept(peer(1, 0, 0), None, at(5)).unwrap().unwrap();
    let is_ann = |binding: &Binding| binding.user == user(0);
    let seen = active.look(|_| true, at(60));
    let missing = seen.look(is_ann, at(120));
    assert_eq!(missing.call, active.call, "one look is not enough");
    let back = missing.accept(peer(1, 0, 1), None, at(130)).unwrap().unwrap();
    assert!(back.look(|_| true, at(180)).call.is_live());
    let ended = missing.look(is_ann, at(180));
    assert_eq!(ended.call.outcome, Some(CallOutcome::Ended));
    assert_eq!(ended.call.record().unwrap().duration_ms, 55_000);
    let none = seen.look(|_| false, at(120)).look(|_| false, at(180));
    assert_eq!(none.call.record().unwrap().duration_ms, 55_000, "both have vanished");
    assert!(seen.was_looked_at(Duration::from_mins(1), at(61)), "a repeat of the timer");
    assert!(!seen.was_looked_at(Duration::from_mins(1), at(120)));
}

#[test]
fn revisions_rise_over_the_calls_of_a_conversation() {
    let first = ringing().ring_out(start() + Duration::from_mins(1)).unwrap().call.revision;
    let new = |before| {
        let new = NewCall {
            call_id: "call-2".parse().unwrap(),
            conversation: "c1".parse().unwrap(),
            media: CallMedia::Video,
            peer: peer(1, 0, 0),
        };
        CallState::start(new, before, CallTimes::default().ring, start()).call.revision
    };
    assert!(new(Some(first)) > first, "even where a clock is behind");
}
