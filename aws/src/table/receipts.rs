//! Receipts: up to where each user has received and read a conversation. Two watermarks per user, which never fall.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use funnelcast_core::{Channel, Error, Seq, UserId, event::ReceiptState};
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
}

/// The outcome of an ack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watermark {
    /// The watermark has risen to the acked seq.
    Risen,
    /// The watermark was already at this seq, which is no lower.
    Stays(Seq),
}

#[derive(Debug, Deserialize)]
struct ReceiptsRow {
    sk: UserId,
    #[serde(default)]
    delivered: Seq,
    #[serde(default)]
    read: Seq,
}

impl ReceiptsRow {
    fn receipts(&self) -> Receipts {
        Receipts { delivered: self.delivered.max(self.read), read: self.read }
    }
}

impl Table {
    /// Raises a user's watermark: 1 write, and 1 read if it stays.
    pub async fn raise_watermark(
        &self,
        channel: &Channel,
        user: &UserId,
        seq: Seq,
        state: ReceiptState,
    ) -> Result<Watermark, Error> {
        let attribute = match state {
            ReceiptState::Delivered => "delivered",
            ReceiptState::Read => "read",
        };
        let update = self
            .update(key::receipts(channel), user.to_string())
            .update_expression("SET #mark = :seq")
            .condition_expression("attribute_not_exists(#mark) OR #mark < :seq")
            .expression_attribute_names("#mark", attribute)
            .expression_attribute_values(":seq", AttributeValue::N(seq.to_string()));
        if if_met("UpdateItem of a receipt", update.send().await)?.is_some() {
            return Ok(Watermark::Risen);
        }
        let receipts = self.receipts(channel).await?.remove(user).unwrap_or_default();
        Ok(Watermark::Stays(match state {
            ReceiptState::Delivered => receipts.delivered,
            ReceiptState::Read => receipts.read,
        }))
    }

    /// The watermarks of all users: 1 read of some 100 bytes for each user who has ever acked.
    pub async fn receipts(&self, channel: &Channel) -> Result<HashMap<UserId, Receipts>, Error> {
        // A page of 1 MB holds thousands of users; a conversation has PARTICIPANTS_MAX and a team.
        let page = self.query(key::receipts(channel)).send().await.map_err(failed("Query of receipts"))?;
        let mut receipts = HashMap::new();
        for item in page.items.unwrap_or_default() {
            let row: ReceiptsRow = from_item(item)?;
            let of_user = row.receipts();
            receipts.insert(row.sk, of_user);
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
        assert_eq!(row.receipts(), Receipts { delivered: seq(7), read: seq(7) });
        let row: ReceiptsRow = serde_json::from_str(r#"{"sk":"user_1","delivered":3}"#).unwrap();
        assert_eq!(row.receipts(), Receipts { delivered: seq(3), read: Seq::ZERO });
    }
}
