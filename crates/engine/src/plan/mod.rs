//! From a pending graph to a plan: canonical form, fusion, memory, and at last a list of instructions.
mod canonical;
mod cost;
mod fuse;
mod memory;
mod simplify;

use crate::buffer::DType;
use crate::kernels::{arithmetic::Precision, conv::Conv, gemm::Gemm, loops::CompiledLoop};
use crate::tensor::{ConvKind, Op, Random, Tensor};
use crate::view::row_major;
use canonical::{Graph, Id};
pub use cost::Cost;
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
    /// Of its products and convolutions.
    pub(crate) precision: Precision,
}

pub(crate) struct Instruction {
    pub(crate) work: Work,
    /// Where the working memory starts in the arena.
    pub(crate) scratch: usize,
    /// What it computes: place, elements, node of the canonical graph.
    pub(crate) results: Vec<(Place, usize, Id)>,
    /// Elements that it reads and writes, each once.
    pub(crate) elements: usize,
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
pub(crate) fn plan(
    precision: Precision,
    outputs: &[Tensor],
    donations: &[Option<usize>],
    placeholders: &[Tensor],
) -> Planned {
    static CACHE: OnceLock<Mutex<HashMap<Graph, Arc<Plan>>>> = OnceLock::new();
    let canonical::Canonical {
        mut graph,
        captured,
        origins,
    } = canonical::canonicalise(outputs, donations, placeholders);
    if graph.dtype == DType::F32 {
        graph.precision = precision;
    }
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
        let results: Vec<_> = unit
            .outputs()
            .map(|id| (layout.places[&id], graph.nodes[id].numel(), id))
            .collect();
        let elements = unit.elements(graph, &results);
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
            elements,
            label,
        });
    }
    for &(source, target, len) in &layout.copies {
        instructions.push(Instruction {
            work: Work::Copy { source, target, len },
            scratch: 0,
            results: vec![],
            elements: 2 * len,
            label: "copy".into(),
        });
    }
    Plan {
        instructions,
        outputs: layout.outputs,
        arena_len: layout.arena_len,
        dtype: graph.dtype,
        precision: graph.precision,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ConvOptions, concat, grad};

    fn placeholder(shape: &[usize]) -> Tensor {
        Tensor::placeholder(DType::F32, shape)
    }

    /// What is run for these outputs, an instruction a line.
    fn labels(inputs: &[Tensor], outputs: &[Tensor], donations: &[Option<usize>]) -> Vec<String> {
        let plan = build(&canonical::canonicalise(outputs, donations, inputs).graph);
        plan.instructions
            .into_iter()
            .map(|instruction| instruction.label)
            .collect()
    }

    #[test]
    fn a_dense_layer_is_one_unit() {
        let inputs = [placeholder(&[64, 100]), placeholder(&[100, 32]), placeholder(&[32])];
        let [x, w, b] = &inputs;
        let labels = labels(&inputs, &[(x.matmul(w) + b).leaky_relu(0.2)], &[None]);
        assert_eq!(
            labels,
            [
                "matmul [1, 64, 100] x [1, 100, 32] -> [1, 64, 32], then loop of 5 steps, 2 loads, 1 stores, 0 folds over 2048"
            ]
        );
    }

    #[test]
    fn a_convolution_with_bias_and_activation_is_one_unit() {
        let inputs = [
            placeholder(&[2, 8, 8, 3]),
            placeholder(&[4, 4, 3, 16]),
            placeholder(&[16]),
        ];
        let [x, w, b] = &inputs;
        let y = (x.conv(w, &ConvOptions::new().stride(2).padding(1)) + b).relu();
        let labels = labels(&inputs, &[y], &[None]);
        assert_eq!(labels.len(), 1, "{labels:#?}");
        assert!(
            labels[0].contains("conv forward") && labels[0].contains("then loop"),
            "{labels:#?}"
        );
    }

    #[test]
    fn adam_is_one_loop_in_place() {
        let inputs: Vec<Tensor> = (0..4)
            .map(|_| placeholder(&[40, 50]))
            .chain([placeholder(&[])])
            .collect();
        let [w, m, v, g, rate] = [0, 1, 2, 3, 4].map(|i| &inputs[i]);
        let m = m * 0.9 + g * 0.1;
        let v = v * 0.999 + g.square() * 0.001;
        let w = w - rate * &m / (v.sqrt() + 1e-8);
        let donations = [Some(0), Some(1), Some(2)];
        let plan = build(&canonical::canonicalise(&[w, m, v], &donations, &inputs).graph);
        let [
            Instruction {
                work: Work::Loop(call),
                label,
                ..
            },
        ] = &plan.instructions[..]
        else {
            panic!("{} instructions", plan.instructions.len())
        };
        assert!(label.contains("5 loads, 3 stores"), "{label}");
        let mut outputs = call.outputs.clone();
        outputs.sort_by_key(|place| format!("{place:?}"));
        assert_eq!(outputs, [0, 1, 2].map(Place::Input));
        assert_eq!(plan.arena_len, 0);
    }

    #[test]
    fn adam_on_a_dense_layer_runs_behind_the_product_of_its_gradient() {
        let inputs = [
            placeholder(&[64, 30]),
            placeholder(&[30, 20]),
            placeholder(&[30, 20]),
            placeholder(&[64, 20]),
        ];
        let [x, w, m, g] = &inputs;
        let slope = x.transpose().matmul(g);
        let m = m * 0.9 + slope * 0.1;
        let labels = labels(&inputs, &[w - &m * 1e-3, m], &[Some(1), Some(2)]);
        assert_eq!(labels.len(), 1, "{labels:#?}");
    }

    /// How many instructions run over this many elements; the others must be smaller.
    fn passes(labels: &[String], numel: usize) -> usize {
        let over = |label: &String| {
            label
                .rsplit(' ')
                .next()
                .and_then(|n| n.parse::<usize>().ok())
                .expect("a loop")
        };
        assert!(labels.iter().all(|label| over(label) <= numel), "{labels:#?}");
        labels.iter().filter(|label| over(label) == numel).count()
    }

    #[test]
    fn batch_norm_reads_its_input_three_times() {
        let inputs = [placeholder(&[8, 16, 16, 24]), placeholder(&[24]), placeholder(&[24])];
        let [x, scale, shift] = &inputs;
        let centred = x - x.mean_axes_kept(&[0, 1, 2]);
        let variance = centred.square().mean_axes_kept(&[0, 1, 2]);
        let y = (centred * (variance + 1e-5).rsqrt() * scale + shift).relu();
        let labels = labels(&inputs, &[y], &[None]);
        assert_eq!(passes(&labels, x.numel()), 3, "{labels:#?}");
        assert!(labels.len() <= 5, "{labels:#?}");
    }

    #[test]
    fn softmax_reads_its_input_three_times() {
        let x = placeholder(&[64, 10]);
        let labels = labels(std::slice::from_ref(&x), &[x.softmax(1)], &[None]);
        assert_eq!(passes(&labels, 640), 3, "{labels:#?}");
        assert!(labels.len() <= 4, "{labels:#?}");
    }

    #[test]
    fn two_losses_of_the_same_logits_are_one_loop() {
        let inputs = [placeholder(&[64, 1]), placeholder(&[64, 1])];
        let [real, fake] = &inputs;
        let loss = (-real).softplus().sum() + fake.softplus().sum();
        let labels = labels(&inputs, &[loss, real.sigmoid().sum(), real.sum()], &[None; 3]);
        assert!(labels.len() <= 3, "{labels:#?}");
    }

    #[test]
    fn views_cost_nothing() {
        let inputs = [placeholder(&[6, 4]), placeholder(&[4, 10])];
        let [a, b] = &inputs;
        let y = a
            .transpose()
            .slice(1, 1, 5)
            .transpose()
            .matmul(&b.slice_step(1, 1, 4, 2))
            .reshape(&[2, 2, 4]);
        let labels = labels(&inputs, &[y], &[None]);
        assert_eq!(labels.len(), 1, "{labels:#?}");
    }

    #[test]
    fn long_chains_are_one_loop() {
        let x = placeholder(&[100]);
        let y = (0..200).fold(x.clone(), |y, _| y * 1.01 + 0.5);
        let labels = labels(&[x], &[y], &[None]);
        assert_eq!(labels.len(), 1, "{labels:#?}");
    }

    #[test]
    fn the_generators_loss_makes_no_gradient_of_the_discriminators_weights() {
        let inputs = [placeholder(&[8, 5]), placeholder(&[5, 7]), placeholder(&[7, 1])];
        let [z, generator, discriminator] = &inputs;
        let loss = (-z.matmul(generator).tanh().matmul(discriminator)).softplus().mean();
        let labels = labels(&inputs, &grad(&loss, &[generator]), &[None]);
        let products = labels.iter().filter(|label| label.contains("matmul")).count();
        assert_eq!(products, 4, "{labels:#?}");
    }

    #[test]
    fn big_graphs_have_no_circles_and_wide_loops_are_cut() {
        let inputs: Vec<Tensor> = (0..300).map(|_| placeholder(&[3, 5])).collect();
        let mut layer = inputs.clone();
        for round in 0..6 {
            // Neighbours meet elementwise, through a fold, and through a view in turn.
            let pairs = layer.windows(2).map(|pair| match round % 3 {
                0 => (&pair[0] * &pair[1]).tanh(),
                1 => &pair[0] - pair[1].mean_axes_kept(&[round % 2]),
                _ => &pair[0] + pair[1].flip(1).exp(),
            });
            layer = pairs.collect();
        }
        let plan = build(&canonical::canonicalise(&[concat(&layer, 0)], &[None], &inputs).graph);
        for instruction in &plan.instructions {
            if let Work::Loop(call) = &instruction.work {
                assert!(
                    call.inputs.len() <= 128 && call.outputs.len() <= 128,
                    "{}",
                    instruction.label
                );
            }
        }
    }
}
