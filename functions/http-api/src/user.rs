//! The caller: the user whose token came along, and what they may by a grant that came with it.

use std::sync::{Arc, OnceLock};

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
use funnelcast_realtime::tokens::Issuers;

use crate::{Api, answer::ApiError};

/// The header in which Whop gives an app the token of the user who looks at it.
const WHOP_TOKEN: &str = "x-whop-user-token";

/// The header of a grant: what is in a URL is written into logs.
const GRANT: &str = "funnelcast-grant";

/// An authenticated user, and when they asked.
pub(crate) struct User {
    pub(crate) identity: Identity,
    pub(crate) now: Timestamp,
    /// As it came: only with the channel that it is used on can it be verified.
    grant: Option<HeaderValue>,
}

impl User {
    /// What their grant lets them do on a channel, where they have brought one. One that is not valid is refused though they may
    /// need none, so that the mistake is seen.
    pub(crate) async fn grant(&self, issuers: &Issuers, channel: &Channel) -> Result<Option<Grant>, Error> {
        let Some(grant) = &self.grant else { return Ok(None) };
        let grant = String::from_utf8_lossy(grant.as_bytes()); // no other text is signed
        issuers.verify_grant(&grant, &self.identity.user, channel, self.now).await.map(Some)
    }

    /// The user, on no connection.
    pub(crate) const fn as_caller<'a>(&'a self, grant: Option<&'a Grant>) -> Caller<'a> {
        Caller::Http(HttpCaller { identity: &self.identity, grant, now: self.now })
    }
}

impl FromRequestParts<Arc<Api>> for User {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, ApiError> {
        let now = now();
        let token = token(&parts.headers).ok_or(Error::Unauthorized("no token".into()))?;
        let identity = api.issuers.verify(token, now).await.map_err(|reason| {
            tracing::warn!(%reason, "a token is refused");
            Error::Unauthorized("the token is not valid".into())
        })?;
        tracing::Span::current().record("user", identity.user.as_str());
        // The app's backend is no user: whoever has its key has the app.
        if !identity.is_backend() {
            api.realtime.access.rates.standing(&identity.user, now).check()?;
            if let Some(Payer(payer)) = parts.extensions.get() {
                let _ = payer.set(identity.user.clone()); // who they are does not change during a request
            }
        }
        Ok(Self { identity, now, grant: parts.headers.get(GRANT).cloned() })
    }
}

/// Who is to be charged for a request, once that is known.
#[derive(Debug, Clone, Default)]
struct Payer(Arc<OnceLock<UserId>>);

/// Charges a user for what their request has cost, whatever became of it.
pub(crate) async fn charge(State(api): State<Arc<Api>>, mut request: Request, next: Next) -> Response {
    let Payer(payer) = request.extensions_mut().get_or_insert_default::<Payer>().clone();
    let (response, dollars) = spending::counted(next.run(request)).await;
    if let Some(user) = payer.get() {
        let dollars = dollars + price::HTTP_REQUEST + price::INVOCATION;
        api.realtime.access.rates.charge(user, dollars, now()).await;
    }
    response
}

/// `Authorization: Bearer` goes before Whop's header.
fn token(headers: &HeaderMap) -> Option<&str> {
    bearer(headers).or_else(|| headers.get(WHOP_TOKEN)?.to_str().ok())
}

/// A scheme is the same in any case of its letters (RFC 9110, 11.1).
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
