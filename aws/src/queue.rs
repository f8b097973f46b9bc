//! The stack's SQS queues: a message goes in, and comes out after its delay, to one of our functions (see [`batch`](crate::batch)).

use std::{sync::OnceLock, time::Duration};

use aws_sdk_sqs::{Client, error::DisplayErrorContext};
use aws_types::SdkConfig;
use funnelcast_core::Error;
use serde::Serialize;

use crate::{
    config::Config,
    spending::{self, price},
};

/// One queue, to put messages into. What comes out is an event of Lambda's.
#[derive(Debug)]
pub struct Queue {
    /// Made when it is first needed: of those who may put something in few ever do, and it takes a quarter of a start.
    client: OnceLock<Client>,
    sdk: SdkConfig,
    url: String,
}

impl Queue {
    /// The queue that a variable names.
    ///
    /// # Errors
    /// [`Error::Internal`] where it is not set.
    fn named(variable: &str, url: Option<&String>, config: &Config) -> Result<Self, Error> {
        let url = Config::need(variable, url)?.to_owned();
        Ok(Self { client: OnceLock::new(), sdk: config.sdk.config()?.clone(), url })
    }

    /// The queue of deliveries that are still to be made.
    ///
    /// # Errors
    /// [`Error::Internal`] where the configuration lacks it.
    pub fn of_deliveries(config: &Config) -> Result<Self, Error> {
        Self::named("DELIVERY_QUEUE_URL", config.delivery_queue.as_ref(), config)
    }

    /// The queue of timers.
    ///
    /// # Errors
    /// [`Error::Internal`] where the configuration lacks it.
    pub fn of_timers(config: &Config) -> Result<Self, Error> {
        Self::named("TIMER_QUEUE_URL", config.timer_queue.as_ref(), config)
    }

    /// The queue of webhooks.
    ///
    /// # Errors
    /// [`Error::Internal`] where the configuration lacks it.
    pub fn of_webhooks(config: &Config) -> Result<Self, Error> {
        Self::named("WEBHOOK_QUEUE_URL", config.webhook_queue.as_ref(), config)
    }

    /// The queue of dead letters.
    ///
    /// # Errors
    /// [`Error::Internal`] where the configuration lacks it.
    pub(crate) fn of_dead_letters(config: &Config) -> Result<Self, Error> {
        Self::named("DEAD_LETTERS_URL", config.dead_letters.as_ref(), config)
    }

    /// Opens a socket to SQS, for a function that sends a message in each invocation.
    pub async fn open(config: &Config) {
        config.sdk.open("sqs").await;
    }

    /// Puts a message in that comes out after `delay`, in whole seconds, rounded up.
    ///
    /// # Errors
    /// [`Error::Internal`] where SQS does not take it.
    pub async fn send(&self, message: &impl Serialize, delay: Duration) -> Result<(), Error> {
        let body = serde_json::to_string(message).map_err(|error| Error::internal("a message", &error))?;
        self.send_text(body, delay).await
    }

    /// As [`send`](Self::send), of a message that is written already.
    pub(crate) async fn send_text(&self, body: String, delay: Duration) -> Result<(), Error> {
        spending::add(price::QUEUED);
        let delay_secs = i32::try_from(delay.as_millis().div_ceil(1000)).unwrap_or(i32::MAX);
        let client = self.client.get_or_init(|| Client::new(&self.sdk));
        let message = client.send_message().queue_url(&self.url).message_body(body);
        let sent = message.delay_seconds(delay_secs).send().await;
        sent.map(drop)
            .map_err(|error| Error::Internal(format!("SendMessage: {}", DisplayErrorContext(&error))))
    }
}
