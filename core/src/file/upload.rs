//! How a file is brought: it is asked for, and uploaded to S3 in one request, or in parts if it is large.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    limits::{
        DURATION_MS_MAX, FILE_BYTES_MAX, FILE_NAME_BYTES_MAX, PART_BYTES, PARTS_AT_ONCE_MAX,
        SINGLE_UPLOAD_BYTES_MAX, WAVEFORM_VALUES_MAX,
    },
    media_type::MediaType,
};
use crate::{
    Channel, Error, FileId, Timestamp,
    text::{self, Text},
};

/// The longest `ETag` of a part, in bytes; S3's have 34.
const ETAG_BYTES_MAX: usize = 64;

/// The SHA-256 of a file in base64, as S3 has it in `x-amz-checksum-sha256`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(inline, extend("pattern" = "^[A-Za-z0-9+/]{43}=$"))
)]
#[serde(try_from = "String")]
pub struct Sha256(String);

impl Sha256 {
    /// The hash as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Sha256 {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/';
        // The last digit has the last 4 bits, and two that are zero.
        let is_last = |byte: u8| b"AEIMQUYcgkosw048".contains(&byte);
        match text.strip_suffix('=').map(str::as_bytes) {
            Some([digits @ .., last])
                if digits.len() == 42 && digits.iter().copied().all(is_digit) && is_last(*last) =>
            {
                Ok(Self(text))
            }
            _ => Err(Error::BadRequest("must be a SHA-256 in base64: 43 characters and a `=`".into())),
        }
    }
}

/// A file that a user wants to upload.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FileDraft {
    /// The conversation that it is for: `conversation:{conversationId}`.
    pub channel: Channel,
    /// Its name, as others see it.
    pub name: Text<FILE_NAME_BYTES_MAX>,
    /// What it is. Its bytes must say the same: a picture that is none is refused.
    #[serde(rename = "type")]
    pub media_type: MediaType,
    /// How many bytes it has: at least 1, and at most what the stack allows for its kind.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = FILE_BYTES_MAX)))]
    pub bytes: u64,
    /// The SHA-256 of its bytes, in base64. S3 refuses an upload of other bytes. Absent if the file has more than
    /// `SINGLE_UPLOAD_BYTES_MAX`: it is uploaded in parts, and each of them has its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Sha256>,
    /// How long a recording is, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(max = DURATION_MS_MAX)))]
    pub duration_ms: Option<u32>,
    /// How loud a voice message is from its beginning to its end, each from 0 to 255.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schemars(length(max = WAVEFORM_VALUES_MAX)))]
    pub waveform: Vec<u8>,
}

impl FileDraft {
    /// Checks the limits that the types do not have; `bytes_max` is the stack's limit for this kind of file.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the field; [`Error::TooLarge`] if the file is.
    pub fn validate(&self, bytes_max: u64) -> Result<(), Error> {
        let bytes_max = bytes_max.min(FILE_BYTES_MAX);
        if !matches!(self.channel, Channel::Conversation(_)) {
            return Err(Error::invalid("channel", "must be a conversation: only conversations have files"));
        }
        let name = self.name.as_str();
        if !text::is_visible(name) || name.chars().any(text::garbles) {
            let reason = "must have visible characters, and none that control or turn the text";
            return Err(Error::invalid("name", reason));
        }
        if self.bytes == 0 {
            return Err(Error::invalid("bytes", "must be at least 1: an empty file cannot be sent"));
        }
        if self.bytes > bytes_max {
            let bytes_max = usize::try_from(bytes_max).unwrap_or(usize::MAX);
            return Err(Error::TooLarge { what: "bytes".into(), bytes_max });
        }
        match (&self.sha256, self.bytes > SINGLE_UPLOAD_BYTES_MAX) {
            (None, false) => return Err(Error::invalid("sha256", "is missing")),
            (Some(_), true) => {
                let reason = format!(
                    "must be absent above {SINGLE_UPLOAD_BYTES_MAX} bytes: the file is uploaded in parts, and each of them has its own"
                );
                return Err(Error::invalid("sha256", reason));
            }
            (Some(_), false) | (None, true) => {}
        }
        if self.duration_ms.is_some_and(|duration| duration > DURATION_MS_MAX) {
            return Err(Error::invalid("durationMs", format!("must be at most {DURATION_MS_MAX}")));
        }
        if self.waveform.len() > WAVEFORM_VALUES_MAX {
            return Err(Error::invalid("waveform", format!("must be at most {WAVEFORM_VALUES_MAX} values")));
        }
        Ok(())
    }
}

/// The reply to the removal of a file.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct RemovedFile {
    /// The file that was removed.
    pub file_id: FileId,
}

/// The reply to a [`FileDraft`]: the file may be uploaded.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct FileReply {
    /// The file.
    pub file_id: FileId,
    /// How to upload it in one request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upload: Option<Upload>,
    /// How it is divided, if it is uploaded in parts: those are asked for with `POST /api/files/{id}/parts`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parts: Option<UploadParts>,
}

/// The parts of a file that is too large for one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct UploadParts {
    /// How many there are.
    pub count: u32,
    /// How many bytes each of them has; the last one has what is left.
    pub part_bytes: u64,
}

impl UploadParts {
    /// The parts of a file of this size; `None` if it is uploaded in one request.
    pub fn of(bytes: u64) -> Option<Self> {
        let count = u32::try_from(bytes.div_ceil(PART_BYTES)).ok()?;
        (bytes > SINGLE_UPLOAD_BYTES_MAX).then_some(Self { count, part_bytes: PART_BYTES })
    }
}

/// Asks for URLs of parts that follow each other.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PartsDraft {
    /// The number of the first of them. The first part of a file has the number 1.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub first: u32,
    /// The SHA-256 of each part, in base64. S3 refuses other bytes.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = PARTS_AT_ONCE_MAX)))]
    pub sha256: Vec<Sha256>,
}

impl PartsDraft {
    /// The parts that are asked for, of a file of this size: for each its number, its bytes and its hash.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the field, if the file has no such parts or if they are too many; [`Error::Conflict`] if the
    /// file is not uploaded in parts.
    pub fn parts(self, bytes: u64) -> Result<Vec<(u32, u64, Sha256)>, Error> {
        let Some(UploadParts { count, part_bytes }) = UploadParts::of(bytes) else {
            return Err(Error::Conflict("the file is uploaded in one request, and has no parts".into()));
        };
        if !(1..=count).contains(&self.first) {
            return Err(Error::invalid(
                "first",
                format!("must be 1 to {count}: the file has no other parts"),
            ));
        }
        let left = usize::try_from(count - self.first + 1).unwrap_or(usize::MAX);
        let sha256_max = left.min(PARTS_AT_ONCE_MAX);
        if self.sha256.is_empty() || self.sha256.len() > sha256_max {
            return Err(Error::invalid("sha256", format!("must have 1 to {sha256_max} values")));
        }
        let bytes_of = |number: u32| part_bytes.min(bytes - u64::from(number - 1) * part_bytes);
        let parts = (self.first..).zip(self.sha256);
        Ok(parts.map(|(number, sha256)| (number, bytes_of(number), sha256)).collect())
    }
}

/// The reply to a [`PartsDraft`].
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PartsReply {
    /// How to upload each part, in their order.
    pub parts: Vec<Upload>,
}

/// Says that a file has been uploaded, and of which parts it consists if it was uploaded in parts.
#[derive(Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct UploadedParts {
    /// All its parts, in their order. Absent if the file was uploaded in one request.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<UploadedPart>,
}

impl UploadedParts {
    /// The largest body of such a request, in bytes: that of a file of [`FILE_BYTES_MAX`].
    pub const BYTES_MAX: usize = 64 * 1024;
}

/// A part that S3 has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct UploadedPart {
    /// The header `etag` of S3's response to the upload of the part.
    pub etag: Text<ETAG_BYTES_MAX>,
    /// The SHA-256 of its bytes, in base64.
    pub sha256: Sha256,
}

/// An upload: a `PUT` of a file, or of a part of it, to a URL.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Upload {
    /// The URL. It allows this upload and nothing else; a file that is there already is not replaced, and S3 answers 412.
    pub url: String,
    /// The headers that the request must have, beside `content-length`, which browsers set themselves.
    pub headers: BTreeMap<String, String>,
    /// When the URL expires.
    pub expires_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SHA256: &str = "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=";

    #[test]
    fn a_hash_is_that_of_sha_256() {
        assert!(Sha256::try_from(SHA256.to_owned()).is_ok());
        for bad in [
            "",
            "abc=",
            &SHA256[1..],
            &SHA256.replace('+', "-"),
            &SHA256.replace('=', "A"),
            &SHA256.replace("g=", "h="),
        ] {
            assert!(Sha256::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_draft_is_bounded() {
        let draft = |field: &str, value: serde_json::Value| {
            let mut draft = json!({"channel": "conversation:c1", "name": "a.png", "type": "image/png", "bytes": 10,
                "sha256": SHA256});
            draft[field] = value;
            serde_json::from_value::<FileDraft>(draft).unwrap().validate(100)
        };
        assert_eq!(draft("bytes", json!(100)), Ok(()));
        for (field, value, code) in [
            ("bytes", json!(101), "too_large"),
            ("bytes", json!(0), "bad_request"),
            ("channel", json!("room:r1"), "bad_request"),
            ("name", json!("a\u{0}b"), "bad_request"),
            ("name", json!("\u{202e}gnp.exe"), "bad_request"),
            ("name", json!("a\u{2028}b"), "bad_request"),
            ("name", json!(" "), "bad_request"),
            ("name", json!("\u{200b}\u{3164}"), "bad_request"),
            ("durationMs", json!(DURATION_MS_MAX + 1), "bad_request"),
            ("waveform", json!(vec![1; 65]), "bad_request"),
            ("sha256", json!(null), "bad_request"),
        ] {
            assert_eq!(draft(field, value).unwrap_err().code(), code, "{field}");
        }
    }

    #[test]
    fn a_large_file_has_parts_with_hashes_of_their_own_and_none_as_a_whole() {
        let draft = |bytes: u64, sha256: Option<&str>| {
            let draft = json!({"channel": "conversation:c1", "name": "a", "type": "video/mp4", "bytes": bytes, "sha256": sha256});
            serde_json::from_value::<FileDraft>(draft).unwrap().validate(FILE_BYTES_MAX)
        };
        let large = SINGLE_UPLOAD_BYTES_MAX + 1;
        assert_eq!(draft(large, None), Ok(()));
        assert!(draft(large, Some(SHA256)).is_err());
        assert_eq!(UploadParts::of(SINGLE_UPLOAD_BYTES_MAX), None);
        assert_eq!(UploadParts::of(large).unwrap().count, 7);
        assert_eq!(UploadParts::of(FILE_BYTES_MAX).unwrap().count, 320);

        let parts = |first: u32, count: usize| {
            let sha256 = vec![Sha256::try_from(SHA256.to_owned()).unwrap(); count];
            let parts = PartsDraft { first, sha256 }.parts(large)?;
            Ok::<_, Error>(parts.into_iter().map(|(number, bytes, _)| (number, bytes)).collect::<Vec<_>>())
        };
        assert_eq!(parts(6, 2).unwrap(), [(6, PART_BYTES), (7, 4 * 1024 * 1024 + 1)]);
        for (first, count) in [(0, 1), (8, 1), (7, 2), (1, 0), (1, 8)] {
            assert_eq!(parts(first, count).unwrap_err().code(), "bad_request", "{first}, {count}");
        }
        let all =
            vec![
                UploadedPart { etag: "x".repeat(34).try_into().unwrap(), sha256: Sha256(SHA256.to_owned()) };
                320
            ];
        let body = serde_json::to_vec(&UploadedParts { parts: all }).unwrap();
        assert!(body.len() < UploadedParts::BYTES_MAX, "{}", body.len());
    }
}
