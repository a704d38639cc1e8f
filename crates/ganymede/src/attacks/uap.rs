//! Universal perturbations: one change that fools the target on most pictures, also on those it was not made from.
//!
//! Moosavi-Dezfooli, Fawzi, Fawzi and Frossard 2017, "Universal Adversarial Perturbations", arXiv:1610.08401, algorithm 1; Shafahi,
//! Najibi, Xu, Dickerson, Davis and Goldstein 2018, "Universal Adversarial Training", arXiv:1811.11304, section 3.
//!
//! ```text
//! for each picture that x + v does not fool:  dv = DeepFool's way from x + v;  v = P(v + dv),  P: into the ball
//! until the share that is fooled is what was asked for
//! then, so many times:  v = P(v + step steepest(gradient of E min(margin(x + v), 1)))
//! ```
//!
//! Ways of single pictures pull v to and fro, and the first algorithm stalls where the ball is small; the second climbs what all
//! pictures say together. A picture that is fooled by a logit says no more, so that few do not outvote the others.
//!
//! The pictures of the task are what it is made from; `gany attack uap a.png b.png ..` shows each with the same change.
use super::deepfool::Deepfool;
use super::iteration::{Iteration, Stepped};
use super::loss::margin;
use super::{Aim, Attack, Describe, Judge, Made, Norm, Target, Task, check_norm, check_radius};
use crate::data::order;
use crate::section::Section;
use crate::studies::Study;
use gany_engine::{Tensor, grad};
use serde::{Deserialize, Serialize};

/// Its settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Uap {
    /// The ball's norm: `linf` or `l2`.
    pub norm: Norm,
    /// The ball's radius, in numbers of [0, 1].
    pub epsilon: f64,
    /// The share of pictures that it has to fool.
    pub share: f64,
    /// Most passes over the pictures.
    pub passes: u64,
    /// Most steps of DeepFool for each picture.
    pub steps: usize,
    /// How many classes DeepFool looks at.
    pub candidates: usize,
    /// Steps along the gradient of all pictures together after the passes; 0 for the first paper's algorithm alone.
    pub climbs: usize,
}

impl Default for Uap {
    /// The paper's.
    fn default() -> Self {
        Uap {
            norm: Norm::Linf,
            epsilon: 10.0 / 255.0,
            share: 0.8,
            passes: 10,
            steps: 10,
            candidates: 10,
            climbs: 100,
        }
    }
}

/// How often the share that is fooled is looked at while climbing, in steps.
const LOOK: usize = 10;
/// The first step along the gradient, in parts of the radius.
const LONGEST: f32 = 0.2;

impl Describe for Uap {
    const PAGE: Study = Study {
        id: "uap",
        section: Section::Attacks,
        title: "Universal adversarial perturbation",
        source: "Moosavi-Dezfooli et al. 2017, Universal Adversarial Perturbations, arXiv:1610.08401",
        idea: "Adds up what fools picture after picture, and gets one change that fools them all, and others.",
        equations: &[
            "v = P(v + argmin_r |r|: k(x + v + r) != k(x))  for every x that v does not fool yet",
            "v = P(v + step steepest(gradient of E min(margin(x + v), 1)))",
        ],
        command: "gany attack uap PICTURE PICTURE PICTURE --target effnet-lite0 -o fooled.png",
        lesson: None,
    };
}

/// A change for all pictures, and what it took.
#[derive(Clone, Debug, PartialEq)]
pub struct Universal {
    /// What is added to every picture, `[height, width, channels]`.
    pub change: Vec<f32>,
    /// How often the target was differentiated.
    pub gradients: u64,
    /// How often it was asked about a picture without.
    pub queries: u64,
}

impl Universal {
    /// Pictures `[n, height, width, channels]` with the change, numbers in [0, 1].
    pub fn on(&self, pictures: &[f32]) -> Vec<f32> {
        let changed = |picture: &[f32]| added(picture, &self.change);
        pictures.chunks_exact(self.change.len()).flat_map(changed).collect()
    }
}

fn added(picture: &[f32], change: &[f32]) -> Vec<f32> {
    picture
        .iter()
        .zip(change)
        .map(|(x, v)| (x + v).clamp(0.0, 1.0))
        .collect()
}

impl Uap {
    /// The change that fools the target on the pictures of a task.
    pub fn find(&self, target: &Target, task: &Task) -> Universal {
        let mut best = Best {
            judge: target.judge(task.count()),
            task,
            fooled: 0,
            found: Universal {
                change: vec![0.0; target.floats()],
                gradients: 0,
                queries: 0,
            },
        };
        let enough = self.share * task.count() as f64;
        self.gather(target, &mut best, enough);
        if (best.fooled as f64) < enough {
            self.climb(target, &mut best, enough);
        }
        best.found
    }

    /// Adds up the ways of single pictures.
    fn gather(&self, target: &Target, best: &mut Best, enough: f64) {
        let deepfool = Deepfool {
            steps: self.steps,
            candidates: self.candidates,
            ..Deepfool::default()
        };
        let (task, floats, count) = (best.task, target.floats(), best.task.count() as u64);
        let mut planes = deepfool.compile(target, 1);
        let mut change = best.found.change.clone();
        for pass in 0..self.passes {
            for k in pass * count..(pass + 1) * count {
                let i = order::nth(task.seed, count, k) as usize;
                let picture = added(&task.pictures[i * floats..][..floats], &change);
                best.found.queries += 1;
                let logits = best.judge.logits(&picture);
                if super::loss::margin_of(&logits, task.classes[i], Aim::Away) > 0.0 {
                    continue;
                }
                let candidates = deepfool.candidates(&logits, &task.classes[i..=i]);
                let (there, steps) = deepfool.walk(&mut planes, &picture, &candidates);
                let further = there
                    .iter()
                    .zip(&picture)
                    .zip(&change)
                    .map(|((there, here), v)| v + there - here);
                change = self.projected(target.shape(), &further.collect::<Vec<f32>>());
                best.found.gradients += steps[0] * (candidates.len() as u64 - 1);
            }
            best.look(&change);
            if best.fooled as f64 >= enough {
                return;
            }
        }
    }

    /// Goes on from the best along the gradient of all pictures together, with steps that become shorter.
    fn climb(&self, target: &Target, best: &mut Best, enough: f64) {
        let shape = best.task.shape(target);
        let change = [&[1], &shape[1..]].concat();
        let mut walk = Iteration::compile(&[&shape, &shape[..1], &[]], &[&change], best.task.seed, |traced| {
            let [pictures, classes, step] = [0, 1, 2].map(|i| &traced.given[i]);
            let v = &traced.state[0];
            let margins = margin(&target.logits(&(pictures + v).clamp(0.0, 1.0)), classes, Aim::Away);
            let gradient = grad(&margins.minimum(&(margins.zeros_like() + 1.0)).mean(), &[v]).remove(0);
            let further = v + self.norm.steepest(&gradient) * step * self.epsilon;
            Stepped {
                state: vec![self.norm.project(&further, self.epsilon)],
                said: vec![],
            }
        });
        walk.given(0).copy_from_slice(&best.task.pictures);
        walk.given(1).copy_from_slice(&best.task.numbers());
        walk.state(0).copy_from_slice(&best.found.change);
        for k in 0..self.climbs {
            walk.given(2)[0] = LONGEST * (1.0 - k as f32 / self.climbs as f32);
            walk.step();
            best.found.gradients += best.task.count() as u64;
            if (k + 1).is_multiple_of(LOOK) || k + 1 == self.climbs {
                best.look(walk.state(0));
                if best.fooled as f64 >= enough {
                    return;
                }
            }
        }
    }

    fn projected(&self, [height, width, channels]: [usize; 3], change: &[f32]) -> Vec<f32> {
        let change = Tensor::from_f32(&[1, height, width, channels], change);
        self.norm.project(&change, self.epsilon).to_f32()
    }
}

/// The best change so far: a step may undo what one before has found.
struct Best<'a> {
    judge: Judge,
    task: &'a Task,
    /// How many pictures it fools.
    fooled: usize,
    found: Universal,
}

impl Best<'_> {
    /// Keeps a change that fools more.
    fn look(&mut self, change: &[f32]) {
        let changed: Vec<f32> = self
            .task
            .pictures
            .chunks_exact(change.len())
            .flat_map(|x| added(x, change))
            .collect();
        let said = self.judge.says(&changed);
        self.found.queries += self.task.count() as u64;
        let fooled = said
            .iter()
            .zip(&self.task.classes)
            .filter(|(said, class)| said.class != **class)
            .count();
        if fooled > self.fooled {
            self.fooled = fooled;
            self.found.change = change.to_vec();
        }
    }
}

impl Attack for Uap {
    fn run(&self, target: &Target, task: &Task) -> Made {
        let found = self.find(target, task);
        Made {
            pictures: found.on(&task.pictures),
            gradients: vec![found.gradients; task.count()],
            queries: vec![found.queries; task.count()],
        }
    }

    fn ball(&self) -> Option<(Norm, f64)> {
        Some((self.norm, self.epsilon))
    }

    fn is_universal(&self) -> bool {
        true
    }

    fn check(&self, _: &Target, task: &Task) -> Result<(), String> {
        check_norm(self.norm, &[Norm::Linf, Norm::L2])?;
        check_radius(self.epsilon)?;
        if task.aim == Aim::To {
            return Err(
                "expected to get away from classes, got one to get to; `patch` is universal and leads to one".into(),
            );
        }
        if self.candidates >= 2 {
            return Ok(());
        }
        Err(format!("expected two candidates or more, got {}", self.candidates))
    }
}

#[cfg(test)]
mod tests {
    use super::super::linear::{margin, target, task};
    use super::*;

    #[test]
    fn one_change_fools_all() {
        let uap = Uap {
            share: 1.0,
            epsilon: 0.05,
            ..Uap::default()
        };
        let found = uap.find(&target(), &task());
        assert!(found.change.iter().all(|v| v.abs() <= 0.05));
        let changed = found.on(&task().pictures);
        assert!(changed.chunks_exact(6).all(|picture| margin(picture) > 0.0));
        // The gradient of all finds it without DeepFool.
        let climbed = Uap { passes: 0, ..uap }.find(&target(), &task());
        assert!(climbed.change.iter().all(|v| v.abs() <= 0.05));
        assert!(
            climbed
                .on(&task().pictures)
                .chunks_exact(6)
                .all(|picture| margin(picture) > 0.0)
        );
        // So is a picture that it was not made from.
        let mut other = [0.5_f32; 6];
        other[1] += 0.005;
        assert!(margin(&other) < 0.0 && margin(&found.on(&other)) > 0.0);
    }
}
