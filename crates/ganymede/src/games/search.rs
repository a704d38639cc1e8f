//! Back from examples to codes: gradient descent through networks that stay as they are.
//!
//! A [`Search`] is a program of its own beside the step's. It reads the state of a play; its own small state are the codes (latent
//! vectors, or whatever else the system makes examples of) and the optimiser's slots. Each example is looked for by itself: what
//! is found of it does not depend on the others that are looked for at the same time.
use super::play::write;
use super::step::stream_number;
use super::{Play, System};
use crate::nn::evaluating;
use crate::optimisers::OptimiserConfig;
use gany_engine::{Buffer, Key, Program, Tensor, grad};

/// A program that looks for the codes of so many examples at a time.
pub struct Search {
    program: Program,
    phase: usize,
    count: usize,
    /// Numbers in a code.
    floats: usize,
    is_labelled: bool,
    learning_rate: f64,
    /// How many slots the optimiser has.
    slots: usize,
}

/// What was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Codes, `[count, ..]`.
    pub codes: Vec<f32>,
    /// How far each example is from what its code makes, `[count]`.
    pub misfit: Vec<f32>,
}

/// How an update of a search is done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// Factor of the optimiser's learning rate.
    pub rate: f64,
    /// Deviation of the normal numbers that codes are moved by before the slope is taken there; the same for all examples.
    pub noise: f64,
}

impl Pace {
    /// The optimiser's own learning rate, without noise.
    pub const STEADY: Pace = Pace { rate: 1.0, noise: 0.0 };
    /// Nothing moves.
    const REST: Pace = Pace { rate: 0.0, noise: 0.0 };
}

/// What is known after an update.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// How many updates are done.
    pub done: usize,
    /// Codes, `[count, ..]`.
    pub codes: &'a [f32],
    /// How far the examples were from what the codes before this update made, `[count]`.
    pub misfit: &'a [f32],
}

impl Search {
    /// Compiles a search for the latent vectors of `count` examples in a play's states. The system says what is minimised
    /// ([`System::misfit`]), with averaged weights and settled statistics, as samples are drawn.
    pub fn new(play: &Play, count: usize, is_labelled: bool, optimiser: OptimiserConfig) -> Search {
        let extents = [play.system.z_dim()];
        Search::of(play, count, &extents, is_labelled, optimiser, |system, z, y, x| {
            system.misfit(z, y, x)
        })
    }

    /// Compiles a search for codes of other extents, that minimises another function of the system, the codes `[count, ..]`,
    /// class numbers `[count]` and the examples `[count, ..]`: a number for each, `[count]`.
    pub fn of(
        play: &Play,
        count: usize,
        extents: &[usize],
        is_labelled: bool,
        optimiser: OptimiserConfig,
        misfit: impl Fn(&dyn System, &Tensor, Option<&Tensor>, &Tensor) -> Tensor,
    ) -> Search {
        let (dtype, rule) = (play.scope.dtype(), optimiser.build());
        let of_examples = |extents: &[usize]| Tensor::placeholder(dtype, &[&[count], extents].concat());
        let mut inputs = play.settled();
        let [rate, noise, updates] = [0, 1, 2].map(|_| Tensor::placeholder(dtype, &[]));
        let key = Tensor::placeholder(dtype, &[Key::EXTENT]);
        let [x, y, codes] = [&play.shape.x[1..], &[], extents].map(of_examples);
        let slots: Vec<Tensor> = rule.slots().iter().map(|_| of_examples(extents)).collect();
        let normal = Key::from_tensor(&key).normal(stream_number("search"), &[&[1], extents].concat());
        let moved_by_noise = &codes + normal * &noise;
        let misfit = evaluating(|| misfit(play.system(), &moved_by_noise, is_labelled.then_some(&y), &x));
        let gradient = &grad(&misfit.sum(), &[&codes])[0];
        let (counted, mut moved) = (&updates + 1.0, slots.clone());
        let nearer = rule.update(&codes, gradient, &mut moved, &counted, &rate);
        inputs.extend([rate, noise, key, x, y]);
        let own = inputs.len();
        inputs.extend([codes, updates]);
        inputs.extend(slots);
        let outputs = [vec![misfit, nearer, counted], moved].concat();
        // What is its own is written into its own place.
        let donations: Vec<_> = std::iter::once(None).chain((own..inputs.len()).map(Some)).collect();
        Search {
            program: Program::compile(&inputs, &outputs, &donations),
            phase: play.phase(),
            count,
            floats: extents.iter().product(),
            is_labelled,
            learning_rate: optimiser.learning_rate(),
            slots: rule.slots().len(),
        }
    }

    /// Looks for the codes of examples `x`, of classes `y`, in `steps` updates that begin with the codes `begin`.
    ///
    /// # Panics
    /// Where there are not `count` of each, classes are not given as announced, or the play has come to another phase.
    pub fn find(&mut self, play: &mut Play, x: &[f32], y: Option<&[f32]>, begin: &[f32], steps: usize) -> Found {
        self.find_at(play, x, y, begin, &vec![Pace::STEADY; steps], &mut |_| {})
    }

    /// Likewise, with an update for each of `paces`; says how it goes after each.
    ///
    /// # Panics
    /// As [`find`](Search::find).
    pub fn find_at(
        &mut self,
        play: &mut Play,
        x: &[f32],
        y: Option<&[f32]>,
        begin: &[f32],
        paces: &[Pace],
        say: &mut dyn FnMut(Progress),
    ) -> Found {
        assert_eq!(self.phase, play.phase(), "search: the play has come to another phase");
        assert_eq!(
            self.is_labelled,
            y.is_some(),
            "search: classes are not given as announced"
        );
        let floats: usize = play.shape.x[1..].iter().product();
        let counts = [x.len(), begin.len()] == [floats, self.floats].map(|of_one| self.count * of_one);
        assert!(
            counts && y.is_none_or(|y| y.len() == self.count),
            "search: not {} of each",
            self.count
        );
        let dtype = play.scope.dtype();
        let y = y.map_or_else(|| Buffer::zeros(dtype, self.count), Buffer::from_f32);
        let [rate, noise, updates] = [0, 1, 2].map(|_| Buffer::zeros(dtype, 1));
        let key = Buffer::zeros(dtype, Key::EXTENT);
        let mut more = vec![
            play.progress(),
            rate,
            noise,
            key,
            Buffer::from_f32(x),
            y,
            Buffer::from_f32(begin),
        ];
        let own = more.len() - 1;
        more.push(updates);
        more.extend((0..self.slots).map(|_| Buffer::zeros(dtype, begin.len())));
        let (program, state, learning_rate) = (&mut self.program, play.entries().len(), self.learning_rate);
        let seed = play.seed;
        let more = play.lend_state(more, |inputs| {
            let mut update = |inputs: &mut [Buffer], done: usize, pace: Pace| {
                write(&mut inputs[state + 1], &[pace.rate * learning_rate]);
                write(&mut inputs[state + 2], &[pace.noise]);
                write(&mut inputs[state + 3], &Key::elements(seed, done as u64));
                program.run(inputs);
                program.output(0).to_vec()
            };
            for (done, pace) in paces.iter().enumerate() {
                let misfit = update(inputs, done, *pace);
                say(Progress {
                    done: done + 1,
                    codes: inputs[state + own].as_f32(),
                    misfit: &misfit,
                });
            }
            // A step of no length says how far what was found is from the example.
            update(inputs, paces.len(), Pace::REST);
        });
        Found {
            codes: more[own].as_f32().to_vec(),
            misfit: self.program.output(0).to_vec(),
        }
    }
}

/// The absolute differences of the numbers of examples `[n, ..]`, summed over each: `[n]`.
pub fn difference(a: &Tensor, b: &Tensor) -> Tensor {
    (a - b).abs().flatten_from(1).sum_axes(&[1])
}
