//! Conditional GAN: both networks are told the class, so samples of a class can be asked for.
//!
//! Mirza and Osindero 2014, "Conditional Generative Adversarial Nets", arXiv:1411.1784.
//!
//! ```text
//! L_D = E_x[softplus(-D(x, y))] + E_z[softplus(D(G(z, y), y))]      equation 2, D gives logits
//! L_G = E_z[softplus(-D(G(z, y), y))]
//! ```
//!
//! Over `dcgan`, whose networks it takes where the paper has dense ones: the class as numbers 0 and 1 beside the latent
//! vector, and as constant planes beside the picture's channels.
use crate::data::Field;
use crate::games::{Game, Player, Step, System};
use crate::models::architecture::dcgan;
use crate::models::{Card, Describe, Given, Section, Takes};
use crate::nn::{Layer, Scope, Sequential, beside};
use crate::objectives::non_saturating;
use crate::optimisers::OptimiserConfig;
use gany_engine::Tensor;
use serde::{Deserialize, Serialize};

/// Settings of [`Cgan`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Examples in a batch.
    pub batch: usize,
    /// Numbers in a latent vector.
    pub z_dim: usize,
    /// Channels of the layers next to the picture.
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

/// The conditional GAN.
pub struct Cgan {
    config: Config,
    classes: usize,
    generator: Sequential,
    discriminator: Sequential,
}

impl Cgan {
    /// Samples `[n, ..]` for latent vectors `[n, z_dim]` of classes `[n]`.
    pub fn generate(&self, z: &Tensor, y: &Tensor) -> Tensor {
        self.generator.forward(&beside(z, &y.one_hot(self.classes)))
    }

    fn logits(&self, x: &Tensor, y: &Tensor) -> Tensor {
        self.discriminator.forward(&beside(x, &y.one_hot(self.classes)))
    }

    /// What the discriminator decides by, of pictures `[n, ..]` of classes `[n]`.
    pub fn features(&self, x: &Tensor, y: &Tensor) -> Tensor {
        self.discriminator.features(&beside(x, &y.one_hot(self.classes)))
    }

    fn x_fake(&self, s: &Step) -> Tensor {
        s.once("x_fake", || {
            self.generate(&s.normal(&[s.batch(), self.config.z_dim]), s.y())
        })
    }

    fn discriminator_loss(&self, s: &Step) -> Tensor {
        let logits_real = self.logits(s.x(), s.y());
        let logits_fake = self.logits(&self.x_fake(s).detach(), s.y());
        s.report_discriminator(&logits_real, &logits_fake);
        non_saturating::discriminator(&logits_real, &logits_fake)
    }

    fn generator_loss(&self, s: &Step) -> Tensor {
        non_saturating::generator(&self.logits(&self.x_fake(s), s.y()))
    }
}

impl System for Cgan {
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

    fn judge(&self, x: &Tensor, y: Option<&Tensor>) -> Option<Tensor> {
        Some(self.logits(x, y?))
    }

    fn z_dim(&self) -> usize {
        self.config.z_dim
    }

    fn classes(&self) -> Option<usize> {
        Some(self.classes)
    }

    fn sample(&self, z: &Tensor, y: Option<&Tensor>) -> Tensor {
        self.generate(z, y.expect("a conditional system is asked with classes"))
    }
}

impl Describe for Cgan {
    type Config = Config;

    const CARD: Card = Card {
        id: "cgan",
        section: Section::Conditional,
        title: "Conditional GAN",
        paper: "Mirza and Osindero 2014, Conditional Generative Adversarial Nets, arXiv:1411.1784",
        idea: "Both networks are told the class, so samples of a class can be asked for.",
        equations: &[
            "L_D = E_x[softplus(-D(x, y))] + E_z[softplus(D(G(z, y), y))]",
            "L_G = E_z[softplus(-D(G(z, y), y))]",
        ],
        needs: &[Field::Y],
        takes: Takes::Pictures,
        data: "mnist",
        over: Some("gan"),
    };

    fn build(config: Config, given: &Given, scope: &Scope) -> Self {
        let classes = given.classes.expect("checked: this system needs labels");
        Cgan {
            generator: dcgan::generator(
                &scope.at("generator"),
                &given.sample,
                config.z_dim + classes,
                config.width,
            ),
            discriminator: dcgan::discriminator(
                &scope.at("discriminator"),
                &given.sample.beside(classes),
                config.width,
                true,
            ),
            classes,
            config,
        }
    }
}
