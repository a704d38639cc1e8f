//! What asks a training to stop, and what the run says of it.
#![cfg(unix)]
use crate::place::Place;
use crate::resume::said;
use ganymede::run::Event;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command};

/// Far too long to end by itself.
const LONG: &str =
    "train gan --data ring --set width=8 --batch 8 --steps 1000000000 --checkpoint-every 1000 --out run --json";

fn send(signal: &str, to: &Child) {
    let told = Command::new("sh")
        .args(["-c", &format!("kill -{signal} {}", to.id())])
        .status();
    assert!(told.unwrap().success());
}

/// Starts a long training, sends it a signal once it trains, and waits for its end.
#[track_caller]
fn stopped_by(signal: &str, code: i32, reason: &str) {
    let place = Place::new();
    let mut child = place.start_heeding_signals(LONG);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("\"step\":5,")));
    send(signal, &child);
    assert!(lines.last().unwrap().unwrap().contains("\"summary\":\"stopped\""));
    assert_eq!(child.wait().unwrap().code(), Some(code));
    let end = said(&place, "run").pop();
    assert!(
        matches!(&end, Some(Event::Stopped { reason: said, .. }) if said == reason),
        "{end:?}"
    );
    let report = String::from_utf8(place.read("run/report.html")).unwrap();
    assert!(report.contains(&format!(": {reason}</p>")));
}

#[test]
fn ctrl_c() {
    stopped_by("INT", 130, "Ctrl-C");
}

#[test]
fn a_scheduler() {
    stopped_by("TERM", 143, "asked to end (SIGTERM)");
}

#[test]
fn a_terminal_that_is_closed() {
    stopped_by("HUP", 129, "its terminal was closed (SIGHUP)");
}

#[cfg(target_os = "linux")]
#[test]
fn nohup_is_heeded() {
    let place = Place::new();
    let mut child = place.start_in("trap '' HUP; exec \"$0\" \"$@\"", LONG);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut trains = |after: u64| {
        let step = |line: &str| serde_json::from_str::<Event>(line).map_or(0, |event| event.step());
        assert!(lines.any(|line| step(&line.unwrap()) > after));
    };
    trains(5);
    send("HUP", &child);
    // Where it were heeded the training would end within a step.
    trains(3000);
    send("TERM", &child);
    drop(lines);
    assert_eq!(child.wait().unwrap().code(), Some(143));
    let end = said(&place, "run").pop();
    assert!(matches!(&end, Some(Event::Stopped { reason, .. }) if reason == "asked to end (SIGTERM)"));
}

#[test]
fn the_second_time_it_ends_at_once_and_goes_on_from_what_was_saved() {
    let place = Place::new();
    let mut child = place.start_heeding_signals(LONG);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("\"event\":\"checkpoint\"")));
    send("INT", &child);
    send("INT", &child);
    drop(lines);
    let mut told = String::new();
    child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    place.does("train --resume run --steps 1000");
}

#[test]
fn the_end_of_the_time_is_an_end_and_no_stop() {
    let place = Place::new();
    place.does("train gan --data ring --set width=8 --batch 8 --minutes 0.002 --out run");
    assert!(matches!(said(&place, "run").pop(), Some(Event::Finished { .. })));
}
