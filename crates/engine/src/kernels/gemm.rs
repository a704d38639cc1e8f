//! Matrix products of any strides, in batches.
use super::{
    arithmetic::Arithmetic,
    micro::{Kernel, MAX_ROWS},
    product::{self, Cut, Epilogue, MAX_BLOCK, Source},
    real::Real,
    scratch::Shared,
};
use std::ops::Range;

/// `C[batch, m, n] = A[batch, m, k] B[batch, k, n]`: C is dense and row-major, A and B have any strides.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Gemm {
    /// How many products.
    pub batch: usize,
    /// Rows of A and C.
    pub m: usize,
    /// Columns of B and C.
    pub n: usize,
    /// Columns of A, rows of B.
    pub k: usize,
    /// Elements from one A to the next; 0 where all products share one.
    pub a_batch_stride: usize,
    /// Elements from one row of A to the next, and from one column to the next.
    pub a_strides: [usize; 2],
    /// Elements from one B to the next; 0 where all products share one.
    pub b_batch_stride: usize,
    /// Elements from one row of B to the next, and from one column to the next.
    pub b_strides: [usize; 2],
}

impl Gemm {
    /// One product of dense row-major matrices.
    pub fn dense(m: usize, n: usize, k: usize) -> Self {
        Self {
            batch: 1,
            m,
            n,
            k,
            a_batch_stride: m * k,
            a_strides: [k, 1],
            b_batch_stride: k * n,
            b_strides: [n, 1],
        }
    }

    /// Rows that follow each other from product to product, over one B, are rows of one product.
    fn folded(&self) -> Self {
        let mut folded = *self;
        if self.batch > 1 && self.b_batch_stride == 0 && self.a_batch_stride == self.m * self.a_strides[0] {
            folded.m *= self.batch;
            folded.batch = 1;
        }
        folded
    }

    fn cut(&self) -> Cut {
        Cut::new(self.batch, self.m, self.n, self.k)
    }

    /// Elements of scratch that [`Gemm::run`] needs.
    pub fn scratch_len(&self) -> usize {
        let gemm = self.folded();
        gemm.cut().scratch_len(gemm.b_batch_stride == 0)
    }

    /// Computes the products. `epilogue` is called once for every finished range of whole rows of C, on any thread; the
    /// ranges cover C and depend on the shape alone.
    ///
    /// # Safety
    /// A and B are readable at all their strides name, C is writable for `batch * m * n` elements, `scratch` for
    /// [`Gemm::scratch_len`] elements from a 64-byte boundary; C and the scratch overlap nothing and nobody else
    /// touches them; the machine has the instruction set.
    pub unsafe fn run<T: Real>(
        &self,
        arithmetic: Arithmetic,
        a: *const T,
        b: *const T,
        c: *mut T,
        scratch: *mut T,
        epilogue: Option<Epilogue>,
    ) {
        let gemm = self.folded();
        let source = Strided {
            gemm,
            a: Shared::read(a),
            b: Shared::read(b),
        };
        // SAFETY: the caller vouches for the pointers; rows of C are dense.
        unsafe {
            product::product(
                arithmetic,
                &gemm.cut(),
                gemm.b_batch_stride == 0,
                &source,
                c,
                scratch,
                epilogue,
            )
        }
    }
}

struct Strided<T> {
    gemm: Gemm,
    a: Shared<T>,
    b: Shared<T>,
}

impl<T: Real> Source<T> for Strided<T> {
    unsafe fn pack_a(&self, kernel: &Kernel<T>, item: usize, rows: Range<usize>, depth: Range<usize>, out: *mut T) {
        let [row_stride, column_stride] = self.gemm.a_strides;
        // SAFETY: the caller vouches for A and the output; rows past the end repeat the last one.
        unsafe {
            let a = self
                .a
                .get()
                .add(item * self.gemm.a_batch_stride + depth.start * column_stride);
            let mut done = rows.start;
            if row_stride == 1 && column_stride != 1 && kernel.rows == MAX_ROWS {
                // Four panels at once read whole cache lines.
                while done + 4 * MAX_ROWS <= rows.end {
                    for k in 0..depth.len() {
                        let from = a.add(done + k * column_stride).cast_const();
                        for panel in 0..4 {
                            let out = out.add((done - rows.start + panel * MAX_ROWS) * depth.len() + k * MAX_ROWS);
                            *out.cast::<[T; MAX_ROWS]>() = *from.add(panel * MAX_ROWS).cast::<[T; MAX_ROWS]>();
                        }
                    }
                    done += 4 * MAX_ROWS;
                }
            }
            for (panel, first) in rows.clone().step_by(kernel.rows).enumerate() {
                if first < done {
                    continue;
                }
                let out = out.add(panel * kernel.rows * depth.len().div_ceil(kernel.places));
                let row = |r: usize| a.add((first + r).min(rows.end - 1) * row_stride).cast_const();
                if column_stride == 1 {
                    let sources: [*const T; MAX_ROWS] = std::array::from_fn(row);
                    (kernel.transpose)(&sources, depth.len(), out, kernel.rows);
                } else if row_stride == 1 && first + kernel.rows <= rows.end {
                    let from = a.add(first);
                    if kernel.rows == 8 {
                        copy_runs::<T, 8>(from, column_stride, depth.len(), out);
                    } else {
                        copy_runs::<T, 4>(from, column_stride, depth.len(), out);
                    }
                } else {
                    for r in 0..kernel.rows {
                        let row = row(r);
                        for k in 0..depth.len() {
                            *out.add(k * kernel.rows + r) = *row.add(k * column_stride);
                        }
                    }
                }
            }
        }
    }

    unsafe fn pack_b(
        &self,
        kernel: &Kernel<T>,
        item: usize,
        depth: Range<usize>,
        columns: Range<usize>,
        width: usize,
        out: *mut T,
    ) {
        let strides = self.gemm.b_strides;
        // SAFETY: the caller vouches for B and the output.
        unsafe {
            let from = item * self.gemm.b_batch_stride + depth.start * strides[0] + columns.start * strides[1];
            product::pack_columns(
                kernel,
                self.b.get().add(from),
                strides,
                depth.len(),
                columns.len(),
                width,
                out,
            );
        }
    }

    fn has_runs(&self) -> bool {
        self.gemm.a_strides[1] == 1 && self.gemm.k >= 8
    }

    fn has_even_runs(&self) -> bool {
        self.gemm.a_strides[1] == 1
    }

    unsafe fn visit_runs(
        &self,
        item: usize,
        rows: Range<usize>,
        depth: Range<usize>,
        visit: &mut dyn FnMut(&[*const T; MAX_ROWS], usize, usize),
    ) {
        let start = item * self.gemm.a_batch_stride + depth.start;
        let row = |r: usize| (rows.start + r).min(rows.end - 1) * self.gemm.a_strides[0];
        // SAFETY: the caller vouches for A; rows past the end repeat the last one.
        let sources = std::array::from_fn(|r| unsafe { self.a.get().add(start + row(r)).cast_const() });
        visit(&sources, depth.start, depth.len());
    }

    fn offsets(&self, item: usize, rows: Range<usize>, out: &mut [usize; MAX_BLOCK]) {
        for (offset, row) in out.iter_mut().zip(rows) {
            *offset = (item * self.gemm.m + row) * self.gemm.n;
        }
    }
}

/// Copies `count` runs of `N` elements, `stride` apart, into one.
///
/// # Safety
/// The runs are readable, `out` is writable for all of them.
#[inline(always)]
unsafe fn copy_runs<T: Real, const N: usize>(from: *const T, stride: usize, count: usize, out: *mut T) {
    for k in 0..count {
        // SAFETY: the caller vouches for both.
        unsafe { *out.add(k * N).cast::<[T; N]>() = *from.add(k * stride).cast::<[T; N]>() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::{arithmetic::Precision, bf16};
    use proptest::prelude::*;
    use std::sync::Mutex;

    /// Values that are exact in both types and whose short sums are too.
    pub(crate) fn numbers<T: Real>(len: usize, seed: usize) -> Vec<T> {
        (0..len)
            .map(|i| T::from_f64((((i + seed) * 7919 + seed) % 17) as f64 - 8.0))
            .collect()
    }

    fn naive<T: Real>(gemm: &Gemm, a: &[T], b: &[T]) -> Vec<T> {
        let mut c = vec![T::ZERO; gemm.batch * gemm.m * gemm.n];
        for item in 0..gemm.batch {
            for i in 0..gemm.m {
                for j in 0..gemm.n {
                    for k in 0..gemm.k {
                        c[(item * gemm.m + i) * gemm.n + j] += a
                            [item * gemm.a_batch_stride + i * gemm.a_strides[0] + k * gemm.a_strides[1]]
                            * b[item * gemm.b_batch_stride + k * gemm.b_strides[0] + j * gemm.b_strides[1]];
                    }
                }
            }
        }
        c
    }

    fn check<T: Real>(gemm: &Gemm, a_len: usize, b_len: usize) {
        let (a, b) = (numbers::<T>(a_len, 1), numbers::<T>(b_len, 2));
        let wanted = naive(gemm, &a, &b);
        for arithmetic in Arithmetic::available() {
            let mut c = vec![T::from_f64(f64::NAN); wanted.len()];
            let mut scratch = vec![T::from_f64(f64::NAN); gemm.scratch_len() + 16];
            let skip = scratch.as_ptr().align_offset(64);
            let seen = Mutex::new(Vec::new());
            let out = Shared::new(c.as_mut_ptr());
            let epilogue = |range: Range<usize>| {
                for i in range.clone() {
                    // SAFETY: the range is final and in bounds.
                    assert_eq!(unsafe { *out.get().add(i) }, wanted[i], "element {i} is not final");
                }
                seen.lock().unwrap().push(range);
            };
            // SAFETY: all buffers have the lengths that the shape asks for.
            unsafe {
                let scratch = scratch[skip..].as_mut_ptr();
                gemm.run(arithmetic, a.as_ptr(), b.as_ptr(), out.get(), scratch, Some(&epilogue));
            }
            assert_eq!(c, wanted, "{arithmetic:?} {gemm:?}");
            let mut seen = seen.into_inner().unwrap();
            seen.sort_by_key(|range| range.start);
            assert_eq!(
                seen.iter().flat_map(|range| range.clone()).collect::<Vec<_>>(),
                (0..c.len()).collect::<Vec<_>>()
            );
        }
    }

    fn strided(batch: usize, m: usize, n: usize, k: usize, kind: usize) -> (Gemm, usize, usize) {
        let a_strides = if kind & 1 == 0 { [k, 1] } else { [1, m] };
        let b_strides = if kind & 2 == 0 { [n, 1] } else { [1, k] };
        let (a_strides, scale) = if kind & 4 == 0 {
            (a_strides, 1)
        } else {
            (a_strides.map(|s| 2 * s), 2)
        };
        let (a_batch_stride, a_len) = if kind & 8 == 0 {
            (scale * m * k, scale * batch * m * k)
        } else {
            (0, scale * m * k)
        };
        let (b_batch_stride, b_len) = if kind & 16 == 0 {
            (k * n, batch * k * n)
        } else {
            (0, k * n)
        };
        (
            Gemm {
                batch,
                m,
                n,
                k,
                a_batch_stride,
                a_strides,
                b_batch_stride,
                b_strides,
            },
            a_len,
            b_len,
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn any_shape_and_strides(batch in 0usize..4, m in 0usize..40, n in 0usize..70, k in 0usize..50, kind in 0usize..32) {
            let (gemm, a_len, b_len) = strided(batch, m, n, k, kind);
            check::<f32>(&gemm, a_len, b_len);
            check::<f64>(&gemm, a_len, b_len);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]
        #[test]
        fn bf16_multiplies_rounded_operands(batch in 1usize..3, m in 1usize..40, n in 5usize..70, k in 0usize..90, kind in 0usize..32) {
            let (gemm, a_len, b_len) = strided(batch, m, n, k, kind);
            let numbers = |len: usize, step: f32| (0..len).map(|i| (i as f32 * step).sin()).collect::<Vec<f32>>();
            let (a, b) = (numbers(a_len, 0.37), numbers(b_len, 0.11));
            let precise = |x: &f32| f64::from(f32::from_bits(bf16::rounded(*x) << 16));
            let (a64, b64) = (a.iter().map(precise).collect::<Vec<_>>(), b.iter().map(precise).collect::<Vec<_>>());
            let wanted = naive(&gemm, &a64, &b64);
            for arithmetic in Arithmetic::available() {
                if arithmetic.precision == Precision::F32 {
                    continue;
                }
                let mut c = vec![f32::NAN; wanted.len()];
                let mut scratch = vec![f32::NAN; gemm.scratch_len() + 16];
                let skip = scratch.as_ptr().align_offset(64);
                // SAFETY: all buffers have the lengths that the shape asks for.
                unsafe {
                    let scratch = scratch[skip..].as_mut_ptr();
                    gemm.run(arithmetic, a.as_ptr(), b.as_ptr(), c.as_mut_ptr(), scratch, None);
                }
                for (found, wanted) in c.iter().zip(&wanted) {
                    // Sums of f32 are this good; one operand that is not rounded would add a thousandth.
                    let close = (k + 1) as f64 * 1e-7;
                    prop_assert!((f64::from(*found) - wanted).abs() <= close, "{arithmetic:?} {gemm:?}: {found}, not {wanted}");
                }
            }
        }
    }

    #[test]
    fn several_blocks_of_rows_columns_and_depth() {
        for (m, n, k) in [
            (397, 101, 1031),
            (9, 331, 5003),
            (70, 33, 4200),
            (1, 1, 3000),
            (200, 1, 700),
            (1, 700, 513),
        ] {
            for kind in 0..4 {
                let (gemm, a_len, b_len) = strided(1, m, n, k, kind);
                check::<f32>(&gemm, a_len, b_len);
                check::<f64>(&gemm, a_len, b_len);
            }
        }
    }

    #[test]
    fn any_number_of_threads_gives_the_same_bits() {
        let gemm = Gemm::dense(300, 130, 5000);
        let a: Vec<f32> = (0..gemm.m * gemm.k).map(|i| (i as f32 * 0.37).sin()).collect();
        let b: Vec<f32> = (0..gemm.n * gemm.k).map(|i| (i as f32 * 0.11).cos()).collect();
        let run = |precision, threads| {
            let mut c = vec![0f32; gemm.m * gemm.n];
            let mut scratch = vec![0f32; gemm.scratch_len() + 16];
            let (out, scratch) = (Shared::new(c.as_mut_ptr()), Shared::new(scratch.as_mut_ptr()));
            let (a, b) = (Shared::read(a.as_ptr()), Shared::read(b.as_ptr()));
            crate::pool::with_threads(threads, || {
                let skip = scratch.get().align_offset(64);
                // SAFETY: all buffers have the lengths that the shape asks for.
                unsafe {
                    gemm.run(
                        Arithmetic::current(precision),
                        a.get(),
                        b.get(),
                        out.get(),
                        scratch.get().add(skip),
                        None,
                    )
                }
            });
            c.iter().map(|x| x.to_bits()).collect::<Vec<_>>()
        };
        for precision in Precision::ALL {
            assert_eq!(run(precision, 1), run(precision, 3), "{precision:?}");
        }
    }
}
