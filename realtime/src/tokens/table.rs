//! The issuers as they are configured: the parameter `Issuers`, a JSON array that is parsed once. An error in it is
//! reported at start-up with the issuer's name, and the process ends before its first event.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use funnelcast_core::Error;
use jsonwebtoken::{Algorithm, DecodingKey, jwk::Jwk};
use serde::Deserialize;
use serde_json::{Map, Value};

use funnelcast_aws::{Config, Setting, config, secrets::SecretName};

/// The shortest HS256 secret, in bytes: it must be as long as the hash (RFC 7518, 3.2).
pub(super) const HS256_SECRET_BYTES_MIN: usize = 32;
/// The name and the audience of the dev issuer. `funnelcast-local` creates its key.
const DEV_ISSUER: &str = "funnelcast-dev";
const DEV_AUDIENCE: &str = "funnelcast";
/// Whop's issuer name in its tokens, and the URL of its keys.
const WHOP_ISSUER: &str = "urn:whopcom:exp-proxy";
const WHOP_KEYS: &str = "https://api.whop.com/.well-known/jwks.json";

/// The kind of an issuer, which decides which of its claims are trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Whop: its tokens name the user and nothing else.
    Whop,
    /// The app's own backend: its tokens name the companies too, and it gives grants.
    App,
    /// Any other issuer: its tokens name the user and their display name.
    Oidc,
    /// The dev issuer on this machine, in place of the app.
    Dev,
}

impl Kind {
    /// Whether it is the app's own backend: only its tokens may be grants, and only they may publish.
    pub(super) const fn is_own(self) -> bool {
        matches!(self, Self::App | Self::Dev)
    }
}

/// One entry of the configuration, complete except for keys that must be fetched. An issuer may have several entries,
/// each with another key or audience.
pub(super) struct IssuerRow {
    pub(super) kind: Kind,
    pub(super) iss: String,
    pub(super) aud: String,
    pub(super) aud_claim: AudClaim,
    pub(super) alg: Algorithm,
    pub(super) keys: Keys,
}

/// The claim of a token that names its audience.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum AudClaim {
    /// `aud`, the standard claim.
    #[default]
    Aud,
    /// `azp`, in a token without `aud`: the origin that a session token of Clerk was made for.
    Azp,
    /// `client_id`, in a token without `aud`: the app client of an access token of Cognito.
    ClientId,
}

/// The source of an issuer's keys.
pub(super) enum Keys {
    /// A single key without an id.
    One(DecodingKey),
    /// A key set in the configuration itself.
    Static(Vec<Jwk>),
    /// The URL of a key set.
    Jwks(String),
    /// The name of a shared secret.
    Secret(SecretName),
}

/// One entry of the parameter `Issuers`.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
enum Entry {
    Whop {
        aud: String,
        /// Keys in place of Whop's published set.
        #[serde(default)]
        keys: Option<KeySource>,
    },
    App {
        iss: String,
        aud: String,
        alg: Alg,
        keys: KeySource,
    },
    Oidc {
        iss: String,
        aud: String,
        #[serde(default)]
        aud_claim: AudClaim,
        alg: Alg,
        keys: KeySource,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum KeySource {
    Pem(String),
    Static { keys: Vec<ListedKey> },
    Jwks(String),
    Secret(String),
}

/// A key that the configuration lists. It must be a public half: everyone who may describe the stack can read it.
#[derive(Deserialize)]
#[serde(try_from = "Map<String, Value>")]
struct ListedKey(Jwk);

/// The members of a JWK that only its owner may know: `d` of EC, OKP and RSA, and `k` of a shared secret (RFC 7518, 6).
const PRIVATE_MEMBERS: [&str; 2] = ["d", "k"];

impl TryFrom<Map<String, Value>> for ListedKey {
    type Error = String;

    fn try_from(members: Map<String, Value>) -> Result<Self, String> {
        let kid = members.get("kid").and_then(Value::as_str).unwrap_or_default();
        if let Some(name) = PRIVATE_MEMBERS.iter().find(|name| members.contains_key(**name)) {
            return Err(format!(
                "the key {kid:?} has the private member {name:?}: list its public half, and replace it"
            ));
        }
        let (kid, jwk) = (kid.to_owned(), serde_json::from_value::<Jwk>(Value::Object(members)));
        let jwk = jwk.map_err(|error| format!("the key {kid:?}: {error}"))?;
        // A key that cannot be read would be skipped, and its tokens refused one by one.
        DecodingKey::from_jwk(&jwk).map_err(|error| format!("the key {kid:?}: {error}"))?;
        Ok(Self(jwk))
    }
}

/// An algorithm, as the configuration and the header of a token name it.
#[derive(Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Alg {
    Hs256,
    Es256,
    Es384,
    Rs256,
    /// `EdDSA` with the curve Ed25519, by its older name or by that of RFC 9864.
    #[serde(rename = "EdDSA", alias = "Ed25519")]
    EdDsa,
}

/// Reads the configuration, and adds the dev issuer if there is a key for it.
///
/// # Errors
/// [`Error::Internal`] that names the issuer and what is wrong with it, and quotes no key.
pub(super) fn rows(config: &Config) -> Result<Vec<IssuerRow>, Error> {
    let json = config.issuers.as_deref().unwrap_or("[]");
    let entries: Vec<Entry> = serde_json::from_str(json)
        .map_err(|error| Setting::ISSUERS.wrong(format_args!("must be a JSON list of issuers: {error}")))?;
    let mut rows = entries.into_iter().map(IssuerRow::try_from).collect::<Result<Vec<_>, _>>()?;
    rows.extend(dev(config)?);
    for (index, row) in rows.iter().enumerate() {
        if rows[..index].iter().any(|other| other.iss == row.iss && other.kind != row.kind) {
            return Err(wrong(&row.iss, "must not have two kinds"));
        }
    }
    Ok(rows)
}

fn dev(config: &Config) -> Result<Option<IssuerRow>, Error> {
    let Some(key) = &config.dev_issuer_key else { return Ok(None) };
    if !config.is_for_development() {
        let (stage, names) = (&config.stage, config::DEVELOPMENT_STAGES);
        let why = format_args!(
            "must be empty: the stage {stage:?} may serve customers, because its name begins with none of {names:?}"
        );
        return Err(Setting::DEV_ISSUER_KEY.wrong(why));
    }
    let secret = URL_SAFE_NO_PAD
        .decode(key)
        .map_err(|error| Setting::DEV_ISSUER_KEY.wrong(format_args!("must be base64url: {error}")))?;
    Ok(Some(IssuerRow {
        kind: Kind::Dev,
        iss: DEV_ISSUER.to_owned(),
        aud: DEV_AUDIENCE.to_owned(),
        aud_claim: AudClaim::Aud,
        alg: Algorithm::HS256,
        keys: Keys::One(dev_key(&secret)?),
    }))
}

impl TryFrom<Entry> for IssuerRow {
    type Error = Error;

    fn try_from(entry: Entry) -> Result<Self, Error> {
        let (kind, iss, aud, aud_claim, alg, keys) = match entry {
            Entry::Whop { aud, keys } => {
                let keys = keys.unwrap_or(KeySource::Jwks(WHOP_KEYS.to_owned()));
                (Kind::Whop, WHOP_ISSUER.to_owned(), aud, AudClaim::Aud, Alg::Es256, keys)
            }
            Entry::App { iss, aud, alg, keys } => (Kind::App, iss, aud, AudClaim::Aud, alg, keys),
            Entry::Oidc { iss, aud, aud_claim, alg, keys } => (Kind::Oidc, iss, aud, aud_claim, alg, keys),
        };
        if iss.is_empty() || aud.is_empty() {
            return Err(wrong(&iss, "has an empty `iss` or `aud`"));
        }
        let alg = Algorithm::from(alg);
        let keys = Keys::new(kind, &iss, alg, keys)?;
        Ok(Self { kind, iss, aud, aud_claim, alg, keys })
    }
}

impl Keys {
    fn new(kind: Kind, iss: &str, alg: Algorithm, source: KeySource) -> Result<Self, Error> {
        match (alg, source) {
            (Algorithm::HS256, _) if kind != Kind::App => {
                Err(wrong(iss, "must not use HS256, which only the app's own backend may"))
            }
            (Algorithm::HS256, KeySource::Secret(name)) => {
                name.try_into().map(Self::Secret).map_err(|error: Error| caused_by(iss, &error))
            }
            (Algorithm::HS256, _) => {
                Err(wrong(iss, "signs with HS256, so its `keys` are a `secret`, by its name"))
            }
            (_, KeySource::Secret(_)) => Err(wrong(iss, "must not have a `secret`, which only HS256 uses")),
            (alg, KeySource::Pem(pem)) => public_key(alg, &pem).map(Self::One).map_err(|error| {
                wrong(iss, &format!("has a `pem` that is no public key for its algorithm: {error}"))
            }),
            (_, KeySource::Static { keys }) => Ok(Self::Static(keys.into_iter().map(|key| key.0).collect())),
            (_, KeySource::Jwks(url)) => Ok(Self::Jwks(url)),
        }
    }
}

impl From<Alg> for Algorithm {
    fn from(alg: Alg) -> Self {
        match alg {
            Alg::Hs256 => Self::HS256,
            Alg::Es256 => Self::ES256,
            Alg::Es384 => Self::ES384,
            Alg::Rs256 => Self::RS256,
            Alg::EdDsa => Self::EdDSA,
        }
    }
}

fn public_key(alg: Algorithm, pem: &str) -> Result<DecodingKey, jsonwebtoken::errors::Error> {
    match alg {
        Algorithm::RS256 => DecodingKey::from_rsa_pem(pem.as_bytes()),
        Algorithm::EdDSA => DecodingKey::from_ed_pem(pem.as_bytes()),
        _ => DecodingKey::from_ec_pem(pem.as_bytes()),
    }
}

/// The dev issuer's key.
///
/// # Errors
/// [`Error::Internal`] if it is short enough to be guessed.
fn dev_key(secret: &[u8]) -> Result<DecodingKey, Error> {
    if secret.len() < HS256_SECRET_BYTES_MIN {
        return Err(Setting::DEV_ISSUER_KEY.wrong("must be a secret of at least 32 bytes, in base64url"));
    }
    Ok(DecodingKey::from_secret(secret))
}

/// The error for an issuer that is configured wrongly.
pub(super) fn wrong(iss: &str, why: &str) -> Error {
    Setting::ISSUERS.wrong(format_args!("has an issuer that is wrong: {iss:?} {why}"))
}

/// The error for an issuer that is configured wrongly for the reason that `error` gives.
pub(super) fn caused_by(iss: &str, error: &Error) -> Error {
    Setting::ISSUERS.wrong(format_args!("has an issuer that is wrong: {iss:?}: {error}"))
}
