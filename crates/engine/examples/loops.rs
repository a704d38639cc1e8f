//! Bandwidth of fused loops: `cargo run --release -p gany-engine --example loops`.
use gany_engine::kernels::isa::Isa;
use gany_engine::kernels::loops::{Binary, Loop, ReduceKind, ReduceSpec, Reduction, Step, Ternary, Unary, View};
use gany_engine::kernels::random::{Key, fill_bernoulli, fill_normal, fill_uniform};
use gany_engine::pool;
use std::time::Instant;

/// The fastest of many calls, in seconds.
fn fastest(mut work: impl FnMut()) -> f64 {
    work();
    let begin = Instant::now();
    let mut best = f64::INFINITY;
    while begin.elapsed().as_secs_f64() < 0.4 {
        let start = Instant::now();
        work();
        best = best.min(start.elapsed().as_secs_f64());
    }
    best
}

fn report(name: &str, numel: usize, bytes: usize, seconds: f64) {
    let ns = seconds * 1e9 / numel as f64;
    println!(
        "{name:<44} {:>9.1} GB/s {ns:>8.3} ns/element",
        (numel * bytes) as f64 / seconds * 1e-9
    );
}

/// Runs a loop over fresh operands; `in_place` stores over its first loads.
fn measure(name: &str, program: &Loop, in_place: bool) {
    let numel = program.numel;
    let mut operands: Vec<Vec<f32>> = program.loads.iter().map(|_| vec![0.0; numel]).collect();
    for (stream, operand) in operands.iter_mut().enumerate() {
        fill_uniform(
            Key {
                seed: 1,
                stream: stream as u64,
                step: 0,
            },
            0,
            operand,
        );
    }
    let folded = program.reduce.map_or(0, |spec| spec.outer * spec.inner);
    let mut stores: Vec<Vec<f32>> = program.stores.iter().map(|_| vec![0.0; numel]).collect();
    let mut folds: Vec<Vec<f32>> = program.reductions.iter().map(|_| vec![0.0; folded]).collect();
    let compiled = program.compile();
    let mut scratch = vec![0f32; compiled.scratch_len()];
    let at: Vec<*mut f32> = operands.iter_mut().map(|operand| operand.as_mut_ptr()).collect();
    let inputs: Vec<*const f32> = at.iter().map(|operand| operand.cast_const()).collect();
    let targets = if in_place {
        at[..stores.len()].to_vec()
    } else {
        stores.iter_mut().map(|x| x.as_mut_ptr()).collect()
    };
    let outputs: Vec<*mut f32> = targets
        .into_iter()
        .chain(folds.iter_mut().map(|x| x.as_mut_ptr()))
        .collect();
    let wide = program
        .loads
        .iter()
        .filter(|view| view.strides.iter().all(|&stride| stride != 0))
        .count();
    // SAFETY: every operand and store has `numel` elements, every fold and the scratch theirs.
    let seconds = fastest(|| unsafe { compiled.run(Isa::current(), &inputs, &outputs, scratch.as_mut_ptr()) });
    report(
        &format!("{name}, {numel}"),
        numel,
        4 * (wide + program.stores.len()),
        seconds,
    );
}

fn affine_leaky(numel: usize, channels: usize) -> Loop {
    let vector = View {
        shape: vec![numel / channels, channels],
        strides: vec![0, 1],
        offset: 0,
    };
    Loop {
        numel,
        loads: vec![View::identity(numel), vector.clone(), vector],
        steps: vec![
            Step::Load(0),
            Step::Load(1),
            Step::Load(2),
            Step::Ternary(Ternary::MulAdd, 0, 1, 2),
            Step::Const(0.2),
            Step::Binary(Binary::Mul, 3, 4),
            Step::Binary(Binary::Max, 3, 5),
        ],
        stores: vec![6],
        reduce: None,
        reductions: vec![],
    }
}

/// Adam's update; the step size and the second correction are operands of one element.
fn adam(numel: usize) -> Loop {
    let scalar = View {
        shape: vec![numel],
        strides: vec![0],
        offset: 0,
    };
    let wide = View::identity(numel);
    Loop {
        numel,
        loads: vec![wide.clone(), wide.clone(), wide.clone(), wide, scalar.clone(), scalar],
        steps: vec![
            Step::Load(0),
            Step::Load(1),
            Step::Load(2),
            Step::Load(3),
            Step::Load(4),
            Step::Load(5),
            Step::Const(0.5),
            Step::Const(0.999),
            Step::Const(0.001),
            Step::Const(1e-8),
            Step::Binary(Binary::Sub, 3, 1),
            Step::Ternary(Ternary::MulAdd, 10, 6, 1),
            Step::Unary(Unary::Square, 3),
            Step::Binary(Binary::Mul, 12, 8),
            Step::Ternary(Ternary::MulAdd, 2, 7, 13),
            Step::Binary(Binary::Mul, 14, 5),
            Step::Unary(Unary::Sqrt, 15),
            Step::Binary(Binary::Add, 16, 9),
            Step::Binary(Binary::Mul, 11, 4),
            Step::Binary(Binary::Div, 18, 17),
            Step::Binary(Binary::Sub, 0, 19),
        ],
        stores: vec![20, 11, 14],
        reduce: None,
        reductions: vec![],
    }
}

fn sums(outer: usize, extent: usize, inner: usize) -> Loop {
    let numel = outer * extent * inner;
    Loop {
        numel,
        loads: vec![View::identity(numel), View::identity(numel)],
        steps: vec![Step::Load(0), Step::Load(1), Step::Binary(Binary::Mul, 0, 1)],
        stores: vec![],
        reduce: Some(ReduceSpec { outer, extent, inner }),
        reductions: [0, 2]
            .map(|value| Reduction {
                kind: ReduceKind::Sum,
                value,
            })
            .to_vec(),
    }
}

fn chain(numel: usize, view: View, steps: &[Step]) -> Loop {
    let steps: Vec<Step> = [Step::Load(0)].into_iter().chain(steps.iter().copied()).collect();
    let last = steps.len() as u16 - 1;
    Loop {
        numel,
        loads: vec![view],
        steps,
        stores: vec![last],
        reduce: None,
        reductions: vec![],
    }
}

const UNARY: [Unary; 16] = [
    Unary::Neg,
    Unary::Abs,
    Unary::Sign,
    Unary::Exp,
    Unary::Log,
    Unary::Sqrt,
    Unary::Rsqrt,
    Unary::Recip,
    Unary::Square,
    Unary::Tanh,
    Unary::Sigmoid,
    Unary::Softplus,
    Unary::Sin,
    Unary::Cos,
    Unary::Floor,
    Unary::Relu,
];
const BINARY: [Binary; 9] = [
    Binary::Add,
    Binary::Sub,
    Binary::Mul,
    Binary::Div,
    Binary::Max,
    Binary::Min,
    Binary::Lt,
    Binary::Le,
    Binary::Eq,
];

fn main() {
    println!("{:?}, {} threads", Isa::current(), pool::threads());
    pool::inside(|| {
        let (source, mut target) = (vec![1f32; 1 << 22], vec![0f32; 1 << 22]);
        let seconds = fastest(|| target.copy_from_slice(&source));
        report("memcpy of one thread, 4194304", 1 << 22, 8, seconds);
        for numel in [1 << 12, 1 << 16, 1 << 18, 1 << 22, 1 << 24] {
            measure("leaky_relu(scale * x + shift), C = 64", &affine_leaky(numel, 64), false);
        }
        measure("leaky_relu(scale * x + shift), C = 3", &affine_leaky(3 << 20, 3), false);
        measure(
            "leaky_relu(scale * x + shift) in place",
            &affine_leaky(1 << 22, 64),
            true,
        );
        measure("adam in place", &adam(1 << 16), true);
        measure("adam in place", &adam(1 << 22), true);
        measure("column sums of x and x * y", &sums(1, 100_000, 64), false);
        measure("column sums of x and x * y", &sums(1, 1_000, 64), false);
        measure("column sums of x and x * y, 4096 wide", &sums(1, 1_000, 4096), false);
        measure("row sums of x and x * y, 4096 long", &sums(1_000, 4096, 1), false);
        measure("row sums of x and x * y, 100 long", &sums(40_000, 100, 1), false);
        measure("row sums of x and x * y, 10 long", &sums(400_000, 10, 1), false);
        measure("plane sums of x and x * y, 64 x 16 x 64", &sums(4096, 16, 64), false);
        measure("leaky_relu(scale * x + shift), C = 64", &affine_leaky(64, 64), false);
        for numel in [1 << 12, 1 << 22] {
            for op in UNARY {
                measure(
                    &format!("{op:?}"),
                    &chain(numel, View::identity(numel), &[Step::Unary(op, 0)]),
                    false,
                );
            }
        }
        for op in BINARY {
            let steps = [Step::Const(1.7), Step::Binary(op, 0, 1)];
            measure(
                &format!("{op:?}"),
                &chain(1 << 12, View::identity(1 << 12), &steps),
                false,
            );
        }
        let pow = [Step::Const(1.7), Step::Binary(Binary::Pow, 0, 1)];
        measure("Pow", &chain(1 << 12, View::identity(1 << 12), &pow), false);
        for (name, strides) in [
            ("channels first to last", [64 * 4096, 64, 1, 4096]),
            ("channels last to first", [64 * 4096, 1, 64 * 64, 64]),
        ] {
            let (numel, shape) = (16 * 64 * 4096, vec![16, 64, 64, 64]);
            let view = View {
                shape,
                strides: strides.to_vec(),
                offset: 0,
            };
            measure(name, &chain(numel, view, &[Step::Unary(Unary::Neg, 0)]), false);
        }
        let flipped = View {
            shape: vec![1 << 12, 1 << 10],
            strides: vec![1 << 10, -1],
            offset: (1 << 10) - 1,
        };
        measure(
            "flipped rows",
            &chain(1 << 22, flipped, &[Step::Unary(Unary::Neg, 0)]),
            false,
        );
    });
    let key = Key {
        seed: 1,
        stream: 2,
        step: 3,
    };
    let mut numbers = vec![0f32; 1 << 14];
    let seconds = fastest(|| fill_uniform(key, 0, &mut numbers));
    report("uniform, one thread", 1 << 14, 4, seconds);
    let seconds = fastest(|| fill_normal(key, 0, &mut numbers));
    report("normal, one thread", 1 << 14, 4, seconds);
    let seconds = fastest(|| fill_bernoulli(key, 0.5, 0, &mut numbers));
    report("bernoulli, one thread", 1 << 14, 4, seconds);
}
