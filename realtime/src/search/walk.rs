//! The walk over the messages of a conversation, from the newest on.

use funnelcast_core::{Channel, Error, Seq};

use super::hits::{Hits, Look};
use crate::access::Access;

/// How far a walk has come.
pub(super) struct Walked {
    /// The event before which it goes on; `None` at the end of the log.
    pub(super) next: Option<Seq>,
    /// How much has been read, with what had been read before.
    pub(super) bytes: usize,
}

/// Looks at the messages of a conversation, from the newest or from those before a place, as if this much had been read already.
pub(super) async fn walk(
    access: &Access,
    channel: &Channel,
    hits: &mut Hits<'_>,
    before: Option<Seq>,
    bytes: usize,
) -> Result<Walked, Error> {
    let mut walk = access.table.walk_messages(channel, before).having_read(bytes);
    let mut last = before;
    while let Some((messages, end)) = walk.next().await? {
        for stored in messages {
            let seq = stored.seq;
            if hits.look_at(channel, stored)? == Look::Full {
                return Ok(Walked { next: Some(seq.next()), bytes: walk.bytes() });
            }
        }
        last = end.or(last);
    }
    Ok(Walked { next: last.filter(|_| walk.has_more()), bytes: walk.bytes() })
}
