//! Age-cGAN: how would this face look at another age? Find it in a conditional GAN, then ask for the other condition.
//!
//! Antipov et al. 2017, "Face Aging with Conditional Generative Adversarial Networks", arXiv:1702.01983, sections 2.2 and 2.3.
//!
//! ```text
//! L_D, L_G as of `cgan`, y being the age
//! L_E = E_{z, y}[|E(G(z, y)) - z|^2]                   a first guess of z, learned from samples
//! z(x) = argmin_z A(z; x, y),  from E(x)               latent optimisation that keeps who it is
//! x at age y' = G(z(x), y')
//! ```
//!
//! Over `cgan`: the encoder E, and the search, a [`Search`](crate::games::Search). Simplifications: A compares pixels and what
//! the discriminator decides by, where the paper has the features of a recogniser of faces, which other pictures lack; E learns
//! beside the GAN instead of after it, which neither player of it notices.
use crate::data::Field;
use crate::games::{Function, Game, Player, Space, Step, System, difference};
use crate::models::architecture::dcgan;
use crate::models::conditional::cgan::{self, Cgan};
use crate::models::{Card, Describe, Given, Section, Takes};
use crate::nn::{Layer, Scope, Sequential};
use crate::optimisers::OptimiserConfig;
use gany_engine::Tensor;
use serde::{Deserialize, Serialize};

/// Settings of [`AgeCgan`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Examples in a batch.
    pub batch: usize,
    /// Numbers in a latent vector.
    pub z_dim: usize,
    /// Channels of the layers next to the picture.
    pub width: usize,
    /// Weight of the discriminator's features in A beside that of pixels, 0 to 1.
    pub feature_weight: f64,
    /// Decay of the moving average of the generator's weights that pictures are made and found by; 0: by the weights themselves.
    #[serde(default)]
    pub average_decay: f64,
    /// The generator's optimiser.
    pub generator: OptimiserConfig,
    /// The discriminator's optimiser.
    pub discriminator: OptimiserConfig,
    /// The encoder's optimiser.
    pub encoder: OptimiserConfig,
}

impl Default for Config {
    fn default() -> Self {
        let adam = OptimiserConfig::adam(2e-4, [0.5, 0.999]);
        Config {
            batch: 64,
            z_dim: 100,
            width: 64,
            feature_weight: 0.1,
            average_decay: 0.0,
            generator: adam,
            discriminator: adam,
            encoder: adam,
        }
    }
}

/// A conditional GAN with a way back from pictures.
pub struct AgeCgan {
    config: Config,
    cgan: Cgan,
    encoder: Sequential,
}

impl AgeCgan {
    fn encoder_loss(&self, s: &Step) -> Tensor {
        let z = s.normal(&[s.batch(), self.config.z_dim]);
        let x_fake = self.cgan.generate(&z, s.y()).detach();
        (self.encoder.forward(&x_fake) - z).square().sum_axes(&[1]).mean()
    }
}

impl System for AgeCgan {
    fn game(&self) -> Game {
        self.cgan.game().then(Player::new("encoder", self.config.encoder), 1)
    }

    fn loss(&self, player: &str, s: &Step) -> Tensor {
        match player {
            "encoder" => self.encoder_loss(s),
            player => self.cgan.loss(player, s),
        }
    }

    fn judge(&self, x: &Tensor, y: Option<&Tensor>) -> Option<Tensor> {
        self.cgan.judge(x, y)
    }

    fn average_decay(&self) -> f64 {
        self.config.average_decay
    }

    fn z_dim(&self) -> usize {
        self.config.z_dim
    }

    fn classes(&self) -> Option<usize> {
        self.cgan.classes()
    }

    fn sample(&self, z: &Tensor, y: Option<&Tensor>) -> Tensor {
        self.cgan.sample(z, y)
    }

    /// A of pictures x of ages y.
    fn misfit(&self, z: &Tensor, y: Option<&Tensor>, x: &Tensor) -> Tensor {
        let (made, y) = (
            self.sample(z, y),
            y.expect("a conditional system is asked with classes"),
        );
        let [of_example, of_made] = [x, &made].map(|x| self.cgan.features(x, y));
        let weight = self.config.feature_weight;
        difference(x, &made) * (1.0 - weight) + difference(&of_example, &of_made) * weight
    }

    fn functions(&self) -> Vec<Function> {
        vec![Function::of_x("encode", Space::Latent)]
    }

    fn apply(&self, _: &str, x: &Tensor) -> Tensor {
        self.encoder.forward(x)
    }
}

impl Describe for AgeCgan {
    type Config = Config;

    const CARD: Card = Card {
        id: "age_cgan",
        section: Section::Conditional,
        title: "Age-cGAN",
        paper: "Antipov et al. 2017, Face Aging with Conditional Generative Adversarial Networks, arXiv:1702.01983",
        idea: "A face is found in a conditional GAN, whose condition is its age, and asked for at another age.",
        equations: &[
            "L_D, L_G as of cgan,  L_E = E_{z, y}[|E(G(z, y)) - z|^2]",
            "z(x) = argmin_z (1 - w) sum |x - G(z, y)| + w sum |f(x, y) - f(G(z, y), y)|,  x at age y' = G(z(x), y')",
        ],
        needs: &[Field::Y],
        takes: Takes::Pictures,
        data: "mnist",
        over: Some("cgan"),
    };

    fn build(config: Config, given: &Given, scope: &Scope) -> Self {
        let networks = cgan::Config {
            batch: config.batch,
            z_dim: config.z_dim,
            width: config.width,
            generator: config.generator,
            discriminator: config.discriminator,
        };
        AgeCgan {
            cgan: Cgan::build(networks, given, scope),
            encoder: dcgan::encoder(&scope.at("encoder"), &given.sample, config.z_dim, config.width, true),
            config,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Shape;
    use gany_engine::DType;

    /// A latent vector fits the picture that it makes at an age, and no picture that it makes at another age.
    #[test]
    fn a_picture_is_looked_for_at_its_own_age() {
        let sample = Shape::Picture {
            height: 8,
            width: 8,
            channels: 1,
        };
        let (given, scope) = (Given::of(sample, Some(3)), Scope::new(DType::F64, 0));
        let config = Config {
            z_dim: 4,
            width: 8,
            ..Config::default()
        };
        let age_cgan = AgeCgan::build(config, &given, &scope);
        let z = Tensor::from_f64(&[1, 4], &[0.3, -1.2, 0.8, 0.1]);
        let age = |y: f64| Tensor::full(DType::F64, &[1], y);
        // Each batch of one is normalised by itself, so batch statistics are not asked for.
        crate::nn::evaluating(|| {
            let old = age_cgan.sample(&z, Some(&age(2.0)));
            assert_eq!(age_cgan.misfit(&z, Some(&age(2.0)), &old).to_f64(), [0.0]);
            assert!(age_cgan.misfit(&z, Some(&age(0.0)), &old).to_f64()[0] > 0.0);
        });
    }
}
