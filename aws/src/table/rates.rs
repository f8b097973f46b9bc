//! The rows of the rate limits: for each user and limit, the time until which the bucket is not empty. The arithmetic
//! is in `funnelcast-realtime`.

use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use funnelcast_core::{Error, Timestamp, UserId};
use serde::Deserialize;

use super::{
    item::{Table, failed, from_item, if_met},
    key,
};

/// How long a row is kept after its last change. Every bucket drains within this time.
pub const RATE_LIFE: Duration = Duration::from_hours(24);
/// How often a write may conflict with those of other processes before it fails.
const TRIES_MAX: usize = 10;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RateRow {
    full_until: i64,
}

impl Table {
    /// Until when a user's bucket is not empty; `None` if there is no row: 1 read.
    pub async fn full_until(&self, user: &UserId, limit: &str) -> Result<Option<Timestamp>, Error> {
        let get = self.get(key::rate(user), limit.to_owned());
        let item = get.send().await.map_err(failed("GetItem of a rate"))?.item;
        let row: Option<RateRow> = item.map(from_item).transpose()?;
        Ok(row.map(|row| Timestamp::from_millis(row.full_until)))
    }

    /// Fills a user's bucket until this time, whatever was in it, and says how long that is kept: 1 write.
    ///
    /// # Errors
    /// [`Error::Internal`] if the table fails.
    pub async fn fill_until(
        &self,
        user: &UserId,
        limit: &str,
        (until, kept_until): (Timestamp, Timestamp),
    ) -> Result<(), Error> {
        let update = self
            .update(key::rate(user), limit.to_owned())
            .update_expression("SET fullUntil = :until, #ttl = :ttl")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":until", AttributeValue::N(until.as_millis().to_string()))
            .expression_attribute_values(":ttl", AttributeValue::N(kept_until.as_secs().to_string()));
        if_met("UpdateItem of a rate", update.send().await).map(drop)
    }

    /// Adds an amount to a user's bucket, as the time in which it drains, and returns until when the bucket is then
    /// not empty: 1 write, and 1 more if the bucket is not empty until about the time that is `known`, which the row outlives.
    ///
    /// # Errors
    /// [`Error::Internal`] if the table fails, or if the row keeps changing in the meantime.
    pub async fn fill(
        &self,
        user: &UserId,
        limit: &str,
        amount: Duration,
        known: Timestamp,
        now: Timestamp,
    ) -> Result<Timestamp, Error> {
        let number = |n: i64| AttributeValue::N(n.to_string());
        // Rounded up, so that many small amounts are not free.
        let millis = i64::try_from(amount.as_nanos().div_ceil(1_000_000)).unwrap_or(i64::MAX);
        let (mut is_empty, kept_until) = (known <= now, known.max(now + RATE_LIFE));
        for _ in 0..TRIES_MAX {
            let update = self
                .update(key::rate(user), limit.to_owned())
                .expression_attribute_names("#ttl", "ttl")
                .expression_attribute_values(":ttl", number(kept_until.as_secs()))
                .expression_attribute_values(":now", number(now.as_millis()))
                .return_values(ReturnValue::AllNew);
            let update = if is_empty {
                update
                    .update_expression("SET fullUntil = :until, #ttl = :ttl")
                    .condition_expression("attribute_not_exists(pk) OR fullUntil <= :now")
                    .expression_attribute_values(":until", number(now.as_millis().saturating_add(millis)))
            } else {
                update
                    .update_expression("SET fullUntil = fullUntil + :amount, #ttl = :ttl")
                    .condition_expression("fullUntil > :now")
                    .expression_attribute_values(":amount", number(millis))
            };
            if let Some(updated) = if_met("UpdateItem of a rate", update.send().await)? {
                let RateRow { full_until } = from_item(updated.attributes.unwrap_or_default())?;
                return Ok(Timestamp::from_millis(full_until));
            }
            is_empty = !is_empty;
        }
        Err(Error::Internal("a rate limit kept changing while it was written".into()))
    }
}
