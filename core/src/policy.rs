//! The policy: one row for each kind of channel, and the decisions that follow from it. Nothing else decides who may join a
//! channel, what a client may publish there, or what is kept.

use std::time::Duration;

use crate::{
    Channel, CompanyId, Identity,
    channel::Kind,
    event::EventName::{
        self, AccessMuted, AnalyticsUpdate, AppEvent, AppSignal, CallUpdate, ChatCall, ChatDelete, ChatEdit,
        ChatMessage, ChatReaction, ChatReceipt, ChatTyping, FileReady, FileRefused, FunnelUpdate,
        InboxUpdate, PresenceCount, PresenceJoin, PresenceLeave, PresenceUpdate, ResourceUpdate, Signal,
        SystemNotification, UserNotification,
    },
};

const DAY: Duration = Duration::from_hours(24);

/// How an event is kept and delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// It is in the channel's log, with a `seq`.
    Durable,
    /// It is in the log, and `join` returns the latest event of each key.
    DurableAndLatest,
    /// Only the latest event of each key is kept, and `join` returns it.
    Latest,
    /// It is delivered and never written.
    Ephemeral,
}

impl Lane {
    /// Whether its events have a `seq` and need a `key`.
    pub const fn is_durable(self) -> bool {
        matches!(self, Self::Durable | Self::DurableAndLatest)
    }
}

/// Who may join a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Joiner {
    /// The team of the company in the channel's name.
    Team,
    /// The user in the channel's name.
    Owner,
    /// The participants of the conversation, and the team of its company.
    Participant,
    /// Every authenticated user.
    Anyone,
    /// The users who have access to the experience in the channel's name.
    Visitor,
    /// The users whose token names the room. Others need a grant.
    Guest,
}

/// How long events are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retention {
    /// For this time.
    For(Duration),
    /// For as long as the stack is configured; default: for ever.
    Configured,
}

/// The policy of one kind of channel.
#[derive(Debug)]
pub struct ChannelPolicy {
    /// The kind of channel.
    pub kind: Kind,
    /// Who may join a channel.
    pub joiner: Joiner,
    /// The events that may be published there, and how each is kept and delivered.
    pub events: &'static [(EventName, Lane)],
    /// The subset that clients may publish. The others come from the server or the backend.
    pub client_events: &'static [EventName],
    /// How long its events are kept.
    pub retention: Retention,
    /// Whether its members are told about each other.
    pub presence: bool,
    /// The number of partitions that its members are spread over. A partition of the table takes 1,000 write units a second, and
    /// every user may join `system`.
    pub shards: u8,
}

/// The policy of every kind of channel, which docs/channels.md describes.
pub const POLICY: [ChannelPolicy; 10] = [
    ChannelPolicy {
        kind: Kind::Company,
        joiner: Joiner::Team,
        events: &[
            (SystemNotification, Lane::Durable),
            (AppEvent, Lane::Durable),
            (AppSignal, Lane::Ephemeral),
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
    ChannelPolicy {
        kind: Kind::FunnelUpdates,
        joiner: Joiner::Team,
        events: &[(FunnelUpdate, Lane::DurableAndLatest)],
        client_events: &[],
        retention: Retention::For(DAY.saturating_mul(7)),
        presence: false,
        shards: 1,
    },
    ChannelPolicy {
        kind: Kind::ResourceUpdates,
        joiner: Joiner::Team,
        events: &[(ResourceUpdate, Lane::Durable)],
        client_events: &[],
        retention: Retention::For(DAY.saturating_mul(7)),
        presence: false,
        shards: 1,
    },
    ChannelPolicy {
        kind: Kind::Analytics,
        joiner: Joiner::Team,
        events: &[(AnalyticsUpdate, Lane::Latest)],
        client_events: &[],
        retention: Retention::For(DAY),
        presence: false,
        shards: 1,
    },
    ChannelPolicy {
        kind: Kind::User,
        joiner: Joiner::Owner,
        events: &[
            (UserNotification, Lane::Durable),
            (AppEvent, Lane::Durable),
            (AppSignal, Lane::Ephemeral),
            (InboxUpdate, Lane::Ephemeral),
            (FileReady, Lane::Ephemeral),
            (FileRefused, Lane::Ephemeral),
        ],
        client_events: &[],
        retention: Retention::For(DAY.saturating_mul(30)),
        presence: false,
        shards: 1,
    },
    ChannelPolicy {
        kind: Kind::Conversation,
        joiner: Joiner::Participant,
        events: &[
            (ChatMessage, Lane::Durable),
            (ChatEdit, Lane::Durable),
            (ChatDelete, Lane::Durable),
            (ChatReaction, Lane::Durable),
            (ChatCall, Lane::Durable),
            (FileReady, Lane::Durable),
            (FileRefused, Lane::Durable),
            (CallUpdate, Lane::Latest),
            (ChatTyping, Lane::Ephemeral),
            (ChatReceipt, Lane::Ephemeral),
            (Signal, Lane::Ephemeral),
            (AccessMuted, Lane::Ephemeral),
            (PresenceJoin, Lane::Ephemeral),
            (PresenceLeave, Lane::Ephemeral),
            (PresenceUpdate, Lane::Ephemeral),
            (PresenceCount, Lane::Ephemeral),
        ],
        client_events: &[ChatMessage, ChatEdit, ChatDelete, ChatReaction, ChatTyping, Signal, PresenceUpdate],
        retention: Retention::Configured,
        presence: true,
        shards: 1,
    },
    ChannelPolicy {
        kind: Kind::Inbox,
        joiner: Joiner::Team,
        events: &[(InboxUpdate, Lane::Ephemeral)],
        client_events: &[],
        retention: Retention::For(DAY),
        presence: false,
        shards: 1,
    },
    ChannelPolicy {
        kind: Kind::System,
        joiner: Joiner::Anyone,
        events: &[(SystemNotification, Lane::Durable)],
        client_events: &[],
        retention: Retention::For(DAY.saturating_mul(7)),
        presence: false,
        shards: 16,
    },
    ChannelPolicy {
        kind: Kind::Experience,
        joiner: Joiner::Visitor,
        events: OF_THE_APP,
        client_events: &[],
        retention: Retention::For(DAY.saturating_mul(7)),
        presence: true,
        shards: 4,
    },
    ChannelPolicy {
        kind: Kind::Room,
        joiner: Joiner::Guest,
        events: OF_THE_APP,
        client_events: &[AppEvent, AppSignal, PresenceUpdate],
        retention: Retention::For(DAY.saturating_mul(7)),
        presence: true,
        shards: 1,
    },
];

/// The events of a channel that has only the app's own ones, and presence.
const OF_THE_APP: &[(EventName, Lane)] = &[
    (AppEvent, Lane::Durable),
    (AppSignal, Lane::Ephemeral),
    (PresenceJoin, Lane::Ephemeral),
    (PresenceLeave, Lane::Ephemeral),
    (PresenceUpdate, Lane::Ephemeral),
    (PresenceCount, Lane::Ephemeral),
];

impl Kind {
    /// The policy of this kind.
    pub const fn policy(self) -> &'static ChannelPolicy {
        // A test checks that the rows are in the order of the enum.
        &POLICY[self as usize]
    }
}

impl ChannelPolicy {
    /// How this event is kept and delivered here. `None` if it is no event of this kind of channel.
    pub fn lane(&self, event: EventName) -> Option<Lane> {
        self.events.iter().find(|(name, _)| *name == event).map(|(_, lane)| *lane)
    }

    /// Whether clients may publish this event here.
    pub fn client_may_publish(&self, event: EventName) -> bool {
        self.client_events.contains(&event)
    }
}

/// Whether a user may join a channel, as far as the token tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinDecision {
    /// The user may join.
    Allowed,
    /// The user may not join.
    Refused,
    /// The conversation decides; see [`may_join_conversation`].
    DependsOnConversation,
}

/// Decides whether a user may join a channel, as far as their token alone tells.
pub fn may_join(identity: &Identity, channel: &Channel) -> JoinDecision {
    let allowed = match channel.kind().policy().joiner {
        Joiner::Team => channel.company().is_some_and(|company| identity.is_team_of(company)),
        Joiner::Owner => matches!(channel, Channel::User(user) if *user == identity.user),
        Joiner::Anyone => true,
        Joiner::Visitor => {
            matches!(channel, Channel::Experience(experience) if identity.experiences.contains(experience))
        }
        Joiner::Guest => matches!(channel, Channel::Room(room) if identity.rooms.contains(room)),
        Joiner::Participant => return JoinDecision::DependsOnConversation,
    };
    if allowed { JoinDecision::Allowed } else { JoinDecision::Refused }
}

/// Whether a user may join a conversation that belongs to `company`. A conversation that the backend has not announced (`None`)
/// may be joined by nobody.
pub fn may_join_conversation(identity: &Identity, company: Option<&CompanyId>, is_participant: bool) -> bool {
    company.is_some_and(|company| is_participant || identity.is_team_of(company))
}

/// Whether a member may stay in a conversation that now belongs to `company`: as a participant, or because they joined as one of
/// the team of the same company.
pub fn may_stay_in_conversation(
    company: &CompanyId,
    is_participant: bool,
    joined_as_team_of: Option<&CompanyId>,
) -> bool {
    is_participant || joined_as_team_of == Some(company)
}

/// Whether a caller may read, set or end a conversation: they must be the backend of the company that it is `given_to` (`None` for
/// reading and ending) and of the company that owns it (`None` if it has not been announced). So no backend can take a
/// conversation of another company.
pub fn may_manage_conversation(
    identity: &Identity,
    owner: Option<&CompanyId>,
    given_to: Option<&CompanyId>,
) -> bool {
    (owner.is_some() || given_to.is_some())
        && owner.into_iter().chain(given_to).all(|company| identity.is_backend_of(company))
}

/// Whether a caller may restrict users in a company: as one of its team, or as its backend.
pub fn may_moderate(identity: &Identity, company: &CompanyId) -> bool {
    identity.is_team_of(company) || identity.is_backend_of(company)
}

#[cfg(test)]
mod tests;
