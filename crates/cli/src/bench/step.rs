//! `gany bench step`: a whole training step, timed as `benches/pytorch_step.py` times PyTorch's.
use crate::failure::Failure;
use crate::output::{DIM, STRONG, aligned, print};
use crate::progress::warning;
use crate::train::{PrecisionName, slowness};
use clap::builder::TypedValueParser;
use ganymede::data::Shape;
use ganymede::engine::{Precision, Timing, pool};
use ganymede::games::Play;
use ganymede::models::{self, Built, Entry, Given, Settings};
use serde_json::{Value, json};
use std::collections::HashMap;
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
  gany bench step wgan_gp --size 32 --profile")]
pub(crate) struct Args {
    /// The system
    system: String,
    /// Side of the square pictures
    #[arg(long, default_value_t = 64)]
    size: usize,
    /// Channels of the outermost layers, or units of dense ones
    #[arg(long, default_value_t = 64)]
    width: usize,
    /// Examples in a batch
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..).map(|n| n as usize))]
    batch: usize,
    /// Channels of the pictures
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=4).map(|n| n as usize))]
    channels: usize,
    /// Numbers in a latent vector
    #[arg(long, default_value_t = 100)]
    z_dim: usize,
    /// Threads to compute with [default: one a core]
    #[arg(long, value_name = "N", value_parser = crate::train::threads)]
    threads: Option<usize>,
    /// What matrix products and convolutions compute in
    #[arg(long, value_enum, default_value_t = PrecisionName::F32)]
    precision: PrecisionName,
    /// Steps that are timed, after four that are not
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u64).range(1..))]
    steps: u64,
    /// Also list the instructions that take longest
    #[arg(long)]
    profile: bool,
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
}

/// Steps before the clock starts.
const WARM_UP: u64 = 4;

/// Systems that the PyTorch script has too.
const PEERS: [&str; 3] = ["gan", "dcgan", "wgan_gp"];

/// Instructions that a profile lists.
const MOST_LISTED: usize = 24;

pub(crate) fn run(args: Args, started: Instant) -> Result<ExitCode, Failure> {
    if let Some(threads) = args.threads {
        pool::set_threads(threads);
    }
    let entry = models::find(&args.system)?;
    let sample = Shape::Picture {
        height: args.size,
        width: args.size,
        channels: args.channels,
    };
    let classes = entry.card.needs_labels.then_some(10);
    let Built { system, scope, batch } = entry.build(&settings(entry, &args)?, &Given { sample, classes }, 0)?;
    let precision = args.precision.on_this_machine();
    let mut play = Play::new(system, scope, &sample.of_batch(batch), 0).in_precision(precision);
    fill(&mut play, classes.unwrap_or(1));
    let planning = Instant::now();
    let arena_bytes = play.program(0).arena_bytes();
    let plan_time = planning.elapsed();
    let mut times = vec![];
    let mut first_step_time = Duration::ZERO;
    for n in 0..WARM_UP + args.steps {
        if n == WARM_UP && args.profile {
            play.program(n).start_profile();
        }
        let start = Instant::now();
        play.step(n);
        // The losses are read at every step, as in training.
        let _ = play.reports(n);
        if n >= WARM_UP {
            times.push(start.elapsed());
        } else if n == 0 {
            first_step_time = started.elapsed();
        }
    }
    times.sort();
    let ms = |time: Duration| (time.as_secs_f64() * 1e5).round() / 1e2;
    let median = times[times.len() / 2];
    let images_per_s = (batch * play.batches()) as f64 / median.as_secs_f64();
    let facts = json!({
        "model": args.system,
        "size": args.size,
        "width": args.width,
        "batch": batch,
        "channels": args.channels,
        "z_dim": args.z_dim,
        "steps": args.steps,
        "threads": pool::threads(),
        "device": "cpu",
        "bf16": precision == Precision::Bf16,
        "precision": precision.name(),
        "median_ms": ms(median),
        "min_ms": ms(times[0]),
        "peak_mib": peak_mib(),
        "first_step_ms": ms(first_step_time),
        "plan_ms": ms(plan_time),
        "arena_mib": arena_bytes >> 20,
        "images_per_s": (images_per_s * 10.0).round() / 10.0,
        "note": "first_step_ms is from the beginning of main to the end of the first step, building and planning included",
    });
    if args.json {
        print(&facts.to_string());
    } else {
        args.precision.choice().iter().for_each(|choice| print(choice));
        slowness(precision).iter().for_each(|slow| print(&warning(slow)));
        print(&told(&facts));
    }
    if args.profile {
        let table = profile(&play.program(WARM_UP).profile(), args.steps);
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

/// The system's settings for this measurement.
fn settings(entry: &Entry, args: &Args) -> Result<Settings, Failure> {
    let mut changes = vec![];
    for key in entry.defaults().into_keys() {
        let is_peer = PEERS.contains(&entry.card.id);
        let value = match key.rsplit('.').next().unwrap_or(&key) {
            "batch" => args.batch.to_string(),
            "width" => args.width.to_string(),
            "z_dim" => args.z_dim.to_string(),
            "n_critic" if is_peer => "1".into(),
            "learning_rate" if is_peer => "2e-4".into(),
            "betas" if is_peer => "[0.5, 0.999]".into(),
            _ => continue,
        };
        changes.push((key, value));
    }
    Ok(models::resolve(entry.card.id, &entry.defaults(), &changes)?)
}

/// Numbers on [-1, 1] for pictures, and classes in turn.
fn fill(play: &mut Play, classes: usize) {
    let mut state = 1_u32;
    for batch in 0..play.batches() {
        let (x, y) = play.batch_mut(batch);
        for value in x {
            // Marsaglia's xorshift: any noise will do.
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            *value = state as f32 / 2_f32.powi(31) - 1.0;
        }
        y.iter_mut()
            .enumerate()
            .for_each(|(i, class)| *class = (i % classes) as f32);
    }
}

/// The most memory that this process ever held, in MiB, where the system tells.
fn peak_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024)
}

fn told(facts: &Value) -> String {
    let row = |name: &str, value: String| vec![name.to_owned(), value];
    let ms = |key: &str| format!("{} ms", facts[key]);
    let of = format!(
        "{}, {}x{} pictures with {} channels, width {}, batch {}, {} threads, {}",
        facts["model"].as_str().unwrap_or_default(),
        facts["size"],
        facts["size"],
        facts["channels"],
        facts["width"],
        facts["batch"],
        facts["threads"],
        facts["precision"].as_str().unwrap_or_default()
    );
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
    ]);
    format!("{STRONG}{of}{STRONG:#}\n{table}")
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
