//! Hostile input: `cargo run --release -p ganymede --example fuzz -- NAME COUNT [SEED]` gives a reader so many inputs, which
//! follow from the seed, and says how much memory that took at most. A panic ends it, with the number of the input.
//!
//! A target is a function of bytes alone. Bytes drawn at random never come far into a format, so the targets also take them
//! as a list of edits to something valid.
use ganymede::models;
use ganymede::run::export::csv::csv;
use ganymede::run::export::tensorboard::EventFile;
use ganymede::run::folder::parse_settings;
use ganymede::run::{Length, Order, checkpoint, events};
use sha2::{Digest, Sha256};
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

/// A reader under its name. It must return, whatever the bytes are.
type Target = fn(&[u8]);

const TARGETS: &[(&str, Target)] = &[("events", events), ("settings", settings), ("checkpoint", checkpoint)];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let chosen = words
        .first()
        .and_then(|name| TARGETS.iter().find(|(known, _)| known == name));
    let number = |at: usize, otherwise: u64| words.get(at).map_or(Ok(otherwise), |text| text.parse());
    let (Some((name, target)), Ok(count), Ok(seed)) = (chosen, number(1, 1_000_000), number(2, 0)) else {
        let names: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
        eprintln!("usage: fuzz NAME [COUNT] [SEED]\n\nnames: {}", names.join(", "));
        return ExitCode::FAILURE;
    };
    let (start, mut bytes) = (Instant::now(), vec![]);
    for input in 0..count {
        draw(seed, input, &mut bytes);
        if std::panic::catch_unwind(|| target(&bytes)).is_err() {
            eprintln!("{name}: input {input} of seed {seed} panics: {bytes:?}");
            return ExitCode::FAILURE;
        }
    }
    let (seconds, peak) = (start.elapsed().as_secs_f64(), peak_memory().unwrap_or_default());
    println!("{name}: {count} inputs of seed {seed}, no panic, {seconds:.0} s, at most {peak} of memory");
    ExitCode::SUCCESS
}

/// Up to 256 bytes, short ones as often as long ones.
fn draw(seed: u64, input: u64, bytes: &mut Vec<u8>) {
    let mut state = seed.wrapping_add(input.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    };
    let longest = 1 << (next() % 9);
    let length = (next() % longest + 1) as usize;
    bytes.clear();
    while bytes.len() < length {
        bytes.extend(next().to_le_bytes());
    }
    bytes.truncate(length);
}

/// The most memory that this process has had, as Linux tells it.
fn peak_memory() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().to_owned())
}

/// Something valid with edits: four bytes each, what, where (two bytes) and with what.
fn edited(valid: &[u8], edits: &[u8]) -> Vec<u8> {
    let mut bytes = valid.to_vec();
    for edit in edits.chunks_exact(4) {
        let at = usize::from(u16::from_le_bytes([edit[1], edit[2]])) % (bytes.len() + 1);
        let (rest, with) = (bytes.len() - at, edit[3]);
        let few = usize::from(with % 32).min(rest);
        match edit[0] % 6 {
            0 if rest > 0 => bytes[at] = with,
            1 if rest > 0 => bytes[at] ^= 1 << (with % 8),
            2 => bytes.insert(at, with),
            3 => _ = bytes.drain(at..at + few),
            4 => {
                let copy = bytes[at..at + few].to_vec();
                bytes.splice(at..at, copy);
            }
            5 if with < 8 => bytes.truncate(at),
            _ => {}
        }
    }
    bytes
}

const EVENTS: &str = r#"{"event":"started","system":"dcgan","title":"DCGAN","idea":"All convolutions.","steps":9,"at":"2026-05-04T03:02:01Z"}
{"event":"sample","step":0,"path":"samples/step-0000000.png"}
{"event":"step","step":1,"seconds":0.12,"images":64,"scalars":{"loss.discriminator":1.38,"loss.generator":"NaN"}}
{"event":"checkpoint","step":1,"path":"checkpoints/step-0000001.safetensors"}
{"event":"resumed","step":1,"at":"2026-05-04T03:03:01Z"}
{"event":"warning","step":1,"message":"m"}
{"event":"stopped","step":1,"reason":"Ctrl-C"}
{"event":"finished","step":9}
"#;

fn events(bytes: &[u8]) {
    for input in [bytes, &edited(EVENTS.as_bytes(), bytes)] {
        let Ok(log) = events::parse_events(input, Path::new("events.jsonl")) else {
            continue;
        };
        assert!(log.end as usize <= input.len());
        csv(&log.events);
        let mut file = EventFile::new(vec![], Path::new("no-such-run"));
        log.events
            .iter()
            .for_each(|event| file.write(event).expect("memory can be written"));
    }
}

const SETTINGS: &str = r#"{"checkpoint_every":null,"data":"ring","data.classes":null,"data.digest":"sha256:0","data.shape":[2],
"data.want":{"size":null,"channels":null,"fit":"center-crop"},"length.steps":40,"precision":"f32","sample_every":20,"seed":7,
"settings.batch":64,"settings.generator.learning_rate":0.0002,"settings.generator.betas":[0.5,0.999],"system":"dcgan"}"#;

fn settings(bytes: &[u8]) {
    for input in [bytes, &edited(SETTINGS.as_bytes(), bytes)] {
        let path = Path::new("config.json");
        let order =
            parse_settings(input, path).and_then(|settings| Order::of(&settings, path, Length::Steps(0), vec![]));
        let Ok(order) = order else { continue };
        if let Ok(entry) = models::find(&order.system) {
            let _ = models::resolve(entry.card.id, &entry.defaults(), &order.changes);
        }
    }
}

const BEFORE_DIGEST: &str = r#"{"__metadata__":{"sha256":""#;
const AFTER_DIGEST: &str = r#"","ganymede":"{\"format_version\":1,\"step\":3,\"meta\":{\"seconds\":0.5}}"},"a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},"b":{"dtype":"U64","shape":[],"data_offsets":[8,16]}}"#;

fn checkpoint(bytes: &[u8]) {
    let header = [BEFORE_DIGEST, &"0".repeat(64), AFTER_DIGEST].concat();
    let valid = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &[1; 16]].concat();
    let damaged = edited(&valid, bytes);
    // With the right digest and length the rest of the reader is reached as well.
    let signed = signed(edited(header.as_bytes(), bytes));
    for input in [bytes, &damaged, &signed] {
        let read = checkpoint::parse(input, Path::new("step-0000003.safetensors"));
        let held = read.map_or(0, |read| read.tensors.iter().map(|tensor| tensor.bytes.len()).sum());
        assert!(held <= input.len());
    }
}

/// A file with this header and 16 bytes of tensors, as a checkpoint's writer would sign it.
fn signed(header: Vec<u8>) -> Vec<u8> {
    let mut file = [&(header.len() as u64).to_le_bytes()[..], &header, &[1; 16]].concat();
    let digest = 8 + BEFORE_DIGEST.len()..8 + BEFORE_DIGEST.len() + 64;
    if file.len() >= digest.end {
        file[digest.clone()].fill(b'0');
        let hex: String = Sha256::digest(&file).iter().map(|byte| format!("{byte:02x}")).collect();
        file[digest].copy_from_slice(hex.as_bytes());
    }
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_edited_is_valid_before() {
        assert_eq!(
            events::parse_events(EVENTS.as_bytes(), Path::new("e"))
                .unwrap()
                .events
                .len(),
            8
        );
        let settings = parse_settings(SETTINGS.as_bytes(), Path::new("c")).unwrap();
        assert_eq!(
            Order::of(&settings, Path::new("c"), Length::Steps(0), vec![])
                .unwrap()
                .seed,
            7
        );
        let header = [BEFORE_DIGEST, &"0".repeat(64), AFTER_DIGEST].concat();
        assert_eq!(
            checkpoint::parse(&signed(header.into()), Path::new("s")).unwrap().step,
            3
        );
    }

    #[test]
    fn the_first_inputs_of_every_target() {
        let mut bytes = vec![];
        for (name, target) in TARGETS {
            for input in 0..2_000 {
                draw(1, input, &mut bytes);
                let is_fine = std::panic::catch_unwind(|| target(&bytes)).is_ok();
                assert!(is_fine, "{name}: input {input}");
            }
        }
    }
}
