//! What a user does next, drawn from the device's own random numbers: one seed has the user do the same again.

use rand::RngExt as _;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::part::Part;
use super::session::Session;
use super::world::{World, has_log, has_presence};

/// What users do, and how often beside the rest.
const OPERATIONS: [(Operation, u32); 16] = [
    (Operation::Say, 30),
    (Operation::SayMuch, 1),
    (Operation::Repeat, 6),
    (Operation::Nonsense, 1),
    (Operation::Type, 10),
    (Operation::Status, 4),
    (Operation::UpdatePresence, 4),
    (Operation::Ack, 8),
    (Operation::History, 4),
    (Operation::AskPresence, 4),
    (Operation::Leave, 3),
    (Operation::Cross, 4),
    (Operation::Join, 8),
    (Operation::Trespass, 2),
    (Operation::Close, 1),
    (Operation::Cut, 2),
];

/// The longest of the messages that are long, so that a few of them cut a reply: the limit is 16 KiB.
const LONG_BYTES_MAX: usize = 15 * 1024;

/// Something that a user does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Say,
    /// A long message.
    SayMuch,
    /// Sends once more what is kept already.
    Repeat,
    /// Sends what must be refused.
    Nonsense,
    Type,
    Status,
    UpdatePresence,
    Ack,
    History,
    AskPresence,
    Leave,
    Join,
    /// Leaves and joins, or joins and leaves, without waiting for the answers.
    Cross,
    /// Tries to join what is not for the user.
    Trespass,
    /// Closes the connection as a browser does.
    Close,
    /// Cuts it without a goodbye.
    Cut,
}

impl Operation {
    /// The part of a run that has it, where it can be left out.
    pub(super) const fn part(self) -> Option<Part> {
        match self {
            Self::Cross => Some(Part::Crossings),
            Self::UpdatePresence => Some(Part::Statuses),
            Self::SayMuch => Some(Part::Large),
            _ => None,
        }
    }

    /// The next one.
    pub(super) fn draw(random: &mut StdRng) -> Self {
        let all: u32 = OPERATIONS.iter().map(|(_, weight)| weight).sum();
        let mut place = random.random_range(0..all);
        for (operation, weight) in OPERATIONS {
            match place.checked_sub(weight) {
                Some(rest) => place = rest,
                None => return operation,
            }
        }
        Self::Say // not reached: the weights add up to all
    }

    /// For the table.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Say | Self::SayMuch => "send",
            Self::Repeat => "send again",
            Self::Nonsense => "send nonsense",
            Self::Type => "typing",
            Self::Status => "status",
            Self::UpdatePresence => "presence.update",
            Self::Ack => "ack",
            Self::History => "history",
            Self::AskPresence => "presence",
            Self::Leave => "leave",
            Self::Join => "join",
            Self::Cross => "cross",
            Self::Trespass => "trespass",
            Self::Close => "close",
            Self::Cut => "cut",
        }
    }

    /// Does it, where it is possible now; whether it was. What concerns the connection itself is for its owner to do.
    pub(super) fn perform(
        self,
        session: &mut Session,
        user: &str,
        world: &World,
        random: &mut StdRng,
        now: Instant,
    ) -> bool {
        let channels = match self {
            Self::Say | Self::SayMuch => conversations(session.wanted()),
            Self::Nonsense | Self::Type | Self::UpdatePresence | Self::Ack => conversations(session.joined()),
            Self::History => session.joined().into_iter().filter(|channel| has_log(channel)).collect(),
            Self::AskPresence => {
                session.joined().into_iter().filter(|channel| has_presence(channel)).collect()
            }
            Self::Leave => session.joined(),
            Self::Join => session.left(),
            Self::Cross => [session.joined(), session.left()].concat(),
            Self::Trespass => {
                world.channels().into_iter().filter(|channel| !world.may_join(user, channel)).collect()
            }
            Self::Repeat | Self::Status | Self::Close | Self::Cut => vec![String::new()],
        };
        if channels.is_empty() {
            return false;
        }
        let channel = &channels[random.random_range(0..channels.len())];
        match self {
            Self::Say => session.say(channel, text(random, 1..200), now),
            Self::SayMuch => session.say(channel, text(random, LONG_BYTES_MAX / 2..LONG_BYTES_MAX), now),
            Self::Repeat => session.repeat(|kept| random.random_range(0..kept), now),
            Self::Nonsense => session.say_nonsense(channel, now),
            Self::Type => publish(session, channel, "chat.typing", &json!({"isTyping": true}), now),
            Self::UpdatePresence => {
                let status = ["online", "away", "away", "offline"][random.random_range(0..4)];
                session.say_status(channel, status, now);
            }
            Self::Ack => session.ack(channel, if random.random() { "read" } else { "delivered" }, now),
            Self::History => session.ask("history", json!({"channel": channel, "limit": 10}), now),
            Self::AskPresence => session.ask("presence", json!({"channel": channel}), now),
            Self::Status => session.ask_status(now),
            Self::Leave => drop(session.leave(channel, now)),
            Self::Cross => session.cross(channel, now),
            Self::Join => session.join(channel, now),
            Self::Trespass => session.trespass(channel, now),
            Self::Close | Self::Cut => {}
        }
        true
    }
}

fn conversations(mut channels: Vec<String>) -> Vec<String> {
    channels.retain(|channel| channel.starts_with("conversation:"));
    channels
}

fn publish(session: &mut Session, channel: &str, event: &str, data: &Value, now: Instant) {
    session.ask("send", json!({"channel": channel, "event": event, "data": data}), now);
}

/// Letters, as a rule; or what becomes twice as long in JSON, which just fits into a frame of 32 KiB.
fn text(random: &mut StdRng, bytes: std::ops::Range<usize>) -> String {
    let length = random.random_range(bytes);
    if random.random_bool(0.1) {
        return "\n".repeat(length);
    }
    (0..length).map(|_| char::from(random.random_range(b'a'..=b'z'))).collect()
}
