//! Bringing values to a mean of 0 and a variance of 1.
use super::Table;
use crate::onnx::call::{Call, axis};
use crate::onnx::value::{Outcome, Value, aligned};
use gany_engine::{PadMode, Tensor};

pub(super) const OPERATORS: Table = &[
    ("BatchNormalization", batch),
    ("LayerNormalization", layer),
    ("InstanceNormalization", |c| groups(c, c.input_of_rank(2)?.extent(1))),
    ("GroupNormalization", |c| {
        let count = c.whole("num_groups", 0)?;
        groups(c, usize::try_from(count).unwrap_or(0))
    }),
    ("LRN", across_channels),
];

/// (x - mean) / sqrt(variance + epsilon) * scale + bias, by statistics that were learnt: one multiplication and one addition.
fn batch(call: &Call) -> Outcome<Value> {
    call.refuse("training_mode", 0)?;
    let x = call.input_of_rank(2)?;
    let channel = |i: usize| per_channel(call, x, i);
    let (scale, bias, mean, variance) = (channel(1)?, channel(2)?, channel(3)?, channel(4)?);
    let is_known = (1..5).all(|i| call.input(i).is_ok_and(|input| input.is_known));
    let computed = |tensor: Tensor| match is_known {
        true => Tensor::from_f32(tensor.shape(), &tensor.to_f32()),
        false => tensor,
    };
    let factor = computed(scale * (variance + call.float("epsilon", 1e-5)?).rsqrt());
    let shift = computed(bias - mean * &factor);
    Ok(x.with(x.tensor() * factor + shift))
}

/// An input with a number for each channel of x, to be broadcast against it.
fn per_channel(call: &Call, x: &Value, i: usize) -> Outcome<Tensor> {
    let (numbers, channels) = (call.input(i)?, x.extent(1));
    if numbers.shape() != [channels] {
        let got = numbers.shape();
        return Err(format!(
            "expected input {i} to have a number for each of {channels} channels, got extents {got:?}"
        ));
    }
    let mut shape = vec![1; x.rank()];
    shape[x.place(1)] = channels;
    Ok(numbers.float().as_written().reshape(&shape))
}

fn standardised(x: &Tensor, axes: &[usize], epsilon: f64) -> Tensor {
    let centred = x - x.mean_axes_kept(axes);
    let variance = centred.square().mean_axes_kept(axes);
    centred * (variance + epsilon).rsqrt()
}

/// Over all axes from the named one on.
fn layer(call: &Call) -> Outcome<Value> {
    if call.output > 0 {
        return Err("its mean and deviation are not known here".into());
    }
    let x = call.input_of_rank(1)?;
    let first = axis(call.whole("axis", -1)?, x.rank())?;
    let places: Vec<usize> = (first..x.rank()).map(|axis| x.place(axis)).collect();
    let result = x.with(standardised(x.tensor(), &places, call.float("epsilon", 1e-5)?));
    let (scale, bias) = (call.input(1)?, call.maybe(2));
    let affine: Vec<&Value> = [&result, scale].into_iter().chain(bias).collect();
    let (tensors, order) = aligned(&affine)?;
    if tensors[0].numel() != result.tensor().numel() || tensors[1..].iter().any(|t| t.numel() > tensors[0].numel()) {
        let got = scale.shape();
        return Err(format!(
            "expected a scale that fits {:?}, got extents {got:?}",
            result.shape()
        ));
    }
    let scaled = &tensors[0] * &tensors[1];
    Ok(Value::ordered(
        tensors.get(2).map_or(scaled.clone(), |bias| &scaled + bias),
        order,
    ))
}

/// Over so many groups of channels, each example by itself; scale and bias are numbers for each channel, or each group.
fn groups(call: &Call, count: usize) -> Outcome<Value> {
    let x = call.input_of_rank(3)?;
    let (shape, channels) = (x.shape(), x.extent(1));
    if count == 0 || !channels.is_multiple_of(count) {
        return Err(format!(
            "expected {channels} channels to fall into groups, got {count} of them"
        ));
    }
    let grouped = x
        .as_written()
        .reshape(&[shape[0], count, x.tensor().numel() / shape[0] / count]);
    let result = Value::plain(standardised(&grouped, &[2], call.float("epsilon", 1e-5)?).reshape(&shape));
    let by_group = |i: usize| -> Outcome<Tensor> {
        let numbers = call.input(i)?;
        if channels == count || numbers.shape() != [count] {
            return per_channel(call, &result, i);
        }
        let each = numbers.float().as_written().reshape(&[count, 1]);
        let each = each.broadcast_to(&[count, channels / count]);
        let mut extents = vec![1; shape.len()];
        extents[1] = channels;
        Ok(each.reshape(&extents))
    };
    Ok(Value::plain(result.tensor() * by_group(1)? + by_group(2)?))
}

/// Local response normalisation: each number is divided by a power of the mean square of its neighbours along the channels.
fn across_channels(call: &Call) -> Outcome<Value> {
    const MOST: i64 = 64;
    let x = call.input_of_rank(3)?;
    let size = call.whole("size", 0)?;
    if !(1..=MOST).contains(&size) {
        return Err(format!("expected a size from 1 to {MOST}, got {size}"));
    }
    let size = size as usize;
    let (place, channels) = (x.place(1), x.extent(1));
    let padded = x.tensor().square().pad(place, (size - 1) / 2, size / 2, PadMode::Zero);
    let taps = (0..size).map(|tap| padded.slice(place, tap, tap + channels));
    let sum = taps.reduce(|a, b| a + b).expect("at least one");
    let (alpha, beta) = (call.float("alpha", 1e-4)?, call.float("beta", 0.75)?);
    let divisor = sum * (alpha / size as f64) + call.float("bias", 1.0)?;
    Ok(x.with(x.tensor() * divisor.powf(-beta)))
}
