//! The backend heard of every message and every change in the logs, at least once and as it is there, and of nothing else.

use std::collections::{BTreeMap, BTreeSet};

use super::texts::Texts;
use super::{Breach, Kind};
use crate::soak::record::{Event, Record, Report};

/// The detail-type of the chat event for each event.
const TYPES: [(&str, &str); 4] = [
    ("chat.message", "MessageCreated"),
    ("chat.edit", "MessageEdited"),
    ("chat.delete", "MessageDeleted"),
    ("chat.reaction", "ReactionChanged"),
];
/// The detail-type of a second chat event, for messages that nobody has seen.
const UNANSWERED: &str = "MessageUnanswered";

/// Whether the backend has heard of everything in these logs. It does within seconds.
pub fn all_reported(reports: &[Report], logs: &BTreeMap<String, Vec<Event>>) -> bool {
    unreported(reports, logs).next().is_none()
}

pub(super) fn check(record: &Record) -> Vec<Breach> {
    let Some(reports) = &record.reports else { return Vec::new() };
    let texts = Texts::of(record);
    let wrong = reports.iter().filter_map(|report| misreported(report, record, &texts));
    let missing = unreported(reports, &record.logs);
    wrong.chain(missing.map(|event| Kind::Unreported.because(format!("{event:?}")))).collect()
}

fn unreported<'a>(
    reports: &'a [Report],
    logs: &'a BTreeMap<String, Vec<Event>>,
) -> impl Iterator<Item = &'a Event> {
    let of = |report: &'a Report| (&*report.detail_type, &*report.event.channel, report.event.seq);
    let reported: BTreeSet<_> = reports.iter().map(of).collect();
    let conversations = logs.iter().filter(|(channel, _)| channel.starts_with("conversation:"));
    conversations.flat_map(|(_, log)| log).filter(move |event| {
        let detail_type = type_of(event);
        detail_type.is_some_and(|of| !reported.contains(&(of, &*event.channel, event.seq)))
    })
}

fn misreported(report: &Report, record: &Record, texts: &Texts) -> Option<Breach> {
    let Report { detail_type, company, event } = report;
    let log = record.logs.get(&event.channel).map_or(&[][..], Vec::as_slice);
    let logged = log.iter().find(|logged| logged.seq == event.seq);
    let is_right = logged.is_some_and(|logged| {
        let is_its_type = type_of(logged) == Some(detail_type)
            || (detail_type == UNANSWERED && logged.event == "chat.message");
        is_its_type
            && company.as_deref() == record.world.company_of(&event.channel)
            && (&logged.user, &logged.key) == (&event.user, &event.key)
            && texts.was_once(logged, event)
    });
    (!is_right).then(|| Kind::Misreported.because(format!("{report:?}, the log has {logged:?}")))
}

fn type_of(event: &Event) -> Option<&'static str> {
    TYPES.iter().find(|(name, _)| *name == event.event).map(|(_, detail_type)| *detail_type)
}
