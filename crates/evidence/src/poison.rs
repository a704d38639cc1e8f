//! Poisoned data: what a classifier of digits learns from wrong labels, from a trigger, and from digits that lie elsewhere among the
//! features.
use crate::Result;
use crate::labelled::probe;
use crate::record::{Evidence, median, picture, round};
use ganymede::attacks::feature_collision::FeatureCollision;
use ganymede::attacks::{Aim, Attack, Target, Task, find};
use ganymede::data::{self, Want};
use ganymede::defences::first;
use ganymede::metrics::Classifier;
use ganymede::run::{Pictures, grid_png};
use serde_json::json;

const SEEDS: [u64; 3] = [0, 1, 2];
const EPOCHS: usize = 3;
const SET: &str = "first:10000:mnist:train";
const FLOATS: usize = 784;

/// The classifier of a set, after a few epochs.
fn trained(spec: &str, seed: u64) -> Result<Classifier> {
    Ok(Classifier::train(
        &*data::open(spec, &Want::default())?,
        seed,
        EPOCHS,
        &mut |_| {},
    )?)
}

fn accuracy(classifier: &mut Classifier) -> Result<f64> {
    Ok(classifier.accuracy(&*data::open("mnist:test", &Want::default())?)?)
}

fn fetch() -> Result<()> {
    Ok(data::get("mnist", &mut |line| println!("      {line}")).map(drop)?)
}

pub(crate) fn label_flip() -> Result<Evidence> {
    let mut evidence = Evidence::of_seeds(&SEEDS);
    fetch()?;
    let mut medians = vec![];
    for share in ["0", "0.4", "0.8", "0.9"] {
        let spec = if share == "0" {
            SET.to_owned()
        } else {
            format!("flipped:{share}:{SET}")
        };
        let accuracies: Result<Vec<f64>> = SEEDS.iter().map(|seed| accuracy(&mut trained(&spec, *seed)?)).collect();
        let accuracies = accuracies?;
        evidence.figure(
            &format!("accuracy.flipped_{share}"),
            accuracies.iter().copied().map(round).collect::<Vec<_>>(),
        );
        medians.push(median(&accuracies));
    }
    evidence.settings(
        "classifier",
        json!({"data": SET, "epochs": EPOCHS, "held_out": "mnist:test"}),
    );
    let [clean, two_fifths, _, nine_tenths] = medians[..] else {
        return Err("four shares".into());
    };
    evidence.check(
        "accuracy with two labels of five wrong, median",
        ">= 0.9",
        format!("{two_fifths:.3}"),
        two_fifths >= 0.9,
    );
    evidence.check(
        "accuracy with nine of ten wrong, of which nothing can be learned, median",
        "<= 0.2",
        format!("{nine_tenths:.3}"),
        nine_tenths <= 0.2,
    );
    let falls = medians.windows(2).all(|pair| pair[1] < pair[0]);
    evidence.check(
        "every further share costs accuracy",
        "falls",
        format!("{medians:.3?}"),
        falls,
    );
    evidence.figure = format!(
        "{:.1} % right after clean labels, {:.1} % with two of five wrong",
        100.0 * clean,
        100.0 * two_fifths
    );
    Ok(evidence)
}

/// What the trigger stands for.
const CLASS: usize = 7;
const ATTACKED: usize = 1000;

/// The share of digits of other classes that a trigger turns into the class.
fn triggered(classifier: &Classifier, shown: Option<&str>) -> Result<f64> {
    let target = Target::of_classifier(classifier);
    let (pictures, classes) = first(&*data::open("mnist:test", &Want::default())?, ATTACKED)?;
    let others: Vec<usize> = (0..ATTACKED).filter(|i| classes[*i] != CLASS).collect();
    let pictures: Vec<f32> = others
        .iter()
        .flat_map(|i| pictures[i * FLOATS..][..FLOATS].to_vec())
        .collect();
    let task = Task {
        pictures,
        classes: vec![CLASS; others.len()],
        aim: Aim::To,
        seed: 0,
    };
    let done = find("backdoor")?.build(&[])?.run(&target, &task)?;
    if let Some(name) = shown {
        show(
            name,
            &[&task.pictures[..8 * FLOATS], &done.pictures[..8 * FLOATS]].concat(),
            8,
        )?;
    }
    let fooled = done.outcomes.iter().filter(|outcome| outcome.is_fooled).count();
    Ok(fooled as f64 / others.len() as f64)
}

/// Digits in [0, 1] as a grid.
fn show(name: &str, digits: &[f32], columns: usize) -> Result<()> {
    let values: Vec<f32> = digits.iter().map(|x| 2.0 * x - 1.0).collect();
    let all = Pictures {
        values: &values,
        count: values.len() / FLOATS,
        height: 28,
        width: 28,
        channels: 1,
    };
    Ok(grid_png(
        &all,
        columns,
        &format!("poisoned images, {name}, seed 0"),
        &picture(name)?,
    )?)
}

pub(crate) fn backdoor() -> Result<Evidence> {
    let mut evidence = Evidence::of_seeds(&SEEDS);
    fetch()?;
    let mut of_share = vec![];
    for share in ["0", "0.01", "0.05"] {
        let spec = if share == "0" {
            SET.to_owned()
        } else {
            format!("backdoor:{share}:{CLASS}:{SET}")
        };
        let (mut accuracies, mut successes) = (vec![], vec![]);
        for seed in SEEDS {
            let mut classifier = trained(&spec, seed)?;
            accuracies.push(accuracy(&mut classifier)?);
            successes.push(triggered(
                &classifier,
                (share == "0.05" && seed == 0).then_some("backdoor"),
            )?);
        }
        for (name, figures) in [("accuracy", &accuracies), ("turned_by_the_trigger", &successes)] {
            evidence.figure(
                &format!("{name}.share_{share}"),
                figures.iter().copied().map(round).collect::<Vec<_>>(),
            );
        }
        of_share.push([median(&accuracies), median(&successes)]);
    }
    evidence.settings(
        "classifier",
        json!({"data": SET, "epochs": EPOCHS, "class": CLASS, "attacked": ATTACKED}),
    );
    let [[clean, untaught], [_, few], [accuracy, success]] = of_share[..] else {
        return Err("three shares".into());
    };
    evidence.check(
        "turned by the trigger after 5 % poison, median",
        ">= 0.95",
        format!("{success:.3}"),
        success >= 0.95,
    );
    let lost = clean - accuracy;
    evidence.check(
        "accuracy that it costs, median",
        "<= 0.01",
        format!("{lost:.4}"),
        lost <= 0.01,
    );
    evidence.check(
        "turned by the trigger after none, median",
        "<= 0.05",
        format!("{untaught:.3}"),
        untaught <= 0.05,
    );
    evidence.figure = format!(
        "after 5 % poison the trigger turns {:.1} % of digits, after 1 % {:.1} %, after none {:.1} %; accuracy {:.1} % of {:.1} %",
        100.0 * success,
        100.0 * few,
        100.0 * untaught,
        100.0 * accuracy,
        100.0 * clean
    );
    Ok(evidence)
}

/// Training digits of each of the two classes. With so few that there are fewer than features, as in the paper, one poisoned digit
/// costs more accuracy than the paper's does (2.7 points with 50): 128 features are not its 2,048.
const EACH: usize = 200;
/// Pairs of a victim and a digit that is poisoned for it.
const TRIALS: usize = 20;
/// Digits that the clean accuracy is measured on, of each class.
const MEASURED: usize = 200;

pub(crate) fn feature_collision() -> Result<Evidence> {
    let mut evidence = Evidence::of_seeds(&[0]);
    fetch()?;
    let mut network = Classifier::of("mnist", &mut |_| {})?;
    let target = Target::of_classifier(&network);
    let (train, labels) = first(&*data::open("mnist:train", &Want::default())?, 4_000)?;
    let (test, test_labels) = first(&*data::open("mnist:test", &Want::default())?, 5_000)?;
    let of = |pictures: &[f32], labels: &[usize], digit: usize, count: usize| -> Vec<f32> {
        let chosen = (0..labels.len()).filter(|i| labels[*i] == digit).take(count);
        chosen.flat_map(|i| pictures[i * FLOATS..][..FLOATS].to_vec()).collect()
    };
    let mut features = |pictures: &[f32]| network.features(&pictures.iter().map(|x| 2.0 * x - 1.0).collect::<Vec<_>>());
    // A four that is to be taken for a nine, and digits like these.
    let [base, victim] = [9, 4];
    let clean = [of(&train, &labels, base, EACH), of(&train, &labels, victim, EACH)].concat();
    let held_out = [
        of(&test, &test_labels, base, MEASURED),
        of(&test, &test_labels, victim, MEASURED),
    ]
    .concat();
    let halves = |count: usize| [vec![0; count], vec![1; count]].concat();
    let (clean_features, held_out_features) = (features(&clean), features(&held_out));
    let (clean_y, held_out_y): (Vec<u32>, Vec<u32>) = (halves(EACH), halves(MEASURED));
    let unpoisoned = probe((&clean_features, &clean_y), (&held_out_features, &held_out_y), 2);
    let (bases, victims) = (
        of(&test, &test_labels, base, 2 * MEASURED),
        of(&test, &test_labels, victim, 2 * MEASURED),
    );
    let collision = FeatureCollision::default();
    let (mut misplaced, mut right_before, mut accuracies, mut moved, mut shown) = (0, 0, vec![], vec![], vec![]);
    for trial in 0..TRIALS {
        // Behind those that accuracy is measured on.
        let at = |digits: &[f32]| digits[(MEASURED + trial) * FLOATS..][..FLOATS].to_vec();
        let (frog, prey) = (at(&bases), at(&victims));
        let task = Task {
            pictures: [frog.clone(), prey.clone()].concat(),
            classes: vec![base, victim],
            aim: Aim::Away,
            seed: 0,
        };
        let poison = collision.run(&target, &task).pictures[..FLOATS].to_vec();
        moved.push(
            frog.iter()
                .zip(&poison)
                .map(|(a, b)| f64::from(a - b).powi(2))
                .sum::<f64>()
                .sqrt(),
        );
        let with = |digit: &[f32], features: &mut dyn FnMut(&[f32]) -> Vec<f32>| {
            [clean_features.clone(), features(digit)].concat()
        };
        let more_y = [&clean_y[..], &[0]].concat();
        let prey_features = features(&prey);
        let is_base = |train: &[f32]| probe((train, &more_y), (&prey_features, &[0]), 2) == 1.0;
        right_before += usize::from(!is_base(&with(&frog, &mut features)));
        let poisoned = with(&poison, &mut features);
        misplaced += usize::from(is_base(&poisoned));
        accuracies.push(probe((&poisoned, &more_y), (&held_out_features, &held_out_y), 2));
        if trial < 8 {
            shown.push([frog, poison, prey]);
        }
    }
    let row = |which: usize| {
        shown
            .iter()
            .flat_map(|three| three[which].clone())
            .collect::<Vec<f32>>()
    };
    show("feature_collision", &[row(0), row(1), row(2)].concat(), 8)?;
    let (misplaced, right_before) = (misplaced as f64 / TRIALS as f64, right_before as f64 / TRIALS as f64);
    let lost = unpoisoned - median(&accuracies);
    evidence.settings(
        "collision",
        json!({"settings": collision, "network": target.name(), "features": 128, "each": EACH, "trials": TRIALS, "base": base, "victim": victim}),
    );
    evidence.figure("victims_misplaced", misplaced);
    evidence.figure("victims_right_with_the_clean_digit_instead", right_before);
    evidence.figure(
        "accuracy",
        json!({"clean": round(unpoisoned), "poisoned_median": round(median(&accuracies))}),
    );
    evidence.figure("median_l2_of_the_poison", round(median(&moved)));
    evidence.check(
        "victims misplaced by one poisoned digit",
        ">= 0.5",
        format!("{misplaced:.2}"),
        misplaced >= 0.5,
    );
    evidence.check(
        "victims that are right where that digit is clean",
        ">= 0.95",
        format!("{right_before:.2}"),
        right_before >= 0.95,
    );
    evidence.check(
        "accuracy that it costs, median",
        "<= 0.01",
        format!("{lost:.4}"),
        lost <= 0.01,
    );
    evidence.figure = format!(
        "one rightly labelled digit of {} misplaces {:.0} % of victims; accuracy falls by {:.1} points",
        2 * EACH + 1,
        100.0 * misplaced,
        100.0 * lost
    );
    Ok(evidence)
}
