//! DeepFool: the nearest picture of another class, as if the borders between classes were planes.
//!
//! Moosavi-Dezfooli, Fawzi and Frossard 2016, "DeepFool: a Simple and Accurate Method to Fool Deep Neural Networks",
//! arXiv:1511.04599, algorithm 2 and equation 11.
//!
//! ```text
//! f_k = z_k(x_t) - z_y(x_t),  w_k = gradient of f_k at x_t
//! l   = argmin_k |f_k| / |w_k|_q                      the nearest plane, q the dual norm
//! r  += |f_l| / |w_l|_2^2 w_l  (L2)   or   |f_l| / |w_l|_1 sign(w_l)  (Linf)
//! x_(t+1) = clip(x + (1 + overshoot) r)               until the class is another
//! ```
//!
//! Only the classes that are most likely at first are looked at, ten as in the paper's code. All planes and the step to the nearest
//! are one program: one forward pass, a backward pass for each class.
use super::iteration::{Iteration, Stepped};
use super::{Aim, Attack, Describe, Made, Norm, Target, Task, check_norm};
use crate::section::Section;
use crate::studies::Study;
use gany_engine::{Tensor, grad, select};
use serde::{Deserialize, Serialize};

/// Its settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Deepfool {
    /// In which norm the nearest plane is looked for: `l2` or `linf`.
    pub norm: Norm,
    /// Most steps.
    pub steps: usize,
    /// How many classes are looked at, the picture's own among them.
    pub candidates: usize,
    /// How much farther than to the plane it goes, over the way.
    pub overshoot: f64,
}

impl Default for Deepfool {
    fn default() -> Self {
        Deepfool {
            norm: Norm::L2,
            steps: 50,
            candidates: 10,
            overshoot: 0.02,
        }
    }
}

impl Describe for Deepfool {
    const PAGE: Study = Study {
        id: "deepfool",
        section: Section::Attacks,
        title: "DeepFool",
        source: "Moosavi-Dezfooli, Fawzi and Frossard 2016, DeepFool: a Simple and Accurate Method to Fool Deep Neural Networks, arXiv:1511.04599",
        idea: "Takes the borders between classes for planes, goes to the nearest, and looks again: how far is a picture from being another?",
        equations: &[
            "l = argmin_k |f_k| / |w_k|,  f_k = z_k - z_y,  w_k = grad f_k",
            "r += |f_l| / |w_l|^2 w_l,  x' = clip(x + (1 + overshoot) r)",
        ],
        command: "gany attack deepfool PICTURE --target effnet-lite0 -o fooled.png",
        lesson: None,
    };
}

/// Added to distances, so that a step from the plane itself leads beyond it.
const BEYOND: f64 = 1e-4;
/// Keeps a division by a gradient of 0 from being one.
const TINY: f64 = 1e-8;

impl Attack for Deepfool {
    fn run(&self, target: &Target, task: &Task) -> Made {
        let logits = target.judge(task.count()).logits(&task.pictures);
        let mut planes = self.compile(target, task.count());
        let (pictures, steps) = self.walk(&mut planes, &task.pictures, &self.candidates(&logits, &task.classes));
        Made {
            pictures,
            gradients: steps.iter().map(|steps| steps * (self.looked_at(target) as u64 - 1)).collect(),
            queries: vec![1; task.count()],
        }
    }

    fn check(&self, _: &Target, task: &Task) -> Result<(), String> {
        if task.aim == Aim::To {
            return Err("expected to get away from a class, got one to get to, which `cw` finds the nearest picture of".into());
        }
        if self.candidates < 2 {
            return Err(format!("expected two candidates or more, got {}", self.candidates));
        }
        check_norm(self.norm, &[Norm::L2, Norm::Linf])
    }
}

impl Deepfool {
    fn looked_at(&self, target: &Target) -> usize {
        self.candidates.min(target.classes().len())
    }

    /// Class numbers `[n, candidates]`: each picture's own, then the most likely others.
    pub(super) fn candidates(&self, logits: &[f32], classes: &[usize]) -> Vec<f32> {
        let of_one = |(logits, own): (&[f32], &usize)| {
            let mut others: Vec<usize> = (0..logits.len()).filter(|other| other != own).collect();
            others.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]));
            let all: Vec<f32> = std::iter::once(own).chain(&others).map(|class| *class as f32).collect();
            all[..self.candidates.min(logits.len())].to_vec()
        };
        let of_each = logits.chunks_exact(logits.len() / classes.len());
        of_each.zip(classes).flat_map(of_one).collect()
    }

    /// A step from pictures to their nearest planes.
    pub(super) fn compile(&self, target: &Target, count: usize) -> Iteration {
        let [height, width, channels] = target.shape();
        let shape = [count, height, width, channels];
        let (looked_at, classes) = (self.looked_at(target), target.classes().len());
        Iteration::compile(&[&shape, &[count, looked_at]], &[&shape, &shape], 0, |traced| {
            let [x, candidates] = [0, 1].map(|i| &traced.given[i]);
            let [here, way] = [0, 1].map(|i| &traced.state[i]);
            let logits = target.logits(here);
            let candidate = |k: usize| candidates.slice(1, k, k + 1).reshape(&[count]);
            let logit = |k: usize| (&logits * candidate(k).one_hot(classes)).sum_axes(&[1]);
            let own = logit(0);
            let mut nearest: Option<[Tensor; 2]> = None;
            for k in 1..looked_at {
                let above = logit(k) - &own;
                let normal = grad(&above.sum(), &[here]).remove(0);
                let above = above.abs().reshape(&[count, 1, 1, 1]);
                let (distance, direction) = match self.norm {
                    Norm::Linf => (&above / (normal.abs().sum_axes_kept(&[1, 2, 3]) + TINY), normal.sign()),
                    _ => {
                        let length = normal.square().sum_axes_kept(&[1, 2, 3]).sqrt() + TINY;
                        (&above / &length, normal / length)
                    }
                };
                nearest = Some(match nearest {
                    None => [distance, direction],
                    Some([least, towards]) => {
                        let is_nearer = distance.lt(&least);
                        [distance.minimum(&least), select(&is_nearer, &direction, &towards)]
                    }
                });
            }
            let [distance, direction] = nearest.expect("two candidates or more");
            let is_there = 1.0 - logits.argmax(1).equals(&candidate(0));
            let stays = is_there.reshape(&[count, 1, 1, 1]);
            let way = way + direction * (distance + BEYOND);
            let there = (x + &way * (1.0 + self.overshoot)).clamp(0.0, 1.0);
            Stepped {
                state: vec![select(&stays, here, &there), way],
                said: vec![is_there],
            }
        })
    }

    /// Goes from plane to plane until every picture is of another class; the pictures, and how many steps each took.
    pub(super) fn walk(&self, planes: &mut Iteration, pictures: &[f32], candidates: &[f32]) -> (Vec<f32>, Vec<u64>) {
        planes.given(0).copy_from_slice(pictures);
        planes.given(1).copy_from_slice(candidates);
        planes.state(0).copy_from_slice(pictures);
        planes.state(1).fill(0.0);
        let mut steps = vec![];
        for _ in 0..self.steps {
            planes.step();
            let are_there = planes.said(0);
            steps.resize(are_there.len(), 0);
            let on_the_way = are_there.iter().zip(&mut steps).filter(|(is_there, _)| **is_there == 0.0);
            on_the_way.for_each(|(_, steps)| *steps += 1);
            if are_there.iter().all(|is_there| *is_there == 1.0) {
                break;
            }
        }
        (planes.state(0).to_vec(), steps)
    }
}

#[cfg(test)]
mod tests {
    use super::super::linear::{NORMAL, margin, target, task};
    use super::*;

    #[test]
    fn the_way_to_a_plane_is_the_distance_to_it() {
        let lengths = [(Norm::L2, NORMAL.map(|w| w * w).iter().sum::<f64>().sqrt()), (Norm::Linf, 4.625)];
        for (norm, dual) in lengths {
            let made = Deepfool { norm, ..Deepfool::default() }.run(&target(), &task());
            for (was, is) in task().pictures.chunks_exact(6).zip(made.pictures.chunks_exact(6)) {
                let way: Vec<f32> = is.iter().zip(was).map(|(is, was)| is - was).collect();
                let expected = 1.02 * (-margin(was) / dual + BEYOND);
                assert!((norm.of(&way, 1) - expected).abs() < 1e-5, "{norm}: {way:?}");
                assert!(margin(is) > 0.0);
            }
            assert_eq!(made.gradients, [1, 1]);
        }
    }

    #[test]
    fn the_nearest_of_several_classes_is_chosen() {
        // The second class is nearer by its logit, the third by the length of its gradient.
        let logits = |x: &Tensor| {
            let w = Tensor::from_f32(&[2, 3], &[0.0, 0.1, 0.0, 0.0, 0.0, 4.0]);
            x.flatten_from(1).matmul(&w) + Tensor::from_f32(&[1, 3], &[1.0, 0.5, -1.4])
        };
        let target = Target::new("three", [1, 2, 1], vec![String::new(); 3], logits);
        let task = Task { pictures: vec![0.5, 0.5], classes: vec![0], aim: Aim::Away, seed: 0 };
        let made = Deepfool::default().run(&target, &task);
        // 1.0 - 0.6 below by a gradient of 4: 0.1; the other is 0.45 below by a gradient of 0.1.
        assert_eq!(made.pictures[0], 0.5);
        assert!((made.pictures[1] - 0.5 - 1.02 * (0.1 + BEYOND) as f32).abs() < 1e-6, "{:?}", made.pictures);
    }
}
