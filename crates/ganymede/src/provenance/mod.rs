//! What a file says of where it comes from: a record in words, which any program removes, and a mark in its pixels that nobody
//! sees and that survives most of what happens to pictures. Both label what was made; neither proves that anything was not.
pub mod records;
pub mod watermark;

pub use records::Record;
pub use watermark::Reading;

use crate::data::{DataError, Want, decode, moving};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::path::Path;

/// What was found in a file.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Found {
    /// What it says in words.
    pub record: Option<Record>,
    /// What its picture, the first where it moves, says; nothing for sounds, and for films where this build reads none.
    pub watermark: Option<Reading>,
    /// Whether the mark's message is that of the record; nothing where one of both is missing.
    pub is_of_record: Option<bool>,
}

impl Found {
    /// Whether it says of itself that this program made it.
    pub fn is_ours(&self) -> bool {
        self.record.is_some() || self.watermark.is_some_and(|reading| reading.is_marked())
    }
}

/// What the mark of a thing with this source says: the beginning of the words' SHA-256.
pub fn message(source: &str) -> [u8; watermark::MESSAGE_BYTES] {
    let digest = Sha256::digest(source.as_bytes());
    *digest.first_chunk().expect("thirty-two bytes")
}

/// Looks into a picture, something that moves, or a sound.
///
/// # Errors
/// [`DataError`] where it cannot be read, or is neither.
pub fn examine(path: &Path) -> Result<Found, DataError> {
    let bytes = std::fs::read(path).map_err(|error| DataError::reading(path, error))?;
    let record = records::of(&bytes);
    let watermark = match &bytes[..] {
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'A', b'V', b'E', ..] => None,
        _ if bytes.get(4..8) == Some(b"ftyp") && !cfg!(feature = "film") => None,
        _ if bytes.get(4..8) == Some(b"ftyp") => Some(of_film(path)?),
        _ => {
            let (shape, levels) = decode::decode(path, &bytes)?;
            Some(watermark::read(&levels, shape))
        }
    };
    let said = watermark.and_then(|reading| reading.message);
    let is_of_record = said
        .zip(record.as_ref())
        .map(|(said, record)| said == message(&record.source));
    Ok(Found {
        record,
        watermark,
        is_of_record,
    })
}

/// The mark of a film's first frame.
fn of_film(path: &Path) -> Result<Reading, DataError> {
    let film = moving::read(
        path,
        &Want {
            channels: Some(3),
            ..Want::default()
        },
    )?;
    let frame = &film.values[..film.values.len() / film.count];
    let levels: Vec<u8> = frame
        .iter()
        .map(|value| ((value + 1.0) * 127.5).round() as u8)
        .collect();
    let [height, width, _] = film.shape;
    Ok(watermark::read(&levels, [height, width, 3]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{Pictures, Stamp, grid_png};

    fn drawn(path: &Path, side: usize) {
        let values: Vec<f32> = (0..side * side).map(|i| ((i * i) % 97) as f32 / 60.0 - 0.8).collect();
        let pictures = Pictures {
            values: &values,
            count: 1,
            height: side,
            width: side,
            channels: 1,
        };
        let stamp = Stamp {
            system: "dcgan".into(),
            seed: 7,
            step: 400,
        };
        grid_png(&pictures, 1, &stamp, path).unwrap();
    }

    #[test]
    fn a_picture_says_where_it_comes_from_and_goes_on_saying_it() {
        let there = tempfile::tempdir().unwrap();
        let path = there.path().join("a.png");
        drawn(&path, 260);
        let found = examine(&path).unwrap();
        assert_eq!(
            found.record.as_ref().unwrap().source,
            "synthetic image, system dcgan, run seed 7, step 400"
        );
        assert_eq!(found.is_of_record, Some(true));
        // A JPEG has lost the words.
        let other = there.path().join("b.jpg");
        image::open(&path).unwrap().save(&other).unwrap();
        let found = examine(&other).unwrap();
        assert!(found.record.is_none() && found.is_ours());
        assert_eq!(
            found.watermark.unwrap().message,
            Some(message("synthetic image, system dcgan, run seed 7, step 400"))
        );
    }

    #[test]
    fn words_that_are_not_those_of_the_mark_are_noticed() {
        let there = tempfile::tempdir().unwrap();
        let path = there.path().join("a.png");
        drawn(&path, 260);
        let forged = std::fs::read(&path).unwrap();
        let at = forged.windows(5).position(|part| part == b"dcgan").unwrap();
        let forged = [&forged[..at], b"other", &forged[at + 5..]].concat();
        let (_, levels) = decode::decode(&path, &std::fs::read(&path).unwrap()).unwrap();
        let record = records::of(&forged).unwrap();
        let reading = watermark::read(&levels, [264, 264, 1]);
        assert_ne!(reading.message, Some(message(&record.source)));
    }

    #[test]
    fn what_is_no_picture_is_an_error() {
        let there = tempfile::tempdir().unwrap();
        let path = there.path().join("a.png");
        std::fs::write(&path, b"hello").unwrap();
        assert!(matches!(examine(&path), Err(DataError::BrokenPicture { .. })));
        assert!(matches!(
            examine(&there.path().join("none")),
            Err(DataError::NotFound { .. })
        ));
    }
}
