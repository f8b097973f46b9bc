//! Moderation: users who may not send, or not even be, in a conversation or in any conversation of a company.
//!
//! A restriction concerns users who are not of the company's team. It is kept for a member of the team too, and counts once they
//! have left the team.

use serde::{Deserialize, Serialize};

use crate::{Channel, CompanyId, ConversationId, Error, Timestamp, UserId, text::Text, version::Revision};

limits! {
    /// The longest reason of a restriction, in bytes.
    pub const RESTRICTION_REASON_BYTES_MAX: usize = 256;
}

/// The reason of a restriction.
pub type Reason = Text<RESTRICTION_REASON_BYTES_MAX>;

/// How a user is restricted. A later one is stronger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RestrictionKind {
    /// Not at all: an earlier restriction is lifted.
    None,
    /// The user may join, but not send.
    Mute,
    /// The user may neither join nor send, nor read.
    Ban,
}

/// A restriction of one user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Restriction {
    /// How the user is restricted.
    pub restriction: RestrictionKind,
    /// When the restriction ends; for good, if there is no such time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// The reason, which the user is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
}

impl Restriction {
    /// Whether it restricts the user at `now`.
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        self.restriction != RestrictionKind::None && self.until.is_none_or(|until| now < until)
    }

    /// The restriction in force that counts, of several: a ban rather than a mute, and of two equal ones the one that lasts longer.
    pub fn strongest(all: impl IntoIterator<Item = Self>, now: Timestamp) -> Option<Self> {
        let in_force = all.into_iter().filter(|restriction| restriction.is_in_force(now));
        in_force.max_by_key(|one| (one.restriction, one.until.is_none(), one.until))
    }

    /// Whether a ban in force is what counts, of several restrictions of one user.
    pub fn bans(all: impl IntoIterator<Item = Self>, now: Timestamp) -> bool {
        Self::strongest(all, now).is_some_and(|one| one.restriction == RestrictionKind::Ban)
    }

    /// It as what a user is told who may not send.
    pub fn as_mute(&self) -> Option<Mute> {
        (self.restriction == RestrictionKind::Mute)
            .then(|| Mute { until: self.until, reason: self.reason.clone() })
    }

    /// Refuses a user who is banned.
    ///
    /// # Errors
    /// [`Error::Banned`] if this is a ban.
    pub fn check_ban(&self) -> Result<(), Error> {
        match self {
            Self { restriction: RestrictionKind::Ban, until, reason } => Err(Error::Banned {
                until: until.map(|until| until.to_string()),
                reason: reason.as_ref().map(|text| text.as_str().to_owned()),
            }),
            _ => Ok(()),
        }
    }
}

/// Why and until when a user may not send in a channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Mute {
    /// When the user may send again; never, if there is no such time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// The reason, as the team or the backend gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
}

impl Mute {
    /// Refuses a user who is muted at `now`.
    ///
    /// # Errors
    /// [`Error::Muted`] if there is a mute and it has not ended.
    pub fn check(mute: Option<&Self>, now: Timestamp) -> Result<(), Error> {
        match mute {
            Some(Self { until, reason }) if until.is_none_or(|until| now < until) => Err(Error::Muted {
                until: until.map(|until| until.to_string()),
                reason: reason.as_ref().map(|text| text.as_str().to_owned()),
            }),
            _ => Ok(()),
        }
    }
}

/// Where a restriction counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Scope {
    /// In one conversation.
    Conversation(ConversationId),
    /// In all conversations of a company.
    Company(CompanyId),
}

impl Scope {
    /// The scope that a request names by one of the two ids.
    ///
    /// # Errors
    /// [`Error::Invalid`] if it names none or both.
    pub fn new(conversation: Option<ConversationId>, company: Option<CompanyId>) -> Result<Self, Error> {
        match (conversation, company) {
            (Some(conversation), None) => Ok(Self::Conversation(conversation)),
            (None, Some(company)) => Ok(Self::Company(company)),
            (None, None) => Err(Error::invalid("conversationId", "is missing; or else `companyId`")),
            (Some(_), Some(_)) => Err(Error::invalid("companyId", "must be absent beside `conversationId`")),
        }
    }

    /// The channel of whose order a change of the restriction is part.
    pub fn channel(&self) -> Channel {
        match self {
            Self::Conversation(conversation) => Channel::Conversation(conversation.clone()),
            Self::Company(company) => Channel::Company(company.clone()),
        }
    }
}

/// The detail of a `Moderation` event, and the body of the request: how a user is restricted from now on, in a conversation or in
/// all conversations of a company.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Moderation {
    /// The user.
    pub user_id: UserId,
    /// The conversation in which the restriction counts; or else `companyId`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<ConversationId>,
    /// The company in all of whose conversations it counts; or else `conversationId`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub company_id: Option<CompanyId>,
    /// How the user is restricted; `none` lifts an earlier restriction of the same conversation or company.
    pub restriction: RestrictionKind,
    /// When the restriction ends; default: never. One that has ended already is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// The reason, which the user is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// The backend's count of its changes to this restriction. The higher one is newer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<Revision>,
    /// When the change was made; default: the time of the event, or of the request. A time in the future counts as now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Timestamp>,
}

impl Moderation {
    /// Where the restriction counts.
    ///
    /// # Errors
    /// Those of [`Scope::new`].
    pub fn scope(&self) -> Result<Scope, Error> {
        Scope::new(self.conversation_id.clone(), self.company_id.clone())
    }

    /// The restriction itself.
    pub fn restriction(&self) -> Restriction {
        Restriction { restriction: self.restriction, until: self.until, reason: self.reason.clone() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    fn restriction(kind: RestrictionKind, until: Option<i64>) -> Restriction {
        Restriction { restriction: kind, until: until.map(at), reason: None }
    }

    fn any_restriction() -> impl Strategy<Value = Restriction> {
        let kind =
            prop_oneof![Just(RestrictionKind::None), Just(RestrictionKind::Mute), Just(RestrictionKind::Ban)];
        (kind, prop::option::of(0i64..20)).prop_map(|(kind, until)| restriction(kind, until))
    }

    #[test]
    fn a_restriction_ends_at_its_time_and_one_without_never() {
        for kind in [RestrictionKind::Mute, RestrictionKind::Ban] {
            assert!(restriction(kind, Some(10)).is_in_force(Timestamp::from_millis(9_999)));
            assert!(!restriction(kind, Some(10)).is_in_force(at(10)));
            assert!(restriction(kind, None).is_in_force(at(4_102_444_800)));
        }
        assert!(!restriction(RestrictionKind::None, None).is_in_force(at(0)));
    }

    #[test]
    fn who_is_muted_is_told_until_when_and_why() {
        let mute = Mute { until: Some(at(10)), reason: Some("spam".to_owned().try_into().unwrap()) };
        let refusal = Mute::check(Some(&mute), at(9)).unwrap_err();
        let until = Some("1970-01-01T00:00:10.000Z".to_owned());
        assert_eq!(refusal, Error::Muted { until, reason: Some("spam".to_owned()) });
        assert_eq!(refusal.to_string(), "you may not send here until 1970-01-01T00:00:10.000Z: spam");
        assert_eq!(Mute::check(Some(&mute), at(10)), Ok(()));
        assert_eq!(Mute::check(None, at(9)), Ok(()));
        let for_good = Mute { until: None, reason: None };
        assert_eq!(Mute::check(Some(&for_good), at(9)).unwrap_err().to_string(), "you may not send here");
    }

    #[test]
    fn a_request_names_a_conversation_or_a_company() {
        let (conversation, company) = ("c1".parse().ok(), "biz_1".parse().ok());
        for (conversation, company, outcome) in [
            (conversation.clone(), None, Ok("conversation:c1".to_owned())),
            (None, company.clone(), Ok("company:biz_1".to_owned())),
            (None, None, Err(Some("conversationId".to_owned()))),
            (conversation, company, Err(Some("companyId".to_owned()))),
        ] {
            let scope = Scope::new(conversation, company).map(|scope| scope.channel().to_string());
            assert_eq!(scope.map_err(|error| error.field().map(str::to_owned)), outcome);
        }
    }

    proptest! {
        /// Whatever is restricted in one of two scopes is so in both together, and nothing else is.
        #[test]
        fn the_strongest_restricts_as_all_do(all in prop::collection::vec(any_restriction(), 0..4), now in 0i64..20) {
            let strongest = Restriction::strongest(all.clone(), at(now));
            let is = |kind| all.iter().any(|one| one.restriction == kind && one.is_in_force(at(now)));
            let expected = if is(RestrictionKind::Ban) {
                Some(RestrictionKind::Ban)
            } else {
                is(RestrictionKind::Mute).then_some(RestrictionKind::Mute)
            };
            prop_assert_eq!(strongest.as_ref().map(|one| one.restriction), expected);
            // It lasts as long as any of its kind, so that who is told of it is not told of another when it ends.
            if let Some(strongest) = strongest {
                for one in all.iter().filter(|one| one.restriction == strongest.restriction && one.is_in_force(at(now))) {
                    prop_assert!(strongest.until.is_none() || one.until.is_some_and(|until| Some(until) <= strongest.until));
                }
            }
        }
    }
}
