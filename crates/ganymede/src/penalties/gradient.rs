//! Penalties on the length |g| of the gradient of a critic D with respect to its input, sample by sample:
//!
//! ```text
//! two-sided  E[(|g| - 1)^2]           Gulrajani et al. 2017, "Improved Training of Wasserstein GANs", equation 3
//! one-sided  E[max(0, |g| - 1)^2]     Petzka et al. 2018, "On the regularization of Wasserstein GANs", equation 8
//! R1, R2     1/2 E[|g|^2]             Mescheder et al. 2018, "Which Training Methods for GANs do actually Converge?",
//!                                     equations 9 and 10
//! ```
//!
//! Values are unweighted: WGAN-GP multiplies by 10, R1 by its gamma. A critic is any function of `[n, ..]` that gives
//! one number a sample (or several, whose sum is meant) and treats samples apart; one with batch normalisation does not.
use crate::named::named_enum;
use gany_engine::{Tensor, grad};

named_enum! {
    /// Where the gradient is taken.
    #[derive(Default)]
    "where to penalise" Where {
        /// On straight lines between a real and a generated sample.
        #[default]
        Interpolated = "interpolated",
        /// At real samples.
        Data = "data",
        /// At generated samples.
        Samples = "samples",
    }
}

named_enum! {
    /// Which lengths of gradient are penalised.
    #[derive(Default)]
    "sidedness" Sided {
        /// Those above 1.
        One = "one",
        /// All but 1.
        #[default]
        Two = "two",
    }
}

/// A penalty and what it saw.
#[derive(Clone, Debug)]
pub struct Penalty {
    /// The penalty, unweighted; a scalar to be added to the critic's loss.
    pub value: Tensor,
    /// The mean length of the gradient, detached; a scalar to be reported.
    pub gradient_norm: Tensor,
}

/// The penalty at the chosen place; `epsilon`, uniform on [0, 1) of shape `[n]`, is used on lines only.
///
/// # Panics
/// Where the shapes of `x_real` and `x_fake` differ on lines, or `epsilon` is not `[n]`.
#[track_caller]
pub fn at(
    place: Where,
    critic: impl Fn(&Tensor) -> Tensor,
    x_real: &Tensor,
    x_fake: &Tensor,
    epsilon: &Tensor,
    sided: Sided,
) -> Penalty {
    match place {
        Where::Interpolated => interpolated(critic, x_real, x_fake, epsilon, sided),
        Where::Data => at_data(critic, x_real, sided),
        Where::Samples => at_samples(critic, x_fake, sided),
    }
}

/// The penalty at `epsilon x_real + (1 - epsilon) x_fake`.
///
/// # Shapes
/// `x_real` and `x_fake` `[n, ..]`, `epsilon` `[n]`, uniform on [0, 1).
///
/// # Panics
/// Where the shapes of `x_real` and `x_fake` differ, or `epsilon` is not `[n]`.
#[track_caller]
pub fn interpolated(
    critic: impl Fn(&Tensor) -> Tensor,
    x_real: &Tensor,
    x_fake: &Tensor,
    epsilon: &Tensor,
    sided: Sided,
) -> Penalty {
    assert_eq!(
        x_real.shape(),
        x_fake.shape(),
        "interpolated: shapes of real and fake differ"
    );
    assert_eq!(
        epsilon.shape(),
        &x_real.shape()[..1],
        "interpolated: epsilon is not one number a sample"
    );
    let mut shape = vec![1; x_real.rank()];
    shape[0] = epsilon.extent(0);
    let mixed = x_fake + epsilon.reshape(&shape) * (x_real - x_fake);
    one_centred(critic, &mixed, sided)
}

/// The penalty at real samples `[n, ..]`.
pub fn at_data(critic: impl Fn(&Tensor) -> Tensor, x_real: &Tensor, sided: Sided) -> Penalty {
    one_centred(critic, x_real, sided)
}

/// The penalty at generated samples `[n, ..]`, which it does not pass a gradient to.
pub fn at_samples(critic: impl Fn(&Tensor) -> Tensor, x_fake: &Tensor, sided: Sided) -> Penalty {
    one_centred(critic, x_fake, sided)
}

/// Half the mean square length of the gradient at real samples `[n, ..]`.
pub fn r1(critic: impl Fn(&Tensor) -> Tensor, x_real: &Tensor) -> Penalty {
    zero_centred(critic, x_real)
}

/// Half the mean square length of the gradient at generated samples `[n, ..]`, which it does not pass a gradient to.
pub fn r2(critic: impl Fn(&Tensor) -> Tensor, x_fake: &Tensor) -> Penalty {
    zero_centred(critic, x_fake)
}

fn one_centred(critic: impl Fn(&Tensor) -> Tensor, x: &Tensor, sided: Sided) -> Penalty {
    let norms = gradient_at(critic, x).norm(1);
    let excess = match sided {
        Sided::One => (&norms - 1.0).relu(),
        Sided::Two => &norms - 1.0,
    };
    Penalty {
        value: excess.square().mean(),
        gradient_norm: norms.mean().detach(),
    }
}

fn zero_centred(critic: impl Fn(&Tensor) -> Tensor, x: &Tensor) -> Penalty {
    let gradient = gradient_at(critic, x);
    Penalty {
        // Of the squares, so that no root is differentiated where the gradient is 0.
        value: gradient.square().sum_axes(&[1]).mean() * 0.5,
        gradient_norm: gradient.norm(1).mean().detach(),
    }
}

/// The gradient of the critic at every sample of x, `[n, numbers in a sample]`.
fn gradient_at(critic: impl Fn(&Tensor) -> Tensor, x: &Tensor) -> Tensor {
    let x = x.detach();
    grad(&critic(&x).sum(), &[&x])[0].flatten_from(1)
}
