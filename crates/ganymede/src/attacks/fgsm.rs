//! The fast gradient sign method: one step along the signs of the gradient is enough, because a network is nearly linear.
//!
//! Goodfellow, Shlens and Szegedy 2015, "Explaining and Harnessing Adversarial Examples", arXiv:1412.6572, section 4.
//!
//! ```text
//! x' = clip(x + epsilon sign(gradient of L(x, y) with respect to x))
//! ```
//!
//! Towards a class the step goes down. In other balls the step goes to the border along their steepest direction.
use super::{Attack, Describe, Descent, Made, Norm, Target, Task};
use crate::section::Section;
use crate::studies::Study;
use serde::{Deserialize, Serialize};

/// Its settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fgsm {
    /// The ball's norm: `linf`, `l2` or `l1`.
    pub norm: Norm,
    /// The ball's radius, in numbers of [0, 1]; the paper's 0.007 is the last bit of a byte.
    pub epsilon: f64,
}

impl Default for Fgsm {
    fn default() -> Self {
        Fgsm { norm: Norm::Linf, epsilon: 0.007 }
    }
}

impl Describe for Fgsm {
    const PAGE: Study = Study {
        id: "fgsm",
        section: Section::Attacks,
        title: "Fast gradient sign method",
        source: "Goodfellow, Shlens and Szegedy 2015, Explaining and Harnessing Adversarial Examples, arXiv:1412.6572",
        idea: "Moves every pixel by the same little, each in the direction in which the loss rises: one gradient, one step.",
        equations: &["x' = clip(x + epsilon sign(grad_x L(x, y)))"],
        command: "gany attack fgsm PICTURE --target effnet-lite0 --eps 2/255 -o fooled.png",
        lesson: None,
    };
}

impl Attack for Fgsm {
    fn run(&self, target: &Target, task: &Task) -> Made {
        Descent::to_the_border(self.norm, self.epsilon).run(target, task)
    }

    fn ball(&self) -> Option<(Norm, f64)> {
        Some((self.norm, self.epsilon))
    }

    fn check(&self, _: &Target, _: &Task) -> Result<(), String> {
        Descent::to_the_border(self.norm, self.epsilon).check()
    }
}

#[cfg(test)]
mod tests {
    use super::super::linear::{NORMAL, margin, target, task};
    use super::*;

    #[test]
    fn a_plane_is_approached_by_epsilon_times_the_dual_norm() {
        for (norm, dual) in [(Norm::Linf, 4.625), (Norm::L2, NORMAL.map(|w| w * w).iter().sum::<f64>().sqrt()), (Norm::L1, 2.0)] {
            let made = Fgsm { norm, epsilon: 0.01 }.run(&target(), &task());
            for (was, is) in task().pictures.chunks_exact(6).zip(made.pictures.chunks_exact(6)) {
                let gained = margin(is) - margin(was);
                assert!((gained - 0.01 * dual).abs() < 1e-6, "{norm}: {gained}");
            }
            assert_eq!((made.gradients, made.queries), (vec![1; 2], vec![0; 2]));
        }
    }

    #[test]
    fn towards_a_class_it_goes_the_other_way() {
        let away = Fgsm::default().run(&target(), &task());
        let to = Task { classes: vec![1; 2], aim: super::super::Aim::To, ..task() };
        assert_eq!(Fgsm::default().run(&target(), &to), away);
    }
}
