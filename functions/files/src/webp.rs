//! WebP pictures without the chunks that do not say how their pixels are shown
//! (<https://www.rfc-editor.org/rfc/rfc9649#section-2>).

use std::collections::BTreeSet;

use img_parts::{
    Bytes,
    riff::{RiffChunk, RiffContent},
    webp::{CHUNK_ALPH, CHUNK_ANIM, CHUNK_ANMF, CHUNK_ICCP, CHUNK_VP8, CHUNK_VP8L, CHUNK_VP8X, WebP},
};

/// The id of a chunk.
type Id = [u8; 4];

/// The chunks of a picture in the simple form: it has one.
const OF_SIMPLE: &[Id] = &[CHUNK_VP8, CHUNK_VP8L];
/// The chunks of a picture in the extended form.
const OF_STILL: &[Id] = &[CHUNK_VP8X, CHUNK_ICCP, CHUNK_ALPH, CHUNK_VP8, CHUNK_VP8L];
/// The chunks of a film.
const OF_FILM: &[Id] = &[CHUNK_VP8X, CHUNK_ICCP, CHUNK_ANIM, CHUNK_ANMF];
/// The chunks in a frame of a film.
const OF_FRAME: &[Id] = &[CHUNK_ALPH, CHUNK_VP8, CHUNK_VP8L];

/// The flags of a `VP8X` that say how pixels are shown and are no other chunk's: transparency and animation.
const ALPHA: u8 = 0b0001_0000;
const ANIMATION: u8 = 0b0000_0010;
/// The flag for EXIF data.
const EXIF: u8 = 0b0000_1000;

/// Whether a picture that begins so is in the extended form.
pub(crate) fn is_extended(head: &[u8]) -> bool {
    head.get(12..16) == Some(&CHUNK_VP8X[..])
}

/// The size of a picture in the extended form that begins so. `None` if it has EXIF data: they follow the pixels, and may say that
/// it is turned.
pub(crate) fn size_by_head(head: &[u8]) -> Option<(u32, u32)> {
    let [flags, _, _, _, size @ ..] = head.get(20..)?.first_chunk::<10>()?;
    if flags & EXIF != 0 {
        return None;
    }
    let (width, height) = size.split_at(3);
    let pixels = |bytes: &[u8]| bytes.iter().rev().fold(0, |sum, byte| sum << 8 | u32::from(*byte)) + 1; // little-endian
    Some((pixels(width), pixels(height)))
}

/// Removes everything that does not say how the pixels are shown, with its EXIF data. `None` if what is needed is malformed.
///
/// Where there may be one chunk of a kind, readers take the first, and another would be a place to hide something.
pub(crate) fn retain_needed(webp: &mut WebP) -> Option<()> {
    let chunks = std::mem::take(webp.chunks_mut());
    let first = chunks.first()?;
    let needed = match first.content().data()?.first()? {
        _ if first.id() != CHUNK_VP8X => OF_SIMPLE,
        flags if flags & ANIMATION == 0 => OF_STILL,
        _ => OF_FILM,
    };
    let mut seen = BTreeSet::new();
    for chunk in chunks {
        let id = chunk.id();
        if !needed.contains(&id) || !(seen.insert(id) || id == CHUNK_ANMF) {
            continue;
        }
        let data = chunk.content().data()?;
        let data = match id {
            CHUNK_VP8X => canvas(data)?,
            CHUNK_ANIM => data.get(..6)?.to_vec().into(),
            CHUNK_ANMF => frame(data)?,
            _ => data.clone(),
        };
        webp.chunks_mut().push(RiffChunk::new(id, RiffContent::Data(data)));
    }
    Some(())
}

/// The contents of a `VP8X`, without flags for chunks that are gone and with nothing in its reserved bytes.
fn canvas(data: &[u8]) -> Option<Bytes> {
    let [flags, _, _, _, size @ ..] = data.first_chunk::<10>()?;
    let mut canvas = vec![flags & (ALPHA | ANIMATION), 0, 0, 0];
    canvas.extend(size);
    Some(canvas.into())
}

/// The contents of an `ANMF`: where and for how long the frame is shown, and then chunks of its own.
fn frame(data: &[u8]) -> Option<Bytes> {
    let (place, mut rest) = data.split_at_checked(16)?;
    let mut kept = place.to_vec();
    *kept.last_mut()? &= 0b11; // the other bits are reserved
    let mut seen = BTreeSet::new();
    while let Some((header, tail)) = rest.split_at_checked(8) {
        let (id, length) = header.split_at(4);
        let length = usize::try_from(u32::from_le_bytes(length.try_into().ok()?)).ok()?;
        let contents = tail.get(..length)?;
        let padding = length % 2;
        rest = tail.get(length + padding..).unwrap_or_default();
        if OF_FRAME.iter().any(|needed| needed == id) && seen.insert(id) {
            kept.extend(header);
            kept.extend(contents);
            kept.resize(kept.len() + padding, 0);
        }
    }
    Some(kept.into())
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::{ImageFormat, RgbImage};

    use super::*;
    use crate::picture::examine;

    /// What a program adds, by where: none of it may be left.
    const PRIVATE: &[u8] = b"Berlin";

    fn chunk(id: Id, contents: &[u8]) -> Vec<u8> {
        let length = u32::try_from(contents.len()).unwrap().to_le_bytes();
        let padding = &[0][..contents.len() % 2];
        [&id[..], &length, contents, padding].concat()
    }

    fn file(chunks: &[Vec<u8>]) -> Vec<u8> {
        chunk(*b"RIFF", &[b"WEBP".to_vec(), chunks.concat()].concat())
    }

    /// The `VP8L` of a picture of 4 pixels.
    fn pixels() -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        RgbImage::new(2, 2).write_to(&mut bytes, ImageFormat::WebP).unwrap();
        let webp = WebP::from_bytes(bytes.into_inner().into()).unwrap();
        webp.chunk_by_id(CHUNK_VP8L).unwrap().content().data().unwrap().to_vec()
    }

    /// The `VP8X` of such a picture.
    fn canvas_of(flags: u8) -> Vec<u8> {
        chunk(*b"VP8X", &[&[flags], &PRIVATE[..3], &[1, 0, 0, 1, 0, 0], PRIVATE].concat())
    }

    fn ids(bytes: &[u8]) -> Vec<Id> {
        let webp = WebP::from_bytes(bytes.to_vec().into()).unwrap();
        webp.chunks().iter().map(RiffChunk::id).collect()
    }

    fn stripped(bytes: Vec<u8>) -> Vec<u8> {
        let stripped = examine(bytes).unwrap().stripped;
        assert!(!stripped.windows(3).any(|part| part == &PRIVATE[..3]), "{stripped:?}");
        stripped
    }

    #[test]
    fn a_still_keeps_its_pixels_and_its_colours() {
        let still = file(&[
            canvas_of(0b0010_0100), // a profile and XMP
            chunk(*b"ICCP", b"profile"),
            chunk(*b"VP8L", &pixels()),
            chunk(*b"VP8L", PRIVATE),
            chunk(*b"ANMF", PRIVATE),
            chunk(*b"XMP ", PRIVATE),
            chunk(*b"C2PA", PRIVATE),
            chunk(*b"LIST", &[b"INFO".to_vec(), chunk(*b"IART", PRIVATE)].concat()),
        ]);
        assert_eq!(ids(&stripped(still)), [CHUNK_VP8X, CHUNK_ICCP, CHUNK_VP8L]);
    }

    #[test]
    fn a_simple_picture_keeps_one_chunk() {
        let simple = file(&[chunk(*b"VP8L", &pixels()), chunk(*b"C2PA", PRIVATE), chunk(*b"ANMF", PRIVATE)]);
        assert_eq!(ids(&stripped(simple)), [CHUNK_VP8L]);
    }

    #[test]
    fn a_film_keeps_its_frames_and_they_their_pixels() {
        let place = [0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 100, 0, 0, 0xfe];
        let own = [chunk(*b"VP8L", &pixels()), chunk(*b"C2PA", PRIVATE), chunk(*b"VP8L", PRIVATE)].concat();
        let frame = chunk(*b"ANMF", &[&place[..], &own, PRIVATE].concat());
        let film = file(&[
            canvas_of(0b0000_0110), // animation and XMP
            chunk(*b"ANIM", &[&[0; 6], PRIVATE].concat()),
            frame.clone(),
            chunk(*b"C2PA", PRIVATE),
            frame,
            chunk(*b"VP8L", PRIVATE),
            chunk(*b"XMP ", PRIVATE),
        ]);
        let stripped = stripped(film);
        assert_eq!(ids(&stripped), [CHUNK_VP8X, CHUNK_ANIM, CHUNK_ANMF, CHUNK_ANMF]);
        let place = [&place[..15], &[0b10]].concat();
        let kept = chunk(*b"ANMF", &[place, chunk(*b"VP8L", &pixels())].concat());
        assert!(stripped.ends_with(&kept));
    }

    #[test]
    fn a_frame_that_ends_too_early_is_malformed() {
        let pixels = chunk(*b"VP8L", &pixels());
        for cut in [&[0; 15][..], &[&[0; 16], &pixels[..pixels.len() - 2]].concat()] {
            assert_eq!(frame(cut), None);
        }
    }
}
