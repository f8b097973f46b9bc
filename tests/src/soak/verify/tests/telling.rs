//! Tests of the checks of searches over a company, and of what the backend hears.

use super::healthy::SEARCHED;
use super::*;

fn searched(change: impl FnOnce(&mut Record)) -> Vec<Kind> {
    let mut record = healthy();
    change(&mut record);
    kinds_of(&record)
}

#[test]
fn a_search_finds_what_the_logs_have_and_nothing_else() {
    let found = |record: &mut Record| std::mem::take(&mut record.searches[0].found);
    assert_eq!(searched(|record| drop(found(record))), [Kind::Unfound]);
    assert_eq!(searched(|record| record.searches[1].found = found(record)), [Kind::Unfound, Kind::Misfound]);
    let twice = searched(|record| {
        let found = &mut record.searches[0].found;
        found.extend(found.clone());
    });
    assert_eq!(twice, [Kind::Misfound]);
    let outdated = searched(|record| record.searches[0].found[0].data["content"] = "two, once".into());
    assert_eq!(outdated, [Kind::Misfound]);
    let another = searched(|record| record.searches[0].found.push(chat(1, "user_0", "d0-1", "one")));
    assert_eq!(another, [Kind::Misfound], "it does not contain the word");
    assert_eq!(searched(|record| record.searches[0].query = format!("{SEARCHED} more")), [Kind::Misfound]);
}

#[test]
fn the_backend_hears_of_all_that_is_in_a_log_and_of_nothing_else() {
    let heard = |change: fn(&mut Vec<Report>)| searched(|record| change(record.reports.as_mut().unwrap()));
    assert_eq!(heard(|reports| drop(reports.pop())), [Kind::Unreported]);
    assert_eq!(heard(|reports| reports.extend(reports.clone())), [], "chat events may be repeated");
    let unanswered = |reports: &mut Vec<Report>| {
        let detail_type = "MessageUnanswered".to_owned();
        reports.push(Report { detail_type, ..reports[0].clone() });
    };
    assert_eq!(heard(unanswered), []);
    let nowhere = |reports: &mut Vec<Report>| reports[0].event.seq = Some(9);
    assert_eq!(heard(nowhere), [Kind::Unreported, Kind::Misreported]);
    let otherwise: [fn(&mut Vec<Report>); 4] = [
        |reports| reports[0].event.data["content"] = "another".into(),
        |reports| reports[0].event.user = Some("user_5".to_owned()),
        |reports| reports[0].company = Some("biz_2".to_owned()),
        |reports| {
            let detail_type = "ReactionChanged".to_owned();
            reports.push(Report { detail_type, ..reports[0].clone() });
        },
    ];
    for change in otherwise {
        assert_eq!(heard(change), [Kind::Misreported]);
    }
    assert_eq!(searched(|record| record.reports = None), [], "no chat events are sent to it");
}

#[test]
fn a_call_ends_for_all_and_is_in_the_log_once() {
    let named = |event: &str, seq, state: &str| Event {
        event: event.to_owned(),
        seq,
        key: None,
        data: serde_json::json!({"conversationId": "all_1", "callId": "k", "state": state}),
        ..chat(4, "user_0", "none", "")
    };
    let with = |change: &dyn Fn(&mut Record)| {
        let mut record = healthy();
        let (channel, call) = (TALK.to_owned(), "k".to_owned());
        entries(&mut record, 0).push(Entry::Called { channel: channel.clone(), call: call.clone() });
        entries(&mut record, 0).push(Entry::Rang { channel: channel.clone(), call });
        let end = named("chat.call", Some(4), "missed");
        log(&mut record, TALK).push(end.clone());
        for device in 0..2 {
            entries(&mut record, device).push(Entry::Heard(named("call.update", None, "ringing")));
            entries(&mut record, device).push(Entry::Saw(end.clone()));
            post(&mut record, device, &end);
            *record.devices[device].standing.joined.get_mut(TALK).unwrap() = 4;
        }
        record.latest.insert(channel, vec![named("call.update", None, "ended")]);
        change(&mut record);
        kinds_of(&record)
    };
    assert_eq!(with(&|_| {}), []);
    let unlogged = with(&|record| {
        let call = "k2".to_owned();
        entries(record, 1).push(Entry::Rang { channel: TALK.to_owned(), call });
    });
    assert_eq!(unlogged, [Kind::Unended]);
    let never_was = with(&|record| {
        let call = "k2".to_owned();
        entries(record, 1).push(Entry::Called { channel: TALK.to_owned(), call });
    });
    assert_eq!(never_was, [], "the request may never have arrived");
    let nobodys = with(&|record| entries(record, 0).retain(|entry| !matches!(entry, Entry::Called { .. })));
    assert_eq!(nobodys, [Kind::Invented]);
    let goes_on = with(&|record| record.latest.get_mut(TALK).unwrap()[0].data["state"] = "active".into());
    assert_eq!(goes_on, [Kind::Unended]);
    let rings = with(&|record| {
        record.devices[1].standing.calling.insert(TALK.to_owned());
    });
    assert_eq!(rings, [Kind::Unended]);
    let twice = with(&|record| {
        let again = Event { seq: Some(5), ..log(record, TALK)[3].clone() };
        log(record, TALK).push(again.clone());
        for device in 0..2 {
            entries(record, device).push(Entry::Saw(again.clone()));
            post(record, device, &again);
            *record.devices[device].standing.joined.get_mut(TALK).unwrap() = 5;
        }
    });
    assert_eq!(twice, [Kind::Doubled]);
}
