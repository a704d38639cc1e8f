//! DCGAN: convolutions all the way; what made GANs of pictures train.
//!
//! Radford et al. 2015, "Unsupervised Representation Learning with Deep Convolutional Generative Adversarial Networks",
//! arXiv:1511.06434.
//!
//! ```text
//! L_D = E_x[softplus(-D(x))] + E_z[softplus(D(G(z)))]
//! L_G = E_z[softplus(-D(G(z)))]
//! ```
//!
//! Over `gan`: transposed convolutions of stride 2 in the generator, convolutions of stride 2 in the discriminator, batch
//! normalisation but for the generator's last and the discriminator's first layer, no pooling and no dense layer. Any size
//! and aspect: sides are halved while both stay at least 4, and what the generator makes too much is cut off.
use crate::data::Shape;
use crate::games::{Game, Player, Step, System};
use crate::models::architecture::pyramid::Pyramid;
use crate::models::{Card, Describe, Given, Section, Takes};
use crate::nn::{Activation, Init, Layer, Scope, Sequential, batch_norm, conv, conv_transpose};
use crate::objectives::non_saturating;
use crate::optimisers::OptimiserConfig;
use gany_engine::Tensor;
use serde::{Deserialize, Serialize};

/// Settings of [`Dcgan`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Examples in a batch.
    pub batch: usize,
    /// Numbers in a latent vector.
    pub z_dim: usize,
    /// Channels of the layers next to the picture; they double with every halving of the sides.
    pub width: usize,
    /// The generator's optimiser.
    pub generator: OptimiserConfig,
    /// The discriminator's optimiser.
    pub discriminator: OptimiserConfig,
}

impl Default for Config {
    fn default() -> Self {
        let adam = OptimiserConfig::adam(2e-4, [0.5, 0.999]);
        Config {
            batch: 64,
            z_dim: 100,
            width: 64,
            generator: adam,
            discriminator: adam,
        }
    }
}

/// DCGAN.
pub struct Dcgan {
    config: Config,
    generator: Sequential,
    discriminator: Sequential,
}

/// Transposed convolutions from a latent vector to a picture in [-1, 1].
///
/// # Shapes
/// `[n, z_dim]` to `[n, height, width, channels]`.
///
/// # Panics
/// Where the data are points.
pub fn generator(scope: &Scope, sample: &Shape, z_dim: usize, width: usize) -> Sequential {
    decoder(scope, sample, z_dim, width).push(Activation::Tanh)
}

/// The generator before its last nonlinearity: numbers without bounds.
///
/// # Shapes
/// `[n, z_dim]` to `[n, height, width, channels]`.
///
/// # Panics
/// Where the data are points.
pub fn decoder(scope: &Scope, sample: &Shape, z_dim: usize, width: usize) -> Sequential {
    let pyramid = Pyramid::of(sample);
    let (levels, channels) = (pyramid.levels, pyramid.channels);
    let mut c = width << levels.saturating_sub(1);
    let mut layers = Sequential::new(scope)
        .push(move |z: &Tensor| z.reshape(&[z.extent(0), 1, 1, z_dim]))
        .push(conv_transpose(z_dim, c, pyramid.smallest).bias(false).init(Init::DCGAN))
        .push(batch_norm(c))
        .push(Activation::Relu);
    for _ in 1..levels {
        layers = layers
            .push(
                conv_transpose(c, c / 2, [4, 4])
                    .stride(2)
                    .padding(1)
                    .bias(false)
                    .init(Init::DCGAN),
            )
            .push(batch_norm(c / 2))
            .push(Activation::Relu);
        c /= 2;
    }
    let last = conv_transpose(c, channels, [4, 4]).bias(false).init(Init::DCGAN);
    layers
        .push(last.stride(2).padding(1))
        .push(move |x: &Tensor| pyramid.cropped(x))
}

/// Convolutions from a picture to a logit.
///
/// # Shapes
/// `[n, height, width, channels]` to `[n]`.
///
/// # Panics
/// Where the data are points.
pub fn discriminator(scope: &Scope, sample: &Shape, width: usize, has_batch_norm: bool) -> Sequential {
    encoder(scope, sample, 1, width, has_batch_norm).push(|x: &Tensor| x.reshape(&[x.extent(0)]))
}

/// The discriminator with as many numbers as one likes for its one.
///
/// # Shapes
/// `[n, height, width, channels]` to `[n, outputs]`.
///
/// # Panics
/// Where the data are points.
pub fn encoder(scope: &Scope, sample: &Shape, outputs: usize, width: usize, has_batch_norm: bool) -> Sequential {
    let pyramid = Pyramid::of(sample);
    let (levels, [height, columns]) = (pyramid.levels, pyramid.picture);
    let mut layers = Sequential::new(scope)
        .push(
            conv(pyramid.channels, width, [4, 4])
                .stride(2)
                .padding(1)
                .bias(false)
                .init(Init::DCGAN),
        )
        .push(Activation::LeakyRelu(0.2));
    let mut c = width;
    for _ in 1..levels {
        layers = layers.push(
            conv(c, 2 * c, [4, 4])
                .stride(2)
                .padding(1)
                .bias(false)
                .init(Init::DCGAN),
        );
        if has_batch_norm {
            layers = layers.push(batch_norm(2 * c));
        }
        layers = layers.push(Activation::LeakyRelu(0.2));
        c *= 2;
    }
    layers
        .push(
            conv(c, outputs, [height, columns].map(|side| side >> levels.max(1)))
                .bias(false)
                .init(Init::DCGAN),
        )
        .push(|x: &Tensor| x.flatten_from(1))
}

impl Dcgan {
    /// What the discriminator's last layer decides by, of pictures `[n, height, width, channels]`.
    pub fn features(&self, x: &Tensor) -> Tensor {
        self.discriminator.features(x)
    }

    fn generate(&self, s: &Step) -> Tensor {
        s.once("x_fake", || {
            self.generator.forward(&s.normal(&[s.batch(), self.config.z_dim]))
        })
    }

    fn discriminator_loss(&self, s: &Step) -> Tensor {
        let x_fake = self.generate(s);
        let logits_real = self.discriminator.forward(s.x());
        let logits_fake = self.discriminator.forward(&x_fake.detach());
        s.report_discriminator(&logits_real, &logits_fake);
        non_saturating::discriminator(&logits_real, &logits_fake)
    }

    fn generator_loss(&self, s: &Step) -> Tensor {
        non_saturating::generator(&self.discriminator.forward(&self.generate(s)))
    }
}

impl System for Dcgan {
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
        Some(self.discriminator.forward(x))
    }

    fn z_dim(&self) -> usize {
        self.config.z_dim
    }

    fn sample(&self, z: &Tensor, _: Option<&Tensor>) -> Tensor {
        self.generator.forward(z)
    }
}

impl Describe for Dcgan {
    type Config = Config;

    const CARD: Card = Card {
        id: "dcgan",
        section: Section::Architecture,
        title: "DCGAN",
        paper: "Radford et al. 2015, Unsupervised Representation Learning with DCGANs, arXiv:1511.06434",
        idea: "Strided convolutions and batch normalisation in both networks make GANs of pictures train.",
        equations: &[
            "L_D = E_x[softplus(-D(x))] + E_z[softplus(D(G(z)))]",
            "L_G = E_z[softplus(-D(G(z)))]",
        ],
        needs: &[],
        takes: Takes::Pictures,
        data: "fashion-mnist",
        over: Some("gan"),
    };

    fn build(config: Config, given: &Given, scope: &Scope) -> Self {
        Dcgan {
            generator: generator(&scope.at("generator"), &given.sample, config.z_dim, config.width),
            discriminator: discriminator(&scope.at("discriminator"), &given.sample, config.width, true),
            config,
        }
    }
}
