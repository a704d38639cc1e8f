//! CIFAR-10 and CIFAR-100 in their binary version (Krizhevsky, 2009): 32x32 red-green-blue, plane by plane, behind one label
//! or two.

use std::fs;
use std::path::{Path, PathBuf};

use super::error::{DataError, Result};
use super::pictures::Pictures;
use super::shaping::{Size, Want};

/// The ten classes of CIFAR-10, by class number.
pub const CIFAR_10_CLASSES: [&str; 10] = [
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
];

const SIDE: usize = 32;
const PLANE: usize = SIDE * SIDE;
const PIXELS: usize = 3 * PLANE;

/// Which of the two sets a file belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Set {
    /// A label of ten.
    Ten,
    /// A coarse label of twenty and a fine one of a hundred, which is the one used.
    Hundred,
}

impl Set {
    fn of_name(name: &str) -> Option<Self> {
        let is_batch = |start: &str| name.strip_prefix(start).and_then(|rest| rest.strip_suffix(".bin"));
        if is_batch("data_batch_").or(is_batch("test_batch")).is_some() {
            Some(Self::Ten)
        } else {
            ["train.bin", "test.bin"].contains(&name).then_some(Self::Hundred)
        }
    }

    fn labels(self) -> usize {
        match self {
            Self::Ten => 1,
            Self::Hundred => 2,
        }
    }

    fn classes(self) -> u8 {
        match self {
            Self::Ten => 10,
            Self::Hundred => 100,
        }
    }
}

/// The batches of a split, in order, as their names tell; empty if there are none.
pub(crate) fn files(folder: &Path, split: Option<&str>) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in folder.read_dir().map_err(|e| DataError::reading(folder, e))? {
        let path = entry.map_err(|e| DataError::reading(folder, e))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let is_test = name.starts_with("test");
        if Set::of_name(&name).is_some() && is_test == (split == Some("test")) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Whether a file is named as one of the sets' batches are.
pub(crate) fn is_batch(path: &Path) -> bool {
    path.file_name().and_then(|name| Set::of_name(name.to_str()?)).is_some()
}

/// The pictures of batches that belong together, shaped as wanted. The names of the classes are those of a file
/// `batches.meta.txt` or `fine_label_names.txt` beside them, else the ten that are known, else numbers.
///
/// # Errors
/// [`DataError::BadFile`] for a file that is not a whole number of records, or a label that does not exist;
/// [`DataError::ImpossibleShape`].
pub fn open(name: &str, files: &[PathBuf], want: &Want) -> Result<Pictures> {
    let of_name = |path: &PathBuf| path.file_name().and_then(|name| Set::of_name(name.to_str()?));
    let set = files.first().and_then(of_name).unwrap_or(Set::Ten);
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for path in files {
        let bytes = fs::read(path).map_err(|source| DataError::reading(path, source))?;
        add(&bytes, set, path, &mut pixels, &mut labels)?;
    }
    let size = Size {
        height: SIDE,
        width: SIDE,
        channels: 3,
    };
    let named = ["batches.meta.txt", "fine_label_names.txt"].iter().find_map(|name| {
        let text = fs::read_to_string(files.first()?.with_file_name(name)).ok()?;
        let names: Vec<String> = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .map(Into::into)
            .collect();
        (names.len() == usize::from(set.classes())).then_some(names)
    });
    let classes = named.unwrap_or_else(|| match set {
        Set::Ten => CIFAR_10_CLASSES.map(Into::into).to_vec(),
        Set::Hundred => (0..100).map(|class| class.to_string()).collect(),
    });
    Pictures::new(name.into(), pixels, size, labels, Some(classes), want)
}

/// The labels and values (row, column, channel) of a batch's bytes; of CIFAR-10 unless the length says CIFAR-100.
///
/// # Errors
/// [`DataError::BadFile`].
pub fn parse(bytes: &[u8], path: &Path) -> Result<(Vec<u32>, Vec<u8>)> {
    let is_ten = bytes.len().is_multiple_of(1 + PIXELS);
    let set = if is_ten { Set::Ten } else { Set::Hundred };
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    add(bytes, set, path, &mut pixels, &mut labels)?;
    Ok((labels, pixels))
}

fn add(bytes: &[u8], set: Set, path: &Path, pixels: &mut Vec<u8>, labels: &mut Vec<u32>) -> Result<()> {
    let bad = |what, expected: String, got: String| DataError::BadFile {
        kind: "CIFAR file",
        path: path.into(),
        what,
        expected,
        got,
    };
    let record = set.labels() + PIXELS;
    if bytes.is_empty() || !bytes.len().is_multiple_of(record) {
        let expected = format!("a multiple of {record} bytes");
        return Err(bad("length", expected, format!("{} bytes", bytes.len())));
    }
    pixels.reserve(bytes.len() / record * PIXELS);
    for record in bytes.chunks_exact(record) {
        let (label, planes) = record.split_at(set.labels());
        let label = label[set.labels() - 1];
        if label >= set.classes() {
            return Err(bad(
                "label",
                format!("a class below {}", set.classes()),
                label.to_string(),
            ));
        }
        labels.push(label.into());
        pixels.extend((0..PLANE).flat_map(|pixel| [planes[pixel], planes[PLANE + pixel], planes[2 * PLANE + pixel]]));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Dataset;

    fn record(labels: &[u8], planes: [u8; 3]) -> Vec<u8> {
        let planes = planes.iter().flat_map(|&value| [value; PLANE]);
        labels.iter().copied().chain(planes).collect()
    }

    #[test]
    fn both_sets() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
        put("data_batch_1.bin", &record(&[9], [0, 255, 51]));
        put("data_batch_2.bin", &record(&[3], [0, 0, 0]));
        put("test_batch.bin", &record(&[0], [255, 0, 0]));
        let train = files(folder.path(), None).unwrap();
        let data = open("c", &train, &Want::default()).unwrap();
        assert_eq!((data.len(), data.classes().unwrap()[9].as_str()), (Some(2), "truck"));
        let (x, label) = data.example(0).unwrap();
        assert_eq!(
            (&x[..3], &x[3069..], label),
            (&[-1.0, 1.0, -0.6][..], &[-1.0, 1.0, -0.6][..], 9)
        );
        assert_eq!(files(folder.path(), Some("test")).unwrap().len(), 1);

        let hundred = folder.path().join("train.bin");
        fs::write(&hundred, record(&[4, 99], [1, 2, 3])).unwrap();
        let data = open("c", &[hundred], &Want::default()).unwrap();
        assert_eq!((data.classes().unwrap().len(), data.example(0).unwrap().1), (100, 99));
    }

    #[test]
    fn lies_are_refused() {
        let message = |bytes: &[u8]| parse(bytes, Path::new("c.bin")).unwrap_err().to_string();
        assert_eq!(
            message(&[0; 3000]),
            "bad CIFAR file: length: expected a multiple of 3074 bytes, got 3000 bytes: c.bin"
        );
        assert_eq!(
            message(&record(&[10], [0; 3])),
            "bad CIFAR file: label: expected a class below 10, got 10: c.bin"
        );
    }
}
