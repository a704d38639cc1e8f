//! A game being played: the state tree, and the step as one program over it.
use super::step::{Step, stream_number};
use super::{Game, Player, System};
use crate::nn::{Parameter, Scope, evaluating};
use crate::optimisers::{Optimiser, average};
use gany_engine::kernels::random;
use gany_engine::{Buffer, DType, Key, Precision, Program, Tensor, concat, grad};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

/// A named tensor of the state tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateEntry {
    /// Its path: `generator.0.weight`, `optimiser.generator.m.generator.0.weight`, `average.generator.0.weight`.
    pub name: String,
    /// Its extents.
    pub shape: Vec<usize>,
}

/// Where the first number that is not finite came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NonFinite {
    /// Whose move it was.
    pub player: String,
    /// The operation, with its shapes.
    pub operation: String,
}

/// A system being trained: its state, and its step as a program.
///
/// The state is all there is: two plays of one system with equal states do equal steps, bit for bit.
pub struct Play {
    pub(super) system: Box<dyn System>,
    game: Game,
    pub(super) scope: Scope,
    pub(super) players: Vec<(Player, Box<dyn Optimiser>)>,
    pub(super) entries: Vec<StateEntry>,
    pub(super) index: HashMap<String, usize>,
    /// State tensors in the order of `entries`, then the inputs of a step.
    buffers: Vec<Buffer>,
    pub(super) x_shape: Vec<usize>,
    pub(super) seed: u64,
    precision: Precision,
    steps: HashMap<Vec<&'static str>, CompiledStep>,
    samplers: HashMap<(usize, bool), Program>,
}

/// What one move does to one parameter.
pub(super) struct Change {
    pub(super) parameter: Parameter,
    pub(super) before: Tensor,
    pub(super) gradient: Tensor,
    pub(super) after: Tensor,
}

struct CompiledStep {
    program: Program,
    reports: Vec<String>,
    /// For each move, the first node that is not part of it any more, and its player.
    moves: Vec<(u64, &'static str)>,
}

/// Places of a step's inputs behind the state.
struct InputSlots {
    x: Range<usize>,
    y: Range<usize>,
    key: usize,
    rates: Range<usize>,
    count: usize,
}

impl Play {
    /// Begins to play with the networks that the system has declared in `scope`, whose values are the initial state;
    /// `x_shape` is the shape of a batch, `[batch, ..]`.
    pub fn new(system: Box<dyn System>, scope: Scope, x_shape: &[usize], seed: u64) -> Play {
        let dtype = scope.dtype();
        let game = system.game();
        let players: Vec<_> = game
            .players()
            .into_iter()
            .map(|player| (player.clone(), player.optimiser.build()))
            .collect();
        let mut play = Play {
            players,
            entries: vec![],
            index: HashMap::new(),
            buffers: vec![],
            x_shape: x_shape.to_vec(),
            seed,
            precision: Precision::F32,
            steps: HashMap::new(),
            samplers: HashMap::new(),
            system,
            game,
            scope,
        };
        let parameters = play.scope.parameters();
        for parameter in &parameters {
            play.add(
                parameter.name().to_owned(),
                parameter.shape(),
                buffer_of(&parameter.get()),
            );
        }
        let mut more = vec![];
        for (player, optimiser) in &play.players {
            more.push((format!("optimiser.{}.t", player.name), vec![]));
            for parameter in play
                .scope
                .at(player.name)
                .parameters()
                .iter()
                .filter(|p| p.is_trainable())
            {
                for slot in optimiser.slots() {
                    more.push((slot_name(player, slot, parameter), parameter.shape().to_vec()));
                }
            }
        }
        for (name, shape) in more {
            play.add(name, &shape, Buffer::zeros(dtype, shape.iter().product()));
        }
        if play.system.average_decay().is_some() {
            for parameter in play.averaged() {
                play.add(average_name(&parameter), parameter.shape(), buffer_of(&parameter.get()));
            }
        }
        let slots = play.slots();
        let numel = x_shape.iter().product();
        play.buffers
            .extend(slots.x.clone().map(|_| Buffer::zeros(dtype, numel)));
        play.buffers
            .extend(slots.y.clone().map(|_| Buffer::zeros(dtype, x_shape[0])));
        play.buffers.push(Buffer::zeros(dtype, Key::EXTENT));
        play.buffers
            .extend(slots.rates.clone().map(|_| Buffer::zeros(dtype, 1)));
        play
    }

    /// Plays with matrix products and convolutions in this precision, steps and samples alike; without being told in f32.
    /// The state, losses and updates keep their dtype.
    pub fn in_precision(mut self, precision: Precision) -> Play {
        self.precision = precision;
        self.steps.clear();
        self.samplers.clear();
        self
    }

    fn add(&mut self, name: String, shape: &[usize], value: Buffer) {
        self.index.insert(name.clone(), self.entries.len());
        self.entries.push(StateEntry {
            name,
            shape: shape.to_vec(),
        });
        self.buffers.push(value);
    }

    fn averaged(&self) -> Vec<Parameter> {
        self.scope.at("generator").parameters()
    }

    fn slots(&self) -> InputSlots {
        let (start, batches) = (self.entries.len(), self.batches());
        let y = start + batches;
        let key = y + batches;
        let rates = key + 1..key + 1 + self.players.len();
        InputSlots {
            x: start..y,
            y: y..key,
            key,
            count: rates.end,
            rates,
        }
    }

    /// The system that plays.
    pub fn system(&self) -> &dyn System {
        &*self.system
    }

    /// The state tree of the system's networks.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The player who judges: the one beside the generator, if there is one.
    pub fn judge(&self) -> Option<&'static str> {
        let mut names = self.players.iter().map(|(player, _)| player.name);
        names.find(|name| *name != "generator")
    }

    /// How many batches of data a step takes.
    pub fn batches(&self) -> usize {
        self.game.batches()
    }

    /// The named tensors of the state, in a fixed order.
    pub fn entries(&self) -> &[StateEntry] {
        &self.entries
    }

    /// The state tensor at a position of [`entries`](Play::entries).
    pub fn state(&self, position: usize) -> &Buffer {
        &self.buffers[position]
    }

    /// The state tensor at a position of [`entries`](Play::entries), to be filled from a checkpoint.
    pub fn state_mut(&mut self, position: usize) -> &mut Buffer {
        &mut self.buffers[position]
    }

    /// Where the data of the step's batch number `batch` go: x, and class numbers.
    pub fn batch_mut(&mut self, batch: usize) -> (&mut [f32], &mut [f32]) {
        let slots = self.slots();
        let (before, behind) = self.buffers.split_at_mut(slots.y.start + batch);
        (before[slots.x.start + batch].as_f32_mut(), behind[0].as_f32_mut())
    }

    /// Does step `n`, counted from 0, on the data that were put into [`batch_mut`](Play::batch_mut).
    pub fn step(&mut self, n: u64) {
        self.prepare(n);
        let due: Vec<&'static str> = self.game.due(n).collect();
        let step = self.steps.get_mut(&due).expect("just prepared");
        step.program.run(&mut self.buffers);
    }

    /// Does step `n` and looks at every result on the way: where the first number came from that is not finite.
    pub fn step_checked(&mut self, n: u64) -> Option<NonFinite> {
        self.prepare(n);
        let due: Vec<&'static str> = self.game.due(n).collect();
        let step = self.steps.get_mut(&due).expect("just prepared");
        let (operation, origin) = step.program.run_checked(&mut self.buffers)?;
        let player = step
            .moves
            .iter()
            .find(|(end, _)| origin < *end)
            .map_or("average", |(_, player)| player);
        Some(NonFinite {
            player: player.to_owned(),
            operation,
        })
    }

    /// What the step of number `n` reported, by dotted name.
    pub fn reports(&self, n: u64) -> BTreeMap<String, f64> {
        let due: Vec<&'static str> = self.game.due(n).collect();
        let Some(step) = self.steps.get(&due) else {
            return BTreeMap::new();
        };
        step.reports.iter().cloned().zip(step.program.output_f64(0)).collect()
    }

    /// The program of step `n`, to be looked at.
    pub fn program(&mut self, n: u64) -> &mut Program {
        self.prepare(n);
        let due: Vec<&'static str> = self.game.due(n).collect();
        &mut self.steps.get_mut(&due).expect("just prepared").program
    }

    fn prepare(&mut self, n: u64) {
        let slots = self.slots();
        write(&mut self.buffers[slots.key], &Key::elements(self.seed, n));
        for (i, (player, _)) in self.players.iter().enumerate() {
            let rate = player.optimiser.learning_rate() * player.schedule.factor(n);
            write(&mut self.buffers[slots.rates.start + i], &[rate]);
        }
        let due: Vec<&'static str> = self.game.due(n).collect();
        if !self.steps.contains_key(&due) {
            let step = self.trace(&due, &slots);
            self.steps.insert(due, step);
        }
    }

    /// Writes the whole step down as one graph and compiles it.
    fn trace(&self, due: &[&'static str], slots: &InputSlots) -> CompiledStep {
        let dtype = self.scope.dtype();
        let shape_of = |slot: usize| match self.entries.get(slot) {
            Some(entry) => entry.shape.clone(),
            None if slots.x.contains(&slot) => self.x_shape.clone(),
            None if slots.y.contains(&slot) => vec![self.x_shape[0]],
            None if slot == slots.key => vec![Key::EXTENT],
            None => vec![],
        };
        let inputs: Vec<Tensor> = (0..slots.count)
            .map(|slot| Tensor::placeholder(dtype, &shape_of(slot)))
            .collect();
        let mut state: Vec<Tensor> = inputs[..self.entries.len()].to_vec();
        let parameters = self.scope.parameters();
        parameters
            .iter()
            .for_each(|parameter| parameter.set(state[self.index[parameter.name()]].clone()));
        let mut step = Step {
            x: inputs[slots.x.start].clone(),
            y: None,
            key: Key::from_tensor(&inputs[slots.key]),
            player: "",
            repeat: 0,
            due: due.to_vec(),
            draws: Cell::new(0),
            shared: RefCell::default(),
            reports: RefCell::default(),
        };
        let mut moves = vec![];
        for turn in self.game.moves() {
            let position = self
                .players
                .iter()
                .position(|(player, _)| player.name == turn.player.name)
                .expect("every move has a player");
            for repeat in 0..turn.times {
                (step.x, step.y) = (
                    inputs[slots.x.start + repeat].clone(),
                    Some(inputs[slots.y.start + repeat].clone()),
                );
                (step.player, step.repeat) = (turn.player.name, repeat);
                step.draws.set(0);
                if repeat > 0 {
                    // Another batch: nothing of the last one is shared.
                    step.shared.borrow_mut().clear();
                }
                self.take_turn(position, &step, &inputs[slots.rates.start + position], &mut state);
                moves.push((Tensor::placeholder(dtype, &[]).id(), turn.player.name));
            }
        }
        if let Some(decay) = self.system.average_decay() {
            let decay = Tensor::full(dtype, &[], decay);
            for parameter in self.averaged() {
                let slot = self.index[&average_name(&parameter)];
                // Running statistics are averages already.
                let value = parameter.get();
                state[slot] = if parameter.is_trainable() {
                    average::update(&state[slot], &value, &decay)
                } else {
                    value
                };
            }
        }
        for parameter in &parameters {
            state[self.index[parameter.name()]] = parameter.get();
        }
        let reports = step.reports.into_inner();
        let scalars: Vec<Tensor> = reports.values().map(|value| value.reshape(&[1])).collect();
        let mut outputs = vec![if scalars.is_empty() {
            Tensor::full(dtype, &[0], 0.0)
        } else {
            concat(&scalars, 0)
        }];
        let mut donations = vec![None];
        for (slot, value) in state
            .iter()
            .enumerate()
            .filter(|(slot, value)| value.id() != inputs[*slot].id())
        {
            outputs.push(value.clone());
            donations.push(Some(slot));
        }
        let program = Program::compile_in(self.precision, &inputs, &outputs, &donations);
        CompiledStep {
            program,
            reports: reports.into_keys().collect(),
            moves,
        }
    }

    /// One update of one player.
    pub(super) fn take_turn(
        &self,
        position: usize,
        step: &Step,
        learning_rate: &Tensor,
        state: &mut [Tensor],
    ) -> Vec<Change> {
        let (player, optimiser) = &self.players[position];
        let loss = self.system.loss(player.name, step);
        step.report(&format!("loss.{}", player.name), &loss);
        let parameters: Vec<Parameter> = self
            .scope
            .at(player.name)
            .parameters()
            .into_iter()
            .filter(Parameter::is_trainable)
            .collect();
        let values: Vec<Tensor> = parameters.iter().map(Parameter::get).collect();
        let gradients = grad(&loss, &values.iter().collect::<Vec<_>>());
        let t = self.index[&format!("optimiser.{}.t", player.name)];
        state[t] = &state[t] + 1.0;
        let mut changes = vec![];
        for ((parameter, before), gradient) in parameters.into_iter().zip(values).zip(gradients) {
            let places: Vec<usize> = optimiser
                .slots()
                .iter()
                .map(|slot| self.index[&slot_name(player, slot, &parameter)])
                .collect();
            let mut slots: Vec<Tensor> = places.iter().map(|&place| state[place].clone()).collect();
            let updated = optimiser.update(&before, &gradient, &mut slots, &state[t], learning_rate);
            places
                .into_iter()
                .zip(slots)
                .for_each(|(place, slot)| state[place] = slot);
            let after = self.system.constrain(player.name, updated);
            parameter.set(after.clone());
            changes.push(Change {
                parameter,
                before,
                gradient,
                after,
            });
        }
        changes
    }

    /// Samples for latent vectors `z` (`count * z_dim` numbers) and class numbers, from the averaged weights where the
    /// system keeps them and with the running statistics of normalisation layers: `[count, ..]`, row-major.
    ///
    /// # Panics
    /// Where `z` or `y` has another length.
    pub fn sample(&mut self, z: &[f32], y: Option<&[f32]>) -> Vec<f32> {
        let count = z.len() / self.system.z_dim();
        assert_eq!(
            z.len(),
            count * self.system.z_dim(),
            "sample: z does not hold whole latent vectors"
        );
        assert!(
            y.is_none_or(|y| y.len() == count),
            "sample: one class number for every latent vector"
        );
        let dtype = self.scope.dtype();
        let states = self.entries.len();
        let asked = (count, y.is_some());
        if !self.samplers.contains_key(&asked) {
            let mut inputs: Vec<Tensor> = self
                .entries
                .iter()
                .map(|entry| Tensor::placeholder(dtype, &entry.shape))
                .collect();
            for parameter in self.scope.parameters() {
                let name = [average_name(&parameter), parameter.name().to_owned()];
                let slot = name
                    .iter()
                    .find_map(|name| self.index.get(name))
                    .expect("every parameter is in the state");
                parameter.set(inputs[*slot].clone());
            }
            inputs.push(Tensor::placeholder(dtype, &[count, self.system.z_dim()]));
            inputs.push(Tensor::placeholder(dtype, &[count]));
            let labels = y.map(|_| &inputs[states + 1]);
            let x = evaluating(|| self.system.sample(&inputs[states], labels));
            let sampler = Program::compile_in(self.precision, &inputs, &[x], &[None]);
            self.samplers.insert(asked, sampler);
        }
        let y = y.map_or_else(|| Buffer::zeros(dtype, count), Buffer::from_f32);
        let mut sampler = self.samplers.remove(&asked).expect("just compiled");
        self.lend_state(vec![Buffer::from_f32(z), y], |inputs| sampler.run(inputs));
        let x = sampler.output(0).to_vec();
        self.samplers.insert(asked, sampler);
        x
    }

    /// Runs a program whose inputs are the state and then `more`, which are given back. The state lends its memory and gets
    /// it back: nothing is copied.
    pub(super) fn lend_state(&mut self, more: Vec<Buffer>, run: impl FnOnce(&mut [Buffer])) -> Vec<Buffer> {
        let states = self.entries.len();
        let mut inputs: Vec<Buffer> = self.buffers.drain(..states).collect();
        inputs.extend(more);
        run(&mut inputs);
        let more = inputs.split_off(states);
        self.buffers.splice(0..0, inputs);
        more
    }
}

/// Latent vectors number `first..first + count` of a seed, `[count, z_dim]`: vector i is the same however many are asked
/// for.
pub fn latent_vectors(seed: u64, first: usize, count: usize, z_dim: usize) -> Vec<f32> {
    let key = random::Key {
        seed,
        stream: stream_number("latent"),
        step: 0,
    };
    let mut numbers = vec![0.0; count * z_dim];
    random::fill_normal(key, (first * z_dim) as u64, &mut numbers);
    numbers
}

fn slot_name(player: &Player, slot: &str, parameter: &Parameter) -> String {
    format!("optimiser.{}.{slot}.{}", player.name, parameter.name())
}

fn average_name(parameter: &Parameter) -> String {
    format!("average.{}", parameter.name())
}

fn buffer_of(tensor: &Tensor) -> Buffer {
    match tensor.dtype() {
        DType::F32 => Buffer::from_f32(&tensor.to_f32()),
        DType::F64 => Buffer::from_f64(&tensor.to_f64()),
    }
}

fn write(buffer: &mut Buffer, numbers: &[f64]) {
    match buffer.dtype() {
        DType::F32 => buffer
            .as_f32_mut()
            .iter_mut()
            .zip(numbers)
            .for_each(|(to, from)| *to = *from as f32),
        DType::F64 => buffer.as_f64_mut().copy_from_slice(numbers),
    }
}
