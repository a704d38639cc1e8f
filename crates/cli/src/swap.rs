//! `gany swap`: a face drawn as another person's, with the pose and expression that it has.
use crate::failure::Failure;
use crate::making::{cannot_write, make_folder};
use crate::output::{DIM, STRONG, grouped, print, print_json};
use crate::pictures;
use crate::progress::{bar, warning};
use crate::train;
use clap::Subcommand;
use ganymede::data::frames::Frames;
use ganymede::deepfake::cutting::{self, Cut, FacesError};
use ganymede::deepfake::faces::Faces;
use ganymede::deepfake::finding::{Tally, Which};
use ganymede::deepfake::plane::Plane;
use ganymede::deepfake::steadying::Steady;
use ganymede::deepfake::swapping::{Blending, Swapper};
use ganymede::run::animation::{Format, write_frames};
use ganymede::run::sampling::Translation;
use ganymede::run::{Pictures, Sampler, png_of_one};
use image::RgbImage;
use indicatif::ProgressBar;
use serde_json::json;
use std::io::{BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Draw a face as another person's, who agreed to it
///
/// `train` learns two persons from pictures of them; `apply` changes the one into the other in a picture, a folder or a film.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  gany data get face-api                                   the networks that find faces, once
  gany swap train me/ friend/ --minutes 60 -o runs/us      twenty pictures or more of each, or a film
  gany swap apply runs/us me.gif friend.gif                me in the film becomes my friend
  gany swap apply runs/us friend/ me/ --back               my friend becomes me, picture by picture

These are for teaching, for research, and for art with people who agreed to it.")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    Train(TrainArgs),
    Cut(CutArgs),
    Apply(ApplyArgs),
}

/// Learn two persons from pictures of them
///
/// Faces are cut out upright into the cache folder, once for the same pictures; then `faceswap` is trained on them as `gany train`
/// trains, and `gany train --resume RUN` goes on with it.
#[derive(clap::Args)]
struct TrainArgs {
    /// Pictures of the first person: a folder, a film (GIF, animated PNG, MP4), a data set
    a: String,
    /// Pictures of the second person, likewise
    b: String,
    /// The run's folder [default: runs/faceswap-A-B, numbered if taken]
    #[arg(short, long, value_name = "RUN")]
    output: Option<PathBuf>,
    /// Height and width of the faces
    #[arg(long, value_name = "SIDE", default_value_t = 64, value_parser = clap::value_parser!(u16).range(16..=160))]
    size: u16,
    /// How long to train, in minutes [default: 3]
    #[arg(long, value_parser = train::minutes, allow_negative_numbers = true, conflicts_with = "steps")]
    minutes: Option<f64>,
    /// How long to train, in steps
    #[arg(long, value_name = "N")]
    steps: Option<u64>,
    /// What all randomness follows from [default: 0]
    #[arg(long)]
    seed: Option<u64>,
    /// Change a setting of `faceswap`; may be given again
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = train::assignment)]
    changes: Vec<(String, String)>,
    /// Threads to compute with [default: one a core]
    #[arg(long, value_name = "N", value_parser = train::threads)]
    threads: Option<usize>,
    #[command(flatten)]
    which: WhichArgs,
    /// Print the run's events as JSON
    #[arg(long)]
    json: bool,
}

/// Cut out faces, upright and of one size, with their landmarks in a table
///
/// The folder is data for `gany train faceswap` and `talking_head`; pictures in sub-folders keep their names as whose they are.
#[derive(clap::Args)]
struct CutArgs {
    /// A folder of pictures, a film (GIF, animated PNG, MP4), a data set
    #[arg(value_name = "IN")]
    from: String,
    /// A new or empty folder
    #[arg(value_name = "OUT")]
    to: PathBuf,
    #[command(flatten)]
    which: WhichArgs,
}

/// Change the first person of a run into the second
///
/// Pictures without a face that can be used stay as they are and are counted.
#[derive(clap::Args)]
struct ApplyArgs {
    /// The run's folder
    run: PathBuf,
    /// A picture, a folder of pictures, or what moves: GIF, animated PNG or MP4
    #[arg(value_name = "IN")]
    from: String,
    /// A `.png` for one picture; a new or empty folder for those of a folder; `.gif`, `.apng` or `.mp4` for what moves
    #[arg(value_name = "OUT")]
    to: PathBuf,
    /// Change the second person into the first
    #[arg(long)]
    back: bool,
    /// How the face is put in: seamless, feathered
    #[arg(long, default_value = "seamless", value_name = "HOW")]
    blend: Blending,
    /// Do not steady the face from frame to frame of a film
    #[arg(long)]
    unsteadied: bool,
    #[command(flatten)]
    which: WhichArgs,
    /// Print what was made as JSON
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
struct WhichArgs {
    /// The face with this number from the left, where there are several [default: the largest]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    face: Option<u16>,
    /// The people shown agreed to it; without this a question is asked
    #[arg(long)]
    i_have_consent: bool,
}

impl WhichArgs {
    fn which(&self) -> Which {
        self.face
            .map_or(Which::Largest, |number| Which::Numbered(number.into()))
    }
}

/// Bytes of all frames of a film that are kept until it is written.
const MOST_BYTES: usize = 2 << 30;

pub(crate) fn run(args: Args) -> Result<ExitCode, Failure> {
    match args.verb {
        Verb::Train(args) => learn(args),
        Verb::Cut(args) => cut(&args),
        Verb::Apply(args) => apply(&args),
    }
}

/// Says what this is for and asks whether the people shown agreed.
fn ask_consent(has_consent: bool) -> Result<(), Failure> {
    if has_consent {
        return Ok(());
    }
    let refused = |message: &str| {
        Failure::new(
            message,
            "ask the people who are shown; `--i-have-consent` says that they agreed",
        )
    };
    if !std::io::stdin().is_terminal() {
        return Err(refused("nobody said that the people who are shown agreed to it"));
    }
    let mut err = anstream::stderr();
    let _ = write!(
        err,
        "Face tools are for teaching, for research, and for art with people who agreed to it. What they make says of\n\
         itself that it is made. Whoever shows people doing what they never did may harm them, and may break the law.\n\n\
         {STRONG}Did everybody who is shown agree to this?{STRONG:#} [y/N] "
    );
    let _ = err.flush();
    let mut answer = String::new();
    let _ = std::io::stdin().lock().read_line(&mut answer);
    match answer.trim().to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(refused("not without the consent of the people who are shown")),
    }
}

fn learn(args: TrainArgs) -> Result<ExitCode, Failure> {
    ask_consent(args.which.i_have_consent)?;
    let mut faces = Faces::open().map_err(FacesError::from)?;
    let (mut folders, mut channels) = (vec![], 1);
    for named in [&args.a, &args.b] {
        let looking = (!args.json).then(|| looking(named)).flatten();
        let cut = cutting::cut_out(named, &mut faces, args.which.which(), &mut |looked| {
            show(looking.as_ref(), looked);
        });
        looking.iter().for_each(ProgressBar::finish_and_clear);
        let Cut {
            folder,
            tally,
            is_grey,
            already,
        } = cut?;
        if !is_grey {
            channels = 3;
        }
        if !args.json {
            let before = if already { ", cut out before" } else { "" };
            print(&format!("{named}: {tally}{DIM}{before}: {}{DIM:#}", folder.display()));
        }
        folders.push(folder);
    }
    let paths: Vec<String> = folders
        .iter()
        .map(|folder| folder.to_string_lossy().into_owned())
        .collect();
    let side = usize::from(args.size);
    let out = args
        .output
        .unwrap_or_else(|| train::folder_for("faceswap", &short(&args.a, &args.b)));
    train::run(train::Args {
        system: Some("faceswap".into()),
        data: Some(format!("unpaired:{},{}", paths[0], paths[1])),
        pictures: pictures::Args::of_shape([side, side, channels]),
        minutes: args.minutes,
        steps: args.steps,
        seed: args.seed,
        changes: args.changes,
        out: Some(out),
        threads: args.threads,
        json: args.json,
        ..train::Args::default()
    })
}

fn cut(args: &CutArgs) -> Result<ExitCode, Failure> {
    ask_consent(args.which.i_have_consent)?;
    let mut faces = Faces::open().map_err(FacesError::from)?;
    let frames = Frames::open(&args.from)?;
    crate::making::make_empty_folder(&args.to)?;
    let looking = looking(&args.from);
    let cut = cutting::cut_into(
        &args.to,
        &frames,
        &args.from,
        &mut faces,
        args.which.which(),
        &mut |looked| {
            show(looking.as_ref(), looked);
        },
    );
    looking.iter().for_each(ProgressBar::finish_and_clear);
    print(&format!("{}, cut out into {}", cut?.tally, args.to.display()));
    Ok(ExitCode::SUCCESS)
}

/// What a run on two persons is called.
fn short(a: &str, b: &str) -> String {
    let last = |named: &str| {
        let name = named
            .trim_end_matches(['/', '\\'])
            .rsplit(['/', '\\'])
            .next()
            .unwrap_or(named);
        name.to_owned()
    };
    format!("{}-{}", last(a), last(b))
}

fn apply(args: &ApplyArgs) -> Result<ExitCode, Failure> {
    ask_consent(args.which.i_have_consent)?;
    let mut sampler = Sampler::open(&args.run)?;
    let translation = chosen(&sampler, args.back)?;
    let from = Frames::open(&args.from)?;
    let out = Out::of(&from, &args.to)?;
    let stamp = sampler.stamp();
    let [side, _, channels] = translation.takes;
    let mut swapper = Swapper {
        faces: Faces::open().map_err(FacesError::from)?,
        draw: Box::new(|face| sampler.play_mut().apply(translation.name, face)),
        side,
        channels,
        which: args.which.which(),
        blending: args.blend,
        // Films are read before their speed is known; most have 25 to 30 frames a second.
        steady: (from.are_moving() && !args.unsteadied).then(|| Steady::new(25.0)),
        tally: Tally::default(),
    };
    let bar = (!args.json).then(|| looking(&args.from)).flatten();
    let (mut frames, mut bytes, mut failed) = (vec![], 0, None);
    let read = from.each(&mut |name, picture| {
        let fits = bytes + picture.len() <= MOST_BYTES || !matches!(out, Out::Film(_));
        if failed.is_some() || !fits {
            failed.get_or_insert_with(too_long);
            return;
        }
        let (changed, found) = swapper.frame(&picture);
        show(bar.as_ref(), swapper.tally.looked);
        match &out {
            Out::Film(_) => {
                bytes += changed.len();
                frames.push(changed);
            }
            Out::Folder => {
                let path = args.to.join(Path::new(name).with_extension("png"));
                failed = write_one(&changed, found.is_ok().then_some(&stamp), &path).err();
            }
            Out::One => {
                if found.is_ok() {
                    failed = write_one(&changed, Some(&stamp), &args.to).err();
                }
            }
        }
    });
    bar.iter().for_each(ProgressBar::finish_and_clear);
    let read = read?;
    if let Some(failure) = failed {
        return Err(failure);
    }
    let tally = swapper.tally;
    if tally.usable == 0 {
        return Err(FacesError::None {
            source_name: args.from.clone(),
            tally,
        }
        .into());
    }
    if let Out::Film(format) = out {
        make_parent(&args.to)?;
        write_frames(frames, read.fps.unwrap_or(25), format, &stamp, &args.to)?;
    }
    if args.json {
        print_json(
            &json!({"output": args.to, "with": translation.name, "step": stamp.step, "tally": tally, "broken": read.broken.len()}),
        );
    } else {
        for broken in &read.broken {
            print(&warning(&format!("passed over: {broken}")));
        }
        print(&told(&tally, &args.to));
    }
    Ok(ExitCode::SUCCESS)
}

/// `8 of 12 changed, in OUT` and why the others were not.
fn told(tally: &Tally, to: &Path) -> String {
    let Tally { looked, usable, .. } = tally;
    let what = if *looked == 1 { "picture" } else { "pictures" };
    let mut text = format!(
        "{} of {} {what} changed, in {}",
        grouped(*usable),
        grouped(*looked),
        to.display()
    );
    if usable < looked {
        text += &format!("\n{DIM}the others stay as they are: {tally}{DIM:#}");
    }
    if tally.several > 0 {
        let several = grouped(tally.several);
        text += &format!(
            "\n{DIM}{several} with several faces: one was changed, the largest unless `--face N` says which{DIM:#}"
        );
    }
    text
}

/// Where changed pictures go.
enum Out {
    One,
    Folder,
    Film(Format),
}

impl Out {
    fn of(from: &Frames, to: &Path) -> Result<Out, Failure> {
        if from.are_moving() {
            return Format::of(to).map(Out::Film).ok_or_else(|| {
                Failure::new(
                    format!(
                        "expected a file that ends in `.gif`, `.apng` or `.mp4`, got {}",
                        to.display()
                    ),
                    "what moves stays what moves",
                )
            });
        }
        if from.is_one() {
            crate::making::is_png(to)?;
            make_parent(to)?;
            return Ok(Out::One);
        }
        crate::making::make_empty_folder(to)?;
        Ok(Out::Folder)
    }
}

fn make_parent(path: &Path) -> Result<(), Failure> {
    path.parent().map_or(Ok(()), make_folder)
}

fn too_long() -> Failure {
    Failure::new(
        "the film has more than 2 GiB of pixels",
        "cut it into shorter ones, or make it smaller",
    )
}

/// Writes a picture that says that it was made, or one that was left as it is.
fn write_one(picture: &RgbImage, stamp: Option<&ganymede::run::Stamp>, path: &Path) -> Result<(), Failure> {
    make_parent(path)?;
    let Some(stamp) = stamp else {
        return picture
            .save(path)
            .map_err(|error| cannot_write(path, &std::io::Error::other(error)));
    };
    let Plane { shape, values } = Plane::of(picture);
    let pictures = Pictures {
        values: &values,
        count: 1,
        height: shape[0],
        width: shape[1],
        channels: shape[2],
    };
    Ok(png_of_one(&pictures, 0, stamp, path)?)
}

/// The function of a run that changes faces.
fn chosen(sampler: &Sampler, back: bool) -> Result<Translation, Failure> {
    let id = sampler.entry().card.id;
    let name = if back { "swap_back" } else { "swap" };
    let found = sampler
        .translations()
        .into_iter()
        .find(|translation| translation.name == name);
    let Some(translation) = found.filter(|_| id == "faceswap") else {
        return Err(Failure::new(
            format!("`{id}` swaps no faces"),
            "train a run that does with `gany swap train A B`",
        ));
    };
    match translation.takes {
        [height, width, 1 | 3] if height == width && translation.takes == translation.gives => Ok(translation),
        [height, width, _] => Err(Failure::new(
            format!("expected a run on square faces, grey or in colour, got one on {width}x{height}"),
            "`gany swap train A B` cuts faces out so",
        )),
    }
}

/// A line that says how many pictures were looked at, on a terminal.
fn looking(named: &str) -> Option<ProgressBar> {
    if !std::io::stderr().is_terminal() {
        return None;
    }
    let spinner = bar();
    spinner.set_prefix(format!("looking for faces in {named}"));
    Some(spinner)
}

fn show(bar: Option<&ProgressBar>, looked: u64) {
    if let Some(bar) = bar {
        bar.set_message(format!("{} pictures", grouped(looked)));
        bar.tick();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_of_all_pictures_is_said() {
        let tally = Tally {
            looked: 1_200,
            usable: 1_100,
            without: 100,
            ..Tally::default()
        };
        let text = anstream::adapter::strip_str(&told(&tally, Path::new("out.gif"))).to_string();
        assert_eq!(
            text,
            "1,100 of 1,200 pictures changed, in out.gif\nthe others stay as they are: 1100 of 1200 pictures have a face that can be used; 100 have none"
        );
        let several = Tally {
            looked: 2,
            usable: 2,
            several: 1,
            ..Tally::default()
        };
        let text = anstream::adapter::strip_str(&told(&several, Path::new("out"))).to_string();
        assert_eq!(
            text,
            "2 of 2 pictures changed, in out\n1 with several faces: one was changed, the largest unless `--face N` says which"
        );
        assert_eq!(short("../me/", "class:s2:orl-faces"), "me-class:s2:orl-faces");
    }
}
