//! Secrets, by their names in Secrets Manager. No template, no variable and no log contains a secret.
//!
//! Parameter Store is not used because its SDK is nine times as large, and every function would carry it. Lambda's
//! extension for either is not used because it is one more process in each function, and does not exist outside of
//! Lambda, that is on a developer's machine and in every emulator.
//!
//! Each process reads a secret when it starts, and again when its value is older than [`SECRET_AGE_MAX`]; so a
//! rotated secret is known everywhere within that time. If it cannot be read again, the old value stays in use. A
//! secret that cannot be read at all is logged once, with its name, and read again when it is needed; nothing else
//! fails because of it.

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use aws_sdk_secretsmanager::{Client, error::DisplayErrorContext};
use aws_types::SdkConfig;
use funnelcast_core::{Error, Timestamp};

use crate::{clock::now, config::Config, resource::Resource, setting::Setting};

/// The age after which a secret is read again.
pub const SECRET_AGE_MAX: Duration = Duration::from_mins(5);
/// The pause between two tries while there is no value at all.
pub const RETRY_PAUSE: Duration = Duration::from_secs(5);
/// The longest id that the API of Secrets Manager allows, in bytes.
const NAME_BYTES_MAX: usize = 2_048;

/// The name of a secret: `funnelcast/{stage}/...`, which the template allows functions to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretName(String);

impl TryFrom<String> for SecretName {
    type Error = Error;

    /// The alphabet is that of Secrets Manager
    /// (<https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html>).
    fn try_from(name: String) -> Result<Self, Error> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"/_+=.@-".contains(&byte);
        if (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(is_allowed) {
            Ok(Self(name))
        } else {
            Err(Error::Internal(
                "a secret's name must be of [A-Za-z0-9/_+=.@-]; is this the secret itself?".into(),
            ))
        }
    }
}

impl SecretName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A secret as this process last read it.
pub struct Secret {
    name: SecretName,
    client: Client,
    bytes_min: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    value: Option<String>,
    /// When it was last tried to read the secret.
    tried_at: Option<Timestamp>,
    /// Whether that failed, which has been logged.
    is_failing: bool,
}

impl Secret {
    /// A secret of at least `bytes_min` bytes. Nothing is read yet.
    ///
    /// # Errors
    /// [`Error::Internal`] if the environment has no region or no credentials.
    pub fn new(name: SecretName, config: &Config, bytes_min: usize) -> Result<Self, Error> {
        Ok(Self::from_sdk(name, config.sdk.config()?, bytes_min))
    }

    fn from_sdk(name: SecretName, sdk: &SdkConfig, bytes_min: usize) -> Self {
        Self { name, client: Client::new(sdk), bytes_min, state: Mutex::default() }
    }

    /// The value: no call, or 1 per [`SECRET_AGE_MAX`]; while there is no value, 1 per [`RETRY_PAUSE`].
    ///
    /// # Errors
    /// [`Error::Internal`] if it has never been read.
    pub async fn value(&self, now: Timestamp) -> Result<String, Error> {
        if self.begin_to_read(now) {
            let read = self.read().await;
            let mut state = self.state();
            match read {
                Ok(value) => (state.value, state.is_failing) = (Some(value), false),
                Err(error) if !state.is_failing => {
                    state.is_failing = true;
                    let is_known = state.value.is_some();
                    tracing::error!(%error, is_known, "a secret cannot be read; using an older value if there is one");
                }
                Err(_) => {}
            }
        }
        let Self { name: SecretName(name), .. } = self;
        self.state()
            .value
            .clone()
            .ok_or_else(|| Error::Internal(format!("the secret {name} is not available")))
    }

    /// Whether the secret is due to be read. The caller that gets `true` reads it, and the others use the present
    /// value.
    fn begin_to_read(&self, now: Timestamp) -> bool {
        let mut state = self.state();
        let pause = if state.value.is_some() { SECRET_AGE_MAX } else { RETRY_PAUSE };
        let is_due = state.tried_at.is_none_or(|at| now >= at + pause);
        if is_due {
            state.tried_at = Some(now);
        }
        is_due
    }

    async fn read(&self) -> Result<String, Error> {
        let SecretName(name) = &self.name;
        let answer = self.client.get_secret_value().secret_id(name).send().await;
        let answer = answer.map_err(|error| {
            Error::Internal(format!("the secret {name}: {}", DisplayErrorContext(&error)))
        })?;
        let value = answer.secret_string.unwrap_or_default();
        if value.len() < self.bytes_min {
            let bytes_min = self.bytes_min;
            return Err(Error::Internal(format!(
                "the secret {name} must be a text of {bytes_min} bytes or more"
            )));
        }
        Ok(value)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret").field("name", &self.name).finish_non_exhaustive() // never the value
    }
}

/// The secret that Whop signs webhooks with. While it is rotated, it contains two secrets.
#[derive(Debug)]
pub struct WebhookSecrets(Option<Secret>);

impl Resource for WebhookSecrets {
    /// Reads the secrets; none if no secret is configured.
    async fn build(config: &Config) -> Result<Self, Error> {
        let Some(name) = &config.whop_webhook_secret else { return Ok(Self(None)) };
        let name =
            name.clone().try_into().map_err(|error: Error| Setting::WHOP_WEBHOOK_SECRET.caused_by(&error))?;
        let secret = Secret::new(name, config, 1)?;
        drop(secret.value(now()).await); // if this fails, the first request reads it
        Ok(Self(Some(secret)))
    }
}

impl WebhookSecrets {
    /// All secrets: the text of the secret, split at commas. It costs as much as reading the secret.
    ///
    /// # Errors
    /// [`Error::Internal`] if it cannot be read.
    pub async fn all(&self, now: Timestamp) -> Result<Vec<String>, Error> {
        let text = match &self.0 {
            Some(secret) => secret.value(now).await?,
            None => String::new(),
        };
        Ok(split(&text))
    }
}

fn split(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|secret| !secret.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use aws_config::{BehaviorVersion, Region, retry::RetryConfig};
    use aws_sdk_secretsmanager::config::{Credentials, SharedCredentialsProvider};
    use serde_json::{Value, json};

    use super::*;
    use funnelcast_testing::server::{self, Answer, Server, says};

    fn sdk(endpoint: &str) -> SdkConfig {
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(endpoint)
            .region(Region::from_static("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::for_tests()))
            .retry_config(RetryConfig::disabled())
            .build()
    }

    fn name() -> SecretName {
        SecretName::try_from("funnelcast/dev/my-app".to_owned()).unwrap()
    }

    /// A Secrets Manager whose response is set by the test.
    async fn manager(answer: Answer) -> (Arc<Mutex<Answer>>, Server) {
        let answer = Arc::new(Mutex::new(answer));
        let script = Arc::clone(&answer);
        (answer, Server::start(move |_| script.lock().unwrap().clone()).await)
    }

    fn holds(secret: &str) -> Answer {
        server::json(&json!({ "Name": "funnelcast/dev/my-app", "SecretString": secret }))
    }

    #[tokio::test]
    async fn a_secret_is_cached_until_it_is_old() {
        let (answer, server) = manager(holds("one")).await;
        let start = Timestamp::from_secs(1_000);
        let secret = Secret::from_sdk(name(), &sdk(&server.url("")), 1);
        assert_eq!(secret.value(start).await.unwrap(), "one");
        let asked: Value = serde_json::from_slice(&server.asked()[0].body).unwrap();
        assert_eq!(asked, json!({ "SecretId": "funnelcast/dev/my-app" }));

        *answer.lock().unwrap() = holds("two");
        let soon = start + SECRET_AGE_MAX - Duration::from_millis(1);
        assert_eq!((secret.value(soon).await.unwrap().as_str(), server.asked().len()), ("one", 1));
        let late = start + SECRET_AGE_MAX;
        assert_eq!((secret.value(late).await.unwrap().as_str(), server.asked().len()), ("two", 2));

        *answer.lock().unwrap() = says(500, "");
        assert_eq!(
            secret.value(late + SECRET_AGE_MAX).await.unwrap(),
            "two",
            "the last one is better than none"
        );
        assert_eq!(secret.value(late + SECRET_AGE_MAX).await.unwrap(), "two");
        assert_eq!(server.asked().len(), 3, "the next caller does not ask again at once");
        assert!(!format!("{secret:?}").contains("two"));
    }

    /// It fails for every caller that needs it, and is available as soon as it can be read.
    #[tokio::test]
    async fn a_failed_read_of_a_secret_is_retried() {
        for bad in [says(400, r#"{"__type":"ResourceNotFoundException"}"#), holds(""), holds("short")] {
            let (answer, server) = manager(bad).await;
            let secret = Secret::from_sdk(name(), &sdk(&server.url("")), 6);
            let start = Timestamp::from_secs(1_000);
            for _ in 0..3 {
                let error = secret.value(start).await.unwrap_err().to_string();
                assert!(error.contains("funnelcast/dev/my-app") && !error.contains("short"), "{error}");
            }
            assert_eq!(server.asked().len(), 1, "not for every caller");
            *answer.lock().unwrap() = holds("secret");
            assert!(secret.value(start + RETRY_PAUSE - Duration::from_millis(1)).await.is_err());
            assert_eq!(secret.value(start + RETRY_PAUSE).await.unwrap(), "secret");
        }
    }

    #[test]
    fn webhook_secrets_are_separated_by_commas() {
        assert_eq!(split("ws_old, ws_new\n"), ["ws_old", "ws_new"]);
        assert!(split("").is_empty() && split(" ,, ").is_empty());
    }

    #[test]
    fn an_invalid_secret_name_is_refused_and_not_quoted() {
        assert!(SecretName::try_from("funnelcast/prod/my-app".to_owned()).is_ok());
        for wrong in ["", "with a space", "-----BEGIN PUBLIC KEY-----\n", &"x".repeat(NAME_BYTES_MAX + 1)] {
            let error = SecretName::try_from(wrong.to_owned()).unwrap_err().to_string();
            assert!(wrong.is_empty() || !error.contains(wrong), "{error}");
        }
    }
}
