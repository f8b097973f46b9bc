//! The authorizer of `$connect`: who may open a connection, and who they are from then on.
//!
//! An `Origin` must be on the list, exactly, or the API's own: browsers send that of their page, and clients that are no
//! browser none, or that of the host they connect to. Then comes a token of one of the configured issuers, or a ticket that
//! `POST /api/websocket/connect` has given for one: as `?token=` or `?ticket=`, or as `token.<jwt>` or `ticket.<ticket>`
//! among the offered subprotocols. Who that is goes into the authorizer's context, which API Gateway hands to every later
//! event of the connection.

use std::collections::BTreeMap;

use funnelcast_aws::{Config, Issuers, Resource, Store, now};
use funnelcast_core::{Error, Identity};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The longest part of a refused origin that is logged, in bytes.
const ORIGIN_BYTES_LOGGED: usize = 100;

/// As much of API Gateway's event as matters
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-lambda-auth.html>). Headers
/// are texts here, of whatever alphabet, so that none is overlooked because it is not ASCII.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    method_arn: String,
    #[serde(default)]
    headers: Option<BTreeMap<String, String>>,
    /// Every value of each, where `headers` has only one of a header that was sent twice.
    #[serde(default)]
    multi_value_headers: Option<BTreeMap<String, Vec<String>>>,
    #[serde(default)]
    query_string_parameters: Option<BTreeMap<String, String>>,
    #[serde(rename = "requestContext")]
    context: Context,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Context {
    #[serde(default)]
    domain_name: String,
}

impl Request {
    /// The values of a header, which may be spelled in any case.
    fn header<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let single = self.headers.iter().flatten();
        let all = self.multi_value_headers.iter().flatten();
        let values = all.flat_map(|(sent, values)| values.iter().map(move |value| (sent, value)));
        values
            .chain(single)
            .filter(|(sent, _)| sent.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    fn query(&self, name: &str) -> Option<&str> {
        self.query_string_parameters.as_ref()?.get(name).map(String::as_str)
    }
}

/// Whom to believe, and from where.
#[derive(Debug)]
pub struct Gate {
    origins: Vec<String>,
    issuers: Issuers,
    store: Store,
}

impl Resource for Gate {
    async fn build(config: &Config) -> Result<Self, Error> {
        Ok(Self {
            origins: config.allowed_origins.clone(),
            issuers: Issuers::build(config).await?,
            store: Store::build(config).await?,
        })
    }
}

/// What somebody shows who wants to connect.
#[derive(Debug, PartialEq, Eq)]
enum Credential<'a> {
    Ticket(&'a str),
    Token(&'a str),
}

/// The answer to API Gateway
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-output.html>).
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    principal_id: String,
    policy_document: Value,
    context: BTreeMap<&'static str, String>,
}

/// Decides: a verdict of Allow, of Deny (403), or an error (401). No read for a token, 1 write for a ticket.
///
/// # Errors
/// [`Error::Unauthorized`] without a valid token or ticket.
pub async fn handle(gate: &Gate, request: Request) -> Result<Verdict, Error> {
    let resource = &request.method_arn;
    let domain = &request.context.domain_name;
    if let Some(origin) = request.header("origin").find(|origin| !may_come_from(gate, origin, domain)) {
        tracing::warn!(origin = loggable(origin), "a foreign origin");
        return Ok(Verdict {
            principal_id: "anonymous".to_owned(),
            policy_document: policy("Deny", resource),
            context: BTreeMap::new(),
        });
    }
    let identity = identify(gate, credential(&request)).await?;
    tracing::Span::current().record("user", identity.user.as_str());
    Ok(Verdict {
        principal_id: identity.user.to_string(),
        policy_document: policy("Allow", resource),
        context: identity.to_context(),
    })
}

/// Whether the origin is on the list, or that of the API itself.
fn may_come_from(gate: &Gate, origin: &str, domain: &str) -> bool {
    gate.origins.iter().any(|allowed| allowed == origin) || is_own(origin, domain)
}

/// Whether this is what clients send as the origin that make it of the URL that they connect to: `https` of `websocket-client`
/// (Python) and React Native, `wss` of Starscream (Swift). No browser has a page there. Without TLS that counts on this
/// machine alone, as anybody on the way could serve a page of such an origin.
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

/// What of a stranger's header may be in a line of the log.
fn loggable(origin: &str) -> &str {
    if origin.len() <= ORIGIN_BYTES_LOGGED && origin.bytes().all(|byte| byte.is_ascii_graphic()) {
        origin
    } else {
        "one that is too long, or not ASCII"
    }
}

async fn identify(gate: &Gate, credential: Option<Credential<'_>>) -> Result<Identity, Error> {
    match credential {
        Some(Credential::Ticket(secret)) => gate.store.take_ticket(secret, now()).await,
        Some(Credential::Token(token)) => gate.issuers.verify(token, now()).await,
        None => Err(Error::Unauthorized("no token and no ticket".into())),
    }
}

/// What came along; a ticket before a token, and the query before the subprotocols.
fn credential(request: &Request) -> Option<Credential<'_>> {
    let offered = |prefix| {
        let mut offers = request.header("sec-websocket-protocol").flat_map(|line| line.split(','));
        offers.find_map(|offer| offer.trim().strip_prefix(prefix))
    };
    let ticket = request.query("ticket").or_else(|| offered("ticket."));
    let token = || request.query("token").or_else(|| offered("token."));
    ticket.map(Credential::Ticket).or_else(|| token().map(Credential::Token))
}

fn policy(effect: &str, resource: &str) -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [{"Effect": effect, "Action": "execute-api:Invoke", "Resource": resource}],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Request {
        serde_json::from_str(include_str!("../../../events/authorize.json")).unwrap()
    }

    fn with_header(name: &str, values: &[&str]) -> Request {
        let mut request = sample();
        let headers = request.headers.get_or_insert_default();
        headers.retain(|sent, _| !sent.eq_ignore_ascii_case(name));
        headers.extend(values.last().map(|&value| (name.to_owned(), value.to_owned())));
        let headers = request.multi_value_headers.get_or_insert_default();
        headers.retain(|sent, _| !sent.eq_ignore_ascii_case(name));
        headers.insert(name.to_owned(), values.iter().map(|&value| value.to_owned()).collect());
        request
    }

    #[test]
    fn the_sample_has_a_token_and_a_resource() {
        let sample = sample();
        assert!(matches!(credential(&sample), Some(Credential::Token(_))));
        assert!(sample.method_arn.ends_with("/$connect"));
    }

    #[test]
    fn a_ticket_goes_before_a_token_wherever_they_are() {
        use Credential::{Ticket, Token};
        for (query, offers, expected) in [
            (r#"{"ticket": "t1", "token": "a.b.c"}"#, &["funnelcast.v1"][..], Some(Ticket("t1"))),
            (r#"{"token": "a.b.c"}"#, &["funnelcast.v1, ticket.t2"], Some(Ticket("t2"))),
            (r#"{"token": "a.b.c"}"#, &["funnelcast.v1, token.d.e.f"], Some(Token("a.b.c"))),
            ("null", &["funnelcast.v1,token.d.e.f"], Some(Token("d.e.f"))),
            ("null", &["token.d.e.f", "funnelcast.v1"], Some(Token("d.e.f"))),
            ("{}", &["funnelcast.v1", "token.d.e.f, ticket.t2"], Some(Ticket("t2"))),
            ("{}", &["funnelcast.v1"], None),
            ("{}", &[], None),
        ] {
            let mut request = with_header("sec-websocket-protocol", offers);
            request.query_string_parameters = serde_json::from_str(query).unwrap();
            assert_eq!(credential(&request), expected, "{query} {offers:?}");
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
    async fn a_foreign_origin_is_denied_whatever_its_token() {
        let gate = gate().await;
        for origins in [
            &["https://evil.example"][..],
            &["https://shop.example.evil.example"],
            &["null"],
            &["http://shop.example"],
            &[""],
            &["https://shöp.example"],
            &["https://shop.example\u{9b}31m"],
            &["https://shop.example", "https://evil.example"],
            &["https://evil.example", "https://shop.example"],
            &["http://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com"],
            &["https://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com.evil.example"],
            &["https://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com:8443"],
        ] {
            let verdict = handle(&gate, with_header("Origin", origins)).await.unwrap();
            assert_eq!(verdict.policy_document["Statement"][0]["Effect"], "Deny", "{origins:?}");
        }
        for origins in [
            &[][..],
            &["https://shop.example"],
            &["https://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com"],
            &["https://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com:443"],
            &["wss://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com"],
        ] {
            let refusal = handle(&gate, with_header("origin", origins)).await.unwrap_err();
            assert_eq!(refusal.code(), "unauthorized", "no issuer is configured: {origins:?}");
        }
    }

    #[tokio::test]
    async fn an_origin_counts_in_either_form_of_the_headers() {
        let gate = gate().await;
        for form in ["headers", "multiValueHeaders"] {
            let mut request: Value =
                serde_json::from_str(include_str!("../../../events/authorize.json")).unwrap();
            request.as_object_mut().unwrap().remove(form);
            let verdict = handle(&gate, serde_json::from_value(request).unwrap()).await.unwrap();
            assert_eq!(verdict.policy_document["Statement"][0]["Effect"], "Deny", "without {form}");
        }
    }

    #[test]
    fn without_tls_the_api_has_an_origin_on_this_machine_alone() {
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
    fn no_line_of_a_strangers_is_logged() {
        assert_eq!(loggable("https://evil.example"), "https://evil.example");
        for bad in ["https://e\u{9b}31m", "two words", "\u{1b}[2J", &"x".repeat(ORIGIN_BYTES_LOGGED + 1)] {
            assert!(!loggable(bad).contains(bad));
        }
    }

    #[tokio::test]
    async fn what_is_no_ticket_is_refused_without_asking_the_table() {
        let gate = gate().await;
        for secret in ["", "x", "a.b.c", &"x".repeat(42), &"x".repeat(44), &"ü".repeat(16)] {
            let refusal = identify(&gate, Some(Credential::Ticket(secret))).await.unwrap_err();
            assert_eq!(refusal.code(), "unauthorized", "{secret}");
        }
    }
}
