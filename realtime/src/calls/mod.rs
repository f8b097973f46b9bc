//! Calls: which users of a conversation are in its call, and when it has ended.
//!
//! A call is one row of the table ([`funnelcast_aws::table::calls`]), and [`CallState`] decides what changes it. Every operation
//! here reads the row, decides, writes on condition that nothing has changed meanwhile, and begins again if something has.
//! After the write the members are told; then it is noted that they were. A process that dies in between leaves a row that
//! says so: a retry tells them, and so does the timer, which every call has from before its row is written until it has been seen
//! to have ended.

mod removal;
mod written;

use std::{collections::BTreeSet, time::Duration};

use funnelcast_aws::{
    clock::now,
    table::{back_off, calls::StoredCall},
};
use funnelcast_core::{
    Caller, Channel, ConnectionId, ConversationId, Error, SocketCaller, Timestamp, UserId,
    action::{CallChange, ChangeCall},
    call::{Binding, Call, CallId, CallMedia, CallStage, CallState, NewCall, Peer, Refusal},
    frame::Sender,
    grant::Capability,
};
use futures_util::future::try_join_all;

pub use self::removal::{erase, remove_members};
use self::{
    removal::remove,
    written::{ROUNDS_MAX, tell, write},
};
use crate::{
    context::Realtime,
    rates::{CALLS, SENDS},
    timer::Timer,
};

/// An active call that nobody has looked at for this many intervals has lost its timer. Whoever wants to change it looks.
const LOOKS_MISSED_MAX: u32 = 5;

/// Changes the call of a conversation, and tells the members: 2 reads, side by side if the caller has been here before; 1 write,
/// or to end it 1 read and 1 transaction; 1 read and N posts; and 1 write to note that. To start a call takes 1 message more, to decline
/// one 1 read, and to join from a second device 1 read.
///
/// # Errors
/// [`Error::Invalid`] if the fields do not go together; [`Error::Forbidden`] on a channel without calls; [`Error::NotJoined`] if
/// the caller's connection is no member; [`Error::Muted`] or [`Error::Forbidden`] if the user may not send there, and so neither
/// start nor join a call, unless the device is in it; [`Error::NotFound`] if the call is neither the live nor the last one of the
/// conversation;
/// [`Error::InCall`], with the call, if it does not allow the change; [`Error::RateLimited`] if the user changes calls too fast.
pub async fn change(realtime: &Realtime, caller: &SocketCaller, request: &ChangeCall) -> Result<Call, Error> {
    request.validate()?;
    let Channel::Conversation(conversation) = &request.channel else {
        return Err(Error::Forbidden("this channel has no calls"));
    };
    let (access, user) = (&realtime.access, &caller.identity.user);
    access.rates.admit(&SENDS, user, caller.now).await?;
    let is_entry = matches!(request.change, CallChange::Start | CallChange::Accept);
    let capability = if is_entry { Capability::Send } else { Capability::Join };
    let read = async |capability| {
        let read = access.table.call(conversation);
        access.read_as(Caller::Socket(caller), &request.channel, capability, read).await
    };
    // Who may not send any more stays in the call that they are in, also on another connection.
    let (mut stands, refusal) = match read(capability).await {
        Err(refusal @ (Error::Muted { .. } | Error::Forbidden(_))) if is_entry => {
            (read(Capability::Join).await?, Some(refusal))
        }
        stands => (stands?, None),
    };
    let mut is_counted = false;
    for round in 0..ROUNDS_MAX {
        if let Some(refusal) = &refusal
            && !stands.as_ref().is_some_and(|stands| stands.state.has(user, &request.peer_id))
        {
            return Err(refusal.clone());
        }
        let decided = match decide(realtime, caller, conversation, request, stands.as_ref()).await? {
            Decided::Stands(call) => return tell_if_untold(realtime, caller, call).await,
            Decided::First(ended) => {
                write(realtime, ended, None).await?;
                stands = access.table.call(conversation).await?;
                continue;
            }
            Decided::Change(decided) => decided,
        };
        if request.change == CallChange::Start
            && decided.state.call.state == CallStage::Ringing
            && !is_counted
        {
            access.rates.admit(&CALLS, user, caller.now).await?;
            is_counted = true;
            set_timer(realtime, &decided.state.call, realtime.call_times.ring).await?;
        }
        if let Some(call) = write(realtime, decided, Some(&caller.connection)).await? {
            if is_entry {
                check_still_joined(realtime, caller, &request.channel).await?;
            }
            return Ok(call);
        }
        back_off(round).await;
        stands = access.table.call(conversation).await?;
    }
    Err(Error::Conflict("too many are changing this call at once; try again".into()))
}

/// What a request means for the call that stands.
enum Decided {
    /// It changes nothing: an earlier try has made the change.
    Stands(StoredCall),
    /// It changes the call into this.
    Change(StoredCall),
    /// The call that stands should have changed into this by itself, before the request.
    First(StoredCall),
}

/// Decides what a request makes of the call that stands, if there is one.
async fn decide(
    realtime: &Realtime,
    caller: &SocketCaller,
    conversation: &ConversationId,
    request: &ChangeCall,
    stands: Option<&StoredCall>,
) -> Result<Decided, Error> {
    let ChangeCall { call_id, change, media, reason, .. } = request;
    let now = caller.now;
    let peer = Peer {
        user: caller.identity.user.clone(),
        name: caller.identity.name.clone(),
        peer_id: request.peer_id.clone(),
        connection: caller.connection.clone(),
    };
    let from = Sender { user_id: peer.user.clone(), name: peer.name.clone() };
    let into = |state| StoredCall::after(stands, state, Some(from), now);
    if let Some(stands) = stands
        && let Some(settled) = settled(realtime, stands).await?
    {
        return Ok(Decided::First(settled));
    }
    let this = stands.filter(|stands| stands.state.call.call_id == *call_id);
    let changed = match (change, this) {
        (CallChange::Start, Some(this)) => this.state.start_again(peer, now).map_err(|why| (this, why)),
        (CallChange::Start, None) => {
            if let Some(stands) = stands.filter(|stands| stands.state.call.is_live()) {
                return Err(in_call(stands, "the conversation has a call already; join it"));
            }
            if let Some(stands) = stands.filter(|stands| stands.has_used(call_id)) {
                return Err(in_call(stands, "this `callId` is that of a call before; choose a new one"));
            }
            // Nobody looks at a call that another one has replaced.
            if let Some(ended) = stands.filter(|stands| stands.is_untold()) {
                tell(realtime, ended, None).await?;
            }
            let media = media.unwrap_or(CallMedia::Audio); // validated: `start` has it
            let new = NewCall { call_id: call_id.clone(), conversation: conversation.clone(), media, peer };
            let before = stands.map(|stands| stands.state.call.revision);
            return Ok(Decided::Change(into(CallState::start(new, before, realtime.call_times.ring, now))));
        }
        (_, None) => return Err(Error::NotFound("the call")),
        (CallChange::Accept, Some(this)) => match this.state.accept(peer.clone(), None, now) {
            Err(Refusal::OtherDevice) => {
                let gone = gone_device(realtime, &request.channel, &this.state, &peer.user).await?;
                let gone = gone.map(|binding| binding.peer_id);
                this.state.accept(peer, gone.as_ref(), now).map_err(|why| (this, why))
            }
            accepted => accepted.map_err(|why| (this, why)),
        },
        (CallChange::Decline, Some(this)) => {
            let asked = match this.state.call.state {
                CallStage::Ringing => realtime.table().participants(conversation).await?,
                CallStage::Active | CallStage::Ended => BTreeSet::new(),
            };
            this.state.decline(&peer, &asked, *reason, now).map_err(|why| (this, why))
        }
        (CallChange::Leave, Some(this)) => Ok(this.state.leave(&peer, *reason, now)),
    };
    match (changed, this) {
        (Ok(Some(state)), _) => Ok(Decided::Change(into(state))),
        (Ok(None), Some(this)) => Ok(Decided::Stands(this.clone())),
        (Ok(None), None) => Err(Error::NotFound("the call")),
        (Err((this, Refusal::OtherDevice)), _) => {
            Err(in_call(this, "another device of yours is in this call"))
        }
        (Err((this, Refusal::Stands(why))), _) => Err(in_call(this, why)),
    }
}

fn in_call(stands: &StoredCall, reason: &'static str) -> Error {
    match serde_json::to_value(&stands.state.call) {
        Ok(call) => Error::InCall { reason, call },
        Err(error) => Error::internal("a call", &error),
    }
}

/// The device by which a user is in a call, if it is no longer connected: 1 read.
async fn gone_device(
    realtime: &Realtime,
    channel: &Channel,
    state: &CallState,
    user: &UserId,
) -> Result<Option<Binding>, Error> {
    let Some(binding) = state.bindings.iter().find(|binding| binding.user == *user) else { return Ok(None) };
    Ok((!is_connected(realtime, channel, binding).await?).then(|| binding.clone()))
}

/// Whether a device is still on its connection and that a member: 1 read. Connections that have died without a close frame are
/// removed by a post or by their lease.
async fn is_connected(realtime: &Realtime, channel: &Channel, binding: &Binding) -> Result<bool, Error> {
    let Binding { user, connection, .. } = binding;
    let member = realtime.table().membership(user, connection, channel).await?;
    Ok(member.is_some_and(|member| member.is_live(now())))
}

/// A live call that should have changed by itself, as it should be: one that has rung for too long, or one that has lost its
/// timer. It costs nothing, or what [`looked_at`] costs.
async fn settled(realtime: &Realtime, stands: &StoredCall) -> Result<Option<StoredCall>, Error> {
    let state = &stands.state;
    let now = now();
    let settled = match state.ring_out(now) {
        Some(missed) => Some(missed),
        None if state.call.state == CallStage::Active && is_unlooked(realtime, state, now) => {
            set_timer(realtime, &state.call, realtime.call_times.look).await?;
            Some(looked_at(realtime, state, now).await?)
        }
        None => None,
    };
    Ok(settled.map(|settled| StoredCall::after(Some(stands), settled, None, now)))
}

fn is_unlooked(realtime: &Realtime, state: &CallState, now: Timestamp) -> bool {
    let last = state.looked_at.max(state.call.accepted_at.unwrap_or(state.call.started_at));
    last + realtime.call_times.look * LOOKS_MISSED_MAX < now
}

/// The call after a look at who of those in it is still connected: 1 read for each.
async fn looked_at(realtime: &Realtime, state: &CallState, now: Timestamp) -> Result<CallState, Error> {
    let channel = Channel::Conversation(state.call.conversation_id.clone());
    let looks = state.bindings.iter().map(async |binding| {
        let is_connected = is_connected(realtime, &channel, binding).await?;
        Ok::<_, Error>(is_connected.then(|| binding.connection.clone()))
    });
    let connected: Vec<Option<ConnectionId>> = try_join_all(looks).await?;
    let is_alive = |binding: &Binding| connected.iter().flatten().any(|id| *id == binding.connection);
    Ok(state.look(is_alive, now))
}

async fn set_timer(realtime: &Realtime, call: &Call, delay: Duration) -> Result<(), Error> {
    let timer = Timer::Call { conversation: call.conversation_id.clone(), call: call.call_id.clone() };
    realtime.timers.set(&timer, delay).await
}

/// Tells the members what an earlier try may not have told them.
async fn tell_if_untold(realtime: &Realtime, caller: &SocketCaller, call: StoredCall) -> Result<Call, Error> {
    if call.is_untold() {
        tell(realtime, &call, Some(&caller.connection)).await?;
    }
    Ok(call.state.call)
}

/// Has a timer look at a call: what rings for too long was missed; who is gone from an active one has left it; and of one
/// that has ended, members who may not have been told are. Sets the next timer as long as it is live. This costs 1 read, and of an
/// active call 1 read for each user who is in it, 1 message and 1 write.
///
/// # Errors
/// [`Error::Internal`] if the table or a queue fails.
pub async fn check(realtime: &Realtime, conversation: &ConversationId, call: &CallId) -> Result<(), Error> {
    for round in 0..ROUNDS_MAX {
        let stands = realtime.table().call(conversation).await?;
        let Some(stands) = stands.filter(|stands| stands.state.call.call_id == *call) else { return Ok(()) };
        let (state, now) = (&stands.state, now());
        let next = match (state.call.state, state.call.rings_until) {
            (CallStage::Ringing, Some(until)) if !state.is_overdue(now) => {
                return set_timer(realtime, &state.call, until.since(now)).await;
            }
            (CallStage::Ringing, _) => state.ring_out(now),
            (CallStage::Active, _) if !state.was_looked_at(realtime.call_times.look, now) => {
                // Before the write, by which a repeat of this look is known.
                set_timer(realtime, &state.call, realtime.call_times.look).await?;
                Some(looked_at(realtime, state, now).await?)
            }
            (CallStage::Active | CallStage::Ended, _) => None,
        };
        let Some(next) = next else {
            return if stands.is_untold() { tell(realtime, &stands, None).await } else { Ok(()) };
        };
        let next = StoredCall::after(Some(&stands), next, None, now);
        if write(realtime, next, None).await?.is_some() {
            return Ok(());
        }
        back_off(round).await;
    }
    Err(Error::Internal("a call kept changing while a timer looked at it".into()))
}

/// Refuses a caller who has lost access while they joined a call, and has them leave it: 1 read. Whoever removes a member does so
/// first, and then looks at the call; so one of the two sees the other.
async fn check_still_joined(
    realtime: &Realtime,
    caller: &SocketCaller,
    channel: &Channel,
) -> Result<(), Error> {
    let checked = realtime.access.check_use(Caller::Socket(caller), channel, Capability::Join).await;
    if let Err(Error::NotJoined | Error::Forbidden(_)) = checked {
        remove(realtime, channel, |binding| binding.connection == caller.connection).await?;
    }
    checked
}
