//! Tokens and grants: JWTs of the configured issuers, and of nobody else.
//!
//! The algorithm is bound to the issuer and its keys to the algorithm; neither is read from the token. `exp`, `aud`, `iss`
//! and `sub` are all required. What else a token claims is optional: what is not understood of it gives no right and has no
//! name, and the user is let in all the same.
//!
//! # Layout
//! - here: from a token to an identity, from a grant to what it allows
//! - `table`: the configuration
//! - `token`: the text of a token
//! - `subject`: whom its `sub` means; `numeric_date`: its times
//! - `keys`, `jwks`: the keys of an issuer, and where they come from

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
    identity::{COMPANIES_MAX, CompaniesBy, CompanyClaim, Name},
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

/// How far an issuer's clock may be ahead of ours: what it has just signed counts. No token counts longer for it.
const LEEWAY: Duration = Duration::from_secs(5);

/// Somebody who may say who a user is, by one of their keys and for one audience.
struct Issuer {
    kind: Kind,
    iss: String,
    aud: String,
    aud_claim: AudClaim,
    alg: Algorithm,
    keys: Keys,
    /// Whether it has been logged that claims of its tokens are left out.
    has_noted: AtomicBool,
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuer").field("iss", &self.iss).finish_non_exhaustive() // never the key
    }
}

/// All of them.
#[derive(Debug)]
pub struct Issuers(Vec<Issuer>);

/// What a grant claims beside what every token does. Whoever gives grants signs no token with either.
const GRANT_CLAIMS: [&str; 2] = ["channel", "caps"];

/// What is signed, of a token or a grant, and counts now.
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
    /// Those alone whose grants count, for a function that is shown grants and no tokens: it fetches nobody else's keys.
    ///
    /// # Errors
    /// As for all of them: [`Error::Internal`] where the configuration is not what it should be.
    pub async fn granting(config: &Config) -> Result<Self, Error> {
        let rows = table::rows(config)?.into_iter();
        Self::from_rows(rows.filter(|row| row.kind.gives_grants()), config, now()).await
    }

    /// All of the configuration.
    ///
    /// # Errors
    /// [`Error::Internal`] where it is not what it should be, or where a stage that serves customers has a dev key.
    async fn from_config(config: &Config, now: Timestamp) -> Result<Self, Error> {
        Self::from_rows(table::rows(config)?, config, now).await
    }

    /// Key sets are fetched and secrets read now, in the init phase; one that is not available then is asked for again by the
    /// tokens that need it, and keeps nobody else out.
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

    /// Whose token it is: no call, or one for an issuer's key set or secret.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] with the reason, for the log: API Gateway tells the client nothing but 401. It quotes nothing
    /// of the token.
    pub async fn verify(&self, token: &str, now: Timestamp) -> Result<Identity, Error> {
        let refused = |reason: Reason| Error::Unauthorized(format!("token: {reason}").into());
        self.check(token, now).await.and_then(Signed::into_identity).map_err(refused)
    }

    /// What a grant lets `user` do on `channel`: no call, or one for an issuer's key set.
    ///
    /// # Errors
    /// [`Error::Forbidden`] where it is not valid, or is for another user or channel.
    pub async fn verify_grant(
        &self,
        grant: &str,
        user: &UserId,
        channel: &Channel,
        now: Timestamp,
    ) -> Result<Grant, Error> {
        let granted = self.check(grant, now).await.and_then(|signed| signed.into_grant(user, channel, now));
        granted.map_err(|reason| {
            tracing::warn!(reason, %user, %channel, "a grant is refused");
            Error::Forbidden("the grant is not valid for this user and channel")
        })
    }

    /// Checks whatever is signed: who did, and for how long it counts.
    async fn check(&self, text: &str, now: Timestamp) -> Result<Signed<'_>, Reason> {
        let token = Token::parse(text)?;
        // Only to find out whose keys to try: nothing of it is believed yet.
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
            claims.remove("exp").and_then(parse).ok_or("it has no `exp`, or one that is no time")?;
        if now >= expires_at {
            return Err("it has expired");
        }
        if let Some(not_before) = claims.remove("nbf").filter(|nbf| !nbf.is_null()) {
            let NumericDate(not_before) = parse(not_before).ok_or("its `nbf` is no time")?;
            if not_before > now + LEEWAY {
                return Err("it does not count yet");
            }
        }
        Ok(Signed { issuer, subject, expires_at, claims })
    }
}

/// The first of these entries with whose keys the token is signed.
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
    /// What is believed of a token, by the kind of its issuer.
    fn into_identity(mut self) -> Result<Identity, Reason> {
        let kind = self.issuer.kind;
        if kind.gives_grants() && GRANT_CLAIMS.iter().any(|claim| self.claims.contains_key(*claim)) {
            return Err("it is a grant");
        }
        let user = subject::user(kind, &self.subject)?;
        let (name, companies, companies_by) = match kind {
            Kind::App | Kind::Dev => (self.name(), self.companies()?, CompaniesBy::Token),
            Kind::Oidc => (self.name(), Vec::new(), CompaniesBy::Token),
            Kind::Whop if user.as_str().starts_with(whop::USER_PREFIX) => {
                (None, Vec::new(), CompaniesBy::Whop)
            }
            Kind::Whop => return Err("it names no user of Whop's"),
        };
        let name = name.unwrap_or_else(|| Name::from(&user));
        Ok(Identity { user, name, companies, companies_by, expires_at: self.expires_at })
    }

    /// What to call the user, as far as that can be shown.
    fn name(&mut self) -> Option<Name> {
        let claim = self.claims.remove("name").filter(|claim| !claim.is_null())?;
        let text = claim.as_str().unwrap_or_default();
        let name = Name::fitting(text);
        if name.as_ref().is_none_or(|name| name.as_str() != text) {
            self.issuer.note_left_out("name");
        }
        name
    }

    /// The companies that it names with roles that we know; in all others the user is nobody.
    fn companies(&mut self) -> Result<Vec<CompanyClaim>, Reason> {
        let Some(claim) = self.claims.remove("companies").filter(|claim| !claim.is_null()) else {
            return Ok(Vec::new());
        };
        let Value::Array(named) = claim else {
            self.issuer.note_left_out("companies");
            return Ok(Vec::new());
        };
        let count = named.len();
        if count > COMPANIES_MAX {
            return Err("it names too many companies");
        }
        let companies: Vec<CompanyClaim> = named.into_iter().filter_map(parse).collect();
        if companies.len() < count {
            self.issuer.note_left_out("companies");
        }
        Ok(companies)
    }

    /// What a grant lets this user do on this channel.
    fn into_grant(mut self, user: &UserId, channel: &Channel, now: Timestamp) -> Result<Grant, Reason> {
        if !self.issuer.kind.gives_grants() {
            return Err("its issuer gives no grants");
        }
        let [granted, caps] = GRANT_CLAIMS.map(|claim| self.claims.remove(claim));
        let granted: Channel = granted.and_then(parse).ok_or("it has no `channel`, or one that is none")?;
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

    /// Whether a token with these claims is for us. It is for nobody else then: a list of several would let each of them come
    /// here with the token of somebody who came to them.
    fn is_meant(&self, claims: &Claims) -> bool {
        let names_us = |claim: Option<&Value>| claim.and_then(Value::as_str) == Some(&self.aud);
        match (self.aud_claim, claims.get("aud")) {
            (AudClaim::Aud, Some(Value::Array(all))) => {
                self.kind == Kind::Oidc && all.len() == 1 && names_us(all.first())
            }
            (AudClaim::Aud, aud) => names_us(aud),
            (AudClaim::Azp, None) => names_us(claims.get("azp")),
            (AudClaim::ClientId, None) => names_us(claims.get("client_id")),
            // A token for another API, which the same client has asked for.
            (AudClaim::Azp | AudClaim::ClientId, Some(_)) => false,
        }
    }

    /// Logs, once for each process, that a claim of its tokens is not understood.
    fn note_left_out(&self, claim: &'static str) {
        if !self.has_noted.swap(true, Ordering::Relaxed) {
            tracing::warn!(iss = self.iss, claim, "what is not understood of a token's claim is left out");
        }
    }
}
