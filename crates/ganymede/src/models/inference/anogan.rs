//! AnoGAN: what a GAN of healthy pictures cannot make is an anomaly.
//!
//! Schlegl et al. 2017, "Unsupervised Anomaly Detection with Generative Adversarial Networks to Guide Marker Discovery",
//! arXiv:1703.05921, equations 3 to 6.
//!
//! ```text
//! R(x, z) = sum |x - G(z)|              residual
//! M(x, z) = sum |f(x) - f(G(z))|        features f: what the discriminator's last layer decides by
//! z(x) = argmin_z A(x, z),  A = (1 - w) R + w M
//! ```
//!
//! Over `dcgan`, whose training it keeps: the search for z(x), a [`Search`](crate::games::Search) of 500 steps in the paper,
//! at whose end A is the score of anomaly.
use crate::games::{Game, Step, System, difference};
use crate::models::architecture::dcgan::{self, Dcgan};
use crate::models::{Card, Describe, Given, Section, Takes};
use crate::nn::Scope;
use crate::optimisers::OptimiserConfig;
use gany_engine::Tensor;
use serde::{Deserialize, Serialize};

/// Settings of [`Anogan`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Examples in a batch.
    pub batch: usize,
    /// Numbers in a latent vector.
    pub z_dim: usize,
    /// Channels of the layers next to the picture.
    pub width: usize,
    /// Weight w of the features in a score, 0 to 1.
    pub feature_weight: f64,
    /// The generator's optimiser.
    pub generator: OptimiserConfig,
    /// The discriminator's optimiser.
    pub discriminator: OptimiserConfig,
}

impl Default for Config {
    fn default() -> Self {
        let dcgan::Config {
            batch,
            z_dim,
            width,
            generator,
            discriminator,
        } = dcgan::Config::default();
        Config {
            batch,
            z_dim,
            width,
            feature_weight: 0.1,
            generator,
            discriminator,
        }
    }
}

/// A DCGAN that latent vectors are looked for in.
pub struct Anogan {
    dcgan: Dcgan,
    feature_weight: f64,
}

impl System for Anogan {
    fn game(&self) -> Game {
        self.dcgan.game()
    }

    fn loss(&self, player: &str, s: &Step) -> Tensor {
        self.dcgan.loss(player, s)
    }

    fn judge(&self, x: &Tensor, y: Option<&Tensor>) -> Option<Tensor> {
        self.dcgan.judge(x, y)
    }

    fn z_dim(&self) -> usize {
        self.dcgan.z_dim()
    }

    fn sample(&self, z: &Tensor, y: Option<&Tensor>) -> Tensor {
        self.dcgan.sample(z, y)
    }

    /// The score of anomaly A.
    fn misfit(&self, z: &Tensor, y: Option<&Tensor>, x: &Tensor) -> Tensor {
        let made = self.sample(z, y);
        let [of_example, of_made] = [x, &made].map(|x| self.dcgan.features(x));
        difference(x, &made) * (1.0 - self.feature_weight) + difference(&of_example, &of_made) * self.feature_weight
    }
}

impl Describe for Anogan {
    type Config = Config;

    const CARD: Card = Card {
        id: "anogan",
        section: Section::Inference,
        title: "AnoGAN",
        paper: "Schlegl et al. 2017, Unsupervised Anomaly Detection with Generative Adversarial Networks, arXiv:1703.05921",
        idea: "What a GAN of healthy pictures cannot make is an anomaly.",
        equations: &[
            "L_D, L_G as of dcgan",
            "A(x) = min_z (1 - w) sum |x - G(z)| + w sum |f(x) - f(G(z))|,  f: features of D",
        ],
        needs: &[],
        takes: Takes::Pictures,
        data: "mnist",
        over: Some("dcgan"),
    };

    fn build(config: Config, given: &Given, scope: &Scope) -> Self {
        let networks = dcgan::Config {
            batch: config.batch,
            z_dim: config.z_dim,
            width: config.width,
            generator: config.generator,
            discriminator: config.discriminator,
        };
        Anogan {
            dcgan: Dcgan::build(networks, given, scope),
            feature_weight: config.feature_weight,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Shape;
    use crate::games::{Play, Search, latent_vectors};
    use gany_engine::DType;

    /// A picture that the generator has made is found again, or nearly; what is found of it does not depend on the company;
    /// and the networks stay as they are.
    #[test]
    fn a_search_finds_what_was_made() {
        let sample = Shape::Picture {
            height: 8,
            width: 8,
            channels: 1,
        };
        let (given, scope) = (Given::of(sample, None), Scope::new(DType::F32, 0));
        let config = Config {
            batch: 2,
            z_dim: 4,
            width: 8,
            ..Config::default()
        };
        let anogan = Anogan::build(config, &given, &scope);
        // The first weights make all pictures alike; larger ones tell latent vectors apart.
        for weight in scope.at("generator").parameters().iter().filter(|p| p.is_trainable()) {
            weight.set(weight.get() * 8.0);
        }
        let mut play = Play::new(Box::new(anogan), scope, given.of_batch(2), 0);
        let x = play.sample(&latent_vectors(1, 0, 2, 4), None);
        let begin = latent_vectors(2, 0, 2, 4);
        let state = |play: &Play| {
            (0..play.entries().len())
                .map(|i| play.state(i).to_f64())
                .collect::<Vec<_>>()
        };
        let before = state(&play);
        let adam = OptimiserConfig::adam(0.05, [0.9, 0.999]);
        let mut search = Search::new(&play, 2, false, adam);
        let at_first = search.find(&mut play, &x, None, &begin, 0);
        assert_eq!(at_first.codes, begin);
        let found = search.find(&mut play, &x, None, &begin, 300);
        for (first, last) in at_first.misfit.iter().zip(&found.misfit) {
            assert!(*last < 0.1 * first, "{:?} {:?}", at_first.misfit, found.misfit);
        }
        let mut alone = Search::new(&play, 1, false, adam);
        let second = alone.find(&mut play, &x[64..], None, &begin[4..], 10);
        assert_eq!(second.codes, search.find(&mut play, &x, None, &begin, 10).codes[4..]);
        assert_eq!(state(&play), before);
    }
}
