//! What the two players of the plain game minimise, as pairs of functions of the discriminator's logits. Logits have
//! any shape, one number a sample (or a patch); every loss is a scalar, the mean over all of them.
pub mod f_divergence;
pub mod feature_matching;
pub mod hinge;
pub mod least_squares;
pub mod likelihood;
pub mod minimax;
pub mod non_saturating;
pub mod relativistic;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{BLOCKS, assert_close, assert_stored, stored};
    use gany_engine::{DType, grad};

    #[test]
    fn losses_and_gradients_are_pytorchs() {
        let file = &BLOCKS["objectives"];
        assert_eq!(file["cases"].as_object().unwrap().len(), Objective::ALL.len());
        for (dtype, tolerance) in [(DType::F64, 1e-12), (DType::F32, 1e-6)] {
            let (real, fake) = (stored(dtype, &file["logits_real"]), stored(dtype, &file["logits_fake"]));
            for objective in Objective::ALL {
                let case = &file["cases"][objective.name()];
                let number = |key: &str| [case[key].as_f64().unwrap()];
                let loss = objective.discriminator(&real, &fake);
                assert_close(objective.name(), &loss, &number("discriminator"), tolerance);
                let gradients = grad(&loss, &[&real, &fake]);
                assert_stored(
                    objective.name(),
                    &gradients[0],
                    &case["discriminator_by_real"],
                    tolerance,
                );
                assert_stored(
                    objective.name(),
                    &gradients[1],
                    &case["discriminator_by_fake"],
                    tolerance,
                );
                let loss = objective.generator(&fake);
                assert_close(objective.name(), &loss, &number("generator"), tolerance);
                let gradient = &grad(&loss, &[&fake])[0];
                assert_stored(objective.name(), gradient, &case["generator_by_fake"], tolerance);
            }
        }
    }

    #[test]
    fn extreme_logits_give_finite_losses_and_gradients() {
        let (real, fake) = (
            Tensor::from_f32(&[2], &[-300.0, 300.0]),
            Tensor::from_f32(&[2], &[300.0, -300.0]),
        );
        let loss = non_saturating::discriminator(&real, &fake);
        assert_eq!(loss.to_f64(), [300.0]);
        assert_eq!(grad(&loss, &[&fake])[0].to_f64(), [0.5, 0.0]);
        let loss = non_saturating::generator(&fake);
        assert_eq!(
            (loss.to_f64(), grad(&loss, &[&fake])[0].to_f64()),
            (vec![150.0], vec![0.0, -0.5])
        );
        // The saturating loss has nothing to say where the discriminator is sure of a fake.
        let loss = minimax::generator(&fake);
        assert_eq!(grad(&loss, &[&fake])[0].to_f64(), [-0.5, 0.0]);
    }

    #[test]
    fn names_are_printed_parsed_and_stored_alike() {
        for objective in Objective::ALL {
            assert_eq!(objective.to_string().parse(), Ok(*objective));
            let json = serde_json::to_string(objective).unwrap();
            assert_eq!(json, format!("\"{objective}\""));
            assert_eq!(serde_json::from_str::<Objective>(&json).unwrap(), *objective);
        }
        assert_eq!(Objective::default().name(), "non-saturating");
        let error = "wgan".parse::<Objective>().unwrap_err();
        let expected = "minimax, non-saturating, least-squares, hinge, wasserstein";
        assert_eq!(
            error.to_string(),
            format!("objective: expected one of {expected}, got `wgan`")
        );
    }
}
