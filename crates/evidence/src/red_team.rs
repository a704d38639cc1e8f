//! `red_team`: our generator's fakes, our detector, an attacker who knows it, and the detector that has learnt from the attack.
use crate::Result;
use crate::detect::{SHAPE, fakes, real};
use crate::record::{Evidence, median, picture, round};
use ganymede::attacks::{self, Aim, Target, Task};
use ganymede::deepfake::detect::Pictures;
use ganymede::deepfake::detect::spatial::{Ball, Spatial, Training};
use ganymede::engine::concat;
use ganymede::metrics::auroc;
use ganymede::run::grid_png;
use serde_json::json;

const SEEDS: [u64; 3] = [0, 1, 2];
/// What the attacker may change of numbers in [0, 1], and the defender reckons with. Within 4/255 none of these fakes can be made to
/// pass, within 16/255 some: clothes lie on plain black.
const EPSILON: f64 = 24.0 / 255.0;
const TAUGHT: usize = 2000;
const TESTED: usize = 300;

fn of(values: &[f32]) -> Pictures<'_> {
    Pictures { values, shape: SHAPE }
}

/// A detector as something that is attacked: real is class 0, fake class 1.
fn target(detector: &Spatial) -> Target {
    let function = detector.function();
    Target::new("detector", SHAPE, vec!["real".into(), "fake".into()], move |x| {
        let height = function(&(x * 2.0 - 1.0));
        concat(&[&height * -0.5, height * 0.5], 1)
    })
}

/// Fakes, changed so that a detector takes them for real, in [-1, 1].
fn evaded(detector: &Spatial, fakes: &[f32], seed: u64) -> Result<Vec<f32>> {
    let changes = [
        ("epsilon", EPSILON.to_string()),
        ("steps", "20".into()),
        ("step", "0.15".into()),
    ];
    let pgd = attacks::find("pgd")?.build(&changes.map(|(key, value)| (key.to_owned(), value)))?;
    let floats: usize = SHAPE.iter().product();
    let mut all = vec![];
    for part in fakes.chunks(100 * floats) {
        let task = Task {
            pictures: part.iter().map(|x| 0.5 * (x + 1.0)).collect(),
            classes: vec![1; part.len() / floats],
            aim: Aim::Away,
            seed,
        };
        let done = pgd.run(&target(detector), &task)?;
        // As files have them.
        all.extend(done.pictures.iter().map(|x| (x * 255.0).round() / 127.5 - 1.0));
    }
    Ok(all)
}

pub(crate) fn evidence() -> Result<Evidence> {
    let mut evidence = Evidence::of_seeds(&SEEDS);
    let made = fakes(
        &mut evidence,
        "red-team",
        ("dcgan", 400, &[("width", "16")]),
        TAUGHT + TESTED,
    )?;
    let (taught, tested) = made.split_at(TAUGHT * SHAPE.iter().product::<usize>());
    let [real_taught, real_tested] = [real(0, TAUGHT)?, real(5000, TESTED)?];
    let names = [
        "before",
        "under_attack",
        "hardened",
        "hardened_under_attack",
        "hardened_under_the_first_attack",
    ];
    let mut areas = vec![vec![]; names.len()];
    let mut pictures = vec![];
    for seed in SEEDS {
        let train = |steps, against| {
            let training = Training { steps, seed, against };
            Spatial::train(of(&real_taught), of(taught), training, &mut |step, loss| {
                if step % 100 == 0 {
                    println!("      seed {seed}: step {step}, loss {loss:.3}");
                }
            })
        };
        let first = train(300, None);
        let hardened = train(
            400,
            Some(Ball {
                epsilon: 2.0 * EPSILON,
                steps: 3,
            }),
        );
        let attacked = evaded(&first, tested, seed)?;
        let again = evaded(&hardened, tested, seed)?;
        let cases = [
            (&first, tested),
            (&first, &attacked),
            (&hardened, tested),
            (&hardened, &again),
            (&hardened, &attacked),
        ];
        for ((detector, fakes), areas) in cases.into_iter().zip(&mut areas) {
            areas.push(auroc(&detector.scores(of(&real_tested)), &detector.scores(of(fakes))));
        }
        if seed == 0 {
            pictures = [&tested[..8 * 784], &attacked[..8 * 784], &again[..8 * 784]].concat();
        }
    }
    for (name, areas) in names.iter().zip(&areas) {
        evidence.figure(
            &format!("auroc.{name}"),
            json!(areas.iter().map(|area| round(*area)).collect::<Vec<_>>()),
        );
    }
    let [before, attacked, hardened, again, transferred] = [0, 1, 2, 3, 4].map(|i| median(&areas[i]));
    evidence.settings(
        "attack",
        json!({"attack": "pgd", "norm": "linf", "epsilon": EPSILON, "steps": 20}),
    );
    evidence.check(
        "AUROC of the detector",
        ">= 0.9, median of 3 seeds",
        format!("{before:.3}"),
        before >= 0.9,
    );
    evidence.check(
        "under attack, 24/255",
        "< 0.5",
        format!("{attacked:.3}"),
        attacked < 0.5,
    );
    evidence.check(
        "hardened, under an attack on itself",
        ">= 0.8",
        format!("{again:.3}"),
        again >= 0.8,
    );
    evidence.check(
        "hardened, on fakes as they are",
        ">= 0.85",
        format!("{hardened:.3}"),
        hardened >= 0.85,
    );
    let drawn = ganymede::run::Pictures {
        values: &pictures,
        count: 24,
        height: 28,
        width: 28,
        channels: 1,
    };
    grid_png(
        &drawn,
        8,
        &"fakes, the same evading a detector, and evading a hardened one".to_owned(),
        &picture("red_team")?,
    )?;
    evidence.figure = format!(
        "AUROC {before:.3}, under attack {attacked:.3}; hardened {hardened:.3}, attacked anew {again:.3}, by the first attack {transferred:.3}"
    );
    Ok(evidence)
}
