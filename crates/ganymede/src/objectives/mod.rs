//! What the two players of the plain game minimise, as pairs of functions of the discriminator's logits. Logits have
//! any shape, one number a sample (or a patch); every loss is a scalar, the mean over all of them.
pub mod hinge;
pub mod least_squares;
pub mod minimax;
pub mod non_saturating;
pub mod wasserstein;

use crate::named::named_enum;
use gany_engine::Tensor;

named_enum! {
    /// A choice of objective, for systems that leave it open.
    #[derive(Default)]
    "objective" Objective {
        /// [`minimax`]
        Minimax = "minimax",
        /// [`non_saturating`]
        #[default]
        NonSaturating = "non-saturating",
        /// [`least_squares`]
        LeastSquares = "least-squares",
        /// [`hinge`]
        Hinge = "hinge",
        /// [`wasserstein`]
        Wasserstein = "wasserstein",
    }
}

impl Objective {
    /// What the discriminator minimises; a scalar.
    pub fn discriminator(self, logits_real: &Tensor, logits_fake: &Tensor) -> Tensor {
        match self {
            Objective::Minimax => minimax::discriminator(logits_real, logits_fake),
            Objective::NonSaturating => non_saturating::discriminator(logits_real, logits_fake),
            Objective::LeastSquares => least_squares::discriminator(logits_real, logits_fake),
            Objective::Hinge => hinge::discriminator(logits_real, logits_fake),
            Objective::Wasserstein => wasserstein::discriminator(logits_real, logits_fake),
        }
    }

    /// What the generator minimises; a scalar.
    pub fn generator(self, logits_fake: &Tensor) -> Tensor {
        match self {
            Objective::Minimax => minimax::generator(logits_fake),
            Objective::NonSaturating => non_saturating::generator(logits_fake),
            Objective::LeastSquares => least_squares::generator(logits_fake),
            Objective::Hinge => hinge::generator(logits_fake),
            Objective::Wasserstein => wasserstein::generator(logits_fake),
        }
    }
}
