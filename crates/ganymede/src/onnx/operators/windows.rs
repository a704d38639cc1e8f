//! What moves a window over pictures: convolutions and pooling.
use super::Table;
use crate::onnx::call::{Call, extent};
use crate::onnx::value::{Outcome, Value, room};
use gany_engine::{ConvOptions, PadMode, Tensor, concat};

pub(super) const OPERATORS: Table = &[("Conv", convolution), ("MaxPool", largest), ("AveragePool", average)];

/// Most pixels by which a window may move or reach over the border.
const MOST: usize = 4096;

/// Most pixels on a side of a window that pools.
const MOST_TAPS: usize = 128;

/// A window along one axis.
#[derive(Clone, Copy, Debug)]
struct Window {
    taps: usize,
    stride: usize,
    dilation: usize,
    /// What is added before and behind.
    pad: [usize; 2],
    /// What is added behind only to let the last window end (`ceil_mode`): it counts as no pixel.
    excess: usize,
    /// How many windows there are.
    count: usize,
}

/// The windows that a node moves over axes of these extents.
fn windows(call: &Call, extents: &[usize], taps: &[usize]) -> Outcome<Vec<Window>> {
    let axes = extents.len();
    let numbers = |name: &str, count: usize, default: usize| -> Outcome<Vec<usize>> {
        let Some(set) = call.wholes_set(name)? else {
            return Ok(vec![default; count]);
        };
        let read = set.iter().map(|&number| extent(number)).collect::<Outcome<Vec<_>>>()?;
        let fits = read.len() == count && read.iter().all(|&number| number <= MOST);
        let expected = || format!("expected {count} numbers of at most {MOST} as `{name}`, got {set:?}");
        if fits { Ok(read) } else { Err(expected()) }
    };
    let (strides, dilations) = (numbers("strides", axes, 1)?, numbers("dilations", axes, 1)?);
    if strides.iter().chain(&dilations).chain(taps).any(|&number| number == 0) {
        return Err("expected strides, dilations and windows of at least 1".into());
    }
    let (mut pads, mode) = (numbers("pads", 2 * axes, 0)?, call.text("auto_pad", "NOTSET")?);
    let mut result = vec![];
    for axis in 0..axes {
        let (size, stride) = (extents[axis], strides[axis]);
        let reach = dilations[axis] * (taps[axis] - 1) + 1;
        match mode.as_str() {
            "NOTSET" | "" => {}
            "VALID" => (pads[axis], pads[axes + axis]) = (0, 0),
            "SAME_UPPER" | "SAME_LOWER" => {
                let all = ((size.div_ceil(stride) - 1) * stride + reach).saturating_sub(size);
                let (less, more) = (all / 2, all.div_ceil(2));
                let is_upper = mode == "SAME_UPPER";
                (pads[axis], pads[axes + axis]) = if is_upper { (less, more) } else { (more, less) };
            }
            other => return Err(format!("`auto_pad` of `{other}` is not known here")),
        }
        let pad = [pads[axis], pads[axes + axis]];
        let room = (size + pad[0] + pad[1])
            .checked_sub(reach)
            .ok_or_else(|| format!("expected at least {reach} pixels for a window, got {size} and padding {pad:?}"))?;
        let mut count = room / stride + 1;
        // A last window that begins behind the picture is none.
        if call.whole("ceil_mode", 0)? != 0 && !room.is_multiple_of(stride) && count * stride < size + pad[0] {
            count += 1;
        }
        result.push(Window {
            taps: taps[axis],
            stride,
            dilation: dilations[axis],
            pad,
            excess: ((count - 1) * stride + reach).saturating_sub(size + pad[0] + pad[1]),
            count,
        });
    }
    Ok(result)
}

/// The order in which a convolution's weight `[c_out, c_in / groups, taps..]` is read.
pub(super) fn kernel_order(rank: usize) -> Vec<usize> {
    (2..rank).chain([1, 0]).collect()
}

/// Channels last.
fn picture_order(rank: usize) -> Vec<usize> {
    std::iter::once(0).chain(2..rank).chain([1]).collect()
}

/// Three numbers for the engine's three spatial axes, of which there may be fewer.
fn three(windows: &[Window], rest: usize, of: impl Fn(&Window) -> usize) -> [usize; 3] {
    let mut all = [rest; 3];
    let first = 3 - windows.len();
    windows
        .iter()
        .enumerate()
        .for_each(|(axis, window)| all[first + axis] = of(window));
    all
}

fn convolution(call: &Call) -> Outcome<Value> {
    let (x, weight) = (call.input_of_rank(3)?, call.input(1)?);
    let (rank, groups) = (x.rank(), extent(call.whole("group", 1)?)?);
    if rank > 5 || weight.rank() != rank {
        let (x, weight) = (x.shape(), weight.shape());
        return Err(format!(
            "expected 1 to 3 axes of pixels, got extents {x:?} and weights {weight:?}"
        ));
    }
    let (c_in, c_out) = (weight.extent(1).checked_mul(groups), weight.extent(0));
    if groups == 0 || c_in != Some(x.extent(1)) || !c_out.is_multiple_of(groups) {
        let (x, weight) = (x.shape(), weight.shape());
        return Err(format!(
            "expected channels that fit, got extents {x:?}, weights {weight:?} and {groups} groups"
        ));
    }
    let (extents, taps) = (&x.shape()[2..], &weight.shape()[2..]);
    let windows = windows(call, extents, taps)?;
    let spatial: Vec<usize> = windows.iter().map(|window| window.count).collect();
    let shape = [&[x.extent(0)], &spatial[..], &[c_out]].concat();
    room(&shape)?;
    room(&padded_shape(x, &windows))?;
    let mut input = x.float().in_order(&picture_order(rank));
    let is_even = windows.iter().all(|window| window.pad[0] == window.pad[1]);
    if !is_even {
        for (axis, window) in windows.iter().enumerate() {
            input = input.pad(axis + 1, window.pad[0], window.pad[1], PadMode::Zero);
        }
    }
    let wide = |shape: &[usize], leading: usize| {
        let ones = vec![1; 5 - rank];
        [&shape[..leading], &ones, &shape[leading..]].concat()
    };
    let kernel = weight.float().in_order(&kernel_order(rank));
    let (input, kernel) = (
        input.reshape(&wide(input.shape(), 1)),
        kernel.reshape(&wide(kernel.shape(), 0)),
    );
    let options = ConvOptions::new()
        .stride(three(&windows, 1, |window| window.stride))
        .dilation(three(&windows, 1, |window| window.dilation))
        .padding(three(&windows, 0, |window| if is_even { window.pad[0] } else { 0 }))
        .groups(groups);
    let mut result = input.conv(&kernel, &options).reshape(&shape);
    if let Some(bias) = call.maybe(2) {
        if bias.shape() != [c_out] {
            return Err(format!(
                "expected a bias for each of {c_out} channels, got extents {:?}",
                bias.shape()
            ));
        }
        result = result + bias.float().as_written();
    }
    Ok(Value::ordered(result, picture_order(rank)))
}

/// The extents of a value with all that windows add.
fn padded_shape(x: &Value, windows: &[Window]) -> Vec<usize> {
    let side = |(axis, window): (usize, &Window)| x.extent(axis + 2) + window.pad[0] + window.pad[1] + window.excess;
    let sides = windows.iter().enumerate().map(side);
    [x.extent(0), x.extent(1)].into_iter().chain(sides).collect()
}

/// The value that is pooled, with its windows.
fn pooled<'a>(call: &'a Call) -> Outcome<(&'a Value, Vec<Window>)> {
    if call.output > 0 {
        return Err("the places of the largest elements are not known here".into());
    }
    let x = call.input_of_rank(3)?;
    let taps = call.wholes_set("kernel_shape")?.ok_or("`kernel_shape` is missing")?;
    let taps = taps.iter().map(|&taps| extent(taps)).collect::<Outcome<Vec<_>>>()?;
    if taps.len() != x.rank() - 2 || taps.iter().any(|&taps| taps > MOST_TAPS) {
        return Err(format!(
            "expected a window of at most {MOST_TAPS} pixels over extents {:?}, got {taps:?}",
            x.shape()
        ));
    }
    let windows = windows(call, &x.shape()[2..], &taps)?;
    room(&padded_shape(x, &windows))?;
    Ok((x, windows))
}

/// Folds what each window along an axis sees; what lies outside is this number.
fn along(x: &Tensor, axis: usize, window: &Window, outside: f64, f: impl Fn(Tensor, Tensor) -> Tensor) -> Tensor {
    let (low, high) = (window.pad[0], window.pad[1] + window.excess);
    let padded = match outside {
        0.0 => x.pad(axis, low, high, PadMode::Zero),
        _ => bordered(x, axis, [low, high], outside),
    };
    let step = window.stride.cast_signed();
    let taps = (0..window.taps).map(|tap| padded.slice_step(axis, tap * window.dilation, window.count, step));
    taps.reduce(f).expect("a window has taps")
}

/// A tensor with a border of one number.
pub(super) fn bordered(x: &Tensor, axis: usize, widths: [usize; 2], number: f64) -> Tensor {
    let border = |width: usize| {
        let mut shape = x.shape().to_vec();
        shape[axis] = width;
        (width > 0).then(|| Tensor::full(x.dtype(), &shape, number))
    };
    let parts = [border(widths[0]), Some(x.clone()), border(widths[1])];
    concat(&parts.into_iter().flatten().collect::<Vec<_>>(), axis)
}

fn largest(call: &Call) -> Outcome<Value> {
    let (x, windows) = pooled(call)?;
    let lowest = f64::from(f32::MIN);
    // Of equal pixels the first in the order of reading has the gradient, as in PyTorch: so along rows before along columns.
    let axes = windows.iter().enumerate().rev();
    let result = axes.fold(x.tensor().clone(), |result, (axis, window)| {
        along(&result, x.place(axis + 2), window, lowest, |a, b| a.maximum(&b))
    });
    Ok(x.with(result))
}

/// Means of the pixels that each window sees, and of the padding too where it counts (`count_include_pad`).
fn average(call: &Call) -> Outcome<Value> {
    let (x, windows) = pooled(call)?;
    let counts_padding = call.whole("count_include_pad", 0)? != 0;
    let mut result = x.tensor().clone();
    for (axis, window) in windows.iter().enumerate() {
        let (place, extent) = (x.place(axis + 2), x.extent(axis + 2));
        let counted = match counts_padding {
            true => 0..window.pad[0] + extent + window.pad[1],
            false => window.pad[0]..window.pad[0] + extent,
        };
        let share = |i: usize| {
            let seen = (0..window.taps).filter(|tap| counted.contains(&(i * window.stride + tap * window.dilation)));
            1.0 / seen.count().max(1) as f32
        };
        let mut shape = vec![1; x.rank()];
        shape[place] = window.count;
        let shares = Tensor::from_f32(&shape, &(0..window.count).map(share).collect::<Vec<_>>());
        result = along(&result, place, window, 0.0, |a, b| a + b) * shares;
    }
    Ok(x.with(result))
}
