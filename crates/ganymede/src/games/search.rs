//! Back from examples to latent vectors: gradient descent through networks that stay as they are.
//!
//! A [`Search`] is a program of its own beside the step's. It reads the state of a play; its own small state are the latent
//! vectors and the optimiser's slots. Each example is looked for by itself: what is found of it does not depend on the others
//! that are looked for at the same time.
use super::Play;
use crate::nn::evaluating;
use crate::optimisers::OptimiserConfig;
use gany_engine::{Buffer, Program, Tensor, grad};

/// A program that looks for the latent vectors of so many examples at a time.
pub struct Search {
    program: Program,
    phase: usize,
    count: usize,
    is_labelled: bool,
    learning_rate: f64,
    /// How many slots the optimiser has.
    slots: usize,
}

/// What was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Latent vectors, `[count, z_dim]`.
    pub z: Vec<f32>,
    /// How far each example is from what its latent vector makes, `[count]`.
    pub misfit: Vec<f32>,
}

impl Search {
    /// Compiles a search for `count` examples in a play's states. The system says what is minimised
    /// ([`System::misfit`](super::System::misfit)), with averaged weights and settled statistics, as samples are drawn.
    pub fn new(play: &Play, count: usize, is_labelled: bool, optimiser: OptimiserConfig) -> Search {
        let (dtype, rule) = (play.scope.dtype(), optimiser.build());
        let of_examples = |extents: &[usize]| Tensor::placeholder(dtype, &[&[count], extents].concat());
        let mut inputs = play.settled();
        let [rate, updates] = [0, 1].map(|_| Tensor::placeholder(dtype, &[]));
        let [x, y, z] = [&play.shape.x[1..], &[], &[play.system.z_dim()]].map(of_examples);
        let slots: Vec<Tensor> = rule.slots().iter().map(|_| of_examples(&z.shape()[1..])).collect();
        let misfit = evaluating(|| play.system.misfit(&z, is_labelled.then_some(&y), &x));
        let gradient = &grad(&misfit.sum(), &[&z])[0];
        let (counted, mut moved) = (&updates + 1.0, slots.clone());
        let nearer = rule.update(&z, gradient, &mut moved, &counted, &rate);
        inputs.extend([rate, x, y]);
        let own = inputs.len();
        inputs.extend([z, updates]);
        inputs.extend(slots);
        let outputs = [vec![misfit, nearer, counted], moved].concat();
        // What is its own is written into its own place.
        let donations: Vec<_> = std::iter::once(None).chain((own..inputs.len()).map(Some)).collect();
        Search {
            program: Program::compile(&inputs, &outputs, &donations),
            phase: play.phase(),
            count,
            is_labelled,
            learning_rate: optimiser.learning_rate(),
            slots: rule.slots().len(),
        }
    }

    /// Looks for the latent vectors of examples `x`, of classes `y`, in `steps` updates that begin with `z`.
    ///
    /// # Panics
    /// Where there are not `count` of each, classes are not given as announced, or the play has come to another phase.
    pub fn find(&mut self, play: &mut Play, x: &[f32], y: Option<&[f32]>, z: &[f32], steps: usize) -> Found {
        assert_eq!(self.phase, play.phase(), "search: the play has come to another phase");
        assert_eq!(
            self.is_labelled,
            y.is_some(),
            "search: classes are not given as announced"
        );
        let floats: usize = play.shape.x[1..].iter().product();
        let counts = [x.len(), z.len()] == [floats, play.system.z_dim()].map(|of_one| self.count * of_one);
        assert!(
            counts && y.is_none_or(|y| y.len() == self.count),
            "search: not {} of each",
            self.count
        );
        let dtype = play.scope.dtype();
        let y = y.map_or_else(|| Buffer::zeros(dtype, self.count), Buffer::from_f32);
        let rate = Buffer::from_f32(&[self.learning_rate as f32]);
        let mut more = vec![play.progress(), rate, Buffer::from_f32(x), y, Buffer::from_f32(z)];
        let own = more.len() - 1;
        more.push(Buffer::zeros(dtype, 1));
        more.extend((0..self.slots).map(|_| Buffer::zeros(dtype, z.len())));
        let (program, rate) = (&mut self.program, play.entries().len() + 1);
        let more = play.lend_state(more, |inputs| {
            (0..steps).for_each(|_| program.run(inputs));
            // A step of no length says how far what was found is from the example.
            inputs[rate].as_f32_mut()[0] = 0.0;
            program.run(inputs);
        });
        Found {
            z: more[own].as_f32().to_vec(),
            misfit: self.program.output(0).to_vec(),
        }
    }
}

/// The absolute differences of the numbers of examples `[n, ..]`, summed over each: `[n]`.
pub fn difference(a: &Tensor, b: &Tensor) -> Tensor {
    (a - b).abs().flatten_from(1).sum_axes(&[1])
}
