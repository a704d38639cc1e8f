//! `gany eval`: how good a run's samples are, in figures that carry their protocol.
use crate::failure::Failure;
use crate::output::{COMMAND, DIM, STRONG, aligned, grouped, print, print_json, quoted};
use crate::progress::warning;
use clap::builder::TypedValueParser;
use ganymede::metrics::Plan;
use ganymede::metrics::evaluation::chosen;
use ganymede::metrics::figure::{Better, Comparison, Figure};
use ganymede::metrics::registry::ENTRIES;
use ganymede::run::evaluation::{compare, stored};
use ganymede::run::{EvalError, EvalOrder, RunFigures, evaluate};
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;

/// Measure a run's samples against real examples, or compare two runs
///
/// Every figure is printed with its 95% interval and kept in the run's `eval.json` with its protocol: real examples and
/// their digest, counts, feature network and seed. Figures of unlike protocol are not compared.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  gany eval runs/dcgan-fashion-mnist                     what fits the data
  gany eval runs/dcgan-fashion-mnist --metrics fd,kid -n 10000
  gany eval runs/dcgan-fashion-mnist runs/gan-fashion-mnist   which one is better
  gany eval runs/a runs/b --stored                       by what was measured before
  gany eval --list                                       what each metric says")]
pub(crate) struct Args {
    /// The run's folder; two to be compared
    #[arg(required_unless_present = "list", num_args = 1..=2)]
    runs: Vec<PathBuf>,
    /// Which metrics [default: all that fit and take no minutes]
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    metrics: Vec<String>,
    /// Real examples to compare with [default: those of the run's training]
    #[arg(long, value_name = "NAME|PATH")]
    against: Option<String>,
    /// Real examples that the run has not seen [default: the data's `test` split]
    #[arg(long, value_name = "NAME|PATH")]
    held_out: Option<String>,
    /// How many samples, and real examples at most [default: 5000]
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u32).range(10..).map(|n| n as usize))]
    count: Option<usize>,
    /// What the samples follow from
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// What takes the features of pictures: clf, the classifier of the data's classes; effnet-lite0, squeezenet,
    /// inception-v3; or none [default: what fits]
    #[arg(long, value_name = "NETWORK")]
    features: Option<String>,
    /// The network's weights, safetensors or PyTorch's [default: those that `gany data get` has fetched]
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// A named checkpoint, such as `best` [default: the latest]
    #[arg(long, value_name = "NAME")]
    checkpoint: Option<String>,
    /// Compare two runs by the figures that they have
    #[arg(long, conflicts_with_all = ["metrics", "against", "held_out", "count", "features", "weights", "checkpoint"])]
    stored: bool,
    /// Say what each metric tells and needs, and do nothing
    #[arg(long)]
    list: bool,
    /// Print the figures as JSON
    #[arg(long)]
    json: bool,
}

/// Samples where nothing else is said.
const COUNT: usize = 5000;

pub(crate) fn run(args: &Args) -> Result<ExitCode, Failure> {
    if args.list {
        list(args.json);
        return Ok(ExitCode::SUCCESS);
    }
    // A mistyped name is found before anything is read.
    chosen(&args.metrics).map_err(EvalError::from)?;
    let order = EvalOrder {
        plan: Plan {
            metrics: args.metrics.clone(),
            count: args.count.unwrap_or(COUNT),
            seed: args.seed,
        },
        against: args.against.clone(),
        held_out: args.held_out.clone(),
        features: args.features.clone(),
        weights: args.weights.clone(),
        checkpoint: args.checkpoint.clone(),
    };
    let mut measure = |run: &PathBuf| -> Result<RunFigures, Failure> {
        if args.stored {
            return Ok(stored(run)?);
        }
        Ok(evaluate(run, &order, &mut |line| {
            anstream::eprintln!("{DIM}{line}{DIM:#}");
        })?)
    };
    let figures = args.runs.iter().map(&mut measure).collect::<Result<Vec<_>, _>>()?;
    match (&args.runs[..], &figures[..]) {
        ([first, second], [of_first, of_second]) => {
            let comparisons = compare((first, of_first), (second, of_second))?;
            if args.json {
                print_json(&comparisons.iter().map(as_json).collect::<Vec<_>>());
            } else {
                let names = [first, second].map(|run| run.display().to_string());
                print(&comparison(&comparisons, &names, &of_first.evaluation.figures));
            }
        }
        _ if args.json => print_json(&figures[0]),
        _ => print(&page(&figures[0], &args.runs[0].to_string_lossy())),
    }
    Ok(ExitCode::SUCCESS)
}

fn list(is_json: bool) {
    if is_json {
        let entry = |entry: &ganymede::metrics::registry::Entry| json!({"name": entry.name, "title": entry.title, "says": entry.says, "default": entry.is_default});
        return print_json(&ENTRIES.iter().map(entry).collect::<Vec<_>>());
    }
    let row = |entry: &ganymede::metrics::registry::Entry| {
        let asked = if entry.is_default { "" } else { " (when asked for)" };
        vec![entry.name.to_owned(), format!("{}: {}{asked}", entry.title, entry.says)]
    };
    print(&aligned(&ENTRIES.iter().map(row).collect::<Vec<_>>()));
}

/// Four digits, however large the number is.
fn short(number: f64) -> String {
    let digits = match number.abs() {
        n if n >= 1000.0 => 0,
        n if n >= 100.0 => 1,
        n if n >= 10.0 => 2,
        n if n >= 1.0 || n == 0.0 => 3,
        _ => 4,
    };
    if number == number.round() && number.abs() < 1e6 {
        return number.to_string();
    }
    format!("{number:.digits$}")
}

/// Which way is better.
fn arrow(figure: &Figure) -> String {
    match figure.better {
        Better::Lower => "↓".into(),
        Better::Higher => "↑".into(),
        Better::Near(target) => format!("→ {}", short(target)),
        Better::LikeReal => format!("→ {}", figure.real.map_or("real".into(), short)),
    }
}

fn page(figures: &RunFigures, run: &str) -> String {
    let evaluation = &figures.evaluation;
    let mut text = String::new();
    if let Some(figure) = evaluation.figures.first() {
        let protocol = &figure.protocol;
        text += &format!(
            "{STRONG}{}{STRONG:#}, step {}: {} samples against {} of {}\n\n",
            figures.system,
            grouped(figures.step),
            grouped(protocol.samples as u64),
            grouped(protocol.reference.count as u64),
            protocol.reference.data,
        );
    }
    let rows = evaluation.figures.iter().map(|figure| {
        let interval = figure.interval.as_ref();
        let interval = interval.map(|i| format!("{} to {}", short(i.low), short(i.high)));
        let real = figure.real.filter(|_| figure.better != Better::LikeReal);
        let real = real.map(|real| format!("real {}", short(real)));
        let cells = [
            Some(figure.name()),
            Some(short(figure.value)),
            interval.or(Some(String::new())),
            Some(arrow(figure)),
            real,
        ];
        cells.into_iter().flatten().collect::<Vec<_>>()
    });
    text += &aligned(&rows.collect::<Vec<_>>());
    for note in &evaluation.notes {
        text += &format!("\n{}", warning(note));
    }
    for skipped in &evaluation.skipped {
        text += &format!(
            "\n{}",
            warning(&format!("{} was not measured: {}", skipped.metric, skipped.reason))
        );
    }
    let protocol = evaluation.figures.first().map(|figure| {
        let protocol = &figure.protocol;
        let network = evaluation
            .figures
            .iter()
            .find_map(|figure| figure.protocol.features.as_ref());
        let network = network.map_or(String::new(), |f| {
            format!("; features {} {}", f.network, digest(&f.digest))
        });
        format!(
            "data {}{network}; seed {}",
            digest(&protocol.reference.digest),
            protocol.seed
        )
    });
    text + &format!(
        "\n{DIM}{}\n↓ lower is better, ↑ higher, → the nearer to this number. Kept in {}/eval.json.{DIM:#}\n{DIM}What they say:{DIM:#} {COMMAND}gany eval --list{COMMAND:#}",
        protocol.unwrap_or_default(),
        quoted(run.trim_end_matches('/')),
    )
}

fn digest(full: &str) -> &str {
    full.get(..19).unwrap_or(full)
}

fn as_json(comparison: &Comparison) -> serde_json::Value {
    json!({"metric": comparison.metric, "values": comparison.values, "better": comparison.better})
}

fn comparison(comparisons: &[Comparison], names: &[String; 2], figures: &[Figure]) -> String {
    let [first, second] = names.clone();
    let mut rows = vec![vec![String::new(), first, second, String::new(), "better".to_owned()]];
    for comparison in comparisons {
        let figure = figures.iter().find(|figure| figure.metric == comparison.metric);
        rows.push(vec![
            figure.map_or(comparison.metric.clone(), Figure::name),
            short(comparison.values[0]),
            short(comparison.values[1]),
            figure.map(arrow).unwrap_or_default(),
            comparison.better.map_or("-".to_owned(), |better| names[better].clone()),
        ]);
    }
    aligned(&rows)
        + &format!("\n{DIM}-: the intervals overlap, or none is known; chance may explain the difference.{DIM:#}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_four_digits() {
        let shown = [0.0, 8.0, 0.123456, 1.23456, -12.3456, 123.456, 12345.6].map(short);
        assert_eq!(shown, ["0", "8", "0.1235", "1.235", "-12.35", "123.5", "12346"]);
    }
}
