//! Reading all of a log, expired events too, and taking a user out of its rows.

use aws_sdk_dynamodb::types::AttributeValue;
use funnelcast_core::{Channel, Error, Seq, UserId, event::EventName, message::Message};

use super::row::{LogRow, Stored, stored};
use crate::table::{
    item::{Table, failed, from_item, if_met, is_contended, to_attribute},
    key,
};

/// How many events are read at once.
const PAGE_EVENTS: i32 = 100;

/// What is left of an event.
#[derive(Debug)]
pub struct Remains {
    /// The payload.
    pub data: String,
    /// The message that it is, if it is one.
    pub message: Option<Message>,
    /// Whether its author is the erased user from now on.
    pub of_erased: bool,
}

impl Stored {
    /// What it is.
    pub const fn event(&self) -> EventName {
        self.row.event
    }

    /// The payload, as it is stored.
    pub fn data(&self) -> &str {
        &self.row.data
    }

    /// The user whose connection sent it, if one has.
    pub const fn from(&self) -> Option<&UserId> {
        self.row.user.as_ref()
    }

    /// Whether it is a message, expired or not.
    pub fn is_of_messages(&self) -> bool {
        self.row.event == EventName::ChatMessage
    }

    /// Whether it has not expired.
    pub fn lives(&self) -> bool {
        self.row.is_alive(crate::clock::now())
    }

    /// The key under which it was sent.
    pub fn key(&self) -> Option<&str> {
        self.row.key.as_ref().map(funnelcast_core::Key::as_str)
    }
}

impl Table {
    /// The events of a log after a place, at most 100 of them, expired ones too; and whether there are more: 1 read by size.
    ///
    /// # Errors
    /// [`Error::Internal`] if the table fails.
    pub async fn log_page(&self, channel: &Channel, after: Seq) -> Result<(Vec<Stored>, bool), Error> {
        let query = self
            .query(key::log(channel))
            .key_condition_expression("pk = :pk AND sk BETWEEN :from AND :to")
            .expression_attribute_values(":from", AttributeValue::S(key::seq(after.next())))
            .expression_attribute_values(":to", AttributeValue::S(key::seq(Seq::MAX)))
            .limit(PAGE_EVENTS);
        let page = query.send().await.map_err(failed("Query of a log"))?;
        let events = page.items.unwrap_or_default().into_iter().map(stored).collect::<Result<_, _>>()?;
        Ok((events, page.last_evaluated_key.is_some()))
    }

    /// Rewrites an event as it is to be, without telling anybody: 1 write. Returns whether it did: not if it has been changed since
    /// it was read, or is gone.
    ///
    /// # Errors
    /// [`Error::Internal`] if the table fails.
    pub async fn rewrite_event(
        &self,
        channel: &Channel,
        before: &Stored,
        Remains { data, message, of_erased }: Remains,
    ) -> Result<bool, Error> {
        let mut sets = "SET #data = :data".to_owned();
        // Without its mark, as when a message is changed: else the stream would deliver it anew.
        let mut removes = " REMOVE delivery, deliveryExcept".to_owned();
        let mut update = self
            .update(key::log(channel), key::seq(before.seq))
            .expression_attribute_names("#data", "data")
            .expression_attribute_values(":data", AttributeValue::S(data));
        if of_erased {
            removes.push_str(", #name, #key, fileEvents");
            update =
                update.expression_attribute_names("#name", "name").expression_attribute_names("#key", "key");
        }
        if of_erased && before.row.user.is_some() {
            sets.push_str(", #user = :erased");
            update = update
                .expression_attribute_names("#user", "user")
                .expression_attribute_values(":erased", AttributeValue::S(UserId::ERASED.to_owned()));
        }
        let update = match message {
            // What changes a message counts its changes, and the digest looks at them.
            Some(message) => {
                sets.push_str(", reactions = :reactions, changes = :after");
                let changes = before.row.changes;
                let update = update
                    .expression_attribute_values(":reactions", to_attribute(&message.reactions)?)
                    .expression_attribute_values(":after", AttributeValue::N((changes + 1).to_string()));
                if changes == 0 {
                    update.condition_expression("attribute_exists(pk) AND attribute_not_exists(changes)")
                } else {
                    update
                        .condition_expression("changes = :before")
                        .expression_attribute_values(":before", AttributeValue::N(changes.to_string()))
                }
            }
            None => update
                .condition_expression("#data = :before")
                .expression_attribute_values(":before", AttributeValue::S(before.row.data.clone())),
        };
        let written = update.update_expression(sets + &removes).send().await;
        Ok(!is_contended(&written) && if_met("UpdateItem of an event", written)?.is_some())
    }

    /// Those of these events of a log that are there, expired or not: 1 read by size for each.
    ///
    /// # Errors
    /// [`Error::Internal`] if the table fails.
    pub async fn stored_events(
        &self,
        channel: &Channel,
        seqs: impl Iterator<Item = Seq>,
    ) -> Result<Vec<Stored>, Error> {
        let keys = seqs.map(|seq| (key::log(channel), key::seq(seq))).collect();
        self.batch_get(keys).await?.into_iter().map(stored).collect()
    }

    /// An event of a log, expired or not; `None` if there is none at this place: 1 read.
    ///
    /// # Errors
    /// [`Error::Internal`] if the table fails.
    pub async fn stored_event(&self, channel: &Channel, seq: Seq) -> Result<Option<Stored>, Error> {
        let get = self.get(key::log(channel), key::seq(seq));
        let item = get.send().await.map_err(failed("GetItem of an event"))?.item;
        item.map(stored).transpose()
    }

    /// Rewrites the latest values of a channel whose payload changes by this: 1 read by size, and 1 write for each.
    ///
    /// # Errors
    /// [`Error::Internal`] if the table fails.
    pub async fn rewrite_latest(
        &self,
        channel: &Channel,
        rewrite: impl Fn(&str) -> String,
    ) -> Result<(), Error> {
        let pages = self.query(key::latest(channel)).into_paginator().items().send();
        let items = pages.collect::<Result<Vec<_>, _>>().await.map_err(failed("Query of latest values"))?;
        for item in items {
            let row: LogRow = from_item(item)?;
            let data = rewrite(&row.data);
            if data == row.data {
                continue;
            }
            let update = self
                .update(row.pk, row.sk)
                .update_expression("SET #data = :data")
                .condition_expression("#data = :before")
                .expression_attribute_names("#data", "data")
                .expression_attribute_values(":data", AttributeValue::S(data))
                .expression_attribute_values(":before", AttributeValue::S(row.data));
            if_met("UpdateItem of a latest value", update.send().await)?;
        }
        Ok(())
    }
}
