//! 3D-GAN: DCGAN with a third axis, for solids.
//!
//! Wu et al. 2016, "Learning a Probabilistic Latent Space of Object Shapes via 3D Generative-Adversarial Modeling",
//! arXiv:1610.07584.
//!
//! ```text
//! L_D = E_x[softplus(-D(x))] + E_z[softplus(D(G(z)))],  0 while D is right about more than 80 % of the batch
//! L_G = E_z[softplus(-D(G(z)))]
//! ```
//!
//! Over `dcgan`: volumes, much smaller steps of the discriminator, and its rest while it is ahead. Simplified: latent numbers are
//! normal, not uniform on [0, 1]; places are in [-1, 1] by tanh, not in [0, 1] by a sigmoid; while it rests the discriminator's
//! gradient is 0, which Adam's running means still see; the volume's extents must be multiples of a power of two that leaves at
//! least 4.
use crate::data::Shape;
use crate::games::{Game, Player, Step, System};
use crate::models::{Card, Describe, Given, Section, Takes};
use crate::nn::{Activation, Init, Layer, Scope, Sequential, batch_norm, conv, conv_transpose};
use crate::objectives::non_saturating;
use crate::optimisers::OptimiserConfig;
use gany_engine::Tensor;
use serde::{Deserialize, Serialize};

/// Settings of [`Gan3d`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Examples in a batch.
    pub batch: usize,
    /// Numbers in a latent vector.
    pub z_dim: usize,
    /// Channels of the layers next to the volume; they double with every halving of the extents. The paper's at 64 places.
    pub width: usize,
    /// Share of right judgements in a batch above which the discriminator rests.
    pub rest_above: f64,
    /// The generator's optimiser.
    pub generator: OptimiserConfig,
    /// The discriminator's optimiser.
    pub discriminator: OptimiserConfig,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            batch: 100,
            z_dim: 200,
            width: 64,
            rest_above: 0.8,
            generator: OptimiserConfig::adam(2.5e-3, [0.5, 0.999]),
            discriminator: OptimiserConfig::adam(1e-5, [0.5, 0.999]),
        }
    }
}

/// 3D-GAN.
pub struct Gan3d {
    config: Config,
    generator: Sequential,
    discriminator: Sequential,
}

/// Extents and channels of a volume, and how often the extents are halved.
fn levels(sample: &Shape) -> ([usize; 3], usize, usize) {
    let Shape::Volume {
        depth,
        height,
        width,
        channels,
        ..
    } = *sample
    else {
        panic!("checked: this system needs volumes")
    };
    let extents = [depth, height, width];
    let halves = |levels: usize| {
        extents
            .iter()
            .all(|e| e.is_multiple_of(1 << levels) && e >> levels >= 4)
    };
    let levels = (1..).take_while(|&levels| halves(levels)).last();
    (
        extents,
        channels,
        levels.expect("volumes of 8 places or more along each axis"),
    )
}

/// Transposed convolutions `[n, z_dim]` to `[n, depth, height, width, channels]`.
fn generator(scope: &Scope, sample: &Shape, z_dim: usize, width: usize) -> Sequential {
    let (extents, channels, levels) = levels(sample);
    let mut c = width << (levels - 1);
    let doubling = |c_in, c_out| {
        conv_transpose(c_in, c_out, [4, 4, 4])
            .stride(2)
            .padding(1)
            .bias(false)
            .init(Init::DCGAN)
    };
    let first = conv_transpose(z_dim, c, extents.map(|extent| extent >> levels));
    let mut layers = Sequential::new(scope)
        .push(move |z: &Tensor| z.reshape(&[z.extent(0), 1, 1, 1, z_dim]))
        .push(first.bias(false).init(Init::DCGAN))
        .push(batch_norm(c))
        .push(Activation::Relu);
    for _ in 1..levels {
        layers = layers
            .push(doubling(c, c / 2))
            .push(batch_norm(c / 2))
            .push(Activation::Relu);
        c /= 2;
    }
    layers.push(doubling(c, channels)).push(Activation::Tanh)
}

/// Convolutions `[n, depth, height, width, channels]` to logits `[n]`.
fn discriminator(scope: &Scope, sample: &Shape, width: usize) -> Sequential {
    let (extents, channels, levels) = levels(sample);
    let halving = |c_in, c_out| {
        conv(c_in, c_out, [4, 4, 4])
            .stride(2)
            .padding(1)
            .bias(false)
            .init(Init::DCGAN)
    };
    let mut layers = Sequential::new(scope)
        .push(halving(channels, width))
        .push(Activation::LeakyRelu(0.2));
    let mut c = width;
    for _ in 1..levels {
        layers = layers
            .push(halving(c, 2 * c))
            .push(batch_norm(2 * c))
            .push(Activation::LeakyRelu(0.2));
        c *= 2;
    }
    let last = conv(c, 1, extents.map(|extent| extent >> levels));
    layers
        .push(last.bias(false).init(Init::DCGAN))
        .push(|x: &Tensor| x.reshape(&[x.extent(0)]))
}

/// 1 where the discriminator is to move: where it is right about no more than this share of a batch.
fn moves(logits_real: &Tensor, logits_fake: &Tensor, rest_above: f64) -> Tensor {
    let right = (logits_real.positive().mean() + (1.0 - logits_fake.positive().mean())) * 0.5;
    right.le(&Tensor::full(right.dtype(), &[], rest_above))
}

impl Gan3d {
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
        let moves = moves(&logits_real, &logits_fake, self.config.rest_above);
        s.report("moves.discriminator", &moves);
        non_saturating::discriminator(&logits_real, &logits_fake) * moves
    }

    fn generator_loss(&self, s: &Step) -> Tensor {
        non_saturating::generator(&self.discriminator.forward(&self.generate(s)))
    }
}

impl System for Gan3d {
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

impl Describe for Gan3d {
    type Config = Config;

    const CARD: Card = Card {
        id: "gan3d",
        section: Section::Architecture,
        title: "3D-GAN",
        paper: "Wu et al. 2016, Learning a Probabilistic Latent Space of Object Shapes via 3D Generative-Adversarial Modeling, arXiv:1610.07584",
        idea: "Convolutions over three axes make solids, and the discriminator rests while it is ahead.",
        equations: &[
            "L_D = E_x[softplus(-D(x))] + E_z[softplus(D(G(z)))],  0 while D is right about more than 80 %",
            "L_G = E_z[softplus(-D(G(z)))]",
        ],
        needs: &[],
        takes: Takes::Volumes,
        data: "shapes",
        over: Some("dcgan"),
    };

    fn build(config: Config, given: &Given, scope: &Scope) -> Self {
        Gan3d {
            generator: generator(&scope.at("generator"), &given.sample, config.z_dim, config.width),
            discriminator: discriminator(&scope.at("discriminator"), &given.sample, config.width),
            config,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Right about three of four, the discriminator moves; right about all, it rests.
    #[test]
    fn the_discriminator_rests_while_it_is_ahead() {
        let real = Tensor::from_f64(&[2], &[1.0, 2.0]);
        let fake = |last: f64| Tensor::from_f64(&[2], &[-1.0, last]);
        assert_eq!(moves(&real, &fake(1.0), 0.8).to_f64(), [1.0]);
        assert_eq!(moves(&real, &fake(-1.0), 0.8).to_f64(), [0.0]);
    }
}
