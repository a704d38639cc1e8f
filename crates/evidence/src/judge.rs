//! The classifier that judges samples, and the real pictures that they are held against.
use crate::Result;
use crate::record::Evidence;
use ganymede::data::{self, Dataset};
use ganymede::metrics::Classifier;
use ganymede::metrics::classifier::{FEATURES, splits};
use ganymede::metrics::frechet::Gaussian;
use std::sync::Arc;

/// `clf` of a data set, with the features of its held-out pictures.
pub(crate) struct Judge {
    /// The classifier.
    pub(crate) clf: Classifier,
    /// The spec of the pictures that generators train on: those that `clf` was trained on.
    pub(crate) train: String,
    held_out: Arc<dyn Dataset>,
    real: Gaussian,
}

impl Judge {
    /// Fetches the data if need be, and trains the classifier if it has not been trained.
    pub(crate) fn of(name: &'static str) -> Result<Judge> {
        data::get(name, &mut |line| println!("      {line}"))?;
        let [_, held_out] = splits(name)?;
        let mut clf = Classifier::of(name, &mut |progress| {
            if progress.update % 100 == 0 || progress.update == progress.updates {
                let (done, all) = (progress.update, progress.updates);
                println!(
                    "      clf: epoch {}, update {done} of {all}, loss {:.3}",
                    progress.epoch, progress.loss
                );
            }
        })?;
        let mut pictures = vec![];
        for index in 0..held_out.len().unwrap_or(0) {
            pictures.extend(held_out.example(index)?.0);
        }
        let real = Gaussian::of(&clf.features(&pictures), FEATURES);
        Ok(Judge {
            clf,
            train: format!("{name}:train"),
            held_out,
            real,
        })
    }

    /// Frechet distance in the classifier's features between held-out real pictures and these.
    pub(crate) fn frechet(&mut self, pictures: &[f32]) -> f64 {
        Gaussian::of(&self.clf.features(pictures), FEATURES).distance(&self.real)
    }

    /// The distance that as many real pictures, of those that generators train on, have from the held-out ones: what a
    /// perfect generator would reach.
    pub(crate) fn frechet_of_real(&mut self, count: usize) -> Result<f64> {
        let train = data::open(&self.train, &Default::default())?;
        let mut pictures = vec![0.0; count * train.shape().floats()];
        train.batch(0, 0, count, &mut pictures, &mut [])?;
        Ok(self.frechet(&pictures))
    }

    /// Writes down what judges, and holds the classifier to its own bar.
    pub(crate) fn record(&self, evidence: &mut Evidence, bar: f64) {
        let record = self.clf.record();
        let accuracy = record.accuracy.unwrap_or(0.0);
        evidence.check(
            "clf on held-out real pictures",
            &format!(">= {:.0} %", 100.0 * bar),
            format!("{:.2} %", 100.0 * accuracy),
            accuracy >= bar,
        );
        evidence.figure("clf.accuracy", (accuracy * 1e4).round() / 1e4);
        evidence.figure("clf.data", record.data.clone());
        evidence.figure("clf.held_out", self.held_out.name());
        evidence.figure("clf.epochs", record.epochs);
    }
}
