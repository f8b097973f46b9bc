//! What a user says: messages, each until it is known what became of it, statuses, and what is of the moment.

use serde_json::{Value, json};
use tokio::time::Instant;

use super::app::App;
use super::calls::{Call, Draft, Kept};
use super::channel::State;
use super::socket::NONSENSE;
use crate::soak::record::Entry;
use crate::soak::world::has_presence;

impl App {
    /// Sends a message; with or without a key of the app's own.
    pub(super) fn say(&mut self, channel: &str, content: &str, has_key: bool) {
        self.messages += 1;
        let number = self.messages;
        // Of two messages none says the same, so that they can be told apart before their keys are known.
        let content = format!("{number}: {content}");
        let key = has_key.then(|| format!("{}-{number:06}", self.settings.device));
        if let Some(key) = &key {
            self.goes_out(channel, key, &content);
        }
        self.send(Draft { channel: channel.to_owned(), content, key, at: Instant::now() });
    }

    pub(super) fn send(&mut self, Draft { channel, content, key, .. }: Draft) {
        let options = key.as_ref().map_or(json!({}), |key| json!({"key": key}));
        let args = json!([channel, "chat.message", {"content": content}, options]);
        self.call("send", args, Call::Send { channel, content, key });
    }

    /// Sends one that is kept already, as an app does that has forgotten it; `choose` picks it by number of `n`.
    pub(super) fn repeat(&mut self, choose: impl FnOnce(usize) -> usize) -> bool {
        let is_joined =
            |kept: &&Kept| self.channels.get(&kept.channel).is_some_and(|one| one.state == State::Joined);
        let kept: Vec<&Kept> = self.kept.iter().filter(is_joined).collect();
        if kept.is_empty() {
            return false;
        }
        let Kept { channel, key, content } = kept[choose(kept.len())].clone();
        let args = json!([channel, "chat.message", {"content": content}, {"key": key}]);
        self.call("send", args, Call::Repeat { channel, key });
        true
    }

    /// Sends a message that must be refused: past the client, which would not let it out.
    pub(super) fn say_nonsense(&mut self, channel: &str) {
        let key = format!("{NONSENSE}{}-{}", self.settings.device, self.injected);
        self.inject("send", crate::client::chat(&key, channel, ""));
    }

    /// A message is on its way for the first time.
    pub(super) fn goes_out(&mut self, channel: &str, key: &str, content: &str) {
        if self.sent.insert(key.to_owned(), content.to_owned()).is_none() {
            let (channel, key, content) = (channel.to_owned(), key.to_owned(), content.to_owned());
            self.entries.push(Entry::Sent { channel, key, content });
        }
    }

    /// Tells the others a status of one's own.
    pub(super) fn say_status(&mut self, name: &str, status: &str) {
        let Some(channel) = self.channels.get_mut(name) else { return };
        let version = channel.says(status);
        let args = json!([name, "presence.update", {"status": status}]);
        self.call("send", args, Call::Say { channel: name.to_owned(), version });
    }

    /// Makes any other request on a channel.
    pub(super) fn ask(&mut self, method: &str, channel: &str, args: Value) {
        self.call(method, args, Call::Other(format!("{method} on {channel}")));
    }

    /// Asks who is in the channels that tell, once more only when the last answer has come.
    pub(super) fn look_around(&mut self) {
        for channel in self.joined().into_iter().filter(|channel| has_presence(channel)) {
            let is_asking = |call: &Call| matches!(call, Call::Look(asked) if *asked == channel);
            if !self.calls.values().any(is_asking) {
                self.call("presence", json!([channel]), Call::Look(channel));
            }
        }
    }
}
