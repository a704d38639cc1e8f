//! Games: who moves when, and how a whole step becomes one pure function of the state.
//!
//! A [`System`] says who its players are, in which order they move and what each of them minimises. [`Play`] turns that
//! into `step(state, batch, n) -> (state, scalars)`: every move's loss, gradients and updates are traced into one graph,
//! so that work shared between moves is done once, and compiled to one program that updates the state in place.
mod game;
mod lens;
mod observation;
mod play;
mod probe;
mod search;
mod step;
mod surgery;

pub use game::{Game, Move};
pub use lens::{Lens, Seen};
pub use observation::{Observation, Observer};
pub use play::{BatchShape, NonFinite, Play, StateEntry, latent_vectors};
pub use probe::{Findings, Probe, Specimens};
pub use search::{Found, Pace, Progress, Pursuit, Search, difference};
pub use step::Step;
pub use surgery::{Operated, Surgery, UnitLayer};

use crate::data::Field;
use crate::optimisers::{OptimiserConfig, Schedule};
use gany_engine::Tensor;

/// A network with its optimiser: all trainable parameters under one name.
#[derive(Clone, Debug, PartialEq)]
pub struct Player {
    /// The scope that its parameters are declared under, such as `generator`.
    pub name: &'static str,
    /// How its parameters follow their gradients.
    pub optimiser: OptimiserConfig,
    /// How its learning rate changes over the run.
    pub schedule: Schedule,
}

impl Player {
    /// A player with a constant learning rate.
    pub fn new(name: &'static str, optimiser: OptimiserConfig) -> Player {
        Player {
            name,
            optimiser,
            schedule: Schedule::Constant,
        }
    }

    /// The same player, whose learning rate goes straight to 0 between these steps; two zeros: it stays.
    pub fn falling(self, steps: [u64; 2]) -> Player {
        Player {
            schedule: Schedule::falling(steps),
            ..self
        }
    }
}

/// What goes into a function of a system, or comes out of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Space {
    /// Examples, `[n, ..]` as the data are shaped: [`Field::X`], or [`Field::XB`].
    Data(Field),
    /// Latent vectors, `[n, z_dim]`.
    Latent,
    /// Things of other extents, `[n, ..]`: smaller pictures, logits of classes, styles of layers.
    Other(Vec<usize>),
}

/// What a system computes beside samples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// What it is asked for by: a verb, such as `encode`, `translate`, `classify`.
    pub name: &'static str,
    /// What it takes.
    pub takes: Space,
    /// What it gives.
    pub gives: Space,
}

impl Function {
    /// Of this name, from one space into another.
    pub fn new(name: &'static str, takes: Space, gives: Space) -> Function {
        Function { name, takes, gives }
    }

    /// Of this name, from examples into a space.
    pub fn of_x(name: &'static str, gives: Space) -> Function {
        Function::new(name, Space::Data(Field::X), gives)
    }
}

/// One GAN: its players, its game, each move's loss, and how to sample.
pub trait System: Send {
    /// Who moves when, and how each player learns.
    fn game(&self) -> Game;

    /// What `player` minimises at this move, a scalar.
    fn loss(&self, player: &str, step: &Step) -> Tensor;

    /// What becomes of an updated parameter before anybody sees it; WGAN clips its critic here.
    fn constrain(&self, _player: &str, value: Tensor) -> Tensor {
        value
    }

    /// What the discriminator or critic says of examples `x [n, ..]` of classes `y [n]`: a logit or score each, `[n]`. Asked
    /// by a [`Probe`] only; nothing by default.
    fn judge(&self, _x: &Tensor, _y: Option<&Tensor>) -> Option<Tensor> {
        None
    }

    /// Decay of the moving average of the generator's weights, from which samples are then taken; 0, the default, for none.
    fn average_decay(&self) -> f64 {
        0.0
    }

    /// The players whose weights are averaged: the generator, unless another one answers as well.
    fn averaged(&self) -> &'static [&'static str] {
        &["generator"]
    }

    /// How many numbers a latent vector has; 0 for a system that makes nothing of latent vectors.
    fn z_dim(&self) -> usize;

    /// How many classes samples can be asked for; `None` for unconditional systems.
    fn classes(&self) -> Option<usize> {
        None
    }

    /// Samples for latent vectors `z [n, z_dim]` and, for conditional systems, class numbers `y [n]`: `[n, ..]` as the data
    /// are shaped, pictures in [-1, 1].
    ///
    /// # Panics
    /// Where there are no latent vectors, unless the system says what else it does.
    fn sample(&self, _z: &Tensor, _y: Option<&Tensor>) -> Tensor {
        panic!("a system without latent vectors makes no samples")
    }

    /// How far examples `x [n, ..]` are from what latent vectors `z [n, z_dim]` make of classes `y [n]`, a number each, `[n]`:
    /// what a [`Search`] minimises. The absolute differences of their numbers, summed, by default.
    fn misfit(&self, z: &Tensor, y: Option<&Tensor>, x: &Tensor) -> Tensor {
        difference(&self.sample(z, y), x)
    }

    /// What it computes beside samples; nothing by default.
    fn functions(&self) -> Vec<Function> {
        vec![]
    }

    /// The value of one of its [`functions`](System::functions) at `input`.
    ///
    /// # Panics
    /// Where there is no such function.
    fn apply(&self, name: &str, _input: &Tensor) -> Tensor {
        panic!("the system has no function `{name}`")
    }
}
