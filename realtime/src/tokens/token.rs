//! A token as text (RFC 7515, 7.1; RFC 7519): read first, believed only once its signature has been checked.
//!
//! Anybody can make one, so nothing of it is ever quoted: each reason is a fixed text.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::table::Alg;

/// The longest token, in bytes. API Gateway's own limit on a URL is half of it.
const TOKEN_BYTES_MAX: usize = 8 * 1024;

/// Why a token does not count, for the log.
pub(super) type Reason = &'static str;

/// What a token claims.
pub(super) type Claims = Map<String, Value>;

/// A token that has been read, and not been checked.
pub(super) struct Token<'a> {
    /// How it says that it is signed; `None` where that is no way we know.
    alg: Option<Algorithm>,
    /// Which key it says that it is signed with.
    pub(super) kid: Option<String>,
    /// What it claims.
    pub(super) claims: Claims,
    signed: &'a str,
    signature: &'a str,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default)]
    crit: Option<Value>,
}

impl<'a> Token<'a> {
    /// Reads a token.
    ///
    /// # Errors
    /// The reason where it is none, or one that we would not understand.
    pub(super) fn parse(text: &'a str) -> Result<Self, Reason> {
        const NONE: Reason = "it is no signed JWT";
        if text.len() > TOKEN_BYTES_MAX {
            return Err("it is too long");
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(NONE)?;
        let (header, claims) = signed.split_once('.').ok_or(NONE)?;
        let header: Header = part(header).ok_or(NONE)?;
        // What has to be understood (RFC 7515, 4.1.11) is something that we do not.
        if header.crit.is_some() {
            return Err("it has a `crit`");
        }
        let alg = Alg::deserialize(Value::String(header.alg)).ok().map(Algorithm::from);
        Ok(Self { alg, kid: header.kid, claims: part(claims).ok_or(NONE)?, signed, signature })
    }

    /// Whether it says that it is signed by this algorithm.
    pub(super) fn is_of(&self, alg: Algorithm) -> bool {
        self.alg == Some(alg)
    }

    /// Whether it is signed with this key, by this algorithm.
    pub(super) fn is_signed(&self, alg: Algorithm, key: &DecodingKey) -> bool {
        crypto::verify(self.signature, self.signed.as_bytes(), key, alg).unwrap_or(false)
    }
}

fn part<T: DeserializeOwned>(base64: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(base64).ok()?).ok()
}
