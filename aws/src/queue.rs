//! A queue of the stack: a message in, and some time later out, to a function of ours.

use std::{sync::OnceLock, time::Duration};

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use aws_sdk_sqs::{Client, error::DisplayErrorContext};
use aws_types::SdkConfig;
use funnelcast_core::Error;
use serde::{Serialize, de::DeserializeOwned};

use crate::Config;

/// Deals with a batch of a queue, message by message: `what` one is, for the log. Those that fail are named in the answer,
/// and the queue brings them again.
pub async fn deal_with<M: DeserializeOwned>(
    batch: SqsEvent,
    what: &str,
    deal: impl AsyncFn(M) -> Result<(), Error>,
) -> SqsBatchResponse {
    let mut answer = SqsBatchResponse::default();
    for message in batch.records {
        let dealt = async { deal(decode(&message)?).await };
        if let Err(error) = dealt.await {
            tracing::error!(message_id = message.message_id, %error, "{what} failed");
            answer.add_failure(message.message_id.unwrap_or_default());
        }
    }
    answer
}

/// What was put in, as it comes out.
///
/// # Errors
/// [`Error::Internal`] where it is something else: nobody but our own functions puts anything in.
pub fn decode<M: DeserializeOwned>(message: &SqsMessage) -> Result<M, Error> {
    let body = message.body.as_deref().unwrap_or_default();
    serde_json::from_str(body).map_err(|error| Error::internal("a message of a queue", &error))
}

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

    /// The queue of what is left to post.
    ///
    /// # Errors
    /// [`Error::Internal`] where the configuration lacks it.
    pub(crate) fn of_fanout(config: &Config) -> Result<Self, Error> {
        Self::named("FANOUT_QUEUE_URL", config.fanout_queue.as_ref(), config)
    }

    /// The queue of errands.
    ///
    /// # Errors
    /// [`Error::Internal`] where the configuration lacks it.
    pub(crate) fn of_errands(config: &Config) -> Result<Self, Error> {
        Self::named("SWEEP_QUEUE_URL", config.sweep_queue.as_ref(), config)
    }

    /// The queue of webhooks.
    ///
    /// # Errors
    /// [`Error::Internal`] where the configuration lacks it.
    pub fn of_webhooks(config: &Config) -> Result<Self, Error> {
        Self::named("WEBHOOK_QUEUE_URL", config.webhook_queue.as_ref(), config)
    }

    /// Puts a message in that comes out after `delay`, in whole seconds, rounded up.
    ///
    /// # Errors
    /// [`Error::Internal`] where SQS does not take it.
    pub async fn send(&self, message: &impl Serialize, delay: Duration) -> Result<(), Error> {
        let body = serde_json::to_string(message).map_err(|error| Error::internal("a message", &error))?;
        let delay_secs = i32::try_from(delay.as_millis().div_ceil(1000)).unwrap_or(i32::MAX);
        let client = self.client.get_or_init(|| Client::new(&self.sdk));
        let message = client.send_message().queue_url(&self.url).message_body(body);
        let sent = message.delay_seconds(delay_secs).send().await;
        sent.map(drop)
            .map_err(|error| Error::Internal(format!("SendMessage: {}", DisplayErrorContext(&error))))
    }
}
