//! Tokens: JWTs of the configured issuers, and of nobody else.
//!
//! The algorithm is bound to the issuer, never read from the token; `exp`, `aud`, `iss` and `sub` are all required;
//! `aud` is one string.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use funnelcast_core::{
    Error, Identity, Timestamp, UserId,
    identity::{COMPANIES_MAX, CompanyClaim, Name},
};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;

use crate::{Config, Resource, config::PROD_STAGE};

/// The longest token, in bytes. API Gateway's own limit on a URL is half of it.
const TOKEN_BYTES_MAX: usize = 8 * 1024;
/// How far two clocks may be apart, in seconds.
const LEEWAY_SECS: u64 = 5;

/// The dev issuer's name, and the audience that it signs for. Its key is made by `funnelcast-local`.
const DEV_ISSUER: &str = "funnelcast-dev";
const DEV_AUDIENCE: &str = "funnelcast";

/// One entry of the `ISSUERS` variable.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct IssuerConfig {
    kind: Kind,
    iss: String,
    aud: String,
    alg: Alg,
    /// HS256: the secret itself. ES256: the public key as PEM.
    key: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    /// The app's own backend.
    App,
}

#[derive(Debug, Deserialize)]
enum Alg {
    #[serde(rename = "HS256")]
    Hs256,
    #[serde(rename = "ES256")]
    Es256,
}

/// An HS256 secret must be as long as its hash (RFC 7518, 3.2).
const HS256_SECRET_BYTES_MIN: usize = 32;

/// Somebody who may say who a user is.
struct Issuer {
    iss: String,
    key: DecodingKey,
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

#[derive(Deserialize)]
struct Claims {
    sub: UserId,
    /// One string: an array would pass on any match.
    #[serde(rename = "aud")]
    _aud: String,
    exp: i64,
    #[serde(default)]
    name: Option<Name>,
    #[serde(default)]
    companies: Vec<CompanyClaim>,
}

#[derive(Deserialize)]
struct Unverified {
    iss: String,
}

impl Resource for Issuers {
    async fn build(config: &Config) -> Result<Self, Error> {
        Self::from_config(config)
    }
}

impl Issuers {
    /// From the configuration.
    ///
    /// # Errors
    /// [`Error::Internal`] where it is not what it should be, or where a stage that serves customers has a dev key.
    fn from_config(config: &Config) -> Result<Self, Error> {
        let entries: Vec<IssuerConfig> = serde_json::from_str(config.issuers.as_deref().unwrap_or("[]"))
            .map_err(|error| Error::internal("the variable ISSUERS", &error))?;
        let mut issuers = entries.into_iter().map(Issuer::new).collect::<Result<Vec<_>, _>>()?;
        if let Some(key) = &config.dev_issuer_key {
            if config.stage == PROD_STAGE {
                return Err(Error::Internal("the stage `prod` takes no DEV_ISSUER_KEY".into()));
            }
            let secret = URL_SAFE_NO_PAD
                .decode(key)
                .map_err(|e| Error::internal("the variable DEV_ISSUER_KEY", &e))?;
            issuers.push(Issuer {
                iss: DEV_ISSUER.to_owned(),
                key: DecodingKey::from_secret(&secret),
                validation: validation(Algorithm::HS256, DEV_ISSUER, DEV_AUDIENCE),
            });
        }
        Ok(Self(issuers))
    }

    /// Whose token it is.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] with the reason, for the log: API Gateway tells the client nothing but 401.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Identity, Error> {
        let claims =
            self.check(token).map_err(|reason| Error::Unauthorized(format!("token: {reason}").into()))?;
        let name = match claims.name {
            Some(name) => name,
            None => claims.sub.to_string().try_into()?,
        };
        let identity = Identity {
            user: claims.sub,
            name,
            companies: claims.companies,
            expires_at: Timestamp::from_secs(claims.exp),
        };
        identity.check_alive(now)?;
        Ok(identity)
    }

    fn check(&self, token: &str) -> Result<Claims, String> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err("it is too long".to_owned());
        }
        // Only to find out whose key to try: nothing of it is believed.
        let unverified =
            jsonwebtoken::dangerous::insecure_decode::<Unverified>(token).map_err(|e| e.to_string())?;
        let issuer = self
            .0
            .iter()
            .find(|issuer| issuer.iss == unverified.claims.iss)
            .ok_or("its issuer is unknown")?;
        let claims = jsonwebtoken::decode::<Claims>(token, &issuer.key, &issuer.validation)
            .map_err(|error| error.to_string())?
            .claims;
        if claims.companies.len() > COMPANIES_MAX {
            return Err("it names too many companies".to_owned());
        }
        Ok(claims)
    }
}

impl Issuer {
    fn new(IssuerConfig { kind: Kind::App, iss, aud, alg, key }: IssuerConfig) -> Result<Self, Error> {
        let (algorithm, key) = match alg {
            Alg::Hs256 if key.len() < HS256_SECRET_BYTES_MIN => {
                return Err(Error::Internal(format!(
                    "the HS256 secret of issuer {iss} is shorter than 32 bytes"
                )));
            }
            Alg::Hs256 => (Algorithm::HS256, DecodingKey::from_secret(key.as_bytes())),
            Alg::Es256 => {
                let key = DecodingKey::from_ec_pem(key.as_bytes());
                (Algorithm::ES256, key.map_err(|error| Error::internal("an issuer's ES256 key", &error))?)
            }
        };
        Ok(Self { validation: validation(algorithm, &iss, &aud), iss, key })
    }
}

fn validation(algorithm: Algorithm, iss: &str, aud: &str) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
    validation.set_issuer(&[iss]);
    validation.set_audience(&[aud]);
    validation.validate_nbf = true;
    validation.leeway = LEEWAY_SECS;
    validation
}

#[cfg(test)]
mod tests;
