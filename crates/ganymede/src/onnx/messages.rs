//! The messages that make up an ONNX file: a model is a graph of nodes with named values between them, of which some are stored.
//! Names and numbers of fields are those of `onnx.proto`, <https://github.com/onnx/onnx/blob/main/onnx/onnx.proto>.
use super::error::{Problem, Result};
use super::value::Value;
use super::wire::{Field, Fields};
use std::collections::HashMap;
use std::ops::Range;

/// Most nodes, or stored tensors, of a graph.
const MOST: usize = 20_000;

/// A graph and the version of the operators that it is written in.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) version: i64,
    pub(super) nodes: Vec<Node>,
    pub(super) stored: Vec<Stored>,
    pub(super) inputs: Vec<Port>,
    pub(super) outputs: Vec<Port>,
}

/// One operation: it makes its outputs of its inputs, all of which are named.
#[derive(Clone, Debug, Default)]
pub(super) struct Node {
    pub(super) name: String,
    pub(super) operator: String,
    pub(super) domain: String,
    pub(super) inputs: Vec<String>,
    pub(super) outputs: Vec<String>,
    pub(super) attributes: HashMap<String, Attribute>,
}

/// What a node is set to.
#[derive(Clone, Debug)]
pub(super) enum Attribute {
    Float(f32),
    Whole(i64),
    Text(String),
    Floats(Vec<f32>),
    Wholes(Vec<i64>),
    /// A tensor as it lies in the file.
    Stored(Stored),
    /// A tensor that has been read.
    Value(Value),
    /// A graph, or what else no operator here asks for.
    Other,
}

/// A tensor in the file.
#[derive(Clone, Debug, Default)]
pub(super) struct Stored {
    pub(super) name: String,
    pub(super) kind: i64,
    pub(super) extents: Vec<i64>,
    pub(super) raw: Option<Range<usize>>,
    pub(super) floats: Vec<f32>,
    pub(super) wholes: Vec<i64>,
    /// Where the elements lie in another file, as pairs of key and text.
    pub(super) elsewhere: Option<HashMap<String, String>>,
}

/// An input or output of the graph.
#[derive(Debug, Default)]
pub(super) struct Port {
    pub(super) name: String,
    pub(super) kind: Option<i64>,
    pub(super) extents: Option<Vec<Extent>>,
}

/// An extent that is known, or has a name, perhaps an empty one.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Extent {
    Known(usize),
    Open(String),
}

impl Model {
    /// Reads a file.
    pub(super) fn parse(file: &[u8]) -> Result<Model> {
        let not = |got| Err(Problem::NotOnnx { got });
        match file {
            [] => return not("an empty file"),
            [b'P', b'K', 3, 4, ..] => return not("a ZIP archive, as PyTorch's `.pth`"),
            [0x80, 0..=5, ..] => return not("a pickle"),
            [0x89, b'H', b'D', b'F', ..] => return not("an HDF5 file"),
            [_, _, _, _, _, _, _, _, b'{', ..] => return not("safetensors"),
            // Every model begins with the number of its format.
            [8, ..] => {}
            _ => return not("something else"),
        }
        let mut model = Model {
            version: 0,
            nodes: vec![],
            stored: vec![],
            inputs: vec![],
            outputs: vec![],
        };
        let mut has_graph = false;
        for field in Fields::of(file, 0..file.len()) {
            match field? {
                (7, graph) => {
                    has_graph = true;
                    model.graph(file, graph.bytes()?)?;
                }
                (8, operators) => {
                    let (domain, version) = operator_set(file, operators.bytes()?)?;
                    if is_standard(&domain) {
                        model.version = version;
                    }
                }
                _ => {}
            }
        }
        if has_graph {
            Ok(model)
        } else {
            not("a model without one")
        }
    }

    fn graph(&mut self, file: &[u8], within: Range<usize>) -> Result<()> {
        for field in Fields::of(file, within) {
            let (number, field) = field?;
            match number {
                1 => self.nodes.push(node(file, field.bytes()?)?),
                5 => self.stored.push(stored(file, field.bytes()?)?),
                11 => self.inputs.push(port(file, field.bytes()?)?),
                12 => self.outputs.push(port(file, field.bytes()?)?),
                15 => return Err(Problem::damaged("sparse weights, which are not read")),
                _ => {}
            }
            let most = self.nodes.len().max(self.stored.len());
            if most.max(self.inputs.len()).max(self.outputs.len()) > MOST {
                let what = "nodes and tensors";
                return Err(Problem::TooLarge { what, most: MOST });
            }
        }
        Ok(())
    }
}

/// Whether operators of this domain are ONNX's own.
pub(super) fn is_standard(domain: &str) -> bool {
    matches!(domain, "" | "ai.onnx")
}

fn operator_set(file: &[u8], within: Range<usize>) -> Result<(String, i64)> {
    let (mut domain, mut version) = (String::new(), 0);
    for field in Fields::of(file, within) {
        match field? {
            (1, field) => domain = field.text(file)?,
            (2, field) => version = field.whole()?,
            _ => {}
        }
    }
    Ok((domain, version))
}

fn node(file: &[u8], within: Range<usize>) -> Result<Node> {
    let mut node = Node::default();
    for field in Fields::of(file, within) {
        match field? {
            (1, field) => node.inputs.push(field.text(file)?),
            (2, field) => node.outputs.push(field.text(file)?),
            (3, field) => node.name = field.text(file)?,
            (4, field) => node.operator = field.text(file)?,
            (5, field) => {
                let (name, attribute) = attribute(file, field.bytes()?)?;
                node.attributes.insert(name, attribute);
            }
            (7, field) => node.domain = field.text(file)?,
            _ => {}
        }
    }
    if node.name.is_empty() {
        node.name = node.outputs.first().cloned().unwrap_or_default();
    }
    Ok(node)
}

fn attribute(file: &[u8], within: Range<usize>) -> Result<(String, Attribute)> {
    let (mut name, mut kind) = (String::new(), 0);
    let (mut float, mut whole, mut text, mut tensor) = (None, None, None, None);
    let (mut floats, mut wholes) = (vec![], vec![]);
    for field in Fields::of(file, within) {
        match field? {
            (1, field) => name = field.text(file)?,
            (2, field) => float = Some(field.float()?),
            (3, field) => whole = Some(field.whole()?),
            (4, field) => text = Some(field.text(file)?),
            (5, field) => tensor = Some(stored(file, field.bytes()?)?),
            (7, field) => field.floats(file, &mut floats)?,
            (8, field) => field.wholes(file, &mut wholes)?,
            (20, field) => kind = field.whole()?,
            _ => {}
        }
    }
    // A field that is absent is 0 where the kind says that there is one.
    let attribute = match (kind, float, whole, text, tensor) {
        (1, float, ..) => Attribute::Float(float.unwrap_or_default()),
        (2, _, whole, ..) => Attribute::Whole(whole.unwrap_or_default()),
        (3, _, _, text, _) => Attribute::Text(text.unwrap_or_default()),
        (4 | 0, .., Some(tensor)) => Attribute::Stored(tensor),
        (6, ..) => Attribute::Floats(floats),
        (7, ..) => Attribute::Wholes(wholes),
        (0, Some(float), ..) => Attribute::Float(float),
        (0, _, Some(whole), ..) => Attribute::Whole(whole),
        (0, _, _, Some(text), _) => Attribute::Text(text),
        (0, ..) if !floats.is_empty() => Attribute::Floats(floats),
        (0, ..) if !wholes.is_empty() => Attribute::Wholes(wholes),
        _ => Attribute::Other,
    };
    Ok((name, attribute))
}

fn stored(file: &[u8], within: Range<usize>) -> Result<Stored> {
    let mut stored = Stored::default();
    let (mut elsewhere, mut is_elsewhere) = (HashMap::new(), false);
    for field in Fields::of(file, within) {
        match field? {
            (1, field) => field.wholes(file, &mut stored.extents)?,
            (2, field) => stored.kind = field.whole()?,
            (4, field) => field.floats(file, &mut stored.floats)?,
            (5 | 7 | 11, field) => field.wholes(file, &mut stored.wholes)?,
            (8, field) => stored.name = field.text(file)?,
            (9, field) => stored.raw = Some(field.bytes()?),
            (10, field) => field.doubles(file, &mut stored.floats)?,
            (13, field) => {
                let (key, text) = pair(file, field.bytes()?)?;
                elsewhere.insert(key, text);
            }
            (14, field) => is_elsewhere = field.whole()? == 1,
            _ => {}
        }
    }
    stored.elsewhere = is_elsewhere.then_some(elsewhere);
    Ok(stored)
}

fn pair(file: &[u8], within: Range<usize>) -> Result<(String, String)> {
    let mut pair = <(String, String)>::default();
    for field in Fields::of(file, within) {
        match field? {
            (1, field) => pair.0 = field.text(file)?,
            (2, field) => pair.1 = field.text(file)?,
            _ => {}
        }
    }
    Ok(pair)
}

fn port(file: &[u8], within: Range<usize>) -> Result<Port> {
    let mut port = Port::default();
    for field in Fields::of(file, within) {
        match field? {
            (1, field) => port.name = field.text(file)?,
            (2, field) => {
                // A type, of which a tensor is the first kind.
                for field in within_first(file, field)? {
                    match field? {
                        (1, field) => port.kind = Some(field.whole()?),
                        (2, field) => port.extents = Some(extents(file, field.bytes()?)?),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    Ok(port)
}

/// The fields of the message that is field 1 of a message.
fn within_first<'f>(file: &'f [u8], message: Field) -> Result<Fields<'f>> {
    for field in Fields::of(file, message.bytes()?) {
        if let (1, field) = field? {
            return Ok(Fields::of(file, field.bytes()?));
        }
    }
    Ok(Fields::of(file, 0..0))
}

fn extents(file: &[u8], within: Range<usize>) -> Result<Vec<Extent>> {
    let mut extents = vec![];
    for dimension in Fields::of(file, within) {
        let (1, dimension) = dimension? else { continue };
        let mut extent = Extent::Open(String::new());
        for field in Fields::of(file, dimension.bytes()?) {
            match field? {
                (1, field) => {
                    let known = usize::try_from(field.whole()?).ok().filter(|known| *known > 0);
                    extent = known.map_or(extent, Extent::Known);
                }
                (2, field) => extent = Extent::Open(field.text(file)?),
                _ => {}
            }
        }
        extents.push(extent);
    }
    Ok(extents)
}
