//! Why weights of others cannot be taken over.
use crate::weights::WeightsError;
use std::path::PathBuf;

/// Weights that cannot be taken over, and why.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LayoutError {
    /// The file, or a tensor in it.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// What the file holds.
    #[error("{problem}: {}", path.display())]
    Unfit {
        /// What is wrong.
        problem: Misfit,
        /// The file.
        path: PathBuf,
    },
}

/// What is wrong with what a file of weights holds.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Misfit {
    /// Names that no layout has.
    #[error("not weights of a known project: expected those of {expected}, got {got}")]
    Unknown {
        /// The projects that are known.
        expected: String,
        /// Some of the names.
        got: String,
    },
    /// A judge without anybody to judge.
    #[error("no generator in these weights: expected one, got a discriminator alone")]
    DiscriminatorAlone,
    /// Networks of another system than was asked for.
    #[error("not weights of `{asked}`: expected a network of that system, got one of `{got}`")]
    OtherSystem {
        /// The system that was asked for.
        asked: String,
        /// The system that the names belong to.
        got: &'static str,
    },
    /// A system that no layout leads to.
    #[error("no weights are read into `{asked}`: expected one of {expected}")]
    NoLayout {
        /// The system that was asked for.
        asked: String,
        /// The systems that there are layouts for.
        expected: String,
    },
    /// A network that was built otherwise.
    #[error("{what}: expected {expected}, got {got}")]
    Unlike {
        /// The part of the network.
        what: &'static str,
        /// What it has to be here.
        expected: String,
        /// What it is.
        got: String,
    },
    /// A generator that is told a class.
    #[error("a generator of {classes} classes: expected a choice of one, got {}", asked.map_or_else(|| "none".to_owned(), |class| format!("class {class}")))]
    Class {
        /// How many there are.
        classes: usize,
        /// The one that was asked for.
        asked: Option<usize>,
    },
    /// A class was chosen of a generator that is told none.
    #[error("a generator without classes: expected no choice of one")]
    NoClasses,
    /// A level that is still being faded in.
    #[error("a level is being faded in: expected all of it, got {percent} %")]
    Fading {
        /// How much of it is there.
        percent: u32,
    },
}

pub(super) type Result<T> = std::result::Result<T, LayoutError>;

impl LayoutError {
    /// The way out, one sentence without a full stop.
    pub fn hint(&self) -> String {
        match self {
            LayoutError::Weights(error) => error.hint(),
            LayoutError::Unfit { problem, .. } => problem.hint(),
        }
    }
}

impl Misfit {
    fn hint(&self) -> String {
        match self {
            Misfit::Unknown { .. } => {
                "`gany import --help` says which files are read; of another project's file the tensors alone can be of use: \
                 `ganymede::weights` reads them by name"
                    .into()
            }
            Misfit::DiscriminatorAlone => {
                "pictures are made by the generator; give the file that has both, such as a whole `network-snapshot-*.pkl`".into()
            }
            Misfit::OtherSystem { .. } | Misfit::NoLayout { .. } => {
                "leave out `--as`, and the system is found by the names in the file".into()
            }
            Misfit::Unlike { .. } => "no system of the zoo is built so; `gany import --help` says which files are read".into(),
            Misfit::Class { classes, .. } => {
                format!("`--class 0` to `--class {}` make it one of that class alone", classes.saturating_sub(1))
            }
            Misfit::NoClasses => "leave out `--class`".into(),
            Misfit::Fading { .. } => {
                "take the checkpoint of the end of a scale, when the fading is over, such as `NAME_s5_iter_96000.pt`".into()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_and_hint() {
        let unlike = Misfit::Unlike {
            what: "activation of the generator",
            expected: "`lrelu`".into(),
            got: "`relu`".into(),
        };
        let cases = [
            (
                Misfit::Unknown {
                    expected: "A or B".into(),
                    got: "`fc.weight`".into(),
                },
                "not weights of a known project: expected those of A or B, got `fc.weight`: a.pkl\nhint: `gany import --help` says which files are read; of another project's file the tensors alone can be of use: `ganymede::weights` reads them by name",
            ),
            (
                Misfit::DiscriminatorAlone,
                "no generator in these weights: expected one, got a discriminator alone: a.pkl\nhint: pictures are made by the generator; give the file that has both, such as a whole `network-snapshot-*.pkl`",
            ),
            (
                Misfit::OtherSystem {
                    asked: "progressive".into(),
                    got: "stylegan",
                },
                "not weights of `progressive`: expected a network of that system, got one of `stylegan`: a.pkl\nhint: leave out `--as`, and the system is found by the names in the file",
            ),
            (
                Misfit::NoLayout {
                    asked: "gan".into(),
                    expected: "`stylegan`".into(),
                },
                "no weights are read into `gan`: expected one of `stylegan`: a.pkl\nhint: leave out `--as`, and the system is found by the names in the file",
            ),
            (
                unlike,
                "activation of the generator: expected `lrelu`, got `relu`: a.pkl\nhint: no system of the zoo is built so; `gany import --help` says which files are read",
            ),
            (
                Misfit::Class {
                    classes: 3,
                    asked: None,
                },
                "a generator of 3 classes: expected a choice of one, got none: a.pkl\nhint: `--class 0` to `--class 2` make it one of that class alone",
            ),
            (
                Misfit::NoClasses,
                "a generator without classes: expected no choice of one: a.pkl\nhint: leave out `--class`",
            ),
            (
                Misfit::Fading { percent: 25 },
                "a level is being faded in: expected all of it, got 25 %: a.pkl\nhint: take the checkpoint of the end of a scale, when the fading is over, such as `NAME_s5_iter_96000.pt`",
            ),
        ];
        for (problem, expected) in cases {
            let path = "a.pkl".into();
            let error = LayoutError::Unfit { problem, path };
            assert_eq!(format!("{error}\nhint: {}", error.hint()), expected);
        }
    }
}
