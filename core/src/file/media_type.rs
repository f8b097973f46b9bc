//! What a file is: its media type, and the kinds of files.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::Error;

/// The longest media type, in bytes: two names of 127 and a slash (RFC 6838, section 4.2).
const MEDIA_TYPE_BYTES_MAX: usize = 255;

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

#[cfg(test)]
mod tests {
    use super::*;

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
}
