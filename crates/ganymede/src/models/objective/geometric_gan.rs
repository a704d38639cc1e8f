//! Geometric GAN: in the discriminator's features, the hyperplane of a support vector machine; samples move across it
//! along its normal.
//!
//! Lim and Ye 2017, "Geometric GAN", arXiv:1705.02894, section 3.
//!
//! ```text
//! D(x) = <w, phi(x)> + b
//! L_D = |w|^2 / (2 C n) + E_x[max(0, 1 - D(x))] + E_z[max(0, 1 + D(G(z)))]      soft margin, n samples of each
//! L_G = -E_z[D(G(z))]                                                           along the normal w
//! ```
//!
//! Over `hinge`: the hyperplane's margin is made large, w being the weight of the discriminator's last layer. Simplification:
//! the chapter's networks, whose other weights are neither clipped nor decayed.
use crate::games::{Player, Step};
use crate::models::objective::networks::Networks;
use crate::models::objective::two_player::{Config, Rules, TwoPlayer, logits};
use crate::models::{Card, Section, Takes};
use crate::nn::{Layer, Sequential};
use crate::objectives::hinge;
use crate::optimisers::OptimiserConfig;
use gany_engine::Tensor;
use serde::{Deserialize, Serialize};

/// The geometric GAN.
pub type GeometricGan = TwoPlayer<SoftMargin>;

/// Settings of [`GeometricGan`] beside those of every [`TwoPlayer`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SoftMargin {
    /// What a violated margin costs beside a narrow one, the machine's C.
    pub c: f64,
    /// The discriminator's optimiser.
    pub discriminator: OptimiserConfig,
}

impl Rules for SoftMargin {
    const CARD: Card = Card {
        id: "geometric_gan",
        section: Section::Objective,
        title: "Geometric GAN",
        paper: "Lim and Ye 2017, Geometric GAN, arXiv:1705.02894",
        idea: "A support vector machine separates real from generated features; samples move across along its normal.",
        equations: &[
            "L_D = |w|^2 / (2 C n) + E_x[max(0, 1 - D(x))] + E_z[max(0, 1 + D(G(z)))],  D(x) = <w, phi(x)> + b",
            "L_G = -E_z[D(G(z))]",
        ],
        needs: &[],
        takes: Takes::PicturesOrPoints,
        data: "grid",
        over: Some("hinge"),
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
            rules: SoftMargin {
                c: 1.0,
                discriminator: adam,
            },
        }
    }

    fn judge(&self) -> Player {
        Player::new("discriminator", self.discriminator)
    }

    fn judge_loss(&self, discriminator: &Sequential, x_fake: &Tensor, s: &Step) -> Tensor {
        let [real, fake] = logits(discriminator, x_fake, s);
        let squared_normal = normal(discriminator).square().sum();
        s.report("margin", &squared_normal.rsqrt());
        hinge::discriminator(&real, &fake) + squared_normal * (0.5 / (self.c * s.batch() as f64))
    }

    fn generator_loss(&self, discriminator: &Sequential, x_fake: &Tensor, _: &Step) -> Tensor {
        hinge::generator(&discriminator.forward(x_fake))
    }
}

/// The weight of the last layer, w.
fn normal(discriminator: &Sequential) -> Tensor {
    let weights = discriminator.parameters();
    let last = weights.iter().rfind(|parameter| parameter.name().ends_with(".weight"));
    last.expect("the discriminator has layers").get()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::objective::two_player::tests::{on_the_line, value};

    /// D(x) = 2 x gives 6 for real and -6 for generated: no margin is violated, and w falls by rate w / (C n) = 0.25 * 2 / 4.
    #[test]
    fn the_margin_widens_where_nothing_violates_it() {
        let mut config = SoftMargin::defaults();
        config.rules.discriminator = OptimiserConfig::sgd(0.25, 0.0);
        let mut play = on_the_line(config, 2.0, 3.0, -3.0);
        play.step(0);
        assert_eq!(play.reports(0)["margin"], 0.5);
        assert_eq!(value(&play, "discriminator.0.weight"), 2.0 - 0.125);
    }
}
