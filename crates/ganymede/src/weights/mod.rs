//! Weights that others have made, as tensors by name. Five kinds of file are read: safetensors, TensorFlow.js's manifests,
//! PyTorch's `.pth` of today (a ZIP archive) and of old, and plain pickles of NumPy arrays.
//!
//! The last three hold pickles, which are programs. **Nothing in them is run**: `pickle` carries out the few instructions that
//! make plain values, `objects` reads the calls that would have built tensors or objects that hold some, and whatever else a
//! file asks for is refused by its name. What a file says of sizes is held against the file's own size before memory is asked for, and
//! however deep it nests, nothing recurses.
//!
//! ```no_run
//! use ganymede::weights::Weights;
//!
//! let weights = Weights::read("resnet.pth".as_ref())?;
//! let kernel = weights.f32("conv1.weight", &[64, 3, 7, 7])?;
//! # Ok::<(), ganymede::weights::WeightsError>(())
//! ```
//!
//! Objects are read where their class is known here, by a row of `pickle::GLOBALS`: StyleGAN's networks and the settings of the
//! GAN zoo. Their attributes lie beside the tensors as plain values: [`Weights::number`], [`Weights::text`],
//! [`Weights::flag`]. What the names of a project mean, [`layouts`](crate::layouts) knows.
mod error;
mod objects;
mod pickle;
mod tensorflow_js;
mod torch;
mod view;

pub use error::{Problem, WeightsError};
pub use view::DType;

use crate::data::hex;
use safetensors::SafeTensors;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use view::{Bytes, View};

/// Shorthand of this module.
pub type Result<T> = std::result::Result<T, WeightsError>;

/// The tensors of a file, by name. They stay in the file's bytes until they are asked for.
pub struct Weights {
    path: PathBuf,
    digest: String,
    file: Vec<u8>,
    found: Found,
}

/// What a file holds, by name.
#[derive(Default)]
struct Found {
    tensors: BTreeMap<String, View>,
    settings: BTreeMap<String, Setting>,
}

/// A plain value beside tensors.
enum Setting {
    Flag(bool),
    Number(f64),
    Text(String),
}

impl Weights {
    /// Reads a file of weights; what kind it is, its first bytes tell.
    ///
    /// # Errors
    /// [`WeightsError`]: it cannot be read, is of no known kind, is damaged, or asks for more than tensors.
    pub fn read(path: &Path) -> Result<Weights> {
        let file = fs::read(path).map_err(Problem::Unreadable);
        file.and_then(|file| Weights::parse(file, path))
            .map_err(|problem| WeightsError {
                problem,
                path: path.to_owned(),
            })
    }

    /// Reads the bytes of a file of weights; `path` is what messages name, and beside what a manifest's files lie.
    ///
    /// # Errors
    /// The [`Problem`] with it.
    pub fn parse(file: Vec<u8>, path: &Path) -> std::result::Result<Weights, Problem> {
        let (file, found) = if tensorflow_js::is_manifest(&file) {
            tensorflow_js::read(file, path)?
        } else {
            let found = found(&file)?;
            (file, found)
        };
        Ok(Weights {
            found,
            digest: hex(&Sha256::digest(&file)),
            file,
            path: path.to_owned(),
        })
    }

    /// SHA-256 of the file (a manifest's with the files that it names), in hexadecimal.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The names of all tensors, in alphabetical order. A tensor within dicts and lists is named by the keys and places on the
    /// way to it, joined by dots.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.found.tensors.keys().map(String::as_str)
    }

    /// The extents of a tensor, outermost first, if there is one of this name.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.found.tensors.get(name).map(View::shape)
    }

    /// What the elements of a tensor are in the file, if there is one of this name.
    pub fn dtype(&self, name: &str) -> Option<DType> {
        self.found.tensors.get(name).map(View::dtype)
    }

    /// The number that an object or dict of the file has under this name, if there is one.
    pub fn number(&self, name: &str) -> Option<f64> {
        match self.found.settings.get(name) {
            Some(Setting::Number(number)) => Some(*number),
            _ => None,
        }
    }

    /// The text that an object or dict of the file has under this name, if there is one.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.found.settings.get(name) {
            Some(Setting::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// Whether something is so that an object or dict of the file says of this name, if it says it.
    pub fn flag(&self, name: &str) -> Option<bool> {
        match self.found.settings.get(name) {
            Some(Setting::Flag(flag)) => Some(*flag),
            _ => None,
        }
    }

    /// How many bytes the file has.
    pub fn bytes(&self) -> usize {
        self.file.len()
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The elements of a tensor in row-major order, as f32 whatever they are in the file.
    ///
    /// # Errors
    /// [`Problem::Missing`], or [`Problem::Shape`] where the tensor is not of this shape.
    pub fn f32(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let problem = |problem| WeightsError {
            problem,
            path: self.path.clone(),
        };
        let Some(view) = self.found.tensors.get(name) else {
            let alike = self.names().map(|other| (strsim::jaro_winkler(name, other), other));
            let nearest = alike
                .filter(|(likeness, _)| *likeness > 0.7)
                .max_by(|a, b| a.0.total_cmp(&b.0));
            return Err(problem(Problem::Missing {
                name: name.to_owned(),
                nearest: nearest.map(|(_, other)| other.to_owned()),
            }));
        };
        if view.shape() != shape {
            return Err(problem(Problem::Shape {
                name: name.to_owned(),
                expected: shape.to_vec(),
                got: view.shape().to_vec(),
            }));
        }
        Ok(view.to_f32(&self.file))
    }
}

fn found(file: &[u8]) -> error::Result<Found> {
    match file {
        [b'P', b'K', 3, 4, ..] => torch::zip(file),
        _ if torch::is_legacy(file) => torch::legacy(file),
        [0x80, 0..=5, ..] => torch::pickle(file),
        [_, _, _, _, _, _, _, _, b'{', ..] => safe_tensors(file),
        [] => Err(Problem::UnknownKind { got: "an empty file" }),
        [0x89, b'H', b'D', b'F', ..] => Err(Problem::UnknownKind { got: "an HDF5 file" }),
        [b'(' | b'c' | b'}' | b']', ..] => Err(Problem::UnknownKind {
            got: "something else (or a pickle of protocol 0 or 1)",
        }),
        _ => Err(Problem::UnknownKind { got: "something else" }),
    }
}

fn safe_tensors(file: &[u8]) -> error::Result<Found> {
    let damaged = |error: safetensors::SafeTensorError| Problem::damaged(error.to_string().to_lowercase());
    let (header, metadata) = SafeTensors::read_metadata(file).map_err(damaged)?;
    let mut tensors = BTreeMap::new();
    for (name, info) in metadata.tensors() {
        let dtype = match info.dtype {
            safetensors::Dtype::F64 => DType::F64,
            safetensors::Dtype::F32 => DType::F32,
            safetensors::Dtype::F16 => DType::F16,
            safetensors::Dtype::BF16 => DType::BF16,
            safetensors::Dtype::I64 => DType::I64,
            safetensors::Dtype::I32 => DType::I32,
            safetensors::Dtype::I16 => DType::I16,
            safetensors::Dtype::I8 => DType::I8,
            safetensors::Dtype::U8 => DType::U8,
            safetensors::Dtype::BOOL => DType::Bool,
            other => {
                return Err(Problem::damaged(format!(
                    "tensor `{name}` has the unusual type {other:?}"
                )));
            }
        };
        let (start, end) = info.data_offsets;
        let bytes = Bytes::InFile(8 + header + start..8 + header + end);
        tensors.insert(name, View::dense(dtype, info.shape.clone(), false, bytes)?);
    }
    Ok(Found {
        tensors,
        ..Found::default()
    })
}

#[cfg(test)]
mod tests;
