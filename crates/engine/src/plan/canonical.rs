//! The pending graph in canonical form: only what the outputs need, every expression once, the trivial ones gone.
use crate::buffer::DType;
use crate::kernels::arithmetic::Precision;
use crate::tensor::{Op, Tensor};
use std::collections::HashMap;

/// Position of a node in a [`Graph`]; arguments always come before what is made of them.
pub(crate) type Id = usize;

/// One expression of the canonical graph.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Expression {
    pub(crate) op: Op,
    /// Which input this is, for `Op::Input`; 0 otherwise.
    pub(crate) slot: usize,
    pub(crate) arguments: Vec<Id>,
    pub(crate) shape: Vec<usize>,
}

/// What a plan is made from, and the key by which it is found again.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Graph {
    pub(crate) nodes: Vec<Expression>,
    pub(crate) outputs: Vec<Id>,
    /// For each output the input whose memory takes its value, if any.
    pub(crate) donations: Vec<Option<usize>>,
    pub(crate) dtype: DType,
    /// Of its products and convolutions.
    pub(crate) precision: Precision,
}

impl Expression {
    pub(crate) fn numel(&self) -> usize {
        self.shape.iter().product()
    }

    pub(super) fn constant(&self) -> Option<f64> {
        match self.op {
            Op::Constant(bits) => Some(f64::from_bits(bits)),
            _ => None,
        }
    }
}

pub(super) struct Builder {
    pub(super) nodes: Vec<Expression>,
    pub(super) known: HashMap<Expression, Id>,
    /// For each node the number of the tensor that was being translated when it was first written.
    origins: Vec<u64>,
    origin: u64,
}

/// A graph in canonical form, and where it came from.
pub(crate) struct Canonical {
    pub(crate) graph: Graph,
    /// Leaves with known values, which the graph reads as inputs behind the placeholders.
    pub(crate) captured: Vec<Tensor>,
    /// For each node the number of a tensor that it computes.
    pub(crate) origins: Vec<u64>,
}

/// The canonical graph of these outputs; slots are the places in `placeholders`, then in the captured leaves.
///
/// # Panics
/// Where a placeholder is missing from `placeholders`, or dtypes are mixed.
pub(crate) fn canonicalise(outputs: &[Tensor], donations: &[Option<usize>], placeholders: &[Tensor]) -> Canonical {
    let mut slots: HashMap<u64, usize> = placeholders.iter().enumerate().map(|(i, t)| (t.0.id, i)).collect();
    let mut captured = Vec::new();
    let mut builder = Builder {
        nodes: Vec::new(),
        known: HashMap::new(),
        origins: Vec::new(),
        origin: 0,
    };
    let mut ids: HashMap<u64, Id> = HashMap::new();
    let dtype = outputs
        .first()
        .or(placeholders.first())
        .map_or(DType::F32, Tensor::dtype);
    for tensor in pending(outputs, &slots) {
        assert_eq!(tensor.dtype(), dtype, "plan: one plan computes in one dtype");
        builder.origin = tensor.0.id;
        let is_leaf = tensor.0.value.get().is_some() || slots.contains_key(&tensor.0.id);
        let id = if is_leaf || tensor.0.op == Op::Input {
            let slot = *slots.entry(tensor.0.id).or_insert_with(|| {
                assert!(
                    tensor.0.value.get().is_some(),
                    "plan: a placeholder {:?} is not among the inputs",
                    tensor.shape()
                );
                captured.push(tensor.clone());
                placeholders.len() + captured.len() - 1
            });
            builder.add(Expression {
                op: Op::Input,
                slot,
                arguments: vec![],
                shape: tensor.shape().to_vec(),
            })
        } else {
            let arguments = tensor.0.inputs.iter().map(|input| ids[&input.0.id]).collect();
            builder.simplified(tensor.0.op.clone(), arguments, tensor.shape().to_vec())
        };
        ids.insert(tensor.0.id, id);
    }
    let mut outputs: Vec<Id> = outputs.iter().map(|t| ids[&t.0.id]).collect();
    for (output, donation) in outputs.iter_mut().zip(donations) {
        *output = builder.own_output(*output, *donation);
    }
    let graph = Graph {
        nodes: builder.nodes,
        outputs,
        donations: donations.to_vec(),
        dtype,
        precision: Precision::F32,
    };
    let (graph, origins) = graph.without_dead_code(&builder.origins);
    Canonical {
        graph,
        captured,
        origins,
    }
}

/// Everything that must be computed for these tensors, oldest first.
fn pending<'a>(outputs: &'a [Tensor], placeholders: &HashMap<u64, usize>) -> Vec<&'a Tensor> {
    let mut seen = std::collections::HashSet::new();
    let mut stack: Vec<&Tensor> = outputs.iter().collect();
    let mut found = Vec::new();
    while let Some(tensor) = stack.pop() {
        if seen.insert(tensor.0.id) {
            found.push(tensor);
            if tensor.0.value.get().is_none() && !placeholders.contains_key(&tensor.0.id) {
                stack.extend(&tensor.0.inputs);
            }
        }
    }
    found.sort_unstable_by_key(|tensor| tensor.0.id);
    found
}

impl Builder {
    fn add(&mut self, expression: Expression) -> Id {
        if let Some(&id) = self.known.get(&expression) {
            return id;
        }
        self.nodes.push(expression.clone());
        self.origins.push(self.origin);
        self.known.insert(expression, self.nodes.len() - 1);
        self.nodes.len() - 1
    }

    pub(super) fn op(&mut self, op: Op, arguments: Vec<Id>, shape: Vec<usize>) -> Id {
        self.add(Expression {
            op,
            slot: 0,
            arguments,
            shape,
        })
    }

    pub(super) fn constant(&mut self, number: f64, shape: Vec<usize>) -> Id {
        self.op(Op::Constant(number.to_bits()), vec![], shape)
    }

    /// An output that is an input as it came, but wanted in other memory, needs a copy that is a node of its own.
    fn own_output(&mut self, output: Id, donation: Option<usize>) -> Id {
        let mut base = output;
        while self.nodes[base].op == Op::Reshape {
            base = self.nodes[base].arguments[0];
        }
        let node = &self.nodes[base];
        if node.op != Op::Input || donation == Some(node.slot) {
            return output;
        }
        let shape = self.nodes[output].shape.clone();
        self.op(Op::Detach, vec![output], shape)
    }
}

impl Graph {
    fn without_dead_code(self, origins: &[u64]) -> (Graph, Vec<u64>) {
        let mut is_live = vec![false; self.nodes.len()];
        self.outputs.iter().for_each(|&id| is_live[id] = true);
        for id in (0..self.nodes.len()).rev() {
            if is_live[id] {
                self.nodes[id]
                    .arguments
                    .iter()
                    .for_each(|&argument| is_live[argument] = true);
            }
        }
        let mut moved = vec![usize::MAX; self.nodes.len()];
        let (mut nodes, mut kept_origins) = (Vec::new(), Vec::new());
        for (id, mut node) in self.nodes.into_iter().enumerate().filter(|(id, _)| is_live[*id]) {
            node.arguments
                .iter_mut()
                .for_each(|argument| *argument = moved[*argument]);
            moved[id] = nodes.len();
            nodes.push(node);
            kept_origins.push(origins[id]);
        }
        let outputs = self.outputs.iter().map(|&id| moved[id]).collect();
        (Graph { nodes, outputs, ..self }, kept_origins)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::loops::Unary;

    fn placeholder(shape: &[usize]) -> Tensor {
        Tensor::placeholder(DType::F32, shape)
    }

    /// The operations that are left of some outputs, in order.
    fn ops(outputs: &[Tensor], inputs: &[Tensor]) -> Vec<Op> {
        let Canonical { graph, origins, .. } = canonicalise(outputs, &vec![None; outputs.len()], inputs);
        assert_eq!(graph.nodes.len(), origins.len());
        for (id, node) in graph.nodes.iter().enumerate() {
            assert!(
                node.arguments.iter().all(|&argument| argument < id),
                "arguments come first"
            );
        }
        graph.nodes.into_iter().map(|node| node.op).collect()
    }

    #[test]
    fn what_changes_nothing_is_gone() {
        let x = placeholder(&[2, 3]);
        let same = ((&x + 0.0) * 1.0 / 1.0 - 0.0)
            .detach()
            .reshape(&[6])
            .reshape(&[3, 2])
            .reshape(&[2, 3]);
        let y = 0.0 + (1.0 * same).exp();
        assert_eq!(ops(&[y], &[x]), [Op::Input, Op::Unary(Unary::Exp)]);
    }

    #[test]
    fn zero_times_something_stays_as_it_may_be_nan() {
        let x = placeholder(&[2]);
        assert_eq!(ops(&[&x * 0.0], std::slice::from_ref(&x)).len(), 3);
    }

    #[test]
    fn constants_are_folded() {
        let two = Tensor::full(DType::F32, &[2], 2.0);
        let bits = |number: f64| Op::Constant(number.to_bits());
        assert_eq!(
            ops(&[(two.square() + 3.0).sqrt() * two], &[]),
            [bits(7f64.sqrt() * 2.0)]
        );
    }

    #[test]
    fn equal_expressions_are_one() {
        let (a, b) = (placeholder(&[2]), placeholder(&[2]));
        let y = (&a + &b).exp() * (&a + &b).exp();
        assert_eq!(ops(&[y], &[a, b]).len(), 5);
    }

    #[test]
    fn what_no_output_needs_is_gone() {
        let (a, b) = (placeholder(&[2]), placeholder(&[2]));
        let _unused = (&a * &b).exp();
        assert_eq!(ops(&[a.exp()], &[a, b]).len(), 2);
    }

    #[test]
    fn folds_of_axes_that_lie_apart_are_several() {
        let x = placeholder(&[2, 3, 1, 4, 5]);
        let folds = |axes: &[usize]| {
            let ops = ops(&[x.sum_axes_kept(axes)], std::slice::from_ref(&x));
            ops.iter().filter(|op| matches!(op, Op::Reduce(..))).count()
        };
        assert_eq!(folds(&[0, 1]), 1);
        assert_eq!(folds(&[1, 3]), 1);
        assert_eq!(folds(&[1, 2, 3]), 1);
        assert_eq!(folds(&[0, 3]), 2);
        assert_eq!(folds(&[0, 1, 4]), 2);
        assert_eq!(folds(&[2]), 0);
    }

    #[test]
    fn an_input_is_no_output_unless_it_stays_where_it_is() {
        let (x, y) = (placeholder(&[2]), placeholder(&[2]));
        let outputs = |donation| {
            canonicalise(std::slice::from_ref(&x), &[donation], &[x.clone(), y.clone()])
                .graph
                .nodes
                .len()
        };
        assert_eq!([outputs(Some(0)), outputs(Some(1)), outputs(None)], [1, 2, 2]);
    }

    #[test]
    fn structure_is_the_key_and_values_are_not() {
        let graph = |shape: &[usize], power: f64| {
            let x = Tensor::from_f32(shape, &vec![power as f32; shape.iter().product()]);
            canonicalise(&[(&x * 2.0).exp() + &x], &[None], &[]).graph
        };
        assert_eq!(graph(&[2, 3], 1.0), graph(&[2, 3], 2.0));
        assert_ne!(graph(&[2, 3], 1.0), graph(&[3, 2], 1.0));
    }
}
