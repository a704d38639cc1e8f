//! Columns of a table as numbers that a network learns, and back: the encoding of CTGAN.
//!
//! Xu et al. 2019, "Modeling Tabular data using Conditional GAN", arXiv:1907.00503, section 4.2. A numeric column becomes the
//! mode of a [`mixture`] that its value is taken to come from, as a choice of one, and behind it how far the value lies from
//! that mode's mean, in four standard deviations. A column of categories becomes a choice of one.

use serde::{Deserialize, Serialize};

use super::mixture::{self, Mode};
use super::order;

/// The columns of a table, with all that is needed to turn rows into numbers and numbers into rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Columns {
    /// How many rows the encoding was fitted to.
    pub rows: u64,
    /// From the left.
    pub columns: Vec<Column>,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// Its name in the first line of the file.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
}

/// What a column holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Numbers.
    Numeric {
        /// The modes that they come from, at least one.
        modes: Vec<Mode>,
        /// The least and the largest.
        range: [f64; 2],
        /// Digits behind the point of the most exact one; `None` where some are written with an exponent.
        decimals: Option<usize>,
    },
    /// One of a few values.
    Categorical {
        /// The values, in the order of the alphabet, or of size where they are numbers.
        values: Vec<String>,
        /// How many of the rows have each of them.
        counts: Vec<u64>,
    },
}

/// Standard deviations of a mode to an offset of 1.
const DEVIATIONS: f64 = 4.0;
/// The largest offset, a little less than what a hyperbolic tangent never reaches.
const LARGEST_OFFSET: f64 = 0.99;
/// A mode of a smaller share of a column's values is no place to look for them.
const EVERYTHING: f64 = 1e-300;

impl Column {
    /// How many numbers one of its values becomes.
    pub fn floats(&self) -> usize {
        match &self.kind {
            Kind::Numeric { modes, .. } => 1 + modes.len(),
            Kind::Categorical { values, .. } => values.len(),
        }
    }

    /// Fits numbers, given with the digits behind the point that they are written with.
    pub(crate) fn numeric(name: String, values: &[f64], decimals: Option<usize>) -> Column {
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        Column {
            name,
            kind: Kind::Numeric {
                modes: mixture::fit(values),
                range: [low, high],
                decimals,
            },
        }
    }

    /// Writes a number of a numeric column, or the number of its value of a categorical one, into `to`, all zeros. Which of
    /// several modes it comes from is drawn by their probabilities, by `word`.
    fn encode(&self, value: f64, word: u64, to: &mut [f32]) {
        match &self.kind {
            Kind::Categorical { .. } => to[value as usize] = 1.0,
            Kind::Numeric { modes, .. } => {
                let densities: Vec<f64> = modes.iter().map(|mode| mode.density(value).max(EVERYTHING)).collect();
                let mut left = order::unit(word) * densities.iter().sum::<f64>();
                let drawn = densities.iter().position(|density| {
                    left -= density;
                    left < 0.0
                });
                let mode = drawn.unwrap_or(modes.len() - 1);
                let offset = (value - modes[mode].mean) / (DEVIATIONS * modes[mode].std_dev);
                to[0] = offset.clamp(-LARGEST_OFFSET, LARGEST_OFFSET) as f32;
                to[1 + mode] = 1.0;
            }
        }
    }

    /// The number that an encoded value stands for, or the number of its category.
    fn decode(&self, encoded: &[f32]) -> f64 {
        let largest = |numbers: &[f32]| {
            let by = |a: &usize, b: &usize| numbers[*a].total_cmp(&numbers[*b]);
            (0..numbers.len()).max_by(by).unwrap_or(0)
        };
        match &self.kind {
            Kind::Categorical { .. } => largest(encoded) as f64,
            Kind::Numeric { modes, range, .. } => {
                let mode = modes[largest(&encoded[1..])];
                let value = mode.mean + DEVIATIONS * mode.std_dev * f64::from(encoded[0]);
                value.clamp(range[0], range[1])
            }
        }
    }

    /// A decoded value as it is written in a file.
    fn written(&self, value: f64) -> String {
        match &self.kind {
            Kind::Categorical { values, .. } => values[value as usize].clone(),
            Kind::Numeric {
                decimals: Some(decimals),
                ..
            } => {
                let text = format!("{value:.decimals$}");
                // What is rounded to nothing has no sign.
                let is_zero = text.trim_start_matches('-').chars().all(|c| c == '0' || c == '.');
                if is_zero {
                    text.trim_start_matches('-').to_owned()
                } else {
                    text
                }
            }
            Kind::Numeric { decimals: None, .. } => format!("{}", value as f32),
        }
    }
}

impl Columns {
    /// How many numbers a row becomes.
    pub fn floats(&self) -> usize {
        self.columns.iter().map(Column::floats).sum()
    }

    /// The columns, each with the place of its first number in an encoded row.
    pub fn placed(&self) -> impl Iterator<Item = (usize, &Column)> {
        self.columns.iter().scan(0, |next, column| {
            let at = *next;
            *next += column.floats();
            Some((at, column))
        })
    }

    /// A row of numbers (of a category its number) as `floats` numbers; `row` is what draws of modes follow from.
    ///
    /// # Panics
    /// Where there are not as many values as columns.
    pub fn encode(&self, row: u64, values: &[f64]) -> Vec<f32> {
        assert_eq!(values.len(), self.columns.len(), "a value for every column");
        let mut encoded = vec![0.0; self.floats()];
        for (number, (at, column)) in self.placed().enumerate() {
            let word = order::hash(row, number as u64);
            column.encode(values[number], word, &mut encoded[at..at + column.floats()]);
        }
        encoded
    }

    /// What an encoded row stands for: numbers, of a category its number.
    pub fn decode(&self, encoded: &[f32]) -> Vec<f64> {
        let value = |(at, column): (usize, &Column)| column.decode(&encoded[at..at + column.floats()]);
        self.placed().map(value).collect()
    }

    /// Encoded rows as a CSV file with the columns' names in its first line.
    ///
    /// # Errors
    /// Where `to` cannot be written to.
    pub fn write_csv(&self, rows: &[f32], to: impl std::io::Write) -> std::io::Result<()> {
        let mut writer = csv::Writer::from_writer(to);
        writer.write_record(self.columns.iter().map(|column| &column.name))?;
        for row in rows.chunks_exact(self.floats()) {
            let values = self.columns.iter().zip(self.decode(row));
            writer.write_record(values.map(|(column, value)| column.written(value)))?;
        }
        writer.flush()
    }

    /// The first two numeric columns of encoded rows as points, for a plot: how far from the middle of the column's range, in
    /// halves of it. Where there are fewer, the other coordinate is 0.
    pub fn plane(&self, rows: &[f32]) -> Vec<[f32; 2]> {
        let of = |column: &Column, value: f64| match column.kind {
            Kind::Numeric { range: [low, high], .. } => {
                Some((2.0 * value - low - high) / (high - low).max(f64::MIN_POSITIVE))
            }
            Kind::Categorical { .. } => None,
        };
        let point = |row: &[f32]| {
            let values = self.decode(row);
            let mut shown = self
                .columns
                .iter()
                .zip(values)
                .filter_map(|(column, value)| of(column, value));
            [0, 1].map(|_| shown.next().unwrap_or(0.0) as f32)
        };
        rows.chunks_exact(self.floats()).map(point).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns() -> Columns {
        let mode = |mean, std_dev| Mode {
            share: 0.5,
            mean,
            std_dev,
        };
        let numeric = Kind::Numeric {
            modes: vec![mode(0.0, 1.0), mode(100.0, 2.0)],
            range: [-2.0, 104.0],
            decimals: Some(1),
        };
        let categorical = Kind::Categorical {
            values: vec!["no".into(), "yes, \"both\"".into()],
            counts: vec![3, 1],
        };
        let column = |name: &str, kind| Column {
            name: name.into(),
            kind,
        };
        Columns {
            rows: 4,
            columns: vec![column("age", numeric), column("smokes", categorical)],
        }
    }

    /// 102 is one deviation of the second mode from its mean, a quarter of four.
    #[test]
    fn a_row_by_hand() {
        let columns = columns();
        assert_eq!(columns.floats(), 5);
        assert_eq!(columns.encode(0, &[102.0, 1.0]), [0.25, 0.0, 1.0, 0.0, 1.0]);
        assert_eq!(columns.encode(0, &[-0.4, 0.0]), [-0.1, 1.0, 0.0, 1.0, 0.0]);
        assert_eq!(columns.decode(&[0.25, 0.1, 0.9, 0.3, 0.7]), [102.0, 1.0]);
        assert_eq!(
            columns.decode(&[-0.9, 0.9, 0.1, 0.7, 0.3]),
            [-2.0, 0.0],
            "held to what was seen"
        );
    }

    /// Halfway between two equal modes either is drawn.
    #[test]
    fn modes_are_drawn_by_their_probabilities() {
        let mode = |mean| Mode {
            share: 0.5,
            mean,
            std_dev: 1.0,
        };
        let kind = Kind::Numeric {
            modes: vec![mode(-1.0), mode(1.0)],
            range: [-3.0, 3.0],
            decimals: None,
        };
        let columns = Columns {
            rows: 1,
            columns: vec![Column { name: "x".into(), kind }],
        };
        let firsts = (0..1000).filter(|row| columns.encode(*row, &[0.0])[1] == 1.0).count();
        assert!((430..570).contains(&firsts), "{firsts}");
        let back = (0..20).map(|row| columns.decode(&columns.encode(row, &[0.3]))[0]);
        assert!(back.into_iter().all(|value| (value - 0.3).abs() < 1e-6));
    }

    #[test]
    fn files_have_names_digits_and_quotes_as_they_were() {
        let columns = columns();
        let rows = [columns.encode(0, &[102.04, 1.0]), columns.encode(1, &[-0.04, 0.0])].concat();
        let mut file = vec![];
        columns.write_csv(&rows, &mut file).unwrap();
        let text = String::from_utf8(file).unwrap();
        assert_eq!(text, "age,smokes\n102.0,\"yes, \"\"both\"\"\"\n0.0,no\n");
        let [x, y] = columns.plane(&rows)[0];
        assert!((x - (2.0 * 102.04 - 102.0) / 106.0).abs() < 1e-5 && y == 0.0);
    }
}
