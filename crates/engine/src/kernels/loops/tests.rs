//! Random programs against a plain evaluator, on every instruction set.
use super::view::{Kind, Walk};
use super::*;
use crate::kernels::isa::Isa;
use crate::kernels::math::Lane;
use crate::kernels::vector::{Op1, Op2, Op3, ops};
use crate::pool;
use proptest::prelude::*;

/// The offset of element `flat` of a view.
fn locate(view: &View, flat: usize) -> usize {
    let mut rest = flat;
    let mut at = view.offset as isize;
    for (&extent, &stride) in view.shape.iter().zip(&view.strides).rev() {
        at += (rest % extent) as isize * stride;
        rest /= extent;
    }
    at as usize
}

/// All values of one element, one step at a time.
fn evaluate<T: Lane, const FMA: bool>(program: &Loop, inputs: &[Vec<T>], flat: usize) -> Vec<T> {
    let mut values: Vec<T> = Vec::new();
    for &step in &program.steps {
        let of = |value: Value| values[usize::from(value)];
        macro_rules! one {
            ($op:expr, $a:expr; $($name:ident)*) => {
                match $op { $(Unary::$name => <ops::$name as Op1>::apply::<T, FMA>($a),)* }
            };
        }
        macro_rules! two {
            ($op:expr, $a:expr, $b:expr; $($name:ident)*) => {
                match $op { $(Binary::$name => <ops::$name as Op2>::apply::<T, FMA>($a, $b),)* }
            };
        }
        macro_rules! three {
            ($op:expr, $a:expr, $b:expr, $c:expr; $($name:ident)*) => {
                match $op { $(Ternary::$name => <ops::$name as Op3>::apply::<T, FMA>($a, $b, $c),)* }
            };
        }
        let value = match step {
            Step::Load(load) => inputs[usize::from(load)][locate(&program.loads[usize::from(load)], flat)],
            Step::Const(value) => T::from_f64(value),
            Step::Index => T::from_f64(flat as f64),
            Step::Unary(op, a) => {
                one!(op, of(a); Neg Abs Sign Exp Log Sqrt Rsqrt Recip Square Tanh Sigmoid Softplus Sin Cos Floor Relu)
            }
            Step::Binary(op, a, b) => two!(op, of(a), of(b); Add Sub Mul Div Max Min Pow Lt Le Eq),
            Step::Ternary(op, a, b, c) => three!(op, of(a), of(b), of(c); Select MulAdd Gate),
        };
        values.push(value);
    }
    values
}

fn naive<T: Lane>(program: &Loop, inputs: &[Vec<T>], isa: Isa) -> Vec<Vec<T>> {
    (0..program.numel)
        .map(|flat| match isa {
            Isa::Portable => evaluate::<T, false>(program, inputs, flat),
            _ => evaluate::<T, true>(program, inputs, flat),
        })
        .collect()
}

/// Runs a program into new memory, with its tasks in the order that `each` says.
fn run<T: Lane>(program: &Loop, inputs: &[Vec<T>], isa: Isa, backwards: bool) -> Vec<Vec<T>> {
    let compiled = program.compile();
    let folded = program.reduce.map_or(0, |spec| spec.outer * spec.inner);
    let lengths = program
        .stores
        .iter()
        .map(|_| program.numel)
        .chain(program.reductions.iter().map(|_| folded));
    let mut outputs: Vec<Vec<T>> = lengths.map(|len| vec![T::from_f64(-77.0); len + 1]).collect();
    let mut scratch = vec![T::ZERO; compiled.scratch_len()];
    let from: Vec<_> = inputs.iter().map(|input| input.as_ptr()).collect();
    let to: Vec<_> = outputs.iter_mut().map(|output| output.as_mut_ptr()).collect();
    // SAFETY: inputs cover their views, outputs and scratch have the lengths that are asked for.
    unsafe {
        if backwards {
            compiled.run_each(isa, &from, &to, scratch.as_mut_ptr(), &|tasks, work| {
                (0..tasks).rev().for_each(work)
            });
        } else {
            compiled.run(isa, &from, &to, scratch.as_mut_ptr());
        }
    }
    for output in &mut outputs {
        assert_eq!(
            output.pop(),
            Some(T::from_f64(-77.0)),
            "nothing is written past the end"
        );
    }
    outputs
}

fn same<T: Lane>(got: T, want: T) -> bool {
    got == want || (got.to_f64().is_nan() && want.to_f64().is_nan())
}

fn noise(seed: usize, i: usize) -> f64 {
    let x = (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (seed as u64 + 5).wrapping_mul(0xd1b5_4a32_d192_ed03);
    let x = (x ^ (x >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    ((x >> 40) as f64 / (1u64 << 24) as f64 - 0.5) * 6.0
}

/// Numbers in (-3, 3), some of them whole.
fn numbers<T: Lane>(seed: usize, len: usize) -> Vec<T> {
    (0..len)
        .map(|i| {
            let x = noise(seed, i);
            T::from_f64(if i % 7 == 0 { x.round() } else { x })
        })
        .collect()
}

/// A view of some kind over a shape, and how long its operand is.
fn view(shape: &[usize], kind: u8) -> (View, usize) {
    let dims = shape.len();
    let row_major = |extents: &[usize]| -> Vec<isize> {
        let mut strides = vec![1; extents.len()];
        for d in (1..extents.len()).rev() {
            strides[d - 1] = strides[d] * extents[d] as isize;
        }
        strides
    };
    let numel: usize = shape.iter().product();
    let mut strides = row_major(shape);
    let mut offset = 3;
    match kind % 9 {
        0 => {}
        1 => strides.fill(0),
        // A trailing broadcast, then a leading one.
        2 => strides[..dims - 1].fill(0),
        3 => strides[dims - 1] = 0,
        // Reversed dimensions.
        4 => {
            let reversed: Vec<usize> = shape.iter().rev().copied().collect();
            strides = row_major(&reversed).into_iter().rev().collect();
        }
        // A flip of the last dimension, of the first.
        5 => {
            offset += (shape[dims - 1] - 1) * strides[dims - 1] as usize;
            strides[dims - 1] *= -1;
        }
        6 => {
            offset += (shape[0] - 1) * strides[0] as usize;
            strides[0] *= -1;
        }
        // Every other element; a row of a wider matrix.
        7 => strides.iter_mut().for_each(|stride| *stride *= 2),
        _ => {
            strides[..dims - 1]
                .iter_mut()
                .for_each(|stride| *stride += 5 * (numel as isize));
            return (
                View {
                    shape: shape.to_vec(),
                    strides,
                    offset,
                },
                offset + dims * 6 * numel * (numel + 1),
            );
        }
    }
    (
        View {
            shape: shape.to_vec(),
            strides,
            offset,
        },
        offset + 2 * numel + 1,
    )
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
const BINARY: [Binary; 10] = [
    Binary::Add,
    Binary::Sub,
    Binary::Mul,
    Binary::Div,
    Binary::Max,
    Binary::Min,
    Binary::Pow,
    Binary::Lt,
    Binary::Le,
    Binary::Eq,
];

/// Turns arbitrary numbers into a well-formed program.
fn steps(loads: usize, raw: &[(u8, u16, u16, u16)], tame: bool) -> Vec<Step> {
    let mut steps: Vec<Step> = (0..loads).map(|load| Step::Load(load as u16)).collect();
    for &(op, a, b, c) in raw {
        let n = steps.len() as u16;
        let (a, b, c) = (a % n, b % n, c % n);
        steps.push(match op % 8 {
            0 => Step::Const(f64::from(a) - f64::from(b) * 0.5),
            1 => Step::Index,
            2 if tame => Step::Unary(Unary::Tanh, a),
            2 | 3 => Step::Unary(
                if tame {
                    Unary::Sin
                } else {
                    UNARY[usize::from(op / 8) % 16]
                },
                a,
            ),
            4 => Step::Ternary([Ternary::Select, Ternary::Gate][usize::from(op / 8) % 2], a, b, c),
            5 => Step::Ternary(Ternary::MulAdd, a, b, c),
            _ if tame => Step::Binary(Binary::Add, a, b),
            _ => Step::Binary(BINARY[usize::from(op / 8) % 10], a, b),
        });
    }
    steps
}

fn check_elementwise<T: Lane>(program: &Loop, lengths: &[usize]) {
    let inputs: Vec<Vec<T>> = lengths
        .iter()
        .enumerate()
        .map(|(seed, &len)| numbers(seed, len))
        .collect();
    for isa in Isa::available() {
        let want = naive(program, &inputs, isa);
        let got = run(program, &inputs, isa, false);
        assert_eq!(
            format!("{got:?}"),
            format!("{:?}", run(program, &inputs, isa, true)),
            "any order, same bits"
        );
        for (output, &value) in got.iter().zip(&program.stores) {
            for flat in 0..program.numel {
                let want = want[flat][usize::from(value)];
                assert!(
                    same(output[flat], want),
                    "{isa:?}, value {value} at {flat}: {:?}, not {want:?}",
                    output[flat]
                );
            }
        }
        // The first store over the first operand, where that is read in its order in memory.
        let first = &program.loads[0];
        if Walk::of(first).kind == Kind::Identity {
            let mut memory = inputs.clone();
            let mut rest: Vec<Vec<T>> = program.stores[1..]
                .iter()
                .map(|_| vec![T::ZERO; program.numel])
                .collect();
            let over = memory[0].as_mut_ptr();
            let from: Vec<_> = memory.iter().map(|input| input.as_ptr()).collect();
            // SAFETY: the view of the first operand starts at its offset.
            let over = unsafe { over.add(first.offset) };
            let to: Vec<_> = [over]
                .into_iter()
                .chain(rest.iter_mut().map(|output| output.as_mut_ptr()))
                .collect();
            // SAFETY: as for the whole; no other view is of the first operand.
            unsafe { program.compile().run(isa, &from, &to, std::ptr::null_mut()) };
            for flat in 0..program.numel {
                assert!(
                    same(memory[0][first.offset + flat], got[0][flat]),
                    "{isa:?}: in place at {flat}"
                );
                for (rest, got) in rest.iter().zip(&got[1..]) {
                    assert!(
                        same(rest[flat], got[flat]),
                        "{isa:?}: beside a store in place at {flat}"
                    );
                }
            }
        }
        // A range in the middle gives what the whole gives.
        let (low, high) = (program.numel / 3, program.numel - program.numel / 4);
        let mut outputs: Vec<Vec<T>> = program.stores.iter().map(|_| vec![T::ZERO; program.numel]).collect();
        let from: Vec<_> = inputs.iter().map(|input| input.as_ptr()).collect();
        let to: Vec<_> = outputs.iter_mut().map(|output| output.as_mut_ptr()).collect();
        // SAFETY: as for the whole.
        unsafe { program.compile().run_range(isa, &from, &to, low..high) };
        for (part, whole) in outputs.iter().zip(&got) {
            for flat in 0..program.numel {
                let want = if (low..high).contains(&flat) {
                    whole[flat]
                } else {
                    T::ZERO
                };
                assert!(same(part[flat], want), "range {low}..{high} at {flat}");
            }
        }
    }
}

/// Folds in `f64`, one element after another.
fn check_reductions<T: Lane>(program: &Loop, lengths: &[usize], tolerance: f64) {
    let inputs: Vec<Vec<T>> = lengths
        .iter()
        .enumerate()
        .map(|(seed, &len)| numbers(seed, len))
        .collect();
    let spec = program.reduce.expect("the program reduces");
    for isa in Isa::available() {
        let values = naive(program, &inputs, isa);
        let got = run(program, &inputs, isa, false);
        assert_eq!(
            format!("{got:?}"),
            format!("{:?}", run(program, &inputs, isa, true)),
            "any order, same bits"
        );
        for (store, &value) in got.iter().zip(&program.stores) {
            for flat in 0..program.numel {
                assert!(
                    same(store[flat], values[flat][usize::from(value)]),
                    "{isa:?}: store at {flat}"
                );
            }
        }
        for (output, reduction) in got[program.stores.len()..].iter().zip(&program.reductions) {
            assert_eq!(output.len(), spec.outer * spec.inner);
            for (at, got) in output.iter().enumerate() {
                let (outer, inner) = (at / spec.inner, at % spec.inner);
                let elements = (0..spec.extent).map(|r| {
                    values[(outer * spec.extent + r) * spec.inner + inner][usize::from(reduction.value)].to_f64()
                });
                let size: f64 = elements.clone().map(f64::abs).sum();
                let want = match reduction.kind {
                    ReduceKind::Sum => elements.sum(),
                    ReduceKind::Max => elements.fold(f64::NEG_INFINITY, f64::max),
                    ReduceKind::Min => elements.fold(f64::INFINITY, f64::min),
                };
                let bound = if reduction.kind == ReduceKind::Sum {
                    // The plain fold, too, rounds once an element.
                    (tolerance + spec.extent as f64 * f64::EPSILON) * size
                } else {
                    0.0
                };
                let got = got.to_f64();
                assert!(
                    got == want || (got - want).abs() <= bound,
                    "{isa:?} {spec:?} {reduction:?} at {at}: {got}, not {want}"
                );
            }
        }
    }
}

fn shapes() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![
        prop::collection::vec(1usize..8, 1..5),
        (
            1usize..4,
            prop::sample::select(vec![1usize, 15, 16, 17, 511, 512, 513, 1025])
        )
            .prop_map(|(a, b)| vec![a, b]),
        (prop::sample::select(vec![63usize, 512, 700]), 1usize..5).prop_map(|(a, b)| vec![a, b]),
        (1usize..40, 1usize..6, prop::sample::select(vec![1usize, 3, 64, 100])).prop_map(|(a, b, c)| vec![a, b, c]),
    ]
}

type Raw = Vec<(u8, u16, u16, u16)>;

fn program(shape: &[usize], views: &[u8], raw: &Raw, stores: &[u16], tame: bool) -> (Loop, Vec<usize>) {
    // The widest view needs an operand that grows with the square of the shape.
    let small = shape.iter().product::<usize>() < 300;
    let views: Vec<_> = views
        .iter()
        .map(|&kind| view(shape, if small { kind } else { kind % 8 }))
        .collect();
    let steps = steps(views.len(), raw, tame);
    let stores = stores.iter().map(|&store| store % steps.len() as u16).collect();
    let (loads, lengths): (Vec<_>, Vec<_>) = views.into_iter().unzip();
    (
        Loop {
            numel: shape.iter().product(),
            loads,
            steps,
            stores,
            reduce: None,
            reductions: vec![],
        },
        lengths,
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn random_programs_give_what_plain_evaluation_gives(
        shape in shapes(),
        views in prop::collection::vec(0u8..9, 1..5),
        raw in prop::collection::vec(any::<(u8, u16, u16, u16)>(), 1..24),
        stores in prop::collection::vec(any::<u16>(), 1..4),
    ) {
        let (program, lengths) = program(&shape, &views, &raw, &stores, false);
        check_elementwise::<f32>(&program, &lengths);
        check_elementwise::<f64>(&program, &lengths);
    }

    #[test]
    fn random_reductions_give_what_plain_folds_give(
        shape in shapes(),
        views in prop::collection::vec(0u8..9, 1..4),
        raw in prop::collection::vec(any::<(u8, u16, u16, u16)>(), 1..10),
        stores in prop::collection::vec(any::<u16>(), 0..2),
        folds in prop::collection::vec((0u8..3, any::<u16>()), 1..4),
        (first, last) in (0usize..5, 0usize..5),
    ) {
        let (mut program, lengths) = program(&shape, &views, &raw, &stores, true);
        let first = first % (shape.len() + 1);
        let last = first + last % (shape.len() + 1 - first);
        program.reduce = Some(ReduceSpec {
            outer: shape[..first].iter().product(),
            extent: shape[first..last].iter().product(),
            inner: shape[last..].iter().product(),
        });
        let count = program.steps.len() as u16;
        program.reductions = folds.iter().map(|&(kind, value)| Reduction {
            kind: [ReduceKind::Sum, ReduceKind::Max, ReduceKind::Min][usize::from(kind)],
            value: value % count,
        }).collect();
        check_reductions::<f32>(&program, &lengths, 2e-6);
        check_reductions::<f64>(&program, &lengths, 1e-14);
    }
}

/// x and y folded together.
fn sums(outer: usize, extent: usize, inner: usize) -> (Loop, Vec<usize>) {
    let numel = outer * extent * inner;
    let program = Loop {
        numel,
        loads: vec![View::identity(numel), View::identity(numel)],
        steps: vec![Step::Load(0), Step::Load(1), Step::Binary(Binary::Mul, 0, 1)],
        stores: vec![],
        reduce: Some(ReduceSpec { outer, extent, inner }),
        reductions: vec![
            Reduction {
                kind: ReduceKind::Sum,
                value: 0,
            },
            Reduction {
                kind: ReduceKind::Sum,
                value: 2,
            },
            Reduction {
                kind: ReduceKind::Max,
                value: 2,
            },
            Reduction {
                kind: ReduceKind::Min,
                value: 1,
            },
        ],
    };
    (program, vec![numel, numel])
}

#[test]
fn reductions_of_every_proportion_are_right() {
    for (outer, extent, inner) in [
        (1, 1, 1),
        (1, 100_000, 1),
        (3, 20_001, 1),
        (70, 1500, 1),
        (4001, 10, 1),
        (1, 3001, 64),
        (1, 20_000, 3),
        (1, 70, 2500),
        (1, 2, 30_000),
        (5, 17, 1025),
        (90, 33, 65),
        (300, 4, 16),
        (2, 513, 7),
        (1, 1, 5000),
        (5000, 1, 1),
    ] {
        let (program, lengths) = sums(outer, extent, inner);
        check_reductions::<f32>(&program, &lengths, 1e-6);
        check_reductions::<f64>(&program, &lengths, 1e-14);
    }
}

#[test]
fn long_sums_stay_precise() {
    let len = 10_000_000;
    let program = Loop {
        numel: len,
        loads: vec![View::identity(len)],
        steps: vec![Step::Load(0)],
        stores: vec![],
        reduce: Some(ReduceSpec {
            outer: 1,
            extent: len,
            inner: 1,
        }),
        reductions: vec![Reduction {
            kind: ReduceKind::Sum,
            value: 0,
        }],
    };
    let x: Vec<f32> = (0..len).map(|i| 1.0 + noise(1, i) as f32 * 0.1).collect();
    let want: f64 = x.iter().map(|&x| f64::from(x)).sum();
    for isa in Isa::available() {
        let got = f64::from(run(&program, std::slice::from_ref(&x), isa, false)[0][0]);
        assert!((got / want - 1.0).abs() < 1e-6, "{got}, not {want}");
    }
}

#[test]
fn empty_loops_and_empty_folds() {
    for (outer, extent, inner) in [(3, 0, 2), (0, 4, 5), (2, 3, 0)] {
        let (program, _) = sums(outer, extent, inner);
        let got = run::<f32>(&program, &[vec![], vec![]], Isa::current(), false);
        let folded = outer * inner;
        assert_eq!(got[0], vec![0.0; folded]);
        assert_eq!(got[2], vec![f32::NEG_INFINITY; folded]);
        assert_eq!(got[3], vec![f32::INFINITY; folded]);
    }
    let mut program = sums(0, 0, 0).0;
    (program.reduce, program.reductions, program.stores) = (None, vec![], vec![2]);
    assert_eq!(
        run::<f64>(&program, &[vec![], vec![]], Isa::current(), false),
        vec![Vec::<f64>::new()]
    );
}

#[test]
fn folds_do_not_hide_nan() {
    for (outer, extent, inner) in [(1, 4000, 1), (7, 40, 1), (2, 50, 3), (1, 900, 5)] {
        let (program, lengths) = sums(outer, extent, inner);
        for at in [0, extent / 2, extent - 1] {
            let mut x: Vec<f32> = numbers(0, lengths[0]);
            x[at * inner] = f32::NAN;
            let y: Vec<f32> = numbers(1, lengths[1]);
            for isa in Isa::available() {
                let got = run(&program, &[x.clone(), y.clone()], isa, false);
                for (k, output) in got.iter().enumerate().take(3) {
                    assert!(output[0].is_nan(), "{isa:?} {outer} {extent} {inner}, reduction {k}");
                    assert!(output[1..].iter().all(|x| !x.is_nan()));
                }
            }
        }
    }
}

#[test]
fn relu_and_max_keep_nan() {
    let nan = f64::NAN;
    for isa in Isa::available() {
        let loads: Vec<Vec<f64>> = vec![vec![nan, 1.0, nan, -2.0, 0.5], vec![1.0, nan, nan, -1.0, 0.25]];
        let program = Loop {
            numel: 5,
            loads: vec![View::identity(5), View::identity(5)],
            steps: vec![
                Step::Load(0),
                Step::Load(1),
                Step::Unary(Unary::Relu, 0),
                Step::Binary(Binary::Max, 0, 1),
                Step::Binary(Binary::Min, 0, 1),
            ],
            stores: vec![2, 3, 4],
            reduce: None,
            reductions: vec![],
        };
        let got = run(&program, &loads, isa, false);
        assert_eq!(format!("{:?}", got[0]), "[NaN, 1.0, NaN, 0.0, 0.5]");
        assert_eq!(format!("{:?}", got[1]), "[NaN, NaN, NaN, -1.0, 0.5]");
        assert_eq!(format!("{:?}", got[2]), "[NaN, NaN, NaN, -2.0, 0.25]");
    }
}

/// Stores over the operands that they are computed from: an exchange with a sum, and a moving average that reads first.
#[test]
fn stores_may_overwrite_operands() {
    for numel in [0, 1, 15, 16, 17, 511, 512, 513, 1025, 40_000] {
        let identity = View::identity(numel);
        let program = Loop {
            numel,
            loads: vec![identity.clone(), identity.clone(), identity],
            steps: vec![
                Step::Load(0),
                Step::Load(1),
                Step::Load(2),
                Step::Binary(Binary::Add, 0, 1),
                Step::Binary(Binary::Mul, 3, 2),
            ],
            // Input 0 receives input 1, input 1 input 0, input 2 the product; a new output the sum.
            stores: vec![1, 0, 4, 3],
            reduce: (numel > 0).then_some(ReduceSpec {
                outer: 1,
                extent: numel,
                inner: 1,
            }),
            reductions: if numel > 0 {
                vec![Reduction {
                    kind: ReduceKind::Max,
                    value: 2,
                }]
            } else {
                vec![]
            },
        };
        for isa in Isa::available() {
            let before: Vec<Vec<f32>> = (0..3).map(|seed| numbers(seed, numel)).collect();
            let mut memory = before.clone();
            let mut sum = vec![0f32; numel];
            let mut largest = [0f32];
            let at: Vec<*mut f32> = memory.iter_mut().map(|x| x.as_mut_ptr()).collect();
            let from: Vec<*const f32> = at.iter().map(|x| x.cast_const()).collect();
            let mut to = at.clone();
            to.push(sum.as_mut_ptr());
            if numel > 0 {
                to.push(largest.as_mut_ptr());
            }
            let compiled = program.compile();
            let mut scratch = vec![0f32; compiled.scratch_len()];
            // SAFETY: the pointers have `numel` elements each, and outputs overlap identity views only.
            unsafe { compiled.run(isa, &from, &to, scratch.as_mut_ptr()) };
            assert_eq!(memory[0], before[1]);
            assert_eq!(memory[1], before[0]);
            for i in 0..numel {
                assert_eq!(sum[i], before[0][i] + before[1][i]);
                assert_eq!(memory[2][i], sum[i] * before[2][i]);
            }
            if numel > 0 {
                assert_eq!(largest[0], before[2].iter().copied().fold(f32::NEG_INFINITY, f32::max));
            }
        }
    }
}

#[test]
fn a_tile_is_its_rows() {
    // A matrix of 20 x 100 with a bias per column; rows 2..9, columns 30..75.
    let (rows, columns) = (20, 100);
    let program = Loop {
        numel: rows * columns,
        loads: vec![
            View::identity(rows * columns),
            View {
                shape: vec![rows, columns],
                strides: vec![0, 1],
                offset: 0,
            },
            View {
                shape: vec![rows, columns],
                strides: vec![1, 0],
                offset: 0,
            },
        ],
        steps: vec![
            Step::Load(0),
            Step::Load(1),
            Step::Load(2),
            Step::Ternary(Ternary::MulAdd, 0, 2, 1),
            Step::Unary(Unary::Tanh, 3),
        ],
        stores: vec![4],
        reduce: None,
        reductions: vec![],
    };
    let inputs: Vec<Vec<f32>> = [rows * columns, columns, rows]
        .iter()
        .map(|&len| numbers(len, len))
        .collect();
    for isa in Isa::available() {
        let whole = run(&program, &inputs, isa, false);
        let mut output = inputs[0].clone();
        let from = [output.as_ptr(), inputs[1].as_ptr(), inputs[2].as_ptr()];
        let to = [output.as_mut_ptr()];
        // SAFETY: the tile is a part of the matrix.
        unsafe {
            program
                .compile()
                .run_tile(isa, &from, &to, 2 * columns + 30..2 * columns + 75, 7, columns)
        };
        for i in 0..rows * columns {
            let inside = (2..9).contains(&(i / columns)) && (30..75).contains(&(i % columns));
            assert_eq!(output[i], if inside { whole[0][i] } else { inputs[0][i] }, "{i}");
        }
    }
}

#[test]
fn threads_do_not_change_bits() {
    let (program, lengths) = sums(1, 100_000, 5);
    let inputs: Vec<Vec<f32>> = lengths.iter().map(|&len| numbers(1, len)).collect();
    let alone = run(&program, &inputs, Isa::current(), true);
    for _ in 0..3 {
        assert_eq!(run(&program, &inputs, Isa::current(), false), alone);
        assert_eq!(pool::inside(|| run(&program, &inputs, Isa::current(), false)), alone);
    }
}
