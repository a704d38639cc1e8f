//! Weights of others.
use std::path::Path;

use ganymede::weights::Weights;

use super::{Target, at};

pub(super) const TARGETS: &[Target] = &[
    Target {
        name: "pickle",
        seeds: pickles,
        read,
        mebibytes: 16,
    },
    Target {
        name: "safetensors",
        seeds: || files(&["plain.safetensors"]),
        read,
        mebibytes: 1,
    },
];

fn pickles() -> Vec<Vec<u8>> {
    files(&[
        "arrays-2.pkl",
        "arrays-3.pkl",
        "arrays-4.pkl",
        "arrays-5.pkl",
        "legacy.pth",
        "zip.pth",
    ])
}

fn files(names: &[&str]) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../reference/weights");
    let read = |name| std::fs::read(folder.join(name)).expect("fixtures are there");
    names.iter().map(read).collect()
}

fn read(file: &[u8]) -> bool {
    let Ok(weights) = Weights::parse(file.to_vec(), at()) else {
        return false;
    };
    for name in weights.names() {
        let shape = weights.shape(name).expect("a name of these weights");
        weights.f32(name, shape).expect("a tensor of its own shape");
    }
    true
}
