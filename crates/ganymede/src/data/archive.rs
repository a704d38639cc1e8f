//! What lies in a ZIP or TAR archive, by its headers: names, places and lengths. Nothing is unpacked to disk.

use std::io::{Read, Seek};
use std::path::{Component, Path};

use super::error::{DataError, Result};

/// A file inside an archive, found by its header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its path inside, with `/` on every system; it never climbs out of the archive.
    pub name: String,
    /// Where its bytes begin in the archive.
    pub start: u64,
    /// How many bytes it takes there.
    pub packed: u64,
    /// How many bytes it has once unpacked, as its header says.
    pub length: u64,
    /// Whether it is deflated; else it is stored as it is.
    pub deflated: bool,
}

/// Deflate cannot make a byte into more than this many.
const MOST_DEFLATED: u64 = 1032;

/// The files of a ZIP archive, in the order of its directory; folders, links and encrypted files are left out.
///
/// # Errors
/// [`DataError::BadFile`] for a directory that cannot be read, a path that climbs out of the archive, a packing other than
/// stored and deflated, a length that deflate cannot reach, and members that overlap.
pub fn zip(reader: impl Read + Seek, path: &Path) -> Result<Vec<Member>> {
    let unreadable = |error: ::zip::result::ZipError| bad(path, "archive", "a readable ZIP archive", error.to_string());
    let mut archive = ::zip::ZipArchive::new(reader).map_err(unreadable)?;
    let mut members = Vec::new();
    for number in 0..archive.len() {
        let file = archive.by_index_raw(number).map_err(unreadable)?;
        let name = String::from_utf8_lossy(file.name_raw()).replace('\\', "/");
        check_name(&name, path)?;
        if !file.is_file() || file.encrypted() {
            continue;
        }
        let member = Member {
            start: file.data_start().unwrap_or(0),
            packed: file.compressed_size(),
            length: file.size(),
            deflated: file.compression() == ::zip::CompressionMethod::Deflated,
            name,
        };
        if !member.deflated && file.compression() != ::zip::CompressionMethod::Stored {
            let got = format!("{} in `{}`", file.compression(), member.name);
            return Err(bad(path, "packing", "stored or deflated files", got));
        }
        let most = if member.deflated {
            member.packed.saturating_mul(MOST_DEFLATED)
        } else {
            member.packed
        };
        if member.length > most {
            let got = format!("{} for `{}`", member.length, member.name);
            let expected = format!("at most {most} from {} packed ones", member.packed);
            return Err(bad(path, "number of bytes", &expected, got));
        }
        members.push(member);
    }
    check_overlap(&members, path)?;
    Ok(members)
}

/// The files of a TAR archive, in its order; folders, links, devices and sparse files are left out. An archive that ends
/// in the middle of a file is refused.
///
/// # Errors
/// [`DataError::BadFile`] for damaged headers, a path that climbs out of the archive, and an archive that is cut short.
pub fn tar(mut reader: impl Read + Seek, path: &Path) -> Result<Vec<Member>> {
    let unreadable = |error: std::io::Error| bad(path, "archive", "a readable TAR archive", error.to_string());
    let end = reader.seek(std::io::SeekFrom::End(0)).map_err(unreadable)?;
    reader.rewind().map_err(unreadable)?;
    let mut archive = ::tar::Archive::new(reader);
    let mut members = Vec::new();
    for entry in archive.entries_with_seek().map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).replace('\\', "/");
        check_name(&name, path)?;
        if !matches!(
            entry.header().entry_type(),
            ::tar::EntryType::Regular | ::tar::EntryType::Continuous
        ) {
            continue;
        }
        let (start, length) = (entry.raw_file_position(), entry.size());
        if start.checked_add(length).is_none_or(|behind| behind > end) {
            let got = format!("{} for `{name}`", end.saturating_sub(start));
            return Err(bad(path, "number of bytes", &length.to_string(), got));
        }
        members.push(Member {
            name: name.trim_start_matches("./").into(),
            start,
            packed: length,
            length,
            deflated: false,
        });
    }
    Ok(members)
}

/// Refuses a path that is absolute or climbs.
fn check_name(name: &str, path: &Path) -> Result<()> {
    let stays = |part| matches!(part, Component::Normal(_) | Component::CurDir);
    if Path::new(name).components().all(stays) && !name.contains('\0') {
        return Ok(());
    }
    let got = format!("`{}`", name.chars().take(100).collect::<String>().escape_debug());
    Err(bad(path, "path inside", "one that stays inside the archive", got))
}

/// Members that share bytes are how a small archive claims to hold a huge one (Fifield, "A better zip bomb", 2019).
fn check_overlap(members: &[Member], path: &Path) -> Result<()> {
    let mut places: Vec<(u64, u64, &str)> = members.iter().map(|m| (m.start, m.packed, m.name.as_str())).collect();
    places.sort_unstable();
    for pair in places.windows(2) {
        let [(start, packed, first), (next, _, second)] = [pair[0], pair[1]];
        if start.saturating_add(packed) > next {
            let got = format!("`{first}` and `{second}` in one place");
            return Err(bad(path, "places of files", "one place a file", got));
        }
    }
    Ok(())
}

fn bad(path: &Path, what: &'static str, expected: &str, got: String) -> DataError {
    DataError::bad("archive", path, what, expected, got)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Cursor, Write};

    fn zipped(files: &[(&str, &[u8], ::zip::CompressionMethod)]) -> Vec<u8> {
        let mut writer = ::zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes, method) in files {
            let options = ::zip::write::SimpleFileOptions::default().compression_method(*method);
            writer.start_file(*name, options).unwrap();
            writer.write_all(bytes).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    fn tarred(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut archive = ::tar::Builder::new(Vec::new());
        for (name, content) in files {
            let mut header = ::tar::Header::new_old();
            // Written past the writer's own check, as a hostile archive would be.
            header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            header.set_cksum();
            archive.append(&header, *content).unwrap();
        }
        archive.into_inner().unwrap()
    }

    fn message<T: std::fmt::Debug>(result: Result<T>) -> String {
        result.unwrap_err().to_string()
    }

    const STORED: ::zip::CompressionMethod = ::zip::CompressionMethod::Stored;

    #[test]
    fn members_lie_where_their_headers_say() {
        let bytes = zipped(&[("a/one.txt", b"first", STORED), ("two", b"second", STORED)]);
        let members = zip(Cursor::new(&bytes), Path::new("z")).unwrap();
        let content = |m: &Member| bytes[m.start as usize..][..m.packed as usize].to_vec();
        assert_eq!(
            members.iter().map(|m| m.name.as_str()).collect::<Vec<_>>(),
            ["a/one.txt", "two"]
        );
        assert_eq!(
            members.iter().map(content).collect::<Vec<_>>(),
            [b"first".to_vec(), b"second".to_vec()]
        );

        let bytes = tarred(&[("./a/one.txt", b"first"), ("two", b"second")]);
        let members = tar(Cursor::new(&bytes), Path::new("t")).unwrap();
        let content = |m: &Member| bytes[m.start as usize..][..m.packed as usize].to_vec();
        assert_eq!(
            members.iter().map(|m| m.name.as_str()).collect::<Vec<_>>(),
            ["a/one.txt", "two"]
        );
        assert_eq!(
            members.iter().map(content).collect::<Vec<_>>(),
            [b"first".to_vec(), b"second".to_vec()]
        );
    }

    #[test]
    fn paths_that_climb_are_refused() {
        for name in ["../secret", "a/../../secret", "/etc/passwd", "a\\..\\..\\b"] {
            let shown = name.replace('\\', "/");
            let expected =
                format!("bad archive: path inside: expected one that stays inside the archive, got `{shown}`: x");
            assert_eq!(
                message(tar(Cursor::new(tarred(&[(name, b"")])), Path::new("x"))),
                expected
            );
            assert_eq!(
                message(zip(Cursor::new(zipped(&[(name, b"", STORED)])), Path::new("x"))),
                expected
            );
        }
    }

    #[test]
    fn archives_that_lie_are_refused() {
        // The last file of 600 bytes begins at 512; the archive is cut at 1000.
        let bytes = tarred(&[("a", &[7; 600])]);
        assert_eq!(
            message(tar(Cursor::new(&bytes[..1000]), Path::new("x"))),
            "bad archive: number of bytes: expected 600, got 488 for `a`: x"
        );
        // The directory's entry says 5 stored bytes unpack to 6.
        let mut bytes = zipped(&[("a", b"first", STORED)]);
        let directory = bytes.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
        bytes[directory + 24] = 6;
        assert_eq!(
            message(zip(Cursor::new(&bytes), Path::new("x"))),
            "bad archive: number of bytes: expected at most 5 from 5 packed ones, got 6 for `a`: x"
        );
        // Both entries of the directory point at the first file.
        let mut bytes = zipped(&[("a", b"first", STORED), ("b", b"other", STORED)]);
        let second = bytes.windows(4).rposition(|w| w == b"PK\x01\x02").unwrap();
        bytes[second + 42..second + 46].fill(0);
        assert_eq!(
            message(zip(Cursor::new(&bytes), Path::new("x"))),
            "bad archive: places of files: expected one place a file, got `a` and `b` in one place: x"
        );
        assert!(
            message(zip(Cursor::new(b"no archive"), Path::new("x")))
                .starts_with("bad archive: archive: expected a readable ZIP")
        );
    }
}
