//! The configuration of the SDKs: the region, the credentials and, under `local`, an endpoint. All come from the
//! environment, where Lambda sets them for the life of a process
//! (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime>).
//!
//! `aws-config` would find them there too, but only after it has prepared to ask files, STS and two metadata services
//! for them; that took a fifth of a function's cold start, and put a client of STS into every binary.

pub(crate) mod http;

use std::{sync::OnceLock, time::Duration};

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_types::{retry::RetryConfig, timeout::TimeoutConfig};
use aws_types::{SdkConfig, region::Region};
use funnelcast_core::Error;

use self::http::SdkHttp;

/// How often a call is tried.
const ATTEMPTS_MAX: u32 = 4;
/// How long one attempt and all attempts may take: a silent peer must not use up the whole time of a function, which is 10 s.
const ATTEMPT_MAX: Duration = Duration::from_secs(3);
const CALL_MAX: Duration = Duration::from_secs(7);

/// The partitions with a domain of their own, by how the names of their regions begin.
const PARTITIONS: [(&str, &str); 6] = [
    ("cn-", "amazonaws.com.cn"),
    ("eusc-", "amazonaws.eu"),
    ("us-iso-", "c2s.ic.gov"),
    ("us-isob-", "sc2s.sgov.gov"),
    ("us-isof-", "csp.hci.ic.gov"),
    ("eu-isoe-", "cloud.adc-e.uk"),
];

/// The configuration of the SDKs, created when first needed. Its credentials and sockets are shared.
#[derive(Debug, Default)]
pub struct Sdk {
    region: Option<String>,
    endpoint: Option<String>,
    credentials: Option<Credentials>, // whose `Debug` does not show them
    config: OnceLock<SdkConfig>,
    http: OnceLock<SdkHttp>,
}

impl Sdk {
    /// Reads these variables.
    pub(crate) fn from_lookup(get: impl Fn(&str) -> Option<String>) -> Self {
        let credentials = match (get("AWS_ACCESS_KEY_ID"), get("AWS_SECRET_ACCESS_KEY")) {
            (Some(id), Some(secret)) => {
                Some(Credentials::new(id, secret, get("AWS_SESSION_TOKEN"), None, "environment"))
            }
            _ => None,
        };
        let (region, endpoint) = (get("AWS_REGION"), get("AWS_ENDPOINT_URL"));
        Self { region, endpoint, credentials, ..Self::default() }
    }

    /// Opens a socket to a service, given by its name in an endpoint, so that the first call finds one. If this
    /// fails, the call will fail too and say why.
    pub(crate) async fn open(&self, service: &str) {
        let (Some(http), Some(region)) = (self.http.get(), &self.region) else { return };
        let url = match &self.endpoint {
            Some(url) => url.clone(),
            None => service_url(service, region),
        };
        http.open(&url).await;
    }

    /// Whether the services have an endpoint of their own, as under `local`.
    pub(crate) const fn is_local(&self) -> bool {
        self.endpoint.is_some()
    }

    /// The configuration.
    ///
    /// # Errors
    /// [`Error::Internal`] if the environment has no region or no credentials, or if the TLS library does not support
    /// what it was built for.
    pub(crate) fn config(&self) -> Result<&SdkConfig, Error> {
        if let Some(config) = self.config.get() {
            return Ok(config);
        }
        let config = self.load()?;
        Ok(self.config.get_or_init(|| config))
    }

    fn load(&self) -> Result<SdkConfig, Error> {
        let region = required("AWS_REGION", self.region.as_ref())?.to_owned();
        let credentials = self.credentials.clone().ok_or(Error::Internal(
            "the variables AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set".into(),
        ))?;
        let http = SdkHttp::new().map_err(|error| Error::internal("TLS", &error))?;
        let timeouts = TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT_MAX);
        let mut config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(region))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(self.http.get_or_init(|| http).clone())
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS_MAX))
            .sleep_impl(TokioSleep::new())
            .timeout_config(timeouts.operation_timeout(CALL_MAX).build());
        config.set_endpoint_url(self.endpoint.clone());
        Ok(config.build())
    }
}

/// The URL of a service in a region
/// (<https://docs.aws.amazon.com/general/latest/gr/rande.html#regional-endpoints>).
pub(crate) fn service_url(service: &str, region: &str) -> String {
    format!("https://{service}.{region}.{}", domain(region))
}

/// The domain of the services of a region, which is that of its partition: of the beginning of its name
/// (<https://github.com/boto/botocore/blob/develop/botocore/data/partitions.json>).
fn domain(region: &str) -> &'static str {
    let partition = PARTITIONS.iter().find(|(prefix, _)| region.starts_with(prefix));
    partition.map_or("amazonaws.com", |(_, domain)| domain)
}

/// The value of a variable that must be set.
pub(crate) fn required<'a>(name: &str, value: Option<&'a String>) -> Result<&'a str, Error> {
    value.map(String::as_str).ok_or_else(|| Error::Internal(format!("the variable {name} is not set")))
}

#[cfg(test)]
impl From<SdkConfig> for Sdk {
    fn from(config: SdkConfig) -> Self {
        Self { config: config.into(), ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VARIABLES: [(&str, &str); 5] = [
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "of-the-key"),
        ("AWS_SESSION_TOKEN", "of-the-session"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
    ];

    fn sdk_without(missing: &str) -> Sdk {
        Sdk::from_lookup(|name| {
            let variable = VARIABLES.iter().find(|(known, _)| *known == name && name != missing);
            variable.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_environment_has_region_and_credentials() {
        let sdk = sdk_without("");
        let config = sdk.config().unwrap();
        assert_eq!(config.region().map(AsRef::as_ref), Some("eu-west-1"));
        assert_eq!(config.endpoint_url(), Some("http://127.0.0.1:1"));
        assert_eq!(sdk.credentials.as_ref().and_then(Credentials::session_token), Some("of-the-session"));
        assert!(std::ptr::eq(config, sdk.config().unwrap()), "there is one");
    }

    #[test]
    fn a_missing_variable_is_named_and_no_secret_is_shown() {
        for variable in ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
            let error = sdk_without(variable).config().unwrap_err().to_string();
            assert!(error.contains(variable), "{error}");
        }
        assert_eq!(sdk_without("AWS_ENDPOINT_URL").config().unwrap().endpoint_url(), None);
        let shown = format!("{:?}", sdk_without(""));
        assert!(!shown.contains("of-the"), "{shown}");
    }

    #[test]
    fn a_service_is_at_the_domain_of_its_partition() {
        for (region, host) in [
            ("eu-west-1", "lambda.eu-west-1.amazonaws.com"),
            ("us-gov-west-1", "lambda.us-gov-west-1.amazonaws.com"),
            ("cn-north-1", "lambda.cn-north-1.amazonaws.com.cn"),
            ("eusc-de-east-1", "lambda.eusc-de-east-1.amazonaws.eu"),
            ("us-iso-east-1", "lambda.us-iso-east-1.c2s.ic.gov"),
            ("us-isob-east-1", "lambda.us-isob-east-1.sc2s.sgov.gov"),
            ("us-isof-south-1", "lambda.us-isof-south-1.csp.hci.ic.gov"),
            ("eu-isoe-west-1", "lambda.eu-isoe-west-1.cloud.adc-e.uk"),
        ] {
            assert_eq!(service_url("lambda", region), format!("https://{host}"));
        }
    }
}
