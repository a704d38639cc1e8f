//! The Frechet distance between two sets of feature vectors, each taken for a sample of a normal distribution.
//!
//! Dowson and Landau 1982, "The Frechet Distance between Multivariate Normal Distributions"; as a measure of generators,
//! Heusel et al. 2017, "GANs Trained by a Two Time-Scale Update Rule", arXiv:1706.08500, equation 6:
//!
//! ```text
//! |mean_1 - mean_2|^2 + tr(C_1 + C_2 - 2 (C_1 C_2)^(1/2))
//! ```
//!
//! The trace of the root is taken of `C_1^(1/2) C_2 C_1^(1/2)`, which has the same eigenvalues and is symmetric, so that
//! nothing complex can arise and covariances without full rank do no harm.
use nalgebra::{DMatrix, DVector, SymmetricEigen};

/// Mean and covariance of a set of feature vectors.
#[derive(Clone, Debug, PartialEq)]
pub struct Gaussian {
    mean: DVector<f64>,
    covariance: DMatrix<f64>,
}

impl Gaussian {
    /// Mean and unbiased covariance of `features [n, dimension]`.
    ///
    /// # Panics
    /// Where the features are not whole vectors, or fewer than two.
    pub fn of(features: &[f32], dimension: usize) -> Gaussian {
        assert!(
            dimension > 0 && features.len().is_multiple_of(dimension) && features.len() >= 2 * dimension,
            "frechet: {} numbers are not two or more vectors of {dimension}",
            features.len()
        );
        let n = features.len() / dimension;
        let mut mean = DVector::zeros(dimension);
        for vector in features.chunks_exact(dimension) {
            for (sum, x) in mean.iter_mut().zip(vector) {
                *sum += f64::from(*x);
            }
        }
        mean /= n as f64;
        // Columns are vectors: column-major storage makes the product one of contiguous columns.
        let centred = DMatrix::from_fn(dimension, n, |i, j| f64::from(features[j * dimension + i]) - mean[i]);
        let covariance = &centred * centred.transpose() / (n - 1) as f64;
        Gaussian { mean, covariance }
    }

    /// The Frechet distance to another distribution; not negative, 0 for itself.
    ///
    /// # Panics
    /// Where the dimensions differ.
    pub fn distance(&self, other: &Gaussian) -> f64 {
        assert_eq!(self.mean.len(), other.mean.len(), "frechet: dimensions differ");
        let root = square_root(&self.covariance);
        let between = &root * &other.covariance * &root;
        let trace_of_root: f64 = eigenvalues(&between).map(f64::sqrt).sum();
        let distance = (&self.mean - &other.mean).norm_squared() + self.covariance.trace() + other.covariance.trace()
            - 2.0 * trace_of_root;
        distance.max(0.0)
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

/// Eigenvalues of a covariance; rounding may have made small ones negative, which are 0.
fn eigenvalues(matrix: &DMatrix<f64>) -> impl Iterator<Item = f64> {
    let symmetric = (matrix + matrix.transpose()) * 0.5;
    let values = symmetric.symmetric_eigenvalues();
    (0..values.len()).map(move |i| values[i].max(0.0))
}

fn square_root(covariance: &DMatrix<f64>) -> DMatrix<f64> {
    let SymmetricEigen {
        eigenvectors,
        eigenvalues,
    } = SymmetricEigen::new(covariance.clone());
    let roots = eigenvalues.map(|value| value.max(0.0).sqrt());
    &eigenvectors * DMatrix::from_diagonal(&roots) * eigenvectors.transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gaussian(mean: &[f64], rows: &[f64]) -> Gaussian {
        Gaussian {
            mean: DVector::from_row_slice(mean),
            covariance: DMatrix::from_row_slice(mean.len(), mean.len(), rows),
        }
    }

    #[test]
    fn means_and_covariances_are_those_of_the_textbook() {
        let g = Gaussian::of(&[1.0, 0.0, 3.0, 2.0, 2.0, 4.0], 2);
        assert_eq!(g, gaussian(&[2.0, 2.0], &[1.0, 1.0, 1.0, 4.0]));
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
    }
}
