//! Whose face it is: a residual network of 29 convolutions trained so that faces of one person are near (King 2017, dlib's
//! `face_recognition_resnet_model_v1`; He et al. 2016, arXiv:1512.03385, with a third of the layers and half of the filters).
use crate::metrics::features::FeaturesError;
use crate::metrics::features::loading::Loader;
use crate::metrics::features::pooling::{Border, max_pool};
use crate::nn::{Conv, ConvConfig, Layer, conv};
use crate::weights::WeightsError;
use gany_engine::{PadMode, Tensor};

/// Numbers in an identity.
pub const IDENTITY: usize = 128;

/// Height and width of the pictures that it takes.
pub(super) const SIDE: usize = 150;

/// Blocks of so many channels that keep the extents; before them stands one that halves them, but for the first.
const GROUPS: [(usize, usize); 4] = [(32, 3), (64, 3), (128, 2), (256, 2)];

pub(super) struct Identity {
    first: Conv,
    blocks: Vec<Block>,
    last: Tensor,
}

struct Block {
    convs: [Conv; 2],
    halves: bool,
}

/// A convolution and the factors and shifts of its channels, as one convolution: `(x w + b) s + t = x (w s) + (b s + t)`.
fn scaled(loader: &Loader, config: ConvConfig<2>, name: &str) -> Result<Conv, WeightsError> {
    let conv = loader.conv(config, &format!("{name}/conv/filters"), &format!("{name}/conv/bias"))?;
    let bias = conv.bias.as_ref().expect("declared with a bias");
    let of_channels = |tensor: &str| {
        let numbers = loader.weights.f32(&format!("{name}/scale/{tensor}"), bias.shape())?;
        Ok::<_, WeightsError>(Tensor::from_f32(bias.shape(), &numbers))
    };
    let (factors, shifts) = (of_channels("weights")?, of_channels("biases")?);
    conv.weight.set(conv.weight.get() * &factors);
    bias.set(bias.get() * factors + shifts);
    Ok(conv)
}

impl Block {
    fn load(loader: &Loader, name: &str, c_in: usize, c_out: usize, halves: bool) -> Result<Block, WeightsError> {
        let first = conv(c_in, c_out, [3, 3]);
        let first = if halves { first.stride(2) } else { first.padding(1) };
        Ok(Block {
            convs: [
                scaled(loader, first, &format!("{name}/conv1"))?,
                scaled(loader, conv(c_out, c_out, [3, 3]).padding(1), &format!("{name}/conv2"))?,
            ],
            halves,
        })
    }

    /// Where the block halves, x goes around it as means of 2 x 2 with zeros for the channels that are new; what the
    /// convolutions make is a pixel smaller where an extent is even, and gets a border of zeros.
    fn forward(&self, x: &Tensor) -> Tensor {
        let h = self.convs[1].forward(&self.convs[0].forward(x).relu());
        if !self.halves {
            return (h + x).relu();
        }
        let whole = |x: Tensor, axis: usize| x.slice(axis, 0, x.extent(axis) / 2 * 2);
        let around = whole(whole(x.clone(), 1), 2).average_pool(2);
        let bordered = |h: Tensor, axis: usize| h.pad(axis, 0, around.extent(axis) - h.extent(axis), PadMode::Zero);
        let h = bordered(bordered(h, 1), 2);
        let new = h.extent(3) - around.extent(3);
        (h + around.pad(3, 0, new, PadMode::Zero)).relu()
    }
}

impl Identity {
    /// The network with the weights that were fetched.
    pub(super) fn fetched() -> Result<Identity, FeaturesError> {
        let weights = super::weights("face_recognition_model")?;
        Ok(Identity::load(&super::loader(&weights))?)
    }

    fn load(loader: &Loader) -> Result<Identity, WeightsError> {
        let mut blocks = vec![];
        let mut c_in = GROUPS[0].0;
        for (channels, keeping) in GROUPS {
            if channels != c_in {
                let name = format!("conv{channels}_down");
                blocks.push(Block::load(loader, &name, c_in, channels, true)?);
            }
            for i in 1..=keeping {
                let name = format!("conv{channels}_{i}");
                blocks.push(Block::load(loader, &name, channels, channels, false)?);
            }
            c_in = channels;
        }
        blocks.push(Block::load(loader, "conv256_down_out", c_in, c_in, true)?);
        let last = loader.weights.f32("fc", &[c_in, IDENTITY])?;
        Ok(Identity {
            first: scaled(loader, conv(3, GROUPS[0].0, [7, 7]).stride(2), "conv32_down")?,
            blocks,
            last: Tensor::from_f32(&[c_in, IDENTITY], &last),
        })
    }

    /// Identities `[n, 128]` of centred pictures `[n, 150, 150, 3]`.
    pub(super) fn forward(&self, x: &Tensor) -> Tensor {
        let first = max_pool(&self.first.forward(x).relu(), 2, Border::Valid);
        let h = self.blocks.iter().fold(first, |h, block| block.forward(&h));
        h.mean_axes(&[1, 2]).matmul(&self.last)
    }
}
