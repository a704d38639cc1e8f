//! Files that are replaced as a whole or not at all.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::error::{Result, RunError};

/// Name of the file that is written beside `path` before it takes its place.
fn temporary(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.partial"))
}

/// Whether a file name is one that a killed process may have left behind.
pub(super) fn is_partial(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    name.starts_with(b".") && name.ends_with(b".partial")
}

/// Removes what a process left in `folder` that was killed while it wrote. Only for whoever holds the lock: nobody else is
/// writing there now.
pub(super) fn remove_partial(folder: &Path) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| is_partial(&entry.file_name())) {
        // It is in nobody's way, and is tried again the next time.
        let _ = fs::remove_file(entry.path());
    }
}

/// Writes `path` through `fill`: whatever goes wrong, the old file stays as it was and no temporary file is left.
///
/// # Errors
/// [`RunError::Io`] naming `path`.
pub(super) fn replace(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
    replace_through(path, |file| file, fill)
}

/// As [`replace`], with a writer put between `fill` and the file, so that a test can make the disk full.
pub(super) fn replace_through<W: Write>(
    path: &Path,
    wrap: impl FnOnce(File) -> W,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<()> {
    let partial = temporary(path);
    let written = (|| {
        let file = File::create(&partial)?;
        let synced = file.try_clone()?;
        let mut writer = BufWriter::with_capacity(1 << 16, wrap(file));
        let filled = fill(&mut writer).and_then(|()| writer.flush());
        // What a failed write left in the buffer must not be tried again on drop.
        drop(writer.into_parts());
        filled?;
        synced.sync_all()?;
        fs::rename(&partial, path)?;
        sync_parent(path)
    })();
    written.map_err(|source| {
        // The write has failed already; a failing removal would add nothing to what the user can do about it.
        let _ = fs::remove_file(&partial);
        RunError::io("write", path, source)
    })
}

/// Makes it survive a power cut that `path` was made or renamed.
#[cfg(unix)]
pub(super) fn sync_parent(path: &Path) -> io::Result<()> {
    let parent = match path.parent() {
        // A bare name lies in the current folder.
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    File::open(parent)?.sync_all()
}

/// Only Unix can open a folder to sync it.
#[cfg(not(unix))]
pub(super) fn sync_parent(_path: &Path) -> io::Result<()> {
    Ok(())
}

/// A disk with room for `room` more bytes.
#[cfg(test)]
pub(super) struct NearlyFull<W> {
    pub(super) inner: W,
    pub(super) room: usize,
}

#[cfg(test)]
impl<W: Write> Write for NearlyFull<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.room == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let written = self.inner.write(&bytes[..bytes.len().min(self.room)])?;
        self.room -= written;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        replace(&path, |w| w.write_all(b"old")).unwrap();
        for room in [0, 1, 99_999] {
            let full = |inner| NearlyFull { inner, room };
            let failed = replace_through(&path, full, |w| w.write_all(&[7; 100_000])).unwrap_err();
            assert!(matches!(failed, RunError::Io { ref source, .. } if source.kind() == io::ErrorKind::StorageFull));
            assert_eq!(fs::read(&path).unwrap(), b"old");
            assert_eq!(
                fs::read_dir(folder.path()).unwrap().count(),
                1,
                "no temporary file is left"
            );
        }
        let enough = |inner| NearlyFull { inner, room: 100_000 };
        replace_through(&path, enough, |w| w.write_all(&[7; 100_000])).unwrap();
        assert_eq!(fs::read(&path).unwrap().len(), 100_000);
    }
}
