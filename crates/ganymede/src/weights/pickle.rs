//! A pickle as a tree of plain values, by a stack machine that knows only what plain weights need.
//!
//! A pickle is a program: Python imports and calls whatever it names. Nothing is imported or called here. Of the pickle
//! protocol (PEP 307, 3154, 574; Python's `pickletools`) the instructions of protocols 2 to 5 that make numbers, texts and
//! containers are carried out; a call to a name of [`GLOBALS`] becomes a [`Node::Call`], which [`objects`](super::objects)
//! reads as a tensor or as an object with tensors; everything else is refused by name.
//!
//! Values lie in one list and name each other by place, so that however deep they nest, nothing recurses; there are at most
//! [`MOST`] of them. Texts and bytes stay where they are in the file.
use super::error::{Problem, Result};
use super::view::{Bytes, DType, MOST_AXES};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// Most values, memo entries and entries of the stack; a network of a thousand layers needs some ten thousand.
pub(super) const MOST: usize = 1 << 22;

/// Bytes of the longest text that is looked at: one text can be named any number of times.
const LONGEST: usize = 1024;

/// The place of a value in its [`Tree`].
pub(super) type Id = u32;

/// A value.
#[derive(Debug)]
pub(super) enum Node {
    /// `None`, and integers beyond 64 bits, which nothing here needs.
    Nothing,
    Bool(bool),
    Int(i64),
    Float(f64),
    /// Where UTF-8 text lies in the file.
    Text(Range<usize>),
    Bytes(Bytes),
    Tuple(Vec<Id>),
    /// A list, or a set.
    List(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    Global(Global),
    /// Something that lies outside of the pickle, by what names it.
    Persistent(Id),
    /// A call that was not made.
    Call {
        function: Global,
        arguments: Id,
        state: Option<Id>,
    },
}

/// What a pickle may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Global {
    OrderedDict,
    /// A class of dicts whose keys are attributes.
    EasyDict,
    Set,
    /// A class of objects that are nothing but their attributes.
    Attributes,
    /// NVIDIA's function that makes an object of its state and of its class' source, which lies in the pickle.
    ObjectOfSource,
    Encode,
    TorchSize,
    TorchTensor,
    TorchParameter,
    TorchStorage(DType),
    /// The function that makes a storage of the bytes of a file of its own.
    TorchStorageFile,
    NumpyArray,
    NumpyArrayClass,
    NumpyBuffer,
    NumpyScalar,
    NumpyDType,
}

/// The names that a pickle may use: module, name, what it is to us.
pub(super) const GLOBALS: &[(&str, &str, Global)] = &[
    ("collections", "OrderedDict", Global::OrderedDict),
    ("builtins", "set", Global::Set),
    ("__builtin__", "set", Global::Set),
    ("_codecs", "encode", Global::Encode),
    ("dnnlib.util", "EasyDict", Global::EasyDict),
    (
        "torch_utils.persistence",
        "_reconstruct_persistent_obj",
        Global::ObjectOfSource,
    ),
    ("models.utils.config", "BaseConfig", Global::Attributes),
    ("torch", "Size", Global::TorchSize),
    ("torch._utils", "_rebuild_tensor", Global::TorchTensor),
    ("torch._utils", "_rebuild_tensor_v2", Global::TorchTensor),
    ("torch._utils", "_rebuild_parameter", Global::TorchParameter),
    ("torch.storage", "_load_from_bytes", Global::TorchStorageFile),
    ("torch", "DoubleStorage", Global::TorchStorage(DType::F64)),
    ("torch", "FloatStorage", Global::TorchStorage(DType::F32)),
    ("torch", "HalfStorage", Global::TorchStorage(DType::F16)),
    ("torch", "BFloat16Storage", Global::TorchStorage(DType::BF16)),
    ("torch", "LongStorage", Global::TorchStorage(DType::I64)),
    ("torch", "IntStorage", Global::TorchStorage(DType::I32)),
    ("torch", "ShortStorage", Global::TorchStorage(DType::I16)),
    ("torch", "CharStorage", Global::TorchStorage(DType::I8)),
    ("torch", "ByteStorage", Global::TorchStorage(DType::U8)),
    ("torch", "BoolStorage", Global::TorchStorage(DType::Bool)),
    ("numpy", "ndarray", Global::NumpyArrayClass),
    ("numpy", "dtype", Global::NumpyDType),
    ("numpy.core.multiarray", "_reconstruct", Global::NumpyArray),
    ("numpy._core.multiarray", "_reconstruct", Global::NumpyArray),
    ("numpy.core.multiarray", "scalar", Global::NumpyScalar),
    ("numpy._core.multiarray", "scalar", Global::NumpyScalar),
    ("numpy.core.numeric", "_frombuffer", Global::NumpyBuffer),
    ("numpy._core.numeric", "_frombuffer", Global::NumpyBuffer),
];

/// Instructions of the protocol that are refused; any other number that is not carried out is none at all.
const REFUSED: &[(u8, &str)] = &[
    (b'0', "POP"),
    (b'1', "POP_MARK"),
    (b'2', "DUP"),
    (b'F', "FLOAT"),
    (b'I', "INT"),
    (b'L', "LONG"),
    (b'P', "PERSID"),
    (b'S', "STRING"),
    (b'V', "UNICODE"),
    (b'd', "DICT"),
    (b'g', "GET"),
    (b'i', "INST"),
    (b'l', "LIST"),
    (b'o', "OBJ"),
    (b'p', "PUT"),
    (0x81, "NEWOBJ"),
    (0x82, "EXT1"),
    (0x83, "EXT2"),
    (0x84, "EXT4"),
    (0x91, "FROZENSET"),
    (0x92, "NEWOBJ_EX"),
    (0x97, "NEXT_BUFFER"),
    (0x98, "READONLY_BUFFER"),
];

/// What a pickle says.
pub(super) struct Tree<'a> {
    file: &'a [u8],
    nodes: Vec<Node>,
    /// The value that the pickle stands for.
    pub(super) root: Id,
    /// The first byte behind it in the file.
    pub(super) end: usize,
}

impl<'a> Tree<'a> {
    /// Reads the pickle that begins at the start of `range` of a file and ends within it.
    pub(super) fn read(file: &'a [u8], range: Range<usize>) -> Result<Tree<'a>> {
        let file = file
            .get(..range.end)
            .filter(|file| range.start <= file.len())
            .ok_or_else(|| Problem::damaged("a pickle lies outside of the file"))?;
        let machine = Machine {
            file,
            at: range.start,
            nodes: Vec::new(),
            stack: Vec::new(),
            marks: Vec::new(),
            memo: HashMap::new(),
            // Decoded bytes are never more than what they are decoded from, unless a file has one text decoded many times.
            decodable: file.len(),
        };
        machine.run()
    }

    /// The value at a place.
    pub(super) fn node(&self, id: Id) -> &Node {
        &self.nodes[id as usize]
    }

    /// All values.
    pub(super) fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter()
    }

    /// A text of up to [`LONGEST`] bytes; Python 2 writes them as bytes.
    pub(super) fn text(&self, id: Id) -> Option<&str> {
        let bytes = match self.node(id) {
            Node::Text(range) => &self.file[range.clone()],
            Node::Bytes(bytes) => bytes.of(self.file),
            _ => return None,
        };
        std::str::from_utf8(Some(bytes).filter(|bytes| bytes.len() <= LONGEST)?).ok()
    }

    /// The value of a key that is a text; of two the last, as in a dict.
    pub(super) fn item(&self, dict: Id, key: &str) -> Option<Id> {
        let Node::Dict(pairs) = self.node(dict) else {
            return None;
        };
        let found = pairs.iter().rev().find(|(id, _)| self.text(*id) == Some(key));
        found.map(|(_, value)| *value)
    }

    /// A number that counts something.
    pub(super) fn count(&self, id: Id) -> Option<usize> {
        match self.node(id) {
            Node::Int(number) => usize::try_from(*number).ok(),
            _ => None,
        }
    }

    /// The parts of a tuple.
    pub(super) fn tuple(&self, id: Id) -> Option<&[Id]> {
        match self.node(id) {
            Node::Tuple(parts) => Some(parts),
            _ => None,
        }
    }

    /// A tuple of up to [`MOST_AXES`] numbers that count something.
    pub(super) fn counts(&self, id: Id) -> Option<Vec<usize>> {
        let parts = self.tuple(id).filter(|parts| parts.len() <= MOST_AXES)?;
        parts.iter().map(|&part| self.count(part)).collect()
    }
}

struct Machine<'a> {
    file: &'a [u8],
    at: usize,
    nodes: Vec<Node>,
    stack: Vec<Id>,
    /// Lengths of the stack at the marks.
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
    /// Bytes, and pairs of lists, that may still be decoded.
    decodable: usize,
}

fn too_many(what: &'static str) -> Problem {
    Problem::TooLarge { what, most: MOST }
}

impl<'a> Machine<'a> {
    fn run(mut self) -> Result<Tree<'a>> {
        loop {
            match self.byte()? {
                b'.' => break,
                // PROTO
                0x80 => {
                    let protocol = self.byte()?;
                    if protocol > 5 {
                        return Err(Problem::damaged(format!(
                            "expected a pickle protocol up to 5, got {protocol}"
                        )));
                    }
                }
                // FRAME: only a hint for reading ahead.
                0x95 => {
                    self.take(8)?;
                }
                b'(' => {
                    if self.marks.len() >= MOST {
                        return Err(too_many("marks"));
                    }
                    self.marks.push(self.stack.len());
                }
                b'N' => self.push(Node::Nothing)?,
                0x88 => self.push(Node::Bool(true))?,
                0x89 => self.push(Node::Bool(false))?,
                b'K' => {
                    let number = self.byte()?;
                    self.push(Node::Int(number.into()))?;
                }
                b'M' => {
                    let number = u16::from_le_bytes(self.array()?);
                    self.push(Node::Int(number.into()))?;
                }
                b'J' => {
                    let number = i32::from_le_bytes(self.array()?);
                    self.push(Node::Int(number.into()))?;
                }
                // LONG1
                0x8a => {
                    let length = self.byte()?.into();
                    self.long(length)?;
                }
                // LONG4
                0x8b => {
                    let length = u32::from_le_bytes(self.array()?) as usize;
                    self.long(length)?;
                }
                b'G' => {
                    let number = f64::from_be_bytes(self.array()?);
                    self.push(Node::Float(number))?;
                }
                // Texts of UTF-8: SHORT_BINUNICODE, BINUNICODE, BINUNICODE8.
                0x8c => {
                    let length = self.byte()?.into();
                    self.text(length)?;
                }
                b'X' => {
                    let length = u32::from_le_bytes(self.array()?).into();
                    self.text(length)?;
                }
                0x8d => {
                    let length = u64::from_le_bytes(self.array()?);
                    self.text(length)?;
                }
                // Bytes, and Python 2's strings: SHORT_BINBYTES, SHORT_BINSTRING; BINBYTES, BINSTRING; BINBYTES8, BYTEARRAY8.
                b'C' | b'U' => {
                    let length = self.byte()?.into();
                    self.bytes(length)?;
                }
                b'B' | b'T' => {
                    let length = u32::from_le_bytes(self.array()?).into();
                    self.bytes(length)?;
                }
                0x8e | 0x96 => {
                    let length = u64::from_le_bytes(self.array()?);
                    self.bytes(length)?;
                }
                b')' => self.push(Node::Tuple(vec![]))?,
                // EMPTY_LIST, EMPTY_SET
                b']' | 0x8f => self.push(Node::List(vec![]))?,
                b'}' => self.push(Node::Dict(vec![]))?,
                b't' => {
                    let parts = self.since_mark()?;
                    self.push(Node::Tuple(parts))?;
                }
                // TUPLE1, TUPLE2, TUPLE3
                op @ 0x85..=0x87 => {
                    let parts = self.last(usize::from(op - 0x84))?;
                    self.push(Node::Tuple(parts))?;
                }
                b'a' => {
                    let item = self.pop()?;
                    self.append(vec![item])?;
                }
                // APPENDS, ADDITEMS
                b'e' | 0x90 => {
                    let items = self.since_mark()?;
                    self.append(items)?;
                }
                b's' => {
                    let pair = self.last(2)?;
                    self.set(&pair)?;
                }
                b'u' => {
                    let pairs = self.since_mark()?;
                    self.set(&pairs)?;
                }
                // MEMOIZE, BINPUT, LONG_BINPUT
                0x94 => self.put(self.memo.len() as u32)?,
                b'q' => {
                    let place = self.byte()?.into();
                    self.put(place)?;
                }
                b'r' => {
                    let place = u32::from_le_bytes(self.array()?);
                    self.put(place)?;
                }
                // BINGET, LONG_BINGET
                b'h' => {
                    let place = self.byte()?.into();
                    self.get(place)?;
                }
                b'j' => {
                    let place = u32::from_le_bytes(self.array()?);
                    self.get(place)?;
                }
                b'c' => {
                    let (module, name) = (self.line()?, self.line()?);
                    let global = global(module, name)?;
                    self.push(Node::Global(global))?;
                }
                // STACK_GLOBAL
                0x93 => {
                    let global = self.stack_global()?;
                    self.push(Node::Global(global))?;
                }
                b'Q' => {
                    let id = self.pop()?;
                    self.push(Node::Persistent(id))?;
                }
                b'R' => self.call()?,
                // NEWOBJ
                0x81 => self.new_object()?,
                b'b' => self.build()?,
                op => {
                    let known = REFUSED.iter().find(|(number, _)| *number == op);
                    let name = known.map_or_else(|| format!("number {op}"), |(_, name)| (*name).to_owned());
                    return Err(Problem::RefusedInstruction { name });
                }
            }
        }
        let root = self.pop()?;
        Ok(Tree {
            file: self.file,
            nodes: self.nodes,
            root,
            end: self.at,
        })
    }

    fn take(&mut self, length: u64) -> Result<Range<usize>> {
        let left = self.file.len() - self.at;
        if length > left as u64 {
            return Err(Problem::damaged("the pickle ends in the middle of an instruction"));
        }
        let start = self.at;
        self.at += length as usize;
        Ok(start..self.at)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let range = self.take(N as u64)?;
        Ok(self.file[range].try_into().expect("as many bytes as were taken"))
    }

    fn byte(&mut self) -> Result<u8> {
        Ok(self.array::<1>()?[0])
    }

    /// A line without its end.
    fn line(&mut self) -> Result<&'a str> {
        let rest = &self.file[self.at..];
        let length = rest.iter().take(256).position(|&byte| byte == b'\n');
        let line = length.and_then(|length| std::str::from_utf8(&rest[..length]).ok());
        let line = line.ok_or_else(|| Problem::damaged("expected a name of up to 255 bytes in the pickle"))?;
        self.at += line.len() + 1;
        Ok(line)
    }

    fn push(&mut self, node: Node) -> Result<()> {
        if self.nodes.len() >= MOST {
            return Err(too_many("objects"));
        }
        self.nodes.push(node);
        self.push_id(self.nodes.len() as Id - 1)
    }

    fn push_id(&mut self, id: Id) -> Result<()> {
        if self.stack.len() >= MOST {
            return Err(too_many("objects"));
        }
        self.stack.push(id);
        Ok(())
    }

    fn long(&mut self, length: usize) -> Result<()> {
        let range = self.take(length as u64)?;
        let bytes = &self.file[range];
        let number = match bytes.last() {
            None => Node::Int(0),
            Some(last) if bytes.len() <= 8 => {
                let mut all = [if *last >= 0x80 { 0xff } else { 0 }; 8];
                all[..bytes.len()].copy_from_slice(bytes);
                Node::Int(i64::from_le_bytes(all))
            }
            Some(_) => Node::Nothing,
        };
        self.push(number)
    }

    fn text(&mut self, length: u64) -> Result<()> {
        let range = self.take(length)?;
        if std::str::from_utf8(&self.file[range.clone()]).is_err() {
            return Err(Problem::damaged("a text in the pickle is not UTF-8"));
        }
        self.push(Node::Text(range))
    }

    fn bytes(&mut self, length: u64) -> Result<()> {
        let range = self.take(length)?;
        self.push(Node::Bytes(Bytes::InFile(range)))
    }

    /// Takes what lies above `floor`, which is never below the last mark.
    fn above(&mut self, floor: Option<usize>) -> Result<Vec<Id>> {
        let lowest = self.marks.last().copied().unwrap_or(0);
        match floor {
            Some(floor) if floor >= lowest => Ok(self.stack.split_off(floor)),
            _ => Err(Problem::damaged("the pickle takes more than it has put down")),
        }
    }

    fn last(&mut self, count: usize) -> Result<Vec<Id>> {
        self.above(self.stack.len().checked_sub(count))
    }

    fn peek(&self) -> Result<Id> {
        let lowest = self.marks.last().copied().unwrap_or(0);
        let top = self.stack[lowest..].last().copied();
        top.ok_or_else(|| Problem::damaged("the pickle takes more than it has put down"))
    }

    fn pop(&mut self) -> Result<Id> {
        let top = self.peek()?;
        self.stack.pop();
        Ok(top)
    }

    fn since_mark(&mut self) -> Result<Vec<Id>> {
        let floor = self.marks.last().copied();
        let taken = self.above(floor)?;
        self.marks.pop();
        Ok(taken)
    }

    /// The value on top of the stack, which stays there.
    fn top(&mut self) -> Result<&mut Node> {
        let id = self.peek()?;
        Ok(&mut self.nodes[id as usize])
    }

    fn append(&mut self, items: Vec<Id>) -> Result<()> {
        match self.top()? {
            Node::List(list) => list.extend(items),
            _ => return Err(Problem::damaged("the pickle appends to what is no list")),
        }
        Ok(())
    }

    fn set(&mut self, pairs: &[Id]) -> Result<()> {
        match self.top()? {
            Node::Dict(dict) if pairs.len().is_multiple_of(2) => {
                dict.extend(pairs.chunks_exact(2).map(|pair| (pair[0], pair[1])));
            }
            _ => return Err(Problem::damaged("the pickle sets items of what is no dict")),
        }
        Ok(())
    }

    fn put(&mut self, place: u32) -> Result<()> {
        let id = self.peek()?;
        if self.memo.len() >= MOST {
            return Err(too_many("objects"));
        }
        self.memo.insert(place, id);
        Ok(())
    }

    fn get(&mut self, place: u32) -> Result<()> {
        match self.memo.get(&place) {
            Some(&id) => self.push_id(id),
            None => Err(Problem::damaged("the pickle recalls what it has not stored")),
        }
    }

    fn stack_global(&mut self) -> Result<Global> {
        let parts = self.last(2)?;
        let text = |id: Id| match &self.nodes[id as usize] {
            Node::Text(range) => std::str::from_utf8(&self.file[range.clone()]).ok(),
            _ => None,
        };
        match (text(parts[0]), text(parts[1])) {
            (Some(module), Some(name)) => global(module, name),
            _ => Err(Problem::damaged("the pickle names something by what is no text")),
        }
    }

    /// REDUCE: what needs no tensors is done here, the rest is written down.
    fn call(&mut self) -> Result<()> {
        let parts = self.last(2)?;
        let Node::Global(function) = self.nodes[parts[0] as usize] else {
            return Err(Problem::damaged("the pickle calls what is no function"));
        };
        let Node::Tuple(arguments) = &self.nodes[parts[1] as usize] else {
            return Err(Problem::damaged("the pickle calls a function without arguments"));
        };
        match (function, arguments.as_slice()) {
            (Global::OrderedDict, []) => self.push(Node::Dict(vec![])),
            (Global::OrderedDict, &[pairs]) => {
                let pairs = self.pairs(pairs)?;
                self.push(Node::Dict(pairs))
            }
            (Global::TorchSize, &[size]) => self.push_id(size),
            (Global::Set, &[items]) => self.push_id(items),
            (Global::Encode, &[text, _]) => {
                let bytes = self.latin_1(text)?;
                self.push(Node::Bytes(bytes))
            }
            (Global::OrderedDict | Global::TorchSize | Global::Set | Global::Encode, _) => {
                Err(Problem::damaged(format!("{function:?} with unusual arguments")))
            }
            _ => self.push(Node::Call {
                function,
                arguments: parts[1],
                state: None,
            }),
        }
    }

    /// NEWOBJ: an empty dict, or an object that is given its attributes by BUILD; no other class has objects here.
    fn new_object(&mut self) -> Result<()> {
        let parts = self.last(2)?;
        match self.nodes[parts[0] as usize] {
            Node::Global(Global::EasyDict) => self.push(Node::Dict(vec![])),
            Node::Global(function @ Global::Attributes) => self.push(Node::Call {
                function,
                arguments: parts[1],
                state: None,
            }),
            _ => Err(Problem::RefusedInstruction { name: "NEWOBJ".into() }),
        }
    }

    /// How Python 2 writes an ordered dict: as a list of lists of a key and its value.
    fn pairs(&mut self, list: Id) -> Result<Vec<(Id, Id)>> {
        let parts = |id: Id| match &self.nodes[id as usize] {
            Node::List(parts) | Node::Tuple(parts) => Some(parts.as_slice()),
            _ => None,
        };
        let pair = |id: &Id| match parts(*id) {
            Some(&[key, value]) => Some((key, value)),
            _ => None,
        };
        let pairs: Option<Vec<(Id, Id)>> = parts(list).and_then(|items| items.iter().map(pair).collect());
        let pairs = pairs.ok_or_else(|| Problem::damaged("OrderedDict of what are no pairs"))?;
        self.decodable = self
            .decodable
            .checked_sub(pairs.len())
            .ok_or_else(|| Problem::damaged("the pickle makes more dicts of a list than it has bytes"))?;
        Ok(pairs)
    }

    /// How Python 3 writes bytes for Python 2: as a text whose characters are the bytes.
    fn latin_1(&mut self, text: Id) -> Result<Bytes> {
        let damaged = || Problem::damaged("encoded bytes in the pickle are no text of Latin 1");
        let Node::Text(range) = &self.nodes[text as usize] else {
            return Err(damaged());
        };
        self.decodable = self
            .decodable
            .checked_sub(range.len())
            .ok_or_else(|| Problem::damaged("the pickle decodes more bytes than it has"))?;
        let text = std::str::from_utf8(&self.file[range.clone()]).map_err(|_| damaged())?;
        let bytes: Option<Arc<[u8]>> = text.chars().map(|c| u8::try_from(c).ok()).collect();
        Ok(Bytes::Decoded(bytes.ok_or_else(damaged)?))
    }

    /// BUILD: gives an object its state. Attributes of a dict, such as a state dict's `_metadata`, are nothing to us.
    fn build(&mut self) -> Result<()> {
        let given = self.pop()?;
        match self.top()? {
            Node::Call { state, .. } => *state = Some(given),
            Node::Dict(_) => {}
            _ => return Err(Problem::damaged("the pickle gives a state to what has none")),
        }
        Ok(())
    }
}

fn global(module: &str, name: &str) -> Result<Global> {
    let found = GLOBALS.iter().find(|(m, n, _)| (*m, *n) == (module, name));
    found.map(|(_, _, global)| *global).ok_or_else(|| Problem::RefusedName {
        // What is not printable might do something to the terminal.
        name: format!("{module}.{name}")
            .chars()
            .take(100)
            .map(|c| if c.is_control() { '?' } else { c })
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn read(bytes: &[u8]) -> Result<Tree<'_>> {
        Tree::read(bytes, 0..bytes.len())
    }

    fn message(bytes: &[u8]) -> String {
        read(bytes).err().unwrap().to_string()
    }

    /// As Python writes it, for comparison with what was pickled.
    fn shown(tree: &Tree, id: Id) -> String {
        let all = |ids: &[Id]| ids.iter().map(|&id| shown(tree, id)).collect::<Vec<_>>().join(", ");
        match tree.node(id) {
            Node::Nothing => "None".into(),
            Node::Bool(value) => value.to_string(),
            Node::Int(value) => value.to_string(),
            Node::Float(value) => value.to_string(),
            Node::Text(_) => format!("'{}'", tree.text(id).unwrap()),
            Node::Bytes(bytes) => format!("{:?}", bytes.of(tree.file)),
            Node::Tuple(parts) => format!("({})", all(parts)),
            Node::List(items) => format!("[{}]", all(items)),
            Node::Dict(pairs) => {
                let pair = |(k, v): &(Id, Id)| format!("{}: {}", shown(tree, *k), shown(tree, *v));
                format!("{{{}}}", pairs.iter().map(pair).collect::<Vec<_>>().join(", "))
            }
            Node::Global(global) => format!("{global:?}"),
            Node::Persistent(id) => format!("persistent {}", shown(tree, *id)),
            Node::Call {
                function,
                arguments,
                state,
            } => {
                let state = state.map_or_else(String::new, |state| format!(" with {}", shown(tree, state)));
                format!("{function:?}{}{state}", shown(tree, *arguments))
            }
        }
    }

    #[test]
    fn plain_values_in_every_protocol() {
        // pickle.dumps({'a': [1, -2, 300, 70000, 2**40, 1.5, None, True], 'b': (b'\x00\xff', (), [])}, protocol)
        let expected = "{'a': [1, -2, 300, 70000, 1099511627776, 1.5, None, true], 'b': ([0, 255], (), [])}";
        let protocol_2 = b"\x80\x02}q\x00(X\x01\x00\x00\x00aq\x01]q\x02(K\x01J\xfe\xff\xff\xffM,\x01Jp\x11\x01\x00\x8a\x06\x00\x00\x00\x00\x00\x01G?\xf8\x00\x00\x00\x00\x00\x00N\x88eX\x01\x00\x00\x00bq\x03c_codecs\nencode\nq\x04X\x03\x00\x00\x00\x00\xc3\xbfq\x05X\x06\x00\x00\x00latin1q\x06\x86q\x07Rq\x08)]q\t\x87q\nu.";
        let protocol_4 = b"\x80\x04\x95=\x00\x00\x00\x00\x00\x00\x00}\x94(\x8c\x01a\x94]\x94(K\x01J\xfe\xff\xff\xffM,\x01Jp\x11\x01\x00\x8a\x06\x00\x00\x00\x00\x00\x01G?\xf8\x00\x00\x00\x00\x00\x00N\x88e\x8c\x01b\x94C\x02\x00\xff\x94)]\x94\x87\x94u.";
        for pickle in [protocol_2.as_slice(), protocol_4] {
            let tree = read(pickle).unwrap();
            assert_eq!(shown(&tree, tree.root), expected);
            assert_eq!(tree.end, pickle.len());
        }
    }

    #[test]
    fn calls_are_written_down_and_ordered_dicts_are_dicts() {
        let tree = read(b"\x80\x02ccollections\nOrderedDict\n)RU\x01kK\x05s}b.").unwrap();
        assert_eq!(shown(&tree, tree.root), "{[107]: 5}");
        assert_eq!(tree.text(tree.root), None);
        let tree = read(b"\x80\x04\x8c\x05numpy\x8c\x05dtype\x93\x8c\x02f4\x85R(K\x03\x8c\x01<tb.").unwrap();
        assert_eq!(shown(&tree, tree.root), "NumpyDType('f4') with (3, '<')");
        let tree = read(b"\x80\x02ctorch\nSize\n(K\x02K\x03t\x85R.").unwrap();
        assert_eq!(tree.counts(tree.root), Some(vec![2, 3]));
        let tree = read(b"\x80\x02U\x01a\x85Q.").unwrap();
        assert_eq!(shown(&tree, tree.root), "persistent ([97])");
    }

    #[test]
    fn sets_are_lists_and_objects_are_their_attributes() {
        // pickle.dumps({3, 4}), protocols 4 and 3; an empty set.
        for set in [
            b"\x80\x04\x8f\x94(K\x03K\x04\x90.".as_slice(),
            b"\x80\x03cbuiltins\nset\n](K\x03K\x04e\x85R.",
        ] {
            let tree = read(set).unwrap();
            assert_eq!(shown(&tree, tree.root), "[3, 4]");
        }
        let tree = read(b"\x80\x03cdnnlib.util\nEasyDict\n)\x81U\x01aK\x05s.").unwrap();
        assert_eq!(shown(&tree, tree.root), "{[97]: 5}");
        let tree = read(b"\x80\x02cmodels.utils.config\nBaseConfig\n)\x81}U\x01aK\x05sb.").unwrap();
        assert_eq!(shown(&tree, tree.root), "Attributes() with {[97]: 5}");
    }

    #[test]
    fn everything_else_is_refused_by_name() {
        // pickle.dumps of an object whose __reduce__ is (os.system, ('true',)), protocols 2 and 4.
        for attack in [
            b"\x80\x02cposix\nsystem\nq\x00X\x04\x00\x00\x00trueq\x01\x85q\x02Rq\x03.".as_slice(),
            b"\x80\x04\x95\x1f\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94\x8c\x04true\x94\x85\x94R\x94.",
        ] {
            assert!(message(attack).ends_with("asks for `posix.system`"), "{}", message(attack));
        }
        assert!(message(b"(S'true'\nios\nsystem\n.").ends_with("instruction STRING"));
        assert!(message(b"\x80\x02cnumpy\ndtype\n)\x81.").ends_with("instruction NEWOBJ"));
        assert!(message(b"\xff").ends_with("instruction number 255"));
        assert!(message(b"ca\x1b[2J\nb\n.").contains("`a?[2J.b`"));
        // A name that begins or ends like an allowed one is another name.
        assert!(message(b"ctorch\nload\n.").contains("`torch.load`"));
        assert!(message(b"cnumpy.core.multiarray\nscalar.x\n.").contains("scalar.x"));
    }

    /// `OrderedDict([["k", 5]])` as Python 2 writes it.
    #[test]
    fn ordered_dicts_of_python_2_are_read() {
        let tree = read(b"\x80\x02ccollections\nOrderedDict\n](](U\x01kK\x05ee\x85R.").unwrap();
        let Node::Dict(pairs) = tree.node(tree.root) else {
            panic!("a dict was written")
        };
        assert!(matches!(tree.node(pairs[0].1), Node::Int(5)));
        assert_eq!(pairs.len(), 1);
    }

    #[test]
    fn damage_is_named() {
        for (pickle, expected) in [
            (b"".as_slice(), "ends in the middle"),
            (b"\x80\x09.", "protocol up to 5, got 9"),
            (b"X\xff\xff\xff\xffabc.", "ends in the middle"),
            (b"\x8e\xff\xff\xff\xff\xff\xff\xff\xffabc.", "ends in the middle"),
            (b"X\x01\x00\x00\x00\xff.", "not UTF-8"),
            (b".", "takes more than"),
            (b"K\x01(.", "takes more than"),
            (b"t.", "takes more than"),
            (b"K\x01(\x86.", "takes more than"),
            (b"h\x00.", "recalls what it has not stored"),
            (b"K\x01K\x02a.", "appends to what is no list"),
            (b"](K\x01K\x02u.", "what is no dict"),
            (b"}(K\x01u.", "what is no dict"),
            (b"K\x01)R.", "calls what is no function"),
            (b"ctorch\nSize\nK\x01R.", "without arguments"),
            (b"ctorch\nSize\n)R.", "TorchSize with unusual arguments"),
            (
                b"ccollections\nOrderedDict\nK\x01\x85R.",
                "OrderedDict of what are no pairs",
            ),
            (
                b"ccollections\nOrderedDict\n]]K\x01aa\x85R.",
                "OrderedDict of what are no pairs",
            ),
            (b"K\x01}b.", "a state to what has none"),
            (b"K\x01K\x02\x93.", "by what is no text"),
            (b"cabc", "a name of up to 255 bytes"),
        ] {
            assert!(
                message(pickle).contains(expected),
                "{}: {}",
                pickle.escape_ascii(),
                message(pickle)
            );
        }
    }

    #[test]
    fn bombs_are_bounded() {
        let many = [vec![b'N'; MOST + 1], b".".to_vec()].concat();
        assert_eq!(
            message(&many),
            format!("refused to read weights: expected at most {MOST} objects")
        );
        // One text of n bytes, decoded again and again.
        let mut again = b"X\x00\x10\x00\x00".to_vec();
        again.extend([b'x'; 4096]);
        again.extend(b"q\x00c_codecs\nencode\nq\x01");
        again.extend(b"h\x01h\x00N\x86R".repeat(100));
        again.extend(b"N.");
        assert!(message(&again).contains("decodes more bytes than it has"));
        // One list of n pairs, made a dict again and again.
        let mut again = b"]q\x00(".to_vec();
        again.extend(b"NN\x86".repeat(100));
        again.extend(b"eccollections\nOrderedDict\nq\x01");
        again.extend(b"h\x01h\x00\x85R".repeat(100));
        again.extend(b"N.");
        assert!(message(&again).contains("more dicts of a list than it has bytes"));
        // A list that holds itself, and a hundred thousand lists within lists, are only values in a row.
        let tree = read(b"]q\x00h\x00a.").unwrap();
        assert!(matches!(tree.node(tree.root), Node::List(items) if items[..] == [tree.root]));
        let deep = [b"K\x01".to_vec(), vec![0x85; 100_000], b".".to_vec()].concat();
        assert_eq!(read(&deep).unwrap().nodes().count(), 100_001);
    }

    #[test]
    fn names_are_listed_once() {
        let names: HashSet<_> = GLOBALS.iter().map(|(module, name, _)| (module, name)).collect();
        assert_eq!(names.len(), GLOBALS.len());
        let refused: HashSet<_> = REFUSED.iter().map(|(number, _)| number).collect();
        assert_eq!(refused.len(), REFUSED.len());
    }
}
