//! The operations of SQS in the AWS JSON protocol, with AWS's limits and errors.
//!
//! Never here: what a queue does with its messages ([`super::queue`]).

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    journal::{self, Now},
    message::{self, Attributes, Entry},
    queue::{Deletion, Visibility},
    queues::{Queues, Receiver, Served},
};
use crate::aws_error::AwsError;

/// The most messages of one receive, and entries of one batch.
const BATCH_MAX: usize = 10;
/// The most bytes of the body and attributes of a message, or of all messages of a batch.
pub(super) const MESSAGE_BYTES_MAX: usize = 1_048_576;
/// The longest wait of a receive.
const WAIT_MAX_S: u64 = 20;
/// The longest visibility timeout.
const VISIBILITY_MAX_S: u64 = 43_200;
/// The longest delay of a message.
const DELAY_MAX_S: u64 = 900;

impl Queues {
    /// Answers `AmazonSQS.{operation}`; `trace` is the trace of the call.
    pub(crate) async fn call(
        &self,
        operation: &str,
        body: Value,
        trace: Option<&str>,
    ) -> Result<Value, AwsError> {
        match operation {
            "ListQueues" => return Ok(self.list(&body)),
            "GetQueueUrl" => {
                let name = text(&body, "QueueName")?;
                return Ok(json!({ "QueueUrl": self.named(name)?.definition.url }));
            }
            _ => {}
        }
        let url = text(&body, "QueueUrl")?;
        let served = self.named(url.rsplit('/').next().unwrap_or(url))?;
        match operation {
            "SendMessage" => served.send_message(&body, trace),
            "SendMessageBatch" => served.send_batch(&body, trace),
            "ReceiveMessage" => self.receive_message(served, &body).await,
            "DeleteMessage" => served.delete_message(&body),
            "DeleteMessageBatch" => batch(&body, |entry| served.delete_message(entry)),
            "ChangeMessageVisibility" => served.change_visibility(&body),
            "ChangeMessageVisibilityBatch" => batch(&body, |entry| served.change_visibility(entry)),
            "GetQueueAttributes" => Ok(served.attributes(&body)),
            "PurgeQueue" => {
                served.purge();
                Ok(json!({}))
            }
            other => Err(AwsError::unknown_operation(other)),
        }
    }

    fn named(&self, name: &str) -> Result<&Served, AwsError> {
        let missing = || AwsError::client("QueueDoesNotExist", "The specified queue does not exist.");
        self.by_name.get(name).ok_or_else(missing)
    }

    fn list(&self, body: &Value) -> Value {
        let prefix = body.get("QueueNamePrefix").and_then(Value::as_str).unwrap_or_default();
        let queues = self.by_name.values().map(|served| &served.definition);
        let mut urls: Vec<_> =
            queues.filter(|queue| queue.name.starts_with(prefix)).map(|queue| queue.url.as_str()).collect();
        urls.sort_unstable();
        json!({ "QueueUrls": urls })
    }

    async fn receive_message(&self, served: &Served, body: &Value) -> Result<Value, AwsError> {
        let max = number(body, "MaxNumberOfMessages", 1, BATCH_MAX as u64)?.unwrap_or(1);
        let wait = number(body, "WaitTimeSeconds", 0, WAIT_MAX_S)?.map(Duration::from_secs);
        let hidden = number(body, "VisibilityTimeout", 0, VISIBILITY_MAX_S)?.map(Duration::from_secs);
        let wait = wait.unwrap_or(served.definition.receive_wait);
        let max = usize::try_from(max).unwrap_or(BATCH_MAX);
        let messages = self.take(served, max, wait, hidden, Receiver::Client).await;
        if messages.is_empty() {
            return Ok(json!({}));
        }
        let messages: Vec<_> = messages.iter().map(|message| message.answer(body)).collect();
        Ok(json!({ "Messages": messages }))
    }
}

impl Served {
    fn send_message(&self, body: &Value, trace: Option<&str>) -> Result<Value, AwsError> {
        let sent = self.put(vec![entry(body, trace)?])?;
        Ok(sent.first().map(message::Sent::answer).unwrap_or_default())
    }

    /// Sends the valid entries of a batch together.
    fn send_batch(&self, body: &Value, trace: Option<&str>) -> Result<Value, AwsError> {
        let total: usize =
            entries(body)?.iter().filter_map(|entry| Some(entry.get("MessageBody")?.as_str()?.len())).sum();
        if total > MESSAGE_BYTES_MAX {
            let message = format!("Batch requests cannot be longer than {MESSAGE_BYTES_MAX} bytes.");
            return Err(AwsError::client("BatchRequestTooLong", message));
        }
        let valid = entries(body)?.iter().filter_map(|body| entry(body, trace).ok()).collect();
        let mut sent = self.put(valid)?.into_iter();
        batch(body, |body| {
            entry(body, trace)?;
            // One message was sent for each valid entry, in this order.
            Ok(sent.next().map(|sent| sent.answer()).unwrap_or_default())
        })
    }

    fn delete_message(&self, body: &Value) -> Result<Value, AwsError> {
        match self.delete([text(body, "ReceiptHandle")?]).as_slice() {
            // An outdated handle deletes nothing, and is not an error.
            [Deletion::Deleted(_) | Deletion::Outdated] => Ok(json!({})),
            _ => Err(invalid_receipt()),
        }
    }

    fn change_visibility(&self, body: &Value) -> Result<Value, AwsError> {
        let hidden = number(body, "VisibilityTimeout", 0, VISIBILITY_MAX_S)?
            .ok_or_else(|| missing("VisibilityTimeout"))?;
        let receipt = text(body, "ReceiptHandle")?;
        let now = Now::new();
        let mut queue = self.lock();
        match queue.change_visibility(receipt, Duration::from_secs(hidden), now.instant) {
            Visibility::Changed(key) => self.journal.note(|to| match queue.get(key) {
                Some(message) => journal::update(to, self.name(), key, message, now),
                None => Ok(()),
            }),
            Visibility::NotInFlight => {
                let message = "The specified message isn't in flight.";
                return Err(AwsError::client("MessageNotInflight", message));
            }
            Visibility::Invalid => return Err(invalid_receipt()),
        }
        drop(queue);
        self.arrivals.notify_waiters();
        Ok(json!({}))
    }

    fn attributes(&self, body: &Value) -> Value {
        let counts = self.lock().counts(Instant::now());
        let queue = &self.definition;
        let mut attributes = json!({
            "QueueArn": queue.arn,
            "ApproximateNumberOfMessages": counts.visible.to_string(),
            "ApproximateNumberOfMessagesNotVisible": counts.in_flight.to_string(),
            "ApproximateNumberOfMessagesDelayed": counts.delayed.to_string(),
            "VisibilityTimeout": queue.visibility_timeout.as_secs().to_string(),
            "DelaySeconds": queue.delay.as_secs().to_string(),
            "ReceiveMessageWaitTimeSeconds": queue.receive_wait.as_secs().to_string(),
            "MessageRetentionPeriod": queue.retention.as_secs().to_string(),
            "MaximumMessageSize": MESSAGE_BYTES_MAX.to_string(),
        });
        if let Some(redrive) = &queue.redrive {
            let policy =
                json!({ "deadLetterTargetArn": redrive.target_arn, "maxReceiveCount": redrive.receives_max });
            attributes["RedrivePolicy"] = json!(policy.to_string());
        }
        if let Value::Object(attributes) = &mut attributes {
            attributes.retain(|name, _| message::wants(body, &["AttributeNames"], name));
        }
        json!({ "Attributes": attributes })
    }
}

/// Answers each entry of a batch individually.
fn batch(body: &Value, mut one: impl FnMut(&Value) -> Result<Value, AwsError>) -> Result<Value, AwsError> {
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    for entry in entries(body)? {
        let id = text(entry, "Id")?;
        match one(entry) {
            Ok(mut answer) => {
                answer["Id"] = json!(id);
                successful.push(answer);
            }
            Err(error) => failed
                .push(json!({ "Id": id, "Code": error.code, "Message": error.message, "SenderFault": true })),
        }
    }
    Ok(json!({ "Successful": successful, "Failed": failed }))
}

/// Parses the message of `SendMessage` or of an entry of `SendMessageBatch`.
fn entry(body: &Value, trace: Option<&str>) -> Result<Entry, AwsError> {
    let attributes = Attributes::parse(body.get("MessageAttributes"))?;
    let message = text(body, "MessageBody")?;
    if message.is_empty() || message.len() + attributes.bytes() > MESSAGE_BYTES_MAX {
        let reason =
            format!("One or more parameters are invalid. A message is 1 to {MESSAGE_BYTES_MAX} bytes.");
        return Err(AwsError::client("InvalidParameterValue", reason));
    }
    // <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>
    let is_refused =
        |char| matches!(char, '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}') && !"\t\n\r".contains(char);
    if message.contains(is_refused) {
        let reason = "The message contains characters outside the allowed set.";
        return Err(AwsError::client("InvalidMessageContents", reason));
    }
    let delay = number(body, "DelaySeconds", 0, DELAY_MAX_S)?.map(Duration::from_secs);
    Ok(Entry { body: message.to_owned(), delay, attributes, trace: trace.map(str::to_owned) })
}

/// The entries of a batch: 1 to 10, with distinct ids.
fn entries(body: &Value) -> Result<&[Value], AwsError> {
    let entries = body.get("Entries").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if entries.is_empty() {
        return Err(AwsError::client(
            "EmptyBatchRequest",
            "There should be at least one entry in the request.",
        ));
    }
    if entries.len() > BATCH_MAX {
        let message = format!("Maximum number of entries per request are {BATCH_MAX}.");
        return Err(AwsError::client("TooManyEntriesInBatchRequest", message));
    }
    for (index, entry) in entries.iter().enumerate() {
        let id = text(entry, "Id")?;
        if entries[..index].iter().any(|earlier| earlier.get("Id").and_then(Value::as_str) == Some(id)) {
            return Err(AwsError::client("BatchEntryIdsNotDistinct", format!("Id {id} repeated.")));
        }
    }
    Ok(entries)
}

fn text<'b>(body: &'b Value, name: &str) -> Result<&'b str, AwsError> {
    body.get(name).and_then(Value::as_str).ok_or_else(|| missing(name))
}

fn number(body: &Value, name: &str, min: u64, max: u64) -> Result<Option<u64>, AwsError> {
    let Some(value) = body.get(name).filter(|value| !value.is_null()) else { return Ok(None) };
    if let Some(number) = value.as_u64().filter(|number| (min..=max).contains(number)) {
        return Ok(Some(number));
    }
    let reason = format!("Must be between {min} and {max}.");
    let message = format!("Value {value} for parameter {name} is invalid. Reason: {reason}");
    Err(AwsError::client("InvalidParameterValue", message))
}

fn missing(name: &str) -> AwsError {
    AwsError::client("MissingParameter", format!("The request must contain the parameter {name}."))
}

fn invalid_receipt() -> AwsError {
    AwsError::client("ReceiptHandleIsInvalid", "The input receipt handle is invalid.")
}
