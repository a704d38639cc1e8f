//! The dual of the Wasserstein-1 distance (Arjovsky et al. 2017, "Wasserstein GAN", algorithm 1), D being a critic
//! that something else keeps 1-Lipschitz (weight clipping, a gradient penalty, spectral normalisation):
//!
//! ```text
//! critic:     E[D(G(z))] - E[D(x)]
//! generator:  -E[D(G(z))]
//! ```
use gany_engine::Tensor;

/// The paper's word for this discriminator, which does not discriminate.
pub use self::discriminator as critic;

/// The critic's estimate of the distance, negated.
pub fn discriminator(logits_real: &Tensor, logits_fake: &Tensor) -> Tensor {
    logits_fake.mean() - logits_real.mean()
}

/// The mean value of fakes, to be raised.
pub fn generator(logits_fake: &Tensor) -> Tensor {
    -logits_fake.mean()
}
