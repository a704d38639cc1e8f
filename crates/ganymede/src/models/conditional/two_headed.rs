//! A discriminator that also says what it sees.
use crate::data::Shape;
use crate::models::architecture::dcgan;
use crate::nn::{Layer, Scope, Sequential};
use gany_engine::Tensor;

/// DCGAN's discriminator with more numbers beside its logit: those of classes. All layers but the last are shared.
pub(super) struct TwoHeaded {
    network: Sequential,
    more: usize,
}

impl TwoHeaded {
    pub(super) fn new(scope: &Scope, sample: &Shape, more: usize, width: usize) -> TwoHeaded {
        TwoHeaded {
            network: dcgan::encoder(scope, sample, 1 + more, width, true),
            more,
        }
    }

    /// Of pictures `[n, ..]` the logits of being real, `[n]`, and the other numbers, `[n, more]`.
    pub(super) fn forward(&self, x: &Tensor) -> (Tensor, Tensor) {
        let numbers = self.network.forward(x);
        let logits = numbers.slice(1, 0, 1).reshape(&[x.extent(0)]);
        (logits, numbers.slice(1, 1, 1 + self.more))
    }
}
