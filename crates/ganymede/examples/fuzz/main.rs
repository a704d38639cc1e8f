//! Feeds damaged files to the readers of what strangers may have made: `fuzz NAME COUNT [SEED]`, or `fuzz` for the names.
//!
//! Every input is one of a few sound files with a few of its bytes changed, cut out, repeated or taken from another, or noise. A
//! reader may refuse it; it must not panic, and it must not set aside memory that the input's length does not justify. Decoders of
//! pictures have bounds of their own: that of TIFF sets aside up to 256 MiB on a header's word, a whole decode the largest
//! picture that is taken.

mod data;
mod run;
mod weights;

use std::alloc::{GlobalAlloc, Layout, System};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// A reader by its name.
struct Target {
    name: &'static str,
    /// Sound files that inputs are made of.
    seeds: fn() -> Vec<Vec<u8>>,
    /// Whether the input was taken.
    read: fn(&[u8]) -> bool,
    /// Memory that it may use beside a multiple of its input, in MiB.
    mebibytes: usize,
}

/// Every reader that is fuzzed, by who it belongs to.
const TARGETS: [&[Target]; 3] = [data::TARGETS, run::TARGETS, weights::TARGETS];

/// What memory there is beside the constant, for each byte of input.
const BYTES_A_BYTE: usize = 1100;

fn at() -> &'static Path {
    Path::new("input")
}

/// Counts the bytes in use, and their most.
struct Counting;

static USED: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let used = USED.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        MOST.fetch_max(used, Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        USED.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let names: Vec<&str> = TARGETS.into_iter().flatten().map(|target| target.name).collect();
    let (Some(name), Some(Ok(count))) = (arguments.first(), arguments.get(1).map(|count| count.parse::<u64>())) else {
        eprintln!("fuzz NAME COUNT [SEED], NAME one of {} or `all`", names.join(", "));
        std::process::exit(2);
    };
    let seed = arguments.get(2).and_then(|seed| seed.parse().ok()).unwrap_or(0);
    let chosen: Vec<&Target> = TARGETS
        .into_iter()
        .flatten()
        .filter(|target| name == "all" || target.name == name)
        .collect();
    if chosen.is_empty() {
        eprintln!("no reader `{name}`: expected one of {}", names.join(", "));
        std::process::exit(2);
    }
    chosen.into_iter().for_each(|target| fuzz(target, count, seed));
}

fn fuzz(target: &Target, count: u64, seed: u64) {
    let seeds = (target.seeds)();
    let sound = seeds.iter().filter(|bytes| (target.read)(bytes)).count();
    assert_eq!(sound, seeds.len(), "{}: a sound file is refused", target.name);
    let (start, mut taken, mut largest, mut slowest) = (Instant::now(), 0u64, 0, 0.0f64);
    for number in 0..count {
        let mut random = Random(seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5bf0_3635);
        let input = damaged(&seeds, &mut random);
        let before = USED.load(Ordering::Relaxed);
        MOST.store(before, Ordering::Relaxed);
        let begun = Instant::now();
        let result = std::panic::catch_unwind(|| (target.read)(&input));
        slowest = slowest.max(begun.elapsed().as_secs_f64());
        let used = MOST.load(Ordering::Relaxed) - before;
        largest = largest.max(used);
        let allowed = (target.mebibytes << 20) + BYTES_A_BYTE * input.len();
        if used > allowed || result.is_err() {
            let path = format!("fuzz-{}-{seed}-{number}.bin", target.name);
            std::fs::write(&path, &input).expect("the working folder can be written");
            println!(
                "{}: input {number} used {used} bytes of {allowed}, panicked: {}; kept in {path}",
                target.name,
                result.is_err()
            );
            std::process::exit(1);
        }
        taken += u64::from(result.unwrap_or(false));
    }
    println!(
        "{{\"reader\": \"{}\", \"inputs\": {count}, \"seed\": {seed}, \"taken\": {taken}, \"panics\": 0, \"most_memory_bytes\": {largest}, \
         \"slowest_milliseconds\": {:.1}, \"seconds\": {:.1}}}",
        target.name,
        slowest * 1e3,
        start.elapsed().as_secs_f64()
    );
}

/// SplitMix64 (Steele et al. 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let word = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

fn damaged(seeds: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut bytes = seeds[random.below(seeds.len())].clone();
    if random.below(50) == 0 {
        bytes = (0..random.below(2000)).map(|_| random.next() as u8).collect();
    }
    // Half of them have one change only: they get farthest.
    for _ in 0..=random.below(8) * random.below(2) {
        let place = random.below(bytes.len());
        match random.below(8) {
            0..=2 if !bytes.is_empty() => bytes[place] = random.next() as u8,
            3 if !bytes.is_empty() => bytes[place] ^= 1 << random.below(8),
            4 => {
                // Lengths and counts are whole words; these are the ones that tempt.
                let word = [0, 1, 0x7fff_ffff, 0xffff_ffff, 0x8000_0000, 0xffff_u32][random.below(6)];
                let word = if random.below(2) == 0 {
                    word.to_le_bytes()
                } else {
                    word.to_be_bytes()
                };
                let end = (place + 4).min(bytes.len());
                bytes[place..end].copy_from_slice(&word[..end - place]);
            }
            5 => bytes.truncate(place),
            6 => {
                let end = (place + random.below(64)).min(bytes.len());
                let piece = bytes[place..end].to_vec();
                let to = random.below(bytes.len() + 1);
                bytes.splice(to..to, piece);
            }
            _ => {
                let other = &seeds[random.below(seeds.len())];
                let from = random.below(other.len());
                let end = (from + random.below(64)).min(other.len());
                let end_here = (place + end - from).min(bytes.len());
                bytes.splice(place..end_here, other[from..end].iter().copied());
            }
        }
    }
    bytes
}
