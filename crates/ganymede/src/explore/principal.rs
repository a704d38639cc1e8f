//! GANSpace: the directions in which a generator's codes vary most.
//!
//! Harkonen et al. 2020, "GANSpace: Discovering Interpretable GAN Controls", arXiv:2004.02546, sections 2.1 and 2.2.
//!
//! ```text
//! styles:          w_j = M(z_j),  V = principal components of w_1, .., w_n,             w' = w + V x
//! latent vectors:  y_j = f_1(z_j),  V = principal components of y_1, .., y_n,  x_j = V^T (y_j - mean y),
//!                  U = argmin sum_j |U x_j - z_j|^2,                                     z' = z + U x
//! ```
//!
//! Latent vectors themselves have no directions, they vary equally in all of them; so it is what the first layer f_1 makes of them
//! that is decomposed, and regressed to the latent vectors. f_1 is taken with its rectifier. The x_j do not correlate, and so the
//! regression is `U_k = sum_j z_j x_jk / sum_j x_jk^2`.
use super::{CodeSpace, Directions, ExploreError, Explorer, Method, STATISTICS_SEED};
use crate::games::{Observation, latent_vectors};
use crate::metrics::PrincipalComponents;
use crate::nn::observing;
use crate::run::sampling::in_batches;

/// Latent vectors whose first layer is looked at: such a layer may have many thousands of units.
const OF_LAYERS: usize = 1000;

/// The `count` most important directions of an explorer's codes, or as many as there are.
///
/// # Errors
/// Where codes are latent vectors and no layer of the generator can be looked at.
pub fn directions(explorer: &mut Explorer, count: usize) -> Result<Directions, ExploreError> {
    let floats = explorer.shape().floats;
    let count = count.min(floats);
    let (vectors, strengths) = match explorer.space() {
        CodeSpace::W => {
            // All of them, so that shares of the variance are of all of it.
            let components = PrincipalComponents::of(explorer.vectors(), floats, floats);
            let vectors = components.directions[..count * floats].to_vec();
            (vectors, shares(&components.variances, count))
        }
        CodeSpace::Z => {
            let z = latent_vectors(STATISTICS_SEED, 0, OF_LAYERS, floats);
            let y = first_layer(explorer, &z)?;
            let units = y.len() / OF_LAYERS;
            let components = PrincipalComponents::of(&y, units, count.min(units));
            let all = total_variance(&y, units);
            let shares = components.variances.iter().map(|variance| variance / all).collect();
            (
                regressed(&components.coordinates(&y), &z, [components.variances.len(), floats]),
                shares,
            )
        }
    };
    Ok(Directions::new(explorer, Method::Principal, vectors, strengths))
}

/// The shares of the first `count` among all.
pub(super) fn shares(values: &[f64], count: usize) -> Vec<f64> {
    let all: f64 = values.iter().sum();
    values[..count].iter().map(|value| value / all).collect()
}

/// What the first rectifier of the generator gives for latent vectors, `[n, units]`; of conditional systems in all classes in turn.
fn first_layer(explorer: &mut Explorer, z: &[f32]) -> Result<Vec<f32>, ExploreError> {
    let function = explorer.styled.map(|styled| styled.mapping);
    let sampler = &mut explorer.sampler;
    let (system, z_dim) = (sampler.entry().card.id, sampler.play().system().z_dim());
    let classes = sampler.classes().filter(|_| function.is_none());
    let observer = |run: &mut dyn FnMut()| {
        let mut noted = observing(run).1;
        noted.truncate(1);
        noted
    };
    let batch = sampler.together();
    let mut observation = Observation::new(sampler.play(), function, batch, classes.is_some(), observer);
    if observation.layers().is_empty() {
        return Err(ExploreError::NothingAffine { system });
    }
    Ok(in_batches(z, z_dim, batch, |whole, first| {
        let y: Option<Vec<f32>> = classes.map(|classes| (first..first + batch).map(|i| (i % classes) as f32).collect());
        observation.look(sampler.play_mut(), whole, y.as_deref()).swap_remove(0)
    }))
}

/// The sum of the variances of every unit.
fn total_variance(y: &[f32], units: usize) -> f64 {
    let n = (y.len() / units) as f64;
    let (mut sums, mut squares) = (vec![0.0; units], 0.0);
    for row in y.chunks_exact(units) {
        for (sum, x) in sums.iter_mut().zip(row) {
            *sum += f64::from(*x);
            squares += f64::from(*x).powi(2);
        }
    }
    squares / n - sums.iter().map(|sum| (sum / n).powi(2)).sum::<f64>()
}

/// Unit vectors `[rank, floats]` that latent vectors `z [n, floats]` move along with coordinates `x [n, rank]`.
fn regressed(x: &[f64], z: &[f32], [rank, floats]: [usize; 2]) -> Vec<f64> {
    let mut vectors = vec![0.0; rank * floats];
    for (x, z) in x.chunks_exact(rank).zip(z.chunks_exact(floats)) {
        for (vector, x) in vectors.chunks_exact_mut(floats).zip(x) {
            vector.iter_mut().zip(z).for_each(|(sum, z)| *sum += x * f64::from(*z));
        }
    }
    for vector in vectors.chunks_exact_mut(floats) {
        let length = vector.iter().map(|x| x * x).sum::<f64>().sqrt().max(f64::MIN_POSITIVE);
        vector.iter_mut().for_each(|x| *x /= length);
    }
    vectors
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A layer with y = A z, whose rows are 3 (0.6, 0.8, 0) and (0, 0, 1): its units vary by 9 and 1, and z moves along those rows.
    #[test]
    fn a_linear_layer_varies_along_its_rows() {
        let n = 20_000;
        let z = latent_vectors(1, 0, n, 3);
        let y: Vec<f32> = z
            .chunks_exact(3)
            .flat_map(|z| [3.0 * (0.6 * z[0] + 0.8 * z[1]), z[2]])
            .collect();
        let components = PrincipalComponents::of(&y, 2, 2);
        let all = total_variance(&y, 2);
        assert!((all - 10.0).abs() < 0.2 && (components.variances[0] / all - 0.9).abs() < 0.01);
        let vectors = regressed(&components.coordinates(&y), &z, [2, 3]);
        for (got, expected) in vectors.chunks(3).zip([[0.6, 0.8, 0.0], [0.0, 0.0, 1.0]]) {
            let along: f64 = got.iter().zip(expected).map(|(a, b)| a * b).sum();
            assert!(along.abs() > 0.999, "{vectors:?}");
        }
        assert_eq!(shares(&[6.0, 3.0, 1.0], 2), [0.6, 0.3]);
    }
}
