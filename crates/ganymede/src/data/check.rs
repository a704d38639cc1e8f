//! A look at data before training: counts, sizes, balance of the labels, broken and repeated files.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::error::{DataError, Result};
use super::fingerprint::{self, Fingerprint};
use super::listing::Listing;
use super::shaping::{Fit, Size, to_bytes};
use super::{Dataset, Shape, Want, catalogue, decode, get, open, registry};

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
    /// Pictures whose content an earlier one has too: the later one first.
    pub repeated: Vec<(String, String)>,
    /// Pictures that look nearly like an earlier one: the later one first.
    pub near: Vec<(String, String)>,
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

/// Checks a data set by whatever [`open`](super::open()) takes. Every picture is read and decoded, however many are broken; a
/// fetched set's files are checked against their SHA-256.
///
/// # Errors
/// As [`open`](super::open()), except for broken pictures and different sizes, which are what the report is about.
pub fn check(spec: &str) -> Result<Report> {
    if let Some(listing) = open::picture_files(spec)? {
        return Ok(check_files(spec, listing));
    }
    let data = open::open(spec, &Want::default())?;
    let mut report = Report {
        count: data.len(),
        shape: Some(data.shape()),
        notes: data.notes().to_vec(),
        ..Report::of(spec)
    };
    if let (Shape::Picture { height, width, .. }, Some(count)) = (data.shape(), data.len()) {
        report.sizes.push(SizeCount { width, height, count });
    }
    if let Some(count) = data.len() {
        look_at_examples(&*data, count, &mut report)?;
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

/// What one look at a picture tells.
struct Look {
    content: [u8; 32],
    fingerprint: Fingerprint,
}

/// Counts classes and finds pictures that come again in data that are not files.
fn look_at_examples(data: &dyn Dataset, count: u64, report: &mut Report) -> Result<()> {
    let mut counts = vec![0; data.classes().map_or(0, <[String]>::len)];
    let mut x = vec![0.0; data.shape().floats()];
    let (mut names, mut looks) = (Vec::new(), Vec::new());
    for index in 0..count {
        let label = data.read(index, &mut x)?;
        if let Some(count) = counts.get_mut(label as usize) {
            *count += 1;
        }
        if let Shape::Picture {
            height,
            width,
            channels,
        } = data.shape()
        {
            let size = Size {
                height,
                width,
                channels,
            };
            let pixels = to_bytes(&x);
            looks.push(Look {
                content: Sha256::digest(&pixels).into(),
                fingerprint: Fingerprint::of(&pixels, size),
            });
            names.push(
                data.example_name(index)
                    .map_or_else(|| format!("example {index}"), Into::into),
            );
        }
    }
    report.classes = named(data.classes().unwrap_or_default(), &counts);
    report.compare(&names, &looks);
    Ok(())
}

fn check_files(spec: &str, listing: Listing) -> Report {
    let looked: Vec<Result<_>> = listing
        .items
        .par_iter()
        .map(|item| {
            let bytes = listing.read(item, u64::MAX)?;
            let (size, pixels) = decode::picture(&listing, item, None)?;
            let look = Look {
                content: Sha256::digest(&bytes).into(),
                fingerprint: Fingerprint::of(&pixels, size),
            };
            Ok((size, look))
        })
        .collect();
    let mut report = Report {
        notes: listing.notes.clone(),
        ..Report::of(spec)
    };
    let mut counts = vec![0; listing.classes.as_ref().map_or(0, Vec::len)];
    let mut sizes: BTreeMap<(usize, usize), u64> = BTreeMap::new();
    let (mut names, mut looks, mut channels) = (Vec::new(), Vec::new(), 1);
    for (item, looked) in listing.items.iter().zip(looked) {
        match looked {
            Err(error) => {
                let (path, why) = (listing.path(item), catalogue::why(&error));
                report.broken.push(BrokenFile { path, why });
            }
            Ok((size, look)) => {
                *sizes.entry((size.width, size.height)).or_default() += 1;
                channels = if size.channels > 2 { 3 } else { channels };
                if let Some(count) = counts.get_mut(item.label as usize) {
                    *count += 1;
                }
                names.push(listing.path(item).display().to_string());
                looks.push(look);
            }
        }
    }
    report.count = Some(looks.len() as u64);
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
    report.compare(&names, &looks);
    report
}

impl Report {
    fn of(name: &str) -> Self {
        Self {
            name: name.into(),
            count: None,
            shape: None,
            sizes: Vec::new(),
            classes: Vec::new(),
            broken: Vec::new(),
            repeated: Vec::new(),
            near: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Finds pictures that come again, exactly or nearly.
    fn compare(&mut self, names: &[String], looks: &[Look]) {
        let mut first_with: HashMap<[u8; 32], usize> = HashMap::new();
        let mut different = Vec::new();
        for (number, look) in looks.iter().enumerate() {
            match first_with.get(&look.content) {
                Some(&first) => self.repeated.push((names[number].clone(), names[first].clone())),
                None => {
                    first_with.insert(look.content, number);
                    different.push(number);
                }
            }
        }
        let fingerprints: Vec<Fingerprint> = different.iter().map(|&number| looks[number].fingerprint).collect();
        let name = |place: usize| names[different[place]].clone();
        let near = fingerprint::near(&fingerprints).into_iter();
        self.near = near.map(|(later, first, _)| (name(later), name(first))).collect();
    }
}

/// Side of a picture on a contact sheet, in pixels.
const CELL: usize = 64;
/// Pictures in a row of a contact sheet, and rows.
const CELLS: usize = 10;

/// Writes a PNG of a hundred examples, evenly spread over the set, in the order of their classes. A picture that cannot be
/// decoded is left white.
///
/// # Errors
/// As [`open`](super::open()); [`DataError::NotPictures`] for points; [`DataError::Unwritable`].
pub fn sheet(spec: &str, to: &Path) -> Result<()> {
    let want = Want {
        fit: Fit::Pad,
        padding: [255; 3],
        memory_budget_bytes: 0,
        ..Want::picture(CELL, CELL, 3)
    };
    let data = open::open(spec, &want)?;
    let count = data.len().unwrap_or(0);
    let shown = count.min((CELLS * CELLS) as u64);
    let mut x = vec![0.0; data.shape().floats()];
    let mut pictures: Vec<(u32, u64, Option<Vec<u8>>)> = Vec::new();
    for place in 0..shown {
        let index = place * count / shown;
        let label = data.read(index, &mut x).ok();
        pictures.push((label.unwrap_or(0), index, label.map(|_| to_bytes(&x))));
    }
    pictures.sort_by_key(|(label, index, _)| (*label, *index));
    let rows = pictures.len().div_ceil(CELLS);
    let mut sheet = image::RgbImage::from_pixel((CELLS * CELL) as u32, (rows * CELL) as u32, image::Rgb([255; 3]));
    for (place, (_, _, picture)) in pictures.into_iter().enumerate() {
        let picture = picture.and_then(|bytes| image::RgbImage::from_raw(CELL as u32, CELL as u32, bytes));
        if let Some(picture) = picture {
            let (row, column) = (place / CELLS * CELL, place % CELLS * CELL);
            image::imageops::replace(&mut sheet, &picture, column as i64, row as i64);
        }
    }
    let unwritable = |error| match error {
        image::ImageError::IoError(source) => DataError::writing(to, source),
        other => DataError::writing(to, std::io::Error::other(other)),
    };
    sheet.save_with_format(to, image::ImageFormat::Png).map_err(unwritable)
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
        put("b/4.png", 5, 200);
        std::fs::write(folder.path().join("b/5.png"), b"").unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        let report = check(&folder.path().display().to_string()).unwrap();
        assert_eq!(report.count, Some(4));
        assert_eq!(report.near, [(at("a/2.png"), at("a/1.png"))]);
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
        assert_eq!(report.repeated, [(at("a/3.png"), at("a/1.png"))]);
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
