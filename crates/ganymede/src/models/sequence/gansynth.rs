//! GANSynth: notes of an asked pitch, made as pictures of loudness and of instantaneous frequency rather than sample by sample.
//!
//! Engel et al. 2019, "GANSynth: Adversarial Neural Audio Synthesis", arXiv:1902.08710, sections 2 and 3.
//!
//! ```text
//! L_D = E_z[D(G(z, y))] - E_x[D(S(x))] + w E[(|grad D(s^)| - 1)^2] - c E_x[log C(y | S(x))]      S: the spectrum of a sound
//! L_G = -E_z[D(G(z, y))] - c E_z[log C(y | G(z, y))]                                              sounds are S^-1(G(z, y))
//! ```
//!
//! Over `wavegan`: the critic sees spectra, in which a tone is a line that stays where it is however its phase stands to the windows; and a pitch is
//! asked for, which the critic names too. Simplified: DCGAN's networks at once, where the paper's grow; windows of 256 samples with
//! linear frequencies.
use super::spectrum::{self, BINS, HOP};
use crate::data::{Field, Shape};
use crate::games::{Game, Player, Step, System};
use crate::models::architecture::dcgan;
use crate::models::{Card, Describe, Given, Section, Takes};
use crate::nn::{Layer, Scope, Sequential, beside};
use crate::objectives::likelihood::categorical;
use crate::objectives::wasserstein;
use crate::optimisers::OptimiserConfig;
use crate::penalties::gradient::{self, Sided};
use gany_engine::Tensor;
use serde::{Deserialize, Serialize};

/// Settings of [`Gansynth`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Sounds in a batch.
    pub batch: usize,
    /// Numbers in a latent vector.
    pub z_dim: usize,
    /// Channels of the layers next to the spectrum; they double with every halving of its sides.
    pub width: usize,
    /// Moves of the critic to one of the generator.
    pub n_critic: usize,
    /// w, the weight of the penalty.
    pub penalty_weight: f64,
    /// c, the weight of naming the class.
    pub class_weight: f64,
    /// The generator's optimiser.
    pub generator: OptimiserConfig,
    /// The critic's optimiser.
    pub critic: OptimiserConfig,
}

impl Default for Config {
    fn default() -> Self {
        let adam = OptimiserConfig::adam(8e-4, [0.0, 0.99]);
        Config {
            batch: 8,
            z_dim: 256,
            width: 32,
            n_critic: 1,
            penalty_weight: 10.0,
            class_weight: 10.0,
            generator: adam,
            critic: adam,
        }
    }
}

/// GANSynth.
pub struct Gansynth {
    config: Config,
    classes: usize,
    generator: Sequential,
    critic: Sequential,
}

/// The picture of a sound: moments, frequencies, and two numbers for each.
fn picture(given: &Given) -> Shape {
    let Shape::Sound { length, .. } = given.sample else {
        panic!("checked: this system needs sounds")
    };
    Shape::Picture {
        height: length / HOP,
        width: BINS,
        channels: 2,
    }
}

impl Gansynth {
    fn spectra(&self, z: &Tensor, y: &Tensor) -> Tensor {
        self.generator.forward(&beside(z, &y.one_hot(self.classes)))
    }

    fn generate(&self, s: &Step) -> Tensor {
        s.once("x_fake", || {
            self.spectra(&s.normal(&[s.batch(), self.config.z_dim]), s.y())
        })
    }

    /// Scores `[n]` and logits of the classes `[n, classes]` of spectra.
    fn judged(&self, spectra: &Tensor) -> (Tensor, Tensor) {
        let all = self.critic.forward(spectra);
        let score = all.slice(1, 0, 1).reshape(&[all.extent(0)]);
        (score, all.slice(1, 1, 1 + self.classes))
    }

    fn critic_loss(&self, s: &Step) -> Tensor {
        let (real, fake) = (spectrum::of(s.x()), self.generate(s).detach());
        let ((score_real, named), (score_fake, _)) = (self.judged(&real), self.judged(&fake));
        let gap = wasserstein::critic(&score_real, &score_fake);
        let scores = |spectra: &Tensor| self.judged(spectra).0;
        let penalty = gradient::interpolated(scores, &real, &fake, &s.uniform(&[s.batch()]), Sided::Two);
        let class = categorical(&named, s.y()).mean();
        s.report("critic.gap", &-&gap);
        s.report("class.real", &class);
        s.report("gradient_norm.critic", &penalty.gradient_norm);
        gap + penalty.value * self.config.penalty_weight + class * self.config.class_weight
    }

    fn generator_loss(&self, s: &Step) -> Tensor {
        let (scores, named) = self.judged(&self.generate(s));
        let class = categorical(&named, s.y()).mean();
        s.report("class.fake", &class);
        wasserstein::generator(&scores) + class * self.config.class_weight
    }
}

impl System for Gansynth {
    fn game(&self) -> Game {
        Game::step(Player::new("critic", self.config.critic), self.config.n_critic)
            .then(Player::new("generator", self.config.generator), 1)
    }

    fn loss(&self, player: &str, s: &Step) -> Tensor {
        match player {
            "critic" => self.critic_loss(s),
            _ => self.generator_loss(s),
        }
    }

    fn judge(&self, x: &Tensor, _: Option<&Tensor>) -> Option<Tensor> {
        Some(self.judged(&spectrum::of(x)).0)
    }

    fn z_dim(&self) -> usize {
        self.config.z_dim
    }

    fn classes(&self) -> Option<usize> {
        Some(self.classes)
    }

    fn sample(&self, z: &Tensor, y: Option<&Tensor>) -> Tensor {
        let y = y.expect("a conditional system is asked with classes");
        spectrum::sound(&self.spectra(z, y)).clamp(-1.0, 1.0)
    }
}

impl Describe for Gansynth {
    type Config = Config;

    const CARD: Card = Card {
        id: "gansynth",
        section: Section::Sequence,
        title: "GANSynth",
        paper: "Engel et al. 2019, GANSynth: Adversarial Neural Audio Synthesis, arXiv:1902.08710",
        idea: "Notes of an asked pitch, made as pictures of loudness and instantaneous frequency instead of sample by sample.",
        equations: &[
            "L_D = E_z[D(G(z, y))] - E_x[D(S(x))] + w E[(|grad D(s^)| - 1)^2] - c E_x[log C(y | S(x))],  S the spectrum of a sound",
            "L_G = -E_z[D(G(z, y))] - c E_z[log C(y | G(z, y))]",
        ],
        needs: &[Field::Y],
        takes: Takes::Sounds,
        data: "tones:24 --rate 8000 --length 4096",
        over: Some("wavegan"),
    };

    fn check(config: &Config, given: &Given) -> Result<(), String> {
        let Shape::Sound { length, channels, .. } = given.sample else {
            panic!("checked: this system needs sounds")
        };
        if !length.is_multiple_of(HOP) || length < SHORTEST {
            return Err(format!(
                "expected a length of {SHORTEST} samples or more that {HOP} divides, such as 4096, got {length}; `--length` says how many are \
                 taken"
            ));
        }
        if channels != 1 {
            return Err(format!("expected sounds of one channel, got {channels}"));
        }
        if config.width == 0 || config.n_critic == 0 {
            return Err("expected a width and a number of moves of the critic above 0".to_owned());
        }
        Ok(())
    }

    fn build(config: Config, given: &Given, scope: &Scope) -> Self {
        let classes = given.classes.expect("checked: this system needs labels");
        let picture = picture(given);
        Gansynth {
            generator: dcgan::generator(&scope.at("generator"), &picture, config.z_dim + classes, config.width),
            critic: dcgan::encoder(&scope.at("critic"), &picture, 1 + classes, config.width, false),
            classes,
            config,
        }
    }
}

/// Samples of the shortest sound: sixteen windows.
const SHORTEST: usize = 16 * HOP;

#[cfg(test)]
mod tests {
    use super::*;
    use gany_engine::DType;

    fn given(length: usize) -> Given {
        let sample = Shape::Sound {
            length,
            channels: 1,
            rate_hz: 8_000,
        };
        Given::of(sample, Some(3))
    }

    #[test]
    fn lengths_are_whole_windows() {
        let config = Config::default();
        assert!(Gansynth::check(&config, &given(4_096)).is_ok());
        for length in [960, 4_100] {
            assert!(
                Gansynth::check(&config, &given(length))
                    .unwrap_err()
                    .contains(&format!("got {length}"))
            );
        }
    }

    #[test]
    fn a_sample_is_a_sound_and_a_spectrum_a_score_and_classes() {
        let config = Config {
            z_dim: 5,
            width: 4,
            ..Config::default()
        };
        let system = Gansynth::build(config, &given(1_024), &Scope::new(DType::F32, 0));
        let (z, y) = (
            Tensor::full(DType::F32, &[2, 5], 0.5),
            Tensor::from_f32(&[2], &[0.0, 2.0]),
        );
        let spectra = system.spectra(&z, &y);
        assert_eq!(spectra.shape(), [2, 16, 128, 2]);
        let (score, classes) = system.judged(&spectra);
        assert_eq!((score.shape(), classes.shape()), (&[2][..], &[2, 3][..]));
        let sound = system.sample(&z, Some(&y));
        assert_eq!(sound.shape(), [2, 1_024, 1]);
        assert!(sound.to_f64().iter().any(|x| *x != 0.0));
    }
}
