//! Gradients: every rule is written with the same operations, so gradients have gradients.
use crate::kernels::loops::{Binary, ReduceKind, Unary};
use crate::ops::select;
use crate::tensor::{ConvKind, Op, Tensor};
use std::collections::{BTreeMap, HashMap};

/// The gradients of a scalar `loss` with respect to some tensors it was made of, as ordinary tensors: they can be
/// differentiated again. A tensor that the loss does not depend on gets zeros.
///
/// # Panics
/// Where `loss` has more than one element.
#[track_caller]
pub fn grad(loss: &Tensor, wrt: &[&Tensor]) -> Vec<Tensor> {
    assert_eq!(
        loss.numel(),
        1,
        "grad: the loss has shape {:?}, not one element",
        loss.shape()
    );
    let targets: Vec<u64> = wrt.iter().map(|t| t.0.id).collect();
    let mut depends = HashMap::new();
    mark_dependents(loss, &targets, &mut depends);
    let mut found: HashMap<u64, Tensor> = HashMap::new();
    // Largest number first: a node is reached only after everything that was made of it.
    let mut pending: BTreeMap<u64, (Tensor, Tensor)> = BTreeMap::new();
    if depends[&loss.0.id] {
        pending.insert(loss.0.id, (loss.clone(), loss.ones_like()));
    }
    while let Some((id, (node, cotangent))) = pending.pop_last() {
        if targets.contains(&id) {
            found.insert(id, cotangent.clone());
        }
        let wanted: Vec<bool> = node.0.inputs.iter().map(|input| depends[&input.0.id]).collect();
        if !wanted.contains(&true) {
            continue;
        }
        for (input, part) in node.0.inputs.iter().zip(pull_back(&node, &cotangent, &wanted)) {
            let Some(part) = part.filter(|_| depends[&input.0.id]) else {
                continue;
            };
            debug_assert_eq!(part.shape(), input.shape(), "gradient of {:?}", node.0.op);
            pending
                .entry(input.0.id)
                .and_modify(|(_, sum)| *sum = &*sum + &part)
                .or_insert((input.clone(), part));
        }
    }
    wrt.iter()
        .map(|t| found.get(&t.0.id).cloned().unwrap_or_else(|| t.zeros_like()))
        .collect()
}

/// Notes for every node under `root` whether a gradient with respect to a target can flow through it.
fn mark_dependents(root: &Tensor, targets: &[u64], depends: &mut HashMap<u64, bool>) {
    let oldest = targets.iter().min().copied().unwrap_or(u64::MAX);
    let mut stack = vec![(root, false)];
    while let Some((tensor, inputs_known)) = stack.pop() {
        let id = tensor.0.id;
        if depends.contains_key(&id) {
            continue;
        }
        if id < oldest {
            depends.insert(id, false);
        } else if inputs_known {
            let passes = !is_flat(&tensor.0.op) && tensor.0.inputs.iter().any(|input| depends[&input.0.id]);
            depends.insert(id, passes || targets.contains(&id));
        } else {
            stack.push((tensor, true));
            stack.extend(tensor.0.inputs.iter().map(|input| (input, false)));
        }
    }
}

/// Operations whose derivative is zero wherever it exists.
fn is_flat(op: &Op) -> bool {
    matches!(
        op,
        Op::Detach
            | Op::Unary(Unary::Sign | Unary::Floor)
            | Op::Binary(Binary::Lt | Binary::Le | Binary::Eq)
            | Op::ArgMax(_)
            | Op::Random(..)
    )
}

/// The cotangents of a node's inputs, given its own; `wanted` says which of them are needed.
fn pull_back(node: &Tensor, g: &Tensor, wanted: &[bool]) -> Vec<Option<Tensor>> {
    let (y, inputs) = (node, &node.0.inputs);
    let want = |i: usize, part: &dyn Fn() -> Tensor| wanted[i].then(part);
    match &node.0.op {
        Op::Input | Op::Constant(_) | Op::Iota => vec![],
        op if is_flat(op) => vec![None; inputs.len()],
        Op::Unary(unary) => vec![Some(unary_rule(*unary, &inputs[0], y, g))],
        Op::LeakyRelu(bits) => {
            let slope = Tensor::full(y.dtype(), y.shape(), f64::from_bits(*bits));
            vec![Some(g * select(&y.positive(), &y.ones_like(), &slope))]
        }
        Op::Binary(binary) => binary_rule(*binary, &inputs[0], &inputs[1], y, g, wanted),
        Op::Select => {
            let zero = g.zeros_like();
            vec![
                None,
                want(1, &|| select(&inputs[0], g, &zero)),
                want(2, &|| select(&inputs[0], &zero, g)),
            ]
        }
        Op::Reshape => vec![Some(g.reshape(inputs[0].shape()))],
        Op::Broadcast => {
            let axes: Vec<usize> = (0..y.rank())
                .filter(|&a| inputs[0].shape()[a] != y.shape()[a])
                .collect();
            vec![Some(g.reduce_kept(ReduceKind::Sum, &axes).reshape(inputs[0].shape()))]
        }
        Op::Permute(axes) => {
            let mut inverse = vec![0; axes.len()];
            axes.iter().enumerate().for_each(|(to, &from)| inverse[from] = to);
            vec![Some(g.permute(&inverse))]
        }
        Op::Slice { starts, steps } => {
            let op = Op::Embed {
                starts: starts.clone(),
                steps: steps.clone(),
            };
            vec![Some(Tensor::derived(op, vec![g.clone()], inputs[0].shape().to_vec()))]
        }
        Op::Embed { starts, steps } => {
            let op = Op::Slice {
                starts: starts.clone(),
                steps: steps.clone(),
            };
            vec![Some(Tensor::derived(op, vec![g.clone()], inputs[0].shape().to_vec()))]
        }
        Op::Concat(axis) => {
            let mut start = 0;
            let parts = inputs.iter().zip(wanted).map(|(input, &wanted)| {
                let end = start + input.extent(*axis);
                let part = wanted.then(|| g.slice(*axis, start, end));
                start = end;
                part
            });
            parts.collect()
        }
        Op::Gather => vec![want(0, &|| g.scatter_add(&inputs[1], inputs[0].extent(0))), None],
        Op::ScatterAdd => vec![want(0, &|| g.gather(&inputs[1])), None],
        Op::Reduce(ReduceKind::Sum, _) => vec![Some(g.broadcast_to(inputs[0].shape()))],
        Op::Reduce(_, axes) => {
            // Equal extremes share the gradient.
            let is_extreme = inputs[0].equals(y);
            let share = g / is_extreme.sum_axes_kept(axes);
            vec![Some(share * is_extreme)]
        }
        Op::MatMul => {
            let product = |a: Tensor, b: Tensor| {
                let shape = vec![a.shape()[0], a.shape()[1], b.shape()[2]];
                Tensor::derived(Op::MatMul, vec![a, b], shape)
            };
            let (a, b) = (&inputs[0], &inputs[1]);
            vec![
                want(0, &|| product(g.clone(), b.transpose())),
                want(1, &|| product(a.transpose(), g.clone())),
            ]
        }
        Op::Conv(kind, geometry) => {
            // Each sister is linear in both arguments, and the three together are closed: (x, w, y) are all there are.
            let conv = |kind, a: &Tensor, b: &Tensor, like: &Tensor| {
                Tensor::derived(
                    Op::Conv(kind, geometry.clone()),
                    vec![a.clone(), b.clone()],
                    like.shape().to_vec(),
                )
            };
            let (a, b) = (&inputs[0], &inputs[1]);
            match kind {
                ConvKind::Forward => vec![
                    want(0, &|| conv(ConvKind::Input, g, b, a)),
                    want(1, &|| conv(ConvKind::Weight, a, g, b)),
                ],
                ConvKind::Input => vec![
                    want(0, &|| conv(ConvKind::Forward, g, b, a)),
                    want(1, &|| conv(ConvKind::Weight, g, a, b)),
                ],
                ConvKind::Weight => vec![
                    want(0, &|| conv(ConvKind::Input, b, g, a)),
                    want(1, &|| conv(ConvKind::Forward, a, g, b)),
                ],
            }
        }
        op => unreachable!("{op:?} has no gradient rule"),
    }
}

fn unary_rule(unary: Unary, x: &Tensor, y: &Tensor, g: &Tensor) -> Tensor {
    match unary {
        Unary::Neg => -g,
        Unary::Abs => g * x.sign(),
        Unary::Exp => g * y,
        Unary::Log => g / x,
        Unary::Sqrt => g * 0.5 / y,
        Unary::Rsqrt => g * -0.5 * y / x,
        Unary::Recip => -(g * y.square()),
        Unary::Square => g * x * 2.0,
        Unary::Tanh => g * (1.0 - y.square()),
        Unary::Sigmoid => g * y * (1.0 - y),
        Unary::Softplus => g * x.sigmoid(),
        Unary::Sin => g * x.cos(),
        Unary::Cos => -(g * x.sin()),
        Unary::Relu => select(&y.positive(), g, &g.zeros_like()),
        Unary::Sign | Unary::Floor => unreachable!("flat"),
    }
}

fn binary_rule(binary: Binary, a: &Tensor, b: &Tensor, y: &Tensor, g: &Tensor, wanted: &[bool]) -> Vec<Option<Tensor>> {
    let want = |i: usize, part: &dyn Fn() -> Tensor| wanted[i].then(part);
    let zero = g.zeros_like();
    match binary {
        Binary::Add => vec![Some(g.clone()), Some(g.clone())],
        Binary::Sub => vec![Some(g.clone()), want(1, &|| -g)],
        Binary::Mul => vec![want(0, &|| g * b), want(1, &|| g * a)],
        Binary::Div => vec![want(0, &|| g / b), want(1, &|| -(g * y / b))],
        Binary::Max => vec![
            want(0, &|| select(&a.ge(b), g, &zero)),
            want(1, &|| select(&a.ge(b), &zero, g)),
        ],
        Binary::Min => vec![
            want(0, &|| select(&a.le(b), g, &zero)),
            want(1, &|| select(&a.le(b), &zero, g)),
        ],
        Binary::Pow => vec![
            want(0, &|| match b.constant() {
                Some(0.0) => zero.clone(),
                Some(power) => g * (a.powf(power - 1.0) * power),
                None => g * b * y / a,
            }),
            want(1, &|| g * y * a.log()),
        ],
        Binary::Lt | Binary::Le | Binary::Eq => unreachable!("flat"),
    }
}
