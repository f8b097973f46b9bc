//! The messages of a queue, as an operator handles them: looked at, put back where they came from, deleted.
//!
//! SQS has no way to look at a message without receiving it. So a walk through a queue receives its messages, each hidden from
//! other readers for [`HIDDEN`], and shows those again that were only looked at.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use aws_sdk_sqs::{
    Client,
    config::{Builder, timeout::TimeoutConfig},
    error::DisplayErrorContext,
    types::{ChangeMessageVisibilityBatchRequestEntry, Message, MessageSystemAttributeName},
};
use funnelcast_core::{Error, Timestamp};

use super::Account;
use crate::queue::sendable;

/// How long a message that is looked at is hidden at most: if whoever looks ends without showing it again, it is there after
/// this time.
pub const HIDDEN: Duration = Duration::from_mins(2);
/// The most messages of a call.
const CALL_MESSAGES_MAX: i32 = 10;
/// How long a receive waits for a message. As it waits at all, SQS asks all of its servers
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html>).
const WAIT_SECS: i32 = 2;
/// How long one attempt of a call and all of its attempts may take, which is more than a receive waits.
const ATTEMPT_MAX: Duration = Duration::from_secs(10);
const CALL_MAX: Duration = Duration::from_secs(30);

/// A message that was received.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mail {
    /// SQS's id of it, which stays the same however often it is received.
    pub id: String,
    /// What deletes it, or shows it again.
    pub receipt: String,
    /// Its text.
    pub body: String,
    /// When it was put into this queue.
    pub sent_at: Option<Timestamp>,
    /// The ARN of the queue that SQS has moved it from, if that is how it came here.
    pub from_queue: Option<String>,
    /// Its attributes that are texts, such as those of EventBridge (`RULE_ARN`, `TARGET_ARN`, `ERROR_MESSAGE`).
    pub attributes: BTreeMap<String, String>,
}

/// What a receive has brought. If it is nothing at all, the queue may have messages all the same: SQS is a distributed queue, and
/// whoever counts on one receive misses some.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// The messages that the walk has not seen before.
    pub new: Vec<Mail>,
    /// Those that it has: they were shown again meanwhile, as the walk took longer than messages are hidden. Only the new receipt
    /// counts.
    pub again: Vec<Mail>,
}

/// A walk through a queue.
#[derive(Debug)]
pub struct Mailbox {
    client: Client,
    url: String,
    seen: BTreeSet<String>,
}

impl Account {
    /// The messages of the queue at this URL.
    pub fn mailbox(&self, url: &str) -> Mailbox {
        let timeouts = TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT_MAX);
        let config = Builder::from(&self.sdk).timeout_config(timeouts.operation_timeout(CALL_MAX).build());
        Mailbox { client: Client::from_conf(config.build()), url: url.to_owned(), seen: BTreeSet::new() }
    }
}

impl Mailbox {
    /// The next messages, at most 10: 1 call or more. That there are none is no end, see [`Received`].
    ///
    /// # Errors
    /// [`Error::Internal`] if SQS refuses to give them.
    pub async fn next(&mut self) -> Result<Received, Error> {
        let hidden = i32::try_from(HIDDEN.as_secs()).unwrap_or(i32::MAX);
        let receive = self.client.receive_message().queue_url(&self.url);
        let receive = receive.max_number_of_messages(CALL_MESSAGES_MAX).wait_time_seconds(WAIT_SECS);
        let receive = receive.visibility_timeout(hidden).message_attribute_names("All");
        let answer = receive.message_system_attribute_names(MessageSystemAttributeName::All).send().await;
        let answer = answer.map_err(|error| failed("ReceiveMessage", DisplayErrorContext(&error)))?;
        let mail = answer.messages.unwrap_or_default().into_iter().map(Mail::from);
        let (new, again) = mail.partition(|mail| self.seen.insert(mail.id.clone()));
        Ok(Received { new, again })
    }

    /// Shows messages again at once that were only looked at: 1 call for each 10. One that cannot be shown is there again
    /// after [`HIDDEN`].
    ///
    /// # Errors
    /// [`Error::Internal`] if SQS refuses the call.
    pub async fn release(&self, mail: &[Mail]) -> Result<(), Error> {
        for some in mail.chunks(CALL_MESSAGES_MAX.unsigned_abs() as usize) {
            let entries = some.iter().enumerate().map(|(index, mail)| {
                let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id(index.to_string());
                entry.receipt_handle(&mail.receipt).visibility_timeout(0).build()
            });
            let entries =
                entries.collect::<Result<Vec<_>, _>>().map_err(|error| Error::internal("a batch", &error))?;
            let call =
                self.client.change_message_visibility_batch().queue_url(&self.url).set_entries(Some(entries));
            call.send()
                .await
                .map_err(|error| failed("ChangeMessageVisibilityBatch", DisplayErrorContext(&error)))?;
        }
        Ok(())
    }

    /// Deletes a message: 1 call.
    ///
    /// # Errors
    /// [`Error::Internal`] if SQS does not delete it; it is then there again after [`HIDDEN`].
    pub async fn delete(&self, mail: &Mail) -> Result<(), Error> {
        let call = self.client.delete_message().queue_url(&self.url).receipt_handle(&mail.receipt);
        call.send().await.map(drop).map_err(|error| failed("DeleteMessage", DisplayErrorContext(&error)))
    }

    /// Puts a JSON text into this queue: 1 call.
    ///
    /// # Errors
    /// [`Error::Internal`] if SQS does not take it.
    pub async fn put(&self, json: &str) -> Result<(), Error> {
        let call = self.client.send_message().queue_url(&self.url).message_body(sendable(json));
        call.send().await.map(drop).map_err(|error| failed("SendMessage", DisplayErrorContext(&error)))
    }
}

impl From<Message> for Mail {
    fn from(message: Message) -> Self {
        let system = |name| message.attributes.as_ref().and_then(|all| all.get(&name));
        let sent_at = system(MessageSystemAttributeName::SentTimestamp).and_then(|ms| ms.parse().ok());
        let own = message.message_attributes.clone().unwrap_or_default().into_iter();
        Self {
            sent_at: sent_at.map(Timestamp::from_millis),
            from_queue: system(MessageSystemAttributeName::DeadLetterQueueSourceArn).cloned(),
            attributes: own.filter_map(|(name, value)| Some((name, value.string_value?))).collect(),
            id: message.message_id.unwrap_or_default(),
            receipt: message.receipt_handle.unwrap_or_default(),
            body: message.body.unwrap_or_default(),
        }
    }
}

fn failed(call: &str, error: impl std::fmt::Display) -> Error {
    Error::Internal(format!("{call}: {error}"))
}
