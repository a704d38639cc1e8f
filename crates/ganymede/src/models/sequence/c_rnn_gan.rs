//! C-RNN-GAN: notes one after the other, from a recurrent generator against a recurrent discriminator that reads both ways.
//!
//! Mogren 2016, "C-RNN-GAN: Continuous recurrent neural networks with adversarial training", arXiv:1611.09904, section 3.
//!
//! ```text
//! L_D = E_x[softplus(-D(x))] + E_z[softplus(D(G(z)))]
//! L_G = |E R(x) - E R(G(z))|^2                               R: what D says of a note before it decides (feature matching)
//!       or E_z[softplus(-D(G(z)))]
//! ```
//!
//! A note is four numbers: its length, its pitch, how strongly it is struck, and the time since the last one began. At each note the
//! generator reads fresh random numbers and the note it has just made; the discriminator decides at each note and its verdicts are
//! averaged. Simplified: both players learn at every step, where the paper freezes the one that is ahead; the generator is not
//! pretrained to predict the next note.
use crate::data::Shape;
use crate::data::tunes::NUMBERS;
use crate::games::{Game, Player, Step, System};
use crate::models::{Card, Describe, Given, Section, Takes};
use crate::nn::{Declare, Dense, Layer, Lstm, Memory, Scope, dense, lstm};
use crate::objectives::{feature_matching, non_saturating};
use crate::optimisers::OptimiserConfig;
use gany_engine::{Tensor, concat};
use serde::{Deserialize, Serialize};

/// Settings of [`CRnnGan`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Examples in a batch.
    pub batch: usize,
    /// Latent numbers for each note.
    pub z_dim: usize,
    /// Units of each recurrent layer.
    pub hidden: usize,
    /// Recurrent layers of the generator, and of the discriminator in each direction.
    pub layers: usize,
    /// Weight of matching the mean features; 0 leaves it out.
    pub feature_weight: f64,
    /// Weight of deceiving the discriminator; 0, the paper's, leaves it out.
    pub adversarial: f64,
    /// The generator's optimiser.
    pub generator: OptimiserConfig,
    /// The discriminator's optimiser.
    pub discriminator: OptimiserConfig,
}

impl Default for Config {
    fn default() -> Self {
        let adam = OptimiserConfig::adam(1e-3, [0.5, 0.999]);
        Config {
            batch: 20,
            z_dim: 8,
            hidden: 350,
            layers: 2,
            feature_weight: 1.0,
            adversarial: 0.0,
            generator: adam,
            discriminator: adam,
        }
    }
}

/// C-RNN-GAN.
pub struct CRnnGan {
    config: Config,
    notes: usize,
    generator: Generator,
    discriminator: Discriminator,
}

/// Random numbers to notes, one after the other.
struct Generator {
    layers: Vec<Lstm>,
    note: Dense,
}

/// Notes to a verdict at each.
struct Discriminator {
    /// From the first note to the last and from the last to the first.
    layers: Vec<[Lstm; 2]>,
    verdict: Dense,
}

impl Generator {
    fn new(scope: &Scope, config: &Config) -> Generator {
        let layer = |i: usize| {
            let inputs = if i == 0 { config.z_dim + NUMBERS } else { config.hidden };
            lstm(inputs, config.hidden).declare(&scope.at(i))
        };
        Generator {
            layers: (0..config.layers).map(layer).collect(),
            note: dense(config.hidden, NUMBERS).declare(&scope.at("note")),
        }
    }

    /// Notes `[n, notes, 4]` in [-1, 1] of random numbers `[n, notes, z_dim]`; before the first there is a note of zeros.
    fn notes(&self, z: &Tensor) -> Tensor {
        let [n, notes, z_dim] = [0, 1, 2].map(|axis| z.extent(axis));
        let mut memories: Vec<Memory> = self.layers.iter().map(|layer| layer.nothing(n)).collect();
        let mut made = vec![Tensor::full(z.dtype(), &[n, NUMBERS], 0.0)];
        for i in 0..notes {
            let mut x = concat(&[z.slice(1, i, i + 1).reshape(&[n, z_dim]), made[i].clone()], 1);
            for (layer, memory) in self.layers.iter().zip(&mut memories) {
                *memory = layer.step(&x, memory);
                x = memory.said.clone();
            }
            made.push(self.note.forward(&x).tanh());
        }
        let made: Vec<Tensor> = made[1..].iter().map(|note| note.reshape(&[n, 1, NUMBERS])).collect();
        concat(&made, 1)
    }
}

impl Discriminator {
    fn new(scope: &Scope, config: &Config) -> Discriminator {
        let layer = |i: usize| {
            let inputs = if i == 0 { NUMBERS } else { 2 * config.hidden };
            let description = lstm(inputs, config.hidden);
            [
                description.declare(&scope.at(i).at("forwards")),
                description.reversed().declare(&scope.at(i).at("backwards")),
            ]
        };
        Discriminator {
            layers: (0..config.layers).map(layer).collect(),
            verdict: dense(2 * config.hidden, 1).declare(&scope.at("verdict")),
        }
    }

    /// What both directions say of each note, `[n, notes, 2 hidden]`.
    fn features(&self, x: &Tensor) -> Tensor {
        let read = |x: Tensor, both: &[Lstm; 2]| concat(&both.each_ref().map(|layer| layer.forward(&x)), 2);
        self.layers.iter().fold(x.clone(), read)
    }

    /// The mean verdict of features, a logit each, `[n]`.
    fn logits(&self, features: &Tensor) -> Tensor {
        self.verdict.forward(features).mean_axes(&[1, 2])
    }
}

impl CRnnGan {
    fn generate(&self, s: &Step) -> Tensor {
        s.once("x_fake", || {
            self.generator
                .notes(&s.normal(&[s.batch(), self.notes, self.config.z_dim]))
        })
    }

    fn discriminator_loss(&self, s: &Step) -> Tensor {
        let judged = |x: &Tensor| self.discriminator.logits(&self.discriminator.features(x));
        let (real, fake) = (judged(s.x()), judged(&self.generate(s).detach()));
        s.report_discriminator(&real, &fake);
        non_saturating::discriminator(&real, &fake)
    }

    fn generator_loss(&self, s: &Step) -> Tensor {
        let fake = self.discriminator.features(&self.generate(s));
        let deceived = non_saturating::generator(&self.discriminator.logits(&fake));
        if self.config.feature_weight == 0.0 {
            return deceived * self.config.adversarial;
        }
        let matched = feature_matching::of_means(&self.discriminator.features(s.x()), &fake);
        s.report("features", &matched);
        deceived * self.config.adversarial + matched * self.config.feature_weight
    }
}

impl System for CRnnGan {
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
        Some(self.discriminator.logits(&self.discriminator.features(x)))
    }

    fn z_dim(&self) -> usize {
        self.notes * self.config.z_dim
    }

    fn sample(&self, z: &Tensor, _: Option<&Tensor>) -> Tensor {
        self.generator
            .notes(&z.reshape(&[z.extent(0), self.notes, self.config.z_dim]))
    }
}

impl Describe for CRnnGan {
    type Config = Config;

    const CARD: Card = Card {
        id: "c_rnn_gan",
        section: Section::Sequence,
        title: "C-RNN-GAN",
        paper: "Mogren 2016, C-RNN-GAN: Continuous recurrent neural networks with adversarial training, arXiv:1611.09904",
        idea: "A recurrent network makes notes of four numbers one after the other; another reads them both ways.",
        equations: &[
            "L_D = E_x[softplus(-D(x))] + E_z[softplus(D(G(z)))]",
            "L_G = |E R(x) - E R(G(z))|^2,  R: what D says of a note before it decides",
        ],
        needs: &[],
        takes: Takes::Events,
        data: "events:tunes",
        over: Some("gan"),
    };

    fn check(config: &Config, _: &Given) -> Result<(), String> {
        if config.z_dim == 0 || config.hidden == 0 || config.layers == 0 {
            return Err("expected latent numbers, units and layers above 0".into());
        }
        if config.feature_weight == 0.0 && config.adversarial == 0.0 {
            return Err(
                "expected something for the generator to learn: `feature_weight` or `adversarial` above 0".into(),
            );
        }
        Ok(())
    }

    fn build(config: Config, given: &Given, scope: &Scope) -> Self {
        let Shape::Events { count: notes } = given.sample else {
            panic!("checked: this system needs notes of tunes")
        };
        CRnnGan {
            generator: Generator::new(&scope.at("generator"), &config),
            discriminator: Discriminator::new(&scope.at("discriminator"), &config),
            notes,
            config,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gany_engine::DType;

    fn small(feature_weight: f64, adversarial: f64) -> Config {
        Config {
            z_dim: 2,
            hidden: 3,
            feature_weight,
            adversarial,
            ..Config::default()
        }
    }

    /// The third note hangs on the random numbers of the first, and the first not on those of the third.
    #[test]
    fn notes_follow_from_the_ones_before() {
        let given = Given::of(Shape::Events { count: 3 }, None);
        let system = CRnnGan::build(small(1.0, 0.0), &given, &Scope::new(DType::F64, 0));
        let made = |numbers: [f64; 6]| system.sample(&Tensor::from_f64(&[1, 6], &numbers), None).to_f64();
        let tune = made([1.0, -1.0, 0.5, 2.0, 0.0, -0.5]);
        let other_end = made([1.0, -1.0, 0.5, 2.0, 1.0, -0.5]);
        let other_beginning = made([0.0, -1.0, 0.5, 2.0, 0.0, -0.5]);
        assert_eq!(tune[..8], other_end[..8]);
        assert!((8..12).all(|i| tune[i] != other_end[i] && tune[i] != other_beginning[i]));
    }

    /// A verdict on the first note hangs on the last, which only the backward direction has read.
    #[test]
    fn the_discriminator_reads_both_ways() {
        let judge = Discriminator::new(&Scope::new(DType::F64, 0), &small(1.0, 0.0));
        let first = |last: f64| {
            let x = Tensor::from_f64(&[1, 2, 4], &[0.1, 0.2, 0.3, 0.4, last, 0.0, 0.0, 0.0]);
            judge.features(&x).slice(1, 0, 1).to_f64()
        };
        let (a, b) = (first(0.5), first(-0.5));
        // With a second layer both halves of the features have heard of the last note through the first layer's backward half.
        assert!(a.len() == 6 && a.iter().zip(&b).all(|(a, b)| a != b));
    }

    #[test]
    fn a_generator_that_learns_nothing_is_refused() {
        let given = Given::of(Shape::Events { count: 3 }, None);
        assert!(CRnnGan::check(&small(0.0, 1.0), &given).is_ok());
        assert!(
            CRnnGan::check(&small(0.0, 0.0), &given)
                .unwrap_err()
                .contains("adversarial")
        );
    }
}
