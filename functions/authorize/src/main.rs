//! The authorizer of `$connect`: who may open a connection, and which identity the connection has from then on. See
//! [`funnelcast_realtime::gate`].
//!
//! A token or a ticket is given as `?token=` or `?ticket=`, or as `token.<jwt>` or `ticket.<ticket>` among the
//! offered subprotocols. The user's identity goes into the authorizer's context, which API Gateway passes to every
//! later event of the connection.

use std::collections::BTreeMap;

use funnelcast_aws::serve::serve;
use funnelcast_core::Error;
use funnelcast_realtime::gate::{Admitted, Credential, Gate};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    serve(handle).await
}

/// The fields of API Gateway's event that are used
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-lambda-auth.html>).
/// Headers are strings here, so that none is overlooked because it is not ASCII.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    method_arn: String,
    #[serde(default)]
    headers: Option<BTreeMap<String, String>>,
    /// All values of each header, where `headers` has only one value of a header that was sent twice.
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
    /// The values of a header, whose name may be in any case.
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

/// The response to API Gateway
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-output.html>).
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Decision {
    principal_id: String,
    policy_document: Value,
    context: BTreeMap<&'static str, String>,
}

/// Answers Allow, Deny (403), or an error (401).
async fn handle(gate: &Gate, request: Request) -> Result<Decision, Error> {
    let (resource, domain) = (&request.method_arn, &request.context.domain_name);
    match gate.admit(request.header("origin"), domain, credential(&request)).await? {
        Admitted::User(identity) => {
            tracing::Span::current().record("user", identity.user.as_str());
            Ok(Decision {
                principal_id: identity.user.to_string(),
                policy_document: policy("Allow", resource),
                context: identity.to_context(),
            })
        }
        Admitted::ForeignOrigin => Ok(Decision {
            principal_id: "anonymous".to_owned(),
            policy_document: policy("Deny", resource),
            context: BTreeMap::new(),
        }),
    }
}

/// The credential of a request: a ticket takes precedence over a token, and the query over the subprotocols.
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
    use funnelcast_aws::{Config, Resource};

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
    fn a_ticket_takes_precedence_over_a_token() {
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
            let decision = handle(&gate, with_header("Origin", origins)).await.unwrap();
            assert_eq!(decision.policy_document["Statement"][0]["Effect"], "Deny", "{origins:?}");
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

    /// With a domain name of its own, API Gateway says that name in the event.
    #[tokio::test]
    async fn the_origin_of_the_apis_own_domain_is_allowed() {
        let gate = gate().await;
        for (origin, is_allowed) in [
            ("https://ws.app.example", true),
            ("https://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com", false),
            ("https://app.example", false),
        ] {
            let mut request = with_header("Origin", &[origin]);
            "ws.app.example".clone_into(&mut request.context.domain_name);
            assert_eq!(
                handle(&gate, request).await.is_err(),
                is_allowed,
                "no issuer is configured: {origin}"
            );
        }
    }

    #[tokio::test]
    async fn an_origin_is_read_from_either_form_of_the_headers() {
        let gate = gate().await;
        for form in ["headers", "multiValueHeaders"] {
            let mut request: Value =
                serde_json::from_str(include_str!("../../../events/authorize.json")).unwrap();
            request.as_object_mut().unwrap().remove(form);
            let decision = handle(&gate, serde_json::from_value(request).unwrap()).await.unwrap();
            assert_eq!(decision.policy_document["Statement"][0]["Effect"], "Deny", "without {form}");
        }
    }
}
