//! Tests of the checks of mutes and bans.

use super::healthy::{LOUNGE, START_MS, TALK, act, sent, typing};
use super::*;
use crate::soak::record::{Act, Change, Restriction};

/// A restriction of `user_4` that was requested `after_ms` after the start, and answered.
fn restricts(scope: &str, restriction: Restriction, after_ms: u64) -> Act {
    let change = Change::Restrict { scope: scope.to_owned(), user: "user_4".to_owned(), restriction };
    Act { change, ..act(START_MS + after_ms, &[]) }
}

/// The kinds of breaches in the healthy record with these acts, in which `user_4` sends a message 5 s after the start.
fn says(acts: Vec<Act>) -> Vec<Kind> {
    broken(|record| record.acts.extend(acts))
}

#[test]
fn who_is_restricted_sends_nothing() {
    use Restriction::{Ban, Mute, None};
    // The second message was sent 5 s after the start.
    for scope in [TALK, "company:biz_1"] {
        assert_eq!(says(vec![restricts(scope, Mute, 1_000)]), [Kind::Unrestrained], "{scope}");
        assert_eq!(says(vec![restricts(scope, Mute, 4_950)]), [], "the message was under way");
        assert_eq!(says(vec![restricts(scope, Mute, 1_000), restricts(scope, None, 2_000)]), []);
        let unknown = Act { enforced_ms: Option::None, ..restricts(scope, Mute, 1_000) };
        assert_eq!(says(vec![unknown]), [], "it may not have been in force");
    }
    assert!(says(vec![restricts(TALK, Ban, 1_000)]).contains(&Kind::Unrestrained));
    assert_eq!(says(vec![restricts("company:biz_2", Ban, 1_000)]), []);
    let both = vec![
        restricts(TALK, Mute, 1_000),
        restricts("company:biz_1", Mute, 1_500),
        restricts(TALK, None, 2_000),
    ];
    assert_eq!(says(both), [Kind::Unrestrained], "the other restriction still holds");
    let typed = |heard_ms| {
        broken(|record| {
            record.acts.push(restricts(TALK, Mute, 1_000));
            record.acts.push(restricts(TALK, None, 2_000));
            let at = "2025-11-24T16:00:01.500Z".to_owned();
            let event =
                Event { event: "chat.typing".to_owned(), seq: Option::None, at, ..chat(0, "user_4", "", "") };
            entries(record, 0).push(Entry::Heard(event));
            let note = Note { at_ms: START_MS + heard_ms, what: typing(TALK, START_MS + 1_500) };
            record.devices[0].tapes[0].insert(1, note);
        })
    };
    assert_eq!(typed(1_900), [Kind::Unrestrained]);
    assert_eq!(typed(2_100), [], "it may have waited until the mute was lifted");
}

#[test]
fn a_call_that_ends_while_its_caller_is_muted_is_logged() {
    let logged = broken(|record| {
        record.acts.push(restricts(TALK, Restriction::Mute, 1_000));
        for event in
            record.logs.values_mut().flatten().filter(|event| event.user.as_deref() == Some("user_4"))
        {
            event.event = "chat.call".to_owned();
        }
    });
    assert!(!logged.contains(&Kind::Unrestrained), "{logged:?}");
}

#[test]
fn who_is_banned_hears_nothing_and_is_not_let_in() {
    let hears = |restriction, sent_ms| {
        broken(|record| {
            record.acts.push(restricts(LOUNGE, restriction, 10_000));
            record.acts.push(restricts(LOUNGE, Restriction::None, 30_000));
            record.devices[1].tapes[0].push(Note { at_ms: sent_ms + 1, what: Wire::Over });
            record.devices[1].tapes.push(vec![
                Note { at_ms: sent_ms, what: Wire::Opened },
                Note { at_ms: sent_ms + 1, what: typing(LOUNGE, sent_ms) },
            ]);
        })
    };
    assert_eq!(hears(Restriction::Ban, START_MS + 20_000), [Kind::Overheard]);
    assert_eq!(hears(Restriction::Ban, START_MS + 30_001), [], "it has been lifted");
    assert_eq!(hears(Restriction::Mute, START_MS + 20_000), [], "a muted user may hear");

    let turned_away = |code: &str, at_ms: u64| {
        let (what, code, asked_ms) = (TALK.to_owned(), code.to_owned(), START_MS + at_ms);
        broken(|record| {
            record.acts.push(restricts(TALK, Restriction::Ban, 20_000));
            record.acts.push(restricts(TALK, Restriction::Mute, 30_000));
            record.acts.push(restricts(TALK, Restriction::None, 40_000));
            entries(record, 1).push(Entry::TurnedAway { what, code, asked_ms, at_ms: asked_ms + 10 });
        })
    };
    assert_eq!(turned_away("banned", 10_000), [Kind::TurnedAway]);
    assert_eq!(turned_away("banned", 25_000), []);
    assert_eq!(turned_away("banned", 35_000), [Kind::TurnedAway]);
    assert_eq!(turned_away("muted", 35_000), []);
    assert_eq!(turned_away("muted", 45_000), [Kind::TurnedAway]);
}

#[test]
fn a_restriction_that_was_accepted_comes_into_force_or_is_a_dead_letter() {
    let unheard = |has_letter: bool| {
        broken(|record| {
            let bus = restricts(LOUNGE, Restriction::Mute, 10_000);
            record.acts.push(Act { known_ms: Option::None, enforced_ms: Option::None, ..bus });
            if has_letter {
                record.letters.push(json!({"detail": {"conversationId": "lounge_1", "userId": "user_4"}}));
            }
        })
    };
    assert_eq!(unheard(false), [Kind::Unheeded]);
    assert_eq!(unheard(true), []);
}

#[test]
fn what_a_muted_user_could_not_send_is_not_in_the_log() {
    let refused = broken(|record| {
        record.acts.push(restricts(TALK, Restriction::Mute, 20_000));
        entries(record, 1).push(sent("d1-9", "too late"));
        let (what, code, asked_ms) = (TALK.to_owned(), "muted".to_owned(), START_MS + 25_000);
        entries(record, 1).push(Entry::TurnedAway { what, code, asked_ms, at_ms: asked_ms + 10 });
    });
    assert_eq!(refused, []);
}
