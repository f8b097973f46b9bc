//! The address of `@connections`, and the path of a connection below it. The path is percent-encoded once as it is
//! sent, and encoded again as it is signed, which every service except S3 requires
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>).

use funnelcast_core::{ConnectionId, Error};
use http::{
    HeaderValue, Uri,
    uri::{PathAndQuery, Scheme},
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};

use crate::setting::Setting;

/// The characters that are encoded in a path segment: all except the unreserved ones of RFC 3986.
pub(super) const IN_SEGMENT: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The characters that are encoded in a whole path: the same, except slashes.
const IN_PATH: &AsciiSet = &IN_SEGMENT.remove(b'/');

/// The management API of one stage.
#[derive(Debug)]
pub(super) struct Endpoint {
    /// Scheme and authority, which a socket is opened to.
    pub(super) origin: Uri,
    /// The value of `host`, without a default port.
    pub(super) host: HeaderValue,
    /// The path up to the connection.
    path: String,
    /// The same path, encoded again.
    canonical_path: String,
}

impl Endpoint {
    /// Parses a URL, `https://{api}.execute-api.{region}.amazonaws.com/{stage}`; with a custom domain, without the
    /// stage.
    ///
    /// # Errors
    /// [`Error::Internal`] if it is not an `http` or `https` URL.
    pub(super) fn parse(url: &str) -> Result<Self, Error> {
        let broken = |why: &str| {
            Setting::MANAGEMENT_ENDPOINT.wrong(format_args!("must be an https or http URL: {url:?} {why}"))
        };
        let url: Uri = url.parse().map_err(|error| broken(&format!("is not a URL: {error}")))?;
        let (Some(scheme), Some(authority)) = (url.scheme(), url.authority()) else {
            return Err(broken("has no scheme or no host"));
        };
        let port_by_itself = match scheme.as_str() {
            "https" => 443,
            "http" => 80,
            _ => return Err(broken("has another scheme")),
        };
        let host = match authority.port_u16() {
            Some(port) if port == port_by_itself => authority.host(),
            _ => authority.as_str(),
        };
        let path = format!("{}/@connections/", url.path().trim_end_matches('/'));
        Ok(Self {
            origin: origin(scheme, authority.as_str())
                .map_err(|error| Error::internal("the endpoint", &error))?,
            host: HeaderValue::from_str(host).map_err(|error| Error::internal("the host", &error))?,
            canonical_path: utf8_percent_encode(&path, IN_PATH).to_string(),
            path,
        })
    }

    /// The path of a connection as it is sent.
    ///
    /// # Errors
    /// None, since [`Endpoint::parse`] has accepted the rest of the path.
    pub(super) fn target(&self, connection: &ConnectionId) -> Result<Uri, http::Error> {
        let mut path = String::with_capacity(self.path.len() + 3 * connection.as_str().len());
        path.push_str(&self.path);
        path.extend(encode(connection.as_str()));
        Ok(Uri::from(PathAndQuery::from_maybe_shared(bytes::Bytes::from(path))?))
    }

    /// The path of a connection as it is signed, in pieces.
    pub(super) fn canonical_target<'a>(
        &'a self,
        connection: &'a ConnectionId,
    ) -> impl Iterator<Item = &'a str> {
        std::iter::once(self.canonical_path.as_str()).chain(encode(connection.as_str()).flat_map(encode))
    }
}

fn origin(scheme: &Scheme, authority: &str) -> Result<Uri, http::Error> {
    Uri::builder().scheme(scheme.clone()).authority(authority).path_and_query("/").build()
}

fn encode(segment: &str) -> PercentEncode<'_> {
    utf8_percent_encode(segment, IN_SEGMENT)
}
