//! WGAN-GP: the critic of WGAN, held to slope 1 by a penalty on its gradient instead of by clipping.
//!
//! Gulrajani et al. 2017, "Improved Training of Wasserstein GANs", arXiv:1704.00028, algorithm 1.
//!
//! ```text
//! L_D = E_z[D(G(z))] - E_x[D(x)] + w E[(|grad D(x^)| - 1)^2]      x^ on straight lines between data and samples
//! L_G = -E_z[D(G(z))]
//! ```
//!
//! Over `wgan`: the penalty, Adam, and no clipping. The penalty may also be taken at the data or at the samples (the
//! regulariser R(f) of courses), and on slopes above 1 only (one-sided).
use crate::games::{Game, Player, Step, System};
use crate::models::objective::networks::Networks;
use crate::models::{Card, Describe, Given, Section};
use crate::nn::{Layer, Scope, Sequential};
use crate::objectives::wasserstein;
use crate::optimisers::OptimiserConfig;
use crate::penalties::gradient::{self, Sided, Where};
use gany_engine::Tensor;
use serde::{Deserialize, Serialize};

/// Settings of [`WganGp`].
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
    /// Weight of the penalty.
    pub penalty_weight: f64,
    /// Where the slope is penalised: `interpolated`, `data` or `samples`.
    pub penalty_at: Where,
    /// Which slopes are penalised: `two` sides of 1, or the `one` above.
    pub sided: Sided,
    /// The generator's optimiser.
    pub generator: OptimiserConfig,
    /// The critic's optimiser.
    pub critic: OptimiserConfig,
}

impl Default for Config {
    fn default() -> Self {
        let adam = OptimiserConfig::adam(1e-4, [0.0, 0.9]);
        Config {
            batch: 64,
            z_dim: 100,
            width: 64,
            networks: Networks::Auto,
            n_critic: 5,
            penalty_weight: 10.0,
            penalty_at: Where::Interpolated,
            sided: Sided::Two,
            generator: adam,
            critic: adam,
        }
    }
}

/// WGAN with gradient penalty.
pub struct WganGp {
    config: Config,
    generator: Sequential,
    critic: Sequential,
}

impl WganGp {
    fn generate(&self, s: &Step) -> Tensor {
        s.once("x_fake", || {
            self.generator.forward(&s.normal(&[s.batch(), self.config.z_dim]))
        })
    }

    fn critic_loss(&self, s: &Step) -> Tensor {
        let x_fake = self.generate(s).detach();
        let (real, fake) = (self.critic.forward(s.x()), self.critic.forward(&x_fake));
        let gap = wasserstein::discriminator(&real, &fake);
        let critic = |x: &Tensor| self.critic.forward(x);
        let penalty = gradient::at(
            self.config.penalty_at,
            critic,
            s.x(),
            &x_fake,
            &s.uniform(&[s.batch()]),
            self.config.sided,
        );
        s.report("critic.gap", &-&gap);
        s.report("gradient_norm.critic", &penalty.gradient_norm);
        gap + penalty.value * self.config.penalty_weight
    }

    fn generator_loss(&self, s: &Step) -> Tensor {
        wasserstein::generator(&self.critic.forward(&self.generate(s)))
    }
}

impl System for WganGp {
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

impl Describe for WganGp {
    type Config = Config;

    const CARD: Card = Card {
        id: "wgan_gp",
        section: Section::Objective,
        title: "WGAN-GP",
        paper: "Gulrajani et al. 2017, Improved Training of Wasserstein GANs, arXiv:1704.00028",
        idea: "A penalty holds the critic's slope at 1, so that its gap between data and samples is a distance that trains well.",
        equations: &[
            "L_D = E_z[D(G(z))] - E_x[D(x)] + w E[(|grad D(x^)| - 1)^2],  x^ between data and samples",
            "L_G = -E_z[D(G(z))]",
        ],
        needs: &[],
        takes_points: true,
    };

    fn build(config: Config, given: &Given, scope: &Scope) -> Self {
        WganGp {
            generator: config
                .networks
                .generator(&scope.at("generator"), given, config.z_dim, config.width),
            critic: config.networks.discriminator(&scope.at("critic"), given, config.width),
            config,
        }
    }
}
