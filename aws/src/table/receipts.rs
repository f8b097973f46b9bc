//! Receipts: up to where each user has received and read a conversation. Two watermarks per user, which never fall.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use funnelcast_core::{Channel, Error, Seq, UserId, event::ReceiptState, inbox::ReadMark};
use serde::Deserialize;

use super::{
    item::{Table, failed, from_item, if_met},
    key,
};

/// The watermarks of one user.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Receipts {
    /// Everything up to this seq has been delivered to the user. What is read counts as delivered.
    pub delivered: Seq,
    /// The user has read everything up to this seq.
    pub read: Seq,
    /// The numbers of messages that the user has read and sent.
    pub mark: ReadMark,
}

/// The outcome of an ack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watermark {
    /// The watermark has risen to the acked seq.
    Risen,
    /// The watermark was already here, which is no lower.
    Stays(At),
}

/// A place in a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct At {
    /// The seq.
    pub seq: Seq,
    /// Of what is read: how many messages the log has up to there.
    pub n: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct ReceiptsRow {
    sk: UserId,
    #[serde(default)]
    delivered: Seq,
    #[serde(default)]
    read: Seq,
    /// How many messages the log has up to `read`.
    #[serde(default, rename = "readN")]
    read_n: u64,
    /// How many messages the log has up to an own message of the user, which an activity has no room for.
    #[serde(default, rename = "sentN")]
    sent_n: u64,
}

impl ReceiptsRow {
    fn receipts(&self) -> Receipts {
        Receipts { delivered: self.delivered.max(self.read), read: self.read, mark: self.mark() }
    }

    pub(super) const fn mark(&self) -> ReadMark {
        ReadMark { read: self.read_n, sent: self.sent_n }
    }
}

impl Table {
    /// Raises a user's watermark to a seq, up to which the log has `n` messages: 1 write, 1 more of the index the first time
    /// ([`places`](super::places)), and 1 read if it stays.
    ///
    /// The row has a number of the call that raised each watermark last, `deliveredBy` and `readBy`. The SDK repeats a write whose
    /// answer was lost, and by its number the repeat is known as what has raised the watermark: it has risen, and is to be told.
    /// Whoever has raised it further in between tells more.
    ///
    /// # Errors
    /// [`Error::Internal`] if the table fails.
    pub async fn raise_watermark(
        &self,
        channel: &Channel,
        user: &UserId,
        (seq, n): (Seq, u64),
        state: ReceiptState,
    ) -> Result<Watermark, Error> {
        let update = self
            .update(key::receipts(channel), user.to_string())
            .expression_attribute_values(":seq", AttributeValue::N(seq.to_string()))
            .expression_attribute_values(":call", AttributeValue::N(rand::random::<u64>().to_string()))
            .expression_attribute_values(":of", AttributeValue::S(key::places(user)))
            .expression_attribute_values(":zero", AttributeValue::N("0".to_owned()));
        let update = match state {
            // What is read has been delivered.
            ReceiptState::Delivered => update
                .condition_expression(
                    "deliveredBy = :call OR (attribute_not_exists(delivered) OR delivered < :seq) \
                     AND (attribute_not_exists(#read) OR #read < :seq)",
                )
                .expression_attribute_names("#read", "read")
                .update_expression(
                    "SET delivered = :seq, deliveredBy = :call, inbox = :of, activeAt = :zero",
                ),
            ReceiptState::Read => update
                .condition_expression("attribute_not_exists(#mark) OR #mark < :seq OR readBy = :call")
                .expression_attribute_names("#mark", "read")
                .update_expression(
                    "SET #mark = :seq, readN = :n, readBy = :call, inbox = :of, activeAt = :zero",
                )
                .expression_attribute_values(":n", AttributeValue::N(n.to_string())),
        };
        if if_met("UpdateItem of a receipt", update.send().await)?.is_some() {
            return Ok(Watermark::Risen);
        }
        let receipts = self.receipts(channel).await?.remove(user).unwrap_or_default();
        let seq = match state {
            ReceiptState::Delivered => receipts.delivered,
            ReceiptState::Read => receipts.read,
        };
        Ok(Watermark::Stays(At { seq, n: receipts.mark.read }))
    }

    /// The watermarks of all users: 1 read of some 200 bytes for each user who has ever acked.
    pub async fn receipts(&self, channel: &Channel) -> Result<HashMap<UserId, Receipts>, Error> {
        // A page of 1 MB holds thousands of users; a conversation has PARTICIPANTS_MAX and a team.
        let page = self.query(key::receipts(channel)).send().await.map_err(failed("Query of receipts"))?;
        let mut receipts = HashMap::new();
        for item in page.items.unwrap_or_default() {
            let row: ReceiptsRow = from_item(item)?;
            let of_user = row.receipts();
            if of_user.delivered > Seq::ZERO {
                receipts.insert(row.sk, of_user); // else only a message of theirs is noted
            }
        }
        Ok(receipts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_has_been_delivered() {
        let row: ReceiptsRow = serde_json::from_str(r#"{"sk":"user_1","delivered":3,"read":7}"#).unwrap();
        let seq = |n: u64| Seq::try_from(n).unwrap();
        let mark = ReadMark::default();
        assert_eq!(row.receipts(), Receipts { delivered: seq(7), read: seq(7), mark });
        let row: ReceiptsRow = serde_json::from_str(r#"{"sk":"user_1","delivered":3}"#).unwrap();
        assert_eq!(row.receipts(), Receipts { delivered: seq(3), read: Seq::ZERO, mark });
    }
}
