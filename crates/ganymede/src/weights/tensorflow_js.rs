//! Weights of TensorFlow.js: a manifest in JSON beside the files of bytes that it names. Numbers may be stored as whole ones
//! of 8 or 16 bits, which stand for `q * scale + min`.
use super::Found;
use super::error::{Problem, Result};
use super::view::{Bytes, DType, View};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path};

/// Tensors whose bytes lie one behind the other in the files `paths`, taken as one.
#[derive(Deserialize)]
struct Group {
    paths: Vec<String>,
    weights: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    name: String,
    shape: Vec<usize>,
    dtype: String,
    quantization: Option<Quantization>,
}

#[derive(Deserialize)]
struct Quantization {
    dtype: String,
    #[serde(default)]
    scale: f64,
    #[serde(default)]
    min: f64,
}

/// Whether a file begins as a manifest does.
pub(super) fn is_manifest(file: &[u8]) -> bool {
    let mut rest = file.iter().filter(|byte| !byte.is_ascii_whitespace());
    rest.by_ref().take(3).eq(b"[{\"")
}

/// The manifest's bytes with those of the files beside it behind them, and what lies there.
pub(super) fn read(mut file: Vec<u8>, path: &Path) -> Result<(Vec<u8>, Found)> {
    let damaged = |error: serde_json::Error| Problem::damaged(error.to_string().to_lowercase());
    let groups: Vec<Group> = serde_json::from_slice(&file).map_err(damaged)?;
    let mut tensors = BTreeMap::new();
    for group in groups {
        let mut next = file.len();
        for name in &group.paths {
            let beside = Path::new(name);
            if !matches!(beside.components().collect::<Vec<_>>()[..], [Component::Normal(_)]) {
                return Err(Problem::damaged(format!(
                    "expected the name of a file beside the manifest, got `{name}`"
                )));
            }
            file.extend(fs::read(path.with_file_name(beside)).map_err(Problem::Unreadable)?);
        }
        for entry in group.weights {
            let (view, bytes) = entry.view(next, &file)?;
            next += bytes;
            tensors.insert(entry.name, view);
        }
    }
    let found = Found {
        tensors,
        ..Found::default()
    };
    Ok((file, found))
}

impl Entry {
    /// The tensor whose bytes begin at `start` of the file, and how many bytes it has there.
    fn view(&self, start: usize, file: &[u8]) -> Result<(View, usize)> {
        let dtype = match (self.dtype.as_str(), &self.quantization) {
            ("float32", None) => DType::F32,
            ("int32", None) => DType::I32,
            ("bool", None) => DType::Bool,
            (_, Some(quantization)) if quantization.dtype == "uint8" => DType::U8,
            (_, Some(quantization)) if quantization.dtype == "float16" => DType::F16,
            (dtype, quantization) => {
                let stored = quantization.as_ref().map_or(dtype, |q| &q.dtype);
                let name = &self.name;
                return Err(Problem::damaged(format!(
                    "tensor `{name}` has the unusual type {stored}"
                )));
            }
        };
        let count = self.shape.iter().try_fold(1, |n: usize, &extent| n.checked_mul(extent));
        let bytes = count.and_then(|count| count.checked_mul(dtype.bytes()));
        let held = bytes.filter(|bytes| file.len() - start >= *bytes);
        let Some(bytes) = held else {
            let (name, shape) = (&self.name, &self.shape);
            return Err(Problem::damaged(format!(
                "tensor `{name}` of shape {shape:?} reaches beyond the files"
            )));
        };
        let range = start..start + bytes;
        let (dtype, stored) = match (&self.quantization, dtype) {
            (Some(Quantization { scale, min, .. }), DType::U8) => {
                let number = |q: &u8| (f64::from(*q) * scale + min) as f32;
                let decoded = file[range].iter().flat_map(|q| number(q).to_le_bytes());
                (DType::F32, Bytes::Decoded(decoded.collect()))
            }
            _ => (dtype, Bytes::InFile(range)),
        };
        Ok((View::dense(dtype, self.shape.clone(), false, stored)?, bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Weights;
    use std::fs;
    use std::path::PathBuf;

    fn written(manifest: &str, bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("net-weights_manifest.json");
        fs::write(&path, manifest).unwrap();
        fs::write(folder.path().join("net.bin"), bytes).unwrap();
        (folder, path)
    }

    #[test]
    fn whole_numbers_stand_for_others_and_follow_one_another() {
        let manifest = r#"[{"weights": [
            {"name": "a", "shape": [2, 2], "dtype": "float32", "quantization": {"dtype": "uint8", "scale": 0.5, "min": -1}},
            {"name": "b", "shape": [1], "dtype": "float32"}], "paths": ["net.bin"]}]"#;
        let (_folder, path) = written(manifest, &[&[0, 1, 2, 255][..], &1.25f32.to_le_bytes()].concat());
        let weights = Weights::read(&path).unwrap();
        assert_eq!(weights.f32("a", &[2, 2]).unwrap(), [-1.0, -0.5, 0.0, 126.5]);
        assert_eq!(weights.f32("b", &[1]).unwrap(), [1.25]);
    }

    #[test]
    fn what_lies_outside_is_refused() {
        let entry = |shape: &str, dtype: &str, path: &str| {
            format!(r#"[{{"weights":[{{"name":"a","shape":{shape},"dtype":"{dtype}"}}],"paths":["{path}"]}}]"#)
        };
        for (manifest, message) in [
            (
                entry("[3]", "float32", "net.bin"),
                "tensor `a` of shape [3] reaches beyond the files",
            ),
            (
                entry("[4611686018427387904, 4]", "float32", "net.bin"),
                "tensor `a` of shape [4611686018427387904, 4] reaches beyond the files",
            ),
            (
                entry("[1]", "complex64", "net.bin"),
                "tensor `a` has the unusual type complex64",
            ),
            (
                entry("[1]", "float32", "../net.bin"),
                "expected the name of a file beside the manifest, got `../net.bin`",
            ),
            (
                entry("[1]", "float32", "/etc/passwd"),
                "expected the name of a file beside the manifest, got `/etc/passwd`",
            ),
        ] {
            let (_folder, path) = written(&manifest, &[0; 8]);
            let error = Weights::read(&path).err().unwrap().problem.to_string();
            assert_eq!(error, format!("damaged weights: {message}"));
        }
    }
}
