//! `gany sample`: new pictures, sounds, tunes, volumes, points or rows of tables from a run.
use crate::explore;
use crate::failure::Failure;
use crate::making::{cannot_write, class_number, make_folder, show};
use crate::output::{grouped, print, quoted};
use crate::picture::Grid;
use clap::builder::TypedValueParser;
use ganymede::data::{Shape, nifti};
use ganymede::run::animation::Format;
use ganymede::run::sampling::points;
use ganymede::run::{Pictures, Sampler, grid_png, midi, png_of_one, scatter_png, wave};
use rayon::prelude::*;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Make new pictures, sounds, tunes, volumes, points or rows of tables from the latest checkpoint of a run
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
  gany sample runs/midinet-tunes -n 4 -o tunes.mid           four tunes, one after the other
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
    /// A `.png` for one grid (of points and rows a plot, of sounds spectrograms, of tunes piano rolls), `.wav` for sounds and `.mid`
    /// for tunes one after the other, `.csv` for points or rows, `.nii` or `.nii.gz` for volumes, `.gif`, `.apng` or `.mp4` for a walk from
    /// one to the next, any other name for a folder with a file each (of points and rows one `.csv`); by default NAME.png, after the
    /// run, and of tables NAME.csv
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
        PathBuf::from(full.file_name().unwrap_or("samples".as_ref()))
            .with_added_extension(if sampler.columns().is_some() { "csv" } else { "png" })
    });
    match Form::of(&output) {
        Some(form) => one_file(&mut sampler, &args, class, form, &output)?,
        None => folder(&mut sampler, &args, class, &output)?,
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
            Shape::Roll { .. } | Shape::Events { .. } => "tunes",
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

/// What all samples are written into one file as.
#[derive(Clone, Copy)]
enum Form {
    Grid,
    Sounds,
    Tunes,
    Table,
    Volumes,
}

impl Form {
    /// By the ending of the file's name; none for a folder.
    fn of(path: &Path) -> Option<Form> {
        let name = path.file_name()?.to_string_lossy().to_lowercase();
        let forms = [
            (".png", Form::Grid),
            (".wav", Form::Sounds),
            (".mid", Form::Tunes),
            (".midi", Form::Tunes),
            (".csv", Form::Table),
            (".nii", Form::Volumes),
            (".nii.gz", Form::Volumes),
        ];
        forms
            .into_iter()
            .find(|(end, _)| name.ends_with(end))
            .map(|(_, form)| form)
    }

    fn fits(self, shape: Shape) -> bool {
        match self {
            Form::Grid => true,
            Form::Sounds => matches!(shape, Shape::Sound { .. }),
            Form::Tunes => matches!(shape, Shape::Roll { .. } | Shape::Events { .. }),
            Form::Table => matches!(shape, Shape::Row { .. } | Shape::Point { .. }),
            Form::Volumes => matches!(shape, Shape::Volume { channels: 1, .. }),
        }
    }

    /// What it holds, and the ending that asks for it.
    fn words(self) -> [&'static str; 2] {
        match self {
            Form::Grid => ["pictures", ".png"],
            Form::Sounds => ["sounds", ".wav"],
            Form::Tunes => ["tunes", ".mid"],
            Form::Table => ["tables", ".csv"],
            Form::Volumes => ["volumes", ".nii"],
        }
    }
}

fn one_file(sampler: &mut Sampler, args: &Args, class: Option<usize>, form: Form, path: &Path) -> Result<(), Failure> {
    let shape = sampler.shape();
    if !form.fits(shape) {
        let (system, [what, end]) = (sampler.entry().card.id, form.words());
        return Err(Failure::new(
            format!("`{system}` makes no {what} here, and a `{end}` was asked for"),
            "choose a name that ends in `.png`, or a folder",
        ));
    }
    if let Some(parent) = path.parent() {
        make_folder(parent)?;
    }
    let values = sampler.samples(args.seed, 0, args.count, class);
    match form {
        Form::Grid => grid(sampler, args, class, &values, path),
        Form::Sounds => sounds(&values, sampler, path),
        Form::Tunes => Ok(midi::write(&values, shape, &sampler.stamp(), path)?),
        Form::Table => table(&values, sampler, path),
        Form::Volumes => volumes(&values, sampler, args, path),
    }
}

fn grid(sampler: &Sampler, args: &Args, class: Option<usize>, values: &[f32], path: &Path) -> Result<(), Failure> {
    let shape = sampler.shape();
    match shape.picture() {
        Some([height, width, channels]) => {
            let pictures = Pictures {
                values: &shape.drawn(values),
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
                Some(columns) => columns.plane(values),
                None => points(values, shape.floats()),
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

/// One after the other.
fn sounds(values: &[f32], sampler: &Sampler, path: &Path) -> Result<(), Failure> {
    let Shape::Sound { channels, rate_hz, .. } = sampler.shape() else {
        unreachable!("sounds fit sounds alone");
    };
    let pause = vec![0.0; (PAUSE * f64::from(rate_hz)) as usize * channels];
    let in_turn: Vec<f32> = values
        .chunks_exact(sampler.shape().floats())
        .flat_map(|sound| sound.iter().chain(&pause).copied())
        .collect();
    Ok(wave::write(&in_turn, channels, rate_hz, &sampler.stamp(), path)?)
}

/// Rows with the columns of the table that was trained on, or points.
fn table(values: &[f32], sampler: &Sampler, path: &Path) -> Result<(), Failure> {
    let mut text = vec![];
    let written = match sampler.columns() {
        Some(columns) => columns.write_csv(values, &mut text),
        None => write_points(&points(values, sampler.shape().floats()), &mut text),
    };
    written
        .and_then(|()| std::fs::write(path, text))
        .map_err(|error| cannot_write(path, &error))
}

/// One a line.
fn write_points(points: &[[f32; 2]], out: &mut dyn Write) -> std::io::Result<()> {
    writeln!(out, "x,y")?;
    points.iter().try_for_each(|[x, y]| writeln!(out, "{x},{y}"))
}

/// For the programs of medicine, a file each.
fn volumes(values: &[f32], sampler: &Sampler, args: &Args, path: &Path) -> Result<(), Failure> {
    let Shape::Volume {
        depth, height, width, ..
    } = sampler.shape()
    else {
        unreachable!("volumes fit volumes alone");
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let stamp = sampler.stamp();
    let about = format!(
        "made, not scanned: gany {}, seed {}, step {}",
        stamp.system, args.seed, stamp.step
    );
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

fn folder(sampler: &mut Sampler, args: &Args, class: Option<usize>, path: &Path) -> Result<(), Failure> {
    make_folder(path)?;
    let digits = (args.count - 1).to_string().len().max(5);
    let (shape, stamp) = (sampler.shape(), sampler.stamp());
    let end = match shape {
        Shape::Sound { .. } => "wav",
        Shape::Roll { .. } | Shape::Events { .. } => "mid",
        _ => "png",
    };
    let table_name = match shape {
        Shape::Row { .. } => Some("rows.csv"),
        Shape::Point { .. } => Some("points.csv"),
        _ => None,
    };
    let name = |index: usize| format!("{index:0digits$}.{end}");
    let ours: std::collections::HashSet<String> = match shape {
        _ if table_name.is_some() => table_name.map(str::to_owned).into_iter().collect(),
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
    if let Some(name) = table_name {
        return one_file(sampler, args, class, Form::Table, &path.join(name));
    }
    for first in (0..args.count).step_by(PORTION) {
        let count = PORTION.min(args.count - first);
        let values = sampler.samples(args.seed, first, count, class);
        let each = || values.par_chunks_exact(shape.floats()).enumerate();
        let file = |i: usize| path.join(name(first + i));
        match (shape, shape.picture()) {
            (Shape::Sound { channels, rate_hz, .. }, _) => {
                each().try_for_each(|(i, sound)| wave::write(sound, channels, rate_hz, &stamp, &file(i)))?;
            }
            (Shape::Roll { .. } | Shape::Events { .. }, _) => {
                each().try_for_each(|(i, tune)| midi::write(tune, shape, &stamp, &file(i)))?;
            }
            (_, Some([height, width, channels])) => {
                let pictures = Pictures {
                    values: &shape.drawn(&values),
                    count,
                    height,
                    width,
                    channels,
                };
                (0..count)
                    .into_par_iter()
                    .try_for_each(|i| png_of_one(&pictures, i, &stamp, &file(i)))?;
            }
            (_, None) => unreachable!("points and rows are written as one table"),
        }
    }
    Ok(())
}
