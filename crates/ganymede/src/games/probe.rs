//! A look at a state from outside: what its players would do next, what its layers say and what it makes, on fixed examples.
//!
//! A [`Probe`] is a program of its own beside the step's. It reads the state and writes nothing, so a run is bit for bit the
//! same however often it is looked at, and what it finds is a pure function of the state.
use super::play::{Change, Play};
use super::step::{Step, stream_number};
use crate::data::Field;
use crate::nn::{Parameter, evaluating, observing};
use crate::penalties::gradient::{Sided, interpolated};
use gany_engine::{Buffer, DType, Key, Program, Tensor, concat};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

/// Fixed examples that states are looked at with, row-major, of the shape that the play's data have.
pub struct Specimens {
    /// Training examples, of which the first `count` are the batch of every look and the others stand for the rest of the data.
    pub training: Vec<f32>,
    /// Class numbers of the first `count`.
    pub y: Vec<f32>,
    /// What the first `count` have beside x and y, in the order of the play's [`BatchShape`](super::BatchShape).
    pub extras: Vec<Vec<f32>>,
    /// Examples in a batch of a look, 2 at least.
    pub count: usize,
    /// As many examples that training never sees, where there are any, and their class numbers.
    pub held_out: Option<(Vec<f32>, Vec<f32>)>,
    /// Whether the data have an end: only then can a sample be a copy of one of them.
    pub has_end: bool,
    /// The centres of the data's modes, `[modes, dimension]`, where they are known.
    pub centres: Option<Vec<f32>>,
}

/// What a look found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Findings {
    /// Figures by dotted name:
    ///
    /// - `gradient.PLAYER`: length of the gradient of its loss
    /// - `update.PLAYER`: length of the update it would make now over that of its weights
    /// - `dead.PLAYER`: share of units that say the same to every example, in the layer where it is largest
    /// - `signal.PLAYER`: root mean square of its deepest rectifiers over that of its input
    /// - `judged.real`, `judged.held_out`, `judged.fake`: mean logit or score; `judged.right`: share of right judgements
    /// - `overfitting.r_t`: mean sign of the logits of training examples
    /// - `slope.critic`: mean length of its gradient by examples between real and fake
    /// - `samples.spread`: mean distance between two samples over that between two examples
    /// - `samples.distance`: energy distance between samples and data, over the mean distance between two examples
    /// - `samples.nearest`: mean distance of a sample to the nearest example over that of one example to the next
    /// - `samples.modes`: share of the known modes that have a tenth of their share of samples
    /// - `samples.drift`: mean distance that samples move when batch normalisation takes its running statistics, over the
    ///   mean distance between two examples
    pub figures: BTreeMap<String, f64>,
    /// The parts that `gradient.*` and `dead.*` are made of: name of the figure, of the parameter or layer, and its part.
    pub layers: Vec<(String, String, f64)>,
}

/// A program that looks at the states of a play, as long as it stays in its phase.
pub struct Probe {
    phase: usize,
    program: Program,
    rates: Vec<Buffer>,
    names: Vec<String>,
    layers: Vec<(String, String)>,
}

impl Probe {
    /// Compiles the look at a play's states. Always in f32: distances between near samples are small differences.
    ///
    /// # Panics
    /// Where the specimens are fewer than 2 or not of the play's shape.
    pub fn new(play: &Play, specimens: &Specimens) -> Probe {
        assert!(specimens.count >= 2, "probe: two examples at least are compared");
        let dtype = play.scope.dtype();
        let states = play.entries.len();
        let mut inputs: Vec<Tensor> = play
            .entries
            .iter()
            .map(|entry| Tensor::placeholder(dtype, &entry.shape))
            .collect();
        inputs.extend(play.players.iter().map(|_| Tensor::placeholder(dtype, &[])));
        let mut look = Look {
            play,
            specimens,
            state: &inputs[..states],
            parameters: play.scope.parameters(),
            key: Key::new(dtype, play.seed, 0),
            figures: vec![],
            layers: vec![],
        };
        let phase = play.phase();
        let progress = Tensor::full(dtype, &[], play.game.progress(play.done()));
        play.scope.stage().set(phase, progress);
        for (position, (player, _)) in play.players.iter().enumerate() {
            if play.game.moves(phase).iter().any(|m| m.player.name == player.name) {
                look.at_player(position, &inputs[states + position]);
            }
        }
        if play.system().z_dim() > 0 {
            look.at_networks_and_samples();
        }
        let Look { figures, layers, .. } = look;
        let joined = |values: Vec<&Tensor>| match values.len() {
            0 => Tensor::full(dtype, &[1], 0.0),
            _ => concat(&values.iter().map(|value| value.reshape(&[1])).collect::<Vec<_>>(), 0),
        };
        let outputs = [
            joined(figures.iter().map(|(_, value)| value).collect()),
            joined(layers.iter().map(|(_, _, value)| value).collect()),
        ];
        Probe {
            phase,
            program: Program::compile(&inputs, &outputs, &[None, None]),
            rates: play.players.iter().map(|_| Buffer::zeros(dtype, 1)).collect(),
            names: figures.into_iter().map(|(name, _)| name).collect(),
            layers: layers.into_iter().map(|(figure, layer, _)| (figure, layer)).collect(),
        }
    }

    /// Whether it is a probe of the phase that the play is in.
    pub fn fits(&self, play: &Play) -> bool {
        self.phase == play.phase()
    }

    /// Looks at the state before step `n`, counted from 0.
    pub fn look(&mut self, play: &mut Play, n: u64) -> Findings {
        for (rate, (player, _)) in self.rates.iter_mut().zip(&play.players) {
            let value = player.optimiser.learning_rate() * player.schedule.factor(n);
            rate.as_f32_mut()[0] = value as f32;
        }
        let rates = std::mem::take(&mut self.rates);
        self.rates = play.lend_state(rates, |inputs| self.program.run(inputs));
        let layers = self.layers.iter().zip(self.program.output_f64(1));
        Findings {
            figures: self.names.iter().cloned().zip(self.program.output_f64(0)).collect(),
            layers: layers
                .map(|((figure, layer), part)| (figure.clone(), layer.clone(), part))
                .collect(),
        }
    }
}

/// A look being written down.
struct Look<'a> {
    play: &'a Play,
    specimens: &'a Specimens,
    state: &'a [Tensor],
    parameters: Vec<Parameter>,
    key: Key,
    figures: Vec<(String, Tensor)>,
    layers: Vec<(String, String, Tensor)>,
}

impl Look<'_> {
    fn say(&mut self, name: impl Into<String>, value: Tensor) {
        self.figures.push((name.into(), value));
    }

    /// Binds all parameters to the state, whatever running statistics were bound to meanwhile.
    fn bind(&self) {
        for parameter in &self.parameters {
            parameter.set(self.state[self.play.index[parameter.name()]].clone());
        }
    }

    fn examples(&self, values: &[f32]) -> Tensor {
        let mut shape = self.play.shape.x.clone();
        shape[0] = values.len() / shape[1..].iter().product::<usize>();
        Tensor::from_f32(&shape, values)
    }

    fn real(&self) -> Tensor {
        let floats: usize = self.play.shape.x[1..].iter().product();
        self.examples(&self.specimens.training[..self.specimens.count * floats])
    }

    fn extras(&self) -> Vec<(Field, Tensor)> {
        let shapes = self.play.shape.extras.iter().zip(&self.specimens.extras);
        let of = |shape: &[usize], values| {
            let shape = [&[self.specimens.count], &shape[1..]].concat();
            Tensor::from_f32(&shape, values)
        };
        shapes
            .map(|((field, shape), values)| (*field, of(shape, values)))
            .collect()
    }

    fn y(&self) -> Tensor {
        Tensor::from_f32(&[self.specimens.count], &self.specimens.y)
    }

    /// The gradient of a player's loss and the update that follows from it.
    fn at_player(&mut self, position: usize, learning_rate: &Tensor) {
        let player = self.play.players[position].0.name;
        let step = Step {
            x: self.real(),
            y: self.y(),
            extras: self.extras(),
            key: Key::new(DType::F32, self.play.seed, 0),
            player,
            repeat: 0,
            due: vec![],
            draws: Cell::new(0),
            shared: RefCell::default(),
            reports: RefCell::default(),
        };
        self.bind();
        let mut state = self.state.to_vec();
        let changes = self.play.take_turn(position, &step, learning_rate, &mut state);
        let length = |of: &dyn Fn(&Change) -> Tensor| {
            let squares = changes.iter().map(|change| of(change).square().sum());
            squares.reduce(|a, b| a + b).expect("a player has parameters").sqrt()
        };
        self.say(format!("gradient.{player}"), length(&|change| change.gradient.clone()));
        let update = length(&|change| &change.after - &change.before);
        self.say(
            format!("update.{player}"),
            update / (length(&|change| change.before.clone()) + 1e-12),
        );
        for change in &changes {
            let part = change.gradient.square().sum().sqrt();
            self.layers
                .push((format!("gradient.{player}"), change.parameter.name().to_owned(), part));
        }
    }

    /// What layers and judgements say of real and made examples, and the made ones beside the data.
    fn at_networks_and_samples(&mut self) {
        let (system, count) = (self.play.system(), self.specimens.count);
        let (real, y) = (self.real(), self.y());
        let labels = system.classes().map(|_| &y);
        let z = self.key.normal(stream_number("probe"), &[count, system.z_dim()]);
        self.bind();
        let (fake, observed) = observing(|| system.sample(&z, labels));
        self.at_rectifiers("generator", &z, &observed);
        self.bind();
        let settled = evaluating(|| system.sample(&z, labels));
        self.bind();
        let (judged_real, observed) = observing(|| system.judge(&real, Some(&y)));
        if let Some(judged_real) = judged_real {
            let judge = self.play.judge().unwrap_or("discriminator");
            self.at_rectifiers(judge, &real, &observed);
            let of = |x: &Tensor, y: &Tensor| {
                self.bind();
                system.judge(x, Some(y)).expect("it has just judged")
            };
            let judged_fake = of(&fake, &y);
            let held_out = self
                .specimens
                .held_out
                .as_ref()
                .map(|(x, y)| of(&self.examples(x), &Tensor::from_f32(&[y.len()], y)).mean());
            if judge == "critic" {
                let epsilon: Vec<f32> = (0..count).map(|i| (i as f32 + 0.5) / count as f32).collect();
                let epsilon = Tensor::from_f32(&[count], &epsilon);
                let penalty = interpolated(|x| of(x, &y), &real, &fake.detach(), &epsilon, Sided::Two);
                self.say("slope.critic", penalty.gradient_norm);
            } else {
                let right = judged_real.positive().mean() + (1.0 - judged_fake.positive().mean());
                self.say("judged.right", right * 0.5);
                self.say("overfitting.r_t", judged_real.sign().mean());
            }
            self.say("judged.real", judged_real.mean());
            self.say("judged.fake", judged_fake.mean());
            held_out.into_iter().for_each(|mean| self.say("judged.held_out", mean));
        }
        self.at_samples(&fake.flatten_from(1), &settled.flatten_from(1));
    }

    fn at_rectifiers(&mut self, player: &str, input: &Tensor, observed: &[(String, Tensor)]) {
        let root_mean_square = |x: &Tensor| x.square().mean().sqrt();
        let mut worst: Option<Tensor> = None;
        for (layer, values) in observed.iter().filter(|(_, values)| values.rank() > 1) {
            let axes: Vec<usize> = (0..values.rank() - 1).collect();
            let (low, high) = (values.min_axes(&axes), values.max_axes(&axes));
            // Sums that are equal but for their order may differ in the last bits.
            let dead = (&high - &low).le(&((high.abs() + low.abs()) * 1e-6)).mean();
            worst = Some(worst.map_or_else(|| dead.clone(), |worst| worst.maximum(&dead)));
            self.layers.push((format!("dead.{player}"), layer.clone(), dead));
        }
        if let (Some(worst), Some((_, deepest))) = (worst, observed.last()) {
            self.say(format!("dead.{player}"), worst);
            self.say(
                format!("signal.{player}"),
                root_mean_square(deepest) / root_mean_square(input),
            );
        }
    }

    /// Samples as training makes them and as [`Play::sample`] does, both `[count, numbers]`, beside the data.
    fn at_samples(&mut self, fake: &Tensor, settled: &Tensor) {
        let count = self.specimens.count;
        let training = self.examples(&self.specimens.training).flatten_from(1);
        let real = training.slice(0, 0, count);
        // What is known of the data once and for all.
        let among_real = distances(&real, &training);
        let others = training.extent(0) - 1;
        let typical = among_real.sum().to_f64()[0] / (count * others) as f64;
        let between = distances(settled, &training);
        let among = distances(settled, settled).sum() / (count * (count - 1)) as f64;
        self.say("samples.spread", &among / typical);
        self.say("samples.distance", (between.mean() * 2.0 - &among - typical) / typical);
        self.say("samples.drift", (fake - settled).norm(1).mean() / typical);
        if self.specimens.has_end {
            // Each example is nearest to itself, which does not count.
            let itself = Tensor::arange(DType::F32, count).reshape(&[count, 1]);
            let itself = itself.equals(&Tensor::arange(DType::F32, others + 1).reshape(&[1, others + 1]));
            let nearest = |distances: &Tensor| distances.min_axes(&[1]).mean();
            let usual = nearest(&(among_real + itself * 1e30)).to_f64()[0];
            self.say("samples.nearest", nearest(&between) / usual.max(1e-12));
        }
        if let Some(centres) = &self.specimens.centres {
            let dimension = settled.extent(1);
            let modes = centres.len() / dimension;
            let to = distances(settled, &Tensor::from_f32(&[modes, dimension], centres));
            let hits = to.le(&to.min_axes(&[1]).reshape(&[count, 1])).sum_axes(&[0]);
            let least = Tensor::full(DType::F32, &[modes], count as f64 / modes as f64 / 10.0);
            self.say("samples.modes", hits.ge(&least).mean());
        }
    }
}

/// Euclidean distances between the rows of `a [n, d]` and `b [m, d]`, `[n, m]`.
fn distances(a: &Tensor, b: &Tensor) -> Tensor {
    let squares = |x: &Tensor, shape: &[usize]| x.square().sum_axes(&[1]).reshape(shape);
    let (n, m) = (a.extent(0), b.extent(0));
    let squared = squares(a, &[n, 1]) + squares(b, &[1, m]) - a.matmul(&b.transpose()) * 2.0;
    // Rounding may leave less than nothing between a row and itself.
    squared.relu().sqrt()
}
