//! The blending boundary: where a picture was put together of two, found by a network that has never seen a fake.
//!
//! Li, Bao, Zhang, Yang, Chen, Wen and Guo 2020, "Face X-ray for More General Face Forgery Detection", arXiv:1912.13458, sections
//! 3 and 4.
//!
//! ```text
//! x = M a + (1 - M) b        M: a soft mask, drawn;   a: brought to the mean colours of b where M is
//! B = 4 M (1 - M)            the boundary, 0 for pictures as they are
//! f = network(4 (x - mean of 3 x 3 pixels))
//! L = mean (softplus(f) - B f)
//! ```
//!
//! What gives a seam away is what each photograph brings along: its own noise, sharpness and traces of compression, which lie in the
//! finest detail and are gone as soon as a picture is scaled down. So the network sees that detail alone, normalised over each
//! picture: only how it differs from place to place counts.
//!
//! Simplified: pictures are paired at random, and masks are ellipses, where the paper has faces with near landmarks and masks of
//! their shapes; the score is the mean of the brightest fiftieth of the map instead of a second classifier's. It finds swaps and
//! splices, and says nothing about pictures that are generated whole.
use super::Pictures;
use super::learner::{Learner, asked};
use crate::data::order;
use crate::nn::{Activation, Layer, Scope, Sequential, conv, instance_norm};
use gany_engine::{DType, PadMode, Tensor};

const BATCH: usize = 24;
const WIDTH: usize = 32;
/// How steep masks fall, over their radius: drawn between these.
const SOFTNESS: [f64; 2] = [0.04, 0.15];
/// The share of a map, its brightest places, that the score is the mean of.
const BRIGHTEST: usize = 50;

/// The detector with its weights.
pub struct Boundary {
    pub(super) scope: Scope,
    layers: Sequential,
}

/// A mask of values from 0 to 1, `[height, width]`: an ellipse somewhere about the middle with a soft edge.
pub fn ellipse([height, width]: [usize; 2], seed: u64) -> Vec<f32> {
    let draw = |k: u64, from: f64, to: f64| from + (to - from) * order::unit(order::hash(seed, k));
    let centre = [draw(0, 0.35, 0.65), draw(1, 0.35, 0.65)];
    let radii = [draw(2, 0.15, 0.35), draw(3, 0.15, 0.35)];
    let softness = draw(4, SOFTNESS[0], SOFTNESS[1]);
    let value = |i: usize| {
        let at = [(i / width) as f64 / height as f64, (i % width) as f64 / width as f64];
        let radius = ((at[0] - centre[0]) / radii[0]).hypot((at[1] - centre[1]) / radii[1]);
        (1.0 / (1.0 + ((radius - 1.0) / softness).exp())) as f32
    };
    (0..height * width).map(value).collect()
}

/// One picture inside a mask, in the mean colours that the other has there, and the other outside; `[height, width, channels]`.
///
/// # Panics
/// Where the sizes differ.
pub fn blended(inside: &[f32], outside: &[f32], mask: &[f32]) -> Vec<f32> {
    let channels = inside.len() / mask.len();
    assert!(
        inside.len() == outside.len() && channels * mask.len() == inside.len(),
        "blending: different sizes"
    );
    let weight: f32 = mask.iter().sum::<f32>().max(1e-6);
    let mean = |picture: &[f32], channel: usize| {
        let values = picture.iter().skip(channel).step_by(channels);
        values.zip(mask).map(|(value, m)| value * m).sum::<f32>() / weight
    };
    let shift: Vec<f32> = (0..channels)
        .map(|channel| mean(outside, channel) - mean(inside, channel))
        .collect();
    let value = |i: usize| {
        let m = mask[i / channels];
        m * (inside[i] + shift[i % channels]) + (1.0 - m) * outside[i]
    };
    (0..inside.len()).map(|i| value(i).clamp(-1.0, 1.0)).collect()
}

/// What the mean of 3 x 3 pixels leaves of a picture `[n, h, w, c]`, four times as strong.
fn detail(x: &Tensor) -> Tensor {
    let mut mean = x.clone();
    for axis in [1, 2] {
        let wide = mean.pad(axis, 1, 1, PadMode::Replicate);
        let extent = x.extent(axis);
        mean = (0..3)
            .map(|from| wide.slice(axis, from, from + extent))
            .reduce(|a, b| a + b)
            .expect("three")
            / 3.0;
    }
    (x - mean) * 4.0
}

impl Boundary {
    /// Untrained, for pictures of so many channels.
    pub fn new(channels: usize, seed: u64) -> Boundary {
        let scope = Scope::new(DType::F32, seed);
        let mut layers = Sequential::new(&scope.at("boundary")).push(detail);
        for (c_in, dilation) in [(channels, 1), (WIDTH, 1), (WIDTH, 2), (WIDTH, 4)] {
            layers = layers
                .push(conv(c_in, WIDTH, [3, 3]).dilation(dilation).padding(dilation))
                .push(instance_norm(WIDTH).affine(true))
                .push(Activation::LeakyRelu(0.2));
        }
        let layers = layers.push(conv(WIDTH, 1, [3, 3]).padding(1));
        Boundary { scope, layers }
    }

    /// Trained on real pictures alone, every other one of a batch put together of two; `on_loss` hears of every update.
    ///
    /// # Panics
    /// Where there are none.
    pub fn train(real: Pictures, steps: u64, seed: u64, on_loss: &mut dyn FnMut(u64, f64)) -> Boundary {
        let [height, width, channels] = real.shape;
        let detector = Boundary::new(channels, seed);
        let shapes = [vec![BATCH, height, width, channels], vec![BATCH, height, width, 1]];
        let mut learner = Learner::compile(&detector.scope, &shapes, seed, |given, _| {
            let said = detector.layers.forward(&given[0]);
            (said.softplus() - &said * &given[1]).mean()
        });
        for step in 0..steps {
            let (batch, maps) = made(real, seed, step);
            on_loss(step, learner.step(&[batch, maps], 1.0 - step as f64 / steps as f64));
        }
        learner.finish(&detector.scope);
        detector
    }

    /// How likely a boundary runs through each pixel, `[n, height, width]`.
    pub fn maps(&self, pictures: Pictures) -> Vec<f32> {
        let [height, width, _] = pictures.shape;
        let said = asked(&self.layers, pictures, height * width);
        said.into_iter().map(|height| 1.0 / (1.0 + (-height).exp())).collect()
    }

    /// How sure it is that each picture has a boundary, `[n]`: the mean over the brightest fiftieth of its map.
    pub fn scores(&self, pictures: Pictures) -> Vec<f32> {
        let [height, width, _] = pictures.shape;
        let score = |map: &[f32]| {
            let mut sorted = map.to_vec();
            sorted.sort_by(|a, b| b.total_cmp(a));
            let brightest = &sorted[..(sorted.len() / BRIGHTEST).max(1)];
            brightest.iter().sum::<f32>() / brightest.len() as f32
        };
        self.maps(pictures).chunks_exact(height * width).map(score).collect()
    }
}

/// A batch and its maps: whole pictures and such that are put together, in turn.
fn made(real: Pictures, seed: u64, step: u64) -> (Vec<f32>, Vec<f32>) {
    let [height, width, _] = real.shape;
    let (firsts, others) = (
        real.batch(seed, step, BATCH),
        real.batch(order::hash(seed, 1), step, BATCH),
    );
    let (mut batch, mut maps) = (vec![], vec![]);
    let pairs = firsts
        .chunks_exact(real.floats())
        .zip(others.chunks_exact(real.floats()));
    for (i, (first, other)) in pairs.enumerate() {
        if i % 2 == 0 {
            batch.extend_from_slice(first);
            maps.resize(maps.len() + height * width, 0.0);
        } else {
            let mask = ellipse([height, width], order::hash(order::hash(seed, step), i as u64));
            batch.extend(blended(other, first, &mask));
            maps.extend(mask.iter().map(|m| 4.0 * m * (1.0 - m)));
        }
    }
    (batch, maps)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::auroc;

    #[test]
    fn a_blend_by_hand() {
        // Inside, 0.4 and 0.8 are brought to the mean of what was there, 0.0 and 0.2: by -0.5.
        let made = blended(&[0.4, 0.8, 9.0], &[0.0, 0.2, -0.3], &[1.0, 1.0, 0.0]);
        let expected = [-0.1, 0.3, -0.3];
        assert!(
            made.iter().zip(expected).all(|(is, wanted)| (is - wanted).abs() < 1e-6),
            "{made:?}"
        );
    }

    #[test]
    fn masks_are_soft_and_in_the_middle() {
        let mask = ellipse([40, 40], 3);
        assert!(mask[20 * 40 + 20] > 0.9 && mask[0] < 0.05);
        assert!(mask.iter().any(|m| (0.3..0.7).contains(m)));
    }

    #[test]
    fn boundaries_are_found_where_they_are() {
        // Stripes of a direction for each picture: what is put together changes its direction at the edge.
        let stripes = |n: u64, i: usize| {
            let angle = order::unit(order::hash(5, n)) * 3.0;
            let along = (i % 24) as f64 * angle.cos() + (i / 24) as f64 * angle.sin();
            (1.6 * along).sin() as f32 * 0.8
        };
        let values: Vec<f32> = (0..80 * 576).map(|i| stripes((i / 576) as u64, i % 576)).collect();
        let shape = [24, 24, 1];
        let of = |range: std::ops::Range<usize>| Pictures {
            values: &values[range.start * 576..range.end * 576],
            shape,
        };
        let detector = Boundary::train(of(0..60), 250, 0, &mut |_, _| {});
        let (fresh, maps) = made(of(60..80), 99, 0);
        let fresh = Pictures { values: &fresh, shape };
        let scores = detector.scores(fresh);
        let [whole, blends] = [0, 1].map(|from| scores.iter().skip(from).step_by(2).copied().collect::<Vec<_>>());
        assert!(auroc(&whole, &blends) > 0.9, "{whole:?} {blends:?}");
        let found = detector.maps(fresh);
        let [off, on]: [Vec<f32>; 2] = [0, 1].map(|side| {
            let chosen = found.iter().zip(&maps).filter(|(_, map)| (**map > 0.5) == (side == 1));
            chosen.map(|(found, _)| *found).collect()
        });
        assert!(auroc(&off, &on) > 0.7, "{}", auroc(&off, &on));
    }
}
