//! The directions in which vectors vary most (Pearson 1901; eigenvectors of the covariance), and what is left of vectors that
//! are told by so many of them: the best that a linear bottleneck can do.
use super::matrix::{count, eigen, gram, product, wide};

/// Vectors of a block.
const BLOCK: usize = 4096;

/// The mean of some vectors and the directions in which they vary most.
pub struct PrincipalComponents {
    mean: Vec<f64>,
    /// Variance along each direction, falling, `[rank]`.
    pub variances: Vec<f64>,
    /// Unit vectors, `[rank, dimension]`.
    pub directions: Vec<f64>,
}

impl PrincipalComponents {
    /// Those of vectors x `[n, dimension]`. Where they are fewer than their dimensions, their inner products are decomposed
    /// instead of their covariance: both have the same eigenvalues, and `X^T u` is a direction where u is an eigenvector of
    /// `X X^T`.
    ///
    /// # Panics
    /// Where the numbers are not whole vectors, or there are no vectors or fewer dimensions than `rank`.
    pub fn of(x: &[f32], dimension: usize, rank: usize) -> PrincipalComponents {
        let n = count(x, dimension);
        assert!(
            n > 0 && rank <= dimension,
            "principal components: {rank} of {n} vectors of {dimension}"
        );
        let mut mean = vec![0.0; dimension];
        for row in x.chunks_exact(dimension) {
            mean.iter_mut()
                .zip(row)
                .for_each(|(sum, x)| *sum += f64::from(*x) / n as f64);
        }
        let (variances, directions) = if n < dimension && rank < n {
            of_few(&centred(x, &mean), [n, dimension, rank])
        } else {
            of_many(x, &mean, [n, dimension, rank])
        };
        PrincipalComponents {
            mean,
            variances,
            directions,
        }
    }

    /// How far vectors x `[n, dimension]` lie from the mean along each direction, `[n, rank]`.
    ///
    /// # Panics
    /// Where the numbers are not whole vectors.
    pub fn coordinates(&self, x: &[f32]) -> Vec<f64> {
        let (dimension, rank) = (self.mean.len(), self.variances.len());
        let n = count(x, dimension);
        let directions = transposed(&self.directions, dimension);
        product(&centred(x, &self.mean), &directions, [n, dimension, rank])
    }

    /// The nearest vectors to x `[n, dimension]` that the mean and the directions span.
    ///
    /// # Panics
    /// Where the numbers are not whole vectors.
    pub fn reconstruct(&self, x: &[f32]) -> Vec<f32> {
        let (dimension, rank) = (self.mean.len(), self.variances.len());
        let n = count(x, dimension);
        let codes = self.coordinates(x);
        let spanned = product(&codes, &self.directions, [n, rank, dimension]);
        let means = self.mean.iter().cycle();
        spanned.iter().zip(means).map(|(x, mean)| (x + mean) as f32).collect()
    }
}

/// Variances and directions by the covariance.
fn of_many(x: &[f32], mean: &[f64], [n, dimension, rank]: [usize; 3]) -> (Vec<f64>, Vec<f64>) {
    let mut covariance = vec![0.0; dimension * dimension];
    for block in x.chunks(BLOCK * dimension) {
        let products = gram(&centred(block, mean), dimension);
        covariance
            .iter_mut()
            .zip(products)
            .for_each(|(sum, product)| *sum += product / n as f64);
    }
    let (values, vectors) = eigen(&covariance, dimension);
    // They are rising.
    let largest = (dimension - rank..dimension).rev();
    let directions = largest
        .clone()
        .flat_map(|j| (0..dimension).map(move |i| i * dimension + j))
        .map(|place| vectors[place]);
    (largest.clone().map(|j| values[j]).collect(), directions.collect())
}

/// Variances and directions by the inner products of centred vectors.
fn of_few(x: &[f64], [n, dimension, rank]: [usize; 3]) -> (Vec<f64>, Vec<f64>) {
    let (values, vectors) = eigen(&gram(&transposed(x, dimension), n), n);
    let largest: Vec<usize> = (n - rank..n).rev().collect();
    let weights: Vec<f64> = largest
        .iter()
        .flat_map(|j| vectors.iter().skip(*j).step_by(n).copied())
        .collect();
    let mut directions = product(&weights, x, [rank, n, dimension]);
    for direction in directions.chunks_exact_mut(dimension) {
        let length = direction.iter().map(|x| x * x).sum::<f64>().sqrt();
        direction.iter_mut().for_each(|x| *x /= length.max(f64::MIN_POSITIVE));
    }
    (largest.iter().map(|j| values[*j] / n as f64).collect(), directions)
}

/// `[columns, rows]` of a matrix `[rows, columns]`.
fn transposed(x: &[f64], columns: usize) -> Vec<f64> {
    (0..columns)
        .flat_map(|j| x.iter().skip(j).step_by(columns).copied())
        .collect()
}

fn centred(x: &[f32], mean: &[f64]) -> Vec<f64> {
    wide(x)
        .iter()
        .zip(mean.iter().cycle())
        .map(|(x, mean)| x - mean)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four vectors of five numbers, by their inner products and by their covariance.
    #[test]
    fn few_vectors_have_the_same_components_either_way() {
        let x: Vec<f32> = (0..20).map(|i| (i as f32 * 1.7).sin()).collect();
        let mean = PrincipalComponents::of(&x, 5, 0).mean;
        let [few, many] = [of_few(&centred(&x, &mean), [4, 5, 2]), of_many(&x, &mean, [4, 5, 2])];
        let near = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12);
        assert!(near(&few.0, &many.0), "{few:?} {many:?}");
        for (a, b) in few.1.chunks(5).zip(many.1.chunks(5)) {
            let opposite: Vec<f64> = a.iter().map(|x| -x).collect();
            assert!(near(a, b) || near(&opposite, b), "{a:?} {b:?}");
        }
    }

    #[test]
    fn a_line_is_its_own_component() {
        // (1, 2) + t (3, 4) / 5 for t = -5, 0, 5.
        let x = [-2.0, -2.0, 1.0, 2.0, 4.0, 6.0];
        let found = PrincipalComponents::of(&x, 2, 1);
        assert!((found.variances[0] - 50.0 / 3.0).abs() < 1e-9, "{:?}", found.variances);
        let along = found.directions[0].signum();
        assert!((along * found.directions[0] - 0.6).abs() < 1e-9 && (along * found.directions[1] - 0.8).abs() < 1e-9);
        // (-4, 3) / 5 is at right angles to the line: it is lost.
        let there = found.reconstruct(&[1.0 - 0.8, 2.0 + 0.6]);
        assert!(
            (there[0] - 1.0).abs() < 1e-6 && (there[1] - 2.0).abs() < 1e-6,
            "{there:?}"
        );
    }
}
