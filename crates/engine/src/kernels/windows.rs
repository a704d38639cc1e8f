//! Windows over a batch of images, gathered as matrices by the packers of convolutions.
use super::{
    micro::{Kernel, MAX_ROWS},
    product::MAX_BLOCK,
    real::Real,
};
use std::ops::Range;

pub(super) fn count(extents: [usize; 3]) -> usize {
    extents.iter().product()
}

/// Splits a row-major number into coordinates.
pub(super) fn split(number: usize, extents: [usize; 3]) -> [usize; 3] {
    let [_, height, width] = extents;
    [number / width / height, number / width % height, number % width]
}

/// One axis of a gather: tap `t` of position `q` reads pixel `q * step + first + t * tap_step` where that is inside.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    pub(super) extent: usize,
    pub(super) positions: usize,
    pub(super) step: usize,
    pub(super) first: isize,
    pub(super) taps: usize,
    pub(super) tap_step: isize,
}

/// A window of taps at every position of a batch of images. As a matrix: a row per position, a column per tap and
/// channel of one group.
pub(super) struct Windows {
    pub(super) batch: usize,
    pub(super) extents: [isize; 3],
    pub(super) positions: [usize; 3],
    pub(super) steps: [isize; 3],
    pub(super) firsts: [isize; 3],
    pub(super) taps: [usize; 3],
    pub(super) tap_steps: [isize; 3],
    /// Channels of a pixel, over all groups.
    pub(super) pixel: usize,
    /// Channels of one group.
    pub(super) channels: usize,
    /// Columns that lie next to each other in memory: the channels of a tap, or those of a whole row of taps.
    pub(super) run: usize,
    /// A run is a row of taps, so windows at the border see only part of it.
    pub(super) row_runs: bool,
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
    pub(super) fn new(axes: [Axis; 3], batch: usize, pixel: usize, channels: usize) -> Self {
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

    pub(super) fn rows(&self) -> usize {
        self.batch * count(self.positions)
    }

    /// Taps of a position that read inside the image, along an axis.
    pub(super) fn taps_inside(&self, axis: usize, position: usize) -> Range<usize> {
        let step = self.tap_steps[axis] as usize;
        let at = position as isize * self.steps[axis] + self.firsts[axis];
        let outside = (-at).max(0) as usize;
        let left = (self.extents[axis] - at).max(0) as usize;
        let end = left.div_ceil(step).min(self.taps[axis]);
        outside.div_ceil(step).min(end)..end
    }

    pub(super) fn columns(&self) -> usize {
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
    pub(super) unsafe fn pack_positions<T: Real>(
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
    pub(super) unsafe fn visit_rows<T: Real>(
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
    pub(super) unsafe fn pack_columns<T: Real>(
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
/// The deepest block of a product, in elements.
pub(super) const DEEPEST: usize = 512;

/// What taps outside an image read.
#[repr(align(64))]
pub(super) struct Zeros(pub(super) [f64; DEEPEST]);
pub(super) static ZEROS: Zeros = Zeros([0.0; DEEPEST]);
