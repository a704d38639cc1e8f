//! Adversarial training: a classifier learns from the worst that an attack makes of each example, at every update.
//!
//! Madry, Makelov, Schmidt, Tsipras and Vladu 2018, "Towards Deep Learning Models Resistant to Adversarial Attacks",
//! arXiv:1706.06083, equation 2.1 and section 5.
//!
//! ```text
//! min_theta E_(x, y) [ max_(|d| <= epsilon) L(theta, x + d, y) ]
//! ```
//!
//! The maximum is what PGD finds from a random point of the ball; no gradient goes back through how it was found, by Danskin's
//! theorem. Seven steps of a quarter of the radius, which are the paper's for CIFAR-10, stand for its forty on MNIST. While
//! examples are looked for, the network answers as it would afterwards, with running statistics.
use super::{Describe, Training};
use crate::attacks::{Descent, Norm};
use crate::metrics::classifier::Lesson;
use crate::section::Section;
use crate::studies::Study;
use gany_engine::Tensor;
use serde::{Deserialize, Serialize};

/// Its settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AdversarialTraining {
    /// The ball's norm: `linf`, `l2` or `l1`.
    pub norm: Norm,
    /// The ball's radius, in numbers of [0, 1].
    pub epsilon: f64,
    /// Length of a step over the radius.
    pub step: f64,
    /// How many steps.
    pub steps: usize,
}

impl Default for AdversarialTraining {
    /// The paper's radius for MNIST, its steps for CIFAR-10.
    fn default() -> Self {
        AdversarialTraining {
            norm: Norm::Linf,
            epsilon: 0.3,
            step: 0.25,
            steps: 7,
        }
    }
}

impl Describe for AdversarialTraining {
    const PAGE: Study = Study {
        id: "adversarial_training",
        section: Section::Attacks,
        title: "Adversarial training",
        source: "Madry et al. 2018, Towards Deep Learning Models Resistant to Adversarial Attacks, arXiv:1706.06083",
        idea: "A classifier that never sees a picture but at its worst within a ball learns what no small change can hide.",
        equations: &["min_theta E_(x, y)[max_(|d| <= epsilon) L(theta, x + d, y)],  the maximum by pgd"],
        command: "gany harden train adversarial_training --data mnist -o hard.safetensors",
        lesson: None,
    };
}

impl Training for AdversarialTraining {
    fn loss(&self, lesson: &Lesson) -> Tensor {
        let x = (&lesson.x + 1.0) * 0.5;
        let begin = (&x + self.norm.within(self.epsilon, &lesson.key, x.shape())).clamp(0.0, 1.0);
        let worst = self
            .walk()
            .walked(&x, &begin, |x| lesson.cross_entropy(&lesson.answer(&(x * 2.0 - 1.0))));
        lesson.cross_entropy(&lesson.logits(&(worst * 2.0 - 1.0)))
    }

    fn check(&self) -> Result<(), String> {
        self.walk().check()
    }
}

impl AdversarialTraining {
    fn walk(&self) -> Descent {
        Descent {
            step: self.step * self.epsilon,
            steps: self.steps,
            ..Descent::to_the_border(self.norm, self.epsilon)
        }
    }
}
