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
    /// Those of vectors x `[n, dimension]`.
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
        let mut covariance = vec![0.0; dimension * dimension];
        for block in x.chunks(BLOCK * dimension) {
            let products = gram(&centred(block, &mean), dimension);
            covariance
                .iter_mut()
                .zip(products)
                .for_each(|(sum, product)| *sum += product / n as f64);
        }
        let (values, vectors) = eigen(&covariance, dimension);
        // They are rising.
        let largest = (dimension - rank..dimension).rev();
        PrincipalComponents {
            mean,
            variances: largest.clone().map(|j| values[j]).collect(),
            directions: largest
                .flat_map(|j| (0..dimension).map(move |i| i * dimension + j))
                .map(|place| vectors[place])
                .collect(),
        }
    }

    /// The nearest vectors to x `[n, dimension]` that the mean and the directions span.
    ///
    /// # Panics
    /// Where the numbers are not whole vectors.
    pub fn reconstruct(&self, x: &[f32]) -> Vec<f32> {
        let (dimension, rank) = (self.mean.len(), self.variances.len());
        let n = count(x, dimension);
        let transposed: Vec<f64> = (0..dimension * rank)
            .map(|place| self.directions[place % rank * dimension + place / rank])
            .collect();
        let codes = product(&centred(x, &self.mean), &transposed, [n, dimension, rank]);
        let spanned = product(&codes, &self.directions, [n, rank, dimension]);
        let means = self.mean.iter().cycle();
        spanned.iter().zip(means).map(|(x, mean)| (x + mean) as f32).collect()
    }
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
