//! The attack of Carlini and Wagner: the smallest change that an optimiser finds, with the weight of success found by bisection.
//!
//! Carlini and Wagner 2017, "Towards Evaluating the Robustness of Neural Networks", arXiv:1608.04644, section 5 (loss f_6) and 6.
//!
//! ```text
//! x'(w) = (tanh(w) + 1) / 2
//! min_w |x'(w) - x|_2^2 + c max(0, confidence - m(x'(w)))
//! m: how far the best other logit is above the class's, the reverse towards a class
//! ```
//!
//! Adam minimises over w, so that no number leaves [0, 1]. Weights c that led to success are the upper end of a bisection, others
//! the lower; without an upper end, c grows tenfold. Of everything that fooled the target on the way, the nearest is kept.
//! A search is not ended early, so that what is found of a picture does not depend on the others.
use super::iteration::{Iteration, Stepped};
use super::loss::margin;
use super::{Aim, Attack, Describe, Made, Target, Task};
use crate::optimisers::{Adam, Optimiser};
use crate::section::Section;
use crate::studies::Study;
use gany_engine::{grad, select};
use serde::{Deserialize, Serialize};

/// Its settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cw {
    /// The first weight of success.
    pub weight: f64,
    /// How many weights are tried.
    pub searches: usize,
    /// Most steps of Adam for each.
    pub steps: usize,
    /// Adam's learning rate, in units of w.
    pub learning_rate: f64,
    /// How far above the other logits the wanted one has to be.
    pub confidence: f64,
}

impl Default for Cw {
    /// The paper's, with 1,000 steps instead of 10,000 for each weight.
    fn default() -> Self {
        Cw {
            weight: 1e-3,
            searches: 9,
            steps: 1_000,
            learning_rate: 0.01,
            confidence: 0.0,
        }
    }
}

impl Describe for Cw {
    const PAGE: Study = Study {
        id: "cw",
        section: Section::Attacks,
        title: "Carlini and Wagner's attack (L2)",
        source: "Carlini and Wagner 2017, Towards Evaluating the Robustness of Neural Networks, arXiv:1608.04644",
        idea: "Minimises the change itself, plus a price for not being fooled that is just high enough.",
        equations: &[
            "min_w |x'(w) - x|^2 + c f(x'(w)),  x'(w) = (tanh(w) + 1) / 2",
            "f away from y: max(0, z_y - max_(k != y) z_k + confidence);  to y: max(0, max_(k != y) z_k - z_y + confidence)",
        ],
        command: "gany attack cw PICTURE --target effnet-lite0 --set steps=100 -o fooled.png",
        lesson: None,
    };
}

/// Pictures are drawn together by this factor before w is found, so that black and white have one.
const INSIDE: f64 = 0.999_999;

/// What is given to a step, and the state that it changes, in this order.
const PICTURES: usize = 0;
const BEGIN: usize = 1;
const CLASSES: usize = 2;
const WEIGHTS: usize = 3;
const MOVED: usize = 0;
const BEST: usize = 1;
const BEST_SIZE: usize = 2;
const FOUND: usize = 3;
/// The number of updates; what Adam remembers lies behind it.
const UPDATES: usize = 4;

impl Attack for Cw {
    fn run(&self, target: &Target, task: &Task) -> Made {
        let count = task.count();
        let mut search = self.compile(target, &task.shape(target), task.aim);
        let arctanh = |x: &f32| (f64::from(*x).mul_add(2.0, -1.0) * INSIDE).atanh() as f32;
        let begin: Vec<f32> = task.pictures.iter().map(arctanh).collect();
        search.given(PICTURES).copy_from_slice(&task.pictures);
        search.given(BEGIN).copy_from_slice(&begin);
        search.given(CLASSES).copy_from_slice(&task.numbers());
        search.state(BEST).copy_from_slice(&task.pictures);
        search.state(BEST_SIZE).fill(f32::MAX);
        let mut bounds = vec![Bounds { low: 0.0, high: f64::INFINITY, weight: self.weight }; count];
        for _ in 0..self.searches {
            let weights = search.given(WEIGHTS).iter_mut().zip(&bounds);
            weights.for_each(|(weight, bounds)| *weight = bounds.weight as f32);
            self.search(&mut search);
            let found = search.state(FOUND).to_vec();
            bounds.iter_mut().zip(found).for_each(|(bounds, found)| bounds.narrow(found == 1.0));
        }
        Made {
            pictures: search.state(BEST).to_vec(),
            gradients: vec![(self.searches * self.steps) as u64; count],
            queries: vec![0; count],
        }
    }

    fn check(&self, _: &Target, _: &Task) -> Result<(), String> {
        if self.weight > 0.0 && self.learning_rate > 0.0 {
            return Ok(());
        }
        Err(format!(
            "expected a weight and a learning rate above 0, got {} and {}",
            self.weight, self.learning_rate
        ))
    }
}

/// Between which weights the least lies that succeeds.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Bounds {
    low: f64,
    high: f64,
    weight: f64,
}

impl Bounds {
    /// After the weight was tried.
    fn narrow(&mut self, has_succeeded: bool) {
        *if has_succeeded { &mut self.high } else { &mut self.low } = self.weight;
        self.weight = if self.high.is_infinite() {
            self.weight * 10.0
        } else {
            (self.low + self.high) / 2.0
        };
    }
}

impl Cw {
    /// Minimises with the weights as they are.
    fn search(&self, search: &mut Iteration) {
        for state in [MOVED, FOUND, UPDATES, UPDATES + 1, UPDATES + 2] {
            search.state(state).fill(0.0);
        }
        (0..self.steps).for_each(|_| search.step());
    }

    /// A step of Adam, which keeps the nearest picture that fools the target.
    fn compile(&self, target: &Target, shape: &[usize; 4], aim: Aim) -> Iteration {
        let (adam, count) = (Adam::default(), &shape[..1]);
        let given: [&[usize]; 4] = [shape, shape, count, count];
        let state: [&[usize]; 7] = [shape, shape, count, count, &[], shape, shape];
        Iteration::compile(&given, &state, 0, |traced| {
            let (given, state) = (traced.given, traced.state);
            let moved = &state[MOVED];
            let picture = ((&given[BEGIN] + moved).tanh() + 1.0) * 0.5;
            let own = (given[BEGIN].tanh() + 1.0) * 0.5;
            let above = margin(&target.logits(&picture), &given[CLASSES], aim);
            let size = (&picture - own).square().sum_axes(&[1, 2, 3]);
            let losses = &size + (self.confidence - &above).relu() * &given[WEIGHTS];
            let gradient = grad(&losses.sum(), &[moved]).remove(0);
            let updates = &state[UPDATES] + 1.0;
            let mut slots = state[UPDATES + 1..].to_vec();
            let rate = updates.zeros_like() + self.learning_rate;
            let next = adam.update(moved, &gradient, &mut slots, &updates, &rate);
            // A margin of 0 is a tie, which the target may decide either way.
            let is_found = above.gt(&(above.zeros_like() + self.confidence));
            let change = (&picture - &given[PICTURES]).square().sum_axes(&[1, 2, 3]);
            let is_best = &is_found * change.lt(&state[BEST_SIZE]);
            let best = select(&is_best.reshape(&[count[0], 1, 1, 1]), &picture, &state[BEST]);
            let best_size = select(&is_best, &change, &state[BEST_SIZE]);
            let found = state[FOUND].maximum(&is_found);
            let state = vec![next, best, best_size, found, updates];
            Stepped { state: [state, slots].concat(), said: vec![] }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::linear::{NORMAL, margin, target, task};
    use super::*;
    use crate::attacks::Norm;

    #[test]
    fn the_smallest_change_is_the_distance_to_the_plane() {
        let length = NORMAL.map(|w| w * w).iter().sum::<f64>().sqrt();
        let made = Cw { steps: 300, weight: 0.1, ..Cw::default() }.run(&target(), &task());
        for (was, is) in task().pictures.chunks_exact(6).zip(made.pictures.chunks_exact(6)) {
            let way: Vec<f32> = is.iter().zip(was).map(|(is, was)| is - was).collect();
            let (size, distance) = (Norm::L2.of(&way, 1), -margin(was) / length);
            assert!(margin(is) > 0.0);
            assert!(size >= distance * 0.9999 && size < distance * 1.02, "{size}, {distance} away");
        }
    }

    #[test]
    fn confidence_goes_beyond_the_plane_by_that_much() {
        let made = Cw { steps: 300, weight: 0.1, confidence: 0.2, ..Cw::default() }.run(&target(), &task());
        let beyond = margin(&made.pictures[..6]);
        assert!((0.2..0.21).contains(&beyond), "{beyond}");
    }

    #[test]
    fn weights_grow_tenfold_and_then_are_bisected() {
        let mut bounds = Bounds { low: 0.0, high: f64::INFINITY, weight: 0.25 };
        let weights = [false, true, true, false].map(|has_succeeded| {
            bounds.narrow(has_succeeded);
            bounds.weight
        });
        assert_eq!(weights, [2.5, 1.375, 0.8125, 1.09375]);
    }
}
