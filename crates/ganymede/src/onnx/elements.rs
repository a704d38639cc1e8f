//! Tensors that an ONNX file stores: their elements in one of several fields, or in another file beside it.
use super::error::{Problem, Result};
use super::messages::Stored;
use super::value::{Value, room};
use gany_engine::Tensor;
use half::{bf16, f16};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Component, Path};

/// What the elements of a tensor are, by the number that `onnx.proto` gives it: bytes of each, and how they are read.
#[derive(Clone, Copy)]
enum Kind {
    Float(usize, fn(&[u8]) -> f32),
    Whole(usize, fn(&[u8]) -> i64),
}

macro_rules! little_endian {
    ($kind:ident, $type:ty, $to:ty) => {
        Kind::$kind(size_of::<$type>(), |bytes| {
            let number = <$type>::from_le_bytes(bytes.try_into().expect("as many bytes as it takes"));
            number as $to
        })
    };
}

fn kind(number: i64) -> Option<Kind> {
    Some(match number {
        1 => little_endian!(Float, f32, f32),
        2 | 9 => little_endian!(Whole, u8, i64),
        3 => little_endian!(Whole, i8, i64),
        4 => little_endian!(Whole, u16, i64),
        5 => little_endian!(Whole, i16, i64),
        6 => little_endian!(Whole, i32, i64),
        7 => little_endian!(Whole, i64, i64),
        10 => Kind::Float(2, |bytes| f16::from_le_bytes([bytes[0], bytes[1]]).to_f32()),
        11 => little_endian!(Float, f64, f32),
        12 => little_endian!(Whole, u32, i64),
        13 => little_endian!(Whole, u64, i64),
        16 => Kind::Float(2, |bytes| bf16::from_le_bytes([bytes[0], bytes[1]]).to_f32()),
        _ => return None,
    })
}

/// The name of a kind of elements, as messages say it.
pub(super) fn kind_name(number: i64) -> String {
    let names = [
        "undefined",
        "float",
        "uint8",
        "int8",
        "uint16",
        "int16",
        "int32",
        "int64",
        "string",
        "bool",
        "float16",
        "double",
        "uint32",
        "uint64",
        "complex64",
        "complex128",
        "bfloat16",
    ];
    let name = usize::try_from(number).ok().and_then(|number| names.get(number));
    name.map_or_else(|| format!("of the unknown kind {number}"), |name| (*name).to_owned())
}

/// Whether elements of this kind are floats.
pub(super) fn is_float(number: i64) -> bool {
    matches!(kind(number), Some(Kind::Float(..)))
}

/// The value of a stored tensor; `folder` is where the file lies that stores it.
pub(super) fn read(stored: &Stored, file: &[u8], folder: &Path) -> Result<Value> {
    let name = &stored.name;
    let damaged = |what: String| Problem::damaged(format!("tensor `{name}` {what}"));
    let kind =
        kind(stored.kind).ok_or_else(|| damaged(format!("holds elements that are {}", kind_name(stored.kind))))?;
    let extents: Option<Vec<usize>> = stored
        .extents
        .iter()
        .map(|&extent| usize::try_from(extent).ok())
        .collect();
    let Some(shape) = extents.filter(|extents| room(extents).is_ok()) else {
        return Err(damaged(format!("has impossible extents {:?}", stored.extents)));
    };
    let count: usize = shape.iter().product();
    let short = |got: usize| damaged(format!("of extents {shape:?} has {got} elements"));
    let from_bytes = |bytes: &[u8]| -> Result<Value> {
        let size = match kind {
            Kind::Float(size, _) | Kind::Whole(size, _) => size,
        };
        if Some(bytes.len()) != count.checked_mul(size) {
            return Err(short(bytes.len() / size));
        }
        let each = bytes.chunks_exact(size);
        Ok(match kind {
            Kind::Float(_, one) => Value::known(Tensor::from_f32(&shape, &each.map(one).collect::<Vec<_>>())),
            Kind::Whole(_, one) => Value::wholes(&shape, &each.map(one).collect::<Vec<_>>()),
        })
    };
    if stored.elsewhere.is_some() {
        let size = match kind {
            Kind::Float(size, _) | Kind::Whole(size, _) => size,
        };
        return from_bytes(&elsewhere(stored, folder, count.saturating_mul(size))?);
    }
    if let Some(range) = &stored.raw {
        return from_bytes(&file[range.clone()]);
    }
    match kind {
        // Halves lie among whole numbers, as the bits that they are.
        Kind::Float(2, one) => {
            let bits = stored.wholes.iter().map(|&bits| one(&(bits as u16).to_le_bytes()));
            let floats: Vec<f32> = bits.collect();
            (floats.len() == count)
                .then(|| Value::known(Tensor::from_f32(&shape, &floats)))
                .ok_or_else(|| short(floats.len()))
        }
        Kind::Float(..) if stored.floats.len() == count => Ok(Value::known(Tensor::from_f32(&shape, &stored.floats))),
        Kind::Float(..) => Err(short(stored.floats.len())),
        Kind::Whole(..) if stored.wholes.len() == count => Ok(Value::wholes(&shape, &stored.wholes)),
        Kind::Whole(..) => Err(short(stored.wholes.len())),
    }
}

/// So many bytes of another file, of which the network says where it lies.
fn elsewhere(stored: &Stored, folder: &Path, bytes: usize) -> Result<Vec<u8>> {
    let said = |key: &str| stored.elsewhere.as_ref().and_then(|said| said.get(key));
    let location = said("location").cloned().unwrap_or_default();
    let problem = |reason: String| Problem::ExternalData {
        tensor: stored.name.clone(),
        location: location.clone(),
        reason,
    };
    // A network that was got from somebody must not name files elsewhere on this computer.
    let is_beside = Path::new(&location)
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    if location.is_empty() || !is_beside {
        return Err(problem("which is not beside the network".into()));
    }
    let number = |key: &str| said(key).map(|text| text.trim().parse::<u64>()).transpose();
    let (Ok(offset), Ok(length)) = (number("offset"), number("length")) else {
        return Err(problem("at a place that is no number".into()));
    };
    let (offset, length) = (offset.unwrap_or(0), length.unwrap_or(bytes as u64));
    let unreadable = |error: std::io::Error| problem(format!("which cannot be read ({})", error.kind()));
    let mut other = File::open(folder.join(&location)).map_err(unreadable)?;
    let size = other.metadata().map_err(unreadable)?.len();
    let is_within = offset.checked_add(length).is_some_and(|end| end <= size);
    if length != bytes as u64 || !is_within {
        return Err(problem(format!(
            "of {size} bytes, where {bytes} bytes from {offset} were expected"
        )));
    }
    let mut read = vec![0; bytes];
    other
        .seek(SeekFrom::Start(offset))
        .and_then(|_| other.read_exact(&mut read))
        .map_err(unreadable)?;
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn stored(kind: i64, extents: &[i64]) -> Stored {
        Stored {
            name: "w".into(),
            kind,
            extents: extents.to_vec(),
            ..Stored::default()
        }
    }

    fn message(stored: &Stored, file: &[u8], folder: &Path) -> String {
        read(stored, file, folder).unwrap_err().to_string()
    }

    #[test]
    fn elements_by_hand() {
        let nowhere = Path::new("");
        let raw = Stored {
            raw: Some(1..5),
            ..stored(10, &[2])
        };
        // 1 and -2 as halves.
        let value = read(&raw, &[9, 0, 0x3c, 0, 0xc0], nowhere).unwrap();
        assert_eq!(value.tensor().to_f32(), [1.0, -2.0]);
        let bits = Stored {
            wholes: vec![0x3c00],
            ..stored(10, &[])
        };
        assert_eq!(read(&bits, &[], nowhere).unwrap().tensor().to_f32(), [1.0]);
        let bytes = Stored {
            raw: Some(0..2),
            ..stored(3, &[1, 2])
        };
        let value = read(&bytes, &[0xff, 2], nowhere).unwrap();
        assert_eq!((value.shape(), value.tensor().to_f64()), (vec![1, 2], vec![-1.0, 2.0]));
    }

    #[test]
    fn what_is_wrong_with_a_tensor_is_said() {
        let nowhere = Path::new("");
        assert_eq!(
            message(&stored(8, &[1]), &[], nowhere),
            "damaged ONNX file: tensor `w` holds elements that are string"
        );
        assert_eq!(
            message(&stored(1, &[i64::MAX, 4]), &[], nowhere),
            "damaged ONNX file: tensor `w` has impossible extents [9223372036854775807, 4]"
        );
        assert_eq!(
            message(&stored(7, &[1 << 30]), &[], nowhere),
            "damaged ONNX file: tensor `w` of extents [1073741824] has 0 elements"
        );
    }

    #[test]
    fn another_file_is_read_only_beside_the_network() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("w.bin"), [0, 0, 0x80, 0x3f, 0, 0, 0, 0x40]).unwrap();
        let named = |location: &str, offset: &str| Stored {
            elsewhere: Some(HashMap::from([
                ("location".into(), location.into()),
                ("offset".into(), offset.into()),
            ])),
            ..stored(1, &[1])
        };
        let value = read(&named("w.bin", "4"), &[], folder.path()).unwrap();
        assert_eq!(value.tensor().to_f32(), [2.0]);
        let said = |location: &str, offset: &str| message(&named(location, offset), &[], folder.path());
        assert_eq!(
            said("../w.bin", "0"),
            "the weights of `w` lie in another file, `../w.bin`, which is not beside the network"
        );
        assert!(said("/etc/passwd", "0").ends_with("which is not beside the network"));
        assert_eq!(
            said("v.bin", "0"),
            "the weights of `w` lie in another file, `v.bin`, which cannot be read (entity not found)"
        );
        assert_eq!(
            said("w.bin", "5"),
            "the weights of `w` lie in another file, `w.bin`, of 8 bytes, where 4 bytes from 5 were expected"
        );
    }
}
