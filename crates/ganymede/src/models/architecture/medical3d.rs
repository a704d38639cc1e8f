//! HA-GAN: volumes of medicine at full resolution, of which training never holds more than a slab.
//!
//! Sun et al. 2022, "Hierarchical Amortized GAN for 3D High Resolution Medical Image Synthesis", arXiv:2008.01910.
//!
//! ```text
//! a = G_A(z)  features at half the resolution;   x^_low = G_L(a)  all of the volume;   x^_r = G_H(a at slab r)
//! L_D = E[softplus(-D_H(x_r, r)) + softplus(-D_L(x_low))] + E[softplus(D_H(x^_r, r)) + softplus(D_L(x^_low))]
//! L_G = E[softplus(-D_H(x^_r, r)) + softplus(-D_L(x^_low))]
//! ```
//!
//! Over `gan3d`: the features that two generators share, and slabs of a quarter of the depth at a random place r, which D_H is told,
//! so that memory grows with the slab and not with the volume; samples are made whole. Simplified: no encoders and hence no
//! reconstruction; batch normalisation for group normalisation; half the resolution where the paper has a quarter; one place for
//! all slabs of a batch.
use crate::data::Shape;
use crate::games::{Game, Player, Step, System};
use crate::models::{Card, Describe, Given, Section, Takes};
use crate::nn::{Activation, Layer, Scope, Sequential, batch_norm, conv, conv_transpose, dense, spectral};
use crate::objectives::non_saturating;
use crate::optimisers::OptimiserConfig;
use gany_engine::{Tensor, concat};
use serde::{Deserialize, Serialize};

/// Settings of [`Medical3d`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Examples in a batch.
    pub batch: usize,
    /// Numbers in a latent vector.
    pub z_dim: usize,
    /// Channels of the shared features and of the discriminators' first layers.
    pub width: usize,
    /// Decay of the moving average of the generator's weights that samples are made by; 0: by the weights themselves.
    #[serde(default)]
    pub average_decay: f64,
    /// The generator's optimiser, of all three parts.
    pub generator: OptimiserConfig,
    /// The discriminators' optimiser.
    pub discriminator: OptimiserConfig,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            batch: 4,
            z_dim: 1024,
            width: 32,
            average_decay: 0.0,
            generator: OptimiserConfig::adam(1e-4, [0.0, 0.999]),
            discriminator: OptimiserConfig::adam(4e-4, [0.0, 0.999]),
        }
    }
}

/// HA-GAN.
pub struct Medical3d {
    config: Config,
    extents: [usize; 3],
    features: Sequential,
    low: Sequential,
    high: Sequential,
    judge_low: Sequential,
    judge_high: Sequential,
}

/// Extents are multiples of this: three doublings make a volume.
const MULTIPLE: usize = 8;
/// Slabs in the depth of a volume.
const SLABS: usize = 4;

/// `[n, z_dim]` to features at half the resolution, `[n, depth / 2, height / 2, width / 2, width]`.
fn shared(scope: &Scope, [depth, height, width]: [usize; 3], config: &Config) -> Sequential {
    let (z_dim, c) = (config.z_dim, config.width);
    let first = conv_transpose(z_dim, 4 * c, [depth / 8, height / 8, width / 8]).bias(false);
    let mut layers = Sequential::new(scope)
        .push(move |z: &Tensor| z.reshape(&[z.extent(0), 1, 1, 1, z_dim]))
        .push(first)
        .push(batch_norm(4 * c))
        .push(Activation::Relu);
    for (wide, narrow) in [(4 * c, 2 * c), (2 * c, c)] {
        layers = doubled(layers, wide, narrow);
    }
    layers
}

/// Twice the extents: each place eight times, and a convolution over them, which leaves no pattern of its own as transposed ones do.
fn doubled(layers: Sequential, wide: usize, narrow: usize) -> Sequential {
    layers
        .push(|x: &Tensor| x.upsample_nearest(2))
        .push(conv(wide, narrow, [3, 3, 3]).padding(1).bias(false))
        .push(batch_norm(narrow))
        .push(Activation::Relu)
}

/// Features to a volume as large as they are.
fn drawing_low(scope: &Scope, c: usize, channels: usize) -> Sequential {
    Sequential::new(scope)
        .push(conv(c, channels, [3, 3, 3]).padding(1))
        .push(Activation::Tanh)
}

/// Features, or a slab of them, to a volume twice as large along each axis.
fn drawing_high(scope: &Scope, c: usize, channels: usize) -> Sequential {
    doubled(Sequential::new(scope), c, c / 2)
        .push(conv(c / 2, channels, [3, 3, 3]).padding(1))
        .push(Activation::Tanh)
}

/// Volumes of these extents and channels to logits `[n]`: convolutions that halve every axis that is longer than two places.
fn judging(scope: &Scope, extents: [usize; 3], channels: usize, width: usize) -> Sequential {
    let (mut extents, mut c, mut wider) = (extents, channels, width);
    let mut layers = Sequential::new(scope);
    while extents.iter().any(|extent| *extent > 4) {
        let stride = extents.map(|extent| if extent > 2 { 2 } else { 1 });
        layers = layers
            .push(spectral(conv(c, wider, [3, 3, 3]).stride(stride).padding(1)))
            .push(Activation::LeakyRelu(0.2));
        extents = [0, 1, 2].map(|axis| extents[axis].div_ceil(stride[axis]));
        (c, wider) = (wider, 2 * wider);
    }
    layers
        .push(|x: &Tensor| x.flatten_from(1))
        .push(spectral(dense(c * extents.iter().product::<usize>(), 1)))
        .push(|x: &Tensor| x.reshape(&[x.extent(0)]))
}

/// `count` slices along the depth of `x [n, depth, ..]`, the first of them number `start`, a scalar.
fn slab(x: &Tensor, start: &Tensor, count: usize) -> Tensor {
    let slices = Tensor::arange(x.dtype(), count) + start.reshape(&[1]);
    let depth_first = [1, 0, 2, 3, 4];
    x.permute(&depth_first).gather(&slices).permute(&depth_first)
}

impl Medical3d {
    /// Where this step's slab begins among the slices of the features: a whole number.
    fn start(&self, s: &Step) -> Tensor {
        let features = self.extents[0] / 2;
        let starts = features - features / SLABS + 1;
        s.once("start", || (s.uniform(&[1]) * starts as f64).floor())
    }

    /// A slab of the volume as D_H sees it, with its place, from -1 at the first slice to 1, as another channel.
    fn placed(&self, slab: &Tensor, start: &Tensor) -> Tensor {
        let last = (self.extents[0] / 2 - self.extents[0] / 2 / SLABS).max(1);
        let mut shape = slab.shape().to_vec();
        shape[4] = 1;
        let place = (start * (2.0 / last as f64) - 1.0).reshape(&[1, 1, 1, 1, 1]);
        concat(&[slab.clone(), place.broadcast_to(&shape)], 4)
    }

    /// What both players see of this step's samples: the small volume, and the slab with its place.
    fn made(&self, s: &Step) -> [Tensor; 2] {
        let a = s.once("a", || {
            self.features.forward(&s.normal(&[s.batch(), self.config.z_dim]))
        });
        let start = self.start(s);
        let low = s.once("x_low", || self.low.forward(&a));
        let count = self.extents[0] / 2 / SLABS;
        let high = s.once("x_high", || self.high.forward(&slab(&a, &start, count)));
        [low, self.placed(&high, &start)]
    }

    /// The same of this step's data.
    fn real(&self, s: &Step) -> [Tensor; 2] {
        let start = self.start(s);
        let high = slab(s.x(), &(&start * 2.0), self.extents[0] / SLABS);
        [s.x().average_pool(2), self.placed(&high, &start)]
    }

    fn discriminator_loss(&self, s: &Step) -> Tensor {
        let [real, fake] = [self.real(s), self.made(s).map(|x| x.detach())];
        let logits = |[low, high]: &[Tensor; 2]| [self.judge_low.forward(low), self.judge_high.forward(high)];
        let ([real_low, real_high], [fake_low, fake_high]) = (logits(&real), logits(&fake));
        s.report_discriminator(&real_high, &fake_high);
        non_saturating::discriminator(&real_low, &fake_low) + non_saturating::discriminator(&real_high, &fake_high)
    }

    fn generator_loss(&self, s: &Step) -> Tensor {
        let [low, high] = self.made(s);
        non_saturating::generator(&self.judge_low.forward(&low))
            + non_saturating::generator(&self.judge_high.forward(&high))
    }
}

impl System for Medical3d {
    fn game(&self) -> Game {
        Game::step(Player::new("discriminator", self.config.discriminator), 1)
            .then(Player::new("generator", self.config.generator), 1)
    }

    fn loss(&self, player: &str, s: &Step) -> Tensor {
        match player {
            "discriminator" => self.discriminator_loss(s),
            _ => self.generator_loss(s),
        }
    }

    fn judge(&self, x: &Tensor, _: Option<&Tensor>) -> Option<Tensor> {
        Some(self.judge_low.forward(&x.average_pool(2)))
    }

    fn average_decay(&self) -> f64 {
        self.config.average_decay
    }

    fn z_dim(&self) -> usize {
        self.config.z_dim
    }

    fn sample(&self, z: &Tensor, _: Option<&Tensor>) -> Tensor {
        self.high.forward(&self.features.forward(z))
    }
}

impl Describe for Medical3d {
    type Config = Config;

    const CARD: Card = Card {
        id: "medical3d",
        section: Section::Architecture,
        title: "HA-GAN",
        paper: "Sun et al. 2022, Hierarchical Amortized GAN for 3D High Resolution Medical Image Synthesis, arXiv:2008.01910",
        idea: "Large volumes are learnt as a small whole and slabs at full resolution, which share their features.",
        equations: &[
            "a = G_A(z),  x^_low = G_L(a),  x^_r = G_H(a at slab r)",
            "L_D = E[softplus(-D_H(x_r, r)) + softplus(-D_L(x_low))] + E[softplus(D_H(x^_r, r)) + softplus(D_L(x^_low))]",
            "L_G = E[softplus(-D_H(x^_r, r)) + softplus(-D_L(x^_low))]",
        ],
        needs: &[],
        takes: Takes::Volumes,
        data: "mri",
        over: Some("gan3d"),
    };

    fn check(_: &Config, given: &Given) -> Result<(), String> {
        match given.sample {
            Shape::Volume {
                depth, height, width, ..
            } if ![depth, height, width]
                .iter()
                .all(|extent| extent.is_multiple_of(MULTIPLE)) =>
            {
                Err(format!(
                    "expected volumes whose extents are multiples of {MULTIPLE}, got {width}x{height}x{depth}"
                ))
            }
            _ => Ok(()),
        }
    }

    fn build(config: Config, given: &Given, scope: &Scope) -> Self {
        let Shape::Volume {
            depth,
            height,
            width,
            channels,
            ..
        } = given.sample
        else {
            panic!("checked: this system needs volumes")
        };
        let extents = [depth, height, width];
        let (generator, discriminator) = (scope.at("generator"), scope.at("discriminator"));
        Medical3d {
            features: shared(&generator.at("features"), extents, &config),
            low: drawing_low(&generator.at("low"), config.width, channels),
            high: drawing_high(&generator.at("high"), config.width, channels),
            judge_low: judging(&discriminator.at("low"), extents.map(|e| e / 2), channels, config.width),
            judge_high: judging(
                &discriminator.at("high"),
                [depth / SLABS, height, width],
                channels + 1,
                config.width,
            ),
            extents,
            config,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::games::Play;
    use gany_engine::DType;

    fn given(depth: usize, side: usize) -> Given {
        let sample = Shape::Volume {
            depth,
            height: side,
            width: side,
            channels: 1,
            is_scan: true,
        };
        Given::of(sample, None)
    }

    fn built() -> (Medical3d, Scope) {
        let config = Config {
            batch: 2,
            z_dim: 3,
            width: 4,
            ..Config::default()
        };
        let scope = Scope::new(DType::F32, 0);
        (Medical3d::build(config, &given(16, 8), &scope), scope)
    }

    #[test]
    fn slabs_are_slices_in_their_order() {
        let x = Tensor::arange(DType::F64, 12).reshape(&[2, 3, 2, 1, 1]);
        let cut = slab(&x, &Tensor::from_f64(&[1], &[1.0]), 2);
        assert_eq!(cut.shape(), [2, 2, 2, 1, 1]);
        assert_eq!(cut.to_f64(), [2.0, 3.0, 4.0, 5.0, 8.0, 9.0, 10.0, 11.0]);
    }

    #[test]
    fn a_slab_says_where_it_is() {
        let (system, _) = built();
        let x = Tensor::full(DType::F32, &[1, 4, 8, 8, 1], 0.5);
        for (start, place) in [(0.0, -1.0), (3.0, 0.0), (6.0, 1.0)] {
            let placed = system.placed(&x, &Tensor::from_f32(&[1], &[start])).to_f64();
            assert_eq!(placed[..2], [0.5, place]);
        }
    }

    /// The features of a slab are those of the whole, so inside of a slab both are drawn alike.
    #[test]
    fn slabs_of_features_draw_what_the_whole_draws() {
        let (system, _) = built();
        let z = Tensor::from_f32(&[2, 3], &[0.3, -1.0, 0.7, 1.1, 0.0, -0.4]);
        crate::nn::evaluating(|| {
            let a = system.features.forward(&z);
            let whole = system.high.forward(&a).to_f64();
            let start = Tensor::from_f32(&[1], &[2.0]);
            let part = system.high.forward(&slab(&a, &start, 4)).to_f64();
            // Slices 6 and 7 of sixteen are slices 2 and 3 of the eight from slice 4 on.
            for (slice, inside) in [(6, 2), (7, 3)] {
                let of = |values: &[f64], slice: usize| values[slice * 64..][..64].to_vec();
                let (expected, got) = (of(&whole, slice), of(&part, inside));
                assert!(
                    expected.iter().zip(&got).all(|(a, b)| (a - b).abs() < 1e-5),
                    "slice {slice}"
                );
            }
        });
    }

    #[test]
    fn a_step_is_finite_and_extents_are_checked() {
        let (system, scope) = built();
        let mut play = Play::new(Box::new(system), scope, given(16, 8).of_batch(2), 0);
        (0..3).for_each(|n| play.step(n));
        assert!(play.reports(2)["loss.generator"].is_finite());
        let error = Medical3d::check(&Config::default(), &given(16, 12)).unwrap_err();
        assert_eq!(error, "expected volumes whose extents are multiples of 8, got 12x12x16");
    }
}
