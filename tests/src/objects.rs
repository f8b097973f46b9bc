//! The bucket of files, by presigned URLs, as a browser uses them.

use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, anyhow};
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};

use crate::Stack;

/// How long a presigned URL is valid.
const EXPIRES_IN: Duration = Duration::from_mins(15);
const REGION: &str = "us-east-1";

/// S3's answer to a request.
#[derive(Debug)]
pub struct Answered {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl Answered {
    /// The code in the XML of a refusal; empty if the answer is not a refusal.
    pub fn code(&self) -> String {
        let text = String::from_utf8_lossy(&self.body).into_owned();
        let code = text.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
        code.map(|(code, _)| code.to_owned()).unwrap_or_default()
    }
}

impl Stack {
    /// Makes a request for an object, with these headers, by a URL that the account's owner has signed. Local stacks only.
    pub async fn ask_bucket(
        &self,
        method: Method,
        key: &str,
        headers: &[(&str, &str)],
        body: &'static [u8],
    ) -> Result<Answered> {
        let aws = self.addresses.aws.as_ref().context("this needs a local stack")?;
        let bucket = self.addresses.bucket.as_ref().context("the stack does not name its bucket")?;
        let mut request = Request::builder().method(&method).uri(format!("{aws}/{bucket}/{key}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(Full::from(Bytes::from_static(body)))?;
        presign(&mut request, headers)?;
        let answer = Client::builder(TokioExecutor::new()).build_http().request(request).await?;
        let (head, body) = answer.into_parts();
        Ok(Answered { status: head.status, headers: head.headers, body: body.collect().await?.to_bytes() })
    }
}

/// Presigns the URL of a request.
fn presign(request: &mut Request<Full<Bytes>>, headers: &[(&str, &str)]) -> Result<()> {
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(EXPIRES_IN);
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    let identity = Credentials::new("tests", "local", None, None, "tests").into();
    let parameters = v4::SigningParams::builder().identity(&identity).region(REGION).name("s3");
    let parameters = parameters.time(SystemTime::now()).settings(settings).build()?.into();
    let (method, uri) = (request.method().as_str().to_owned(), request.uri().to_string());
    let signable =
        SignableRequest::new(&method, uri, headers.iter().copied(), SignableBody::UnsignedPayload)?;
    let (instructions, _) = sign(signable, &parameters).map_err(|error| anyhow!("{error}"))?.into_parts();
    instructions.apply_to_request_http1x(request);
    Ok(())
}
