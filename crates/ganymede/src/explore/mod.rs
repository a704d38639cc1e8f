//! Walking through what a generator has learnt: between its samples, along its directions, from layer to layer.
//!
//! An [`Explorer`] turns the numbers of samples into [`Code`]s and codes into pictures. A code is a latent vector z, or, where
//! a system has a mapping from latent vectors to styles, a style w for every layer. What can be done with codes stands in a
//! file each: a [`path`] from one to the next, [`mixing`] of the styles of two, [`Directions`] to move along, which are found as
//! [principal components](principal), as [factors of the weights](factors) or as the [`boundary`] between two classes.
//! Where a picture lies in a generator is found by [`projection`], what its units make by [`dissection`], and one at a time, in a
//! picture of one's own, by [`units`]; what is painted on a picture is made part of it by [`retouching`].
//!
//! ```no_run
//! use ganymede::explore::{Explorer, Interpolation, Pick, path};
//!
//! let mut explorer = Explorer::open("runs/dcgan".as_ref(), None)?;
//! let ends = explorer.codes(&[Pick { seed: 0, number: 3 }, Pick { seed: 0, number: 8 }], None);
//! let between = path::leg(&ends[0], &ends[1], 9, Interpolation::Slerp);
//! let pictures = explorer.pictures(&between);
//! # Ok::<(), ganymede::explore::ExploreError>(())
//! ```
pub mod boundary;
mod directions;
pub mod dissection;
mod error;
pub mod factors;
pub mod mixing;
pub mod path;
pub mod principal;
pub mod projection;
pub mod retouching;
pub mod segmenter;
mod sheet;
pub mod units;

pub use directions::{Directions, Method};
pub use error::ExploreError;
pub use path::Interpolation;
pub use sheet::Sheet;

use crate::data::{Field, Shape};
use crate::games::{Function, Space, latent_vectors};
use crate::named::named_enum;
use crate::run::Sampler;
use std::ops::Range;
use std::path::Path;

named_enum! {
    /// The space that codes lie in.
    "space" CodeSpace {
        /// Latent vectors.
        Z = "z",
        /// A style for every layer.
        W = "w",
    }
}

/// A sample by its number: number i of a seed is what `gany sample --seed` makes as its picture i.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pick {
    /// The seed of the samples.
    pub seed: u64,
    /// The number among them.
    pub number: usize,
}

/// What a picture is made of.
#[derive(Clone, Debug, PartialEq)]
pub struct Code {
    /// The latent vector, or the styles of all layers one after the other.
    pub values: Vec<f32>,
    /// The class that is asked for, where the system is told classes.
    pub class: Option<usize>,
}

/// The extents of codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeShape {
    /// Layers that are told a vector of their own; 1 for latent vectors.
    pub layers: usize,
    /// Numbers in such a vector.
    pub floats: usize,
}

/// The functions of a system from latent vectors to styles and from styles to pictures.
#[derive(Clone, Copy)]
struct Styled {
    mapping: &'static str,
    synthesis: &'static str,
    shape: CodeShape,
}

/// A trained generator that one can walk in.
pub struct Explorer {
    sampler: Sampler,
    space: CodeSpace,
    styled: Option<Styled>,
    /// See [`vectors`](Explorer::vectors).
    vectors: Option<Vec<f32>>,
}

/// Latent vectors that means and deviations are taken of, as many as the authors of StyleGAN take for the mean style.
const STATISTICS: usize = 10_000;
/// The seed of what is measured: none that a person is likely to ask for samples of.
const STATISTICS_SEED: u64 = u64::MAX;

impl Explorer {
    /// A run in its latest state. Without a space being named, codes are styles where there are any.
    ///
    /// # Errors
    /// Where there is no run, it makes no pictures of latent vectors, or has no styles and they are asked for.
    pub fn open(run: &Path, space: Option<CodeSpace>) -> Result<Explorer, ExploreError> {
        Explorer::of(Sampler::open(run).map_err(Box::new)?, space)
    }

    /// Of a run that is open.
    ///
    /// # Errors
    /// As [`open`](Explorer::open).
    pub fn of(sampler: Sampler, space: Option<CodeSpace>) -> Result<Explorer, ExploreError> {
        let system = sampler.entry().card.id;
        if !sampler.makes_samples() {
            return Err(ExploreError::NoLatents { system });
        }
        if sampler.shape().picture().is_none() {
            let makes = match sampler.shape() {
                Shape::Row { .. } => "rows of a table",
                _ => "points",
            };
            return Err(ExploreError::NoPictures { system, makes });
        }
        let styled = styled(&sampler.play().system().functions());
        let natural = if styled.is_some() { CodeSpace::W } else { CodeSpace::Z };
        let space = space.unwrap_or(natural);
        if space == CodeSpace::W && styled.is_none() {
            return Err(ExploreError::NoStyles { system });
        }
        Ok(Explorer {
            sampler,
            space,
            styled,
            vectors: None,
        })
    }

    /// The run's samples.
    pub fn sampler(&self) -> &Sampler {
        &self.sampler
    }

    /// The run's samples, for whoever asks more of them.
    pub fn sampler_mut(&mut self) -> &mut Sampler {
        &mut self.sampler
    }

    /// The space that its codes lie in.
    pub fn space(&self) -> CodeSpace {
        self.space
    }

    /// The functions of styles, where its codes are styles.
    fn styles(&self) -> Option<Styled> {
        self.styled.filter(|_| self.space == CodeSpace::W)
    }

    /// The extents of its codes.
    pub fn shape(&self) -> CodeShape {
        let of_latents = CodeShape {
            layers: 1,
            floats: self.sampler.play().system().z_dim(),
        };
        self.styles().map_or(of_latents, |styled| styled.shape)
    }

    /// The layers that a text such as `coarse` or `0-3` means.
    ///
    /// # Errors
    /// Where codes are not told to layers each, or there are no such layers.
    pub fn layers(&self, text: &str) -> Result<Range<usize>, ExploreError> {
        let layers = self.shape().layers;
        if self.space == CodeSpace::Z {
            return Err(ExploreError::NoLayers);
        }
        mixing::parse(text, layers).ok_or_else(|| ExploreError::Layers {
            got: text.to_owned(),
            last: layers - 1,
        })
    }

    /// The codes of samples; of conditional systems in the class that is given, or each in its own.
    pub fn codes(&mut self, picks: &[Pick], class: Option<usize>) -> Vec<Code> {
        let z_dim = self.sampler.play().system().z_dim();
        let latents: Vec<f32> = picks
            .iter()
            .flat_map(|pick| latent_vectors(pick.seed, pick.number, 1, z_dim))
            .collect();
        let classes = self.sampler.classes();
        let values = self.mapped(&latents);
        let CodeShape { layers, floats } = self.shape();
        values
            .chunks_exact(layers * floats)
            .zip(picks)
            .map(|(values, pick)| Code {
                values: values.to_vec(),
                class: classes.map(|classes| class.unwrap_or(pick.number % classes)),
            })
            .collect()
    }

    /// The values of the codes of latent vectors.
    fn mapped(&mut self, latents: &[f32]) -> Vec<f32> {
        match self.styles() {
            Some(styled) => self.sampler.apply(styled.mapping, latents),
            None => latents.to_vec(),
        }
    }

    /// The pictures of codes, `[count, ..]`.
    ///
    /// # Panics
    /// Where a code is not of this [`shape`](Explorer::shape).
    pub fn pictures(&mut self, codes: &[Code]) -> Vec<f32> {
        let values: Vec<f32> = codes.iter().flat_map(|code| code.values.iter().copied()).collect();
        match self.styles() {
            Some(styled) => self.sampler.apply(styled.synthesis, &values),
            None => {
                let classes: Vec<usize> = codes.iter().filter_map(|code| code.class).collect();
                self.sampler.of_latents(&values, &classes)
            }
        }
    }

    /// What codes are drawn towards by truncation: the mean style of all layers, or the latent vector 0.
    pub fn centre(&mut self) -> Vec<f32> {
        let CodeShape { layers, floats } = self.shape();
        match self.space {
            CodeSpace::Z => vec![0.0; floats],
            CodeSpace::W => mean(self.vectors(), floats)
                .map(|x| x as f32)
                .collect::<Vec<f32>>()
                .repeat(layers),
        }
    }

    /// Codes, all drawn towards the [`centre`](Explorer::centre): `centre + psi (code - centre)` (Karras et al. 2019, section 4.2
    /// and appendix B; of latent vectors `psi z`).
    pub fn truncated(&mut self, codes: &[Code], psi: f64) -> Vec<Code> {
        let centre = self.centre();
        let towards = |(x, centre): (&f32, &f32)| (f64::from(*centre) + psi * f64::from(x - centre)) as f32;
        codes
            .iter()
            .map(|code| Code {
                values: code.values.iter().zip(&centre).map(towards).collect(),
                class: code.class,
            })
            .collect()
    }

    /// Fresh vectors of a layer, `[STATISTICS, floats]`: latent vectors, or the styles of the first layer, which all have.
    fn vectors(&mut self) -> &[f32] {
        if self.vectors.is_none() {
            let z_dim = self.sampler.play().system().z_dim();
            let CodeShape { layers, floats } = self.shape();
            let values = self.mapped(&latent_vectors(STATISTICS_SEED, 0, STATISTICS, z_dim));
            let firsts = values.chunks_exact(layers * floats).flat_map(|code| &code[..floats]);
            self.vectors = Some(firsts.copied().collect());
        }
        self.vectors.as_deref().unwrap_or_default()
    }

    /// The deviation of codes: the root of the mean square distance of a number from its mean; 1 of latent vectors.
    fn deviation(&mut self) -> f64 {
        let floats = self.shape().floats;
        if self.space == CodeSpace::Z {
            return 1.0;
        }
        let vectors = self.vectors();
        let mean: Vec<f64> = mean(vectors, floats).collect();
        let squares = vectors
            .iter()
            .enumerate()
            .map(|(i, x)| (f64::from(*x) - mean[i % floats]).powi(2));
        (squares.sum::<f64>() / vectors.len() as f64)
            .sqrt()
            .max(f64::MIN_POSITIVE)
    }

    /// Deviations of fresh vectors along unit vectors `[rank, floats]`.
    fn deviations_along(&mut self, directions: &[f64]) -> Vec<f64> {
        let floats = self.shape().floats;
        let vectors = self.vectors();
        let along = |direction: &[f64]| {
            let coordinate =
                |vector: &[f32]| -> f64 { vector.iter().zip(direction).map(|(x, d)| f64::from(*x) * d).sum() };
            let (mut sum, mut squares) = (0.0, 0.0);
            for x in vectors.chunks_exact(floats).map(coordinate) {
                (sum, squares) = (sum + x, squares + x * x);
            }
            let count = (vectors.len() / floats) as f64;
            (squares / count - (sum / count).powi(2)).max(0.0).sqrt()
        };
        directions.chunks_exact(floats).map(along).collect()
    }
}

/// The mean of vectors of so many numbers.
fn mean(vectors: &[f32], floats: usize) -> impl Iterator<Item = f64> {
    let mut sums = vec![0.0; floats];
    for vector in vectors.chunks_exact(floats) {
        sums.iter_mut().zip(vector).for_each(|(sum, x)| *sum += f64::from(*x));
    }
    let count = (vectors.len() / floats) as f64;
    sums.into_iter().map(move |sum| sum / count)
}

/// A function from latent vectors to vectors of layers, and one from those to pictures.
fn styled(functions: &[Function]) -> Option<Styled> {
    functions.iter().find_map(|mapping| {
        let Space::Other(extents) = &mapping.gives else {
            return None;
        };
        let &[layers, floats] = &extents[..] else {
            return None;
        };
        let is_synthesis =
            |function: &&Function| function.takes == mapping.gives && function.gives == Space::Data(Field::X);
        let synthesis = functions.iter().find(is_synthesis)?;
        (mapping.takes == Space::Latent).then_some(Styled {
            mapping: mapping.name,
            synthesis: synthesis.name,
            shape: CodeShape { layers, floats },
        })
    })
}
