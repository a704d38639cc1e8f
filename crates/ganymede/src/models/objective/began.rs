//! BEGAN: an autoencoder's errors on data and on samples are held in balance, and their ratio sets the diversity.
//!
//! Berthelot et al. 2017, "BEGAN: Boundary Equilibrium Generative Adversarial Networks", arXiv:1703.10717, section 3.
//!
//! ```text
//! L(v) = |v - D(v)|                                 mean over the numbers of v
//! L_D = L(x) - k_t L(G(z))
//! L_G = L(G(z))
//! k_{t+1} = k_t + lambda (gamma L(x) - L(G(z))),    held within [0, 1], k_0 = 0
//! M = L(x) + |gamma L(x) - L(G(z))|                 the global measure of convergence
//! ```
//!
//! Simplifications: normal latent vectors where the paper has uniform ones, the same for both players; leaky rectifiers for
//! exponential linear units; no skip connections, and a constant learning rate.
use crate::data::{Field, Shape};
use crate::games::{Function, Game, Player, Space, Step, System};
use crate::models::objective::encoders::{Autoencoder, decoder};
use crate::models::objective::networks::Networks;
use crate::models::{Card, Describe, Given, Section, Takes};
use crate::nn::{Activation, Layer, Parameter, Scope, Sequential};
use crate::optimisers::OptimiserConfig;
use gany_engine::Tensor;
use serde::{Deserialize, Serialize};

/// Settings of [`Began`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Examples in a batch.
    pub batch: usize,
    /// Numbers in a latent vector, and in a code.
    pub z_dim: usize,
    /// Units of each hidden layer, or channels of the outermost convolution.
    pub width: usize,
    /// Which networks play.
    pub networks: Networks,
    /// The ratio of errors L(G(z)) / L(x) that is aimed at, 0 to 1: the lower, the less diverse and the sharper.
    pub gamma: f64,
    /// The gain of k, lambda.
    pub gain: f64,
    /// The generator's optimiser.
    pub generator: OptimiserConfig,
    /// The discriminator's optimiser.
    pub discriminator: OptimiserConfig,
}

impl Default for Config {
    fn default() -> Self {
        let adam = OptimiserConfig::adam(1e-4, [0.5, 0.999]);
        Config {
            batch: 16,
            z_dim: 64,
            width: 64,
            networks: Networks::Auto,
            gamma: 0.5,
            gain: 1e-3,
            generator: adam,
            discriminator: adam,
        }
    }
}

/// The boundary equilibrium GAN.
pub struct Began {
    config: Config,
    generator: Sequential,
    discriminator: Autoencoder,
    k: Parameter,
}

impl Began {
    fn rebuilt(&self, x: &Tensor) -> Tensor {
        self.discriminator.decode(&self.discriminator.encode(x))
    }

    /// L, the mean over all examples and their numbers.
    fn error(&self, x: &Tensor) -> Tensor {
        (x - self.rebuilt(x)).abs().mean()
    }
}

impl System for Began {
    fn game(&self) -> Game {
        Game::step(Player::new("discriminator", self.config.discriminator), 1)
            .then(Player::new("generator", self.config.generator), 1)
    }

    fn loss(&self, player: &str, s: &Step) -> Tensor {
        let x_fake = s.once("x_fake", || {
            self.generator.forward(&s.normal(&[s.batch(), self.config.z_dim]))
        });
        if player == "generator" {
            return self.error(&x_fake);
        }
        let (real, fake) = (self.error(s.x()), self.error(&x_fake.detach()));
        let balance = (&real * self.config.gamma - &fake).detach();
        let k = self.k.get();
        self.k.set((&k + &balance * self.config.gain).clamp(0.0, 1.0));
        s.report("error.real", &real);
        s.report("error.fake", &fake);
        s.report("k", &k);
        s.report("convergence", &(&real + balance.abs()));
        real - k * fake
    }

    fn z_dim(&self) -> usize {
        self.config.z_dim
    }

    fn sample(&self, z: &Tensor, _: Option<&Tensor>) -> Tensor {
        self.generator.forward(z)
    }

    fn functions(&self) -> Vec<Function> {
        vec![Function::of_x("reconstruct", Space::Data(Field::X))]
    }

    fn apply(&self, _: &str, x: &Tensor) -> Tensor {
        self.rebuilt(x)
    }
}

impl Describe for Began {
    type Config = Config;

    const CARD: Card = Card {
        id: "began",
        section: Section::Objective,
        title: "BEGAN",
        paper: "Berthelot et al. 2017, BEGAN: Boundary Equilibrium Generative Adversarial Networks, arXiv:1703.10717",
        idea: "An autoencoder's errors on data and on samples are held in balance; their ratio sets the diversity.",
        equations: &[
            "L_D = L(x) - k_t L(G(z)),  L(v) = |v - D(v)|",
            "L_G = L(G(z))",
            "k_{t+1} = k_t + lambda (gamma L(x) - L(G(z)))",
            "M = L(x) + |gamma L(x) - L(G(z))|",
        ],
        needs: &[],
        takes: Takes::PicturesOrPoints,
        data: "fashion-mnist",
        over: Some("ebgan"),
    };

    fn build(config: Config, given: &Given, scope: &Scope) -> Self {
        let (networks, z_dim, width) = (config.networks, config.z_dim, config.width);
        let generator = decoder(networks, &scope.at("generator"), given, z_dim, width, 0);
        Began {
            generator: match given.sample {
                Shape::Point { .. } => generator,
                _ => generator.push(Activation::Tanh),
            },
            discriminator: Autoencoder::new(networks, &scope.at("discriminator"), given, z_dim, width),
            k: scope.buffer("k", &[], 0.0),
            config,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::games::Play;
    use gany_engine::DType;

    /// k follows its equation over steps, up and down to where it is held.
    #[test]
    fn k_moves_as_its_equation_says() {
        let given = Given::of(Shape::Point { dimension: 2 }, None);
        let scope = Scope::new(DType::F32, 0);
        let config = Config {
            batch: 8,
            z_dim: 3,
            width: 8,
            gamma: 0.1,
            gain: 0.3,
            ..Config::default()
        };
        let system = Began::build(config, &given, &scope);
        let mut play = Play::new(Box::new(system), scope, given.of_batch(8), 0);
        let mut expected = 0.0_f64;
        let mut seen = vec![];
        for n in 0..12 {
            // Far from the origin the error is large and k rises; at the origin it is small and k falls.
            play.batch_mut(0).0.fill(if n < 6 { 30.0 } else { 0.0 });
            play.step(n);
            let reports = play.reports(n);
            assert!(
                (reports["k"] - expected).abs() < 1e-5,
                "step {n}: {reports:?}, expected {expected}"
            );
            let balance = 0.1 * reports["error.real"] - reports["error.fake"];
            assert!((reports["convergence"] - reports["error.real"] - balance.abs()).abs() < 1e-4);
            expected = (expected + 0.3 * balance).clamp(0.0, 1.0);
            seen.push(expected);
        }
        assert_eq!((seen[5], seen[0] > 0.0), (1.0, true), "{seen:?}");
        assert!(seen[11] < seen[5], "{seen:?}");
    }
}
