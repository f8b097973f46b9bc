//! A signed request to a service of AWS, and its answer.

use std::time::{Duration, SystemTime};

use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use funnelcast_core::Error;
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};
use serde_json::Value;
use tokio::time::{sleep, timeout};

use super::{Account, failure::Failure};
use crate::sdk;

/// How often a request is tried.
const TRIES_MAX: u32 = 6;
/// How long the first pause between two tries is at most. Each further one is twice as long, up to `PAUSE_MAX`: Lambda takes 15
/// requests of its control plane a second from a whole account
/// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html#api-requests>), so others must be let pass.
const PAUSE_MIN: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(4);
/// How long one try may take: as long as a function that is waited for.
const TRY_MAX: Duration = Duration::from_secs(30);
/// The most bytes of an answer: a page of functions with their variables.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// What is encoded in a path or a query: all but what RFC 3986 does not reserve, as the signature demands.
pub(super) const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A service that is asked without an SDK, by the name that it signs for, which its host begins with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Service(pub(super) &'static str);

/// A request before it is signed.
pub(super) struct Ask<'a> {
    pub(super) service: Service,
    pub(super) method: Method,
    /// The path, with a query in its encoded form.
    pub(super) path: &'a str,
    pub(super) headers: &'a [(&'static str, &'a str)],
    pub(super) body: Bytes,
}

impl Account {
    /// Reads what is at a path of a REST API.
    pub(super) async fn get(&self, service: Service, path: &str) -> Result<Value, Failure> {
        let ask = Ask { service, method: Method::GET, path, headers: &[], body: Bytes::new() };
        self.ask(&ask).await.and_then(|body| parse(&body))
    }

    /// Calls an operation by the JSON protocol `version`.
    pub(super) async fn call(
        &self,
        service: Service,
        target: &str,
        version: &str,
        body: &Value,
    ) -> Result<Value, Failure> {
        let content_type = format!("application/x-amz-json-{version}");
        let headers = [("x-amz-target", target), ("content-type", &content_type)];
        let body = body.to_string().into();
        let ask = Ask { service, method: Method::POST, path: "/", headers: &headers, body };
        self.ask(&ask).await.and_then(|body| parse(&body))
    }

    /// Sends a request until it is answered, with a pause between two tries.
    ///
    /// # Errors
    /// [`Failure`] with the name of the error, if it is refused.
    pub(super) async fn ask(&self, ask: &Ask<'_>) -> Result<Bytes, Failure> {
        let mut round = 0;
        loop {
            let failed = match timeout(TRY_MAX, self.try_once(ask)).await {
                Ok(Ok((status, _, body))) if status.is_success() => return Ok(body),
                Ok(Ok((status, headers, body))) => {
                    let Refusal { name, text } = refusal(ask, status, &headers, &body);
                    let failed = Failure::named(&name, text);
                    if !may_pass(status, &name) {
                        return Err(failed);
                    }
                    failed
                }
                Ok(Err(error)) => error.into(),
                Err(_) => Failure::Failed(format!("{}: no answer within {TRY_MAX:?}", ask.name())),
            };
            round += 1;
            if round == TRIES_MAX {
                return Err(failed);
            }
            sleep(pause(round)).await;
        }
    }

    async fn try_once(&self, ask: &Ask<'_>) -> Result<(StatusCode, HeaderMap, Bytes), Error> {
        let failed = |error: &dyn std::error::Error| Error::internal(ask.name(), error);
        let request = self.signed(ask).await?;
        let answer = self.http.send(request).await.map_err(|error| failed(&error))?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(|error| Error::Internal(format!("{}: {error}", ask.name())))?;
        Ok((head.status, head.headers, body.to_bytes()))
    }

    async fn signed(&self, ask: &Ask<'_>) -> Result<Request<SdkBody>, Error> {
        let failed = |error: &dyn std::error::Error| Error::internal(ask.name(), error);
        let provider =
            self.sdk.credentials_provider().ok_or(Error::Internal("there are no credentials".into()))?;
        let credentials = provider.provide_credentials().await.map_err(|error| failed(&error))?;
        let base = match self.sdk.endpoint_url() {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => sdk::service_url(ask.service.0, &self.region),
        };
        let url = format!("{base}{}", ask.path);
        let identity = credentials.into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(ask.service.0)
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| failed(&error))?;
        let body = SignableBody::Bytes(&ask.body);
        let signable = SignableRequest::new(ask.method.as_str(), &url, ask.headers.iter().copied(), body);
        let signed = sign(signable.map_err(|error| failed(&error))?, &params.into());
        let (instructions, _) = signed.map_err(|error| failed(&error))?.into_parts();
        let mut request = Request::builder().method(ask.method.clone()).uri(&url);
        for (name, value) in ask.headers {
            request = request.header(*name, *value);
        }
        let request = request.header(header::ACCEPT, "application/json");
        let mut request = request.body(SdkBody::from(ask.body.to_vec())).map_err(|error| failed(&error))?;
        instructions.apply_to_request_http1x(&mut request);
        Ok(request)
    }
}

impl Ask<'_> {
    /// What is asked, for an error.
    fn name(&self) -> &str {
        let target = self.headers.iter().find(|(name, _)| *name == "x-amz-target");
        target.map_or(self.path, |(_, target)| target)
    }
}

fn parse(body: &Bytes) -> Result<Value, Failure> {
    serde_json::from_slice(body).map_err(|error| Error::internal("an answer of AWS", &error).into())
}

/// How long to wait before the try after `round` tries: at least half of what is most, so that callers do not come back at once,
/// and the rest at random, so that they do not come back together.
fn pause(round: u32) -> Duration {
    let most = PAUSE_MIN.saturating_mul(1 << round.saturating_sub(1).min(8)).min(PAUSE_MAX);
    most / 2 + (most / 2).mul_f64(rand::random_range(0.0..=1.0))
}

/// Whether the same request may be answered later. Throttles have the status 429 in Lambda's protocol, and 400 with a name in that
/// of CloudWatch.
fn may_pass(status: StatusCode, name: &str) -> bool {
    let is_throttle = name.contains("Throttl") || name.contains("TooManyRequests");
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS || is_throttle
}

/// What AWS says about a request that it refuses.
struct Refusal {
    /// The name of the error, without its namespace.
    name: String,
    /// All of it, for a person.
    text: String,
}

/// Reads a refusal. The name of the error is in a header or in the body, by the protocol.
fn refusal(ask: &Ask<'_>, status: StatusCode, headers: &HeaderMap, body: &Bytes) -> Refusal {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let named = headers.get("x-amzn-errortype").and_then(|name| name.to_str().ok());
    let name = named.or_else(|| body["__type"].as_str()).unwrap_or_default();
    let name = name.split(':').next().and_then(|name| name.rsplit('#').next()).unwrap_or_default();
    let said = body["message"].as_str().or_else(|| body["Message"].as_str()).unwrap_or_default();
    let text = format!("{}: {status} {name}: {said}", ask.name());
    Refusal { name: name.to_owned(), text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_are_bounded() {
        let bounds = |round| {
            let pauses: Vec<_> = (0..100).map(|_| pause(round)).collect();
            (pauses.iter().min().copied().unwrap(), pauses.iter().max().copied().unwrap())
        };
        for (round, most_ms) in [(1, 500), (2, 1_000), (3, 2_000), (4, 4_000), (5, 4_000), (40, 4_000)] {
            let (least, most) = bounds(round);
            assert!(least >= Duration::from_millis(most_ms / 2), "{round}: {least:?}");
            assert!(most <= Duration::from_millis(most_ms) && most > least, "{round}: {most:?}");
        }
    }

    #[test]
    fn a_throttle_may_pass_and_a_refusal_does_not() {
        for (status, name, expected) in [
            (400, "ThrottlingException", true),
            (400, "Throttling", true),
            (429, "TooManyRequestsException", true),
            (400, "TooManyRequestsException", true),
            (503, "", true),
            (400, "AccessDeniedException", false),
            (403, "ExpiredTokenException", false),
        ] {
            assert_eq!(may_pass(StatusCode::from_u16(status).unwrap(), name), expected, "{status} {name}");
        }
    }
}
