//! Progressive growing: first 4x4 pixels, then twice as many along each side, again and again, every new layer faded in.
//!
//! Karras et al. 2018, "Progressive Growing of GANs for Improved Quality, Stability, and Variation", arXiv:1710.10196.
//!
//! ```text
//! L_D = E_z[D(G(z))] - E_x[D(x)] + w E[(|grad D(x^)| - 1)^2] + e E_x[D(x)^2]      x^ on lines between data and samples
//! L_G = -E_z[D(G(z))]
//! fading in level l:  G = (1 - a) up(rgb_{l-1}) + a rgb_l,   a from 0 to 1, and likewise where D reads pictures
//! ```
//!
//! Over `wgan_gp`: the growth, an equalised learning rate in every layer, pixel norm in the generator, a channel of the
//! minibatch's standard deviation in the critic, a drift penalty, and samples from averaged weights. All levels are declared
//! from the start and a phase of the game is another plan over the same state; what a phase does not reach stays as it is.
//! Simplified: the batch has one size at all levels. Pictures whose sides do not halve evenly stand in a grey frame.
use crate::games::{Game, Player, Step, System};
use crate::models::architecture::pyramid::Pyramid;
use crate::models::{Card, Describe, Given, Section, Takes};
use crate::nn::{
    Activation, Declare, Layer, MinibatchDeviation, PixelNorm, Scope, Sequential, Stage, conv, dense, equalised,
};
use crate::objectives::wasserstein;
use crate::optimisers::OptimiserConfig;
use crate::penalties::gradient::{self, Sided};
use gany_engine::Tensor;
use serde::{Deserialize, Serialize};

/// Settings of [`Progressive`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Examples in a batch.
    pub batch: usize,
    /// Numbers in a latent vector.
    pub z_dim: usize,
    /// Channels next to the finished picture; they double with every halving of the sides. The paper's at 1024 pixels.
    pub width: usize,
    /// No level has more channels.
    pub max_width: usize,
    /// Real pictures seen while a level is faded in, and as many again until the next one is.
    pub images_per_phase: u64,
    /// Moves of the critic to one of the generator.
    pub n_critic: usize,
    /// Weight of the penalty on slopes.
    pub penalty_weight: f64,
    /// Weight of the penalty that keeps scores of real pictures near 0.
    pub drift_weight: f64,
    /// Decay of the moving average of the generator's weights.
    pub average_decay: f64,
    /// The generator's optimiser.
    pub generator: OptimiserConfig,
    /// The critic's optimiser.
    pub critic: OptimiserConfig,
}

impl Default for Config {
    fn default() -> Self {
        let adam = OptimiserConfig::adam(1e-3, [0.0, 0.99]);
        Config {
            batch: 16,
            z_dim: 512,
            width: 16,
            max_width: 512,
            images_per_phase: 800_000,
            n_critic: 1,
            penalty_weight: 10.0,
            drift_weight: 1e-3,
            average_decay: 0.999,
            generator: adam,
            critic: adam,
        }
    }
}

/// Progressive growing.
pub struct Progressive {
    config: Config,
    pyramid: Pyramid,
    stage: Stage,
    generator: Levels,
    critic: Levels,
}

/// A network by levels, the coarsest first.
struct Levels {
    blocks: Vec<Sequential>,
    /// From features of a level to a picture, or from a picture to features.
    colours: Vec<Sequential>,
}

impl Levels {
    fn declare(
        scope: &Scope,
        levels: usize,
        block: impl Fn(usize, Sequential) -> Sequential,
        colours: impl Fn(usize, Sequential) -> Sequential,
    ) -> Levels {
        let at = |name: &str, level: usize| Sequential::new(&scope.at(name).at(level));
        Levels {
            blocks: (0..=levels).map(|level| block(level, at("block", level))).collect(),
            colours: (0..=levels).map(|level| colours(level, at("colours", level))).collect(),
        }
    }
}

const LEAKY: Activation = Activation::LeakyRelu(0.2);

fn conv3(c_in: usize, c_out: usize) -> impl Declare {
    equalised(conv(c_in, c_out, [3, 3]).padding(1))
}

/// Blocks to features `[n, grid.., width]` of each level, from latent vectors or the level before.
fn generator(scope: &Scope, pyramid: Pyramid, config: &Config) -> Levels {
    let (z_dim, [rows, columns]) = (config.z_dim, pyramid.smallest);
    let width = |level| pyramid.width(level, config.width, config.max_width);
    let block = |level: usize, layers: Sequential| {
        let c = width(level);
        let begun = if level == 0 {
            // The gain is the authors': a quarter of He's.
            let first = equalised(dense(z_dim, rows * columns * c)).gain(2_f64.sqrt() / 4.0);
            let first = layers.push(PixelNorm).push(first);
            first.push(move |x: &Tensor| x.reshape(&[x.extent(0), rows, columns, c]))
        } else {
            let doubled = layers.push(|x: &Tensor| x.upsample_nearest(2));
            doubled.push(conv3(width(level - 1), c))
        };
        let begun = begun.push(LEAKY).push(PixelNorm).push(conv3(c, c));
        begun.push(LEAKY).push(PixelNorm)
    };
    let colours = |level: usize, layers: Sequential| {
        layers.push(equalised(conv(width(level), pyramid.channels, [1, 1])).gain(1.0))
    };
    Levels::declare(scope, pyramid.levels, block, colours)
}

/// Blocks from features of each level to those of the level before, and at last to scores `[n]`.
fn critic(scope: &Scope, pyramid: Pyramid, config: &Config) -> Levels {
    let [rows, columns] = pyramid.smallest;
    let width = |level| pyramid.width(level, config.width, config.max_width);
    let block = |level: usize, layers: Sequential| {
        let c = width(level);
        if level > 0 {
            let layers = layers.push(conv3(c, c)).push(LEAKY);
            let layers = layers.push(conv3(c, width(level - 1))).push(LEAKY);
            return layers.push(|x: &Tensor| x.average_pool(2));
        }
        layers
            .push(MinibatchDeviation { group: 4 })
            .push(conv3(c + 1, c))
            .push(LEAKY)
            .push(|x: &Tensor| x.flatten_from(1))
            .push(equalised(dense(rows * columns * c, c)))
            .push(LEAKY)
            .push(equalised(dense(c, 1)).gain(1.0))
            .push(|x: &Tensor| x.reshape(&[x.extent(0)]))
    };
    let colours = |level: usize, layers: Sequential| {
        layers
            .push(equalised(conv(pyramid.channels, width(level), [1, 1])))
            .push(LEAKY)
    };
    Levels::declare(scope, pyramid.levels, block, colours)
}

/// From `old` at `alpha` 0 to `new` at 1.
fn faded(old: &Tensor, new: &Tensor, alpha: &Tensor) -> Tensor {
    old + (new - old) * alpha
}

impl Progressive {
    /// The level that the game has reached, and how much of it is there while it is faded in.
    fn reached(&self) -> (usize, Option<Tensor>) {
        let phase = self.stage.phase();
        let alpha = (phase % 2 == 1).then(|| self.stage.progress());
        (phase.div_ceil(2), alpha)
    }

    /// Pictures of latent vectors `[n, z_dim]` at the size of the level reached.
    fn generate(&self, z: &Tensor) -> Tensor {
        let Levels { blocks, colours } = &self.generator;
        let (level, alpha) = self.reached();
        let before = blocks[..level].iter().fold(z.clone(), |x, block| block.forward(&x));
        let new = colours[level].forward(&blocks[level].forward(&before));
        match alpha {
            Some(alpha) => faded(&colours[level - 1].forward(&before).upsample_nearest(2), &new, &alpha),
            None => new,
        }
    }

    /// Data as they are seen at the level reached: while it is faded in, as if they were made so.
    fn seen(&self, x: &Tensor) -> Tensor {
        let (level, alpha) = self.reached();
        let x = self.pyramid.reduced(&self.pyramid.framed(x), level);
        match alpha {
            Some(alpha) => faded(&x.average_pool(2).upsample_nearest(2), &x, &alpha),
            None => x,
        }
    }

    /// Scores `[n]` of pictures of the level reached.
    fn score(&self, x: &Tensor) -> Tensor {
        let Levels { blocks, colours } = &self.critic;
        let (level, alpha) = self.reached();
        let mut features = blocks[level].forward(&colours[level].forward(x));
        if let Some(alpha) = alpha {
            let old = colours[level - 1].forward(&x.average_pool(2));
            features = faded(&old, &features, &alpha);
        }
        blocks[..level]
            .iter()
            .rev()
            .fold(features, |x, block| block.forward(&x))
    }

    fn generate_for(&self, s: &Step) -> Tensor {
        s.once("x_fake", || self.generate(&s.normal(&[s.batch(), self.config.z_dim])))
    }

    fn critic_loss(&self, s: &Step) -> Tensor {
        let (x_real, x_fake) = (self.seen(s.x()), self.generate_for(s).detach());
        let (real, fake) = (self.score(&x_real), self.score(&x_fake));
        let gap = wasserstein::critic(&real, &fake);
        let epsilon = s.uniform(&[s.batch()]);
        let penalty = gradient::interpolated(|x| self.score(x), &x_real, &x_fake, &epsilon, Sided::Two);
        s.report("critic.gap", &-&gap);
        s.report("gradient_norm.critic", &penalty.gradient_norm);
        gap + penalty.value * self.config.penalty_weight + real.square().mean() * self.config.drift_weight
    }

    fn generator_loss(&self, s: &Step) -> Tensor {
        wasserstein::generator(&self.score(&self.generate_for(s)))
    }
}

impl System for Progressive {
    fn game(&self) -> Game {
        let Config {
            batch,
            images_per_phase,
            n_critic,
            ..
        } = self.config;
        let step = Game::step(Player::new("critic", self.config.critic), n_critic)
            .then(Player::new("generator", self.config.generator), 1);
        let steps = images_per_phase.div_ceil((batch * n_critic).max(1) as u64);
        (0..2 * self.pyramid.levels).fold(step.clone(), |game, _| game.followed_by(steps, step.clone()))
    }

    fn loss(&self, player: &str, s: &Step) -> Tensor {
        match player {
            "critic" => self.critic_loss(s),
            _ => self.generator_loss(s),
        }
    }

    fn judge(&self, x: &Tensor, _: Option<&Tensor>) -> Option<Tensor> {
        Some(self.score(&self.seen(x)))
    }

    fn average_decay(&self) -> f64 {
        self.config.average_decay
    }

    fn z_dim(&self) -> usize {
        self.config.z_dim
    }

    fn sample(&self, z: &Tensor, _: Option<&Tensor>) -> Tensor {
        let missing = self.pyramid.levels - self.reached().0;
        let canvas = self.generate(z).upsample_nearest(1 << missing);
        self.pyramid.cropped(&canvas).clamp(-1.0, 1.0)
    }
}

impl Describe for Progressive {
    type Config = Config;

    const CARD: Card = Card {
        id: "progressive",
        section: Section::Architecture,
        title: "Progressive growing (PGGAN)",
        paper: "Karras et al. 2018, Progressive Growing of GANs for Improved Quality, Stability, and Variation, arXiv:1710.10196",
        idea: "Both networks begin with 4x4 pixels and grow by layers that double the sides and are faded in smoothly.",
        equations: &[
            "L_D = E_z[D(G(z))] - E_x[D(x)] + w E[(|grad D(x^)| - 1)^2] + e E_x[D(x)^2]",
            "L_G = -E_z[D(G(z))]",
            "fading in level l: G = (1 - a) up(rgb_{l-1}) + a rgb_l,  a from 0 to 1",
        ],
        needs: &[],
        takes: Takes::Pictures,
        data: "emoji-google",
        over: Some("wgan_gp"),
    };

    fn build(config: Config, given: &Given, scope: &Scope) -> Self {
        let pyramid = Pyramid::of(&given.sample);
        Progressive {
            generator: generator(&scope.at("generator"), pyramid, &config),
            critic: critic(&scope.at("critic"), pyramid, &config),
            stage: scope.stage(),
            pyramid,
            config,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Shape;
    use gany_engine::{DType, Key};

    /// At alpha 0 a level that fades in is the level before, at alpha 1 it is the level that has faded in: in what is made,
    /// in what is seen of the data, and in the score of either.
    #[test]
    fn fading_in_is_continuous_at_both_ends() {
        let config = Config {
            z_dim: 6,
            width: 4,
            ..Config::default()
        };
        let given = Given::of(
            Shape::Picture {
                height: 16,
                width: 20,
                channels: 3,
            },
            None,
        );
        let scope = Scope::new(DType::F64, 0);
        let system = Progressive::build(config, &given, &scope);
        let key = Key::new(DType::F64, 0, 0);
        let (z, x) = (key.normal(0, &[4, 6]), key.normal(1, &[4, 16, 20, 3]));
        let at = |phase: usize, alpha: f64| {
            scope.stage().set(phase, Tensor::full(DType::F64, &[], alpha));
            let missing = system.pyramid.levels - system.reached().0;
            let made = system.generate(&z);
            let scores = [system.score(&made), system.score(&system.seen(&x))];
            [vec![made.upsample_nearest(1 << missing)], scores.to_vec()].concat()
        };
        for level in 0..system.pyramid.levels {
            let phase = 2 * level;
            for (faded, whole) in [
                (at(phase + 1, 0.0), at(phase, 0.0)),
                (at(phase + 1, 1.0), at(phase + 2, 0.0)),
            ] {
                for (faded, whole) in faded.iter().zip(&whole) {
                    let differences = (faded - whole).abs().to_f64();
                    assert!(differences.iter().all(|d| *d < 1e-5), "phase {phase}");
                }
            }
        }
        assert_eq!(system.game().progress(0), 0.0);
        assert_eq!(system.game().phase(800_000 / 16 * 4), 4);
    }
}
