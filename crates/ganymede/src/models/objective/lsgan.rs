//! LSGAN: least squares instead of cross-entropy, so that samples far on the right side of the boundary still learn.
//!
//! Mao et al. 2017, "Least Squares Generative Adversarial Networks", arXiv:1611.04076, equation 9.
//!
//! ```text
//! L_D = 1/2 E_x[(D(x) - 1)^2] + 1/2 E_z[D(G(z))^2]
//! L_G = 1/2 E_z[(D(G(z)) - 1)^2]
//! ```
//!
//! Over `gan`: the losses alone. Simplification: the chapter's networks, where the paper has deeper ones.
use crate::games::{Player, Step};
use crate::models::objective::networks::Networks;
use crate::models::objective::two_player::{Config, Rules, TwoPlayer};
use crate::models::{Card, Section, Takes};
use crate::nn::{Layer, Sequential};
use crate::objectives::least_squares;
use crate::optimisers::OptimiserConfig;
use gany_engine::Tensor;
use serde::{Deserialize, Serialize};

/// The least-squares GAN.
pub type Lsgan = TwoPlayer<LeastSquares>;

/// Settings of [`Lsgan`] beside those of every [`TwoPlayer`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LeastSquares {
    /// The discriminator's optimiser.
    pub discriminator: OptimiserConfig,
}

/// Half way between the labels of real and generated.
const BOUNDARY: f64 = 0.5;

impl Rules for LeastSquares {
    const CARD: Card = Card {
        id: "lsgan",
        section: Section::Objective,
        title: "Least Squares GAN",
        paper: "Mao et al. 2017, Least Squares Generative Adversarial Networks, arXiv:1611.04076",
        idea: "Least squares draw samples towards the boundary that a sure discriminator would no longer move.",
        equations: &[
            "L_D = 1/2 E_x[(D(x) - 1)^2] + 1/2 E_z[D(G(z))^2]",
            "L_G = 1/2 E_z[(D(G(z)) - 1)^2]",
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
            rules: LeastSquares { discriminator: adam },
        }
    }

    fn judge(&self) -> Player {
        Player::new("discriminator", self.discriminator)
    }

    fn judge_loss(&self, discriminator: &Sequential, x_fake: &Tensor, s: &Step) -> Tensor {
        let [real, fake] = [discriminator.forward(s.x()), discriminator.forward(x_fake)];
        s.report_discriminator(&(&real - BOUNDARY), &(&fake - BOUNDARY));
        least_squares::discriminator(&real, &fake)
    }

    fn generator_loss(&self, discriminator: &Sequential, x_fake: &Tensor, _: &Step) -> Tensor {
        least_squares::generator(&discriminator.forward(x_fake))
    }

    fn undecided(&self) -> f64 {
        BOUNDARY
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::objective::two_player::tests::{on_the_line, value};

    /// D(x) = x gives 3 for a sample at 3, which a sure discriminator lets be: it goes back to where D says 1.
    #[test]
    fn samples_far_on_the_right_side_are_drawn_back() {
        let mut config = LeastSquares::defaults();
        config.rules.discriminator = OptimiserConfig::sgd(0.0, 0.0);
        config.generator = OptimiserConfig::sgd(1.0, 0.0);
        let mut play = on_the_line(config, 1.0, 1.0, 3.0);
        play.step(0);
        assert_eq!(play.reports(0)["loss.discriminator"], 4.5);
        assert_eq!(play.reports(0)["loss.generator"], 2.0);
        assert_eq!(value(&play, "generator.0.bias"), 1.0);
    }
}
