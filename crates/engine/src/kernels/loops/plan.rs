//! From a loop to what the interpreter runs: liveness, registers, block length, and how the work is cut.
use super::view::{Kind, Walk};
use super::{Binary, Loop, ReduceSpec, Step, Ternary, Unary};

/// Where a slot's elements are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Home {
    /// Nowhere: never used.
    Nowhere,
    /// In an operand's own memory.
    Operand,
    /// In a register: a block of scratch.
    Register(u16),
    /// One number, computed before the first block.
    Scalar,
}

/// What the interpreter executes; numbers of values are slots of its table of pointers.
#[derive(Clone, Copy, Debug)]
pub(super) enum Instr {
    Const {
        value: f64,
        out: u16,
    },
    Load {
        load: u16,
        out: u16,
    },
    Index {
        out: u16,
    },
    Copy {
        a: u16,
        out: u16,
    },
    Splat {
        a: u16,
        out: u16,
    },
    Unary {
        op: Unary,
        a: u16,
        out: u16,
    },
    Binary {
        op: Binary,
        a: u16,
        b: u16,
        out: u16,
        scalars: u8,
    },
    Ternary {
        op: Ternary,
        a: u16,
        b: u16,
        c: u16,
        out: u16,
        scalars: u8,
    },
}

/// How a reduction runs over its elements.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cut {
    /// Elementwise: pieces of this many elements.
    Flat { piece: usize },
    /// Short folds: pieces of this many outer indices; a block holds whole ones.
    Segments { piece: usize, per_block: usize },
    /// Long folds: `tiles` column ranges of `tile` each, `splits` ranges of `rows` rows each, `step` rows to a block; a piece
    /// is `group` of the `outer * splits * tiles` units.
    Tiles {
        tile: usize,
        tiles: usize,
        rows: usize,
        splits: usize,
        step: usize,
        group: usize,
    },
}

/// A value that is written out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Store {
    pub(super) slot: u16,
    /// Whether no store before it has the same slot.
    pub(super) first: bool,
    /// The step that makes the value; 0 where it is copied after the last step.
    pub(super) made: usize,
}

/// The compiled program.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) numel: usize,
    pub(super) walks: Vec<Walk>,
    pub(super) homes: Vec<Home>,
    pub(super) registers: usize,
    pub(super) prologue: Vec<Instr>,
    pub(super) body: Vec<Instr>,
    pub(super) stores: Vec<Store>,
    /// Per load: the last step that reads it.
    pub(super) last_reads: Vec<usize>,
    pub(super) reduce: Option<ReduceSpec>,
    pub(super) reductions: Vec<(super::ReduceKind, u16)>,
    /// Elements per block.
    pub(super) block: usize,
    pub(super) cut: Cut,
}

/// Work that is worth a task of its own, in elements of a copy.
const PIECE: usize = 1 << 15;
/// A piece of work is at most that many blocks, which bounds how many numbers are added one after another.
const MOST_BLOCKS: usize = 256;

fn lcm(a: usize, b: usize) -> usize {
    let (mut x, mut y) = (a, b);
    while y != 0 {
        (x, y) = (y, x % y);
    }
    a / x * b
}

/// The values that a step refers to, and how many they are.
pub(super) fn operands(step: Step) -> ([u16; 3], usize) {
    match step {
        Step::Load(_) | Step::Const(_) | Step::Index => ([0; 3], 0),
        Step::Unary(_, a) => ([a, 0, 0], 1),
        Step::Binary(_, a, b) => ([a, b, 0], 2),
        Step::Ternary(_, a, b, c) => ([a, b, c], 3),
    }
}

/// Rough cost of a step per element, in quarters of that of reading or writing memory.
fn cost(step: Step) -> usize {
    match step {
        Step::Load(_) => 4,
        Step::Const(_) => 0,
        Step::Unary(op, _) => match op {
            Unary::Exp | Unary::Log | Unary::Sigmoid | Unary::Sqrt | Unary::Rsqrt | Unary::Recip => 8,
            Unary::Tanh | Unary::Softplus | Unary::Sin | Unary::Cos => 16,
            _ => 1,
        },
        Step::Binary(Binary::Pow, ..) => 48,
        Step::Binary(Binary::Div, ..) => 4,
        _ => 1,
    }
}

/// Hands out registers, the last one freed first.
#[derive(Default)]
struct Registers {
    free: Vec<u16>,
    used: u16,
}

impl Registers {
    fn take(&mut self) -> u16 {
        self.free.pop().unwrap_or_else(|| {
            self.used += 1;
            self.used - 1
        })
    }
}

pub(super) fn compile(program: &Loop) -> Plan {
    let steps = &program.steps;
    assert!(
        steps.len() < usize::from(u16::MAX) / 2,
        "a loop has at most {} steps",
        u16::MAX / 2
    );
    let walks: Vec<Walk> = program.loads.iter().map(Walk::of).collect();
    for view in &program.loads {
        assert_eq!(
            view.shape.iter().product::<usize>(),
            program.numel,
            "a view has as many elements as its loop"
        );
    }

    let mut live = vec![false; steps.len()];
    let mut last_use = vec![0; steps.len()];
    for &value in program
        .stores
        .iter()
        .chain(program.reductions.iter().map(|reduction| &reduction.value))
    {
        live[usize::from(value)] = true;
        last_use[usize::from(value)] = usize::MAX;
    }
    for (i, &step) in steps.iter().enumerate().rev() {
        if live[i] {
            let (values, count) = operands(step);
            for &value in &values[..count] {
                let value = usize::from(value);
                assert!(value < i, "step {i} refers to step {value}");
                live[value] = true;
                last_use[value] = last_use[value].max(i);
            }
        }
    }
    let mut uniform = vec![false; steps.len()];
    for (i, &step) in steps.iter().enumerate() {
        let (values, count) = operands(step);
        uniform[i] = match step {
            Step::Load(load) => walks[usize::from(load)].kind == Kind::Scalar,
            Step::Const(_) => true,
            Step::Index => false,
            _ => live[i] && values[..count].iter().all(|&value| uniform[usize::from(value)]),
        };
    }

    let mut homes = vec![Home::Nowhere; steps.len()];
    let mut registers = Registers::default();
    let mut pinned: Vec<usize> = Vec::new();
    let (mut prologue, mut body) = (Vec::new(), Vec::new());
    for (i, &step) in steps.iter().enumerate().filter(|&(i, _)| live[i]) {
        let (values, count) = operands(step);
        let scalars = (0..count).map(|k| u8::from(uniform[usize::from(values[k])]) << k).sum();
        let out = i as u16;
        let instr = match step {
            Step::Load(load) => Instr::Load { load, out },
            Step::Const(value) => Instr::Const { value, out },
            Step::Index => Instr::Index { out },
            Step::Unary(op, a) => Instr::Unary { op, a, out },
            Step::Binary(op, a, b) => Instr::Binary { op, a, b, out, scalars },
            Step::Ternary(op, a, b, c) => Instr::Ternary {
                op,
                a,
                b,
                c,
                out,
                scalars,
            },
        };
        if uniform[i] {
            homes[i] = Home::Scalar;
            // One number each: all operands are read as vectors of length 1.
            prologue.push(match instr {
                Instr::Binary { op, a, b, out, .. } => Instr::Binary {
                    op,
                    a,
                    b,
                    out,
                    scalars: 0,
                },
                Instr::Ternary { op, a, b, c, out, .. } => Instr::Ternary {
                    op,
                    a,
                    b,
                    c,
                    out,
                    scalars: 0,
                },
                other => other,
            });
            continue;
        }
        body.push(instr);
        homes[i] = match step {
            Step::Load(load) => match walks[usize::from(load)].kind {
                Kind::Identity => Home::Operand,
                Kind::Periodic(_) => {
                    pinned.push(i);
                    Home::Operand
                }
                _ => Home::Register(registers.take()),
            },
            _ => Home::Register(registers.take()),
        };
        // Only now: a step must not write where it reads.
        for (k, &value) in values[..count].iter().enumerate() {
            let value = usize::from(value);
            if let Home::Register(register) = homes[value]
                && last_use[value] == i
                && values[..k].iter().all(|&other| usize::from(other) != value)
            {
                registers.free.push(register);
            }
        }
    }

    // What is stored must be in a register of its own, as stores may overwrite operands; what is folded must be a vector.
    let mut extra = vec![None; steps.len()];
    let mut vector = |value: u16, stored: bool, homes: &mut Vec<Home>| {
        let from = usize::from(value);
        let borrowed = stored && matches!(steps[from], Step::Load(_));
        if !uniform[from] && !borrowed {
            return value;
        }
        *extra[from].get_or_insert_with(|| {
            let out = homes.len() as u16;
            body.push(if uniform[from] {
                Instr::Splat { a: value, out }
            } else {
                Instr::Copy { a: value, out }
            });
            homes.push(Home::Register(registers.take()));
            out
        })
    };
    let mut stores: Vec<Store> = Vec::new();
    for &value in &program.stores {
        let slot = vector(value, true, &mut homes);
        let first = stores.iter().all(|other| other.slot != slot);
        let made = if slot == value { usize::from(value) } else { 0 };
        stores.push(Store { slot, first, made });
    }
    let mut last_reads = vec![0; walks.len()];
    for (&step, &last) in steps.iter().zip(&last_use) {
        if let Step::Load(load) = step {
            let read = &mut last_reads[usize::from(load)];
            *read = last.max(*read);
        }
    }
    let reductions: Vec<_> = program
        .reductions
        .iter()
        .map(|reduction| (reduction.kind, vector(reduction.value, false, &mut homes)))
        .collect();
    for (k, &i) in pinned.iter().enumerate() {
        homes[i] = Home::Register(registers.used + k as u16);
    }
    let count = usize::from(registers.used) + pinned.len();

    let periods = walks.iter().filter_map(|walk| {
        if let Kind::Periodic(p) = walk.kind {
            Some(p)
        } else {
            None
        }
    });
    let work = 4 * stores.len()
        + steps
            .iter()
            .zip(&live)
            .filter(|(_, live)| **live)
            .map(|(&s, _)| cost(s))
            .sum::<usize>();
    let work = work.div_ceil(4).max(1);
    let base = if count + reductions.len() <= 8 { 1024 } else { 512 };
    let reduce = if reductions.is_empty() { None } else { program.reduce };
    assert_eq!(
        reduce.is_some(),
        !reductions.is_empty(),
        "reductions say what they fold"
    );
    if let Some(spec) = reduce {
        assert_eq!(
            spec.outer * spec.extent * spec.inner,
            program.numel,
            "a reduction covers its loop"
        );
    }
    let (block, cut) = cut(program.numel, reduce, periods, base, work);
    Plan {
        numel: program.numel,
        walks,
        homes,
        registers: count,
        prologue,
        body,
        stores,
        last_reads,
        reduce,
        reductions,
        block,
        cut,
    }
}

/// A multiple of `unit`, and of the periods and of a cache line where that is possible, near `base`.
fn block_length(unit: usize, periods: impl Iterator<Item = usize>, base: usize) -> usize {
    let mut unit = unit;
    for factor in periods.chain([16]) {
        let both = lcm(unit, factor);
        if both <= base + base / 2 {
            unit = both;
        }
    }
    unit * (base / unit).max(1)
}

fn cut(
    numel: usize,
    reduce: Option<ReduceSpec>,
    periods: impl Iterator<Item = usize>,
    base: usize,
    work: usize,
) -> (usize, Cut) {
    let wanted = (PIECE / work).max(numel / 512).max(1);
    let Some(ReduceSpec { outer, extent, inner }) = reduce else {
        let block = block_length(1, periods, base);
        return (
            block,
            Cut::Flat {
                piece: wanted.div_ceil(block) * block,
            },
        );
    };
    let segment = (extent * inner).max(1);
    if segment <= base {
        let block = block_length(segment, periods, base);
        let per_block = block / segment;
        return (
            block,
            Cut::Segments {
                piece: wanted.div_ceil(block) * per_block,
                per_block,
            },
        );
    }
    let (block, tile, step) = if inner <= base {
        let block = block_length(inner, periods, base);
        (block, inner, block / inner)
    } else {
        // Columns in parts of about the same width, of whole cache lines.
        let tile = inner.div_ceil(inner.div_ceil(base)).next_multiple_of(16);
        (tile, tile, 1)
    };
    let tiles = inner.div_ceil(tile);
    // Rows are split where the accumulators would grow too far, or where there is too little else to share.
    let whole = outer * tiles;
    let pieces = (numel / wanted).clamp(1, 256);
    let splits = if whole >= 64 { 1 } else { pieces.div_ceil(whole) };
    let rows = extent.div_ceil(splits).clamp(1, MOST_BLOCKS * step).div_ceil(step) * step;
    let splits = extent.div_ceil(rows);
    let group = wanted.div_ceil(rows.min(extent) * tile);
    (
        block,
        Cut::Tiles {
            tile,
            tiles,
            rows,
            splits,
            step,
            group,
        },
    )
}
