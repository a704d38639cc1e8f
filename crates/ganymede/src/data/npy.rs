//! NumPy's arrays: one to a `.npy` file, several to a `.npz` archive. Format: NEP 1, versions 1.0 to 3.0.

use std::borrow::Cow;
use std::fs;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

use flate2::read::DeflateDecoder;

use super::archive::{self, Member};
use super::error::{DataError, Result};
use super::pictures::Pictures;
use super::shaping::{MAX_SIDE, Size, Want};

const MAGIC: &[u8] = b"\x93NUMPY";
/// The largest array of an archive that is unpacked, in bytes.
const MAX_UNPACKED_BYTES: u64 = 4 << 30;
const MAX_DIMENSIONS: usize = 8;

/// An array of numbers in row-major order.
#[derive(Debug, Clone, PartialEq)]
pub struct Array<'a> {
    /// The extents, outermost first.
    pub shape: Vec<usize>,
    number: Number,
    bytes: Cow<'a, [u8]>,
}

/// How a number is written: `|u1`, `<f4` and the like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Number {
    kind: Kind,
    bytes: usize,
    is_big_endian: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Bool,
    Unsigned,
    Signed,
    Float,
}

impl Number {
    fn parse(text: &str) -> Option<Self> {
        let (order, rest) = text.split_at_checked(1)?;
        let (kind, bytes) = rest.split_at_checked(1)?;
        let kind = match kind {
            "b" => Kind::Bool,
            "u" => Kind::Unsigned,
            "i" => Kind::Signed,
            "f" => Kind::Float,
            _ => return None,
        };
        let bytes = bytes.parse().ok().filter(|bytes| match kind {
            Kind::Bool => *bytes == 1,
            Kind::Float => [4, 8].contains(bytes),
            _ => [1, 2, 4, 8].contains(bytes),
        })?;
        let is_big_endian = match order {
            ">" => true,
            "<" => false,
            "|" if bytes == 1 => false,
            _ => return None,
        };
        Some(Self {
            kind,
            bytes,
            is_big_endian,
        })
    }

    fn read(self, bytes: &[u8]) -> f64 {
        let mut word = [0; 8];
        word[..self.bytes].copy_from_slice(bytes);
        if self.is_big_endian {
            word[..self.bytes].reverse();
        }
        let unsigned = u64::from_le_bytes(word);
        let above = 64 - 8 * self.bytes as u32;
        match self.kind {
            Kind::Bool | Kind::Unsigned => unsigned as f64,
            Kind::Signed => ((unsigned << above) as i64 >> above) as f64,
            Kind::Float if self.bytes == 4 => f32::from_bits(unsigned as u32).into(),
            Kind::Float => f64::from_bits(unsigned),
        }
    }
}

impl<'a> Array<'a> {
    /// Reads an array from the bytes of a `.npy` file, which it borrows; `path` is only named in errors.
    ///
    /// # Errors
    /// [`DataError::BadFile`] naming the field that is wrong.
    pub fn parse(bytes: impl Into<Cow<'a, [u8]>>, path: &Path) -> Result<Self> {
        let mut bytes = bytes.into();
        let short = || bad(path, "header", "a whole header", "the end of the file".into());
        if !bytes.starts_with(MAGIC) {
            return Err(bad(path, "magic number", "`\\x93NUMPY`", "something else".into()));
        }
        let major = *bytes.get(6).ok_or_else(short)?;
        let (start, length) = match major {
            1 => (10, bytes.get(8..10).map(|b| u16::from_le_bytes([b[0], b[1]]) as usize)),
            2 | 3 => (
                12,
                bytes
                    .get(8..12)
                    .map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]) as usize),
            ),
            _ => return Err(bad(path, "version", "1, 2 or 3", major.to_string())),
        };
        let header = bytes
            .get(start..)
            .zip(length)
            .and_then(|(rest, length)| rest.get(..length));
        let header = header.ok_or_else(short)?;
        let text = String::from_utf8_lossy(header).into_owned();
        let data = start + header.len();
        let wrong = |what, expected| {
            bad(
                path,
                what,
                expected,
                format!("`{}`", text.trim().chars().take(100).collect::<String>()),
            )
        };
        let descr = value(&text, "descr").and_then(|rest| quoted(rest));
        let number = descr.and_then(Number::parse);
        let number = number.ok_or_else(|| wrong("number type", "u1 to u8, i1 to i8, f4, f8 or b1"))?;
        match value(&text, "fortran_order") {
            Some(order) if order.starts_with("False") => {}
            _ => return Err(wrong("order", "row-major (`fortran_order` False)")),
        }
        let shape = value(&text, "shape").and_then(tuple);
        let shape = shape.ok_or_else(|| wrong("shape", "a tuple of at most 8 whole numbers"))?;
        let count = shape
            .iter()
            .try_fold(number.bytes, |product, &extent| product.checked_mul(extent));
        let got = bytes.len() - data;
        if count != Some(got) {
            let expected = count.map_or("a size that exists".into(), |count| count.to_string());
            return Err(bad(path, "bytes of numbers", &expected, got.to_string()));
        }
        let bytes = match &mut bytes {
            Cow::Borrowed(bytes) => Cow::Borrowed(&bytes[data..]),
            Cow::Owned(bytes) => Cow::Owned(bytes.split_off(data)),
        };
        Ok(Self { shape, number, bytes })
    }

    /// Its numbers, row by row.
    pub fn numbers(&self) -> impl Iterator<Item = f64> {
        self.bytes
            .chunks_exact(self.number.bytes)
            .map(|bytes| self.number.read(bytes))
    }

    /// Class numbers, if it is one line of whole numbers from 0.
    fn classes(&self) -> Option<Vec<u32>> {
        let is_line = self.shape.len() == 1 || (self.shape.len() == 2 && self.shape[1] == 1);
        let class = |number: f64| ((0.0..1e6).contains(&number) && number.fract() == 0.0).then_some(number as u32);
        self.numbers()
            .map(class)
            .collect::<Option<Vec<u32>>>()
            .filter(|_| is_line)
    }

    /// As pictures: their size, their values as bytes (number, row, column, channel), and how the array was understood.
    fn pictures(&self, path: &Path) -> Result<(Size, Vec<u8>, String)> {
        let usual = |channels: usize| [1, 3, 4].contains(&channels);
        let (size, layout, is_planar) = match *self.shape {
            [_, height, width] => ((height, width, 1), "number, row, column", false),
            [_, second, height, width] if usual(second) && !usual(width) => {
                ((height, width, second), "number, channel, row, column", true)
            }
            [_, height, width, last] if usual(last) || last == 2 => {
                ((height, width, last), "number, row, column, channel", false)
            }
            [_, 2, height, width] => ((height, width, 2), "number, channel, row, column", true),
            _ => {
                let expected = "(number, row, column), with 1 to 4 channels last or second";
                return Err(bad(path, "shape of pictures", expected, format!("{:?}", self.shape)));
            }
        };
        let (height, width, channels) = size;
        if self.shape[0] == 0 || ![height, width].iter().all(|side| (1..=MAX_SIDE).contains(side)) {
            let expected = format!("pictures of 1 to {MAX_SIDE} pixels a side");
            return Err(bad(path, "shape of pictures", &expected, format!("{:?}", self.shape)));
        }
        let (from, to) = self.range(path)?;
        let byte = |number: f64| ((number - from) * (255.0 / (to - from))).round().clamp(0.0, 255.0) as u8;
        let mut pixels: Vec<u8> = if (self.number.kind, self.number.bytes) == (Kind::Unsigned, 1) {
            self.bytes.to_vec()
        } else {
            self.numbers().map(byte).collect()
        };
        if is_planar && channels > 1 {
            let mut turned = vec![0; channels * height * width];
            for picture in pixels.chunks_exact_mut(turned.len()) {
                for (channel, plane) in picture.chunks_exact(height * width).enumerate() {
                    let places = turned.iter_mut().skip(channel).step_by(channels);
                    places.zip(plane).for_each(|(to, from)| *to = *from);
                }
                picture.copy_from_slice(&turned);
            }
        }
        let note = format!(
            "The array {:?} is read as ({layout}), its values from {from} (black) to {to} (white).",
            self.shape
        );
        let size = Size {
            height,
            width,
            channels,
        };
        Ok((size, pixels, note))
    }

    /// The numbers that mean black and white.
    fn range(&self, path: &Path) -> Result<(f64, f64)> {
        let mut bounds = (f64::INFINITY, f64::NEG_INFINITY);
        let mut is_finite = true;
        for number in self.numbers() {
            is_finite &= number.is_finite();
            bounds = (bounds.0.min(number), bounds.1.max(number));
        }
        let is_float = self.number.kind == Kind::Float;
        match bounds {
            _ if !is_finite => Err(bad(path, "values", "finite numbers", "NaN or infinity".into())),
            _ if self.number.kind == Kind::Bool => Ok((0.0, 1.0)),
            (least, most) if is_float && least >= 0.0 && most <= 1.0 => Ok((0.0, 1.0)),
            (least, most) if is_float && least >= -1.0 && most <= 1.0 => Ok((-1.0, 1.0)),
            (least, most) if least >= 0.0 && most <= 255.0 => Ok((0.0, 255.0)),
            (least, most) if !is_float && least >= 0.0 && most <= 65_535.0 => Ok((0.0, 65_535.0)),
            (least, most) => {
                let expected = "numbers from 0 to 1, -1 to 1, 0 to 255, or 16 bits";
                Err(bad(path, "values", expected, format!("{least} to {most}")))
            }
        }
    }
}

/// What follows a key of the header, which is a Python dictionary.
fn value<'t>(header: &'t str, key: &str) -> Option<&'t str> {
    let at = [format!("'{key}'"), format!("\"{key}\"")]
        .iter()
        .find_map(|quoted| Some(header.find(quoted)? + quoted.len()))?;
    Some(header[at..].trim_start().strip_prefix(':')?.trim_start())
}

fn quoted(text: &str) -> Option<&str> {
    let quote = text.chars().next().filter(|c| ['\'', '"'].contains(c))?;
    text[1..].split_once(quote).map(|(inside, _)| inside)
}

fn tuple(text: &str) -> Option<Vec<usize>> {
    let (inside, _) = text.strip_prefix('(')?.split_once(')')?;
    let parts = inside.split(',').map(str::trim).filter(|part| !part.is_empty());
    let extents: Option<Vec<usize>> = parts.map(|part| part.parse().ok()).collect();
    extents.filter(|extents| extents.len() <= MAX_DIMENSIONS)
}

/// The pictures of a `.npy` file, with the labels beside it, or of a `.npz` archive: its first array of 3 or 4 dimensions,
/// with its first line of whole numbers of the same count as labels.
///
/// Pictures are (number, row, column) for grey ones, with 1 to 4 channels last or second; how an array was understood is
/// said in [`Dataset::notes`](super::Dataset::notes). Numbers are unsigned bytes, 16-bit integers, floats from 0 to 1, -1 to 1
/// or 0 to 255, or booleans, kept as 8 bits.
///
/// # Errors
/// [`DataError::BadFile`] naming what is wrong; [`DataError::NotFound`], [`DataError::Unreadable`],
/// [`DataError::ImpossibleShape`].
pub fn open(name: &str, path: &Path, want: &Want) -> Result<Pictures> {
    let reading = |source| DataError::reading(path, source);
    let bytes = fs::read(path).map_err(reading)?;
    if bytes.starts_with(MAGIC) {
        let labels =
            labels_beside(path).map(|path| Ok((fs::read(&path).map_err(|e| DataError::reading(&path, e))?, path)));
        let labels = labels.transpose()?;
        let labels = labels
            .map(|(bytes, path)| Ok((Array::parse(bytes, &path)?, path)))
            .transpose()?;
        return assemble(name, (&Array::parse(bytes, path)?, path), labels.as_ref(), want);
    }
    let arrays = unpack(&bytes, path)?;
    let pictures = arrays.iter().find(|(array, _)| (3..=4).contains(&array.shape.len()));
    let Some((pictures, pictures_path)) = pictures else {
        let got = arrays
            .iter()
            .map(|(array, _)| format!("{:?}", array.shape))
            .collect::<Vec<_>>()
            .join(", ");
        return Err(bad(path, "arrays", "one of 3 or 4 dimensions", got));
    };
    let belongs = |array: &Array| array.shape.first() == pictures.shape.first() && array.classes().is_some();
    let labels = arrays.iter().find(|(array, _)| belongs(array));
    assemble(name, (pictures, pictures_path), labels, want)
}

/// The arrays of a `.npz` archive, each with its path.
///
/// # Errors
/// [`DataError::BadFile`] for an archive or an array that lies about itself, or one that claims over 4 GiB.
pub fn unpack(bytes: &[u8], path: &Path) -> Result<Vec<(Array<'static>, PathBuf)>> {
    let members = archive::zip(Cursor::new(bytes), path)?;
    let arrays = members.iter().filter(|member| member.name.ends_with(".npy"));
    arrays
        .map(|member| {
            let inside = path.join(&member.name);
            Ok((Array::parse(inflate(bytes, member, &inside)?, &inside)?, inside))
        })
        .collect()
}

fn inflate(bytes: &[u8], member: &Member, path: &Path) -> Result<Vec<u8>> {
    if member.length > MAX_UNPACKED_BYTES {
        return Err(bad(path, "length", "at most 4 GiB", format!("{} bytes", member.length)));
    }
    let packed = usize::try_from(member.start).ok().and_then(|start| bytes.get(start..));
    let packed = packed.and_then(|rest| rest.get(..usize::try_from(member.packed).ok()?));
    let packed = packed.ok_or_else(|| bad(path, "place", "one inside the archive", "one behind it".into()))?;
    if !member.deflated {
        return Ok(packed.to_vec());
    }
    let mut inflated = Vec::new();
    let done = DeflateDecoder::new(packed)
        .take(member.length)
        .read_to_end(&mut inflated);
    done.map_err(|error| bad(path, "packed bytes", "a whole deflate stream", error.to_string()))?;
    Ok(inflated)
}

/// Whether an archive with these members is one of arrays.
pub(crate) fn is_npz(members: &[Member]) -> bool {
    !members.is_empty() && members.iter().all(|member| member.name.ends_with(".npy"))
}

/// The labels of `train_images.npy` are in `train_labels.npy`, those of `x.npy` in `y.npy`.
fn labels_beside(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    let other = [
        ("images", "labels"),
        ("x_", "y_"),
        ("X_", "y_"),
        ("x.", "y."),
        ("X.", "y."),
    ];
    let names = other
        .iter()
        .filter(|(from, _)| name.contains(from))
        .map(|(from, to)| name.replacen(from, to, 1));
    names.map(|name| path.with_file_name(name)).find(|path| path.is_file())
}

fn assemble(
    name: &str,
    (images, path): (&Array, &Path),
    labels: Option<&(Array, PathBuf)>,
    want: &Want,
) -> Result<Pictures> {
    let (size, pixels, note) = images.pictures(path)?;
    let (mut numbers, mut classes) = (Vec::new(), None);
    if let Some((labels, labels_path)) = labels {
        let found = labels.classes();
        numbers = found.ok_or_else(|| {
            let got = format!("{:?}", labels.shape);
            bad(labels_path, "labels", "one line of whole numbers from 0", got)
        })?;
        if numbers.len() != images.shape[0] {
            let expected = format!("{}, one a picture", images.shape[0]);
            return Err(bad(
                labels_path,
                "number of labels",
                &expected,
                numbers.len().to_string(),
            ));
        }
        let most = numbers.iter().copied().max().unwrap_or(0);
        classes = Some((0..=most).map(|class| class.to_string()).collect());
    }
    Ok(Pictures::new(name.into(), pixels, size, numbers, classes, want)?.noting([note]))
}

fn bad(path: &Path, what: &'static str, expected: &str, got: String) -> DataError {
    DataError::bad("NumPy file", path, what, expected, got)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Dataset;

    /// A file as NumPy 2 writes it: the header is padded to a multiple of 64 bytes.
    fn npy(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
        let mut header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
        header += &" ".repeat(63 - (10 + header.len()) % 64);
        header.push('\n');
        let mut bytes = b"\x93NUMPY\x01\0".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(data);
        bytes
    }

    fn numbers(descr: &str, data: &[u8]) -> Vec<f64> {
        let count = data.len() / descr[2..].parse::<usize>().unwrap();
        let bytes = npy(descr, &format!("({count},)"), data);
        Array::parse(bytes, Path::new("a")).unwrap().numbers().collect()
    }

    #[test]
    fn numbers_of_every_kind() {
        assert_eq!(numbers("|u1", &[0, 255]), [0.0, 255.0]);
        assert_eq!(numbers("|i1", &[255]), [-1.0]);
        assert_eq!(numbers("|b1", &[1, 0]), [1.0, 0.0]);
        assert_eq!(numbers("<u2", &[1, 2]), [513.0]);
        assert_eq!(numbers(">u2", &[1, 2]), [258.0]);
        assert_eq!(numbers("<i8", &(-7i64).to_le_bytes()), [-7.0]);
        assert_eq!(numbers(">f4", &1.5f32.to_be_bytes()), [1.5]);
        assert_eq!(numbers("<f8", &(-0.1f64).to_le_bytes()), [-0.1]);
    }

    /// Two pictures of 1x2 pixels in three channels, in both layouts.
    #[test]
    fn layouts_and_ranges() {
        let bytes = |descr, shape, data: &[u8]| {
            let bytes = npy(descr, shape, data);
            let (size, pixels, note) = Array::parse(bytes, Path::new("a"))
                .unwrap()
                .pictures(Path::new("a"))
                .unwrap();
            (size.channels, pixels, note)
        };
        let last: Vec<u8> = (0..12).collect();
        let (channels, pixels, note) = bytes("|u1", "(2, 1, 2, 3)", &last);
        assert_eq!((channels, &pixels), (3, &last));
        assert_eq!(
            note,
            "The array [2, 1, 2, 3] is read as (number, row, column, channel), its values from 0 (black) to 255 (white)."
        );
        let second = [0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11];
        assert_eq!(
            bytes("|u1", "(2, 3, 1, 8)", &[second, second, second, second].concat()).0,
            3
        );
        let (_, pixels, note) = bytes("|u1", "(2, 3, 1, 2)", &second);
        assert_eq!(pixels, last);
        assert!(note.contains("(number, channel, row, column)"), "{note}");

        let floats = |values: &[f32]| values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
        assert_eq!(bytes("<f4", "(1, 1, 3)", &floats(&[0.0, 0.5, 1.0])).1, [0, 128, 255]);
        assert_eq!(bytes("<f4", "(1, 1, 3)", &floats(&[-1.0, 0.0, 1.0])).1, [0, 128, 255]);
        assert_eq!(
            bytes("<f4", "(1, 1, 3)", &floats(&[0.0, 100.4, 255.0])).1,
            [0, 100, 255]
        );
        assert_eq!(bytes("<u2", "(1, 1, 2)", &[0, 0x80, 0xff, 0xff]).1, [128, 255]);
        let message = |descr, shape, data: &[u8]| {
            let array = npy(descr, shape, data);
            Array::parse(array, Path::new("a"))
                .unwrap()
                .pictures(Path::new("a"))
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            message("<f4", "(1, 1, 1)", &floats(&[7e3])),
            "bad NumPy file: values: expected numbers from 0 to 1, -1 to 1, 0 to 255, or 16 bits, got 7000 to 7000: a"
        );
        assert!(message("<f4", "(1, 1, 1)", &floats(&[f32::NAN])).contains("expected finite numbers"));
        assert!(message("|u1", "(1, 9, 9, 9)", &[0; 729]).contains("with 1 to 4 channels last or second"));
    }

    #[test]
    fn lies_are_refused() {
        let message = |bytes: &[u8]| Array::parse(bytes, Path::new("a")).unwrap_err().to_string();
        assert_eq!(
            message(&npy("|u1", "(4000000000, 4000000000, 4000000000)", &[0])),
            "bad NumPy file: bytes of numbers: expected a size that exists, got 1: a"
        );
        assert_eq!(
            message(&npy("|u1", "(1000, 28, 28)", &[0; 9])),
            "bad NumPy file: bytes of numbers: expected 784000, got 9: a"
        );
        assert!(message(&npy("|O8", "(1,)", &[0; 8])).starts_with("bad NumPy file: number type: expected u1 to u8"));
        assert!(message(b"\x93NUMPY\x01\0\xff\xff{").contains("a whole header"));
        assert!(message(b"\x93NUMPY\x09\0").contains("version: expected 1, 2 or 3, got 9"));
    }

    #[test]
    fn an_archive_of_pictures_and_labels() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("set.npz");
        let mut writer = ::zip::ZipWriter::new(fs::File::create(&path).unwrap());
        for (name, bytes) in [
            (
                "y.npy",
                npy("<i8", "(2,)", &[1i64.to_le_bytes(), 0i64.to_le_bytes()].concat()),
            ),
            ("x.npy", npy("|u1", "(2, 1, 2)", &[0, 255, 51, 51])),
        ] {
            use std::io::Write;
            writer
                .start_file(name, ::zip::write::SimpleFileOptions::default())
                .unwrap();
            writer.write_all(&bytes).unwrap();
        }
        writer.finish().unwrap();
        let data = open("set", &path, &Want::default()).unwrap();
        assert_eq!(data.classes().unwrap(), ["0", "1"]);
        assert_eq!(data.example(0).unwrap(), (vec![-1.0, 1.0], 1));
        assert_eq!(data.example(1).unwrap(), (vec![-0.6, -0.6], 0));
    }
}
