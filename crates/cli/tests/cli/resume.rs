//! A run that was stopped and resumed is the run that was not.
#![cfg(unix)]
use crate::place::Place;
use ganymede::run::{Event, checkpoint, events, read_events};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::Command;

/// Trains with and without a Ctrl-C after some steps, and compares everything but times.
fn stopped_is_uninterrupted(order: &str, steps: u64, stop_after: u64) {
    let place = Place::new();
    let order = format!("train {order} --steps {steps} --json");
    place.does(&format!("{order} --out whole"));
    let mut child = place.start_heeding_signals(&format!("{order} --out parts"));
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut last = Value::Null;
    let mut is_told = false;
    for line in lines {
        last = serde_json::from_str(&line.unwrap()).unwrap();
        if !is_told && last["step"].as_u64() >= Some(stop_after) {
            is_told = true;
            let told = Command::new("sh")
                .args(["-c", &format!("kill -INT {}", child.id())])
                .status();
            assert!(told.unwrap().success());
        }
    }
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(last["summary"], "stopped");
    let stopped_at = last["step"].as_u64().unwrap();
    assert!((stop_after..steps).contains(&stopped_at), "{stopped_at}");

    place.does("train --resume parts --json");
    are_equal(&place, "whole", "parts");
    for run in ["whole", "parts"] {
        place.does(&format!("sample {run} -n 8 -o {run}.png"));
    }
    assert!(place.read("whole.png") == place.read("parts.png"));
}

/// Compares two runs in their last state, their samples and their events, but for times.
#[track_caller]
pub(crate) fn are_equal(place: &Place, one: &str, other: &str) {
    let last = |run: &str| {
        let name = place.names(&format!("{run}/checkpoints")).pop();
        checkpoint::load(&place.path(&format!("{run}/checkpoints/{}", name.unwrap()))).unwrap()
    };
    let (of_one, of_other) = (last(one), last(other));
    assert_eq!(of_one.step, of_other.step);
    assert!(of_one.tensors == of_other.tensors, "the states differ");
    let samples = place.names(&format!("{one}/samples"));
    assert_eq!(samples, place.names(&format!("{other}/samples")));
    for sample in samples {
        let [of_one, of_other] = [one, other].map(|run| place.read(format!("{run}/samples/{sample}")));
        assert!(of_one == of_other, "{sample} differs");
    }
    let said = |run: &str| events::without_wall_clock(&said(place, run));
    assert_eq!(said(one), said(other));
}

/// The events of a run.
pub(crate) fn said(place: &Place, run: &str) -> Vec<Event> {
    read_events(&place.path(&format!("{run}/events.jsonl"))).unwrap().events
}

#[test]
fn of_points() {
    stopped_is_uninterrupted("gan --data ring --set width=16", 3000, 200);
}

#[test]
fn of_pictures_in_bf16() {
    stopped_is_uninterrupted("dcgan --size 16 --set width=8 --batch 16 --precision bf16", 300, 40);
}

#[test]
fn of_pictures() {
    stopped_is_uninterrupted("dcgan --size 16 --set width=8 --batch 16", 300, 40);
}
