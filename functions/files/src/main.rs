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

struct Resources {
    table: Table,
    objects: Objects,
    letters: DeadLetters,
    /// Whether a file waits for the verdict of a scan.
    is_scanned: bool,
    limits: FileLimits,
}

impl Resource for Resources {
    async fn build(config: &Config) -> Result<Self, Error> {
        let (table, objects, letters) =
            tokio::try_join!(Table::build(config), Objects::build(config), DeadLetters::build(config))?;
        let limits = config.file_limits.clone();
        Ok(Self { table, objects, letters, is_scanned: config.malware_scan, limits })
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
            Wanted::Examine(id) => self.examine(&id, this_try).await,
            Wanted::Scanned(id, ScanStatus::NoThreatsFound) => {
                self.table.file_is_clean(&id).await?;
                self.examine(&id, this_try).await
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
    async fn examine(&self, id: &FileId, this_try: Try) -> Result<(), Error> {
        let Some(stored) = self.table.file(id).await? else {
            return self.remove(id).await;
        };
        if stored.file.state.is_settled() {
            return self.objects.remove(Object::Upload(id)).await;
        }
        if self.is_scanned && !stored.is_clean {
            return Ok(());
        }
        // Without an upload, this is a message of before it, or the twin of one that is being served.
        let Some(head) = self.objects.read(Object::Upload(id), HEAD_BYTES).await? else { return Ok(()) };
        let recognised = content::recognise(&head, &stored.file.media_type);
        let file = match recognised.and_then(|content| self.within_limit(content, stored.file.bytes)) {
            Err(why) => refused(stored.file.clone(), why),
            Ok(Content::Picture(media_type)) if stored.file.bytes <= PICTURE_BYTES_MAX => {
                let Some(bytes) = self.objects.read(Object::Upload(id), PICTURE_BYTES_MAX).await? else {
                    return Ok(());
                };
                self.keep_picture(Attachment { media_type, ..stored.file.clone() }, bytes.into(), this_try)
                    .await?
            }
            Ok(Content::Picture(media_type) | Content::OtherPicture(media_type)) => {
                let size = imagesize::blob_size(&head).ok();
                let in_pixels = |side: usize| u32::try_from(side).ok();
                self.objects.keep_upload(id, &media_type, stored.file.bytes).await?;
                Attachment {
                    media_type,
                    width: size.and_then(|size| in_pixels(size.width)),
                    height: size.and_then(|size| in_pixels(size.height)),
                    state: FileState::Ready,
                    ..stored.file.clone()
                }
            }
            Ok(Content::Other(media_type)) => {
                self.objects.keep_upload(id, &media_type, stored.file.bytes).await?;
                Attachment { media_type, state: FileState::Ready, ..stored.file.clone() }
            }
        };
        self.settle(stored, file).await
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
