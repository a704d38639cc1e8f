//! The tensors in a pickle's tree, and the plain values beside them: what its calls would have built, and the names under
//! which it lies.
//!
//! An object (StyleGAN's networks, the GAN zoo's settings) is read as a dict of its attributes. Those of a PyTorch module keep
//! parameters, buffers and modules in three dicts, whose names count as the object's own, as in its state dict; other
//! attributes that begin with `_` are nobody's business.
use super::error::{Problem, Result};
use super::pickle::{Global, Id, Node, Tree};
use super::view::{Bytes, DType, View};
use super::{Found, Setting};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::ops::Range;

/// Deepest nesting of containers that tensors are looked for in.
const DEEPEST: usize = 16;

/// Bytes that all names together may have beyond the length of the file.
const NAMES_BYTES: usize = 1 << 20;

/// Bytes that all names of plain values together may have; those beyond are left out.
const SETTINGS_BYTES: usize = 1 << 20;

/// Where torch storages lie in the file.
#[derive(Default)]
pub(super) struct Storages {
    /// By their keys.
    pub(super) by_key: HashMap<String, Range<usize>>,
    /// Those that are files of their own within the pickle, by the value that holds its bytes.
    pub(super) in_files: HashMap<Id, (DType, Range<usize>)>,
}

/// What a persistent id of torch says: type, key and number of elements of a storage.
pub(super) struct Storage<'a> {
    pub(super) dtype: DType,
    pub(super) key: &'a str,
    pub(super) elements: usize,
}

/// The storages that a pickle speaks of.
pub(super) fn storages<'a>(tree: &'a Tree) -> impl Iterator<Item = Result<Storage<'a>>> {
    let persistent = |node: &Node| match node {
        Node::Persistent(id) => Some(*id),
        _ => None,
    };
    tree.nodes()
        .filter_map(persistent)
        .map(|id| storage(tree, id).ok_or_else(|| Problem::damaged("a storage without type, key or size")))
}

/// `('storage', type, key, device, elements)`; legacy files have None behind, or the view of a storage that only files
/// from before 2017 have.
fn storage<'a>(tree: &'a Tree, id: Id) -> Option<Storage<'a>> {
    let (parts, view) = tree.tuple(id)?.split_at_checked(5)?;
    let Node::Global(Global::TorchStorage(dtype)) = tree.node(parts[1]) else {
        return None;
    };
    let is_whole = view.iter().all(|&view| matches!(tree.node(view), Node::Nothing));
    (tree.text(parts[0]) == Some("storage") && is_whole).then_some(())?;
    Some(Storage {
        dtype: *dtype,
        key: tree.text(parts[2])?,
        elements: tree.count(parts[4])?,
    })
}

/// All tensors and plain values of a tree by name: the keys on the way to them, joined by dots; items of lists are counted from
/// 0. A tensor that is the whole tree is called `tensor`. Plain values are those of dicts and objects; what is neither is left
/// out.
///
/// # Errors
/// A tensor that is not whole, or nesting that no file of weights has.
pub(super) fn found(tree: &Tree, file: &[u8], storages: &Storages) -> Result<Found> {
    let mut found = Found::default();
    let most_bytes = file.len() + NAMES_BYTES;
    let (mut bytes_left, mut settings_bytes_left) = (most_bytes, SETTINGS_BYTES);
    // A container is looked into once, under the first of its names: shared ones could multiply without end.
    let mut seen = HashSet::new();
    let mut pending = vec![(tree.root, String::new(), 0)];
    while let Some((id, name, depth)) = pending.pop() {
        if let Node::Call { function, .. } = tree.node(id)
            && !matches!(function, Global::ObjectOfSource | Global::Attributes)
        {
            let name = if name.is_empty() { "tensor".into() } else { name };
            found
                .tensors
                .extend(tensor(tree, storages, id)?.map(|view| (name, view)));
            continue;
        }
        if !seen.insert(id) {
            continue;
        }
        let children = children(tree, id);
        let is_container = |id: Id| {
            matches!(
                tree.node(id),
                Node::Call { .. } | Node::Dict(_) | Node::List(_) | Node::Tuple(_)
            )
        };
        if depth == DEEPEST && children.iter().any(|(_, child)| is_container(*child)) {
            return Err(Problem::TooLarge {
                what: "containers within one another",
                most: DEEPEST,
            });
        }
        let named = |key: Cow<str>| match name.as_str() {
            "" => key.into_owned(),
            name => format!("{name}.{key}"),
        };
        // Pushed backwards they are visited in order, and of two with one name the last stays, as in a dict.
        let (containers, settings): (Vec<_>, Vec<_>) =
            children.into_iter().partition(|(_, child)| is_container(*child));
        for (key, child) in containers.into_iter().rev() {
            let longer = name.len() + 1 + key.len();
            bytes_left = bytes_left.checked_sub(longer).ok_or(Problem::TooLarge {
                what: "bytes of names",
                most: most_bytes,
            })?;
            pending.push((child, named(key), depth + 1));
        }
        for (key, child) in settings {
            let setting = setting(tree, child);
            let left = settings_bytes_left.checked_sub(name.len() + 1 + key.len());
            if let (Some(setting), Some(left)) = (setting, left) {
                settings_bytes_left = left;
                found.settings.insert(named(key), setting);
            }
        }
    }
    Ok(found)
}

/// What a container holds, by key; of a list only what tensors may be in.
fn children<'a>(tree: &'a Tree, id: Id) -> Vec<(Cow<'a, str>, Id)> {
    match tree.node(id) {
        Node::Dict(pairs) => {
            let number = |number: usize| Cow::Owned(number.to_string());
            let key = |id| tree.text(id).map(Cow::Borrowed).or_else(|| tree.count(id).map(number));
            pairs
                .iter()
                .filter_map(|(id, value)| Some((key(*id)?, *value)))
                .collect()
        }
        Node::List(items) | Node::Tuple(items) => {
            let may_hold_tensors = |id: Id| {
                matches!(
                    tree.node(id),
                    Node::Call { .. } | Node::Dict(_) | Node::List(_) | Node::Tuple(_)
                )
            };
            let held = items.iter().enumerate().filter(|(_, item)| may_hold_tensors(**item));
            held.map(|(place, item)| (Cow::Owned(place.to_string()), *item))
                .collect()
        }
        Node::Call {
            function: Global::ObjectOfSource,
            arguments,
            ..
        } => {
            let meta = tree.tuple(*arguments).and_then(|arguments| arguments.first());
            let state = meta.and_then(|meta| tree.item(*meta, "state"));
            state.map_or_else(Vec::new, |state| attributes(tree, state))
        }
        Node::Call { state: Some(state), .. } => attributes(tree, *state),
        _ => vec![],
    }
}

/// The attributes of an object, by name.
fn attributes<'a>(tree: &'a Tree, state: Id) -> Vec<(Cow<'a, str>, Id)> {
    let (hidden, mut shown): (Vec<_>, Vec<_>) = children(tree, state)
        .into_iter()
        .partition(|(name, _)| name.starts_with('_'));
    for (name, id) in hidden {
        if ["_parameters", "_buffers", "_modules"].contains(&&*name) {
            // Only a dict: an object in its place could nest without end.
            if let Node::Dict(_) = tree.node(id) {
                shown.extend(children(tree, id));
            }
        }
    }
    shown
}

/// The plain value of a node.
fn setting(tree: &Tree, id: Id) -> Option<Setting> {
    match tree.node(id) {
        Node::Bool(value) => Some(Setting::Flag(*value)),
        Node::Int(value) => Some(Setting::Number(*value as f64)),
        Node::Float(value) => Some(Setting::Number(*value)),
        Node::Text(_) | Node::Bytes(_) => tree.text(id).map(|text| Setting::Text(text.to_owned())),
        _ => None,
    }
}

/// The tensor that a call builds; `None` for calls that build something else.
fn tensor(tree: &Tree, storages: &Storages, id: Id) -> Result<Option<View>> {
    let Node::Call {
        function,
        arguments,
        state,
    } = tree.node(id)
    else {
        return Ok(None);
    };
    let damaged = || Problem::damaged(format!("a tensor made by {function:?} of unusual arguments"));
    let arguments = tree.tuple(*arguments).ok_or_else(damaged)?;
    let view = match function {
        Global::TorchTensor => torch_tensor(tree, storages, arguments)?,
        // A parameter is the tensor that it wraps.
        Global::TorchParameter => {
            let wrapped = arguments.first().map(|&data| tree.node(data));
            let Some(Node::Call {
                function: Global::TorchTensor,
                arguments,
                ..
            }) = wrapped
            else {
                return Err(damaged());
            };
            torch_tensor(tree, storages, tree.tuple(*arguments).ok_or_else(damaged)?)?
        }
        // Its state: version, shape, type, whether the first index runs fastest, bytes.
        Global::NumpyArray => match state.and_then(|state| tree.tuple(state)) {
            Some(&[_, shape, dtype, is_fortran, bytes]) => {
                let is_fortran = matches!(tree.node(is_fortran), Node::Bool(true));
                array(tree, bytes, dtype, shape, is_fortran)?
            }
            _ => return Err(damaged()),
        },
        Global::NumpyBuffer => match *arguments {
            [bytes, dtype, shape, order] => array(tree, bytes, dtype, shape, tree.text(order) == Some("F"))?,
            _ => return Err(damaged()),
        },
        _ => return Ok(None),
    };
    Ok(Some(view))
}

/// `_rebuild_tensor_v2(storage, first, shape, strides, requires_grad, hooks)`, or its elder without the last two.
fn torch_tensor(tree: &Tree, storages: &Storages, arguments: &[Id]) -> Result<View> {
    let damaged = || Problem::damaged("a tensor without storage, shape or strides");
    let &[persistent, first, shape, strides, ..] = arguments else {
        return Err(damaged());
    };
    let (Some(first), Some(shape), Some(strides)) = (tree.count(first), tree.counts(shape), tree.counts(strides))
    else {
        return Err(damaged());
    };
    let (dtype, range) = match tree.node(persistent) {
        Node::Persistent(id) => keyed(tree, *id, storages)?,
        Node::Call {
            function: Global::TorchStorageFile,
            arguments,
            ..
        } => {
            let bytes = tree.tuple(*arguments).and_then(|arguments| arguments.first());
            bytes
                .and_then(|bytes| storages.in_files.get(bytes))
                .cloned()
                .ok_or_else(damaged)?
        }
        _ => return Err(damaged()),
    };
    View::strided(dtype, shape, strides, first, Bytes::InFile(range))
}

/// The type of the storage that a persistent id names, and where its elements lie.
pub(super) fn keyed(tree: &Tree, id: Id, storages: &Storages) -> Result<(DType, Range<usize>)> {
    let storage = storage(tree, id).ok_or_else(|| Problem::damaged("a tensor without storage, shape or strides"))?;
    let range = storages.by_key.get(storage.key);
    let range = range.ok_or_else(|| Problem::damaged(format!("storage `{}` is not in the file", storage.key)))?;
    let bytes = storage.elements.checked_mul(storage.dtype.bytes());
    let bytes = bytes
        .filter(|bytes| *bytes <= range.len())
        .ok_or_else(|| Problem::damaged(format!("storage `{}` is shorter than its tensors say", storage.key)))?;
    Ok((storage.dtype, range.start..range.start + bytes))
}

fn array(tree: &Tree, bytes: Id, dtype: Id, shape: Id, is_fortran: bool) -> Result<View> {
    let damaged = || Problem::damaged("an array without bytes, type or shape");
    let (Node::Bytes(bytes), Some(dtype), Some(shape)) =
        (tree.node(bytes), numpy_dtype(tree, dtype), tree.counts(shape))
    else {
        return Err(damaged());
    };
    View::dense(dtype, shape, is_fortran, bytes.clone())
}

/// `dtype('f4', False, True)` with the state `(3, '<', ..)`: little-endian, or of single bytes, which have no order.
fn numpy_dtype(tree: &Tree, id: Id) -> Option<DType> {
    let Node::Call {
        function: Global::NumpyDType,
        arguments,
        state,
    } = tree.node(id)
    else {
        return None;
    };
    let name = tree.text(*tree.tuple(*arguments)?.first()?)?;
    let dtype = match name.trim_start_matches(['<', '|', '=']) {
        "f8" => DType::F64,
        "f4" => DType::F32,
        "f2" => DType::F16,
        "i8" => DType::I64,
        "i4" => DType::I32,
        "i2" => DType::I16,
        "i1" => DType::I8,
        "u1" => DType::U8,
        "b1" => DType::Bool,
        _ => return None,
    };
    let order = state.and_then(|state| tree.text(*tree.tuple(state)?.get(1)?));
    matches!(order, None | Some("<" | "|" | "=")).then_some(dtype)
}
