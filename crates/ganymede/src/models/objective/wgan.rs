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
use crate::games::{Player, Step};
use crate::models::objective::networks::Networks;
use crate::models::objective::two_player::{Config, Rules, TwoPlayer};
use crate::models::{Card, Section, Takes};
use crate::nn::{Layer, Sequential};
use crate::objectives::wasserstein;
use crate::optimisers::OptimiserConfig;
use crate::penalties::weight_clip;
use gany_engine::Tensor;
use serde::{Deserialize, Serialize};

/// WGAN with clipped weights.
pub type Wgan = TwoPlayer<Clipped>;

/// Settings of [`Wgan`] beside those of every [`TwoPlayer`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Clipped {
    /// Moves of the critic to one of the generator.
    pub n_critic: usize,
    /// Bound of the critic's weights.
    pub clip: f64,
    /// The critic's optimiser.
    pub critic: OptimiserConfig,
}

impl Rules for Clipped {
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
        takes: Takes::PicturesOrPoints,
        data: "grid",
        over: Some("gan"),
    };

    fn defaults() -> Config<Self> {
        let rmsprop = OptimiserConfig::rmsprop(5e-5);
        Config {
            batch: 64,
            z_dim: 100,
            width: 64,
            networks: Networks::Auto,
            average_decay: 0.0,
            generator: rmsprop,
            rules: Clipped {
                n_critic: 5,
                clip: 0.01,
                critic: rmsprop,
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
        let loss = wasserstein::critic(&critic.forward(s.x()), &critic.forward(x_fake));
        s.report("critic.gap", &-&loss);
        loss
    }

    fn generator_loss(&self, critic: &Sequential, x_fake: &Tensor, _: &Step) -> Tensor {
        wasserstein::generator(&critic.forward(x_fake))
    }

    fn constrain_judge(&self, value: Tensor) -> Tensor {
        weight_clip::clip(&value, self.clip)
    }
}
