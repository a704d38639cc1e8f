//! Fidelity and variety apart: how many samples lie where real examples do, and how many real examples lie where samples
//! do. Both sets are taken for unions of balls around each vector that reach to its k-th nearest neighbour.
//!
//! - precision and recall: Kynkaanniemi et al. 2019, "Improved Precision and Recall Metric for Assessing Generative
//!   Models", arXiv:1904.06991: the share of samples within a ball of a real example, and the other way round.
//! - density and coverage: Naeem et al. 2020, "Reliable Fidelity and Diversity Metrics for Generative Models",
//!   arXiv:2002.09797: the number of real balls that a sample lies in, over k; the share of real balls with a sample in them.
//!   An outlier among the real examples, whose ball is large, spoils precision but not these.
use super::estimate::Estimate;
use super::{matrix, neighbours};
use rayon::prelude::*;

/// Four shares of one pass over all distances.
#[derive(Clone, Debug, PartialEq)]
pub struct Fidelity {
    /// Share of samples that look real.
    pub precision: Estimate,
    /// Share of real examples that could have been generated.
    pub recall: Estimate,
    /// How densely real examples lie around a sample; 1 for samples like real examples, and it may be more.
    pub density: Estimate,
    /// Share of real examples that have a sample near by.
    pub coverage: Estimate,
}

/// Precision, recall, density and coverage of `made [m, dimension]` against `real [n, dimension]`, with balls that reach to
/// the `k`-th nearest neighbour (papers: 3 for precision and recall, 5 for density and coverage).
///
/// # Panics
/// Where the numbers are not whole vectors, or a set holds no more than `k`.
pub fn precision_recall(real: &[f32], made: &[f32], dimension: usize, k: usize) -> Fidelity {
    let radii = |set| -> Vec<f64> {
        let found = neighbours::nearest_others(set, dimension, k);
        found.radii().map(|radius| radius * radius).collect()
    };
    let (real_radii, made_radii) = (radii(real), radii(made));
    let m = made_radii.len();
    // Of each sample: the real balls it lies in.
    let mut balls = vec![0_u32; m];
    let (mut recalled, mut covered) = (0, 0);
    matrix::squared_distances(real, made, dimension, |first, part| {
        let rows = part.len() / m;
        let reach = &real_radii[first..first + rows];
        let (recalls, covers): (Vec<bool>, Vec<bool>) = part
            .par_chunks_exact(m)
            .zip(reach)
            .map(|(row, reach)| {
                let is_recalled = row.iter().zip(&made_radii).any(|(distance, radius)| distance <= radius);
                (is_recalled, row.iter().any(|distance| distance <= reach))
            })
            .unzip();
        recalled += recalls.into_iter().filter(|is| *is).count();
        covered += covers.into_iter().filter(|is| *is).count();
        balls.par_iter_mut().enumerate().for_each(|(j, balls)| {
            let within = (0..rows).filter(|i| part[i * m + j] <= reach[*i]);
            *balls += within.count() as u32;
        });
    });
    let n = real_radii.len();
    let densities: Vec<f64> = balls.iter().map(|&balls| f64::from(balls) / k as f64).collect();
    Fidelity {
        precision: Estimate::share(balls.iter().filter(|&&balls| balls > 0).count(), m),
        recall: Estimate::share(recalled, n),
        density: Estimate::mean(&densities),
        coverage: Estimate::share(covered, n),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::random;

    #[test]
    fn a_case_by_hand() {
        // Radii of real 0, 1, 3, 10: 1, 1, 2, 7; of made 0.5, 4, 30: 3.5, 3.5, 26.
        let found = precision_recall(&[0.0, 1.0, 3.0, 10.0], &[0.5, 4.0, 30.0], 1, 1);
        // 0.5 lies in the balls of 0 and 1; 4 in those of 3 and 10; 30 in none.
        assert_eq!(found.precision.value, 2.0 / 3.0);
        assert_eq!(found.density.value, 4.0 / 3.0);
        // 30's ball reaches down to 4, 0.5's from -3 to 4.
        assert_eq!(found.recall.value, 1.0);
        assert_eq!(found.coverage.value, 1.0);
        let collapsed = precision_recall(&[0.0, 1.0, 5.0, 6.0], &[0.25, 0.375, 0.5], 1, 1);
        assert_eq!((collapsed.precision.value, collapsed.coverage.value), (1.0, 0.5));
        assert_eq!(collapsed.recall.value, 0.0);
    }

    #[test]
    fn one_distribution_covers_itself() {
        let sets = [0, 1].map(|stream| random::normal(2, stream, 1200 * 3));
        let found = precision_recall(&sets[0], &sets[1], 3, 5);
        assert!((found.density.value - 1.0).abs() < 0.1, "{found:?}");
        // Naeem et al., proposition 3: 1 - 1/2^k for sets of equal size.
        assert!(
            (found.coverage.value - (1.0 - 0.5_f64.powi(5))).abs() < 0.02,
            "{found:?}"
        );
        assert!(found.precision.value > 0.9 && found.recall.value > 0.9);
    }
}
