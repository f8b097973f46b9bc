//! The results of a search: which messages are taken, and what is shown of them.

use std::{
    cmp::Reverse,
    collections::BTreeMap,
    ops::Range,
    time::{Duration, Instant},
};

use funnelcast_aws::table::{
    Stored, Unquoted,
    history::{PAGE_BYTES_MAX, QUOTE_BYTES_MAX},
};
use funnelcast_core::{
    Channel, Error,
    action::{Mark, SearchResult},
    frame::Event,
    size::Room,
};
use futures_util::future::try_join_all;

use super::query::Query;
use crate::{access::Access, history};

/// The most parts of one text that are marked.
const MARKS_MAX: usize = 100;
/// The most bytes of a mark in a reply.
const MARK_BYTES: usize = r#"{"start":16384,"end":16384},"#.len();
/// After this time a search ends with a cursor: a text can be made to take long.
const SEARCH_TIME_MAX: Duration = Duration::from_secs(3);

/// The messages that were found so far.
pub(super) struct Hits<'a> {
    query: &'a Query,
    limit: usize,
    room: Room,
    begun: Instant,
    /// How many messages have been looked at.
    seen: usize,
    taken: Vec<Hit>,
}

/// A message that was found.
struct Hit {
    score: usize,
    /// When it was kept, in milliseconds.
    kept_at: i64,
    event: Unquoted,
    marks: Vec<Mark>,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// It was taken if it matches.
    Done,
    /// It is the first one of the next page.
    Full,
}

impl<'a> Hits<'a> {
    /// None yet, of at most this many.
    pub(super) fn new(query: &'a Query, limit: usize) -> Self {
        let (room, begun) = (Room::of(PAGE_BYTES_MAX), Instant::now());
        Self { query, limit, room, begun, seen: 0, taken: Vec::new() }
    }

    /// How many more are wanted.
    pub(super) const fn wanted(&self) -> usize {
        self.limit.saturating_sub(self.taken.len())
    }

    /// When the search has taken too long.
    pub(super) fn until(&self) -> Instant {
        self.begun + SEARCH_TIME_MAX
    }

    /// Whether the search has taken too long, and has got on nevertheless.
    pub(super) fn is_late(&self) -> bool {
        self.seen > 0 && self.until() <= Instant::now()
    }

    /// Takes a message of a conversation if it matches, and if there is room for it.
    ///
    /// # Errors
    /// [`Error::Internal`] if the stored payload is not that of a message.
    pub(super) fn look_at(&mut self, channel: &Channel, stored: Stored) -> Result<Look, Error> {
        if self.is_late() {
            return Ok(Look::Full);
        }
        self.seen += 1;
        let content = stored.body()?.content;
        let Some(found) = self.query.matches(&content) else { return Ok(Look::Done) };
        let kept_at = stored.kept_at().as_millis();
        let event = stored.into_event(channel.clone())?;
        let marks = marks(&content, &found.marks);
        let more = QUOTE_BYTES_MAX + MARK_BYTES * marks.len();
        if self.wanted() == 0 || !(self.room.takes_with(event.event(), more) || self.taken.is_empty()) {
            return Ok(Look::Full);
        }
        self.taken.push(Hit { score: found.score, kept_at, event, marks });
        Ok(Look::Done)
    }

    /// The results, the best first and of those the newest: 1 read or more for the receipts of each conversation, and 1 for
    /// each message that is quoted.
    ///
    /// # Errors
    /// [`Error::Internal`] if the table fails.
    pub(super) async fn results(self, access: &Access) -> Result<Vec<SearchResult>, Error> {
        let mut hits = self.taken;
        hits.sort_by_key(|hit| Reverse((hit.score, hit.kept_at, hit.event.event().seq)));
        let mut marks = Vec::new();
        let mut channels = BTreeMap::<String, (Vec<usize>, Vec<Unquoted>)>::new();
        for (place, hit) in hits.into_iter().enumerate() {
            let (places, events) = channels.entry(hit.event.event().channel.to_string()).or_default();
            places.push(place);
            events.push(hit.event);
            marks.push(hit.marks);
        }
        let shown = channels.into_values().map(|(places, events)| async {
            Ok::<_, Error>(places.into_iter().zip(shown(access, events).await?))
        });
        let mut events: Vec<(usize, Event)> = try_join_all(shown).await?.into_iter().flatten().collect();
        events.sort_by_key(|(place, _)| *place);
        Ok(events.into_iter().zip(marks).map(|((_, event), marks)| SearchResult { event, marks }).collect())
    }
}

/// Events of one conversation as a caller gets them.
async fn shown(access: &Access, events: Vec<Unquoted>) -> Result<Vec<Event>, Error> {
    let Some(channel) = events.first().map(|event| event.event().channel.clone()) else {
        return Ok(Vec::new());
    };
    let mut events = access.table.quoted(&channel, events).await?;
    history::mark_all_read(access, &channel, &mut events).await?;
    Ok(events)
}

/// The first marks of a text, in UTF-16 code units.
fn marks(content: &str, places: &[Range<usize>]) -> Vec<Mark> {
    let (mut at, mut units) = (0, 0);
    let mut units_at = |place: usize| {
        units += content.get(at..place).map_or(0, |between| between.encode_utf16().count());
        at = place;
        units
    };
    places
        .iter()
        .take(MARKS_MAX)
        .map(|place| Mark { start: units_at(place.start), end: units_at(place.end) })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_counted_as_javascript_counts() {
        let text = "👍 déjà 👍👍 vu";
        let places: Vec<_> =
            ["déjà", "vu"].map(|part| text.find(part).map(|at| at..at + part.len()).unwrap()).into();
        let units: Vec<u16> = text.encode_utf16().collect();
        let marked = marks(text, &places)
            .into_iter()
            .map(|mark| String::from_utf16_lossy(&units[mark.start..mark.end]));
        assert_eq!(marked.collect::<Vec<_>>(), ["déjà", "vu"]);
    }

    /// So that a result fits a reply, however often the word is in the text.
    #[test]
    fn a_text_has_a_limited_number_of_marks() {
        let text = "ab ".repeat(5_461);
        let found = Query::parse("ab").unwrap().matches(&text).unwrap();
        assert_eq!((found.marks.len(), marks(&text, &found.marks).len()), (5_461, MARKS_MAX));
    }
}
