//! `gany bench sample`: how fast a generator makes pictures, timed as `benches/pytorch_sample.py` times PyTorch's.
use super::measure::{Times, ms, peak_mib, rounded};
use super::network::{Network, Ready, fill_with_classes};
use super::peer::{self, Beside, Comparison, MEDIAN, Modes, Said, words};
use crate::failure::Failure;
use crate::output::{STRONG, print, tabulated};
use ganymede::games::latent_vectors;
use serde_json::json;
use std::path::Path;
use std::process::ExitCode;

/// Time how fast a generator makes pictures
///
/// The networks are those of `gany bench step`, with random weights. A time goes from latent vectors to finished pictures
/// in memory.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  gany bench sample dcgan                           one picture, and 256 at once
  gany bench sample gan --size 28 --batch 1,16,64
  gany bench sample dcgan --peer .peers/bin/python  beside PyTorch, the fastest of its modes")]
pub(crate) struct Args {
    #[command(flatten)]
    network: Network,
    /// Pictures at once, several numbers with commas between them
    #[arg(long, value_delimiter = ',', default_value = "1,256", value_parser = clap::value_parser!(u32).range(1..))]
    batch: Vec<u32>,
    #[command(flatten)]
    beside: Beside,
    /// Print JSON, a batch a line
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode, Failure> {
    match &args.beside.peer {
        Some(python) => compare(args, python)?,
        None => measure(args)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn measure(args: &Args) -> Result<(), Failure> {
    let mut rows = vec![["batch", "pictures/s", "ms", "at best"].map(str::to_owned).to_vec()];
    // Training's batch is of no consequence here.
    let Ready { mut play, classes, .. } = args.network.build(1)?;
    for &batch in &args.batch {
        let count = batch as usize;
        let z = latent_vectors(0, 0, count, play.system().z_dim());
        let y = classes.map(|_| {
            let mut y = vec![0.0; count];
            fill_with_classes(&mut y, classes);
            y
        });
        let times = Times::of(|| _ = play.sample(&z, y.as_deref()));
        let per_s = rounded(f64::from(batch) / times.median().as_secs_f64(), 1);
        let (median, least) = (ms(times.median()), ms(times.least()));
        if args.json {
            let line = args.network.line(json!({
                "batch": batch,
                MEDIAN: median,
                "min_ms": least,
                "pictures_per_s": per_s,
                "peak_mib": peak_mib(),
            }));
            print(&line.to_string());
        }
        rows.push(
            [
                batch.to_string(),
                per_s.to_string(),
                median.to_string(),
                least.to_string(),
            ]
            .to_vec(),
        );
    }
    if !args.json {
        print(&format!(
            "{STRONG}Pictures by {}{STRONG:#}\n{}",
            args.network.told(),
            tabulated(&rows)
        ));
    }
    Ok(())
}

fn compare(args: &Args, python: &Path) -> Result<(), Failure> {
    args.network.check_peer()?;
    let system = args.network.system.as_str();
    let batches: Vec<String> = args.batch.iter().map(u32::to_string).collect();
    let mut rest = args.network.words();
    rest.extend(["--batch".to_owned(), batches.join(",")]);
    let comparison = Comparison {
        beside: &args.beside,
        ours: words(
            &[
                "bench",
                "sample",
                system,
                "--json",
                "--precision",
                args.network.precision().name(),
            ],
            &rest,
        ),
        script: peer::SAMPLE,
        theirs: words(&["--model", system], &rest),
        modes: Modes::LayoutsAndCompiled,
        precision: args.network.precision(),
        case: "batch",
        times: &[MEDIAN],
        json: args.json,
    };
    comparison.tell(python, |said| {
        table(&format!("Pictures by {}", args.network.told()), said)
    })
}

/// A row a batch: ours, PyTorch's fastest, and the ratio of times.
fn table(heading: &str, said: &Said) -> String {
    let mut rows = vec![
        ["batch", "pictures/s", "ms", "PyTorch, ms", "mode", "ratio"]
            .map(str::to_owned)
            .to_vec(),
    ];
    for case in said.cases() {
        let Some(times) = said.beside(&case, MEDIAN) else {
            continue;
        };
        let per_s = case.as_f64().unwrap_or_default() * 1e3 / times.ours;
        rows.push(vec![
            case.to_string(),
            format!("{per_s:.1}"),
            format!("{:.3}", times.ours),
            format!("{:.3}", times.theirs),
            times.mode.clone(),
            format!("{:.2}", times.ratio()),
        ]);
    }
    format!("{}{}", said.heading(heading), tabulated(&rows))
}
