//! Weight normalisation, with gains that stay.
use crate::nn::{Declare, Layer, Scope, Weighted};
use gany_engine::Tensor;

/// A layer whose weight v serves as `gain v / |v|`, output by output (Salimans and Kingma 2016, "Weight Normalization"): only
/// directions are learned. A network of such layers cannot drown noise on its hidden values by making them large.
///
/// # Shapes
/// Those of the layer, whose outputs are the last axis of its weight.
#[derive(Clone, Debug)]
pub struct WeightNorm<L> {
    layer: L,
    gain: f64,
}

/// Describes a [`WeightNorm`].
#[derive(Clone, Copy, Debug)]
pub struct WeightNormConfig<C> {
    config: C,
    gain: f64,
}

/// The layer that `config` describes, with weights of length `gain` for every output.
pub fn weight_norm<C: Declare<Layer: Weighted>>(config: C, gain: f64) -> WeightNormConfig<C> {
    WeightNormConfig { config, gain }
}

impl<C: Declare<Layer: Weighted>> Declare for WeightNormConfig<C> {
    type Layer = WeightNorm<C::Layer>;
    fn declare(self, scope: &Scope) -> Self::Layer {
        WeightNorm {
            layer: self.config.declare(scope),
            gain: self.gain,
        }
    }
}

impl<L: Weighted> WeightNorm<L> {
    /// The weight as it serves.
    pub fn weight(&self) -> Tensor {
        let weight = self.layer.weight().get();
        let length = (self.layer.matrix(&weight).square().sum_axes(&[0]) + 1e-12).sqrt();
        weight * (self.gain / length)
    }
}

impl<L: Weighted> Layer for WeightNorm<L> {
    fn forward(&self, x: &Tensor) -> Tensor {
        self.layer.forward_with(x, &self.weight())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::{conv, dense};
    use gany_engine::DType;

    /// (3, 4) is 5 long, (0, 2) is 2 long; whatever the size of the weight, what comes out is the same.
    #[test]
    fn values_by_hand() {
        let scope = Scope::new(DType::F64, 0);
        let layer = weight_norm(dense(2, 2).bias(false), 10.0).declare(&scope);
        let [weight] = scope.parameters().try_into().expect("one weight");
        let x = Tensor::from_f64(&[1, 2], &[1.0, 1.0]);
        for size in [1.0, 7.0] {
            weight.set(Tensor::from_f64(&[2, 2], &[3.0, 0.0, 4.0, 2.0].map(|w| w * size)));
            let y = layer.forward(&x).to_f64();
            assert!((y[0] - 14.0).abs() < 1e-9 && (y[1] - 10.0).abs() < 1e-9, "{y:?}");
        }
    }

    #[test]
    fn windows_have_the_length_of_the_gain() {
        let scope = Scope::new(DType::F64, 0);
        let weight = weight_norm(conv(2, 3, [3, 3]), 2.0).declare(&scope).weight();
        for square in weight.square().sum_axes(&[0, 1, 2]).to_f64() {
            assert!((square - 4.0).abs() < 1e-9, "{square}");
        }
    }
}
