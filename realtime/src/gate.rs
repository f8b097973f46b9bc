//! The gate: who may open a connection, and which identity the connection has from then on.
//!
//! The `Origin` must be on the allow list exactly, or be the API's own. Browsers send the origin of their page; other
//! clients send none, or that of the host they connect to. Then a token of a configured issuer is required, or a
//! ticket that `POST /api/websocket/connect` has issued for one.

use funnelcast_aws::{Config, Resource, Table, clock::now};
use funnelcast_core::{Error, Identity};

use crate::tokens::Issuers;

/// The longest refused origin that is logged, in bytes.
const ORIGIN_BYTES_LOGGED: usize = 100;

/// The allowed origins and the trusted issuers.
#[derive(Debug)]
pub struct Gate {
    origins: Vec<String>,
    issuers: Issuers,
    table: Table,
}

impl Resource for Gate {
    async fn build(config: &Config) -> Result<Self, Error> {
        Ok(Self {
            origins: config.allowed_origins.clone(),
            issuers: Issuers::build(config).await?,
            table: Table::build(config).await?,
        })
    }
}

/// The credential by which a connecting client identifies its user.
#[derive(Debug, PartialEq, Eq)]
pub enum Credential<'a> {
    /// A single-use ticket from the HTTP API.
    Ticket(&'a str),
    /// An issuer's token.
    Token(&'a str),
}

/// The outcome of a check.
#[derive(Debug)]
pub enum Admitted {
    /// The user may connect.
    User(Identity),
    /// The request is refused because it comes from a page of an origin that is not allowed.
    ForeignOrigin,
}

impl Gate {
    /// Decides whether a client with these `Origin` headers may connect to the API at `domain`: no read for a token,
    /// 1 write for a ticket.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] without a valid token or ticket.
    pub async fn admit<'a>(
        &self,
        mut origins: impl Iterator<Item = &'a str>,
        domain: &str,
        credential: Option<Credential<'_>>,
    ) -> Result<Admitted, Error> {
        if let Some(origin) = origins.find(|origin| !self.may_come_from(origin, domain)) {
            tracing::warn!(origin = loggable(origin), "refused: the origin is not allowed");
            return Ok(Admitted::ForeignOrigin);
        }
        let identity = match credential {
            Some(Credential::Ticket(secret)) => self.table.take_ticket(secret, now()).await,
            Some(Credential::Token(token)) => self.issuers.verify(token, now()).await,
            None => Err(Error::Unauthorized("no token and no ticket".into())),
        };
        identity.map(Admitted::User)
    }

    /// Whether the origin is on the allow list or is that of the API itself.
    fn may_come_from(&self, origin: &str, domain: &str) -> bool {
        self.origins.iter().any(|allowed| allowed == origin) || is_own(origin, domain)
    }
}

/// Whether this is the origin of the API itself, as sent by clients that derive their origin from the URL they
/// connect to: `https` by `websocket-client` (Python) and React Native, `wss` by Starscream (Swift). No browser has a
/// page of that origin. Without TLS it counts on this machine alone, because anyone on the network path could serve a
/// page of such an origin.
fn is_own(origin: &str, domain: &str) -> bool {
    let Some((scheme, host)) = origin.split_once("://").filter(|_| !domain.is_empty()) else { return false };
    match scheme {
        "https" | "wss" => host == domain || host.strip_suffix(":443") == Some(domain),
        "http" | "ws" => {
            let (address, port) = domain.rsplit_once(':').unwrap_or((domain, ""));
            let here = ["127.0.0.1", "localhost"];
            here.contains(&address) && here.iter().any(|name| host == format!("{name}:{port}"))
        }
        _ => false,
    }
}

/// The origin if it is safe to log, else a placeholder: the header is untrusted.
fn loggable(origin: &str) -> &str {
    if origin.len() <= ORIGIN_BYTES_LOGGED && origin.bytes().all(|byte| byte.is_ascii_graphic()) {
        origin
    } else {
        "(too long or not ASCII)"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_tls_only_this_machine_is_the_apis_own_origin() {
        for (origin, domain, expected) in [
            ("http://127.0.0.1:3001", "127.0.0.1:3001", true),
            ("http://localhost:3001", "127.0.0.1:3001", true),
            ("ws://127.0.0.1:3001", "127.0.0.1:3001", true),
            ("http://127.0.0.1:3000", "127.0.0.1:3001", false),
            ("http://ws.shop.example", "ws.shop.example", false),
            ("ws://ws.shop.example", "ws.shop.example", false),
            ("http://localhost:", "ws.shop.example", false),
            ("ftp://ws.shop.example", "ws.shop.example", false),
            ("https://", "", false),
        ] {
            assert_eq!(is_own(origin, domain), expected, "{origin} {domain}");
        }
    }

    #[test]
    fn an_unsafe_origin_is_not_logged() {
        assert_eq!(loggable("https://evil.example"), "https://evil.example");
        for bad in ["https://e\u{9b}31m", "two words", "\u{1b}[2J", &"x".repeat(ORIGIN_BYTES_LOGGED + 1)] {
            assert!(!loggable(bad).contains(bad));
        }
    }

    async fn gate() -> Gate {
        let config = Config::from_lookup(|name| match name {
            "AWS_REGION" => Some("us-east-1".to_owned()),
            "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => Some("nobody's".to_owned()),
            "TABLE_NAME" => Some("no-table-is-asked".to_owned()),
            "ALLOWED_ORIGINS" => Some("https://shop.example".to_owned()),
            _ => None,
        });
        Gate::build(&config.unwrap()).await.unwrap()
    }

    #[tokio::test]
    async fn a_malformed_ticket_is_refused_without_a_read() {
        let gate = gate().await;
        for secret in ["", "x", "a.b.c", &"x".repeat(42), &"x".repeat(44), &"ü".repeat(16)] {
            let refusal = gate.admit([].into_iter(), "", Some(Credential::Ticket(secret))).await.unwrap_err();
            assert_eq!(refusal.code(), "unauthorized", "{secret}");
        }
    }
}
