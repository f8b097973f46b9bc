//! What a file is, by its bytes.

use funnelcast_core::file::{FileKind, FileRefusal, MediaType};

/// How many bytes from its beginning tell what a file is.
pub(crate) const HEAD_BYTES: u64 = 64 * 1024;

/// What a file is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// A picture that is decoded, to be sure that it is one and to make a thumbnail.
    Picture(MediaType),
    /// A picture that no decoder here reads: only its size is found out.
    OtherPicture(MediaType),
    /// Anything else.
    Other(MediaType),
}

impl Content {
    /// Its type.
    pub(crate) const fn media_type(&self) -> &MediaType {
        match self {
            Self::Picture(media_type) | Self::OtherPicture(media_type) | Self::Other(media_type) => {
                media_type
            }
        }
    }
}

/// Finds out what a file is, by its first bytes and by what its sender says.
///
/// # Errors
/// [`FileRefusal::WrongType`] if it is said to be a picture, a recording or a film, and is none.
pub(crate) fn recognise(head: &[u8], said: &MediaType) -> Result<Content, FileRefusal> {
    let found = infer::get(head).and_then(|found| found.mime_type().parse::<MediaType>().ok());
    match (said.kind(), found) {
        // Whatever it is said to be: pictures have places in them, which must not go to others.
        (_, Some(found)) if found.kind() == FileKind::Image => Ok(match found.as_str() {
            "image/png" | "image/jpeg" | "image/gif" | "image/webp" => Content::Picture(found),
            _ => Content::OtherPicture(found),
        }),
        (FileKind::Image, _) => Err(FileRefusal::WrongType),
        (FileKind::Audio | FileKind::Video, Some(found))
            if !matches!(found.kind(), FileKind::Audio | FileKind::Video) =>
        {
            Err(FileRefusal::WrongType)
        }
        // A recording and a film share their containers, and only the sender knows which it is.
        _ => Ok(Content::Other(said.clone())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_decide_what_a_picture_is() {
        let png: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
        let webm: &[u8] = b"\x1a\x45\xdf\xa3\x01\0\0\0\0\0\0\x1f\x42\x86\x81\x01\x42\xf7\x81\x01\x42\xf2\x81\x04\x42\xf3\x81\x08\x42\x82\x84webm";
        let heic: &[u8] = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic";
        let html: &[u8] = b"<!DOCTYPE html><script>alert(1)</script>";
        let of = |head, said: &str| recognise(head, &said.parse().unwrap());
        let media = |text: &str| text.parse::<MediaType>().unwrap();
        assert_eq!(of(png, "image/png"), Ok(Content::Picture(media("image/png"))));
        assert_eq!(of(png, "image/jpeg"), Ok(Content::Picture(media("image/png"))));
        assert_eq!(of(png, "text/plain"), Ok(Content::Picture(media("image/png"))));
        assert!(matches!(of(heic, "image/heic"), Ok(Content::OtherPicture(_))));
        assert_eq!(of(html, "image/png"), Err(FileRefusal::WrongType));
        assert_eq!(of(html, "audio/webm"), Err(FileRefusal::WrongType));
        assert_eq!(of(html, "text/html"), Ok(Content::Other(media("text/html"))));
        assert_eq!(
            of(b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml"),
            Err(FileRefusal::WrongType)
        );
        assert_eq!(of(webm, "audio/webm"), Ok(Content::Other(media("audio/webm"))));
        assert_eq!(of(b"", "audio/aac"), Ok(Content::Other(media("audio/aac"))));
    }
}
