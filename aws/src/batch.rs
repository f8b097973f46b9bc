//! Batches from an SQS queue, as Lambda delivers them.

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use funnelcast_core::Error;
use futures_util::future::join_all;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::letters::{DeadLetters, Source, Undone};

/// How often a message is received before its function gives it up. The `maxReceiveCount` of every queue that feeds one is one
/// more, so that the function has the last word and can write the reason. Fewer would not do: what Lambda receives while the account
/// has no invocation to spare is a receive too, and a message that waited for one would be given up at its first failure.
pub const RECEIVES_MAX: u32 = 19;

/// A try of a message, by how often the message has been received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Try(u32);

impl Try {
    /// How often the message has been received by now, from 1. It has been tried as often, or less.
    pub const fn number(self) -> u32 {
        self.0
    }

    /// Whether this error is final: no retry resolves it, or none is left.
    pub const fn is_ended_by(self, error: &Error) -> bool {
        self.is_last() || !error.is_retryable()
    }

    const fn is_last(self) -> bool {
        self.0 >= RECEIVES_MAX
    }
}

/// Handles the messages of a batch concurrently. A message that is refused, or that fails at its last try, is put
/// into the dead-letter queue; other failures are listed in the response, and the queue delivers those messages
/// again. One that cannot be decoded is among the latter: while a stack is upgraded, functions of two versions run side by side,
/// and a moment later the newer one receives it.
pub async fn handle<M: DeserializeOwned>(
    letters: &DeadLetters,
    source: Source,
    batch: SqsEvent,
    handler: impl AsyncFn(M, Try) -> Result<(), Error>,
) -> SqsBatchResponse {
    let outcomes = join_all(batch.records.iter().map(async |message| {
        let this_try = which_try(message);
        let (error, is_ended) = match decode(message) {
            Ok(decoded) => match handler(decoded, this_try).await {
                Ok(()) => return Ok(()),
                Err(error) => {
                    let is_ended = this_try.is_ended_by(&error);
                    (error, is_ended)
                }
            },
            Err(error) => (error, this_try.is_last()),
        };
        if is_ended && give_up(letters, source, message, &error).await.is_ok() {
            return Ok(());
        }
        let (id, number) = (&message.message_id, this_try.number());
        tracing::error!(?source, message_id = id, tries = number, %error, "a message failed");
        Err(id.clone().unwrap_or_default())
    }));
    let mut answer = SqsBatchResponse::default();
    outcomes.await.into_iter().filter_map(Result::err).for_each(|failed| answer.add_failure(failed));
    answer
}

fn which_try(message: &SqsMessage) -> Try {
    let receives = message.attributes.get("ApproximateReceiveCount");
    Try(receives.and_then(|receives| receives.parse().ok()).unwrap_or(1))
}

/// Puts a message into the dead-letter queue, under its own `id` if it has one.
async fn give_up(
    letters: &DeadLetters,
    source: Source,
    message: &SqsMessage,
    error: &Error,
) -> Result<(), Error> {
    let body = message.body.as_deref().unwrap_or_default();
    let item = serde_json::from_str(body).unwrap_or_else(|_| Value::from(body));
    let id = item["id"].as_str().or(message.message_id.as_deref()).unwrap_or_default();
    letters.put(&Undone { source, id, item: &item, tries: which_try(message).number(), error }).await
}

/// Decodes the body of a message.
///
/// # Errors
/// [`Error::BadRequest`] if it is something else.
pub fn decode<M: DeserializeOwned>(message: &SqsMessage) -> Result<M, Error> {
    let body = message.body.as_deref().unwrap_or_default();
    serde_json::from_str(body).map_err(|error| Error::from_serde(&error))
}

#[cfg(test)]
mod tests {
    use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
    use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
    use aws_types::SdkConfig;
    use aws_types::region::Region;
    use serde_json::json;

    use super::*;
    use funnelcast_testing::server::{self, Server};

    use crate::{config::Config, resource::Resource, sdk::Sdk};

    /// A message that has been received so often, whose body says how handling it ends.
    fn message(id: &str, receives: u32, body: &str) -> SqsMessage {
        let attributes = json!({"ApproximateReceiveCount": receives.to_string()});
        let message =
            json!({"messageId": id, "body": body, "attributes": attributes, "messageAttributes": {}});
        serde_json::from_value(message).unwrap()
    }

    async fn letters(queue: &Server) -> DeadLetters {
        let credentials = SharedCredentialsProvider::new(Credentials::for_tests());
        let sdk = SdkConfig::builder().behavior_version(BehaviorVersion::latest());
        let sdk = sdk.endpoint_url(queue.url("")).region(Region::from_static("us-east-1"));
        let sdk = Sdk::from(sdk.credentials_provider(credentials).build());
        let config = Config { dead_letters: Some(queue.url("/dead")), sdk, ..Config::default() };
        DeadLetters::build(&config).await.unwrap()
    }

    #[tokio::test]
    async fn refused_and_exhausted_items_become_dead_letters_and_the_rest_is_retried() {
        let queue = Server::start(|_| server::json(&json!({"MessageId": "m"}))).await;
        let mut batch = SqsEvent::default();
        batch.records = vec![
            message("good", 1, r#""good""#),
            message("refused", 1, r#""refused""#),
            message("of a newer version", 1, "no JSON"),
            message("no message", RECEIVES_MAX, "no JSON"),
            message("waited for an invocation", 9, r#""failed""#),
            message("failed", RECEIVES_MAX - 1, r#""failed""#),
            message("given up", RECEIVES_MAX, r#""failed""#),
        ];
        let deal = async |body: String, _| match body.as_str() {
            "good" => Ok(()),
            "refused" => Err(Error::invalid("data.title", "is missing")),
            _ => Err(Error::Internal("the table is on fire".into())),
        };
        let answer = handle(&letters(&queue).await, Source::Timers, batch, deal).await;
        let again: Vec<_> =
            answer.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect();
        assert_eq!(again, ["of a newer version", "waited for an invocation", "failed"]);
        let mut found: Vec<Value> = queue.asked().iter().map(|asked| letter(&asked.body)).collect();
        found.sort_by_key(|letter| letter["id"].to_string());
        let told = |letter: &Value| {
            json!([letter["id"], letter["code"], letter["field"], letter["tries"], letter["item"]])
        };
        assert_eq!(
            found.iter().map(told).collect::<Vec<_>>(),
            [
                json!(["given up", "internal", null, RECEIVES_MAX, "failed"]),
                json!(["no message", "bad_request", null, RECEIVES_MAX, "no JSON"]),
                json!(["refused", "bad_request", "data.title", 1, "refused"]),
            ]
        );
    }

    /// The dead letter in a call of `SendMessage`.
    fn letter(call: &[u8]) -> Value {
        let call: Value = serde_json::from_slice(call).unwrap();
        serde_json::from_str(call["MessageBody"].as_str().unwrap()).unwrap()
    }

    #[tokio::test]
    async fn an_item_whose_dead_letter_fails_is_retried() {
        let queue = Server::start(|_| server::says(400, r#"{"__type":"QueueDoesNotExist"}"#)).await;
        let mut batch = SqsEvent::default();
        batch.records = vec![message("refused", 1, "1")];
        let deal = async |_: u8, _| Err(Error::NotJoined);
        let answer = handle(&letters(&queue).await, Source::Timers, batch, deal).await;
        assert_eq!(answer.batch_item_failures.len(), 1);
    }
}
