//! `forecast`: what is said before a training, against what it took, each in a process of its own.
use crate::Result;
use crate::record::{Evidence, root};
use crate::training::{Changes, order};
use ganymede::run::Training;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Instant;

/// The word that asks this program to do one training and tell.
pub(crate) const CHILD: &str = "forecast-one";

/// System, data, settings and steps.
const TRAININGS: [(&str, &str, Changes, u64); 6] = [
    ("dcgan", "fashion-mnist-10k", &[("width", "32")], 500),
    ("cgan", "fashion-mnist-10k", &[("width", "32")], 300),
    ("gan", "fashion-mnist-10k", &[], 800),
    (
        "gan",
        "ring",
        &[("z_dim", "2"), ("width", "128"), ("batch", "256")],
        6_000,
    ),
    (
        "wgan",
        "ring",
        &[("z_dim", "2"), ("width", "128"), ("batch", "256")],
        2_000,
    ),
    ("wgan_gp", "fashion-mnist-10k", &[("width", "16")], 150),
];

pub(crate) fn evidence() -> Result<Evidence> {
    let mut evidence = Evidence::of_seeds(&[0]);
    let mut worst = [0.0_f64; 3];
    let mut rows = vec![];
    for index in 0..TRAININGS.len() {
        let output = Command::new(std::env::current_exe()?)
            .args([CHILD, &index.to_string()])
            .output()?;
        let text = String::from_utf8(output.stdout)?;
        let row: Value = serde_json::from_str(text.lines().last().unwrap_or_default())?;
        for (worst, name) in worst.iter_mut().zip(["seconds", "memory", "disk"]) {
            let off = row[name]["off"].as_f64().unwrap_or(f64::INFINITY);
            *worst = worst.max(off.abs());
        }
        println!("      {row}");
        rows.push(row);
    }
    evidence.figure("trainings", rows);
    let [seconds, memory, disk] = worst.map(|off| format!("{:.0} %", 100.0 * off));
    for (name, off, text) in [
        ("time, worst of the trainings", worst[0], &seconds),
        ("memory, worst of the trainings", worst[1], &memory),
        ("disk, worst of the trainings", worst[2], &disk),
    ] {
        evidence.check(name, "within 15 %", text.clone(), off <= 0.15);
    }
    evidence.figure = format!("off by {seconds} of the time, {memory} of the memory, {disk} of the disk at worst");
    Ok(evidence)
}

/// Forecasts and does the training of this number, and prints both as a line of JSON.
pub(crate) fn child(index: usize) -> Result<()> {
    let (system, data, changes, steps) = TRAININGS[index];
    let path = root()
        .join("target/evidence/forecast")
        .join(format!("{index}-{system}"));
    if path.exists() {
        fs::remove_dir_all(&path)?;
    }
    let mut order = order(system, data, changes, 0, steps);
    // As they are by themselves.
    (order.checkpoint_every, order.sample_every) = (None, None);
    let mut training = Training::begin(order, &path)?;
    let forecast = training.forecast()?;
    let start = Instant::now();
    training.run(&OnceLock::new(), &mut |_| {})?;
    let seconds = start.elapsed().as_secs_f64();
    let compared =
        |forecast: f64, took: f64| json!({"forecast": forecast, "took": took, "off": (forecast / took - 1.0)});
    let row = json!({
        "system": system, "data": data, "settings": changes.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>(),
        "steps": steps,
        "seconds": compared(forecast.seconds, seconds),
        "memory": compared(forecast.memory_bytes.unwrap_or(0) as f64, most_resident()? as f64),
        "disk": compared(forecast.disk_bytes as f64, size(&path)? as f64),
    });
    println!("{row}");
    Ok(())
}

/// Bytes of memory that this process has held at most.
fn most_resident() -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .ok_or("no peak of memory")?;
    let kibibytes: u64 = line.split_whitespace().nth(1).ok_or("no number")?.parse()?;
    Ok(kibibytes * 1024)
}

/// Bytes of all files under a folder.
fn size(path: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(path)? {
        let (entry, path) = entry.map(|entry| (entry.metadata(), entry.path()))?;
        bytes += if path.is_dir() { size(&path)? } else { entry?.len() };
    }
    Ok(bytes)
}
