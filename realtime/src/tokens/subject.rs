//! Who the subject of a token is here.
//!
//! Users have ids that need no escaping, in a table's key or a channel's name. What an issuer calls them may be any text of
//! up to 255 characters (<https://openid.net/specs/openid-connect-core-1_0.html#IDToken>), such as `auth0|5f7c8ec7`. Of one
//! that is no id an id is made: a hash, which needs no table to be found again, and which the client's `userIdOf` makes too.
//!
//! Whoever may choose their own subject could choose one that reads as the id that is made of another's. So a subject of that
//! form is nobody's id: where another issuer says so an id is made of it as well, and our own give the subject itself.

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use funnelcast_core::UserId;

use super::{table::Kind, token::Reason};

/// What an id begins with that is made of a subject.
const PREFIX: &str = "sub-";
/// And how many characters come after it: 32 bytes in base64url.
const HASH_CHARS: usize = 43;

/// The user whom an issuer of this kind calls `subject`.
///
/// # Errors
/// The reason where that is nobody.
pub(super) fn user(kind: Kind, subject: &str) -> Result<UserId, Reason> {
    if subject.is_empty() {
        return Err("its `sub` is empty");
    }
    match (kind, subject.parse::<UserId>()) {
        (_, Ok(id)) if !is_made(&id) => Ok(id),
        (Kind::Whop, _) => Err("its `sub` is no user id"),
        (Kind::App | Kind::Dev, Ok(_)) => {
            Err("its `sub` is an id that is made of a subject: sign the subject itself")
        }
        _ => made(subject),
    }
}

/// The id that is made of a subject.
fn made(subject: &str) -> Result<UserId, Reason> {
    let hash = URL_SAFE_NO_PAD.encode(digest(&SHA256, subject.as_bytes()));
    UserId::try_from(format!("{PREFIX}{hash}")).map_err(|_| "its `sub` makes no user id")
}

/// Whether an id has the form of those that are made.
fn is_made(id: &UserId) -> bool {
    id.as_str().strip_prefix(PREFIX).is_some_and(|hash| hash.len() == HASH_CHARS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(kind: Kind, subject: &str) -> Result<String, Reason> {
        user(kind, subject).map(|user| user.to_string())
    }

    /// The client's tests have the same pairs.
    const MADE: &str = "sub-QapIeIfjxFwZskSLLwNlUvALLHjiOUbTkKfoRvatWOE";
    const MADE_OF_MADE: &str = "sub-dGFq4PplvMUNIWIonccqXSO3YBTmo6ePX34NKog0WKE";

    #[test]
    fn of_a_subject_that_is_no_id_one_is_made() {
        for kind in [Kind::Oidc, Kind::App, Kind::Dev] {
            assert_eq!(id(kind, "auth0|5f7c8ec7c33c6c004bbafe82").unwrap(), MADE, "{kind:?}");
            assert_eq!(id(kind, "00u1abcd").unwrap(), "00u1abcd");
            assert_eq!(id(kind, "sub-1").unwrap(), "sub-1", "it is not as long as one that is made");
            assert_ne!(id(kind, &"x".repeat(65)), id(kind, &"x".repeat(66)));
        }
        for (kind, subject) in [(Kind::Whop, "a|1"), (Kind::Oidc, ""), (Kind::App, "")] {
            assert!(id(kind, subject).is_err(), "{kind:?} {subject}");
        }
    }

    #[test]
    fn nobody_is_called_what_is_made_of_anothers_subject() {
        assert_eq!(id(Kind::Oidc, MADE).unwrap(), MADE_OF_MADE);
        for kind in [Kind::App, Kind::Dev, Kind::Whop] {
            assert!(id(kind, MADE).is_err(), "{kind:?}");
        }
    }
}
