//! Why a classifier cannot be attacked as asked.
use crate::data::DataError;
use crate::metrics::ClassifierError;
use crate::metrics::features::FeaturesError;
use crate::models::ConfigError;
use crate::weights::WeightsError;

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
            AttackError::Config(error) => error.hint(),
            AttackError::Features(error) => error.hint(),
            AttackError::Classifier(error) => error.hint(),
            AttackError::Data(error) => error.hint(),
        }
    }
}
