//! The two formats of `torch.save`: a ZIP archive of a pickle and a file a storage (since PyTorch 1.6), and the legacy one, in
//! which storages follow the pickle; and plain pickles, whose torch storages are legacy files within.
use super::Found;
use super::error::{Problem, Result};
use super::objects::{self, Storages};
use super::pickle::{Global, Id, Node, Tree};
use super::view::{Bytes, DType};
use std::collections::hash_map::Entry;
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

/// The tensors of a legacy file.
pub(super) fn legacy(file: &[u8]) -> Result<Found> {
    let (object, storages) = legacy_parts(file)?;
    objects::found(&object, file, &storages)
}

/// The tensors of a plain pickle.
pub(super) fn pickle(file: &[u8]) -> Result<Found> {
    let tree = Tree::read(file, 0..file.len())?;
    let mut storages = Storages::default();
    for node in tree.nodes() {
        if let Node::Call {
            function: Global::TorchStorageFile,
            arguments,
            ..
        } = node
        {
            let bytes = tree.tuple(*arguments).and_then(|arguments| arguments.first());
            let &bytes = bytes.ok_or_else(|| Problem::damaged("a storage without bytes"))?;
            // The same bytes may be named often.
            if let Entry::Vacant(vacant) = storages.in_files.entry(bytes) {
                vacant.insert(storage_file(&tree, bytes, file)?);
            }
        }
    }
    objects::found(&tree, file, &storages)
}

/// The storage that is all of a legacy file within a pickle: its type, and where its elements lie.
fn storage_file(tree: &Tree, bytes: Id, file: &[u8]) -> Result<(DType, Range<usize>)> {
    let unusual = || Problem::damaged("expected a storage in a file of PyTorch's legacy format within the pickle");
    let Node::Bytes(Bytes::InFile(within)) = tree.node(bytes) else {
        return Err(unusual());
    };
    let inner = &file[within.clone()];
    if !is_legacy(inner) {
        return Err(unusual());
    }
    let (object, storages) = legacy_parts(inner)?;
    let Node::Persistent(id) = object.node(object.root) else {
        return Err(unusual());
    };
    let (dtype, range) = objects::keyed(&object, *id, &storages)?;
    Ok((dtype, within.start + range.start..within.start + range.end))
}

/// The object of a legacy file and its storages. There are four pickles (the magic number, the version, the machine, the
/// object), the keys of the storages in order, then each storage, behind its number of elements.
fn legacy_parts(file: &[u8]) -> Result<(Tree<'_>, Storages)> {
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
    let mut storages = HashMap::new();
    for &id in listed {
        let key = keys.text(id).unwrap_or_default();
        let cut_short = || Problem::damaged(format!("storage `{key}` is cut short"));
        let dtype = dtypes
            .get(key)
            .ok_or_else(|| Problem::damaged(format!("storage `{key}` belongs to no tensor")))?;
        let (count, rest) = file[at..].split_first_chunk().ok_or_else(cut_short)?;
        let bytes = usize::try_from(i64::from_le_bytes(*count)).ok();
        let bytes = bytes.and_then(|count| count.checked_mul(dtype.bytes()));
        let bytes = bytes.filter(|bytes| *bytes <= rest.len()).ok_or_else(cut_short)?;
        at += 8 + bytes;
        storages.insert(key.to_owned(), at - bytes..at);
    }
    let storages = Storages {
        by_key: storages,
        ..Storages::default()
    };
    Ok((object, storages))
}

/// The tensors of a ZIP archive: `NAME/data.pkl` and the storages `NAME/data/KEY`, which are not compressed.
pub(super) fn zip(file: &[u8]) -> Result<Found> {
    let members = members(file)?;
    let pickle = members
        .iter()
        .find(|(name, _)| name.split('/').nth(1) == Some("data.pkl"));
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
    let storages = members
        .iter()
        .filter_map(|(name, range)| Some((name.strip_prefix(&data)?.to_owned(), range.clone())));
    let storages = Storages {
        by_key: storages.collect(),
        ..Storages::default()
    };
    objects::found(&tree, file, &storages)
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
        let range = start
            .zip(length)
            .and_then(|(start, length)| Some(start..start.checked_add(length)?));
        let range = range.filter(|range| is_plain && range.end <= file.len());
        let range =
            range.ok_or_else(|| Problem::damaged(format!("`{name}` in the archive is compressed or cut short")))?;
        members.insert(name, range);
    }
    Ok(members)
}
