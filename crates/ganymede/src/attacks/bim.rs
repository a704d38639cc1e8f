//! The basic iterative method: many small steps instead of one large.
//!
//! Kurakin, Goodfellow and Bengio 2017, "Adversarial Examples in the Physical World", arXiv:1607.02533, section 2.2.
//!
//! ```text
//! x_0 = x,  x_(t+1) = clip(x + P(x_t + alpha sign(grad L(x_t, y)) - x)),  P: into the ball
//! ```
//!
//! The difference from `fgsm` is that the gradient is taken anew after each step. The paper's radii are those of bytes, its
//! steps of one level each, and there are `min(4 + epsilon, 1.25 epsilon)` of them, 10 for a radius of 8.
use super::{Attack, Describe, Descent, Made, Norm, Target, Task};
use crate::section::Section;
use crate::studies::Study;
use serde::{Deserialize, Serialize};

/// Its settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bim {
    /// The ball's norm: `linf`, `l2` or `l1`.
    pub norm: Norm,
    /// The ball's radius, in numbers of [0, 1].
    pub epsilon: f64,
    /// Length of a step over the radius.
    pub step: f64,
    /// How many steps.
    pub steps: usize,
}

impl Default for Bim {
    fn default() -> Self {
        Bim {
            norm: Norm::Linf,
            epsilon: 8.0 / 255.0,
            step: 0.125,
            steps: 10,
        }
    }
}

impl Bim {
    fn descent(&self) -> Descent {
        Descent {
            step: self.step * self.epsilon,
            steps: self.steps,
            ..Descent::to_the_border(self.norm, self.epsilon)
        }
    }
}

impl Describe for Bim {
    const PAGE: Study = Study {
        id: "bim",
        section: Section::Attacks,
        title: "Basic iterative method",
        source: "Kurakin, Goodfellow and Bengio 2017, Adversarial Examples in the Physical World, arXiv:1607.02533",
        idea: "Takes fgsm's step many times and small, and looks anew where the loss rises after each.",
        equations: &["x_(t+1) = clip(x + P(x_t + alpha sign(grad L(x_t, y)) - x)),  x_0 = x"],
        command: "gany attack bim PICTURE --target effnet-lite0 --eps 2/255 -o fooled.png",
        lesson: None,
    };
}

impl Attack for Bim {
    fn run(&self, target: &Target, task: &Task) -> Made {
        self.descent().run(target, task)
    }

    fn ball(&self) -> Option<(Norm, f64)> {
        Some((self.norm, self.epsilon))
    }

    fn check(&self, _: &Target, _: &Task) -> Result<(), String> {
        self.descent().check()
    }
}

#[cfg(test)]
mod tests {
    use super::super::linear::{margin, target, task};
    use super::*;

    #[test]
    fn half_the_steps_go_half_the_way() {
        // Eight steps of an eighth reach the border; four go half the way: 0.02 * 4.625 in all.
        for (steps, share) in [(4, 0.5), (8, 1.0), (20, 1.0)] {
            let made = Bim { epsilon: 0.02, steps, ..Bim::default() }.run(&target(), &task());
            let gained = margin(&made.pictures[..6]) - margin(&task().pictures[..6]);
            assert!((gained - share * 0.02 * 4.625).abs() < 1e-6, "{steps}: {gained}");
        }
    }
}
