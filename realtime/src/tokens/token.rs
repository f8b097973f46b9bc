//! A token as text (RFC 7515, 7.1; RFC 7519). It is parsed first, and trusted only once its signature has been
//! checked.
//!
//! Anyone can make a token, so nothing of it is ever quoted: each reason is a fixed text.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::table::Alg;

/// The longest token, in bytes. API Gateway's own limit on a URL is half of this.
const TOKEN_BYTES_MAX: usize = 8 * 1024;

/// Why a token is not valid, for the log.
pub(super) type Reason = &'static str;

/// The claims of a token.
pub(super) type Claims = Map<String, Value>;

/// A token that has been parsed but not verified.
pub(super) struct Token<'a> {
    /// The algorithm of its header; `None` if it is not supported.
    alg: Option<Algorithm>,
    /// The id of the key that its header names.
    pub(super) kid: Option<String>,
    /// Its claims.
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
    /// Parses a token.
    ///
    /// # Errors
    /// The reason if it is not a token, or if it needs something that is not supported.
    pub(super) fn parse(text: &'a str) -> Result<Self, Reason> {
        const NONE: Reason = "it is not a signed JWT";
        if text.len() > TOKEN_BYTES_MAX {
            return Err("it is too long");
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(NONE)?;
        let (header, claims) = signed.split_once('.').ok_or(NONE)?;
        let header: Header = part(header).ok_or(NONE)?;
        // A critical extension must be understood (RFC 7515, 4.1.11), and none is supported.
        if header.crit.is_some() {
            return Err("it has a `crit`");
        }
        let alg = Alg::deserialize(Value::String(header.alg)).ok().map(Algorithm::from);
        Ok(Self { alg, kid: header.kid, claims: part(claims).ok_or(NONE)?, signed, signature })
    }

    /// Whether its header names this algorithm.
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
