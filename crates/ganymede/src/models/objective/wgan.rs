//! WGAN: the discriminator becomes a critic whose gap between data and samples estimates their Wasserstein distance.
//!
//! Arjovsky et al. 2017, "Wasserstein GAN", arXiv:1701.07875, algorithm 1.
//!
//! ```text
//! L_D = E_z[D(G(z))] - E_x[D(x)],  then every weight of D is clipped to [-c, c]
//! L_G = -E_z[D(G(z))]
//! ```
//!
//! Over `gan`: another objective, RMSProp, five moves of the critic to one of the generator, and the clipping, which keeps
//! the critic's slope bounded.
use crate::games::{Game, Player, Step, System};
use crate::models::objective::networks::Networks;
use crate::models::{Card, Describe, Given, Section};
use crate::nn::{Layer, Scope, Sequential};
use crate::objectives::wasserstein;
use crate::optimisers::OptimiserConfig;
use crate::penalties::weight_clip;
use gany_engine::Tensor;
use serde::{Deserialize, Serialize};

/// Settings of [`Wgan`].
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
    /// Moves of the critic to one of the generator.
    pub n_critic: usize,
    /// Bound of the critic's weights.
    pub clip: f64,
    /// The generator's optimiser.
    pub generator: OptimiserConfig,
    /// The critic's optimiser.
    pub critic: OptimiserConfig,
}

impl Default for Config {
    fn default() -> Self {
        let rmsprop = OptimiserConfig::rmsprop(5e-5);
        Config {
            batch: 64,
            z_dim: 100,
            width: 64,
            networks: Networks::Auto,
            n_critic: 5,
            clip: 0.01,
            generator: rmsprop,
            critic: rmsprop,
        }
    }
}

/// WGAN with clipped weights.
pub struct Wgan {
    config: Config,
    generator: Sequential,
    critic: Sequential,
}

impl Wgan {
    fn generate(&self, s: &Step) -> Tensor {
        s.once("x_fake", || {
            self.generator.forward(&s.normal(&[s.batch(), self.config.z_dim]))
        })
    }

    fn critic_loss(&self, s: &Step) -> Tensor {
        let x_fake = self.generate(s).detach();
        let (real, fake) = (self.critic.forward(s.x()), self.critic.forward(&x_fake));
        let loss = wasserstein::discriminator(&real, &fake);
        s.report("critic.gap", &-&loss);
        loss
    }

    fn generator_loss(&self, s: &Step) -> Tensor {
        wasserstein::generator(&self.critic.forward(&self.generate(s)))
    }
}

impl System for Wgan {
    fn game(&self) -> Game {
        Game::step(Player::new("critic", self.config.critic), self.config.n_critic)
            .then(Player::new("generator", self.config.generator), 1)
    }

    fn loss(&self, player: &str, s: &Step) -> Tensor {
        match player {
            "critic" => self.critic_loss(s),
            _ => self.generator_loss(s),
        }
    }

    fn constrain(&self, player: &str, value: Tensor) -> Tensor {
        if player == "critic" {
            weight_clip::clip(&value, self.config.clip)
        } else {
            value
        }
    }

    fn judge(&self, x: &Tensor, _: Option<&Tensor>) -> Option<Tensor> {
        Some(self.critic.forward(x))
    }

    fn z_dim(&self) -> usize {
        self.config.z_dim
    }

    fn sample(&self, z: &Tensor, _: Option<&Tensor>) -> Tensor {
        self.generator.forward(z)
    }
}

impl Describe for Wgan {
    type Config = Config;

    const CARD: Card = Card {
        id: "wgan",
        section: Section::Objective,
        title: "Wasserstein GAN",
        paper: "Arjovsky et al. 2017, Wasserstein GAN, arXiv:1701.07875",
        idea: "A critic with clipped weights estimates how far the samples are from the data, and the generator shortens the way.",
        equations: &[
            "L_D = E_z[D(G(z))] - E_x[D(x)],  weights of D clipped to [-c, c]",
            "L_G = -E_z[D(G(z))]",
        ],
        needs: &[],
        takes_points: true,
    };

    fn build(config: Config, given: &Given, scope: &Scope) -> Self {
        Wgan {
            generator: config
                .networks
                .generator(&scope.at("generator"), given, config.z_dim, config.width),
            critic: config.networks.discriminator(&scope.at("critic"), given, config.width),
            config,
        }
    }
}
