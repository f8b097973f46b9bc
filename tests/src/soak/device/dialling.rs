//! The calls in conversations, as the app sees them. The server's replies about them are in `answers`.

use serde_json::json;

use super::app::App;
use super::channel::State;

/// How a user takes part in a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::soak) enum Calling {
    /// It rings for the user.
    Rung,
    /// The user is in it, or has asked to be.
    In,
}

impl App {
    /// Whether the client follows the calls of a channel. It does not where it joins by grants, which may end within seconds, and
    /// the call with them.
    pub(super) fn has_call(&self, name: &str) -> bool {
        let is_by_grant = self.settings.by_grant.iter().any(|own| own == name);
        name.starts_with("conversation:") && !is_by_grant && self.settings.has_calls
    }

    /// The joined conversations whose call, as the app sees it, matches.
    pub(in crate::soak) fn in_calls(&self, wanted: impl Fn(Option<Calling>) -> bool) -> Vec<String> {
        let channels = self.channels.iter().filter(|(name, one)| {
            one.state == State::Joined && self.has_call(name) && wanted(self.calling.get(*name).copied())
        });
        channels.map(|(name, _)| name.clone()).collect()
    }

    /// The client reports the state of a call.
    pub(super) fn call_changed(&mut self, channel: String, state: &str, direction: Option<&str>) {
        match (state, direction) {
            ("idle" | "ended", _) => self.calling.remove(&channel),
            ("ringing", Some("incoming")) => self.calling.insert(channel, Calling::Rung),
            _ => self.calling.insert(channel, Calling::In),
        };
    }

    pub(super) fn dial(&self, channel: &str, how: &str) {
        self.line.command("dial", json!({"channel": channel, "how": how}));
    }

    /// Hangs up every call, also those that only ring.
    pub(super) fn hang_up(&self) {
        for channel in self.calling.keys() {
            self.dial(channel, "hangUp");
        }
    }
}
