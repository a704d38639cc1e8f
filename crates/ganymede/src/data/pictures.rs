//! Pictures of one size in memory, a byte a value.

use rayon::prelude::*;

use super::error::{DataError, Result};
use super::shaping::{Shaper, Size, Want, to_floats};
use super::{Dataset, Shape, sha256_hex};

/// Pictures of one size in memory, with or without labels.
///
/// They are stored in the wanted shape if that fits the memory budget, else as they came and shaped at every read.
#[derive(Clone)]
pub struct Pictures {
    name: String,
    digest: String,
    notes: Vec<String>,
    pixels: Vec<u8>,
    stored: Size,
    target: Size,
    want: Want,
    labels: Vec<u32>,
    classes: Option<Vec<String>>,
}

impl std::fmt::Debug for Pictures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pictures")
            .field("name", &self.name)
            .field("count", &self.count())
            .field("shape", &self.shape())
            .field("digest", &self.digest)
            .finish_non_exhaustive()
    }
}

impl Pictures {
    /// Pictures of one size, `pixels` as (number, row, column, channel), shaped as wanted; `labels` with `classes` or empty.
    ///
    /// The digest covers size, pixels and labels as given, so it does not depend on what is wanted.
    pub(crate) fn new(
        name: String,
        pixels: Vec<u8>,
        stored: Size,
        labels: Vec<u32>,
        classes: Option<Vec<String>>,
        want: &Want,
    ) -> Result<Self> {
        let sides = [stored.height, stored.width, stored.channels].map(|side| side as u64);
        let sides = sides.map(u64::to_le_bytes).concat();
        let label_bytes: Vec<u8> = labels.iter().flat_map(|label| label.to_le_bytes()).collect();
        let digest = sha256_hex(&[&sides, &pixels, &label_bytes]);
        let target = want.target(stored)?;
        let pictures = Self {
            name,
            digest,
            notes: Vec::new(),
            pixels,
            stored,
            target,
            want: want.clone(),
            labels,
            classes,
        };
        Ok(pictures.shaped())
    }

    /// Adds what a person should be told.
    pub(crate) fn noting(mut self, notes: impl IntoIterator<Item = String>) -> Self {
        self.notes.extend(notes);
        self
    }

    fn count(&self) -> usize {
        self.pixels.len() / self.stored.bytes()
    }

    /// Shapes every picture now, on all cores, if the result fits the memory budget.
    fn shaped(mut self) -> Self {
        let bytes = self.count() as u64 * self.target.bytes() as u64;
        if self.stored == self.target || bytes > self.want.memory_budget_bytes {
            return self;
        }
        let mut pixels = vec![0; bytes as usize];
        pixels
            .par_chunks_exact_mut(self.target.bytes())
            .zip(self.pixels.par_chunks_exact(self.stored.bytes()))
            .for_each(|(to, from)| {
                Shaper::with(|s| s.shape(from, self.stored, to, self.target, &self.want));
            });
        (self.pixels, self.stored) = (pixels, self.target);
        self
    }
}

impl Dataset for Pictures {
    fn name(&self) -> &str {
        &self.name
    }

    fn digest(&self) -> &str {
        &self.digest
    }

    fn len(&self) -> Option<u64> {
        Some(self.count() as u64)
    }

    fn shape(&self) -> Shape {
        self.target.into()
    }

    fn classes(&self) -> Option<&[String]> {
        self.classes.as_deref()
    }

    fn notes(&self) -> &[String] {
        &self.notes
    }

    fn read(&self, index: u64, x: &mut [f32]) -> Result<u32> {
        let len = self.count() as u64;
        if index >= len {
            return Err(DataError::NoExample {
                name: self.name.clone(),
                index,
                len,
            });
        }
        assert_eq!(x.len(), self.target.bytes(), "x must take one example");
        let start = index as usize * self.stored.bytes();
        let from = &self.pixels[start..start + self.stored.bytes()];
        if self.stored == self.target {
            to_floats(from, x);
        } else {
            Shaper::with(|s| s.shape_to_floats(from, self.stored, x, self.target, &self.want));
        }
        Ok(self.labels.get(index as usize).copied().unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Batch, Field};

    fn ten(want: &Want) -> Pictures {
        let pixels = (0..10u8).flat_map(|i| [i * 20; 6]).collect();
        let size = Size {
            height: 2,
            width: 3,
            channels: 1,
        };
        let classes = ["even", "odd"].map(String::from).to_vec();
        let labels = (0..10).map(|i| i % 2).collect();
        Pictures::new("ten".into(), pixels, size, labels, Some(classes), want).unwrap()
    }

    #[test]
    fn an_example_is_floats_and_label() {
        let data = ten(&Want::default());
        assert_eq!(
            data.shape(),
            Shape::Picture {
                height: 2,
                width: 3,
                channels: 1
            }
        );
        assert_eq!(data.has(), [Field::X, Field::Y]);
        let (x, label) = data.example(5).unwrap();
        assert_eq!((x, label), (vec![100.0 / 127.5 - 1.0; 6], 1));
        let error = data.example(10).unwrap_err().to_string();
        assert_eq!(error, "no example 10 in `ten`: expected a number below 10");
    }

    #[test]
    fn batches_cross_epochs_and_depend_on_nothing_else() {
        let data = ten(&Want::default());
        let mut whole = Batch::of(&data, 30);
        whole.fill(&data, 9, 0).unwrap();
        for epoch in whole.x.chunks(60) {
            let mut seen: Vec<f32> = epoch.iter().step_by(6).copied().collect();
            seen.sort_by(f32::total_cmp);
            seen.dedup();
            assert_eq!(seen.len(), 10);
        }
        let mut part = Batch::of(&data, 7);
        for first in [0, 5, 7, 21, 2] {
            part.fill(&data, 9, first).unwrap();
            let first = first as usize;
            assert_eq!(part.x, whole.x[first * 6..(first + 7) * 6]);
            assert_eq!(part.y, whole.y[first..first + 7]);
        }
        assert_eq!(part.x_shape(), [7, 2, 3, 1]);
    }

    #[test]
    fn shaped_at_once_or_at_every_read_is_the_same() {
        let want = Want {
            size: Some((5, 4)),
            channels: Some(3),
            ..Want::default()
        };
        let eager = ten(&want);
        let lazy = ten(&Want {
            memory_budget_bytes: 0,
            ..want
        });
        assert_ne!(eager.pixels.len(), lazy.pixels.len());
        for i in 0..10 {
            assert_eq!(eager.example(i).unwrap(), lazy.example(i).unwrap());
        }
        assert_eq!(eager.digest(), lazy.digest());
        assert_eq!(eager.digest(), ten(&Want::default()).digest());
    }
}
