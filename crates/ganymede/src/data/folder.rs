//! A folder of PNG, JPEG and WebP pictures of any sizes; its sub-folders are the classes.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::error::{DataError, Result};
use super::pictures::Pictures;
use super::shaping::{Shaper, Size, Want};
use super::{Dataset, Shape, check_lengths, decode, hex, order};

/// A picture file of a folder.
#[derive(Debug, Clone)]
pub(crate) struct PictureFile {
    pub(crate) path: PathBuf,
    /// Relative to the folder, with `/` on every system.
    pub(crate) relative: String,
    pub(crate) label: u32,
}

/// What lies in a folder.
#[derive(Debug)]
pub(crate) struct Listing {
    pub(crate) folder: PathBuf,
    /// Sorted by relative path.
    pub(crate) files: Vec<PictureFile>,
    pub(crate) classes: Option<Vec<String>>,
    pub(crate) notes: Vec<String>,
}

/// Opens a folder of pictures, shaped as wanted.
///
/// - Files named `.png`, `.jpg`, `.jpeg` and `.webp` (any case) at any depth, in the order of their paths; what they are is
///   told by their content. Hidden files, and links that lead out of the folder, are passed over.
/// - If all pictures sit in two or more sub-folders, these are the classes, numbered in the order of their names. If one
///   sub-folder is called `train`, the sub-folders are splits: `train` unless `split` names another.
/// - Without a wanted size all pictures must have one size. Without wanted channels they become grey if all are, else
///   red-green-blue. EXIF orientation is honoured.
/// - Pictures are decoded once, on all cores; a set over [`Want::memory_budget_bytes`] is decoded as it is asked for.
/// - Files over 512 MiB, 32,768 pixels a side or 100 million pixels are refused as broken, by length and header.
/// - Broken pictures are skipped and named in [`Dataset::notes`]; in a set that is decoded on demand only those with a
///   broken header, and reading another raises [`DataError::BrokenPicture`].
/// - The digest covers every picture file's relative path, length and first 256 KiB.
///
/// # Errors
/// [`DataError::NotFound`], [`DataError::Unreadable`], [`DataError::NoPictures`], [`DataError::UnknownSplit`],
/// [`DataError::MixedSizes`], [`DataError::ImpossibleShape`], and [`DataError::TooManyBroken`] over 10%.
pub fn open(folder: &Path, split: Option<&str>, want: &Want) -> Result<Arc<dyn Dataset>> {
    let mut listing = list(folder, split)?;
    let probes: Vec<_> = listing
        .files
        .par_iter()
        .map(|file| {
            let (prefix, length) = decode::prefix(&file.path)?;
            let own: [u8; 32] = Sha256::digest(&prefix).into();
            Ok((decode::probe(&file.path, &prefix, length), length, own))
        })
        .collect();
    let mut digest = Sha256::new();
    let mut broken = Vec::new();
    let mut good: Vec<(PictureFile, Size)> = Vec::new();
    let total = listing.files.len();
    for (file, probe) in std::mem::take(&mut listing.files).into_iter().zip(probes) {
        let probe = probe.and_then(|(probe, length, own)| {
            digest.update(file.relative.as_bytes());
            digest.update(b"\0");
            digest.update(length.to_le_bytes());
            digest.update(own);
            probe
        });
        match probe {
            Ok(probe) => good.push((file, probe.size)),
            Err(error) => broken.push((file, error)),
        }
    }
    let digest = hex(&digest.finalize());
    listing.check_broken(&broken, total)?;
    let target = want.target(listing.native(&good, want)?)?;
    let name = split.map_or(folder.display().to_string(), |split| {
        format!("{}:{split}", folder.display())
    });
    let files: Vec<PictureFile> = good.into_iter().map(|(file, _)| file).collect();

    let bytes = files.len() as u64 * target.bytes() as u64;
    if bytes > want.memory_budget_bytes {
        let mut notes = listing.told(&broken);
        notes.push(format!(
            "{} pictures take {} MiB, over the memory budget: they are decoded as they are needed.",
            files.len(),
            bytes >> 20
        ));
        let classes = listing.classes;
        return Ok(Arc::new(OnDemand {
            name,
            digest,
            notes,
            files,
            classes,
            target,
            want: want.clone(),
        }));
    }

    let mut pixels = vec![0; bytes as usize];
    let failures: Vec<Option<DataError>> = pixels
        .par_chunks_exact_mut(target.bytes())
        .zip(&files)
        .map(|(to, file)| load(file, to, target, want).err())
        .collect();
    let (mut labels, mut kept) = (Vec::new(), 0);
    for (i, (file, failure)) in files.into_iter().zip(failures).enumerate() {
        match failure {
            Some(error) => broken.push((file, error)),
            None => {
                pixels.copy_within(i * target.bytes()..(i + 1) * target.bytes(), kept * target.bytes());
                labels.push(file.label);
                kept += 1;
            }
        }
    }
    pixels.truncate(kept * target.bytes());
    broken.sort_by(|(a, _), (b, _)| a.relative.cmp(&b.relative));
    listing.check_broken(&broken, total)?;
    let notes = listing.told(&broken);
    Ok(Arc::new(
        Pictures::ready(name, digest, pixels, target, labels, listing.classes).noting(notes),
    ))
}

/// Decodes and shapes one file.
fn load(file: &PictureFile, to: &mut [u8], target: Size, want: &Want) -> Result<()> {
    let (size, pixels) = decode::decode(&file.path, &decode::read(&file.path)?)?;
    Shaper::with(|s| s.shape(&pixels, size, to, target, want));
    Ok(())
}

/// Why a file cannot be used, without its path.
pub(crate) fn why(error: &DataError) -> String {
    match error {
        DataError::BrokenPicture { why, .. } => why.clone(),
        DataError::Unreadable { source, .. } => format!("cannot read ({})", source.kind()),
        other => other.to_string(),
    }
}

impl Listing {
    /// At most a tenth may be broken, and not all.
    fn check_broken(&self, broken: &[(PictureFile, DataError)], total: usize) -> Result<()> {
        match broken.first() {
            Some((file, error)) if broken.len() * 10 > total => Err(DataError::TooManyBroken {
                path: self.folder.clone(),
                broken: broken.len() as u64,
                total: total as u64,
                first: file.relative.clone(),
                why: why(error),
            }),
            _ => Ok(()),
        }
    }

    /// The shape the pictures have by nature.
    fn native(&self, good: &[(PictureFile, Size)], want: &Want) -> Result<Size> {
        let first = good[0].1;
        if want.size.is_none() {
            let sides = |size: Size| (size.width as u32, size.height as u32);
            if let Some((_, other)) = good.iter().find(|(_, size)| sides(*size) != sides(first)) {
                return Err(DataError::MixedSizes {
                    path: self.folder.clone(),
                    first: sides(first),
                    second: sides(*other),
                });
            }
        }
        let channels = if good.iter().all(|(_, size)| size.channels <= 2) {
            1
        } else {
            3
        };
        Ok(Size { channels, ..first })
    }

    /// The notes of the listing and a sentence on the broken files.
    fn told(&self, broken: &[(PictureFile, DataError)]) -> Vec<String> {
        let mut notes = self.notes.clone();
        if !broken.is_empty() {
            let named = broken
                .iter()
                .take(5)
                .map(|(file, error)| format!("`{}` ({})", file.relative, why(error)));
            let named = named.collect::<Vec<_>>().join(", ");
            let more = if broken.len() > 5 { ", ..." } else { "" };
            notes.push(format!("{} broken pictures were skipped: {named}{more}.", broken.len()));
        }
        notes
    }
}

const SPLITS: [(&str, &[&str]); 3] = [
    ("train", &["train", "training"]),
    ("test", &["test", "testing"]),
    ("val", &["val", "valid", "validation"]),
];

/// Lists the pictures of a folder, or of one of its splits.
pub(crate) fn list(folder: &Path, split: Option<&str>) -> Result<Listing> {
    let whole = walk(folder)?;
    let tops: BTreeSet<String> = whole.files.iter().filter_map(|file| top(&file.relative)).collect();
    let named = |wanted: &str| {
        let (_, names) = SPLITS
            .iter()
            .find(|(split, names)| *split == wanted || names.contains(&wanted))?;
        tops.iter().find(|top| names.contains(&top.to_lowercase().as_str()))
    };
    let train = named("train");
    let chosen = match (split, train) {
        (Some(split), Some(_)) if named(split).is_some() => named(split),
        (Some(split), _) => {
            let has: Vec<_> = SPLITS
                .iter()
                .filter(|(split, _)| train.is_some() && named(split).is_some())
                .collect();
            let has: Vec<_> = has.iter().map(|(split, _)| format!("`{split}`")).collect();
            return Err(DataError::UnknownSplit {
                name: folder.display().to_string(),
                split: split.into(),
                has: if has.is_empty() {
                    "no split".into()
                } else {
                    has.join(" or ")
                },
            });
        }
        (None, train) => train,
    };
    let mut listing = match chosen {
        Some(chosen) => {
            let mut inner = walk(&folder.join(chosen))?;
            if split.is_none() {
                inner
                    .notes
                    .push(format!("The sub-folder `{chosen}` is used; the others are not."));
            }
            inner
        }
        None => whole,
    };
    if listing.files.is_empty() {
        return Err(DataError::NoPictures {
            path: listing.folder,
            others: listing.others,
        });
    }
    let classes: BTreeSet<String> = listing.files.iter().filter_map(|file| top(&file.relative)).collect();
    let at_root = listing.files.iter().any(|file| top(&file.relative).is_none());
    let classes: Vec<String> = classes.into_iter().collect();
    let labelled = !at_root && classes.len() > 1;
    if labelled {
        for file in &mut listing.files {
            let class = top(&file.relative).and_then(|top| classes.binary_search(&top).ok());
            file.label = class.unwrap_or(0) as u32;
        }
    } else if at_root && !classes.is_empty() {
        let note = "There are no labels, as pictures lie both in the folder itself and in sub-folders.";
        listing.notes.push(note.into());
    }
    if listing.links > 0 {
        listing.notes.push(format!(
            "{} links that lead out of the folder were not followed.",
            listing.links
        ));
    }
    let Walk {
        folder, files, notes, ..
    } = listing;
    Ok(Listing {
        folder,
        files,
        classes: labelled.then_some(classes),
        notes,
    })
}

/// The sub-folder that a relative path begins with.
fn top(relative: &str) -> Option<String> {
    relative.split_once('/').map(|(top, _)| top.to_string())
}

struct Walk {
    folder: PathBuf,
    files: Vec<PictureFile>,
    notes: Vec<String>,
    others: u64,
    links: u64,
}

fn walk(folder: &Path) -> Result<Walk> {
    let root = folder
        .canonicalize()
        .map_err(|source| DataError::reading(folder, source))?;
    let mut walk = Walk {
        folder: folder.to_path_buf(),
        files: vec![],
        notes: vec![],
        others: 0,
        links: 0,
    };
    let mut seen = HashSet::from([root.clone()]);
    let mut open = vec![(folder.to_path_buf(), String::new())];
    while let Some((folder, relative)) = open.pop() {
        let reading = |source| DataError::reading(&folder, source);
        for entry in folder.read_dir().map_err(reading)? {
            let entry = entry.map_err(reading)?;
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with('.') {
                continue;
            }
            let is_link = entry.file_type().map_err(reading)?.is_symlink();
            if is_link && !path.canonicalize().is_ok_and(|target| target.starts_with(&root)) {
                walk.links += 1;
                continue;
            }
            let relative = format!("{relative}{name}");
            if path.is_dir() {
                let real = path.canonicalize().map_err(reading)?;
                // A folder that is linked to twice, or to its own parent, is walked once.
                if seen.insert(real) {
                    open.push((path, relative + "/"));
                }
                continue;
            }
            let extension = path
                .extension()
                .map(|extension| extension.to_string_lossy().to_lowercase());
            if extension.is_some_and(|extension| decode::EXTENSIONS.contains(&extension.as_str())) {
                walk.files.push(PictureFile {
                    path,
                    relative,
                    label: 0,
                });
            } else {
                walk.others += 1;
            }
        }
    }
    walk.files.sort_by(|a, b| a.relative.cmp(&b.relative));
    Ok(walk)
}

/// Pictures that are decoded every time they are asked for.
#[derive(Debug)]
struct OnDemand {
    name: String,
    digest: String,
    notes: Vec<String>,
    files: Vec<PictureFile>,
    classes: Option<Vec<String>>,
    target: Size,
    want: Want,
}

impl Dataset for OnDemand {
    fn name(&self) -> &str {
        &self.name
    }

    fn digest(&self) -> &str {
        &self.digest
    }

    fn len(&self) -> Option<u64> {
        Some(self.files.len() as u64)
    }

    fn shape(&self) -> Shape {
        let Size {
            height,
            width,
            channels,
        } = self.target;
        Shape::Picture {
            height,
            width,
            channels,
        }
    }

    fn classes(&self) -> Option<&[String]> {
        self.classes.as_deref()
    }

    fn notes(&self) -> &[String] {
        &self.notes
    }

    fn read(&self, index: u64, x: &mut [f32]) -> Result<u32> {
        let file = self.files.get(index as usize).ok_or_else(|| DataError::NoExample {
            name: self.name.clone(),
            index,
            len: self.files.len() as u64,
        })?;
        assert_eq!(x.len(), self.target.bytes(), "x must take one example");
        let (size, pixels) = decode::decode(&file.path, &decode::read(&file.path)?)?;
        Shaper::with(|s| s.shape_to_floats(&pixels, size, x, self.target, &self.want));
        Ok(file.label)
    }

    /// As the trait says, decoding on all cores.
    fn batch(&self, seed: u64, first: u64, count: usize, x: &mut [f32], y: &mut [f32]) -> Result<()> {
        check_lengths(self.target.bytes(), count, x, y);
        let nth = |i: usize| order::nth(seed, self.files.len() as u64, first + i as u64);
        for (i, y) in y.iter_mut().enumerate() {
            *y = self.files[nth(i) as usize].label as f32;
        }
        x.par_chunks_exact_mut(self.target.bytes())
            .enumerate()
            .try_for_each(|(i, x)| self.read(nth(i), x).map(drop))
    }
}

#[cfg(test)]
mod tests;
