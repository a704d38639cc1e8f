//! Convolutions with fewer multiplications: F(outputs, taps) of Winograd on both axes.
//!
//! A convolution with stride s is one with stride 1 over s * s times the channels: those of every phase, the pixels that
//! a residue of the stride selects. So a 4x4 window with stride 2 is a 2x2 window, of which F(2, 2) computes four results
//! with 9 multiplications instead of 16, and F(4, 2) sixteen with 25 instead of 64.
//!
//! Tiles of the operands are transformed into points, each point is a matrix product of its own, and the products are
//! transformed back. The three convolutions are each other's transposes, and so are their algorithms: the same three
//! matrices serve all. Tiles are taken in chunks, so that points and products stay in the last level of cache.
//!
//! In bf16 the points of both operands are rounded, to words of two that are neighbours along the depth of the product.
//! An error of rounding grows on the way back: with F(4, 2) to about 1.2 % of what a result is on average, where
//! rounding the operands of the definition makes 0.25 %.
mod transform;

use super::{
    arithmetic::{Arithmetic, Precision},
    bf16,
    conv::Conv,
    isa::Isa,
    micro::{Kernel, MAX_ROWS, Tile},
    product::Epilogue,
    scratch::{self, Shared},
};
use crate::pool;
use std::ops::Range;
use transform::{Algorithm, BLOCK, F22, F23, F25, F42, F43, Job, Places, Transforms};

/// How much of the work is done at once, in elements.
#[derive(Clone, Copy)]
struct Limits {
    /// Points and products that a chunk of tiles may fill: with a slice of the weights, a good part of a last-level cache.
    chunk: usize,
    /// Points and products of a chunk that stays in the second level of one core's cache.
    near_chunk: usize,
    /// Weights of all points that a slice of their columns may fill.
    slice: usize,
}

const LIMITS: Limits = Limits {
    chunk: 5 << 19,
    near_chunk: 5 << 15,
    slice: 7 << 19,
};
/// Tiles in a near chunk, at least, for which it is worth to read the weights of all points again.
const NEAR_TILES: usize = 16;
/// Depth of a block of the product, in elements: a panel of B as deep is read from the second level of cache, the rows of
/// A from the first.
const DEPTH: usize = 512;
/// Rows and columns that one task multiplies.
const ROWS: usize = 128;
const COLUMNS: usize = 256;
/// Multiply-adds in the time that one point is made, written and read, in f32 and in bf16: measured, the same for operands,
/// weights and results within a third.
const POINT_COST: [f64; 2] = [40.0, 28.0];
/// The most points where they are rounded: with six, the errors would be 2 % of a result.
const ROUNDED_POINTS: usize = 5;
/// Elements behind each row of points, so that rows do not fall on the same lines of the cache.
const GAP: usize = 16;
/// Elements that the points of one tile or tap lie apart, beside a multiple of the cache's whole width: a tile is written
/// to all points at once, and points that fell on the same lines of the cache would drive each other out.
const APART: usize = 80;
/// Columns of a panel of B; every kernel's tile divides it.
const PANEL: usize = 2 * BLOCK;
/// Channels of y whose taps are turned at once: they stay in the first level of cache.
const TURNED: usize = 64;

/// Which of the three convolutions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Forward,
    Input,
    Weight,
}

/// A convolution that is computed by an algorithm.
#[derive(Clone, Copy)]
pub(super) struct Winograd<'a> {
    conv: &'a Conv,
    /// Results of a tile, per axis.
    outputs: usize,
    /// Taps of every phase, per axis.
    taps: usize,
    /// Points per axis.
    points: usize,
    /// Tiles of a picture: rows and columns of them.
    tiles: [usize; 2],
    transforms: fn(Isa) -> Transforms,
    arithmetic: Arithmetic,
    limits: Limits,
}

impl<'a> Winograd<'a> {
    /// The algorithm that computes a convolution in the least time, where one beats multiplying directly.
    pub(super) fn of(conv: &'a Conv, kind: Kind, arithmetic: Arithmetic) -> Option<Self> {
        let [_, high, wide] = conv.kernel;
        let [_, down, right] = conv.stride;
        // What the taps along the depth add to x would be read and written once for each of them.
        let is_flat = conv.kernel[0] == 1 || kind != Kind::Input;
        let fits = is_flat
            && conv.groups == 1
            && (1..3).all(|axis| conv.stride[axis] == 1 || conv.dilation[axis] == 1)
            && high.div_ceil(down) == wide.div_ceil(right)
            && conv.c_in.is_multiple_of(BLOCK)
            && conv.c_out.is_multiple_of(BLOCK)
            && conv.batch * conv.c_in * conv.c_out * conv.output.iter().product::<usize>() > 0;
        if !fits {
            return None;
        }
        let candidates = Self::candidates(conv, arithmetic).into_iter().flatten();
        let candidates = candidates.filter(Self::is_exact_enough);
        let best = candidates.min_by(|a, b| a.cost().total_cmp(&b.cost()))?;
        (best.cost() < best.direct_cost()).then_some(best)
    }

    /// The algorithms for a convolution's number of taps.
    fn candidates(conv: &'a Conv, arithmetic: Arithmetic) -> [Option<Self>; 2] {
        let new = (conv, arithmetic);
        match conv.kernel[1].div_ceil(conv.stride[1]) {
            2 => [Some(Self::new::<F22>(new)), Some(Self::new::<F42>(new))],
            3 => [Some(Self::new::<F23>(new)), Some(Self::new::<F43>(new))],
            5 => [Some(Self::new::<F25>(new)), None],
            _ => [None, None],
        }
    }

    fn new<F: Algorithm>((conv, arithmetic): (&'a Conv, Arithmetic)) -> Self {
        Self {
            conv,
            outputs: F::OUTPUTS,
            taps: F::TAPS,
            points: F::OUTPUTS + F::TAPS - 1,
            tiles: [1, 2].map(|axis| residues(conv, axis).map(|pixels| pixels.div_ceil(F::OUTPUTS)).sum()),
            transforms: Transforms::of::<F>,
            arithmetic,
            limits: LIMITS,
        }
    }

    fn is_exact_enough(&self) -> bool {
        self.arithmetic.precision == Precision::F32 || self.points <= ROUNDED_POINTS
    }

    /// Time of the definition, in that of a multiply-add of f32.
    fn direct_cost(&self) -> f64 {
        let conv = self.conv;
        let [pixels, taps] = [conv.output, conv.kernel].map(|extents| extents.iter().product::<usize>());
        let products = (conv.batch * pixels * taps * conv.c_in) as f64 * conv.c_out as f64;
        products / self.arithmetic.speedup()
    }

    /// Time of the algorithm, in that of a multiply-add of f32.
    fn cost(&self) -> f64 {
        let (positions, inner, outer) = (self.positions(), self.inner(), self.conv.c_out);
        let products = (positions * self.total_tiles() * inner) as f64 * outer as f64;
        let points = (positions * (self.total_tiles() * (inner + outer) + inner * outer)) as f64;
        // AMX is not used here.
        products / self.arithmetic.speedup().min(2.0) + POINT_COST[self.pair() - 1] * points
    }

    /// Points that a word holds.
    fn pair(&self) -> usize {
        match self.arithmetic.precision {
            Precision::F32 => 1,
            Precision::Bf16 => 2,
        }
    }

    /// What multiplies words.
    fn multiplier(&self) -> Kernel<f32> {
        match self.arithmetic.precision {
            Precision::F32 => Kernel::of(self.arithmetic.isa),
            Precision::Bf16 => bf16::multiplier(self.arithmetic.isa).kernel,
        }
    }

    fn positions(&self) -> usize {
        self.points * self.points
    }

    /// Residues of both strides, for every tap along the depth: those are summed, as channels are.
    fn phases(&self) -> usize {
        self.conv.kernel[0] * self.conv.stride[1] * self.conv.stride[2]
    }

    /// Channels of x over all phases.
    fn inner(&self) -> usize {
        self.phases() * self.conv.c_in
    }

    fn total_tiles(&self) -> usize {
        self.conv.batch * self.picture()
    }

    /// Tiles that a chunk consists of: those whose results lie next to each other, or are added to each other.
    fn unit(&self, kind: Kind) -> usize {
        match kind {
            Kind::Forward if self.conv.dilation[1..] == [1; 2] => self.tiles[1],
            Kind::Forward => self.slice(),
            Kind::Input => self.picture(),
            Kind::Weight => 1,
        }
    }

    /// Tiles of one depth of a picture.
    fn slice(&self) -> usize {
        self.tiles[0] * self.tiles[1]
    }

    fn picture(&self) -> usize {
        self.conv.output[0] * self.slice()
    }

    /// Elements of scratch that a kind needs.
    pub(super) fn scratch_len(&self, kind: Kind) -> usize {
        self.parts(kind, std::ptr::null_mut()).len
    }

    /// How a kind is cut into chunks and slices, and its scratch into parts.
    fn parts(&self, kind: Kind, scratch: *mut f32) -> Parts {
        let (positions, tiles, unit) = (self.positions(), self.total_tiles(), self.unit(kind));
        let (depth, columns) = match kind {
            Kind::Forward | Kind::Weight => (self.inner(), self.conv.c_out),
            Kind::Input => (self.conv.c_out, self.inner()),
        };
        // Along the depth of the product, points of bf16 lie in pairs: that of the tiles' own is the weight's.
        let pair = self.pair();
        let depth_words = if kind == Kind::Weight { depth } else { depth / pair };
        // Cut evenly, so that nothing thin is left over.
        let slices = (positions * depth_words * columns).div_ceil(self.limits.slice);
        let width = columns.div_ceil(slices).next_multiple_of(PANEL).min(columns);
        let tile = positions * (depth_words + width);
        let Limits { chunk, near_chunk, .. } = self.limits;
        let is_near = kind != Kind::Weight && tile * unit.max(NEAR_TILES) <= near_chunk;
        let most = if is_near { near_chunk } else { chunk };
        let most = (most / tile / unit).max(1) * unit;
        let chunk = (tiles / unit).div_ceil(tiles.div_ceil(most)) * unit;
        let rows = chunk.next_multiple_of(BLOCK);
        let at = |from: usize| Shared::new(scratch.wrapping_add(from));
        let (left_row, right_row) = match kind {
            Kind::Weight => (depth, width),
            _ => (depth_words + GAP, width + GAP),
        };
        let (weights_apart, left_apart, right_apart) = (
            apart(depth_words * width),
            apart(rows * left_row),
            apart(rows * right_row),
        );
        let left = positions * weights_apart;
        let right = left + positions * left_apart;
        let len = right + positions * right_apart;
        Parts {
            is_near,
            pair,
            positions,
            tiles,
            chunk,
            depth: depth_words,
            columns,
            width,
            weights: at(0),
            weights_apart,
            left: at(left),
            left_row,
            left_apart,
            right: at(right),
            right_row,
            right_apart,
            len: if is_near { left } else { len },
        }
    }

    /// Sample, and the first pixel of y in a tile: its depth, row and column.
    fn corner(&self, tile: usize) -> (usize, [usize; 3]) {
        let (sample, at) = (tile / self.picture(), tile % self.picture());
        let (depth, at) = (at / self.slice(), at % self.slice());
        let pixel = |axis: usize, mut number: usize| {
            for (residue, pixels) in residues(self.conv, axis).enumerate() {
                let tiles = pixels.div_ceil(self.outputs);
                if number < tiles {
                    return residue + number * self.outputs * self.conv.dilation[axis];
                }
                number -= tiles;
            }
            unreachable!("a picture has no more tiles")
        };
        (
            sample,
            [depth, pixel(1, at / self.tiles[1]), pixel(2, at % self.tiles[1])],
        )
    }

    /// The tap along the depth and the residues that a phase stands for.
    fn phase(&self, phase: usize) -> [usize; 3] {
        let [_, down, right] = self.conv.stride;
        [phase / (down * right), phase / right % down, phase % right]
    }

    /// Where the pixels of a tile of x start, for one phase; null outside.
    fn pixels(&self, x: *mut f32, tile: usize, phase: usize) -> Places {
        let conv = self.conv;
        let (sample, corner) = self.corner(tile);
        let mut offsets = self.phase(phase);
        offsets[0] *= conv.dilation[0];
        let at = std::array::from_fn(|axis| {
            (corner[axis] * conv.stride[axis] + offsets[axis]) as isize - conv.padding[axis] as isize
        });
        let steps = [1, 2].map(|axis| conv.stride[axis] * conv.dilation[axis]);
        places(x, conv.input, conv.c_in, sample, at, steps, self.points)
    }

    /// Where the pixels of a tile of y start; null outside.
    fn results(&self, y: *mut f32, tile: usize) -> Places {
        let conv = self.conv;
        let (sample, corner) = self.corner(tile);
        let at = corner.map(|at| at as isize);
        places(
            y,
            conv.output,
            conv.c_out,
            sample,
            at,
            [conv.dilation[1], conv.dilation[2]],
            self.outputs,
        )
    }

    /// Where the taps of a phase start in w, for one channel of x; null where the window has none.
    fn taps(&self, w: *mut f32, phase: usize, channel: usize) -> Places {
        let conv = self.conv;
        let [_, down, right] = conv.stride;
        let [depth, first_row, first_column] = self.phase(phase);
        let mut taps = Places::NONE;
        for i in 0..self.taps {
            for j in 0..self.taps {
                let (row, column) = (i * down + first_row, j * right + first_column);
                if row < conv.kernel[1] && column < conv.kernel[2] {
                    let tap = (depth * conv.kernel[1] + row) * conv.kernel[2] + column;
                    taps.at[i * self.taps + j] = w.wrapping_add((tap * conv.c_in + channel) * conv.c_out);
                }
            }
        }
        taps
    }

    /// Computes y from x and w.
    ///
    /// # Safety
    /// As for [`Conv::forward`].
    pub(super) unsafe fn forward(
        &self,
        x: *const f32,
        w: *const f32,
        y: *mut f32,
        scratch: *mut f32,
        epilogue: Option<Epilogue>,
    ) {
        let (kernel, transforms) = (self.multiplier(), (self.transforms)(self.arithmetic.isa));
        let outer = self.conv.c_out;
        let unit = self.unit(Kind::Forward);
        let parts = self.parts(Kind::Forward, scratch);
        let (x, y) = (Shared::read(x), Shared::new(y));
        // SAFETY: the parts of the scratch are disjoint and as long as is said there; every task writes its own tiles,
        // rows or channels; the caller vouches for the operands.
        unsafe {
            for slice in parts.slices() {
                self.weights(&transforms, w, slice.clone(), &parts);
                parts.each_chunk(|chunk, parts| {
                    if slice.start == 0 || !parts.is_one_chunk() {
                        pool::for_each(chunk.len(), |number| {
                            for phase in 0..self.phases() {
                                let channels = self.conv.c_in;
                                let from = self.pixels(x.get(), chunk.start + number, phase);
                                let to = parts.left(number, phase * channels);
                                (transforms.pixels.row[parts.pair - 1])(&Job { from, to, channels });
                            }
                        });
                    }
                    parts.product(chunk.len(), slice.len()).run(&kernel);
                    pool::for_each(chunk.len() / unit, |number| {
                        let first = chunk.start + number * unit;
                        for tile in first..first + unit {
                            let mut to = self.results(y.get(), tile);
                            to.first = slice.start;
                            let (from, channels) = (parts.result(tile - chunk.start, 0), slice.len());
                            (transforms.results)(&Job { from, to, channels });
                        }
                        if let Some(epilogue) = epilogue
                            && slice.end == outer
                        {
                            let (sample, [deep, top, _]) = self.corner(first);
                            let [depth, height, width] = self.conv.output;
                            let lines = if unit == self.slice() { height } else { self.outputs };
                            let line = |line: usize| ((sample * depth + deep) * height + line) * width * outer;
                            epilogue(line(top)..line(height.min(top + lines)));
                        }
                    });
                });
            }
        }
    }

    /// Computes the gradient with respect to x from the one with respect to y.
    ///
    /// # Safety
    /// As for [`Conv::input_gradient`].
    pub(super) unsafe fn input_gradient(&self, dy: *const f32, w: *const f32, dx: *mut f32, scratch: *mut f32) {
        let (kernel, transforms) = (self.multiplier(), (self.transforms)(self.arithmetic.isa));
        let (channels, outer) = (self.conv.c_in, self.conv.c_out);
        let unit = self.unit(Kind::Input);
        let parts = self.parts(Kind::Input, scratch);
        let (dy, dx) = (Shared::read(dy), Shared::new(dx));
        let picture = self.conv.input.iter().product::<usize>() * channels;
        // SAFETY: the parts of the scratch are disjoint and as long as is said there; every task writes its own tiles,
        // rows or pictures; the caller vouches for the operands.
        unsafe {
            for slice in parts.slices() {
                self.turned_weights(&transforms, w, slice.clone(), &parts);
                parts.each_chunk(|chunk, parts| {
                    if slice.start == 0 || !parts.is_one_chunk() {
                        pool::for_each(chunk.len(), |number| {
                            let from = self.results(dy.get(), chunk.start + number);
                            let (to, channels) = (parts.left(number, 0), outer);
                            (transforms.gradients.row[parts.pair - 1])(&Job { from, to, channels });
                        });
                    }
                    parts.product(chunk.len(), slice.len()).run(&kernel);
                    // Tiles of x overlap, so a picture is summed by one task, in the order of its tiles.
                    pool::for_each(chunk.len() / unit, |number| {
                        let first = chunk.start + number * unit;
                        if slice.start == 0 {
                            let at = first / unit * picture;
                            std::slice::from_raw_parts_mut(dx.get().add(at), picture).fill(0.0);
                        }
                        for tile in first..first + unit {
                            for phase in 0..self.phases() {
                                let start = slice.start.max(phase * channels);
                                let end = slice.end.min((phase + 1) * channels);
                                if start < end {
                                    let from = parts.result(tile - chunk.start, start - slice.start);
                                    let mut to = self.pixels(dx.get(), tile, phase);
                                    to.first = start - phase * channels;
                                    let channels = end - start;
                                    (transforms.spread)(&Job { from, to, channels });
                                }
                            }
                        }
                    });
                });
            }
        }
    }

    /// Computes the gradient with respect to w from x and the gradient with respect to y.
    ///
    /// # Safety
    /// As for [`Conv::weight_gradient`].
    pub(super) unsafe fn weight_gradient(&self, x: *const f32, dy: *const f32, dw: *mut f32, scratch: *mut f32) {
        let (kernel, transforms) = (self.multiplier(), (self.transforms)(self.arithmetic.isa));
        let (inner, channels) = (self.inner(), self.conv.c_in);
        let parts = self.parts(Kind::Weight, scratch);
        let (positions, pair) = (parts.positions, parts.pair);
        let (x, dy, dw) = (Shared::read(x), Shared::read(dy), Shared::new(dw));
        // SAFETY: the parts of the scratch are disjoint and as long as is said there; every task writes its own words,
        // rows or channels; the caller vouches for the operands.
        unsafe {
            for slice in parts.slices() {
                for chunk in parts.chunks() {
                    // Both operands are written as the panels that the product reads: the tiles are its depth.
                    let depth = chunk.len().div_ceil(pair);
                    pool::for_each(depth, |word| {
                        for number in word * pair..chunk.len().min((word + 1) * pair) {
                            let (tile, half) = (chunk.start + number, number % pair);
                            if slice.start == 0 || !parts.is_one_chunk() {
                                for phase in 0..self.phases() {
                                    let from = self.pixels(x.get(), tile, phase);
                                    let mut to = Places::apart(parts.left.get(), parts.left_apart, positions);
                                    to.first = phase * channels * depth + word * BLOCK;
                                    to.step = depth * BLOCK;
                                    (transforms.pixels.column(pair, half))(&Job { from, to, channels });
                                }
                            }
                            let from = self.results(dy.get(), tile);
                            let to = Places::apart(parts.right.get(), parts.right_apart, positions);
                            let mut job = Job { from, to, channels: 0 };
                            for column in (0..slice.len()).step_by(PANEL) {
                                let panel = Panel::of(column, slice.len(), depth);
                                job.from.first = slice.start + column;
                                job.to.first = panel.at(word);
                                job.channels = panel.width;
                                (transforms.gradients.column(pair, half))(&job);
                            }
                        }
                    });
                    let product = Product {
                        positions,
                        rows: inner,
                        depth,
                        columns: slice.len(),
                        a: parts.left,
                        a_row: 1,
                        a_position: parts.left_apart,
                        b: parts.right,
                        b_position: parts.right_apart,
                        c: parts.weights,
                        c_row: parts.width,
                        c_position: parts.weights_apart,
                        accumulate: chunk.start > 0,
                    };
                    product.run(&kernel);
                }
                pool::for_each(inner, |row| {
                    let at = parts.weights.get().wrapping_add(row * parts.width);
                    let from = Places::apart(at, parts.weights_apart, positions);
                    let mut to = self.taps(dw.get(), row / channels, row % channels);
                    to.first = slice.start;
                    let channels = slice.len();
                    (transforms.gather)(&Job { from, to, channels });
                });
            }
        }
    }

    /// Writes the points of the taps as panels of columns of y: a row per channel of x and phase.
    ///
    /// # Safety
    /// w is readable, the parts are writable, and the machine has the instruction set.
    unsafe fn weights(&self, transforms: &Transforms, w: *const f32, slice: Range<usize>, parts: &Parts) {
        let w = Shared::read(w);
        pool::for_each(parts.depth, |word| {
            for half in 0..parts.pair {
                let row = word * parts.pair + half;
                let from = self.taps(w.get(), row / self.conv.c_in, row % self.conv.c_in);
                let to = Places::apart(parts.weights.get(), parts.weights_apart, parts.positions);
                let mut job = Job { from, to, channels: 0 };
                for column in (0..slice.len()).step_by(PANEL) {
                    let panel = Panel::of(column, slice.len(), parts.depth);
                    job.from.first = slice.start + column;
                    job.to.first = panel.at(word);
                    job.channels = panel.width;
                    // SAFETY: the task alone writes its word of every column; the caller vouches for the rest.
                    unsafe { (transforms.taps.column(parts.pair, half))(&job) };
                }
            }
        });
    }

    /// Writes the points of the taps as panels of columns of x's channels and phases: a row per channel of y.
    ///
    /// # Safety
    /// As for `weights`.
    unsafe fn turned_weights(&self, transforms: &Transforms, w: *const f32, slice: Range<usize>, parts: &Parts) {
        let (kernel, outer, pair) = (Kernel::<f32>::of(self.arithmetic.isa), self.conv.c_out, parts.pair);
        let w = Shared::read(w);
        pool::for_each(slice.len() / BLOCK, |block| {
            let column = slice.start + block * BLOCK;
            let panel = Panel::of(block * BLOCK, slice.len(), parts.depth);
            let taps = self.taps(w.get(), column / self.conv.c_in, column % self.conv.c_in).at;
            let mut to = Places::apart(parts.weights.get(), parts.weights_apart, parts.positions);
            to.step = panel.width;
            // SAFETY: the task alone writes its columns; the caller vouches for the rest.
            scratch::with(self.taps * self.taps * TURNED * BLOCK, |turned: *mut f32| unsafe {
                for first in (0..outer).step_by(TURNED) {
                    let count = TURNED.min(outer - first);
                    let mut from = Places::NONE;
                    for (tap, from) in from.at.iter_mut().enumerate().take(self.taps * self.taps) {
                        if taps[tap].is_null() {
                            continue;
                        }
                        let turned = turned.add(tap * TURNED * BLOCK);
                        for channel in (0..BLOCK).step_by(kernel.rows) {
                            let sources: [*const f32; MAX_ROWS] = std::array::from_fn(|r| {
                                let row = channel + r.min(kernel.rows - 1);
                                taps[tap].add(row * outer + first).cast_const()
                            });
                            (kernel.transpose)(&sources, count, turned.add(channel), BLOCK);
                        }
                        *from = turned;
                    }
                    // Every channel of y takes the place of a block: its row of the panel is one.
                    let channels = count / pair * BLOCK;
                    to.first = panel.at(first / pair);
                    from.step = pair * BLOCK;
                    for half in 0..pair {
                        from.first = half * BLOCK;
                        (transforms.taps.column(pair, half))(&Job { from, to, channels });
                    }
                }
            });
        });
    }
}

/// How the work is cut, and where in the scratch it is done.
#[derive(Clone, Copy)]
struct Parts {
    /// Whether a chunk is one thread's, in scratch of its own.
    is_near: bool,
    /// Points that a word holds.
    pair: usize,
    positions: usize,
    tiles: usize,
    /// Tiles of a chunk.
    chunk: usize,
    /// Words of channels of x and phases, or for the input gradient those of y; for the weight's the channels themselves.
    depth: usize,
    /// Channels that are cut into slices.
    columns: usize,
    /// Channels of a slice.
    width: usize,
    /// The points of the taps, or of their gradient: `[positions, depth, width]`.
    weights: Shared<f32>,
    weights_apart: usize,
    /// The points of the tiles: `[positions, rows, depth]`.
    left: Shared<f32>,
    /// Elements from one tile to the next.
    left_row: usize,
    left_apart: usize,
    /// The products, or the points of the other operand: `[positions, rows, width]`.
    right: Shared<f32>,
    right_row: usize,
    right_apart: usize,
    /// Elements of all parts.
    len: usize,
}

impl Parts {
    fn slices(&self) -> impl Iterator<Item = Range<usize>> {
        let (columns, width) = (self.columns, self.width);
        (0..columns)
            .step_by(width)
            .map(move |start| start..(start + width).min(columns))
    }

    fn chunks(&self) -> impl Iterator<Item = Range<usize>> {
        let (tiles, chunk) = (self.tiles, self.chunk);
        (0..tiles)
            .step_by(chunk)
            .map(move |start| start..(start + chunk).min(tiles))
    }

    /// Calls `work` for every chunk: for one after the other, which all threads then share, or for near ones side by side.
    fn each_chunk(&self, work: impl Fn(Range<usize>, &Parts) + Sync) {
        if !self.is_near {
            return self.chunks().for_each(|chunk| work(chunk, self));
        }
        let left_len = self.positions * self.left_apart;
        pool::for_each(self.tiles.div_ceil(self.chunk), |number| {
            let start = number * self.chunk;
            scratch::with(left_len + self.positions * self.right_apart, |own: *mut f32| {
                let parts = Parts {
                    left: Shared::new(own),
                    right: Shared::new(own.wrapping_add(left_len)),
                    ..*self
                };
                work(start..(start + self.chunk).min(self.tiles), &parts);
            });
        });
    }

    /// Then the points of the tiles serve all slices.
    fn is_one_chunk(&self) -> bool {
        self.chunk >= self.tiles && !self.is_near
    }

    /// The points of a tile of the chunk, from a channel on.
    fn left(&self, tile: usize, channel: usize) -> Places {
        let mut places = Places::apart(self.left.get(), self.left_apart, self.positions);
        places.first = tile * self.left_row + channel / self.pair;
        places.step = BLOCK / self.pair;
        places
    }

    /// The products of a tile of the chunk, from a column of the slice on.
    fn result(&self, tile: usize, column: usize) -> Places {
        let first = self.right.get().wrapping_add(tile * self.right_row + column);
        Places::apart(first, self.right_apart, self.positions)
    }

    /// The product of the points of some tiles and a slice of the weights.
    fn product(&self, rows: usize, columns: usize) -> Product {
        Product {
            positions: self.positions,
            rows,
            depth: self.depth,
            columns,
            a: self.left,
            a_row: self.left_row,
            a_position: self.left_apart,
            b: self.weights,
            b_position: self.weights_apart,
            c: self.right,
            c_row: self.right_row,
            c_position: self.right_apart,
            accumulate: false,
        }
    }
}

/// Where some columns of a panelled matrix lie.
struct Panel {
    /// Where the first row's part starts.
    start: usize,
    /// Columns of the panel: elements from one row to the next.
    width: usize,
}

impl Panel {
    /// The panel of a matrix with `depth` rows that holds this column.
    fn of(column: usize, columns: usize, depth: usize) -> Self {
        let first = column / PANEL * PANEL;
        Self {
            start: first * depth + column - first,
            width: PANEL.min(columns - first),
        }
    }

    fn at(&self, row: usize) -> usize {
        self.start + row * self.width
    }
}

/// A product for every point: `C[rows, columns] (+)= A[rows, depth] B[depth, columns]`.
struct Product {
    positions: usize,
    rows: usize,
    depth: usize,
    columns: usize,
    a: Shared<f32>,
    /// Elements from one row of A to the next; 1 says that A is panels of [`BLOCK`] rows.
    a_row: usize,
    a_position: usize,
    /// Panels of [`PANEL`] columns.
    b: Shared<f32>,
    b_position: usize,
    c: Shared<f32>,
    c_row: usize,
    c_position: usize,
    accumulate: bool,
}

impl Product {
    /// # Safety
    /// The operands have the elements that the product names (A in whole blocks of rows), C is written by nobody else,
    /// and the machine has the kernel's instruction set.
    unsafe fn run(&self, kernel: &Kernel<f32>) {
        let (row_blocks, column_blocks) = (self.rows.div_ceil(ROWS), self.columns.div_ceil(COLUMNS));
        let is_panel = self.a_row == 1;
        let a_step = if is_panel { BLOCK } else { 1 };
        let offsets: [usize; MAX_ROWS] = std::array::from_fn(|row| row * self.c_row);
        pool::for_each(self.positions * row_blocks * column_blocks, |task| {
            let (rest, column) = (task / column_blocks, task % column_blocks);
            let (position, row) = (rest / row_blocks, rest % row_blocks);
            let rows = row * ROWS..((row + 1) * ROWS).min(self.rows);
            let columns = column * COLUMNS..((column + 1) * COLUMNS).min(self.columns);
            // SAFETY: the task alone writes its rows and columns of its point; the caller vouches for the rest.
            unsafe {
                let a = self.a.get().add(position * self.a_position);
                let b = self.b.get().add(position * self.b_position);
                let c = self.c.get().add(position * self.c_position);
                for start in (0..self.depth).step_by(DEPTH) {
                    let depth = DEPTH.min(self.depth - start);
                    for column in columns.clone().step_by(kernel.columns()) {
                        let panel = Panel::of(column, self.columns, self.depth);
                        for row in rows.clone().step_by(kernel.rows) {
                            let first = if is_panel {
                                row / BLOCK * BLOCK * self.depth + row % BLOCK
                            } else {
                                row * self.a_row
                            };
                            (kernel.tile)(&Tile {
                                depth,
                                a: a.add(first + start * a_step),
                                a_row: self.a_row,
                                a_step,
                                b: b.add(panel.at(start)),
                                b_stride: panel.width,
                                c: c.add(row * self.c_row + column),
                                offsets: offsets.as_ptr(),
                                rows: kernel.rows.min(rows.end - row),
                                columns: kernel.columns().min(columns.end - column),
                                accumulate: self.accumulate || start > 0,
                            });
                        }
                    }
                }
            }
        });
    }
}

/// Pixels of y of each residue of the dilation: windows of different residues see different pixels of x, so each is a
/// convolution of its own.
fn residues(conv: &Conv, axis: usize) -> impl Iterator<Item = usize> {
    let (pixels, dilation) = (conv.output[axis], conv.dilation[axis]);
    (0..dilation).map(move |residue| pixels.saturating_sub(residue).div_ceil(dilation))
}

/// Elements from one point to the next where each has `len`.
fn apart(len: usize) -> usize {
    len.next_multiple_of(1024) + APART
}

/// Where the pixels of a square of a picture start, row by row; null outside.
fn places(
    pictures: *mut f32,
    extents: [usize; 3],
    channels: usize,
    sample: usize,
    corner: [isize; 3],
    steps: [usize; 2],
    count: usize,
) -> Places {
    let mut places = Places::NONE;
    let [depth, height, width] = extents;
    if corner[0] as usize >= depth {
        return places;
    }
    let picture = pictures.wrapping_add((sample * depth + corner[0] as usize) * height * width * channels);
    for i in 0..count {
        let row = corner[1] + (i * steps[0]) as isize;
        if (row as usize) < height {
            for j in 0..count {
                let column = corner[2] + (j * steps[1]) as isize;
                if (column as usize) < width {
                    places.at[i * count + j] =
                        picture.wrapping_add((row as usize * width + column as usize) * channels);
                }
            }
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// -1, 0 or 1.
    fn signs(len: usize, seed: usize) -> Vec<f32> {
        (0..len)
            .map(|i| (((i + seed) * 7919 + seed * 104_729) % 1009 % 3) as f32 - 1.0)
            .collect()
    }

    fn numbers(len: usize, seed: usize) -> Vec<f32> {
        (0..len)
            .map(|i| ((i * 7919 + seed * 104_729) % 1009) as f32 / 504.5 - 1.0)
            .collect()
    }

    /// The three convolutions by their definition, in double precision.
    fn definition(conv: &Conv, x: &[f32], w: &[f32], dy: &[f32]) -> [Vec<f64>; 3] {
        let (mut y, mut dx, mut dw) = (vec![0.0; dy.len()], vec![0.0; x.len()], vec![0.0; w.len()]);
        let split = |number: usize, [_, height, width]: [usize; 3]| {
            [number / width / height, number / width % height, number % width]
        };
        let count = |extents: [usize; 3]| extents.iter().product::<usize>();
        for sample in 0..conv.batch {
            for (q, t) in (0..count(conv.output)).flat_map(|q| (0..count(conv.kernel)).map(move |t| (q, t))) {
                let (pixel, tap) = (split(q, conv.output), split(t, conv.kernel));
                let at: [usize; 3] = std::array::from_fn(|axis| {
                    let first = pixel[axis] * conv.stride[axis] + tap[axis] * conv.dilation[axis];
                    first.wrapping_sub(conv.padding[axis])
                });
                if (0..3).any(|axis| at[axis] >= conv.input[axis]) {
                    continue;
                }
                let [depth, height, width] = conv.input;
                let at_x = (((sample * depth + at[0]) * height + at[1]) * width + at[2]) * conv.c_in;
                let at_y = (sample * count(conv.output) + q) * conv.c_out;
                for c in 0..conv.c_in {
                    let at_w = (t * conv.c_in + c) * conv.c_out;
                    for o in 0..conv.c_out {
                        let (x, w, dy) = (x[at_x + c] as f64, w[at_w + o] as f64, dy[at_y + o] as f64);
                        y[at_y + o] += x * w;
                        dx[at_x + c] += dy * w;
                        dw[at_w + o] += x * dy;
                    }
                }
            }
        }
        [y, dx, dw]
    }

    /// The root mean square of the errors, as a share of that of what is wanted.
    fn error(found: &[f32], wanted: &[f64]) -> f64 {
        let scale = wanted.iter().map(|x| x * x).sum::<f64>();
        let errors = found.iter().zip(wanted).map(|(&x, y)| (x as f64 - y).powi(2));
        (errors.sum::<f64>() / scale.max(1e-30)).sqrt()
    }

    /// Compares every algorithm on every arithmetic with the definition; `bounds` are those of an error in f32 and bf16.
    fn check(conv: &Conv, numbers: fn(usize, usize) -> Vec<f32>, bounds: [f64; 2]) {
        let count = |extents: [usize; 3]| extents.iter().product::<usize>();
        let x = numbers(conv.batch * count(conv.input) * conv.c_in, 1);
        let mut w = numbers(count(conv.kernel) * conv.c_in * conv.c_out, 2);
        // So whole numbers stay whole: no algorithm of five points divides by more.
        w.iter_mut().for_each(|w| *w *= 36.0);
        let dy = numbers(conv.batch * count(conv.output) * conv.c_out, 3);
        let [wanted_y, wanted_dx, wanted_dw] = definition(conv, &x, &w, &dy);
        // Cut into as much, and as little, as there can be: near chunks and shared ones, one slice and several.
        let cuts = [1, 1 << 30].map(|chunk| [1, 1 << 30].map(|slice| (chunk, slice)));
        let limits = cuts.into_iter().flatten().flat_map(|(chunk, slice)| {
            [0, 1 << 14, 1 << 30].map(|near_chunk| Limits {
                chunk,
                near_chunk,
                slice,
            })
        });
        let limits: Vec<Limits> = limits.chain([LIMITS]).collect();
        let algorithms = |arithmetic| {
            let all = Winograd::candidates(conv, arithmetic).into_iter().flatten();
            let exact = all.filter(|algorithm| algorithm.is_exact_enough());
            exact.flat_map(|algorithm| limits.iter().map(move |&limits| Winograd { limits, ..algorithm }))
        };
        for algorithm in Arithmetic::available().into_iter().flat_map(algorithms) {
            let scratch_len = [Kind::Forward, Kind::Input, Kind::Weight].map(|kind| algorithm.scratch_len(kind));
            let mut scratch = vec![f32::NAN; scratch_len.into_iter().max().unwrap() + 16];
            let skip = scratch.as_ptr().align_offset(64);
            let scratch = scratch[skip..].as_mut_ptr();
            let (mut y, mut dx, mut dw) = (
                vec![f32::NAN; dy.len()],
                vec![f32::NAN; x.len()],
                vec![f32::NAN; w.len()],
            );
            let seen = std::sync::Mutex::new(Vec::new());
            let out = Shared::new(y.as_mut_ptr());
            let epilogue = |range: Range<usize>| {
                // SAFETY: the range is final and in bounds.
                assert!(range.clone().all(|i| !unsafe { *out.get().add(i) }.is_nan()));
                seen.lock().unwrap().push(range);
            };
            // SAFETY: all buffers have the lengths that the shape asks for.
            unsafe {
                algorithm.forward(x.as_ptr(), w.as_ptr(), out.get(), scratch, Some(&epilogue));
                algorithm.input_gradient(dy.as_ptr(), w.as_ptr(), dx.as_mut_ptr(), scratch);
                algorithm.weight_gradient(x.as_ptr(), dy.as_ptr(), dw.as_mut_ptr(), scratch);
            }
            let mut seen = seen.into_inner().unwrap();
            seen.sort_by_key(|range| range.start);
            assert!(
                seen.into_iter().flatten().eq(0..y.len()),
                "the epilogue sees each element once"
            );
            for (name, found, wanted) in [("y", &y, &wanted_y), ("dx", &dx, &wanted_dx), ("dw", &dw, &wanted_dw)] {
                let error = error(found, wanted);
                let (arithmetic, points) = (algorithm.arithmetic, algorithm.points);
                let bound = bounds[algorithm.pair() - 1];
                assert!(
                    error < bound,
                    "{name} is off by {error:.1e}: {arithmetic:?}, {points} points, {conv:?}"
                );
            }
        }
    }

    prop_compose! {
        fn any_conv()(
            batch in 1usize..4, c_in in 1usize..5, c_out in 1usize..5,
            axes in prop::collection::vec((1usize..14, 1usize..3, 0usize..3, 0usize..2, 2usize..4), 2),
            taps in prop::sample::select(vec![2usize, 3, 5]), spread in 0usize..4,
            deep in (1usize..5, 1usize..4, 1usize..3, 1usize..3, 0usize..2), is_deep in 0usize..3,
        ) -> Conv {
            let mut conv = Conv {
                batch, groups: 1, c_in: c_in * BLOCK, c_out: c_out * BLOCK, input: [1; 3], output: [1; 3],
                kernel: [1; 3], stride: [1; 3], dilation: [1; 3], padding: [0; 3],
            };
            for (i, &(input, stride, padding, less, dilation)) in (1..).zip(&axes) {
                let (stride, dilation) = if spread == 0 { (1, dilation) } else { (stride, 1) };
                (conv.stride[i], conv.dilation[i]) = (stride, dilation);
                conv.kernel[i] = taps * stride - less.min(stride - 1);
                conv.input[i] = input;
                conv.padding[i] = padding;
                let window = (conv.kernel[i] - 1) * dilation + 1;
                conv.output[i] = ((input + 2 * padding).max(window) - window) / stride + 1;
            }
            if is_deep == 0 {
                let (input, kernel, stride, dilation, padding) = deep;
                let window = (kernel - 1) * dilation + 1;
                (conv.input[0], conv.kernel[0], conv.stride[0]) = (input, kernel, stride);
                (conv.dilation[0], conv.padding[0]) = (dilation, padding);
                conv.output[0] = ((input + 2 * padding).max(window) - window) / stride + 1;
            }
            conv
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]
        #[test]
        fn whole_numbers_through_any_convolution(conv in any_conv()) {
            check(&conv, signs, [1e-5; 2]);
        }
    }

    #[test]
    fn rounding_errors_are_as_documented() {
        for (kernel, stride) in [(4, 2), (3, 1), (5, 1)] {
            let conv = Conv {
                batch: 3,
                groups: 1,
                c_in: 64,
                c_out: 48,
                input: [1, 16, 16],
                output: [1, 16 / stride, 16 / stride],
                kernel: [1, kernel, kernel],
                stride: [1, stride, stride],
                dilation: [1; 3],
                padding: [0, (kernel - 1) / 2, (kernel - 1) / 2],
            };
            check(&conv, numbers, [5e-6, 2e-2]);
        }
    }
}
