//! Bounds on a critic's weights (Arjovsky et al. 2017, "Wasserstein GAN", algorithm 1, line 7).
use gany_engine::Tensor;

/// A weight held within +-`bound`, to be taken after the optimiser's update; any shape. The paper's bound is 0.01.
///
/// # Panics
/// Where `bound` is not positive.
#[track_caller]
pub fn clip(value: &Tensor, bound: f64) -> Tensor {
    assert!(bound > 0.0, "clip: bound {bound} is not positive");
    value.clamp(-bound, bound)
}
