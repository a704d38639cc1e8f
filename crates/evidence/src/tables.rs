//! Tables of numbers with a class in the last column: real rows, made rows, and how near rows are to others.
use crate::Result;
use crate::made::Numbers;
use crate::record::root;
use ganymede::data::columns::Columns;
use ganymede::data::{self, Want};
use std::fs;

/// Rows of numbers with their classes.
#[derive(Clone, Default)]
pub(crate) struct Rows {
    /// `[n, columns]`, without the class.
    pub(crate) x: Vec<f32>,
    /// `[n]`
    pub(crate) y: Vec<u32>,
}

impl Rows {
    /// Rows as a table's columns encode them.
    pub(crate) fn decoded(columns: &Columns, encoded: &[f32]) -> Rows {
        let mut rows = Rows::default();
        for row in encoded.chunks_exact(columns.floats()) {
            let values = columns.decode(row);
            let (class, numbers) = values.split_last().expect("a table has columns");
            rows.x.extend(numbers.iter().map(|number| *number as f32));
            rows.y.push(*class as u32);
        }
        rows
    }

    /// All rows of a table.
    pub(crate) fn read(spec: &str) -> Result<(Rows, Columns)> {
        let data = data::open(spec, &Want::default())?;
        let columns = data.columns().ok_or("a table has columns")?.clone();
        let mut encoded = vec![];
        for index in 0..data.len().unwrap_or(0) {
            encoded.extend(data.example(index)?.0);
        }
        Ok((Rows::decoded(&columns, &encoded), columns))
    }

    /// Numbers in a row.
    pub(crate) fn width(&self) -> usize {
        self.x.len() / self.y.len()
    }

    /// These rows and others.
    pub(crate) fn and(&self, others: &Rows) -> Rows {
        Rows {
            x: [&self.x[..], &others.x].concat(),
            y: [&self.y[..], &others.y].concat(),
        }
    }

    /// Each column less its mean in `like`, in its deviations there.
    pub(crate) fn standardised(&self, like: &Rows) -> Rows {
        let (width, count) = (self.width(), like.y.len() as f64);
        let mut x = self.x.clone();
        for column in 0..width {
            let values = || like.x.iter().skip(column).step_by(width).map(|x| f64::from(*x));
            let mean = values().sum::<f64>() / count;
            let deviation = (values().map(|x| (x - mean).powi(2)).sum::<f64>() / count)
                .sqrt()
                .max(1e-12);
            for x in x.iter_mut().skip(column).step_by(width) {
                *x = ((f64::from(*x) - mean) / deviation) as f32;
            }
        }
        Rows { x, y: self.y.clone() }
    }

    /// Rows whose value in each column is that of another row, the class included: each column as it was, and nothing of their ties.
    pub(crate) fn independently(&self, seed: u64) -> Rows {
        let mut numbers = Numbers(seed);
        let mut row = || (numbers.draw() * self.y.len() as f32) as usize % self.y.len();
        let (width, mut shuffled) = (self.width(), Rows::default());
        for _ in 0..self.y.len() {
            shuffled
                .x
                .extend((0..width).map(|column| self.x[row() * width + column]));
            shuffled.y.push(self.y[row()]);
        }
        shuffled
    }

    /// Of each row, the distance to the nearest of `others`.
    pub(crate) fn distances(&self, others: &Rows) -> Vec<f64> {
        let width = self.width();
        let distance = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>();
        let nearest = |row: &[f32]| {
            let all = others.x.chunks_exact(width).map(|other| distance(row, other));
            all.fold(f64::INFINITY, f64::min).sqrt()
        };
        self.x.chunks_exact(width).map(nearest).collect()
    }

    /// Writes them as a table under `target/evidence/data` and gives the spec to train on it.
    pub(crate) fn write(&self, name: &str, columns: &Columns) -> Result<String> {
        let folder = root().join("target/evidence/data");
        fs::create_dir_all(&folder)?;
        let path = folder.join(format!("{name}.csv"));
        let names: Vec<String> = columns
            .columns
            .iter()
            .map(|column| column.name.replace(',', " "))
            .collect();
        let mut text = names.join(",") + "\n";
        for (row, class) in self.x.chunks_exact(self.width()).zip(&self.y) {
            row.iter().for_each(|number| text += &format!("{number},"));
            // In the order of the classes, whatever they are called.
            text += &format!("{class}\n");
        }
        fs::write(&path, text)?;
        Ok(path.display().to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Rows {
        Rows {
            x: vec![0.0, 10.0, 2.0, 30.0],
            y: vec![0, 1],
        }
    }

    #[test]
    fn standard_rows_and_distances_by_hand() {
        let standard = rows().standardised(&rows());
        assert_eq!(standard.x, [-1.0, -1.0, 1.0, 1.0]);
        let other = Rows {
            x: vec![-1.0, 0.0],
            y: vec![0],
        };
        assert_eq!(standard.distances(&other), [1.0, 5.0_f64.sqrt()]);
    }

    #[test]
    fn independent_columns_hold_the_same_values() {
        let shuffled = rows().independently(3);
        assert!(shuffled.x.iter().step_by(2).all(|x| [0.0, 2.0].contains(x)));
        assert!(shuffled.x.iter().skip(1).step_by(2).all(|x| [10.0, 30.0].contains(x)));
    }
}
