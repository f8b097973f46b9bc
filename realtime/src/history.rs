//! History: a page of a channel's log, backwards or forwards, and a search through it. The `isRead` of a chat message
//! is computed on reading: it is set once another user has read up to the message.

use std::collections::HashMap;

use funnelcast_aws::table::{
    history::{Wanted, Window},
    receipts::Receipts,
};
use funnelcast_core::{
    Caller, Channel, Error, Seq, UserId,
    action::{History, LATEST_CURSOR_BYTES_MAX, Page},
    event::{ChatMessage, EventName},
    frame::Event,
    grant::Capability,
    text::Text,
};

use crate::access::Access;

/// Reads the page. The caller's access is checked first, and then two reads run side by side, of which that of the
/// log costs by size. For a caller that has passed the check in this process before, all three run side by side.
///
/// # Errors
/// [`Error::BadRequest`] if both directions are given; [`Error::NotJoined`] if the caller's connection is no member,
/// and [`Error::Forbidden`] if an HTTP caller may not join.
pub async fn read(access: &Access, caller: Caller<'_>, history: History) -> Result<Page, Error> {
    let History { channel, before, after, latest, limit, contains, only } = history;
    if let Some(latest) = latest {
        if before.is_some() || after.is_some() || contains.is_some() || only.is_some() {
            return Err(Error::invalid("latest", "excludes before, after, contains and only"));
        }
        return read_latest(access, caller, &channel, &latest, limit.get()).await;
    }
    let window = match (before, after) {
        (None, None) => Window::Latest,
        (Some(before), None) => Window::Before(before),
        (None, Some(after)) => Window::After(after),
        (Some(_), Some(_)) => {
            return Err(Error::invalid("before", "excludes after: give one of them"));
        }
    };
    let has_receipts = channel.kind().policy().lane(EventName::ChatReceipt).is_some();
    let wanted = Wanted { contains: contains.as_ref().map(Text::as_str), only };
    let read = async {
        tokio::try_join!(access.table.history(&channel, window, limit.get(), wanted), async {
            if has_receipts { access.table.receipts(&channel).await } else { Ok(HashMap::new()) }
        },)
    };
    let (page, receipts) = access.read_as(caller, &channel, Capability::Join, Box::pin(read)).await?;
    let mut events = page.events;
    for event in &mut events {
        // One message that cannot be parsed is no reason to withhold the others.
        if let Err(error) = mark_read(event, &receipts) {
            tracing::error!(%channel, seq = ?event.seq, %error, "setting isRead failed; returning the message as it is stored");
        }
    }
    Ok(Page { events, more: page.next.is_some(), next: page.next, latest_next: None })
}

/// Sets `isRead` of chat messages that a user other than their author has read: 1 read.
pub(crate) async fn mark_all_read(
    access: &Access,
    channel: &Channel,
    events: &mut [Event],
) -> Result<(), Error> {
    let receipts = access.table.receipts(channel).await?;
    events.iter_mut().try_for_each(|event| mark_read(event, &receipts))
}

/// Reads the channel's latest values from the cursor of a `join` or of an earlier page.
async fn read_latest(
    access: &Access,
    caller: Caller<'_>,
    channel: &Channel,
    after: &Text<LATEST_CURSOR_BYTES_MAX>,
    limit: usize,
) -> Result<Page, Error> {
    let read = access.table.latest(channel, Some(after.as_str()));
    let mut latest = access.read_as(caller, channel, Capability::Join, read).await?;
    latest.truncate(limit);
    let (events, latest_next) = latest.into_page()?;
    Ok(Page { events, more: latest_next.is_some(), next: None, latest_next })
}

/// Sets `isRead` of a chat message if a user other than its author has read it.
fn mark_read(event: &mut Event, receipts: &HashMap<UserId, Receipts>) -> Result<(), Error> {
    let (EventName::ChatMessage, Some(seq)) = (event.event, event.seq) else { return Ok(()) };
    let broken = |error| Error::internal("a stored message", &error);
    let mut message: ChatMessage = serde_json::from_str(event.data.get()).map_err(broken)?;
    message.body.is_read = is_read(seq, message.body.user_id.as_ref(), receipts);
    event.data = serde_json::value::to_raw_value(&message).map_err(broken)?;
    Ok(())
}

fn is_read(seq: Seq, author: Option<&UserId>, receipts: &HashMap<UserId, Receipts>) -> bool {
    receipts.iter().any(|(user, receipts)| Some(user) != author && receipts.read >= seq)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_once_another_user_has_read_it() {
        let [ann, bob]: [UserId; 2] = ["ann", "bob"].map(|user| user.parse().unwrap());
        let seq = |n: u64| Seq::try_from(n).unwrap();
        let receipts = HashMap::from([
            (ann.clone(), Receipts { read: seq(9), ..Receipts::default() }),
            (bob.clone(), Receipts { read: seq(3), ..Receipts::default() }),
        ]);
        assert!(is_read(seq(3), Some(&ann), &receipts));
        assert!(!is_read(seq(4), Some(&ann), &receipts), "Bob has it, but has not read it");
        assert!(is_read(seq(9), Some(&bob), &receipts));
        assert!(is_read(seq(9), None, &receipts), "a bot's message has no author among the readers");
    }
}
