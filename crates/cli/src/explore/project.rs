//! `gany explore RUN project`: the code from which a generator makes a picture.
use crate::failure::Failure;
use crate::making::{cannot_write, class_number, flat, is_png, make_folder, show};
use crate::output::{DIM, print, print_json};
use crate::picture::Grid;
use crate::progress::bar;
use clap::ValueEnum;
use clap::builder::TypedValueParser;
use ganymede::data::decode;
use ganymede::explore::Sheet;
use ganymede::explore::projection::{Code, Config, Projection, ProjectionError};
use ganymede::metrics::lpips::Lpips;
use ganymede::run::{EvalError, Sampler};
use serde_json::json;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Look for the code from which the generator makes a picture
///
/// Writes the picture beside what the search makes of it from the mean code on, and the code itself beside that file. A system
/// with styles is searched among styles, any other among latent vectors.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  gany explore runs/stylegan-emoji-google project face.png -o found.png             a style for each layer
  gany explore runs/stylegan-emoji-google project face.png --code w -o found.png    one for all: less near, better to edit
  gany explore runs/cgan-fashion-mnist project shoe.png --class sneaker -o found.png")]
pub(crate) struct Args {
    /// The picture; it is brought to the run's size
    picture: PathBuf,
    /// Where the result goes; the code goes beside it, as safetensors
    #[arg(short, long, value_name = "FILE.png", default_value = "found.png")]
    output: PathBuf,
    /// Look among latent vectors (z), styles of all layers (w) or of each (w+) [default: w+ where there are styles]
    #[arg(long, value_name = "z|w|w+")]
    code: Option<Code>,
    /// What pictures are compared by
    #[arg(long, value_enum, default_value = "lpips")]
    by: By,
    /// Updates of the search
    #[arg(long, value_name = "N", default_value = "1000", value_parser = clap::value_parser!(u32).range(1..).map(|n| n as usize))]
    steps: usize,
    /// The class that the generator is asked for, where it has classes: a name, or a number from 0
    #[arg(long, value_name = "NAME|NUMBER")]
    class: Option<String>,
    /// Print what was found as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum By {
    /// What people find alike, and pixels
    Lpips,
    /// Pixels alone
    Pixels,
}

impl From<ProjectionError> for Failure {
    fn from(error: ProjectionError) -> Failure {
        Failure::new(error.to_string(), error.hint())
    }
}

/// Pictures between the first and the last that are shown.
const BETWEEN: usize = 4;

pub(crate) fn run(run: &Path, args: &Args) -> Result<ExitCode, Failure> {
    is_png(&args.output)?;
    let mut sampler = Sampler::open(run)?;
    let shape = sampler.shape();
    let Some(extents) = flat(shape) else {
        return Err(Failure::new(
            "cannot look for a picture: this run makes points or volumes",
            "a run on pictures has what is looked for",
        ));
    };
    let y = class(&sampler, args.class.as_deref())?;
    let mut lpips = match args.by {
        By::Lpips => Some(Lpips::open(None).map_err(EvalError::from)?),
        By::Pixels => None,
    };
    let x = decode::read(&args.picture, &sampler.want(extents))?;
    let stamp = sampler.stamp();
    let play = sampler.play_mut();
    let config = Config {
        steps: args.steps,
        ..Config::default()
    };
    let kind = args.code.unwrap_or_else(|| Code::of(play.system()));
    let mut projection = Projection::new(play, kind, lpips.as_ref(), config, 1)?;
    let stops: Vec<usize> = (1..=BETWEEN).map(|i| args.steps * i / (BETWEEN + 1)).collect();
    let mut codes = projection.mean().to_vec();
    let bar = (!args.json && std::io::stderr().is_terminal()).then(bar);
    let found = projection.find(play, &x, y.as_deref(), &mut |progress| {
        if stops.contains(&progress.done) {
            codes.extend_from_slice(progress.codes);
        }
        if let Some(bar) = &bar {
            bar.set_position(progress.done as u64 * bar.length().unwrap_or(0) / args.steps as u64);
            bar.set_prefix(format!("update {} of {}", progress.done, args.steps));
            bar.set_message(format!("distance {:.3}", progress.misfit[0]));
        }
    });
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    codes.extend_from_slice(&found.codes);
    let mut shown = x.clone();
    for code in codes.chunks_exact(found.codes.len()) {
        shown.extend(projection.pictures(play, code, y.as_deref()));
    }
    let (first, last) = (&shown[x.len()..2 * x.len()], &shown[shown.len() - x.len()..]);
    let (name, [before, after]) = match &mut lpips {
        Some(lpips) => {
            let distances = [first, last].map(|made| f64::from(lpips.distances(made, &x, extents)[0]));
            (lpips.name().to_owned(), distances)
        }
        None => (
            "mean squared difference of pixels".to_owned(),
            [first, last].map(|made| squared(made, &x)),
        ),
    };
    if let Some(parent) = args.output.parent() {
        make_folder(parent)?;
    }
    let [height, width, _] = extents;
    let sheet = Sheet {
        values: shown,
        shape,
        rows: 1,
    };
    sheet.write(None, &stamp, &args.output)?;
    let file = args.output.with_extension("safetensors");
    std::fs::write(&file, projection.file(play, &found.codes)).map_err(|error| cannot_write(&file, &error))?;
    if args.json {
        print_json(&json!({
            "output": args.output, "code_file": file, "code": kind, "steps": args.steps, "step": stamp.step,
            "distance": name, "before": before, "after": after,
        }));
        return Ok(ExitCode::SUCCESS);
    }
    let grid = Grid {
        columns: sheet.columns() as u32,
        aspect: height as f64 / width as f64,
    };
    show(&args.output, &grid, args.json);
    print(&format!(
        "found in {kind}: {name} {after:.4}, from {before:.4} at the mean\n{DIM}the picture and the way to it{DIM:#}  {}\n{DIM}the code{DIM:#}  {}",
        args.output.display(),
        file.display()
    ));
    Ok(ExitCode::SUCCESS)
}

/// The class asked for as the generator takes it, or nothing where it knows no classes.
fn class(sampler: &Sampler, wanted: Option<&str>) -> Result<Option<Vec<f32>>, Failure> {
    match wanted {
        Some(wanted) => Ok(Some(vec![class_number(wanted, sampler)? as f32])),
        None if sampler.classes().is_some() => Err(Failure::new(
            format!(
                "`{}` makes pictures of classes: expected one to look in",
                sampler.entry().card.id
            ),
            format!("name it with `--class`: {}", sampler.class_names().join(", ")),
        )),
        None => Ok(None),
    }
}

fn squared(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>() / a.len() as f64
}
