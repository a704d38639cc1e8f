//! R3GAN: each real sample is compared with a generated one, and slopes at both are held near 0.
//!
//! Huang et al. 2024, "The GAN is dead; long live the GAN! A Modern GAN Baseline", arXiv:2501.05441, section 2.
//!
//! ```text
//! L_D = E[softplus(-(D(x) - D(G(z))))] + gamma/2 E_x[|grad D(x)|^2] + gamma/2 E_z[|grad D(G(z))|^2]      R1 and R2
//! L_G = E[softplus(-(D(G(z)) - D(x)))]
//! ```
//!
//! Over `gan`: relativistic pairing, which knows no landscape where samples share one mode, and the two penalties under
//! which it converges. Samples come from a moving average of the generator. Simplification: the chapter's networks, where
//! the paper has residual ones of today; gamma, learning rate and Adam's decay are constant, where the paper lowers
//! (raises) them over the first part of training.
use crate::games::{Player, Step};
use crate::models::objective::networks::Networks;
use crate::models::objective::two_player::{Config, Rules, TwoPlayer};
use crate::models::{Card, Section, Takes};
use crate::nn::{Layer, Sequential};
use crate::objectives::relativistic;
use crate::optimisers::OptimiserConfig;
use crate::penalties::gradient::{r1, r2};
use gany_engine::Tensor;
use serde::{Deserialize, Serialize};

/// R3GAN.
pub type GanR1R2 = TwoPlayer<PairedAndPenalised>;

/// Settings of [`GanR1R2`] beside those of every [`TwoPlayer`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PairedAndPenalised {
    /// Weight of both penalties.
    pub gamma: f64,
    /// The critic's optimiser.
    pub critic: OptimiserConfig,
}

impl Rules for PairedAndPenalised {
    const CARD: Card = Card {
        id: "gan_r1r2",
        section: Section::Objective,
        title: "R3GAN",
        paper: "Huang et al. 2024, The GAN is dead; long live the GAN! A Modern GAN Baseline, arXiv:2501.05441",
        idea: "Each real sample is compared with a generated one, and the critic's slopes at both are held near 0.",
        equations: &[
            "L_D = E[softplus(D(G(z)) - D(x))] + gamma/2 E_x[|grad D(x)|^2] + gamma/2 E_z[|grad D(G(z))|^2]",
            "L_G = E[softplus(D(x) - D(G(z)))]",
        ],
        needs: &[],
        takes: Takes::PicturesOrPoints,
        data: "ring",
        over: Some("gan"),
    };

    fn defaults() -> Config<Self> {
        let adam = OptimiserConfig::adam(2e-4, [0.0, 0.99]);
        Config {
            batch: 64,
            z_dim: 64,
            width: 64,
            networks: Networks::Auto,
            average_decay: 0.999,
            generator: adam,
            rules: PairedAndPenalised {
                gamma: 1.0,
                critic: adam,
            },
        }
    }

    /// A critic, not a discriminator: what it says of a sample means something beside another sample only.
    fn judge(&self) -> Player {
        Player::new("critic", self.critic)
    }

    fn judge_loss(&self, critic: &Sequential, x_fake: &Tensor, s: &Step) -> Tensor {
        let [real, fake] = [critic.forward(s.x()), critic.forward(x_fake)];
        let slope = |x: &Tensor| critic.forward(x);
        let (at_real, at_fake) = (r1(slope, s.x()), r2(slope, x_fake));
        s.report("critic.gap", &(&real - &fake).mean());
        s.report("gradient_norm.real", &at_real.gradient_norm);
        s.report("gradient_norm.fake", &at_fake.gradient_norm);
        relativistic::critic(&real, &fake) + (at_real.value + at_fake.value) * self.gamma
    }

    fn generator_loss(&self, critic: &Sequential, x_fake: &Tensor, s: &Step) -> Tensor {
        relativistic::generator(&critic.forward(s.x()), &critic.forward(x_fake))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::objective::two_player::tests::on_the_line;

    /// D(x) = 3 x tells nothing of a pair at one place; both slopes are 3.
    #[test]
    fn equal_pairs_cost_log_2_and_slopes_their_squares() {
        let mut config = PairedAndPenalised::defaults();
        config.rules.gamma = 0.5;
        config.rules.critic = OptimiserConfig::sgd(0.0, 0.0);
        let mut play = on_the_line(config, 3.0, 1.0, 1.0);
        play.step(0);
        let reports = play.reports(0);
        assert!(
            (reports["loss.critic"] - (2.0_f64.ln() + 0.5 * 9.0)).abs() < 1e-6,
            "{reports:?}"
        );
        assert!((reports["loss.generator"] - 2.0_f64.ln()).abs() < 1e-6, "{reports:?}");
    }
}
