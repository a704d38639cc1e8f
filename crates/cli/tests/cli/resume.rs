//! A run that was stopped and resumed is the run that was not.
#![cfg(unix)]
use crate::place::Place;
use ganymede::run::{Checkpoint, checkpoint, events, read_events};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::Command;

fn saved(place: &Place, file: &str) -> Checkpoint<'static> {
    checkpoint::load(&place.path(file)).unwrap()
}

/// Trains with and without a Ctrl-C after some steps, and compares everything but times.
fn stopped_is_uninterrupted(order: &str, steps: u64, stop_after: u64) {
    let place = Place::new();
    let order = format!("train {order} --steps {steps} --json");
    place.does(&format!("{order} --out whole"));
    let mut child = place.start(&format!("{order} --out parts"));
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
    let end = format!("checkpoints/step-{steps:07}.safetensors");
    let (whole, parts) = (
        saved(&place, &format!("whole/{end}")),
        saved(&place, &format!("parts/{end}")),
    );
    assert_eq!(whole.step, parts.step);
    assert!(whole.tensors == parts.tensors, "the states differ");
    assert_eq!(place.names("whole/samples"), place.names("parts/samples"));
    for sample in place.names("whole/samples") {
        let [one, other] = ["whole", "parts"].map(|run| place.read(format!("{run}/samples/{sample}")));
        assert!(one == other, "{sample} differs");
    }
    let said = |run: &str| {
        let log = read_events(&place.path(&format!("{run}/events.jsonl"))).unwrap();
        events::without_wall_clock(&log.events)
    };
    assert_eq!(said("whole"), said("parts"));
    for run in ["whole", "parts"] {
        place.does(&format!("sample {run} -n 8 -o {run}.png"));
    }
    assert!(place.read("whole.png") == place.read("parts.png"));
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
