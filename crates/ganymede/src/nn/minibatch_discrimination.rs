//! Minibatch discrimination: how near each sample of a batch is to the others.
use crate::nn::{Declare, Init, Layer, Parameter, Scope};
use gany_engine::{Tensor, concat};

/// Features with, behind them, how near they are to those of the other samples of the batch (Salimans et al. 2016,
/// "Improved Techniques for Training GANs", section 3.2), so that a discriminator sees samples that are all alike:
///
/// ```text
/// M_i = f(x_i) T  in rows b,   o(x_i)_b = sum over j != i of exp(-|M_ib - M_jb|_1)
/// ```
///
/// The paper's sum has j = i in it, which adds 1 to all.
///
/// # Shapes
/// x `[n, features]`, weight `[features, kernels * dimension]`; the result is `[n, features + kernels]`.
#[derive(Clone, Debug)]
pub struct MinibatchDiscrimination {
    /// T, `[features, kernels * dimension]`
    pub weight: Parameter,
    kernels: usize,
    dimension: usize,
}

/// Describes a [`MinibatchDiscrimination`].
#[derive(Clone, Copy, Debug)]
pub struct MinibatchDiscriminationConfig {
    features: usize,
    kernels: usize,
    dimension: usize,
}

/// Minibatch discrimination of so many features by `kernels` distances of `dimension` numbers each.
pub fn minibatch_discrimination(features: usize, kernels: usize, dimension: usize) -> MinibatchDiscriminationConfig {
    MinibatchDiscriminationConfig {
        features,
        kernels,
        dimension,
    }
}

impl Declare for MinibatchDiscriminationConfig {
    type Layer = MinibatchDiscrimination;
    fn declare(self, scope: &Scope) -> MinibatchDiscrimination {
        let shape = [self.features, self.kernels * self.dimension];
        MinibatchDiscrimination {
            weight: scope.parameter("weight", &shape, Init::TorchDefault),
            kernels: self.kernels,
            dimension: self.dimension,
        }
    }
}

impl Layer for MinibatchDiscrimination {
    fn forward(&self, x: &Tensor) -> Tensor {
        let (n, b, c) = (x.extent(0), self.kernels, self.dimension);
        let m = x.matmul(&self.weight.get());
        let distances = (m.reshape(&[n, 1, b, c]) - m.reshape(&[1, n, b, c]))
            .abs()
            .sum_axes(&[3]);
        let near = (-distances).exp().sum_axes(&[1]) - 1.0;
        concat(&[x.clone(), near], 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gany_engine::DType;

    /// Samples 0, 0 and log 2 through T = (1, 2): distances 0 and log 2, 0 and 2 log 2.
    #[test]
    fn nearness_by_hand() {
        let layer = minibatch_discrimination(1, 2, 1).declare(&Scope::new(DType::F64, 0));
        layer.weight.set(Tensor::from_f64(&[1, 2], &[1.0, 2.0]));
        let log_2 = 2.0_f64.ln();
        let y = layer.forward(&Tensor::from_f64(&[3, 1], &[0.0, 0.0, log_2]));
        let expected = [0.0, 1.5, 1.25, 0.0, 1.5, 1.25, log_2, 1.0, 0.5];
        for (got, expected) in y.to_f64().iter().zip(expected) {
            assert!((got - expected).abs() < 1e-12, "{:?}", y.to_f64());
        }
    }
}
