//! LAPGAN: a small picture first, then for each doubling a conditional GAN that paints the details which the blurred one lacks.
//!
//! Denton et al. 2015, "Deep Generative Image Models using a Laplacian Pyramid of Adversarial Networks", arXiv:1506.05751.
//!
//! ```text
//! pyramid:   I_{k+1} = d(I_k),   l_k = u(I_{k+1}),   h_k = I_k - l_k                I_0 the picture, d halves, u doubles
//! sampling:  I~_K = G_K(z_K),   I~_k = u(I~_{k+1}) + G_k(z_k, u(I~_{k+1}))
//! L_Dk = E[softplus(-D_k(l_k + h_k))] + E[softplus(D_k(l_k + G_k(z_k, l_k)))],   L_Gk = E[softplus(-D_k(l_k + G_k(z_k, l_k)))]
//! ```
//!
//! In training l_k is the real picture's, so the levels do not meet before sampling: they are played as two players whose
//! losses are the sums over the levels, and as Adam treats every weight by itself, each level learns as if it were alone.
//! Simplified: d averages, u is bilinear, Adam instead of decaying SGD, the non-saturating loss, no dropout. Pictures whose
//! sides do not halve evenly stand in a grey frame.
use crate::games::{Function, Game, Player, Space, Step, System};
use crate::models::architecture::pyramid::Pyramid;
use crate::models::{Card, Describe, Given, Section, Takes};
use crate::nn::{Activation, Layer, Scope, Sequential, conv, dense};
use crate::objectives::non_saturating;
use crate::optimisers::OptimiserConfig;
use gany_engine::{Tensor, concat};
use serde::{Deserialize, Serialize};

/// Settings of [`LapGan`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Examples in a batch.
    pub batch: usize,
    /// Numbers in the coarsest level's latent vector; every finer level has a number for each of its pixels besides.
    pub z_dim: usize,
    /// Channels of the finer levels' hidden layers; the coarsest level's dense layers have ten times as many units.
    pub width: usize,
    /// The generators' optimiser.
    pub generator: OptimiserConfig,
    /// The discriminators' optimiser.
    pub discriminator: OptimiserConfig,
}

impl Default for Config {
    fn default() -> Self {
        let adam = OptimiserConfig::adam(2e-4, [0.5, 0.999]);
        Config {
            batch: 128,
            z_dim: 100,
            width: 64,
            generator: adam,
            discriminator: adam,
        }
    }
}

/// LAPGAN.
pub struct LapGan {
    config: Config,
    pyramid: Pyramid,
    /// The coarsest first.
    generators: Vec<Sequential>,
    discriminators: Vec<Sequential>,
}

const LEAKY: Activation = Activation::LeakyRelu(0.2);

/// From `z [n, z_dim]` to the smallest picture, or from a blurred picture with a plane of noise to its details.
fn generator(scope: &Scope, pyramid: Pyramid, config: &Config, level: usize) -> Sequential {
    let (c, [rows, columns]) = (pyramid.channels, pyramid.smallest);
    let layers = Sequential::new(scope);
    let conv5 = |c_in, c_out| conv(c_in, c_out, [5, 5]).padding(2);
    if level > 0 {
        let layers = layers.push(conv5(c + 1, config.width)).push(Activation::Relu);
        let layers = layers.push(conv5(config.width, config.width)).push(Activation::Relu);
        return layers.push(conv5(config.width, c));
    }
    let units = 10 * config.width;
    layers
        .push(dense(config.z_dim, units))
        .push(Activation::Relu)
        .push(dense(units, units))
        .push(Activation::Relu)
        .push(dense(units, rows * columns * c))
        .push(Activation::Tanh)
        .push(move |x: &Tensor| x.reshape(&[x.extent(0), rows, columns, c]))
}

/// From a picture of a level to a logit, `[n]`.
fn discriminator(scope: &Scope, pyramid: Pyramid, config: &Config, level: usize) -> Sequential {
    let (c, [rows, columns]) = (pyramid.channels, pyramid.grid(level));
    let layers = Sequential::new(scope);
    let layers = if level == 0 {
        let units = 10 * config.width;
        let layers = layers.push(|x: &Tensor| x.flatten_from(1));
        let layers = layers.push(dense(rows * columns * c, units)).push(LEAKY);
        layers.push(dense(units, units)).push(LEAKY).push(dense(units, 1))
    } else {
        let conv5 = |c_in| conv(c_in, config.width, [5, 5]).stride(2).padding(2);
        let [rows, columns] = [rows, columns].map(|side| side.div_ceil(2).div_ceil(2));
        let layers = layers.push(conv5(c)).push(LEAKY).push(conv5(config.width)).push(LEAKY);
        let layers = layers.push(|x: &Tensor| x.flatten_from(1));
        layers.push(dense(rows * columns * config.width, 1))
    };
    layers.push(|x: &Tensor| x.reshape(&[x.extent(0)]))
}

/// A picture twice as large, blurred.
fn doubled(x: &Tensor) -> Tensor {
    x.resize_linear(&[2 * x.extent(1), 2 * x.extent(2)])
}

/// A level of a Laplacian pyramid: the blurred picture, doubled from the level before (the coarsest has none), and what it
/// lacks of the whole one.
struct Band {
    blurred: Option<Tensor>,
    details: Tensor,
}

impl Band {
    fn picture(&self) -> Tensor {
        match &self.blurred {
            Some(blurred) => blurred + &self.details,
            None => self.details.clone(),
        }
    }
}

/// The Laplacian pyramid of a canvas, coarse to fine.
fn laplacian(canvas: &Tensor, levels: usize) -> Vec<Band> {
    if levels == 0 {
        return vec![Band {
            blurred: None,
            details: canvas.clone(),
        }];
    }
    let halved = canvas.average_pool(2);
    let mut bands = laplacian(&halved, levels - 1);
    let blurred = doubled(&halved);
    bands.push(Band {
        details: canvas - &blurred,
        blurred: Some(blurred),
    });
    bands
}

/// The numbers of each level in a latent vector: a vector for the coarsest, a plane for every other.
fn noise_counts(pyramid: Pyramid, z_dim: usize) -> Vec<usize> {
    let planes = (1..=pyramid.levels).map(|level| pyramid.grid(level).iter().product());
    std::iter::once(z_dim).chain(planes).collect()
}

impl LapGan {
    /// A level's picture, painted on a blurred one; the coarsest level has none beneath it. `z [n, z_dim()]` holds the noise of
    /// all levels.
    fn paint(&self, z: &Tensor, level: usize, blurred: Option<&Tensor>) -> Tensor {
        let counts = noise_counts(self.pyramid, self.config.z_dim);
        let first: usize = counts[..level].iter().sum();
        let noise = z.slice(1, first, first + counts[level]);
        let generator = &self.generators[level];
        let Some(blurred) = blurred else {
            return generator.forward(&noise);
        };
        let mut plane = blurred.shape().to_vec();
        plane[3] = 1;
        blurred + generator.forward(&concat(&[blurred.clone(), noise.reshape(&plane)], 3))
    }

    /// What is made at every level, the coarsest first.
    fn paint_all(&self, z: &Tensor) -> Vec<Tensor> {
        let mut made: Vec<Tensor> = vec![];
        for level in 0..=self.pyramid.levels {
            let blurred = made.last().map(doubled);
            made.push(self.paint(z, level, blurred.as_ref()));
        }
        made
    }

    /// Of each level the real pictures, and those painted on real blurred ones.
    fn pairs(&self, s: &Step) -> Vec<(Tensor, Tensor)> {
        let z = s.once("z", || s.normal(&[s.batch(), self.z_dim()]));
        let bands = laplacian(&self.pyramid.framed(s.x()), self.pyramid.levels);
        let pair = |(level, band): (usize, &Band)| (band.picture(), self.paint(&z, level, band.blurred.as_ref()));
        bands.iter().enumerate().map(pair).collect()
    }

    fn discriminator_loss(&self, s: &Step) -> Tensor {
        let levels = self.discriminators.iter().zip(self.pairs(s)).enumerate();
        let losses = levels.map(|(level, (discriminator, (real, fake)))| {
            let (real, fake) = (discriminator.forward(&real), discriminator.forward(&fake.detach()));
            s.report(&format!("accuracy.real.level_{level}"), &real.positive().mean());
            s.report(&format!("accuracy.fake.level_{level}"), &(1.0 - fake.positive().mean()));
            non_saturating::discriminator(&real, &fake)
        });
        losses.reduce(|a, b| a + b).expect("a pyramid has a level")
    }

    fn generator_loss(&self, s: &Step) -> Tensor {
        let levels = self.discriminators.iter().zip(self.pairs(s));
        let losses = levels.map(|(discriminator, (_, fake))| non_saturating::generator(&discriminator.forward(&fake)));
        losses.reduce(|a, b| a + b).expect("a pyramid has a level")
    }
}

impl System for LapGan {
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

    /// The finest level's logit.
    fn judge(&self, x: &Tensor, _: Option<&Tensor>) -> Option<Tensor> {
        Some(self.discriminators[self.pyramid.levels].forward(&self.pyramid.framed(x)))
    }

    fn z_dim(&self) -> usize {
        noise_counts(self.pyramid, self.config.z_dim).iter().sum()
    }

    fn sample(&self, z: &Tensor, _: Option<&Tensor>) -> Tensor {
        let made = self.paint_all(z).pop().expect("a pyramid has a level");
        self.pyramid.cropped(&made).clamp(-1.0, 1.0)
    }

    fn functions(&self) -> Vec<Function> {
        let [rows, columns] = self.pyramid.grid(self.pyramid.levels);
        let strip = vec![rows, columns * (self.pyramid.levels + 1), self.pyramid.channels];
        vec![Function::new("pyramid", Space::Latent, Space::Other(strip))]
    }

    /// `pyramid` gives the pictures of all levels side by side, coarse to fine, all as large as the finest.
    fn apply(&self, name: &str, input: &Tensor) -> Tensor {
        assert_eq!(name, "pyramid", "lapgan has no function `{name}`");
        let levels = self.paint_all(input).into_iter().enumerate();
        let strip = levels.map(|(level, x)| x.upsample_nearest(1 << (self.pyramid.levels - level)));
        concat(&strip.collect::<Vec<_>>(), 2).clamp(-1.0, 1.0)
    }
}

impl Describe for LapGan {
    type Config = Config;

    const CARD: Card = Card {
        id: "lapgan",
        section: Section::Architecture,
        title: "LAPGAN",
        paper: "Denton et al. 2015, Deep Generative Image Models using a Laplacian Pyramid of Adversarial Networks, arXiv:1506.05751",
        idea: "A small picture is made first, then conditional GANs paint the details of each doubling.",
        equations: &[
            "sampling: I_K = G_K(z_K),  I_k = u(I_{k+1}) + G_k(z_k, u(I_{k+1}))",
            "L_Dk = E[softplus(-D_k(l_k + h_k))] + E[softplus(D_k(l_k + G_k(z_k, l_k)))],  l_k + h_k the real picture",
            "L_Gk = E[softplus(-D_k(l_k + G_k(z_k, l_k)))]",
        ],
        needs: &[],
        takes: Takes::Pictures,
        data: "emoji-google",
        over: Some("cgan"),
    };

    fn build(config: Config, given: &Given, scope: &Scope) -> Self {
        let pyramid = Pyramid::of(&given.sample);
        let levels = 0..=pyramid.levels;
        LapGan {
            generators: levels
                .clone()
                .map(|level| generator(&scope.at("generator").at(level), pyramid, &config, level))
                .collect(),
            discriminators: levels
                .map(|level| discriminator(&scope.at("discriminator").at(level), pyramid, &config, level))
                .collect(),
            pyramid,
            config,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gany_engine::{DType, Key};

    /// With the details painted on it, every blurred picture is whole again, up to the canvas; 0 and 8 average to 4, which
    /// lacks -4 and 4.
    #[test]
    fn a_pyramid_gives_its_picture_back() {
        let x = Key::new(DType::F64, 0, 0).normal(0, &[2, 16, 12, 3]);
        let mut last: Option<Tensor> = None;
        for band in laplacian(&x, 2) {
            last = Some(match last {
                Some(coarser) => doubled(&coarser) + &band.details,
                None => band.details.clone(),
            });
        }
        let differences = (last.expect("three levels") - &x).abs().to_f64();
        assert!(differences.iter().all(|d| *d < 1e-12));
        let bands = laplacian(&Tensor::from_f64(&[1, 2, 2, 1], &[0.0, 8.0, 0.0, 8.0]), 1);
        assert_eq!(bands[0].details.to_f64(), [4.0]);
        assert_eq!(bands[1].details.to_f64(), [-4.0, 4.0, -4.0, 4.0]);
    }
}
