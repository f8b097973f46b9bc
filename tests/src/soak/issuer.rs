//! The app's own issuer, which signs many tokens and grants, some of them valid for only a few seconds. Stacks get its key from a
//! secret of Secrets Manager.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;
use serde_json::{Value, json};

use super::world::Person;
use crate::{Signer, unique};

const NAME: &str = "soak";
const AUDIENCE: &str = "funnelcast";
const SECRET: &str = "funnelcast/dev/soak";

/// Signs the tokens and grants of a run.
pub(super) struct Issuer {
    secret: String,
    signer: Signer,
}

/// A token or a grant, and when it expires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Signed {
    pub(super) text: String,
    pub(super) until_ms: u64,
}

impl Issuer {
    /// An issuer with a new secret.
    pub(super) fn new() -> Self {
        let secret = unique("a secret of at least thirty-two bytes");
        let signer = Signer::hs256(&secret);
        Self { secret, signer }
    }

    /// The options of `funnelcast-local up` by which a stack trusts this issuer.
    pub(super) fn options(&self) -> [String; 4] {
        let issuers = json!([{"kind": "app", "iss": NAME, "aud": AUDIENCE, "alg": "HS256", "keys": {"secret": SECRET}}]);
        let secret = format!("{SECRET}={}", self.secret);
        ["--secret".to_owned(), secret, "--parameter".to_owned(), format!("Issuers={issuers}")]
    }

    /// A person's token.
    pub(super) fn token(&self, person: &Person, seconds: u64) -> Result<Signed> {
        let companies = json!([{"id": person.company, "role": person.role_name()}]);
        self.sign(seconds, json!({"sub": person.id, "name": person.name(), "companies": companies}))
    }

    /// The token of a company's backend.
    pub(super) fn backend(&self, company: &str, seconds: u64) -> Result<Signed> {
        let companies = json!([{"id": company, "role": "backend"}]);
        self.sign(seconds, json!({"sub": format!("backend_{company}"), "companies": companies}))
    }

    /// The token with which the app's backend publishes.
    pub(super) fn publisher(&self, seconds: u64) -> Result<Signed> {
        self.sign(seconds, json!({"sub": "backend", "scope": "publish"}))
    }

    /// A grant to join a channel and to send there.
    pub(super) fn grant(&self, user: &str, channel: &str, seconds: u64) -> Result<Signed> {
        self.sign(seconds, json!({"sub": user, "channel": channel, "caps": ["join", "send"]}))
    }

    fn sign(&self, seconds: u64, mut claims: Value) -> Result<Signed> {
        claims["iss"] = NAME.into();
        claims["aud"] = AUDIENCE.into();
        // The signer reads the clock again. If the second has changed since, the token expires a second later.
        let until = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs() + seconds;
        Ok(Signed { text: self.signer.sign(seconds, &claims)?, until_ms: (until + 1) * 1_000 })
    }
}

impl std::fmt::Debug for Issuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issuer").finish_non_exhaustive()
    }
}
