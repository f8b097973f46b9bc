//! AWS signatures (Signature Version 4), for the one kind of request that is made by the thousand.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>
//!
//! The keys and the signatures are computed by `aws-sigv4`, which is the SDK's own signer. What that would repeat for
//! each post is done here only as often as it changes: the key once a day, everything except the path once a second,
//! the hash of the body once per frame. The canonical request is never assembled: its pieces are hashed directly.

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use aws_sdk_apigatewaymanagement::config::Credentials;
use aws_sigv4::sign::v4::{calculate_signature, generate_signing_key};
use funnelcast_core::{ConnectionId, Error};
use http::{HeaderValue, header::InvalidHeaderValue};

use super::{
    endpoint::Endpoint,
    frame::{Frame, sha256_hex},
};

/// The service that posts are signed for.
pub(super) const SERVICE: &str = "execute-api";
/// The content type that the SDK declares for any frame.
pub(super) const CONTENT_TYPE: &str = "application/octet-stream";
const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// A point in time in the form that signatures use.
#[derive(Debug)]
pub(super) struct Moment {
    at: SystemTime,
    /// The time as in `20150830T123600Z`.
    date: String,
}

impl Moment {
    /// # Errors
    /// [`Error::Internal`] if the clock is out of range.
    pub(super) fn new(at: SystemTime) -> Result<Self, Error> {
        let timestamp =
            jiff::Timestamp::try_from(at).map_err(|error| Error::internal("the clock", &error))?;
        Ok(Self { at, date: timestamp.strftime("%Y%m%dT%H%M%SZ").to_string() })
    }

    /// The day as in `20150830`.
    fn day(&self) -> &str {
        self.date.split('T').next().unwrap_or_default()
    }
}

/// The second that a point in time is in.
pub(super) fn second_of(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// The signing key of some credentials, for one day, region and service.
pub(super) struct DayKey {
    pub(super) credentials: Credentials,
    day: String,
    /// The scope of the key, as in `20150830/us-east-1/execute-api/aws4_request`.
    scope: String,
    key: Vec<u8>,
}

impl DayKey {
    pub(super) fn new(credentials: Credentials, moment: &Moment, region: &str, service: &str) -> Self {
        let day = moment.day().to_owned();
        let scope = format!("{day}/{region}/{service}/aws4_request");
        let key = generate_signing_key(credentials.secret_access_key(), moment.at, region, service);
        Self { credentials, day, scope, key: key.as_ref().to_vec() }
    }

    /// Whether this is still the key for these credentials.
    pub(super) fn is_for(&self, credentials: &Credentials, moment: &Moment) -> bool {
        self.day == moment.day() && self.credentials == *credentials
    }
}

/// What all signatures within one second share.
pub(super) struct Stamp {
    pub(super) key: Arc<DayKey>,
    /// The second, since 1970.
    pub(super) second: u64,
    /// The value of `x-amz-date`.
    pub(super) date: HeaderValue,
    /// The value of `x-amz-security-token`, if the credentials are temporary, as they are in Lambda.
    pub(super) token: Option<HeaderValue>,
    /// The headers of the canonical request after `content-length`, and the names of all headers.
    canonical_headers: String,
    /// The string to sign, without the hash at its end.
    to_sign: String,
    /// The value of `authorization`, without the signature at its end.
    authorization: String,
}

impl Stamp {
    /// Creates the stamp for the host of an endpoint.
    ///
    /// # Errors
    /// [`Error::Internal`] if the credentials cannot be put into a header.
    pub(super) fn new(key: Arc<DayKey>, moment: &Moment, host: &str) -> Result<Self, Error> {
        let date = &moment.date;
        let credentials = &key.credentials;
        let mut canonical_headers = format!("content-type:{CONTENT_TYPE}\nhost:{host}\nx-amz-date:{date}\n");
        let mut signed = "content-length;content-type;host;x-amz-date".to_owned();
        if let Some(token) = credentials.session_token() {
            canonical_headers.extend(["x-amz-security-token:", token, "\n"]);
            signed.push_str(";x-amz-security-token");
        }
        canonical_headers.extend(["\n", &signed, "\n"]);
        Ok(Self {
            second: second_of(moment.at),
            token: credentials.session_token().map(secret).transpose()?,
            to_sign: format!("{ALGORITHM}\n{date}\n{}\n", key.scope),
            authorization: format!(
                "{ALGORITHM} Credential={}/{}, SignedHeaders={signed}, Signature=",
                credentials.access_key_id(),
                key.scope
            ),
            date: secret(date)?,
            canonical_headers,
            key,
        })
    }

    /// The value of `authorization` for one post.
    ///
    /// # Errors
    /// [`Error::Internal`] if the credentials cannot be put into a header.
    pub(super) fn authorize(
        &self,
        endpoint: &Endpoint,
        connection: &ConnectionId,
        frame: &Frame,
    ) -> Result<HeaderValue, Error> {
        self.authorize_path(endpoint.canonical_target(connection), frame)
    }

    /// The value of `authorization` for a post to a path, which is given in pieces and encoded as it is signed.
    ///
    /// # Errors
    /// [`Error::Internal`] if the credentials cannot be put into a header.
    pub(super) fn authorize_path<'a>(
        &'a self,
        canonical_path: impl Iterator<Item = &'a str>,
        frame: &'a Frame,
    ) -> Result<HeaderValue, Error> {
        // The empty line in between is the query, of which there is none.
        let signature = self.sign(std::iter::once("POST\n").chain(canonical_path).chain([
            "\n\ncontent-length:",
            &frame.length,
            "\n",
            &self.canonical_headers,
            &frame.sha256,
        ]));
        let mut value = String::with_capacity(self.authorization.len() + signature.len());
        value.extend([self.authorization.as_str(), &signature]);
        secret(value)
    }

    /// The signature of a canonical request, given in pieces.
    pub(super) fn sign<'a>(&self, canonical_request: impl Iterator<Item = &'a str>) -> String {
        let hash = sha256_hex(canonical_request);
        let mut to_sign = String::with_capacity(self.to_sign.len() + hash.len());
        to_sign.extend([self.to_sign.as_str(), &hash]);
        calculate_signature(&self.key.key, to_sign.as_bytes())
    }
}

/// A header value that the HTTP client does not log.
fn secret(value: impl TryInto<HeaderValue, Error = InvalidHeaderValue>) -> Result<HeaderValue, Error> {
    let mut value = value.try_into().map_err(|error| Error::internal("the credentials", &error))?;
    value.set_sensitive(true);
    Ok(value)
}
