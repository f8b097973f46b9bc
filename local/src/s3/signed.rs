//! Who has signed a request, and what: read from its header `Authorization` or from its presigned URL. Whether the signature
//! is right, is checked by [`s3s`].
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html>

use http::{HeaderMap, HeaderName, header, request::Parts};

/// The signature of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Signed {
    pub(super) access_key: String,
    /// The service of the credential's scope, such as `s3`.
    pub(super) service: String,
    /// Whether it is a presigned URL, which whoever has it may use.
    pub(super) is_url: bool,
    /// Names of headers, in lower case.
    headers: Vec<String>,
}

impl Signed {
    /// The signature of a request; `None` if it has none of version 4.
    pub(super) fn of(request: &Parts) -> Option<Self> {
        Self::of_header(&request.headers).or_else(|| Self::of_query(request.uri.query()?))
    }

    fn of_header(headers: &HeaderMap) -> Option<Self> {
        let fields = headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("AWS4-HMAC-SHA256 ")?;
        let field = |name: &str| {
            fields.split(',').find_map(|field| field.trim().strip_prefix(name)?.strip_prefix('='))
        };
        Self::new(field("Credential")?, field("SignedHeaders")?, false)
    }

    fn of_query(query: &str) -> Option<Self> {
        let field = |name: &str| {
            form_urlencoded::parse(query.as_bytes())
                .find_map(|(known, value)| (known == name).then_some(value))
        };
        Self::new(&field("X-Amz-Credential")?, &field("X-Amz-SignedHeaders")?, true)
    }

    /// The credential is `<key>/<date>/<region>/<service>/aws4_request`.
    fn new(credential: &str, headers: &str, is_url: bool) -> Option<Self> {
        let mut scope = credential.split('/');
        let access_key = scope.next().filter(|key| !key.is_empty())?.to_owned();
        let service = scope.nth(2)?.to_owned();
        let headers = headers.split(';').map(str::to_lowercase).collect();
        Some(Self { access_key, service, is_url, headers })
    }

    /// A header of S3's that the request has, and that is not signed: whoever has a presigned URL must not add any. The hash
    /// of the body may be added, because it allows nothing.
    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>
    pub(super) fn unsigned_header<'h>(&self, headers: &'h HeaderMap) -> Option<&'h HeaderName> {
        let is_free = |name: &str| {
            !name.starts_with("x-amz-")
                || name == "x-amz-content-sha256"
                || name.starts_with("x-amz-user-agent")
        };
        headers.keys().find(|name| {
            !is_free(name.as_str()) && !self.headers.iter().any(|signed| name.as_str() == signed)
        })
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn of(uri: &str, authorization: Option<&str>) -> Option<Signed> {
        let mut request = Request::get(uri);
        if let Some(authorization) = authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        Signed::of(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn a_signature_is_in_a_header_or_in_the_url() {
        let expected = Signed {
            access_key: "F".to_owned(),
            service: "s3".to_owned(),
            is_url: false,
            headers: ["host", "x-amz-date"].map(str::to_owned).into(),
        };
        let header = "AWS4-HMAC-SHA256 Credential=F/20261123/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-date, Signature=00";
        assert_eq!(of("/b/k", Some(header)), Some(expected.clone()));
        let url = "/b/k?X-Amz-Credential=F%2F20261123%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-SignedHeaders=host%3Bx-amz-date";
        assert_eq!(of(url, None), Some(Signed { is_url: true, ..expected }));
        let other = header.replace("/s3/", "/dynamodb/");
        assert_eq!(of("/", Some(&other)).unwrap().service, "dynamodb");
        for unsigned in ["Bearer x", "AWS F:signature", "AWS4-HMAC-SHA256 Credential=F, SignedHeaders=host"] {
            assert_eq!(of("/b/k", Some(unsigned)), None, "{unsigned}");
        }
        assert_eq!(of("/b/k?X-Amz-Credential=F", None), None);
    }

    #[test]
    fn headers_of_s3_must_be_signed() {
        let signed = of(
            "/b/k?X-Amz-Credential=F/d/r/s3/aws4_request&X-Amz-SignedHeaders=host%3Bx-amz-checksum-sha256",
            None,
        );
        let unsigned = |name: &'static str| {
            let headers = HeaderMap::from_iter([(HeaderName::from_static(name), "x".parse().unwrap())]);
            signed.as_ref().unwrap().unsigned_header(&headers).is_some()
        };
        assert!(unsigned("x-amz-meta-name") && unsigned("x-amz-storage-class"));
        for free in ["x-amz-checksum-sha256", "x-amz-content-sha256", "content-type", "origin"] {
            assert!(!unsigned(free), "{free}");
        }
    }
}
