//! Files that users bring to a conversation: pictures, voice messages, and anything else.
//!
//! A file is asked for, uploaded to a URL that allows exactly this upload, and examined by what its bytes are. A message names
//! it, once, and only one of the conversation that it was asked for. Nobody reads a file before it has been examined.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{Channel, Error, FileId, Seq, Timestamp, text::Text};

limits! {
    /// The most files of one message.
    pub const ATTACHMENTS_MAX: usize = 10;
    /// The longest name of a file, in bytes of UTF-8.
    pub const FILE_NAME_BYTES_MAX: usize = 255;
    /// The largest file, in bytes, whatever the stack's limits are: what S3 takes in one upload.
    pub const FILE_BYTES_MAX: u64 = 5_u64 * 1024 * 1024 * 1024;
    /// The most values of the waveform of a voice message.
    pub const WAVEFORM_VALUES_MAX: usize = 64;
    /// The longest recording, in milliseconds: one day.
    pub const DURATION_MS_MAX: u32 = 24 * 60 * 60 * 1000;
}

/// The longest media type, in bytes: two names of 127 and a slash (RFC 6838, section 4.2).
const MEDIA_TYPE_BYTES_MAX: usize = 255;

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

/// What a file is: a media type without parameters, in lower case, e.g. `image/png` (RFC 6838).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(inline, extend("pattern" = "^[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*$"))
)]
#[serde(try_from = "String")]
pub struct MediaType(String);

/// The kinds of files, each of which has a limit of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileKind {
    /// `image/*`.
    Image,
    /// `audio/*`.
    Audio,
    /// `video/*`.
    Video,
    /// Anything else.
    Other,
}

impl FileKind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Image, Self::Audio, Self::Video, Self::Other];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Audio => "audio",
            Self::Video => "video",
            Self::Other => "other",
        }
    }
}

impl MediaType {
    /// The type of what is only a row of bytes.
    pub fn octet_stream() -> Self {
        Self("application/octet-stream".to_owned())
    }

    /// The type as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The kind of file.
    pub fn kind(&self) -> FileKind {
        match self.0.split('/').next() {
            Some("image") => FileKind::Image,
            Some("audio") => FileKind::Audio,
            Some("video") => FileKind::Video,
            _ => FileKind::Other,
        }
    }
}

impl TryFrom<String> for MediaType {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        let is_name = |name: &str| {
            let is_first = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
            let is_other = |byte: u8| is_first(byte) || b"!#$&^_.+-".contains(&byte);
            name.bytes().next().is_some_and(is_first) && name.bytes().all(is_other)
        };
        let is_type = text.split_once('/').is_some_and(|(top, sub)| is_name(top) && is_name(sub));
        if is_type && text.len() <= MEDIA_TYPE_BYTES_MAX {
            Ok(Self(text))
        } else {
            Err(Error::BadRequest(
                "must be a media type in lower case, without parameters, such as image/png".into(),
            ))
        }
    }
}

impl FromStr for MediaType {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::try_from(text.to_owned())
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
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
    /// The SHA-256 of its bytes, in base64. S3 refuses an upload of other bytes.
    pub sha256: Sha256,
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
        // With these, `gnp.exe` would be shown as `exe.png` (<https://www.unicode.org/reports/tr36/#Bidirectional_Text_Spoofing>).
        let turns = |char| matches!(char, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if name.trim().is_empty() || name.chars().any(|char| char.is_control() || turns(char)) {
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
        if self.duration_ms.is_some_and(|duration| duration > DURATION_MS_MAX) {
            return Err(Error::invalid("durationMs", format!("must be at most {DURATION_MS_MAX}")));
        }
        if self.waveform.len() > WAVEFORM_VALUES_MAX {
            return Err(Error::invalid("waveform", format!("must be at most {WAVEFORM_VALUES_MAX} values")));
        }
        Ok(())
    }
}

/// How far a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum FileState {
    /// It may be uploaded.
    Uploading,
    /// It has been uploaded, and is being examined. A message may name it, and nobody can read it yet.
    Checking,
    /// It can be read.
    Ready,
    /// It has been refused, and is gone.
    Refused,
}

/// Why a file was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum FileRefusal {
    /// Its bytes are not what its type says.
    WrongType,
    /// It is a picture that cannot be decoded to its end.
    Damaged,
    /// It is a picture with more pixels than are decoded.
    TooManyPixels,
    /// The scan has found malware in it.
    Malware,
}

/// A file, as a message shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Attachment {
    /// Its id, by which it is read.
    pub id: FileId,
    /// Its name.
    pub name: Text<FILE_NAME_BYTES_MAX>,
    /// What it is: once it is `ready`, by its bytes.
    #[serde(rename = "type")]
    pub media_type: MediaType,
    /// How many bytes were uploaded.
    pub bytes: u64,
    /// How far it is.
    pub state: FileState,
    /// The width of a picture, in pixels, as it is to be shown: its orientation is accounted for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// The height of a picture, in pixels, as it is to be shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// Whether there is a thumbnail.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub thumbnail: bool,
    /// How long a recording is, in milliseconds, as the sender has said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u32>,
    /// How loud a voice message is, each value from 0 to 255, as the sender has said.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schemars(length(max = WAVEFORM_VALUES_MAX)))]
    pub waveform: Vec<u8>,
    /// Why it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<FileRefusal>,
}

/// The reply to a [`FileDraft`]: the file may be uploaded.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct FileReply {
    /// The file.
    pub file_id: FileId,
    /// How to upload it.
    pub upload: Upload,
}

/// An upload: a `PUT` of the file to a URL.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Upload {
    /// The URL. It allows this upload and nothing else.
    pub url: String,
    /// The headers that the request must have, beside `content-length`, which browsers set themselves.
    pub headers: std::collections::BTreeMap<String, String>,
    /// When the URL expires.
    pub expires_at: Timestamp,
}

/// Which form of a file is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum FileForm {
    /// The file itself.
    #[default]
    Original,
    /// A small JPEG of a picture.
    Thumbnail,
}

/// Reads a file.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FileQuery {
    /// Which form; default: `original`.
    #[serde(default)]
    pub form: FileForm,
}

/// Where a file can be read for a short time.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct FileLink {
    /// The file.
    pub file: Attachment,
    /// The URL, once the file is `ready`. Whoever has it can read the file until it expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// When the URL expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// A file has been examined: the payload of `file.ready` and `file.refused`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FileUpdate {
    /// The message that names the file. Absent where none does yet: then only who uploaded it is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Seq>,
    /// The file, as it is now.
    pub file: Attachment,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SHA256: &str = "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=";

    #[test]
    fn a_media_type_has_no_parameters_and_no_capitals() {
        for good in ["image/png", "application/vnd.ms-excel", "audio/x-m4a", "application/ld+json"] {
            assert_eq!(good.parse::<MediaType>().unwrap().as_str(), good);
        }
        for bad in ["", "image", "image/", "/png", "image/png; q=1", "Image/PNG", "a/b/c", "image/\n"] {
            assert!(bad.parse::<MediaType>().is_err(), "{bad:?}");
        }
        assert!(format!("a/{}", "b".repeat(254)).parse::<MediaType>().is_err());
        for (of, kind) in [
            ("image/png", FileKind::Image),
            ("audio/ogg", FileKind::Audio),
            ("video/mp4", FileKind::Video),
            ("imagery/png", FileKind::Other),
        ] {
            assert_eq!(of.parse::<MediaType>().unwrap().kind(), kind, "{of}");
        }
    }

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
            ("name", json!(" "), "bad_request"),
            ("durationMs", json!(DURATION_MS_MAX + 1), "bad_request"),
            ("waveform", json!(vec![1; 65]), "bad_request"),
        ] {
            assert_eq!(draft(field, value).unwrap_err().code(), code, "{field}");
        }
    }
}
