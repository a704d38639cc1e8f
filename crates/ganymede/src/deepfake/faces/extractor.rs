//! What landmarks and expressions are read from: four blocks of separable convolutions in each of which every layer sees the
//! sum of all before it, after DenseNet (Huang et al. 2017, arXiv:1608.06993), where it sees them side by side.
use super::separable::Separable;
use crate::metrics::features::loading::Loader;
use crate::metrics::features::padding::far_border;
use crate::nn::{Conv, Dense, Layer, conv, dense};
use crate::weights::WeightsError;
use gany_engine::Tensor;

/// Landmarks of a face.
pub const LANDMARKS: usize = 68;

/// What a face may express.
pub const EXPRESSIONS: [&str; 7] = ["neutral", "happy", "sad", "angry", "fearful", "disgusted", "surprised"];

/// Height and width of the pictures that it takes.
pub(super) const SIDE: usize = 112;

/// Channels of each block.
const WIDTHS: [usize; 4] = [32, 64, 128, 256];

pub(super) struct Extractor {
    blocks: Vec<Block>,
    last: Dense,
}

struct Block {
    first: First,
    rest: Vec<Separable>,
}

/// The layer of a block that halves the extents.
enum First {
    /// Of the network's first block.
    Full(Conv),
    Separable(Separable),
}

impl Extractor {
    pub(super) fn load(loader: &Loader, outputs: usize) -> Result<Extractor, WeightsError> {
        let mut blocks = vec![];
        for (i, &width) in WIDTHS.iter().enumerate() {
            let layer = |k: usize| format!("dense{i}/conv{k}");
            let first = if i == 0 {
                let (filters, bias) = (format!("{}/filters", layer(0)), format!("{}/bias", layer(0)));
                First::Full(loader.conv(conv(3, width, [3, 3]).stride(2), &filters, &bias)?)
            } else {
                First::Separable(Separable::load(loader, &layer(0), WIDTHS[i - 1], width, 2)?)
            };
            let rest = (1..4).map(|k| Separable::load(loader, &layer(k), width, width, 1));
            blocks.push(Block {
                first,
                rest: rest.collect::<Result<_, _>>()?,
            });
        }
        Ok(Extractor {
            blocks,
            last: loader.dense(dense(WIDTHS[3], outputs), "fc/weights", "fc/bias")?,
        })
    }

    /// Numbers `[n, outputs]` of centred pictures `[n, 112, 112, 3]`.
    pub(super) fn forward(&self, x: &Tensor) -> Tensor {
        let h = self.blocks.iter().fold(x.clone(), |h, block| block.forward(&h));
        self.last.forward(&h.mean_axes(&[1, 2]))
    }
}

impl Layer for Block {
    fn forward(&self, x: &Tensor) -> Tensor {
        let first = match &self.first {
            First::Full(conv) => conv.forward(&far_border(x)),
            First::Separable(layer) => layer.forward(x),
        };
        let mut sum = first.relu();
        for layer in &self.rest {
            sum = &sum + layer.forward(&sum.relu());
        }
        sum.relu()
    }
}
