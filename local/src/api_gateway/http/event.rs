//! The event of a request, in payload format 2.0.

use std::{collections::BTreeMap, net::SocketAddr};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderMap, header, request};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::routing::Chosen;
use crate::template::{ACCOUNT, HttpApi};

/// Content types whose bodies are text; other bodies are base64.
const TEXT_TYPES: [&str; 5] = [
    "text/",
    "application/json",
    "application/javascript",
    "application/xml",
    "application/x-www-form-urlencoded",
];

/// The event of a request that takes the route `chosen`.
pub(super) fn request(
    api: &HttpApi,
    domain_name: &str,
    chosen: &Chosen<'_>,
    head: &request::Parts,
    body: &Bytes,
    peer: SocketAddr,
) -> Value {
    let now = Timestamp::now();
    let (path, query) = (head.uri.path(), head.uri.query().unwrap_or_default());
    let route_key = chosen.route_key();
    let mut event = json!({
        "version": "2.0",
        "routeKey": route_key,
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers(&head.headers, peer),
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": api.api_id,
            "domainName": domain_name,
            "domainPrefix": domain_name.split('.').next(),
            "http": {
                "method": head.method.as_str(), "path": path, "protocol": "HTTP/1.1", "sourceIp": peer.ip().to_string(),
                "userAgent": text(&head.headers, header::USER_AGENT).unwrap_or_default(),
            },
            "requestId": uuid::Uuid::now_v7().to_string(),
            "routeKey": route_key,
            "stage": api.stage,
            "time": now.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string(),
            "timeEpoch": now.as_millisecond(),
        },
        "isBase64Encoded": false,
    });
    let cookies: Vec<&str> =
        head.headers.get_all(header::COOKIE).iter().filter_map(|it| it.to_str().ok()).collect();
    let cookies: Vec<&str> = cookies.iter().flat_map(|cookies| cookies.split("; ")).collect();
    if !cookies.is_empty() {
        event["cookies"] = json!(cookies);
    }
    if !query.is_empty() {
        event["queryStringParameters"] = json!(joined(form_urlencoded::parse(query.as_bytes()).into_owned()));
    }
    if !chosen.parameters.is_empty() {
        event["pathParameters"] = json!(chosen.parameters);
    }
    if !body.is_empty() {
        let as_text = is_text(&head.headers).then(|| std::str::from_utf8(body).ok()).flatten();
        event["isBase64Encoded"] = as_text.is_none().into();
        event["body"] = as_text.map_or_else(|| STANDARD.encode(body), str::to_owned).into();
    }
    event
}

/// All headers except cookies, in lower case; repeated ones are joined by commas.
fn headers(headers: &HeaderMap, peer: SocketAddr) -> BTreeMap<String, String> {
    let sent = headers.iter().filter(|(name, _)| *name != header::COOKIE);
    let sent =
        sent.map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
    let forwarded = [("x-forwarded-for", peer.ip().to_string()), ("x-forwarded-proto", "http".to_owned())];
    joined(sent.chain(forwarded.map(|(name, value)| (name.to_owned(), value))))
}

fn joined(pairs: impl Iterator<Item = (String, String)>) -> BTreeMap<String, String> {
    let mut joined = BTreeMap::<String, String>::new();
    for (name, value) in pairs {
        joined
            .entry(name)
            .and_modify(|values| {
                values.push(',');
                values.push_str(&value);
            })
            .or_insert(value);
    }
    joined
}

fn is_text(headers: &HeaderMap) -> bool {
    let content_type = text(headers, header::CONTENT_TYPE).unwrap_or("text/plain").to_ascii_lowercase();
    TEXT_TYPES.iter().any(|text_type| content_type.starts_with(text_type))
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use http::Request;

    use super::*;
    use crate::template::HttpRoute;

    fn event_of(request: Request<&'static [u8]>) -> Value {
        let api = HttpApi {
            id: "Api".to_owned(),
            api_id: "abc".to_owned(),
            stage: "$default".to_owned(),
            routes: Vec::new(),
            cors: None,
            throttles: crate::template::Throttles::default(),
        };
        let route =
            HttpRoute { method: "POST".to_owned(), path: "/items/{id}".to_owned(), function: "F".to_owned() };
        let parameters = BTreeMap::from([("id".to_owned(), "7".to_owned())]);
        let (head, body) = request.into_parts();
        let chosen = Chosen { route: &route, parameters };
        let peer = (Ipv4Addr::LOCALHOST, 1).into();
        super::request(&api, "127.0.0.1:3000", &chosen, &head, &Bytes::from_static(body), peer)
    }

    #[test]
    fn a_request_becomes_an_event() {
        let request = Request::post("/items/7?a=1&a=2&b=%20")
            .header("Content-Type", "application/json")
            .header("X-Two", "1")
            .header("X-Two", "2")
            .header("Cookie", "a=1; b=2")
            .body(b"{}".as_slice())
            .unwrap();
        let event = event_of(request);
        assert_eq!(event["version"], "2.0");
        assert_eq!(event["routeKey"], "POST /items/{id}");
        assert_eq!(event["rawPath"], "/items/7");
        assert_eq!(event["rawQueryString"], "a=1&a=2&b=%20");
        assert_eq!(event["queryStringParameters"], json!({ "a": "1,2", "b": " " }));
        assert_eq!(event["pathParameters"], json!({ "id": "7" }));
        assert_eq!(event["headers"]["x-two"], "1,2");
        assert_eq!(event["headers"].get("cookie"), None);
        assert_eq!(event["cookies"], json!(["a=1", "b=2"]));
        assert_eq!(event["requestContext"]["http"]["method"], "POST");
        assert_eq!((event["body"].as_str(), event["isBase64Encoded"].as_bool()), (Some("{}"), Some(false)));
    }

    #[test]
    fn what_is_no_text_comes_as_base64() {
        let request =
            Request::post("/items/7").header("Content-Type", "image/png").body(b"hi".as_slice()).unwrap();
        let event = event_of(request);
        assert_eq!((event["body"].as_str(), event["isBase64Encoded"].as_bool()), (Some("aGk="), Some(true)));
    }
}
