//! The Frechet distance between two sets of feature vectors, each taken for a sample of a normal distribution.
//!
//! Dowson and Landau 1982, "The Frechet Distance between Multivariate Normal Distributions"; as a measure of generators,
//! Heusel et al. 2017, "GANs Trained by a Two Time-Scale Update Rule", arXiv:1706.08500, equation 6:
//!
//! ```text
//! |mean_1 - mean_2|^2 + tr(C_1 + C_2 - 2 (C_1 C_2)^(1/2))
//! ```
//!
//! With any F for which C_1 = F F^T, the trace of the root is that of `(F^T C_2 F)^(1/2)`, which is symmetric: nothing
//! complex can arise, and covariances without full rank do no harm.
//!
//! The distance of a finite sample is too large, by an amount that falls as 1 / n and differs from generator to generator.
//! [`Gaussian::extrapolated`] takes it to infinity (Chong and Forsyth 2020, "Effectively Unbiased FID and Inception Score",
//! arXiv:1911.07023): a line through the distances of smaller samples against 1 / n.
use super::estimate::Estimate;
use super::{matrix, random};
use std::sync::OnceLock;

/// Eigenvalues below this share of the largest are rounding.
const NEGLIGIBLE: f64 = 1e-14;

/// Samples of different size that a distance is extrapolated from, as in the paper.
const EXTRAPOLATION_POINTS: usize = 15;

/// Mean and covariance of a set of feature vectors.
#[derive(Clone, Debug)]
pub struct Gaussian {
    count: usize,
    /// `[dimension]`
    mean: Vec<f64>,
    /// `[dimension, dimension]`
    covariance: Vec<f64>,
    /// `[dimension, rank]` and the rank: F above.
    factor: OnceLock<(Vec<f64>, usize)>,
}

impl Gaussian {
    /// Mean and unbiased covariance of `features [n, dimension]`.
    ///
    /// # Panics
    /// Where the features are not whole vectors, or fewer than two.
    pub fn of(features: &[f32], dimension: usize) -> Gaussian {
        Gaussian::of_chosen(features, dimension, None).0
    }

    /// The distribution of all vectors or some of them, and how each of them departs from the mean, `[n, dimension]`.
    fn of_chosen(features: &[f32], dimension: usize, chosen: Option<&[usize]>) -> (Gaussian, Vec<f64>) {
        let all = matrix::count(features, dimension);
        let count = chosen.map_or(all, <[usize]>::len);
        assert!(count >= 2, "frechet: expected two or more vectors, got {count}");
        let row = |i: usize| {
            let i = chosen.map_or(i, |chosen| chosen[i]);
            &features[i * dimension..][..dimension]
        };
        let mut mean = vec![0.0; dimension];
        for i in 0..count {
            mean.iter_mut().zip(row(i)).for_each(|(sum, x)| *sum += f64::from(*x));
        }
        mean.iter_mut().for_each(|sum| *sum /= count as f64);
        let mut departures = Vec::with_capacity(count * dimension);
        for i in 0..count {
            departures.extend(row(i).iter().zip(&mean).map(|(x, mean)| f64::from(*x) - mean));
        }
        let mut covariance = matrix::gram(&departures, dimension);
        covariance.iter_mut().for_each(|sum| *sum /= (count - 1) as f64);
        let gaussian = Gaussian {
            count,
            mean,
            covariance,
            factor: OnceLock::new(),
        };
        (gaussian, departures)
    }

    /// Numbers in a feature vector.
    pub fn dimension(&self) -> usize {
        self.mean.len()
    }

    /// Whether there are too few vectors for a covariance of full rank: the distance then says little.
    pub fn is_too_small(&self) -> bool {
        self.count <= self.dimension()
    }

    /// The Frechet distance to another distribution; not negative, 0 for itself.
    ///
    /// # Panics
    /// Where the dimensions differ.
    pub fn distance(&self, other: &Gaussian) -> f64 {
        let (between, rank) = self.between(other);
        let root: f64 = matrix::eigenvalues(&between, rank).into_iter().map(root).sum();
        self.with_trace_of_root(other, root)
    }

    /// The Frechet distance of `made [n, dimension]` from this distribution, with the interval that the choice of the n
    /// gives it by the delta method: the distance is a smooth function of means, whose derivative by each example is known
    /// (the gradient with respect to C_2 is `I - F (F^T C_2 F)^(-1/2) F^T`).
    ///
    /// # Panics
    /// Where the features are not whole vectors of this dimension, or fewer than two.
    pub fn distance_of(&self, made: &[f32]) -> Estimate {
        let d = self.dimension();
        let (other, departures) = Gaussian::of_chosen(made, d, None);
        let (between, rank) = self.between(&other);
        let (values, vectors) = matrix::eigen(&between, rank);
        let trace_of_root = values.iter().copied().map(root).sum();
        let value = self.with_trace_of_root(&other, trace_of_root);
        // Columns of the projection P for which P P^T = F (F^T C_2 F)^(-1/2) F^T.
        let largest = values.last().copied().unwrap_or(0.0);
        let scales: Vec<f64> = values
            .iter()
            .map(|&value| {
                if value > NEGLIGIBLE * largest {
                    value.powf(-0.25)
                } else {
                    0.0
                }
            })
            .collect();
        let scaled: Vec<f64> = vectors
            .iter()
            .enumerate()
            .map(|(ij, v)| v * scales[ij % rank])
            .collect();
        let projection = matrix::product(self.factor().0.as_slice(), &scaled, [d, rank, rank]);
        let projected = matrix::product(&departures, &projection, [other.count, d, rank]);
        let shift: Vec<f64> = other.mean.iter().zip(&self.mean).map(|(a, b)| 2.0 * (a - b)).collect();
        let square = |v: &[f64]| v.iter().map(|x| x * x).sum::<f64>();
        let influences: Vec<f64> = departures
            .chunks_exact(d)
            .zip(projected.chunks_exact(rank))
            .map(|(x, p)| x.iter().zip(&shift).map(|(x, s)| x * s).sum::<f64>() + square(x) - square(p))
            .collect();
        let error = (super::estimate::moments(&influences).1 / other.count as f64).sqrt();
        Estimate::normal(value, error, "delta method")
    }

    /// The distance that infinitely many examples would have from this distribution, extrapolated from samples of `made
    /// [n, dimension]` that the seed chooses; the interval is that of the line's end. `None` where there are fewer than
    /// four times as many examples as dimensions, from which no line can be trusted.
    ///
    /// # Panics
    /// Where the features are not whole vectors of this dimension.
    pub fn extrapolated(&self, made: &[f32], seed: u64) -> Option<Estimate> {
        let (n, d) = (matrix::count(made, self.dimension()), self.dimension());
        if n < 4 * d || n < 10 * EXTRAPOLATION_POINTS {
            return None;
        }
        let least = (n / 10).max(2 * d);
        let points: Vec<(f64, f64)> = (0..EXTRAPOLATION_POINTS)
            .map(|k| {
                let count = least + (n - least) * k / (EXTRAPOLATION_POINTS - 1);
                let chosen = random::choose(seed, k as u64, n, count);
                let (part, _) = Gaussian::of_chosen(made, d, Some(&chosen));
                (1.0 / count as f64, self.distance(&part))
            })
            .collect();
        Some(line_at_zero(&points))
    }

    /// `F^T C_other F`, `[rank, rank]`, and the rank.
    fn between(&self, other: &Gaussian) -> (Vec<f64>, usize) {
        let d = self.dimension();
        assert_eq!(d, other.dimension(), "frechet: dimensions differ");
        let (factor, rank) = self.factor();
        let right = matrix::product(&other.covariance, factor, [d, d, *rank]);
        let transposed: Vec<f64> = (0..rank * d).map(|ij| factor[ij % d * rank + ij / d]).collect();
        (matrix::product(&transposed, &right, [*rank, d, *rank]), *rank)
    }

    fn factor(&self) -> &(Vec<f64>, usize) {
        self.factor.get_or_init(|| {
            let d = self.dimension();
            let (values, vectors) = matrix::eigen(&self.covariance, d);
            let largest = values.last().copied().unwrap_or(0.0);
            // The last is kept whatever it is, so that there is a column.
            let kept: Vec<usize> = (0..d)
                .filter(|&j| j + 1 == d || values[j] > NEGLIGIBLE * largest)
                .collect();
            let row = |i: usize| kept.iter().map(move |&j| (i, j));
            let factor = (0..d).flat_map(row).map(|(i, j)| vectors[i * d + j] * root(values[j]));
            (factor.collect(), kept.len())
        })
    }

    fn with_trace_of_root(&self, other: &Gaussian, trace_of_root: f64) -> f64 {
        let d = self.dimension();
        let trace = |g: &Gaussian| (0..d).map(|i| g.covariance[i * (d + 1)]).sum::<f64>();
        let shift: f64 = self.mean.iter().zip(&other.mean).map(|(a, b)| (a - b).powi(2)).sum();
        (shift + trace(self) + trace(other) - 2.0 * trace_of_root).max(0.0)
    }
}

/// The Frechet distance between two sets of features, `[n, dimension]` and `[m, dimension]`.
///
/// ```
/// use ganymede::metrics::frechet_distance;
///
/// // Means 0 and 3, variances 2 and 8: 3^2 + (sqrt(2) - sqrt(8))^2.
/// let distance = frechet_distance(&[-1.0, 1.0], &[1.0, 5.0], 1);
/// assert!((distance - 11.0).abs() < 1e-12);
/// ```
///
/// # Panics
/// Where a set does not hold two or more whole vectors.
pub fn frechet_distance(a: &[f32], b: &[f32], dimension: usize) -> f64 {
    Gaussian::of(a, dimension).distance(&Gaussian::of(b, dimension))
}

/// Rounding may have made small eigenvalues negative; they are 0.
fn root(eigenvalue: f64) -> f64 {
    eigenvalue.max(0.0).sqrt()
}

/// The line of least squares through points `(x, y)`, at x = 0.
fn line_at_zero(points: &[(f64, f64)]) -> Estimate {
    let n = points.len() as f64;
    let mean = |f: &dyn Fn(&(f64, f64)) -> f64| points.iter().map(f).sum::<f64>() / n;
    let (x, y) = (mean(&|p| p.0), mean(&|p| p.1));
    let spread: f64 = points.iter().map(|p| (p.0 - x).powi(2)).sum();
    let slope = points.iter().map(|p| (p.0 - x) * (p.1 - y)).sum::<f64>() / spread;
    let residuals: f64 = points.iter().map(|p| (p.1 - y - slope * (p.0 - x)).powi(2)).sum();
    let error = (residuals / (n - 2.0) * (1.0 / n + x * x / spread)).sqrt();
    Estimate::normal(y - slope * x, error, "least squares")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::estimate::moments;

    fn gaussian(mean: &[f64], rows: &[f64]) -> Gaussian {
        Gaussian {
            count: 100,
            mean: mean.to_vec(),
            covariance: rows.to_vec(),
            factor: OnceLock::new(),
        }
    }

    #[test]
    fn means_and_covariances_are_those_of_the_textbook() {
        let g = Gaussian::of(&[1.0, 0.0, 3.0, 2.0, 2.0, 4.0], 2);
        assert_eq!((g.mean, g.covariance), (vec![2.0, 2.0], vec![1.0, 1.0, 1.0, 4.0]));
    }

    #[test]
    fn diagonal_covariances_are_one_dimension_after_another() {
        let a = gaussian(&[0.0, 1.0], &[4.0, 0.0, 0.0, 9.0]);
        let b = gaussian(&[2.0, 1.0], &[1.0, 0.0, 0.0, 25.0]);
        // 2^2 + (2 - 1)^2 + (3 - 5)^2
        assert!((a.distance(&b) - 9.0).abs() < 1e-12);
    }

    #[test]
    fn a_two_by_two_case_by_hand() {
        // For two by two, tr(M^(1/2)) = sqrt(tr(M) + 2 sqrt(det(M))); M = C_1 C_2 = [[5, 4], [4, 5]], det 9.
        let a = gaussian(&[0.0, 0.0], &[2.0, 1.0, 1.0, 2.0]);
        let expected = 8.0 - 2.0 * (10.0_f64 + 6.0).sqrt();
        assert!((a.distance(&a) - expected).abs() < 1e-12 && expected == 0.0);
        // With C_2 = diag(1, 4): det(C_1 C_2) = 12, tr(C_1 C_2) = 2 + 8.
        let b = gaussian(&[0.0, 0.0], &[1.0, 0.0, 0.0, 4.0]);
        let expected = 4.0 + 5.0 - 2.0 * (10.0 + 2.0 * 12.0_f64.sqrt()).sqrt();
        assert!((a.distance(&b) - expected).abs() < 1e-12);
        assert!((b.distance(&a) - expected).abs() < 1e-12);
    }

    #[test]
    fn features_that_never_vary_do_no_harm() {
        let a: Vec<f32> = (0..20).flat_map(|i| [i as f32, 0.0, 2.0 * i as f32]).collect();
        let b: Vec<f32> = a.chunks(3).flat_map(|v| [v[0] + 1.0, 2.0, v[2] - 2.0]).collect();
        assert!(frechet_distance(&a, &a, 3) < 1e-9);
        assert!((frechet_distance(&a, &b, 3) - 9.0).abs() < 1e-6);
        let still = vec![1.0; 30];
        assert_eq!(frechet_distance(&still, &still, 3), 0.0);
        assert_eq!(Gaussian::of(&still, 3).distance_of(&still).value, 0.0);
    }

    #[test]
    fn fewer_vectors_than_dimensions_are_told() {
        assert!(Gaussian::of(&random::normal(0, 0, 3 * 3), 3).is_too_small());
        assert!(!Gaussian::of(&random::normal(0, 0, 4 * 3), 3).is_too_small());
    }

    #[test]
    fn the_interval_is_as_wide_as_many_samples_scatter() {
        // Two dimensions, 300 examples, again and again.
        let real = gaussian(&[0.0, 0.0], &[1.0, 0.3, 0.3, 2.0]);
        let drawn: Vec<Estimate> = (0..200)
            .map(|stream| {
                let mut made = random::normal(7, stream, 600);
                made.chunks_exact_mut(2)
                    .for_each(|p| (p[0], p[1]) = (1.5 * p[0] + 0.4, p[1] - 0.5 * p[0]));
                real.distance_of(&made)
            })
            .collect();
        let values: Vec<f64> = drawn.iter().map(|estimate| estimate.value).collect();
        let scatter = moments(&values).1.sqrt();
        let interval = drawn[0].interval.as_ref().unwrap();
        let told = (interval.high - interval.low) / (2.0 * 1.96);
        assert!((told / scatter - 1.0).abs() < 0.2, "{told} {scatter}");
    }

    #[test]
    fn extrapolation_takes_the_bias_away() {
        // Samples of the same distribution: the true distance is 0, that of a finite sample is not.
        let d = 16;
        let mut identity = vec![0.0; d * d];
        (0..d).for_each(|i| identity[i * (d + 1)] = 1.0);
        let real = gaussian(&vec![0.0; d], &identity);
        let made = random::normal(3, 0, 1000 * d);
        let finite = real.distance_of(&made).value;
        let infinite = real.extrapolated(&made, 0).unwrap();
        // About (d + d (d + 1) / 4) / n.
        assert!((0.05..0.12).contains(&finite), "{finite}");
        assert!(infinite.value.abs() < finite / 3.0, "{infinite:?} {finite}");
        assert_eq!(real.extrapolated(&made[..63 * d], 0), None);
    }

    #[test]
    fn lines_meet_the_axis() {
        let exact = line_at_zero(&[(1.0, 5.0), (2.0, 7.0), (3.0, 9.0)]);
        assert!((exact.value - 3.0).abs() < 1e-12);
        // Residuals 1/6, -1/3, 1/6; s^2 = 1/6; error^2 = (1/3 + 4/2) / 6.
        let off = line_at_zero(&[(1.0, 1.0), (2.0, 1.0), (3.0, 2.0)]);
        let half = 1.959_963_984_540_054 * (7.0_f64 / 18.0).sqrt();
        assert!((off.value - 1.0 / 3.0).abs() < 1e-12);
        assert!((off.interval.unwrap().high - 1.0 / 3.0 - half).abs() < 1e-12);
    }
}
