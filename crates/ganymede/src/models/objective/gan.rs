//! GAN: a generator learns to make what a discriminator cannot tell from the data.
//!
//! Goodfellow et al. 2014, "Generative Adversarial Networks", arXiv:1406.2661.
//!
//! ```text
//! L_D = E_x[softplus(-D(x))] + E_z[softplus(D(G(z)))]      D gives logits; algorithm 1
//! L_G = E_z[softplus(-D(G(z)))]                             non-saturating, section 3
//!   or  -E_z[softplus(D(G(z)))]                             minimax, equation 1
//! ```
//!
//! Simplification: leaky rectifiers in both networks where the paper has maxout and dropout.
use crate::games::{Game, Player, Step, System};
use crate::models::objective::networks::Networks;
use crate::models::{Card, Describe, Given, Section};
use crate::nn::{Layer, Parameter, Scope, Sequential};
use crate::objectives::Objective;
use crate::optimisers::OptimiserConfig;
use gany_engine::Tensor;
use serde::{Deserialize, Serialize};

/// Settings of [`Gan`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Examples in a batch.
    pub batch: usize,
    /// Numbers in a latent vector.
    pub z_dim: usize,
    /// Units of each hidden layer, or channels of the outermost convolution.
    pub width: usize,
    /// Which networks play.
    pub networks: Networks,
    /// What all first weights are multiplied by; other than 1 to see what a bad initialisation does.
    pub initial_gain: f64,
    /// What is minimised; `minimax` and `non-saturating` are the paper's.
    pub objective: Objective,
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
            width: 512,
            networks: Networks::Dense,
            initial_gain: 1.0,
            objective: Objective::NonSaturating,
            generator: adam,
            discriminator: adam,
        }
    }
}

/// The GAN of 2014.
pub struct Gan {
    config: Config,
    generator: Sequential,
    discriminator: Sequential,
}

impl Gan {
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
        self.config.objective.discriminator(&logits_real, &logits_fake)
    }

    fn generator_loss(&self, s: &Step) -> Tensor {
        self.config
            .objective
            .generator(&self.discriminator.forward(&self.generate(s)))
    }
}

impl System for Gan {
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

impl Describe for Gan {
    type Config = Config;

    const CARD: Card = Card {
        id: "gan",
        section: Section::Objective,
        title: "GAN",
        paper: "Goodfellow et al. 2014, Generative Adversarial Networks, arXiv:1406.2661",
        idea: "A generator learns to make what a discriminator cannot tell from the data.",
        equations: &[
            "L_D = E_x[softplus(-D(x))] + E_z[softplus(D(G(z)))]",
            "L_G = E_z[softplus(-D(G(z)))]  (non-saturating)  or  -E_z[softplus(D(G(z)))]  (minimax)",
        ],
        needs: &[],
        takes_points: true,
    };

    fn build(config: Config, given: &Given, scope: &Scope) -> Self {
        let gan = Gan {
            generator: config
                .networks
                .generator(&scope.at("generator"), given, config.z_dim, config.width),
            discriminator: config
                .networks
                .discriminator(&scope.at("discriminator"), given, config.width),
            config,
        };
        if gan.config.initial_gain != 1.0 {
            let weights = scope.parameters().into_iter().filter(Parameter::is_trainable);
            weights.for_each(|weight| weight.set(weight.get() * gan.config.initial_gain));
        }
        gan
    }
}
