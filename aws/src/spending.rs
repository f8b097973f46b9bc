//! What an invocation costs, counted while it runs, so that the user for whom it runs can be charged what was really used,
//! whatever the action (`funnelcast_realtime::rates`).
//!
//! Counted are the units that DynamoDB says it consumed, posts, messages of queues, and the time that it takes. Whoever
//! serves the invocation adds what it cannot see itself: the frame or request, and the invocation.

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
        update_item::{UpdateItemError, UpdateItemInput, UpdateItemOutput},
    },
    types::{ConsumedCapacity, ReturnConsumedCapacity},
};

/// List prices, in dollars: those of `local/src/cost/prices.yaml`, which a test of `tests/tests/suite/house.rs` holds them
/// against, where they are a million times as much.
pub mod price {
    /// A message of a WebSocket API, in either direction, of up to [`MESSAGE_BYTES`].
    pub const MESSAGE: f64 = 1.0e-6;
    /// What one message is charged for; a larger one is several.
    pub const MESSAGE_BYTES: usize = 32 * 1024;
    /// A request of an HTTP API.
    pub const HTTP_REQUEST: f64 = 1.0e-6;
    /// A read unit of the table.
    pub const READ_UNIT: f64 = 0.125e-6;
    /// A write unit of the table.
    pub const WRITE_UNIT: f64 = 0.625e-6;
    /// A request of a queue.
    pub const QUEUE_REQUEST: f64 = 0.4e-6;
    /// An invocation, and the line that it writes into the log: some 500 bytes at $0.50 a GB.
    pub const INVOCATION: f64 = 0.2e-6 + 0.25e-6;
    /// A second of a function of 512 MB, the largest that serves a user.
    pub const SECOND: f64 = 0.5 * 13.3334e-6;

    /// A message of a queue: it is sent, received and deleted, and its receiver is invoked.
    pub const QUEUED: f64 = 3.0 * QUEUE_REQUEST + INVOCATION;
    /// What a connection costs beside what `$connect` uses: the authorizer's invocation, `$disconnect`'s with the row's
    /// removal, `broadcast`'s for that, one look at its lease, and its first minutes.
    pub const CONNECTION: f64 = 3.0 * INVOCATION + WRITE_UNIT + QUEUED + READ_UNIT + 0.25e-6;
}

/// The units that a refused conditional write is charged for, of which DynamoDB says nothing: those of the row that it was
/// refused by, and the largest that a client can have refused is a connection's with 100 channels.
const REFUSED_WRITE_UNITS: f64 = 10.0;

tokio::task_local! {
    static SPENT: Cell<f64>;
}

/// Runs a piece of work, and says what it has cost in dollars.
pub async fn counted<F: Future>(work: F) -> (F::Output, f64) {
    let counting = async {
        let begun = Instant::now();
        let output = work.await;
        add(begun.elapsed().as_secs_f64() * price::SECOND);
        (output, SPENT.with(Cell::get))
    };
    SPENT.scope(Cell::new(0.0), counting).await
}

/// Adds to what the work at hand has cost, where that is counted.
pub fn add(dollars: f64) {
    // Outside of `counted` nobody is charged.
    let _ = SPENT.try_with(|spent| spent.set(spent.get() + dollars));
}

/// Doubles what the work at hand has cost so far: as much again is used later, when nobody can be charged for it.
pub fn add_as_much_again() {
    let _ = SPENT.try_with(|spent| spent.set(2.0 * spent.get()));
}

/// What it costs to send so many bytes over a WebSocket API.
pub fn messages(bytes: usize) -> f64 {
    let messages = bytes.div_ceil(price::MESSAGE_BYTES).max(1);
    f64::from(u32::try_from(messages).unwrap_or(u32::MAX)) * price::MESSAGE
}

/// Has DynamoDB say what each call of a client consumed, and counts it.
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
        ask!(PutItemInput, UpdateItemInput, DeleteItemInput, BatchWriteItemInput);
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
                return Ok(());
            }
        };
        macro_rules! count {
            ($price:expr, $($output:ty),+; $batch:ty) => {
                $(if let Some(output) = output.downcast_ref::<$output>() {
                    add($price * units(output.consumed_capacity.iter()));
                })+
                if let Some(output) = output.downcast_ref::<$batch>() {
                    add($price * units(output.consumed_capacity.iter().flatten()));
                }
            };
        }
        count!(price::READ_UNIT, GetItemOutput, QueryOutput; BatchGetItemOutput);
        count!(price::WRITE_UNIT, PutItemOutput, UpdateItemOutput, DeleteItemOutput; BatchWriteItemOutput);
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
    async fn what_runs_side_by_side_is_counted_together_and_nothing_outside() {
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
    async fn as_much_again_is_of_what_was_used_until_then() {
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
