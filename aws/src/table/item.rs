//! The table and its items, in terms of the SDK.

use std::{collections::HashMap, time::Duration};

use aws_sdk_dynamodb::{
    Client,
    error::{BuildError, DisplayErrorContext, ProvideErrorMetadata, SdkError},
    operation::{
        delete_item::builders::DeleteItemFluentBuilder,
        get_item::builders::GetItemFluentBuilder,
        put_item::builders::PutItemFluentBuilder,
        query::builders::QueryFluentBuilder,
        transact_write_items::TransactWriteItemsError,
        update_item::{UpdateItemOutput, builders::UpdateItemFluentBuilder},
    },
    types::{AttributeValue, KeysAndAttributes},
};
use funnelcast_core::{Channel, Error, policy::Retention};
use serde::{Serialize, de::DeserializeOwned};

use crate::{config::Config, resource::Resource, spending::CountCapacity};

/// An item in terms of the SDK.
pub(super) type Item = HashMap<String, AttributeValue>;

/// The most items of a `BatchGetItem`
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html>).
const BATCH_GET_ITEMS_MAX: usize = 100;

/// The table. Clones share one client.
#[derive(Debug, Clone)]
pub struct Table {
    pub(super) client: Client,
    pub(super) name: String,
    pub(super) conversation_retention: Option<Duration>,
}

impl Resource for Table {
    async fn build(config: &Config) -> Result<Self, Error> {
        let name = Config::need("TABLE_NAME", config.table.as_ref())?.to_owned();
        let client = aws_sdk_dynamodb::config::Builder::from(config.sdk.config()?);
        let client = Client::from_conf(client.interceptor(CountCapacity).build());
        config.sdk.open("dynamodb").await;
        Ok(Self { client, name, conversation_retention: config.conversation_retention })
    }
}

impl Table {
    /// How long the channel's events are kept; `None` for ever.
    pub(super) fn retention(&self, channel: &Channel) -> Option<Duration> {
        match channel.kind().policy().retention {
            Retention::For(duration) => Some(duration),
            Retention::Configured => self.conversation_retention,
        }
    }

    /// A strongly consistent query of one partition, in the order of the sort keys.
    pub(super) fn query(&self, pk: String) -> QueryFluentBuilder {
        self.client
            .query()
            .table_name(&self.name)
            .consistent_read(true)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", AttributeValue::S(pk))
    }

    /// A strongly consistent read of one item.
    pub(super) fn get(&self, pk: String, sk: String) -> GetItemFluentBuilder {
        let get = self.client.get_item().table_name(&self.name).consistent_read(true);
        get.key("pk", AttributeValue::S(pk)).key("sk", AttributeValue::S(sk))
    }

    pub(super) fn put(&self, item: Item) -> PutItemFluentBuilder {
        self.client.put_item().table_name(&self.name).set_item(Some(item))
    }

    pub(super) fn update(&self, pk: String, sk: String) -> UpdateItemFluentBuilder {
        let update = self.client.update_item().table_name(&self.name);
        update.key("pk", AttributeValue::S(pk)).key("sk", AttributeValue::S(sk))
    }

    pub(super) fn delete(&self, pk: String, sk: String) -> DeleteItemFluentBuilder {
        let delete = self.client.delete_item().table_name(&self.name);
        delete.key("pk", AttributeValue::S(pk)).key("sk", AttributeValue::S(sk))
    }

    /// Reads items by their keys, strongly consistent, [`BATCH_GET_ITEMS_MAX`] per call, until none is left unread.
    /// The items are in no particular order; one that does not exist is left out.
    pub(super) async fn batch_get(&self, keys: Vec<(String, String)>) -> Result<Vec<Item>, Error> {
        const ROUNDS_MAX: u32 = 8;
        let mut items = Vec::new();
        for chunk in keys.chunks(BATCH_GET_ITEMS_MAX) {
            let mut keys = KeysAndAttributes::builder().consistent_read(true);
            for (pk, sk) in chunk {
                keys = keys.keys(HashMap::from([
                    ("pk".to_owned(), AttributeValue::S(pk.clone())),
                    ("sk".to_owned(), AttributeValue::S(sk.clone())),
                ]));
            }
            let keys = keys.build().map_err(|error| Error::internal("a batch", &error))?;
            let mut pending = HashMap::from([(self.name.clone(), keys)]);
            for round in 0..ROUNDS_MAX {
                let answer = self.client.batch_get_item().set_request_items(Some(pending)).send().await;
                let answer = answer.map_err(failed("BatchGetItem"))?;
                items.extend(answer.responses.into_iter().flatten().flat_map(|(_, items)| items));
                pending = answer.unprocessed_keys.unwrap_or_default();
                if pending.is_empty() {
                    break;
                }
                back_off(round).await;
            }
            if !pending.is_empty() {
                return Err(Error::Internal("BatchGetItem left keys unread".into()));
            }
        }
        Ok(items)
    }
}

/// Waits before the next try after a conflict: a random time of up to 10 ms, doubled each round up to 320 ms.
pub async fn back_off(round: u32) {
    let ceiling_ms = 10_u64 << round.min(5);
    tokio::time::sleep(Duration::from_millis(rand::random_range(0..=ceiling_ms))).await;
}

/// The outcome of a conditional write: `None` if the condition was not met.
pub(super) fn if_met<T, E, R>(
    what: &'static str,
    result: Result<T, SdkError<E, R>>,
) -> Result<Option<T>, Error>
where
    E: ProvideErrorMetadata,
    SdkError<E, R>: std::error::Error,
{
    match result {
        Ok(output) => Ok(Some(output)),
        Err(SdkError::ServiceError(refusal))
            if refusal.err().code() == Some("ConditionalCheckFailedException") =>
        {
            Ok(None)
        }
        Err(error) => Err(failed(what)(error)),
    }
}

/// Whether a write was refused because a transaction on the same item was under way
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html#transaction-conflict-handling>).
pub(super) fn is_contended<T, E: ProvideErrorMetadata, R>(result: &Result<T, SdkError<E, R>>) -> bool {
    matches!(result, Err(SdkError::ServiceError(refusal))
        if refusal.err().code() == Some("TransactionConflictException"))
}

/// How often an update is tried while transactions on the same item are under way.
const CONTENDED_ROUNDS_MAX: u32 = 10;

/// Makes a conditional update, again while transactions on the same item are under way: a transaction is not waited for by
/// `DynamoDB`. `None` if the condition was not met.
///
/// # Errors
/// [`Error::Internal`] if the table fails.
pub(super) async fn update_contended(
    what: &'static str,
    update: UpdateItemFluentBuilder,
) -> Result<Option<UpdateItemOutput>, Error> {
    let mut updated = update.clone().send().await;
    for round in 0..CONTENDED_ROUNDS_MAX {
        if !is_contended(&updated) {
            break;
        }
        back_off(round).await;
        updated = update.clone().send().await;
    }
    if_met(what, updated)
}

/// A part of a transaction.
pub(super) fn built<T>(built: Result<T, BuildError>) -> Result<T, Error> {
    built.map_err(|error| Error::internal("a part of a transaction", &error))
}

/// Whether a transaction was cancelled because another sender was faster, so that trying again may succeed.
pub(super) fn is_lost_race<R>(error: &SdkError<TransactWriteItemsError, R>) -> bool {
    let is_in_progress = || {
        error.as_service_error().is_some_and(TransactWriteItemsError::is_transaction_in_progress_exception)
    };
    let mut failures = failures(error).map(|(_, code)| code).peekable();
    if failures.peek().is_none() {
        return is_in_progress();
    }
    failures.all(|code| matches!(code, CONDITION_FAILED | "TransactionConflict"))
}

/// The code of a part of a transaction whose condition was not met.
pub(super) const CONDITION_FAILED: &str = "ConditionalCheckFailed";

/// The parts of a cancelled transaction that failed: their places, and why.
pub(super) fn failures<R>(
    error: &SdkError<TransactWriteItemsError, R>,
) -> impl Iterator<Item = (usize, &str)> {
    let reasons = match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
            cancelled.cancellation_reasons()
        }
        _ => &[],
    };
    let codes = reasons.iter().enumerate().filter_map(|(place, reason)| Some((place, reason.code()?)));
    codes.filter(|(_, code)| *code != "None")
}

/// Describes an error of the SDK, for the log.
pub(super) fn failed<E, R>(what: &'static str) -> impl FnOnce(SdkError<E, R>) -> Error
where
    SdkError<E, R>: std::error::Error,
{
    move |error| Error::Internal(format!("{what}: {}", DisplayErrorContext(&error)))
}

/// An item's partition key; empty if it has none, which no item of this table is without.
pub(super) fn pk(item: &Item) -> &str {
    item.get("pk").and_then(|pk| pk.as_s().ok()).map_or("", String::as_str)
}

/// An item's sort key; empty if it has none, which no item of this table is without.
pub(super) fn sk(item: &Item) -> &str {
    item.get("sk").and_then(|sk| sk.as_s().ok()).map_or("", String::as_str)
}

pub(super) fn to_item(row: impl Serialize) -> Result<Item, Error> {
    serde_dynamo::to_item(row).map_err(|error| Error::internal("an item to write", &error))
}

pub(super) fn to_attribute(value: impl Serialize) -> Result<AttributeValue, Error> {
    serde_dynamo::to_attribute_value(value).map_err(|error| Error::internal("an attribute to write", &error))
}

pub(super) fn from_item<T: DeserializeOwned>(item: Item) -> Result<T, Error> {
    serde_dynamo::from_item(item).map_err(|error| Error::internal("an item of the table", &error))
}
