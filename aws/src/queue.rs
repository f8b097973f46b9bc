//! The stack's SQS queues: a message that is sent is delivered after its delay to a function (see
//! [`batch`](crate::batch)).

use std::{borrow::Cow, sync::OnceLock, time::Duration};

use aws_sdk_sqs::{Client, error::DisplayErrorContext};
use aws_types::SdkConfig;
use funnelcast_core::Error;
use serde::Serialize;

use crate::{
    config::Config,
    spending::{self, price},
};

/// A queue, for sending messages. Messages from the queue reach a function as its input.
#[derive(Debug)]
pub struct Queue {
    /// Created when first needed: few of the functions that may send a message ever do, and it takes a quarter of a
    /// cold start.
    client: OnceLock<Client>,
    sdk: SdkConfig,
    url: String,
}

impl Queue {
    /// The queue that a variable names.
    ///
    /// # Errors
    /// [`Error::Internal`] if the variable is not set.
    fn named(variable: &str, url: Option<&String>, config: &Config) -> Result<Self, Error> {
        let url = Config::need(variable, url)?.to_owned();
        Ok(Self { client: OnceLock::new(), sdk: config.sdk.config()?.clone(), url })
    }

    /// The fan-out queue, of deliveries that are still to be made.
    ///
    /// # Errors
    /// [`Error::Internal`] if the configuration lacks it.
    pub fn of_deliveries(config: &Config) -> Result<Self, Error> {
        Self::named("DELIVERY_QUEUE_URL", config.delivery_queue.as_ref(), config)
    }

    /// The timer queue.
    ///
    /// # Errors
    /// [`Error::Internal`] if the configuration lacks it.
    pub fn of_timers(config: &Config) -> Result<Self, Error> {
        Self::named("TIMER_QUEUE_URL", config.timer_queue.as_ref(), config)
    }

    /// The webhook queue.
    ///
    /// # Errors
    /// [`Error::Internal`] if the configuration lacks it.
    pub fn of_webhooks(config: &Config) -> Result<Self, Error> {
        Self::named("WEBHOOK_QUEUE_URL", config.webhook_queue.as_ref(), config)
    }

    /// The queue of files that are to be examined or removed.
    ///
    /// # Errors
    /// [`Error::Internal`] if the configuration lacks it.
    pub fn of_files(config: &Config) -> Result<Self, Error> {
        Self::named("FILES_QUEUE_URL", config.files_queue.as_ref(), config)
    }

    /// The dead-letter queue.
    ///
    /// # Errors
    /// [`Error::Internal`] if the configuration lacks it.
    pub(crate) fn of_dead_letters(config: &Config) -> Result<Self, Error> {
        Self::named("DEAD_LETTERS_URL", config.dead_letters.as_ref(), config)
    }

    /// Opens a socket to SQS, for a function that sends a message in each invocation.
    pub async fn open(config: &Config) {
        config.sdk.open("sqs").await;
    }

    /// Sends a message that is delivered after `delay`, rounded up to whole seconds.
    ///
    /// # Errors
    /// [`Error::Internal`] if SQS does not accept it.
    pub async fn send(&self, message: &impl Serialize, delay: Duration) -> Result<(), Error> {
        let body = serde_json::to_string(message).map_err(|error| Error::internal("a message", &error))?;
        self.send_text(body, delay).await
    }

    /// As [`send`](Self::send), for a message that has been serialised as JSON.
    pub(crate) async fn send_text(&self, json: String, delay: Duration) -> Result<(), Error> {
        spending::add(price::QUEUED);
        let delay_secs = i32::try_from(delay.as_millis().div_ceil(1000)).unwrap_or(i32::MAX);
        let client = self.client.get_or_init(|| Client::new(&self.sdk));
        let message = client.send_message().queue_url(&self.url).message_body(sendable(&json));
        let sent = message.delay_seconds(delay_secs).send().await;
        sent.map(drop)
            .map_err(|error| Error::Internal(format!("SendMessage: {}", DisplayErrorContext(&error))))
    }
}

/// A JSON text as SQS takes it. SQS refuses U+FFFE and U+FFFF, which a text of a user may have, and of the characters that it
/// refuses these alone are not escaped by whoever writes JSON
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>). They can only be within
/// strings, where the escape is the same character.
pub(crate) fn sendable(json: &str) -> Cow<'_, str> {
    if json.contains(['\u{fffe}', '\u{ffff}']) {
        Cow::Owned(json.replace('\u{fffe}', r"\ufffe").replace('\u{ffff}', r"\uffff"))
    } else {
        Cow::Borrowed(json)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_sqs_refuses_is_escaped() {
        let text: String = ('\0'..='\u{10ffff}').collect();
        let json = serde_json::to_string(&text).unwrap();
        let body = sendable(&json);
        // The characters of the documentation of SendMessage.
        let is_taken = |char| matches!(char, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..='\u{10ffff}');
        assert_eq!(body.chars().find(|char| !is_taken(*char)), None);
        assert_eq!(serde_json::from_str::<String>(&body).unwrap(), text);
        assert!(matches!(sendable("{\"a\":1}"), Cow::Borrowed(_)));
    }
}
