//! Volumes of medicine: patches of NIfTI files, and of projects of InVesalius, as examples.
//!
//! One head gives many patches, and they are not independent: a model that has seen some has seen their neighbours. With a split,
//! `train` is of the left half of each volume and `test` of the right one, with room between them; where the halves of a body
//! mirror each other, the right one is no other patient.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::{DataError, Result};
use super::nifti::{self, Scan};
use super::shaping::Want;
use super::{Dataset, Shape, sha256_hex};

/// Places along each axis of a patch where nothing is wanted.
const SIDE: usize = 32;
/// The sides that can be wanted.
const SIDES: std::ops::RangeInclusive<usize> = 8..=128;
/// A patch begins at every place of so many to its side.
const STARTS: usize = 4;
/// The least share of a patch that is no air: places above a tenth of the range.
const LEAST_BODY: f32 = 0.5;
/// Of all numbers, the share below and above the range that [-1, 1] stands for.
const BEYOND: f64 = 0.001;
/// The most places of an archive's volume.
const MAX_PLACES: usize = 1 << 27;

/// What the numbers of a volume stand for.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Voxels {
    /// The distance of neighbours along depth, height and width, in millimetres.
    pub spacing_mm: [f32; 3],
    /// What -1 and 1 stand for, in the scanner's numbers.
    pub range: [f32; 2],
}

impl Voxels {
    /// A volume of numbers in [-1, 1] as a scanner would have it.
    pub fn scan(&self, extents: [usize; 3], values: &[f32]) -> Scan {
        let [low, high] = self.range;
        Scan {
            extents,
            spacing_mm: self.spacing_mm,
            values: values.iter().map(|x| low + (x + 1.0) * 0.5 * (high - low)).collect(),
        }
    }
}

/// Patches of volumes.
pub struct Patches {
    name: String,
    digest: String,
    side: usize,
    voxels: Voxels,
    /// Volumes of numbers in [-1, 1], with their extents.
    volumes: Vec<([usize; 3], Vec<f32>)>,
    /// The volume and the first corner of each patch.
    corners: Vec<(u32, [u32; 3])>,
    notes: Vec<String>,
}

impl std::fmt::Debug for Patches {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Patches")
            .field("name", &self.name)
            .field("count", &self.corners.len())
            .field("side", &self.side)
            .finish_non_exhaustive()
    }
}

/// Whether a file of this name is taken for a volume.
pub(crate) fn is_volume(path: &Path) -> bool {
    nifti::is_nifti(path) || path.extension().is_some_and(|end| end.eq_ignore_ascii_case("inv3"))
}

/// The volumes of a folder that has no sub-folders, in the order of their names; none where it holds others.
pub(crate) fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = vec![];
    for entry in folder.read_dir().map_err(|e| DataError::reading(folder, e))? {
        let path = entry.map_err(|e| DataError::reading(folder, e))?.path();
        if is_volume(&path) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Opens volumes as cubes of the wanted side, the first volume's spacing and range standing for all.
///
/// # Errors
/// [`DataError::ImpossibleShape`] for a size that is no cube's; [`DataError::NoVolumePatch`] where none has a patch of that side;
/// those of [`nifti::read`].
pub(crate) fn open(name: &str, paths: &[PathBuf], split: Option<&str>, want: &Want) -> Result<Patches> {
    let (rows, columns) = want.size.unwrap_or((SIDE, SIDE));
    if rows != columns || !SIDES.contains(&rows) || want.channels.is_some_and(|channels| channels != 1) {
        return Err(DataError::ImpossibleShape {
            expected: "a cube of 8 to 128 places along each axis, of 1 channel",
            got: format!("{columns}x{rows}, channels: {}", want.channels.unwrap_or(1)),
        });
    }
    if !matches!(split, None | Some("train" | "test")) {
        return Err(DataError::UnknownSplit {
            name: name.split(':').next().unwrap_or(name).into(),
            split: split.unwrap_or_default().into(),
            has: "`train` or `test`".into(),
        });
    }
    let scans: Vec<Scan> = paths
        .iter()
        .map(|path| match nifti::is_nifti(path) {
            true => nifti::read(path),
            false => project(path),
        })
        .collect::<Result<_>>()?;
    let patches = of_scans(name, &scans, split, rows);
    patches.ok_or_else(|| DataError::NoVolumePatch {
        path: paths.first().cloned().unwrap_or_default(),
        side: rows,
        extents: scans.first().map_or([0; 3], |scan| scan.extents),
    })
}

fn of_scans(name: &str, scans: &[Scan], split: Option<&str>, side: usize) -> Option<Patches> {
    let mut patches = Patches {
        name: name.to_owned(),
        digest: String::new(),
        side,
        voxels: Voxels {
            spacing_mm: scans.first()?.spacing_mm,
            range: range(&scans.first()?.values),
        },
        volumes: vec![],
        corners: vec![],
        notes: vec![format!(
            "These are patches of {} volume{}: they overlap, and none is independent of the others.",
            scans.len(),
            if scans.len() == 1 { "" } else { "s" }
        )],
    };
    let [low, high] = patches.voxels.range;
    let mut bytes = format!("{side} {split:?}").into_bytes();
    for (number, scan) in scans.iter().enumerate() {
        let shown = |value: &f32| (2.0 * (value - low) / (high - low) - 1.0).clamp(-1.0, 1.0);
        let values: Vec<f32> = scan.values.iter().map(shown).collect();
        bytes.extend(scan.values.iter().flat_map(|value| value.to_le_bytes()));
        for corner in corners(scan.extents, split, side) {
            let (mut body, mut places) = (0, 0);
            each_row(scan.extents, corner, side, |row| {
                body += values[row..row + side].iter().filter(|value| **value > -0.8).count();
                places += side;
            });
            if body as f32 >= LEAST_BODY * places as f32 {
                patches.corners.push((number as u32, corner.map(|place| place as u32)));
            }
        }
        patches.volumes.push((scan.extents, values));
    }
    patches.digest = sha256_hex(&[&bytes]);
    (!patches.corners.is_empty()).then_some(patches)
}

/// The first places of patches that lie in a volume, or in the half of it that a split has.
fn corners([depth, height, width]: [usize; 3], split: Option<&str>, side: usize) -> Vec<[usize; 3]> {
    let step = (side / STARTS).max(1);
    let gap = side / 8;
    let across = match split {
        None => 0..width,
        Some("train") => 0..(width / 2).saturating_sub(gap),
        Some(_) => (width / 2 + gap).min(width)..width,
    };
    let starts = |range: std::ops::Range<usize>| {
        let count = (range.end - range.start + step).saturating_sub(side) / step;
        (0..count).map(move |i| range.start + i * step).collect::<Vec<_>>()
    };
    let (down, back, across) = (starts(0..depth), starts(0..height), starts(across));
    let mut corners = vec![];
    for z in &down {
        for y in &back {
            corners.extend(across.iter().map(|x| [*z, *y, *x]));
        }
    }
    corners
}

/// Calls `with` for the first number of each row of a patch.
fn each_row([_, height, width]: [usize; 3], [z, y, x]: [usize; 3], side: usize, mut with: impl FnMut(usize)) {
    for slice in z..z + side {
        (y..y + side).for_each(|row| with((slice * height + row) * width + x));
    }
}

/// The numbers that all but a few lie between.
fn range(values: &[f32]) -> [f32; 2] {
    let mut sorted = values.to_vec();
    sorted.sort_by(f32::total_cmp);
    let at = |share: f64| sorted[((sorted.len() - 1) as f64 * share).round() as usize];
    let [low, high] = [at(BEYOND), at(1.0 - BEYOND)];
    if high > low { [low, high] } else { [low, low + 1.0] }
}

/// A project of InVesalius: a packed archive with `matrix.dat`, 16-bit numbers, and `main.plist`, which says their extents.
fn project(path: &Path) -> Result<Scan> {
    let bad = |what, expected: &str, got: &str| DataError::bad("InVesalius project", path, what, expected, got);
    let file = File::open(path).map_err(|e| DataError::reading(path, e))?;
    let unpacked = flate2::read::MultiGzDecoder::new(std::io::BufReader::new(file));
    let mut archive = tar::Archive::new(unpacked);
    let damaged = |_| bad("archive", "a readable .tar.gz", "a damaged one");
    let (mut about, mut numbers) = (String::new(), vec![]);
    for member in archive.entries().map_err(damaged)? {
        let member = member.map_err(damaged)?;
        let name = member
            .path()
            .map_err(damaged)?
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        let read = match name.as_deref() {
            Some("main.plist") => member.take(1 << 20).read_to_string(&mut about),
            Some("matrix.dat") => member.take(2 * MAX_PLACES as u64).read_to_end(&mut numbers),
            _ => continue,
        };
        read.map_err(damaged)?;
    }
    let extents: Vec<usize> = listed(&about, "shape");
    let spacing: Vec<f32> = listed(&about, "spacing");
    let ([depth, height, width], [x, y, z]) = (&extents[..], &spacing[..]) else {
        return Err(bad(
            "main.plist",
            "a shape and a spacing of three numbers each",
            "others",
        ));
    };
    let extents = [*depth, *height, *width];
    let places = extents
        .iter()
        .try_fold(2usize, |product, extent| product.checked_mul(*extent));
    if places != Some(numbers.len()) || numbers.is_empty() {
        return Err(bad("matrix.dat", "a 16-bit number for every place", "another length"));
    }
    Ok(Scan {
        extents,
        spacing_mm: [*z, *y, *x],
        values: numbers
            .as_chunks()
            .0
            .iter()
            .map(|bytes| f32::from(i16::from_le_bytes(*bytes)))
            .collect(),
    })
}

/// The numbers in the list behind a key of a property list.
fn listed<T: std::str::FromStr>(text: &str, key: &str) -> Vec<T> {
    let behind = text
        .split_once(&format!("<key>{key}</key>"))
        .map_or("", |(_, behind)| behind);
    let list = behind.split_once("</array>").map_or("", |(list, _)| list);
    let numbers = list.split('>').filter_map(|piece| piece.split('<').next());
    numbers.filter_map(|number| number.trim().parse().ok()).collect()
}

impl Dataset for Patches {
    fn name(&self) -> &str {
        &self.name
    }

    fn digest(&self) -> &str {
        &self.digest
    }

    fn len(&self) -> Option<u64> {
        Some(self.corners.len() as u64)
    }

    fn shape(&self) -> Shape {
        Shape::Volume {
            depth: self.side,
            height: self.side,
            width: self.side,
            channels: 1,
            is_scan: true,
        }
    }

    fn voxels(&self) -> Option<Voxels> {
        Some(self.voxels)
    }

    fn notes(&self) -> &[String] {
        &self.notes
    }

    fn read(&self, index: u64, x: &mut [f32]) -> Result<u32> {
        let Some((volume, corner)) = self.corners.get(index as usize) else {
            return Err(DataError::NoExample {
                name: self.name.clone(),
                index,
                len: self.corners.len() as u64,
            });
        };
        let (extents, values) = &self.volumes[*volume as usize];
        let mut rows = x.chunks_exact_mut(self.side);
        each_row(*extents, corner.map(|place| place as usize), self.side, |from| {
            if let Some(row) = rows.next() {
                row.copy_from_slice(&values[from..from + row.len()]);
            }
        });
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that say where they are, and air on the first rows.
    fn scan() -> Scan {
        let extents = [16, 24, 40];
        let value = |place: usize| {
            let (z, y, x) = (place / 960, place / 40 % 24, place % 40);
            if y < 8 {
                0.0
            } else {
                (1000 + z * 100 + y * 10 + x) as f32
            }
        };
        Scan {
            extents,
            spacing_mm: [3.0, 1.0, 2.0],
            values: (0..16 * 24 * 40).map(value).collect(),
        }
    }

    fn places(data: &Patches) -> Vec<[u32; 3]> {
        data.corners.iter().map(|(_, corner)| *corner).collect()
    }

    #[test]
    fn patches_lie_in_their_half_and_are_no_air() {
        let of = |split| of_scans("v", &[scan()], split, 8).unwrap();
        let [train, test, all] = [of(Some("train")), of(Some("test")), of(None)];
        assert!(places(&train).iter().all(|[_, _, x]| x + 8 <= 19));
        assert!(places(&test).iter().all(|[_, _, x]| *x >= 21 && x + 8 <= 40));
        assert!(
            places(&all).iter().all(|[_, y, _]| *y >= 4),
            "half of a patch at least is body"
        );
        assert!(all.len().unwrap() > train.len().unwrap() + test.len().unwrap());
        assert_ne!(train.digest(), test.digest());
        assert!(
            of_scans("v", &[scan()], None, 17).is_none(),
            "no patch fits into sixteen slices"
        );
    }

    #[test]
    fn numbers_come_back_as_the_scanner_gave_them() {
        let data = of_scans("v", &[scan()], None, 8).unwrap();
        let [z, y, x] = places(&data)[5].map(|place| place as usize);
        let (patch, _) = data.example(5).unwrap();
        let back = data.voxels.scan([8; 3], &patch);
        assert_eq!((back.extents, back.spacing_mm), ([8; 3], [3.0, 1.0, 2.0]));
        let expected = scan().values[((z + 3) * 24 + y + 6) * 40 + x + 2];
        assert!((back.values[3 * 64 + 6 * 8 + 2] - expected).abs() < 0.5, "{expected}");
    }

    #[test]
    fn a_project_says_its_extents() {
        let text = "<key>shape</key>\n<array>\n<integer>108</integer><integer>4</integer>\n<integer>5</integer></array>\
                    <key>spacing</key><array><real>0.5</real><real>1</real><real>1.5</real></array>";
        assert_eq!(listed::<usize>(text, "shape"), [108, 4, 5]);
        assert_eq!(listed::<f32>(text, "spacing"), [0.5, 1.0, 1.5]);
        assert!(listed::<usize>(text, "absent").is_empty());
    }
}
