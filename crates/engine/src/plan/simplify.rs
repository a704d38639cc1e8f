//! Cheaper expressions with the same meaning, chosen while the canonical graph is written.
//!
//! What is the same for many elements is computed for one of them: arithmetic on repeated tensors is done before they are
//! repeated, their factors meet before they meet what varies, and leave the sums that they are constant in. So the gradient
//! of a batch normalisation, as the rules of `grad` write it down, becomes what one would write by hand: two sums over the
//! batch, some arithmetic a channel, and one pass over the elements.
use super::canonical::{Builder, Expression, Id};
use crate::kernels::loops::{Binary, ReduceKind, Unary};
use crate::reference;
use crate::tensor::Op;

/// A product with more factors than this is left as it is.
const MOST_FACTORS: usize = 8;
/// Expressions that are looked at to find out whether a sum follows from others.
const MOST_TERMS: usize = 32;

/// An expression that is the same along some axes.
#[derive(Clone, Copy)]
enum Narrow {
    /// The same number everywhere.
    Number(f64),
    /// This expression's elements, repeated along its axes of extent 1.
    Repeated(Id),
}

impl Builder {
    /// The expression for an operation, or one that means the same and costs less.
    pub(super) fn simplified(&mut self, op: Op, arguments: Vec<Id>, shape: Vec<usize>) -> Id {
        match &op {
            Op::Detach => return arguments[0],
            Op::Reshape => return self.reshaped(arguments[0], shape),
            Op::Broadcast => return self.repeated(arguments[0], shape),
            Op::Reduce(kind, axes) => return self.folded(*kind, axes, arguments[0]),
            Op::Unary(unary) => {
                if let Some(x) = self.nodes[arguments[0]].constant() {
                    return self.constant(reference::unary(*unary, x), shape);
                }
            }
            Op::Binary(binary) => {
                if let Some(id) = self.trivial(*binary, &arguments, &shape) {
                    return id;
                }
            }
            Op::LeakyRelu(_) | Op::Select => {}
            _ => return self.op(op, arguments, shape),
        }
        if let Some(id) = self.before_repetition(&op, &arguments, &shape) {
            return id;
        }
        if op == Op::Binary(Binary::Mul)
            && let Some(id) = self.narrow_factors_first(arguments[0], arguments[1], &shape)
        {
            return id;
        }
        self.op(op, arguments, shape)
    }

    fn reshaped(&mut self, mut argument: Id, shape: Vec<usize>) -> Id {
        while self.nodes[argument].op == Op::Reshape {
            argument = self.nodes[argument].arguments[0];
        }
        if self.nodes[argument].shape == shape {
            return argument;
        }
        match self.nodes[argument].constant() {
            Some(number) => self.constant(number, shape),
            None => self.op(Op::Reshape, vec![argument], shape),
        }
    }

    fn repeated(&mut self, mut argument: Id, shape: Vec<usize>) -> Id {
        while self.nodes[argument].op == Op::Broadcast {
            argument = self.nodes[argument].arguments[0];
        }
        if self.nodes[argument].shape == shape {
            return argument;
        }
        match self.nodes[argument].constant() {
            Some(number) => self.constant(number, shape),
            None => self.op(Op::Broadcast, vec![argument], shape),
        }
    }

    /// Arithmetic on constants, and with neutral elements.
    fn trivial(&mut self, binary: Binary, arguments: &[Id], shape: &[usize]) -> Option<Id> {
        let [a, b] = [0, 1].map(|i| self.nodes[arguments[i]].constant());
        let neutral = match binary {
            Binary::Add | Binary::Sub => Some(0.0),
            Binary::Mul | Binary::Div => Some(1.0),
            _ => None,
        };
        match (a, b) {
            (Some(a), Some(b)) => Some(self.constant(reference::binary(binary, a, b), shape.to_vec())),
            (None, Some(_)) if b == neutral => Some(arguments[0]),
            (Some(_), None) if a == neutral && matches!(binary, Binary::Add | Binary::Mul) => Some(arguments[1]),
            _ => None,
        }
    }

    fn narrow(&self, id: Id) -> Option<Narrow> {
        let node = &self.nodes[id];
        match node.op {
            Op::Broadcast => Some(Narrow::Repeated(node.arguments[0])),
            _ => node.constant().map(Narrow::Number),
        }
    }

    /// An operation on repeated tensors is done once and its result repeated.
    fn before_repetition(&mut self, op: &Op, arguments: &[Id], shape: &[usize]) -> Option<Id> {
        let narrow: Vec<Narrow> = arguments.iter().map(|&id| self.narrow(id)).collect::<Option<_>>()?;
        let small = self.common_shape(&narrow)?;
        let arguments = narrow.into_iter().map(|narrow| self.in_shape(narrow, &small)).collect();
        let once = self.simplified(op.clone(), arguments, small);
        Some(self.repeated(once, shape.to_vec()))
    }

    /// The shape of the repeated tensors among these, if all but single elements share one.
    fn common_shape(&self, narrow: &[Narrow]) -> Option<Vec<usize>> {
        let mut common: Option<&Expression> = None;
        for narrow in narrow {
            let Narrow::Repeated(id) = narrow else { continue };
            let node = &self.nodes[*id];
            match common {
                Some(known) if known.shape == node.shape || node.numel() == 1 => {}
                Some(known) if known.numel() != 1 => return None,
                _ => common = Some(node),
            }
        }
        Some(common?.shape.clone())
    }

    fn in_shape(&mut self, narrow: Narrow, shape: &[usize]) -> Id {
        match narrow {
            Narrow::Number(number) => self.constant(number, shape.to_vec()),
            Narrow::Repeated(id) => self.repeated(id, shape.to_vec()),
        }
    }

    /// `(x p) q` is `x (p q)`, where p and q are narrow.
    fn narrow_factors_first(&mut self, a: Id, b: Id, shape: &[usize]) -> Option<Id> {
        for (product, factor) in [(a, b), (b, a)] {
            if self.nodes[product].op != Op::Binary(Binary::Mul) {
                continue;
            }
            let inner = [0, 1].map(|i| self.nodes[product].arguments[i]);
            for (x, other) in [(inner[0], inner[1]), (inner[1], inner[0])] {
                let (Some(p), Some(q)) = (self.narrow(other), self.narrow(factor)) else {
                    continue;
                };
                let are_numbers = matches!((p, q), (Narrow::Number(_), Narrow::Number(_)));
                if are_numbers || self.common_shape(&[p, q]).is_some() {
                    let factor = self.simplified(Op::Binary(Binary::Mul), vec![other, factor], shape.to_vec());
                    return Some(self.simplified(Op::Binary(Binary::Mul), vec![x, factor], shape.to_vec()));
                }
            }
        }
        None
    }

    /// Folds axes to extent 1. The loop kernel folds one run of axes that lie side by side, so several runs are folded one
    /// by one.
    fn folded(&mut self, kind: ReduceKind, axes: &[usize], argument: Id) -> Id {
        let (mut current, shape) = (argument, self.nodes[argument].shape.clone());
        let mut runs: Vec<Vec<usize>> = Vec::new();
        for axis in axes.iter().copied().filter(|&a| shape[a] != 1) {
            let extends = |run: &Vec<usize>| (run[run.len() - 1] + 1..axis).all(|a| shape[a] == 1);
            match runs.last_mut() {
                Some(run) if extends(run) => run.push(axis),
                _ => runs.push(vec![axis]),
            }
        }
        for run in runs.into_iter().rev() {
            current = match kind {
                ReduceKind::Sum => self.sum(current, run),
                _ => {
                    let shape = self.without(current, &run);
                    self.op(Op::Reduce(kind, run), vec![current], shape)
                }
            };
        }
        current
    }

    /// An expression's shape with some axes folded.
    fn without(&self, id: Id, axes: &[usize]) -> Vec<usize> {
        let mut shape = self.nodes[id].shape.clone();
        axes.iter().for_each(|&a| shape[a] = 1);
        shape
    }

    /// A sum over a run of axes: from sums that are there already if that is enough, else without the factors that are
    /// constant along the axes.
    fn sum(&mut self, id: Id, axes: Vec<usize>) -> Id {
        let mut budget = MOST_TERMS;
        if let Some(known) = self.known_sum(id, &axes, &mut budget) {
            return known;
        }
        let shape = self.without(id, &axes);
        let (constant, varying) = self.factors(id, &axes);
        if constant.is_empty() {
            return self.op(Op::Reduce(ReduceKind::Sum, axes), vec![id], shape);
        }
        let product = self.product(varying).expect("a repeated tensor's sum is known");
        let sum = self.op(Op::Reduce(ReduceKind::Sum, axes), vec![product], shape);
        self.scaled(sum, constant)
    }

    /// The sum of an expression, where it follows from sums that the graph has and from what is constant along the axes.
    fn known_sum(&mut self, id: Id, axes: &[usize], budget: &mut usize) -> Option<Id> {
        *budget = budget.checked_sub(1)?;
        let node = self.nodes[id].clone();
        let shape = self.without(id, axes);
        let sum = Expression {
            op: Op::Reduce(ReduceKind::Sum, axes.to_vec()),
            slot: 0,
            arguments: vec![id],
            shape: shape.clone(),
        };
        if let Some(&known) = self.known.get(&sum) {
            return Some(known);
        }
        match node.op {
            Op::Unary(Unary::Neg) => {
                let sum = self.known_sum(node.arguments[0], axes, budget)?;
                Some(self.simplified(node.op, vec![sum], shape))
            }
            Op::Binary(Binary::Add | Binary::Sub) => {
                let a = self.known_sum(node.arguments[0], axes, budget)?;
                let b = self.known_sum(node.arguments[1], axes, budget)?;
                Some(self.simplified(node.op, vec![a, b], shape))
            }
            _ => {
                let (constant, varying) = self.factors(id, axes);
                if constant.is_empty() {
                    return None;
                }
                let sum = match self.product(varying) {
                    Some(product) => self.known_sum(product, axes, budget)?,
                    None => {
                        let count: usize = axes.iter().map(|&a| node.shape[a]).product();
                        self.constant(count as f64, shape)
                    }
                };
                Some(self.scaled(sum, constant))
            }
        }
    }

    /// The factors of an expression: those that are constant along the axes, and the others in order.
    fn factors(&self, id: Id, axes: &[usize]) -> (Vec<Narrow>, Vec<Id>) {
        let (mut constant, mut varying, mut rest) = (vec![], vec![], vec![id]);
        while let Some(factor) = rest.pop() {
            let node = &self.nodes[factor];
            match self.narrow(factor) {
                Some(narrow @ Narrow::Number(_)) => constant.push(narrow),
                Some(narrow @ Narrow::Repeated(from)) if axes.iter().all(|&a| self.nodes[from].shape[a] == 1) => {
                    constant.push(narrow);
                }
                None if node.op == Op::Binary(Binary::Mul) => rest.extend(&node.arguments),
                _ => varying.push(factor),
            }
            if constant.len() + varying.len() + rest.len() > MOST_FACTORS {
                return (vec![], vec![id]);
            }
        }
        // Equal products are to be equal expressions, whatever the order in which they were written.
        varying.sort_unstable();
        (constant, varying)
    }

    fn product(&mut self, factors: Vec<Id>) -> Option<Id> {
        factors.into_iter().reduce(|a, b| {
            let shape = self.nodes[a].shape.clone();
            self.simplified(Op::Binary(Binary::Mul), vec![a, b], shape)
        })
    }

    /// A sum times what was constant in it.
    fn scaled(&mut self, sum: Id, factors: Vec<Narrow>) -> Id {
        let shape = self.nodes[sum].shape.clone();
        factors.into_iter().fold(sum, |product, factor| {
            let factor = self.in_shape(factor, &shape);
            self.simplified(Op::Binary(Binary::Mul), vec![product, factor], shape.clone())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::canonical::{Canonical, canonicalise};
    use super::*;
    use crate::buffer::DType;
    use crate::tensor::Tensor;

    fn placeholder(shape: &[usize]) -> Tensor {
        Tensor::placeholder(DType::F32, shape)
    }

    /// The operations on tensors of this many elements that are left of some outputs.
    fn large(outputs: &[Tensor], inputs: &[Tensor], numel: usize) -> Vec<Op> {
        let Canonical { graph, .. } = canonicalise(outputs, &vec![None; outputs.len()], inputs);
        let is_large = |node: &Expression| match node.op {
            Op::Reduce(..) => graph.nodes[node.arguments[0]].numel() == numel,
            Op::Input | Op::Constant(_) | Op::Broadcast => false,
            _ => node.numel() == numel,
        };
        let nodes = graph.nodes.iter().filter(|node| is_large(node));
        nodes.map(|node| node.op.clone()).collect()
    }

    #[test]
    fn arithmetic_comes_before_repetition() {
        let (p, q) = (placeholder(&[1, 3]), placeholder(&[1, 3]));
        let wide = |x: &Tensor| x.broadcast_to(&[5, 3]);
        let y = wide(&p).exp() * wide(&q) + 2.0;
        assert_eq!(large(&[y], &[p, q], 15), []);
    }

    #[test]
    fn narrow_factors_meet_first() {
        let (x, p, q) = (placeholder(&[5, 3]), placeholder(&[3]), placeholder(&[3]));
        let y = (&x * &p) * 2.0 * &q;
        assert_eq!(large(&[y], &[x, p, q], 15), [Op::Binary(Binary::Mul)]);
    }

    #[test]
    fn constant_factors_leave_a_sum() {
        let (x, y, p) = (placeholder(&[5, 3]), placeholder(&[5, 3]), placeholder(&[3]));
        // The two sums are one, times different factors.
        let sums = [(&x * &p * &y).sum_axes(&[0]), (&y * (&x * 3.0)).sum_axes(&[0])];
        let sum = Op::Reduce(ReduceKind::Sum, vec![0]);
        assert_eq!(large(&sums, &[x, y, p], 15), [Op::Binary(Binary::Mul), sum]);
    }

    #[test]
    fn factors_stay_in_sums_that_they_vary_in() {
        let (x, p) = (placeholder(&[5, 3]), placeholder(&[3]));
        let sum = (&x * &p).sum_axes(&[1]);
        assert_eq!(large(&[sum], &[x, p], 15).len(), 2);
    }

    #[test]
    fn a_sum_follows_from_those_that_are_there() {
        let x = placeholder(&[5, 3]);
        let mean = x.mean_axes_kept(&[0]);
        let centred = &x - &mean;
        let outputs = [centred.sum_axes(&[0]), mean];
        assert_eq!(large(&outputs, &[x], 15), [Op::Reduce(ReduceKind::Sum, vec![0])]);
    }

    #[test]
    fn a_sum_that_does_not_follow_stays_whole() {
        let (x, y) = (placeholder(&[5, 3]), placeholder(&[5, 3]));
        let sum = (&x + &y).sum_axes(&[0]);
        let left = [Op::Binary(Binary::Add), Op::Reduce(ReduceKind::Sum, vec![0])];
        assert_eq!(large(&[sum], &[x, y], 15), left);
    }
}
