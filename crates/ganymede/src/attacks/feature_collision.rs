//! Poison frogs: a picture that looks like one class and lies where another picture does, for whoever learns from its features.
//!
//! Shafahi, Huang, Najibi, Suciu, Studer, Dumitras and Goldstein 2018, "Poison Frogs! Targeted Clean-Label Poisoning Attacks on
//! Neural Networks", arXiv:1804.00792, equation 1 and algorithm 1.
//!
//! ```text
//! p = argmin_p |f(p) - f(t)|^2 + beta |p - b|^2      f: features;  t: the victim;  b: the picture that p looks like
//! ```
//!
//! p keeps the label of b, which is right for a person. A last layer that is trained on it draws its border so that p is on b's
//! side, and the victim, which lies beside it, with it. The last picture of a task is the victim and stays as it is; those before
//! it are poisoned. Adam minimises both terms together in place of the paper's forward and backward steps.
use super::iteration::{Iteration, Stepped};
use super::{Attack, Describe, Made, Target, Task};
use crate::optimisers::{Adam, Optimiser};
use crate::section::Section;
use crate::studies::Study;
use gany_engine::{Tensor, grad};
use serde::{Deserialize, Serialize};

/// Its settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeatureCollision {
    /// The weight of looking like the picture that it was, beta.
    pub beta: f64,
    /// How many steps.
    pub steps: usize,
    /// Adam's learning rate, in numbers of [0, 1].
    pub learning_rate: f64,
}

impl Default for FeatureCollision {
    fn default() -> Self {
        FeatureCollision {
            beta: 0.25,
            steps: 300,
            learning_rate: 0.02,
        }
    }
}

impl Describe for FeatureCollision {
    const PAGE: Study = Study {
        id: "feature_collision",
        section: Section::Attacks,
        title: "Poison frogs (clean-label feature collision)",
        source: "Shafahi et al. 2018, Poison Frogs! Targeted Clean-Label Poisoning Attacks on Neural Networks, arXiv:1804.00792",
        idea: "Moves a rightly labelled picture to where a victim lies among the features, so that learning from it misplaces the victim.",
        equations: &[
            "p = argmin_p |f(p) - f(t)|^2 + beta |p - b|^2,  f: features, t: the victim, b: what p looks like",
        ],
        command: "gany attack feature_collision FROG FROG VICTIM --target mnist -o poison.png",
        lesson: None,
    };
}

impl Attack for FeatureCollision {
    fn run(&self, target: &Target, task: &Task) -> Made {
        let [count, height, width, channels] = task.shape(target);
        let adam = Adam::default();
        let (victim, shape) = ([1, height, width, channels], [count, height, width, channels]);
        let state: [&[usize]; 4] = [&shape, &[], &shape, &shape];
        let mut search = Iteration::compile(&[&shape, &victim], &state, task.seed, |traced| {
            let [bases, victim] = [0, 1].map(|i| &traced.given[i]);
            let poison = &traced.state[0];
            let squares = |x: Tensor| x.square().sum();
            let apart = squares(target.features(poison) - target.features(victim));
            let loss = apart + squares(poison - bases) * self.beta;
            let gradient = grad(&loss, &[poison]).remove(0);
            let updates = &traced.state[1] + 1.0;
            let mut slots = traced.state[2..].to_vec();
            let rate = updates.zeros_like() + self.learning_rate;
            let next = adam
                .update(poison, &gradient, &mut slots, &updates, &rate)
                .clamp(0.0, 1.0);
            Stepped {
                state: [vec![next, updates], slots].concat(),
                said: vec![],
            }
        });
        let last = task.pictures.len() - target.floats();
        search.given(0).copy_from_slice(&task.pictures);
        search.given(1).copy_from_slice(&task.pictures[last..]);
        search.state(0).copy_from_slice(&task.pictures);
        (0..self.steps).for_each(|_| search.step());
        let mut pictures = search.state(0).to_vec();
        pictures[last..].copy_from_slice(&task.pictures[last..]);
        let gradients = |index: usize| if index + 1 < count { self.steps as u64 } else { 0 };
        Made {
            pictures,
            gradients: (0..count).map(gradients).collect(),
            queries: vec![0; count],
        }
    }

    /// The last picture is what the others are brought near to.
    fn is_universal(&self) -> bool {
        true
    }

    fn check(&self, _: &Target, task: &Task) -> Result<(), String> {
        if task.count() < 2 {
            return Err("expected a picture to be poisoned and then the victim, got one picture".into());
        }
        if self.beta >= 0.0 {
            return Ok(());
        }
        Err(format!("expected a beta of 0 or more, got {}", self.beta))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Aim;
    use super::*;

    /// Features that double the first number and do not see the second: the minimum is (4 t + beta b) / (4 + beta) there, and b.
    #[test]
    fn a_linear_collision_ends_at_its_minimum() {
        let target = Target::new("one", [1, 2, 1], ["a", "b"].map(str::to_owned).to_vec(), |x| {
            x.reshape(&[x.extent(0), 2]) * Tensor::from_f32(&[1, 2], &[2.0, 0.0])
        });
        let task = Task {
            pictures: vec![0.2, 0.3, 0.8, 0.9],
            classes: vec![0, 0],
            aim: Aim::Away,
            seed: 0,
        };
        let collision = FeatureCollision {
            beta: 1.0,
            steps: 600,
            ..FeatureCollision::default()
        };
        assert_eq!(collision.check(&target, &task), Ok(()));
        let made = collision.run(&target, &task);
        assert!(
            (made.pictures[0] - (4.0 * 0.8 + 0.2) / 5.0).abs() < 1e-3,
            "{:?}",
            made.pictures
        );
        assert_eq!(made.pictures[1..], [0.3, 0.8, 0.9]);
        assert_eq!(made.gradients, [600, 0]);
        let alone = Task {
            pictures: vec![0.2, 0.3],
            classes: vec![0],
            ..task
        };
        let error = collision.check(&target, &alone).unwrap_err();
        assert_eq!(
            error,
            "expected a picture to be poisoned and then the victim, got one picture"
        );
    }
}
