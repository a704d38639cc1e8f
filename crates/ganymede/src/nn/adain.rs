//! Adaptive instance normalisation: a style says mean and deviation of every channel.
use crate::nn::observe::of_style;
use crate::nn::{Declare, Dense, Equalised, InstanceNorm, Layer, Scope, dense, equalised, instance_norm};
use gany_engine::Tensor;

/// Instance normalisation whose gain and shift are affine functions of a style (Huang and Belongie 2017, "Arbitrary Style
/// Transfer in Real-time with Adaptive Instance Normalization"; Karras et al. 2019, "A Style-Based Generator Architecture",
/// equation 1); the gain begins about 1, the shift about 0.
///
/// # Shapes
/// x `[n, h, w, c]` and so is the result; styles `[n, w_dim]`.
#[derive(Clone, Debug)]
pub struct AdaIn {
    name: String,
    norm: InstanceNorm,
    affine: Equalised<Dense>,
}

impl AdaIn {
    /// Declares the affine function of styles of `w_dim` numbers for this many channels, directly under `scope`.
    pub fn declare(scope: &Scope, w_dim: usize, channels: usize) -> AdaIn {
        AdaIn {
            name: scope.path().to_owned(),
            norm: instance_norm(channels).epsilon(1e-8).declare(scope),
            affine: equalised(dense(w_dim, 2 * channels)).gain(1.0).declare(scope),
        }
    }

    /// x in the style.
    pub fn forward(&self, x: &Tensor, style: &Tensor) -> Tensor {
        let (n, c) = (x.extent(0), x.extent(3));
        let affine = of_style(&self.name, self.affine.forward(style));
        let affine = affine.reshape(&[n, 1, 1, 2 * c]);
        let [gain, shift] = [affine.slice(3, 0, c) + 1.0, affine.slice(3, c, 2 * c)];
        self.norm.forward(x) * gain + shift
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gany_engine::DType;

    /// The style 1 asks of the one channel for a deviation of 1 + 2 and a mean of 7; 1 and 3 are -1 and 1 once normalised.
    #[test]
    fn values_by_hand() {
        let scope = Scope::new(DType::F64, 0);
        let layer = AdaIn::declare(&scope, 1, 1);
        let [weight, _bias] = scope.parameters().try_into().expect("weight and bias");
        weight.set(Tensor::from_f64(&[1, 2], &[2.0, 7.0]));
        let x = Tensor::from_f64(&[1, 1, 2, 1], &[1.0, 3.0]);
        let y = layer.forward(&x, &Tensor::from_f64(&[1, 1], &[1.0])).to_f64();
        assert!((y[0] - 4.0).abs() < 1e-6 && (y[1] - 10.0).abs() < 1e-6, "{y:?}");
    }
}
