//! Autoencoder: a picture through a bottleneck and back; what is common to all pictures of its kind, the networks remember.
//!
//! Hinton and Salakhutdinov 2006, "Reducing the Dimensionality of Data with Neural Networks", Science 313.
//!
//! ```text
//! L = E_x[cost(x, D(E(x)))]      square error (MSE) or binary cross-entropy (BCE), summed over pixels
//! ```
//!
//! There is no prior over codes, hence nothing to sample: that is what `vae` adds. Simplifications: three dense layers of
//! one width on either side where the paper narrows from 1000 to 250 units, and no layer-wise pretraining. With
//! `networks=convolutional` the encoder is the discriminator of `dcgan` and the decoder its generator.
use crate::data::Field;
use crate::games::{Function, Game, Player, Space, Step, System};
use crate::models::objective::networks::{Encoder, Networks};
use crate::models::{Card, Describe, Given, Section, Takes};
use crate::nn::{Layer, Scope, Sequential};
use crate::objectives::likelihood::Likelihood;
use crate::optimisers::OptimiserConfig;
use gany_engine::Tensor;
use serde::{Deserialize, Serialize};

/// Settings of [`Autoencoder`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Examples in a batch.
    pub batch: usize,
    /// Numbers in a code.
    pub z_dim: usize,
    /// Units of each hidden layer, or channels of the layers next to the picture.
    pub width: usize,
    /// Which networks: `dense` or `convolutional`.
    pub networks: Networks,
    /// What a wrong pixel costs: `gaussian` is MSE, `bernoulli` BCE.
    pub likelihood: Likelihood,
    /// The optimiser of both networks.
    pub autoencoder: OptimiserConfig,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            batch: 100,
            z_dim: 30,
            width: 1000,
            networks: Networks::Dense,
            likelihood: Likelihood::Bernoulli,
            autoencoder: OptimiserConfig::adam(1e-3, [0.9, 0.999]),
        }
    }
}

/// The autoencoder.
pub struct Autoencoder {
    config: Config,
    encoder: Encoder,
    decoder: Sequential,
}

impl System for Autoencoder {
    fn game(&self) -> Game {
        Game::step(Player::new("autoencoder", self.config.autoencoder), 1)
    }

    fn loss(&self, _: &str, s: &Step) -> Tensor {
        let numbers = self.decoder.forward(&self.encoder.forward(s.x(), None));
        self.config.likelihood.cost(&numbers, s.x()).mean()
    }

    fn z_dim(&self) -> usize {
        0
    }

    fn functions(&self) -> Vec<Function> {
        let [x, code] = [Space::Data(Field::X), Space::Other(vec![self.config.z_dim])];
        let function = |name, takes: &Space, gives: &Space| Function::new(name, takes.clone(), gives.clone());
        vec![
            function("reconstruct", &x, &x),
            function("encode", &x, &code),
            function("decode", &code, &x),
        ]
    }

    fn apply(&self, name: &str, input: &Tensor) -> Tensor {
        let encode = |x: &Tensor| self.encoder.forward(x, None);
        let decode = |z: &Tensor| self.config.likelihood.picture(&self.decoder.forward(z));
        match name {
            "encode" => encode(input),
            "decode" => decode(input),
            _ => decode(&encode(input)),
        }
    }
}

impl Describe for Autoencoder {
    type Config = Config;

    const CARD: Card = Card {
        id: "autoencoder",
        section: Section::Explicit,
        title: "Autoencoder",
        paper: "Hinton and Salakhutdinov 2006, Reducing the Dimensionality of Data with Neural Networks, Science 313",
        idea: "A picture goes through a bottleneck and back: the code keeps what tells it from others.",
        equations: &["L = E_x[cost(x, D(E(x)))]"],
        needs: &[],
        takes: Takes::Pictures,
        data: "fashion-mnist",
        over: None,
    };

    fn build(config: Config, given: &Given, scope: &Scope) -> Self {
        let (networks, scope) = (config.networks, scope.at("autoencoder"));
        Autoencoder {
            encoder: networks.encoder(&scope.at("encoder"), given, 0, config.z_dim, config.width),
            decoder: networks.decoder(&scope.at("decoder"), given, config.z_dim, config.width),
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

    /// Examples on a line through the space of pictures need a code of one number only; what `reconstruct` gives is what
    /// `decode` makes of what `encode` gives.
    #[test]
    fn a_bottleneck_of_one_number_learns_a_line() {
        let sample = Shape::Picture {
            height: 8,
            width: 8,
            channels: 1,
        };
        let given = Given::of(sample, None);
        let scope = Scope::new(DType::F32, 0);
        let config = Config {
            batch: 16,
            z_dim: 1,
            width: 32,
            likelihood: Likelihood::Gaussian,
            ..Config::default()
        };
        let system = Autoencoder::build(config, &given, &scope);
        let mut play = Play::new(Box::new(system), scope, given.of_batch(16), 0);
        let x: Vec<f32> = (0..16 * 64)
            .map(|i| ((i / 64) as f32 / 7.5 - 1.0) * ((i % 64) as f32 / 64.0))
            .collect();
        play.batch_mut(0).0.copy_from_slice(&x);
        (0..300).for_each(|n| play.step(n));
        let there = play.apply("reconstruct", &x);
        let error = there.iter().zip(&x).map(|(a, b)| (a - b).powi(2)).sum::<f32>() / x.len() as f32;
        assert!(error < 2e-3, "{error}");
        let codes = play.apply("encode", &x);
        assert_eq!(codes.len(), 16);
        assert_eq!(play.apply("decode", &codes), there);
    }
}
