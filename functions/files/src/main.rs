//! `files`: what users have uploaded is examined by what its bytes are, and can be read from then on or is refused; and it is
//! removed when nothing names it any more.
//!
//! A message may come twice, late, or beside its twin. What is found out is written and told once, on condition that nobody has
//! before; the objects are written again as they were. Nothing is ever read of a file that is refused.
//!
//! # Layout
//! - here: the tasks
//! - `message`: the messages of the queue
//! - `content`: what a file is
//! - `picture`, `strip`, `webp`: pictures, and what is taken out of them

mod content;
mod message;
mod picture;
mod strip;
mod webp;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use funnelcast_aws::{
    Config, Resource, Table,
    batch::{self, Try},
    clock::now,
    config::FileLimits,
    letters::{DeadLetters, Source},
    objects::{Object, Objects},
    serve::serve,
    table::{back_off, files::StoredFile},
};
use funnelcast_core::{
    Error, FileId,
    file::{Attachment, FileForm, FileRefusal, FileState},
};
use funnelcast_realtime::files::FileTasks;

use self::{
    content::{Content, HEAD_BYTES},
    message::{Message, ScanStatus, Wanted},
    picture::Picture,
};

/// The largest picture that is read as a whole, in bytes. A larger one is kept as any other file is.
const PICTURE_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// How often what was found out is written, against messages that take the file meanwhile.
const SETTLE_TRIES_MAX: u32 = 10;

/// How often the decoding of a picture may end this function, against all bounds, before the picture is refused. The first try is
/// not counted, so that a picture costs no write for it.
const UNFINISHED_MAX: u32 = 2;

/// How often the verdict of a scan is waited for, 15 minutes each time, before a file is refused: 6 hours. None comes of a file
/// that was uploaded before the scan was set up.
const VERDICT_WAITS_MAX: u32 = 24;

struct Resources {
    table: Table,
    objects: Objects,
    tasks: FileTasks,
    letters: DeadLetters,
    /// Whether a file waits for the verdict of a scan.
    is_scanned: bool,
    limits: FileLimits,
}

impl Resource for Resources {
    async fn build(config: &Config) -> Result<Self, Error> {
        let (table, objects, letters) =
            tokio::try_join!(Table::build(config), Objects::build(config), DeadLetters::build(config))?;
        let (tasks, limits) = (FileTasks::new(config)?, config.file_limits.clone());
        Ok(Self { table, objects, tasks, letters, is_scanned: config.malware_scan, limits })
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    serve(handle).await
}

/// Handles the messages of a batch. The response lists those that failed.
async fn handle(resources: &Resources, event: SqsEvent) -> Result<SqsBatchResponse, Error> {
    let serve = async |message: Message, this_try| resources.serve(message.wanted(), this_try).await;
    Ok(batch::handle(&resources.letters, Source::Files, event, serve).await)
}

impl Resources {
    async fn serve(&self, wanted: Wanted, this_try: Try) -> Result<(), Error> {
        match wanted {
            // If there is no verdict yet, the message by which the file was completed waits for it.
            Wanted::Created(id) => self.examine(&id, this_try).await.map(drop),
            Wanted::Examine(id, waits) => match self.examine(&id, this_try).await? {
                None => Ok(()),
                Some(_) if waits < VERDICT_WAITS_MAX => self.tasks.examine(id, waits + 1).await,
                Some(stored) => {
                    tracing::error!(file = %id, "a file has had no verdict of the scan for hours, and is refused");
                    let file = refused(stored.file.clone(), FileRefusal::Malware);
                    self.settle(stored, file).await
                }
            },
            Wanted::Scanned(id, ScanStatus::NoThreatsFound) => {
                self.table.file_is_clean(&id).await?;
                self.examine(&id, this_try).await.map(drop)
            }
            // What cannot be scanned may have anything in it.
            Wanted::Scanned(id, _) => match self.table.file(&id).await? {
                Some(stored) => {
                    let file = refused(stored.file.clone(), FileRefusal::Malware);
                    self.settle(stored, file).await
                }
                None => self.remove(&id).await,
            },
            Wanted::Remove(id, upload) => {
                if let Some(upload) = upload {
                    self.objects.abort_parts(&id, &upload).await?;
                }
                self.remove(&id).await
            }
            Wanted::Nothing => Ok(()),
        }
    }

    /// Examines a file that has been uploaded, unless that is done: 1 read and 1 transaction of 2 items; 3 to 5 requests of S3.
    /// Returns the file if it must be scanned first.
    async fn examine(&self, id: &FileId, this_try: Try) -> Result<Option<StoredFile>, Error> {
        let done = match self.table.file(id).await? {
            None => self.remove(id).await,
            Some(stored) if stored.file.state.is_settled() => self.objects.remove(Object::Upload(id)).await,
            Some(stored) if self.is_scanned && !stored.is_clean => return Ok(Some(stored)),
            Some(stored) => self.examine_upload(stored, this_try).await,
        };
        done.map(|()| None)
    }

    /// Examines a file that needs no scan, or has been scanned.
    async fn examine_upload(&self, stored: StoredFile, this_try: Try) -> Result<(), Error> {
        let id = &stored.file.id;
        let Some(head) = self.objects.read(Object::Upload(id), HEAD_BYTES).await? else {
            return self.miss(id).await;
        };
        let recognised = content::recognise(&head, &stored.file.media_type);
        let file = match recognised.and_then(|content| self.within_limit(content, stored.file.bytes)) {
            Err(why) => refused(stored.file.clone(), why),
            Ok(Content::Picture(media_type)) if stored.file.bytes <= PICTURE_BYTES_MAX => {
                let Some(bytes) = self.objects.read(Object::Upload(id), PICTURE_BYTES_MAX).await? else {
                    return self.miss(id).await;
                };
                self.keep_picture(Attachment { media_type, ..stored.file.clone() }, bytes.into(), this_try)
                    .await?
            }
            Ok(Content::Picture(media_type) | Content::OtherPicture(media_type)) => {
                let (width, height) = picture::size_by_head(&head).unzip();
                self.objects.keep_upload(id, &media_type, stored.file.bytes).await?;
                Attachment { media_type, width, height, state: FileState::Ready, ..stored.file.clone() }
            }
            Ok(Content::Other(media_type)) => {
                self.objects.keep_upload(id, &media_type, stored.file.bytes).await?;
                Attachment { media_type, state: FileState::Ready, ..stored.file.clone() }
            }
        };
        self.settle(stored, file).await
    }

    /// Handles a file whose upload S3 does not have: 1 read. If its sender has completed it and nobody has settled it, the upload was
    /// lost, as when a dead letter of it is tried again too late. Else this is a message of before the upload, or the twin of one
    /// that was faster.
    async fn miss(&self, id: &FileId) -> Result<(), Error> {
        match self.table.file(id).await? {
            Some(stored) if stored.file.state == FileState::Checking => {
                tracing::error!(file = %id, "an upload was lost before it was examined, and its file is refused");
                let file = refused(stored.file.clone(), FileRefusal::Damaged);
                self.settle(stored, file).await
            }
            _ => Ok(()),
        }
    }

    /// Refuses a file that is larger than what it is may be. It was allowed as what it was said to be.
    fn within_limit(&self, content: Content, bytes: u64) -> Result<Content, FileRefusal> {
        let bytes_max = self.limits.of(content.media_type().kind());
        if bytes > bytes_max { Err(FileRefusal::TooLarge) } else { Ok(content) }
    }

    /// Writes a picture and its thumbnail, unless it is refused. From the second try on, 2 writes more: the decoding is noted
    /// before it begins and when it has ended, so that a picture that ends this function is known, and one whose objects cannot be
    /// written because S3 is down is not taken for it.
    async fn keep_picture(
        &self,
        file: Attachment,
        bytes: Vec<u8>,
        this_try: Try,
    ) -> Result<Attachment, Error> {
        let is_repeated = this_try.number() > 1;
        if is_repeated && self.table.begin_decoding(&file.id).await? > UNFINISHED_MAX {
            tracing::error!(file = %file.id, "a picture ended this function each time, and is refused");
            return Ok(refused(file, FileRefusal::Damaged));
        }
        let examined = picture::examine(bytes);
        if is_repeated {
            self.table.end_decoding(&file.id).await?;
        }
        let Picture { width, height, thumbnail, stripped } = match examined {
            Ok(picture) => picture,
            Err(why) => return Ok(refused(file, why)),
        };
        let jpeg = "image/jpeg".parse()?;
        let has_thumbnail = thumbnail.is_some();
        if let Some(thumbnail) = thumbnail {
            self.objects.write(&file.id, FileForm::Thumbnail, &jpeg, thumbnail).await?;
        }
        self.objects.write(&file.id, FileForm::Original, &file.media_type, stripped).await?;
        Ok(Attachment {
            width: Some(width),
            height: Some(height),
            thumbnail: has_thumbnail,
            state: FileState::Ready,
            ..file
        })
    }

    /// Writes what has been found out about a file, with the news of it, and removes the upload. `stored` is the file as it was
    /// read; it is read again if a message has taken it meanwhile.
    async fn settle(&self, mut stored: StoredFile, file: Attachment) -> Result<(), Error> {
        let id = file.id.clone();
        for round in 0..SETTLE_TRIES_MAX {
            if stored.file.state.is_settled() {
                return self.objects.remove(Object::Upload(&id)).await; // the twin of this message was faster
            }
            if self.table.settle_file(&stored, &file, now()).await? {
                tracing::info!(file = %id, state = ?file.state, refusal = ?file.refusal, "examined");
                return self.objects.remove(Object::Upload(&id)).await;
            }
            back_off(round).await;
            match self.table.file(&id).await? {
                Some(read) => stored = read,
                None => return self.remove(&id).await,
            }
        }
        Err(Error::Internal("a file kept changing while it was settled".into()))
    }

    /// Removes everything of a file: 3 requests of S3, which cost nothing.
    async fn remove(&self, id: &FileId) -> Result<(), Error> {
        let forms = [FileForm::Original, FileForm::Thumbnail].map(|form| Object::File(id, form));
        for object in [Object::Upload(id)].into_iter().chain(forms) {
            self.objects.remove(object).await?;
        }
        Ok(())
    }
}

/// The file once it has been refused.
fn refused(file: Attachment, why: FileRefusal) -> Attachment {
    Attachment { state: FileState::Refused, refusal: Some(why), ..file }
}
