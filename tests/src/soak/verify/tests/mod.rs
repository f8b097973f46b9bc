//! What each check finds when one thing is changed in a record in which every guarantee held. A check that cannot fail is
//! worthless.

mod healthy;
mod members;
mod messages;
mod moderation;
mod telling;

use serde_json::json;

use self::healthy::{
    METRICS, NEWS, TALK, acked, chat, healthy, heard, inboxes, posted, reports, said, searches,
};
use super::*;
use crate::soak::record::{Event, Listed, Note, Report, Roster, Standing, Wire};

/// The kinds of breaches in the healthy record after this modification.
fn broken(change: impl FnOnce(&mut Record)) -> Vec<Kind> {
    let mut record = healthy();
    change(&mut record);
    // These are derived from the logs.
    record.inboxes = inboxes(&record.logs);
    record.searches = searches(&record.world, &record.logs);
    record.reports = Some(reports(&record.logs));
    kinds_of(&record)
}

fn kinds_of(record: &Record) -> Vec<Kind> {
    let mut kinds: Vec<Kind> = verify(record).into_iter().map(|breach| breach.kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

fn log<'a>(record: &'a mut Record, channel: &str) -> &'a mut Vec<Event> {
    record.logs.get_mut(channel).unwrap()
}

fn entries(record: &mut Record, device: usize) -> &mut Vec<Entry> {
    &mut record.devices[device].entries
}

/// The rosters that a device asked for and was told.
fn rosters(record: &mut Record, device: usize) -> [&mut Roster; 2] {
    let Standing { rosters, told, .. } = &mut record.devices[device].standing;
    [rosters.get_mut(TALK).unwrap(), told.get_mut(TALK).unwrap()]
}

/// Records that an event was posted to a device.
fn post(record: &mut Record, device: usize, event: &Event) {
    let what = posted(event);
    record.devices[device].tapes[0].push(Note { at_ms: healthy::START_MS, what });
}

/// Removes a membership from a device's tape, so that no posts are owed to it.
fn leave(record: &mut Record, device: usize, channel: &str) {
    let channel = channel.to_owned();
    record.devices[device].tapes[0].retain(|note| match &note.what {
        Wire::Joined { channel: joined, .. } => *joined != channel,
        _ => true,
    });
}

/// The index of the only entry that matches.
fn place(entries: &[Entry], wanted: impl Fn(&Entry) -> bool) -> usize {
    let mut places = entries.iter().enumerate().filter(|(_, entry)| wanted(entry)).map(|(place, _)| place);
    let place = places.next().unwrap();
    assert_eq!(places.next(), None);
    place
}

fn saw(channel: &str, seq: u64) -> impl Fn(&Entry) -> bool {
    move |entry| matches!(entry, Entry::Saw(event) if event.channel == channel && event.seq == Some(seq))
}

#[test]
fn a_record_in_which_all_held_has_no_breach() {
    assert_eq!(broken(|_| {}), []);
}

#[test]
fn what_was_acked_and_is_not_in_the_log_is_lost() {
    let lost = broken(|record| {
        log(record, TALK).pop();
        for device in 0..2 {
            let place = place(entries(record, device), saw(TALK, 3));
            entries(record, device).remove(place);
        }
    });
    assert_eq!(lost, [Kind::Lost]);
}

#[test]
fn what_is_found_otherwise_than_it_was_sent_or_heard_is_altered() {
    let content = broken(|record| log(record, TALK)[0].data["content"] = "another".into());
    assert_eq!(content, [Kind::Altered, Kind::Divergent]);
    let place_of_ack = broken(|record| {
        let place = place(entries(record, 0), |entry| matches!(entry, Entry::Acked { .. }));
        entries(record, 0)[place] = acked("d0-1", 2, false);
    });
    assert_eq!(place_of_ack, [Kind::Altered]);
    let heard_otherwise = broken(|record| {
        let place = place(entries(record, 0), saw(TALK, 2));
        entries(record, 0)[place] = Entry::Saw(Event { key: Some("other".to_owned()), ..said(TALK, 2, 1) });
    });
    assert_eq!(heard_otherwise, [Kind::Altered]);
    let said_otherwise = broken(|record| record.published[0].data["content"] = "hello".into());
    assert_eq!(said_otherwise, [Kind::Altered]);
    let read_meanwhile = broken(|record| log(record, TALK)[2].data["isRead"] = true.into());
    assert_eq!(read_meanwhile, [], "a message that has been read is not altered");
}

#[test]
fn what_was_refused_and_is_in_the_log_is_altered() {
    let kept = broken(|record| {
        let (channel, code) = (TALK.to_owned(), "too_large".to_owned());
        entries(record, 1).push(Entry::Refused { channel, key: "d1-1".to_owned(), code });
    });
    assert_eq!(kept, [Kind::Altered]);
}

#[test]
fn what_is_twice_in_the_log_is_doubled() {
    let by_a_client = broken(|record| {
        log(record, TALK).push(chat(4, "user_4", "d1-1", "two"));
        post(record, 0, &chat(4, "user_4", "d1-1", "two"));
        record.devices.iter_mut().for_each(|device| *device.standing.joined.get_mut(TALK).unwrap() = 4);
    });
    assert_eq!(by_a_client, [Kind::Doubled]);
    let by_the_backend = broken(|record| {
        log(record, NEWS).push(said(NEWS, 3, 3));
        post(record, 0, &said(NEWS, 3, 3));
        *record.devices[0].standing.joined.get_mut(NEWS).unwrap() = 3;
    });
    assert_eq!(by_the_backend, [Kind::Doubled]);
}

#[test]
fn a_repeat_that_is_taken_for_new_is_doubled() {
    let twice_new = broken(|record| entries(record, 0).push(acked("d0-1", 1, false)));
    assert_eq!(twice_new, [Kind::Doubled]);
    assert_eq!(broken(|record| entries(record, 0).push(acked("d0-1", 1, true))), []);
}

#[test]
fn what_nobody_sent_is_invented() {
    let by_a_client = broken(|record| {
        let place = place(entries(record, 0), |entry| matches!(entry, Entry::Sent { .. }));
        let ack = entries(record, 0).iter().position(|entry| matches!(entry, Entry::Acked { .. })).unwrap();
        entries(record, 0).remove(ack);
        entries(record, 0).remove(place);
    });
    assert_eq!(by_a_client, [Kind::Invented]);
    let by_the_backend = broken(|record| drop(record.published.remove(0)));
    assert_eq!(by_the_backend, [Kind::Invented]);
}

#[test]
fn a_seq_that_is_missing_is_a_hole() {
    let hole = broken(|record| {
        log(record, NEWS)[1].seq = Some(3);
        post(record, 0, &said(NEWS, 3, 3));
        let place = place(entries(record, 0), saw(NEWS, 2));
        entries(record, 0)[place] = Entry::Saw(said(NEWS, 3, 3));
        *record.devices[0].standing.joined.get_mut(NEWS).unwrap() = 3;
    });
    assert_eq!(hole, [Kind::Hole, Kind::Skipped]);
}

#[test]
fn the_order_at_the_callback_is_looked_at() {
    let swapped = broken(|record| {
        let (a, b) = (place(entries(record, 0), saw(NEWS, 1)), place(entries(record, 0), saw(NEWS, 2)));
        entries(record, 0).swap(a, b);
    });
    assert_eq!(swapped, [Kind::OutOfOrder, Kind::Skipped]);
    let twice = broken(|record| entries(record, 0).push(Entry::Saw(said(NEWS, 2, 3))));
    assert_eq!(twice, [Kind::HeardTwice]);
    let skipped = broken(|record| {
        let place = place(entries(record, 0), saw(TALK, 2));
        entries(record, 0).remove(place);
    });
    assert_eq!(skipped, [Kind::Skipped]);
    let before_its_time = broken(|record| {
        let first = Entry::Saw(chat(1, "user_0", "d0-1", "one"));
        entries(record, 1).insert(2, first);
    });
    assert_eq!(before_its_time, [Kind::OutOfOrder]);
}

#[test]
fn who_has_not_heard_all_is_behind() {
    let behind = |record: &mut Record| *record.devices[1].standing.joined.get_mut(TALK).unwrap() = 2;
    assert_eq!(broken(behind), [Kind::Behind]);
    let unacked = broken(|record| {
        behind(record);
        entries(record, 1).retain(|entry| !matches!(entry, Entry::Acked { .. }));
    });
    assert_eq!(unacked, [], "it was never acknowledged");
    let owed = broken(|record| {
        behind(record);
        record.letters.push(json!({"outgoing": [{"event": {"key": "d1-1"}}]}));
    });
    assert_eq!(owed, [], "it is a dead letter");
    let vanished = broken(|record| {
        record.devices[1].standing = Standing { has_vanished: true, ..Standing::default() };
        for roster in rosters(record, 0) {
            roster.remove("user_4");
        }
    });
    assert_eq!(vanished, []);
    let metric =
        broken(|record| entries(record, 0).retain(|entry| *entry != Entry::Heard(heard(METRICS, 5))));
    assert_eq!(metric, [Kind::Behind], "the latest value was not heard");
}

#[test]
fn who_has_something_left_to_do_is_unsettled() {
    assert_eq!(broken(|record| record.devices[0].standing.is_settled = false), [Kind::Unsettled]);
}

#[test]
fn what_the_devices_found_is_told() {
    let channel = || TALK.to_owned();
    for (entry, kind) in [
        (Entry::Partial { channel: channel(), what: String::new() }, Kind::Partial),
        (Entry::Reset { channel: channel(), since: 3, at: 3 }, Kind::Unrecovered),
        (Entry::Oversized { what: channel(), bytes: 200_000 }, Kind::Oversized),
        (Entry::Unexpected(String::new()), Kind::Unexpected),
    ] {
        assert_eq!(broken(|record| entries(record, 0).push(entry)), [kind]);
    }
}

#[test]
fn what_the_backend_said_is_in_its_log_or_a_dead_letter() {
    let without = |record: &mut Record| {
        log(record, NEWS).pop();
        record.latest.get_mut(NEWS).unwrap()[0] = said(NEWS, 1, 2);
        let place = place(entries(record, 0), saw(NEWS, 2));
        entries(record, 0).remove(place);
    };
    assert_eq!(broken(without), [Kind::Dropped, Kind::Stale]);
    let given_up = broken(|record| {
        without(record);
        record.letters.push(json!({"item": {"timestamp": "mark-3"}, "reason": "throttled"}));
    });
    assert_eq!(given_up, []);
    let not_accepted = broken(|record| {
        without(record);
        record.published[2].is_accepted = false;
    });
    assert_eq!(not_accepted, [], "it was not accepted");
    let elsewhere = broken(|record| record.published[0].channel = "conversation:bridge".to_owned());
    assert_eq!(elsewhere, [Kind::Leak]);
}

#[test]
fn poison_is_in_the_dead_letters_and_nowhere_else() {
    for letter in 0..2 {
        let lost = broken(|record| drop(record.letters.remove(letter)));
        assert_eq!(lost, [Kind::PoisonLost], "letter {letter}");
    }
    let position = json!({"DDBStreamBatchInfo": {"batchSize": 1}});
    assert_eq!(broken(|record| record.letters.push(position)), [Kind::Unexplained]);
    let kept = broken(|record| {
        log(record, NEWS).push(said(NEWS, 3, 6));
        post(record, 0, &said(NEWS, 3, 6));
        entries(record, 0).push(Entry::Saw(said(NEWS, 3, 6)));
        *record.devices[0].standing.joined.get_mut(NEWS).unwrap() = 3;
    });
    assert_eq!(kept, [Kind::PoisonKept]);
}

#[test]
fn a_last_value_that_is_not_the_newest_is_stale() {
    let metric = broken(|record| record.latest.get_mut(METRICS).unwrap()[0] = heard(METRICS, 4));
    assert_eq!(metric, [Kind::Stale], "it is older, though it was published last");
    let funnel = broken(|record| record.latest.get_mut(NEWS).unwrap()[0] = said(NEWS, 1, 2));
    assert_eq!(funnel, [Kind::Stale]);
    let none = broken(|record| drop(record.latest.remove(NEWS)));
    assert_eq!(none, [Kind::Stale]);
}

#[test]
fn an_inbox_that_has_not_followed_its_log_is_mislisted() {
    let mislisted = |change: &dyn Fn(&mut Listed)| {
        let mut record = healthy();
        change(record.inboxes.get_mut(TALK).unwrap());
        kinds_of(&record)
    };
    assert!(mislisted(&|_| ()).is_empty());
    assert!(mislisted(&|listed| listed.excerpt = Some("tw".to_owned())).is_empty(), "an excerpt may be cut");
    let changes: [&dyn Fn(&mut Listed); 4] = [
        &|listed| listed.n += 1,
        &|listed| listed.seq = Some(2),
        &|listed| listed.excerpt = Some("one".to_owned()),
        &|listed| listed.excerpt = None,
    ];
    for change in changes {
        assert_eq!(mislisted(change), [Kind::Mislisted]);
    }
    let mut record = healthy();
    record.inboxes.clear();
    assert_eq!(kinds_of(&record), [Kind::Mislisted], "it is in no inbox");
}

#[test]
fn what_is_for_others_is_a_leak() {
    let foreign = |channel: &str| Event { channel: channel.to_owned(), ..heard(NEWS, 2) };
    for entry in [
        Entry::Opened { channel: "company:biz_2".to_owned() },
        Entry::Stray(heard(NEWS, 2)),
        Entry::Heard(Event { data: json!({"companyId": "biz_2"}), ..foreign("company:biz_1") }),
        Entry::Heard(Event { data: json!({"conversationId": "desk_1"}), ..foreign(TALK) }),
        Entry::Heard(Event { data: json!({"userId": "user_1"}), ..foreign("user:user_0") }),
        Entry::Heard(Event { data: json!({}), ..foreign("user:user_1") }),
        Entry::Heard(foreign("company:biz_1")),
    ] {
        let kinds = broken(|record| entries(record, 0).push(entry.clone()));
        assert_eq!(kinds, [Kind::Leak], "{entry:?}");
    }
}

#[test]
fn every_kind_is_in_the_table_and_in_a_test() {
    let tests = concat!(
        include_str!("mod.rs"),
        include_str!("members.rs"),
        include_str!("messages.rs"),
        include_str!("moderation.rs"),
        include_str!("telling.rs")
    );
    for (index, kind) in Kind::ALL.into_iter().enumerate() {
        assert_eq!(kind as usize, index);
        assert!(tests.contains(&format!("Kind::{kind:?}")), "{kind:?}");
    }
}
