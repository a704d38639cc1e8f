//! `lab`: every lesson's failure happens, and its cure cures it; every objective of the lab comes nearer to what it learns.
use crate::Result;
use crate::record::{Evidence, median, round};
use ganymede::lab::lessons::{LESSONS, Scene};
use ganymede::lab::{Lab, Setup, systems};
use serde_json::{Value, json};
use std::time::Duration;

const SEEDS: [u64; 3] = [0, 1, 2];
/// A step takes as long as it takes.
const TIME: Duration = Duration::from_secs(3_600);
/// Steps of each objective on eight Gaussians.
const STEPS: u64 = 1_500;

pub(crate) fn evidence() -> Result<Evidence> {
    let mut evidence = Evidence::of_seeds(&SEEDS);
    let mut factors = vec![];
    for lesson in LESSONS {
        let of = |scene: &Scene| -> Result<Vec<f64>> {
            SEEDS
                .iter()
                .map(|seed| behind(&scene.setup(*seed), lesson.steps))
                .collect()
        };
        let (broken, cured) = (of(&lesson.broken)?, of(&lesson.cured)?);
        evidence.figure(
            &format!("wasserstein.{}", lesson.name),
            json!({"steps": lesson.steps, "broken": rounded(&broken), "cured": rounded(&cured)}),
        );
        evidence.settings(
            lesson.name,
            json!({"broken": lesson.broken.setup(0), "cured": lesson.cured.setup(0)}),
        );
        factors.push(median(&broken) / median(&cured));
    }
    let worst = factors.iter().copied().fold(f64::INFINITY, f64::min);
    evidence.check(
        "Wasserstein distance to the data, failure over cure, least of all lessons",
        "2 or more, medians of 3 seeds",
        format!("{worst:.2}"),
        worst >= 2.0,
    );
    let mut nearer = vec![];
    for entry in systems() {
        let setup = |seed| Setup {
            system: entry.card.id.to_owned(),
            seed,
            ..Setup::default()
        };
        let shares: Vec<f64> = SEEDS
            .iter()
            .map(|seed| Ok(behind(&setup(*seed), STEPS)? / behind(&setup(*seed), 0)?))
            .collect::<Result<_>>()?;
        evidence.figure(&format!("share_of_first_distance.{}", entry.card.id), rounded(&shares));
        nearer.push((entry.card.id, median(&shares)));
    }
    let (id, share) = nearer
        .iter()
        .copied()
        .reduce(|a, b| if b.1 > a.1 { b } else { a })
        .ok_or("there are systems")?;
    evidence.check(
        "Wasserstein distance to eight Gaussians over that before the first step, largest of all objectives",
        "0.5 or less, medians of 3 seeds",
        format!("{share:.2} ({id})"),
        share <= 0.5,
    );
    evidence.figure = format!(
        "{} lessons fail and are cured: {worst:.1} times as far from the data or more; {} objectives within {share:.2} of their first distance after {STEPS} steps",
        LESSONS.len(),
        nearer.len()
    );
    Ok(evidence)
}

/// The exact Wasserstein distance between samples and data behind so many steps; infinite where the numbers have left all bounds.
fn behind(setup: &Setup, steps: u64) -> Result<f64> {
    let mut lab = Lab::new(setup)?;
    while lab.done() < steps {
        lab.advance((steps - lab.done()) as usize, TIME);
    }
    Ok(lab.measure().map_or(f64::INFINITY, |measured| measured.wasserstein))
}

/// With three digits; what is infinite as text, since JSON has no number for it.
fn rounded(numbers: &[f64]) -> Vec<Value> {
    let shown = |x: &f64| {
        if x.is_finite() {
            json!(round(*x))
        } else {
            json!("infinite")
        }
    };
    numbers.iter().map(shown).collect()
}
