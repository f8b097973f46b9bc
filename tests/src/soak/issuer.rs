//! The app's own issuer: tokens and grants that last only a few seconds, of which a run needs many. A stack is told of it
//! by a secret of Secrets Manager.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;
use serde_json::{Value, json};

use super::world::Person;
use crate::{Signer, unique};

const NAME: &str = "soak";
const AUDIENCE: &str = "funnelcast";
const SECRET: &str = "funnelcast/dev/soak";

/// Signs for everybody in a run.
pub(super) struct Issuer {
    secret: String,
    signer: Signer,
}

/// A token or a grant, and until when it counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Signed {
    pub(super) text: String,
    pub(super) until_ms: u64,
}

impl Issuer {
    /// One with a new secret.
    pub(super) fn new() -> Self {
        let secret = unique("a secret of at least thirty-two bytes");
        let signer = Signer::hs256(&secret);
        Self { secret, signer }
    }

    /// The options of `funnelcast-local up` by which a stack believes it.
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

    /// The token of the app's backend with which it publishes.
    pub(super) fn publisher(&self, seconds: u64) -> Result<Signed> {
        self.sign(seconds, json!({"sub": "backend", "scope": "publish"}))
    }

    /// A grant to hear a channel and to speak there.
    pub(super) fn grant(&self, user: &str, channel: &str, seconds: u64) -> Result<Signed> {
        self.sign(seconds, json!({"sub": user, "channel": channel, "caps": ["join", "send"]}))
    }

    fn sign(&self, seconds: u64, mut claims: Value) -> Result<Signed> {
        claims["iss"] = NAME.into();
        claims["aud"] = AUDIENCE.into();
        // The signer reads the clock too; where the second has changed meanwhile, the signed time is the later one.
        let until = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs() + seconds;
        Ok(Signed { text: self.signer.sign(seconds, &claims)?, until_ms: (until + 1) * 1_000 })
    }
}

impl std::fmt::Debug for Issuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issuer").finish_non_exhaustive()
    }
}
