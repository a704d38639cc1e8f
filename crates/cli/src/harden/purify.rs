//! `gany harden purify`: what a generator makes of a picture, in its place.
use super::{Looked, said};
use crate::failure::Failure;
use crate::making::{is_png, make_folder, show};
use crate::output::{COMMAND, DIM, STRONG, aligned, print, print_json};
use crate::picture::Grid;
use ganymede::defences::DefenceError;
use ganymede::defences::defense_gan::DefenseGan;
use ganymede::run::{Pictures, grid_png};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::ExitCode;

/// Show a classifier the nearest pictures that a run's generator can make, in place of the pictures themselves
///
/// What is written shows each picture beside what stands in for it. The run has to be of the classifier's data, at its size, and
/// of a system that makes pictures without being told a class.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  gany harden purify seven.png --run runs/wgan_gp-mnist --target mnist -o pure.png
  gany harden purify fooled/*.png --run runs/dcgan-mnist --target mnist --restarts 4")]
pub(crate) struct Args {
    #[command(flatten)]
    looked: Looked,
    /// The folder of a run whose generator knows honest pictures
    #[arg(long, value_name = "RUN")]
    run: PathBuf,
    /// Searches from other beginnings for each picture
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    restarts: u32,
    /// Updates of a search
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    steps: u32,
    /// What all randomness follows from
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Where to draw them, a `.png`
    #[arg(short, long, value_name = "FILE", default_value = "pure.png")]
    output: PathBuf,
    /// Print what is said of them as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode, Failure> {
    is_png(&args.output)?;
    let settings = DefenseGan {
        steps: args.steps as usize,
        restarts: args.restarts as usize,
        ..DefenseGan::default()
    };
    let (target, pictures) = args.looked.open()?;
    let mut purifier = settings.behind(&args.run)?;
    if purifier.shape() != target.shape() {
        let (expected, got) = (target.shape(), purifier.shape());
        return Err(DefenceError::Shape {
            target: target.name().to_owned(),
            expected,
            got,
        }
        .into());
    }
    let pure = purifier.purified(&pictures, args.seed);
    let mut judge = target.judge(args.looked.pictures.len());
    let (before, after) = (judge.says(&pictures), judge.says(&pure));
    let [height, width, channels] = target.shape();
    let pairs = pictures
        .chunks_exact(target.floats())
        .zip(pure.chunks_exact(target.floats()));
    let values: Vec<f32> = pairs
        .flat_map(|(was, is)| [was, is].concat())
        .map(|x| 2.0 * x - 1.0)
        .collect();
    let shown = Pictures {
        values: &values,
        count: 2 * before.len(),
        height,
        width,
        channels,
    };
    if let Some(parent) = args.output.parent() {
        make_folder(parent)?;
    }
    let source = format!(
        "pictures and what {} at {} has made of them, seed {}",
        "gany harden purify",
        args.run.display(),
        args.seed
    );
    grid_png(&shown, 2, &source, &args.output)?;
    let rows = args.looked.files().zip(before.iter().zip(&after));
    if args.json {
        let described: Vec<Value> = rows
            .map(|(file, (before, after))| json!({"picture": file, "before": before, "after": after}))
            .collect();
        print_json(
            &json!({"target": target.name(), "run": args.run, "settings": settings, "output": args.output, "pictures": described}),
        );
        return Ok(ExitCode::SUCCESS);
    }
    let head = ["picture", "was", "purified"].map(str::to_owned).to_vec();
    let row = |(file, (before, after))| vec![file, said(&target, before), said(&target, after)];
    let table: Vec<Vec<String>> = [head].into_iter().chain(rows.map(row)).collect();
    show(
        &args.output,
        &Grid {
            columns: 2,
            aspect: height as f64 / width as f64,
        },
        args.json,
    );
    print(&format!(
        "{STRONG}Defense-GAN{STRONG:#} before {}\n\n{}\n{DIM}as it was, what stands in for it:{DIM:#} {COMMAND}{}{COMMAND:#}",
        target.name(),
        aligned(&table),
        args.output.display()
    ));
    Ok(ExitCode::SUCCESS)
}
