//! The state of a device: what it has joined as its client says, and what the server says of that.

use std::collections::BTreeMap;

use super::app::App;
use super::calls::Call;
use super::channel::{Channel, State};
use super::socket::Socket;
use crate::soak::record::Standing;
use crate::soak::world::has_presence;

impl App {
    /// The current state.
    pub(super) fn standing(&self) -> Standing {
        if self.has_vanished {
            return Standing { has_vanished: true, ..Standing::default() };
        }
        let joined: BTreeMap<_, _> =
            self.channels.iter().filter(|(_, channel)| channel.state == State::Joined).collect();
        let socket = self.socket().map(|(_, socket)| socket);
        let mut unposted = socket.map(Socket::unposted).unwrap_or_default();
        unposted.retain(|channel, _| joined.contains_key(channel));
        let rosters = |of: fn(&Channel) -> &Option<_>| {
            let known = joined.iter().filter(|(name, _)| has_presence(name));
            known.filter_map(|(name, channel)| Some(((*name).clone(), of(channel).clone()?))).collect()
        };
        let statuses = joined.iter().filter(|(name, _)| has_presence(name));
        let counted = joined.iter().filter_map(|(name, one)| Some(((*name).clone(), one.counted?)));
        let is_waiting = self.calls.values().any(|call| self.is_awaited(call)) || !self.drafts.is_empty();
        Standing {
            is_up: self.is_up(),
            is_settled: self.is_up()
                && !is_waiting
                && self.calling.is_empty()
                && self.channels.values().all(|one| one.is_settled(self.is_quiet)),
            has_vanished: false,
            barred: self.in_state(|channel| channel.state == State::Barred).into_iter().collect(),
            known: socket.and_then(Socket::known),
            unposted,
            calling: self.calling.keys().cloned().collect(),
            statuses: statuses.map(|(name, channel)| ((*name).clone(), channel.known_status())).collect(),
            rosters: rosters(|channel| &channel.roster),
            counted: counted.collect(),
            told: rosters(|channel| &channel.told),
            joined: joined.iter().filter_map(|(name, one)| Some(((*name).clone(), one.last?))).collect(),
        }
    }

    /// Whether the answer to a call must still arrive. A refused channel is subscribed to again and again, and is not waited for.
    fn is_awaited(&self, call: &Call) -> bool {
        match call {
            Call::Look(_) => false,
            Call::Subscribe(name) => {
                self.channels.get(name).is_none_or(|channel| channel.state != State::Barred)
            }
            _ => true,
        }
    }
}
