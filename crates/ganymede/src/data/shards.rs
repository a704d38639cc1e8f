//! Archives of pictures, one or many: ZIP as StyleGAN's tool packs it, TAR and WebDataset's shards.
//!
//! An archive is read where it lies: its directory is looked at once, and a picture's bytes are read when it is asked for,
//! so a set may be far larger than memory.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;

use super::archive::{self, Member};
use super::catalogue::Catalogue;
use super::error::{DataError, Result};
use super::labels::{self, Beside, Table};
use super::listing::Listing;
use super::shaping::Want;
use super::{Dataset, collection};

/// More files than this are taken for a mistake in a pattern.
const MOST_SHARDS: u64 = 1_000_000;

/// Archives whose directories are in memory together.
const ARCHIVES_AT_ONCE: usize = 16;

/// Opens the pictures of archives as one set, in the order of the archives, shaped as wanted; what holds for a folder's
/// pictures holds here (see [`folder::open`](super::folder::open)).
///
/// # Errors
/// [`DataError::BadFile`] for an archive that lies about itself or whose paths climb out of it; else as for a folder.
pub fn open(name: &str, root: &Path, archives: &[PathBuf], want: &Want) -> Result<Arc<dyn Dataset>> {
    let catalogue = Catalogue::of(root, archives, &[], || list(root, archives))?;
    collection::open(name.into(), catalogue, want)
}

/// Lists the pictures of archives.
pub(crate) fn list(root: &Path, archives: &[PathBuf]) -> Result<Listing> {
    let mut listing = Listing::of(root);
    let mut beside = Beside::default();
    for some in archives.chunks(ARCHIVES_AT_ONCE) {
        let members: Vec<Result<Vec<Member>>> = some.par_iter().map(|path| members(path)).collect();
        for (path, members) in some.iter().zip(members) {
            let found = listing.add_archive(path.clone(), &members?)?;
            beside.said.extend(found.said);
            beside.table = beside.table.or(found.table);
        }
    }
    if listing.items.is_empty() {
        return Err(DataError::NoPictures {
            path: listing.root,
            others: listing.others,
        });
    }
    let table = match &beside.table {
        Some((path, bytes)) => Some((Table::parse(bytes, path)?, path.as_path())),
        None => None,
    };
    labels::give(&mut listing, table, &beside.said)?;
    Ok(listing)
}

fn members(path: &Path) -> Result<Vec<Member>> {
    let file = File::open(path).map_err(|source| DataError::reading(path, source))?;
    let is_zip = super::open::starts_with(path, b"PK")?;
    if is_zip {
        archive::zip(BufReader::new(file), path)
    } else {
        archive::tar(BufReader::with_capacity(1 << 10, file), path)
    }
}

/// The paths that a pattern such as `shard-{000..099}.tar` means; `None` if it is no pattern.
///
/// # Errors
/// [`DataError::BadPattern`] where the first number is behind the last, or there are more than a million.
pub(crate) fn expand(pattern: &str) -> Result<Option<Vec<PathBuf>>> {
    let parts = || {
        let (before, rest) = pattern.split_once('{')?;
        let (range, behind) = rest.split_once('}')?;
        let (first, last) = range.split_once("..")?;
        let numbers: (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
        Some((before, first.len(), numbers, behind))
    };
    let Some((before, digits, (first, last), behind)) = parts() else {
        return Ok(None);
    };
    if first > last || last - first >= MOST_SHARDS {
        return Err(DataError::BadPattern {
            pattern: pattern.into(),
        });
    }
    let path = |number| PathBuf::from(format!("{before}{number:0digits$}{behind}"));
    Ok(Some((first..=last).map(path).collect()))
}

#[cfg(test)]
mod tests;
