//! What the sample grids of a run show: samples of fixed latent vectors, or, where a system makes nothing of those, fixed
//! examples and what it makes of them.
use super::grid::{Pictures, Stamp, grid_png, scatter_png};
use super::sampling::{BATCH, classes_in_turn, points, together};
use super::training::{Order, TrainError};
use crate::data::part::held_out;
use crate::data::{Batch, DataError, Dataset, Field, Shape};
use crate::games::{Play, Space, latent_vectors};
use std::path::Path;

/// Pictures in a row, about, and rows of examples.
const COLUMNS: usize = 8;
const ROWS: usize = 8;
/// Points in a plot.
const POINTS: usize = 1024;

/// What is shown of every state of a run.
pub(super) enum Showing {
    /// Samples of these latent vectors and classes.
    Samples {
        z: Vec<f32>,
        y: Option<Vec<f32>>,
        columns: usize,
    },
    /// Examples that training never sees, where there are any, each followed by what the system makes of it.
    Examples {
        /// The parts of the examples, in the order of their fields.
        parts: Vec<(Field, Vec<f32>)>,
        count: usize,
    },
}

/// What is shown of one state.
pub(super) struct Shown {
    /// Things of one shape, one after the other.
    pub(super) values: Vec<f32>,
    /// Their shape.
    pub(super) shape: Shape,
    /// How many of them are in a row.
    pub(super) columns: usize,
}

impl Showing {
    /// What to show of a run on these data.
    ///
    /// # Errors
    /// Where examples cannot be read.
    pub(super) fn of(order: &Order, data: &dyn Dataset, play: &Play) -> Result<Showing, DataError> {
        let system = play.system();
        if system.z_dim() > 0 {
            let classes = system.classes();
            let count = match (data.shape(), classes) {
                (Shape::Point { .. } | Shape::Row { .. }, _) => POINTS,
                (_, Some(classes)) => classes * ROWS,
                (_, None) => COLUMNS * ROWS,
            };
            return Ok(Showing::Samples {
                z: latent_vectors(order.seed, 0, count, system.z_dim()),
                y: classes.map(|classes| classes_in_turn(count, classes)),
                columns: classes.unwrap_or(COLUMNS),
            });
        }
        let other = held_out(data, &order.data, &order.want).filter(|other| other.extras() == data.extras());
        let data = other.as_deref().unwrap_or(data);
        let count = match data.shape() {
            Shape::Point { .. } | Shape::Row { .. } => POINTS,
            _ => {
                let tiles = row(play, data).len();
                ROWS * columns(tiles) / tiles
            }
        };
        let mut batch = Batch::of(data, data.len().map_or(count, |len| count.min(len as usize)));
        batch.fill(data, order.seed, 0)?;
        let fields = data.extras().iter().map(|extra| extra.field);
        let count = batch.count();
        Ok(Showing::Examples {
            parts: std::iter::once((Field::X, batch.x))
                .chain(fields.zip(batch.extras))
                .collect(),
            count,
        })
    }

    /// How many are in a row.
    pub(super) fn columns(&self, play: &Play, data: &dyn Dataset) -> usize {
        match self {
            Showing::Samples { columns, .. } => *columns,
            Showing::Examples { .. } => columns(row(play, data).len()),
        }
    }

    /// What it shows of a state.
    pub(super) fn shown(&self, play: &mut Play, data: &dyn Dataset) -> Shown {
        match self {
            Showing::Samples { z, y, columns } => Shown {
                values: sampled(play, z, y.as_deref(), data.shape()),
                shape: data.shape(),
                columns: *columns,
            },
            Showing::Examples { parts, count } => {
                let row = row(play, data);
                let columns = columns(row.len());
                let made: Vec<(Vec<f32>, Extents)> = row
                    .into_iter()
                    .map(|tile| {
                        let (_, example) = parts
                            .iter()
                            .find(|(field, _)| *field == tile.field)
                            .expect("a tile is of a part");
                        let values = match tile.function {
                            Some(function) => play.apply(function, example),
                            None => example.clone(),
                        };
                        (values, tile.extents)
                    })
                    .collect();
                in_turn(&made, *count, data.shape(), columns)
            }
        }
    }
}

/// Samples of latent vectors, all at a time or, where they are large, a few.
fn sampled(play: &mut Play, z: &[f32], y: Option<&[f32]>, shape: Shape) -> Vec<f32> {
    let z_dim = play.system().z_dim();
    let count = z.len() / z_dim;
    let portion = match together(shape) {
        BATCH => count,
        fewer => fewer,
    };
    let of_portion = |start: usize| {
        let portion = start..count.min(start + portion);
        let z = &z[portion.start * z_dim..portion.end * z_dim];
        play.sample(z, y.map(|y| &y[portion]))
    };
    (0..count).step_by(portion.max(1)).flat_map(of_portion).collect()
}

/// Pictures in a row, whole rows of so many tiles: about [`COLUMNS`].
fn columns(tiles: usize) -> usize {
    tiles * (COLUMNS / tiles).max(1)
}

/// Height, width and channels.
type Extents = [usize; 3];

/// A picture in the row of an example: a part of it, or what a function makes of that.
struct Tile {
    field: Field,
    function: Option<&'static str>,
    extents: Extents,
}

/// The row of an example: each of its pictures of 1, 3 or 4 channels, followed by every such picture that the system makes of
/// it. Of points, which are plotted, the last such thing alone.
fn row(play: &Play, data: &dyn Dataset) -> Vec<Tile> {
    let functions = play.system().functions();
    let is_drawn = |shape: &[usize]| match (data.shape(), shape) {
        (Shape::Picture { .. }, &[height, width, channels @ (1 | 3 | 4)]) => Some([height, width, channels]),
        (Shape::Point { dimension }, &[extent]) if extent == dimension => Some([1, 1, dimension]),
        _ => None,
    };
    let fields = std::iter::once(Field::X).chain(data.extras().iter().map(|extra| extra.field));
    let mut tiles = vec![];
    for field in fields {
        let space = Space::Data(field);
        let tile = |space: &Space, function| {
            Some(Tile {
                field,
                function,
                extents: is_drawn(&play.shape_in(space)[1..])?,
            })
        };
        let made = functions.iter().filter(|function| function.takes == space);
        tiles.extend(tile(&space, None));
        tiles.extend(made.filter_map(|function| tile(&function.gives, Some(function.name))));
    }
    if matches!(data.shape(), Shape::Point { .. }) {
        tiles.drain(..tiles.len() - 1);
    }
    tiles
}

/// The first of every tile, then the second of every tile, and so on, all brought to the size of the largest by repeating
/// pixels, and to as many channels.
fn in_turn(tiles: &[(Vec<f32>, Extents)], count: usize, shape: Shape, columns: usize) -> Shown {
    if let (Shape::Point { .. }, [(values, _)]) = (shape, tiles) {
        return Shown {
            values: values.clone(),
            shape,
            columns,
        };
    }
    let largest = |axis: usize| tiles.iter().map(|(_, extents)| extents[axis]).max().unwrap_or(1);
    let to @ [height, width, channels] = [0, 1, 2].map(largest);
    let mut values = vec![];
    for example in 0..count {
        for (tile, from) in tiles {
            let floats: usize = from.iter().product();
            enlarge(&tile[example * floats..][..floats], *from, to, &mut values);
        }
    }
    Shown {
        values,
        shape: Shape::Picture {
            height,
            width,
            channels,
        },
        columns,
    }
}

/// Appends a picture in other extents, at least its own: pixels and grey are repeated, opacity that it has not is whole.
fn enlarge(picture: &[f32], [height, width, channels]: Extents, to: Extents, values: &mut Vec<f32>) {
    for y in 0..to[0] {
        for x in 0..to[1] {
            let pixel = &picture[(y * height / to[0] * width + x * width / to[1]) * channels..][..channels];
            values.extend((0..to[2]).map(|channel| match channels {
                1 if channel < 3 => pixel[0],
                _ => pixel.get(channel).copied().unwrap_or(1.0),
            }));
        }
    }
}

impl Shown {
    /// Draws it, points over those of the data, and rows likewise by two of their columns.
    pub(super) fn draw(&self, data: &dyn Dataset, stamp: &Stamp, path: &Path) -> Result<(), TrainError> {
        let values = &self.values;
        let count = values.len() / self.shape.floats();
        match self.shape.picture() {
            Some([height, width, channels]) => {
                let pictures = Pictures {
                    values: &self.shape.drawn(values),
                    count,
                    height,
                    width,
                    channels,
                };
                grid_png(&pictures, self.columns, stamp, path)?;
            }
            None => {
                let dimension = self.shape.floats();
                let mut real = vec![0.0; count * dimension];
                data.batch(stamp.seed, 0, count, &mut real, &mut [])?;
                let placed = |values: &[f32]| match data.columns() {
                    Some(columns) => columns.plane(values),
                    None => points(values, dimension),
                };
                scatter_png(&placed(&real), &placed(values), stamp, path)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two examples of two pixels, and what a function makes of each: one coloured pixel.
    #[test]
    fn rows_are_of_one_size_and_colour() {
        let grey = (vec![0.1, 0.2, 0.3, 0.4], [1, 2, 1]);
        let coloured = (vec![0.5, 0.6, 0.7, -0.5, -0.6, -0.7], [1, 1, 3]);
        let shape = Shape::Picture {
            height: 1,
            width: 2,
            channels: 1,
        };
        let shown = in_turn(&[grey, coloured], 2, shape, 2);
        let expected = [
            [0.1, 0.1, 0.1, 0.2, 0.2, 0.2],
            [0.5, 0.6, 0.7, 0.5, 0.6, 0.7],
            [0.3, 0.3, 0.3, 0.4, 0.4, 0.4],
            [-0.5, -0.6, -0.7, -0.5, -0.6, -0.7],
        ];
        assert_eq!(shown.values, expected.concat());
        assert!(matches!(
            shown.shape,
            Shape::Picture {
                height: 1,
                width: 2,
                channels: 3
            }
        ));
    }

    #[test]
    fn opacity_that_is_not_there_is_whole() {
        let mut values = vec![];
        enlarge(&[0.2], [1, 1, 1], [1, 1, 4], &mut values);
        assert_eq!(values, [0.2, 0.2, 0.2, 1.0]);
    }
}
