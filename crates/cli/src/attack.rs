//! `gany attack`: pictures that a person sees as they were, and a classifier as something else.
use crate::failure::Failure;
use crate::making::{is_png, make_folder, show};
use crate::output::{COMMAND, DIM, STRONG, aligned, grouped, print, print_json};
use crate::picture::Grid;
use crate::pictures::size;
use crate::train::assignment;
use ganymede::attacks::{self, Aim, Brought, Built, Done, Norm, Normalisation, Outcome, Said, Target, Task};
use ganymede::run::{Pictures, Source, grid_png, png_of_one};
use serde_json::json;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Change pictures so little that they look the same, and so that a classifier sees something else
///
/// Pictures are brought to the classifier's size and cut at their longer side. What is written shows each picture as it was, what
/// was changed (made large enough to see), and what came of it. Attack only classifiers of your own, or whose owner asked you to.
#[derive(clap::Args)]
#[command(after_help = examples())]
pub(crate) struct Args {
    /// Which attack, such as `pgd`
    attack: String,
    /// Pictures
    #[arg(required = true, value_name = "PICTURE")]
    pictures: Vec<PathBuf>,
    /// The classifier: `effnet-lite0` (ImageNet), a labelled data set whose classifier was trained, or a file of one, ONNX too
    #[arg(long, default_value = "effnet-lite0", value_name = "NAME|FILE")]
    target: String,
    /// In which numbers an ONNX file wants its pictures: imagenet (torchvision's), tf (-1 to 1), lite (EfficientNet-Lite's), none (0 to 1),
    /// bytes (0 to 255), or MEAN/DEVIATION such as 0.1307/0.3081
    #[arg(long, value_name = "HOW")]
    normalise: Option<Normalisation>,
    /// What the classes of an ONNX file are called, a line each [default: ImageNet's names of a thousand, else numbers]
    #[arg(long, value_name = "FILE")]
    classes: Option<PathBuf>,
    /// The size of pictures, width and height, where an ONNX file leaves it open
    #[arg(long, value_name = "SIZE", value_parser = size)]
    shape: Option<(usize, usize)>,
    /// What the classifier shall see: a name or a number [default: anything else than it sees now]
    #[arg(long, value_name = "NAME|NUMBER", allow_negative_numbers = true)]
    class: Option<String>,
    /// What the pictures show in truth, if the classifier's word is not to be taken for it
    #[arg(long, value_name = "NAME|NUMBER", conflicts_with = "class")]
    label: Option<String>,
    /// Most that may be changed, in the norm, where numbers of pictures go from 0 to 1: such as 8/255 or 0.03
    #[arg(long, value_name = "E", value_parser = fraction)]
    eps: Option<f64>,
    /// How changes are measured: linf (the largest), l2 (their length), l1 (their sum)
    #[arg(long, value_name = "NORM")]
    norm: Option<Norm>,
    /// Change a setting; `gany models ATTACK` lists them
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = assignment)]
    changes: Vec<(String, String)>,
    /// What all randomness follows from
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Where to draw it, a `.png` [default: PICTURE-ATTACK.png, after the first]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// A folder for the changed pictures alone, in the classifier's size
    #[arg(long, value_name = "FOLDER")]
    results: Option<PathBuf>,
    /// Print what came of it as JSON
    #[arg(long)]
    json: bool,
}

fn examples() -> String {
    let attacks: Vec<Vec<String>> = attacks::registry()
        .iter()
        .map(|entry| vec![entry.page.id.to_owned(), entry.page.idea.to_owned()])
        .collect();
    format!(
        "\
Examples:
  gany attack pgd berry.jpg --class 'toy poodle'          a strawberry becomes a toy poodle
  gany attack fgsm berry.jpg --eps 2/255                  anything but a strawberry, in one step
  gany attack deepfool *.jpg --norm l2                    how near the next class is
  gany attack jsma seven.png --target mnist --class 3     as few pixels as possible
  gany attack pgd cat.jpg --target model.onnx --normalise imagenet   a classifier of your own

Attacks:
{}",
        aligned(&attacks)
    )
}

pub(crate) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let output = args
        .output
        .clone()
        .unwrap_or_else(|| named_after(&args.pictures[0], &args.attack));
    is_png(&output)?;
    let entry = attacks::find(&args.attack)?;
    let built = build(entry, args)?;
    let brought = Brought {
        normalisation: args.normalise.clone(),
        classes: args.classes.clone(),
        size: args.shape.map(|(height, width)| [height, width]),
    };
    let target = Target::open_as(&args.target, &brought)?;
    let wanted = |name: &Option<String>| name.as_ref().map(|name| target.class(name)).transpose();
    let (class, label) = (wanted(&args.class)?, wanted(&args.label)?);
    check_radius(&built, &target)?;
    let read: Result<Vec<_>, _> = args.pictures.iter().map(|path| target.read(path)).collect();
    let pictures = read?.concat();
    let said = target.judge(args.pictures.len()).says(&pictures);
    let task = task(args, &target, pictures, &said, class, label)?;
    let done = built.run(&target, &task)?;
    let stored = target.judge(task.count()).says(&stored(&done.pictures));
    let provenance = Provenance {
        attack: built.id,
        target: target.name(),
        seed: args.seed,
    };
    draw(&target, &task, &done, &provenance, &output)?;
    if let Some(folder) = &args.results {
        write_each(args, &target, &done, &provenance, folder)?;
    }
    if args.json {
        print_json(&described(args, &built, &target, &done, &stored, &output));
    } else {
        print(&table(args, &built, &target, &task, &done, &stored, &output));
    }
    let [height, width, _] = target.shape();
    show(
        &output,
        &Grid {
            columns: 3,
            aspect: height as f64 / width as f64,
        },
        args.json,
    );
    Ok(ExitCode::SUCCESS)
}

/// `8/255` or `0.03`.
pub(crate) fn fraction(text: &str) -> Result<f64, String> {
    let number = |text: &str| text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
    let value = match text.split_once('/') {
        Some((above, below)) => number(above).zip(number(below)).map(|(above, below)| above / below),
        None => number(text),
    };
    value
        .filter(|value| value.is_finite())
        .ok_or_else(|| "expected a number such as `0.03` or `8/255`".into())
}

/// The attack with the settings that flags stand for.
fn build(entry: &attacks::Entry, args: &Args) -> Result<Built, Failure> {
    let (id, mut changes) = (entry.page.id, args.changes.clone());
    let has = |key: &str| entry.defaults().contains_key(key);
    if let Some(norm) = args.norm {
        if !has("norm") {
            return Err(Failure::new(
                format!("`{id}` has no choice of norms"),
                format!("leave out `--norm`; `gany models {id}` says what it does"),
            ));
        }
        changes.push(("norm".into(), norm.to_string()));
    }
    if let Some(epsilon) = args.eps {
        if !has("epsilon") {
            return Err(Failure::new(
                format!("`{id}` stays in no ball, so there is no epsilon"),
                format!(
                    "leave out `--eps`, or take an attack with one, such as `pgd`; `gany models {id}` lists its settings"
                ),
            ));
        }
        changes.push(("epsilon".into(), epsilon.to_string()));
    }
    Ok(entry.build(&changes)?)
}

/// Refuses a ball that holds every picture there is: an epsilon in bytes.
fn check_radius(built: &Built, target: &Target) -> Result<(), Failure> {
    let Some((norm, epsilon)) = built.attack.ball() else {
        return Ok(());
    };
    let floats = target.floats() as f64;
    let most = match norm {
        Norm::L0 | Norm::L1 => floats,
        Norm::L2 => floats.sqrt(),
        Norm::Linf => 1.0,
    };
    if epsilon <= most {
        return Ok(());
    }
    let hint = match norm {
        Norm::Linf => format!("numbers of pictures go from 0 to 1; did you mean `--eps {epsilon}/255`?"),
        _ => "numbers of pictures go from 0 to 1; a few hundredths of that are plenty".to_owned(),
    };
    Err(Failure::new(
        format!(
            "expected an epsilon of at most {most:.0} in {norm}, beyond which every picture is allowed, got {epsilon}"
        ),
        hint,
    ))
}

/// What is to be done with pictures of which the target says this.
fn task(
    args: &Args,
    target: &Target,
    pictures: Vec<f32>,
    said: &[Said],
    class: Option<usize>,
    label: Option<usize>,
) -> Result<Task, Failure> {
    let all = |wanted: usize| said.iter().all(|said| said.class == wanted);
    if let Some(class) = class.filter(|class| all(*class)) {
        return Err(Failure::new(
            format!(
                "`{}` sees `{}` in what is to become it",
                target.name(),
                target.class_name(class)
            ),
            "ask for another class, or leave out `--class` to get away from this one",
        ));
    }
    if let Some(label) = label.filter(|label| said.iter().all(|said| said.class != *label)) {
        return Err(Failure::new(
            format!(
                "`{}` is right about none of the pictures: it sees `{}` where `{}` is said to be",
                target.name(),
                target.class_name(said[0].class),
                target.class_name(label)
            ),
            "there is nothing to fool; check the label, whether the target was trained on such pictures, and in which range it wants their numbers",
        ));
    }
    let (classes, aim) = match class {
        Some(class) => (vec![class; said.len()], Aim::To),
        None => (said.iter().map(|said| label.unwrap_or(said.class)).collect(), Aim::Away),
    };
    Ok(Task {
        pictures,
        classes,
        aim,
        seed: args.seed,
    })
}

/// The file of an attack on this picture.
fn named_after(picture: &Path, attack: &str) -> PathBuf {
    let stem = picture.file_stem().unwrap_or("picture".as_ref()).to_string_lossy();
    PathBuf::from(format!("{stem}-{attack}.png"))
}

/// Where a picture comes from, as its file says it.
struct Provenance<'a> {
    attack: &'a str,
    target: &'a str,
    seed: u64,
}

impl fmt::Display for Provenance<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Provenance { attack, target, seed } = self;
        write!(f, "adversarial image, attack {attack}, target {target}, seed {seed}")
    }
}

/// Nothing but the attack changes its pictures: no watermark.
impl Source for Provenance<'_> {}

/// Numbers of a picture in [0, 1] after they were stored as bytes.
fn stored(pictures: &[f32]) -> Vec<f32> {
    pictures.iter().map(|x| (x * 255.0).round() / 255.0).collect()
}

/// Numbers in [0, 1] as pictures have them elsewhere, in [-1, 1].
fn drawn(numbers: impl Iterator<Item = f32>) -> Vec<f32> {
    numbers.map(|x| 2.0 * x - 1.0).collect()
}

fn pictures<'p>(target: &Target, values: &'p [f32]) -> Pictures<'p> {
    let [height, width, channels] = target.shape();
    Pictures {
        values,
        count: values.len() / target.floats(),
        height,
        width,
        channels,
    }
}

/// A row for each picture: as it was, the change around grey with its largest number made black or white, as it is.
fn draw(target: &Target, task: &Task, done: &Done, provenance: &Provenance, path: &Path) -> Result<(), Failure> {
    let floats = target.floats();
    let row = |(was, is): (&[f32], &[f32])| {
        let change: Vec<f32> = is.iter().zip(was).map(|(is, was)| is - was).collect();
        let largest = change
            .iter()
            .fold(0.0_f32, |most, d| most.max(d.abs()))
            .max(f32::MIN_POSITIVE);
        let middle = change.into_iter().map(|d| d / largest);
        let [was, is] = [was, is].map(|picture| drawn(picture.iter().copied()));
        [was, middle.collect(), is].concat()
    };
    let rows = task
        .pictures
        .chunks_exact(floats)
        .zip(done.pictures.chunks_exact(floats));
    let values: Vec<f32> = rows.flat_map(row).collect();
    if let Some(parent) = path.parent() {
        make_folder(parent)?;
    }
    Ok(grid_png(&pictures(target, &values), 3, provenance, path)?)
}

fn write_each(
    args: &Args,
    target: &Target,
    done: &Done,
    provenance: &Provenance,
    folder: &Path,
) -> Result<(), Failure> {
    make_folder(folder)?;
    let values = drawn(done.pictures.iter().copied());
    for (i, name) in args.pictures.iter().enumerate() {
        let path = folder.join(named_after(name, &args.attack));
        png_of_one(&pictures(target, &values), i, provenance, &path)?;
    }
    Ok(())
}

fn described(
    args: &Args,
    built: &Built,
    target: &Target,
    done: &Done,
    stored: &[Said],
    output: &Path,
) -> serde_json::Value {
    let said = |said: &Said| json!({"class": said.class, "name": target.class_name(said.class), "confidence": said.confidence});
    let pictures = args.pictures.iter().zip(&done.outcomes).zip(stored);
    let pictures = pictures.map(|((path, outcome), stored)| {
        json!({
            "picture": path, "before": said(&outcome.before), "after": said(&outcome.after), "stored": said(stored),
            "is_fooled": outcome.is_fooled, "l0": outcome.l0, "l1": outcome.l1, "l2": outcome.l2, "linf": outcome.linf,
            "gradients": outcome.gradients, "queries": outcome.queries,
        })
    });
    json!({
        "attack": built.id, "target": target.name(), "seed": args.seed, "settings": built.settings, "output": output,
        "pictures": pictures.collect::<Vec<_>>(),
    })
}

/// A line for each picture, how large the changes are, and how many were what was wanted.
fn table(
    args: &Args,
    built: &Built,
    target: &Target,
    task: &Task,
    done: &Done,
    stored: &[Said],
    output: &Path,
) -> String {
    let said = |said: &Said| format!("{} {:.1}%", target.class_name(said.class), 100.0 * said.confidence);
    let head = [
        "picture",
        "was",
        "is now",
        "",
        "l0",
        "l1",
        "l2",
        "linf",
        "gradients",
        "queries",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    let file = |path: &PathBuf| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let outcomes = || done.outcomes.iter();
    rows.extend(args.pictures.iter().zip(outcomes()).map(|(path, outcome)| {
        let Outcome {
            before,
            after,
            is_fooled,
            l0,
            l1,
            l2,
            linf,
            gradients,
            queries,
        } = outcome;
        vec![
            file(path),
            said(before),
            said(after),
            if *is_fooled { "fooled" } else { "held" }.to_owned(),
            grouped(*l0 as u64),
            format!("{l1:.2}"),
            format!("{l2:.3}"),
            format!("{:.1}/255", linf * 255.0),
            grouped(*gradients),
            grouped(*queries),
        ]
    }));
    let fooled = outcomes().filter(|outcome| outcome.is_fooled).count();
    let holds = |(said, class): (&Said, &usize)| task.aim.is_met(said.class, *class);
    let kept = stored.iter().zip(&task.classes).filter(|pair| holds(*pair)).count();
    let ball = built
        .attack
        .ball()
        .map(|(norm, epsilon)| format!(", within {epsilon:.4} in {norm}"));
    format!(
        "{STRONG}{}{STRONG:#} on {}{}\n\n{}\n{fooled} of {} fooled, {kept} still when stored in 8 bits\n\
         {DIM}as it was, the change made large, as it is:{DIM:#} {COMMAND}{}{COMMAND:#}",
        built.id,
        target.name(),
        ball.unwrap_or_default(),
        aligned(&rows),
        task.count(),
        output.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn radii_are_numbers_or_fractions() {
        assert_eq!(fraction("0.5").unwrap(), 0.5);
        assert_eq!(fraction("8/256").unwrap(), 0.03125);
        for wrong in ["8/0", "a", "1/2/3", "inf", ""] {
            assert!(fraction(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn files_are_named_after_picture_and_attack() {
        assert_eq!(named_after("a/b.c.jpg".as_ref(), "pgd"), Path::new("b.c-pgd.png"));
    }
}
