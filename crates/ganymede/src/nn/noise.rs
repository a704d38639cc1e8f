//! Noise that a generator adds to its features, for details that are different every time.
use crate::nn::{Declare, Init, Layer, Parameter, Scope};
use gany_engine::Tensor;

/// Adds a picture of normal numbers, the same for all channels, times a learned strength (Karras et al. 2019, "A Style-Based
/// Generator Architecture", section 3.2). The layer has a picture of its own, which serves where none is given, so that
/// samples are a function of their latent vectors.
///
/// # Shapes
/// x `[n, h, w, c]` and so is the result; noise `[n, h, w, 1]`; `strength` `[c]`, or `[1]` for all channels; `noise`
/// `[h, w, 1]`.
#[derive(Clone, Debug)]
pub struct NoiseInjection {
    strength: Parameter,
    fixed: Parameter,
}

/// Describes a [`NoiseInjection`].
#[derive(Clone, Copy, Debug)]
pub struct NoiseInjectionConfig {
    extents: [usize; 2],
    strengths: usize,
}

/// Noise for pictures of these sides with one strength for all channels, 0 at first.
pub fn noise_injection(extents: [usize; 2]) -> NoiseInjectionConfig {
    NoiseInjectionConfig { extents, strengths: 1 }
}

impl NoiseInjectionConfig {
    /// A strength of its own for each of this many channels.
    pub fn strengths(mut self, channels: usize) -> Self {
        self.strengths = channels;
        self
    }
}

impl Declare for NoiseInjectionConfig {
    type Layer = NoiseInjection;
    fn declare(self, scope: &Scope) -> NoiseInjection {
        let [height, width] = self.extents;
        let normal = Init::Normal { mean: 0.0, std: 1.0 };
        NoiseInjection {
            strength: scope.parameter("strength", &[self.strengths], Init::Zeros),
            fixed: scope.random_buffer("noise", &[height, width, 1], normal),
        }
    }
}

impl NoiseInjection {
    /// x with this noise.
    pub fn forward_with(&self, x: &Tensor, noise: &Tensor) -> Tensor {
        x + noise * self.strength.get()
    }
}

impl Layer for NoiseInjection {
    fn forward(&self, x: &Tensor) -> Tensor {
        self.forward_with(x, &self.fixed.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gany_engine::DType;

    #[test]
    fn values_by_hand() {
        let scope = Scope::new(DType::F64, 0);
        let layer = noise_injection([1, 2]).strengths(2).declare(&scope);
        let x = Tensor::from_f64(&[1, 1, 2, 2], &[1.0, 2.0, 3.0, 4.0]);
        assert_eq!(layer.forward(&x).to_f64(), x.to_f64(), "no strength at first");
        layer.strength.set(Tensor::from_f64(&[2], &[10.0, 100.0]));
        let noise = Tensor::from_f64(&[1, 1, 2, 1], &[1.0, -1.0]);
        assert_eq!(layer.forward_with(&x, &noise).to_f64(), [11.0, 102.0, -7.0, -96.0]);
        layer.fixed.set(Tensor::from_f64(&[1, 2, 1], &[0.0, 2.0]));
        assert_eq!(layer.forward(&x).to_f64(), [1.0, 2.0, 23.0, 204.0]);
    }
}
