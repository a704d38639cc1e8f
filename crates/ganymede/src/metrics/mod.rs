//! Measures of what a generator makes, against real examples or known modes. Sets of vectors are flat, `[n, d]`
//! row-major; all arithmetic is in f64.
pub mod classifier;
pub mod coverage;
pub mod features;
pub mod frechet;
pub mod lpips;
pub mod transport;

pub use classifier::{Classifier, ClassifierError};
pub use coverage::Coverage;
pub use frechet::frechet_distance;
pub use transport::wasserstein_1;
