//! The policy: one row a kind of channel, and the few questions that are asked of it. There is no other place that
//! decides who may join, what a client may publish, or what is kept.

use std::time::Duration;

use crate::{
    Channel, CompanyId, Identity,
    channel::Kind,
    event::EventName::{
        self, AnalyticsUpdate, ChatMessage, ChatReceipt, ChatTyping, FunnelUpdate, PresenceCount,
        PresenceJoin, PresenceLeave, PresenceUpdate, ResourceUpdate, Signal, SystemNotification,
        UserNotification,
    },
};

const DAY: Duration = Duration::from_hours(24);

/// What becomes of an event on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// In the channel's log, with a seq.
    Durable,
    /// In the log, and the last one of each key is given on join.
    DurableAndLatest,
    /// Only the last one of each key is kept, and given on join.
    Latest,
    /// Never written.
    Ephemeral,
}

impl Lane {
    /// Whether its events have a seq, and need a key.
    pub const fn is_durable(self) -> bool {
        matches!(self, Self::Durable | Self::DurableAndLatest)
    }
}

/// Who may join.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Joiner {
    /// The team of the company in the channel's name.
    Team,
    /// The user in the channel's name.
    Owner,
    /// A participant of the conversation, or the team of its company.
    Participant,
    /// Every authenticated user.
    Anyone,
}

/// How long a kept event is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retention {
    /// This long.
    For(Duration),
    /// As long as the stack's configuration says; for ever by default.
    Configured,
}

/// One row of the policy.
#[derive(Debug)]
pub struct Row {
    /// For which channels.
    pub kind: Kind,
    /// Who may join.
    pub joiner: Joiner,
    /// What may appear on it, and what becomes of each.
    pub events: &'static [(EventName, Lane)],
    /// What of that a client may publish; the rest is the server's and the backend's.
    pub client_events: &'static [EventName],
    /// How long what is kept is kept.
    pub retention: Retention,
    /// Whether its members see each other.
    pub presence: bool,
    /// Over how many partitions its members are spread: a partition writes 1,000 units a second, and everybody
    /// joins `system`.
    pub shards: u8,
}

/// The table of docs/channels.md.
pub const POLICY: [Row; 7] = [
    Row {
        kind: Kind::Company,
        joiner: Joiner::Team,
        events: &[
            (SystemNotification, Lane::Durable),
            (PresenceJoin, Lane::Ephemeral),
            (PresenceLeave, Lane::Ephemeral),
            (PresenceUpdate, Lane::Ephemeral),
            (PresenceCount, Lane::Ephemeral),
        ],
        client_events: &[],
        retention: Retention::For(DAY.saturating_mul(7)),
        presence: true,
        shards: 4,
    },
    Row {
        kind: Kind::FunnelUpdates,
        joiner: Joiner::Team,
        events: &[(FunnelUpdate, Lane::DurableAndLatest)],
        client_events: &[],
        retention: Retention::For(DAY.saturating_mul(7)),
        presence: false,
        shards: 1,
    },
    Row {
        kind: Kind::ResourceUpdates,
        joiner: Joiner::Team,
        events: &[(ResourceUpdate, Lane::Durable)],
        client_events: &[],
        retention: Retention::For(DAY.saturating_mul(7)),
        presence: false,
        shards: 1,
    },
    Row {
        kind: Kind::Analytics,
        joiner: Joiner::Team,
        events: &[(AnalyticsUpdate, Lane::Latest)],
        client_events: &[],
        retention: Retention::For(DAY),
        presence: false,
        shards: 1,
    },
    Row {
        kind: Kind::User,
        joiner: Joiner::Owner,
        events: &[(UserNotification, Lane::Durable)],
        client_events: &[],
        retention: Retention::For(DAY.saturating_mul(30)),
        presence: false,
        shards: 1,
    },
    Row {
        kind: Kind::Conversation,
        joiner: Joiner::Participant,
        events: &[
            (ChatMessage, Lane::Durable),
            (ChatTyping, Lane::Ephemeral),
            (ChatReceipt, Lane::Ephemeral),
            (Signal, Lane::Ephemeral),
            (PresenceJoin, Lane::Ephemeral),
            (PresenceLeave, Lane::Ephemeral),
            (PresenceUpdate, Lane::Ephemeral),
            (PresenceCount, Lane::Ephemeral),
        ],
        client_events: &[ChatMessage, ChatTyping, Signal, PresenceUpdate],
        retention: Retention::Configured,
        presence: true,
        shards: 1,
    },
    Row {
        kind: Kind::System,
        joiner: Joiner::Anyone,
        events: &[(SystemNotification, Lane::Durable)],
        client_events: &[],
        retention: Retention::For(DAY.saturating_mul(7)),
        presence: false,
        shards: 16,
    },
];

impl Kind {
    /// The row for this kind.
    pub const fn policy(self) -> &'static Row {
        // In the order of the enum, which a test checks: an index cannot fail to find its row.
        &POLICY[self as usize]
    }
}

impl Row {
    /// What becomes of this event here; `None` where it has no place.
    pub fn lane(&self, event: EventName) -> Option<Lane> {
        self.events.iter().find(|(name, _)| *name == event).map(|(_, lane)| *lane)
    }

    /// Whether a client may publish it here.
    pub fn client_may_publish(&self, event: EventName) -> bool {
        self.client_events.contains(&event)
    }
}

/// The answer to "may this user join?".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Yes.
    Allowed,
    /// No.
    Refused,
    /// It depends on the conversation: see [`may_join_conversation`].
    DependsOnConversation,
}

/// Whether this user may join this channel, as far as their token alone can tell.
pub fn may_join(identity: &Identity, channel: &Channel) -> Admission {
    let allowed = match channel.kind().policy().joiner {
        Joiner::Team => channel.company().is_some_and(|company| identity.is_team_of(company)),
        Joiner::Owner => matches!(channel, Channel::User(user) if *user == identity.user),
        Joiner::Anyone => true,
        Joiner::Participant => return Admission::DependsOnConversation,
    };
    if allowed { Admission::Allowed } else { Admission::Refused }
}

/// Whether this user may join a conversation of `company` (`None`: nobody has told us of it), being one of its
/// participants or not.
pub fn may_join_conversation(identity: &Identity, company: Option<&CompanyId>, is_participant: bool) -> bool {
    company.is_some_and(|company| is_participant || identity.is_team_of(company))
}

/// Whether a member of a conversation may stay in it now that it is `company`'s: the user takes part in it, or joined as
/// one of the team of that same company.
pub fn may_stay_in_conversation(
    company: &CompanyId,
    is_participant: bool,
    joined_as_team_of: Option<&CompanyId>,
) -> bool {
    is_participant || joined_as_team_of == Some(company)
}

/// Whether this caller may say whose a conversation is and who takes part: the backend of the company that it is to be
/// `given_to` (`None`: it is only looked at, or ended), and of the one that has it (`None`: nobody has told us of it).
/// So no backend takes what is another company's.
pub fn may_manage_conversation(
    identity: &Identity,
    owner: Option<&CompanyId>,
    given_to: Option<&CompanyId>,
) -> bool {
    (owner.is_some() || given_to.is_some())
        && owner.into_iter().chain(given_to).all(|company| identity.is_backend_of(company))
}

#[cfg(test)]
mod tests;
