//! The blocked loops around the tile: what dense products and convolutions share.
//!
//! B is packed whole into panels of columns (or by each task, where tasks share no part of it), A block by block into
//! panels of rows. Work is cut by shape alone, so the sums are the same for any number of threads.
use super::{
    arithmetic::{Arithmetic, Multiplier},
    micro::{Dot, Kernel, MAX_LANES, MAX_ROWS, THIN, Tile},
    real::Real,
    scratch::{self, Shared},
};
use crate::pool;
use std::ops::Range;

/// The most rows that one task computes.
pub(super) const MAX_BLOCK: usize = 192;
/// Depth of a block of A and B, in bytes of one row.
const DEPTH_BYTES: usize = 2048;
/// Pieces of the depth are multiples of this many elements.
const PIECE_STEP: usize = 512;
/// A multiple of every kernel's tile width.
const COLUMN_STEP: usize = 96;

/// What is called with each finished range of the output.
pub(crate) type Epilogue<'a> = &'a (dyn Fn(Range<usize>) + Sync);

/// Where the operands of a product come from and where the result goes; `item` numbers independent products.
pub(super) trait Source<T: Real>: Sync {
    /// Packs rows of A into panels: `out[panel][k][row in panel]`. Rows past the end may hold anything finite.
    ///
    /// # Safety
    /// The operands are readable, `out` is writable for whole panels, the machine has the kernel's instruction set.
    unsafe fn pack_a(&self, kernel: &Kernel<T>, item: usize, rows: Range<usize>, depth: Range<usize>, out: *mut T);

    /// Packs one panel of B: `out[k][column]` with `width` columns, zeros past the end.
    ///
    /// # Safety
    /// As for `pack_a`.
    unsafe fn pack_b(
        &self,
        kernel: &Kernel<T>,
        item: usize,
        depth: Range<usize>,
        columns: Range<usize>,
        width: usize,
        out: *mut T,
    );

    /// Whether rows of A come in runs along the depth that are worth multiplying where they lie.
    fn has_runs(&self) -> bool;

    /// Whether `pack_a` transposes all rows of A in runs that begin at even places of the depth, and all but the last end
    /// there: then a kernel whose words hold two places may pack it.
    fn has_even_runs(&self) -> bool;

    /// Calls `visit(sources, start, length)` for every run of at most eight rows; sources past the last row may be any
    /// that are readable.
    ///
    /// # Safety
    /// The operands are readable; the sources are only read during the call.
    unsafe fn visit_runs(
        &self,
        item: usize,
        rows: Range<usize>,
        depth: Range<usize>,
        visit: &mut dyn FnMut(&[*const T; MAX_ROWS], usize, usize),
    );

    /// Where an item's rows start in C.
    fn offsets(&self, item: usize, rows: Range<usize>, out: &mut [usize; MAX_BLOCK]);
}

/// How a product is cut into tasks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut {
    m: usize,
    n: usize,
    k: usize,
    items: usize,
    row_block: usize,
    row_blocks: usize,
    column_block: usize,
    column_blocks: usize,
    piece: usize,
    pieces: usize,
}

impl Cut {
    /// Cuts `items` products of `[m, k]` by `[k, n]`.
    pub(super) fn new(items: usize, m: usize, n: usize, k: usize) -> Self {
        let work = m.saturating_mul(n).saturating_mul(k).saturating_mul(items);
        let wanted = (work >> 20).clamp(1, 32).div_ceil(items.max(1));
        // A deep product is cut along its depth, so that what is packed serves whole rows and columns.
        let deep = k >= 8 * m.max(n);
        let smallest = if deep {
            MAX_BLOCK
        } else if m < 1024 {
            64
        } else {
            96
        };
        let row_block = m.div_ceil(wanted).clamp(smallest, MAX_BLOCK);
        let row_blocks = m.div_ceil(row_block).max(1);
        let row_block = m.div_ceil(row_blocks).next_multiple_of(MAX_ROWS);
        let wanted = wanted.min(16);
        let column_blocks = if deep {
            1
        } else {
            wanted.div_ceil(row_blocks).min(n / COLUMN_STEP).max(1)
        };
        let column_block = n.div_ceil(column_blocks).next_multiple_of(COLUMN_STEP).max(COLUMN_STEP);
        let column_blocks = n.div_ceil(column_block).max(1);
        let pieces = wanted
            .div_ceil(row_blocks * column_blocks)
            .min(k / (2 * PIECE_STEP))
            .max(1);
        let piece = if pieces == 1 {
            k
        } else {
            k.div_ceil(pieces).next_multiple_of(PIECE_STEP)
        };
        let pieces = if pieces == 1 { 1 } else { k.div_ceil(piece) };
        Self {
            m,
            n,
            k,
            items,
            row_block,
            row_blocks,
            column_block,
            column_blocks,
            piece,
            pieces,
        }
    }

    /// Tasks with one block of rows each pack the part of B that is theirs alone.
    fn own_b(&self) -> bool {
        self.row_blocks == 1
    }

    fn packed_len(&self) -> usize {
        self.k * self.n.next_multiple_of(MAX_LANES)
    }

    /// Columns that lie along the depth.
    fn thin_len(&self) -> usize {
        (self.k * self.n).next_multiple_of(MAX_LANES)
    }

    /// Elements of scratch; `shared_b` says that all items have the same B.
    pub(super) fn scratch_len(&self, shared_b: bool) -> usize {
        let packed = if self.own_b() {
            0
        } else if shared_b {
            self.packed_len()
        } else {
            self.items * self.packed_len()
        };
        let packed = if self.n <= THIN {
            packed.max(self.items * self.thin_len())
        } else {
            packed
        };
        packed
            + if self.pieces > 1 {
                (self.items * self.pieces * self.m * self.n).next_multiple_of(MAX_LANES)
            } else {
                0
            }
    }
}

/// Calls the epilogue for rows of `row_len` elements that are all final.
pub(super) fn sweep(rows: usize, row_len: usize, epilogue: Epilogue) {
    let step = 16_384_usize.div_ceil(row_len.max(1)).max(1);
    if row_len > 0 {
        pool::for_each(rows.div_ceil(step), |i| {
            epilogue(i * step * row_len..((i + 1) * step).min(rows) * row_len)
        });
    }
}

/// Computes every item of a product. With an epilogue, C must be `items` dense matrices one after another.
///
/// # Safety
/// The source's operands are readable, C is writable where its offsets point (each row `n` elements, no two
/// overlapping), nobody else touches C, `scratch` is writable for `cut.scratch_len(shared_b)` elements, and the machine
/// has the instruction set.
#[allow(
    clippy::too_many_arguments,
    reason = "one call site per operation; a struct would only rename them"
)]
pub(super) unsafe fn product<T: Real, S: Source<T>>(
    arithmetic: Arithmetic,
    cut: &Cut,
    shared_b: bool,
    source: &S,
    c: *mut T,
    scratch: *mut T,
    epilogue: Option<Epilogue>,
) {
    let &Cut {
        m,
        n,
        k,
        items,
        row_block,
        row_blocks,
        column_block,
        column_blocks,
        piece,
        pieces,
    } = cut;
    if m == 0 || n == 0 || items == 0 {
        return;
    }
    if n <= THIN && k > 0 && source.has_runs() {
        let kernel = Kernel::of(arithmetic.isa);
        // In any precision as it lies: reading A once is all the work there is, and rounding it would be more.
        // SAFETY: the caller vouches for everything that a product needs.
        return unsafe { thin_product(&kernel, cut, source, c, scratch, epilogue) };
    }
    let multiplier = Multiplier::<T>::of(arithmetic, k);
    let kernel = multiplier.kernel;
    let deepest = DEPTH_BYTES / size_of::<T>();
    // One piece is cut evenly, so that no thin block is left over.
    let depth_block = if pieces == 1 {
        k.div_ceil(k.div_ceil(deepest).max(1))
            .max(1)
            .next_multiple_of(multiplier.depth_step())
    } else {
        deepest
    };
    let padded = n.next_multiple_of(MAX_LANES);
    let width_of = |start: usize, end: usize| (end - start).min(kernel.columns()).next_multiple_of(kernel.lanes);
    let packed = Shared::new(scratch);
    // Where the panels of a block of the depth start in the packed B.
    let place_of_b = |item: usize, depth: usize| (item * multiplier.words(k) + multiplier.words(depth)) * padded;
    let packed_items = if cut.own_b() {
        0
    } else if shared_b {
        1
    } else {
        items
    };
    if packed_items > 0 && k > 0 {
        let depth_blocks = k.div_ceil(depth_block);
        let panels = n.div_ceil(kernel.columns());
        let group = (32_768 / (depth_block * kernel.columns())).clamp(1, panels);
        let groups = panels.div_ceil(group);
        pool::for_each(packed_items * depth_blocks * groups, |task| {
            let (rest, first) = (task / groups, task % groups * group);
            let (item, block) = (rest / depth_blocks, rest % depth_blocks);
            let depth = block * depth_block..((block + 1) * depth_block).min(k);
            let words = multiplier.words(depth.len());
            scratch::with(multiplier.b_len(kernel.columns(), depth.len()), |elements: *mut T| {
                for panel in first..(first + group).min(panels) {
                    let start = panel * kernel.columns();
                    let end = n.min(start + kernel.columns());
                    let width = width_of(start, end);
                    // SAFETY: panels are disjoint and inside the packed part of the scratch; the caller vouches for the
                    // rest.
                    unsafe {
                        let out = packed.get().add(place_of_b(item, depth.start) + start * words);
                        multiplier.pack_b(source, item, depth.clone(), start..end, width, out, elements);
                    }
                }
            });
        });
    }
    // SAFETY: the partial sums lie behind the packed B in the scratch.
    let partial = Shared::new(unsafe { scratch.add(packed_items * cut.packed_len()) });
    let c = Shared::new(c);
    let in_task = pieces == 1 && column_blocks == 1;
    pool::for_each(items * pieces * row_blocks * column_blocks, |task| {
        let (rest, column) = (task / column_blocks, task % column_blocks);
        let (rest, row) = (rest / row_blocks, rest % row_blocks);
        let (item, number) = (rest / pieces, rest % pieces);
        let rows = (row * row_block).min(m)..((row + 1) * row_block).min(m);
        let columns = (column * column_block).min(n)..((column + 1) * column_block).min(n);
        let depth = number * piece..((number + 1) * piece).min(k);
        let mut offsets = [0; MAX_BLOCK];
        let to = if pieces == 1 {
            source.offsets(item, rows.clone(), &mut offsets);
            c.get()
        } else {
            for (offset, row) in offsets.iter_mut().zip(rows.clone()) {
                *offset = ((item * pieces + number) * m + row) * n;
            }
            partial.get()
        };
        let [a_len, a_elements] = multiplier.a_len(rows.len(), depth_block);
        let (b_len, b_elements) = if cut.own_b() {
            (
                columns.len().next_multiple_of(MAX_LANES) * multiplier.words(depth_block),
                multiplier.b_len(kernel.columns(), depth_block),
            )
        } else {
            (0, 0)
        };
        // SAFETY: the task alone writes its rows and columns; packed panels were finished by the pass before.
        let work = |a: *mut T| unsafe {
            let own_b = a.add(a_len);
            let elements = own_b.add(b_len);
            if k == 0 {
                for &offset in &offsets[..rows.len()] {
                    std::slice::from_raw_parts_mut(to.add(offset + columns.start), columns.len()).fill(T::ZERO);
                }
            }
            for start in depth.clone().step_by(depth_block) {
                let block = start..(start + depth_block).min(depth.end);
                let words = multiplier.words(block.len());
                multiplier.pack_a(source, item, rows.clone(), block.clone(), a, elements);
                for column in columns.clone().step_by(kernel.columns()) {
                    let end = columns.end.min(column + kernel.columns());
                    let width = width_of(column, end);
                    let b = if cut.own_b() {
                        let b = own_b.add((column - columns.start) * words);
                        multiplier.pack_b(source, item, block.clone(), column..end, width, b, elements);
                        b
                    } else {
                        let item = if shared_b { 0 } else { item };
                        packed.get().add(place_of_b(item, start) + column * words)
                    };
                    for row in (0..rows.len()).step_by(multiplier.tile_rows) {
                        (kernel.tile)(&Tile {
                            depth: words,
                            a: a.add(row * words),
                            a_row: 1,
                            a_step: kernel.rows,
                            b,
                            b_stride: width,
                            c: to.add(column),
                            offsets: offsets.as_ptr().add(row),
                            rows: multiplier.tile_rows.min(rows.len() - row),
                            columns: end - column,
                            accumulate: start > depth.start,
                        });
                    }
                }
            }
        };
        // SAFETY: the caller vouches for the instruction set.
        scratch::with(a_len + b_len + a_elements.max(b_elements), |memory| unsafe {
            multiplier.task(|| work(memory));
        });
        if let (true, Some(epilogue)) = (in_task, epilogue) {
            epilogue((item * m + rows.start) * n..(item * m + rows.end) * n);
        }
    });
    if pieces > 1 {
        let step = (16_384 / n).clamp(1, MAX_BLOCK);
        let blocks = m.div_ceil(step);
        pool::for_each(items * blocks, |task| {
            let (item, block) = (task / blocks, task % blocks);
            let rows = block * step..((block + 1) * step).min(m);
            let mut offsets = [0; MAX_BLOCK];
            source.offsets(item, rows.clone(), &mut offsets);
            for (row, &offset) in rows.clone().zip(&offsets) {
                // SAFETY: each row is summed by one task, after all partial sums were finished.
                unsafe {
                    let sum = std::slice::from_raw_parts_mut(c.get().add(offset), n);
                    let part =
                        |p| std::slice::from_raw_parts(partial.get().add(((item * pieces + p) * m + row) * n), n);
                    sum.copy_from_slice(part(0));
                    for p in 1..pieces {
                        for (sum, &term) in sum.iter_mut().zip(part(p)) {
                            *sum += term;
                        }
                    }
                }
            }
            if let Some(epilogue) = epilogue {
                epilogue((item * m + rows.start) * n..(item * m + rows.end) * n);
            }
        });
    } else if let (false, Some(epilogue)) = (in_task, epilogue) {
        sweep(items * m, n, epilogue);
    }
}

/// A product with at most [`THIN`] columns: rows of A are multiplied where they lie.
///
/// # Safety
/// As for [`product`].
unsafe fn thin_product<T: Real, S: Source<T>>(
    kernel: &Kernel<T>,
    cut: &Cut,
    source: &S,
    c: *mut T,
    scratch: *mut T,
    epilogue: Option<Epilogue>,
) {
    let &Cut { m, n, k, items, .. } = cut;
    let (c, columns) = (Shared::new(c), Shared::new(scratch));
    let step = DEPTH_BYTES / size_of::<T>();
    let blocks = k.div_ceil(step);
    pool::for_each(items * blocks, |task| {
        let (item, depth) = (
            task / blocks,
            task % blocks * step..(task % blocks * step + step).min(k),
        );
        // SAFETY: each task turns its own depth of its own item's columns.
        scratch::with(step * THIN, |panel: *mut T| unsafe {
            source.pack_b(kernel, item, depth.clone(), 0..n, n, panel);
            for j in 0..n {
                let out = columns.get().add(item * cut.thin_len() + j * k + depth.start);
                for k in 0..depth.len() {
                    *out.add(k) = *panel.add(k * n + j);
                }
            }
        });
    });
    let row_block = (1_048_576 / k).clamp(MAX_ROWS, MAX_BLOCK) / MAX_ROWS * MAX_ROWS;
    let row_blocks = m.div_ceil(row_block);
    pool::for_each(items * row_blocks, |task| {
        let (item, block) = (task / row_blocks, task % row_blocks);
        let rows = block * row_block..((block + 1) * row_block).min(m);
        let mut offsets = [0; MAX_BLOCK];
        source.offsets(item, rows.clone(), &mut offsets);
        // SAFETY: the columns were turned by the pass before.
        let columns = unsafe { columns.get().add(item * cut.thin_len()).cast_const() };
        let sums = [[[T::ZERO; MAX_LANES]; MAX_ROWS]; THIN];
        let mut dot = Dot {
            sources: [columns; MAX_ROWS],
            columns,
            stride: k,
            count: n,
            length: 0,
            sums,
        };
        for first in rows.clone().step_by(MAX_ROWS) {
            let end = rows.end.min(first + MAX_ROWS);
            dot.sums[..n].fill([[T::ZERO; MAX_LANES]; MAX_ROWS]);
            for start in (0..k).step_by(step) {
                let mut visit = |sources: &[*const T; MAX_ROWS], start: usize, length: usize| {
                    (dot.sources, dot.length) = (*sources, length);
                    // SAFETY: the source vouches for `length` elements of every row, the columns have `k`.
                    unsafe {
                        dot.columns = columns.add(start);
                        (kernel.dot)(&mut dot);
                    }
                };
                // SAFETY: the caller vouches for the operands.
                unsafe { source.visit_runs(item, first..end, start..(start + step).min(k), &mut visit) };
            }
            for (j, sums) in dot.sums[..n].iter_mut().enumerate() {
                for (row, lanes) in (first..end).zip(sums) {
                    for half in [8, 4, 2, 1] {
                        let (low, high) = lanes.split_at_mut(half);
                        for (low, &high) in low.iter_mut().zip(high.iter()) {
                            *low += high;
                        }
                    }
                    let sum = lanes[0];
                    // SAFETY: the task alone writes its rows.
                    unsafe { *c.get().add(offsets[row - rows.start] + j) = sum };
                }
            }
        }
        if let Some(epilogue) = epilogue {
            epilogue((item * m + rows.start) * n..(item * m + rows.end) * n);
        }
    });
}

/// Packs a panel of columns from a matrix of any strides.
///
/// # Safety
/// `from` is readable at every `k * strides[0] + j * strides[1]`, `out` is writable for `depth * width` elements, and
/// the machine has the kernel's instruction set.
pub(super) unsafe fn pack_columns<T: Real>(
    kernel: &Kernel<T>,
    from: *const T,
    strides: [usize; 2],
    depth: usize,
    columns: usize,
    width: usize,
    out: *mut T,
) {
    // SAFETY: the caller vouches for both pointers; columns past the end are written as zeros, never read.
    unsafe {
        if strides[0] == 1 && strides[1] != 1 {
            for first in (0..width).step_by(kernel.rows) {
                if first + kernel.rows <= columns {
                    let mut sources = [from; MAX_ROWS];
                    for (r, source) in sources.iter_mut().enumerate().take(kernel.rows) {
                        *source = from.add((first + r) * strides[1]);
                    }
                    (kernel.transpose)(&sources, depth, out.add(first), width);
                } else {
                    for j in first..(first + kernel.rows).min(width) {
                        for k in 0..depth {
                            *out.add(k * width + j) = if j < columns {
                                *from.add(k + j * strides[1])
                            } else {
                                T::ZERO
                            };
                        }
                    }
                }
            }
            return;
        }
        for k in 0..depth {
            let from = from.add(k * strides[0]);
            let row = std::slice::from_raw_parts_mut(out.add(k * width), width);
            let (row, rest) = row.split_at_mut(columns);
            if strides[1] == 1 {
                row.copy_from_slice(std::slice::from_raw_parts(from, columns));
            } else {
                for (j, value) in row.iter_mut().enumerate() {
                    *value = *from.add(j * strides[1]);
                }
            }
            rest.fill(T::ZERO);
        }
    }
}
