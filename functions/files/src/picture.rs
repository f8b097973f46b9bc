//! Pictures: whether they are whole, what their size is, a thumbnail, and the picture without what a camera wrote into it, such
//! as the place where it was taken.
//!
//! A picture is decoded in bounded memory: what its header says that it needs is compared with the bounds before anything
//! is decoded.

use std::io::Cursor;

use funnelcast_core::file::FileRefusal;
use image::{
    DynamicImage, ImageDecoder, ImageEncoder, ImageFormat, ImageReader, Limits, Rgba, RgbaImage,
    codecs::jpeg::JpegEncoder, imageops::overlay, metadata::Orientation,
};

use crate::{strip, webp};

/// The most pixels of a picture: a browser that shows more may end.
const PIXELS_MAX: u64 = 50_000_000;
/// The most pixels that are decoded. A progressive JPEG takes 9 bytes for each.
const DECODED_PIXELS_MAX: u64 = 25_000_000;
/// The most bytes of a decoded picture: a PNG can have 8 bytes for a pixel.
const DECODED_BYTES_MAX: u64 = 160 * 1024 * 1024;
/// The longest side of a thumbnail, in pixels.
const THUMBNAIL_SIDE: u32 = 640;
/// The largest colour profile of a thumbnail, in bytes.
const PROFILE_BYTES_MAX: usize = 64 * 1024;
/// The quality of a thumbnail, of 100.
const THUMBNAIL_QUALITY: u8 = 80;

/// What has been found out about a picture.
#[derive(Debug)]
pub(crate) struct Picture {
    /// The width in pixels, as it is to be shown.
    pub(crate) width: u32,
    /// The height in pixels, as it is to be shown.
    pub(crate) height: u32,
    /// A small JPEG; `None` for a picture that is too large to be decoded here.
    pub(crate) thumbnail: Option<Vec<u8>>,
    /// The picture without metadata but its orientation and its colour profile.
    pub(crate) stripped: Vec<u8>,
}

/// Examines a picture.
///
/// # Errors
/// [`FileRefusal::Damaged`] if it cannot be decoded to its end; [`FileRefusal::TooManyPixels`].
pub(crate) fn examine(bytes: Vec<u8>) -> Result<Picture, FileRefusal> {
    let format = image::guess_format(&bytes).map_err(|_| FileRefusal::WrongType)?;
    // What is decoded is what others get.
    let (stripped, orientation) = strip::strip(format, bytes.into()).ok_or(FileRefusal::Damaged)?;
    let reader = ImageReader::with_format(Cursor::new(&stripped), format);
    let mut decoder = reader.into_decoder().map_err(|_| FileRefusal::Damaged)?;
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    if pixels > PIXELS_MAX {
        return Err(FileRefusal::TooManyPixels);
    }
    // A film in WebP is decoded as a whole canvas beside each of its pictures.
    let pixels_max = if format == ImageFormat::WebP { DECODED_PIXELS_MAX / 2 } else { DECODED_PIXELS_MAX };
    let thumbnail = if pixels <= pixels_max && decoder.total_bytes() <= DECODED_BYTES_MAX {
        let mut limits = Limits::default();
        limits.max_alloc = Some(DECODED_BYTES_MAX);
        decoder.set_limits(limits).map_err(|_| FileRefusal::TooManyPixels)?;
        let profile = decoder.icc_profile().ok().flatten().filter(|profile| is_of_thumbnails(profile));
        let picture = DynamicImage::from_decoder(decoder).map_err(|_| FileRefusal::Damaged)?;
        Some(thumbnail(picture, orientation, profile)?)
    } else {
        drop(decoder);
        None
    };
    let (width, height) = as_shown((width, height), orientation);
    Ok(Picture { width, height, thumbnail, stripped: stripped.to_vec() })
}

/// The size in pixels, as it is to be shown, of a picture of which only the beginning is read; `None` if that does not tell, as
/// where its header is longer.
pub(crate) fn size_by_head(head: &[u8]) -> Option<(u32, u32)> {
    let formats = [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::Gif, ImageFormat::WebP];
    match image::guess_format(head) {
        Ok(ImageFormat::WebP) if webp::is_extended(head) => webp::size_by_head(head),
        Ok(format) if formats.contains(&format) => {
            let mut decoder = ImageReader::with_format(Cursor::new(head), format).into_decoder().ok()?;
            let orientation = decoder.orientation().ok()?;
            Some(as_shown(decoder.dimensions(), orientation))
        }
        _ => {
            let size = imagesize::blob_size(head).ok()?; // HEIC and AVIF, as they are shown
            Some((u32::try_from(size.width).ok()?, u32::try_from(size.height).ok()?))
        }
    }
}

/// The size of a picture as it is to be shown.
const fn as_shown((width, height): (u32, u32), orientation: Orientation) -> (u32, u32) {
    match orientation {
        Orientation::Rotate90
        | Orientation::Rotate270
        | Orientation::Rotate90FlipH
        | Orientation::Rotate270FlipH => (height, width),
        _ => (width, height),
    }
}

/// Whether a colour profile is one that a thumbnail can have: small, and of red, green and blue (ICC.1:2022, 7.2.6).
fn is_of_thumbnails(profile: &[u8]) -> bool {
    profile.len() <= PROFILE_BYTES_MAX && profile.get(16..20) == Some(b"RGB ")
}

/// A small JPEG of a picture: turned as it is to be shown, on white where it is transparent, and with its colour profile.
fn thumbnail(
    picture: DynamicImage,
    orientation: Orientation,
    profile: Option<Vec<u8>>,
) -> Result<Vec<u8>, FileRefusal> {
    let is_large = picture.width().max(picture.height()) > THUMBNAIL_SIDE;
    let mut small = if is_large { picture.thumbnail(THUMBNAIL_SIDE, THUMBNAIL_SIDE) } else { picture };
    small.apply_orientation(orientation);
    let mut flat = RgbaImage::from_pixel(small.width(), small.height(), Rgba([255; 4]));
    overlay(&mut flat, &small.to_rgba8(), 0, 0);
    let flat = DynamicImage::from(flat).to_rgb8();
    let mut jpeg = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut jpeg, THUMBNAIL_QUALITY);
    if let Some(profile) = profile {
        encoder.set_icc_profile(profile).map_err(|_| FileRefusal::Damaged)?;
    }
    encoder.encode_image(&flat).map_err(|_| FileRefusal::Damaged)?;
    Ok(jpeg)
}

#[cfg(test)]
mod tests {
    use img_parts::{
        Bytes, ImageEXIF,
        jpeg::{Jpeg, JpegSegment, markers},
        png::Png,
        webp::WebP,
    };

    use super::*;
    use crate::strip::exif_of;

    /// A red picture with a blue left half, of this size.
    fn drawn(width: u32, height: u32) -> RgbaImage {
        RgbaImage::from_fn(width, height, |x, _| {
            if x < width / 2 { Rgba([0, 0, 255, 255]) } else { Rgba([255, 0, 0, 255]) }
        })
    }

    fn encoded(format: ImageFormat, width: u32, height: u32) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        let picture = DynamicImage::from(drawn(width, height)).to_rgb8();
        DynamicImage::from(picture).write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    const FORMATS: [ImageFormat; 4] =
        [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP, ImageFormat::Gif];

    #[test]
    fn a_picture_has_its_size_and_a_thumbnail_of_its_shape() {
        for format in FORMATS {
            let picture = examine(encoded(format, 1300, 650)).unwrap();
            assert_eq!((picture.width, picture.height), (1300, 650), "{format:?}");
            let thumbnail = image::load_from_memory(&picture.thumbnail.unwrap()).unwrap().to_rgb8();
            assert_eq!(thumbnail.dimensions(), (640, 320), "{format:?}");
            let [left, right] = [10, 630].map(|x| thumbnail.get_pixel(x, 160).0);
            assert!(left[2] > 200 && right[0] > 200, "{format:?}: {left:?} {right:?}");
            assert!(image::load_from_memory(&picture.stripped).is_ok(), "{format:?}");
            let small = examine(encoded(format, 3, 2)).unwrap();
            let thumbnail = image::load_from_memory(&small.thumbnail.unwrap()).unwrap();
            assert_eq!((thumbnail.width(), thumbnail.height()), (3, 2), "{format:?}: nothing is made larger");
        }
    }

    /// A JPEG as a camera writes it: turned, with the place where it was taken, and with a comment.
    fn of_a_camera() -> Vec<u8> {
        let mut jpeg = Jpeg::from_bytes(encoded(ImageFormat::Jpeg, 40, 20).into()).unwrap();
        let mut exif = exif_of(Orientation::Rotate90).to_vec();
        exif.extend(b"GPSLatitude 52.5");
        jpeg.set_exif(Some(exif.into()));
        for (marker, text) in [
            (
                markers::APP1,
                &b"http://ns.adobe.com/xap/1.0/\0<exif:GPSLongitude>13.4</exif:GPSLongitude>"[..],
            ),
            (markers::APP13, b"Photoshop 3.0\0 City Berlin"),
            (markers::COM, b"by Ann"),
        ] {
            let segment = JpegSegment::new_with_contents(marker, Bytes::from(text));
            jpeg.segments_mut().insert(0, segment);
        }
        jpeg.encoder().bytes().to_vec()
    }

    #[test]
    fn a_photo_is_shown_upright_and_does_not_tell_where_it_was_taken() {
        let photo = of_a_camera();
        assert!(contains(&photo, b"GPS") && contains(&photo, b"Berlin"));
        let Picture { width, height, thumbnail, stripped } = examine(photo).unwrap();
        assert_eq!((width, height), (20, 40));
        let thumbnail = thumbnail.unwrap();
        let upright = image::load_from_memory(&thumbnail).unwrap().to_rgb8();
        assert_eq!(upright.dimensions(), (20, 40));
        let [top, bottom] = [2, 37].map(|y| upright.get_pixel(10, y).0);
        assert!(top[2] > 200 && bottom[0] > 200, "{top:?} {bottom:?}");
        for private in [&b"GPS"[..], b"Berlin", b"Ann", b"adobe.com"] {
            assert!(!contains(&stripped, private) && !contains(&thumbnail, private), "{private:?}");
        }
        let mut decoder =
            ImageReader::new(Cursor::new(stripped)).with_guessed_format().unwrap().into_decoder().unwrap();
        assert_eq!(
            decoder.orientation().unwrap(),
            Orientation::Rotate90,
            "else the original would lie on its side"
        );
    }

    #[test]
    fn the_beginning_of_a_picture_tells_its_size_as_it_is_shown() {
        for format in FORMATS {
            let picture = encoded(format, 300, 200);
            assert_eq!(size_by_head(&picture[..picture.len() - 10]), Some((300, 200)), "{format:?}");
        }
        let photo = of_a_camera();
        let pixels_at = photo.windows(2).position(|marker| marker == [0xff, markers::SOS]).unwrap();
        assert_eq!(size_by_head(&photo[..pixels_at + 20]), Some((20, 40)));
        let size_at = photo.windows(2).position(|marker| marker == [0xff, markers::SOF0]).unwrap();
        assert_eq!(size_by_head(&photo[..size_at + 4]), None);
        let mut webp = WebP::from_bytes(encoded(ImageFormat::WebP, 400, 2).into()).unwrap();
        webp.set_exif(Some(exif_of(Orientation::Rotate90)));
        let mut webp = webp.encoder().bytes().to_vec();
        assert_eq!(size_by_head(&webp[..50]), None, "its orientation is at its end");
        webp[20] = 0; // the flags
        assert_eq!(size_by_head(&webp[..50]), Some((400, 2)));
    }

    #[test]
    fn what_other_formats_say_about_themselves_goes_too() {
        let mut png = Png::from_bytes(encoded(ImageFormat::Png, 4, 4).into()).unwrap();
        png.set_exif(Some(exif_of(Orientation::Rotate180)));
        let text = img_parts::png::PngChunk::new(*b"tEXt", Bytes::from("Location\0Berlin"));
        png.chunks_mut().insert(1, text);
        let mut bytes = png.encoder().bytes().to_vec();
        bytes.extend(b"PK\x03\x04 an archive behind the end");
        let stripped = examine(bytes).unwrap().stripped;
        assert!(!contains(&stripped, b"Berlin") && !contains(&stripped, b"archive"));
        assert!(contains(&stripped, b"eXIf"), "its orientation stays");

        let mut webp = WebP::from_bytes(encoded(ImageFormat::WebP, 4, 4).into()).unwrap();
        webp.set_exif(Some(Bytes::from("Exif GPS")));
        let stripped = examine(webp.encoder().bytes().to_vec()).unwrap().stripped;
        assert!(!contains(&stripped, b"GPS"));
    }

    #[test]
    fn what_follows_the_end_of_a_photo_goes_too() {
        let mut photo = of_a_camera();
        photo.extend(b"PK\x03\x04 an archive behind the end");
        let stripped = examine(photo).unwrap().stripped;
        assert!(!contains(&stripped, b"archive") && stripped.ends_with(&[0xff, markers::EOI]));
    }

    #[test]
    fn a_thumbnail_has_the_colours_of_its_picture() {
        let mut profile = vec![0; 128];
        profile[16..20].copy_from_slice(b"RGB ");
        let mut png = Vec::new();
        let mut encoder = image::codecs::png::PngEncoder::new(&mut png);
        encoder.set_icc_profile(profile.clone()).unwrap();
        encoder.write_image(&[9; 12], 2, 2, image::ExtendedColorType::Rgb8).unwrap();
        let thumbnail = examine(png).unwrap().thumbnail.unwrap();
        let mut decoder = image::codecs::jpeg::JpegDecoder::new(Cursor::new(thumbnail)).unwrap();
        assert_eq!(decoder.icc_profile().unwrap(), Some(profile));
    }

    #[test]
    fn a_comment_among_the_scans_goes_too() {
        let mut photo = of_a_camera();
        let end = photo.len() - 2;
        photo.splice(end..end, *b"\xff\xfe\x00\x08secret");
        let stripped = examine(photo).unwrap().stripped;
        assert!(!contains(&stripped, b"secret") && image::load_from_memory(&stripped).is_ok());
    }

    #[test]
    fn of_a_gif_only_the_pictures_and_how_often_they_are_repeated_stay() {
        let mut gif = encoded(ImageFormat::Gif, 4, 4);
        let begin = 13 + if gif[10] & 0x80 == 0 { 0 } else { 3 << ((gif[10] & 7) + 1) };
        let extensions: [&[u8]; 3] = [
            b"\x21\xfe\x06Berlin\x00",
            b"\x21\xff\x0bXMP DataXMP\x03<x>\x00",
            b"\x21\xff\x0bNETSCAPE2.0\x03\x01\x00\x00\x00",
        ];
        gif.splice(begin..begin, extensions.concat());
        gif.extend(b"<script>");
        let stripped = examine(gif).unwrap().stripped;
        assert!(contains(&stripped, b"NETSCAPE") && image::load_from_memory(&stripped).is_ok());
        for private in [&b"Berlin"[..], b"XMP", b"script"] {
            assert!(!contains(&stripped, private), "{private:?}");
        }
    }

    #[test]
    fn a_large_colour_profile_goes_before_anybody_unpacks_it() {
        let mut png = Png::from_bytes(encoded(ImageFormat::Png, 4, 4).into()).unwrap();
        let profile = img_parts::png::PngChunk::new(*b"iCCP", Bytes::from(vec![7; 20_000]));
        png.chunks_mut().insert(1, profile);
        let stripped = examine(png.encoder().bytes().to_vec()).unwrap().stripped;
        assert!(!contains(&stripped, b"iCCP"));
    }

    #[test]
    fn a_picture_that_ends_too_early_is_damaged() {
        for format in FORMATS {
            let whole = encoded(format, 300, 300);
            for cut in [1, 20, whole.len() / 2, whole.len() - 40] {
                let result = examine(whole[..whole.len() - cut].to_vec());
                assert!(result.is_err(), "{format:?} without its last {cut} bytes");
            }
        }
    }

    #[test]
    fn a_bomb_is_refused_before_it_is_decoded() {
        let bomb = |side: u32, colour| {
            let mut bytes = Vec::new();
            let encoder = image::codecs::png::PngEncoder::new(&mut bytes);
            encoder.write_image(&[0; 4], 2, 2, colour).unwrap();
            bytes[16..20].copy_from_slice(&side.to_be_bytes());
            bytes[20..24].copy_from_slice(&side.to_be_bytes());
            let checksum = crc(&bytes[12..29]);
            bytes[29..33].copy_from_slice(&checksum.to_be_bytes());
            bytes
        };
        assert_eq!(
            examine(bomb(10_000, image::ExtendedColorType::L8)).unwrap_err(),
            FileRefusal::TooManyPixels
        );
        assert_eq!(
            examine(bomb(65_000, image::ExtendedColorType::L8)).unwrap_err(),
            FileRefusal::TooManyPixels
        );
        assert_eq!(
            examine(bomb(4_900, image::ExtendedColorType::L8)).unwrap_err(),
            FileRefusal::Damaged,
            "it has no pixels"
        );
    }

    #[test]
    fn a_large_picture_has_no_thumbnail() {
        let picture = image::GrayImage::new(5_100, 5_100);
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, ImageFormat::Png).unwrap();
        let examined = examine(bytes.into_inner()).unwrap();
        assert_eq!((examined.width, examined.height, examined.thumbnail), (5_100, 5_100, None));
    }

    fn contains(bytes: &[u8], part: &[u8]) -> bool {
        bytes.windows(part.len()).any(|window| window == part)
    }

    /// The checksum of a chunk of a PNG (<https://www.w3.org/TR/png-3/#D-CRCAppendix>).
    fn crc(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(!0, |crc, byte| {
            (0..8).fold(
                crc ^ u32::from(*byte),
                |crc: u32, _| {
                    if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 }
                },
            )
        })
    }
}
