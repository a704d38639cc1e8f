//! SeFa: the directions that a generator's first weights stretch most, in closed form; nothing is sampled.
//!
//! Shen and Zhou 2021, "Closed-Form Factorization of Latent Semantics in GANs", arXiv:2007.06600, equations 2 to 6.
//!
//! ```text
//! y = A z + b,   A n = what moving z along n changes,   n_1, n_2, .. = argmax |A n|^2, |n| = 1: eigenvectors of A^T A
//! ```
//!
//! A is what a code is first multiplied by: of styles the affine functions of all layers that are asked for, one below the other; of latent
//! vectors all that stands before the generator's first rectifier, the scale of a normalisation included. A is not read from the
//! weights but from what they do: its column i is `y(e_i) - y(0)`, so that it does not matter how a layer keeps them.
use super::{CodeSpace, Directions, ExploreError, Explorer, Method, principal::shares};
use crate::games::Observation;
use crate::metrics::matrix::{eigen, gram};
use crate::nn::observing_first_affine;
use std::ops::Range;

/// The `count` most important directions of an explorer's codes, or as many as there are, at some of its layers.
///
/// # Errors
/// Where the generator begins with nothing affine that can be looked at.
pub fn directions(explorer: &mut Explorer, count: usize, layers: &Range<usize>) -> Result<Directions, ExploreError> {
    let floats = explorer.shape().floats;
    let a = first_weights(explorer, layers)?;
    let (vectors, values) = factors(&a, floats, count.min(floats));
    Ok(Directions::new(explorer, Method::Factors, vectors, values))
}

/// The first eigenvectors of A^T A, `[count, floats]`, and the shares of their eigenvalues; A `[rows, floats]`.
fn factors(a: &[f64], floats: usize, count: usize) -> (Vec<f64>, Vec<f64>) {
    let (mut values, vectors) = eigen(&gram(a, floats), floats);
    values.reverse();
    // They were rising.
    let vector = |k: usize| vectors.iter().skip(floats - 1 - k).step_by(floats).copied();
    let first = (0..count).flat_map(vector).collect();
    (
        first,
        shares(&values.iter().map(|value| value.max(0.0)).collect::<Vec<_>>(), count),
    )
}

/// A, `[rows, floats]`: what the generator first multiplies a vector by that these layers are told.
fn first_weights(explorer: &mut Explorer, layers: &Range<usize>) -> Result<Vec<f64>, ExploreError> {
    let shape = explorer.shape();
    let function = match (explorer.space(), explorer.styled) {
        (CodeSpace::W, Some(styled)) => Some(styled.synthesis),
        (_, styled) => styled.map(|styled| styled.mapping),
    };
    let sampler = &mut explorer.sampler;
    let system = sampler.entry().card.id;
    let is_labelled = sampler.classes().is_some() && function.is_none();
    // The origin, then a unit along every axis, at the layers that are asked for.
    let probes = shape.floats + 1;
    let mut codes = vec![0.0; probes * shape.layers * shape.floats];
    for (axis, code) in codes.chunks_exact_mut(shape.layers * shape.floats).skip(1).enumerate() {
        layers.clone().for_each(|layer| code[layer * shape.floats + axis] = 1.0);
    }
    let observer = |run: &mut dyn FnMut()| observing_first_affine(run).1;
    let mut observation = Observation::new(sampler.play(), function, probes, is_labelled, observer);
    let classes = vec![0.0; probes];
    let noted = observation.look(sampler.play_mut(), &codes, is_labelled.then_some(&classes));
    if noted.is_empty() {
        return Err(ExploreError::NothingAffine { system });
    }
    Ok(noted.iter().flat_map(|values| differences(values, probes)).collect())
}

/// The rows `y(e_i) - y(0)` over i of what a layer gives for the origin and for a unit along every axis, `[1 + floats, units]`.
fn differences(values: &[f32], probes: usize) -> Vec<f64> {
    let units = values.len() / probes;
    let (origin, along) = values.split_at(units);
    (0..units)
        .flat_map(|unit| {
            along
                .iter()
                .skip(unit)
                .step_by(units)
                .map(move |y| f64::from(*y) - f64::from(origin[unit]))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A layer y = A z + (5, 7) with A = ((0, 2, 0), (3, 0, 0)): it stretches the first axis by 3, the second by 2, the third not.
    #[test]
    fn a_linear_generator_stretches_what_its_weights_say() {
        let y = |z: [f32; 3]| [2.0 * z[1] + 5.0, 3.0 * z[0] + 7.0];
        let probes = [[0.0; 3], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
        let a = differences(&probes.map(y).concat(), 4);
        assert_eq!(a, [0.0, 2.0, 0.0, 3.0, 0.0, 0.0]);
        let (vectors, strengths) = factors(&a, 3, 2);
        let rounded: Vec<f64> = vectors.iter().map(|x| x.abs().round()).collect();
        assert_eq!(rounded, [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
        assert!((strengths[0] - 9.0 / 13.0).abs() < 1e-12 && (strengths[1] - 4.0 / 13.0).abs() < 1e-12);
    }
}
