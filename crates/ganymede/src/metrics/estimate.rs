//! A measured value, and how far chance may have moved it.
use super::random;
use serde::{Deserialize, Serialize};

/// Standard errors that 95 % of normally distributed values lie within.
const Z_95: f64 = 1.959_963_984_540_054;

/// Resamplings of [`Estimate::bootstrap`].
const RESAMPLINGS: usize = 200;

/// Where the true value lies with 95 % confidence, and how that was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// How it was found, such as `delta method`.
    pub method: String,
}

/// A measured value with its interval.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimate {
    /// What was measured.
    pub value: f64,
    /// Its interval, where one is known.
    pub interval: Option<Interval>,
}

impl Estimate {
    /// A value of which no interval is known.
    pub fn bare(value: f64) -> Estimate {
        Estimate { value, interval: None }
    }

    /// A value that is normally distributed with this standard error, found by `method`.
    pub fn normal(value: f64, standard_error: f64, method: &str) -> Estimate {
        let half = Z_95 * standard_error;
        Estimate {
            value,
            interval: Some(Interval {
                low: value - half,
                high: value + half,
                method: method.to_owned(),
            }),
        }
    }

    /// The mean of independent numbers, with the standard error of a mean.
    ///
    /// # Panics
    /// Where there are no numbers.
    pub fn mean(numbers: &[f64]) -> Estimate {
        let (mean, variance) = moments(numbers);
        let n = numbers.len() as f64;
        // The unbiased variance; a single number has none.
        let error = (variance / (n - 1.0).max(1.0)).sqrt();
        Estimate::normal(mean, error, "standard error of the mean")
    }

    /// The share `hits / of` of independent trials, with Wilson's interval (Wilson 1927), which stays within 0 and 1.
    ///
    /// # Panics
    /// Where `of` is 0.
    pub fn share(hits: usize, of: usize) -> Estimate {
        assert!(of > 0, "a share of nothing");
        let (n, p) = (of as f64, hits as f64 / of as f64);
        let square = Z_95 * Z_95;
        let middle = (p + square / (2.0 * n)) / (1.0 + square / n);
        let half = Z_95 / (1.0 + square / n) * (p * (1.0 - p) / n + square / (4.0 * n * n)).sqrt();
        Estimate {
            value: p,
            interval: Some(Interval {
                low: (middle - half).max(0.0).min(p),
                high: (middle + half).min(1.0).max(p),
                method: "Wilson".into(),
            }),
        }
    }

    /// A statistic of `n` examples, with the interval that resampling them gives: `statistic` is told which examples,
    /// repetitions included, and must be a pure function of them. The same seed gives the same interval.
    ///
    /// The 2.5 % on each side are cut off (Efron 1979), from 200 resamplings.
    pub fn bootstrap(n: usize, seed: u64, mut statistic: impl FnMut(&[usize]) -> f64) -> Estimate {
        let value = statistic(&(0..n).collect::<Vec<_>>());
        let mut chosen = vec![0; n];
        let mut values: Vec<f64> = (0..RESAMPLINGS as u64)
            .map(|k| {
                let draw = |(i, to): (usize, &mut usize)| *to = random::below(seed, k, i as u64, n);
                chosen.iter_mut().enumerate().for_each(draw);
                statistic(&chosen)
            })
            .collect();
        values.sort_by(f64::total_cmp);
        let cut = RESAMPLINGS / 40;
        Estimate {
            value,
            interval: Some(Interval {
                low: values[cut],
                high: values[RESAMPLINGS - 1 - cut],
                method: format!("bootstrap, {RESAMPLINGS} resamplings"),
            }),
        }
    }
}

/// Mean and biased variance.
///
/// # Panics
/// Where there are no numbers.
pub(super) fn moments(numbers: &[f64]) -> (f64, f64) {
    assert!(!numbers.is_empty(), "the mean of no numbers");
    let n = numbers.len() as f64;
    let mean = numbers.iter().sum::<f64>() / n;
    let variance = numbers.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
    (mean, variance)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn is(estimate: &Estimate, expected: [f64; 3]) {
        let interval = estimate.interval.as_ref().unwrap();
        for (got, expected) in [interval.low, estimate.value, interval.high].iter().zip(expected) {
            assert!((got - expected).abs() < 5e-4, "{estimate:?}");
        }
    }

    #[test]
    fn intervals_of_the_textbook() {
        // Mean 2, unbiased variance 1, standard error 1 / sqrt(3).
        is(&Estimate::mean(&[1.0, 2.0, 3.0]), [0.8684, 2.0, 3.1316]);
        // Wilson's interval for 4 of 10: centre (0.4 + 0.19208) / 1.38416, half 0.26079.
        is(&Estimate::share(4, 10), [0.1682, 0.4, 0.6873]);
        is(&Estimate::share(0, 10), [0.0, 0.0, 0.2775]);
        is(&Estimate::share(10, 10), [0.7225, 1.0, 1.0]);
    }

    #[test]
    fn resampling_a_mean_gives_about_its_standard_error() {
        let numbers: Vec<f64> = (0..400).map(|i| f64::from(i % 20)).collect();
        let mean = |chosen: &[usize]| chosen.iter().map(|&i| numbers[i]).sum::<f64>() / chosen.len() as f64;
        let found = Estimate::bootstrap(400, 0, mean);
        assert_eq!(found, Estimate::bootstrap(400, 0, mean));
        let (Interval { low, high, .. }, by_formula) = (found.interval.unwrap(), Estimate::mean(&numbers));
        let expected = by_formula.interval.unwrap();
        let ratio = (high - low) / (expected.high - expected.low);
        assert!((0.8..1.2).contains(&ratio), "{ratio}");
        assert!(low < found.value && found.value < high);
    }
}
