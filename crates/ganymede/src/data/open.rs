//! From what a person writes, a name or a path, to a data set.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::{DataError, Result};
use super::registry::{self, ENTRIES, Entry, Route};
use super::shaping::Want;
use super::toys::{Points, Toy};
use super::{Dataset, builtin, get, idx};

/// Opens a data set by a name or a path.
///
/// - a name of [`registry::ENTRIES`], with a split if wanted: `mnist`, `mnist:test`, `ring`
/// - `points:FILE`, see [`Points`]
/// - an IDX images file, plain or gzip; its labels file is found beside it
/// - a folder with IDX files named as MNIST's are, with a split if wanted: `folder:test`
///
/// # Errors
/// [`DataError::UnknownSet`] with the nearest name, [`DataError::NotFetched`], [`DataError::UnknownSplit`],
/// [`DataError::NotFound`], [`DataError::NotPictures`] if a picture shape is wanted of points, and what reading the files
/// can raise.
pub fn open(spec: &str, want: &Want) -> Result<Arc<dyn Dataset>> {
    if let Some(path) = spec.strip_prefix("points:") {
        return points_only(spec, want)
            .and_then(|()| Ok(Arc::new(Points::open(Path::new(path))?) as _));
    }
    let (head, split) = match spec.rsplit_once(':') {
        Some((head, split)) => (head, Some(split)),
        None => (spec, None),
    };
    if let Some(entry) = registry::find(head) {
        return open_entry(entry, split, want);
    }
    if Path::new(spec).exists() {
        return open_path(Path::new(spec), None, want);
    }
    if split.is_some() && Path::new(head).exists() {
        return open_path(Path::new(head), split, want);
    }
    if spec.contains(['/', '\\']) || spec.starts_with('.') {
        return Err(DataError::NotFound { path: spec.into() });
    }
    Err(unknown(head))
}

/// The error for a name that no row of the registry has.
pub(crate) fn unknown(name: &str) -> DataError {
    DataError::UnknownSet {
        name: name.into(),
        known: ENTRIES
            .iter()
            .map(|entry| entry.id)
            .collect::<Vec<_>>()
            .join(", "),
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
        let has: Vec<String> = entry
            .splits
            .iter()
            .map(|(has, _)| format!("`{has}`"))
            .collect();
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
    let name = split.map_or(entry.id.to_string(), |split| {
        format!("{}:{split}", entry.id)
    });
    match entry.route {
        Route::Formula(formula) => {
            points_only(entry.id, want)?;
            Ok(Arc::new(Toy::new(formula)))
        }
        Route::BuiltIn => Ok(Arc::new(builtin::fashion_mnist_10k(&name, want)?)),
        Route::Npm { .. } | Route::Debian { .. } => {
            let folder = get::folder_of(entry);
            let whole = |folder: &PathBuf| get::has_all(entry, folder);
            match folder.as_ref().ok().filter(|folder| whole(folder)) {
                Some(folder) => {
                    let (images, labels) =
                        idx_files(folder, split)?.ok_or_else(|| DataError::NotFetched {
                            name: entry.id.into(),
                            path: folder.clone(),
                        })?;
                    let pictures =
                        idx::open(&name, &images, labels.as_deref(), Some(entry.classes), want)?;
                    Ok(Arc::new(pictures))
                }
                // The test files of this set are those inside the program.
                None if entry.id == "fashion-mnist" && split != Some("train") => {
                    let note = split.is_none().then(|| {
                        "These are the 10,000 pictures inside the program; `gany data get fashion-mnist` fetches the \
                         60,000 of the training split."
                            .to_string()
                    });
                    Ok(Arc::new(
                        builtin::fashion_mnist_10k(&name, want)?.noting(note),
                    ))
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
    let name = path.display().to_string();
    let no_split = |split: &str, has: &str| DataError::UnknownSplit {
        name: name.clone(),
        split: split.into(),
        has: has.into(),
    };
    if path.is_dir() {
        if let Some((images, labels)) = idx_files(path, split)? {
            let name = split.map_or(name.clone(), |split| format!("{name}:{split}"));
            return Ok(Arc::new(idx::open(
                &name,
                &images,
                labels.as_deref(),
                None,
                want,
            )?));
        }
        return Err(DataError::NotData {
            path: path.into(),
            got: "a folder".into(),
        });
    }
    if let Some(split) = split {
        return Err(no_split(split, "none, as it is one file"));
    }
    let labels = idx::labels_beside(path);
    Ok(Arc::new(idx::open(
        &name,
        path,
        labels.as_deref(),
        None,
        want,
    )?))
}

/// The images file and the labels file of a split in a folder of IDX files; `None` if there are no IDX images.
fn idx_files(folder: &Path, split: Option<&str>) -> Result<Option<(PathBuf, Option<PathBuf>)>> {
    let mut images = Vec::new();
    for entry in folder
        .read_dir()
        .map_err(|e| DataError::reading(folder, e))?
    {
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
        None => images
            .iter()
            .find(|path| starts(path, "train"))
            .or(images.first()),
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
