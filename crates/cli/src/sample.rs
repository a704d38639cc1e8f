//! `gany sample`: new pictures, sounds, points or rows of tables from a run.
use crate::explore;
use crate::failure::Failure;
use crate::making::{cannot_write, class_number, make_folder, show};
use crate::output::{grouped, print, quoted};
use crate::picture::Grid;
use clap::builder::TypedValueParser;
use ganymede::data::{Shape, nifti};
use ganymede::run::animation::Format;
use ganymede::run::sampling::points;
use ganymede::run::{Pictures, Sampler, grid_png, png_of_one, scatter_png, wave};
use rayon::prelude::*;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Make new pictures, sounds, points or rows of tables from the latest checkpoint of a run
///
/// The same seed gives the same samples every time, and sample 7 is the same however many are asked for.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  gany sample runs/dcgan-fashion-mnist                       64 of them as one picture
  gany sample runs/cgan-fashion-mnist --class sandal         of one class
  gany sample runs/dcgan-fashion-mnist -n 5000 -o generated  one file each, 00000.png to 04999.png
  gany sample runs/dcgan-fashion-mnist -n 8 -o walk.gif      a walk from one of eight to the next and back
  gany sample runs/wavegan-drums -n 16 -o drums.wav          sixteen sounds, one after the other
  gany sample runs/medical3d-mri -n 3 -o head.nii.gz         three volumes, as a scanner has them: head-0.nii.gz and so on
  gany sample runs/tabular-people -n 1000 -o people.csv      a thousand rows, with the columns of the table")]
pub(crate) struct Args {
    /// The run's folder
    run: PathBuf,
    /// How many
    #[arg(short = 'n', long, value_name = "N", default_value = "64", value_parser = clap::value_parser!(u32).range(1..).map(|n| n as usize))]
    count: usize,
    /// Only this class: its name, or its number from 0
    #[arg(long, value_name = "NAME|NUMBER")]
    class: Option<String>,
    /// What the samples follow from
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// A `.png` for one grid (for points and rows: a plot; for sounds: spectrograms), `.wav` for sounds one after the other, `.csv`
    /// for points or rows, `.nii` or `.nii.gz` for volumes, `.gif`, `.apng` or `.mp4` for a walk from one to the next, any other name for a folder with a file each
    /// (for points: `points.csv`, for rows: `rows.csv`); by default NAME.png, after the run, and of tables NAME.csv
    #[arg(short, long, value_name = "FILE|FOLDER")]
    output: Option<PathBuf>,
    /// Pictures in a row of the grid
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..).map(|n| n as usize))]
    columns: Option<usize>,
    /// Print what was made as JSON
    #[arg(long)]
    json: bool,
}

/// So many pictures are made and written at a time.
const PORTION: usize = 1000;

pub(crate) fn run(args: Args) -> Result<ExitCode, Failure> {
    if args
        .output
        .as_deref()
        .is_some_and(|output| Format::of(output).is_some())
    {
        return explore::walk(&args.run, args.seed, args.count, args.class, args.output, args.json);
    }
    let mut sampler = Sampler::open(&args.run)?;
    if !sampler.makes_samples() {
        return Err(makes_no_samples(&sampler, &args.run));
    }
    let class = match &args.class {
        Some(wanted) => Some(class_number(wanted, &sampler)?),
        None => None,
    };
    let output = args.output.clone().unwrap_or_else(|| {
        let full = args.run.canonicalize().unwrap_or_else(|_| args.run.clone());
        let end = if sampler.columns().is_some() { "csv" } else { "png" };
        PathBuf::from(full.file_name().unwrap_or("samples".as_ref())).with_added_extension(end)
    });
    let ends_in = |end: &str| {
        output
            .extension()
            .is_some_and(|extension| extension.eq_ignore_ascii_case(end))
    };
    if ends_in("png") {
        one_file(&mut sampler, &args, class, &output)?;
    } else if ends_in("wav") {
        one_wave(&mut sampler, &args, class, &output)?;
    } else if ends_in("nii") || output.to_string_lossy().to_lowercase().ends_with(".nii.gz") {
        volumes(&mut sampler, &args, class, &output)?;
    } else if ends_in("csv") {
        one_table(&mut sampler, &args, class, &output)?;
    } else {
        folder(&mut sampler, &args, class, &output)?;
    }
    if args.json {
        crate::output::print_json(&serde_json::json!({
            "output": output, "count": args.count, "seed": args.seed, "class": class, "step": sampler.stamp().step,
        }));
    } else {
        let what = match sampler.shape() {
            Shape::Picture { .. } => "pictures",
            Shape::Volume { .. } => "volumes",
            Shape::Sound { .. } => "sounds",
            Shape::Point { .. } => "points",
            Shape::Row { .. } => "rows",
        };
        print(&format!(
            "{} {what} in {}",
            grouped(args.count as u64),
            output.display()
        ));
    }
    Ok(ExitCode::SUCCESS)
}

fn makes_no_samples(sampler: &Sampler, run: &Path) -> Failure {
    let (system, run) = (sampler.entry().card.id, quoted(&run.to_string_lossy()));
    let hint = match sampler.translations().first() {
        Some(_) => format!("it turns pictures into pictures: `gany translate {run} PICTURES OUT`"),
        None => "its report shows what it does instead".to_owned(),
    };
    Failure::new(format!("`{system}` makes nothing of random numbers alone"), hint)
}

fn one_file(sampler: &mut Sampler, args: &Args, class: Option<usize>, path: &Path) -> Result<(), Failure> {
    if let Some(parent) = path.parent() {
        make_folder(parent)?;
    }
    let values = sampler.samples(args.seed, 0, args.count, class);
    let shape = sampler.shape();
    match shape.picture() {
        Some([height, width, channels]) => {
            let pictures = Pictures {
                values: &shape.drawn(&values),
                count: args.count,
                height,
                width,
                channels,
            };
            let in_turn = sampler.classes().filter(|classes| class.is_none() && *classes <= 16);
            let square = (args.count as f64).sqrt().ceil() as usize;
            let columns = args.columns.or(in_turn).unwrap_or(square).min(args.count);
            grid_png(&pictures, columns, &sampler.stamp(), path)?;
            show(
                path,
                &Grid {
                    columns: columns as u32,
                    aspect: height as f64 / width as f64,
                },
                args.json,
            );
        }
        None => {
            let placed = match sampler.columns() {
                Some(columns) => columns.plane(&values),
                None => points(&values, shape.floats()),
            };
            scatter_png(&[], &placed, &sampler.stamp(), path)?;
            show(
                path,
                &Grid {
                    columns: 1,
                    aspect: 1.0,
                },
                args.json,
            );
        }
    }
    Ok(())
}

/// Seconds of silence behind each of several sounds in a file.
const PAUSE: f64 = 0.25;

fn one_wave(sampler: &mut Sampler, args: &Args, class: Option<usize>, path: &Path) -> Result<(), Failure> {
    let Shape::Sound { channels, rate_hz, .. } = sampler.shape() else {
        return Err(Failure::new(
            format!(
                "`{}` makes no sounds here, and a `.wav` was asked for",
                sampler.entry().card.id
            ),
            "choose a name that ends in `.png`, or a folder",
        ));
    };
    if let Some(parent) = path.parent() {
        make_folder(parent)?;
    }
    let values = sampler.samples(args.seed, 0, args.count, class);
    let pause = vec![0.0; (PAUSE * f64::from(rate_hz)) as usize * channels];
    let in_turn: Vec<f32> = values
        .chunks_exact(sampler.shape().floats())
        .flat_map(|sound| sound.iter().chain(&pause).copied())
        .collect();
    Ok(wave::write(&in_turn, channels, rate_hz, &sampler.stamp(), path)?)
}

/// Rows with the columns of the table that was trained on, or points.
fn one_table(sampler: &mut Sampler, args: &Args, class: Option<usize>, path: &Path) -> Result<(), Failure> {
    if !matches!(sampler.shape(), Shape::Row { .. } | Shape::Point { .. }) {
        return Err(Failure::new(
            format!(
                "`{}` makes no tables here, and a `.csv` was asked for",
                sampler.entry().card.id
            ),
            "choose a name that ends in `.png`, or a folder",
        ));
    }
    if let Some(parent) = path.parent() {
        make_folder(parent)?;
    }
    let values = sampler.samples(args.seed, 0, args.count, class);
    let mut text = vec![];
    match sampler.columns() {
        Some(columns) => columns
            .write_csv(&values, &mut text)
            .map_err(|error| cannot_write(path, &error))?,
        None => text.extend(plain(&points(&values, sampler.shape().floats())).bytes()),
    }
    std::fs::write(path, text).map_err(|error| cannot_write(path, &error))
}

/// Volumes for the programs of medicine, a file each.
fn volumes(sampler: &mut Sampler, args: &Args, class: Option<usize>, path: &Path) -> Result<(), Failure> {
    let Shape::Volume {
        depth,
        height,
        width,
        channels: 1,
        ..
    } = sampler.shape()
    else {
        return Err(Failure::new(
            format!(
                "`{}` makes no volumes here, and a `.nii` was asked for",
                sampler.entry().card.id
            ),
            "choose a name that ends in `.png`, or a folder",
        ));
    };
    if let Some(parent) = path.parent() {
        make_folder(parent)?;
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let stamp = sampler.stamp();
    let about = format!(
        "made, not scanned: gany {}, seed {}, step {}",
        stamp.system, args.seed, stamp.step
    );
    let values = sampler.samples(args.seed, 0, args.count, class);
    for (number, values) in values.chunks_exact(sampler.shape().floats()).enumerate() {
        let file = match (args.count, name.split_once('.')) {
            (2.., Some((stem, end))) => path.with_file_name(format!("{stem}-{number}.{end}")),
            _ => path.to_owned(),
        };
        let scan = sampler.voxels().scan([depth, height, width], values);
        nifti::write(&scan, &about, &file).map_err(|error| cannot_write(&file, &error))?;
    }
    Ok(())
}

/// Points as text, one a line.
fn plain(points: &[[f32; 2]]) -> String {
    points.iter().fold(String::from("x,y\n"), |mut csv, [x, y]| {
        let _ = writeln!(csv, "{x},{y}");
        csv
    })
}

fn folder(sampler: &mut Sampler, args: &Args, class: Option<usize>, path: &Path) -> Result<(), Failure> {
    make_folder(path)?;
    let digits = (args.count - 1).to_string().len().max(5);
    let (shape, stamp) = (sampler.shape(), sampler.stamp());
    let end = match shape {
        Shape::Sound { .. } => "wav",
        _ => "png",
    };
    let name = |index: usize| format!("{index:0digits$}.{end}");
    let ours: std::collections::HashSet<String> = match shape {
        Shape::Point { .. } => ["points.csv".to_owned()].into(),
        Shape::Row { .. } => ["rows.csv".to_owned()].into(),
        _ => (0..args.count).map(name).collect(),
    };
    let listed = path.read_dir().map_err(|error| cannot_write(path, &error))?;
    let other = listed
        .flatten()
        .map(|entry| entry.file_name())
        .find(|name| !ours.contains(&*name.to_string_lossy()));
    if let Some(other) = other {
        return Err(Failure::new(
            format!(
                "expected a folder for the samples alone, got one with `{}` in it: {}",
                other.display(),
                path.display()
            ),
            "choose a new folder with `-o`, or a name that ends in `.png` for one grid",
        ));
    }
    let table = match shape {
        Shape::Row { .. } => Some("rows.csv"),
        Shape::Point { .. } => Some("points.csv"),
        _ => None,
    };
    if let Some(name) = table {
        return one_table(sampler, args, class, &path.join(name));
    }
    for first in (0..args.count).step_by(PORTION) {
        let count = PORTION.min(args.count - first);
        let values = sampler.samples(args.seed, first, count, class);
        if let Shape::Sound { channels, rate_hz, .. } = shape {
            let write = |(i, sound): (usize, &[f32])| {
                wave::write(sound, channels, rate_hz, &stamp, &path.join(name(first + i)))
            };
            values
                .par_chunks_exact(shape.floats())
                .enumerate()
                .try_for_each(write)?;
            continue;
        }
        if let Some([height, width, channels]) = shape.picture() {
            let pictures = Pictures {
                values: &shape.drawn(&values),
                count,
                height,
                width,
                channels,
            };
            let write = |i| png_of_one(&pictures, i, &stamp, &path.join(name(first + i)));
            (0..count).into_par_iter().try_for_each(write)?;
        }
    }
    Ok(())
}
