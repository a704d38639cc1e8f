//! TRADES: what an attack can do to an answer is paid for apart from what the answer gets wrong.
//!
//! Zhang, Yu, Jiao, Xing, El Ghaoui and Jordan 2019, "Theoretically Principled Trade-off between Robustness and Accuracy",
//! arXiv:1901.08573, equation 5 and algorithm 1.
//!
//! ```text
//! min_theta E_(x, y) [ L(f(x), y) + beta max_(|d| <= epsilon) KL(f(x) || f(x + d)) ]
//! ```
//!
//! The difference from adversarial training: the second term needs no label and does not begrudge the first a clean picture, and
//! beta says how much accuracy a person gives for robustness. The walk begins a little beside the picture, where the divergence
//! has a slope. Beta is the paper's 6; ten steps of a quarter of the radius are about its own for CIFAR-10.
use super::{Describe, Training};
use crate::attacks::{Descent, Norm};
use crate::metrics::classifier::Lesson;
use crate::objectives::likelihood::relative_entropy;
use crate::section::Section;
use crate::studies::Study;
use gany_engine::{Tensor, concat};
use serde::{Deserialize, Serialize};

/// Its settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trades {
    /// The ball's norm: `linf`, `l2` or `l1`.
    pub norm: Norm,
    /// The ball's radius, in numbers of [0, 1].
    pub epsilon: f64,
    /// Length of a step over the radius.
    pub step: f64,
    /// How many steps.
    pub steps: usize,
    /// The weight of robustness, beta (the paper's 1 / lambda).
    pub beta: f64,
}

impl Default for Trades {
    fn default() -> Self {
        Trades {
            norm: Norm::Linf,
            epsilon: 0.3,
            step: 0.25,
            steps: 10,
            beta: 6.0,
        }
    }
}

impl Describe for Trades {
    const PAGE: Study = Study {
        id: "trades",
        section: Section::Attacks,
        title: "TRADES",
        source: "Zhang et al. 2019, Theoretically Principled Trade-off between Robustness and Accuracy, arXiv:1901.08573",
        idea: "Learns the right answers from clean pictures, and beside that to give the same ones all around each picture.",
        equations: &["min_theta E_(x, y)[L(f(x), y) + beta max_(|d| <= epsilon) KL(f(x) || f(x + d))]"],
        command: "gany harden train trades --data mnist --set beta=6 -o hard.safetensors",
        lesson: None,
    };
}

/// The deviation of the normal numbers that a walk begins with.
const BESIDE: f64 = 1e-3;

impl Training for Trades {
    fn loss(&self, lesson: &Lesson) -> Tensor {
        let x = (&lesson.x + 1.0) * 0.5;
        let seen = lesson.answer(&lesson.x).detach();
        let begin = &x + lesson.key.normal(0, x.shape()) * BESIDE;
        let worst = self.walk().walked(&x, &begin, |x| {
            relative_entropy(&seen, &lesson.answer(&(x * 2.0 - 1.0))).sum()
        });
        // One batch for both, or batch normalisation would standardise each by itself, and hide how far apart they are.
        let both = lesson.logits(&concat(&[lesson.x.clone(), worst * 2.0 - 1.0], 0));
        let count = x.extent(0);
        let [clean, worst] = [0, count].map(|first| both.slice(0, first, first + count));
        lesson.cross_entropy(&clean) + relative_entropy(&clean, &worst).mean() * self.beta
    }

    fn check(&self) -> Result<(), String> {
        self.walk().check()?;
        if self.beta >= 0.0 {
            return Ok(());
        }
        Err(format!("expected a beta of 0 or more, got {}", self.beta))
    }
}

impl Trades {
    fn walk(&self) -> Descent {
        Descent {
            step: self.step * self.epsilon,
            steps: self.steps,
            ..Descent::to_the_border(self.norm, self.epsilon)
        }
    }
}
