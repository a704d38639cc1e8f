//! Samples from the latest checkpoint of a run.
use super::checkpoint;
use super::folder::RunFolder;
use super::grid::Stamp;
use super::training::{Length, Order, TrainError, restore};
use crate::data::columns::Columns;
use crate::data::sounds::RATE_HZ;
use crate::data::volumes::Voxels;
use crate::data::{Shape, Want};
use crate::games::{Function, Play, Space, latent_vectors};
use crate::metrics::registry::Source;
use crate::models::{self, Built, Entry, Given};
use serde_json::Value;
use std::path::Path;

/// A trained system, ready to be asked.
pub struct Sampler {
    entry: &'static Entry,
    play: Play,
    shape: Shape,
    class_names: Vec<String>,
    columns: Option<Columns>,
    voxels: Option<Voxels>,
    data: String,
    want: Want,
    run_seed: u64,
    step: u64,
    at_a_time: usize,
}

/// A function that turns one picture into another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Translation {
    /// Its name.
    pub name: &'static str,
    /// Height, width and channels of what it takes.
    pub takes: [usize; 3],
    /// Height, width and channels of what it gives.
    pub gives: [usize; 3],
}

/// The functions of a system that turn one picture into another.
pub(super) fn translations(play: &Play) -> Vec<Translation> {
    let extents = |space: &Space| match (space, &play.shape_in(space)[1..]) {
        (Space::Data(_) | Space::Other(_), &[height, width, channels @ (1 | 3 | 4)]) => Some([height, width, channels]),
        _ => None,
    };
    let functions = play.system().functions().into_iter();
    let translation = |function: Function| {
        Some(Translation {
            name: function.name,
            takes: extents(&function.takes)?,
            gives: extents(&function.gives)?,
        })
    };
    functions.filter_map(translation).collect()
}

/// Pictures that are translated together.
const TOGETHER: usize = 8;

/// Samples are made this many at a time, whatever number is asked for, unless they are large.
pub(super) const BATCH: usize = 50;
/// Numbers of samples that are made at a time: fifty pictures of 167 x 167 pixels in colour. What networks compute on the way
/// is some fifty times as much.
const FLOATS: usize = 1 << 22;

/// How many samples of a shape are made at a time.
pub(super) fn together(shape: Shape) -> usize {
    match FLOATS / shape.floats().max(1) {
        BATCH.. => BATCH,
        // A power of two divides what is shown in a grid.
        fewer => 1 << fewer.max(1).ilog2(),
    }
}

impl Sampler {
    /// The system in its latest saved state.
    ///
    /// # Errors
    /// Where there is no run, or no whole checkpoint in it.
    pub fn open(path: &Path) -> Result<Sampler, TrainError> {
        Sampler::open_at(path, None)
    }

    /// The system in the state of a named checkpoint, such as `best`, or in its latest.
    ///
    /// # Errors
    /// As [`open`](Sampler::open).
    pub fn open_at(path: &Path, name: Option<&str>) -> Result<Sampler, TrainError> {
        let folder = RunFolder::open(path)?;
        let settings = folder.read_settings()?;
        let order = Order::of(&settings, path, Length::Steps(0), vec![])?;
        let entry = models::find(&order.system)?;
        let shape: Vec<usize> = settings
            .get("data.shape")
            .and_then(|shape| serde_json::from_value(shape.clone()).ok())
            .unwrap_or_default();
        let columns: Option<Columns> = settings
            .get("data.columns")
            .and_then(|columns| serde_json::from_value(columns.clone()).ok());
        let voxels: Option<Voxels> = settings
            .get("data.voxels")
            .and_then(|voxels| serde_json::from_value(voxels.clone()).ok());
        let shape = match shape[..] {
            [floats] if columns.is_some() => Shape::Row { floats },
            [height, width, channels] => Shape::Picture {
                height,
                width,
                channels,
            },
            [depth, height, width, channels] => Shape::Volume {
                depth,
                height,
                width,
                channels,
                is_scan: voxels.is_some(),
            },
            [steps, pitches] if settings.contains_key("data.lowest_pitch") => Shape::Roll {
                steps,
                pitches,
                lowest: settings["data.lowest_pitch"]
                    .as_u64()
                    .map_or(0, |lowest| lowest.min(127) as usize),
            },
            [count, _] if settings.contains_key("data.is_events") => Shape::Events { count },
            [length, channels] => Shape::Sound {
                length,
                channels,
                rate_hz: settings
                    .get("data.rate_hz")
                    .and_then(Value::as_u64)
                    .and_then(|rate| rate.try_into().ok())
                    .unwrap_or(RATE_HZ),
            },
            _ => Shape::Point {
                dimension: shape.first().copied().unwrap_or(2),
            },
        };
        let class_names: Option<Vec<String>> = settings
            .get("data.classes")
            .and_then(|names| serde_json::from_value(names.clone()).ok());
        let classes = class_names.as_ref().map(Vec::len);
        let resolved = models::resolve(entry.card.id, &entry.defaults(), &order.changes)?;
        let extras = settings.get("data.extras").cloned().unwrap_or_default();
        let given = Given {
            sample: shape,
            classes,
            extras: serde_json::from_value(extras).unwrap_or_default(),
            columns: columns.clone(),
        };
        let Built { system, scope, batch } = entry.build(&resolved, &given, order.seed)?;
        let mut play = Play::new(system, scope, given.of_batch(batch), order.seed).in_precision(order.precision);
        let (saved, file) = match name {
            Some(name) => {
                let file = checkpoint::named_file(&folder, name)?;
                (checkpoint::load(&file)?, file)
            }
            None => {
                let saved = checkpoint::load_latest(&folder)?;
                let file = folder.checkpoint_file(saved.step);
                (saved, file)
            }
        };
        restore(&mut play, &saved, &file)?;
        Ok(Sampler {
            entry,
            play,
            shape,
            class_names: class_names.unwrap_or_default(),
            columns,
            voxels,
            data: order.data,
            want: order.want,
            run_seed: order.seed,
            step: saved.step,
            at_a_time: together(shape),
        })
    }

    /// Makes samples so many at a time from here on: what is short of that is filled up and thrown away, and each number is
    /// planned once. Whoever waits for a single picture asks for 1.
    pub fn make_at_a_time(&mut self, count: usize) {
        self.at_a_time = count.max(1);
    }

    /// The system's registered entry.
    pub fn entry(&self) -> &'static Entry {
        self.entry
    }

    pub(crate) fn play(&self) -> &Play {
        &self.play
    }

    /// The system as it is played, for whoever asks more of it than samples.
    pub fn play_mut(&mut self) -> &mut Play {
        &mut self.play
    }

    /// Whether it makes samples of latent vectors; some systems only compute things of examples.
    pub fn makes_samples(&self) -> bool {
        self.play.system().z_dim() > 0
    }

    /// The functions that turn one picture into another.
    pub fn translations(&self) -> Vec<Translation> {
        translations(&self.play)
    }

    /// How pictures are brought to a height, a width and channels, otherwise as the run's data were.
    pub fn want(&self, [height, width, channels]: [usize; 3]) -> Want {
        Want {
            size: Some((height, width)),
            channels: Some(channels),
            ..self.want.clone()
        }
    }

    /// What one of the [`translations`](Sampler::translations) makes of pictures, row-major: a picture's partner does not
    /// depend on the others.
    ///
    /// # Panics
    /// Where `pictures` are not whole pictures of the extents that it takes.
    pub fn translate(&mut self, translation: &Translation, pictures: &[f32]) -> Vec<f32> {
        let floats: usize = translation.takes.iter().product();
        let play = &mut self.play;
        in_batches(pictures, floats, TOGETHER, |whole, _| {
            play.apply(translation.name, whole)
        })
    }

    /// What it makes of latent vectors `[count, z_dim]`, of a class number each where it is told classes: `[count, ..]`.
    ///
    /// # Panics
    /// Where `z` are not whole latent vectors, or classes are not given to a system that is told them.
    pub fn of_latents(&mut self, z: &[f32], classes: &[usize]) -> Vec<f32> {
        let z_dim = self.play.system().z_dim();
        let play = &mut self.play;
        let is_conditional = play.system().classes().is_some();
        let batch = self.at_a_time;
        in_batches(z, z_dim, batch, |whole, first| {
            let class_of = |i| classes.get(first + i).copied().unwrap_or_default() as f32;
            let y: Vec<f32> = (0..batch).map(class_of).collect();
            play.sample(whole, is_conditional.then_some(&y))
        })
    }

    /// What one of the system's functions makes of whole things that it takes, one after the other.
    ///
    /// # Panics
    /// Where the system has no such function, or `input` another length.
    pub fn apply(&mut self, name: &str, input: &[f32]) -> Vec<f32> {
        let functions = self.play.system().functions();
        let function = functions.iter().find(|function| function.name == name);
        let function = function.unwrap_or_else(|| panic!("sampler: the system has no function `{name}`"));
        let floats = self.play.shape_in(&function.takes)[1..].iter().product();
        let play = &mut self.play;
        in_batches(input, floats, self.at_a_time, |whole, _| play.apply(name, whole))
    }

    /// How many samples are made at a time.
    pub(crate) fn together(&self) -> usize {
        self.at_a_time
    }

    /// The shape of one sample.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// How many classes can be asked for, if any.
    pub fn classes(&self) -> Option<usize> {
        self.play.system().classes()
    }

    /// The data that the run was trained on, as they were named to it.
    pub fn data(&self) -> &str {
        &self.data
    }

    /// The names of the data's classes, by class number; none where the data had no labels.
    pub fn class_names(&self) -> &[String] {
        &self.class_names
    }

    /// What the numbers of its rows mean, where it makes rows of a table.
    pub fn columns(&self) -> Option<&Columns> {
        self.columns.as_ref()
    }

    /// What the numbers of its volumes stand for: as the data had it, or from -1 to 1 in places a millimetre apart.
    pub fn voxels(&self) -> Voxels {
        self.voxels.unwrap_or(Voxels {
            spacing_mm: [1.0; 3],
            range: [-1.0, 1.0],
        })
    }

    /// What files made from these samples say of themselves.
    pub fn stamp(&self) -> Stamp {
        Stamp {
            system: self.entry.card.id.to_owned(),
            seed: self.run_seed,
            step: self.step,
        }
    }

    /// Samples number `first..first + count` of a seed, `[count, ..]` row-major: sample i of a seed is always the same.
    /// Conditional systems make the asked class, or all classes in turn.
    pub fn samples(&mut self, seed: u64, first: usize, count: usize, class: Option<usize>) -> Vec<f32> {
        draw(&mut self.play, self.at_a_time, seed, first, count, class)
    }

    /// The samples of a seed as measures take them.
    pub fn source(&mut self, seed: u64) -> Drawn<'_> {
        Drawn {
            play: &mut self.play,
            shape: self.shape,
            seed,
        }
    }
}

/// What `run` makes of things of so many numbers each, a whole batch at a time, so that one program makes them all and what
/// becomes of one does not depend on how many others there are; it is told the number of the first thing of each batch.
pub(crate) fn in_batches(
    things: &[f32],
    floats: usize,
    batch: usize,
    mut run: impl FnMut(&[f32], usize) -> Vec<f32>,
) -> Vec<f32> {
    let mut made = vec![];
    for (number, part) in things.chunks(batch * floats).enumerate() {
        let mut whole = part.to_vec();
        whole.resize(batch * floats, 0.0);
        let all = run(&whole, number * batch);
        made.extend_from_slice(&all[..all.len() / batch * (part.len() / floats)]);
    }
    made
}

/// See [`Sampler::samples`].
fn draw(play: &mut Play, batch: usize, seed: u64, first: usize, count: usize, class: Option<usize>) -> Vec<f32> {
    let (z_dim, classes) = (play.system().z_dim(), play.system().classes());
    let latents = latent_vectors(seed, first, count, z_dim);
    in_batches(&latents, z_dim, batch, |z, at| {
        let y = classes.map(|classes| {
            let class_of = |i: usize| class.unwrap_or((first + at + i) % classes) as f32;
            (0..batch).map(class_of).collect::<Vec<f32>>()
        });
        play.sample(z, y.as_deref())
    })
}

/// The samples of a seed, drawn from a state.
pub struct Drawn<'a> {
    pub(super) play: &'a mut Play,
    pub(super) shape: Shape,
    pub(super) seed: u64,
}

impl Source for Drawn<'_> {
    fn samples(&mut self, first: usize, count: usize) -> (Vec<f32>, Vec<u32>) {
        let classes = self.play.system().classes().unwrap_or(1);
        let labels = (first..first + count).map(|i| (i % classes) as u32).collect();
        (
            draw(self.play, together(self.shape), self.seed, first, count, None),
            labels,
        )
    }

    fn of_latents(&mut self, z: &[f32]) -> Vec<f32> {
        let count = z.len() / self.z_dim();
        let y = self
            .play
            .system()
            .classes()
            .map(|classes| classes_in_turn(count, classes));
        self.play.sample(z, y.as_deref())
    }

    fn z_dim(&self) -> usize {
        self.play.system().z_dim()
    }

    fn is_conditional(&self) -> bool {
        self.play.system().classes().is_some()
    }
}

/// Class numbers 0, 1, 2, ... again and again.
pub(super) fn classes_in_turn(count: usize, classes: usize) -> Vec<f32> {
    (0..count).map(|i| (i % classes) as f32).collect()
}

/// The first two coordinates of points.
pub fn points(values: &[f32], dimension: usize) -> Vec<[f32; 2]> {
    values
        .chunks_exact(dimension)
        .map(|point| [point[0], point.get(1).copied().unwrap_or(0.0)])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_samples_are_made_a_few_at_a_time() {
        let of = |side: usize| {
            together(Shape::Picture {
                height: side,
                width: side,
                channels: 3,
            })
        };
        assert_eq!([28, 160, 256, 1024, 4096].map(of), [50, 50, 16, 1, 1]);
    }
}
