//! What is done to each element by itself: arithmetic, activations, comparisons.
use super::Table;
use crate::onnx::call::Call;
use crate::onnx::value::{Outcome, Value, aligned};
use gany_engine::{Tensor, select};
use std::f64::consts::{FRAC_1_SQRT_2, PI};

pub(super) const OPERATORS: Table = &[
    ("Abs", |c| unary(c, Tensor::abs)),
    ("Neg", |c| unary(c, |x| -x)),
    ("Exp", |c| unary(c, Tensor::exp)),
    ("Log", |c| unary(c, Tensor::log)),
    ("Sqrt", |c| unary(c, Tensor::sqrt)),
    ("Reciprocal", |c| unary(c, Tensor::recip)),
    ("Floor", |c| unary(c, Tensor::floor)),
    ("Ceil", |c| unary(c, |x| -(-x).floor())),
    ("Sign", |c| unary(c, Tensor::sign)),
    ("Sin", |c| unary(c, Tensor::sin)),
    ("Cos", |c| unary(c, Tensor::cos)),
    ("Erf", |c| unary(c, erf)),
    ("Not", |c| unary(c, |x| 1.0 - x)),
    ("Relu", |c| unary(c, Tensor::relu)),
    ("Sigmoid", |c| unary(c, Tensor::sigmoid)),
    ("Tanh", |c| unary(c, Tensor::tanh)),
    ("Softplus", |c| unary(c, Tensor::softplus)),
    ("Softsign", |c| unary(c, |x| x / (x.abs() + 1.0))),
    ("Mish", |c| unary(c, |x| x * x.softplus().tanh())),
    ("HardSwish", |c| unary(c, |x| x * hard_sigmoid(x, 1.0 / 6.0, 0.5))),
    ("HardSigmoid", |c| {
        let (alpha, beta) = (c.float("alpha", 0.2)?, c.float("beta", 0.5)?);
        unary(c, |x| hard_sigmoid(x, alpha, beta))
    }),
    ("LeakyRelu", |c| {
        let alpha = c.float("alpha", 0.01)?;
        unary(c, |x| where_positive(x, x, &(x * alpha)))
    }),
    ("Elu", |c| {
        let alpha = c.float("alpha", 1.0)?;
        unary(c, |x| elu(x, alpha, 1.0))
    }),
    ("Celu", |c| {
        let alpha = c.float("alpha", 1.0)?;
        unary(c, |x| elu(x, alpha, alpha))
    }),
    ("Selu", |c| {
        let (alpha, gamma) = (c.float("alpha", 1.673_263_2)?, c.float("gamma", 1.050_701)?);
        unary(c, |x| elu(x, alpha, 1.0) * gamma)
    }),
    ("ThresholdedRelu", |c| {
        let alpha = c.float("alpha", 1.0)?;
        unary(c, |x| x * (x - alpha).positive())
    }),
    ("Gelu", gelu),
    ("Clip", clip),
    ("PRelu", |c| binary(c, |x, slope| where_positive(x, x, &(x * slope)))),
    ("Add", |c| binary(c, |a, b| a + b)),
    ("Sub", |c| binary(c, |a, b| a - b)),
    ("Mul", |c| binary(c, |a, b| a * b)),
    ("Div", divide),
    ("Mod", modulo),
    ("Pow", power),
    ("Sum", |c| fold(c, |a, b| a + b)),
    ("Mean", |c| {
        let sum = fold(c, |a, b| a + b)?;
        Ok(sum.with(sum.tensor() * (1.0 / c.inputs.len() as f64)))
    }),
    ("Min", |c| fold(c, Tensor::minimum)),
    ("Max", |c| fold(c, Tensor::maximum)),
    ("And", |c| binary(c, |a, b| a * b)),
    ("Or", |c| binary(c, Tensor::maximum)),
    ("Xor", |c| binary(c, |a, b| (a - b).abs())),
    ("Equal", |c| binary(c, Tensor::equals)),
    ("Less", |c| binary(c, Tensor::lt)),
    ("LessOrEqual", |c| binary(c, Tensor::le)),
    ("Greater", |c| binary(c, Tensor::gt)),
    ("GreaterOrEqual", |c| binary(c, Tensor::ge)),
    ("Where", choose),
    ("Cast", cast),
    ("CastLike", |c| cast_to(c, c.input(1)?.is_whole(), false)),
    ("Identity", |c| Ok(c.maybe(0).ok_or("input 0 is missing")?.clone())),
    ("Dropout", dropout),
];

fn unary(call: &Call, f: impl Fn(&Tensor) -> Tensor) -> Outcome<Value> {
    let x = call.input(0)?;
    Ok(x.with(f(x.tensor())))
}

fn binary(call: &Call, f: impl Fn(&Tensor, &Tensor) -> Tensor) -> Outcome<Value> {
    let (tensors, order) = aligned(&[call.input(0)?, call.input(1)?])?;
    Ok(Value::ordered(f(&tensors[0], &tensors[1]), order))
}

/// All inputs, one after the other.
fn fold(call: &Call, f: impl Fn(&Tensor, &Tensor) -> Tensor) -> Outcome<Value> {
    let inputs = (0..call.inputs.len().max(1)).map(|i| call.input(i));
    let (tensors, order) = aligned(&inputs.collect::<Outcome<Vec<_>>>()?)?;
    let all = tensors.into_iter().reduce(|so_far, next| f(&so_far, &next));
    Ok(Value::ordered(all.expect("at least one input"), order))
}

fn where_positive(x: &Tensor, above: &Tensor, below: &Tensor) -> Tensor {
    select(&x.positive(), above, below)
}

/// max(0, min(1, alpha x + beta))
fn hard_sigmoid(x: &Tensor, alpha: f64, beta: f64) -> Tensor {
    (x * alpha + beta).clamp(0.0, 1.0)
}

/// x where positive, alpha (exp(x / beta) - 1) elsewhere; what is not chosen must not overflow.
fn elu(x: &Tensor, alpha: f64, beta: f64) -> Tensor {
    let below = x.minimum(&x.zeros_like());
    where_positive(x, x, &(((below * (1.0 / beta)).exp() - 1.0) * alpha))
}

/// The error function, of an odd rational function that is right to a few of the last bits in f32: the one of the library Eigen
/// (`generic_fast_erf_float`).
fn erf(x: &Tensor) -> Tensor {
    const ABOVE: [f64; 7] = [
        -2.726_142_258_013_06e-10,
        2.770_681_424_959_02e-8,
        -2.101_024_020_828_08e-6,
        -5.692_506_394_623_46e-5,
        -7.349_906_303_268_55e-4,
        -2.954_599_808_540_25e-3,
        -1.609_603_332_624_15e-2,
    ];
    const BELOW: [f64; 5] = [
        -1.456_607_184_649_96e-5,
        -2.133_740_552_789_05e-4,
        -1.682_826_974_382_03e-3,
        -7.373_329_167_204_68e-3,
        -1.426_473_905_141_89e-2,
    ];
    let x = x.clamp(-4.0, 4.0);
    let squared = x.square();
    let polynomial = |factors: &[f64]| {
        let first = Tensor::full(x.dtype(), x.shape(), factors[0]);
        factors[1..].iter().fold(first, |sum, &factor| sum * &squared + factor)
    };
    &x * polynomial(&ABOVE) / polynomial(&BELOW)
}

fn gelu(call: &Call) -> Outcome<Value> {
    match call.text("approximate", "none")?.as_str() {
        "none" => unary(call, |x| x * 0.5 * (erf(&(x * FRAC_1_SQRT_2)) + 1.0)),
        "tanh" => unary(call, |x| {
            let inner = (x + x * x.square() * 0.044_715) * (2.0 / PI).sqrt();
            x * 0.5 * (inner.tanh() + 1.0)
        }),
        other => Err(format!("`approximate` of `{other}` is not known here")),
    }
}

/// Bounds were attributes before version 11.
fn clip(call: &Call) -> Outcome<Value> {
    let bound = |name: &str, i: usize| match call.node.attributes.contains_key(name) {
        true => call.float(name, 0.0).map(Some),
        false => call.maybe(i).map(|_| call.scalar(i)).transpose(),
    };
    let (low, high) = (bound("min", 1)?, bound("max", 2)?);
    unary(call, |x| {
        let full = |bound: f64| Tensor::full(x.dtype(), x.shape(), bound);
        let above = low.map_or(x.clone(), |low| x.maximum(&full(low)));
        high.map_or(above.clone(), |high| above.minimum(&full(high)))
    })
}

/// Towards zero.
fn truncated(x: &Tensor) -> Tensor {
    x.sign() * x.abs().floor()
}

/// Whole numbers are divided towards zero.
fn divide(call: &Call) -> Outcome<Value> {
    let is_whole = call.input(0)?.is_whole() && call.input(1)?.is_whole();
    binary(call, |a, b| if is_whole { truncated(&(a / b)) } else { a / b })
}

/// With the sign of the divisor, or as C's `fmod` with that of the number.
fn modulo(call: &Call) -> Outcome<Value> {
    let is_c = call.whole("fmod", 0)? != 0;
    binary(call, |a, b| {
        let quotient = a / b;
        a - b * if is_c { truncated(&quotient) } else { quotient.floor() }
    })
}

/// A whole exponent is multiplied out, so that numbers below zero may be raised to it.
fn power(call: &Call) -> Outcome<Value> {
    const MOST: f64 = 64.0;
    let (x, exponent) = (call.input(0)?, call.input(1)?);
    let number = (exponent.is_known && exponent.tensor().numel() == 1).then(|| exponent.tensor().to_f64()[0]);
    let fits = exponent.rank() <= x.rank();
    match number.filter(|_| fits) {
        Some(number) if number.fract() == 0.0 && number.abs() <= MOST => unary(call, |x| {
            let raised = raised(x, number.abs() as u32);
            if number < 0.0 { raised.recip() } else { raised }
        }),
        Some(0.5) => unary(call, Tensor::sqrt),
        Some(-0.5) => unary(call, Tensor::rsqrt),
        _ => binary(call, Tensor::pow),
    }
}

fn raised(x: &Tensor, exponent: u32) -> Tensor {
    match exponent {
        0 => x.ones_like(),
        1 => x.clone(),
        even if even % 2 == 0 => raised(&x.square(), even / 2),
        odd => x * raised(x, odd - 1),
    }
}

fn choose(call: &Call) -> Outcome<Value> {
    let [condition, a, b] = [call.input(0)?, call.input(1)?, call.input(2)?];
    let is_whole = a.is_whole() && b.is_whole();
    let condition = match condition.is_whole() == is_whole {
        true => condition.clone(),
        false if is_whole => return Err("expected a condition that depends on no picture".into()),
        false => condition.float(),
    };
    let (tensors, order) = aligned(&[&condition, a, b])?;
    Ok(Value::ordered(select(&tensors[0], &tensors[1], &tensors[2]), order))
}

/// Floats are all f32 here; what is no float are whole numbers and truth values.
fn cast(call: &Call) -> Outcome<Value> {
    let to = call.whole("to", 1)?;
    match to {
        1 | 10 | 11 | 16 => cast_to(call, false, false),
        9 => cast_to(call, true, true),
        2..=7 | 12 | 13 => cast_to(call, true, false),
        _ => Err(format!(
            "elements that are {} are not known here",
            crate::onnx::elements::kind_name(to)
        )),
    }
}

fn cast_to(call: &Call, is_whole: bool, is_truth: bool) -> Outcome<Value> {
    let x = call.maybe(0).ok_or("input 0 is missing")?;
    if !is_whole {
        return Ok(x.float());
    }
    let number = |x: f64| match is_truth {
        true => f64::from(u8::from(x != 0.0)),
        false => x.trunc(),
    };
    if x.is_known {
        let numbers: Vec<f64> = x.tensor().to_f64().into_iter().map(number).collect();
        return Ok(x.with(Tensor::from_f64(x.tensor().shape(), &numbers)));
    }
    // What depends on pictures stays in floats, which hold whole numbers too.
    let tensor = x.tensor();
    Ok(x.with(match is_truth {
        true => 1.0 - tensor.equals(&tensor.zeros_like()),
        false => truncated(tensor),
    }))
}

/// Which leaves everything as it is where nothing is learnt.
fn dropout(call: &Call) -> Outcome<Value> {
    let x = call.input(0)?;
    match call.output {
        0 => Ok(x.clone()),
        _ => Ok(x.with(x.tensor().ones_like())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_function_by_its_table() {
        // Abramowitz and Stegun, table 7.1.
        let x = Tensor::from_f32(&[6], &[0.0, 0.1, 0.5, -1.0, 2.0, 9.0]);
        let expected = [0.0, 0.112_462_916, 0.520_499_878, -0.842_700_793, 0.995_322_265, 1.0];
        for (got, expected) in erf(&x).to_f64().into_iter().zip(expected) {
            assert!((got - expected).abs() < 3e-7, "{got}, expected {expected}");
        }
    }

    #[test]
    fn powers_by_hand() {
        let x = Tensor::from_f32(&[2], &[-2.0, 3.0]);
        assert_eq!(raised(&x, 5).to_f32(), [-32.0, 243.0]);
        assert_eq!(raised(&x, 0).to_f32(), [1.0, 1.0]);
        assert_eq!(truncated(&Tensor::from_f32(&[2], &[-1.5, 1.5])).to_f32(), [-1.0, 1.0]);
    }
}
