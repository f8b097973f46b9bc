//! The environment, read once at start and nowhere else (`clippy.toml` bans it elsewhere). Its variables are set by
//! `template.yaml`, function by function: what a function does not get, it does not need.

use std::time::Duration;

use aws_config::{BehaviorVersion, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use funnelcast_core::Error;

/// The stage that takes no dev tokens.
pub const PROD_STAGE: &str = "prod";

/// What the template tells a function.
#[derive(Debug, Default)]
pub struct Config {
    /// `STAGE`: the API's stage.
    pub stage: String,
    /// `TABLE_NAME`: the table.
    pub table: Option<String>,
    /// `MANAGEMENT_ENDPOINT`: the base URL of `@connections`.
    pub management_endpoint: Option<String>,
    /// `CONVERSATION_RETENTION_DAYS`: how long chat messages are kept; `None` for ever.
    pub conversation_retention: Option<Duration>,
    /// `ALLOWED_ORIGINS`: the origins that a browser may come from, comma-separated.
    pub allowed_origins: Vec<String>,
    /// `ISSUERS`: the issuers of tokens, as JSON.
    pub issuers: Option<String>,
    /// `DEV_ISSUER_KEY`: the key of the dev issuer, base64url.
    pub dev_issuer_key: Option<String>,
}

impl Config {
    /// Reads the environment.
    ///
    /// # Errors
    /// [`Error::Internal`] where a variable is not what it should be.
    pub fn from_env() -> Result<Self, Error> {
        Self::from_lookup(variable)
    }

    fn from_lookup(get: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let retention_days = match get("CONVERSATION_RETENTION_DAYS") {
            None => 0,
            Some(days) => {
                days.parse::<u32>().map_err(|e| Error::internal("CONVERSATION_RETENTION_DAYS", &e))?
            }
        };
        Ok(Self {
            stage: get("STAGE").unwrap_or_default(),
            table: get("TABLE_NAME"),
            management_endpoint: get("MANAGEMENT_ENDPOINT"),
            conversation_retention: (retention_days > 0)
                .then(|| Duration::from_hours(24).saturating_mul(retention_days)),
            allowed_origins: get("ALLOWED_ORIGINS")
                .map(|list| list.split(',').map(|origin| origin.trim().to_owned()).collect())
                .unwrap_or_default(),
            issuers: get("ISSUERS"),
            dev_issuer_key: get("DEV_ISSUER_KEY"),
        })
    }

    /// A variable that this function cannot do without.
    ///
    /// # Errors
    /// [`Error::Internal`] that names it.
    pub fn need<'a>(name: &str, value: Option<&'a String>) -> Result<&'a str, Error> {
        value.map(String::as_str).ok_or_else(|| Error::Internal(format!("the variable {name} is not set")))
    }
}

/// What Lambda itself sets: whether the logs are to be JSON
/// (<https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-advanced.html>).
pub(crate) fn logs_are_json() -> bool {
    variable("AWS_LAMBDA_LOG_FORMAT").is_some_and(|format| format.eq_ignore_ascii_case("json"))
}

/// `RUST_LOG`: a filter of `tracing-subscriber`.
pub(crate) fn log_filter() -> Option<String> {
    variable("RUST_LOG")
}

/// The SDK's configuration: region, credentials and endpoint as Lambda (or `local`) gives them, and limits on how
/// long a call may take, so that a silent peer cannot eat the function's whole time.
pub(crate) async fn sdk_config() -> SdkConfig {
    const ATTEMPTS_MAX: u32 = 4;
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(2))
        .operation_attempt_timeout(Duration::from_secs(3))
        .operation_timeout(Duration::from_secs(10))
        .build();
    aws_config::defaults(BehaviorVersion::latest())
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS_MAX))
        .timeout_config(timeouts)
        .load()
        .await
}

/// A variable that is set and not empty: CloudFormation cannot leave one out, only empty.
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(variables: &[(&str, &str)]) -> Result<Config, Error> {
        Config::from_lookup(|name| variables.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()))
    }

    #[test]
    fn zero_days_is_for_ever() {
        assert_eq!(config(&[("CONVERSATION_RETENTION_DAYS", "0")]).unwrap().conversation_retention, None);
        let week = config(&[("CONVERSATION_RETENTION_DAYS", "7")]).unwrap().conversation_retention;
        assert_eq!(week, Some(Duration::from_hours(168)));
        assert!(config(&[("CONVERSATION_RETENTION_DAYS", "a week")]).is_err());
    }

    #[test]
    fn origins_are_a_list() {
        let origins =
            config(&[("ALLOWED_ORIGINS", "https://a.example, https://b.example")]).unwrap().allowed_origins;
        assert_eq!(origins, ["https://a.example", "https://b.example"]);
    }
}
