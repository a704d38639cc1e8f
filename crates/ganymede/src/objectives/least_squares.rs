//! Least squares with labels a = 0, b = c = 1 (Mao et al. 2017, "Least Squares Generative Adversarial Networks",
//! equation 9), D being the logits themselves:
//!
//! ```text
//! discriminator:  1/2 E[(D(x) - 1)^2] + 1/2 E[D(G(z))^2]
//! generator:      1/2 E[(D(G(z)) - 1)^2]
//! ```
use gany_engine::Tensor;

/// Half the mean square distance of real from 1, plus that of fake from 0.
pub fn discriminator(logits_real: &Tensor, logits_fake: &Tensor) -> Tensor {
    ((logits_real - 1.0).square().mean() + logits_fake.square().mean()) * 0.5
}

/// Half the mean square distance of fakes from 1.
pub fn generator(logits_fake: &Tensor) -> Tensor {
    (logits_fake - 1.0).square().mean() * 0.5
}
