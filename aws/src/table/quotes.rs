//! What replies quote. A reply stores only the place of the message that it replies to, and the quote is made when the reply
//! is read: so it follows the edits of that message, and nothing is left of one that has been deleted.

use std::collections::{BTreeMap, BTreeSet};

use funnelcast_core::{
    Channel, Error, Seq,
    event::{EventName, MessageBody, Quote},
    frame::Event,
};

use super::{
    item::Table,
    key,
    log::{Stored, Unquoted, stored},
};

impl Table {
    /// These events of a channel, each reply with its quote: 1 read for each quoted message that is not among them, in
    /// calls of up to 100.
    ///
    /// # Errors
    /// [`Error::Internal`] if the table fails.
    pub async fn quoted(&self, channel: &Channel, events: Vec<Unquoted>) -> Result<Vec<Event>, Error> {
        let wanted: BTreeSet<Seq> = events.iter().filter_map(|event| event.reply_to).collect();
        let mut quotes: BTreeMap<Seq, Quote> =
            events.iter().filter_map(|event| quote(&event.event, &wanted)).collect();
        let missing = wanted.iter().filter(|seq| !quotes.contains_key(seq));
        let keys: Vec<_> = missing.map(|seq| (key::log(channel), key::seq(*seq))).collect();
        if !keys.is_empty() {
            for item in self.batch_get(keys).await? {
                let stored = stored(item)?;
                if let Some(quote) = stored.quote()? {
                    quotes.insert(stored.seq, quote);
                }
            }
        }
        let quoting = |event: Unquoted| {
            let quote = event.reply_to.and_then(|seq| quotes.get(&seq));
            event.quoting(quote)
        };
        events.into_iter().map(quoting).collect()
    }
}

impl Stored {
    /// The quote of this message; `None` if this is no message, or has expired.
    ///
    /// # Errors
    /// [`Error::Internal`] if the stored payload is not that of a message.
    pub fn quote(&self) -> Result<Option<Quote>, Error> {
        if !self.is_message() {
            return Ok(None);
        }
        Ok(Some(Quote::of(self.seq, &self.body()?)))
    }
}

/// The quote of a message, if it is wanted.
fn quote(event: &Event, wanted: &BTreeSet<Seq>) -> Option<(Seq, Quote)> {
    let seq = event.seq.filter(|seq| event.event == EventName::ChatMessage && wanted.contains(seq))?;
    let body: MessageBody = serde_json::from_str(event.data.get()).ok()?;
    Some((seq, Quote::of(seq, &body)))
}
