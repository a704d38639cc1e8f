//! The classification accuracy score: how good a classifier of real pictures is that was trained on samples alone.
//!
//! Ravuri and Vinyals 2019, "Classification Accuracy Score for Conditional Generative Models", arXiv:1905.10887. It falls
//! where samples lack quality, variety or the class that was asked for. Beside it stands the score of a classifier that was
//! trained on as many real pictures.
use super::classifier::{Classifier, ClassifierError};
use super::estimate::Estimate;
use crate::data::{self, DataError, Dataset, Shape, sha256_hex};

/// Pictures in memory with the classes that they were asked to be of.
#[derive(Debug)]
pub struct LabelledSamples {
    name: String,
    digest: String,
    shape: Shape,
    classes: Vec<String>,
    /// `[n, height, width, channels]`
    pictures: Vec<f32>,
    labels: Vec<u32>,
}

impl LabelledSamples {
    /// Pictures `[n, ..]` of a shape with their class numbers.
    ///
    /// # Panics
    /// Where there is not one label for each picture.
    pub fn new(
        name: String,
        shape: Shape,
        classes: Vec<String>,
        pictures: Vec<f32>,
        labels: Vec<u32>,
    ) -> LabelledSamples {
        assert_eq!(
            pictures.len(),
            labels.len() * shape.floats(),
            "one label for each picture"
        );
        let bytes: Vec<u8> = pictures.iter().flat_map(|x| x.to_le_bytes()).collect();
        let label_bytes: Vec<u8> = labels.iter().flat_map(|label| label.to_le_bytes()).collect();
        LabelledSamples {
            name,
            digest: sha256_hex(&[&bytes, &label_bytes]),
            shape,
            classes,
            pictures,
            labels,
        }
    }
}

impl Dataset for LabelledSamples {
    fn name(&self) -> &str {
        &self.name
    }

    fn digest(&self) -> &str {
        &self.digest
    }

    fn len(&self) -> Option<u64> {
        Some(self.labels.len() as u64)
    }

    fn shape(&self) -> Shape {
        self.shape
    }

    fn classes(&self) -> Option<&[String]> {
        Some(&self.classes)
    }

    fn read(&self, index: u64, x: &mut [f32]) -> data::Result<u32> {
        let label = self.labels.get(index as usize).ok_or_else(|| DataError::NoExample {
            name: self.name.clone(),
            index,
            len: self.labels.len() as u64,
        })?;
        let floats = self.shape.floats();
        x.copy_from_slice(&self.pictures[index as usize * floats..][..floats]);
        Ok(*label)
    }
}

/// The accuracy on `held_out` real pictures of a classifier that is trained on `samples`, `epochs` times.
///
/// # Errors
/// [`ClassifierError`].
pub fn accuracy_score(
    samples: &dyn Dataset,
    held_out: &dyn Dataset,
    epochs: usize,
    seed: u64,
) -> Result<Estimate, ClassifierError> {
    let mut classifier = Classifier::train(samples, seed, epochs, &mut |_| {})?;
    let accuracy = classifier.accuracy(held_out)?;
    let count = held_out.len().unwrap_or(0) as f64;
    Ok(Estimate::share((accuracy * count).round() as usize, count as usize))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::random;

    /// Bright above or below the middle under noise, by class; or the other way round.
    fn halves(count: usize, stream: u64, is_swapped: bool) -> LabelledSamples {
        let noise = random::normal(0, stream, count * 64);
        let pictures = noise.iter().enumerate().map(|(i, noise)| {
            let is_bright = (i % 64 < 32) == ((i / 64 % 2 == 0) != is_swapped);
            0.3 * noise + if is_bright { 0.4 } else { -0.4 }
        });
        let shape = Shape::Picture {
            height: 8,
            width: 8,
            channels: 1,
        };
        let classes = ["above", "below"].map(String::from).to_vec();
        let labels = (0..count as u32).map(|i| i % 2).collect();
        LabelledSamples::new("halves".into(), shape, classes, pictures.collect(), labels)
    }

    #[test]
    fn samples_of_the_asked_class_teach_and_others_mislead() {
        let real = halves(100, 0, false);
        let score = |samples| accuracy_score(&samples, &real, 6, 0).unwrap().value;
        assert!(score(halves(300, 1, false)) > 0.95);
        assert!(score(halves(300, 1, true)) < 0.05);
        assert_ne!(halves(2, 0, false).digest(), halves(2, 1, false).digest());
        assert!(real.example(100).is_err());
    }
}
