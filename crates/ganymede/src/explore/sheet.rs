//! What an exploration shows: pictures in rows and columns, still or moving.
use crate::data::Shape;
use crate::run::animation::{Animation, Format};
use crate::run::{Pictures, RunError, Stamp, grid_png};
use std::path::Path;

/// Samples in rows of equally many.
pub struct Sheet {
    /// `[rows, columns, ..]`.
    pub values: Vec<f32>,
    /// The shape of one.
    pub shape: Shape,
    /// How many rows.
    pub rows: usize,
}

impl Sheet {
    /// How many are in a row.
    pub fn columns(&self) -> usize {
        self.values.len() / self.shape.floats() / self.rows.max(1)
    }

    /// Writes it: as one picture, or, where a format is given, so that every column is a frame and the rows move at the same
    /// time.
    ///
    /// # Errors
    /// Where the samples are no pictures, or the file cannot be written.
    pub fn write(&self, moving: Option<(Format, u32)>, stamp: &Stamp, path: &Path) -> Result<(), RunError> {
        let [height, width, channels] = self.shape.picture().unwrap_or_default();
        let columns = self.columns();
        let values = match moving {
            Some(_) => self.shape.drawn(&self.columns_first()).into_owned(),
            None => self.shape.drawn(&self.values).into_owned(),
        };
        let pictures = Pictures {
            values: &values,
            count: self.rows * columns,
            height,
            width,
            channels,
        };
        match moving {
            None => grid_png(&pictures, columns, stamp, path),
            Some((format, fps)) => Animation {
                pictures,
                per_frame: self.rows,
                // About square, as many in a row as there are in a column or one more.
                columns: (self.rows as f64).sqrt().ceil() as usize,
                fps,
            }
            .write(format, stamp, path),
        }
    }

    /// `[columns, rows, ..]`.
    fn columns_first(&self) -> Vec<f32> {
        let (floats, columns) = (self.shape.floats(), self.columns());
        let places = (0..columns).flat_map(|column| (0..self.rows).map(move |row| row * columns + column));
        places
            .flat_map(|place| &self.values[place * floats..][..floats])
            .copied()
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_a_column() {
        let sheet = Sheet {
            values: vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
            shape: Shape::Picture {
                height: 1,
                width: 1,
                channels: 1,
            },
            rows: 2,
        };
        assert_eq!(
            (sheet.columns(), sheet.columns_first()),
            (3, vec![1.0, 4.0, 2.0, 5.0, 3.0, 6.0])
        );
    }
}
