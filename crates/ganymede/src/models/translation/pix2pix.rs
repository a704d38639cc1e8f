//! pix2pix: a picture into another one, learned from pairs, with a loss for texture that is learned too.
//!
//! Isola et al. 2017, "Image-to-Image Translation with Conditional Adversarial Networks", arXiv:1611.07004.
//!
//! ```text
//! L_D = 1/2 E[softplus(-D(x, x_b))] + 1/2 E[softplus(D(x, G(x)))]         equation 1, halved (section 3.3)
//! L_G = E[softplus(-D(x, G(x)))] + lambda E|x_b - G(x)|                   equations 3 and 4, lambda = 100
//! ```
//!
//! Over `cgan`: the condition is a picture, G is a U-Net that hands details over, D judges patches and leaves what is large
//! to L1. Without noise, since the paper found that G learned to ignore it, and without dropout: see [`networks`]. With
//! `adversarial` 0 it is the paper's L1 baseline.
use super::networks::{self, UNet};
use crate::data::Field;
use crate::games::{Function, Game, Player, Space, Step, System};
use crate::models::{Card, Describe, Given, Section, Takes};
use crate::nn::{Layer, Scope, Sequential};
use crate::objectives::non_saturating;
use crate::optimisers::OptimiserConfig;
use gany_engine::{Tensor, concat};
use serde::{Deserialize, Serialize};

/// Settings of [`Pix2pix`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Pairs in a batch.
    pub batch: usize,
    /// Channels of the layers next to the picture.
    pub width: usize,
    /// How often the discriminator halves the picture: a judgement sees 16, 34 or 70 pixels with 1, 2 or 3.
    pub patch_levels: usize,
    /// lambda, the weight of the mean absolute error.
    pub l1: f64,
    /// The weight of what the discriminator says.
    pub adversarial: f64,
    /// The generator's optimiser.
    pub generator: OptimiserConfig,
    /// The discriminator's optimiser.
    pub discriminator: OptimiserConfig,
}

impl Default for Config {
    fn default() -> Self {
        let adam = OptimiserConfig::adam(2e-4, [0.5, 0.999]);
        Config {
            batch: 1,
            width: 64,
            patch_levels: 3,
            l1: 100.0,
            adversarial: 1.0,
            generator: adam,
            discriminator: adam,
        }
    }
}

/// pix2pix.
pub struct Pix2pix {
    generator: UNet,
    adversary: Adversary,
}

/// The judge of pairs, and the losses that come of it: all of pix2pix but the generator.
pub struct Adversary {
    config: Config,
    discriminator: Sequential,
}

impl Adversary {
    /// The judge of these pairs, declared in `scope` under `discriminator`.
    pub fn new(config: Config, given: &Given, scope: &Scope) -> Adversary {
        let [[height, width, channels], [.., channels_b]] = networks::pair(given);
        let both = [height, width, channels + channels_b];
        let scope = scope.at("discriminator");
        Adversary {
            discriminator: networks::patch_discriminator(&scope, both, config.width, config.patch_levels),
            config,
        }
    }

    /// The discriminator moves, then the generator.
    pub fn game(&self) -> Game {
        Game::step(Player::new("discriminator", self.config.discriminator), 1)
            .then(Player::new("generator", self.config.generator), 1)
    }

    /// What `player` minimises where the generator makes `x_fake` of the first pictures.
    pub fn loss(&self, player: &str, s: &Step, x_fake: &Tensor) -> Tensor {
        match player {
            "discriminator" => self.discriminator_loss(s, x_fake),
            _ => self.generator_loss(s, x_fake),
        }
    }

    /// Logits of patches of a pair.
    fn logits(&self, x: &Tensor, x_b: &Tensor) -> Tensor {
        self.discriminator.forward(&concat(&[x.clone(), x_b.clone()], 3))
    }

    fn discriminator_loss(&self, s: &Step, x_fake: &Tensor) -> Tensor {
        let logits_real = self.logits(s.x(), s.x_b());
        let logits_fake = self.logits(s.x(), &x_fake.detach());
        s.report_discriminator(&logits_real, &logits_fake);
        non_saturating::discriminator(&logits_real, &logits_fake) * 0.5
    }

    fn generator_loss(&self, s: &Step, x_fake: &Tensor) -> Tensor {
        let l1 = (s.x_b() - x_fake).abs().mean();
        s.report("l1", &l1);
        non_saturating::generator(&self.logits(s.x(), x_fake)) * self.config.adversarial + l1 * self.config.l1
    }
}

impl Pix2pix {
    fn translate(&self, x: &Tensor) -> Tensor {
        self.generator.forward(x).tanh()
    }
}

impl System for Pix2pix {
    fn game(&self) -> Game {
        self.adversary.game()
    }

    fn loss(&self, player: &str, s: &Step) -> Tensor {
        let x_fake = s.once("x_fake", || self.translate(s.x()));
        self.adversary.loss(player, s, &x_fake)
    }

    fn z_dim(&self) -> usize {
        0
    }

    fn functions(&self) -> Vec<Function> {
        vec![Function::of_x("translate", Space::Data(Field::XB))]
    }

    fn apply(&self, _: &str, x: &Tensor) -> Tensor {
        self.translate(x)
    }
}

impl Describe for Pix2pix {
    type Config = Config;

    const CARD: Card = Card {
        id: "pix2pix",
        section: Section::Translation,
        title: "pix2pix",
        paper: "Isola et al. 2017, Image-to-Image Translation with Conditional Adversarial Networks, arXiv:1611.07004",
        idea: "Turns pictures into their partners: absolute error for what is large, a judge of patches for texture.",
        equations: &[
            "L_D = 1/2 E[softplus(-D(x, x_b))] + 1/2 E[softplus(D(x, G(x)))]",
            "L_G = E[softplus(-D(x, G(x)))] + lambda E|x_b - G(x)|",
        ],
        needs: &[Field::XB],
        takes: Takes::Pictures,
        data: "openmoji",
        over: Some("cgan"),
    };

    fn check(_: &Config, given: &Given) -> Result<(), String> {
        networks::same_sides(given)
    }

    fn build(config: Config, given: &Given, scope: &Scope) -> Self {
        let [from, to] = networks::pair(given);
        Pix2pix {
            generator: networks::unet(&scope.at("generator"), from, to[2], config.width),
            adversary: Adversary::new(config, given, scope),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::games::Play;
    use crate::models::translation::networks::tests::of_pairs;
    use gany_engine::DType;

    /// Without a word from the discriminator the generator minimises lambda times the mean absolute error alone.
    #[test]
    fn without_its_adversary_it_is_the_l1_baseline() {
        let given = of_pairs([8, 8, 1], [8, 8, 1], None);
        let config = Config {
            width: 2,
            adversarial: 0.0,
            l1: 10.0,
            ..Config::default()
        };
        let scope = Scope::new(DType::F32, 0);
        let system = Pix2pix::build(config, &given, &scope);
        let mut play = Play::new(Box::new(system), scope, given.of_batch(1), 0);
        play.extra_mut(0, 0).fill(0.75);
        let made = play.apply("translate", &[0.0; 64]);
        let error = made.iter().map(|x| f64::from((0.75 - x).abs())).sum::<f64>() / 64.0;
        play.step(0);
        let reports = play.reports(0);
        assert!((reports["l1"] - error).abs() < 1e-5, "{} {error}", reports["l1"]);
        assert!((reports["loss.generator"] - 10.0 * error).abs() < 1e-4);
    }
}
