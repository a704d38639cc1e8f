//! The saliency map attack: the two numbers of a picture that matter most are set to white, again and again.
//!
//! Papernot et al. 2016, "The Limitations of Deep Learning in Adversarial Settings", arXiv:1511.07528, algorithm 3.
//!
//! ```text
//! alpha = dz_t/dx_p + dz_t/dx_q,  beta = sum_(j != t) (dz_j/dx_p + dz_j/dx_q)
//! (p, q) = argmax -alpha beta  where alpha > 0 and beta < 0;  x_p += theta,  x_q += theta
//! ```
//!
//! For a negative theta the signs are reversed. It leads towards a class; away from one, towards the likeliest other. All pairs are
//! looked at where a picture has at most `candidates` numbers that can still change; of more, those with the largest `dz_t/dx -
//! sum_j dz_j/dx`. The derivatives are those of logits.
use super::iteration::{Iteration, Stepped};
use super::{Aim, Attack, Describe, Made, Target, Task};
use crate::section::Section;
use crate::studies::Study;
use gany_engine::grad;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Its settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Jsma {
    /// What a number is changed by; 1 makes it white, -1 black.
    pub theta: f64,
    /// Most numbers that are changed, over all that there are.
    pub gamma: f64,
    /// Most numbers among which pairs are looked for.
    pub candidates: usize,
}

impl Default for Jsma {
    /// The paper's: white, and 14.5 % of the numbers, the largest change that people did not notice.
    fn default() -> Self {
        Jsma {
            theta: 1.0,
            gamma: 0.145,
            candidates: 1024,
        }
    }
}

impl Describe for Jsma {
    const PAGE: Study = Study {
        id: "jsma",
        section: Section::Attacks,
        title: "Jacobian-based saliency map attack (L0)",
        source: "Papernot et al. 2016, The Limitations of Deep Learning in Adversarial Settings, arXiv:1511.07528",
        idea: "Changes as few numbers as possible, as much as possible: each time the pair that raises the wanted class most and lowers the others.",
        equations: &[
            "(p, q) = argmax -alpha beta,  alpha = d z_t / d(x_p, x_q) > 0,  beta = sum_(j != t) d z_j / d(x_p, x_q) < 0",
            "x_p += theta,  x_q += theta",
        ],
        command: "gany attack jsma PICTURE --target mnist --class 3 -o fooled.png",
        lesson: None,
    };
}

impl Attack for Jsma {
    fn run(&self, target: &Target, task: &Task) -> Made {
        let (count, floats, classes) = (task.count(), target.floats(), target.classes().len());
        let wanted = match task.aim {
            Aim::To => task.classes.clone(),
            Aim::Away => likeliest_others(&target.judge(task.count()).logits(&task.pictures), &task.classes),
        };
        let mut jacobian = compile(target, &task.shape(target));
        jacobian.given(0).copy_from_slice(&task.pictures);
        let numbers = wanted.iter().map(|class| *class as f32);
        jacobian.given(1).iter_mut().zip(numbers).for_each(|(to, class)| *to = class);
        let mut steps = vec![0; count];
        let mut are_open = vec![true; count];
        for _ in 0..(floats as f64 * self.gamma / 2.0).ceil() as u64 {
            jacobian.step();
            let logits = jacobian.said(0).chunks_exact(classes);
            for ((is_open, logits), wanted) in are_open.iter_mut().zip(logits).zip(&wanted) {
                *is_open &= super::loss::margin_of(logits, *wanted, Aim::To) <= 0.0;
            }
            let [raises, others] = [1, 2].map(|i| jacobian.said(i).to_vec());
            let slopes = raises.par_chunks_exact(floats).zip(others.par_chunks_exact(floats));
            let pictures = jacobian.given(0).par_chunks_exact_mut(floats).zip(slopes);
            let states = pictures.zip(&mut are_open).zip(&mut steps);
            states.for_each(|(((picture, (raises, others)), is_open), steps)| {
                if *is_open {
                    *is_open = self.change(picture, raises, others);
                    *steps += u64::from(*is_open);
                }
            });
            if !are_open.contains(&true) {
                break;
            }
        }
        Made {
            pictures: jacobian.given(0).to_vec(),
            gradients: steps.iter().map(|steps| 2 * steps).collect(),
            queries: vec![u64::from(task.aim == Aim::Away); count],
        }
    }

    fn check(&self, _: &Target, _: &Task) -> Result<(), String> {
        if self.theta != 0.0 && self.gamma > 0.0 && self.candidates >= 2 {
            return Ok(());
        }
        Err(format!(
            "expected a theta that is not 0, a gamma above 0 and two candidates or more, got {}, {} and {}",
            self.theta, self.gamma, self.candidates
        ))
    }
}

impl Jsma {
    /// Changes the most salient pair of a picture's numbers by these slopes of the wanted class and of the others; false where
    /// no pair would help.
    fn change(&self, picture: &mut [f32], raises: &[f32], others: &[f32]) -> bool {
        let sign = self.theta.signum() as f32;
        let can_change = |x: f32| if sign > 0.0 { x < 1.0 } else { x > 0.0 };
        let slopes = |p: usize| (p, sign * raises[p], sign * others[p]);
        let mut domain: Vec<_> = (0..picture.len()).filter(|p| can_change(picture[*p])).map(slopes).collect();
        if domain.len() > self.candidates {
            domain.sort_by(|a, b| (b.1 - b.2).total_cmp(&(a.1 - a.2)).then(a.0.cmp(&b.0)));
            domain.truncate(self.candidates);
        }
        let mut best = (0.0, None);
        for (i, (p, alpha_p, beta_p)) in domain.iter().enumerate() {
            for (q, alpha_q, beta_q) in &domain[i + 1..] {
                let (alpha, beta) = (alpha_p + alpha_q, beta_p + beta_q);
                let saliency = -alpha * beta;
                if saliency > best.0 && alpha > 0.0 {
                    best = (saliency, Some([*p, *q]));
                }
            }
        }
        let Some(pair) = best.1 else { return false };
        for number in pair {
            picture[number] = (picture[number] + self.theta as f32).clamp(0.0, 1.0);
        }
        true
    }
}

/// Of each picture's other classes the one with the largest logit.
fn likeliest_others(logits: &[f32], classes: &[usize]) -> Vec<usize> {
    let of_each = logits.chunks_exact(logits.len() / classes.len()).zip(classes);
    let likeliest = |(logits, own): (&[f32], &usize)| {
        let others = (0..logits.len()).filter(|class| class != own);
        others.max_by(|&a, &b| logits[a].total_cmp(&logits[b])).expect("two classes or more")
    };
    of_each.map(likeliest).collect()
}

/// Logits, and the slopes of the wanted class's and of the sum of the others along every number of the pictures.
fn compile(target: &Target, shape: &[usize; 4]) -> Iteration {
    Iteration::compile(&[shape, &shape[..1]], &[], 0, |traced| {
        let [x, wanted] = [0, 1].map(|i| &traced.given[i]);
        let logits = target.logits(x);
        let chosen = wanted.one_hot(target.classes().len());
        let raises = grad(&(&logits * &chosen).sum(), &[x]).remove(0);
        let others = grad(&(&logits * (1.0 - chosen)).sum(), &[x]).remove(0);
        Stepped { state: vec![], said: vec![logits, raises, others] }
    })
}

#[cfg(test)]
mod tests {
    use super::super::linear::{target, task};
    use super::*;

    #[test]
    fn the_most_salient_pair_is_changed() {
        // Two others of slopes -1 and -3, and one that raises most, but the others too: -(3 + 1)(-1 - 3) = 16 is the most.
        let (raises, others) = ([3.0, 1.0, 9.0, 2.0], [-1.0, -3.0, 2.0, 0.5]);
        let mut picture = [0.25; 4];
        assert!(Jsma::default().change(&mut picture, &raises, &others));
        assert_eq!(picture, [1.0, 1.0, 0.25, 0.25]);
        // What is white cannot become whiter: of the rest, (9 + 2)(2 + 0.5) has the wrong sign.
        assert!(!Jsma::default().change(&mut picture, &raises, &others));
        // Half the change, downwards: the signs are reversed, -(-9 - 2)(-2 - 0.5) is not; nothing qualifies.
        let down = Jsma { theta: -0.125, ..Jsma::default() };
        assert!(down.change(&mut picture, &[-1.0, -2.0, 0.0, 0.0], &[1.0, 1.0, 0.0, 0.0]));
        assert_eq!(picture, [0.875, 0.875, 0.25, 0.25]);
    }

    #[test]
    fn fewer_candidates_are_those_with_the_steepest_slopes() {
        let few = Jsma { candidates: 2, ..Jsma::default() };
        let mut picture = [0.0; 4];
        assert!(few.change(&mut picture, &[3.0, 1.0, 0.1, 2.0], &[-1.0, -1.5, -0.1, -2.0]));
        assert_eq!(picture, [1.0, 0.0, 0.0, 1.0]);
    }

    #[test]
    fn only_what_has_to_be_is_changed() {
        // The plane's second class needs 0.1 or 0.11: the steepest numbers, of 2 and 0.5, are made white, and that is enough.
        let made = Jsma { gamma: 1.0, ..Jsma::default() }.run(&two_sided(), &task());
        assert_eq!(made.pictures[..6], [1.0, 0.5, 1.0, 0.5, 0.5, 0.5]);
        assert_eq!(made.gradients, [2, 2]);
    }

    /// The plane with a first class that falls as the second rises, so that betas are not 0.
    fn two_sided() -> Target {
        let plane = target();
        Target::new("plane", plane.shape(), plane.classes().to_vec(), move |x| {
            let logits = plane.logits(x);
            let above = logits.slice(1, 1, 2);
            gany_engine::concat(&[-&above, above], 1)
        })
    }
}
