//! What a count of successes says of their probability: exact tails of the binomial distribution, and quantiles of the normal one.
//!
//! Clopper and Pearson 1934, "The Use of Confidence or Fiducial Limits Illustrated in the Case of the Binomial".

/// P(X >= k) of X successes in n trials of probability p: the sum of the terms.
///
/// # Panics
/// Where k is above n.
pub fn tail(k: u64, n: u64, p: f64) -> f64 {
    assert!(k <= n, "binomial: {k} successes in {n} trials");
    if k == 0 || p >= 1.0 {
        return 1.0;
    }
    if p <= 0.0 {
        return 0.0;
    }
    // The term of k from logarithms, each further one from that before it.
    let log_choose: f64 = (1..=n - k).map(|i| ((k + i) as f64 / i as f64).ln()).sum();
    let odds = p / (1.0 - p);
    let mut log_term = log_choose + k as f64 * p.ln() + (n - k) as f64 * (-p).ln_1p();
    let mut sum = log_term.exp();
    for i in k..n {
        log_term += ((n - i) as f64 / (i + 1) as f64 * odds).ln();
        sum += log_term.exp();
    }
    sum.min(1.0)
}

/// Halvings of an interval, after which it is as short as floats allow.
const HALVINGS: usize = 60;

/// The largest probability that k successes or more in n trials are no likelier than alpha under: the one-sided lower limit of
/// confidence 1 - alpha. 0 where there was no success.
pub fn lower_limit(k: u64, n: u64, alpha: f64) -> f64 {
    if k == 0 {
        return 0.0;
    }
    let halved = |(low, high): (f64, f64)| {
        let middle = 0.5 * (low + high);
        if tail(k, n, middle) > alpha {
            (low, middle)
        } else {
            (middle, high)
        }
    };
    (0..HALVINGS).fold((0.0, 1.0), |bounds, _| halved(bounds)).0
}

/// The number below which a standard normal one lies with this probability.
///
/// # Panics
/// Where p is not between 0 and 1.
pub fn normal_quantile(p: f64) -> f64 {
    assert!(p > 0.0 && p < 1.0, "quantile: {p} is not between 0 and 1");
    let halved = |(low, high): (f64, f64)| {
        let middle = 0.5 * (low + high);
        if below(middle) > p {
            (low, middle)
        } else {
            (middle, high)
        }
    };
    // Beyond eight deviations nothing is left that a probability can say.
    (0..HALVINGS).fold((-8.0, 8.0), |bounds, _| halved(bounds)).0
}

/// The probability that a standard normal number is below x: `1/2 + phi(x) (x + x^3 / 3 + x^5 / (3 5) + ..)` (Marsaglia 2004,
/// "Evaluating the Normal Distribution"), and far below, where that cancels, `phi(x) / (-x + 1 / (-x + 2 / (-x + ..)))` (Laplace).
fn below(x: f64) -> f64 {
    let density = (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt();
    if x > 0.0 {
        return 1.0 - below(-x);
    }
    if x < -3.0 {
        return density / (1..100).rev().fold(-x, |rest, i| f64::from(i) / rest - x);
    }
    let (mut sum, mut term, mut odd) = (x, x, 1.0);
    while term.abs() > 1e-17 * sum.abs() {
        odd += 2.0;
        term *= x * x / odd;
        sum += term;
    }
    0.5 + density * sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn limits_and_quantiles_are_scipys() {
        let file: Value = serde_json::from_str(include_str!("../../../../reference/binomial.json")).unwrap();
        let cases = |name: &str| file[name].as_array().unwrap().clone();
        let near = |got: f64, expected: &Value, what: &Value| {
            let expected = expected.as_f64().unwrap();
            assert!(
                (got - expected).abs() <= 1e-9 * expected.abs().max(1e-3),
                "{what}: {got} {expected}"
            );
        };
        assert!(cases("lower_limits").len() >= 10 && cases("quantiles").len() >= 8);
        for case in cases("lower_limits") {
            let limit = lower_limit(
                case["k"].as_u64().unwrap(),
                case["n"].as_u64().unwrap(),
                case["alpha"].as_f64().unwrap(),
            );
            near(limit, &case["limit"], &case);
        }
        for case in cases("quantiles") {
            near(normal_quantile(case["p"].as_f64().unwrap()), &case["quantile"], &case);
        }
    }

    #[test]
    fn tails_by_hand() {
        // Two heads or three of three throws: 3/8 + 1/8.
        assert!((tail(2, 3, 0.5) - 0.5).abs() < 1e-15);
        assert_eq!([tail(0, 3, 0.2), tail(3, 3, 1.0), tail(1, 3, 0.0)], [1.0, 1.0, 0.0]);
        // All of n: p^n = alpha.
        assert!((lower_limit(100, 100, 0.001) - 0.001_f64.powf(0.01)).abs() < 1e-14);
        assert_eq!(lower_limit(0, 100, 0.001), 0.0);
    }
}
