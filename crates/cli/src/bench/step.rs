//! `gany bench step`: a whole training step, timed as `benches/pytorch_step.py` times PyTorch's.
use super::measure::{Times, ms, peak_mib, rounded};
use super::network::{Network, Ready};
use super::peer::{self, Beside, Comparison, MEDIAN, Modes, words};
use crate::failure::Failure;
use crate::output::{DIM, STRONG, aligned, print};
use crate::progress::warning;
use crate::train::slowness;
use clap::builder::TypedValueParser;
use ganymede::engine::Timing;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Time a training step on random pictures
///
/// `gan`, `dcgan` and `wgan_gp` get the networks and the updates of the PyTorch script that they are compared with: Adam
/// with learning rate 2e-4 and betas 0.5 and 0.999, one move of each player. Other systems keep their own settings.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  gany bench step dcgan --size 64 --width 64 --batch 64 --channels 3 --threads 2 --json
  gany bench step dcgan --precision bf16
  gany bench step wgan_gp --size 32 --profile
  gany bench step dcgan --peer .peers/bin/python    beside PyTorch, the fastest of its modes")]
pub(crate) struct Args {
    #[command(flatten)]
    network: Network,
    /// Examples in a batch
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..).map(|n| n as usize))]
    batch: usize,
    /// Steps that are timed
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u64).range(1..))]
    steps: u64,
    /// Steps before them that are not
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..))]
    warm_up: u64,
    /// Also list the instructions that take longest
    #[arg(long, conflicts_with = "peer")]
    profile: bool,
    #[command(flatten)]
    beside: Beside,
    /// Print JSON, a measurement a line
    #[arg(long)]
    json: bool,
}

/// Instructions that a profile lists.
const MOST_LISTED: usize = 24;

pub(crate) fn run(args: &Args, started: Instant) -> Result<ExitCode, Failure> {
    match &args.beside.peer {
        Some(python) => compare(args, python),
        None => measure(args, started),
    }
}

fn measure(args: &Args, started: Instant) -> Result<ExitCode, Failure> {
    let Ready { mut play, batch, .. } = args.network.build(args.batch)?;
    let planning = Instant::now();
    let (arena_bytes, cost) = (play.program(0).arena_bytes(), play.program(0).cost());
    let plan_time = planning.elapsed();
    let mut times = vec![];
    let mut first_step_time = Duration::ZERO;
    for n in 0..args.warm_up + args.steps {
        if n == args.warm_up && args.profile {
            play.program(n).start_profile();
        }
        let start = Instant::now();
        play.step(n);
        // The losses are read at every step, as in training.
        let _ = play.reports(n);
        if n >= args.warm_up {
            times.push(start.elapsed());
        } else if n == 0 {
            first_step_time = started.elapsed();
        }
    }
    let times = Times::from(times);
    let images_per_s = (batch * play.batches()) as f64 / times.median().as_secs_f64();
    let facts = args.network.line(json!({
        "batch": batch,
        "steps": args.steps,
        MEDIAN: ms(times.median()),
        "min_ms": ms(times.least()),
        "peak_mib": peak_mib(),
        "first_step_ms": ms(first_step_time),
        "plan_ms": ms(plan_time),
        "arena_mib": arena_bytes >> 20,
        "gflop": rounded(cost.multiply_adds as f64 * 2e-9, 6),
        "traffic_mib": rounded(cost.bytes as f64 / f64::from(1 << 20), 3),
        "images_per_s": rounded(images_per_s, 1),
        "note": "first_step_ms is from the beginning of main to the end of the first step, building and planning included; \
                 gflop counts products and convolutions, traffic_mib every operand and result of every instruction",
    }));
    if args.json {
        print(&facts.to_string());
    } else {
        let network = &args.network;
        network.precision.choice().iter().for_each(|choice| print(choice));
        slowness(network.precision())
            .iter()
            .for_each(|slow| print(&warning(slow)));
        print(&told(args, &facts));
    }
    if args.profile {
        let table = profile(&play.program(args.warm_up).profile(), args.steps);
        // With --json, standard output is for the one line.
        if args.json {
            use std::io::Write;
            let _ = anstream::stderr().write_all(table.as_bytes());
        } else {
            print(&table);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What is measured, in words.
fn heading(args: &Args) -> String {
    format!("{}, batch {}", args.network.told(), args.batch)
}

fn told(args: &Args, facts: &Value) -> String {
    let row = |name: &str, value: String| vec![name.to_owned(), value];
    let ms = |key: &str| format!("{} ms", facts[key]);
    let number = |key: &str| facts[key].as_f64().unwrap_or_default();
    let table = aligned(&[
        row("step", format!("{}, at best {}", ms("median_ms"), ms("min_ms"))),
        row("images/s", facts["images_per_s"].to_string()),
        row(
            "first step",
            format!(
                "{} after the start, {} of it planning",
                ms("first_step_ms"),
                ms("plan_ms")
            ),
        ),
        row(
            "memory",
            format!(
                "{} MiB at most, {} of it for results in between",
                facts["peak_mib"], facts["arena_mib"]
            ),
        ),
        row(
            "work",
            format!(
                "{:.2} GFLOP of products, {:.0} MiB of operands and results",
                number("gflop"),
                number("traffic_mib")
            ),
        ),
    ]);
    format!("{STRONG}{}{STRONG:#}\n{table}", heading(args))
}

fn compare(args: &Args, python: &Path) -> Result<ExitCode, Failure> {
    args.network.check_peer()?;
    let system = args.network.system.as_str();
    let mut rest = args.network.words();
    for (flag, number) in [
        ("--batch", args.batch as u64),
        ("--steps", args.steps),
        ("--warm-up", args.warm_up),
    ] {
        rest.extend([flag.to_owned(), number.to_string()]);
    }
    let comparison = Comparison {
        beside: &args.beside,
        ours: words(
            &[
                "bench",
                "step",
                system,
                "--json",
                "--precision",
                args.network.precision().name(),
            ],
            &rest,
        ),
        script: peer::STEP,
        theirs: words(&["--model", system], &rest),
        // torch.compile does not differentiate twice, as a gradient penalty must.
        modes: if system == "wgan_gp" {
            Modes::Layouts
        } else {
            Modes::LayoutsAndCompiled
        },
        precision: args.network.precision(),
        case: "model",
        times: &[MEDIAN],
        json: args.json,
    };
    comparison.tell(python, |said| said.table(&heading(args), &system.into(), MEDIAN))?;
    Ok(ExitCode::SUCCESS)
}

/// The slowest instructions, those with the same words together.
fn profile(timings: &[Timing], steps: u64) -> String {
    let mut by_label: HashMap<&str, (u64, Duration)> = HashMap::new();
    for timing in timings {
        let (count, total) = by_label.entry(&timing.label).or_default();
        (*count, *total) = (*count + timing.count, *total + timing.total);
    }
    let all: Duration = timings.iter().map(|timing| timing.total).sum();
    let mut slowest: Vec<_> = by_label.into_iter().collect();
    slowest.sort_by(|(a, (_, x)), (b, (_, y))| y.cmp(x).then(a.cmp(b)));
    let mut rows = vec![
        ["share", "ms a step", "times a step", "instruction"]
            .map(str::to_owned)
            .to_vec(),
    ];
    rows.extend(slowest.iter().take(MOST_LISTED).map(|(label, (count, total))| {
        vec![
            format!("{:.1}%", total.as_secs_f64() / all.as_secs_f64() * 100.0),
            format!("{:.3}", total.as_secs_f64() * 1e3 / steps as f64),
            (count / steps).to_string(),
            (*label).to_owned(),
        ]
    }));
    let table = aligned(&rows);
    let more = slowest.len().saturating_sub(MOST_LISTED);
    format!(
        "\n{table}{DIM}and {more} more; {} instructions in all{DIM:#}\n",
        timings.len()
    )
}
