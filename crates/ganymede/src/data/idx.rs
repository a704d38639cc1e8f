//! IDX, the format of MNIST and its successors: a magic number, big-endian dimensions, values; plain or gzip.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use super::error::{DataError, Result};
use super::pictures::Pictures;
use super::shaping::{MAX_SIDE, Size, Want};

const UNSIGNED_BYTE: u8 = 0x08;
const MAX_DIMENSIONS: u8 = 4;
/// Larger claims are refused; the largest published set of this format holds well under a tenth.
const MAX_BYTES: u64 = 16 << 30;
/// What is set aside on a header's word alone; beyond it memory grows with what really arrives.
const TRUSTED_BYTES: u64 = 64 << 20;

/// An IDX file of unsigned bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idx {
    /// The dimensions, outermost first: `[count]` for labels, `[count, height, width]` for grey pictures.
    pub dimensions: Vec<usize>,
    /// The values in row-major order, as many as the product of the dimensions.
    pub values: Vec<u8>,
}

impl Idx {
    /// Reads a file, gzip or plain, as its first bytes say.
    ///
    /// # Errors
    /// [`DataError::NotFound`], [`DataError::Unreadable`], or [`DataError::Idx`] naming the field that is wrong.
    pub fn read(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|source| DataError::reading(path, source))?;
        Self::from_reader(BufReader::new(file), path)
    }

    /// Parses bytes, gzip or plain; `path` is only named in errors.
    ///
    /// # Errors
    /// [`DataError::Idx`] naming the field that is wrong.
    pub fn parse(bytes: &[u8], path: &Path) -> Result<Self> {
        Self::from_reader(bytes, path)
    }

    fn from_reader(mut reader: impl Read, path: &Path) -> Result<Self> {
        let mut start = Vec::new();
        reader
            .by_ref()
            .take(2)
            .read_to_end(&mut start)
            .map_err(|e| DataError::reading(path, e))?;
        let gzip = start == [0x1f, 0x8b];
        let whole = std::io::Cursor::new(start).chain(reader);
        if gzip {
            Self::from_plain(MultiGzDecoder::new(whole), path)
        } else {
            Self::from_plain(whole, path)
        }
    }

    fn from_plain(mut reader: impl Read, path: &Path) -> Result<Self> {
        let bad = |what, expected: &str, got: String| DataError::Idx {
            path: path.to_path_buf(),
            what,
            expected: expected.into(),
            got,
        };
        let mut magic = [0; 4];
        fill(&mut reader, &mut magic, "header", path)?;
        let [zero, zero_too, kind, dimensions] = magic;
        if (zero, zero_too) != (0, 0) {
            return Err(bad(
                "magic number",
                "two zero bytes",
                format!("{zero:#04x} {zero_too:#04x}"),
            ));
        }
        if kind != UNSIGNED_BYTE {
            return Err(bad("value type", "0x08 (unsigned byte)", format!("{kind:#04x}")));
        }
        if !(1..=MAX_DIMENSIONS).contains(&dimensions) {
            return Err(bad("number of dimensions", "1 to 4", dimensions.to_string()));
        }
        let mut sizes = [[0; 4]; MAX_DIMENSIONS as usize];
        let sizes = &mut sizes[..usize::from(dimensions)];
        fill(&mut reader, sizes.as_flattened_mut(), "header", path)?;
        let dimensions: Vec<usize> = sizes.iter().map(|&size| u32::from_be_bytes(size) as usize).collect();
        let length = dimensions
            .iter()
            .try_fold(1u64, |product, &size| product.checked_mul(size as u64));
        let shape = || dimensions.iter().map(usize::to_string).collect::<Vec<_>>().join("x");
        let length = match length {
            Some(0) => return Err(bad("dimensions", "none of them zero", shape())),
            Some(length) if length <= MAX_BYTES => length,
            _ => return Err(bad("dimensions", "a product of at most 16 GiB", shape())),
        };
        let mut values = Vec::with_capacity(length.min(TRUSTED_BYTES) as usize);
        reader
            .take(length + 1)
            .read_to_end(&mut values)
            .map_err(|e| unreadable(e, path))?;
        if values.len() as u64 != length {
            let got = values.len() as u64;
            let got = if got > length {
                format!("more than {length}")
            } else {
                got.to_string()
            };
            return Err(bad("number of values", &format!("{length} ({})", shape()), got));
        }
        Ok(Self { dimensions, values })
    }
}

fn fill(reader: &mut impl Read, bytes: &mut [u8], what: &'static str, path: &Path) -> Result<()> {
    let mut got = Vec::with_capacity(bytes.len());
    reader
        .take(bytes.len() as u64)
        .read_to_end(&mut got)
        .map_err(|e| unreadable(e, path))?;
    if got.len() < bytes.len() {
        return Err(DataError::Idx {
            path: path.to_path_buf(),
            what,
            expected: format!("{} more bytes", bytes.len()),
            got: got.len().to_string(),
        });
    }
    bytes.copy_from_slice(&got);
    Ok(())
}

/// A failure in the middle of a file: damaged gzip data is the file's fault, anything else the system's.
fn unreadable(error: std::io::Error, path: &Path) -> DataError {
    use std::io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    if !matches!(error.kind(), InvalidData | InvalidInput | UnexpectedEof) {
        return DataError::reading(path, error);
    }
    DataError::Idx {
        path: path.to_path_buf(),
        what: "gzip data",
        expected: "a whole gzip stream".into(),
        got: error.to_string(),
    }
}

/// The pictures of an images file, with the labels of a labels file if there is one, shaped as wanted.
///
/// Images are `[count, height, width]` (grey) or `[count, height, width, channels]`; labels `[count]`. Class names are
/// `classes`, or the class numbers.
///
/// # Errors
/// As [`Idx::read`]; [`DataError::Idx`] where the two files do not belong together; [`DataError::ImpossibleShape`].
pub fn open(
    name: &str,
    images: &Path,
    labels: Option<&Path>,
    classes: Option<&[&str]>,
    want: &Want,
) -> Result<Pictures> {
    let pictures = Idx::read(images)?;
    let labels = labels.map(|path| Ok((Idx::read(path)?, path))).transpose()?;
    let labels = labels.as_ref().map(|(labels, path)| (labels, *path));
    assemble(name, (pictures, images), labels, classes, want)
}

/// Joins an images file and a labels file that have been read.
pub(crate) fn assemble(
    name: &str,
    (images, images_path): (Idx, &Path),
    labels: Option<(&Idx, &Path)>,
    classes: Option<&[&str]>,
    want: &Want,
) -> Result<Pictures> {
    let bad = |path: &Path, what, expected: String, got: String| DataError::Idx {
        path: path.to_path_buf(),
        what,
        expected,
        got,
    };
    let size = match *images.dimensions {
        [_, height, width] => Size {
            height,
            width,
            channels: 1,
        },
        [_, height, width, channels] => Size {
            height,
            width,
            channels,
        },
        ref other => {
            let got = format!("{} (labels, perhaps)", other.len());
            return Err(bad(images_path, "number of dimensions of images", "3 or 4".into(), got));
        }
    };
    if size.height > MAX_SIDE || size.width > MAX_SIDE || size.channels > 4 {
        let got = format!("{}x{}x{}", size.height, size.width, size.channels);
        let expected = format!("at most {MAX_SIDE}x{MAX_SIDE}x4");
        return Err(bad(images_path, "picture size", expected, got));
    }
    let count = images.dimensions[0];
    let mut numbers = Vec::new();
    let mut names = None;
    if let Some((labels, path)) = labels {
        if labels.dimensions.len() != 1 {
            let got = labels.dimensions.len().to_string();
            return Err(bad(path, "number of dimensions of labels", "1".into(), got));
        }
        if labels.dimensions[0] != count {
            let got = labels.dimensions[0].to_string();
            return Err(bad(path, "number of labels", format!("{count}, one a picture"), got));
        }
        let most = labels.values.iter().copied().max().unwrap_or(0);
        let known = match classes {
            Some(classes) => classes.iter().map(|&class| class.into()).collect(),
            None => (0..=most).map(|class| class.to_string()).collect::<Vec<String>>(),
        };
        if usize::from(most) >= known.len() {
            return Err(bad(
                path,
                "label",
                format!("a class below {}", known.len()),
                most.to_string(),
            ));
        }
        numbers = labels.values.iter().copied().map(u32::from).collect();
        names = Some(known);
    }
    Pictures::new(name.into(), images.values, size, numbers, names, want)
}

/// The labels file that belongs to an images file by its name (`images-idx3` becomes `labels-idx1`), gzip or plain.
pub(crate) fn labels_beside(images: &Path) -> Option<PathBuf> {
    let name = images.file_name()?.to_str()?;
    if !name.contains("images") {
        return None;
    }
    let name = name
        .replace("images", "labels")
        .replace("idx3", "idx1")
        .replace("idx4", "idx1");
    let plain = name.strip_suffix(".gz").unwrap_or(&name);
    [name.clone(), plain.into(), format!("{plain}.gz")]
        .into_iter()
        .map(|name| images.with_file_name(name))
        .find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Dataset;
    use proptest::prelude::*;
    use std::io::Write;

    fn bytes(dimensions: &[u32], values: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, 0, 8, dimensions.len() as u8];
        bytes.extend(dimensions.iter().flat_map(|size| size.to_be_bytes()));
        bytes.extend(values);
        bytes
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn message(bytes: &[u8]) -> String {
        Idx::parse(bytes, Path::new("f")).unwrap_err().to_string()
    }

    #[test]
    fn plain_and_gzip_give_the_same() {
        let plain = bytes(&[2, 1, 3], &[1, 2, 3, 4, 5, 6]);
        let parsed = Idx::parse(&plain, Path::new("f")).unwrap();
        assert_eq!(
            parsed,
            Idx {
                dimensions: vec![2, 1, 3],
                values: vec![1, 2, 3, 4, 5, 6]
            }
        );
        assert_eq!(Idx::parse(&gzip(&plain), Path::new("f")).unwrap(), parsed);
    }

    #[test]
    fn every_bound_is_named() {
        assert_eq!(message(b""), "bad IDX file: header: expected 4 more bytes, got 0: f");
        assert_eq!(
            message(b"\x00"),
            "bad IDX file: header: expected 4 more bytes, got 1: f"
        );
        assert_eq!(
            message(b"PNG!"),
            "bad IDX file: magic number: expected two zero bytes, got 0x50 0x4e: f"
        );
        assert_eq!(
            message(&[0, 0, 13, 1]),
            "bad IDX file: value type: expected 0x08 (unsigned byte), got 0x0d: f"
        );
        assert_eq!(
            message(&[0, 0, 8, 0]),
            "bad IDX file: number of dimensions: expected 1 to 4, got 0: f"
        );
        assert_eq!(
            message(&[0, 0, 8, 2, 0]),
            "bad IDX file: header: expected 8 more bytes, got 1: f"
        );
        assert_eq!(
            message(&bytes(&[2, 0], &[])),
            "bad IDX file: dimensions: expected none of them zero, got 2x0: f"
        );
        assert_eq!(
            message(&bytes(&[u32::MAX; 4], &[1])),
            "bad IDX file: dimensions: expected a product of at most 16 GiB, got 4294967295x4294967295x4294967295x4294967295: f"
        );
        assert_eq!(
            message(&bytes(&[2, 2], &[1])),
            "bad IDX file: number of values: expected 4 (2x2), got 1: f"
        );
        assert_eq!(
            message(&bytes(&[2], &[1, 2, 3])),
            "bad IDX file: number of values: expected 2 (2), got more than 2: f"
        );
        // A claim of 15 GiB with nothing behind it fails without setting the memory aside.
        assert!(message(&bytes(&[15 << 20, 1024], &[7])).ends_with("got 1: f"));
        let mut cut = gzip(&bytes(&[1000], &[7; 1000]));
        cut.truncate(20);
        assert!(message(&cut).starts_with("bad IDX file: gzip data: expected a whole gzip stream, got "));
    }

    #[test]
    fn files_that_do_not_belong_together() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            path
        };
        let images = file("a-images-idx3-ubyte", &bytes(&[2, 1, 1], &[0, 255]));
        let labels = file("a-labels-idx1-ubyte.gz", &gzip(&bytes(&[2], &[0, 3])));
        let three = file("three", &bytes(&[3], &[0, 1, 2]));
        assert_eq!(labels_beside(&images).as_ref(), Some(&labels));
        assert_eq!(labels_beside(&three), None);

        let data = open("a", &images, Some(&labels), None, &Want::default()).unwrap();
        assert_eq!(data.example(1).unwrap(), (vec![1.0], 3));
        assert_eq!(data.classes().unwrap(), ["0", "1", "2", "3"]);

        let message = |images: &Path, labels: &Path, classes| {
            let error = open("a", images, Some(labels), classes, &Want::default()).unwrap_err();
            error.to_string().replace(&folder.path().display().to_string(), "")
        };
        assert_eq!(
            message(&images, &three, None),
            "bad IDX file: number of labels: expected 2, one a picture, got 3: /three"
        );
        assert_eq!(
            message(&images, &labels, Some(&["x", "y"])),
            "bad IDX file: label: expected a class below 2, got 3: /a-labels-idx1-ubyte.gz"
        );
        assert_eq!(
            message(&three, &labels, None),
            "bad IDX file: number of dimensions of images: expected 3 or 4, got 1 (labels, perhaps): /three"
        );
        assert_eq!(
            message(&images, &images, None),
            "bad IDX file: number of dimensions of labels: expected 1, got 3: /a-images-idx3-ubyte"
        );
        assert!(matches!(
            open("a", &folder.path().join("none"), None, None, &Want::default()),
            Err(DataError::NotFound { .. })
        ));
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(bytes: Vec<u8>) {
            let _ = Idx::parse(&bytes, Path::new("f"));
        }

        #[test]
        fn random_headers_never_panic(kind in 0u8..16, sizes in prop::collection::vec(0u32.., 0..6), values: Vec<u8>) {
            let mut file = bytes(&sizes, &values);
            file[2] = kind;
            let _ = Idx::parse(&file, Path::new("f"));
            let mut packed = gzip(&file);
            let middle = packed.len() / 2;
            packed[middle] ^= 0x5a;
            let _ = Idx::parse(&packed, Path::new("f"));
        }
    }
}
