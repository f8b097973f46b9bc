//! The bucket: its objects, and URLs that allow one request to one of them.

use std::{collections::BTreeMap, sync::OnceLock, time::Duration};

use aws_sdk_s3::{
    Client,
    config::RequestChecksumCalculation,
    error::{DisplayErrorContext, SdkError},
    primitives::ByteStream,
};
use aws_smithy_types::timeout::TimeoutConfig;
use bytes::Bytes;
use funnelcast_core::{
    Error, FileId, Timestamp,
    file::{FileForm, MediaType, Sha256, Upload},
};
use percent_encoding::utf8_percent_encode;

use super::presign::{Allowed, Presigner, UNRESERVED};
use crate::{config::Config, resource::Resource, spending};

/// How long an upload may take to begin.
const UPLOAD_URL_LIFE: Duration = Duration::from_mins(15);
/// How long a URL to read by is valid.
const READ_URL_LIFE: Duration = Duration::from_mins(5);
/// How long one attempt to read or write a whole object may take.
const ATTEMPT_MAX: Duration = Duration::from_secs(12);
/// How long all attempts of a request may take: less than the function behind the HTTP API may run, so that it answers by itself.
const CALL_MAX: Duration = Duration::from_secs(20);

/// The bucket.
#[derive(Debug)]
pub struct Objects {
    /// Created when first needed, as that of a [`Queue`](crate::queue::Queue) is.
    client: OnceLock<Client>,
    config: aws_sdk_s3::Config,
    pub(super) bucket: String,
    presigner: Presigner,
}

/// An object of the bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Object<'a> {
    /// What a client has uploaded.
    Upload(&'a FileId),
    /// A file that has been examined, in this form.
    File(&'a FileId, FileForm),
}

impl Object<'_> {
    /// Its key in the bucket.
    pub(super) fn key(self) -> String {
        match self {
            Self::Upload(id) => format!("upload/{id}"),
            Self::File(id, FileForm::Original) => format!("file/{id}"),
            Self::File(id, FileForm::Thumbnail) => format!("thumbnail/{id}"),
        }
    }
}

/// The file whose upload has this key; `None` if it is the key of something else.
pub fn uploaded(key: &str) -> Option<FileId> {
    key.strip_prefix("upload/")?.parse().ok()
}

/// How a browser takes a file that it reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition<'a> {
    /// It is shown.
    Inline,
    /// It is saved by this name.
    Attachment(&'a str),
}

impl Resource for Objects {
    async fn build(config: &Config) -> Result<Self, Error> {
        let bucket = Config::need("FILES_BUCKET", config.files_bucket.as_ref())?.to_owned();
        // Both, because those of all services would count for what is not set.
        let timeouts = TimeoutConfig::builder()
            .operation_attempt_timeout(ATTEMPT_MAX)
            .operation_timeout(CALL_MAX)
            .build();
        let presigner = Presigner::new(config.sdk.config()?, &bucket)?;
        let config = aws_sdk_s3::config::Builder::from(config.sdk.config()?)
            .timeout_config(timeouts)
            // Uploads have the checksum of their file.
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            // One host, so that no bucket needs a name of its own.
            .force_path_style(config.sdk.is_local())
            .build();
        Ok(Self { client: OnceLock::new(), config, bucket, presigner })
    }
}

impl Objects {
    pub(super) fn client(&self) -> &Client {
        self.client.get_or_init(|| Client::from_conf(self.config.clone()))
    }

    /// A `PUT` of exactly these bytes as a file's upload, which does not replace one that is there. Nothing is sent to S3 for it.
    ///
    /// # Errors
    /// [`Error::Internal`] if it cannot be signed.
    pub async fn upload_url(
        &self,
        id: &FileId,
        media_type: &MediaType,
        bytes: u64,
        sha256: &Sha256,
        at: Timestamp,
    ) -> Result<Upload, Error> {
        let headers = [
            ("content-type", media_type.as_str()),
            ("if-none-match", "*"),
            ("x-amz-checksum-sha256", sha256.as_str()),
        ];
        self.sign_upload(id, &[], &headers, bytes, at).await
    }

    /// A `PUT` of so many bytes as a file's upload or as a part of it, with these headers. Nothing is sent to S3 for it.
    ///
    /// # Errors
    /// [`Error::Internal`] if it cannot be signed.
    pub(super) async fn sign_upload(
        &self,
        id: &FileId,
        query: &[(&'static str, &str)],
        headers: &[(&'static str, &str)],
        bytes: u64,
        at: Timestamp,
    ) -> Result<Upload, Error> {
        let (key, bytes) = (Object::Upload(id).key(), bytes.to_string());
        let signed = [[("content-length", bytes.as_str())].as_slice(), headers].concat();
        let allowed = Allowed { method: "PUT", key: &key, query, headers: &signed, life: UPLOAD_URL_LIFE };
        let url = self.presigner.url(&allowed, at).await?;
        let headers: BTreeMap<_, _> =
            headers.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        Ok(Upload { url, headers, expires_at: at + UPLOAD_URL_LIFE })
    }

    /// A URL by which whoever has it reads an object for 5 minutes, and when it expires. Nothing is sent to S3 for it.
    ///
    /// # Errors
    /// [`Error::Internal`] if it cannot be signed.
    pub async fn read_url(
        &self,
        object: Object<'_>,
        media_type: &MediaType,
        disposition: Disposition<'_>,
        at: Timestamp,
    ) -> Result<(String, Timestamp), Error> {
        let disposition = match disposition {
            Disposition::Inline => "inline".to_owned(),
            Disposition::Attachment(name) => {
                format!("attachment; filename*=UTF-8''{}", utf8_percent_encode(name, UNRESERVED))
            }
        };
        let query = [
            ("response-content-disposition", disposition.as_str()),
            ("response-content-type", media_type.as_str()),
        ];
        let key = object.key();
        let allowed = Allowed { method: "GET", key: &key, query: &query, headers: &[], life: READ_URL_LIFE };
        Ok((self.presigner.url(&allowed, at).await?, at + READ_URL_LIFE))
    }

    /// How many bytes an object has; `None` if there is none.
    ///
    /// # Errors
    /// [`Error::Internal`] if S3 fails.
    pub async fn bytes(&self, object: Object<'_>) -> Result<Option<u64>, Error> {
        spending::add(spending::price::OBJECT_READ);
        match self.client().head_object().bucket(&self.bucket).key(object.key()).send().await {
            Ok(head) => Ok(head.content_length.and_then(|bytes| bytes.try_into().ok())),
            Err(SdkError::ServiceError(error)) if error.err().is_not_found() => Ok(None),
            Err(error) => Err(failed("HeadObject")(error)),
        }
    }

    /// The first bytes of an object, at most `bytes_max`; `None` if there is none.
    ///
    /// # Errors
    /// [`Error::Internal`] if S3 fails.
    pub async fn read(&self, object: Object<'_>, bytes_max: u64) -> Result<Option<Bytes>, Error> {
        let get = self.client().get_object().bucket(&self.bucket).key(object.key());
        let last = bytes_max.saturating_sub(1);
        let read = match get.range(format!("bytes=0-{last}")).send().await {
            Ok(read) => read,
            Err(SdkError::ServiceError(error)) if error.err().is_no_such_key() => return Ok(None),
            Err(error) => return Err(failed("GetObject")(error)),
        };
        let body = read.body.collect().await;
        let body = body.map_err(|error| Error::internal("the body of an object", &error))?;
        Ok(Some(body.into_bytes()))
    }

    /// Writes a file in this form.
    ///
    /// # Errors
    /// [`Error::Internal`] if S3 fails.
    pub async fn write(
        &self,
        id: &FileId,
        form: FileForm,
        media_type: &MediaType,
        bytes: Vec<u8>,
    ) -> Result<(), Error> {
        let put = self.client().put_object().bucket(&self.bucket).key(Object::File(id, form).key());
        let put = put.content_type(media_type.as_str()).body(ByteStream::from(bytes));
        put.send().await.map(drop).map_err(failed("PutObject"))
    }

    /// Removes an object. Removing none is no error.
    ///
    /// # Errors
    /// [`Error::Internal`] if S3 fails.
    pub async fn remove(&self, object: Object<'_>) -> Result<(), Error> {
        let delete = self.client().delete_object().bucket(&self.bucket).key(object.key());
        delete.send().await.map(drop).map_err(failed("DeleteObject"))
    }
}

/// Describes an error of the SDK, for the log.
pub(super) fn failed<E, R>(what: &'static str) -> impl FnOnce(SdkError<E, R>) -> Error
where
    SdkError<E, R>: std::error::Error,
{
    move |error| Error::Internal(format!("{what}: {}", DisplayErrorContext(&error)))
}
