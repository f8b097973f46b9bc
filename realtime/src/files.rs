//! Files of conversations: who may bring and read them. Their bytes go between the browser and S3 alone; the function `files`
//! examines them.
//!
//! A file that S3 has and nobody has heard of is found again: whoever has uploaded it says so ([`Files::complete`]), and a message in
//! the queue sees to it that it is examined even if S3's own event is lost.

use std::time::Duration;

use funnelcast_aws::{
    Config, Resource,
    clock::new_id,
    config::FileLimits,
    objects::{Disposition, Object, Objects, PartsId, PartsOutcome},
    queue::Queue,
    spending::{self, price},
    table::{
        files::{FileOwner, StoredFile},
        stream::GoneFile,
    },
};
use funnelcast_core::{
    Caller, Error, FileId, Timestamp,
    file::{
        Attachment, FileDraft, FileForm, FileLink, FileReply, FileState, MediaType, PartsDraft, PartsReply,
        UploadParts, UploadedPart,
    },
    grant::Capability,
};
use serde::{Deserialize, Serialize};

use crate::{access::Access, rates::UPLOADS};

/// The error for a file that does not exist, or that the caller may not know of.
const NO_FILE: Error = Error::NotFound("the file");

/// How long S3's event is waited for before a file is examined without it.
const EVENT_MAX: Duration = Duration::from_secs(10);

/// How long the verdict of a scan is waited for before a file is looked at again: the longest delay of SQS.
const VERDICT_WAIT: Duration = Duration::from_mins(15);

/// The bucket of files, and the queue of what is to be done with them.
#[derive(Debug)]
pub struct Files {
    objects: Objects,
    tasks: FileTasks,
    limits: FileLimits,
}

impl Resource for Files {
    async fn build(config: &Config) -> Result<Self, Error> {
        let objects = Objects::build(config).await?;
        Ok(Self { objects, tasks: FileTasks::new(config)?, limits: config.file_limits.clone() })
    }
}

/// What is to be done with a file: a message of the files' queue, beside S3's own events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "task", rename_all = "snake_case", deny_unknown_fields)]
pub enum FileTask {
    /// It has been uploaded, and must be examined unless it has been.
    Examine {
        /// The file.
        file: FileId,
        /// How often the verdict of a scan has been waited for.
        #[serde(default, skip_serializing_if = "is_zero")]
        waits: u32,
    },
    /// It is gone from the table, and its objects must go too.
    Remove {
        /// The file.
        file: FileId,
        /// Its upload in parts, which has not come to its end.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        upload: Option<PartsId>,
    },
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// Who brings files.
#[derive(Debug, Clone, Copy)]
pub enum Bringer<'a> {
    /// A user.
    User(Caller<'a>),
    /// The app's backend, with a token to publish, and when its request arrived.
    Backend(Timestamp),
}

impl Bringer<'_> {
    /// Whose files they are.
    fn owner(self) -> FileOwner {
        match self {
            Self::User(caller) => FileOwner::User(caller.identity().user.clone()),
            Self::Backend(_) => FileOwner::Backend,
        }
    }

    const fn now(self) -> Timestamp {
        match self {
            Self::User(caller) => caller.now(),
            Self::Backend(now) => now,
        }
    }
}

/// The files' queue.
#[derive(Debug)]
pub struct FileTasks(Queue);

impl FileTasks {
    /// The queue that is configured.
    ///
    /// # Errors
    /// [`Error::Internal`] if the configuration lacks it.
    pub fn new(config: &Config) -> Result<Self, Error> {
        Queue::of_files(config).map(Self)
    }

    /// Has the objects of a file removed.
    ///
    /// # Errors
    /// [`Error::Internal`] if the queue does not take the message.
    pub async fn remove(&self, GoneFile { id: file, upload }: GoneFile) -> Result<(), Error> {
        self.0.send(&FileTask::Remove { file, upload }, Duration::ZERO).await
    }

    /// Has a file examined, after its verdict has been waited for so often: a while later, so that what says that it can be
    /// examined may come first.
    ///
    /// # Errors
    /// [`Error::Internal`] if the queue does not take the message.
    pub async fn examine(&self, file: FileId, waits: u32) -> Result<(), Error> {
        let delay = if waits == 0 { EVENT_MAX } else { VERDICT_WAIT };
        self.0.send(&FileTask::Examine { file, waits }, delay).await
    }
}

impl Files {
    /// Allows the upload of a file: the access check, and 1 write; for a file in parts 1 request of S3 too. The app's backend may
    /// bring files to every conversation, as it may publish in every one.
    ///
    /// # Errors
    /// Those of [`FileDraft::validate`]; [`Error::Forbidden`], [`Error::Muted`] or [`Error::Banned`] if a user may not send in
    /// the conversation; [`Error::RateLimited`] if they upload too much.
    pub async fn create(
        &self,
        access: &Access,
        bringer: Bringer<'_>,
        draft: FileDraft,
    ) -> Result<FileReply, Error> {
        draft.validate(self.limits.of(draft.media_type.kind()))?;
        let now = bringer.now();
        if let Bringer::User(caller) = bringer {
            access.check_use(caller, &draft.channel, Capability::Send).await?;
            access.rates.admit(&UPLOADS, &caller.identity().user, now).await?;
        }
        spending::add(price::OBJECT_WRITE + f64_of(draft.bytes) * price::OBJECT_BYTE_MONTH);
        let FileDraft { channel, name, media_type, bytes, sha256, duration_ms, waveform } = draft;
        let id = format!("file_{}", new_id()).parse()?;
        let file = Attachment { duration_ms, waveform, ..Attachment::new(id, name, media_type, bytes) };
        let Attachment { id, media_type, .. } = &file;
        let mut reply = FileReply { file_id: id.clone(), upload: None, parts: UploadParts::of(bytes) };
        let mut parts_id = None;
        match sha256 {
            Some(sha256) => {
                reply.upload = Some(self.objects.upload_url(id, media_type, bytes, &sha256, now).await?);
            }
            None => parts_id = Some(self.objects.begin_parts(id, media_type).await?),
        }
        let stored = StoredFile { upload: parts_id, ..StoredFile::new(bringer.owner(), channel, file) };
        access.table.put_file(stored, now).await?;
        Ok(reply)
    }

    /// Allows the upload of parts of a file: 1 read.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it is no file of theirs; [`Error::Conflict`] if it is complete, or has no parts; those of
    /// [`PartsDraft::parts`].
    pub async fn sign_parts(
        &self,
        access: &Access,
        bringer: Bringer<'_>,
        id: &FileId,
        draft: PartsDraft,
    ) -> Result<PartsReply, Error> {
        let stored = own_file(access, bringer, id).await?;
        if stored.file.state != FileState::Uploading {
            return Err(Error::Conflict("the file is complete".into()));
        }
        let wanted = draft.parts(stored.file.bytes)?;
        let upload = stored.upload.ok_or_else(|| Error::Internal("a file in parts without them".into()))?;
        let mut parts = Vec::with_capacity(wanted.len());
        for (number, bytes, sha256) in wanted {
            let part = (number, bytes, &sha256);
            parts.push(self.objects.part_url((id, &upload), part, bringer.now()).await?);
        }
        Ok(PartsReply { parts })
    }

    /// Notes that a file has been uploaded: 1 read, and unless that is known already 1 request of S3, 1 write and 1 message of the
    /// queue. `parts` are those of a file that was uploaded in parts, which are put together.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it is no file of theirs; [`Error::Conflict`] if S3 does not have it, or not all of it.
    pub async fn complete(
        &self,
        access: &Access,
        bringer: Bringer<'_>,
        id: &FileId,
        parts: &[UploadedPart],
    ) -> Result<Attachment, Error> {
        let stored = own_file(access, bringer, id).await?;
        if stored.file.state != FileState::Uploading {
            return Ok(stored.file);
        }
        if !self.is_uploaded(&stored, parts).await? {
            // It may have been examined since, and so be gone from where it was uploaded to.
            let stored = access.table.file(id).await?.ok_or(NO_FILE)?;
            return match stored.file.state {
                FileState::Uploading => Err(Error::Conflict("the file has not been uploaded yet".into())),
                _ => Ok(stored.file),
            };
        }
        // Before the state changes, so that no crash leaves a file that waits for ever.
        self.tasks.examine(id.clone(), 0).await?;
        match access.table.file_uploaded(id).await? {
            Some(stored) => Ok(stored.file),
            None => access.table.file(id).await?.map(|stored| stored.file).ok_or(NO_FILE),
        }
    }

    /// Removes a file that no message names, and gives its upload up: 1 read and 1 write, and 1 of the index. Its objects and its
    /// parts follow its item a few seconds later.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it is no file of theirs; [`Error::Conflict`] if a message names it.
    pub async fn remove(&self, access: &Access, bringer: Bringer<'_>, id: &FileId) -> Result<(), Error> {
        own_file(access, bringer, id).await?;
        if access.table.remove_unused_file(id).await? {
            return Ok(());
        }
        Err(Error::Conflict("a message names the file; delete the message".into()))
    }

    /// Whether S3 has a file. Its parts are put together for that.
    async fn is_uploaded(&self, stored: &StoredFile, parts: &[UploadedPart]) -> Result<bool, Error> {
        let Attachment { id, bytes, .. } = &stored.file;
        if let (Some(upload), false) = (&stored.upload, parts.is_empty()) {
            match self.objects.complete_parts((id, upload), *bytes, parts).await? {
                PartsOutcome::Whole => return Ok(true),
                PartsOutcome::Gone => {} // perhaps an earlier request has put them together
                PartsOutcome::Wrong(code) => {
                    tracing::info!(file = %id, code, "parts that are not the file");
                    return Ok(false);
                }
            }
        }
        Ok(self.objects.bytes(Object::Upload(id)).await?.is_some())
    }

    /// Where a caller can read a file: the access check. `stored` is the file as the table has it. There is no URL if it cannot
    /// be read, or has no such form.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the caller may not join the conversation, or if no message names the file and the caller has not
    /// uploaded it.
    pub async fn link(
        &self,
        access: &Access,
        caller: Caller<'_>,
        stored: Option<StoredFile>,
        form: FileForm,
    ) -> Result<FileLink, Error> {
        let StoredFile { owner, channel, message, file, .. } = stored.ok_or(NO_FILE)?;
        if message.is_none() && owner != FileOwner::User(caller.identity().user.clone()) {
            return Err(NO_FILE);
        }
        let checked = access.check_use(caller, &channel, Capability::Join).await;
        checked.map_err(|error| if error.is_retryable() { error } else { NO_FILE })?;
        let has_form = form == FileForm::Original || file.thumbnail;
        if file.state != FileState::Ready || !has_form {
            return Ok(FileLink { file, url: None, expires_at: None });
        }
        let object = Object::File(&file.id, form);
        // S3 serves no `nosniff`, so only what this stack has encoded itself is ever shown as a page of its own.
        let (media_type, disposition) = match form {
            FileForm::Original => (shown_type(&file.media_type), Disposition::Attachment(file.name.as_str())),
            FileForm::Thumbnail => ("image/jpeg".parse()?, Disposition::Inline),
        };
        let (url, expires_at) = self.objects.read_url(object, &media_type, disposition, caller.now()).await?;
        Ok(FileLink { file, url: Some(url), expires_at: Some(expires_at) })
    }
}

/// The file of this id, if they have brought it.
async fn own_file(access: &Access, bringer: Bringer<'_>, id: &FileId) -> Result<StoredFile, Error> {
    let stored = access.table.file(id).await?;
    stored.filter(|stored| stored.owner == bringer.owner()).ok_or(NO_FILE)
}

/// The type by which a file is served: that of what a page can show or play, else a row of bytes, which no browser runs.
fn shown_type(media_type: &MediaType) -> MediaType {
    use funnelcast_core::file::FileKind::{Audio, Image, Other, Video};
    match media_type.kind() {
        Image if media_type.as_str() == "image/svg+xml" => MediaType::octet_stream(),
        Image | Audio | Video => media_type.clone(),
        Other => MediaType::octet_stream(),
    }
}

/// A number of bytes, as exactly as a price needs it.
#[expect(clippy::cast_precision_loss, reason = "it is multiplied by a price")]
const fn f64_of(bytes: u64) -> f64 {
    bytes as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_browser_runs_is_served_as_what_it_is() {
        for (of, shown) in [
            ("image/png", "image/png"),
            ("image/svg+xml", "application/octet-stream"),
            ("audio/webm", "audio/webm"),
            ("text/html", "application/octet-stream"),
            ("application/pdf", "application/octet-stream"),
        ] {
            assert_eq!(shown_type(&of.parse().unwrap()).as_str(), shown, "{of}");
        }
    }
}
