//! The Invoke API of Lambda, for one function of the app's own
//! (<https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>). Its requests are signed like the posts: the SDK's
//! client of Lambda would be one more in every binary.

use std::{fmt, time::Duration};

use aws_types::SdkConfig;
use bytes::Bytes;
use funnelcast_core::Error;
use http::{HeaderValue, Method, Request, Uri, header, uri::PathAndQuery};
use http_body_util::Full;
use percent_encoding::utf8_percent_encode;
use tokio::time::timeout;

use super::{
    endpoint::IN_SEGMENT,
    frame::Frame,
    poster::{X_AMZ_DATE, X_AMZ_SECURITY_TOKEN},
    sign::CONTENT_TYPE,
    signer::Signer,
};
use crate::{
    config::Config,
    pool::{HttpAnswer, HttpFailure, Pool},
    sdk,
    setting::Setting,
    spending,
};

/// The service that invocations are signed for.
pub(super) const SERVICE: &str = "lambda";
/// The number of sockets. A process serves one invocation at a time.
const SOCKETS_MAX: usize = 4;
/// The most bytes of an answer.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Whether a response is about an invocation that failed, which Lambda answers with 200.
const FUNCTION_ERROR: &str = "x-amz-function-error";

/// A function of the app's own.
pub struct AppFunction {
    pool: Pool,
    signer: Signer,
    host: HeaderValue,
    target: Uri,
    /// The path as it is signed: encoded once more.
    canonical_target: String,
}

impl AppFunction {
    /// The function that the configuration names, if it names one. It opens a socket too, so that the first message does
    /// not wait for it.
    ///
    /// # Errors
    /// [`Error::Internal`] if the name or the configuration of the SDK is invalid.
    pub async fn build(config: &Config) -> Result<Option<Self>, Error> {
        let Some(arn) = &config.review_function else { return Ok(None) };
        let sdk = config.sdk.config()?;
        let region: &str = sdk.region().map(AsRef::as_ref).unwrap_or_default();
        let url = sdk.endpoint_url().map_or_else(|| sdk::service_url(SERVICE, region), str::to_owned);
        let function = Self::at(&url, sdk, arn)?;
        function.pool.open().await;
        Ok(Some(function))
    }

    /// The function with this ARN, by the endpoint at `url`.
    fn at(url: &str, sdk: &SdkConfig, arn: &str) -> Result<Self, Error> {
        let wrong = |error: &dyn std::error::Error| Setting::REVIEW_FUNCTION.caused_by(error);
        let origin: Uri = url.parse().map_err(|error: http::uri::InvalidUri| wrong(&error))?;
        let host = origin.authority().map(ToString::to_string).unwrap_or_default();
        let path = format!("/2015-03-31/functions/{}/invocations", utf8_percent_encode(arn, IN_SEGMENT));
        let canonical_target = path.replace('%', "%25");
        let target: PathAndQuery = path.parse().map_err(|error: http::uri::InvalidUri| wrong(&error))?;
        Ok(Self {
            pool: Pool::new(origin, SOCKETS_MAX, ANSWER_BYTES_MAX)
                .map_err(|error| Error::internal("TLS", &error))?,
            signer: Signer::for_service(sdk, &host, SERVICE)?,
            host: HeaderValue::from_str(&host).map_err(|error| Error::internal("the host", &error))?,
            target: Uri::from(target),
            canonical_target,
        })
    }

    /// Invokes the function, and returns its result: 1 request of Lambda.
    ///
    /// # Errors
    /// [`Error::Internal`] if there is no result in this time, or if the invocation failed.
    pub async fn invoke(&self, payload: Vec<u8>, within: Duration) -> Result<Bytes, Error> {
        spending::add(spending::price::INVOCATION);
        let body = Frame::from(Bytes::from(payload));
        let answer = async {
            let slot = self.pool.slot().await;
            match slot.send(self.request(&body).await?).await {
                Err(HttpFailure::Stale(_)) => slot.send(self.request(&body).await?).await,
                answer => answer,
            }
            .map_err(|unanswered| Error::Internal(unanswered.to_string()))
        };
        let late = |_| Error::Internal("no result in time".to_owned());
        let HttpAnswer { status, headers, body } = timeout(within, answer).await.map_err(late)??;
        if !status.is_success() {
            return Err(Error::Internal(format!("Invoke answered {status}")));
        }
        if headers.contains_key(FUNCTION_ERROR) {
            return Err(Error::Internal("the invocation failed".to_owned()));
        }
        body.ok_or_else(|| Error::Internal(format!("a result of more than {ANSWER_BYTES_MAX} bytes")))
    }

    /// The request of one try.
    async fn request(&self, body: &Frame) -> Result<Request<Full<Bytes>>, Error> {
        let stamp = self.signer.stamp().await?;
        let mut request = Request::new(Full::new(body.bytes.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.target.clone();
        let headers = request.headers_mut();
        headers.insert(header::HOST, self.host.clone());
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.bytes.len()));
        headers.insert(X_AMZ_DATE, stamp.date.clone());
        if let Some(token) = &stamp.token {
            headers.insert(X_AMZ_SECURITY_TOKEN, token.clone());
        }
        let authorization = stamp.authorize_path([self.canonical_target.as_str()].into_iter(), body)?;
        headers.insert(header::AUTHORIZATION, authorization);
        Ok(request)
    }
}

impl fmt::Debug for AppFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppFunction").field("target", &self.target).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use aws_config::{BehaviorVersion, Region};
    use aws_sdk_apigatewaymanagement::config::SharedCredentialsProvider;
    use aws_sigv4::{
        http_request::{SignableBody, SignableRequest, SigningSettings, sign},
        sign::v4::SigningParams,
    };
    use aws_smithy_async::time::SharedTimeSource;
    use funnelcast_testing::gateway::{Answer, Stub};

    use super::*;
    use crate::gateway::tests::{Clock, EXAMPLE_SECS, credentials};

    const ARN: &str = "arn:aws:lambda:eu-central-1:123456789012:function:review-messages:live";
    const SOON: Duration = Duration::from_secs(2);

    fn sdk(token: Option<&str>) -> SdkConfig {
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-central-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials(token)))
            .time_source(SharedTimeSource::new(Clock::at(EXAMPLE_SECS)))
            .build()
    }

    /// The SDK's signer, called as the SDK calls it for this service.
    #[tokio::test]
    async fn a_request_is_signed_as_the_sdk_signs_it() {
        for token in [None, Some("of-the-session")] {
            let url = "https://lambda.eu-central-1.amazonaws.com";
            let function = AppFunction::at(url, &sdk(token), ARN).unwrap();
            let payload = br#"{"a":1}"#;
            let request = function.request(&Frame::from(Bytes::from_static(payload))).await.unwrap();

            let identity = credentials(token).into();
            let params = SigningParams::builder()
                .identity(&identity)
                .region("eu-central-1")
                .name(SERVICE)
                .time(UNIX_EPOCH + Duration::from_secs(EXAMPLE_SECS))
                .settings(SigningSettings::default())
                .build()
                .unwrap();
            let uri = format!("{url}{}", request.uri());
            let length = payload.len().to_string();
            let headers = [("content-type", CONTENT_TYPE), ("content-length", length.as_str())];
            let signable =
                SignableRequest::new("POST", uri, headers.into_iter(), SignableBody::Bytes(payload)).unwrap();
            let (instructions, _) = sign(signable, &params.into()).unwrap().into_parts();
            let sdks = instructions.headers().find(|(name, _)| *name == "authorization").unwrap().1;
            assert_eq!(request.headers()[header::AUTHORIZATION].to_str().unwrap(), sdks);
        }
    }

    #[tokio::test]
    async fn what_is_no_result_in_time_is_a_failure() {
        for (answer, expected) in [
            (Answer::Status(200), Ok(Bytes::new())),
            (Answer::Status(404), Err("Invoke answered 404 Not Found")),
            (Answer::Status(429), Err("Invoke answered 429 Too Many Requests")),
            (Answer::Never, Err("no result in time")),
        ] {
            let stub = Stub::answering(&[answer]).await;
            let url = stub.url();
            let url = url.trim_end_matches("/dev");
            let function = AppFunction::at(url, &sdk(None), ARN).unwrap();
            let result = function.invoke(b"{}".to_vec(), SOON / 10).await.map_err(|error| error.to_string());
            assert_eq!(result, expected.map_err(str::to_owned));
            let request = stub.requests().remove(0);
            assert!(
                request.target.ends_with("/invocations") && request.target.contains("review-messages%3Alive")
            );
        }
    }
}
