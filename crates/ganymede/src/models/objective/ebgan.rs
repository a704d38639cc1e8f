//! EBGAN: the discriminator is an energy, how badly an autoencoder rebuilds an example.
//!
//! Zhao et al. 2017, "Energy-based Generative Adversarial Network", arXiv:1609.03126, equations 2, 3 and 6.
//!
//! ```text
//! D(x) = |Dec(Enc(x)) - x|^2 over the numbers of x
//! L_D = E_x[D(x)] + E_z[max(0, m - D(G(z)))]
//! L_G = E_z[D(G(z))] + w PT(Enc(G(z))),   PT(S) = 1/(N (N - 1)) sum over i != j of cos^2(S_i, S_j)      pulling away
//! ```
//!
//! Simplification: the energy is the mean over an example's numbers, so that one margin does for all sizes; the autoencoder
//! is [`crate::models::objective::encoders`]', without the paper's batch normalisation.
use crate::data::Field;
use crate::games::{Function, Game, Player, Space, Step, System};
use crate::models::objective::encoders::Autoencoder;
use crate::models::objective::networks::Networks;
use crate::models::{Card, Describe, Given, Section, Takes};
use crate::nn::{Layer, Scope, Sequential};
use crate::optimisers::OptimiserConfig;
use gany_engine::Tensor;
use serde::{Deserialize, Serialize};

/// Settings of [`Ebgan`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Examples in a batch.
    pub batch: usize,
    /// Numbers in a latent vector.
    pub z_dim: usize,
    /// Units of each hidden layer, or channels of the outermost convolution.
    pub width: usize,
    /// Which networks play.
    pub networks: Networks,
    /// Numbers in a code.
    pub code: usize,
    /// The energy m from which a sample is left alone.
    pub margin: f64,
    /// Weight of the pulling-away term; the paper's is 0.1, and 0 for the plain system.
    pub pulling_away: f64,
    /// The generator's optimiser.
    pub generator: OptimiserConfig,
    /// The discriminator's optimiser.
    pub discriminator: OptimiserConfig,
}

impl Default for Config {
    fn default() -> Self {
        let adam = OptimiserConfig::adam(2e-4, [0.5, 0.999]);
        Config {
            batch: 64,
            z_dim: 100,
            width: 64,
            networks: Networks::Auto,
            code: 32,
            margin: 1.0,
            pulling_away: 0.1,
            generator: adam,
            discriminator: adam,
        }
    }
}

/// The energy-based GAN.
pub struct Ebgan {
    config: Config,
    generator: Sequential,
    discriminator: Autoencoder,
}

impl Ebgan {
    /// The energy of each example, `[n]`, and its code.
    fn energy(&self, x: &Tensor) -> (Tensor, Tensor) {
        let code = self.discriminator.encode(x);
        let error = self.discriminator.decode(&code) - x;
        (error.flatten_from(1).square().mean_axes(&[1]), code)
    }
}

/// The mean squared cosine of two different codes of `[n, code]`: 0 where all are at right angles, 1 where all are parallel.
pub fn pulling_away(code: &Tensor) -> Tensor {
    let n = code.extent(0) as f64;
    let unit = code * (code.square().sum_axes_kept(&[1]) + 1e-12).rsqrt();
    // Each code is parallel to itself.
    (unit.matmul(&unit.transpose()).square().sum() - n) / (n * (n - 1.0))
}

impl System for Ebgan {
    fn game(&self) -> Game {
        Game::step(Player::new("discriminator", self.config.discriminator), 1)
            .then(Player::new("generator", self.config.generator), 1)
    }

    fn loss(&self, player: &str, s: &Step) -> Tensor {
        let x_fake = s.once("x_fake", || {
            self.generator.forward(&s.normal(&[s.batch(), self.config.z_dim]))
        });
        if player == "generator" {
            let (energy, code) = self.energy(&x_fake);
            let parallel = pulling_away(&code);
            s.report("pulling_away", &parallel);
            return energy.mean() + parallel * self.config.pulling_away;
        }
        let [real, fake] = [s.x(), &x_fake.detach()].map(|x| self.energy(x).0);
        s.report("energy.real", &real.mean());
        s.report("energy.fake", &fake.mean());
        real.mean() + (self.config.margin - fake).relu().mean()
    }

    fn judge(&self, x: &Tensor, _: Option<&Tensor>) -> Option<Tensor> {
        Some(0.5 * self.config.margin - self.energy(x).0)
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
        self.discriminator.decode(&self.discriminator.encode(x))
    }
}

impl Describe for Ebgan {
    type Config = Config;

    const CARD: Card = Card {
        id: "ebgan",
        section: Section::Objective,
        title: "Energy-based GAN",
        paper: "Zhao et al. 2017, Energy-based Generative Adversarial Network, arXiv:1609.03126",
        idea: "The discriminator is an energy: how badly an autoencoder rebuilds an example.",
        equations: &[
            "L_D = E_x[D(x)] + E_z[max(0, m - D(G(z)))],  D(x) = |Dec(Enc(x)) - x|^2",
            "L_G = E_z[D(G(z))] + w PT(Enc(G(z))),  PT: mean squared cosine of two codes",
        ],
        needs: &[],
        takes: Takes::PicturesOrPoints,
        data: "grid",
        over: Some("gan"),
    };

    fn build(config: Config, given: &Given, scope: &Scope) -> Self {
        let Config {
            networks,
            z_dim,
            width,
            code,
            ..
        } = config;
        Ebgan {
            generator: networks.generator(&scope.at("generator"), given, z_dim, width),
            discriminator: Autoencoder::new(networks, &scope.at("discriminator"), given, code, width),
            config,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three codes: two parallel, one at right angles to both: of six ordered pairs two have cosine 1, the others 0.
    #[test]
    fn codes_are_pulled_apart_by_their_angles() {
        let code = Tensor::from_f64(&[3, 2], &[1.0, 0.0, -5.0, 0.0, 0.0, 2.0]);
        let parallel = pulling_away(&code).to_f64()[0];
        assert!((parallel - 1.0 / 3.0).abs() < 1e-9, "{parallel}");
    }
}
