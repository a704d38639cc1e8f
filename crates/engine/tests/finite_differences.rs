//! Gradients of the first, second and third order of every operation are what finite differences say, over random shapes.
//!
//! Each order is a function L of the inputs x; the next is its derivative along a random direction u, `sum(grad(L, x) * u)`,
//! which must be the slope of `L(x + t u)` at t = 0. All in f64, with x far from kinks.
mod draw;
mod instruction_sets;
use draw::Draw;
use gany_engine::{Buffer, ConvOptions, DType, Key, PadMode, Program, Tensor, concat, grad, reference, select};
use std::collections::BTreeSet;

/// Inputs, and what is computed from them.
type Case = (Vec<Tensor>, Box<dyn Fn(&[Tensor]) -> Tensor>);

/// Half the width of the stencil: inputs move by up to twice this.
const H: f64 = 1e-3;

fn case(inputs: Vec<Tensor>, f: impl Fn(&[Tensor]) -> Tensor + 'static) -> Case {
    (inputs, Box::new(f))
}

/// Tensors without two elements, or an element and 0, or an element and a whole number, nearer than 0.01.
fn apart(draw: &mut Draw, shapes: &[&[usize]]) -> Vec<Tensor> {
    let counts = shapes.iter().map(|shape| shape.iter().product::<usize>());
    let total: usize = counts.sum();
    let mut order = draw.order(total).into_iter();
    let next = |i: usize| 0.02 * (i as f64 + 0.5 - (total / 2) as f64);
    let tensor = |shape: &&[usize]| {
        let elements: Vec<f64> = order.by_ref().take(shape.iter().product()).map(next).collect();
        Tensor::from_f64(shape, &elements)
    };
    shapes.iter().map(tensor).collect()
}

/// A tensor whose elements lie between 0.5 and 1.5.
fn positive(draw: &mut Draw, shape: &[usize]) -> Tensor {
    let elements: Vec<f64> = draw
        .numbers(shape.iter().product())
        .iter()
        .map(|x| 1.0 + x / 2.0)
        .collect();
    Tensor::from_f64(shape, &elements)
}

fn some_shape(draw: &mut Draw) -> Vec<usize> {
    let rank = draw.between(1, 4);
    draw.shape(rank, 4)
}

/// The shapes of two tensors that broadcast.
fn broadcasting(draw: &mut Draw) -> (Vec<usize>, Vec<usize>) {
    let full = some_shape(draw);
    let mut narrow = |full: &[usize]| {
        let shape = full[draw.below(full.len() + 1)..].to_vec();
        let narrow = shape.iter().map(|&extent| if draw.once_in(3) { 1 } else { extent });
        narrow.collect::<Vec<_>>()
    };
    let b = narrow(&full);
    if draw.once_in(2) { (full, b) } else { (b, full) }
}

/// A convolution's options, and shapes of x and weight that suit them.
fn convolution(draw: &mut Draw) -> (ConvOptions, Vec<usize>, Vec<usize>) {
    let axes = draw.between(1, 3);
    let most = [0, 9, 6, 4][axes];
    let (groups, per_group) = (draw.between(1, 2), draw.between(1, 2));
    let mut per_axis = |low, high| -> [usize; 3] { std::array::from_fn(|_| draw.between(low, high)) };
    let (taps, stride, padding, dilation) = (per_axis(1, 3), per_axis(1, 3), per_axis(0, 2), per_axis(1, 2));
    let (mut x, mut w) = (vec![draw.between(1, 2)], vec![]);
    for axis in 0..axes {
        let reach = dilation[axis] * (taps[axis] - 1) + 1;
        x.push(draw.between(reach.saturating_sub(2 * padding[axis]).max(1), most.max(reach)));
        w.push(taps[axis]);
    }
    x.push(per_group * groups);
    w.extend([per_group, draw.between(1, 2) * groups]);
    let options = ConvOptions::new().groups(groups);
    let ([s, t, u], [p, q, r], [d, e, f]) = (stride, padding, dilation);
    let options = match axes {
        1 => options.stride([s]).padding([p]).dilation([d]),
        2 => options.stride([s, t]).padding([p, q]).dilation([d, e]),
        _ => options.stride([s, t, u]).padding([p, q, r]).dilation([d, e, f]),
    };
    (options, x, w)
}

fn unary(draw: &mut Draw, f: impl Fn(&Tensor) -> Tensor + 'static) -> Case {
    let shape = some_shape(draw);
    case(apart(draw, &[&shape]), move |x| f(&x[0]))
}

fn unary_positive(draw: &mut Draw, f: impl Fn(&Tensor) -> Tensor + 'static) -> Case {
    let shape = some_shape(draw);
    case(vec![positive(draw, &shape)], move |x| f(&x[0]))
}

fn binary(draw: &mut Draw, f: impl Fn(&Tensor, &Tensor) -> Tensor + 'static) -> Case {
    let (a, b) = broadcasting(draw);
    case(apart(draw, &[&a, &b]), move |x| f(&x[0], &x[1]))
}

fn along_axis(draw: &mut Draw, f: impl Fn(&Tensor, usize) -> Tensor + 'static) -> Case {
    let shape = some_shape(draw);
    let axis = draw.below(shape.len());
    case(apart(draw, &[&shape]), move |x| f(&x[0], axis))
}

fn along_axes(draw: &mut Draw, f: impl Fn(&Tensor, &[usize]) -> Tensor + 'static) -> Case {
    let shape = some_shape(draw);
    let axes = draw.axes(shape.len());
    case(apart(draw, &[&shape]), move |x| f(&x[0], &axes))
}

/// Where a slice starts, how many elements it takes, and how far apart.
fn slice(draw: &mut Draw, extent: usize) -> (usize, usize, isize) {
    let (start, step) = (draw.below(extent), draw.between(1, 3));
    if draw.once_in(2) {
        (start, draw.between(0, (extent - 1 - start) / step + 1), step as isize)
    } else {
        (start, draw.between(0, start / step + 1), -(step as isize))
    }
}

/// Two slices, one after the other, of tensors with a longer axis.
fn sliced(draw: &mut Draw, f: impl Fn(&Tensor, &dyn Fn(&Tensor) -> Tensor) -> Tensor + 'static) -> Case {
    let mut shape = some_shape(draw);
    let axis = draw.below(shape.len());
    shape[axis] = draw.between(1, 7);
    let (first, second) = (slice(draw, shape[axis]), draw.bits());
    let cut = move |x: &Tensor| {
        let x = x.slice_step(axis, first.0, first.1, first.2);
        if x.numel() == 0 {
            return x;
        }
        let other = (axis + 1) % x.rank();
        let (start, count, step) = slice(&mut Draw(second), x.extent(other));
        x.slice_step(other, start, count, step)
    };
    case(apart(draw, &[&shape]), move |x| f(&x[0], &cut))
}

fn images(draw: &mut Draw, factor: usize) -> Tensor {
    let axes = draw.between(1, 3);
    let mut shape = draw.shape(axes, 3);
    shape.iter_mut().for_each(|extent| *extent *= factor);
    shape.insert(0, draw.between(1, 2));
    shape.push(draw.between(1, 2));
    draw.tensor(&shape)
}

fn matrices(draw: &mut Draw) -> Case {
    let (lead, mkn) = (draw.below(3), draw.shape(3, 4));
    let lead = draw.shape(lead, 3);
    let (mut a, mut b) = (
        [&lead[..], &[mkn[0], mkn[1]]].concat(),
        [&lead[..], &[mkn[1], mkn[2]]].concat(),
    );
    match draw.below(4) {
        0 => a.drain(..lead.len()).count(),
        1 => b.drain(..lead.len()).count(),
        _ => 0,
    };
    case(vec![draw.tensor(&a), draw.tensor(&b)], |x| x[0].matmul(&x[1]).sin())
}

/// The derivative of a function of the first input, times the second input: `d/dx sum(f(x) * y)`.
fn pulled_back(f: impl Fn(&Tensor) -> Tensor, x: &Tensor, y: &Tensor) -> Tensor {
    grad(&(f(x) * y).sum(), &[x]).remove(0)
}

type Maker = fn(&mut Draw) -> Case;

/// Functions that between them use every operation.
const CASES: &[(&str, Maker)] = &[
    ("neg", |d| unary(d, |x| (-x).sin())),
    ("abs", |d| unary(d, |x| x.abs() * x)),
    ("sign", |d| unary(d, |x| x.sign() * x.square())),
    ("floor", |d| unary(d, |x| x.floor() * x.sin())),
    ("exp", |d| unary(d, |x| x.exp())),
    ("square", |d| unary(d, |x| x.square().square())),
    ("tanh", |d| unary(d, |x| x.tanh())),
    ("sigmoid", |d| unary(d, |x| x.sigmoid())),
    ("softplus", |d| unary(d, |x| (x * 3.0).softplus())),
    ("relu", |d| unary(d, |x| x.relu().square() + x.relu())),
    ("leaky_relu", |d| unary(d, |x| x.leaky_relu(0.2) * x.leaky_relu(0.1))),
    ("sin", |d| unary(d, |x| x.sin())),
    ("cos", |d| unary(d, |x| x.cos())),
    ("clamp", |d| unary(d, |x| x.clamp(-0.5, 0.5) * x)),
    ("log", |d| unary_positive(d, |x| x.log())),
    ("sqrt", |d| unary_positive(d, |x| x.sqrt())),
    ("rsqrt", |d| unary_positive(d, |x| x.rsqrt())),
    ("recip", |d| unary_positive(d, |x| x.recip())),
    ("powf", |d| unary_positive(d, |x| x.powf(2.5))),
    ("whole powers", |d| {
        unary(d, |x| x.powf(3.0) + x.powf(2.0) * 0.5 + x.powf(1.0) + x.powf(0.0))
    }),
    ("powf at 0", |d| {
        let shape = some_shape(d);
        let zeros = Tensor::from_f64(&shape, &vec![0.0; shape.iter().product()]);
        case(vec![zeros], |x| x[0].powf(2.0) + x[0].powf(3.0))
    }),
    ("add", |d| binary(d, |a, b| (a + b).square())),
    ("sub", |d| binary(d, |a, b| (a - b).square())),
    ("mul", |d| binary(d, |a, b| (a * b).square())),
    ("maximum", |d| binary(d, |a, b| a.maximum(b).square())),
    ("minimum", |d| binary(d, |a, b| a.minimum(b).square())),
    ("comparisons", |d| {
        binary(d, |a, b| {
            (a.lt(b) + a.le(b) * 2.0 + a.ge(b) * 4.0 + a.equals(a)) * (a * b)
        })
    }),
    ("select", |d| binary(d, |a, b| select(&a.gt(b), &a.square(), &(a * b)))),
    ("div", |d| {
        let (a, b) = broadcasting(d);
        case(vec![d.tensor(&a), positive(d, &b)], |x| &x[0] / &x[1])
    }),
    ("pow", |d| {
        let (a, b) = broadcasting(d);
        case(vec![positive(d, &a), d.tensor(&b)], |x| x[0].pow(&x[1]))
    }),
    ("numbers beside tensors", |d| {
        unary(d, |x| (2.0 - x) * x / 3.0 + 1.0 / (x.square() + 1.0))
    }),
    ("reshape", |d| {
        unary(d, |x| x.reshape(&[x.numel()]).flip(0).reshape(x.shape()) * x)
    }),
    ("broadcast", |d| {
        let (a, b) = broadcasting(d);
        let (narrow, wide) = if a.len() < b.len() || a.iter().product::<usize>() < b.iter().product() {
            (a, b)
        } else {
            (b, a)
        };
        let weight = d.tensor(&wide);
        case(vec![d.tensor(&narrow)], move |x| {
            x[0].broadcast_to(&wide).sin() * &weight
        })
    }),
    ("permute", |d| {
        let shape = some_shape(d);
        let order = d.order(shape.len());
        let weight = d.tensor(&shape).permute(&order);
        case(vec![d.tensor(&shape)], move |x| (x[0].permute(&order) * &weight).sin())
    }),
    ("slice", |d| sliced(d, |x, cut| cut(x).sin())),
    ("embed", |d| {
        let of_slice = |x: &Tensor, cut: &dyn Fn(&Tensor) -> Tensor| pulled_back(cut, x, &cut(&x.square())).sin() * x;
        sliced(d, of_slice)
    }),
    ("pad", |d| {
        let mut shape = some_shape(d);
        let axis = d.below(shape.len());
        shape[axis] += 2;
        let mode = *d.choice(&[PadMode::Zero, PadMode::Reflect, PadMode::Replicate]);
        let (low, high) = (d.between(0, 2), d.between(0, 2));
        case(vec![d.tensor(&shape)], move |x| {
            (x[0].pad(axis, low, high, mode) + 0.5).sin()
        })
    }),
    ("concat", |d| {
        let shape = some_shape(d);
        let axis = d.below(shape.len());
        let parts = d.between(1, 3);
        let mut part = || {
            let mut shape = shape.clone();
            shape[axis] = d.between(0, 3);
            d.tensor(&shape)
        };
        case((0..parts).map(|_| part()).collect(), move |x| concat(x, axis).sin())
    }),
    ("gather", |d| {
        let (shape, picks) = (some_shape(d), d.between(1, 6));
        let rows: Vec<f64> = (0..picks).map(|_| d.below(shape[0]) as f64).collect();
        let index = Tensor::from_f64(&[picks], &rows);
        case(vec![d.tensor(&shape)], move |x| x[0].gather(&index).sin())
    }),
    ("scatter_add", |d| {
        let (shape, rows) = (some_shape(d), d.between(1, 4));
        let to: Vec<f64> = (0..shape[0]).map(|_| d.below(rows) as f64).collect();
        let index = Tensor::from_f64(&[shape[0]], &to);
        case(vec![d.tensor(&shape)], move |x| x[0].scatter_add(&index, rows).sin())
    }),
    ("sum", |d| along_axes(d, |x, axes| x.sum_axes(axes).sin())),
    ("mean", |d| along_axes(d, |x, axes| x.mean_axes_kept(axes).sin() * x)),
    ("max", |d| along_axes(d, |x, axes| x.max_axes(axes).sin())),
    ("min", |d| along_axes(d, |x, axes| x.min_axes(axes).sin())),
    ("argmax", |d| {
        along_axis(d, |x, axis| x.argmax(axis) * x.max_axes(&[axis]).sin())
    }),
    ("one_hot", |d| {
        along_axis(d, |x, axis| x.argmax(axis).one_hot(5).sum() * x.sin())
    }),
    ("softmax", |d| along_axis(d, |x, axis| x.softmax(axis))),
    ("log_softmax", |d| along_axis(d, |x, axis| x.log_softmax(axis))),
    ("logsumexp", |d| along_axis(d, |x, axis| x.logsumexp(axis))),
    ("norm", |d| along_axis(d, |x, axis| (x + 2.0).norm(axis))),
    ("norm of nothing", |d| {
        along_axis(d, |x, axis| (x * 0.0).norm(axis) * x.sum())
    }),
    ("iota", |d| {
        unary(d, |x| {
            (Tensor::arange(DType::F64, x.numel()).reshape(x.shape()) * x * 0.02).sin()
        })
    }),
    ("random", |d| {
        let noise = |x: &Tensor| {
            let key = Key::new(DType::F64, 3, 1);
            key.normal(1, x.shape()) * key.uniform(2, x.shape()) + key.bernoulli(3, x.shape(), 0.5)
        };
        unary(d, move |x| (noise(x) * x).sin())
    }),
    ("matmul", matrices),
    ("matmul of views", |d| {
        let [m, k, n, b] = std::array::from_fn(|_| d.between(1, 4));
        case(vec![d.tensor(&[k, b, m]), d.tensor(&[n, k])], move |x| {
            let a = x[0].permute(&[1, 2, 0]).flip(1);
            a.matmul(&x[1].transpose().flip(0)).sin()
        })
    }),
    ("product_along", |d| {
        let shape = some_shape(d);
        let axis = d.below(shape.len());
        let matrix = [d.between(1, 4), shape[axis]];
        case(vec![d.tensor(&shape), d.tensor(&matrix)], move |x| {
            x[0].product_along(axis, &x[1]).sin()
        })
    }),
    ("conv", |d| {
        let (options, x, w) = convolution(d);
        case(vec![d.tensor(&x), d.tensor(&w)], move |x| {
            x[0].conv(&x[1], &options).sin()
        })
    }),
    ("conv by input", |d| {
        let (options, x, w) = convolution(d);
        let (x, w) = (d.tensor(&x), d.tensor(&w));
        let y = d.tensor(x.conv(&w, &options).shape());
        case(vec![y, w], move |v| {
            pulled_back(|x| x.conv(&v[1], &options), &x, &v[0]).sin()
        })
    }),
    ("conv by weight", |d| {
        let (options, x, w) = convolution(d);
        let (x, w) = (d.tensor(&x), d.tensor(&w));
        let y = d.tensor(x.conv(&w, &options).shape());
        case(vec![y, x], move |v| {
            pulled_back(|w| v[1].conv(w, &options), &w, &v[0]).sin()
        })
    }),
    ("conv_transpose", |d| {
        let (axes, stride) = (d.between(1, 3), d.between(1, 3));
        let taps = d.between(2, 4);
        let (padding, extra, groups) = (d.below(2), d.below(stride), d.between(1, 2));
        let mut shape = vec![1];
        shape.extend((0..axes).map(|_| d.between(2, 3)));
        shape.push(2 * groups);
        let mut weight = vec![taps; axes];
        weight.extend([d.between(1, 2), 2 * groups]);
        let options = ConvOptions::new().stride(stride).padding(padding).groups(groups);
        case(vec![d.tensor(&shape), d.tensor(&weight)], move |x| {
            x[0].conv_transpose(&x[1], &options, extra).sin()
        })
    }),
    ("resize_linear", |d| {
        let x = images(d, 1);
        let extents = d.shape(x.rank() - 2, 5);
        case(vec![x], move |x| x[0].resize_linear(&extents).sin())
    }),
    ("average_pool", |d| {
        let factor = d.between(1, 3);
        case(vec![images(d, factor)], move |x| x[0].average_pool(factor).sin())
    }),
    ("upsample_nearest", |d| {
        let factor = d.between(1, 3);
        case(vec![images(d, 1)], move |x| x[0].upsample_nearest(factor).sin())
    }),
    ("batch norm", |d| {
        case(vec![d.tensor(&[5, 3]), d.tensor(&[3])], |x| {
            let centred = &x[0] - x[0].mean_axes_kept(&[0]);
            &centred * (centred.square().mean_axes_kept(&[0]) + 0.1).rsqrt() * &x[1]
        })
    }),
];

/// How many random shapes each case is tried with.
const ROUNDS: u64 = 32;
const ORDERS: usize = 3;

fn check(name: &str, make: Maker, round: u64) {
    let mut draw = Draw(round * 7919 + name.bytes().map(u64::from).sum::<u64>());
    let (inputs, f) = make(&mut draw);
    let output = f(&inputs);
    let wrt: Vec<&Tensor> = inputs.iter().collect();
    let mut levels = vec![(&output * draw.tensor(output.shape())).sum()];
    let mut directions: Vec<Vec<Vec<f64>>> = vec![];
    for order in 0..ORDERS {
        let direction: Vec<Vec<f64>> = inputs.iter().map(|x| draw.numbers(x.numel())).collect();
        let slopes = grad(&levels[order], &wrt).into_iter().zip(&inputs).zip(&direction);
        let along = slopes.map(|((g, x), u)| {
            assert_eq!(g.shape(), x.shape(), "{name}: shape of a gradient");
            (g * Tensor::from_f64(x.shape(), u)).sum()
        });
        levels.push(along.reduce(|a, b| a + b).expect("an input"));
        directions.push(direction);
    }
    let mut program = Program::compile(&inputs, &levels, &vec![None; levels.len()]);
    let mut at = |moved: f64, direction: Option<&Vec<Vec<f64>>>| -> Vec<f64> {
        let mut buffers: Vec<Buffer> = inputs.iter().map(|x| Buffer::from_f64(&x.to_f64())).collect();
        for (buffer, u) in buffers.iter_mut().zip(direction.into_iter().flatten()) {
            buffer.as_f64_mut().iter_mut().zip(u).for_each(|(x, u)| *x += moved * u);
        }
        program.run(&mut buffers);
        (0..=ORDERS).map(|order| program.output_f64(order)[0]).collect()
    };
    let here = at(0.0, None);
    for (order, direction) in directions.iter().enumerate() {
        let [far_below, below, above, far_above] = [-2.0, -1.0, 1.0, 2.0].map(|t| at(t * H, Some(direction))[order]);
        let slope = (8.0 * (above - below) - (far_above - far_below)) / (12.0 * H);
        let wanted = here[order + 1];
        let apart = (slope - wanted).abs();
        assert!(
            apart <= 1e-6 * (1.0 + wanted.abs() + here[order].abs() * 1e-3),
            "{name}, round {round}, order {}: the gradient says {wanted}, differences say {slope}",
            order + 1
        );
    }
}

#[test]
fn of_every_operation() {
    for (name, make) in CASES {
        (0..ROUNDS).for_each(|round| check(name, *make, round));
    }
}

#[test]
fn no_operation_is_left_out() {
    let mut seen = BTreeSet::new();
    for (_, make) in CASES {
        for round in 0..ROUNDS {
            let (inputs, f) = make(&mut Draw(round));
            seen.extend(reference::operations_of(&f(&inputs)));
        }
    }
    let missing: Vec<_> = reference::operation_names()
        .iter()
        .filter(|name| !seen.contains(*name))
        .collect();
    assert!(missing.is_empty(), "no case uses {missing:?}");
}

#[test]
fn nothing_flows_through_detach() {
    let x = Tensor::from_f64(&[3], &[1.0, -2.0, 3.0]);
    let gradients = grad(&(x.detach() * &x).sum(), &[&x]);
    assert_eq!(gradients[0].to_f64(), [1.0, -2.0, 3.0]);
    assert_eq!(grad(&x.detach().sum(), &[&x])[0].to_f64(), [0.0; 3]);
}

#[test]
fn what_a_loss_does_not_depend_on_gets_zeros() {
    let (x, y) = (Tensor::from_f64(&[2], &[1.0, 2.0]), Tensor::from_f64(&[2], &[3.0, 4.0]));
    let gradients = grad(&x.square().sum(), &[&y, &x, &x]);
    assert_eq!(gradients[0].to_f64(), [0.0; 2]);
    assert_eq!(gradients[1].to_f64(), [2.0, 4.0]);
    assert_eq!(gradients[2].to_f64(), [2.0, 4.0]);
}

#[test]
fn with_respect_to_what_lies_between() {
    let x = Tensor::from_f64(&[2], &[1.0, 2.0]);
    let between = x.square();
    let gradients = grad(&(between.square() * &x).sum(), &[&between, &x]);
    assert_eq!(gradients[0].to_f64(), [2.0, 16.0]);
    assert_eq!(gradients[1].to_f64(), [5.0, 80.0]);
}

#[test]
fn equal_extremes_share_the_gradient() {
    let x = Tensor::from_f64(&[4], &[1.0, 3.0, 3.0, 0.0]);
    assert_eq!(grad(&x.max_axes(&[0]), &[&x])[0].to_f64(), [0.0, 0.5, 0.5, 0.0]);
    assert_eq!(grad(&x.maximum(&(&x * 1.0)).sum(), &[&x])[0].to_f64(), [1.0; 4]);
}

#[test]
fn on_every_instruction_set() {
    instruction_sets::run_the_others();
}
