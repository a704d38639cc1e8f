//! `gany translate`: a run's pictures out of other pictures.
use crate::failure::Failure;
use crate::making::{is_png, make_empty_folder, make_folder};
use crate::output::{grouped, print, print_json};
use ganymede::data::{self, Want, decode, moving};
use ganymede::run::animation::Format;
use ganymede::run::sampling::Translation;
use ganymede::run::{Animation, Pictures, Sampler, png_of_one};
use rayon::prelude::*;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Turn pictures into others with the latest checkpoint of a run
///
/// Pictures are brought to the size that the run was trained at, and cut at their longer side.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  gany translate runs/pix2pix-openmoji outline.png coloured.png      one picture
  gany translate runs/cyclegan-emoji emoji/ translated/              every picture of a folder
  gany translate runs/cyclegan-emoji b/ a/ --with translate_back     the other way
  gany translate runs/srgan-landscapes small.jpg large.png           four times as many pixels a side
  gany translate runs/cyclegan-emoji walk.gif translated.gif         what moves, frame by frame")]
pub(crate) struct Args {
    /// The run's folder
    run: PathBuf,
    /// A picture, a folder of pictures, or what moves: GIF, animated PNG or MP4
    #[arg(value_name = "IN")]
    from: PathBuf,
    /// A `.png` for one picture; a new or empty folder for those of a folder, under the same names; `.gif`, `.apng` or `.mp4` for
    /// what moves
    #[arg(value_name = "OUT")]
    to: PathBuf,
    /// Which of the run's functions [default: its first]
    #[arg(long, value_name = "NAME")]
    with: Option<String>,
    /// Print what was made as JSON
    #[arg(long)]
    json: bool,
}

/// So many pictures are read, made and written at a time.
const PORTION: usize = 256;

pub(crate) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let mut sampler = Sampler::open(&args.run)?;
    let translation = chosen(&sampler, args.with.as_deref())?;
    let want = sampler.want(translation.takes);
    let count = match Format::of(&args.to) {
        _ if args.from.is_dir() => folder(&mut sampler, &translation, args, &want)?,
        Some(format) => film(&mut sampler, &translation, args, &want, format)?,
        None => one(&mut sampler, &translation, args, &want)?,
    };
    if args.json {
        print_json(&serde_json::json!({
            "output": args.to, "count": count, "with": translation.name, "step": sampler.stamp().step,
        }));
    } else {
        let pictures = match (Format::of(&args.to), count) {
            (Some(_), _) if !args.from.is_dir() => "frames",
            (_, 1) => "picture",
            _ => "pictures",
        };
        print(&format!(
            "{} {pictures} in {}",
            grouped(count as u64),
            args.to.display()
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// The function that is asked for, or the first that turns pictures into pictures.
fn chosen(sampler: &Sampler, name: Option<&str>) -> Result<Translation, Failure> {
    let translations = sampler.translations();
    let Some(first) = translations.first() else {
        return Err(Failure::new(
            format!("`{}` turns no pictures into pictures", sampler.entry().card.id),
            "train a system that does, such as `pix2pix`, `cyclegan` or `srgan`: `gany models`",
        ));
    };
    let Some(name) = name else {
        return Ok(first.clone());
    };
    let found = translations.iter().find(|translation| translation.name == name);
    found.cloned().ok_or_else(|| {
        let names: Vec<String> = translations
            .iter()
            .map(|translation| format!("`{}`", translation.name))
            .collect();
        Failure::new(
            format!("expected a function of this run, got `{name}`"),
            format!("it has {}", names.join(", ")),
        )
    })
}

fn one(sampler: &mut Sampler, translation: &Translation, args: &Args, want: &Want) -> Result<usize, Failure> {
    is_png(&args.to)?;
    let picture = decode::read(&args.from, want)?;
    let made = sampler.translate(translation, &picture);
    if let Some(parent) = args.to.parent() {
        make_folder(parent)?;
    }
    write(sampler, translation, &made, 0, &args.to)?;
    Ok(1)
}

fn film(
    sampler: &mut Sampler,
    translation: &Translation,
    args: &Args,
    want: &Want,
    format: Format,
) -> Result<usize, Failure> {
    let from = moving::read(&args.from, want)?;
    let made = sampler.translate(translation, &from.values);
    if let Some(parent) = args.to.parent() {
        make_folder(parent)?;
    }
    let animation = Animation {
        pictures: pictures(translation, &made),
        per_frame: 1,
        columns: 1,
        fps: from.fps,
    };
    animation.write(format, &sampler.stamp(), &args.to)?;
    Ok(from.count)
}

fn folder(sampler: &mut Sampler, translation: &Translation, args: &Args, want: &Want) -> Result<usize, Failure> {
    make_empty_folder(&args.to)?;
    let data = data::folder::open(&args.from, None, want)?;
    let count = data.len().unwrap_or(0) as usize;
    let names = names((0..count as u64).map(|index| data.example_name(index).unwrap_or("picture")));
    let floats = data.shape().floats();
    for first in (0..count).step_by(PORTION) {
        let portion = PORTION.min(count - first);
        let mut pictures = vec![0.0; portion * floats];
        let read = |(i, to): (usize, &mut [f32])| data.read((first + i) as u64, to).map(drop);
        pictures.par_chunks_exact_mut(floats).enumerate().try_for_each(read)?;
        let made = sampler.translate(translation, &pictures);
        for (i, name) in names[first..first + portion].iter().enumerate() {
            let path = args.to.join(name);
            make_folder(path.parent().unwrap_or(&args.to))?;
            write(sampler, translation, &made, i, &path)?;
        }
    }
    Ok(count)
}

fn write(sampler: &Sampler, translation: &Translation, made: &[f32], index: usize, path: &Path) -> Result<(), Failure> {
    Ok(png_of_one(&pictures(translation, made), index, &sampler.stamp(), path)?)
}

/// What a translation has made.
fn pictures<'m>(translation: &Translation, made: &'m [f32]) -> Pictures<'m> {
    let [height, width, channels] = translation.gives;
    Pictures {
        values: made,
        count: made.len() / (height * width * channels),
        height,
        width,
        channels,
    }
}

/// Names of files, each its own: `a/1.jpg` becomes `a/1.png`, and `a/1.gif` beside it `a/1.gif.png`.
fn names<'a>(of: impl Iterator<Item = &'a str>) -> Vec<PathBuf> {
    let mut taken = HashSet::new();
    of.map(|name| {
        let short = Path::new(name).with_extension("png");
        let name = if taken.contains(&short) {
            Path::new(name).with_added_extension("png")
        } else {
            short
        };
        taken.insert(name.clone());
        name
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_picture_gets_a_name_of_its_own() {
        let names = names(["a/1.jpg", "a/1.gif", "b/1.jpg", "2.tar.png"].into_iter());
        let names: Vec<String> = names
            .iter()
            .map(|name| name.to_string_lossy().replace('\\', "/"))
            .collect();
        assert_eq!(names, ["a/1.png", "a/1.gif.png", "b/1.png", "2.tar.png"]);
    }
}
