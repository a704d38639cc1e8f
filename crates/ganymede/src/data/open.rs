//! From what a person writes, a name or a path, to a data set.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::absent::{self, Absent};
use super::bits::{self, Bits};
use super::error::{DataError, Result};
use super::fog::Fog;
use super::listing::Listing;
use super::others::{self, Others};
use super::pairs::{Paired, Unpaired};
use super::part::{self, Part};
use super::poisoned::Poisoned;
use super::registry::{self, ENTRIES, Entry, Route};
use super::shaping::{Half, Want};
use super::sounds::{self, Classes};
use super::stacked::Stacked;
use super::tables::{self, Gaps};
use super::tones::{self, Tones};
use super::toys::{Points, Toy};
use super::tunes::{self, Form};
use super::{Dataset, Shape, builtin, cifar, decode, folder, get, idx, meshes, npy, parquet, shards, volumes};

/// Opens a data set by a name or a path.
///
/// - a name of [`registry::ENTRIES`], with a split if wanted: `mnist`, `mnist:test`, `ring`
/// - `first:N:SPEC`, the first N examples of any of these; `each:N:SPEC`, the first N of each class; `class:NAME:SPEC`, those of
///   one class
/// - `others:K:SPEC`, each example with K others of its class as `x_b`; `heads:K:SPEC`, faces with a drawing of their landmarks before those,
///   see [`Others`]
/// - `stacked:SPEC`, three grey pictures drawn from any of these as the channels of one, see [`Stacked`]
/// - a folder of pictures, see [`folder::open`], with a split if wanted: `folder:test`
/// - a folder of sounds, with a split if wanted: WAV, FLAC and Ogg Vorbis files, see [`sounds`]
/// - a folder of tunes, with a split if wanted: MIDI, ABC and MusicXML files, see [`tunes`]; `events:` before it for their notes one
///   after the other
/// - a ZIP or TAR archive of pictures, a folder of such archives, or a pattern: `shard-{000..099}.tar`, see [`shards::open`]
/// - a Parquet file with a column of pictures, or a folder of such files, see [`parquet::open`]
/// - a `.npy` or `.npz` file, see [`npy::open`]
/// - a volume, `.nii` or `.nii.gz`, or a folder of them, with a split if wanted, see [`volumes`]
/// - a folder with CIFAR's or MNIST's files, with a split if wanted, or one of those files; labels are found beside it
/// - `points:FILE`, see [`Points`]
/// - a table: a file that ends in `.csv` or `.tsv`, with a split if wanted, see [`tables`]; `complete:FILE` without the rows that have
///   gaps, `filled:FILE` with means in them
/// - `paired:A,B`, two sets whose files have the same names; `side-by-side:A`, pictures whose halves are a pair;
///   `unpaired:A,B`, two sets drawn independently; `fog:SPEC`, pictures in made fog and clear, see [`Fog`]: all have a
///   second picture `x_b`
/// - `tones:N`, plucked strings of N pitches by formula, see [`Tones`]
/// - `bits:N`, messages of N random bits, see [`Bits`]
/// - `flipped:SHARE:SPEC`, labelled pictures of which a share has a wrong label; `backdoor:SHARE:CLASS:SPEC`, of which a share has
///   a trigger and the label of a class; their test splits are left alone, see [`poisoned`](super::poisoned)
/// - `absent:HxWxC`, pictures that are not there, see [`Absent`]
///
/// # Errors
/// [`DataError::UnknownSet`] with the nearest name, [`DataError::NotFetched`], [`DataError::UnknownSplit`],
/// [`DataError::NotFound`], [`DataError::NotPictures`] if a picture shape is wanted of points, and what reading the files
/// can raise.
pub fn open(spec: &str, want: &Want) -> Result<Arc<dyn Dataset>> {
    let data = opened(spec, want)?;
    let is_tune = matches!(data.shape(), Shape::Roll { .. } | Shape::Events { .. });
    if (want.rate_hz, want.length) != (None, None) && !is_tune && !matches!(data.shape(), Shape::Sound { .. }) {
        return Err(DataError::NotSounds { name: spec.into() });
    }
    if want.key.is_some() && !is_tune {
        return Err(DataError::NotTunes { name: spec.into() });
    }
    Ok(data)
}

fn opened(spec: &str, want: &Want) -> Result<Arc<dyn Dataset>> {
    if let Some((kind, rest)) = spec.split_once(':') {
        let two = || {
            let (a, b) = rest
                .split_once(',')
                .ok_or_else(|| DataError::NotTwo { spec: spec.into() })?;
            Ok((open(a, want)?, open(b, want)?))
        };
        let half = |half| {
            let half = Some(half);
            open(rest, &Want { half, ..want.clone() })
        };
        match kind {
            "points" => {
                points_only(spec, want)?;
                return Ok(Arc::new(Points::open(Path::new(rest))?));
            }
            "paired" => return two().and_then(|(a, b)| Ok(Arc::new(Paired::by_name(spec, a, b)?) as _)),
            "unpaired" => return two().map(|(a, b)| Arc::new(Unpaired::new(spec, a, b)) as _),
            "fog" => return Ok(Arc::new(Fog::new(spec, open(rest, want)?)?)),
            EVENTS => return of_events(spec, rest, want),
            "stacked" => return Ok(Arc::new(Stacked::new(spec, open(rest, want)?)?)),
            bits::KIND => {
                points_only(spec, want)?;
                return Ok(Arc::new(Bits::parse(rest)?));
            }
            tones::KIND => return Ok(Arc::new(Tones::parse(rest, want)?)),
            absent::KIND => match Absent::parse(rest) {
                Some(absent) => return Ok(Arc::new(absent)),
                None => {
                    return Err(DataError::ImpossibleShape {
                        expected: "rows, columns and 1 to 4 channels",
                        got: rest.into(),
                    });
                }
            },
            word if Gaps::of(word).is_some() => {
                points_only(spec, want)?;
                let (path, split) = existing(rest)?;
                let gaps = Gaps::of(word).unwrap_or(Gaps::Refused);
                return Ok(Arc::new(tables::open(spec, path, split, gaps, &[])?));
            }
            "side-by-side" => return Ok(Arc::new(Paired::by_number(spec, half(Half::Left)?, half(Half::Right)?))),
            _ => {}
        }
    }
    if let Some(poisoned) = Poisoned::parse(spec, |whole| open(whole, want)) {
        return poisoned;
    }
    if let Some((count, whole)) = part::parse(spec) {
        return Ok(Arc::new(Part::new(open(whole, want)?, 0..count, spec)?));
    }
    if let Some((count, whole)) = part::counted(spec, "each:") {
        return Ok(Arc::new(Part::of_each(open(whole, want)?, count, spec)?));
    }
    if let Some((class, whole)) = spec.strip_prefix("class:").and_then(|rest| rest.split_once(':')) {
        return Ok(Arc::new(Part::of_class(open(whole, want)?, class, spec)?));
    }
    if let Some((count, is_drawn, whole)) = others::parse(spec) {
        return Ok(Arc::new(Others::new(open(whole, want)?, count, is_drawn, spec)?));
    }
    let (head, split) = match spec.rsplit_once(':') {
        Some((head, split)) => (head, Some(split)),
        None => (spec, None),
    };
    if let Some(entry) = registry::find(head) {
        return open_entry(entry, split, want);
    }
    let (path, split) = existing(spec)?;
    open_path(path, split, want)
}

/// What stands before a spec of tunes whose notes are wanted one after the other.
const EVENTS: &str = "events";

/// The notes of tunes one after the other.
fn of_events(spec: &str, tunes: &str, want: &Want) -> Result<Arc<dyn Dataset>> {
    let not_tunes = || DataError::NotTunes { name: tunes.into() };
    let (head, split) = match tunes.rsplit_once(':') {
        Some((head, split)) => (head, Some(split)),
        None => (tunes, None),
    };
    let (folder, split) = match registry::find(head) {
        Some(entry) => (kept_folder(entry)?.ok_or_else(not_tunes)?, split),
        None => {
            let (path, split) = existing(tunes)?;
            (path.to_owned(), split)
        }
    };
    if !folder.is_dir() || folder::first(&folder, &[tunes::is_tune])?.is_none() {
        return Err(not_tunes());
    }
    Ok(Arc::new(tunes::open(spec, &folder, split, Form::Events, want)?))
}

/// The one folder that is kept of a package, where it has been fetched; none of data that are no folders.
fn kept_folder(entry: &Entry) -> Result<Option<PathBuf>> {
    let Route::Folders {
        folders: [kept, ..], ..
    } = entry.route
    else {
        return Ok(None);
    };
    let folder = get::folder_of(entry)?;
    if !get::has_all(entry, &folder) {
        return Err(DataError::NotFetched {
            name: entry.id.into(),
            path: folder,
        });
    }
    Ok(Some(folder.join(kept.name)))
}

/// The path or pattern that a spec names, with a split if one is written behind it; the name of a data set is not asked for.
fn existing(spec: &str) -> Result<(&Path, Option<&str>)> {
    let is_there = |path: &str| Ok::<_, DataError>(Path::new(path).exists() || shards::expand(path)?.is_some());
    if is_there(spec)? {
        return Ok((Path::new(spec), None));
    }
    let head = match spec.rsplit_once(':') {
        Some((head, split)) if is_there(head)? => {
            return Ok((Path::new(head), Some(split)));
        }
        Some((head, _)) => head,
        None => spec,
    };
    if spec.contains(['/', '\\']) || spec.starts_with('.') {
        return Err(DataError::NotFound { path: spec.into() });
    }
    Err(unknown(head))
}

/// The picture files that a spec names, in a folder or in archives; `None` for every other kind of data.
pub(crate) fn picture_files(spec: &str) -> Result<Option<Listing>> {
    let name = spec.split(':').next().unwrap_or(spec);
    if registry::find(name).is_some()
        || [
            "points",
            "paired",
            "unpaired",
            "side-by-side",
            "stacked",
            "fog",
            bits::KIND,
            tones::KIND,
            EVENTS,
            "class",
            "flipped",
            "backdoor",
            absent::KIND,
            "complete",
            "filled",
        ]
        .contains(&name)
    {
        return Ok(None);
    }
    let (path, split) = existing(spec)?;
    match kind(path, split)? {
        Kind::Folder => folder::list(path, split, decode::is_picture).map(Some),
        Kind::Archives(archives) => shards::list(path, &archives).map(Some),
        Kind::Parquet(files) => {
            let archive = parquet::laid_out(&files)?;
            shards::list(&archive, std::slice::from_ref(&archive)).map(Some)
        }
        _ => Ok(None),
    }
}

/// What lies at a path.
enum Kind {
    /// A folder of pictures.
    Folder,
    /// A folder of sounds.
    Sounds,
    /// A folder of tunes.
    Tunes,
    /// Archives of pictures.
    Archives(Vec<PathBuf>),
    /// Parquet files with a column of pictures.
    Parquet(Vec<PathBuf>),
    /// An IDX images file and its labels file.
    Idx(PathBuf, Option<PathBuf>),
    /// Batches of CIFAR.
    Cifar(Vec<PathBuf>),
    /// NumPy's arrays.
    Arrays,
    /// A table.
    Table,
    /// Volumes.
    Volumes(Vec<PathBuf>),
}

fn kind(path: &Path, split: Option<&str>) -> Result<Kind> {
    let splitless = |kind| match split {
        Some(split) => Err(DataError::UnknownSplit {
            name: path.display().to_string(),
            split: split.into(),
            has: "none, as it is one file".into(),
        }),
        None => Ok(kind),
    };
    if path.is_dir() {
        if let Some((images, labels)) = idx_files(path, split)? {
            return Ok(Kind::Idx(images, labels));
        }
        let batches = cifar::files(path, split)?;
        if !batches.is_empty() {
            return Ok(Kind::Cifar(batches));
        }
        let volumes = volumes::files(path)?;
        if !volumes.is_empty() {
            return Ok(Kind::Volumes(volumes));
        }
        let [archives, tables] = files_of(path, split, [".tar", ".parquet"])?;
        return Ok(match (archives.is_empty(), tables.is_empty()) {
            (false, _) => Kind::Archives(archives),
            (true, false) => Kind::Parquet(tables),
            (true, true) => match folder::first(path, &[decode::is_picture, sounds::is_sound, tunes::is_tune])? {
                Some(1) => Kind::Sounds,
                Some(2) => Kind::Tunes,
                _ => Kind::Folder,
            },
        });
    }
    if let Some(archives) = path
        .to_str()
        .filter(|_| !path.exists())
        .map(shards::expand)
        .transpose()?
        .flatten()
    {
        return splitless(Kind::Archives(archives));
    }
    if tables::is_table(path) {
        return Ok(Kind::Table);
    }
    if volumes::is_volume(path) {
        return Ok(Kind::Volumes(vec![path.into()]));
    }
    let start = first_bytes(path)?;
    if start.starts_with(b"PK") {
        let file = File::open(path).map_err(|e| DataError::reading(path, e))?;
        let members = super::archive::zip(std::io::BufReader::new(file), path)?;
        let kind = if npy::is_npz(&members) {
            Kind::Arrays
        } else {
            Kind::Archives(vec![path.into()])
        };
        return splitless(kind);
    }
    if start.starts_with(parquet::MAGIC) {
        return splitless(Kind::Parquet(vec![path.into()]));
    }
    if start.starts_with(b"\x93NUMPY") {
        return splitless(Kind::Arrays);
    }
    if is_tar(path, &start) {
        return splitless(Kind::Archives(vec![path.into()]));
    }
    if cifar::is_batch(path) {
        return splitless(Kind::Cifar(vec![path.into()]));
    }
    match not_idx(&start) {
        Some(got) => Err(DataError::NotData {
            path: path.into(),
            got: got.into(),
        }),
        None => splitless(Kind::Idx(path.into(), idx::labels_beside(path))),
    }
}

/// Enough of a file to tell what it is.
const START_BYTES: u64 = 512;

fn first_bytes(path: &Path) -> Result<Vec<u8>> {
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(START_BYTES).read_to_end(&mut start));
    read.map_err(|source| DataError::reading(path, source))?;
    Ok(start)
}

/// Whether a file begins with these bytes.
pub(crate) fn starts_with(path: &Path, bytes: &[u8]) -> Result<bool> {
    Ok(first_bytes(path)?.starts_with(bytes))
}

/// POSIX writes `ustar` at byte 257; older archives have nothing but their name to be told by.
fn is_tar(path: &Path, start: &[u8]) -> bool {
    start.get(257..262) == Some(b"ustar") || path.extension().is_some_and(|extension| extension == "tar")
}

/// The files with each of these endings of a folder that holds no pictures, in the order of their names; those of a split if
/// their names begin with it.
fn files_of<const N: usize>(folder: &Path, split: Option<&str>, endings: [&str; N]) -> Result<[Vec<PathBuf>; N]> {
    let mut found = [const { Vec::new() }; N];
    for entry in folder.read_dir().map_err(|e| DataError::reading(folder, e))? {
        let path = entry.map_err(|e| DataError::reading(folder, e))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        if path.is_dir() || super::decode::is_picture(&name) {
            return Ok([const { Vec::new() }; N]);
        }
        if split.is_some_and(|split| !name.starts_with(split)) {
            continue;
        }
        if let Some(place) = endings.iter().position(|ending| name.ends_with(ending)) {
            found[place].push(path);
        }
    }
    found.iter_mut().for_each(|files| files.sort());
    Ok(found)
}

/// The error for a name that no row of the registry has.
pub(crate) fn unknown(name: &str) -> DataError {
    DataError::UnknownSet {
        name: name.into(),
        known: ENTRIES.iter().map(|entry| entry.id).collect::<Vec<_>>().join(", "),
        nearest: registry::nearest(name).map(Into::into),
    }
}

fn points_only(name: &str, want: &Want) -> Result<()> {
    if want.size.is_some() || want.channels.is_some() {
        return Err(DataError::NotPictures { name: name.into() });
    }
    Ok(())
}

fn open_entry(entry: &Entry, split: Option<&str>, want: &Want) -> Result<Arc<dyn Dataset>> {
    if let Some(split) = split.filter(|split| !entry.splits.iter().any(|(has, _)| has == split)) {
        let has: Vec<String> = entry.splits.iter().map(|(has, _)| format!("`{has}`")).collect();
        let has = if has.is_empty() {
            "none".into()
        } else {
            has.join(" or ")
        };
        return Err(DataError::UnknownSplit {
            name: entry.id.into(),
            split: split.into(),
            has,
        });
    }
    let name = split.map_or(entry.id.to_string(), |split| format!("{}:{split}", entry.id));
    match entry.route {
        Route::Formula(formula) => {
            points_only(entry.id, want)?;
            Ok(Arc::new(Toy::new(formula)))
        }
        Route::BuiltIn => Ok(Arc::new(builtin::fashion_mnist_10k(&name, want)?)),
        Route::Npm { .. } | Route::Pip { .. } | Route::Debian { .. } | Route::Folders { .. }
            if entry.has.is_empty() =>
        {
            Err(DataError::NoReader {
                name: entry.id.into(),
                what: entry.shape,
            })
        }
        Route::Folders { folders, paired, .. } => {
            let folder = get::folder_of(entry)?;
            if !get::has_all(entry, &folder) {
                return Err(DataError::NotFetched {
                    name: entry.id.into(),
                    path: folder,
                });
            }
            if sounds::is_sound(folders[0].end) {
                let classes = match entry.id {
                    "drums" => Classes::ByPrefix,
                    _ => Classes::ByFolder,
                };
                let folder = folder.join(folders[0].name);
                return Ok(Arc::new(sounds::open(&name, &folder, split, classes, want)?));
            }
            if tunes::is_tune(folders[0].end) {
                let folder = folder.join(folders[0].name);
                return Ok(Arc::new(tunes::open(&name, &folder, split, Form::Roll, want)?));
            }
            let open = |kept: &str| folder::open_as(name.clone(), &folder.join(kept), None, want);
            match folders {
                [a, b] if paired => Ok(Arc::new(Paired::by_name(&name, open(a.name)?, open(b.name)?)?)),
                _ => open(split.filter(|_| folders.len() > 1).unwrap_or(folders[0].name)),
            }
        }
        Route::Debian { .. } if entry.id == "shapes" => {
            let folder = get::folder_of(entry)?;
            if !get::has_all(entry, &folder) {
                return Err(DataError::NotFetched {
                    name: entry.id.into(),
                    path: folder,
                });
            }
            Ok(Arc::new(meshes::open(&name, &folder, split, entry.classes, want)?))
        }
        Route::Debian { files: [file, ..], .. } if volumes::is_volume(Path::new(file.inside)) => {
            let folder = get::folder_of(entry)?;
            if !get::has_all(entry, &folder) {
                return Err(DataError::NotFetched {
                    name: entry.id.into(),
                    path: folder,
                });
            }
            Ok(Arc::new(volumes::open(
                &name,
                &[folder.join(file.name())],
                split,
                want,
            )?))
        }
        Route::Pip { files: [file], .. } if tables::is_table(Path::new(file.inside)) => {
            points_only(entry.id, want)?;
            let folder = get::folder_of(entry)?;
            if !get::has_all(entry, &folder) {
                return Err(DataError::NotFetched {
                    name: entry.id.into(),
                    path: folder,
                });
            }
            let columns = registry::columns(entry.id);
            let path = folder.join(file.name());
            Ok(Arc::new(tables::open(&name, &path, split, Gaps::Refused, &columns)?))
        }
        Route::Npm { .. } | Route::Pip { .. } | Route::Debian { .. } => {
            let folder = get::folder_of(entry);
            let whole = |folder: &PathBuf| get::has_all(entry, folder);
            match folder.as_ref().ok().filter(|folder| whole(folder)) {
                Some(folder) => {
                    let (images, labels) = idx_files(folder, split)?.ok_or_else(|| DataError::NotFetched {
                        name: entry.id.into(),
                        path: folder.clone(),
                    })?;
                    let pictures = idx::open(&name, &images, labels.as_deref(), Some(entry.classes), want)?;
                    Ok(Arc::new(pictures))
                }
                // The test files of this set are those inside the program.
                None if entry.id == "fashion-mnist" && split != Some("train") => {
                    let note = split.is_none().then(|| {
                        "These are the 10,000 pictures inside the program; `gany data get fashion-mnist` fetches the \
                         60,000 of the training split."
                            .to_string()
                    });
                    Ok(Arc::new(builtin::fashion_mnist_10k(&name, want)?.noting(note)))
                }
                None => Err(DataError::NotFetched {
                    name: entry.id.into(),
                    path: folder?,
                }),
            }
        }
    }
}

fn open_path(path: &Path, split: Option<&str>, want: &Want) -> Result<Arc<dyn Dataset>> {
    let name = split.map_or(path.display().to_string(), |split| {
        format!("{}:{split}", path.display())
    });
    Ok(match kind(path, split)? {
        Kind::Folder => return folder::open(path, split, want),
        Kind::Tunes => Arc::new(tunes::open(&name, path, split, Form::Roll, want)?),
        Kind::Sounds => Arc::new(sounds::open(&name, path, split, Classes::ByFolder, want)?),
        Kind::Archives(archives) => return shards::open(&name, path, &archives, want),
        Kind::Parquet(files) => return parquet::open(&name, &files, want),
        Kind::Idx(images, labels) => Arc::new(idx::open(&name, &images, labels.as_deref(), None, want)?),
        Kind::Cifar(batches) => Arc::new(cifar::open(&name, &batches, want)?),
        Kind::Arrays => Arc::new(npy::open(&name, path, want)?),
        Kind::Volumes(files) => Arc::new(volumes::open(&name, &files, split, want)?),
        Kind::Table => {
            points_only(&name, want)?;
            Arc::new(tables::open(&name, path, split, Gaps::Refused, &[])?)
        }
    })
}

/// What a file is that is not IDX, as its first bytes say.
fn not_idx(start: &[u8]) -> Option<&'static str> {
    let known: [(&[u8], &str); 7] = [
        (b"\0\0", ""),
        (b"\x1f\x8b", ""),
        (b"\x89PNG", "a single picture"),
        (b"\xff\xd8", "a single picture"),
        (b"RIFF", "a single picture or sound"),
        (b"GIF8", "a single picture"),
        (b"%PDF", "a PDF document"),
    ];
    let found = known.iter().find(|(known, _)| start.starts_with(known));
    let other = if start.is_empty() {
        "an empty file"
    } else {
        "something else"
    };
    Some(found.map_or(other, |(_, what)| what)).filter(|what| !what.is_empty())
}

/// The images file and the labels file of a split in a folder of IDX files; `None` if there are no IDX images.
fn idx_files(folder: &Path, split: Option<&str>) -> Result<Option<(PathBuf, Option<PathBuf>)>> {
    let mut images = Vec::new();
    for entry in folder.read_dir().map_err(|e| DataError::reading(folder, e))? {
        let path = entry.map_err(|e| DataError::reading(folder, e))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.contains("images") && name.contains("idx") && path.is_file() {
            images.push(path);
        }
    }
    images.sort();
    let starts = |path: &&PathBuf, split: &str| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(split) || (split == "test" && name.starts_with("t10k"))
    };
    let chosen = match split {
        Some(split) => images.iter().find(|path| starts(path, split)),
        None => images.iter().find(|path| starts(path, "train")).or(images.first()),
    };
    match (chosen, split) {
        (Some(path), _) => Ok(Some((path.clone(), idx::labels_beside(path)))),
        (None, Some(split)) if !images.is_empty() => Err(DataError::UnknownSplit {
            name: folder.display().to_string(),
            split: split.into(),
            has: "a split whose IDX files are there".into(),
        }),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn message(spec: &str) -> String {
        open(spec, &Want::default()).unwrap_err().to_string()
    }

    const KNOWN: &str = "fashion-mnist, fashion-mnist-10k, mnist, emoji-google, emoji-twitter, openmoji, orl-faces, landscapes, \
                         landscapes-held-out, icons, portraits, shapes, mri, ct, drums, letters, tunes, chorales, breast-cancer, iris, \
                         wine, ring, grid, spiral, moons";

    #[test]
    fn names() {
        assert_eq!(open("ring", &Want::default()).unwrap().len(), None);
        let small = open("fashion-mnist-10k:test", &Want::picture(16, 16, 3)).unwrap();
        assert_eq!(
            small.shape(),
            Shape::Picture {
                height: 16,
                width: 16,
                channels: 3
            }
        );
        assert_eq!(small.name(), "fashion-mnist-10k:test");
        let error = open("mnits", &Want::default()).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("unknown data set `mnits`: expected {KNOWN} or a path")
        );
        assert_eq!(error.hint().unwrap(), "did you mean `mnist`?");
        assert_eq!(
            message("zebra"),
            format!("unknown data set `zebra`: expected {KNOWN} or a path")
        );
        assert_eq!(
            message("mnist:dev"),
            "no split `dev` in `mnist`: expected `train` or `test`"
        );
        assert_eq!(message("ring:test"), "no split `test` in `ring`: expected none");
        assert_eq!(message("no/such/folder"), "no such file or folder: no/such/folder");
        let error = open("ring", &Want::picture(8, 8, 1)).unwrap_err().to_string();
        assert_eq!(
            error,
            "`ring` holds points, not pictures: expected no picture size or channels"
        );
    }

    #[test]
    fn idx_by_file_and_by_folder() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
        let image = |value| [0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, value];
        put("train-images-idx3-ubyte", &image(0));
        put("t10k-images-idx3-ubyte", &image(255));
        put("t10k-labels-idx1-ubyte", &[0, 0, 8, 1, 0, 0, 0, 1, 2]);
        let path = folder.path().display().to_string();
        let first = |spec: &str| open(spec, &Want::default()).unwrap().example(0).unwrap();
        assert_eq!(first(&path), (vec![-1.0], 0));
        assert_eq!(first(&format!("{path}:test")), (vec![1.0], 2));
        assert_eq!(first(&format!("{path}/t10k-images-idx3-ubyte")), (vec![1.0], 2));
        put("a.pdf", b"%PDF-1.7");
        put("b", b"");
        let message = |spec: &str| message(&format!("{path}{spec}")).replace(&path, "F");
        assert_eq!(
            message("/a.pdf"),
            "not a data file: expected a folder, archive or array of pictures, got a PDF document: F/a.pdf"
        );
        assert!(message("/b").contains("got an empty file"));
        assert_eq!(
            message(":dev"),
            "no split `dev` in `F`: expected a split whose IDX files are there"
        );
        assert!(message("/t10k-images-idx3-ubyte:test").contains("as it is one file"));
    }

    #[test]
    fn points_and_folders() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("p.csv");
        fs::write(&file, "1,2\n").unwrap();
        let points = open(&format!("points:{}", file.display()), &Want::default()).unwrap();
        assert_eq!(points.example(0).unwrap().0, [1.0, 2.0]);
        image::GrayImage::new(3, 2).save(folder.path().join("a.png")).unwrap();
        let pictures = open(&folder.path().display().to_string(), &Want::default()).unwrap();
        assert_eq!(
            pictures.shape(),
            Shape::Picture {
                height: 2,
                width: 3,
                channels: 1
            }
        );
    }
}
