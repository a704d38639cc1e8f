//! Runs through the library's own trainer, in folders under `target/evidence`.
use crate::Result;
use crate::record::root;
use ganymede::data::{Dataset, Want};
use ganymede::engine::Precision;
use ganymede::games::{Play, latent_vectors};
use ganymede::run::{Event, Length, Order, Pictures, Stamp, Training, grid_png, read_events, sampling, scatter_png};
use serde_json::{Map, Value};
use std::fs;
use std::path::Path;
use std::sync::OnceLock;

/// Settings over a system's defaults.
pub(crate) type Changes<'a> = &'a [(&'a str, &'a str)];

/// The seed of latent vectors and real points that no training has seen.
pub(crate) const HELD_OUT_SEED: u64 = 1_000_003;

/// A training of `steps` steps.
pub(crate) fn order(system: &str, data: &str, changes: Changes, seed: u64, steps: u64) -> Order {
    Order {
        system: system.to_owned(),
        changes: changes
            .iter()
            .map(|(key, value)| (key.to_string(), value.to_string()))
            .collect(),
        data: data.to_owned(),
        want: Want::default(),
        seed,
        precision: Precision::F32,
        length: Length::Steps(steps),
        checkpoint_every: Some(steps),
        sample_every: Some((steps / 8).max(1)),
        eval_every: None,
        command: ["cargo", "xtask", "evidence", system].map(String::from).to_vec(),
    }
}

/// Trains to the end in the folder `name`.
pub(crate) fn train(name: &str, order: Order) -> Result<Training> {
    train_in_parts(name, order, &[u64::MAX], &mut |_| Ok(()))
}

/// Trains in the folder `name`, and has a look after each of the steps `stops`, which must be steps that are recorded: all
/// up to 200, then those divisible by 10.
pub(crate) fn train_in_parts(
    name: &str,
    order: Order,
    stops: &[u64],
    look: &mut dyn FnMut(&mut Training) -> Result<()>,
) -> Result<Training> {
    let path = root().join("target/evidence").join(name);
    if path.exists() {
        fs::remove_dir_all(&path)?;
    }
    let Length::Steps(steps) = order.length else {
        return Err("evidence is measured after so many steps".into());
    };
    println!("training {name}: {steps} steps");
    // What the doctor would say is no part of what is measured.
    let mut training = Training::begin(order, &path)?.watched(false);
    let mut seconds = 0.0;
    for &at in stops {
        let stop = OnceLock::new();
        training.run(&stop, &mut |event| {
            if let Event::Step { step, seconds: s, .. } = event {
                seconds = *s;
                if *step >= at {
                    let _ = stop.set("to be measured".to_owned());
                }
            }
        })?;
        look(&mut training)?;
    }
    println!(
        "      {seconds:.1} s, {:.3} ms a step",
        1e3 * seconds / training.step() as f64
    );
    Ok(training)
}

/// The resolved settings of a run, its data and length, to be written down.
pub(crate) fn settings(training: &Training) -> Result<Value> {
    let mut settings: Map<String, Value> = training.folder().read_settings()?.into_iter().collect();
    // They are the same, or nothing, or none of the system's.
    settings.retain(|key, _| !["seed", "checkpoint_every", "sample_every", "data.want"].contains(&key.as_str()));
    settings.insert("steps".into(), training.step().into());
    if let Some(data) = settings.get("data").and_then(Value::as_str) {
        // Where the workspace lies is nobody's business.
        let data = data.replace(&format!("{}/", root().display()), "");
        settings.insert("data".into(), data.into());
    }
    Ok(settings.into())
}

/// A recorded scalar by its name: pairs of step and value.
pub(crate) fn curve(training: &Training, name: &str) -> Result<Vec<(u64, f64)>> {
    let events = read_events(&training.folder().events_file())?.events;
    let value = |event: &Event| match event {
        Event::Step { step, scalars, .. } => scalars.get(name).map(|value| (*step, *value)),
        _ => None,
    };
    Ok(events.iter().filter_map(value).collect())
}

/// Seconds of training, without samples and checkpoints.
pub(crate) fn seconds(training: &Training) -> Result<f64> {
    let events = read_events(&training.folder().events_file())?.events;
    let last = events.iter().rev().find_map(|event| match event {
        Event::Step { seconds, .. } => Some(*seconds),
        _ => None,
    });
    last.ok_or_else(|| "a training without a step".into())
}

/// The mean of a recorded scalar over the last tenth of the run.
pub(crate) fn at_the_end(training: &Training, name: &str) -> Result<f64> {
    let from = training.step() - training.step() / 10;
    let late: Vec<f64> = curve(training, name)?
        .into_iter()
        .filter(|(step, _)| *step > from)
        .map(|(_, v)| v)
        .collect();
    Ok(late.iter().sum::<f64>() / late.len() as f64)
}

/// Samples at a time, whatever number is asked for.
const BATCH: usize = 100;

/// Samples for held-out latent vectors, of all classes in turn where the system is conditional.
pub(crate) fn samples(play: &mut Play, count: usize) -> Vec<f32> {
    let z = latent_vectors(HELD_OUT_SEED, 0, count, play.system().z_dim());
    samples_at(play, &z)
}

/// Samples for latent vectors, of all classes in turn where the system is conditional.
pub(crate) fn samples_at(play: &mut Play, z: &[f32]) -> Vec<f32> {
    let (z_dim, classes) = (play.system().z_dim(), play.system().classes());
    let mut x = vec![];
    for (batch, z) in z.chunks(BATCH * z_dim).enumerate() {
        let y: Option<Vec<f32>> =
            classes.map(|classes| (0..BATCH).map(|i| ((batch * BATCH + i) % classes) as f32).collect());
        // Always whole batches, so that one program samples them all.
        let mut whole = z.to_vec();
        whole.resize(BATCH * z_dim, 0.0);
        let made = play.sample(&whole, y.as_deref());
        x.extend_from_slice(&made[..made.len() / BATCH * (z.len() / z_dim)]);
    }
    x
}

/// Real points that no training has seen.
pub(crate) fn held_out_points(data: &dyn Dataset, count: usize) -> Result<Vec<f32>> {
    let mut x = vec![0.0; count * data.shape().floats()];
    data.batch(HELD_OUT_SEED, 0, count, &mut x, &mut [])?;
    Ok(x)
}

/// Coordinates of points of the plane.
pub(crate) fn pairs(values: &[f32]) -> Vec<[f32; 2]> {
    sampling::points(values, 2)
}

/// Plots samples over held-out points.
pub(crate) fn scatter(training: &mut Training, path: &Path) -> Result<()> {
    let stamp = stamp(training);
    let real = held_out_points(training.data(), 1000)?;
    let generated = samples(training.play(), 1000);
    let placed = |values: &[f32]| match training.data().columns() {
        Some(columns) => columns.plane(values),
        None => pairs(values),
    };
    Ok(scatter_png(&placed(&real), &placed(&generated), &stamp, path)?)
}

/// Writes pictures as a grid.
pub(crate) fn grid(training: &Training, values: &[f32], columns: usize, path: &Path) -> Result<()> {
    grid_of(training, values, columns, 1, path)
}

/// Writes pictures as a grid, each as wide as `strip` of the data's.
pub(crate) fn grid_of(training: &Training, values: &[f32], columns: usize, strip: usize, path: &Path) -> Result<()> {
    let shape = training.data().shape();
    let Some([height, width, channels]) = shape.picture() else {
        return Err("points make no grid of pictures".into());
    };
    let width = strip * width;
    let values = shape.drawn(values);
    let pictures = Pictures {
        values: &values,
        count: values.len() / (height * width * channels),
        height,
        width,
        channels,
    };
    Ok(grid_png(&pictures, columns, &stamp(training), path)?)
}

fn stamp(training: &Training) -> Stamp {
    let settings = training.folder().read_settings().unwrap_or_default();
    Stamp {
        system: training.entry().card.id.to_owned(),
        seed: settings.get("seed").and_then(Value::as_u64).unwrap_or(0),
        step: training.step(),
    }
}

/// What a function of the system makes of things, a batch at a time.
pub(crate) fn applied(play: &mut Play, function: &str, things: &[f32], floats: usize) -> Vec<f32> {
    let mut made = vec![];
    for batch in things.chunks(BATCH * floats) {
        // Always whole batches, so that one program makes them all.
        let mut whole = batch.to_vec();
        whole.resize(BATCH * floats, 0.0);
        let all = play.apply(function, &whole);
        made.extend_from_slice(&all[..all.len() / BATCH * (batch.len() / floats)]);
    }
    made
}
