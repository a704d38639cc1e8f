//! Why a classifier cannot be defended as asked.
use super::{AttackError, ConfigError, DataError};
use crate::metrics::ClassifierError;
use crate::run::TrainError;

/// What can keep a defence from being built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DefenceError {
    /// No defence has this name.
    #[error("there is no defence `{got}`")]
    UnknownDefence {
        /// The name that was given.
        got: String,
        /// The most similar name there is.
        nearest: Option<String>,
    },
    /// It is wrapped around a classifier, not trained.
    #[error("`{id}` is no way of training: it is wrapped around a classifier that is trained already")]
    NotTrained {
        /// The defence.
        id: &'static str,
        /// The command that shows it.
        command: &'static str,
    },
    /// Pictures of another shape than the target sees.
    #[error("`{target}` sees pictures of {}x{} with {} channels, got {}x{} with {}", expected[1], expected[0], expected[2], got[1], got[0], got[2])]
    Shape {
        /// The target.
        target: String,
        /// Rows, columns and channels that it sees.
        expected: [usize; 3],
        /// What it got.
        got: [usize; 3],
    },
    /// The run's system makes no samples, or asks for their class.
    #[error("cannot look for pictures with `{system}`: {reason}")]
    NoGenerator {
        /// The system.
        system: &'static str,
        /// Why not.
        reason: &'static str,
    },
    /// The settings.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The classifier.
    #[error(transparent)]
    Classifier(Box<ClassifierError>),
    /// The attack, or its target.
    #[error(transparent)]
    Attack(Box<AttackError>),
    /// The data.
    #[error(transparent)]
    Data(Box<DataError>),
    /// The run.
    #[error(transparent)]
    Run(Box<TrainError>),
}

impl From<ClassifierError> for DefenceError {
    fn from(error: ClassifierError) -> DefenceError {
        DefenceError::Classifier(Box::new(error))
    }
}

impl From<AttackError> for DefenceError {
    fn from(error: AttackError) -> DefenceError {
        DefenceError::Attack(Box::new(error))
    }
}

impl From<DataError> for DefenceError {
    fn from(error: DataError) -> DefenceError {
        DefenceError::Data(Box::new(error))
    }
}

impl From<TrainError> for DefenceError {
    fn from(error: TrainError) -> DefenceError {
        DefenceError::Run(Box::new(error))
    }
}

impl DefenceError {
    /// The way out, one sentence without a full stop.
    pub fn hint(&self) -> Option<String> {
        match self {
            DefenceError::UnknownDefence { nearest, .. } => Some(match nearest {
                Some(nearest) => format!("did you mean `{nearest}`? `gany harden train --help` lists all of them"),
                None => "`gany harden train --help` lists all of them".into(),
            }),
            DefenceError::NotTrained { command, .. } => Some(format!("see it at work with `{command}`")),
            DefenceError::Shape { .. } => {
                Some("the classifier and what stands before it have to be of the same data, at the same size".into())
            }
            DefenceError::NoGenerator { .. } => {
                Some("train a system that makes pictures of latent vectors alone, such as `wgan_gp`, on the classifier's data".into())
            }
            DefenceError::Config(error) => error.hint(),
            DefenceError::Classifier(error) => error.hint(),
            DefenceError::Attack(error) => error.hint(),
            DefenceError::Data(error) => error.hint(),
            DefenceError::Run(error) => error.hint(),
        }
    }
}
