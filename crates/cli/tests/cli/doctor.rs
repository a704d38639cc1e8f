//! Alarms while training, and what `gany doctor` says afterwards.
use crate::place::Place;
use serde_json::Value;

const WILD: &str =
    "train gan --data ring --set width=8 --set z_dim=2 --batch 16 --steps 150 --set generator.learning_rate=0.2";

#[test]
fn an_alarm_is_said_once_with_its_cure_and_told_again() {
    let place = Place::new();
    let ran = place.gany(&format!("{WILD} --out wild"));
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(ran.err.matches("alarm: learning-rate").count(), 1, "{}", ran.err);
    assert!(
        ran.err
            .contains("lower the learning rate of the generator: --set generator.learning_rate=")
    );
    let told = place.does("doctor wild");
    assert!(
        told.contains("learning-rate") && told.contains("looks, the last after step 150"),
        "{told}"
    );
    let json: Value = serde_json::from_str(&place.does("doctor wild --json")).unwrap();
    let raised = json["raised"].as_array().unwrap();
    assert!(raised.iter().any(|alarm| alarm["name"] == "learning-rate"), "{json}");
    assert_eq!(json["looks"], 7);
    assert!(
        String::from_utf8(place.read("wild/report.html"))
            .unwrap()
            .contains("learning-rate:")
    );
}

#[test]
fn without_the_doctor_nothing_is_said_and_checkpoints_are_looked_at() {
    let place = Place::new();
    let ran = place.gany(&format!("{WILD} --no-doctor --out alone"));
    assert!(ran.code == 0 && !ran.err.contains("alarm"), "{}", ran.err);
    let told = place.does("doctor alone");
    assert!(
        told.contains("a look at each of its checkpoints (1), as the run was not watched"),
        "{told}"
    );
}

#[test]
fn failures_are_listed_as_commands() {
    let place = Place::new();
    let listed = place.does("doctor --failures");
    assert!(listed.contains("gany train gan --data ring --steps 2000"), "{listed}");
    let json: Value = serde_json::from_str(&place.does("doctor --failures --json")).unwrap();
    assert!(json.as_array().unwrap().len() >= 14);
}

#[test]
fn a_dry_run_says_what_it_would_take_and_leaves_nothing() {
    let place = Place::new();
    let order = "train gan --data ring --set width=8 --steps 1000 --dry-run";
    let told = place.does(order);
    assert!(
        told.starts_with("forecast: 1,000 steps in ") && told.trim_end().ends_with(" on disk"),
        "{told}"
    );
    let json: Value = serde_json::from_str(&place.does(&format!("{order} --json"))).unwrap();
    assert_eq!(json["steps"], 1000);
    assert!(json["step_seconds"].as_f64() > Some(0.0) && json["disk_bytes"].as_u64() > Some(10_000));
    assert!(!place.path("runs").exists());
}

#[test]
fn a_doctor_needs_a_run() {
    let place = Place::new();
    place.refuses("doctor nowhere", place.gany("sample nowhere").err.trim_end());
}
