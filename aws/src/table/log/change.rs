//! Changes of messages: the event that states a change is appended in one transaction with the change itself, so it is in
//! the log if and only if the message has been changed.
//!
//! What a later edit or a deletion replaces is no longer stored anywhere: the same transaction also removes the text of the
//! edit before it, and a deletion removes what the log says of the message's files.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem, Update, builders::UpdateBuilder};
use funnelcast_core::{
    Channel, Error, Seq,
    event::{ChatEdit, EventName, MessageBody},
    file::FileUpdate,
    message::{Changed, Message},
    publication::Publication,
};

use super::{APPEND_TRIES_MAX, Append, End, LogRow, LogView, Place, Stored, row::stored, too_many_senders};
use crate::table::{
    item::{Table, built, failed, is_lost_race, sk, to_attribute, to_item},
    key,
};

impl Table {
    /// A message of a log; `None` if there is none at this place: 1 read.
    ///
    /// # Errors
    /// [`Error::Internal`] if the table fails.
    pub async fn stored_message(&self, channel: &Channel, seq: Seq) -> Result<Option<Stored>, Error> {
        let get = self.get(key::log(channel), key::seq(seq));
        let item = get.send().await.map_err(failed("GetItem of a message"))?.item;
        Ok(item.map(stored).transpose()?.filter(Stored::is_message))
    }

    /// Appends a change of a message to the log, and changes the message, unless an earlier try with the same key has:
    /// 1 transaction of 2 items, or of 3 if it replaces an earlier edit. `target` is the message as it was read; it is
    /// read again whenever another sender has changed it, or has won the race for the next seq.
    /// A deletion also removes the message's files, each as 1 item more, and what the log says of them, as 1 more. What it would
    /// replace may have expired before the message, if the retention has been shortened: that is looked up before another try, which
    /// costs 1 read for each.
    ///
    /// A message that refuses a change may have had it from an earlier try: one that was still under way when the log was
    /// read, and was followed by a deletion. So nothing is refused before a log that was read after the message has been
    /// searched, which costs 1 read more.
    ///
    /// # Errors
    /// [`Error::NotFound`] without a message; those of `change`; [`Error::Conflict`] if other senders kept winning.
    pub async fn append_change(
        &self,
        view: &mut LogView,
        publication: &Publication,
        (target, mut message): (Seq, Option<Stored>),
        change: impl Fn(Message) -> Result<Changed, Error>,
    ) -> Result<Append, Error> {
        let channel = &publication.channel;
        let (mut is_log_newer, mut expired) = (false, BTreeSet::new());
        for round in 0..APPEND_TRIES_MAX {
            if let Some(stored) = view.earlier_try(publication) {
                return Ok(Append::of(stored, publication));
            }
            // A log without an end has no message that is alive.
            let End::Tail(last @ Place { seq: end, .. }) = view.end else {
                return Err(Error::NotFound("the message"));
            };
            let changed = match &message {
                Some(before) => change(before.message()?).map(|changed| (before, changed)),
                None => Err(Error::NotFound("the message")),
            };
            let (before, Changed { message: after, data }) = match changed {
                Ok(changed) => changed,
                Err(refusal) if is_log_newer => return Err(refusal),
                Err(_) => {
                    view.read_on(self.read_from(channel, end).await?);
                    is_log_newer = true;
                    continue;
                }
            };
            if replaceable(&before.row).chain([before.seq]).any(|seq| seq > end) {
                // The message was read after the log, which has grown meanwhile: the event would go where it is not the end.
                view.read_on(self.read_from(channel, end).await?);
                is_log_newer = true;
                continue;
            }
            let event = self.next_event(&Publication { data, ..publication.clone() }, last);
            if self.write_change(channel, &event, before, &after, &expired).await? {
                view.append(&event);
                return Ok(Append::New(Box::new(event)));
            }
            message = self.stored_message(channel, target).await?;
            if let Some(before) = &message {
                expired = self.expired(channel, replaceable(&before.row)).await?;
            }
            view.read_on(self.after_lost_race(channel, end.next(), round).await?);
            is_log_newer = true;
        }
        Err(too_many_senders())
    }

    /// Writes the event of a change, and the message that it changes. Returns whether it did: not if another sender was
    /// faster.
    async fn write_change(
        &self,
        channel: &Channel,
        event: &Stored,
        before: &Stored,
        after: &Message,
        expired: &BTreeSet<Seq>,
    ) -> Result<bool, Error> {
        let put = Put::builder()
            .table_name(&self.name)
            .set_item(Some(to_item(event.row.clone())?))
            .condition_expression("attribute_not_exists(pk)");
        let mut writes = vec![TransactWriteItem::builder().put(built(put.build())?).build()];

        let is_edit = event.row.event == EventName::ChatEdit;
        let message = self
            .update_event(channel, before.seq)
            .condition_expression(match before.row.changes {
                0 => "attribute_exists(pk) AND attribute_not_exists(changes)",
                _ => "changes = :before",
            })
            .expression_attribute_values(":data", AttributeValue::S(json(&after.body)?))
            .expression_attribute_values(":reactions", to_attribute(&after.reactions)?)
            .expression_attribute_values(":after", number(before.row.changes + 1));
        let message = match before.row.changes {
            0 => message,
            changes => message.expression_attribute_values(":before", number(changes)),
        };
        let mut sets = "SET #data = :data, reactions = :reactions, changes = :after".to_owned();
        // Without its mark, which the stream has seen or will see with the text as it was: else it would deliver the message anew.
        let mut removes = " REMOVE delivery, deliveryExcept".to_owned();
        let mut message = message;
        if is_edit {
            sets.push_str(", lastEdit = :edit");
            message = message.expression_attribute_values(":edit", number(event.seq.get()));
        }
        if matches!(event.row.event, EventName::FileReady | EventName::FileRefused) {
            let FileUpdate { file, .. } = parsed(&event.row.data)?;
            let mut file_events = before.row.file_events.clone();
            file_events.insert(file.id, event.seq);
            sets.push_str(", fileEvents = :files");
            message = message.expression_attribute_values(":files", to_attribute(file_events)?);
        }
        if event.row.event == EventName::ChatDelete {
            removes.push_str(", fileEvents");
        }
        let body = before.body()?;
        if after.body.user_id != body.user_id {
            // Its author is erased.
            removes.push_str(", #name, #key");
            message =
                message.expression_attribute_names("#name", "name").expression_attribute_names("#key", "key");
        }
        if let Some(author) = after.from.as_ref().filter(|author| Some(*author) != before.row.user.as_ref()) {
            sets.push_str(", #user = :author");
            message = message
                .expression_attribute_names("#user", "user")
                .expression_attribute_values(":author", AttributeValue::S(author.to_string()));
        }
        let message = message.update_expression(sets + &removes);
        writes.push(TransactWriteItem::builder().update(built(message.build())?).build());

        writes.extend(self.replaced(channel, event.row.event, before, &body, expired)?);
        match self.client.transact_write_items().set_transact_items(Some(writes)).send().await {
            Ok(_) => Ok(true),
            Err(error) if is_lost_race(&error) => Ok(false),
            Err(error) => Err(failed("TransactWriteItems of a change")(error)),
        }
    }

    /// The parts of a transaction that take away what an edit or a deletion replaces: the text of the edit before it, and with a
    /// deletion the message's files and what the log says of them. What has expired is left out.
    fn replaced(
        &self,
        channel: &Channel,
        by: EventName,
        before: &Stored,
        body: &MessageBody,
        expired: &BTreeSet<Seq>,
    ) -> Result<Vec<TransactWriteItem>, Error> {
        let is_deletion = by == EventName::ChatDelete;
        let mut writes = Vec::new();
        let update = |seq, removes: &str, data| {
            let update = self
                .update_event(channel, seq)
                .condition_expression("attribute_exists(pk)")
                .update_expression(format!("SET #data = :data REMOVE delivery, deliveryExcept{removes}"));
            update.expression_attribute_values(":data", AttributeValue::S(data))
        };
        if let Some(edit) = before.row.last_edit.filter(|_| is_deletion || by == EventName::ChatEdit)
            && !expired.contains(&edit)
        {
            let update = update(edit, "", json(&ChatEdit::superseded(before.seq))?);
            writes.push(TransactWriteItem::builder().update(built(update.build())?).build());
        }
        for file in body.attachments.iter().filter(|_| is_deletion) {
            writes.push(TransactWriteItem::builder().delete(self.remove_file(&file.id)?).build());
            let event = before.row.file_events.get(&file.id).filter(|event| !expired.contains(*event));
            let Some(event) = event else { continue };
            // Its key has the file's id.
            let removed = FileUpdate::removed(Some(before.seq), file.state)?;
            let update = update(*event, ", #key", json(&removed)?).expression_attribute_names("#key", "key");
            writes.push(TransactWriteItem::builder().update(built(update.build())?).build());
        }
        Ok(writes)
    }

    /// Which of these events are no longer in the log: 1 read for each.
    async fn expired(
        &self,
        channel: &Channel,
        events: impl Iterator<Item = Seq>,
    ) -> Result<BTreeSet<Seq>, Error> {
        let mut events: BTreeSet<Seq> = events.collect();
        let keys: Vec<_> = events.iter().map(|seq| (key::log(channel), key::seq(*seq))).collect();
        if !keys.is_empty() {
            for item in self.batch_get(keys).await? {
                events.remove(&key::parse_seq(sk(&item))?);
            }
        }
        Ok(events)
    }

    fn update_event(&self, channel: &Channel, seq: Seq) -> UpdateBuilder {
        Update::builder()
            .table_name(&self.name)
            .key("pk", AttributeValue::S(key::log(channel)))
            .key("sk", AttributeValue::S(key::seq(seq)))
            .expression_attribute_names("#data", "data")
    }
}

fn json(value: &impl serde::Serialize) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| Error::internal("a payload", &error))
}

/// The events that a change of this message may replace.
fn replaceable(message: &LogRow) -> impl Iterator<Item = Seq> {
    message.last_edit.into_iter().chain(message.file_events.values().copied())
}

fn parsed<T: serde::de::DeserializeOwned>(data: &str) -> Result<T, Error> {
    serde_json::from_str(data).map_err(|error| Error::internal("a payload", &error))
}

fn number(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}
