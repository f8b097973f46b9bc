//! The authorizer of `$connect`: who may open a connection, and who he is from then on.
//!
//! A browser's `Origin` must be on the list, exactly; a client that is no browser sends none. Then comes a token of one
//! of the configured issuers, or a ticket that `POST /api/websocket/connect` has given for one: as `?token=` or
//! `?ticket=`, or as `token.<jwt>` or `ticket.<ticket>` among the offered subprotocols. Who that is goes into the
//! authorizer's context, which API Gateway hands to every later event of the connection.

use std::collections::BTreeMap;

use aws_lambda_events::apigw::ApiGatewayCustomAuthorizerRequestTypeRequest as Request;
use funnelcast_aws::{Config, Issuers, Resource, Store, now};
use funnelcast_core::{Error, Identity};
use serde::Serialize;
use serde_json::{Value, json};

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

/// What somebody shows who wants to come in.
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
    let resource = request.method_arn.as_deref().unwrap_or_default();
    if let Some(origin) = header(&request, "origin")
        && !gate.origins.iter().any(|allowed| allowed == origin)
    {
        tracing::warn!(origin = format!("{origin:.100}"), "a foreign origin");
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

fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request.headers.get(name)?.to_str().ok()
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
    let query = |name| request.query_string_parameters.first(name);
    let offers = header(request, "sec-websocket-protocol").unwrap_or_default();
    let offered = |prefix| offers.split(',').find_map(|offer| offer.trim().strip_prefix(prefix));
    let ticket = query("ticket").or_else(|| offered("ticket."));
    let token = || query("token").or_else(|| offered("token."));
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

    #[test]
    fn the_sample_has_a_token_and_a_resource() {
        let sample = sample();
        assert!(matches!(credential(&sample), Some(Credential::Token(_))));
        assert!(sample.method_arn.as_deref().is_some_and(|arn| arn.ends_with("/$connect")));
    }

    #[test]
    fn a_ticket_goes_before_a_token_wherever_they_are() {
        use Credential::{Ticket, Token};
        for (query, offers, expected) in [
            (r#"{"ticket": ["t1"], "token": ["a.b.c"]}"#, "funnelcast.v1", Some(Ticket("t1"))),
            (r#"{"token": ["a.b.c"]}"#, "funnelcast.v1, ticket.t2", Some(Ticket("t2"))),
            (r#"{"token": ["a.b.c"]}"#, "funnelcast.v1, token.d.e.f", Some(Token("a.b.c"))),
            ("{}", "funnelcast.v1,token.d.e.f", Some(Token("d.e.f"))),
            ("{}", "funnelcast.v1", None),
        ] {
            let mut request = sample();
            request.query_string_parameters = serde_json::from_str(query).unwrap();
            request.headers.insert("sec-websocket-protocol", offers.parse().unwrap());
            assert_eq!(credential(&request), expected, "{query} {offers}");
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
        for origin in
            ["https://evil.example", "https://shop.example.evil.example", "null", "http://shop.example", ""]
        {
            let mut request = sample();
            request.headers.insert("origin", origin.parse().unwrap());
            let verdict = handle(&gate, request).await.unwrap();
            assert_eq!(verdict.policy_document["Statement"][0]["Effect"], "Deny", "{origin}");
        }
        let mut request = sample();
        request.headers.insert("origin", "https://shop.example".parse().unwrap());
        assert_eq!(
            handle(&gate, request).await.unwrap_err().code(),
            "unauthorized",
            "no issuer is configured"
        );
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
