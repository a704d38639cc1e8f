//! Convolutions of images with few channels: a row of taps is one short run of elements, and the next window's run begins
//! a few elements further. So windows are multiplied where they lie, in a copy of their rows that has the zeros of the
//! border: packing such short runs would cost about as much as multiplying them.
use super::{
    arithmetic::{Arithmetic, Multiplier},
    conv::Conv,
    isa::Isa,
    micro::{Kernel, MAX_LANES, Vector, instance},
    pieces,
    product::{self, Epilogue},
    real::Real,
    scratch::{self, Shared},
    windows::count,
};
use crate::pool;
use std::ops::Range;

/// The most channels of an image.
const MAX_CHANNELS: usize = 4;
/// Windows that one task computes at least.
const POSITIONS: usize = 256;
/// Elements of y's gradient that the weight gradient multiplies while they are in the first cache.
const BAND: usize = 8192;
/// The most pieces that the weight gradient is cut into.
const MAX_PIECES: usize = 16;
/// Rows that a tile has at most.
const ROWS: usize = 8;

/// Whether a convolution is of images with few channels, whose windows are rows of dense taps.
pub(super) fn serves<T: Real>(conv: &Conv, arithmetic: Arithmetic) -> bool {
    let rounds = || {
        Multiplier::<T>::of(arithmetic, count(conv.kernel) * conv.c_in)
            .rounding
            .is_some()
    };
    is_image(conv) && !rounds()
}

/// Whether the weight's gradient is served too: the gradient of y is multiplied where it lies, so whole vectors must.
pub(super) fn serves_weight<T: Real>(conv: &Conv, arithmetic: Arithmetic) -> bool {
    conv.c_out.is_multiple_of(MAX_LANES) && serves::<T>(conv, arithmetic)
}

fn is_image(conv: &Conv) -> bool {
    let flat = conv.input[0] == 1 && conv.output[0] == 1 && conv.kernel[0] == 1 && conv.padding[0] == 0;
    let dense = conv.dilation[2] == 1 || conv.kernel[2] == 1;
    flat && dense && conv.groups == 1 && (1..=MAX_CHANNELS).contains(&conv.c_in) && conv.c_out >= ROWS
}

/// Elements of scratch that [`forward`] needs.
pub(super) fn scratch_len(conv: &Conv) -> usize {
    if is_image(conv) {
        count(conv.kernel) * conv.c_in * conv.c_out.next_multiple_of(MAX_LANES)
    } else {
        0
    }
}

/// Elements of scratch that [`weight_gradient`] needs.
pub(super) fn weight_scratch_len(conv: &Conv) -> usize {
    if is_image(conv) {
        Bands::of_gradient(conv).items().min(MAX_PIECES) * weight_len(conv)
    } else {
        0
    }
}

fn weight_len(conv: &Conv) -> usize {
    count(conv.kernel) * conv.c_in * conv.c_out
}

/// Rows of windows that are computed together, and the rows of the image that they see.
struct Bands<'a> {
    conv: &'a Conv,
    /// Rows of windows in a band, and bands in a sample.
    rows: usize,
    bands: usize,
    /// Elements of a row of the image from the first tap of the first window to the last of the last.
    pitch: usize,
}

impl<'a> Bands<'a> {
    fn new(conv: &'a Conv, rows: usize) -> Self {
        let [_, high, wide] = conv.output;
        let rows = rows.min(high).max(1);
        Self {
            conv,
            rows,
            bands: if wide == 0 { 0 } else { high.div_ceil(rows) },
            pitch: (wide.saturating_sub(1) * conv.stride[2] + conv.kernel[2]) * conv.c_in,
        }
    }

    fn of_results(conv: &'a Conv) -> Self {
        Self::new(conv, POSITIONS.div_ceil(conv.output[2].max(1)))
    }

    fn of_gradient(conv: &'a Conv) -> Self {
        Self::new(conv, BAND / (conv.output[2] * conv.c_out).max(1))
    }

    fn items(&self) -> usize {
        self.conv.batch * self.bands
    }

    /// The sample of a band and its rows of windows.
    fn rows_of(&self, item: usize) -> (usize, Range<usize>) {
        let first = item % self.bands * self.rows;
        (item / self.bands, first..self.conv.output[1].min(first + self.rows))
    }

    /// Elements of the copy, and those behind it that the last tile reads for rows that it does not have.
    fn copy_len(&self) -> usize {
        let lines =
            (self.rows - 1) * self.conv.stride[1] + self.conv.kernel[1].saturating_sub(1) * self.conv.dilation[1] + 1;
        lines * self.pitch + ROWS * self.conv.stride[2] * self.conv.c_in
    }

    /// Copies the rows of the image that rows of windows see.
    ///
    /// # Safety
    /// x is readable, `out` is writable for the length of a copy.
    unsafe fn copy<T: Real>(&self, x: *const T, sample: usize, rows: &Range<usize>, out: *mut T) {
        let conv = self.conv;
        let [_, height, width] = conv.input;
        let lines = (rows.len() - 1) * conv.stride[1] + conv.kernel[1].saturating_sub(1) * conv.dilation[1] + 1;
        let before = (conv.padding[2] * conv.c_in).min(self.pitch);
        let inside = (width * conv.c_in).min(self.pitch - before);
        for line in 0..lines {
            let row = (rows.start * conv.stride[1] + line).wrapping_sub(conv.padding[1]);
            // SAFETY: lines are disjoint parts of the copy; rows and columns inside the image are read.
            unsafe {
                let out = std::slice::from_raw_parts_mut(out.add(line * self.pitch), self.pitch);
                if row < height {
                    let from = x.add((sample * height + row) * width * conv.c_in);
                    out[..before].fill(T::ZERO);
                    out[before..before + inside].copy_from_slice(std::slice::from_raw_parts(from, inside));
                    out[before + inside..].fill(T::ZERO);
                } else {
                    out.fill(T::ZERO);
                }
            }
        }
    }
}

/// A tile of a product whose depth is cut into runs: `C[rows, columns] (+)= A[rows, runs, depth] B[runs, depth, columns]`.
struct Strip<T> {
    runs: usize,
    depth: usize,
    a: *const T,
    /// Elements from one row of A to the next, from one step of the depth to the next, from one run to the next; the first
    /// or the second is 1.
    a_steps: [usize; 3],
    /// Rows of whole vectors.
    b: *const T,
    /// The same for steps of the depth and runs of B.
    b_steps: [usize; 2],
    c: *mut T,
    c_row: usize,
    rows: usize,
    columns: usize,
    /// Add to C rather than overwrite it.
    accumulate: bool,
}

/// Picks the smallest tile that covers what is asked for.
macro_rules! choose {
    ($strip:ident, $t:ty, $v:ty, [$($rows:literal),*]) => {
        $(if $strip.rows <= $rows {
            // SAFETY: the caller's contract is the same; rows, columns and the step were compared.
            return unsafe {
                match ($strip.columns <= <$v as Vector<$t>>::LANES, $strip.a_steps[0] == 1) {
                    (true, true) => multiply::<$t, $v, $rows, 1, true>($strip),
                    (true, false) => multiply::<$t, $v, $rows, 1, false>($strip),
                    (false, true) => multiply::<$t, $v, $rows, 2, true>($strip),
                    (false, false) => multiply::<$t, $v, $rows, 2, false>($strip),
                }
            };
        })*
    };
}

unsafe fn portable<T: Real>(strip: &Strip<T>) {
    choose!(strip, T, [T; 4], [1, 2, 4]);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2<T: Real, V: Vector<T>>(strip: &Strip<T>) {
    choose!(strip, T, V, [1, 2, 4]);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,fma")]
unsafe fn avx512<T: Real, V: Vector<T>>(strip: &Strip<T>) {
    choose!(strip, T, V, [1, 2, 4, 8]);
}

/// Computes a tile of `R` rows and `N` vectors; `NEXT` says that the rows of A lie one element apart.
///
/// # Safety
/// The machine has the instruction set; A (for R rows), B and the named part of C are valid, and nobody else touches that.
#[inline(always)]
unsafe fn multiply<T: Real, V: Vector<T>, const R: usize, const N: usize, const NEXT: bool>(strip: &Strip<T>) {
    // SAFETY: the caller vouches for the pointers and the instruction set.
    unsafe {
        let mut sums = [[V::zero(); N]; R];
        let [row, step, run] = strip.a_steps;
        for number in 0..strip.runs {
            let (mut a, mut b) = (strip.a.add(number * run), strip.b.add(number * strip.b_steps[1]));
            for _ in 0..strip.depth {
                let mut columns = [V::zero(); N];
                for (j, vector) in columns.iter_mut().enumerate() {
                    *vector = V::load(b.add(j * V::LANES));
                }
                for (i, sums) in sums.iter_mut().enumerate() {
                    let factor = V::splat(a.add(if NEXT { i } else { i * row }));
                    for (sum, &column) in sums.iter_mut().zip(&columns) {
                        *sum = factor.mul_add(column, *sum);
                    }
                }
                a = a.add(if NEXT { step } else { 1 });
                b = b.add(strip.b_steps[0]);
            }
        }
        let last = strip.columns - (N - 1) * V::LANES;
        for (i, sums) in sums.iter().enumerate() {
            if i < strip.rows {
                for (j, &sum) in sums.iter().enumerate() {
                    let c = strip.c.add(i * strip.c_row + j * V::LANES);
                    if j + 1 < N || last == V::LANES {
                        if strip.accumulate { sum.add(V::load(c)) } else { sum }.store(c);
                    } else {
                        let old = if strip.accumulate {
                            V::load_first(c, last)
                        } else {
                            V::zero()
                        };
                        sum.add(old).store_first(c, last);
                    }
                }
            }
        }
    }
}

/// Computes y.
///
/// # Safety
/// As for [`Conv::forward`]; [`serves`] holds.
pub(super) unsafe fn forward<T: Real>(
    isa: Isa,
    conv: &Conv,
    x: *const T,
    w: *const T,
    y: *mut T,
    scratch: *mut T,
    epilogue: Option<Epilogue>,
) {
    let (kernel, multiply) = (Kernel::<T>::of(isa), instance!(isa, T, Strip, portable, avx2, avx512));
    let bands = Bands::of_results(conv);
    let [_, high, wide] = conv.output;
    let (run, n) = (conv.kernel[2] * conv.c_in, conv.c_out);
    let depth = conv.kernel[1] * run;
    let (x, w, y, packed) = (Shared::read(x), Shared::read(w), Shared::new(y), Shared::new(scratch));
    let panel = |column: usize| {
        let columns = kernel.columns().min(n - column);
        (columns, columns.next_multiple_of(kernel.lanes))
    };
    pool::for_each(n.div_ceil(kernel.columns()), |number| {
        let column = number * kernel.columns();
        let (columns, width) = panel(column);
        // SAFETY: panels are disjoint parts of the scratch; w is `[depth, n]`.
        unsafe {
            let (from, out) = (w.get().add(column), packed.get().add(column * depth));
            product::pack_columns(&kernel, from, [n, 1], depth, columns, width, out);
        }
    });
    pool::for_each(bands.items(), |item| {
        let (sample, rows) = bands.rows_of(item);
        // SAFETY: the task alone writes its rows of y; weights were packed by the pass before.
        scratch::with(bands.copy_len(), |image: *mut T| unsafe {
            bands.copy(x.get(), sample, &rows, image);
            for column in (0..n).step_by(kernel.columns()) {
                let (columns, width) = panel(column);
                for row in rows.clone() {
                    let y = y.get().add((sample * high + row) * wide * n + column);
                    let image = image.add((row - rows.start) * conv.stride[1] * bands.pitch);
                    for position in (0..wide).step_by(kernel.rows) {
                        multiply(&Strip {
                            runs: conv.kernel[1],
                            depth: run,
                            a: image.add(position * conv.stride[2] * conv.c_in),
                            a_steps: [conv.stride[2] * conv.c_in, 1, conv.dilation[1] * bands.pitch],
                            b: packed.get().add(column * depth),
                            b_steps: [width, run * width],
                            c: y.add(position * n),
                            c_row: n,
                            rows: kernel.rows.min(wide - position),
                            columns,
                            accumulate: false,
                        });
                    }
                }
            }
        });
        if let Some(epilogue) = epilogue {
            let row_len = wide * n;
            epilogue((sample * high + rows.start) * row_len..(sample * high + rows.end) * row_len);
        }
    });
}

/// Computes the gradient with respect to w.
///
/// # Safety
/// As for [`Conv::weight_gradient`]; [`serves_weight`] holds.
pub(super) unsafe fn weight_gradient<T: Real>(
    isa: Isa,
    conv: &Conv,
    x: *const T,
    dy: *const T,
    dw: *mut T,
    scratch: *mut T,
) {
    let (kernel, multiply) = (Kernel::<T>::of(isa), instance!(isa, T, Strip, portable, avx2, avx512));
    let bands = Bands::of_gradient(conv);
    let [_, high, wide] = conv.output;
    let (run, n) = (conv.kernel[2] * conv.c_in, conv.c_out);
    let (len, pieces) = (weight_len(conv), bands.items().min(MAX_PIECES));
    let (x, dy, partial) = (Shared::read(x), Shared::read(dy), Shared::new(scratch));
    pool::for_each(pieces, |piece| {
        // SAFETY: each piece sums into its own part of the scratch.
        scratch::with(bands.copy_len(), |image: *mut T| unsafe {
            let sums = partial.get().add(piece * len);
            std::slice::from_raw_parts_mut(sums, len).fill(T::ZERO);
            for item in piece * bands.items() / pieces..(piece + 1) * bands.items() / pieces {
                let (sample, rows) = bands.rows_of(item);
                bands.copy(x.get(), sample, &rows, image);
                let dy = dy.get().add((sample * high + rows.start) * wide * n);
                for (tap, first) in
                    (0..conv.kernel[1]).flat_map(|tap| (0..run).step_by(kernel.rows).map(move |r| (tap, r)))
                {
                    for column in (0..n).step_by(kernel.columns()) {
                        multiply(&Strip {
                            runs: rows.len(),
                            depth: wide,
                            a: image.add(tap * conv.dilation[1] * bands.pitch + first),
                            a_steps: [1, conv.stride[2] * conv.c_in, conv.stride[1] * bands.pitch],
                            b: dy.add(column),
                            b_steps: [n, wide * n],
                            c: sums.add((tap * run + first) * n + column),
                            c_row: n,
                            rows: kernel.rows.min(run - first),
                            columns: kernel.columns().min(n - column),
                            accumulate: true,
                        });
                    }
                }
            }
        });
    });
    // SAFETY: all pieces are finished; dw has `len` elements.
    unsafe { pieces::fold(partial.get(), pieces, len, dw) };
}
