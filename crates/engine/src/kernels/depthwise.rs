//! Convolutions in which every channel is a group of its own: no product of matrices is in them, only pixels times taps,
//! channel by channel. Sums stay in registers until they are final: those of some neighbouring results, or for the
//! weight those of some taps.
//!
//! They are not rounded in any precision: memory is what they cost.
use super::{
    conv::Conv,
    isa::Isa,
    micro::{Vector, instance},
    phases::Phase,
    pieces,
    product::Epilogue,
    real::Real,
    scratch::Shared,
    windows::{Windows, count},
};
use crate::pool;
use std::ops::Range;

/// Positions that one task computes at least.
const POSITIONS: usize = 64;
/// The most taps whose gradients are summed at once.
const MAX_TAPS: usize = 12;
/// The most pieces that the weight gradient is cut into.
const MAX_PIECES: usize = 32;

/// Whether every channel is a group of its own.
pub(super) fn serves(conv: &Conv) -> bool {
    conv.groups > 1 && conv.groups == conv.c_in && conv.groups == conv.c_out
}

/// Elements of scratch that [`weight_gradient`] needs.
pub(super) fn weight_scratch_len(conv: &Conv) -> usize {
    pieces_of(&conv.windows()) * count(conv.kernel) * conv.c_out
}

fn pieces_of(windows: &Windows) -> usize {
    windows.rows().div_ceil(POSITIONS).clamp(1, MAX_PIECES)
}

/// Neighbouring positions of a row whose windows see the same taps of a row.
#[derive(Debug, PartialEq)]
struct Stretch {
    positions: Range<usize>,
    taps: Range<usize>,
}

/// Cuts a row of positions where what they see changes.
fn stretches(windows: &Windows) -> Vec<Stretch> {
    let mut stretches: Vec<Stretch> = Vec::new();
    for position in 0..windows.positions[2] {
        let taps = windows.taps_inside(2, position);
        match stretches.last_mut() {
            Some(last) if last.taps == taps => last.positions.end += 1,
            _ => stretches.push(Stretch {
                positions: position..position + 1,
                taps,
            }),
        }
    }
    stretches
}

/// A stretch of a row, with what each tap multiplies.
struct Job<'a, T> {
    /// For each tap that is inside: where the first position's pixel is, and where the tap's weights or their sums are.
    taps: &'a [(*const T, *mut T)],
    /// Elements from one position's pixel to the next one's.
    step: usize,
    /// The first position's result, or the gradient with respect to it.
    result: *mut T,
    result_step: usize,
    positions: usize,
    channels: usize,
}

unsafe fn filter_portable<T: Real>(job: &Job<T>) {
    // SAFETY: the caller's contract is the same.
    unsafe { filter::<T, [T; 4]>(job) }
}

unsafe fn gather_portable<T: Real>(job: &Job<T>) {
    // SAFETY: the caller's contract is the same.
    unsafe { gather::<T, [T; 4]>(job) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn filter_avx2<T: Real, V: Vector<T>>(job: &Job<T>) {
    // SAFETY: the caller's contract is the same.
    unsafe { filter::<T, V>(job) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,fma")]
unsafe fn filter_avx512<T: Real, V: Vector<T>>(job: &Job<T>) {
    // SAFETY: the caller's contract is the same.
    unsafe { filter::<T, V>(job) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn gather_avx2<T: Real, V: Vector<T>>(job: &Job<T>) {
    // SAFETY: the caller's contract is the same.
    unsafe { gather::<T, V>(job) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,fma")]
unsafe fn gather_avx512<T: Real, V: Vector<T>>(job: &Job<T>) {
    // SAFETY: the caller's contract is the same.
    unsafe { gather::<T, V>(job) }
}

/// Loads a whole vector, or the first `count` lanes.
///
/// # Safety
/// As for [`Vector::load`] or [`Vector::load_first`].
#[inline(always)]
unsafe fn load<T: Real, V: Vector<T>>(from: *const T, count: usize) -> V {
    // SAFETY: the caller's word.
    unsafe {
        if count == V::LANES {
            V::load(from)
        } else {
            V::load_first(from, count)
        }
    }
}

/// Stores a whole vector, or the first `count` lanes.
///
/// # Safety
/// As for [`Vector::store`] or [`Vector::store_first`].
#[inline(always)]
unsafe fn store<T: Real, V: Vector<T>>(vector: V, to: *mut T, count: usize) {
    // SAFETY: the caller's word.
    unsafe {
        if count == V::LANES {
            vector.store(to);
        } else {
            vector.store_first(to, count);
        }
    }
}

/// Computes the results of a stretch from pixels and weights.
///
/// # Safety
/// The machine has the instruction set; all channels of every pixel, tap and result are valid, and nobody else touches
/// what is written.
#[inline(always)]
unsafe fn filter<T: Real, V: Vector<T>>(job: &Job<T>) {
    let mut first = 0;
    // SAFETY: the caller's contract is the same; the positions stay below their number.
    unsafe {
        while first < job.positions {
            first += match job.positions - first {
                8.. => results::<T, V, 8>(job, first),
                4.. => results::<T, V, 4>(job, first),
                2.. => results::<T, V, 2>(job, first),
                _ => results::<T, V, 1>(job, first),
            };
        }
    }
}

/// Computes `P` neighbouring results from the first on.
///
/// # Safety
/// As for [`filter`].
#[inline(always)]
unsafe fn results<T: Real, V: Vector<T>, const P: usize>(job: &Job<T>, first: usize) -> usize {
    let whole = job.channels / V::LANES * V::LANES;
    // SAFETY: the caller's contract is the same.
    unsafe {
        for channel in (0..whole).step_by(V::LANES) {
            results_at::<T, V, P>(job, first, channel, V::LANES);
        }
        if whole < job.channels {
            results_at::<T, V, P>(job, first, whole, job.channels - whole);
        }
    }
    P
}

/// The same for the channels of one vector.
///
/// # Safety
/// As for [`filter`].
#[inline(always)]
unsafe fn results_at<T: Real, V: Vector<T>, const P: usize>(job: &Job<T>, first: usize, channel: usize, lanes: usize) {
    // SAFETY: the caller vouches for the job and the instruction set.
    unsafe {
        let mut sums = [V::zero(); P];
        for &(pixel, weights) in job.taps {
            let weights = load::<T, V>(weights.add(channel), lanes);
            let pixel = pixel.add(first * job.step + channel);
            for (i, sum) in sums.iter_mut().enumerate() {
                *sum = load::<T, V>(pixel.add(i * job.step), lanes).mul_add(weights, *sum);
            }
        }
        let result = job.result.add(first * job.result_step + channel);
        for (i, &sum) in sums.iter().enumerate() {
            store(sum, result.add(i * job.result_step), lanes);
        }
    }
}

/// Adds pixels times the gradients of results to the sums of weights.
///
/// # Safety
/// As for [`filter`].
#[inline(always)]
unsafe fn gather<T: Real, V: Vector<T>>(job: &Job<T>) {
    // Groups of taps are of about one size: a short one would wait for its sums.
    let size = job.taps.len().div_ceil(job.taps.len().div_ceil(MAX_TAPS).max(1)).max(1);
    for taps in job.taps.chunks(size) {
        macro_rules! choose {
            ($($n:literal),*) => {
                match taps.len() {
                    // SAFETY: the caller's contract is the same; the number of taps was compared.
                    $($n => unsafe { weights::<T, V, $n>(job, taps) },)*
                    _ => unreachable!("groups have at most {MAX_TAPS} taps"),
                }
            };
        }
        choose!(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12);
    }
}

/// Adds to the sums of `N` taps.
///
/// # Safety
/// As for [`filter`], with N taps.
#[inline(always)]
unsafe fn weights<T: Real, V: Vector<T>, const N: usize>(job: &Job<T>, taps: &[(*const T, *mut T)]) {
    let whole = job.channels / V::LANES * V::LANES;
    // SAFETY: the caller's contract is the same.
    unsafe {
        for channel in (0..whole).step_by(V::LANES) {
            weights_at::<T, V, N>(job, taps, channel, V::LANES);
        }
        if whole < job.channels {
            weights_at::<T, V, N>(job, taps, whole, job.channels - whole);
        }
    }
}

/// The same for the channels of one vector.
///
/// # Safety
/// As for [`filter`], with N taps.
#[inline(always)]
unsafe fn weights_at<T: Real, V: Vector<T>, const N: usize>(
    job: &Job<T>,
    taps: &[(*const T, *mut T)],
    channel: usize,
    lanes: usize,
) {
    // SAFETY: the caller vouches for the job and the instruction set.
    unsafe {
        let mut sums = [V::zero(); N];
        let mut pixels = [std::ptr::null(); N];
        for i in 0..N {
            sums[i] = load::<T, V>(taps[i].1.add(channel), lanes);
            pixels[i] = taps[i].0.add(channel);
        }
        let mut gradient = job.result.cast_const().wrapping_add(channel);
        for position in 0..job.positions {
            let factor = load::<T, V>(gradient, lanes);
            for i in 0..N {
                sums[i] = load::<T, V>(pixels[i].add(position * job.step), lanes).mul_add(factor, sums[i]);
            }
            gradient = gradient.wrapping_add(job.result_step);
        }
        for i in 0..N {
            store(sums[i], taps[i].1.add(channel), lanes);
        }
    }
}

/// Computes results of a part; `epilogue` is called as [`Conv::forward`] says.
///
/// # Safety
/// `images`, `w` and `out` are valid for the part's shapes, nobody else touches what it writes, the machine has the
/// instruction set.
pub(super) unsafe fn results_of<T: Real>(
    isa: Isa,
    phase: &Phase,
    images: *const T,
    w: *const T,
    out: *mut T,
    epilogue: Option<Epilogue>,
) {
    let windows = &phase.windows;
    let filter = instance!(isa, T, Job, filter_portable, filter_avx2, filter_avx512);
    let stretches = stretches(windows);
    let (channels, width) = (windows.pixel, windows.positions[2]);
    if width == 0 {
        return;
    }
    let rows = windows.rows() / width;
    let rows_each = POSITIONS.div_ceil(width);
    let (images, w, out) = (Shared::read(images), Shared::new(w.cast_mut()), Shared::new(out));
    pool::for_each(rows.div_ceil(rows_each), |task| {
        let task_rows = task * rows_each..((task + 1) * rows_each).min(rows);
        let mut taps = Vec::new();
        for row in task_rows.clone() {
            let (sample, q) = row_of(windows, row);
            for stretch in &stretches {
                // SAFETY: only taps inside the images are visited; the task alone writes its rows.
                unsafe {
                    taps.clear();
                    each_tap(windows, sample, q, stretch, |t, pixel| {
                        taps.push((
                            images.get().add(pixel).cast_const(),
                            w.get().add(phase.tap(t) * channels),
                        ));
                    });
                    let pixel = phase.pixel(sample, [q[0], q[1], stretch.positions.start]);
                    filter(&Job {
                        taps: &taps,
                        step: windows.steps[2] as usize * channels,
                        result: out.get().add(pixel * channels),
                        result_step: phase.steps[2] * channels,
                        positions: stretch.positions.len(),
                        channels,
                    });
                }
            }
        }
        if let Some(epilogue) = epilogue {
            epilogue(task_rows.start * width * channels..task_rows.end * width * channels);
        }
    });
}

/// Computes the gradient with respect to w.
///
/// # Safety
/// As for [`Conv::weight_gradient`]; [`serves`] holds.
pub(super) unsafe fn weight_gradient<T: Real>(
    isa: Isa,
    conv: &Conv,
    x: *const T,
    dy: *const T,
    dw: *mut T,
    scratch: *mut T,
) {
    let phase = Phase::forward(conv);
    let gather = instance!(isa, T, Job, gather_portable, gather_avx2, gather_avx512);
    let windows = &phase.windows;
    let stretches = stretches(windows);
    let (pieces, len, channels) = (pieces_of(windows), count(conv.kernel) * conv.c_out, conv.c_out);
    let rows = windows.rows() / windows.positions[2].max(1);
    let piece = rows.div_ceil(pieces);
    let (x, dy, partial) = (Shared::read(x), Shared::new(dy.cast_mut()), Shared::new(scratch));
    pool::for_each(pieces, |task| {
        // SAFETY: each task sums into its own part of the scratch; only taps inside x are visited.
        unsafe {
            let sums = partial.get().add(task * len);
            std::slice::from_raw_parts_mut(sums, len).fill(T::ZERO);
            let mut taps = Vec::new();
            for row in (task * piece).min(rows)..((task + 1) * piece).min(rows) {
                let (sample, q) = row_of(windows, row);
                for stretch in &stretches {
                    taps.clear();
                    each_tap(windows, sample, q, stretch, |t, pixel| {
                        taps.push((x.get().add(pixel).cast_const(), sums.add(phase.tap(t) * channels)));
                    });
                    let pixel = phase.pixel(sample, [q[0], q[1], stretch.positions.start]);
                    gather(&Job {
                        taps: &taps,
                        step: windows.steps[2] as usize * channels,
                        result: dy.get().add(pixel * channels),
                        result_step: channels,
                        positions: stretch.positions.len(),
                        channels,
                    });
                }
            }
        }
    });
    // SAFETY: all pieces are finished; dw has `len` elements.
    unsafe { pieces::fold(partial.get(), pieces, len, dw) };
}

/// The sample and the coordinates of a row of positions.
fn row_of(windows: &Windows, row: usize) -> (usize, [usize; 2]) {
    let [deep, high, _] = windows.positions;
    (row / high / deep, [row / high % deep, row % high])
}

/// Calls `visit(tap, element)` for every tap that is inside at a stretch, with the first element that it reads.
#[inline(always)]
fn each_tap(
    windows: &Windows,
    sample: usize,
    [q0, q1]: [usize; 2],
    stretch: &Stretch,
    mut visit: impl FnMut([usize; 3], usize),
) {
    let at = |axis: usize, q: usize, t: usize| {
        (q as isize * windows.steps[axis] + windows.firsts[axis] + t as isize * windows.tap_steps[axis]) as usize
    };
    let [depth, height, width] = windows.extents.map(|extent| extent as usize);
    for t0 in windows.taps_inside(0, q0) {
        for t1 in windows.taps_inside(1, q1) {
            let row = ((sample * depth + at(0, q0, t0)) * height + at(1, q1, t1)) * width;
            for t2 in stretch.taps.clone() {
                visit([t0, t1, t2], (row + at(2, stretch.positions.start, t2)) * windows.pixel);
            }
        }
    }
}
