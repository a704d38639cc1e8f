//! Variational autoencoder: an autoencoder whose codes are normal, so that a normal draw is the code of a new picture.
//!
//! Kingma and Welling 2014, "Auto-Encoding Variational Bayes", arXiv:1312.6114.
//!
//! ```text
//! log p(x) >= ELBO = E_q[log p(x | z)] - KL(q(z | x) | N(0, 1))      equation 3, q(z | x) = N(mean(x), sigma(x)^2)
//! L = -E_x[ELBO],  z = mean(x) + sigma(x) epsilon                    one draw of epsilon, equation 10
//! ```
//!
//! Over `autoencoder`: the encoder says a distribution of codes, whose distance from the prior is paid for. Samples are the
//! decoder's means, without the noise of pixels. Simplifications: Adam for Adagrad, leaky rectifiers for tanh, and one hidden
//! layer more on either side. A grey pixel is taken for so much of a white one.
use crate::data::Field;
use crate::games::{Function, Game, Player, Space, Step, System};
use crate::models::objective::networks::{Encoder, Networks};
use crate::models::{Card, Describe, Given, Section, Takes};
use crate::nn::{Layer, Scope, Sequential, beside};
use crate::objectives::likelihood::{Likelihood, Normal};
use crate::optimisers::OptimiserConfig;
use gany_engine::{Key, Tensor};
use serde::{Deserialize, Serialize};

/// Settings of [`Vae`], and of systems that are made of its networks.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Examples in a batch.
    pub batch: usize,
    /// Numbers in a latent vector.
    pub z_dim: usize,
    /// Units of each hidden layer, or channels of the layers next to the picture.
    pub width: usize,
    /// Which networks: `dense` or `convolutional`.
    pub networks: Networks,
    /// What the decoder's numbers say of pixels.
    pub likelihood: Likelihood,
    /// The optimiser of both networks.
    pub generator: OptimiserConfig,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            batch: 100,
            z_dim: 20,
            width: 500,
            networks: Networks::Dense,
            likelihood: Likelihood::Bernoulli,
            generator: OptimiserConfig::adam(1e-3, [0.9, 0.999]),
        }
    }
}

/// The variational autoencoder.
pub struct Vae {
    config: Config,
    networks: Pair,
}

/// The encoder and the decoder, of examples alone or of examples with a condition beside them.
pub struct Pair {
    encoder: Encoder,
    decoder: Sequential,
    likelihood: Likelihood,
}

impl Pair {
    /// Declares both under `scope`; a condition has so many numbers, maybe none.
    pub fn new(config: &Config, given: &Given, conditions: usize, scope: &Scope) -> Pair {
        let (networks, z_dim, width) = (config.networks, config.z_dim, config.width);
        Pair {
            encoder: networks.encoder(&scope.at("encoder"), given, conditions, 2 * z_dim, width),
            decoder: networks.decoder(&scope.at("decoder"), given, z_dim + conditions, width),
            likelihood: config.likelihood,
        }
    }

    /// q(z | x, condition), of vectors `[n, z_dim]`.
    pub fn posterior(&self, x: &Tensor, condition: Option<&Tensor>) -> Normal {
        Normal::said_by(&self.encoder.forward(x, condition))
    }

    /// What p(x | z, condition) has for its mean: pictures in [-1, 1].
    pub fn decode(&self, z: &Tensor, condition: Option<&Tensor>) -> Tensor {
        self.likelihood.picture(&self.numbers(z, condition))
    }

    fn numbers(&self, z: &Tensor, condition: Option<&Tensor>) -> Tensor {
        self.decoder
            .forward(&condition.map_or(z.clone(), |condition| beside(z, condition)))
    }

    /// The two parts of -ELBO, `[n]` each, for one draw epsilon `[n, z_dim]`: what x costs given z, and the divergence of z's
    /// posterior from its prior.
    pub fn cost(&self, x: &Tensor, condition: Option<&Tensor>, epsilon: &Tensor) -> [Tensor; 2] {
        let posterior = self.posterior(x, condition);
        let numbers = self.numbers(&posterior.at(epsilon), condition);
        [self.likelihood.cost(&numbers, x), posterior.divergence()]
    }

    /// The mean of -ELBO over the step's batch, whose parts are reported.
    pub fn loss(&self, s: &Step, condition: Option<&Tensor>, z_dim: usize) -> Tensor {
        let parts = self.cost(s.x(), condition, &s.normal(&[s.batch(), z_dim]));
        let [reconstruction, divergence] = parts.map(|part| part.mean());
        s.report("elbo.reconstruction", &reconstruction);
        s.report("elbo.divergence", &divergence);
        reconstruction + divergence
    }
}

impl System for Vae {
    fn game(&self) -> Game {
        Game::step(Player::new("generator", self.config.generator), 1)
    }

    fn loss(&self, _: &str, s: &Step) -> Tensor {
        self.networks.loss(s, None, self.config.z_dim)
    }

    fn z_dim(&self) -> usize {
        self.config.z_dim
    }

    fn sample(&self, z: &Tensor, _: Option<&Tensor>) -> Tensor {
        self.networks.decode(z, None)
    }

    fn functions(&self) -> Vec<Function> {
        vec![
            Function::of_x("encode", Space::Latent),
            Function::of_x("reconstruct", Space::Data(Field::X)),
            Function::of_x("elbo", Space::Other(vec![])),
        ]
    }

    /// `encode` gives the posterior's mean, `elbo` the bound on log p(x) in nats by one fixed draw.
    fn apply(&self, name: &str, x: &Tensor) -> Tensor {
        let mean = || self.networks.posterior(x, None).mean;
        match name {
            "encode" => mean(),
            "reconstruct" => self.networks.decode(&mean(), None),
            _ => {
                let epsilon = Key::new(x.dtype(), 0, 0).normal(0, &[x.extent(0), self.config.z_dim]);
                let [reconstruction, divergence] = self.networks.cost(x, None, &epsilon);
                -(reconstruction + divergence)
            }
        }
    }
}

impl Describe for Vae {
    type Config = Config;

    const CARD: Card = Card {
        id: "vae",
        section: Section::Explicit,
        title: "Variational autoencoder",
        paper: "Kingma and Welling 2014, Auto-Encoding Variational Bayes, arXiv:1312.6114",
        idea: "An autoencoder whose codes are normal, so that a normal draw is the code of a new picture.",
        equations: &["L = E_x[E_q[-log p(x | z)] + KL(q(z | x) | N(0, 1))],  z = mean(x) + sigma(x) epsilon"],
        needs: &[],
        takes: Takes::Pictures,
        data: "fashion-mnist",
        over: Some("autoencoder"),
    };

    fn build(config: Config, given: &Given, scope: &Scope) -> Self {
        Vae {
            networks: Pair::new(&config, given, 0, &scope.at("generator")),
            config,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Shape;
    use gany_engine::DType;

    /// An encoder that says the prior, whatever it sees, is as far from it as nothing; and the bound is then what a picture
    /// costs under what the decoder makes of noise.
    #[test]
    fn a_posterior_that_is_the_prior_costs_nothing() {
        let sample = Shape::Picture {
            height: 8,
            width: 8,
            channels: 1,
        };
        let (given, scope) = (Given::of(sample, None), Scope::new(DType::F64, 0));
        let config = Config {
            z_dim: 3,
            width: 4,
            ..Config::default()
        };
        let vae = Vae::build(config, &given, &scope);
        for parameter in scope.at("generator.encoder").parameters() {
            parameter.set(parameter.get() * 0.0);
        }
        let x = Key::new(DType::F64, 1, 0).uniform(0, &[2, 8, 8, 1]) * 2.0 - 1.0;
        let epsilon = Key::new(DType::F64, 2, 0).normal(0, &[2, 3]);
        let [reconstruction, divergence] = vae.networks.cost(&x, None, &epsilon);
        assert_eq!(divergence.to_f64(), [0.0, 0.0]);
        let expected = Likelihood::Bernoulli.cost(&vae.networks.numbers(&epsilon, None), &x);
        assert_eq!(reconstruction.to_f64(), expected.to_f64());
    }
}
