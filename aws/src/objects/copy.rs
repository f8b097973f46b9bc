//! Copies within the bucket, which S3 makes by itself: of a small object in one request, of a large one in parts.
//!
//! S3 would copy up to 5 GB in one request, but as one stream, which may take minutes. Parts are copied side by side. Those of a
//! copy that does not come to its end are removed by the bucket's lifecycle, a day later. S3 may also take minutes to put them
//! together, and goes on with that when nobody waits for it any more; so each try first looks whether an earlier one has led to the
//! file.

use std::time::Duration;

use aws_sdk_s3::{
    config::Builder,
    error::ProvideErrorMetadata,
    types::{CompletedMultipartUpload, CompletedPart, MetadataDirective},
};
use aws_smithy_types::timeout::TimeoutConfig;
use funnelcast_core::{
    Error, FileId,
    file::{FileForm, MediaType, SINGLE_UPLOAD_BYTES_MAX},
};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::time::timeout;

use super::bucket::{Object, Objects, failed};

/// The bytes of a part that is copied; the last part of an object has what is left.
const PART_BYTES: u64 = 64 * 1024 * 1024;
/// How many parts are copied at the same time.
const PARTS_AT_ONCE: usize = 20;
/// How long a copy may take, with all of its requests: `files` has a minute, in which it has read the upload's beginning before.
const COPY_MAX: Duration = Duration::from_secs(35);

impl Objects {
    /// Makes what was uploaded the file, as it is. `bytes` is how many that has. Does nothing if there is no upload. 1 request of S3,
    /// or if the file was uploaded in parts 3 and 1 for each 64 MB, or 1 if an earlier try has made it the file.
    ///
    /// # Errors
    /// [`Error::Internal`] if S3 fails, or takes too long.
    pub async fn keep_upload(&self, id: &FileId, media_type: &MediaType, bytes: u64) -> Result<(), Error> {
        let copied = timeout(COPY_MAX, Box::pin(self.copy(id, media_type, bytes))).await;
        copied.map_err(|late| Error::internal("a copy within the bucket", &late))?
    }

    async fn copy(&self, id: &FileId, media_type: &MediaType, bytes: u64) -> Result<(), Error> {
        let key = Object::File(id, FileForm::Original).key();
        if bytes <= SINGLE_UPLOAD_BYTES_MAX {
            return self.copy_upload(id, key, media_type).await;
        }
        if self.is_kept(id, bytes).await? {
            return Ok(());
        }
        let create = self.client().create_multipart_upload().bucket(&self.bucket).key(&key);
        let begun = create.content_type(media_type.as_str()).send().await;
        let begun = begun.map_err(failed("CreateMultipartUpload of a copy"))?.upload_id;
        let begun = begun.ok_or_else(|| Error::Internal("a copy in parts has no id".into()))?;
        self.copy_parts(id, (&key, &begun), bytes).await
    }

    /// Whether an upload of so many bytes is the file already.
    async fn is_kept(&self, id: &FileId, bytes: u64) -> Result<bool, Error> {
        Ok(self.bytes(Object::File(id, FileForm::Original)).await? == Some(bytes))
    }

    /// Copies an upload in one request.
    async fn copy_upload(&self, id: &FileId, key: String, media_type: &MediaType) -> Result<(), Error> {
        let copy = self
            .client()
            .copy_object()
            .bucket(&self.bucket)
            .key(key)
            .copy_source(self.source(id))
            .metadata_directive(MetadataDirective::Replace)
            .content_type(media_type.as_str());
        match copy.customize().config_override(patient()).send().await {
            Err(error) if error.code() != Some("NoSuchKey") => Err(failed("CopyObject")(error)),
            _ => Ok(()),
        }
    }

    /// Copies an upload in parts, if it is there.
    async fn copy_parts(&self, id: &FileId, to: (&str, &str), bytes: u64) -> Result<(), Error> {
        let parts = stream::iter((1..).zip(ranges(bytes))).map(|part| self.copy_part(id, to, part));
        let parts: Vec<Option<CompletedPart>> = parts.buffered(PARTS_AT_ONCE).try_collect().await?;
        let Some(parts) = parts.into_iter().collect::<Option<Vec<_>>>() else { return Ok(()) };
        let (key, copy) = to;
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let complete = self.client().complete_multipart_upload().bucket(&self.bucket).key(key);
        let complete = complete.upload_id(copy).multipart_upload(parts).customize();
        let Err(error) = complete.config_override(patient()).send().await else { return Ok(()) };
        let is_over = error.code() == Some("NoSuchUpload");
        let error = failed("CompleteMultipartUpload of a copy")(error);
        // An earlier attempt of this request may have put them together.
        if is_over && self.is_kept(id, bytes).await? { Ok(()) } else { Err(error) }
    }

    async fn copy_part(
        &self,
        id: &FileId,
        (key, copy): (&str, &str),
        (number, range): (i32, String),
    ) -> Result<Option<CompletedPart>, Error> {
        let part = self.client().upload_part_copy().bucket(&self.bucket).key(key).upload_id(copy);
        let part = part.part_number(number).copy_source(self.source(id)).copy_source_range(range);
        match part.customize().config_override(patient()).send().await {
            Ok(copied) => {
                let etag = copied.copy_part_result.and_then(|result| result.e_tag);
                Ok(Some(CompletedPart::builder().part_number(number).set_e_tag(etag).build()))
            }
            Err(error) if error.code() == Some("NoSuchKey") => Ok(None),
            Err(error) => Err(failed("UploadPartCopy")(error)),
        }
    }

    fn source(&self, id: &FileId) -> String {
        format!("{}/{}", self.bucket, Object::Upload(id).key())
    }
}

/// The settings of a request that may take its time.
fn patient() -> Builder {
    let timeouts =
        TimeoutConfig::builder().operation_attempt_timeout(COPY_MAX).operation_timeout(COPY_MAX).build();
    Builder::default().timeout_config(timeouts)
}

/// The parts of an object, as S3 has ranges of bytes.
fn ranges(bytes: u64) -> impl Iterator<Item = String> {
    let parts = (0..bytes.div_ceil(PART_BYTES)).map(|part| part * PART_BYTES);
    parts.map(move |first| format!("bytes={first}-{}", bytes.min(first + PART_BYTES) - 1))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
    use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
    use aws_types::{SdkConfig, region::Region};
    use bytes::Bytes;
    use funnelcast_core::file::FILE_BYTES_MAX;
    use funnelcast_testing::server::{self, Answer, Asked, Server};
    use http::Response;
    use http_body_util::Full;

    use super::*;
    use crate::{config::Config, resource::Resource, sdk::Sdk};

    const BYTES: u64 = SINGLE_UPLOAD_BYTES_MAX + 1;

    async fn keep(s3: &Server) -> Result<(), Error> {
        let credentials = SharedCredentialsProvider::new(Credentials::for_tests());
        let sdk = SdkConfig::builder().behavior_version(BehaviorVersion::latest());
        let sdk = sdk.endpoint_url(s3.url("")).region(Region::from_static("us-east-1"));
        let sdk = Sdk::from(sdk.credentials_provider(credentials).build());
        let config = Config { files_bucket: Some("files".to_owned()), sdk, ..Config::default() };
        let objects = Objects::build(&config).await.unwrap();
        objects.keep_upload(&"file_1".parse().unwrap(), &"video/mp4".parse().unwrap(), BYTES).await
    }

    /// The answer to `HeadObject` for an object of so many bytes.
    fn has(bytes: u64) -> Answer {
        let head = Response::builder().header("content-length", bytes);
        Answer::Now(head.body(Full::new(Bytes::new())).unwrap())
    }

    #[tokio::test]
    async fn what_an_earlier_try_has_copied_is_not_copied_again() {
        let s3 = Server::start(|_| has(BYTES)).await;
        keep(&s3).await.unwrap();
        let asked: Vec<_> = s3.asked().into_iter().map(|asked| asked.path).collect();
        assert_eq!(asked, ["/files/file/file_1"]);
    }

    #[tokio::test]
    async fn a_copy_whose_end_was_not_heard_of_is_looked_for() {
        for (found, is_kept) in [(BYTES, true), (BYTES - 1, false)] {
            let heads = AtomicUsize::new(0);
            let s3 = Server::start(move |Asked { path, .. }| {
                if path.contains("uploads") {
                    server::says(
                        200,
                        "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>",
                    )
                } else if path.contains("partNumber") {
                    server::says(200, "<CopyPartResult><ETag>e</ETag></CopyPartResult>")
                } else if path.contains("uploadId") {
                    server::says(404, "<Error><Code>NoSuchUpload</Code></Error>")
                } else if heads.fetch_add(1, Ordering::Relaxed) == 0 {
                    server::says(404, "")
                } else {
                    has(found)
                }
            });
            let s3 = s3.await;
            assert_eq!(keep(&s3).await.is_ok(), is_kept, "{found} bytes of {BYTES}");
            assert_eq!(s3.asked().len(), 6, "two looks, and a copy of two parts");
        }
    }

    /// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html>
    const S3_PARTS_MAX: usize = 10_000;

    #[test]
    fn every_file_that_may_be_uploaded_is_copied_whole() {
        for (bytes, parts, last) in [
            (SINGLE_UPLOAD_BYTES_MAX + 1, 2, "bytes=67108864-104857600"),
            (2 * PART_BYTES, 2, "bytes=67108864-134217727"),
            (2 * PART_BYTES + 1, 3, "bytes=134217728-134217728"),
            (FILE_BYTES_MAX, 80, "bytes=5301600256-5368709119"),
        ] {
            let ranges: Vec<_> = ranges(bytes).collect();
            assert_eq!((ranges[0].as_str(), ranges.len()), ("bytes=0-67108863", parts), "{bytes}");
            assert_eq!(ranges[parts - 1], last, "{bytes}");
            assert!(parts <= S3_PARTS_MAX, "{bytes}");
        }
    }
}
