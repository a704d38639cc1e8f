//! Creative adversarial network: pictures that pass for art, of no style that there is.
//!
//! Elgammal et al. 2017, "CAN: Creative Adversarial Networks, Generating Art by Learning About Styles and Deviating from Style
//! Norms", arXiv:1706.07068, equation 3.
//!
//! ```text
//! L_D = E_x[softplus(-D(x)) - log C(y | x)] + E_z[softplus(D(G(z)))]
//! L_G = E_z[softplus(-D(G(z)))] + w E_z[-sum_k (1/K log C(k | G(z)) + (1 - 1/K) log(1 - C(k | G(z))))]
//! ```
//!
//! Over `acgan`: the generator is told no class, and wants the classifier of styles to be undecided. Simplifications: DCGAN's
//! networks at the size of the data where the paper has six layers for 256 pixels; one linear layer for the head of styles,
//! where it has three. The paper has w = 1.
use crate::data::Field;
use crate::games::{Function, Game, Player, Space, Step, System};
use crate::models::architecture::dcgan;
use crate::models::conditional::two_headed::TwoHeaded;
use crate::models::{Card, Describe, Given, Section, Takes};
use crate::nn::{Layer, Scope, Sequential};
use crate::objectives::likelihood::categorical;
use crate::objectives::non_saturating;
use crate::optimisers::OptimiserConfig;
use gany_engine::Tensor;
use serde::{Deserialize, Serialize};

/// Settings of [`Can`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Examples in a batch.
    pub batch: usize,
    /// Numbers in a latent vector.
    pub z_dim: usize,
    /// Channels of the layers next to the picture.
    pub width: usize,
    /// Weight w of the ambiguity of style; 0 makes it a DCGAN.
    pub ambiguity_weight: f64,
    /// The generator's optimiser.
    pub generator: OptimiserConfig,
    /// The discriminator's optimiser.
    pub discriminator: OptimiserConfig,
}

impl Default for Config {
    fn default() -> Self {
        let adam = OptimiserConfig::adam(1e-4, [0.5, 0.999]);
        Config {
            batch: 128,
            z_dim: 100,
            width: 64,
            ambiguity_weight: 1.0,
            generator: adam,
            discriminator: adam,
        }
    }
}

/// The creative adversarial network.
pub struct Can {
    config: Config,
    styles: usize,
    generator: Sequential,
    discriminator: TwoHeaded,
}

/// The paper's cross-entropy of logits `[n, styles]` against indecision: that of "it is k" against probability 1 / K, summed
/// over the styles k; a number each, `[n]`.
fn ambiguity(logits: &Tensor) -> Tensor {
    let share = 1.0 / logits.extent(1) as f64;
    // Where the classifier is sure, 1 - C is rounded to 0, which has no logarithm.
    let not = (1.0 - logits.softmax(1))
        .maximum(&Tensor::full(logits.dtype(), &[], 1e-6))
        .log();
    -(logits.log_softmax(1) * share + not * (1.0 - share)).sum_axes(&[1])
}

impl Can {
    fn x_fake(&self, s: &Step) -> Tensor {
        s.once("x_fake", || {
            self.generator.forward(&s.normal(&[s.batch(), self.config.z_dim]))
        })
    }

    fn discriminator_loss(&self, s: &Step) -> Tensor {
        let (logits_real, styles) = self.discriminator.forward(s.x());
        let (logits_fake, _) = self.discriminator.forward(&self.x_fake(s).detach());
        s.report_discriminator(&logits_real, &logits_fake);
        let named = categorical(&styles, s.y()).mean();
        s.report("style.real", &named);
        non_saturating::discriminator(&logits_real, &logits_fake) + named
    }

    fn generator_loss(&self, s: &Step) -> Tensor {
        let (logits, styles) = self.discriminator.forward(&self.x_fake(s));
        let undecided = ambiguity(&styles).mean();
        s.report("style.ambiguity", &undecided);
        non_saturating::generator(&logits) + undecided * self.config.ambiguity_weight
    }
}

impl System for Can {
    fn game(&self) -> Game {
        Game::step(Player::new("discriminator", self.config.discriminator), 1)
            .then(Player::new("generator", self.config.generator), 1)
    }

    fn loss(&self, player: &str, s: &Step) -> Tensor {
        match player {
            "discriminator" => self.discriminator_loss(s),
            _ => self.generator_loss(s),
        }
    }

    fn judge(&self, x: &Tensor, _: Option<&Tensor>) -> Option<Tensor> {
        Some(self.discriminator.forward(x).0)
    }

    fn z_dim(&self) -> usize {
        self.config.z_dim
    }

    fn sample(&self, z: &Tensor, _: Option<&Tensor>) -> Tensor {
        self.generator.forward(z)
    }

    fn functions(&self) -> Vec<Function> {
        vec![Function::of_x("classify", Space::Other(vec![self.styles]))]
    }

    /// Logarithms of C(y | x).
    fn apply(&self, _: &str, x: &Tensor) -> Tensor {
        self.discriminator.forward(x).1.log_softmax(1)
    }
}

impl Describe for Can {
    type Config = Config;

    const CARD: Card = Card {
        id: "can",
        section: Section::Conditional,
        title: "Creative adversarial network",
        paper: "Elgammal et al. 2017, CAN: Creative Adversarial Networks, arXiv:1706.07068",
        idea: "The generator wants its pictures to pass for art, and the discriminator not to know of which style.",
        equations: &[
            "L_D = E_x[softplus(-D(x)) - log C(y | x)] + E_z[softplus(D(G(z)))]",
            "L_G = E_z[softplus(-D(G(z)))] - w E_z[sum_k (1/K log C(k | G(z)) + (1 - 1/K) log(1 - C(k | G(z))))]",
        ],
        needs: &[Field::Y],
        takes: Takes::Pictures,
        data: "fashion-mnist",
        over: Some("acgan"),
    };

    fn build(config: Config, given: &Given, scope: &Scope) -> Self {
        let styles = given.classes.expect("checked: this system needs labels");
        let (sample, width) = (&given.sample, config.width);
        Can {
            generator: dcgan::generator(&scope.at("generator"), sample, config.z_dim, width),
            discriminator: TwoHeaded::new(&scope.at("discriminator"), sample, styles, width),
            styles,
            config,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::assert_close;
    use gany_engine::grad;

    #[test]
    fn ambiguity_is_least_where_the_classifier_is_undecided() {
        let even = Tensor::from_f64(&[1, 4], &[0.7; 4]);
        // K binary cross-entropies of 1/K with itself.
        let entropy = -(0.25_f64 * 0.25_f64.ln() + 0.75 * 0.75_f64.ln());
        assert_close("even", &ambiguity(&even), &[4.0 * entropy], 1e-12);
        let slope = &grad(&ambiguity(&even).sum(), &[&even])[0];
        assert_close("slope", slope, &[0.0; 4], 1e-12);
        let sure = Tensor::from_f64(&[1, 4], &[100.0, 0.0, 0.0, 0.0]);
        assert!(ambiguity(&sure).to_f64()[0] > 10.0 * entropy);
    }
}
