//! What a user sends: messages and their changes, each until it is acknowledged or refused, statuses, and other requests.

use serde_json::{Value, json};
use tokio::time::Instant;

use super::app::App;
use super::calls::{Call, Draft, Kept, Said};
use super::channel::State;
use super::socket::NONSENSE;
use crate::soak::record::Entry;
use crate::soak::world::has_presence;

impl App {
    /// Sends a message, which may reply to another one, with or without a key of the app's own.
    pub(super) fn say(&mut self, channel: &str, content: &str, reply_to: Option<u64>, has_key: bool) {
        let said = self.message(channel, content, reply_to);
        self.say_as(said, has_key);
    }

    /// Sends a change with a key of the app's own, because two changes may be equal.
    pub(super) fn change(&mut self, change: Said) {
        self.messages += 1;
        self.say_as(change, true);
    }

    /// Makes a message. No two are equal, so they can be told apart before their keys are known.
    pub(super) fn message(&mut self, channel: &str, content: &str, reply_to: Option<u64>) -> Said {
        self.messages += 1;
        let mut data = json!({"content": format!("{}: {content}", self.messages)});
        if let Some(seq) = reply_to {
            data["replyTo"] = seq.into();
        }
        Said { channel: channel.to_owned(), event: "chat.message".to_owned(), data }
    }

    fn say_as(&mut self, said: Said, has_key: bool) {
        let key = has_key.then(|| format!("{}-{:06}", self.settings.device, self.messages));
        if let Some(key) = &key {
            self.goes_out(&said, key);
        }
        self.send(Draft { said, key, is_retry: false, at: Instant::now() });
    }

    pub(super) fn send(&mut self, Draft { said, key, is_retry, .. }: Draft) {
        let options = key.as_ref().map_or(json!({}), |key| json!({"key": key, "isRetry": is_retry}));
        let args = json!([said.channel, said.event, said.data, options]);
        self.call("send", args, Call::Send { said, key });
    }

    /// Sends again a message that is in the log, like an app that has forgotten the ack. `choose` gets their number, and picks one.
    pub(super) fn repeat(&mut self, choose: impl FnOnce(usize) -> usize) -> bool {
        let is_joined = |kept: &&Kept| {
            self.channels.get(&kept.said.channel).is_some_and(|one| one.state == State::Joined)
        };
        let kept: Vec<&Kept> = self.kept.iter().filter(is_joined).collect();
        if kept.is_empty() {
            return false;
        }
        let Kept { said: Said { channel, event, data }, key } = kept[choose(kept.len())].clone();
        let args = json!([channel, event, data, {"key": key, "isRetry": true}]);
        self.call("send", args, Call::Repeat { channel, key });
        true
    }

    /// Sends a message that must be refused. It bypasses the client, which would not send it.
    pub(super) fn say_nonsense(&mut self, channel: &str) {
        let key = format!("{NONSENSE}{}-{}", self.settings.device, self.injected);
        self.inject("send", crate::client::chat(&key, channel, ""));
    }

    /// Records a message or a change that is sent for the first time.
    pub(super) fn goes_out(&mut self, said: &Said, key: &str) {
        if self.sent.insert(key.to_owned(), said.clone()).is_none() {
            let (Said { channel, event, data }, key) = (said.clone(), key.to_owned());
            self.entries.push(Entry::Sent { channel, key, event, data });
        }
    }

    /// Publishes the user's own status.
    pub(super) fn say_status(&mut self, name: &str, status: &str) {
        let Some(channel) = self.channels.get_mut(name) else { return };
        let version = channel.says(status);
        let args = json!([name, "presence.update", {"status": status}]);
        self.call("send", args, Call::Say { channel: name.to_owned(), version });
    }

    /// Makes another request about a channel.
    pub(super) fn ask(&mut self, method: &str, channel: &str, args: Value) {
        self.call(method, args, Call::Other(format!("{method} on {channel}")));
    }

    /// Asks for the rosters of the joined channels with presence, except where a request is still under way.
    pub(super) fn look_around(&mut self) {
        for channel in self.joined().into_iter().filter(|channel| has_presence(channel)) {
            let is_asking = |call: &Call| matches!(call, Call::Look(asked) if *asked == channel);
            if !self.calls.values().any(is_asking) {
                self.call("presence", json!([channel]), Call::Look(channel));
            }
        }
    }
}
