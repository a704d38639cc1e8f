//! Classifiers that others have trained, from ONNX files, as functions of the engine: with gradients, hence to be attacked.
//!
//! ONNX (Open Neural Network Exchange), <https://onnx.ai>: a graph of operators, stored as a message of Protocol Buffers. `wire` reads the
//! fields, `messages` what they mean, `elements` the weights; `graph` keeps what the output needs and computes once what depends on no
//! picture, the arithmetic of extents above all; `operators` writes each operator with the engine's. Axes are moved only where an operator
//! mixes them (`value`), so that pictures stay channels last between convolutions.
//!
//! ```no_run
//! use ganymede::onnx::Network;
//!
//! let network = Network::read("resnet.onnx".as_ref(), None)?;
//! let (shape, classes) = (network.shape(), network.classes());
//! # Ok::<(), ganymede::onnx::OnnxError>(())
//! ```
//!
//! What is simplified: floats of any width are f32; a softmax at the end is left out, for an attack goes by logits; in a network that was
//! written for a fixed number of pictures, another number is tried, and where that does not fit, each batch is asked by itself. Graphs
//! within graphs (`If`, `Loop`), quantised weights and sequences are not known, and are refused by name.
mod call;
mod elements;
mod error;
mod graph;
mod messages;
mod operators;
mod value;
mod wire;

pub use error::{OnnxError, Problem};

use error::Result;
use gany_engine::{DType, Tensor, concat};
use graph::{Graph, Limits};
use messages::{Extent, Model, Node, Port};
use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::Path;
use value::Value;

/// Most bytes of a file: what Protocol Buffers hold.
const MOST_BYTES: u64 = 1 << 31;

/// Most pixels on a side.
const MOST_PIXELS: usize = 1 << 14;

/// A classifier of pictures.
#[derive(Debug)]
pub struct Network {
    graph: Graph,
    input: String,
    /// The order of ONNX's axes in pictures `[n, h, w, c]`.
    order: [usize; 4],
    shape: [usize; 3],
    classes: usize,
    /// How many pictures it takes at a time, where it cannot take any number.
    batch: Option<usize>,
}

impl Network {
    /// Reads a file; `size`, rows and columns, is needed where it leaves these open.
    ///
    /// # Errors
    /// [`OnnxError`]: it cannot be read, is damaged, needs what is not known here, or is no classifier of pictures.
    pub fn read(path: &Path, size: Option<[usize; 2]>) -> std::result::Result<Network, OnnxError> {
        let read = || {
            let bytes = fs::metadata(path).map_err(Problem::Unreadable)?.len();
            if bytes > MOST_BYTES {
                let what = "bytes";
                return Err(Problem::TooLarge {
                    what,
                    most: MOST_BYTES as usize,
                });
            }
            let file = fs::read(path).map_err(Problem::Unreadable)?;
            Network::parse(&file, path.parent().unwrap_or(Path::new("")), size)
        };
        read().map_err(|problem| OnnxError {
            problem,
            path: path.to_owned(),
        })
    }

    /// Reads the bytes of a file; `folder` is where weights lie that it stores elsewhere.
    ///
    /// # Errors
    /// The [`Problem`] with it.
    pub fn parse(file: &[u8], folder: &Path, size: Option<[usize; 2]>) -> Result<Network> {
        let mut model = Model::parse(file)?;
        let output = only(&model.outputs, |names| Problem::Outputs { names })?.name.clone();
        let logits = before_softmax(&model.nodes, &output);
        let stored: HashSet<&String> = model.stored.iter().map(|stored| &stored.name).collect();
        model.inputs.retain(|input| !stored.contains(&input.name));
        let input = only(&model.inputs, |names| Problem::Inputs { names })?;
        let (input, pictures) = (input.name.clone(), Pictures::of(input, size)?);
        let mut network = Network {
            graph: Graph::load(model, vec![logits], file, folder)?,
            input,
            order: pictures.order,
            shape: pictures.shape,
            classes: 0,
            batch: None,
        };
        network.look(&output, pictures.batch)?;
        Ok(network)
    }

    /// Finds out how many classes there are, and whether it takes any number of pictures.
    fn look(&mut self, output: &str, batch: Option<usize>) -> Result<()> {
        let two = self.classes_of(output, 2);
        self.batch = batch.filter(|_| two.is_err());
        self.classes = match self.batch {
            None => two?,
            Some(batch) => self.classes_of(output, batch)?,
        };
        Ok(())
    }

    fn classes_of(&self, output: &str, pictures: usize) -> Result<usize> {
        let [h, w, c] = self.shape;
        let x = Tensor::placeholder(DType::F32, &[pictures, h, w, c]);
        let shape = self.trace(&x, &Limits::strict())?.shape();
        match shape[..] {
            [n, classes, ref rest @ ..] if n == pictures && classes > 1 && rest.iter().all(|&one| one == 1) => {
                Ok(classes)
            }
            _ => Err(Problem::Output {
                name: output.to_owned(),
                got: shape,
                pictures,
            }),
        }
    }

    fn trace(&self, pictures: &Tensor, limits: &Limits) -> Result<Value> {
        let value = Value::ordered(pictures.clone(), self.order.to_vec());
        let mut outputs = self.graph.run(vec![(self.input.clone(), value)], limits)?;
        Ok(outputs.pop().expect("one output was asked for"))
    }

    /// Rows, columns and channels of a picture.
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// How many numbers it gives for a picture.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// How many nodes of each operator there are, among those that depend on pictures.
    pub fn operators(&self) -> BTreeMap<String, usize> {
        self.graph.operators()
    }

    /// Logits `[n, classes]` of pictures `[n, height, width, channels]` whose numbers are as the network wants them, in f32.
    ///
    /// # Panics
    /// Where the pictures are of another shape.
    #[track_caller]
    pub fn forward(&self, pictures: &Tensor) -> Tensor {
        assert!(
            pictures.rank() == 4 && pictures.shape()[1..] == self.shape,
            "network: expected pictures of {:?}, got {:?}",
            self.shape,
            pictures.shape()
        );
        let logits = |pictures: &Tensor| {
            let value = self.trace(pictures, &Limits::none());
            let value = value.expect("what fits when the network is read fits for any number of pictures");
            value.as_written().reshape(&[pictures.extent(0), self.classes])
        };
        let Some(batch) = self.batch else {
            return logits(pictures);
        };
        // The last batch is filled up with the last picture.
        let count = pictures.extent(0);
        let parts = (0..count).step_by(batch).map(|start| {
            let part = pictures.slice(0, start, count.min(start + batch));
            let there = part.extent(0);
            let full = part.pad(0, 0, batch - there, gany_engine::PadMode::Replicate);
            logits(&full).slice(0, 0, there)
        });
        concat(&parts.collect::<Vec<_>>(), 0)
    }
}

/// The one input or output of a graph.
fn only(ports: &[Port], problem: impl Fn(Vec<String>) -> Problem) -> Result<&Port> {
    match ports {
        [port] => Ok(port),
        _ => Err(problem(ports.iter().map(|port| port.name.clone()).collect())),
    }
}

/// The value of which the output is the softmax, or the output.
fn before_softmax(nodes: &[Node], output: &str) -> String {
    let makes = |name: &str| {
        nodes
            .iter()
            .find(|node| node.outputs.first().is_some_and(|made| made == name))
    };
    let mut last = output;
    // An output may go by several names; a damaged file may name it in a circle.
    for _ in 0..8 {
        match makes(last) {
            Some(node) if node.operator == "Identity" && node.inputs.len() == 1 => last = &node.inputs[0],
            Some(node) if node.operator == "Softmax" && node.inputs.len() == 1 => return node.inputs[0].clone(),
            _ => break,
        }
    }
    output.to_owned()
}

/// What a network takes.
struct Pictures {
    shape: [usize; 3],
    order: [usize; 4],
    batch: Option<usize>,
}

impl Pictures {
    /// What a file says of its input, with the size where that is left open.
    fn of(port: &Port, size: Option<[usize; 2]>) -> Result<Pictures> {
        let name = port.name.clone();
        let said = described(port.extents.as_deref());
        let other = |got| Problem::Input {
            name: name.clone(),
            got,
        };
        if let Some(kind) = port.kind.filter(|kind| !elements::is_float(*kind)) {
            return Err(other(format!("elements of type {}", elements::kind_name(kind))));
        }
        let Some([n, a, b, c]) = port.extents.as_deref() else {
            return Err(other(said));
        };
        let channels = |extent: &Extent| match extent {
            Extent::Known(extent @ 1..=4) => Some(*extent),
            _ => None,
        };
        let (depth, sides, order) = match (channels(a), channels(c)) {
            (Some(depth), _) => (depth, [b, c], [0, 2, 3, 1]),
            (None, Some(depth)) => (depth, [a, b], [0, 1, 2, 3]),
            _ => return Err(other(said)),
        };
        let known = |i: usize| match sides[i] {
            Extent::Known(extent) => Some(*extent),
            Extent::Open(_) => None,
        };
        let asked = |i: usize| size.map(|size| size[i]);
        let shown = |side: Option<usize>| side.map_or("any".into(), |side| side.to_string());
        let fits = (0..2).all(|i| known(i).is_none_or(|known| asked(i).is_none_or(|asked| asked == known)));
        let is_sane = |side: usize| (1..=MOST_PIXELS).contains(&side);
        if !fits || !(0..2).all(|i| known(i).or(asked(i)).is_none_or(is_sane)) {
            return Err(Problem::Size {
                name,
                got: said,
                expected: format!("{}x{}", shown(known(1)), shown(known(0))),
                asked: format!("{}x{}", shown(asked(1)), shown(asked(0))),
            });
        }
        let (Some(h), Some(w)) = (known(0).or(asked(0)), known(1).or(asked(1))) else {
            return Err(Problem::Dynamic { name, got: said });
        };
        let batch = match n {
            Extent::Known(batch) => Some(*batch),
            Extent::Open(_) => None,
        };
        if batch.is_some_and(|batch| batch > 1024) {
            return Err(other(said));
        }
        Ok(Pictures {
            shape: [h, w, depth],
            order,
            batch,
        })
    }
}

/// Extents as a person reads them.
fn described(extents: Option<&[Extent]>) -> String {
    let Some(extents) = extents else {
        return "something of unknown extents".into();
    };
    let each = extents.iter().map(|extent| match extent {
        Extent::Known(extent) => extent.to_string(),
        Extent::Open(name) if name.is_empty() => "?".into(),
        Extent::Open(name) => name.clone(),
    });
    format!("[{}]", each.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests;
