//! The two formats of `torch.save`: a ZIP archive of a pickle and a file a storage (since PyTorch 1.6), and the legacy one, in
//! which storages follow the pickle.
use super::error::{Problem, Result};
use super::objects::{self, Storages};
use super::pickle::{Node, Tree};
use super::view::View;
use std::collections::{BTreeMap, HashMap};
use std::io::Cursor;
use std::ops::Range;
use zip::{CompressionMethod, ZipArchive};

/// How a legacy file begins, behind its protocol: the integer 0x1950a86a20f9469cfc6c, pickled.
const MAGIC: &[u8] = b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";

/// Whether the file is one of the legacy format.
pub(super) fn is_legacy(file: &[u8]) -> bool {
    file.first() == Some(&0x80) && file.get(2..).is_some_and(|rest| rest.starts_with(MAGIC))
}

/// The tensors of a legacy file: four pickles (the magic number, the version, the machine, the object), the keys of the
/// storages in order, then each storage, behind its number of elements.
pub(super) fn legacy(file: &[u8]) -> Result<BTreeMap<String, View>> {
    let mut at = 2 + MAGIC.len();
    let mut next = || {
        let tree = Tree::read(file, at..file.len())?;
        at = tree.end;
        Ok(tree)
    };
    let (version, machine, object, keys) = (next()?, next()?, next()?, next()?);
    if version.count(version.root) != Some(1001) {
        return Err(Problem::damaged("expected version 1001 of PyTorch's legacy format"));
    }
    if let Node::Dict(facts) = machine.node(machine.root) {
        let is_big = |(key, value): &(u32, u32)| {
            machine.text(*key) == Some("little_endian") && matches!(machine.node(*value), Node::Bool(false))
        };
        if facts.iter().any(is_big) {
            return Err(Problem::damaged("expected little-endian storages, got big-endian ones"));
        }
    }
    let dtypes: HashMap<_, _> = objects::storages(&object)
        .map(|storage| storage.map(|storage| (storage.key, storage.dtype)))
        .collect::<Result<_>>()?;
    let Node::List(listed) = keys.node(keys.root) else {
        return Err(Problem::damaged("the keys of the storages are no list"));
    };
    let mut storages = Storages::new();
    for &id in listed {
        let key = keys.text(id).unwrap_or_default();
        let cut_short = || Problem::damaged(format!("storage `{key}` is cut short"));
        let dtype = dtypes.get(key).ok_or_else(|| Problem::damaged(format!("storage `{key}` belongs to no tensor")))?;
        let (count, rest) = file[at..].split_first_chunk().ok_or_else(cut_short)?;
        let bytes = usize::try_from(i64::from_le_bytes(*count)).ok();
        let bytes = bytes.and_then(|count| count.checked_mul(dtype.bytes()));
        let bytes = bytes.filter(|bytes| *bytes <= rest.len()).ok_or_else(cut_short)?;
        at += 8 + bytes;
        storages.insert(key.to_owned(), at - bytes..at);
    }
    objects::tensors(&object, file, &storages)
}

/// The tensors of a ZIP archive: `NAME/data.pkl` and the storages `NAME/data/KEY`, which are not compressed.
pub(super) fn zip(file: &[u8]) -> Result<BTreeMap<String, View>> {
    let members = members(file)?;
    let pickle = members.iter().find(|(name, _)| name.split('/').nth(1) == Some("data.pkl"));
    let Some((name, range)) = pickle else {
        return Err(Problem::UnknownKind {
            got: "a ZIP archive without `data.pkl`",
        });
    };
    let folder = name.trim_end_matches("data.pkl");
    let order = members.get(&format!("{folder}byteorder"));
    if order.is_some_and(|range| &file[range.clone()] == b"big") {
        return Err(Problem::damaged("expected little-endian storages, got big-endian ones"));
    }
    let tree = Tree::read(file, range.clone())?;
    let data = format!("{folder}data/");
    let storages = members.iter().filter_map(|(name, range)| Some((name.strip_prefix(&data)?.to_owned(), range.clone())));
    objects::tensors(&tree, file, &storages.collect())
}

/// Where the members of an archive lie in the file.
fn members(file: &[u8]) -> Result<BTreeMap<String, Range<usize>>> {
    let damaged = |error: zip::result::ZipError| Problem::damaged(format!("not a whole ZIP archive ({error})"));
    let mut archive = ZipArchive::new(Cursor::new(file)).map_err(damaged)?;
    let mut members = BTreeMap::new();
    for index in 0..archive.len() {
        let member = archive.by_index_raw(index).map_err(damaged)?;
        let name = String::from_utf8_lossy(member.name_raw()).into_owned();
        if name.split('/').nth(1) == Some("code") {
            return Err(Problem::TorchScript);
        }
        let is_plain = member.compression() == CompressionMethod::Stored && !member.encrypted();
        let start = member.data_start().and_then(|start| usize::try_from(start).ok());
        let length = usize::try_from(member.size()).ok();
        let range = start.zip(length).and_then(|(start, length)| Some(start..start.checked_add(length)?));
        let range = range.filter(|range| is_plain && range.end <= file.len());
        let range = range.ok_or_else(|| Problem::damaged(format!("`{name}` in the archive is compressed or cut short")))?;
        members.insert(name, range);
    }
    Ok(members)
}
