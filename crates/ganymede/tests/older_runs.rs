//! Runs of earlier versions can be read and go on for ever. `fixtures/run-v1` is one of version 0.1.0, kept as it was made:
//! `gany train gan --data ring --set width=16 --batch 16 --steps 40 --checkpoint-every 20 --sample-every 40`, then
//! `gany sample run-v1 -n 4 -o samples-v1`.
use ganymede::run::checkpoint::{self, FORMAT_VERSION};
use ganymede::run::{Ending, Event, Length, RunFolder, Sampler, Training, read_events};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// A copy of the run that may be written.
fn run() -> (tempfile::TempDir, PathBuf) {
    let there = tempfile::tempdir().unwrap();
    let run = there.path().join("run");
    for inside in ["", "checkpoints", "samples"] {
        fs::create_dir(run.join(inside)).unwrap();
        for entry in fs::read_dir(fixtures().join("run-v1").join(inside)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                fs::copy(&path, run.join(inside).join(path.file_name().unwrap())).unwrap();
            }
        }
    }
    (there, run)
}

fn events(run: &Path) -> Vec<Event> {
    read_events(&run.join("events.jsonl")).unwrap().events
}

fn go_on(run: &Path, steps: u64) -> Training {
    let order = Training::order_of(run, Some(Length::Steps(steps)), vec![]).unwrap();
    let mut training = Training::resume(order, run).unwrap();
    assert_eq!(training.run(&OnceLock::new(), &mut |_| {}).unwrap(), Ending::Finished);
    training
}

#[test]
fn a_checkpoint_of_the_first_version_loads() {
    let folder = RunFolder::open(fixtures().join("run-v1")).unwrap();
    let saved = checkpoint::load_latest(&folder).unwrap();
    assert_eq!((saved.format_version, saved.step), (FORMAT_VERSION, 40));
    assert_eq!(saved.meta["examples"], 640);
}

#[test]
fn it_makes_the_samples_that_it_made() {
    let mut sampler = Sampler::open(&fixtures().join("run-v1")).unwrap();
    let points = fs::read_to_string(fixtures().join("samples-v1/points.csv")).unwrap();
    let expected: Vec<f32> = points
        .lines()
        .skip(1)
        .flat_map(|line| line.split(','))
        .map(|x| x.parse().unwrap())
        .collect();
    assert_eq!(expected.len(), 8);
    for (got, expected) in sampler.samples(0, 0, 4, None).iter().zip(&expected) {
        // Other instruction sets add in another order.
        assert!(
            (got - expected).abs() <= 1e-5 * expected.abs().max(1.0),
            "{got} is not {expected}"
        );
    }
}

#[test]
fn it_goes_on_where_it_was() {
    let (_there, run) = run();
    let before = events(&run);
    let training = go_on(&run, 60);
    // Settings that this version has added.
    let added = note_of(&["settings.average_decay = 0.0", "settings.initial_gain = 1.0"]);
    assert_eq!(training.notes(), [added]);
    let said = events(&run);
    // All but that it was finished stays said.
    assert_eq!(said[..before.len() - 1], before[..before.len() - 1]);
    assert!(matches!(said[before.len() - 1], Event::Resumed { step: 40, .. }));
    assert_eq!(said.last(), Some(&Event::Finished { step: 60 }));
    assert!(checkpoint::load(&training.folder().checkpoint_file(60)).is_ok());
}

/// What is said where settings were added.
fn note_of(added: &[&str]) -> String {
    let added = added.join(", ");
    format!("This version has settings that the run began without; it goes on with their defaults: {added}.")
}

/// Takes a setting away, as if the run's version had not known it yet.
fn without_setting(run: &Path, key: &str) -> Value {
    let path = run.join("config.json");
    let mut settings: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let value = settings.as_object_mut().unwrap().remove(key).unwrap();
    fs::write(&path, settings.to_string()).unwrap();
    value
}

#[test]
fn settings_that_a_later_version_adds_are_at_their_defaults_and_said() {
    let (_there, run) = run();
    let default = without_setting(&run, "settings.z_dim");
    without_setting(&run, "precision");
    let training = go_on(&run, 60);
    let note = note_of(&[
        "precision = \"f32\"",
        "settings.average_decay = 0.0",
        "settings.initial_gain = 1.0",
        &format!("settings.z_dim = {default}"),
    ]);
    assert_eq!(training.notes(), std::slice::from_ref(&note));
    let warning = Event::Warning {
        step: 40,
        message: note,
    };
    assert_eq!(events(&run).iter().filter(|event| **event == warning).count(), 1);
    let settings = training.folder().read_settings().unwrap();
    assert_eq!(
        (&settings["settings.z_dim"], &settings["precision"]),
        (&default, &json!("f32"))
    );
    drop(training);
    // Now it has them, and nothing is said any more.
    assert_eq!(go_on(&run, 80).notes(), [] as [&str; 0]);
}

#[test]
fn a_setting_that_is_missing_is_no_licence_to_change_it() {
    let (_there, run) = run();
    let default = without_setting(&run, "settings.generator.learning_rate");
    let mut order = Training::order_of(&run, Some(Length::Steps(60)), vec![]).unwrap();
    order.changes.push(("generator.learning_rate".into(), "0.5".into()));
    let refused = Training::resume(order, &run).err().unwrap().to_string();
    assert!(
        refused.contains(&format!(
            "got 1 changed: settings.generator.learning_rate: {default} -> 0.5: "
        )),
        "{refused}"
    );
}

#[test]
fn settings_that_are_no_run_s_are_named() {
    let (_there, run) = run();
    without_setting(&run, "system");
    let refused = Training::order_of(&run, None, vec![]).unwrap_err();
    let expected =
        "expected the settings of a run, got something else (`system`: invalid type: null, expected a string): ";
    assert!(refused.to_string().starts_with(expected), "{refused}");
    assert!(
        refused
            .hint()
            .unwrap()
            .starts_with("the file was changed by hand or written by a newer version")
    );
}
