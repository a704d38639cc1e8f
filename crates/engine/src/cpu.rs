//! The executor for the CPU: runs a plan's instructions one after the other, each on all threads.
use crate::kernels::arithmetic::Arithmetic;
use crate::kernels::isa::Isa;
use crate::kernels::random;
use crate::kernels::{math::Lane, real::Real};
use crate::plan::{Instruction, LoopCall, Operand, Piece, Place, Plan, Work};
use crate::pool;
use crate::tensor::{ConvKind, Random};

/// The most loads or stores that a loop has; more than fusion ever makes.
const MOST_OPERANDS: usize = 128;

/// Where a run finds its memory.
#[derive(Clone, Copy)]
pub(crate) struct Memory<'a, T> {
    pub(crate) arena: *mut T,
    pub(crate) inputs: &'a [*mut T],
}

// SAFETY: the pointers are handed to one instruction at a time, whose tasks write disjoint elements.
unsafe impl<T> Sync for Memory<'_, T> {}
// SAFETY: as above.
unsafe impl<T> Send for Memory<'_, T> {}

impl<T> Memory<'_, T> {
    fn at(&self, place: Place) -> *mut T {
        match place {
            Place::Input(slot) => self.inputs[slot],
            // SAFETY: the plan lays everything out within the arena.
            Place::Arena(offset) => unsafe { self.arena.add(offset) },
        }
    }

    fn operand(&self, operand: Operand) -> *const T {
        // SAFETY: a view's offset lies within the memory that it views.
        unsafe { self.at(operand.place).add(operand.offset) }
    }
}

/// Runs a plan.
///
/// # Safety
/// `memory` has an arena of `plan.arena_len` elements and, for every input of the plan, its elements; nobody else uses
/// them meanwhile; `T` is the plan's dtype.
pub(crate) unsafe fn run<T: Lane + random::Random>(
    plan: &Plan,
    memory: Memory<T>,
    mut watch: impl FnMut(&Instruction, &dyn Fn()) + Send,
) {
    let arithmetic = Arithmetic::current(plan.precision);
    pool::inside(|| {
        for instruction in &plan.instructions {
            // SAFETY: the caller's word.
            watch(instruction, &|| unsafe { execute(arithmetic, instruction, memory) });
        }
    });
}

/// # Safety
/// As for [`run`].
unsafe fn execute<T: Lane + random::Random>(arithmetic: Arithmetic, instruction: &Instruction, memory: Memory<T>) {
    let isa = arithmetic.isa;
    let scratch = memory.at(Place::Arena(instruction.scratch));
    // SAFETY (all blocks below): the plan gives every operand memory of the size that the kernel reads or writes, results
    // share memory only with operands that are read at the same index, and scratch is disjoint from everything alive.
    match &instruction.work {
        Work::Loop(call) => with_pointers(call, memory, |inputs, outputs| {
            // SAFETY: as said above.
            unsafe { call.body.run(isa, inputs, outputs, scratch) }
        }),
        Work::MatMul {
            gemm,
            a,
            b,
            c,
            epilogue,
        } => {
            with_epilogue(isa, epilogue.as_ref(), memory, |epilogue| {
                // SAFETY: as said above.
                unsafe {
                    gemm.run(
                        arithmetic,
                        memory.operand(*a),
                        memory.operand(*b),
                        memory.at(*c),
                        scratch,
                        epilogue,
                    )
                }
            });
        }
        Work::Conv {
            kind,
            conv,
            a,
            b,
            c,
            epilogue,
        } => {
            let (a, b, c) = (memory.at(*a).cast_const(), memory.at(*b).cast_const(), memory.at(*c));
            // SAFETY: as said above.
            with_epilogue(isa, epilogue.as_ref(), memory, |epilogue| unsafe {
                match kind {
                    ConvKind::Forward => conv.forward(arithmetic, a, b, c, scratch, epilogue),
                    ConvKind::Input => conv.input_gradient(arithmetic, a, b, c, scratch),
                    ConvKind::Weight => conv.weight_gradient(arithmetic, a, b, c, scratch),
                }
            });
        }
        Work::Assemble {
            pieces,
            is_covered,
            target,
            len,
        } => {
            let target = memory.at(*target);
            if !is_covered {
                // SAFETY: as said above.
                unsafe { std::slice::from_raw_parts_mut(target, *len) }.fill(T::ZERO);
            }
            // SAFETY: as said above.
            pieces
                .iter()
                .for_each(|piece| unsafe { place_piece(piece, memory.at(piece.source), target) });
        }
        Work::Gather {
            table,
            rows,
            row,
            index,
            count,
            target,
        } => {
            let (table, index, target) = (memory.at(*table), memory.at(*index), memory.at(*target));
            for i in 0..*count {
                // SAFETY: as said above; the row number is held below `rows`.
                unsafe {
                    let from = ((*index.add(i)).to_f64() as usize).min(rows - 1);
                    std::ptr::copy_nonoverlapping(table.add(from * row), target.add(i * row), *row);
                }
            }
        }
        Work::ScatterAdd {
            values,
            rows,
            row,
            index,
            count,
            target,
        } => {
            let (values, index, target) = (memory.at(*values), memory.at(*index), memory.at(*target));
            // SAFETY: as said above; the row number is held below `rows`.
            unsafe {
                std::slice::from_raw_parts_mut(target, rows * row).fill(T::ZERO);
                for i in 0..*count {
                    let to = ((*index.add(i)).to_f64() as usize).min(rows - 1);
                    for j in 0..*row {
                        *target.add(to * row + j) += *values.add(i * row + j);
                    }
                }
            }
        }
        Work::ArgMax {
            source,
            outer,
            extent,
            inner,
            target,
        } => {
            let (source, target) = (memory.at(*source), memory.at(*target));
            for flat in 0..outer * inner {
                let (o, i) = (flat / inner, flat % inner);
                // SAFETY: as said above.
                let at = |r: usize| unsafe { *source.add((o * extent + r) * inner + i) };
                let is_larger = |x: T, than: T| x > than || (x.to_f64().is_nan() && !than.to_f64().is_nan());
                let best = (1..*extent).fold(0, |best, r| if is_larger(at(r), at(best)) { r } else { best });
                // SAFETY: as said above.
                unsafe { *target.add(flat) = T::from_f64(best as f64) };
            }
        }
        Work::Random {
            kind,
            stream,
            key,
            target,
            len,
        } => {
            let (key, target) = (memory.at(*key), memory.at(*target));
            // SAFETY: a key has eight elements.
            let at = |i: usize| unsafe { *key.add(i) }.to_f64() as u64;
            let piece = |from: usize| (0..4).fold(0, |sum, i| sum | at(from + i) << (16 * i));
            let key = random::Key {
                seed: piece(0),
                stream: *stream,
                step: piece(4),
            };
            // SAFETY: as said above.
            let numbers = unsafe { std::slice::from_raw_parts_mut(target, *len) };
            match kind {
                Random::Uniform => random::fill_uniform(key, 0, numbers),
                Random::Normal => random::fill_normal(key, 0, numbers),
            }
        }
        Work::Copy { source, target, len } => {
            // SAFETY: as said above.
            unsafe { std::ptr::copy_nonoverlapping(memory.at(*source).cast_const(), memory.at(*target), *len) }
        }
    }
}

fn with_pointers<T: Real>(call: &LoopCall, memory: Memory<T>, work: impl FnOnce(&[*const T], &[*mut T])) {
    let mut inputs = [std::ptr::null(); MOST_OPERANDS];
    let mut outputs = [std::ptr::null_mut(); MOST_OPERANDS];
    inputs
        .iter_mut()
        .zip(&call.inputs)
        .for_each(|(pointer, &place)| *pointer = memory.at(place).cast_const());
    outputs
        .iter_mut()
        .zip(&call.outputs)
        .for_each(|(pointer, &place)| *pointer = memory.at(place));
    work(&inputs[..call.inputs.len()], &outputs[..call.outputs.len()]);
}

type Epilogue<'a> = Option<&'a (dyn Fn(std::ops::Range<usize>) + Sync)>;

fn with_epilogue<T: Lane>(isa: Isa, call: Option<&LoopCall>, memory: Memory<T>, work: impl FnOnce(Epilogue)) {
    match call {
        None => work(None),
        Some(call) => work(Some(&|range| {
            // SAFETY: the kernel names every element once, when it is final; the loop touches those elements only.
            with_pointers(call, memory, |inputs, outputs| unsafe {
                call.body.run_range(isa, inputs, outputs, range.clone())
            });
        })),
    }
}

/// # Safety
/// The source has the piece's elements; the target has all the places that they go to.
unsafe fn place_piece<T: Real>(piece: &Piece, source: *const T, target: *mut T) {
    let Some((&row, outer)) = piece.shape.split_last() else {
        // SAFETY: a scalar piece has one element.
        return unsafe { *target.add(piece.offset) = *source };
    };
    let (&step, strides) = piece.strides.split_last().expect("as many strides as extents");
    for line in 0..outer.iter().product::<usize>() {
        let (mut rest, mut at) = (line, piece.offset as isize);
        for (&extent, &stride) in outer.iter().zip(strides).rev() {
            at += (rest % extent) as isize * stride;
            rest /= extent;
        }
        // SAFETY: the caller's word.
        unsafe {
            let (from, to) = (source.add(line * row), target.offset(at));
            if step == 1 {
                std::ptr::copy_nonoverlapping(from, to, row);
            } else {
                (0..row).for_each(|i| *to.offset(i as isize * step) = *from.add(i));
            }
        }
    }
}
