//! Conditional VAE: encoder and decoder are told the class, so pictures of a class can be asked for.
//!
//! Kingma et al. 2014, "Semi-Supervised Learning with Deep Generative Models", arXiv:1406.5298, model M2 with all labels
//! known; Sohn et al. 2015, "Learning Structured Output Representation using Deep Conditional Generative Models".
//!
//! ```text
//! log p(x | y) >= E_q[log p(x | y, z)] - KL(q(z | x, y) | N(0, 1))
//! ```
//!
//! Over `vae`: the class as numbers 0 and 1 beside the picture and beside the latent vector.
use crate::data::Field;
use crate::games::{Game, Player, Step, System};
use crate::models::explicit::vae::{self, Pair};
use crate::models::{Card, Describe, Given, Section, Takes};
use crate::nn::Scope;
use gany_engine::Tensor;

/// The conditional VAE.
pub struct Cvae {
    config: vae::Config,
    classes: usize,
    networks: Pair,
}

impl Cvae {
    /// The bound on log p(x | y) in nats, `[n]`, for pictures x `[n, ..]`, classes y `[n]` and one draw epsilon `[n, z_dim]`.
    pub fn bound(&self, x: &Tensor, y: &Tensor, epsilon: &Tensor) -> Tensor {
        let [reconstruction, divergence] = self.networks.cost(x, Some(&y.one_hot(self.classes)), epsilon);
        -(reconstruction + divergence)
    }
}

impl System for Cvae {
    fn game(&self) -> Game {
        Game::step(Player::new("generator", self.config.generator), 1)
    }

    fn loss(&self, _: &str, s: &Step) -> Tensor {
        self.networks
            .loss(s, Some(&s.y().one_hot(self.classes)), self.config.z_dim)
    }

    fn z_dim(&self) -> usize {
        self.config.z_dim
    }

    fn classes(&self) -> Option<usize> {
        Some(self.classes)
    }

    fn sample(&self, z: &Tensor, y: Option<&Tensor>) -> Tensor {
        let y = y.expect("a conditional system is asked with classes");
        self.networks.decode(z, Some(&y.one_hot(self.classes)))
    }
}

impl Describe for Cvae {
    type Config = vae::Config;

    const CARD: Card = Card {
        id: "cvae",
        section: Section::Explicit,
        title: "Conditional VAE",
        paper: "Kingma et al. 2014, Semi-Supervised Learning with Deep Generative Models, arXiv:1406.5298",
        idea: "Encoder and decoder are told the class, so pictures of a class can be asked for.",
        equations: &["L = E_x[E_q[-log p(x | y, z)] + KL(q(z | x, y) | N(0, 1))]"],
        needs: &[Field::Y],
        takes: Takes::Pictures,
        data: "mnist",
        over: Some("vae"),
    };

    fn build(config: vae::Config, given: &Given, scope: &Scope) -> Self {
        let classes = given.classes.expect("checked: this system needs labels");
        Cvae {
            networks: Pair::new(&config, given, classes, &scope.at("generator")),
            classes,
            config,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Shape;
    use gany_engine::{DType, Key};

    /// The same latent vector makes another picture of another class, and the bound is that of the class that is named.
    #[test]
    fn the_class_says_which_picture_a_latent_vector_makes() {
        let sample = Shape::Picture {
            height: 8,
            width: 8,
            channels: 1,
        };
        let (given, scope) = (Given::of(sample, Some(3)), Scope::new(DType::F64, 0));
        let config = vae::Config {
            z_dim: 2,
            width: 4,
            ..vae::Config::default()
        };
        let cvae = Cvae::build(config, &given, &scope);
        let z = Tensor::full(DType::F64, &[1, 2], 0.5);
        let class = |y: f64| Tensor::full(DType::F64, &[1], y);
        let picture = |y: f64| cvae.sample(&z, Some(&class(y))).to_f64();
        assert_ne!(picture(0.0), picture(2.0));
        let x = Key::new(DType::F64, 1, 0).uniform(0, &[1, 8, 8, 1]);
        let bound = |y: f64| cvae.bound(&x, &class(y), &z).to_f64();
        assert_ne!(bound(0.0), bound(2.0));
        // All pixels undecided would cost 64 log 2; a network without training is near that.
        assert!((bound(0.0)[0] + 64.0 * 2.0_f64.ln()).abs() < 15.0, "{:?}", bound(0.0));
    }
}
