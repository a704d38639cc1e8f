//! Face swap: one encoder sees what faces of two persons have in common, and a decoder for each draws that person with it; so a
//! face of the one, drawn by the other's decoder, is the other with the pose and expression of the one.
//!
//! Perov et al. 2020, "DeepFaceLab: Integrated, flexible and extensible face-swapping framework", arXiv:2005.05535, section 3.2, the
//! structure "DF".
//!
//! ```text
//! x^_k = G_k(E(warp(x_k))),  k = a, b
//! L_D  = sum over k of E[softplus(-D_k(x_k))] + E[softplus(D_k(x^_k))]
//! L_G  = sum over k of E|x_k - x^_k| + adversarial E[softplus(-D_k(x^_k))] + identity E|id(x_k) - id(x^_k)|^2
//! ```
//!
//! What is drawn is the true face, what is seen is pulled out of shape, so that the encoder cannot copy. id is face-api's network of
//! identities (`gany data get face-api`). Simplifications: absolute differences stand for the paper's mix with structural
//! dissimilarity; no mask is learnt, since faces are cut out by their landmarks; Adam for RMSprop.
use crate::augment::warp;
use crate::data::Field;
use crate::deepfake::faces::Likeness;
use crate::games::{Function, Game, Player, Space, Step, System};
use crate::models::translation::networks;
use crate::models::{Card, Describe, Given, Section, Takes};
use crate::nn::{Activation, Layer, Scope, Sequential, conv, dense, pixel_shuffle};
use crate::objectives::non_saturating;
use crate::optimisers::OptimiserConfig;
use gany_engine::Tensor;
use serde::{Deserialize, Serialize};

/// Settings of [`Faceswap`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Faces of either person in a batch.
    pub batch: usize,
    /// Channels of the layers next to the picture.
    pub width: usize,
    /// Numbers that the encoder says of a face.
    pub code: usize,
    /// Deviation of how far a face is pulled out of shape, in parts of its shorter side; 0: not at all.
    pub warp: f64,
    /// The weight of what the discriminators say; 0: there are none.
    pub adversarial: f64,
    /// How often the discriminators halve the picture.
    pub patch_levels: usize,
    /// The weight of identities; 0 needs no weights.
    pub identity: f64,
    /// The optimiser of encoder and decoders.
    pub generator: OptimiserConfig,
    /// The optimiser of both discriminators.
    pub discriminator: OptimiserConfig,
}

impl Default for Config {
    fn default() -> Self {
        let adam = OptimiserConfig::adam(5e-5, [0.5, 0.999]);
        Config {
            batch: 8,
            width: 64,
            code: 256,
            warp: 0.03,
            adversarial: 0.0,
            patch_levels: 2,
            identity: 0.0,
            generator: adam,
            discriminator: adam,
        }
    }
}

/// Most often that the encoder halves a picture.
const MOST_LEVELS: usize = 4;

/// Face swap.
pub struct Faceswap {
    config: Config,
    encoder: Sequential,
    decoders: [Sequential; 2],
    discriminators: [Sequential; 2],
    likeness: Option<Likeness>,
}

impl Faceswap {
    fn drawn(&self, s: &Step) -> [Tensor; 2] {
        [("drawn_a", s.x(), 0), ("drawn_b", s.x_b(), 1)].map(|(name, x, kind)| {
            s.once(name, || {
                let seen = match self.config.warp {
                    0.0 => x.clone(),
                    deviation => warp(x, deviation, &|shape| s.normal(shape)),
                };
                self.draw(&seen, kind)
            })
        })
    }

    fn draw(&self, x: &Tensor, kind: usize) -> Tensor {
        self.decoders[kind].forward(&self.encoder.forward(x))
    }

    fn generator_loss(&self, s: &Step) -> Tensor {
        let terms = [s.x(), s.x_b()].into_iter().zip(self.drawn(s)).enumerate();
        let loss = terms.map(|(kind, (x, drawn))| {
            let mut loss = (x - &drawn).abs().mean();
            s.report(["error_a", "error_b"][kind], &loss);
            if self.config.adversarial != 0.0 {
                let logits = self.discriminators[kind].forward(&drawn);
                loss = loss + non_saturating::generator(&logits) * self.config.adversarial;
            }
            if let Some(likeness) = &self.likeness {
                loss = loss + likeness.between(x, &drawn).mean() * self.config.identity;
            }
            loss
        });
        loss.reduce(|a, b| a + b).expect("two persons")
    }

    fn discriminator_loss(&self, s: &Step) -> Tensor {
        let terms = [s.x(), s.x_b()]
            .into_iter()
            .zip(self.drawn(s))
            .zip(&self.discriminators);
        let loss = terms.map(|((x, drawn), judge)| {
            non_saturating::discriminator(&judge.forward(x), &judge.forward(&drawn.detach()))
        });
        loss.reduce(|a, b| a + b).expect("two persons")
    }
}

impl System for Faceswap {
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
        let (a, b) = (Space::Data(Field::X), Space::Data(Field::XB));
        let function = |name, takes: &Space, gives: &Space| Function::new(name, takes.clone(), gives.clone());
        vec![
            function("swap", &a, &b),
            function("swap_back", &b, &a),
            function("same", &a, &a),
        ]
    }

    fn apply(&self, name: &str, x: &Tensor) -> Tensor {
        self.draw(x, usize::from(name == "swap"))
    }
}

impl Describe for Faceswap {
    type Config = Config;

    const CARD: Card = Card {
        id: "faceswap",
        section: Section::Faces,
        title: "Face swap",
        paper: "Perov et al. 2020, DeepFaceLab: Integrated, flexible and extensible face-swapping framework, arXiv:2005.05535",
        idea: "Gives a face the identity of another and leaves it its pose and expression: one encoder, a decoder for each person.",
        equations: &[
            "x^_k = G_k(E(warp(x_k))),  k = a, b",
            "L_G = sum over k of E|x_k - x^_k| + adversarial E[softplus(-D_k(x^_k))] + identity E|id(x_k) - id(x^_k)|^2",
        ],
        needs: &[Field::XB],
        takes: Takes::Pictures,
        data: "unpaired:class:s1:orl-faces,class:s2:orl-faces --size 64",
        over: Some("autoencoder"),
    };

    fn check(config: &Config, given: &Given) -> Result<(), String> {
        let [[.., channels], [.., channels_b]] = networks::pair(given);
        if channels != channels_b {
            return Err(format!(
                "expected faces of as many channels, got {channels} and {channels_b}"
            ));
        }
        networks::same_sides(given)?;
        if config.identity == 0.0 {
            return Ok(());
        }
        if ![1, 3].contains(&channels) {
            return Err(format!(
                "expected grey or coloured faces for `identity`, got {channels} channels"
            ));
        }
        Likeness::open().map(drop).map_err(|error| match error.hint() {
            Some(hint) => format!("{error}; {hint}"),
            None => error.to_string(),
        })
    }

    fn build(config: Config, given: &Given, scope: &Scope) -> Self {
        let [extents, _] = networks::pair(given);
        let [height, columns, channels] = extents;
        let levels = ((height.min(columns) / 4).ilog2() as usize).min(MOST_LEVELS);
        let [rows, across] = [height, columns].map(|side| side.div_ceil(1 << levels));
        let (width, code, rectified) = (config.width, config.code, Activation::LeakyRelu(0.1));
        let deepest = width << (levels - 1);
        let generator = scope.at("generator");

        let mut encoder =
            Sequential::new(&generator.at("encoder")).push(move |x: &Tensor| networks::padded(x, 1 << levels));
        let mut c = channels;
        for level in 0..levels {
            encoder = encoder
                .push(conv(c, width << level, [5, 5]).stride(2).padding(2))
                .push(rectified);
            c = width << level;
        }
        let encoder = encoder
            .push(move |x: &Tensor| x.reshape(&[x.extent(0), rows * across * deepest]))
            .push(dense(rows * across * deepest, code))
            .push(dense(code, rows * across * deepest))
            .push(move |x: &Tensor| x.reshape(&[x.extent(0), rows, across, deepest]));

        let decoder = |name: &str| {
            let mut layers = Sequential::new(&generator.at(name));
            let mut c = deepest;
            for level in (0..levels).rev() {
                let next = width << level.saturating_sub(1);
                layers = layers
                    .push(conv(c, 4 * next, [3, 3]).padding(1))
                    .push(rectified)
                    .push(|x: &Tensor| pixel_shuffle(x, 2));
                c = next;
            }
            layers
                .push(conv(c, channels, [5, 5]).padding(2))
                .push(move |x: &Tensor| networks::cropped(x, [height, columns]))
                .push(Activation::Tanh)
        };
        let judge = |name: &str| {
            let scope = scope.at("discriminator").at(name);
            networks::patch_discriminator(&scope, extents, width, config.patch_levels)
        };
        Faceswap {
            encoder,
            decoders: ["decoder_a", "decoder_b"].map(decoder),
            discriminators: match config.adversarial {
                0.0 => [0, 1].map(|_| Sequential::new(&Scope::new(scope.dtype(), 0))),
                _ => ["a", "b"].map(judge),
            },
            likeness: (config.identity != 0.0).then(|| Likeness::open().expect("checked: its weights are there")),
            config,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Extra, Shape};
    use gany_engine::{DType, grad};

    fn given(height: usize, width: usize) -> Given {
        let sample = Shape::Picture {
            height,
            width,
            channels: 1,
        };
        Given {
            extras: vec![Extra {
                field: Field::XB,
                shape: vec![height, width, 1],
            }],
            ..Given::of(sample, None)
        }
    }

    /// What is drawn of the one person moves the encoder and that person's decoder, and nothing of the other's.
    #[test]
    fn a_decoder_learns_of_its_own_person_alone() {
        let config = Config {
            width: 2,
            code: 3,
            ..Config::default()
        };
        let scope = Scope::new(DType::F64, 0);
        let system = Faceswap::build(config, &given(11, 9), &scope);
        let x = Tensor::from_f64(&[1, 11, 9, 1], &[0.3; 99]);
        for (name, own, others) in [("swap", "decoder_b", "decoder_a"), ("same", "decoder_a", "decoder_b")] {
            let drawn = system.apply(name, &x);
            assert_eq!(drawn.shape(), [1, 11, 9, 1]);
            for part in ["encoder", own, others] {
                let parameters = scope.at("generator").at(part).parameters();
                let moves = |parameter: &crate::nn::Parameter| {
                    let gradient = grad(&drawn.square().sum(), &[&parameter.get()])[0].to_f64();
                    gradient.iter().any(|number| *number != 0.0)
                };
                assert_eq!(parameters.iter().any(moves), part != others, "{part} by {name}");
            }
        }
    }
}
