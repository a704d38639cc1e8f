//! Projected gradient descent: the strongest attack that knows only gradients, from a random point of the ball.
//!
//! Madry, Makelov, Schmidt, Tsipras and Vladu 2018, "Towards Deep Learning Models Resistant to Adversarial Attacks",
//! arXiv:1706.06083, section 2.1 and 5.
//!
//! ```text
//! x_0 uniform in the ball,  x_(t+1) = clip(x + P(x_t + alpha steepest(grad L(x_t, y)) - x))
//! ```
//!
//! The difference from `bim` is the random start, which escapes what hides gradients near the picture. In L1 a step changes the
//! hundredth of the numbers with the largest gradients (Tramer and Boneh 2019), and the projection is exact. With `views` the
//! gradient is an expectation over changes of colour and place (Athalye et al. 2018, "Synthesizing Robust Adversarial Examples",
//! arXiv:1707.07397), so that what is found survives being moved. Restarts are other seeds.
use super::{Attack, Describe, Descent, Made, Norm, Target, Task};
use crate::section::Section;
use crate::studies::Study;
use serde::{Deserialize, Serialize};

/// Its settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pgd {
    /// The ball's norm: `linf`, `l2` or `l1`.
    pub norm: Norm,
    /// The ball's radius, in numbers of [0, 1].
    pub epsilon: f64,
    /// Length of a step over the radius.
    pub step: f64,
    /// How many steps.
    pub steps: usize,
    /// Whether it begins at a random point of the ball.
    pub random_start: bool,
    /// Over how many random changes of colour and place the gradient is averaged; 0 for the pictures as they are.
    pub views: usize,
}

impl Default for Pgd {
    /// The paper's for CIFAR-10, with forty steps as for MNIST.
    fn default() -> Self {
        Pgd {
            norm: Norm::Linf,
            epsilon: 8.0 / 255.0,
            step: 0.25,
            steps: 40,
            random_start: true,
            views: 0,
        }
    }
}

impl Pgd {
    fn descent(&self) -> Descent {
        Descent {
            step: self.step * self.epsilon,
            steps: self.steps,
            random_start: self.random_start,
            views: self.views,
            ..Descent::to_the_border(self.norm, self.epsilon)
        }
    }
}

impl Describe for Pgd {
    const PAGE: Study = Study {
        id: "pgd",
        section: Section::Attacks,
        title: "Projected gradient descent",
        source: "Madry et al. 2018, Towards Deep Learning Models Resistant to Adversarial Attacks, arXiv:1706.06083",
        idea: "Climbs the loss from a random point of a ball around the picture, and is put back into the ball after each step.",
        equations: &[
            "x_0 ~ U(ball(x, epsilon)),  x_(t+1) = clip(x + P(x_t + alpha s(grad L(x_t, y)) - x))",
            "s: sign for Linf, g / |g| for L2, signs of the largest hundredth for L1;  P: nearest point of the ball",
        ],
        command: "gany attack pgd PICTURE --target effnet-lite0 --class 'toy poodle' -o fooled.png",
        lesson: None,
    };
}

impl Attack for Pgd {
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
    use super::super::linear::{NORMAL, margin, target, task};
    use super::*;

    #[test]
    fn from_anywhere_it_ends_where_the_plane_is_nearest() {
        let length = NORMAL.map(|w| w * w).iter().sum::<f64>().sqrt();
        for (norm, dual) in [(Norm::Linf, 4.625), (Norm::L2, length), (Norm::L1, 2.0)] {
            for seed in 0..3 {
                let made = Pgd { norm, epsilon: 0.1, ..Pgd::default() }.run(&target(), &Task { seed, ..task() });
                let gained = margin(&made.pictures[..6]) - margin(&task().pictures[..6]);
                assert!((gained - 0.1 * dual).abs() < 1e-4, "{norm}, seed {seed}: {gained}");
            }
        }
    }

    #[test]
    fn views_are_averaged_and_repeatable() {
        let seen = Pgd { norm: Norm::L2, views: 3, steps: 5, ..Pgd::default() };
        let made = seen.run(&target(), &task());
        assert_eq!(made, seen.run(&target(), &task()));
        assert_ne!(made.pictures, Pgd { views: 0, ..seen }.run(&target(), &task()).pictures);
        assert_eq!(made.gradients, [15, 15]);
    }
}
