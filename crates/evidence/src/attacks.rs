//! Attacks, each beside what foolbox and torchattacks make of the same pictures and weights (`reference/attacks.json`): twenty
//! pictures of ImageNet under EfficientNet-Lite0, two hundred digits under the project's own classifier.
use crate::Result;
use crate::record::{Evidence, median, picture, root, round};
use ganymede::attacks::{self, Aim, Norm, Outcome, Target, Task};
use ganymede::data::{self, Want, get::cache_folder};
use ganymede::defences::first;
use ganymede::metrics::Classifier;
use ganymede::run::{Pictures, grid_png};
use serde_json::{Value, json};
use std::process::Command;
use std::time::Instant;

const SEED: u64 = 0;
/// How many digits are attacked: by chance alone, of twenty another four would be fooled by random search.
const DIGITS: usize = 200;

/// What is attacked, with its pictures; labels are its own word for them.
pub(crate) struct Ground {
    pub(crate) target: Target,
    pub(crate) pictures: Vec<f32>,
    pub(crate) labels: Vec<usize>,
}

impl Ground {
    /// The pictures of ImageNet among `attack-images`.
    pub(crate) fn of(target: Target) -> Result<Ground> {
        data::get("attack-images", &mut |line| println!("      {line}"))?;
        let folder = cache_folder()?.join("data/attack-images");
        let mut paths = vec![];
        for file in folder.read_dir()? {
            let path = file?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name.starts_with("imagenet_") {
                paths.push(path);
            }
        }
        paths.sort();
        let read: std::result::Result<Vec<_>, _> = paths.iter().map(|path| target.read(path)).collect();
        let pictures = read?.concat();
        let labels = words(&target, &pictures);
        Ok(Ground {
            target,
            pictures,
            labels,
        })
    }

    pub(crate) fn imagenet() -> Result<Ground> {
        data::get("effnet-lite0", &mut |line| println!("      {line}"))?;
        Ground::of(Target::open("effnet-lite0")?)
    }

    pub(crate) fn digits() -> Result<Ground> {
        let target = digits()?;
        let (pictures, labels) = judged(&target, "mnist:test", DIGITS)?;
        Ok(Ground {
            target,
            pictures,
            labels,
        })
    }

    pub(crate) fn task(&self) -> Task {
        Task {
            pictures: self.pictures.clone(),
            classes: self.labels.clone(),
            aim: Aim::Away,
            seed: SEED,
        }
    }
}

/// The project's own classifier of digits.
pub(crate) fn digits() -> Result<Target> {
    data::get("mnist", &mut |line| println!("      {line}"))?;
    Ok(Target::of_classifier(&Classifier::of("mnist", &mut |_| {})?))
}

/// The first pictures of a split with the target's own word for each.
pub(crate) fn judged(target: &Target, spec: &str, count: usize) -> Result<(Vec<f32>, Vec<usize>)> {
    let (pictures, _) = first(&*data::open(spec, &Want::default())?, count)?;
    let labels = words(target, &pictures);
    Ok((pictures, labels))
}

/// What a target says of each picture.
fn words(target: &Target, pictures: &[f32]) -> Vec<usize> {
    let said = target.judge(pictures.len() / target.floats()).says(pictures);
    said.iter().map(|said| said.class).collect()
}

pub(crate) type Changes = &'static [(&'static str, &'static str)];

/// A reference's case, the settings that make ours the same, and the norm in which medians are compared.
struct Case {
    name: &'static str,
    changes: Changes,
    norm: Norm,
    /// Whether both are the same algorithm, so that figures have to agree.
    is_same: bool,
}

const fn same(name: &'static str, changes: Changes, norm: Norm) -> Case {
    Case {
        name,
        changes,
        norm,
        is_same: true,
    }
}

const fn other(name: &'static str, changes: Changes, norm: Norm) -> Case {
    Case {
        name,
        changes,
        norm,
        is_same: false,
    }
}

/// What the references have found, by the names of cases.
fn reference() -> Result<Value> {
    let text = std::fs::read_to_string(root().join("reference/attacks.json"))?;
    Ok(serde_json::from_str(&text)?)
}

/// Runs an attack with a case's settings; what came of each picture, the pictures, and how long it took.
pub(crate) fn run(
    id: &str,
    changes: &[(&str, &str)],
    ground: &Ground,
    task: &Task,
) -> Result<(Vec<Outcome>, Vec<f32>, f64)> {
    let changes: Vec<_> = changes
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    let built = attacks::find(id)?.build(&changes)?;
    let start = Instant::now();
    let done = built.run(&ground.target, task)?;
    Ok((done.outcomes, done.pictures, start.elapsed().as_secs_f64()))
}

fn norm_of(outcome: &Outcome, norm: Norm) -> f64 {
    match norm {
        Norm::L0 => outcome.l0,
        Norm::L1 => outcome.l1,
        Norm::L2 => outcome.l2,
        Norm::Linf => outcome.linf,
    }
}

/// The median of a norm over the pictures that changed their class.
pub(crate) fn median_of(outcomes: &[Outcome], norm: Norm) -> f64 {
    let fooled = outcomes.iter().filter(|outcome| outcome.is_fooled);
    median(&fooled.map(|outcome| norm_of(outcome, norm)).collect::<Vec<_>>())
}

/// Runs an attack as a case has it, and holds it against the reference; the changed pictures.
fn compare(evidence: &mut Evidence, id: &str, case: &Case, ground: &Ground, task: &Task) -> Result<Vec<f32>> {
    let (outcomes, pictures, seconds) = run(id, case.changes, ground, task)?;
    let theirs = &reference()?[case.name];
    let number = |field: &str| {
        theirs[field]
            .as_f64()
            .ok_or(format!("no `{field}` of `{}` in the reference", case.name))
    };
    let (fooled, size) = (
        outcomes.iter().filter(|outcome| outcome.is_fooled).count(),
        median_of(&outcomes, case.norm),
    );
    let (their_fooled, their_size) = (number("fooled")? as usize, number(case.norm.name())?);
    let of = outcomes.len();
    if number("of")? as usize != of {
        return Err(format!("`{}` of the reference is of other pictures", case.name).into());
    }
    let sum = |count: fn(&Outcome) -> u64| outcomes.iter().map(count).sum::<u64>();
    evidence.figure(
        case.name,
        json!({
            "package": theirs["package"], "of": of, "norm": case.norm.name(),
            "fooled": fooled, "fooled_reference": their_fooled,
            "median": size, "median_reference": their_size,
            "gradients": sum(|outcome| outcome.gradients), "queries": sum(|outcome| outcome.queries),
            "seconds": round(seconds), "seconds_reference_on_another_day": theirs["seconds"],
        }),
    );
    evidence.settings(
        case.name,
        json!(
            case.changes
                .iter()
                .copied()
                .collect::<std::collections::BTreeMap<_, _>>()
        ),
    );
    if case.is_same {
        let nearly = of.div_ceil(20);
        evidence.check(
            case.name,
            &format!(
                "{their_fooled} of {of} +-{nearly}, median {} {their_size:.4} +-10 %",
                case.norm
            ),
            format!("{fooled} of {of}, {size:.4}"),
            fooled.abs_diff(their_fooled) <= nearly && (size / their_size - 1.0).abs() <= 0.1,
        );
    }
    Ok(pictures)
}

/// Runs all cases of an attack; its line is of the first.
fn compare_all(id: &str, ground: &Ground, cases: &[Case]) -> Result<Evidence> {
    let mut evidence = Evidence::of_seeds(&[SEED]);
    compare_more(&mut evidence, id, ground, cases)?;
    Ok(evidence)
}

fn compare_more(evidence: &mut Evidence, id: &str, ground: &Ground, cases: &[Case]) -> Result<()> {
    for case in cases {
        let pictures = compare(evidence, id, case, ground, &ground.task())?;
        if evidence.figure.is_empty() {
            evidence.figure = line(evidence, case)?;
            draw(id, ground, &pictures)?;
        }
    }
    Ok(())
}

/// A record's line: what a case came to beside its reference.
fn line(evidence: &Evidence, case: &Case) -> Result<String> {
    let figure = evidence.get(case.name).ok_or("a case leaves a figure")?;
    let package = figure["package"].as_str().unwrap_or_default();
    let package = package.split(' ').next().unwrap_or_default();
    Ok(format!(
        "{}: {} of {} fooled, median {} {:.4}; {package}: {}, {:.4}",
        case.name,
        figure["fooled"],
        figure["of"],
        case.norm,
        figure["median"].as_f64().unwrap_or(f64::NAN),
        figure["fooled_reference"],
        figure["median_reference"].as_f64().unwrap_or(f64::NAN),
    ))
}

/// Four pictures in a row each: as they were, the change made large, as they are.
pub(crate) fn draw(id: &str, ground: &Ground, pictures: &[f32]) -> Result<()> {
    let floats = ground.target.floats();
    let [height, width, channels] = ground.target.shape();
    let rows = ground.pictures.chunks_exact(floats).zip(pictures.chunks_exact(floats));
    let mut values = vec![];
    for (was, is) in rows.skip(4).take(3) {
        let change: Vec<f32> = is.iter().zip(was).map(|(is, was)| is - was).collect();
        let largest = change.iter().fold(f32::MIN_POSITIVE, |most, d| most.max(d.abs()));
        values.extend(was.iter().map(|x| 2.0 * x - 1.0));
        values.extend(change.iter().map(|d| d / largest));
        values.extend(is.iter().map(|x| 2.0 * x - 1.0));
    }
    let all = Pictures {
        values: &values,
        count: 9,
        height,
        width,
        channels,
    };
    let source = format!(
        "adversarial images, attack {id}, target {}, seed {SEED}",
        ground.target.name()
    );
    Ok(grid_png(&all, 9, &source, &picture(id)?)?)
}

/// A 255th, a half of one.
const ONE: &str = "0.00392156862745098";
const HALF: &str = "0.00196078431372549";
const EIGHT: &str = "0.03137254901960784";

pub(crate) fn fgsm() -> Result<Evidence> {
    compare_all(
        "fgsm",
        &Ground::imagenet()?,
        &[
            same("fgsm linf 1/255", &[("epsilon", ONE)], Norm::L2),
            same("fgsm linf 1/255 torchattacks", &[("epsilon", ONE)], Norm::L2),
            same("fgsm linf 8/255", &[("epsilon", EIGHT)], Norm::L2),
            same("fgsm l2 0.5", &[("norm", "l2"), ("epsilon", "0.5")], Norm::L2),
        ],
    )
}

const BIM: Changes = &[("epsilon", HALF), ("step", "0.2")];

pub(crate) fn bim() -> Result<Evidence> {
    compare_all(
        "bim",
        &Ground::imagenet()?,
        &[
            same("bim linf 0.5/255", BIM, Norm::L2),
            same("bim linf 0.5/255 torchattacks", BIM, Norm::L2),
        ],
    )
}

pub(crate) fn mim() -> Result<Evidence> {
    compare_all("mim", &Ground::imagenet()?, &[same("mim linf 0.5/255", BIM, Norm::L2)])
}

const SHORT_PGD: Changes = &[("epsilon", HALF), ("step", "0.2"), ("steps", "10")];
const PGD_L2: Changes = &[("norm", "l2"), ("epsilon", "0.25"), ("step", "0.2"), ("steps", "10")];

pub(crate) fn pgd() -> Result<Evidence> {
    let ground = Ground::imagenet()?;
    let mut evidence = compare_all(
        "pgd",
        &ground,
        &[
            same("pgd linf 0.5/255", SHORT_PGD, Norm::L2),
            same("pgd linf 0.5/255 torchattacks", SHORT_PGD, Norm::L2),
            same("pgd linf 8/255", &[("step", "0.25"), ("steps", "10")], Norm::L2),
            same("pgd l2 0.25", PGD_L2, Norm::L2),
            same("pgd l2 0.25 torchattacks", PGD_L2, Norm::L2),
            // Ours climbs along the steepest coordinates, foolbox's along the gradient.
            other(
                "pgd l1 20",
                &[("norm", "l1"), ("epsilon", "20"), ("step", "0.2"), ("steps", "10")],
                Norm::L1,
            ),
        ],
    )?;
    race(&mut evidence, &ground)?;
    Ok(evidence)
}

/// How often the race is run.
const REPETITIONS: usize = 2;

/// Forty steps on twenty pictures, ours and the references' in turn. The environment variable `PEER_PYTHON` names a Python
/// that has them.
fn race(evidence: &mut Evidence, ground: &Ground) -> Result<()> {
    let python =
        std::env::var("PEER_PYTHON").map_err(|_| "PEER_PYTHON has to name a Python with foolbox and torchattacks")?;
    let (mut ours, mut theirs) = (vec![], [vec![], vec![]]);
    evidence.figure(
        "load.before",
        std::fs::read_to_string("/proc/loadavg").unwrap_or_default().trim(),
    );
    for _ in 0..REPETITIONS {
        let (_, _, seconds) = run("pgd", &[("steps", "40")], ground, &ground.task())?;
        ours.push(seconds);
        let script = root().join("reference/attacks.py");
        let output = Command::new(&python).arg(script).args(["--time", "1"]).output()?;
        let text = String::from_utf8(output.stdout)?;
        let last = text.lines().last().ok_or("the reference said nothing")?;
        let seconds: [f64; 2] = serde_json::from_str(last)?;
        theirs
            .iter_mut()
            .zip(seconds)
            .for_each(|(all, seconds)| all.push(seconds));
    }
    let [foolbox, torchattacks] = theirs.clone().map(|seconds| median(&seconds));
    let ratio = foolbox.min(torchattacks) / median(&ours);
    evidence.figure(
        "seconds.pgd_40",
        json!({"ours": ours, "foolbox": theirs[0], "torchattacks": theirs[1]}),
    );
    evidence.check(
        "PGD-40 of 20 pictures: seconds of the faster reference over ours",
        ">= 2",
        format!("{ratio:.2}"),
        ratio >= 2.0,
    );
    evidence.figure += &format!("; PGD-40 {ratio:.1} times as fast");
    Ok(())
}

pub(crate) fn deepfool() -> Result<Evidence> {
    let mut evidence = compare_all(
        "deepfool",
        &Ground::imagenet()?,
        &[
            same("deepfool l2", &[], Norm::L2),
            same("deepfool linf", &[("norm", "linf")], Norm::Linf),
        ],
    )?;
    compare_more(
        &mut evidence,
        "deepfool",
        &Ground::digits()?,
        &[
            same("deepfool l2 digits", &[], Norm::L2),
            // Theirs leaves eleven digits where they were.
            other("deepfool l2 digits torchattacks", &[], Norm::L2),
        ],
    )?;
    Ok(evidence)
}

pub(crate) fn cw() -> Result<Evidence> {
    let mut evidence = compare_all(
        "cw",
        &Ground::imagenet()?,
        &[
            same(
                "cw l2",
                &[("weight", "1"), ("searches", "3"), ("steps", "20")],
                Norm::L2,
            ),
            // Theirs has one weight and no search for it.
            other(
                "cw l2 torchattacks",
                &[("weight", "1"), ("searches", "3"), ("steps", "20")],
                Norm::L2,
            ),
        ],
    )?;
    compare_more(
        &mut evidence,
        "cw",
        &Ground::digits()?,
        &[same(
            "cw l2 digits",
            &[("weight", "0.1"), ("searches", "5"), ("steps", "100")],
            Norm::L2,
        )],
    )?;
    Ok(evidence)
}

pub(crate) fn jsma() -> Result<Evidence> {
    let mut evidence = Evidence::of_seeds(&[SEED]);
    let ground = Ground::digits()?;
    let next = ground.labels.iter().map(|label| (label + 1) % 10).collect();
    let task = Task {
        classes: next,
        aim: Aim::To,
        ..ground.task()
    };
    let case = same("jsma digits", &[("gamma", "0.1")], Norm::L0);
    let pictures = compare(&mut evidence, "jsma", &case, &ground, &task)?;
    evidence.figure = line(&evidence, &case)?;
    draw("jsma", &ground, &pictures)?;
    Ok(evidence)
}

pub(crate) fn one_pixel() -> Result<Evidence> {
    // As torchattacks: six candidates for each of fifteen numbers, factors from a half to 1.
    const FIVE: Changes = &[
        ("pixels", "5"),
        ("population", "90"),
        ("generations", "75"),
        ("difference", "0.5"),
        ("from_best", "true"),
    ];
    let digits = Ground::digits()?;
    let mut evidence = compare_all("one_pixel", &digits, &[same("one_pixel digits", FIVE, Norm::L0)])?;
    for (name, pixels) in [("the paper's, 1 pixel", "1"), ("the paper's, 5 pixels", "5")] {
        let changes = &[("pixels", pixels), ("population", "90"), ("generations", "75")];
        let (outcomes, ..) = run("one_pixel", changes, &digits, &digits.task())?;
        let fooled = outcomes.iter().filter(|outcome| outcome.is_fooled).count();
        evidence.figure(&format!("fooled.{name}"), fooled);
    }
    Ok(evidence)
}

pub(crate) fn square() -> Result<Evidence> {
    let digits = Ground::digits()?;
    let mut evidence = compare_all(
        "square",
        &digits,
        &[
            same(
                "square linf 0.2 digits",
                &[("epsilon", "0.2"), ("queries", "300"), ("share", "0.8")],
                Norm::Linf,
            ),
            same(
                "square l2 2 digits",
                &[("norm", "l2"), ("epsilon", "2"), ("queries", "300"), ("share", "0.8")],
                Norm::L2,
            ),
        ],
    )?;
    compare_more(
        &mut evidence,
        "square",
        &Ground::imagenet()?,
        &[same(
            "square linf 4/255",
            &[("epsilon", "0.01568627450980392"), ("queries", "300"), ("share", "0.8")],
            Norm::Linf,
        )],
    )?;
    Ok(evidence)
}
