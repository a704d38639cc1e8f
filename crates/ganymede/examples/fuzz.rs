//! Throws damaged files at a reader: `cargo run --release -p ganymede --example fuzz -- TARGET INPUTS [SEED]`.
//!
//! Valid files of the target are changed a little: bytes and bits, lengths set to extremes, pieces cut out, doubled, or taken
//! from another file. A reader may refuse what it is given; it must not panic, take long, or ask for memory that the file does
//! not account for. What went wrong is written to a file that the next run of the target begins with.

use std::error::Error;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ganymede::weights::Weights;

/// A reader of files that anybody may have made.
struct Target {
    name: &'static str,
    /// Valid files, in the folder `reference/`.
    seeds: &'static [&'static str],
    /// Reads a file; whether it was accepted.
    read: fn(&[u8]) -> bool,
}

/// Every reader that is fuzzed: one row each.
const TARGETS: &[Target] = &[
    Target {
        name: "pickle",
        seeds: &[
            "weights/arrays-2.pkl",
            "weights/arrays-3.pkl",
            "weights/arrays-4.pkl",
            "weights/arrays-5.pkl",
            "weights/legacy.pth",
            "weights/zip.pth",
            "weights/module.pth",
            "weights/script.pt",
        ],
        read: read_weights,
    },
    Target {
        name: "safetensors",
        seeds: &["weights/plain.safetensors"],
        read: read_weights,
    },
];

fn read_weights(file: &[u8]) -> bool {
    let Ok(weights) = Weights::parse(file.to_vec(), Path::new("fuzz")) else {
        return false;
    };
    for name in weights.names() {
        let shape = weights.shape(name).expect("a name of these weights");
        weights.f32(name, shape).expect("a tensor of its own shape");
    }
    true
}

/// A reader that takes longer for so small a file does work that the file does not account for.
const LONGEST: Duration = Duration::from_secs(1);

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let target = arguments
        .first()
        .and_then(|name| TARGETS.iter().find(|target| target.name == name));
    let (Some(target), Some(inputs)) = (target, arguments.get(1).and_then(|count| count.parse::<u64>().ok())) else {
        let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
        return Err(format!("expected TARGET INPUTS [SEED]; targets: {}", names.join(", ")).into());
    };
    let seed = arguments.get(2).map_or(Ok(0), |seed| seed.parse())?;
    let reference = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../reference");
    let mut seeds = vec![];
    for name in target.seeds {
        seeds.push(std::fs::read(reference.join(name))?);
    }
    let found = PathBuf::from(format!("fuzz-{}.bin", target.name));
    if let Ok(file) = std::fs::read(&found) {
        (target.read)(&file);
    }
    let mut random = Random(seed);
    let (start, mut accepted, mut longest) = (Instant::now(), 0, Duration::ZERO);
    for input in 0..inputs {
        let file = mutated(&seeds, &mut random);
        let began = Instant::now();
        let outcome = catch_unwind(|| (target.read)(&file));
        let took = began.elapsed();
        longest = longest.max(took);
        match outcome {
            Ok(is_accepted) if took <= LONGEST => accepted += u64::from(is_accepted),
            outcome => {
                std::fs::write(&found, &file)?;
                let what = if outcome.is_err() { "panicked" } else { "took too long" };
                return Err(format!(
                    "{}: input {input} of seed {seed} {what}: {}",
                    target.name,
                    found.display()
                )
                .into());
            }
        }
    }
    println!(
        "{}: {inputs} inputs of seed {seed}, {accepted} accepted, none panicked, {:.0} s, longest {:.1} ms, peak memory {}",
        target.name,
        start.elapsed().as_secs_f64(),
        longest.as_secs_f64() * 1e3,
        peak_memory().unwrap_or_else(|| "unknown".into())
    );
    Ok(())
}

/// The most memory that this process has ever held, as Linux tells it.
fn peak_memory() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().to_owned())
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`, or 0.
    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }
}

/// One of the files, with up to eight changes.
fn mutated(seeds: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut file = seeds[random.below(seeds.len())].clone();
    // Half of the files have one change only: they get farthest.
    for _ in 0..=random.below(8) * random.below(2) {
        let place = random.below(file.len());
        let length = 1 + random.below(16);
        let end = (place + length).min(file.len());
        match random.below(8) {
            0 => change(&mut file, place, |byte| byte ^ 1 << (length % 8)),
            1 => {
                let value = random.next() as u8;
                change(&mut file, place, |_| value);
            }
            2 => {
                let extremes = [0, 1, 0x7f, 0x80, 0xff];
                let value = extremes[random.below(extremes.len())];
                file[place..end].fill(value);
            }
            3 => drop(file.drain(place..end)),
            4 => {
                let piece = file[place..end].to_vec();
                file.splice(place..place, piece);
            }
            5 => {
                let other = &seeds[random.below(seeds.len())];
                let from = random.below(other.len());
                let piece = other[from..(from + 4 * length).min(other.len())].to_vec();
                file.splice(place..end, piece);
            }
            6 => change(&mut file, place, |byte| byte.wrapping_add(1)),
            _ if random.below(8) == 0 => file.truncate(place),
            _ => change(&mut file, place, |byte| byte.wrapping_sub(1)),
        }
    }
    file
}

fn change(file: &mut [u8], place: usize, how: impl Fn(u8) -> u8) {
    if let Some(byte) = file.get_mut(place) {
        *byte = how(*byte);
    }
}
