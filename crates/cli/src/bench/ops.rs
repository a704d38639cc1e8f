//! `gany bench ops`: single convolutions and matrix products, timed as `benches/pytorch_ops.py` times PyTorch's.
use super::measure::{Times, fill_with_noise, ms, rounded};
use super::network::counted;
use super::peer::{self, Beside, Comparison, Modes, Said, words};
use crate::failure::Failure;
use crate::output::{DIM, STRONG, print, tabulated};
use ganymede::engine::kernels::{isa::Isa, peak};
use ganymede::engine::{Buffer, ConvOptions, DType, Precision, Program, Tensor, grad, pool};
use serde_json::json;
use std::path::Path;
use std::process::ExitCode;

/// Time single convolutions and matrix products
///
/// Each runs as in a training step: as a compiled program, whose one instruction it is. The share is of the multiply-adds that
/// this machine can do at most, measured at the start; above 100% are operations that save some of those that they count
/// (Winograd's algorithms do).
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  gany bench ops                                    every operation, two minutes
  gany bench ops --only dcgan                       those with `dcgan` in their name
  gany bench ops --peer .peers/bin/python           beside PyTorch's, ten minutes")]
pub(crate) struct Args {
    /// Only operations with this in their name
    #[arg(long, value_name = "NAME", default_value = "")]
    only: String,
    /// Threads to compute with [default: one a core]
    #[arg(long, value_name = "N", value_parser = crate::train::threads)]
    threads: Option<usize>,
    #[command(flatten)]
    beside: Beside,
    /// Print JSON, one operation a line
    #[arg(long)]
    json: bool,
}

/// An operation at a shape that a network has.
struct Case {
    name: &'static str,
    operation: Operation,
}

enum Operation {
    Conv {
        batch: usize,
        channels: [usize; 2],
        size: &'static [usize],
        taps: usize,
        stride: usize,
        padding: usize,
        dilation: usize,
        groups: usize,
        is_transposed: bool,
    },
    /// `[m, k] x [k, n]`, so often.
    Product { batch: usize, m: usize, k: usize, n: usize },
}

/// A convolution with `window` taps, stride and padding on each axis.
const fn conv(
    name: &'static str,
    batch: usize,
    channels: [usize; 2],
    size: &'static [usize],
    window: [usize; 3],
) -> Case {
    let [taps, stride, padding] = window;
    Case {
        name,
        operation: Operation::Conv {
            batch,
            channels,
            size,
            taps,
            stride,
            padding,
            dilation: 1,
            groups: 1,
            is_transposed: false,
        },
    }
}

const fn product(name: &'static str, batch: usize, [m, k, n]: [usize; 3]) -> Case {
    Case {
        name,
        operation: Operation::Product { batch, m, k, n },
    }
}

impl Case {
    const fn transposed(mut self) -> Case {
        if let Operation::Conv { is_transposed, .. } = &mut self.operation {
            *is_transposed = true;
        }
        self
    }

    const fn dilated(mut self, by: usize) -> Case {
        if let Operation::Conv { dilation, .. } = &mut self.operation {
            *dilation = by;
        }
        self
    }

    const fn grouped(mut self, into: usize) -> Case {
        if let Operation::Conv { groups, .. } = &mut self.operation {
            *groups = into;
        }
        self
    }
}

/// The layers of DCGAN-64, then shapes of other networks and shapes that nobody tunes for. The script has them too.
const CASES: &[Case] = &[
    conv("dcgan_d1", 64, [3, 64], &[64, 64], [4, 2, 1]),
    conv("dcgan_d2", 64, [64, 128], &[32, 32], [4, 2, 1]),
    conv("dcgan_d3", 64, [128, 256], &[16, 16], [4, 2, 1]),
    conv("dcgan_d4", 64, [256, 512], &[8, 8], [4, 2, 1]),
    conv("dcgan_d5", 64, [512, 1], &[4, 4], [4, 1, 0]),
    conv("dcgan_g1", 64, [100, 512], &[1, 1], [4, 1, 0]).transposed(),
    conv("dcgan_g2", 64, [512, 256], &[4, 4], [4, 2, 1]).transposed(),
    conv("dcgan_g3", 64, [256, 128], &[8, 8], [4, 2, 1]).transposed(),
    conv("dcgan_g4", 64, [128, 64], &[16, 16], [4, 2, 1]).transposed(),
    conv("dcgan_g5", 64, [64, 3], &[32, 32], [4, 2, 1]).transposed(),
    conv("res3x3", 4, [256, 256], &[32, 32], [3, 1, 1]),
    conv("stem7x7", 4, [3, 64], &[128, 128], [7, 1, 3]),
    conv("odd", 7, [48, 80], &[48, 80], [3, 1, 1]),
    conv("k5", 16, [64, 64], &[32, 32], [5, 1, 2]),
    conv("dilated", 16, [64, 64], &[32, 32], [3, 1, 2]).dilated(2),
    conv("grouped", 16, [64, 64], &[32, 32], [3, 1, 1]).grouped(8),
    conv("depthwise", 16, [128, 128], &[32, 32], [3, 1, 1]).grouped(128),
    conv("one_by_one", 16, [256, 256], &[32, 32], [1, 1, 0]),
    conv("wave", 8, [64, 128], &[16384], [25, 4, 11]),
    conv("voxel", 8, [32, 64], &[32, 32, 32], [4, 2, 1]),
    conv("voxel_up", 8, [64, 32], &[16, 16, 16], [4, 2, 1]).transposed(),
    conv("batch1", 1, [256, 256], &[16, 16], [3, 1, 1]),
    product("square_2048", 1, [2048, 2048, 2048]),
    product("square_512", 1, [512, 512, 512]),
    product("dense_512", 1, [64, 512, 512]),
    product("dense_784", 1, [64, 784, 512]),
    product("queries_keys", 16, [1024, 64, 1024]),
    product("weights_values", 16, [1024, 1024, 64]),
    product("small_heads", 64, [256, 32, 256]),
];

/// The three passes of an operation, as fields of a line: its value, and its gradients.
const PASSES: [&str; 3] = ["forward_ms", "input_ms", "weight_ms"];

impl Operation {
    /// The shapes of the input and of the weight.
    fn operands(&self) -> [Vec<usize>; 2] {
        match *self {
            Operation::Conv {
                batch,
                channels: [c_in, c_out],
                size,
                taps,
                groups,
                is_transposed,
                ..
            } => {
                // A transposed convolution has the weight of the convolution that it transposes.
                let (from, to) = if is_transposed { (c_out, c_in) } else { (c_in, c_out) };
                [
                    [&[batch], size, &[c_in]].concat(),
                    [&vec![taps; size.len()][..], &[from / groups, to]].concat(),
                ]
            }
            Operation::Product { batch: 1, m, k, n } => [vec![m, k], vec![k, n]],
            Operation::Product { batch, m, k, n } => [vec![batch, m, k], vec![batch, k, n]],
        }
    }

    fn apply(&self, x: &Tensor, weight: &Tensor) -> Tensor {
        match *self {
            Operation::Conv {
                stride,
                padding,
                dilation,
                groups,
                is_transposed,
                ..
            } => {
                let options = ConvOptions::new().stride(stride).padding(padding);
                let options = options.dilation(dilation).groups(groups);
                if is_transposed {
                    x.conv_transpose(weight, &options, 0)
                } else {
                    x.conv(weight, &options)
                }
            }
            Operation::Product { .. } => x.matmul(weight),
        }
    }

    /// The operation and its gradients for the gradient of its value: a program each, of input, weight and that gradient.
    fn programs(&self) -> ([Tensor; 3], [Program; 3]) {
        let [x, weight] = self.operands().map(|shape| Tensor::placeholder(DType::F32, &shape));
        let y = self.apply(&x, &weight);
        let dy = Tensor::placeholder(DType::F32, y.shape());
        let [dx, dw] = <[Tensor; 2]>::try_from(grad(&(&y * &dy).sum(), &[&x, &weight])).expect("two gradients");
        let inputs = [x, weight, dy];
        let programs = [y, dx, dw].map(|output| Program::compile(&inputs, &[output], &[None]));
        (inputs, programs)
    }
}

pub(crate) fn run(args: &Args) -> Result<ExitCode, Failure> {
    if !CASES.iter().any(|case| case.name.contains(&args.only)) {
        let names: Vec<&str> = CASES.iter().map(|case| case.name).collect();
        return Err(Failure::new(
            format!("no operation has `{}` in its name", args.only),
            format!("they are {}", names.join(", ")),
        ));
    }
    if let Some(threads) = args.threads {
        pool::set_threads(threads);
    }
    match &args.beside.peer {
        Some(python) => compare(args, python)?,
        None => measure(args),
    }
    Ok(ExitCode::SUCCESS)
}

fn measure(args: &Args) {
    let (isa, threads, peak) = (Isa::current().name(), pool::threads(), peak::multiply_add_gflops());
    if !args.json {
        print(&format!(
            "{STRONG}Operations on {}{STRONG:#}, {isa}, f32: at most {peak:.0} GFLOP/s of multiply-adds",
            counted(threads)
        ));
    }
    let cases = CASES.iter().filter(|case| case.name.contains(&args.only));
    for (number, case) in cases.enumerate() {
        let (mflop, times) = time(&case.operation);
        let rates = times.map(|time| mflop / time);
        if args.json {
            print(
                &json!({
                    "name": case.name,
                    "bf16": false,
                    "channels_last": true,
                    "threads": threads,
                    "mflop": rounded(mflop, 1),
                    PASSES[0]: times[0],
                    PASSES[1]: times[1],
                    PASSES[2]: times[2],
                    "gflops": rates.map(|rate| rounded(rate, 1)),
                    "multiply_add_gflops": rounded(peak, 1),
                })
                .to_string(),
            );
            continue;
        }
        // A line as soon as it is known: the whole table takes minutes.
        if number == 0 {
            let head = |pass: &str| {
                format!(
                    "{DIM}{:>15}{:>9}{:>8}{DIM:#}",
                    format!("{pass}, ms"),
                    "GFLOP/s",
                    "of peak"
                )
            };
            let heads: String = ["forward", "by input", "by weight"].map(head).concat();
            print(&format!("  {DIM}{:<15}{:>9}{DIM:#}{heads}", "", "MFLOP"));
        }
        let cells = times.iter().zip(rates);
        let cells: String = cells
            .map(|(time, rate)| format!("{time:>15.3}{rate:>9.1}{:>7.0}%", rate / peak * 100.0))
            .collect();
        print(&format!("  {:<15}{mflop:>9.1}{cells}", case.name));
    }
}

/// Millions of operations of a pass, and the milliseconds that each pass takes.
fn time(operation: &Operation) -> (f64, [f64; 3]) {
    let (inputs, programs) = operation.programs();
    let mut buffers = inputs.map(|input| Buffer::zeros(DType::F32, input.numel()));
    buffers
        .iter_mut()
        .for_each(|buffer| fill_with_noise(buffer.as_f32_mut()));
    let mflop = programs[0].cost().multiply_adds as f64 * 2e-6;
    let times = programs.map(|mut program| ms(Times::of(|| program.run(&mut buffers)).median()));
    (mflop, times)
}

fn compare(args: &Args, python: &Path) -> Result<(), Failure> {
    let threads = pool::threads().to_string();
    let rest = words(&["--only", &args.only, "--threads", &threads], &[]);
    let comparison = Comparison {
        beside: &args.beside,
        ours: words(&["bench", "ops", "--json"], &rest),
        script: peer::OPS,
        theirs: rest,
        modes: Modes::Layouts,
        precision: Precision::F32,
        case: "name",
        times: &PASSES,
        json: args.json,
    };
    comparison.tell(python, |said| table(said, pool::threads()))
}

/// A row an operation: each pass of ours, of PyTorch's fastest mode for it, and the ratio.
fn table(said: &Said, threads: usize) -> String {
    let mut rows = vec![vec![String::new()]];
    for pass in ["forward", "by input", "by weight"] {
        rows[0].extend([format!("{pass}, ms"), "PyTorch".into(), "ratio".into()]);
    }
    for case in said.cases() {
        let mut row = vec![case.as_str().unwrap_or_default().to_owned()];
        for pass in PASSES {
            row.extend(match said.beside(&case, pass) {
                Some(times) => [
                    format!("{:.3}", times.ours),
                    format!("{:.3}{}", times.theirs, if times.mode == "eager" { " " } else { "*" }),
                    format!("{:.2}", times.ratio()),
                ],
                None => ["-", "-", "-"].map(str::to_owned),
            });
        }
        rows.push(row);
    }
    format!(
        "{}{}{DIM}medians on {}; a ratio below 1 is a shorter time here; * PyTorch is faster with channels last{DIM:#}",
        said.heading("Operations"),
        tabulated(&rows),
        counted(threads)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of a list in the script, each as its words.
    fn rows(list: &str) -> Vec<Vec<String>> {
        let script = include_str!("../../../../benches/pytorch_ops.py");
        let (_, rest) = script.split_once(&format!("\n{list} = [\n")).unwrap();
        let (text, _) = rest.split_once("\n]\n").unwrap();
        let rows = text.split("(\"").skip(1);
        rows.map(|row| {
            let row = row.replace("True", "true").replace("False", "false");
            let word = |word: &str| word.trim_matches(['(', ')', '"', ' ', '\n']).to_owned();
            row.split(',').map(word).filter(|word| !word.is_empty()).collect()
        })
        .collect()
    }

    #[test]
    fn the_script_has_the_same_cases() {
        let ours: Vec<Vec<String>> = CASES
            .iter()
            .filter_map(|case| {
                let Operation::Conv {
                    batch,
                    channels: [c_in, c_out],
                    size,
                    taps,
                    stride,
                    padding,
                    dilation,
                    groups,
                    is_transposed,
                } = case.operation
                else {
                    return None;
                };
                let numbers = [
                    &[size.len(), batch, c_in, c_out],
                    size,
                    &[taps, stride, padding, dilation, groups],
                ];
                let mut row = vec![case.name.to_owned()];
                row.extend(numbers.concat().iter().map(usize::to_string));
                row.push(is_transposed.to_string());
                Some(row)
            })
            .collect();
        assert_eq!(ours, rows("CASES"));
        let ours: Vec<Vec<String>> = CASES
            .iter()
            .filter_map(|case| {
                let Operation::Product { batch, m, k, n } = case.operation else {
                    return None;
                };
                let mut row = vec![case.name.to_owned()];
                row.extend([batch, m, k, n].map(|n| n.to_string()));
                Some(row)
            })
            .collect();
        assert_eq!(ours, rows("PRODUCTS"));
    }

    #[test]
    fn each_pass_is_one_instruction_of_as_much_work() {
        for case in CASES {
            let (_, programs) = case.operation.programs();
            let costs = programs.map(|mut program| {
                program.start_profile();
                assert_eq!(program.profile().len(), 1, "{}", case.name);
                program.cost()
            });
            let [forward, by_input, by_weight] = costs.map(|cost| cost.multiply_adds);
            assert!(
                forward > 0 && forward == by_input && forward == by_weight,
                "{}",
                case.name
            );
        }
    }
}
