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
use crate::games::{Player, Step};
use crate::models::objective::networks::Networks;
use crate::models::objective::two_player::{Config, Rules, TwoPlayer};
use crate::models::{Card, Section, Takes};
use crate::nn::{Layer, Sequential};
use crate::objectives::wasserstein;
use crate::optimisers::OptimiserConfig;
use crate::penalties::gradient::{self, Sided, Where};
use gany_engine::Tensor;
use serde::{Deserialize, Serialize};

/// WGAN with gradient penalty.
pub type WganGp = TwoPlayer<Penalised>;

/// Settings of [`WganGp`] beside those of every [`TwoPlayer`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Penalised {
    /// Moves of the critic to one of the generator.
    pub n_critic: usize,
    /// Weight of the penalty.
    pub penalty_weight: f64,
    /// Where the slope is penalised: `interpolated`, `data` or `samples`.
    pub penalty_at: Where,
    /// Which slopes are penalised: `two` sides of 1, or the `one` above.
    pub sided: Sided,
    /// The critic's optimiser.
    pub critic: OptimiserConfig,
}

impl Rules for Penalised {
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
        takes: Takes::PicturesOrPoints,
        data: "grid",
        over: Some("wgan"),
    };

    fn defaults() -> Config<Self> {
        let adam = OptimiserConfig::adam(1e-4, [0.0, 0.9]);
        Config {
            batch: 64,
            z_dim: 100,
            width: 64,
            networks: Networks::Auto,
            average_decay: 0.0,
            generator: adam,
            rules: Penalised {
                n_critic: 5,
                penalty_weight: 10.0,
                penalty_at: Where::Interpolated,
                sided: Sided::Two,
                critic: adam,
            },
        }
    }

    fn judge(&self) -> Player {
        Player::new("critic", self.critic)
    }

    fn n_critic(&self) -> usize {
        self.n_critic
    }

    fn judge_loss(&self, critic: &Sequential, x_fake: &Tensor, s: &Step) -> Tensor {
        let gap = wasserstein::critic(&critic.forward(s.x()), &critic.forward(x_fake));
        let slope = |x: &Tensor| critic.forward(x);
        let epsilon = s.uniform(&[s.batch()]);
        let penalty = gradient::at(self.penalty_at, slope, s.x(), x_fake, &epsilon, self.sided);
        s.report("critic.gap", &-&gap);
        s.report("gradient_norm.critic", &penalty.gradient_norm);
        gap + penalty.value * self.penalty_weight
    }

    fn generator_loss(&self, critic: &Sequential, x_fake: &Tensor, _: &Step) -> Tensor {
        wasserstein::generator(&critic.forward(x_fake))
    }
}
