//! Publishing: an event from a client or from the app's backend goes into the log and to the members of its channel.
//!
//! A durable event is in the log before anyone receives it. Its ack means that the event is kept, and that it has
//! been posted to every member of a small channel, or marked for the stream, which posts it. The connection that sent
//! the event gets the ack and no copy. A retry with the same key gets the seq of the first try and posts again,
//! because the first try may have ended between the log and the posts.
//!
//! # Layout
//! - here: publishing, for clients and for the backend
//! - `messages`: what the events of a conversation refer to

mod messages;

use std::time::Duration;

use funnelcast_aws::{
    Table,
    clock::{new_id, now},
    measure::{self, Tally},
    table::{Append, LogView, Member, Stored, log::Known},
};
use funnelcast_core::{
    Caller, Channel, Error, Seq, SocketCaller, Timestamp,
    action::{Send, Sent},
    event::{EventName, Presence, SignalTarget},
    frame::Event,
    grant::Capability,
    policy::Lane,
    publication::Publication,
};

use self::messages::Subject;
use crate::{
    access::Passed,
    context::Realtime,
    deliver::{self, Delivery},
    presence,
    rates::SENDS,
};

/// Ephemeral events to up to this many members are posted before the reply; larger channels are served part by part.
const EPHEMERAL_MEMBERS_MAX: usize = 1_000;

/// Checks the draft against the policy, and publishes it on the lane that the policy assigns.
///
/// # Errors
/// Those of [`Publication::from_client`]; [`Error::NotJoined`] if the caller's connection is no member, and
/// [`Error::Forbidden`] if an HTTP caller may not join, or if the grant of either does not include sending;
/// [`Error::Muted`] or [`Error::Banned`] if the user may not send there; [`Error::Refused`] if the app's function refuses it;
/// [`Error::Conflict`] if the `base` is too far behind; [`Error::RateLimited`] if the user sends too fast.
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
        Box::pin(send_durable(realtime, caller, publication, known)).await
    } else {
        Box::pin(send_ephemeral(realtime, caller, publication)).await
    }
}

/// Publishes on the durable lane: 2 reads, 1 write, 1 read and N - 1 posts. For a caller that has sent here before,
/// the first two reads run side by side. A reply, a mention and a change cost 1 read more, and a change is written in a
/// transaction. A [`Review`](crate::review::Review) of a message comes before it is appended.
async fn send_durable(
    realtime: &Realtime,
    caller: Caller<'_>,
    publication: Publication,
    known: Known,
) -> Result<Sent, Error> {
    let channel = publication.channel.clone();
    let table = realtime.table();
    // The futures of the SDK are large.
    let read = Box::pin(async {
        tokio::try_join!(table.look_back(&channel, known), Subject::read(table, &publication))
    });
    let (mut view, subject) = realtime.access.read_as(caller, &channel, Capability::Send, read).await?;
    let publication = messages::with_moderator(&realtime.access, caller, publication, &subject).await?;
    let mut publication = subject.with_files(publication)?;
    // What an earlier try has put into the log has been reviewed.
    if let Some(review) = realtime.review.as_ref().filter(|_| !view.has_earlier_try(&publication)) {
        publication = review.ask(table, publication).await?;
    }
    let Logged { event, seq, is_duplicate: duplicate } =
        append(table, &mut view, publication, subject).await.map_err(|error| error.within("data"))?;
    let tally = deliver::send_or_mark(realtime, &event, seq, caller.connection()).await?;
    if !duplicate {
        measure::posted_after(event.at);
    }
    tracing::debug!(%seq, duplicate, ?tally, "sent");
    Ok(Sent {
        seq: Some(seq),
        at: event.at,
        key: event.key,
        duplicate,
        recipients: tally.sent,
        from: event.from,
        data: Some(event.data),
    })
}

/// Publishes on the ephemeral lane: 1 read of the members, among whom the caller's connection must be, no write, and
/// N - 1 posts, or those to the members that it is for. For a caller that has not sent here before, there is 1 read more, ahead
/// of the others.
async fn send_ephemeral(
    realtime: &Realtime,
    caller: Caller<'_>,
    mut publication: Publication,
) -> Result<Sent, Error> {
    let to = publication.to.take();
    let event = publication.into_event(None);
    let (at, key) = (event.at, event.key.clone());
    let tally = if event.event == EventName::PresenceUpdate {
        change_status(realtime, caller, &event).await?
    } else {
        match (few_members(realtime, caller, &event.channel).await?, to) {
            (few, Some(to)) => {
                let members = members_for(realtime, &event.channel, few, &to).await?;
                deliver::post(realtime, &event, &members, caller.connection()).await?
            }
            (Some(members), None) => deliver::post(realtime, &event, &members, caller.connection()).await?,
            (None, None) => {
                deliver::deliver(realtime, Delivery::to_all(event, caller.connection().cloned())).await?
            }
        }
    };
    Ok(Sent { seq: None, at, key, duplicate: false, recipients: tally.sent, from: None, data: None })
}

/// Reads the members of the channel if they are few, and checks that the caller may send to it.
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

/// The members that a signal is for, among these few; or, of a channel with more, read page by page.
async fn members_for(
    realtime: &Realtime,
    channel: &Channel,
    few: Option<Vec<Member>>,
    to: &SignalTarget,
) -> Result<Vec<Member>, Error> {
    let is_meant = |member: &Member| to.includes(&member.user, &member.connection);
    if let Some(mut members) = few {
        members.retain(is_meant);
        return Ok(members);
    }
    if let Some(user) = &to.user_id {
        let mut members = realtime.table().members_of_user(channel, user).await?;
        members.retain(is_meant);
        return Ok(members);
    }
    let mut pages = realtime.table().members(channel);
    while let Some(page) = pages.next().await? {
        if let Some(member) = page.into_iter().find(is_meant) {
            return Ok(vec![member]);
        }
    }
    Ok(Vec::new())
}

/// Refuses a connection that is not among these members, or whose user may not send.
fn check_member(caller: &SocketCaller, members: &[Member]) -> Result<(), Error> {
    let is_own = |member: &&Member| member.connection == caller.connection && member.is_live(caller.now);
    members.iter().find(is_own).ok_or(Error::NotJoined)?.check(Capability::Send, caller.now)
}

/// Changes the caller's status: 1 read, 1 write, and what it takes to tell the others.
async fn change_status(realtime: &Realtime, caller: Caller<'_>, event: &Event) -> Result<Tally, Error> {
    let Caller::Socket(socket) = caller else {
        return Err(Error::Forbidden("`presence.update` needs a WebSocket connection"));
    };
    let Presence { status, .. } =
        serde_json::from_str(event.data.get()).map_err(|error| Error::internal("a presence", &error))?;
    match realtime.access.check_use(caller, &event.channel, Capability::Send).await {
        Ok(()) | Err(Error::Muted { .. }) => {} // a mute is checked last; and who is muted is present all the same
        Err(refusal) => return Err(refusal),
    }
    presence::change_status(realtime, socket, &event.channel, status).await
}

/// The largest difference between the clocks of EventBridge, DynamoDB and the functions.
const CLOCK_SKEW_MAX: Duration = Duration::from_secs(5);

/// An earlier try of an event of the backend, which would be in the log already.
#[derive(Debug, Clone, Copy)]
pub enum EarlierTry {
    /// There is none: no retry of this event can be recognised.
    None,
    /// It was made at this time or later.
    Since(Timestamp),
    /// It may be among the last 100 events of the channel.
    Recent,
}

/// An event of the backend that is stored.
#[derive(Debug)]
pub struct Kept {
    /// The event. It has a seq if its lane is durable.
    pub event: Event,
    /// Whether an earlier try with the same key is in the log.
    pub is_duplicate: bool,
}

/// Stores events of the backend in one channel, one after another. What it has read of the end of the log serves the
/// next event too.
#[derive(Debug)]
pub struct Keeper<'a> {
    table: &'a Table,
    /// The end of the log, as far back as an earlier try of the events so far may be.
    view: Option<(LogView, EarlierTry)>,
}

impl<'a> Keeper<'a> {
    /// A keeper that has read nothing yet.
    pub const fn new(table: &'a Table) -> Self {
        Self { table, view: None }
    }

    /// Stores an event as its lane requires: on the durable lane 1 read, unless the previous event has made it, and 1
    /// write.
    ///
    /// # Errors
    /// [`Error::Internal`] if the table fails, or if the append loses too many races; a retry may win.
    pub async fn keep(&mut self, publication: Publication, earlier: EarlierTry) -> Result<Kept, Error> {
        if !publication.lane.is_durable() {
            if publication.lane == Lane::Latest {
                self.table.put_latest(&publication, None).await?;
            }
            return Ok(Kept { event: publication.into_event(None), is_duplicate: false });
        }
        let mut latest = publication.clone();
        let mut view = self.view(&publication.channel, earlier).await?;
        let subject = Subject::read(self.table, &publication).await?;
        let publication = subject.with_files(publication)?;
        let appended = append(self.table, &mut view.0, publication, subject).await;
        let Logged { event, seq, is_duplicate } = appended.map_err(|error| match error {
            Error::Conflict(reason) => Error::Internal(reason.into_owned()),
            other => other.within("detail"),
        })?;
        self.view = Some(view);
        if is_duplicate {
            latest.repeat(&event);
        }
        // Also for a duplicate: the first try may have ended between the two writes.
        self.table.put_latest(&latest, Some(seq)).await?;
        Ok(Kept { event, is_duplicate })
    }

    /// The end of the log, as far back as this earlier try may be.
    async fn view(&mut self, channel: &Channel, earlier: EarlierTry) -> Result<(LogView, EarlierTry), Error> {
        if let Some(view) = self.view.take_if(|(_, read)| read.covers(earlier)) {
            return Ok(view);
        }
        let known = match earlier {
            EarlierTry::None => Known::Since(now()),
            EarlierTry::Since(time) => Known::Since(time - CLOCK_SKEW_MAX),
            EarlierTry::Recent => Known::Nothing,
        };
        Ok((self.table.look_back(channel, known).await?, earlier))
    }
}

impl EarlierTry {
    /// Whether what was read to find this earlier try also shows another one.
    fn covers(self, other: Self) -> bool {
        match (self, other) {
            (_, Self::None) | (Self::Recent, Self::Recent) => true,
            (Self::Since(read), Self::Since(time)) => read <= time,
            _ => false,
        }
    }
}

/// An event that is in the log.
struct Logged {
    event: Event,
    seq: Seq,
    /// Whether an earlier try with the same key put it there.
    is_duplicate: bool,
}

/// Appends an event to the log of its channel, or finds the event that has its key.
async fn append(
    table: &Table,
    view: &mut LogView,
    publication: Publication,
    subject: Subject,
) -> Result<Logged, Error> {
    let (appended, quote) = subject.append(table, view, &publication).await?;
    let (stored, is_duplicate): (Box<Stored>, _) = match appended {
        Append::New(stored) => (stored, false),
        Append::Duplicate(stored) => (stored, true),
    };
    let seq = stored.seq;
    let event = stored.into_event(publication.channel)?.quoting(quote.as_ref())?;
    Ok(Logged { event, seq, is_duplicate })
}
