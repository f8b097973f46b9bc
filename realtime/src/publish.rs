//! Publishing: an event of a client, or of the app's backend, into the log and to the members of its channel.
//!
//! A durable event is in the log before anybody sees it, and its ack means: kept, and posted to every member of a small
//! channel, or marked for the stream, which will. The connection that sent it gets the ack and no copy. A retry of a key
//! gets the first one's seq, and posts again: the first try may have ended between the log and the posts.

use std::time::Duration;

use funnelcast_aws::{
    Table,
    clock::new_id,
    measure::{self, Tally},
    table::{Append, LogView, Member, log::Known},
};
use funnelcast_core::{
    Caller, Channel, Error, Seq, SocketCaller, Timestamp,
    action::{Send, Sent},
    caller::check_grant,
    event::{EventName, Presence},
    frame::Event,
    grant::Capability,
    publication::Publication,
};

use crate::{
    access::Passed,
    context::Realtime,
    deliver::{self, Delivery},
    presence,
    rates::SENDS,
};

/// Ephemeral events to up to this many members are posted before the reply; those to more go part by part.
const EPHEMERAL_MEMBERS_MAX: usize = 1_000;

/// Checks the draft against the policy, and takes its lane.
///
/// # Errors
/// Those of [`Publication::from_client`]; [`Error::NotJoined`] where a connection is no member, [`Error::Forbidden`] where
/// an HTTP caller may not join, or the grant of either does not allow it; [`Error::Conflict`] where the `base` is too far behind;
/// [`Error::RateLimited`] where the user sends too fast.
pub async fn send(realtime: &Realtime, caller: Caller<'_>, draft: Send) -> Result<Sent, Error> {
    let known = draft.base.map_or(Known::Nothing, Known::Base);
    let message_id = || format!("msg_{}", new_id());
    let publication = Publication::from_client(
        draft,
        caller.identity(),
        realtime.agent.as_ref(),
        caller.now(),
        message_id,
    )?;
    realtime.access.rates.admit(&SENDS, &caller.identity().user, caller.now()).await?;
    measure::sent(publication.event);
    if publication.lane.is_durable() {
        send_durable(realtime, caller, publication, known).await
    } else {
        send_ephemeral(realtime, caller, publication).await
    }
}

/// Two reads, the second beside the first for who has sent here before; one write, one read, N - 1 posts.
async fn send_durable(
    realtime: &Realtime,
    caller: Caller<'_>,
    publication: Publication,
    known: Known,
) -> Result<Sent, Error> {
    let channel = publication.channel.clone();
    let table = realtime.table();
    let look_back = table.look_back(&channel, known);
    let view = realtime.access.read_as(caller, &channel, Capability::Send, look_back).await?;
    let Logged { event, seq, is_duplicate: duplicate } = append(table, view, publication).await?;
    let tally = deliver::send_or_mark(realtime, &event, seq, caller.connection()).await?;
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
async fn send_ephemeral(
    realtime: &Realtime,
    caller: Caller<'_>,
    publication: Publication,
) -> Result<Sent, Error> {
    let event = publication.into_event(None);
    let (at, key) = (event.at, event.key.clone());
    let tally = if event.event == EventName::PresenceUpdate {
        change_status(realtime, caller, &event).await?
    } else {
        match few_members(realtime, caller, &event.channel).await? {
            Some(members) => deliver::post(realtime, &event, &members, caller.connection()).await?,
            None => deliver::deliver(realtime, Delivery::to_all(event, caller.connection().cloned())).await?,
        }
    };
    Ok(Sent { seq: None, id: None, at, key, duplicate: false, recipients: tally.sent })
}

/// The channel's members where they are few, for who may use it.
async fn few_members(
    realtime: &Realtime,
    caller: Caller<'_>,
    channel: &Channel,
) -> Result<Option<Vec<Member>>, Error> {
    let access = &realtime.access;
    let passed = access.pass(caller, channel, Capability::Send).await?;
    let few = access.table.few_members(channel, EPHEMERAL_MEMBERS_MAX).await?;
    let checked = match (passed, caller, &few) {
        (Passed::Now, ..) => Ok(()),
        (Passed::Before, Caller::Socket(caller), Some(members)) => check_member(caller, members),
        (Passed::Before, ..) => access.check_use(caller, channel, Capability::Send).await,
    };
    checked.inspect_err(|_| access.forget_pass(caller, channel))?;
    Ok(few)
}

/// Refuses a connection that is not among these members, or is by a grant that does not go so far.
fn check_member(caller: &SocketCaller, members: &[Member]) -> Result<(), Error> {
    let is_own = |member: &&Member| member.connection == caller.connection && member.hears(caller.now);
    let own = members.iter().find(is_own).ok_or(Error::NotJoined)?;
    check_grant(own.grant.as_ref(), Capability::Send, caller.now)
}

/// One read and one write, and what it takes to tell the others.
async fn change_status(realtime: &Realtime, caller: Caller<'_>, event: &Event) -> Result<Tally, Error> {
    let Caller::Socket(socket) = caller else {
        return Err(Error::Forbidden("`presence.update` needs a WebSocket connection"));
    };
    let Presence { status, .. } =
        serde_json::from_str(event.data.get()).map_err(|error| Error::internal("a presence", &error))?;
    realtime.access.check_use(caller, &event.channel, Capability::Send).await?;
    presence::change_status(realtime, socket, &event.channel, status).await
}

/// How far the clocks of EventBridge, DynamoDB and our functions may be apart.
const CLOCK_SKEW_MAX: Duration = Duration::from_secs(5);

/// Keeps an event of the backend as its lane asks. `since` is when it reached AWS, by a clock that its producer cannot set and
/// that all repeats share: an earlier try cannot lie further back in the log.
///
/// # Errors
/// [`Error::Internal`] where the table fails, or the append loses too many races, which a retry may win.
pub async fn keep(table: &Table, publication: Publication, since: Timestamp) -> Result<Event, Error> {
    if !publication.lane.is_durable() {
        table.put_latest(&publication, None).await?;
        return Ok(publication.into_event(None));
    }
    let view = table.look_back(&publication.channel, Known::Since(since - CLOCK_SKEW_MAX)).await?;
    let mut latest = publication.clone();
    let Logged { event, seq, is_duplicate } =
        append(table, view, publication).await.map_err(|error| match error {
            Error::Conflict(reason) => Error::Internal(reason.into_owned()),
            other => other,
        })?;
    if is_duplicate {
        // A time in the future counted as that of the first try, and a repeat makes it no later.
        latest.at = event.at;
        latest.happened_at = latest.happened_at.min(event.at);
    }
    // Of a duplicate too: the first try may have ended between the two writes.
    table.put_latest(&latest, Some(seq)).await?;
    Ok(event)
}

/// An event that is in the log.
struct Logged {
    event: Event,
    seq: Seq,
    /// Whether an earlier try of the same key has put it there.
    is_duplicate: bool,
}

/// Appends an event to its channel's log, or finds the one that has its key.
async fn append(table: &Table, view: LogView, publication: Publication) -> Result<Logged, Error> {
    match table.append(view, &publication).await? {
        Append::New(seq) => Ok(Logged { event: publication.into_event(Some(seq)), seq, is_duplicate: false }),
        Append::Duplicate(stored) => {
            let seq = stored.seq;
            Ok(Logged { event: stored.into_event(publication.channel)?, seq, is_duplicate: true })
        }
    }
}
