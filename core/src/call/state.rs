//! A call as the server keeps it: with the connections that are in it, and with every change that it can undergo.
//!
//! Everything here is a function of the state before. The table applies one change at a time, by conditional writes; so what
//! holds for every sequence of changes, which the tests go through, holds for all that may happen side by side.

use std::{collections::BTreeSet, time::Duration};

use serde::{Deserialize, Serialize};

use super::snapshot::{
    CALL_USERS_LISTED_MAX, CALL_USERS_MAX, Call, CallId, CallMedia, CallOutcome, CallPart, CallReason,
    CallStage, CallUser, PeerId,
};
use crate::{ConnectionId, ConversationId, Timestamp, UserId, identity::Name, version::Revision};

/// The connection on which a device is in a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Binding {
    /// The user.
    pub user: UserId,
    /// The device.
    pub peer_id: PeerId,
    /// The connection.
    pub connection: ConnectionId,
    /// When it was last known to be connected.
    pub alive_at: Timestamp,
    /// Whether the last look found it gone. The next one that does so ends its part.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_missing: bool,
}

/// A device of a user, on a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// The user.
    pub user: UserId,
    /// The user's display name.
    pub name: Name,
    /// The device.
    pub peer_id: PeerId,
    /// The connection.
    pub connection: ConnectionId,
}

/// A call that is about to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCall {
    /// Its id.
    pub call_id: CallId,
    /// The conversation.
    pub conversation: ConversationId,
    /// What it begins with.
    pub media: CallMedia,
    /// The device that starts it.
    pub peer: Peer,
}

/// A call, and what only the server knows of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallState {
    /// The call as clients see it.
    pub call: Call,
    /// A connection for each user who is in it.
    pub bindings: Vec<Binding>,
    /// When it was last looked whether they are connected; [`Timestamp::EPOCH`] if it never was.
    pub looked_at: Timestamp,
}

/// Why a change is refused: the end of a sentence for the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Another device of the same user is in the call.
    OtherDevice,
    /// The call does not allow it.
    Stands(&'static str),
}

/// What a change makes of a call: another state, or nothing because it has been made before.
pub type Change = Result<Option<CallState>, Refusal>;

impl CallState {
    const OF_ANOTHER: Refusal = Refusal::Stands("another user has this `peerId`");

    /// A call that begins to ring for this time. `before` is the revision of the conversation's last call.
    pub fn start(new: NewCall, before: Option<Revision>, ring: Duration, at: Timestamp) -> Self {
        let NewCall { call_id, conversation, media, peer } = new;
        let call = Call {
            call_id,
            conversation_id: conversation,
            revision: Revision::at(at, before),
            state: CallStage::Ringing,
            media,
            started_by: peer.user.clone(),
            started_at: at,
            accepted_at: None,
            ended_at: None,
            outcome: None,
            rings_until: Some(at + ring),
            participants: Vec::new(),
        };
        let mut state = Self { call, bindings: Vec::new(), looked_at: Timestamp::EPOCH };
        state.put(&peer, CallPart::Joined, None);
        state.bind(peer, at);
        state
    }

    /// The same call is started again, by a retry or on another connection of the same device.
    ///
    /// # Errors
    /// A [`Refusal`] for any other device, and after the end.
    pub fn start_again(&self, peer: Peer, at: Timestamp) -> Change {
        if !self.call.is_live() {
            return Err(Refusal::Stands("the call has ended"));
        }
        if self.joined(&peer).is_none() {
            return Err(Refusal::Stands("the conversation has a call already; join it"));
        }
        Ok(self.bound_again(peer, at))
    }

    /// A device joins, or comes back on another connection. `replaced` is a device of the same user that is gone, if one is.
    ///
    /// # Errors
    /// A [`Refusal`] if another device of the user is in the call, if the call is full or has ended, if this device has left it,
    /// or if another user has a device of this id.
    pub fn accept(&self, peer: Peer, replaced: Option<&PeerId>, at: Timestamp) -> Change {
        let stands = |why| Err(Refusal::Stands(why));
        if !self.call.is_live() {
            return stands("the call has ended");
        }
        if self.is_overdue(at) {
            return stands("the call has rung out");
        }
        if self.is_of_another(&peer) {
            return Err(Self::OF_ANOTHER);
        }
        let own = self.call.participants.iter().find(|of| of.user_id == peer.user);
        match own {
            Some(own) if own.state == CallPart::Joined && own.peer_id == peer.peer_id => {
                return Ok(self.bound_again(peer, at));
            }
            Some(own) if own.state == CallPart::Joined && replaced != Some(&own.peer_id) => {
                return Err(Refusal::OtherDevice);
            }
            Some(own) if own.state == CallPart::Left && own.peer_id == peer.peer_id => {
                return stands("this `peerId` has left the call; join with another one");
            }
            _ => {}
        }
        let others = self.call.joined().filter(|of| of.user_id != peer.user).count();
        if others >= CALL_USERS_MAX {
            return stands("the call is full");
        }
        let mut next = self.next();
        next.put(&peer, CallPart::Joined, None);
        next.bind(peer, at);
        if next.bindings.len() >= 2 && next.call.state == CallStage::Ringing {
            next.call.state = CallStage::Active;
            next.call.accepted_at = Some(at);
            next.call.rings_until = None;
        }
        Ok(Some(next))
    }

    /// A user does not want to be in the call. `asked` are the conversation's participants.
    ///
    /// # Errors
    /// A [`Refusal`] if the user is in the call, or if another user has a device of this id.
    pub fn decline(
        &self,
        peer: &Peer,
        asked: &BTreeSet<UserId>,
        reason: Option<CallReason>,
        at: Timestamp,
    ) -> Change {
        if !self.call.is_live() {
            return Ok(None);
        }
        let own = self.call.participants.iter().find(|of| of.user_id == peer.user).map(|own| own.state);
        match own {
            Some(CallPart::Declined) => return Ok(None),
            Some(CallPart::Joined) => return Err(Refusal::OtherDevice),
            Some(CallPart::Left) | None => {}
        }
        if self.is_of_another(peer) {
            return Err(Self::OF_ANOTHER);
        }
        let mut next = self.next();
        next.put(peer, CallPart::Declined, reason);
        let has_declined = |user: &UserId| {
            let mut users = next.call.participants.iter();
            users.any(|of| of.user_id == *user && of.state == CallPart::Declined)
        };
        let mut others = asked.iter().filter(|user| **user != self.call.started_by).peekable();
        if next.call.state == CallStage::Ringing && others.peek().is_some() && others.all(has_declined) {
            next.end(CallOutcome::Declined, at);
        }
        Ok(Some(next))
    }

    /// A device leaves. One that is not in the call changes nothing.
    pub fn leave(&self, peer: &Peer, reason: Option<CallReason>, at: Timestamp) -> Option<Self> {
        self.joined(peer)?;
        self.without(|binding| binding.user == peer.user, reason, |_| at)
    }

    /// Connections that may no longer be in the conversation leave.
    pub fn remove(&self, is_removed: impl Fn(&Binding) -> bool, at: Timestamp) -> Option<Self> {
        self.without(is_removed, None, |_| at)
    }

    /// A user is erased: whatever is said of them is said of the erased user, and they are in it no more. `None` if nothing is.
    pub fn erase(&self, user: &UserId) -> Option<Self> {
        let is_known = self.call.started_by == *user
            || self.call.participants.iter().any(|of| of.user_id == *user)
            || self.bindings.iter().any(|of| of.user == *user);
        if !is_known {
            return None;
        }
        let erased = UserId::erased();
        let mut next = self.next();
        next.bindings.retain(|of| of.user != *user);
        if next.call.started_by == *user {
            next.call.started_by = erased.clone();
        }
        for of in next.call.participants.iter_mut().filter(|of| of.user_id == *user) {
            let state = if of.state == CallPart::Joined { CallPart::Left } else { of.state };
            let peer_id = PeerId::try_from(UserId::ERASED.to_owned()).unwrap_or_else(|_| of.peer_id.clone());
            *of = CallUser {
                name: Name::from(&erased),
                user_id: erased.clone(),
                peer_id,
                state,
                reason: of.reason,
            };
        }
        Some(next)
    }

    /// Time has passed: what has rung for too long was missed.
    pub fn ring_out(&self, at: Timestamp) -> Option<Self> {
        let until = self.call.rings_until.filter(|_| self.is_overdue(at))?;
        let mut next = self.next();
        next.end(CallOutcome::Missed, until);
        Some(next)
    }

    /// Whether it still rings, and should not.
    pub fn is_overdue(&self, at: Timestamp) -> bool {
        self.call.rings_until.is_some_and(|until| until <= at)
    }

    /// Whether a look at this time would be a repeat of the last one, where there is a look each `interval`.
    pub fn was_looked_at(&self, interval: Duration, at: Timestamp) -> bool {
        at < self.looked_at + interval * 2 / 3
    }

    /// A look finds these connections alive, and those gone that are not among them. Who is gone at two looks has left, and
    /// the call has lasted as long as two were known to be there.
    #[must_use]
    pub fn look(&self, is_alive: impl Fn(&Binding) -> bool, at: Timestamp) -> Self {
        let mut seen = Self { looked_at: at, ..self.clone() };
        let mut lost = BTreeSet::new();
        for binding in &mut seen.bindings {
            if is_alive(binding) {
                (binding.alive_at, binding.is_missing) = (at, false);
            } else if std::mem::replace(&mut binding.is_missing, true) {
                lost.insert(binding.peer_id.clone());
            }
        }
        let together_until = |bindings: &[Binding]| {
            let mut times: Vec<Timestamp> = bindings.iter().map(|binding| binding.alive_at).collect();
            times.sort_unstable();
            times.len().checked_sub(2).map_or(at, |second| times[second])
        };
        seen.without(|binding| lost.contains(&binding.peer_id), None, together_until).unwrap_or(seen)
    }

    /// The call without the users of these connections; `None` if it has none of them. `ends_at` is when it ends, if it does.
    fn without(
        &self,
        is_out: impl Fn(&Binding) -> bool,
        reason: Option<CallReason>,
        ends_at: impl FnOnce(&[Binding]) -> Timestamp,
    ) -> Option<Self> {
        if !self.call.is_live() || !self.bindings.iter().any(&is_out) {
            return None;
        }
        let mut next = self.next();
        let (out, stay): (Vec<Binding>, Vec<Binding>) = next.bindings.into_iter().partition(|of| is_out(of));
        next.bindings = stay;
        for user in &mut next.call.participants {
            if user.state == CallPart::Joined && out.iter().any(|binding| binding.user == user.user_id) {
                (user.state, user.reason) = (CallPart::Left, reason);
            }
        }
        let enough = if next.call.state == CallStage::Ringing { 1 } else { 2 };
        if next.bindings.len() < enough {
            let outcome = match (next.call.state, reason) {
                (_, Some(CallReason::Failed)) => CallOutcome::Failed,
                (CallStage::Ringing, _) => CallOutcome::Canceled,
                _ => CallOutcome::Ended,
            };
            next.end(outcome, ends_at(&self.bindings));
        }
        Some(next)
    }

    /// The same, to be told anew.
    #[must_use]
    pub fn again(&self) -> Self {
        self.next()
    }

    /// This state with the next revision.
    fn next(&self) -> Self {
        let mut next = self.clone();
        next.call.revision = next.call.revision.next();
        next
    }

    /// Whether another user is listed with the id of this device. Everybody in the conversation sees the ids, and whoever could be
    /// listed with that of another user would keep them from coming back on another connection.
    fn is_of_another(&self, peer: &Peer) -> bool {
        self.call.participants.iter().any(|of| of.peer_id == peer.peer_id && of.user_id != peer.user)
    }

    /// Whether a device is in the call, on whatever connection.
    pub fn has(&self, user: &UserId, peer_id: &PeerId) -> bool {
        self.bindings.iter().any(|of| of.user == *user && of.peer_id == *peer_id)
    }

    /// The binding of a device that is in the call.
    fn joined(&self, peer: &Peer) -> Option<&Binding> {
        self.bindings.iter().find(|of| of.user == peer.user && of.peer_id == peer.peer_id)
    }

    /// This state with a device, which is in the call, on another connection; `None` if it is on this one. Clients see no difference.
    fn bound_again(&self, peer: Peer, at: Timestamp) -> Option<Self> {
        let bound = self.joined(&peer)?;
        if bound.connection == peer.connection && !bound.is_missing {
            return None;
        }
        let mut next = self.clone();
        next.bind(peer, at);
        Some(next)
    }

    fn bind(&mut self, Peer { user, peer_id, connection, .. }: Peer, at: Timestamp) {
        self.bindings.retain(|binding| binding.user != user);
        self.bindings.push(Binding { user, peer_id, connection, alive_at: at, is_missing: false });
    }

    /// Lists a user in this part, in place of what was said of them before.
    fn put(&mut self, peer: &Peer, state: CallPart, reason: Option<CallReason>) {
        let Peer { user, name, peer_id, .. } = peer.clone();
        let listed = CallUser { user_id: user, name, peer_id, state, reason };
        let users = &mut self.call.participants;
        match users.iter_mut().find(|of| of.user_id == listed.user_id) {
            Some(of) => *of = listed,
            None => users.push(listed),
        }
        if users.len() > CALL_USERS_LISTED_MAX
            && let Some(out) =
                users.iter().position(|of| of.state != CallPart::Joined && of.user_id != self.call.started_by)
        {
            users.remove(out);
        }
    }

    fn end(&mut self, outcome: CallOutcome, at: Timestamp) {
        let call = &mut self.call;
        call.state = CallStage::Ended;
        call.outcome = Some(outcome);
        call.ended_at = Some(at.max(call.accepted_at.unwrap_or(call.started_at)));
        call.rings_until = None;
        for user in &mut call.participants {
            if user.state == CallPart::Joined {
                user.state = CallPart::Left;
            }
        }
        self.bindings.clear();
    }
}
