//! `failures`: every failure on purpose and its healthy counterpart, and which alarms they raise.
use crate::Result;
use crate::record::{Evidence, picture, root};
use crate::training::order;
use ganymede::doctor::failures::{FAILURES, Failure};
use ganymede::doctor::{NOT_A_NUMBER, alarms};
use ganymede::run::{Event, TrainError, Training, read_events};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::sync::atomic::AtomicBool;

const SEEDS: [u64; 2] = [0, 1];

/// The alarms of one run, and the step after which each was raised.
struct Outcome {
    failure: &'static Failure,
    is_broken: bool,
    seed: u64,
    raised: Vec<(String, u64)>,
}

impl Outcome {
    fn raised(&self, alarm: &str) -> bool {
        self.raised.iter().any(|(name, _)| name == alarm)
    }

    fn raised_one_of(&self, alarms: &[&str]) -> bool {
        alarms.iter().any(|alarm| self.raised(alarm))
    }
}

pub(crate) fn evidence() -> Result<Evidence> {
    let mut evidence = Evidence::of_seeds(&SEEDS);
    let mut outcomes: Vec<Outcome> = vec![];
    // Failures of one system share a healthy counterpart where their settings do.
    let mut healthy: BTreeSet<String> = BTreeSet::new();
    for failure in FAILURES {
        for seed in SEEDS {
            outcomes.push(train(failure, true, seed)?);
            if healthy.insert(format!("{} {seed}", failure.command(false))) {
                outcomes.push(train(failure, false, seed)?);
            }
        }
        evidence.settings(
            failure.name,
            json!({"broken": failure.command(true), "healthy": failure.command(false)}),
        );
    }
    let rows: Vec<Value> = outcomes
        .iter()
        .map(|outcome| {
            let raised: Map<String, Value> = outcome.raised.iter().map(|(name, step)| (name.clone(), json!(step))).collect();
            json!({
                "failure": outcome.failure.name,
                "run": if outcome.is_broken { "broken" } else { "healthy" },
                "seed": outcome.seed,
                "expected": if outcome.is_broken { outcome.failure.alarms } else { &[] },
                "raised_after_step": raised,
            })
        })
        .collect();
    evidence.figure("runs", rows);
    let (broken, healthy): (Vec<&Outcome>, Vec<&Outcome>) = outcomes.iter().partition(|outcome| outcome.is_broken);
    let names = alarms().iter().map(|alarm| alarm.name).chain([NOT_A_NUMBER]);
    let confusion: Map<String, Value> = names
        .map(|name| {
            let (own, others): (Vec<&Outcome>, Vec<&Outcome>) =
                broken.iter().partition(|outcome| outcome.failure.alarms.contains(&name));
            let of = |runs: &[&Outcome]| {
                let fired = runs.iter().filter(|outcome| outcome.raised(name)).count();
                json!({"fired": fired, "quiet": runs.len() - fired})
            };
            let row = json!({"broken_by_it": of(&own), "broken_by_others": of(&others), "healthy": of(&healthy)});
            (name.to_owned(), row)
        })
        .collect();
    evidence.figure("confusion", confusion);
    let named = broken.iter().filter(|outcome| outcome.raised_one_of(outcome.failure.alarms)).count();
    let quiet = healthy.iter().filter(|outcome| outcome.raised.is_empty()).count();
    evidence.check(
        "broken runs that raise the alarm that names them",
        "all",
        format!("{named} of {}", broken.len()),
        named == broken.len(),
    );
    evidence.check(
        "healthy runs that raise none",
        "all",
        format!("{quiet} of {}", healthy.len()),
        quiet == healthy.len(),
    );
    evidence.check("runs", ">= 30", outcomes.len().to_string(), outcomes.len() >= 30);
    evidence.figure = format!(
        "{named} of {} broken runs named, {quiet} of {} healthy ones quiet",
        broken.len(),
        healthy.len()
    );
    Ok(evidence)
}

/// Trains a failure or its counterpart to its end, or to its death.
fn train(failure: &'static Failure, is_broken: bool, seed: u64) -> Result<Outcome> {
    let kind = if is_broken { "broken" } else { "healthy" };
    let path = root().join("target/evidence/failures").join(format!("{}-{kind}-{seed}", failure.name));
    if path.exists() {
        fs::remove_dir_all(&path)?;
    }
    let order = order(failure.system, failure.data(is_broken), &failure.changes(is_broken), seed, failure.steps);
    let mut training = Training::begin(order, &path)?;
    match training.run(&AtomicBool::new(false), &mut |_| {}) {
        Ok(_) | Err(TrainError::NonFinite { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let events = read_events(&training.folder().events_file())?.events;
    let raised: Vec<(String, u64)> = events
        .iter()
        .filter_map(|event| match event {
            Event::Alarm { name, step, .. } => Some((name.clone(), *step)),
            _ => None,
        })
        .collect();
    println!("{}, {kind}, seed {seed}: {raised:?}", failure.name);
    if seed == SEEDS[0] {
        let last = events.iter().rev().find_map(|event| match event {
            Event::Sample { path, .. } => Some(training.folder().path().join(path)),
            _ => None,
        });
        if let Some(last) = last {
            fs::copy(last, picture(&format!("failure-{}-{kind}", failure.name))?)?;
        }
    }
    Ok(Outcome {
        failure,
        is_broken,
        seed,
        raised,
    })
}
