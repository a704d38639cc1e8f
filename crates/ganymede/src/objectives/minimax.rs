//! The zero-sum game of the first GAN (Goodfellow et al. 2014, "Generative Adversarial Nets", equation 1), with
//! D = sigmoid(logits):
//!
//! ```text
//! discriminator:  -E[log D(x)] - E[log(1 - D(G(z)))]
//! generator:       E[log(1 - D(G(z)))]
//! ```
use gany_engine::Tensor;

/// Binary cross-entropy of real against 1 and fake against 0, summed: `E[softplus(-real)] + E[softplus(fake)]`.
pub fn discriminator(logits_real: &Tensor, logits_fake: &Tensor) -> Tensor {
    (-logits_real).softplus().mean() + logits_fake.softplus().mean()
}

/// What the discriminator gains from fakes, to be lost: `-E[softplus(fake)]`. Its gradient vanishes where the
/// discriminator is sure of itself.
pub fn generator(logits_fake: &Tensor) -> Tensor {
    -logits_fake.softplus().mean()
}
