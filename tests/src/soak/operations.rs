//! What a user does next, drawn from the device's own random numbers: the same seed draws the same operations.

use rand::RngExt as _;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use super::device::{App, Calling};
use super::part::Part;
use super::words;
use super::world::{has_log, has_presence};

/// The operations, each with its weight in the draw.
const OPERATIONS: [(Operation, u32); 28] = [
    (Operation::Say, 60),
    (Operation::SayMuch, 2),
    (Operation::SayByHttp, 6),
    (Operation::Reply, 10),
    (Operation::Edit, 14),
    (Operation::Delete, 5),
    (Operation::React, 18),
    (Operation::Repeat, 12),
    (Operation::Nonsense, 2),
    (Operation::Type, 20),
    (Operation::Status, 8),
    (Operation::UpdatePresence, 8),
    (Operation::Ack, 16),
    (Operation::History, 8),
    (Operation::AskPresence, 8),
    (Operation::Dial, 5),
    (Operation::Answer, 30),
    (Operation::Decline, 4),
    (Operation::HangUp, 10),
    (Operation::Leave, 6),
    (Operation::Cross, 8),
    (Operation::Join, 16),
    (Operation::Trespass, 4),
    (Operation::Reconnect, 1),
    (Operation::Close, 2),
    (Operation::Cut, 3),
    (Operation::Silence, 1),
    (Operation::Block, 1),
];

/// The longest of the long messages, so that a few of them do not fit into one reply.
const LONG_BYTES_MAX: usize = 15 * 1024;

/// The emojis that users react with: so few that many users choose the same one.
const EMOJIS: [&str; 4] = ["👍", "❤️", "😂", ":tada:"];

/// Something that a user does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Say,
    /// A long message.
    SayMuch,
    /// A message by HTTP, without the client.
    SayByHttp,
    /// A message that replies to another one.
    Reply,
    /// Gives a message another text: usually one of the user's own. Otherwise it is refused.
    Edit,
    /// Deletes a message. The team may delete everybody's.
    Delete,
    /// Reacts to a message, or takes the reaction back.
    React,
    /// Sends a message once more that is already in the log.
    Repeat,
    /// Sends a frame that must be refused, and that the client itself would not send.
    Nonsense,
    Type,
    Status,
    UpdatePresence,
    Ack,
    History,
    AskPresence,
    /// Starts a call, or joins the current one.
    Dial,
    /// Accepts a ringing call.
    Answer,
    Decline,
    HangUp,
    Leave,
    Join,
    /// Leaves and joins, or joins and leaves, without waiting for the answers.
    Cross,
    /// Tries to join a channel that the user may never join.
    Trespass,
    /// Makes the client open a new connection.
    Reconnect,
    /// Closes the client, at once or after its send queue is empty.
    Close,
    /// Cuts the connection without a closing handshake.
    Cut,
    /// The network delivers nothing more, and neither side is told.
    Silence,
    /// No WebSocket can be opened for a while.
    Block,
}

impl Operation {
    /// The part of a run that the operation belongs to, if that part can be left out.
    pub(super) const fn part(self) -> Option<Part> {
        match self {
            Self::Cross => Some(Part::Crossings),
            Self::UpdatePresence => Some(Part::Statuses),
            Self::SayMuch => Some(Part::Large),
            Self::SayByHttp | Self::Block => Some(Part::Http),
            Self::Reply | Self::Edit | Self::Delete | Self::React => Some(Part::Changes),
            Self::Dial | Self::Answer | Self::Decline | Self::HangUp => Some(Part::Calls),
            _ => None,
        }
    }

    /// Draws the next operation.
    pub(super) fn draw(random: &mut StdRng) -> Self {
        let all: u32 = OPERATIONS.iter().map(|(_, weight)| weight).sum();
        let mut place = random.random_range(0..all);
        for (operation, weight) in OPERATIONS {
            match place.checked_sub(weight) {
                Some(rest) => place = rest,
                None => return operation,
            }
        }
        Self::Say // not reached: the weights add up to `all`
    }

    /// The name in the report's table.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Say | Self::SayMuch => "send",
            Self::SayByHttp => "send by HTTP",
            Self::Reply => "reply",
            Self::Edit => "chat.edit",
            Self::Delete => "chat.delete",
            Self::React => "chat.reaction",
            Self::Repeat => "send again",
            Self::Nonsense => "send nonsense",
            Self::Type => "typing",
            Self::Status => "status",
            Self::UpdatePresence => "presence.update",
            Self::Ack => "ack",
            Self::History => "history",
            Self::AskPresence => "presence",
            Self::Dial => "call",
            Self::Answer => "accept",
            Self::Decline => "decline",
            Self::HangUp => "hang up",
            Self::Leave => "leave",
            Self::Join => "join",
            Self::Cross => "cross",
            Self::Trespass => "trespass",
            Self::Reconnect => "reconnect",
            Self::Close => "close",
            Self::Cut => "cut",
            Self::Silence => "silence",
            Self::Block => "no WebSockets",
        }
    }

    /// Draws a channel for the operation. Empty if the operation is not about a channel; `None` if none is suitable.
    pub(super) fn channel(self, all: &App, random: &mut StdRng) -> Option<String> {
        let mut channels = match self {
            Self::Say | Self::SayMuch => conversations(all.wanted()),
            Self::SayByHttp
            | Self::Reply
            | Self::Edit
            | Self::Delete
            | Self::React
            | Self::Nonsense
            | Self::Type
            | Self::UpdatePresence
            | Self::Ack => conversations(all.joined()),
            Self::History => all.joined().into_iter().filter(|channel| has_log(channel)).collect(),
            Self::AskPresence => all.joined().into_iter().filter(|channel| has_presence(channel)).collect(),
            Self::Dial => all.in_calls(|call| call.is_none()),
            Self::Answer | Self::Decline => all.in_calls(|call| call == Some(Calling::Rung)),
            Self::HangUp => all.in_calls(|call| call == Some(Calling::In)),
            Self::Leave => all.joined(),
            Self::Join => all.left(),
            Self::Cross => [all.joined(), all.left()].concat(),
            Self::Trespass => all.foreign(),
            Self::Repeat
            | Self::Status
            | Self::Reconnect
            | Self::Close
            | Self::Cut
            | Self::Silence
            | Self::Block => vec![String::new()],
        };
        if channels.is_empty() {
            return None;
        }
        Some(channels.swap_remove(random.random_range(0..channels.len())))
    }

    /// The share of changes that are made to one of the user's own messages.
    pub(super) const fn own_share(self) -> f64 {
        match self {
            Self::Edit => 0.85,
            Self::Delete => 0.6,
            _ => 0.0,
        }
    }

    /// The event and the draft of a change to a message.
    pub(super) fn change(self, target: u64, random: &mut StdRng) -> (&'static str, Value) {
        match self {
            Self::Delete => ("chat.delete", json!({"target": target})),
            Self::React => {
                let emoji = EMOJIS[random.random_range(0..EMOJIS.len())];
                ("chat.reaction", json!({"target": target, "emoji": emoji, "on": random.random_bool(0.7)}))
            }
            _ => ("chat.edit", json!({"target": target, "content": self.text(random)})),
        }
    }

    /// A random text for a message.
    pub(super) fn text(self, random: &mut StdRng) -> String {
        words::text(random, if self == Self::SayMuch { LONG_BYTES_MAX / 2..LONG_BYTES_MAX } else { 1..200 })
    }
}

fn conversations(mut channels: Vec<String>) -> Vec<String> {
    channels.retain(|channel| channel.starts_with("conversation:"));
    channels
}
