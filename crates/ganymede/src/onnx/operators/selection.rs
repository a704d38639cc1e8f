//! Parts of values, and values put together.
use super::Table;
use super::windows::bordered;
use crate::onnx::call::{Call, axis, extent};
use crate::onnx::value::{Outcome, Value, room};
use gany_engine::{PadMode, Tensor, concat};

pub(super) const OPERATORS: Table = &[
    ("Concat", join),
    ("Split", split),
    ("Slice", slice),
    ("Gather", gather),
    ("ScatterND", scatter),
    ("Pad", pad),
    ("Resize", resize),
];

fn join(call: &Call) -> Outcome<Value> {
    let inputs: Vec<&Value> = (0..call.inputs.len())
        .map(|i| call.maybe(i).ok_or_else(|| format!("input {i} is missing")))
        .collect::<Outcome<_>>()?;
    // What is empty adds nothing; extents are often put together of such parts.
    let full = || inputs.iter().filter(|value| value.tensor().numel() > 0);
    let Some(leads) = full().find(|value| !value.order().is_sorted()).or(full().next()) else {
        return Ok((*inputs.first().ok_or("input 0 is missing")?).clone());
    };
    let axis = axis(call.whole("axis", 1)?, leads.rank())?;
    let is_float = full().any(|value| !value.is_whole());
    let mut tensors = vec![];
    for value in full() {
        let fits = value.rank() == leads.rank()
            && (0..leads.rank()).all(|other| other == axis || value.extent(other) == leads.extent(other));
        if !fits {
            let (one, other) = (leads.shape(), value.shape());
            return Err(format!(
                "expected extents that differ along axis {axis} alone, got {one:?} and {other:?}"
            ));
        }
        let value = if is_float { value.float() } else { (**value).clone() };
        tensors.push(value.in_order(leads.order()));
    }
    Ok(leads.with(concat(&tensors, leads.place(axis))))
}

/// The part that is asked for; in equal parts, of which the last may be smaller, where no extents are given.
fn split(call: &Call) -> Outcome<Value> {
    let x = call.input_of_rank(1)?;
    let axis = axis(call.whole("axis", 0)?, x.rank())?;
    let all = x.extent(axis);
    let parts: Vec<usize> = match call.wholes_named("split", 1)? {
        Some(numbers) => numbers.iter().map(|&number| extent(number)).collect::<Outcome<_>>()?,
        None => {
            let each = all.div_ceil(call.node.outputs.len().max(1));
            (0..call.node.outputs.len())
                .map(|i| each.min(all.saturating_sub(i * each)))
                .collect()
        }
    };
    let sum = parts.iter().try_fold(0_usize, |sum, &part| sum.checked_add(part));
    let part = parts.get(call.output);
    let (Some(&part), true) = (part, sum == Some(all)) else {
        return Err(format!(
            "expected {} parts of {all}, got {parts:?}",
            call.node.outputs.len()
        ));
    };
    let start = parts[..call.output].iter().sum();
    Ok(x.with(x.tensor().slice(x.place(axis), start, start + part)))
}

/// Ends beyond an axis mean its end; a negative step runs backwards.
fn slice(call: &Call) -> Outcome<Value> {
    let x = call.input_of_rank(1)?;
    let named = |name: &str, i: usize| call.wholes_named(name, i);
    let (starts, ends) = (named("starts", 1)?, named("ends", 2)?);
    let (starts, ends) = (starts.ok_or("`starts` are missing")?, ends.ok_or("`ends` are missing")?);
    let axes = named("axes", 3)?.unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = named("steps", 4)?.unwrap_or_else(|| vec![1; starts.len()]);
    if [ends.len(), axes.len(), steps.len()] != [starts.len(); 3] {
        return Err("expected as many starts as ends, axes and steps".into());
    }
    let mut result = x.clone();
    for (((&start, &end), &named), &step) in starts.iter().zip(&ends).zip(&axes).zip(&steps) {
        let axis = axis(named, x.rank())?;
        let size = result.extent(axis) as i64;
        let from_end = |number: i64| {
            if number < 0 {
                number.saturating_add(size)
            } else {
                number
            }
        };
        let (start, end) = (from_end(start), from_end(end));
        let (start, distance) = match step {
            0 => return Err("expected steps other than 0".into()),
            1.. => {
                let start = start.clamp(0, size);
                (start, end.clamp(0, size) - start)
            }
            _ => {
                let start = start.clamp(-1, size - 1);
                (start, start - end.clamp(-1, size - 1))
            }
        };
        let size_of_step = usize::try_from(step.unsigned_abs()).unwrap_or(usize::MAX);
        let count = usize::try_from(distance).unwrap_or(0).div_ceil(size_of_step);
        // Of one element no step is taken, and a long one would not fit.
        let step = if count > 1 { step as isize } else { 1 };
        let place = result.place(axis);
        let start = if count > 0 { start as usize } else { 0 };
        result = result.with(result.tensor().slice_step(place, start, count, step));
        if count == 0 {
            break;
        }
    }
    Ok(result)
}

/// Elements along an axis by numbers that depend on no picture; those below 0 count from the end.
fn gather(call: &Call) -> Outcome<Value> {
    let (x, index) = (call.input_of_rank(1)?, call.input(1)?);
    let axis = axis(call.whole("axis", 0)?, x.rank())?;
    let size = x.extent(axis);
    let rows = call.wholes(1)?;
    let rows = rows
        .iter()
        .map(|&row| self::axis(row, size))
        .collect::<Outcome<Vec<_>>>();
    let rows = rows.map_err(|reason| reason.replace("an axis", "a place"))?;
    let consecutive = rows.windows(2).all(|pair| pair[1] == pair[0] + 1);
    if consecutive && index.rank() < 2 {
        let part = x.with(x.tensor().slice(x.place(axis), rows[0], rows[0] + rows.len()));
        return Ok(if index.rank() == 0 { part.without(&[axis]) } else { part });
    }
    check_rows(size)?;
    let (shape, found) = (x.shape(), index.shape());
    let result = [&shape[..axis], &found[..], &shape[axis + 1..]].concat();
    room(&result)?;
    let front: Vec<usize> = std::iter::once(axis)
        .chain((0..x.rank()).filter(|a| *a != axis))
        .collect();
    let numbers: Vec<f64> = rows.iter().map(|&row| row as f64).collect();
    let numbers = Tensor::from_elements(x.tensor().dtype(), &[rows.len()], &numbers);
    let picked = x.in_order(&front).gather(&numbers);
    // What was picked lies in front; it is counted where the axis was.
    let order: Vec<usize> = (axis..axis + found.len())
        .chain(0..axis)
        .chain(axis + found.len()..result.len())
        .collect();
    let lies: Vec<usize> = order.iter().map(|&axis| result[axis]).collect();
    Ok(Value::ordered(picked.reshape(&lies), order))
}

/// Numbers of rows are floats to the engine.
fn check_rows(count: usize) -> Outcome<()> {
    const MOST: usize = 1 << 24;
    if count <= MOST {
        return Ok(());
    }
    Err(format!("expected at most {MOST} places, got {count}"))
}

/// A value in which some rows are others: the places are numbers that depend on no picture.
fn scatter(call: &Call) -> Outcome<Value> {
    if call.text("reduction", "none")? != "none" {
        return Err("it adds up what meets, which is not known here".into());
    }
    let (x, index, rows) = (call.input_of_rank(1)?, call.input(1)?, call.input(2)?);
    let (shape, depth) = (x.shape(), *index.shape().last().ok_or("expected places, got a number")?);
    let updates = &index.shape()[..index.rank() - 1];
    if depth > shape.len() || rows.shape() != [updates, &shape[depth.min(shape.len())..]].concat() {
        let (index, rows) = (index.shape(), rows.shape());
        return Err(format!(
            "expected rows that fit {shape:?}, got places {index:?} and rows {rows:?}"
        ));
    }
    let mut places = vec![];
    for place in call.wholes(1)?.chunks_exact(depth.max(1)) {
        let mut flat = 0;
        for (&number, &extent) in place.iter().zip(&shape) {
            flat = flat * extent + axis(number, extent).map_err(|reason| reason.replace("an axis", "a place"))?;
        }
        places.push(flat);
    }
    let (count, width): (usize, usize) = (shape[..depth].iter().product(), shape[depth..].iter().product());
    check_rows(count)?;
    let is_float = !x.is_whole() || !rows.is_whole();
    let tensor = |value: &Value| {
        if is_float {
            value.float().as_written()
        } else {
            value.as_written()
        }
    };
    let (old, new) = (
        tensor(x).reshape(&[count, width]),
        tensor(rows).reshape(&[places.len(), width]),
    );
    let mut kept = vec![1.0; count];
    for &place in &places {
        if std::mem::replace(&mut kept[place], 0.0) == 0.0 {
            return Err("expected different places".into());
        }
    }
    let kept = Tensor::from_elements(old.dtype(), &[count, 1], &kept);
    let numbers: Vec<f64> = places.iter().map(|&place| place as f64).collect();
    let numbers = Tensor::from_elements(old.dtype(), &[places.len()], &numbers);
    Ok(Value::plain(
        (old * kept + new.scatter_add(&numbers, count)).reshape(&shape),
    ))
}

/// Numbers below 0 cut off what is there.
fn pad(call: &Call) -> Outcome<Value> {
    let x = call.input_of_rank(1)?;
    let widths = call.wholes_named("pads", 1)?.ok_or("`pads` are missing")?;
    let axes: Vec<usize> = match call.maybe(3) {
        Some(_) => call
            .wholes(3)?
            .iter()
            .map(|&number| axis(number, x.rank()))
            .collect::<Outcome<_>>()?,
        None => (0..x.rank()).collect(),
    };
    if widths.len() != 2 * axes.len() {
        return Err(format!(
            "expected {} numbers of padding, got {widths:?}",
            2 * axes.len()
        ));
    }
    let number = match call.maybe(2) {
        Some(_) => call.scalar(2)?,
        None => call.float("value", 0.0)?,
    };
    let mode = call.text("mode", "constant")?;
    let mut result = x.clone();
    for (i, &axis) in axes.iter().enumerate() {
        let (low, high, size) = (widths[i], widths[axes.len() + i], result.extent(axis));
        let cut = |width: i64| usize::try_from(width.min(0).unsigned_abs()).unwrap_or(usize::MAX);
        let add = |width: i64| usize::try_from(width.max(0)).unwrap_or(usize::MAX);
        let (start, end) = (cut(low), size.checked_sub(cut(high)));
        let Some(end) = end.filter(|end| start < *end) else {
            return Err(format!(
                "expected padding that leaves something of {size}, got {low} and {high}"
            ));
        };
        let place = result.place(axis);
        let inner = result.tensor().slice(place, start, end);
        let (low, high) = (add(low), add(high));
        let mut shape = inner.shape().to_vec();
        shape[place] = shape[place].saturating_add(low).saturating_add(high);
        room(&shape)?;
        let padded = match mode.as_str() {
            "constant" if number == 0.0 => inner.pad(place, low, high, PadMode::Zero),
            "constant" => bordered(&inner, place, [low, high], number),
            "edge" => inner.pad(place, low, high, PadMode::Replicate),
            "reflect" if low.max(high) < end - start => inner.pad(place, low, high, PadMode::Reflect),
            other => return Err(format!("padding by `{other}` of {low} and {high} is not known here")),
        };
        result = result.with(padded);
    }
    Ok(result)
}

/// Bilinear with pixels' centres at halves, or pixels that are repeated; other ways are refused.
fn resize(call: &Call) -> Outcome<Value> {
    call.refuse("antialias", 0)?;
    let x = call.input(0)?;
    if x.rank() != 4 {
        return Err(format!("expected pictures, got extents {:?}", x.shape()));
    }
    let shape = x.shape();
    let given = |i: usize| call.maybe(i).filter(|value| value.tensor().numel() > 0);
    let wanted: Vec<usize> = if given(3).is_some() {
        call.wholes(3)?
            .iter()
            .map(|&number| extent(number))
            .collect::<Outcome<_>>()?
    } else {
        let scales = given(2)
            .filter(|value| value.is_known)
            .ok_or("expected extents or scales")?;
        let scales = scales.tensor().to_f64().into_iter();
        scales
            .zip(&shape)
            .map(|(scale, &extent)| (extent as f64 * scale) as usize)
            .collect()
    };
    const MOST: usize = 4096;
    let is_sane = wanted.iter().chain(&shape).all(|extent| (1..=MOST).contains(extent));
    if wanted.len() != 4 || wanted[..2] != shape[..2] || !is_sane {
        return Err(format!(
            "expected extents of pictures {shape:?} to change, got {wanted:?}"
        ));
    }
    room(&wanted)?;
    let order = [0, 2, 3, 1];
    let (from, sides) = (x.float().in_order(&order), [wanted[2], wanted[3]]);
    let centres = call.text("coordinate_transformation_mode", "half_pixel")?;
    let mode = call.text("mode", "nearest")?;
    let nearest = call.text("nearest_mode", "round_prefer_floor")?;
    let is_multiple = (2..4).all(|axis| wanted[axis].is_multiple_of(shape[axis]));
    let result = match (mode.as_str(), centres.as_str(), nearest.as_str()) {
        ("linear", "half_pixel" | "pytorch_half_pixel", _) if sides.iter().all(|&side| side > 1) => {
            from.resize_linear(&sides)
        }
        ("nearest", "asymmetric", "floor") | ("nearest", "half_pixel", "round_prefer_floor") if is_multiple => {
            let [n, h, w, c] = from.shape()[..] else {
                unreachable!("pictures have four axes")
            };
            let (rows, columns) = (sides[0] / h, sides[1] / w);
            let spread = from
                .reshape(&[n, h, 1, w, 1, c])
                .broadcast_to(&[n, h, rows, w, columns, c]);
            spread.reshape(&[n, sides[0], sides[1], c])
        }
        _ => {
            return Err(format!(
                "resizing by `{mode}`, `{centres}`, `{nearest}` is not known here"
            ));
        }
    };
    Ok(Value::ordered(result, order.to_vec()))
}
