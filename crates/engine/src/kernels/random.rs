//! Counter-based random numbers: element `i` is a pure function of a key and `i`, so any cut of the work gives the same bits.
//!
//! Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011). None of the arithmetic here is
//! contracted, so that every instruction set gives the same bits for `f32`.
use super::isa::Isa;
use super::math::{Lane, log_split_f32, split_f32};

/// What a sequence of random numbers depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// The run's seed.
    pub seed: u64,
    /// Which of the run's sequences: the noise of one layer, the mask of another.
    pub stream: u64,
    /// The training step.
    pub step: u64,
}

impl Key {
    /// Philox's own key, in which seed and stream are mixed; the step goes into the counter.
    fn mixed(self) -> [u32; 2] {
        let key = splitmix(splitmix(self.seed) ^ self.stream.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1));
        [key as u32, (key >> 32) as u32]
    }
}

/// The finaliser of SplitMix64 (Steele, Lea and Flood, 2014): a bijection that spreads every bit.
fn splitmix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[inline(always)]
fn philox(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let [mut a, mut b, mut c, mut d] = counter;
    let [mut k0, mut k1] = key;
    let mut round = 0;
    while round < 10 {
        let left = u64::from(a) * 0xd251_1f53;
        let right = u64::from(c) * 0xcd9e_8d57;
        (a, b, c, d) = (
            (right >> 32) as u32 ^ b ^ k0,
            right as u32,
            (left >> 32) as u32 ^ d ^ k1,
            left as u32,
        );
        k0 = k0.wrapping_add(0x9e37_79b9);
        k1 = k1.wrapping_add(0xbb67_ae85);
        round += 1;
    }
    [a, b, c, d]
}

/// How many counters are worked on together.
const COUNTERS: usize = 128;
type Words = [[u32; COUNTERS]; 4];

/// Words `k` of counters `first..`, as one array per `k`.
#[inline(always)]
fn words(key: [u32; 2], step: u64, first: u64, out: &mut Words) {
    let [w0, w1, w2, w3] = out;
    for j in 0..COUNTERS {
        let counter = first.wrapping_add(j as u64);
        let [a, b, c, d] = philox(
            [counter as u32, (counter >> 32) as u32, step as u32, (step >> 32) as u32],
            key,
        );
        (w0[j], w1[j], w2[j], w3[j]) = (a, b, c, d);
    }
}

/// A distribution, and how it makes numbers out of Philox's words.
trait Draw<T>: Copy {
    /// How many numbers one counter gives.
    const PER_COUNTER: usize;
    /// Fills `out` with the numbers of all counters, in order.
    fn draw(self, words: &Words, out: &mut [T]);
}

#[derive(Clone, Copy)]
struct Uniform;
#[derive(Clone, Copy)]
struct Normal;
#[derive(Clone, Copy)]
struct Bernoulli {
    /// A word below it is a 1.
    threshold: u64,
}

/// A uniform number of 53 bits.
#[inline(always)]
fn uniform_f64(low: u32, high: u32) -> f64 {
    let bits = (u64::from(high) << 21) ^ u64::from(low >> 11);
    bits as f64 * (1.0 / 9_007_199_254_740_992.0)
}

impl Draw<f32> for Uniform {
    const PER_COUNTER: usize = 4;
    #[inline(always)]
    fn draw(self, words: &Words, out: &mut [f32]) {
        let out = &mut out[..4 * COUNTERS];
        for j in 0..COUNTERS {
            for k in 0..4 {
                out[4 * j + k] = (words[k][j] >> 8) as i32 as f32 * (1.0 / 16_777_216.0);
            }
        }
    }
}

impl Draw<f64> for Uniform {
    const PER_COUNTER: usize = 2;
    #[inline(always)]
    fn draw(self, words: &Words, out: &mut [f64]) {
        let out = &mut out[..2 * COUNTERS];
        for j in 0..COUNTERS {
            out[2 * j] = uniform_f64(words[0][j], words[1][j]);
            out[2 * j + 1] = uniform_f64(words[2][j], words[3][j]);
        }
    }
}

/// (word + 1/2) / 2^32. Two exact halves and one rounded sum, which vectorises everywhere.
#[inline(always)]
fn unit(word: u32) -> f32 {
    let wide = (word >> 16) as i32 as f32 * 65_536.0 + ((word & 0xffff) as i32 as f32 + 0.5);
    wide * (1.0 / 4_294_967_296.0)
}

/// Box and Muller's pair of normal numbers: radius from one word, angle from the other.
#[inline(always)]
fn normal_pair(radius: u32, angle: u32) -> (f32, f32) {
    // The logarithm's argument lies in (0, 1), from 2^-33: the tails reach 6.7 standard deviations. Near 1 it is what is
    // left to 1 that counts.
    let u = unit(radius);
    let (f, e) = split_f32(u);
    let near = u > 0.75;
    let log = log_split_f32::<false>(if near { -unit(!radius) } else { f }, if near { 0.0 } else { e });
    let r = (-2.0 * log).sqrt();
    // The angle is a fraction of a turn: the nearest quarter, and what remains, within an eighth of a turn.
    let shifted = angle.wrapping_add(1 << 29);
    let quarter = shifted >> 30;
    let x = ((shifted & 0x3fff_ffff) as i32 - (1 << 29)) as f32 * (std::f32::consts::TAU / 4_294_967_296.0);
    let z = x * x;
    let sin = ((-1.951_529_6e-4 * z + 8.332_161e-3) * z - 1.666_665_5e-1) * z * x + x;
    let cos = ((2.443_315_7e-5 * z - 1.388_731_6e-3) * z + 4.166_664_6e-2) * z * z - 0.5 * z + 1.0;
    let swap = quarter & 1 != 0;
    let (s, c) = (if swap { cos } else { sin }, if swap { sin } else { cos });
    let s = f32::from_bits(s.to_bits() ^ ((quarter & 2) << 30));
    let c = f32::from_bits(c.to_bits() ^ ((quarter.wrapping_add(1) & 2) << 30));
    (r * c, r * s)
}

impl Draw<f32> for Normal {
    const PER_COUNTER: usize = 4;
    #[inline(always)]
    fn draw(self, words: &Words, out: &mut [f32]) {
        let mut parts = [[0f32; COUNTERS]; 4];
        for half in 0..2 {
            for j in 0..COUNTERS {
                let (a, b) = normal_pair(words[2 * half][j], words[2 * half + 1][j]);
                (parts[2 * half][j], parts[2 * half + 1][j]) = (a, b);
            }
        }
        let out = &mut out[..4 * COUNTERS];
        for j in 0..COUNTERS {
            for k in 0..4 {
                out[4 * j + k] = parts[k][j];
            }
        }
    }
}

impl Draw<f64> for Normal {
    const PER_COUNTER: usize = 2;
    #[inline(always)]
    fn draw(self, words: &Words, out: &mut [f64]) {
        let out = &mut out[..2 * COUNTERS];
        for j in 0..COUNTERS {
            let u = 1.0 - uniform_f64(words[0][j], words[1][j]);
            let angle = std::f64::consts::TAU * uniform_f64(words[2][j], words[3][j]);
            let r = (-2.0 * u.ln()).sqrt();
            out[2 * j] = r * angle.cos();
            out[2 * j + 1] = r * angle.sin();
        }
    }
}

impl<T: Lane> Draw<T> for Bernoulli {
    const PER_COUNTER: usize = 4;
    #[inline(always)]
    fn draw(self, words: &Words, out: &mut [T]) {
        let out = &mut out[..4 * COUNTERS];
        for j in 0..COUNTERS {
            for k in 0..4 {
                out[4 * j + k] = if u64::from(words[k][j]) < self.threshold {
                    T::ONE
                } else {
                    T::ZERO
                };
            }
        }
    }
}

#[inline(always)]
fn fill<T: Lane, D: Draw<T>>(draw: D, key: Key, first_index: u64, out: &mut [T]) {
    let (mixed, step) = (key.mixed(), key.step);
    let group = (D::PER_COUNTER * COUNTERS) as u64;
    let mut drawn = [[0; COUNTERS]; 4];
    let mut edge = [T::ZERO; 4 * COUNTERS];
    let mut rest = out;
    let mut index = first_index;
    // Groups start at multiples of their length, whatever the first index is, and only whole groups are computed.
    while !rest.is_empty() {
        let skip = (index % group) as usize;
        let take = (group as usize - skip).min(rest.len());
        let (now, later) = rest.split_at_mut(take);
        words(mixed, step, index / group * COUNTERS as u64, &mut drawn);
        if take == group as usize {
            draw.draw(&drawn, now);
        } else {
            draw.draw(&drawn, &mut edge);
            now.copy_from_slice(&edge[skip..skip + take]);
        }
        index += take as u64;
        rest = later;
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn fill_avx2<T: Lane, D: Draw<T>>(draw: D, key: Key, first_index: u64, out: &mut [T]) {
    fill(draw, key, first_index, out)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2")]
fn fill_avx512<T: Lane, D: Draw<T>>(draw: D, key: Key, first_index: u64, out: &mut [T]) {
    fill(draw, key, first_index, out)
}

fn fill_on<T: Lane, D: Draw<T>>(isa: Isa, draw: D, key: Key, first_index: u64, out: &mut [T]) {
    match isa {
        // SAFETY: an `Isa` other than `Portable` only comes from `Isa::available` here.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 | Isa::Avx512Bf16 | Isa::Amx => unsafe { fill_avx512(draw, key, first_index, out) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => unsafe { fill_avx2(draw, key, first_index, out) },
        _ => fill(draw, key, first_index, out),
    }
}

/// A real type that random numbers are drawn in.
pub trait Random: Lane {
    #[doc(hidden)]
    fn uniform_on(isa: Isa, key: Key, first_index: u64, out: &mut [Self]);
    #[doc(hidden)]
    fn normal_on(isa: Isa, key: Key, first_index: u64, out: &mut [Self]);
}

macro_rules! random {
    ($real:ty) => {
        impl Random for $real {
            fn uniform_on(isa: Isa, key: Key, first_index: u64, out: &mut [Self]) {
                fill_on(isa, Uniform, key, first_index, out)
            }
            fn normal_on(isa: Isa, key: Key, first_index: u64, out: &mut [Self]) {
                fill_on(isa, Normal, key, first_index, out)
            }
        }
    };
}
random!(f32);
random!(f64);

/// Elements `first_index..` of the key's uniform sequence, in [0, 1): multiples of 2^-24 for `f32`, of 2^-53 for `f64`.
pub fn fill_uniform<T: Random>(key: Key, first_index: u64, out: &mut [T]) {
    T::uniform_on(Isa::current(), key, first_index, out)
}

/// Elements `first_index..` of the key's standard normal sequence.
pub fn fill_normal<T: Random>(key: Key, first_index: u64, out: &mut [T]) {
    T::normal_on(Isa::current(), key, first_index, out)
}

/// Elements `first_index..` of the key's sequence of ones (with probability `p`) and zeros.
pub fn fill_bernoulli<T: Random>(key: Key, p: f64, first_index: u64, out: &mut [T]) {
    let threshold = (p.clamp(0.0, 1.0) * 4_294_967_296.0).round() as u64;
    fill_on(Isa::current(), Bernoulli { threshold }, key, first_index, out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Key = Key {
        seed: 7,
        stream: 3,
        step: 11,
    };

    /// The known answers of Random123's `kat_vectors`.
    #[test]
    fn philox_gives_the_known_answers() {
        assert_eq!(philox([0; 4], [0; 2]), [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
        assert_eq!(
            philox([!0; 4], [!0; 2]),
            [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]
        );
        assert_eq!(
            philox(
                [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
                [0xa4093822, 0x299f31d0]
            ),
            [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1]
        );
    }

    fn check_cuts<T: Random>() {
        let mut whole = [vec![T::ZERO; 3000], vec![T::ZERO; 3000], vec![T::ZERO; 3000]];
        T::uniform_on(Isa::Portable, KEY, 0, &mut whole[0]);
        T::normal_on(Isa::Portable, KEY, 0, &mut whole[1]);
        fill_bernoulli(KEY, 0.3, 0, &mut whole[2]);
        for isa in Isa::available() {
            for (first, len) in [
                (0, 0),
                (0, 1),
                (3, 5),
                (509, 6),
                (512, 512),
                (1, 2999),
                (1023, 1025),
                (255, 2),
            ] {
                let mut part = vec![T::ZERO; len];
                T::uniform_on(isa, KEY, first as u64, &mut part);
                assert_eq!(part, whole[0][first..first + len], "uniform {isa:?} {first} {len}");
                T::normal_on(isa, KEY, first as u64, &mut part);
                assert_eq!(part, whole[1][first..first + len], "normal {isa:?} {first} {len}");
                fill_bernoulli(KEY, 0.3, first as u64, &mut part);
                assert_eq!(part, whole[2][first..first + len], "bernoulli {first} {len}");
            }
        }
    }

    #[test]
    fn any_cut_and_any_instruction_set_gives_the_same_bits() {
        check_cuts::<f32>();
        check_cuts::<f64>();
    }

    #[test]
    fn keys_that_differ_give_other_numbers() {
        let draw = |key| {
            let mut out = [0f32; 8];
            fill_uniform(key, 0, &mut out);
            out
        };
        let base = draw(KEY);
        for other in [
            Key { seed: 8, ..KEY },
            Key { stream: 4, ..KEY },
            Key { step: 12, ..KEY },
        ] {
            assert!(draw(other).iter().zip(base).all(|(&a, b)| a != b), "{other:?}");
        }
    }

    fn moments<T: Random>(numbers: &[T]) -> [f64; 4] {
        let n = numbers.len() as f64;
        let mean = numbers.iter().map(|x| x.to_f64()).sum::<f64>() / n;
        let central = |power| numbers.iter().map(|x| (x.to_f64() - mean).powi(power)).sum::<f64>() / n;
        [mean, central(2), central(3), central(4)]
    }

    fn check_moments<T: Random>() {
        let mut numbers = vec![T::ZERO; 1 << 20];
        fill_normal(KEY, 0, &mut numbers);
        for (got, (want, bound)) in
            moments(&numbers)
                .into_iter()
                .zip([(0.0, 0.004), (1.0, 0.006), (0.0, 0.01), (3.0, 0.04)])
        {
            assert!((got - want).abs() < bound, "normal: {got}, not {want}");
        }
        let pairs = numbers
            .chunks_exact(2)
            .map(|p| p[0].to_f64() * p[1].to_f64())
            .sum::<f64>();
        assert!((pairs / (1 << 19) as f64).abs() < 0.006);
        assert!(numbers.iter().all(|x| x.to_f64().abs() < 9.0));
        fill_uniform(KEY, 0, &mut numbers);
        assert!(numbers.iter().all(|x| (0.0..1.0).contains(&x.to_f64())));
        for (got, (want, bound)) in
            moments(&numbers)
                .into_iter()
                .zip([(0.5, 0.002), (1.0 / 12.0, 0.001), (0.0, 0.001), (1.0 / 80.0, 0.001)])
        {
            assert!((got - want).abs() < bound, "uniform: {got}, not {want}");
        }
        fill_bernoulli(KEY, 0.25, 0, &mut numbers);
        assert!((moments(&numbers)[0] - 0.25).abs() < 0.002);
        for (p, want) in [(0.0, T::ZERO), (1.0, T::ONE)] {
            fill_bernoulli(KEY, p, 0, &mut numbers);
            assert!(numbers.iter().all(|&x| x == want));
        }
    }

    #[test]
    fn moments_are_right() {
        check_moments::<f32>();
        check_moments::<f64>();
    }

    #[test]
    fn the_normal_pair_is_precise() {
        for i in 0..200_000u32 {
            let (radius, angle) = (i.wrapping_mul(0x9e37_79b9), i.wrapping_mul(0x85eb_ca6b));
            let (x, y) = normal_pair(radius, angle);
            let r = (-2.0 * ((f64::from(radius) + 0.5) / 4_294_967_296.0).ln()).sqrt();
            let turn = f64::from(angle) / 4_294_967_296.0 * std::f64::consts::TAU;
            assert!((f64::from(x) - r * turn.cos()).abs() < 2e-6, "{radius} {angle}: {x}");
            assert!((f64::from(y) - r * turn.sin()).abs() < 2e-6, "{radius} {angle}: {y}");
        }
    }
}
