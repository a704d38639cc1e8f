//! One picture file to bytes, distrusting it: limits from the header first, then a whole decode or an error.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use image::metadata::Orientation;
use image::{ColorType, DynamicImage, ImageDecoder, ImageReader, Limits};

use super::error::{DataError, Result};
use super::listing::{Item, Listing};
use super::shaping::{Shaper, Size, Want};
#[cfg(feature = "svg")]
use super::svg;

/// Longest side of a picture file that is decoded, in pixels.
const MAX_FILE_SIDE: u32 = 32_768;
/// Most pixels of a picture file that is decoded.
const MAX_FILE_PIXELS: u64 = 100_000_000;
/// Largest picture file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 512 << 20;
/// What is read of a file to know its header, in bytes; the whole of it where that does not reach.
const PREFIX_BYTES: u64 = 64 << 10;

/// The file extensions that are taken for pictures, in lower case.
const EXTENSIONS: [&str; 14] = [
    "png", "jpg", "jpeg", "webp", "gif", "bmp", "tif", "tiff", "pgm", "ppm", "pbm", "pnm", "jfif", "svg",
];

/// Whether a file of this name is taken for a picture.
pub(crate) fn is_picture(name: &str) -> bool {
    let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_lowercase());
    extension.is_some_and(|extension| EXTENSIONS.contains(&extension.as_str()))
}

/// What a file with these bytes is called: the usual extension of its format, of PNG where it is none that is known.
pub(crate) fn extension(bytes: &[u8]) -> &'static str {
    let format = image::guess_format(bytes).unwrap_or(image::ImageFormat::Png);
    format.extensions_str().first().copied().unwrap_or("png")
}

/// The shape of a picture of a list, upright, from its header.
pub(crate) fn probe(listing: &Listing, item: &Item) -> Result<Size> {
    let length = listing.length(item)?;
    check_length(length).map_err(|why| broken(&listing.path(item), why))?;
    let prefix = listing.read(item, PREFIX_BYTES)?;
    let header = match header(&prefix) {
        Err(_) if (prefix.len() as u64) < length => header(&listing.read(item, MAX_FILE_BYTES)?),
        header => header,
    };
    header.map_err(|why| broken(&listing.path(item), why))
}

/// Decodes a picture of a list, upright; drawings are drawn to cover this height and width in pixels.
pub(crate) fn picture(listing: &Listing, item: &Item, cover: Option<(usize, usize)>) -> Result<(Size, Vec<u8>)> {
    let length = listing.length(item)?;
    check_length(length).map_err(|why| broken(&listing.path(item), why))?;
    let bytes = listing.read(item, MAX_FILE_BYTES)?;
    guarded(|| pixels(&bytes, cover)).map_err(|why| broken(&listing.path(item), why))
}

/// Decodes a picture file's bytes, upright; 16-bit values are rounded to 8. `path` is only named in errors.
///
/// Height, width and channels in pixels, and the values row by row.
///
/// # Errors
/// [`DataError::BrokenPicture`].
pub fn decode(path: &Path, bytes: &[u8]) -> Result<([usize; 3], Vec<u8>)> {
    check_length(bytes.len() as u64).map_err(|why| broken(path, why))?;
    let (size, pixels) = guarded(|| pixels(bytes, None)).map_err(|why| broken(path, why))?;
    Ok(([size.height, size.width, size.channels], pixels))
}

/// Reads one picture file, shaped as wanted: its values, row by row.
///
/// # Errors
/// [`DataError::Unreadable`], [`DataError::BrokenPicture`], [`DataError::ImpossibleShape`].
pub fn read(path: &Path, want: &Want) -> Result<Vec<f32>> {
    shaped(
        path,
        &std::fs::read(path).map_err(|error| DataError::reading(path, error))?,
        want,
    )
}

/// What [`read`] makes of a picture file's bytes; `path` is only named in errors.
///
/// # Errors
/// [`DataError::BrokenPicture`], [`DataError::ImpossibleShape`].
pub fn shaped(path: &Path, bytes: &[u8], want: &Want) -> Result<Vec<f32>> {
    check_length(bytes.len() as u64).map_err(|why| broken(path, why))?;
    let (size, pixels) = guarded(|| pixels(bytes, want.size)).map_err(|why| broken(path, why))?;
    let target = want.target(size)?;
    let mut values = vec![0.0; target.bytes()];
    Shaper::with(|shaper| shaper.shape_to_floats(&pixels, size, &mut values, target, want));
    Ok(values)
}

/// Height, width and channels of a picture file, upright, from its first bytes; `path` is only named in errors.
///
/// # Errors
/// [`DataError::BrokenPicture`], also for a header that claims more than is ever decoded.
pub fn shape(path: &Path, bytes: &[u8]) -> Result<[usize; 3]> {
    let size = header(bytes).map_err(|why| broken(path, why))?;
    Ok([size.height, size.width, size.channels])
}

pub(super) fn check_length(length: u64) -> Why<()> {
    match length {
        0 => Err("empty file".into()),
        1..=MAX_FILE_BYTES => Ok(()),
        _ => Err(format!("file of {} MiB, at most 512 are read", length >> 20)),
    }
}

fn broken(path: &Path, why: String) -> DataError {
    DataError::BrokenPicture {
        path: path.to_path_buf(),
        why,
    }
}

type Why<T> = std::result::Result<T, String>;

/// A decoder that panics on a hostile file must not end the run.
pub(super) fn guarded<T>(work: impl FnOnce() -> Why<T>) -> Why<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err("the decoder gave up".into()))
}

fn decoder(bytes: &[u8]) -> Why<(impl ImageDecoder, Orientation, Size)> {
    let reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(reason)?;
    if reader.format().is_none() {
        return Err("not a picture of a known format".into());
    }
    let mut decoder = reader.into_decoder().map_err(reason)?;
    let (width, height) = decoder.dimensions();
    check_sides(width.into(), height.into())?;
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

/// Refuses sides, in pixels, that no picture is decoded to.
pub(crate) fn check_sides(width: u64, height: u64) -> Why<()> {
    if width == 0 || height == 0 {
        return Err(format!("a picture of {width}x{height} pixels"));
    }
    if width.max(height) > MAX_FILE_SIDE.into() || width * height > MAX_FILE_PIXELS {
        return Err(format!(
            "{width}x{height} pixels, at most {MAX_FILE_SIDE} a side and 100 million are decoded"
        ));
    }
    Ok(())
}

fn header(bytes: &[u8]) -> Why<Size> {
    #[cfg(feature = "svg")]
    if svg::is_svg(bytes) {
        return guarded(|| svg::size(bytes));
    }
    guarded(|| decoder(bytes).map(|(_, _, size)| size))
}

#[cfg_attr(not(feature = "svg"), expect(unused_variables))]
fn pixels(bytes: &[u8], cover: Option<(usize, usize)>) -> Why<(Size, Vec<u8>)> {
    #[cfg(feature = "svg")]
    if svg::is_svg(bytes) {
        return svg::pixels(bytes, cover);
    }
    let restored = restored(bytes);
    let bytes = restored.as_deref().unwrap_or(bytes);
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

/// A portable map as it was before a transfer that took it for text made two bytes of every line feed, pixels included: 150 of the 400
/// files of `orl-faces` are such. Nothing where it is none, or where undoing that does not give as many pixels as the header says.
fn restored(bytes: &[u8]) -> Option<Vec<u8>> {
    if !matches!(bytes, [b'P', b'5' | b'6', b'\r', b'\n', ..]) {
        return None;
    }
    let is_added = |(i, byte): &(usize, &u8)| **byte == b'\r' && bytes.get(i + 1) == Some(&b'\n');
    let kept = bytes.iter().enumerate().filter(|at| !is_added(at));
    let undone: Vec<u8> = kept.map(|(_, byte)| *byte).collect();
    let (_, _, size) = decoder(&undone).ok()?;
    let header = undone.len().checked_sub(size.bytes())?;
    let words = std::str::from_utf8(&undone[..header]).ok()?;
    let is_whole = words.ends_with("\n") && words.split_ascii_whitespace().count() == 4;
    is_whole.then_some(undone)
}

/// Whether an end marker follows the last start of a scan: the decoder itself fills what is missing with grey.
fn jpeg_ends(bytes: &[u8]) -> bool {
    let last = |marker: u8| bytes.windows(2).rposition(|pair| pair == [0xff, marker]);
    matches!((last(0xd9), last(0xda)), (Some(end), Some(scan)) if end > scan)
}

/// A decoder's message in this house's style: lower case first.
pub(crate) fn reason(error: impl std::fmt::Display) -> String {
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

/// A sentence on files of a kind that were skipped, with the names of the first and why; none where none was.
pub(crate) fn broken_note(kind: &str, broken: &[(String, String)]) -> Option<String> {
    let named = broken.iter().take(5).map(|(name, why)| format!("`{name}` ({why})"));
    let named: Vec<String> = named.collect();
    (!broken.is_empty()).then(|| format!("{} broken {kind} were skipped: {}.", broken.len(), named.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pixel of level 10 is a line feed, and one of 13 stays where no line feed follows.
    #[test]
    fn maps_that_were_taken_for_text_are_restored() {
        let sound = b"P5\n3 2\n255\n\x01\x0a\x03\x0d\x05\x0a";
        let damaged = b"P5\r\n3 2\r\n255\r\n\x01\x0d\x0a\x03\x0d\x05\x0d\x0a";
        assert_eq!(restored(damaged).as_deref(), Some(&sound[..]));
        let path = Path::new("x.pgm");
        assert_eq!(decode(path, damaged).unwrap(), ([2, 3, 1], vec![1, 10, 3, 13, 5, 10]));
        assert_eq!(decode(path, damaged).unwrap(), decode(path, sound).unwrap());
        // Sound, or damaged otherwise, or no map at all: as it is.
        let short = &damaged[..damaged.len() - 2];
        for other in [&sound[..], short, b"P5\r\n", b"P5\r\n-3 2\r\n255\r\n", b""] {
            assert_eq!(restored(other), None, "{other:?}");
        }
    }
}
