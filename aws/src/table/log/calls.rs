//! Appending a call that ends: the event is in the log if and only if the call's row says that it has ended.

use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
use funnelcast_core::Error;

use super::{APPEND_TRIES_MAX, Known, Stored, too_many_senders};
use crate::{
    clock::now,
    table::{
        calls::StoredCall,
        item::{CONDITION_FAILED, Table, built, failed, failures, is_lost_race, to_item},
    },
};

impl Table {
    /// Writes a call that has ended, and appends it to the log of its conversation: 1 read and 1 transaction of 2 items. Returns it with
    /// its place in the log; `None` if another process has changed the call meanwhile.
    ///
    /// # Errors
    /// [`Error::Internal`] if the table fails, or if the call is live; [`Error::Conflict`] if other senders kept winning the race
    /// for the next seq.
    pub async fn end_call(&self, call: &StoredCall) -> Result<Option<StoredCall>, Error> {
        let live = || Error::Internal("a call that has not ended".into());
        let publication = call.publication()?.ok_or_else(live)?;
        let channel = &publication.channel;
        let mut view = self.look_back(channel, Known::Since(now())).await?;
        for round in 0..APPEND_TRIES_MAX {
            let Stored { seq, row } =
                self.next_event(&publication, self.last_place(channel, &view.end).await?);
            let event = Put::builder()
                .table_name(&self.name)
                .set_item(Some(to_item(row)?))
                .condition_expression("attribute_not_exists(pk)");
            let mut ended = call.clone();
            ended.logged = Some(seq);
            let writes = vec![
                TransactWriteItem::builder().put(built(event.build())?).build(),
                TransactWriteItem::builder().put(ended.put(self)?).build(),
            ];
            let Err(error) = self.client.transact_write_items().set_transact_items(Some(writes)).send().await
            else {
                return Ok(Some(ended));
            };
            let is_changed = failures(&error).any(|(place, code)| place == 1 && code == CONDITION_FAILED);
            if is_changed {
                return Ok(None);
            }
            if !is_lost_race(&error) {
                return Err(failed("TransactWriteItems of a call")(error));
            }
            view.read_on(self.after_lost_race(channel, seq, round).await?);
        }
        Err(too_many_senders())
    }
}
