//! Channels: `system`, or `kind:id` such as `conversation:c1`. Who may do what on them is in [`policy`](crate::policy).

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{CompanyId, ConversationId, Error, ExperienceId, RoomId, UserId};

/// The error for a name whose kind does not exist.
const NO_KIND: &str = "must be `system`, or `kind:id` with one of the kinds company, funnel_updates, resource_updates, analytics, \
                       user, conversation, inbox, experience, room";

/// A channel: what clients join and events are published on.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("pattern" = Kind::pattern(), "examples" = ["conversation:conv-123"])))]
#[serde(try_from = "String", into = "String")]
pub enum Channel {
    /// `company:{companyId}`: the presence of the company's team, and notifications for it.
    Company(CompanyId),
    /// `funnel_updates:{companyId}`: the generation and deployment of the company's funnels.
    FunnelUpdates(CompanyId),
    /// `resource_updates:{companyId}`: changes and synchronisations of the company's resources.
    ResourceUpdates(CompanyId),
    /// `analytics:{companyId}`: the company's metrics.
    Analytics(CompanyId),
    /// `user:{userId}`: notifications for one user.
    User(UserId),
    /// `conversation:{conversationId}`: a chat, with typing, receipts, presence and signals.
    Conversation(ConversationId),
    /// `inbox:{companyId}`: what is new in the company's conversations.
    Inbox(CompanyId),
    /// `system`: notifications for every user.
    System,
    /// `experience:{experienceId}`: the app's own events for everybody who has access to an experience, with presence.
    Experience(ExperienceId),
    /// `room:{roomId}`: the app's own events among the users whom its backend admits, with presence.
    Room(RoomId),
}

/// The kind of a channel, without its id. The policy has a row for each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The kind of [`Channel::Company`].
    Company,
    /// The kind of [`Channel::FunnelUpdates`].
    FunnelUpdates,
    /// The kind of [`Channel::ResourceUpdates`].
    ResourceUpdates,
    /// The kind of [`Channel::Analytics`].
    Analytics,
    /// The kind of [`Channel::User`].
    User,
    /// The kind of [`Channel::Conversation`].
    Conversation,
    /// The kind of [`Channel::Inbox`].
    Inbox,
    /// The kind of [`Channel::System`].
    System,
    /// The kind of [`Channel::Experience`].
    Experience,
    /// The kind of [`Channel::Room`].
    Room,
}

impl Kind {
    /// Every kind, in the order of the policy.
    pub const ALL: [Self; 10] = [
        Self::Company,
        Self::FunnelUpdates,
        Self::ResourceUpdates,
        Self::Analytics,
        Self::User,
        Self::Conversation,
        Self::Inbox,
        Self::System,
        Self::Experience,
        Self::Room,
    ];

    /// Whether the names of this kind's channels have an id after the colon.
    pub const fn has_id(self) -> bool {
        !matches!(self, Self::System)
    }

    /// The name of a channel of this kind, up to the colon.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Company => "company",
            Self::FunnelUpdates => "funnel_updates",
            Self::ResourceUpdates => "resource_updates",
            Self::Analytics => "analytics",
            Self::User => "user",
            Self::Conversation => "conversation",
            Self::Inbox => "inbox",
            Self::System => "system",
            Self::Experience => "experience",
            Self::Room => "room",
        }
    }

    /// The grammar of channels' names, as a regular expression.
    #[cfg(feature = "schema")]
    fn pattern() -> String {
        let kinds = Self::ALL.into_iter().filter(|kind| kind.has_id());
        format!(
            "^(system|({}):[A-Za-z0-9_-]{{1,64}})$",
            kinds.map(Self::as_str).collect::<Vec<_>>().join("|")
        )
    }
}

impl Channel {
    /// The kind of the channel.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Company(_) => Kind::Company,
            Self::FunnelUpdates(_) => Kind::FunnelUpdates,
            Self::ResourceUpdates(_) => Kind::ResourceUpdates,
            Self::Analytics(_) => Kind::Analytics,
            Self::User(_) => Kind::User,
            Self::Conversation(_) => Kind::Conversation,
            Self::Inbox(_) => Kind::Inbox,
            Self::System => Kind::System,
            Self::Experience(_) => Kind::Experience,
            Self::Room(_) => Kind::Room,
        }
    }

    /// The company in the channel's name, if it has one.
    pub const fn company(&self) -> Option<&CompanyId> {
        match self {
            Self::Company(id)
            | Self::FunnelUpdates(id)
            | Self::ResourceUpdates(id)
            | Self::Analytics(id)
            | Self::Inbox(id) => Some(id),
            Self::User(_) | Self::Conversation(_) | Self::System | Self::Experience(_) | Self::Room(_) => {
                None
            }
        }
    }

    fn id(&self) -> Option<&str> {
        match self {
            Self::User(id) => Some(id.as_str()),
            Self::Conversation(id) => Some(id.as_str()),
            Self::Experience(id) => Some(id.as_str()),
            Self::Room(id) => Some(id.as_str()),
            other => other.company().map(CompanyId::as_str),
        }
    }
}

impl FromStr for Channel {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        fn id<T: FromStr>(text: &str) -> Result<T, Error> {
            text.parse()
                .map_err(|_| Error::InvalidChannel("must have an id that matches [A-Za-z0-9_-]{1,64}"))
        }
        match text.split_once(':') {
            None if text == "system" => Ok(Self::System),
            Some(("company", rest)) => id(rest).map(Self::Company),
            Some(("funnel_updates", rest)) => id(rest).map(Self::FunnelUpdates),
            Some(("resource_updates", rest)) => id(rest).map(Self::ResourceUpdates),
            Some(("analytics", rest)) => id(rest).map(Self::Analytics),
            Some(("user", rest)) => id(rest).map(Self::User),
            Some(("conversation", rest)) => id(rest).map(Self::Conversation),
            Some(("inbox", rest)) => id(rest).map(Self::Inbox),
            Some(("experience", rest)) => id(rest).map(Self::Experience),
            Some(("room", rest)) => id(rest).map(Self::Room),
            _ => Err(Error::InvalidChannel(NO_KIND)),
        }
    }
}

impl TryFrom<String> for Channel {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<Channel> for String {
    fn from(channel: Channel) -> Self {
        channel.to_string()
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind().as_str())?;
        self.id().map_or(Ok(()), |id| write!(f, ":{id}"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn malformed_names_are_refused() {
        for bad in
            ["", "system:", "system:x", "company", "company:", "Company:a", "user:a:b", "user: a", "x:a"]
        {
            assert!(matches!(bad.parse::<Channel>(), Err(Error::InvalidChannel(_))), "{bad:?}");
        }
    }

    #[test]
    fn the_error_of_an_unknown_kind_names_all_kinds() {
        for kind in Kind::ALL {
            assert!(NO_KIND.contains(kind.as_str()), "{kind:?}");
        }
    }

    proptest! {
        #[test]
        fn a_channel_is_its_name(
            name in "system|(company|funnel_updates|resource_updates|analytics|user|conversation|inbox|experience|room):[A-Za-z0-9_-]{1,64}"
        ) {
            prop_assert_eq!(name.parse::<Channel>().unwrap().to_string(), name);
        }

        #[test]
        fn nothing_else_parses_into_something_else(text in "\\PC{0,80}") {
            if let Ok(channel) = text.parse::<Channel>() {
                prop_assert_eq!(channel.to_string(), text);
            }
        }
    }
}
