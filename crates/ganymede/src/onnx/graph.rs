//! A graph that is ready to be computed: what depends on no picture is known, what nobody asks for is gone.
use super::call::{Call, Operator};
use super::elements;
use super::error::{Problem, Result};
use super::messages::{Attribute, Model, Node, is_standard};
use super::operators;
use super::value::{Outcome, Value, room};
use std::cell::Cell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

/// Most elements that are computed in all of what depends on no picture, beyond those that the file holds.
const MOST_FOLDED: usize = 1 << 26;

/// Most elements of a value of the pictures with which a network is looked at.
const MOST_ELEMENTS: usize = 1 << 28;

/// A graph.
#[derive(Debug)]
pub(super) struct Graph {
    version: i64,
    nodes: Vec<Node>,
    known: HashMap<String, Value>,
    outputs: Vec<String>,
}

impl Graph {
    /// The part of a model that these outputs need.
    pub(super) fn load(mut model: Model, outputs: Vec<String>, file: &[u8], folder: &Path) -> Result<Graph> {
        if model.version < 7 {
            return Err(Problem::Version { got: model.version });
        }
        let needed = needed(&mut model.nodes, &outputs);
        unsupported(&model.nodes)?;
        let mut known = HashMap::new();
        for stored in model.stored.iter().filter(|stored| needed.contains(&stored.name)) {
            known.insert(stored.name.clone(), elements::read(stored, file, folder)?);
        }
        for node in &mut model.nodes {
            for attribute in node.attributes.values_mut() {
                if let Attribute::Stored(stored) = attribute {
                    *attribute = Attribute::Value(elements::read(stored, file, folder)?);
                }
            }
        }
        let mut graph = Graph {
            version: model.version,
            nodes: vec![],
            known,
            outputs,
        };
        graph.fold(model.nodes, &needed)?;
        Ok(graph)
    }

    /// How many nodes there are of each operator, among those that depend on pictures.
    pub(super) fn operators(&self) -> BTreeMap<String, usize> {
        counted(&self.nodes)
    }

    /// Computes what depends on no picture once and for all, and lays weights as they are asked for.
    fn fold(&mut self, nodes: Vec<Node>, needed: &HashSet<String>) -> Result<()> {
        let limits = Limits::strict();
        for node in nodes {
            let inputs = || node.inputs.iter().filter(|name| !name.is_empty());
            if inputs().all(|name| self.known.contains_key(name)) {
                let outputs = compute(&node, self.version, &self.known, needed, &limits)?;
                self.known.extend(outputs);
                continue;
            }
            if let Some(weight) = node.inputs.get(1)
                && let Some(value) = self.known.get_mut(weight)
                && let Some(order) = operators::weight_order(&node, value.rank())
            {
                *value = value.settled(&order);
            }
            self.nodes.push(node);
        }
        Ok(())
    }

    /// Its outputs for these inputs.
    pub(super) fn run(&self, inputs: Vec<(String, Value)>, limits: &Limits) -> Result<Vec<Value>> {
        let mut values: HashMap<String, Value> = inputs.into_iter().collect();
        values.extend(self.known.iter().map(|(name, value)| (name.clone(), value.clone())));
        let inputs = self.nodes.iter().flat_map(|node| &node.inputs);
        let read: HashSet<String> = inputs.chain(&self.outputs).cloned().collect();
        for node in &self.nodes {
            let outputs = compute(node, self.version, &values, &read, limits)?;
            values.extend(outputs);
        }
        let outputs = self.outputs.iter().map(|name| values.get(name).cloned());
        let missing = || Problem::damaged("nothing makes its output");
        outputs.map(|value| value.ok_or_else(missing)).collect()
    }
}

/// What a network may ask for.
pub(super) struct Limits {
    /// Elements of one value.
    most: usize,
    /// Elements that may still be computed of what depends on no picture.
    left: Cell<usize>,
}

impl Limits {
    /// For a file that nobody has looked at.
    pub(super) fn strict() -> Limits {
        Limits {
            most: MOST_ELEMENTS,
            left: Cell::new(MOST_FOLDED),
        }
    }

    /// For a network that is known to fit, whose values grow with the number of pictures.
    pub(super) fn none() -> Limits {
        Limits {
            most: usize::MAX,
            left: Cell::new(usize::MAX),
        }
    }
}

/// Keeps the nodes that outputs need; the names of all values that they need.
fn needed(nodes: &mut Vec<Node>, outputs: &[String]) -> HashSet<String> {
    let mut needed: HashSet<String> = outputs.iter().cloned().collect();
    let mut kept = vec![];
    for node in std::mem::take(nodes).into_iter().rev() {
        if node.outputs.iter().any(|name| needed.contains(name)) {
            needed.extend(node.inputs.iter().cloned());
            kept.push(node);
        }
    }
    kept.reverse();
    *nodes = kept;
    needed
}

fn counted(nodes: &[Node]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for node in nodes {
        *counts.entry(full_name(node)).or_default() += 1;
    }
    counts
}

fn full_name(node: &Node) -> String {
    match &node.domain {
        domain if is_standard(domain) => node.operator.clone(),
        domain => format!("{domain}.{}", node.operator),
    }
}

fn operator(node: &Node) -> Option<Operator> {
    is_standard(&node.domain)
        .then(|| operators::find(&node.operator))
        .flatten()
}

/// Refuses nodes that cannot be computed, all at once.
fn unsupported(nodes: &[Node]) -> Result<()> {
    let unknown: Vec<Node> = nodes.iter().filter(|node| operator(node).is_none()).cloned().collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let operators = counted(&unknown).into_iter().collect();
    Err(Problem::Unsupported { operators })
}

/// The outputs of a node that somebody asks for, by name.
fn compute(
    node: &Node,
    version: i64,
    values: &HashMap<String, Value>,
    read: &HashSet<String>,
    limits: &Limits,
) -> Result<Vec<(String, Value)>> {
    let value = |name: &String| {
        if name.is_empty() {
            return Ok(None);
        }
        let unmade = || {
            Problem::damaged(format!(
                "node `{}` reads `{name}`, which nothing before it makes",
                node.name
            ))
        };
        values.get(name).cloned().map(Some).ok_or_else(unmade)
    };
    let inputs = node.inputs.iter().map(value).collect::<Result<Vec<_>>>()?;
    let is_known = inputs.iter().flatten().all(|value| value.is_known);
    let operator = operator(node).expect("unknown operators are refused before");
    let mut call = Call {
        node,
        inputs,
        version,
        output: 0,
    };
    let mut outputs = vec![];
    for (output, name) in node.outputs.iter().enumerate() {
        if name.is_empty() || !read.contains(name) {
            continue;
        }
        call.output = output;
        let made = operator(&call).and_then(|value| finished(value, is_known, limits));
        let made = made.map_err(|reason| Problem::Node {
            operator: node.operator.clone(),
            name: node.name.clone(),
            reason,
        })?;
        outputs.push((name.clone(), made));
    }
    Ok(outputs)
}

/// A value that is computed now, if it depends on no picture.
fn finished(value: Value, is_known: bool, limits: &Limits) -> Outcome<Value> {
    let shape = value.shape();
    room(&shape)?;
    let elements = value.tensor().numel();
    if is_known || value.is_known {
        let left = limits.left.get().checked_sub(elements);
        limits
            .left
            .set(left.ok_or("what depends on no picture takes too much memory")?);
        return Ok(value.settled(value.order()));
    }
    match elements {
        0 => Err(format!("it leaves nothing, of extents {shape:?}")),
        elements if elements > limits.most => Err(format!("a result of extents {shape:?} is too large")),
        _ => Ok(value),
    }
}
