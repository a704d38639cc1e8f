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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_held_within_the_bound() {
        let weight = Tensor::from_f64(&[4], &[-2.0, -0.01, 0.005, 0.02]);
        assert_eq!(clip(&weight, 0.01).to_f64(), [-0.01, -0.01, 0.005, 0.01]);
    }

    #[test]
    #[should_panic(expected = "clip: bound 0 is not positive")]
    fn a_bound_is_positive() {
        clip(&Tensor::from_f64(&[1], &[1.0]), 0.0);
    }
}
