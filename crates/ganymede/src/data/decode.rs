//! One picture file to bytes, distrusting it: limits from the header first, then a whole decode or an error.

use std::fs::File;
use std::io::{Cursor, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use image::metadata::Orientation;
use image::{ColorType, DynamicImage, ImageDecoder, ImageReader, Limits};

use super::error::{DataError, Result};
use super::shaping::Size;

/// Longest side of a picture file that is decoded, in pixels.
const MAX_FILE_SIDE: u32 = 32_768;
/// Most pixels of a picture file that is decoded.
const MAX_FILE_PIXELS: u64 = 100_000_000;
/// Largest picture file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 512 << 20;
/// What is read of a file to know its header and its part of a folder's digest, in bytes.
pub(crate) const PREFIX_BYTES: u64 = 256 << 10;

/// What is known of a picture file without decoding it.
#[derive(Debug)]
pub(crate) struct Probe {
    /// Size after turning the picture upright.
    pub(crate) size: Size,
}

/// The file extensions that are taken for pictures, in lower case.
pub(crate) const EXTENSIONS: [&str; 4] = ["png", "jpg", "jpeg", "webp"];

/// The first [`PREFIX_BYTES`] of a file and its length.
pub(crate) fn prefix(path: &Path) -> Result<(Vec<u8>, u64)> {
    let read = || {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        let mut bytes = Vec::with_capacity(length.min(PREFIX_BYTES) as usize);
        file.take(PREFIX_BYTES).read_to_end(&mut bytes)?;
        Ok((bytes, length))
    };
    read().map_err(|source| DataError::reading(path, source))
}

/// Reads the header of a picture from its first bytes, or from the whole file where those do not reach.
pub(crate) fn probe(path: &Path, prefix: &[u8], length: u64) -> Result<Probe> {
    check_length(path, length)?;
    let header = match header(prefix) {
        Err(_) if (prefix.len() as u64) < length => header(&read(path)?),
        header => header,
    };
    header.map(|size| Probe { size }).map_err(|why| broken(path, why))
}

/// The bytes of a picture file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    let reading = |source| DataError::reading(path, source);
    check_length(path, path.metadata().map_err(reading)?.len())?;
    std::fs::read(path).map_err(reading)
}

/// Decodes a picture file's bytes, upright; 16-bit values are rounded to 8.
pub(crate) fn decode(path: &Path, bytes: &[u8]) -> Result<(Size, Vec<u8>)> {
    check_length(path, bytes.len() as u64)?;
    // A decoder that panics on a hostile file must not end the run.
    catch_unwind(AssertUnwindSafe(|| pixels(bytes)))
        .unwrap_or_else(|_| Err("the decoder gave up".into()))
        .map_err(|why| broken(path, why))
}

fn check_length(path: &Path, length: u64) -> Result<()> {
    match length {
        0 => Err(broken(path, "empty file".into())),
        1..=MAX_FILE_BYTES => Ok(()),
        _ => Err(broken(
            path,
            format!("file of {} MiB, at most 512 are read", length >> 20),
        )),
    }
}

fn broken(path: &Path, why: String) -> DataError {
    DataError::BrokenPicture {
        path: path.to_path_buf(),
        why,
    }
}

type Why<T> = std::result::Result<T, String>;

fn decoder(bytes: &[u8]) -> Why<(impl ImageDecoder, Orientation, Size)> {
    let reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(reason)?;
    if reader.format().is_none() {
        return Err("not a PNG, JPEG or WebP file".into());
    }
    let mut decoder = reader.into_decoder().map_err(reason)?;
    let (width, height) = decoder.dimensions();
    if width == 0 || height == 0 {
        return Err(format!("a picture of {width}x{height} pixels"));
    }
    if width.max(height) > MAX_FILE_SIDE || u64::from(width) * u64::from(height) > MAX_FILE_PIXELS {
        return Err(format!(
            "{width}x{height} pixels, at most {MAX_FILE_SIDE} a side and 100 million are decoded"
        ));
    }
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(1 << 30);
    decoder.set_limits(limits).map_err(reason)?;
    let channels = match decoder.color_type() {
        ColorType::L8 | ColorType::L16 => 1,
        ColorType::La8 | ColorType::La16 => 2,
        ColorType::Rgba8 | ColorType::Rgba16 | ColorType::Rgba32F => 4,
        _ => 3,
    };
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let turned = matches!(
        orientation,
        Orientation::Rotate90 | Orientation::Rotate270 | Orientation::Rotate90FlipH | Orientation::Rotate270FlipH
    );
    let (width, height) = if turned { (height, width) } else { (width, height) };
    Ok((
        decoder,
        orientation,
        Size {
            height: height as usize,
            width: width as usize,
            channels,
        },
    ))
}

fn header(bytes: &[u8]) -> Why<Size> {
    catch_unwind(|| decoder(bytes).map(|(_, _, size)| size)).unwrap_or_else(|_| Err("the decoder gave up".into()))
}

fn pixels(bytes: &[u8]) -> Why<(Size, Vec<u8>)> {
    let (decoder, orientation, size) = decoder(bytes)?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(reason)?;
    if bytes.starts_with(&[0xff, 0xd8]) && !jpeg_ends(bytes) {
        return Err("cut short: no end marker".into());
    }
    picture.apply_orientation(orientation);
    let pixels = match size.channels {
        1 => picture.into_luma8().into_raw(),
        2 => picture.into_luma_alpha8().into_raw(),
        4 => picture.into_rgba8().into_raw(),
        _ => picture.into_rgb8().into_raw(),
    };
    Ok((size, pixels))
}

/// Whether an end marker follows the last start of a scan: the decoder itself fills what is missing with grey.
fn jpeg_ends(bytes: &[u8]) -> bool {
    let last = |marker: u8| bytes.windows(2).rposition(|pair| pair == [0xff, marker]);
    matches!((last(0xd9), last(0xda)), (Some(end), Some(scan)) if end > scan)
}

/// A decoder's message in this house's style: lower case first.
fn reason(error: impl std::fmt::Display) -> String {
    let text = error.to_string();
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_ascii_lowercase());
    first
        .into_iter()
        .chain(characters)
        .collect::<String>()
        .trim_end_matches('.')
        .into()
}
