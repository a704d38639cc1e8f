//! A run that is killed again and again is the run that was not; `cargo xtask evidence survive` kills it more often.
#![cfg(unix)]
use crate::place::Place;
use evidence::kills::{Order, Whole};
use std::path::Path;

#[track_caller]
fn killed_is_whole(order: Order, kills: usize) {
    let place = Place::new();
    let gany = Path::new(env!("CARGO_BIN_EXE_gany"));
    let whole = Whole::new(gany, &place.path("."), order).unwrap();
    let toll = whole.kill(kills, 1).unwrap();
    assert_eq!(toll.mismatches, Vec::<String>::new());
    assert_eq!(toll.kills, kills);
}

#[test]
fn of_points() {
    let order = Order {
        words: "gan --data ring --set width=16",
        steps: 120,
        checkpoint_every: 10,
        sample_every: 30,
    };
    killed_is_whole(order, 16);
}

#[test]
fn of_pictures() {
    let order = Order {
        words: "dcgan --size 16 --set width=4 --batch 8",
        steps: 30,
        checkpoint_every: 5,
        sample_every: 10,
    };
    killed_is_whole(order, 6);
}
