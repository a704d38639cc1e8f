//! Takes measures by name: one pass over real examples, kept in a file for the next time, and one over samples.
use super::features::FeatureNetwork;
use super::figure::{Features, Figure, Protocol, Reference};
use super::gather::{Gathered, Gatherer, Wanted};
use super::registry::{Context, ENTRIES, Entry, Need, Source, find};
use crate::data::{DataError, Dataset, Shape, Want, sha256_hex};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;

/// Examples that are looked at together.
const PORTION: usize = 500;

/// What keeps measures from being taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvaluationError {
    /// The real examples cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// There is no such measure.
    #[error("unknown metric `{name}`: expected some of {known}")]
    UnknownMetric {
        /// What was asked for.
        name: String,
        /// All names.
        known: String,
        /// The name that it may have been meant for.
        nearest: Option<&'static str>,
    },
    /// Too few examples for any measure.
    #[error("expected {expected} or more {what}, got {got}")]
    TooFew {
        /// The least.
        expected: usize,
        /// Of what.
        what: &'static str,
        /// How many there are.
        got: usize,
    },
}

impl EvaluationError {
    /// The way out.
    pub fn hint(&self) -> Option<String> {
        match self {
            EvaluationError::Data(error) => error.hint(),
            EvaluationError::UnknownMetric {
                nearest: Some(nearest), ..
            } => Some(format!("did you mean `{nearest}`?")),
            EvaluationError::UnknownMetric { .. } => Some("`gany eval --list` says what each of them tells".into()),
            EvaluationError::TooFew { .. } => {
                Some("ask for more with `-n`, or compare with a larger data set by `--against`".into())
            }
        }
    }
}

/// What is to be measured, and on how many.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// The measures; those of [`ENTRIES`] that are taken by default where there are none.
    pub metrics: Vec<String>,
    /// How many samples, and real examples at most.
    pub count: usize,
    /// What samples and everything that is drawn follow from.
    pub seed: u64,
}

/// The figures of one evaluation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Every number, in the order of the registry.
    pub figures: Vec<Figure>,
    /// What a person should know; sentences.
    pub notes: Vec<String>,
    /// Measures that were asked for and cannot be taken.
    pub skipped: Vec<Skipped>,
}

/// A measure that cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// Its name.
    pub metric: String,
    /// Why.
    pub reason: String,
}

/// Real examples, what was taken of them, and the measures to take.
pub struct Evaluator {
    entries: Vec<&'static Entry>,
    is_asked: bool,
    plan: Plan,
    data: Arc<dyn Dataset>,
    held_out_data: Option<Arc<dyn Dataset>>,
    network: Option<Box<dyn FeatureNetwork>>,
    reference: Reference,
    real: Gathered,
    held_out: Option<Gathered>,
}

/// Everything that an evaluator is made from.
pub struct Given<'a> {
    /// Real examples, in the shape of the samples.
    pub data: Arc<dyn Dataset>,
    /// How they were shaped, for the protocol.
    pub want: &'a Want,
    /// Real examples that no generator has seen.
    pub held_out: Option<Arc<dyn Dataset>>,
    /// What takes the features of pictures.
    pub network: Option<Box<dyn FeatureNetwork>>,
    /// Where what was taken of real examples is kept.
    pub cache: Option<&'a Path>,
}

/// The measures of these names, in the order of the registry; those by default where there are none.
///
/// # Errors
/// [`EvaluationError::UnknownMetric`].
pub fn chosen(names: &[String]) -> Result<Vec<&'static Entry>, EvaluationError> {
    for name in names {
        if find(name).is_none() {
            let all = ENTRIES.iter().map(|entry| entry.name);
            let near = all.clone().map(|known| (strsim::jaro_winkler(name, known), known));
            let nearest = near
                .filter(|(likeness, _)| *likeness > 0.7)
                .max_by(|a, b| a.0.total_cmp(&b.0));
            return Err(EvaluationError::UnknownMetric {
                name: name.clone(),
                known: all.collect::<Vec<_>>().join(", "),
                nearest: nearest.map(|(_, known)| known),
            });
        }
    }
    let is_chosen = |entry: &&Entry| match names {
        [] => entry.is_default,
        names => names.iter().any(|name| name == entry.name),
    };
    Ok(ENTRIES.iter().filter(is_chosen).collect())
}

impl Evaluator {
    /// Takes what the measures need of real examples, or finds it in the cache.
    ///
    /// # Errors
    /// [`EvaluationError`].
    pub fn new(plan: Plan, given: Given) -> Result<Evaluator, EvaluationError> {
        let entries = chosen(&plan.metrics)?;
        let Given {
            data,
            want,
            held_out: held_out_data,
            mut network,
            cache,
        } = given;
        let wanted = wanted(&entries);
        let mut take = |data: &dyn Dataset| -> Result<Gathered, EvaluationError> {
            let count = data.len().map_or(plan.count, |len| (len as usize).min(plan.count));
            let network: Option<&mut dyn FeatureNetwork> = match &mut network {
                Some(network) => Some(&mut **network),
                None => None,
            };
            let file = cache.map(|cache| {
                let name = network.as_ref().map_or("none", |network| network.digest());
                let key = json!([
                    data.digest(),
                    count,
                    plan.seed,
                    format!("{wanted:?}"),
                    name,
                    shaping(want),
                    shape_of(data.shape())
                ]);
                let key = sha256_hex(&[b"reference statistics 1", key.to_string().as_bytes()]);
                cache.join(format!("{}.safetensors", &key[..32]))
            });
            if let Some(kept) = file.as_deref().and_then(Gathered::load) {
                return Ok(kept);
            }
            let gathered = gather_real(data, count, wanted, plan.seed, network)?;
            // A cache that cannot be written costs time, nothing else.
            _ = file.map(|file| gathered.save(&file));
            Ok(gathered)
        };
        let real = take(&*data)?;
        let needs_held_out = entries.iter().any(|entry| entry.needs.contains(&Need::HeldOut));
        let held_out = match &held_out_data {
            Some(data) if needs_held_out => Some(take(&**data)?),
            _ => None,
        };
        let few = |what, got| EvaluationError::TooFew {
            expected: 10,
            what,
            got,
        };
        if real.count < 10 {
            return Err(few("real examples", real.count));
        }
        if plan.count < 10 {
            return Err(few("samples", plan.count));
        }
        let reference = Reference {
            data: data.name().to_owned(),
            digest: format!("sha256:{}", data.digest()),
            shaping: shaping(want),
            count: real.count,
        };
        Ok(Evaluator {
            entries,
            is_asked: !plan.metrics.is_empty(),
            plan,
            data,
            held_out_data,
            network,
            reference,
            real,
            held_out,
        })
    }

    /// The figure that says which of two states is the better one: the first that can be taken. The lower the better.
    pub fn lead(&self) -> Option<&'static str> {
        let has_features = self.real.dimension > 0;
        let can = |entry: &&&Entry| has_features || !entry.needs.contains(&Need::Features);
        self.entries.iter().find(can).map(|entry| entry.name)
    }

    /// Takes every measure of the samples of a source: a pure function of what the source makes and the seed.
    pub fn evaluate(&mut self, source: &mut dyn Source) -> Evaluation {
        let shape = self.data.shape();
        let mut network: Option<&mut dyn FeatureNetwork> = match &mut self.network {
            Some(network) => Some(&mut **network),
            None => None,
        };
        let features = network.as_ref().map(|network| Features {
            network: network.name().to_owned(),
            digest: format!("sha256:{}", network.digest()),
            resize: network.resize().to_owned(),
        });
        let made = {
            let network: Option<&mut dyn FeatureNetwork> = match &mut network {
                Some(network) => Some(&mut **network),
                None => None,
            };
            let mut gatherer = Gatherer::new(shape, self.plan.count, wanted(&self.entries), self.plan.seed, network);
            for first in (0..self.plan.count).step_by(PORTION) {
                let (samples, labels) = source.samples(first, PORTION.min(self.plan.count - first));
                gatherer.push(&samples, &labels);
            }
            gatherer.finish()
        };
        let mut context = Context {
            shape,
            real: &self.real,
            made: &made,
            held_out: self.held_out.as_ref(),
            held_out_data: self.held_out_data.as_deref(),
            modes: self.data.modes(),
            seed: self.plan.seed,
            source,
            network,
        };
        let mut evaluation = Evaluation::default();
        if !(made.features.iter().chain(&made.pictures)).all(|x| x.is_finite()) {
            evaluation
                .notes
                .push("samples hold numbers that are not finite, so nothing can be measured".into());
            return evaluation;
        }
        for entry in &self.entries {
            let lacking = entry.needs.iter().find_map(|need| need.lacking(&context));
            let found = match lacking {
                None => (entry.measure)(&mut context),
                Some(reason) => {
                    evaluation.skip(self.is_asked, entry, reason);
                    continue;
                }
            };
            if found.is_empty() {
                evaluation.skip(self.is_asked, entry, "there are too few examples for it");
            }
            for measured in found {
                evaluation.notes.extend(measured.note);
                let uses_features = entry
                    .needs
                    .iter()
                    .any(|need| matches!(need, Need::Features | Need::Logits));
                evaluation.figures.push(Figure {
                    metric: measured.quantity,
                    value: measured.estimate.value,
                    interval: measured.estimate.interval,
                    real: measured.real,
                    better: measured.better,
                    protocol: Protocol {
                        definition: format!("{} {}", entry.name, entry.version),
                        reference: self.reference.clone(),
                        samples: self.plan.count,
                        shape: shape_of(shape),
                        features: features.clone().filter(|_| uses_features),
                        seed: self.plan.seed,
                        parameters: measured
                            .parameters
                            .into_iter()
                            .map(|(name, value)| (name.to_owned(), value))
                            .collect(),
                    },
                });
            }
        }
        evaluation
    }
}

impl Evaluation {
    fn skip(&mut self, is_asked: bool, entry: &Entry, reason: &str) {
        if is_asked {
            self.skipped.push(Skipped {
                metric: entry.name.to_owned(),
                reason: reason.to_owned(),
            });
        }
    }
}

fn gather_real<'a>(
    data: &dyn Dataset,
    count: usize,
    wanted: Wanted,
    seed: u64,
    network: Option<&'a mut (dyn FeatureNetwork + 'a)>,
) -> Result<Gathered, EvaluationError> {
    let floats = data.shape().floats();
    let mut gatherer = Gatherer::new(data.shape(), count, wanted, seed, network);
    for first in (0..count).step_by(PORTION) {
        let part = PORTION.min(count - first);
        let (mut x, mut y) = (vec![0.0; part * floats], vec![0.0; part]);
        data.batch(seed, first as u64, part, &mut x, &mut y)?;
        gatherer.push(&x, &y.iter().map(|&y| y as u32).collect::<Vec<_>>());
    }
    Ok(gatherer.finish())
}

fn wanted(entries: &[&Entry]) -> Wanted {
    let any = |need| entries.iter().any(|entry| entry.needs.contains(&need));
    Wanted {
        features: any(Need::Features) || any(Need::Logits),
        patches: any(Need::Patches),
        spectra: any(Need::Spectra),
        pictures: any(Need::Pictures),
    }
}

fn shape_of(shape: Shape) -> Vec<usize> {
    shape.of_batch(1)[1..].to_vec()
}

/// How pictures were shaped, without what does not change them.
fn shaping(want: &Want) -> Value {
    json!({"fit": want.fit, "background": want.background, "padding": want.padding})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::toys::{Formula, Toy};

    /// Points of the ring itself, or only of some of its modes.
    struct Ring {
        modes: u32,
    }

    impl Source for Ring {
        fn samples(&mut self, first: usize, count: usize) -> (Vec<f32>, Vec<u32>) {
            let ring = Toy::new(Formula::Ring);
            let drawn = (0..).map(|k| ring.draw(77, k)).filter(|(_, mode)| *mode < self.modes);
            let points: Vec<[f32; 2]> = drawn.skip(first).take(count).map(|(point, _)| point).collect();
            (points.as_flattened().to_vec(), vec![0; count])
        }

        fn of_latents(&mut self, z: &[f32]) -> Vec<f32> {
            z.to_vec()
        }

        fn z_dim(&self) -> usize {
            2
        }

        fn is_conditional(&self) -> bool {
            false
        }
    }

    fn evaluated(metrics: &[&str], modes: u32) -> Evaluation {
        let plan = Plan {
            metrics: metrics.iter().map(ToString::to_string).collect(),
            count: 400,
            seed: 0,
        };
        let given = Given {
            data: Arc::new(Toy::new(Formula::Ring)),
            want: &Want::default(),
            held_out: None,
            network: None,
            cache: None,
        };
        Evaluator::new(plan, given).unwrap().evaluate(&mut Ring { modes })
    }

    fn value(evaluation: &Evaluation, metric: &str) -> f64 {
        let figure = evaluation.figures.iter().find(|figure| figure.metric == metric);
        figure.unwrap_or_else(|| panic!("no {metric}")).value
    }

    #[test]
    fn a_collapsed_generator_is_told_from_a_good_one() {
        let [good, collapsed] = [8, 2].map(|modes| evaluated(&[], modes));
        assert_eq!((value(&good, "modes"), value(&collapsed, "modes")), (8.0, 2.0));
        assert!(value(&good, "w1") < 0.3 && value(&collapsed, "w1") > 1.0);
        assert!(value(&good, "coverage") > 0.9 && value(&collapsed, "coverage") < 0.4);
        assert!((value(&good, "two-sample") - 0.5).abs() < 0.1);
        assert!(value(&collapsed, "bins") > value(&good, "bins") + 0.5);
        assert_eq!(good.figures[0].metric, "w1");
        // Measures of pictures are passed over in silence, since nobody asked for them.
        assert!(good.skipped.is_empty());
        let (a, b) = (&good.figures[0], &collapsed.figures[0]);
        assert_eq!(a.compare(b).unwrap().better, None);
        assert_eq!(a.protocol.reference.count, 400);
    }

    #[test]
    fn what_cannot_be_measured_is_said_where_it_was_asked_for() {
        let found = evaluated(&["swd", "modes"], 8);
        assert_eq!(found.figures.len(), 3);
        let expected = Skipped {
            metric: "swd".into(),
            reason: "it needs pictures of 7x7 pixels or more".into(),
        };
        assert_eq!(found.skipped, [expected]);
    }

    #[test]
    fn unknown_names_are_refused_with_the_nearest() {
        let error = chosen(&["precision".into()]).err().unwrap();
        assert!(
            error
                .to_string()
                .starts_with("unknown metric `precision`: expected some of w1, modes, fd,")
        );
        assert_eq!(error.hint().unwrap(), "did you mean `precision-recall`?");
    }
}
