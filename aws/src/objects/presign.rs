//! URLs that allow one request to the bucket, until they expire.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html>
//!
//! `aws-sigv4`, which is the SDK's own signer, signs them. The SDK's client of S3 would do the same by preparing a whole
//! call, and with it would bring tables for checksums, half a megabyte of every zip that signs a URL.

use std::{
    borrow::Cow,
    time::{Duration, UNIX_EPOCH},
};

use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sigv4::{
    http_request::{
        PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation, SigningSettings,
        UriPathNormalizationMode, sign,
    },
    sign::v4::SigningParams,
};
use aws_types::{SdkConfig, region::Region};
use funnelcast_core::{Error, Timestamp};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::sdk::service_url;

/// What stands for itself in a query (RFC 3986, section 2.3), and also in `filename*` of a header (RFC 8187, section 3.2.1).
pub(super) const UNRESERVED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Signs URLs of one bucket.
#[derive(Debug)]
pub(super) struct Presigner {
    credentials: SharedCredentialsProvider,
    region: Region,
    /// The URL of the bucket, to which `/{key}` is added.
    bucket_url: String,
}

/// The request that a URL allows.
#[derive(Debug)]
pub(super) struct Allowed<'a> {
    pub(super) method: &'static str,
    pub(super) key: &'a str,
    pub(super) query: &'a [(&'static str, &'a str)],
    /// The headers that it must have, in lower case.
    pub(super) headers: &'a [(&'static str, &'a str)],
    /// How long it may take to begin; at most 7 days.
    pub(super) life: Duration,
}

impl Presigner {
    /// # Errors
    /// [`Error::Internal`] if the environment has no region or no credentials.
    pub(super) fn new(sdk: &SdkConfig, bucket: &str) -> Result<Self, Error> {
        let lacking = |what: &str| Error::Internal(format!("the environment has no {what}"));
        let region = sdk.region().cloned().ok_or_else(|| lacking("region"))?;
        let bucket_url = match sdk.endpoint_url() {
            Some(url) => format!("{}/{bucket}", url.trim_end_matches('/')),
            None => service_url(&format!("{bucket}.s3"), region.as_ref()),
        };
        let credentials = sdk.credentials_provider().ok_or_else(|| lacking("credentials"))?;
        Ok(Self { credentials, region, bucket_url })
    }

    /// A URL by which whoever has it makes this request, from `at` on.
    ///
    /// # Errors
    /// [`Error::Internal`] if there are no credentials.
    pub(super) async fn url(&self, allowed: &Allowed<'_>, at: Timestamp) -> Result<String, Error> {
        let failed = |error: &dyn std::error::Error| Error::internal("signing a URL", error);
        let credentials = self.credentials.provide_credentials().await.map_err(|error| failed(&error))?;
        let mut settings = SigningSettings::default();
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(allowed.life);
        // S3 takes a path as it is.
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        let identity = credentials.into();
        let millis = u64::try_from(at.as_millis()).unwrap_or_default();
        let params = SigningParams::builder()
            .identity(&identity)
            .region(self.region.as_ref())
            .name("s3")
            .time(UNIX_EPOCH + Duration::from_millis(millis))
            .settings(settings)
            .build()
            .map_err(|error| failed(&error))?;
        let mut url = format!("{}/{}", self.bucket_url, allowed.key);
        add_query(&mut url, allowed.query.iter().map(|&(name, value)| (name, value)));
        let headers = allowed.headers.iter().copied();
        let request =
            SignableRequest::new(allowed.method, url.as_str(), headers, SignableBody::UnsignedPayload);
        let (signed, _) = sign(request.map_err(|error| failed(&error))?, &params.into())
            .map_err(|error| failed(&error))?
            .into_parts();
        add_query(&mut url, signed.params().iter().map(|(name, value)| (*name, Cow::as_ref(value))));
        Ok(url)
    }
}

/// Adds parameters to a URL.
fn add_query<'a>(url: &mut String, query: impl Iterator<Item = (&'a str, &'a str)>) {
    for (name, value) in query {
        url.push(if url.contains('?') { '&' } else { '?' });
        url.push_str(name);
        url.push('=');
        url.extend(utf8_percent_encode(value, UNRESERVED));
    }
}

#[cfg(test)]
mod tests {
    use aws_credential_types::Credentials;
    use aws_sdk_s3::{
        Client,
        config::{BehaviorVersion, RequestChecksumCalculation},
        presigning::PresigningConfig,
    };

    use super::*;

    const AT_SECS: u64 = 1_440_938_160;
    const LIFE: Duration = Duration::from_mins(5);

    fn sdk(endpoint: Option<&str>) -> SdkConfig {
        let credentials =
            Credentials::new("AKIDEXAMPLE", "of-the-key", Some("of/the+session".into()), None, "test");
        let mut sdk = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-central-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials));
        sdk.set_endpoint_url(endpoint.map(str::to_owned));
        sdk.build()
    }

    /// The SDK's client, with one endpoint for all buckets where there is one.
    fn client(sdk: &SdkConfig) -> Client {
        let config = aws_sdk_s3::config::Builder::from(sdk)
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .force_path_style(sdk.endpoint_url().is_some());
        Client::from_conf(config.build())
    }

    fn presigning() -> PresigningConfig {
        let start = UNIX_EPOCH + Duration::from_secs(AT_SECS);
        PresigningConfig::builder().start_time(start).expires_in(LIFE).build().unwrap()
    }

    /// A URL without its query, and the parts of the query in order.
    fn parts(url: &str) -> (&str, Vec<&str>) {
        let (path, query) = url.split_once('?').unwrap();
        let mut query: Vec<_> = query.split('&').collect();
        query.sort_unstable();
        (path, query)
    }

    #[tokio::test]
    async fn a_url_is_the_one_that_the_sdk_signs() {
        let at = Timestamp::from_secs(AT_SECS.try_into().unwrap());
        for endpoint in [None, Some("http://127.0.0.1:3000")] {
            let sdk = sdk(endpoint);
            let presigner = Presigner::new(&sdk, "files").unwrap();
            let disposition = "attachment; filename*=UTF-8''a%20b.png";
            let get = client(&sdk).get_object().bucket("files").key("file/1");
            let get = get.response_content_disposition(disposition).presigned(presigning()).await.unwrap();
            let query = [("response-content-disposition", disposition), ("x-id", "GetObject")];
            let allowed = Allowed { method: "GET", key: "file/1", query: &query, headers: &[], life: LIFE };
            assert_eq!(parts(&presigner.url(&allowed, at).await.unwrap()), parts(get.uri()));

            let put = client(&sdk).put_object().bucket("files").key("upload/1").content_type("image/png");
            let put = put.content_length(3).checksum_sha256("c3Vt").presigned(presigning()).await.unwrap();
            let headers =
                [("content-length", "3"), ("content-type", "image/png"), ("x-amz-checksum-sha256", "c3Vt")];
            let query = [("x-id", "PutObject")];
            let allowed =
                Allowed { method: "PUT", key: "upload/1", query: &query, headers: &headers, life: LIFE };
            assert_eq!(parts(&presigner.url(&allowed, at).await.unwrap()), parts(put.uri()));
        }
    }
}
