//! The inception score: whether a classifier is sure of each picture and sees all classes over many.
//!
//! Salimans et al. 2016, "Improved Techniques for Training GANs", arXiv:1606.03498, section 4: `exp(mean KL(p(y|x) || p(y)))`,
//! from 1 to the number of classes. It never looks at real pictures and depends on the classifier: only Inception's is the
//! one of papers.
use super::estimate::{Estimate, moments};
use super::matrix;

/// The score of class `logits [n, classes]`: mean over `splits` consecutive parts, with the standard error over them. The
/// usual error bar is the standard deviation, the second value.
///
/// # Panics
/// Where the logits are not whole vectors, or fewer than `splits`, or there are no splits.
pub fn inception_score(logits: &[f32], classes: usize, splits: usize) -> (Estimate, f64) {
    let n = matrix::count(logits, classes);
    assert!(
        splits > 0 && n >= splits,
        "inception score: {n} pictures in {splits} parts"
    );
    let scores: Vec<f64> = (0..splits)
        .map(|part| {
            let rows = part * n / splits..(part + 1) * n / splits;
            score(&logits[rows.start * classes..rows.end * classes], classes)
        })
        .collect();
    let (mean, variance) = moments(&scores);
    let mut estimate = Estimate::mean(&scores);
    if splits == 1 {
        estimate.interval = None;
    }
    estimate.value = mean;
    (estimate, variance.sqrt())
}

fn score(logits: &[f32], classes: usize) -> f64 {
    let n = (logits.len() / classes) as f64;
    let mut marginal = vec![0.0; classes];
    let mut negative_entropy = 0.0;
    for row in logits.chunks_exact(classes) {
        let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let weights: Vec<f64> = row.iter().map(|x| (f64::from(*x) - f64::from(largest)).exp()).collect();
        let total: f64 = weights.iter().sum();
        for (sum, weight) in marginal.iter_mut().zip(&weights) {
            let p = weight / total;
            *sum += p / n;
            negative_entropy += plogp(p) / n;
        }
    }
    (negative_entropy - marginal.iter().copied().map(plogp).sum::<f64>()).exp()
}

fn plogp(p: f64) -> f64 {
    if p > 0.0 { p * p.ln() } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sure_and_all_classes_is_the_number_of_classes() {
        let logits: Vec<f32> = (0..30)
            .flat_map(|i| [0, 1, 2].map(|c| if c == i % 3 { 1e3 } else { 0.0 }))
            .collect();
        let (score, std_dev) = inception_score(&logits, 3, 10);
        assert!((score.value - 3.0).abs() < 1e-12 && std_dev < 1e-12);
    }

    #[test]
    fn one_class_or_no_idea_is_one() {
        assert!((inception_score(&[9.0, 0.0, 9.0, 0.0], 2, 1).0.value - 1.0).abs() < 1e-12);
        assert!((inception_score(&[0.0, 0.0, 5.0, 5.0], 2, 1).0.value - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_case_by_hand() {
        // p = (3/4, 1/4) and (1/4, 3/4): mean (1/2, 1/2), so ln 2 - H(1/4).
        let l = 3.0_f32.ln();
        let expected = (2.0_f64.ln() + 0.75 * 0.75_f64.ln() + 0.25 * 0.25_f64.ln()).exp();
        let got = inception_score(&[l, 0.0, 0.0, l], 2, 1).0;
        assert!((got.value - expected).abs() < 1e-7, "{got:?} {expected}");
        assert_eq!(got.interval, None);
    }
}
