//! AdvGAN: a generator learns to make the change that fools a classifier, and then needs a glance where others need a search.
//!
//! Xiao, Li, Zhu, He, Liu and Song 2018, "Generating Adversarial Examples with Adversarial Networks", arXiv:1801.02610, equations 1
//! to 4.
//!
//! ```text
//! L_D = 1/2 E[(D(x) - 1)^2] + 1/2 E[D(x + G(x))^2]
//! L_G = L_adv + alpha 1/2 E[(D(x + G(x)) - 1)^2] + beta E[max(0, |G(x)|_2 - c)]
//! L_adv = E[max(0, kappa - m)],  m: how far another class is above x's own (towards one: how far that is above the others)
//! ```
//!
//! The discriminator keeps what is changed like pictures that are not, the hinge keeps the change small; the loss of least squares
//! and Carlini and Wagner's margin are the paper's choices in its section 3. G is its residual encoder and decoder, with fewer
//! blocks; a tanh keeps what it makes in a ball of Linf, and the sum is clipped to a picture. Both move at once. It learns from a
//! labelled set where `data` names one, else from the pictures of the task.
use super::iteration::{Iteration, Stepped, Traced};
use super::loss::margin;
use super::{Aim, Attack, Describe, Made, Norm, Target, Task, check_radius};
use crate::data::{self, Dataset, Want, order};
use crate::nn::{Activation, Layer, Parameter, Scope, Sequential, conv, instance_norm, residual};
use crate::objectives::least_squares;
use crate::optimisers::{Adam, Optimiser};
use crate::section::Section;
use crate::studies::Study;
use gany_engine::{Buffer, DType, Program, Tensor, grad};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Its settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Advgan {
    /// The radius of the ball of Linf, in numbers of [0, 1].
    pub epsilon: f64,
    /// The labelled set to learn from; empty: the pictures of the task.
    pub data: String,
    /// How many updates.
    pub steps: usize,
    /// Examples in an update.
    pub examples: usize,
    /// Channels of the generator next to the picture.
    pub width: usize,
    /// Adam's learning rate, of both players.
    pub learning_rate: f64,
    /// The weight of looking real, alpha.
    pub realism: f64,
    /// The weight of being small, beta.
    pub smallness: f64,
    /// The length that is not yet too large, c.
    pub length: f64,
    /// The margin that is enough, kappa.
    pub confidence: f64,
}

impl Default for Advgan {
    fn default() -> Self {
        Advgan {
            epsilon: 0.3,
            data: String::new(),
            steps: 1000,
            examples: 64,
            width: 8,
            learning_rate: 1e-3,
            realism: 1.0,
            smallness: 0.1,
            length: 1.5,
            confidence: 1.0,
        }
    }
}

impl Describe for Advgan {
    const PAGE: Study = Study {
        id: "advgan",
        section: Section::Attacks,
        title: "AdvGAN",
        source: "Xiao et al. 2018, Generating Adversarial Examples with Adversarial Networks, arXiv:1801.02610",
        idea: "Trains a generator of changes against a classifier, and a discriminator that wants them to look like nothing.",
        equations: &[
            "L_D = 1/2 E[(D(x) - 1)^2] + 1/2 E[D(x + G(x))^2]",
            "L_G = E[max(0, kappa - m(x + G(x)))] + alpha 1/2 E[(D(x + G(x)) - 1)^2] + beta E[max(0, |G(x)|_2 - c)]",
        ],
        command: "gany attack advgan PICTURE --target mnist --set data=mnist:train -o fooled.png",
        lesson: None,
    };
}

/// The two players.
struct Networks {
    scope: Scope,
    down: Vec<Sequential>,
    middle: Sequential,
    up: Vec<Sequential>,
    discriminator: Sequential,
}

/// Blocks in the middle of the generator.
const BLOCKS: usize = 2;

impl Networks {
    fn new(channels: usize, width: usize, seed: u64) -> Networks {
        let scope = Scope::new(DType::F32, seed);
        let generator = scope.at("generator");
        let layer = |name: &str, level: usize, from, to, stride| {
            Sequential::new(&generator.at(name).at(level))
                .push(conv(from, to, [3, 3]).stride(stride).padding(1).bias(false))
                .push(instance_norm(to))
                .push(Activation::Relu)
        };
        let block = |blocks: Sequential, _| blocks.push(residual(4 * width, 4 * width));
        let last = Sequential::new(&generator.at("up").at(0)).push(conv(width, channels, [3, 3]).padding(1));
        let judge = |from, to| conv(from, to, [4, 4]).stride(2).padding(2);
        Networks {
            down: vec![
                layer("down", 0, channels, width, 1),
                layer("down", 1, width, 2 * width, 2),
                layer("down", 2, 2 * width, 4 * width, 2),
            ],
            middle: (0..BLOCKS).fold(Sequential::new(&generator.at("middle")), block),
            up: vec![
                last,
                layer("up", 1, 2 * width, width, 1),
                layer("up", 2, 4 * width, 2 * width, 1),
            ],
            discriminator: Sequential::new(&scope.at("discriminator"))
                .push(judge(channels, width))
                .push(Activation::LeakyRelu(0.2))
                .push(judge(width, 2 * width))
                .push(Activation::LeakyRelu(0.2))
                .push(conv(2 * width, 1, [1, 1])),
            scope,
        }
    }

    /// Numbers of any size `[n, h, w, c]` for pictures in [0, 1].
    fn change(&self, x: &Tensor) -> Tensor {
        let mut sides = vec![];
        let down = |h: Tensor, layer: &Sequential| {
            sides.push([h.extent(1), h.extent(2)]);
            layer.forward(&h)
        };
        let deepest = self.down.iter().fold(x * 2.0 - 1.0, down);
        // A level up is twice as large, less what an odd extent has too much.
        let up = |h: Tensor, (level, layer): (usize, &Sequential)| {
            let [height, width] = sides[level];
            let h = if level == 0 { h } else { h.upsample_nearest(2) };
            layer.forward(&h.slice(1, 0, height).slice(2, 0, width))
        };
        self.up.iter().enumerate().rev().fold(self.middle.forward(&deepest), up)
    }

    /// How real patches of pictures in [0, 1] look.
    fn realism(&self, x: &Tensor) -> Tensor {
        self.discriminator.forward(&(x * 2.0 - 1.0))
    }

    /// The parameters of a player.
    fn of(&self, player: &str) -> Vec<Parameter> {
        let all = self.scope.parameters().into_iter();
        all.filter(|parameter| parameter.name().starts_with(player)).collect()
    }
}

/// A generator that has learnt to fool a target.
pub struct Forger {
    program: Program,
    x: [Buffer; 1],
    floats: usize,
}

/// Pictures that are changed together.
const TOGETHER: usize = 16;

impl Forger {
    /// Pictures `[n, height, width, channels]` in [0, 1], changed.
    ///
    /// # Panics
    /// Where the numbers are not whole pictures.
    pub fn forged(&mut self, pictures: &[f32]) -> Vec<f32> {
        assert!(pictures.len().is_multiple_of(self.floats), "forged: not whole pictures");
        let mut forged = vec![];
        for part in pictures.chunks(TOGETHER * self.floats) {
            self.x[0].as_f32_mut()[..part.len()].copy_from_slice(part);
            self.program.run(&mut self.x);
            forged.extend_from_slice(&self.program.output(0)[..part.len()]);
        }
        forged
    }
}

impl Advgan {
    /// Trains a generator for a task: on its pictures, or on the set that the settings name.
    ///
    /// # Panics
    /// Where that set cannot be read, which [`check`](Attack::check) finds out before.
    pub fn train(&self, target: &Target, task: &Task) -> Forger {
        let [height, width, channels] = target.shape();
        let networks = Networks::new(channels, self.width, task.seed);
        let players = ["generator", "discriminator"].map(|player| networks.of(player));
        let parameters: Vec<Parameter> = players.concat();
        let source = self
            .data(target)
            .map(|data| data.expect("checked: the set can be read"));
        let batch = match &source {
            Some(_) => self.examples,
            None => self.examples.min(task.count()),
        };
        let shape = [batch, height, width, channels];
        let start: Vec<Vec<f32>> = parameters.iter().map(|parameter| parameter.get().to_f32()).collect();
        // Values, and what Adam remembers of each; the number of updates.
        let extents: Vec<&[usize]> = parameters.iter().map(Parameter::shape).collect();
        let state = [&extents[..], &extents[..], &extents[..], &[&[]]].concat();
        let mut update = Iteration::compile(&[&shape, &shape[..1]], &state, task.seed, |traced| {
            self.update(target, &networks, &players, task.aim, traced)
        });
        start
            .iter()
            .enumerate()
            .for_each(|(i, values)| update.state(i).copy_from_slice(values));
        for step in 0..self.steps {
            let [mut x, mut y] = [vec![0.0; batch * target.floats()], vec![0.0; batch]];
            let first = (step * batch) as u64;
            match &source {
                Some(data) => {
                    data.batch(task.seed, first, batch, &mut x, &mut y)
                        .expect("checked: the set can be read");
                    x.iter_mut().for_each(|x| *x = (*x + 1.0) * 0.5);
                    if task.aim == Aim::To {
                        y.fill(task.classes[0] as f32);
                    }
                }
                None => {
                    for i in 0..batch {
                        let number = order::nth(task.seed, task.count() as u64, first + i as u64) as usize;
                        let picture = &task.pictures[number * target.floats()..][..target.floats()];
                        x[i * target.floats()..][..target.floats()].copy_from_slice(picture);
                        y[i] = task.classes[number] as f32;
                    }
                }
            }
            update.given(0).copy_from_slice(&x);
            update.given(1).copy_from_slice(&y);
            update.step();
        }
        for (i, parameter) in parameters.iter().enumerate() {
            parameter.set(Tensor::from_f32(parameter.shape(), update.state(i)));
        }
        let shape = [TOGETHER, height, width, channels];
        let x = Tensor::placeholder(DType::F32, &shape);
        let forged = self.forged(&networks, &x);
        Forger {
            program: Program::compile(&[x], &[forged], &[None]),
            x: [Buffer::zeros(DType::F32, shape.iter().product())],
            floats: target.floats(),
        }
    }

    /// Pictures in [0, 1] with what the generator adds to them.
    fn forged(&self, networks: &Networks, x: &Tensor) -> Tensor {
        (x + networks.change(x).tanh() * self.epsilon).clamp(0.0, 1.0)
    }

    /// An update of both players.
    fn update(
        &self,
        target: &Target,
        networks: &Networks,
        players: &[Vec<Parameter>; 2],
        aim: Aim,
        traced: &Traced,
    ) -> Stepped {
        let [x, y] = [0, 1].map(|i| &traced.given[i]);
        let count = players.iter().map(Vec::len).sum::<usize>();
        let (values, [.., updates]) = traced.state.split_at(count) else {
            unreachable!("the last is the number of updates")
        };
        players
            .iter()
            .flatten()
            .zip(values)
            .for_each(|(parameter, value)| parameter.set(value.clone()));
        let forged = self.forged(networks, x);
        let logits_fake = networks.realism(&forged);
        let judged = least_squares::discriminator(&networks.realism(x), &networks.realism(&forged.detach()));
        let length = ((&forged - x).square().flatten_from(1).sum_axes(&[1]) + 1e-12).sqrt();
        let fooled = (self.confidence - margin(&target.logits(&forged), y, aim))
            .relu()
            .mean();
        let loss = &fooled
            + least_squares::generator(&logits_fake) * self.realism
            + (length - self.length).relu().mean() * self.smallness;
        let adam = Adam {
            betas: [0.5, 0.999],
            ..Adam::default()
        };
        let updates = updates + 1.0;
        let rate = updates.zeros_like() + self.learning_rate;
        let own = players[0].len();
        let gradients = [(&loss, &values[..own]), (&judged, &values[own..])];
        let gradients = gradients
            .map(|(loss, values)| grad(loss, &values.iter().collect::<Vec<_>>()))
            .concat();
        let mut state = [vec![], vec![], vec![]];
        for (i, gradient) in gradients.iter().enumerate() {
            let mut slots = [count + i, 2 * count + i].map(|slot| traced.state[slot].clone());
            state[0].push(adam.update(&values[i], gradient, &mut slots, &updates, &rate));
            let [m, v] = slots;
            state[1].push(m);
            state[2].push(v);
        }
        Stepped {
            state: [state.concat(), vec![updates]].concat(),
            said: vec![],
        }
    }

    /// Reads what the training will read, so that a broken file is found before it begins.
    fn check_examples(&self, data: &dyn Dataset, seed: u64) -> data::Result<()> {
        let Some(len) = data.len() else { return Ok(()) };
        let mut x = vec![0.0; data.shape().floats()];
        let read = (self.steps as u64).saturating_mul(self.examples as u64).min(len);
        (0..read).try_for_each(|k| data.read(order::nth(seed, len, k), &mut x).map(drop))
    }

    /// The set to learn from, where the settings name one.
    fn data(&self, target: &Target) -> Option<data::Result<Arc<dyn Dataset>>> {
        let [height, width, channels] = target.shape();
        (!self.data.is_empty()).then(|| data::open(&self.data, &Want::picture(height, width, channels)))
    }
}

impl Attack for Advgan {
    fn run(&self, target: &Target, task: &Task) -> Made {
        let pictures = self.train(target, task).forged(&task.pictures);
        let batch = if self.data.is_empty() {
            self.examples.min(task.count())
        } else {
            self.examples
        };
        Made {
            pictures,
            gradients: vec![(self.steps * batch) as u64; task.count()],
            queries: vec![0; task.count()],
        }
    }

    fn ball(&self) -> Option<(Norm, f64)> {
        Some((Norm::Linf, self.epsilon))
    }

    fn is_universal(&self) -> bool {
        true
    }

    fn check(&self, target: &Target, task: &Task) -> Result<(), String> {
        check_radius(self.epsilon)?;
        if self.examples == 0 || self.width == 0 {
            return Err(format!(
                "expected examples and a width of 1 or more, got {} and {}",
                self.examples, self.width
            ));
        }
        if task.aim == Aim::To && task.classes.iter().any(|class| *class != task.classes[0]) {
            return Err("expected one class to get to, got several: a generator leads to one".into());
        }
        match self.data(target) {
            None => Ok(()),
            Some(Err(error)) => Err(error.to_string()),
            Some(Ok(data)) if data.classes().map(<[String]>::len) == Some(target.classes().len()) => self
                .check_examples(&*data, task.seed)
                .map_err(|error| error.to_string()),
            Some(Ok(_)) => Err(format!(
                "expected data with the target's {} classes, got others: {}",
                target.classes().len(),
                self.data
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::draws::Draws;
    use super::super::linear::{target, task};
    use super::*;

    /// Pictures of 8 x 8 pixels are of class 1 where their left half is brighter than the right one.
    fn halves() -> Target {
        Target::new(
            "halves",
            [8, 8, 1],
            ["right", "left"].map(str::to_owned).to_vec(),
            |x| {
                let half = |first| {
                    x.slice(2, first, first + 4)
                        .mean_axes(&[1, 2, 3])
                        .reshape(&[x.extent(0), 1])
                };
                let logit = (half(0) - half(4)) * 40.0;
                gany_engine::concat(&[logit.zeros_like(), logit], 1)
            },
        )
    }

    /// A noisy picture whose left half is darker by a twentieth.
    fn dark_on_the_left(number: usize) -> Vec<f32> {
        let mut draws = Draws::of(3, number);
        let half = |i: usize| if i % 8 < 4 { 0.475 } else { 0.525 };
        (0..64).map(|i| (half(i) + 0.1 * (draws.unit() - 0.5)) as f32).collect()
    }

    #[test]
    fn a_generator_fools_what_it_has_not_seen() {
        let advgan = Advgan {
            epsilon: 0.1,
            steps: 300,
            examples: 8,
            ..Advgan::default()
        };
        let pictures = (0..16).flat_map(dark_on_the_left).collect();
        let task = Task {
            pictures,
            classes: vec![0; 16],
            aim: Aim::Away,
            seed: 0,
        };
        let mut forger = advgan.train(&halves(), &task);
        for number in 0..24 {
            let picture = dark_on_the_left(number);
            let forged = forger.forged(&picture);
            let mut judge = halves().judge(1);
            assert_eq!(
                [&picture, &forged].map(|picture| judge.says(picture)[0].class),
                [0, 1],
                "picture {number}"
            );
            assert!(
                forged
                    .iter()
                    .zip(&picture)
                    .all(|(is, was)| (is - was).abs() <= 0.1 + 1e-6)
            );
        }
    }

    #[test]
    fn mistakes_are_explained() {
        let check = |advgan: Advgan, task: Task| advgan.check(&target(), &task).unwrap_err();
        let several = Task {
            classes: vec![0, 1],
            aim: Aim::To,
            ..task()
        };
        assert_eq!(
            check(Advgan::default(), several),
            "expected one class to get to, got several: a generator leads to one"
        );
        let named = |data: &str| Advgan {
            data: data.into(),
            ..Advgan::default()
        };
        assert_eq!(
            check(named("fashion-mnist-10k"), task()),
            "expected data with the target's 2 classes, got others: fashion-mnist-10k"
        );
        assert!(check(named("mnits"), task()).starts_with("unknown data set `mnits`"));
    }

    /// Five pictures, of which the fourth cannot be read.
    #[derive(Debug)]
    struct Broken;

    impl Dataset for Broken {
        fn name(&self) -> &str {
            "broken"
        }

        fn digest(&self) -> &str {
            "0123"
        }

        fn len(&self) -> Option<u64> {
            Some(5)
        }

        fn shape(&self) -> data::Shape {
            data::Shape::Picture {
                height: 2,
                width: 3,
                channels: 1,
            }
        }

        fn read(&self, index: u64, _: &mut [f32]) -> data::Result<u32> {
            match index {
                3 => Err(data::DataError::NotFound { path: "3.png".into() }),
                _ => Ok(0),
            }
        }
    }

    #[test]
    fn what_cannot_be_read_is_found_before_the_training() {
        let check = |steps| {
            Advgan {
                steps,
                examples: 1,
                ..Advgan::default()
            }
            .check_examples(&Broken, 0)
        };
        assert_eq!(check(100).unwrap_err().to_string(), "no such file or folder: 3.png");
        let place = (0..5).position(|k| order::nth(0, 5, k) == 3).unwrap();
        assert!(check(place).is_ok() && check(place + 1).is_err());
    }
}
