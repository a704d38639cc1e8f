//! What a run said, for other programs.
use crate::place::Place;
use ganymede::run::{Event, read_events};
use std::io::{BufRead, BufReader};

const ORDER: &str = "train gan --data ring --set width=8 --batch 8 --steps 30 --sample-every 10 --out run";

#[test]
fn lines_are_the_run_s_own() {
    let place = Place::new();
    place.does(ORDER);
    let lines = place.does("events run");
    assert_eq!(lines.as_bytes(), place.read("run/events.jsonl"));
    place.does("events run -o copy.jsonl");
    assert_eq!(place.read("copy.jsonl"), lines.as_bytes());
    assert_eq!(
        place.does("events run --follow"),
        lines,
        "it is over, so there is nothing to wait for"
    );
}

#[test]
fn a_table_holds_every_scalar() {
    let place = Place::new();
    place.does(ORDER);
    let table = place.does("events run --format csv");
    assert_eq!(place.does("events run --format csv -o run.csv"), "run.csv\n");
    assert_eq!(place.read("run.csv"), table.as_bytes());
    let mut rows = table.lines().map(|row| row.split(',').collect::<Vec<_>>());
    let names = rows.next().unwrap();
    assert_eq!(names[..3], ["step", "seconds", "images"]);
    let events = read_events(&place.path("run/events.jsonl")).unwrap().events;
    for event in events {
        let Event::Step {
            step, images, scalars, ..
        } = event
        else {
            continue;
        };
        let row = rows.next().unwrap();
        assert_eq!((row[0], row[2]), (&*step.to_string(), &*images.to_string()));
        let cells = names[3..].iter().zip(&row[3..]);
        // A figure of the doctor's is there only where it has looked.
        let read: Vec<(String, f64)> = cells
            .filter(|(_, cell)| !cell.is_empty())
            .map(|(name, cell)| ((*name).to_owned(), cell.parse().unwrap()))
            .collect();
        assert_eq!(read, scalars.into_iter().collect::<Vec<_>>());
    }
    assert_eq!(rows.next(), None);
    place.refuses(
        "events run --format csv --follow",
        "error: a table cannot be followed: a step to come may bring a new column\n\n\
         hint: follow as JSON lines or in TensorBoard, or leave out `--follow`",
    );
}

#[test]
fn tensorboard_gets_the_same_file_while_it_trains_and_afterwards() {
    let place = Place::new();
    let mut child = place.start(ORDER);
    while !place.path("run/config.json").exists() {
        std::thread::yield_now();
    }
    place.does("events run --format tensorboard --follow -o board");
    assert!(child.wait().unwrap().success());
    assert_eq!(
        place.does("events run --format tensorboard"),
        "run/events.out.tfevents.ganymede\n"
    );
    let (followed, whole) = ("board/events.out.tfevents.ganymede", "run/events.out.tfevents.ganymede");
    assert!(place.read(followed) == place.read(whole));
}

#[test]
fn a_follower_hears_everything_once() {
    let place = Place::new();
    let mut child = place.start(&format!("{ORDER} --json").replace("--steps 30", "--steps 2000"));
    let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(said.any(|line| line.unwrap().contains("\"event\":\"sample\"")));
    drop(said);
    let heard = place.does("events run --follow");
    assert!(child.wait().unwrap().success());
    assert_eq!(heard.as_bytes(), place.read("run/events.jsonl"));
}

#[test]
fn what_is_no_run() {
    let place = Place::new();
    place.refuses(
        "events runs/none",
        "error: there is no run here: runs/none\n\nhint: `gany train` makes one; check the spelling of the folder",
    );
}
