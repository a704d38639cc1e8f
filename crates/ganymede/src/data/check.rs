//! A look at data before training: counts, sizes, balance of the labels, broken and repeated files.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::error::Result;
use super::{Shape, Want, decode, folder, get, open, registry};

/// What [`check`] found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The name or path that was checked.
    pub name: String,
    /// How many examples can be used; `None`: as many as are asked for.
    pub count: Option<u64>,
    /// The shape of one example; `None` where pictures differ in size.
    pub shape: Option<Shape>,
    /// How many pictures there are of each size, most frequent first; empty for points.
    pub sizes: Vec<SizeCount>,
    /// How many examples each class has, by class number; empty without labels.
    pub classes: Vec<ClassCount>,
    /// The files that cannot be used.
    pub broken: Vec<BrokenFile>,
    /// Files whose content an earlier file has too: the later one first. Folders only.
    pub repeated: Vec<(PathBuf, PathBuf)>,
    /// What else a person should know; whole sentences.
    pub notes: Vec<String>,
}

/// A picture size and how many pictures have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SizeCount {
    /// Columns, in pixels.
    pub width: usize,
    /// Rows, in pixels.
    pub height: usize,
    /// How many pictures.
    pub count: u64,
}

/// A class and how many examples it has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClassCount {
    /// The name of the class.
    pub name: String,
    /// How many examples.
    pub count: u64,
}

/// A file that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BrokenFile {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub why: String,
}

impl Report {
    /// Whether nothing is broken.
    pub fn is_sound(&self) -> bool {
        self.broken.is_empty()
    }

    /// The most frequent class's count over the rarest's; 1 is balance, `None` without labels or with an empty class.
    pub fn imbalance(&self) -> Option<f64> {
        let most = self.classes.iter().map(|class| class.count).max()?;
        let fewest = self
            .classes
            .iter()
            .map(|class| class.count)
            .min()
            .filter(|&fewest| fewest > 0)?;
        Some(most as f64 / fewest as f64)
    }
}

/// Checks a data set by whatever [`open`](super::open()) takes. Every picture of a folder is decoded, however many are broken;
/// a fetched set's files are checked against their SHA-256.
///
/// # Errors
/// As [`open`](super::open()), except for broken pictures and different sizes, which are what the report is about.
pub fn check(spec: &str) -> Result<Report> {
    if let Some((path, split)) = open::picture_folder(spec)? {
        return check_folder(spec, &path, split);
    }
    let data = open::open(spec, &Want::default())?;
    let mut report = Report {
        name: spec.into(),
        count: data.len(),
        shape: Some(data.shape()),
        sizes: Vec::new(),
        classes: Vec::new(),
        broken: Vec::new(),
        repeated: Vec::new(),
        notes: data.notes().to_vec(),
    };
    if let (Shape::Picture { height, width, .. }, Some(count)) = (data.shape(), data.len()) {
        report.sizes.push(SizeCount { width, height, count });
    }
    if let (Some(classes), Some(count)) = (data.classes(), data.len()) {
        let mut x = vec![0.0; data.shape().floats()];
        let mut counts = vec![0; classes.len()];
        for index in 0..count {
            counts[data.read(index, &mut x)? as usize] += 1;
        }
        report.classes = named(classes, &counts);
    }
    let entry = registry::find(spec.split(':').next().unwrap_or(spec));
    if let Some((entry, folder)) = entry.and_then(|entry| Some((entry, get::folder_of(entry).ok()?))) {
        // Files put there by hand in another form are not those of the package, and need not be.
        let there = get::verify(entry, &folder)?
            .into_iter()
            .filter(|(path, _)| path.exists());
        report.broken = there.map(|(path, why)| BrokenFile { path, why }).collect();
    }
    Ok(report)
}

fn named(classes: &[String], counts: &[u64]) -> Vec<ClassCount> {
    let pairs = classes.iter().zip(counts);
    pairs
        .map(|(name, &count)| ClassCount {
            name: name.clone(),
            count,
        })
        .collect()
}

fn check_folder(name: &str, path: &Path, split: Option<&str>) -> Result<Report> {
    let listing = folder::list(path, split)?;
    let looked: Vec<Result<_>> = listing
        .files
        .par_iter()
        .map(|file| {
            let bytes = decode::read(&file.path)?;
            let (size, _) = decode::decode(&file.path, &bytes)?;
            let digest: [u8; 32] = Sha256::digest(&bytes).into();
            Ok((size, digest))
        })
        .collect();
    let mut report = Report {
        name: name.into(),
        count: None,
        shape: None,
        sizes: Vec::new(),
        classes: Vec::new(),
        broken: Vec::new(),
        repeated: Vec::new(),
        notes: listing.notes,
    };
    let mut counts = vec![0; listing.classes.as_ref().map_or(0, Vec::len)];
    let mut sizes: BTreeMap<(usize, usize), u64> = BTreeMap::new();
    let mut first_with: HashMap<[u8; 32], PathBuf> = HashMap::new();
    let (mut usable, mut channels) = (0, 1);
    for (file, looked) in listing.files.into_iter().zip(looked) {
        match looked {
            Err(error) => {
                report.broken.push(BrokenFile {
                    why: folder::why(&error),
                    path: file.path,
                });
            }
            Ok((size, digest)) => {
                usable += 1;
                *sizes.entry((size.width, size.height)).or_default() += 1;
                channels = if size.channels > 2 { 3 } else { channels };
                if let Some(count) = counts.get_mut(file.label as usize) {
                    *count += 1;
                }
                match first_with.get(&digest) {
                    Some(first) => report.repeated.push((file.path, first.clone())),
                    None => drop(first_with.insert(digest, file.path)),
                }
            }
        }
    }
    report.count = Some(usable);
    report.classes = named(listing.classes.as_deref().unwrap_or_default(), &counts);
    report.sizes = sizes
        .into_iter()
        .map(|((width, height), count)| SizeCount { width, height, count })
        .collect();
    report.sizes.sort_by_key(|size| std::cmp::Reverse(size.count));
    if let [SizeCount { width, height, .. }] = report.sizes[..] {
        report.shape = Some(Shape::Picture {
            height,
            width,
            channels,
        });
    }
    Ok(report)
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{Rgb, RgbImage};

    #[test]
    fn a_folder_with_everything() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, side, red| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            RgbImage::from_pixel(side, 2, Rgb([red, 0, 0])).save(path).unwrap();
        };
        put("a/1.png", 2, 1);
        put("a/2.png", 2, 2);
        put("a/3.png", 2, 1);
        put("b/4.png", 5, 4);
        std::fs::write(folder.path().join("b/5.png"), b"").unwrap();
        let report = check(&folder.path().display().to_string()).unwrap();
        assert_eq!(report.count, Some(4));
        assert_eq!(report.shape, None);
        assert_eq!(
            report.sizes[0],
            SizeCount {
                width: 2,
                height: 2,
                count: 3
            }
        );
        assert_eq!(
            report.classes.iter().map(|class| class.count).collect::<Vec<_>>(),
            [3, 1]
        );
        assert_eq!(report.imbalance(), Some(3.0));
        let path = folder.path().join("b/5.png");
        assert_eq!(
            report.broken,
            [BrokenFile {
                path,
                why: "empty file".into()
            }]
        );
        assert_eq!(
            report.repeated,
            [(folder.path().join("a/3.png"), folder.path().join("a/1.png"))]
        );
        assert!(!report.is_sound());
    }

    #[test]
    fn named_sets() {
        let report = check("fashion-mnist-10k").unwrap();
        assert_eq!((report.count, report.imbalance()), (Some(10_000), Some(1.0)));
        assert_eq!(
            report.sizes,
            [SizeCount {
                width: 28,
                height: 28,
                count: 10_000
            }]
        );
        assert!(report.is_sound());
        let report = check("ring").unwrap();
        assert_eq!(
            (report.count, report.shape),
            (None, Some(Shape::Point { dimension: 2 }))
        );
        assert_eq!(serde_json::to_value(&report).unwrap()["shape"]["point"]["dimension"], 2);
    }
}
