//! Which pages may use a bucket: its CORS rules, of which the first counts that has the origin, the method and the headers.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/cors.html>

use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, header};
use s3s::{Body, S3Error, S3ErrorCode, S3Result};

use crate::{
    iam::like,
    template::{Bucket, CorsRule},
};

/// Answers a preflight from `origin`.
pub(super) fn preflight(
    bucket: &Bucket,
    origin: &HeaderValue,
    asked: &HeaderMap,
) -> S3Result<Response<Body>> {
    let text = |name: HeaderName| asked.get(name).and_then(|value| value.to_str().ok());
    let method = text(header::ACCESS_CONTROL_REQUEST_METHOD).unwrap_or_default();
    let requested = text(header::ACCESS_CONTROL_REQUEST_HEADERS).unwrap_or_default();
    let names: Vec<_> = requested.split(',').map(|name| name.trim().to_lowercase()).collect();
    let names: Vec<_> = names.iter().map(String::as_str).filter(|name| !name.is_empty()).collect();
    let rule = rule(bucket, origin, method, &names).ok_or_else(|| forbidden(bucket))?;
    let mut reply = Response::new(Body::empty());
    let headers = reply.headers_mut();
    set(headers, rule, origin);
    set_list(headers, header::ACCESS_CONTROL_ALLOW_METHODS, &rule.methods);
    if !names.is_empty() {
        set_list(headers, header::ACCESS_CONTROL_ALLOW_HEADERS, &names);
    }
    if let Some(age) = rule.max_age {
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, age.as_secs().into());
    }
    Ok(reply)
}

/// Sets the headers by which a page of `origin` may read the answer to its request, if it may.
pub(super) fn allow(bucket: &Bucket, origin: &HeaderValue, method: &Method, headers: &mut HeaderMap) {
    if let Some(rule) = rule(bucket, origin, method.as_str(), &[]) {
        set(headers, rule, origin);
    }
}

fn rule<'b>(bucket: &'b Bucket, origin: &HeaderValue, method: &str, names: &[&str]) -> Option<&'b CorsRule> {
    let origin = origin.to_str().ok()?;
    bucket.cors.iter().find(|rule| {
        rule.origins.iter().any(|allowed| like(allowed, origin))
            && rule.methods.iter().any(|allowed| allowed == method)
            && names.iter().all(|name| rule.headers.iter().any(|allowed| like(&allowed.to_lowercase(), name)))
    })
}

fn set(headers: &mut HeaderMap, rule: &CorsRule, origin: &HeaderValue) {
    if rule.origins.iter().any(|allowed| allowed == "*") {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    } else {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }
    if !rule.exposed.is_empty() {
        set_list(headers, header::ACCESS_CONTROL_EXPOSE_HEADERS, &rule.exposed);
    }
    let vary = "Origin, Access-Control-Request-Headers, Access-Control-Request-Method";
    headers.append(header::VARY, HeaderValue::from_static(vary));
}

fn set_list<T: AsRef<str>>(headers: &mut HeaderMap, name: HeaderName, values: &[T]) {
    let values: Vec<_> = values.iter().map(AsRef::as_ref).collect();
    if let Ok(value) = values.join(", ").parse() {
        headers.insert(name, value);
    }
}

fn forbidden(bucket: &Bucket) -> S3Error {
    let message = if bucket.cors.is_empty() {
        "CORSResponse: CORS is not enabled for this bucket."
    } else {
        "CORSResponse: This CORS request is not allowed. This is usually because the evaluation of Origin, request \
         method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec."
    };
    let mut error = S3Error::with_message(S3ErrorCode::Custom("AccessForbidden".into()), message);
    error.set_status_code(http::StatusCode::FORBIDDEN);
    error
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn bucket() -> Bucket {
        let list = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
        let rule = CorsRule {
            origins: list(&["https://app.example", "https://*.app.example"]),
            methods: list(&["PUT", "GET"]),
            headers: list(&["content-type", "x-amz-*"]),
            exposed: list(&["ETag"]),
            max_age: Some(Duration::from_mins(1)),
        };
        Bucket {
            id: "B".to_owned(),
            name: "b".to_owned(),
            arn: String::new(),
            cors: vec![rule],
            notifies: false,
        }
    }

    fn ask(origin: &str, method: &str, headers: &str) -> Result<HeaderMap, u16> {
        let mut asked = HeaderMap::new();
        asked.insert(header::ACCESS_CONTROL_REQUEST_METHOD, method.parse().unwrap());
        asked.insert(header::ACCESS_CONTROL_REQUEST_HEADERS, headers.parse().unwrap());
        let answer = preflight(&bucket(), &origin.parse().unwrap(), &asked);
        answer
            .map(|reply| reply.headers().clone())
            .map_err(|error| error.status_code().map_or(0, |status| status.as_u16()))
    }

    #[test]
    fn a_preflight_is_allowed_what_a_rule_allows() {
        for origin in ["https://app.example", "https://eu.app.example"] {
            let headers = ask(origin, "PUT", "Content-Type, x-amz-checksum-sha256").unwrap();
            assert_eq!(headers["access-control-allow-origin"], origin);
            assert_eq!(headers["access-control-allow-methods"], "PUT, GET");
            assert_eq!(headers["access-control-allow-headers"], "content-type, x-amz-checksum-sha256");
            assert_eq!(headers["access-control-expose-headers"], "ETag");
            assert_eq!(headers["access-control-max-age"], "60");
        }
        assert!(ask("https://app.example", "GET", "").is_ok());
        for (origin, method, headers) in [
            ("https://evil.example", "PUT", "content-type"),
            ("https://app.example", "DELETE", "content-type"),
            ("https://app.example", "PUT", "authorization"),
        ] {
            assert_eq!(ask(origin, method, headers).err(), Some(403), "{origin} {method} {headers}");
        }
    }

    #[test]
    fn only_a_page_of_an_allowed_origin_reads_answers() {
        let allowed = |origin: &'static str| {
            let mut headers = HeaderMap::new();
            allow(&bucket(), &HeaderValue::from_static(origin), &Method::PUT, &mut headers);
            headers.contains_key("access-control-allow-origin")
        };
        assert!(allowed("https://app.example") && !allowed("https://evil.example"));
    }
}
