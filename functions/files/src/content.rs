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
    let found = found.filter(|found| found.kind() != FileKind::Image || has_header(found, head, said));
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

/// Whether a file begins as pictures of this type do. `infer` looks at as few as two bytes, which a text or a recording may have
/// too: `BM`, `GIF`, or `WEBP` as its third word.
fn has_header(found: &MediaType, head: &[u8], said: &MediaType) -> bool {
    match found.as_str() {
        "image/gif" => head.starts_with(b"GIF87a") || head.starts_with(b"GIF89a"),
        "image/webp" => head.starts_with(b"RIFF"),
        "image/png" => head.starts_with(b"\x89PNG\r\n\x1a\n"),
        "image/jpeg" => head.get(3).is_some_and(|marker| *marker >= 0xc0), // the first segment's
        "image/bmp" => has_bmp_header(head).is_some_and(|has| has),
        "image/vnd.microsoft.icon" => has_ico_header(head).is_some_and(|has| has),
        "image/vnd.ms-photo" => head.get(3).is_some_and(|version| *version <= 1),
        "image/vnd.adobe.photoshop" => matches!(head.get(4..6), Some([0, 1 | 2])), // the version
        "image/vnd.dwg" => matches!(head.get(5..7), Some([0, _] | [_, 0])), // behind a version in ASCII
        // Of JPEG XL without a container only two bytes are always the same.
        "image/jxl" if head.starts_with(b"\xff\x0a") => said == found,
        _ => true,
    }
}

/// Whether a BMP's header has a size that there is, and one plane
/// (<https://learn.microsoft.com/en-us/windows/win32/gdi/bitmap-header-types>). `None` if it ends too early.
fn has_bmp_header(head: &[u8]) -> Option<bool> {
    let length = u32::from_le_bytes(*head.get(14..)?.first_chunk()?);
    let planes_at = match length {
        12 => 22,
        16 | 40 | 52 | 56 | 64 | 108 | 124 => 26,
        _ => return Some(false),
    };
    let pixels_at = u32::from_le_bytes(*head.get(10..)?.first_chunk()?);
    Some(head.get(planes_at..planes_at + 2)? == [1, 0] && pixels_at >= 14 + length)
}

/// Whether the list of an icon's pictures has any, and the first lies behind the list. `None` if it ends too early.
fn has_ico_header(head: &[u8]) -> Option<bool> {
    let count = u32::from(u16::from_le_bytes(*head.get(4..)?.first_chunk()?));
    let first_at = u32::from_le_bytes(*head.get(18..)?.first_chunk()?);
    Some(count > 0 && first_at >= 6 + 16 * count)
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

    #[test]
    fn what_begins_like_a_picture_by_chance_is_none() {
        for (head, said) in [
            (&b"GIFTS,amount\nAnn,3\n"[..], "text/csv"),
            (b"BMW offer, valid until May 2027, for all cars", "text/plain"),
            (b"What is WEBP? A format.", "text/plain"),
            (b"8BPSX is not Photoshop's", "text/plain"),
            (b"AC1015,3,bolts", "text/csv"),
            (b"II\xbcI", "text/plain"),
            (b"\xff\xd8\xff\x00\x01", "audio/l16"),
            (b"\x89PNG\n\x1a\n as text", "application/octet-stream"),
            (b"\xff\x0a\x00\x01", "application/octet-stream"),
            (b"\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", "application/octet-stream"),
        ] {
            let said: MediaType = said.parse().unwrap();
            assert_eq!(recognise(head, &said), Ok(Content::Other(said)), "{}", head.escape_ascii());
        }
        assert_eq!(recognise(b"BM", &"image/bmp".parse().unwrap()), Err(FileRefusal::WrongType));
    }

    #[test]
    fn a_picture_is_known_by_its_header() {
        use image::ImageFormat::{Gif, Png, WebP};
        let encoded = |format| {
            let mut bytes = std::io::Cursor::new(Vec::new());
            image::RgbaImage::new(2, 2).write_to(&mut bytes, format).unwrap();
            bytes.into_inner()
        };
        let bmp = b"BM\x3a\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x01\0\0\0\x01\0\0\0\x01\0\x18\0\0\0\0\0";
        let old_bmp = b"BM\x1e\0\0\0\0\0\0\0\x1a\0\0\0\x0c\0\0\0\x01\0\x01\0\x01\0\x18\0\0\0\0\0";
        let ico = b"\0\0\x01\0\x01\0\x10\x10\0\0\x01\0\x20\0\x68\x04\0\0\x16\0\0\0";
        for (head, media_type) in [
            (encoded(Gif), "image/gif"),
            (encoded(Png), "image/png"),
            (encoded(WebP), "image/webp"),
            (b"\xff\xd8\xff\xe0\0\x10JFIF\0".to_vec(), "image/jpeg"),
            (b"\xff\xd8\xff\xff\xe1".to_vec(), "image/jpeg"),
            (bmp.to_vec(), "image/bmp"),
            (old_bmp.to_vec(), "image/bmp"),
            (ico.to_vec(), "image/vnd.microsoft.icon"),
            (b"8BPS\0\x01\0\0".to_vec(), "image/vnd.adobe.photoshop"),
            (b"II\xbc\x01\x08\0\0\0".to_vec(), "image/vnd.ms-photo"),
            (b"AC1015\0\0\0\0\0\x06".to_vec(), "image/vnd.dwg"),
        ] {
            let content = recognise(&head, &"application/octet-stream".parse().unwrap()).unwrap();
            assert_eq!(content.media_type().as_str(), media_type);
            assert!(!matches!(content, Content::Other(_)), "{media_type}");
        }
        let jxl: MediaType = "image/jxl".parse().unwrap();
        assert_eq!(recognise(b"\xff\x0a\x7a\x45", &jxl), Ok(Content::OtherPicture(jxl.clone())));
    }
}
