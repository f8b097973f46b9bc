//! The parts of a run that can be left out.

use clap::ValueEnum;

/// A part of a run that can be left out, to find out which part a breach depends on. Faults that have a rate are not among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Part {
    /// `leave` and `join` of one channel under way at the same time on one socket.
    Crossings,
    /// Messages that users send by HTTP, and clients that poll because no WebSocket can be opened.
    Http,
    /// Edits, deletions, reactions and replies.
    Changes,
    /// Users call each other.
    Calls,
    /// Statuses: `away`, `offline`, and `online` again.
    Statuses,
    /// The backend changes who takes part in conversations.
    Participants,
    /// The backend removes users from channels; they may join again.
    Kicks,
    /// The team's backend mutes and bans users for a while.
    Moderation,
    /// The messages of companies are indexed, and searched at the end.
    Search,
    /// The backend hears of conversations, at a URL that is out of order now and then.
    ChatEvents,
    /// Users who join by grants that last only seconds.
    Grants,
    /// Tokens that last only seconds. Some are renewed, some are not.
    Expiry,
    /// Paused processes of functions (SIGSTOP, SIGCONT).
    Pauses,
    /// The whole stack is killed (SIGKILL) and started again on its data.
    Kills,
    /// A channel with more than 50 members.
    Crowd,
    /// Events that cannot be published.
    Poison,
    /// Events that are published after newer ones about the same thing.
    Late,
    /// What makes replies large: long messages, names that JSON escapes, many latest values.
    Large,
    /// Devices that disconnect for good.
    Vanishing,
}
