//! BiGAN: an encoder learns the generator backwards, because a discriminator compares pairs of picture and code.
//!
//! Donahue et al. 2017, "Adversarial Feature Learning", arXiv:1605.09782, equation 3; the same game as `ali`'s.
//!
//! ```text
//! L_D  = E_x[softplus(-D(x, E(x)))] + E_z[softplus(D(G(z), z))]
//! L_GE = E_x[softplus(D(x, E(x)))] + E_z[softplus(-D(G(z), z))]      one player: generator and encoder
//! ```
//!
//! At the optimum E inverts G. Over `gan`: the encoder. Simplifications: a normal prior where the paper's is uniform; three
//! dense layers in each network without batch normalisation and weight decay; with `networks=convolutional` DCGAN's, and a
//! discriminator as `ali`'s.
use crate::data::Field;
use crate::games::{Function, Game, Player, Space, Step, System};
use crate::models::inference::joint::Joint;
use crate::models::objective::networks::{Encoder, Networks};
use crate::models::{Card, Describe, Given, Section, Takes};
use crate::nn::{Layer, Scope, Sequential};
use crate::objectives::non_saturating;
use crate::optimisers::OptimiserConfig;
use gany_engine::Tensor;
use serde::{Deserialize, Serialize};

/// Settings of [`Bigan`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Examples in a batch.
    pub batch: usize,
    /// Numbers in a latent vector.
    pub z_dim: usize,
    /// Units of each hidden layer, or channels of the layers next to the picture.
    pub width: usize,
    /// Which networks play.
    pub networks: Networks,
    /// The optimiser of generator and encoder.
    pub generator: OptimiserConfig,
    /// The discriminator's optimiser.
    pub discriminator: OptimiserConfig,
}

impl Default for Config {
    fn default() -> Self {
        let adam = OptimiserConfig::adam(2e-4, [0.5, 0.999]);
        Config {
            batch: 128,
            z_dim: 50,
            width: 1024,
            networks: Networks::Dense,
            generator: adam,
            discriminator: adam,
        }
    }
}

/// The bidirectional GAN.
pub struct Bigan {
    config: Config,
    generator: Sequential,
    encoder: Encoder,
    discriminator: Joint,
}

impl System for Bigan {
    fn game(&self) -> Game {
        Game::step(Player::new("discriminator", self.config.discriminator), 1)
            .then(Player::new("generator", self.config.generator), 1)
    }

    fn loss(&self, player: &str, s: &Step) -> Tensor {
        let z = s.once("z", || s.normal(&[s.batch(), self.config.z_dim]));
        let x_fake = s.once("x_fake", || self.generator.forward(&z));
        let code = s.once("code", || self.encoder.forward(s.x(), None));
        if player == "discriminator" {
            let (real, fake) = (
                self.discriminator.forward(s.x(), &code.detach()),
                self.discriminator.forward(&x_fake.detach(), &z),
            );
            s.report_discriminator(&real, &fake);
            return non_saturating::discriminator(&real, &fake);
        }
        // The same with the labels exchanged.
        non_saturating::discriminator(
            &self.discriminator.forward(&x_fake, &z),
            &self.discriminator.forward(s.x(), &code),
        )
    }

    fn judge(&self, x: &Tensor, _: Option<&Tensor>) -> Option<Tensor> {
        Some(self.discriminator.forward(x, &self.encoder.forward(x, None)))
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

    fn apply(&self, name: &str, x: &Tensor) -> Tensor {
        let code = self.encoder.forward(x, None);
        match name {
            "encode" => code,
            _ => self.generator.forward(&code),
        }
    }
}

impl Describe for Bigan {
    type Config = Config;

    const CARD: Card = Card {
        id: "bigan",
        section: Section::Inference,
        title: "BiGAN",
        paper: "Donahue et al. 2017, Adversarial Feature Learning, arXiv:1605.09782",
        idea: "A discriminator of pairs of picture and code teaches an encoder to be the generator backwards.",
        equations: &[
            "L_D = E_x[softplus(-D(x, E(x)))] + E_z[softplus(D(G(z), z))]",
            "L_GE = E_x[softplus(D(x, E(x)))] + E_z[softplus(-D(G(z), z))]",
        ],
        needs: &[],
        takes: Takes::PicturesOrPoints,
        data: "mnist",
        over: Some("gan"),
    };

    fn build(config: Config, given: &Given, scope: &Scope) -> Self {
        let Config {
            networks, z_dim, width, ..
        } = config;
        let player = scope.at("generator");
        Bigan {
            generator: networks.generator(&player.at("decoder"), given, z_dim, width),
            encoder: networks.encoder(&player.at("encoder"), given, 0, z_dim, width),
            discriminator: Joint::new(networks, &scope.at("discriminator"), given, z_dim, width),
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

    /// Points on a line with a code of one number: where generator and encoder have come to invert one another, a point is
    /// what the generator makes of its code.
    #[test]
    fn the_encoder_learns_the_generator_backwards() {
        let (given, scope) = (
            Given::of(Shape::Point { dimension: 2 }, None),
            Scope::new(DType::F32, 0),
        );
        let adam = OptimiserConfig::adam(1e-3, [0.5, 0.999]);
        let config = Config {
            batch: 64,
            z_dim: 1,
            width: 32,
            generator: adam,
            discriminator: adam,
            ..Config::default()
        };
        let mut play = Play::new(
            Box::new(Bigan::build(config, &given, &scope)),
            scope,
            given.of_batch(64),
            0,
        );
        let point = |t: f32| [t, 0.5 * t];
        let at = |i: usize| (i as f32 + 0.5) / 32.0 - 1.0;
        let error = |play: &mut Play| {
            let x: Vec<f32> = (0..64).flat_map(|i| point(at(i))).collect();
            let there = play.apply("reconstruct", &x);
            there.iter().zip(&x).map(|(a, b)| (a - b).powi(2)).sum::<f32>() / 64.0
        };
        let before = error(&mut play);
        for n in 0..1500 {
            let x: Vec<f32> = (0..64)
                .flat_map(|i| point(at((i * 7 + n as usize * 13) % 64)))
                .collect();
            play.batch_mut(0).0.copy_from_slice(&x);
            play.step(n);
        }
        let after = error(&mut play);
        assert!(after < 0.2 * before, "{before} {after}");
    }
}
