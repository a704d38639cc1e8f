//! Fakes of no generator: real pictures whose finest detail is not as it was, so that detectors learn what real pictures have
//! and not only what the generators of today lack.
//!
//! The idea is that of Li et al. 2020 ("Face X-ray", arXiv:1912.13458) and of Shiohara and Yamasaki 2022 ("Detecting Deepfakes with
//! Self-Blended Images", arXiv:2204.08376): who is shown fakes of a kind learns that kind; real pictures that are spoilt slightly
//! belong to no kind.
//!
//! ```text
//! x' = x + s n                       n: normal, for each number; log s uniform from log 0.02 to log 1
//! x' = x + s sqrt((x + 1) / 2) n     shot noise, which leaves black as it is
//! x' = x of a place near by          for a share s of the places, s uniform from 0.1 to 1
//! x' = (1 - s) x + s B x             B: the mean of 3 x 3 pixels; s uniform from 0.3 to 1
//! ```
//!
//! One kind would teach a detector the shortcut to that kind: noise alone, for instance, that black is not quite black.
use super::Pictures;
use crate::data::order;
use std::f64::consts::TAU;

/// How far a place near by lies at most, in pixels along each axis.
const NEAR: u64 = 2;

/// Each picture once, altered in the four ways in turn.
pub(super) fn altered(real: Pictures, seed: u64) -> Vec<f32> {
    let one = |i: usize| {
        let seed = order::hash(order::hash(seed, 0xA17E), i as u64);
        let (x, share) = (real.get(i), order::unit(order::hash(seed, 0)));
        match i % 4 {
            0 => noisy(x, 0.02 * 50f64.powf(share), |_| 1.0, seed),
            1 => noisy(x, 0.02 * 50f64.powf(share), |x| ((x + 1.0) / 2.0).max(0.0).sqrt(), seed),
            2 => strewn(x, real.shape, 0.1 + 0.9 * share, seed),
            _ => smoothed(x, real.shape, 0.3 + 0.7 * share),
        }
    };
    (0..real.count()).flat_map(one).collect()
}

fn noisy(x: &[f32], strength: f64, of_level: fn(f64) -> f64, seed: u64) -> Vec<f32> {
    let normal = |i: usize| {
        let [u, v] = [1, 2].map(|k| order::unit(order::hash(seed, 2 * i as u64 + k)));
        (-2.0 * (1.0 - u).ln()).sqrt() * (TAU * v).cos()
    };
    let value = |(i, x): (usize, &f32)| {
        let x = f64::from(*x);
        (x + strength * of_level(x) * normal(i)).clamp(-1.0, 1.0) as f32
    };
    x.iter().enumerate().map(value).collect()
}

fn strewn(x: &[f32], [height, width, channels]: [usize; 3], share: f64, seed: u64) -> Vec<f32> {
    let from = |place: usize| {
        let [is_moved, down, across] = [0, 1, 2].map(|k| order::hash(seed, 3 * place as u64 + k));
        if order::unit(is_moved) >= share {
            return place;
        }
        let near = |at: usize, by: u64, extent: usize| {
            (at + (by % (2 * NEAR + 1)) as usize)
                .saturating_sub(NEAR as usize)
                .min(extent - 1)
        };
        near(place / width, down, height) * width + near(place % width, across, width)
    };
    (0..height * width)
        .flat_map(|place| &x[from(place) * channels..][..channels])
        .copied()
        .collect()
}

fn smoothed(x: &[f32], [height, width, channels]: [usize; 3], share: f64) -> Vec<f32> {
    let value = |i: usize| {
        let [row, column, channel] = [i / (width * channels), i / channels % width, i % channels];
        let rows = row.saturating_sub(1)..(row + 2).min(height);
        let near =
            rows.flat_map(|row| (column.saturating_sub(1)..(column + 2).min(width)).map(move |column| (row, column)));
        let near: Vec<f32> = near
            .map(|(row, column)| x[(row * width + column) * channels + channel])
            .collect();
        let mean = near.iter().sum::<f32>() / near.len() as f32;
        x[i] + share as f32 * (mean - x[i])
    };
    (0..x.len()).map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_as_strong_as_asked() {
        let made = noisy(&[0.0; 10_000], 0.1, |_| 1.0, 3);
        let [mean, square] = [1, 2].map(|power| made.iter().map(|x| x.powi(power)).sum::<f32>() / 1e4);
        assert!(mean.abs() < 0.004 && (square - 0.01).abs() < 0.0005, "{mean} {square}");
    }

    #[test]
    fn strewn_colours_are_of_places_near_by() {
        let x: Vec<f32> = (0..40 * 3).map(|i| (i / 3) as f32 / 100.0).collect();
        let made = strewn(&x, [1, 40, 3], 1.0, 7);
        for (place, colour) in made.chunks_exact(3).enumerate() {
            assert!(
                colour[0] == colour[1] && (colour[0] - x[place * 3]).abs() <= 0.0201,
                "{place}: {colour:?}"
            );
        }
        assert!(made != x && strewn(&x, [1, 40, 3], 0.0, 7) == x);
    }

    #[test]
    fn smoothing_by_hand() {
        // A single bright pixel in the corner of 2 x 2: everywhere the mean of all four, half of the way.
        let made = smoothed(&[1.0, 0.0, 0.0, 0.0], [2, 2, 1], 0.5);
        assert_eq!(made, [0.625, 0.125, 0.125, 0.125]);
    }

    #[test]
    fn every_picture_is_altered_and_stays_in_its_bounds() {
        let values: Vec<f32> = (0..8 * 16).map(|i| if i % 3 == 0 { 1.0 } else { -1.0 }).collect();
        let shape = [4, 4, 1];
        let made = altered(Pictures { values: &values, shape }, 1);
        assert_eq!(made.len(), values.len());
        for (before, after) in values.chunks_exact(16).zip(made.chunks_exact(16)) {
            assert!(before != after && after.iter().all(|x| (-1.0..=1.0).contains(x)));
        }
    }
}
