//! Talking heads: a few pictures of a person become numbers that say who it is, and a generator draws that person with the landmarks of
//! anybody; trained on many persons it learns a new one from one picture, and is then tuned to it.
//!
//! Zakharov et al. 2019, "Few-Shot Adversarial Learning of Realistic Neural Talking Head Models", arXiv:1905.08233, sections 3.1 to 3.3.
//! With pictures x_1 .. x_K of a person i beside x, whose landmarks are drawn as l:
//!
//! ```text
//! e    = mean over k of E(x_k),   x^ = G(l, e),   D(x, l, i) = V(x, l) . (W_i + w_0) + b
//! L_D  = E[max(0, 1 - D(x, l, i))] + E[max(0, 1 + D(x^, l, i))]
//! L_G  = 80 E|x - x^| + 10 sum over layers of E|V_j(x, l) - V_j(x^, l)| - E[D(x^, l, i)] + 10 E|e - W_i|
//! ```
//!
//! `few_shot` tunes it to a person that it has not seen: e stands for W_i and is not learnt any more (section 3.3). Simplifications: the absolute
//! difference stands for the paper's distances in two networks of recognition; E sees pictures without their landmarks; no
//! self-attention, for pictures of 32 to 64 pixels.
use crate::data::Field;
use crate::games::{Function, Game, Player, Space, Step, System};
use crate::models::translation::networks::{cropped, padded, pair};
use crate::models::{Card, Describe, Given, Section, Takes};
use crate::nn::{
    Activation, AdaIn, Conv, Declare, Dense, Embedding, Init, Layer, Parameter, Scope, Sequential, conv, dense,
    embedding, instance_norm, spectral,
};
use crate::objectives::hinge;
use crate::optimisers::OptimiserConfig;
use gany_engine::{Tensor, concat};
use serde::{Deserialize, Serialize};

/// Settings of [`TalkingHead`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Pictures in a batch.
    pub batch: usize,
    /// Channels of the layers next to the picture.
    pub width: usize,
    /// Numbers that say who it is.
    pub embedding: usize,
    /// Residual blocks in the middle of the generator.
    pub blocks: usize,
    /// The weight of the absolute difference to the picture.
    pub content: f64,
    /// The weight of the differences between what the discriminator's layers say.
    pub features: f64,
    /// The weight of what the discriminator says; 0: there is none, nor its features.
    pub adversarial: f64,
    /// The weight of the distance between e and W.
    pub matching: f64,
    /// Persons that W has room for; 0: as many as the data have classes. A state is tuned with those that it was trained on.
    pub persons: usize,
    /// Whether a trained state is tuned to persons that it has not seen.
    pub few_shot: bool,
    /// The optimiser of embedder and generator.
    pub generator: OptimiserConfig,
    /// The optimiser of the discriminator.
    pub discriminator: OptimiserConfig,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            batch: 16,
            width: 64,
            embedding: 512,
            blocks: 5,
            content: 80.0,
            features: 10.0,
            adversarial: 1.0,
            matching: 10.0,
            persons: 0,
            few_shot: false,
            generator: OptimiserConfig::adam(5e-5, [0.0, 0.999]),
            discriminator: OptimiserConfig::adam(2e-4, [0.0, 0.999]),
        }
    }
}

/// Talking heads.
pub struct TalkingHead {
    config: Config,
    /// Height, width and channels.
    extents: [usize; 3],
    embedder: Sequential,
    generator: Generator,
    discriminator: Discriminator,
}

/// Draws landmarks as a person: AdaIN brings who it is into every layer but the first.
struct Generator {
    down: Sequential,
    blocks: Vec<[Styled; 2]>,
    up: [Styled; 2],
    last: Conv,
}

/// A convolution of what AdaIN and ReLU make of its input.
struct Styled {
    norm: AdaIn,
    conv: Conv,
}

impl Styled {
    fn declare(scope: &Scope, embedding: usize, c_in: usize, c_out: usize) -> Styled {
        Styled {
            norm: AdaIn::declare(&scope.at("norm"), embedding, c_in),
            conv: conv(c_in, c_out, [3, 3]).padding(1).declare(&scope.at("conv")),
        }
    }

    fn forward(&self, x: &Tensor, e: &Tensor) -> Tensor {
        self.conv.forward(&self.norm.forward(x, e).relu())
    }
}

impl Generator {
    fn declare(scope: &Scope, config: &Config, channels: usize) -> Generator {
        let (width, e) = (config.width, config.embedding);
        let mut down = Sequential::new(&scope.at("down"))
            .push(|x: &Tensor| padded(x, 4))
            .push(conv(channels, width, [5, 5]).padding(2))
            .push(instance_norm(width))
            .push(Activation::Relu);
        for c in [width, 2 * width] {
            down = down
                .push(conv(c, 2 * c, [3, 3]).stride(2).padding(1))
                .push(instance_norm(2 * c))
                .push(Activation::Relu);
        }
        let styled = |name: String, c_in, c_out| Styled::declare(&scope.at(name), e, c_in, c_out);
        Generator {
            down,
            blocks: (0..config.blocks)
                .map(|block| [0, 1].map(|half| styled(format!("block{block}.{half}"), 4 * width, 4 * width)))
                .collect(),
            up: [
                styled("up0".into(), 4 * width, 2 * width),
                styled("up1".into(), 2 * width, width),
            ],
            last: conv(width, channels, [5, 5]).padding(2).declare(&scope.at("last")),
        }
    }

    fn forward(&self, drawing: &Tensor, e: &Tensor) -> Tensor {
        let mut h = self.down.forward(drawing);
        for [first, second] in &self.blocks {
            h = &h + second.forward(&first.forward(&h, e), e);
        }
        for up in &self.up {
            h = up.forward(&h.upsample_nearest(2), e);
        }
        let drawn = self.last.forward(&h.relu()).tanh();
        cropped(&drawn, [drawing.extent(1), drawing.extent(2)])
    }
}

/// Judges whether a picture with its landmarks is one of a person (Miyato and Koyama 2018, arXiv:1802.05637).
struct Discriminator {
    layers: Sequential,
    last: Dense,
    persons: Embedding,
    anybody: Parameter,
    bias: Parameter,
}

impl Discriminator {
    fn declare(scope: &Scope, config: &Config, channels: usize, persons: usize) -> Discriminator {
        let width = config.width;
        let mut layers = Sequential::new(&scope.at("layers")).push(|x: &Tensor| padded(x, 8));
        for (c_in, c_out) in [(2 * channels, width), (width, 2 * width), (2 * width, 4 * width)] {
            layers = layers
                .push(spectral(conv(c_in, c_out, [4, 4]).stride(2).padding(1)))
                .push(Activation::LeakyRelu(0.2));
        }
        let small = Init::Normal { mean: 0.0, std: 0.1 };
        Discriminator {
            layers,
            last: dense(4 * width, config.embedding).declare(&scope.at("last")),
            persons: embedding(persons, config.embedding)
                .init(small)
                .declare(&scope.at("persons")),
            anybody: scope.parameter("anybody", &[config.embedding], small),
            bias: scope.parameter("bias", &[1], Init::Zeros),
        }
    }

    /// Logits `[n]` and what each layer says, of pictures and drawings for persons `[n, embedding]`.
    fn forward(&self, x: &Tensor, drawing: &Tensor, person: &Tensor) -> (Tensor, Vec<Tensor>) {
        let said = self.layers.activations(&concat(&[x.clone(), drawing.clone()], 3));
        let pooled = said.last().expect("layers").mean_axes(&[1, 2]);
        let judged = self.last.forward(&pooled) * (person + self.anybody.get());
        (judged.sum_axes(&[1]) + self.bias.get(), said)
    }
}

impl TalkingHead {
    /// The drawing `[n, h, w, c]` and the pictures `[n * k, h, w, c]` of what stands side by side.
    fn parts(&self, strip: &Tensor) -> (Tensor, Tensor) {
        let [height, width, channels] = self.extents;
        let (n, tiles) = (strip.extent(0), strip.extent(2) / width);
        let others = strip.slice(2, width, tiles * width);
        let others = others
            .reshape(&[n, height, tiles - 1, width, channels])
            .permute(&[0, 2, 1, 3, 4]);
        (
            strip.slice(2, 0, width),
            others.reshape(&[n * (tiles - 1), height, width, channels]),
        )
    }

    /// Who it is, `[n, embedding]`: the mean over the pictures of each.
    fn embedded(&self, others: &Tensor, n: usize) -> Tensor {
        let each = self.embedder.forward(others);
        each.reshape(&[n, others.extent(0) / n, self.config.embedding])
            .mean_axes(&[1])
    }

    /// The drawing, who it is and what is drawn of both.
    fn drawn(&self, s: &Step) -> (Tensor, Tensor, Tensor) {
        let (drawing, others) = self.parts(s.x_b());
        let e = s.once("embedded", || self.embedded(&others, s.batch()));
        let e = if self.config.few_shot { e.detach() } else { e };
        let x_fake = s.once("x_fake", || self.generator.forward(&drawing, &e));
        (drawing, e, x_fake)
    }

    /// Whom the discriminator takes the pictures to show.
    fn person(&self, s: &Step, e: &Tensor) -> Tensor {
        match self.config.few_shot {
            true => e.detach(),
            false => self.discriminator.persons.forward(s.y()),
        }
    }

    fn generator_loss(&self, s: &Step) -> Tensor {
        let (drawing, e, x_fake) = self.drawn(s);
        let content = (s.x() - &x_fake).abs().mean();
        s.report("error", &content);
        let mut loss = content * self.config.content;
        if self.config.adversarial == 0.0 {
            return loss;
        }
        let person = self.person(s, &e);
        let (_, real) = self.discriminator.forward(s.x(), &drawing, &person);
        let (logits, fake) = self.discriminator.forward(&x_fake, &drawing, &person);
        let apart = real
            .iter()
            .zip(&fake)
            .map(|(real, fake)| (real.detach() - fake).abs().mean());
        let apart = apart.reduce(|a, b| a + b).expect("layers");
        loss = loss + apart * self.config.features + hinge::generator(&logits) * self.config.adversarial;
        if self.config.few_shot {
            return loss;
        }
        let away = (&e - person.detach()).abs().mean();
        s.report("matching", &away);
        loss + away * self.config.matching
    }

    fn discriminator_loss(&self, s: &Step) -> Tensor {
        let (drawing, e, x_fake) = self.drawn(s);
        let person = self.person(s, &e);
        let (real, _) = self.discriminator.forward(s.x(), &drawing, &person);
        let (fake, _) = self.discriminator.forward(&x_fake.detach(), &drawing, &person);
        s.report_discriminator(&real, &fake);
        hinge::discriminator(&real, &fake)
    }
}

impl System for TalkingHead {
    fn game(&self) -> Game {
        let generator = Game::step(Player::new("generator", self.config.generator), 1);
        if self.config.adversarial == 0.0 {
            return generator;
        }
        generator.then(Player::new("discriminator", self.config.discriminator), 1)
    }

    fn loss(&self, player: &str, s: &Step) -> Tensor {
        match player {
            "generator" => self.generator_loss(s),
            _ => self.discriminator_loss(s),
        }
    }

    fn z_dim(&self) -> usize {
        0
    }

    fn functions(&self) -> Vec<Function> {
        vec![Function::new("talk", Space::Data(Field::XB), Space::Data(Field::X))]
    }

    fn apply(&self, _: &str, strip: &Tensor) -> Tensor {
        let (drawing, others) = self.parts(strip);
        self.generator
            .forward(&drawing, &self.embedded(&others, strip.extent(0)))
    }
}

impl Describe for TalkingHead {
    type Config = Config;

    const CARD: Card = Card {
        id: "talking_head",
        section: Section::Faces,
        title: "Talking heads",
        paper: "Zakharov et al. 2019, Few-Shot Adversarial Learning of Realistic Neural Talking Head Models, arXiv:1905.08233",
        idea: "Draws a person from a few pictures with the landmarks of anybody: who it is goes into every layer of the generator.",
        equations: &[
            "e = mean over k of E(x_k),   x^ = G(l, e),   D(x, l, i) = V(x, l) . (W_i + w_0) + b",
            "L_D = E[max(0, 1 - D(x, l, i))] + E[max(0, 1 + D(x^, l, i))]",
            "L_G = 80 E|x - x^| + 10 sum over layers of E|V_j(x, l) - V_j(x^, l)| - E[D(x^, l, i)] + 10 E|e - W_i|",
        ],
        needs: &[Field::Y, Field::XB],
        takes: Takes::Pictures,
        data: "heads:3:faces/ --size 32",
        over: Some("faceswap"),
    };

    fn check(_: &Config, given: &Given) -> Result<(), String> {
        let [[height, width, channels], [height_b, width_b, channels_b]] = pair(given);
        let is_strip = [height, channels] == [height_b, channels_b] && width_b % width == 0 && width_b >= 2 * width;
        if is_strip {
            return Ok(());
        }
        Err(format!(
            "expected pictures of {width}x{height} with two or more such beside each, got {width_b}x{height_b}; `heads:K:SPEC` has \
             drawings of landmarks and K pictures of the same person"
        ))
    }

    fn build(config: Config, given: &Given, scope: &Scope) -> Self {
        let [extents, _] = pair(given);
        let (width, channels) = (config.width, extents[2]);
        let persons = match config.persons {
            0 => given.classes.unwrap_or(1),
            persons => persons,
        };
        let inside = scope.at("generator");
        let mut embedder = Sequential::new(&inside.at("embedder"));
        for (c_in, c_out) in [(channels, width), (width, 2 * width), (2 * width, 4 * width)] {
            embedder = embedder
                .push(conv(c_in, c_out, [3, 3]).stride(2).padding(1))
                .push(Activation::Relu);
        }
        let embedder = embedder
            .push(|x: &Tensor| x.mean_axes(&[1, 2]))
            .push(dense(4 * width, config.embedding));
        TalkingHead {
            extents,
            embedder,
            generator: Generator::declare(&inside.at("network"), &config, channels),
            discriminator: Discriminator::declare(&scope.at("discriminator"), &config, channels, persons),
            config,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Extra, Shape};
    use crate::nn::evaluating;
    use gany_engine::DType;

    fn built() -> (TalkingHead, Scope) {
        let sample = Shape::Picture {
            height: 9,
            width: 10,
            channels: 1,
        };
        let given = Given {
            extras: vec![Extra {
                field: Field::XB,
                shape: vec![9, 30, 1],
            }],
            ..Given::of(sample, Some(3))
        };
        assert_eq!(TalkingHead::check(&Config::default(), &given), Ok(()));
        let config = Config {
            width: 2,
            embedding: 4,
            blocks: 1,
            ..Config::default()
        };
        let scope = Scope::new(DType::F64, 0);
        (TalkingHead::build(config, &given, &scope), scope)
    }

    fn strip(of: impl Fn(usize, usize) -> f64) -> Tensor {
        let values: Vec<f64> = (0..9 * 30).map(|i| of(i / 30, i % 30)).collect();
        Tensor::from_f64(&[1, 9, 30, 1], &values)
    }

    /// The drawing is what stands left; the pictures come after one another whole; their order means nothing, and who it is does.
    #[test]
    fn what_is_drawn_follows_from_the_drawing_and_all_pictures() {
        let (system, _) = built();
        let (drawing, others) = system.parts(&strip(|y, x| (100 * y + x) as f64));
        assert_eq!(
            (drawing.shape(), others.shape()),
            (&[1, 9, 10, 1][..], &[2, 9, 10, 1][..])
        );
        assert_eq!(
            (drawing.to_f64()[12], others.to_f64()[12], others.to_f64()[90 + 12]),
            (102.0, 112.0, 122.0)
        );
        let value = |y: usize, x: usize| (y * 37 + x * 11) as f64 % 7.0 / 7.0;
        let drawn = |order: [usize; 3]| {
            let strip = strip(|y, x| value(y, order[x / 10] * 10 + x % 10));
            system.apply("talk", &strip).to_f64()
        };
        let near = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-9);
        let first = drawn([0, 1, 2]);
        assert_eq!(first.len(), 90);
        assert!(near(&first, &drawn([0, 2, 1])));
        assert!(!near(&first, &drawn([0, 1, 1])) && !near(&first, &drawn([1, 1, 2])));
    }

    /// V . (W + w_0) + b, where V is what the last layer says; spectral normalisation is not to move on between calls.
    #[test]
    fn the_discriminator_projects_onto_the_person() {
        let (system, scope) = built();
        let x = Tensor::from_f64(&[1, 9, 10, 1], &[0.3; 90]);
        let judge = |person: [f64; 4]| {
            let person = Tensor::from_f64(&[1, 4], &person);
            evaluating(|| system.discriminator.forward(&x, &x, &person).0.to_f64()[0])
        };
        scope
            .at("discriminator")
            .parameters()
            .iter()
            .find(|p| p.name().ends_with("bias") && p.shape() == [1])
            .unwrap()
            .set(Tensor::from_f64(&[1], &[5.0]));
        let anybody: Vec<f64> = system.discriminator.anybody.get().to_f64();
        assert!((judge([0, 1, 2, 3].map(|i| -anybody[i])) - 5.0).abs() < 1e-9);
        let (one, two) = (judge([1.0, 0.0, 0.0, 0.0]), judge([2.0, 0.0, 0.0, 0.0]));
        assert!((judge([3.0, 0.0, 0.0, 0.0]) - (2.0 * two - one)).abs() < 1e-9 && one != two);
    }
}
