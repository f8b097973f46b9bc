//! Search in a conversation, by reading it: there is no index, so nothing is to be paid while nobody searches, and an edit or a
//! deletion counts at once.
//!
//! # Layout
//! - here: the walk over the messages
//! - `query`: queries, and how well a text matches one
//! - `words`, `stop_words`: the words of texts

#[cfg(test)]
mod quality;
mod query;
mod stop_words;
mod words;

use std::{
    cmp::Reverse,
    ops::Range,
    time::{Duration, Instant},
};

use funnelcast_aws::table::{
    Unquoted,
    history::{PAGE_BYTES_MAX, QUOTE_BYTES_MAX},
};
use funnelcast_core::{
    Caller, Channel, Error, Seq,
    action::{Cursor, Found, Mark, Search, SearchResult},
    event::MessageBody,
    grant::Capability,
    size::Room,
};

use self::query::Query;
use crate::{access::Access, history};

/// The most parts of one text that are marked.
const MARKS_MAX: usize = 100;
/// The most bytes of a mark in a reply.
const MARK_BYTES: usize = r#"{"start":16384,"end":16384},"#.len();
/// After this time a search ends with a cursor: a text can be made to take long.
const SEARCH_TIME_MAX: Duration = Duration::from_secs(3);

/// Searches the messages of a conversation, from the newest on, until there are as many results as asked for, or as a reply may
/// hold, or until [`WALK_BYTES_MAX`] has been read or 3 seconds are over: 1 read or more by size, 1 for the receipts,
/// and the check of the caller's access before.
///
/// [`WALK_BYTES_MAX`]: funnelcast_aws::table::search::WALK_BYTES_MAX
///
/// # Errors
/// [`Error::Invalid`] if the query has no word; [`Error::Forbidden`] on a channel without messages; [`Error::NotJoined`] if the
/// caller's connection is no member, and [`Error::Forbidden`] if an HTTP caller may not join.
pub async fn search(access: &Access, caller: Caller<'_>, request: Search) -> Result<Found, Error> {
    let Search { channel, query, limit, cursor } = request;
    if !matches!(channel, Channel::Conversation(_)) {
        return Err(Error::Forbidden("this channel has no messages"));
    }
    let query = Query::parse(query.as_str()).ok_or_else(|| Error::invalid("query", "must have a word"))?;
    // What a search reads depends on what there is, so nothing is read for a caller who may not.
    access.check_use(caller, &channel, Capability::Join).await?;
    let (mut hits, next) = walk(access, &channel, &query, limit.get(), cursor.map(Cursor::seq)).await?;
    hits.sort_by_key(|hit| Reverse((hit.score, hit.event.event().seq)));
    let (events, marks): (Vec<_>, Vec<_>) = hits.into_iter().map(|hit| (hit.event, hit.marks)).unzip();
    let mut events = access.table.quoted(&channel, events).await?;
    history::mark_all_read(access, &channel, &mut events).await?;
    let results = events.into_iter().zip(marks).map(|(event, marks)| SearchResult { event, marks }).collect();
    Ok(Found { results, next: next.map(Cursor::before) })
}

/// A message that was found.
struct Hit {
    score: usize,
    event: Unquoted,
    marks: Vec<Mark>,
}

/// The newest messages that match, and where to search on.
async fn walk(
    access: &Access,
    channel: &Channel,
    query: &Query,
    limit: usize,
    before: Option<Seq>,
) -> Result<(Vec<Hit>, Option<Seq>), Error> {
    let begun = Instant::now();
    let mut walk = access.table.walk_messages(channel, before);
    let (mut hits, mut room, mut last) = (Vec::new(), Room::of(PAGE_BYTES_MAX), before);
    while let Some((messages, end)) = walk.next().await? {
        for stored in messages {
            // This message is the first one of the next page.
            let next = Some(stored.seq.next());
            if begun.elapsed() >= SEARCH_TIME_MAX && last != before {
                return Ok((hits, next));
            }
            last = Some(stored.seq);
            let MessageBody { content, .. } = stored.body()?;
            let Some(found) = query.matches(&content) else { continue };
            let event = stored.into_event(channel.clone())?;
            let marks = marks(&content, &found.marks);
            let more = QUOTE_BYTES_MAX + MARK_BYTES * marks.len();
            if hits.len() >= limit || !(room.takes_with(event.event(), more) || hits.is_empty()) {
                return Ok((hits, next));
            }
            hits.push(Hit { score: found.score, event, marks });
        }
        last = end.or(last);
    }
    Ok((hits, last.filter(|_| walk.has_more())))
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
