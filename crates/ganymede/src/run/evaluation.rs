//! `eval.json`: figures of a run's samples, each with its protocol.
use super::error::RunError;
use super::folder::{RunFolder, now_utc};
use super::sampling::Sampler;
use super::training::{Length, Order, TrainError};
use crate::data::{self, DataError, Dataset, Shape, Want};
use crate::games::Play;
use crate::metrics::classifier::{Classifier, ClassifierError, splits};
use crate::metrics::evaluation::{Given, Plan};
use crate::metrics::features::{self, FeatureNetwork, FeaturesError};
use crate::metrics::figure::{Comparison, Unlike};
use crate::metrics::{Evaluation, EvaluationError, Evaluator};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Networks that take features of pictures beside those of [`features::NETWORKS`]: the classifier of the data's classes, and
/// none at all.
pub const OWN_FEATURES: &[&str] = &["clf", "none"];

/// What pictures without classes are measured by, once its weights were fetched.
const FOR_ALL: &str = "effnet-lite0";

/// What keeps a run from being measured, or two from being compared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvalError {
    /// The run, or its state.
    #[error(transparent)]
    Train(#[from] Box<TrainError>),
    /// The data or the measures.
    #[error(transparent)]
    Evaluation(#[from] EvaluationError),
    /// The classifier.
    #[error(transparent)]
    Classifier(#[from] ClassifierError),
    /// The network, or its weights.
    #[error(transparent)]
    Features(#[from] FeaturesError),
    /// The network does not take these pictures.
    #[error("feature network `clf` takes pictures of {expected}, got {got} in `{name}`")]
    OtherShape {
        /// Width, height and channels that it was trained on.
        expected: String,
        /// Those of the pictures.
        got: String,
        /// The data.
        name: String,
    },
    /// The two figures say nothing about each other.
    #[error(transparent)]
    Unlike(#[from] Unlike),
    /// The system makes nothing of random numbers, so there are no samples to measure.
    #[error("there is nothing to measure: `{system}` makes no samples of its own")]
    NoSamples {
        /// The system.
        system: String,
    },
    /// Nothing was measured yet.
    #[error("the run was not measured yet: {}", path.display())]
    NotMeasured {
        /// Its folder.
        path: PathBuf,
    },
    /// Two runs have no measure in common.
    #[error("the runs have no figure in common: {} and {}", first.display(), second.display())]
    NothingInCommon {
        /// One run.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
}

impl EvalError {
    /// The way out.
    pub fn hint(&self) -> Option<String> {
        match self {
            EvalError::Train(error) => error.hint(),
            EvalError::Evaluation(error) => error.hint(),
            EvalError::Classifier(error) => error.hint(),
            EvalError::Features(FeaturesError::Unknown { .. }) => {
                Some("`clf` is the classifier of the data's own classes, and `none` takes no features".into())
            }
            EvalError::Features(error) => error.hint(),
            EvalError::OtherShape { .. } => Some("leave out `--features`, or train at the data's own size".into()),
            EvalError::Unlike(error) => Some(error.hint()),
            EvalError::NoSamples { .. } => Some(
                "the grids and curves of its report show how good it is, and `gany translate` what it makes of pictures".into(),
            ),
            EvalError::NotMeasured { path } => Some(format!("measure it: `gany eval {}`", path.display())),
            EvalError::NothingInCommon { .. } => Some("measure both with the same `--metrics`".into()),
        }
    }
}

impl From<RunError> for EvalError {
    fn from(error: RunError) -> EvalError {
        Box::new(TrainError::from(error)).into()
    }
}

impl From<DataError> for EvalError {
    fn from(error: DataError) -> EvalError {
        EvaluationError::from(error).into()
    }
}

/// What is to be measured of a run.
#[derive(Clone, Debug, Default)]
pub struct EvalOrder {
    /// The measures, how many samples, the seed.
    pub plan: Plan,
    /// Real examples: a name or a path; those that the run was trained on where `None`.
    pub against: Option<String>,
    /// Real examples that the run has not seen; the data's `test` split, if it has one, where `None`.
    pub held_out: Option<String>,
    /// The feature network, one of [`OWN_FEATURES`] or [`features::NETWORKS`]. Where `None`: the data's classifier, if there
    /// are classes, else `effnet-lite0`, if its weights were fetched.
    pub features: Option<String>,
    /// The file of the network's weights; those that were fetched where `None`.
    pub weights: Option<PathBuf>,
    /// The named checkpoint, such as `best`; the latest where `None`.
    pub checkpoint: Option<String>,
}

/// What was measured of a run: the content of `eval.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunFigures {
    /// Version of Ganymede that measured.
    pub ganymede: String,
    /// When, in UTC.
    pub at: String,
    /// The system.
    pub system: String,
    /// The step of the checkpoint.
    pub step: u64,
    /// The figures.
    #[serde(flatten)]
    pub evaluation: Evaluation,
}

/// Measures a run and writes `eval.json`; `say` is told of what takes long, a sentence at a time.
///
/// # Errors
/// [`EvalError`].
pub fn evaluate(run: &Path, order: &EvalOrder, say: &mut dyn FnMut(&str)) -> Result<RunFigures, EvalError> {
    let mut sampler = Sampler::open_at(run, order.checkpoint.as_deref()).map_err(Box::new)?;
    refuse_to_measure(sampler.entry().card.id, sampler.play()).map_err(|error| *error)?;
    let folder = RunFolder::open(run)?;
    let trained = Order::of(&folder.read_settings()?, folder.path(), Length::Steps(0), vec![])?;
    let want = match sampler.shape() {
        Shape::Picture {
            height,
            width,
            channels,
        } => Want {
            size: Some((height, width)),
            channels: Some(channels),
            ..trained.want
        },
        Shape::Volume { height, width, .. } => Want {
            size: Some((height, width)),
            ..trained.want
        },
        Shape::Sound { .. } | Shape::Roll { .. } | Shape::Events { .. } | Shape::Point { .. } | Shape::Row { .. } => {
            trained.want
        }
    };
    let spec = order.against.as_deref().unwrap_or(&trained.data);
    let data = data::open(spec, &want)?;
    let held_out = match &order.held_out {
        Some(spec) => Some(data::open(spec, &want)?),
        None => test_split(spec, &*data, &want),
    };
    let network = match (&order.features, data.shape()) {
        (None, Shape::Picture { .. }) => match own_network(spec, &*data, None, say)? {
            None => features::open(FOR_ALL, order.weights.as_deref()).ok(),
            own => own,
        },
        (Some(name), Shape::Picture { .. }) if !OWN_FEATURES.contains(&name.as_str()) => {
            Some(features::open(name, order.weights.as_deref())?)
        }
        (name, _) => own_network(spec, &*data, name.as_deref(), say)?,
    };
    let cache = statistics_folder();
    let given = Given {
        data,
        want: &want,
        held_out,
        network,
        cache: cache.as_deref(),
    };
    let mut evaluator = Evaluator::new(order.plan.clone(), given)?;
    let figures = RunFigures {
        ganymede: env!("CARGO_PKG_VERSION").to_owned(),
        at: now_utc(),
        system: sampler.entry().card.id.to_owned(),
        step: sampler.stamp().step,
        evaluation: evaluator.evaluate(&mut sampler.source(order.plan.seed)),
    };
    folder.write_figures(&figures)?;
    Ok(figures)
}

/// Whether there are samples to be measured.
///
/// # Errors
/// [`EvalError::NoSamples`] where there are none.
pub(super) fn refuse_to_measure(system: &str, play: &Play) -> Result<(), Box<EvalError>> {
    if play.system().z_dim() > 0 {
        return Ok(());
    }
    Err(Box::new(EvalError::NoSamples {
        system: system.to_owned(),
    }))
}

/// The figures that were measured of a run.
///
/// # Errors
/// [`EvalError::NotMeasured`], and where there is no run.
pub fn stored(run: &Path) -> Result<RunFigures, EvalError> {
    let figures = RunFolder::open(run)?.read_figures()?;
    figures.ok_or_else(|| EvalError::NotMeasured { path: run.to_owned() })
}

/// Compares two runs by every figure that both have.
///
/// # Errors
/// [`EvalError::Unlike`] where one of them was measured in another way; [`EvalError::NothingInCommon`].
pub fn compare(first: (&Path, &RunFigures), second: (&Path, &RunFigures)) -> Result<Vec<Comparison>, EvalError> {
    let others = &second.1.evaluation.figures;
    let pairs = first.1.evaluation.figures.iter().filter_map(|figure| {
        let same = others.iter().find(|other| other.metric == figure.metric)?;
        Some(figure.compare(same))
    });
    let comparisons = pairs.collect::<Result<Vec<Comparison>, Unlike>>()?;
    if comparisons.is_empty() {
        return Err(EvalError::NothingInCommon {
            first: first.0.to_owned(),
            second: second.0.to_owned(),
        });
    }
    Ok(comparisons)
}

/// Where what was taken of real examples is kept; nowhere where there is no cache folder.
pub(super) fn statistics_folder() -> Option<PathBuf> {
    Some(data::get::cache_folder().ok()?.join("statistics"))
}

/// The classifier of these data or nothing, by name; where no name is given, the classifier if there are classes and it fits.
pub(super) fn own_network(
    spec: &str,
    data: &dyn Dataset,
    name: Option<&str>,
    say: &mut dyn FnMut(&str),
) -> Result<Option<Box<dyn FeatureNetwork>>, EvalError> {
    let is_labelled = data.classes().is_some_and(|classes| classes.len() > 1);
    match (name, data.shape()) {
        (Some("clf"), _) => classifier_of(spec, data, say).map(Some),
        (None, Shape::Picture { .. }) if is_labelled => match classifier_of(spec, data, say) {
            Err(EvalError::OtherShape { .. }) => Ok(None),
            found => found.map(Some),
        },
        _ => Ok(None),
    }
}

/// The classifier of the classes of these data, trained now if it has not been.
fn classifier_of(
    spec: &str,
    data: &dyn Dataset,
    say: &mut dyn FnMut(&str),
) -> Result<Box<dyn FeatureNetwork>, EvalError> {
    let name = spec
        .strip_suffix(":train")
        .or(spec.strip_suffix(":test"))
        .unwrap_or(spec);
    let [train, _] = splits(name)?;
    // Networks see what is transparent on white, which this one was not trained on.
    let has_alpha = matches!(data.shape(), Shape::Picture { channels: 2 | 4, .. });
    if has_alpha || train.shape() != data.shape() {
        let expected = if has_alpha {
            "1 or 3 channels".to_owned()
        } else {
            in_words(train.shape())
        };
        return Err(EvalError::OtherShape {
            expected,
            got: in_words(data.shape()),
            name: spec.to_owned(),
        });
    }
    let mut is_told = false;
    let classifier = Classifier::of(name, &mut |progress| {
        if !std::mem::replace(&mut is_told, true) {
            let updates = progress.updates;
            say(&format!(
                "Training the classifier of {name} first, once: {updates} updates."
            ));
        }
    })?;
    Ok(Box::new(classifier))
}

fn in_words(shape: Shape) -> String {
    match shape {
        Shape::Picture {
            height,
            width,
            channels,
        } => format!("{width}x{height}x{channels}"),
        Shape::Volume {
            depth,
            height,
            width,
            channels,
            ..
        } => format!("{width}x{height}x{depth}, channels: {channels}"),
        Shape::Sound { length, rate_hz, .. } => format!("{length} samples at {rate_hz} Hz"),
        Shape::Roll { steps, pitches, .. } => format!("{steps} steps of {pitches} pitches"),
        Shape::Events { count } => format!("{count} notes"),
        Shape::Point { dimension } => format!("points of {dimension} coordinates"),
        Shape::Row { floats } => format!("rows of {floats} numbers"),
    }
}

/// The `test` split of the data that a run was trained on, unless it is those data themselves.
fn test_split(spec: &str, data: &dyn Dataset, want: &Want) -> Option<Arc<dyn Dataset>> {
    let name = spec.strip_suffix(":train").unwrap_or(spec);
    let test = data::open(&format!("{name}:test"), want).ok()?;
    (test.digest() != data.digest() && test.shape() == data.shape()).then_some(test)
}
