//! Search: in a conversation, in all those of a user, and in all those of a company.
//!
//! A conversation is searched by reading it, and so are those of a user, the last active first: there is no index, so nothing is
//! to be paid while nobody searches, and an edit or a deletion counts at once. A company has too many conversations for that.
//! Where the parameter `Search` is `on`, `digest` keeps an index of its messages; it says which messages to read, and what is
//! found is again decided by these.
//!
//! # Layout
//! - here: what is searched
//! - `walk`: the walk over the messages of a conversation
//! - `own`: the walk over the conversations of a user
//! - `company`: the search by the index
//! - `postings`: what a message is indexed by
//! - `hits`: the results
//! - `query`: queries, and how well a text matches one
//! - `words`, `stop_words`: the words of texts

mod company;
mod hits;
mod own;
pub(crate) mod postings;
#[cfg(test)]
mod quality;
mod query;
mod stop_words;
mod walk;
mod words;

use funnelcast_core::{
    Caller, Channel, Error,
    action::{Cursor, Found, Search},
    grant::Capability,
};

use self::{
    hits::Hits,
    query::Query,
    walk::{Walked, walk},
};
use crate::access::Access;

/// Searches messages: those of a conversation, of a company, or of the caller's own conversations. What it looks through is
/// limited, and it goes on by the cursor.
///
/// - A conversation, from the newest message on, until there are as many results as asked for, or as a reply may hold, or until
///   [`WALK_BYTES_MAX`] has been read or 3 seconds are over: 1 read or more by size, 1 for the receipts, and the check of the
///   caller's access before.
/// - The caller's own conversations: the same for one after the other, with the same limits for all of them together, and what
///   the inbox reads before; 20 at most.
/// - A company: by the index, at most 30 reads of it and 100 messages.
///
/// [`WALK_BYTES_MAX`]: funnelcast_aws::table::search::WALK_BYTES_MAX
///
/// # Errors
/// [`Error::Invalid`] if the query has no word, if the cursor is of another search, or if a company is to be searched where
/// there is no index; [`Error::Forbidden`] on a channel without messages; [`Error::NotJoined`] if the caller's connection is no
/// member, and [`Error::Forbidden`] if an HTTP caller may not join.
pub async fn search(access: &Access, caller: Caller<'_>, request: Search) -> Result<Found, Error> {
    let Search { channel, company_id, query, limit, cursor } = request;
    let text = Query::parse(query.as_str());
    let query = || text.as_ref().ok_or_else(|| Error::invalid("query", "must have a word"));
    match (channel, company_id) {
        (Some(channel), None) => {
            if !matches!(channel, Channel::Conversation(_)) {
                return Err(Error::Forbidden("this channel has no messages"));
            }
            let mut hits = Hits::new(query()?, limit.get());
            let before = match cursor {
                None => None,
                Some(Cursor::Before(seq)) => Some(seq),
                Some(_) => return Err(foreign_cursor()),
            };
            // What a search reads depends on what there is, so nothing is read for a caller who may not.
            access.check_use(caller, &channel, Capability::Join).await?;
            let Walked { next, .. } = walk(access, &channel, &mut hits, before, 0).await?;
            Ok(Found { results: hits.results(access).await?, next: next.map(Cursor::Before) })
        }
        (None, Some(company)) => {
            let query = query()?;
            let mut hits = Hits::new(query, limit.get());
            let from = match cursor {
                None => None,
                Some(Cursor::At(place)) => Some(place),
                Some(_) => return Err(foreign_cursor()),
            };
            access.check_use(caller, &Channel::Inbox(company.clone()), Capability::Join).await?;
            let next = company::search(access, &company, query, &mut hits, from).await?;
            Ok(Found { results: hits.results(access).await?, next: next.map(Cursor::At) })
        }
        (None, None) => {
            let mut hits = Hits::new(query()?, limit.get());
            let from = match cursor {
                None => None,
                Some(Cursor::Own(place)) => Some(place),
                Some(_) => return Err(foreign_cursor()),
            };
            let next = own::search(access, caller, &mut hits, from).await?;
            Ok(Found { results: hits.results(access).await?, next: next.map(Cursor::Own) })
        }
        (Some(_), Some(_)) => Err(Error::invalid("companyId", "excludes channel: give one of them")),
    }
}

fn foreign_cursor() -> Error {
    Error::invalid("cursor", "must be the `next` of an earlier reply to the same search")
}
