//! What products are multiplied in: the panels as they were packed, or rounded to pairs of bf16 first.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
use super::amx;
use super::{
    bf16,
    isa::Isa,
    micro::{Kernel, MAX_ROWS},
    product::Source,
    real::Real,
};
use std::any::TypeId;
use std::ops::Range;

/// What the operands of matrix products and convolutions are rounded to; sums and everything in memory stay as they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Precision {
    /// Not rounded.
    #[default]
    F32,
    /// To the nearest bf16, ties to even; f64 is never rounded.
    Bf16,
}

impl Precision {
    /// Every one.
    pub const ALL: [Precision; 2] = [Precision::F32, Precision::Bf16];

    /// The name that settings and the command line have for it.
    pub fn name(self) -> &'static str {
        match self {
            Precision::F32 => "f32",
            Precision::Bf16 => "bf16",
        }
    }

    /// The precision of a name.
    pub fn of_name(name: &str) -> Option<Precision> {
        Self::ALL.into_iter().find(|precision| precision.name() == name)
    }
}

/// How products are computed: on which instruction set, in which precision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Arithmetic {
    /// The instruction set, which the machine must have.
    pub isa: Isa,
    /// The precision.
    pub precision: Precision,
}

impl Arithmetic {
    /// A precision on the instruction set in use.
    pub fn current(precision: Precision) -> Arithmetic {
        Arithmetic {
            isa: Isa::current(),
            precision,
        }
    }

    /// How many times as fast as in f32 products are about: algorithms that multiply less often but in f32 must beat that.
    pub(super) fn speedup(self) -> f64 {
        match (self.precision, self.isa) {
            (Precision::F32, _) => 1.0,
            (Precision::Bf16, Isa::Amx) => 8.0,
            (Precision::Bf16, _) => 2.0,
        }
    }

    /// Every one, whatever this machine can do.
    pub(super) fn all() -> impl Iterator<Item = Arithmetic> {
        let of = |isa| Precision::ALL.map(|precision| Arithmetic { isa, precision });
        Isa::ALL.into_iter().flat_map(of)
    }

    /// Every one that this machine can do and that differs from all others.
    pub fn available() -> Vec<Arithmetic> {
        let all = Isa::available()
            .into_iter()
            .flat_map(|isa| Precision::ALL.map(|precision| Arithmetic { isa, precision }));
        all.filter(|arithmetic| arithmetic.precision == Precision::Bf16 || !arithmetic.isa.multiplies_bf16())
            .collect()
    }
}

/// How panels of one arithmetic are packed and multiplied.
///
/// A row of a packed panel is made of words as large as an element: an element, or a pair of bf16 from two
/// neighbouring places of the depth. So tiles of both kinds have the same shape, and only their multiplication differs.
#[derive(Clone, Copy)]
pub(super) struct Multiplier<T: 'static> {
    /// Packs elements and multiplies words.
    pub(super) kernel: Kernel<T>,
    /// Rows that its tile computes at most: whole panels of A.
    pub(super) tile_rows: usize,
    /// What makes words of elements, if they are not the same.
    pub(super) rounding: Option<Rounding<T>>,
}

/// Rounds a panel from `depth` rows of elements to `words` rows of pairs; pairs behind the depth are zeros.
///
/// Called with the panel, its depth, its width, the words and where they go.
///
/// Safety: the machine has the instruction set; `depth * width` elements are readable, `words * width` words writable, the
/// words hold the depth, and the width is one that the kernel packs.
pub(super) type Round<T> = unsafe fn(*const T, usize, usize, usize, *mut T);

/// [`Kernel::transpose`] for words of two places.
pub(super) type Transpose<T> = unsafe fn(&[*const T; MAX_ROWS], usize, *mut T, usize);

/// What makes words of elements.
#[derive(Clone, Copy)]
pub(super) struct Rounding<T: 'static> {
    /// Panels are as deep as a multiple of this.
    pub(super) depth_step: usize,
    /// Rounds a panel of A.
    pub(super) round_a: Round<T>,
    /// Packs rows of A straight into words, where their runs are even.
    pub(super) transpose: Option<Transpose<T>>,
    /// Rounds a panel of B.
    pub(super) round_b: Round<T>,
    /// Called on the thread before its first tile of a task and behind the last.
    ///
    /// Safety: the machine has the instruction set.
    pub(super) around_tiles: Option<[unsafe fn(); 2]>,
}

/// The deepest part of a panel of B that is rounded at once, so that it is still in the nearest cache.
const ROUNDED_DEPTH: usize = 128;

impl<T: Real> Multiplier<T> {
    /// Multiplies as an arithmetic says, over a depth.
    pub(super) fn of(arithmetic: Arithmetic, depth: usize) -> Self {
        let kernel = Kernel::<T>::of(arithmetic.isa);
        if arithmetic.precision == Precision::F32 || TypeId::of::<T>() != TypeId::of::<f32>() {
            return Self {
                kernel,
                tile_rows: kernel.rows,
                rounding: None,
            };
        }
        let multiplier = match arithmetic.isa {
            // A tile is 32 deep: zeros would be most of what is multiplied.
            #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
            Isa::Amx if depth >= amx::DEPTH => amx::multiplier(),
            isa => bf16::multiplier(isa),
        };
        let _ = depth;
        // SAFETY: T is f32, so both types are the same.
        unsafe { std::mem::transmute_copy::<Multiplier<f32>, Multiplier<T>>(&multiplier) }
    }

    /// What the depth of every panel is a multiple of, but for the last.
    pub(super) fn depth_step(&self) -> usize {
        self.rounding.map_or(1, |rounding| rounding.depth_step)
    }

    /// Rows of words that a depth becomes; never more than the depth itself.
    pub(super) fn words(&self, depth: usize) -> usize {
        match self.rounding {
            None => depth,
            Some(rounding) => depth.next_multiple_of(rounding.depth_step) / 2,
        }
    }

    /// Elements that [`pack_a`](Self::pack_a) writes for so many rows, and those it needs besides.
    pub(super) fn a_len(&self, rows: usize, depth: usize) -> [usize; 2] {
        let words = rows.next_multiple_of(self.tile_rows) * self.words(depth);
        let elements = self
            .rounding
            .map_or(0, |_| rows.next_multiple_of(self.kernel.rows) * depth);
        [words, elements]
    }

    /// Elements that [`pack_b`](Self::pack_b) needs for one panel.
    pub(super) fn b_len(&self, width: usize, depth: usize) -> usize {
        self.rounding.map_or(0, |_| width * depth.min(ROUNDED_DEPTH))
    }

    /// Packs rows of A into panels of words.
    ///
    /// # Safety
    /// As for [`Source::pack_a`]; `out` and `elements` have the lengths of [`a_len`](Self::a_len).
    pub(super) unsafe fn pack_a<S: Source<T>>(
        &self,
        source: &S,
        item: usize,
        rows: Range<usize>,
        depth: Range<usize>,
        out: *mut T,
        elements: *mut T,
    ) {
        let (kernel, deep) = (&self.kernel, depth.len());
        let panels = rows.len().div_ceil(kernel.rows);
        // SAFETY: the caller vouches for the source and both outputs.
        unsafe {
            let Some(rounding) = self.rounding else {
                return source.pack_a(kernel, item, rows, depth, out);
            };
            if let (Some(transpose), true) = (rounding.transpose, source.has_even_runs()) {
                let kernel = Kernel {
                    transpose,
                    places: 2,
                    ..*kernel
                };
                return source.pack_a(&kernel, item, rows, depth, out);
            }
            source.pack_a(kernel, item, rows, depth, elements);
            let words = self.words(deep);
            for panel in 0..panels {
                let from = elements.add(panel * kernel.rows * deep);
                (rounding.round_a)(from, deep, kernel.rows, words, out.add(panel * kernel.rows * words));
            }
        }
    }

    /// Packs one panel of B into words.
    ///
    /// # Safety
    /// As for [`Source::pack_b`]; `out` holds `width` times the depth's words, `elements` has the length of
    /// [`b_len`](Self::b_len).
    #[allow(
        clippy::too_many_arguments,
        reason = "one call site per operation; a struct would only rename them"
    )]
    pub(super) unsafe fn pack_b<S: Source<T>>(
        &self,
        source: &S,
        item: usize,
        depth: Range<usize>,
        columns: Range<usize>,
        width: usize,
        out: *mut T,
        elements: *mut T,
    ) {
        let Some(rounding) = self.rounding else {
            // SAFETY: the caller vouches for the source and the output.
            return unsafe { source.pack_b(&self.kernel, item, depth, columns, width, out) };
        };
        for start in depth.clone().step_by(ROUNDED_DEPTH) {
            let part = start..depth.end.min(start + ROUNDED_DEPTH);
            let (deep, before) = (part.len(), self.words(start - depth.start));
            // SAFETY: as above; parts but the last are whole steps of the depth.
            unsafe {
                source.pack_b(&self.kernel, item, part, columns.clone(), width, elements);
                (rounding.round_b)(elements, deep, width, self.words(deep), out.add(before * width));
            }
        }
    }

    /// Does the work of a task, whose tiles it multiplies.
    ///
    /// # Safety
    /// The machine has the instruction set.
    pub(super) unsafe fn task(&self, work: impl FnOnce()) {
        match self.rounding.and_then(|rounding| rounding.around_tiles) {
            None => work(),
            // SAFETY: the caller's word.
            Some([enter, leave]) => unsafe {
                enter();
                work();
                leave();
            },
        }
    }
}
