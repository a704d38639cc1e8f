//! The momentum iterative method: gradients of unlike pictures add up, and what is found fools other networks more often.
//!
//! Dong et al. 2018, "Boosting Adversarial Attacks with Momentum", arXiv:1710.06081, algorithm 1.
//!
//! ```text
//! m_(t+1) = mu m_t + grad L(x_t, y) / |grad L(x_t, y)|_1
//! x_(t+1) = clip(x + P(x_t + alpha sign(m_(t+1)) - x))
//! ```
//!
//! The difference from `bim` is the memory m, in which each gradient counts by its direction alone.
use super::{Attack, Describe, Descent, Made, Norm, Target, Task};
use crate::section::Section;
use crate::studies::Study;
use serde::{Deserialize, Serialize};

/// Its settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mim {
    /// The ball's norm: `linf`, `l2` or `l1`.
    pub norm: Norm,
    /// The ball's radius, in numbers of [0, 1].
    pub epsilon: f64,
    /// Length of a step over the radius.
    pub step: f64,
    /// How many steps.
    pub steps: usize,
    /// What is kept of earlier gradients, mu.
    pub decay: f64,
}

impl Default for Mim {
    fn default() -> Self {
        Mim {
            norm: Norm::Linf,
            epsilon: 16.0 / 255.0,
            step: 0.1,
            steps: 10,
            decay: 1.0,
        }
    }
}

impl Mim {
    fn descent(&self) -> Descent {
        Descent {
            step: self.step * self.epsilon,
            steps: self.steps,
            decay: self.decay,
            ..Descent::to_the_border(self.norm, self.epsilon)
        }
    }
}

impl Describe for Mim {
    const PAGE: Study = Study {
        id: "mim",
        section: Section::Attacks,
        title: "Momentum iterative method",
        source: "Dong et al. 2018, Boosting Adversarial Attacks with Momentum, arXiv:1710.06081",
        idea: "Gives bim a memory of gradients, so that the walk is not led astray and its end fools other networks too.",
        equations: &[
            "m_(t+1) = mu m_t + grad L(x_t, y) / |grad L(x_t, y)|_1",
            "x_(t+1) = clip(x + P(x_t + alpha sign(m_(t+1)) - x))",
        ],
        command: "gany attack mim PICTURE --target effnet-lite0 --eps 2/255 -o fooled.png",
        lesson: None,
    };
}

impl Attack for Mim {
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
    use super::super::Aim;
    use super::*;

    /// One grey pixel whose logit is `3 x` below a half and `- x` above: the first gradient outweighs the second while it is kept.
    fn bent() -> Target {
        Target::new("bent", [1, 1, 1], ["a", "b"].map(str::to_owned).to_vec(), |x| {
            let x = x.flatten_from(1);
            let beyond = (&x - 0.5).relu();
            gany_engine::concat(&[x.zeros_like(), x * 3.0 - beyond * 4.0], 1)
        })
    }

    #[test]
    fn memory_carries_over_a_bend() {
        let task = Task { pictures: vec![0.45], classes: vec![0], aim: Aim::Away, seed: 0 };
        let with = |decay, steps| {
            let mim = Mim { epsilon: 0.4, step: 0.25, steps, decay, ..Mim::default() };
            mim.run(&bent(), &task).pictures[0]
        };
        // Steps of 0.1. Without memory it turns back at 0.55; with half of it the first turn is 1 * 0.5 - 1 < 0 too; with all
        // of it the two cancel, and the sign of 0 is 0: it stays.
        assert!((with(0.0, 2) - 0.45).abs() < 1e-6);
        assert!((with(0.5, 2) - 0.45).abs() < 1e-6);
        assert!((with(1.0, 2) - 0.55).abs() < 1e-6);
        // With more than all it goes on.
        assert!((with(1.5, 2) - 0.65).abs() < 1e-6);
    }
}
