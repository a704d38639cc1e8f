//! DRAGAN: the discriminator's slope is held at 1 around the data, where sharp slopes make training collapse.
//!
//! Kodali et al. 2017, "On Convergence and Stability of GANs", arXiv:1705.07215, section 2.3; the noise is that of the
//! authors' code.
//!
//! ```text
//! L_D = E_x[softplus(-D(x))] + E_z[softplus(D(G(z)))] + w E[(|grad D(x^)| - 1)^2]
//!       x^ = x + alpha c std(x) u,      alpha uniform on [0, 1) a sample, u uniform on [0, 1) a number
//! L_G = E_z[softplus(-D(G(z)))]
//! ```
//!
//! Over `gan`: the penalty, which knows nothing of the samples. What made the anime-character system of 2017 train.
use crate::games::{Player, Step};
use crate::models::objective::networks::Networks;
use crate::models::objective::two_player::{Config, Rules, TwoPlayer, logits};
use crate::models::{Card, Section, Takes};
use crate::nn::{Layer, Sequential};
use crate::objectives::non_saturating;
use crate::optimisers::OptimiserConfig;
use crate::penalties::gradient::{Sided, interpolated};
use gany_engine::Tensor;
use serde::{Deserialize, Serialize};

/// DRAGAN.
pub type Dragan = TwoPlayer<AroundData>;

/// Settings of [`Dragan`] beside those of every [`TwoPlayer`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AroundData {
    /// Weight of the penalty.
    pub penalty_weight: f64,
    /// How far around the data the slope is looked at, in standard deviations of the batch's numbers.
    pub spread: f64,
    /// The discriminator's optimiser.
    pub discriminator: OptimiserConfig,
}

impl Rules for AroundData {
    const CARD: Card = Card {
        id: "dragan",
        section: Section::Objective,
        title: "DRAGAN",
        paper: "Kodali et al. 2017, On Convergence and Stability of GANs, arXiv:1705.07215",
        idea: "The discriminator's slope is held at 1 around the data, where sharp slopes make training collapse.",
        equations: &[
            "L_D = E_x[softplus(-D(x))] + E_z[softplus(D(G(z)))] + w E[(|grad D(x^)| - 1)^2],  x^ around the data",
            "L_G = E_z[softplus(-D(G(z)))]",
        ],
        needs: &[],
        takes: Takes::PicturesOrPoints,
        data: "grid",
        over: Some("gan"),
    };

    fn defaults() -> Config<Self> {
        let adam = OptimiserConfig::adam(1e-4, [0.5, 0.9]);
        Config {
            batch: 64,
            z_dim: 100,
            width: 64,
            networks: Networks::Auto,
            average_decay: 0.0,
            generator: adam,
            rules: AroundData {
                penalty_weight: 10.0,
                spread: 0.5,
                discriminator: adam,
            },
        }
    }

    fn judge(&self) -> Player {
        Player::new("discriminator", self.discriminator)
    }

    fn judge_loss(&self, discriminator: &Sequential, x_fake: &Tensor, s: &Step) -> Tensor {
        let [real, fake] = logits(discriminator, x_fake, s);
        let x_perturbed = self.perturbed(s.x(), &s.uniform(s.x().shape()));
        let slope = |x: &Tensor| discriminator.forward(x);
        let penalty = interpolated(slope, &x_perturbed, s.x(), &s.uniform(&[s.batch()]), Sided::Two);
        s.report("gradient_norm.discriminator", &penalty.gradient_norm);
        non_saturating::discriminator(&real, &fake) + penalty.value * self.penalty_weight
    }

    fn generator_loss(&self, discriminator: &Sequential, x_fake: &Tensor, _: &Step) -> Tensor {
        non_saturating::generator(&discriminator.forward(x_fake))
    }
}

impl AroundData {
    /// `x + c std(x) u`, the standard deviation being that of all numbers of the batch.
    fn perturbed(&self, x: &Tensor, u: &Tensor) -> Tensor {
        let std = (x - x.mean()).square().mean().sqrt();
        x + u * (std * self.spread)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers 1, 1, 5, 5 have standard deviation 2.
    #[test]
    fn noise_is_as_large_as_the_data_are_spread() {
        let rules = AroundData::defaults().rules;
        let x = Tensor::from_f64(&[2, 2], &[1.0, 5.0, 5.0, 1.0]);
        let u = Tensor::from_f64(&[2, 2], &[0.0, 1.0, 0.5, 0.25]);
        assert_eq!(rules.perturbed(&x, &u).to_f64(), [1.0, 6.0, 5.5, 1.25]);
    }
}
