//! GAN: a generator learns to make what a discriminator cannot tell from the data.
//!
//! Goodfellow et al. 2014, "Generative Adversarial Networks", arXiv:1406.2661.
//!
//! ```text
//! L_D = E_x[softplus(-D(x))] + E_z[softplus(D(G(z)))]      D gives logits; algorithm 1
//! L_G = E_z[softplus(-D(G(z)))]                             non-saturating, section 3
//!   or  -E_z[softplus(D(G(z)))]                             minimax, equation 1
//! ```
//!
//! Simplification: leaky rectifiers in both networks where the paper has maxout and dropout.
use crate::games::{Player, Step};
use crate::models::objective::networks::Networks;
use crate::models::objective::two_player::{Config, Rules, TwoPlayer, logits};
use crate::models::{Card, Section, Takes};
use crate::nn::{Layer, Parameter, Scope, Sequential};
use crate::objectives::Objective;
use crate::optimisers::OptimiserConfig;
use gany_engine::Tensor;
use serde::{Deserialize, Serialize};

/// The GAN of 2014.
pub type Gan = TwoPlayer<Original>;

/// Settings of [`Gan`] beside those of every [`TwoPlayer`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Original {
    /// What all first weights are multiplied by; other than 1 to see what a bad initialisation does.
    pub initial_gain: f64,
    /// What is minimised; `minimax` and `non-saturating` are the paper's.
    pub objective: Objective,
    /// The discriminator's optimiser.
    pub discriminator: OptimiserConfig,
}

impl Rules for Original {
    const CARD: Card = Card {
        id: "gan",
        section: Section::Objective,
        title: "GAN",
        paper: "Goodfellow et al. 2014, Generative Adversarial Networks, arXiv:1406.2661",
        idea: "A generator learns to make what a discriminator cannot tell from the data.",
        equations: &[
            "L_D = E_x[softplus(-D(x))] + E_z[softplus(D(G(z)))]",
            "L_G = E_z[softplus(-D(G(z)))]  (non-saturating)  or  -E_z[softplus(D(G(z)))]  (minimax)",
        ],
        needs: &[],
        takes: Takes::PicturesOrPoints,
        data: "ring",
        over: None,
    };

    fn defaults() -> Config<Self> {
        let adam = OptimiserConfig::adam(2e-4, [0.5, 0.999]);
        Config {
            batch: 64,
            z_dim: 100,
            width: 512,
            networks: Networks::Dense,
            average_decay: 0.0,
            generator: adam,
            rules: Original {
                initial_gain: 1.0,
                objective: Objective::NonSaturating,
                discriminator: adam,
            },
        }
    }

    fn judge(&self) -> Player {
        Player::new("discriminator", self.discriminator)
    }

    fn judge_loss(&self, discriminator: &Sequential, x_fake: &Tensor, s: &Step) -> Tensor {
        let [real, fake] = logits(discriminator, x_fake, s);
        self.objective.discriminator(&real, &fake)
    }

    fn generator_loss(&self, discriminator: &Sequential, x_fake: &Tensor, _: &Step) -> Tensor {
        self.objective.generator(&discriminator.forward(x_fake))
    }

    fn declared(&self, scope: &Scope) {
        if self.initial_gain != 1.0 {
            let weights = scope.parameters().into_iter().filter(Parameter::is_trainable);
            weights.for_each(|weight| weight.set(weight.get() * self.initial_gain));
        }
    }
}
