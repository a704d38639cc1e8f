//! The frequency detector: how much power a picture has in waves of each length, and a plane between real and fake.
//!
//! Durall, Keuper and Keuper 2020, "Watch your Up-Convolution: CNN Based Generative Deep Neural Networks are Failing to Reproduce
//! Spectral Distributions", arXiv:2003.01826, section 3.
//!
//! ```text
//! z_k = (10 log10 P_k - mean_k) / deviation_k       P_k: azimuthal mean of the power spectrum, by band
//! score = w^T z + b                                 by logistic regression
//! ```
use super::Pictures;
use crate::metrics::Logistic;
use crate::metrics::spectrum::{Spectrometer, bands};
use serde::{Deserialize, Serialize};

/// The least power that a logarithm is taken of: a ten-thousandth of a level, squared.
const FLOOR: f64 = 1e-9;

/// What it has learnt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Frequency {
    /// Of the bands' decibels over its training pictures.
    mean: Vec<f64>,
    deviation: Vec<f64>,
    plane: Logistic,
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

impl Frequency {
    /// From real pictures and fakes of the same shape.
    ///
    /// # Panics
    /// Where they differ in shape, or there are none of one kind.
    pub fn train(real: Pictures, fake: Pictures) -> Frequency {
        let all = [decibels(real), decibels(fake)].concat();
        let count = real.count() + fake.count();
        let floats = all.len() / count;
        let mean_of = |f: &dyn Fn(usize, f64) -> f64| -> Vec<f64> {
            (0..floats)
                .map(|k| all.iter().skip(k).step_by(floats).map(|x| f(k, *x)).sum::<f64>() / count as f64)
                .collect()
        };
        let mean = mean_of(&|_, x| x);
        let deviation = mean_of(&|k, x| (x - mean[k]).powi(2))
            .iter()
            .map(|square| square.sqrt().max(1e-6))
            .collect();
        let mut learnt = Frequency {
            mean,
            deviation,
            plane: Logistic {
                weights: vec![],
                offset: 0.0,
            },
        };
        let sides: Vec<f32> = (0..count).map(|i| if i < real.count() { -1.0 } else { 1.0 }).collect();
        learnt.plane = Logistic::fit(&learnt.standardised(&all), &sides, floats);
        learnt
    }

    /// Whether it is of pictures of this shape.
    pub(super) fn fits(&self, [height, width, _]: [usize; 3]) -> bool {
        let floats = bands(height, width) - 1;
        [&self.mean, &self.deviation, &self.plane.weights]
            .iter()
            .all(|numbers| numbers.len() == floats)
    }

    fn standardised(&self, decibels: &[f64]) -> Vec<f32> {
        let floats = self.mean.len();
        let standard = |(i, x): (usize, &f64)| ((x - self.mean[i % floats]) / self.deviation[i % floats]) as f32;
        decibels.iter().enumerate().map(standard).collect()
    }

    /// The logarithm of the odds that each picture is a fake, `[n]`.
    pub fn scores(&self, pictures: Pictures) -> Vec<f32> {
        let z = self.standardised(&decibels(pictures));
        z.chunks_exact(self.mean.len())
            .map(|z| self.plane.height(z) as f32)
            .collect()
    }

    /// The band that speaks loudest for a picture being a fake, in periods along the shorter side, and how many deviations its
    /// power lies above the usual.
    pub fn reason(&self, picture: Pictures) -> (usize, f64) {
        let z = self.standardised(&decibels(picture));
        let said = |k: &usize| self.plane.weights[*k] * f64::from(z[*k]);
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
