//! Two sets as one, for systems that turn pictures into pictures: `x` from the first, `x_b` from the second.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::error::{DataError, Result};
use super::{Dataset, Extra, Field, Shape, check_lengths, order, sha256_hex};

/// Examples of two sets that belong together.
#[derive(Debug)]
pub struct Paired {
    name: String,
    digest: String,
    notes: Vec<String>,
    a: Arc<dyn Dataset>,
    b: Arc<dyn Dataset>,
    /// The numbers of the examples of `a` and `b` that belong together.
    pairs: Vec<(u64, u64)>,
    extras: [Extra; 1],
    has: Vec<Field>,
}

/// Examples of two sets, drawn independently of one another.
#[derive(Debug)]
pub struct Unpaired {
    name: String,
    digest: String,
    notes: Vec<String>,
    a: Arc<dyn Dataset>,
    b: Arc<dyn Dataset>,
    extras: [Extra; 1],
    has: Vec<Field>,
}

/// What makes the order of the second set another than that of the first.
const SECOND_ORDER: u64 = 0x5f62;

impl Paired {
    /// Pairs the examples of two sets that have one name, extensions aside: `a/1.jpg` of the first with `a/1.png` of the
    /// second, in the order of the first.
    ///
    /// # Errors
    /// [`DataError::NoPairs`] if there are none; [`DataError::NotPictures`] for data without names or end.
    pub fn by_name(name: &str, a: Arc<dyn Dataset>, b: Arc<dyn Dataset>) -> Result<Self> {
        let (names_a, names_b) = (names(&*a)?, names(&*b)?);
        let places: HashMap<&str, u64> = names_b.iter().map(|name| stem(name)).zip(0..).collect();
        let pair = |(name, number): (&String, u64)| Some((number, *places.get(stem(name))?));
        let pairs: Vec<(u64, u64)> = names_a.iter().zip(0..).filter_map(pair).collect();
        if pairs.is_empty() {
            return Err(DataError::NoPairs {
                a: a.name().into(),
                first_a: names_a[0].clone(),
                b: b.name().into(),
                first_b: names_b[0].clone(),
            });
        }
        let taken: HashSet<u64> = pairs.iter().map(|(_, b)| *b).collect();
        let alone = (names_a.len() - pairs.len(), names_b.len() - taken.len());
        let mut paired = Self::new(name, a, b, pairs);
        if alone != (0, 0) {
            let note = format!(
                "{} pictures of the first set and {} of the second have no partner and are left out.",
                alone.0, alone.1
            );
            paired.notes.push(note);
        }
        Ok(paired)
    }

    /// Pairs the examples of two sets that have one number.
    pub(crate) fn by_number(name: &str, a: Arc<dyn Dataset>, b: Arc<dyn Dataset>) -> Self {
        let count = a.len().unwrap_or(0).min(b.len().unwrap_or(0));
        Self::new(name, a, b, (0..count).map(|number| (number, number)).collect())
    }

    fn new(name: &str, a: Arc<dyn Dataset>, b: Arc<dyn Dataset>, pairs: Vec<(u64, u64)>) -> Self {
        Self {
            name: name.into(),
            digest: sha256_hex(&[b"paired", a.digest().as_bytes(), b.digest().as_bytes()]),
            notes: [a.notes(), b.notes()].concat(),
            extras: [x_b(b.shape())],
            has: [a.has(), &[Field::XB]].concat(),
            pairs,
            a,
            b,
        }
    }

    fn pair(&self, index: u64) -> Result<(u64, u64)> {
        self.pairs
            .get(index as usize)
            .copied()
            .ok_or_else(|| DataError::NoExample {
                name: self.name.clone(),
                index,
                len: self.pairs.len() as u64,
            })
    }
}

impl Unpaired {
    /// The examples of two sets; of each, in the order of an epoch of its own.
    pub fn new(name: &str, a: Arc<dyn Dataset>, b: Arc<dyn Dataset>) -> Self {
        Self {
            name: name.into(),
            digest: sha256_hex(&[b"unpaired", a.digest().as_bytes(), b.digest().as_bytes()]),
            notes: [a.notes(), b.notes()].concat(),
            extras: [x_b(b.shape())],
            has: [a.has(), &[Field::XB]].concat(),
            a,
            b,
        }
    }
}

/// A second picture of this shape.
pub(super) fn x_b(shape: Shape) -> Extra {
    Extra {
        field: Field::XB,
        shape: shape.of_batch(1)[1..].to_vec(),
    }
}

fn names(data: &dyn Dataset) -> Result<Vec<String>> {
    let name = |index| data.example_name(index).map(Into::into);
    let names: Option<Vec<String>> = (0..data.len().unwrap_or(0)).map(name).collect();
    names
        .filter(|names| !names.is_empty())
        .ok_or_else(|| DataError::NoNames {
            name: data.name().into(),
        })
}

/// A name without its extension.
fn stem(name: &str) -> &str {
    name.rsplit_once('.').map_or(
        name,
        |(stem, extension)| if extension.contains('/') { name } else { stem },
    )
}

impl Dataset for Paired {
    fn name(&self) -> &str {
        &self.name
    }

    fn digest(&self) -> &str {
        &self.digest
    }

    fn len(&self) -> Option<u64> {
        Some(self.pairs.len() as u64)
    }

    fn shape(&self) -> Shape {
        self.a.shape()
    }

    fn classes(&self) -> Option<&[String]> {
        self.a.classes()
    }

    fn has(&self) -> &[Field] {
        &self.has
    }

    fn extras(&self) -> &[Extra] {
        &self.extras
    }

    fn notes(&self) -> &[String] {
        &self.notes
    }

    fn example_name(&self, index: u64) -> Option<&str> {
        self.a.example_name(self.pair(index).ok()?.0)
    }

    fn caption(&self, index: u64) -> Option<&str> {
        self.a.caption(self.pair(index).ok()?.0)
    }

    fn read(&self, index: u64, x: &mut [f32]) -> Result<u32> {
        self.a.read(self.pair(index)?.0, x)
    }

    fn read_extra(&self, _: usize, index: u64, to: &mut [f32]) -> Result<()> {
        self.b.read(self.pair(index)?.1, to).map(drop)
    }
}

impl Dataset for Unpaired {
    fn name(&self) -> &str {
        &self.name
    }

    fn digest(&self) -> &str {
        &self.digest
    }

    fn len(&self) -> Option<u64> {
        self.a.len()
    }

    fn shape(&self) -> Shape {
        self.a.shape()
    }

    fn classes(&self) -> Option<&[String]> {
        self.a.classes()
    }

    fn has(&self) -> &[Field] {
        &self.has
    }

    fn extras(&self) -> &[Extra] {
        &self.extras
    }

    fn notes(&self) -> &[String] {
        &self.notes
    }

    fn example_name(&self, index: u64) -> Option<&str> {
        self.a.example_name(index)
    }

    fn caption(&self, index: u64) -> Option<&str> {
        self.a.caption(index)
    }

    fn read(&self, index: u64, x: &mut [f32]) -> Result<u32> {
        self.a.read(index, x)
    }

    /// The example of the second set of this number, over and over.
    fn read_extra(&self, _: usize, index: u64, to: &mut [f32]) -> Result<()> {
        self.b.read(self.b.len().map_or(index, |len| index % len), to).map(drop)
    }

    fn batch_extra(&self, extra: usize, seed: u64, first: u64, count: usize, to: &mut [f32]) -> Result<()> {
        let floats = self.extras[extra].floats();
        check_lengths(floats, count, to, &[]);
        self.b.batch(order::hash(seed, SECOND_ORDER), first, count, to, &mut [])
    }

    fn batch(&self, seed: u64, first: u64, count: usize, x: &mut [f32], y: &mut [f32]) -> Result<()> {
        self.a.batch(seed, first, count, x, y)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Batch, Want, open};
    use image::{GrayImage, Luma};
    use std::path::Path;

    fn put(folder: &Path, name: &str, values: &[u8]) {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let picture = GrayImage::from_fn(values.len() as u32, 2, |x, _| Luma([values[x as usize]]));
        picture.save(path).unwrap();
    }

    /// As the bytes the pictures were made of.
    fn bytes(floats: &[f32]) -> Vec<u8> {
        floats.iter().map(|v| ((v + 1.0) * 127.5).round() as u8).collect()
    }

    #[test]
    fn pairs_of_two_folders_go_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().display();
        for (name, value) in [
            ("a/1.png", 1),
            ("a/2.png", 2),
            ("a/4.png", 4),
            ("b/2.pgm", 102),
            ("b/1.pgm", 101),
            ("b/3.pgm", 103),
        ] {
            put(folder.path(), name, &[value]);
        }
        let data = open(&format!("paired:{at}/a,{at}/b"), &Want::default()).unwrap();
        assert_eq!((data.len(), data.has()), (Some(2), &[Field::X, Field::XB][..]));
        assert_eq!(
            data.notes(),
            ["1 pictures of the first set and 1 of the second have no partner and are left out."]
        );
        let mut batch = Batch::of(&*data, 20);
        batch.fill(&*data, 3, 0).unwrap();
        let (x, x_b) = (bytes(&batch.x), bytes(&batch.extras[0]));
        assert!(x.iter().zip(&x_b).all(|(a, b)| a + 100 == *b) && x.contains(&1) && x.contains(&2));

        put(folder.path(), "c/9.png", &[9]);
        let error = open(&format!("paired:{at}/a,{at}/c"), &Want::default()).unwrap_err();
        let message = error.to_string().replace(&at.to_string(), "F");
        assert_eq!(
            message,
            "no pairs: expected files of one name, got `1.png` in `F/a` and `9.png` in `F/c`"
        );
    }

    #[test]
    fn halves_of_one_picture() {
        let folder = tempfile::tempdir().unwrap();
        put(folder.path(), "1.png", &[10, 20, 30, 40]);
        let data = open(&format!("side-by-side:{}", folder.path().display()), &Want::default()).unwrap();
        let mut batch = Batch::of(&*data, 1);
        batch.fill(&*data, 0, 0).unwrap();
        assert_eq!(
            (bytes(&batch.x), bytes(&batch.extras[0])),
            (vec![10, 20, 10, 20], vec![30, 40, 30, 40])
        );
        // Halves are cut before they are resized: nothing of one leaks into the other.
        let small = Want {
            size: Some((1, 1)),
            ..Want::default()
        };
        let data = open(&format!("side-by-side:{}", folder.path().display()), &small).unwrap();
        let mut batch = Batch::of(&*data, 1);
        batch.fill(&*data, 0, 0).unwrap();
        assert_eq!((bytes(&batch.x), bytes(&batch.extras[0])), (vec![15], vec![35]));
    }

    #[test]
    fn unpaired_draws_are_epochs_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        (0..6).for_each(|i| put(folder.path(), &format!("a/{i}.png"), &[i]));
        (0..4).for_each(|i| put(folder.path(), &format!("b/{i}.png"), &[100 + i]));
        let at = folder.path().display();
        let data = open(&format!("unpaired:{at}/a,{at}/b"), &Want::default()).unwrap();
        let mut batch = Batch::of(&*data, 12);
        batch.fill(&*data, 3, 0).unwrap();
        let mut first: Vec<u8> = bytes(&batch.x).chunks(2).take(6).map(|p| p[0]).collect();
        let mut second: Vec<u8> = bytes(&batch.extras[0]).chunks(2).take(4).map(|p| p[0]).collect();
        assert_ne!(second, [100, 101, 102, 103]);
        first.sort_unstable();
        second.sort_unstable();
        assert_eq!((first, second), (vec![0, 1, 2, 3, 4, 5], vec![100, 101, 102, 103]));
        // A part of a batch is the part of that batch, wherever it begins.
        let mut part = Batch::of(&*data, 5);
        part.fill(&*data, 3, 4).unwrap();
        assert_eq!(part.extras[0], batch.extras[0][8..18]);
    }
}
