//! The rows of the rate limits: for each user and limit, the time until which the bucket is not empty. The arithmetic
//! is in `funnelcast-realtime`.

use std::time::Duration;

use aws_sdk_dynamodb::{
    operation::update_item::builders::UpdateItemFluentBuilder,
    types::{AttributeValue, ReturnValue},
};
use funnelcast_core::{Error, Timestamp, UserId};
use serde::Deserialize;

use super::{
    item::{Table, failed, from_item, if_met},
    key,
};
use crate::clock::new_id;

/// How long a row is kept after its last change. Every bucket drains within this time.
pub const RATE_LIFE: Duration = Duration::from_hours(24);
/// How often a write may conflict with those of other processes before it fails.
const TRIES_MAX: usize = 10;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RateRow {
    full_until: i64,
    /// When the row is gone, in seconds.
    #[serde(default)]
    ttl: i64,
    /// The last amount that was added.
    filled_by: Option<String>,
}

impl Table {
    /// Until when a user's bucket is not empty; `None` if there is no row: 1 read.
    pub async fn full_until(&self, user: &UserId, limit: &str) -> Result<Option<Timestamp>, Error> {
        Ok(self.rate(user, limit).await?.map(|row| Timestamp::from_millis(row.full_until)))
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
    /// not empty: 1 write, and 1 read and 1 write more if the bucket is not as what is `known` of it says.
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
        // Rounded up, so that many small amounts are not free.
        let amount_ms = i64::try_from(amount.as_nanos().div_ceil(1_000_000)).unwrap_or(i64::MAX);
        let filling = Filling { id: new_id(), amount_ms, now };
        let mut bucket = if known <= now { Bucket::Empty } else { Bucket::Filled };
        for _ in 0..TRIES_MAX {
            let update = filling.of(bucket, self.update(key::rate(user), limit.to_owned()));
            if let Some(updated) = if_met("UpdateItem of a rate", update.send().await)? {
                let row: RateRow = from_item(updated.attributes.unwrap_or_default())?;
                return Ok(Timestamp::from_millis(row.full_until));
            }
            let row = self.rate(user, limit).await?;
            match row {
                // The SDK repeats a request whose answer was lost.
                Some(row) if row.filled_by.as_ref() == Some(&filling.id) => {
                    return Ok(Timestamp::from_millis(row.full_until));
                }
                Some(row) if row.full_until > now.as_millis() => {
                    bucket = if row.ttl > filling.ttl() { Bucket::Kept } else { Bucket::Filled };
                }
                _ => bucket = Bucket::Empty,
            }
        }
        Err(Error::Internal("a rate limit kept changing while it was written".into()))
    }

    async fn rate(&self, user: &UserId, limit: &str) -> Result<Option<RateRow>, Error> {
        let get = self.get(key::rate(user), limit.to_owned());
        let item = get.send().await.map_err(failed("GetItem of a rate"))?.item;
        item.map(from_item).transpose()
    }
}

/// How a bucket is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bucket {
    /// Empty, or never filled.
    Empty,
    /// Not empty, and kept no longer than it will be from now on.
    Filled,
    /// Not empty, and kept for longer: the user is barred.
    Kept,
}

/// An amount that is added once, however often it is sent.
#[derive(Debug)]
struct Filling {
    id: String,
    amount_ms: i64,
    now: Timestamp,
}

impl Filling {
    fn ttl(&self) -> i64 {
        (self.now + RATE_LIFE).as_secs()
    }

    /// The write, on condition that the bucket is as expected.
    fn of(&self, bucket: Bucket, update: UpdateItemFluentBuilder) -> UpdateItemFluentBuilder {
        let number = |n: i64| AttributeValue::N(n.to_string());
        let now_ms = self.now.as_millis();
        let update = update
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":ttl", number(self.ttl()))
            .expression_attribute_values(":now", number(now_ms))
            .expression_attribute_values(":id", AttributeValue::S(self.id.clone()))
            .return_values(ReturnValue::AllNew);
        let (change, amount_ms) = match bucket {
            Bucket::Empty => ("SET fullUntil = :amount, #ttl = :ttl", now_ms.saturating_add(self.amount_ms)),
            Bucket::Filled => ("SET fullUntil = fullUntil + :amount, #ttl = :ttl", self.amount_ms),
            Bucket::Kept => ("SET fullUntil = fullUntil + :amount", self.amount_ms),
        };
        let condition = match bucket {
            Bucket::Empty => "attribute_not_exists(pk) OR fullUntil <= :now",
            Bucket::Filled => "fullUntil > :now AND #ttl <= :ttl",
            Bucket::Kept => "fullUntil > :now AND #ttl > :ttl",
        };
        update
            .update_expression(format!("{change}, filledBy = :id"))
            .condition_expression(format!(
                "({condition}) AND (attribute_not_exists(filledBy) OR filledBy <> :id)"
            ))
            .expression_attribute_values(":amount", number(amount_ms))
    }
}
