//! The user that the subject of a token stands for.
//!
//! The ids of users need no escaping in a table key or in the name of a channel. The subject of an issuer, however,
//! may be any text of up to 255 characters (<https://openid.net/specs/openid-connect-core-1_0.html#IDToken>), such as
//! `auth0|5f7c8ec7`. From a subject that is no valid id, an id is derived: a hash, which needs no table to be found
//! again, and which the client's `userIdOf` derives too.
//!
//! A user who may choose their own subject could choose one that reads like the id derived from another user's. So a
//! subject of that form is never used as an id: for other issuers, an id is derived from it as well, and the app's
//! own issuers must sign the subject itself. The same holds for the one id that stands for users who have been erased.

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use funnelcast_core::UserId;

use super::{table::Kind, token::Reason};

/// The prefix of every derived id.
const PREFIX: &str = "sub-";
/// The number of characters after the prefix: 32 bytes in base64url.
const HASH_CHARS: usize = 43;

/// The user that `subject` stands for at an issuer of this kind.
///
/// # Errors
/// The reason if it stands for no user.
pub(super) fn user(kind: Kind, subject: &str) -> Result<UserId, Reason> {
    if subject.is_empty() {
        return Err("its `sub` is empty");
    }
    match (kind, subject.parse::<UserId>()) {
        (_, Ok(id)) if !is_reserved(&id) => Ok(id),
        (Kind::Whop, _) => Err("its `sub` is not a user id"),
        (Kind::App | Kind::Dev, Ok(id)) if id == UserId::erased() => {
            Err("its `sub` stands for users who have been erased")
        }
        (Kind::App | Kind::Dev, Ok(_)) => Err("its `sub` is a derived id: sign the subject itself"),
        _ => made(subject),
    }
}

/// The id that is derived from a subject.
fn made(subject: &str) -> Result<UserId, Reason> {
    let hash = URL_SAFE_NO_PAD.encode(digest(&SHA256, subject.as_bytes()));
    UserId::try_from(format!("{PREFIX}{hash}")).map_err(|_| "its `sub` cannot be made a user id")
}

/// Whether an id has the form of a derived one, or stands for users who have been erased.
fn is_reserved(id: &UserId) -> bool {
    let is_made = id.as_str().strip_prefix(PREFIX).is_some_and(|hash| hash.len() == HASH_CHARS);
    is_made || *id == UserId::erased()
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
    fn a_subject_that_is_no_id_gets_a_derived_one() {
        for kind in [Kind::Oidc, Kind::App, Kind::Dev] {
            assert_eq!(id(kind, "auth0|5f7c8ec7c33c6c004bbafe82").unwrap(), MADE, "{kind:?}");
            assert_eq!(id(kind, "00u1abcd").unwrap(), "00u1abcd");
            assert_eq!(id(kind, "sub-1").unwrap(), "sub-1", "it is shorter than a derived id");
            assert_ne!(id(kind, &"x".repeat(65)), id(kind, &"x".repeat(66)));
        }
        for (kind, subject) in [(Kind::Whop, "a|1"), (Kind::Oidc, ""), (Kind::App, "")] {
            assert!(id(kind, subject).is_err(), "{kind:?} {subject}");
        }
    }

    #[test]
    fn no_subject_yields_the_derived_id_of_another() {
        assert_eq!(id(Kind::Oidc, MADE).unwrap(), MADE_OF_MADE);
        for kind in [Kind::App, Kind::Dev, Kind::Whop] {
            assert!(id(kind, MADE).is_err(), "{kind:?}");
        }
    }

    #[test]
    fn nobody_is_the_user_who_stands_for_those_who_were_erased() {
        let of_erased = "sub-EYXzfTOw-J4zHxAaUbuOURZcfv2hWVC4aj68uzY_iY4";
        assert_eq!(
            id(Kind::Oidc, UserId::ERASED).unwrap(),
            of_erased,
            "as the client's `userIdOf` derives it"
        );
        for kind in [Kind::App, Kind::Dev, Kind::Whop] {
            assert!(id(kind, UserId::ERASED).is_err(), "{kind:?}");
        }
    }
}
