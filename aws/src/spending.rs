//! The cost of an invocation, counted while it runs, so that its user can be charged what was really used, whatever
//! the action (`funnelcast_realtime::rates`).
//!
//! Counted are the units that DynamoDB reports as consumed, posts, queue messages, and the running time. The code
//! that serves the invocation adds what cannot be seen here: the frame or request, and the invocation itself.

use std::{cell::Cell, time::Instant};

use aws_sdk_dynamodb::{
    config::{
        ConfigBag, Intercept, RuntimeComponents,
        interceptors::{AfterDeserializationInterceptorContextRef, BeforeSerializationInterceptorContextMut},
    },
    error::BoxError,
    operation::{
        batch_get_item::{BatchGetItemInput, BatchGetItemOutput},
        batch_write_item::{BatchWriteItemInput, BatchWriteItemOutput},
        delete_item::{DeleteItemError, DeleteItemInput, DeleteItemOutput},
        get_item::{GetItemInput, GetItemOutput},
        put_item::{PutItemError, PutItemInput, PutItemOutput},
        query::{QueryInput, QueryOutput},
        transact_write_items::{TransactWriteItemsError, TransactWriteItemsInput, TransactWriteItemsOutput},
        update_item::{UpdateItemError, UpdateItemInput, UpdateItemOutput},
    },
    types::{ConsumedCapacity, ReturnConsumedCapacity},
};

/// List prices in dollars. They are those of `local/src/cost/prices.yaml`, where they are stated per million; a test
/// in `tests/tests/suite/house.rs` compares the two.
pub mod price {
    /// A message of a WebSocket API, in either direction, of up to [`MESSAGE_BYTES`].
    pub const MESSAGE: f64 = 1.0e-6;
    /// The size up to which a message is billed as one; a larger one is billed as several.
    pub const MESSAGE_BYTES: usize = 32 * 1024;
    /// A request of an HTTP API.
    pub const HTTP_REQUEST: f64 = 1.0e-6;
    /// A read unit of the table.
    pub const READ_UNIT: f64 = 0.125e-6;
    /// A write unit of the table.
    pub const WRITE_UNIT: f64 = 0.625e-6;
    /// A request of a queue.
    pub const QUEUE_REQUEST: f64 = 0.4e-6;
    /// An event that is put on the bus, of up to [`BUS_EVENT_BYTES`].
    pub const BUS_EVENT: f64 = 1.0e-6;
    /// The size up to which an event is billed as one; a larger one is billed as several.
    pub const BUS_EVENT_BYTES: usize = 64 * 1024;
    /// A request of S3 that reads an object.
    pub const OBJECT_READ: f64 = 0.4e-6;
    /// A request of S3 that writes an object.
    pub const OBJECT_WRITE: f64 = 5.0e-6;
    /// A byte in S3 for a month.
    pub const OBJECT_BYTE_MONTH: f64 = 0.023e-9;
    /// An invocation, including the line that it writes to the log: some 500 bytes at $0.50 per GB.
    pub const INVOCATION: f64 = 0.2e-6 + 0.25e-6;
    /// A second of a function of 512 MB, the largest one that serves users.
    pub const SECOND: f64 = 0.5 * 13.3334e-6;

    /// A message of a queue: it is sent, received and deleted, and its receiver is invoked.
    pub const QUEUED: f64 = 3.0 * QUEUE_REQUEST + INVOCATION;
    /// A connection, besides what `$connect` uses: the invocation of the authorizer, that of `$disconnect` with the
    /// deletion of the row, that of `broadcast` for it, one check of its lease, and its first minutes.
    pub const CONNECTION: f64 = 3.0 * INVOCATION + WRITE_UNIT + QUEUED + READ_UNIT + 0.25e-6;
}

/// The units that a refused conditional write is billed for, which DynamoDB does not report. They are those of the
/// row that refused it, and the largest row whose write a client can have refused is that of a connection with 100
/// channels.
const REFUSED_WRITE_UNITS: f64 = 10.0;

tokio::task_local! {
    static SPENT: Cell<f64>;
}

/// Runs a future, and returns what it has cost in dollars.
pub async fn counted<F: Future>(work: F) -> (F::Output, f64) {
    let counting = async {
        let begun = Instant::now();
        let output = work.await;
        add(begun.elapsed().as_secs_f64() * price::SECOND);
        (output, SPENT.with(Cell::get))
    };
    SPENT.scope(Cell::new(0.0), counting).await
}

/// Adds to the cost of the running work, if it is being counted.
pub fn add(dollars: f64) {
    // Outside of `counted`, no user is charged.
    let _ = SPENT.try_with(|spent| spent.set(spent.get() + dollars));
}

/// Doubles what the running work has cost so far, because as much again is used later, when no user can be charged
/// for it.
pub fn add_as_much_again() {
    let _ = SPENT.try_with(|spent| spent.set(2.0 * spent.get()));
}

/// What it costs to send this many bytes over a WebSocket API.
pub fn messages(bytes: usize) -> f64 {
    let messages = bytes.div_ceil(price::MESSAGE_BYTES).max(1);
    f64::from(u32::try_from(messages).unwrap_or(u32::MAX)) * price::MESSAGE
}

/// Makes DynamoDB report what each call of a client consumed, and counts it.
#[derive(Debug)]
pub(crate) struct CountCapacity;

impl Intercept for CountCapacity {
    fn name(&self) -> &'static str {
        "CountCapacity"
    }

    fn modify_before_serialization(
        &self,
        context: &mut BeforeSerializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        macro_rules! ask {
            ($($input:ty),+) => {
                $(if let Some(input) = context.input_mut().downcast_mut::<$input>() {
                    input.return_consumed_capacity = Some(ReturnConsumedCapacity::Total);
                })+
            };
        }
        ask!(GetItemInput, QueryInput, BatchGetItemInput);
        ask!(PutItemInput, UpdateItemInput, DeleteItemInput, BatchWriteItemInput, TransactWriteItemsInput);
        Ok(())
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let output = match context.output_or_error() {
            Ok(output) => output,
            Err(error) => {
                let error = error.as_operation_error();
                if error.is_some_and(|error| {
                    error.downcast_ref().is_some_and(PutItemError::is_conditional_check_failed_exception)
                        || error
                            .downcast_ref()
                            .is_some_and(UpdateItemError::is_conditional_check_failed_exception)
                        || error
                            .downcast_ref()
                            .is_some_and(DeleteItemError::is_conditional_check_failed_exception)
                }) {
                    add(REFUSED_WRITE_UNITS * price::WRITE_UNIT);
                }
                let cancelled = error.and_then(|error| error.downcast_ref::<TransactWriteItemsError>());
                if let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = cancelled {
                    let items = u32::try_from(cancelled.cancellation_reasons().len()).unwrap_or(u32::MAX);
                    add(2.0 * f64::from(items) * REFUSED_WRITE_UNITS * price::WRITE_UNIT);
                }
                return Ok(());
            }
        };
        macro_rules! count {
            ($price:expr, $($output:ty),+; $($batch:ty),+) => {
                $(if let Some(output) = output.downcast_ref::<$output>() {
                    add($price * units(output.consumed_capacity.iter()));
                })+
                $(if let Some(output) = output.downcast_ref::<$batch>() {
                    add($price * units(output.consumed_capacity.iter().flatten()));
                })+
            };
        }
        count!(price::READ_UNIT, GetItemOutput, QueryOutput; BatchGetItemOutput);
        count!(price::WRITE_UNIT, PutItemOutput, UpdateItemOutput, DeleteItemOutput; BatchWriteItemOutput, TransactWriteItemsOutput);
        Ok(())
    }
}

fn units<'a>(consumed: impl Iterator<Item = &'a ConsumedCapacity>) -> f64 {
    consumed.filter_map(|consumed| consumed.capacity_units).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn concurrent_calls_are_counted_together_and_nothing_outside() {
        add(1.0);
        let ((), dollars) = counted(async {
            tokio::join!(async { add(2.0) }, async {
                tokio::task::yield_now().await;
                add(3.0);
            });
        })
        .await;
        assert!((5.0..5.001).contains(&dollars), "{dollars}");
    }

    #[tokio::test]
    async fn as_much_again_doubles_what_was_used_until_then() {
        let ((), dollars) = counted(async {
            add(2.0);
            add_as_much_again();
            add(1.0);
        })
        .await;
        assert!((5.0..5.001).contains(&dollars), "{dollars}");
    }

    #[test]
    fn each_begun_32_kib_is_a_message() {
        for (bytes, expected) in [(0, 1.0), (1, 1.0), (32_768, 1.0), (32_769, 2.0), (131_072, 4.0)] {
            let messages = messages(bytes) / price::MESSAGE;
            assert!((messages - expected).abs() < 1e-9, "{bytes}: {messages}");
        }
    }
}
