//! What the index has of an object, of an upload, and of a part.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use s3s::dto::Timestamp;
use serde::{Deserialize, Serialize};

use crate::s3::checksums::{Algorithm, ChecksumKind, Checksums};

/// An object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) files: Vec<StoredFile>,
    pub(crate) bytes: u64,
    /// Without its quotation marks.
    pub(crate) etag: String,
    pub(crate) modified_ms: i64,
    pub(crate) checksums: Checksums,
    pub(crate) headers: ObjectHeaders,
}

/// A file with bytes of an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredFile {
    pub(crate) name: String,
    pub(crate) bytes: u64,
}

/// The headers that an object is given when it is put, and that every response for it has.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct ObjectHeaders {
    pub(crate) content_type: Option<String>,
    pub(crate) cache_control: Option<String>,
    pub(crate) content_disposition: Option<String>,
    pub(crate) content_encoding: Option<String>,
    pub(crate) content_language: Option<String>,
    pub(crate) expires: Option<Timestamp>,
    /// `x-amz-meta-...`
    pub(crate) metadata: BTreeMap<String, String>,
}

/// A multipart upload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct UploadRecord {
    pub(crate) bucket: String,
    pub(crate) key: String,
    pub(crate) initiated_ms: i64,
    /// The algorithm that every part has a checksum by, and what the object's checksum is of.
    pub(crate) algorithm: Algorithm,
    pub(crate) kind: ChecksumKind,
    pub(crate) headers: ObjectHeaders,
}

/// A part of an upload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct PartRecord {
    pub(crate) file: StoredFile,
    /// Without its quotation marks: the MD5 of the bytes, in hexadecimal.
    pub(crate) etag: String,
    pub(crate) modified_ms: i64,
    pub(crate) checksums: Checksums,
}

/// A time in milliseconds since the epoch as the responses have it, in whole seconds: S3 keeps no more.
pub(crate) fn timestamp(ms: i64) -> Timestamp {
    let since = Duration::from_secs(u64::try_from(ms / 1_000).unwrap_or_default());
    (SystemTime::UNIX_EPOCH + since).into()
}
