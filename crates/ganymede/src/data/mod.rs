//! Data: pictures, sounds, points and tables, from files, packages and formulas, as batches of plain floats.
//!
//! The one idea: a batch is a pure function of (data, seed, number of the first example). There is no loader state, so a
//! resumed run needs none, and any number of threads makes the same batches.
//!
//! ```
//! use ganymede::data::{Batch, Dataset, Want, open};
//!
//! let data = open("fashion-mnist-10k", &Want::default())?;
//! let mut batch = Batch::of(&*data, 64);
//! batch.fill(&*data, 0, 128)?;
//! assert_eq!(batch.x_shape(), [64, 28, 28, 1]);
//! # Ok::<(), ganymede::data::DataError>(())
//! ```

/// What is read, and how it is labelled.
#[doc = include_str!("../../../../docs/guides/your-own-data.md")]
pub mod your_own_data {}

pub mod absent;
pub mod archive;
pub mod bits;
pub mod builtin;
mod catalogue;
pub mod check;
pub mod cifar;
mod collection;
pub mod columns;
pub mod decode;
pub mod error;
mod fingerprint;
pub mod fog;
pub mod folder;
pub mod frames;
pub mod get;
pub mod idx;
pub mod labels;
mod listing;
pub mod marks;
pub mod meshes;
pub mod mixture;
pub mod moving;
pub mod nifti;
pub mod npy;
pub mod open;
pub mod order;
pub mod others;
pub mod pack;
pub mod pairs;
pub mod parquet;
pub mod part;
pub mod pictures;
pub mod poisoned;
pub mod prefetch;
pub mod registry;
pub mod shaping;
pub mod shards;
pub mod sounds;
mod spectrogram;
pub mod stacked;
#[cfg(feature = "svg")]
mod svg;
pub mod tables;
pub mod tones;
pub mod toys;
pub mod tunes;
mod views;
pub mod volumes;

pub use check::{Report, check};
pub use error::{DataError, Result};
pub use get::get;
pub use open::open;
pub use pack::pack;
pub use pictures::Pictures;
pub use prefetch::Prefetcher;
pub use shaping::{Fit, Key, Want};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The shape of one example.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// A picture, channels last: `(height, width, channels)` floats in [-1, 1].
    Picture {
        /// Rows, in pixels.
        height: usize,
        /// Columns, in pixels.
        width: usize,
        /// 1 grey, 2 grey and alpha, 3 red-green-blue, 4 red-green-blue and alpha.
        channels: usize,
    },
    /// A volume, channels last: `(depth, height, width, channels)` floats in [-1, 1], rows from the top.
    Volume {
        /// Slices, from the front.
        depth: usize,
        /// Rows of a slice.
        height: usize,
        /// Columns of a slice.
        width: usize,
        /// Numbers in a place; 1 of solids: 1 inside and -1 outside.
        channels: usize,
        /// Whether it is looked at slice by slice, as what a scanner makes, and not from outside.
        is_scan: bool,
    },
    /// A sound, channels last: `(length, channels)` floats in [-1, 1].
    Sound {
        /// Samples, from the first.
        length: usize,
        /// Numbers in a sample; 1 of a sound that comes from one place.
        channels: usize,
        /// Samples in a second.
        rate_hz: u32,
    },
    /// Bars of a tune on a grid: `(steps, pitches)` floats, above 0 where a pitch sounds.
    Roll {
        /// Moments, sixteen to a bar.
        steps: usize,
        /// Semitones that can sound.
        pitches: usize,
        /// The lowest of them, 60 for middle C.
        lowest: usize,
    },
    /// Notes of a tune one after the other: `(count, 4)` floats in [-1, 1], see [`tunes`].
    Events {
        /// Notes.
        count: usize,
    },
    /// A point of the plane or of a space.
    Point {
        /// How many coordinates.
        dimension: usize,
    },
    /// A row of a table, encoded as its [`columns::Columns`] say.
    Row {
        /// How many numbers it is encoded in.
        floats: usize,
    },
}

impl Shape {
    /// How many floats one example takes.
    pub fn floats(&self) -> usize {
        match *self {
            Self::Picture {
                height,
                width,
                channels,
            } => height * width * channels,
            Self::Volume {
                depth,
                height,
                width,
                channels,
                ..
            } => depth * height * width * channels,
            Self::Sound { length, channels, .. } => length * channels,
            Self::Roll { steps, pitches, .. } => steps * pitches,
            Self::Events { count } => count * tunes::events::NUMBERS,
            Self::Point { dimension } => dimension,
            Self::Row { floats } => floats,
        }
    }

    /// The shape of examples with `more` channels, or coordinates, beside their own.
    ///
    /// # Panics
    /// Of tunes, which have neither.
    pub fn beside(self, more: usize) -> Shape {
        match self {
            Self::Picture {
                height,
                width,
                channels,
            } => Self::Picture {
                height,
                width,
                channels: channels + more,
            },
            Self::Volume {
                depth,
                height,
                width,
                channels,
                is_scan,
            } => Self::Volume {
                depth,
                height,
                width,
                channels: channels + more,
                is_scan,
            },
            Self::Sound {
                length,
                channels,
                rate_hz,
            } => Self::Sound {
                length,
                channels: channels + more,
                rate_hz,
            },
            Self::Roll { .. } | Self::Events { .. } => panic!("nothing stands beside the notes of a tune"),
            Self::Point { dimension } => Self::Point {
                dimension: dimension + more,
            },
            Self::Row { floats } => Self::Row { floats: floats + more },
        }
    }

    /// The dimensions of `count` examples: `[count, height, width, channels]`, `[count, depth, height, width, channels]`,
    /// `[count, length, channels]`, `[count, steps, pitches]`, `[count, notes, 4]`, `[count, dimension]` or `[count, floats]`.
    pub fn of_batch(&self, count: usize) -> Vec<usize> {
        match *self {
            Self::Picture {
                height,
                width,
                channels,
            } => vec![count, height, width, channels],
            Self::Volume {
                depth,
                height,
                width,
                channels,
                ..
            } => vec![count, depth, height, width, channels],
            Self::Sound { length, channels, .. } => vec![count, length, channels],
            Self::Roll { steps, pitches, .. } => vec![count, steps, pitches],
            Self::Events { count: notes } => vec![count, notes, tunes::events::NUMBERS],
            Self::Point { dimension } => vec![count, dimension],
            Self::Row { floats } => vec![count, floats],
        }
    }

    /// Rows, columns and channels of what an example is drawn as: a picture as itself, a volume as two views or slices of it, a
    /// sound as its spectrogram, a tune with its pitches upwards; points and rows are not drawn one by one.
    pub fn picture(&self) -> Option<[usize; 3]> {
        match *self {
            Self::Picture {
                height,
                width,
                channels,
            } => Some([height, width, channels]),
            Self::Volume {
                depth, height, width, ..
            } => Some(views::extents([depth, height, width])),
            Self::Sound { .. } => Some(spectrogram::EXTENTS),
            Self::Roll { steps, pitches, .. } => Some(tunes::roll::extents(steps, pitches)),
            Self::Events { .. } => Some(tunes::events::EXTENTS),
            Self::Point { .. } | Self::Row { .. } => None,
        }
    }

    /// Examples as the [`picture`](Shape::picture)s that they are drawn as; points and rows as they are.
    pub fn drawn<'v>(&self, values: &'v [f32]) -> std::borrow::Cow<'v, [f32]> {
        match *self {
            Self::Volume {
                depth,
                height,
                width,
                channels,
                is_scan,
            } => {
                let draw = if is_scan { views::slices } else { views::of };
                draw(values, [depth, height, width], channels).into()
            }
            Self::Sound { length, channels, .. } => spectrogram::of(values, length, channels).into(),
            Self::Roll { steps, pitches, .. } => tunes::roll::drawn(values, steps, pitches).into(),
            Self::Events { count } => tunes::events::drawn(values, count).into(),
            _ => values.into(),
        }
    }
}

/// A part of an example, by the name that systems ask for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Field {
    /// The picture or point.
    X,
    /// The class number.
    Y,
    /// The second picture, of systems that turn pictures into pictures.
    XB,
    /// The corners of a box, left upper and right lower, `[2, 2]` in [-1, 1] across the picture.
    Box,
    /// Key points, `[points, 2]` in [-1, 1] across the picture.
    Points,
    /// The chord of every bar of a tune, `[bars, 13]`: 1 for its root among the twelve pitch classes from C, and 1 for major.
    Chords,
}

impl std::fmt::Display for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::X => "x",
            Self::Y => "y",
            Self::XB => "x_b",
            Self::Box => "box",
            Self::Points => "points",
            Self::Chords => "chords",
        })
    }
}

/// A part of an example beside `x` and `y`: a second picture, a box, key points, chords.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extra {
    /// What systems ask for it by.
    pub field: Field,
    /// Its extents for one example.
    pub shape: Vec<usize>,
}

impl Extra {
    /// How many floats it takes for one example.
    pub fn floats(&self) -> usize {
        self.shape.iter().product()
    }
}

/// The centres that a toy distribution is known to have, for coverage checks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Modes {
    /// Where the modes lie; the label of an example is the number of its mode.
    pub centres: Vec<[f32; 2]>,
    /// Standard deviation around a centre along each axis.
    pub std_dev: f32,
}

/// Examples by number, and batches as a pure function of (seed, number of the first example).
pub trait Dataset: Send + Sync + std::fmt::Debug {
    /// What a person calls it, such as `mnist:test` or a path.
    fn name(&self) -> &str;

    /// SHA-256 of the content in hexadecimal, computed once; independent of the wanted size.
    fn digest(&self) -> &str;

    /// How many examples there are; `None`: as many as are asked for.
    fn len(&self) -> Option<u64>;

    /// Always false: opening a data set without examples is an error.
    fn is_empty(&self) -> bool {
        self.len() == Some(0)
    }

    /// The shape of one example.
    fn shape(&self) -> Shape;

    /// The names of the classes, by class number, if there are labels.
    fn classes(&self) -> Option<&[String]> {
        None
    }

    /// What every example has beside `x` and `y`.
    fn extras(&self) -> &[Extra] {
        &[]
    }

    /// What every example has.
    fn has(&self) -> &[Field] {
        if self.classes().is_some() {
            &[Field::X, Field::Y]
        } else {
            &[Field::X]
        }
    }

    /// What the numbers of an encoded row mean, of tables.
    fn columns(&self) -> Option<&columns::Columns> {
        None
    }

    /// What the numbers of a volume stand for, where a scanner made them.
    fn voxels(&self) -> Option<volumes::Voxels> {
        None
    }

    /// The modes of a toy distribution, where they are known.
    fn modes(&self) -> Option<&Modes> {
        None
    }

    /// What a person should be told about this data, such as skipped files; whole sentences.
    fn notes(&self) -> &[String] {
        &[]
    }

    /// What a person calls an example: the path of its file inside the folder or archive. `None` where it has no name.
    fn example_name(&self, _index: u64) -> Option<&str> {
        None
    }

    /// What is written about an example, if something is.
    fn caption(&self, _index: u64) -> Option<&str> {
        None
    }

    /// Writes example `index` (from 0) into `x` ([`Shape::floats`] long) and returns its class number, 0 without labels.
    ///
    /// # Errors
    /// [`DataError::NoExample`] past the end; [`DataError::BrokenPicture`] or [`DataError::Unreadable`] for a file that is
    /// decoded on demand.
    ///
    /// # Panics
    /// If `x` has another length.
    fn read(&self, index: u64, x: &mut [f32]) -> Result<u32>;

    /// Writes extra number `extra` of [`Dataset::extras`] of example `index` into `to` ([`Extra::floats`] long).
    ///
    /// # Errors
    /// As [`Dataset::read`].
    ///
    /// # Panics
    /// If there is no such extra, or `to` has another length.
    fn read_extra(&self, extra: usize, _index: u64, _to: &mut [f32]) -> Result<()> {
        panic!("`{}` has no extra {extra}", self.name())
    }

    /// Example `index` (from 0): its floats and its class number, 0 without labels.
    ///
    /// # Errors
    /// As [`Dataset::read`].
    fn example(&self, index: u64) -> Result<(Vec<f32>, u32)> {
        let mut x = vec![0.0; self.shape().floats()];
        let label = self.read(index, &mut x)?;
        Ok((x, label))
    }

    /// Writes `count` examples of the run with this seed, of which the first is the `first`-th since the run began.
    ///
    /// `x` takes `count` examples one after the other, `y` their class numbers as floats (0 without labels) or nothing if
    /// it is empty. Within an epoch, a stretch of [`Dataset::len`] numbers, no example repeats; each epoch has an order of
    /// its own (see [`order`]). A batch may reach over the end of an epoch.
    ///
    /// # Errors
    /// As [`Dataset::read`].
    ///
    /// # Panics
    /// If `x` or `y` has another length.
    fn batch(&self, seed: u64, first: u64, count: usize, x: &mut [f32], y: &mut [f32]) -> Result<()> {
        let floats = self.shape().floats();
        check_lengths(floats, count, x, y);
        for (i, x) in x.chunks_exact_mut(floats).enumerate() {
            let k = first + i as u64;
            let label = self.read(self.len().map_or(k, |len| order::nth(seed, len, k)), x)?;
            if let Some(y) = y.get_mut(i) {
                *y = label as f32;
            }
        }
        Ok(())
    }

    /// As [`Dataset::batch`] for extra number `extra` of the same examples: `count` extras one after the other.
    ///
    /// # Errors
    /// As [`Dataset::read`].
    ///
    /// # Panics
    /// If there is no such extra, or `to` has another length.
    fn batch_extra(&self, extra: usize, seed: u64, first: u64, count: usize, to: &mut [f32]) -> Result<()> {
        let floats = self.extras()[extra].floats();
        check_lengths(floats, count, to, &[]);
        for (i, to) in to.chunks_exact_mut(floats).enumerate() {
            let k = first + i as u64;
            self.read_extra(extra, self.len().map_or(k, |len| order::nth(seed, len, k)), to)?;
        }
        Ok(())
    }
}

fn check_lengths(floats: usize, count: usize, x: &[f32], y: &[f32]) {
    assert_eq!(
        x.len(),
        count * floats,
        "x must take {count} examples of {floats} floats"
    );
    assert!(
        y.is_empty() || y.len() == count,
        "y must take {count} labels or none, not {}",
        y.len()
    );
}

/// A batch: buffers that are filled again and again.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// The examples one after the other, [`Batch::x_shape`].
    pub x: Vec<f32>,
    /// Their class numbers, `[count]`; zeros without labels.
    pub y: Vec<f32>,
    /// The other parts of the examples, in the order of [`Dataset::extras`], each `[count, ..]`.
    pub extras: Vec<Vec<f32>>,
    shape: Shape,
}

impl Batch {
    /// Room for `count` examples of this data, all zeros.
    pub fn of(data: &(impl Dataset + ?Sized), count: usize) -> Self {
        let shape = data.shape();
        Self {
            x: vec![0.0; count * shape.floats()],
            y: vec![0.0; count],
            extras: data
                .extras()
                .iter()
                .map(|extra| vec![0.0; count * extra.floats()])
                .collect(),
            shape,
        }
    }

    /// How many examples it takes.
    pub fn count(&self) -> usize {
        self.y.len()
    }

    /// The shape of one example.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The dimensions of `x`, as [`Shape::of_batch`] says.
    pub fn x_shape(&self) -> Vec<usize> {
        self.shape.of_batch(self.count())
    }

    /// Fills it by [`Dataset::batch`] and [`Dataset::batch_extra`].
    ///
    /// # Errors
    /// As [`Dataset::read`].
    ///
    /// # Panics
    /// If the data have another shape than those it was made for.
    pub fn fill(&mut self, data: &(impl Dataset + ?Sized), seed: u64, first: u64) -> Result<()> {
        let count = self.y.len();
        data.batch(seed, first, count, &mut self.x, &mut self.y)?;
        let mut extras = self.extras.iter_mut().enumerate();
        extras.try_for_each(|(extra, to)| data.batch_extra(extra, seed, first, count, to))
    }
}

/// SHA-256 in hexadecimal.
pub(crate) fn sha256_hex(parts: &[&[u8]]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    hex(&hasher.finalize())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
