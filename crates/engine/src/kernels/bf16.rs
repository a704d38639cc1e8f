//! Products of bf16 with sums in f32: how panels are rounded to pairs, and what multiplies pairs.
//!
//! A word holds two neighbours along the depth, the first in its lower half: what `vdpbf16ps` multiplies, and what a few
//! shifts take apart where a processor has no such instruction. That emulation is for trying bf16 out: it is slower than f32.
use super::{
    arithmetic::{Multiplier, Round, Rounding, Transpose},
    isa::Isa,
    micro::{Kernel, Tile, Vector, choose},
};
use std::marker::PhantomData;

/// The nearest bf16, ties to even, in the lower half; what is not a number stays none.
#[inline(always)]
pub(super) fn rounded(x: f32) -> u32 {
    let bits = x.to_bits();
    let nearest = bits.wrapping_add(0x7fff + (bits >> 16 & 1)) >> 16;
    if x.is_nan() { bits >> 16 | 0x40 } else { nearest }
}

/// The multiplier of an instruction set, which this machine must have.
pub(super) fn multiplier(isa: Isa) -> Multiplier<f32> {
    let (tile, round): (unsafe fn(&Tile<f32>), Round<f32>) = match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512Bf16 | Isa::Amx => (x86::native_tile, x86::native_round),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => (x86::avx512_tile, x86::avx512_round),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => (x86::avx2_tile, x86::avx2_round),
        _ => (portable_tile, portable_round),
    };
    let transpose: Option<Transpose<f32>> = match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512Bf16 | Isa::Amx => Some(x86::native_transpose),
        _ => None,
    };
    let kernel = Kernel {
        tile,
        ..Kernel::<f32>::of(isa)
    };
    Multiplier {
        kernel,
        tile_rows: kernel.rows,
        rounding: Some(Rounding {
            depth_step: 2,
            round_a: round,
            transpose,
            round_b: round,
            around_tiles: None,
        }),
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) use x86::native_round;

/// A vector of words, multiplied by `D`.
#[derive(Clone, Copy)]
struct Pairs<V, D>(V, PhantomData<D>);

/// How pairs are multiplied.
trait Dot<V>: Copy {
    /// Adds the products of both halves of each word.
    unsafe fn dot(a: V, b: V, sum: V) -> V;
}

/// Both halves, as f32.
trait Halves: Vector<f32> {
    unsafe fn low(self) -> Self;
    unsafe fn high(self) -> Self;
}

/// How a vector of elements becomes halves of words; rounds as [`rounded`] does.
pub(super) trait Halve: Vector<f32> {
    /// Writes words of neighbouring lanes: half as many as there are lanes.
    unsafe fn store_pairs(self, to: *mut f32);
    /// Writes words whose lower halves these are, and whose upper halves are zero.
    unsafe fn store_low(self, to: *mut f32);
    /// Writes the upper halves of the words that are there.
    unsafe fn store_high(self, to: *mut f32);
}

impl Halve for [f32; 4] {
    #[inline(always)]
    unsafe fn store_pairs(self, to: *mut f32) {
        let [a, b, c, d] = self.map(rounded);
        // SAFETY: writable by contract; arrays of f32 have its alignment.
        unsafe { *to.cast() = [f32::from_bits(a | b << 16), f32::from_bits(c | d << 16)] }
    }
    #[inline(always)]
    unsafe fn store_low(self, to: *mut f32) {
        // SAFETY: as above.
        unsafe { *to.cast() = self.map(|x| f32::from_bits(rounded(x))) }
    }
    #[inline(always)]
    unsafe fn store_high(self, to: *mut f32) {
        // SAFETY: as above.
        unsafe {
            let there: [f32; 4] = *to.cast();
            let word = |i: usize| f32::from_bits(there[i].to_bits() & 0xffff | rounded(self[i]) << 16);
            *to.cast() = [word(0), word(1), word(2), word(3)];
        }
    }
}

/// Pairs that are taken apart.
#[derive(Clone, Copy)]
struct Emulated;

impl<V: Halves> Dot<V> for Emulated {
    #[inline(always)]
    unsafe fn dot(a: V, b: V, sum: V) -> V {
        // SAFETY: only called where the instruction set is enabled.
        unsafe { a.low().mul_add(b.low(), a.high().mul_add(b.high(), sum)) }
    }
}

// SAFETY (of every block below): only called where the instruction set is enabled, on valid pointers.
impl<V: Vector<f32>, D: Dot<V>> Vector<f32> for Pairs<V, D> {
    const LANES: usize = V::LANES;
    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: see above.
        Self(unsafe { V::zero() }, PhantomData)
    }
    #[inline(always)]
    unsafe fn splat(value: *const f32) -> Self {
        // SAFETY: see above.
        Self(unsafe { V::splat(value) }, PhantomData)
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: see above.
        Self(unsafe { V::load(from) }, PhantomData)
    }
    #[inline(always)]
    unsafe fn load_first(from: *const f32, count: usize) -> Self {
        // SAFETY: see above.
        Self(unsafe { V::load_first(from, count) }, PhantomData)
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: see above.
        unsafe { self.0.store(to) }
    }
    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, count: usize) {
        // SAFETY: see above.
        unsafe { self.0.store_first(to, count) }
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        // SAFETY: see above.
        Self(unsafe { self.0.add(other.0) }, PhantomData)
    }
    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        // SAFETY: see above.
        Self(unsafe { self.0.sub(other.0) }, PhantomData)
    }
    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, sum: Self) -> Self {
        // SAFETY: see above.
        Self(unsafe { D::dot(self.0, factor.0, sum.0) }, PhantomData)
    }
}

impl Halves for [f32; 4] {
    #[inline(always)]
    unsafe fn low(self) -> Self {
        self.map(|word| f32::from_bits(word.to_bits() << 16))
    }
    #[inline(always)]
    unsafe fn high(self) -> Self {
        self.map(|word| f32::from_bits(word.to_bits() & 0xffff_0000))
    }
}

unsafe fn portable_tile(tile: &Tile<f32>) {
    choose!(tile, f32, Pairs<[f32; 4], Emulated>, [1, 2, 4], [1, 2]);
}

/// Rounds a panel a word at a time.
///
/// # Safety
/// As for [`Round`](super::arithmetic::Round).
#[inline(always)]
unsafe fn portable_round(from: *const f32, depth: usize, width: usize, words: usize, out: *mut f32) {
    for word in 0..words {
        for j in 0..width {
            let half = |k: usize| {
                if k < depth {
                    // SAFETY: the place is inside the panel.
                    rounded(unsafe { *from.add(k * width + j) })
                } else {
                    0
                }
            };
            let pair = half(2 * word) | half(2 * word + 1) << 16;
            // SAFETY: the caller vouches for the words.
            unsafe { *out.add(word * width + j) = f32::from_bits(pair) };
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::*;
    use crate::kernels::micro::{MAX_ROWS, turn_f32};
    use std::arch::x86_64::*;

    /// Pairs that the processor multiplies. Its instruction takes operands too small to be normal for zeros.
    #[derive(Clone, Copy)]
    struct Native;

    impl Dot<__m512> for Native {
        #[inline(always)]
        unsafe fn dot(a: __m512, b: __m512, sum: __m512) -> __m512 {
            // SAFETY: only called where the instruction set is enabled; both types are 512 bits of anything.
            unsafe {
                let [a, b] = [a, b].map(|words| std::mem::transmute::<__m512, __m512bh>(words));
                _mm512_dpbf16_ps(sum, a, b)
            }
        }
    }

    /// [`rounded`] in every lane.
    #[inline(always)]
    unsafe fn rounded_8(x: __m256) -> __m256i {
        // SAFETY: only called where AVX2 is enabled.
        unsafe {
            let bits = _mm256_castps_si256(x);
            let odd = _mm256_and_si256(_mm256_srli_epi32::<16>(bits), _mm256_set1_epi32(1));
            let nearest = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
            let is_nan = _mm256_castps_si256(_mm256_cmp_ps::<_CMP_UNORD_Q>(x, x));
            let kept = _mm256_or_si256(bits, _mm256_set1_epi32(0x40_0000));
            _mm256_srli_epi32::<16>(_mm256_blendv_epi8(nearest, kept, is_nan))
        }
    }

    /// [`rounded`] in every lane.
    #[inline(always)]
    unsafe fn rounded_16(x: __m512) -> __m512i {
        // SAFETY: only called where AVX-512 is enabled.
        unsafe {
            let bits = _mm512_castps_si512(x);
            let odd = _mm512_and_si512(_mm512_srli_epi32::<16>(bits), _mm512_set1_epi32(1));
            let nearest = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
            let is_nan = _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(x, x);
            let kept = _mm512_mask_or_epi32(nearest, is_nan, bits, _mm512_set1_epi32(0x40_0000));
            _mm512_srli_epi32::<16>(kept)
        }
    }

    // SAFETY (of every block below): only called where the instruction set is enabled, on writable words.
    impl Halve for __m256 {
        #[inline(always)]
        unsafe fn store_pairs(self, to: *mut f32) {
            // SAFETY: see above.
            unsafe {
                let halves = rounded_8(self);
                let (low, high) = (_mm256_castsi256_si128(halves), _mm256_extracti128_si256::<1>(halves));
                _mm_storeu_si128(to.cast(), _mm_packus_epi32(low, high));
            }
        }
        #[inline(always)]
        unsafe fn store_low(self, to: *mut f32) {
            // SAFETY: see above.
            unsafe { _mm256_storeu_si256(to.cast(), rounded_8(self)) }
        }
        #[inline(always)]
        unsafe fn store_high(self, to: *mut f32) {
            // SAFETY: see above.
            unsafe {
                let low = _mm256_and_si256(_mm256_loadu_si256(to.cast()), _mm256_set1_epi32(0xffff));
                let high = _mm256_slli_epi32::<16>(rounded_8(self));
                _mm256_storeu_si256(to.cast(), _mm256_or_si256(low, high));
            }
        }
    }

    impl Halve for __m512 {
        #[inline(always)]
        unsafe fn store_pairs(self, to: *mut f32) {
            // SAFETY: see above.
            unsafe { _mm256_storeu_si256(to.cast(), _mm512_cvtepi32_epi16(rounded_16(self))) }
        }
        #[inline(always)]
        unsafe fn store_low(self, to: *mut f32) {
            // SAFETY: see above.
            unsafe { _mm512_storeu_si512(to.cast(), rounded_16(self)) }
        }
        #[inline(always)]
        unsafe fn store_high(self, to: *mut f32) {
            // SAFETY: see above.
            unsafe {
                let low = _mm512_and_si512(_mm512_loadu_si512(to.cast()), _mm512_set1_epi32(0xffff));
                let high = _mm512_slli_epi32::<16>(rounded_16(self));
                _mm512_storeu_si512(to.cast(), _mm512_or_si512(low, high));
            }
        }
    }

    impl Halves for __m256 {
        #[inline(always)]
        unsafe fn low(self) -> Self {
            // SAFETY: only called where AVX2 is enabled.
            unsafe { _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_castps_si256(self))) }
        }
        #[inline(always)]
        unsafe fn high(self) -> Self {
            // SAFETY: as above.
            unsafe { _mm256_and_ps(self, _mm256_castsi256_ps(_mm256_set1_epi32(0xffff_0000_u32 as i32))) }
        }
    }

    impl Halves for __m512 {
        #[inline(always)]
        unsafe fn low(self) -> Self {
            // SAFETY: only called where AVX-512 is enabled.
            unsafe { _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_castps_si512(self))) }
        }
        #[inline(always)]
        unsafe fn high(self) -> Self {
            // SAFETY: as above.
            unsafe { _mm512_and_ps(self, _mm512_castsi512_ps(_mm512_set1_epi32(0xffff_0000_u32 as i32))) }
        }
    }

    #[target_feature(enable = "avx2,fma")]
    pub(super) unsafe fn avx2_tile(tile: &Tile<f32>) {
        choose!(tile, f32, Pairs<__m256, Emulated>, [1, 2, 4], [1, 2]);
    }

    #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,fma")]
    pub(super) unsafe fn avx512_tile(tile: &Tile<f32>) {
        choose!(tile, f32, Pairs<__m512, Emulated>, [1, 2, 4, 8], [1, 2]);
    }

    #[target_feature(enable = "avx512bf16,avx512f,avx512vl,avx512dq,avx512bw,fma")]
    pub(super) unsafe fn native_tile(tile: &Tile<f32>) {
        choose!(tile, f32, Pairs<__m512, Native>, [1, 2, 4, 8], [1, 2]);
    }

    #[target_feature(enable = "avx2")]
    pub(super) unsafe fn avx2_round(from: *const f32, depth: usize, width: usize, words: usize, out: *mut f32) {
        // SAFETY: the caller's contract is the same.
        unsafe { portable_round(from, depth, width, words, out) }
    }

    #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw")]
    pub(super) unsafe fn avx512_round(from: *const f32, depth: usize, width: usize, words: usize, out: *mut f32) {
        // SAFETY: the caller's contract is the same.
        unsafe { portable_round(from, depth, width, words, out) }
    }

    /// Where the halves of 16 words come from, where a conversion left two rows of `ROW` elements after one another.
    const fn interleaved<const ROW: usize>() -> [u16; 32] {
        let mut places = [0; 32];
        let mut i = 0;
        while i < 32 {
            let (pair, lane) = (i / (2 * ROW), i % (2 * ROW));
            places[i] = (pair * 2 * ROW + lane / 2 + (lane % 2) * ROW) as u16;
            i += 1;
        }
        places
    }

    /// Rounds 32 elements and puts them in pairs.
    #[target_feature(enable = "avx512bf16,avx512f,avx512bw")]
    unsafe fn pairs(first: __m512, second: __m512, places: __m512i) -> __m512 {
        let halves = _mm512_cvtne2ps_pbh(second, first);
        // SAFETY: both types are 512 bits of anything.
        let halves = unsafe { std::mem::transmute::<__m512bh, __m512i>(halves) };
        _mm512_castsi512_ps(_mm512_permutexvar_epi16(places, halves))
    }

    /// Eight rows to columns of pairs.
    #[target_feature(enable = "avx512bf16,avx512f,avx512vl,avx512dq,avx512bw")]
    pub(super) unsafe fn native_transpose(
        sources: &[*const f32; MAX_ROWS],
        count: usize,
        out: *mut f32,
        stride: usize,
    ) {
        // SAFETY: `count` elements of eight sources are readable, half as many words of the output writable; masks see to
        // tails. Both types are 256 bits of anything.
        unsafe {
            for k in (0..count).step_by(16) {
                let left = (count - k).min(16);
                let mask = ((1_u32 << left) - 1) as u16;
                let mut rows = [_mm256_setzero_ps(); MAX_ROWS];
                for (row, source) in rows.iter_mut().zip(sources) {
                    let elements = if left == 16 {
                        _mm512_loadu_ps(source.add(k))
                    } else {
                        _mm512_maskz_loadu_ps(mask, source.add(k))
                    };
                    *row = std::mem::transmute::<__m256bh, __m256>(_mm512_cvtneps_pbh(elements));
                }
                let out = out.add(k / 2 * stride);
                for (word, &column) in turn_f32(rows)[..left.div_ceil(2)].iter().enumerate() {
                    _mm256_storeu_ps(out.add(word * stride), column);
                }
            }
        }
    }

    /// Rounds panels that are 8 elements wide, or a multiple of 16.
    #[target_feature(enable = "avx512bf16,avx512f,avx512vl,avx512dq,avx512bw")]
    pub(in super::super) unsafe fn native_round(
        from: *const f32,
        depth: usize,
        width: usize,
        words: usize,
        out: *mut f32,
    ) {
        static NARROW: [u16; 32] = interleaved::<8>();
        static WIDE: [u16; 32] = interleaved::<16>();
        // SAFETY: the caller vouches for the panel and the words; a last row without a neighbour is paired with zeros.
        unsafe {
            let zero = _mm512_setzero_ps();
            let whole = depth / 2;
            if width == 8 {
                let places = _mm512_loadu_si512(NARROW.as_ptr().cast());
                let mut word = 0;
                while 2 * word < depth {
                    // Four rows at once, those behind the depth as zeros.
                    let left = (depth - 2 * word).min(4) * 8;
                    let from = from.add(word * 16);
                    let (first, second) = if left == 32 {
                        (_mm512_loadu_ps(from), _mm512_loadu_ps(from.add(16)))
                    } else {
                        let mask = (1_u64 << left) - 1;
                        let rest = (mask >> 16) as u16;
                        (
                            _mm512_maskz_loadu_ps(mask as u16, from),
                            _mm512_maskz_loadu_ps(rest, from.wrapping_add(16)),
                        )
                    };
                    let kept = ((1_u32 << (8 * left.div_ceil(16))) - 1) as u16;
                    _mm512_mask_storeu_ps(out.add(word * 8), kept, pairs(first, second, places));
                    word += 2;
                }
            } else {
                let places = _mm512_loadu_si512(WIDE.as_ptr().cast());
                for word in 0..depth.div_ceil(2) {
                    for column in (0..width).step_by(16) {
                        let from = from.add(2 * word * width + column);
                        let first = _mm512_loadu_ps(from);
                        let second = if word < whole {
                            _mm512_loadu_ps(from.add(width))
                        } else {
                            zero
                        };
                        _mm512_storeu_ps(out.add(word * width + column), pairs(first, second, places));
                    }
                }
            }
            let live = depth.div_ceil(2);
            std::slice::from_raw_parts_mut(out.add(live * width), (words - live) * width).fill(0.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::arithmetic::{Arithmetic, Precision};
    use proptest::prelude::*;

    #[test]
    fn rounding_is_to_the_nearest_and_ties_are_even() {
        for (bits, wanted) in [
            (0x3f80_0000_u32, 0x3f80_u32),
            (0x3f80_7fff, 0x3f80),
            (0x3f80_8000, 0x3f80),
            (0x3f80_8001, 0x3f81),
            (0x3f81_8000, 0x3f82),
            (0xbf81_8000, 0xbf82),
            (0x7f7f_ffff, 0x7f80),
            (0x7f80_0000, 0x7f80),
            (0xff80_0000, 0xff80),
            (0x7f80_0001, 0x7fc0),
            (0xffff_ffff, 0xffff),
            (0x8000_0000, 0x8000),
        ] {
            assert_eq!(rounded(f32::from_bits(bits)), wanted, "{bits:#x}");
        }
    }

    proptest! {
        #[test]
        fn every_instruction_set_rounds_alike(depth in 1usize..70, wide in 0usize..3, more in 0usize..3, seed in 0u32..) {
            // Any bits but those of numbers too small to be normal, which some instructions take for zeros.
            let number = |i: u32| {
                let bits = (i ^ seed).wrapping_mul(0x9e37_79b9).rotate_left(13).wrapping_mul(0x85eb_ca6b);
                if bits & 0x7f80_0000 == 0 { bits | 0x0080_0000 } else { bits }
            };
            let words = depth.div_ceil(2) + more;
            for arithmetic in Arithmetic::available() {
                if arithmetic.precision == Precision::F32 {
                    continue;
                }
                let kernel = Kernel::<f32>::of(arithmetic.isa);
                let width = [kernel.rows, kernel.lanes, kernel.columns()][wide];
                let panel: Vec<f32> = (0..(depth * width) as u32).map(|i| f32::from_bits(number(i))).collect();
                let half = |k: usize, j: usize| if k < depth { rounded(panel[k * width + j]) } else { 0 };
                let wanted: Vec<u32> = (0..words * width)
                    .map(|i| half(2 * (i / width), i % width) | half(2 * (i / width) + 1, i % width) << 16)
                    .collect();
                let mut found = vec![f32::NAN; words * width];
                let (from, to) = (panel.as_ptr(), found.as_mut_ptr());
                // SAFETY: the panel and the words have the lengths that are said.
                unsafe { (multiplier(arithmetic.isa).rounding.unwrap().round_b)(from, depth, width, words, to) };
                prop_assert_eq!(found.iter().map(|word| word.to_bits()).collect::<Vec<_>>(), wanted);
            }
        }
    }
}
