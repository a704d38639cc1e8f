//! `gany bench growth`: how a training step's time and memory grow, beside what its plan lets expect.
use super::child::{self, Ended, lines};
use super::measure::rounded;
use super::network::Network;
use super::peer::words;
use super::plot::{self, Chart, Line, Look};
use crate::failure::{self, Failure};
use crate::output::{DIM, STRONG, print};
use clap::{ValueEnum, builder::TypedValueParser};
use ganymede::models;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// Measure how a training step grows with batch, width, size and threads
///
/// Each step is measured in a process of its own. Beside its time stand two that follow from its plan: for its products at
/// the most multiply-adds that this machine does, and for its operands and results at the rate of a copy in memory. What is
/// below the first has saved multiplications (Winograd's algorithms do), what is below the second was found in caches.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  gany bench growth dcgan --plot growth.svg         everything, some minutes
  gany bench growth wgan_gp --size 32 --width 32 --over batch,threads --json")]
pub(crate) struct Args {
    #[command(flatten)]
    network: Network,
    /// Examples in a batch where it is not what grows
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..).map(|n| n as usize))]
    batch: usize,
    /// What grows, with commas between
    #[arg(long, value_enum, value_delimiter = ',', default_value = "batch,width,size,threads")]
    over: Vec<Grows>,
    /// Steps that are timed, after one that is not
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..))]
    steps: u64,
    /// Seconds that one measurement may take
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    limit_secs: u64,
    /// Also draw it as an SVG picture
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
    /// Print JSON, a step a line
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Grows {
    /// Examples in a batch, 1 to 1024
    Batch,
    /// Channels of the outermost layers, 16 to 256
    Width,
    /// Sides of the pictures, 16 to 256
    Size,
    /// Threads, 1 to the number of cores
    Threads,
}

impl Grows {
    fn name(self) -> &'static str {
        match self {
            Grows::Batch => "batch",
            Grows::Width => "width",
            Grows::Size => "size",
            Grows::Threads => "threads",
        }
    }

    fn values(self, cores: usize) -> Vec<usize> {
        match self {
            Grows::Batch => (0..=5).map(|n| 1 << (2 * n)).collect(),
            Grows::Width | Grows::Size => (4..=8).map(|n| 1 << n).collect(),
            Grows::Threads => {
                let powers = (0..).map(|n| 1 << n).take_while(|threads| *threads < cores);
                powers.chain([cores]).collect()
            }
        }
    }
}

/// What the machine does at most with so many threads.
#[derive(Clone, Copy)]
struct Machine {
    gflops: f64,
    gbytes_per_s: f64,
}

/// A step that was measured.
struct Point {
    value: usize,
    facts: Value,
    arithmetic_ms: f64,
    traffic_ms: f64,
}

impl Point {
    fn of(value: usize, facts: Value, machine: Machine) -> Point {
        let (gflop, mib) = (&facts["gflop"], &facts["traffic_mib"]);
        let number = |fact: &Value| fact.as_f64().unwrap_or_default();
        Point {
            value,
            arithmetic_ms: number(gflop) / machine.gflops * 1e3,
            traffic_ms: number(mib) * f64::from(1 << 20) / machine.gbytes_per_s * 1e-6,
            facts,
        }
    }

    fn fact(&self, key: &str) -> f64 {
        self.facts[key].as_f64().unwrap_or_default()
    }
}

pub(crate) fn run(args: &Args) -> Result<ExitCode, Failure> {
    models::find(&args.network.system)?;
    let title = format!("A step of {}, batch {}", args.network.told(), args.batch);
    let mut charts = vec![];
    if let Some(path) = &args.plot {
        // Better now than after some minutes.
        draw(path, &title, &charts)?;
    }
    if !args.json {
        print(&format!("{STRONG}{title}{STRONG:#}, and what becomes of it"));
    }
    let mut machines = BTreeMap::new();
    for &grows in &args.over {
        let points = grow(args, grows, &mut machines)?;
        charts.extend(charted(grows, &points));
        if let Some(path) = &args.plot {
            draw(path, &title, &charts)?;
        }
    }
    if let Some(path) = args.plot.as_ref().filter(|_| !args.json) {
        print(&format!("\n  plot  {}", path.display()));
    }
    Ok(ExitCode::SUCCESS)
}

/// One step after the other, each larger than the last, until one takes too long.
fn grow(args: &Args, grows: Grows, machines: &mut BTreeMap<String, Machine>) -> Result<Vec<Point>, Failure> {
    let say = |line: &str| {
        if !args.json {
            print(line);
        }
    };
    say(&format!(
        "\n  {DIM}{:<8}{:>12}{:>12}{:>17}{:>14}{:>14}{DIM:#}",
        grows.name(),
        "step, ms",
        "images/s",
        "arithmetic, ms",
        "traffic, ms",
        "memory, MiB"
    ));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut points = vec![];
    for value in grows.values(cores) {
        let (mut network, mut batch) = (args.network.clone(), args.batch);
        match grows {
            Grows::Batch => batch = value,
            Grows::Width => network.width = value,
            Grows::Size => network.size = (value, value),
            Grows::Threads => network.threads = Some(value),
        }
        let machine = machine(&network, machines)?;
        let mut command = child::gany()?;
        let (batch, steps) = (batch.to_string(), args.steps.to_string());
        let step = ["bench", "step", &network.system, "--json", "--batch", &batch];
        let how = [
            "--steps",
            &steps,
            "--warm-up",
            "1",
            "--precision",
            network.precision().name(),
        ];
        command.args(words(&[&step[..], &how].concat(), &network.words()));
        let told = child::run(&mut command, Some(Duration::from_secs(args.limit_secs)));
        let told = told.map(|text| lines(&text).pop());
        let (facts, reason) = match told {
            Ok(facts) => (facts, "said nothing".to_owned()),
            Err(Ended::TooLong) => (None, format!("took longer than {} s", args.limit_secs)),
            Err(ended) => (None, ended.reason()),
        };
        let Some(facts) = facts else {
            if args.json {
                print(&json!({"over": grows.name(), grows.name(): value, "failed": reason}).to_string());
            }
            say(&format!("  {value:<8}    {reason}"));
            // What is larger still would fare no better.
            break;
        };
        let point = Point::of(value, facts, machine);
        if args.json {
            let mut line = point.facts.clone();
            line["over"] = grows.name().into();
            line["arithmetic_ms"] = rounded(point.arithmetic_ms, 6).into();
            line["traffic_ms"] = rounded(point.traffic_ms, 6).into();
            print(&line.to_string());
        }
        say(&format!(
            "  {value:<8}{:>12.2}{:>12.1}{:>17.2}{:>14.2}{:>14}",
            point.fact("median_ms"),
            point.fact("images_per_s"),
            point.arithmetic_ms,
            point.traffic_ms,
            point.fact("peak_mib"),
        ));
        points.push(point);
    }
    Ok(points)
}

/// What the machine does at most with the threads of a network, measured once for each number of them.
fn machine(network: &Network, known: &mut BTreeMap<String, Machine>) -> Result<Machine, Failure> {
    let threads = network.threads.map(|threads| threads.to_string()).unwrap_or_default();
    if let Some(machine) = known.get(&threads) {
        return Ok(*machine);
    }
    let mut command = child::gany()?;
    command.args(["bench", "--json"]);
    if !threads.is_empty() {
        command.args(["--threads", &threads]);
    }
    let facts: Value = serde_json::from_str(&child::run(&mut command, None)?).unwrap_or_default();
    let fact = |key: &str| facts[key].as_f64().unwrap_or(f64::NAN);
    let machine = Machine {
        gflops: fact("multiply_add_gflops"),
        gbytes_per_s: fact("copy_gbytes_per_s"),
    };
    known.insert(threads, machine);
    Ok(machine)
}

/// Time and memory of what was measured.
fn charted(grows: Grows, points: &[Point]) -> [Chart; 2] {
    let line = |label, look, y: &dyn Fn(&Point) -> f64| Line {
        label,
        look,
        points: points.iter().map(|point| (point.value as f64, y(point))).collect(),
    };
    let chart = |y: &str, lines| Chart {
        x: grows.name().into(),
        y: y.into(),
        lines,
    };
    [
        chart(
            "time of a step, ms",
            vec![
                line("measured", Look::Measured, &|point| point.fact("median_ms")),
                line("its products at the machine's most", Look::Bound, &|point| {
                    point.arithmetic_ms
                }),
                line("its operands at the rate of a copy", Look::OtherBound, &|point| {
                    point.traffic_ms
                }),
            ],
        ),
        chart(
            "memory, MiB",
            vec![
                line("at most, of the process", Look::Measured, &|point| {
                    point.fact("peak_mib")
                }),
                line("of it results in between", Look::Bound, &|point| {
                    point.fact("arena_mib")
                }),
            ],
        ),
    ]
}

fn draw(path: &Path, title: &str, charts: &[Chart]) -> Result<(), Failure> {
    std::fs::write(path, plot::svg(title, charts)).map_err(|error| {
        Failure::new(
            format!(
                "cannot write the plot ({}): {}",
                failure::reason(&error),
                path.display()
            ),
            "name a file in a folder that is there and that you may write to",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_follow_from_the_plan_and_the_machine() {
        let facts = json!({"gflop": 50.0, "traffic_mib": 2000.0, "median_ms": 700.0});
        let machine = Machine {
            gflops: 100.0,
            gbytes_per_s: 20.0,
        };
        let point = Point::of(64, facts, machine);
        assert_eq!(point.arithmetic_ms, 500.0);
        assert!((point.traffic_ms - 104.8576).abs() < 1e-9);
        assert_eq!(point.fact("median_ms"), 700.0);
    }

    #[test]
    fn threads_grow_up_to_the_cores() {
        assert_eq!(Grows::Threads.values(1), [1]);
        assert_eq!(Grows::Threads.values(2), [1, 2]);
        assert_eq!(Grows::Threads.values(6), [1, 2, 4, 6]);
        assert_eq!(Grows::Batch.values(2), [1, 4, 16, 64, 256, 1024]);
        assert_eq!(Grows::Size.values(2), [16, 32, 64, 128, 256]);
    }
}
