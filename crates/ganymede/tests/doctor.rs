//! The doctor at play: looks that change nothing, alarms of trainings that fail on purpose, and cures.
use ganymede::data::Want;
use ganymede::doctor::failures::FAILURES;
use ganymede::doctor::{self, NOT_A_NUMBER};
use ganymede::engine::{DType, Precision, Tensor};
use ganymede::games::{BatchShape, Game, Play, Player, Probe, Specimens, Step, System};
use ganymede::models;
use ganymede::nn::{Init, Parameter, Scope};
use ganymede::optimisers::OptimiserConfig;
use ganymede::run::{Event, Length, Order, TrainError, Training, examine, read_events};
use std::path::Path;
use std::sync::OnceLock;

/// A generator z -> w z that pulls w to the mean of the data; its discriminator says 3 x - 1.
struct Line {
    weight: Parameter,
}

impl System for Line {
    fn game(&self) -> Game {
        Game::step(Player::new("generator", OptimiserConfig::sgd(0.5, 0.0)), 1)
    }

    fn loss(&self, _: &str, s: &Step) -> Tensor {
        (self.weight.get() - s.x().mean().reshape(&[1])).square().sum() * 0.5
    }

    fn judge(&self, x: &Tensor, _: Option<&Tensor>) -> Option<Tensor> {
        Some((x * 3.0 - 1.0).reshape(&[x.extent(0)]))
    }

    fn z_dim(&self) -> usize {
        1
    }

    fn sample(&self, z: &Tensor, _: Option<&Tensor>) -> Tensor {
        z * self.weight.get()
    }
}

#[test]
fn figures_of_a_line_are_those_computed_by_hand() {
    let scope = Scope::new(DType::F32, 0);
    let weight = scope.at("generator").parameter("weight", &[1], Init::Zeros);
    let mut play = Play::new(Box::new(Line { weight }), scope, BatchShape::of(&[2, 1]), 0);
    play.state_mut(0).as_f32_mut()[0] = 4.0;
    // The batch is 1 and 3, of mean 2, with 7 behind it.
    let specimens = Specimens {
        training: vec![1.0, 3.0, 7.0],
        y: vec![0.0; 2],
        extras: vec![],
        count: 2,
        held_out: Some((vec![0.0, 1.0], vec![0.0; 2])),
        has_end: true,
        centres: Some(vec![-100.0, 100.0]),
    };
    let mut probe = Probe::new(&play, &specimens);
    let found = probe.look(&mut play, 0);
    let close = |name: &str, expected: f64| {
        let got = found.figures[name];
        assert!(
            (got - expected).abs() < 1e-5 * expected.abs().max(1.0),
            "{name}: {got}, not {expected}"
        );
    };
    close("gradient.generator", 2.0);
    close("update.generator", 0.5 * 2.0 / 4.0);
    close("judged.real", 3.0 * 2.0 - 1.0);
    close("judged.held_out", 3.0 * 0.5 - 1.0);
    close("overfitting.r_t", 1.0);
    // Two samples, and where they are: their distance from one another, and the judge's mean, tell.
    let typical = (2.0 + 6.0 + 2.0 + 4.0) / 4.0;
    let spread = found.figures["samples.spread"] * typical;
    let mean = (found.figures["judged.fake"] + 1.0) / 3.0;
    let samples = [mean - spread / 2.0, mean + spread / 2.0];
    let to_data = |s: f64| [1.0, 3.0, 7.0].map(|x: f64| (s - x).abs());
    let between: f64 = samples.iter().flat_map(|&s| to_data(s)).sum::<f64>() / 6.0;
    close("samples.distance", (2.0 * between - spread - typical) / typical);
    let nearest = |s: f64| to_data(s).into_iter().fold(f64::INFINITY, f64::min);
    close(
        "samples.nearest",
        (nearest(samples[0]) + nearest(samples[1])) / 2.0 / 2.0,
    );
    let right = samples.iter().filter(|&&s| 3.0 * s - 1.0 <= 0.0).count() as f64 / 2.0;
    close("judged.right", (1.0 + right) / 2.0);
    close("samples.drift", 0.0);
    let modes = if samples[0] * samples[1] < 0.0 { 1.0 } else { 0.5 };
    close("samples.modes", modes);
    assert_eq!(
        found.layers,
        [("gradient.generator".to_owned(), "generator.weight".to_owned(), 2.0)]
    );
    assert_eq!(play.state(0).as_f32(), [4.0], "a look changes nothing");
}

fn order(system: &str, data: &str, changes: &[(&str, &str)], steps: u64) -> Order {
    Order {
        system: system.into(),
        changes: changes
            .iter()
            .map(|(key, value)| ((*key).into(), (*value).into()))
            .collect(),
        data: data.into(),
        want: Want::default(),
        seed: 0,
        precision: Precision::F32,
        length: Length::Steps(steps),
        checkpoint_every: Some(100),
        sample_every: Some(steps),
        eval_every: None,
        command: vec![],
    }
}

const SMALL: &[(&str, &str)] = &[("batch", "16"), ("width", "8"), ("z_dim", "2")];

fn trained(path: &Path, order: Order, change: impl FnOnce(Training) -> Training) -> Result<Training, TrainError> {
    let mut training = change(Training::begin(order, path)?);
    training.run(&OnceLock::new(), &mut |_| {})?;
    Ok(training)
}

fn state(training: &mut Training) -> Vec<Vec<u8>> {
    let play = training.play();
    (0..play.entries().len())
        .map(|position| play.state(position).as_bytes().to_vec())
        .collect()
}

fn events(path: &Path) -> Vec<Event> {
    read_events(&path.join("events.jsonl")).unwrap().events
}

#[test]
fn no_bit_of_a_training_depends_on_looks_or_on_a_forecast() {
    let there = tempfile::tempdir().unwrap();
    for (system, data) in [
        ("gan", "ring"),
        ("wgan_gp", "ring"),
        ("dcgan", "first:20:fashion-mnist-10k"),
    ] {
        let path = |name: &str| there.path().join(format!("{system}-{name}"));
        let order = || order(system, data, SMALL, 30);
        let mut watched = trained(&path("watched"), order(), |training| training).unwrap();
        let mut alone = trained(&path("alone"), order(), |training| training.watched(false)).unwrap();
        let mut foretold = trained(&path("foretold"), order(), |mut training| {
            let forecast = training.forecast().unwrap();
            assert_eq!(forecast.steps, 30);
            assert!(forecast.seconds >= 30.0 * forecast.step_seconds && forecast.disk_bytes > 1_000);
            training
        })
        .unwrap();
        assert!(
            state(&mut watched) == state(&mut alone),
            "{system}: looks leave a trace"
        );
        assert!(
            state(&mut watched) == state(&mut foretold),
            "{system}: a forecast leaves a trace"
        );
        let looks = |name: &str| {
            let is_look = |event: &&Event| matches!(event, Event::Step { scalars, .. } if scalars.contains_key("update.generator"));
            events(&path(name)).iter().filter(is_look).count()
        };
        // After steps 1 and 25.
        assert_eq!((looks("watched"), looks("alone"), looks("foretold")), (2, 0, 2));
    }
}

#[test]
fn what_a_training_raises_its_record_and_its_checkpoints_tell_too() {
    let there = tempfile::tempdir().unwrap();
    let changes = [SMALL, &[("generator.learning_rate", "0.2")]].concat();
    let path = there.path().join("watched");
    trained(&path, order("gan", "ring", &changes, 200), |training| training).unwrap();
    let raised: Vec<String> = events(&path)
        .into_iter()
        .filter_map(|event| match event {
            Event::Alarm { name, settings, .. } => {
                let has_cure = name != "learning-rate" || settings.contains_key("generator.learning_rate");
                assert!(has_cure, "{name}: {settings:?}");
                Some(name)
            }
            _ => None,
        })
        .collect();
    assert!(raised.contains(&"learning-rate".to_owned()), "{raised:?}");
    let mut unique = raised.clone();
    unique.sort();
    unique.dedup();
    assert_eq!(unique.len(), raised.len(), "each is raised once");
    let examination = examine(&path).unwrap();
    assert!(!examination.is_healthy());
    assert_eq!((examination.step, examination.is_of_checkpoints), (200, false));

    let path = there.path().join("alone");
    trained(&path, order("gan", "ring", &changes, 200), |training| {
        training.watched(false)
    })
    .unwrap();
    // Two checkpoints do not tell all that looks do, but that something is wrong.
    let examination = examine(&path).unwrap();
    assert!(examination.is_of_checkpoints && examination.looks == 2 && !examination.is_healthy());
}

#[test]
fn a_run_of_wild_numbers_is_healed_and_can_be_resumed() {
    let there = tempfile::tempdir().unwrap();
    let wild = [
        SMALL,
        &[
            ("generator.learning_rate", "1e25"),
            ("discriminator.learning_rate", "1e-3"),
        ],
    ]
    .concat();
    let path = there.path().join("ended");
    let error = trained(&path, order("gan", "ring", &wild, 40), |training| training)
        .err()
        .unwrap();
    assert!(matches!(error, TrainError::NonFinite { .. }), "{error}");
    let named = |event: &Event| matches!(event, Event::Alarm { name, .. } if name == NOT_A_NUMBER);
    assert!(events(&path).iter().any(named));
    assert!(!examine(&path).unwrap().is_healthy());

    let path = there.path().join("healed");
    let fast = [SMALL, &[("generator.learning_rate", "0.4")]].concat();
    let mut healed = trained(&path, order("gan", "ring", &fast, 150), |training| {
        training.healed(true)
    })
    .unwrap();
    let heals: Vec<Event> = events(&path)
        .into_iter()
        .filter(|event| matches!(event, Event::Healed { .. }))
        .collect();
    let Some(Event::Healed { step, settings, .. }) = heals.first() else {
        panic!("{heals:?}")
    };
    assert_eq!(*step, 0, "there was no checkpoint before the trouble");
    let rate: f64 = settings["generator.learning_rate"].parse().unwrap();
    assert!(rate < 0.4);
    let last = heals.last().unwrap();
    let Event::Healed { settings: last, .. } = last else {
        unreachable!()
    };
    let kept = healed.folder().read_settings().unwrap();
    for (key, value) in last {
        assert_eq!(kept[&format!("settings.{key}")].as_f64(), value.parse().ok(), "{key}");
    }
    // Resuming takes the settings of the cure, and from a healed beginning it is a training like any other.
    let whole = state(&mut healed);
    drop(healed);
    let order = Training::order_of(&path, Some(Length::Steps(160)), vec![]).unwrap();
    let mut resumed = Training::resume(order, &path).unwrap();
    assert!(state(&mut resumed) == whole);
    resumed.run(&OnceLock::new(), &mut |_| {}).unwrap();
    assert_eq!(resumed.step(), 160);
}

#[test]
fn every_alarm_has_a_failure_that_raises_it_and_every_failure_can_be_trained() {
    for alarm in doctor::alarms().iter().map(|alarm| alarm.name).chain([NOT_A_NUMBER]) {
        assert!(
            FAILURES.iter().any(|failure| failure.alarms.contains(&alarm)),
            "{alarm}"
        );
    }
    let mut names: Vec<&str> = FAILURES.iter().map(|failure| failure.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), FAILURES.len());
    for failure in FAILURES {
        let entry = models::find(failure.system).unwrap();
        for is_broken in [true, false] {
            let changes: Vec<(String, String)> = failure
                .changes(is_broken)
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect();
            models::resolve(failure.system, &entry.defaults(), &changes).unwrap();
            ganymede::data::open(failure.data(is_broken), &Want::default()).unwrap();
        }
        assert_ne!(failure.command(true), failure.command(false));
    }
}
