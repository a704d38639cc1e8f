//! The hinge loss (Lim and Ye 2017, "Geometric GAN"; Miyato et al. 2018, "Spectral Normalization for Generative
//! Adversarial Networks", equations 16 and 17), D being the logits themselves:
//!
//! ```text
//! discriminator:  E[max(0, 1 - D(x))] + E[max(0, 1 + D(G(z)))]
//! generator:      -E[D(G(z))]
//! ```
use gany_engine::Tensor;

/// Real is pushed above 1 and fake below -1, no further.
pub fn discriminator(logits_real: &Tensor, logits_fake: &Tensor) -> Tensor {
    (1.0 - logits_real).relu().mean() + (1.0 + logits_fake).relu().mean()
}

/// The mean logit of fakes, to be raised.
pub fn generator(logits_fake: &Tensor) -> Tensor {
    -logits_fake.mean()
}
