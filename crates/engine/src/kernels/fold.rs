//! The input gradient of a convolution whose input has few channels (an image): one matrix product gives what every
//! pixel of dy adds through every tap, and the windows are folded back onto each other while they are in cache.
//!
//! A product with three columns would leave most lanes of a vector idle; this one has a column per tap and channel.
use super::{
    conv::Conv,
    micro::{Kernel, MAX_LANES, MAX_ROWS, THIN, Tile},
    product,
    real::Real,
    scratch::{self, Shared},
};
use crate::pool;

/// Pixels of dy that are multiplied at once.
const PIXELS: usize = 64;
/// The deepest block of the product, in bytes of one row.
const DEPTH_BYTES: usize = 2048;
/// Elements of a band of dx that are gathered before they are written.
const BAND: usize = 65_536;

/// Whether folding serves a convolution better than gathering.
pub(super) fn serves(conv: &Conv) -> bool {
    let flat = conv.input[0] == 1 && conv.output[0] == 1 && conv.kernel[0] == 1 && conv.padding[0] == 0;
    let dense = conv.dilation[2] == 1 || conv.kernel[2] == 1;
    flat && dense && conv.groups == 1 && (1..=THIN).contains(&conv.c_in) && conv.c_out >= 8
}

fn columns(conv: &Conv) -> usize {
    conv.kernel[1] * conv.kernel[2] * conv.c_in
}

/// Elements of scratch that [`input_gradient`] needs.
pub(super) fn scratch_len(conv: &Conv) -> usize {
    columns(conv).next_multiple_of(MAX_LANES) * conv.c_out
}

/// Computes dx from dy and w.
///
/// # Safety
/// As for [`Conv::input_gradient`]; [`serves`] holds.
pub(super) unsafe fn input_gradient<T: Real>(
    kernel: &Kernel<T>,
    conv: &Conv,
    dy: *const T,
    w: *const T,
    dx: *mut T,
    scratch: *mut T,
) {
    let [_, height, width] = conv.input;
    let [_, out_height, out_width] = conv.output;
    let [_, taps_high, taps_wide] = conv.kernel;
    let (n, k) = (columns(conv), conv.c_out);
    let padded = n.next_multiple_of(MAX_LANES);
    let deepest = DEPTH_BYTES / size_of::<T>();
    let depth_blocks = k.div_ceil(deepest);
    let (dy, w, dx, packed) = (Shared::read(dy), Shared::read(w), Shared::new(dx), Shared::new(scratch));
    let panels = n.div_ceil(kernel.columns());
    let width_of = |column: usize| (n - column).min(kernel.columns()).next_multiple_of(kernel.lanes);
    pool::for_each(depth_blocks * panels, |task| {
        let (start, column) = (task / panels * deepest, task % panels * kernel.columns());
        let (depth, count) = (deepest.min(k - start), kernel.columns().min(n - column));
        // SAFETY: panels are disjoint and inside the scratch; w is `[n, k]`.
        unsafe {
            let out = packed.get().add(start * padded + column * depth);
            let from = w.get().add(column * k + start);
            product::pack_columns(kernel, from, [1, k], depth, count, width_of(column), out);
        }
    });

    // A row of windows side by side, from the first tap of the first to the last tap of the last.
    let row_len = ((out_width.max(1) - 1) * conv.stride[2] + taps_wide) * conv.c_in;
    let window = (taps_high.max(1) - 1) * conv.dilation[1] + 1;
    let wanted = 16_usize.div_ceil(conv.batch.max(1)).min(height / (4 * window)).max(1);
    let bands = wanted.max((height * row_len).div_ceil(BAND)).min(height.max(1));
    let band = height.div_ceil(bands);
    let run = taps_wide * conv.c_in;
    let sums_len = (band * row_len).next_multiple_of(MAX_LANES);
    let a_len = PIXELS * deepest.min(k);
    pool::for_each(conv.batch * bands, |task| {
        let (sample, first_row) = (task / bands, task % bands * band);
        let rows = first_row.min(height)..(first_row + band).min(height);
        // SAFETY: the task alone writes its band of dx; w was packed by the pass before.
        scratch::with(sums_len + a_len + PIXELS * padded, |memory: *mut T| unsafe {
            let (a, terms) = (memory.add(sums_len), memory.add(sums_len + a_len));
            let sums = std::slice::from_raw_parts_mut(memory, rows.len() * row_len);
            sums.fill(T::ZERO);
            for out_row in 0..out_height {
                // The row of the band that a tap of this row of windows falls on.
                let target = |tap: usize| {
                    let row = (out_row * conv.stride[1] + tap * conv.dilation[1]).wrapping_sub(conv.padding[1]);
                    rows.contains(&row).then(|| row - rows.start)
                };
                if (0..taps_high).all(|tap| target(tap).is_none()) {
                    continue;
                }
                for first in (0..out_width).step_by(PIXELS) {
                    let pixels = PIXELS.min(out_width - first);
                    let dy = dy
                        .get()
                        .add(((sample * out_height + out_row) * out_width + first) * k)
                        .cast_const();
                    multiply(kernel, dy, pixels, k, n, packed.get(), a, terms);
                    for tap in 0..taps_high {
                        let Some(row) = target(tap) else { continue };
                        let terms = terms.add(tap * run);
                        let sums = &mut sums[row * row_len + first * conv.stride[2] * conv.c_in..];
                        for pixel in 0..pixels {
                            let at = pixel * conv.stride[2] * conv.c_in;
                            let terms = std::slice::from_raw_parts(terms.add(pixel * padded), run);
                            for (sum, &term) in sums[at..at + run].iter_mut().zip(terms) {
                                *sum += term;
                            }
                        }
                    }
                }
            }
            let skipped = conv.padding[2] * conv.c_in;
            let live = row_len.saturating_sub(skipped).min(width * conv.c_in);
            for (row, sums) in rows.clone().zip(sums.chunks_exact(row_len.max(1))) {
                let out = dx.get().add((sample * height + row) * width * conv.c_in);
                let out = std::slice::from_raw_parts_mut(out, width * conv.c_in);
                out[live..].fill(T::ZERO);
                if live > 0 {
                    out[..live].copy_from_slice(&sums[skipped..skipped + live]);
                }
            }
        });
    });
}

/// `terms[pixels, n] = dy[pixels, k] B[k, n]` for a packed B.
///
/// # Safety
/// dy is readable, `a` is writable for [`PIXELS`] rows of a block's depth, `terms` for as many padded rows.
#[allow(
    clippy::too_many_arguments,
    reason = "one call site; a struct would only rename them"
)]
unsafe fn multiply<T: Real>(
    kernel: &Kernel<T>,
    dy: *const T,
    pixels: usize,
    k: usize,
    n: usize,
    packed: *const T,
    a: *mut T,
    terms: *mut T,
) {
    let padded = n.next_multiple_of(MAX_LANES);
    let offsets: [usize; PIXELS] = std::array::from_fn(|i| i * padded);
    let deepest = DEPTH_BYTES / size_of::<T>();
    for start in (0..k).step_by(deepest) {
        let depth = deepest.min(k - start);
        // SAFETY: the caller vouches for all pointers; rows past the end repeat the last one.
        unsafe {
            for first in (0..pixels).step_by(kernel.rows) {
                let mut sources = [dy; MAX_ROWS];
                for (r, source) in sources.iter_mut().enumerate() {
                    *source = dy.add((first + r).min(pixels - 1) * k + start);
                }
                (kernel.transpose)(&sources, depth, a.add(first * depth), kernel.rows);
            }
            for column in (0..n).step_by(kernel.columns()) {
                let columns = kernel.columns().min(n - column);
                for first in (0..pixels).step_by(kernel.rows) {
                    (kernel.tile)(&Tile {
                        depth,
                        a: a.add(first * depth),
                        a_row: 1,
                        a_step: kernel.rows,
                        b: packed.add(start * padded + column * depth),
                        b_stride: columns.next_multiple_of(kernel.lanes),
                        c: terms.add(column),
                        offsets: offsets.as_ptr().add(first),
                        rows: kernel.rows.min(pixels - first),
                        columns,
                        accumulate: start > 0,
                    });
                }
            }
        }
    }
}
