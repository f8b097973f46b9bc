//! Secrets, by their names in Secrets Manager. A secret is in no template, no variable and no log.
//!
//! Why not Parameter Store: its SDK is nine times as large, and each function is built with it. Why not Lambda's extension
//! for either: it is one more process in each function, and there is none where there is no Lambda, which is on this
//! machine and in every emulator.
//!
//! Each process reads a secret when it starts, and again when what it has is older than [`SECRET_AGE_MAX`]; so a secret
//! that is rotated is known everywhere within that time. Where it cannot be read anew, the old one is used on.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use aws_sdk_secretsmanager::{Client, error::DisplayErrorContext};
use aws_types::SdkConfig;
use funnelcast_core::{Error, Timestamp};

use crate::{Config, Resource, now};

/// How old a secret may be before it is read again.
pub(crate) const SECRET_AGE_MAX: Duration = Duration::from_mins(5);
/// What Secrets Manager's API allows as an id.
const NAME_BYTES_MAX: usize = 2_048;

/// A secret's name: `funnelcast/{stage}/...`, which is what the template lets functions read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SecretName(String);

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
                "a secret's name is of [A-Za-z0-9/_+=.@-]; is this the secret itself?".into(),
            ))
        }
    }
}

/// One secret, as this process last read it.
pub(crate) struct Secret {
    name: SecretName,
    client: Client,
    last: Mutex<Read>,
}

struct Read {
    value: String,
    at: Timestamp,
}

impl Secret {
    /// Reads it for the first time.
    ///
    /// # Errors
    /// [`Error::Internal`] where that fails, or where it is empty.
    pub(crate) async fn read(name: SecretName, sdk: &SdkConfig, now: Timestamp) -> Result<Self, Error> {
        let client = Client::new(sdk);
        let value = get(&client, &name).await?;
        Ok(Self { name, client, last: Mutex::new(Read { value, at: now }) })
    }

    /// Its value, and whether it has changed since this was last called is for the caller to see: 0 calls, or 1 each
    /// [`SECRET_AGE_MAX`].
    pub(crate) async fn value(&self, now: Timestamp) -> String {
        if let Some(value) = self.take_fresh(now) {
            return value;
        }
        match get(&self.client, &self.name).await {
            Ok(value) => self.last().value = value,
            Err(error) => tracing::warn!(%error, "a secret is not to be had; the last one is used on"),
        }
        self.last().value.clone()
    }

    /// The last one, if it may still be used. Else whoever asks first reads anew, and the others use it meanwhile.
    fn take_fresh(&self, now: Timestamp) -> Option<String> {
        let mut last = self.last();
        if now < last.at + SECRET_AGE_MAX {
            return Some(last.value.clone());
        }
        last.at = now;
        None
    }

    fn last(&self) -> std::sync::MutexGuard<'_, Read> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret").field("name", &self.name).finish_non_exhaustive() // never its value
    }
}

/// The secret that Whop signs webhooks with; while it changes there are two of them in it.
#[derive(Debug)]
pub struct WebhookSecrets(Option<Secret>);

impl Resource for WebhookSecrets {
    /// Reads them; none where no secret is named.
    async fn build(config: &Config) -> Result<Self, Error> {
        let Some(name) = &config.whop_webhook_secret else { return Ok(Self(None)) };
        let name = SecretName::try_from(name.clone())?;
        Secret::read(name, config.sdk.config()?, now()).await.map(|secret| Self(Some(secret)))
    }
}

impl WebhookSecrets {
    /// All of them: the text of the secret, cut at commas. 0 calls, or 1 each `SECRET_AGE_MAX`.
    pub async fn all(&self, now: Timestamp) -> Vec<String> {
        let text = match &self.0 {
            Some(secret) => secret.value(now).await,
            None => String::new(),
        };
        split(&text)
    }
}

fn split(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|secret| !secret.is_empty()).map(str::to_owned).collect()
}

async fn get(client: &Client, SecretName(name): &SecretName) -> Result<String, Error> {
    let answer = client.get_secret_value().secret_id(name).send().await;
    let answer = answer
        .map_err(|error| Error::Internal(format!("the secret {name}: {}", DisplayErrorContext(&error))))?;
    let value = answer.secret_string.filter(|value| !value.is_empty());
    value.ok_or_else(|| Error::Internal(format!("the secret {name} has no text")))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use aws_config::{BehaviorVersion, Region, retry::RetryConfig};
    use aws_sdk_secretsmanager::config::{Credentials, SharedCredentialsProvider};
    use serde_json::{Value, json};

    use super::*;
    use crate::served::{self, Answer, Server, says};

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

    /// A Secrets Manager whose answer is what the test puts there.
    async fn manager(answer: Answer) -> (Arc<Mutex<Answer>>, Server) {
        let answer = Arc::new(Mutex::new(answer));
        let script = Arc::clone(&answer);
        (answer, Server::start(move |_| script.lock().unwrap().clone()).await)
    }

    fn holds(secret: &str) -> Answer {
        served::json(&json!({ "Name": "funnelcast/dev/my-app", "SecretString": secret }))
    }

    #[tokio::test]
    async fn a_secret_is_read_once_and_again_when_it_is_old() {
        let (answer, server) = manager(holds("one")).await;
        let start = Timestamp::from_secs(1_000);
        let secret = Secret::read(name(), &sdk(&server.url("")), start).await.unwrap();
        let asked: Value = serde_json::from_slice(&server.asked()[0].body).unwrap();
        assert_eq!(asked, json!({ "SecretId": "funnelcast/dev/my-app" }));

        *answer.lock().unwrap() = holds("two");
        let soon = start + SECRET_AGE_MAX - Duration::from_millis(1);
        assert_eq!((secret.value(soon).await.as_str(), server.asked().len()), ("one", 1));
        let late = start + SECRET_AGE_MAX;
        assert_eq!((secret.value(late).await.as_str(), server.asked().len()), ("two", 2));

        *answer.lock().unwrap() = says(500, "");
        assert_eq!(secret.value(late + SECRET_AGE_MAX).await, "two", "the last one is better than none");
        assert_eq!(secret.value(late + SECRET_AGE_MAX).await, "two");
        assert_eq!(server.asked().len(), 3, "and whoever comes next does not ask again at once");
        assert!(!format!("{secret:?}").contains("two"));
    }

    #[tokio::test]
    async fn without_a_first_answer_there_is_no_secret() {
        for answer in [says(400, r#"{"__type":"ResourceNotFoundException"}"#), holds("")] {
            let (_, server) = manager(answer).await;
            let error =
                Secret::read(name(), &sdk(&server.url("")), Timestamp::from_secs(0)).await.unwrap_err();
            assert!(error.to_string().contains("funnelcast/dev/my-app"), "{error}");
        }
    }

    #[test]
    fn webhook_secrets_are_cut_at_commas() {
        assert_eq!(split("ws_old, ws_new\n"), ["ws_old", "ws_new"]);
        assert!(split("").is_empty() && split(" ,, ").is_empty());
    }

    #[test]
    fn a_name_is_no_secret() {
        assert!(SecretName::try_from("funnelcast/prod/my-app".to_owned()).is_ok());
        for wrong in ["", "with a space", "-----BEGIN PUBLIC KEY-----\n", &"x".repeat(NAME_BYTES_MAX + 1)] {
            let error = SecretName::try_from(wrong.to_owned()).unwrap_err().to_string();
            assert!(wrong.is_empty() || !error.contains(wrong), "{error}");
        }
    }
}
