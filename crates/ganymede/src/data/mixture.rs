//! A mixture of normal distributions on the line, fitted by expectation and maximisation (Dempster et al. 1977), with as many
//! modes as the Bayesian information criterion (Schwarz 1978) asks for. CTGAN takes a variational mixture instead; both leave out
//! modes that the data do not pay for. Nothing is drawn: modes begin at the quantiles.

use serde::{Deserialize, Serialize};

/// A mode of a mixture.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Mode {
    /// Its share of the whole.
    pub share: f64,
    /// Its mean.
    pub mean: f64,
    /// Its standard deviation, above 0.
    pub std_dev: f64,
}

/// The most modes of a column.
const MOST_MODES: usize = 8;
/// Values that a fit looks at, spread evenly over the quantiles of more.
const MOST_VALUES: usize = 1000;
/// Rounds of expectation and maximisation.
const ROUNDS: usize = 60;
/// What a round must add to the logarithm of the likelihood for another one.
const ENOUGH: f64 = 0.01;
/// A mode's least standard deviation, in those of all values: no mode is a single value.
const NARROWEST: f64 = 0.01;

impl Mode {
    /// Its share of the density at `x`.
    pub fn density(&self, x: f64) -> f64 {
        let z = (x - self.mean) / self.std_dev;
        self.share * (-0.5 * z * z).exp() / (self.std_dev * std::f64::consts::TAU.sqrt())
    }
}

/// The modes of some values, at least one.
pub(crate) fn fit(values: &[f64]) -> Vec<Mode> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    if sorted.len() > MOST_VALUES {
        sorted = (0..MOST_VALUES)
            .map(|i| sorted[i * (sorted.len() - 1) / (MOST_VALUES - 1)])
            .collect();
    }
    let whole = moments(&sorted, |_| 1.0);
    let narrowest = (NARROWEST * whole.std_dev).max(f64::MIN_POSITIVE.sqrt());
    let mut best = (f64::INFINITY, vec![Mode { share: 1.0, ..whole }]);
    let mut in_vain = 0;
    for count in 1..=MOST_MODES.min(sorted.len() / 5) {
        let modes = fit_so_many(&sorted, count, narrowest);
        let parameters = (3 * count - 1) as f64;
        let criterion = parameters * (sorted.len() as f64).ln() - 2.0 * log_likelihood(&sorted, &modes);
        in_vain += 1;
        if criterion < best.0 {
            (best, in_vain) = ((criterion, modes), 0);
        }
        if in_vain == 2 {
            break;
        }
    }
    let mut modes = best.1;
    modes
        .iter_mut()
        .for_each(|mode| mode.std_dev = mode.std_dev.max(narrowest));
    modes
}

fn fit_so_many(sorted: &[f64], count: usize, narrowest: f64) -> Vec<Mode> {
    let length = sorted.len();
    let block = |k: usize| &sorted[k * length / count..(k + 1) * length / count];
    let mut modes: Vec<Mode> = (0..count).map(|k| moments(block(k), |_| 1.0)).collect();
    for mode in &mut modes {
        mode.share = 1.0 / count as f64;
        mode.std_dev = mode.std_dev.max(narrowest);
    }
    let mut likelihood = f64::NEG_INFINITY;
    for _ in 0..ROUNDS {
        let before = std::mem::replace(&mut likelihood, log_likelihood(sorted, &modes));
        if likelihood - before < ENOUGH {
            break;
        }
        // Of each value, the probability that it comes from each mode.
        let from: Vec<Vec<f64>> = sorted
            .iter()
            .map(|x| {
                let densities: Vec<f64> = modes.iter().map(|mode| mode.density(*x)).collect();
                let sum = densities.iter().sum::<f64>().max(f64::MIN_POSITIVE);
                densities.into_iter().map(|density| density / sum).collect()
            })
            .collect();
        for (k, mode) in modes.iter_mut().enumerate() {
            let fitted = moments(sorted, |i| from[i][k]);
            if fitted.share > 1e-9 {
                *mode = Mode {
                    share: fitted.share / length as f64,
                    std_dev: fitted.std_dev.max(narrowest),
                    ..fitted
                };
            }
        }
    }
    modes
}

/// Mean and standard deviation of weighted values; for the share, the sum of the weights.
fn moments(values: &[f64], weight: impl Fn(usize) -> f64) -> Mode {
    let sum = |f: &dyn Fn(usize) -> f64| (0..values.len()).map(|i| weight(i) * f(i)).sum::<f64>();
    let share = sum(&|_| 1.0);
    let least = share.max(f64::MIN_POSITIVE);
    let mean = sum(&|i| values[i]) / least;
    let variance = sum(&|i| (values[i] - mean).powi(2)) / least;
    Mode {
        share,
        mean,
        std_dev: variance.sqrt(),
    }
}

fn log_likelihood(values: &[f64], modes: &[Mode]) -> f64 {
    let density = |x: &f64| modes.iter().map(|mode| mode.density(*x)).sum::<f64>();
    values.iter().map(|x| density(x).max(f64::MIN_POSITIVE).ln()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::order::{hash, unit};

    /// Sums of twelve uniform numbers less six are nearly standard normal.
    fn normal(number: u64) -> f64 {
        (0..12).map(|k| unit(hash(number, k))).sum::<f64>() - 6.0
    }

    #[test]
    fn two_modes_are_found_again_and_no_third() {
        let value = |i: u64| match i % 4 {
            0 => -10.0 + 0.5 * normal(i),
            _ => 5.0 + 2.0 * normal(i),
        };
        let modes = fit(&(0..4000).map(value).collect::<Vec<_>>());
        assert_eq!(modes.len(), 2, "{modes:?}");
        for (mode, [share, mean, std_dev]) in modes.iter().zip([[0.25, -10.0, 0.5], [0.75, 5.0, 2.0]]) {
            assert!((mode.share - share).abs() < 0.02, "{mode:?}");
            assert!((mode.mean - mean).abs() < 0.15, "{mode:?}");
            assert!((mode.std_dev / std_dev - 1.0).abs() < 0.08, "{mode:?}");
        }
    }

    #[test]
    fn one_mode_is_enough_for_one() {
        assert_eq!(fit(&(0..500).map(normal).collect::<Vec<_>>()).len(), 1);
    }

    #[test]
    fn few_and_equal_values_have_a_mode_of_some_width() {
        for values in [&[3.0][..], &[3.0; 50], &[1e30, -1e30, 0.0]] {
            let modes = fit(values);
            assert!(!modes.is_empty());
            assert!(modes.iter().all(|mode| mode.std_dev > 0.0), "{modes:?}");
        }
    }
}
