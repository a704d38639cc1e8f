//! The three convolutions (forward, with respect to the input, with respect to the weight) in up to three dimensions,
//! as matrix products whose packers gather windows on the way: no unfolded copy of the input ever exists.
//!
//! The input gradient is cut by the stride's residues: every pixel of one residue class sees the same taps, so each
//! class is a dense convolution of its own with stride 1.
use super::{
    arithmetic::Arithmetic,
    fold,
    gemm::Gemm,
    isa::Isa,
    micro::{Kernel, MAX_ROWS},
    product::{self, Cut, Epilogue, MAX_BLOCK, Source},
    real::Real,
    scratch::Shared,
    winograd::{Kind, Winograd},
};
use crate::pool;
use std::any::TypeId;
use std::ops::Range;

/// The shape of a convolution; one- and two-dimensional ones have leading extents of 1.
///
/// Tensors are dense: x `[batch, input, c_in]`, w `[kernel, c_in / groups, c_out]`, y `[batch, output, c_out]`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Conv {
    /// Independent samples.
    pub batch: usize,
    /// Groups that channels are cut into; each output channel sees its own group of input channels.
    pub groups: usize,
    /// Channels of x, over all groups.
    pub c_in: usize,
    /// Channels of y, over all groups.
    pub c_out: usize,
    /// Depth, height and width of x.
    pub input: [usize; 3],
    /// Depth, height and width of y.
    pub output: [usize; 3],
    /// Depth, height and width of the window, in taps.
    pub kernel: [usize; 3],
    /// Pixels of x from one window to the next; at least 1.
    pub stride: [usize; 3],
    /// Pixels of x from one tap to the next; at least 1.
    pub dilation: [usize; 3],
    /// Zeros before x; those behind it follow from the output's extent, for whatever lies outside x reads as zero.
    pub padding: [usize; 3],
}

fn count(extents: [usize; 3]) -> usize {
    extents.iter().product()
}

impl Conv {
    /// Rows, depth and columns of the one matrix product `y[m, n] = x[m, k] w[k, n]` that the convolution is, where each
    /// pixel of x belongs to exactly one window and one tap.
    fn as_product(&self) -> Option<[usize; 3]> {
        if self.groups != 1 || self.padding != [0; 3] {
            return None;
        }
        if self.kernel == [1; 3] && self.stride == [1; 3] && self.input == self.output {
            return Some([self.batch * count(self.input), self.c_in, self.c_out]);
        }
        let covers = (0..3).all(|i| self.kernel[i] == self.input[i] && (self.dilation[i] == 1 || self.kernel[i] == 1));
        (covers && self.output == [1; 3]).then(|| [self.batch, count(self.kernel) * self.c_in, self.c_out])
    }

    fn forward_product(&self) -> Option<Gemm> {
        self.as_product().map(|[m, k, n]| Gemm::dense(m, n, k))
    }

    fn input_product(&self) -> Option<Gemm> {
        self.as_product().map(|[m, k, n]| Gemm {
            b_strides: [1, n],
            ..Gemm::dense(m, k, n)
        })
    }

    fn weight_product(&self) -> Option<Gemm> {
        self.as_product().map(|[m, k, n]| Gemm {
            a_strides: [1, k],
            ..Gemm::dense(k, n, m)
        })
    }

    fn group_in(&self) -> usize {
        self.c_in / self.groups.max(1)
    }

    fn group_out(&self) -> usize {
        self.c_out / self.groups.max(1)
    }

    /// Windows of x, in the order of y's pixels.
    fn windows(&self) -> Windows {
        let axes = std::array::from_fn(|i| Axis {
            extent: self.input[i],
            positions: self.output[i],
            step: self.stride[i],
            first: -(self.padding[i] as isize),
            taps: self.kernel[i],
            tap_step: self.dilation[i] as isize,
        });
        Windows::new(axes, self.batch, self.c_in, self.group_in())
    }

    fn forward_cut(&self) -> Cut {
        Cut::new(
            self.groups,
            self.batch * count(self.output),
            self.group_out(),
            count(self.kernel) * self.group_in(),
        )
    }

    /// The algorithm with fewer multiplications that serves this convolution best, if there is one for these elements.
    fn winograd<T: Real>(&self, kind: Kind, arithmetic: Arithmetic) -> Option<Winograd<'_>> {
        (TypeId::of::<T>() == TypeId::of::<f32>())
            .then(|| Winograd::of(self, kind, arithmetic))
            .flatten()
    }

    /// Elements of scratch for a kind, of which the direct way needs `direct`.
    fn scratch_len(&self, kind: Kind, direct: usize) -> usize {
        let algorithms = Arithmetic::all().filter_map(|arithmetic| Winograd::of(self, kind, arithmetic));
        algorithms.map(|winograd| winograd.scratch_len(kind)).fold(direct, usize::max)
    }

    /// Every channel is a group of its own: there is no product of matrices in it.
    fn is_depthwise(&self) -> bool {
        self.groups > 1 && self.groups == self.c_in && self.groups == self.c_out
    }

    /// Pieces that the pixels of y are cut into for the weight gradient of a depthwise convolution.
    fn depthwise_pieces(&self) -> usize {
        (self.batch * count(self.output)).div_ceil(DEPTHWISE_ROWS).clamp(1, 32)
    }

    fn weight_cut(&self) -> Cut {
        Cut::new(
            self.groups,
            count(self.kernel) * self.group_in(),
            self.group_out(),
            self.batch * count(self.output),
        )
    }

    /// Elements of scratch that [`Conv::forward`] needs.
    pub fn forward_scratch_len(&self) -> usize {
        if self.is_depthwise() {
            return 0;
        }
        match self.forward_product() {
            Some(product) => product.scratch_len(),
            None => self.scratch_len(Kind::Forward, self.forward_cut().scratch_len(false)),
        }
    }

    /// Elements of scratch that [`Conv::input_gradient`] needs.
    pub fn input_scratch_len(&self) -> usize {
        if self.is_depthwise() {
            return 0;
        }
        match self.input_product() {
            Some(product) => product.scratch_len(),
            None if fold::serves(self) => fold::scratch_len(self),
            None => {
                let phases = self.phases().map(|phase| phase.cut(self).scratch_len(false));
                self.scratch_len(Kind::Input, phases.max().unwrap_or(0))
            }
        }
    }

    /// Elements of scratch that [`Conv::weight_gradient`] needs.
    pub fn weight_scratch_len(&self) -> usize {
        if self.is_depthwise() {
            return self.depthwise_pieces() * count(self.kernel) * self.c_out;
        }
        match self.weight_product() {
            Some(product) => product.scratch_len(),
            None => self.scratch_len(Kind::Weight, self.weight_cut().scratch_len(false)),
        }
    }

    /// Computes y from x and w. `epilogue` is called once for every finished range of whole pixels of y, on any thread;
    /// the ranges cover y and depend on the shape alone.
    ///
    /// # Safety
    /// x and w are readable and y is writable for the lengths of their shapes, `scratch` for
    /// [`Conv::forward_scratch_len`] elements from a 64-byte boundary; y and the scratch overlap nothing and nobody else
    /// touches them; the machine has the instruction set.
    pub unsafe fn forward<T: Real>(
        &self,
        arithmetic: Arithmetic,
        x: *const T,
        w: *const T,
        y: *mut T,
        scratch: *mut T,
        epilogue: Option<Epilogue>,
    ) {
        if let Some(product) = self.forward_product() {
            // SAFETY: the caller vouches for the pointers, whose lengths are those of the product.
            return unsafe { product.run(arithmetic, x, w, y, scratch, epilogue) };
        }
        if let Some(winograd) = self.winograd::<T>(Kind::Forward, arithmetic) {
            // SAFETY: the caller's contract is the same; T is f32.
            return unsafe { winograd.forward(x.cast(), w.cast(), y.cast(), scratch.cast(), epilogue) };
        }
        if self.is_depthwise() {
            let tap = |t: [usize; 3]| (t[0] * self.kernel[1] + t[1]) * self.kernel[2] + t[2];
            let place = |first: usize, out: &mut [usize]| {
                for (i, out) in out.iter_mut().enumerate() {
                    *out = (first + i) * self.c_out;
                }
            };
            // SAFETY: the caller vouches for the pointers; every pixel of y has a window.
            return unsafe {
                depthwise(
                    arithmetic.isa,
                    &self.windows().whole_pixels(),
                    x,
                    w,
                    y,
                    tap,
                    place,
                    epilogue,
                )
            };
        }
        let source = Forward {
            conv: self,
            windows: self.windows(),
            x: Shared::read(x),
            w: Shared::read(w),
        };
        // The pixels of one group alone are never whole.
        let (inside, behind) = if self.groups == 1 {
            (epilogue, None)
        } else {
            (None, epilogue)
        };
        // SAFETY: the caller vouches for the pointers; groups write different channels.
        unsafe { product::product(arithmetic, &self.forward_cut(), false, &source, y, scratch, inside) };
        if let Some(epilogue) = behind {
            product::sweep(self.batch * count(self.output), self.c_out, epilogue);
        }
    }

    /// Computes the gradient with respect to x from the one with respect to y: the transposed convolution of dy and w.
    ///
    /// # Safety
    /// dy and w are readable and dx is writable for the lengths of their shapes, `scratch` for
    /// [`Conv::input_scratch_len`] elements from a 64-byte boundary; dx and the scratch overlap nothing and nobody else
    /// touches them; the machine has the instruction set.
    pub unsafe fn input_gradient<T: Real>(
        &self,
        arithmetic: Arithmetic,
        dy: *const T,
        w: *const T,
        dx: *mut T,
        scratch: *mut T,
    ) {
        if let Some(product) = self.input_product() {
            // SAFETY: the caller vouches for the pointers, whose lengths are those of the product.
            return unsafe { product.run(arithmetic, dy, w, dx, scratch, None) };
        }
        if let Some(winograd) = self.winograd::<T>(Kind::Input, arithmetic) {
            // SAFETY: the caller's contract is the same; T is f32.
            return unsafe { winograd.input_gradient(dy.cast(), w.cast(), dx.cast(), scratch.cast()) };
        }
        if fold::serves(self) {
            // In any precision without rounding: the product is the smaller part of folding.
            // SAFETY: the caller's contract is the same.
            return unsafe { fold::input_gradient(&Kernel::of(arithmetic.isa), self, dy, w, dx, scratch) };
        }
        if self.is_depthwise() {
            for phase in self.phases() {
                let tap = |t| phase.tap(self, t);
                let place = |first: usize, out: &mut [usize]| phase.places(self, first, out);
                // SAFETY: the caller vouches for the pointers; phases write different pixels.
                unsafe {
                    depthwise(
                        arithmetic.isa,
                        &phase.windows.whole_pixels(),
                        dy,
                        w,
                        dx,
                        tap,
                        place,
                        None,
                    )
                };
            }
            return;
        }
        for phase in self.phases() {
            let cut = phase.cut(self);
            let source = Input {
                conv: self,
                phase,
                dy: Shared::read(dy),
                w: Shared::read(w),
            };
            // SAFETY: the caller vouches for the pointers; phases write different pixels.
            unsafe { product::product(arithmetic, &cut, false, &source, dx, scratch, None) };
        }
    }

    /// Computes the gradient with respect to w from x and the gradient with respect to y.
    ///
    /// # Safety
    /// x and dy are readable and dw is writable for the lengths of their shapes, `scratch` for
    /// [`Conv::weight_scratch_len`] elements from a 64-byte boundary; dw and the scratch overlap nothing and nobody else
    /// touches them; the machine has the instruction set.
    pub unsafe fn weight_gradient<T: Real>(
        &self,
        arithmetic: Arithmetic,
        x: *const T,
        dy: *const T,
        dw: *mut T,
        scratch: *mut T,
    ) {
        if let Some(product) = self.weight_product() {
            // SAFETY: the caller vouches for the pointers, whose lengths are those of the product.
            return unsafe { product.run(arithmetic, x, dy, dw, scratch, None) };
        }
        if let Some(winograd) = self.winograd::<T>(Kind::Weight, arithmetic) {
            // SAFETY: the caller's contract is the same; T is f32.
            return unsafe { winograd.weight_gradient(x.cast(), dy.cast(), dw.cast(), scratch.cast()) };
        }
        if self.is_depthwise() {
            // SAFETY: the caller's contract is the same.
            return unsafe { self.depthwise_weight_gradient(arithmetic.isa, x, dy, dw, scratch) };
        }
        let source = Weight {
            conv: self,
            windows: self.windows(),
            x: Shared::read(x),
            dy: Shared::read(dy),
        };
        // SAFETY: the caller vouches for the pointers; groups write different columns.
        unsafe { product::product(arithmetic, &self.weight_cut(), false, &source, dw, scratch, None) };
    }

    /// The weight gradient where every channel is a group of its own.
    ///
    /// # Safety
    /// As for [`Conv::weight_gradient`].
    unsafe fn depthwise_weight_gradient<T: Real>(
        &self,
        isa: Isa,
        x: *const T,
        dy: *const T,
        dw: *mut T,
        scratch: *mut T,
    ) {
        let kernel = Kernel::<T>::of(isa);
        let windows = self.windows().whole_pixels();
        let (pieces, len, channels) = (self.depthwise_pieces(), count(self.kernel) * self.c_out, self.c_out);
        let piece = windows.rows().div_ceil(pieces);
        let (x, dy, dw, partial) = (Shared::read(x), Shared::read(dy), Shared::new(dw), Shared::new(scratch));
        pool::for_each(pieces, |task| {
            let rows = (task * piece).min(windows.rows())..((task + 1) * piece).min(windows.rows());
            // SAFETY: each task sums into its own part of the scratch; only pixels inside x are read.
            unsafe {
                let sums = partial.get().add(task * len);
                std::slice::from_raw_parts_mut(sums, len).fill(T::ZERO);
                let mut corners = [Corner::default(); DEPTHWISE_ROWS];
                for first in rows.clone().step_by(DEPTHWISE_ROWS) {
                    let corners = &mut corners[..DEPTHWISE_ROWS.min(rows.end - first)];
                    windows.corners(first, corners);
                    for number in 0..count(self.kernel) {
                        let tap = windows.tap(number);
                        for (i, corner) in corners.iter().enumerate() {
                            if !windows.inside(corner, &tap).is_empty() {
                                let x = x.get().wrapping_offset(corner.start + tap.start);
                                let dy = dy.get().add((first + i) * channels);
                                (kernel.multiply_add)(channels, x, dy, sums.add(number * channels));
                            }
                        }
                    }
                }
            }
        });
        // SAFETY: all pieces are finished; dw has `len` elements.
        unsafe {
            let dw = std::slice::from_raw_parts_mut(dw.get(), len);
            dw.fill(T::ZERO);
            for task in 0..pieces {
                let sums = std::slice::from_raw_parts(partial.get().add(task * len), len);
                for (total, &sum) in dw.iter_mut().zip(sums) {
                    *total += sum;
                }
            }
        }
    }

    /// The residue classes of x's pixels under the stride.
    fn phases(&self) -> impl Iterator<Item = Phase> + '_ {
        (0..count(self.stride)).map(|number| {
            let residues = split(number, self.stride);
            let mut first_tap = [0; 3];
            let mut tap_step = [0; 3];
            let axes = std::array::from_fn(|i| {
                let (residue, stride, dilation) = (residues[i], self.stride[i], self.dilation[i]);
                let hits = |tap: &usize| {
                    (residue + self.padding[i])
                        .abs_diff(tap * dilation)
                        .is_multiple_of(stride)
                };
                let mut taps = (0..self.kernel[i]).filter(hits);
                let first = taps.next();
                let step = taps.next().map_or(stride, |second| second - first.unwrap_or(0));
                let hit_taps = first.map_or(0, |first| 1 + (self.kernel[i] - 1 - first) / step);
                // Taps are numbered backwards, so that the pixels of dy they read ascend.
                let last = first.unwrap_or(0) + hit_taps.saturating_sub(1) * step;
                (first_tap[i], tap_step[i]) = (last, step);
                Axis {
                    extent: self.output[i],
                    positions: self.input[i].saturating_sub(residue).div_ceil(stride),
                    step: 1,
                    first: ((residue + self.padding[i]) as isize - (last * dilation) as isize)
                        .div_euclid(stride as isize),
                    taps: hit_taps,
                    tap_step: (step * dilation / stride) as isize,
                }
            });
            Phase {
                residues,
                first_tap,
                tap_step,
                windows: Windows::new(axes, self.batch, self.c_out, self.group_out()),
            }
        })
    }
}

/// Splits a row-major number into coordinates.
fn split(number: usize, extents: [usize; 3]) -> [usize; 3] {
    let [_, height, width] = extents;
    [number / width / height, number / width % height, number % width]
}

/// One axis of a gather: tap `t` of position `q` reads pixel `q * step + first + t * tap_step` where that is inside.
#[derive(Clone, Copy, Debug)]
struct Axis {
    extent: usize,
    positions: usize,
    step: usize,
    first: isize,
    taps: usize,
    tap_step: isize,
}

/// A window of taps at every position of a batch of images. As a matrix: a row per position, a column per tap and
/// channel of one group.
struct Windows {
    batch: usize,
    extents: [isize; 3],
    positions: [usize; 3],
    steps: [isize; 3],
    firsts: [isize; 3],
    taps: [usize; 3],
    tap_steps: [isize; 3],
    /// Channels of a pixel, over all groups.
    pixel: usize,
    /// Channels of one group.
    channels: usize,
    /// Columns that lie next to each other in memory: the channels of a tap, or those of a whole row of taps.
    run: usize,
    /// A run is a row of taps, so windows at the border see only part of it.
    row_runs: bool,
}

/// The longest row of taps that is gathered as one run.
const ROW_RUN: usize = 64;

/// Where the window of a position starts; may lie outside.
#[derive(Clone, Copy, Default)]
struct Corner {
    /// Offset of the pixel from the images' start, in elements.
    start: isize,
    at: [isize; 3],
    /// Every tap is inside.
    inner: bool,
}

/// One run of a window, as offsets from the corner.
struct Tap {
    start: isize,
    at: [isize; 3],
}

impl Windows {
    fn new(axes: [Axis; 3], batch: usize, pixel: usize, channels: usize) -> Self {
        let row = axes[2].taps * channels;
        let row_runs = axes[2].tap_step == 1 && pixel == channels && axes[2].taps > 1 && row <= ROW_RUN;
        Self {
            batch,
            extents: axes.map(|axis| axis.extent as isize),
            positions: axes.map(|axis| axis.positions),
            steps: axes.map(|axis| axis.step as isize),
            firsts: axes.map(|axis| axis.first),
            taps: axes.map(|axis| axis.taps),
            tap_steps: axes.map(|axis| axis.tap_step),
            pixel,
            channels,
            run: if row_runs { row } else { channels },
            row_runs,
        }
    }

    /// The same windows over all channels of a pixel at once.
    fn whole_pixels(&self) -> Self {
        Self {
            channels: self.pixel,
            run: self.pixel,
            row_runs: false,
            ..*self
        }
    }

    fn rows(&self) -> usize {
        self.batch * count(self.positions)
    }

    fn columns(&self) -> usize {
        count(self.taps) * self.channels
    }

    /// Writes the corners of the positions from `first` on.
    fn corners(&self, first: usize, out: &mut [Corner]) {
        let image = count(self.positions).max(1);
        let mut sample = first / image;
        let mut q = split(first % image, self.positions);
        let last: [isize; 3] =
            std::array::from_fn(|i| self.extents[i] - self.taps[i].saturating_sub(1) as isize * self.tap_steps[i]);
        for corner in out {
            let mut at = [0; 3];
            let mut inner = true;
            for i in 0..3 {
                at[i] = q[i] as isize * self.steps[i] + self.firsts[i];
                inner &= at[i] >= 0 && at[i] < last[i];
            }
            *corner = Corner {
                start: self.start(sample, at),
                at,
                inner,
            };
            q[2] += 1;
            if q[2] == self.positions[2] {
                (q[2], q[1]) = (0, q[1] + 1);
                if q[1] == self.positions[1] {
                    (q[1], q[0]) = (0, q[0] + 1);
                    if q[0] == self.positions[0] {
                        (q[0], sample) = (0, sample + 1);
                    }
                }
            }
        }
    }

    #[inline(always)]
    fn start(&self, sample: usize, at: [isize; 3]) -> isize {
        let [depth, height, width] = self.extents;
        (((sample as isize * depth + at[0]) * height + at[1]) * width + at[2]) * self.pixel as isize
    }

    /// The first tap of a run, for the run's number.
    #[inline(always)]
    fn tap(&self, run: usize) -> Tap {
        let t = if self.row_runs {
            [run / self.taps[1], run % self.taps[1], 0]
        } else {
            split(run, self.taps)
        };
        let mut at = [0; 3];
        for i in 0..3 {
            at[i] = t[i] as isize * self.tap_steps[i];
        }
        Tap {
            start: self.start(0, at),
            at,
        }
    }

    /// Which elements of a run are inside its image.
    #[inline(always)]
    fn inside(&self, corner: &Corner, tap: &Tap) -> Range<usize> {
        if corner.inner {
            return 0..self.run;
        }
        let [depth, height, width] = self.extents;
        let column = corner.at[2] + tap.at[2];
        let inside = ((corner.at[0] + tap.at[0]) as usize) < depth as usize
            && ((corner.at[1] + tap.at[1]) as usize) < height as usize;
        if self.row_runs {
            let first = (-column).max(0) as usize * self.channels;
            let end = ((width - column).max(0) as usize * self.channels).min(self.run);
            if inside && first < end { first..end } else { 0..0 }
        } else if inside && (column as usize) < width as usize {
            0..self.run
        } else {
            0..0
        }
    }

    /// Calls `visit(sources, start, length)` for every run of the windows at a few corners: sources hold columns
    /// `start..start + length` of the gathered matrix, those past the last corner zeros.
    ///
    /// # Safety
    /// `images` is readable for the whole batch from the group's first channel on. The sources are valid during the call.
    #[inline(always)]
    unsafe fn visit_runs<T: Real>(
        &self,
        images: *const T,
        corners: &[Corner],
        columns: Range<usize>,
        mut visit: impl FnMut(&[*const T; MAX_ROWS], usize, usize),
    ) {
        let mut sources = [ZEROS.0.as_ptr().cast::<T>(); MAX_ROWS];
        let mut column = columns.start;
        if corners.iter().all(|corner| corner.inner) {
            while column < columns.end {
                let (number, start) = (column / self.run, column % self.run);
                let end = self.run.min(start + columns.end - column);
                let tap = self.tap(number).start + start as isize;
                for (source, corner) in sources.iter_mut().zip(corners) {
                    *source = images.wrapping_offset(corner.start + tap);
                }
                visit(&sources, column, end - start);
                column += end - start;
            }
            return;
        }
        let mut border = [[T::ZERO; ROW_RUN]; MAX_ROWS];
        while column < columns.end {
            let (number, start) = (column / self.run, column % self.run);
            let end = self.run.min(start + columns.end - column);
            let tap = self.tap(number);
            for ((source, corner), border) in sources.iter_mut().zip(corners).zip(&mut border) {
                let (from, inside) = (corner.start + tap.start, self.inside(corner, &tap));
                *source = ZEROS.0.as_ptr().cast();
                if inside.start <= start && end <= inside.end {
                    *source = images.wrapping_offset(from + start as isize);
                } else if inside.start < inside.end {
                    for (j, value) in border[..end - start].iter_mut().enumerate() {
                        *value = if inside.contains(&(start + j)) {
                            // SAFETY: this element of the run is inside the image.
                            unsafe { *images.wrapping_offset(from + (start + j) as isize) }
                        } else {
                            T::ZERO
                        };
                    }
                    *source = border.as_ptr();
                }
            }
            visit(&sources, column, end - start);
            column += end - start;
        }
    }

    /// Packs rows of the gathered matrix into panels, `out[panel][column][row]`.
    ///
    /// # Safety
    /// `images` is readable for the whole batch from the group's first channel on, `out` is writable for whole panels,
    /// the machine has the kernel's instruction set.
    unsafe fn pack_positions<T: Real>(
        &self,
        kernel: &Kernel<T>,
        images: *const T,
        rows: Range<usize>,
        columns: Range<usize>,
        out: *mut T,
    ) {
        let mut corners = [Corner::default(); MAX_BLOCK];
        self.corners(rows.start, &mut corners[..rows.len()]);
        for (panel, corners) in corners[..rows.len()].chunks(kernel.rows).enumerate() {
            // SAFETY: the caller vouches for the images and the panels; every source has `length` elements.
            unsafe {
                let out = out.add(panel * kernel.rows * columns.len().div_ceil(kernel.places));
                self.visit_runs(images, corners, columns.clone(), |sources, start, length| {
                    (kernel.transpose)(
                        sources,
                        length,
                        out.add((start - columns.start) / kernel.places * kernel.rows),
                        kernel.rows,
                    );
                });
            }
        }
    }

    /// The runs of at most eight rows, for a thin product.
    ///
    /// # Safety
    /// As for `visit_runs`.
    unsafe fn visit_rows<T: Real>(
        &self,
        images: *const T,
        rows: Range<usize>,
        columns: Range<usize>,
        visit: &mut dyn FnMut(&[*const T; MAX_ROWS], usize, usize),
    ) {
        let mut corners = [Corner::default(); MAX_ROWS];
        self.corners(rows.start, &mut corners[..rows.len()]);
        // SAFETY: the caller's contract is the same.
        unsafe { self.visit_runs(images, &corners[..rows.len()], columns, visit) }
    }

    /// Packs rows of the gathered matrix's transpose, `out[panel][position][column in panel]`.
    ///
    /// # Safety
    /// As for `pack_positions`.
    unsafe fn pack_columns<T: Real>(
        &self,
        kernel: &Kernel<T>,
        images: *const T,
        columns: Range<usize>,
        positions: Range<usize>,
        out: *mut T,
    ) {
        let mut corners = [Corner::default(); DEEPEST];
        self.corners(positions.start, &mut corners[..positions.len()]);
        let corners = &corners[..positions.len()];
        let mut runs = [Run::default(); DEEPEST];
        let runs = &mut runs[..positions.len()];
        let mut column = columns.start;
        while column < columns.end {
            let (number, mut start) = (column / self.run, column % self.run);
            let end = self.run.min(start + columns.end - column);
            let tap = self.tap(number);
            for (run, corner) in runs.iter_mut().zip(corners) {
                let inside = self.inside(corner, &tap);
                *run = Run {
                    start: corner.start + tap.start,
                    from: inside.start,
                    to: inside.end,
                };
            }
            while start < end {
                let (panel, lane) = (
                    (column - columns.start) / kernel.rows,
                    (column - columns.start) % kernel.rows,
                );
                if lane == 0 && kernel.rows == MAX_ROWS && end - start >= PANELS * MAX_ROWS {
                    // SAFETY: the caller vouches for the images and the panels.
                    unsafe {
                        let out = out.add(panel * MAX_ROWS * positions.len());
                        copy_panels(runs, images, start, out);
                    }
                    start += PANELS * MAX_ROWS;
                    column += PANELS * MAX_ROWS;
                    continue;
                }
                let length = (end - start).min(kernel.rows - lane);
                // SAFETY: the caller vouches for the images and the panels.
                unsafe {
                    let out = out.add(panel * kernel.rows * positions.len() + lane);
                    let copy = match length {
                        8 => copy_runs::<T, 8>,
                        7 => copy_runs::<T, 7>,
                        6 => copy_runs::<T, 6>,
                        5 => copy_runs::<T, 5>,
                        4 => copy_runs::<T, 4>,
                        3 => copy_runs::<T, 3>,
                        2 => copy_runs::<T, 2>,
                        _ => copy_runs::<T, 1>,
                    };
                    copy(runs, images, start, out, kernel.rows);
                }
                start += length;
                column += length;
            }
        }
    }
}

/// A run of one window: where it starts and which of its elements are inside.
#[derive(Clone, Copy, Default)]
struct Run {
    start: isize,
    from: usize,
    to: usize,
}

/// Copies elements `first..first + N` of every run, or zeros where they are outside, to places `stride` apart.
///
/// # Safety
/// The inside elements of the runs are readable, `out` is writable for `N` elements at every stride.
unsafe fn copy_runs<T: Real, const N: usize>(runs: &[Run], images: *const T, first: usize, out: *mut T, stride: usize) {
    for (k, run) in runs.iter().enumerate() {
        let from = images.wrapping_offset(run.start + first as isize);
        // SAFETY: only elements inside are read; the caller vouches for the output.
        unsafe {
            let out = out.add(k * stride);
            if run.from <= first && first + N <= run.to {
                *out.cast::<[T; N]>() = *from.cast::<[T; N]>();
            } else {
                for j in 0..N {
                    let inside = run.from <= first + j && first + j < run.to;
                    *out.add(j) = if inside { *from.add(j) } else { T::ZERO };
                }
            }
        }
    }
}

/// Panels that are filled at once, so that whole cache lines are read.
const PANELS: usize = 4;

/// Copies elements `first..first + PANELS * MAX_ROWS` of every run, or zeros where the run is outside, to as many panels.
///
/// # Safety
/// The inside elements of the runs are readable, `out` is writable for `PANELS` panels of `MAX_ROWS` elements a run.
unsafe fn copy_panels<T: Real>(runs: &[Run], images: *const T, first: usize, out: *mut T) {
    for (k, run) in runs.iter().enumerate() {
        let from = images.wrapping_offset(run.start + first as isize);
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            let ahead = images.wrapping_offset(runs[(k + 8).min(runs.len() - 1)].start + first as isize);
            for line in 0..PANELS * MAX_ROWS * size_of::<T>() / 64 {
                // SAFETY: a prefetch touches nothing that the program can see.
                unsafe { _mm_prefetch::<_MM_HINT_T0>(ahead.cast::<i8>().wrapping_add(line * 64)) };
            }
        }
        for panel in 0..PANELS {
            // SAFETY: only elements inside are read; the caller vouches for the output.
            unsafe {
                let out = out.add((panel * runs.len() + k) * MAX_ROWS);
                let at = first + panel * MAX_ROWS;
                if run.from <= at && at + MAX_ROWS <= run.to {
                    *out.cast::<[T; MAX_ROWS]>() = *from.add(panel * MAX_ROWS).cast::<[T; MAX_ROWS]>();
                } else {
                    for j in 0..MAX_ROWS {
                        let inside = run.from <= at + j && at + j < run.to;
                        *out.add(j) = if inside {
                            *from.add(panel * MAX_ROWS + j)
                        } else {
                            T::ZERO
                        };
                    }
                }
            }
        }
    }
}

/// Pixels that one task of a depthwise convolution computes.
const DEPTHWISE_ROWS: usize = 64;

/// Multiplies every window with the taps, channel by channel.
///
/// `tap` gives a tap's number in w, `place` where the rows from a number on start in `out`.
///
/// # Safety
/// `images`, `w` and `out` are valid for the shapes that the windows and places describe; the machine has the
/// instruction set.
#[allow(
    clippy::too_many_arguments,
    reason = "two call sites; a struct would only rename them"
)]
unsafe fn depthwise<T: Real>(
    isa: Isa,
    windows: &Windows,
    images: *const T,
    w: *const T,
    out: *mut T,
    tap: impl Fn([usize; 3]) -> usize + Sync + Send,
    place: impl Fn(usize, &mut [usize]) + Sync + Send,
    epilogue: Option<Epilogue>,
) {
    let kernel = Kernel::<T>::of(isa);
    let channels = windows.pixel;
    let (images, w, out) = (Shared::read(images), Shared::read(w), Shared::new(out));
    pool::for_each(windows.rows().div_ceil(DEPTHWISE_ROWS), |task| {
        let first = task * DEPTHWISE_ROWS;
        let rows = DEPTHWISE_ROWS.min(windows.rows() - first);
        let (mut corners, mut places) = ([Corner::default(); DEPTHWISE_ROWS], [0; DEPTHWISE_ROWS]);
        windows.corners(first, &mut corners[..rows]);
        place(first, &mut places[..rows]);
        for (corner, &place) in corners[..rows].iter().zip(&places) {
            // SAFETY: the task alone writes its rows; only pixels inside the images are read.
            unsafe {
                let out = out.get().add(place);
                std::slice::from_raw_parts_mut(out, channels).fill(T::ZERO);
                for number in 0..count(windows.taps) {
                    let offset = windows.tap(number);
                    if !windows.inside(corner, &offset).is_empty() {
                        let w = w.get().add(tap(split(number, windows.taps)) * channels);
                        let image = images.get().wrapping_offset(corner.start + offset.start);
                        (kernel.multiply_add)(channels, image, w, out);
                    }
                }
            }
        }
        if let Some(epilogue) = epilogue {
            epilogue(first * channels..(first + rows) * channels);
        }
    });
}

/// The deepest block of a product, in elements.
const DEEPEST: usize = 512;

/// What taps outside an image read.
#[repr(align(64))]
struct Zeros([f64; DEEPEST]);
static ZEROS: Zeros = Zeros([0.0; DEEPEST]);

struct Forward<'a, T> {
    conv: &'a Conv,
    windows: Windows,
    x: Shared<T>,
    w: Shared<T>,
}

impl<T: Real> Source<T> for Forward<'_, T> {
    unsafe fn pack_a(&self, kernel: &Kernel<T>, group: usize, rows: Range<usize>, depth: Range<usize>, out: *mut T) {
        // SAFETY: the caller vouches for x and the output.
        unsafe {
            let x = self.x.get().add(group * self.conv.group_in());
            self.windows.pack_positions(kernel, x, rows, depth, out);
        }
    }

    unsafe fn pack_b(
        &self,
        kernel: &Kernel<T>,
        group: usize,
        depth: Range<usize>,
        columns: Range<usize>,
        width: usize,
        out: *mut T,
    ) {
        let c_out = self.conv.c_out;
        // SAFETY: the caller vouches for w and the output.
        unsafe {
            let w = self
                .w
                .get()
                .add(depth.start * c_out + group * self.conv.group_out() + columns.start);
            product::pack_columns(kernel, w, [c_out, 1], depth.len(), columns.len(), width, out);
        }
    }

    fn has_runs(&self) -> bool {
        self.windows.run >= 8
    }

    fn has_even_runs(&self) -> bool {
        self.windows.run.is_multiple_of(2)
    }

    unsafe fn visit_runs(
        &self,
        group: usize,
        rows: Range<usize>,
        depth: Range<usize>,
        visit: &mut dyn FnMut(&[*const T; MAX_ROWS], usize, usize),
    ) {
        // SAFETY: the caller vouches for x.
        unsafe {
            self.windows
                .visit_rows(self.x.get().add(group * self.conv.group_in()), rows, depth, visit)
        }
    }

    fn offsets(&self, group: usize, rows: Range<usize>, out: &mut [usize; MAX_BLOCK]) {
        for (offset, row) in out.iter_mut().zip(rows) {
            *offset = row * self.conv.c_out + group * self.conv.group_out();
        }
    }
}

/// One residue class of x's pixels: pixel `residues + stride * q` sees taps `first_tap - tap_step * t`.
struct Phase {
    residues: [usize; 3],
    first_tap: [usize; 3],
    tap_step: [usize; 3],
    windows: Windows,
}

impl Phase {
    fn cut(&self, conv: &Conv) -> Cut {
        Cut::new(
            conv.groups,
            self.windows.rows(),
            conv.group_in(),
            self.windows.columns(),
        )
    }

    /// The number in w of a tap of this phase.
    fn tap(&self, conv: &Conv, t: [usize; 3]) -> usize {
        let [d, h, w] = std::array::from_fn(|i| self.first_tap[i] - self.tap_step[i] * t[i]);
        (d * conv.kernel[1] + h) * conv.kernel[2] + w
    }

    /// Where the pixels of x that the rows from `first` on compute start.
    fn places(&self, conv: &Conv, first: usize, out: &mut [usize]) {
        let positions = self.windows.positions;
        let image = count(positions).max(1);
        let [_, height, width] = conv.input;
        let (mut sample, mut q) = (first / image, split(first % image, positions));
        for offset in out {
            let at: [usize; 3] = std::array::from_fn(|i| self.residues[i] + conv.stride[i] * q[i]);
            *offset = (((sample * conv.input[0] + at[0]) * height + at[1]) * width + at[2]) * conv.c_in;
            q[2] += 1;
            if q[2] == positions[2] {
                (q[2], q[1]) = (0, q[1] + 1);
                if q[1] == positions[1] {
                    (q[1], q[0]) = (0, q[0] + 1);
                    if q[0] == positions[0] {
                        (q[0], sample) = (0, sample + 1);
                    }
                }
            }
        }
    }
}

struct Input<'a, T> {
    conv: &'a Conv,
    phase: Phase,
    dy: Shared<T>,
    w: Shared<T>,
}

impl<T: Real> Source<T> for Input<'_, T> {
    unsafe fn pack_a(&self, kernel: &Kernel<T>, group: usize, rows: Range<usize>, depth: Range<usize>, out: *mut T) {
        // SAFETY: the caller vouches for dy and the output.
        unsafe {
            let dy = self.dy.get().add(group * self.conv.group_out());
            self.phase.windows.pack_positions(kernel, dy, rows, depth, out);
        }
    }

    unsafe fn pack_b(
        &self,
        kernel: &Kernel<T>,
        group: usize,
        depth: Range<usize>,
        columns: Range<usize>,
        width: usize,
        out: *mut T,
    ) {
        let (conv, channels) = (self.conv, self.conv.group_out());
        let taps = self.phase.windows.taps;
        let mut k = depth.start;
        while k < depth.end {
            let (t, channel) = (split(k / channels, taps), k % channels);
            let length = (channels - channel).min(depth.end - k);
            let tap = self.phase.tap(conv, t);
            // SAFETY: the caller vouches for w and the output.
            unsafe {
                let row = tap * conv.group_in() + columns.start;
                let w = self.w.get().add(row * conv.c_out + group * channels + channel);
                let out = out.add((k - depth.start) * width);
                product::pack_columns(kernel, w, [1, conv.c_out], length, columns.len(), width, out);
            }
            k += length;
        }
    }

    fn has_runs(&self) -> bool {
        self.phase.windows.run >= 8
    }

    fn has_even_runs(&self) -> bool {
        self.phase.windows.run.is_multiple_of(2)
    }

    unsafe fn visit_runs(
        &self,
        group: usize,
        rows: Range<usize>,
        depth: Range<usize>,
        visit: &mut dyn FnMut(&[*const T; MAX_ROWS], usize, usize),
    ) {
        // SAFETY: the caller vouches for dy.
        unsafe {
            self.phase
                .windows
                .visit_rows(self.dy.get().add(group * self.conv.group_out()), rows, depth, visit)
        }
    }

    fn offsets(&self, group: usize, rows: Range<usize>, out: &mut [usize; MAX_BLOCK]) {
        self.phase.places(self.conv, rows.start, &mut out[..rows.len()]);
        for offset in &mut out[..rows.len()] {
            *offset += group * self.conv.group_in();
        }
    }
}

struct Weight<'a, T> {
    conv: &'a Conv,
    windows: Windows,
    x: Shared<T>,
    dy: Shared<T>,
}

impl<T: Real> Source<T> for Weight<'_, T> {
    unsafe fn pack_a(&self, kernel: &Kernel<T>, group: usize, rows: Range<usize>, depth: Range<usize>, out: *mut T) {
        // SAFETY: the caller vouches for x and the output.
        unsafe {
            let x = self.x.get().add(group * self.conv.group_in());
            self.windows.pack_columns(kernel, x, rows, depth, out);
        }
    }

    unsafe fn pack_b(
        &self,
        kernel: &Kernel<T>,
        group: usize,
        depth: Range<usize>,
        columns: Range<usize>,
        width: usize,
        out: *mut T,
    ) {
        let c_out = self.conv.c_out;
        // SAFETY: the caller vouches for dy and the output.
        unsafe {
            let dy = self
                .dy
                .get()
                .add(depth.start * c_out + group * self.conv.group_out() + columns.start);
            product::pack_columns(kernel, dy, [c_out, 1], depth.len(), columns.len(), width, out);
        }
    }

    fn has_runs(&self) -> bool {
        false
    }

    fn has_even_runs(&self) -> bool {
        false
    }

    unsafe fn visit_runs(
        &self,
        _: usize,
        _: Range<usize>,
        _: Range<usize>,
        _: &mut dyn FnMut(&[*const T; MAX_ROWS], usize, usize),
    ) {
        unreachable!("columns of windows have no runs");
    }

    fn offsets(&self, group: usize, rows: Range<usize>, out: &mut [usize; MAX_BLOCK]) {
        for (offset, row) in out.iter_mut().zip(rows) {
            *offset = row * self.conv.c_out + group * self.conv.group_out();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::{arithmetic::Precision, bf16};
    use proptest::prelude::*;
    use std::sync::Mutex;

    /// Small whole numbers, whose sums are exact in both types and any order.
    fn numbers<T: Real>(len: usize, seed: usize) -> Vec<T> {
        (0..len)
            .map(|i| T::from_f64((((i + seed) * 7919 + seed) % 17) as f64 - 8.0))
            .collect()
    }

    /// Calls `visit(x, w, y)` with the indices of every product of the definition.
    fn each_product(conv: &Conv, mut visit: impl FnMut(usize, usize, usize)) {
        let (group_in, group_out) = (conv.group_in(), conv.group_out());
        for sample in 0..conv.batch {
            for position in 0..count(conv.output) {
                for tap in 0..count(conv.kernel) {
                    let (q, t) = (split(position, conv.output), split(tap, conv.kernel));
                    let at: [usize; 3] = std::array::from_fn(|i| {
                        (q[i] * conv.stride[i] + t[i] * conv.dilation[i]).wrapping_sub(conv.padding[i])
                    });
                    if (0..3).any(|i| at[i] >= conv.input[i]) {
                        continue;
                    }
                    let pixel = ((sample * conv.input[0] + at[0]) * conv.input[1] + at[1]) * conv.input[2] + at[2];
                    for o in 0..conv.c_out {
                        for c in 0..group_in {
                            visit(
                                pixel * conv.c_in + o / group_out * group_in + c,
                                (tap * group_in + c) * conv.c_out + o,
                                (sample * count(conv.output) + position) * conv.c_out + o,
                            );
                        }
                    }
                }
            }
        }
    }

    fn check<T: Real>(conv: &Conv) {
        let x = numbers::<T>(conv.batch * count(conv.input) * conv.c_in, 1);
        let w = numbers::<T>(count(conv.kernel) * conv.group_in() * conv.c_out, 2);
        let dy = numbers::<T>(conv.batch * count(conv.output) * conv.c_out, 3);
        let (mut y, mut dx, mut dw) = (vec![T::ZERO; dy.len()], vec![T::ZERO; x.len()], vec![T::ZERO; w.len()]);
        each_product(conv, |i, j, k| {
            y[k] += x[i] * w[j];
            dx[i] += dy[k] * w[j];
            dw[j] += x[i] * dy[k];
        });
        let nan = T::from_f64(f64::NAN);
        for arithmetic in Arithmetic::available() {
            let lengths = [
                conv.forward_scratch_len(),
                conv.input_scratch_len(),
                conv.weight_scratch_len(),
            ];
            let mut scratch = vec![nan; lengths.iter().max().unwrap() + 16];
            let skip = scratch.as_ptr().align_offset(64);
            let scratch = scratch[skip..].as_mut_ptr();
            let (mut y2, mut dx2, mut dw2) = (vec![nan; y.len()], vec![nan; x.len()], vec![nan; w.len()]);
            let seen = Mutex::new(Vec::new());
            let out = Shared::new(y2.as_mut_ptr());
            let epilogue = |range: Range<usize>| {
                for i in range.clone() {
                    // SAFETY: the range is final and in bounds.
                    assert_eq!(unsafe { *out.get().add(i) }, y[i], "element {i} is not final");
                }
                seen.lock().unwrap().push(range);
            };
            // SAFETY: all buffers have the lengths that the shape asks for.
            unsafe {
                conv.forward(arithmetic, x.as_ptr(), w.as_ptr(), out.get(), scratch, Some(&epilogue));
                conv.input_gradient(arithmetic, dy.as_ptr(), w.as_ptr(), dx2.as_mut_ptr(), scratch);
                conv.weight_gradient(arithmetic, x.as_ptr(), dy.as_ptr(), dw2.as_mut_ptr(), scratch);
            }
            assert_eq!(y2, y, "forward, {arithmetic:?}, {conv:?}");
            assert_eq!(dx2, dx, "input gradient, {arithmetic:?}, {conv:?}");
            assert_eq!(dw2, dw, "weight gradient, {arithmetic:?}, {conv:?}");
            let mut seen = seen.into_inner().unwrap();
            seen.sort_by_key(|range| range.start);
            assert_eq!(
                seen.iter().flat_map(|range| range.clone()).collect::<Vec<_>>(),
                (0..y.len()).collect::<Vec<_>>()
            );
        }
    }

    /// A square two-dimensional convolution whose output extent follows from symmetric padding.
    #[allow(clippy::too_many_arguments, reason = "the columns of a table of cases")]
    fn square(
        batch: usize,
        c_in: usize,
        c_out: usize,
        size: usize,
        kernel: usize,
        stride: usize,
        padding: usize,
        dilation: usize,
        groups: usize,
    ) -> Conv {
        let output = (size + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1;
        Conv {
            batch,
            groups,
            c_in,
            c_out,
            input: [1, size, size],
            output: [1, output, output],
            kernel: [1, kernel, kernel],
            stride: [1, stride, stride],
            dilation: [1, dilation, dilation],
            padding: [0, padding, padding],
        }
    }

    prop_compose! {
        fn any_conv()(
            batch in 0usize..3, groups in 1usize..4, group_in in 0usize..10, group_out in 0usize..10,
            dimensions in 1usize..4,
            axes in prop::collection::vec((0usize..8, 1usize..5, 1usize..4, 1usize..4, 0usize..4, 0usize..3), 3),
            wide in 0usize..4,
        ) -> Conv {
            let mut conv = Conv {
                batch, groups, c_in: groups * group_in, c_out: groups * group_out, input: [1; 3], output: [1; 3],
                kernel: [1; 3], stride: [1; 3], dilation: [1; 3], padding: [0; 3],
            };
            if wide == 0 {
                (conv.groups, conv.c_in, conv.c_out) = (1, 4 * conv.c_in + 1, 5 * conv.c_out + 1);
            }
            for (i, &(input, kernel, stride, dilation, padding, more)) in axes.iter().enumerate().skip(3 - dimensions) {
                let span = input + 2 * padding + more;
                let window = dilation * (kernel - 1) + 1;
                conv.input[i] = input;
                conv.kernel[i] = kernel;
                conv.stride[i] = stride;
                conv.dilation[i] = dilation;
                conv.padding[i] = padding;
                conv.output[i] = if span < window { 0 } else { (span - window) / stride + 1 };
            }
            conv
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]
        #[test]
        fn any_convolution(conv in any_conv()) {
            check::<f32>(&conv);
            check::<f64>(&conv);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]
        #[test]
        fn images_of_few_channels(mut conv in any_conv(), c_in in 1usize..5, c_out in 8usize..24, spread in 1usize..3) {
            (conv.groups, conv.c_in, conv.c_out) = (1, c_in, c_out);
            if conv.input[0] == 1 && spread == 1 && conv.kernel[2] > 1 {
                conv.dilation[2] = 1;
                let span = (conv.output[2].max(1) - 1) * conv.stride[2] + conv.kernel[2];
                conv.input[2] = span.saturating_sub(conv.padding[2]);
            }
            check::<f32>(&conv);
            check::<f64>(&conv);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]
        #[test]
        fn a_group_for_every_channel(mut conv in any_conv(), channels in 2usize..40) {
            (conv.groups, conv.c_in, conv.c_out) = (channels, channels, channels);
            check::<f32>(&conv);
            check::<f64>(&conv);
        }
    }

    #[test]
    fn bf16_convolves_rounded_operands() {
        for conv in [
            square(2, 5, 7, 9, 4, 2, 1, 1, 1),
            square(1, 33, 17, 6, 3, 1, 1, 1, 1),
            square(3, 8, 40, 8, 3, 1, 2, 2, 1),
            square(2, 12, 24, 7, 3, 1, 1, 1, 2),
            square(2, 19, 11, 5, 1, 1, 0, 1, 1),
            square(3, 6, 9, 4, 4, 1, 0, 1, 1),
        ] {
            let fill = |len: usize, step: f32| (0..len).map(|i| (i as f32 * step).sin()).collect::<Vec<f32>>();
            let x = fill(conv.batch * count(conv.input) * conv.c_in, 0.37);
            let w = fill(count(conv.kernel) * conv.group_in() * conv.c_out, 0.11);
            let dy = fill(conv.batch * count(conv.output) * conv.c_out, 0.73);
            let precise = |x: &f32| f64::from(f32::from_bits(bf16::rounded(*x) << 16));
            let [x64, w64, dy64] = [&x, &w, &dy].map(|from| from.iter().map(precise).collect::<Vec<_>>());
            let (mut y, mut dx, mut dw) = (vec![0.0; dy.len()], vec![0.0; x.len()], vec![0.0; w.len()]);
            each_product(&conv, |i, j, k| {
                y[k] += x64[i] * w64[j];
                dx[i] += dy64[k] * w64[j];
                dw[j] += x64[i] * dy64[k];
            });
            for arithmetic in Arithmetic::available() {
                if arithmetic.precision == Precision::F32 {
                    continue;
                }
                let len = [
                    conv.forward_scratch_len(),
                    conv.input_scratch_len(),
                    conv.weight_scratch_len(),
                ];
                let mut scratch = vec![f32::NAN; len.iter().max().unwrap() + 16];
                let skip = scratch.as_ptr().align_offset(64);
                let scratch = scratch[skip..].as_mut_ptr();
                let (mut y2, mut dx2, mut dw2) = (
                    vec![f32::NAN; y.len()],
                    vec![f32::NAN; x.len()],
                    vec![f32::NAN; w.len()],
                );
                // SAFETY: all buffers have the lengths that the shape asks for.
                unsafe {
                    conv.forward(arithmetic, x.as_ptr(), w.as_ptr(), y2.as_mut_ptr(), scratch, None);
                    conv.input_gradient(arithmetic, dy.as_ptr(), w.as_ptr(), dx2.as_mut_ptr(), scratch);
                    conv.weight_gradient(arithmetic, x.as_ptr(), dy.as_ptr(), dw2.as_mut_ptr(), scratch);
                }
                for (name, found, wanted) in [("y", &y2, &y), ("dx", &dx2, &dx), ("dw", &dw2, &dw)] {
                    for (found, wanted) in found.iter().zip(wanted) {
                        // Sums of f32 are this good; an operand that is not rounded would add a thousandth.
                        let apart = (f64::from(*found) - wanted).abs();
                        assert!(apart < 1e-4, "{name}, {arithmetic:?}, {conv:?}: {found}, not {wanted}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_layers_of_gans() {
        for conv in [
            square(3, 3, 16, 16, 4, 2, 1, 1, 1),
            square(2, 16, 32, 8, 4, 2, 1, 1, 1),
            square(5, 70, 1, 4, 4, 1, 0, 1, 1),
            square(5, 10, 70, 1, 1, 1, 0, 1, 1),
            square(2, 3, 5, 12, 7, 1, 3, 1, 1),
            square(1, 8, 8, 12, 3, 1, 2, 2, 4),
            square(2, 12, 12, 9, 3, 1, 1, 1, 12),
            square(9, 1, 4, 28, 3, 1, 1, 1, 1),
            square(1, 600, 40, 3, 3, 1, 1, 1, 1),
        ] {
            check::<f32>(&conv);
            check::<f64>(&conv);
        }
    }

    #[test]
    fn any_number_of_threads_gives_the_same_bits() {
        let conv = square(8, 16, 64, 32, 4, 2, 1, 1, 1);
        let fill = |len: usize, step: f32| (0..len).map(|i| (i as f32 * step).sin()).collect::<Vec<f32>>();
        let x = fill(conv.batch * count(conv.input) * conv.c_in, 0.37);
        let w = fill(count(conv.kernel) * conv.c_in * conv.c_out, 0.11);
        let dy = fill(conv.batch * count(conv.output) * conv.c_out, 0.73);
        let run = |precision, threads| {
            crate::pool::with_threads(threads, || {
                let len = conv
                    .forward_scratch_len()
                    .max(conv.input_scratch_len())
                    .max(conv.weight_scratch_len());
                let mut scratch = vec![0f32; len + 16];
                let skip = scratch.as_ptr().align_offset(64);
                let scratch = scratch[skip..].as_mut_ptr();
                let (mut y, mut dx, mut dw) = (vec![0f32; dy.len()], vec![0f32; x.len()], vec![0f32; w.len()]);
                // SAFETY: all buffers have the lengths that the shape asks for.
                unsafe {
                    let arithmetic = Arithmetic::current(precision);
                    conv.forward(arithmetic, x.as_ptr(), w.as_ptr(), y.as_mut_ptr(), scratch, None);
                    conv.input_gradient(arithmetic, dy.as_ptr(), w.as_ptr(), dx.as_mut_ptr(), scratch);
                    conv.weight_gradient(arithmetic, x.as_ptr(), dy.as_ptr(), dw.as_mut_ptr(), scratch);
                }
                [y, dx, dw].concat().iter().map(|x| x.to_bits()).collect::<Vec<_>>()
            })
        };
        for precision in Precision::ALL {
            assert_eq!(run(precision, 1), run(precision, 3), "{precision:?}");
        }
    }
}
