//! The checks of what a search over a company finds, and of what the backend hears.

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
    assert_eq!(another, [Kind::Misfound], "it has not the word");
    assert_eq!(searched(|record| record.searches[0].query = format!("{SEARCHED} more")), [Kind::Misfound]);
}

#[test]
fn the_backend_hears_of_all_that_is_in_a_log_and_of_nothing_else() {
    let heard = |change: fn(&mut Vec<Report>)| searched(|record| change(record.reports.as_mut().unwrap()));
    assert_eq!(heard(|reports| drop(reports.pop())), [Kind::Unreported]);
    assert_eq!(heard(|reports| reports.extend(reports.clone())), [], "at least once");
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
    assert_eq!(searched(|record| record.reports = None), [], "it is told nothing");
}
