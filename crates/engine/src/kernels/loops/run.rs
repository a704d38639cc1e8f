//! The interpreter: one step at a time over one block at a time.
use super::plan::{Cut, Home, Instr, Plan, Store};
use super::view::{Kind, repeat};
use super::{Binary, ReduceKind, ReduceSpec, Ternary, Unary};
use crate::kernels::isa::Isa;
use crate::kernels::math::Lane;
use crate::kernels::vector::{self, Op2, Target, ops};
use crate::pool;
use std::cell::Cell;
use std::ops::Range;
use std::slice::{from_raw_parts, from_raw_parts_mut};

/// A [`Loop`](super::Loop) that is ready to run.
#[derive(Clone, Debug)]
pub struct CompiledLoop {
    pub(super) plan: Plan,
}

/// The memory that one thread works in: it grows to what the largest loop needs, once.
#[derive(Default)]
struct Scratch {
    words: Vec<[u64; 8]>,
}

thread_local! {
    static SCRATCH: Cell<Scratch> = const { Cell::new(Scratch { words: Vec::new() }) };
}

/// What one thread works with while it runs blocks of one loop.
struct Frame<'a, T> {
    plan: &'a Plan,
    inputs: &'a [*const T],
    outputs: &'a [*mut T],
    /// Where each slot's elements of the current block are.
    slots: *mut *const T,
    /// Per load: one more than the phase of the pattern that its register holds, or 0.
    phases: *mut usize,
    /// The first accumulator; one per reduction, `stride` apart.
    totals: *mut T,
    stride: usize,
    /// The longest block that will be asked for.
    longest: usize,
    /// Bit `s`: store `s` is computed in place in its output.
    direct: u64,
}

/// Pointers that tasks share.
struct Shared<'a, T> {
    inputs: &'a [*const T],
    outputs: &'a [*mut T],
    scratch: *mut T,
    direct: u64,
}

// SAFETY: tasks write disjoint parts of the outputs and of the scratch, and read an output only where they write it.
unsafe impl<T> Sync for Shared<'_, T> {}
// SAFETY: as above.
unsafe impl<T> Send for Shared<'_, T> {}

type Each<'a> = &'a dyn Fn(usize, &(dyn Fn(usize) + Sync + Send));

/// Calls a function that is generic over the instruction set.
macro_rules! on_target {
    ($isa:expr, $I:ident => $call:expr) => {
        match $isa {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 | Isa::Avx512Bf16 | Isa::Amx => {
                type $I = vector::Avx512;
                $call
            }
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => {
                type $I = vector::Avx2;
                $call
            }
            _ => {
                type $I = vector::Portable;
                $call
            }
        }
    };
}

impl CompiledLoop {
    /// How many elements of scratch [`run`](Self::run) needs: partial folds.
    pub fn scratch_len(&self) -> usize {
        match (self.plan.reduce, self.plan.cut) {
            (Some(spec), Cut::Tiles { splits, .. }) if splits > 1 => {
                self.plan.reductions.len() * spec.outer * splits * spec.inner
            }
            _ => 0,
        }
    }

    /// Runs the loop, on the pool where it is large. `inputs[i]` belongs to load `i`; `outputs` are the stores, of `numel`
    /// elements each, then the reductions, of `outer * inner` elements each. A store may be the memory of an input that is
    /// read in its order in memory; other than that nothing overlaps an output.
    ///
    /// # Safety
    /// The machine has the instruction set; the pointers are valid for the views and lengths; `scratch` has
    /// [`scratch_len`](Self::scratch_len) elements.
    pub unsafe fn run<T: Lane>(&self, isa: Isa, inputs: &[*const T], outputs: &[*mut T], scratch: *mut T) {
        // SAFETY: the caller's word.
        unsafe {
            self.run_each(isa, inputs, outputs, scratch, &|tasks, work| {
                pool::for_each(tasks, work)
            })
        }
    }

    /// Runs the flat range `range` of a loop without reductions, on the calling thread.
    ///
    /// # Safety
    /// As [`run`](Self::run), for the elements of the range only.
    pub unsafe fn run_range<T: Lane>(&self, isa: Isa, inputs: &[*const T], outputs: &[*mut T], range: Range<usize>) {
        // SAFETY: the caller's word.
        unsafe { self.run_tile(isa, inputs, outputs, range, 1, 0) }
    }

    /// Runs `rows` flat ranges of a loop without reductions on the calling thread: `range`, and then each `row_stride` further.
    ///
    /// # Safety
    /// As [`run`](Self::run), for the elements of the ranges only.
    pub unsafe fn run_tile<T: Lane>(
        &self,
        isa: Isa,
        inputs: &[*const T],
        outputs: &[*mut T],
        range: Range<usize>,
        rows: usize,
        row_stride: usize,
    ) {
        assert!(self.plan.reductions.is_empty(), "a range of a loop has no reductions");
        if range.is_empty() || rows == 0 {
            return;
        }
        let shared = Shared {
            inputs,
            outputs,
            scratch: std::ptr::null_mut(),
            direct: self.direct(inputs, outputs),
        };
        let longest = range.len().min(self.plan.block);
        // SAFETY: the caller's word.
        unsafe {
            on_target!(isa, I => self.framed(&shared, longest, |frame| {
                frame.prologue::<I>();
                for row in 0..rows {
                    frame.flat::<I>(range.start + row * row_stride..range.end + row * row_stride);
                }
            }))
        }
    }

    /// [`run`](Self::run), with the tasks handed to `each`.
    pub(super) unsafe fn run_each<T: Lane>(
        &self,
        isa: Isa,
        inputs: &[*const T],
        outputs: &[*mut T],
        scratch: *mut T,
        each: Each<'_>,
    ) {
        let plan = &self.plan;
        assert_eq!(inputs.len(), plan.walks.len(), "one input per load");
        assert_eq!(
            outputs.len(),
            plan.stores.len() + plan.reductions.len(),
            "one output per store and reduction"
        );
        if plan.numel == 0 {
            let ReduceSpec { outer, inner, .. } = plan.reduce.unwrap_or(ReduceSpec {
                outer: 0,
                extent: 0,
                inner: 0,
            });
            for (&(kind, _), &output) in plan.reductions.iter().zip(&outputs[plan.stores.len()..]) {
                // SAFETY: a reduction's output has `outer * inner` elements.
                unsafe { from_raw_parts_mut(output, outer * inner) }.fill(identity(kind));
            }
            return;
        }
        let shared = Shared {
            inputs,
            outputs,
            scratch,
            direct: self.direct(inputs, outputs),
        };
        // SAFETY: the caller's word.
        unsafe { on_target!(isa, I => self.run_on::<I, T>(&shared, each)) }
    }

    /// The stores that can be computed where they go, as bits: no operand has that memory, or none that is still read.
    fn direct<T>(&self, inputs: &[*const T], outputs: &[*mut T]) -> u64 {
        let plan = &self.plan;
        let size = size_of::<T>() as isize;
        let clashes = |store: &Store, output: *mut T| {
            let (first, last) = (output as isize, output as isize + (plan.numel as isize - 1) * size);
            plan.walks
                .iter()
                .zip(inputs)
                .zip(&plan.last_reads)
                .any(|((walk, &input), &last_read)| {
                    let (low, high) = walk.bounds();
                    let (low, high) = (input as isize + low * size, input as isize + high * size);
                    let overwritten = walk.kind == Kind::Identity && low == first && last_read < store.made;
                    first <= high && low <= last && !overwritten
                })
        };
        let stores = plan.stores.iter().zip(outputs).enumerate().take(64);
        stores
            .map(|(s, (store, &output))| u64::from(store.first && !clashes(store, output)) << s)
            .sum()
    }

    /// Calls `work` with a frame for blocks of up to `longest` elements.
    fn framed<T: Lane>(&self, shared: &Shared<'_, T>, longest: usize, work: impl FnOnce(&Frame<'_, T>)) {
        let plan = &self.plan;
        // While it is taken, the thread has an empty one, which would grow.
        let mut scratch = SCRATCH.take();
        let per_word = 64 / size_of::<T>();
        let stride = longest.div_ceil(per_word) * per_word;
        let slots = plan.homes.len();
        let table = (slots + plan.walks.len()).div_ceil(8);
        let scalars = slots.div_ceil(per_word);
        let registers = (plan.registers + plan.reductions.len()) * (stride / per_word);
        let words = table + scalars + registers + 1;
        if scratch.words.len() < words {
            scratch.words = vec![[0; 8]; words];
        }
        // SAFETY: the scratch has the room that was just counted, aligned first to a cache line.
        unsafe {
            let base = scratch.words.as_mut_ptr().cast::<u8>();
            let base = base.add(base.align_offset(64));
            let slot_table = base.cast::<*const T>();
            let phases = base.cast::<usize>().add(slots);
            let scalar_base = base.add(table * 64).cast::<T>();
            let register_base = base.add((table + scalars) * 64).cast::<T>();
            for (slot, &home) in plan.homes.iter().enumerate() {
                *slot_table.add(slot) = match home {
                    Home::Register(register) => register_base.add(usize::from(register) * stride),
                    Home::Scalar => scalar_base.add(slot),
                    Home::Operand | Home::Nowhere => std::ptr::null(),
                };
            }
            std::slice::from_raw_parts_mut(phases, plan.walks.len()).fill(0);
            work(&Frame {
                plan,
                inputs: shared.inputs,
                outputs: shared.outputs,
                slots: slot_table,
                phases,
                totals: register_base.add(plan.registers * stride),
                stride,
                longest,
                direct: shared.direct,
            });
        }
        SCRATCH.set(scratch);
    }

    unsafe fn run_on<I: Target, T: Lane>(&self, shared: &Shared<'_, T>, each: Each<'_>) {
        let plan = &self.plan;
        let longest = plan.block.min(plan.numel);
        let spec = plan.reduce.unwrap_or(ReduceSpec {
            outer: 1,
            extent: plan.numel,
            inner: 1,
        });
        match plan.cut {
            Cut::Flat { piece } => each(plan.numel.div_ceil(piece), &|task| {
                let range = task * piece..((task + 1) * piece).min(plan.numel);
                // SAFETY: tasks cover disjoint ranges.
                self.framed(shared, longest, |frame| unsafe {
                    frame.prologue::<I>();
                    frame.flat::<I>(range);
                });
            }),
            Cut::Segments { piece, per_block } => each(spec.outer.div_ceil(piece), &|task| {
                // SAFETY: tasks cover disjoint outer indices.
                self.framed(shared, longest, |frame| unsafe {
                    frame.prologue::<I>();
                    let end = ((task + 1) * piece).min(spec.outer);
                    for outer in (task * piece..end).step_by(per_block) {
                        frame.segments::<I>(spec, outer..(outer + per_block).min(end));
                    }
                });
            }),
            Cut::Tiles {
                tiles, splits, group, ..
            } => {
                let units = spec.outer * splits * tiles;
                each(units.div_ceil(group), &|task| {
                    // SAFETY: tasks cover disjoint units.
                    self.framed(shared, longest, |frame| unsafe {
                        frame.prologue::<I>();
                        for unit in task * group..((task + 1) * group).min(units) {
                            frame.tile::<I>(spec, shared.scratch, unit);
                        }
                    });
                });
                if splits > 1 {
                    // SAFETY: every partial has been written.
                    unsafe { self.combine::<I, T>(spec, splits, shared) }
                }
            }
        }
    }

    /// Folds the partials, which lie in scratch as `[reduction, outer, split, inner]`, into the outputs.
    unsafe fn combine<I: Target, T: Lane>(&self, spec: ReduceSpec, splits: usize, shared: &Shared<'_, T>) {
        for (k, &(kind, _)) in self.plan.reductions.iter().enumerate() {
            let output = shared.outputs[self.plan.stores.len() + k];
            for outer in 0..spec.outer {
                // SAFETY: the scratch has `scratch_len` elements, the output `outer * inner`.
                unsafe {
                    let partials = shared.scratch.add((k * spec.outer + outer) * splits * spec.inner);
                    halve::<I, T>(kind, partials, partials, splits, spec.inner);
                    std::ptr::copy_nonoverlapping(partials, output.add(outer * spec.inner), spec.inner);
                }
            }
        }
    }
}

/// What a fold starts from.
fn identity<T: Lane>(kind: ReduceKind) -> T {
    match kind {
        ReduceKind::Sum => T::ZERO,
        ReduceKind::Max => T::NEG_INFINITY,
        ReduceKind::Min => T::INFINITY,
    }
}

/// Calls a function that is generic over the operation of a fold.
macro_rules! by_kind {
    ($kind:expr, $O:ident => $call:expr) => {
        match $kind {
            ReduceKind::Sum => {
                type $O = ops::Add;
                $call
            }
            ReduceKind::Max => {
                type $O = ops::Max;
                $call
            }
            ReduceKind::Min => {
                type $O = ops::Min;
                $call
            }
        }
    };
}

/// Folds `rows` rows of `inner` elements to one, in halves, with `total` as the place to work in; it may be `data` itself.
///
/// # Safety
/// `data` and `total` have `rows * inner` elements, and are the same or do not overlap; `rows` is at least 1.
unsafe fn halve<I: Target, T: Lane>(kind: ReduceKind, data: *const T, total: *mut T, rows: usize, inner: usize) {
    // SAFETY: the two halves do not overlap, as `rows - half >= half`.
    unsafe {
        if inner == 1 {
            let mut folded = [T::ZERO];
            by_kind!(kind, O => I::fold_rows::<T, O>(from_raw_parts(data, rows), rows, &mut folded));
            *total = folded[0];
            return;
        }
        let mut rows = rows;
        if !std::ptr::eq(data, total) {
            let half = rows / 2;
            let keep = rows - half;
            if half > 0 {
                let (low, high) = (
                    from_raw_parts(data, half * inner),
                    from_raw_parts(data.add(keep * inner), half * inner),
                );
                let to = from_raw_parts_mut(total, half * inner);
                by_kind!(kind, O => I::map2::<T, O, false, false>(low, high, to));
            }
            std::ptr::copy_nonoverlapping(data.add(half * inner), total.add(half * inner), (keep - half) * inner);
            rows = keep;
        }
        while rows > 1 {
            let half = rows / 2;
            let to = from_raw_parts_mut(total, half * inner);
            let rest = from_raw_parts(total.add((rows - half) * inner), half * inner);
            by_kind!(kind, O => I::fold::<T, O>(to, rest));
            rows -= half;
        }
    }
}

impl<T: Lane> Frame<'_, T> {
    /// The elements that a slot holds now.
    ///
    /// # Safety
    /// The slot has been computed, for at least `len` elements, and is not being written.
    #[inline(always)]
    unsafe fn read(&self, slot: u16, len: usize) -> &[T] {
        // SAFETY: the caller's word.
        unsafe { from_raw_parts(*self.slots.add(usize::from(slot)), len) }
    }

    /// Where a slot's elements go.
    ///
    /// # Safety
    /// The slot is a register or a scalar, and nothing else refers to it.
    #[inline(always)]
    #[allow(clippy::mut_from_ref, reason = "slots are disjoint parts of the thread's scratch")]
    unsafe fn write(&self, slot: u16, len: usize) -> &mut [T] {
        // SAFETY: the caller's word.
        unsafe { from_raw_parts_mut((*self.slots.add(usize::from(slot))).cast_mut(), len) }
    }

    /// Computes the values that are the same for all elements.
    unsafe fn prologue<I: Target>(&self) {
        for &instr in &self.plan.prologue {
            // SAFETY: scalars are slots of one element.
            unsafe {
                match instr {
                    Instr::Const { value, out } => self.write(out, 1)[0] = T::from_f64(value),
                    Instr::Load { load, out } => {
                        let load = usize::from(load);
                        self.write(out, 1)[0] = *self.inputs[load].add(self.plan.walks[load].offset);
                    }
                    other => self.execute::<I>(other, 0, 1),
                }
            }
        }
    }

    /// Runs a flat range, block by block, and stores.
    unsafe fn flat<I: Target>(&self, range: Range<usize>) {
        let mut start = range.start;
        while start < range.end {
            let len = self.longest.min(range.end - start);
            // SAFETY: the caller's word.
            unsafe {
                self.compute::<I>(start, len);
                self.store(start, len);
            }
            start += len;
        }
    }

    /// Runs the steps for one block; what is stored directly is then in place.
    #[inline]
    unsafe fn compute<I: Target>(&self, start: usize, len: usize) {
        debug_assert!(len <= self.longest);
        for (s, &Store { slot, .. }) in self.plan.stores.iter().enumerate().take(64) {
            if self.direct >> s & 1 != 0 {
                // SAFETY: outputs have `numel` elements.
                unsafe { *self.slots.add(usize::from(slot)) = self.outputs[s].add(start) };
            }
        }
        for &instr in &self.plan.body {
            // SAFETY: a step reads computed slots and writes one that no operand shares.
            unsafe { self.execute::<I>(instr, start, len) };
        }
    }

    /// Writes out what has not been computed in place.
    #[inline]
    unsafe fn store(&self, start: usize, len: usize) {
        for (s, &Store { slot, .. }) in self.plan.stores.iter().enumerate() {
            if s >= 64 || self.direct >> s & 1 == 0 {
                // SAFETY: what is stored is in a register or in another output.
                unsafe {
                    std::ptr::copy_nonoverlapping(*self.slots.add(usize::from(slot)), self.outputs[s].add(start), len)
                };
            }
        }
    }

    /// Runs the blocks of whole short folds.
    unsafe fn segments<I: Target>(&self, spec: ReduceSpec, outer: Range<usize>) {
        let segment = spec.extent * spec.inner;
        let (start, len) = (outer.start * segment, outer.len() * segment);
        // SAFETY: the caller's word; accumulators are as long as blocks.
        unsafe {
            self.compute::<I>(start, len);
            for (k, &(kind, slot)) in self.plan.reductions.iter().enumerate() {
                let values = self.read(slot, len);
                let output = self.outputs[self.plan.stores.len() + k].add(outer.start * spec.inner);
                let output = from_raw_parts_mut(output, outer.len() * spec.inner);
                if spec.inner == 1 {
                    by_kind!(kind, O => I::fold_rows::<T, O>(values, spec.extent, output));
                } else {
                    let total = self.totals.add(k * self.stride);
                    for (values, output) in values.chunks_exact(segment).zip(output.chunks_exact_mut(spec.inner)) {
                        halve::<I, T>(kind, values.as_ptr(), total, spec.extent, spec.inner);
                        output.copy_from_slice(from_raw_parts(total, spec.inner));
                    }
                }
            }
            self.store(start, len);
        }
    }

    /// Runs one range of rows of one range of columns of one outer index.
    unsafe fn tile<I: Target>(&self, spec: ReduceSpec, scratch: *mut T, unit: usize) {
        let Cut::Tiles {
            tile,
            tiles,
            rows,
            splits,
            step,
            ..
        } = self.plan.cut
        else {
            unreachable!("called for tiles")
        };
        let (outer, split, column) = (unit / tiles / splits, unit / tiles % splits, unit % tiles * tile);
        let columns = tile.min(spec.inner - column);
        let (first, end) = (split * rows, ((split + 1) * rows).min(spec.extent));
        // SAFETY: the caller's word; a block is `step` whole rows, or a part of one.
        unsafe {
            let mut row = first;
            while row < end {
                let height = step.min(end - row);
                let (start, len) = ((outer * spec.extent + row) * spec.inner + column, height * columns);
                self.compute::<I>(start, len);
                for (k, &(kind, slot)) in self.plan.reductions.iter().enumerate() {
                    let values = self.read(slot, len);
                    let total = from_raw_parts_mut(self.totals.add(k * self.stride), len);
                    if row == first {
                        total.copy_from_slice(values);
                    } else {
                        by_kind!(kind, O => I::fold::<T, O>(total, values));
                    }
                }
                self.store(start, len);
                row += height;
            }
            for (k, &(kind, _)) in self.plan.reductions.iter().enumerate() {
                let total = self.totals.add(k * self.stride);
                halve::<I, T>(kind, total, total, step.min(end - first), columns);
                let to = if splits > 1 {
                    scratch.add(((k * spec.outer + outer) * splits + split) * spec.inner + column)
                } else {
                    self.outputs[self.plan.stores.len() + k].add(outer * spec.inner + column)
                };
                std::ptr::copy_nonoverlapping(total, to, columns);
            }
        }
    }

    /// Makes the elements `start..start + len` of a load available in its slot.
    unsafe fn load(&self, load: u16, out: u16, start: usize, len: usize) {
        let load = usize::from(load);
        let (walk, input, slot) = (&self.plan.walks[load], self.inputs[load], usize::from(out));
        // SAFETY: the caller's word; the slot's register is as long as the longest block.
        unsafe {
            let register = || {
                let Home::Register(register) = self.plan.homes[slot] else {
                    unreachable!("a load without a register")
                };
                self.totals
                    .sub((self.plan.registers - usize::from(register)) * self.stride)
            };
            match walk.kind {
                Kind::Identity => *self.slots.add(slot) = input.add(walk.offset + start),
                Kind::Periodic(period) => {
                    let register = register();
                    *self.slots.add(slot) = register;
                    let phase = start % period;
                    if *self.phases.add(load) != phase + 1 {
                        walk.fetch(input, start, period.min(self.longest), register);
                        repeat(register, period, self.longest);
                        *self.phases.add(load) = phase + 1;
                    }
                }
                _ => match walk.contiguous(start, len) {
                    Some(at) => *self.slots.add(slot) = input.offset(at),
                    None => {
                        let register = register();
                        *self.slots.add(slot) = register;
                        walk.fetch(input, start, len, register);
                    }
                },
            }
        }
    }

    #[inline]
    unsafe fn execute<I: Target>(&self, instr: Instr, start: usize, len: usize) {
        let width = |scalars: u8, k: u8| if scalars >> k & 1 != 0 { 1 } else { len };
        // SAFETY: the caller's word.
        unsafe {
            match instr {
                Instr::Const { .. } => unreachable!("constants are in the prologue"),
                Instr::Load { load, out } => self.load(load, out, start, len),
                Instr::Index { out } => I::count(start, self.write(out, len)),
                Instr::Copy { a, out } => I::map1::<T, ops::Copy>(self.read(a, len), self.write(out, len)),
                Instr::Splat { a, out } => self.write(out, len).fill(self.read(a, 1)[0]),
                Instr::Unary { op, a, out } => unary::<I, T>(op, self.read(a, len), self.write(out, len)),
                Instr::Binary { op, a, b, out, scalars } => binary::<I, T>(
                    op,
                    scalars,
                    self.read(a, width(scalars, 0)),
                    self.read(b, width(scalars, 1)),
                    self.write(out, len),
                ),
                Instr::Ternary {
                    op,
                    a,
                    b,
                    c,
                    out,
                    scalars,
                } => ternary::<I, T>(
                    op,
                    scalars,
                    self.read(a, width(scalars, 0)),
                    self.read(b, width(scalars, 1)),
                    self.read(c, width(scalars, 2)),
                    self.write(out, len),
                ),
            }
        }
    }
}

#[inline(always)]
unsafe fn unary<I: Target, T: Lane>(op: Unary, a: &[T], out: &mut [T]) {
    macro_rules! select {
        ($($name:ident)*) => {
            match op {
                // SAFETY: the caller's word that the machine has the instruction set.
                $(Unary::$name => unsafe { I::map1::<T, ops::$name>(a, out) },)*
            }
        };
    }
    select!(Neg Abs Sign Exp Log Sqrt Rsqrt Recip Square Tanh Sigmoid Softplus Sin Cos Floor Relu)
}

#[inline(always)]
unsafe fn by_scalars2<I: Target, T: Lane, O: Op2>(scalars: u8, a: &[T], b: &[T], out: &mut [T]) {
    // SAFETY: the caller's word that the machine has the instruction set.
    unsafe {
        match scalars {
            0 => I::map2::<T, O, false, false>(a, b, out),
            1 => I::map2::<T, O, true, false>(a, b, out),
            2 => I::map2::<T, O, false, true>(a, b, out),
            _ => unreachable!("a step of scalars only is in the prologue"),
        }
    }
}

#[inline(always)]
unsafe fn binary<I: Target, T: Lane>(op: Binary, scalars: u8, a: &[T], b: &[T], out: &mut [T]) {
    macro_rules! select {
        ($($name:ident)*) => {
            match op {
                // SAFETY: the caller's word that the machine has the instruction set.
                $(Binary::$name => unsafe { by_scalars2::<I, T, ops::$name>(scalars, a, b, out) },)*
            }
        };
    }
    select!(Add Sub Mul Div Max Min Pow Lt Le Eq)
}

#[inline(always)]
unsafe fn ternary<I: Target, T: Lane>(op: Ternary, scalars: u8, a: &[T], b: &[T], c: &[T], out: &mut [T]) {
    macro_rules! select {
        ($($name:ident)*) => {
            match op {
                // SAFETY: the caller's word that the machine has the instruction set.
                $(Ternary::$name => unsafe { by_scalars3::<I, T, ops::$name>(scalars, a, b, c, out) },)*
            }
        };
    }
    select!(Select MulAdd Gate)
}

#[inline(always)]
unsafe fn by_scalars3<I: Target, T: Lane, O: vector::Op3>(scalars: u8, a: &[T], b: &[T], c: &[T], out: &mut [T]) {
    // SAFETY: the caller's word that the machine has the instruction set.
    unsafe {
        match scalars {
            0 => I::map3::<T, O, false, false, false>(a, b, c, out),
            1 => I::map3::<T, O, true, false, false>(a, b, c, out),
            2 => I::map3::<T, O, false, true, false>(a, b, c, out),
            3 => I::map3::<T, O, true, true, false>(a, b, c, out),
            4 => I::map3::<T, O, false, false, true>(a, b, c, out),
            5 => I::map3::<T, O, true, false, true>(a, b, c, out),
            6 => I::map3::<T, O, false, true, true>(a, b, c, out),
            _ => unreachable!("a step of scalars only is in the prologue"),
        }
    }
}
