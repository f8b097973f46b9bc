//! Pages of a log, in either direction, and a search through it.

use std::borrow::Cow;

use aws_sdk_dynamodb::types::AttributeValue;
use funnelcast_core::{
    Channel, Error, Seq,
    action::Only,
    event::{EXCERPT_CHARS_MAX, EventName},
    fold::folded,
    frame::Event,
    size::Room,
};
use serde::Deserialize;

use super::{
    item::{Table, failed, from_item},
    key,
    log::{Stored, Unquoted, stored},
};
use crate::clock::now;

/// The most events that a search examines for one page. If there are more, the page has a cursor.
pub const SEARCH_EVENTS_MAX: usize = 1_000;
/// The most bytes of events that a search examines, as they are stored. The last step may exceed this by what
/// DynamoDB reads at once, 1 MB, so a search reads some 400 units at most, however long the messages are.
pub const SEARCH_BYTES_MAX: usize = 512 * 1024;
/// The most bytes of events on a page of more than one, each counted at its size on the wire. A single event may be
/// larger: its payload has limits of its own, and stays below API Gateway's 128 KiB.
pub const PAGE_BYTES_MAX: usize = 64 * 1024;
/// How many events a search reads per query.
const SEARCH_STEP_EVENTS: usize = 100;

/// A part of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// The latest events.
    Latest,
    /// The events before this seq, read backwards from there.
    Before(Seq),
    /// The events after this seq, read forwards from there.
    After(Seq),
}

/// A page of a log.
#[derive(Debug)]
pub struct HistoryPage {
    /// The events in the order of their seqs.
    pub events: Vec<Event>,
    /// The cursor of the next page, if there is one.
    pub next: Option<Seq>,
}

/// Which events of a window are wanted.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted<'a> {
    /// Only chat messages whose text contains this.
    pub contains: Option<&'a str>,
    /// Only events of this kind.
    pub only: Option<Only>,
}

/// The most bytes by which a quote makes a reply larger: its text may consist of characters that JSON escapes as six.
pub const QUOTE_BYTES_MAX: usize = 6 * EXCERPT_CHARS_MAX + 128;

/// The progress of a walk along a log.
#[derive(Debug)]
struct Walk {
    found: Vec<Unquoted>,
    room: Room,
    seen: usize,
    seen_bytes: usize,
    last: Option<Seq>,
}

impl Table {
    /// At most `limit` of the wanted events of a window: 1 read or more by size, and 1 for each message that is quoted on
    /// the page but not on it.
    pub async fn history(
        &self,
        channel: &Channel,
        window: Window,
        limit: usize,
        wanted: Wanted<'_>,
    ) -> Result<HistoryPage, Error> {
        let filter = Filter { needle: wanted.contains.map(folded), only: wanted.only };
        let step = if filter.is_search() { SEARCH_STEP_EVENTS } else { limit + 1 };
        let forward = matches!(window, Window::After(_));
        let (from, to) = match window {
            Window::Latest => (Seq::ZERO, Seq::MAX),
            Window::Before(seq) => (Seq::ZERO, seq.previous()),
            Window::After(seq) => (seq.next(), Seq::MAX),
        };
        let mut walk = Walk::new();
        let mut start = None;
        let more = 'walk: loop {
            let query = self
                .query(key::log(channel))
                .key_condition_expression("pk = :pk AND sk BETWEEN :from AND :to")
                .expression_attribute_values(":from", AttributeValue::S(key::seq(from)))
                .expression_attribute_values(":to", AttributeValue::S(key::seq(to)))
                .scan_index_forward(forward)
                .set_limit(i32::try_from(step).ok())
                .set_exclusive_start_key(start);
            let page = query.send().await.map_err(failed("Query of a log"))?;
            for item in page.items.unwrap_or_default() {
                if !walk.take(stored(item)?, channel, limit, &filter)? {
                    break 'walk true;
                }
            }
            start = page.last_evaluated_key;
            if start.is_none() {
                break false;
            }
            if filter.is_search() && walk.seen_bytes >= SEARCH_BYTES_MAX {
                break true;
            }
        };
        let Walk { mut found, last, .. } = walk;
        if !forward {
            found.reverse();
        }
        let events = self.quoted(channel, found).await?;
        Ok(HistoryPage { events, next: last.filter(|_| more) })
    }

    /// How many messages the log has up to and including this event; `None` if it does not contain the event: 1 read.
    pub async fn messages_up_to(&self, channel: &Channel, seq: Seq) -> Result<Option<u64>, Error> {
        #[derive(Deserialize)]
        struct Counted {
            #[serde(default)]
            n: u64,
        }
        let get = self.get(key::log(channel), key::seq(seq)).projection_expression("pk, n");
        let item = get.send().await.map_err(failed("GetItem of an event"))?.item;
        Ok(item.map(from_item::<Counted>).transpose()?.map(|counted| counted.n))
    }
}

impl Walk {
    const fn new() -> Self {
        Self { found: Vec::new(), room: Room::of(PAGE_BYTES_MAX), seen: 0, seen_bytes: 0, last: None }
    }

    /// Takes the next event of the walk. Returns false if the page has no room for it and ends before it.
    fn take(
        &mut self,
        stored: Stored,
        channel: &Channel,
        limit: usize,
        filter: &Filter<'_>,
    ) -> Result<bool, Error> {
        if self.found.len() >= limit || self.seen >= SEARCH_EVENTS_MAX {
            return Ok(false);
        }
        let seq = stored.seq;
        self.seen_bytes += stored.bytes();
        if stored.row.is_alive(now()) && filter.wants(&stored) {
            let event = stored.into_event(channel.clone())?;
            let quote = if event.reply_to.is_some() { QUOTE_BYTES_MAX } else { 0 };
            if !self.room.takes_with(&event.event, quote) {
                if !self.found.is_empty() {
                    return Ok(false);
                }
                self.room = Room::of(0); // it stays the only one
            }
            self.found.push(event);
        }
        self.seen += 1;
        self.last = Some(seq);
        Ok(true)
    }
}

/// Which events a walk takes.
#[derive(Debug)]
struct Filter<'a> {
    /// What a text must contain, folded.
    needle: Option<Cow<'a, str>>,
    only: Option<Only>,
}

impl Filter<'_> {
    /// Whether many events may have to be read for few.
    const fn is_search(&self) -> bool {
        self.needle.is_some() || self.only.is_some()
    }

    fn wants(&self, stored: &Stored) -> bool {
        let is_message = stored.row.event == EventName::ChatMessage;
        let has = |needle: &Cow<'_, str>| is_message && contains(&stored.row.data, needle);
        let is_line = is_message || stored.row.event == EventName::ChatCall;
        (self.only.is_none() || is_line) && self.needle.as_ref().is_none_or(has)
    }
}

/// Whether the text of a message contains a folded one.
fn contains(data: &str, needle: &str) -> bool {
    #[derive(Deserialize)]
    struct Content {
        content: String,
    }
    serde_json::from_str::<Content>(data).is_ok_and(|data| folded(&data.content).contains(needle))
}

#[cfg(test)]
mod tests {
    use funnelcast_core::size::json_bytes;

    use super::*;
    use crate::table::log::LogRow;

    fn channel() -> Channel {
        "conversation:c1".parse().unwrap()
    }

    fn message(seq: u64, content: &str) -> Stored {
        let row = LogRow {
            pk: "LOG#conversation:c1".into(),
            sk: format!("{seq:016}"),
            event: EventName::ChatMessage,
            at: 0,
            kept_at: 0,
            user: None,
            name: None,
            key: None,
            data: serde_json::json!({"content": content, "metadata": {"secret": "needle"}}).to_string(),
            n: Some(seq),
            reply_to: None,
            reactions: Vec::new(),
            changes: 0,
            last_edit: None,
            file_events: std::collections::BTreeMap::new(),
            seq: None,
            ttl: None,
        };
        Stored { seq: seq.try_into().unwrap(), row }
    }

    const ALL: Filter<'_> = Filter { needle: None, only: None };

    fn searching(needle: &str) -> Filter<'_> {
        Filter { needle: Some(folded(needle)), only: None }
    }

    #[test]
    fn a_search_only_matches_the_text_of_messages() {
        let has = |content, needle| searching(needle).wants(&message(1, content));
        assert!(has("Der NADEL-Öhr", "nadel-öhr"));
        assert!(has("ΟΔΟΣ", "οδος"), "a final sigma");
        assert!(!has("hay", "needle"), "metadata is not content");
    }

    #[test]
    fn a_page_ends_at_its_limit_with_a_cursor() {
        let mut walk = Walk::new();
        for seq in 1..=5 {
            walk.take(
                message(seq, if seq % 2 == 0 { "even" } else { "odd" }),
                &channel(),
                2,
                &searching("even"),
            )
            .unwrap();
        }
        assert_eq!(walk.found.len(), 2);
        assert_eq!(walk.last.unwrap().get(), 4, "the fifth was not examined");
    }

    #[test]
    fn a_page_ends_at_its_bytes_but_never_empty() {
        let mut walk = Walk::new();
        let mut take = |seq, content: &str| walk.take(message(seq, content), &channel(), 9, &ALL).unwrap();
        assert!(take(1, &"x".repeat(PAGE_BYTES_MAX)));
        assert!(!take(2, "x"), "a larger event has a page of its own");
        assert_eq!(walk.found.len(), 1);
    }

    /// The JSON around the payloads counts too, and a control character takes six bytes.
    #[test]
    fn a_page_is_as_large_as_it_is_on_the_wire() {
        let mut walk = Walk::new();
        let mut seq = 0;
        while walk.take(message(seq + 1, "\u{1}"), &channel(), usize::MAX, &ALL).unwrap() {
            seq += 1;
        }
        let events: Vec<_> = walk.found.into_iter().map(|event| event.event).collect();
        let bytes = json_bytes(&events);
        assert!(bytes <= PAGE_BYTES_MAX + 2 && bytes > PAGE_BYTES_MAX - 1024, "{bytes}");
    }
}
