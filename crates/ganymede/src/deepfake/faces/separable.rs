//! Convolutions of space and of channels apart (Howard et al. 2017, "MobileNets", arXiv:1704.04861, section 3.1).
use crate::metrics::features::loading::Loader;
use crate::metrics::features::padding::far_border;
use crate::nn::{Conv, Layer, conv};
use crate::weights::WeightsError;
use gany_engine::Tensor;

/// A 3 x 3 convolution of each channel by itself, then one of all channels at each pixel; padding is TensorFlow's "same".
pub(super) struct Separable {
    depthwise: Conv,
    pointwise: Conv,
    stride: usize,
}

impl Separable {
    /// The layer whose tensors' names begin so, with a stride of 1 or 2.
    pub(super) fn load(
        loader: &Loader,
        name: &str,
        c_in: usize,
        c_out: usize,
        stride: usize,
    ) -> Result<Separable, WeightsError> {
        let depthwise = conv(c_in, c_in, [3, 3]).groups(c_in).stride(stride).bias(false);
        Ok(Separable {
            // An even extent needs a border on the far side alone where the stride is 2.
            depthwise: loader.conv(
                depthwise.padding(if stride == 2 { 0 } else { 1 }),
                &format!("{name}/depthwise_filter"),
                "",
            )?,
            pointwise: loader.conv(
                conv(c_in, c_out, [1, 1]),
                &format!("{name}/pointwise_filter"),
                &format!("{name}/bias"),
            )?,
            stride,
        })
    }
}

impl Layer for Separable {
    fn forward(&self, x: &Tensor) -> Tensor {
        let each = match self.stride {
            2 => self.depthwise.forward(&far_border(x)),
            _ => self.depthwise.forward(x),
        };
        self.pointwise.forward(&each)
    }
}
