//! Figures: that they carry their protocol, come back the same, and are found again by a resumed run.
use crate::place::Place;
use ganymede::run::{RunFigures, checkpoint, events, read_events};
use serde_json::Value;

fn figures(place: &Place, run: &str) -> RunFigures {
    serde_json::from_slice(&place.read(format!("{run}/eval.json"))).unwrap()
}

#[test]
fn a_run_of_points_is_measured_the_same_every_time() {
    let place = Place::new();
    place.does("train gan --data ring --steps 300 --out ring --json");
    let page = place.does("eval ring -n 500");
    for name in [
        "w1",
        "modes",
        "high-quality",
        "precision",
        "coverage",
        "two-sample",
        "bins",
        "nearest",
    ] {
        assert!(page.contains(&format!("\n  {name} ")), "{name}\n{page}");
    }
    assert!(
        page.contains("gan, step 300: 500 samples against 500 of ring"),
        "{page}"
    );
    let first = figures(&place, "ring");
    place.does("eval ring -n 500");
    assert_eq!(figures(&place, "ring").evaluation, first.evaluation);
    let figure = &first.evaluation.figures[0];
    assert_eq!((figure.metric.as_str(), figure.protocol.samples), ("w1", 500));
    let printed: Value = serde_json::from_str(&place.does("eval ring -n 500 --metrics w1 --json")).unwrap();
    assert_eq!(printed["figures"][0]["protocol"]["reference"]["data"], "ring");
    assert_eq!(printed["figures"].as_array().unwrap().len(), 1);
}

#[test]
fn two_runs_are_compared_if_they_were_measured_alike() {
    let place = Place::new();
    place.does("train gan --data ring --steps 20 --out short --json");
    place.does("train gan --data ring --steps 600 --out long --json");
    let table = place.does("eval short long --metrics precision-recall,w1 -n 300");
    let line = table.lines().find(|line| line.trim_start().starts_with("w1")).unwrap();
    // No interval is known of w1, so nothing is claimed.
    assert!(line.trim_end().ends_with('-'), "{table}");
    place.does("eval short --metrics w1 -n 200");
    let ran = place.gany("eval short long --stored");
    assert_eq!(ran.code, 2);
    assert_eq!(
        ran.err,
        "error: figures of unlike protocol cannot be compared: w1: parameters.points: 200 and 300; \
         reference.count: 200 and 300; samples: 200 and 300\n\n\
         hint: measure both in the same way, as in `gany eval A B -n 5000 --against DATA`\n"
    );
}

#[test]
fn pictures_without_classes_are_measured_without_a_network() {
    let place = Place::new();
    place.pictures("photos", 40, 16);
    place.does("train dcgan --data photos --set width=8 --batch 8 --steps 2 --out run --json");
    let page = place.does("eval run -n 20");
    for name in ["swd.16x16", "ms-ssim", "spectrum"] {
        assert!(page.contains(name), "{name}\n{page}");
    }
    let asked = place.does("eval run -n 20 --metrics fd,spectrum");
    assert!(
        asked.contains("warning: fd was not measured: it needs a feature network"),
        "{asked}"
    );
    // What was taken of the real pictures is kept.
    assert_eq!(place.names("cache/statistics").len(), 2);
}

#[test]
fn messages() {
    let place = Place::new();
    place.refuses(
        "eval nowhere",
        "error: there is no run here: nowhere\n\nhint: `gany train` makes one; check the spelling of the folder",
    );
    place.does("train gan --data ring --steps 2 --out ring --json");
    let ran = place.gany("eval ring --metrics presicion-recall");
    assert!(
        ran.err
            .starts_with("error: unknown metric `presicion-recall`: expected some of w1, modes, fd, ")
    );
    assert!(
        ran.err.ends_with("\n\nhint: did you mean `precision-recall`?\n"),
        "{}",
        ran.err
    );
    place.refuses(
        "eval ring ring --stored",
        "error: the run was not measured yet: ring\n\nhint: measure it: `gany eval ring`",
    );
    place.pictures("photos", 20, 16);
    place.does("train dcgan --data photos --set width=8 --batch 8 --steps 2 --out run --json");
    let unknown = place.gany("eval run --features vgg").err;
    assert!(
        unknown.starts_with("error: unknown feature network `vgg`: expected one of effnet-lite0, "),
        "{unknown}"
    );
    let hint = "hint: `clf` is the classifier of the data's own classes, and `none` takes no features\n";
    assert!(unknown.ends_with(hint), "{unknown}");
    let needs_classes = place.gany("eval run --features clf").err;
    assert!(
        needs_classes.starts_with("error: a classifier needs labelled pictures: "),
        "{needs_classes}"
    );
    assert!(place.does("eval --list").contains("kid"));
}

#[test]
fn the_best_state_is_found_again_by_a_resumed_run() {
    let place = Place::new();
    let order = "--sample-every 10 --checkpoint-every 10 --eval-every 20 --json";
    place.does(&format!("train gan --data ring --steps 90 --out whole {order}"));
    place.does(&format!("train gan --data ring --steps 50 --out parts {order}"));
    let said = |run: &str| {
        let log = read_events(&place.path(&format!("{run}/events.jsonl"))).unwrap();
        // They began with another length in mind.
        events::without_wall_clock(&log.events)[1..].to_vec()
    };
    place.does("train --resume parts --steps 90 --json");
    assert_eq!(said("whole"), said("parts"));
    let best = |run: &str| checkpoint::load(&place.path(&format!("{run}/checkpoints/best.safetensors"))).unwrap();
    let (whole, parts) = (best("whole"), best("parts"));
    assert_eq!(whole.step, parts.step);
    assert!(whole.tensors == parts.tensors, "the best states differ");
    place.does("eval whole --checkpoint best -n 100");
    assert_eq!(figures(&place, "whole").step, whole.step);
}

/// The commands of a guide, in its order, in one folder.
fn commands(guide: &str) -> Vec<&str> {
    let fences = guide
        .split("```")
        .skip(1)
        .step_by(2)
        .filter_map(|fence| fence.strip_prefix("sh\n"));
    fences
        .flat_map(str::lines)
        .filter_map(|line| line.strip_prefix("gany "))
        .collect()
}

#[test]
fn the_commands_of_the_guide_work() {
    let guide = include_str!("../../../../docs/guides/is-my-gan-any-good.md");
    let place = Place::new();
    let commands = commands(guide);
    assert!(commands.len() >= 6, "{commands:?}");
    for command in commands {
        place.does(command);
    }
}
