//! The identity of a caller: the claims of their token, which the authorizer's context carries to every later event of the
//! connection.

use std::{
    collections::{BTreeMap, BTreeSet},
    str::FromStr,
};

use serde::{Deserialize, Serialize};

use crate::{
    CompanyId, Error, ExperienceId, RoomId, Timestamp, UserId,
    text::{garbles, is_visible},
};

limits! {
    /// The longest display name of a user, in bytes.
    pub const NAME_BYTES_MAX: usize = 128;
    /// The most companies in one token. With ids of 64 bytes they fit the 8 KiB that API Gateway allows for the response of an
    /// authorizer (<https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html>).
    pub const COMPANIES_MAX: usize = 50;
    /// The most experiences in one token.
    pub const EXPERIENCES_MAX: usize = 10;
    /// The most rooms in one token. A grant opens any number of others.
    pub const ROOMS_MAX: usize = 10;
}

/// The name of a user of whose name there is nothing to see.
const UNSEEN: &str = "?";

/// A user's display name: 1 to [`NAME_BYTES_MAX`] bytes of which something is visible, and that do not garble the text around
/// them. A text with control characters is refused; other characters that garble, such as those that turn the text, are dropped
/// when it is parsed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(inline, extend("minLength" = 1, "maxLength" = NAME_BYTES_MAX, "pattern" = "^[^\\u0000-\\u001F\\u007F-\\u009F]+$"))
)]
#[serde(try_from = "String")]
pub struct Name(String);

impl Name {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name that a text contains: without what garbles, and cut where it is too long. `None` if nothing of it is visible.
    pub fn fitting(text: &str) -> Option<Self> {
        let mut shown: String = text.chars().filter(|char| !garbles(*char)).collect();
        shown.truncate(shown.floor_char_boundary(NAME_BYTES_MAX));
        is_visible(&shown).then_some(Self(shown))
    }
}

impl From<&UserId> for Name {
    /// The default name of a user is their id.
    fn from(user: &UserId) -> Self {
        Self(user.to_string()) // at most 64 bytes, none of them a control character
    }
}

impl TryFrom<String> for Name {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        if (1..=NAME_BYTES_MAX).contains(&text.len()) && !text.contains(char::is_control) {
            // A row of an older version may have any other name, and must stay readable.
            Ok(Self::fitting(&text).unwrap_or_else(|| Self(UNSEEN.to_owned())))
        } else {
            let rule = format!("must be 1 to {NAME_BYTES_MAX} bytes without control characters");
            Err(Error::BadRequest(rule.into()))
        }
    }
}

/// The role of a user in a company.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A member of the team with all rights.
    Admin,
    /// A member of the team.
    Member,
    /// A customer, who may see the conversations that they take part in and nothing else of the company.
    Customer,
    /// The app's own backend, which manages conversations and their participants, and may not join any channel of the
    /// company.
    Backend,
}

/// One company of an identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CompanyClaim {
    /// The company.
    pub id: CompanyId,
    /// The role of the user in it.
    pub role: Role,
}

/// The source of a user's roles.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CompaniesBy {
    /// The user's token, which names all of their companies.
    #[default]
    Token,
    /// Whop's API. Whop's tokens name the user only, so the role in a company is fetched when it is needed.
    Whop,
}

impl CompaniesBy {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Whop => "whop",
        }
    }
}

/// An authenticated user. It is valid until [`expires_at`](Identity::expires_at).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The user's id.
    pub user: UserId,
    /// The user's display name.
    pub name: Name,
    /// The user's companies that are known; from a token at most [`COMPANIES_MAX`].
    pub companies: Vec<CompanyClaim>,
    /// The source of the roles in them, and of the access to experiences.
    pub companies_by: CompaniesBy,
    /// The experiences that the user has access to, as far as they are known; from a token at most [`EXPERIENCES_MAX`].
    pub experiences: Vec<ExperienceId>,
    /// The rooms that the user may be in; at most [`ROOMS_MAX`].
    pub rooms: Vec<RoomId>,
    /// When the token expires, also on a live connection.
    pub expires_at: Timestamp,
}

impl Identity {
    /// Whether the user is a member of the team of this company.
    pub fn is_team_of(&self, company: &CompanyId) -> bool {
        self.companies.iter().any(|c| c.id == *company && matches!(c.role, Role::Admin | Role::Member))
    }

    /// Whether the caller is the backend of this company.
    pub fn is_backend_of(&self, company: &CompanyId) -> bool {
        self.companies.iter().any(|c| c.id == *company && c.role == Role::Backend)
    }

    /// Whether the caller is the backend of any company.
    pub fn is_backend(&self) -> bool {
        self.companies.iter().any(|c| c.role == Role::Backend)
    }

    /// Checks that the token has not expired by `now`.
    pub fn check_alive(&self, now: Timestamp) -> Result<(), Error> {
        if now < self.expires_at { Ok(()) } else { Err(Error::Unauthorized("the token has expired".into())) }
    }

    /// Whether another token has the same user and the same access, so that only its expiry is new.
    pub fn is_renewed_by(&self, fresh: &Self) -> bool {
        let names = |claims: &[CompanyClaim]| {
            claims.iter().map(|claim| (claim.id.clone(), claim.role)).collect::<BTreeMap<_, _>>()
        };
        self.user == fresh.user
            && self.companies_by == fresh.companies_by
            && names(&self.companies) == names(&fresh.companies)
            && sorted(&self.experiences) == sorted(&fresh.experiences)
            && sorted(&self.rooms) == sorted(&fresh.rooms)
    }

    /// The identity as an authorizer's context, of which API Gateway passes on flat strings only.
    pub fn to_context(&self) -> BTreeMap<&'static str, String> {
        BTreeMap::from([
            ("userId", self.user.to_string()),
            ("name", self.name.as_str().to_owned()),
            ("companies", serde_json::to_string(&self.companies).unwrap_or_default()),
            ("companiesBy", self.companies_by.as_str().to_owned()),
            ("experiences", words(self.experiences.iter().map(ExperienceId::as_str))),
            ("rooms", words(self.rooms.iter().map(RoomId::as_str))),
            ("expiresAt", self.expires_at.as_secs().to_string()),
        ])
    }

    /// The identity in an authorizer's context.
    ///
    /// # Errors
    /// [`Error::Internal`], because the context comes from the project's own authorizer and not from the caller.
    pub fn from_context<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Result<Self, Error> {
        let field = |name: &str| {
            get(name).ok_or_else(|| Error::Internal(format!("the authorizer's context has no `{name}`")))
        };
        let broken = |error: &dyn std::error::Error| Error::internal("the authorizer's context", error);
        Ok(Self {
            user: field("userId")?.parse().map_err(|e: Error| broken(&e))?,
            name: field("name")?.to_owned().try_into().map_err(|e: Error| broken(&e))?,
            companies: serde_json::from_str(field("companies")?).map_err(|e| broken(&e))?,
            companies_by: match get("companiesBy") {
                Some("whop") => CompaniesBy::Whop,
                Some("token") | None => CompaniesBy::Token, // absent in connections of older versions
                Some(_) => {
                    return Err(Error::Internal(
                        "the authorizer's context has an unknown `companiesBy`".into(),
                    ));
                }
            },
            experiences: ids(get("experiences"))?,
            rooms: ids(get("rooms"))?,
            expires_at: field("expiresAt")?
                .parse()
                .map(Timestamp::from_secs)
                .map_err(|e: std::num::ParseIntError| broken(&e))?,
        })
    }
}

/// Ids without regard to their order.
fn sorted<T: Ord>(ids: &[T]) -> BTreeSet<&T> {
    ids.iter().collect()
}

/// Ids as one text. No id has a space.
fn words<'a>(ids: impl Iterator<Item = &'a str>) -> String {
    ids.collect::<Vec<_>>().join(" ")
}

/// The ids of a text that [`words`] has made; none where it is absent, as in connections of older versions.
fn ids<T: FromStr<Err = Error>>(text: Option<&str>) -> Result<Vec<T>, Error> {
    let ids = text.unwrap_or_default().split(' ').filter(|id| !id.is_empty());
    ids.map(|id| id.parse().map_err(|error| Error::internal("the authorizer's context", &error))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ann() -> Identity {
        Identity {
            user: "user_1".parse().unwrap(),
            name: "Ann \"A\" Ünal".to_owned().try_into().unwrap(),
            companies: vec![
                CompanyClaim { id: "biz_1".parse().unwrap(), role: Role::Admin },
                CompanyClaim { id: "biz_2".parse().unwrap(), role: Role::Customer },
                CompanyClaim { id: "biz_4".parse().unwrap(), role: Role::Backend },
            ],
            companies_by: CompaniesBy::Token,
            experiences: vec!["exp_1".parse().unwrap(), "exp_2".parse().unwrap()],
            rooms: vec!["lobby".parse().unwrap()],
            expires_at: Timestamp::from_secs(1_000),
        }
    }

    #[test]
    fn an_identity_survives_its_context() {
        for companies_by in [CompaniesBy::Token, CompaniesBy::Whop] {
            let ann = Identity { companies_by, ..ann() };
            let context = ann.to_context();
            assert_eq!(Identity::from_context(|name| context.get(name).map(String::as_str)), Ok(ann));
        }
    }

    #[test]
    fn an_incomplete_context_is_an_internal_error() {
        let mut context = ann().to_context();
        context.remove("companies");
        let error = Identity::from_context(|name| context.get(name).map(String::as_str)).unwrap_err();
        assert_eq!(error.code(), "internal");
    }

    #[test]
    fn a_name_has_no_control_characters_and_a_limit() {
        let name = |text: &str| Name::try_from(text.to_owned());
        for good in ["Ann", "Ann \"A\" Ünal", "👩‍👩‍👧", "n", &"n".repeat(NAME_BYTES_MAX)] {
            assert_eq!(name(good).unwrap().as_str(), good);
        }
        for bad in ["", "a\nb", "\u{1}", "\u{7f}", "\u{85}", &"n".repeat(NAME_BYTES_MAX + 1)] {
            assert!(name(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_name_that_garbles_or_is_blank_is_read_and_not_shown() {
        for (text, shown) in [
            ("\u{202a}Ann\u{202c}", "Ann"),
            ("\u{202e}nimdA", "nimdA"),
            ("Ann\u{2028}Admin", "AnnAdmin"),
            ("\u{200b}", UNSEEN),
            ("\u{202e}\u{2066}", UNSEEN),
            (" \u{3164}", UNSEEN),
        ] {
            let json = serde_json::to_string(text).unwrap();
            assert_eq!(serde_json::from_str::<Name>(&json).unwrap().as_str(), shown, "{text:?}");
        }
    }

    #[test]
    fn fitting_keeps_as_much_of_a_text_as_is_a_name() {
        let long = "ü".repeat(NAME_BYTES_MAX);
        for (text, kept) in [
            ("Ann", Some("Ann")),
            ("An\u{1b}[31mn\r\n", Some("An[31mn")),
            (&long, Some(&long[..NAME_BYTES_MAX])),
            (&format!("n{long}"), Some(&format!("n{long}")[..NAME_BYTES_MAX - 1])),
            ("", None),
            ("\n\u{85}", None),
            ("\u{202e}nimdA\u{2069}", Some("nimdA")),
            ("Ann \u{200f}שלום", Some("Ann \u{200f}שלום")),
            ("\u{202e}", None),
            ("\u{200b} \u{feff}", None),
            (&format!("{}n", "\u{200b}".repeat(NAME_BYTES_MAX)), None),
        ] {
            assert_eq!(Name::fitting(text).as_ref().map(Name::as_str), kept, "{text:?}");
        }
        let id: UserId = "u".repeat(64).parse().unwrap();
        assert_eq!(Name::try_from(Name::from(&id).as_str().to_owned()), Ok(Name::from(&id)));
    }

    #[test]
    fn a_customer_is_not_in_the_team() {
        assert!(ann().is_team_of(&"biz_1".parse().unwrap()));
        assert!(!ann().is_team_of(&"biz_2".parse().unwrap()));
        assert!(!ann().is_team_of(&"biz_3".parse().unwrap()));
    }

    #[test]
    fn a_backend_is_not_in_the_team_and_only_a_backend_is_one() {
        assert!(!ann().is_team_of(&"biz_4".parse().unwrap()));
        assert!(ann().is_backend_of(&"biz_4".parse().unwrap()));
        assert!(!ann().is_backend_of(&"biz_1".parse().unwrap()));
    }

    #[test]
    fn only_the_same_user_with_the_same_roles_renews() {
        let mut fresh = ann();
        fresh.expires_at = Timestamp::from_secs(2_000);
        fresh.companies.reverse();
        fresh.experiences.reverse();
        assert!(ann().is_renewed_by(&fresh));
        fresh.companies[0].role = Role::Admin;
        assert!(!ann().is_renewed_by(&fresh));
        fresh.companies.truncate(1);
        assert!(!ann().is_renewed_by(&fresh));
        assert!(!ann().is_renewed_by(&Identity { companies_by: CompaniesBy::Whop, ..ann() }));
        assert!(!ann().is_renewed_by(&Identity { rooms: vec![], ..ann() }));
        assert!(!ann().is_renewed_by(&Identity { experiences: vec![], ..ann() }));
        assert!(!ann().is_renewed_by(&Identity { user: "user_2".parse().unwrap(), ..ann() }));
    }

    #[test]
    fn a_token_is_not_valid_at_its_expiry() {
        assert!(ann().check_alive(Timestamp::from_millis(999_999)).is_ok());
        assert!(ann().check_alive(Timestamp::from_secs(1_000)).is_err());
    }

    #[test]
    fn the_largest_identity_fits_an_authorizers_response() {
        let company = CompanyClaim { id: "c".repeat(64).parse().unwrap(), role: Role::Customer };
        let identity = Identity {
            user: "u".repeat(64).parse().unwrap(),
            name: "n".repeat(NAME_BYTES_MAX).try_into().unwrap(),
            companies: vec![company; COMPANIES_MAX],
            companies_by: CompaniesBy::Token,
            experiences: vec!["e".repeat(64).parse().unwrap(); EXPERIENCES_MAX],
            rooms: vec!["r".repeat(64).parse().unwrap(); ROOMS_MAX],
            expires_at: Timestamp::from_secs(i64::MAX / 1000),
        };
        let context = serde_json::to_string(&identity.to_context()).unwrap();
        assert!(context.len() < 15 * 512, "{} bytes", context.len());
    }
}
