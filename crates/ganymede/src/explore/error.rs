//! What keeps a run from being explored.
use crate::metrics::ClassifierError;
use crate::run::{RunError, TrainError};
use std::io;
use std::path::PathBuf;

/// What keeps a run from being explored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExploreError {
    /// The run, or its state.
    #[error(transparent)]
    Train(#[from] Box<TrainError>),
    /// Pictures that cannot be written.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The classifier that is to tell samples apart.
    #[error(transparent)]
    Classifier(#[from] ClassifierError),
    /// The system makes nothing of latent vectors.
    #[error("there is nothing to explore: `{system}` has no latent vectors")]
    NoLatents {
        /// The system.
        system: &'static str,
    },
    /// The run was trained on what is not drawn one by one.
    #[error("only pictures can be explored, and this run of `{system}` makes {makes}")]
    NoPictures {
        /// The system.
        system: &'static str,
        /// What it makes instead.
        makes: &'static str,
    },
    /// The system has no styles.
    #[error("`{system}` has no styles: its generator is told one latent vector, not something for every layer")]
    NoStyles {
        /// The system.
        system: &'static str,
    },
    /// Latent vectors have no layers.
    #[error("layers can be chosen of styles only; a latent vector is told to the generator as a whole")]
    NoLayers,
    /// Its layers are not named so.
    #[error("expected layers such as `coarse`, `middle`, `fine` or `0-{last}`, got `{got}`")]
    Layers {
        /// What was asked for.
        got: String,
        /// The number of the last layer.
        last: usize,
    },
    /// No affine function could be found that codes go through first.
    #[error("the generator of `{system}` begins with no affine function of the latent vector that can be looked at")]
    NothingAffine {
        /// The system.
        system: &'static str,
    },
    /// The directions are those of something else.
    #[error("expected directions of {expected}, got those of {got}: {}", path.display())]
    OtherDirections {
        /// The system, run seed and codes that are to be moved.
        expected: String,
        /// Those of the directions.
        got: String,
        /// The file.
        path: PathBuf,
    },
    /// There are not so many directions.
    #[error("expected a direction from 1 to {count}, got {got}")]
    DirectionNumber {
        /// How many there are.
        count: usize,
        /// What was asked for.
        got: usize,
    },
    /// The file has no directions in it.
    #[error("not a file of directions ({reason}): {}", path.display())]
    NoDirections {
        /// What is wrong.
        reason: String,
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be read.
    #[error("cannot read ({source}): {}", path.display())]
    Unreadable {
        /// Why.
        source: io::Error,
        /// The file.
        path: PathBuf,
    },
    /// The classifier takes other pictures.
    #[error("the classifier of `{data}` takes pictures of {expected}, and the run makes {got}")]
    OtherPictures {
        /// The data that it was trained on.
        data: String,
        /// Width, height and channels of its pictures.
        expected: String,
        /// Those of the run.
        got: String,
    },
    /// Pictures go through no such layer.
    #[error("expected a layer of this run's generator, got `{got}`")]
    NoLayer {
        /// What was asked for.
        got: String,
        /// The names of those that there are.
        known: Vec<String>,
    },
    /// The layer has no such unit.
    #[error("expected a unit from 0 to {}, got {got}", count - 1)]
    NoUnit {
        /// What was asked for.
        got: usize,
        /// How many there are.
        count: usize,
    },
    /// What the system makes is not what is drawn of it.
    #[error("nothing can be painted on what `{system}` makes here: it is no picture, it is only drawn as one")]
    NoPaint {
        /// The system.
        system: &'static str,
    },
    /// Too few samples of a class to find a boundary.
    #[error("only {got} of {of} samples are called `{class}`, at least {least} are needed")]
    TooFew {
        /// The class.
        class: String,
        /// How many samples there are of it.
        got: usize,
        /// Among how many.
        of: usize,
        /// How many are needed.
        least: usize,
    },
}

impl ExploreError {
    /// The way out, where one is known.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            ExploreError::Train(error) => return error.hint(),
            ExploreError::Run(error) => return error.hint(),
            ExploreError::Classifier(error) => return error.hint(),
            ExploreError::NoLatents { .. } => {
                "explore a system that makes samples of latent vectors, such as `dcgan` or `stylegan`: `gany models`"
                    .into()
            }
            ExploreError::NoPictures { .. } => "train on pictures, such as `--data fashion-mnist`".into(),
            ExploreError::NoStyles { .. } => {
                "train `stylegan`, which has; `path`, `directions`, `factors` and `edit` do without (`--space z`)"
                    .into()
            }
            ExploreError::NoLayers => {
                "leave out `--layers`, or explore styles: `--space w`, where the system has them".into()
            }
            ExploreError::Layers { .. } => {
                "coarse layers decide pose and outline, fine ones colours and textures".into()
            }
            ExploreError::NothingAffine { .. } => {
                "`gany explore RUN directions` looks at what layers say instead of at their weights".into()
            }
            ExploreError::OtherDirections { .. } => {
                "find those of this run with `gany explore RUN directions` or `factors`, with the same `--space`".into()
            }
            ExploreError::DirectionNumber { .. } => "`--number` counts from 1; `--count` finds more of them".into(),
            ExploreError::NoDirections { .. } => {
                "`gany explore RUN directions` and `factors` write one beside their picture".into()
            }
            ExploreError::Unreadable { .. } => "check the spelling of the file".into(),
            ExploreError::OtherPictures { .. } => {
                "train at the data's own size, or move along `--along principal` or `factors`".into()
            }
            ExploreError::NoLayer { known, .. } if known.is_empty() => {
                "a convolutional generator has layers of maps, such as `dcgan` or `stylegan`".into()
            }
            ExploreError::NoLayer { known, .. } => format!("it has {}", known.join(", ")),
            ExploreError::NoUnit { .. } => "units are counted from 0".into(),
            ExploreError::NoPaint { .. } => "train on pictures, such as `--data fashion-mnist`".into(),
            ExploreError::TooFew { .. } => "choose a class that the run makes more often".into(),
        })
    }
}
