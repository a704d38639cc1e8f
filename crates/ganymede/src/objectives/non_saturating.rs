//! The game that the first GAN was trained by (Goodfellow et al. 2014, section 3), with D = sigmoid(logits):
//!
//! ```text
//! discriminator:  -E[log D(x)] - E[log(1 - D(G(z)))]
//! generator:      -E[log D(G(z))]
//! ```
use crate::objectives::minimax;
use gany_engine::Tensor;

/// The same as in the [`minimax`] game: `E[softplus(-real)] + E[softplus(fake)]`.
pub fn discriminator(logits_real: &Tensor, logits_fake: &Tensor) -> Tensor {
    minimax::discriminator(logits_real, logits_fake)
}

/// Binary cross-entropy of fakes against 1: `E[softplus(-fake)]`. Its gradient is strong where the minimax one
/// vanishes.
pub fn generator(logits_fake: &Tensor) -> Tensor {
    (-logits_fake).softplus().mean()
}
