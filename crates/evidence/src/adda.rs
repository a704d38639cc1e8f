//! `adda`: a classifier of handwritten digits learns to read them in pictures of another kind, without a label.
use crate::Result;
use crate::made::{Numbers, Set, show};
use crate::record::{Evidence, median, round};
use crate::training::{self, Changes, applied, order, settings};
use ganymede::data::{self, Want};

const SEEDS: [u64; 3] = [0, 1, 2];
const SOURCE_STEPS: u64 = 600;
const STEPS: u64 = 2_000;
const CHANGES: Changes = &[("source_steps", "600"), ("batch", "64")];
/// Digits that the target domain is made of, none of them among the labelled ones.
const TARGET: usize = 20_000;
const CLASSES: usize = 10;

pub(crate) fn evidence() -> Result<Evidence> {
    let mut evidence = Evidence::of_seeds(&SEEDS);
    data::get("mnist", &mut |line| println!("      {line}"))?;
    let digits = Set::of(&data::open("mnist:train", &Want::default())?)?;
    let unlabelled = target(&digits.those(|i| i >= digits.count() - TARGET), 1);
    let data = format!(
        "unpaired:first:{}:mnist:train,{}",
        60_000 - TARGET,
        unlabelled.write("digits-in-fog")?
    );
    let test_set = data::open("mnist:test", &Want::default())?;
    let test = Set::of(&test_set)?;
    let labels = (0..test.count() as u64).map(|i| test_set.example(i).map(|(_, y)| y as usize));
    let labels: Vec<usize> = labels.collect::<std::result::Result<_, _>>()?;
    let unseen = target(&test, 2);
    show("adda", &[&test, &unseen], 48)?;

    let mut found = [vec![], vec![], vec![]];
    for seed in SEEDS {
        let mut run = training::train(&format!("adda-{seed}"), order("adda", &data, CHANGES, seed, STEPS))?;
        evidence.settings("mnist", settings(&run)?);
        let mut accuracy = |function: &str, pictures: &Set| {
            let logits = applied(run.play(), function, &pictures.values, pictures.floats());
            let best = |logits: &[f32]| (0..CLASSES).max_by(|a, b| logits[*a].total_cmp(&logits[*b]));
            let right = logits
                .chunks_exact(CLASSES)
                .zip(&labels)
                .filter(|(logits, y)| best(logits) == Some(**y));
            100.0 * right.count() as f64 / labels.len() as f64
        };
        let figures = [
            accuracy("classify_source", &test),
            accuracy("classify_source", &unseen),
            accuracy("classify", &unseen),
        ];
        println!(
            "      source {:.2} %, on the target {:.2} %, adapted {:.2} %",
            figures[0], figures[1], figures[2]
        );
        found
            .iter_mut()
            .zip(figures)
            .for_each(|(list, figure)| list.push(figure));
    }
    let names = [
        "accuracy.source_on_source",
        "accuracy.source_on_target",
        "accuracy.adapted_on_target",
    ];
    for (name, figures) in names.into_iter().zip(&found) {
        evidence.figure(name, figures.iter().map(|f| round(*f)).collect::<Vec<_>>());
    }
    let gains: Vec<f64> = found[2]
        .iter()
        .zip(&found[1])
        .map(|(adapted, source)| adapted - source)
        .collect();
    let gain = median(&gains);
    evidence.check(
        "accuracy gained on the target domain, median of 3 seeds",
        ">= 20 points",
        format!("{gain:.1} points"),
        gain >= 20.0,
    );
    evidence.figure("source_steps", SOURCE_STEPS);
    evidence.figure = format!(
        "digits in another domain: accuracy {:.1} % from {:.1} % without adaptation ({:.1} points)",
        median(&found[2]),
        median(&found[1]),
        gain
    );
    Ok(evidence)
}

/// Digits as grey as fog lets them be, on a sky that grows lighter to some side.
fn target(digits: &Set, seed: u64) -> Set {
    let side = digits.shape[0];
    let mut numbers = Numbers(seed);
    let mut values = vec![];
    for digit in digits.pictures() {
        let (angle, contrast) = (std::f32::consts::TAU * numbers.draw(), 0.3 + 0.2 * numbers.draw());
        let (dx, dy) = angle.sin_cos();
        for (i, v) in digit.iter().enumerate() {
            let at = |place: usize| place as f32 / (side - 1) as f32 - 0.5;
            let sky = 0.2 + 0.7 * (dx * at(i % side) + dy * at(i / side));
            values.push((sky + contrast * (v + 1.0) / 2.0 * 1.5 + 0.1 * (numbers.draw() - 0.5)).clamp(-1.0, 1.0));
        }
    }
    digits.like(values)
}
