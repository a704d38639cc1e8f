//! StyleGAN: the latent vector becomes a style that every layer is told, from coarse to fine; both generations.
//!
//! Karras et al. 2019, "A Style-Based Generator Architecture for Generative Adversarial Networks", arXiv:1812.04948, and
//! Karras et al. 2020, "Analyzing and Improving the Image Quality of StyleGAN", arXiv:1912.04958.
//!
//! ```text
//! w = f(z),  w' = mean(w) + psi (w - mean(w)) when sampling,  x = g(w_1, .., w_L, noise)
//! L_D = E_x[softplus(-D(x))] + E_z[softplus(D(G(z)))] + gamma/2 E_x[|grad D(x)|^2]        the last every 16th step
//! L_G = E_z[softplus(-D(G(z)))] + c E[(|J_w^T y| - a)^2]                 the last every 8th step, second generation
//! ```
//!
//! y are normal pictures, a is the moving average of |J_w^T y|. The first generation normalises every feature and lets the
//! style say its mean and deviation (AdaIN); the second has the style scale the convolution's weights, demodulates them, sums
//! pictures over the levels (skips) and gives the discriminator residual blocks. Simplified: the first generation does not
//! grow, as the second does not; lazy terms join the players' own moves, so that Adam's constants need no correction.
use crate::data::Field;
use crate::games::{Function, Game, Player, Space, Step, System};
use crate::models::architecture::pyramid::Pyramid;
use crate::models::{Card, Describe, Given, Section, Takes};
use crate::named::named_enum;
use crate::nn::{
    Activation, AdaIn, Conv, ConvTranspose, Declare, Fir, Init, Layer, MinibatchDeviation, Modulated, NoiseInjection,
    Parameter, PixelNorm, Scope, Sequential, conv, conv_transpose, dense, equalised, noise_injection, observed,
};
use crate::objectives::non_saturating;
use crate::optimisers::OptimiserConfig;
use crate::penalties::{gradient, path_length};
use gany_engine::{Tensor, select};
use serde::{Deserialize, Serialize};

named_enum! {
    /// Which of the two papers is followed.
    #[derive(Default, PartialOrd)]
    "generation" Generation {
        /// StyleGAN (2019): adaptive instance normalisation.
        First = "first",
        /// StyleGAN2 (2020): weight demodulation, path length, skips and residuals.
        #[default]
        Second = "second",
    }
}

/// Settings of [`StyleGan`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Examples in a batch.
    pub batch: usize,
    /// `first` or `second` generation.
    pub generation: Generation,
    /// Numbers in a latent vector.
    pub z_dim: usize,
    /// Numbers in a style.
    pub w_dim: usize,
    /// Dense layers from latent vector to style.
    pub mapping_layers: usize,
    /// How fast they learn beside all others.
    pub mapping_learning_rate: f64,
    /// Channels next to the finished picture; they double with every halving of the sides. The second paper's at 1024 pixels.
    pub width: usize,
    /// No level has more channels.
    pub max_width: usize,
    /// Share of training samples whose layers from a random one on have another style.
    pub mixing: f64,
    /// Rectified features, and the colours of each level, are held between minus this and this, as in networks that were trained
    /// in half precision; 0: they are free.
    pub clamp: f64,
    /// How far samples' styles are from the mean one: 1 as they are, 0 all the mean. Matters for samples only.
    pub truncation: f64,
    /// Weight gamma of R1, the penalty on slopes at data.
    pub r1_gamma: f64,
    /// Steps from one R1 to the next, which is so many times as heavy.
    pub r1_every: u64,
    /// Weight of the path-length penalty; second generation only.
    pub path_length_weight: f64,
    /// Steps from one path-length penalty to the next, which is so many times as heavy.
    pub path_length_every: u64,
    /// Samples over which the moving average of the generator's weights forgets half.
    pub average_half_life: f64,
    /// The generator's optimiser.
    pub generator: OptimiserConfig,
    /// The discriminator's optimiser.
    pub discriminator: OptimiserConfig,
}

impl Default for Config {
    fn default() -> Self {
        let adam = OptimiserConfig::adam(2e-3, [0.0, 0.99]);
        Config {
            batch: 32,
            generation: Generation::Second,
            z_dim: 512,
            w_dim: 512,
            mapping_layers: 8,
            mapping_learning_rate: 0.01,
            width: 32,
            max_width: 512,
            mixing: 0.9,
            clamp: 0.0,
            truncation: 1.0,
            r1_gamma: 10.0,
            r1_every: 16,
            path_length_weight: 2.0,
            path_length_every: 8,
            average_half_life: 10_000.0,
            generator: adam,
            discriminator: adam,
        }
    }
}

/// StyleGAN.
pub struct StyleGan {
    config: Config,
    pyramid: Pyramid,
    mapping: Sequential,
    mean_style: Parameter,
    mean_length: Parameter,
    synthesis: Synthesis,
    discriminator: Discriminator,
}

const LEAKY: Activation = Activation::LeakyRelu(0.2);
/// How much of the mean style is kept from step to step.
const STYLE_DECAY: f64 = 0.995;

fn fir() -> Fir {
    Fir::new(&[1.0, 3.0, 3.0, 1.0])
}

/// x, held where there are bounds.
fn held(x: Tensor, clamp: f64) -> Tensor {
    if clamp > 0.0 { x.clamp(-clamp, clamp) } else { x }
}

/// The discriminator's rectifier.
struct Rectifier {
    clamp: f64,
}

impl Layer for Rectifier {
    fn forward(&self, x: &Tensor) -> Tensor {
        held(LEAKY.forward(x), self.clamp)
    }

    fn rectifies(&self) -> bool {
        true
    }
}

/// What a layer of the synthesis does, with or without doubling the sides.
enum Styled {
    Modulated(Modulated<Conv>),
    ModulatedUp(Modulated<ConvTranspose>),
    Normalised(Sequential, AdaIn),
}

/// A layer that is told a style: features, noise, bias, rectifier.
struct StyledLayer {
    name: String,
    styled: Styled,
    noise: NoiseInjection,
    bias: Parameter,
    clamp: f64,
}

impl StyledLayer {
    /// From `c_in` channels to `c_out` on a grid; a layer without `c_in` takes the features as they are.
    fn declare(
        scope: &Scope,
        config: &Config,
        c_in: Option<usize>,
        c_out: usize,
        grid: [usize; 2],
        doubles: bool,
    ) -> Self {
        let keep = |c_in| conv(c_in, c_out, [3, 3]).padding(1).bias(false);
        let double = |c_in| conv_transpose(c_in, c_out, [3, 3]).stride(2).bias(false);
        let is_second = config.generation == Generation::Second;
        let at = scope.at("conv");
        let styled = match c_in {
            Some(c_in) if is_second && doubles => {
                Styled::ModulatedUp(Modulated::declare(&at, double(c_in), config.w_dim, true))
            }
            Some(c_in) if is_second => Styled::Modulated(Modulated::declare(&at, keep(c_in), config.w_dim, true)),
            _ => {
                let layers = Sequential::new(&at);
                let layers = match c_in {
                    Some(c_in) if doubles => layers.push(equalised(double(c_in))).push(|x: &Tensor| fir_doubled(x)),
                    Some(c_in) => layers.push(equalised(keep(c_in))),
                    None => layers,
                };
                Styled::Normalised(layers, AdaIn::declare(&scope.at("style"), config.w_dim, c_out))
            }
        };
        StyledLayer {
            name: scope.path().to_owned(),
            styled,
            noise: noise_injection(grid)
                .strengths(if is_second { 1 } else { c_out })
                .declare(scope),
            bias: scope.parameter("bias", &[c_out], Init::Zeros),
            clamp: config.clamp,
        }
    }

    fn forward(&self, x: &Tensor, style: &Tensor, fresh: Option<&Step>) -> Tensor {
        let rectified = |y: Tensor| {
            let y = match fresh {
                Some(s) => self
                    .noise
                    .forward_with(&y, &s.normal(&[y.extent(0), y.extent(1), y.extent(2), 1])),
                None => self.noise.forward(&y),
            };
            LEAKY.forward(&(y + self.bias.get()))
        };
        let features = match &self.styled {
            Styled::Modulated(conv) => held(rectified(conv.forward(x, style)) * 2_f64.sqrt(), self.clamp),
            Styled::ModulatedUp(conv) => {
                let doubled = fir_doubled(&conv.forward(x, style));
                held(rectified(doubled) * 2_f64.sqrt(), self.clamp)
            }
            Styled::Normalised(layers, adain) => adain.forward(&rectified(layers.forward(x)), style),
        };
        // Only here has the style had its say: before, the first generation's first layer says the same to everybody.
        observed(|| self.name.clone(), features)
    }
}

/// What a transposed convolution of stride 2 and three taps gives, `[n, 2 h + 1, 2 w + 1, c]`, low-passed to twice the sides.
fn fir_doubled(x: &Tensor) -> Tensor {
    // Of four places of the doubled grid one was the picture's.
    fir().blur(x, 1) * 4.0
}

/// The synthesis network: from a learned constant, two layers for each level.
struct Synthesis {
    constant: Parameter,
    layers: Vec<StyledLayer>,
    colours: Vec<(Modulated<Conv>, Parameter)>,
    last: Option<Sequential>,
    clamp: f64,
}

impl Synthesis {
    fn declare(scope: &Scope, pyramid: Pyramid, config: &Config) -> Self {
        let is_second = config.generation == Generation::Second;
        let width = |level| pyramid.width(level, config.width, config.max_width);
        let [rows, columns] = pyramid.smallest;
        let mut layers = vec![];
        for level in 0..=pyramid.levels {
            let layer = |number: usize, c_in, doubles| {
                let scope = scope.at("layer").at(2 * level + number);
                StyledLayer::declare(&scope, config, c_in, width(level), pyramid.grid(level), doubles)
            };
            match level {
                0 if is_second => {}
                0 => layers.push(layer(0, None, false)),
                _ => layers.push(layer(0, Some(width(level - 1)), true)),
            }
            layers.push(layer(1, Some(width(level)), false));
        }
        let colours = |level: usize| {
            let scope = scope.at("colours").at(level);
            let config_1 = conv(width(level), pyramid.channels, [1, 1]).bias(false);
            let modulated = Modulated::declare(&scope.at("conv"), config_1, config.w_dim, false);
            (modulated, scope.parameter("bias", &[pyramid.channels], Init::Zeros))
        };
        let last = equalised(conv(width(pyramid.levels), pyramid.channels, [1, 1])).gain(1.0);
        Synthesis {
            constant: scope.parameter(
                "constant",
                &[1, rows, columns, width(0)],
                Init::Normal { mean: 0.0, std: 1.0 },
            ),
            layers,
            colours: (0..=pyramid.levels).filter(|_| is_second).map(colours).collect(),
            last: (!is_second).then(|| Sequential::new(&scope.at("colours")).push(last)),
            clamp: config.clamp,
        }
    }

    /// Canvases of styles `[n, layers, w_dim]`; noise is drawn where there is a step and fixed where there is none.
    fn forward(&self, styles: &Tensor, fresh: Option<&Step>) -> Tensor {
        let (n, w_dim) = (styles.extent(0), styles.extent(2));
        let style = |layer: usize| styles.slice(1, layer, layer + 1).reshape(&[n, w_dim]);
        let constant = self.constant.get();
        let mut x = constant.broadcast_to(&[&[n], &constant.shape()[1..]].concat());
        if let Some(last) = &self.last {
            for (number, layer) in self.layers.iter().enumerate() {
                x = layer.forward(&x, &style(number), fresh);
            }
            return last.forward(&x);
        }
        // Layer 0 stands alone at its level, then come pairs; colours share the style of the layer that comes next.
        let mut picture: Option<Tensor> = None;
        for (level, (colours, bias)) in self.colours.iter().enumerate() {
            for number in (2 * level).saturating_sub(1)..=2 * level {
                x = self.layers[number].forward(&x, &style(number), fresh);
            }
            let new = colours.forward(&x, &style(2 * level + 1)) + bias.get();
            let new = held(new, self.clamp);
            picture = Some(picture.map_or(new.clone(), |old| fir().upsample(&old) + new));
        }
        picture.expect("a pyramid has a level")
    }
}

/// The discriminator: convolutions that halve the sides, in the second generation with residual connections.
struct Discriminator {
    first: Sequential,
    blocks: Vec<Sequential>,
    shortcuts: Vec<Sequential>,
    last: Sequential,
}

impl Discriminator {
    fn declare(scope: &Scope, pyramid: Pyramid, config: &Config) -> Self {
        let width = |level| pyramid.width(level, config.width, config.max_width);
        let (levels, [rows, columns], c) = (pyramid.levels, pyramid.smallest, width(0));
        let rectifier = || Rectifier { clamp: config.clamp };
        let block = |level: usize| {
            Sequential::new(&scope.at("block").at(level))
                .push(equalised(conv(width(level), width(level), [3, 3]).padding(1)))
                .push(rectifier())
                .push(|x: &Tensor| fir().blur(x, 2))
                .push(equalised(conv(width(level), width(level - 1), [3, 3]).stride(2)))
                .push(rectifier())
        };
        let shortcut = |level: usize| {
            Sequential::new(&scope.at("shortcut").at(level))
                .push(|x: &Tensor| fir().downsample(x))
                .push(equalised(conv(width(level), width(level - 1), [1, 1]).bias(false)).gain(1.0))
        };
        let is_second = config.generation == Generation::Second;
        Discriminator {
            first: Sequential::new(&scope.at("colours"))
                .push(equalised(conv(pyramid.channels, width(levels), [1, 1])))
                .push(rectifier()),
            blocks: (1..=levels).rev().map(block).collect(),
            shortcuts: (1..=levels).rev().filter(|_| is_second).map(shortcut).collect(),
            last: Sequential::new(&scope.at("last"))
                .push(MinibatchDeviation { group: 4 })
                .push(equalised(conv(c + 1, c, [3, 3]).padding(1)))
                .push(rectifier())
                .push(|x: &Tensor| x.flatten_from(1))
                .push(equalised(dense(rows * columns * c, c)))
                .push(LEAKY)
                .push(equalised(dense(c, 1)).gain(1.0))
                .push(|x: &Tensor| x.reshape(&[x.extent(0)])),
        }
    }

    /// Logits `[n]` of canvases.
    fn forward(&self, x: &Tensor) -> Tensor {
        let mut x = self.first.forward(x);
        for (number, block) in self.blocks.iter().enumerate() {
            let y = block.forward(&x);
            x = match self.shortcuts.get(number) {
                Some(shortcut) => (y + shortcut.forward(&x)) * 0.5_f64.sqrt(),
                None => y,
            };
        }
        self.last.forward(&x)
    }
}

impl StyleGan {
    /// Styles of layers, all told apart.
    fn layers(&self) -> usize {
        2 * (self.pyramid.levels + 1)
    }

    /// Styles `[n, layers, w_dim]` of fresh latent vectors, some of them mixed; the mean style follows them.
    fn fresh_styles(&self, s: &Step, n: usize) -> Tensor {
        let layers = self.layers();
        let [first, second] = [0, 1].map(|_| self.mapping.forward(&s.normal(&[n, self.config.z_dim])));
        let mean = first.mean_axes(&[0]).detach();
        self.mean_style
            .set(&mean + (self.mean_style.get() - &mean) * STYLE_DECAY);
        // The second style begins at a layer from 1 to the last: the first one that is not below the cut.
        let cut = s.uniform(&[n, 1, 1]) * (layers - 1) as f64;
        let stays = s
            .uniform(&[n, 1, 1])
            .ge(&Tensor::full(cut.dtype(), &[], self.config.mixing));
        let number = Tensor::arange(cut.dtype(), layers).reshape(&[1, layers, 1]);
        let of_layers = |w: &Tensor| w.reshape(&[n, 1, self.config.w_dim]);
        select(
            &number.lt(&cut).maximum(&stays),
            &of_layers(&first),
            &of_layers(&second),
        )
    }

    fn generate_for(&self, s: &Step) -> Tensor {
        s.once("x_fake", || {
            self.synthesis.forward(&self.fresh_styles(s, s.batch()), Some(s))
        })
    }

    fn discriminator_loss(&self, s: &Step) -> Tensor {
        let (x_real, x_fake) = (self.pyramid.framed(s.x()), self.generate_for(s).detach());
        let judge = |x: &Tensor| self.discriminator.forward(x);
        let (logits_real, logits_fake) = (judge(&x_real), judge(&x_fake));
        s.report_discriminator(&logits_real, &logits_fake);
        let loss = non_saturating::discriminator(&logits_real, &logits_fake);
        if !s.is_due("r1") {
            return loss;
        }
        let penalty = gradient::r1(judge, &x_real);
        s.report("gradient_norm.discriminator", &penalty.gradient_norm);
        loss + penalty.value * (self.config.r1_gamma * self.config.r1_every as f64)
    }

    fn generator_loss(&self, s: &Step) -> Tensor {
        let loss = non_saturating::generator(&self.discriminator.forward(&self.generate_for(s)));
        if !s.is_due("path_length") {
            return loss;
        }
        // Half a batch is enough, as in the authors' code.
        let styles = self.fresh_styles(s, s.batch().div_ceil(2));
        let pictures = self.synthesis.forward(&styles, Some(s));
        let y = s.normal(pictures.shape());
        let penalty = path_length::penalty(&pictures, &styles, &y, &self.mean_length.get());
        s.report("path_length", &penalty.mean);
        self.mean_length.set(penalty.mean);
        loss + penalty.value * (self.config.path_length_weight * self.config.path_length_every as f64)
    }
}

impl System for StyleGan {
    fn game(&self) -> Game {
        let game = Game::step(Player::new("discriminator", self.config.discriminator), 1)
            .then(Player::new("generator", self.config.generator), 1)
            .lazily("r1", self.config.r1_every);
        match self.config.generation {
            Generation::First => game,
            Generation::Second => game.lazily("path_length", self.config.path_length_every),
        }
    }

    fn loss(&self, player: &str, s: &Step) -> Tensor {
        match player {
            "discriminator" => self.discriminator_loss(s),
            _ => self.generator_loss(s),
        }
    }

    fn judge(&self, x: &Tensor, _: Option<&Tensor>) -> Option<Tensor> {
        Some(self.discriminator.forward(&self.pyramid.framed(x)))
    }

    fn average_decay(&self) -> f64 {
        0.5_f64.powf(self.config.batch as f64 / self.config.average_half_life)
    }

    fn z_dim(&self) -> usize {
        self.config.z_dim
    }

    fn sample(&self, z: &Tensor, _: Option<&Tensor>) -> Tensor {
        self.apply("synthesis", &self.apply("mapping", z))
    }

    fn functions(&self) -> Vec<Function> {
        let styles = Space::Other(vec![self.layers(), self.config.w_dim]);
        vec![
            Function::new("mapping", Space::Latent, styles.clone()),
            Function::new("synthesis", styles, Space::Data(Field::X)),
        ]
    }

    /// `mapping` gives truncated styles of all layers; `synthesis` turns styles, mixed or moved as one likes, into pictures.
    fn apply(&self, name: &str, input: &Tensor) -> Tensor {
        match name {
            "mapping" => {
                let (mean, psi) = (self.mean_style.get(), self.config.truncation);
                let w = &mean + (self.mapping.forward(input) - &mean) * psi;
                let (n, w_dim) = (w.extent(0), w.extent(1));
                w.reshape(&[n, 1, w_dim]).broadcast_to(&[n, self.layers(), w_dim])
            }
            "synthesis" => {
                let picture = self.pyramid.cropped(&self.synthesis.forward(input, None));
                // Cut off, but with the slopes of the uncut: a search has to find its way back from beyond white.
                picture.clamp(-1.0, 1.0).detach() + (&picture - picture.detach())
            }
            name => panic!("stylegan has no function `{name}`"),
        }
    }
}

impl Describe for StyleGan {
    type Config = Config;

    const CARD: Card = Card {
        id: "stylegan",
        section: Section::Architecture,
        title: "StyleGAN and StyleGAN2",
        paper: "Karras et al. 2019, arXiv:1812.04948, and 2020, Analyzing and Improving the Image Quality of StyleGAN, arXiv:1912.04958",
        idea: "A latent vector becomes a style that every layer is told, from coarse to fine, while noise makes the details.",
        equations: &[
            "L_D = E_x[softplus(-D(x))] + E_z[softplus(D(G(z)))] + gamma/2 E_x[|grad D(x)|^2]",
            "L_G = E_z[softplus(-D(G(z)))] + c E[(|J_w^T y| - a)^2]",
        ],
        needs: &[],
        takes: Takes::Pictures,
        data: "emoji-google",
        over: Some("progressive"),
    };

    fn build(config: Config, given: &Given, scope: &Scope) -> Self {
        let pyramid = Pyramid::of(&given.sample);
        let generator = scope.at("generator");
        let (mut mapping, mut c_in) = (Sequential::new(&generator.at("mapping")).push(PixelNorm), config.z_dim);
        for _ in 0..config.mapping_layers.max(1) {
            let layer = equalised(dense(c_in, config.w_dim)).learning_rate(config.mapping_learning_rate);
            (mapping, c_in) = (mapping.push(layer).push(LEAKY), config.w_dim);
        }
        StyleGan {
            mapping,
            mean_style: generator.buffer("mean_style", &[config.w_dim], 0.0),
            mean_length: scope.buffer("mean_path_length", &[], 0.0),
            synthesis: Synthesis::declare(&generator.at("synthesis"), pyramid, &config),
            discriminator: Discriminator::declare(&scope.at("discriminator"), pyramid, &config),
            pyramid,
            config,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Shape;
    use crate::games::Play;
    use gany_engine::{DType, Key};

    const PICTURE: Shape = Shape::Picture {
        height: 8,
        width: 12,
        channels: 3,
    };

    fn small(generation: Generation, truncation: f64) -> Config {
        Config {
            batch: 4,
            generation,
            z_dim: 6,
            w_dim: 5,
            mapping_layers: 2,
            width: 4,
            truncation,
            ..Config::default()
        }
    }

    /// Styles of the first layer alone change what all see; those of a layer change nothing before it; at truncation 0 all
    /// samples are the mean one's.
    #[test]
    fn styles_can_be_mixed_and_truncated() {
        for generation in Generation::ALL {
            let scope = Scope::new(DType::F64, 0);
            let given = Given::of(PICTURE, None);
            let system = StyleGan::build(small(*generation, 1.0), &given, &scope);
            let z = Key::new(DType::F64, 0, 0).normal(0, &[2, 6]);
            let styles = system.apply("mapping", &z);
            assert_eq!(styles.shape(), [2, 4, 5]);
            let pictures = system.apply("synthesis", &styles);
            assert_eq!(pictures.to_f64(), system.sample(&z, None).to_f64());
            let swapped = styles.flip(0);
            let at_layer = |layer: usize| {
                let number = Tensor::arange(DType::F64, 4).reshape(&[1, 4, 1]);
                let chosen = number.equals(&Tensor::full(DType::F64, &[], layer as f64));
                let mixed = system.apply("synthesis", &select(&chosen, &swapped, &styles));
                (mixed - &pictures).abs().mean().to_f64()[0]
            };
            assert!((0..4).all(|layer| at_layer(layer) > 1e-9), "{generation}");

            let scope = Scope::new(DType::F64, 0);
            let mean = StyleGan::build(small(*generation, 0.0), &given, &scope).sample(&z, None);
            assert_eq!(mean.slice(0, 0, 1).to_f64(), mean.slice(0, 1, 2).to_f64());
        }
    }

    /// The generic tests play the second generation; the first learns with everything that it has, too.
    #[test]
    fn the_first_generation_learns() {
        let scope = Scope::new(DType::F32, 0);
        let given = Given::of(PICTURE, None);
        let system = StyleGan::build(small(Generation::First, 1.0), &given, &scope);
        let mut play = Play::new(Box::new(system), scope, given.of_batch(4), 0);
        let before: Vec<Vec<f64>> = (0..play.entries().len()).map(|i| play.state(i).to_f64()).collect();
        let values = play.batch_mut(0).0.iter_mut().enumerate();
        values.for_each(|(i, x)| *x = (i % 7) as f32 / 3.0 - 1.0);
        play.step(0);
        let trainable = play.scope().parameters();
        for parameter in trainable.iter().filter(|p| p.is_trainable()) {
            let position = play.entries().iter().position(|entry| entry.name == parameter.name());
            let position = position.expect("a parameter is in the state");
            let after = play.state(position).to_f64();
            assert!(after.iter().all(|x| x.is_finite()), "{parameter:?}");
            assert_ne!(before[position], after, "{parameter:?} did not learn");
        }
        assert!(!play.reports(0).contains_key("path_length"));
    }
}
