//! Checkpoints: the whole state of a run after a step, in one safetensors file.
//!
//! Any reader of safetensors can open it. The header's metadata holds, in this order,
//!
//! - `sha256`: digest of the whole file with these 64 digits replaced by zeros, so that no byte can change unnoticed,
//! - `ganymede`: a JSON object with `format_version`, `step` and `meta`.
//!
//! A checkpoint is written beside its place, synced and then renamed into it: a reader sees the old files or the new one.
//! One of an older format is brought to the present one when it is loaded, a format at a time.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::atomic;
use super::error::{Result, RunError};
use super::folder::{RunFolder, step_of};

/// The format that this version writes. It reads this one and all before it.
pub const FORMAT_VERSION: u32 = MIGRATIONS.len() as u32 + 1;

/// Brings a checkpoint of one format to the next, whose number the caller writes down. Fails with what is wrong.
type Migration = fn(&mut Checkpoint<'static>) -> std::result::Result<(), String>;

/// Number i, from 0, brings format i + 1 to format i + 2. None is ever removed: a checkpoint of the first release loads for
/// ever.
const MIGRATIONS: &[Migration] = &[];

/// How many numbered checkpoints a run keeps unless told otherwise: the newest, and one before it should that be damaged.
pub const KEEP_LAST: usize = 2;

pub(super) const EXTENSION: &str = "safetensors";

/// How every checkpoint begins after the 8 bytes of its header's length.
const BEFORE_DIGEST: &str = r#"{"__metadata__":{"sha256":""#;
const DIGEST_DIGITS: usize = 64;

/// Everything that must survive a step.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint<'a> {
    /// [`FORMAT_VERSION`].
    pub format_version: u32,
    /// Number of steps done.
    pub step: u64,
    /// What is not a tensor, by name: digest of the settings, place in the data.
    pub meta: BTreeMap<String, Value>,
    /// The state, in this order. Zero-sized tensors may come back in another place.
    pub tensors: Vec<NamedTensor<'a>>,
}

/// A tensor of the state, borrowed to be saved, owned when loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedTensor<'a> {
    /// Its name in the state tree, such as `generator.0.weight`.
    pub name: String,
    /// Its elements.
    pub dtype: Dtype,
    /// Its shape; empty for a scalar.
    pub shape: Vec<usize>,
    /// Its elements, little endian, the last axis fastest.
    pub bytes: Cow<'a, [u8]>,
}

/// Element types of a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dtype {
    /// 32-bit floating point.
    F32,
    /// 64-bit floating point.
    F64,
    /// 64-bit unsigned integers.
    U64,
}

impl Dtype {
    /// Bytes per element.
    pub fn bytes(self) -> usize {
        match self {
            Dtype::F32 => 4,
            Dtype::F64 | Dtype::U64 => 8,
        }
    }

    fn to_safetensors(self) -> safetensors::Dtype {
        match self {
            Dtype::F32 => safetensors::Dtype::F32,
            Dtype::F64 => safetensors::Dtype::F64,
            Dtype::U64 => safetensors::Dtype::U64,
        }
    }

    fn from_safetensors(dtype: safetensors::Dtype) -> Option<Self> {
        [Dtype::F32, Dtype::F64, Dtype::U64]
            .into_iter()
            .find(|known| known.to_safetensors() == dtype)
    }
}

/// The part of the metadata that is ours.
#[derive(Serialize, Deserialize)]
struct Head<'a> {
    format_version: u32,
    step: u64,
    meta: Cow<'a, BTreeMap<String, Value>>,
}

/// Saves the checkpoint of a step and then removes all numbered ones but the newest `keep_last` (at least one).
///
/// # Errors
/// [`RunError::TensorBytes`] and [`RunError::TensorName`] for tensors that contradict themselves, [`RunError::Io`]; in
/// every case the checkpoints that were there stay.
pub fn save(folder: &RunFolder, checkpoint: &Checkpoint, keep_last: usize) -> Result<PathBuf> {
    let path = folder.checkpoint_file(checkpoint.step);
    save_through(&path, checkpoint, |file| file)?;
    keep_newest(folder, checkpoint.step, keep_last)?;
    Ok(path)
}

/// Removes all numbered checkpoints but that of `step` and the newest `keep_last` (at least one).
pub(super) fn keep_newest(folder: &RunFolder, step: u64, keep_last: usize) -> Result<()> {
    let numbered = list(folder)?;
    for (of, old) in &numbered[..numbered.len().saturating_sub(keep_last.max(1))] {
        if *of != step {
            fs::remove_file(old).map_err(|source| RunError::io("remove", old, source))?;
        }
    }
    Ok(())
}

/// Saves a checkpoint under a name of its own, such as `best`, to be kept until that name is used again.
///
/// # Errors
/// [`RunError::CheckpointName`], and those of [`save`].
pub fn save_named(folder: &RunFolder, name: &str, checkpoint: &Checkpoint) -> Result<PathBuf> {
    let path = named_file(folder, name)?;
    save_through(&path, checkpoint, |file| file)?;
    Ok(path)
}

/// Where the checkpoint of a name of its own lies.
///
/// # Errors
/// [`RunError::CheckpointName`].
pub fn named_file(folder: &RunFolder, name: &str) -> Result<PathBuf> {
    let allowed = |letter: u8| letter.is_ascii_alphanumeric() || letter == b'-';
    if name.is_empty() || name.starts_with("step-") || !name.bytes().all(allowed) {
        return Err(RunError::CheckpointName { name: name.to_owned() });
    }
    Ok(folder.checkpoints_folder().join(format!("{name}.{EXTENSION}")))
}

/// The numbered checkpoints of a run, oldest first.
///
/// # Errors
/// [`RunError::Io`].
pub fn list(folder: &RunFolder) -> Result<Vec<(u64, PathBuf)>> {
    let inside = folder.checkpoints_folder();
    numbered(&inside).map_err(|source| RunError::io("read", &inside, source))
}

/// Loads the newest numbered checkpoint of a run.
///
/// # Errors
/// [`RunError::NoCheckpoint`], and those of [`load`].
pub fn load_latest(folder: &RunFolder) -> Result<Checkpoint<'static>> {
    match list(folder)?.last() {
        Some((_, newest)) => load(newest),
        None => Err(RunError::NoCheckpoint {
            path: folder.checkpoints_folder(),
        }),
    }
}

/// Loads a checkpoint, checks every byte of it, and brings it to the present format.
///
/// # Errors
/// [`RunError::CheckpointDamaged`], naming the one before it; [`RunError::CheckpointFormat`] for a later format;
/// [`RunError::Io`].
pub fn load(path: &Path) -> Result<Checkpoint<'static>> {
    let opened = File::open(path).and_then(|file| {
        let size = file.metadata()?.len();
        Ok((BufReader::new(file), size))
    });
    let (file, size) = opened.map_err(|source| RunError::io("read", path, source))?;
    load_from(file, size, MIGRATIONS, path)
}

/// Loads a checkpoint from the content of a file; errors name `path`.
///
/// # Errors
/// As [`load`].
pub fn parse(bytes: &[u8], path: &Path) -> Result<Checkpoint<'static>> {
    load_from(bytes, bytes.len() as u64, MIGRATIONS, path)
}

fn load_from(file: impl Read, size: u64, migrations: &[Migration], path: &Path) -> Result<Checkpoint<'static>> {
    match read(file, size).and_then(|checkpoint| migrated(checkpoint, migrations)) {
        Ok(checkpoint) => Ok(checkpoint),
        Err(Fault::Io(source)) => Err(RunError::io("read", path, source)),
        Err(Fault::Format(got)) => Err(RunError::CheckpointFormat {
            expected: migrations.len() as u32 + 1,
            got,
            path: path.to_owned(),
        }),
        Err(Fault::Damaged(reason)) => {
            let before = path
                .parent()
                .and_then(|folder| numbered(folder).ok())
                .unwrap_or_default();
            let step = step_of(path).unwrap_or(u64::MAX);
            let previous = before
                .into_iter()
                .rev()
                .find(|(other, _)| *other < step)
                .map(|(_, path)| path);
            Err(RunError::CheckpointDamaged {
                reason,
                previous,
                path: path.to_owned(),
            })
        }
    }
}

/// The checkpoint in the format that the last of the migrations leads to.
fn migrated(
    mut checkpoint: Checkpoint<'static>,
    migrations: &[Migration],
) -> std::result::Result<Checkpoint<'static>, Fault> {
    let version = checkpoint.format_version;
    let due = version.checked_sub(1).and_then(|done| migrations.get(done as usize..));
    for migrate in due.ok_or(Fault::Format(version))? {
        migrate(&mut checkpoint).map_err(Fault::Damaged)?;
        checkpoint.format_version += 1;
    }
    Ok(checkpoint)
}

fn numbered(folder: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut found = Vec::new();
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
        entries => entries?,
    };
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == EXTENSION) {
            found.extend(step_of(&path).map(|step| (step, path)));
        }
    }
    found.sort();
    Ok(found)
}

fn save_through<W: Write>(path: &Path, checkpoint: &Checkpoint, wrap: impl FnOnce(File) -> W) -> Result<()> {
    let header = header(checkpoint)?;
    let length = (header.len() as u64).to_le_bytes();
    let mut sha256 = Sha256::new_with_prefix(length);
    sha256.update(&header);
    checkpoint
        .tensors
        .iter()
        .for_each(|tensor| sha256.update(&tensor.bytes));
    let digest = hex(&sha256.finalize());
    atomic::replace_through(path, wrap, |writer| {
        writer.write_all(&length)?;
        writer.write_all(&header[..BEFORE_DIGEST.len()])?;
        writer.write_all(digest.as_bytes())?;
        writer.write_all(&header[BEFORE_DIGEST.len() + DIGEST_DIGITS..])?;
        checkpoint
            .tensors
            .iter()
            .try_for_each(|tensor| writer.write_all(&tensor.bytes))
    })
}

/// The header with zeros for the digest, filled up with spaces so that tensors begin at a multiple of 8 bytes.
fn header(checkpoint: &Checkpoint) -> Result<Vec<u8>> {
    let Checkpoint {
        format_version,
        step,
        ref meta,
        ref tensors,
    } = *checkpoint;
    let head = json(&Head {
        format_version,
        step,
        meta: Cow::Borrowed(meta),
    });
    let mut text = format!(
        "{BEFORE_DIGEST}{:0<DIGEST_DIGITS$}\",\"ganymede\":{}}}",
        "",
        json(&head)
    );
    let (mut names, mut begin) = (HashSet::new(), 0);
    for NamedTensor {
        name,
        dtype,
        shape,
        bytes,
    } in tensors
    {
        let elements = shape
            .iter()
            .try_fold(1_usize, |product, side| product.checked_mul(*side));
        let expected = elements
            .and_then(|count| count.checked_mul(dtype.bytes()))
            .unwrap_or(usize::MAX);
        if bytes.len() != expected {
            return Err(RunError::TensorBytes {
                name: name.clone(),
                expected,
                got: bytes.len(),
            });
        }
        if name == "__metadata__" || !names.insert(name) {
            return Err(RunError::TensorName { name: name.clone() });
        }
        let end = begin + bytes.len();
        let (key, dtype) = (json(name), dtype.to_safetensors());
        text += &format!(r#",{key}:{{"dtype":"{dtype:?}","shape":{shape:?},"data_offsets":[{begin},{end}]}}"#);
        begin = end;
    }
    text.push('}');
    text.extend(std::iter::repeat_n(' ', text.len().next_multiple_of(8) - text.len()));
    Ok(text.into_bytes())
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("texts, numbers and JSON values have a JSON form")
}

/// Why a checkpoint could not be read.
enum Fault {
    Io(io::Error),
    Damaged(String),
    /// It is of this format, which no migration begins with.
    Format(u32),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            return Fault::Damaged("it ends too early".into());
        }
        Fault::Io(error)
    }
}

fn damaged(reason: impl Into<String>) -> Fault {
    Fault::Damaged(reason.into())
}

/// Reads and checks a checkpoint of `size` bytes in whatever format, holding each tensor in memory once. Nothing in the file
/// is trusted with an allocation larger than the file itself.
fn read(mut file: impl Read, size: u64) -> std::result::Result<Checkpoint<'static>, Fault> {
    let mut length = [0; 8];
    file.read_exact(&mut length)?;
    let header_size = u64::from_le_bytes(length);
    if header_size > size - 8 {
        return Err(damaged("it is cut short or its beginning was altered"));
    }
    let mut header = vec![0; header_size as usize];
    file.read_exact(&mut header)?;
    let digest_end = BEFORE_DIGEST.len() + DIGEST_DIGITS;
    if header.len() < digest_end || !header.starts_with(BEFORE_DIGEST.as_bytes()) {
        return Err(damaged("it does not begin as checkpoints of ganymede do"));
    }
    let digest = header[BEFORE_DIGEST.len()..digest_end].to_vec();
    header[BEFORE_DIGEST.len()..digest_end].fill(b'0');
    let mut sha256 = Sha256::new_with_prefix(length);
    sha256.update(&header);

    let unreadable = || damaged("its header cannot be read");
    let layout: safetensors::tensor::Metadata = serde_json::from_slice(&header).map_err(|_| unreadable())?;
    let expected = size_of_data(&layout)
        .ok_or_else(unreadable)?
        .checked_add(8 + header_size)
        .ok_or_else(unreadable)?;
    if size != expected {
        return Err(damaged(format!("expected {expected} bytes, got {size}")));
    }
    let mut tensors = Vec::new();
    for name in layout.offset_keys() {
        let info = layout.info(&name).ok_or_else(unreadable)?;
        let dtype = Dtype::from_safetensors(info.dtype).ok_or_else(unreadable)?;
        let mut bytes = vec![0; info.data_offsets.1 - info.data_offsets.0];
        file.read_exact(&mut bytes)?;
        sha256.update(&bytes);
        tensors.push(NamedTensor {
            name,
            dtype,
            shape: info.shape.clone(),
            bytes: Cow::Owned(bytes),
        });
    }
    if hex(&sha256.finalize()).as_bytes() != digest {
        return Err(damaged("its content does not match its digest"));
    }
    let head = layout
        .metadata()
        .as_ref()
        .and_then(|metadata| metadata.get("ganymede"))
        .ok_or_else(unreadable)?;
    let Head {
        format_version,
        step,
        meta,
    } = serde_json::from_str(head).map_err(|_| unreadable())?;
    Ok(Checkpoint {
        format_version,
        step,
        meta: meta.into_owned(),
        tensors,
    })
}

/// Bytes of all tensors, where they lie one after the other and each is as long as its shape says.
fn size_of_data(layout: &safetensors::tensor::Metadata) -> Option<u64> {
    let mut at = 0;
    for name in layout.offset_keys() {
        let info = layout.info(&name)?;
        let elements = info
            .shape
            .iter()
            .try_fold(1_usize, |product, side| product.checked_mul(*side))?;
        let bytes = elements.checked_mul(Dtype::from_safetensors(info.dtype)?.bytes())?;
        let (begin, end) = info.data_offsets;
        if begin != at || begin.checked_add(bytes)? != end {
            return None;
        }
        at = end;
    }
    Some(at as u64)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::super::atomic::NearlyFull;
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    const WEIGHT: [f32; 6] = [0.1, -0.0, f32::NAN, f32::INFINITY, f32::MIN_POSITIVE / 2.0, 3.5];

    fn folder() -> (tempfile::TempDir, RunFolder) {
        let there = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(there.path()).unwrap();
        (there, folder)
    }

    fn tensor(name: &str, dtype: Dtype, shape: &[usize], bytes: Vec<u8>) -> NamedTensor<'static> {
        NamedTensor {
            name: name.into(),
            dtype,
            shape: shape.into(),
            bytes: bytes.into(),
        }
    }

    fn checkpoint(step: u64) -> Checkpoint<'static> {
        let signalling_nan = f64::from_bits(0x7ff0_0000_0000_0001);
        Checkpoint {
            format_version: FORMAT_VERSION,
            step,
            meta: [
                ("ada.p".to_owned(), json!(0.1 + 0.2)),
                (
                    "settings".to_owned(),
                    json!({"digest": "sha256:\"é\n", "seed": u64::MAX}),
                ),
            ]
            .into(),
            tensors: vec![
                // An odd number of 4-byte elements before 8-byte ones, names out of order.
                tensor(
                    "z.weight",
                    Dtype::F32,
                    &[3, 2],
                    WEIGHT.iter().flat_map(|x| x.to_le_bytes()).collect(),
                ),
                tensor("step \"quoted\"", Dtype::F32, &[], 1.0_f32.to_le_bytes().to_vec()),
                tensor("a.moment", Dtype::F64, &[1], signalling_nan.to_le_bytes().to_vec()),
                tensor(
                    "größe",
                    Dtype::U64,
                    &[2, 1, 1],
                    [u64::MAX, 7].iter().flat_map(|x| x.to_le_bytes()).collect(),
                ),
            ],
        }
    }

    #[test]
    fn every_element_type_comes_back_bit_for_bit() {
        let (_there, folder) = folder();
        let saved = checkpoint(400);
        let path = save(&folder, &saved, KEEP_LAST).unwrap();
        assert!(path.ends_with("checkpoints/step-0000400.safetensors"));
        assert_eq!(load(&path).unwrap(), saved);
        assert_eq!(load_latest(&folder).unwrap(), saved);
    }

    #[test]
    fn saving_borrows_and_equal_states_make_equal_files() {
        let (_there, folder) = folder();
        let bytes = [1, 2, 3, 4, 5, 6, 7, 8];
        let borrowed = NamedTensor {
            name: "p".into(),
            dtype: Dtype::U64,
            shape: vec![1],
            bytes: Cow::Borrowed(&bytes),
        };
        let of = |step| Checkpoint {
            step,
            tensors: vec![borrowed.clone()],
            ..checkpoint(0)
        };
        let first = fs::read(save(&folder, &of(1), 9).unwrap()).unwrap();
        assert_eq!(first, fs::read(save(&folder, &of(1), 9).unwrap()).unwrap());
        assert_ne!(first, fs::read(save(&folder, &of(2), 9).unwrap()).unwrap());
        assert!(matches!(load_latest(&folder).unwrap().tensors[0].bytes, Cow::Owned(_)));
    }

    #[test]
    fn any_reader_of_safetensors_can_open_it() {
        let (_there, folder) = folder();
        let bytes = fs::read(save(&folder, &checkpoint(1), KEEP_LAST).unwrap()).unwrap();
        let read = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let weight = read.tensor("z.weight").unwrap();
        assert_eq!((weight.dtype(), weight.shape()), (safetensors::Dtype::F32, &[3, 2][..]));
        assert_eq!(weight.data(), &*checkpoint(1).tensors[0].bytes);
        assert_eq!(read.len(), 4);
        let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
        let digest = &header.metadata().as_ref().unwrap()["sha256"];
        let zeroed = String::from_utf8_lossy(&bytes).find(digest.as_str()).unwrap();
        let mut bytes = bytes.clone();
        bytes[zeroed..zeroed + 64].fill(b'0');
        assert_eq!(
            *digest,
            hex(&Sha256::digest(&bytes)),
            "the digest is what the documentation says it is"
        );
    }

    #[test]
    fn the_last_ones_and_named_ones_are_kept() {
        let (_there, folder) = folder();
        save_named(&folder, "best", &checkpoint(100)).unwrap();
        for step in [100, 200, 10_000_000, 300] {
            save(&folder, &checkpoint(step), KEEP_LAST).unwrap();
        }
        let steps: Vec<u64> = list(&folder).unwrap().into_iter().map(|(step, _)| step).collect();
        assert_eq!(steps, [300, 10_000_000]);
        assert_eq!(
            load(&folder.checkpoints_folder().join("best.safetensors"))
                .unwrap()
                .step,
            100
        );
        assert_eq!(
            fs::read_dir(folder.checkpoints_folder()).unwrap().count(),
            3,
            "nothing partial is left"
        );
        save(&folder, &checkpoint(1), 0).unwrap();
        assert!(
            folder.checkpoint_file(1).exists(),
            "the one just saved is never removed"
        );
    }

    #[test]
    fn a_checkpoint_cut_anywhere_is_refused_and_the_one_before_named() {
        let (_there, folder) = folder();
        let previous = save(&folder, &checkpoint(100), KEEP_LAST).unwrap();
        let path = save(&folder, &checkpoint(200), KEEP_LAST).unwrap();
        let whole = fs::read(&path).unwrap();
        for length in (0..whole.len()).step_by(97).chain([1, 7, 8, 9, whole.len() - 1]) {
            fs::write(&path, &whole[..length]).unwrap();
            match load_latest(&folder) {
                Err(RunError::CheckpointDamaged {
                    previous: Some(named),
                    path: of,
                    ..
                }) => {
                    assert_eq!(
                        (named, of),
                        (previous.clone(), path.clone()),
                        "cut after {length} bytes"
                    );
                }
                other => panic!("cut after {length} bytes: {other:?}"),
            }
        }
        fs::write(&path, [&whole[..], b"x"].concat()).unwrap();
        assert!(
            matches!(load(&path), Err(RunError::CheckpointDamaged { .. })),
            "a byte too many"
        );
        fs::remove_file(&previous).unwrap();
        assert!(matches!(
            load(&path),
            Err(RunError::CheckpointDamaged { previous: None, .. })
        ));
    }

    #[test]
    fn an_altered_byte_anywhere_is_refused() {
        let (_there, folder) = folder();
        let path = save(&folder, &checkpoint(1), KEEP_LAST).unwrap();
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            for flip in [0x01, 0x80, 0xff] {
                let mut altered = whole.clone();
                altered[at] ^= flip;
                fs::write(&path, &altered).unwrap();
                assert!(
                    matches!(load(&path), Err(RunError::CheckpointDamaged { .. })),
                    "byte {at} ^ {flip:#x}"
                );
            }
        }
    }

    proptest! {
        #[test]
        fn rubbish_never_panics(rubbish: Vec<u8>, length in 0_u64..300) {
            let there = tempfile::tempdir().unwrap();
            let path = there.path().join("step-0000001.safetensors");
            fs::write(&path, [&length.to_le_bytes()[..], BEFORE_DIGEST.as_bytes(), &rubbish].concat()).unwrap();
            let refused = matches!(load(&path), Err(RunError::CheckpointDamaged { .. }));
            prop_assert!(refused);
            fs::write(&path, &rubbish).unwrap();
            let refused = matches!(load(&path), Err(RunError::CheckpointDamaged { .. }));
            prop_assert!(refused);
        }
    }

    #[test]
    fn a_full_disk_leaves_the_checkpoints_that_were_there() {
        let (_there, folder) = folder();
        save(&folder, &checkpoint(100), 1).unwrap();
        let path = folder.checkpoint_file(100);
        let before = fs::read(&path).unwrap();
        let mut next = checkpoint(100);
        next.tensors
            .push(tensor("large", Dtype::U64, &[20_000], vec![9; 160_000]));
        for room in [0, 5, 300, 70_000, 160_000] {
            let failed = save_through(&path, &next, |inner| NearlyFull { inner, room }).unwrap_err();
            assert!(failed.hint().unwrap().contains("the disk is full"), "{failed}");
            assert_eq!(fs::read(&path).unwrap(), before);
            assert_eq!(fs::read_dir(folder.checkpoints_folder()).unwrap().count(), 1);
        }
    }

    #[test]
    fn another_format_is_told_apart_from_damage() {
        let (_there, folder) = folder();
        let newer = Checkpoint {
            format_version: 2,
            ..checkpoint(1)
        };
        save(&folder, &newer, KEEP_LAST).unwrap();
        assert!(matches!(
            load_latest(&folder),
            Err(RunError::CheckpointFormat {
                expected: 1,
                got: 2,
                ..
            })
        ));
    }

    #[test]
    fn older_formats_are_brought_up_one_at_a_time() {
        // What later versions might do: name tensors anew, then write down the place in the data as batches.
        let migrations: &[Migration] = &[
            |checkpoint| {
                for tensor in &mut checkpoint.tensors {
                    tensor.name = tensor.name.replace("z.", "latent.");
                }
                Ok(())
            },
            |checkpoint| {
                let examples = checkpoint.meta.remove("examples").and_then(|value| value.as_u64());
                let batches = examples.ok_or("it does not say how many examples it has seen")? / 8;
                checkpoint.meta.insert("batches".into(), json!(batches));
                Ok(())
            },
        ];
        let (_there, folder) = folder();
        let loaded = |format_version, examples: Option<u64>| {
            let meta = examples.map(|examples| ("examples".to_owned(), json!(examples)));
            let saved = Checkpoint {
                format_version,
                meta: meta.into_iter().collect(),
                ..checkpoint(1)
            };
            let path = save(&folder, &saved, KEEP_LAST).unwrap();
            let bytes = fs::read(&path).unwrap();
            load_from(&bytes[..], bytes.len() as u64, migrations, &path)
        };
        let from_first = loaded(1, Some(80)).unwrap();
        assert_eq!(from_first.format_version, 3);
        assert_eq!(from_first.tensors[0].name, "latent.weight");
        assert_eq!(from_first.meta, [("batches".to_owned(), json!(10))].into());
        let from_second = loaded(2, Some(80)).unwrap();
        assert_eq!(
            from_second.tensors[0].name, "z.weight",
            "the first migration lies behind it"
        );
        assert_eq!(from_second.meta, from_first.meta);
        assert_eq!(loaded(3, Some(80)).unwrap().meta["examples"], 80);

        let refused = loaded(2, None).unwrap_err().to_string();
        assert!(
            refused.contains("it does not say how many examples it has seen"),
            "{refused}"
        );
        for unknown in [0, 4, u32::MAX] {
            let refused = loaded(unknown, Some(80));
            assert!(matches!(refused, Err(RunError::CheckpointFormat { expected: 3, got, .. }) if got == unknown));
        }
    }

    #[test]
    fn what_contradicts_itself_is_not_saved() {
        let (_there, folder) = folder();
        let saving = |tensors| {
            save(
                &folder,
                &Checkpoint {
                    tensors,
                    ..checkpoint(1)
                },
                KEEP_LAST,
            )
        };
        let short = tensor("w", Dtype::F64, &[2], vec![0; 15]);
        assert!(matches!(
            saving(vec![short]),
            Err(RunError::TensorBytes {
                expected: 16,
                got: 15,
                ..
            })
        ));
        let huge = tensor("w", Dtype::F64, &[usize::MAX, 2], vec![]);
        assert!(matches!(saving(vec![huge]), Err(RunError::TensorBytes { .. })));
        let scalar = tensor("w", Dtype::F32, &[], vec![0; 4]);
        assert!(matches!(
            saving(vec![scalar.clone(), scalar.clone()]),
            Err(RunError::TensorName { .. })
        ));
        let reserved = NamedTensor {
            name: "__metadata__".into(),
            ..scalar
        };
        assert!(matches!(saving(vec![reserved]), Err(RunError::TensorName { .. })));
        for name in ["", "a/b", "..", "step-1", "a.b"] {
            assert!(matches!(
                save_named(&folder, name, &checkpoint(1)),
                Err(RunError::CheckpointName { .. })
            ));
        }
        assert!(matches!(load_latest(&folder), Err(RunError::NoCheckpoint { .. })));
        fs::remove_dir(folder.checkpoints_folder()).unwrap();
        assert!(matches!(load_latest(&folder), Err(RunError::NoCheckpoint { .. })));
    }

    #[test]
    fn empty_states_and_empty_tensors_can_be_saved() {
        let (_there, folder) = folder();
        for tensors in [vec![], vec![tensor("none", Dtype::F32, &[0, 3], vec![])]] {
            let saved = Checkpoint {
                tensors,
                meta: BTreeMap::new(),
                ..checkpoint(1)
            };
            save(&folder, &saved, KEEP_LAST).unwrap();
            assert_eq!(load_latest(&folder).unwrap(), saved);
        }
    }
}
