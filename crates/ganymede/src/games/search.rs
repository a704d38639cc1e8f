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
    /// Numbers in an example.
    of_example: usize,
    is_labelled: bool,
    learning_rate: f64,
    /// How many slots the optimiser has.
    slots: usize,
}

/// A search on its way: its codes, what the optimiser keeps of them, and how many updates are done.
pub struct Pursuit {
    more: Vec<Buffer>,
    done: usize,
}

impl Pursuit {
    /// The codes, `[count, ..]`.
    pub fn codes(&self) -> &[f32] {
        self.more[CODES].as_f32()
    }

    /// How many updates are done.
    pub fn done(&self) -> usize {
        self.done
    }
}

/// Places among the inputs behind the state: the play's progress, then those of an update, then what is looked for.
const RATE: usize = 1;
const NOISE: usize = 2;
const KEY: usize = 3;
const CODES: usize = 6;

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
        let example = &play.shape.x[1..];
        Search::toward(play, count, [extents, example], is_labelled, optimiser, misfit)
    }

    /// Likewise, for codes of these extents and examples of others than the data's: whatever the function compares with.
    pub fn toward(
        play: &Play,
        count: usize,
        [extents, example]: [&[usize]; 2],
        is_labelled: bool,
        optimiser: OptimiserConfig,
        misfit: impl Fn(&dyn System, &Tensor, Option<&Tensor>, &Tensor) -> Tensor,
    ) -> Search {
        let (dtype, rule) = (play.scope.dtype(), optimiser.build());
        let of_examples = |extents: &[usize]| Tensor::placeholder(dtype, &[&[count], extents].concat());
        let mut inputs = play.settled();
        let [rate, noise, updates] = [0, 1, 2].map(|_| Tensor::placeholder(dtype, &[]));
        let key = Tensor::placeholder(dtype, &[Key::EXTENT]);
        let [x, y, codes] = [example, &[], extents].map(of_examples);
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
            of_example: example.iter().product(),
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
        let mut pursuit = self.begin(play, x, y, begin);
        self.go_on(play, &mut pursuit, paces, say);
        self.end(play, pursuit)
    }

    /// Sets out for the codes of examples `x`, of classes `y`, from the codes `begin`.
    ///
    /// # Panics
    /// As [`find`](Search::find).
    pub fn begin(&self, play: &Play, x: &[f32], y: Option<&[f32]>, begin: &[f32]) -> Pursuit {
        assert_eq!(self.phase, play.phase(), "search: the play has come to another phase");
        assert_eq!(
            self.is_labelled,
            y.is_some(),
            "search: classes are not given as announced"
        );
        let counts = [x.len(), begin.len()] == [self.of_example, self.floats].map(|of_one| self.count * of_one);
        assert!(
            counts && y.is_none_or(|y| y.len() == self.count),
            "search: not {} of each",
            self.count
        );
        let dtype = play.scope.dtype();
        let y = y.map_or_else(|| Buffer::zeros(dtype, self.count), Buffer::from_f32);
        let [rate, noise, updates] = [0, 1, 2].map(|_| Buffer::zeros(dtype, 1));
        let key = Buffer::zeros(dtype, Key::EXTENT);
        let progress = play.progress();
        let mut more = vec![
            progress,
            rate,
            noise,
            key,
            Buffer::from_f32(x),
            y,
            Buffer::from_f32(begin),
        ];
        more.push(updates);
        more.extend((0..self.slots).map(|_| Buffer::zeros(dtype, begin.len())));
        Pursuit { more, done: 0 }
    }

    /// Goes on with an update for each of `paces`; says how it goes after each.
    pub fn go_on(&mut self, play: &mut Play, pursuit: &mut Pursuit, paces: &[Pace], say: &mut dyn FnMut(Progress)) {
        for pace in paces {
            let misfit = self.update(play, pursuit, *pace);
            pursuit.done += 1;
            say(Progress {
                done: pursuit.done,
                codes: pursuit.codes(),
                misfit: &misfit,
            });
        }
    }

    /// What was found, and how far it is from the examples.
    pub fn end(&mut self, play: &mut Play, mut pursuit: Pursuit) -> Found {
        // A step of no length says how far what was found is from the example.
        let misfit = self.update(play, &mut pursuit, Pace::REST);
        Found {
            codes: pursuit.codes().to_vec(),
            misfit,
        }
    }

    /// One update; gives how far the codes before it were from the examples.
    fn update(&mut self, play: &mut Play, pursuit: &mut Pursuit, pace: Pace) -> Vec<f32> {
        let (program, state, seed) = (&mut self.program, play.entries().len(), play.seed);
        let rate = pace.rate * self.learning_rate;
        let more = std::mem::take(&mut pursuit.more);
        pursuit.more = play.lend_state(more, |inputs| {
            write(&mut inputs[state + RATE], &[rate]);
            write(&mut inputs[state + NOISE], &[pace.noise]);
            write(&mut inputs[state + KEY], &Key::elements(seed, pursuit.done as u64));
            program.run(inputs);
        });
        program.output(0).to_vec()
    }
}

/// The absolute differences of the numbers of examples `[n, ..]`, summed over each: `[n]`.
pub fn difference(a: &Tensor, b: &Tensor) -> Tensor {
    (a - b).abs().flatten_from(1).sum_axes(&[1])
}
