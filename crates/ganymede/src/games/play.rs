//! A game being played: the state tree, and the step as one program over it.
use super::step::{Step, stream_number};
use super::{Game, Player, Space, System};
use crate::data::Field;
use crate::nn::{Parameter, Scope, Stage, evaluating};
use crate::optimisers::{Optimiser, average};
use gany_engine::kernels::random;
use gany_engine::{Buffer, DType, Key, Precision, Program, Tensor, concat, grad};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};

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

/// The shapes of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchShape {
    /// Of the examples, `[batch, ..]`.
    pub x: Vec<usize>,
    /// Of what every example has beside x and y, `[batch, ..]` each.
    pub extras: Vec<(Field, Vec<usize>)>,
}

impl BatchShape {
    /// Of examples that have nothing beside x, `[batch, ..]`, and y.
    pub fn of(x: &[usize]) -> BatchShape {
        BatchShape {
            x: x.to_vec(),
            extras: vec![],
        }
    }
}

/// A system being trained: its state, and its step as a program.
///
/// The state and the number of the step are all there is: two plays of one system that have both in common do equal steps,
/// bit for bit.
pub struct Play {
    pub(super) system: Box<dyn System>,
    pub(super) game: Game,
    pub(super) scope: Scope,
    stage: Stage,
    pub(super) players: Vec<(Player, Box<dyn Optimiser>)>,
    pub(super) entries: Vec<StateEntry>,
    pub(super) index: HashMap<String, usize>,
    /// State tensors in the order of `entries`, then the inputs of a step.
    buffers: Vec<Buffer>,
    pub(super) shape: BatchShape,
    pub(super) seed: u64,
    precision: Precision,
    /// How many steps were done.
    done: u64,
    steps: HashMap<Variant, CompiledStep>,
    functions: HashMap<Asked, Program>,
}

/// What the graph of a step depends on, beside the system.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Variant {
    phase: usize,
    /// Whether another phase has just ended.
    turns: bool,
    due: Vec<&'static str>,
    /// Whether it is the whole step, or so many of its moves only.
    moves: Option<usize>,
}

/// What the graph of a function of the system depends on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Asked {
    function: &'static str,
    count: usize,
    is_labelled: bool,
    phase: usize,
}

/// What names of the state begin with that optimisers keep.
const OPTIMISER: &str = "optimiser.";
/// The function of latent vectors that every system with latent vectors has.
const SAMPLE: &str = "sample";

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

/// Places of a step's inputs: the state, for each batch x, y and extras, then the rest.
struct InputSlots {
    data: usize,
    fields: usize,
    key: usize,
    progress: usize,
    rates: usize,
    count: usize,
}

impl InputSlots {
    fn x(&self, batch: usize) -> usize {
        self.data + batch * self.fields
    }

    fn y(&self, batch: usize) -> usize {
        self.x(batch) + 1
    }

    fn extra(&self, batch: usize, number: usize) -> usize {
        self.x(batch) + 2 + number
    }
}

impl Play {
    /// Begins to play with the networks that the system has declared in `scope`, whose values are the initial state.
    pub fn new(system: Box<dyn System>, scope: Scope, shape: BatchShape, seed: u64) -> Play {
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
            shape,
            seed,
            precision: Precision::F32,
            done: 0,
            steps: HashMap::new(),
            functions: HashMap::new(),
            system,
            game,
            stage: scope.stage(),
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
            more.push((format!("{OPTIMISER}{}.t", player.name), vec![]));
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
        if play.system.average_decay() > 0.0 {
            for parameter in play.averaged() {
                play.add(average_name(&parameter), parameter.shape(), buffer_of(&parameter.get()));
            }
        }
        let shapes: Vec<Vec<usize>> = (play.entries.len()..play.slots().count)
            .map(|slot| play.shape_of(slot))
            .collect();
        let inputs = shapes.iter().map(|shape| Buffer::zeros(dtype, shape.iter().product()));
        play.buffers.extend(inputs);
        play
    }

    /// Plays with matrix products and convolutions in this precision, steps and samples alike; without being told in f32.
    /// The state, losses and updates keep their dtype.
    pub fn in_precision(mut self, precision: Precision) -> Play {
        self.precision = precision;
        self.steps.clear();
        self.functions.clear();
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
        let players = self.system.averaged().iter();
        players.flat_map(|player| self.scope.at(player).parameters()).collect()
    }

    fn slots(&self) -> InputSlots {
        let (data, fields) = (self.entries.len(), 2 + self.shape.extras.len());
        let key = data + self.batches() * fields;
        InputSlots {
            data,
            fields,
            key,
            progress: key + 1,
            rates: key + 2,
            count: key + 2 + self.players.len(),
        }
    }

    /// The shape of an input of a step.
    fn shape_of(&self, slot: usize) -> Vec<usize> {
        let slots = self.slots();
        match self.entries.get(slot) {
            Some(entry) => entry.shape.clone(),
            None if slot < slots.key => match (slot - slots.data) % slots.fields {
                0 => self.shape.x.clone(),
                1 => vec![self.shape.x[0]],
                field => self.shape.extras[field - 2].1.clone(),
            },
            None if slot == slots.key => vec![Key::EXTENT],
            None => vec![],
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
        let (x, y) = (self.slots().x(batch), self.slots().y(batch));
        let (before, behind) = self.buffers.split_at_mut(y);
        (before[x].as_f32_mut(), behind[0].as_f32_mut())
    }

    /// Where extra number `number` of [`BatchShape::extras`] of the step's batch number `batch` goes.
    pub fn extra_mut(&mut self, batch: usize, number: usize) -> &mut [f32] {
        let slot = self.slots().extra(batch, number);
        self.buffers[slot].as_f32_mut()
    }

    /// How many steps were done.
    pub fn done(&self) -> u64 {
        self.done
    }

    /// Goes on behind this many steps, whose state is there or will be put there.
    pub fn go_on_from(&mut self, done: u64) {
        self.done = done;
    }

    /// The number of the phase that the next step belongs to.
    pub fn phase(&self) -> usize {
        self.game.phase(self.done)
    }

    /// Does step `n`, counted from 0, on the data that were put into [`batch_mut`](Play::batch_mut).
    pub fn step(&mut self, n: u64) {
        let variant = self.prepare(n);
        let step = self.steps.get_mut(&variant).expect("just prepared");
        step.program.run(&mut self.buffers);
        self.done = n + 1;
    }

    /// Does the first `moves` moves of step `n` and leaves the step there, undone: what it would come to is done by
    /// [`step`](Play::step), from the state as it was before. For who wants to see a step from within.
    pub fn step_until(&mut self, n: u64, moves: usize) {
        self.prepare(n);
        let variant = Variant {
            moves: Some(moves),
            ..self.variant(n)
        };
        let slots = self.slots();
        let mut step = match self.steps.remove(&variant) {
            Some(step) => step,
            None => self.trace(&variant, &slots),
        };
        step.program.run(&mut self.buffers);
        self.steps.insert(variant, step);
    }

    /// Does step `n` and looks at every result on the way: where the first number came from that is not finite.
    pub fn step_checked(&mut self, n: u64) -> Option<NonFinite> {
        let variant = self.prepare(n);
        let step = self.steps.get_mut(&variant).expect("just prepared");
        self.done = n + 1;
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
        let Some(step) = self.steps.get(&self.variant(n)) else {
            return BTreeMap::new();
        };
        step.reports.iter().cloned().zip(step.program.output_f64(0)).collect()
    }

    /// The program of step `n`, to be looked at.
    pub fn program(&mut self, n: u64) -> &mut Program {
        let variant = self.prepare(n);
        &mut self.steps.get_mut(&variant).expect("just prepared").program
    }

    fn variant(&self, n: u64) -> Variant {
        Variant {
            phase: self.game.phase(n),
            turns: self.game.turns(n),
            due: self.game.due(n).collect(),
            moves: None,
        }
    }

    fn prepare(&mut self, n: u64) -> Variant {
        let slots = self.slots();
        write(&mut self.buffers[slots.key], &Key::elements(self.seed, n));
        write(&mut self.buffers[slots.progress], &[self.game.progress(n)]);
        for (i, (player, _)) in self.players.iter().enumerate() {
            let rate = player.optimiser.learning_rate() * player.schedule.factor(n);
            write(&mut self.buffers[slots.rates + i], &[rate]);
        }
        let variant = self.variant(n);
        if !self.steps.contains_key(&variant) {
            // Programs of a phase that is over hold memory for nothing.
            self.steps.retain(|other, _| other.phase == variant.phase);
            let step = self.trace(&variant, &slots);
            self.steps.insert(variant.clone(), step);
        }
        variant
    }

    /// Writes the whole step down as one graph and compiles it.
    fn trace(&self, variant: &Variant, slots: &InputSlots) -> CompiledStep {
        let dtype = self.scope.dtype();
        let inputs: Vec<Tensor> = (0..slots.count)
            .map(|slot| Tensor::placeholder(dtype, &self.shape_of(slot)))
            .collect();
        let mut state: Vec<Tensor> = inputs[..self.entries.len()].to_vec();
        if variant.turns {
            let slots = self.entries.iter().zip(&mut state);
            for (entry, slot) in slots.filter(|(entry, _)| entry.name.starts_with(OPTIMISER)) {
                *slot = Tensor::full(dtype, &entry.shape, 0.0);
            }
        }
        self.stage.set(variant.phase, inputs[slots.progress].clone());
        let parameters = self.scope.parameters();
        parameters
            .iter()
            .for_each(|parameter| parameter.set(state[self.index[parameter.name()]].clone()));
        let mut step = Step {
            x: inputs[slots.x(0)].clone(),
            y: inputs[slots.y(0)].clone(),
            extras: vec![],
            key: Key::from_tensor(&inputs[slots.key]),
            player: "",
            repeat: 0,
            due: variant.due.clone(),
            draws: Cell::new(0),
            shared: RefCell::default(),
            reports: RefCell::default(),
        };
        let mut moves = vec![];
        let most = variant.moves.unwrap_or(usize::MAX);
        for turn in self.game.moves(variant.phase) {
            let position = self
                .players
                .iter()
                .position(|(player, _)| player.name == turn.player.name)
                .expect("every move has a player");
            for repeat in 0..turn.times.min(most - moves.len()) {
                (step.x, step.y) = (inputs[slots.x(repeat)].clone(), inputs[slots.y(repeat)].clone());
                let extras = self.shape.extras.iter().enumerate();
                step.extras = extras
                    .map(|(number, (field, _))| (*field, inputs[slots.extra(repeat, number)].clone()))
                    .collect();
                (step.player, step.repeat) = (turn.player.name, repeat);
                step.draws.set(0);
                if repeat > 0 {
                    // Another batch: nothing of the last one is shared.
                    step.shared.borrow_mut().clear();
                }
                self.take_turn(position, &step, &inputs[slots.rates + position], &mut state);
                moves.push((Tensor::placeholder(dtype, &[]).id(), turn.player.name));
            }
        }
        let decay = self.system.average_decay();
        if decay > 0.0 && variant.moves.is_none() {
            let decay = Tensor::full(dtype, &[], decay);
            for parameter in self.averaged() {
                let slot = self.index[&average_name(&parameter)];
                // Running statistics too: those of the weights as they are would not be those of their average.
                state[slot] = average::update(&state[slot], &parameter.get(), &decay);
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
        let t = self.index[&format!("{OPTIMISER}{}.t", player.name)];
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
            // What others minimise after this move does not look back through it.
            let after = self.system.constrain(player.name, updated).detach();
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
        let count = self.count_of(SAMPLE, z, self.system.z_dim());
        assert!(
            y.is_none_or(|y| y.len() == count),
            "sample: one class number for every latent vector"
        );
        let y_buffer = y.map_or_else(|| Buffer::zeros(self.scope.dtype(), count), Buffer::from_f32);
        let shapes = [vec![count, self.system.z_dim()], vec![count]];
        self.evaluate(SAMPLE, y.is_some(), &shapes, vec![Buffer::from_f32(z), y_buffer])
    }

    /// What the system's function `name` gives for `input`, whole things of the space that it takes, row-major; likewise.
    ///
    /// # Panics
    /// Where the system has no such function, or `input` another length.
    pub fn apply(&mut self, name: &str, input: &[f32]) -> Vec<f32> {
        let function = self
            .system
            .functions()
            .into_iter()
            .find(|function| function.name == name);
        let function = function.unwrap_or_else(|| panic!("apply: the system has no function `{name}`"));
        let mut shape = self.shape_in(&function.takes);
        shape[0] = self.count_of(name, input, shape[1..].iter().product());
        self.evaluate(function.name, false, &[shape], vec![Buffer::from_f32(input)])
    }

    /// The shape of a batch of things of a space, `[batch, ..]`.
    ///
    /// # Panics
    /// Where the system declares a space of the data that these do not have.
    pub fn shape_in(&self, space: &Space) -> Vec<usize> {
        let of = |extents: &[usize]| [&self.shape.x[..1], extents].concat();
        match space {
            Space::Data(Field::X) => self.shape.x.clone(),
            Space::Data(Field::Y) => of(&[]),
            Space::Data(field) => {
                let extra = self.shape.extras.iter().find(|(has, _)| has == field);
                extra.expect("a system declares the fields that it needs").1.clone()
            }
            Space::Latent => of(&[self.system.z_dim()]),
            Space::Other(extents) => of(extents),
        }
    }

    fn count_of(&self, name: &str, input: &[f32], floats: usize) -> usize {
        assert!(
            floats > 0 && input.len().is_multiple_of(floats),
            "{name}: {} numbers are not whole things of {floats} numbers",
            input.len()
        );
        input.len() / floats
    }

    /// Runs a function of the system on inputs of these shapes, from averaged weights and settled statistics.
    fn evaluate(
        &mut self,
        name: &'static str,
        is_labelled: bool,
        shapes: &[Vec<usize>],
        mut more: Vec<Buffer>,
    ) -> Vec<f32> {
        let dtype = self.scope.dtype();
        let asked = Asked {
            function: name,
            count: shapes[0][0],
            is_labelled,
            phase: self.phase(),
        };
        if !self.functions.contains_key(&asked) {
            self.functions.retain(|other, _| other.phase == asked.phase);
            let mut inputs = self.settled();
            let asked_with: Vec<Tensor> = shapes.iter().map(|shape| Tensor::placeholder(dtype, shape)).collect();
            let output = evaluating(|| match name {
                SAMPLE => self.system.sample(&asked_with[0], is_labelled.then(|| &asked_with[1])),
                name => self.system.apply(name, &asked_with[0]),
            });
            inputs.extend(asked_with);
            let program = Program::compile_in(self.precision, &inputs, &[output], &[None]);
            self.functions.insert(asked.clone(), program);
        }
        more.insert(0, self.progress());
        let mut program = self.functions.remove(&asked).expect("just compiled");
        self.lend_state(more, |inputs| program.run(inputs));
        let output = program.output(0).to_vec();
        self.functions.insert(asked, program);
        output
    }

    /// Placeholders of the state and of the progress of its phase, which parameters and stage are bound to as answers are
    /// given: averaged weights where the system keeps them.
    pub(super) fn settled(&self) -> Vec<Tensor> {
        let dtype = self.scope.dtype();
        let entries = self.entries.iter();
        let mut inputs: Vec<Tensor> = entries.map(|entry| Tensor::placeholder(dtype, &entry.shape)).collect();
        for parameter in self.scope.parameters() {
            let names = [average_name(&parameter), parameter.name().to_owned()];
            let slot = names.iter().find_map(|name| self.index.get(name));
            parameter.set(inputs[*slot.expect("every parameter is in the state")].clone());
        }
        let progress = Tensor::placeholder(dtype, &[]);
        self.stage.set(self.phase(), progress.clone());
        inputs.push(progress);
        inputs
    }

    /// The value of the last of the placeholders of [`settled`](Play::settled).
    pub(super) fn progress(&self) -> Buffer {
        let mut progress = Buffer::zeros(self.scope.dtype(), 1);
        write(&mut progress, &[self.game.progress(self.done)]);
        progress
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
    format!("{OPTIMISER}{}.{slot}.{}", player.name, parameter.name())
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

pub(super) fn write(buffer: &mut Buffer, numbers: &[f64]) {
    match buffer.dtype() {
        DType::F32 => buffer
            .as_f32_mut()
            .iter_mut()
            .zip(numbers)
            .for_each(|(to, from)| *to = *from as f32),
        DType::F64 => buffer.as_f64_mut().copy_from_slice(numbers),
    }
}
