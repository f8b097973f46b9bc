//! The search of all conversations that a user takes part in, by reading one after the other, the last active first.

use funnelcast_aws::table::{inbox::Listed, search::WALK_BYTES_MAX};
use funnelcast_core::{
    Caller, Channel, Error, Seq,
    action::{InboxCursor, MessagePlace},
};

use super::{
    hits::Hits,
    walk::{Walked, walk},
};
use crate::{access::Access, inbox::own_entries};

/// The most conversations that one call reads.
const CONVERSATIONS_MAX: usize = 20;

/// Looks at the messages of the caller's conversations, from the newest message of the last active one or from this place on. Returns
/// where to go on: the time in it is that of the conversation's activity.
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
    from: Option<MessagePlace>,
) -> Result<Option<MessagePlace>, Error> {
    let (listed, _) = access.table.own_conversations(&caller.identity().user).await?;
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
            return Ok(Some(start(place)));
        }
        let before =
            from.as_ref().filter(|from| from.conversation == place.conversation).map(|from| from.seq);
        let channel = Channel::Conversation(place.conversation.clone());
        let walked = walk(access, &channel, hits, before, bytes).await?;
        bytes = walked.bytes;
        if let Walked { next: Some(seq), .. } = walked {
            return Ok(Some(MessagePlace { seq, ..start(place) }));
        }
    }
    Ok(later.into_iter().next().map(|listed| start(listed.place)))
}

/// The conversations with messages from a place on: the one in which it is, even if it has become active since, and those that
/// were active before it.
fn after(mut listed: Vec<Listed>, from: Option<&MessagePlace>) -> Vec<Listed> {
    listed.retain(|listed| listed.place.active_at > 0);
    let Some(from) = from else { return listed };
    let is_present = |listed: &Listed| listed.place.conversation == from.conversation;
    let is_later = |InboxCursor { active_at, conversation }: &InboxCursor| {
        (active_at, conversation) < (&from.at, &from.conversation)
    };
    let (mut present, rest): (Vec<_>, Vec<_>) = listed.into_iter().partition(is_present);
    present.extend(rest.into_iter().filter(|listed| is_later(&listed.place)));
    present
}

/// The place of the newest message of a conversation.
fn start(InboxCursor { active_at, conversation }: InboxCursor) -> MessagePlace {
    MessagePlace { at: active_at, conversation, seq: Seq::MAX }
}
