//! InfoGAN: codes that a network can read off the samples come to mean what varies most in the data, without a label.
//!
//! Chen et al. 2016, "InfoGAN: Interpretable Representation Learning by Information Maximizing Generative Adversarial Nets",
//! arXiv:1606.03657, equations 5 and 6.
//!
//! ```text
//! I(c; G(z, c)) >= L_I = E_{z, c}[log Q(c | G(z, c))] + H(c)
//! L_D = E_x[softplus(-D(x))] + E_z[softplus(D(G(z, c)))] - w L_I
//! L_G = E_z[softplus(-D(G(z, c)))] - w L_I
//! ```
//!
//! Codes are a category and some continuous numbers. A latent vector is all normal here: the largest of its first numbers
//! says the category, the next ones are the continuous codes as they stand (the paper's are uniform), the rest is noise. Over
//! `dcgan`: Q, and the paper's dense layers (appendix C.1), by which a category can mean more than the same change of every
//! picture: one before the generator, one after the convolutions of the discriminator, and one that Q has to itself.
use crate::games::{Function, Game, Player, Space, Step, System};
use crate::models::architecture::dcgan;
use crate::models::{Card, Describe, Given, Section, Takes};
use crate::nn::{Activation, Layer, Scope, Sequential, batch_norm, dense};
use crate::objectives::likelihood::{Normal, categorical};
use crate::objectives::non_saturating;
use crate::optimisers::OptimiserConfig;
use gany_engine::{Tensor, concat};
use serde::{Deserialize, Serialize};
use std::f64::consts::{E, PI};

/// Settings of [`Infogan`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Examples in a batch.
    pub batch: usize,
    /// Numbers of noise in a latent vector, beside the codes.
    pub z_dim: usize,
    /// Values of the categorical code.
    pub categories: usize,
    /// How many continuous codes.
    pub continuous: usize,
    /// Channels of the layers next to the picture.
    pub width: usize,
    /// Weight of the information of the category.
    pub category_weight: f64,
    /// Weight of the information of the continuous codes.
    pub continuous_weight: f64,
    /// The generator's optimiser.
    pub generator: OptimiserConfig,
    /// The discriminator's optimiser, which Q learns by as well.
    pub discriminator: OptimiserConfig,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            batch: 128,
            z_dim: 62,
            categories: 10,
            continuous: 2,
            width: 64,
            category_weight: 1.0,
            continuous_weight: 0.1,
            generator: OptimiserConfig::adam(1e-3, [0.5, 0.999]),
            discriminator: OptimiserConfig::adam(2e-4, [0.5, 0.999]),
        }
    }
}

/// The information-maximising GAN.
pub struct Infogan {
    config: Config,
    generator: Sequential,
    /// What the discriminator and Q share.
    features: Sequential,
    /// From features to the logit of being real.
    source: Sequential,
    /// From features to Q's numbers.
    q: Sequential,
}

/// Units of the dense layers to a channel next to the picture: 1024 and Q's 128 for the paper's 64.
const HIDDEN: usize = 16;
const HIDDEN_OF_Q: usize = 2;

impl Infogan {
    /// The category `[n]` and the continuous codes `[n, continuous]` of latent vectors `[n, z_dim]`.
    fn codes(&self, z: &Tensor) -> (Tensor, Tensor) {
        let Config {
            categories, continuous, ..
        } = self.config;
        let category = z.slice(1, 0, categories).argmax(1);
        (category, z.slice(1, categories, categories + continuous))
    }

    fn generate(&self, z: &Tensor) -> Tensor {
        let (category, _) = self.codes(z);
        let rest = z.slice(1, self.config.categories, z.extent(1));
        self.generator
            .forward(&concat(&[category.one_hot(self.config.categories), rest], 1))
    }

    /// Of pictures `[n, ..]` the logits of being real, `[n]`, and Q's numbers, `[n, ..]`.
    fn judged(&self, x: &Tensor) -> (Tensor, Tensor) {
        let features = self.features.forward(x);
        let logits = self.source.forward(&features).reshape(&[x.extent(0)]);
        (logits, self.q.forward(&features))
    }

    /// What Q says of the codes with its numbers `[n, ..]`: logits of categories, and normals of continuous codes.
    fn said(&self, numbers: &Tensor) -> (Tensor, Normal) {
        let categories = self.config.categories;
        let continuous = numbers.slice(1, categories, numbers.extent(1));
        (numbers.slice(1, 0, categories), Normal::said_by(&continuous))
    }

    /// The bound L_I in nats, of the category and of the continuous codes, by Q's numbers.
    fn information(&self, z: &Tensor, numbers: &Tensor) -> [Tensor; 2] {
        let (category, continuous) = self.codes(z);
        let (logits, normal) = self.said(numbers);
        let entropies = [
            (self.config.categories as f64).ln(),
            0.5 * self.config.continuous as f64 * (2.0 * PI * E).ln(),
        ];
        let costs = [categorical(&logits, &category), normal.cost(&continuous)];
        [0, 1].map(|code| entropies[code] - costs[code].mean())
    }

    fn weighted(&self, [category, continuous]: &[Tensor; 2]) -> Tensor {
        category * self.config.category_weight + continuous * self.config.continuous_weight
    }

    fn discriminator_loss(&self, s: &Step, z: &Tensor, x_fake: &Tensor) -> Tensor {
        let (logits_real, _) = self.judged(s.x());
        let (logits_fake, numbers) = self.judged(&x_fake.detach());
        s.report_discriminator(&logits_real, &logits_fake);
        let information = self.information(z, &numbers);
        s.report("information.category", &information[0]);
        s.report("information.continuous", &information[1]);
        non_saturating::discriminator(&logits_real, &logits_fake) - self.weighted(&information)
    }

    fn generator_loss(&self, z: &Tensor, x_fake: &Tensor) -> Tensor {
        let (logits, numbers) = self.judged(x_fake);
        non_saturating::generator(&logits) - self.weighted(&self.information(z, &numbers))
    }
}

impl System for Infogan {
    fn game(&self) -> Game {
        Game::step(Player::new("discriminator", self.config.discriminator), 1)
            .then(Player::new("generator", self.config.generator), 1)
    }

    fn loss(&self, player: &str, s: &Step) -> Tensor {
        let z = s.once("z", || s.normal(&[s.batch(), self.z_dim()]));
        let x_fake = s.once("x_fake", || self.generate(&z));
        match player {
            "discriminator" => self.discriminator_loss(s, &z, &x_fake),
            _ => self.generator_loss(&z, &x_fake),
        }
    }

    fn judge(&self, x: &Tensor, _: Option<&Tensor>) -> Option<Tensor> {
        Some(self.judged(x).0)
    }

    fn z_dim(&self) -> usize {
        self.config.categories + self.config.continuous + self.config.z_dim
    }

    fn sample(&self, z: &Tensor, _: Option<&Tensor>) -> Tensor {
        self.generate(z)
    }

    fn functions(&self) -> Vec<Function> {
        let function = |name, numbers| Function::of_x(name, Space::Other(vec![numbers]));
        vec![
            function("classify", self.config.categories),
            function("encode", self.config.continuous),
        ]
    }

    /// `classify` gives logarithms of Q of the category, `encode` its means of the continuous codes.
    fn apply(&self, name: &str, x: &Tensor) -> Tensor {
        let (logits, normal) = self.said(&self.judged(x).1);
        match name {
            "classify" => logits.log_softmax(1),
            _ => normal.mean,
        }
    }
}

impl Describe for Infogan {
    type Config = Config;

    const CARD: Card = Card {
        id: "infogan",
        section: Section::Conditional,
        title: "InfoGAN",
        paper: "Chen et al. 2016, InfoGAN: Interpretable Representation Learning, arXiv:1606.03657",
        idea: "Codes that can be read off the samples come to mean what varies most in the data, without a label.",
        equations: &[
            "L_D = E_x[softplus(-D(x))] + E_z[softplus(D(G(z, c)))] - w L_I",
            "L_G = E_z[softplus(-D(G(z, c)))] - w L_I,  L_I = E[log Q(c | G(z, c))] + H(c) <= I(c; G(z, c))",
        ],
        needs: &[],
        takes: Takes::Pictures,
        data: "mnist",
        over: Some("dcgan"),
    };

    fn build(config: Config, given: &Given, scope: &Scope) -> Self {
        let (sample, width) = (&given.sample, config.width);
        let z_dim = config.categories + config.continuous + config.z_dim;
        let numbers = config.categories + 2 * config.continuous;
        let (hidden, hidden_of_q) = (HIDDEN * width, HIDDEN_OF_Q * width);
        let [generator, discriminator] = ["generator", "discriminator"].map(|name| scope.at(name));
        let normed = |layers: Sequential, units, rectifier: Activation| layers.push(batch_norm(units)).push(rectifier);
        let first = Sequential::new(&generator.at("dense")).push(dense(z_dim, hidden).bias(false));
        let features = dcgan::encoder(&discriminator.at("features"), sample, hidden, width, true);
        let q = Sequential::new(&discriminator.at("q")).push(dense(hidden, hidden_of_q).bias(false));
        Infogan {
            generator: normed(first, hidden, Activation::Relu).push(dcgan::generator(
                &generator.at("convolutions"),
                sample,
                hidden,
                width,
            )),
            features: normed(features, hidden, Activation::LeakyRelu(0.1)),
            source: Sequential::new(&discriminator.at("source")).push(dense(hidden, 1)),
            q: normed(q, hidden_of_q, Activation::LeakyRelu(0.1)).push(dense(hidden_of_q, numbers)),
            config,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Shape;
    use gany_engine::{DType, Key};

    /// The bound of the category reaches the entropy log 10 for a Q that knows it, is 0 for one that knows nothing, and is
    /// never above the entropy; that of the continuous codes is 0 for a Q that says their prior.
    #[test]
    fn the_bound_is_below_the_entropy() {
        let sample = Shape::Picture {
            height: 8,
            width: 8,
            channels: 1,
        };
        let config = Config {
            z_dim: 3,
            width: 4,
            ..Config::default()
        };
        let infogan = Infogan::build(config, &Given::of(sample, None), &Scope::new(DType::F64, 0));
        let key = Key::new(DType::F64, 1, 0);
        let z = key.normal(0, &[4000, infogan.z_dim()]);
        let (category, _) = infogan.codes(&z);
        let blind = Tensor::full(DType::F64, &[4000, 4], 0.0);
        let category_of = |logits: &Tensor| {
            let [category, continuous] = infogan.information(&z, &concat(&[logits.clone(), blind.clone()], 1));
            (category.to_f64()[0], continuous.to_f64()[0])
        };
        let (nothing, prior) = category_of(&Tensor::full(DType::F64, &[4000, 10], 0.0));
        assert!(nothing.abs() < 1e-12 && prior.abs() < 0.05, "{nothing} {prior}");
        let (knowing, _) = category_of(&(category.one_hot(10) * 50.0));
        assert!((knowing - 10.0_f64.ln()).abs() < 1e-12, "{knowing}");
        let (guessing, _) = category_of(&(category.one_hot(10) + key.normal(1, &[4000, 10])));
        assert!(guessing < 10.0_f64.ln() - 0.1, "{guessing}");
    }
}
