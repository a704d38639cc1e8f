//! EfficientNet-Lite0: inverted residual blocks of depthwise convolutions, scaled in depth and width together.
//!
//! Tan and Le 2019, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", arXiv:1905.11946, table 1; the
//! lite kind (Liu 2020) leaves out squeeze-and-excitation, has ReLU6 instead of swish, and stem and head of fixed width. The
//! blocks are MobileNetV2's (Sandler et al. 2018, arXiv:1801.04381).
//!
//! Weights: `gany data get effnet-lite0`. Features are the 1,280 numbers before the last layer; logits are of ImageNet's 1,000
//! classes. Pictures are brought to 224 x 224 pixels and scaled as `(x - 127) / 128`; padding is TensorFlow's "same".
use super::loading::{Layout, Loader};
use super::padding::far_border;
use super::resize::Resize;
use super::{About, Network};
use crate::nn::{Conv, Dense, Layer, conv, dense};
use crate::weights::{Weights, WeightsError};
use gany_engine::Tensor;

/// Numbers in a feature vector.
const FEATURES: usize = 1280;

/// A row of the paper's table 1.
struct Stage {
    repeats: usize,
    taps: usize,
    /// Of its first block; the others keep the extents.
    stride: usize,
    /// How many times wider a block is inside.
    expansion: usize,
    channels: usize,
}

const fn stage(repeats: usize, taps: usize, stride: usize, expansion: usize, channels: usize) -> Stage {
    Stage {
        repeats,
        taps,
        stride,
        expansion,
        channels,
    }
}

const STEM: usize = 32;

const STAGES: [Stage; 7] = [
    stage(1, 3, 1, 1, 16),
    stage(2, 3, 2, 6, 24),
    stage(2, 5, 2, 6, 40),
    stage(3, 3, 2, 6, 80),
    stage(3, 5, 1, 6, 112),
    stage(4, 5, 2, 6, 192),
    stage(1, 3, 1, 6, 320),
];

struct EfficientNetLite0 {
    stem: Conv,
    blocks: Vec<Block>,
    head: Conv,
    classifier: Dense,
}

/// Widens by a 1 x 1 convolution, filters each channel by itself, narrows again; x is added where the shapes agree.
struct Block {
    expand: Option<Conv>,
    depthwise: Conv,
    project: Conv,
    stride: usize,
    is_residual: bool,
}

/// The network with the weights of a file in the layout of `efficientnet_lite_pytorch`.
///
/// # Errors
/// [`WeightsError`] where a tensor is missing or of another shape.
pub fn open(weights: &Weights) -> Result<Network, WeightsError> {
    let network = EfficientNetLite0::load(weights)?;
    let about = About {
        name: "effnet-lite0",
        digest: weights.digest().to_owned(),
        resize: Resize::BicubicAntialiased,
        side: 224,
    };
    Ok(Network::compile(about, |x| network.forward(x)))
}

/// Features `[n, 1280]` and logits `[n, 1000]` of pictures `[n, 224, 224, 3]` in [0, 255], as a function that can be differentiated.
///
/// # Errors
/// As [`open`].
pub fn function(weights: &Weights) -> Result<impl Fn(&Tensor) -> [Tensor; 2] + 'static, WeightsError> {
    let network = EfficientNetLite0::load(weights)?;
    Ok(move |x: &Tensor| network.forward(x))
}

/// What the second stage makes of pictures `[n, h, w, 3]` in [0, 255], `[n, h / 4, w / 4, 24]` and linear, as a function that can be
/// differentiated: colours, edges and textures, where later stages say what things are. Sides are multiples of 4.
///
/// # Errors
/// As [`open`].
pub fn textures(weights: &Weights) -> Result<impl Fn(&Tensor) -> Tensor + Send + 'static, WeightsError> {
    let network = EfficientNetLite0::load(weights)?;
    let blocks = STAGES[0].repeats + STAGES[1].repeats;
    Ok(move |x: &Tensor| network.maps(x, blocks))
}

impl EfficientNetLite0 {
    fn load(weights: &Weights) -> Result<Self, WeightsError> {
        let loader = Loader {
            weights,
            layout: Layout::Torch,
            epsilon: 1e-3,
        };
        let mut blocks = vec![];
        let mut c_in = STEM;
        for stage in &STAGES {
            for repeat in 0..stage.repeats {
                let stride = if repeat == 0 { stage.stride } else { 1 };
                let name = format!("_blocks.{}", blocks.len());
                blocks.push(Block::load(&loader, &name, stage, c_in, stride)?);
                c_in = stage.channels;
            }
        }
        Ok(EfficientNetLite0 {
            stem: loader.conv_norm(conv(3, STEM, [3, 3]).stride(2), "_conv_stem.weight", "_bn0")?,
            blocks,
            head: loader.conv_norm(conv(c_in, FEATURES, [1, 1]), "_conv_head.weight", "_bn1")?,
            classifier: loader.dense(dense(FEATURES, 1000), "_fc.weight", "_fc.bias")?,
        })
    }

    /// Features `[n, 1280]` and logits `[n, 1000]` of pictures `[n, 224, 224, 3]` in [0, 255].
    fn forward(&self, x: &Tensor) -> [Tensor; 2] {
        let h = self.maps(x, self.blocks.len());
        let features = relu6(&self.head.forward(&h)).mean_axes(&[1, 2]);
        let logits = self.classifier.forward(&features);
        [features, logits]
    }

    /// What so many blocks make of pictures.
    fn maps(&self, x: &Tensor, blocks: usize) -> Tensor {
        let x = (x - 127.0) / 128.0;
        let stem = relu6(&self.stem.forward(&far_border(&x)));
        self.blocks[..blocks].iter().fold(stem, |h, block| block.forward(&h))
    }
}

impl Block {
    fn load(loader: &Loader, name: &str, stage: &Stage, c_in: usize, stride: usize) -> Result<Self, WeightsError> {
        let c_mid = c_in * stage.expansion;
        let named = |part: &str| format!("{name}.{part}");
        let layer = |config, weight: &str, norm: &str| loader.conv_norm(config, &named(weight), &named(norm));
        let expand = conv(c_in, c_mid, [1, 1]);
        // "Same" padding of an even extent is one less on the near side where the stride is 2.
        let depthwise = conv(c_mid, c_mid, [stage.taps; 2]).groups(c_mid).stride(stride);
        let depthwise = depthwise.padding((stage.taps - stride) / 2);
        Ok(Block {
            expand: (stage.expansion > 1)
                .then(|| layer(expand, "_expand_conv.weight", "_bn0"))
                .transpose()?,
            depthwise: layer(depthwise, "_depthwise_conv.weight", "_bn1")?,
            project: layer(conv(c_mid, stage.channels, [1, 1]), "_project_conv.weight", "_bn2")?,
            stride,
            is_residual: stride == 1 && c_in == stage.channels,
        })
    }
}

impl Layer for Block {
    fn forward(&self, x: &Tensor) -> Tensor {
        let mut h = self
            .expand
            .as_ref()
            .map_or(x.clone(), |expand| relu6(&expand.forward(x)));
        if self.stride == 2 {
            h = far_border(&h);
        }
        h = self.project.forward(&relu6(&self.depthwise.forward(&h)));
        if self.is_residual { h + x } else { h }
    }
}

fn relu6(x: &Tensor) -> Tensor {
    x.clamp(0.0, 6.0)
}
