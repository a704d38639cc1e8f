//! Scores as probabilities: Platt's sigmoid, and how far probabilities are from what happens.
//!
//! Platt 1999, "Probabilistic Outputs for Support Vector Machines"; Guo, Pleiss, Sun and Weinberger 2017, "On Calibration of Modern
//! Neural Networks", arXiv:1706.04599, equation 3.
//!
//! ```text
//! P(fake | score) = sigmoid(a score + b)                    a, b by logistic regression on pictures that were held out
//! ECE = sum_m |B_m| / n |mean of p in B_m - share of fakes in B_m|       B_m: ten bins of p
//! ```
use crate::metrics::Logistic;
use serde::{Deserialize, Serialize};

/// From scores to probabilities.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Platt {
    scale: f64,
    plane: Logistic,
}

impl Platt {
    /// From scores of held-out real pictures and fakes, each kind counting as much.
    ///
    /// # Panics
    /// Where there are none of one kind.
    pub fn fit(real: &[f32], fake: &[f32]) -> Platt {
        assert!(!real.is_empty() && !fake.is_empty(), "calibration: nothing to fit");
        let all = [real, fake].concat();
        let square = all.iter().map(|score| f64::from(*score).powi(2)).sum::<f64>() / all.len() as f64;
        let scale = square.sqrt().max(1e-9);
        let scaled: Vec<f32> = all.iter().map(|score| (f64::from(*score) / scale) as f32).collect();
        let sides: Vec<f32> = (0..all.len())
            .map(|i| if i < real.len() { -1.0 } else { 1.0 })
            .collect();
        Platt {
            scale,
            plane: Logistic::fit(&scaled, &sides, 1),
        }
    }

    /// The probability of a fake, where as many are fakes as not.
    pub fn probability(&self, score: f32) -> f64 {
        1.0 / (1.0 + (-self.plane.height(&[(f64::from(score) / self.scale) as f32])).exp())
    }
}

/// The expected calibration error of probabilities, over ten bins.
///
/// # Panics
/// Where there are none.
pub fn expected_error(real: &[f64], fake: &[f64]) -> f64 {
    let mut bins = [(0.0, 0.0, 0.0); 10];
    let all = real.iter().map(|p| (*p, 0.0)).chain(fake.iter().map(|p| (*p, 1.0)));
    for (p, is_fake) in all {
        let bin = &mut bins[((p * 10.0) as usize).min(9)];
        *bin = (bin.0 + p, bin.1 + is_fake, bin.2 + 1.0);
    }
    let count = (real.len() + fake.len()) as f64;
    assert!(count > 0.0, "calibration: no probabilities");
    bins.iter()
        .map(|(said, happened, _)| (said - happened).abs())
        .sum::<f64>()
        / count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_by_hand() {
        // In the bin of 0.8: three are said to be fakes 0.8 times each, two are. In that of 0.1: one of one is not.
        let error = expected_error(&[0.8, 0.1], &[0.8, 0.8]);
        assert!((error - (0.4 + 0.1) / 4.0).abs() < 1e-12, "{error}");
        assert_eq!(expected_error(&[0.0; 3], &[1.0; 3]), 0.0);
    }

    #[test]
    fn scores_that_mean_nothing_are_a_coin_toss() {
        let same: Vec<f32> = (0..50).map(|i| i as f32).collect();
        let platt = Platt::fit(&same, &same);
        assert!((platt.probability(10.0) - 0.5).abs() < 0.02);
        // Overlapping scores: the more, the likelier, and sure only far outside.
        let platt = Platt::fit(&[-2.0, -1.0, 0.0, 1.0], &[-1.0, 0.0, 1.0, 2.0]);
        let [low, middle, high] = [-3.0, 0.0, 3.0].map(|score| platt.probability(score));
        assert!(
            low < 0.2 && (middle - 0.5).abs() < 0.02 && high > 0.8,
            "{low} {middle} {high}"
        );
    }
}
