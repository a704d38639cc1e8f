//! Runs that are killed: what they come to is what runs that were left alone come to.
use crate::Result;
use crate::record::{Evidence, root};
use evidence::kills::{Order, Phase, Toll, Whole};
use serde_json::{Map, Value, json};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// Trainings of some seconds at most, whose every few steps write something.
const ORDERS: [(&str, Order); 3] = [
    (
        "gan",
        Order {
            words: "gan --data ring --set width=16 --seed 1",
            steps: 200,
            checkpoint_every: 10,
            sample_every: 25,
        },
    ),
    (
        "dcgan",
        Order {
            words: "dcgan --data fashion-mnist --set width=4 --batch 8 --seed 2",
            steps: 60,
            checkpoint_every: 5,
            sample_every: 12,
        },
    ),
    (
        "wgan_gp",
        Order {
            words: "wgan_gp --data ring --set width=16 --batch 16 --seed 3",
            steps: 100,
            checkpoint_every: 7,
            sample_every: 20,
        },
    ),
];

/// Moments drawn for each of them; together 210.
const KILLS: usize = 70;
const SEED: u64 = 20_261_122;

pub(crate) fn evidence() -> Result<Evidence> {
    let gany = gany()?;
    let place = root().join("target/evidence/survive");
    fs::create_dir_all(&place)?;
    let mut evidence = Evidence::of_seeds(&[SEED]);
    let mut drawn = Toll::default();
    for (name, order) in ORDERS {
        evidence.settings(name, json!(format!("gany {}", order.line())));
        println!("killing {name} {KILLS} times");
        let toll = Whole::new(&gany, &place, order)?.kill(KILLS, SEED)?;
        evidence.figure(name, told(&toll));
        drawn.add(toll);
    }
    evidence.figure("drawn", told(&drawn));
    let passed = |toll: &Toll| toll.mismatches.is_empty();
    evidence.check(
        "kills at drawn moments",
        "at least 200, no difference",
        outcome(&drawn),
        drawn.kills >= 200 && passed(&drawn),
    );
    let phases = [Phase::Start, Phase::Step, Phase::Sample, Phase::Save, Phase::Report];
    let hit = phases.map(|phase| drawn.phases.get(&phase).copied().unwrap_or(0));
    evidence.check(
        "kills in every phase",
        "start, step, sample, save, report",
        hit.map(|kills| kills.to_string()).join(", "),
        hit.iter().all(|kills| *kills > 0),
    );

    let mut every = Toll::default();
    if Command::new("strace").arg("--version").output().is_ok() {
        let order = Order {
            steps: 12,
            checkpoint_every: 4,
            sample_every: 3,
            ..ORDERS[0].1
        };
        evidence.settings("every call", json!(format!("gany {}", order.line())));
        println!("killing gan before each of its system calls that write");
        every = Whole::new(&gany, &place, order)?.kill_at_every_call()?;
        evidence.figure("every_call", told(&every));
    }
    evidence.check(
        "a kill before every system call that writes",
        "no difference",
        outcome(&every),
        every.kills > 0 && passed(&every),
    );
    evidence.figure = format!(
        "{} kills, {} of them in a row, {} differences",
        drawn.kills + every.kills,
        drawn.in_a_row + every.in_a_row,
        drawn.mismatches.len() + every.mismatches.len()
    );
    Ok(evidence)
}

fn outcome(toll: &Toll) -> String {
    format!("{}, {} differences", toll.kills, toll.mismatches.len())
}

fn told(toll: &Toll) -> Value {
    let phases: Map<String, Value> = toll
        .phases
        .iter()
        .map(|(phase, kills)| (phase.name().to_owned(), json!(kills)))
        .collect();
    json!({
        "kills": toll.kills,
        "of_a_process_that_went_on_after_a_kill": toll.in_a_row,
        "trainings_compared": toll.trainings,
        "by_phase": phases,
        "left_a_half_written_file": toll.half_written,
        "left_a_torn_line": toll.torn_lines,
        "differences": toll.mismatches,
    })
}

/// The command, built as users have it, unless the environment variable `GANY` names one that is built already.
fn gany() -> Result<PathBuf> {
    if let Some(built) = std::env::var_os("GANY") {
        return Ok(fs::canonicalize(built)?);
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--release", "--package", "gany"])
        .current_dir(root())
        .status()?;
    if !built.success() {
        return Err("gany could not be built".into());
    }
    // Both lie in the folder of release builds.
    Ok(std::env::current_exe()?.with_file_name(format!("gany{}", std::env::consts::EXE_SUFFIX)))
}
