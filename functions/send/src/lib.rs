//! `send`: publishes an event of a client.
//!
//! A durable one is in the log before anybody sees it, and its ack means: kept, and posted to every member of a small
//! channel, or marked for the stream, which will. The connection that sent gets the ack and no copy. A retry of a key
//! gets the first one's seq, and posts again: the first try may have ended between the log and the posts.

use funnelcast_aws::{
    Caller, Fanout,
    fanout::{Delivery, Tally},
    measure, new_id,
    store::{Actor, Append, Member, Passed, check_capability, log::Known, rate::SENDS},
};
use funnelcast_core::{
    Channel, Error,
    action::{Send, Sent},
    event::{EventName, Presence},
    frame::Event,
    grant::Capability,
    publication::Publication,
};

/// Ephemeral events to up to this many members are posted before the reply; those to more go part by part.
const EPHEMERAL_MEMBERS_MAX: usize = 1_000;

/// Publishes what a connection sends.
///
/// # Errors
/// Those of [`publish`].
pub async fn handle(fanout: &Fanout, caller: &Caller, send: Send) -> Result<Sent, Error> {
    publish(fanout, Actor::Member(caller), send).await
}

/// Checks the draft against the policy, and takes its lane.
///
/// # Errors
/// Those of [`Publication::from_client`]; [`Error::NotJoined`] where a connection is no member, [`Error::Forbidden`] where
/// a visitor may not join, or the grant of either does not allow it; [`Error::Conflict`] where the `base` is too far behind;
/// [`Error::RateLimited`] where the user sends too fast.
pub async fn publish(fanout: &Fanout, actor: Actor<'_>, send: Send) -> Result<Sent, Error> {
    let known = send.base.map_or(Known::Nothing, Known::Base);
    let message_id = || format!("msg_{}", new_id());
    let publication =
        Publication::from_client(send, actor.identity(), fanout.agent.as_ref(), actor.now(), message_id)?;
    fanout.store.admit(&SENDS, &actor.identity().user, actor.now()).await?;
    measure::sent(publication.event);
    if publication.lane.is_durable() {
        send_durable(fanout, actor, publication, known).await
    } else {
        send_ephemeral(fanout, actor, publication).await
    }
}

/// Two reads, the second beside the first for who has sent here before; one write, one read, N - 1 posts.
async fn send_durable(
    fanout: &Fanout,
    actor: Actor<'_>,
    publication: Publication,
    known: Known,
) -> Result<Sent, Error> {
    let channel = publication.channel.clone();
    let store = &fanout.store;
    let look_back = store.look_back(&channel, known);
    let view = store.read_as(actor, &channel, Capability::Send, look_back).await?;
    let (event, seq, duplicate) = match store.append(view, &publication).await? {
        Append::New(seq) => (publication.into_event(Some(seq)), seq, false),
        Append::Duplicate(stored) => {
            let seq = stored.seq;
            (stored.into_event(channel)?, seq, true)
        }
    };
    let tally = fanout.send_or_relay(&event, seq, actor.connection()).await?;
    if !duplicate {
        measure::posted_after(event.at);
    }
    tracing::debug!(%seq, duplicate, ?tally, "sent");
    Ok(Sent {
        seq: Some(seq),
        id: event.data_id(),
        at: event.at,
        key: event.key,
        duplicate,
        recipients: tally.sent,
    })
}

/// One read, no write, N - 1 posts: the members, among whom a connection must be; and one before that for who has not sent
/// here before.
async fn send_ephemeral(fanout: &Fanout, actor: Actor<'_>, publication: Publication) -> Result<Sent, Error> {
    let event = publication.into_event(None);
    let (at, key) = (event.at, event.key.clone());
    let tally = if event.event == EventName::PresenceUpdate {
        change_status(fanout, actor, &event).await?
    } else {
        match few_members(fanout, actor, &event.channel).await? {
            Some(members) => fanout.post(&event, &members, actor.connection()).await?,
            None => fanout.deliver(Delivery::to_all(event, actor.connection().cloned())).await?,
        }
    };
    Ok(Sent { seq: None, id: None, at, key, duplicate: false, recipients: tally.sent })
}

/// The channel's members where they are few, for who may use it.
async fn few_members(
    fanout: &Fanout,
    actor: Actor<'_>,
    channel: &Channel,
) -> Result<Option<Vec<Member>>, Error> {
    let store = &fanout.store;
    let passed = store.pass(actor, channel, Capability::Send).await?;
    let few = store.few_members(channel, EPHEMERAL_MEMBERS_MAX).await?;
    let checked = match (passed, actor, &few) {
        (Passed::Now, ..) => Ok(()),
        (Passed::Before, Actor::Member(caller), Some(members)) => check_member(caller, members),
        (Passed::Before, ..) => store.check_use(actor, channel, Capability::Send).await,
    };
    checked.inspect_err(|_| store.forget_pass(actor, channel))?;
    Ok(few)
}

/// Refuses a connection that is not among these members, or is by a grant that does not go so far.
fn check_member(caller: &Caller, members: &[Member]) -> Result<(), Error> {
    let is_own = |member: &&Member| member.connection == caller.connection && member.hears(caller.now);
    let own = members.iter().find(is_own).ok_or(Error::NotJoined)?;
    check_capability(own.grant.as_ref(), Capability::Send, caller.now)
}

/// One read and one write, and what it takes to tell the others.
async fn change_status(fanout: &Fanout, actor: Actor<'_>, event: &Event) -> Result<Tally, Error> {
    let Actor::Member(caller) = actor else {
        return Err(Error::Forbidden("`presence.update` needs a WebSocket connection"));
    };
    let Presence { status, .. } =
        serde_json::from_str(event.data.get()).map_err(|error| Error::internal("a presence", &error))?;
    fanout.store.check_use(actor, &event.channel, Capability::Send).await?;
    fanout.change_status(caller, &event.channel, status).await
}
