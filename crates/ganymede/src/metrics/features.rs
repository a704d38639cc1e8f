//! Networks whose features measures of pictures are taken in.
//!
//! | name | network | weights |
//! |---|---|---|
//! | `effnet-lite0` | [`efficientnet_lite0`] | `gany data get effnet-lite0` |
//! | `squeezenet` | [`squeezenet`] | `gany data get squeezenet` |
//! | `inception-v3` | [`inception_v3`], resizing as `torch-fidelity` | a file of the user's |
//! | `inception-v3-clean` | [`inception_v3`], resizing as `clean-fid` | a file of the user's |
//!
//! ```no_run
//! use ganymede::metrics::features::{self, FeatureNetwork};
//!
//! let mut network = features::open("effnet-lite0", None)?;
//! let answer = network.answer(&[0.0; 10 * 32 * 32], [32, 32, 1]);
//! assert_eq!(answer.features.len(), 10 * network.dimension());
//! # Ok::<(), features::FeaturesError>(())
//! ```
pub mod efficientnet_lite0;
pub mod inception_v3;
pub(crate) mod loading;
pub(crate) mod padding;
pub(crate) mod pooling;
pub mod resize;
pub mod squeezenet;

use crate::data::{self, DataError};
use crate::weights::{Weights, WeightsError};
use gany_engine::{Buffer, DType, Program, Tensor};
use rayon::prelude::*;
use resize::{Resize, Resizing};
use std::path::{Path, PathBuf};

/// A network that says what is in a picture as numbers.
pub trait FeatureNetwork {
    /// Its name in protocols, such as `effnet-lite0`.
    fn name(&self) -> &str;
    /// SHA-256 of its weights in hexadecimal.
    fn digest(&self) -> &str;
    /// Numbers in a feature vector.
    fn dimension(&self) -> usize;
    /// How it wants pictures brought to its size, as protocols name it, such as `bicubic-antialiased 224x224`.
    fn resize(&self) -> &str;
    /// Features `[n, dimension]` and class logits `[n, classes]` (empty where it has none) of pictures `[n, height, width,
    /// channels]` in [-1, 1], channels 1 or 3, any size.
    fn answer(&mut self, pictures: &[f32], shape: [usize; 3]) -> Answer;
}

/// What a network makes of pictures.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// `[n, dimension]`
    pub features: Vec<f32>,
    /// `[n, classes]`, or nothing.
    pub logits: Vec<f32>,
}

/// Pictures that a network looks at together. Asked about a multiple of so many, it wastes no work.
pub const BATCH: usize = 16;

/// A network with a name.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Its name.
    pub id: &'static str,
    /// What `gany data get` fetches its weights as; none: the user has to have them.
    pub fetched_as: Option<&'static str>,
    open: fn(&Weights) -> Result<Network, WeightsError>,
}

/// Every network with a name.
pub const NETWORKS: &[Entry] = &[
    Entry {
        id: "effnet-lite0",
        fetched_as: Some("effnet-lite0"),
        open: efficientnet_lite0::open,
    },
    Entry {
        id: "squeezenet",
        fetched_as: Some("squeezenet"),
        open: squeezenet::open,
    },
    Entry {
        id: "inception-v3",
        fetched_as: None,
        open: |weights| inception_v3::open(weights, Resize::BilinearTensorFlow1),
    },
    Entry {
        id: "inception-v3-clean",
        fetched_as: None,
        open: |weights| inception_v3::open(weights, Resize::BicubicAntialiased),
    },
];

/// What can keep a feature network from being opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FeaturesError {
    /// There is no network of this name.
    #[error("unknown feature network `{name}`: expected one of {}", known())]
    Unknown {
        /// The name that was given.
        name: String,
    },
    /// Its weights are to be had, but not here yet.
    #[error("the weights of `{name}` are not on this computer: {}", path.display())]
    NotFetched {
        /// The name to fetch.
        name: &'static str,
        /// Where they would lie.
        path: PathBuf,
    },
    /// Nobody may hand out its weights but the user.
    #[error("`{name}` needs a file of weights: expected one, got none")]
    NoWeights {
        /// The network.
        name: &'static str,
    },
    /// Its weights cannot be read.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// There is no folder for fetched files.
    #[error(transparent)]
    Data(#[from] DataError),
}

impl FeaturesError {
    /// The way out, one sentence without a full stop.
    pub fn hint(&self) -> Option<String> {
        match self {
            FeaturesError::Unknown { .. } => {
                Some("`effnet-lite0` needs nothing but `gany data get effnet-lite0`".into())
            }
            FeaturesError::NotFetched { name, .. } => Some(format!("fetch them once with `gany data get {name}`")),
            FeaturesError::NoWeights { .. } => Some(
                "give the file `pt_inception-2015-12-05-6726825d.pth` that pytorch-fid and torch-fidelity use".into(),
            ),
            FeaturesError::Weights(error) => Some(error.hint()),
            FeaturesError::Data(error) => error.hint(),
        }
    }
}

fn known() -> String {
    NETWORKS.iter().map(|entry| entry.id).collect::<Vec<_>>().join(", ")
}

/// The network of this name, with the weights of a file, or else with those that were fetched.
///
/// # Errors
/// [`FeaturesError`].
pub fn open(name: &str, weights: Option<&Path>) -> Result<Box<dyn FeatureNetwork>, FeaturesError> {
    let entry = NETWORKS.iter().find(|entry| entry.id == name);
    let entry = entry.ok_or_else(|| FeaturesError::Unknown { name: name.to_owned() })?;
    let path = match (weights, entry.fetched_as) {
        (Some(path), _) => path.to_owned(),
        (None, Some(id)) => fetched(id)?,
        (None, None) => return Err(FeaturesError::NoWeights { name: entry.id }),
    };
    Ok(Box::new((entry.open)(&Weights::read(&path)?)?))
}

/// Where the one file of fetched weights lies.
///
/// # Errors
/// [`FeaturesError::NotFetched`], [`FeaturesError::Data`].
pub(crate) fn fetched(id: &'static str) -> Result<PathBuf, FeaturesError> {
    let entry = data::registry::find_supply(id).expect("weights that networks name have a row");
    let path = data::get::folder_of(entry)?.join(entry.route.files()[0].name());
    if !path.is_file() {
        return Err(FeaturesError::NotFetched { name: id, path });
    }
    Ok(path)
}

/// What is said of a [`Network`].
pub(crate) struct About {
    pub(crate) name: &'static str,
    pub(crate) digest: String,
    pub(crate) resize: Resize,
    /// Height and width of the pictures that it takes.
    pub(crate) side: usize,
}

/// A network with its weights, compiled for batches of [`BATCH`] pictures.
pub struct Network {
    about: About,
    resize: String,
    /// Pictures `[BATCH, side, side, 3]` in [0, 255] to features and logits.
    program: Program,
    pictures: [Buffer; 1],
}

impl Network {
    /// Compiles a function from pictures `[n, side, side, 3]` in [0, 255] to features `[n, dimension]` and logits
    /// `[n, classes]`, in which all weights have values.
    pub(crate) fn compile(about: About, forward: impl Fn(&Tensor) -> [Tensor; 2]) -> Network {
        let shape = [BATCH, about.side, about.side, 3];
        let x = Tensor::placeholder(DType::F32, &shape);
        let outputs = forward(&x);
        Network {
            resize: about.resize.name(about.side),
            about,
            program: Program::compile(&[x], &outputs, &[None, None]),
            pictures: [Buffer::zeros(DType::F32, shape.iter().product())],
        }
    }
}

impl FeatureNetwork for Network {
    fn name(&self) -> &str {
        self.about.name
    }

    fn digest(&self) -> &str {
        &self.about.digest
    }

    fn dimension(&self) -> usize {
        self.program.output(0).len() / BATCH
    }

    fn resize(&self) -> &str {
        &self.resize
    }

    fn answer(&mut self, pictures: &[f32], shape: [usize; 3]) -> Answer {
        thread_local!(static RESIZING: std::cell::RefCell<Resizing> = std::cell::RefCell::default());
        let floats: usize = shape.iter().product();
        let About { resize, side, .. } = self.about;
        let mut answer = Answer::default();
        for part in pictures.chunks(BATCH * floats) {
            let x = self.pictures[0].as_f32_mut().par_chunks_exact_mut(side * side * 3);
            x.zip(part.par_chunks(floats)).for_each(|(x, picture)| {
                RESIZING.with_borrow_mut(|resizing| resizing.apply(resize, picture, shape, x, side));
            });
            self.program.run(&mut self.pictures);
            let share = |output: usize| {
                let all = self.program.output(output);
                &all[..all.len() / BATCH * (part.len() / floats)]
            };
            answer.features.extend_from_slice(share(0));
            answer.logits.extend_from_slice(share(1));
        }
        answer
    }
}

#[cfg(test)]
pub(crate) mod tests;
