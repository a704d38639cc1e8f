//! Loops over slices, compiled once per instruction set: the only place where elementwise arithmetic happens.
//!
//! Every method of [`Target`] is a function of its own that takes slices: the compiler then knows that they do not overlap,
//! and turns the one generic body into vector code.
use super::math::Lane;

/// A function of one number.
pub(crate) trait Op1 {
    fn apply<T: Lane, const FMA: bool>(x: T) -> T;
}

/// A function of two numbers.
pub(crate) trait Op2 {
    fn apply<T: Lane, const FMA: bool>(a: T, b: T) -> T;
}

/// A function of three numbers.
pub(crate) trait Op3 {
    fn apply<T: Lane, const FMA: bool>(a: T, b: T, c: T) -> T;
}

#[inline(always)]
fn map1<T: Lane, O: Op1, const FMA: bool>(a: &[T], out: &mut [T]) {
    for (out, &a) in out.iter_mut().zip(a) {
        *out = O::apply::<T, FMA>(a);
    }
}

#[inline(always)]
fn map2<T: Lane, O: Op2, const SA: bool, const SB: bool, const FMA: bool>(a: &[T], b: &[T], out: &mut [T]) {
    let n = out.len();
    let (a, b) = (&a[..if SA { 1 } else { n }], &b[..if SB { 1 } else { n }]);
    for i in 0..n {
        out[i] = O::apply::<T, FMA>(a[if SA { 0 } else { i }], b[if SB { 0 } else { i }]);
    }
}

#[inline(always)]
fn map3<T: Lane, O: Op3, const SA: bool, const SB: bool, const SC: bool, const FMA: bool>(
    a: &[T],
    b: &[T],
    c: &[T],
    out: &mut [T],
) {
    let n = out.len();
    let (a, b, c) = (
        &a[..if SA { 1 } else { n }],
        &b[..if SB { 1 } else { n }],
        &c[..if SC { 1 } else { n }],
    );
    for i in 0..n {
        let (a, b, c) = (
            a[if SA { 0 } else { i }],
            b[if SB { 0 } else { i }],
            c[if SC { 0 } else { i }],
        );
        out[i] = O::apply::<T, FMA>(a, b, c);
    }
}

#[inline(always)]
fn fold<T: Lane, O: Op2, const FMA: bool>(total: &mut [T], a: &[T]) {
    for (total, &a) in total.iter_mut().zip(a) {
        *total = O::apply::<T, FMA>(*total, a);
    }
}

/// Folds each row of `extent` numbers to one: 32 lanes side by side, then a tree over the lanes.
#[inline(always)]
fn fold_rows<T: Lane, O: Op2, const FMA: bool>(a: &[T], extent: usize, out: &mut [T]) {
    const LANES: usize = 32;
    for (row, out) in a.chunks_exact(extent).zip(out) {
        let mut total = row[0];
        let mut rest = &row[1..];
        if extent >= LANES {
            let mut lanes = [T::ZERO; LANES];
            lanes.copy_from_slice(&row[..LANES]);
            let chunks = row[LANES..].chunks_exact(LANES);
            rest = chunks.remainder();
            for chunk in chunks {
                for lane in 0..LANES {
                    lanes[lane] = O::apply::<T, FMA>(lanes[lane], chunk[lane]);
                }
            }
            let mut width = LANES / 2;
            while width > 0 {
                for lane in 0..width {
                    lanes[lane] = O::apply::<T, FMA>(lanes[lane], lanes[lane + width]);
                }
                width /= 2;
            }
            total = lanes[0];
        }
        for &x in rest {
            total = O::apply::<T, FMA>(total, x);
        }
        *out = total;
    }
}

#[inline(always)]
fn count<T: Lane>(first: usize, out: &mut [T]) {
    for (i, out) in out.iter_mut().enumerate() {
        *out = T::from_f64((first + i) as f64);
    }
}

/// An instruction set to run the loops on.
///
/// # Safety
/// Of every method: the machine must have the instruction set.
pub(crate) trait Target {
    /// `out[i] = f(a[i])`.
    unsafe fn map1<T: Lane, O: Op1>(a: &[T], out: &mut [T]);
    /// `out[i] = f(a[i], b[i])`; an operand flagged as a scalar is one number.
    unsafe fn map2<T: Lane, O: Op2, const SA: bool, const SB: bool>(a: &[T], b: &[T], out: &mut [T]);
    /// `out[i] = f(a[i], b[i], c[i])`; an operand flagged as a scalar is one number.
    unsafe fn map3<T: Lane, O: Op3, const SA: bool, const SB: bool, const SC: bool>(
        a: &[T],
        b: &[T],
        c: &[T],
        out: &mut [T],
    );
    /// `total[i] = f(total[i], a[i])`.
    unsafe fn fold<T: Lane, O: Op2>(total: &mut [T], a: &[T]);
    /// `out[j]` = the fold of `a[j * extent..][..extent]`, `extent` at least 1.
    unsafe fn fold_rows<T: Lane, O: Op2>(a: &[T], extent: usize, out: &mut [T]);
    /// `out[i] = first + i`.
    unsafe fn count<T: Lane>(first: usize, out: &mut [T]);
}

macro_rules! target {
    ($(#[$doc:meta])* $name:ident, $fma:literal $(, $features:literal)?) => {
        $(#[$doc])*
        pub(crate) struct $name;

        impl Target for $name {
            #[inline(never)]
            $(#[target_feature(enable = $features)])?
            unsafe fn map1<T: Lane, O: Op1>(a: &[T], out: &mut [T]) {
                map1::<T, O, $fma>(a, out)
            }
            #[inline(never)]
            $(#[target_feature(enable = $features)])?
            unsafe fn map2<T: Lane, O: Op2, const SA: bool, const SB: bool>(a: &[T], b: &[T], out: &mut [T]) {
                map2::<T, O, SA, SB, $fma>(a, b, out)
            }
            #[inline(never)]
            $(#[target_feature(enable = $features)])?
            unsafe fn map3<T: Lane, O: Op3, const SA: bool, const SB: bool, const SC: bool>(
                a: &[T],
                b: &[T],
                c: &[T],
                out: &mut [T],
            ) {
                map3::<T, O, SA, SB, SC, $fma>(a, b, c, out)
            }
            #[inline(never)]
            $(#[target_feature(enable = $features)])?
            unsafe fn fold<T: Lane, O: Op2>(total: &mut [T], a: &[T]) {
                fold::<T, O, $fma>(total, a)
            }
            #[inline(never)]
            $(#[target_feature(enable = $features)])?
            unsafe fn fold_rows<T: Lane, O: Op2>(a: &[T], extent: usize, out: &mut [T]) {
                fold_rows::<T, O, $fma>(a, extent, out)
            }
            #[inline(never)]
            $(#[target_feature(enable = $features)])?
            unsafe fn count<T: Lane>(first: usize, out: &mut [T]) {
                count(first, out)
            }
        }
    };
}

target!(
    /// Plain Rust for any processor.
    Portable,
    false
);
#[cfg(target_arch = "x86_64")]
target!(
    /// AVX2 with fused multiply-add.
    Avx2,
    true,
    "avx2,fma"
);
#[cfg(target_arch = "x86_64")]
target!(
    /// AVX-512 (F, BW, DQ, VL).
    Avx512,
    true,
    "avx512f,avx512bw,avx512dq,avx512vl,fma,avx2"
);

/// The functions that steps of a loop apply, named as their variants in [`super::loops`].
pub(crate) mod ops {
    use super::{Lane, Op1, Op2, Op3};

    macro_rules! op1 {
        ($($name:ident($x:ident, $fma:ident) => $value:expr;)*) => {$(
            pub(crate) struct $name;
            impl Op1 for $name {
                #[inline(always)]
                fn apply<T: Lane, const $fma: bool>($x: T) -> T {
                    $value
                }
            }
        )*};
    }
    macro_rules! op2 {
        ($($name:ident($a:ident, $b:ident, $fma:ident) => $value:expr;)*) => {$(
            pub(crate) struct $name;
            impl Op2 for $name {
                #[inline(always)]
                fn apply<T: Lane, const $fma: bool>($a: T, $b: T) -> T {
                    $value
                }
            }
        )*};
    }
    macro_rules! op3 {
        ($($name:ident($a:ident, $b:ident, $c:ident, $fma:ident) => $value:expr;)*) => {$(
            pub(crate) struct $name;
            impl Op3 for $name {
                #[inline(always)]
                fn apply<T: Lane, const $fma: bool>($a: T, $b: T, $c: T) -> T {
                    $value
                }
            }
        )*};
    }

    #[inline(always)]
    fn truth<T: Lane>(holds: bool) -> T {
        if holds { T::ONE } else { T::ZERO }
    }

    op1! {
        Copy(x, FMA) => x;
        Neg(x, FMA) => -x;
        Abs(x, FMA) => x.magnitude();
        Sign(x, FMA) => {
            let sign = if x < T::ZERO { -T::ONE } else { x };
            if x > T::ZERO { T::ONE } else { sign }
        };
        Exp(x, FMA) => x.exponential::<FMA>();
        Log(x, FMA) => x.logarithm::<FMA>();
        Sqrt(x, FMA) => x.root();
        Rsqrt(x, FMA) => T::ONE / x.root();
        Recip(x, FMA) => T::ONE / x;
        Square(x, FMA) => x * x;
        Tanh(x, FMA) => x.tanh::<FMA>();
        Sigmoid(x, FMA) => x.sigmoid::<FMA>();
        Softplus(x, FMA) => x.softplus::<FMA>();
        Sin(x, FMA) => x.sine::<FMA>();
        Cos(x, FMA) => x.cosine::<FMA>();
        Floor(x, FMA) => x.floored();
        Relu(x, FMA) => if x <= T::ZERO { T::ZERO } else { x };
    }
    op2! {
        Add(a, b, FMA) => a + b;
        Sub(a, b, FMA) => a - b;
        Mul(a, b, FMA) => a * b;
        Div(a, b, FMA) => a / b;
        Max(a, b, FMA) => {
            let larger = if a > b { a } else { b };
            if a.is_nan() { a } else { larger }
        };
        Min(a, b, FMA) => {
            let smaller = if a < b { a } else { b };
            if a.is_nan() { a } else { smaller }
        };
        Pow(a, b, FMA) => a.power::<FMA>(b);
        Lt(a, b, FMA) => truth(a < b);
        Le(a, b, FMA) => truth(a <= b);
        Eq(a, b, FMA) => truth(a == b);
    }
    op3! {
        Select(condition, a, b, FMA) => if condition != T::ZERO { a } else { b };
        MulAdd(a, b, c, FMA) => a.fma::<FMA>(b, c);
        Gate(a, b, c, FMA) => if a > T::ZERO { b } else { b * c };
    }
}
