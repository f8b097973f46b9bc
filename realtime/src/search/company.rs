//! The search of all conversations of a company, by the postings that `digest` has written.
//!
//! The postings of the query's longest words are gone through side by side, from the newest on, for messages that are in all of
//! them: each leads the others to where it goes on itself, so what lies between is not read. These messages are then read, and
//! looked at as any others.

use std::{collections::VecDeque, time::Instant};

use funnelcast_aws::{Table, table::postings::Posting};
use funnelcast_core::{Channel, CompanyId, Error, action::MessagePlace};

use super::{
    hits::{Hits, Look},
    postings::{beginnings, has_word},
    query::Query,
    words::Word,
};
use crate::access::Access;

/// The most reads of the index in one call, of 200 postings each: some 3 read units for ordinary texts.
pub(crate) const PAGES_MAX: usize = 30;
/// The most messages that one call reads.
pub(crate) const MESSAGES_MAX: usize = 100;
/// How many messages are read at once, at least, if there are as many.
const MESSAGES_AT_ONCE_MIN: usize = 5;
/// How many messages are read at once, at most: with as many conversations, they are one call.
const MESSAGES_AT_ONCE_MAX: usize = 50;

/// Looks at the messages of a company that the index names, from the newest or from this place on. Returns where to go on.
///
/// It costs half a read unit or more by size for each page of the index, and for each message that is named what it costs to
/// read it, and 1 for its conversation.
///
/// # Errors
/// [`Error::Invalid`] if there is no index, or if the query has only words that are not in it; [`Error::Internal`] if the table
/// fails.
pub(super) async fn search(
    access: &Access,
    company: &CompanyId,
    query: &Query,
    hits: &mut Hits<'_>,
    from: Option<MessagePlace>,
) -> Result<Option<MessagePlace>, Error> {
    if !access.is_indexed {
        return Err(Error::invalid("companyId", "can be searched only where the parameter `Search` is `on`"));
    }
    let words = query.indexed_words();
    if words.is_empty() {
        return Err(Error::invalid("query", "must have a word that says more than `the` does"));
    }
    let table = &access.table;
    let mut lists: Vec<_> = words.into_iter().map(|word| List::new(table, company, word)).collect();
    let (mut from, mut messages_left) = (from, MESSAGES_MAX);
    let mut reading = Reading { pages_left: PAGES_MAX, until: hits.until() };
    loop {
        let mut places = Vec::new();
        let most = (hits.wanted() + 1).clamp(MESSAGES_AT_ONCE_MIN, MESSAGES_AT_ONCE_MAX).min(messages_left);
        let end = loop {
            match in_all(&mut lists, from.as_ref(), &mut reading).await? {
                Seek::At(place) => {
                    from = Some(below(&place));
                    places.push(place);
                    if places.len() >= most {
                        break None;
                    }
                }
                other => break Some(other),
            }
        };
        messages_left -= places.len();
        for (place, stored) in table.messages_at(company, &places).await? {
            let channel = Channel::Conversation(place.conversation.clone());
            if hits.look_at(&channel, stored)? == Look::Full {
                return Ok(Some(place));
            }
        }
        match end {
            Some(Seek::End) => return Ok(None),
            Some(Seek::Stopped(from)) => return Ok(Some(from)),
            _ if messages_left == 0 || hits.is_late() => return Ok(from),
            _ => {}
        }
    }
}

/// How much of the index may still be read.
#[derive(Debug)]
struct Reading {
    pages_left: usize,
    /// Pages of words that only begin alike take long to compare.
    until: Instant,
}

impl Reading {
    fn is_over(&self) -> bool {
        self.pages_left == 0 || self.until <= Instant::now()
    }
}

/// What was found from a place on.
#[derive(Debug, PartialEq, Eq)]
enum Seek {
    /// Nothing.
    End,
    /// Nothing before this place, and no more may be read.
    Stopped(MessagePlace),
    /// The next message, which may be at that place.
    At(MessagePlace),
}

impl Seek {
    /// Of what several partitions have, the greatest is what they have together.
    const fn order(&self) -> Option<(&MessagePlace, bool)> {
        match self {
            Self::End => None,
            Self::Stopped(place) => Some((place, false)),
            Self::At(place) => Some((place, true)),
        }
    }
}

/// The next message from a place on that is in all of these lists.
async fn in_all(
    lists: &mut [List<'_>],
    from: Option<&MessagePlace>,
    reading: &mut Reading,
) -> Result<Seek, Error> {
    let (mut from, mut agreed, count) = (from.cloned(), 0, lists.len());
    loop {
        for list in &mut *lists {
            match list.seek(from.as_ref(), reading).await? {
                Seek::At(place) if from.as_ref() == Some(&place) => agreed += 1,
                Seek::At(place) => {
                    agreed = 1;
                    from = Some(place);
                }
                other => return Ok(other),
            }
            if let Some(place) = from.clone().filter(|_| agreed == count) {
                return Ok(Seek::At(place));
            }
        }
    }
}

/// The messages of a company that have a word, the newest first: what is indexed by any of its beginnings.
struct List<'a>(Vec<Partition<'a>>);

impl<'a> List<'a> {
    fn new(table: &'a Table, company: &'a CompanyId, word: &'a Word) -> Self {
        let partition = |beginning| Partition {
            table,
            company,
            word,
            beginning,
            page: VecDeque::new(),
            read: None,
            has_more: true,
        };
        Self(beginnings(word).into_iter().map(partition).collect())
    }

    /// The next message from a place on, which is never above that of an earlier call.
    async fn seek(&mut self, from: Option<&MessagePlace>, reading: &mut Reading) -> Result<Seek, Error> {
        let mut next = Seek::End;
        for partition in &mut self.0 {
            let other = partition.seek(from, reading).await?;
            if other.order() > next.order() {
                next = other;
            }
        }
        Ok(next)
    }
}

/// The messages of a company that have a word with one beginning, the newest first.
struct Partition<'a> {
    table: &'a Table,
    company: &'a CompanyId,
    word: &'a Word,
    beginning: String,
    /// What has been read, and not been passed over.
    page: VecDeque<Posting>,
    /// The place up to which has been read; `None` if nothing has.
    read: Option<MessagePlace>,
    has_more: bool,
}

impl Partition<'_> {
    /// As that of a list.
    async fn seek(&mut self, from: Option<&MessagePlace>, reading: &mut Reading) -> Result<Seek, Error> {
        loop {
            while let Some(posting) = self.page.front() {
                if from.is_none_or(|from| posting.place <= *from) && has_word(&posting.words, self.word) {
                    return Ok(Seek::At(posting.place.clone()));
                }
                self.page.pop_front();
            }
            if !self.has_more {
                return Ok(Seek::End);
            }
            let next = self.read.as_ref().map(below);
            let next = match (next, from) {
                (Some(next), Some(from)) => Some(next.min(from.clone())),
                (next, from) => next.or_else(|| from.cloned()),
            };
            if let Some(next) = next.as_ref().filter(|_| reading.is_over()) {
                return Ok(Seek::Stopped(next.clone()));
            }
            reading.pages_left = reading.pages_left.saturating_sub(1);
            let (page, has_more) = self.table.postings(self.company, &self.beginning, next.as_ref()).await?;
            self.read = page.last().map(|posting| posting.place.clone()).or(self.read.take());
            (self.page, self.has_more) = (page.into(), has_more);
        }
    }
}

/// The place just below a message's: no other message is between them.
fn below(place: &MessagePlace) -> MessagePlace {
    MessagePlace { seq: place.seq.previous(), ..place.clone() }
}
