//! From tensors in a file to the layers of a network.
use crate::nn::{Conv, ConvConfig, Declare, Dense, DenseConfig, Init, Scope};
use crate::weights::{Weights, WeightsError};
use gany_engine::{DType, Tensor};

/// How a file lays out the weights of convolutions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// `[out, in / groups, height, width]`; of dense layers `[out, in]`.
    Torch,
    /// `[height, width, in / groups, out]`, as ours; of depthwise convolutions `[height, width, channels, 1]`.
    TensorFlow,
}

/// The tensors of a file, and how its layers are to be read.
pub(crate) struct Loader<'a> {
    pub(crate) weights: &'a Weights,
    pub(crate) layout: Layout,
    /// What batch normalisation adds to a variance.
    pub(crate) epsilon: f64,
}

/// The names of a normalisation's four tensors begin so.
type Norm<'a> = &'a str;

impl Loader<'_> {
    /// A convolution with these tensors as weight and bias.
    pub(crate) fn conv(&self, config: ConvConfig<2>, weight: &str, bias: &str) -> Result<Conv, WeightsError> {
        let conv = config.init(Init::Zeros).declare(&Scope::new(DType::F32, 0));
        let elements = self.kernel(weight, conv.weight.shape())?;
        conv.weight.set(Tensor::from_f32(conv.weight.shape(), &elements));
        if let Some(parameter) = &conv.bias {
            let elements = self.weights.f32(bias, parameter.shape())?;
            parameter.set(Tensor::from_f32(parameter.shape(), &elements));
        }
        Ok(conv)
    }

    /// A convolution without bias and the batch normalisation behind it, as one convolution with a bias:
    /// `(x w - mean) s + shift = x (w s) + (shift - mean s)` with `s = gain / sqrt(variance + epsilon)`.
    pub(crate) fn conv_norm(&self, config: ConvConfig<2>, weight: &str, norm: Norm) -> Result<Conv, WeightsError> {
        let conv = config.init(Init::Zeros).bias(true).declare(&Scope::new(DType::F32, 0));
        let shape = conv.weight.shape().to_vec();
        let channels = shape[3];
        let statistic = |name: &str| self.weights.f32(&format!("{norm}.{name}"), &[channels]);
        let (gain, shift) = (statistic("weight")?, statistic("bias")?);
        let (mean, variance) = (statistic("running_mean")?, statistic("running_var")?);
        let scale = |c: usize| f64::from(gain[c]) / (f64::from(variance[c]) + self.epsilon).sqrt();
        let scales: Vec<f64> = (0..channels).map(scale).collect();
        let mut elements = self.kernel(weight, &shape)?;
        for taps in elements.chunks_exact_mut(channels) {
            for (tap, scale) in taps.iter_mut().zip(&scales) {
                *tap = (f64::from(*tap) * scale) as f32;
            }
        }
        let bias = |c: usize| (f64::from(shift[c]) - f64::from(mean[c]) * scales[c]) as f32;
        let bias: Vec<f32> = (0..channels).map(bias).collect();
        conv.weight.set(Tensor::from_f32(&shape, &elements));
        let parameter = conv.bias.as_ref().expect("declared with a bias");
        parameter.set(Tensor::from_f32(&[channels], &bias));
        Ok(conv)
    }

    /// A dense layer with these tensors as weight and bias.
    pub(crate) fn dense(&self, config: DenseConfig, weight: &str, bias: &str) -> Result<Dense, WeightsError> {
        let dense = config.init(Init::Zeros).declare(&Scope::new(DType::F32, 0));
        let &[inputs, outputs] = dense.weight.shape() else {
            unreachable!("a dense layer's weight is a matrix")
        };
        let elements = match self.layout {
            Layout::TensorFlow => self.weights.f32(weight, &[inputs, outputs])?,
            Layout::Torch => transposed(&self.weights.f32(weight, &[outputs, inputs])?, outputs),
        };
        dense.weight.set(Tensor::from_f32(&[inputs, outputs], &elements));
        if let Some(parameter) = &dense.bias {
            let elements = self.weights.f32(bias, parameter.shape())?;
            parameter.set(Tensor::from_f32(parameter.shape(), &elements));
        }
        Ok(dense)
    }

    /// The elements of a convolution's weight in our layout, of which `shape` is.
    fn kernel(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, WeightsError> {
        let &[height, width, c_in, c_out] = shape else {
            unreachable!("a convolution of pictures has four axes")
        };
        match self.layout {
            Layout::TensorFlow if c_in == 1 && self.weights.shape(name) == Some(&[height, width, c_out, 1]) => {
                self.weights.f32(name, &[height, width, c_out, 1])
            }
            Layout::TensorFlow => self.weights.f32(name, shape),
            Layout::Torch => {
                let elements = self.weights.f32(name, &[c_out, c_in, height, width])?;
                // [out, in, taps] to [in, taps, out] to [taps, in, out].
                let out_last = transposed(&elements, c_out);
                let (taps, mut kernel) = (height * width, vec![0.0; elements.len()]);
                for (i, out) in out_last.chunks_exact(c_out).enumerate() {
                    let (channel, tap) = (i / taps, i % taps);
                    kernel[(tap * c_in + channel) * c_out..][..c_out].copy_from_slice(out);
                }
                Ok(kernel)
            }
        }
    }
}

/// `[rows, columns]` to `[columns, rows]`.
fn transposed(elements: &[f32], rows: usize) -> Vec<f32> {
    let columns = elements.len() / rows.max(1);
    let mut turned = Vec::with_capacity(elements.len());
    for column in 0..columns {
        turned.extend((0..rows).map(|row| elements[row * columns + column]));
    }
    turned
}
