//! ALI: inference learned adversarially; an encoder that says a distribution of codes and a generator come to one joint law.
//!
//! Dumoulin et al. 2017, "Adversarially Learned Inference", arXiv:1606.00704, algorithm 1.
//!
//! ```text
//! z_x = mean(x) + sigma(x) epsilon                                    a draw from q(z | x)
//! L_D  = E_x[softplus(-D(x, z_x))] + E_z[softplus(D(G(z), z))]
//! L_GE = E_x[softplus(D(x, z_x))] + E_z[softplus(-D(G(z), z))]        one player: generator and encoder
//! ```
//!
//! Where D cannot tell the joint laws q(x) q(z | x) and p(z) p(x | z) apart, they are one, and the encoder is the posterior of
//! the generator. Over `bigan`: the encoder is stochastic, the networks are convolutional, and picture and code are read by
//! networks of their own before they meet. Simplifications: DCGAN's networks, in D without batch normalisation as the paper's,
//! and no maxout.
use crate::data::Field;
use crate::games::{Function, Game, Player, Space, Step, System};
use crate::models::architecture::dcgan;
use crate::models::inference::joint::Joint;
use crate::models::objective::networks::Networks;
use crate::models::{Card, Describe, Given, Section, Takes};
use crate::nn::{Layer, Scope, Sequential};
use crate::objectives::likelihood::Normal;
use crate::objectives::non_saturating;
use crate::optimisers::OptimiserConfig;
use gany_engine::Tensor;
use serde::{Deserialize, Serialize};

/// Settings of [`Ali`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Examples in a batch.
    pub batch: usize,
    /// Numbers in a latent vector.
    pub z_dim: usize,
    /// Channels of the layers next to the picture.
    pub width: usize,
    /// Share of what the discriminator's hidden layers give that it does without while it learns.
    #[serde(default)]
    pub dropout: f64,
    /// The optimiser of generator and encoder.
    pub generator: OptimiserConfig,
    /// The discriminator's optimiser.
    pub discriminator: OptimiserConfig,
}

impl Default for Config {
    fn default() -> Self {
        let adam = OptimiserConfig::adam(1e-4, [0.5, 0.999]);
        Config {
            batch: 100,
            z_dim: 64,
            width: 64,
            dropout: 0.2,
            generator: adam,
            discriminator: adam,
        }
    }
}

/// Adversarially learned inference.
pub struct Ali {
    config: Config,
    generator: Sequential,
    encoder: Sequential,
    discriminator: Joint,
}

/// Without a share of its numbers, the others larger by as much.
fn dropout(hidden: Tensor, share: f64, s: &Step) -> Tensor {
    if share == 0.0 {
        return hidden;
    }
    let kept = (s.uniform(hidden.shape()) - share).positive();
    hidden * kept * (1.0 / (1.0 - share))
}

impl Ali {
    /// q(z | x).
    fn posterior(&self, x: &Tensor) -> Normal {
        Normal::said_by(&self.encoder.forward(x))
    }
}

impl System for Ali {
    fn game(&self) -> Game {
        Game::step(Player::new("discriminator", self.config.discriminator), 1)
            .then(Player::new("generator", self.config.generator), 1)
    }

    fn loss(&self, player: &str, s: &Step) -> Tensor {
        let shape = [s.batch(), self.config.z_dim];
        let z = s.once("z", || s.normal(&shape));
        let x_fake = s.once("x_fake", || self.generator.forward(&z));
        let code = s.once("code", || self.posterior(s.x()).at(&s.normal(&shape)));
        let logits = |x: &Tensor, z: &Tensor| self.discriminator.changed(x, z, |h| dropout(h, self.config.dropout, s));
        if player == "discriminator" {
            let (real, fake) = (logits(s.x(), &code.detach()), logits(&x_fake.detach(), &z));
            s.report_discriminator(&real, &fake);
            return non_saturating::discriminator(&real, &fake);
        }
        let (real, fake) = (logits(s.x(), &code), logits(&x_fake, &z));
        // The same with the labels exchanged.
        non_saturating::discriminator(&fake, &real)
    }

    fn judge(&self, x: &Tensor, _: Option<&Tensor>) -> Option<Tensor> {
        Some(self.discriminator.forward(x, &self.posterior(x).mean))
    }

    fn z_dim(&self) -> usize {
        self.config.z_dim
    }

    fn sample(&self, z: &Tensor, _: Option<&Tensor>) -> Tensor {
        self.generator.forward(z)
    }

    fn functions(&self) -> Vec<Function> {
        vec![
            Function::of_x("encode", Space::Latent),
            Function::of_x("reconstruct", Space::Data(Field::X)),
        ]
    }

    /// `encode` gives the posterior's mean.
    fn apply(&self, name: &str, x: &Tensor) -> Tensor {
        let code = self.posterior(x).mean;
        match name {
            "encode" => code,
            _ => self.generator.forward(&code),
        }
    }
}

impl Describe for Ali {
    type Config = Config;

    const CARD: Card = Card {
        id: "ali",
        section: Section::Inference,
        title: "ALI",
        paper: "Dumoulin et al. 2017, Adversarially Learned Inference, arXiv:1606.00704",
        idea: "Encoder and generator come to one joint law of pictures and codes, which a discriminator cannot tell apart.",
        equations: &[
            "L_D = E_x[softplus(-D(x, z_x))] + E_z[softplus(D(G(z), z))],  z_x = mean(x) + sigma(x) epsilon",
            "L_GE = E_x[softplus(D(x, z_x))] + E_z[softplus(-D(G(z), z))]",
        ],
        needs: &[],
        takes: Takes::Pictures,
        data: "mnist",
        over: Some("bigan"),
    };

    fn build(config: Config, given: &Given, scope: &Scope) -> Self {
        let Config { z_dim, width, .. } = config;
        let (sample, player) = (&given.sample, scope.at("generator"));
        Ali {
            generator: dcgan::generator(&player.at("decoder"), sample, z_dim, width),
            encoder: dcgan::encoder(&player.at("encoder"), sample, 2 * z_dim, width, true),
            discriminator: Joint::new(Networks::Convolutional, &scope.at("discriminator"), given, z_dim, width),
            config,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Shape;
    use crate::nn::Parameter;
    use gany_engine::{DType, grad};

    /// The encoder learns both of its posterior's mean and, since it is drawn from, of its variance; and what the
    /// discriminator says of a pair depends on how picture and code go together, not on either alone.
    #[test]
    fn the_game_is_about_pairs_drawn_from_a_posterior() {
        let sample = Shape::Picture {
            height: 8,
            width: 8,
            channels: 1,
        };
        let (given, scope) = (Given::of(sample, None), Scope::new(DType::F64, 0));
        let ali = Ali::build(
            Config {
                z_dim: 3,
                width: 4,
                ..Config::default()
            },
            &given,
            &scope,
        );
        let key = gany_engine::Key::new(DType::F64, 1, 0);
        let (x, z) = (key.uniform(0, &[4, 8, 8, 1]), key.normal(1, &[4, 3]));
        let last: Parameter = scope.at("generator.encoder").parameters().pop().expect("it has layers");
        let logits = |epsilon: &Tensor| ali.discriminator.forward(&x, &ali.posterior(&x).at(epsilon));
        let slope = |epsilon: &Tensor| grad(&logits(epsilon).sum(), &[&last.get()])[0].to_f64();
        // The last axis of the weight: three means, three logarithms of variances.
        let of_variances = |slope: Vec<f64>| {
            slope
                .chunks(6)
                .flat_map(|row| row[3..].to_vec())
                .map(f64::abs)
                .sum::<f64>()
        };
        assert!(of_variances(slope(&z)) > 0.0);
        assert_eq!(of_variances(slope(&(&z * 0.0))), 0.0);
        let paired = |x: &Tensor, z: &Tensor| crate::nn::evaluating(|| ali.discriminator.forward(x, z).to_f64());
        let both = |i: usize, j: usize| paired(&x.slice(0, i, i + 1), &z.slice(0, j, j + 1))[0];
        assert!((both(0, 0) - both(0, 1) - both(1, 0) + both(1, 1)).abs() > 1e-12);
    }
}
