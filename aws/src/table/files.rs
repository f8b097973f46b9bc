//! Files: `FILE#id` / `META`. The objects of a file in the bucket follow its item: once that is gone, whether it has expired or was
//! deleted with its message, the stream says so and they are removed ([`gone_file`](super::stream::gone_file)).
//!
//! A file that no message names expires a day after it was asked for. A message that names it takes it over in the transaction
//! that appends the message, and from then on it lives as long as the message.

use std::{iter, time::Duration};

use aws_sdk_dynamodb::{
    operation::update_item::builders::UpdateItemFluentBuilder,
    types::{AttributeValue, Delete, Put, ReturnValue, TransactWriteItem, Update},
};
use funnelcast_core::{
    Channel, Error, FileId, Seq, Timestamp, UserId,
    event::EventName,
    file::{Attachment, FileState, FileUpdate},
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    item::{
        Item, Table, built, failed, from_item, if_met, is_lost_race, pk, to_attribute, to_item,
        update_contended,
    },
    key,
    webhooks::outbox_item,
};
use crate::{clock::now, objects::PartsId};

/// How long a file waits for its upload and for the message that names it.
pub const UNUSED_FILE_LIFE: Duration = Duration::from_hours(24);

/// Who brings a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileOwner {
    /// A user.
    User(UserId),
    /// The app's backend.
    Backend,
}

/// A file, as the table has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFile {
    /// Who uploads it.
    pub owner: FileOwner,
    /// The conversation that it is for.
    pub channel: Channel,
    /// The message that names it.
    pub message: Option<Seq>,
    /// Its upload, if that has parts.
    pub upload: Option<PartsId>,
    /// Whether a scan has found no malware in it.
    pub is_clean: bool,
    /// The file itself.
    pub file: Attachment,
}

#[derive(Debug, Serialize, Deserialize)]
struct FileRow {
    pk: String,
    sk: String,
    /// Its owner; absent if it is the backend's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user: Option<UserId>,
    channel: Channel,
    /// The state, on which changes are conditional.
    state: FileState,
    /// The [`Attachment`] as JSON.
    file: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    upload: Option<PartsId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    message: Option<Seq>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    clean: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ttl: Option<i64>,
    /// That it is the user's, in the index ([`places`](super::places)).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    inbox: Option<String>,
    #[serde(default, rename = "activeAt", skip_serializing_if = "Option::is_none")]
    active_at: Option<i64>,
}

/// How many decodings of a picture have begun and not ended.
#[derive(Deserialize)]
struct Decodings {
    decodings: u32,
}

impl StoredFile {
    /// A file that may be uploaded.
    pub const fn new(owner: FileOwner, channel: Channel, file: Attachment) -> Self {
        Self { owner, channel, message: None, upload: None, is_clean: false, file }
    }

    /// The file of an item; `None` if it has expired.
    fn of(item: Item) -> Result<Option<Self>, Error> {
        let row: FileRow = from_item(item)?;
        if row.ttl.is_some_and(|ttl| now().as_secs() >= ttl) {
            return Ok(None);
        }
        let file: Attachment =
            serde_json::from_str(&row.file).map_err(|error| Error::internal("a stored file", &error))?;
        let file = Attachment { state: row.state, ..file };
        let FileRow { user, channel, message, upload, clean: is_clean, .. } = row;
        let owner = user.map_or(FileOwner::Backend, FileOwner::User);
        Ok(Some(Self { owner, channel, message, upload, is_clean, file }))
    }
}

impl Table {
    /// Adds a file that may be uploaded: 1 write, and for a user's 1 of the index.
    ///
    /// # Errors
    /// [`Error::Internal`] if the table fails.
    pub async fn put_file(&self, stored: StoredFile, at: Timestamp) -> Result<(), Error> {
        let StoredFile { owner, channel, message, upload, is_clean: clean, file } = stored;
        let user = match owner {
            FileOwner::User(user) => Some(user),
            FileOwner::Backend => None,
        };
        let row = FileRow {
            pk: key::file(&file.id),
            sk: key::META.to_owned(),
            inbox: user.as_ref().map(key::places),
            active_at: user.as_ref().map(|_| 0),
            user,
            channel,
            state: file.state,
            file: as_json(&file)?,
            message,
            upload,
            clean,
            ttl: Some((at + UNUSED_FILE_LIFE).as_secs()),
        };
        self.put(to_item(row)?).send().await.map(drop).map_err(failed("PutItem of a file"))
    }

    /// A file; `None` if there is none, or if it has expired: 1 read.
    ///
    /// # Errors
    /// [`Error::Internal`] if the table fails.
    pub async fn file(&self, id: &FileId) -> Result<Option<StoredFile>, Error> {
        let get = self.get(key::file(id), key::META.to_owned());
        let item = get.send().await.map_err(failed("GetItem of a file"))?.item;
        item.map_or(Ok(None), StoredFile::of)
    }

    /// Files, each in the place of its id; `None` where there is none: 1 read each, in one call.
    ///
    /// # Errors
    /// [`Error::Internal`] if the table fails.
    pub async fn files(&self, ids: &[FileId]) -> Result<Vec<Option<StoredFile>>, Error> {
        let keys = ids.iter().map(|id| (key::file(id), key::META.to_owned())).collect();
        let mut items = self.batch_get(keys).await?;
        let take = |id: &FileId| {
            let place = items.iter().position(|item| pk(item) == key::file(id));
            place.map_or(Ok(None), |place| StoredFile::of(items.swap_remove(place)))
        };
        ids.iter().map(take).collect()
    }

    /// Notes that a file has been uploaded: 1 write. Returns it as it is now; `None` if it is no longer `uploading`.
    ///
    /// # Errors
    /// [`Error::Internal`] if the table fails.
    pub async fn file_uploaded(&self, id: &FileId) -> Result<Option<StoredFile>, Error> {
        let update = self
            .update(key::file(id), key::META.to_owned())
            .update_expression("SET #state = :after")
            .condition_expression("#state = :uploading")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":after", to_attribute(FileState::Checking)?)
            .expression_attribute_values(":uploading", to_attribute(FileState::Uploading)?);
        self.change_file(update).await
    }

    /// Notes that a scan has found no malware in a file: 1 write. Does nothing if the file is gone.
    ///
    /// # Errors
    /// [`Error::Internal`] if the table fails.
    pub async fn file_is_clean(&self, id: &FileId) -> Result<(), Error> {
        let update = self
            .update(key::file(id), key::META.to_owned())
            .update_expression("SET clean = :yes")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":yes", AttributeValue::Bool(true));
        self.change_file(update).await.map(drop)
    }

    /// Notes that the decoding of a picture begins: 1 write. Returns how many have begun and not ended, this one included.
    ///
    /// # Errors
    /// [`Error::Internal`] if the table fails.
    pub async fn begin_decoding(&self, id: &FileId) -> Result<u32, Error> {
        let update = self
            .update(key::file(id), key::META.to_owned())
            .update_expression("ADD decodings :one")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
            .return_values(ReturnValue::UpdatedNew);
        let changed = update_contended("UpdateItem of a file", update).await?;
        let Some(item) = changed.and_then(|changed| changed.attributes) else { return Ok(1) }; // it is gone
        let Decodings { decodings } = from_item(item)?;
        Ok(decodings)
    }

    /// Notes that the decoding of a picture has ended, whatever came of it: 1 write.
    ///
    /// # Errors
    /// [`Error::Internal`] if the table fails.
    pub async fn end_decoding(&self, id: &FileId) -> Result<(), Error> {
        let update = self
            .update(key::file(id), key::META.to_owned())
            .update_expression("REMOVE decodings")
            .condition_expression("attribute_exists(pk)");
        self.change_file(update).await.map(drop)
    }

    /// Writes what has been found out about a file, and tells it through the outbox: the members of the conversation if a message
    /// names the file, else the user who has uploaded it. 1 transaction of 2 items, so it is told if and only if it is written, and
    /// once. Returns whether it was: not if it has been settled, or if a message has taken it since it was read.
    ///
    /// # Errors
    /// [`Error::Internal`] if the table fails.
    pub async fn settle_file(
        &self,
        before: &StoredFile,
        after: &Attachment,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let StoredFile { owner, channel, message, .. } = before;
        let told = match (message, owner) {
            (Some(_), _) => Some(channel.clone()),
            (None, FileOwner::User(user)) => Some(Channel::User(user.clone())),
            (None, FileOwner::Backend) => None,
        };
        let news = told.map(|told| self.file_news(&told, *message, after, now)).transpose()?;
        let unchanged = match message {
            None => "#state IN (:uploading, :checking) AND attribute_not_exists(message)",
            Some(_) => "#state IN (:uploading, :checking) AND message = :message",
        };
        let change = Update::builder()
            .table_name(&self.name)
            .key("pk", AttributeValue::S(key::file(&after.id)))
            .key("sk", AttributeValue::S(key::META.to_owned()))
            .update_expression("SET #state = :after, #file = :file")
            .condition_expression(unchanged)
            .expression_attribute_names("#state", "state")
            .expression_attribute_names("#file", "file")
            .expression_attribute_values(":uploading", to_attribute(FileState::Uploading)?)
            .expression_attribute_values(":checking", to_attribute(FileState::Checking)?)
            .expression_attribute_values(":after", to_attribute(after.state)?)
            .expression_attribute_values(":file", AttributeValue::S(as_json(after)?));
        let change = match message {
            None => change,
            Some(seq) => change.expression_attribute_values(":message", AttributeValue::N(seq.to_string())),
        };
        let change = TransactWriteItem::builder().update(built(change.build())?).build();
        let writes: Vec<_> = iter::once(change).chain(news).collect();
        match self.client.transact_write_items().set_transact_items(Some(writes)).send().await {
            Ok(_) => Ok(true),
            Err(error) if is_lost_race(&error) => Ok(false),
            Err(error) => Err(failed("TransactWriteItems of a file")(error)),
        }
    }

    /// The part of a transaction that tells what has been found out about a file.
    fn file_news(
        &self,
        to: &Channel,
        target: Option<Seq>,
        file: &Attachment,
        at: Timestamp,
    ) -> Result<TransactWriteItem, Error> {
        let event =
            if file.state == FileState::Ready { EventName::FileReady } else { EventName::FileRefused };
        let event_key = format!("file:{}", file.id).parse()?;
        let update = json!(FileUpdate { target, file: file.clone() });
        let item = outbox_item(to, event, &update, &event_key, at)?;
        let put = Put::builder().table_name(&self.name).set_item(Some(item));
        Ok(TransactWriteItem::builder().put(built(put.build())?).build())
    }

    async fn change_file(&self, update: UpdateItemFluentBuilder) -> Result<Option<StoredFile>, Error> {
        let update = update.return_values(ReturnValue::AllNew);
        let changed = update_contended("UpdateItem of a file", update).await?;
        let item = changed.and_then(|changed| changed.attributes);
        item.map_or(Ok(None), StoredFile::of)
    }

    /// The part of a transaction by which a message takes a file over, on condition that the file is still as it was read. `ttl`
    /// is when the message expires.
    pub(super) fn take_file(
        &self,
        file: &StoredFile,
        message: Seq,
        ttl: Option<i64>,
    ) -> Result<Update, Error> {
        let update = Update::builder()
            .table_name(&self.name)
            .key("pk", AttributeValue::S(key::file(&file.file.id)))
            .key("sk", AttributeValue::S(key::META.to_owned()))
            .condition_expression("#state = :state AND attribute_not_exists(message)")
            .expression_attribute_names("#state", "state")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":state", to_attribute(file.file.state)?)
            .expression_attribute_values(":message", AttributeValue::N(message.to_string()));
        let update = match ttl {
            None => update.update_expression("SET message = :message REMOVE #ttl"),
            Some(ttl) => update
                .update_expression("SET message = :message, #ttl = :ttl")
                .expression_attribute_values(":ttl", AttributeValue::N(ttl.to_string())),
        };
        built(update.build())
    }

    /// Removes the file of a user, unless it is another's: 1 write, and 1 of the index. Its objects follow.
    ///
    /// # Errors
    /// [`Error::Internal`] if the table fails.
    pub async fn remove_file_of(&self, id: &FileId, user: &UserId) -> Result<bool, Error> {
        let delete = self
            .delete(key::file(id), key::META.to_owned())
            .condition_expression("#user = :user")
            .expression_attribute_names("#user", "user")
            .expression_attribute_values(":user", AttributeValue::S(user.to_string()));
        Ok(if_met("DeleteItem of a file", delete.send().await)?.is_some())
    }

    /// Removes a file that no message names: 1 write, and 1 of the index. Its objects follow. Returns whether no message does.
    ///
    /// # Errors
    /// [`Error::Internal`] if the table fails.
    pub async fn remove_unused_file(&self, id: &FileId) -> Result<bool, Error> {
        let delete = self
            .delete(key::file(id), key::META.to_owned())
            .condition_expression("attribute_not_exists(message)");
        Ok(if_met("DeleteItem of an unused file", delete.send().await)?.is_some())
    }

    /// The part of a transaction that removes a file.
    pub(super) fn remove_file(&self, id: &FileId) -> Result<Delete, Error> {
        let delete = Delete::builder()
            .table_name(&self.name)
            .key("pk", AttributeValue::S(key::file(id)))
            .key("sk", AttributeValue::S(key::META.to_owned()));
        built(delete.build())
    }
}

fn as_json(file: &Attachment) -> Result<String, Error> {
    serde_json::to_string(file).map_err(|error| Error::internal("a file to write", &error))
}
