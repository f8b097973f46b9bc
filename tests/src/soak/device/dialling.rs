//! The calls of conversations, as the app sees them. What the server says of them is in `answers`.

use serde_json::json;

use super::app::App;
use super::channel::State;

/// How a user takes part in a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::soak) enum Calling {
    /// It rings for them.
    Rung,
    /// They are in it, or want to be.
    In,
}

impl App {
    /// Whether the client follows the call of a channel. With a grant that lasts only seconds, a call would be over at once.
    pub(super) fn has_call(&self, name: &str) -> bool {
        let is_by_grant = self.settings.by_grant.iter().any(|own| own == name);
        name.starts_with("conversation:") && !is_by_grant && self.settings.has_calls
    }

    /// The conversations that are joined, and whose calls are so.
    pub(in crate::soak) fn in_calls(&self, wanted: impl Fn(Option<Calling>) -> bool) -> Vec<String> {
        let channels = self.channels.iter().filter(|(name, one)| {
            one.state == State::Joined && self.has_call(name) && wanted(self.calling.get(*name).copied())
        });
        channels.map(|(name, _)| name.clone()).collect()
    }

    /// The client tells how a call stands.
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

    /// Hangs up everywhere, also on whoever calls.
    pub(super) fn hang_up(&self) {
        for channel in self.calling.keys() {
            self.dial(channel, "hangUp");
        }
    }
}
