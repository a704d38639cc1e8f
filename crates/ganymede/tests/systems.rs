//! What must hold for every registered system: shapes, who is changed by whose move, equal seeds, equal bits.
use ganymede::data::columns::{Column, Columns, Kind};
use ganymede::data::mixture::Mode;
use ganymede::data::tunes::{CHORD, STEPS};
use ganymede::data::{Extra, Field, Shape};
use ganymede::games::{Play, Space, latent_vectors};
use ganymede::models::{self, Built, ConfigError, Entry, Given};

const PICTURE: Shape = Shape::Picture {
    height: 16,
    width: 12,
    channels: 3,
};
const VOLUME: Shape = Shape::Volume {
    depth: 8,
    height: 16,
    width: 8,
    channels: 1,
    is_scan: false,
};
const POINT: Shape = Shape::Point { dimension: 2 };
const SOUND: Shape = Shape::Sound {
    length: 1_024,
    channels: 1,
    rate_hz: 8_000,
};
const ROLL: Shape = Shape::Roll {
    steps: 32,
    pitches: 24,
    lowest: 60,
};
const EVENTS: Shape = Shape::Events { count: 4 };
const MESSAGE: Shape = Shape::Point { dimension: 8 };
const ROW: Shape = Shape::Row { floats: 5 };
const CLASSES: usize = 4;
/// Things that are made of a state.
const COUNT: usize = 3;

/// What the system is built for: examples of this shape and everything else that it needs.
fn given(entry: &Entry, sample: Shape) -> Given {
    let needs = |field| entry.card.needs.contains(&field);
    let (_, tiles) = STRIPS
        .into_iter()
        .find(|(id, _)| *id == entry.card.id)
        .unwrap_or(("", 1));
    let extra = |field| {
        let mut shape = sample.of_batch(1)[1..].to_vec();
        match (field, sample) {
            (Field::Chords, Shape::Roll { steps, .. }) => shape = vec![steps / STEPS, CHORD],
            _ if tiles > 1 => shape[1] *= tiles,
            _ => {}
        }
        Extra { field, shape }
    };
    Given {
        extras: [Field::XB, Field::Chords]
            .into_iter()
            .filter(|field| needs(*field))
            .map(extra)
            .collect(),
        columns: (sample == ROW).then(columns),
        ..Given::of(sample, needs(Field::Y).then_some(CLASSES))
    }
}

/// Systems whose second picture is so many side by side.
const STRIPS: [(&str, usize); 2] = [("talking_head", 3), ("puppetry", 2)];
/// A column of numbers of two modes, and one of two categories.
fn columns() -> Columns {
    let mode = |mean| Mode {
        share: 0.5,
        mean,
        std_dev: 1.0,
    };
    let numeric = Kind::Numeric {
        modes: vec![mode(-5.0), mode(5.0)],
        range: [-8.0, 8.0],
        decimals: Some(2),
    };
    let categorical = Kind::Categorical {
        values: vec!["no".into(), "yes".into()],
        counts: vec![4, 2],
    };
    let column = |name: &str, kind| Column {
        name: name.into(),
        kind,
    };
    Columns {
        rows: 6,
        columns: vec![column("x", numeric), column("y", categorical)],
    }
}

/// Settings of any system at which a step takes milliseconds and a phase two steps.
const SMALL: [(&str, &str); 11] = [
    ("batch", "6"),
    ("width", "8"),
    ("z_dim", "5"),
    ("blocks", "2"),
    ("bottleneck", "7"),
    ("features", "8"),
    ("hidden", "8"),
    ("source_steps", "2"),
    ("mse_steps", "2"),
    ("talk_steps", "2"),
    ("packed", "1"),
];

/// The system with the small settings that it has, and these.
fn built(entry: &Entry, given: &Given, seed: u64, more: &[(&str, &str)]) -> Result<Play, ConfigError> {
    let defaults = entry.defaults();
    let own = SMALL.iter().filter(|(key, _)| defaults.contains_key(*key)).chain(more);
    let changes: Vec<(String, String)> = own.map(|(key, value)| (key.to_string(), value.to_string())).collect();
    let settings = models::resolve(entry.card.id, &defaults, &changes)?;
    let Built { system, scope, batch } = entry.build(&settings, given, seed)?;
    Ok(Play::new(system, scope, given.of_batch(batch), seed))
}

fn fill(to: &mut [f32], part: usize) {
    let value = |i: usize| ((i * 37 + part * 11) % 41) as f32 / 20.0 - 1.0;
    to.iter_mut().enumerate().for_each(|(i, x)| *x = value(i));
}

fn small(entry: &Entry, sample: Shape, seed: u64) -> Result<Play, ConfigError> {
    let given = given(entry, sample);
    let mut play = built(entry, &given, seed, &[])?;
    for part in 0..play.batches() {
        let (x, y) = play.batch_mut(part);
        fill(x, part);
        if sample == ROW {
            // Rows that are none would look alike to a critic.
            let row = |i: usize| columns().encode(i as u64, &[(i * 5) as f64 - 8.0, (i % 2) as f64]);
            x.copy_from_slice(&(0..y.len()).flat_map(row).collect::<Vec<_>>());
        }
        y.iter_mut()
            .enumerate()
            .for_each(|(i, y)| *y = ((i + part) % CLASSES) as f32);
        for extra in 0..given.extras.len() {
            fill(play.extra_mut(part, extra), part + 5 * (extra + 1));
        }
    }
    Ok(play)
}

fn shapes(entry: &Entry) -> Vec<Shape> {
    let all = [PICTURE, POINT, VOLUME, SOUND, ROLL, EVENTS, MESSAGE, ROW];
    all.into_iter().filter(|shape| entry.card.takes.fits(*shape)).collect()
}

fn state(play: &Play) -> Vec<(String, Vec<u8>)> {
    let entries = play.entries().iter().enumerate();
    entries
        .map(|(position, entry)| (entry.name.clone(), play.state(position).as_bytes().to_vec()))
        .collect()
}

/// What the system makes: samples where it makes some, and the values of its functions, with their spaces.
fn made(play: &mut Play, seed: u64) -> Vec<(Space, Vec<f32>)> {
    let z_dim = play.system().z_dim();
    let z = latent_vectors(seed, 0, COUNT, z_dim);
    let mut made = vec![];
    if z_dim > 0 {
        let y = play.system().classes().map(|_| vec![0.0, 1.0, 2.0]);
        made.push((Space::Data(Field::X), play.sample(&z, y.as_deref())));
    }
    for function in play.system().functions() {
        let floats: usize = play.shape_in(&function.takes)[1..].iter().product();
        let mut input = vec![0.0; COUNT * floats];
        fill(&mut input, seed as usize);
        made.push((function.gives.clone(), play.apply(function.name, &input)));
    }
    made
}

fn every_system(check: impl Fn(&Entry, Shape)) {
    for entry in models::registry() {
        shapes(entry).into_iter().for_each(|sample| check(entry, sample));
    }
}

#[test]
fn what_is_made_has_the_shape_that_is_declared_and_pictures_their_range() {
    every_system(|entry, sample| {
        let mut play = small(entry, sample, 0).unwrap();
        play.step(0);
        let made = made(&mut play, 1);
        assert!(!made.is_empty(), "{} makes nothing", entry.card.id);
        for (space, values) in made {
            let floats: usize = play.shape_in(&space)[1..].iter().product();
            assert_eq!(values.len(), COUNT * floats, "{}: {space:?}", entry.card.id);
            if sample == PICTURE && matches!(space, Space::Data(_)) {
                assert!(values.iter().all(|value| value.abs() <= 1.0), "{}", entry.card.id);
            }
        }
    });
}

#[test]
fn every_trainable_parameter_learns_and_every_player_keeps_count() {
    every_system(|entry, sample| {
        let mut play = small(entry, sample, 0).unwrap();
        let before = state(&play);
        // What grows learns a part in each phase.
        let starts: Vec<u64> = play.system().game().starts().collect();
        starts.iter().for_each(|n| play.step(*n));
        let trainable: Vec<String> = play
            .scope()
            .parameters()
            .iter()
            .filter(|p| p.is_trainable())
            .map(|p| p.name().to_owned())
            .collect();
        for ((name, before), (_, after)) in before.iter().zip(state(&play)) {
            // What is added to every score, real or generated, cancels in the gap of a critic, and of a hinge as long as all
            // scores lie within the margin.
            let is_gap = ["hinge", "sngan", "geometric_gan", "talking_head"].contains(&entry.card.id);
            let judge = if is_gap { "discriminator." } else { "critic." };
            let is_last_bias = |name: &&String| name.starts_with(judge) && name.ends_with(".bias");
            let cancels = Some(name) == trainable.iter().rfind(is_last_bias) || is_gap && name.ends_with(".last.bias");
            // So does what is added before the second normalisation of a residual block, as long as it takes means away.
            let cancels = cancels || name.ends_with(".conv_0.bias");
            if trainable.contains(name) && !cancels {
                assert_ne!(before, &after, "{}: {name} did not learn", entry.card.id);
            }
        }
        for turn in play.system().game().moves(starts.len() - 1) {
            let name = format!("optimiser.{}.t", turn.player.name);
            let position = play.entries().iter().position(|entry| entry.name == name).unwrap();
            assert_eq!(
                play.state(position).to_f64(),
                [turn.times as f64],
                "{}: {name}",
                entry.card.id
            );
        }
    });
}

/// With its learning rate at 0 a player stays as it is, whoever else moves.
#[test]
fn a_move_changes_only_its_own_player() {
    every_system(|entry, sample| {
        let given = given(entry, sample);
        for player in built(entry, &given, 0, &[]).unwrap().system().game().players() {
            let player = player.name;
            let mut play = built(entry, &given, 0, &[(&format!("{player}.learning_rate"), "0")]).unwrap();
            let trainable: Vec<String> = play
                .scope()
                .at(player)
                .parameters()
                .iter()
                .filter(|p| p.is_trainable())
                .map(|p| p.name().to_owned())
                .collect();
            let starts: Vec<u64> = play.system().game().starts().collect();
            for first in starts {
                play.go_on_from(first);
                let before = state(&play);
                play.step(first);
                for ((name, before), (_, after)) in before
                    .iter()
                    .zip(state(&play))
                    .filter(|((name, _), _)| trainable.contains(name))
                {
                    // WGAN clips its critic at every move, whatever the learning rate.
                    if entry.card.id != "wgan" || player != "critic" {
                        assert_eq!(
                            before, &after,
                            "{}: {name} moved with a learning rate of 0",
                            entry.card.id
                        );
                    }
                }
            }
        }
    });
}

#[test]
fn equal_seeds_give_equal_bits_and_others_do_not() {
    every_system(|entry, sample| {
        let run = |seed: u64| {
            let mut play = small(entry, sample, seed).unwrap();
            (0..3).for_each(|n| play.step(n));
            (state(&play), made(&mut play, 7))
        };
        assert_eq!(run(5), run(5), "{}", entry.card.id);
        assert_ne!(run(5).0, run(6).0, "{}", entry.card.id);
    });
}

/// A step is a pure function of (state, batch, n): what another play has come to can be gone on with.
#[test]
fn a_state_that_was_carried_over_goes_on_with_the_same_bits() {
    every_system(|entry, sample| {
        let mut straight = small(entry, sample, 3).unwrap();
        (0..4).for_each(|n| straight.step(n));
        let mut first = small(entry, sample, 3).unwrap();
        (0..2).for_each(|n| first.step(n));
        let _ = made(&mut first, 9);
        let mut second = small(entry, sample, 3).unwrap();
        for position in 0..first.entries().len() {
            second
                .state_mut(position)
                .as_bytes_mut()
                .copy_from_slice(first.state(position).as_bytes());
        }
        (2..4).for_each(|n| second.step(n));
        assert_eq!(state(&straight), state(&second), "{}", entry.card.id);
    });
}

#[test]
fn a_number_that_is_not_finite_is_traced_to_its_player() {
    let entry = models::find("gan").unwrap();
    let mut play = small(entry, POINT, 0).unwrap();
    play.batch_mut(0).0[0] = f32::INFINITY;
    let cause = play.step_checked(0).expect("infinity was put in");
    assert_eq!(cause.player, "discriminator");
    assert!(cause.operation.contains("matmul"), "{}", cause.operation);
}

#[test]
fn systems_say_what_they_cannot_be_built_for() {
    let cgan = models::find("cgan").unwrap();
    let settings = cgan.defaults();
    let error = cgan.build(&settings, &Given::of(PICTURE, None), 0).err().unwrap();
    assert_eq!(
        error.to_string(),
        "`cgan` needs labelled data, and these have no labels"
    );
    let dcgan = models::find("dcgan").unwrap();
    let error = dcgan
        .build(&dcgan.defaults(), &Given::of(POINT, None), 0)
        .err()
        .unwrap();
    assert_eq!(error.to_string(), "`dcgan` needs pictures, and these data are points");
    let error = dcgan
        .build(&dcgan.defaults(), &Given::of(VOLUME, None), 0)
        .err()
        .unwrap();
    assert_eq!(error.to_string(), "`dcgan` needs pictures, and these data are volumes");
    let gan3d = models::find("gan3d").unwrap();
    let error = gan3d
        .build(&gan3d.defaults(), &Given::of(PICTURE, None), 0)
        .err()
        .unwrap();
    assert_eq!(error.to_string(), "`gan3d` needs volumes, and these data are pictures");
    let crypto = models::find("crypto").unwrap();
    let error = crypto
        .build(&crypto.defaults(), &Given::of(POINT, None), 0)
        .err()
        .unwrap();
    assert_eq!(
        error.to_string(),
        "`crypto` needs messages of bits, and these data are points"
    );
    let tiny = Shape::Picture {
        height: 4,
        width: 30,
        channels: 1,
    };
    let error = dcgan.build(&dcgan.defaults(), &Given::of(tiny, None), 0).err().unwrap();
    assert_eq!(error.to_string(), "expected pictures of at least 8x8 pixels, got 30x4");
}
