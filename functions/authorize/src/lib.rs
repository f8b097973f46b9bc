//! The authorizer of `$connect`: who may open a connection, and who he is from then on.
//!
//! A browser's `Origin` must be on the list, exactly; a client that is no browser sends none. The token comes as
//! `?token=`, or as `token.<jwt>` among the offered subprotocols, and must be of one of the configured issuers. What it
//! says goes into the authorizer's context, which API Gateway hands to every later event of the connection.

use std::collections::BTreeMap;

use aws_lambda_events::apigw::ApiGatewayCustomAuthorizerRequestTypeRequest as Request;
use funnelcast_aws::{Config, Issuers, Resource, now};
use funnelcast_core::Error;
use serde::Serialize;
use serde_json::{Value, json};

/// What an offered subprotocol begins with that carries a token: a browser can set no other header.
const TOKEN_PROTOCOL_PREFIX: &str = "token.";

/// Whom to believe, and from where.
#[derive(Debug)]
pub struct Gate {
    origins: Vec<String>,
    issuers: Issuers,
}

impl Resource for Gate {
    async fn build(config: &Config) -> Result<Self, Error> {
        Ok(Self { origins: config.allowed_origins.clone(), issuers: Issuers::build(config).await? })
    }
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

/// Decides: a verdict of Allow, of Deny (403), or an error (401).
///
/// # Errors
/// [`Error::Unauthorized`] without a valid token.
#[expect(clippy::unused_async, reason = "every handler has the same shape")]
pub async fn handle(gate: &Gate, request: Request) -> Result<Verdict, Error> {
    let resource = request.method_arn.as_deref().unwrap_or_default();
    if let Some(origin) = header(&request, "origin")
        && !gate.origins.iter().any(|allowed| allowed == origin)
    {
        tracing::warn!(origin, "a foreign origin");
        return Ok(Verdict {
            principal_id: "anonymous".to_owned(),
            policy_document: policy("Deny", resource),
            context: BTreeMap::new(),
        });
    }
    let token = token(&request).ok_or(Error::Unauthorized("no token".into()))?;
    let identity = gate.issuers.verify(token, now())?;
    tracing::info!(user = %identity.user, "authorized");
    Ok(Verdict {
        principal_id: identity.user.to_string(),
        policy_document: policy("Allow", resource),
        context: identity.to_context(),
    })
}

fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request.headers.get(name)?.to_str().ok()
}

fn token(request: &Request) -> Option<&str> {
    request.query_string_parameters.first("token").or_else(|| {
        header(request, "sec-websocket-protocol")?
            .split(',')
            .find_map(|protocol| protocol.trim().strip_prefix(TOKEN_PROTOCOL_PREFIX))
    })
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
        assert!(token(&sample).is_some());
        assert!(sample.method_arn.as_deref().is_some_and(|arn| arn.ends_with("/$connect")));
    }

    #[test]
    fn a_token_may_hide_among_the_subprotocols() {
        let mut request = sample();
        request.query_string_parameters = serde_json::from_str("{}").unwrap();
        request.headers.insert("sec-websocket-protocol", "funnelcast.v1, token.a.b.c".parse().unwrap());
        assert_eq!(token(&request), Some("a.b.c"));
        request.headers.insert("sec-websocket-protocol", "funnelcast.v1".parse().unwrap());
        assert_eq!(token(&request), None);
    }

    #[tokio::test]
    async fn a_foreign_origin_is_denied_whatever_its_token() {
        let config = Config { allowed_origins: vec!["https://shop.example".into()], ..Config::default() };
        let gate = Gate::build(&config).await.unwrap();
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
}
