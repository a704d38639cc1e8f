//! What is known of a set of pictures once every byte was read: which can be used, their sizes, a digest of all of it.
//!
//! Reading everything takes a while, so what was found about a large set is kept in the cache folder and holds as long as
//! no file changes its length or its time of modification.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use rayon::prelude::*;
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::error::{DataError, Result};
use super::listing::{Item, Listing, Place, Span};
use super::marks::Marks;
use super::shaping::{Size, Want};
use super::{decode, get, hex, sha256_hex};

/// A list of pictures that can be used, and what was found out about them.
#[derive(Debug)]
pub(crate) struct Catalogue {
    /// The pictures whose headers are sound.
    pub(crate) listing: Listing,
    pub(crate) about: About,
}

/// What was found out about the pictures of a [`Catalogue`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct About {
    /// SHA-256 over name, length and content of every file.
    pub(crate) digest: String,
    /// How many pictures there are, sound or not.
    pub(crate) total: u64,
    /// Shape of the first picture that is sound.
    first: [usize; 3],
    /// Height and width of the first that differs from it.
    other: Option<[usize; 2]>,
    /// Whether no picture has colours.
    is_grey: bool,
    /// Names of the broken pictures, and why they are.
    pub(crate) broken: Vec<(String, String)>,
    classes: Option<Vec<String>>,
    #[serde(default)]
    marks: Marks,
    notes: Vec<String>,
    /// What [`stamp`] was when this was found out.
    stamp: String,
}

/// Sets whose files have fewer bytes are read again every time.
const WORTH_KEEPING_BYTES: u64 = 32 << 20;
/// Numbers to a picture in a kept catalogue.
const COLUMNS: usize = 10;

impl Catalogue {
    /// Looks at every byte of the files that hold the pictures, or finds what is kept of an earlier look. `list` reads the
    /// directories of archives; the holders of its list must be `holders`.
    pub(crate) fn of(
        root: &Path,
        holders: &[PathBuf],
        sides: &[PathBuf],
        list: impl FnOnce() -> Result<Listing>,
    ) -> Result<Self> {
        let files: Vec<&Path> = holders.iter().chain(sides).map(PathBuf::as_path).collect();
        let (stamp, bytes) = stamp(&files)?;
        let kept = kept_at(root).filter(|_| bytes >= WORTH_KEEPING_BYTES);
        if let Some(catalogue) = kept.as_ref().and_then(|path| load(path, &stamp, root, holders)) {
            return Ok(catalogue);
        }
        let catalogue = Self::found(list()?, &files, stamp)?;
        if let Some(path) = kept {
            // A catalogue that cannot be kept is made again.
            let _ = catalogue.keep(&path);
        }
        Ok(catalogue)
    }

    fn found(mut listing: Listing, files: &[&Path], stamp: String) -> Result<Self> {
        let digest = digest(&listing.root, files)?;
        let probes: Vec<_> = listing
            .items
            .par_iter()
            .map(|item| decode::probe(&listing, item))
            .collect();
        let total = listing.items.len() as u64;
        let (mut broken, mut numbers, mut sizes) = (Vec::new(), HashSet::new(), Vec::new());
        for (number, probe) in probes.into_iter().enumerate() {
            match probe {
                Ok(size) => sizes.push(size),
                Err(error) => {
                    broken.push((listing.name(&listing.items[number]).to_owned(), why(&error)));
                    numbers.insert(number);
                }
            }
        }
        check_broken(&listing.root, &broken, total)?;
        listing.drop(&numbers);
        let first = sizes[0];
        let differs = |size: &&Size| (size.height, size.width) != (first.height, first.width);
        let about = About {
            digest,
            total,
            first: [first.height, first.width, first.channels],
            other: sizes.iter().find(differs).map(|size| [size.height, size.width]),
            is_grey: sizes.iter().all(|size| size.channels <= 2),
            broken,
            classes: listing.classes.clone(),
            marks: listing.marks.clone(),
            notes: listing.notes.clone(),
            stamp,
        };
        Ok(Self { listing, about })
    }

    /// The shape that the pictures have by nature.
    ///
    /// # Errors
    /// [`DataError::MixedSizes`] if they have several sizes and none is wanted.
    pub(crate) fn native(&self, want: &Want) -> Result<Size> {
        let [height, width, _] = self.about.first;
        if let (None, Some([other_height, other_width])) = (want.size, self.about.other) {
            return Err(DataError::MixedSizes {
                path: self.listing.root.clone(),
                first: (width as u32, height as u32),
                second: (other_width as u32, other_height as u32),
            });
        }
        Ok(Size {
            height,
            width,
            channels: if self.about.is_grey { 1 } else { 3 },
        })
    }

    /// Takes pictures out that turned out to be broken when they were decoded.
    ///
    /// # Errors
    /// [`DataError::TooManyBroken`] if these and those known before are more than a tenth.
    pub(crate) fn drop(&mut self, failures: Vec<(usize, DataError)>) -> Result<()> {
        let named = |(number, error): &(usize, DataError)| {
            (self.listing.name(&self.listing.items[*number]).to_owned(), why(error))
        };
        self.about.broken.extend(failures.iter().map(named));
        self.about.broken.sort();
        check_broken(&self.listing.root, &self.about.broken, self.about.total)?;
        self.listing
            .drop(&failures.into_iter().map(|(number, _)| number).collect());
        Ok(())
    }

    /// The notes of the listing and a sentence on the broken pictures.
    pub(crate) fn notes(&self) -> Vec<String> {
        let (mut notes, broken) = (self.listing.notes.clone(), &self.about.broken);
        if !broken.is_empty() {
            let named: Vec<String> = broken
                .iter()
                .take(5)
                .map(|(name, why)| format!("`{name}` ({why})"))
                .collect();
            let more = if broken.len() > 5 { ", ..." } else { "" };
            let named = named.join(", ");
            notes.push(format!("{} broken pictures were skipped: {named}{more}.", broken.len()));
        }
        notes
    }

    /// Writes it down, whole or not at all.
    fn keep(&self, path: &Path) -> std::io::Result<()> {
        let numbers: Vec<u8> = self
            .listing
            .items
            .iter()
            .flat_map(columns)
            .flat_map(u64::to_le_bytes)
            .collect();
        let shape = vec![self.listing.items.len(), COLUMNS];
        let words = self.listing.words.as_bytes();
        let view = |dtype, shape, bytes| TensorView::new(dtype, shape, bytes).map_err(std::io::Error::other);
        let places: Vec<u8> = self
            .listing
            .places
            .iter()
            .flat_map(|place| place.to_le_bytes())
            .collect();
        let tensors = [
            ("items", view(Dtype::U64, shape, &numbers)?),
            ("places", view(Dtype::F32, vec![self.listing.places.len()], &places)?),
            ("words", view(Dtype::U8, vec![words.len()], words)?),
        ];
        let about = serde_json::to_string(&self.about)?;
        let folder = path.parent().unwrap_or(path);
        fs::create_dir_all(folder)?;
        let half = path.with_extension(format!("half-{}", std::process::id()));
        let about = Some([("about".to_owned(), about)].into());
        let written = safetensors::serialize_to_file(tensors, about, &half).map_err(std::io::Error::other);
        let placed = written.and_then(|()| fs::rename(&half, path));
        if placed.is_err() {
            let _ = fs::remove_file(&half);
        }
        placed
    }
}

/// Where what is known of a set is kept.
fn kept_at(root: &Path) -> Option<PathBuf> {
    let root = std::path::absolute(root).ok()?;
    let name = sha256_hex(&[root.as_os_str().as_encoded_bytes()]);
    Some(
        get::cache_folder()
            .ok()?
            .join("catalogues")
            .join(format!("{}.safetensors", &name[..32])),
    )
}

fn load(path: &Path, stamp: &str, root: &Path, holders: &[PathBuf]) -> Option<Catalogue> {
    let bytes = fs::read(path).ok()?;
    let (_, header) = SafeTensors::read_metadata(&bytes).ok()?;
    let about: About = serde_json::from_str(header.metadata().as_ref()?.get("about")?).ok()?;
    if about.stamp != stamp {
        return None;
    }
    let tensors = SafeTensors::deserialize(&bytes).ok()?;
    let words = String::from_utf8(tensors.tensor("words").ok()?.data().to_vec()).ok()?;
    let numbers: Vec<u64> = tensors
        .tensor("items")
        .ok()?
        .data()
        .as_chunks()
        .0
        .iter()
        .map(|b| u64::from_le_bytes(*b))
        .collect();
    let classes = about.classes.as_ref().map_or(1, Vec::len);
    let items: Option<Vec<Item>> = numbers.as_chunks().0.iter().map(item).collect();
    let items = items.filter(|items| {
        let is_sound = |item: &Item| (item.holder as usize) < holders.len() && (item.label as usize) < classes;
        !items.is_empty() && items.iter().all(is_sound)
    })?;
    let places = tensors.tensor("places").ok()?;
    let places: Vec<f32> = places
        .data()
        .as_chunks()
        .0
        .iter()
        .map(|b| f32::from_le_bytes(*b))
        .collect();
    if places.len() != items.len() * 2 * about.marks.places() {
        return None;
    }
    let listing = Listing {
        root: root.into(),
        holders: holders.to_vec(),
        items,
        classes: about.classes.clone(),
        notes: about.notes.clone(),
        words,
        marks: about.marks.clone(),
        places,
        ..Listing::default()
    };
    Some(Catalogue { listing, about })
}

fn columns(item: &Item) -> [u64; COLUMNS] {
    let (kind, start, packed, length) = match item.place {
        Place::Whole => (0, 0, 0, 0),
        Place::Stored { start, length } => (1, start, length, length),
        Place::Deflated { start, packed, length } => (2, start, packed, length),
    };
    let Item { name, caption, .. } = item;
    let words = [name.start, name.length.into(), caption.start, caption.length.into()];
    let [a, b, c, d] = words;
    [
        a,
        b,
        c,
        d,
        item.holder.into(),
        item.label.into(),
        kind,
        start,
        packed.into(),
        length.into(),
    ]
}

fn item(columns: &[u64; COLUMNS]) -> Option<Item> {
    let [
        name,
        name_length,
        caption,
        caption_length,
        holder,
        label,
        kind,
        start,
        packed,
        length,
    ] = *columns;
    let span = |start, length: u64| {
        Some(Span {
            start,
            length: length.try_into().ok()?,
        })
    };
    let (packed, length) = (packed.try_into().ok()?, length.try_into().ok()?);
    Some(Item {
        name: span(name, name_length)?,
        caption: span(caption, caption_length)?,
        holder: holder.try_into().ok()?,
        label: label.try_into().ok()?,
        place: match kind {
            0 => Place::Whole,
            1 => Place::Stored { start, length },
            2 => Place::Deflated { start, packed, length },
            _ => return None,
        },
    })
}

/// A word that changes when one of the files is written, and the bytes of all of them.
pub(crate) fn stamp(files: &[&Path]) -> Result<(String, u64)> {
    let looks: Vec<Result<(u64, u128)>> = files
        .par_iter()
        .map(|path| {
            let metadata = path.metadata().map_err(|source| DataError::reading(path, source))?;
            let modified = metadata
                .modified()
                .ok()
                .and_then(|time| time.duration_since(UNIX_EPOCH).ok());
            Ok((metadata.len(), modified.map_or(0, |since| since.as_nanos())))
        })
        .collect();
    let (mut hasher, mut bytes) = (Sha256::new(), 0);
    hasher.update(env!("CARGO_PKG_VERSION"));
    for (path, look) in files.iter().zip(looks) {
        let (length, modified) = look?;
        bytes += length;
        hasher.update(path.as_os_str().as_encoded_bytes());
        hasher.update(b"\0");
        hasher.update(length.to_le_bytes());
        hasher.update(modified.to_le_bytes());
    }
    Ok((hex(&hasher.finalize()), bytes))
}

/// SHA-256 over every file's path from the root, its length and the SHA-256 of its content.
pub(crate) fn digest(root: &Path, files: &[&Path]) -> Result<String> {
    let contents: Vec<Result<(u64, [u8; 32])>> = files.par_iter().map(|path| sha256_of(path)).collect();
    let mut hasher = Sha256::new();
    for (path, content) in files.iter().zip(contents) {
        let (length, content) = content?;
        let relative = path
            .strip_prefix(root)
            .ok()
            .filter(|relative| !relative.as_os_str().is_empty());
        // A set that is one file, or a pattern of them, is the same set under another path.
        let relative = relative.or_else(|| path.file_name().map(Path::new)).unwrap_or(path);
        hasher.update(relative.to_string_lossy().replace('\\', "/"));
        hasher.update(b"\0");
        hasher.update(length.to_le_bytes());
        hasher.update(content);
    }
    Ok(hex(&hasher.finalize()))
}

/// The length of a file and the SHA-256 of its content.
pub(crate) fn sha256_of(path: &Path) -> Result<(u64, [u8; 32])> {
    let reading = |source| DataError::reading(path, source);
    let mut reader = File::open(path).map_err(reading)?;
    let (mut hasher, mut piece, mut length) = (Sha256::new(), vec![0; 1 << 16], 0);
    loop {
        match reader.read(&mut piece).map_err(reading)? {
            0 => return Ok((length, hasher.finalize().into())),
            count => {
                hasher.update(&piece[..count]);
                length += count as u64;
            }
        }
    }
}

/// At most a tenth may be broken, and not all.
fn check_broken(root: &Path, broken: &[(String, String)], total: u64) -> Result<()> {
    match broken.first() {
        Some((first, why)) if broken.len() as u64 * 10 > total => Err(DataError::TooManyBroken {
            path: root.into(),
            broken: broken.len() as u64,
            total,
            first: first.clone(),
            why: why.clone(),
        }),
        _ => Ok(()),
    }
}

/// Why a picture cannot be used, without its path.
pub(crate) fn why(error: &DataError) -> String {
    match error {
        DataError::BrokenPicture { why, .. } => why.clone(),
        DataError::Unreadable { source, .. } => format!("cannot read ({})", source.kind()),
        other => other.to_string(),
    }
}
