//! `gany detect`: whether pictures are fakes, and why it seems so.
use crate::failure::Failure;
use crate::making::{is_png, make_folder};
use crate::output::{COMMAND, DIM, STRONG, aligned, print, print_json};
use crate::progress::{bar, warning};
use clap::Subcommand;
use clap::builder::TypedValueParser;
use ganymede::data::{self, Fit, Want, decode};
use ganymede::deepfake::detect::spatial::{Ball, Training};
use ganymede::deepfake::detect::{Judged, Pictures, Suite};
use ganymede::provenance::watermark;
use ganymede::run::grid_png;
use serde_json::json;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Say how likely pictures are fakes, and why; or train what says it
///
/// Detectors are trained on real pictures and on fakes like those that shall be found, and know no others. Their probabilities hold
/// where as many pictures are fakes as not. Never take one of them for proof of anything about anybody.
#[derive(clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "\
Examples:
  gany detect train photos/ generated/ -o detectors.safetensors
  gany detect found/*.jpg --with detectors.safetensors
  gany detect found/a.jpg --with detectors.safetensors --map where.png
  gany detect train photos/ generated/ --harden 4/255 -o hardened.safetensors"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: Option<What>,
    /// Pictures
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The detectors, as `gany detect train` has written them
    #[arg(long, value_name = "FILE", required = true)]
    with: Option<PathBuf>,
    /// Draw each picture with where a boundary may run, a `.png`
    #[arg(long, value_name = "FILE")]
    map: Option<PathBuf>,
    /// Print what was found as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Subcommand)]
enum What {
    Train(Train),
}

/// Train detectors on real pictures and fakes
///
/// A fifth of the pictures is held out, to make probabilities of scores. Fakes must be without watermark (GANY_WATERMARK=off when
/// they are made), or detectors learn the mark.
#[derive(clap::Args)]
struct Train {
    /// Real pictures: a data set's name, or a path as `gany train --data` takes it
    real: String,
    /// Fakes, likewise
    #[arg(required = true, value_name = "FAKES")]
    fakes: Vec<String>,
    /// Where to write them
    #[arg(short, long, value_name = "FILE", default_value = "detectors.safetensors")]
    output: PathBuf,
    /// Side of the pictures that they look at, in pixels
    #[arg(long, value_name = "PIXELS", default_value = "64", value_parser = clap::value_parser!(u32).range(16..=512).map(|n| n as usize))]
    size: usize,
    /// Pictures of each kind, at most
    #[arg(short = 'n', long, value_name = "N", default_value = "4000", value_parser = clap::value_parser!(u32).range(50..).map(|n| n as usize))]
    count: usize,
    /// Updates
    #[arg(long, value_name = "N", default_value = "600", value_parser = clap::value_parser!(u64).range(1..))]
    steps: u64,
    /// Harden the network against attackers who may change numbers of [0, 1] by so much, such as 4/255: three times as slow
    #[arg(long, value_name = "E", value_parser = crate::attack::fraction)]
    harden: Option<f64>,
    /// What all randomness follows from
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Print what was trained as JSON
    #[arg(long)]
    json: bool,
}

/// Steps of the attacks that a network is hardened by.
const ATTACKS: usize = 5;

pub(crate) fn run(args: &Args) -> Result<ExitCode, Failure> {
    match (&args.what, &args.with) {
        (Some(What::Train(train)), _) => trained(train),
        (None, Some(with)) => judged(args, with),
        (None, None) => unreachable!("clap asks for it"),
    }
}

fn trained(args: &Train) -> Result<ExitCode, Failure> {
    let epsilon = args.harden.unwrap_or(0.0);
    if !(0.0..=0.5).contains(&epsilon) {
        return Err(Failure::new(
            format!("expected an epsilon between 0 and 0.5, got {epsilon}"),
            "numbers of pictures go from 0 to 1; 4/255 is a beginning",
        ));
    }
    let shape = [args.size, args.size, 3];
    let real = read_all(&args.real, args, args.count)?;
    let mut fakes = vec![];
    for spec in &args.fakes {
        fakes.extend(read_all(spec, args, args.count.div_ceil(args.fakes.len()))?);
    }
    let [real, fake] = [&real, &fakes].map(|values| Pictures { values, shape });
    if share_marked(fake) > 0.5 {
        let marked =
            "the fakes carry gany's watermark, which the detectors will learn: make them again with GANY_WATERMARK=off";
        anstream::eprintln!("{}", warning(marked));
    }
    let against = args.harden.map(|epsilon| Ball {
        epsilon: 2.0 * epsilon,
        steps: ATTACKS,
    });
    let training = Training {
        steps: args.steps,
        seed: args.seed,
        against,
    };
    let bar = (!args.json && std::io::stderr().is_terminal()).then(bar);
    let suite = Suite::train(real, fake, training, &mut |name, step, loss| {
        if let Some(bar) = &bar {
            bar.set_position(step * bar.length().unwrap_or(0) / args.steps);
            bar.set_prefix(name);
            bar.set_message(format!("loss {loss:.3}"));
        }
    })?;
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    make_folder(args.output.parent().unwrap_or(Path::new("")))?;
    suite.save(&args.output)?;
    if args.json {
        print_json(&json!({
            "output": args.output, "real": real.count(), "fake": fake.count(), "shape": shape, "digest": suite.digest(),
        }));
    } else {
        let file = args.output.display();
        print(&format!(
            "{STRONG}detectors{STRONG:#} of {} real pictures and {} fakes: {file}\n{COMMAND}gany detect PICTURE --with {file}{COMMAND:#}",
            real.count(),
            fake.count()
        ));
    }
    Ok(ExitCode::SUCCESS)
}

fn want(size: usize) -> Want {
    Want {
        size: Some((size, size)),
        channels: Some(3),
        fit: Fit::CenterCrop,
        ..Want::default()
    }
}

/// Pictures of a set, evenly spread over it.
fn read_all(spec: &str, args: &Train, count: usize) -> Result<Vec<f32>, Failure> {
    let data = data::open(spec, &want(args.size))?;
    if data
        .shape()
        .picture()
        .is_none_or(|shape| shape != [args.size, args.size, 3])
    {
        return Err(Failure::new(
            format!("expected pictures, got something else: {spec}"),
            "detectors look at pictures alone",
        ));
    }
    let all = data.len().unwrap_or(count as u64);
    let taken = all.min(count as u64);
    let read = (0..taken).map(|k| data.example(k * all / taken).map(|(x, _)| x));
    Ok(read.collect::<Result<Vec<_>, _>>()?.concat())
}

/// The share of the first pictures that carry the watermark.
fn share_marked(pictures: Pictures) -> f64 {
    let looked = pictures.count().min(40);
    let is_marked = |i: &usize| {
        let levels: Vec<u8> = pictures
            .get(*i)
            .iter()
            .map(|x| ((x + 1.0) * 127.5).round() as u8)
            .collect();
        watermark::read(&levels, pictures.shape).is_marked()
    };
    (0..looked).filter(is_marked).count() as f64 / looked.max(1) as f64
}

fn judged(args: &Args, with: &Path) -> Result<ExitCode, Failure> {
    args.map.as_deref().map_or(Ok(()), is_png)?;
    let suite = Suite::load(with)?;
    let shape @ [height, width, channels] = suite.shape();
    let want = Want {
        size: Some((height, width)),
        channels: Some(channels),
        ..want(height)
    };
    let values: Result<Vec<_>, _> = args.files.iter().map(|file| decode::read(file, &want)).collect();
    let values = values?.concat();
    let pictures = Pictures { values: &values, shape };
    let all = suite.judge(pictures);
    if let Some(map) = &args.map {
        draw(&suite, pictures, map)?;
    }
    if args.json {
        let described: Vec<_> = args
            .files
            .iter()
            .zip(&all)
            .map(|(file, said)| json!({"file": file, "judged": said}))
            .collect();
        print_json(&described);
        return Ok(ExitCode::SUCCESS);
    }
    let head = [
        "picture",
        "made by a generator",
        "pixels",
        "waves",
        "put together",
        "why",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    let percent = |p: f64| format!("{:.0}%", 100.0 * p);
    rows.extend(args.files.iter().zip(&all).map(|(file, said)| {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let numbers = [said.made, said.spatial, said.frequency, said.composed].map(percent);
        [vec![name], numbers.to_vec(), vec![reason(said)]].concat()
    }));
    let map = args.map.as_ref().map_or(String::new(), |map| {
        format!("\n{DIM}where a boundary may run:{DIM:#} {}", map.display())
    });
    print(&format!(
        "{}\n{DIM}probabilities where as many are fakes as not; fakes of other kinds than the detectors have seen are missed{DIM:#}{map}",
        aligned(&rows)
    ));
    Ok(ExitCode::SUCCESS)
}

/// What speaks loudest, where anything speaks for a fake.
fn reason(said: &Judged) -> String {
    let (band, deviations) = said.band;
    let mut reasons = vec![];
    if said.spatial > 0.5 {
        reasons.push("pixels like those of the fakes it knows".to_owned());
    }
    if said.frequency > 0.5 {
        let power = if deviations < 0.0 { "little" } else { "much" };
        reasons.push(format!(
            "{power} power in waves of {band} periods ({deviations:+.1} deviations)"
        ));
    }
    if said.composed > 0.5 {
        reasons.push("an edge as of a soft mask".to_owned());
    }
    if reasons.is_empty() {
        "nothing speaks for a fake".to_owned()
    } else {
        reasons.join("; ")
    }
}

/// A row for each picture: itself, and itself darkened with where a boundary may run in red.
fn draw(suite: &Suite, pictures: Pictures, path: &Path) -> Result<(), Failure> {
    let [height, width, channels] = pictures.shape;
    let maps = suite.boundary.maps(pictures);
    let mut values = vec![];
    for (i, map) in maps.chunks_exact(height * width).enumerate() {
        let colours = |k: usize| {
            let pixel = &pictures.get(i)[k * channels..][..channels];
            [0, channels / 2, channels - 1].map(|channel| pixel[channel])
        };
        values.extend((0..height * width).flat_map(colours));
        let heated = |k: usize| {
            let grey = colours(k).iter().sum::<f32>() / 3.0;
            let cold = 0.5 * (grey + 1.0) - 1.0;
            [
                cold + map[k] * (1.0 - cold),
                cold * (1.0 - map[k]) - map[k],
                cold * (1.0 - map[k]) - map[k],
            ]
        };
        values.extend((0..height * width).flat_map(heated));
    }
    make_folder(path.parent().unwrap_or(Path::new("")))?;
    let drawn = ganymede::run::Pictures {
        values: &values,
        count: 2 * pictures.count(),
        height,
        width,
        channels: 3,
    };
    Ok(grid_png(
        &drawn,
        2,
        &"pictures, and where a detector sees a boundary".to_owned(),
        path,
    )?)
}
