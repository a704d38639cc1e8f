//! `eval.json`: figures of a run's samples, each with its protocol.
use super::error::RunError;
use super::folder::{RunFolder, now_utc};
use super::sampling::Sampler;
use super::training::{Length, TrainError, order_from};
use crate::data::{self, DataError, Dataset, Shape, Want};
use crate::metrics::classifier::{Classifier, ClassifierError};
use crate::metrics::evaluation::{Given, Plan};
use crate::metrics::features::FeatureNetwork;
use crate::metrics::figure::{Comparison, Unlike};
use crate::metrics::{Evaluation, EvaluationError, Evaluator};
use crate::named::named_enum;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;

named_enum! {
    /// A network that takes features of pictures.
    "feature network" FeatureName {
        /// The project's own classifier of the data's classes.
        Clf = "clf",
        /// None at all.
        None = "none",
    }
}

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
            EvalError::OtherShape { .. } => Some("leave out `--features`, or train at the data's own size".into()),
            EvalError::Unlike(error) => Some(error.hint()),
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
    /// The feature network; the data's classifier, where there are classes, where `None`.
    pub features: Option<FeatureName>,
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
    let folder = RunFolder::open(run)?;
    let trained = order_from(&folder.read_settings()?, Length::Steps(0), vec![]).map_err(Box::new)?;
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
        Shape::Point { .. } => trained.want,
    };
    let spec = order.against.as_deref().unwrap_or(&trained.data);
    let data = data::open(spec, &want)?;
    let held_out = match &order.held_out {
        Some(spec) => Some(data::open(spec, &want)?),
        None => test_split(spec, &*data, &want),
    };
    let network = network_of(spec, &*data, order.features, say)?;
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

/// The network that takes the features of pictures like these; where none was chosen, whichever fits, or none.
pub(super) fn network_of(
    spec: &str,
    data: &dyn Dataset,
    choice: Option<FeatureName>,
    say: &mut dyn FnMut(&str),
) -> Result<Option<Box<dyn FeatureNetwork>>, EvalError> {
    let is_asked = choice == Some(FeatureName::Clf);
    let (Shape::Picture { height, width, channels }, true) =
        (data.shape(), is_asked || (choice.is_none() && data.classes().is_some_and(|classes| classes.len() > 1)))
    else {
        return Ok(None);
    };
    let name = spec.strip_suffix(":train").or(spec.strip_suffix(":test")).unwrap_or(spec);
    // Those that it was or would be trained on; they know their size without being read.
    let [train, _] = crate::metrics::classifier::splits(name)?;
    let shape = Shape::Picture { height, width, channels };
    if train.shape() != shape {
        let words = |shape: Shape| match shape {
            Shape::Picture { height, width, channels } => format!("{width}x{height}x{channels}"),
            Shape::Point { .. } => "points".to_owned(),
        };
        let error = EvalError::OtherShape {
            expected: words(train.shape()),
            got: words(shape),
            name: spec.to_owned(),
        };
        return if is_asked { Err(error) } else { Ok(None) };
    }
    let mut is_told = false;
    let classifier = Classifier::of(name, &mut |progress| {
        if !std::mem::replace(&mut is_told, true) {
            say(&format!(
                "Training the classifier of {name} first, once: {} updates.",
                progress.updates
            ));
        }
    })?;
    Ok(Some(Box::new(classifier)))
}

/// The `test` split of the data that a run was trained on, unless it is those data themselves.
fn test_split(spec: &str, data: &dyn Dataset, want: &Want) -> Option<Arc<dyn Dataset>> {
    let name = spec.strip_suffix(":train").unwrap_or(spec);
    let test = data::open(&format!("{name}:test"), want).ok()?;
    (test.digest() != data.digest() && test.shape() == data.shape()).then_some(test)
}
