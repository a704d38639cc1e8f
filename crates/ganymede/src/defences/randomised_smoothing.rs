//! Randomised smoothing: what a classifier says most often of a picture under noise, and how far no change can turn that.
//!
//! Cohen, Rosenfeld and Kolter 2019, "Certified Adversarial Robustness via Randomized Smoothing", arXiv:1902.02918, theorem 1,
//! section 3.2 and algorithm `Certify`.
//!
//! ```text
//! g(x) = argmax_c P(f(x + n) = c),  n ~ N(0, sigma^2 I)
//! p = lower limit of P(f(x + n) = g(x)) with confidence 1 - alpha (Clopper and Pearson)
//! p > 1/2:  g(x + d) = g(x) for all |d|_2 < sigma Phi^-1(p);  otherwise it abstains
//! ```
//!
//! The classifier is trained on pictures under the same noise, on which it is to be right (Lecuyer et al. 2019). What is promised
//! holds with confidence 1 - alpha for each picture, whatever the attack. Simplified: a thousand draws where the paper has a
//! hundred thousand, with which a radius is at most 2.46 sigma.
use super::binomial::{lower_limit, normal_quantile};
use super::{Describe, Training};
use crate::attacks::Target;
use crate::attacks::iteration::{Iteration, Stepped};
use crate::metrics::classifier::{Lesson, largest};
use crate::section::Section;
use crate::studies::Study;
use gany_engine::Tensor;
use serde::{Deserialize, Serialize};

/// Its settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RandomisedSmoothing {
    /// The noise's deviation, in numbers of [0, 1].
    pub sigma: f64,
    /// How many draws the class is chosen by.
    pub selection: usize,
    /// How many its probability is estimated by.
    pub samples: usize,
    /// How likely a promise may be wrong.
    pub alpha: f64,
}

impl Default for RandomisedSmoothing {
    fn default() -> Self {
        RandomisedSmoothing {
            sigma: 0.5,
            selection: 100,
            samples: 1000,
            alpha: 0.001,
        }
    }
}

impl Describe for RandomisedSmoothing {
    const PAGE: Study = Study {
        id: "randomised_smoothing",
        section: Section::Attacks,
        title: "Randomised smoothing",
        source: "Cohen, Rosenfeld and Kolter 2019, Certified Adversarial Robustness via Randomized Smoothing, arXiv:1902.02918",
        idea: "Asks a classifier about a picture under noise a thousand times, and can then promise that no small change turns the majority.",
        equations: &[
            "g(x) = argmax_c P(f(x + n) = c),  n ~ N(0, sigma^2 I)",
            "g(x + d) = g(x) for all |d|_2 < sigma Phi^-1(p),  p: lower limit of P(f(x + n) = g(x))",
        ],
        command: "gany harden certify PICTURE --target hard.safetensors --sigma 0.5",
        lesson: None,
    };
}

/// What can be promised of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Certificate {
    /// What is said most often under noise.
    pub class: usize,
    /// The length of a change below which it stays so; nothing where too few draws agree.
    pub radius: Option<f64>,
}

/// Draws that are judged together.
const TOGETHER: usize = 100;

impl RandomisedSmoothing {
    /// What can be promised of pictures `[n, height, width, channels]` in [0, 1].
    ///
    /// # Panics
    /// Where the numbers are not whole pictures of the target.
    pub fn certify(&self, target: &Target, pictures: &[f32], seed: u64) -> Vec<Certificate> {
        assert!(
            pictures.len().is_multiple_of(target.floats()),
            "certify: not whole pictures of the target"
        );
        let [height, width, channels] = target.shape();
        let (one, all) = ([1, height, width, channels], [TOGETHER, height, width, channels]);
        let mut noisy = Iteration::compile(&[&one], &[], seed, |traced| {
            let noise = traced.key.normal(0, &all) * self.sigma;
            Stepped {
                state: vec![],
                said: vec![target.logits(&(&traced.given[0] + noise))],
            }
        });
        let classes = target.classes().len();
        let mut counts = |picture: &[f32], draws: usize| {
            noisy.given(0).copy_from_slice(picture);
            let mut counts = vec![0_u64; classes];
            for done in (0..draws).step_by(TOGETHER) {
                noisy.step();
                let said = noisy.said(0).chunks_exact(classes).take(draws - done);
                said.for_each(|logits| counts[largest(logits) as usize] += 1);
            }
            counts
        };
        let certificate = |picture: &[f32]| {
            let selected = counts(picture, self.selection);
            let class = (0..classes).rev().max_by_key(|&class| selected[class]).unwrap_or(0);
            let agreeing = counts(picture, self.samples)[class];
            Certificate {
                class,
                radius: self.radius(agreeing),
            }
        };
        pictures.chunks_exact(target.floats()).map(certificate).collect()
    }

    /// The radius that so many agreeing draws promise.
    fn radius(&self, agreeing: u64) -> Option<f64> {
        let p = lower_limit(agreeing, self.samples as u64, self.alpha);
        (p > 0.5).then(|| self.sigma * normal_quantile(p))
    }
}

impl Training for RandomisedSmoothing {
    fn loss(&self, lesson: &Lesson) -> Tensor {
        // Pictures go from -1 to 1 here: noise is twice as large.
        let noise = lesson.key.normal(0, lesson.x.shape()) * (2.0 * self.sigma);
        lesson.cross_entropy(&lesson.logits(&(&lesson.x + noise)))
    }

    fn check(&self) -> Result<(), String> {
        if !(self.sigma.is_finite() && self.sigma > 0.0) {
            return Err(format!("expected a sigma above 0, got {}", self.sigma));
        }
        if self.selection == 0 || self.samples == 0 {
            return Err(format!(
                "expected one draw or more, got {} and {}",
                self.selection, self.samples
            ));
        }
        if self.alpha > 0.0 && self.alpha < 1.0 {
            return Ok(());
        }
        Err(format!("expected an alpha between 0 and 1, got {}", self.alpha))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attacks::linear;
    use crate::attacks::{Aim, Norm, Task, find};

    /// Under Gaussian noise a plane stays a plane, and the promise is the distance to it but for the estimate: here the radius
    /// is sigma Phi^-1(p) with p = Phi(distance / sigma).
    #[test]
    fn of_a_plane_the_promise_is_nearly_the_distance_and_never_more() {
        let smoothing = RandomisedSmoothing {
            sigma: 0.1,
            samples: 20_000,
            ..RandomisedSmoothing::default()
        };
        let target = linear::target();
        let length = linear::NORMAL.iter().map(|w| w * w).sum::<f64>().sqrt();
        let pictures = linear::task().pictures;
        let certificates = smoothing.certify(&target, &pictures, 0);
        for (picture, certificate) in pictures.chunks_exact(6).zip(&certificates) {
            let distance = -linear::margin(picture) / length;
            let radius = certificate.radius.unwrap();
            assert_eq!(certificate.class, 0);
            assert!(radius < distance && radius > 0.8 * distance, "{radius} of {distance}");
        }
        assert_eq!(certificates, smoothing.certify(&target, &pictures, 0));
    }

    #[test]
    fn radii_by_hand() {
        let smoothing = RandomisedSmoothing::default();
        // All of a thousand: the limit is 0.001^(1/1000) = 0.99312, whose quantile is 2.4632.
        assert!((smoothing.radius(1000).unwrap() - 0.5 * 2.463_26).abs() < 1e-4);
        // Half of them say nothing, nor do 52 of a hundred.
        assert_eq!(smoothing.radius(500), None);
        assert_eq!(smoothing.radius(520), None);
    }

    #[test]
    fn no_attack_leaves_the_promised_ball_with_another_answer() {
        let smoothing = RandomisedSmoothing {
            sigma: 0.05,
            ..RandomisedSmoothing::default()
        };
        let (target, task) = (
            linear::target(),
            Task {
                aim: Aim::Away,
                ..linear::task()
            },
        );
        let radius = smoothing.certify(&target, &task.pictures[..6], 1)[0].radius.unwrap();
        let changes = [
            ("norm".into(), Norm::L2.to_string()),
            ("epsilon".into(), (0.99 * radius).to_string()),
        ];
        let pgd = find("pgd").unwrap().build(&changes).unwrap();
        let changed = pgd.run(&target, &task).unwrap().pictures;
        assert_eq!(smoothing.certify(&target, &changed[..6], 2)[0].class, 0);
    }
}
