//! Why a classifier cannot be attacked as asked.
use crate::data::DataError;
use crate::metrics::ClassifierError;
use crate::metrics::features::FeaturesError;
use crate::models::ConfigError;
use crate::onnx::OnnxError;
use crate::weights::WeightsError;
use std::path::PathBuf;

/// What can keep an attack from being begun.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AttackError {
    /// No attack has this name.
    #[error("there is no attack `{got}`")]
    UnknownAttack {
        /// The name that was given.
        got: String,
        /// The most similar name there is.
        nearest: Option<String>,
    },
    /// Nothing to be attacked has this name.
    #[error("unknown target `{got}`: expected `effnet-lite0`, a file of a classifier, or a labelled data set")]
    UnknownTarget {
        /// The name that was given.
        got: String,
        /// The most similar name there is.
        nearest: Option<&'static str>,
    },
    /// There is no classifier of these data yet.
    #[error("no classifier of `{data}` was trained on this computer")]
    NotTrained {
        /// The data set.
        data: String,
    },
    /// The target has no such class.
    #[error("`{target}` knows no class `{got}`")]
    UnknownClass {
        /// The target.
        target: String,
        /// The name that was given.
        got: String,
        /// The most similar names, each with its number.
        near: Vec<String>,
        /// How many classes there are.
        classes: usize,
    },
    /// Several classes of the target have this name.
    #[error("`{target}` knows several classes `{got}`")]
    AmbiguousClass {
        /// The target.
        target: String,
        /// The name that was given.
        got: String,
        /// All of them, each with its number.
        all: Vec<String>,
    },
    /// An ONNX file does not say in which numbers it wants its pictures.
    #[error("`{target}` does not say in which numbers it wants its pictures")]
    NoNormalisation {
        /// The target.
        target: String,
    },
    /// Pictures of another number of channels than is normalised.
    #[error("expected a mean and a deviation for each of {channels} channels of `{target}`, got {got}")]
    Normalisation {
        /// The target.
        target: String,
        /// Its channels.
        channels: usize,
        /// How many numbers there are.
        got: usize,
    },
    /// A file of classes does not fit the target.
    #[error("expected {expected} names of classes, a line each, got {got}: {}", path.display())]
    ClassNames {
        /// The file.
        path: PathBuf,
        /// How many classes the target has.
        expected: usize,
        /// What the file has.
        got: String,
    },
    /// Something was said of the target that its file says itself.
    #[error("`{target}` is no ONNX file, so nothing has to be said of it")]
    NotBrought {
        /// The target.
        target: String,
    },
    /// The network that a user has brought.
    #[error(transparent)]
    Onnx(Box<OnnxError>),
    /// The settings, or what is attacked with them.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The network's weights.
    #[error(transparent)]
    Features(Box<FeaturesError>),
    /// The classifier.
    #[error(transparent)]
    Classifier(Box<ClassifierError>),
    /// The data, or a picture.
    #[error(transparent)]
    Data(Box<DataError>),
}

impl From<FeaturesError> for AttackError {
    fn from(error: FeaturesError) -> AttackError {
        AttackError::Features(Box::new(error))
    }
}

impl From<ClassifierError> for AttackError {
    fn from(error: ClassifierError) -> AttackError {
        AttackError::Classifier(Box::new(error))
    }
}

impl From<DataError> for AttackError {
    fn from(error: DataError) -> AttackError {
        AttackError::Data(Box::new(error))
    }
}

impl From<OnnxError> for AttackError {
    fn from(error: OnnxError) -> AttackError {
        AttackError::Onnx(Box::new(error))
    }
}

impl From<WeightsError> for AttackError {
    fn from(error: WeightsError) -> AttackError {
        FeaturesError::from(error).into()
    }
}

impl AttackError {
    /// The way out, one sentence without a full stop.
    pub fn hint(&self) -> Option<String> {
        let quoted = |names: &[String]| {
            names
                .iter()
                .map(|name| format!("`{name}`"))
                .collect::<Vec<_>>()
                .join(", ")
        };
        match self {
            AttackError::UnknownAttack { nearest, .. } => Some(match nearest {
                Some(nearest) => format!("did you mean `{nearest}`? `gany attack --help` lists all of them"),
                None => "`gany attack --help` lists all of them".into(),
            }),
            AttackError::UnknownTarget { nearest, .. } => Some(match nearest {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None => "`gany data get effnet-lite0` fetches a network that knows a thousand things".into(),
            }),
            AttackError::NotTrained { data } => {
                Some(format!("train it once with `gany train classifier --data {data}`"))
            }
            AttackError::UnknownClass { near, classes, .. } if near.is_empty() => {
                Some(format!("give its name, or its number from 0 to {}", classes - 1))
            }
            AttackError::UnknownClass { near, classes, .. } => Some(format!(
                "near it are {}; a number from 0 to {} will do",
                quoted(near),
                classes - 1
            )),
            AttackError::AmbiguousClass { all, .. } => Some(format!("give the number of one of {}", quoted(all))),
            AttackError::NoNormalisation { .. } => Some(
                "say how it was trained: `--normalise imagenet` (torchvision's), `tf` (-1 to 1), `lite` (EfficientNet-Lite's), `none` (0 to 1), \
                 `bytes` (0 to 255), or mean/deviation such as `0.1307/0.3081`; what it sees in a picture of a known class tells whether that \
                 is right"
                    .into(),
            ),
            AttackError::Normalisation { .. } => {
                Some("give one number for all channels, or one for each: `--normalise 0.5/0.25`, `0.4,0.5,0.6/0.2,0.2,0.2`".into())
            }
            AttackError::ClassNames { .. } => Some("leave out `--classes`, and classes go by their numbers".into()),
            AttackError::NotBrought { .. } => {
                Some("leave out `--normalise`, `--classes` and `--shape`: they are for ONNX files".into())
            }
            AttackError::Onnx(error) => Some(error.hint()),
            AttackError::Config(error) => error.hint(),
            AttackError::Features(error) => error.hint(),
            AttackError::Classifier(error) => error.hint(),
            AttackError::Data(error) => error.hint(),
        }
    }
}
