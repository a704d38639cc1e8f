//! `augment`: few labels, and more examples that were made of them: what a classifier gains by samples of a generator that has seen
//! nothing else, beside what it gains by changing the examples a little, as one does.
//!
//! Frid-Adar et al. 2018, "GAN-based Synthetic Medical Image Augmentation for increased CNN Performance in Liver Lesion
//! Classification", arXiv:1803.01229. No lesions are at hand: the biopsies of `breast-cancer` are a table, the pictures digits.
use crate::Result;
use crate::labelled::{Labelled, told};
use crate::made::Numbers;
use crate::record::{Evidence, median, picture, round};
use crate::tables::Rows;
use crate::training::{self, Changes, grid, order, samples, settings};
use ganymede::data::{self, Want};
use ganymede::metrics::Classifier;
use serde_json::json;

const SEEDS: [u64; 5] = [0, 1, 2, 3, 4];
/// Rows of each class that have a label.
const ROWS: usize = 12;
const TABLE_STEPS: u64 = 1_500;
const TABLE: Changes = &[
    ("batch", "60"),
    ("width", "64"),
    ("z_dim", "32"),
    ("generator.learning_rate", "5e-4"),
    ("critic.learning_rate", "5e-4"),
];
const PICTURE_SEEDS: [u64; 3] = [0, 1, 2];
/// Pictures of each class that have a label.
const PICTURES: usize = 20;
const PICTURE_STEPS: u64 = 2_000;
const DIGITS: Changes = &[
    ("width", "16"),
    ("batch", "64"),
    ("average_decay", "0.99"),
    ("generator.learning_rate", "1e-3"),
    ("discriminator.learning_rate", "3e-4"),
];
/// Made or changed examples to each that has a label.
const TIMES: usize = 10;
/// Updates of a picture classifier are those of so many epochs of all variants.
const EPOCHS: usize = 12;

/// What was taught with.
const WAYS: [&str; 4] = ["labels_alone", "classic", "made", "made_and_classic"];

pub(crate) fn evidence() -> Result<Evidence> {
    let mut evidence = Evidence::of_seeds(&SEEDS);
    let biopsies = biopsies(&mut evidence)?;
    let digits = digits(&mut evidence)?;
    for (data, found) in [("biopsies", &biopsies), ("digits", &digits)] {
        for (way, pairs) in WAYS.iter().zip(found) {
            for (which, name) in ["sensitivity", "specificity"].iter().enumerate() {
                let list: Vec<f64> = pairs.iter().map(|pair| round(pair[which])).collect();
                evidence.figure(&format!("{data}.{way}.{name}"), json!(list));
            }
        }
    }
    let of = |pairs: &[[f64; 2]], which: usize| median(&pairs.iter().map(|pair| pair[which]).collect::<Vec<_>>());
    let mean = |pairs: &[[f64; 2]]| 0.5 * (of(pairs, 0) + of(pairs, 1));
    let line = |found: &[Vec<[f64; 2]>; 4]| {
        let shown = |pairs: &[[f64; 2]]| format!("{:.3}/{:.3}", of(pairs, 0), of(pairs, 1));
        WAYS.iter()
            .zip(found)
            .map(|(way, pairs)| format!("{} {}", way.replace('_', " "), shown(pairs)))
            .collect::<Vec<_>>()
            .join(", ")
    };
    evidence.check(
        "biopsies: mean of sensitivity and specificity with made rows above that of labels alone, medians of 5 seeds",
        &format!("> {:.3}", mean(&biopsies[0])),
        format!("{:.3}", mean(&biopsies[2])),
        mean(&biopsies[2]) > mean(&biopsies[0]),
    );
    evidence.check(
        "digits: sensitivity with made pictures above that of labels alone, medians of 3 seeds",
        &format!("> {:.3}", of(&digits[0], 0)),
        format!("{:.3}", of(&digits[2], 0)),
        of(&digits[2], 0) > of(&digits[0], 0),
    );
    evidence.check(
        "digits: sensitivity with made and changed pictures above that of changed ones, medians of 3 seeds",
        &format!("> {:.3}", of(&digits[1], 0)),
        format!("{:.3}", of(&digits[3], 0)),
        of(&digits[3], 0) > of(&digits[1], 0),
    );
    evidence.figure = format!(
        "sensitivity/specificity with {ROWS} labelled biopsies a class: {}; with {PICTURES} labelled digits a class: {}",
        line(&biopsies),
        line(&digits)
    );
    Ok(evidence)
}

/// By way and seed, sensitivity to malignant biopsies and specificity, of logistic regression.
fn biopsies(evidence: &mut Evidence) -> Result<[Vec<[f64; 2]>; 4]> {
    data::get("breast-cancer", &mut |line| println!("      {line}"))?;
    let (train, columns) = Rows::read("breast-cancer:train")?;
    let (test, _) = Rows::read("breast-cancer:test")?;
    let mut found = [const { vec![] }; 4];
    for seed in SEEDS {
        let few = some_of_each(&train, seed);
        let spec = few.write(&format!("biopsies-{seed}"), &columns)?;
        let mut run = training::train(
            &format!("augment-biopsies-{seed}"),
            order("tabular", &spec, TABLE, seed, TABLE_STEPS),
        )?;
        let fitted = run.data().columns().ok_or("a table has columns")?.clone();
        let made = Rows::decoded(&fitted, &samples(run.play(), TIMES * few.y.len()));
        let changed = jittered(&few, seed);
        evidence.settings("biopsies", settings(&run)?);
        for (way, rows) in [
            few.clone(),
            few.and(&changed),
            few.and(&made),
            few.and(&changed).and(&made),
        ]
        .iter()
        .enumerate()
        {
            let [rows, test] = [rows, &test].map(|rows| rows.standardised(&few));
            // Class 0 is malignant.
            let answers = told((&rows.x, &rows.y), &test.x, 2);
            found[way].push(sensitivity_and_specificity(&answers, &test.y, 0));
        }
        println!("      {:?}", found.each_ref().map(|pairs| pairs.last().copied()));
    }
    Ok(found)
}

/// So many rows of each class, others for each seed.
fn some_of_each(rows: &Rows, seed: u64) -> Rows {
    let (mut few, mut numbers, mut left) = (Rows::default(), Numbers(seed), [ROWS; 2]);
    while left.iter().any(|left| *left > 0) {
        let i = (numbers.draw() * rows.y.len() as f32) as usize % rows.y.len();
        let (row, class) = (&rows.x[i * rows.width()..][..rows.width()], rows.y[i]);
        let is_new = few.y.is_empty() || few.x.chunks_exact(rows.width()).all(|other| other != row);
        if left[class as usize] > 0 && is_new {
            left[class as usize] -= 1;
            few.x.extend(row);
            few.y.push(class);
        }
    }
    few
}

/// Rows between a row and another of its class, as SMOTE makes them (Chawla et al. 2002), from any of the class.
fn jittered(rows: &Rows, seed: u64) -> Rows {
    let (mut numbers, mut changed) = (Numbers(seed + 100), Rows::default());
    let row = |i: usize| &rows.x[i * rows.width()..][..rows.width()];
    for _ in 0..TIMES {
        for i in 0..rows.y.len() {
            let alike: Vec<usize> = (0..rows.y.len()).filter(|j| rows.y[*j] == rows.y[i]).collect();
            let other = alike[(numbers.draw() * alike.len() as f32) as usize % alike.len()];
            let share = numbers.draw();
            changed
                .x
                .extend(row(i).iter().zip(row(other)).map(|(a, b)| a + share * (b - a)));
            changed.y.push(rows.y[i]);
        }
    }
    changed
}

/// By way and seed, the means over classes of sensitivity and specificity of a convolutional classifier.
fn digits(evidence: &mut Evidence) -> Result<[Vec<[f64; 2]>; 4]> {
    data::get("mnist", &mut |line| println!("      {line}"))?;
    let all = Labelled::read("mnist:train", 20_000)?;
    let test = Labelled::read("mnist:test", 2_000)?;
    let mut found = [const { vec![] }; 4];
    for seed in PICTURE_SEEDS {
        // Others for each seed, in the order of the set.
        let mut left = [PICTURES; 10];
        let mut chosen = vec![false; all.y.len()];
        for (i, y) in all.y.iter().enumerate().skip(5_000 * seed as usize) {
            if left[*y as usize] > 0 {
                left[*y as usize] -= 1;
                chosen[i] = true;
            }
        }
        let few = all.only(|i, _| chosen[i]);
        let spec = few.write(&format!("digits-{seed}"), 28)?;
        let mut run = training::train(
            &format!("augment-digits-{seed}"),
            order("acgan", &spec, DIGITS, seed, PICTURE_STEPS),
        )?;
        evidence.settings("digits", settings(&run)?);
        let count = TIMES * few.y.len();
        let made = Labelled {
            x: samples(run.play(), count),
            y: (0..10).cycle().take(count).collect(),
        };
        if seed == 0 {
            grid(&run, &made.x[..80 * 784], 10, &picture("augment")?)?;
        }
        let changed = shifted(&few, seed);
        let both = joined(&changed, &made);
        for (way, examples) in [
            &few,
            &joined(&few, &changed),
            &joined(&few, &made),
            &joined(&few, &both),
        ]
        .into_iter()
        .enumerate()
        {
            let spec = examples.write(&format!("digits-{seed}-{way}"), 28)?;
            let data = data::open(&spec, &Want::default())?;
            // As many updates for each way.
            let epochs = EPOCHS * (1 + 2 * TIMES) * few.y.len() / examples.y.len();
            let mut classifier = Classifier::train(&*data, seed, epochs, &mut |_| {})?;
            let answers = classifier.predict(&test.x);
            let of_class = |class| sensitivity_and_specificity(&answers, &test.y, class);
            let classes: Vec<[f64; 2]> = (0..10).map(of_class).collect();
            found[way].push([0, 1].map(|which| classes.iter().map(|pair| pair[which]).sum::<f64>() / 10.0));
        }
        println!("      {:?}", found.each_ref().map(|pairs| pairs.last().copied()));
    }
    Ok(found)
}

fn joined(a: &Labelled, b: &Labelled) -> Labelled {
    Labelled {
        x: [&a.x[..], &b.x].concat(),
        y: [&a.y[..], &b.y].concat(),
    }
}

/// Pictures moved by up to two pixels each way.
fn shifted(pictures: &Labelled, seed: u64) -> Labelled {
    let (mut numbers, mut changed) = (Numbers(seed + 200), Labelled::default());
    for _ in 0..TIMES {
        for (x, y) in pictures.iter() {
            let [across, down] = [0, 1].map(|_| (numbers.draw() * 5.0) as isize - 2);
            let at = |row: isize, column: isize| match (0..28).contains(&row) && (0..28).contains(&column) {
                true => x[(row * 28 + column) as usize],
                false => -1.0,
            };
            changed.x.extend((0..784).map(|i| at(i / 28 - down, i % 28 - across)));
            changed.y.push(y);
        }
    }
    changed
}

/// The shares of a class that are found, and of the others that are not taken for it.
fn sensitivity_and_specificity(answers: &[u32], labels: &[u32], class: u32) -> [f64; 2] {
    [true, false].map(|is_class| {
        let of = || answers.iter().zip(labels).filter(|(_, y)| (**y == class) == is_class);
        let right = of().filter(|(answer, _)| (**answer == class) == is_class).count();
        right as f64 / of().count() as f64
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two of three ill ones are found, and one of two well ones is left alone.
    #[test]
    fn shares_by_hand() {
        let [found, spared] = sensitivity_and_specificity(&[0, 0, 1, 0, 1], &[0, 0, 0, 1, 1], 0);
        assert_eq!([found, spared], [2.0 / 3.0, 0.5]);
    }

    #[test]
    fn rows_between_rows_of_a_class() {
        let rows = Rows {
            x: vec![0.0, 1.0, 10.0, 12.0],
            y: vec![0, 0, 1, 1],
        };
        let changed = jittered(&rows, 0);
        assert_eq!(changed.y.len(), 4 * TIMES);
        let is_between = |(x, y): (&f32, &u32)| {
            if *y == 0 {
                (0.0..=1.0).contains(x)
            } else {
                (10.0..=12.0).contains(x)
            }
        };
        assert!(changed.x.iter().zip(&changed.y).all(is_between));
    }
}
