//! Tokens and grants: JWTs of the configured issuers, and of no others.
//!
//! The algorithm is bound to the issuer and the keys to the algorithm; neither is read from the token. `exp`, `aud`,
//! `iss` and `sub` are all required. Other claims are optional: one that is not understood gives no rights and no
//! name, and the user is admitted all the same.
//!
//! # Layout
//! - here: from a token to an identity, and from a grant to what it allows
//! - `table`: the configuration
//! - `token`: the text of a token
//! - `subject`: the user that a `sub` names; `numeric_date`: the times of a token
//! - `keys`, `jwks`: the keys of an issuer, and where they come from
//! - [`examine`]: what is wrong with the issuers, for whoever operates the stack

pub mod examine;
mod jwks;
mod key_set;
mod keys;
mod numeric_date;
mod subject;
mod table;
#[cfg(test)]
mod tests;
mod token;

use std::{
    collections::BTreeSet,
    fmt,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use funnelcast_core::{
    Channel, Error, Grant, Identity, Timestamp, UserId,
    grant::{Capability, GRANT_MAX},
    identity::{COMPANIES_MAX, CompaniesBy, EXPERIENCES_MAX, Name, ROOMS_MAX},
};
use futures_util::future::join_all;
use jsonwebtoken::Algorithm;
use serde::de::DeserializeOwned;
use serde_json::Value;

use self::{
    keys::Keys,
    numeric_date::NumericDate,
    table::{AudClaim, IssuerRow, Kind},
    token::{Claims, Reason, Token},
};
use funnelcast_aws::{Config, Resource, clock::now};

use crate::whop;

/// How far an issuer's clock may be ahead, so that a token that was just signed is valid. It extends the life of no
/// token.
const LEEWAY: Duration = Duration::from_secs(5);

/// An issuer that may identify users, with its keys, for one audience.
struct Issuer {
    kind: Kind,
    iss: String,
    aud: String,
    aud_claim: AudClaim,
    alg: Algorithm,
    keys: Keys,
    /// Whether it has been logged that claims of its tokens were ignored.
    has_noted: AtomicBool,
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuer").field("iss", &self.iss).finish_non_exhaustive() // never the key
    }
}

/// The configured issuers.
#[derive(Debug)]
pub struct Issuers(Vec<Issuer>);

/// The claims of a grant besides those of every token. An issuer that gives grants signs no token with either of
/// them.
const GRANT_CLAIMS: [&str; 2] = ["channel", "caps"];

/// The word in the claim `scope` of a token to publish. A token with it is no user's.
const PUBLISH_SCOPE: &str = "publish";

/// The verified content of a token or a grant that is valid now.
struct Signed<'a> {
    issuer: &'a Issuer,
    subject: String,
    expires_at: Timestamp,
    claims: Claims,
}

impl Resource for Issuers {
    async fn build(config: &Config) -> Result<Self, Error> {
        Self::from_config(config, now()).await
    }
}

impl Issuers {
    /// Only the issuers that give grants, for a function that receives grants but no tokens: it fetches no other
    /// keys.
    ///
    /// # Errors
    /// [`Error::Internal`] if the configuration is invalid.
    pub async fn granting(config: &Config) -> Result<Self, Error> {
        let rows = table::rows(config)?.into_iter();
        Self::from_rows(rows.filter(|row| row.kind.is_own()), config, now()).await
    }

    /// All issuers of the configuration.
    ///
    /// # Errors
    /// [`Error::Internal`] if the configuration is invalid, or if a stage that serves customers has a dev key.
    async fn from_config(config: &Config, now: Timestamp) -> Result<Self, Error> {
        Self::from_rows(table::rows(config)?, config, now).await
    }

    /// Key sets are fetched and secrets read now, in the init phase. One that is not available is requested again by
    /// the tokens that need it, and affects no other issuer.
    async fn from_rows(
        rows: impl IntoIterator<Item = IssuerRow>,
        config: &Config,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let issuers = rows.into_iter().map(|row| Issuer::new(row, config));
        let issuers = issuers.collect::<Result<Vec<_>, _>>()?;
        join_all(issuers.iter().map(|issuer| issuer.keys.open(now))).await;
        Ok(Self(issuers))
    }

    /// The identity of the user that a token names: no call, or one for the issuer's key set or secret.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] with the reason, for the log: API Gateway tells the client nothing but 401. The reason
    /// quotes nothing of the token.
    pub async fn verify(&self, token: &str, now: Timestamp) -> Result<Identity, Error> {
        let refused = |reason: Reason| Error::Unauthorized(format!("token: {reason}").into());
        self.check(token, now).await.and_then(Signed::into_identity).map_err(refused)
    }

    /// Checks a token to publish, which speaks for the whole app and for no user: no call, or one for the issuer's key
    /// set or secret.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] with the reason, for the log, if the token is not valid; [`Error::Forbidden`] if it is
    /// valid but not for publishing.
    pub async fn verify_publisher(&self, token: &str, now: Timestamp) -> Result<(), Error> {
        let signed = self.check(token, now).await;
        let signed =
            signed.map_err(|reason: Reason| Error::Unauthorized(format!("token: {reason}").into()))?;
        if signed.may_publish() {
            // Not the user of anything, but as well-formed as in every token.
            subject::user(signed.issuer.kind, &signed.subject)
                .map(drop)
                .map_err(|reason| Error::Unauthorized(format!("token: {reason}").into()))
        } else {
            Err(Error::Forbidden(
                "publishing needs a token of the app's own issuer with `scope: \"publish\"`",
            ))
        }
    }

    /// What a grant allows `user` to do on `channel`: no call, or one for the issuer's key set.
    ///
    /// # Errors
    /// [`Error::Forbidden`] if the grant is not valid, or is for another user or channel.
    pub async fn verify_grant(
        &self,
        grant: &str,
        user: &UserId,
        channel: &Channel,
        now: Timestamp,
    ) -> Result<Grant, Error> {
        let granted = self.check(grant, now).await.and_then(|signed| signed.into_grant(user, channel, now));
        granted.map_err(|reason| {
            tracing::warn!(reason, %user, %channel, "refused a grant");
            Error::Forbidden("the grant is not valid for this user and channel")
        })
    }

    /// Checks a token or a grant: its issuer and signature, and that it is valid now.
    async fn check(&self, text: &str, now: Timestamp) -> Result<Signed<'_>, Reason> {
        let token = Token::parse(text)?;
        // Only used to find the keys to try: nothing of the token is trusted yet.
        let iss = token.claims.get("iss").and_then(Value::as_str).ok_or("it has no `iss`")?;
        let issuers: Vec<_> = self.0.iter().filter(|issuer| issuer.iss == iss).collect();
        if issuers.is_empty() {
            return Err("its issuer is unknown");
        }
        let issuers: Vec<_> = issuers.into_iter().filter(|issuer| token.is_of(issuer.alg)).collect();
        if issuers.is_empty() {
            return Err("its algorithm is not its issuer's");
        }
        let issuers: Vec<_> = issuers.into_iter().filter(|issuer| issuer.is_meant(&token.claims)).collect();
        if issuers.is_empty() {
            return Err("it is for another audience, or names none");
        }
        let issuer = signer(&issuers, &token, now).await?;
        let Token { mut claims, .. } = token;
        let Some(Value::String(subject)) = claims.remove("sub") else { return Err("it has no `sub`") };
        let NumericDate(expires_at) =
            claims.remove("exp").and_then(parse).ok_or("it has no `exp`, or its `exp` is not a time")?;
        if now >= expires_at {
            return Err("it has expired");
        }
        if let Some(not_before) = claims.remove("nbf").filter(|nbf| !nbf.is_null()) {
            let NumericDate(not_before) = parse(not_before).ok_or("its `nbf` is not a time")?;
            if not_before > now + LEEWAY {
                return Err("it is not valid yet");
            }
        }
        Ok(Signed { issuer, subject, expires_at, claims })
    }
}

/// The first of these issuers by whose keys the token is signed.
async fn signer<'a>(issuers: &[&'a Issuer], token: &Token<'_>, now: Timestamp) -> Result<&'a Issuer, Reason> {
    let mut reason = "";
    for issuer in issuers {
        match issuer.keys.find(token.kid.as_deref(), now).await {
            Ok(keys) if keys.iter().any(|key| token.is_signed(issuer.alg, key)) => return Ok(issuer),
            Ok(_) => reason = "its signature is not valid",
            Err(why) => reason = why,
        }
    }
    Err(reason)
}

impl Signed<'_> {
    /// The claims of a token that are trusted, by the kind of its issuer.
    fn into_identity(mut self) -> Result<Identity, Reason> {
        let kind = self.issuer.kind;
        if kind.is_own() && self.is_grant() {
            return Err("it is a grant");
        }
        if self.may_publish() {
            return Err("it is for publishing");
        }
        let user = subject::user(kind, &self.subject)?;
        let is_of_whop = user.as_str().starts_with(whop::USER_PREFIX);
        if kind == Kind::Whop && !is_of_whop {
            return Err("its `sub` is not a user of Whop");
        }
        let companies_by = if kind == Kind::Whop { CompaniesBy::Whop } else { CompaniesBy::Token };
        let name = if kind == Kind::Whop { None } else { self.name() };
        let name = name.unwrap_or_else(|| Name::from(&user));
        // Only the app's own backend knows where its users belong.
        let (companies, experiences, rooms) = if kind.is_own() {
            (
                self.list("companies", COMPANIES_MAX, "it names too many companies")?,
                self.list("experiences", EXPERIENCES_MAX, "it names too many experiences")?,
                self.list("rooms", ROOMS_MAX, "it names too many rooms")?,
            )
        } else {
            (Vec::new(), Vec::new(), Vec::new())
        };
        let expires_at = self.expires_at;
        Ok(Identity { user, name, companies, companies_by, experiences, rooms, expires_at })
    }

    /// Whether it is a grant, if its issuer gives grants.
    fn is_grant(&self) -> bool {
        GRANT_CLAIMS.iter().any(|claim| self.claims.contains_key(*claim))
    }

    /// Whether it may publish as the app's backend. A scope is a list of words (RFC 8693, 4.2).
    fn may_publish(&self) -> bool {
        let scope = self.claims.get("scope").and_then(Value::as_str).unwrap_or_default();
        self.issuer.kind.is_own() && !self.is_grant() && scope.split(' ').any(|word| word == PUBLISH_SCOPE)
    }

    /// The user's display name, as much of it as can be shown.
    fn name(&mut self) -> Option<Name> {
        let claim = self.claims.remove("name").filter(|claim| !claim.is_null())?;
        let text = claim.as_str().unwrap_or_default();
        let name = Name::fitting(text);
        if name.as_ref().is_none_or(|name| name.as_str() != text) {
            self.issuer.note_left_out("name");
        }
        name
    }

    /// What a claim lists, as far as it is understood: of companies those with a known role.
    fn list<T: DeserializeOwned>(
        &mut self,
        claim: &'static str,
        count_max: usize,
        too_many: Reason,
    ) -> Result<Vec<T>, Reason> {
        let Some(value) = self.claims.remove(claim).filter(|value| !value.is_null()) else {
            return Ok(Vec::new());
        };
        let Value::Array(named) = value else {
            self.issuer.note_left_out(claim);
            return Ok(Vec::new());
        };
        let count = named.len();
        if count > count_max {
            return Err(too_many);
        }
        let listed: Vec<T> = named.into_iter().filter_map(parse).collect();
        if listed.len() < count {
            self.issuer.note_left_out(claim);
        }
        Ok(listed)
    }

    /// What a grant allows this user to do on this channel.
    fn into_grant(mut self, user: &UserId, channel: &Channel, now: Timestamp) -> Result<Grant, Reason> {
        if !self.issuer.kind.is_own() {
            return Err("its issuer gives no grants");
        }
        let [granted, caps] = GRANT_CLAIMS.map(|claim| self.claims.remove(claim));
        let granted: Channel =
            granted.and_then(parse).ok_or("it has no `channel`, or its `channel` is not valid")?;
        let caps: BTreeSet<Capability> = caps.and_then(parse).ok_or("it has no `caps`, or unknown ones")?;
        if self.subject != user.as_str() || granted != *channel {
            return Err("it is for another user or channel");
        }
        if self.expires_at > now + GRANT_MAX + LEEWAY {
            return Err("it lasts longer than 10 minutes");
        }
        if !caps.contains(&Capability::Join) {
            return Err("it does not allow to join");
        }
        Ok(Grant { caps, until: self.expires_at })
    }
}

fn parse<T: DeserializeOwned>(claim: Value) -> Option<T> {
    serde_json::from_value(claim).ok()
}

impl Issuer {
    fn new(row: IssuerRow, config: &Config) -> Result<Self, Error> {
        let (kind, iss, aud, aud_claim, alg) =
            (row.kind, row.iss.clone(), row.aud.clone(), row.aud_claim, row.alg);
        let has_noted = AtomicBool::new(false);
        Ok(Self { kind, iss, aud, aud_claim, alg, keys: Keys::new(row, config)?, has_noted })
    }

    /// Whether a token with these claims is for this stack and for no one else. A list of several audiences would let
    /// each of them use, here, the tokens of users who signed in there.
    fn is_meant(&self, claims: &Claims) -> bool {
        let names_us = |claim: Option<&Value>| claim.and_then(Value::as_str) == Some(&self.aud);
        match (self.aud_claim, claims.get("aud")) {
            (AudClaim::Aud, Some(Value::Array(all))) => {
                self.kind == Kind::Oidc && all.len() == 1 && names_us(all.first())
            }
            (AudClaim::Aud, aud) => names_us(aud),
            (AudClaim::Azp, None) => names_us(claims.get("azp")),
            (AudClaim::ClientId, None) => names_us(claims.get("client_id")),
            // A token for another API, which the same client has requested.
            (AudClaim::Azp | AudClaim::ClientId, Some(_)) => false,
        }
    }

    /// Logs, once per process, that a claim of this issuer's tokens is not understood.
    fn note_left_out(&self, claim: &'static str) {
        if !self.has_noted.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                iss = self.iss,
                claim,
                "ignoring a token's claim, or part of it, that is not understood"
            );
        }
    }
}
