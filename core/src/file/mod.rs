//! Files that users bring to a conversation: pictures, voice messages, and anything else.
//!
//! A file is asked for, uploaded to a URL that allows exactly this upload, and examined by what its bytes are. A message names
//! it, once, and only one of the conversation that it was asked for. Nobody reads a file before it has been examined.
//!
//! # Layout
//! - here: a file, as it is shown and read
//! - `upload`: how it is brought
//! - `media_type`: what it is
//! - `limits`: how large it may be

pub(crate) mod limits;
mod media_type;
mod upload;

use serde::{Deserialize, Serialize};

pub use self::{
    limits::{
        ATTACHMENTS_MAX, DURATION_MS_MAX, FILE_BYTES_MAX, FILE_NAME_BYTES_MAX, PART_BYTES, PARTS_AT_ONCE_MAX,
        SINGLE_UPLOAD_BYTES_MAX, WAVEFORM_VALUES_MAX,
    },
    media_type::{FileKind, MediaType},
    upload::{
        FileDraft, FileReply, PartsDraft, PartsReply, RemovedFile, Sha256, Upload, UploadParts, UploadedPart,
        UploadedParts,
    },
};
use crate::{Error, FileId, Seq, Timestamp, text::Text};

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

impl FileState {
    /// Whether it has been examined. Its state does not change any more.
    pub const fn is_settled(self) -> bool {
        matches!(self, Self::Ready | Self::Refused)
    }
}

/// Why a file was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum FileRefusal {
    /// Its bytes are not what its type says.
    WrongType,
    /// It is a picture that cannot be decoded to its end, or its upload was lost before it was examined.
    Damaged,
    /// It is a picture with more pixels than are decoded.
    TooManyPixels,
    /// The scan has found malware in it, could not tell, or has said nothing for hours.
    Malware,
    /// It is larger than the stack allows for what its bytes are.
    TooLarge,
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

impl Attachment {
    /// A file of which nothing is known but this, and that may be uploaded.
    pub const fn new(id: FileId, name: Text<FILE_NAME_BYTES_MAX>, media_type: MediaType, bytes: u64) -> Self {
        Self {
            id,
            name,
            media_type,
            bytes,
            state: FileState::Uploading,
            width: None,
            height: None,
            thumbnail: false,
            duration_ms: None,
            waveform: Vec::new(),
            refusal: None,
        }
    }
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

impl FileUpdate {
    /// What the log keeps of it once the file is removed with its message, or its author erased: its form, for clients that read
    /// it again.
    ///
    /// # Errors
    /// None: what stands for the file is valid.
    pub fn removed(target: Option<Seq>, state: FileState) -> Result<Self, Error> {
        const REMOVED: &str = "deleted";
        let (id, name) = (REMOVED.parse()?, Text::try_from(REMOVED.to_owned())?);
        let file = Attachment { state, ..Attachment::new(id, name, MediaType::octet_stream(), 0) };
        Ok(Self { target, file })
    }
}
