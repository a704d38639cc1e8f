//! AC-GAN: a discriminator that also names the class, and a generator that wants its samples' class to be named.
//!
//! Odena et al. 2017, "Conditional Image Synthesis with Auxiliary Classifier GANs", arXiv:1610.09585, equations 2 and 3.
//!
//! ```text
//! L_S = E_x[softplus(-D(x))] + E_z[softplus(D(G(z, y)))]      the source
//! L_C = E_x[-log C(y | x)] + E_z[-log C(y | G(z, y))]         the class; C and D are one network but for the last layer
//! L_D = L_S + L_C
//! L_G = E_z[softplus(-D(G(z, y)))] + E_z[-log C(y | G(z, y))]
//! ```
//!
//! Over `cgan`: the discriminator is not told the class, it is asked for it. Simplifications: DCGAN's networks without the
//! paper's dropout and noise; classes are drawn as often as they are in the data.
use crate::data::Field;
use crate::games::{Function, Game, Player, Space, Step, System};
use crate::models::architecture::dcgan;
use crate::models::conditional::two_headed::TwoHeaded;
use crate::models::{Card, Describe, Given, Section, Takes};
use crate::nn::{Layer, Scope, Sequential, beside};
use crate::objectives::likelihood::categorical;
use crate::objectives::non_saturating;
use crate::optimisers::OptimiserConfig;
use gany_engine::Tensor;
use serde::{Deserialize, Serialize};

/// Settings of [`Acgan`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Examples in a batch.
    pub batch: usize,
    /// Numbers in a latent vector.
    pub z_dim: usize,
    /// Channels of the layers next to the picture.
    pub width: usize,
    /// Decay of the moving average of the generator's weights that samples are made by; 0: by the weights themselves.
    #[serde(default)]
    pub average_decay: f64,
    /// The generator's optimiser.
    pub generator: OptimiserConfig,
    /// The discriminator's optimiser.
    pub discriminator: OptimiserConfig,
}

impl Default for Config {
    fn default() -> Self {
        let adam = OptimiserConfig::adam(2e-4, [0.5, 0.999]);
        Config {
            batch: 100,
            z_dim: 110,
            width: 64,
            average_decay: 0.0,
            generator: adam,
            discriminator: adam,
        }
    }
}

/// The auxiliary-classifier GAN.
pub struct Acgan {
    config: Config,
    classes: usize,
    generator: Sequential,
    discriminator: TwoHeaded,
}

impl Acgan {
    fn generate(&self, z: &Tensor, y: &Tensor) -> Tensor {
        self.generator.forward(&beside(z, &y.one_hot(self.classes)))
    }

    fn x_fake(&self, s: &Step) -> Tensor {
        s.once("x_fake", || {
            self.generate(&s.normal(&[s.batch(), self.config.z_dim]), s.y())
        })
    }

    fn discriminator_loss(&self, s: &Step) -> Tensor {
        let (logits_real, classes_real) = self.discriminator.forward(s.x());
        let (logits_fake, classes_fake) = self.discriminator.forward(&self.x_fake(s).detach());
        s.report_discriminator(&logits_real, &logits_fake);
        let [named_real, named_fake] = [classes_real, classes_fake].map(|logits| categorical(&logits, s.y()).mean());
        s.report("class.real", &named_real);
        s.report("class.fake", &named_fake);
        non_saturating::discriminator(&logits_real, &logits_fake) + named_real + named_fake
    }

    fn generator_loss(&self, s: &Step) -> Tensor {
        let (logits, classes) = self.discriminator.forward(&self.x_fake(s));
        non_saturating::generator(&logits) + categorical(&classes, s.y()).mean()
    }
}

impl System for Acgan {
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

    fn average_decay(&self) -> f64 {
        self.config.average_decay
    }

    fn z_dim(&self) -> usize {
        self.config.z_dim
    }

    fn classes(&self) -> Option<usize> {
        Some(self.classes)
    }

    fn sample(&self, z: &Tensor, y: Option<&Tensor>) -> Tensor {
        self.generate(z, y.expect("a conditional system is asked with classes"))
    }

    fn functions(&self) -> Vec<Function> {
        vec![Function::of_x("classify", Space::Other(vec![self.classes]))]
    }

    /// Logarithms of C(y | x).
    fn apply(&self, _: &str, x: &Tensor) -> Tensor {
        self.discriminator.forward(x).1.log_softmax(1)
    }
}

impl Describe for Acgan {
    type Config = Config;

    const CARD: Card = Card {
        id: "acgan",
        section: Section::Conditional,
        title: "AC-GAN",
        paper: "Odena et al. 2017, Conditional Image Synthesis with Auxiliary Classifier GANs, arXiv:1610.09585",
        idea: "The discriminator also names the class, and the generator wants the class of its samples to be named.",
        equations: &[
            "L_D = E_x[softplus(-D(x)) - log C(y | x)] + E_z[softplus(D(G(z, y))) - log C(y | G(z, y))]",
            "L_G = E_z[softplus(-D(G(z, y))) - log C(y | G(z, y))]",
        ],
        needs: &[Field::Y],
        takes: Takes::Pictures,
        data: "mnist",
        over: Some("cgan"),
    };

    fn build(config: Config, given: &Given, scope: &Scope) -> Self {
        let classes = given.classes.expect("checked: this system needs labels");
        let (sample, width) = (&given.sample, config.width);
        Acgan {
            generator: dcgan::generator(&scope.at("generator"), sample, config.z_dim + classes, width),
            discriminator: TwoHeaded::new(&scope.at("discriminator"), sample, classes, width),
            classes,
            config,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Shape;
    use crate::games::Play;
    use gany_engine::DType;

    /// A discriminator that says 0 of everything is undecided between real and generated, log 2 nats for either kind, and
    /// between the classes, log 4 nats for either kind.
    #[test]
    fn source_and_class_are_paid_for_alike() {
        let sample = Shape::Picture {
            height: 8,
            width: 8,
            channels: 1,
        };
        let (given, scope) = (Given::of(sample, Some(4)), Scope::new(DType::F32, 0));
        let config = Config {
            batch: 4,
            z_dim: 2,
            width: 4,
            ..Config::default()
        };
        let acgan = Acgan::build(config, &given, &scope);
        let last = scope.at("discriminator").parameters().pop().expect("it has layers");
        last.set(last.get() * 0.0);
        let mut play = Play::new(Box::new(acgan), scope, given.of_batch(4), 0);
        play.batch_mut(0)
            .0
            .iter_mut()
            .enumerate()
            .for_each(|(i, x)| *x = (i as f32).sin());
        play.step(0);
        let loss = play.reports(0)["loss.discriminator"];
        assert!((loss - 2.0 * (2.0_f64.ln() + 4.0_f64.ln())).abs() < 1e-5, "{loss}");
    }
}
