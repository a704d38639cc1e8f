//! Faces cut out of pictures and films, upright and of one size, in a folder to train on.
use super::alignment::{Plane, Similarity, resampled};
use super::faces::Faces;
use super::finding::{Tally, Which, find};
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
    let unwritable = |path: &Path, source| DataError::Unwritable {
        path: path.to_owned(),
        source,
    };
    // Written aside, so that a folder of this name is whole.
    let aside = cache.join(format!("{}.{}", &digest[..16], std::process::id()));
    std::fs::create_dir_all(&aside).map_err(|error| unwritable(&aside, error))?;
    let (mut tally, mut failed, mut all_grey) = (Tally::default(), None, true);
    let read = frames.each(&mut |_, picture| {
        let found = find(faces, &picture, which);
        tally.note(&found);
        say(tally.looked);
        let Some(upright) = found.ok().and_then(|found| Similarity::upright(&found.landmarks, SIDE)) else {
            return;
        };
        let cut = resampled(&Plane::of(&picture), &upright.inverse(), [SIDE, SIDE]).picture();
        let path = aside.join(format!("{:06}.png", tally.usable));
        let is_grey = picture.pixels().all(|pixel| pixel.0[0] == pixel.0[1] && pixel.0[1] == pixel.0[2]);
        all_grey &= is_grey;
        let saved = match is_grey {
            true => image::DynamicImage::ImageRgb8(cut).into_luma8().save(&path),
            false => cut.save(&path),
        };
        if let Err(error) = saved {
            failed.get_or_insert(unwritable(&path, std::io::Error::other(error)));
        }
    });
    let outcome = read.map_err(FacesError::from).and_then(|_| match failed {
        Some(error) => Err(error.into()),
        None if tally.usable < LEAST_FACES => Err(FacesError::TooFew {
            source_name: named.to_owned(),
            tally,
        }),
        None => {
            let kept = Kept {
                tally,
                is_grey: all_grey,
            };
            let text = serde_json::to_vec(&kept).expect("numbers are plain");
            let put = std::fs::write(aside.join(KEPT), text).and_then(|()| match std::fs::rename(&aside, &folder) {
                // Another process was faster with the same.
                Err(_) if folder.join(KEPT).exists() => std::fs::remove_dir_all(&aside),
                put => put,
            });
            put.map_err(|error| unwritable(&folder, error).into())
        }
    });
    if outcome.is_err() {
        let _ = std::fs::remove_dir_all(&aside);
    }
    outcome.map(|()| Cut {
        folder,
        tally,
        is_grey: all_grey,
        already: false,
    })
}
