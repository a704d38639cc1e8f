//! f-GAN: a discriminator may bound any f-divergence between data and samples, and the generator lowers the bound.
//!
//! Nowozin et al. 2016, "f-GAN: Training Generative Neural Samplers using Variational Divergence Minimization",
//! arXiv:1606.00709, algorithm 1.
//!
//! ```text
//! L_D = -E_x[g(V(x))] + E_z[f*(g(V(G(z))))]
//! L_G = -E_z[f*(g(V(G(z))))]                       equation 9
//!   or  -E_z[g(V(G(z)))]                            non-saturating, section 3.2
//! ```
//!
//! Over `gan`, which is one of them but for a constant: the choice of f, hence of g and the conjugate f*
//! ([`crate::objectives::f_divergence`]). Both players move in turn, with Adam, where the algorithm moves both at once.
use crate::games::{Player, Step};
use crate::models::objective::networks::Networks;
use crate::models::objective::two_player::{Config, Rules, TwoPlayer};
use crate::models::{Card, Section, Takes};
use crate::nn::{Layer, Sequential};
use crate::objectives::f_divergence::Divergence;
use crate::optimisers::OptimiserConfig;
use gany_engine::Tensor;
use serde::{Deserialize, Serialize};

/// The f-GAN.
pub type FGan = TwoPlayer<Bound>;

/// Settings of [`FGan`] beside those of every [`TwoPlayer`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Bound {
    /// Which divergence.
    pub divergence: Divergence,
    /// The parameter of the divergence `alpha`, neither 0 nor 1.
    pub alpha: f64,
    /// Whether the generator raises g(V) instead of lowering the bound, which saturates.
    pub non_saturating: bool,
    /// The discriminator's optimiser.
    pub discriminator: OptimiserConfig,
}

impl Rules for Bound {
    const CARD: Card = Card {
        id: "f_gan",
        section: Section::Objective,
        title: "f-GAN",
        paper: "Nowozin et al. 2016, f-GAN: Training Generative Neural Samplers using Variational Divergence Minimization, arXiv:1606.00709",
        idea: "A discriminator may bound any f-divergence between data and samples; the generator lowers the bound.",
        equations: &[
            "L_D = -E_x[g(V(x))] + E_z[f*(g(V(G(z))))]",
            "L_G = -E_z[f*(g(V(G(z))))]  or  -E_z[g(V(G(z)))]  (non-saturating)",
        ],
        needs: &[],
        takes: Takes::PicturesOrPoints,
        data: "ring",
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
            rules: Bound {
                divergence: Divergence::JensenShannon,
                alpha: 0.5,
                non_saturating: true,
                discriminator: adam,
            },
        }
    }

    fn judge(&self) -> Player {
        Player::new("discriminator", self.discriminator)
    }

    fn judge_loss(&self, discriminator: &Sequential, x_fake: &Tensor, s: &Step) -> Tensor {
        let [real, fake] = [discriminator.forward(s.x()), discriminator.forward(x_fake)];
        s.report_discriminator(&(&real - self.undecided()), &(&fake - self.undecided()));
        let bound = self.divergence.activated(self.alpha, &real).mean() - self.conjugate(&fake);
        s.report("divergence", &bound);
        -bound
    }

    fn generator_loss(&self, discriminator: &Sequential, x_fake: &Tensor, _: &Step) -> Tensor {
        let fake = discriminator.forward(x_fake);
        if self.non_saturating {
            -self.divergence.activated(self.alpha, &fake).mean()
        } else {
            -self.conjugate(&fake)
        }
    }

    fn undecided(&self) -> f64 {
        self.divergence.undecided(self.alpha)
    }
}

impl Bound {
    fn conjugate(&self, v: &Tensor) -> Tensor {
        self.divergence.conjugate(self.alpha, v).mean()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::objective::two_player::tests::on_the_line;

    /// V(x) = 1/2 at a real and at a generated 1: bounds g(1/2) - f*(g(1/2)) by hand.
    #[test]
    fn bounds_are_those_of_their_divergence() {
        let by_hand = [
            (Divergence::Kl, 0.5 - (-0.5_f64).exp()),
            (Divergence::ReverseKl, 0.5 - (-0.5_f64).exp()),
            (Divergence::Pearson, -1.0 / 16.0),
            (Divergence::Neyman, 2.0 * (-0.25_f64).exp() - 1.0 - (-0.5_f64).exp()),
            (Divergence::SquaredHellinger, 2.0 - (-0.5_f64).exp() - 0.5_f64.exp()),
        ];
        for (divergence, expected) in by_hand {
            let mut config = Bound::defaults();
            config.rules.divergence = divergence;
            config.rules.discriminator = OptimiserConfig::sgd(0.0, 0.0);
            let mut play = on_the_line(config, 0.5, 1.0, 1.0);
            play.step(0);
            let got = play.reports(0)["divergence"];
            assert!(
                (got - expected).abs() < 1e-6,
                "{divergence}: {got}, expected {expected}"
            );
        }
    }
}
