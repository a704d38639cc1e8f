//! What a run folder holds.
use std::path::Path;

use ganymede::models;
use ganymede::run::export::csv::csv;
use ganymede::run::export::tensorboard::EventFile;
use ganymede::run::folder::parse_settings;
use ganymede::run::{Length, Order, checkpoint, events};
use sha2::{Digest, Sha256};

use super::{Target, at};

pub(super) const TARGETS: &[Target] = &[
    Target {
        name: "events",
        seeds: || vec![EVENTS.into()],
        read: read_events,
        mebibytes: 1,
    },
    Target {
        name: "settings",
        seeds: || vec![SETTINGS.into()],
        read: read_settings,
        mebibytes: 1,
    },
    Target {
        name: "checkpoint",
        seeds: || {
            vec![signed(
                [BEFORE_DIGEST, &"0".repeat(64), AFTER_DIGEST].concat().into(),
                &[1; 16],
            )]
        },
        read: read_checkpoint,
        mebibytes: 1,
    },
];

const EVENTS: &str = r#"{"event":"started","system":"dcgan","title":"DCGAN","idea":"All convolutions.","steps":9,"at":"2026-05-04T03:02:01Z"}
{"event":"sample","step":0,"path":"samples/step-0000000.png"}
{"event":"step","step":1,"seconds":0.12,"images":64,"scalars":{"loss.discriminator":1.38,"loss.generator":"NaN"}}
{"event":"checkpoint","step":1,"path":"checkpoints/step-0000001.safetensors"}
{"event":"resumed","step":1,"at":"2026-05-04T03:03:01Z"}
{"event":"warning","step":1,"message":"m"}
{"event":"stopped","step":1,"reason":"Ctrl-C"}
{"event":"finished","step":9}
"#;

fn read_events(file: &[u8]) -> bool {
    let Ok(log) = events::parse_events(file, at()) else {
        return false;
    };
    assert!(log.end as usize <= file.len());
    csv(&log.events);
    let mut tensorboard = EventFile::new(vec![], Path::new("no-such-run"));
    log.events
        .iter()
        .for_each(|event| tensorboard.write(event).expect("memory can be written"));
    true
}

const SETTINGS: &str = r#"{"checkpoint_every":null,"data":"ring","data.classes":null,"data.digest":"sha256:0","data.shape":[2],
"data.want":{"size":null,"channels":null,"fit":"center-crop"},"length.steps":40,"precision":"f32","sample_every":20,"seed":7,
"settings.batch":64,"settings.generator.learning_rate":0.0002,"settings.generator.betas":[0.5,0.999],"system":"dcgan"}"#;

fn read_settings(file: &[u8]) -> bool {
    let order = parse_settings(file, at()).and_then(|settings| Order::of(&settings, at(), Length::Steps(0), vec![]));
    let Ok(order) = order else { return false };
    if let Ok(entry) = models::find(&order.system) {
        let _ = models::resolve(entry.card.id, &entry.defaults(), &order.changes);
    }
    true
}

const BEFORE_DIGEST: &str = r#"{"__metadata__":{"sha256":""#;
const AFTER_DIGEST: &str = r#"","ganymede":"{\"format_version\":1,\"step\":3,\"meta\":{\"seconds\":0.5}}"},"a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},"b":{"dtype":"U64","shape":[],"data_offsets":[8,16]}}"#;

/// Reads it as it is, and once more with the digest and the length of header that belong to it, so that the rest of the
/// reader is reached as well.
fn read_checkpoint(file: &[u8]) -> bool {
    let header_end = file.len().saturating_sub(16).max(8).min(file.len());
    let header = file.get(8..header_end).unwrap_or_default();
    let is_whole = |file: &[u8]| {
        checkpoint::parse(file, at()).is_ok_and(|read| {
            let held: usize = read.tensors.iter().map(|tensor| tensor.bytes.len()).sum();
            assert!(held <= file.len());
            true
        })
    };
    is_whole(file) | is_whole(&signed(header.to_vec(), &file[header_end..]))
}

/// A file with this header and these tensors, as a checkpoint's writer would sign it.
fn signed(header: Vec<u8>, tensors: &[u8]) -> Vec<u8> {
    let mut file = [&(header.len() as u64).to_le_bytes()[..], &header, tensors].concat();
    let digest = 8 + BEFORE_DIGEST.len()..8 + BEFORE_DIGEST.len() + 64;
    if file.len() >= digest.end {
        file[digest.clone()].fill(b'0');
        let hex: String = Sha256::digest(&file).iter().map(|byte| format!("{byte:02x}")).collect();
        file[digest].copy_from_slice(hex.as_bytes());
    }
    file
}
