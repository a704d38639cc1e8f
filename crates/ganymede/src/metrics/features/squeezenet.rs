//! SqueezeNet 1.1: fire modules, which squeeze channels before they expand them.
//!
//! Iandola et al. 2016, "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model size",
//! arXiv:1602.07360; version 1.1 has a smaller first convolution and pools earlier, for 2.4 times less work.
//!
//! Two files are read. That of `gany data get squeezenet` (converted from Caffe) takes pictures of 227 x 227 pixels, blue
//! first, less the mean colour. PyTorch's (`squeezenet1_1` of torchvision) serves LPIPS. Features are the 512 means of the last
//! module's channels; logits are of ImageNet's 1,000 classes.
use super::loading::{Layout, Loader};
use super::pooling::{Border, max_pool};
use super::resize::Resize;
use super::{About, Network};
use crate::nn::{Conv, ConvConfig, Layer, conv};
use crate::weights::{Weights, WeightsError};
use gany_engine::{Tensor, concat};

/// Mean blue, green and red of ImageNet, as Caffe subtracts them.
const MEAN_BGR: [f32; 3] = [103.939, 116.779, 123.68];

/// Channels that go into each fire module, that it squeezes them to, and that each of its halves expands them to.
const FIRES: [[usize; 3]; 8] = [
    [64, 16, 64],
    [128, 16, 64],
    [128, 32, 128],
    [256, 32, 128],
    [256, 48, 192],
    [384, 48, 192],
    [384, 64, 256],
    [512, 64, 256],
];

pub(crate) struct SqueezeNet {
    first: Conv,
    fires: Vec<Fire>,
    classifier: Conv,
    border: Border,
}

struct Fire {
    squeeze: Conv,
    expand_1x1: Conv,
    expand_3x3: Conv,
}

/// The network with the weights of `gany data get squeezenet`.
///
/// # Errors
/// [`WeightsError`] where a tensor is missing or of another shape.
pub fn open(weights: &Weights) -> Result<Network, WeightsError> {
    let network = SqueezeNet::caffe(weights, Border::Valid)?;
    let about = About {
        name: "squeezenet",
        digest: weights.digest().to_owned(),
        resize: Resize::BicubicAntialiased,
        side: 227,
    };
    Ok(Network::compile(about, |x| network.forward(&caffe_input(x))))
}

/// What a network of Caffe takes, of pictures in [0, 255]: blue first, less the mean colour.
pub(crate) fn caffe_input(x: &Tensor) -> Tensor {
    x.flip(3) - Tensor::from_f32(&[3], &MEAN_BGR)
}

impl SqueezeNet {
    /// From a pickle of `{layer: [weight, bias]}`, pooling as its maker or as torchvision does at borders.
    pub(crate) fn caffe(weights: &Weights, border: Border) -> Result<Self, WeightsError> {
        let loader = Loader {
            weights,
            layout: Layout::TensorFlow,
            epsilon: 0.0,
        };
        let layer = |config, name: &str| loader.conv(config, &format!("{name}.0"), &format!("{name}.1"));
        SqueezeNet::load(
            |config| layer(config, "conv1"),
            |config, module, part| layer(config, &format!("fire{module}/{part}")),
            |config| layer(config, "conv10"),
            border,
        )
    }

    /// From the state dict of torchvision's `squeezenet1_1`.
    pub(crate) fn torchvision(weights: &Weights) -> Result<Self, WeightsError> {
        let loader = Loader {
            weights,
            layout: Layout::Torch,
            epsilon: 0.0,
        };
        let layer = |config, name: &str| loader.conv(config, &format!("{name}.weight"), &format!("{name}.bias"));
        // Their places among the layers, of which pooling ones are some.
        let place = |module: usize| [3, 4, 6, 7, 9, 10, 11, 12][module - 2];
        SqueezeNet::load(
            |config| layer(config, "features.0"),
            |config, module, part| layer(config, &format!("features.{}.{}", place(module), part.replace("squeeze1x1", "squeeze"))),
            |config| layer(config, "classifier.1"),
            Border::Ceil,
        )
    }

    fn load(
        first: impl Fn(ConvConfig<2>) -> Result<Conv, WeightsError>,
        part: impl Fn(ConvConfig<2>, usize, &str) -> Result<Conv, WeightsError>,
        classifier: impl Fn(ConvConfig<2>) -> Result<Conv, WeightsError>,
        border: Border,
    ) -> Result<Self, WeightsError> {
        let fire = |(i, &[c_in, narrow, wide]): (usize, &[usize; 3])| {
            Ok(Fire {
                squeeze: part(conv(c_in, narrow, [1, 1]), i + 2, "squeeze1x1")?,
                expand_1x1: part(conv(narrow, wide, [1, 1]), i + 2, "expand1x1")?,
                expand_3x3: part(conv(narrow, wide, [3, 3]).padding(1), i + 2, "expand3x3")?,
            })
        };
        Ok(SqueezeNet {
            first: first(conv(3, 64, [3, 3]).stride(2))?,
            fires: FIRES.iter().enumerate().map(fire).collect::<Result<_, WeightsError>>()?,
            classifier: classifier(conv(512, 1000, [1, 1]))?,
            border,
        })
    }

    /// Features `[n, 512]` and logits `[n, 1000]` of pictures `[n, 227, 227, 3]` as its weights take them.
    fn forward(&self, x: &Tensor) -> [Tensor; 2] {
        let last = self.activations(x).pop().expect("seven");
        let logits = self.classifier.forward(&last).relu();
        [last.mean_axes(&[1, 2]), logits.mean_axes(&[1, 2])]
    }

    /// What LPIPS compares: after the first convolution, before each pooling and after each of the last three modules;
    /// `[n, h, w, c]` of 64, 128, 256, 384, 384, 512 and 512 channels, each smaller or as large as the one before.
    pub(crate) fn activations(&self, x: &Tensor) -> Vec<Tensor> {
        let fire = |x: &Tensor, fires: std::ops::Range<usize>| self.fires[fires].iter().fold(x.clone(), |x, fire| fire.forward(&x));
        let pool = |x: &Tensor| max_pool(x, 2, self.border);
        let mut taken = vec![self.first.forward(x).relu()];
        for (fires, is_pooled) in [(0..2, true), (2..4, true), (4..5, true), (5..6, false), (6..7, false), (7..8, false)] {
            let last = taken.last().expect("the first");
            let last = if is_pooled { pool(last) } else { last.clone() };
            taken.push(fire(&last, fires));
        }
        taken
    }
}

impl Layer for Fire {
    fn forward(&self, x: &Tensor) -> Tensor {
        let x = self.squeeze.forward(x).relu();
        concat(&[self.expand_1x1.forward(&x).relu(), self.expand_3x3.forward(&x).relu()], 3)
    }
}
