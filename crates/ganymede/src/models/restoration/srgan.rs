//! SRGAN: four times as many pixels a side, with texture that is likely instead of an average of all that is possible.
//!
//! Ledig et al. 2017, "Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial Network", arXiv:1609.04802.
//!
//! ```text
//! first    L_G = E|x - G(small x)|^2                                              equation 4: SRResNet
//! then     L_D = E[softplus(-D(x))] + E[softplus(D(G(small x)))]
//!          L_G = content + 10^-3 E[softplus(-D(G(small x)))]                      equations 3 and 6
//! content = E|x - G(small x)|^2 ("pixels") or E|phi(x) - phi(G(small x))|^2 ("features")    equations 4 and 5
//! ```
//!
//! phi is EfficientNet-Lite0's second stage, whose weights have to be fetched, where the paper has a layer of VGG-19.
//! With "pixels", which needs nothing, it is the paper's SRGAN-MSE. Small pictures are means of 4 x 4 pixels, not bicubic.
//! Residual blocks normalise before their convolutions, PReLU keeps the slope 0.25 that it begins with, and D is `dcgan`'s. The
//! paper's learning rate is a tenth over the second half of the second phase; here it may fall to 0 (`falling`).
use crate::data::Field;
use crate::games::{Function, Game, Player, Space, Step, System};
use crate::metrics::features::{FeaturesError, efficientnet_lite0, fetched};
use crate::models::architecture::dcgan;
use crate::models::translation::networks;
use crate::models::{Card, Describe, Given, Section, Takes};
use crate::named::named_enum;
use crate::nn::{Activation, Layer, Norm, Scope, Sequential, Stage, batch_norm, conv, pixel_shuffle, residual};
use crate::objectives::non_saturating;
use crate::optimisers::OptimiserConfig;
use crate::weights::Weights;
use gany_engine::{Tensor, concat};
use serde::{Deserialize, Serialize};

named_enum! {
    /// What a sharpened picture is compared with the original by.
    #[derive(Default)]
    "content" Content {
        /// Squares of differences of pixels.
        #[default]
        Pixels = "pixels",
        /// Squares of differences of EfficientNet-Lite0's features: `gany data get effnet-lite0`.
        Features = "features",
    }
}

/// Settings of [`Srgan`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Pictures in a batch.
    pub batch: usize,
    /// Channels of all layers of the generator, and of the discriminator's first.
    pub width: usize,
    /// Residual blocks of the generator.
    pub blocks: usize,
    /// Steps of the first phase, by squared error alone.
    pub mse_steps: u64,
    /// What the generator's pictures are compared with the originals by in the second phase.
    pub content: Content,
    /// The weight of what the discriminator says.
    pub adversarial: f64,
    /// Decay of the moving average of the generator's weights that pictures are made by; 0: by the weights themselves.
    #[serde(default)]
    pub average_decay: f64,
    /// Between which steps the learning rates go straight to 0, such as [100000, 150000]; two zeros: they stay.
    #[serde(default)]
    pub falling: [u64; 2],
    /// The generator's optimiser, in either phase.
    pub generator: OptimiserConfig,
    /// The discriminator's optimiser.
    pub discriminator: OptimiserConfig,
}

impl Default for Config {
    fn default() -> Self {
        let adam = OptimiserConfig::adam(1e-4, [0.9, 0.999]);
        Config {
            batch: 16,
            width: 64,
            blocks: 16,
            mse_steps: 1_000_000,
            content: Content::Pixels,
            adversarial: 1e-3,
            average_decay: 0.0,
            falling: [0, 0],
            generator: adam,
            discriminator: adam,
        }
    }
}

/// How many pixels of a side become one.
pub const FACTOR: usize = 4;

/// SRGAN, and SRResNet on the way there.
pub struct Srgan {
    config: Config,
    extents: networks::Extents,
    generator: Generator,
    discriminator: Sequential,
    /// phi, where not pixels are compared.
    features: Option<Features>,
    stage: Stage,
}

/// From pictures `[n, h, w, c]` in [-1, 1] to what they are compared by.
type Features = Box<dyn Fn(&Tensor) -> Tensor + Send>;

/// SRResNet: `[n, height / 4, width / 4, channels]` to `[n, height, width, channels]`.
struct Generator {
    first: Sequential,
    blocks: Sequential,
    last: Sequential,
}

impl Layer for Generator {
    fn forward(&self, small: &Tensor) -> Tensor {
        let wide = self.first.forward(small);
        self.last.forward(&(self.blocks.forward(&wide) + wide))
    }
}

/// Pictures of a quarter of the height and width, each pixel the mean of sixteen.
fn small(x: &Tensor) -> Tensor {
    x.average_pool(FACTOR)
}

impl Srgan {
    fn discriminator_loss(&self, s: &Step, x_fake: &Tensor) -> Tensor {
        let logits_real = self.discriminator.forward(s.x());
        let logits_fake = self.discriminator.forward(&x_fake.detach());
        s.report_discriminator(&logits_real, &logits_fake);
        non_saturating::discriminator(&logits_real, &logits_fake)
    }

    fn generator_loss(&self, s: &Step, x_fake: &Tensor) -> Tensor {
        let mse = (s.x() - x_fake).square().mean();
        s.report("mse", &mse);
        if self.stage.phase() == 0 {
            return mse;
        }
        let content = match &self.features {
            Some(features) => (features(s.x()) - features(x_fake)).square().mean(),
            None => mse,
        };
        content + non_saturating::generator(&self.discriminator.forward(x_fake)) * self.config.adversarial
    }
}

/// phi of equation 5, with the weights that were fetched.
fn features(channels: usize) -> Result<Features, FeaturesError> {
    let textures = efficientnet_lite0::textures(&Weights::read(&fetched("effnet-lite0")?)?)?;
    Ok(Box::new(move |x| {
        let coloured = concat(&vec![x.clone(); 3 / channels], 3);
        textures(&((coloured + 1.0) * 127.5))
    }))
}

impl System for Srgan {
    fn game(&self) -> Game {
        let player = |name, optimiser| Player::new(name, optimiser).falling(self.config.falling);
        let generator = player("generator", self.config.generator);
        let discriminator = player("discriminator", self.config.discriminator);
        Game::step(generator.clone(), 1)
            .followed_by(self.config.mse_steps, Game::step(discriminator, 1).then(generator, 1))
    }

    fn loss(&self, player: &str, s: &Step) -> Tensor {
        let x_fake = s.once("x_fake", || self.generator.forward(&small(s.x())));
        match player {
            "discriminator" => self.discriminator_loss(s, &x_fake),
            _ => self.generator_loss(s, &x_fake),
        }
    }

    fn average_decay(&self) -> f64 {
        self.config.average_decay
    }

    fn z_dim(&self) -> usize {
        0
    }

    fn functions(&self) -> Vec<Function> {
        let [height, width, channels] = self.extents;
        let (large, small) = (
            Space::Data(Field::X),
            Space::Other(vec![height / FACTOR, width / FACTOR, channels]),
        );
        let function = |name, takes: &Space, gives: &Space| Function::new(name, takes.clone(), gives.clone());
        vec![
            function("enlarge", &small, &large),
            function("shrink", &large, &small),
            function("restore", &large, &large),
        ]
    }

    fn apply(&self, name: &str, x: &Tensor) -> Tensor {
        let enlarge = |small: &Tensor| self.generator.forward(small).clamp(-1.0, 1.0);
        match name {
            "enlarge" => enlarge(x),
            "shrink" => small(x),
            _ => enlarge(&small(x)),
        }
    }
}

impl Describe for Srgan {
    type Config = Config;

    const CARD: Card = Card {
        id: "srgan",
        section: Section::Restoration,
        title: "SRGAN",
        paper: "Ledig et al. 2017, Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial Network, arXiv:1609.04802",
        idea: "Gives pictures four times as many pixels a side, with the texture that is likely there.",
        equations: &[
            "first  L_G = E|x - G(small x)|^2",
            "then   L_D = E[softplus(-D(x))] + E[softplus(D(G(small x)))]",
            "       L_G = E|phi(x) - phi(G(small x))|^2 + 10^-3 E[softplus(-D(G(small x)))]",
        ],
        needs: &[],
        takes: Takes::Pictures,
        data: "landscapes --size 96",
        over: Some("dcgan"),
    };

    fn check(config: &Config, given: &Given) -> Result<(), String> {
        let [height, width, channels] = networks::picture(given);
        if !height.is_multiple_of(FACTOR) || !width.is_multiple_of(FACTOR) {
            return Err(format!(
                "expected sides that are multiples of {FACTOR}, got {width}x{height}"
            ));
        }
        if config.content == Content::Pixels {
            return Ok(());
        }
        if ![1, 3].contains(&channels) {
            return Err(format!(
                "expected grey or coloured pictures for `content=features`, got {channels} channels"
            ));
        }
        features(channels).map(drop).map_err(|error| match error.hint() {
            Some(hint) => format!("{error}; {hint}"),
            None => error.to_string(),
        })
    }

    fn build(config: Config, given: &Given, scope: &Scope) -> Self {
        let extents = networks::picture(given);
        let [.., channels] = extents;
        let (width, rectified) = (config.width, Activation::LeakyRelu(0.25));
        let same = |from, to, taps: usize| conv(from, to, [taps, taps]).padding(taps / 2);
        let generator = scope.at("generator");
        let part = |name: &str| Sequential::new(&generator.at(name));
        let block = || residual(width, width).norm(Norm::Batch).activation(rectified);
        let blocks = (0..config.blocks).fold(part("blocks"), |layers, _| layers.push(block()));
        let doubled = |layers: Sequential| {
            layers
                .push(same(width, 4 * width, 3))
                .push(|x: &Tensor| pixel_shuffle(x, 2))
                .push(rectified)
        };
        Srgan {
            generator: Generator {
                first: part("first").push(same(channels, width, 9)).push(rectified),
                blocks: blocks.push(same(width, width, 3).bias(false)).push(batch_norm(width)),
                last: doubled(doubled(part("last"))).push(same(width, channels, 9)),
            },
            discriminator: dcgan::discriminator(&scope.at("discriminator"), &given.sample, width, true),
            features: match config.content {
                Content::Pixels => None,
                Content::Features => Some(features(channels).expect("checked: its weights are there")),
            },
            stage: scope.stage(),
            extents,
            config,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Shape;
    use crate::games::Play;
    use gany_engine::DType;

    /// The discriminator sleeps, and the generator hears nothing but squared error, until the first phase is over.
    #[test]
    fn squared_error_alone_comes_first() {
        let given = Given::of(
            Shape::Picture {
                height: 8,
                width: 8,
                channels: 1,
            },
            None,
        );
        let config = Config {
            width: 4,
            blocks: 1,
            mse_steps: 2,
            ..Config::default()
        };
        let scope = Scope::new(DType::F32, 0);
        let system = Srgan::build(config, &given, &scope);
        let mut play = Play::new(Box::new(system), scope, given.of_batch(2), 0);
        let (x, _) = play.batch_mut(0);
        x.iter_mut()
            .enumerate()
            .for_each(|(i, x)| *x = (i % 5) as f32 / 5.0 - 0.5);
        let x = x.to_vec();
        let corner = x[..32].chunks(8).flat_map(|row| &row[..4]).sum::<f32>() / 16.0;
        assert!((play.apply("shrink", &x)[0] - corner).abs() < 1e-6);
        for n in 0..3 {
            play.step(n);
            let reports = play.reports(n);
            let is_first = n < 2;
            assert_eq!(reports.contains_key("loss.discriminator"), !is_first, "step {n}");
            assert_eq!(reports["loss.generator"] == reports["mse"], is_first, "step {n}");
        }
    }
}
