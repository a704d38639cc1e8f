//! Walks along the gradient inside a ball: what `fgsm`, `bim`, `pgd` and `mim` have in common.
//!
//! ```text
//! g_t     = gradient of L(x_t, y) with respect to x_t
//! m_t     = decay m_(t-1) + g_t / |g_t|_1              (g_t itself where decay is 0)
//! x_(t+1) = clip(x + P(x_t + step steepest(m_t) - x))  P: the nearest point of the ball
//! ```
use super::iteration::{Iteration, Stepped};
use super::loss::cross_entropy;
use super::{Aim, Made, Norm, Target, Task, check_norm, check_radius};
use crate::augment::DiffAugment;
use gany_engine::{DType, Key, Tensor, grad};

/// Streams of random numbers.
const START: u64 = 0;
const VIEWS: u64 = 16;

/// A walk.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Descent {
    /// The ball's norm.
    pub norm: Norm,
    /// The ball's radius, in numbers of [0, 1].
    pub epsilon: f64,
    /// Length of a step in the ball's norm.
    pub step: f64,
    /// How many steps.
    pub steps: usize,
    /// Whether it begins at a random point of the ball.
    pub random_start: bool,
    /// What is kept of earlier gradients.
    pub decay: f64,
    /// Over how many random changes of the pictures (colour, place) the gradient is averaged; 0 for the pictures as they are.
    pub views: usize,
}

/// Norms whose balls have a nearest point to every point.
const CONVEX: [Norm; 3] = [Norm::L1, Norm::L2, Norm::Linf];

impl Descent {
    /// One step to the border of a ball.
    pub fn to_the_border(norm: Norm, epsilon: f64) -> Descent {
        Descent {
            norm,
            epsilon,
            step: epsilon,
            steps: 1,
            random_start: false,
            decay: 0.0,
            views: 0,
        }
    }

    /// Whether it can be gone.
    pub(crate) fn check(&self) -> Result<(), String> {
        check_norm(self.norm, &CONVEX)?;
        check_radius(self.epsilon)?;
        if self.step > 0.0 {
            return Ok(());
        }
        Err(format!("expected a step above 0, got {}", self.step))
    }

    /// Goes it for the pictures of a task.
    pub(super) fn run(&self, target: &Target, task: &Task) -> Made {
        let shape = task.shape(target);
        let mut walk = self.compile(target, &shape, task.aim, task.seed);
        walk.given(0).copy_from_slice(&task.pictures);
        walk.given(1).copy_from_slice(&task.numbers());
        walk.state(0).copy_from_slice(&self.begin(task, &shape));
        (0..self.steps).for_each(|_| walk.step());
        Made {
            pictures: walk.state(0).to_vec(),
            gradients: vec![(self.steps * self.views.max(1)) as u64; task.count()],
            queries: vec![0; task.count()],
        }
    }

    /// Where the walk begins.
    fn begin(&self, task: &Task, shape: &[usize]) -> Vec<f32> {
        if !self.random_start {
            return task.pictures.clone();
        }
        let key = Key::new(DType::F32, task.seed, START);
        let x = Tensor::from_f32(shape, &task.pictures);
        (x + self.norm.within(self.epsilon, &key, shape))
            .clamp(0.0, 1.0)
            .to_f32()
    }

    /// Where a step from `here` along a direction leads in the ball around x.
    fn moved(&self, x: &Tensor, here: &Tensor, direction: &Tensor) -> Tensor {
        let moved = here + self.norm.steepest(direction) * self.step - x;
        (x + self.norm.project(&moved, self.epsilon)).clamp(0.0, 1.0)
    }

    /// Where it leads as part of a graph, for trainings that take it at every update: from `begin` up a loss, a number for all
    /// pictures, in the ball around x. It has no memory and no views, and no gradient goes back through it.
    pub(crate) fn walked(&self, x: &Tensor, begin: &Tensor, loss: impl Fn(&Tensor) -> Tensor) -> Tensor {
        let step = |here: Tensor, _| {
            let direction = grad(&loss(&here), &[&here]).remove(0);
            self.moved(x, &here, &direction).detach()
        };
        (0..self.steps).fold(begin.detach(), step)
    }

    /// A step: given pictures and classes, it changes where the walk is and what it remembers of gradients.
    fn compile(&self, target: &Target, shape: &[usize], aim: Aim, seed: u64) -> Iteration {
        let remembers = self.decay > 0.0;
        let state: &[&[usize]] = if remembers { &[shape, shape] } else { &[shape] };
        Iteration::compile(&[shape, &shape[..1]], state, seed, |traced| {
            let [x, classes] = [0, 1].map(|i| &traced.given[i]);
            let here = &traced.state[0];
            let loss = |x: &Tensor| cross_entropy(&target.logits(x), classes, aim).sum();
            let loss = match self.views {
                0 => loss(here),
                views => (0..views as u64)
                    .map(|view| loss(&changed(here, &traced.key, view)))
                    .reduce(|a, b| a + b)
                    .expect("one view or more"),
            };
            let mut direction = grad(&loss, &[here]).remove(0);
            if remembers {
                let size = direction.abs().sum_axes_kept(&[1, 2, 3]) + f64::from(f32::MIN_POSITIVE);
                direction = &traced.state[1] * self.decay + direction / size;
            }
            let mut state = vec![self.moved(x, here, &direction)];
            state.extend(remembers.then_some(direction));
            Stepped { state, said: vec![] }
        })
    }
}

/// Pictures in other colours and at other places, as they might be seen again.
fn changed(x: &Tensor, key: &Key, view: u64) -> Tensor {
    let stream = std::cell::Cell::new(VIEWS * (view + 1));
    let uniform = |shape: &[usize]| {
        stream.set(stream.get() + 1);
        key.uniform(stream.get(), shape)
    };
    let seen = DiffAugment {
        cutout: false,
        ..DiffAugment::ALL
    };
    // What is augmented lies in [-1, 1].
    (seen.apply(&(x * 2.0 - 1.0), &uniform) + 1.0) * 0.5
}
