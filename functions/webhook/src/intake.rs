//! Requests from Whop: verified, put into the queue, answered.

use std::{collections::BTreeMap, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use funnelcast_aws::clock::now;
use funnelcast_core::{
    Error, Timestamp,
    frame::ErrorBody,
    http_api::{WEBHOOK_BYTES_MAX, WebhookReceived},
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{Received, Webhooks, signature};

/// The fields of API Gateway's event, payload format 2.0, that are used.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    /// The headers, whose names are in lower case.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
    #[serde(rename = "requestContext")]
    context: Context,
}

#[derive(Debug, Deserialize)]
struct Context {
    http: Http,
}

#[derive(Debug, Deserialize)]
struct Http {
    method: String,
}

/// The response to API Gateway.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Response {
    status_code: u16,
    headers: BTreeMap<&'static str, &'static str>,
    body: String,
}

/// Accepts a webhook: no read, 1 message. If it cannot be stored, the response is a 500, so that Whop retries.
pub(crate) async fn handle(webhooks: &Webhooks, request: Request) -> Response {
    match take(webhooks, request).await {
        Ok(()) => response(200, &json!(WebhookReceived { received: true })),
        Err(error) => {
            match &error {
                Error::Internal(_) => tracing::error!(%error, "storing a webhook failed"),
                refusal => tracing::warn!(code = refusal.code(), "refused a webhook"),
            }
            let mut refusal = response(error.status(), &json!({"error": ErrorBody::from(&error)}));
            if error == Error::UnknownAction {
                refusal.headers.insert("allow", "POST");
            }
            refusal
        }
    }
}

async fn take(webhooks: &Webhooks, request: Request) -> Result<(), Error> {
    if request.context.http.method != "POST" {
        return Err(Error::UnknownAction);
    }
    let now = now();
    let received = verify(request, &webhooks.secrets.all(now).await?, now)?;
    webhooks.queue.send(&received, Duration::ZERO).await?;
    tracing::info!(id = %received.id, bytes = received.body.len(), "a webhook was accepted");
    Ok(())
}

fn verify(request: Request, secrets: &[String], now: Timestamp) -> Result<Received, Error> {
    let body = bytes(request.body.unwrap_or_default(), request.is_base64_encoded)?;
    let header = |name: &str| request.headers.get(name).map(String::as_str);
    let id = signature::verify(header, &body, secrets.iter().map(String::as_str), now).map_err(|reason| {
        tracing::warn!(?reason, "not signed by Whop");
        Error::Unauthorized("the signature is not valid".into())
    })?;
    let body = String::from_utf8(body).map_err(|_| Error::BadRequest("the body is not UTF-8".into()))?;
    Ok(Received { id, body })
}

/// The body as it was sent: API Gateway encodes a body as base64 unless it considers it text.
fn bytes(body: String, is_base64: bool) -> Result<Vec<u8>, Error> {
    let bytes = if is_base64 {
        STANDARD.decode(body).map_err(|error| Error::internal("the base64 of API Gateway", &error))?
    } else {
        body.into_bytes()
    };
    if bytes.len() > WEBHOOK_BYTES_MAX {
        return Err(Error::TooLarge { what: "the body".into(), bytes_max: WEBHOOK_BYTES_MAX });
    }
    Ok(bytes)
}

fn response(status_code: u16, body: &serde_json::Value) -> Response {
    let headers = [("content-type", "application/json"), ("cache-control", "no-store")].into();
    Response { status_code, headers, body: body.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_is_a_request_in_either_encoding() {
        let text: Request = serde_json::from_str(include_str!("../../../events/webhook.json")).unwrap();
        let body = text.body.unwrap();
        assert_eq!(bytes(body.clone(), text.is_base64_encoded).unwrap(), body.as_bytes());
        assert_eq!(bytes(STANDARD.encode(&body), true).unwrap(), body.as_bytes());
        assert_eq!(bytes("?".to_owned(), true).unwrap_err().code(), "internal");
    }

    #[test]
    fn a_body_that_is_too_large_is_refused_before_it_is_parsed() {
        assert!(bytes("x".repeat(WEBHOOK_BYTES_MAX), false).is_ok());
        assert_eq!(bytes("x".repeat(WEBHOOK_BYTES_MAX + 1), false).unwrap_err().code(), "too_large");
        assert_eq!(
            bytes(STANDARD.encode(vec![0; WEBHOOK_BYTES_MAX + 1]), true).unwrap_err().code(),
            "too_large"
        );
    }
}
