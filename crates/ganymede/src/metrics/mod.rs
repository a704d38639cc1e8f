//! Measures of what a generator makes, against real examples or known modes.
//!
//! A file a measure, each a pure function of plain numbers: sets of vectors are flat, `[n, d]` row-major, and all
//! arithmetic that matters is in f64. [`registry`] lists what can be asked for by name, [`Gathered`](gather::Gathered) holds what one
//! pass over pictures gives all of them, and a [`Figure`] carries how it was measured.
pub mod accuracy_score;
mod auroc;
pub mod bins;
pub mod classifier;
pub mod coverage;
pub mod estimate;
pub mod evaluation;
pub mod features;
pub mod figure;
pub mod frechet;
pub mod gather;
pub mod inception_score;
pub mod k_means;
pub mod kid;
mod logistic;
pub mod lpips;
pub(crate) mod matrix;
pub mod memorisation;
pub mod neighbours;
pub mod path_length;
pub mod precision_recall;
pub mod principal_components;
mod random;
pub mod registry;
pub mod sliced_wasserstein;
pub mod spectrum;
pub mod ssim;
pub mod transport;
pub mod two_sample;

pub use auroc::auroc;
pub use classifier::{Classifier, ClassifierError};
pub use coverage::Coverage;
pub use estimate::{Estimate, Interval};
pub use evaluation::{Evaluation, EvaluationError, Evaluator, Plan};
pub use features::{Answer, FeatureNetwork};
pub use figure::{Better, Figure, Protocol};
pub use frechet::frechet_distance;
pub use logistic::Logistic;
pub use principal_components::PrincipalComponents;
pub use transport::wasserstein_1;
