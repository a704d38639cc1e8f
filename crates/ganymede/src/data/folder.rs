//! A folder of pictures of any sizes; its sub-folders, or a table in it, say the classes.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::catalogue::Catalogue;
use super::error::{DataError, Result};
use super::labels::{self, Table};
use super::listing::Listing;
use super::shaping::Want;
use super::{Dataset, collection, decode};

/// Opens a folder of pictures, shaped as wanted.
///
/// - Files with the extension of a picture (any case) at any depth, in the order of their paths; what they are is told by
///   their content. Hidden files, and links that lead out of the folder, are passed over.
/// - Classes are those of `labels.csv`, `metadata.csv` or `dataset.json` in the folder, or its sub-folders if all pictures
///   lie in two or more of them, numbered in the order of their names. If one sub-folder is called `train`, the sub-folders
///   are splits: `train` unless `split` names another.
/// - Without a wanted size all pictures must have one size. Without wanted channels they become grey if all are, else
///   red-green-blue. EXIF orientation is honoured.
/// - Pictures are decoded once, on all cores; a set over [`Want::memory_budget_bytes`] is decoded as it is asked for.
/// - Files over 512 MiB, 32,768 pixels a side or 100 million pixels are refused as broken, by length and header.
/// - Broken pictures are skipped and named in [`Dataset::notes`]; in a set that is decoded on demand only those with a
///   broken header, and reading another raises [`DataError::BrokenPicture`].
/// - The digest covers the relative path, length and content of every picture file.
///
/// # Errors
/// [`DataError::NotFound`], [`DataError::Unreadable`], [`DataError::NoPictures`], [`DataError::UnknownSplit`],
/// [`DataError::MixedSizes`], [`DataError::ImpossibleShape`], [`DataError::BadFile`] for labels, and
/// [`DataError::TooManyBroken`] over 10%.
pub fn open(folder: &Path, split: Option<&str>, want: &Want) -> Result<Arc<dyn Dataset>> {
    let name = folder.display();
    let name = split.map_or(name.to_string(), |split| format!("{name}:{split}"));
    open_as(name, folder, split, want)
}

/// As [`open`], under another name.
pub(crate) fn open_as(name: String, folder: &Path, split: Option<&str>, want: &Want) -> Result<Arc<dyn Dataset>> {
    let listing = list(folder, split, decode::is_picture)?;
    let (root, holders, sides) = (listing.root.clone(), listing.holders.clone(), listing.sides.clone());
    let catalogue = Catalogue::of(&root, &holders, &sides, || Ok(listing))?;
    collection::open(name, catalogue, want)
}

const SPLITS: [(&str, &[&str]); 3] = [
    ("train", &["train", "training"]),
    ("test", &["test", "testing"]),
    ("val", &["val", "valid", "validation"]),
];

/// Whether this is one of the names that a split goes by.
pub(crate) fn is_split(name: &str, split: &str) -> bool {
    let alike = |(id, names): &(&str, &[&str])| (*id == split || names.contains(&split)) && names.contains(&name);
    SPLITS.iter().any(alike)
}

/// Lists the files of a folder, or of one of its splits, whose names are wanted ones.
pub(crate) fn list(folder: &Path, split: Option<&str>, is_wanted: fn(&str) -> bool) -> Result<Listing> {
    let whole = walk(folder, is_wanted)?;
    let tops: BTreeSet<&str> = whole
        .items
        .iter()
        .filter_map(|item| labels::top(whole.name(item)))
        .collect();
    let named = |wanted: &str| {
        tops.iter()
            .find(|top| is_split(&top.to_lowercase(), wanted))
            .map(|top| top.to_string())
    };
    let train = named("train");
    let chosen = match split {
        Some(split) if train.is_some() && named(split).is_some() => named(split),
        Some(split) => {
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
        None => train,
    };
    let mut listing = match chosen {
        Some(chosen) => {
            let mut inner = walk(&folder.join(&chosen), is_wanted)?;
            if split.is_none() {
                inner
                    .notes
                    .push(format!("The sub-folder `{chosen}` is used; the others are not."));
            }
            inner
        }
        None => whole,
    };
    if listing.items.is_empty() {
        return Err(DataError::NoPictures {
            path: listing.root,
            others: listing.others,
        });
    }
    let table = match listing.sides.first().cloned() {
        Some(path) => {
            let bytes = std::fs::read(&path).map_err(|source| DataError::reading(&path, source))?;
            Some((Table::parse(&bytes, &path)?, path))
        }
        None => None,
    };
    let table = table.as_ref().map(|(table, path)| (table.clone(), path.as_path()));
    labels::give(&mut listing, table, &HashMap::new())?;
    Ok(listing)
}

/// The wanted files of a folder at any depth, in the order of their paths.
fn walk(folder: &Path, is_wanted: fn(&str) -> bool) -> Result<Listing> {
    let root = folder
        .canonicalize()
        .map_err(|source| DataError::reading(folder, source))?;
    let (mut listing, mut links) = (Listing::of(folder), 0);
    let mut files: Vec<(String, PathBuf)> = Vec::new();
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
                links += 1;
                continue;
            }
            if path.is_dir() {
                let real = path.canonicalize().map_err(reading)?;
                // A folder that is linked to twice, or to its own parent, is walked once.
                if seen.insert(real) {
                    open.push((path, format!("{relative}{name}/")));
                }
            } else if is_wanted(&name) {
                files.push((format!("{relative}{name}"), path));
            } else if relative.is_empty() && labels::is_table(&name) {
                listing.sides.push(path);
            } else {
                listing.others += 1;
            }
        }
    }
    files.sort();
    listing.sides.sort();
    files
        .into_iter()
        .for_each(|(relative, path)| listing.add_file(path, &relative));
    if links > 0 {
        let note = format!("{links} links that lead out of the folder were not followed.");
        listing.notes.push(note);
    }
    Ok(listing)
}

/// Of which kind, by its number, the first file of a folder is that is of any; links to folders are not followed.
pub(crate) fn first(folder: &Path, kinds: &[fn(&str) -> bool]) -> Result<Option<usize>> {
    let mut open = vec![folder.to_path_buf()];
    while let Some(folder) = open.pop() {
        let reading = |source| DataError::reading(&folder, source);
        for entry in folder.read_dir().map_err(reading)? {
            let entry = entry.map_err(reading)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if entry.file_type().map_err(reading)?.is_dir() {
                open.push(entry.path());
            } else if let Some(kind) = kinds.iter().position(|is_of_it| is_of_it(&name)) {
                return Ok(Some(kind));
            }
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests;
