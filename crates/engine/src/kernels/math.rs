//! Elementary functions that the compiler can vectorise: branch-free, one body for every instruction set.
//!
//! For `f32` the polynomials are those of Cephes (S. Moshier, <https://www.netlib.org/cephes>), good to 1-2 units in the last
//! place; powers, sines and cosines go through `f64`. For `f64`, in which gradients are proved, the functions are those of
//! the standard library. `FMA` says whether the instruction set multiplies and adds in one instruction: where it does not,
//! `a * b + c` rounds twice, which is far faster than emulating it.
use super::real::Real;

/// A real number with the functions that elementwise loops are made of. NaN in gives NaN out.
pub trait Lane: Real {
    /// Minus infinity.
    const NEG_INFINITY: Self;
    /// Plus infinity.
    const INFINITY: Self;
    /// `self * a + b`, rounded once with `FMA`, twice without.
    fn fma<const FMA: bool>(self, a: Self, b: Self) -> Self;
    /// Whether it is not a number.
    fn is_nan(self) -> bool;
    /// |x|.
    fn magnitude(self) -> Self;
    /// The square root.
    fn root(self) -> Self;
    /// The largest integer that is not larger.
    fn floored(self) -> Self;
    /// e^x.
    fn exponential<const FMA: bool>(self) -> Self;
    /// The natural logarithm: -inf at 0, NaN below.
    fn logarithm<const FMA: bool>(self) -> Self;
    /// The hyperbolic tangent.
    fn tanh<const FMA: bool>(self) -> Self;
    /// 1 / (1 + e^-x).
    fn sigmoid<const FMA: bool>(self) -> Self;
    /// log(1 + e^x).
    fn softplus<const FMA: bool>(self) -> Self;
    /// The sine, of radians.
    fn sine<const FMA: bool>(self) -> Self;
    /// The cosine, of radians.
    fn cosine<const FMA: bool>(self) -> Self;
    /// self^exponent, as the standard library's `powf`.
    fn power<const FMA: bool>(self, exponent: Self) -> Self;
}

#[inline(always)]
fn fma<T: Lane, const FMA: bool>(a: T, b: T, c: T) -> T {
    a.fma::<FMA>(b, c)
}

/// The polynomial with the given coefficients, highest power first.
#[inline(always)]
fn horner<T: Lane, const FMA: bool, const N: usize>(x: T, coefficients: [T; N]) -> T {
    let mut sum = coefficients[0];
    let mut i = 1;
    while i < N {
        sum = fma::<T, FMA>(sum, x, coefficients[i]);
        i += 1;
    }
    sum
}

/// The high part of ln 2 has so few bits that its product with an exponent is exact.
const LN2_HIGH: f32 = 0.693_359_4;
const LN2_LOW: f32 = -2.121_944_4e-4;

#[inline(always)]
fn exp_f32<const FMA: bool>(x: f32) -> f32 {
    // Adding 1.5 * 2^23 rounds to an integer, which the low bits then hold.
    const ROUND: f32 = 12_582_912.0;
    let x = if x > 89.0 { 89.0 } else { x };
    let x = if x < -104.0 { -104.0 } else { x };
    let shifted = fma::<f32, FMA>(x, std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let exponent = (shifted.to_bits() as i32).wrapping_sub(ROUND.to_bits() as i32);
    let r = fma::<f32, FMA>(n, -LN2_LOW, fma::<f32, FMA>(n, -LN2_HIGH, x));
    let p = horner::<f32, FMA, 6>(
        r,
        [
            1.987_569_1e-4,
            1.398_199_9e-3,
            8.333_452e-3,
            4.166_579_6e-2,
            1.666_666_5e-1,
            5e-1,
        ],
    );
    let p = fma::<f32, FMA>(p * r, r, r) + 1.0;
    // The power of two in two factors, so that results near and below the smallest normal number are right.
    let half = exponent >> 1;
    let power = |n: i32| f32::from_bits((n.wrapping_add(127) as u32) << 23);
    p * power(half) * power(exponent.wrapping_sub(half))
}

/// Splits a positive normal number into a mantissa in [sqrt(1/2), sqrt(2)), less 1, and an exponent.
#[inline(always)]
pub(crate) fn split_f32(x: f32) -> (f32, f32) {
    let bits = x.to_bits();
    let exponent = (bits.wrapping_sub(0x3f35_04f3) as i32) >> 23;
    let mantissa = f32::from_bits(bits.wrapping_sub((exponent << 23) as u32));
    (mantissa - 1.0, exponent as f32)
}

/// log(1 + f) + e ln 2, for f of a mantissa.
#[inline(always)]
pub(crate) fn log_split_f32<const FMA: bool>(f: f32, e: f32) -> f32 {
    let z = f * f;
    let p = horner::<f32, FMA, 9>(
        f,
        [
            7.037_683_6e-2,
            -1.151_461e-1,
            1.167_699_9e-1,
            -1.242_014_1e-1,
            1.424_932_3e-1,
            -1.666_805_8e-1,
            2.000_071_5e-1,
            -2.499_999_4e-1,
            3.333_333e-1,
        ],
    );
    let tail = fma::<f32, FMA>(e, LN2_LOW, p * f * z);
    let tail = fma::<f32, FMA>(-0.5, z, tail);
    fma::<f32, FMA>(e, LN2_HIGH, f + tail)
}

#[inline(always)]
fn log_f32<const FMA: bool>(x: f32) -> f32 {
    let subnormal = x < f32::MIN_POSITIVE;
    let (f, e) = split_f32(if subnormal { x * 8_388_608.0 } else { x });
    let log = log_split_f32::<FMA>(f, e - if subnormal { 23.0 } else { 0.0 });
    // Zero, negative, infinite or NaN: told apart by bits, which takes fewer instructions than by comparisons.
    let bits = x.to_bits();
    let special = if bits << 1 == 0 { f32::NEG_INFINITY } else { x };
    let special = if bits > 0x8000_0000 { f32::NAN } else { special };
    if bits.wrapping_sub(1) < 0x7f7f_ffff {
        log
    } else {
        special
    }
}

#[inline(always)]
fn tanh_f32<const FMA: bool>(x: f32) -> f32 {
    let a = x.abs();
    let z = x * x;
    let p = horner::<f32, FMA, 5>(
        z,
        [
            -5.704_988_6e-3,
            2.063_909e-2,
            -5.373_971_6e-2,
            1.333_144_2e-1,
            -3.333_328e-1,
        ],
    );
    let near = fma::<f32, FMA>(p * z, x, x);
    let far = (1.0 - 2.0 / (exp_f32::<FMA>(a + a) + 1.0)).copysign(x);
    if a < 0.625 { near } else { far }
}

#[inline(always)]
fn sigmoid_f32<const FMA: bool>(x: f32) -> f32 {
    let e = exp_f32::<FMA>(-x.abs());
    (if x < 0.0 { e } else { 1.0 }) / (1.0 + e)
}

#[inline(always)]
fn softplus_f32<const FMA: bool>(x: f32) -> f32 {
    let u = exp_f32::<FMA>(-x.abs());
    // log(1 + u) for u in [0, 1]: the mantissa of 1 + u less 1 is u or (u - 1) / 2, without rounding.
    let upper = u > 0.414;
    let log = log_split_f32::<FMA>(if upper { (u - 1.0) * 0.5 } else { u }, if upper { 1.0 } else { 0.0 });
    (if x > 0.0 { x } else { 0.0 }) + log
}

/// sin(x + quarter * pi / 2), reduced and evaluated in f64: right for any f32 below about 10^9.
#[inline(always)]
fn sine_f32<const FMA: bool>(x: f32, quarter: u64) -> f32 {
    const ROUND: f64 = 6_755_399_441_055_744.0;
    let x = f64::from(x);
    let shifted = x * std::f64::consts::FRAC_2_PI + ROUND;
    let n = shifted - ROUND;
    let quadrant = shifted.to_bits().wrapping_add(quarter);
    let r = fma::<f64, FMA>(
        n,
        -6.123_233_995_736_766e-17,
        fma::<f64, FMA>(n, -std::f64::consts::FRAC_PI_2, x),
    );
    let z = r * r;
    let sin = horner::<f64, FMA, 6>(
        z,
        [
            -1.0 / 39_916_800.0,
            1.0 / 362_880.0,
            -1.0 / 5_040.0,
            1.0 / 120.0,
            -1.0 / 6.0,
            1.0,
        ],
    ) * r;
    let cos = horner::<f64, FMA, 7>(
        z,
        [
            1.0 / 479_001_600.0,
            -1.0 / 3_628_800.0,
            1.0 / 40_320.0,
            -1.0 / 720.0,
            1.0 / 24.0,
            -0.5,
            1.0,
        ],
    );
    let value = if quadrant & 1 == 0 { sin } else { cos };
    f64::from_bits(value.to_bits() ^ ((quadrant & 2) << 62)) as f32
}

/// The logarithm of a positive normal f64, to about 1e-13.
#[inline(always)]
fn log_wide<const FMA: bool>(x: f64) -> f64 {
    let bits = x.to_bits();
    let exponent = (bits.wrapping_sub(0x3fe6_a09e_667f_3bcd) as i64) >> 52;
    let mantissa = f64::from_bits(bits.wrapping_sub((exponent << 52) as u64));
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let p = horner::<f64, FMA, 9>(
        s * s,
        [
            2.0 / 17.0,
            2.0 / 15.0,
            2.0 / 13.0,
            2.0 / 11.0,
            2.0 / 9.0,
            2.0 / 7.0,
            2.0 / 5.0,
            2.0 / 3.0,
            2.0,
        ],
    );
    fma::<f64, FMA>(exponent as i32 as f64, std::f64::consts::LN_2, p * s)
}

/// e^x for |x| below 700, to about 1e-14.
#[inline(always)]
fn exp_wide<const FMA: bool>(x: f64) -> f64 {
    const ROUND: f64 = 6_755_399_441_055_744.0;
    let shifted = fma::<f64, FMA>(x, std::f64::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = fma::<f64, FMA>(n, -std::f64::consts::LN_2, x);
    let p = horner::<f64, FMA, 11>(
        r,
        [
            1.0 / 3_628_800.0,
            1.0 / 362_880.0,
            1.0 / 40_320.0,
            1.0 / 5_040.0,
            1.0 / 720.0,
            1.0 / 120.0,
            1.0 / 24.0,
            1.0 / 6.0,
            0.5,
            1.0,
            1.0,
        ],
    );
    let exponent = shifted.to_bits().wrapping_sub(ROUND.to_bits());
    p * f64::from_bits(exponent.wrapping_add(1023) << 52)
}

#[inline(always)]
fn power_f32<const FMA: bool>(x: f32, y: f32) -> f32 {
    let base = f64::from(x.abs());
    let log = log_wide::<FMA>(base);
    let log = if base == f64::INFINITY { base } else { log };
    let log = if base == 0.0 { f64::NEG_INFINITY } else { log };
    let product = log * f64::from(y);
    let product = if product > 200.0 { 200.0 } else { product };
    let product = if product < -200.0 { -200.0 } else { product };
    let size = exp_wide::<FMA>(product) as f32;
    let size = if x.is_nan() || product.is_nan() { f32::NAN } else { size };
    let half = y * 0.5;
    let integer = y.floor() == y;
    let odd = integer & (half.floor() != half);
    let signed = if odd { size.copysign(x) } else { size };
    let power = if (x < 0.0) & !integer & (x != f32::NEG_INFINITY) {
        f32::NAN
    } else {
        signed
    };
    let power = if (x == -1.0) & (y.abs() == f32::INFINITY) {
        1.0
    } else {
        power
    };
    if (y == 0.0) | (x == 1.0) { 1.0 } else { power }
}

impl Lane for f32 {
    const NEG_INFINITY: f32 = f32::NEG_INFINITY;
    const INFINITY: f32 = f32::INFINITY;
    #[inline(always)]
    fn fma<const FMA: bool>(self, a: f32, b: f32) -> f32 {
        if FMA { f32::mul_add(self, a, b) } else { self * a + b }
    }
    #[inline(always)]
    fn is_nan(self) -> bool {
        f32::is_nan(self)
    }
    #[inline(always)]
    fn magnitude(self) -> f32 {
        self.abs()
    }
    #[inline(always)]
    fn root(self) -> f32 {
        self.sqrt()
    }
    #[inline(always)]
    fn floored(self) -> f32 {
        self.floor()
    }
    #[inline(always)]
    fn exponential<const FMA: bool>(self) -> f32 {
        exp_f32::<FMA>(self)
    }
    #[inline(always)]
    fn logarithm<const FMA: bool>(self) -> f32 {
        log_f32::<FMA>(self)
    }
    #[inline(always)]
    fn tanh<const FMA: bool>(self) -> f32 {
        tanh_f32::<FMA>(self)
    }
    #[inline(always)]
    fn sigmoid<const FMA: bool>(self) -> f32 {
        sigmoid_f32::<FMA>(self)
    }
    #[inline(always)]
    fn softplus<const FMA: bool>(self) -> f32 {
        softplus_f32::<FMA>(self)
    }
    #[inline(always)]
    fn sine<const FMA: bool>(self) -> f32 {
        sine_f32::<FMA>(self, 0)
    }
    #[inline(always)]
    fn cosine<const FMA: bool>(self) -> f32 {
        sine_f32::<FMA>(self, 1)
    }
    #[inline(always)]
    fn power<const FMA: bool>(self, exponent: f32) -> f32 {
        power_f32::<FMA>(self, exponent)
    }
}

impl Lane for f64 {
    const NEG_INFINITY: f64 = f64::NEG_INFINITY;
    const INFINITY: f64 = f64::INFINITY;
    #[inline(always)]
    fn fma<const FMA: bool>(self, a: f64, b: f64) -> f64 {
        if FMA { f64::mul_add(self, a, b) } else { self * a + b }
    }
    #[inline(always)]
    fn is_nan(self) -> bool {
        f64::is_nan(self)
    }
    #[inline(always)]
    fn magnitude(self) -> f64 {
        self.abs()
    }
    #[inline(always)]
    fn root(self) -> f64 {
        self.sqrt()
    }
    #[inline(always)]
    fn floored(self) -> f64 {
        self.floor()
    }
    #[inline(always)]
    fn exponential<const FMA: bool>(self) -> f64 {
        self.exp()
    }
    #[inline(always)]
    fn logarithm<const FMA: bool>(self) -> f64 {
        self.ln()
    }
    #[inline(always)]
    fn tanh<const FMA: bool>(self) -> f64 {
        f64::tanh(self)
    }
    #[inline(always)]
    fn sigmoid<const FMA: bool>(self) -> f64 {
        let e = (-self.abs()).exp();
        (if self < 0.0 { e } else { 1.0 }) / (1.0 + e)
    }
    #[inline(always)]
    fn softplus<const FMA: bool>(self) -> f64 {
        (if self > 0.0 { self } else { 0.0 }) + (-self.abs()).exp().ln_1p()
    }
    #[inline(always)]
    fn sine<const FMA: bool>(self) -> f64 {
        self.sin()
    }
    #[inline(always)]
    fn cosine<const FMA: bool>(self) -> f64 {
        self.cos()
    }
    #[inline(always)]
    fn power<const FMA: bool>(self, exponent: f64) -> f64 {
        self.powf(exponent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The largest error in units in the last place over `count` points of [low, high].
    fn worst(low: f64, high: f64, ours: fn(f32) -> f32, exact: fn(f64) -> f64) -> f64 {
        let count = 200_000;
        (0..=count)
            .map(|i| {
                let x = (low + (high - low) * f64::from(i) / f64::from(count)) as f32;
                let want = exact(f64::from(x));
                let ulp = f64::from(f32::from_bits((want as f32).abs().to_bits() + 1)) - f64::from((want as f32).abs());
                (f64::from(ours(x)) - want).abs() / ulp
            })
            .fold(0.0, f64::max)
    }

    fn sigmoid(x: f64) -> f64 {
        1.0 / (1.0 + (-x).exp())
    }

    fn softplus(x: f64) -> f64 {
        x.max(0.0) + (-x.abs()).exp().ln_1p()
    }

    fn sweep<const FMA: bool>() {
        for (name, low, high, ours, exact, bound) in [
            (
                "exp",
                -87.0,
                88.0,
                Lane::exponential::<FMA> as fn(f32) -> f32,
                f64::exp as fn(f64) -> f64,
                2.0,
            ),
            (
                "exp to subnormal",
                -103.0,
                -87.0,
                Lane::exponential::<FMA>,
                f64::exp,
                2.0,
            ),
            ("exp near 0", -1.0, 1.0, Lane::exponential::<FMA>, f64::exp, 2.0),
            ("log", 1e-6, 10.0, Lane::logarithm::<FMA>, f64::ln, 2.0),
            ("log large", 10.0, 1e30, Lane::logarithm::<FMA>, f64::ln, 2.0),
            ("log subnormal", 1e-44, 1e-37, Lane::logarithm::<FMA>, f64::ln, 2.0),
            ("tanh", -10.0, 10.0, Lane::tanh::<FMA>, f64::tanh, 2.5),
            ("tanh near 0", -1e-3, 1e-3, Lane::tanh::<FMA>, f64::tanh, 2.0),
            ("sigmoid", -80.0, 80.0, Lane::sigmoid::<FMA>, sigmoid, 2.5),
            ("softplus", -80.0, 80.0, Lane::softplus::<FMA>, softplus, 3.0),
            ("sin", -1e4, 1e4, Lane::sine::<FMA>, f64::sin, 1.0),
            ("cos", -1e4, 1e4, Lane::cosine::<FMA>, f64::cos, 1.0),
        ] {
            let error = worst(low, high, ours, exact);
            assert!(error <= bound, "{name}, fma {FMA}: {error} ulp");
        }
        for exponent in [-3.0, -1.5, -0.5, 0.3, 0.5, 2.0, 2.4, 7.0] {
            for i in 1..20_000 {
                let x = i as f32 * 1e-3;
                let want = f64::from(x).powf(f64::from(exponent));
                let got = f64::from(x.power::<FMA>(exponent));
                assert!((got - want).abs() <= want * 1.2e-7, "{x}^{exponent}: {got} {want}");
            }
        }
    }

    #[test]
    fn single_precision_is_within_two_units_in_the_last_place() {
        sweep::<false>();
        sweep::<true>();
    }

    fn extremes<T: Lane, const FMA: bool>() {
        let at = |x: f64| T::from_f64(x);
        let inf = f64::INFINITY;
        for (name, got, want) in [
            ("exp(-2000)", at(-2000.0).exponential::<FMA>(), 0.0),
            ("exp(2000)", at(2000.0).exponential::<FMA>(), inf),
            ("exp(-inf)", at(-inf).exponential::<FMA>(), 0.0),
            ("exp(0)", at(0.0).exponential::<FMA>(), 1.0),
            ("log(0)", at(0.0).logarithm::<FMA>(), -inf),
            ("log(inf)", at(inf).logarithm::<FMA>(), inf),
            ("log(1)", at(1.0).logarithm::<FMA>(), 0.0),
            ("tanh(50)", at(50.0).tanh::<FMA>(), 1.0),
            ("tanh(-50)", at(-50.0).tanh::<FMA>(), -1.0),
            ("tanh(-inf)", at(-inf).tanh::<FMA>(), -1.0),
            ("sigmoid(2000)", at(2000.0).sigmoid::<FMA>(), 1.0),
            ("sigmoid(-2000)", at(-2000.0).sigmoid::<FMA>(), 0.0),
            ("softplus(100)", at(100.0).softplus::<FMA>(), 100.0),
            ("softplus(-2000)", at(-2000.0).softplus::<FMA>(), 0.0),
            ("softplus(inf)", at(inf).softplus::<FMA>(), inf),
        ] {
            assert_eq!(got.to_f64(), want, "{name}");
        }
        assert!((at(-100.0).softplus::<FMA>().to_f64() / (-100f64).exp() - 1.0).abs() < 0.02);
        for x in [f64::NAN, -1.0, -inf, -1e-40] {
            assert!(at(x).logarithm::<FMA>().to_f64().is_nan(), "log({x})");
        }
        let nan = at(f64::NAN);
        for got in [
            nan.exponential::<FMA>(),
            nan.tanh::<FMA>(),
            nan.sigmoid::<FMA>(),
            nan.softplus::<FMA>(),
            nan.sine::<FMA>(),
            nan.cosine::<FMA>(),
            nan.power::<FMA>(at(2.0)),
            at(2.0).power::<FMA>(nan),
            at(inf).sine::<FMA>(),
        ] {
            assert!(got.to_f64().is_nan());
        }
        let special = [
            0.0,
            -0.0,
            1.0,
            -1.0,
            0.5,
            -0.5,
            2.0,
            -2.0,
            3.0,
            -3.0,
            2.5,
            inf,
            -inf,
            1e30,
            -1e-30,
            f64::NAN,
        ];
        for x in special {
            for y in special {
                let (x, y) = (x as f32, y as f32);
                let (got, want) = (at(x.into()).power::<FMA>(at(y.into())).to_f64() as f32, x.powf(y));
                let close = (got - want).abs() <= want.abs() * 2e-7;
                assert!(
                    got == want || close || (got.is_nan() && want.is_nan()),
                    "{x}^{y}: {got}, not {want}"
                );
            }
        }
    }

    #[test]
    fn extremes_are_right() {
        extremes::<f32, false>();
        extremes::<f32, true>();
        extremes::<f64, false>();
        extremes::<f64, true>();
    }
}
