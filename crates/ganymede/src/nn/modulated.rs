//! Modulated convolutions: a style scales the weight's inputs, and demodulation brings the outputs back to unit deviation.
use crate::nn::observe::of_style;
use crate::nn::{Declare, Dense, Drawn, Equalised, Init, Layer, Scope, Weighted, dense, equalised};
use gany_engine::Tensor;

/// A convolution whose weight every example scales by its style (Karras et al. 2020, "Analyzing and Improving the Image
/// Quality of StyleGAN", equations 1 and 3):
///
/// ```text
/// w'_ijk = s_i w_ijk,   w''_ijk = w'_ijk / sqrt(sum_ik w'_ijk^2 + 1e-8)       i inputs, j outputs, k taps
/// ```
///
/// s is an affine function of the style that begins about 1. Neither w' nor w'' is made: scaling the inputs by s, and the
/// outputs by the root, is the same with one weight for all examples.
///
/// # Shapes
/// x `[n, spatial.., c_in]`, style `[n, w_dim]`; the result is the convolution's.
#[derive(Clone, Debug)]
pub struct Modulated<L> {
    name: String,
    layer: L,
    affine: Equalised<Dense>,
    scale: f64,
    demodulates: bool,
}

impl<L: Weighted> Modulated<L> {
    /// Declares the convolution under `scope`, drawn from a standard normal, and its affine function of styles of `w_dim`
    /// numbers under `scope.affine`.
    ///
    /// # Panics
    /// Where the convolution has a bias, which would be demodulated with its outputs.
    #[track_caller]
    pub fn declare<C: Drawn<Layer = L>>(scope: &Scope, config: C, w_dim: usize, demodulates: bool) -> Modulated<L> {
        let layer = config.drawn(Init::Normal { mean: 0.0, std: 1.0 }).declare(scope);
        assert_eq!(scope.parameters().len(), 1, "modulated: the convolution has a bias");
        let shape = layer.weight().shape();
        let taps: usize = shape[..shape.len() - 2].iter().product();
        let fan_in = layer.matrix(&layer.weight().get()).extent(0);
        Modulated {
            name: scope.path().to_owned(),
            affine: equalised(dense(w_dim, fan_in / taps))
                .gain(1.0)
                .declare(&scope.at("affine")),
            scale: (fan_in as f64).sqrt().recip(),
            layer,
            demodulates,
        }
    }

    /// The convolution of x in the style.
    pub fn forward(&self, x: &Tensor, style: &Tensor) -> Tensor {
        let of_pixels = |s: &Tensor| {
            let mut shape = vec![1; x.rank()];
            (shape[0], shape[x.rank() - 1]) = (s.extent(0), s.extent(1));
            s.reshape(&shape)
        };
        let weight = self.layer.weight().get() * self.scale;
        let s = of_style(&self.name, self.affine.forward(style) + 1.0);
        let y = self.layer.forward_with(&(x * of_pixels(&s)), &weight);
        if self.demodulates {
            y * of_pixels(&self.demodulation(&weight, &s))
        } else {
            y
        }
    }

    /// What outputs are multiplied by, `[n, c_out]`.
    fn demodulation(&self, weight: &Tensor, s: &Tensor) -> Tensor {
        let squares = self.layer.matrix(&weight.square());
        let (inputs, outputs) = (s.extent(1), squares.extent(1));
        let squares = squares.reshape(&[squares.extent(0) / inputs, inputs, outputs]);
        (s.square().matmul(&squares.sum_axes(&[0])) + 1e-8).rsqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::{conv, conv_transpose};
    use gany_engine::{ConvOptions, DType};

    /// The weight of each example as the paper writes it, `[taps, taps, c_in, c_out]`: its columns have unit norm, and a plain
    /// convolution with it gives the layer's value.
    #[test]
    fn demodulated_weights_have_unit_norm_and_serve_as_the_papers() {
        let scope = Scope::new(DType::F64, 3);
        let layer = Modulated::declare(&scope, conv(3, 2, [3, 3]).padding(1).bias(false), 4, true);
        let key = gany_engine::Key::new(DType::F64, 1, 0);
        let (x, style) = (key.normal(0, &[2, 5, 4, 3]), key.normal(1, &[2, 4]));
        let y = layer.forward(&x, &style);
        let s = layer.affine.forward(&style) + 1.0;
        for example in 0..2 {
            let s = s.slice(0, example, example + 1).reshape(&[3, 1]);
            let modulated = layer.layer.weight.get() * layer.scale * s;
            let norms = (modulated.square().sum_axes_kept(&[0, 1, 2]) + 1e-8).sqrt();
            let weight = modulated / norms;
            for norm in weight.square().sum_axes(&[0, 1, 2]).to_f64() {
                assert!((norm - 1.0).abs() < 1e-5, "{norm}");
            }
            let plain = x
                .slice(0, example, example + 1)
                .conv(&weight, &ConvOptions::new().padding(1));
            let difference = plain - y.slice(0, example, example + 1);
            assert!(difference.abs().to_f64().iter().all(|d| *d < 1e-12));
        }
    }

    /// Two inputs of weights 3 and 4 and a style of ones: 7 scaled by 1 / sqrt(2), demodulated 7 / 5.
    #[test]
    fn values_by_hand() {
        for (demodulates, expected) in [(false, 7.0 / 2_f64.sqrt()), (true, 7.0 / 5.0)] {
            let scope = Scope::new(DType::F64, 0);
            let config = conv_transpose(2, 1, [1, 1]).bias(false);
            let layer = Modulated::declare(&scope, config, 1, demodulates);
            layer.layer.weight.set(Tensor::from_f64(&[1, 1, 1, 2], &[3.0, 4.0]));
            let x = Tensor::full(DType::F64, &[1, 1, 1, 2], 1.0);
            let y = layer.forward(&x, &Tensor::from_f64(&[1, 1], &[0.0])).to_f64();
            assert!((y[0] - expected).abs() < 1e-7, "{y:?}");
        }
    }
}
