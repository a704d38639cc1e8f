//! Coupled GAN: pairs of pictures, learned from two sets that hold none, since two GANs share what they know of meaning.
//!
//! Liu and Tuzel 2016, "Coupled Generative Adversarial Networks", arXiv:1606.07536.
//!
//! ```text
//! L_D = E_a[softplus(-D_a(a))] + E_z[softplus(D_a(G_a(z)))] + E_b[softplus(-D_b(b))] + E_z[softplus(D_b(G_b(z)))]
//! L_G = E_z[softplus(-D_a(G_a(z)))] + E_z[softplus(-D_b(G_b(z)))]                     equation 3, G_a, G_b and D_a, D_b sharing weights
//! ```
//!
//! One z makes both pictures of a pair. The generators share all layers but the last, the discriminators all but the first
//! (section 3): what is shared is `dcgan`'s network over `width` channels of the picture's size, what each has to itself a
//! 5 x 5 convolution between those channels and its picture. The discriminators are without batch normalisation, as the
//! paper's; its shared layers are of other widths, with PReLU. What each network has to itself begins alike where both kinds of
//! picture are of one shape: nothing in the losses says where in its frame a picture lies, so of networks that begin apart the pairs
//! end up a pixel apart.
use super::networks;
use crate::data::{Field, Shape};
use crate::games::{Function, Game, Player, Space, Step, System};
use crate::models::architecture::dcgan;
use crate::models::{Card, Describe, Given, Section, Takes};
use crate::nn::{Activation, Init, Layer, Scope, Sequential, conv};
use crate::objectives::non_saturating;
use crate::optimisers::OptimiserConfig;
use gany_engine::Tensor;
use serde::{Deserialize, Serialize};

/// Settings of [`Cogan`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Pictures of either set in a batch.
    pub batch: usize,
    /// Numbers in a latent vector.
    pub z_dim: usize,
    /// Channels of the layers next to the picture.
    pub width: usize,
    /// The optimiser of both generators.
    pub generator: OptimiserConfig,
    /// The optimiser of both discriminators.
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

/// The two coupled GANs.
pub struct Cogan {
    config: Config,
    generator: Coupled,
    discriminator: Coupled,
}

/// What two networks share, and what each of them has to itself.
struct Coupled {
    shared: Sequential,
    own: [Sequential; 2],
}

impl Cogan {
    fn generate(&self, z: &Tensor, kind: usize) -> Tensor {
        self.generator.own[kind].forward(&self.generator.shared.forward(z))
    }

    fn logits(&self, x: &Tensor, kind: usize) -> Tensor {
        self.discriminator
            .shared
            .forward(&self.discriminator.own[kind].forward(x))
    }

    /// Pictures of either kind, of the same latent vectors.
    fn fakes(&self, s: &Step) -> [Tensor; 2] {
        let meaning = s.once("meaning", || {
            self.generator
                .shared
                .forward(&s.normal(&[s.batch(), self.config.z_dim]))
        });
        [0, 1].map(|kind| self.generator.own[kind].forward(&meaning))
    }

    fn discriminator_loss(&self, s: &Step) -> Tensor {
        let fakes = self.fakes(s);
        let loss = |kind: usize, real: &Tensor| {
            let (real, fake) = (self.logits(real, kind), self.logits(&fakes[kind].detach(), kind));
            if kind == 0 {
                s.report_discriminator(&real, &fake);
            }
            non_saturating::discriminator(&real, &fake)
        };
        loss(0, s.x()) + loss(1, s.x_b())
    }

    fn generator_loss(&self, s: &Step) -> Tensor {
        let [a, b] = self.fakes(s);
        non_saturating::generator(&self.logits(&a, 0)) + non_saturating::generator(&self.logits(&b, 1))
    }
}

impl System for Cogan {
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

    fn judge(&self, x: &Tensor, _: Option<&Tensor>) -> Option<Tensor> {
        Some(self.logits(x, 0))
    }

    fn z_dim(&self) -> usize {
        self.config.z_dim
    }

    fn sample(&self, z: &Tensor, _: Option<&Tensor>) -> Tensor {
        self.generate(z, 0)
    }

    fn functions(&self) -> Vec<Function> {
        vec![Function::new("partner", Space::Latent, Space::Data(Field::XB))]
    }

    /// The second picture of the pair of which [`sample`](System::sample) is the first.
    fn apply(&self, _: &str, z: &Tensor) -> Tensor {
        self.generate(z, 1)
    }
}

impl Describe for Cogan {
    type Config = Config;

    const CARD: Card = Card {
        id: "cogan",
        section: Section::Translation,
        title: "Coupled GAN",
        paper: "Liu and Tuzel 2016, Coupled Generative Adversarial Networks, arXiv:1606.07536",
        idea: "Makes pairs of pictures, learned from two sets without pairs, by two GANs that share weights.",
        equations: &[
            "L_D = E_a[softplus(-D_a(a))] + E_z[softplus(D_a(G_a(z)))] + the same of b",
            "L_G = E_z[softplus(-D_a(G_a(z)))] + E_z[softplus(-D_b(G_b(z)))]",
        ],
        needs: &[Field::XB],
        takes: Takes::Pictures,
        data: "unpaired:emoji-google,emoji-twitter",
        over: Some("dcgan"),
    };

    fn check(_: &Config, given: &Given) -> Result<(), String> {
        networks::same_sides(given)
    }

    fn build(config: Config, given: &Given, scope: &Scope) -> Self {
        let (width, extents) = (config.width, networks::pair(given));
        let [height, columns, _] = extents[0];
        let meaning = Shape::Picture {
            height,
            width: columns,
            channels: width,
        };
        let (generator, discriminator) = (scope.at("generator"), scope.at("discriminator"));
        let window = |from, to| conv(from, to, [5, 5]).padding(2).init(Init::DCGAN);
        let last = |kind: usize| {
            Sequential::new(&generator.at("own").at(kind))
                .push(window(width, extents[kind][2]))
                .push(Activation::Tanh)
        };
        let first = |kind: usize| {
            Sequential::new(&discriminator.at("own").at(kind))
                .push(window(extents[kind][2], width))
                .push(Activation::LeakyRelu(0.2))
        };
        let system = Cogan {
            generator: Coupled {
                shared: dcgan::generator(&generator.at("shared"), &meaning, config.z_dim, width),
                own: [0, 1].map(last),
            },
            discriminator: Coupled {
                shared: dcgan::discriminator(&discriminator.at("shared"), &meaning, width, false),
                own: [0, 1].map(first),
            },
            config,
        };
        if extents[0] == extents[1] {
            for own in [generator.at("own"), discriminator.at("own")] {
                own.at(1).follow(&own.at(0));
            }
        }
        system
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::translation::networks::tests::of_pairs;
    use gany_engine::{DType, grad};

    /// What either GAN learns changes what is shared, and nothing of what the other has to itself.
    #[test]
    fn only_what_is_shared_learns_of_both() {
        let given = of_pairs([8, 8, 1], [8, 8, 3], None);
        let config = Config {
            width: 2,
            z_dim: 3,
            ..Config::default()
        };
        let scope = Scope::new(DType::F64, 0);
        let system = Cogan::build(config, &given, &scope);
        let z = Tensor::from_f64(&[2, 3], &[0.1, -0.4, 0.9, 1.0, 0.2, -0.7]);
        let pair = [0, 1].map(|kind| system.generate(&z, kind));
        assert_eq!(
            pair.each_ref().map(|x| x.shape().to_vec()),
            [vec![2, 8, 8, 1], vec![2, 8, 8, 3]]
        );
        for (kind, x) in pair.iter().enumerate() {
            for parameter in scope.at("generator").parameters().iter().filter(|p| p.is_trainable()) {
                let gradient = grad(&x.square().sum(), &[&parameter.get()])[0].to_f64();
                let is_others = parameter.name().starts_with(&format!("generator.own.{}", 1 - kind));
                let is_moved = gradient.iter().any(|number| *number != 0.0);
                assert_eq!(is_moved, !is_others, "{} by picture {kind}", parameter.name());
            }
        }
    }

    #[test]
    fn pairs_of_one_shape_begin_equal() {
        let config = || Config {
            width: 2,
            z_dim: 3,
            ..Config::default()
        };
        let z = Tensor::from_f64(&[1, 3], &[0.1, -0.4, 0.9]);
        for (channels, begin_equal) in [(1, true), (3, false)] {
            let given = of_pairs([8, 8, 1], [8, 8, channels], None);
            let system = Cogan::build(config(), &given, &Scope::new(DType::F64, 0));
            let [a, b] = [0, 1].map(|kind| system.generate(&z, kind).to_f64());
            assert_eq!(a == b, begin_equal, "{channels} channels");
        }
    }
}
