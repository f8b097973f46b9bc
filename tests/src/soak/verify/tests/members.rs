//! Tests of the checks of memberships, of what members are posted, and of presence.

use serde_json::Value;

use super::healthy::{END_MS, LOUNGE, METRICS, NEWS, START_MS, TALK, act, said, turned_away, typing};
use super::*;
use crate::soak::record::{Act, Change};

fn tape(record: &mut Record, device: usize) -> &mut Vec<Note> {
    &mut record.devices[device].tapes[0]
}

/// Adds a note to the end of a device's last tape. `Opened` begins a new tape.
fn then(record: &mut Record, device: usize, at_ms: u64, what: Wire) {
    let tapes = &mut record.devices[device].tapes;
    if what == Wire::Opened {
        tapes.push(Vec::new());
    }
    tapes.last_mut().unwrap().push(Note { at_ms, what });
}

fn unpost(record: &mut Record, device: usize, channel: &str, number: u64) {
    tape(record, device).retain(|note| match &note.what {
        Wire::Posted { channel: on, seq, .. } => on != channel || *seq != Some(number),
        _ => true,
    });
}

#[test]
fn a_member_is_posted_to_each_time() {
    assert_eq!(
        broken(|record| unpost(record, 0, TALK, 3)),
        [Kind::Unposted],
        "it was heard by history alone"
    );
    let its_own = broken(|record| tape(record, 0).retain(|note| !matches!(note.what, Wire::Sent { .. })));
    assert_eq!(its_own, [Kind::Unposted], "it was sent by HTTP, so it is posted");
    let long_ended = broken(|record| {
        unpost(record, 0, NEWS, 2);
        then(record, 0, END_MS, Wire::Over);
    });
    assert_eq!(long_ended, [Kind::Unposted], "it was a member for long enough");
}

#[test]
fn what_is_not_certain_is_not_owed() {
    let given_up = broken(|record| {
        unpost(record, 0, NEWS, 2);
        record.letters.push(json!({"item": {"timestamp": "mark-3"}}));
    });
    assert_eq!(given_up, [], "it is a dead letter");
    let soon_over = broken(|record| {
        unpost(record, 0, NEWS, 2);
        tape(record, 0).retain(|note| !matches!(note.what, Wire::Alive { .. }));
        then(record, 0, END_MS, Wire::Over);
    });
    assert_eq!(soon_over, [], "the server may have lost it before");
    let expired = broken(|record| {
        unpost(record, 1, TALK, 2);
        let until_ms = START_MS + 5_000;
        tape(record, 1)[1].what = Wire::Token { until_ms };
        tape(record, 1).retain(|note| !matches!(note.what, Wire::Posted { .. }));
    });
    assert_eq!(expired, [], "its token had ended");
    let renewed_at = |at_ms: u64| {
        broken(|record| {
            unpost(record, 1, TALK, 2);
            tape(record, 1)[1].what = Wire::Token { until_ms: START_MS + 30_000 };
            then(record, 1, at_ms, Wire::Token { until_ms: END_MS + 60_000 });
        })
    };
    assert_eq!(renewed_at(START_MS + 20_000), [Kind::Unposted]);
    assert_eq!(renewed_at(START_MS + 31_000), [], "it may have ended before");
}

#[test]
fn what_came_before_the_joins_answer_has_been_posted() {
    let early = broken(|record| {
        let joined = tape(record, 0).remove(1);
        let at = tape(record, 0).len();
        tape(record, 0).insert(1, Note { at_ms: START_MS, what: Wire::Joining { channel: TALK.to_owned() } });
        tape(record, 0).insert(at, joined);
    });
    assert_eq!(early, []);
}

#[test]
fn who_is_out_hears_nothing_more() {
    let out = |device: usize, before: Vec<Wire>, sent_ms: u64, at_ms: u64| {
        broken(|record| {
            let channel = if device == 0 { NEWS } else { LOUNGE };
            for what in before {
                then(record, device, START_MS + 20_000, what);
            }
            then(record, device, at_ms, typing(channel, sent_ms));
        })
    };
    let left = || vec![Wire::Leaving { channel: NEWS.to_owned() }, Wire::Left { channel: NEWS.to_owned() }];
    assert_eq!(out(0, left(), START_MS + 20_001, START_MS + 20_002), [Kind::Overheard]);
    assert_eq!(out(0, left(), START_MS + 19_999, START_MS + 20_002), [], "it was under way");
    let back = [left(), vec![Wire::Joining { channel: NEWS.to_owned() }]].concat();
    assert_eq!(out(0, back, START_MS + 20_001, START_MS + 20_002), [], "it may be a member again");
    let connected = vec![Wire::Over, Wire::Opened];
    // The removal was answered, whether or not the user has been told.
    assert_eq!(out(1, connected.clone(), START_MS + 50_200, START_MS + 50_300), [Kind::Overheard]);
    assert_eq!(out(1, connected.clone(), START_MS + 49_000, START_MS + 50_300), [], "it was under way");
    assert_eq!(
        out(1, connected.clone(), START_MS + 49_000, START_MS + 99_000),
        [Kind::Overheard],
        "for too long"
    );
    let (channel, asked_ms) = (LOUNGE.to_owned(), START_MS + 20_000);
    let joined = Wire::Joined { channel: channel.clone(), asked_ms, head: 0, until_ms: None };
    let joining = [connected.clone(), vec![Wire::Joining { channel }]].concat();
    assert_eq!(out(1, joining.clone(), START_MS + 50_200, START_MS + 50_300), [], "`join` checks again");
    let joined = [joining, vec![joined]].concat();
    assert_eq!(out(1, joined, START_MS + 50_200, START_MS + 50_300), [Kind::Overheard]);
    assert_eq!(out(1, connected, START_MS + 45_000, START_MS + 45_001), [], "the user took part");
    let told = vec![Wire::Revoked { channel: LOUNGE.to_owned() }];
    assert_eq!(out(1, told, START_MS + 20_001, START_MS + 20_002), [Kind::Overheard]);
}

#[test]
fn what_has_ended_is_over_at_that_moment() {
    let token = broken(|record| {
        tape(record, 1)[1].what = Wire::Token { until_ms: START_MS + 30_000 };
        then(record, 1, START_MS + 30_002, typing(TALK, START_MS + 30_001));
    });
    assert_eq!(token, [Kind::Overheard]);
    let grant = |sent_ms: u64| {
        broken(|record| {
            let (channel, until_ms) = (TALK.to_owned(), Some(START_MS + 30_000));
            then(record, 1, START_MS, Wire::Joining { channel: channel.clone() });
            then(record, 1, START_MS, Wire::Joined { channel, asked_ms: START_MS, head: 3, until_ms });
            then(record, 1, sent_ms + 1, typing(TALK, sent_ms));
        })
    };
    assert_eq!(grant(START_MS + 30_001), [Kind::Overheard]);
    assert_eq!(grant(START_MS + 29_999), []);
}

#[test]
fn the_server_knows_what_is_joined() {
    let unknown = broken(|record| drop(record.devices[0].standing.known.as_mut().unwrap().pop_first()));
    assert_eq!(unknown, [Kind::Deaf]);
    let more = broken(|record| {
        record.devices[1].standing.known.as_mut().unwrap().insert(LOUNGE.to_owned());
    });
    assert_eq!(more, [Kind::Deaf], "a leave that was overtaken");
    let never_told = broken(|record| record.devices[0].standing.known = None);
    assert_eq!(never_told, [Kind::Deaf]);
    let for_a_while = Entry::Disagrees { channel: TALK.to_owned(), what: String::new() };
    assert_eq!(broken(|record| entries(record, 0).push(for_a_while)), [Kind::Deaf]);
}

#[test]
fn not_joined_on_a_joined_channel_is_a_breach_where_the_connection_held() {
    let denied = |after: Vec<Wire>| {
        broken(|record| {
            tape(record, 0).retain(|note| !matches!(note.what, Wire::Alive { .. }));
            let denied = Wire::Denied { channel: METRICS.to_owned(), asked_ms: START_MS + 20_000 };
            then(record, 0, START_MS + 20_010, denied);
            for what in after {
                then(record, 0, START_MS + 20_020, what);
            }
        })
    };
    let alive = Wire::Alive { asked_ms: START_MS + 30_015 };
    let not_for_long = Wire::Alive { asked_ms: START_MS + 20_015 };
    assert_eq!(denied(vec![not_for_long]), [], "it may have been told a moment later");
    assert_eq!(denied(vec![alive.clone()]), [Kind::Deaf]);
    assert_eq!(denied(vec![Wire::Over]), [], "the connection was lost");
    let told = Wire::Revoked { channel: METRICS.to_owned() };
    assert_eq!(denied(vec![alive.clone(), told]), [], "it was removed, and told so");
    let ended = broken(|record| {
        tape(record, 1)[1].what = Wire::Token { until_ms: START_MS + 20_000 };
        let denied = Wire::Denied { channel: LOUNGE.to_owned(), asked_ms: START_MS + 20_000 };
        then(record, 1, START_MS + 20_010, denied);
    });
    assert_eq!(ended, [], "its token had ended");
}

#[test]
fn who_may_is_let_in_and_who_may_not_is_out() {
    let refused = |at_ms: u64| broken(|record| entries(record, 1).push(turned_away(at_ms)));
    assert_eq!(refused(START_MS + 10_000), [Kind::TurnedAway], "the user took part");
    assert_eq!(refused(START_MS + 49_950), [], "the participants were being changed");
    assert_eq!(refused(START_MS + 70_000), [], "the user did not take part");
    let elsewhere = broken(|record| {
        let Entry::TurnedAway { code, asked_ms, at_ms, .. } = turned_away(START_MS) else { unreachable!() };
        let entry = Entry::TurnedAway { what: TALK.to_owned(), code, asked_ms, at_ms };
        entries(record, 1).push(entry);
    });
    assert_eq!(elsewhere, [Kind::TurnedAway], "the participants there never change");
    let barred = broken(|record| record.acts.push(act(START_MS + 90_000, &["user_4"])));
    assert_eq!(barred, [Kind::TurnedAway], "at the end");
    let in_it = broken(|record| {
        let standing = &mut record.devices[1].standing;
        standing.joined.insert(LOUNGE.to_owned(), 0);
        standing.known.as_mut().unwrap().insert(LOUNGE.to_owned());
        for told in [&mut standing.rosters, &mut standing.told] {
            told.insert(LOUNGE.to_owned(), [("user_4".to_owned(), "online".to_owned())].into());
        }
    });
    assert_eq!(in_it, [Kind::Leak]);
}

#[test]
fn what_is_accepted_is_in_force_some_time() {
    let never = |is_accepted: bool| {
        broken(|record| {
            let unknown = act(START_MS + 30_000, &["user_4", "user_5"]);
            let unknown = Act { known_ms: None, enforced_ms: None, is_accepted, ..unknown };
            record.acts.insert(1, unknown);
        })
    };
    assert_eq!(never(true), [Kind::Unheeded]);
    assert_eq!(never(false), [], "it was not accepted");
    let kick = broken(|record| {
        let change = Change::Kick { channel: TALK.to_owned(), user: "user_4".to_owned() };
        record.acts.push(Act { known_ms: None, enforced_ms: None, change, ..act(START_MS, &[]) });
    });
    assert_eq!(kick, [], "only the kicked user sees a kick");
}

#[test]
fn who_is_present_is_here_and_who_is_here_is_present() {
    let come = |roster: &mut Roster| drop(roster.insert("user_2".to_owned(), "online".to_owned()));
    let ghost = broken(|record| rosters(record, 0).into_iter().for_each(come));
    assert_eq!(ghost, [Kind::Ghost]);
    let go = |roster: &mut Roster| drop(roster.remove("user_0"));
    let absent = broken(|record| rosters(record, 1).into_iter().for_each(go));
    assert_eq!(absent, [Kind::Absent]);
    let never_asked = broken(|record| {
        let standing = &mut record.devices[0].standing;
        (standing.rosters, standing.told) = ([].into(), [].into());
    });
    assert_eq!(never_asked, [Kind::Absent]);
    let gone = broken(|record| {
        let standing = &mut record.devices[1].standing;
        (standing.is_up, standing.joined) = (false, [].into());
    });
    assert_eq!(gone, [Kind::Ghost]);
}

#[test]
fn the_status_is_the_most_present_one_of_the_users_devices() {
    let status = |own: Option<&str>| {
        broken(|record| {
            let own = own.map(str::to_owned);
            record.devices[1].standing.statuses.insert(TALK.to_owned(), own);
        })
    };
    assert_eq!(status(Some("offline")), [Kind::Misstated]);
    assert_eq!(status(Some("away")), []);
    assert_eq!(status(None), [], "no reply confirmed a status");
    let second_device = broken(|record| {
        let mut tablet = record.devices[1].clone();
        tablet.device = "d2".to_owned();
        tablet.standing.statuses.insert(TALK.to_owned(), Some("online".to_owned()));
        record.devices.push(tablet);
    });
    assert_eq!(second_device, [Kind::Misstated], "one of them is online");
}

#[test]
fn the_members_are_told_what_the_roster_says() {
    let told = |record: &mut Record, change: fn(&mut Roster)| change(rosters(record, 0)[1]);
    let not_of_a_leave =
        broken(|record| told(record, |roster| drop(roster.insert("user_2".to_owned(), "away".to_owned()))));
    assert_eq!(not_of_a_leave, [Kind::Untold]);
    let not_of_a_join = broken(|record| told(record, |roster| drop(roster.remove("user_4"))));
    assert_eq!(not_of_a_join, [Kind::Untold]);
    let not_of_a_status = broken(|record| {
        told(record, |roster| drop(roster.insert("user_4".to_owned(), "online".to_owned())));
    });
    assert_eq!(not_of_a_status, [Kind::Untold]);
    let of_oneself = broken(|record| told(record, |roster| drop(roster.remove("user_0"))));
    assert_eq!(of_oneself, [], "users are not told of themselves");
    let of_an_auditor = broken(|record| {
        told(record, |roster| {
            roster.insert("auditor_biz_1".to_owned(), "online".to_owned());
        });
    });
    assert_eq!(of_an_auditor, [], "auditors come and go during an audit");
    let counts = |number: usize| {
        broken(|record| {
            let standing = &mut record.devices[0].standing;
            standing.told.remove(TALK);
            standing.counted.insert(TALK.to_owned(), number);
        })
    };
    assert_eq!(counts(1), [Kind::Untold]);
    assert_eq!(counts(2), [], "it was told only the number");
    assert_eq!(counts(3), [], "an auditor may be counted");
    assert_eq!(counts(4), [Kind::Untold]);
}

#[test]
fn a_dead_letter_has_an_id_a_reason_and_the_field() {
    for missing in ["id", "reason", "field"] {
        let incomplete = broken(|record| record.letters[1][missing] = Value::Null);
        assert_eq!(incomplete, [Kind::Unexplained], "{missing}");
    }
    let another_field = broken(|record| record.letters[1]["field"] = "data.title".into());
    assert_eq!(another_field, [Kind::Unexplained]);
}

#[test]
fn nothing_is_owed_to_who_was_never_a_member() {
    let never_a_member = broken(|record| {
        leave(record, 0, NEWS);
        unpost(record, 0, NEWS, 2);
    });
    assert_eq!(never_a_member, []);
    assert_eq!(said(NEWS, 2, 3).seq, Some(2));
}
