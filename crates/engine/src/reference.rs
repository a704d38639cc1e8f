//! What every operation means, in plain Rust and f64, an element at a time: tests hold the executor against this.
use crate::buffer::DType;
use crate::kernels::loops::{Binary, ReduceKind, Unary};
use crate::kernels::random;
use crate::tensor::{ConvKind, Geometry, Op, Random, Tensor};
use crate::view::row_major;
use std::collections::{BTreeSet, HashMap};

/// The elements of a tensor in row-major order, computed without plan, fusion or kernels.
///
/// # Panics
/// Where the tensor depends on a placeholder.
pub fn evaluate(tensor: &Tensor) -> Vec<f64> {
    let mut known = HashMap::new();
    evaluate_into(tensor, &mut known);
    known.remove(&tensor.0.id).expect("just computed")
}

fn evaluate_into(tensor: &Tensor, known: &mut HashMap<u64, Vec<f64>>) {
    if known.contains_key(&tensor.0.id) {
        return;
    }
    let value = match tensor.0.value.get() {
        // Only leaves: what a plan has computed is not believed.
        Some(buffer) if tensor.0.op == Op::Input => buffer.to_f64(),
        _ => {
            tensor.0.inputs.iter().for_each(|input| evaluate_into(input, known));
            let arguments: Vec<&[f64]> = tensor.0.inputs.iter().map(|input| &known[&input.0.id][..]).collect();
            compute(tensor, &arguments)
        }
    };
    known.insert(tensor.0.id, value);
}

macro_rules! named_operations {
    ($($name:literal: $pattern:pat,)*) => {
        /// The names of all operations: a new one does not compile without a name, and tests ask for each of these.
        pub fn operation_names() -> &'static [&'static str] {
            &[$($name),*]
        }

        fn name(op: &Op) -> &'static str {
            match op {
                $($pattern => $name,)*
            }
        }
    };
}

named_operations! {
    "input": Op::Input,
    "constant": Op::Constant(_),
    "iota": Op::Iota,
    "detach": Op::Detach,
    "neg": Op::Unary(Unary::Neg),
    "abs": Op::Unary(Unary::Abs),
    "sign": Op::Unary(Unary::Sign),
    "exp": Op::Unary(Unary::Exp),
    "log": Op::Unary(Unary::Log),
    "sqrt": Op::Unary(Unary::Sqrt),
    "rsqrt": Op::Unary(Unary::Rsqrt),
    "recip": Op::Unary(Unary::Recip),
    "square": Op::Unary(Unary::Square),
    "tanh": Op::Unary(Unary::Tanh),
    "sigmoid": Op::Unary(Unary::Sigmoid),
    "softplus": Op::Unary(Unary::Softplus),
    "sin": Op::Unary(Unary::Sin),
    "cos": Op::Unary(Unary::Cos),
    "floor": Op::Unary(Unary::Floor),
    "relu": Op::Unary(Unary::Relu),
    "add": Op::Binary(Binary::Add),
    "sub": Op::Binary(Binary::Sub),
    "mul": Op::Binary(Binary::Mul),
    "div": Op::Binary(Binary::Div),
    "max": Op::Binary(Binary::Max),
    "min": Op::Binary(Binary::Min),
    "pow": Op::Binary(Binary::Pow),
    "lt": Op::Binary(Binary::Lt),
    "le": Op::Binary(Binary::Le),
    "eq": Op::Binary(Binary::Eq),
    "leaky_relu": Op::LeakyRelu(_),
    "select": Op::Select,
    "reshape": Op::Reshape,
    "broadcast": Op::Broadcast,
    "permute": Op::Permute(_),
    "slice": Op::Slice { .. },
    "embed": Op::Embed { .. },
    "concat": Op::Concat(_),
    "gather": Op::Gather,
    "scatter_add": Op::ScatterAdd,
    "reduce_sum": Op::Reduce(ReduceKind::Sum, _),
    "reduce_max": Op::Reduce(ReduceKind::Max, _),
    "reduce_min": Op::Reduce(ReduceKind::Min, _),
    "argmax": Op::ArgMax(_),
    "matmul": Op::MatMul,
    "conv_forward": Op::Conv(ConvKind::Forward, _),
    "conv_input": Op::Conv(ConvKind::Input, _),
    "conv_weight": Op::Conv(ConvKind::Weight, _),
    "uniform": Op::Random(Random::Uniform, _),
    "normal": Op::Random(Random::Normal, _),
}

/// The names of the operations that a tensor is made by, directly or not.
pub fn operations_of(tensor: &Tensor) -> BTreeSet<&'static str> {
    let (mut names, mut seen, mut stack) = (BTreeSet::new(), BTreeSet::new(), vec![tensor]);
    while let Some(tensor) = stack.pop() {
        if seen.insert(tensor.0.id) {
            names.insert(name(&tensor.0.op));
            stack.extend(&tensor.0.inputs);
        }
    }
    names
}

/// Every multi-index of a shape, in row-major order.
fn indices(shape: &[usize]) -> impl Iterator<Item = Vec<usize>> + use<'_> {
    let strides = row_major(shape);
    (0..shape.iter().product::<usize>()).map(move |flat| {
        shape
            .iter()
            .zip(&strides)
            .map(|(&extent, &stride)| flat / stride as usize % extent)
            .collect()
    })
}

fn flat(index: &[usize], shape: &[usize]) -> usize {
    index
        .iter()
        .zip(row_major(shape))
        .map(|(&i, stride)| i * stride as usize)
        .sum()
}

fn compute(tensor: &Tensor, arguments: &[&[f64]]) -> Vec<f64> {
    let (shape, inputs) = (tensor.shape(), &tensor.0.inputs);
    let from = |position: &dyn Fn(Vec<usize>) -> Vec<usize>| -> Vec<f64> {
        indices(shape)
            .map(|index| arguments[0][flat(&position(index), inputs[0].shape())])
            .collect()
    };
    match &tensor.0.op {
        Op::Input => panic!("reference: a placeholder has no value"),
        Op::Constant(bits) => vec![f64::from_bits(*bits); tensor.numel()],
        Op::Iota => (0..tensor.numel()).map(|i| i as f64).collect(),
        Op::Detach | Op::Reshape => arguments[0].to_vec(),
        Op::Unary(op) => arguments[0].iter().map(|&x| unary(*op, x)).collect(),
        Op::Binary(op) => arguments[0]
            .iter()
            .zip(arguments[1])
            .map(|(&a, &b)| binary(*op, a, b))
            .collect(),
        Op::LeakyRelu(bits) => arguments[0]
            .iter()
            .map(|&x| if x > 0.0 { x } else { x * f64::from_bits(*bits) })
            .collect(),
        Op::Select => (0..tensor.numel())
            .map(|i| {
                if arguments[0][i] != 0.0 {
                    arguments[1][i]
                } else {
                    arguments[2][i]
                }
            })
            .collect(),
        Op::Broadcast => {
            let extents = inputs[0].shape();
            from(&|index| {
                index
                    .iter()
                    .zip(extents)
                    .map(|(&i, &extent)| if extent == 1 { 0 } else { i })
                    .collect()
            })
        }
        Op::Permute(axes) => from(&|index| {
            let mut position = vec![0; axes.len()];
            axes.iter().zip(index).for_each(|(&axis, i)| position[axis] = i);
            position
        }),
        Op::Slice { starts, steps } => from(&|index| stepped(&index, starts, steps)),
        Op::Embed { starts, steps } => {
            let mut result = vec![0.0; tensor.numel()];
            for (index, x) in indices(inputs[0].shape()).zip(arguments[0]) {
                result[flat(&stepped(&index, starts, steps), shape)] = *x;
            }
            result
        }
        Op::Concat(axis) => {
            let mut result = vec![0.0; tensor.numel()];
            let mut start = 0;
            for (input, argument) in inputs.iter().zip(arguments) {
                for (mut index, x) in indices(input.shape()).zip(*argument) {
                    index[*axis] += start;
                    result[flat(&index, shape)] = *x;
                }
                start += input.shape()[*axis];
            }
            result
        }
        Op::Gather => {
            let row: usize = shape[1..].iter().product();
            let last = inputs[0].shape()[0].saturating_sub(1);
            let rows = arguments[1].iter().map(|&i| (i as usize).min(last));
            rows.flat_map(|i| arguments[0][i * row..][..row].to_vec()).collect()
        }
        Op::ScatterAdd => {
            let row: usize = shape[1..].iter().product();
            let mut result = vec![0.0; tensor.numel()];
            for (from, &i) in arguments[1].iter().enumerate() {
                let to = (i as usize).min(shape[0] - 1);
                (0..row).for_each(|j| result[to * row + j] += arguments[0][from * row + j]);
            }
            result
        }
        Op::Reduce(kind, axes) => {
            let start = match kind {
                ReduceKind::Sum => 0.0,
                ReduceKind::Max => f64::NEG_INFINITY,
                ReduceKind::Min => f64::INFINITY,
            };
            let mut result = vec![start; tensor.numel()];
            for (mut index, &x) in indices(inputs[0].shape()).zip(arguments[0]) {
                axes.iter().for_each(|&axis| index[axis] = 0);
                let sum = &mut result[flat(&index, shape)];
                *sum = match kind {
                    ReduceKind::Sum => *sum + x,
                    ReduceKind::Max => binary(Binary::Max, *sum, x),
                    ReduceKind::Min => binary(Binary::Min, *sum, x),
                };
            }
            result
        }
        Op::ArgMax(axis) => {
            let mut best = vec![(f64::NEG_INFINITY, 0); tensor.numel()];
            for (mut index, &x) in indices(inputs[0].shape()).zip(arguments[0]) {
                let position = std::mem::replace(&mut index[*axis], 0);
                let slot = &mut best[flat(&index, shape)];
                if x > slot.0 || (x.is_nan() && !slot.0.is_nan()) {
                    *slot = (x, position);
                }
            }
            best.into_iter().map(|(_, position)| position as f64).collect()
        }
        Op::MatMul => {
            let (m, k, n) = (shape[1], inputs[0].shape()[2], shape[2]);
            indices(shape)
                .map(|at| {
                    (0..k)
                        .map(|i| arguments[0][(at[0] * m + at[1]) * k + i] * arguments[1][(at[0] * k + i) * n + at[2]])
                        .sum()
                })
                .collect()
        }
        Op::Conv(kind, geometry) => convolution(tensor, *kind, geometry, arguments),
        Op::Random(kind, stream) => {
            let piece = |from: usize| (0..4).fold(0, |sum, i| sum | (arguments[0][from + i] as u64) << (16 * i));
            let key = random::Key {
                seed: piece(0),
                stream: *stream,
                step: piece(4),
            };
            match tensor.dtype() {
                DType::F32 => drawn::<f32>(*kind, key, tensor.numel()),
                DType::F64 => drawn::<f64>(*kind, key, tensor.numel()),
            }
        }
    }
}

fn drawn<T: random::Random>(kind: Random, key: random::Key, count: usize) -> Vec<f64> {
    let mut numbers = vec![T::ZERO; count];
    match kind {
        Random::Uniform => random::fill_uniform(key, 0, &mut numbers),
        Random::Normal => random::fill_normal(key, 0, &mut numbers),
    }
    numbers.into_iter().map(T::to_f64).collect()
}

fn stepped(index: &[usize], starts: &[usize], steps: &[isize]) -> Vec<usize> {
    (0..index.len())
        .map(|a| (starts[a] as isize + index[a] as isize * steps[a]) as usize)
        .collect()
}

pub(crate) fn unary(op: Unary, x: f64) -> f64 {
    match op {
        Unary::Neg => -x,
        Unary::Abs => x.abs(),
        Unary::Sign => {
            if x > 0.0 {
                1.0
            } else if x < 0.0 {
                -1.0
            } else {
                x
            }
        }
        Unary::Exp => x.exp(),
        Unary::Log => x.ln(),
        Unary::Sqrt => x.sqrt(),
        Unary::Rsqrt => 1.0 / x.sqrt(),
        Unary::Recip => 1.0 / x,
        Unary::Square => x * x,
        Unary::Tanh => x.tanh(),
        Unary::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        Unary::Softplus => x.max(0.0) + (-x.abs()).exp().ln_1p(),
        Unary::Sin => x.sin(),
        Unary::Cos => x.cos(),
        Unary::Floor => x.floor(),
        Unary::Relu => {
            if x < 0.0 {
                0.0
            } else {
                x
            }
        }
    }
}

pub(crate) fn binary(op: Binary, a: f64, b: f64) -> f64 {
    match op {
        Binary::Add => a + b,
        Binary::Sub => a - b,
        Binary::Mul => a * b,
        Binary::Div => a / b,
        Binary::Max => {
            if a > b || a.is_nan() {
                a
            } else {
                b
            }
        }
        Binary::Min => {
            if a < b || a.is_nan() {
                a
            } else {
                b
            }
        }
        Binary::Pow => a.powf(b),
        Binary::Lt => f64::from(a < b),
        Binary::Le => f64::from(a <= b),
        Binary::Eq => f64::from(a == b),
    }
}

/// All three sisters are sums over the same terms `x[..] * w[..] -> y[..]`; each solves them for one of the three.
fn convolution(tensor: &Tensor, kind: ConvKind, geometry: &Geometry, arguments: &[&[f64]]) -> Vec<f64> {
    let (a, b) = (tensor.0.inputs[0].shape(), tensor.0.inputs[1].shape());
    let (x_shape, w_shape, y_shape) = match kind {
        ConvKind::Forward => (a, b, tensor.shape()),
        ConvKind::Input => (tensor.shape(), b, a),
        ConvKind::Weight => (a, tensor.shape(), b),
    };
    let mut result = vec![0.0; tensor.numel()];
    let channels_per_group = y_shape[4] / geometry.groups;
    for y_at in indices(y_shape) {
        for w_at in indices(&w_shape[..4]) {
            let mut x_at = vec![y_at[0]];
            for axis in 0..3 {
                let position = y_at[axis + 1] * geometry.stride[axis] + w_at[axis] * geometry.dilation[axis];
                x_at.push(position.wrapping_sub(geometry.padding[axis]));
            }
            if (0..3).any(|axis| x_at[axis + 1] >= x_shape[axis + 1]) {
                continue;
            }
            x_at.push(y_at[4] / channels_per_group * w_shape[3] + w_at[3]);
            let (x, y) = (flat(&x_at, x_shape), flat(&y_at, y_shape));
            let w = flat(&[&w_at[..], &[y_at[4]]].concat(), w_shape);
            match kind {
                ConvKind::Forward => result[y] += arguments[0][x] * arguments[1][w],
                ConvKind::Input => result[x] += arguments[0][y] * arguments[1][w],
                ConvKind::Weight => result[w] += arguments[0][x] * arguments[1][y],
            }
        }
    }
    result
}
