//! `send`: publishes an event of a client.
//!
//! A durable one is in the log before anybody sees it, and its ack means: kept, and posted to every member of a small
//! channel, or marked for the stream, which will. The connection that sent gets the ack and no copy. A retry of a key
//! gets the first one's seq, and posts again: the first try may have ended between the log and the posts.

use funnelcast_aws::{
    Caller, Fanout, new_id,
    store::{Append, log::Known},
};
use funnelcast_core::{
    Error,
    action::{Send, Sent},
    publication::Publication,
};

/// Checks the draft against the policy, and takes its lane.
///
/// # Errors
/// Those of [`Publication::from_client`]; [`Error::NotJoined`] where the caller's connection is no member;
/// [`Error::Conflict`] where his `base` is too far behind.
pub async fn handle(fanout: &Fanout, caller: &Caller, send: Send) -> Result<Sent, Error> {
    let known = send.base.map_or(Known::Nothing, Known::Base);
    let message_id = || format!("msg_{}", new_id());
    let publication = Publication::from_client(send, &caller.identity, caller.now, message_id)?;
    if publication.lane.is_durable() {
        send_durable(fanout, caller, publication, known).await
    } else {
        send_ephemeral(fanout, caller, publication).await
    }
}

/// Two reads side by side, one write, one read, N - 1 posts.
async fn send_durable(
    fanout: &Fanout,
    caller: &Caller,
    publication: Publication,
    known: Known,
) -> Result<Sent, Error> {
    let channel = publication.channel.clone();
    let store = &fanout.store;
    let (is_member, view) =
        tokio::try_join!(store.is_member(caller, &channel), store.look_back(&channel, known))?;
    if !is_member {
        return Err(Error::NotJoined);
    }
    let (event, seq, duplicate) = match store.append(view, &publication).await? {
        Append::New(seq) => (publication.into_event(Some(seq)), seq, false),
        Append::Duplicate(stored) => {
            let seq = stored.seq;
            (stored.into_event(channel)?, seq, true)
        }
    };
    let tally = fanout.send_or_relay(&event, seq, &caller.connection).await?;
    tracing::debug!(%seq, duplicate, ?tally, "sent");
    Ok(Sent { seq: Some(seq), at: event.at, key: event.key, duplicate, recipients: tally.sent })
}

/// One read, no write, N - 1 posts: the members, among whom the caller must be.
async fn send_ephemeral(fanout: &Fanout, caller: &Caller, publication: Publication) -> Result<Sent, Error> {
    let event = publication.into_event(None);
    let mut members = Vec::new();
    let mut pages = fanout.store.members(&event.channel);
    while let Some(page) = pages.next().await? {
        members.extend(page);
    }
    if !members.iter().any(|member| member.connection == caller.connection) {
        return Err(Error::NotJoined);
    }
    let tally = fanout.post(&event, &members, Some(&caller.connection)).await?;
    Ok(Sent { seq: None, at: event.at, key: event.key, duplicate: false, recipients: tally.sent })
}
