//! Tests of the checks of messages and their changes.

use serde_json::Value;

use super::healthy::{START_MS, sent_as};
use super::*;

/// When the changes were made.
const AT: &str = "2025-11-24T16:00:06.000Z";

fn event(seq: u64, (user, key): (&str, &str), event: &str, data: Value) -> Event {
    let (user, key) = (Some(user.to_owned()), Some(key.to_owned()));
    let (channel, event) = (TALK.to_owned(), event.to_owned());
    Event { channel, event, seq: Some(seq), user, key, at: AT.to_owned(), data }
}

/// The changes as they were heard, with their drafts: `user_4` edits their message twice; the admin reacts to it and replies to
/// it, takes the reaction back, deletes the bot's message, and reacts to their own message.
fn heard_changes() -> Vec<(Event, Value)> {
    let (ann, ben) = (("user_0", "d0"), ("user_4", "d1"));
    let reaction = |seq, target, on, users: &[&str]| {
        let draft = json!({"target": target, "emoji": "+1", "on": on});
        let mut data = draft.clone();
        data["count"] = users.len().into();
        data["users"] = json!(users);
        (seq, ann, "chat.reaction", data, draft)
    };
    let edit = |seq, content: &str| {
        let data = json!({"target": 3, "content": content});
        (seq, ben, "chat.edit", data.clone(), data)
    };
    let reply = json!({"content": "three", "userId": "user_0", "conversationId": "all_1", "n": 4,
        "replyTo": {"seq": 3, "userId": "user_4", "excerpt": "two, edited"}});
    let all = [
        edit(4, "two, edited"),
        reaction(5, 3, true, &["user_0"]),
        (6, ann, "chat.message", reply, json!({"content": "three", "replyTo": 3})),
        edit(7, "two, again"),
        reaction(8, 3, false, &[]),
        (9, ann, "chat.delete", json!({"target": 2}), json!({"target": 2})),
        reaction(10, 1, true, &["user_0"]),
    ];
    all.into_iter()
        .map(|(seq, (user, device), name, data, draft)| {
            (event(seq, (user, &format!("{device}-{seq}")), name, data), draft)
        })
        .collect()
}

/// Applies the changes to the log: messages as they are afterwards, and the first edit without its text.
fn changed_log(log: &mut Vec<Event>) {
    log.extend(heard_changes().into_iter().map(|(event, _)| event));
    log[2].data["content"] = "two, again".into();
    log[2].data["editedAt"] = AT.into();
    log[3].data = json!({"target": 3});
    log[5].data["replyTo"]["excerpt"] = "two, again".into();
    log[1].data["content"] = "".into();
    log[1].data["deletedAt"] = AT.into();
    log[0].data["reactions"] = json!([{"emoji": "+1", "count": 1, "users": ["user_0"]}]);
}

/// Adds the changes to the healthy record. Every guarantee still holds: everybody heard everything at once.
fn change(record: &mut Record) {
    for (event, draft) in heard_changes() {
        let key = event.key.clone().unwrap();
        let author = usize::from(key.starts_with("d1"));
        entries(record, author).push(sent_as(&key, &event.event, &draft));
        entries(record, author).push(acked(&key, event.seq.unwrap(), false));
        let sent = Wire::Sent { key };
        record.devices[author].tapes[0].push(Note { at_ms: START_MS, what: sent });
        for device in 0..2 {
            entries(record, device).push(Entry::Saw(event.clone()));
            post(record, device, &event);
        }
    }
    record.devices.iter_mut().for_each(|device| *device.standing.joined.get_mut(TALK).unwrap() = 10);
    changed_log(log(record, TALK));
}

/// The kinds of breaches in the record with changes after one more modification.
fn broken_in_changed(more: impl FnOnce(&mut Record)) -> Vec<Kind> {
    broken(|record| {
        change(record);
        more(record);
    })
}

fn of_log(record: &mut Record, seq: usize) -> &mut Value {
    &mut log(record, TALK)[seq - 1].data
}

fn heard(record: &mut Record, device: usize, seq: u64) -> &mut Event {
    let place = place(entries(record, device), saw(TALK, seq));
    match &mut entries(record, device)[place] {
        Entry::Saw(event) => event,
        other => panic!("{other:?}"),
    }
}

#[test]
fn changes_that_held_are_no_breach() {
    assert_eq!(broken_in_changed(|_| {}), []);
}

#[test]
fn who_hears_late_shows_the_same() {
    let recovered = broken_in_changed(|record| {
        // The messages are heard with their changes, and then the changes are heard again.
        for seq in 2..=10 {
            let now = log(record, TALK)[seq - 1].clone();
            *heard(record, 1, seq as u64) = now;
        }
    });
    assert_eq!(recovered, []);
}

#[test]
fn a_message_that_is_not_what_its_changes_make_of_it_is_unmerged() {
    type Change = fn(&mut Record);
    let changes: [(&str, Change); 9] = [
        ("an edit that the message does not have", |record| {
            *of_log(record, 3) = chat(3, "user_4", "d1-1", "two").data;
        }),
        ("an older edit won", |record| of_log(record, 3)["content"] = "two, edited".into()),
        ("another time", |record| of_log(record, 3)["editedAt"] = "2025-11-24T16:00:07.000Z".into()),
        ("the text of what was deleted", |record| of_log(record, 2)["content"] = "bot".into()),
        ("what was deleted is not marked", |record| {
            of_log(record, 2).as_object_mut().unwrap().remove("deletedAt");
        }),
        ("a reaction is lost", |record| {
            of_log(record, 1).as_object_mut().unwrap().remove("reactions");
        }),
        ("a reaction that was taken back is still there", |record| {
            of_log(record, 3)["reactions"] = json!([{"emoji": "+1", "count": 1, "users": ["user_0"]}]);
        }),
        ("its number is wrong", |record| of_log(record, 6)["n"] = 6.into()),
        ("it quotes an earlier text", |record| {
            of_log(record, 6)["replyTo"]["excerpt"] = "two, edited".into();
        }),
    ];
    for (what, change) in changes {
        let kinds = broken_in_changed(change);
        assert!(kinds.contains(&Kind::Unmerged), "{what}: {kinds:?}");
        assert!(kinds.contains(&Kind::Divergent), "a device shows it otherwise: {what}: {kinds:?}");
    }
}

#[test]
fn a_change_that_says_otherwise_than_it_did_is_unmerged() {
    let text_stays = broken_in_changed(|record| of_log(record, 4)["content"] = "two, edited".into());
    assert_eq!(text_stays, [Kind::Unmerged], "a replaced edit still has its text");
    let text_is_lost = broken_in_changed(|record| *of_log(record, 7) = json!({"target": 3}));
    assert_eq!(text_is_lost, [Kind::Unmerged], "the last edit has lost its text");
    let count = broken_in_changed(|record| {
        of_log(record, 10)["count"] = 2.into();
        (0..2).for_each(|device| heard(record, device, 10).data["count"] = 2.into());
    });
    assert_eq!(count, [Kind::Unmerged, Kind::Divergent]);
    let of_nothing = broken_in_changed(|record| {
        of_log(record, 10)["target"] = 4.into();
        of_log(record, 1).as_object_mut().unwrap().remove("reactions");
        (0..2).for_each(|device| heard(record, device, 10).data["target"] = 4.into());
        let own = entries(record, 0).iter_mut().rfind(|entry| matches!(entry, Entry::Sent { .. }));
        let Some(Entry::Sent { data, .. }) = own else { panic!("nothing was sent") };
        data["target"] = 4.into();
    });
    assert_eq!(of_nothing, [Kind::Unmerged], "an edit is not a message");
    let after_the_deletion = broken_in_changed(|record| log(record, TALK).swap(8, 9));
    assert!(after_the_deletion.contains(&Kind::Hole), "{after_the_deletion:?}");
    let deleted_before = broken_in_changed(|record| {
        let event = event(11, ("user_0", "d0-11"), "chat.delete", json!({"target": 2}));
        entries(record, 0).push(sent_as("d0-11", "chat.delete", &json!({"target": 2})));
        for device in 0..2 {
            entries(record, device).push(Entry::Saw(event.clone()));
            post(record, device, &event);
            *record.devices[device].standing.joined.get_mut(TALK).unwrap() = 11;
        }
        log(record, TALK).push(event);
    });
    assert_eq!(deleted_before, [Kind::Unmerged], "the message had been deleted");
}

#[test]
fn a_change_by_a_user_who_may_not_make_it_is_usurped() {
    // A customer deletes the bot's message, and the admin edits a customer's.
    for (seq, user, key) in [(9, "user_4", "d1-9"), (7, "user_0", "d0-7")] {
        let usurped = broken_in_changed(|record| {
            let from = usize::from(user == "user_0");
            let is_it = |key: &str| key.ends_with(&format!("-{seq}"));
            let (taken, kept) = std::mem::take(entries(record, from)).into_iter().partition(
                |entry| matches!(entry, Entry::Sent { key, .. } | Entry::Acked { key, .. } if is_it(key)),
            );
            *entries(record, from) = kept;
            let taken: Vec<Entry> = taken;
            for mut entry in taken {
                if let Entry::Sent { key: own, .. } | Entry::Acked { key: own, .. } = &mut entry {
                    key.clone_into(own);
                }
                entries(record, 1 - from).push(entry);
            }
            let logged = &mut log(record, TALK)[seq - 1];
            (logged.user, logged.key) = (Some(user.to_owned()), Some(key.to_owned()));
            let event = log(record, TALK)[seq - 1].clone();
            (0..2).for_each(|device| *heard(record, device, seq as u64) = event.clone());
        });
        assert_eq!(usurped, [Kind::Usurped], "{seq}");
    }
}

#[test]
fn who_shows_another_conversation_is_divergent() {
    let unedited = broken_in_changed(|record| {
        // The last edit was heard without its text, which the log still has.
        heard(record, 1, 7).data.as_object_mut().unwrap().remove("content");
    });
    assert_eq!(unedited, [Kind::Altered, Kind::Divergent]);
    let elsewhere = broken_in_changed(|record| {
        heard(record, 1, 7).data.as_object_mut().unwrap().remove("content");
        *record.devices[1].standing.joined.get_mut(TALK).unwrap() = 9;
    });
    assert_eq!(elsewhere, [Kind::Altered, Kind::Behind], "it has not heard all");
}

#[test]
fn what_was_heard_is_what_the_message_has_once_been() {
    let never = broken_in_changed(|record| heard(record, 0, 3).data["content"] = "never said".into());
    assert_eq!(never, [Kind::Altered]);
    let edit = broken_in_changed(|record| heard(record, 0, 4).data["content"] = "never said".into());
    assert_eq!(edit, [Kind::Altered]);
    let author = broken_in_changed(|record| heard(record, 0, 3).data["userId"] = "user_0".into());
    assert_eq!(author, [Kind::Altered, Kind::Divergent]);
    let reply = broken_in_changed(|record| heard(record, 1, 6).data["replyTo"]["seq"] = 1.into());
    assert_eq!(reply, [Kind::Altered, Kind::Divergent]);
    let users = broken_in_changed(|record| heard(record, 0, 5).data["users"] = json!(["user_4"]));
    assert_eq!(users, [Kind::Altered]);
}

#[test]
fn what_was_acked_is_the_change_that_was_sent() {
    for (key, field, value) in [
        ("d1-4", "target", json!(1)),
        ("d1-7", "content", json!("another")),
        ("d0-10", "emoji", json!("-1")),
        ("d0-6", "replyTo", json!(1)),
    ] {
        let altered = broken_in_changed(|record| {
            let device = usize::from(key.starts_with("d1"));
            let is_it = |entry: &&mut Entry| matches!(entry, Entry::Sent { key: own, .. } if own == key);
            let Some(Entry::Sent { data, .. }) = entries(record, device).iter_mut().find(is_it) else {
                panic!("{key} was not sent")
            };
            data[field] = value;
        });
        assert!(altered.contains(&Kind::Altered), "{key}: {altered:?}");
    }
}

#[test]
fn who_may_change_a_message_is_not_turned_away() {
    let refused = |user: usize, event: &str, target: u64| {
        broken_in_changed(|record| {
            let draft = json!({"target": target, "content": "new"});
            entries(record, user).push(sent_as("refused", event, &draft));
            let (channel, code) = (TALK.to_owned(), "not_found".to_owned());
            entries(record, user).push(Entry::Refused { channel, key: "refused".to_owned(), code });
        })
    };
    assert_eq!(refused(1, "chat.edit", 3), [Kind::TurnedAway], "the message is the user's own");
    assert_eq!(refused(0, "chat.edit", 3), [], "the message is another user's");
    assert_eq!(refused(0, "chat.delete", 3), [Kind::TurnedAway], "the team may delete it");
    assert_eq!(refused(1, "chat.delete", 1), [], "the message is another user's");
    assert_eq!(refused(1, "chat.reaction", 1), [Kind::TurnedAway]);
    assert_eq!(refused(1, "chat.reaction", 2), [], "the message has been deleted");
}
