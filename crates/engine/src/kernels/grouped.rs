//! Convolutions of many narrow groups: a group's channels fill no vector, so here the lanes of a vector are pixels.
//!
//! A band of pixels is turned into planes, one per channel and residue of the stride, with the zeros of the border in
//! them. Then every tap is the same shift for all positions of the band, taken as one long row: a sum over taps and
//! channels multiplies one vector of a plane with one weight after another.
use super::{
    conv::Conv,
    isa::Isa,
    micro::{Kernel, MAX_LANES, MAX_ROWS, Vector, instance},
    phases::Phase,
    pieces,
    product::Epilogue,
    real::Real,
    scratch::{self, Shared},
    windows::{DEEPEST, Windows, ZEROS, count, split},
};
use crate::pool;

/// The widest group, in channels of either side, that is served better like this than by a product of its own.
const WIDEST: usize = 16;
/// Elements of all planes of a band, about: half of what the second cache holds.
const BAND: usize = 65_536;
/// Pixels that are turned back at once: whole pixels are written while their lines are in the first cache.
const PIXELS: usize = MAX_LANES;
/// Positions are computed in multiples of this many.
const POSITIONS: usize = 4 * MAX_LANES;
/// Elements between planes, so that the same positions of all channels do not compete for the same lines of the cache.
const UNALIKE: usize = MAX_LANES;
/// The most pieces that the weight gradient is cut into.
const MAX_PIECES: usize = 16;

/// Whether a convolution is of many narrow groups.
pub(super) fn serves(conv: &Conv) -> bool {
    let is_narrow = |channels: usize| (1..=WIDEST).contains(&channels);
    conv.groups > 1 && is_narrow(conv.group_in()) && is_narrow(conv.group_out())
}

/// How positions are cut into bands, and where things lie in the planes of one.
struct Layout<'a> {
    windows: &'a Windows,
    /// The axis that is cut, the first one with more than one position; each band is `band` positions of it.
    axis: usize,
    band: usize,
    bands: usize,
    /// Depth, height and width of a plane.
    extents: [usize; 3],
    /// Positions of a band in one long row, those between its rows included, in whole multiples of [`POSITIONS`].
    row: usize,
    /// Elements from one channel's long row to the next one's.
    row_plane: usize,
    /// Residues of the planes that taps read.
    residues: Vec<[usize; 3]>,
    /// Elements of a plane.
    plane: usize,
    /// Where each tap reads at the first position of a band, in the planes of a channel.
    shifts: Vec<usize>,
}

/// Nowhere inside the images.
const OUTSIDE: usize = usize::MAX;

impl<'a> Layout<'a> {
    fn new(windows: &'a Windows) -> Self {
        let (positions, taps) = (windows.positions, windows.taps);
        let axis = (0..3).find(|&i| positions[i] > 1).unwrap_or(2);
        let along = |i: usize, t: usize| t * windows.tap_steps[i] as usize;
        let steps = windows.steps.map(|step| step as usize);
        // How far the last tap reaches behind a position, in elements of a plane.
        let reach: [usize; 3] = std::array::from_fn(|i| along(i, taps[i].saturating_sub(1)) / steps[i]);
        let mut residues = Vec::new();
        let places: Vec<_> = (0..count(taps))
            .map(|number| {
                let t = split(number, taps);
                let residue = std::array::from_fn(|i| along(i, t[i]) % steps[i]);
                let shift: [usize; 3] = std::array::from_fn(|i| along(i, t[i]) / steps[i]);
                let plane = residues.iter().position(|&known| known == residue);
                let plane = plane.unwrap_or_else(|| {
                    residues.push(residue);
                    residues.len() - 1
                });
                (plane, shift)
            })
            .collect();
        let mut extents: [usize; 3] = std::array::from_fn(|i| positions[i] + reach[i]);
        let slice: usize = (axis + 1..3).map(|i| extents[i]).product();
        let wanted = (count(extents) * windows.pixel * residues.len()).div_ceil(BAND);
        let wanted = wanted.max(MAX_PIECES.div_ceil(windows.batch.max(1)));
        let smallest = (reach[axis] + 1).max(POSITIONS.div_ceil(slice.max(1)));
        let band = positions[axis]
            .div_ceil(wanted)
            .max(smallest)
            .min(positions[axis])
            .max(1);
        extents[axis] = band + reach[axis];
        let [_, high, wide] = extents;
        let at = |q: [usize; 3]| (q[0] * high + q[1]) * wide + q[2];
        let mut last = positions;
        last[axis] = band;
        let row = (at(last.map(|count| count.saturating_sub(1))) + 1).next_multiple_of(POSITIONS);
        let plane = (row + at(reach)).next_multiple_of(POSITIONS) + UNALIKE;
        Self {
            windows,
            axis,
            band,
            bands: positions[axis].div_ceil(band),
            extents,
            row,
            row_plane: row + UNALIKE,
            residues,
            plane,
            shifts: places
                .into_iter()
                .map(|(number, shift)| number * plane + at(shift))
                .collect(),
        }
    }

    /// Elements of all planes of a channel.
    fn planes(&self) -> usize {
        self.plane * self.residues.len()
    }

    /// Bands of all samples.
    fn items(&self) -> usize {
        if count(self.windows.positions) == 0 {
            0
        } else {
            self.windows.batch * self.bands
        }
    }

    /// The sample of an item, its first position, and its extents in positions.
    fn positions(&self, item: usize) -> (usize, [usize; 3], [usize; 3]) {
        let (mut first, mut extents) = ([0; 3], self.windows.positions);
        first[self.axis] = item % self.bands * self.band;
        extents[self.axis] = self.band.min(extents[self.axis] - first[self.axis]);
        (item / self.bands, first, extents)
    }

    /// Calls `visit(place, position)` for every row of a band: where it starts in a long row, and its first position.
    fn each_row(&self, first: [usize; 3], extents: [usize; 3], mut visit: impl FnMut(usize, [usize; 3])) {
        for i in 0..extents[0] {
            for j in 0..extents[1] {
                let place = (i * self.extents[1] + j) * self.extents[2];
                visit(place, [first[0] + i, first[1] + j, first[2]]);
            }
        }
    }

    /// Which pixel each element of an item's planes is, or [`OUTSIDE`].
    fn pixels(&self, item: usize) -> Vec<usize> {
        let (windows, (sample, first, _)) = (self.windows, self.positions(item));
        let mut pixels = vec![OUTSIDE; self.planes()];
        for (residue, plane) in self.residues.iter().zip(pixels.chunks_exact_mut(self.plane)) {
            // The coordinate that an index of the plane has along an axis.
            let coordinate = |i: usize, index: usize| {
                let at = (first[i] + index) as isize * windows.steps[i] + residue[i] as isize + windows.firsts[i];
                (0..windows.extents[i]).contains(&at).then_some(at as usize)
            };
            let [_, height, width] = windows.extents.map(|extent| extent as usize);
            let columns: Vec<_> = (0..self.extents[2]).map(|index| coordinate(2, index)).collect();
            for i in 0..self.extents[0] {
                let Some(slice) = coordinate(0, i) else { continue };
                for j in 0..self.extents[1] {
                    let Some(line) = coordinate(1, j) else { continue };
                    let line = ((sample * windows.extents[0] as usize + slice) * height + line) * width;
                    let row = (i * self.extents[1] + j) * self.extents[2];
                    for (pixel, column) in plane[row..].iter_mut().zip(&columns) {
                        *pixel = column.map_or(OUTSIDE, |column| line + column);
                    }
                }
            }
        }
        pixels
    }
}

/// Turns pixels into planes, one behind the other; what is outside is zero.
///
/// # Safety
/// All channels of the pixels are readable; `out` is writable for a plane of every channel; the machine has the
/// instruction set; the pixels are whole vectors.
unsafe fn turn<T: Real>(kernel: &Kernel<T>, pixels: &[usize], images: *const T, channels: usize, out: *mut T) {
    for (i, at_once) in pixels.chunks_exact(kernel.rows).enumerate() {
        for first in (0..channels).step_by(DEEPEST) {
            let mut sources = [ZEROS.0.as_ptr().cast::<T>(); MAX_ROWS];
            // SAFETY: the caller vouches for the pixels that are not outside, and for the planes.
            unsafe {
                for (source, &pixel) in sources.iter_mut().zip(at_once) {
                    if pixel != OUTSIDE {
                        *source = images.add(pixel * channels + first);
                    }
                }
                let out = out.add(first * pixels.len() + i * kernel.rows);
                (kernel.transpose)(&sources, DEEPEST.min(channels - first), out, pixels.len());
            }
        }
    }
}

/// Turns planes back into neighbouring pixels, `stride` elements apart.
///
/// # Safety
/// `count` elements of the planes, `plane` elements apart, are readable; `out` is writable for all channels of so many
/// pixels; the machine has the instruction set.
unsafe fn turn_back<T: Real>(
    kernel: &Kernel<T>,
    [planes, plane]: [usize; 2],
    from: *const T,
    count: usize,
    out: *mut T,
    stride: usize,
) {
    for start in (0..count).step_by(PIXELS) {
        let pixels = PIXELS.min(count - start);
        // SAFETY: the caller's word.
        unsafe {
            let (from, out) = (from.add(start), out.add(start * stride));
            let whole = planes / kernel.rows * kernel.rows;
            for channel in (0..whole).step_by(kernel.rows) {
                let mut sources = [from; MAX_ROWS];
                for (row, source) in sources.iter_mut().enumerate().take(kernel.rows) {
                    *source = from.add((channel + row) * plane);
                }
                (kernel.transpose)(&sources, pixels, out.add(channel), stride);
            }
            for channel in whole..planes {
                for i in 0..pixels {
                    *out.add(i * stride + channel) = *from.add(channel * plane + i);
                }
            }
        }
    }
}

/// Sums over taps and channels, for all positions of a band.
struct Filter<'a, T> {
    /// For each step of the sums (a tap and a channel) where it reads for the first position.
    steps: &'a [usize],
    planes: *const T,
    /// A panel of weights: for each step one of every row.
    weights: *const T,
    panel: usize,
    /// Planes of results.
    out: *mut T,
    out_plane: usize,
    rows: usize,
    /// A multiple of [`POSITIONS`].
    positions: usize,
}

/// Sums over all positions of a band, for taps, channels and gradients.
struct Gather<'a, T> {
    steps: &'a [usize],
    planes: *const T,
    gradients: *const T,
    /// Elements from one plane of gradients to the next.
    gradient_plane: usize,
    columns: usize,
    /// A multiple of [`POSITIONS`].
    positions: usize,
    /// Where the sums of the first step go, and elements from one step to the next.
    sums: *mut T,
    stride: usize,
}

/// Picks the smallest number of rows that covers what is asked for; half of the registers hold sums.
macro_rules! choose_filter {
    ($job:expr, $t:ty, $v:ty, [$(($rows:literal, $vectors:literal)),*]) => {
        $(if $job.rows <= $rows {
            // SAFETY: the caller's contract is the same; the rows were compared.
            return unsafe { filter::<$t, $v, $rows, $vectors>($job) };
        })*
    };
}

/// Cuts steps and columns into groups whose sums fit into the registers, largest first.
macro_rules! choose_gather {
    ($job:expr, $t:ty, $v:ty, $steps:tt, $columns:tt) => {
        let mut step = 0;
        while step < $job.steps.len() {
            let mut column = 0;
            let left = $job.steps.len() - step;
            step += choose_gather!(@steps $job, $t, $v, step, left, column, $steps, $columns);
        }
    };
    (@steps $job:expr, $t:ty, $v:ty, $step:ident, $left:ident, $column:ident, [$($steps:literal),*], $columns:tt) => {
        $(if $left >= $steps {
            while $column < $job.columns {
                choose_gather!(@columns $job, $t, $v, $step, $column, $steps, $columns);
            }
            $steps
        } else)* { unreachable!("one step is the smallest group") }
    };
    (@columns $job:expr, $t:ty, $v:ty, $step:ident, $column:ident, $steps:literal, [$($columns:literal),*]) => {
        $(if $job.columns - $column >= $columns {
            // SAFETY: the caller's contract is the same; the steps and columns were compared.
            unsafe { gather::<$t, $v, $steps, $columns>($job, $step, $column) };
            $column += $columns;
        } else)* { unreachable!("one column is the smallest group") }
    };
}

unsafe fn filter_portable<T: Real>(job: &Filter<T>) {
    choose_filter!(job, T, [T; 4], [(1, 4), (2, 4), (4, 2)]);
}

unsafe fn gather_portable<T: Real>(job: &Gather<T>) {
    choose_gather!(job, T, [T; 4], [4, 2, 1], [2, 1]);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn filter_avx2<T: Real, V: Vector<T>>(job: &Filter<T>) {
    choose_filter!(job, T, V, [(1, 4), (2, 4), (4, 2)]);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn gather_avx2<T: Real, V: Vector<T>>(job: &Gather<T>) {
    choose_gather!(job, T, V, [4, 2, 1], [2, 1]);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,fma")]
unsafe fn filter_avx512<T: Real, V: Vector<T>>(job: &Filter<T>) {
    choose_filter!(job, T, V, [(1, 4), (2, 4), (4, 4), (8, 2)]);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,fma")]
unsafe fn gather_avx512<T: Real, V: Vector<T>>(job: &Gather<T>) {
    choose_gather!(job, T, V, [6, 4, 2, 1], [4, 2, 1]);
}

/// Computes `R` rows, `N` vectors of positions at a time.
///
/// # Safety
/// The machine has the instruction set; all operands are valid as described, and nobody else touches what is written;
/// there are at most R rows, and R in a panel.
#[inline(always)]
unsafe fn filter<T: Real, V: Vector<T>, const R: usize, const N: usize>(job: &Filter<T>) {
    for first in (0..job.positions).step_by(N * V::LANES) {
        // SAFETY: the caller vouches for the operands and the instruction set.
        unsafe {
            let mut sums = [[V::zero(); N]; R];
            let (planes, mut weights) = (job.planes.add(first), job.weights);
            for &step in job.steps {
                let mut pixels = [V::zero(); N];
                for (j, pixels) in pixels.iter_mut().enumerate() {
                    *pixels = V::load(planes.add(step + j * V::LANES));
                }
                for (i, sums) in sums.iter_mut().enumerate() {
                    let weight = V::splat(weights.add(i));
                    for (sum, &pixels) in sums.iter_mut().zip(&pixels) {
                        *sum = weight.mul_add(pixels, *sum);
                    }
                }
                weights = weights.add(job.panel);
            }
            for (i, sums) in sums.iter().enumerate() {
                if i < job.rows {
                    let out = job.out.add(i * job.out_plane + first);
                    for (j, &sum) in sums.iter().enumerate() {
                        sum.store(out.add(j * V::LANES));
                    }
                }
            }
        }
    }
}

/// Adds to the sums of `R` steps and `N` columns.
///
/// # Safety
/// As for [`filter`], with so many steps and columns from the first ones on.
#[inline(always)]
unsafe fn gather<T: Real, V: Vector<T>, const R: usize, const N: usize>(job: &Gather<T>, step: usize, column: usize) {
    let steps = &job.steps[step..step + R];
    // SAFETY: the caller vouches for the operands and the instruction set.
    unsafe {
        let mut sums = [[V::zero(); N]; R];
        for first in (0..job.positions).step_by(V::LANES) {
            let mut gradients = [V::zero(); N];
            for (j, gradients) in gradients.iter_mut().enumerate() {
                *gradients = V::load(job.gradients.add((column + j) * job.gradient_plane + first));
            }
            for (sums, &step) in sums.iter_mut().zip(steps) {
                let pixels = V::load(job.planes.add(step + first));
                for (sum, &gradients) in sums.iter_mut().zip(&gradients) {
                    *sum = pixels.mul_add(gradients, *sum);
                }
            }
        }
        // They are added up from memory: a loop long enough not to be unrolled would keep them out of the registers above.
        let mut lanes = [[[T::ZERO; MAX_LANES]; N]; R];
        for (sums, lanes) in sums.iter().zip(&mut lanes) {
            for (sum, lanes) in sums.iter().zip(lanes) {
                sum.store(lanes.as_mut_ptr());
            }
        }
        for (i, lanes) in lanes.iter_mut().enumerate() {
            for (j, lanes) in lanes.iter_mut().enumerate() {
                *job.sums.add((step + i) * job.stride + column + j) += across(lanes, V::LANES);
            }
        }
    }
}

/// The sum of all lanes, half of them added to the other half.
#[inline(always)]
fn across<T: Real>(lanes: &mut [T; MAX_LANES], count: usize) -> T {
    macro_rules! halve {
        ($($half:literal),*) => {
            $(if count > $half {
                for lane in 0..$half {
                    lanes[lane] += lanes[lane + $half];
                }
            })*
        };
    }
    halve!(8, 4, 2, 1);
    lanes[0]
}

/// Elements of scratch that [`forward`] or [`input_gradient`] needs for a result of `channels` in every group.
pub(super) fn scratch_len(conv: &Conv, channels: usize) -> usize {
    let others = conv.group_in() * conv.group_out() / channels.max(1);
    conv.groups * channels.next_multiple_of(MAX_ROWS) * count(conv.kernel) * others
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
    let (phase, channels, strides) = (Phase::forward(conv), conv.group_out(), [conv.c_out, 1]);
    // SAFETY: the caller's contract is the same.
    unsafe { results_of(isa, conv, &phase, channels, strides, x, w, y, scratch, epilogue) }
}

/// Computes the gradient with respect to x.
///
/// # Safety
/// As for [`Conv::input_gradient`]; [`serves`] holds.
pub(super) unsafe fn input_gradient<T: Real>(
    isa: Isa,
    conv: &Conv,
    dy: *const T,
    w: *const T,
    dx: *mut T,
    scratch: *mut T,
) {
    let (channels, strides) = (conv.group_in(), [1, conv.c_out]);
    for phase in Phase::input(conv) {
        // SAFETY: the caller's contract is the same; phases write different pixels.
        unsafe { results_of(isa, conv, &phase, channels, strides, dy, w, dx, scratch, None) };
    }
}

/// Computes results of a part, with `channels` in every group; one step of them in w are `strides[1]` elements, one of the
/// channels that are read `strides[0]`. `epilogue` is called as [`Conv::forward`] says.
///
/// # Safety
/// `images`, `w` and `out` are valid for the part's shapes, `scratch` for [`scratch_len`] elements; nobody else touches
/// what is written; the machine has the instruction set; [`serves`] holds.
#[allow(
    clippy::too_many_arguments,
    reason = "two call sites; a struct would only rename them"
)]
unsafe fn results_of<T: Real>(
    isa: Isa,
    conv: &Conv,
    phase: &Phase,
    channels: usize,
    strides: [usize; 2],
    images: *const T,
    w: *const T,
    out: *mut T,
    scratch: *mut T,
    epilogue: Option<Epilogue>,
) {
    let kernel = Kernel::<T>::of(isa);
    let filter = instance!(isa, T, Filter, filter_portable, filter_avx2, filter_avx512);
    let (windows, groups) = (&phase.windows, conv.groups);
    let layout = Layout::new(windows);
    let (depth, panels) = (windows.columns(), channels.div_ceil(kernel.rows));
    let steps = steps(&layout);
    let (images, w, out, packed) = (
        Shared::read(images),
        Shared::read(w),
        Shared::new(out),
        Shared::new(scratch),
    );
    pool::for_each(groups, |group| {
        for (step, panel) in (0..depth).flat_map(|step| (0..panels).map(move |panel| (step, panel))) {
            let (tap, channel) = (split(step / windows.channels, windows.taps), step % windows.channels);
            let first = phase.tap(tap) * conv.group_in() * conv.c_out + group * conv.group_out() + channel * strides[0];
            for row in 0..kernel.rows {
                let result = panel * kernel.rows + row;
                // SAFETY: each group has its own part of the scratch; w has all taps and channels.
                unsafe {
                    let to = packed
                        .get()
                        .add(((group * panels + panel) * depth + step) * kernel.rows + row);
                    *to = if result < channels {
                        *w.get().add(first + result * strides[1])
                    } else {
                        T::ZERO
                    };
                }
            }
        }
    });
    let (planes_len, all) = (windows.pixel * layout.planes(), groups * channels);
    pool::for_each(layout.items(), |item| {
        let (sample, first, extents) = layout.positions(item);
        // SAFETY: the task alone writes the results of its positions; weights were packed by the pass before.
        scratch::with(planes_len + all * layout.row_plane, |planes: *mut T| unsafe {
            let results = planes.add(planes_len);
            turn(&kernel, &layout.pixels(item), images.get(), windows.pixel, planes);
            for (group, panel) in (0..groups).flat_map(|group| (0..panels).map(move |panel| (group, panel))) {
                let row = panel * kernel.rows;
                filter(&Filter {
                    steps: &steps,
                    planes: planes.add(group * windows.channels * layout.planes()),
                    weights: packed.get().add((group * panels + panel) * depth * kernel.rows),
                    panel: kernel.rows,
                    out: results.add((group * channels + row) * layout.row_plane),
                    out_plane: layout.row_plane,
                    rows: kernel.rows.min(channels - row),
                    positions: layout.row,
                });
            }
            layout.each_row(first, extents, |place, position| {
                let (from, out) = (results.add(place), out.get().add(phase.pixel(sample, position) * all));
                turn_back(
                    &kernel,
                    [all, layout.row_plane],
                    from,
                    extents[2],
                    out,
                    phase.steps[2] * all,
                );
            });
        });
        if let Some(epilogue) = epilogue {
            let start = phase.pixel(sample, first) * all;
            epilogue(start..start + count(extents) * all);
        }
    });
}

/// Where the taps and channels of a group read for the first position, in the order of w.
fn steps(layout: &Layout) -> Vec<usize> {
    let channels = 0..layout.windows.channels;
    let of_tap = |&shift: &usize| channels.clone().map(move |channel| channel * layout.planes() + shift);
    layout.shifts.iter().flat_map(of_tap).collect()
}

/// Elements of scratch that [`weight_gradient`] needs.
pub(super) fn weight_scratch_len(conv: &Conv) -> usize {
    Layout::new(&conv.windows()).items().min(MAX_PIECES) * weight_len(conv)
}

fn weight_len(conv: &Conv) -> usize {
    count(conv.kernel) * conv.group_in() * conv.c_out
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
    let kernel = Kernel::<T>::of(isa);
    let gather = instance!(isa, T, Gather, gather_portable, gather_avx2, gather_avx512);
    let phase = Phase::forward(conv);
    let layout = Layout::new(&phase.windows);
    let steps = steps(&layout);
    let (len, pieces) = (weight_len(conv), layout.items().min(MAX_PIECES));
    let (channels, planes_len) = (conv.group_out(), conv.c_in * layout.planes());
    let (x, dy, partial) = (Shared::read(x), Shared::read(dy), Shared::new(scratch));
    pool::for_each(pieces, |piece| {
        // SAFETY: each piece sums into its own part of the scratch.
        scratch::with(planes_len + conv.c_out * layout.row_plane, |planes: *mut T| unsafe {
            let gradients = planes.add(planes_len);
            let sums = partial.get().add(piece * len);
            std::slice::from_raw_parts_mut(sums, len).fill(T::ZERO);
            for item in piece * layout.items() / pieces..(piece + 1) * layout.items() / pieces {
                let (sample, first, extents) = layout.positions(item);
                let mut results = vec![OUTSIDE; layout.row_plane];
                layout.each_row(first, extents, |place, position| {
                    let pixel = phase.pixel(sample, position);
                    for (i, result) in results[place..place + extents[2]].iter_mut().enumerate() {
                        *result = pixel + i;
                    }
                });
                turn(&kernel, &layout.pixels(item), x.get(), conv.c_in, planes);
                turn(&kernel, &results, dy.get(), conv.c_out, gradients);
                for group in 0..conv.groups {
                    gather(&Gather {
                        steps: &steps,
                        planes: planes.add(group * conv.group_in() * layout.planes()),
                        gradients: gradients.add(group * channels * layout.row_plane),
                        gradient_plane: layout.row_plane,
                        columns: channels,
                        positions: layout.row,
                        sums: sums.add(group * channels),
                        stride: conv.c_out,
                    });
                }
            }
        });
    });
    // SAFETY: all pieces are finished; dw has `len` elements.
    unsafe { pieces::fold(partial.get(), pieces, len, dw) };
}
