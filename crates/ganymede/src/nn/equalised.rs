//! Equalised learning rate: weights are stored with unit variance and scaled where they are used.
use crate::nn::{ConvConfig, ConvTransposeConfig, Declare, DenseConfig, Init, Layer, Scope, Weighted};
use gany_engine::Tensor;

/// A description of a layer with a weight, which can be told how to draw it.
pub trait Drawn: Declare<Layer: Weighted> {
    /// The same layer, its weight drawn so.
    fn drawn(self, init: Init) -> Self;
}

impl Drawn for DenseConfig {
    fn drawn(self, init: Init) -> Self {
        self.init(init)
    }
}

impl<const N: usize> Drawn for ConvConfig<N> {
    fn drawn(self, init: Init) -> Self {
        self.init(init)
    }
}

impl<const N: usize> Drawn for ConvTransposeConfig<N> {
    fn drawn(self, init: Init) -> Self {
        self.init(init)
    }
}

/// A layer whose weight w, drawn from a standard normal, serves as `gain w / sqrt(fan_in)` (Karras et al. 2018,
/// "Progressive Growing of GANs", section 4.1): Adam's steps, which do not depend on the size of gradients, are then alike
/// for layers of all sizes. What a single output is summed from counts as its fan-in.
///
/// With a learning rate l, weights are drawn 1 / l as large and the layer's value is multiplied by l (Karras et al. 2019, "A
/// Style-Based Generator Architecture", appendix C): it begins the same and learns l times as fast, bias included.
///
/// # Shapes
/// Those of the layer.
#[derive(Clone, Debug)]
pub struct Equalised<L> {
    layer: L,
    scale: f64,
    learning_rate: f64,
}

/// Describes an [`Equalised`].
#[derive(Clone, Copy, Debug)]
pub struct EqualisedConfig<C> {
    config: C,
    gain: f64,
    learning_rate: f64,
}

/// The layer that `config` describes with an equalised learning rate and He's gain, the root of 2; its bias begins at 0.
pub fn equalised<C: Drawn>(config: C) -> EqualisedConfig<C> {
    EqualisedConfig {
        config,
        gain: 2_f64.sqrt(),
        learning_rate: 1.0,
    }
}

impl<C> EqualisedConfig<C> {
    /// Standard deviation of outputs where inputs have 1; layers without a rectifier behind them take 1.
    pub fn gain(mut self, gain: f64) -> Self {
        self.gain = gain;
        self
    }

    /// How fast the layer learns beside others with the same optimiser.
    pub fn learning_rate(mut self, learning_rate: f64) -> Self {
        self.learning_rate = learning_rate;
        self
    }
}

impl<C: Drawn> Declare for EqualisedConfig<C> {
    type Layer = Equalised<C::Layer>;
    fn declare(self, scope: &Scope) -> Self::Layer {
        let std = 1.0 / self.learning_rate;
        let layer = self.config.drawn(Init::Normal { mean: 0.0, std }).declare(scope);
        let fan_in = layer.matrix(&layer.weight().get()).extent(0).max(1);
        Equalised {
            layer,
            scale: self.gain / (fan_in as f64).sqrt(),
            learning_rate: self.learning_rate,
        }
    }
}

impl<L: Weighted> Equalised<L> {
    /// The weight as it serves, but for the learning rate.
    pub fn weight(&self) -> Tensor {
        self.layer.weight().get() * self.scale
    }
}

impl<L: Weighted> Layer for Equalised<L> {
    fn forward(&self, x: &Tensor) -> Tensor {
        let y = self.layer.forward_with(x, &self.weight());
        if self.learning_rate == 1.0 {
            y
        } else {
            y * self.learning_rate
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::{conv, conv_transpose, dense};
    use gany_engine::DType;

    /// 1/2 ((3, 4) (x_0, x_1) / sqrt(2) + 5) at x = (sqrt(2), 0).
    #[test]
    fn values_by_hand() {
        let scope = Scope::new(DType::F64, 0);
        let layer = equalised(dense(2, 1)).gain(1.0).learning_rate(0.5).declare(&scope);
        let [weight, bias] = scope.parameters().try_into().expect("weight and bias");
        weight.set(Tensor::from_f64(&[2, 1], &[3.0, 4.0]));
        bias.set(Tensor::from_f64(&[1], &[5.0]));
        let y = layer.forward(&Tensor::from_f64(&[1, 2], &[2_f64.sqrt(), 0.0]));
        assert!((y.to_f64()[0] - 4.0).abs() < 1e-12);
    }

    #[test]
    fn weights_are_stored_with_unit_variance_and_serve_with_hes() {
        let scope = Scope::new(DType::F64, 0);
        let layer = equalised(conv(32, 64, [3, 3])).declare(&scope);
        let mean_square = |weight: &Tensor| weight.square().mean().to_f64()[0];
        assert!((mean_square(&scope.parameters()[0].get()) - 1.0).abs() < 0.03);
        assert!((mean_square(&layer.weight()) * 288.0 - 2.0).abs() < 0.06);
    }

    /// Eight numbers go into an output of a transposed convolution of two channels and two by two taps.
    #[test]
    fn a_transposed_convolution_counts_what_goes_into_an_output() {
        let layer = equalised(conv_transpose(2, 3, [2, 2]).stride(2)).declare(&Scope::new(DType::F64, 0));
        assert!((layer.scale - 0.5).abs() < 1e-12);
    }
}
