//! Uploads in parts, which S3 calls multipart uploads: of files that are too large for one request.

use aws_sdk_s3::{
    error::{ProvideErrorMetadata, SdkError},
    types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart},
};
use funnelcast_core::{
    Error, FileId, Timestamp,
    file::{MediaType, Sha256, Upload, UploadedPart},
};
use serde::{Deserialize, Serialize};

use super::bucket::{Object, Objects, failed};
use crate::spending;

/// The id that S3 gives to an upload in parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PartsId(String);

impl From<String> for PartsId {
    fn from(id: String) -> Self {
        Self(id)
    }
}

/// What came of an attempt to put the parts of a file together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PartsOutcome {
    /// They are the file's upload.
    Whole,
    /// There is no such upload: it has come to its end, or has been given up.
    Gone,
    /// They are not those that S3 has, or not the whole file. This is S3's code.
    Wrong(String),
}

impl Objects {
    /// Begins the upload of a file in parts: 1 request of S3.
    ///
    /// # Errors
    /// [`Error::Internal`] if S3 fails.
    pub async fn begin_parts(&self, id: &FileId, media_type: &MediaType) -> Result<PartsId, Error> {
        spending::add(spending::price::OBJECT_WRITE);
        let create =
            self.client().create_multipart_upload().bucket(&self.bucket).key(Object::Upload(id).key());
        let create = create.content_type(media_type.as_str()).checksum_algorithm(ChecksumAlgorithm::Sha256);
        let begun = create.send().await.map_err(failed("CreateMultipartUpload"))?;
        begun.upload_id.map(PartsId).ok_or_else(|| Error::Internal("an upload in parts has no id".into()))
    }

    /// A `PUT` of exactly these bytes as a part of a file's upload. Nothing is sent to S3 for it.
    ///
    /// # Errors
    /// [`Error::Internal`] if it cannot be signed.
    pub async fn part_url(
        &self,
        (id, PartsId(upload)): (&FileId, &PartsId),
        (number, bytes, sha256): (u32, u64, &Sha256),
        at: Timestamp,
    ) -> Result<Upload, Error> {
        spending::add(spending::price::OBJECT_WRITE);
        let number = number.to_string();
        let query = [("partNumber", number.as_str()), ("uploadId", upload.as_str())];
        self.sign_upload(id, &query, &[("x-amz-checksum-sha256", sha256.as_str())], bytes, at).await
    }

    /// Puts the parts of a file together, which must have this many bytes: 1 request of S3.
    ///
    /// # Errors
    /// [`Error::Internal`] if S3 fails.
    pub async fn complete_parts(
        &self,
        (id, PartsId(upload)): (&FileId, &PartsId),
        bytes: u64,
        parts: &[UploadedPart],
    ) -> Result<PartsOutcome, Error> {
        spending::add(spending::price::OBJECT_WRITE);
        let parts = (1..).zip(parts).map(|(number, UploadedPart { etag, sha256 })| {
            let part = CompletedPart::builder().part_number(number).e_tag(etag.as_str());
            part.checksum_sha256(sha256.as_str()).build()
        });
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts.collect())).build();
        let complete =
            self.client().complete_multipart_upload().bucket(&self.bucket).key(Object::Upload(id).key());
        let complete = complete
            .upload_id(upload)
            .multipart_upload(parts)
            .mpu_object_size(i64::try_from(bytes).unwrap_or(i64::MAX))
            .if_none_match("*");
        match complete.send().await {
            Ok(_) => Ok(PartsOutcome::Whole),
            Err(error @ SdkError::ServiceError(_)) => match error.code() {
                // An earlier attempt has put them there.
                Some("PreconditionFailed") => Ok(PartsOutcome::Whole),
                Some("NoSuchUpload") => Ok(PartsOutcome::Gone),
                Some(code @ ("InvalidPart" | "InvalidPartOrder" | "EntityTooSmall" | "InvalidRequest")) => {
                    Ok(PartsOutcome::Wrong(code.to_owned()))
                }
                _ => Err(failed("CompleteMultipartUpload")(error)),
            },
            Err(error) => Err(failed("CompleteMultipartUpload")(error)),
        }
    }

    /// Gives an upload in parts up: S3 removes the parts. One that has come to its end is no error.
    ///
    /// # Errors
    /// [`Error::Internal`] if S3 fails.
    pub async fn abort_parts(&self, id: &FileId, PartsId(upload): &PartsId) -> Result<(), Error> {
        let abort = self.client().abort_multipart_upload().bucket(&self.bucket).key(Object::Upload(id).key());
        match abort.upload_id(upload).send().await {
            Err(error) if error.code() != Some("NoSuchUpload") => Err(failed("AbortMultipartUpload")(error)),
            _ => Ok(()),
        }
    }
}
