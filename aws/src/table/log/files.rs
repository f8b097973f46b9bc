//! Putting an event at the end of a log, together with the files that it brings.

use aws_sdk_dynamodb::types::{self, TransactWriteItem};
use funnelcast_core::Error;

use super::row::Stored;
use crate::table::{
    files::StoredFile,
    item::{CONDITION_FAILED, Table, built, failed, failures, if_met, is_contended, is_lost_race, to_item},
};

/// The condition on which an event is put: that there is none at its place.
const IS_FREE: &str = "attribute_not_exists(pk)";

/// What became of an event that was put at the end of a log.
pub(super) enum Put {
    /// It is in the log.
    Done,
    /// Another sender was faster.
    LostRace,
    /// A file is no longer as it was read.
    FilesChanged,
}

impl Table {
    /// Puts an event at the end of its log: 1 write, or 1 transaction with the files.
    pub(super) async fn put_event(&self, event: &Stored, files: &[StoredFile]) -> Result<Put, Error> {
        let item = to_item(event.row.clone())?;
        if files.is_empty() {
            let put = self.put(item).condition_expression(IS_FREE).send().await;
            let is_done = !is_contended(&put) && if_met("PutItem of an event", put)?.is_some();
            return Ok(if is_done { Put::Done } else { Put::LostRace });
        }
        let put =
            types::Put::builder().table_name(&self.name).set_item(Some(item)).condition_expression(IS_FREE);
        let mut writes = vec![TransactWriteItem::builder().put(built(put.build())?).build()];
        for file in files {
            let update = self.take_file(file, event.seq, event.row.ttl)?;
            writes.push(TransactWriteItem::builder().update(update).build());
        }
        let Err(error) = self.client.transact_write_items().set_transact_items(Some(writes)).send().await
        else {
            return Ok(Put::Done);
        };
        // If this very transaction was done before, and the SDK repeated it, the event is there: that is found in the log.
        let unmet = failures(&error).find(|(_, code)| *code == CONDITION_FAILED).map(|(place, _)| place);
        match unmet {
            Some(place) if place > 0 => Ok(Put::FilesChanged),
            _ if is_lost_race(&error) => Ok(Put::LostRace),
            _ => Err(failed("TransactWriteItems of a message with files")(error)),
        }
    }
}
