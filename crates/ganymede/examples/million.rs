//! Streams a set far larger than memory: `million FOLDER [PICTURES] [SECONDS]`.
//!
//! Makes PNG files of 32x32 pixels in TAR shards (once; they are left there), opens them twice, draws batches of 64 for so many
//! seconds beside a thread that trains nothing, and prints memory and speed as JSON, a line a measurement.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use ganymede::data::{Batch, Prefetcher, Want, open};
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};
use rayon::prelude::*;

const SIDE: u32 = 32;
const PICTURES_A_SHARD: u64 = 10_000;
const BATCH: usize = 64;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(folder) = arguments.first().map(Path::new) else {
        return Err("expected FOLDER [PICTURES] [SECONDS]".into());
    };
    let number = |place: usize, otherwise: u64| arguments.get(place).map_or(Ok(otherwise), |text| text.parse());
    let (pictures, seconds) = (number(1, 1_000_000)?, number(2, 20)? as f64);
    let shards = pictures.div_ceil(PICTURES_A_SHARD);
    std::fs::create_dir_all(folder)?;
    let start = Instant::now();
    (0..shards).into_par_iter().try_for_each(|shard| make(folder, shard))?;
    say("made", start, &[("pictures", (shards * PICTURES_A_SHARD) as f64)]);

    let spec = folder
        .join(format!("shard-{{0000..{:04}}}.tar", shards - 1))
        .display()
        .to_string();
    for opening in ["first opening", "second opening"] {
        let start = Instant::now();
        let data = open(&spec, &Want::default())?;
        say(opening, start, &[("pictures", data.len().unwrap_or(0) as f64)]);
    }
    let data = open(&spec, &Want::default())?;
    data.notes().iter().for_each(|note| eprintln!("{note}"));
    let mut batch = Batch::of(&*data, BATCH);
    let (start, mut step) = (Instant::now(), 0);
    while start.elapsed().as_secs_f64() < seconds {
        batch.fill(&*data, 0, step * BATCH as u64)?;
        step += 1;
    }
    let rate = (step * BATCH as u64) as f64 / start.elapsed().as_secs_f64();
    say("batches on all cores", start, &[("pictures_per_second", rate.round())]);
    let mut ahead = Prefetcher::new(Arc::clone(&data), 0, BATCH, 3);
    // The first third warms up; memory is looked at over the rest.
    for part in 0..3 {
        let (start, first) = (Instant::now(), step);
        while start.elapsed().as_secs_f64() < seconds / 3.0 {
            ahead.next(step)?;
            step += 1;
        }
        let rate = ((step - first) * BATCH as u64) as f64 / start.elapsed().as_secs_f64();
        let part = f64::from(part);
        say(
            "prefetched",
            start,
            &[("part", part), ("pictures_per_second", rate.round())],
        );
    }
    Ok(())
}

/// A shard of pictures that compress as photographs of this size do, unless it is there already.
fn make(folder: &Path, shard: u64) -> std::io::Result<()> {
    let path = folder.join(format!("shard-{shard:04}.tar"));
    if path.exists() {
        return Ok(());
    }
    let unfinished = path.with_extension("unfinished");
    let mut archive = tar::Builder::new(BufWriter::with_capacity(1 << 20, File::create(&unfinished)?));
    for place in 0..PICTURES_A_SHARD {
        let number = shard * PICTURES_A_SHARD + place;
        let wave = |i: u32, c: u32| {
            let (x, y) = ((i % SIDE) as f32, (i / SIDE) as f32);
            let turn = (number % 977) as f32 * 0.01 + c as f32;
            127.0 + 100.0 * (x * turn.cos() * 0.3 + y * turn.sin() * 0.3 + number as f32 * 1e-3).sin()
        };
        let pixels: Vec<u8> = (0..SIDE * SIDE)
            .flat_map(|i| [0, 1, 2].map(|c| wave(i, c) as u8))
            .collect();
        let mut png = Vec::new();
        let encoder = PngEncoder::new(&mut png);
        encoder
            .write_image(&pixels, SIDE, SIDE, ExtendedColorType::Rgb8)
            .map_err(std::io::Error::other)?;
        let mut put = |end: &str, bytes: &[u8]| {
            let mut header = tar::Header::new_ustar();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            archive.append_data(&mut header, format!("{number:09}.{end}"), bytes)
        };
        put("png", &png)?;
        put("cls", (number % 10).to_string().as_bytes())?;
    }
    archive.into_inner()?.flush()?;
    std::fs::rename(unfinished, path)
}

fn say(what: &str, start: Instant, figures: &[(&str, f64)]) {
    let figures: String = figures
        .iter()
        .map(|(name, value)| format!(", \"{name}\": {value}"))
        .collect();
    println!(
        "{{\"what\": \"{what}\", \"seconds\": {:.2}, \"resident_mib\": {}, \"most_resident_mib\": {}{figures}}}",
        start.elapsed().as_secs_f64(),
        memory("VmRSS"),
        memory("VmHWM"),
    );
}

/// A line of what Linux says about this process, in MiB; 0 elsewhere.
fn memory(line: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let value = status
        .lines()
        .find_map(|text| text.strip_prefix(line)?.strip_prefix(':')?.trim().strip_suffix(" kB"));
    value.and_then(|value| value.trim().parse::<u64>().ok()).unwrap_or(0) >> 10
}
