//! What must hold for every registered system: shapes, who is changed by whose move, equal seeds, equal bits.
use ganymede::data::{Field, Shape};
use ganymede::games::{Play, latent_vectors};
use ganymede::models::{self, Built, ConfigError, Entry, Given};

const PICTURE: Shape = Shape::Picture {
    height: 16,
    width: 12,
    channels: 3,
};
const POINT: Shape = Shape::Point { dimension: 2 };
const CLASSES: usize = 4;

/// The system at a size at which a step takes milliseconds.
fn small(entry: &Entry, sample: Shape, seed: u64) -> Result<Play, ConfigError> {
    let changes =
        [("batch", "6"), ("width", "8"), ("z_dim", "5")].map(|(key, value)| (key.to_owned(), value.to_owned()));
    let settings = models::resolve(entry.card.id, &entry.defaults(), &changes)?;
    let classes = entry.card.needs.contains(&Field::Y).then_some(CLASSES);
    let given = Given::of(sample, classes);
    let Built { system, scope, batch } = entry.build(&settings, &given, seed)?;
    let mut play = Play::new(system, scope, given.of_batch(batch), seed);
    for part in 0..play.batches() {
        let (x, y) = play.batch_mut(part);
        x.iter_mut()
            .enumerate()
            .for_each(|(i, x)| *x = ((i * 37 + part * 11) % 41) as f32 / 20.0 - 1.0);
        y.iter_mut()
            .enumerate()
            .for_each(|(i, y)| *y = ((i + part) % CLASSES) as f32);
    }
    Ok(play)
}

fn shapes(entry: &Entry) -> Vec<Shape> {
    if entry.card.takes_points {
        vec![PICTURE, POINT]
    } else {
        vec![PICTURE]
    }
}

fn state(play: &Play) -> Vec<(String, Vec<u8>)> {
    let entries = play.entries().iter().enumerate();
    entries
        .map(|(position, entry)| (entry.name.clone(), play.state(position).as_bytes().to_vec()))
        .collect()
}

fn samples(play: &mut Play, seed: u64) -> Vec<f32> {
    let z = latent_vectors(seed, 0, 3, play.system().z_dim());
    let y = play.system().classes().map(|_| vec![0.0, 1.0, 2.0]);
    play.sample(&z, y.as_deref())
}

fn every_system(check: impl Fn(&Entry, Shape)) {
    for entry in models::registry() {
        shapes(entry).into_iter().for_each(|sample| check(entry, sample));
    }
}

#[test]
fn samples_have_the_shape_of_the_data_and_pictures_their_range() {
    every_system(|entry, sample| {
        let mut play = small(entry, sample, 0).unwrap();
        play.step(0);
        let values = samples(&mut play, 1);
        assert_eq!(values.len(), 3 * sample.floats(), "{}", entry.card.id);
        if sample == PICTURE {
            assert!(values.iter().all(|value| value.abs() <= 1.0), "{}", entry.card.id);
        }
    });
}

#[test]
fn every_trainable_parameter_learns_and_every_player_keeps_count() {
    every_system(|entry, sample| {
        let mut play = small(entry, sample, 0).unwrap();
        let before = state(&play);
        play.step(0);
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
            let is_gap = ["hinge", "sngan", "geometric_gan"].contains(&entry.card.id);
            let judge = if is_gap { "discriminator." } else { "critic." };
            let is_last_bias = |name: &&String| name.starts_with(judge) && name.ends_with(".bias");
            let cancels = Some(name) == trainable.iter().rfind(is_last_bias);
            if trainable.contains(name) && !cancels {
                assert_ne!(before, &after, "{}: {name} did not learn", entry.card.id);
            }
        }
        for turn in play.system().game().moves(0) {
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
        let still = |player: &str| {
            let key = format!("{player}.learning_rate");
            let changes: Vec<(String, String)> = [("batch", "6"), ("width", "8"), ("z_dim", "5"), (key.as_str(), "0")]
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .to_vec();
            models::resolve(entry.card.id, &entry.defaults(), &changes).unwrap()
        };
        let players: Vec<&'static str> = small(entry, sample, 0)
            .unwrap()
            .system()
            .game()
            .players()
            .iter()
            .map(|p| p.name)
            .collect();
        for player in &players {
            let classes = entry.card.needs.contains(&Field::Y).then_some(CLASSES);
            let given = Given::of(sample, classes);
            let Built { system, scope, batch } = entry.build(&still(player), &given, 0).unwrap();
            let mut play = Play::new(system, scope, given.of_batch(batch), 0);
            let trainable: Vec<String> = play
                .scope()
                .parameters()
                .iter()
                .filter(|p| p.is_trainable())
                .map(|p| p.name().to_owned())
                .collect();
            let before = state(&play);
            play.step(0);
            for ((name, before), (_, after)) in before
                .iter()
                .zip(state(&play))
                .filter(|((name, _), _)| trainable.contains(name))
            {
                // WGAN clips its critic at every move, whatever the learning rate.
                let is_clipped = entry.card.id == "wgan" && name.starts_with("critic.");
                if name.starts_with(&format!("{player}.")) && !is_clipped {
                    assert_eq!(
                        before, &after,
                        "{}: {name} moved with a learning rate of 0",
                        entry.card.id
                    );
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
            (state(&play), samples(&mut play, 7))
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
        let _ = samples(&mut first, 9);
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
    let tiny = Shape::Picture {
        height: 4,
        width: 30,
        channels: 1,
    };
    let error = dcgan.build(&dcgan.defaults(), &Given::of(tiny, None), 0).err().unwrap();
    assert_eq!(error.to_string(), "expected pictures of at least 8x8 pixels, got 30x4");
}
