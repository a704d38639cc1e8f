//! Projection, or GAN inversion: the code from which a generator makes a given picture, or the nearest to it.
//!
//! Karras et al. 2020, "Analyzing and Improving the Image Quality of StyleGAN", arXiv:1912.04958, appendix D; Abdal et al. 2019,
//! "Image2StyleGAN: How to Embed Images Into the StyleGAN Latent Space?", arXiv:1904.03189.
//!
//! ```text
//! w* = argmin_w  d(x, g(w + n)) + lambda mean (x - g(w + n))^2
//! n ~ N(0, (0.05 sigma t^2)^2),   sigma^2 = E_z |f(z) - mean w|^2,   t from 1 to 0 over the first three quarters
//! rate: 0.1, up from 0 over the first twentieth, down to 0 along half a cosine over the last quarter
//! ```
//!
//! The search begins at the mean w. `w` looks for one style that all layers share, as Karras et al. do; `w+` gives each layer its own,
//! as Abdal et al. do; a system without styles is searched in `z`. Simplified: d is LPIPS on SqueezeNet where the papers have
//! VGG-16, and pixels are compared beside it (lambda 1, Abdal's) in `w` too; noise maps stay the network's own, and so nothing
//! keeps them from taking the picture in; all examples are moved by the same n; `z` is not held near the prior.
use super::{Styled, styled};
use crate::games::{Found, Pace, Play, Progress, Search, Space, System, latent_vectors};
use crate::metrics::lpips::{Lpips, SMALLEST};
use crate::named::named_enum;
use crate::optimisers::OptimiserConfig;
use gany_engine::Tensor;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, serialize};

named_enum! {
    /// Where a picture is looked for.
    "code" Code {
        /// Among latent vectors.
        Z = "z",
        /// Among styles that all layers share.
        W = "w",
        /// Among styles of each layer.
        WPlus = "w+",
    }
}

/// How a picture is looked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Config {
    /// Updates.
    pub steps: usize,
    /// Adam's learning rate at its highest.
    pub learning_rate: f64,
    /// Noise at first, in deviations of the code.
    pub noise: f64,
    /// The weight lambda of squared differences of pixels.
    pub pixel_weight: f64,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            steps: 1000,
            learning_rate: 0.1,
            noise: 0.05,
            pixel_weight: 1.0,
        }
    }
}

/// Why a picture cannot be looked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProjectionError {
    /// The system makes nothing of latent vectors.
    #[error("cannot look for latent vectors: the system has none")]
    NoLatents,
    /// Styles are asked for where there are none.
    #[error("cannot look for styles: the system has none")]
    NoStyles,
    /// LPIPS does not see such pictures.
    #[error("LPIPS compares pictures of 1 or 3 channels and at least {SMALLEST}x{SMALLEST} pixels, got {}x{} with {}", .0[1], .0[0], .0[2])]
    Unseen([usize; 3]),
}

impl ProjectionError {
    /// The way out, one sentence without a full stop.
    pub fn hint(&self) -> &'static str {
        match self {
            ProjectionError::NoLatents => "a system that makes samples, such as `stylegan` or `dcgan`, can be searched",
            ProjectionError::NoStyles => "look for a latent vector: `--code z`",
            ProjectionError::Unseen(_) => "compare pixels alone: `--by pixels`",
        }
    }
}

impl Code {
    /// The richest that a system has.
    pub fn of(system: &dyn System) -> Code {
        if styles(system).is_some() { Code::WPlus } else { Code::Z }
    }
}

/// The functions of a system's styles, where it has some.
fn styles(system: &dyn System) -> Option<Styled> {
    styled(&system.functions())
}

/// What `code`, `[n, ..]`, becomes: pictures `[n, ..]`.
pub(super) fn made(system: &dyn System, kind: Code, code: &Tensor, y: Option<&Tensor>) -> Tensor {
    match (kind, styles(system)) {
        (Code::W, Some(Styled { synthesis, shape, .. })) => {
            let n = code.extent(0);
            let shared = code.reshape(&[n, 1, shape.floats]);
            system.apply(synthesis, &shared.broadcast_to(&[n, shape.layers, shape.floats]))
        }
        (Code::WPlus, Some(Styled { synthesis, .. })) => system.apply(synthesis, code),
        _ => system.sample(code, y),
    }
}

/// A search for the codes of so many pictures at a time.
pub struct Projection {
    search: Search,
    kind: Code,
    config: Config,
    count: usize,
    /// The code that the search begins with.
    mean: Vec<f32>,
    /// The deviation of codes from it.
    deviation: f64,
}

/// Latent vectors that the mean style is taken of.
const STYLES: usize = 10_000;
/// So many at a time.
const PORTION: usize = 500;

impl Projection {
    /// A search for `count` pictures at a time; pictures are compared by their pixels alone where there is no `distance`.
    ///
    /// # Errors
    /// [`ProjectionError`] where the system has no such codes, or the distance does not see its pictures.
    pub fn new(
        play: &mut Play,
        kind: Code,
        distance: Option<&Lpips>,
        config: Config,
        count: usize,
    ) -> Result<Projection, ProjectionError> {
        let (z_dim, is_labelled) = (play.system().z_dim(), play.system().classes().is_some());
        if z_dim == 0 {
            return Err(ProjectionError::NoLatents);
        }
        let styled = styles(play.system());
        let extents = match (kind, styled) {
            (Code::Z, _) => vec![z_dim],
            (Code::W, Some(styled)) => vec![styled.shape.floats],
            (Code::WPlus, Some(styled)) => vec![styled.shape.layers, styled.shape.floats],
            (_, None) => return Err(ProjectionError::NoStyles),
        };
        if distance.is_some() {
            match play.shape_in(&Space::Data(crate::data::Field::X))[1..] {
                [height, width, 1 | 3] if height.min(width) >= SMALLEST => {}
                [height, width, channels] => return Err(ProjectionError::Unseen([height, width, channels])),
                _ => return Err(ProjectionError::Unseen([0, 0, 0])),
            }
        }
        let (mean, deviation) = match styled {
            Some(styled) if kind != Code::Z => mean_style(play, styled),
            _ => (vec![0.0; z_dim], (z_dim as f64).sqrt()),
        };
        let optimiser = OptimiserConfig::adam(config.learning_rate, [0.9, 0.999]);
        let search = Search::of(play, count, &extents, is_labelled, optimiser, |system, code, y, x| {
            let made = made(system, kind, code, y);
            let pixels = (&made - x).square().flatten_from(1).mean_axes(&[1]) * config.pixel_weight;
            match distance {
                Some(distance) => distance.between(&made, x) + pixels,
                None => pixels,
            }
        });
        let repeats = extents.iter().product::<usize>() / mean.len();
        Ok(Projection {
            search,
            kind,
            config,
            count,
            mean: mean.repeat(repeats),
            deviation,
        })
    }

    /// The code that every search begins with: the mean.
    pub fn mean(&self) -> &[f32] {
        &self.mean
    }

    /// Looks for the codes of pictures `x [count, ..]` of classes `y [count]`; says how it goes after each update.
    ///
    /// # Panics
    /// Where there are not `count` pictures, or classes are not given as the system needs them.
    pub fn find(&mut self, play: &mut Play, x: &[f32], y: Option<&[f32]>, say: &mut dyn FnMut(Progress)) -> Found {
        let begin = self.mean.repeat(self.count);
        let paces: Vec<Pace> = (0..self.config.steps).map(|step| self.pace(step)).collect();
        self.search.find_at(play, x, y, &begin, &paces, say)
    }

    /// How update number `step` is done.
    fn pace(&self, step: usize) -> Pace {
        let t = step as f64 / self.config.steps as f64;
        let down = ((1.0 - t) / 0.25).min(1.0);
        let up = (t / 0.05).min(1.0);
        let fading = (1.0 - t / 0.75).max(0.0);
        Pace {
            rate: up * (0.5 - 0.5 * (std::f64::consts::PI * down).cos()),
            noise: self.config.noise * self.deviation * fading * fading,
        }
    }

    /// The same codes as other commands take them: latent vectors `[n, z_dim]`, or styles `[n, layers, w_dim]`.
    pub fn spread(&self, play: &Play, codes: &[f32]) -> Vec<f32> {
        match (self.kind, styles(play.system())) {
            (Code::W, Some(Styled { shape, .. })) => {
                let shared = codes.chunks_exact(shape.floats);
                shared.flat_map(|w| w.repeat(shape.layers)).collect()
            }
            _ => codes.to_vec(),
        }
    }

    /// What codes become: pictures `[n, ..]`.
    pub fn pictures(&self, play: &mut Play, codes: &[f32], y: Option<&[f32]>) -> Vec<f32> {
        match styles(play.system()) {
            Some(Styled { synthesis, .. }) if self.kind != Code::Z => play.apply(synthesis, &self.spread(play, codes)),
            _ => play.sample(codes, y),
        }
    }

    /// The codes as a file of safetensors: `z [n, z_dim]`, or `styles [n, layers, w_dim]`.
    pub fn file(&self, play: &Play, codes: &[f32]) -> Vec<u8> {
        let codes = self.spread(play, codes);
        let (name, extents) = match (self.kind, styles(play.system())) {
            (Code::W | Code::WPlus, Some(Styled { shape, .. })) => ("styles", vec![shape.layers, shape.floats]),
            _ => ("z", vec![play.system().z_dim()]),
        };
        let n = codes.len() / extents.iter().product::<usize>();
        let bytes: Vec<u8> = codes.iter().flat_map(|number| number.to_le_bytes()).collect();
        let view = TensorView::new(Dtype::F32, [vec![n], extents].concat(), &bytes).expect("as many bytes as numbers");
        serialize([(name, view)], None).expect("a plain tensor")
    }
}

/// The mean of styles `[w_dim]`, and the root of the mean square of their distance from it.
fn mean_style(play: &mut Play, styled: Styled) -> (Vec<f32>, f64) {
    let w_dim = styled.shape.floats;
    let z_dim = play.system().z_dim();
    let mut styles = vec![];
    for first in (0..STYLES).step_by(PORTION) {
        let of_layers = play.apply(styled.mapping, &latent_vectors(0, first, PORTION, z_dim));
        let of_sample = of_layers.len() / PORTION;
        styles.extend(
            of_layers
                .chunks_exact(of_sample)
                .flat_map(|layers| layers[..w_dim].to_vec()),
        );
    }
    let mut mean = vec![0.0_f64; w_dim];
    for style in styles.chunks_exact(w_dim) {
        mean.iter_mut()
            .zip(style)
            .for_each(|(sum, w)| *sum += f64::from(*w) / STYLES as f64);
    }
    let apart = |(i, w): (usize, &f32)| (f64::from(*w) - mean[i % w_dim]).powi(2);
    let squares: f64 = styles.iter().enumerate().map(apart).sum();
    (
        mean.iter().map(|w| *w as f32).collect(),
        (squares / STYLES as f64).sqrt(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Shape;
    use crate::models::architecture::stylegan::{self, StyleGan};
    use crate::models::{Describe, Given};
    use crate::nn::{Init, Scope};
    use crate::weights::Weights;
    use crate::{games::Game, games::Player, games::Step, nn::Parameter};
    use gany_engine::DType;

    /// x = A z + b: what z makes x is known.
    struct Linear {
        a: Parameter,
        b: Parameter,
    }

    impl System for Linear {
        fn game(&self) -> Game {
            Game::step(Player::new("generator", OptimiserConfig::sgd(0.1, 0.0)), 1)
        }

        fn loss(&self, _: &str, s: &Step) -> Tensor {
            s.x().mean() * self.a.get().mean() * self.b.get().mean()
        }

        fn z_dim(&self) -> usize {
            2
        }

        fn sample(&self, z: &Tensor, _: Option<&Tensor>) -> Tensor {
            z.matmul(&self.a.get()) + self.b.get()
        }
    }

    #[test]
    fn the_latent_vector_of_a_linear_generator_is_found() {
        let scope = Scope::new(DType::F32, 0);
        let generator = scope.at("generator");
        let linear = Linear {
            a: generator.parameter("a", &[2, 3], Init::Zeros),
            b: generator.parameter("b", &[3], Init::Zeros),
        };
        linear
            .a
            .set(Tensor::from_f32(&[2, 3], &[1.0, 0.0, 1.0, 0.0, 2.0, -1.0]));
        linear.b.set(Tensor::from_f32(&[3], &[0.5, 0.0, 0.0]));
        let shape = crate::games::BatchShape::of(&[1, 3]);
        let mut play = Play::new(Box::new(linear), scope, shape, 0);
        let config = Config {
            steps: 400,
            ..Config::default()
        };
        assert_eq!(Code::of(play.system()), Code::Z);
        let mut projection = Projection::new(&mut play, Code::Z, None, config, 2).unwrap();
        // z = (1, -1) and z = (-2, 0.5).
        let x = [1.5, -2.0, 2.0, -1.5, 1.0, -2.5];
        let mut said = vec![];
        let found = projection.find(&mut play, &x, None, &mut |progress| said.push(progress.done));
        for (got, expected) in found.codes.iter().zip([1.0, -1.0, -2.0, 0.5]) {
            assert!((got - expected).abs() < 1e-3, "{:?}", found.codes);
        }
        assert!(found.misfit.iter().all(|misfit| *misfit < 1e-6));
        assert_eq!(said, (1..=400).collect::<Vec<_>>());
        let error = Projection::new(&mut play, Code::W, None, config, 1).err().unwrap();
        assert_eq!(error.to_string(), "cannot look for styles: the system has none");
    }

    #[test]
    fn paces_are_the_papers() {
        let mut play = styled();
        let config = Config {
            steps: 1000,
            ..Config::default()
        };
        let projection = Projection::new(&mut play, Code::W, None, config, 1).unwrap();
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} {b}");
        let rates = [(0, 0.0), (25, 0.5), (50, 1.0), (750, 1.0), (875, 0.5)];
        rates
            .iter()
            .for_each(|&(step, rate)| near(projection.pace(step).rate, rate));
        let noise = |step| projection.pace(step).noise / projection.deviation;
        [(0, 0.05), (375, 0.0125), (750, 0.0), (999, 0.0)]
            .iter()
            .for_each(|&(step, expected)| near(noise(step), expected));
    }

    /// A small StyleGAN.
    fn styled() -> Play {
        let sample = Shape::Picture {
            height: 8,
            width: 8,
            channels: 3,
        };
        let (given, scope) = (Given::of(sample, None), Scope::new(DType::F32, 0));
        let config = stylegan::Config {
            batch: 2,
            z_dim: 4,
            w_dim: 4,
            mapping_layers: 1,
            mapping_learning_rate: 1.0,
            width: 4,
            ..stylegan::Config::default()
        };
        let system = StyleGan::build(config, &given, &scope);
        Play::new(Box::new(system), scope, given.of_batch(2), 0)
    }

    /// What the generator has made is found again, in either space, and the file of the codes says what they are.
    #[test]
    fn styles_of_made_pictures_are_found() {
        let mut play = styled();
        let x = play.sample(&latent_vectors(5, 0, 2, 4), None);
        let config = Config {
            steps: 300,
            learning_rate: 0.05,
            ..Config::default()
        };
        for (kind, numbers) in [(Code::W, 4), (Code::WPlus, 16)] {
            let mut projection = Projection::new(&mut play, kind, None, config, 2).unwrap();
            assert_eq!(projection.mean().len(), numbers);
            let error = |made: &[f32]| made.iter().zip(&x).map(|(a, b)| (a - b).powi(2)).sum::<f32>();
            let before = error(&projection.pictures(&mut play, &projection.mean().repeat(2), None));
            let found = projection.find(&mut play, &x, None, &mut |_| {});
            let made = projection.pictures(&mut play, &found.codes, None);
            assert!(error(&made) < 0.01 * before, "{kind}: {before} {}", error(&made));
            let file = Weights::parse(projection.file(&play, &found.codes), "found".as_ref()).unwrap();
            let styles = file.f32("styles", &[2, 4, 4]).unwrap();
            assert_eq!(play.apply("synthesis", &styles), made);
        }
    }
}
