//! NIfTI-1, the format of volumes in medicine: `.nii`, or `.nii.gz` packed by gzip.
//!
//! Cox et al. 2004, "A (sort of) new image data format standard: NIfTI-1", and its header `nifti1.h`. Read: one volume (of several
//! the first), either order of bytes, whole and floating-point numbers, slope and intercept. Not read: pairs of `.hdr` and `.img`,
//! NIfTI-2, colours, the directions of the axes, but that rows go from the front of the head to its back in a picture and from the
//! back to the front in a file.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

use super::error::{DataError, Result};

/// A volume of numbers as a scanner gives them.
#[derive(Debug, Clone, PartialEq)]
pub struct Scan {
    /// Depth, height and width, in places.
    pub extents: [usize; 3],
    /// The distance of neighbours along each of them, in millimetres.
    pub spacing_mm: [f32; 3],
    /// `[depth, height, width]`, rows from the top.
    pub values: Vec<f32>,
}

/// Bytes of a header.
const HEADER: usize = 348;
/// Where numbers begin in a file of ours: behind the header and four bytes that say that there is no more of it.
const START: usize = 352;
/// The most places of a volume: 512 x 512 x 512.
const MAX_PLACES: usize = 1 << 27;

/// Whether a file of this name is taken for a volume.
pub(crate) fn is_nifti(path: &Path) -> bool {
    let name = path.to_string_lossy().to_lowercase();
    name.ends_with(".nii") || name.ends_with(".nii.gz")
}

/// Reads a volume.
///
/// # Errors
/// [`DataError::BadFile`] naming the field that is wrong, [`DataError::NotFound`], [`DataError::Unreadable`].
pub fn read(path: &Path) -> Result<Scan> {
    let mut file = File::open(path).map_err(|e| DataError::reading(path, e))?;
    let mut start = [0; 2];
    let is_packed = file.read(&mut start).map_err(|e| DataError::reading(path, e))? == 2 && start == [0x1f, 0x8b];
    let file = File::open(path).map_err(|e| DataError::reading(path, e))?;
    let source: Box<dyn Read> = match is_packed {
        true => Box::new(MultiGzDecoder::new(std::io::BufReader::new(file))),
        false => Box::new(std::io::BufReader::new(file)),
    };
    parse(path, source)
}

/// Numbers of a header in its order of bytes.
struct Header {
    bytes: [u8; HEADER],
    is_little: bool,
}

impl Header {
    fn number<const N: usize, T>(&self, at: usize, read: impl Fn([u8; N]) -> T) -> T {
        let mut bytes = [0; N];
        bytes.copy_from_slice(&self.bytes[at..at + N]);
        if !self.is_little {
            bytes.reverse();
        }
        read(bytes)
    }

    fn i16(&self, at: usize) -> i16 {
        self.number(at, i16::from_le_bytes)
    }

    fn f32(&self, at: usize) -> f32 {
        self.number(at, f32::from_le_bytes)
    }
}

/// Reads a volume that is not packed; errors name `path`.
///
/// # Errors
/// As [`read`].
pub fn parse(path: &Path, mut source: impl Read) -> Result<Scan> {
    let bad = |what, expected: &str, got: String| DataError::bad("NIfTI file", path, what, expected, got);
    let mut header = Header {
        bytes: [0; HEADER],
        is_little: true,
    };
    let cut = |_| bad("header", "348 bytes", "fewer, or a damaged archive".into());
    source.read_exact(&mut header.bytes).map_err(cut)?;
    let length = header.number(0, i32::from_le_bytes);
    header.is_little = length == HEADER as i32;
    if !header.is_little && length.swap_bytes() != HEADER as i32 {
        return Err(bad("length of the header", "348, of NIfTI-1", length.to_string()));
    }
    if &header.bytes[344..348] != b"n+1\0" {
        return Err(bad("magic", "`n+1`, header and numbers in one file", "another".into()));
    }
    let dimensions = header.i16(40);
    let extent = |axis: usize| usize::try_from(header.i16(40 + 2 * axis)).unwrap_or(0);
    let extents = [3, 2, 1].map(extent);
    let places = extents
        .iter()
        .try_fold(1usize, |product, extent| product.checked_mul(*extent));
    let places = places.filter(|places| (3..=7).contains(&dimensions) && (1..=MAX_PLACES).contains(places));
    let Some(places) = places else {
        let got = format!("{dimensions} axes of {} x {} x {}", extents[2], extents[1], extents[0]);
        return Err(bad("extents", "three axes and at most 134217728 places", got));
    };
    let kind = header.i16(70);
    let Some(bytes) = bytes_of(kind) else {
        return Err(bad(
            "kind of numbers",
            "whole or floating-point numbers",
            format!("code {kind}"),
        ));
    };
    let start = header.f32(108);
    // A header may be followed by extensions, which are passed over.
    if !(START as f32..=(16 << 20) as f32).contains(&start) {
        return Err(bad(
            "start of the numbers",
            "352 bytes or more into the file",
            start.to_string(),
        ));
    }
    let passed = std::io::copy(
        &mut source.by_ref().take(start as u64 - HEADER as u64),
        &mut std::io::sink(),
    );
    passed.map_err(|_| bad("numbers", "a whole file", "a damaged one".into()))?;
    // What is there is counted before room is made for what should be.
    let mut raw = vec![];
    let wanted = places * bytes;
    let read = source.take(wanted as u64).read_to_end(&mut raw);
    if read.is_err() || raw.len() != wanted {
        return Err(bad(
            "numbers",
            &format!("{wanted} bytes of them"),
            raw.len().to_string(),
        ));
    }
    let (slope, intercept) = (header.f32(112), header.f32(116));
    let is_scaled = slope != 0.0 && slope.is_finite() && intercept.is_finite();
    let (slope, intercept) = if is_scaled { (slope, intercept) } else { (1.0, 0.0) };
    let number = |bytes: &[u8]| number(kind, bytes, header.is_little) * slope + intercept;
    let mut values: Vec<f32> = raw.chunks_exact(bytes).map(number).collect();
    if values.iter().any(|value| !value.is_finite()) {
        return Err(bad("numbers", "finite ones", "some that are not".into()));
    }
    flip_rows(&mut values, extents);
    let spacing = |axis: usize| {
        let millimetres = header.f32(76 + 4 * axis).abs();
        if millimetres.is_normal() { millimetres } else { 1.0 }
    };
    Ok(Scan {
        extents,
        spacing_mm: [3, 2, 1].map(spacing),
        values,
    })
}

/// Bytes of a number by its code.
fn bytes_of(kind: i16) -> Option<usize> {
    Some(match kind {
        2 | 256 => 1,
        4 | 512 => 2,
        8 | 16 | 768 => 4,
        64 => 8,
        _ => return None,
    })
}

fn number(kind: i16, bytes: &[u8], is_little: bool) -> f32 {
    let mut word = [0; 8];
    word[..bytes.len()].copy_from_slice(bytes);
    if !is_little {
        word[..bytes.len()].reverse();
    }
    let [a, b, c, d, ..] = word;
    match kind {
        2 => f32::from(a),
        256 => f32::from(a as i8),
        4 => f32::from(i16::from_le_bytes([a, b])),
        512 => f32::from(u16::from_le_bytes([a, b])),
        8 => i32::from_le_bytes([a, b, c, d]) as f32,
        768 => u32::from_le_bytes([a, b, c, d]) as f32,
        16 => f32::from_le_bytes([a, b, c, d]),
        _ => f64::from_le_bytes(word) as f32,
    }
}

fn flip_rows(values: &mut [f32], [_, height, width]: [usize; 3]) {
    for slice in values.chunks_exact_mut(height * width) {
        for row in 0..height / 2 {
            let (above, below) = slice.split_at_mut((height - 1 - row) * width);
            above[row * width..][..width].swap_with_slice(&mut below[..width]);
        }
    }
}

/// A volume as the bytes of a file: 32-bit floating-point numbers; `about` is kept in the header, its first 79 bytes.
///
/// # Panics
/// Where an extent is above 32,767, or there are not as many values as places.
pub fn encode(scan: &Scan, about: &str) -> Vec<u8> {
    let places: usize = scan.extents.iter().product();
    assert_eq!(scan.values.len(), places, "a value for every place");
    let mut header = [0u8; START];
    let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
    let short = |number: usize| i16::try_from(number).expect("an extent of a volume").to_le_bytes();
    put(0, &(HEADER as i32).to_le_bytes());
    let [depth, height, width] = scan.extents;
    for (axis, number) in [3, width, height, depth, 1, 1, 1, 1].into_iter().enumerate() {
        put(40 + 2 * axis, &short(number));
    }
    put(70, &16i16.to_le_bytes());
    put(72, &32i16.to_le_bytes());
    let [down, back, across] = scan.spacing_mm;
    for (axis, millimetres) in [1.0, across, back, down].into_iter().enumerate() {
        put(76 + 4 * axis, &millimetres.to_le_bytes());
    }
    put(108, &(START as f32).to_le_bytes());
    put(112, &1.0f32.to_le_bytes());
    // Millimetres.
    put(123, &[2]);
    put(148, &about.as_bytes()[..about.len().min(79)]);
    put(344, b"n+1\0");
    let mut values = scan.values.clone();
    flip_rows(&mut values, scan.extents);
    let numbers = values.iter().flat_map(|value| value.to_le_bytes());
    header.into_iter().chain(numbers).collect()
}

/// Writes a volume as [`encode`] has it, packed where the name ends in `.gz`.
///
/// # Errors
/// Where the file cannot be written.
///
/// # Panics
/// As [`encode`].
pub fn write(scan: &Scan, about: &str, path: &Path) -> std::io::Result<()> {
    let bytes = encode(scan, about);
    let mut file = File::create(path)?;
    if path.to_string_lossy().to_lowercase().ends_with(".gz") {
        let mut packed = GzEncoder::new(file, Compression::default());
        packed.write_all(&bytes)?;
        return packed.finish()?.sync_all();
    }
    file.write_all(&bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan() -> Scan {
        Scan {
            extents: [2, 3, 4],
            spacing_mm: [3.0, 2.0, 1.5],
            values: (0..24).map(|i| i as f32 - 7.5).collect(),
        }
    }

    fn bytes() -> Vec<u8> {
        encode(&scan(), "by gany")
    }

    fn parsed(bytes: &[u8]) -> Result<Scan> {
        parse(Path::new("v.nii"), bytes)
    }

    fn message(change: impl Fn(&mut Vec<u8>)) -> String {
        let mut bytes = bytes();
        change(&mut bytes);
        parsed(&bytes).unwrap_err().to_string()
    }

    #[test]
    fn what_is_written_is_read_packed_or_not() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["v.nii", "v.nii.gz"] {
            let path = folder.path().join(name);
            write(&scan(), &"long ".repeat(40), &path).unwrap();
            assert_eq!(read(&path).unwrap(), scan());
        }
        let [plain, packed] = ["v.nii", "v.nii.gz"].map(|name| std::fs::read(folder.path().join(name)).unwrap());
        assert_eq!((plain.len(), &packed[..2]), (352 + 96, &[0x1f, 0x8b][..]));
        // In a file the last row comes first.
        assert_eq!(plain[352..356], (8.0f32 - 7.5).to_le_bytes());
    }

    /// A header by hand, its bytes the other way round: 16-bit numbers, twice as large and one more.
    #[test]
    fn other_bytes_kinds_and_scales() {
        let mut bytes = vec![0; 352];
        bytes[..4].copy_from_slice(&348i32.to_be_bytes());
        for (axis, extent) in [3i16, 2, 1, 1].into_iter().enumerate() {
            bytes[40 + 2 * axis..][..2].copy_from_slice(&extent.to_be_bytes());
        }
        bytes[70..72].copy_from_slice(&4i16.to_be_bytes());
        bytes[80..84].copy_from_slice(&0.5f32.to_be_bytes());
        bytes[108..112].copy_from_slice(&352f32.to_be_bytes());
        bytes[112..116].copy_from_slice(&2f32.to_be_bytes());
        bytes[116..120].copy_from_slice(&1f32.to_be_bytes());
        bytes[344..348].copy_from_slice(b"n+1\0");
        bytes.extend([(-3i16).to_be_bytes(), 300i16.to_be_bytes()].concat());
        let scan = parsed(&bytes).unwrap();
        assert_eq!((scan.extents, scan.values), ([1, 1, 2], vec![-5.0, 601.0]));
        assert_eq!(scan.spacing_mm, [1.0, 1.0, 0.5]);
    }

    #[test]
    fn what_breaks_the_format_is_named() {
        assert_eq!(
            message(|bytes| bytes.truncate(400)),
            "bad NIfTI file: numbers: expected 96 bytes of them, got 48: v.nii"
        );
        assert_eq!(
            message(|bytes| bytes.truncate(100)),
            "bad NIfTI file: header: expected 348 bytes, got fewer, or a damaged archive: v.nii"
        );
        assert_eq!(
            message(|bytes| bytes[0] = 540u16.to_le_bytes()[0]),
            "bad NIfTI file: length of the header: expected 348, of NIfTI-1, got 284: v.nii"
        );
        assert!(message(|bytes| bytes[344] = b'x').contains("magic"));
        assert!(message(|bytes| bytes[40] = 2).contains("got 2 axes of 4 x 3 x 2"));
        assert!(message(|bytes| bytes[70] = 128).contains("got code 128"));
        assert!(message(|bytes| bytes[108..112].fill(0)).contains("start of the numbers"));
        assert!(message(|bytes| bytes[352..356].copy_from_slice(&f32::NAN.to_le_bytes())).contains("finite"));
        // Half a tera of places is refused before room is made for them.
        let huge = message(|bytes| {
            for axis in 1..4 {
                bytes[40 + 2 * axis..][..2].copy_from_slice(&8000i16.to_le_bytes());
            }
        });
        assert!(huge.contains("at most 134217728 places"), "{huge}");
    }
}
