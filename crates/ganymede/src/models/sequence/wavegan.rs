//! WaveGAN: DCGAN along time, for sounds as they are, sample by sample.
//!
//! Donahue, McAuley and Puckette 2019, "Adversarial Audio Synthesis", arXiv:1802.04208, section 3 and appendix D. The explicit models
//! that it stands beside, such as WaveNet (van den Oord et al. 2016, arXiv:1609.03499), make one sample after the other.
//!
//! ```text
//! L_D = E_z[D(G(z))] - E_x[D(x)] + w E[(|grad D(x^)| - 1)^2]      x^ on straight lines between data and samples
//! L_G = -E_z[D(G(z))]
//! ```
//!
//! Over `wgan_gp`: windows of 25 samples that move by four, where DCGAN's are 5 x 5 and move by two, and phase shuffle, so that the
//! critic cannot tell samples by the phase of the artefacts that transposed convolutions leave. Simplified: latent numbers are normal,
//! not uniform; the critic's shifts are drawn anew for the penalty.
use crate::data::Shape;
use crate::games::{Game, Player, Step, System};
use crate::models::{Card, Describe, Given, Section, Takes};
use crate::nn::{Activation, Conv, Declare, Dense, Layer, Scope, Sequential, conv, conv_transpose, dense};
use crate::objectives::wasserstein;
use crate::optimisers::OptimiserConfig;
use crate::penalties::gradient::{self, Sided};
use gany_engine::{PadMode, Tensor};
use serde::{Deserialize, Serialize};

/// Settings of [`Wavegan`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Sounds in a batch.
    pub batch: usize,
    /// Numbers in a latent vector.
    pub z_dim: usize,
    /// Channels of the layers next to the sound; they double with every fourth of the length.
    pub width: usize,
    /// By how many places, at most, features are moved in the critic; 0 for no phase shuffle.
    pub phase_shuffle: usize,
    /// Moves of the critic to one of the generator.
    pub n_critic: usize,
    /// Weight of the penalty.
    pub penalty_weight: f64,
    /// The generator's optimiser.
    pub generator: OptimiserConfig,
    /// The critic's optimiser.
    pub critic: OptimiserConfig,
}

impl Default for Config {
    fn default() -> Self {
        let adam = OptimiserConfig::adam(1e-4, [0.5, 0.9]);
        Config {
            batch: 64,
            z_dim: 100,
            width: 64,
            phase_shuffle: 2,
            n_critic: 5,
            penalty_weight: 10.0,
            generator: adam,
            critic: adam,
        }
    }
}

/// WaveGAN.
pub struct Wavegan {
    config: Config,
    generator: Sequential,
    critic: Critic,
}

/// Samples of a window, and by how many it moves.
const TAPS: [usize; 1] = [25];
const STRIDE: usize = 4;
/// Windows stand over the ends by as much as keeps every fourth place.
const PADDING: usize = 11;
/// The first and last features of a network have at least so many places, and at most four times as many.
const FEWEST_PLACES: usize = 16;

/// How often a length is divided by four, and the places that are left.
fn levels(mut length: usize) -> (u32, usize) {
    let mut levels = 0;
    while length.is_multiple_of(STRIDE) && length / STRIDE >= FEWEST_PLACES {
        length /= STRIDE;
        levels += 1;
    }
    (levels, length)
}

/// Length and channels of the sounds.
fn extents(given: &Given) -> [usize; 2] {
    let Shape::Sound { length, channels, .. } = given.sample else {
        panic!("checked: this system needs sounds")
    };
    [length, channels]
}

/// Transposed convolutions `[n, z_dim]` to `[n, length, channels]`.
fn generator(scope: &Scope, [length, channels]: [usize; 2], z_dim: usize, width: usize) -> Sequential {
    let (levels, places) = levels(length);
    let mut c = width << (levels - 1);
    let longer = |c_in, c_out| {
        let layer = conv_transpose(c_in, c_out, TAPS).stride(STRIDE);
        layer.padding(PADDING).output_padding(1)
    };
    let mut layers = Sequential::new(scope)
        .push(dense(z_dim, places * c))
        .push(move |x: &Tensor| x.reshape(&[x.extent(0), places, c]))
        .push(Activation::Relu);
    for _ in 1..levels {
        layers = layers.push(longer(c, c / 2)).push(Activation::Relu);
        c /= 2;
    }
    layers.push(longer(c, channels)).push(Activation::Tanh)
}

/// Convolutions `[n, length, channels]` to scores `[n]`.
struct Critic {
    convolutions: Vec<Conv>,
    score: Dense,
}

impl Critic {
    fn new(scope: &Scope, [length, channels]: [usize; 2], width: usize) -> Critic {
        let (levels, places) = levels(length);
        let shorter = |level: u32| {
            let c_in = if level == 0 { channels } else { width << (level - 1) };
            let layer = conv(c_in, width << level, TAPS).stride(STRIDE).padding(PADDING);
            layer.declare(&scope.at(level))
        };
        Critic {
            convolutions: (0..levels).map(shorter).collect(),
            score: dense(places * (width << (levels - 1)), 1).declare(&scope.at("score")),
        }
    }

    /// The scores, with what `shuffle` makes of the features between two convolutions.
    fn scores(&self, x: &Tensor, shuffle: impl Fn(&Tensor) -> Tensor) -> Tensor {
        let mut features = x.clone();
        for (level, convolution) in self.convolutions.iter().enumerate() {
            let shuffled = if level == 0 { features } else { shuffle(&features) };
            features = Activation::LeakyRelu(0.2).forward(&convolution.forward(&shuffled));
        }
        self.score.forward(&features.flatten_from(1)).reshape(&[x.extent(0)])
    }
}

/// Moves features `[n, t, c]` along t, each example by its own whole number from `-most` to `most`, of uniform numbers `[n]` on
/// [0, 1); what comes in at an end is the mirror image of what is there.
fn shifted(features: &Tensor, uniform: &Tensor, most: usize) -> Tensor {
    let (n, t) = (features.extent(0), features.extent(1));
    let wide = features.pad(1, most, most, PadMode::Reflect);
    let begin = (uniform * (2 * most + 1) as f64).floor();
    let of_shift = |shift: usize| {
        let is_it = begin.equals(&Tensor::full(begin.dtype(), &[], shift as f64));
        wide.slice(1, shift, shift + t) * is_it.reshape(&[n, 1, 1])
    };
    (0..=2 * most)
        .map(of_shift)
        .reduce(|a, b| a + b)
        .expect("there is a shift by 0")
}

impl Wavegan {
    fn scores(&self, x: &Tensor, s: &Step) -> Tensor {
        let most = self.config.phase_shuffle;
        self.critic.scores(x, |features| match most {
            0 => features.clone(),
            _ => shifted(features, &s.uniform(&[features.extent(0)]), most),
        })
    }

    fn generate(&self, s: &Step) -> Tensor {
        s.once("x_fake", || {
            self.generator.forward(&s.normal(&[s.batch(), self.config.z_dim]))
        })
    }

    fn critic_loss(&self, s: &Step) -> Tensor {
        let x_fake = self.generate(s).detach();
        let gap = wasserstein::critic(&self.scores(s.x(), s), &self.scores(&x_fake, s));
        let scores = |x: &Tensor| self.scores(x, s);
        let penalty = gradient::interpolated(scores, s.x(), &x_fake, &s.uniform(&[s.batch()]), Sided::Two);
        s.report("critic.gap", &-&gap);
        s.report("gradient_norm.critic", &penalty.gradient_norm);
        gap + penalty.value * self.config.penalty_weight
    }
}

impl System for Wavegan {
    fn game(&self) -> Game {
        Game::step(Player::new("critic", self.config.critic), self.config.n_critic)
            .then(Player::new("generator", self.config.generator), 1)
    }

    fn loss(&self, player: &str, s: &Step) -> Tensor {
        match player {
            "critic" => self.critic_loss(s),
            _ => wasserstein::generator(&self.scores(&self.generate(s), s)),
        }
    }

    fn judge(&self, x: &Tensor, _: Option<&Tensor>) -> Option<Tensor> {
        Some(self.critic.scores(x, Tensor::clone))
    }

    fn z_dim(&self) -> usize {
        self.config.z_dim
    }

    fn sample(&self, z: &Tensor, _: Option<&Tensor>) -> Tensor {
        self.generator.forward(z)
    }
}

impl Describe for Wavegan {
    type Config = Config;

    const CARD: Card = Card {
        id: "wavegan",
        section: Section::Sequence,
        title: "WaveGAN",
        paper: "Donahue, McAuley and Puckette 2019, Adversarial Audio Synthesis, arXiv:1802.04208",
        idea: "Convolutions along time make a whole sound at once, and the critic listens with its features shifted at random.",
        equations: &[
            "L_D = E_z[D(G(z))] - E_x[D(x)] + w E[(|grad D(x^)| - 1)^2],  x^ between data and samples",
            "L_G = -E_z[D(G(z))]",
        ],
        needs: &[],
        takes: Takes::Sounds,
        data: "drums --rate 8000 --length 1024",
        over: Some("wgan_gp"),
    };

    fn check(config: &Config, given: &Given) -> Result<(), String> {
        let [length, _] = extents(given);
        let (levels, places) = levels(length);
        if levels == 0 || places >= STRIDE * FEWEST_PLACES {
            return Err(format!(
                "expected a length of 16 to 60 samples times a power of 4, such as 4096, 8192 or 16384, got {length}; `--length` says how \
                 many are taken"
            ));
        }
        if config.phase_shuffle >= FEWEST_PLACES {
            return Err(format!(
                "expected a phase shuffle below {FEWEST_PLACES} places, got {}",
                config.phase_shuffle
            ));
        }
        if config.width == 0 || config.n_critic == 0 {
            return Err("expected a width and a number of moves of the critic above 0".to_owned());
        }
        Ok(())
    }

    fn build(config: Config, given: &Given, scope: &Scope) -> Self {
        let extents = extents(given);
        Wavegan {
            generator: generator(&scope.at("generator"), extents, config.z_dim, config.width),
            critic: Critic::new(&scope.at("critic"), extents, config.width),
            config,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gany_engine::DType;

    /// The paper's network for 16,384 samples begins with 16 places and has five layers.
    #[test]
    fn lengths_are_divided_by_four() {
        assert_eq!(
            [64, 4_096, 8_192, 16_384].map(levels),
            [(1, 16), (4, 16), (4, 32), (5, 16)]
        );
        let given = |length| {
            let sample = Shape::Sound {
                length,
                channels: 1,
                rate_hz: 8_000,
            };
            Given::of(sample, None)
        };
        let config = Config::default();
        assert!(Wavegan::check(&config, &given(8_192)).is_ok());
        assert!(Wavegan::check(&config, &given(15)).is_err());
        assert!(
            Wavegan::check(&config, &given(10_000))
                .unwrap_err()
                .contains("got 10000")
        );
    }

    /// Shifts by -1, 0 and 1: the first number is mirrored in at the beginning, the last but one at the end.
    #[test]
    fn features_are_shifted_each_by_its_own() {
        let features = Tensor::from_f64(&[3, 4, 1], &[1.0, 2.0, 3.0, 4.0].repeat(3));
        let uniform = Tensor::from_f64(&[3], &[0.1, 0.5, 0.99]);
        let expected = [[2.0, 1.0, 2.0, 3.0], [1.0, 2.0, 3.0, 4.0], [2.0, 3.0, 4.0, 3.0]];
        assert_eq!(shifted(&features, &uniform, 1).to_f64(), expected.concat());
    }

    #[test]
    fn the_networks_fit_each_other() {
        let scope = Scope::new(DType::F32, 0);
        let generator = generator(&scope.at("generator"), [256, 1], 3, 4);
        let critic = Critic::new(&scope.at("critic"), [256, 1], 4);
        let x = generator.forward(&Tensor::full(DType::F32, &[2, 3], 0.5));
        assert_eq!(x.shape(), [2, 256, 1]);
        assert_eq!(critic.scores(&x, Tensor::clone).shape(), [2]);
    }
}
