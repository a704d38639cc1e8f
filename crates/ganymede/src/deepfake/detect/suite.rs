//! The detectors that learn from pictures, trained together, calibrated, and kept in one file.
use super::Pictures;
use super::altered::altered;
use super::boundary::Boundary;
use super::calibration::Platt;
use super::frequency::Frequency;
use super::spatial::{Spatial, Training};
use crate::data::sha256_hex;
use crate::metrics::Logistic;
use crate::nn::Parameter;
use gany_engine::Tensor;
use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensors, serialize};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Every fifth picture is held out to be calibrated on.
const HELD_OUT: usize = 5;
/// Fewer pictures of a kind teach nothing.
const LEAST: usize = 50;
const METADATA: &str = "ganymede.detectors";
/// Longest side of the pictures that a file may name.
const LONGEST: usize = 1024;

/// What can keep detectors from being trained, kept or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DetectError {
    /// There is too little to learn from.
    #[error("too few pictures: expected {LEAST} or more {kind}, got {got}")]
    TooFew {
        /// Real or fake.
        kind: &'static str,
        /// How many there are.
        got: usize,
    },
    /// The file holds no detectors, or not whole ones.
    #[error("not a file of detectors: {reason}: {}", path.display())]
    Damaged {
        /// What is wrong.
        reason: String,
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be read or written.
    #[error("cannot {action} the detectors: {}: {}", source.kind(), path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// Why it failed.
        source: std::io::Error,
        /// The file.
        path: PathBuf,
    },
}

impl DetectError {
    /// The way out.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            DetectError::TooFew { .. } => {
                "some hundreds of each kind are a beginning: `gany sample RUN -n 2000 -o fakes`".into()
            }
            DetectError::Damaged { .. } | DetectError::Io { action: "read", .. } => {
                "train detectors first: `gany detect train REAL FAKES -o detectors.safetensors`".into()
            }
            DetectError::Io { .. } => "choose another place with `-o`".into(),
        })
    }
}

/// What is kept beside the networks' weights.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Record {
    shape: [usize; 3],
    frequency: Frequency,
    /// Of the spatial, frequency and boundary detectors' scores.
    platts: [Platt; 3],
    /// From the logarithms of odds of the first two.
    both: Logistic,
}

/// Detectors of pictures.
pub struct Suite {
    record: Record,
    /// By pixels.
    pub spatial: Spatial,
    /// By edges.
    pub boundary: Boundary,
}

/// What detectors say of a picture: probabilities, where as many are fakes as not.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Judged {
    /// That a generator made it, by the network.
    pub spatial: f64,
    /// That a generator made it, by its waves.
    pub frequency: f64,
    /// That a generator made it, by both.
    pub made: f64,
    /// That it was put together of two.
    pub composed: f64,
    /// The band whose power speaks loudest for a fake, and how many deviations it lies above the usual.
    pub band: (usize, f64),
}

fn odds(probability: f64) -> f32 {
    let p = probability.clamp(1e-6, 1.0 - 1e-6);
    (p / (1.0 - p)).ln() as f32
}

/// Every fifth picture, or the others.
fn part(all: Pictures, is_held_out: bool) -> Vec<f32> {
    let chosen = (0..all.count()).filter(|i| i.is_multiple_of(HELD_OUT) == is_held_out);
    chosen.flat_map(|i| all.get(i)).copied().collect()
}

impl Suite {
    /// Trains all detectors, four of five pictures long, and calibrates them on the fifth; `on_loss` hears of every update, with
    /// the name of the detector.
    ///
    /// # Errors
    /// [`DetectError::TooFew`].
    ///
    /// # Panics
    /// Where real pictures and fakes differ in shape.
    pub fn train(
        real: Pictures,
        fake: Pictures,
        training: Training,
        on_loss: &mut dyn FnMut(&'static str, u64, f64),
    ) -> Result<Suite, DetectError> {
        for (kind, pictures) in [("real", real), ("fake", fake)] {
            if pictures.count() < LEAST {
                return Err(DetectError::TooFew {
                    kind,
                    got: pictures.count(),
                });
            }
        }
        let shape = real.shape;
        let parts = [part(real, false), part(fake, false), part(real, true), part(fake, true)];
        let [real, fake, other_real, other_fake] = parts.each_ref().map(|values| Pictures { values, shape });
        // Learnt from besides: what deviates from real pictures in other ways than the known fakes do. Odds are those of known fakes.
        let values = [fake.values, &altered(real, training.seed)].concat();
        let taught = Pictures { values: &values, shape };
        let spatial = Spatial::train(real, taught, training, &mut |step, loss| on_loss("spatial", step, loss));
        let frequency = Frequency::train(real, taught);
        let boundary = Boundary::train(real, training.steps, training.seed, &mut |step, loss| {
            on_loss("boundary", step, loss)
        });
        let by_pixels = [other_real, other_fake].map(|pictures| spatial.scores(pictures));
        let by_waves = [other_real, other_fake].map(|pictures| frequency.scores(pictures));
        let composed = composed(other_real);
        let by_edges = [
            other_real,
            Pictures {
                values: &composed,
                shape,
            },
        ]
        .map(|pictures| boundary.scores(pictures));
        let platts = [&by_pixels, &by_waves, &by_edges].map(|[real, fake]| Platt::fit(real, fake));
        let rows: Vec<f32> = (0..2)
            .flat_map(|kind| by_pixels[kind].iter().zip(&by_waves[kind]))
            .flat_map(|(a, b)| [odds(platts[0].probability(*a)), odds(platts[1].probability(*b))])
            .collect();
        let sides = [vec![-1.0; other_real.count()], vec![1.0; other_fake.count()]].concat();
        let both = Logistic::fit(&rows, &sides, 2);
        Ok(Suite {
            record: Record {
                shape,
                frequency,
                platts,
                both,
            },
            spatial,
            boundary,
        })
    }

    /// The shape of the pictures that it judges.
    pub fn shape(&self) -> [usize; 3] {
        self.record.shape
    }

    /// What it says of each picture.
    ///
    /// # Panics
    /// For pictures of another shape.
    pub fn judge(&self, pictures: Pictures) -> Vec<Judged> {
        let Record {
            shape,
            frequency,
            platts,
            both,
        } = &self.record;
        assert_eq!(pictures.shape, *shape, "detectors: pictures of another shape");
        let scores = [
            self.spatial.scores(pictures),
            frequency.scores(pictures),
            self.boundary.scores(pictures),
        ];
        let of_picture = |i: usize| {
            let [spatial, by_waves, composed] = [0, 1, 2].map(|k| platts[k].probability(scores[k][i]));
            let made = 1.0 / (1.0 + (-both.height(&[odds(spatial), odds(by_waves)])).exp());
            let band = frequency.reason(Pictures {
                values: pictures.get(i),
                shape: *shape,
            });
            Judged {
                spatial,
                frequency: by_waves,
                made,
                composed,
                band,
            }
        };
        (0..pictures.count()).map(of_picture).collect()
    }

    /// The same detectors with another one by pixels, calibrated anew.
    pub fn with(mut self, spatial: Spatial, real: Pictures, fake: Pictures) -> Suite {
        self.record.platts[0] = Platt::fit(&spatial.scores(real), &spatial.scores(fake));
        self.spatial = spatial;
        self
    }

    fn parameters(&self) -> Vec<Parameter> {
        [&self.spatial.scope, &self.boundary.scope]
            .into_iter()
            .flat_map(|scope| scope.parameters())
            .collect()
    }

    /// Writes it to a safetensors file.
    ///
    /// # Errors
    /// [`DetectError::Io`].
    pub fn save(&self, path: &Path) -> Result<(), DetectError> {
        let values: Vec<(Parameter, Vec<u8>)> = self
            .parameters()
            .into_iter()
            .map(|p| {
                let bytes = p.get().to_f32().iter().flat_map(|value| value.to_le_bytes()).collect();
                (p, bytes)
            })
            .collect();
        let views = values.iter().map(|(parameter, bytes)| {
            let view =
                TensorView::new(Dtype::F32, parameter.shape().to_vec(), bytes).expect("shape and bytes are its own");
            (parameter.name().to_owned(), view)
        });
        let record = serde_json::to_string(&self.record).expect("a plain value");
        let bytes =
            serialize(views, Some(HashMap::from([(METADATA.to_owned(), record)]))).expect("tensors that are whole");
        std::fs::write(path, bytes).map_err(|source| DetectError::Io {
            action: "write",
            source,
            path: path.to_owned(),
        })
    }

    /// Reads what [`save`](Suite::save) has written.
    ///
    /// # Errors
    /// [`DetectError::Io`], [`DetectError::Damaged`].
    pub fn load(path: &Path) -> Result<Suite, DetectError> {
        let bytes = std::fs::read(path).map_err(|source| DetectError::Io {
            action: "read",
            source,
            path: path.to_owned(),
        })?;
        let damaged = |reason: String| DetectError::Damaged {
            reason,
            path: path.to_owned(),
        };
        let (_, metadata) = SafeTensors::read_metadata(&bytes).map_err(|error| damaged(error.to_string()))?;
        let record = metadata.metadata().as_ref().and_then(|texts| texts.get(METADATA));
        let record = record.ok_or_else(|| damaged("it does not say what it was trained on".into()))?;
        let record: Record = serde_json::from_str(record).map_err(|error| damaged(error.to_string()))?;
        let [height, width, channels] = record.shape;
        if ![1, 3].contains(&channels) || ![height, width].iter().all(|side| (8..=LONGEST).contains(side)) {
            return Err(damaged(format!(
                "pictures of {height}x{width} pixels with {channels} channels"
            )));
        }
        if !record.frequency.fits(record.shape) || record.both.weights.len() != 2 {
            return Err(damaged("its planes are of another shape".into()));
        }
        let tensors = SafeTensors::deserialize(&bytes).map_err(|error| damaged(error.to_string()))?;
        let suite = Suite {
            spatial: Spatial::new(record.shape, 0),
            boundary: Boundary::new(channels, 0),
            record,
        };
        for parameter in suite.parameters() {
            let tensor = tensors
                .tensor(parameter.name())
                .map_err(|error| damaged(error.to_string()))?;
            if tensor.shape() != parameter.shape() || tensor.dtype() != Dtype::F32 {
                return Err(damaged(format!("`{}` has another shape or type", parameter.name())));
            }
            let values: Vec<f32> = tensor
                .data()
                .as_chunks()
                .0
                .iter()
                .map(|bytes| f32::from_le_bytes(*bytes))
                .collect();
            if !values.iter().all(|value| value.is_finite()) {
                return Err(damaged(format!("`{}` holds what is no number", parameter.name())));
            }
            parameter.set(Tensor::from_f32(parameter.shape(), &values));
        }
        Ok(suite)
    }

    /// What tells these detectors from others.
    pub fn digest(&self) -> String {
        let values: Vec<Vec<u8>> = self
            .parameters()
            .iter()
            .map(|p| p.get().to_f32().iter().flat_map(|v| v.to_le_bytes()).collect())
            .collect();
        sha256_hex(&values.iter().map(Vec::as_slice).collect::<Vec<_>>())
    }
}

/// Each picture with the next one inside a mask.
fn composed(real: Pictures) -> Vec<f32> {
    let [height, width, _] = real.shape;
    let of_picture = |i: usize| {
        let mask = super::boundary::ellipse([height, width], i as u64);
        super::boundary::blended(real.get((i + 1) % real.count()), real.get(i), &mask)
    };
    (0..real.count()).flat_map(of_picture).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::order;

    const SHAPE: [usize; 3] = [16, 16, 1];

    /// Noise of two grains.
    fn pictures(is_fake: bool, count: usize) -> Vec<f32> {
        let level = |n: usize, i: usize| {
            let i = if is_fake { i / 2 * 2 } else { i };
            order::unit(order::hash(order::hash(u64::from(is_fake), n as u64), i as u64)) as f32 * 2.0 - 1.0
        };
        (0..count * 256).map(|i| level(i / 256, i % 256)).collect()
    }

    #[test]
    fn it_judges_the_same_after_it_was_kept() {
        let [real, fake] = [false, true].map(|is_fake| pictures(is_fake, 60));
        let [real, fake] = [&real, &fake].map(|values| Pictures { values, shape: SHAPE });
        let training = Training {
            steps: 30,
            ..Training::default()
        };
        let suite = Suite::train(real, fake, training, &mut |_, _, _| {}).unwrap();
        let there = tempfile::tempdir().unwrap();
        let path = there.path().join("a.safetensors");
        suite.save(&path).unwrap();
        let again = Suite::load(&path).unwrap();
        assert_eq!(again.judge(fake), suite.judge(fake));
        assert_eq!(again.digest(), suite.digest());
        let mean = |pictures| suite.judge(pictures).iter().map(|judged| judged.made).sum::<f64>() / 60.0;
        assert!(mean(fake) > 0.8 && mean(real) < 0.2, "{} {}", mean(fake), mean(real));
        let bytes = std::fs::read(&path).unwrap();
        for length in [0, 9, bytes.len() / 2, bytes.len() - 1] {
            std::fs::write(&path, &bytes[..length]).unwrap();
            assert!(
                matches!(Suite::load(&path), Err(DetectError::Damaged { .. })),
                "{length}"
            );
        }
    }

    #[test]
    fn too_little_is_refused() {
        let values = pictures(false, 20);
        let few = Pictures {
            values: &values,
            shape: SHAPE,
        };
        let error = Suite::train(few, few, Training::default(), &mut |_, _, _| {})
            .err()
            .unwrap();
        assert_eq!(error.to_string(), "too few pictures: expected 50 or more real, got 20");
    }
}
