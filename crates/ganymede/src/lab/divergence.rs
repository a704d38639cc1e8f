//! How far samples in the plane are from the data: exactly by transport, and by the cells of a grid.
//!
//! ```text
//! W_1        the cheapest way to move samples onto points, a mean distance
//! KL(p, q) = sum p log(p / q)                 over the cells; p the data's, q the samples' shares
//! JS(p, q) = KL(p, m) / 2 + KL(q, m) / 2,     m = (p + q) / 2
//! ```
use super::{Distribution, MEASURED};
use crate::metrics::wasserstein_1;

/// Cells along a side of the grid; what lies outside counts in the outermost ones.
const CELLS: usize = 24;
/// What each cell has of samples before the first: without it KL is infinite wherever a cell of the data has no sample.
const PRIOR: f64 = 0.05;
/// Points that the data's shares are counted from.
const COUNTED: usize = 32_768;
/// What keeps these points apart from those that are learnt.
const STREAM: u64 = 0xd1f7_e2e5;

/// A distribution as samples are compared with it.
#[derive(Clone, Debug)]
pub struct Divergences {
    reach: f32,
    points: Vec<f32>,
    shares: Vec<f64>,
}

impl Divergences {
    /// Samples that are moved onto as many points.
    pub const MOVED: usize = 192;

    /// Draws from the distribution what it is compared by.
    pub fn new(distribution: &Distribution, seed: u64) -> Divergences {
        let points = distribution.points(seed ^ STREAM, 0, COUNTED);
        let reach = distribution.reach();
        Divergences {
            reach,
            shares: shares(&points, reach, 0.0),
            points: points[..2 * Self::MOVED].to_vec(),
        }
    }

    /// The exact 1-Wasserstein distance between the first [`MOVED`](Self::MOVED) samples `[n, 2]` and as many points.
    ///
    /// # Panics
    /// Where there are fewer samples, or they are not finite.
    pub fn wasserstein(&self, samples: &[f32]) -> f64 {
        wasserstein_1(&samples[..2 * Self::MOVED], &self.points, 2)
    }

    /// KL(data, samples) over the cells, in nats.
    pub fn kl(&self, samples: &[f32]) -> f64 {
        divergence(&self.shares, &shares(samples, self.reach, PRIOR))
    }

    /// The Jensen-Shannon divergence over the cells, in nats.
    pub fn js(&self, samples: &[f32]) -> f64 {
        let shares = shares(samples, self.reach, 0.0);
        let middle: Vec<f64> = self.shares.iter().zip(&shares).map(|(p, q)| 0.5 * (p + q)).collect();
        0.5 * (divergence(&self.shares, &middle) + divergence(&shares, &middle))
    }
}

/// The share of points `[n, 2]` in every cell of the square from -reach to reach.
fn shares(points: &[f32], reach: f32, prior: f64) -> Vec<f64> {
    let mut counts = vec![prior; CELLS * CELLS];
    let cell = |x: f32| {
        let along = (x / reach + 1.0) * 0.5 * CELLS as f32;
        (along.max(0.0) as usize).min(CELLS - 1)
    };
    for point in points.chunks_exact(2) {
        counts[cell(point[1]) * CELLS + cell(point[0])] += 1.0;
    }
    let all: f64 = counts.iter().sum();
    counts.iter().map(|count| count / all).collect()
}

fn divergence(p: &[f64], q: &[f64]) -> f64 {
    let terms = p.iter().zip(q).filter(|(p, _)| **p > 0.0);
    terms.map(|(p, q)| p * (p / q).ln()).sum::<f64>().max(0.0)
}

const _: () = assert!(Divergences::MOVED <= MEASURED);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn divergences_by_hand() {
        let (p, q) = ([0.5, 0.5, 0.0], [0.25, 0.5, 0.25]);
        assert!((divergence(&p, &q) - 0.5 * 2.0_f64.ln()).abs() < 1e-12);
        assert_eq!(divergence(&p, &p), 0.0);
    }

    #[test]
    fn the_same_distribution_is_near_and_another_is_log_two_away() {
        let known = Divergences::new(&Distribution::named("gaussian").unwrap(), 0);
        let same = Distribution::named("gaussian").unwrap().points(77, 0, MEASURED);
        let far: Vec<f32> = (0..MEASURED)
            .flat_map(|i| [2.5, -2.5 + (i % 7) as f32 * 1e-3])
            .collect();
        assert!(known.js(&same) < 0.02, "{}", known.js(&same));
        assert!(known.kl(&same) < 0.1, "{}", known.kl(&same));
        assert!((known.js(&far) - 2.0_f64.ln()).abs() < 1e-9);
        assert!(known.kl(&far) > 4.0);
        assert!(known.wasserstein(&same) < 0.15 && known.wasserstein(&far) > 2.0);
    }

    #[test]
    fn what_lies_outside_counts_at_the_edge() {
        let shares = shares(&[1e30, -1e30, 0.1, 0.1], 3.0, 0.0);
        assert_eq!(shares[CELLS - 1], 0.5);
        assert_eq!(shares[CELLS / 2 * CELLS + CELLS / 2], 0.5);
    }
}
