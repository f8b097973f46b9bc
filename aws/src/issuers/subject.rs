//! Who the subject of a token is here.
//!
//! Our own issuers name users by ids that need no escaping, in a table's key or a channel's name. What another one calls
//! them may be any text of up to 255 characters (<https://openid.net/specs/openid-connect-core-1_0.html#IDToken>), such as
//! `auth0|5f7c8ec7`. So of one that is no id an id is made: a hash, which needs no table to be found again, and which the
//! client's `userIdOf` makes too.

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use funnelcast_core::UserId;

use super::table::Kind;

/// What such an id begins with.
const PREFIX: &str = "sub-";

/// The user whom an issuer of this kind calls `subject`.
///
/// # Errors
/// The reason, for the log: nobody is called nothing, and our own issuers name ids.
pub(super) fn user(kind: Kind, subject: String) -> Result<UserId, String> {
    let text = match kind {
        Kind::Oidc if !subject.is_empty() && subject.parse::<UserId>().is_err() => {
            format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(digest(&SHA256, subject.as_bytes())))
        }
        _ => subject,
    };
    text.try_into().map_err(|error: funnelcast_core::Error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_subject_that_is_no_id_one_is_made_where_the_issuer_is_not_ours() {
        let id = |kind, subject: &str| user(kind, subject.to_owned()).map(|user| user.to_string());
        // The client's tests have the same pair.
        let made = "sub-QapIeIfjxFwZskSLLwNlUvALLHjiOUbTkKfoRvatWOE";
        assert_eq!(id(Kind::Oidc, "auth0|5f7c8ec7c33c6c004bbafe82").unwrap(), made);
        assert_eq!(id(Kind::Oidc, "00u1abcd").unwrap(), "00u1abcd");
        assert_ne!(id(Kind::Oidc, &"x".repeat(65)), id(Kind::Oidc, &"x".repeat(66)));
        for (kind, subject) in [(Kind::App, "a|1"), (Kind::Whop, "a|1"), (Kind::Dev, "a|1"), (Kind::Oidc, "")]
        {
            assert!(id(kind, subject).unwrap_err().contains("user id"), "{kind:?} {subject}");
        }
    }
}
