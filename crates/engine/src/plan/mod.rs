//! From a pending graph to a plan: canonical form, fusion, memory, and at last a list of instructions.
mod canonical;
mod fuse;
mod memory;

use crate::kernels::{conv::Conv, gemm::Gemm, loops::CompiledLoop};
use crate::tensor::{ConvKind, DType, Op, Random, Tensor};
use crate::view::row_major;
use canonical::{Graph, Id};
use fuse::{Kernel, LoopKernel};
pub(crate) use memory::Place;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

/// A compiled graph: what to run in which order on which memory. It depends on structure only, never on values.
pub(crate) struct Plan {
    pub(crate) instructions: Vec<Instruction>,
    /// Where each output lies after a run.
    pub(crate) outputs: Vec<Place>,
    /// Elements of the plan's own memory.
    pub(crate) arena_len: usize,
    pub(crate) dtype: DType,
}

pub(crate) struct Instruction {
    pub(crate) work: Work,
    /// Where the working memory starts in the arena.
    pub(crate) scratch: usize,
    /// What it computes: place, elements, node of the canonical graph.
    pub(crate) results: Vec<(Place, usize, Id)>,
    /// For people who look for time: what this is.
    pub(crate) label: String,
}

/// A place and the element of it that index zero reads.
#[derive(Clone, Copy)]
pub(crate) struct Operand {
    pub(crate) place: Place,
    pub(crate) offset: usize,
}

pub(crate) struct LoopCall {
    pub(crate) body: CompiledLoop,
    pub(crate) inputs: Vec<Place>,
    pub(crate) outputs: Vec<Place>,
}

pub(crate) enum Work {
    Loop(LoopCall),
    MatMul {
        gemm: Gemm,
        a: Operand,
        b: Operand,
        c: Place,
        epilogue: Option<LoopCall>,
    },
    Conv {
        kind: ConvKind,
        conv: Conv,
        a: Place,
        b: Place,
        c: Place,
        epilogue: Option<LoopCall>,
    },
    /// Zeros, then each piece's elements at strides of the target.
    Assemble {
        pieces: Vec<Piece>,
        is_covered: bool,
        target: Place,
        len: usize,
    },
    Gather {
        table: Place,
        rows: usize,
        row: usize,
        index: Place,
        count: usize,
        target: Place,
    },
    ScatterAdd {
        values: Place,
        rows: usize,
        row: usize,
        index: Place,
        count: usize,
        target: Place,
    },
    ArgMax {
        source: Place,
        outer: usize,
        extent: usize,
        inner: usize,
        target: Place,
    },
    Random {
        kind: Random,
        stream: u64,
        key: Place,
        target: Place,
        len: usize,
    },
    Copy {
        source: Place,
        target: Place,
        len: usize,
    },
}

/// A source whose rows go to strided rows of a target.
pub(crate) struct Piece {
    pub(crate) source: Place,
    pub(crate) shape: Vec<usize>,
    pub(crate) offset: usize,
    pub(crate) strides: Vec<isize>,
}

/// A plan for one graph of tensors.
pub(crate) struct Planned {
    pub(crate) plan: Arc<Plan>,
    /// Leaves with known values, which the plan reads as inputs behind the placeholders.
    pub(crate) captured: Vec<Tensor>,
    /// For each node of the canonical graph the number of a tensor that it computes.
    pub(crate) origins: Vec<u64>,
}

static PLANS_BUILT: AtomicUsize = AtomicUsize::new(0);

/// How many plans this process has built so far; a training step that has run once builds none.
pub fn plans_built() -> usize {
    PLANS_BUILT.load(Ordering::Relaxed)
}

/// More plans than this, and the cache starts anew: somebody evaluates ever new graphs.
const CACHED_PLANS: usize = 512;

/// The plan that computes these tensors from `placeholders`, from the cache if the same structure was planned before.
pub(crate) fn plan(outputs: &[Tensor], donations: &[Option<usize>], placeholders: &[Tensor]) -> Planned {
    static CACHE: OnceLock<Mutex<HashMap<Graph, Arc<Plan>>>> = OnceLock::new();
    let canonical::Canonical {
        graph,
        captured,
        origins,
    } = canonical::canonicalise(outputs, donations, placeholders);
    let mut cache = CACHE
        .get_or_init(Mutex::default)
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    if let Some(plan) = cache.get(&graph) {
        return Planned {
            plan: plan.clone(),
            captured,
            origins,
        };
    }
    let plan = Arc::new(build(&graph));
    PLANS_BUILT.fetch_add(1, Ordering::Relaxed);
    if cache.len() >= CACHED_PLANS {
        cache.clear();
    }
    cache.insert(graph, plan.clone());
    Planned {
        plan,
        captured,
        origins,
    }
}

fn build(graph: &Graph) -> Plan {
    let (kernels, holders) = fuse::fuse(graph);
    let mut units = memory::attach_epilogues(graph, kernels);
    let bodies: Vec<Body> = units.iter().map(|unit| Body::new(graph, &unit.kernel)).collect();
    for (unit, body) in units.iter_mut().zip(&bodies) {
        unit.scratch_len = body.scratch_len();
    }
    let layout = memory::lay_out(graph, &units, &holders);
    let place = |id: &Id| layout.places[id];
    let call = |kernel: &LoopKernel, body: CompiledLoop| LoopCall {
        body,
        inputs: kernel.inputs.iter().map(place).collect(),
        outputs: kernel.outputs.iter().map(place).collect(),
    };
    let mut instructions = Vec::new();
    for ((unit, body), &scratch) in units.iter().zip(bodies).zip(&layout.scratch) {
        let label = unit.label(graph);
        let results = unit
            .outputs()
            .map(|id| (layout.places[&id], graph.nodes[id].numel(), id))
            .collect();
        let epilogue = unit.epilogue.as_ref().map(|kernel| call(kernel, kernel.body.compile()));
        let work = match &unit.kernel {
            Kernel::Loop(kernel) => {
                let Body::Loop(body) = body else {
                    unreachable!("loops have loop bodies")
                };
                Work::Loop(call(kernel, body))
            }
            Kernel::Heavy { node, arguments } => {
                let target = place(node);
                let operand = |i: usize| Operand {
                    place: place(&arguments[i].0),
                    offset: arguments[i].1.offset,
                };
                let argument = |i: usize| place(&arguments[i].0);
                let node = &graph.nodes[*node];
                let len = node.numel();
                let row = || node.shape[1..].iter().product::<usize>();
                let extent = |i: usize| graph.nodes[arguments[i].0].numel();
                match (&node.op, body) {
                    (Op::MatMul, Body::MatMul(gemm)) => Work::MatMul {
                        gemm,
                        a: operand(0),
                        b: operand(1),
                        c: target,
                        epilogue,
                    },
                    (Op::Conv(kind, _), Body::Conv(_, conv)) => Work::Conv {
                        kind: *kind,
                        conv,
                        a: argument(0),
                        b: argument(1),
                        c: target,
                        epilogue,
                    },
                    (Op::Embed { starts, steps }, _) => {
                        let strides = row_major(&node.shape);
                        let piece = Piece {
                            source: argument(0),
                            shape: graph.nodes[node.arguments[0]].shape.clone(),
                            offset: starts
                                .iter()
                                .zip(&strides)
                                .map(|(start, stride)| start * *stride as usize)
                                .sum(),
                            strides: strides.iter().zip(steps).map(|(stride, step)| stride * step).collect(),
                        };
                        Work::Assemble {
                            pieces: vec![piece],
                            is_covered: false,
                            target,
                            len,
                        }
                    }
                    (Op::Concat(axis), _) => {
                        let strides = row_major(&node.shape);
                        let mut start = 0;
                        let pieces = node.arguments.iter().zip(arguments).map(|(&id, (holder, _))| {
                            let shape = graph.nodes[id].shape.clone();
                            let offset = start * strides[*axis] as usize;
                            start += shape[*axis];
                            Piece {
                                source: place(holder),
                                shape,
                                offset,
                                strides: strides.clone(),
                            }
                        });
                        Work::Assemble {
                            pieces: pieces.collect(),
                            is_covered: true,
                            target,
                            len,
                        }
                    }
                    (Op::Gather, _) => {
                        let rows = graph.nodes[node.arguments[0]].shape[0];
                        Work::Gather {
                            table: argument(0),
                            rows,
                            row: row(),
                            index: argument(1),
                            count: extent(1),
                            target,
                        }
                    }
                    (Op::ScatterAdd, _) => {
                        let rows = node.shape[0];
                        Work::ScatterAdd {
                            values: argument(0),
                            rows,
                            row: row(),
                            index: argument(1),
                            count: extent(1),
                            target,
                        }
                    }
                    (Op::ArgMax(axis), _) => {
                        let shape = &graph.nodes[node.arguments[0]].shape;
                        let (outer, inner) = (shape[..*axis].iter().product(), shape[axis + 1..].iter().product());
                        Work::ArgMax {
                            source: argument(0),
                            outer,
                            extent: shape[*axis],
                            inner,
                            target,
                        }
                    }
                    (Op::Random(kind, stream), _) => Work::Random {
                        kind: *kind,
                        stream: *stream,
                        key: argument(0),
                        target,
                        len,
                    },
                    (op, _) => unreachable!("{op:?} is no kernel"),
                }
            }
        };
        instructions.push(Instruction {
            work,
            scratch,
            results,
            label,
        });
    }
    for &(source, target, len) in &layout.copies {
        instructions.push(Instruction {
            work: Work::Copy { source, target, len },
            scratch: 0,
            results: vec![],
            label: "copy".into(),
        });
    }
    Plan {
        instructions,
        outputs: layout.outputs,
        arena_len: layout.arena_len,
        dtype: graph.dtype,
    }
}

/// What a unit needs besides places.
enum Body {
    Loop(CompiledLoop),
    MatMul(Gemm),
    Conv(ConvKind, Conv),
    Other,
}

impl Body {
    fn new(graph: &Graph, kernel: &Kernel) -> Body {
        let Kernel::Heavy { node, arguments } = kernel else {
            let Kernel::Loop(kernel) = kernel else { unreachable!() };
            return Body::Loop(kernel.body.compile());
        };
        let node = &graph.nodes[*node];
        match &node.op {
            Op::MatMul => {
                let (a, b) = (&arguments[0].1, &arguments[1].1);
                // Fusion copies operands that run backwards; along an axis of extent 1 nothing runs.
                let stride = |stride: isize| usize::try_from(stride).unwrap_or(0);
                Body::MatMul(Gemm {
                    batch: node.shape[0],
                    m: node.shape[1],
                    n: node.shape[2],
                    k: a.shape[2],
                    a_batch_stride: stride(a.strides[0]),
                    a_strides: [stride(a.strides[1]), stride(a.strides[2])],
                    b_batch_stride: stride(b.strides[0]),
                    b_strides: [stride(b.strides[1]), stride(b.strides[2])],
                })
            }
            Op::Conv(kind, geometry) => {
                let shape = |i: usize| &graph.nodes[node.arguments[i]].shape;
                let (x, y, w) = match kind {
                    ConvKind::Forward => (shape(0), &node.shape, shape(1)),
                    ConvKind::Input => (&node.shape, shape(0), shape(1)),
                    ConvKind::Weight => (shape(0), shape(1), &node.shape),
                };
                let conv = Conv {
                    batch: x[0],
                    groups: geometry.groups,
                    c_in: x[4],
                    c_out: y[4],
                    input: [x[1], x[2], x[3]],
                    output: [y[1], y[2], y[3]],
                    kernel: [w[0], w[1], w[2]],
                    stride: geometry.stride,
                    dilation: geometry.dilation,
                    padding: geometry.padding,
                };
                Body::Conv(*kind, conv)
            }
            _ => Body::Other,
        }
    }

    fn scratch_len(&self) -> usize {
        match self {
            Body::Loop(body) => body.scratch_len(),
            Body::MatMul(gemm) => gemm.scratch_len(),
            Body::Conv(ConvKind::Forward, conv) => conv.forward_scratch_len(),
            Body::Conv(ConvKind::Input, conv) => conv.input_scratch_len(),
            Body::Conv(ConvKind::Weight, conv) => conv.weight_scratch_len(),
            Body::Other => 0,
        }
    }
}

impl memory::Unit {
    fn label(&self, graph: &Graph) -> String {
        let name = |kernel: &LoopKernel| {
            let (stores, reductions) = (kernel.body.stores.len(), kernel.body.reductions.len());
            format!(
                "loop of {} steps, {} loads, {stores} stores, {reductions} folds over {}",
                kernel.body.steps.len(),
                kernel.inputs.len(),
                kernel.body.numel
            )
        };
        let main = match &self.kernel {
            Kernel::Loop(kernel) => name(kernel),
            Kernel::Heavy { node, .. } => {
                let node = &graph.nodes[*node];
                let shapes: Vec<_> = node
                    .arguments
                    .iter()
                    .map(|&id| format!("{:?}", graph.nodes[id].shape))
                    .collect();
                let op = format!("{:?}", node.op);
                let op = op.split(['(', ' ']).next().unwrap_or_default().to_lowercase();
                let sister = if let Op::Conv(kind, _) = node.op {
                    format!(" {kind:?}").to_lowercase()
                } else {
                    String::new()
                };
                format!("{op}{sister} {} -> {:?}", shapes.join(" x "), node.shape)
            }
        };
        match &self.epilogue {
            Some(epilogue) => format!("{main}, then {}", name(epilogue)),
            None => main,
        }
    }
}
