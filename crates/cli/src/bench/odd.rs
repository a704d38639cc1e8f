//! `gany bench odd`: steps that nobody tunes for, timed as `benches/pytorch_odd.py` times PyTorch's.
use super::child;
use super::measure::{Times, fill_with_noise, ms, peak_mib, rounded};
use super::network::{Network, Ready, counted};
use super::peer::{self, Beside, Comparison, MEDIAN, Modes, words};
use crate::failure::Failure;
use crate::output::{DIM, STRONG, print};
use crate::train::PrecisionName;
use ganymede::engine::{Buffer, Cost, DType, Precision, Program, Tensor, concat, grad, pool};
use ganymede::nn::{
    Activation, Declare, Dense, Layer, Norm, Scope, Sequential, batch_norm, conv, conv_transpose, dense, instance_norm,
    residual,
};
use serde_json::{Value, json};
use std::path::Path;
use std::process::ExitCode;

/// Time steps of odd batches, sizes and networks
///
/// A step of DCGAN is that of `gany bench step`. Of the other networks it is a value and the gradients of its mean square
/// with respect to all weights. Each is measured in a process of its own.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  gany bench odd                                    all of them
  gany bench odd --only self_attention --peer .peers/bin/python")]
pub(crate) struct Args {
    /// Only the case of this name, or those with this in their name
    #[arg(long, value_name = "NAME", default_value = "")]
    only: String,
    /// Threads to compute with [default: one a core]
    #[arg(long, value_name = "N", value_parser = crate::train::threads)]
    threads: Option<usize>,
    #[command(flatten)]
    beside: Beside,
    /// Print JSON, a case a line
    #[arg(long)]
    json: bool,
}

struct Case {
    name: &'static str,
    work: Work,
}

enum Work {
    /// DCGAN of 64 channels on colour pictures: the batch, height and width.
    Dcgan(usize, (usize, usize)),
    /// A network, and the shape of what it is given.
    Network(fn(&Scope) -> Box<dyn Layer>, &'static [usize]),
}

/// The script has them too.
const CASES: &[Case] = &[
    dcgan("dcgan_batch_1", 1, (64, 64)),
    dcgan("dcgan_batch_7", 7, (64, 64)),
    dcgan("dcgan_batch_16", 16, (64, 64)),
    dcgan("dcgan_batch_256", 256, (64, 64)),
    dcgan("dcgan_80x48", 16, (48, 80)),
    network("u_net", u_net, &[4, 128, 128, 3]),
    network("residual_9", residual_9, &[1, 128, 128, 3]),
    network("self_attention", self_attention, &[16, 1024, 64]),
];

const fn dcgan(name: &'static str, batch: usize, size: (usize, usize)) -> Case {
    Case {
        name,
        work: Work::Dcgan(batch, size),
    }
}

const fn network(name: &'static str, make: fn(&Scope) -> Box<dyn Layer>, shape: &'static [usize]) -> Case {
    Case {
        name,
        work: Work::Network(make, shape),
    }
}

/// Halves a picture five times and doubles it back, with a connection across at every size (Isola et al. 2017).
fn u_net(scope: &Scope) -> Box<dyn Layer> {
    let halving = |i: usize, c_in: usize, c_out: usize| {
        let layers =
            Sequential::new(&scope.at("down").at(i)).push(conv(c_in, c_out, [4, 4]).stride(2).padding(1).bias(false));
        let layers = if i == 0 { layers } else { layers.push(batch_norm(c_out)) };
        layers.push(Activation::LeakyRelu(0.2))
    };
    let doubling = |i: usize, c_in: usize, c_out: usize| {
        Sequential::new(&scope.at("up").at(i))
            .push(conv_transpose(c_in, c_out, [4, 4]).stride(2).padding(1).bias(false))
    };
    let channels = [3, 64, 128, 256, 512, 512];
    let down: Vec<Sequential> = (0..5).map(|i| halving(i, channels[i], channels[i + 1])).collect();
    let up = [(512, 512), (1024, 256), (512, 128), (256, 64)];
    let up: Vec<Sequential> = (0..)
        .zip(up)
        .map(|(i, (c_in, c_out))| doubling(i, c_in, c_out).push(batch_norm(c_out)).push(Activation::Relu))
        .collect();
    let last = doubling(4, 128, 3).push(Activation::Tanh);
    Box::new(move |x: &Tensor| {
        let mut seen = vec![x.clone()];
        for layer in &down {
            seen.push(layer.forward(&seen[seen.len() - 1]));
        }
        let mut x = seen.pop().expect("just pushed");
        for layer in &up {
            x = concat(&[layer.forward(&x), seen.pop().expect("as many up as down")], 3);
        }
        last.forward(&x)
    })
}

/// A translator of pictures: two halvings, nine residual blocks, two doublings (after Zhu et al. 2017).
fn residual_9(scope: &Scope) -> Box<dyn Layer> {
    let mut layers = Sequential::new(scope)
        .push(conv(3, 64, [7, 7]).padding(3).bias(false))
        .push(instance_norm(64))
        .push(Activation::Relu);
    for c in [64, 128] {
        layers = layers
            .push(conv(c, 2 * c, [4, 4]).stride(2).padding(1).bias(false))
            .push(instance_norm(2 * c))
            .push(Activation::Relu);
    }
    for _ in 0..9 {
        layers = layers.push(residual(256, 256).norm(Norm::Instance));
    }
    for c in [256, 128] {
        layers = layers
            .push(conv_transpose(c, c / 2, [4, 4]).stride(2).padding(1).bias(false))
            .push(instance_norm(c / 2))
            .push(Activation::Relu);
    }
    Box::new(layers.push(conv(64, 3, [7, 7]).padding(3)).push(Activation::Tanh))
}

/// Every one of 32x32 places looks at all others.
fn self_attention(scope: &Scope) -> Box<dyn Layer> {
    let [queries, keys, values] =
        ["queries", "keys", "values"].map(|name| -> Dense { dense(64, 64).bias(false).declare(&scope.at(name)) });
    Box::new(move |x: &Tensor| {
        let [q, k, v] = [&queries, &keys, &values].map(|layer| layer.forward(x));
        (q.matmul(&k.transpose()) / 8.0).softmax(2).matmul(&v)
    })
}

/// The value of a network, the gradients of its mean square with respect to all weights, and what it updates itself.
fn program(make: fn(&Scope) -> Box<dyn Layer>, shape: &[usize]) -> (Program, Vec<Buffer>) {
    let scope = Scope::new(DType::F32, 0);
    let network = make(&scope);
    let parameters = scope.parameters();
    let mut noise = Buffer::zeros(DType::F32, shape.iter().product());
    fill_with_noise(noise.as_f32_mut());
    let mut inputs = vec![Tensor::placeholder(DType::F32, shape)];
    let mut buffers = vec![noise];
    for parameter in &parameters {
        buffers.push(Buffer::from_f32(&parameter.get().to_f32()));
        inputs.push(Tensor::placeholder(DType::F32, parameter.shape()));
        parameter.set(inputs[inputs.len() - 1].clone());
    }
    let loss = network.forward(&inputs[0]).square().mean();
    let mut weights = vec![];
    let (mut outputs, mut donations) = (vec![loss.clone()], vec![None]);
    for (slot, (parameter, input)) in parameters.iter().zip(&inputs[1..]).enumerate() {
        if parameter.is_trainable() {
            weights.push(input);
        } else {
            outputs.push(parameter.get());
            donations.push(Some(slot + 1));
        }
    }
    let gradients = grad(&loss, &weights);
    donations.extend(gradients.iter().map(|_| None));
    outputs.extend(gradients);
    (Program::compile(&inputs, &outputs, &donations), buffers)
}

fn time(work: &Work, threads: Option<usize>) -> Result<(Times, Cost), Failure> {
    match *work {
        Work::Dcgan(batch, size) => {
            let network = Network {
                system: "dcgan".into(),
                size,
                width: 64,
                channels: 3,
                z_dim: 100,
                threads,
                precision: PrecisionName::F32,
            };
            let Ready { mut play, .. } = network.build(batch)?;
            let mut n = 0;
            let times = Times::of(|| {
                play.step(n);
                let _ = play.reports(n);
                n += 1;
            });
            Ok((times, play.program(0).cost()))
        }
        Work::Network(make, shape) => {
            let (mut program, mut buffers) = program(make, shape);
            let times = Times::of(|| program.run(&mut buffers));
            Ok((times, program.cost()))
        }
    }
}

/// The case of this name, or else those with this in their names.
fn chosen(only: &str) -> Vec<&'static Case> {
    let exact: Vec<&Case> = CASES.iter().filter(|case| case.name == only).collect();
    if exact.is_empty() {
        CASES.iter().filter(|case| case.name.contains(only)).collect()
    } else {
        exact
    }
}

pub(crate) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let cases = chosen(&args.only);
    if cases.is_empty() {
        let names: Vec<&str> = CASES.iter().map(|case| case.name).collect();
        return Err(Failure::new(
            format!("no case has `{}` in its name", args.only),
            format!("they are {}", names.join(", ")),
        ));
    }
    if let Some(threads) = args.threads {
        pool::set_threads(threads);
    }
    match (&args.beside.peer, &cases[..]) {
        (Some(python), _) => compare(args, &cases, python)?,
        // A process for itself, as it is.
        (None, [case]) if args.json => print(&measured(case, args.threads)?.to_string()),
        (None, _) => list(args, &cases)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn measured(case: &Case, threads: Option<usize>) -> Result<Value, Failure> {
    let (times, cost) = time(&case.work, threads)?;
    Ok(json!({
        "name": case.name,
        "bf16": false,
        "threads": pool::threads(),
        MEDIAN: ms(times.median()),
        "min_ms": ms(times.least()),
        "gflop": rounded(cost.multiply_adds as f64 * 2e-9, 6),
        "peak_mib": peak_mib(),
    }))
}

/// The words that measure one case in a process of its own.
fn case_words(case: &Case, first: &[&str]) -> Vec<String> {
    let threads = pool::threads().to_string();
    words(&[first, &["--only", case.name, "--threads", &threads]].concat(), &[])
}

const OURS: [&str; 3] = ["bench", "odd", "--json"];

fn list(args: &Args, cases: &[&Case]) -> Result<(), Failure> {
    if !args.json {
        print(&format!(
            "{STRONG}Odd steps on {}{STRONG:#}, f32\n  {DIM}{:<17}{:>10}{:>10}{:>10}{:>14}{DIM:#}",
            counted(pool::threads()),
            "",
            "step, ms",
            "at best",
            "GFLOP/s",
            "memory, MiB"
        ));
    }
    for case in cases {
        let told = child::run(child::gany()?.args(case_words(case, &OURS)), None)?;
        for line in child::lines(&told) {
            let number = |key: &str| line[key].as_f64().unwrap_or_default();
            if args.json {
                print(&line.to_string());
                continue;
            }
            print(&format!(
                "  {:<17}{:>10.2}{:>10.2}{:>10.1}{:>14}",
                case.name,
                number(MEDIAN),
                number("min_ms"),
                number("gflop") / number(MEDIAN) * 1e3,
                number("peak_mib")
            ));
        }
    }
    Ok(())
}

fn compare(args: &Args, cases: &[&Case], python: &Path) -> Result<(), Failure> {
    for case in cases {
        let comparison = Comparison {
            beside: &args.beside,
            ours: case_words(case, &OURS),
            script: peer::ODD,
            theirs: case_words(case, &[]),
            modes: Modes::LayoutsAndCompiled,
            precision: Precision::F32,
            case: "name",
            times: &[MEDIAN],
            json: args.json,
        };
        comparison.tell(python, |said| said.table(case.name, &case.name.into(), MEDIAN))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_name_is_one_case() {
        let names = |only: &str| chosen(only).iter().map(|case| case.name).collect::<Vec<_>>();
        assert_eq!(names("dcgan_batch_1"), ["dcgan_batch_1"]);
        assert_eq!(names("batch").len(), 4);
        assert_eq!(names("").len(), CASES.len());
        assert!(names("nothing").is_empty());
    }

    #[test]
    fn the_script_has_the_same_cases() {
        let script = include_str!("../../../../benches/pytorch_odd.py");
        for case in CASES {
            let row = match case.work {
                Work::Dcgan(batch, (height, width)) if height == width => format!("({batch}, {width})"),
                Work::Dcgan(batch, (height, width)) => format!("({batch}, \"{width}x{height}\")"),
                // Channels come first there.
                Work::Network(_, &[n, height, width, c]) => format!("({n}, {c}, {height}, {width})"),
                Work::Network(_, shape) => format!("{shape:?}").replace(['[', ']'], ""),
            };
            let (_, rest) = script.split_once(&format!("\"{}\": ", case.name)).expect(case.name);
            let line = rest.split('\n').next().unwrap_or_default();
            assert!(line.contains(&row), "{}: {row} in {line}", case.name);
        }
    }

    #[test]
    fn networks_keep_shapes_and_have_the_weights_of_the_script_s() {
        // Counted in PyTorch: sum(p.numel() for p in net.parameters()).
        for (name, expected) in [
            ("u_net", 16_660_096),
            ("residual_9", 11_950_979),
            ("self_attention", 3 * 64 * 64),
        ] {
            let case = chosen(name)[0];
            let Work::Network(make, shape) = case.work else {
                panic!("{name} is a network")
            };
            let scope = Scope::new(DType::F32, 0);
            let network = make(&scope);
            assert_eq!(network.forward(&Tensor::placeholder(DType::F32, shape)).shape(), shape);
            let trainable = scope
                .parameters()
                .into_iter()
                .filter(|parameter| parameter.is_trainable());
            let weights: usize = trainable
                .map(|parameter| parameter.shape().iter().product::<usize>())
                .sum();
            assert_eq!(weights, expected, "{name}");
        }
    }
}
