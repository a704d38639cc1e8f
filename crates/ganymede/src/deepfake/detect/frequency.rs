//! The frequency detector: how much power a picture has in waves of each length, and a surface between real and fake.
//!
//! Durall, Keuper and Keuper 2020, "Watch your Up-Convolution: CNN Based Generative Deep Neural Networks are Failing to Reproduce
//! Spectral Distributions", arXiv:2003.01826, section 3.
//!
//! ```text
//! z_k = (10 log10 P_k - mean_k) / deviation_k       P_k: azimuthal mean of the power spectrum, by band; of real pictures
//! score = w^T z + v^T z^2 + b                       by logistic regression
//! ```
//!
//! The squares are not the paper's: the next generator may have too much of what all known ones lack, and a plane would hold it for
//! more real than real pictures.
use super::Pictures;
use crate::metrics::Logistic;
use crate::metrics::spectrum::{Spectrometer, bands};
use serde::{Deserialize, Serialize};

/// The least power that a logarithm is taken of: a ten-thousandth of a level, squared.
const FLOOR: f64 = 1e-9;

/// What it has learnt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Frequency {
    /// Of the bands' decibels over real pictures.
    mean: Vec<f64>,
    deviation: Vec<f64>,
    /// Weights of the bands, then of their squares.
    surface: Logistic,
}

/// Decibels by band, `[n, bands]`, without the mean brightness.
fn decibels(pictures: Pictures) -> Vec<f64> {
    let [height, width, _] = pictures.shape;
    let spectra = Spectrometer::new(pictures.shape).spectra(pictures.values);
    let of_picture = |spectrum: &[f64]| {
        spectrum[1..]
            .iter()
            .map(|power| 10.0 * power.max(FLOOR).log10())
            .collect::<Vec<_>>()
    };
    spectra
        .chunks_exact(bands(height, width))
        .flat_map(of_picture)
        .collect()
}

/// In deviations of real pictures.
fn standardised(decibels: &[f64], mean: &[f64], deviation: &[f64]) -> Vec<f32> {
    let floats = mean.len();
    let standard = |(i, x): (usize, &f64)| ((x - mean[i % floats]) / deviation[i % floats]) as f32;
    decibels.iter().enumerate().map(standard).collect()
}

/// Each row and its squares.
fn bent(z: &[f32], floats: usize) -> Vec<f32> {
    let row = |z: &[f32]| z.iter().copied().chain(z.iter().map(|z| z * z)).collect::<Vec<_>>();
    z.chunks_exact(floats).flat_map(row).collect()
}

impl Frequency {
    /// From real pictures and fakes of the same shape.
    ///
    /// # Panics
    /// Where they differ in shape, or there are none of one kind.
    pub fn train(real: Pictures, fake: Pictures) -> Frequency {
        let of_real = decibels(real);
        let floats = of_real.len() / real.count();
        let mean_of = |f: &dyn Fn(usize, f64) -> f64| -> Vec<f64> {
            let of_band = |k: usize| of_real.iter().skip(k).step_by(floats).map(|x| f(k, *x)).sum::<f64>();
            (0..floats).map(|k| of_band(k) / real.count() as f64).collect()
        };
        let mean = mean_of(&|_, x| x);
        let deviation = mean_of(&|k, x| (x - mean[k]).powi(2));
        let deviation: Vec<f64> = deviation.iter().map(|square| square.sqrt().max(1e-6)).collect();
        let rows = [of_real, decibels(fake)].concat();
        let rows = bent(&standardised(&rows, &mean, &deviation), floats);
        let sides = [vec![-1.0; real.count()], vec![1.0; fake.count()]].concat();
        let surface = Logistic::fit(&rows, &sides, 2 * floats);
        Frequency {
            mean,
            deviation,
            surface,
        }
    }

    /// Whether it is of pictures of this shape.
    pub(super) fn fits(&self, [height, width, _]: [usize; 3]) -> bool {
        let floats = bands(height, width) - 1;
        let lengths = [&self.mean, &self.deviation, &self.surface.weights].map(Vec::len);
        lengths == [floats, floats, 2 * floats]
    }

    fn standardised(&self, pictures: Pictures) -> Vec<f32> {
        standardised(&decibels(pictures), &self.mean, &self.deviation)
    }

    /// The logarithm of the odds that each picture is a fake, `[n]`.
    pub fn scores(&self, pictures: Pictures) -> Vec<f32> {
        let floats = self.mean.len();
        let rows = bent(&self.standardised(pictures), floats);
        let heights = rows.chunks_exact(2 * floats).map(|row| self.surface.height(row) as f32);
        heights.collect()
    }

    /// The band that speaks loudest for a picture being a fake, in periods along the shorter side, and how many deviations its
    /// power lies above the usual.
    pub fn reason(&self, picture: Pictures) -> (usize, f64) {
        let z = self.standardised(picture);
        let (plane, squares) = self.surface.weights.split_at(z.len());
        let said = |k: &usize| plane[*k] * f64::from(z[*k]) + squares[*k] * f64::from(z[*k]).powi(2);
        let loudest = (0..self.mean.len())
            .max_by(|a, b| said(a).total_cmp(&said(b)))
            .unwrap_or(0);
        (loudest + 1, f64::from(z[loudest]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::order;
    use crate::metrics::auroc;

    #[test]
    fn a_wave_that_fakes_lack_gives_them_away() {
        // Noise, which fakes have in blurred form: each pixel is the mean of four neighbours, made as strong as before.
        let noise = |seed: u64, n: usize, i: usize| {
            order::unit(order::hash(order::hash(seed, n as u64), i as u64)) as f32 - 0.5
        };
        let pictures = |is_fake: bool, seed: u64| -> Vec<f32> {
            let level = |n: usize, i: usize| match is_fake {
                true => 0.5 * [0, 1, 16, 17].map(|by| noise(seed, n, i + by)).iter().sum::<f32>(),
                false => noise(seed, n, i),
            };
            (0..60 * 256).map(|i| level(i / 256, i % 256)).collect()
        };
        let all = [(false, 1), (true, 2), (false, 3), (true, 4)].map(|(is_fake, seed)| pictures(is_fake, seed));
        let of = |i: usize| Pictures {
            values: &all[i],
            shape: [16, 16, 1],
        };
        let learnt = Frequency::train(of(0), of(1));
        assert!(auroc(&learnt.scores(of(2)), &learnt.scores(of(3))) > 0.95);
        let (band, deviations) = learnt.reason(Pictures {
            values: &all[3][..256],
            shape: [16, 16, 1],
        });
        assert!(band <= 8 && deviations.is_finite());
    }
}
