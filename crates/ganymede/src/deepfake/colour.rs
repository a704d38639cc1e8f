//! Colours of one face brought to those of another: the affine map that gives pixels the mean and covariance of others and of all such moves
//! them least.
//!
//! Pitie and Kokaram 2007, "The linear Monge-Kantorovitch linear colour mapping for example-based colour transfer", equation 19:
//!
//! ```text
//! x' = T (x - mean_x) + mean_y,   T = X^(-1/2) (X^(1/2) Y X^(1/2))^(1/2) X^(-1/2)
//! ```
//!
//! X and Y are the covariances. A small variance is added to both, so that what has no colour of its own does not get any.
use super::plane::Plane;
use crate::metrics::matrix::{eigen, product};

/// The deviation that is added, in parts of the way from -1 to 1: about two of 255 levels.
const DEVIATION: f64 = 2.0 / 127.5;

/// A picture with the mean and covariance of another, both over pixels with the weights of a mask `[height, width, 1]`; unchanged
/// where the mask is empty.
pub fn matched(picture: &Plane, like: &Plane, mask: &Plane) -> Plane {
    let channels = picture.channels();
    let (Some((mean_x, x)), Some((mean_y, y))) = (moments(picture, mask), moments(like, mask)) else {
        return picture.clone();
    };
    let square = |a: &[f64], b: &[f64]| product(a, b, [channels; 3]);
    let (root, inverse_root) = (power(&x, channels, 0.5), power(&x, channels, -0.5));
    let middle = power(&square(&square(&root, &y), &root), channels, 0.5);
    let map = square(&square(&inverse_root, &middle), &inverse_root);
    let mut matched = picture.clone();
    for (to, from) in matched
        .values
        .chunks_exact_mut(channels)
        .zip(picture.values.chunks_exact(channels))
    {
        for (row, to) in to.iter_mut().enumerate() {
            let along = (0..channels).map(|c| map[row * channels + c] * (f64::from(from[c]) - mean_x[c]));
            *to = (mean_y[row] + along.sum::<f64>()) as f32;
        }
    }
    matched
}

/// Mean `[channels]` and covariance `[channels, channels]`, a little variance added; nothing where they are no numbers.
fn moments(picture: &Plane, mask: &Plane) -> Option<(Vec<f64>, Vec<f64>)> {
    let channels = picture.channels();
    let pixels = || {
        picture
            .values
            .chunks_exact(channels)
            .zip(&mask.values)
            .map(|(p, w)| (p, f64::from(*w)))
    };
    let total: f64 = pixels().map(|(_, weight)| weight).sum();
    let mean: Vec<f64> = (0..channels)
        .map(|c| {
            pixels()
                .map(|(pixel, weight)| weight * f64::from(pixel[c]))
                .sum::<f64>()
                / total
        })
        .collect();
    let covariance = (0..channels * channels).map(|i| {
        let (a, b) = (i / channels, i % channels);
        let away = |pixel: &[f32], c: usize| f64::from(pixel[c]) - mean[c];
        let sum: f64 = pixels()
            .map(|(pixel, weight)| weight * away(pixel, a) * away(pixel, b))
            .sum();
        sum / total + if a == b { DEVIATION * DEVIATION } else { 0.0 }
    });
    let covariance: Vec<f64> = covariance.collect();
    // Without weight, or of a network that has come to nothing, they are not numbers.
    covariance.iter().all(|x| x.is_finite()).then_some((mean, covariance))
}

/// A power of a symmetric matrix without negative eigenvalues.
fn power(matrix: &[f64], n: usize, exponent: f64) -> Vec<f64> {
    let (values, vectors) = eigen(matrix, n);
    let least = f64::MIN_POSITIVE.sqrt();
    let entry = |i: usize| {
        let (row, column) = (i / n, i % n);
        let along = |k: usize| vectors[row * n + k] * values[k].max(least).powf(exponent) * vectors[column * n + k];
        (0..n).map(along).sum()
    };
    (0..n * n).map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plane(channels: usize, values: &[f32]) -> Plane {
        Plane {
            shape: [1, values.len() / channels, channels],
            values: values.to_vec(),
        }
    }

    fn near(got: &Plane, expected: &[f32], within: f32) {
        let most = got
            .values
            .iter()
            .zip(expected)
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f32::max);
        assert!(most < within, "{:?} for {expected:?}", got.values);
    }

    #[test]
    fn constant_colours_become_the_other_constant() {
        let red = plane(3, &[0.8, -0.6, -0.6].repeat(4));
        let blue = plane(3, &[-0.2, 0.1, 0.9].repeat(4));
        near(&matched(&red, &blue, &plane(1, &[1.0; 4])), &blue.values, 1e-6);
        // Where the mask is empty nothing is known.
        assert_eq!(matched(&red, &blue, &plane(1, &[0.0; 4])), red);
    }

    /// Greys of mean 0 and deviation 0.5 among those of mean 0.2 and deviation 0.25: halved and shifted, but for what the added
    /// variance changes. The last pixel is not in the mask, yet moves along.
    #[test]
    fn greys_get_mean_and_deviation() {
        let x = plane(1, &[-0.5, 0.5, 1.0]);
        let y = plane(1, &[-0.05, 0.45, -1.0]);
        near(&matched(&x, &y, &plane(1, &[1.0, 1.0, 0.0])), &[-0.05, 0.45, 0.7], 2e-3);
    }

    /// Red and green that vary together become ones that vary against each other: covariances by hand.
    #[test]
    fn colours_get_the_covariance() {
        let x = plane(2, &[-0.5, -0.1, 0.5, 0.1, -0.2, 0.4, 0.2, -0.4]);
        let y = plane(2, &[-0.3, 0.3, 0.3, -0.3, 0.1, 0.1, -0.1, -0.1]);
        let mask = plane(1, &[1.0; 4]);
        let (mean, covariance) = moments(&matched(&x, &y, &mask), &mask).unwrap();
        // (2 * 0.3^2 + 2 * 0.1^2) / 4 = 0.05 and (-2 * 0.09 + 2 * 0.01) / 4 = -0.04, and the little variance.
        let expected = [0.05, -0.04, -0.04, 0.05];
        assert!(mean.iter().all(|m| m.abs() < 1e-6));
        assert!(
            covariance.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-3),
            "{covariance:?}"
        );
    }
}
