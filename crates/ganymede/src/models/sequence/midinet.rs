//! MidiNet: a melody bar by bar, each bar a picture of pitches that a convolutional GAN makes, told the chord and the bar before.
//!
//! Yang, Chou and Yang 2017, "MidiNet: A Convolutional Generative Adversarial Network for Symbolic-domain Music Generation",
//! arXiv:1703.10847, section 3 and 4.
//!
//! ```text
//! L_D = E_x[a softplus(-D(x, c)) + (1 - a) softplus(D(x, c))] + E_z[softplus(D(G(z, x', c), c))]        a: label smoothing
//! L_G = E_z[softplus(-D(G(z, x', c), c))] + l_1 |E x - E G(z, x', c)|^2 + l_2 |E f(x) - E f(G(z, x', c))|^2     x': the bar before
//! ```
//!
//! The bar before goes through convolutions whose features stand beside those of the generator, place for place; the chord stands
//! beside the features of every layer. An example is several bars, of which each is learned as one of its own, the first after a bar of
//! silence; samples are as many bars, one after the other, over the chords of a setting. The paper's transposed convolutions have
//! windows of 1 x 2 and end in one over all pitches, which are convolutions along time. Simplified: features are those of the first
//! convolution, and a sample has the loudest pitch of each step.
use crate::data::tunes::{CHORD, STEPS, chord};
use crate::data::{Field, Shape};
use crate::games::{Game, Player, Step, System};
use crate::models::{Card, Describe, Given, Section, Takes};
use crate::nn::{
    Activation, BatchNorm, Conv, ConvTranspose, Declare, Dense, Layer, Scope, batch_norm, beside, conv, conv_transpose,
    dense,
};
use crate::objectives::{feature_matching, non_saturating};
use crate::optimisers::OptimiserConfig;
use gany_engine::{DType, Tensor, concat};
use serde::{Deserialize, Serialize};

/// Settings of [`Midinet`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Examples in a batch, of several bars each.
    pub batch: usize,
    /// Latent numbers for each bar.
    pub z_dim: usize,
    /// Channels of the generator's convolutions.
    pub width: usize,
    /// Channels of the convolutions of the bar before.
    pub before_width: usize,
    /// Numbers in the dense layers.
    pub hidden: usize,
    /// l_1, the weight of matching the mean bar.
    pub mean_weight: f64,
    /// l_2, the weight of matching the mean features.
    pub feature_weight: f64,
    /// The probability that the discriminator is to give real bars.
    pub real_target: f64,
    /// Moves of the generator to one of the discriminator.
    pub n_generator: usize,
    /// The chords that samples are made over, bar by bar and again from the first: `C`, `F#`, `Am`.
    pub chords: String,
    /// The generator's optimiser.
    pub generator: OptimiserConfig,
    /// The discriminator's optimiser.
    pub discriminator: OptimiserConfig,
}

impl Default for Config {
    fn default() -> Self {
        let adam = OptimiserConfig::adam(2e-4, [0.5, 0.999]);
        Config {
            batch: 9,
            z_dim: 100,
            width: 128,
            before_width: 16,
            hidden: 1024,
            mean_weight: 0.1,
            feature_weight: 1.0,
            real_target: 0.9,
            n_generator: 2,
            chords: "C F C G C F G C".into(),
            generator: adam,
            discriminator: adam,
        }
    }
}

/// MidiNet.
pub struct Midinet {
    config: Config,
    bars: usize,
    pitches: usize,
    /// `[bars, 13]`
    chords: Vec<f64>,
    before: Vec<Conv>,
    generator: Generator,
    discriminator: Discriminator,
}

/// Places of the smallest features; three doublings lead to the steps of a bar.
const PLACES: usize = 2;
const DOUBLINGS: usize = 3;

/// Latent vectors to bars, with the features of the bar before at every size.
struct Generator {
    dense: [(Dense, BatchNorm); 2],
    longer: Vec<(ConvTranspose, BatchNorm)>,
    pitches: Conv,
}

/// Bars to logits.
struct Discriminator {
    convolutions: [Conv; 2],
    norm: BatchNorm,
    hidden: Dense,
    logit: Dense,
}

impl Generator {
    fn new(scope: &Scope, pitches: usize, config: &Config) -> Generator {
        let plain = |name: &str, inputs, outputs| {
            let scope = scope.at(name);
            (
                dense(inputs, outputs).bias(false).declare(&scope),
                batch_norm(outputs).declare(&scope.at("norm")),
            )
        };
        let width = config.width;
        let longer = |level: usize| {
            let scope = scope.at(format!("longer_{level}"));
            let layer = conv_transpose(width + config.before_width + CHORD, width, [2])
                .stride(2)
                .bias(false);
            (layer.declare(&scope), batch_norm(width).declare(&scope.at("norm")))
        };
        Generator {
            dense: [
                plain("dense_0", config.z_dim + CHORD, config.hidden),
                plain("dense_1", config.hidden + CHORD, PLACES * width),
            ],
            longer: (0..DOUBLINGS).map(longer).collect(),
            pitches: conv(width + config.before_width + CHORD, pitches, [1]).declare(&scope.at("pitches")),
        }
    }

    /// Bars `[n, 16, pitches]` in [-1, 1] of latent vectors `[n, z_dim]`, features of the bars before from short to long, and chords `[n, 13]`.
    fn bars(&self, z: &Tensor, before: &[Tensor], chords: &Tensor) -> Tensor {
        let mut hidden = z.clone();
        for (layer, norm) in &self.dense {
            hidden = norm
                .forward(&layer.forward(&concat(&[hidden, chords.clone()], 1)))
                .relu();
        }
        let n = z.extent(0);
        let mut features = hidden.reshape(&[n, PLACES, hidden.numel() / n / PLACES]);
        for ((layer, norm), before) in self.longer.iter().zip(before) {
            let all = beside(&concat(&[features, before.clone()], 2), chords);
            features = norm.forward(&layer.forward(&all)).relu();
        }
        let all = concat(&[features, before[DOUBLINGS].clone()], 2);
        self.pitches.forward(&beside(&all, chords)).tanh()
    }
}

impl Discriminator {
    fn new(scope: &Scope, pitches: usize, config: &Config) -> Discriminator {
        let [few, many] = [14, 77];
        Discriminator {
            convolutions: [
                conv(pitches + CHORD, few, [2]).stride(2).declare(&scope.at(0)),
                conv(few + CHORD, many, [4]).stride(2).bias(false).declare(&scope.at(1)),
            ],
            norm: batch_norm(many).declare(&scope.at("norm")),
            hidden: dense(many * 3 + CHORD, config.hidden).declare(&scope.at("hidden")),
            logit: dense(config.hidden + CHORD, 1).declare(&scope.at("logit")),
        }
    }

    /// The features of the first convolution `[n, 8, 14]` and the logits `[n]` of bars `[n, 16, pitches]` with chords `[n, 13]`.
    fn look(&self, x: &Tensor, chords: &Tensor) -> (Tensor, Tensor) {
        let leaky = |x: &Tensor| Activation::LeakyRelu(0.2).forward(x);
        let first = leaky(&self.convolutions[0].forward(&beside(x, chords)));
        let second = self.convolutions[1].forward(&beside(&first, chords));
        let second = leaky(&self.norm.forward(&second)).flatten_from(1);
        let hidden = leaky(&self.hidden.forward(&concat(&[second, chords.clone()], 1)));
        let logits = self.logit.forward(&concat(&[hidden, chords.clone()], 1));
        (first, logits.reshape(&[x.extent(0)]))
    }
}

impl Midinet {
    /// Features of bars `[n, 16, pitches]` at every size of the generator's, from two places to sixteen.
    fn features_before(&self, bars: &Tensor) -> Vec<Tensor> {
        let mut features = vec![bars.clone()];
        for layer in &self.before {
            let last = features.last().expect("there is the bar itself");
            features.push(Activation::LeakyRelu(0.2).forward(&layer.forward(last)));
        }
        features.split_off(1).into_iter().rev().collect()
    }

    /// Bars for latent vectors after these bars, `[n, 16, pitches]`, over chords `[n, 13]`.
    fn bars(&self, z: &Tensor, before: &Tensor, chords: &Tensor) -> Tensor {
        self.generator.bars(z, &self.features_before(before), chords)
    }

    /// The examples as bars, each with the one before it, `[n * bars, 16, pitches]`, and their chords.
    fn split(&self, s: &Step) -> [Tensor; 3] {
        let [n, bars, pitches] = [s.batch(), self.bars, self.pitches];
        let (dtype, steps) = (s.x().dtype(), bars * STEPS);
        let silence = Tensor::full(dtype, &[n, STEPS, pitches], -1.0);
        let before = concat(&[silence, s.x().slice(1, 0, steps - STEPS)], 1);
        let in_bars = |x: &Tensor| x.reshape(&[n * bars, STEPS, pitches]);
        let chords = s.extra(Field::Chords).reshape(&[n * bars, CHORD]);
        [in_bars(s.x()), in_bars(&before), chords]
    }

    fn generate(&self, s: &Step) -> Tensor {
        let [x, before, chords] = self.split(s);
        self.bars(&s.normal(&[x.extent(0), self.config.z_dim]), &before, &chords)
    }

    fn discriminator_loss(&self, s: &Step) -> Tensor {
        let [x, _, chords] = self.split(s);
        let (_, real) = self.discriminator.look(&x, &chords);
        let (_, fake) = self.discriminator.look(&self.generate(s).detach(), &chords);
        s.report_discriminator(&real, &fake);
        let smoothing = real.mean() * (1.0 - self.config.real_target);
        non_saturating::discriminator(&real, &fake) + smoothing
    }

    fn generator_loss(&self, s: &Step) -> Tensor {
        let ([x, _, chords], x_fake) = (self.split(s), self.generate(s));
        let (real, _) = self.discriminator.look(&x, &chords);
        let (fake, logits) = self.discriminator.look(&x_fake, &chords);
        let means = feature_matching::of_means(&x, &x_fake);
        s.report("mean_bar", &means);
        non_saturating::generator(&logits)
            + means * self.config.mean_weight
            + feature_matching::of_means(&real, &fake) * self.config.feature_weight
    }
}

/// Steps `[n, 16, pitches]` with 1 at the highest number of each and -1 elsewhere.
fn loudest(bars: &Tensor) -> Tensor {
    let most = bars.max_axes(&[2]).reshape(&[bars.extent(0), bars.extent(1), 1]);
    bars.equals(&most) * 2.0 - 1.0
}

impl System for Midinet {
    fn game(&self) -> Game {
        Game::step(Player::new("discriminator", self.config.discriminator), 1)
            .then(Player::new("generator", self.config.generator), self.config.n_generator)
    }

    fn loss(&self, player: &str, s: &Step) -> Tensor {
        match player {
            "discriminator" => self.discriminator_loss(s),
            _ => self.generator_loss(s),
        }
    }

    fn z_dim(&self) -> usize {
        self.bars * self.config.z_dim
    }

    fn sample(&self, z: &Tensor, _: Option<&Tensor>) -> Tensor {
        let n = z.extent(0);
        let mut bars = vec![Tensor::full(z.dtype(), &[n, STEPS, self.pitches], -1.0)];
        for bar in 0..self.bars {
            let z = z.slice(1, bar * self.config.z_dim, (bar + 1) * self.config.z_dim);
            let chord = constant(z.dtype(), &self.chords[bar * CHORD..][..CHORD]).broadcast_to(&[n, CHORD]);
            bars.push(loudest(&self.bars(&z, &bars[bar], &chord)));
        }
        concat(&bars[1..], 1)
    }
}

/// A row of numbers.
fn constant(dtype: DType, numbers: &[f64]) -> Tensor {
    Tensor::from_elements(dtype, &[1, numbers.len()], numbers)
}

/// The numbers of chords `[bars, 13]`, as they are written with blanks between them, again from the first where there are fewer.
///
/// # Errors
/// Where one is no chord.
fn chords(text: &str, bars: usize) -> Result<Vec<f64>, String> {
    let of = |name: &str| {
        let (root, is_major) = match name.strip_suffix('m') {
            Some(root) => (root, false),
            None => (name, true),
        };
        let mut letters = root.chars();
        let natural = match letters.next()? {
            'C' => 0,
            'D' => 2,
            'E' => 4,
            'F' => 5,
            'G' => 7,
            'A' => 9,
            'B' => 11,
            _ => return None,
        };
        match letters.as_str() {
            "" => Some(chord((natural, is_major))),
            "#" => Some(chord((natural + 1, is_major))),
            "b" => Some(chord((natural + 11, is_major))),
            _ => None,
        }
    };
    let chords: Result<Vec<_>, _> = text
        .split_whitespace()
        .map(|name| of(name).ok_or_else(|| format!("expected chords such as `C F# Am Bbm`, got `{name}`")))
        .collect();
    match &chords?[..] {
        [] => Err("expected at least one chord".into()),
        chords => Ok(chords
            .iter()
            .cycle()
            .take(bars)
            .flatten()
            .map(|x| f64::from(*x))
            .collect()),
    }
}

impl Describe for Midinet {
    type Config = Config;

    const CARD: Card = Card {
        id: "midinet",
        section: Section::Sequence,
        title: "MidiNet",
        paper: "Yang, Chou and Yang 2017, MidiNet: A Convolutional Generative Adversarial Network for Symbolic-domain Music Generation, \
                arXiv:1703.10847",
        idea: "A melody bar by bar: convolutions make each one, told its chord and the bar before.",
        equations: &[
            "L_D = E_x[a softplus(-D(x, c)) + (1 - a) softplus(D(x, c))] + E_z[softplus(D(G(z, x', c), c))],  x' the bar before",
            "L_G = E_z[softplus(-D(G))] + l_1 |E x - E G|^2 + l_2 |E f(x) - E f(G)|^2",
        ],
        needs: &[Field::Chords],
        takes: Takes::Rolls,
        data: "tunes",
        over: Some("dcgan"),
    };

    fn check(config: &Config, given: &Given) -> Result<(), String> {
        let (bars, _) = extents(given);
        chords(&config.chords, bars)?;
        if config.width == 0
            || config.before_width == 0
            || config.hidden == 0
            || config.z_dim == 0
            || config.n_generator == 0
        {
            return Err("expected widths, latent numbers and moves above 0".into());
        }
        Ok(())
    }

    fn build(config: Config, given: &Given, scope: &Scope) -> Self {
        let (bars, pitches) = extents(given);
        // From sixteen places to sixteen, eight, four and two.
        let before = |level: usize| {
            let (c_in, taps) = if level == 0 {
                (pitches, 1)
            } else {
                (config.before_width, 2)
            };
            let scope = scope.at("generator.before").at(level);
            conv(c_in, config.before_width, [taps]).stride(taps).declare(&scope)
        };
        Midinet {
            bars,
            pitches,
            chords: chords(&config.chords, bars).expect("checked: they are chords"),
            before: (0..=DOUBLINGS).map(before).collect(),
            generator: Generator::new(&scope.at("generator"), pitches, &config),
            discriminator: Discriminator::new(&scope.at("discriminator"), pitches, &config),
            config,
        }
    }
}

/// Bars and pitches of the examples.
fn extents(given: &Given) -> (usize, usize) {
    let Shape::Roll { steps, pitches, .. } = given.sample else {
        panic!("checked: this system needs bars of tunes")
    };
    (steps / STEPS, pitches)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chords_are_read_and_repeated() {
        let read = chords("Am F#", 3).unwrap();
        assert_eq!(read.len(), 3 * CHORD);
        let ones = |bar: usize| (0..CHORD).filter(|i| read[bar * CHORD + i] == 1.0).collect::<Vec<_>>();
        assert_eq!([ones(0), ones(1), ones(2)], [vec![9], vec![6, 12], vec![9]]);
        assert_eq!(
            chords("C H", 2).unwrap_err(),
            "expected chords such as `C F# Am Bbm`, got `H`"
        );
        assert_eq!(chords(" ", 2).unwrap_err(), "expected at least one chord");
    }

    #[test]
    fn a_step_has_its_loudest_pitch() {
        let bars = Tensor::from_f64(&[1, 2, 3], &[-0.9, -0.5, -0.7, 0.1, 0.2, 0.9]);
        assert_eq!(loudest(&bars).to_f64(), [-1.0, 1.0, -1.0, -1.0, -1.0, 1.0]);
    }

    /// A sample's first bar is made after silence, its second after its own first.
    #[test]
    fn bars_follow_from_the_ones_before() {
        let sample = Shape::Roll {
            steps: 32,
            pitches: 24,
            lowest: 60,
        };
        let config = Config {
            width: 4,
            hidden: 8,
            z_dim: 3,
            ..Config::default()
        };
        let scope = Scope::new(DType::F64, 0);
        let system = Midinet::build(config, &Given::of(sample, None), &scope);
        crate::nn::evaluating(|| {
            let z = Tensor::from_f64(&[1, 6], &[1.0, -1.0, 0.5, 2.0, 0.0, -0.5]);
            let tune = system.sample(&z, None);
            assert_eq!(tune.shape(), [1, 32, 24]);
            let first = tune.slice(1, 0, 16);
            let chord = constant(DType::F64, &system.chords[CHORD..]);
            let second = loudest(&system.bars(&z.slice(1, 3, 6), &first, &chord));
            assert_eq!(tune.slice(1, 16, 32).to_f64(), second.to_f64());
            let silence = Tensor::full(DType::F64, &[1, 16, 24], -1.0);
            let features = system.features_before(&silence);
            assert_eq!(features.iter().map(|x| x.extent(1)).collect::<Vec<_>>(), [2, 4, 8, 16]);
        });
    }
}
