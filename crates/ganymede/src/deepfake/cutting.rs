//! Faces cut out of pictures and films, upright and of one size, in a folder to train on.
use super::alignment::{Landmarks, Similarity, resampled};
use super::faces::{Faces, LANDMARKS};
use super::finding::{Found, Tally, Which, find};
use super::plane::Plane;
use crate::data::frames::Frames;
use crate::data::{DataError, get};
use crate::metrics::features::FeaturesError;
use std::path::{Path, PathBuf};

/// Height and width of what is cut out; trainings bring it to their own size.
pub const SIDE: usize = 160;
/// Fewer faces than this show no person.
const LEAST_FACES: u64 = 5;
/// What was found, beside the cut-out faces.
const KEPT: &str = "found.json";
/// A number that changes when faces are cut out otherwise.
const VERSION: u32 = 1;

/// What can keep faces from being found, cut out or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FacesError {
    /// The networks that find faces are not there.
    #[error(transparent)]
    Features(#[from] FeaturesError),
    /// The pictures cannot be read, or what is cut out cannot be written.
    #[error(transparent)]
    Data(#[from] DataError),
    /// Too few faces to learn from.
    #[error("expected {LEAST_FACES} faces or more, got {} in {source_name}: {tally}", tally.usable)]
    TooFew {
        /// What was looked at, as it was named.
        source_name: String,
        /// What was found.
        tally: Tally,
    },
    /// No picture could be changed.
    #[error("no face that can be changed in {source_name}: {tally}")]
    None {
        /// What was looked at, as it was named.
        source_name: String,
        /// What was found.
        tally: Tally,
    },
}

impl FacesError {
    /// The way out, one sentence without a full stop.
    pub fn hint(&self) -> Option<String> {
        match self {
            FacesError::Features(error) => error.hint(),
            FacesError::Data(error) => error.hint(),
            FacesError::TooFew { .. } | FacesError::None { .. } => Some(
                "faces are found that look towards the camera and whose eyes are 12 pixels apart or more; give larger or other pictures"
                    .into(),
            ),
        }
    }
}

/// Faces that were cut out.
#[derive(Clone, Debug)]
pub struct Cut {
    /// The folder that holds them, `000001.png` and on.
    pub folder: PathBuf,
    /// What was found.
    pub tally: Tally,
    /// Whether all of them are grey.
    pub is_grey: bool,
    /// Whether they had been cut out before.
    pub already: bool,
}

/// What is written down of them.
#[derive(serde::Serialize, serde::Deserialize)]
struct Kept {
    tally: Tally,
    is_grey: bool,
}

/// Cuts out the faces of what a person named, into the cache folder: once for the same content. `say` is told how many
/// pictures were looked at.
///
/// # Errors
/// [`FacesError`].
pub fn cut_out(named: &str, faces: &mut Faces, which: Which, say: &mut dyn FnMut(u64)) -> Result<Cut, FacesError> {
    let frames = Frames::open(named)?;
    let digest = crate::data::sha256_hex(&[format!("{VERSION} {SIDE} {which:?} {}", frames.digest()?).as_bytes()]);
    let cache = get::cache_folder()?.join("faces");
    let folder = cache.join(&digest[..16]);
    let kept = std::fs::read(folder.join(KEPT)).ok();
    if let Some(Kept { tally, is_grey }) = kept.and_then(|bytes| serde_json::from_slice(&bytes).ok()) {
        return Ok(Cut {
            folder,
            tally,
            is_grey,
            already: true,
        });
    }
    // Written aside, so that a folder of this name is whole.
    let aside = cache.join(format!("{}.{}", &digest[..16], std::process::id()));
    let put = cut_into(&aside, &frames, named, faces, which, say).and_then(|cut| {
        let put = match std::fs::rename(&aside, &folder) {
            // Another process was faster with the same.
            Err(_) if folder.join(KEPT).exists() => std::fs::remove_dir_all(&aside),
            put => put,
        };
        put.map_err(|error| unwritable(&folder, error))?;
        Ok(Cut {
            folder: folder.clone(),
            ..cut
        })
    });
    if put.is_err() {
        let _ = std::fs::remove_dir_all(&aside);
    }
    put
}

/// Cuts out the faces of pictures into a folder: `000001.png` and on, and `labels.csv` with the landmarks of each and, where all
/// pictures lie in sub-folders, whose it is.
///
/// # Errors
/// [`FacesError`].
pub fn cut_into(
    folder: &Path,
    frames: &Frames,
    named: &str,
    faces: &mut Faces,
    which: Which,
    say: &mut dyn FnMut(u64),
) -> Result<Cut, FacesError> {
    std::fs::create_dir_all(folder).map_err(|error| unwritable(folder, error))?;
    let (mut tally, mut failed, mut all_grey, mut rows) = (Tally::default(), None, true, vec![]);
    frames.each(&mut |name, picture| {
        let found = find(faces, &picture, which);
        tally.note(&found);
        say(tally.looked);
        let upright = |found: Found| Some((Similarity::upright(&found.landmarks, SIDE)?, found.landmarks));
        let Some((upright, landmarks)) = found.ok().and_then(upright) else {
            return;
        };
        let cut = resampled(&Plane::of(&picture), &upright.inverse(), [SIDE, SIDE]).picture();
        let file = format!("{:06}.png", tally.usable);
        let is_grey = picture
            .pixels()
            .all(|pixel| pixel.0[0] == pixel.0[1] && pixel.0[1] == pixel.0[2]);
        all_grey &= is_grey;
        let saved = match is_grey {
            true => image::DynamicImage::ImageRgb8(cut)
                .into_luma8()
                .save(folder.join(&file)),
            false => cut.save(folder.join(&file)),
        };
        if let Err(error) = saved {
            failed.get_or_insert(unwritable(folder, std::io::Error::other(error)));
        }
        let person = name.split_once('/').map(|(person, _)| person.to_owned());
        rows.push((file, person, upright.landmarks(&landmarks)));
    })?;
    if let Some(error) = failed {
        return Err(error.into());
    }
    if tally.usable < LEAST_FACES {
        return Err(FacesError::TooFew {
            source_name: named.to_owned(),
            tally,
        });
    }
    let kept = Kept {
        tally,
        is_grey: all_grey,
    };
    let text = serde_json::to_vec(&kept).expect("numbers are plain");
    let written =
        std::fs::write(folder.join("labels.csv"), table(&rows)).and_then(|()| std::fs::write(folder.join(KEPT), text));
    written.map_err(|error| unwritable(folder, error))?;
    Ok(Cut {
        folder: folder.to_owned(),
        tally,
        is_grey: all_grey,
        already: false,
    })
}

fn unwritable(path: &Path, source: std::io::Error) -> DataError {
    DataError::Unwritable {
        path: path.to_owned(),
        source,
    }
}

/// `labels.csv` of cut-out faces: file, person where all have one, the places of their landmarks in pixels.
fn table(rows: &[(String, Option<String>, Landmarks)]) -> String {
    let has_persons = rows.iter().all(|(_, person, _)| person.is_some());
    let mut titles = vec!["file".to_owned()];
    titles.extend(has_persons.then(|| "label".to_owned()));
    titles.extend((0..LANDMARKS).flat_map(|i| [format!("point{i}_x"), format!("point{i}_y")]));
    let mut text = titles.join(",") + "\n";
    for (file, person, landmarks) in rows {
        let mut cells = vec![file.clone()];
        // Quotes hold a comma in a name together.
        cells.extend(
            person
                .iter()
                .filter(|_| has_persons)
                .map(|name| format!("\"{}\"", name.replace('"', "\"\""))),
        );
        cells.extend(landmarks.iter().flatten().map(|place| format!("{place:.2}")));
        text += &(cells.join(",") + "\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Field, Want, open};
    use crate::deepfake::alignment::tests::aligned;

    /// What is written is read as faces with persons and landmarks.
    #[test]
    fn a_table_of_faces_is_read_back() {
        let there = tempfile::tempdir().unwrap();
        let landmarks = aligned(SIDE as f32);
        let rows: Vec<_> = ["ann", "b, \"bob\""]
            .iter()
            .enumerate()
            .map(|(i, person)| (format!("{i}.png"), Some((*person).to_owned()), landmarks))
            .collect();
        for (file, ..) in &rows {
            image::GrayImage::new(SIDE as u32, SIDE as u32)
                .save(there.path().join(file))
                .unwrap();
        }
        std::fs::write(there.path().join("labels.csv"), table(&rows)).unwrap();
        let data = open(there.path().to_str().unwrap(), &Want::default()).unwrap();
        assert_eq!(data.classes().unwrap(), ["ann", "b, \"bob\""]);
        assert_eq!(data.extras()[0].field, Field::Points);
        let mut points = vec![0.0; 2 * LANDMARKS];
        data.read_extra(0, 1, &mut points).unwrap();
        // The nose of an aligned face is in the middle, at 0.535 of the height.
        assert!(
            (points[60] - 0.0).abs() < 1e-3 && (points[61] - 0.07).abs() < 1e-3,
            "{:?}",
            &points[60..62]
        );
        let nameless = [("1.png".to_owned(), None, landmarks)];
        assert!(table(&nameless).starts_with("file,point0_x,point0_y,"));
    }

    /// With the fetched networks; only where they are in the cache folder.
    #[test]
    fn pictures_without_faces_are_said() {
        let mut faces = match Faces::open() {
            Ok(faces) => faces,
            Err(error) => return println!("skipped: {error}"),
        };
        let there = tempfile::tempdir().unwrap();
        let named = there.path().join("grey");
        std::fs::create_dir(&named).unwrap();
        for i in 0..3 {
            image::GrayImage::new(40, 30)
                .save(named.join(format!("{i}.png")))
                .unwrap();
        }
        let named = named.to_str().unwrap();
        let frames = Frames::open(named).unwrap();
        let cut = cut_into(
            &there.path().join("cut"),
            &frames,
            named,
            &mut faces,
            Which::Largest,
            &mut |_| {},
        );
        assert_eq!(
            cut.unwrap_err().to_string(),
            format!(
                "expected 5 faces or more, got 0 in {named}: 0 of 3 pictures have a face that can be used; 3 have none"
            )
        );
    }
}
