//! Hinge GAN: the discriminator asks for a margin and no more, and the generator raises its mean score.
//!
//! Tran et al. 2017, "Hierarchical Implicit Models and Likelihood-Free Variational Inference", arXiv:1702.08896; as used
//! by Miyato et al. 2018, arXiv:1802.05957, equations 16 and 17.
//!
//! ```text
//! L_D = E_x[max(0, 1 - D(x))] + E_z[max(0, 1 + D(G(z)))]
//! L_G = -E_z[D(G(z))]
//! ```
//!
//! Over `gan`: the losses alone. With a normalised discriminator it is `sngan`, with a bounded hyperplane `geometric_gan`.
use crate::games::{Player, Step};
use crate::models::objective::networks::Networks;
use crate::models::objective::two_player::{Config, Rules, TwoPlayer, logits};
use crate::models::{Card, Section, Takes};
use crate::nn::{Layer, Sequential};
use crate::objectives::hinge;
use crate::optimisers::OptimiserConfig;
use gany_engine::Tensor;
use serde::{Deserialize, Serialize};

/// The hinge GAN.
pub type Hinge = TwoPlayer<Margin>;

/// Settings of [`Hinge`] beside those of every [`TwoPlayer`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Margin {
    /// The discriminator's optimiser.
    pub discriminator: OptimiserConfig,
}

impl Rules for Margin {
    const CARD: Card = Card {
        id: "hinge",
        section: Section::Objective,
        title: "Hinge GAN",
        paper: "Tran et al. 2017, Hierarchical Implicit Models, arXiv:1702.08896",
        idea: "The discriminator asks for a margin and no more; the generator raises its mean score.",
        equations: &[
            "L_D = E_x[max(0, 1 - D(x))] + E_z[max(0, 1 + D(G(z)))]",
            "L_G = -E_z[D(G(z))]",
        ],
        needs: &[],
        takes: Takes::PicturesOrPoints,
        data: "grid",
        over: Some("gan"),
    };

    fn defaults() -> Config<Self> {
        let adam = OptimiserConfig::adam(2e-4, [0.5, 0.999]);
        Config {
            batch: 64,
            z_dim: 100,
            width: 64,
            networks: Networks::Auto,
            average_decay: 0.0,
            generator: adam,
            rules: Margin { discriminator: adam },
        }
    }

    fn judge(&self) -> Player {
        Player::new("discriminator", self.discriminator)
    }

    fn judge_loss(&self, discriminator: &Sequential, x_fake: &Tensor, s: &Step) -> Tensor {
        let [real, fake] = logits(discriminator, x_fake, s);
        hinge::discriminator(&real, &fake)
    }

    fn generator_loss(&self, discriminator: &Sequential, x_fake: &Tensor, _: &Step) -> Tensor {
        hinge::generator(&discriminator.forward(x_fake))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::objective::two_player::tests::{on_the_line, value};

    /// D(x) = 2 x is beyond the margin at 1 and -1: it stays as it is, and the generator follows its slope.
    #[test]
    fn a_margin_that_is_kept_teaches_nothing() {
        let mut config = Margin::defaults();
        config.rules.discriminator = OptimiserConfig::sgd(1.0, 0.0);
        config.generator = OptimiserConfig::sgd(0.25, 0.0);
        let mut play = on_the_line(config, 2.0, 1.0, -1.0);
        play.step(0);
        assert_eq!(value(&play, "discriminator.0.weight"), 2.0);
        assert_eq!(value(&play, "generator.0.bias"), -1.0 + 0.25 * 2.0);
    }
}
