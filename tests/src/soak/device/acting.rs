//! The operations that a user performs, one after the other.

use std::ops::Range;
use std::time::Duration;

use rand::RngExt as _;
use rand::rngs::StdRng;
use serde_json::json;
use tokio::time::Instant;

use super::app::App;
use super::calls::Said;
use super::{Device, Surroundings};
use crate::soak::operations::Operation;
use crate::soak::part::Part;

/// The longest pause between two operations.
const PAUSE_MS_MAX: u64 = 450;
/// The longest that a user stays away after closing the connection.
const AWAY_MS_MAX: u64 = 1_500;
/// How long no WebSocket can be opened: long enough for the client to change to HTTP.
const BLOCKED_MS: Range<u64> = 4_000..9_000;
/// The share of changes that are made by HTTP, without the client.
const BY_HTTP: f64 = 0.15;

impl Device {
    /// Draws an operation and performs it; then the user pauses.
    pub(super) fn act(&mut self, around: &Surroundings) {
        let now = Instant::now();
        self.busy_at = now + Duration::from_millis(self.random.random_range(0..PAUSE_MS_MAX));
        let operation = Operation::draw(&mut self.random);
        let is_left_out = operation.part().is_some_and(|part| !around.plan.has(part));
        if is_left_out || !self.app.is_free() {
            return;
        }
        if self.perform(operation, now, around.plan.has(Part::Http)) {
            *self.operations.entry(operation.name()).or_default() += 1;
        }
    }

    /// Performs an operation if it is possible now. Returns whether it was.
    fn perform(&mut self, operation: Operation, now: Instant, has_http: bool) -> bool {
        let (app, random) = (&mut self.app, &mut self.random);
        let Some(channel) = operation.channel(app, random) else { return false };
        let channel = channel.as_str();
        match operation {
            Operation::Say => app.say(channel, &operation.text(random), None, random.random()),
            Operation::SayMuch => app.say(channel, &operation.text(random), None, false),
            Operation::SayByHttp => {
                let said = app.message(channel, &operation.text(random), None);
                return app.say_by_http(&mut self.by_http, said);
            }
            Operation::Reply => {
                let Some(target) = target(app, channel, 0.0, random) else { return false };
                app.say(channel, &operation.text(random), Some(target), random.random());
            }
            Operation::Edit | Operation::Delete | Operation::React => {
                let Some(target) = target(app, channel, operation.own_share(), random) else { return false };
                let (event, data) = operation.change(target, random);
                let change = Said { channel: channel.to_owned(), event: event.to_owned(), data };
                if has_http && random.random_bool(BY_HTTP) {
                    return app.say_by_http(&mut self.by_http, change);
                }
                app.change(change);
            }
            Operation::Repeat => return app.repeat(|kept| random.random_range(0..kept)),
            Operation::Nonsense => app.say_nonsense(channel),
            Operation::Type => app.ask("send", channel, json!([channel, "chat.typing", {"isTyping": true}])),
            Operation::UpdatePresence => {
                let status = ["online", "away", "away", "offline"][random.random_range(0..4)];
                app.say_status(channel, status);
            }
            Operation::Ack => {
                let Some(seq @ 1..) = app.channels.get(channel).and_then(|one| one.last) else {
                    return false;
                };
                let state = if random.random() { "read" } else { "delivered" };
                app.ask("ack", channel, json!([channel, seq, state]));
            }
            Operation::History => app.ask("history", channel, json!([channel, {"limit": 10}])),
            Operation::AskPresence => app.ask("presence", channel, json!([channel])),
            Operation::Status => app.ask_status(),
            Operation::Dial => app.dial(channel, "start"),
            Operation::Answer => app.dial(channel, "accept"),
            Operation::Decline => app.dial(channel, "decline"),
            Operation::HangUp => app.dial(channel, "hangUp"),
            Operation::Leave => app.unsubscribe(channel),
            Operation::Cross => app.cross(channel, now),
            Operation::Join => app.subscribe(channel),
            Operation::Trespass => app.trespass(channel),
            Operation::Reconnect => app.reconnect(),
            Operation::Close => {
                app.close(random.random());
                self.connect_at = now + Duration::from_millis(random.random_range(0..AWAY_MS_MAX));
            }
            Operation::Cut => app.harm("cut", json!({})),
            Operation::Silence => app.harm("silence", json!({})),
            Operation::Block => app.harm("block", json!({"ms": random.random_range(BLOCKED_MS)})),
        }
        true
    }
}

/// A message that the user can see in a channel; with probability `own`, one of their own.
fn target(app: &App, channel: &str, own: f64, random: &mut StdRng) -> Option<u64> {
    let by = random.random_bool(own).then_some(&*app.settings.person.id);
    let messages = app.channels.get(channel)?.messages(by);
    (!messages.is_empty()).then(|| messages[random.random_range(0..messages.len())])
}
