//! Pictures with a thousand known modes: three digits as the red, green and blue of one.
use std::sync::Arc;

use super::error::{DataError, Result};
use super::order::{below, hash};
use super::{Dataset, Shape, check_lengths, sha256_hex};

/// Three pictures of a labelled set of grey pictures, drawn at random, as the channels of one (Metz et al. 2017, "Unrolled
/// Generative Adversarial Networks", arXiv:1611.02163, section 3.3.1): of ten classes come a thousand, and a generator that
/// drops modes is caught by counting. Without end; example `k` is a function of seed and `k`, with seed 0 by number.
#[derive(Debug)]
pub struct Stacked {
    name: String,
    digest: String,
    one: Arc<dyn Dataset>,
    /// How many examples `one` has.
    len: u64,
    shape: Shape,
    classes: Vec<String>,
}

/// Pictures in one.
const LAYERS: usize = 3;

impl Stacked {
    /// Of this set.
    ///
    /// # Errors
    /// [`DataError::Unfit`] where it does not hold labelled grey pictures.
    pub fn new(name: &str, one: Arc<dyn Dataset>) -> Result<Stacked> {
        let unfit = |got: String| DataError::Unfit {
            spec: name.to_owned(),
            expected: "labelled grey pictures",
            got,
        };
        let Shape::Picture {
            height,
            width,
            channels,
        } = one.shape()
        else {
            return Err(unfit("points".into()));
        };
        if channels != 1 {
            return Err(unfit(format!("{channels} channels")));
        }
        let (Some(classes), Some(len)) = (one.classes(), one.len()) else {
            return Err(unfit("no labels".into()));
        };
        let count = classes.len();
        let digits = |class: usize| [class / count / count, class / count % count, class % count];
        let named = |class| digits(class).map(|digit| classes[digit].as_str()).join(" ");
        Ok(Stacked {
            name: name.to_owned(),
            digest: sha256_hex(&[b"stacked, version 1: ", one.digest().as_bytes()]),
            len,
            shape: Shape::Picture {
                height,
                width,
                channels: LAYERS,
            },
            classes: (0..count.pow(LAYERS as u32)).map(named).collect(),
            one,
        })
    }

    /// Example `k` of the run with this seed: its class, which has the classes of red, green and blue for digits.
    fn draw(&self, seed: u64, k: u64, x: &mut [f32]) -> Result<u32> {
        let mut grey = vec![0.0; x.len() / LAYERS];
        let mut class = 0;
        for layer in 0..LAYERS {
            let number = below(hash(hash(seed, layer as u64), k), self.len);
            let digit = self.one.read(number, &mut grey)?;
            class = class * self.one.classes().map_or(1, <[String]>::len) as u32 + digit;
            let channel = x.iter_mut().skip(layer).step_by(LAYERS);
            channel.zip(&grey).for_each(|(to, from)| *to = *from);
        }
        Ok(class)
    }
}

impl Dataset for Stacked {
    fn name(&self) -> &str {
        &self.name
    }

    fn digest(&self) -> &str {
        &self.digest
    }

    fn len(&self) -> Option<u64> {
        None
    }

    fn shape(&self) -> Shape {
        self.shape
    }

    fn classes(&self) -> Option<&[String]> {
        Some(&self.classes)
    }

    fn notes(&self) -> &[String] {
        self.one.notes()
    }

    fn read(&self, index: u64, x: &mut [f32]) -> Result<u32> {
        self.draw(0, index, x)
    }

    fn batch(&self, seed: u64, first: u64, count: usize, x: &mut [f32], y: &mut [f32]) -> Result<()> {
        let floats = self.shape.floats();
        check_lengths(floats, count, x, y);
        for (i, x) in x.chunks_exact_mut(floats).enumerate() {
            let class = self.draw(seed, first + i as u64, x)?;
            if let Some(y) = y.get_mut(i) {
                *y = class as f32;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::data::{Want, open};
    use std::collections::HashSet;

    #[test]
    fn channels_are_examples_of_the_digits_of_the_class() {
        let want = Want::default();
        let stacked = open("stacked:fashion-mnist-10k", &want).unwrap();
        let one = open("fashion-mnist-10k", &want).unwrap();
        let mut pictures = [(); 10].map(|()| Vec::new());
        for number in 0..one.len().unwrap() {
            let (x, y) = one.example(number).unwrap();
            pictures[y as usize].push(x);
        }
        let (mut x, mut y) = (vec![0.0; 40 * 28 * 28 * 3], vec![0.0; 40]);
        stacked.batch(5, 100, 40, &mut x, &mut y).unwrap();
        for (x, y) in x.chunks_exact(28 * 28 * 3).zip(&y) {
            let class = *y as usize;
            for (layer, digit) in [class / 100, class / 10 % 10, class % 10].into_iter().enumerate() {
                let channel: Vec<f32> = x.iter().skip(layer).step_by(3).copied().collect();
                assert!(pictures[digit].contains(&channel), "class {class}, layer {layer}");
            }
        }
        let distinct: HashSet<u32> = y.iter().map(|y| *y as u32).collect();
        assert!(distinct.len() > 30, "{distinct:?}");
        assert_eq!(stacked.classes().unwrap()[123], "trouser pullover dress");
    }

    #[test]
    fn only_labelled_grey_pictures_are_stacked() {
        let error = open("stacked:ring", &Want::default()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot make `stacked:ring`: expected labelled grey pictures, got points"
        );
    }
}
