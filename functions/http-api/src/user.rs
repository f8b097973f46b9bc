//! The caller: the user that the token names, and the grant that the request carries; or the app's backend.

use std::{
    borrow::Cow,
    sync::{Arc, OnceLock},
};

use axum::{
    extract::{FromRequestParts, Request, State},
    http::{HeaderMap, HeaderValue, header::AUTHORIZATION, request::Parts},
    middleware::Next,
    response::Response,
};
use funnelcast_aws::{
    clock::now,
    spending::{self, price},
};
use funnelcast_core::{Caller, Channel, Error, Grant, HttpCaller, Identity, Timestamp, UserId};
use funnelcast_realtime::{files::Bringer, tokens::Issuers};

use crate::{Api, answer::ApiError};

/// The header in which Whop passes an app the token of the user who is viewing it.
const WHOP_TOKEN: &str = "x-whop-user-token";

/// The header of a grant. A grant is not accepted in the URL, because URLs are logged.
const GRANT: &str = "funnelcast-grant";

/// An authenticated user, and when the request arrived.
pub(crate) struct User {
    pub(crate) identity: Identity,
    pub(crate) now: Timestamp,
    /// The grant as it was sent: it can only be verified together with the channel that it is used on.
    grant: Option<HeaderValue>,
}

impl User {
    /// What the grant of the request allows on a channel, if there is one. An invalid grant is refused even if the
    /// user needs none, so that the mistake is noticed.
    pub(crate) async fn grant(&self, issuers: &Issuers, channel: &Channel) -> Result<Option<Grant>, Error> {
        let Some(grant) = &self.grant else { return Ok(None) };
        let grant = String::from_utf8_lossy(grant.as_bytes()); // a grant that is not UTF-8 fails to verify
        issuers.verify_grant(&grant, &self.identity.user, channel, self.now).await.map(Some)
    }

    /// The user as a caller without a connection.
    pub(crate) const fn as_caller<'a>(&'a self, grant: Option<&'a Grant>) -> Caller<'a> {
        Caller::Http(HttpCaller { identity: &self.identity, grant, now: self.now })
    }
}

impl FromRequestParts<Arc<Api>> for User {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, ApiError> {
        let now = now();
        let token = token(&parts.headers).ok_or(NO_TOKEN)?;
        let identity = api.issuers.verify(token, now).await.map_err(refusal)?;
        tracing::Span::current().record("user", identity.user.as_str());
        // The app's backend is not rate limited: its key gives control of the app anyway.
        if !identity.is_backend() {
            api.realtime.access.rates.check_spending_lately(&identity.user, now).await?;
            if let Some(Payer(payer)) = parts.extensions.get() {
                let _ = payer.set(identity.user.clone()); // the user does not change during a request
            }
        }
        Ok(Self { identity, now, grant: parts.headers.get(GRANT).cloned() })
    }
}

/// The app's backend, with a token to publish, and when the request arrived.
pub(crate) struct Publisher {
    pub(crate) now: Timestamp,
}

impl FromRequestParts<Arc<Api>> for Publisher {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, ApiError> {
        let now = now();
        let token = bearer(&parts.headers).ok_or(NO_TOKEN)?;
        api.issuers.verify_publisher(token, now).await.map_err(refusal)?;
        Ok(Self { now })
    }
}

/// Who brings files: a user, or the app's backend with a token to publish. Such a token is never a user's here, so that it is clear
/// whose a file is.
pub(crate) enum Uploader {
    User(User),
    Backend(Timestamp),
}

impl Uploader {
    /// What the grant of a user's request allows on a channel.
    pub(crate) async fn grant(&self, issuers: &Issuers, channel: &Channel) -> Result<Option<Grant>, Error> {
        match self {
            Self::User(user) => user.grant(issuers, channel).await,
            Self::Backend(_) => Ok(None),
        }
    }

    /// As who they bring files.
    pub(crate) const fn as_bringer<'a>(&'a self, grant: Option<&'a Grant>) -> Bringer<'a> {
        match self {
            Self::User(user) => Bringer::User(user.as_caller(grant)),
            Self::Backend(now) => Bringer::Backend(*now),
        }
    }
}

impl FromRequestParts<Arc<Api>> for Uploader {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, ApiError> {
        let now = now();
        if let Some(token) = bearer(&parts.headers)
            && api.issuers.verify_publisher(token, now).await.is_ok()
        {
            return Ok(Self::Backend(now));
        }
        User::from_request_parts(parts, api).await.map(Self::User) // which says what is wrong
    }
}

/// The error for a request without a token.
const NO_TOKEN: Error = Error::Unauthorized(Cow::Borrowed("no token"));

/// The answer to a token that is not valid: why, only the log tells.
fn refusal(error: Error) -> Error {
    match error {
        Error::Unauthorized(reason) => {
            tracing::warn!(%reason, "refused a token");
            Error::Unauthorized("the token is not valid".into())
        }
        other => other,
    }
}

/// The user to charge for a request, once they are known.
#[derive(Debug, Clone, Default)]
struct Payer(Arc<OnceLock<UserId>>);

/// Charges a user for what their request has cost, whatever its outcome.
pub(crate) async fn charge(State(api): State<Arc<Api>>, mut request: Request, next: Next) -> Response {
    let Payer(payer) = request.extensions_mut().get_or_insert_default::<Payer>().clone();
    let (response, dollars) = spending::counted(next.run(request)).await;
    if let Some(user) = payer.get() {
        let dollars = dollars + price::HTTP_REQUEST + price::INVOCATION;
        api.realtime.access.rates.charge(user, dollars, now()).await;
    }
    response
}

/// The token of a request: `Authorization: Bearer` takes precedence over Whop's header.
fn token(headers: &HeaderMap) -> Option<&str> {
    bearer(headers).or_else(|| headers.get(WHOP_TOKEN)?.to_str().ok())
}

/// The bearer token. The scheme is compared without regard to case (RFC 9110, 11.1).
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_comes_in_one_of_two_headers() {
        for (headers, expected) in [
            (vec![("authorization", "Bearer a.b.c")], Some("a.b.c")),
            (vec![("authorization", "bearer  a.b.c")], Some("a.b.c")),
            (vec![("x-whop-user-token", "d.e.f")], Some("d.e.f")),
            (vec![("authorization", "Bearer a.b.c"), ("x-whop-user-token", "d.e.f")], Some("a.b.c")),
            (vec![("authorization", "Basic YTpi"), ("x-whop-user-token", "d.e.f")], Some("d.e.f")),
            (vec![("authorization", "Bearer")], None),
            (vec![("cookie", "token=a.b.c")], None),
        ] {
            let map = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
            assert_eq!(token(&map.collect()), expected, "{headers:?}");
        }
    }
}
