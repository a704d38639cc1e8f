//! `failures`: every failure on purpose and its healthy counterpart, and which alarms they raise.
use crate::Result;
use crate::record::{Evidence, picture, root};
use crate::training::{Changes, order};
use ganymede::doctor::failures::{FAILURES, Failure};
use ganymede::doctor::{NOT_A_NUMBER, alarms};
use ganymede::run::{Event, Order, TrainError, Training, read_events};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

const SEEDS: [u64; 2] = [0, 1];

/// Healthy trainings that no failure is made of: system, data, settings, steps.
const MORE: [(&str, &str, Changes, u64); 4] = [
    ("gan", "mnist", &[("batch", "32"), ("width", "128")], 800),
    ("dcgan", "mnist", &[("batch", "32"), ("width", "16")], 500),
    ("cgan", "mnist", &[("batch", "32"), ("width", "16")], 500),
    ("wgan_gp", "fashion-mnist-10k", &[("batch", "32"), ("width", "8")], 300),
];

/// The alarms of one run, and the step after which each was raised.
struct Outcome {
    name: String,
    /// The failure, where it is one.
    broken: Option<&'static Failure>,
    seed: u64,
    raised: Vec<(String, u64)>,
}

impl Outcome {
    fn raised(&self, alarm: &str) -> bool {
        self.raised.iter().any(|(name, _)| name == alarm)
    }

    /// The alarms that name what is wrong.
    fn expected(&self) -> &'static [&'static str] {
        self.broken.map_or(&[], |failure| failure.alarms)
    }
}

pub(crate) fn evidence() -> Result<Evidence> {
    let mut evidence = Evidence::of_seeds(&SEEDS);
    let mut outcomes: Vec<Outcome> = vec![];
    // Failures of one system share a healthy counterpart where their settings do.
    let mut healthy: BTreeSet<String> = BTreeSet::new();
    for failure in FAILURES {
        for seed in SEEDS {
            outcomes.push(fail(failure, true, seed)?);
            if healthy.insert(format!("{} {seed}", failure.command(false))) {
                outcomes.push(fail(failure, false, seed)?);
            }
        }
        evidence.settings(
            failure.name,
            json!({"broken": failure.command(true), "healthy": failure.command(false)}),
        );
    }
    for (system, data, changes, steps) in MORE {
        for seed in SEEDS {
            let name = format!("{system}-{data}");
            outcomes.push(train(name, None, order(system, data, changes, seed, steps), seed)?);
        }
    }
    let rows: Vec<Value> = outcomes
        .iter()
        .map(|outcome| {
            let raised: Map<String, Value> = outcome
                .raised
                .iter()
                .map(|(name, step)| (name.clone(), json!(step)))
                .collect();
            json!({
                "run": outcome.name,
                "kind": if outcome.broken.is_some() { "broken" } else { "healthy" },
                "seed": outcome.seed,
                "expected": outcome.expected(),
                "raised_after_step": raised,
            })
        })
        .collect();
    evidence.figure("runs", rows);
    let (broken, healthy): (Vec<&Outcome>, Vec<&Outcome>) =
        outcomes.iter().partition(|outcome| outcome.broken.is_some());
    let names = alarms().iter().map(|alarm| alarm.name).chain([NOT_A_NUMBER]);
    let confusion: Map<String, Value> = names
        .map(|name| {
            let (own, others): (Vec<&Outcome>, Vec<&Outcome>) =
                broken.iter().partition(|outcome| outcome.expected().contains(&name));
            let of = |runs: &[&Outcome]| {
                let fired = runs.iter().filter(|outcome| outcome.raised(name)).count();
                json!({"fired": fired, "quiet": runs.len() - fired})
            };
            let row = json!({"broken_by_it": of(&own), "broken_by_others": of(&others), "healthy": of(&healthy)});
            (name.to_owned(), row)
        })
        .collect();
    evidence.figure("confusion", confusion);
    let is_named = |outcome: &&&Outcome| outcome.expected().iter().any(|alarm| outcome.raised(alarm));
    let named = broken.iter().filter(is_named).count();
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

/// Trains a failure or its counterpart, and keeps a picture of what came of it.
fn fail(failure: &'static Failure, is_broken: bool, seed: u64) -> Result<Outcome> {
    let kind = if is_broken { "broken" } else { "healthy" };
    let changes = failure.changes(is_broken);
    let order = order(failure.system, failure.data(is_broken), &changes, seed, failure.steps);
    let name = format!("{}-{kind}", failure.name);
    let outcome = train(name.clone(), is_broken.then_some(failure), order, seed)?;
    if seed == SEEDS[0] {
        let samples = folder(&name, seed).join("samples");
        let last = fs::read_dir(samples)?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .max();
        if let Some(last) = last {
            fs::copy(last, picture(&format!("failure-{name}"))?)?;
        }
    }
    Ok(outcome)
}

fn folder(name: &str, seed: u64) -> PathBuf {
    root().join("target/evidence/failures").join(format!("{name}-{seed}"))
}

/// Trains to the end, or to its death, and notes the alarms.
fn train(name: String, broken: Option<&'static Failure>, order: Order, seed: u64) -> Result<Outcome> {
    let path = folder(&name, seed);
    if path.exists() {
        fs::remove_dir_all(&path)?;
    }
    let mut training = Training::begin(order, &path)?;
    match training.run(&OnceLock::new(), &mut |_| {}) {
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
    println!("{name}, seed {seed}: {raised:?}");
    Ok(Outcome {
        name,
        broken,
        seed,
        raised,
    })
}
