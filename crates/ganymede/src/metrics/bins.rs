//! The number of statistically different bins: in how many regions of the space samples are too many or too few.
//!
//! Richardson and Weiss 2018, "On GANs and GMMs", arXiv:1805.12462, section 4: real examples are divided into bins by
//! k-means, samples are put into the nearest, and the two shares of a bin are compared by the two-proportion z-test. 1 of 20
//! bins differs by chance; where modes are missing, many do.
use super::estimate::Estimate;
use super::k_means::{cells_of, k_means};

/// The two-sided 5 % point of the normal distribution.
const THRESHOLD: f64 = 1.959_963_984_540_054;

/// Bins and what fell into them.
#[derive(Clone, Debug, PartialEq)]
pub struct Bins {
    /// Share of bins that are statistically different: NDB / k. About 0.05 where the distributions are the same.
    pub different: Estimate,
    /// The Jensen-Shannon divergence between the two histograms, in nats: 0 to ln 2.
    pub divergence: f64,
}

/// Compares `made [m, dimension]` with `real [n, dimension]` over `k` bins.
///
/// # Panics
/// Where the numbers are not whole vectors, or there are fewer than `k` real ones or no made ones.
pub fn different_bins(real: &[f32], made: &[f32], dimension: usize, k: usize, seed: u64) -> Bins {
    let centres = k_means(real, dimension, k, seed);
    let histogram = |set| {
        let mut counts = vec![0; k];
        cells_of(set, &centres, dimension)
            .into_iter()
            .for_each(|cell| counts[cell] += 1);
        counts
    };
    compare(&histogram(real), &histogram(made))
}

/// Compares two histograms.
///
/// # Panics
/// Where one is empty.
pub fn compare(real: &[usize], made: &[usize]) -> Bins {
    let [n, m] = [real, made].map(|counts| counts.iter().sum::<usize>() as f64);
    assert!(n > 0.0 && m > 0.0, "bins: nothing in them");
    let shares = || real.iter().zip(made).map(|(&a, &b)| (a as f64 / n, b as f64 / m));
    let is_different = |(p, q): (f64, f64)| {
        let pooled = (p * n + q * m) / (n + m);
        let error = (pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m)).sqrt();
        (p - q).abs() > THRESHOLD * error
    };
    let half = |p: f64, q: f64| {
        if p > 0.0 {
            0.5 * p * (2.0 * p / (p + q)).ln()
        } else {
            0.0
        }
    };
    Bins {
        different: Estimate::share(shares().filter(|pair| is_different(*pair)).count(), real.len()),
        divergence: shares().map(|(p, q)| half(p, q) + half(q, p)).sum(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::random;

    #[test]
    fn shares_by_hand() {
        // Bin 1: 50/100 against 64/100: pooled 0.57, error 0.0700, z = 2.0; bin 2: 30 and 30; bin 3: 20 and 6: z = 2.94.
        let bins = compare(&[50, 30, 20], &[64, 30, 6]);
        assert_eq!(bins.different.value, 2.0 / 3.0);
        // 50 against 63: z = 1.85.
        assert_eq!(compare(&[50, 50], &[63, 37]).different.value, 0.0);
        assert!((compare(&[5, 0], &[0, 9]).divergence - 2.0_f64.ln()).abs() < 1e-12);
        assert_eq!(compare(&[4, 4], &[1, 1]).divergence, 0.0);
    }

    #[test]
    fn a_missing_part_is_seen_and_chance_is_not() {
        let sets = [0, 1].map(|stream| random::normal(6, stream, 4000));
        let same = different_bins(&sets[0], &sets[1], 2, 20, 0);
        assert!(same.different.value <= 0.2, "{same:?}");
        let half: Vec<f32> = sets[1].chunks_exact(2).flat_map(|p| [p[0].abs(), p[1]]).collect();
        let missing = different_bins(&sets[0], &half, 2, 20, 0);
        assert!(missing.different.value > 0.7, "{missing:?}");
    }
}
