//! CORS of the HTTP API. If the template configures it, the API answers preflights and sets the headers, and removes
//! those of the function.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html>

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use crate::{
    http1::{Reply, empty_reply},
    template::Cors,
};

/// Answers a preflight from `origin`.
pub(super) fn preflight(cors: &Cors, origin: &HeaderValue) -> Reply {
    let mut reply = empty_reply(StatusCode::NO_CONTENT);
    let headers = reply.headers_mut();
    if allow(cors, origin, headers) == Origin::Refused {
        return reply;
    }
    set_list(headers, header::ACCESS_CONTROL_ALLOW_METHODS, &cors.methods);
    set_list(headers, header::ACCESS_CONTROL_ALLOW_HEADERS, &cors.headers);
    if let Some(max_age) = cors.max_age {
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from(max_age.as_secs()));
    }
    reply
}

/// Whether a page of an origin may read responses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    Allowed,
    Refused,
}

/// Sets the headers that allow a page of `origin` to read the response, if it may.
pub(super) fn allow(cors: &Cors, origin: &HeaderValue, headers: &mut HeaderMap) -> Origin {
    for name in [header::ACCESS_CONTROL_ALLOW_ORIGIN, header::ACCESS_CONTROL_ALLOW_CREDENTIALS] {
        headers.remove(name);
    }
    let any = cors.origins.iter().any(|allowed| allowed == "*");
    if !any && !cors.origins.iter().any(|allowed| matches(allowed, origin)) {
        return Origin::Refused;
    }
    let allowed = if any { HeaderValue::from_static("*") } else { origin.clone() };
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    if cors.credentials {
        headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }
    set_list(headers, header::ACCESS_CONTROL_EXPOSE_HEADERS, &cors.exposed);
    Origin::Allowed
}

/// `https://*` and `http://*` stand for any origin of their scheme.
fn matches(allowed: &str, origin: &HeaderValue) -> bool {
    match allowed.strip_suffix('*') {
        Some(scheme) => origin.as_bytes().starts_with(scheme.as_bytes()),
        None => origin == allowed,
    }
}

fn set_list(headers: &mut HeaderMap, name: HeaderName, values: &[String]) {
    if let (false, Ok(value)) = (values.is_empty(), values.join(",").parse()) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn cors() -> Cors {
        Cors {
            origins: vec!["https://app.example".to_owned()],
            methods: vec!["GET".to_owned(), "POST".to_owned()],
            headers: vec!["authorization".to_owned()],
            max_age: Some(Duration::from_mins(5)),
            credentials: true,
            ..Cors::default()
        }
    }

    #[test]
    fn a_preflight_has_what_is_allowed() {
        let reply = preflight(&cors(), &HeaderValue::from_static("https://app.example"));
        let header = |name: &str| reply.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(reply.status(), StatusCode::NO_CONTENT);
        assert_eq!(header("access-control-allow-origin"), "https://app.example");
        assert_eq!(header("access-control-allow-methods"), "GET,POST");
        assert_eq!(header("access-control-allow-headers"), "authorization");
        assert_eq!(header("access-control-allow-credentials"), "true");
        assert_eq!(header("access-control-max-age"), "300");
    }

    #[test]
    fn another_origin_gets_no_cors_headers() {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        let other = HeaderValue::from_static("https://evil.example");
        assert_eq!(allow(&cors(), &other, &mut headers), Origin::Refused);
        assert!(headers.is_empty());
        assert_eq!(preflight(&cors(), &other).headers().len(), 0);
    }
}
