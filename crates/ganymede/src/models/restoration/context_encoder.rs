//! Context encoder: fills a hole in a picture by what lies around it.
//!
//! Pathak et al. 2016, "Context Encoders: Feature Learning by Inpainting", arXiv:1604.07379.
//!
//! ```text
//! L_D = E[softplus(-D(x in M))] + E[softplus(D(F(x without M)))]                                 equation 2
//! L_F = 0.999 E|x in M - F(x without M)|^2 + 0.001 E[softplus(-D(F(x without M)))]               equations 1 and 3
//! ```
//!
//! M is the paper's square in the middle, of half the height and width. F is convolutions down to a bottleneck of 4,000
//! numbers and `dcgan`'s generator up to the hole, and D is `dcgan`'s discriminator of what is in it, which sees nothing of
//! the context, for the reason of section 3.2. The paper's squares weigh ten times as much on a rim of 7 pixels; here the rim
//! is no exception. In the hole F sees grey.
use crate::data::{Field, Shape};
use crate::games::{Function, Game, Player, Space, Step, System};
use crate::models::architecture::dcgan;
use crate::models::translation::networks;
use crate::models::{Card, Describe, Given, Section, Takes};
use crate::nn::{Activation, Init, Layer, Scope, Sequential, batch_norm, conv};
use crate::objectives::non_saturating;
use crate::optimisers::OptimiserConfig;
use gany_engine::{PadMode, Tensor};
use serde::{Deserialize, Serialize};

/// Settings of [`ContextEncoder`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Pictures in a batch.
    pub batch: usize,
    /// Channels of the layers next to the picture.
    pub width: usize,
    /// Numbers in the bottleneck.
    pub bottleneck: usize,
    /// The weight of the squared error.
    pub reconstruction: f64,
    /// The weight of what the discriminator says.
    pub adversarial: f64,
    /// Decay of the moving average of the generator's weights that holes are filled by; 0: by the weights themselves.
    #[serde(default)]
    pub average_decay: f64,
    /// The generator's optimiser; its learning rate is ten times the discriminator's.
    pub generator: OptimiserConfig,
    /// The discriminator's optimiser.
    pub discriminator: OptimiserConfig,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            batch: 64,
            width: 64,
            bottleneck: 4000,
            reconstruction: 0.999,
            adversarial: 0.001,
            average_decay: 0.0,
            generator: OptimiserConfig::adam(2e-3, [0.5, 0.999]),
            discriminator: OptimiserConfig::adam(2e-4, [0.5, 0.999]),
        }
    }
}

/// The context encoder.
pub struct ContextEncoder {
    config: Config,
    hole: Hole,
    generator: Sequential,
    discriminator: Sequential,
}

/// A rectangle in the middle of pictures.
struct Hole {
    /// Height and width of the pictures.
    sides: [usize; 2],
    /// First row and column.
    from: [usize; 2],
    /// First row and column behind.
    to: [usize; 2],
}

impl Hole {
    /// The middle half of either side.
    fn of([height, width, _]: networks::Extents) -> Hole {
        let sides = [height, width];
        let from = sides.map(|side| side / 4);
        let to = [0, 1].map(|axis| from[axis] + sides[axis] / 2);
        Hole { sides, from, to }
    }

    /// What is in it.
    fn cut(&self, x: &Tensor) -> Tensor {
        let [top, left] = self.from;
        let [bottom, right] = self.to;
        x.slice(1, top, bottom).slice(2, left, right)
    }

    /// What was cut out, in its place, on pictures that are 0 elsewhere.
    fn put(&self, inside: &Tensor) -> Tensor {
        [0, 1].into_iter().fold(inside.clone(), |x, axis| {
            let behind = self.sides[axis] - self.to[axis];
            x.pad(axis + 1, self.from[axis], behind, PadMode::Zero)
        })
    }

    /// Pictures with a grey hole.
    fn punched(&self, x: &Tensor) -> Tensor {
        x - self.put(&self.cut(x))
    }
}

impl ContextEncoder {
    /// What it believes to be in the hole.
    fn guess(&self, x: &Tensor) -> Tensor {
        self.generator.forward(&self.hole.punched(x))
    }

    fn discriminator_loss(&self, s: &Step, fake: &Tensor) -> Tensor {
        let logits_real = self.discriminator.forward(&self.hole.cut(s.x()));
        let logits_fake = self.discriminator.forward(&fake.detach());
        s.report_discriminator(&logits_real, &logits_fake);
        non_saturating::discriminator(&logits_real, &logits_fake)
    }

    fn generator_loss(&self, s: &Step, fake: &Tensor) -> Tensor {
        let mse = (self.hole.cut(s.x()) - fake).square().mean();
        s.report("mse", &mse);
        let adversarial = non_saturating::generator(&self.discriminator.forward(fake));
        mse * self.config.reconstruction + adversarial * self.config.adversarial
    }
}

impl System for ContextEncoder {
    fn game(&self) -> Game {
        Game::step(Player::new("discriminator", self.config.discriminator), 1)
            .then(Player::new("generator", self.config.generator), 1)
    }

    fn loss(&self, player: &str, s: &Step) -> Tensor {
        let fake = s.once("fake", || self.guess(s.x()));
        match player {
            "discriminator" => self.discriminator_loss(s, &fake),
            _ => self.generator_loss(s, &fake),
        }
    }

    fn average_decay(&self) -> f64 {
        self.config.average_decay
    }

    fn z_dim(&self) -> usize {
        0
    }

    fn functions(&self) -> Vec<Function> {
        ["fill", "punch"]
            .map(|name| Function {
                name,
                takes: Space::Data(Field::X),
                gives: Space::Data(Field::X),
            })
            .to_vec()
    }

    fn apply(&self, name: &str, x: &Tensor) -> Tensor {
        let punched = self.hole.punched(x);
        match name {
            "fill" => punched + self.hole.put(&self.guess(x)),
            _ => punched,
        }
    }
}

impl Describe for ContextEncoder {
    type Config = Config;

    const CARD: Card = Card {
        id: "context_encoder",
        section: Section::Restoration,
        title: "Context encoder",
        paper: "Pathak et al. 2016, Context Encoders: Feature Learning by Inpainting, arXiv:1604.07379",
        idea: "Fills a hole in a picture by what lies around it: squared error for what it is, a judge for how it looks.",
        equations: &[
            "L_D = E[softplus(-D(x in M))] + E[softplus(D(F(x without M)))]",
            "L_F = 0.999 E|x in M - F(x without M)|^2 + 0.001 E[softplus(-D(F(x without M)))]",
        ],
        needs: &[],
        takes: Takes::Pictures,
        data: "emoji-google",
        over: Some("autoencoder"),
    };

    fn build(config: Config, given: &Given, scope: &Scope) -> Self {
        let extents = networks::picture(given);
        let hole = Hole::of(extents);
        let inside = Shape::Picture {
            height: hole.to[0] - hole.from[0],
            width: hole.to[1] - hole.from[1],
            channels: extents[2],
        };
        let generator = scope.at("generator");
        let (encoder, decoder) = (generator.at("encoder"), generator.at("decoder"));
        let (bottleneck, width) = (config.bottleneck, config.width);
        ContextEncoder {
            generator: encode(&encoder, extents, bottleneck, width)
                .push(dcgan::generator(&decoder, &inside, bottleneck, width)),
            discriminator: dcgan::discriminator(&scope.at("discriminator"), &inside, width, true),
            hole,
            config,
        }
    }
}

/// Windows of 4 x 4 and stride 2 while both sides stay at least 4, and one of what is left: `[n, height, width, channels]`
/// to `[n, bottleneck]`.
fn encode(
    scope: &Scope,
    [height, columns, channels]: networks::Extents,
    bottleneck: usize,
    width: usize,
) -> Sequential {
    let window = |from, to, taps| conv(from, to, taps).bias(false).init(Init::DCGAN);
    let (mut sides, mut c) = ([height, columns], channels);
    let mut layers = Sequential::new(scope);
    for level in 0.. {
        if sides.iter().any(|side| side / 2 < 4) {
            break;
        }
        let wider = width << level.min(3);
        layers = layers.push(window(c, wider, [4, 4]).stride(2).padding(1));
        if level > 0 {
            layers = layers.push(batch_norm(wider));
        }
        layers = layers.push(Activation::LeakyRelu(0.2));
        (sides, c) = (sides.map(|side| side / 2), wider);
    }
    layers
        .push(window(c, bottleneck, sides))
        .push(batch_norm(bottleneck))
        .push(Activation::LeakyRelu(0.2))
        .push(|x: &Tensor| x.flatten_from(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::games::Play;
    use gany_engine::DType;

    #[test]
    fn a_hole_is_the_middle_half() {
        let hole = Hole::of([4, 4, 1]);
        let values: Vec<f64> = (1..=16).map(f64::from).collect();
        let x = Tensor::from_f64(&[1, 4, 4, 1], &values);
        assert_eq!(hole.cut(&x).to_f64(), [6.0, 7.0, 10.0, 11.0]);
        let punched = hole.punched(&x).to_f64();
        let holes: Vec<usize> = (0..16).filter(|i| punched[*i] == 0.0).collect();
        assert_eq!(holes, [5, 6, 9, 10]);
        assert_eq!((hole.put(&hole.cut(&x)) + hole.punched(&x)).to_f64(), values);
    }

    /// What is in the hole is not seen, and what is around it is not touched.
    #[test]
    fn a_guess_follows_from_the_context_alone() {
        let given = Given::of(
            Shape::Picture {
                height: 8,
                width: 12,
                channels: 1,
            },
            None,
        );
        let config = Config {
            width: 2,
            bottleneck: 3,
            ..Config::default()
        };
        let scope = Scope::new(DType::F32, 0);
        let system = ContextEncoder::build(config, &given, &scope);
        let mut play = Play::new(Box::new(system), scope, given.of_batch(2), 0);
        let x: Vec<f32> = (0..96).map(|i| (i % 7) as f32 / 7.0 - 0.4).collect();
        let is_in_hole = |i: usize| (2..6).contains(&(i / 12)) && (3..9).contains(&(i % 12));
        let other: Vec<f32> = (0..96).map(|i| if is_in_hole(i) { 0.9 } else { x[i] }).collect();
        let filled = play.apply("fill", &x);
        assert_eq!(filled, play.apply("fill", &other));
        let touched: Vec<usize> = (0..96).filter(|i| filled[*i] != x[*i]).collect();
        assert!(
            !touched.is_empty() && touched.iter().all(|i| is_in_hole(*i)),
            "{touched:?}"
        );
    }
}
