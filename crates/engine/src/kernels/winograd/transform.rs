//! The small matrices of Winograd's algorithms, made at compile time from their points, and the transforms that apply
//! them to both axes of a tile, sixteen channels at a time.
use super::super::{
    bf16::Halve,
    isa::Isa,
    micro::{MAX_LANES, Vector},
};
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{__m256, __m512};
use std::marker::PhantomData;

/// The most points of an algorithm.
const MAX_POINTS: usize = 6;
/// The most elements of a tile.
pub(super) const MAX_TILE: usize = MAX_POINTS * MAX_POINTS;
/// Channels that are transformed at once; every kernel's vectors divide it.
pub(super) const BLOCK: usize = MAX_LANES;

/// A small matrix; what lies outside `rows` and `columns` is zero.
#[derive(Clone, Copy)]
struct Matrix {
    rows: usize,
    columns: usize,
    at: [[f64; MAX_POINTS]; MAX_POINTS],
}

impl Matrix {
    const fn zeros(rows: usize, columns: usize) -> Self {
        let at = [[0.0; MAX_POINTS]; MAX_POINTS];
        Self { rows, columns, at }
    }

    const fn transposed(&self) -> Self {
        let mut turned = Self::zeros(self.columns, self.rows);
        let mut i = 0;
        while i < MAX_POINTS {
            let mut j = 0;
            while j < MAX_POINTS {
                turned.at[j][i] = self.at[i][j];
                j += 1;
            }
            i += 1;
        }
        turned
    }

    /// The values of the powers below `count` at the finite points, and at infinity that of the highest alone: it takes
    /// the coefficients of a polynomial to its values.
    const fn values(points: &[f64], count: usize) -> Self {
        let mut matrix = Self::zeros(points.len() + 1, count);
        let mut i = 0;
        while i < points.len() {
            let (mut power, mut j) = (1.0, 0);
            while j < count {
                matrix.at[i][j] = power;
                power *= points[i];
                j += 1;
            }
            i += 1;
        }
        matrix.at[points.len()][count - 1] = 1.0;
        matrix
    }

    /// `values` divided by what Lagrange's polynomials are at their own points.
    const fn scaled_values(points: &[f64], count: usize) -> Self {
        let mut matrix = Self::values(points, count);
        let mut i = 0;
        while i < points.len() {
            let (mut product, mut j) = (1.0, 0);
            while j < points.len() {
                if j != i {
                    product *= points[i] - points[j];
                }
                j += 1;
            }
            let mut j = 0;
            while j < count {
                matrix.at[i][j] /= product;
                j += 1;
            }
            i += 1;
        }
        matrix
    }

    /// A row per point: the coefficients of the product of `x - p` over all other finite points, at last over all.
    const fn products(points: &[f64]) -> Self {
        let count = points.len() + 1;
        let mut matrix = Self::zeros(count, count);
        let mut i = 0;
        while i < count {
            matrix.at[i][0] = 1.0;
            let mut l = 0;
            while l < points.len() {
                if l != i {
                    let mut k = count - 1;
                    while k > 0 {
                        matrix.at[i][k] = matrix.at[i][k - 1] - points[l] * matrix.at[i][k];
                        k -= 1;
                    }
                    matrix.at[i][0] *= -points[l];
                }
                l += 1;
            }
            i += 1;
        }
        matrix
    }
}

/// An algorithm F(outputs, taps): `outputs` neighbouring results of a filter with `taps` taps from one multiplication per
/// point, of which there are `outputs + taps - 1`, infinity among them (Toom and Cook; for filters Winograd, 1980).
pub(super) trait Algorithm {
    const OUTPUTS: usize;
    const TAPS: usize;
    /// The finite ones: small ones, whose powers round least.
    const POINTS: &'static [f64];
}

macro_rules! algorithms {
    ($($name:ident: $outputs:literal, $taps:literal, $points:expr;)*) => {$(
        pub(super) struct $name;
        impl Algorithm for $name {
            const OUTPUTS: usize = $outputs;
            const TAPS: usize = $taps;
            const POINTS: &'static [f64] = &$points;
        }
    )*};
}
algorithms! {
    F22: 2, 2, [0.0, 1.0];
    F42: 4, 2, [0.0, 1.0, -1.0, 2.0];
    F23: 2, 3, [0.0, 1.0, -1.0];
    F25: 2, 5, [0.0, 1.0, -1.0, 0.5, -2.0];
    F43: 4, 3, [0.0, 1.0, -1.0, 0.5, -2.0];
}

/// A matrix that a transform applies to both axes of a tile.
trait Apply {
    const MATRIX: Matrix;
}

macro_rules! matrices {
    ($($(#[$doc:meta])* $name:ident: $matrix:expr;)*) => {$(
        $(#[$doc])*
        struct $name<F>(PhantomData<F>);
        impl<F: Algorithm> Apply for $name<F> {
            const MATRIX: Matrix = $matrix;
        }
    )*};
}
matrices! {
    /// Pixels of x to points.
    Pixels: Matrix::products(F::POINTS);
    /// Points to what they add to the pixels of x.
    Spread: Matrix::products(F::POINTS).transposed();
    /// Taps to points.
    Taps: Matrix::scaled_values(F::POINTS, F::TAPS);
    /// Points to what they add to the taps.
    Gather: Matrix::scaled_values(F::POINTS, F::TAPS).transposed();
    /// Points to pixels of y.
    Results: Matrix::values(F::POINTS, F::OUTPUTS).transposed();
    /// Pixels of y's gradient to points.
    Gradients: Matrix::values(F::POINTS, F::OUTPUTS);
}

/// Where the elements of a tile lie, row by row, and how their channels go on.
#[derive(Clone, Copy)]
pub(super) struct Places {
    /// Where each element's channels start; null is nowhere: it reads as zero and is not written.
    pub(super) at: [*mut f32; MAX_TILE],
    /// Elements from there to the first channel that is meant.
    pub(super) first: usize,
    /// Elements from one block of channels to the next.
    pub(super) step: usize,
}

impl Places {
    /// Nowhere, with channels next to each other.
    pub(super) const NONE: Self = Self {
        at: [std::ptr::null_mut(); MAX_TILE],
        first: 0,
        step: BLOCK,
    };

    /// `count` places from `start` on, `apart` elements apart.
    #[inline]
    pub(super) fn apart(start: *mut f32, apart: usize, count: usize) -> Self {
        let mut places = Self::NONE;
        for (i, place) in places.at.iter_mut().enumerate().take(count) {
            *place = start.wrapping_add(i * apart);
        }
        places
    }
}

/// One tile over some channels.
pub(super) struct Job {
    pub(super) from: Places,
    pub(super) to: Places,
    pub(super) channels: usize,
}

/// Applies a matrix to both axes of a tile.
///
/// Safety: the machine has the instruction set; places that are not null are valid for all channels, which are whole
/// blocks.
pub(super) type Transform = unsafe fn(&Job);

/// What a transform does with its results.
mod form {
    /// Writes elements.
    pub(super) const ELEMENTS: u8 = 0;
    /// Adds elements to those that are there.
    pub(super) const ADDED: u8 = 1;
    /// Writes words of neighbouring channels, rounded to bf16.
    pub(super) const PAIRS: u8 = 2;
    /// Writes the lower halves of words, and zeros above.
    pub(super) const LOW: u8 = 3;
    /// Writes the upper halves of words.
    pub(super) const HIGH: u8 = 4;
}

/// A transform to the points of an operand, in the forms that products read.
#[derive(Clone, Copy)]
pub(super) struct Operand {
    /// Rows whose channels are the depth: elements, or words of two.
    pub(super) row: [Transform; 2],
    /// Columns of what the depth is: the lower halves of words, or the upper ones.
    halves: [Transform; 2],
}

impl Operand {
    /// Columns of one element a word, or of one half of those that hold a pair.
    pub(super) fn column(&self, pair: usize, half: usize) -> Transform {
        if pair == 1 { self.row[0] } else { self.halves[half] }
    }
}

/// The transforms of an algorithm on an instruction set.
#[derive(Clone, Copy)]
pub(super) struct Transforms {
    /// Pixels of x to points.
    pub(super) pixels: Operand,
    /// Points to pixels of x, added to what is there.
    pub(super) spread: Transform,
    /// Taps to points.
    pub(super) taps: Operand,
    /// Points to taps.
    pub(super) gather: Transform,
    /// Points to pixels of y.
    pub(super) results: Transform,
    /// Pixels of y to points.
    pub(super) gradients: Operand,
}

impl Transforms {
    pub(super) fn of<F: Algorithm>(isa: Isa) -> Self {
        macro_rules! table {
            ($run:ident) => {
                Transforms {
                    pixels: table!(@ $run, Pixels<F>),
                    spread: $run::<Spread<F>, { form::ADDED }>,
                    taps: table!(@ $run, Taps<F>),
                    gather: $run::<Gather<F>, { form::ELEMENTS }>,
                    results: $run::<Results<F>, { form::ELEMENTS }>,
                    gradients: table!(@ $run, Gradients<F>),
                }
            };
            (@ $run:ident, $matrix:ty) => {
                Operand {
                    row: [$run::<$matrix, { form::ELEMENTS }>, $run::<$matrix, { form::PAIRS }>],
                    halves: [$run::<$matrix, { form::LOW }>, $run::<$matrix, { form::HIGH }>],
                }
            };
        }
        match isa {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 | Isa::Avx512Bf16 | Isa::Amx => table!(avx512),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => table!(avx2),
            _ => table!(portable),
        }
    }
}

unsafe fn portable<M: Apply, const FORM: u8>(job: &Job) {
    // SAFETY: the caller's contract is the same.
    unsafe { transform::<[f32; 4], M, FORM>(job) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2<M: Apply, const FORM: u8>(job: &Job) {
    // SAFETY: the caller's contract is the same.
    unsafe { transform::<__m256, M, FORM>(job) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,fma")]
unsafe fn avx512<M: Apply, const FORM: u8>(job: &Job) {
    // SAFETY: the caller's contract is the same.
    unsafe { transform::<__m512, M, FORM>(job) }
}

/// Repeats a block for every index below [`MAX_POINTS`], each time as a constant: loops over registers would leave the
/// coefficients to memory, which costs ten times as much.
macro_rules! unrolled {
    ($i:ident, $body:block) => {
        unrolled!(@ $i, $body, 0, 1, 2, 3, 4, 5)
    };
    (@ $i:ident, $body:block, $($value:literal),*) => {
        $({
            const $i: usize = $value;
            $body
        })*
    };
}

/// Applies `M` to the columns of a tile, then to its rows.
///
/// # Safety
/// As [`Transform`].
#[inline(always)]
unsafe fn transform<V: Halve, M: Apply, const FORM: u8>(job: &Job) {
    for block in 0..job.channels / BLOCK {
        for lane in (0..BLOCK).step_by(V::LANES) {
            let from_channel = job.from.first + block * job.from.step + lane;
            let to_lane = if FORM == form::PAIRS { lane / 2 } else { lane };
            let to_channel = job.to.first + block * job.to.step + to_lane;
            // SAFETY: the caller vouches for the pointers and the instruction set.
            unsafe {
                let mut half = [[V::zero(); MAX_POINTS]; MAX_POINTS];
                unrolled!(J, {
                    if const { J < M::MATRIX.columns } {
                        let mut column = [V::zero(); MAX_POINTS];
                        unrolled!(K, {
                            if const { K < M::MATRIX.columns } {
                                let from = job.from.at[const { K * M::MATRIX.columns + J }];
                                if !from.is_null() {
                                    column[K] = V::load(from.add(from_channel));
                                }
                            }
                        });
                        unrolled!(I, {
                            if const { I < M::MATRIX.rows } {
                                half[I][J] = combine::<V, M, I>(&column);
                            }
                        });
                    }
                });
                unrolled!(I, {
                    if const { I < M::MATRIX.rows } {
                        unrolled!(J, {
                            if const { J < M::MATRIX.rows } {
                                let to = job.to.at[const { I * M::MATRIX.rows + J }];
                                if !to.is_null() {
                                    let to = to.add(to_channel);
                                    let value = combine::<V, M, J>(&half[I]);
                                    match FORM {
                                        form::ADDED => value.add(V::load(to)).store(to),
                                        form::PAIRS => value.store_pairs(to),
                                        form::LOW => value.store_low(to),
                                        form::HIGH => value.store_high(to),
                                        _ => value.store(to),
                                    }
                                }
                            }
                        });
                    }
                });
            }
        }
    }
}

/// Row `I` of the matrix times a column of values.
///
/// # Safety
/// Only called where the vector's instruction set is enabled.
#[inline(always)]
unsafe fn combine<V: Vector<f32>, M: Apply, const I: usize>(values: &[V; MAX_POINTS]) -> V {
    // SAFETY: the caller's word.
    unsafe {
        let mut sum = V::zero();
        let mut is_first = true;
        unrolled!(K, {
            let factor = const { M::MATRIX.at[I][K] };
            if factor != 0.0 {
                sum = if factor == 1.0 {
                    if is_first { values[K] } else { sum.add(values[K]) }
                } else if factor == -1.0 {
                    sum.sub(values[K])
                } else {
                    values[K].mul_add(V::splat(&(factor as f32)), sum)
                };
                #[allow(unused_assignments, reason = "the last copy's value is nobody's")]
                {
                    is_first = false;
                }
            }
        });
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bilinear identity that makes an algorithm one: summed over the points, Results * Taps * Pixels is 1 where the
    /// pixel is the result's own moved by the tap, else 0.
    fn is_a_filter<F: Algorithm>() {
        let (results, taps, pixels) = (Results::<F>::MATRIX, Taps::<F>::MATRIX, Pixels::<F>::MATRIX);
        for y in 0..F::OUTPUTS {
            for tap in 0..F::TAPS {
                for x in 0..F::OUTPUTS + F::TAPS - 1 {
                    let sum: f64 = (0..=F::POINTS.len())
                        .map(|p| results.at[y][p] * taps.at[p][tap] * pixels.at[p][x])
                        .sum();
                    let wanted = if x == y + tap { 1.0 } else { 0.0 };
                    assert!((sum - wanted).abs() < 1e-12, "y {y}, tap {tap}, x {x}: {sum}");
                }
            }
        }
    }

    #[test]
    fn every_algorithm_filters() {
        is_a_filter::<F22>();
        is_a_filter::<F42>();
        is_a_filter::<F23>();
        is_a_filter::<F43>();
        is_a_filter::<F25>();
    }
}
