//! Tokens and grants: JWTs of the configured issuers, and of nobody else.
//!
//! The algorithm is bound to the issuer and its keys to the algorithm; neither is read from the token. `exp`, `aud`, `iss`
//! and `sub` are all required, and `aud` is one string.
//!
//! # Layout
//! - here: from a token to an identity, from a grant to what it allows
//! - `table`: the configuration
//! - `subject`: whom its `sub` means; `numeric_date`: its times
//! - `keys`, `jwks`: the keys of an issuer, and where they come from

mod jwks;
mod keys;
mod numeric_date;
mod subject;
mod table;
#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, fmt, time::Duration};

use funnelcast_core::{
    Channel, Error, Grant, Identity, Timestamp, UserId,
    grant::{Capability, GRANT_MAX},
    identity::{COMPANIES_MAX, CompaniesBy, CompanyClaim},
};
use futures_util::future::join_all;
use jsonwebtoken::Validation;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use self::{
    keys::Keys,
    numeric_date::NumericDate,
    table::{Kind, Row},
};
use crate::{Config, Resource, now, whop};

/// The longest token, in bytes. API Gateway's own limit on a URL is half of it.
const TOKEN_BYTES_MAX: usize = 8 * 1024;
/// How far an issuer's clock may be ahead of ours: what it has just signed counts. No token counts longer for it.
const LEEWAY: Duration = Duration::from_secs(5);

/// Somebody who may say who a user is.
struct Issuer {
    kind: Kind,
    iss: String,
    keys: Keys,
    validation: Validation,
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuer").field("iss", &self.iss).finish_non_exhaustive() // never the key
    }
}

/// All of them.
#[derive(Debug)]
pub struct Issuers(Vec<Issuer>);

/// What is signed of anything.
#[derive(Deserialize)]
struct Signed<T> {
    sub: String,
    /// One string: an array would pass on any match.
    #[serde(rename = "aud")]
    _aud: String,
    exp: NumericDate,
    #[serde(default)]
    nbf: Option<NumericDate>,
    #[serde(flatten)]
    rest: T,
}

/// What a token says beside that. It is looked at only where it is believed.
#[derive(Deserialize)]
struct Said {
    #[serde(default)]
    name: Option<Value>,
    #[serde(default)]
    companies: Option<Value>,
    /// Only a grant has one, and a grant is no token.
    #[serde(default)]
    channel: Option<Value>,
}

/// What a grant says beside that.
#[derive(Deserialize)]
struct Granted {
    channel: Channel,
    caps: BTreeSet<Capability>,
}

#[derive(Deserialize)]
struct Unverified {
    iss: String,
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

    /// Key sets are fetched now, in the init phase; one that is not to be had is asked for again by the first token that
    /// needs it.
    async fn from_rows(
        rows: impl IntoIterator<Item = Row>,
        config: &Config,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let mut issuers = Vec::new();
        for row in rows {
            issuers.push(Issuer::new(row, config, now).await?);
        }
        join_all(issuers.iter().filter_map(|issuer| match &issuer.keys {
            Keys::Jwks(jwks) => Some(jwks.refresh(now)),
            _ => None,
        }))
        .await;
        Ok(Self(issuers))
    }

    /// Whose token it is: no call, or one for an issuer's key set.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] with the reason, for the log: API Gateway tells the client nothing but 401.
    pub async fn verify(&self, token: &str, now: Timestamp) -> Result<Identity, Error> {
        let refused = |reason: String| Error::Unauthorized(format!("token: {reason}").into());
        let (kind, signed) = self.check::<Said>(token, now).await.map_err(refused)?;
        identity(kind, signed).map_err(refused)
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
        let granted = self.check::<Granted>(grant, now).await.and_then(|(kind, signed)| {
            let Signed {
                sub, exp: NumericDate(until), rest: Granted { channel: granted_channel, caps }, ..
            } = signed;
            if !kind.gives_grants() {
                return Err("its issuer gives no grants".to_owned());
            }
            if sub != user.as_str() || granted_channel != *channel {
                return Err("it is for another user or channel".to_owned());
            }
            if until > now + GRANT_MAX + LEEWAY {
                return Err("it lasts longer than 10 minutes".to_owned());
            }
            if !caps.contains(&Capability::Join) {
                return Err("it does not allow to join".to_owned());
            }
            Ok(Grant { caps, until })
        });
        granted.map_err(|reason| {
            tracing::warn!(reason, %user, %channel, "a grant is refused");
            Error::Forbidden("the grant is not valid for this user and channel")
        })
    }

    /// Checks whatever is signed: who did, and for how long it counts.
    async fn check<T: DeserializeOwned>(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<(Kind, Signed<T>), String> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err("it is too long".to_owned());
        }
        // Only to find out whose key to try: nothing of it is believed.
        let unverified =
            jsonwebtoken::dangerous::insecure_decode::<Unverified>(token).map_err(|e| e.to_string())?;
        let issuer = self.0.iter().find(|issuer| issuer.iss == unverified.claims.iss);
        let issuer = issuer.ok_or("its issuer is unknown")?;
        let header = unverified.header;
        if !issuer.validation.algorithms.contains(&header.alg) {
            return Err("its algorithm is not its issuer's".to_owned());
        }
        // What has to be understood (RFC 7515, 4.1.11) is something that we do not.
        if header.crit.is_some() {
            return Err("it has a `crit`".to_owned());
        }
        let key = issuer.keys.find(header.kid.as_deref(), now).await?;
        let signed = jsonwebtoken::decode::<Signed<T>>(token, &key, &issuer.validation)
            .map_err(|error| error.to_string())?
            .claims;
        if now >= signed.exp.0 {
            return Err("it has expired".to_owned());
        }
        if signed.nbf.is_some_and(|nbf| nbf.0 > now + LEEWAY) {
            return Err("it does not count yet".to_owned());
        }
        Ok((issuer.kind, signed))
    }
}

/// What is believed of a token, by the kind of its issuer.
fn identity(kind: Kind, signed: Signed<Said>) -> Result<Identity, String> {
    let Signed { sub, exp: NumericDate(expires_at), rest: Said { name, companies, channel }, .. } = signed;
    if channel.is_some() {
        return Err("it is a grant".to_owned());
    }
    let user = subject::user(kind, sub)?;
    let (name, companies, companies_by) = match kind {
        Kind::App | Kind::Dev => {
            let companies: Vec<CompanyClaim> = parse(companies)?.unwrap_or_default();
            if companies.len() > COMPANIES_MAX {
                return Err("it names too many companies".to_owned());
            }
            (parse(name)?, companies, CompaniesBy::Token)
        }
        // What others call themselves need not be what we call a name.
        Kind::Oidc => (parse(name).ok().flatten(), Vec::new(), CompaniesBy::Token),
        Kind::Whop if user.as_str().starts_with(whop::USER_PREFIX) => (None, Vec::new(), CompaniesBy::Whop),
        Kind::Whop => return Err("it names no user of Whop's".to_owned()),
    };
    let name = match name {
        Some(name) => name,
        None => user.to_string().try_into().map_err(|error: Error| error.to_string())?,
    };
    Ok(Identity { user, name, companies, companies_by, expires_at })
}

fn parse<T: DeserializeOwned>(claim: Option<Value>) -> Result<Option<T>, String> {
    claim.map(serde_json::from_value).transpose().map_err(|error| error.to_string())
}

impl Issuer {
    async fn new(row: Row, config: &Config, now: Timestamp) -> Result<Self, Error> {
        let (kind, iss) = (row.kind, row.iss.clone());
        let mut validation = Validation::new(row.alg);
        validation.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
        validation.set_issuer(&[&row.iss]);
        validation.set_audience(&[&row.aud]);
        // By our own clock, which `check` is given: the library has another.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        Ok(Self { kind, iss, keys: Keys::new(row, config, now).await?, validation })
    }
}
