//! The relativistic pairing game (Jolicoeur-Martineau 2019, "The relativistic discriminator: a key element missing from
//! standard GAN", arXiv:1807.00734, equations 6 and 7): how much more real is x than G(z)?
//!
//! ```text
//! critic:     -E[log sigmoid(D(x) - D(G(z)))]
//! generator:  -E[log sigmoid(D(G(z)) - D(x))]
//! ```
//!
//! Both losses look at pairs of a real and a generated sample, so they are no [`Objective`](crate::objectives::Objective).
use gany_engine::Tensor;

/// `E[softplus(fake - real)]`, over the pairs of both in their order.
///
/// # Shapes
/// Both `[n]`.
pub fn critic(real: &Tensor, fake: &Tensor) -> Tensor {
    (fake - real).softplus().mean()
}

/// `E[softplus(real - fake)]`: the same game with the parts exchanged.
///
/// # Shapes
/// Both `[n]`.
pub fn generator(real: &Tensor, fake: &Tensor) -> Tensor {
    critic(fake, real)
}
