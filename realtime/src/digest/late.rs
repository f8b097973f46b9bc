//! Records that the stream brings late, after what they say may have been erased.
//!
//! The stream keeps a record for a day, so it may come hours after its user was erased, and has them as they were. Of what is that
//! late, only what the log still says is taken into account: else the backend would be told of them again, and they be charged.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use funnelcast_aws::{
    Table,
    clock::now,
    table::{
        log::{Stored, Unquoted},
        postings::TextChange,
    },
};
use funnelcast_core::{Channel, Error, Seq, UserId, event::EventName, inbox::LogNews};

use crate::timer::JOIN_TIME_MAX;

/// How old an event is that is looked at again: less than an erasure takes, so that none that is younger was written before one that
/// has ended.
const LATE: Duration = JOIN_TIME_MAX;

/// Takes out of late records what has been erased since: 1 read by size for each event that is late. A message that has been
/// deleted by now, or is gone, is no event to tell of.
///
/// # Errors
/// [`Error::Internal`] if the table fails.
pub(crate) async fn without_erased(
    table: &Table,
    channel: &Channel,
    news: &mut [LogNews],
    events: &mut Vec<Unquoted>,
    texts: &mut [TextChange],
) -> Result<(), Error> {
    let late = now() - LATE;
    let new = news.iter().filter_map(|news| match news {
        LogNews::Message(new) if new.changes == 0 && new.kept_at < late => Some(new.shown.seq),
        _ => None,
    });
    let told = events.iter().map(Unquoted::event).filter(|event| event.at < late);
    let indexed = texts.iter().filter(|text| text.author.is_some() && text.place.at < late.as_millis());
    let seqs: BTreeSet<Seq> =
        new.chain(told.filter_map(|event| event.seq)).chain(indexed.map(|text| text.place.seq)).collect();
    if seqs.is_empty() {
        return Ok(());
    }
    let mut present = BTreeMap::new();
    for stored in table.stored_events(channel, seqs.iter().copied()).await? {
        present.insert(stored.seq, stored);
    }
    let is_erased = |seq: Seq| present.get(&seq).map_or(Ok(false), is_of_erased);
    for news in news {
        if let LogNews::Message(message) = news
            && is_erased(message.shown.seq)?
        {
            message.author = None;
            (message.shown.from, message.shown.excerpt) = (None, None);
        }
    }
    for text in texts {
        if is_erased(text.place.seq)? {
            text.author = None;
        }
    }
    for event in std::mem::take(events) {
        let seq = event.event().seq.filter(|seq| seqs.contains(seq));
        let Some(seq) = seq else {
            events.push(event);
            continue;
        };
        if let Some(stored) = present.get(&seq).filter(|stored| stored.lives())
            && is_to_be_told(stored)?
        {
            events.push(stored.clone().into_event(channel.clone())?);
        }
    }
    Ok(())
}

/// Whether an event is of a user who has been erased.
fn is_of_erased(stored: &Stored) -> Result<bool, Error> {
    let is_sent = stored.from() == Some(&UserId::erased());
    Ok(is_sent || (stored.is_of_messages() && stored.body()?.user_id == Some(UserId::erased())))
}

fn is_to_be_told(stored: &Stored) -> Result<bool, Error> {
    let is_deleted = stored.event() == EventName::ChatMessage && stored.body()?.deleted_at.is_some();
    Ok(!is_deleted && !is_of_erased(stored)?)
}
