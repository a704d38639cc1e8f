//! Folding axes, and shares along one.
use super::Table;
use crate::onnx::call::{Call, axes, axis};
use crate::onnx::value::{Outcome, Value};
use gany_engine::Tensor;

pub(super) const OPERATORS: Table = &[
    ("ReduceMean", |c| fold(c, Tensor::mean_axes_kept)),
    ("ReduceSum", |c| fold(c, Tensor::sum_axes_kept)),
    ("ReduceMax", |c| fold(c, |x, axes| kept(x, axes, &x.max_axes(axes)))),
    ("ReduceMin", |c| fold(c, |x, axes| kept(x, axes, &x.min_axes(axes)))),
    ("ReduceL1", |c| fold(c, |x, axes| x.abs().sum_axes_kept(axes))),
    ("ReduceL2", |c| fold(c, |x, axes| x.square().sum_axes_kept(axes).sqrt())),
    ("ReduceSumSquare", |c| fold(c, |x, axes| x.square().sum_axes_kept(axes))),
    ("ReduceLogSum", |c| fold(c, |x, axes| x.sum_axes_kept(axes).log())),
    ("ReduceLogSumExp", |c| fold(c, log_sum_exp)),
    ("ReduceProd", product),
    ("GlobalAveragePool", |c| over_pixels(c, Tensor::mean_axes_kept)),
    ("GlobalMaxPool", |c| {
        over_pixels(c, |x, axes| kept(x, axes, &x.max_axes(axes)))
    }),
    ("ArgMax", |c| {
        c.refuse("select_last_index", 0)?;
        let (x, axis) = (c.input_of_rank(1)?, c.whole("axis", 0)?);
        let axis = self::axis(axis, x.rank())?;
        let place = x.place(axis);
        let found = x.with(kept(x.tensor(), &[place], &x.tensor().argmax(place)));
        Ok(if c.whole("keepdims", 1)? == 0 {
            found.without(&[axis])
        } else {
            found
        })
    }),
    ("Softmax", |c| shares(c, Tensor::softmax)),
    ("LogSoftmax", |c| shares(c, Tensor::log_softmax)),
];

/// What is folded, with extents of 1 where axes were.
fn kept(x: &Tensor, axes: &[usize], folded: &Tensor) -> Tensor {
    let mut shape = x.shape().to_vec();
    axes.iter().for_each(|&axis| shape[axis] = 1);
    folded.reshape(&shape)
}

/// Folds the axes that a node names: as an attribute before version 13 or 18, as an input since.
fn fold(call: &Call, f: impl Fn(&Tensor, &[usize]) -> Tensor) -> Outcome<Value> {
    let x = call.input(0)?;
    let named = call.wholes_named("axes", 1)?.filter(|named| !named.is_empty());
    let axes = match named {
        Some(named) => axes(&named, x.rank())?,
        None if call.whole("noop_with_empty_axes", 0)? != 0 => return Ok(x.clone()),
        None => (0..x.rank()).collect(),
    };
    let places: Vec<usize> = axes.iter().map(|&axis| x.place(axis)).collect();
    let folded = x.with(f(x.tensor(), &places));
    Ok(if call.whole("keepdims", 1)? == 0 {
        folded.without(&axes)
    } else {
        folded
    })
}

fn over_pixels(call: &Call, f: impl Fn(&Tensor, &[usize]) -> Tensor) -> Outcome<Value> {
    let x = call.input_of_rank(3)?;
    let places: Vec<usize> = (2..x.rank()).map(|axis| x.place(axis)).collect();
    Ok(x.with(f(x.tensor(), &places)))
}

fn log_sum_exp(x: &Tensor, axes: &[usize]) -> Tensor {
    let largest = kept(x, axes, &x.max_axes(axes)).detach();
    (x - &largest).exp().sum_axes_kept(axes).log() + largest
}

/// Slice by slice: it stands in the arithmetic of extents alone, which are few.
fn product(call: &Call) -> Outcome<Value> {
    const MOST: usize = 64;
    let shape = call.input(0)?.shape();
    if shape.iter().any(|&extent| extent > MOST) {
        return Err(format!("expected at most {MOST} factors, got extents {shape:?}"));
    }
    fold(call, |x, axes| {
        axes.iter().fold(x.clone(), |x, &axis| {
            let parts = (0..x.extent(axis)).map(|i| x.slice(axis, i, i + 1));
            parts.reduce(|a, b| a * b).expect("an axis has elements")
        })
    })
}

/// Before version 13 all axes from the named one on are one.
fn shares(call: &Call, f: impl Fn(&Tensor, usize) -> Tensor) -> Outcome<Value> {
    let x = call.input_of_rank(1)?;
    if call.version >= 13 {
        let axis = axis(call.whole("axis", -1)?, x.rank())?;
        return Ok(x.with(f(x.tensor(), x.place(axis))));
    }
    let axis = axis(call.whole("axis", 1)?, x.rank())?;
    let (shape, written) = (x.shape(), x.as_written());
    let rows = shape[..axis].iter().product();
    let columns = shape[axis..].iter().product();
    Ok(Value::plain(f(&written.reshape(&[rows, columns]), 1).reshape(&shape)))
}
