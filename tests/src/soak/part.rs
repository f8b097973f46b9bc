//! The parts of a run that can be left out.

use clap::ValueEnum;

/// A part of a run that can be left out, beside the faults that have a rate: to find out which one it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Part {
    /// `leave` and `join` of a channel that are under way at once on one socket.
    Crossings,
    /// Messages that users send by HTTP, and clients that poll, as no WebSocket can be opened.
    Http,
    /// Edits, deletions, reactions and replies.
    Changes,
    /// Users call each other.
    Calls,
    /// Statuses: `away`, `offline`, and `online` again.
    Statuses,
    /// The backend changes who takes part in conversations.
    Participants,
    /// The backend puts users out of channels, who come again.
    Kicks,
    /// The team's backend mutes and bans users for a while.
    Moderation,
    /// The messages of companies are indexed, and searched at the end.
    Search,
    /// The backend hears of conversations, at a URL that is out of order now and then.
    ChatEvents,
    /// Users who join by grants that last only seconds.
    Grants,
    /// Tokens that last only seconds, and are renewed or not.
    Expiry,
    /// Processes of functions that stand still for a while (SIGSTOP, SIGCONT).
    Pauses,
    /// The whole stack is killed (SIGKILL) and started again on its data.
    Kills,
    /// A channel with more than 50 members.
    Crowd,
    /// Events that cannot be published.
    Poison,
    /// Events that come after newer ones about the same thing.
    Late,
    /// What makes large replies: long messages, names to be escaped, many last values.
    Large,
    /// Devices that vanish for good.
    Vanishing,
}
