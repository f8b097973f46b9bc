//! Where `@connections` is, and how a connection is named in a path: once encoded as it is sent, and encoded again as it
//! is signed, which is what every service but S3 asks for
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>).

use funnelcast_core::{ConnectionId, Error};
use http::{
    HeaderValue, Uri,
    uri::{PathAndQuery, Scheme},
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};

/// What is encoded in a segment of a path: all but RFC 3986's unreserved characters.
const IN_SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// What is encoded in a whole path: as above, and the slashes stay.
const IN_PATH: &AsciiSet = &IN_SEGMENT.remove(b'/');

/// The management API of one stage.
#[derive(Debug)]
pub(super) struct Endpoint {
    /// Scheme and authority: what a socket is opened to.
    pub(super) origin: Uri,
    /// The value of `host`, without a port that goes without saying.
    pub(super) host: HeaderValue,
    /// The path as far as the connection.
    path: String,
    /// The same, encoded again.
    canonical_path: String,
}

impl Endpoint {
    /// From its URL, `https://{api}.execute-api.{region}.amazonaws.com/{stage}`; behind a domain of one's own, without
    /// the stage.
    ///
    /// # Errors
    /// [`Error::Internal`] where that is no URL of `http` or `https`.
    pub(super) fn parse(url: &str) -> Result<Self, Error> {
        let broken = |why: &str| Error::Internal(format!("MANAGEMENT_ENDPOINT: {url:?} {why}"));
        let url: Uri = url.parse().map_err(|error| broken(&format!("is no URL: {error}")))?;
        let (Some(scheme), Some(authority)) = (url.scheme(), url.authority()) else {
            return Err(broken("lacks its scheme or host"));
        };
        let port_by_itself = match scheme.as_str() {
            "https" => 443,
            "http" => 80,
            _ => return Err(broken("is neither https nor http")),
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

    /// The path of a connection, as it is sent.
    ///
    /// # Errors
    /// Never, as long as [`Endpoint::parse`] has taken the path before it.
    pub(super) fn target(&self, connection: &ConnectionId) -> Result<Uri, http::Error> {
        let mut path = String::with_capacity(self.path.len() + 3 * connection.as_str().len());
        path.push_str(&self.path);
        path.extend(encode(connection.as_str()));
        Ok(Uri::from(PathAndQuery::from_maybe_shared(bytes::Bytes::from(path))?))
    }

    /// The path of a connection as it is signed, piece by piece.
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
