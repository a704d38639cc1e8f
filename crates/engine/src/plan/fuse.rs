//! Fusion: which expressions get memory of their own, and which elementwise chains and reductions run as one loop.
use super::canonical::{Expression, Graph, Id};
use crate::kernels::loops::{Binary, Loop, ReduceSpec, Reduction, Step, Ternary, Unary, Value};
use crate::tensor::Op;
use crate::view::View;
use std::collections::{HashMap, HashSet};

/// An expression costs about this many steps before it is worth a buffer instead of computing it again.
const RECOMPUTE_STEPS: usize = 10;
/// Longer expressions are cut, so that a loop's registers stay in the first-level cache.
const EXPRESSION_STEPS: usize = 48;
/// Loops with more loads or results than this are cut; the executor has room for no more.
const MOST_LOADS: usize = 120;
const MOST_RESULTS: usize = 64;

/// What the plan executes as one unit.
#[derive(Debug)]
pub(crate) enum Kernel {
    /// Elementwise results and reductions over one flat index space.
    Loop(LoopKernel),
    /// Anything else: the node's own operation, its arguments through views of nodes with memory.
    Heavy { node: Id, arguments: Vec<(Id, View)> },
}

#[derive(Debug)]
pub(crate) struct LoopKernel {
    pub(crate) body: Loop,
    /// The node with memory that each load reads.
    pub(crate) inputs: Vec<Id>,
    /// The nodes that get memory: stores first, then reductions.
    pub(crate) outputs: Vec<Id>,
}

impl Kernel {
    /// The nodes with memory that this reads.
    pub(crate) fn inputs(&self) -> impl Iterator<Item = Id> + '_ {
        let (loads, arguments) = match self {
            Kernel::Loop(kernel) => (&kernel.inputs[..], &[][..]),
            Kernel::Heavy { arguments, .. } => (&[][..], &arguments[..]),
        };
        loads.iter().copied().chain(arguments.iter().map(|(id, _)| *id))
    }

    /// The nodes whose memory this fills.
    pub(crate) fn outputs(&self) -> &[Id] {
        match self {
            Kernel::Loop(kernel) => &kernel.outputs,
            Kernel::Heavy { node, .. } => std::slice::from_ref(node),
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// Has memory from outside.
    Input,
    /// Computed an element at a time.
    Pointwise,
    /// The argument's elements in another order.
    View,
    Reshape,
    Reduce,
    Heavy,
}

fn kind(node: &Expression) -> Kind {
    match node.op {
        Op::Input => Kind::Input,
        Op::Constant(_) | Op::Iota | Op::Detach | Op::Unary(_) | Op::Binary(_) | Op::LeakyRelu(_) | Op::Select => {
            Kind::Pointwise
        }
        Op::Broadcast | Op::Permute(_) | Op::Slice { .. } => Kind::View,
        Op::Reshape => Kind::Reshape,
        Op::Reduce(..) => Kind::Reduce,
        Op::Embed { .. }
        | Op::Concat(_)
        | Op::Gather
        | Op::ScatterAdd
        | Op::ArgMax(_)
        | Op::MatMul
        | Op::Conv(..)
        | Op::Random(..) => Kind::Heavy,
    }
}

pub(crate) struct Fusion<'a> {
    graph: &'a Graph,
    /// Whether a node gets memory of its own although it could be computed where it is read.
    has_memory: Vec<bool>,
}

/// Cuts the graph into kernels, in an order in which they can run; also gives, for every output, the node whose
/// memory holds it.
pub(crate) fn fuse(graph: &Graph) -> (Vec<Kernel>, Vec<Id>) {
    let mut fusion = Fusion {
        graph,
        has_memory: vec![false; graph.nodes.len()],
    };
    fusion.give_memory();
    let kernels = fusion.group();
    let holders = graph
        .outputs
        .iter()
        .map(|&id| fusion.access(id).expect("outputs have memory").0)
        .collect();
    (in_order(kernels), holders)
}

impl Fusion<'_> {
    fn node(&self, id: Id) -> &Expression {
        &self.graph.nodes[id]
    }

    fn is_materialised(&self, id: Id) -> bool {
        self.has_memory[id] || matches!(kind(self.node(id)), Kind::Input | Kind::Reduce | Kind::Heavy)
    }

    /// The memory that holds a node's elements and how they lie in it, if strides can say that.
    fn access(&self, id: Id) -> Option<(Id, View)> {
        let node = self.node(id);
        if self.is_materialised(id) {
            return Some((id, View::contiguous(&node.shape)));
        }
        match &node.op {
            Op::Reshape => {
                let (base, view) = self.access(node.arguments[0])?;
                Some((base, view.reshaped(&node.shape)?))
            }
            Op::Broadcast => self
                .access(node.arguments[0])
                .map(|(base, view)| (base, view.broadcast(&node.shape))),
            Op::Permute(axes) => self
                .access(node.arguments[0])
                .map(|(base, view)| (base, view.permuted(axes))),
            Op::Slice { starts, steps } => self
                .access(node.arguments[0])
                .map(|(base, view)| (base, view.sliced(starts, steps, &node.shape))),
            _ => None,
        }
    }

    fn give_memory(&mut self) {
        let mut consumers = vec![0usize; self.graph.nodes.len()];
        for node in &self.graph.nodes {
            node.arguments.iter().for_each(|&argument| consumers[argument] += 1);
        }
        let mut steps = vec![0usize; self.graph.nodes.len()];
        for id in 0..self.graph.nodes.len() {
            let node = self.node(id);
            let arguments = node.arguments.clone();
            match kind(node) {
                Kind::View | Kind::Heavy => self.demand_arguments(id),
                Kind::Input | Kind::Reduce => {}
                Kind::Reshape => {
                    steps[id] = if self.access(arguments[0]).is_some() {
                        1
                    } else {
                        steps[arguments[0]]
                    }
                }
                Kind::Pointwise => {
                    let own = match node.op {
                        Op::Unary(
                            Unary::Exp
                            | Unary::Log
                            | Unary::Tanh
                            | Unary::Sigmoid
                            | Unary::Softplus
                            | Unary::Sin
                            | Unary::Cos,
                        )
                        | Op::Binary(Binary::Pow) => RECOMPUTE_STEPS,
                        Op::Constant(_) => 0,
                        _ => 1,
                    };
                    let under = |argument: &Id| {
                        if self.is_materialised(*argument) {
                            1
                        } else {
                            steps[*argument]
                        }
                    };
                    steps[id] = own + arguments.iter().map(under).sum::<usize>();
                    if steps[id] > EXPRESSION_STEPS || (consumers[id] > 1 && steps[id] > RECOMPUTE_STEPS) {
                        self.has_memory[id] = true;
                    }
                }
            }
        }
        // A node between a view and its base that gets memory changes the view, so all is asked for until nothing changes.
        loop {
            let before = self.has_memory.clone();
            (0..self.graph.nodes.len()).for_each(|id| self.demand_arguments(id));
            for (&output, &donation) in self.graph.outputs.iter().zip(&self.graph.donations) {
                self.demand_output(output, donation);
            }
            if self.has_memory == before {
                break;
            }
        }
    }

    /// Makes sure that a node can read its arguments.
    fn demand_arguments(&mut self, id: Id) {
        let node = &self.graph.nodes[id];
        match kind(node) {
            Kind::View => self.demand_access(node.arguments[0]),
            Kind::Heavy if node.op == Op::MatMul => node.arguments.iter().for_each(|&a| self.demand_forward(a)),
            Kind::Heavy => node.arguments.iter().for_each(|&a| self.demand_contiguous(a)),
            Kind::Input | Kind::Pointwise | Kind::Reshape | Kind::Reduce => {}
        }
    }

    /// Makes sure that an output lies in memory that its caller may keep: an input's only where that is donated to it.
    fn demand_output(&mut self, id: Id, donation: Option<usize>) {
        self.demand_contiguous(id);
        let holder = self.access(id).map(|(base, _)| self.node(base));
        if holder.is_some_and(|base| kind(base) == Kind::Input && donation != Some(base.slot)) {
            self.has_memory[id] = true;
        }
    }

    /// Makes sure that a node can be read through strides of which none runs backwards.
    fn demand_forward(&mut self, id: Id) {
        self.demand_access(id);
        let runs_backwards = |view: &View| {
            view.shape
                .iter()
                .zip(&view.strides)
                .any(|(&extent, &stride)| extent > 1 && stride < 0)
        };
        if self.access(id).is_some_and(|(_, view)| runs_backwards(&view)) {
            self.has_memory[id] = true;
        }
    }

    /// Makes sure that a node can be read through strides.
    fn demand_access(&mut self, id: Id) {
        if self.access(id).is_some() {
            return;
        }
        let argument = self.node(id).arguments.first().copied();
        match kind(self.node(id)) {
            // The argument has no memory yet: give it some, and the reshape comes free.
            Kind::Reshape if self.access(argument.expect("a reshape has an argument")).is_none() => {
                self.demand_access(argument.expect("a reshape has an argument"));
                self.demand_access(id);
            }
            _ => self.has_memory[id] = true,
        }
    }

    /// Makes sure that a node's elements lie one behind the other at the start of some memory.
    fn demand_contiguous(&mut self, id: Id) {
        self.demand_access(id);
        if self
            .access(id)
            .is_some_and(|(base, view)| !view.is_identity() || self.node(base).numel() != self.node(id).numel())
        {
            self.has_memory[id] = true;
        }
    }

    fn group(&self) -> Vec<Kernel> {
        let mut heavy = Vec::new();
        let mut groups: Vec<Group> = Vec::new();
        // By node with memory: the stage at which kernels other than its own can read it, and its group.
        let mut stages = vec![0usize; self.graph.nodes.len()];
        let mut group_of: HashMap<Id, usize> = HashMap::new();
        for (id, node) in self.graph.nodes.iter().enumerate() {
            if !self.is_materialised(id) || kind(node) == Kind::Input {
                continue;
            }
            if kind(node) == Kind::Heavy {
                let arguments: Vec<_> = node
                    .arguments
                    .iter()
                    .map(|&a| self.access(a).expect("arguments have memory"))
                    .collect();
                stages[id] = arguments.iter().map(|(base, _)| stages[*base] + 1).max().unwrap_or(0);
                heavy.push(Kernel::Heavy { node: id, arguments });
                continue;
            }
            let member = Member::new(self, id);
            let can_join = |base: &Id| {
                group_of.contains_key(base)
                    && kind(self.node(*base)) != Kind::Reduce
                    && self.node(*base).numel() == member.numel
            };
            let reads_through = |base: &Id| {
                member
                    .loads
                    .iter()
                    .all(|(load, view)| load != base || view.is_identity())
            };
            let ready = |base: &Id| {
                let fuses = can_join(base) && reads_through(base);
                stages[*base] + usize::from(!fuses && kind(self.node(*base)) != Kind::Input)
            };
            let mut stage = member.loads.iter().map(|(base, _)| ready(base)).max().unwrap_or(0);
            let producers = |stage: usize| {
                let mut found: Vec<usize> = member
                    .loads
                    .iter()
                    .map(|(base, _)| base)
                    .filter(|base| can_join(base) && stages[**base] == stage)
                    .map(|base| group_of[base])
                    .collect();
                found.sort_unstable();
                found.dedup();
                found
            };
            let mut joined = producers(stage);
            let fits = |groups: &[Group], joined: &[usize]| {
                let reads = joined.iter().flat_map(|&g| &groups[g].reads).chain(&member.loads);
                let members = joined.iter().map(|&g| groups[g].members.len()).sum::<usize>();
                if members >= MOST_RESULTS || reads.collect::<HashSet<_>>().len() > MOST_LOADS {
                    return false;
                }
                let mut reduce = member.reduce;
                joined.iter().all(|&g| match (reduce, groups[g].reduce) {
                    (Some(a), Some(b)) => a == b,
                    (a, b) => {
                        reduce = a.or(b);
                        true
                    }
                })
            };
            if !fits(&groups, &joined) {
                stage += 1;
                joined.clear();
            }
            // Loops that read the same memory at the same stage read it together.
            for (other, group) in groups.iter().enumerate() {
                let meets =
                    group.is_alive && group.stage == stage && group.numel == member.numel && !joined.contains(&other);
                if meets && group.members.len() < 24 && member.shares_reads(group) {
                    joined.push(other);
                    if !fits(&groups, &joined) {
                        joined.pop();
                    }
                }
            }
            let target = match joined.first() {
                Some(&target) => target,
                None => {
                    groups.push(Group {
                        stage,
                        numel: member.numel,
                        reduce: None,
                        members: vec![],
                        reads: HashSet::new(),
                        is_alive: true,
                    });
                    groups.len() - 1
                }
            };
            for &other in joined.iter().skip(1) {
                let taken = std::mem::take(&mut groups[other].members);
                groups[other].is_alive = false;
                taken.iter().for_each(|&m| _ = group_of.insert(m, target));
                let (reads, reduce) = (std::mem::take(&mut groups[other].reads), groups[other].reduce);
                let group = &mut groups[target];
                group.members.extend(taken);
                group.reads.extend(reads);
                group.reduce = group.reduce.or(reduce);
            }
            let group = &mut groups[target];
            group.members.push(id);
            group.reads.extend(member.loads);
            group.reduce = group.reduce.or(member.reduce);
            group_of.insert(id, target);
            stages[id] = stage;
        }
        let loops = groups
            .into_iter()
            .filter(|group| group.is_alive)
            .map(|group| Kernel::Loop(self.lower(group)));
        heavy.into_iter().chain(loops).collect()
    }

    fn lower(&self, mut group: Group) -> LoopKernel {
        // Arguments before what reads them.
        group.members.sort_unstable();
        let mut lowering = Lowering {
            fusion: self,
            body: Loop::default(),
            inputs: vec![],
            values: HashMap::new(),
            members: &group.members,
        };
        lowering.body.numel = group.numel;
        lowering.body.reduce = group.reduce;
        let (mut stores, mut reductions) = (vec![], vec![]);
        for &member in &group.members {
            let node = self.node(member);
            let value = match &node.op {
                Op::Reduce(kind, _) => {
                    let value = lowering.value(node.arguments[0]);
                    lowering.body.reductions.push(Reduction { kind: *kind, value });
                    reductions.push(member);
                    continue;
                }
                _ => lowering.compute(member),
            };
            lowering.body.stores.push(value);
            lowering.values.insert(member, value);
            stores.push(member);
        }
        let Lowering { body, inputs, .. } = lowering;
        LoopKernel {
            body: body.shortened(),
            inputs,
            outputs: stores.into_iter().chain(reductions).collect(),
        }
    }
}

struct Group {
    stage: usize,
    numel: usize,
    reduce: Option<ReduceSpec>,
    members: Vec<Id>,
    reads: HashSet<(Id, View)>,
    is_alive: bool,
}

/// A node with memory that a loop computes, and what the loop reads for it.
struct Member {
    numel: usize,
    reduce: Option<ReduceSpec>,
    loads: Vec<(Id, View)>,
}

impl Member {
    fn new(fusion: &Fusion, id: Id) -> Member {
        let node = fusion.node(id);
        let (source, reduce) = match &node.op {
            Op::Reduce(_, axes) => {
                let shape = &fusion.node(node.arguments[0]).shape;
                let (first, last) = (axes[0], axes[axes.len() - 1]);
                let product = |range: &[usize]| range.iter().product::<usize>();
                let spec = ReduceSpec {
                    outer: product(&shape[..first]),
                    extent: product(&shape[first..=last]),
                    inner: product(&shape[last + 1..]),
                };
                (node.arguments[0], Some(spec))
            }
            _ => (id, None),
        };
        let mut member = Member {
            numel: fusion.node(source).numel(),
            reduce,
            loads: vec![],
        };
        let mut seen = vec![];
        member.collect(fusion, source, source == id, &mut seen);
        member
    }

    fn collect(&mut self, fusion: &Fusion, id: Id, is_root: bool, seen: &mut Vec<Id>) {
        if seen.contains(&id) {
            return;
        }
        seen.push(id);
        if !is_root && let Some(load) = fusion.access(id) {
            return self.loads.push(load);
        }
        let node = fusion.node(id);
        if is_root && kind(node) == Kind::View {
            return self.loads.push(fusion.copied(id));
        }
        for &argument in &node.arguments {
            self.collect(fusion, argument, false, seen);
        }
    }

    fn shares_reads(&self, group: &Group) -> bool {
        self.loads.iter().any(|(base, view)| {
            view.is_identity() && self.numel > 1 && group.reads.iter().any(|(read, _)| read == base)
        })
    }
}

impl Fusion<'_> {
    /// What a view that gets memory of its own is copied from.
    fn copied(&self, id: Id) -> (Id, View) {
        let node = self.node(id);
        let (base, view) = self
            .access(node.arguments[0])
            .expect("the argument of a view has memory");
        let view = match &node.op {
            Op::Broadcast => view.broadcast(&node.shape),
            Op::Permute(axes) => view.permuted(axes),
            Op::Slice { starts, steps } => view.sliced(starts, steps, &node.shape),
            op => unreachable!("{op:?} is no view"),
        };
        (base, view)
    }
}

/// One loop being written.
struct Lowering<'a> {
    fusion: &'a Fusion<'a>,
    body: Loop,
    inputs: Vec<Id>,
    values: HashMap<Id, Value>,
    members: &'a [Id],
}

impl Lowering<'_> {
    fn push(&mut self, step: Step) -> Value {
        self.body.steps.push(step);
        (self.body.steps.len() - 1) as Value
    }

    fn constant(&mut self, number: f64) -> Value {
        self.push(Step::Const(number))
    }

    fn load(&mut self, base: Id, view: View) -> Value {
        if view.is_identity() && view.shape.iter().product::<usize>() == self.fusion.node(base).numel() {
            if let Some(&value) = self.values.get(&base) {
                return value;
            }
            let value = self.load_view(base, view);
            self.values.insert(base, value);
            return value;
        }
        self.load_view(base, view)
    }

    fn load_view(&mut self, base: Id, view: View) -> Value {
        debug_assert!(
            !self.members.contains(&base) || matches!(kind(self.fusion.node(base)), Kind::Reduce),
            "a loop reads its own result"
        );
        let known = (0..self.inputs.len()).find(|&i| self.inputs[i] == base && self.body.loads[i] == view);
        let index = known.unwrap_or_else(|| {
            self.inputs.push(base);
            self.body.loads.push(view);
            self.inputs.len() - 1
        });
        self.push(Step::Load(index as u16))
    }

    /// The value of a node at the loop's index: read where it has memory, computed elsewhere.
    fn value(&mut self, id: Id) -> Value {
        if let Some(&value) = self.values.get(&id) {
            return value;
        }
        let value = match self.fusion.access(id) {
            Some((base, view)) => self.load(base, view),
            None => self.compute(id),
        };
        self.values.insert(id, value);
        value
    }

    fn compute(&mut self, id: Id) -> Value {
        let node = self.fusion.node(id);
        let argument = |i: usize| node.arguments[i];
        match &node.op {
            Op::Constant(bits) => self.constant(f64::from_bits(*bits)),
            Op::Iota => self.push(Step::Index),
            Op::Detach | Op::Reshape => self.value(argument(0)),
            Op::Unary(op) => {
                let x = self.value(argument(0));
                self.push(Step::Unary(*op, x))
            }
            Op::Binary(op) => {
                let (a, b) = (self.value(argument(0)), self.value(argument(1)));
                self.push(Step::Binary(*op, a, b))
            }
            Op::Select => {
                let [condition, a, b] = [0, 1, 2].map(|i| self.value(argument(i)));
                self.push(Step::Ternary(Ternary::Select, condition, a, b))
            }
            Op::LeakyRelu(bits) => {
                let x = self.value(argument(0));
                let slope = self.constant(f64::from_bits(*bits));
                self.push(Step::Ternary(Ternary::Gate, x, x, slope))
            }
            Op::Broadcast | Op::Permute(_) | Op::Slice { .. } => {
                let (base, view) = self.fusion.copied(id);
                self.load(base, view)
            }
            op => unreachable!("{op:?} is not computed in a loop"),
        }
    }
}

/// Sorts kernels so that each comes after what it reads, otherwise as the model code wrote them.
fn in_order(kernels: Vec<Kernel>) -> Vec<Kernel> {
    let maker: HashMap<Id, usize> = kernels
        .iter()
        .enumerate()
        .flat_map(|(k, kernel)| kernel.outputs().iter().map(move |&id| (id, k)))
        .collect();
    let mut missing = vec![0usize; kernels.len()];
    let mut readers = vec![vec![]; kernels.len()];
    for (k, kernel) in kernels.iter().enumerate() {
        let mut makers: Vec<usize> = kernel
            .inputs()
            .filter_map(|id| maker.get(&id).copied())
            .filter(|&m| m != k)
            .collect();
        makers.sort_unstable();
        makers.dedup();
        missing[k] = makers.len();
        makers.into_iter().for_each(|m| readers[m].push(k));
    }
    let priority = |k: usize| std::cmp::Reverse((kernels[k].outputs().iter().min().copied().unwrap_or(0), k));
    let mut ready: std::collections::BinaryHeap<_> =
        (0..kernels.len()).filter(|&k| missing[k] == 0).map(priority).collect();
    let mut order = Vec::with_capacity(kernels.len());
    while let Some(std::cmp::Reverse((_, k))) = ready.pop() {
        order.push(k);
        for &reader in &readers[k] {
            missing[reader] -= 1;
            if missing[reader] == 0 {
                ready.push(priority(reader));
            }
        }
    }
    assert_eq!(order.len(), kernels.len(), "fusion made a circle");
    let mut kernels: Vec<Option<Kernel>> = kernels.into_iter().map(Some).collect();
    order
        .into_iter()
        .map(|k| kernels[k].take().expect("each kernel once"))
        .collect()
}
