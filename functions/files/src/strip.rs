//! Pictures without what cameras and programs write into them, and without what follows their end. What says how the pixels are
//! shown stays: the orientation and the colour profile.
//!
//! Nothing is decoded here. A picture is taken apart into its segments, chunks or blocks, and what is not known to be needed
//! goes.

use image::{ImageFormat, metadata::Orientation};
use img_parts::{
    Bytes, ImageEXIF,
    jpeg::{Jpeg, JpegSegment, markers},
    png::Png,
    webp::WebP,
};

use crate::webp;

/// The chunks of a PNG that say how its pixels are shown (<https://www.w3.org/TR/png-3/>).
const PNG_CHUNKS: [&[u8; 4]; 17] = [
    b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"cICP", b"sBIT",
    b"bKGD", b"pHYs", b"acTL", b"fcTL", b"fdAT", b"mDCV",
];

/// The largest compressed colour profile of a PNG, in bytes. Those of screens have some hundreds; a larger one may become a
/// thousand times as large in every viewer.
const PROFILE_BYTES_MAX: usize = 16 * 1024;

/// A picture without what does not say how it is shown, and its orientation. `None` if it has no end.
pub(crate) fn strip(format: ImageFormat, bytes: Bytes) -> Option<(Bytes, Orientation)> {
    match format {
        ImageFormat::Jpeg => strip_jpeg(&bytes),
        ImageFormat::Png => {
            let mut png = Png::from_bytes(bytes).ok()?;
            let orientation = replace_exif(&mut png);
            png.chunks_mut().retain(|chunk| match &chunk.kind() {
                b"iCCP" => chunk.contents().len() <= PROFILE_BYTES_MAX,
                b"eXIf" => orientation != Orientation::NoTransforms,
                kind => PNG_CHUNKS.contains(&kind),
            });
            png.chunk_by_type(*b"IEND")?;
            Some((png.encoder().bytes(), orientation))
        }
        ImageFormat::WebP => {
            let mut webp = WebP::from_bytes(bytes).ok()?;
            let orientation = orientation(&webp);
            webp::retain_needed(&mut webp)?;
            webp.set_exif(own_exif(orientation));
            Some((webp.encoder().bytes(), orientation))
        }
        ImageFormat::Gif => Some((strip_gif(&bytes)?, Orientation::NoTransforms)),
        _ => None,
    }
}

/// Leaves the orientation in a picture's EXIF data and nothing else, and returns it.
fn replace_exif(picture: &mut impl ImageEXIF) -> Orientation {
    let orientation = orientation(picture);
    picture.set_exif(own_exif(orientation));
    orientation
}

/// The orientation that a picture's EXIF data says. A picture whose metadata cannot be read is shown as it lies.
fn orientation(picture: &impl ImageEXIF) -> Orientation {
    let exif = picture.exif();
    exif.and_then(|exif| Orientation::from_exif_chunk(&exif)).unwrap_or(Orientation::NoTransforms)
}

/// The EXIF data of a picture of this orientation; `None` if it needs none.
fn own_exif(orientation: Orientation) -> Option<Bytes> {
    (orientation != Orientation::NoTransforms).then(|| exif_of(orientation))
}

/// The EXIF data of an orientation, and nothing else: a TIFF header and one entry (CIPA DC-008, 4.6.4).
pub(crate) fn exif_of(orientation: Orientation) -> Bytes {
    let mut exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    exif.extend([orientation.to_exif(), 0, 0, 0, 0, 0, 0, 0]);
    exif.into()
}

fn strip_jpeg(bytes: &Bytes) -> Option<(Bytes, Orientation)> {
    // The last segment that is parsed is that of the first scan, and has all the rest.
    let jpeg = Jpeg::from_bytes(bytes.clone()).ok()?;
    let rest = jpeg.segments().last().map(|scan| scan.len_with_entropy() - scan.len())?;
    let begin = bytes.len().checked_sub(rest)?;
    let mut whole = bytes[..begin].to_vec();
    push_scans(&mut whole, &bytes[begin..])?;
    let mut jpeg = Jpeg::from_bytes(whole.into()).ok()?;
    let orientation = replace_exif(&mut jpeg);
    let own = jpeg.exif();
    jpeg.segments_mut().retain(is_needed);
    jpeg.set_exif(own);
    Some((jpeg.encoder().bytes(), orientation))
}

/// Whether a segment of a JPEG says how its pixels are shown.
fn is_needed(segment: &JpegSegment) -> bool {
    let contents = segment.contents();
    match segment.marker() {
        // JFIF, unless it has a small picture of its own, and Adobe's colour transform.
        markers::APP0 => contents.starts_with(b"JFIF\0") && contents.len() == 14,
        markers::APP14 => contents.starts_with(b"Adobe") && contents.len() == 12,
        markers::APP2 => contents.starts_with(b"ICC_PROFILE\0"),
        marker => !is_about_the_picture(marker),
    }
}

/// Whether segments with this marker are of applications, of comments or of extensions that nobody has defined.
fn is_about_the_picture(marker: u8) -> bool {
    matches!(marker, markers::APP0..=markers::APP15 | 0xf0..=0xfd | markers::COM)
}

/// Adds the scans of a JPEG, to the marker of its end. `None` if it has no end, which decoders forgive. Among the pixels `0xff`
/// stands before nothing but a zero or a marker, and a marker that is none of a restart or of the end has a length
/// (<https://www.w3.org/Graphics/JPEG/itu-t81.pdf>, B.1.1).
fn push_scans(whole: &mut Vec<u8>, bytes: &[u8]) -> Option<()> {
    let (mut at, mut kept) = (0, 0);
    loop {
        at += bytes.get(at..)?.iter().position(|byte| *byte == markers::P)? + 1;
        match *bytes.get(at)? {
            0 | markers::RST0..=markers::RST7 => at += 1,
            markers::P => {}
            markers::EOI => {
                whole.extend(&bytes[kept..=at]);
                return Some(());
            }
            marker => {
                let length = usize::from(u16::from_be_bytes(bytes.get(at + 1..at + 3)?.try_into().ok()?));
                let end = at + 1 + length;
                if is_about_the_picture(marker) {
                    whole.extend(bytes.get(kept..at - 1)?);
                    kept = end;
                }
                at = end;
            }
        }
    }
}

/// A GIF without comments, texts and what applications add, except how often it is repeated, and without what follows its
/// trailer. `None` if its blocks end too early (<https://www.w3.org/Graphics/GIF/spec-gif89a.txt>).
fn strip_gif(bytes: &[u8]) -> Option<Bytes> {
    const EXTENSION: u8 = 0x21;
    const GRAPHIC_CONTROL: u8 = 0xf9;
    const APPLICATION: u8 = 0xff;
    const IMAGE: u8 = 0x2c;
    const TRAILER: u8 = 0x3b;
    /// The bytes of a color table that these flags announce.
    fn table(flags: u8) -> usize {
        if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) }
    }
    let header = 13 + table(*bytes.get(10)?);
    let (mut at, mut kept) = (header, bytes.get(..header)?.to_vec());
    loop {
        let begin = at;
        let is_kept = match *bytes.get(at)? {
            TRAILER => {
                kept.push(TRAILER);
                return Some(kept.into());
            }
            IMAGE => {
                at = end_of_blocks(bytes, at + 11 + table(*bytes.get(at + 9)?))?;
                true
            }
            EXTENSION => {
                let label = *bytes.get(at + 1)?;
                let name = bytes.get(at + 3..at + 14);
                at = end_of_blocks(bytes, at + 2)?;
                let repeats = || matches!(name, Some(b"NETSCAPE2.0" | b"ANIMEXTS1.0"));
                // A loop has one block of three bytes behind its name; more would be something else by that name.
                label == GRAPHIC_CONTROL || label == APPLICATION && repeats() && at - begin == 19
            }
            _ => return None,
        };
        if is_kept {
            kept.extend(&bytes[begin..at]);
        }
    }
}

/// Where the blocks of data end that begin here, behind the empty block.
fn end_of_blocks(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let length = usize::from(*bytes.get(at)?);
        at += 1 + length;
        if length == 0 {
            return Some(at);
        }
    }
}
