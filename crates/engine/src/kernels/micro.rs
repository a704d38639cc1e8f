//! The innermost tile of every matrix product, one per instruction set and element type, and the transposition that
//! packs rows for it.
#![allow(
    clippy::needless_range_loop,
    reason = "registers are arrays that several loops index alike"
)]

use super::{isa::Isa, real::Real};
use std::any::TypeId;

/// The most rows that any kernel's tile has.
pub(super) const MAX_ROWS: usize = 8;
/// The most lanes that any kernel's vector has.
pub(super) const MAX_LANES: usize = 16;

/// One tile of a product: `C[rows, columns] (+)= A[rows, depth] B[depth, columns]`.
pub(super) struct Tile<T> {
    pub(super) depth: usize,
    pub(super) a: *const T,
    /// Elements from one row of A to the next: 1 in a packed panel, anything else where A lies row after row.
    pub(super) a_row: usize,
    /// Elements from one step of the depth to the next: the rows of a panel, or 1 where A lies row after row.
    pub(super) a_step: usize,
    /// `depth` rows of whole vectors, `b_stride` elements apart.
    pub(super) b: *const T,
    pub(super) b_stride: usize,
    pub(super) c: *mut T,
    /// Where each row of C starts, in elements after `c`.
    pub(super) offsets: *const usize,
    pub(super) rows: usize,
    pub(super) columns: usize,
    /// Add to C rather than overwrite it.
    pub(super) accumulate: bool,
}

/// The inner loops of one instruction set for one element type.
#[derive(Clone, Copy)]
pub(super) struct Kernel<T: 'static> {
    /// Rows of a full tile, and of a packed panel of A.
    pub(super) rows: usize,
    /// Elements of a vector.
    pub(super) lanes: usize,
    /// Vectors in a row of a full tile.
    pub(super) vectors: usize,
    /// Places of the depth that `transpose` puts into one word, which is as large as an element.
    pub(super) places: usize,
    /// Computes a tile.
    ///
    /// Safety: the machine has the instruction set; `1 <= rows <= Kernel::rows`, `1 <= columns <= lanes * vectors`;
    /// A (as many rows as the next power of two), B (up to whole vectors) and the named part of C are valid, and nobody
    /// else touches that part of C; where `a_row` is not 1, `a_step` is.
    pub(super) tile: unsafe fn(&Tile<T>),
    /// Called with sources, a count, `out` and a stride: writes `out[k * stride + r] = sources[r][k]` for `k` below the
    /// count and `r` below `rows`; where a word holds several places, `k` counts words, and a last one that is not full
    /// is filled up with zeros.
    ///
    /// Safety: the machine has the instruction set; `rows` sources are readable for the count, `out` is writable.
    pub(super) transpose: unsafe fn(&[*const T; MAX_ROWS], usize, *mut T, usize),
    /// Adds one run of a thin product to its sums.
    ///
    /// Safety: the machine has the instruction set; the sources, the columns and the sums are valid.
    pub(super) dot: unsafe fn(&mut Dot<T>),
}

/// The most columns of a thin product.
pub(super) const THIN: usize = 4;

/// One run of a product with at most [`THIN`] columns: eight rows against columns that lie along the depth.
#[repr(C, align(64))]
pub(super) struct Dot<T> {
    /// Sums by column, row and lane.
    pub(super) sums: [[[T; MAX_LANES]; MAX_ROWS]; THIN],
    /// The rows' elements; `length` of each are readable.
    pub(super) sources: [*const T; MAX_ROWS],
    /// The first column's elements.
    pub(super) columns: *const T,
    /// Elements from one column to the next.
    pub(super) stride: usize,
    /// How many columns, at least 1.
    pub(super) count: usize,
    pub(super) length: usize,
}

impl<T: Real> Kernel<T> {
    /// The widest row of a tile, in elements.
    pub(super) fn columns(&self) -> usize {
        self.lanes * self.vectors
    }

    /// The kernel of an instruction set, which this machine must have.
    pub(super) fn of(isa: Isa) -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            if TypeId::of::<T>() == TypeId::of::<f32>() {
                let kernel = match isa {
                    Isa::Portable => None,
                    Isa::Avx2 => Some(x86::F32_AVX2),
                    Isa::Avx512 | Isa::Avx512Bf16 | Isa::Amx => Some(x86::F32_AVX512),
                };
                if let Some(kernel) = kernel {
                    // SAFETY: T is f32, so both types are the same.
                    return unsafe { std::mem::transmute_copy::<Kernel<f32>, Kernel<T>>(&kernel) };
                }
            }
            if TypeId::of::<T>() == TypeId::of::<f64>() {
                let kernel = match isa {
                    Isa::Portable => None,
                    Isa::Avx2 => Some(x86::F64_AVX2),
                    Isa::Avx512 | Isa::Avx512Bf16 | Isa::Amx => Some(x86::F64_AVX512),
                };
                if let Some(kernel) = kernel {
                    // SAFETY: T is f64, so both types are the same.
                    return unsafe { std::mem::transmute_copy::<Kernel<f64>, Kernel<T>>(&kernel) };
                }
            }
        }
        let _ = isa;
        Kernel {
            rows: 4,
            lanes: 4,
            vectors: 2,
            places: 1,
            tile: portable_tile::<T>,
            transpose: portable_transpose::<T, 4>,
            dot: portable_dot::<T>,
        }
    }
}

/// A vector register. Every method is only called where the instruction set it stands for is enabled.
pub(super) trait Vector<T>: Copy {
    const LANES: usize;
    unsafe fn zero() -> Self;
    unsafe fn splat(value: *const T) -> Self;
    unsafe fn load(from: *const T) -> Self;
    unsafe fn load_first(from: *const T, count: usize) -> Self;
    unsafe fn store(self, to: *mut T);
    unsafe fn store_first(self, to: *mut T, count: usize);
    unsafe fn add(self, other: Self) -> Self;
    unsafe fn sub(self, other: Self) -> Self;
    unsafe fn mul_add(self, factor: Self, sum: Self) -> Self;
}

/// The function of one argument, a reference to a type of elements, for an instruction set that this machine must have: the
/// portable one is generic over the element, the others over the element and its vector.
macro_rules! instance {
    ($isa:expr, $t:ident, $argument:ident, $portable:ident, $avx2:ident, $avx512:ident) => {{
        type Function<T> = unsafe fn(&$argument<T>);
        #[cfg(target_arch = "x86_64")]
        let function = {
            use std::arch::x86_64::{__m256, __m256d, __m512, __m512d};
            let is_f32 = std::any::TypeId::of::<$t>() == std::any::TypeId::of::<f32>();
            // SAFETY: the element's type was compared, there are two: both types of each function are the same.
            unsafe {
                match $isa {
                    Isa::Portable => $portable::<$t>,
                    Isa::Avx2 if is_f32 => std::mem::transmute::<Function<f32>, Function<$t>>($avx2::<f32, __m256>),
                    Isa::Avx2 => std::mem::transmute::<Function<f64>, Function<$t>>($avx2::<f64, __m256d>),
                    _ if is_f32 => std::mem::transmute::<Function<f32>, Function<$t>>($avx512::<f32, __m512>),
                    _ => std::mem::transmute::<Function<f64>, Function<$t>>($avx512::<f64, __m512d>),
                }
            }
        };
        #[cfg(not(target_arch = "x86_64"))]
        let function = {
            let _ = $isa;
            $portable::<$t>
        };
        function as Function<$t>
    }};
}
pub(super) use instance;

/// A tile of `R` computed rows and `N` vectors; `PANEL` says that a step's elements of A lie next to each other.
///
/// # Safety
/// As [`Kernel::tile`], with `tile.rows <= R`, and R rows of A readable.
#[inline(always)]
pub(super) unsafe fn compute<T: Real, V: Vector<T>, const R: usize, const N: usize, const PANEL: bool>(tile: &Tile<T>) {
    // SAFETY: the caller vouches for the pointers and the instruction set.
    unsafe {
        let mut sums = [[V::zero(); N]; R];
        let (mut a, mut b) = (tile.a, tile.b);
        for _ in 0..tile.depth {
            let mut row = [V::zero(); N];
            for (j, vector) in row.iter_mut().enumerate() {
                *vector = V::load(b.add(j * V::LANES));
            }
            for (i, sums) in sums.iter_mut().enumerate() {
                let factor = V::splat(a.add(if PANEL { i } else { i * tile.a_row }));
                for j in 0..N {
                    sums[j] = factor.mul_add(row[j], sums[j]);
                }
            }
            a = a.add(if PANEL { tile.a_step } else { 1 });
            b = b.add(tile.b_stride);
        }
        let last = tile.columns - (N - 1) * V::LANES;
        for (i, sums) in sums.iter().enumerate() {
            if i < tile.rows {
                let c = tile.c.add(*tile.offsets.add(i));
                for (j, &sum) in sums.iter().enumerate() {
                    let c = c.add(j * V::LANES);
                    if j + 1 < N || last == V::LANES {
                        let sum = if tile.accumulate { sum.add(V::load(c)) } else { sum };
                        sum.store(c);
                    } else {
                        let sum = if tile.accumulate {
                            sum.add(V::load_first(c, last))
                        } else {
                            sum
                        };
                        sum.store_first(c, last);
                    }
                }
            }
        }
    }
}

/// Adds a run to the sums of a thin product with `N` columns, `R` rows at a time.
///
/// # Safety
/// As [`Kernel::dot`], with `dot.count == N`.
#[inline(always)]
unsafe fn accumulate<T: Real, V: Vector<T>, const R: usize, const N: usize>(dot: &mut Dot<T>) {
    for first in (0..MAX_ROWS).step_by(R) {
        let sources = &dot.sources[first..first + R];
        // SAFETY: the caller vouches for the pointers and the instruction set; a vector fits in a place.
        unsafe {
            let mut sums = [[V::zero(); N]; R];
            for i in 0..R {
                for j in 0..N {
                    sums[i][j] = V::load(dot.sums[j][first + i].as_ptr());
                }
            }
            let mut k = 0;
            while k + V::LANES <= dot.length {
                let mut columns = [V::zero(); N];
                for (j, column) in columns.iter_mut().enumerate() {
                    *column = V::load(dot.columns.add(j * dot.stride + k));
                }
                for i in 0..R {
                    let row = V::load(sources[i].add(k));
                    for j in 0..N {
                        sums[i][j] = row.mul_add(columns[j], sums[i][j]);
                    }
                }
                k += V::LANES;
            }
            let left = dot.length - k;
            if left > 0 {
                for i in 0..R {
                    let row = V::load_first(sources[i].add(k), left);
                    for j in 0..N {
                        let column = V::load_first(dot.columns.add(j * dot.stride + k), left);
                        sums[i][j] = row.mul_add(column, sums[i][j]);
                    }
                }
            }
            for i in 0..R {
                for j in 0..N {
                    sums[i][j].store(dot.sums[j][first + i].as_mut_ptr());
                }
            }
        }
    }
}

/// Picks the number of columns.
macro_rules! choose_dot {
    ($dot:expr, $t:ty, $v:ty, $rows:literal) => {{
        let dot = $dot;
        // SAFETY: the caller vouches for the run; the number of columns was compared.
        unsafe {
            match dot.count {
                1 => accumulate::<$t, $v, $rows, 1>(dot),
                2 => accumulate::<$t, $v, $rows, 2>(dot),
                3 => accumulate::<$t, $v, $rows, 3>(dot),
                _ => accumulate::<$t, $v, $rows, 4>(dot),
            }
        }
    }};
}

/// Picks the smallest computed tile that covers what is asked for.
macro_rules! choose {
    ($tile:expr, $t:ty, $v:ty, [$($r:literal),*], $n:tt) => {{
        let tile = $tile;
        let vectors = tile.columns.div_ceil(<$v as Vector<$t>>::LANES);
        if tile.a_row == 1 {
            $(choose!(@rows tile, vectors, $t, $v, $r, $n, true);)*
        } else {
            $(choose!(@rows tile, vectors, $t, $v, $r, $n, false);)*
        }
    }};
    (@rows $tile:ident, $vectors:ident, $t:ty, $v:ty, $r:literal, [$($n:literal),*], $panel:literal) => {
        if $tile.rows <= $r {
            $(if $vectors <= $n {
                // SAFETY: the caller vouches for the tile; the sizes were compared.
                return unsafe { $crate::kernels::micro::compute::<$t, $v, $r, $n, $panel>($tile) };
            })*
        }
    };
}
pub(super) use choose;

impl<T: Real> Vector<T> for [T; 4] {
    const LANES: usize = 4;
    #[inline(always)]
    unsafe fn zero() -> Self {
        [T::ZERO; 4]
    }
    #[inline(always)]
    unsafe fn splat(value: *const T) -> Self {
        // SAFETY: readable by contract.
        [unsafe { *value }; 4]
    }
    #[inline(always)]
    unsafe fn load(from: *const T) -> Self {
        // SAFETY: readable by contract; arrays of T have T's alignment.
        unsafe { *from.cast() }
    }
    #[inline(always)]
    unsafe fn load_first(from: *const T, count: usize) -> Self {
        let mut values = [T::ZERO; 4];
        for (i, value) in values.iter_mut().enumerate().take(count) {
            // SAFETY: the first `count` elements are readable by contract.
            *value = unsafe { *from.add(i) };
        }
        values
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut T) {
        // SAFETY: writable by contract; arrays of T have T's alignment.
        unsafe { *to.cast() = self }
    }
    #[inline(always)]
    unsafe fn store_first(self, to: *mut T, count: usize) {
        for (i, &value) in self.iter().enumerate().take(count) {
            // SAFETY: the first `count` elements are writable by contract.
            unsafe { *to.add(i) = value }
        }
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        [
            self[0] + other[0],
            self[1] + other[1],
            self[2] + other[2],
            self[3] + other[3],
        ]
    }
    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        [
            self[0] - other[0],
            self[1] - other[1],
            self[2] - other[2],
            self[3] - other[3],
        ]
    }
    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, sum: Self) -> Self {
        // Without the instruction, a fused product is a slow library call.
        let fused = cfg!(any(target_arch = "aarch64", target_feature = "fma"));
        let term = |i: usize| {
            if fused {
                self[i].mul_add(factor[i], sum[i])
            } else {
                self[i] * factor[i] + sum[i]
            }
        };
        [term(0), term(1), term(2), term(3)]
    }
}

unsafe fn portable_tile<T: Real>(tile: &Tile<T>) {
    choose!(tile, T, [T; 4], [1, 2, 4], [1, 2]);
}

unsafe fn portable_transpose<T: Real, const ROWS: usize>(
    sources: &[*const T; MAX_ROWS],
    count: usize,
    out: *mut T,
    stride: usize,
) {
    for k in 0..count {
        for (r, source) in sources.iter().enumerate().take(ROWS) {
            // SAFETY: the caller vouches for `count` elements of every source and for the output.
            unsafe { *out.add(k * stride + r) = *source.add(k) };
        }
    }
}

unsafe fn portable_dot<T: Real>(dot: &mut Dot<T>) {
    choose_dot!(dot, T, [T; 4], 2);
}

#[cfg(target_arch = "x86_64")]
pub(super) use x86::turn_f32;

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::*;
    use std::arch::x86_64::*;

    pub(super) const F32_AVX2: Kernel<f32> = Kernel {
        rows: 4,
        lanes: 8,
        vectors: 2,
        places: 1,
        tile: f32_avx2,
        transpose: transpose_f32_4,
        dot: f32_avx2_dot,
    };
    pub(super) const F64_AVX2: Kernel<f64> = Kernel {
        rows: 4,
        lanes: 4,
        vectors: 2,
        places: 1,
        tile: f64_avx2,
        transpose: transpose_f64_4,
        dot: f64_avx2_dot,
    };
    pub(super) const F32_AVX512: Kernel<f32> = Kernel {
        rows: 8,
        lanes: 16,
        vectors: 2,
        places: 1,
        tile: f32_avx512,
        transpose: transpose_f32_8,
        dot: f32_avx512_dot,
    };
    pub(super) const F64_AVX512: Kernel<f64> = Kernel {
        rows: 8,
        lanes: 8,
        vectors: 2,
        places: 1,
        tile: f64_avx512,
        transpose: transpose_f64_8,
        dot: f64_avx512_dot,
    };

    #[target_feature(enable = "avx2,fma")]
    unsafe fn f32_avx2(tile: &Tile<f32>) {
        choose!(tile, f32, __m256, [1, 2, 4], [1, 2]);
    }
    #[target_feature(enable = "avx2,fma")]
    unsafe fn f64_avx2(tile: &Tile<f64>) {
        choose!(tile, f64, __m256d, [1, 2, 4], [1, 2]);
    }
    #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,fma")]
    unsafe fn f32_avx512(tile: &Tile<f32>) {
        choose!(tile, f32, __m512, [1, 2, 4, 8], [1, 2]);
    }
    #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,fma")]
    unsafe fn f64_avx512(tile: &Tile<f64>) {
        choose!(tile, f64, __m512d, [1, 2, 4, 8], [1, 2]);
    }

    #[target_feature(enable = "avx2,fma")]
    unsafe fn f32_avx2_dot(dot: &mut Dot<f32>) {
        choose_dot!(dot, f32, __m256, 2);
    }

    #[target_feature(enable = "avx2,fma")]
    unsafe fn f64_avx2_dot(dot: &mut Dot<f64>) {
        choose_dot!(dot, f64, __m256d, 2);
    }

    #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,fma")]
    unsafe fn f32_avx512_dot(dot: &mut Dot<f32>) {
        choose_dot!(dot, f32, __m512, 4);
    }

    #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,fma")]
    unsafe fn f64_avx512_dot(dot: &mut Dot<f64>) {
        choose_dot!(dot, f64, __m512d, 4);
    }

    /// All ones in the first `count` of eight 32-bit lanes.
    #[inline(always)]
    unsafe fn mask_32(count: usize) -> __m256i {
        static ONES: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];
        // SAFETY: `count` is at most 8, so the eight values from `8 - count` on are inside.
        unsafe { _mm256_loadu_si256(ONES.as_ptr().add(8 - count).cast()) }
    }

    /// All ones in the first `count` of four 64-bit lanes.
    #[inline(always)]
    unsafe fn mask_64(count: usize) -> __m256i {
        static ONES: [i64; 8] = [-1, -1, -1, -1, 0, 0, 0, 0];
        // SAFETY: `count` is at most 4, so the four values from `4 - count` on are inside.
        unsafe { _mm256_loadu_si256(ONES.as_ptr().add(4 - count).cast()) }
    }

    macro_rules! vector {
        ($v:ty, $t:ty, $lanes:literal, $zero:ident, $splat:ident, $load:ident, $store:ident, $add:ident, $sub:ident, $fma:ident,
         |$from:ident, $n:ident| $load_first:expr, |$to:ident, $m:ident, $x:ident| $store_first:expr) => {
            // SAFETY (of every block below): only called where the instruction set is enabled, on valid pointers.
            impl Vector<$t> for $v {
                const LANES: usize = $lanes;
                #[inline(always)]
                unsafe fn zero() -> Self {
                    // SAFETY: see above.
                    unsafe { $zero() }
                }
                #[inline(always)]
                unsafe fn splat(value: *const $t) -> Self {
                    // SAFETY: see above.
                    unsafe { $splat(*value) }
                }
                #[inline(always)]
                unsafe fn load(from: *const $t) -> Self {
                    // SAFETY: see above.
                    unsafe { $load(from) }
                }
                #[inline(always)]
                unsafe fn load_first($from: *const $t, $n: usize) -> Self {
                    // SAFETY: see above; masked lanes are not touched.
                    unsafe { $load_first }
                }
                #[inline(always)]
                unsafe fn store(self, to: *mut $t) {
                    // SAFETY: see above.
                    unsafe { $store(to, self) }
                }
                #[inline(always)]
                unsafe fn store_first(self, $to: *mut $t, $m: usize) {
                    let $x = self;
                    // SAFETY: see above; masked lanes are not touched.
                    unsafe { $store_first }
                }
                #[inline(always)]
                unsafe fn add(self, other: Self) -> Self {
                    // SAFETY: see above.
                    unsafe { $add(self, other) }
                }
                #[inline(always)]
                unsafe fn sub(self, other: Self) -> Self {
                    // SAFETY: see above.
                    unsafe { $sub(self, other) }
                }
                #[inline(always)]
                unsafe fn mul_add(self, factor: Self, sum: Self) -> Self {
                    // SAFETY: see above.
                    unsafe { $fma(self, factor, sum) }
                }
            }
        };
    }
    vector!(
        __m256,
        f32,
        8,
        _mm256_setzero_ps,
        _mm256_set1_ps,
        _mm256_loadu_ps,
        _mm256_storeu_ps,
        _mm256_add_ps,
        _mm256_sub_ps,
        _mm256_fmadd_ps,
        |p, n| _mm256_maskload_ps(p, mask_32(n)),
        |p, n, x| _mm256_maskstore_ps(p, mask_32(n), x)
    );
    vector!(
        __m256d,
        f64,
        4,
        _mm256_setzero_pd,
        _mm256_set1_pd,
        _mm256_loadu_pd,
        _mm256_storeu_pd,
        _mm256_add_pd,
        _mm256_sub_pd,
        _mm256_fmadd_pd,
        |p, n| _mm256_maskload_pd(p, mask_64(n)),
        |p, n, x| _mm256_maskstore_pd(p, mask_64(n), x)
    );
    vector!(
        __m512,
        f32,
        16,
        _mm512_setzero_ps,
        _mm512_set1_ps,
        _mm512_loadu_ps,
        _mm512_storeu_ps,
        _mm512_add_ps,
        _mm512_sub_ps,
        _mm512_fmadd_ps,
        |p, n| _mm512_maskz_loadu_ps(((1u32 << n) - 1) as u16, p),
        |p, n, x| _mm512_mask_storeu_ps(p, ((1u32 << n) - 1) as u16, x)
    );
    vector!(
        __m512d,
        f64,
        8,
        _mm512_setzero_pd,
        _mm512_set1_pd,
        _mm512_loadu_pd,
        _mm512_storeu_pd,
        _mm512_add_pd,
        _mm512_sub_pd,
        _mm512_fmadd_pd,
        |p, n| _mm512_maskz_loadu_pd(((1u32 << n) - 1) as u8, p),
        |p, n, x| _mm512_mask_storeu_pd(p, ((1u32 << n) - 1) as u8, x)
    );

    /// Turns eight rows of eight into eight columns.
    #[inline(always)]
    pub(in super::super) unsafe fn turn_f32(mut r: [__m256; 8]) -> [__m256; 8] {
        // SAFETY: only called where AVX2 is enabled.
        unsafe {
            let mut s = [_mm256_setzero_ps(); 8];
            for i in 0..4 {
                s[2 * i] = _mm256_unpacklo_ps(r[2 * i], r[2 * i + 1]);
                s[2 * i + 1] = _mm256_unpackhi_ps(r[2 * i], r[2 * i + 1]);
            }
            let mut t = [_mm256_setzero_ps(); 8];
            for i in 0..2 {
                let o = 4 * i;
                t[o] = _mm256_shuffle_ps::<0x44>(s[o], s[o + 2]);
                t[o + 1] = _mm256_shuffle_ps::<0xee>(s[o], s[o + 2]);
                t[o + 2] = _mm256_shuffle_ps::<0x44>(s[o + 1], s[o + 3]);
                t[o + 3] = _mm256_shuffle_ps::<0xee>(s[o + 1], s[o + 3]);
            }
            for i in 0..4 {
                r[i] = _mm256_permute2f128_ps::<0x20>(t[i], t[i + 4]);
                r[i + 4] = _mm256_permute2f128_ps::<0x31>(t[i], t[i + 4]);
            }
            r
        }
    }

    #[target_feature(enable = "avx2")]
    unsafe fn transpose_f32_8(sources: &[*const f32; MAX_ROWS], count: usize, out: *mut f32, stride: usize) {
        // SAFETY: `count` elements of eight sources are readable, `8 * count` of the output writable; masks see to tails.
        unsafe {
            let mut k = 0;
            while k < count {
                let left = (count - k).min(8);
                let mut r = [_mm256_setzero_ps(); 8];
                if left == 8 {
                    for i in 0..8 {
                        r[i] = _mm256_loadu_ps(sources[i].add(k));
                    }
                } else {
                    let mask = mask_32(left);
                    for i in 0..8 {
                        r[i] = _mm256_maskload_ps(sources[i].add(k), mask);
                    }
                }
                let r = turn_f32(r);
                let out = out.add(k * stride);
                if left == 8 {
                    for i in 0..8 {
                        _mm256_storeu_ps(out.add(stride * i), r[i]);
                    }
                } else {
                    for i in 0..7 {
                        if i < left {
                            _mm256_storeu_ps(out.add(stride * i), r[i]);
                        }
                    }
                }
                k += left;
            }
        }
    }

    /// Turns four rows of four into four columns.
    #[inline(always)]
    unsafe fn turn_f64(r: [__m256d; 4]) -> [__m256d; 4] {
        // SAFETY: only called where AVX2 is enabled.
        unsafe {
            let (a, b) = (_mm256_unpacklo_pd(r[0], r[1]), _mm256_unpackhi_pd(r[0], r[1]));
            let (c, d) = (_mm256_unpacklo_pd(r[2], r[3]), _mm256_unpackhi_pd(r[2], r[3]));
            [
                _mm256_permute2f128_pd::<0x20>(a, c),
                _mm256_permute2f128_pd::<0x20>(b, d),
                _mm256_permute2f128_pd::<0x31>(a, c),
                _mm256_permute2f128_pd::<0x31>(b, d),
            ]
        }
    }

    #[inline(always)]
    unsafe fn transpose_f64<const ROWS: usize>(
        sources: &[*const f64; MAX_ROWS],
        count: usize,
        out: *mut f64,
        stride: usize,
    ) {
        // SAFETY: `count` elements of the sources are readable, `ROWS * count` of the output writable; masks see to tails.
        unsafe {
            let mut k = 0;
            while k < count {
                let left = (count - k).min(4);
                let mask = mask_64(left);
                for half in 0..ROWS / 4 {
                    let mut r = [_mm256_setzero_pd(); 4];
                    for i in 0..4 {
                        r[i] = _mm256_maskload_pd(sources[half * 4 + i].add(k), mask);
                    }
                    let r = turn_f64(r);
                    for (i, &column) in r.iter().enumerate() {
                        if i < left {
                            _mm256_storeu_pd(out.add((k + i) * stride + half * 4), column);
                        }
                    }
                }
                k += left;
            }
        }
    }

    #[target_feature(enable = "avx2")]
    unsafe fn transpose_f64_4(sources: &[*const f64; MAX_ROWS], count: usize, out: *mut f64, stride: usize) {
        // SAFETY: the caller's contract is the same.
        unsafe { transpose_f64::<4>(sources, count, out, stride) }
    }

    #[target_feature(enable = "avx2")]
    unsafe fn transpose_f64_8(sources: &[*const f64; MAX_ROWS], count: usize, out: *mut f64, stride: usize) {
        // SAFETY: the caller's contract is the same.
        unsafe { transpose_f64::<8>(sources, count, out, stride) }
    }

    #[target_feature(enable = "avx2")]
    unsafe fn transpose_f32_4(sources: &[*const f32; MAX_ROWS], count: usize, out: *mut f32, stride: usize) {
        // SAFETY: `count` elements of four sources are readable, `4 * count` of the output writable.
        unsafe {
            let mut k = 0;
            while k + 4 <= count {
                let [a, b, c, d] = [0, 1, 2, 3].map(|i| _mm_loadu_ps(sources[i].add(k)));
                let (s, t) = (_mm_unpacklo_ps(a, b), _mm_unpackhi_ps(a, b));
                let (u, v) = (_mm_unpacklo_ps(c, d), _mm_unpackhi_ps(c, d));
                let out = out.add(k * stride);
                _mm_storeu_ps(out, _mm_movelh_ps(s, u));
                _mm_storeu_ps(out.add(stride), _mm_movehl_ps(u, s));
                _mm_storeu_ps(out.add(2 * stride), _mm_movelh_ps(t, v));
                _mm_storeu_ps(out.add(3 * stride), _mm_movehl_ps(v, t));
                k += 4;
            }
            for k in k..count {
                for r in 0..4 {
                    *out.add(k * stride + r) = *sources[r].add(k);
                }
            }
        }
    }
}
