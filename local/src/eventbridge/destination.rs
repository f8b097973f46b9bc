//! API destinations: events that a rule sends to a URL.
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-api-destinations.html>
//!
//! An event waits in a queue of the stack until the URL has taken it, so that it survives the stack's end. What is not taken is
//! sent again, as the target's retry policy says, and then put into its dead-letter queue, with the reasons in the attributes
//! that AWS gives.
//!
//! AWS does not say how long it waits between two tries. Here it is a second at first, and then twice as long each time.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::{Context as _, Result};
use http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use http_body_util::Full;
use jiff::Timestamp;
use tokio::{
    task::JoinSet,
    time::{Interval, MissedTickBehavior, interval, sleep, timeout},
};

use crate::{
    aws_error::AwsError,
    http1::{self, HttpClient},
    secrets_manager::Secrets,
    sqs::{Queues, Received},
    template::{ApiKey, DestinationTarget},
};

/// How long the URL may take.
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-api-destinations.html>
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// The pause before the first retry, and the longest one.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_mins(10);
/// How many events are taken from the queue at a time, and how long a call waits for the first.
const EVENTS_AT_ONCE: usize = 10;
const RECEIVE_WAIT: Duration = Duration::from_secs(20);
/// The name that AWS calls itself by.
const USER_AGENT: &str = "Amazon/EventBridge/ApiDestinations";

/// What sends events to one URL.
struct Sender {
    target: DestinationTarget,
    rule_arn: String,
    headers: HeaderMap,
    client: HttpClient,
    queues: Queues,
    /// Its ticks are the times at which a request may begin.
    rate: tokio::sync::Mutex<Interval>,
    /// The messages that are being sent, by their ids, each with its newest receipt: the queue gives a message again whose time of
    /// being hidden has ended.
    under_way: Mutex<HashMap<String, String>>,
}

/// Why an event was not taken.
#[derive(Debug, PartialEq, Eq)]
struct Refusal {
    code: &'static str,
    message: String,
    is_retryable: bool,
}

/// Sends the events of a rule to its URL, for ever.
///
/// # Errors
/// If the key of the URL is a secret that is missing, or no value of a header.
pub(super) fn sending(
    rule_arn: &str,
    target: &DestinationTarget,
    queues: &Queues,
    secrets: &Secrets,
) -> Result<impl Future<Output = ()> + Send + 'static> {
    let (name, key) = &target.destination.key;
    let key = match key {
        ApiKey::Value(key) => key,
        ApiKey::Secret(secret) => {
            secrets.value(secret).with_context(|| format!("the secret {secret} is missing"))?
        }
    };
    let mut key =
        HeaderValue::from_str(key).context("the key of an API destination is no value of a header")?;
    key.set_sensitive(true);
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
    headers.insert(name.clone(), key);
    let mut rate = interval(Duration::from_secs(1) / target.destination.rate_max);
    rate.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let sender = Arc::new(Sender {
        target: target.clone(),
        rule_arn: rule_arn.to_owned(),
        headers,
        client: http1::client(),
        queues: queues.clone(),
        rate: tokio::sync::Mutex::new(rate),
        under_way: Mutex::default(),
    });
    Ok(async move {
        let mut sends = JoinSet::new(); // they end with this
        loop {
            for event in sender.queues.receive(&sender.target.queue.arn, EVENTS_AT_ONCE, RECEIVE_WAIT).await {
                if sender.under_way().insert(event.id.clone(), event.receipt.clone()).is_none() {
                    let sender = Arc::clone(&sender);
                    sends.spawn(async move { sender.send(event).await });
                }
            }
            while sends.try_join_next().is_some() {}
        }
    })
}

impl Sender {
    /// Sends an event until the URL has taken it, or there is no further try.
    async fn send(&self, event: Received) {
        let mut retries = 0;
        let gone = loop {
            let Err(refusal) = self.post(&event.body).await else { break None };
            let pause = PAUSE_MIN.saturating_mul(1 << retries.min(16)).min(PAUSE_MAX);
            let condition = if !refusal.is_retryable {
                None
            } else if retries >= self.target.retries_max {
                Some("MaximumRetryAttempts")
            } else if age(&event) + pause > self.target.event_age_max {
                Some("MaximumEventAgeInSeconds")
            } else {
                tracing::warn!(url = %self.target.destination.url, retries, refusal.message, "an event was not taken");
                retries += 1;
                sleep(pause).await;
                continue;
            };
            break Some((refusal, condition));
        };
        if let Some((refusal, condition)) = gone {
            tracing::error!(url = %self.target.destination.url, retries, refusal.message, "an event is given up");
            if let Err(error) = self.give_up(&event.body, &refusal, condition, retries) {
                tracing::error!("{}", error.message);
                return; // it stays in its queue
            }
        }
        if let Some(receipt) = self.under_way().remove(&event.id) {
            self.queues.delete(&self.target.queue.arn, [&*receipt]);
        }
    }

    fn under_way(&self) -> MutexGuard<'_, HashMap<String, String>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn post(&self, event: &str) -> Result<(), Refusal> {
        self.rate.lock().await.tick().await;
        let mut request = Request::post(self.target.destination.url.clone());
        if let Some(headers) = request.headers_mut() {
            headers.extend(self.headers.clone());
        }
        let failed = |message: String| Refusal { code: "SDK_CLIENT_ERROR", message, is_retryable: true };
        let request =
            request.body(Full::from(event.to_owned())).map_err(|error| failed(error.to_string()))?;
        match timeout(REQUEST_TIMEOUT, self.client.request(request)).await {
            Ok(Ok(answer)) if answer.status().is_success() => Ok(()),
            Ok(Ok(answer)) => Err(Refusal {
                code: "API_DESTINATION_ERROR",
                message: format!("the URL answered {}", answer.status()),
                is_retryable: is_retryable(answer.status()),
            }),
            Ok(Err(error)) => Err(failed(format!("the URL cannot be reached: {error}"))),
            Err(_) => Err(failed(format!("the URL did not answer within {} s", REQUEST_TIMEOUT.as_secs()))),
        }
    }

    /// Puts an event into the dead-letter queue, if there is one.
    /// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html>
    fn give_up(
        &self,
        event: &str,
        refusal: &Refusal,
        condition: Option<&str>,
        retries: u32,
    ) -> Result<(), AwsError> {
        let Some(dead_letters) = &self.target.dead_letters else { return Ok(()) };
        let retries = retries.to_string();
        let mut attributes = vec![
            ("RULE_ARN", &*self.rule_arn),
            ("TARGET_ARN", &self.target.destination.arn),
            ("ERROR_CODE", refusal.code),
            ("ERROR_MESSAGE", &refusal.message),
            ("RETRY_ATTEMPTS", &retries),
        ];
        attributes.extend(condition.map(|condition| ("EXHAUSTED_RETRY_CONDITION", condition)));
        self.queues.send_with(dead_letters, event.to_owned(), attributes)
    }
}

/// Whether AWS sends an event again after this answer.
fn is_retryable(status: StatusCode) -> bool {
    matches!(status.as_u16(), 401 | 407 | 409 | 429) || status.is_server_error()
}

fn age(event: &Received) -> Duration {
    let sent_at = Timestamp::from_millisecond(event.sent_ms).unwrap_or(Timestamp::UNIX_EPOCH);
    Timestamp::now().duration_since(sent_at).try_into().unwrap_or_default()
}

#[cfg(test)]
mod tests;
