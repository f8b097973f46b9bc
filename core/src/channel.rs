//! Channels: `kind` or `kind:id`, e.g. `conversation:c1`. Who may do what on them is in [`policy`](crate::policy).

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{CompanyId, ConversationId, Error, UserId};

/// Something to join, publish to, and hear from.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("pattern" = Kind::pattern())))]
#[serde(try_from = "String", into = "String")]
pub enum Channel {
    /// `company:{companyId}`: who of the team is here, and company-wide notices.
    Company(CompanyId),
    /// `funnel_updates:{companyId}`: generation and deployment of the company's funnels.
    FunnelUpdates(CompanyId),
    /// `resource_updates:{companyId}`: changes and syncs of the company's resources.
    ResourceUpdates(CompanyId),
    /// `analytics:{companyId}`: the company's metrics.
    Analytics(CompanyId),
    /// `user:{userId}`: for one user's eyes.
    User(UserId),
    /// `conversation:{conversationId}`: a chat.
    Conversation(ConversationId),
    /// `system`: for everybody.
    System,
}

/// A channel without its id: what the policy is written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// See [`Channel::Company`].
    Company,
    /// See [`Channel::FunnelUpdates`].
    FunnelUpdates,
    /// See [`Channel::ResourceUpdates`].
    ResourceUpdates,
    /// See [`Channel::Analytics`].
    Analytics,
    /// See [`Channel::User`].
    User,
    /// See [`Channel::Conversation`].
    Conversation,
    /// See [`Channel::System`].
    System,
}

impl Kind {
    /// Whether each channel of this kind is somebody's, whose id it has after the colon.
    pub const fn has_id(self) -> bool {
        !matches!(self, Self::System)
    }

    /// The channel's name up to the colon.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Company => "company",
            Self::FunnelUpdates => "funnel_updates",
            Self::ResourceUpdates => "resource_updates",
            Self::Analytics => "analytics",
            Self::User => "user",
            Self::Conversation => "conversation",
            Self::System => "system",
        }
    }

    /// The grammar of channels, as a regular expression.
    #[cfg(feature = "schema")]
    fn pattern() -> String {
        let kinds = crate::policy::POLICY.iter().map(|row| row.kind).filter(|kind| kind.has_id());
        format!(
            "^(system|({}):[A-Za-z0-9_-]{{1,64}})$",
            kinds.map(Self::as_str).collect::<Vec<_>>().join("|")
        )
    }
}

impl Channel {
    /// The channel without its id.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Company(_) => Kind::Company,
            Self::FunnelUpdates(_) => Kind::FunnelUpdates,
            Self::ResourceUpdates(_) => Kind::ResourceUpdates,
            Self::Analytics(_) => Kind::Analytics,
            Self::User(_) => Kind::User,
            Self::Conversation(_) => Kind::Conversation,
            Self::System => Kind::System,
        }
    }

    /// The company in the channel's name, where there is one.
    pub const fn company(&self) -> Option<&CompanyId> {
        match self {
            Self::Company(id) | Self::FunnelUpdates(id) | Self::ResourceUpdates(id) | Self::Analytics(id) => {
                Some(id)
            }
            Self::User(_) | Self::Conversation(_) | Self::System => None,
        }
    }

    fn id(&self) -> Option<&str> {
        match self {
            Self::User(id) => Some(id.as_str()),
            Self::Conversation(id) => Some(id.as_str()),
            other => other.company().map(CompanyId::as_str),
        }
    }
}

impl FromStr for Channel {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        fn id<T: FromStr>(text: &str) -> Result<T, Error> {
            text.parse().map_err(|_| Error::InvalidChannel("its id is [A-Za-z0-9_-]{1,64}"))
        }
        match text.split_once(':') {
            None if text == "system" => Ok(Self::System),
            Some(("company", rest)) => id(rest).map(Self::Company),
            Some(("funnel_updates", rest)) => id(rest).map(Self::FunnelUpdates),
            Some(("resource_updates", rest)) => id(rest).map(Self::ResourceUpdates),
            Some(("analytics", rest)) => id(rest).map(Self::Analytics),
            Some(("user", rest)) => id(rest).map(Self::User),
            Some(("conversation", rest)) => id(rest).map(Self::Conversation),
            _ => Err(Error::InvalidChannel("no such kind")),
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
    fn what_is_no_channel() {
        for bad in
            ["", "system:", "system:x", "company", "company:", "Company:a", "user:a:b", "user: a", "x:a"]
        {
            assert!(matches!(bad.parse::<Channel>(), Err(Error::InvalidChannel(_))), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn a_channel_is_its_name(
            name in "system|(company|funnel_updates|resource_updates|analytics|user|conversation):[A-Za-z0-9_-]{1,64}"
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
