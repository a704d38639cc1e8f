//! The same elements under other extents, or in another order of axes; and the arithmetic of extents.
use super::Table;
use crate::onnx::call::{Call, axes, axis, extent};
use crate::onnx::value::{Outcome, Value, broadcast, room};
use gany_engine::{DType, Tensor};

pub(super) const OPERATORS: Table = &[
    ("Reshape", reshape),
    ("Flatten", flatten),
    ("Transpose", transpose),
    ("Squeeze", squeeze),
    ("Unsqueeze", unsqueeze),
    ("Expand", expand),
    ("Tile", tile),
    ("Shape", shape),
    ("Size", |c| {
        Ok(Value::wholes(&[], &[c.input(0)?.tensor().numel() as i64]))
    }),
    ("Constant", constant),
    ("ConstantOfShape", constant_of_shape),
    ("Range", range),
    ("DepthToSpace", |c| blocks(c, true)),
    ("SpaceToDepth", |c| blocks(c, false)),
];

/// The extents that numbers of a file mean, if there is room for them.
fn extents(numbers: &[i64]) -> Outcome<Vec<usize>> {
    let extents = numbers
        .iter()
        .map(|&number| extent(number))
        .collect::<Outcome<Vec<_>>>()?;
    room(&extents)?;
    Ok(extents)
}

/// 0 stands for the extent that was there, -1 for what is left.
fn reshape(call: &Call) -> Outcome<Value> {
    let (x, wanted) = (call.input(0)?, call.wholes(1)?);
    let is_zero_kept = call.whole("allowzero", 0)? != 0;
    let mut shape: Vec<i64> = wanted.clone();
    for (axis, number) in shape.iter_mut().enumerate() {
        if *number == 0 && !is_zero_kept {
            let there = (axis < x.rank()).then(|| x.extent(axis));
            *number = there.ok_or("a 0 stands for an extent that is not there")? as i64;
        }
    }
    let elements = x.tensor().numel();
    let message = || {
        format!(
            "expected extents for {elements} elements, got {wanted:?} for {:?}",
            x.shape()
        )
    };
    if let Some(open) = shape.iter().position(|&number| number == -1) {
        let others = [&shape[..open], &shape[open + 1..]].concat();
        let others: usize = extents(&others)?.iter().product();
        if others == 0 || !elements.is_multiple_of(others) {
            return Err(message());
        }
        shape[open] = (elements / others) as i64;
    }
    let shape = extents(&shape)?;
    if shape.iter().product::<usize>() != elements {
        return Err(message());
    }
    Ok(Value::plain(x.as_written().reshape(&shape)))
}

fn flatten(call: &Call) -> Outcome<Value> {
    let x = call.input(0)?;
    let (shape, first) = (x.shape(), call.whole("axis", 1)?);
    let first = if first == x.rank() as i64 {
        x.rank()
    } else {
        axis(first, x.rank())?
    };
    let both = [shape[..first].iter().product(), shape[first..].iter().product()];
    Ok(Value::plain(x.as_written().reshape(&both)))
}

/// Moves nothing: axes are only counted otherwise.
fn transpose(call: &Call) -> Outcome<Value> {
    let x = call.input(0)?;
    let order: Vec<usize> = match call.wholes_set("perm")? {
        Some(numbers) => {
            axes(numbers, x.rank())?;
            numbers
                .iter()
                .map(|&number| axis(number, x.rank()))
                .collect::<Outcome<_>>()?
        }
        None => (0..x.rank()).rev().collect(),
    };
    if order.len() != x.rank() {
        return Err(format!("expected an order of {} axes, got {order:?}", x.rank()));
    }
    let counted = |old: &usize| order.iter().position(|axis| axis == old).expect("every axis is there");
    Ok(Value::ordered(
        x.tensor().clone(),
        x.order().iter().map(counted).collect(),
    ))
}

fn squeeze(call: &Call) -> Outcome<Value> {
    let x = call.input(0)?;
    let gone = match call.wholes_named("axes", 1)? {
        Some(numbers) => axes(&numbers, x.rank())?,
        None => (0..x.rank()).filter(|&axis| x.extent(axis) == 1).collect(),
    };
    match gone.iter().find(|&&axis| x.extent(axis) != 1) {
        Some(axis) => Err(format!(
            "expected axis {axis} to have the extent 1, got {:?}",
            x.shape()
        )),
        None => Ok(x.without(&gone)),
    }
}

fn unsqueeze(call: &Call) -> Outcome<Value> {
    let (x, numbers) = (
        call.input(0)?,
        call.wholes_named("axes", 1)?.ok_or("`axes` are missing")?,
    );
    let rank = x.rank() + numbers.len();
    room(&vec![1; rank])?;
    let new = axes(&numbers, rank)?;
    let mut old = x.shape().into_iter();
    let shape = (0..rank).map(|axis| {
        if new.contains(&axis) {
            1
        } else {
            old.next().unwrap_or(1)
        }
    });
    Ok(Value::plain(x.as_written().reshape(&shape.collect::<Vec<_>>())))
}

fn expand(call: &Call) -> Outcome<Value> {
    let x = call.input(0)?;
    let shape = broadcast(&[x.shape(), extents(&call.wholes(1)?)?])?;
    if shape.contains(&0) {
        return Err(format!("expected extents of at least 1, got {shape:?}"));
    }
    Ok(Value::plain(x.as_written().broadcast_to(&shape)))
}

fn tile(call: &Call) -> Outcome<Value> {
    let (x, repeats) = (call.input(0)?, extents(&call.wholes(1)?)?);
    if repeats.len() != x.rank() || repeats.contains(&0) {
        return Err(format!(
            "expected a repetition for each extent of {:?}, got {repeats:?}",
            x.shape()
        ));
    }
    let shape = x.shape();
    let pairs = |leading: &dyn Fn(usize) -> usize| -> Vec<usize> {
        (0..shape.len()).flat_map(|axis| [leading(axis), shape[axis]]).collect()
    };
    let wide = pairs(&|axis| repeats[axis]);
    room(&wide)?;
    let result: Vec<usize> = wide.chunks_exact(2).map(|pair| pair[0] * pair[1]).collect();
    let spread = x.as_written().reshape(&pairs(&|_| 1)).broadcast_to(&wide);
    Ok(Value::plain(spread.reshape(&result)))
}

/// Which is known, since there are as many pictures as there are.
fn shape(call: &Call) -> Outcome<Value> {
    let shape = call.maybe(0).ok_or("input 0 is missing")?.shape();
    let rank = shape.len() as i64;
    let bound = |number: i64| {
        (if number < 0 {
            number.saturating_add(rank)
        } else {
            number
        })
        .clamp(0, rank) as usize
    };
    let (start, end) = (bound(call.whole("start", 0)?), bound(call.whole("end", rank)?));
    let numbers: Vec<i64> = shape[start.min(end)..end].iter().map(|&extent| extent as i64).collect();
    Ok(Value::wholes(&[numbers.len()], &numbers))
}

fn constant(call: &Call) -> Outcome<Value> {
    const NAMES: [&str; 5] = ["value", "value_float", "value_floats", "value_int", "value_ints"];
    let value = NAMES.iter().find_map(|name| call.value_set(name));
    value.ok_or_else(|| "expected numbers as its value".into())
}

fn constant_of_shape(call: &Call) -> Outcome<Value> {
    let shape = extents(&call.wholes(0)?)?;
    let (dtype, number) = match call.value_set("value") {
        Some(value) if value.tensor().numel() == 1 => (value.tensor().dtype(), value.tensor().to_f64()[0]),
        Some(_) => return Err("expected one number as its value".into()),
        None => (DType::F32, 0.0),
    };
    Ok(Value::plain(Tensor::full(dtype, &shape, number)))
}

fn range(call: &Call) -> Outcome<Value> {
    let is_whole = (0..3).all(|i| call.maybe(i).is_some_and(Value::is_whole));
    let (start, limit, step) = (call.scalar(0)?, call.scalar(1)?, call.scalar(2)?);
    let count = ((limit - start) / step).ceil();
    const MOST: f64 = 1e7;
    if count.is_nan() || count > MOST {
        return Err(format!(
            "expected at most {MOST} numbers, got {start} to {limit} by {step}"
        ));
    }
    let dtype = if is_whole { DType::F64 } else { DType::F32 };
    let numbers: Vec<f64> = (0..count.max(0.0) as usize).map(|i| start + i as f64 * step).collect();
    Ok(Value::plain(Tensor::from_elements(dtype, &[numbers.len()], &numbers)))
}

/// Squares of pixels become channels, or the other way.
fn blocks(call: &Call, is_to_space: bool) -> Outcome<Value> {
    let x = call.input(0)?;
    let side = extent(call.whole("blocksize", 0)?)?;
    let mode = call.text("mode", "DCR")?;
    let [n, c, h, w] = x.shape()[..] else {
        return Err(format!("expected pictures, got extents {:?}", x.shape()));
    };
    let area = side.checked_mul(side).filter(|area| *area > 0);
    let fits = area.is_some_and(|area| match is_to_space {
        true => c.is_multiple_of(area),
        false => h.is_multiple_of(side) && w.is_multiple_of(side),
    });
    if !fits {
        return Err(format!("expected squares of {side} pixels to fit into {:?}", x.shape()));
    }
    let written = x.as_written();
    let result = match (is_to_space, mode.as_str()) {
        (false, _) => written
            .reshape(&[n, c, h / side, side, w / side, side])
            .permute(&[0, 3, 5, 1, 2, 4])
            .reshape(&[n, c * side * side, h / side, w / side]),
        (true, "CRD") => written
            .reshape(&[n, c / (side * side), side, side, h, w])
            .permute(&[0, 1, 4, 2, 5, 3])
            .reshape(&[n, c / (side * side), h * side, w * side]),
        _ => written
            .reshape(&[n, side, side, c / (side * side), h, w])
            .permute(&[0, 3, 4, 1, 5, 2])
            .reshape(&[n, c / (side * side), h * side, w * side]),
    };
    Ok(Value::plain(result))
}
