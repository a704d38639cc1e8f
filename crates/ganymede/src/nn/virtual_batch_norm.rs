//! Virtual batch normalisation.
use crate::nn::{Affine, Declare, Init, Layer, Scope};
use gany_engine::{Tensor, concat};

/// Normalisation by the statistics of a reference batch and of the sample itself (Salimans et al. 2016, "Improved
/// Techniques for Training GANs", section 3.5): what a sample becomes does not depend on the others of its batch. The first
/// `reference` samples of what goes in are that batch; they are normalised by themselves.
///
/// # Shapes
/// x `[reference + n, .., c]` and so is the result; weight and bias are `[c]`.
#[derive(Clone, Debug)]
pub struct VirtualBatchNorm {
    affine: Affine,
    reference: usize,
}

/// Describes a [`VirtualBatchNorm`].
#[derive(Clone, Copy, Debug)]
pub struct VirtualBatchNormConfig {
    channels: usize,
    reference: usize,
}

/// Virtual batch normalisation of so many channels by a reference batch of so many samples, with gain and shift.
pub fn virtual_batch_norm(channels: usize, reference: usize) -> VirtualBatchNormConfig {
    VirtualBatchNormConfig { channels, reference }
}

impl Declare for VirtualBatchNormConfig {
    type Layer = VirtualBatchNorm;
    fn declare(self, scope: &Scope) -> VirtualBatchNorm {
        VirtualBatchNorm {
            affine: Affine::declare(scope, self.channels, Init::Ones),
            reference: self.reference,
        }
    }
}

const EPSILON: f64 = 1e-5;

impl Layer for VirtualBatchNorm {
    fn forward(&self, x: &Tensor) -> Tensor {
        let (r, last) = (self.reference, x.rank() - 1);
        let (reference, rest) = (x.slice(0, 0, r), x.slice(0, r, x.extent(0)));
        let moments = |x: &Tensor, axes: &[usize]| {
            let mean = x.mean_axes_kept(axes);
            let variance = (x - &mean).square().mean_axes_kept(axes);
            (mean, variance)
        };
        let all: Vec<usize> = (0..last).collect();
        let (mean, variance) = moments(&reference, &all);
        let normal = (reference - &mean) * (&variance + EPSILON).rsqrt();
        // Each sample is one more beside the r of the reference.
        let share = 1.0 / (r + 1) as f64;
        let (own_mean, own_variance) = moments(&rest, &all[1..]);
        let both = &mean + (&own_mean - &mean) * share;
        let spread =
            (own_variance + (own_mean - &both).square()) * share + (variance + (mean - &both).square()) * (1.0 - share);
        let rest = (rest - both) * (spread + EPSILON).rsqrt();
        self.affine.forward(&concat(&[normal, rest], 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::batch_norm;
    use gany_engine::DType;

    fn numbers(count: usize) -> Tensor {
        (Tensor::arange(DType::F64, count) * 78.233).sin()
    }

    /// The reference batch and one sample have the statistics that a batch of all of them has.
    #[test]
    fn a_sample_is_normalised_as_one_of_the_reference_batch() {
        let scope = Scope::new(DType::F64, 0);
        let layer = virtual_batch_norm(2, 3).declare(&scope.at("virtual"));
        let whole = batch_norm(2).declare(&scope.at("whole"));
        let x = numbers(4 * 3 * 2).reshape(&[4, 3, 2]);
        let (got, expected) = (layer.forward(&x), whole.forward(&x));
        for (got, expected) in got.to_f64()[18..].iter().zip(&expected.to_f64()[18..]) {
            assert!((got - expected).abs() < 1e-12, "{got}, expected {expected}");
        }
    }

    #[test]
    fn others_of_the_batch_do_not_matter() {
        let layer = virtual_batch_norm(2, 3).declare(&Scope::new(DType::F64, 0));
        let x = numbers(6 * 2).reshape(&[6, 2]);
        let together = layer.forward(&x).to_f64();
        let alone = layer
            .forward(&concat(&[x.slice(0, 0, 3), x.slice(0, 4, 5)], 0))
            .to_f64();
        assert_eq!(together[8..10], alone[6..8]);
    }
}
