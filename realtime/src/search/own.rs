//! The search of all conversations that a user takes part in, by reading one after the other, the last active first.
//!
//! What becomes active during the search moves up in this order, perhaps past the place of the search, and nothing says where it was.
//! So all that have become active since the search began are searched at its end, in the order of their ids, which nothing changes.
//! Whatever of them had been searched before is then searched twice.

use funnelcast_aws::table::{inbox::Listed, search::WALK_BYTES_MAX};
use funnelcast_core::{
    Caller, Channel, Error, Seq,
    action::{InboxCursor, MessagePlace, OwnPlace},
};

use super::{
    hits::Hits,
    walk::{Walked, walk},
};
use crate::{access::Access, inbox::own_entries};

/// The most conversations that one call reads.
const CONVERSATIONS_MAX: usize = 20;

/// Looks at the messages of the caller's conversations, from the newest message of the last active one or from this place on. Returns
/// where to go on.
///
/// It costs what listing the conversations costs, and 3 reads for each of up to [`CONVERSATIONS_MAX`] conversations, besides the
/// walks.
///
/// # Errors
/// [`Error::Internal`] if the table fails.
pub(super) async fn search(
    access: &Access,
    caller: Caller<'_>,
    hits: &mut Hits<'_>,
    from: Option<OwnPlace>,
) -> Result<Option<OwnPlace>, Error> {
    let (listed, _) = access.table.own_conversations(&caller.identity().user).await?;
    let newest = listed.first().map_or(0, |last_active| last_active.place.active_at);
    let newest = from.as_ref().map_or(newest, |from| from.newest);
    let next = |place: InboxCursor, seq| {
        let InboxCursor { active_at: at, conversation } = place;
        Ok(Some(OwnPlace { newest, place: MessagePlace { at, conversation, seq } }))
    };
    let mut listed = after(listed, from.as_ref());
    let later = listed.split_off(listed.len().min(CONVERSATIONS_MAX));
    let places: Vec<_> = listed.iter().map(|listed| listed.place.clone()).collect();
    let entries = own_entries(access, caller, listed).await?;
    let mut bytes = 0;
    for place in places {
        if !entries.iter().any(|entry| entry.conversation_id == place.conversation) {
            continue;
        }
        if bytes >= WALK_BYTES_MAX || hits.is_late() {
            return next(place, Seq::MAX);
        }
        let from = from.as_ref().map(|from| &from.place);
        let before = from.filter(|from| from.conversation == place.conversation).map(|from| from.seq);
        let channel = Channel::Conversation(place.conversation.clone());
        let walked = walk(access, &channel, hits, before, bytes).await?;
        bytes = walked.bytes;
        if let Walked { next: Some(seq), .. } = walked {
            return next(place, seq);
        }
    }
    later.into_iter().next().map_or(Ok(None), |listed| next(listed.place, Seq::MAX))
}

/// The conversations with messages from a place on, each with its place in the search: the one in which it is, even if it has
/// become active since; those that were active before it; and, with a time of 0, those that have become active since the search
/// began.
fn after(mut listed: Vec<Listed>, from: Option<&OwnPlace>) -> Vec<Listed> {
    listed.retain(|listed| listed.place.active_at > 0);
    let Some(OwnPlace { newest, place: from }) = from else { return listed };
    let is_at_end = from.at == 0;
    let (mut present, mut earlier, mut at_end) = (Vec::new(), Vec::new(), Vec::new());
    for mut listed in listed {
        let InboxCursor { active_at, conversation } = &mut listed.place;
        if *conversation == from.conversation {
            *active_at = from.at;
            present.push(listed);
        } else if (&*active_at, &*conversation) < (&from.at, &from.conversation) {
            earlier.push(listed);
        } else if *active_at > *newest && (!is_at_end || *conversation > from.conversation) {
            *active_at = 0;
            at_end.push(listed);
        }
    }
    at_end.sort_by(|one, other| one.place.conversation.cmp(&other.place.conversation));
    present.into_iter().chain(earlier).chain(at_end).collect()
}
