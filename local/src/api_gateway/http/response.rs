//! Converts a function's response into an HTTP reply.
//!
//! In payload format 2.0 a response without `statusCode` is the body of a 200.

use std::collections::BTreeMap;

use anyhow::Context as _;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Deserialize;
use serde_json::Value;

use crate::http1::Reply;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProxyResponse {
    status_code: u16,
    #[serde(default)]
    headers: Option<BTreeMap<String, Value>>,
    #[serde(default)]
    multi_value_headers: Option<BTreeMap<String, Vec<String>>>,
    #[serde(default)]
    cookies: Option<Vec<String>>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

/// Converts a response, or fails if it is malformed.
pub(super) fn reply(result: &Bytes) -> anyhow::Result<Reply> {
    let value: Value = serde_json::from_slice(result)?;
    if value.get("statusCode").is_none() {
        let body = value.as_str().map_or_else(|| result.clone(), |text| Bytes::from(text.to_owned()));
        let mut reply = Reply::new(body.into());
        reply.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        return Ok(reply);
    }
    let response: ProxyResponse = serde_json::from_value(value)?;
    let body = response.body.unwrap_or_default();
    let body = if response.is_base64_encoded { STANDARD.decode(body)?.into() } else { Bytes::from(body) };
    let mut reply = Reply::new(body.into());
    *reply.status_mut() = StatusCode::from_u16(response.status_code)?;
    let headers = reply.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain;charset=UTF-8"));
    for (name, value) in response.headers.unwrap_or_default() {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        headers.insert(name.parse::<HeaderName>().context(name)?, value.parse()?);
    }
    for (name, values) in response.multi_value_headers.unwrap_or_default() {
        for value in values {
            headers.append(name.parse::<HeaderName>().context(name.clone())?, value.parse()?);
        }
    }
    for cookie in response.cookies.unwrap_or_default() {
        headers.append(header::SET_COOKIE, cookie.parse()?);
    }
    // The server sets it from the body.
    headers.remove(header::CONTENT_LENGTH);
    Ok(reply)
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;
    use serde_json::json;

    use super::*;

    async fn body(reply: Reply) -> Bytes {
        reply.into_body().collect().await.unwrap().to_bytes()
    }

    #[tokio::test]
    async fn a_proxy_response_becomes_a_reply() {
        let response = json!({
            "statusCode": 201, "body": "aGk=", "isBase64Encoded": true, "cookies": ["a=1", "b=2"],
            "headers": { "Content-Type": "text/html", "X-Number": 7 },
        });
        let reply = reply(&response.to_string().into()).unwrap();
        assert_eq!(reply.status(), StatusCode::CREATED);
        assert_eq!(reply.headers()["content-type"], "text/html");
        assert_eq!(reply.headers()["x-number"], "7");
        assert_eq!(reply.headers().get_all("set-cookie").iter().count(), 2);
        assert_eq!(body(reply).await, "hi");
    }

    #[tokio::test]
    async fn a_response_without_a_status_is_the_body() {
        let reply = reply(&Bytes::from(r#"{"a":1}"#)).unwrap();
        assert_eq!(
            (reply.status(), &reply.headers()["content-type"]),
            (StatusCode::OK, &HeaderValue::from_static("application/json"))
        );
        assert_eq!(body(reply).await, r#"{"a":1}"#);
    }

    #[test]
    fn a_malformed_response_is_an_error() {
        for wrong in
            [r#"{"statusCode":"x"}"#, r#"{"statusCode":99}"#, r#"{"statusCode":200,"headers":{"a b":"c"}}"#]
        {
            assert!(reply(&Bytes::from(wrong)).is_err(), "{wrong}");
        }
    }
}
